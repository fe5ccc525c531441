"""From samples to the record of a run: medians over processes, intervals, paired speed-ups, flags, stability."""

import math
import shlex
from collections.abc import Iterable
from itertools import chain, pairwise
from statistics import median

import msgspec

from bench.analysis.cold_costs import break_even_calls
from bench.analysis.cost_model import bytes_per_pass
from bench.analysis.roofline import rooflines
from bench.analysis.software import recorded
from bench.analysis.speed import LOOPS, ProblemKey, problem_key
from bench.plan import BASELINE, CELL_SHARE, CellPlan, Plan
from bench.records import (
    SEVERITY,
    Block,
    Cell,
    CellSample,
    ColdCosts,
    ProblemId,
    Run,
    RunManifest,
    Speedup,
    sentinel_seconds,
)
from bench.stats import holds_one, median_interval, outliers, speedup, spread, trend
from bench.text import operand

NOISY = 0.10  # interquartile range over median of the process medians
CONTROL_TOLERANCE = 0.02  # the largest deviation of the A/A control from 1
MAX_CONTROL_RANGE = 1.6  # upper over lower end of the interval of the A/A control; a wider one detects nothing
MAX_DRIFT = 0.05  # change of the rounds of a process, or of a sentinel, from first to last
MAX_DOUBTFUL_SHARE = 0.25  # share of the cells that are noisy or waited for their processor
# Parts of the reasons why a run is not stable. The course recognizes the kind of a reason by them.
CONTROL_REASON, DRIFT_REASON, NOISE_REASON = "A/A control", "drift", "cells are noisy"
MIN_CPU = 0.9  # CPU time over wall time, per declared thread
MIN_THROTTLED = 0.01  # share of the time of a block for which a CPU quota stopped it
MAX_CPU = 1.15  # CPU time over wall time, per declared thread


def aggregate(
    plan: Plan, samples: dict[str, list[CellSample]], blocks: list[Block], manifest: RunManifest, interrupted: bool
) -> Run:
    """The record of a run. samples: by cell id, at most one per block."""
    cells = [_cell(plan, cell, samples.get(cell.id, []), manifest.digests, interrupted) for cell in plan.cells]
    comparable: dict[tuple[ProblemKey, str, int], dict[str, Cell]] = {}
    for cell in cells:
        if not cell.control:
            comparable.setdefault(_place(cell), {})[cell.backend] = cell
    for cell in cells:
        _flag_processor_time(cell, blocks)
        if cell.median_s is not None:
            _compare(cell, comparable[_place(cell)])
    reasons = _reasons(cells) + _drifts(blocks)
    if interrupted:
        reasons.insert(0, "interrupted: not every block was run")
    return Run(
        created=manifest.created,
        command=manifest.command,
        plan=plan.describe(),
        machine=recorded(manifest.machine, chain.from_iterable(samples.values())),
        blocks=blocks,
        roofline=rooflines(cells, blocks, manifest.machine),
        stable=not reasons,
        reasons=reasons,
        cells=cells,
        resumed=manifest.resumed,
    )


def preliminary_cells(plan: Plan, samples: dict[str, list[CellSample]]) -> list[Cell]:
    """The cells of a run in progress, without speed-ups. A cell without a sample is "interrupted"."""
    return [_cell(plan, cell, samples.get(cell.id, []), {}, True) for cell in plan.cells if not cell.control]


def _cell(plan: Plan, cell: CellPlan, samples: list[CellSample], digests: dict[str, str], interrupted: bool) -> Cell:
    """The results of a cell without speed-ups."""
    case, backend = cell.case, cell.backend
    absent = CellSample(cell=cell.id, block=0, status="interrupted", detail="the run ended before this cell")
    worst = min(samples, key=lambda sample: SEVERITY.index(sample.status), default=absent)
    times = _times(samples, plan.blocks)
    status, detail = worst.status, worst.detail
    if backend.missing is not None:
        status, detail = "unavailable", backend.missing
    elif cell.impossible is not None:
        status, detail = "skipped", cell.impossible
    elif status == "ok" and interrupted and None in times:
        status, detail = "interrupted", f"{plan.blocks - times.count(None)} of {plan.blocks} blocks were run"
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
        rounds=len(worst.rounds_s) or plan.rounds,  # a slow cell has fewer
        calls=worst.calls,
        predicted_s=worst.predicted_s,
        error=worst.error,
        status=status,
        detail=detail,
        rerun=_rerun(plan, cell, worst.predicted_s),
    )
    if status in ("ok", "interrupted"):
        result.samples_s = times
        result.cold_costs = _cold_costs(samples)
        if measured := [time for time in times if time is not None]:
            _add_steady_state(result, samples, measured)
    return result


