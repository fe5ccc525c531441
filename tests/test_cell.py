"""One cell in a worker, under a fake clock: exact rounds, exact values, exact output."""

import io
import itertools
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from helpers import sample_run
from helpers.contract import assert_contract, record_arrays
from rich.console import Console

from backends import numpy_vectorized
from bench.analysis.aggregate import aggregate
from bench.check.bound import Reference
from bench.measure import cell as measuring
from bench.measure.messages import Decision, task_of
from bench.measure.stage import stage
from bench.plan import BASELINE, Backend, Case, CellPlan, Plan
from bench.records import CellSample, Error
from bench.report import terminal
from bench.report.document import report_of

CASE = Case("synthetic", "synthetic", 60, 3, 10, 0)
NUMPY = Backend(BASELINE, BASELINE, BASELINE, None, ("float64",), None)
TASK = task_of(CellPlan(NUMPY, False, CASE, "float64", 1), 5)
FIRST = Decision(True)


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    stage(folder, CASE, "float64", normwise=False)
    return folder


class Clock:
    """A clock that advances only if a test sets `now`. broken: a function that returns other times."""

    def __init__(self):
        self.now, self.broken = 1000.0, None

    def __call__(self):
        return self.now if self.broken is None else self.broken(self)


@pytest.fixture
def clock(benchmark, monkeypatch, request):
    """The clock of the cell and of pytest-benchmark. The table of pytest-benchmark stays empty."""
    clock = Clock()
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=clock, process_time=clock))
    monkeypatch.setattr(benchmark, "_timer", clock)
    monkeypatch.setattr(benchmark, "disabled", False)  # pytest-xdist sets it to True
    yield clock
    request.config._benchmarksession.benchmarks.clear()
    benchmark._mode = "used"  # an unused benchmark fixture is a warning


class TimedBackend:
    """numpy_vectorized with calls of fit that take the seconds of `costs`. After `stops` calls the clock breaks."""

    def __init__(self, clock, costs, prepare_s=0.25, stops=None, broken=None):
        self.clock, self.costs, self.prepare_s, self.stops, self.broken = clock, iter(costs), prepare_s, stops, broken
        self.calls = 0

    def prepare(self, X, y, beta):
        self.clock.now += self.prepare_s
        return numpy_vectorized.prepare(X, y, beta)

    def fit(self, *arguments):
        self.clock.now += next(self.costs)
        self.calls += 1
        assert self.calls < 200, "too many calls"
        if self.calls == self.stops:
            self.clock.broken = self.broken
        return numpy_vectorized.fit(*arguments)

    to_numpy = staticmethod(numpy_vectorized.to_numpy)


def costs(first, *later):
    """The first call takes `first`, the later calls take `later` in turn."""
    yield first
    while True:
        yield from later


@pytest.fixture
def measure(staged, benchmark):
    """Measure one cell. Return its sample and the messages to the driver."""

    def measure(backend, decision=FIRST, task=TASK, folder=staged):
        messages = []

        def ask(message):
            messages.append(message)
            return Decision(True)

        return measuring.measure(backend, "numpy", 0, task, decision, folder, benchmark, ask).sample, messages

    return measure


def test_counts_and_rounds_of_a_short_call(clock, measure):
    """Calls of 1/256 s: 8 warm-up calls fill 30 ms and 3 calls fill a round of 10 ms."""
    backend = TimedBackend(clock, costs(3.0, 1 / 256))
    sample, messages = measure(backend)
    assert sample.status == "ok", sample.detail
    assert sample.rounds_s == [1 / 256] * 5
    assert (sample.calls, sample.warmup_calls) == (3, 9)  # with the first call, which is before the 30 ms
    assert (sample.prepare_s, sample.first_call_s, sample.compile_s) == (0.25, 3.0, 0.0)
    assert sample.cpu_over_wall == 1.0
    # pytest-benchmark makes one more call if a round has several. The final check makes one with another learning rate.
    assert backend.calls == 9 + 5 * 3 + 1 + 1
    assert [message.seconds for message in messages] == pytest.approx([3.0])


