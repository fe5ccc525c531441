"""Chapter 10: name the cheat.

Eight benchmarks of the same descent. Each returns two times in seconds: of the new code, and of `numpy_vectorized`, to be
compared. Write into ANSWERS for each one which rule it breaks, one of

    "no synchronization"  "compile counted"  "unequal threads"  "float32 against float64"  "another algorithm"  "honest"

X and y are NumPy arrays of float64, `rate` is the learning rate, `clock` reads the clock. Unless a benchmark says otherwise, all
libraries have one thread. `new` stands for the new code; what it does is said in each benchmark.
"""

from time import perf_counter as clock

import numpy as np

ANSWERS = {"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": ""}


def seconds(work):
    """The best of five calls."""
    found = []
    for _ in range(5):
        start = clock()
        work()
        found.append(clock() - start)
    return min(found)


def a(new, numpy_fit, X, y, rate):
    """new: a function that jax.jit compiled, with float64 switched on."""
    import jax

    X2, y2, start = jax.device_put((X, y, np.zeros(10)))
    jax.block_until_ready(new(X2, y2, start, rate))
    return seconds(lambda: new(X2, y2, start, rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def b(new, numpy_fit, X, y, rate):
    """new: a function with Numba's @njit, in a fresh Python. Long jobs, so one call of each is enough."""
    start = clock()
    new(X, y, np.zeros(10), rate)
    middle = clock()
    numpy_fit(X, y, np.zeros(10), rate)
    return middle - start, clock() - middle


def c(new, numpy_fit, X, y, rate):
    """new: a function with Numba's @njit; it takes the same steps as numpy_fit."""
    new(X, y, np.zeros(10), rate)
    return seconds(lambda: new(X, y, np.zeros(10), rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def d(new, numpy_fit, X, y, rate):
    """new: the same NumPy text as numpy_fit, on columns stored one after the other."""
    columns = np.asarray(X, order="F", dtype="f4")
    target = y.astype(columns.dtype)
    beta = np.zeros(10, columns.dtype)
    return seconds(lambda: new(columns, target, beta, rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def e(new, numpy_fit, X, y, rate):
    """new: a function with @njit(parallel=True), as many threads as the machine has processors."""
    import os

    import numba
    from threadpoolctl import threadpool_limits

    numba.set_num_threads(os.cpu_count() or 1)
    new(X, y, np.zeros(10), rate)
    with threadpool_limits(1):  # a BLAS with many threads is noisy
        return seconds(lambda: new(X, y, np.zeros(10), rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def f(new, numpy_fit, X, y, rate):
    """new: descend(H, b, ...) in NumPy, where H and b are made once; the losses are not asked for."""

    def whole():
        H, b = X.T @ X, X.T @ y
        new(H, b, np.zeros(10), rate)

    return seconds(whole), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def g(new, numpy_fit, X, y, rate):
    """new: a function that jax.jit compiled, with float64 switched on."""
    import jax

    X2, y2, start = jax.device_put((X, y, np.zeros(10)))
    began = clock()
    jax.block_until_ready(new(X2, y2, start, rate))
    return clock() - began, seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def h(new, numpy_fit, X, y, rate):
    """new: a function that jax.jit compiled, with float64 switched on."""
    import jax

    X2, y2, start = jax.device_put((X, y, np.zeros(10)))

    def work():
        jax.block_until_ready(new(X2, y2, start, rate))

    work()
    return seconds(work), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))
