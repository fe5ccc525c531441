"""aggregate() computes the status, times, speed-ups and flags of each cell from the samples."""

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from helpers import sample_run

import bench
from bench.analysis.aggregate import aggregate, preliminary_cells
from bench.plan import CELL_SHARE, CONTROL, Backend, Case, Plan, block_plans
from bench.records import FLAGS, Block, CellSample, Error, ProblemId

CASES = (Case("synthetic", "synthetic", 100, 10, 1000, 0), Case("synthetic", "synthetic", 1000, 10, 200, 0))
NAMES = ("python_loops", "numpy_vectorized", "mine")
SECONDS = {"python_loops": 0.1, "numpy_vectorized": 0.01, CONTROL: 0.01, "mine": 0.002}


def make_plan(blocks=6, **changes):
    backends = tuple(Backend(name, name, name, None, ("float64", "float32"), None) for name in NAMES)
    fields = {"backends": backends, "cases": CASES, "dtypes": ("float64",), "threads": (1,), "blocks": blocks}
    return Plan(**fields | {"rounds": 3, "seed": 0, "budget_s": 60.0, "mode": "default"} | changes)


def samples_of(plan, seconds=SECONDS, jitter=(1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.0, 1.0, 1.0, 1.0)):
    """One sample per cell and block, as on a quiet machine. A cell is cold in the blocks in which it comes first."""
    samples = {}
    for block in block_plans(plan):
        for cells in block.cells.values():
            for position, cell in enumerate(cells):
                time = seconds[cell.label] * jitter[block.index]
                samples.setdefault(cell.id, []).append(
                    CellSample(
                        cell=cell.id, block=block.index, status="ok", rounds_s=[time, time * 1.5, time * 0.9], calls=1,
                        error=Error(1e-16 * (block.index + 1), 1e-12), cold=position == 0, import_s=0.1, prepare_s=0.01,
                        compile_s=0.2, first_call_s=time + 0.3, peak_bytes=100 + block.index, cpu_over_wall=1.0,
                    )
                )  # fmt: skip
    return samples


def run_of(plan, samples, blocks=(), interrupted=False):
    return aggregate(plan, samples, [*blocks], sample_run.manifest({case.key: "d" for case in plan.cases}), interrupted)


def cell_of(run, backend, n=100, control=False):
    return next(c for c in run.cells if (c.backend, c.n_samples, c.control) == (backend, n, control))


def key_of(plan, worker, n=100):
    return next(c.id for c in plan.cells if (c.label, c.case.n_samples) == (worker, n))


@pytest.fixture
def plan():
    return make_plan()


@pytest.fixture
def samples(plan):
    return samples_of(plan)


def test_sample_is_the_median_of_the_rounds_of_a_process(plan, samples):
    """The rounds of a process become their median. The interval of six processes is their range."""
    cell = cell_of(run_of(plan, samples), "mine")
    assert cell.samples_s == pytest.approx([0.002, 0.00202, 0.00198, 0.00201, 0.00199, 0.002])
    assert (cell.median_s, cell.ci_low_s, cell.ci_high_s) == pytest.approx((0.002, 0.00198, 0.00202))
    assert cell.per_iteration_s == pytest.approx(0.002 / 1000)
    assert cell.read_gb_per_s == pytest.approx(8 * (100 * 10 + 100) / (0.002 / 1000) / 1e9)
    assert (cell.peak_bytes, cell.error) == (105, Error(6e-16, 1e-12))


def test_cell_records_its_number_of_rounds():
    """A cell with long calls has fewer rounds than the plan. A cell without a time has the rounds of the plan."""
    plan = make_plan(rounds=5)
    samples = samples_of(plan)
    for sample in samples[key_of(plan, "mine", 1000)]:
        sample.status, sample.rounds_s = "failed", []
    run = run_of(plan, samples)
    assert (cell_of(run, "mine").rounds, cell_of(run, "mine", 1000).rounds) == (3, 5)


def test_speedups_are_paired_and_name_their_baseline(plan):
    """Drift common to all backends does not change a speed-up. The baseline has no speed-up over itself."""
    drift = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
    run = run_of(plan, samples_of(plan, jitter=drift))
    ratios = {ratio.baseline: ratio for ratio in cell_of(run, "mine").speedup}
    assert ratios["numpy_vectorized"].median == pytest.approx(5)
    assert ratios["numpy_vectorized"].ci_high == pytest.approx(5)
    assert ratios["python_loops"].median == pytest.approx(50)
    assert [ratio.baseline for ratio in cell_of(run, "numpy_vectorized").speedup] == ["python_loops"]
    assert run.reasons == ["8 of 8 cells are noisy or waited for their processor; close other programs"]


