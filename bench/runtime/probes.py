"""Measure the peak rates of this machine, and the sentinels that detect a change of the machine.

python -m bench.runtime.probes SPEC, or "sentinels" instead of SPEC. It runs in a child process with its threads set.
Only the peaks import Numba and NumPy: the sentinels must not depend on a library that is measured.
"""

import functools
import hashlib
import json
import math
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bench.runtime import process

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_S = 0.01  # duration of a measurement; the start of the threads takes microseconds
WORD_BYTES = 8
HUGE_PAGE_BYTES = 2 << 20
FILL_WORDS = 1 << 14  # words that are filled at once, few enough for a cache
STEPS = 16  # multiply-adds in a row on one number, so that its load and store cost little
LANES = 512  # numbers per thread: enough chains to hide the latency, few enough for the L1 cache
DTYPES = ("float64", "float32")

SENTINEL_REPETITIONS = 11
HASHED_BLOCK_BYTES, HASHED_BLOCKS = 1 << 16, 64
MOVED_BYTES = 256 << 20  # larger than the caches of most machines; half the variation of 128 MiB in tests
LINE_BYTES = 64


def read_words(words: "NDArray[Any]", passes: int) -> int:
    """The sum of `words` over several passes. Each pass first sets the last word to its number.

    Without that store, a compiler may replace all passes with one. The sum of integers does not depend on the order,
    so it is vectorized without relaxed floating-point rules, and an addition takes one cycle, so that even in L1 the
    loads determine the time.
    """
    total = 0
    for k in range(passes):
        words[words.size - 1] = k
        for i in range(words.size):
            total += words[i]
    return total


def multiply_add(numbers: "NDArray[Any]", factor: float, addend: float, passes: int) -> None:
    """Replace each number v by v * factor + addend, STEPS times per pass."""
    for _ in range(passes):
        for i in range(numbers.size):
            v = numbers[i]
            for _ in range(STEPS):
                v = v * factor + addend
            numbers[i] = v


def compiled(dtypes: Sequence[str]) -> tuple[Callable[..., int], Callable[..., None]]:
    """read_words, and multiply_add for these dtypes, compiled to release the GIL."""
    from numba import njit

    words = njit("int64(int64[::1], int64)", nogil=True)(read_words)
    types = [f"void({dtype}[::1], {dtype}, {dtype}, int64)" for dtype in dtypes]
    fused = njit(types, nogil=True, fastmath={"contract"})  # allows fused multiply-add only
    return words, fused(multiply_add) if dtypes else multiply_add


class Team:
    """Threads that start work at the same time, each on its own part."""

    def __init__(self, threads: int, repetitions: int):
        # One pool per thread: each part stays with the thread that first touched its memory.
        self._pools = [ThreadPoolExecutor(1) for _ in range(threads)]
        self._barrier = threading.Barrier(threads)
        self._repetitions = repetitions

    def make(self, part: Callable[[], Any]) -> list[Any]:
        """The results of `part` in each thread, one after the other."""
        return [pool.submit(part).result() for pool in self._pools]

    def passes_per_s(self, work: Callable[[Any, int], None], parts: list[Any]) -> float:
        """The number of passes per second of all threads over their parts, the best of several measurements.

        The best one, because other load on the machine can only reduce the peak rate.
        """
        passes, seconds = 1, self._seconds(work, parts, 1)
        while seconds < MIN_S:
            passes = math.ceil(passes * min(1000, 1.2 * MIN_S / seconds))
            seconds = self._seconds(work, parts, passes)
        return passes / min([seconds, *(self._seconds(work, parts, passes) for _ in range(self._repetitions - 1))])

    def _seconds(self, work: Any, parts: Any, passes: int) -> float:
        """Wall time from the first start to the last end."""

        def one(part: Any) -> tuple[float, float]:
            self._barrier.wait()
            start = time.perf_counter()
            work(part, passes)
            return start, time.perf_counter()

        futures = [pool.submit(one, part) for pool, part in zip(self._pools, parts, strict=True)]
        starts, ends = zip(*(future.result() for future in futures), strict=True)
        return float(max(ends) - min(starts))


