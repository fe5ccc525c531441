"""Numba at its limit: all threads read X once per iteration, in tiles that stay in the cache.

Compared with numba_jit, `prepare` splits the rows of X into tiles and stores each tile by columns. Memory is read as
one stream, a tile is still in the cache when its gradient is computed, and all loops run along columns, where a
processor handles eight rows at once. The sums have another order, which the bound allows. Small problems use one
thread.
"""

import math

import numpy as np
from numba import get_num_threads, njit, prange

TILE = 1536  # rows; their residual fits an L1 cache, and ten of their columns an L2 cache
SHARED = 20_000  # values of X from which on threads pay off: starting one takes as long as reading these
LINE = 16  # numbers between the outputs of two threads, so that they share no cache line
# Sums may be reordered and products fused with sums. NaN and infinity keep their meaning.
REORDERED = {"reassoc", "contract", "nsz"}


def prepare(X, y, beta):
    n, d = X.shape
    whole = n - n % TILE
    tiles = np.empty(n * d, X.dtype)
    tiles[: whole * d] = X[:whole].reshape(-1, TILE, d).transpose(0, 2, 1).ravel()
    tiles[whole * d :] = X[whole:].T.ravel()
    return tiles, np.array(y), np.array(beta)


def fit(X, y, beta, learning_rate, max_iter, tol):
    scalar = X.dtype.type  # as in numba_jit: a double would turn float32 into float64
    threads = min(get_num_threads(), math.ceil(len(y) / TILE)) if len(X) >= SHARED else 1
    with np.errstate(over="ignore"):
        return descend(
            X, y, beta, scalar(learning_rate), max_iter, scalar(tol), threads, shared if threads > 1 else alone
        )


@njit(fastmath=REORDERED)
def descend(X, y, beta, learning_rate, max_iter, tol, threads, work_on):
    n, d = len(y), len(beta)
    beta = beta.copy()
    losses = np.empty(max_iter + 1, X.dtype)
    # Per thread: X^T (y - y_pred) and the sum of squares over its rows, and the residual of one tile.
    sums = np.empty((threads, d + 1 + LINE), X.dtype)
    residuals = np.empty((threads, TILE + LINE), X.dtype)
    for k in range(max_iter + 1):
        # predict: y_pred = X beta, loss: J = (1/n) sum (y - y_pred)^2, and X^T (y - y_pred), in one pass over X
        work_on(X, y, beta, residuals, sums)
        losses[k] = sums[:, d].sum() / n

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # gradient: -(2/n) X^T (y - y_pred), and update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * (-2 / n * sums[:, j].sum())
    return beta, losses[: k + 1].copy()


@njit(fastmath=REORDERED)
def alone(X, y, beta, residuals, sums):
    rows(X, y, beta, residuals[0], sums[0], 0, len(y))


@njit(fastmath=REORDERED, parallel=True)
def shared(X, y, beta, residuals, sums):
    threads, tiles = len(sums), math.ceil(len(y) / TILE)
    for t in prange(threads):
        first, last = tiles * t // threads * TILE, tiles * (t + 1) // threads * TILE
        rows(X, y, beta, residuals[t], sums[t], first, min(last, len(y)))


@njit(fastmath=REORDERED)
def rows(X, y, beta, residual, sums, first, last):
    d = len(beta)
    gradient, total = sums[:d], X.dtype.type(0)
    gradient[:] = 0
    head = d - 8 if d >= 8 else d  # the last eight columns are read once for both products; more would need registers
    for start in range(first, last, TILE):
        m = min(TILE, last - start)
        columns, r = X[start * d : (start + m) * d], residual[:m]
        r[:] = y[start : start + m]
        for j in range(0, head - 1, 2):
            two = columns[j * m : (j + 2) * m]
            subtract2(r, beta[j], beta[j + 1], two[:m], two[m:])
        if head % 2:
            subtract(r, beta[head - 1], columns[(head - 1) * m : head * m])
        if head < d:
            c = columns[head * m :]
            total += both8(
                r, beta[head:], gradient[head:], c[:m], c[m : 2 * m], c[2 * m : 3 * m], c[3 * m : 4 * m],
                c[4 * m : 5 * m], c[5 * m : 6 * m], c[6 * m : 7 * m], c[7 * m :],
            )  # fmt: skip
        else:
            total += product(r, r)
        for j in range(head):
            gradient[j] += product(r, columns[j * m : (j + 1) * m])
    sums[d] = total


# Small functions of whole arrays, because only there Numba proves that arrays do not overlap and that no index is
# negative, and vectorizes the loop.


@njit(fastmath=REORDERED)
def subtract(r, weight, column):
    for i in range(len(r)):
        r[i] -= weight * column[i]


@njit(fastmath=REORDERED)
def subtract2(r, weight, other_weight, column, other):
    for i in range(len(r)):
        r[i] -= weight * column[i] + other_weight * other[i]


@njit(fastmath=REORDERED)
def product(a, b):
    total = a.dtype.type(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(fastmath=REORDERED)
def both8(r, b, g, c0, c1, c2, c3, c4, c5, c6, c7):
    total = g0 = g1 = g2 = g3 = g4 = g5 = g6 = g7 = r.dtype.type(0)
    b0, b1, b2, b3, b4, b5, b6, b7 = b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]
    for i in range(len(r)):
        v0, v1, v2, v3, v4, v5, v6, v7 = c0[i], c1[i], c2[i], c3[i], c4[i], c5[i], c6[i], c7[i]
        rest = r[i] - (b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3 + b4 * v4 + b5 * v5 + b6 * v6 + b7 * v7)
        r[i] = rest
        total += rest * rest
        g0 += rest * v0
        g1 += rest * v1
        g2 += rest * v2
        g3 += rest * v3
        g4 += rest * v4
        g5 += rest * v5
        g6 += rest * v6
        g7 += rest * v7
    g[0] += g0
    g[1] += g1
    g[2] += g2
    g[3] += g3
    g[4] += g4
    g[5] += g5
    g[6] += g6
    g[7] += g7
    return total


def to_numpy(array):
    return np.array(array)
