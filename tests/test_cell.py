"""One cell in a worker, under a clock that the test turns: exact rounds, exact figures, exact words."""

import io
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from helpers import sample_run
from rich.console import Console

from backends import numpy_vectorized
from bench.analysis.aggregate import aggregate
from bench.measure import cell as measuring
from bench.measure.messages import Decision, task_of
from bench.measure.stage import stage
from bench.plan import BASELINE, Backend, Case, CellPlan, Plan
from bench.records import CellSample
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
    """Stands until it is turned. broken: what it shows instead of the time."""

    def __init__(self):
        self.now, self.broken = 1000.0, None

    def __call__(self):
        return self.now if self.broken is None else self.broken(self)


@pytest.fixture
def clock(benchmark, monkeypatch, request):
    """The clock of the cell and of pytest-benchmark both, and no line in that one's table of this session."""
    fake = Clock()
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=fake, process_time=fake))
    monkeypatch.setattr(benchmark, "_timer", fake)
    monkeypatch.setattr(benchmark, "disabled", False)  # pytest-xdist disables it
    yield fake
    request.config._benchmarksession.benchmarks.clear()
    benchmark._mode = "used"  # a clock that broke early kept it from being used, of which it would warn


class Script:
    """NumPy's backend whose calls of fit take the seconds that `costs` yields; after `stops` calls the clock breaks."""

    def __init__(self, clock, costs, prepare_s=0.25, stops=None, broken=None):
        self.clock, self.costs, self.prepare_s, self.stops, self.broken = clock, iter(costs), prepare_s, stops, broken
        self.calls = 0

    def prepare(self, X, y, beta):
        self.clock.now += self.prepare_s
        return numpy_vectorized.prepare(X, y, beta)

    def fit(self, *arguments):
        self.clock.now += next(self.costs)
        self.calls += 1
        assert self.calls < 200, "the calls do not end"
        if self.calls == self.stops:
            self.clock.broken = self.broken
        return numpy_vectorized.fit(*arguments)

    to_numpy = staticmethod(numpy_vectorized.to_numpy)


def costs(first, *later):
    """The first call, then `later` again and again."""
    yield first
    while True:
        yield from later


def measure(script, staged, benchmark, decision=FIRST):
    """The sample of one cell, and the messages to the driver."""
    messages = []

    def ask(message):
        messages.append(message)
        return Decision(True)

    return measuring.measure(script, "numpy", 0, TASK, decision, staged, benchmark, ask), messages


def test_exact_rounds(clock, staged, benchmark):
    """A call of 1/256 s: 3 warm-up calls fill 10 ms, 3 calls fill a round of 10 ms, and every figure is exact."""
    script = Script(clock, costs(3.0, 1 / 256))
    found, asked = measure(script, staged, benchmark)
    assert found.status == "ok", found.detail
    assert found.rounds_s == [1 / 256] * 5
    assert (found.calls, found.warmup_calls) == (3, 4)  # the first call counts, and lies before the 10 ms
    assert (found.prepare_s, found.first_call_s, found.compile_s) == (0.25, 3.0, 0.0)
    assert found.cpu_over_wall == 1.0
    # pytest-benchmark makes one more call where a round has several, and the gate one with another learning rate.
    assert script.calls == 4 + 5 * 3 + 1 + 1
    assert [message.seconds for message in asked] == pytest.approx([3.0])


def test_a_slow_first_call_does_not_decide_the_counts(clock, staged, benchmark):
    """A compile of 3 s in the first call leaves the counts as they are without it; a slow call makes one a round."""
    slow, _ = measure(Script(clock, costs(3.0, 0.04)), staged, benchmark)
    assert (slow.calls, slow.warmup_calls, slow.rounds_s) == (1, 2, pytest.approx([0.04] * 5))


@pytest.mark.parametrize(("call_s", "rounds"), [(0.049, 5), (0.051, 3), (2.0, 3)])
def test_a_long_call_has_fewer_rounds(clock, staged, benchmark, call_s, rounds):
    """From 50 ms on, one warm-up call after the first one and three rounds are enough."""
    found, _ = measure(Script(clock, costs(3.0, call_s)), staged, benchmark)
    assert (found.calls, found.warmup_calls, found.rounds_s) == (1, 2, pytest.approx([call_s] * rounds))


