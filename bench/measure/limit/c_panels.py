"""A C kernel written by hand with AVX-512 instructions: what a processor that has them can do."""

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float64",)
FLAGS = ("-O3", "-mavx512f", "-fopenmp", "-shared", "-fPIC")
PANEL, ROWS = 8, 32  # rows of a panel; rows worked on at once, to a multiple of which X is filled up


def _built() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "panels.so"
        source = Path(__file__).with_name("panels.c")
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, str(source), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library)).descend


_descend = _built()
_pointer = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
_descend.argtypes = [
    *(_pointer, _pointer, _pointer, ctypes.c_long, ctypes.c_long, ctypes.c_long),
    *(ctypes.c_double, ctypes.c_int, ctypes.c_double, _pointer, _pointer),
]


def prepare(
    X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]
) -> tuple[NDArray[Any], tuple[NDArray[Any], int], NDArray[Any]]:
    n, d = X.shape
    filled = -n % ROWS
    rows = np.concatenate([X, np.zeros((filled, d))])
    memory = np.empty(rows.size + PANEL)
    start = -memory.ctypes.data % 64 // 8  # of a cache line, which a vector fills
    panels = memory[start : start + rows.size].reshape(-1, d, PANEL)
    panels[:] = rows.reshape(-1, PANEL, d).transpose(0, 2, 1)
    return panels, (np.concatenate([y, np.zeros(filled)]), n), np.array(beta)


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
