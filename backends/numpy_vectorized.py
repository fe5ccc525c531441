"""NumPy array expressions: each line of the formula is one line of code.

Compared with python_loops, the loops run in compiled code, one call per operation. The interpreter
costs time a few times per iteration instead of 4nd times, but each operation writes a new array.
The next file, numba_jit, returns to the loops and compiles them.
"""

import math

import numpy as np


def prepare(X, y, beta):
    return np.ascontiguousarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)


def fit(X, y, beta, learning_rate, max_iter, tol):
    n = len(X)
    beta = beta.copy()
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging fit is a result, not a warning
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