@pytest.mark.parametrize(("n", "max_iter", "dtype"), [(60, 10, "float64"), (5000, 50, "float32")])
def test_prepare_gets_arrays_of_the_contract(clock, measure, tmp_path, monkeypatch, n, max_iter, dtype):
    """The same holds for the first rows, which are checked if the bound of all rows is not informative."""
    case = Case("synthetic", "synthetic", n, 3, max_iter, 0)
    stage(tmp_path, case, dtype, normwise=False)
    task = task_of(CellPlan(NUMPY, False, case, dtype, 1), 5)
    calls = record_arrays(monkeypatch)
    sample, _ = measure(TimedBackend(clock, costs(3.0, 1 / 256)), task=task, folder=tmp_path)
    assert sample.status == "ok", sample.detail
    assert len(calls) == (1 if dtype == "float64" else 3)
    for arrays in calls:
        assert_contract(arrays)


def test_slow_first_call_does_not_change_the_counts(clock, measure):
    """A first call of 3 s changes no count. With calls of 40 ms, a round has one call."""
    sample, _ = measure(TimedBackend(clock, costs(3.0, 0.04)))
    assert (sample.calls, sample.warmup_calls, sample.rounds_s) == (1, 2, pytest.approx([0.04] * 5))


@pytest.mark.parametrize(("call_s", "rounds"), [(0.049, 5), (0.051, 3), (2.0, 3)])
def test_long_call_has_fewer_rounds(clock, measure, call_s, rounds):
    """From 50 ms on, a cell has one warm-up call after the first call and three rounds."""
    sample, _ = measure(TimedBackend(clock, costs(3.0, call_s)))
    assert (sample.calls, sample.warmup_calls, sample.rounds_s) == (1, 2, pytest.approx([call_s] * rounds))


def test_decision_fixes_the_counts(clock, measure):
    """A later worker makes the numbers of calls in the decision, not those that its clock suggests."""
    backend = TimedBackend(clock, costs(3.0, 0.05))
    sample, messages = measure(backend, Decision(True, calls=7, warmup_calls=4, rounds=2))
    assert (sample.calls, sample.warmup_calls, backend.calls) == (7, 4, 4 + 2 * 7 + 1)
    assert len(sample.rounds_s) == 2
    assert messages == []


def test_round_is_the_mean_of_its_calls(clock, measure):
    """The rounds stay in order. No round is sorted, pooled or dropped."""
    backend = TimedBackend(clock, iter([1.0, *[0.1] * 3, *(0.01 * step for step in range(1, 12))]))
    sample, _ = measure(backend, Decision(True, calls=2, warmup_calls=4, rounds=5))
    assert sample.rounds_s == pytest.approx([0.015, 0.035, 0.055, 0.075, 0.095])


