"""How the backends of a run scale with threads."""

from typing import NamedTuple

from bench.analysis.speed import paired_speedup, time_per_iteration
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
    dtypes = sorted({c.dtype for c in run.cells}, key=lambda dtype: (dtype != "float64", dtype))
    return {dtype: scaling for dtype in dtypes if (scaling := _scaling(run, dtype, fewest))}


def _scaling(run: Run, dtype: str, fewest: int) -> Scaling | None:
    """The scaling of a dtype; None unless a backend has times with different numbers of threads on one problem."""
    cells = [
        c for c in run.cells if c.dtype == dtype and not c.control and c.algorithm is None and time_per_iteration(c)
    ]
    bases = [
        c for c in cells if c.threads == fewest and any(same_problem(o, c) for o in cells if o.threads > c.threads)
    ]
    if not bases:
        return None
    problem = max(bases, key=lambda c: (c.n_samples * c.n_features, c.problem.name))
    key = (problem.problem, problem.n_samples, problem.n_features)
    entries = []
    for base in (c for c in bases if (c.problem, c.n_samples, c.n_features) == key):
        for c in sorted((c for c in cells if same_problem(c, base)), key=lambda c: c.threads):
            ratio = paired_speedup(c, base)
            if ratio is not None:
                entries.append((c, Interval(1.0, None, None) if c is base else ratio))
    return Scaling(problem, entries)


def same_problem(other: Cell, cell: Cell) -> bool:
    """Whether two cells have the same backend and problem. Their dtypes and threads may differ."""
    return (other.backend, other.problem.name, other.n_samples, other.n_features) == (
        cell.backend, cell.problem.name, cell.n_samples, cell.n_features,
    )  # fmt: skip
