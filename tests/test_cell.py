"""One cell in a worker, under a fake clock: exact rounds, exact values, exact output."""

import io
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from helpers import sample_run
from helpers.contract import assert_contract, record_arrays
from rich.console import Console

from backends import numpy_vectorized
from bench.analysis.aggregate import aggregate
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
