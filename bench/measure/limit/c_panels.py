"""A C kernel with AVX-512 instructions by hand: the speed that a processor with them allows."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure.limit.build import compile_descend

DTYPES = ("float64",)
PANEL, ROWS = 8, 32  # rows of a panel; rows that are processed at once, to a multiple of which X is padded

_descend = compile_descend("panels.c", ("-mavx512f",), lengths=3)


def prepare(
    X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]
) -> tuple[NDArray[Any], tuple[NDArray[Any], int], NDArray[Any]]:
    n, d = X.shape
    padding = -n % ROWS
    rows = np.concatenate([X, np.zeros((padding, d))])
    memory = np.empty(rows.size + PANEL)
    start = -memory.ctypes.data % 64 // 8  # of a cache line, which a vector fills
    panels = memory[start : start + rows.size].reshape(-1, d, PANEL)
    panels[:] = rows.reshape(-1, PANEL, d).transpose(0, 2, 1)
    return panels, (np.concatenate([y, np.zeros(padding)]), n), np.array(beta)


def fit(
    X: NDArray[Any], y: tuple[NDArray[Any], int], beta: NDArray[Any], learning_rate: float, max_iter: int, tol: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    labels, n = y
    panels, d, _ = X.shape
    beta, losses = beta.copy(), np.empty(max_iter + 1)
    work = np.empty((os.cpu_count() or 1) * (d + 1) * PANEL)
    count = _descend(X, labels, beta, panels, n, d, learning_rate, max_iter, tol, losses, work)
    return beta, losses[:count].copy()


def to_numpy(array: NDArray[Any]) -> NDArray[Any]:
    return np.array(array)
