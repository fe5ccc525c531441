"""Numba at its limit: all threads read X once per iteration, in tiles that stay in the cache.

Compared with numba_jit, `prepare` splits the rows of X into tiles and stores each tile by columns. Memory is read as
one stream, a tile is still in the cache when its gradient is computed, and all loops run along columns, where a
processor handles eight rows at once. The sums have another order, which the bound allows. Small problems use one
thread. Loops instead of array expressions, and functions that Numba inlines, keep compiling short.
"""

import math

import numpy as np
from numba import get_num_threads, njit, prange

TILE_BYTES = 1200 << 10  # of X in a tile: it fits an L2 cache
LEAST, MOST = 64, 1536  # rows of a tile: long loops, and a residual that fits an L1 cache
SHARED = 20_000  # values of X from which on threads pay off: starting one takes as long as reading these
LINE_BYTES = 64  # of a cache line; columns start at one, and two threads write into different ones
LINE = 16  # numbers in a line, at most
# Sums may be reordered and products fused with sums. NaN and infinity keep their meaning.
REORDERED = {"reassoc", "contract", "nsz"}


def prepare(X, y, beta):
    """X as (tile, column, row), filled up with rows of zeros. The rows of a tile follow from the bytes of a row."""
    n, d = X.shape
    count = math.ceil(n / min(MOST, max(LEAST, TILE_BYTES // (d * X.itemsize) // LINE * LINE)))
    rows = math.ceil(n / count / LINE) * LINE  # about equal tiles
    tiles = zeros_at_line((count, d, rows), X.dtype)
    for t in range(count):
        part = X[t * rows : (t + 1) * rows]
        tiles[t, :, : len(part)] = part.T
    return tiles, np.array(y), np.array(beta)


def zeros_at_line(shape, dtype):
    """Zeros that start at a cache line, because a vector that crosses a line costs two loads."""
    size = math.prod(shape)
    memory = np.zeros(size + LINE, dtype)
    start = -memory.ctypes.data % LINE_BYTES // memory.itemsize
    return memory[start : start + size].reshape(shape)


def fit(X, y, beta, learning_rate, max_iter, tol):
    scalar = X.dtype.type  # as in numba_jit: a double would turn float32 into float64
    threads = min(get_num_threads(), len(X)) if X.size >= SHARED else 1
    # Per thread: X^T (y - y_pred) and the sum of squares over its rows, and the residual of one tile.
    sums = np.empty((threads, len(beta) + 1 + LINE), X.dtype)
    residuals = zeros_at_line((threads, X.shape[2] + LINE), X.dtype)
    beta, losses = beta.copy(), np.empty(max_iter + 1, X.dtype)
    one_pass = shared if threads > 1 else alone
    with np.errstate(over="ignore"):
        k = descend(X, y, beta, scalar(learning_rate), max_iter, scalar(tol), losses, residuals, sums, one_pass)
    return beta, losses[: k + 1].copy()


@njit(fastmath=REORDERED)
def descend(X, y, beta, learning_rate, max_iter, tol, losses, residuals, sums, one_pass):
    n, d = len(y), len(beta)
    for k in range(max_iter + 1):
        # predict: y_pred = X beta, loss: J = (1/n) sum (y - y_pred)^2, and X^T (y - y_pred), in one pass over X
        one_pass(X, y, beta, residuals, sums)
        for t in range(1, len(sums)):
            for j in range(d + 1):
                sums[0, j] += sums[t, j]
        losses[k] = sums[0, d] / n

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # gradient: -(2/n) X^T (y - y_pred), and update: beta := beta - learning_rate * gradient
        for j in range(d):
            beta[j] -= learning_rate * (-2 / n * sums[0, j])
    return k


@njit(fastmath=REORDERED, inline="always")
def alone(X, y, beta, residuals, sums):
    pass_over(X, y, beta, residuals[0], sums[0], 0, len(X))


@njit(fastmath=REORDERED, parallel=True)
def shared(X, y, beta, residuals, sums):
    threads, tiles = len(sums), len(X)
    for t in prange(threads):
        pass_over(X, y, beta, residuals[t], sums[t], tiles * t // threads, tiles * (t + 1) // threads)


@njit(fastmath=REORDERED, inline="always")
def pass_over(X, y, beta, r, sums, first, last):
    """Set `sums` to X^T r and r^T r over these tiles, r = y - X beta."""
    _, d, m = X.shape
    # Columns that are read twice. The last eight are read once for both products; more would need registers.
    apart = d - 8 if d >= 8 else d
    for j in range(d + 1):
        sums[j] = 0
    for t in range(first, last):
        columns, labels = X[t], y[t * m : (t + 1) * m]
        for i in range(len(labels)):
            r[i] = labels[i]
        for i in range(len(labels), m):
            r[i] = 0
        for j in range(apart):
            b = beta[j]
            for i in range(m):
                r[i] -= b * columns[j, i]
        if d >= 8:
            both8(r, beta, columns, apart, m, sums)
        else:
            sums[d] += product(r, r, m)
        for j in range(apart):
            sums[j] += product(r, columns[j], m)


@njit(fastmath=REORDERED, inline="always")
def product(a, b, m):
    total = a.dtype.type(0)
    for i in range(m):
        total += a[i] * b[i]
    return total


@njit(fastmath=REORDERED, inline="always")
def both8(r, beta, c, j, m, sums):
    """Subtract the last eight columns from r, and add their products with r, and r^T r, to `sums`."""
    total = g0 = g1 = g2 = g3 = g4 = g5 = g6 = g7 = r.dtype.type(0)
    b0, b1, b2, b3 = beta[j], beta[j + 1], beta[j + 2], beta[j + 3]
    b4, b5, b6, b7 = beta[j + 4], beta[j + 5], beta[j + 6], beta[j + 7]
    for i in range(m):
        v0, v1, v2, v3 = c[j, i], c[j + 1, i], c[j + 2, i], c[j + 3, i]
        v4, v5, v6, v7 = c[j + 4, i], c[j + 5, i], c[j + 6, i], c[j + 7, i]
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
    sums[j] += g0
    sums[j + 1] += g1
    sums[j + 2] += g2
    sums[j + 3] += g3
    sums[j + 4] += g4
    sums[j + 5] += g5
    sums[j + 6] += g6
    sums[j + 7] += g7
    sums[j + 8] += total


def to_numpy(array):
    return np.array(array)
