"""Chapter 5: use less memory. Change `fit` so that fewer arrays of n numbers exist at once. This is numpy_vectorized.

The arrays of n numbers are y_pred, residual, and the product residual * residual. Useful functions:
np.matmul(X, beta, out=...), np.subtract(y, ..., out=...), np.empty_like(y).
"""

import math

import numpy as np


def prepare(X, y, beta):
    return np.ascontiguousarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)


def fit(X, y, beta, learning_rate, max_iter, tol):
    n = len(X)
    beta = beta.copy()
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging fit is an answer, not a warning
        for k in range(max_iter + 1):
            # predict: y_pred = X beta
            y_pred = X @ beta

            # loss: J = (1/n) sum (y - y_pred)^2
            residual = y - y_pred
            losses.append(np.mean(residual * residual))

            # stop?
            if not math.isfinite(losses[k]):
                break
            if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
                break
            if k == max_iter:
                break

            # gradient: -(2/n) X^T (y - y_pred)
            gradient = (-2 / n) * (X.T @ residual)

            # update: beta := beta - learning_rate * gradient
            beta = beta - learning_rate * gradient
    return beta, np.array(losses, dtype=X.dtype)


def to_numpy(array):
    return np.array(array)
