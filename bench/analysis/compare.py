"""Compare two saved runs: which cells changed by more than noise.

BASE is the older run and NEW the newer one. A ratio is the time in NEW over the time in BASE: above 1 is slower.
"""

import math
from collections import Counter
from statistics import median
from typing import Literal, NamedTuple, get_args

import msgspec

from bench import stats, text
from bench.analysis import environment_diff
from bench.analysis.environment_diff import ACROSS, Difference
from bench.analysis.speed import (
    ProblemKey,
    dtype_order,
    group_title,
    problem_label,
    reading_order,
    speedup,
    status_text,
)
from bench.plan import BASELINE
from bench.records import Cell, Run, sentinel_seconds

MIN_PROCESSES = 10  # in each run; the test has too little power with fewer
TOLERANCE = math.log1p(0.02)  # smaller changes do not count, even if they are significant

Verdict = Literal[
    "wrong", "failed", "slower", "faster", "unchanged", "undecided", "withheld", "missing", "not comparable",
    "not measured",
]  # fmt: skip
JUDGED: tuple[Verdict, ...] = ("slower", "faster", "unchanged")
FAILED = ("failed", "crashed", "timeout", "out_of_memory")


class SentinelShift(msgspec.Struct, frozen=True, rename={"sentinel": "kernel"}):
    """A sentinel that takes `ratio` times as long in NEW. Both are None if a run has no sentinels."""

    threads: int
    sentinel: str | None
    ratio: float | None


class Change(msgspec.Struct, kw_only=True):
    """One cell of both runs.

    measure: "time", or "speedup" if the ratio compares times relative to numpy_vectorized in the same block; None
    without a ratio. ci_low, ci_high: the 95 % interval of the ratio. p: the p-value of the Mann-Whitney test. p_holm: p
    adjusted for the number of judged cells, None for the others. threshold: 0.02 means that a ratio from 1/1.02 to 1.02
    is no change. Medians are seconds per call.
    """

    backend: str
    problem: str
    n_samples: int
    n_features: int
    dtype: str
    threads: int
    verdict: Verdict = "undecided"
    measure: Literal["time", "speedup"] | None = None
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    threshold: float | None = None
    base_median_s: float | None = None
    new_median_s: float | None = None
    detail: str | None = None

    @property
    def where(self) -> str:
        return problem_label(ProblemKey(self.n_samples, self.n_features, self.problem, ""))

    @property
    def group(self) -> str:
        return group_title(self.dtype, self.threads)


class Comparison(msgspec.Struct, kw_only=True):
    """A comparison of two runs.

    base, new: the runs as on the command line. verdict: one sentence. judged: the number of cells by verdict.
    """

    base: str
    new: str
    exit_code: int
    verdict: str
    judged: dict[Verdict, int]
    machine_changed: list[SentinelShift]
    differences: list[Difference]
    cells: list[Change]


class CellKey(NamedTuple):
    """Identifies a cell in both runs."""

    backend: str
    problem: str
    n_samples: int
    n_features: int
    dtype: str
    threads: int


class Side(NamedTuple):
    """One of the two runs. name: BASE or NEW."""

    name: str
    run: Run
    cells: dict[CellKey, Cell]
    controls: dict[CellKey, Cell]


def compare(
    base: Run, new: Run, across: frozenset[str] = frozenset(), names: tuple[str, str] = ("BASE", "NEW")
) -> Comparison:
    """Compare every cell of two runs. across: the kinds of difference, out of ACROSS, that are allowed.

    names: the runs as on the command line. "slower" and "faster" need p < 0.002 after Holm's adjustment, an interval
    beyond the threshold, ten processes in both runs, two stable runs, and an A/A control with an interval.
    """
    judge = _Judge(_side("BASE", base), _side("NEW", new), across)
    changes = [judge.change(key) for key in judge.keys]
    p_holm = stats.holm([p for _, _, p, _ in judge.pending])
    for (change, shift, _, limit), p in zip(judge.pending, p_holm, strict=True):
        change.p_holm, change.verdict = p, stats.change(shift, p, limit)
    counts = Counter(change.verdict for change in changes)
    comparison = Comparison(
        base=names[0],
        new=names[1],
        exit_code=_exit_code(counts),
        verdict="",
        judged={verdict: counts[verdict] for verdict in get_args(Verdict)},
        machine_changed=judge.machine_changed,
        differences=judge.differences,
        cells=changes,
    )
    comparison.verdict = _sentence(comparison)
    return comparison