def _times(samples: list[CellSample], blocks: int) -> list[float | None]:
    """The median round of each block, or None. A cell has no time if any of its samples is not ok."""
    if any(sample.status != "ok" for sample in samples):
        return [None] * blocks
    by_block = {sample.block: median(sample.rounds_s) for sample in samples if sample.rounds_s}
    return [by_block.get(block) for block in range(blocks)]


def _add_steady_state(cell: Cell, samples: list[CellSample], times: list[float]) -> None:
    """Add medians, intervals and flags. samples: all of them ok. times: the medians of their rounds."""
    interval = median_interval(times)
    cell.median_s, cell.ci_low_s, cell.ci_high_s = interval
    if cell.n_iter:  # with max_iter = 0 there is no iteration
        cell.per_iteration_s = interval.median / cell.n_iter
        if cell.algorithm is None:
            read = bytes_per_pass(cell.n_samples, cell.n_features, cell.dtype)
            cell.read_gb_per_s = read / cell.per_iteration_s / 1e9
    # The error that is nearest to its bound, over the processes.
    errors = [sample.error for sample in samples if sample.error is not None]
    cell.error = max(errors, key=lambda error: error.share, default=None)
    cell.peak_bytes = max((sample.peak_bytes for sample in samples if sample.peak_bytes is not None), default=None)
    cell.cpu_over_wall = _median(sample.cpu_over_wall for sample in samples)
    cell.error_curve = next((sample.error_curve for sample in samples if sample.error_curve), None)
    cell.flags = sorted({flag for sample in samples for flag in sample.flags}) + _flags(cell, samples, times)


def _flags(cell: Cell, samples: list[CellSample], times: list[float]) -> list[str]:
    """The flags that follow from the times of all processes."""
    flags = []
    if len(times) > 1 and (width := spread(times)) >= NOISY:
        flags.append(f"noisy: {width:.0%}")
    if count := outliers(times):
        flags.append(f"outliers: {count} of {len(times)}")
    directions = [_direction(sample.rounds_s) for sample in samples]
    if (alike := max(directions.count(1), directions.count(-1))) > len(directions) / 2:
        flags.append(f"no steady state: {alike} of {len(directions)} processes")
    extra = {name: n for sample in samples for name, n in sample.threads_seen.items() if n > cell.threads}
    if extra:
        flags.append(f"more processors than declared: {', '.join(f'{k} {n}' for k, n in sorted(extra.items()))}")
    if cell.cpu_over_wall is not None and cell.cpu_over_wall > MAX_CPU * cell.threads:
        flags.append(f"more processors than declared: {cell.cpu_over_wall:.2f}")
    return flags


def _flag_processor_time(cell: Cell, blocks: list[Block]) -> None:
    """Flag a cell whose threads had less processor time than wall time, with the cause if it is known."""
    if cell.cpu_over_wall is None or cell.cpu_over_wall >= MIN_CPU * cell.threads:
        return
    share = f"{cell.cpu_over_wall / cell.threads:.2f}"
    alike = [block for block in blocks if block.threads == cell.threads]
    throttled_s = sum(block.throttled_s or 0.0 for block in alike)
    if throttled_s > MIN_THROTTLED * sum(block.seconds or 0.0 for block in alike):
        cell.flags.append(f"throttled by its CPU quota: {share}")
    elif cell.threads == 1:
        cell.flags.append(f"waited for its processor: {share}")
    else:  # some threads may be idle in parts of a backend
        cell.flags.append(f"waited or idle: {share} per thread")


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
    return ColdCosts(
        import_s=_median(sample.import_s for sample in samples),
        prepare_s=_median(sample.prepare_s for sample in samples),
        compile_s=_median(sample.compile_s for sample in samples if sample.cold),
        first_call_s=_median(sample.first_call_s for sample in samples if sample.cold),
    )


def _median(values: Iterable[float | None]) -> float | None:
    """The median of the values that are known; None if there are none."""
    recorded = [value for value in values if value is not None]
    return median(recorded) if recorded else None


def _place(cell: Cell) -> tuple[ProblemKey, str, int]:
    """The problem, dtype and number of threads of a cell: cells with the same ones are compared."""
    return problem_key(cell), cell.dtype, cell.threads


