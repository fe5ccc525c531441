"""From samples to the record: what a cell's status, times, speed-ups and flags are made of."""

import re
from pathlib import Path

import pytest
from helpers import sample_run

from bench.analysis import aggregate as assembling
from bench.analysis.aggregate import aggregate
from bench.plan import CONTROL, Backend, Case, Plan, block_plans
from bench.records import FLAGS, Block, CellSample, Error

CASES = (Case("synthetic", "synthetic", 100, 10, 1000, 0), Case("synthetic", "synthetic", 1000, 10, 200, 0))
NAMES = ("python_loops", "numpy_vectorized", "mine")
SECONDS = {"python_loops": 0.1, "numpy_vectorized": 0.01, CONTROL: 0.01, "mine": 0.002}


def a_plan(blocks=6, **changes):
    backends = tuple(Backend(name, name, name, None, ("float64", "float32"), None) for name in NAMES)
    given = {"backends": backends, "cases": CASES, "dtypes": ("float64",), "threads": (1,), "blocks": blocks}
    return Plan(**given | {"rounds": 3, "seed": 0, "budget_s": 60.0, "mode": "default"} | changes)


def samples_of(plan, seconds=SECONDS, jitter=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.0, 1.0, 1.0, 1.0)):
    """What a quiet machine would give: one sample per cell and block, all cold in the block where they come first."""
    found = {}
    for block in block_plans(plan):
        for cells in block.cells.values():
            for position, cell in enumerate(cells):
                time = seconds[cell.label] * jitter[block.index]
                found.setdefault(cell.id, []).append(
                    CellSample(
                        cell=cell.id, block=block.index, status="ok", rounds_s=[time, time * 1.5, time * 0.9], calls=1,
                        error=Error(1e-16 * (block.index + 1), 1e-12), cold=position == 0, import_s=0.1, prepare_s=0.01,
                        compile_s=0.2, first_call_s=time + 0.3, peak_bytes=100 + block.index, cpu_over_wall=1.0,
                    )
                )  # fmt: skip
    return found


def run_of(plan, samples, interrupted=False):
    return aggregate(plan, samples, [], sample_run.start({case.key: "d" for case in plan.cases}), interrupted)


def cell_of(run, backend, n=100, control=False):
    return next(c for c in run.cells if (c.backend, c.n_samples, c.control) == (backend, n, control))


def key_of(plan, worker, n=100):
    return next(c.id for c in plan.cells if (c.label, c.case.n_samples) == (worker, n))


def test_a_process_is_one_sample():
    """The rounds of a process become their median, and the interval is over the processes, here their range."""
    plan = a_plan()
    found = cell_of(run_of(plan, samples_of(plan)), "mine")
    assert found.samples_s == pytest.approx([0.002, 0.00202, 0.00198, 0.00201, 0.00199, 0.002])
    assert (found.median_s, found.ci_low_s, found.ci_high_s) == pytest.approx((0.002, 0.00198, 0.00202))
    assert found.per_iteration_s == pytest.approx(0.002 / 1000)
    assert found.read_gb_per_s == pytest.approx(8 * (100 * 10 + 100) / (0.002 / 1000) / 1e9)
    assert (found.peak_bytes, found.error) == (105, Error(6e-16, 1e-12))


def test_a_cell_records_the_rounds_that_it_had():
    """A cell of long calls has fewer rounds than the plan; one without a time has the plan's."""
    plan = a_plan(rounds=5)
    samples = samples_of(plan)
    for sample in samples[key_of(plan, "mine", 1000)]:
        sample.status, sample.rounds_s = "failed", []
    run = run_of(plan, samples)
    assert (cell_of(run, "mine").rounds, cell_of(run, "mine", 1000).rounds) == (3, 5)


def test_speedups_are_paired_and_name_their_baseline():
    """A drift that all backends share leaves no trace in a speed-up; the baseline has none over itself."""
    plan = a_plan()
    drift = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
    run = run_of(plan, samples_of(plan, jitter=drift))
    ratios = {ratio.baseline: ratio for ratio in cell_of(run, "mine").speedup}
    assert ratios["numpy_vectorized"].median == pytest.approx(5)
    assert ratios["numpy_vectorized"].ci_high == pytest.approx(5)
    assert ratios["python_loops"].median == pytest.approx(50)
    assert [ratio.baseline for ratio in cell_of(run, "numpy_vectorized").speedup] == ["python_loops"]
    assert run.reasons == ["8 of 8 cells are noisy or waited for their processor; close other programs"]