def test_fewer_than_six_processes_have_no_interval():
    """With three processes, times and ratios have no interval."""
    plan = make_plan(blocks=3)
    cell = cell_of(run_of(plan, samples_of(plan)), "mine")
    assert cell.median_s == pytest.approx(0.002)
    assert (cell.ci_low_s, cell.ci_high_s) == (None, None)
    assert cell.speedup and all(ratio.ci_low is None for ratio in cell.speedup)


@pytest.mark.parametrize(("bad", "shown"), [(("timeout", "failed"), "timeout"), (("skipped",), "skipped")])
def test_the_worst_status_of_the_blocks_is_shown(bad, shown, plan, samples):
    """A cell is ok only if all of its blocks are."""
    key = key_of(plan, "mine")
    samples[key][1 : 1 + len(bad)] = [CellSample(cell=key, block=i, status=status) for i, status in enumerate(bad, 1)]
    assert cell_of(run_of(plan, samples), "mine").status == shown


def test_cell_with_one_wrong_block_has_no_time(plan, samples):
    """A wrong block makes the cell wrong: it has no times and is no baseline. Other cells stay ok."""
    key = key_of(plan, "python_loops")
    samples[key][3] = CellSample(cell=key, block=3, status="wrong", detail="beta is off", error=Error(1.0, 1e-12))
    samples[key][4] = CellSample(cell=key, block=4, status="failed", detail="it broke")
    run = run_of(plan, samples)
    cell = cell_of(run, "python_loops")
    assert (cell.status, cell.detail, cell.error) == ("wrong", "beta is off", Error(1.0, 1e-12))
    assert (cell.median_s, cell.samples_s, cell.speedup, cell.cold_costs.import_s) == (None, [], [], None)
    assert [ratio.baseline for ratio in cell_of(run, "mine").speedup] == ["numpy_vectorized"]
    assert cell_of(run, "python_loops", 1000).status == "ok"


@pytest.mark.parametrize(
    ("factor", "blocks", "stable"), [(1.1, 6, False), (1.01, 6, True), (1.5, 3, False), (1.05, 3, True)]
)
def test_failed_control_makes_the_run_unstable(factor, blocks, stable):
    """The A/A control fails if its ratio is off by more than 2 % and its interval excludes 1, or by much without an interval."""
    plan = make_plan(blocks=blocks)
    run = run_of(plan, samples_of(plan, SECONDS | {CONTROL: 0.01 * factor}))
    assert run.stable is stable
    assert ("A/A control failed" in " ".join(run.reasons)) is not stable


def test_run_that_waits_for_its_processor_is_unstable(plan, samples):
    """A cell with one thread that uses half of its wall time is flagged. Many such cells make the run unstable."""
    for worker in ("mine", "python_loops"):
        for n in (100, 1000):
            for sample in samples[key_of(plan, worker, n)]:
                sample.cpu_over_wall = 0.5
    run = run_of(plan, samples)
    assert "4 of 8 cells are noisy or waited" in run.reasons[0]
    assert "waited for its processor: 0.50" in cell_of(run, "mine").flags


def with_cpu_over_wall(plan, ratio):
    """The samples of a quiet machine, all with this CPU time over wall time."""
    samples = samples_of(plan)
    for sample in (sample for found in samples.values() for sample in found):
        sample.cpu_over_wall = ratio
    return samples


@pytest.mark.parametrize(
    ("threads", "ratio", "flags"),
    [
        (1, 0.91, []),
        (1, 0.5, ["waited for its processor: 0.50"]),
        (2, 1.81, []),
        (2, 1.0, ["waited or idle: 0.50 per thread"]),
        (4, 3.0, ["waited or idle: 0.75 per thread"]),
    ],
)
def test_missing_processor_time_is_flagged_for_any_number_of_threads(threads, ratio, flags):
    """With several threads, some may be idle in parts of a backend, so the run stays stable."""
    plan = make_plan(threads=(threads,))
    run = run_of(plan, with_cpu_over_wall(plan, ratio))
    assert cell_of(run, "mine").flags == flags
    assert run.stable is (threads > 1 or not flags)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("throttled_s", "named"), [(0.5, True), (0.001, False), (msgspec.UNSET, False)])
