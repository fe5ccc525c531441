"""Chapter 8, solved: 1/L, in the middle between no movement and the limit 2/L."""

import numpy as np


def learning_rate(X, y):
    n = len(y)
    H = (2 / n) * X.T @ X
    curvatures = np.linalg.eigvalsh(H)  # from the smallest to the largest
    return 1 / curvatures[-1]