def test_fewer_than_six_processes_have_no_interval():
    """Null where it is not defined, in times and in ratios."""
    plan = a_plan(blocks=3)
    run = run_of(plan, samples_of(plan))
    found = cell_of(run, "mine")
    assert found.median_s == pytest.approx(0.002)
    assert (found.ci_low_s, found.ci_high_s) == (None, None)
    assert all(ratio.ci_low is None for ratio in found.speedup)


@pytest.mark.parametrize(("bad", "shown"), [(("timeout", "failed"), "timeout"), (("skipped",), "skipped")])
def test_the_worst_status_of_the_blocks_is_shown(bad, shown):
    """A cell is ok only if all of its blocks are."""
    plan = a_plan()
    samples = samples_of(plan)
    key = key_of(plan, "mine")
    samples[key][1 : 1 + len(bad)] = [CellSample(cell=key, block=i, status=status) for i, status in enumerate(bad, 1)]
    assert cell_of(run_of(plan, samples), "mine").status == shown


def test_one_bad_block_and_the_cell_has_no_time():
    """A wrong block makes the cell wrong; it has no figure, and is no baseline for others."""
    plan = a_plan()
    samples = samples_of(plan)
    key = key_of(plan, "python_loops")
    samples[key][3] = CellSample(cell=key, block=3, status="wrong", detail="beta is off", error=Error(1.0, 1e-12))
    samples[key][4] = CellSample(cell=key, block=4, status="failed", detail="it broke")
    run = run_of(plan, samples)
    found = cell_of(run, "python_loops")
    assert (found.status, found.detail, found.error) == ("wrong", "beta is off", Error(1.0, 1e-12))
    assert (found.median_s, found.samples_s, found.speedup, found.cold_costs.import_s) == (None, [], [], None)
    assert [ratio.baseline for ratio in cell_of(run, "mine").speedup] == ["numpy_vectorized"]
    assert cell_of(run, "python_loops", 1000).status == "ok"


@pytest.mark.parametrize(
    ("factor", "blocks", "stable"), [(1.1, 6, False), (1.01, 6, True), (1.5, 3, False), (1.05, 3, True)]
)
def test_the_control_decides_whether_the_run_is_stable(factor, blocks, stable):
    """NumPy against itself: off by over 2 % with an interval beyond 1, or grossly where there is no interval."""
    plan = a_plan(blocks=blocks)
    run = run_of(plan, samples_of(plan, SECONDS | {CONTROL: 0.01 * factor}))
    assert run.stable is stable
    assert ("A/A control failed" in " ".join(run.reasons)) is not stable


def test_a_run_that_did_not_get_its_processor_is_unstable():
    """One thread that used half of its wall time was waiting: with many such cells no figure is to be trusted."""
    plan = a_plan()
    samples = samples_of(plan)
    for worker in ("mine", "python_loops"):
        for n in (100, 1000):
            for sample in samples[key_of(plan, worker, n)]:
                sample.cpu_over_wall = 0.5
    run = run_of(plan, samples)
    assert "4 of 8 cells are noisy or waited" in run.reasons[0]
    assert "waited for its processor: 0.50" in cell_of(run, "mine").flags


def test_a_control_that_could_see_nothing():
    """An interval of half to double its median would pass any difference: it is no good sign."""
    plan = a_plan()
    samples = samples_of(plan)
    for sample, factor in zip(samples[key_of(plan, CONTROL)], (0.7, 1.0, 1.0, 1.0, 1.0, 1.5), strict=True):
        sample.rounds_s = [0.01 * factor]
    assert "A/A control too wide to detect a difference" in run_of(plan, samples).reasons[0]


def test_a_wide_control_is_no_contradiction():
    """A control that is off by 5 % with an interval that holds 1 says only that the run is noisy."""
    plan = a_plan()
    samples = samples_of(plan)
    for sample, factor in zip(samples[key_of(plan, CONTROL)], (0.9, 1.05, 1.05, 1.06, 1.04, 1.2), strict=True):
        sample.rounds_s = [0.01 * factor]
    assert run_of(plan, samples).stable


