"""What of a run belongs together: only cells of one dtype and one number of threads are ever compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bench import stats, text
from bench.records import Block, Cell, ProblemRoofline, Run, Speedup

CORE = ("python_loops", "numpy_vectorized", "numba_jit", "jax_jit")
LOOPS, BASELINE = CORE[:2]
SYNTHETIC = "synthetic"


class Group(NamedTuple):
    """The cells of one dtype and number of threads.

    ranked: step by step, compared with each other. others: another algorithm, never ranked. controls: the
    second numpy_vectorized of each block. roofs: what the machine allows on each problem. blocks: of the whole
    run.
    """

    dtype: str
    threads: int
    ranked: list[Cell]
    others: list[Cell]
    controls: list[Cell]
    roofs: Sequence[ProblemRoofline] = ()
    blocks: Sequence[Block] = ()

    @property
    def cells(self) -> list[Cell]:
        return self.ranked + self.others + self.controls

    @property
    def title(self) -> str:
        return group_title(self.dtype, self.threads)


class ProblemKey(NamedTuple):
    """Which problem a cell is about, in the order of the tables."""

    n_samples: int
    n_features: int
    name: str
    digest: str


def group_cells(run: Run) -> list[Group]:
    """The groups of a run: float64 first, then by threads; cells by problem, then in reading order."""
    keys = sorted({(c.dtype, c.threads) for c in run.cells}, key=lambda k: (k[0] != "float64", k))
    cells = sorted(run.cells, key=lambda c: (problem_key(c), reading_order(c.backend)))
    result = []
    for dtype, threads in keys:
        members = [c for c in cells if (c.dtype, c.threads) == (dtype, threads)]
        ranked = [c for c in members if not c.control and c.algorithm is None]
        roofs = [roof for roof in run.roofline if (roof.dtype, roof.threads) == (dtype, threads)]
        others = [c for c in members if not c.control and c.algorithm is not None]
        controls = [c for c in members if c.control]
        result.append(Group(dtype, threads, ranked, others, controls, roofs, run.blocks))
    return result


def group_title(dtype: str, threads: int) -> str:
    """float64, 1 thread"""
    return f"{text.clean(dtype, 20)}, {text.number_of(threads, 'thread')}"


def problem_key(cell: Cell) -> ProblemKey:
    return ProblemKey(cell.n_samples, cell.n_features, cell.problem.name, cell.problem.digest)


def backends(cells: Iterable[Cell]) -> list[str]:
    """Their names in reading order, the core ones first."""
    return sorted({cell.backend for cell in cells}, key=reading_order)


def problem_label(problem: ProblemKey | Cell) -> str:
    """n = 1 000, d = 10; or penguins, n = 342, d = 4."""
    problem = problem_key(problem) if isinstance(problem, Cell) else problem
    size = f"n = {text.count(problem.n_samples)}, d = {text.count(problem.n_features)}"
    return size if problem.name == SYNTHETIC else f"{text.clean(problem.name, 24)}, {size}"


def time_per_iteration(cell: Cell) -> stats.Interval | None:
    """Seconds per iteration with their interval; None for a cell that has no time, whatever figures it holds.

    An interrupted cell keeps the blocks that were run.
    """
    if cell.status not in ("ok", "interrupted") or not cell.per_iteration_s or cell.n_iter < 1:
        return None
    if cell.ci_low_s is None or cell.ci_high_s is None:
        return stats.Interval(cell.per_iteration_s, None, None)
    return stats.Interval(cell.per_iteration_s, cell.ci_low_s / cell.n_iter, cell.ci_high_s / cell.n_iter)


def predicted_time(cell: Cell) -> float | None:
    """Seconds per iteration that a skipped cell would take, where that is known."""
    is_predicted = cell.status == "skipped" and cell.predicted_s and cell.n_iter > 0
    return cell.predicted_s / cell.n_iter if is_predicted and cell.predicted_s else None


def speedup(cell: Cell, baseline: str) -> Speedup | None:
    """How many times faster than another backend; None for a cell without a time, or for the baseline itself."""
    if time_per_iteration(cell) is None or (cell.backend == baseline and not cell.control):
        return None
    return next((entry for entry in cell.speedup if entry.baseline == baseline and entry.median > 0), None)


def gap_kind(cell: Cell) -> str:
    """The kind of a gap in words: wrong, out of memory, skipped, …"""
    return "no time" if cell.status == "ok" else cell.status.replace("_", " ")


def status_text(cell: Cell) -> str:
    """The status with why: "skipped (predicted 115 ms per iteration)", "wrong: …", "ok"."""
    if time_per_iteration(cell) is not None and cell.status == "interrupted":
        return f"interrupted: {text.clean(cell.detail or '', 80)}"
    if time_per_iteration(cell) is not None:
        return "ok, flagged" if cell.flags else "ok"
    seconds = predicted_time(cell)
    if seconds is not None:
        return f"{gap_kind(cell)} (predicted {text.duration(seconds)} per iteration)"
    return f"{gap_kind(cell)}: {text.clean(cell.detail, 80)}" if cell.detail else gap_kind(cell)


def largest_comparable_problem(cells: list[Cell]) -> ProblemKey | None:
    """The largest problem on which at least two backends have a time, or one where none has two."""
    timed = Counter(problem_key(cell) for cell in cells if time_per_iteration(cell))
    return max(timed, key=lambda k: (min(timed[k], 2), k.n_samples * k.n_features, k), default=None)


def cold_problem(cells: list[Cell]) -> ProblemKey | None:
    """The largest problem on which the most backends have a time and a first call."""
    timed = Counter(problem_key(cell) for cell in cells if time_per_iteration(cell))
    cold = Counter(
        problem_key(cell) for cell in cells if time_per_iteration(cell) and cell.cold_costs.first_call_s is not None
    )
    return max(timed, key=lambda k: (cold[k], timed[k], k.n_samples * k.n_features, k), default=None)


def get_nested(data: Any, *path: str) -> Any:
    """data[path[0]][path[1]]… of a nested dictionary; None where a step is missing."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def reading_order(backend: str) -> tuple[int, str]:
    """Sorts the core backends as they are read, and the others after them by name."""
    return (CORE.index(backend) if backend in CORE else len(CORE)), backend


class Fastest(NamedTuple):
    """Who is the fastest on one problem.

    timed: the cells with a time, the lowest median first. level: those of the others whose ratio to it may be 1; with
    any, it is a tie. sure: whether every ratio has an interval; without, a low median is all that is known.
    """

    timed: list[Cell]
    level: list[Cell]
    sure: bool


def fastest(cells: Sequence[Cell]) -> Fastest | None:
    """Of cells on one problem, step by step; None where none has a time."""
    timed = sorted((cell for cell in cells if time_per_iteration(cell)), key=_median)
    if not timed:
        return None
    ratios = [(cell, paired_speedup(timed[0], cell)) for cell in timed[1:]]
    level = [cell for cell, ratio in ratios if ratio and stats.holds_one(ratio.low, ratio.high)]
    return Fastest(timed, level, all(ratio and ratio.low is not None for _, ratio in ratios))


def paired_speedup(best: Cell, other: Cell) -> stats.Interval | None:
    """How many times faster `best` is, paired block by block; None where their blocks do not match."""
    if len(best.samples_s) != len(other.samples_s):
        return None
    return stats.speedup(_per_iteration(other), _per_iteration(best))


def _per_iteration(cell: Cell) -> list[float | None]:
    return [None if sample is None else sample / cell.n_iter for sample in cell.samples_s]


def _median(cell: Cell) -> float:
    interval = time_per_iteration(cell)
    assert interval is not None
    return interval.median