def test_a_quota_is_named_as_the_cause(threads, throttled_s, named):
    """The blocks of this number of threads count. The reason names the quota and not other programs."""
    plan = make_plan(threads=(threads,))
    blocks = [block(0, threads, memory=[1.0]), block(0, 7, memory=[1.0])]
    blocks[0].seconds, blocks[0].throttled_s = 10.0, throttled_s
    blocks[1].seconds, blocks[1].throttled_s = 10.0, 9.0
    manifest = sample_run.manifest({case.key: "d" for case in plan.cases})
    run = aggregate(plan, with_cpu_over_wall(plan, 0.5), blocks, manifest, False)
    flags = cell_of(run, "mine").flags
    assert any(flag.startswith("throttled by its CPU quota: ") for flag in flags) is named
    assert any(flag.startswith("waited") for flag in flags) is not named
    assert any("throttled by the CPU quota" in reason for reason in run.reasons) is named
    assert any("waited for their processor" in reason for reason in run.reasons) is (threads == 1 and not named)


def test_too_wide_control_makes_the_run_unstable(plan, samples):
    """A control with an interval from 0.7 to 1.5 cannot detect a difference."""
    for sample, factor in zip(samples[key_of(plan, CONTROL)], (0.7, 1.0, 1.0, 1.0, 1.0, 1.5), strict=True):
        sample.rounds_s = [0.01 * factor]
    assert "A/A control too wide to detect a difference" in run_of(plan, samples).reasons[0]


def test_control_whose_interval_contains_1_is_no_failure(plan, samples):
    """A control that is off by 5 % does not fail if its interval contains 1."""
    for sample, factor in zip(samples[key_of(plan, CONTROL)], (0.9, 1.05, 1.05, 1.06, 1.04, 1.2), strict=True):
        sample.rounds_s = [0.01 * factor]
    assert run_of(plan, samples).stable


def test_cold_costs_come_from_cold_processes(plan, samples):
    """Compile time and first call are measured only in processes in which the cell comes first."""
    key = key_of(plan, "mine")
    for sample in samples[key]:
        if not sample.cold:
            sample.first_call_s, sample.compile_s = 99.0, 99.0
    costs = cell_of(run_of(plan, samples), "mine").cold_costs
    assert costs.compile_s == pytest.approx(0.2)
    assert costs.first_call_s < 1
    for sample in samples[key]:
        sample.cold = False
    assert cell_of(run_of(plan, samples), "mine").cold_costs.first_call_s is None


def test_break_even_calls(plan, samples):
    """The number of calls that repay the cold costs: "never" for a slower backend, None for a tie."""
    for sample in samples[key_of(plan, "mine")]:
        sample.import_s, sample.first_call_s = 1.1, 0.302
    run = run_of(plan, samples)
    calls = {name: cell_of(run, name).cold_costs.break_even_calls for name in NAMES}
    # 1.1 + 0.302 seconds cold against 0.1 + 0.30995, and each later call saves 8 ms: 124.006 calls.
    assert calls == {"python_loops": "never", "numpy_vectorized": None, "mine": 1 + 125}
    tied = samples_of(plan, SECONDS | {"mine": 0.01})
    assert cell_of(run_of(plan, tied), "mine").cold_costs.break_even_calls is None