def _compare(cell: Cell, others: dict[str, Cell]) -> None:
    """Add the speed-ups over plain loops and the baseline, paired by block, and the break-even point.

    others: the comparable cells, by backend.
    """
    for name in (LOOPS, BASELINE):
        other = others.get(name)
        if other is None or other is cell or not other.samples_s:
            continue
        ratio = speedup(other.samples_s, cell.samples_s)
        if ratio is None:
            continue
        cell.speedup.append(Speedup(name, *ratio))
        if cell.control and name == BASELINE and _control_differs(cell.speedup[-1]):
            cell.flags.append(f"A/A control: {ratio.median:.3f}")
        if name == BASELINE and not cell.control and not holds_one(ratio.low, ratio.high):
            assert other.median_s is not None and cell.median_s is not None  # they have a common block
            calls = break_even_calls(cell.cold_costs, other.cold_costs, other.median_s - cell.median_s)
            cell.cold_costs = msgspec.structs.replace(cell.cold_costs, break_even_calls=calls)


def _reasons(cells: list[Cell]) -> list[str]:
    """The reasons why the run is not stable; empty if it is."""
    reasons = []
    for cell in cells:
        ratio = next((ratio for ratio in cell.speedup if ratio.baseline == BASELINE), None) if cell.control else None
        if ratio is None:
            continue
        where = f"{cell.problem.name} {cell.n_samples} x {cell.n_features} ({cell.dtype}, {cell.threads} thread(s))"
        brackets = "" if ratio.ci_low is None else f" [{ratio.ci_low:.3f}, {ratio.ci_high:.3f}]"
        message = f"at {where}: {BASELINE} over itself gives {ratio.median:.3f}{brackets}; run again on a quiet machine"
        if _control_differs(ratio):
            reasons.append(f"{CONTROL_REASON} failed {message}")
        elif (
            ratio.ci_low is not None and ratio.ci_high is not None and ratio.ci_high / ratio.ci_low > MAX_CONTROL_RANGE
        ):
            reasons.append(f"{CONTROL_REASON} too wide to detect a difference {message}")
    timed = [cell for cell in cells if cell.median_s is not None]
    throttled = [cell for cell in timed if _has(cell, "throttled")]
    doubtful = [cell for cell in timed if _has(cell, "noisy", "waited for") and not _has(cell, "throttled")]
    if len(throttled) > MAX_DOUBTFUL_SHARE * len(timed):
        message = f"{len(throttled)} of {len(timed)} cells were throttled by the CPU quota of this process"
        reasons.insert(0, f"{message}; raise the quota, or use fewer threads")
    if len(doubtful) > MAX_DOUBTFUL_SHARE * len(timed):
        message = f"{len(doubtful)} of {len(timed)} {NOISE_REASON} or waited for their processor"
        reasons.append(f"{message}; close other programs")
    return reasons


def _has(cell: Cell, *kinds: str) -> bool:
    return any(flag.startswith(kinds) for flag in cell.flags)


def _drifts(blocks: list[Block]) -> list[str]:
    """The sentinels that became slower or faster during the run, as reasons why it is not stable."""
    reasons = []
    for threads in sorted({block.threads for block in blocks}):
        for sentinel, seconds in sentinel_seconds(blocks, threads).items():
            change, low, high = trend(seconds) if len(seconds) > 2 else (0.0, None, None)
            # Both conditions, because either alone gives false alarms: times of the memory sentinel vary by percents.
            if abs(change) > MAX_DRIFT and low is not None and high is not None and low * high > 0:
                direction = "slower" if change > 0 else "faster"
                reasons.append(
                    f"{DRIFT_REASON}: from start to end the machine became {abs(change):.0%} {direction} at {sentinel}"
                    f" ({threads} thread(s)); run again on a quiet machine"
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
    case, words = cell.case, ["gdbench", "run"]
    if plan.mode != "default":
        words.append(f"--{plan.mode}")
    words += ["-b", operand(cell.backend.argument)]
    if case.kind == "synthetic":
        words += ["--size", f"{case.n_samples}x{case.n_features}"]
    else:
        words += ["--data", operand(case.argument or case.name)]
        if case.target is not None:
            words += [f"--target={case.target}"] if case.target.startswith("-") else ["--target", case.target]
        words += case.data_options
    if plan.has_user_budget or predicted_s:
        # A cell that was skipped as too long needs a larger budget.
        needed = math.ceil(1.5 * (predicted_s or 0.0) * plan.calls_per_cell * plan.blocks / CELL_SHARE)
        words += ["--time-budget", f"{max(needed, math.ceil(plan.budget_s))}s"]
    words += ["--dtype", cell.dtype, "--threads", str(cell.threads)]
    words += ["--cpus", ",".join(map(str, plan.cpus))] if plan.cpus else []
    words += ["--max-iter", str(case.max_iter), "--seed", str(plan.seed)]
    return shlex.join(words)
