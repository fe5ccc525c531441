"""A C kernel, built with -O3 -march=native -ffast-math -fopenmp: what the tuned files are compared with."""

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float64",)
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC")


def _built() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        source = Path(__file__).with_name("kernel.c")
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, str(source), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library)).descend


_descend = _built()
_pointer = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
_descend.argtypes = [
    *(_pointer, _pointer, _pointer, ctypes.c_long, ctypes.c_long),
    *(ctypes.c_double, ctypes.c_int, ctypes.c_double, _pointer, _pointer),
]


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