def test_cold_costs_come_from_cold_processes():
    """Compile and first call are those of the processes in which the cell came first, and never of others."""
    plan = a_plan()
    samples = samples_of(plan)
    key = key_of(plan, "mine")
    for sample in samples[key]:
        if not sample.cold:
            sample.first_call_s, sample.compile_s = 99.0, 99.0
    found = cell_of(run_of(plan, samples), "mine").cold_costs
    assert found.compile_s == pytest.approx(0.2)
    assert found.first_call_s < 1
    for sample in samples[key]:
        sample.cold = False
    assert cell_of(run_of(plan, samples), "mine").cold_costs.first_call_s is None


def test_when_it_pays_back():
    """Calls until import, prepare and first call are repaid: never where calls are slower, null where they are tied."""
    plan = a_plan()
    samples = samples_of(plan)
    for sample in samples[key_of(plan, "mine")]:
        sample.import_s, sample.first_call_s = 1.1, 0.302
    found = {name: cell_of(run_of(plan, samples), name).cold_costs.break_even_calls for name in NAMES}
    # 1.1 + 0.302 seconds cold against 0.1 + 0.30995, and 8 ms gained with each call after the first: 124.006 calls.
    assert found == {"python_loops": "never", "numpy_vectorized": None, "mine": 1 + 125}
    tied = samples_of(plan, SECONDS | {"mine": 0.01})
    assert cell_of(run_of(plan, tied), "mine").cold_costs.break_even_calls is None


def test_what_is_flagged():
    """Noise, outliers and a library that takes more processors than it was given."""
    plan = a_plan()
    samples = samples_of(plan, jitter=(1.0, 1.3, 1.0, 1.3, 1.6, 1.0))
    for sample in samples[key_of(plan, "mine")]:
        sample.cpu_over_wall = 1.9
    flags = cell_of(run_of(plan, samples), "mine").flags
    assert [flag.partition(":")[0] for flag in flags] == ["noisy", "more processors than declared"]
    one_off = samples_of(plan, jitter=(1.0, 1.001, 1.002, 1.001, 1.0, 1.9))
    assert cell_of(run_of(plan, one_off), "mine").flags == ["outliers: 1 of 6"]
    assert cell_of(run_of(plan, samples_of(plan)), "mine").flags == []


@pytest.mark.parametrize(
    ("rounds", "flagged"),
    [
        ((1.0, 1.02, 1.04, 1.06, 1.08), True),
        ((1.08, 1.06, 1.04, 1.02, 1.0), True),
        ((1.0, 1.01, 1.02, 1.03, 1.04), False),  # by less than 5 %
        ((1.0, 1.0, 1.0, 1.0, 1.5), False),  # one slow round is no drift
        ((1.0, 1.05, 1.1), True),
        ((1.0, 0.9, 1.2), False),  # three rounds that do not agree
        ((1.0, 1.2), False),
    ],
)
def test_no_steady_state(rounds, flagged):
    """More than half of the processes whose rounds move by over 5 % in one direction, and no fewer."""
    plan = a_plan()
    samples = samples_of(plan)
    for many in (4, 3):
        for number, sample in enumerate(samples[key_of(plan, "mine")]):
            middle = sorted(rounds)[len(rounds) // 2]
            sample.rounds_s = [0.002 * r / middle for r in rounds] if number < many else [0.002] * 5
        flags = cell_of(run_of(plan, samples), "mine").flags
        assert flags == (["no steady state: 4 of 6 processes"] if flagged and many == 4 else [])


def test_processes_that_drift_apart_are_in_a_steady_state():
    """Three up and three down are noise."""
    plan = a_plan()
    samples = samples_of(plan)
    for number, sample in enumerate(samples[key_of(plan, "mine")]):
        sample.rounds_s = [0.002 * (1 + 0.03 * step * (-1) ** number) for step in range(-2, 3)]
    assert cell_of(run_of(plan, samples), "mine").flags == []


def test_a_control_that_fails_is_flagged():
    """The cell of the control carries the flag with its figure; a control that holds 1 has none."""
    plan = a_plan()
    run = run_of(plan, samples_of(plan, SECONDS | {CONTROL: 0.011}))
    assert cell_of(run, "numpy_vectorized", control=True).flags == ["A/A control: 0.909"]
    assert cell_of(run, "numpy_vectorized").flags == []
    assert cell_of(run_of(plan, samples_of(plan)), "numpy_vectorized", control=True).flags == []


def test_threads_beyond_the_declared_are_flagged():
    """What a worker found when it looked: a library with more threads, or a file that widened its own affinity."""
    plan = a_plan()
    samples = samples_of(plan)
    for sample in samples[key_of(plan, "mine")]:
        sample.threads_seen = {"processors": 1, "openblas": 1}
    samples[key_of(plan, "mine")][2].threads_seen = {"processors": 2, "openblas": 8, "numba": 1}
    flags = cell_of(run_of(plan, samples), "mine").flags
    assert flags == ["more processors than declared: openblas 8, processors 2"]
    assert flags[0].partition(":")[0] in FLAGS


def block(index, threads=1, **sentinels):
    return Block(
        index=index, threads=threads, order=[], cells={}, hash_seed=1, padding_bytes=0, started="", sentinels=sentinels
    )


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (
            (1.0, 1.02, 1.04, 1.06, 1.08),
            "drift: from start to end the machine became 8% slower at memory (2 thread(s))",
        ),
        ((1.0, 0.98, 0.96, 0.93, 0.90), "10% faster at memory"),
        ((1.0, 1.01, 1.02, 1.03, 1.04), None),
        ((1.0, 1.0, 1.0, 1.0, 2.0), None),
        ((1.0, 1.2, 0.9, 1.3, 1.0), None),  # a slope that may as well be none
        ((1.0, 2.0), None),
    ],
)
def test_a_drifting_sentinel_makes_the_run_unstable(seconds, reason):
    """Over 5 % from the first look to the last, by thread count; one slow look is no drift."""
    blocks = [block(i, 2, memory=[s], arithmetic=[1.0]) for i, s in enumerate(seconds)]
    blocks += [block(i, 1, memory=[2.0]) for i in range(5)]
    plan = a_plan()
    run = aggregate(plan, samples_of(plan), blocks, sample_run.start({case.key: "d" for case in plan.cases}), False)
    assert run.stable is (reason is None)
    assert (reason or "") in " ".join(run.reasons)


