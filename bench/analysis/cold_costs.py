"""What a backend costs once, before its steady state, and when those costs are repaid."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.analysis.speed import BASELINE, Group, ProblemKey, cold_problem, problem_key, time_per_iteration
from bench.records import Cell

MAX_EXPONENT = 6  # of the power of ten that `comparable_calls` returns


class ColdCells(NamedTuple):
    """The cells whose cold costs can be compared, all on one problem.

    problem: None where no cell has a time. cells: those with a time and all parts. incomplete: the other cells, with
    the names of the parts that they lack.
    """

    problem: ProblemKey | None
    cells: list[Cell]
    incomplete: list[tuple[Cell, list[str]]]


def cold_cells(group: Group, parts: Sequence[str]) -> ColdCells:
    """The ranked cells on the problem of the cold costs. parts: the fields of `ColdCosts` that a cell must have."""
    problem = cold_problem(group.ranked)
    complete, incomplete = [], []
    for cell in (c for c in group.ranked if problem_key(c) == problem):
        missing = [part for part in parts if getattr(cell.cold_costs, part) is None]
        if missing or time_per_iteration(cell) is None or cell.median_s is None:
            incomplete.append((cell, missing))
        else:
            complete.append(cell)
    return ColdCells(problem, complete, incomplete)


def first_call_without_compile(cell: Cell) -> float | None:
    """Seconds of the first call that are not compiling; None where the first call is not known."""
    first, compiling = cell.cold_costs.first_call_s, cell.cold_costs.compile_s
    return None if first is None else max(0.0, first - (compiling or 0.0))


def seconds_at(cell: Cell, iterations: float) -> float:
    """Seconds from the start of the process to the end of `iterations`, which is at least those of the first call."""
    costs = cell.cold_costs
    cold = (costs.import_s or 0) + (costs.prepare_s or 0) + (costs.first_call_s or 0)
    return cold + (iterations - cell.n_iter) / cell.n_iter * (cell.median_s or 0)


def comparable_calls(cells: Sequence[Cell]) -> int:
    """The number of steady calls, a power of ten, that take about as long as the cold costs of the middle cell."""
    ratios = sorted(seconds_at(c, c.n_iter) / (c.median_s or 1) for c in cells)
    middle = ratios[len(ratios) // 2]
    return int(10.0 ** min(MAX_EXPONENT, max(0, round(math.log10(max(1.0, min(middle, 1e9)))))))


def break_even_iterations(cell: Cell) -> int | None:
    """Iterations after which a cell has caught up with the baseline; None where it never lags or never catches up."""
    calls = cell.cold_costs.break_even_calls
    return calls * cell.n_iter if isinstance(calls, int) and calls > 1 and cell.backend != BASELINE else None