BROKEN = {
    "stops": lambda clock: 1000.0,
    "runs backwards": lambda clock: 1000.0 - clock.now,
    "is zero": lambda clock: 0.0,
    "is NaN": lambda clock: float("nan"),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("stops", [1, 2, 4, 12])
def test_broken_clock_makes_the_cell_fail(clock, measure, fault, stops):
    """If the clock breaks in the first call, the warm-up or a round, the sample has a reason, no rounds and a limited number of calls."""
    backend = TimedBackend(clock, costs(1 / 256, 1 / 256), stops=stops, broken=BROKEN[fault])
    sample, _ = measure(backend)
    assert sample.status == "failed"
    assert "clock" in sample.detail
    assert sample.rounds_s == []
    assert backend.calls <= 80


def test_report_of_a_run_under_a_fake_clock(clock, measure, benchmark):
    """Calls of 2 ms with ten iterations give 200 µs per iteration. Six processes give an interval."""
    plan = Plan((NUMPY,), (CASE,), ("float64",), (1,), blocks=6, rounds=5, seed=0, budget_s=60.0, mode="default")
    samples: dict[str, list[CellSample]] = {}
    fields = {
        "cold": True,
        "import_s": 0.5,
        "peak_bytes": 1000,
        "threads_seen": {"processors": 1},
        "error": Error(0.0, 1e-12),
    }
    for block, call_s in enumerate((0.002, 0.0021, 0.0019, 0.002, 0.00205, 0.00195)):
        for planned in plan.cells:
            benchmark._mode = None  # allow another use of the fixture, for the next process
            benchmark.stats = None
            decision = Decision(True, calls=5, warmup_calls=51)
            measured, _ = measure(TimedBackend(clock, costs(3.0, call_s)), decision)
            sample = msgspec.structs.replace(measured, cell=planned.id, block=block, **fields)
            samples.setdefault(planned.id, []).append(sample)
    run = aggregate(plan, samples, [], sample_run.manifest({CASE.key: "d"}), interrupted=False)
    out = io.StringIO()
    terminal.write(report_of(run), Console(file=out, width=100))
    assert [line.rstrip() for line in out.getvalue().replace("\u00a0", " ").splitlines()] == [
        "On this machine, at n = 60, d = 3 (float64, 1 thread), numpy_vectorized is the only backend with a",
        "time: 200 µs [190, 210] per iteration.",
        "Stable: the run's own controls found no problem.",
        "",
        "float64, 1 thread; n: 60, d: 3; 6 processes; rounds per process: 5; calls per round: 5; iterations",
        "per call: 10; outliers: 0 of 12 samples, none dropped",
        "backend             time per iteration  against numpy",
        "─────────────────────────────────────────────────────",
        "n = 60, d = 3",
        "  numpy_vectorized  200 µs [190, 210]   –",
        "A/A control (numpy_vectorized against itself, 1× if all is well): n = 60, d = 3: 1.00× [1.00, 1.00]",
        "",
        "Cold cost at n = 60, d = 3",
        "backend           import  prepare  compile  first call",
        "──────────────────────────────────────────────────────",
        "numpy_vectorized  500 ms   250 ms      0 s      3.00 s",
        "backend           later call  peak memory  CPU / wall  pays back after",
        "──────────────────────────────────────────────────────────────────────",
        "numpy_vectorized     2.00 ms      1.00 kB        1.00  baseline",
        "",
        "Error against its bound, the worst of each backend",
        "backend           error / bound  at",
        "──────────────────────────────────────────────",
        "numpy_vectorized  0 %            n = 60, d = 3",
    ]


def test_threads_seen_are_positive_counts():
    """threads_seen counts the processors of this process and the threads of its libraries."""
    np.ones((2, 2)) @ np.ones((2, 2))
    counts = measuring.threads_seen()
    assert counts
    assert all(isinstance(count, int) and count >= 1 for count in counts.values())


# Results without a time


@pytest.fixture
def finish(staged, benchmark):
    """Measure one cell. Return the end of the cell. ask: the driver, which by default lets the cell run."""

    def finish(backend, decision=FIRST, task=TASK, folder=staged, ask=lambda message: Decision(True)):
        return measuring.measure(backend, "numpy", 4, task, decision, folder, benchmark, ask)

    return finish


class EditedBackend(TimedBackend):
    """A TimedBackend whose `edit` may change a result: edit(number of the call from 0, beta, losses)."""

    def __init__(self, clock, edit, call_s=1 / 256, **options):
        super().__init__(clock, costs(3.0, call_s), **options)
        self.edit = edit

    def fit(self, *arguments):
        return self.edit(self.calls, *super().fit(*arguments))


def raises(error):
    """An `edit` that raises an error."""

    def edit(call, beta, losses):
        raise error

    return edit


COUNTS = Decision(True, calls=2, warmup_calls=4, rounds=3)  # calls 0 to 3 warm up, 4 to 9 are timed


@pytest.mark.parametrize("wrong_call", [0, 1, 3, 4, 9])
def test_a_wrong_result_of_any_call_has_no_time(clock, finish, wrong_call):
    """The first result is checked before the timing, the others after it."""
    backend = EditedBackend(clock, lambda call, beta, losses: (beta + (call == wrong_call), losses))
    sample = finish(backend, COUNTS).sample
    assert (sample.status, sample.rounds_s) == ("wrong", [])
    assert sample.detail.startswith("beta ")
    assert sample.error.value > sample.error.bound
    assert (backend.calls == 1) is (wrong_call == 0)


def test_a_result_that_a_later_call_overwrites_is_wrong(clock, finish):
    """Results share no memory, so the first one is checked again at the end."""
    first = []

    def edit(call, beta, losses):
        first.append(beta)
        if call == 9:
            first[0] += 1.0
        return beta, losses

    assert finish(EditedBackend(clock, edit), COUNTS).sample.status == "wrong"


def test_a_wrong_result_without_a_number_has_no_error(clock, finish):
    """JSON has no NaN, and a wrong length is no number."""
    sample = finish(EditedBackend(clock, lambda call, beta, losses: (beta * np.nan, losses))).sample
    assert (sample.status, sample.error) == ("wrong", None)
    sample = finish(EditedBackend(clock, lambda call, beta, losses: (beta, losses[:-1]))).sample
    assert (sample.status, sample.error) == ("wrong", None)


@pytest.mark.parametrize(("decision", "status"), [(FIRST, "wrong"), (COUNTS, "ok")])
def test_the_first_worker_checks_another_learning_rate(clock, finish, decision, status):
    """A backend that returns a stored result is right with the first rate only. Later workers do not check that again."""
    stored = []

    def edit(call, *result):
        stored.append(result)
        return stored[0]

    sample = finish(EditedBackend(clock, edit), decision).sample
    assert sample.status == status
    assert (sample.detail or "").startswith("with another learning rate on the same data: ") is (status == "wrong")


@pytest.mark.parametrize("name", ["X", "y"])
def test_a_changed_input_is_wrong(clock, finish, name):
    """The arrays are compared with those on disk."""

    class Changing(TimedBackend):
        def prepare(self, X, y, beta):
            native = super().prepare(X.copy(), y.copy(), beta)
            {"X": X, "y": y}[name].flat[-1] += 1.0
            return native

    sample = finish(Changing(clock, costs(3.0, 1 / 256)), COUNTS).sample
    assert (sample.status, sample.rounds_s) == ("wrong", [])
    assert sample.detail == f"{name} was changed by prepare or fit; allowed: inputs stay as they are"


# 10 iterations on 60 x 3 numbers are 7200 multiplications and additions.
@pytest.mark.parametrize(
    ("call_s", "threads", "status"),
    [(7190 / 400e9, 1, "wrong"), (7210 / 400e9, 1, "ok"), (3590 / 400e9, 2, "wrong"), (3610 / 400e9, 2, "ok")],
)
def test_a_call_that_no_processor_can_do_was_not_made(clock, finish, call_s, threads, status):
    """The limit is that of all threads together."""
    clock.now = 0.0  # floats near 0 are fine enough for such times
    task = msgspec.structs.replace(TASK, threads=threads)
    sample = finish(EditedBackend(clock, lambda call, *result: result, call_s, prepare_s=0.0), COUNTS, task).sample
    assert sample.status == status, sample.detail
    assert (sample.detail or "").endswith("less than any processor needs: its result was stored") is (status == "wrong")


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (MemoryError("no space"), "out_of_memory", "MemoryError"),
        (RuntimeError("RESOURCE_EXHAUSTED: 8 GiB"), "out_of_memory", "RESOURCE_EXHAUSTED"),
        (ValueError("it broke"), "failed", "ValueError: it broke"),
        (SystemExit(3), "failed", "SystemExit"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
    ],
)
def test_an_exception_of_a_backend_is_a_status(clock, finish, error, status, detail):
    """The driver gets the traceback. The sample has the time that the cell took."""
    end = finish(EditedBackend(clock, raises(error)))
    assert (end.sample.status, end.sample.rounds_s, end.sample.block) == (status, [], 4)
    assert detail in end.sample.detail
    assert "in raises" in end.traceback or "in edit" in end.traceback
    assert end.sample.cost_s == 3.25
    assert end.sample.calls is None


