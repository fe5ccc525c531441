"""Numba with threads: the rows are divided among the threads, and each thread sums over its part.

Difference from numba_jit: `prange` runs the parts in parallel, each with its own sums, which are added at the end.
"""

import math

import numpy as np
from numba import get_num_threads, njit, prange


def prepare(X, y, beta):
    return np.array(X, order="C"), np.array(y, order="C"), np.array(beta, order="C")


def fit(X, y, beta, learning_rate, max_iter, tol):
    scalar = X.dtype.type  # as in numba_jit: a double would turn float32 into float64
    with np.errstate(over="ignore"):
        return descend(X, y, beta, scalar(learning_rate), max_iter, scalar(tol), get_num_threads())


@njit(parallel=True)
def descend(X, y, beta, learning_rate, max_iter, tol, parts):
    n, d = X.shape
    beta = beta.copy()
    losses = np.empty(max_iter + 1, X.dtype)
    sums = np.zeros((parts, d + 17), X.dtype)  # 16 numbers between two parts: no cache line belongs to both
    for k in range(max_iter + 1):
        # predict: y_pred = X beta, loss: J = (1/n) sum (y - y_pred)^2, and X^T (y - y_pred), part by part
        for part in prange(parts):
            sums[part, : d + 1] = 0
            for i in range(n * part // parts, n * (part + 1) // parts):
                residual = y[i]
                for j in range(d):
                    residual -= X[i, j] * beta[j]
                sums[part, d] += residual * residual
                for j in range(d):
                    sums[part, j] += X[i, j] * residual
        losses[k] = sums[:, d].sum() / n

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # gradient: -(2/n) X^T (y - y_pred), and update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * (-2 / n * sums[:, j].sum())
    return beta, losses[: k + 1].copy()


def to_numpy(array):
    return np.array(array)