def describe_shifts(moved: list[SentinelShift]) -> str:
    """the machine changed: memory 1.40× slower"""
    words = [
        f"{text.clean(m.sentinel, 40)} {text.significant(max(m.ratio, 1 / m.ratio))}× "
        + ("slower" if m.ratio > 1 else "faster")
        for m in moved
        if m.sentinel is not None and m.ratio
    ]
    if not words:
        return "it is not known whether the machine changed: a run has no sentinels"
    return f"the machine changed: {text.listed(words)}"


def log_to_share(log: float) -> float:
    """exp(log) - 1: the logarithm of 1.02 gives 0.02. Limited to finite values."""
    return math.expm1(min(log, 700.0))


class _Judge:
    """The state of a comparison.

    The verdicts follow after all cells have their p-values, because Holm's adjustment needs them all. pending: these
    cells, each with its shift, its p-value and the logarithm of the smallest ratio that counts.
    """

    def __init__(self, before: Side, after: Side, across: frozenset[str]):
        self._sides = before, after
        self.keys = sorted(before.cells.keys() | after.cells.keys(), key=_order)
        self.differences = environment_diff.machine_differences(before.run.machine, after.run.machine, across)
        self.differences += environment_diff.plan_differences(before.run, after.run)
        self._obstacles = [str(d) for d in self.differences if d.prevents_verdict and d.kind in ACROSS]
        self._across = environment_diff.across(self.differences)
        # A comparison across processors does not report that the machine changed.
        self._other_cpu = any(d.kind == "cpu" and not d.prevents_verdict for d in self.differences)
        self._doubt = _doubt(before) or _doubt(after)
        self.machine_changed: list[SentinelShift] = []
        self.pending: list[tuple[Change, stats.Interval, float, float]] = []

    def change(self, key: CellKey) -> Change:
        """The change of a cell. Its verdict is final unless it needs Holm's adjustment."""
        base, new = (side.cells.get(key) for side in self._sides)
        change = Change(**key._asdict(), base_median_s=_median(base), new_median_s=_median(new))
        if obstacle := _unmeasured(base, new):
            change.verdict, change.detail = obstacle
        elif obstacles := self._obstacles + self._cell_differences(key):
            change.verdict, change.detail = "not comparable", "; ".join(obstacles)
        else:
            self._weigh(change, key)
        return change

    def _cell_differences(self, key: CellKey) -> list[str]:
        differences = environment_diff.cell_differences(*(side.cells[key] for side in self._sides))
        self.differences += [d for d in differences if d not in self.differences]
        return list(map(str, differences))

    def _weigh(self, change: Change, key: CellKey) -> None:
        """Fill in the statistics of a cell that both runs measured, or why there is no verdict."""
        limit, no_limit = _limit(*self._sides, key)
        moved: list[SentinelShift] = []
        if limit is not None:
            change.threshold = log_to_share(limit)
            if not self._doubt and not self._other_cpu:
                moved = _moved(*self._sides, key.threads, limit)
                self.machine_changed += [m for m in moved if m not in self.machine_changed]
        if moved and key.backend == BASELINE:
            change.verdict, change.detail = "withheld", describe_shifts(moved)
            return
        logs = [_logs(side, key, BASELINE if moved else None) for side in self._sides]
        if not all(logs):
            change.detail = f"{describe_shifts(moved)}, and {BASELINE} has no time beside this one"
            return
        shift, p = stats.hodges_lehmann(*logs), stats.mann_whitney(*logs)
        change.measure, change.p = "speedup" if moved else "time", p
        change.ratio, change.ci_low, change.ci_high = map(_ratio, shift)
        change.detail = self._doubt or _too_few(logs) or no_limit
        if change.detail is None and limit is not None:
            by_speedup = f"by its speed-up over {BASELINE}, because {describe_shifts(moved)}" if moved else ""
            change.detail = "; ".join(filter(None, [self._across, by_speedup])) or None
            self.pending.append((change, shift, p, limit))


