"""Chapter 10: name the cheat.

Eight benchmarks of the same descent. Each returns two times in seconds for comparison: the time of the new code and the
time of `numpy_vectorized`. For each benchmark, write into ANSWERS which rule it breaks, one of

    "no synchronization"  "compile counted"  "unequal threads"  "float32 against float64"  "another algorithm"  "honest"

X and y are NumPy arrays of float64, `rate` is the learning rate, `clock` reads the clock. All libraries use one thread unless a
benchmark changes this. `new` is the new code; each benchmark describes it.
"""

from time import perf_counter as clock

import numpy as np

ANSWERS = {"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": ""}


def seconds(work):
    """The fastest of five calls."""
    times = []
    for _ in range(5):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def a(new, numpy_fit, X, y, rate):
    """new: a function compiled with jax.jit, with float64 enabled."""
    import jax

    X2, y2, start = jax.device_put((X, y, np.zeros(10)))
    jax.block_until_ready(new(X2, y2, start, rate))
    return seconds(lambda: new(X2, y2, start, rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def b(new, numpy_fit, X, y, rate):
    """new: a function with Numba's @njit, in a new Python process. The jobs are long, so one call of each is enough."""
    start = clock()
    new(X, y, np.zeros(10), rate)
    middle = clock()
    numpy_fit(X, y, np.zeros(10), rate)
    return middle - start, clock() - middle


def c(new, numpy_fit, X, y, rate):
    """new: a function with Numba's @njit that does the same steps as numpy_fit."""
    new(X, y, np.zeros(10), rate)
    return seconds(lambda: new(X, y, np.zeros(10), rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def d(new, numpy_fit, X, y, rate):
    """new: the same NumPy source as numpy_fit, with X stored column by column."""
    columns = np.asarray(X, order="F", dtype="f4")
    target = y.astype(columns.dtype)
    beta = np.zeros(10, columns.dtype)
    return seconds(lambda: new(columns, target, beta, rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def e(new, numpy_fit, X, y, rate):
    """new: a function with @njit(parallel=True), with as many threads as the machine has processors."""
    import os

    import numba
    from threadpoolctl import threadpool_limits

    numba.set_num_threads(os.cpu_count() or 1)
    new(X, y, np.zeros(10), rate)
    with threadpool_limits(1):  # a BLAS with many threads is noisy
        return seconds(lambda: new(X, y, np.zeros(10), rate)), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def f(new, numpy_fit, X, y, rate):
    """new: descend(H, b, ...) in NumPy, where H and b are computed once; the losses are not needed."""

    def whole():
        H, b = X.T @ X, X.T @ y
        new(H, b, np.zeros(10), rate)

    return seconds(whole), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def g(new, numpy_fit, X, y, rate):
    """new: a function compiled with jax.jit, with float64 enabled."""
    import jax

    X2, y2, start = jax.device_put((X, y, np.zeros(10)))
    began = clock()
    jax.block_until_ready(new(X2, y2, start, rate))
    return clock() - began, seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))


def h(new, numpy_fit, X, y, rate):
    """new: a function compiled with jax.jit, with float64 enabled."""
    import jax

    X2, y2, start = jax.device_put((X, y, np.zeros(10)))

    def work():
        jax.block_until_ready(new(X2, y2, start, rate))

    work()
    return seconds(work), seconds(lambda: numpy_fit(X, y, np.zeros(10), rate))
