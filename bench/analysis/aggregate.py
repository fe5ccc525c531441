"""From samples to the record of a run: medians over processes, intervals, paired speed-ups, flags, stability."""

import math
import shlex
from itertools import pairwise
from statistics import median

import msgspec

from bench.analysis.cold_costs import break_even_calls
from bench.analysis.cost_model import bytes_per_pass
from bench.analysis.roofline import rooflines
from bench.analysis.speed import LOOPS
from bench.plan import BASELINE, CELL_SHARE, CellPlan, Plan
from bench.records import (
    Block,
    Cell,
    CellSample,
    ColdCosts,
    ProblemId,
    Run,
    RunManifest,
    Speedup,
    sentinel_seconds,
    worst_status,
)
from bench.stats import holds_one, median_interval, outliers, speedup, spread, trend

NOISY = 0.10  # interquartile range over median of the process medians
CONTROL_TOLERANCE = 0.02  # the largest deviation of the A/A control from 1
MAX_CONTROL_RANGE = 1.6  # upper over lower end of the interval of the A/A control; a wider one detects nothing
MAX_DRIFT = 0.05  # change of the rounds of a process, or of a sentinel, from first to last
MAX_DOUBTFUL_SHARE = 0.25  # share of the cells that are noisy or waited for their processor
MIN_CPU = 0.9  # CPU time over wall time of one thread
MAX_CPU = 1.15  # CPU time over wall time, per declared thread


def aggregate(
    plan: Plan, samples: dict[str, list[CellSample]], blocks: list[Block], start: RunManifest, interrupted: bool
) -> Run:
    """The record of a run. samples: by cell id, at most one per block."""
    planned = plan.cells
    by_id = {cell.id: cell for cell in planned}
    times = {cell.id: _times(samples.get(cell.id, []), plan.blocks) for cell in planned}
    cells = []
    for cell in planned:
        result = _cell(plan, cell, samples.get(cell.id, []), times[cell.id], start.digests, interrupted)
        if result.median_s is not None:
            _compare(result, cell, by_id, times, samples)
        cells.append(result)
    reasons = _reasons(cells) + _drifts(blocks)
    if interrupted:
        reasons.insert(0, "interrupted: not every block was run")
    return Run(
        created=start.created,
        command=start.command,
        plan=plan.describe(),
        machine=start.machine,
        blocks=blocks,
        roofline=rooflines(cells, blocks, start.machine),
        stable=not reasons,
        reasons=reasons,
        cells=cells,
        resumed=start.resumed,
    )


def preliminary_cells(plan: Plan, samples: dict[str, list[CellSample]]) -> list[Cell]:
    """The cells of a run in progress, without speed-ups. A cell without a sample is "interrupted"."""
    times = {cell.id: _times(samples.get(cell.id, []), plan.blocks) for cell in plan.cells}
    cells = [cell for cell in plan.cells if not cell.control]
    return [_cell(plan, cell, samples.get(cell.id, []), times[cell.id], {}, True) for cell in cells]


def _times(samples: list[CellSample], blocks: int) -> list[float | None]:
    """The median round of each block, or None. A cell has no time if any of its samples is not ok."""
    if any(sample.status != "ok" for sample in samples):
        return [None] * blocks
    by_block = {sample.block: median(sample.rounds_s) for sample in samples if sample.rounds_s}
    return [by_block.get(block) for block in range(blocks)]


def _cell(
    plan: Plan,
    cell: CellPlan,
    samples: list[CellSample],
    times: list[float | None],
    digests: dict[str, str],
    interrupted: bool,
) -> Cell:
    case, backend = cell.case, cell.backend
    result = Cell(
        backend=backend.name,
        algorithm=backend.algorithm,
        control=cell.control,
        problem=ProblemId(case.name, digests.get(case.key, ""), case.seed),
        n_samples=case.n_samples,
        n_features=case.n_features,
        dtype=cell.dtype,
        threads=cell.threads,
        n_iter=case.max_iter,
        rounds=plan.rounds,
        status="ok",
        rerun="",
    )
    if backend.missing is not None:
        result.status, result.detail = "unavailable", backend.missing
    elif cell.impossible is not None:
        result.status, result.detail = "skipped", cell.impossible
    elif not samples:
        result.status, result.detail = "interrupted", "the run ended before this cell"
    else:
        result.status = worst_status([sample.status for sample in samples])
        decisive = next(sample for sample in samples if sample.status == result.status)
        result.detail, result.predicted_s, result.calls = decisive.detail, decisive.predicted_s, decisive.calls
        result.error = decisive.error
        result.rounds = len(decisive.rounds_s) or plan.rounds  # a slow cell has fewer
        if result.status == "ok" and interrupted and None in times:
            result.status = "interrupted"
            result.detail = f"{plan.blocks - times.count(None)} of {plan.blocks} blocks were run"
    if result.status in ("ok", "interrupted"):
        result.samples_s = times
        _steady(result, samples, [time for time in times if time is not None])
    result.rerun = _rerun(plan, cell, result.predicted_s)
    result.cold_costs = _cold_costs(samples) if result.status in ("ok", "interrupted") else ColdCosts()
    return result