def _side(name: str, run: Run) -> Side:
    cells: tuple[dict[CellKey, Cell], dict[CellKey, Cell]] = ({}, {})
    for cell in run.cells:
        key = CellKey(cell.backend, cell.problem.name, cell.n_samples, cell.n_features, cell.dtype, cell.threads)
        cells[cell.control][key] = cell
    return Side(name, run, *cells)


def _order(key: CellKey) -> tuple[object, ...]:
    """The order of the report: float64 first, then by threads, problem and reading order."""
    order = reading_order(key.backend)
    return dtype_order(key.dtype), key.threads, key.n_samples, key.n_features, key.problem, order


def _samples(cell: Cell | None) -> list[float | None]:
    """Seconds per call, one per block; empty for a cell without a valid time."""
    measured = cell is not None and cell.status in ("ok", "interrupted") and any(cell.samples_s)
    return cell.samples_s if measured and cell is not None else []


def _median(cell: Cell | None) -> float | None:
    return cell.median_s if cell is not None and _samples(cell) else None


def _logs(side: Side, key: CellKey, unit: str | None) -> list[float]:
    """Logarithms of the times, or of the times relative to those of the backend `unit` in the same block.

    The state of the machine cancels out of relative times.
    """
    samples = _samples(side.cells[key])
    units = _samples(side.cells.get(key._replace(backend=unit))) if unit else [1.0] * len(samples)
    pairs = zip(samples, units, strict=True) if len(samples) == len(units) else ()
    return [math.log(sample) - math.log(one) for sample, one in pairs if sample and one]


def _ratio(log: float | None) -> float | None:
    """exp(log), or None if it overflows."""
    return math.exp(log) if log is not None and log < 700 else None


def _too_few(logs: list[list[float]]) -> str | None:
    sides = zip(("BASE", "NEW"), map(len, logs), strict=True)
    few = [f"{name} has {text.number_of(n, 'process')}" for name, n in sides if n < MIN_PROCESSES]
    return f"use --full: {text.listed(few)}, and {MIN_PROCESSES} are needed" if few else None


def _doubt(side: Side) -> str | None:
    """Why a run gives no verdicts, or None."""
    if not side.run.stable:
        return f"{side.name} is unstable: {text.clean([*side.run.reasons, 'no reason recorded'][0], 200)}"
    if any(cell.status == "interrupted" for cell in side.run.cells):
        return f"{side.name} was interrupted"
    return None


def _unmeasured(base: Cell | None, new: Cell | None) -> tuple[Verdict, str | None] | None:
    """The verdict and reason of a cell without a time in both runs; None if both have one."""
    if new is not None and new.status == "wrong":
        return "wrong", status_text(new)
    if new is not None and new.status in FAILED:
        return "failed", status_text(new)
    why = {
        name: "absent" if cell is None else status_text(cell)
        for name, cell in (("BASE", base), ("NEW", new))
        if not _samples(cell)
    }
    if len(set(why.values())) < len(why):
        return "not measured", f"{why['NEW']}, in both runs"
    reasons = "; ".join(f"{name}: {words}" for name, words in why.items())
    return ("missing" if len(why) == 1 else "not measured", reasons) if why else None


def _limit(before: Side, after: Side, key: CellKey) -> tuple[float | None, str | None]:
    """The logarithm of the smallest ratio that counts for a cell, and the reason if there is none.

    A run cannot detect changes smaller than half the width of the interval of its A/A control.
    """
    limit = TOLERANCE
    for side in (before, after):
        control = side.controls.get(key._replace(backend=BASELINE))
        ratio = speedup(control, BASELINE) if control is not None else None
        if ratio is None or ratio.ci_low is None or ratio.ci_high is None:
            return None, f"{side.name} has no A/A control with an interval at this size"
        limit = max(limit, (math.log(ratio.ci_high) - math.log(ratio.ci_low)) / 2)
    return limit, None


