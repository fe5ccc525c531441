"""python -m bench.learn.ch06_compiling.waiting: when a call of jax_jit returns, and when its result is ready.

A demonstration that the chapter runs as a child process. It sends a list of (seconds until the return, seconds until the
result, ready at the return).
"""

import time

import numpy as np

from backends import BackendError, load
from bench.data import problems
from bench.runtime.process import Channel

CALLS, ROWS, FEATURES, ITERATIONS = 9, 50_000, 10, 100


def main() -> None:
    channel = Channel()
    try:
        backend = load("jax_jit")
    except BackendError:
        return
    import jax

    data = problems.synthetic(ROWS, FEATURES, seed=0)
    native = backend.prepare(data.X, data.y, np.zeros(FEATURES))
    rest = (0.1, ITERATIONS, 0.0)
    jax.block_until_ready(backend.descend(*native, *rest))  # compiles
    seen = []
    for _ in range(CALLS):
        start = time.perf_counter()
        result = backend.descend(*native, *rest)
        returned = time.perf_counter() - start
        ready = result[0].is_ready()
        jax.block_until_ready(result)
        seen.append((returned, time.perf_counter() - start, ready))
    channel.ask(seen=seen)


if __name__ == "__main__":
    main()
