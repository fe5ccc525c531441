"""Measure what this machine can do at most, and whether it still does.

Usage: python -m bench.runtime.probes SPEC, or the word "sentinels" in its place.

Runs in a child of its own, with its threads set before it starts. Numba and NumPy are imported where the peaks are
measured and nowhere else: the sentinels must not depend on a library that is under test.
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

MIN_S = 0.01  # a measurement lasts so long: the start of the threads, some microseconds, is then nothing beside it
WORD_BYTES = 8
HUGE_PAGE_BYTES = 2 << 20
FILLED_AT_ONCE = 1 << 14  # words: what is copied is then still in a cache
STEPS = 16  # multiply-adds in a row on one number, so that loading and storing it cost little beside them
LANES = 512  # numbers a thread: chains enough to hide the latency of any processor, and few enough for its L1 cache
DTYPES = ("float64", "float32")

SENTINEL_REPETITIONS = 11
HASHED_BLOCK_BYTES, HASHED_BLOCKS = 1 << 16, 64
MOVED_BYTES = 256 << 20  # beyond the caches of most machines, and the same on all: twice as steady here as 128 MiB
LINE_BYTES = 64


def read_words(words: "NDArray[Any]", passes: int) -> int:
    """The sum of `words` over so many passes; at the start of each, the last word is set to the number of the pass.

    Setting it is what forbids a compiler to take one pass for all. The words are integers: their sum is the same in
    any order, so it is vectorized with no flag that loosens arithmetic, and adding them takes a single cycle, so that
    even in L1 it is the loads that are measured.
    """
    total = 0
    for k in range(passes):
        words[words.size - 1] = k
        for i in range(words.size):
            total += words[i]
    return total


def multiply_add(numbers: "NDArray[Any]", factor: float, addend: float, passes: int) -> None:
    """Replace each number v by v * factor + addend, STEPS times a pass."""
    for _ in range(passes):
        for i in range(numbers.size):
            v = numbers[i]
            for _ in range(STEPS):
                v = v * factor + addend
            numbers[i] = v


def compiled(dtypes: Sequence[str]) -> tuple[Callable[..., int], Callable[..., None]]:
    """read_words, and multiply_add for these dtypes, as machine code that holds no lock of the interpreter."""
    from numba import njit

    words = njit("int64(int64[::1], int64)", nogil=True)(read_words)
    types = [f"void({dtype}[::1], {dtype}, {dtype}, int64)" for dtype in dtypes]
    fused = njit(types, nogil=True, fastmath={"contract"})  # a product and a sum may become one instruction, no more
    return words, fused(multiply_add) if dtypes else multiply_add


class Team:
    """Threads that begin together, each on a part of its own."""

    def __init__(self, threads: int, repetitions: int):
        # One pool a thread: a part stays with the thread that touched its memory first.
        self._pools = [ThreadPoolExecutor(1) for _ in range(threads)]
        self._barrier = threading.Barrier(threads)
        self._repetitions = repetitions

    def make(self, part: Callable[[], Any]) -> list[Any]:
        """What `part` returns in each thread, one after the other."""
        return [pool.submit(part).result() for pool in self._pools]

    def passes_per_s(self, work: Callable[[Any, int], None], parts: list[Any]) -> float:
        """How often a second all threads together do `work` on all parts.

        The best of several measurements: whatever else the machine does only slows it, and a peak is asked for.
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
    """{"gflop_per_s": {dtype: ...}, "read": [{"bytes", "gb_per_s"}]} with so many threads at once.

    working_sets: bytes that all threads together read again and again, each a slice of its own. Raises ValueError
    where the process has fewer processors than threads, or where a kernel computed something else than it should.
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
        if any((numbers != 2).any() for numbers in parts):  # where v * 0.5 + 1 leads
            raise ValueError(f"the multiply-adds in {dtype} are wrong")
        gflop_per_s[dtype] = passes_per_s * 2 * STEPS * LANES * threads / 1e9
    sizes = [max(1, size // (WORD_BYTES * threads)) for size in working_sets]  # words a thread
    memory = team.make(lambda: row_of_words(max(sizes)))
    rates = []
    for size in sizes:
        total = size * WORD_BYTES * threads
        parts = [words[:size] for words in memory]
        passes_per_s = team.passes_per_s(read_all, parts)
        rates.append({"bytes": total, "gb_per_s": passes_per_s * total / 1e9})
        for part in parts:
            part[-1] = size - 1  # as it was
    return {"gflop_per_s": gflop_per_s, "read": rates}


def row_of_words(size: int) -> "NDArray[Any]":
    """0, 1, 2, ... from the start of a huge page, in memory of its own; written, so that every page is there.

    Where the array starts matters in L1: a load across two lines costs two, and processors that find a line by a
    hash of its address let some pages displace each other, such as those on both sides of a multiple of 128 MiB.
    """
    import numpy as np

    words = np.empty(size + HUGE_PAGE_BYTES // WORD_BYTES, np.int64)
    words = words[-words.ctypes.data % HUGE_PAGE_BYTES // WORD_BYTES :][:size]
    for start in range(0, size, FILLED_AT_ONCE):
        stop = min(start + FILLED_AT_ONCE, size)
        words[start:stop] = np.arange(start, stop)
    return words


def sentinels() -> dict[str, float]:
    """Median seconds of two fixed kernels: hashing, bound by arithmetic; moving bytes, bound by memory.

    Moved by one cache line within one area: that was steadier than a copy between two areas, whose pages may collide
    in the caches, and it slows as much when another process uses the memory.
    """
    block = bytes(HASHED_BLOCK_BYTES)
    area = memoryview(bytearray(b"\1") * MOVED_BYTES)  # written, so that every page is there

    def arithmetic() -> None:
        for _ in range(HASHED_BLOCKS):
            hashlib.sha256(block).digest()

    def memory() -> None:
        area[:-LINE_BYTES] = area[LINE_BYTES:]

    kernels = (arithmetic, memory)
    seconds: dict[str, list[float]] = {kernel.__name__: [] for kernel in kernels}
    for repetition in range(SENTINEL_REPETITIONS + 1):
        for kernel in kernels:  # in turn, so that a slow moment meets both
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
        del os.environ[name]  # the peaks are the machine's, whatever the user told Numba to do
    channel.send(**peaks(**json.loads(question)))


if __name__ == "__main__":
    main()
