"""A plain C kernel, optimized by the compiler alone."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure.limit.build import compile_descend

DTYPES = ("float64",)

_descend = compile_descend("kernel.c", ("-march=native", "-ffast-math"), lengths=2)


def prepare(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return np.array(X, order="C"), np.array(y), np.array(beta)


def fit(
    X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], learning_rate: float, max_iter: int, tol: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    n, d = X.shape
    beta, losses = beta.copy(), np.empty(max_iter + 1)
    work = np.empty((os.cpu_count() or 1) * (d + 8))
    count = _descend(X, y, beta, n, d, learning_rate, max_iter, tol, losses, work)
    return beta, losses[:count].copy()


def to_numpy(array: NDArray[Any]) -> NDArray[Any]:
    return np.array(array)
