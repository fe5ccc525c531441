"""Chapter 8: write `learning_rate`, which returns an η for a problem.

X has n rows and d columns, y has n numbers. Both are NumPy arrays. Return one number above 0. The descent starts at zeros.
It must reach a millionth of the initial gap in a limited number of updates, and it must not diverge.

This version returns one number for all problems. Compute it from X instead (with `import numpy as np`).
"""


def learning_rate(X, y):
    return 0.01