def test_flags_of_noise_processors_and_outliers(plan):
    """Noise, outliers and use of too many processors are flagged. A quiet cell has no flag."""
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
        ((1.0, 1.01, 1.02, 1.03, 1.04), False),  # less than 5 %
        ((1.0, 1.0, 1.0, 1.0, 1.5), False),  # one slow round
        ((1.0, 1.05, 1.1), True),
        ((1.0, 0.9, 1.2), False),  # two directions
        ((1.0, 1.2), False),
    ],
)
def test_drift_inside_most_processes_is_flagged(rounds, flagged, plan, samples):
    """The flag needs more than half of the processes, with rounds that move by more than 5 % in one direction."""
    for count in (4, 3):
        for number, sample in enumerate(samples[key_of(plan, "mine")]):
            middle = sorted(rounds)[len(rounds) // 2]
            sample.rounds_s = [0.002 * r / middle for r in rounds] if number < count else [0.002] * 5
        flags = cell_of(run_of(plan, samples), "mine").flags
        assert flags == (["no steady state: 4 of 6 processes"] if flagged and count == 4 else [])


def test_drift_in_both_directions_is_not_flagged(plan, samples):
    """Three processes that become slower and three that become faster are noise."""
    for number, sample in enumerate(samples[key_of(plan, "mine")]):
        sample.rounds_s = [0.002 * (1 + 0.03 * step * (-1) ** number) for step in range(-2, 3)]
    assert cell_of(run_of(plan, samples), "mine").flags == []


def test_failed_control_is_flagged(plan):
    """The flag is on the cell of the control and gives its ratio. A good control has no flag."""
    run = run_of(plan, samples_of(plan, SECONDS | {CONTROL: 0.011}))
    assert cell_of(run, "numpy_vectorized", control=True).flags == ["A/A control: 0.909"]
    assert cell_of(run, "numpy_vectorized").flags == []
    assert cell_of(run_of(plan, samples_of(plan)), "numpy_vectorized", control=True).flags == []


def test_more_threads_than_declared_are_flagged(plan, samples):
    """The flag names libraries with more threads and processors beyond the affinity of the plan."""
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
        ((1.0, 1.2, 0.9, 1.3, 1.0), None),  # no significant slope
        ((1.0, 2.0), None),
    ],
)
def test_drift_of_a_sentinel_makes_the_run_unstable(seconds, reason, plan, samples):
    """Drift is a trend of more than 5 % from the first block to the last, per number of threads. One slow block is no drift."""
    blocks = [block(i, 2, memory=[s], arithmetic=[1.0]) for i, s in enumerate(seconds)]
    blocks += [block(i, 1, memory=[2.0]) for i in range(5)]
    run = run_of(plan, samples, blocks)
    assert run.stable is (reason is None)
    assert (reason or "") in " ".join(run.reasons)


def test_every_flag_has_advice():
    """The flags in the code of aggregate and of the workers are the keys of FLAGS."""
    folder = Path(bench.__file__).parent
    source = "".join((folder / name).read_text() for name in ("analysis/aggregate.py", "measure/cell.py"))
    flags = set(re.findall(r"""flags(?:\.append\(f?| = \[)"([^":{]+)""", source))
    assert flags == set(FLAGS)


def test_cell_without_samples_has_a_status_and_a_reason():
    """Cells are unavailable, skipped for their dtype, skipped with a prediction, or interrupted."""
    missing = Backend("gone", "gone", "gone", None, ("float64",), "gone is not installed; try: pip install gone")
    double = Backend("double", "double", "double", None, ("float64",), None)
    plan = make_plan(backends=(*make_plan().backends, missing, double), dtypes=("float64", "float32"))
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


def test_rerun_command():
    """The command of a cell names backend, problem, dtype, threads, iterations and seed, quoted for a shell."""
    own = Backend("my own", "/abs/my own.py", "my own.py", None, ("float64",), None)
    data = Case("csv", "table", 50, 3, 1000, path="/abs/a table.csv", argument="a table.csv", target="the y")
    plan = make_plan(backends=(*make_plan().backends, own), cases=(*CASES, data), mode="full")
    commands = [c.rerun for c in run_of(plan, {}).cells if c.backend == "my own"]
    assert commands[0] == (
        "gdbench run --full -b 'my own.py' --size 100x10 --dtype float64 --threads 1 --max-iter 1000 --seed 0"
    )
    assert "--data 'a table.csv' --target 'the y'" in commands[2]
    assert not any("/abs" in command for command in commands)
    read = replace(data, features=("a", "b c"), missing=("-999",), keep_text=True, header=False)
    command = next(c.rerun for c in run_of(make_plan(cases=(read,)), {}).cells)
    assert " --features=a '--features=b c' --missing=-999 --keep-text --no-header --dtype" in command
    assert " --threads 1 --cpus 3,2 " in run_of(make_plan(cpus=(3, 2)), {}).cells[0].rerun


def test_rerun_command_of_names_with_a_dash():
    """No file and no column that starts with a dash is taken for an option."""
    own = Backend("-b", "/abs/-b.py", "-b.py", None, ("float64",), None)
    data = Case("csv", "table", 50, 3, 1000, path="/abs/-d.csv", argument="-d.csv", target="-t")
    plan = make_plan(backends=(*make_plan().backends, own), cases=(data,))
    command = next(c.rerun for c in run_of(plan, {}).cells if c.backend == "-b")
    assert command.startswith("gdbench run -b ./-b.py --data ./-d.csv --target=-t --dtype")


