"""Chapter 1: write the gradient of the loss, -(2/n) X^T (y - y_pred), where y_pred = X beta.

X: a NumPy array with n rows and d columns; X[i, j] is the number in row i and column j.
y: n numbers. beta: d numbers. Return d numbers, as a list or a NumPy array.
"""

import numpy as np


def gradient(X, y, beta):
    # Replace this line by yours: the prediction, then the residuals y - y_pred, then the gradient.
    return np.zeros(len(beta))


if __name__ == "__main__":  # run this file to print your gradient for the step of the chapter, which is (-4, -6)
    print(gradient(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([2.0, 3.0, 7.0]), np.array([1.0, 1.0])))
