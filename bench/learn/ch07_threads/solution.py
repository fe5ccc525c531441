"""Chapter 7, solved: each thread sums its own block of rows into a row of `partial`, and the rows are added at the end."""

import math

import numpy as np
from numba import get_num_threads, njit, prange

DTYPES = ("float64",)


def prepare(X, y, beta):
    return np.array(X, order="C"), np.array(y, order="C"), np.array(beta, order="C")


def fit(X, y, beta, learning_rate, max_iter, tol):
    with np.errstate(over="ignore"):
        return descend(X, y, beta, learning_rate, max_iter, tol)


@njit(parallel=True)
def sum_up(X, residual):
    n, d = X.shape
    threads = get_num_threads()
    partial = np.zeros((threads, d))
    for t in prange(threads):
        for i in range(n * t // threads, n * (t + 1) // threads):
            for j in range(d):
                partial[t, j] += X[i, j] * residual[i]
    sums = np.zeros(d)
    for t in range(threads):
        for j in range(d):
            sums[j] += partial[t, j]
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