# Thresholds, on both sides


def worker_samples(plan, samples, worker="mine", n=100):
    return samples[key_of(plan, worker, n)]


@pytest.mark.parametrize(("width", "flags"), [(0.099, []), (0.101, ["noisy: 10%"]), (0.27, ["noisy: 27%"])])
def test_a_spread_of_ten_percent_is_noisy(width, flags):
    """The spread is the interquartile range over the median of the processes."""
    plan = make_plan(blocks=4)
    samples = samples_of(plan)
    for sample, sign in zip(worker_samples(plan, samples), (-1, -1, 1, 1), strict=True):
        sample.rounds_s = [0.002 * (1 + sign * width / 2)] * 3
    assert cell_of(run_of(plan, samples), "mine").flags == flags


@pytest.mark.parametrize("count", [1, 2])
def test_one_process_has_no_spread(count):
    """Two different ones have."""
    plan = make_plan(blocks=2)
    samples = samples_of(plan)
    key = key_of(plan, "mine")
    samples[key][1].rounds_s = [0.003]
    samples[key] = samples[key][:count]
    assert bool(cell_of(run_of(plan, samples), "mine").flags) is (count == 2)


@pytest.mark.parametrize(
    ("threads", "ratio", "flagged"),
    [(1, 1.14, False), (1, 1.16, True), (4, 4.5, False), (4, 4.7, True), (1, 0.91, False), (1, 0.89, True), (4, 3.62, False), (4, 3.58, True)],
)  # fmt: skip
def test_processor_time_is_from_90_to_115_percent_per_thread(threads, ratio, flagged):
    """Outside, the cell is flagged."""
    plan = make_plan(threads=(threads,))
    flags = cell_of(run_of(plan, with_cpu_over_wall(plan, ratio)), "mine").flags
    kind = f"more processors than declared: {ratio:.2f}" if ratio > threads else "waited"
    assert [flag.startswith(kind) for flag in flags] == [True] * flagged


@pytest.mark.parametrize(("throttled_s", "named"), [(0.19, False), (0.21, True)])
def test_one_percent_of_throttled_time_is_the_cause(throttled_s, named):
    """Of all blocks together. A block that does not record it has none."""
    plan = make_plan()
    blocks = [block(0), block(1), block(2)]
    for each in blocks[:2]:
        each.seconds, each.throttled_s = 10.0, throttled_s / 2
    flags = cell_of(run_of(plan, with_cpu_over_wall(plan, 0.5), blocks), "mine").flags
    assert flags == ["throttled by its CPU quota: 0.50" if named else "waited for its processor: 0.50"]


@pytest.mark.parametrize(("kind", "ratio"), [("noisy", None), ("waited", 0.5)])
@pytest.mark.parametrize(("count", "stable"), [(2, True), (3, False)])
def test_a_quarter_of_doubtful_cells_is_the_limit(kind, ratio, count, stable):
    """Two of eight cells are a quarter, which is stable. A cell without a time does not count."""
    plan = make_plan()
    samples = samples_of(plan)
    for worker, n in [("mine", 100), ("mine", 1_000), ("python_loops", 100)][:count]:
        for number, sample in enumerate(samples[key_of(plan, worker, n)]):
            sample.cpu_over_wall = ratio
            sample.rounds_s = sample.rounds_s if ratio else [SECONDS[worker] * (1 + 0.2 * (number % 2))]
    run = run_of(plan, samples)
    assert any(flag.startswith(kind) for flag in cell_of(run, "mine").flags)
    reason = f"{count} of 8 cells are noisy or waited for their processor; close other programs"
    assert run.reasons == ([] if stable else [reason])
    without_time = samples | {key_of(plan, "numpy_vectorized", 1_000): []}
    of_seven = [f"{count} of 7 cells are noisy or waited for their processor; close other programs"]
    assert run_of(plan, without_time).reasons == (of_seven if count > 7 / 4 else [])


