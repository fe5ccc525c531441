"""Chapter 11: a backend of your own. It is not finished: `gdbench check` on this file says what is wrong, in words.

X is stored column after column, so that both products read rows of one array. Keep that, or do it your own way: with other
operations, in blocks of rows, with another library. Only the contract counts, and it must not be one of our files.

    prepare(X, y, beta)  makes what fit works on. Not timed.
    fit(...)             returns (beta, losses); losses[k] is the loss after k updates. Timed.
    to_numpy(array)      makes NumPy arrays of what fit returns. Not timed.
"""

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
            # still to write: stop, too, where the loss changed by less than tol * losses[0] since the last k
            if k == max_iter:
                break

            # gradient and update
            beta = beta + learning_rate * (1 / n) * (columns @ residual)
    return beta, np.array(losses, dtype=y.dtype)


def to_numpy(array):
    return np.array(array)
