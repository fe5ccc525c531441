"""Measure one cell in a worker: prepare and first call, check, warm-up, timed rounds, and the check again.

A wrong result has no time: the first result is checked before the timing, and every timed result after it.
"""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from bench.check.bound import Reference
from bench.check.checks import Wrong, as_arrays, error_context, judge
from bench.measure.messages import CallMade, CellTask, Decision, WorkerMessage
from bench.measure.stage import OTHER_RATE, PREFIXES, load_reference
from bench.plan import rounds_of
from bench.records import CellSample, Error

JAX_COMPILE = "/jax/core/compile/backend_compile_duration"
CURVE_POINTS = 24
MAX_KEPT = 1000  # results of timed calls that are checked: in practice all of them
# More flop/s than any core reaches: two fused multiply-adds of eight (sixteen) numbers per cycle at 6 GHz, doubled.
MAX_FLOPS = {"float64": 400e9, "float32": 800e9}
Ask = Callable[[WorkerMessage], Decision]


def measure(
    backend: ModuleType,
    cell: str,
    block: int,
    task: CellTask,
    decision: Decision,
    folder: Path,
    benchmark: Any,
    ask: Ask,
) -> CellSample:
    """Measure one cell in this process. folder: of the staged arrays; benchmark: pytest-benchmark's fixture.

    If the decision has no counts, this worker is the first one of its backend and determines them. It reports the time
    of a call, and the driver may skip the cell. An exception of the backend becomes a status.
    """
    sample = CellSample(cell=cell, block=block, status="ok")
    started = time.perf_counter()
    try:
        _measure(backend, task, decision, folder, benchmark, ask, sample)
    except Wrong as wrong:
        sample.status, sample.detail, sample.rounds_s = "wrong", wrong.detail, []
        if wrong.error is not None and wrong.bound is not None and np.isfinite([wrong.error, wrong.bound]).all():
            sample.error = Error(wrong.error, wrong.bound)
    except BaseException as error:  # a backend may raise SystemExit, which must not end the worker
        oom = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
        sample.status, sample.rounds_s = "out_of_memory" if oom else "failed", []
        sample.detail = f"{type(error).__name__}: {error}"[:500]
    sample.cost_s = time.perf_counter() - started
    return sample


def _measure(
    backend: ModuleType, task: CellTask, decision: Decision, folder: Path, benchmark: Any, ask: Ask, sample: CellSample
) -> None:
    """Fill in the sample. Long because the order of the steps is the method."""
    X, y = np.load(folder / f"{task.files}-X.npy"), np.load(folder / f"{task.files}-y.npy")
    beta0 = np.zeros(X.shape[1], X.dtype)
    normwise = getattr(backend, "ALGORITHM", None) is not None
    with np.load(folder / f"{task.files}-reference{'-normwise' if normwise else ''}.npz") as file:
        staged = dict(file)
    expected, rate, K = load_reference(staged, "whole"), float(staged["learning_rate"]), task.max_iter
    first_worker = decision.calls is None
    compiler.start()
    reset = reset_peak_memory()
    before = memory("VmRSS")

    # Cold path: prepare, then the first call.
    start = time.perf_counter()
    native = backend.prepare(X, y, beta0)
    sample.prepare_s = time.perf_counter() - start
    compiler.start()
    compiled = compiler.seconds
    start = time.perf_counter()
    result = backend.fit(*native, rate, K, 0.0)
    first_call_s = time.perf_counter() - start
    compiler.start()
    sample.first_call_s = first_call_s
    sample.compile_s = compiler.seconds - compiled

    def check(result: Any) -> None:
        error, bound = judge(*as_arrays(backend, result), expected, task.dtype)
        sample.error = Error(error, bound) if np.isfinite(bound) else None  # JSON has no infinity

    check(result)
    if decision.curve:
        sample.error_curve = error_curve(as_arrays(backend, result)[1], expected)
    if not expected.informative:
        sample.flags = ["bound not informative"]
        if first_worker:
            _judge_prefixes(backend, X, y, beta0, staged, task.dtype)
    kept = deque([result], maxlen=MAX_KEPT)

    def call() -> None:
        kept.append(backend.fit(*native, rate, K, 0.0))

    def timed_call() -> float:
        begin = time.perf_counter()
        call()
        if not (seconds := time.perf_counter() - begin) > 0:
            raise RuntimeError(f"the clock does not advance: a call took {seconds} s")
        return seconds

    # Warm-up. The first worker of a backend determines the counts for all later ones.
    shortest, warmups, start = np.inf, 1, time.perf_counter()
    fits = not first_worker or ask(CallMade(sample.cell, first_call_s - sample.compile_s)).run
    if not fits:  # the first call may include an unreported compilation, so the second call decides
        shortest, warmups = timed_call(), 2
        second = ask(CallMade(sample.cell, shortest))
        if not second.run:
            sample.status, sample.detail, sample.predicted_s = "skipped", second.detail, shortest
            return
    elapsed = time.perf_counter() - start
    while _more_warmup(decision, warmups, elapsed, task):
        shortest = min(shortest, timed_call())
        previous, elapsed = elapsed, time.perf_counter() - start
        if not elapsed > previous:
            raise RuntimeError(f"the clock does not advance: it was at {previous} s, then at {elapsed} s")
        warmups += 1
    calls = decision.calls or max(1, int(np.ceil(task.min_round_s / shortest)))
    wanted = decision.rounds or rounds_of(shortest, task.rounds)
    sample.calls, sample.warmup_calls = calls, warmups

    # Timed rounds.
    compiled = compiler.events
    cpu, wall = time.process_time(), time.perf_counter()
    benchmark.pedantic(call, rounds=wanted, iterations=calls, warmup_rounds=0)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    rounds = [float(seconds) for seconds in benchmark.stats.stats.data]
    if len(rounds) != wanted or not all(seconds > 0 for seconds in rounds):
        raise RuntimeError(f"the clock does not advance: rounds took {rounds} s")
    if compiler.events != compiled:
        raise RuntimeError(f"{compiler.events - compiled} compilation(s) inside the timed region")
    sample.cpu_over_wall = cpu / wall if wall > 0 else None
    sample.threads_seen = threads_seen()
    if reset and before is not None and (peak := memory("VmHWM")) is not None:
        sample.peak_bytes = max(0, peak - before)

    # The timed results, a second learning rate against stored results, and the inputs.
    for timed_result in kept:
        check(timed_result)
    if not normwise and min(rounds) < K * 4 * X.size / MAX_FLOPS[task.dtype] / task.threads:
        raise Wrong(f"a call took {min(rounds):.3g} s, less than any processor needs: its result was stored")
    if first_worker:
        other = load_reference(staged, "other")
        with error_context("with another learning rate on the same data"):
            judge(*as_arrays(backend, backend.fit(*native, OTHER_RATE * rate, K, 0.0)), other, task.dtype)
    for name, array in (("X", X), ("y", y)):
        if not np.array_equal(array, np.load(folder / f"{task.files}-{name}.npy", mmap_mode="r")):
            raise Wrong(f"{name} was changed by prepare or fit; allowed: inputs stay as they are")
    sample.rounds_s = rounds