@pytest.mark.parametrize(("count", "stable"), [(2, True), (3, False)])
def test_a_quarter_of_throttled_cells_is_the_limit(count, stable):
    """The reason comes first."""
    plan = make_plan()
    samples = samples_of(plan)
    for worker, n in [("mine", 100), ("mine", 1_000), ("python_loops", 100)][:count]:
        for sample in samples[key_of(plan, worker, n)]:
            sample.cpu_over_wall = 0.5
    blocks = [block(i, memory=[1.0 + 0.1 * i]) for i in range(6)]
    for each in blocks:
        each.seconds, each.throttled_s = 10.0, 5.0
    first, *others = run_of(plan, samples, blocks).reasons
    message = (
        f"{count} of 8 cells were throttled by the CPU quota of this process; raise the quota, or use fewer threads"
    )
    assert (first == message) is not stable
    assert len(others) == (0 if stable else 1)


def with_control(ratios, blocks=6):
    """The reasons of a run in which the control takes 1 / ratio times as long as its backend in each block."""
    plan = make_plan(blocks=blocks)
    samples = samples_of(plan)
    for n in (100, 1_000):
        pairs = zip(
            samples[key_of(plan, "numpy_vectorized", n)], samples[key_of(plan, CONTROL, n)], ratios, strict=True
        )
        for sample, control, ratio in pairs:
            sample.rounds_s, control.rounds_s = [0.01], [0.01 / (ratio if n == 1_000 else 1.0)]
    return run_of(plan, samples).reasons


@pytest.mark.parametrize(
    ("ratios", "kind"),
    [
        ([1.019] * 6, None),
        ([1.021] * 6, "failed"),
        ([1 / 1.019] * 6, None),
        ([1 / 1.021] * 6, "failed"),
        ([1.0, *[1.05] * 5], None),  # the interval contains 1
        ([1.001, *[1.05] * 5], "failed"),
        ([1.09] * 3, None),  # without an interval
        ([1.11] * 3, "failed"),
        ([1 / 1.11] * 3, "failed"),
        ([0.8, 0.9, 1.0, 1.0, 1.1, 1.27], None),
        ([0.8, 0.9, 1.0, 1.0, 1.1, 1.29], "too wide to detect a difference"),
    ],
)
def test_a_control_may_differ_by_two_percent(ratios, kind):
    """Or by 10 % without an interval. The ends of its interval may differ by a factor of 1.6."""
    reasons = with_control(ratios, len(ratios))
    assert [reason.split(" at synthetic")[0] for reason in reasons] == ([f"A/A control {kind}"] if kind else [])


def test_the_reason_of_a_control_has_its_numbers():
    """Problem, dtype, threads, ratio and interval."""
    where = "at synthetic 1000 x 10 (float64, 1 thread(s)): numpy_vectorized over itself gives"
    (reason,) = with_control([1.03, 1.04, 1.05, 1.05, 1.06, 1.07])
    assert reason == f"A/A control failed {where} 1.050 [1.030, 1.070]; run again on a quiet machine"
    (reason,) = with_control([1.2] * 3, 3)
    assert reason == f"A/A control failed {where} 1.200; run again on a quiet machine"


@pytest.mark.parametrize(
    ("rounds", "flagged"),
    [
        ((0.974, 1.0, 1.025), True),
        ((0.976, 1.0, 1.025), False),
        ((1.025, 1.0, 0.974), True),
        ((1.0, 1.1, 1.05), False),  # three or four rounds need the same direction in each step
        ((1.0, 1.1, 1.05, 1.2), False),
        ((1.0, 1.02, 1.04, 1.06), True),
        ((1.0, 1.04, 1.03, 1.07, 1.1), True),
    ],
)
def test_rounds_drift_by_more_than_five_percent(rounds, flagged):
    """From the first to the last round, as a share of the median."""
    plan = make_plan()
    samples = samples_of(plan)
    for sample in worker_samples(plan, samples):
        sample.rounds_s = [0.002 * r / sorted(rounds)[len(rounds) // 2] for r in rounds]
    flags = cell_of(run_of(plan, samples), "mine").flags
    assert flags == (["no steady state: 6 of 6 processes"] if flagged else [])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((1.0, 1.02, 1.04, 1.053), "5% slower at memory (1 thread(s))"),
        ((1.0, 1.02, 1.03, 1.049), None),
        ((1.053, 1.04, 1.02, 1.0), "5% faster at memory (1 thread(s))"),
        ((1.0, 1.03, 1.06), "6% slower at memory (1 thread(s))"),
        ((1.0, 1.06), None),
    ],
)
def test_a_sentinel_drifts_by_more_than_five_percent(seconds, words):
    """From the first block to the last, with the direction and the number of threads."""
    plan = make_plan()
    reasons = run_of(plan, samples_of(plan), [block(i, memory=[s]) for i, s in enumerate(seconds)]).reasons
    message = f"drift: from start to end the machine became {words}; run again on a quiet machine"
    assert reasons == ([message] if words else [])


