"""The loops over NumPy arrays, compiled: the source of array_indexing with one more line, `@njit`.

Difference from array_indexing: Numba compiles `descend` to machine code for the types of its arguments.
"""

import math

import numpy as np
from numba import njit

DTYPES = ("float64",)


def prepare(X, y, beta):
    return np.array(X), np.array(y), np.array(beta)  # Numba compiles again for read-only or strided arrays


def fit(X, y, beta, learning_rate, max_iter, tol):
    np.seterr(over="ignore", invalid="ignore")  # a diverging fit is an answer, not a warning
    return descend(X, y, beta, learning_rate, max_iter, tol)


@njit
def descend(X, y, beta, learning_rate, max_iter, tol):
    n, d = len(X), len(beta)
    beta = beta.copy()
    losses = []
    for k in range(max_iter + 1):
        # predict: y_pred = X beta
        y_pred = []
        for i in range(n):
            total = 0.0
            for j in range(d):
                total += X[i, j] * beta[j]
            y_pred.append(total)

        # loss: J = (1/n) sum (y - y_pred)^2
        residual = []
        total = 0.0
        for i in range(n):
            residual.append(y[i] - y_pred[i])
            total += residual[i] * residual[i]  # not ** 2, which raises where this overflows to inf
        losses.append(total / n)

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # gradient: -(2/n) X^T (y - y_pred)
        gradient = [0.0] * d
        for i in range(n):
            for j in range(d):
                gradient[j] += X[i, j] * residual[i]
        for j in range(d):
            gradient[j] *= -2 / n

        # update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * gradient[j]
    return beta, losses


def to_numpy(array):
    return np.array(array, dtype=np.float64)