def test_a_result_that_is_right_has_its_error_and_no_detail(clock, finish):
    """And no traceback."""
    end = finish(TimedBackend(clock, costs(3.0, 1 / 256)))
    assert (end.traceback, end.sample.detail, end.sample.flags) == (None, None, [])
    assert 0.0 <= end.sample.error.value <= end.sample.error.bound
    assert end.sample.error_curve is None


def test_the_curve_of_errors_is_recorded_on_request(clock, finish):
    """It begins with k = 0 and ends with the last iterate."""
    sample = finish(TimedBackend(clock, costs(3.0, 1 / 256)), msgspec.structs.replace(FIRST, curve=True)).sample
    assert [k for k, *_ in sample.error_curve] == list(range(11))
    assert all(0.0 <= error <= bound for _, error, bound in sample.error_curve)


def test_the_curve_of_errors_has_points_evenly_spaced_in_log_k():
    """Of few iterates it has all. A point without a finite bound is left out."""
    bound = np.ones(100_001)
    bound[-1] = np.inf
    expected = Reference(np.zeros((2, 1)), np.zeros(100_001), np.zeros(2), bound)
    curve = measuring.error_curve(np.full(100_001, -0.5), expected)
    ks = [k for k, *_ in curve]
    assert (ks[:4], len(ks)) == ([0.0, 1.0, 2.0, 4.0], 23)
    assert [after / k for k, after in itertools.pairwise(ks[15:])] == pytest.approx([10 ** (5 / 23)] * 7, rel=1e-3)
    assert {(error, limit) for _, error, limit in curve} == {(0.5, 1.0)}
    assert measuring.error_curve(np.zeros(1), expected) == [[0.0, 0.0, 1.0]]
    assert [k for k, *_ in measuring.error_curve(np.zeros(2), expected)] == [0.0, 1.0]