def _steady(cell: Cell, samples: list[CellSample], times: list[float]) -> None:
    """Medians, intervals and flags of the steady state."""
    if not times:
        return
    interval = median_interval(times)
    cell.median_s, cell.ci_low_s, cell.ci_high_s = interval
    if cell.n_iter:  # with max_iter = 0 there is no iteration
        cell.per_iteration_s = interval.median / cell.n_iter
        if cell.algorithm is None:
            read = bytes_per_pass(cell.n_samples, cell.n_features, cell.dtype)
            cell.read_gb_per_s = read / cell.per_iteration_s / 1e9
    good = [sample for sample in samples if sample.status == "ok"]
    # The error that is nearest to its bound, over the processes.
    errors = [sample.error for sample in good if sample.error is not None]
    cell.error = max(errors, key=lambda error: error.value / error.bound if error.bound else error.value, default=None)
    cell.peak_bytes = max((sample.peak_bytes for sample in good if sample.peak_bytes is not None), default=None)
    ratios = [sample.cpu_over_wall for sample in good if sample.cpu_over_wall is not None]
    cell.cpu_over_wall = median(ratios) if ratios else None
    cell.error_curve = next((sample.error_curve for sample in good if sample.error_curve), None)
    cell.flags = sorted({flag for sample in good for flag in sample.flags})
    if len(times) > 1 and spread(times) >= NOISY:
        cell.flags.append(f"noisy: {spread(times):.0%}")
    if len(times) > 3 and (count := outliers(times)):
        cell.flags.append(f"outliers: {count} of {len(times)}")
    directions = [_direction(sample.rounds_s) for sample in good]
    if (alike := max(directions.count(1), directions.count(-1))) > len(directions) / 2:
        cell.flags.append(f"no steady state: {alike} of {len(directions)} processes")
    extra = {name: n for sample in good for name, n in sample.threads_seen.items() if n > cell.threads}
    if extra:
        cell.flags.append(f"more processors than declared: {', '.join(f'{k} {n}' for k, n in sorted(extra.items()))}")
    if cell.cpu_over_wall is not None and cell.cpu_over_wall > MAX_CPU * cell.threads:
        cell.flags.append(f"more processors than declared: {cell.cpu_over_wall:.2f}")
    # With several threads, some may be idle in parts of a backend.
    if cell.cpu_over_wall is not None and cell.threads == 1 and cell.cpu_over_wall < MIN_CPU:
        cell.flags.append(f"waited for its processor: {cell.cpu_over_wall:.2f}")


def _direction(rounds: list[float]) -> int:
    """1 if the rounds of a process become slower by more than noise, -1 if they become faster, else 0."""
    change = trend(rounds).median if len(rounds) > 2 else 0.0
    if abs(change) <= MAX_DRIFT:
        return 0
    # Three or four rounds may have a slope by chance, so all their steps must have the same sign.
    steps = [(after - before) * change > 0 for before, after in pairwise(rounds)]
    return int(math.copysign(1, change)) if len(rounds) > 4 or all(steps) else 0


def _cold_costs(samples: list[CellSample]) -> ColdCosts:
    """Medians over processes. Compile and first call come from the processes in which this cell was the first one."""

    def middle(values: list[float | None]) -> float | None:
        recorded = [value for value in values if value is not None]
        return median(recorded) if recorded else None

    return ColdCosts(
        import_s=middle([sample.import_s for sample in samples]),
        prepare_s=middle([sample.prepare_s for sample in samples]),
        compile_s=middle([sample.compile_s for sample in samples if sample.cold]),
        first_call_s=middle([sample.first_call_s for sample in samples if sample.cold]),
    )