def peaks(threads: int, working_sets: list[int], repetitions: int, dtypes: Sequence[str] = DTYPES) -> dict[str, Any]:
    """{"gflop_per_s": {dtype: ...}, "read": [{"bytes", "gb_per_s"}]} with a number of threads.

    working_sets: bytes that all threads together read repeatedly, each its own slice. Raises ValueError if the process
    has fewer processors than threads, or if a kernel computes a wrong result.
    """
    if (processors := process.available_threads()) < threads:
        raise ValueError(f"threads: found {threads} on {processors} processors; allowed: at most one on each")
    read, fused = compiled(dtypes)
    import numpy as np

    def read_all(words: "NDArray[Any]", passes: int) -> None:
        n = len(words) - 1  # the last holds the number of the pass, the others 0 to n - 1
        if read(words, passes) != (passes * n * (n - 1) + passes * (passes - 1)) // 2:
            raise ValueError("the sum of what was read is wrong")

    def multiply_and_add(numbers: "NDArray[Any]", passes: int) -> None:
        fused(numbers, numbers.dtype.type(0.5), numbers.dtype.type(1), passes)

    team = Team(threads, repetitions)
    gflop_per_s = {}
    for dtype in dtypes:
        parts = team.make(functools.partial(np.ones, LANES, dtype))
        passes_per_s = team.passes_per_s(multiply_and_add, parts)
        if any((numbers != 2).any() for numbers in parts):  # the limit of v * 0.5 + 1
            raise ValueError(f"the multiply-adds in {dtype} are wrong")
        gflop_per_s[dtype] = passes_per_s * 2 * STEPS * LANES * threads / 1e9
    sizes = [max(1, size // (WORD_BYTES * threads)) for size in working_sets]  # words per thread
    memory = team.make(lambda: row_of_words(max(sizes)))
    rates = []
    for size in sizes:
        total = size * WORD_BYTES * threads
        parts = [words[:size] for words in memory]
        passes_per_s = team.passes_per_s(read_all, parts)
        rates.append({"bytes": total, "gb_per_s": passes_per_s * total / 1e9})
        for part in parts:
            part[-1] = size - 1  # restore it
    return {"gflop_per_s": gflop_per_s, "read": rates}


def row_of_words(size: int) -> "NDArray[Any]":
    """0, 1, 2, ... in new memory that starts at a huge page. The words are written, so that every page is mapped.

    The start of the array affects the bandwidth of L1: a load that crosses a cache line costs two, and in caches that
    hash addresses some pages displace others, such as those on both sides of a multiple of 128 MiB.
    """
    import numpy as np

    words = np.empty(size + HUGE_PAGE_BYTES // WORD_BYTES, np.int64)
    words = words[-words.ctypes.data % HUGE_PAGE_BYTES // WORD_BYTES :][:size]
    for start in range(0, size, FILL_WORDS):
        stop = min(start + FILL_WORDS, size)
        words[start:stop] = np.arange(start, stop)
    return words


def sentinels() -> dict[str, float]:
    """Median seconds of two fixed kernels: hashing, limited by arithmetic, and moving bytes, limited by memory.

    The bytes move by one cache line within one buffer. A copy between two buffers varies more, because their pages may
    collide in the caches, and reacts no more to other processes that use the memory.
    """
    block = bytes(HASHED_BLOCK_BYTES)
    area = memoryview(bytearray(b"\1") * MOVED_BYTES)  # nonzero, so that every page is mapped

    def arithmetic() -> None:
        for _ in range(HASHED_BLOCKS):
            hashlib.sha256(block).digest()

    def memory() -> None:
        area[:-LINE_BYTES] = area[LINE_BYTES:]

    kernels = (arithmetic, memory)
    seconds: dict[str, list[float]] = {kernel.__name__: [] for kernel in kernels}
    for repetition in range(SENTINEL_REPETITIONS + 1):
        for kernel in kernels:  # interleaved, so that a slow moment affects both
            start = time.perf_counter()
            kernel()
            if repetition:  # the first warms up
                seconds[kernel.__name__].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    channel = process.Channel()
    if (question := sys.argv[1]) == "sentinels":
        channel.send(**sentinels())
        return
    for name in [name for name in os.environ if name.startswith("NUMBA_") and name not in process.THREAD_VARIABLES]:
        del os.environ[name]  # settings of the user must not change the peaks
    channel.send(**peaks(**json.loads(question)))


if __name__ == "__main__":
    main()