def test_frozen_counts_are_obeyed(clock, staged, benchmark):
    """A later worker makes the calls that the first one fixed, although its own clock would choose others."""
    script = Script(clock, costs(3.0, 0.05))
    found, asked = measure(script, staged, benchmark, Decision(True, calls=7, warmup_calls=4, rounds=2))
    assert (found.calls, found.warmup_calls, script.calls) == (7, 4, 4 + 2 * 7 + 1)
    assert len(found.rounds_s) == 2
    assert asked == []


def test_rounds_are_of_their_calls(clock, staged, benchmark):
    """A round is the mean of its calls, and the rounds stay in order: nothing is sorted, pooled or dropped."""
    script = Script(clock, iter([1.0, *[0.1] * 3, *(0.01 * step for step in range(1, 12))]))
    found, _ = measure(script, staged, benchmark, Decision(True, calls=2, warmup_calls=4, rounds=5))
    assert found.rounds_s == pytest.approx([0.015, 0.035, 0.055, 0.075, 0.095])


BROKEN = {
    "stands still": lambda clock: 1000.0,
    "runs back": lambda clock: 1000.0 - clock.now,
    "shows zero": lambda clock: 0.0,
    "is no number": lambda clock: float("nan"),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("stops", [1, 2, 4, 12])
def test_a_broken_clock_makes_an_invalid_cell(clock, staged, benchmark, fault, stops):
    """Broken from the start, in the warm-up or in the timed rounds: no time, a reason, and a bounded number of calls."""
    script = Script(clock, costs(1 / 256, 1 / 256), stops=stops, broken=BROKEN[fault])
    found, _ = measure(script, staged, benchmark)
    assert found.status == "failed"
    assert "clock" in found.detail
    assert found.rounds_s == []
    assert script.calls <= 80


def test_the_words_of_a_run_under_a_fake_clock(clock, staged, benchmark):
    """From the clock to the printed line: 2 ms a call of ten iterations is 200 µs, six processes make the brackets."""
    plan = Plan((NUMPY,), (CASE,), ("float64",), (1,), blocks=6, rounds=5, seed=0, budget_s=60.0, mode="default")
    samples: dict[str, list[CellSample]] = {}
    known = {"cold": True, "import_s": 0.5, "peak_bytes": 1000, "threads_seen": {"processors": 1}}
    for block, call_s in enumerate((0.002, 0.0021, 0.0019, 0.002, 0.00205, 0.00195)):
        for planned in plan.cells:
            benchmark._mode = None  # pytest-benchmark lets a fixture be used once, and here stand six processes
            benchmark.stats = None
            decision = Decision(True, calls=5, warmup_calls=51)
            found, _ = measure(Script(clock, costs(3.0, call_s)), staged, benchmark, decision)
            sample = msgspec.structs.replace(found, cell=planned.id, block=block, **known)
            samples.setdefault(planned.id, []).append(sample)
    run = aggregate(plan, samples, [], sample_run.start({CASE.key: "d"}), interrupted=False)
    out = io.StringIO()
    terminal.write(report_of(run), Console(file=out, width=100))
    assert [line.rstrip() for line in out.getvalue().replace("\u00a0", " ").splitlines()] == [
        "On this machine, at n = 60, d = 3 (float64, 1 thread), numpy_vectorized is the only backend with a",
        "time: 200 µs [190, 210] per iteration.",
        "Stable: the run's own controls found nothing against these figures.",
        "",
        "float64, 1 thread; n: 60, d: 3; 6 processes; rounds a process: 5; calls a round: 5; iterations a",
        "call: 10; outliers: 0 of 12 samples, none dropped",
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


def test_what_a_worker_finds_when_it_looks():
    """Processors of this process, and threads of NumPy's BLAS: both are numbers of at least one."""
    np.ones((2, 2)) @ np.ones((2, 2))
    found = measuring.threads_seen()
    assert found
    assert all(isinstance(count, int) and count >= 1 for count in found.values())
