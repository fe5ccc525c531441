"""Chapter 3, solved: sum, map and mul loop over the numbers, so the interpreter takes one step per row, not per number."""

import math
from operator import mul, sub

import numpy as np

DTYPES = ("float64",)  # a Python float is a double, so there is no float32


def prepare(X, y, beta):
    # Lists, because fetching single elements of a NumPy array boxes each one, which would be an unfair comparison.
    return X.tolist(), y.tolist(), beta.tolist()


def fit(X, y, beta, learning_rate, max_iter, tol):
    n = len(X)
    columns = list(zip(*X, strict=True))
    beta = beta.copy()
    losses = []
    for k in range(max_iter + 1):
        # predict: y_pred = X beta
        y_pred = [sum(map(mul, row, beta)) for row in X]

        # loss: J = (1/n) sum (y - y_pred)^2
        residual = list(map(sub, y, y_pred))
        losses.append(sum(map(mul, residual, residual)) / n)

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # gradient: -(2/n) X^T (y - y_pred)
        gradient = [-2 / n * sum(map(mul, column, residual)) for column in columns]

        # update: beta := beta - learning_rate * gradient
        beta = [b - learning_rate * g for b, g in zip(beta, gradient, strict=True)]
    return beta, losses


def to_numpy(array):
    return np.array(array, dtype=np.float64)
