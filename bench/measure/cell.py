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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from backends._errors import describe_error, full_traceback
from bench.check.answer import Wrong, as_arrays, error_context, judge
from bench.check.bound import Reference
from bench.measure.messages import CallMade, CellEnds, CellTask, Decision, WorkerMessage
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
) -> CellEnds:
    """Measure one cell in this process.

    folder: where the staged arrays are. benchmark: pytest-benchmark's fixture.

    If the decision has no counts, this worker is the first one of its backend and determines them. It reports the time
    of a call, and the driver may skip the cell. An exception of the backend becomes a status.
    """
    sample, traceback = CellSample(cell=cell, block=block, status="ok"), None
    started = time.perf_counter()
    try:
        _Measurement(backend, task, decision, folder, benchmark, ask, sample).run()
    except Wrong as wrong:
        sample.status, sample.detail, sample.rounds_s = "wrong", wrong.detail, []
        if wrong.error is not None and wrong.bound is not None and np.isfinite([wrong.error, wrong.bound]).all():
            sample.error = Error(wrong.error, wrong.bound)
    except BaseException as error:  # a backend may raise SystemExit, which must not end the worker
        sample.detail = describe_error(error, getattr(backend, "__file__", None))
        oom = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in sample.detail
        sample.status, sample.rounds_s = "out_of_memory" if oom else "failed", []
        traceback = full_traceback(error)
    sample.cost_s = time.perf_counter() - started
    return CellEnds(sample, traceback)