def _moved(before: Side, after: Side, threads: int, limit: float) -> list[SentinelShift]:
    """The sentinels that differ by more than the limit. One entry without a name if a run has none."""
    base, new = (
        {name: median(seconds) for name, seconds in sentinel_seconds(side.run.blocks, threads).items() if seconds}
        for side in (before, after)
    )
    if not base or base.keys() != new.keys():
        return [SentinelShift(threads, None, None)]
    shifts = {name: math.log(new[name]) - math.log(base[name]) for name in sorted(base)}
    return [SentinelShift(threads, name, _ratio(shift)) for name, shift in shifts.items() if abs(shift) > limit]


def _exit_code(counts: Counter[Verdict]) -> int:
    """The first of 1, 3, 5, 6, 4 that applies."""
    if counts["wrong"]:
        return 1
    if counts["failed"]:
        return 3
    if counts["slower"]:
        return 5
    if counts["missing"] or counts["not comparable"]:
        return 6
    return 4 if counts["undecided"] or not any(counts[verdict] for verdict in JUDGED) else 0


def _sentence(comparison: Comparison) -> str:
    """The result in one sentence: the worst verdict, the number of cells by verdict, and an example or the reason."""
    counts, cells = comparison.judged, comparison.cells
    if not cells:
        return "No verdict: neither run holds a cell."
    numbers = text.listed([f"{number} {verdict}" for verdict, number in counts.items() if number])
    head, why = _head(comparison)
    head = ", ".join(filter(None, [head, environment_diff.across(comparison.differences)]))
    return f"{head}: {numbers} of {text.number_of(len(cells), 'cell')}{'; ' + why if why else ''}."


def _head(comparison: Comparison) -> tuple[str, str | None]:
    """The worst verdict in words, and the cell that shows it most or the reason."""
    counts, cells = comparison.judged, comparison.cells
    first = {cell.verdict: cell for cell in reversed(cells)}
    match comparison.exit_code:
        case 1:
            return "A backend of NEW computes something wrong", _example(first["wrong"])
        case 3:
            return "A backend of NEW failed", _example(first["failed"])
        case 5:
            slowest = max((c for c in cells if c.verdict == "slower"), key=lambda c: c.ratio or math.inf)
            return "Slower in NEW, beyond noise", f"most of all {_example(slowest)}"
        case 6:
            if counts["not comparable"]:
                return "The runs are not comparable", _obstacles(comparison.differences)
            return "Cells are missing", _example(first["missing"])
        case 4:
            undecided = first.get("undecided") or first.get("withheld")
            head = "Not every cell could be judged" if any(counts[v] for v in JUDGED) else "No verdict"
            return head, undecided.detail if undecided else None
    if counts["faster"]:
        fastest = min((c for c in cells if c.verdict == "faster"), key=lambda c: c.ratio or 0.0)
        return "Faster in NEW, beyond noise, and nowhere slower", f"most of all {_example(fastest)}"
    return "No change beyond noise", None


def _obstacles(differences: list[Difference]) -> str:
    """numpy 2.4.6 -> 2.5.0 (--across versions judges all the same)"""
    obstacles = [d for d in differences if d.prevents_verdict]
    named = text.listed([str(d) for d in obstacles[:3]])
    more = f" and {len(obstacles) - 3} more" if len(obstacles) > 3 else ""
    options = [f"--across {kind}" for kind in ACROSS if any(d.kind == kind for d in obstacles)]
    return f"{named}{more}" + (f" ({text.listed(options)} judges all the same)" if options else "")


def _example(cell: Change) -> str:
    """numba_jit at n = 1 000, d = 10 (float64, 1 thread), 1.15× [1.12, 1.18]"""
    where = f"{text.clean(cell.backend, 40)} at {cell.where} ({cell.group})"
    if cell.verdict in JUDGED and cell.ratio is not None:
        return f"{where}, {text.ratio_interval(cell.ratio, cell.ci_low, cell.ci_high)}"
    return f"{where}, {cell.detail}"
