"""Compile a C kernel with the compiler of this machine."""

import ctypes
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FLAGS = ("-O3", "-fopenmp", "-shared", "-fPIC")


def compile_descend(source: str, flags: tuple[str, ...], lengths: int) -> Any:
    """The function `descend` of a C file in this folder.

    Its arguments are X, y, beta, a number of lengths (n, d, ...), learning_rate, max_iter, tol, losses and work. Raises
    subprocess.CalledProcessError if the compiler fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        path = Path(__file__).with_name(source)
        command = [os.environ.get("CC", "cc"), *FLAGS, *flags, str(path), "-o", str(library), "-lm"]
        subprocess.run(command, check=True)
        descend = ctypes.CDLL(str(library)).descend
    array = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
    rates = (ctypes.c_double, ctypes.c_int, ctypes.c_double)
    descend.argtypes = [array, array, array, *[ctypes.c_long] * lengths, *rates, array, array]
    return descend
