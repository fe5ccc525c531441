"""Numba with the rows divided among threads: each thread sums its part of the gradient, and the parts are added.

Difference from numba_jit: there is one block of rows for each thread, and `prange` distributes the blocks. No two threads write
to the same memory.
"""

import math

import numpy as np
from numba import get_num_threads, njit, prange

LINE = 16  # padding between the numbers of two threads, so that they do not share a cache line


def prepare(X, y, beta):
    return np.array(X, order="C"), np.array(y, order="C"), np.array(beta, order="C")


def fit(X, y, beta, learning_rate, max_iter, tol):
    scalar = X.dtype.type
    with np.errstate(over="ignore"):
        return descend(X, y, beta, scalar(learning_rate), max_iter, scalar(tol), get_num_threads())


@njit
def descend(X, y, beta, learning_rate, max_iter, tol, threads):
    n, d = X.shape
    beta = beta.copy()
    losses = np.empty(max_iter + 1, X.dtype)
    sums = np.empty((threads, d + 1 + LINE), X.dtype)  # of each thread: X^T (y - y_pred), and the sum of squares
    for k in range(max_iter + 1):
        # predict: y_pred = X beta, loss: J = (1/n) sum (y - y_pred)^2, and X^T (y - y_pred)
        share_out(X, y, beta, sums)
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


@njit(parallel=True)
def share_out(X, y, beta, sums):
    n, threads = len(y), len(sums)
    for t in prange(threads):
        rows(X, y, beta, sums[t], n * t // threads, n * (t + 1) // threads)


@njit
def rows(X, y, beta, sums, first, last):
    d = len(beta)
    sums[:] = 0
    for i in range(first, last):
        residual = y[i]
        for j in range(d):
            residual -= X[i, j] * beta[j]
        sums[d] += residual * residual
        for j in range(d):
            sums[j] += X[i, j] * residual


def to_numpy(array):
    return np.array(array)