# What a cell takes from its samples


def test_the_error_of_a_cell_is_nearest_to_its_bound():
    """A larger error with a much larger bound is farther from it. A sample without an error does not count."""
    plan = make_plan()
    samples = samples_of(plan)
    errors = [Error(1e-9, 1.0), Error(1e-13, 1e-12), Error(1e-10, 1e-3), None, Error(0.0, 0.0), Error(1e-14, 1e-12)]
    for sample, error in zip(worker_samples(plan, samples), errors, strict=True):
        sample.error = error
    assert cell_of(run_of(plan, samples), "mine").error == errors[1]


def test_a_cell_has_the_medians_and_maxima_of_its_samples():
    """Missing values do not count, and without any value there is none."""
    plan = make_plan()
    samples = samples_of(plan)
    for number, sample in enumerate(worker_samples(plan, samples)):
        sample.import_s, sample.prepare_s = (None, None) if number == 0 else (0.1 * number, 0.2 * number)
        sample.peak_bytes, sample.cpu_over_wall = (None, None) if number == 5 else (100 - number, 0.95 + 0.01 * number)
        sample.error_curve = [[float(number), 0.0, 1.0]] if number > 1 else None
        sample.flags = ["warm", "compiled"][: number % 3]
        sample.calls = 3
    cell = cell_of(run_of(plan, samples), "mine")
    assert (cell.cold_costs.import_s, cell.cold_costs.prepare_s) == pytest.approx((0.3, 0.6))
    assert (cell.peak_bytes, cell.cpu_over_wall, cell.calls) == (100, pytest.approx(0.97), 3)
    assert cell.error_curve == [[2.0, 0.0, 1.0]]
    assert cell.flags == ["compiled", "warm"]
    for sample in worker_samples(plan, samples):
        sample.peak_bytes = sample.cpu_over_wall = sample.import_s = sample.error_curve = sample.error = None
    cell = cell_of(run_of(plan, samples), "mine")
    assert (cell.peak_bytes, cell.cpu_over_wall, cell.cold_costs.import_s) == (None, None, None)
    assert (cell.error, cell.error_curve) == (None, None)


def test_a_cell_has_the_fields_of_its_plan():
    """Name, problem, digest, dtype, threads and iterations come from the plan and the manifest."""
    algorithm = Backend("qr", "qr", "qr", "QR", ("float64",), None)
    plan = make_plan(backends=(*make_plan().backends, algorithm), threads=(2,), seed=7)
    run = run_of(plan, samples_of(plan, SECONDS | {"qr": 0.5}))
    cell = cell_of(run, "qr", 1_000)
    assert (cell.algorithm, cell.control, cell.dtype, cell.threads) == ("QR", False, "float64", 2)
    assert cell.problem == ProblemId("synthetic", "d", CASES[1].seed)
    assert (cell.n_samples, cell.n_features, cell.n_iter, cell.status, cell.detail) == (1_000, 10, 200, "ok", None)
    assert (cell.per_iteration_s, cell.read_gb_per_s) == (pytest.approx(0.5 / 200), None)
    assert cell.error == Error(6e-16, 1e-12)
    assert (run.created, run.command, run.blocks, run.stable) == ("now", "gdbench run", [], True)
    assert run.plan == plan.describe()


def test_without_iterations_there_is_no_time_per_iteration():
    """A call still has a time."""
    plan = make_plan(cases=(Case("synthetic", "synthetic", 100, 10, 0, 0),))
    cell = cell_of(run_of(plan, samples_of(plan)), "mine")
    assert (cell.per_iteration_s, cell.read_gb_per_s) == (None, None)
    assert cell.median_s == pytest.approx(0.002)


