"""Chapter 7: remove the race in `sum_up` and keep the threads. Everything else is right.

All threads add to the same `sums`, so additions are lost if there are many rows. Give each thread its own sums, and add
them up at the end. The answer must be right for every number of threads and rows, in every call. `get_num_threads()` of
numba returns the number of threads that share a `prange`.
"""

import math

import numpy as np
from numba import njit, prange

DTYPES = ("float64",)


def prepare(X, y, beta):
    return np.array(X, order="C"), np.array(y, order="C"), np.array(beta, order="C")


def fit(X, y, beta, learning_rate, max_iter, tol):
    with np.errstate(over="ignore"):
        return descend(X, y, beta, learning_rate, max_iter, tol)


@njit(parallel=True)
def sum_up(X, residual):
    # sums[j] is the sum of X[i, j] * residual[i] over all rows i. Correct this function.
    n, d = X.shape
    sums = np.zeros(d)
    for i in prange(n):
        for j in range(d):
            sums[j] += X[i, j] * residual[i]
    return sums


@njit
def descend(X, y, beta, learning_rate, max_iter, tol):
    n, d = X.shape
    beta = beta.copy()
    losses = np.empty(max_iter + 1)
    residual = np.empty(n)
    for k in range(max_iter + 1):
        # predict: y_pred = X beta, and loss: J = (1/n) sum (y - y_pred)^2
        total = 0.0
        for i in range(n):
            y_pred = 0.0
            for j in range(d):
                y_pred += X[i, j] * beta[j]
            residual[i] = y[i] - y_pred
            total += residual[i] * residual[i]
        losses[k] = total / n

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # gradient: -(2/n) X^T (y - y_pred), and update: beta := beta - learning_rate * gradient
        sums = sum_up(X, residual)
        for j in range(d):
            beta[j] -= learning_rate * (-2 / n * sums[j])
    return beta, losses[: k + 1].copy()


def to_numpy(array):
    return np.array(array)