def _compare(
    result: Cell,
    cell: CellPlan,
    by_id: dict[str, CellPlan],
    times: dict[str, list[float | None]],
    samples: dict[str, list[CellSample]],
) -> None:
    """Add the speed-ups over both baselines on the same problem, paired in blocks, and the break-even point."""
    for name in (LOOPS, BASELINE):
        if name == cell.backend.name and not cell.control:
            continue
        other = next(
            (c for c in by_id.values() if c.backend.name == name and not c.control and _same_problem(c, cell)), None
        )
        if other is not None and (ratio := speedup(times[other.id], times[cell.id])):
            result.speedup.append(Speedup(name, *ratio))
            if cell.control and name == BASELINE and _control_differs(result.speedup[-1]):
                result.flags.append(f"A/A control: {ratio.median:.3f}")
            baseline_s = [time for time in times[other.id] if time is not None]
            tied = holds_one(ratio.low, ratio.high)
            if name == BASELINE and not cell.control and baseline_s and result.median_s is not None and not tied:
                gain_s = median(baseline_s) - result.median_s
                calls = break_even_calls(result.cold_costs, _cold_costs(samples[other.id]), gain_s)
                result.cold_costs = msgspec.structs.replace(result.cold_costs, break_even_calls=calls)


def _same_problem(cell: CellPlan, other: CellPlan) -> bool:
    return (cell.case, cell.dtype, cell.threads) == (other.case, other.dtype, other.threads)


def _reasons(cells: list[Cell]) -> list[str]:
    """The reasons why the run is not stable; empty if it is."""
    reasons = []
    for cell in cells:
        ratio = next((ratio for ratio in cell.speedup if ratio.baseline == BASELINE), None) if cell.control else None
        if ratio is None:
            continue
        where = f"{cell.problem.name} {cell.n_samples} x {cell.n_features} ({cell.dtype}, {cell.threads} thread(s))"
        brackets = "" if ratio.ci_low is None else f" [{ratio.ci_low:.3f}, {ratio.ci_high:.3f}]"
        message = f"at {where}: {BASELINE} over itself gives {ratio.median:.3f}{brackets}; run again when it is quiet"
        if _control_differs(ratio):
            reasons.append(f"A/A control failed {message}")
        elif (
            ratio.ci_low is not None and ratio.ci_high is not None and ratio.ci_high / ratio.ci_low > MAX_CONTROL_RANGE
        ):
            reasons.append(f"A/A control too wide to detect a difference {message}")
    timed = [cell for cell in cells if cell.median_s is not None]
    doubtful = [cell for cell in timed if any(flag.startswith(("noisy", "waited")) for flag in cell.flags)]
    if len(doubtful) > MAX_DOUBTFUL_SHARE * len(timed):
        message = f"{len(doubtful)} of {len(timed)} cells are noisy or waited for their processor"
        reasons.append(f"{message}; close other programs")
    return reasons


def _drifts(blocks: list[Block]) -> list[str]:
    """The sentinels that became slower or faster during the run, as reasons why it is not stable."""
    reasons = []
    for threads in sorted({block.threads for block in blocks}):
        for kernel, seconds in sentinel_seconds(blocks, threads).items():
            change, low, high = trend(seconds) if len(seconds) > 2 else (0.0, None, None)
            # Both conditions, because either alone gives false alarms: times of the memory kernel vary by percents.
            if abs(change) > MAX_DRIFT and low is not None and high is not None and low * high > 0:
                slower = "slower" if change > 0 else "faster"
                reasons.append(
                    f"drift: from start to end the machine became {abs(change):.0%} {slower} at {kernel}"
                    f" ({threads} thread(s)); run again when it is quiet"
                )
    return reasons


def _control_differs(ratio: Speedup) -> bool:
    """Whether the A/A control differs from the baseline.

    The interval must exclude 1 and the median must be off by more than the tolerance, because either alone gives false
    alarms. Without an interval, only a large difference counts.
    """
    distance = abs(math.log(ratio.median))
    if ratio.ci_low is None or ratio.ci_high is None:
        return distance > math.log1p(NOISY)
    return not holds_one(ratio.ci_low, ratio.ci_high) and distance > math.log1p(CONTROL_TOLERANCE)


def _rerun(plan: Plan, cell: CellPlan, predicted_s: float | None) -> str:
    """The command that measures only this cell and the baseline."""
    case = cell.case
    words = [
        "gdbench",
        "run",
        *({"quick": ["--quick"], "full": ["--full"]}.get(plan.mode, [])),
        "-b",
        cell.backend.argument,
    ]
    if case.kind == "synthetic":
        words += ["--size", f"{case.n_samples}x{case.n_features}"]
    else:
        words += ["--data", case.argument or case.name, *(["--target", case.target] if case.target else [])]
    if plan.has_user_budget or predicted_s:
        # A cell that was skipped as too long needs a larger budget.
        needed = math.ceil(1.5 * (predicted_s or 0.0) * plan.calls_per_cell * plan.blocks / CELL_SHARE)
        words += ["--time-budget", f"{max(needed, math.ceil(plan.budget_s))}s"]
    words += [
        "--dtype",
        cell.dtype,
        "--threads",
        str(cell.threads),
        "--max-iter",
        str(case.max_iter),
        "--seed",
        str(plan.seed),
    ]
    return shlex.join(words)
