"""Groups of comparable cells, times per iteration, speed-ups and rankings.

Only cells with the same dtype and number of threads are compared.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backends import _registry
from bench import stats, text
from bench.records import Block, Cell, ProblemRoofline, Run, Speedup

LOOPS = "python_loops"
CORE = _registry.CORE
TUNED = ("numpy_tuned", "numba_tuned", "jax_tuned")  # the core libraries, with all that their authors advise
SYNTHETIC = "synthetic"


class Group(NamedTuple):
    """The cells with one dtype and number of threads.

    ranked: step-by-step backends, compared with each other. others: backends with another algorithm, never ranked.
    controls: the second numpy_vectorized of each block. roofs: the limits of the machine on each problem. blocks: of
    the run.
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
    """The problem of a cell. Keys sort in the order of the tables."""

    n_samples: int
    n_features: int
    name: str
    digest: str

    @property
    def size(self) -> int:
        """The number of values in X."""
        return self.n_samples * self.n_features


def group_cells(run: Run) -> list[Group]:
    """The groups of a run, float64 first, then by threads. Cells are sorted by problem, then in reading order."""
    cells = sorted(run.cells, key=lambda c: (problem_key(c), reading_order(c.backend)))
    groups = []
    for dtype, threads in sorted({(c.dtype, c.threads) for c in cells}, key=lambda k: (dtype_order(k[0]), k[1])):
        members = [c for c in cells if (c.dtype, c.threads) == (dtype, threads)]
        ranked = [c for c in members if is_ranked(c)]
        others = [c for c in members if not is_ranked(c) and not c.control]
        controls = [c for c in members if c.control]
        roofs = [roof for roof in run.roofline if (roof.dtype, roof.threads) == (dtype, threads)]
        groups.append(Group(dtype, threads, ranked, others, controls, roofs, run.blocks))
    return groups


def dtype_order(dtype: str) -> tuple[bool, str]:
    """A sort key: float64 first."""
    return dtype != "float64", dtype


def is_ranked(cell: Cell) -> bool:
    """Whether a cell is compared with others: it is not an A/A control and follows the algorithm step by step."""
    return not cell.control and cell.algorithm is None


def group_title(dtype: str, threads: int) -> str:
    """float64, 1 thread"""
    return f"{text.clean(dtype, 20)}, {text.number_of(threads, 'thread')}"


def problem_key(of: Cell | ProblemRoofline) -> ProblemKey:
    """The problem of a cell, or of a roofline, which records no digest."""
    name, digest = (of.problem.name, of.problem.digest) if isinstance(of, Cell) else (of.problem, "")
    return ProblemKey(of.n_samples, of.n_features, name, digest)


def backends(cells: Iterable[Cell]) -> list[str]:
    """The names of the backends, the core ones first in reading order."""
    return sorted({cell.backend for cell in cells}, key=reading_order)


def problem_label(problem: ProblemKey | Cell | ProblemRoofline) -> str:
    """n = 1 000, d = 10; or penguins, n = 342, d = 4."""
    problem = problem if isinstance(problem, ProblemKey) else problem_key(problem)
    size = f"n = {text.count(problem.n_samples)}, d = {text.count(problem.n_features)}"
    return size if problem.name == SYNTHETIC else f"{text.clean(problem.name, 24)}, {size}"


def time_per_iteration(cell: Cell) -> stats.Interval | None:
    """Seconds per iteration with their interval; None for a cell without a valid time.

    An interrupted cell has the time of its finished blocks.
    """
    if cell.status not in ("ok", "interrupted") or not cell.per_iteration_s or cell.n_iter < 1:
        return None
    if cell.ci_low_s is None or cell.ci_high_s is None:
        return stats.Interval(cell.per_iteration_s, None, None)
    return stats.Interval(cell.per_iteration_s, cell.ci_low_s / cell.n_iter, cell.ci_high_s / cell.n_iter)


def predicted_time(cell: Cell) -> float | None:
    """The predicted seconds per iteration of a skipped cell, or None."""
    skipped = cell.status == "skipped" and cell.n_iter > 0
    return cell.predicted_s / cell.n_iter if skipped and cell.predicted_s else None


def speedup(cell: Cell, baseline: str) -> Speedup | None:
    """How many times faster than another backend; None for a cell without a time, or for the baseline itself."""
    if time_per_iteration(cell) is None or (cell.backend == baseline and not cell.control):
        return None
    return next((entry for entry in cell.speedup if entry.baseline == baseline and entry.median > 0), None)


def gap_kind(cell: Cell) -> str:
    """Why a cell has no time, as a word: wrong, out of memory, skipped, …"""
    return "no time" if cell.status == "ok" else cell.status.replace("_", " ")


def status_text(cell: Cell) -> str:
    """The status with its reason: "skipped (predicted 115 ms per iteration)", "wrong: …", "ok"."""
    if cell.status != "interrupted" and time_per_iteration(cell) is not None:
        return "ok, flagged" if cell.flags else "ok"
    seconds = predicted_time(cell)
    if seconds is not None:
        return f"{gap_kind(cell)} (predicted {text.duration(seconds)} per iteration)"
    return f"{gap_kind(cell)}: {text.clean(cell.detail, 80)}" if cell.detail else gap_kind(cell)


def largest_comparable_problem(cells: list[Cell]) -> ProblemKey | None:
    """The largest problem on which at least two backends have a time, or else one backend."""
    timed = Counter(problem_key(cell) for cell in cells if time_per_iteration(cell))
    return max(timed, key=lambda k: (min(timed[k], 2), k.size, k), default=None)


def cold_problem(cells: list[Cell]) -> ProblemKey | None:
    """The largest problem on which the most backends have a time and a first call."""
    with_time = [cell for cell in cells if time_per_iteration(cell)]
    timed = Counter(map(problem_key, with_time))
    cold = Counter(problem_key(cell) for cell in with_time if cell.cold_costs.first_call_s is not None)
    return max(timed, key=lambda k: (cold[k], timed[k], k.size, k), default=None)


def reading_order(backend: str) -> tuple[int, str]:
    """A sort key: the core backends in reading order, then the others by name."""
    return (CORE.index(backend) if backend in CORE else len(CORE)), backend


class Ranking(NamedTuple):
    """The ranking of the cells on one problem.

    timed: the cells with a time, the lowest median first. tied: those whose ratio to the first one may be 1. sure:
    whether every ratio has an interval.
    """

    timed: list[Cell]
    tied: list[Cell]
    sure: bool


def rank(cells: Sequence[Cell]) -> Ranking | None:
    """Rank step-by-step cells on one problem. None if no cell has a time."""
    times = [(time.median, cell) for cell in cells if (time := time_per_iteration(cell))]
    timed = [cell for _, cell in sorted(times, key=lambda pair: pair[0])]
    if not timed:
        return None
    ratios = [(cell, paired_speedup(cell, timed[0])) for cell in timed[1:]]
    tied = [cell for cell, ratio in ratios if ratio and stats.holds_one(ratio.low, ratio.high)]
    return Ranking(timed, tied, all(ratio and ratio.low is not None for _, ratio in ratios))


def paired_speedup(baseline: Cell, other: Cell) -> stats.Interval | None:
    """How many times faster `other` is than `baseline`, paired by block; None if their blocks do not match."""
    if len(baseline.samples_s) != len(other.samples_s):
        return None
    baseline_s, other_s = (
        [None if sample is None else sample / cell.n_iter for sample in cell.samples_s] for cell in (baseline, other)
    )
    return stats.speedup(baseline_s, other_s)