def test_every_flag_has_its_line_of_advice():
    """The flags that aggregate and the workers can set are those that FLAGS explains."""
    bench = Path(assembling.__file__).parents[1]
    source = Path(assembling.__file__).read_text() + (bench / "measure" / "cell.py").read_text()
    flags = set(re.findall(r"""flags(?:\.append\(f?| = \[)"([^":{]+)""", source))
    assert flags == set(FLAGS)


def test_what_never_ran():
    """Unavailable, skipped for its dtype, skipped with a prediction, interrupted: each with its reason."""
    missing = Backend("gone", "gone", "gone", None, ("float64",), "gone is not installed; try: pip install gone")
    double = Backend("double", "double", "double", None, ("float64",), None)
    plan = a_plan()
    plan = a_plan(backends=(*plan.backends, missing, double), dtypes=("float64", "float32"))
    samples = samples_of(plan, SECONDS | {"double": 1.0})
    key = key_of(plan, "mine")
    samples[key] = [CellSample(cell=key, block=0, status="skipped", detail="too long", predicted_s=12.5)]
    del samples[key_of(plan, "double")]
    run = run_of(plan, samples, interrupted=True)
    assert cell_of(run, "gone").status == "unavailable"
    assert "pip install gone" in cell_of(run, "gone").detail
    assert (cell_of(run, "mine").status, cell_of(run, "mine").predicted_s) == ("skipped", 12.5)
    assert cell_of(run, "double").status == "interrupted"
    single = [c for c in run.cells if c.backend == "double" and c.dtype == "float32"]
    assert {(c.status, c.detail) for c in single} == {("skipped", "computes in float64 only")}
    assert not run.stable
    assert run.reasons[0].startswith("interrupted")


def test_the_command_that_runs_a_cell_alone():
    """It names backend, problem, dtype, threads, iterations and seed as a shell needs them."""
    own = Backend("my own", "/abs/my own.py", "my own.py", None, ("float64",), None)
    data = Case("csv", "table", 50, 3, 1000, path="/abs/a table.csv", argument="a table.csv", target="the y")
    plan = a_plan(backends=(*a_plan().backends, own), cases=(*CASES, data), mode="full")
    commands = [c.rerun for c in run_of(plan, {}).cells if c.backend == "my own"]
    assert commands[0] == (
        "gdbench run --full -b 'my own.py' --size 100x10 --dtype float64 --threads 1 --max-iter 1000 --seed 0"
    )
    assert "--data 'a table.csv' --target 'the y'" in commands[2]
    assert not any("/abs" in command for command in commands)
