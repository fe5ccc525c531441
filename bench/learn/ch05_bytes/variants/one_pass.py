"""Numba with one pass over X. Each row gives its residual and, immediately, its part of the gradient.

Difference from two_passes: one loop over the rows instead of two. The arithmetic is the same for every number.
"""

import math

import numpy as np
from numba import njit

REORDERED = {"reassoc", "contract", "nsz"}  # sums in any order, fused multiply-add; NaN and infinity are kept


def prepare(X, y, beta):
    return np.array(X, order="C"), np.array(y, order="C"), np.array(beta, order="C")


def fit(X, y, beta, learning_rate, max_iter, tol):
    scalar = X.dtype.type  # a float64 scalar would turn float32 arithmetic into float64
    with np.errstate(over="ignore"):
        return descend(X, y, beta, scalar(learning_rate), max_iter, scalar(tol))


@njit(fastmath=REORDERED)
def descend(X, y, beta, learning_rate, max_iter, tol):
    n, d = X.shape
    zero = X.dtype.type(0)
    beta = beta.copy()
    losses = np.empty(max_iter + 1, X.dtype)
    residual = np.empty(n, X.dtype)
    gradient = np.empty(d, X.dtype)
    for k in range(max_iter + 1):
        # predict: y_pred = X beta, and loss: J = (1/n) sum (y - y_pred)^2
        total = zero
        gradient[:] = zero
        for i in range(n):
            y_pred = zero
            for j in range(d):
                y_pred += X[i, j] * beta[j]
            residual[i] = y[i] - y_pred
            total += residual[i] * residual[i]

            # gradient: -(2/n) X^T (y - y_pred), the part of this row
            for j in range(d):
                gradient[j] += X[i, j] * residual[i]
        losses[k] = total / n

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * (-2 / n * gradient[j])
    return beta, losses[: k + 1].copy()


def to_numpy(array):
    return np.array(array)