# Cells that the driver skips


def test_the_driver_may_skip_a_cell_after_two_calls(clock, finish):
    """The first call may include a compilation, so the second one decides."""
    backend, calls = TimedBackend(clock, costs(3.0, 2.0)), []

    def ask(message):
        calls.append((message.cell, message.seconds))
        return Decision(False, f"too long {len(calls)}")

    sample = finish(backend, ask=ask).sample
    assert (sample.status, sample.detail, sample.predicted_s, sample.rounds_s) == ("skipped", "too long 2", 2.0, [])
    assert calls == [("numpy", 3.0), ("numpy", 2.0)]
    assert backend.calls == 2
    assert sample.calls is sample.warmup_calls is None


def test_a_short_second_call_runs_the_cell(clock, finish):
    """Both calls warm up."""
    sample = finish(TimedBackend(clock, costs(3.0, 0.125)), ask=lambda message: Decision(message.seconds < 1.0)).sample
    assert (sample.status, sample.calls, sample.warmup_calls) == ("ok", 1, 2)
    assert sample.rounds_s == [0.125] * 3


def test_a_compilation_does_not_count_as_a_call(clock, measure, monkeypatch):
    """The driver hears of the rest of the first call."""
    compiler = measuring.CompileWatch()
    monkeypatch.setattr(measuring, "compiler", compiler)

    def edit(call, beta, losses):
        if call == 0:
            compiler._jax(measuring.JAX_COMPILE, 1.75)
        return beta, losses

    sample, messages = measure(EditedBackend(clock, edit))
    assert (sample.status, sample.first_call_s, sample.compile_s) == ("ok", 3.0, 1.75)
    assert [(message.cell, message.seconds) for message in messages] == [("numpy", 1.25)]


@pytest.mark.parametrize("call", [4, 9])
def test_a_compilation_in_a_timed_call_fails_the_cell(clock, finish, monkeypatch, call):
    """Its rounds are no times of calls."""
    compiler = measuring.CompileWatch()
    monkeypatch.setattr(measuring, "compiler", compiler)

    def edit(number, beta, losses):
        if number == call:
            compiler._jax(measuring.JAX_COMPILE, 0.5)
        return beta, losses

    sample = finish(EditedBackend(clock, edit), COUNTS).sample
    assert (sample.status, sample.rounds_s) == ("failed", [])
    assert sample.detail == "RuntimeError: 1 compilation(s) inside the timed region"


# What a process reports