def _more_warmup(decision: Decision, done: int, seconds: float, task: CellTask) -> bool:
    if decision.warmup_calls:
        return done < decision.warmup_calls
    return done < task.warmup_calls or seconds < task.warmup_s


def _judge_prefixes(
    backend: ModuleType, X: NDArray[Any], y: NDArray[Any], beta0: NDArray[Any], staged: Any, dtype: str
) -> None:
    """Check the backend on the first rows of the data, where the bound is narrow enough to detect a missing step."""
    for number, (rows, K) in enumerate(PREFIXES):
        expected = load_reference(staged, f"prefix{number}")
        learning_rate = float(staged[f"prefix{number}_learning_rate"])
        native = backend.prepare(X[:rows].copy(), y[:rows].copy(), beta0.copy())
        with error_context(f"on the first {min(len(X), rows)} rows"):
            judge(*as_arrays(backend, backend.fit(*native, learning_rate, K, 0.0)), expected, dtype)


def error_curve(losses: np.ndarray, expected: Reference) -> list[list[float]]:
    """[k, |losses[k] - J(beta_k)|, its bound] for about CURVE_POINTS values of k, evenly spaced in log k."""
    last = len(losses) - 1
    picked = np.unique(np.concatenate([[0], np.geomspace(1, max(last, 1), CURVE_POINTS).astype(int)]))
    return [
        [float(k), float(abs(losses[k] - expected.losses[k])), float(expected.loss_bound[k])]
        for k in picked
        if k <= last and np.isfinite(expected.loss_bound[k])
    ]


def threads_seen() -> dict[str, int]:
    """The number of processors of this process and of the threads of each loaded library."""
    threads: dict[str, int] = {}
    if hasattr(os, "sched_getaffinity"):
        threads["processors"] = len(os.sched_getaffinity(0))
    for pool in threadpool_info():
        threads[pool["internal_api"]] = max(threads.get(pool["internal_api"], 0), pool["num_threads"])
    if "numba" in sys.modules:
        threads["numba"] = sys.modules["numba"].config.NUMBA_NUM_THREADS  # a query of its pool would start the pool
    return threads


class CompileWatch:
    """Counts compilations and their seconds as JAX and Numba report them. No backend needs a hook for it."""

    def __init__(self) -> None:
        self.seconds, self.events = 0.0, 0
        self.watching: set[str] = set()
        self._depth, self._since = 0, 0.0

    def start(self) -> None:
        """Listen to the loaded compilers. Call it repeatedly, because a backend may import its library late."""
        if "jax" in sys.modules and "jax" not in self.watching:
            from jax import monitoring

            monitoring.register_event_duration_secs_listener(self._jax)
            self.watching.add("jax")
        if "numba" in sys.modules and "numba" not in self.watching:
            from numba.core import event

            listener = type("Listener", (event.Listener,), {"on_start": self._numba_start, "on_end": self._numba_end})
            event.register("numba:compile", listener())
            self.watching.add("numba")

    def _jax(self, event: str, duration_secs: float, **_: Any) -> None:
        if event == JAX_COMPILE:
            self.seconds += duration_secs
            self.events += 1

    # Numba's compilations are nested (a function and its callees): only the outermost one counts.
    def _numba_start(self, event: Any) -> None:
        if self._depth == 0:
            self._since = time.perf_counter()
        self._depth += 1

    def _numba_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._since
            self.events += 1


compiler = CompileWatch()


def reset_peak_memory() -> bool:
    """Reset the peak memory of this process to its current memory. Returns False if the system cannot do it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def memory(field: str) -> int | None:
    """Bytes of a field of /proc/self/status, such as VmHWM, or None."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return None
