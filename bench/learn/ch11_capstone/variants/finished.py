"""A solution of chapter 11: X stored column by column, so that both products read rows of one array."""

import math

import numpy as np


def prepare(X, y, beta):
    return np.array(X.T, order="C"), np.array(y), np.array(beta)


def fit(columns, y, beta, learning_rate, max_iter, tol):
    n = len(y)
    beta = beta.copy()
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging fit is an answer, not a warning
        for k in range(max_iter + 1):
            # predict and loss
            residual = y - beta @ columns
            losses.append(residual @ residual / n)

            # stop?
            if not math.isfinite(losses[k]):
                break
            if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
                break
            if k == max_iter:
                break

            # gradient and update
            beta = beta + learning_rate * (2 / n) * (columns @ residual)
    return beta, np.array(losses, dtype=y.dtype)


def to_numpy(array):
    return np.array(array)
