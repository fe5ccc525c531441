"""How the backends of a run scale with threads."""

from typing import NamedTuple

from bench.analysis.speed import dtype_order, is_ranked, paired_speedup, problem_key, time_per_iteration
from bench.records import Cell, Run
from bench.stats import Interval


class Scaling(NamedTuple):
    """Speed-ups over the smallest number of threads, for one dtype on its largest problem.

    problem: a cell on that problem; entries: pairs of a cell and its speed-up, by backend, then by threads.
    """

    problem: Cell
    entries: list[tuple[Cell, Interval]]


def thread_scalings(run: Run) -> dict[str, Scaling]:
    """The scaling of each dtype, float64 first, without dtypes that ran with one number of threads only."""
    fewest = min((c.threads for c in run.cells), default=1)
    timed = [c for c in run.cells if is_ranked(c) and time_per_iteration(c)]
    dtypes = sorted({c.dtype for c in timed}, key=dtype_order)
    scalings = {dtype: _scaling([c for c in timed if c.dtype == dtype], fewest) for dtype in dtypes}
    return {dtype: scaling for dtype, scaling in scalings.items() if scaling}


def _scaling(cells: list[Cell], fewest: int) -> Scaling | None:
    """The scaling of a dtype; None unless a backend has times with different numbers of threads on one problem."""
    bases = [c for c in cells if c.threads == fewest and any(same_problem(o, c) for o in cells if o.threads > fewest)]
    if not bases:
        return None
    problem = max(bases, key=lambda c: (c.size, c.problem.name))
    entries = [
        (c, Interval(1.0, None, None) if c is base else ratio)
        for base in bases
        if problem_key(base) == problem_key(problem)
        for c in sorted((c for c in cells if same_problem(c, base)), key=lambda c: c.threads)
        if (ratio := paired_speedup(base, c))
    ]
    return Scaling(problem, entries)


def same_problem(other: Cell, cell: Cell) -> bool:
    """Whether two cells have the same backend and problem. Their dtypes, threads and digests may differ."""
    return (other.backend, *problem_key(other)[:3]) == (cell.backend, *problem_key(cell)[:3])