@pytest.mark.parametrize(
    ("reset", "sizes", "peak_bytes"),
    [
        (True, {"VmRSS": 1000, "VmHWM": 5000}, 4000),
        (True, {"VmRSS": 5000, "VmHWM": 1000}, 0),
        (False, {"VmRSS": 1, "VmHWM": 9}, None),
        (True, {"VmRSS": 1}, None),
    ],
)
def test_the_peak_of_memory_is_that_above_the_start(clock, finish, monkeypatch, reset, sizes, peak_bytes):
    """It is never negative, and None if the system cannot reset or report it."""
    monkeypatch.setattr(measuring, "memory", sizes.get)
    monkeypatch.setattr(measuring, "reset_peak_memory", lambda: reset)
    assert finish(TimedBackend(clock, costs(3.0, 1 / 256))).sample.peak_bytes == peak_bytes


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_the_memory_of_this_process_is_read():
    """In bytes. Its peak is at least its present size, and a reset makes the peak about that size."""
    block = bytearray(64 << 20)
    block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
    high = measuring.memory("VmHWM")
    del block
    now = measuring.memory("VmRSS")
    assert 1 << 24 < now < 1 << 36
    assert measuring.reset_peak_memory() is os.access("/proc/self/clear_refs", os.W_OK)
    if os.access("/proc/self/clear_refs", os.W_OK):
        assert now / 2 < measuring.memory("VmHWM") < high
    assert measuring.memory("VmR") is None


def test_a_system_may_refuse_to_read_or_reset_the_memory(monkeypatch):
    """Then it is not known."""

    def refuse(path, text=None):
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    assert measuring.reset_peak_memory() is False
    assert measuring.memory("VmHWM") is None


def test_the_threads_of_a_library_are_those_of_its_largest_pool(monkeypatch):
    """NumPy and SciPy may each load an OpenBLAS. Numba's pool is not asked, because that would start it."""
    pools = [("openblas", 3), ("openblas", 2), ("openmp", 1)]
    monkeypatch.setattr(
        measuring, "threadpool_info", lambda: [{"internal_api": api, "num_threads": n} for api, n in pools]
    )
    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(config=SimpleNamespace(NUMBA_NUM_THREADS=7)))
    monkeypatch.setattr(measuring.os, "sched_getaffinity", lambda pid: {2, 5}, raising=False)
    assert measuring.threads_seen() == {"processors": 2, "openblas": 3, "openmp": 1, "numba": 7}
    monkeypatch.delitem(sys.modules, "numba")
    monkeypatch.delattr(measuring.os, "sched_getaffinity")
    assert measuring.threads_seen() == {"openblas": 3, "openmp": 1}


def test_nested_compilations_of_numba_count_once(clock):
    """A function and its callees: the seconds from the first start to the last end."""
    compiler = measuring.CompileWatch()
    for seconds, event in ((1, "start"), (2, "start"), (4, "end"), (8, "end"), (16, "start"), (32, "end")):
        clock.now += seconds
        getattr(compiler, f"_numba_{event}")(None)
    assert (compiler.events, compiler.seconds) == (2, 2 + 4 + 8 + 32)


def test_only_backend_compilations_of_jax_count():
    """JAX reports the durations of other steps, too."""
    compiler = measuring.CompileWatch()
    compiler._jax(measuring.JAX_COMPILE, 0.5, platform="cpu")
    compiler._jax("/jax/core/compile/jaxpr_trace_duration", 8.0)
    compiler._jax(measuring.JAX_COMPILE, 0.25)
    assert (compiler.events, compiler.seconds) == (2, 0.75)


def test_a_library_is_watched_once_it_is_loaded(monkeypatch):
    """A backend may import it late. Each is registered once."""
    compiler, of_jax, of_numba = measuring.CompileWatch(), [], []
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    compiler.start()
    assert compiler.watching == set()
    monitoring = SimpleNamespace(register_event_duration_secs_listener=of_jax.append)
    event = SimpleNamespace(Listener=object, register=lambda *arguments: of_numba.append(arguments))
    for name, module in (
        ("jax", SimpleNamespace(monitoring=monitoring)),
        ("numba", SimpleNamespace()),
        ("numba.core", SimpleNamespace(event=event)),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    compiler.start()
    compiler.start()
    (jax,), ((kind, numba),) = of_jax, of_numba
    assert kind == "numba:compile"
    jax(measuring.JAX_COMPILE, 0.5)
    numba.on_start(None)
    numba.on_end(None)
    assert compiler.events == 2
