"""NumPy without matrix products: column by column, element by element.

Difference from numpy_vectorized: `X @ beta` and `X.T @ residual`, which NumPy passes to a BLAS, are sums of element-wise products.
"""

import math

import numpy as np


def prepare(X, y, beta):
    return np.array(X, order="F"), np.array(y), np.array(beta)  # column by column, so that each column is contiguous


def fit(X, y, beta, learning_rate, max_iter, tol):
    n, d = X.shape
    columns = [X[:, j] for j in range(d)]
    beta = beta.copy()
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging fit is an answer, not a warning
        for k in range(max_iter + 1):
            # predict: y_pred = X beta
            y_pred = np.zeros(n, X.dtype)
            for j in range(d):
                y_pred += columns[j] * beta[j]

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
            gradient = X.dtype.type(-2 / n) * np.array([np.sum(column * residual) for column in columns], X.dtype)

            # update: beta := beta - learning_rate * gradient
            beta = beta - learning_rate * gradient
    return beta, np.array(losses, dtype=X.dtype)


def to_numpy(array):
    return np.array(array)
