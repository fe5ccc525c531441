"""Plain Python lists and loops: one number at a time.

Start reading here. Every symbol of the formula becomes a loop, and every number is a Python object
whose type is looked up at each operation. The next file, numpy_vectorized, writes the same with
whole arrays. The contract of all these files is in backends/__init__.py.
"""

import math

import numpy as np

DTYPES = ("float64",)  # a Python float is a double; Python has no float32


def prepare(X, y, beta):
    # Lists, because access to single elements of a NumPy array is slower: it creates an object each time.
    return X.tolist(), y.tolist(), beta.tolist()


def fit(X, y, beta, learning_rate, max_iter, tol):
    n, d = len(X), len(beta)
    beta = beta.copy()
    losses = []
    for k in range(max_iter + 1):
        # predict: y_pred = X beta
        y_pred = []
        for i in range(n):
            total = 0.0
            for j in range(d):
                total += X[i][j] * beta[j]
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
                gradient[j] += X[i][j] * residual[i]
        for j in range(d):
            gradient[j] *= -2 / n

        # update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * gradient[j]
    return beta, losses


def to_numpy(array):
    return np.array(array, dtype=np.float64)