def test_an_interrupted_cell_has_the_times_of_its_blocks():
    """Missing blocks are None, in block order. A complete cell stays ok, and one without samples says why."""
    plan = make_plan()
    samples = samples_of(plan)
    key = key_of(plan, "mine")
    samples[key] = [samples[key][block] for block in (4, 1, 2)]
    samples[key][2].rounds_s = []
    del samples[key_of(plan, "python_loops")]
    for interrupted in (True, False):
        run = run_of(plan, samples, interrupted=interrupted)
        cell = cell_of(run, "mine")
        assert cell.samples_s == [None, pytest.approx(0.00202), None, None, pytest.approx(0.00199), None]
        expected = ("interrupted", "2 of 6 blocks were run") if interrupted else ("ok", None)
        assert (cell.status, cell.detail) == expected
        assert cell_of(run, "mine", 1_000).status == "ok"
        absent = cell_of(run, "python_loops")
        assert (absent.status, absent.detail) == ("interrupted", "the run ended before this cell")
        assert run.reasons == (["interrupted: not every block was run"] if interrupted else [])


def test_preliminary_cells_have_times_and_no_speedups():
    """The control is left out."""
    plan = make_plan()
    samples = samples_of(plan)
    samples = {key: of_cell[:2] for key, of_cell in samples.items() if key != key_of(plan, "python_loops")}
    cells = preliminary_cells(plan, samples)
    assert sorted((c.n_samples, c.backend) for c in cells) == sorted((n, name) for n in (100, 1_000) for name in NAMES)
    mine = next(c for c in cells if (c.backend, c.n_samples) == ("mine", 100))
    assert (mine.status, mine.detail, mine.speedup) == ("interrupted", "2 of 6 blocks were run", [])
    assert mine.median_s == pytest.approx(0.00201)
    loops = next(c for c in cells if (c.backend, c.n_samples) == ("python_loops", 100))
    assert (loops.status, loops.median_s) == ("interrupted", None)


def test_a_control_has_a_speedup_over_its_own_backend():
    """It has no break-even point. A tie with an interval has none either, and a cell without an interval has one."""
    plan = make_plan()
    run = run_of(plan, samples_of(plan, SECONDS | {CONTROL: 0.02}))
    control = cell_of(run, "numpy_vectorized", control=True)
    assert {ratio.baseline: ratio.median for ratio in control.speedup} == pytest.approx(
        {"python_loops": 5.0, "numpy_vectorized": 0.5}
    )
    assert control.cold_costs.break_even_calls is None
    assert cell_of(run, "python_loops").cold_costs.break_even_calls == "never"
    few = make_plan(blocks=3)
    assert cell_of(run_of(few, samples_of(few)), "mine").cold_costs.break_even_calls == 1


def test_only_cells_with_one_dtype_and_threads_are_compared():
    """Their speed-ups are over the baseline of the same group."""
    plan = make_plan(dtypes=("float64", "float32"), threads=(1, 2))
    samples = samples_of(plan)
    for cell in plan.cells:
        factor = (2 if cell.dtype == "float32" else 1) * (5 if cell.threads == 2 else 1)
        for sample in samples[cell.id] if cell.label == "numpy_vectorized" else ():
            sample.rounds_s = [0.01 * factor]
    run = run_of(plan, samples)
    ratios = {
        (c.dtype, c.threads): next(r.median for r in c.speedup if r.baseline == "numpy_vectorized")
        for c in run.cells
        if c.backend == "mine" and c.n_samples == 100
    }
    expected = {("float64", 1): 5, ("float32", 1): 10, ("float64", 2): 25, ("float32", 2): 50}
    assert ratios == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "predicted_s", "option"),
    [
        ({}, None, None),
        ({"has_user_budget": True, "budget_s": 60.5}, None, "61s"),
        ({"budget_s": 60.0}, 0.001, "60s"),
        ({"budget_s": 60.0}, 100.0, "larger"),
    ],
)
def test_the_rerun_of_a_skipped_cell_has_a_budget_that_suffices(changes, predicted_s, option):
    """1.5 times the predicted time of all calls fits into the share of a cell, and the budget is never smaller than before."""
    plan = make_plan(**changes)
    samples = samples_of(plan)
    key = key_of(plan, "mine")
    if predicted_s:
        samples[key] = [CellSample(cell=key, block=0, status="skipped", predicted_s=predicted_s)]
    words = cell_of(run_of(plan, samples), "mine").rerun.split()
    assert words[:3] == ["gdbench", "run", "-b"]
    assert ("--time-budget" in words) is (option is not None)
    if option == "larger":
        budget = int(words[words.index("--time-budget") + 1].removesuffix("s"))
        needed = 1.5 * predicted_s * plan.calls_per_cell * plan.blocks
        assert needed <= budget * CELL_SHARE < needed + 1
    elif option:
        assert words[words.index("--time-budget") + 1] == option
