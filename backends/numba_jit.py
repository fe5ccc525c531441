"""Numba: the loops of python_loops, compiled for the types they are called with.

Compared with numpy_vectorized, there is no temporary array and no call per operation, because one
machine-code function contains the whole descent. The first call includes the compilation.
The next file, jax_jit, compiles array expressions instead of loops.
"""

import math

import numpy as np
from numba import njit


def prepare(X, y, beta):
    # A copy, always: Numba compiles anew for read-only or strided arrays, so here all look the same.
    return np.array(X, order="C"), np.array(y, order="C"), np.array(beta, order="C")


def fit(X, y, beta, learning_rate, max_iter, tol):
    # Numba has no weak scalars: a double beside float32 arrays would turn the arithmetic into float64.
    scalar = X.dtype.type
    with np.errstate(over="ignore"):
        return descend(X, y, beta, scalar(learning_rate), max_iter, scalar(tol))


@njit
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
        for i in range(n):
            y_pred = zero
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

        # gradient: -(2/n) X^T (y - y_pred)
        gradient[:] = zero
        for i in range(n):
            for j in range(d):
                gradient[j] += X[i, j] * residual[i]
        for j in range(d):
            gradient[j] *= -2 / n

        # update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * gradient[j]
    return beta, losses[: k + 1].copy()  # a view would keep all max_iter + 1 losses alive


def to_numpy(array):
    return np.array(array)