class _Measurement:
    """The steps of one cell. Each step fills its fields of the sample; `run` has their order."""

    def __init__(
        self,
        backend: ModuleType,
        task: CellTask,
        decision: Decision,
        folder: Path,
        benchmark: Any,
        ask: Ask,
        sample: CellSample,
    ) -> None:
        self.backend, self.task, self.decision, self.folder = backend, task, decision, folder
        self.benchmark, self.ask, self.sample = benchmark, ask, sample
        self.first_worker = decision.calls is None  # it determines the counts, and checks the backend further
        self.X, self.y = self.load("X"), self.load("y")
        self.beta0 = np.zeros(self.X.shape[1], self.X.dtype)
        self.normwise = getattr(backend, "ALGORITHM", None) is not None
        with np.load(folder / f"{task.files}-reference{'-normwise' if self.normwise else ''}.npz") as file:
            self.references = dict(file)
        self.expected = load_reference(self.references, "whole")
        self.learning_rate = float(self.references["learning_rate"])

    def load(self, name: str, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self.folder / f"{self.task.files}-{name}.npy", mmap_mode=mmap_mode)
        return array

    def run(self) -> None:
        """Prepare and first call, check, warm-up, timed rounds, check."""
        compiler.start()
        memory_before = memory("VmRSS") if reset_peak_memory() else None
        result = self.cold_path()
        self.check(result)
        if self.decision.curve:
            self.sample.error_curve = error_curve(as_arrays(self.backend, result)[1], self.expected)
        if not self.expected.informative:
            self.sample.flags = ["bound not informative"]
            if self.first_worker:
                self.check_prefixes()
        self.results = deque([result], maxlen=MAX_KEPT)
        shortest_s = self.warm_up()
        if shortest_s is None:
            return
        rounds_s = self.time_rounds(shortest_s)
        if memory_before is not None and (peak := memory("VmHWM")) is not None:
            self.sample.peak_bytes = max(0, peak - memory_before)
        self.check_after(rounds_s)
        self.sample.rounds_s = rounds_s

    def fit(self, native: Any, learning_rate: float, max_iter: int) -> Any:
        return self.backend.fit(*native, learning_rate, max_iter, 0.0)

    def cold_path(self) -> Any:
        """The result of the first call, after `prepare`. Both are timed."""
        start = time.perf_counter()
        self.native = self.backend.prepare(self.X, self.y, self.beta0)
        self.sample.prepare_s = time.perf_counter() - start
        compiler.start()
        compiled_s = compiler.seconds
        start = time.perf_counter()
        result = self.fit(self.native, self.learning_rate, self.task.max_iter)
        self.sample.first_call_s = time.perf_counter() - start
        compiler.start()
        self.sample.compile_s = compiler.seconds - compiled_s
        return result

    def check(self, result: Any) -> None:
        """Raise Wrong unless a result of the whole problem lies within its bound."""
        error, bound = judge(*as_arrays(self.backend, result), self.expected, self.task.dtype)
        self.sample.error = Error(error, bound) if np.isfinite(bound) else None  # JSON has no infinity

    def check_prefixes(self) -> None:
        """Check the backend on the first rows, where the bound is narrow enough to detect a missing step."""
        for number, (rows, max_iter) in enumerate(PREFIXES):
            expected = load_reference(self.references, f"prefix{number}")
            native = self.backend.prepare(self.X[:rows].copy(), self.y[:rows].copy(), self.beta0.copy())
            with error_context(f"on the first {min(len(self.X), rows)} rows"):
                result = self.fit(native, float(self.references[f"prefix{number}_learning_rate"]), max_iter)
                judge(*as_arrays(self.backend, result), expected, self.task.dtype)

    def call(self) -> None:
        """A call that counts: its result is kept and checked after the timed rounds."""
        self.results.append(self.fit(self.native, self.learning_rate, self.task.max_iter))

    def timed_call(self) -> float:
        begin = time.perf_counter()
        self.call()
        if not (seconds := time.perf_counter() - begin) > 0:
            raise RuntimeError(f"the clock does not advance: a call took {seconds} s")
        return seconds

    def warm_up(self) -> float | None:
        """The shortest warm-up call in seconds, or None if the driver skips the cell because its calls take too long.

        Infinity if a later worker needs no warm-up call: the counts that it received replace the times.

        The first worker of a backend determines the number of warm-up calls for all later ones.
        """
        sample, shortest_s, calls = self.sample, np.inf, 1
        start = time.perf_counter()
        first_s = (sample.first_call_s or 0.0) - (sample.compile_s or 0.0)
        if self.first_worker and not self.ask(CallMade(sample.cell, first_s)).run:
            # The first call may include a compilation that nothing reports, so the second call decides.
            shortest_s, calls = self.timed_call(), 2
            second = self.ask(CallMade(sample.cell, shortest_s))
            if not second.run:
                sample.status, sample.detail, sample.predicted_s = "skipped", second.detail, shortest_s
                return None
        elapsed = time.perf_counter() - start
        while self.needs_warm_up(calls, elapsed):
            shortest_s = min(shortest_s, self.timed_call())
            previous, elapsed = elapsed, time.perf_counter() - start
            if not elapsed > previous:
                raise RuntimeError(f"the clock does not advance: it was at {previous} s, then at {elapsed} s")
            calls += 1
        sample.warmup_calls = calls
        return float(shortest_s)

    def needs_warm_up(self, calls: int, seconds: float) -> bool:
        if self.decision.warmup_calls:
            return calls < self.decision.warmup_calls
        return calls < self.task.warmup_calls or seconds < self.task.warmup_s

    def time_rounds(self, shortest_s: float) -> list[float]:
        """Seconds per call of each round, timed by pytest-benchmark. Raises RuntimeError if they cannot be used."""
        sample, task = self.sample, self.task
        sample.calls = self.decision.calls or max(1, int(np.ceil(task.min_round_s / shortest_s)))
        rounds = self.decision.rounds or rounds_of(shortest_s, task.rounds)
        compilations = compiler.events
        cpu, wall = time.process_time(), time.perf_counter()
        self.benchmark.pedantic(self.call, rounds=rounds, iterations=sample.calls, warmup_rounds=0)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        rounds_s = [float(seconds) for seconds in self.benchmark.stats.stats.data]
        if len(rounds_s) != rounds or not all(seconds > 0 for seconds in rounds_s):
            raise RuntimeError(f"the clock does not advance: rounds took {rounds_s} s")
        if compiler.events != compilations:
            raise RuntimeError(f"{compiler.events - compilations} compilation(s) inside the timed region")
        sample.cpu_over_wall = cpu / wall if wall > 0 else None
        sample.threads_seen = threads_seen()
        return rounds_s

    def check_after(self, rounds_s: list[float]) -> None:
        """Raise Wrong if a timed result is wrong or was stored, or if an input has changed."""
        task, X = self.task, self.X
        for result in self.results:
            self.check(result)
        if not self.normwise and min(rounds_s) < task.max_iter * 4 * X.size / MAX_FLOPS[task.dtype] / task.threads:
            raise Wrong(f"a call took {min(rounds_s):.3g} s, less than any processor needs: its result was stored")
        if self.first_worker:
            with error_context("with another learning rate on the same data"):
                result = self.fit(self.native, OTHER_RATE * self.learning_rate, task.max_iter)
                judge(*as_arrays(self.backend, result), load_reference(self.references, "other"), task.dtype)
        for name, array in (("X", X), ("y", self.y)):
            if not np.array_equal(array, self.load(name, "r")):
                raise Wrong(f"{name} was changed by prepare or fit; allowed: inputs stay as they are")


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
    """Counts compilations and their seconds as JAX and Numba report them. Those of other libraries are not seen."""

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
