"""Another algorithm: compress the n rows of X and y once into d + 1 rows with the same losses and gradients.

[X y] = QR, and multiplying X and y by Q^T does not change ||y - X beta||. Of n rows d + 1 remain; the last of them,
(0 ... 0 rho), holds the part of y that no beta explains. An iteration then costs d^2 instead of n d operations. The
iterates are the same but the arithmetic differs, so this backend is not ranked with the step-by-step ones.
"""

import math

import numpy as np

ALGORITHM = "QR-compressed rows"
BLOCK_BYTES = 1 << 18  # of the rows that are compressed at once; a factorization reads them d times, from L2


def prepare(X, y, beta):
    return np.ascontiguousarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)


def fit(X, y, beta, learning_rate, max_iter, tol):
    n, d = X.shape
    beta = beta.copy()
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging fit is a result, not a warning
        compressed = compress(X, y)
        X, y = compressed[:, :d].copy(), compressed[:, d].copy()
        for k in range(max_iter + 1):
            # predict: y_pred = X beta, for d + 1 rows
            y_pred = X @ beta

            # loss: J = (1/n) sum (y - y_pred)^2, divided by the number of all rows
            residual = y - y_pred
            losses.append(residual @ residual / n)

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


def compress(X, y):
    """R of [X y] = QR, at most d + 1 rows. Each block of rows is factorized below the R of the earlier ones."""
    n, d = X.shape
    rows = max(2 * (d + 1), BLOCK_BYTES // ((d + 1) * X.itemsize))
    R = np.empty((0, d + 1), X.dtype)
    for start in range(0, n, rows):
        block = np.column_stack([X[start : start + rows], y[start : start + rows]])
        R = np.asarray(np.linalg.qr(np.vstack([R, block]), mode="r"))
    return R


def to_numpy(array):
    return np.array(array)
