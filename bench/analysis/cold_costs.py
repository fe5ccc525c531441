"""The cold costs of a backend, paid once before its steady state, and the break-even point."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from bench.analysis.speed import Group, ProblemKey, cold_problem, problem_key, time_per_iteration
from bench.plan import BASELINE
from bench.records import Cell, ColdCosts

MAX_EXPONENT = 6  # of the power of ten that `comparable_calls` returns


class ColdCells(NamedTuple):
    """The cells on one problem whose cold costs can be compared.

    problem: None if no cell has a time. cells: those with a time and all parts. incomplete: the other cells with the
    names of their missing parts.
    """

    problem: ProblemKey | None
    cells: list[Cell]
    incomplete: list[tuple[Cell, list[str]]]


def cold_cells(group: Group, parts: Sequence[str]) -> ColdCells:
    """The ranked cells on the problem of the cold costs. parts: the required fields of `ColdCosts`."""
    problem = cold_problem(group.ranked)
    complete, incomplete = [], []
    for cell in (c for c in group.ranked if problem_key(c) == problem):
        missing = [part for part in parts if getattr(cell.cold_costs, part) is None]
        if missing or time_per_iteration(cell) is None or cell.median_s is None:
            incomplete.append((cell, missing))
        else:
            complete.append(cell)
    return ColdCells(problem, complete, incomplete)


def cold_seconds(costs: ColdCosts) -> float | None:
    """Seconds of import, prepare and first call together; None if one of them is unknown."""
    if costs.import_s is None or costs.prepare_s is None or costs.first_call_s is None:
        return None
    return costs.import_s + costs.prepare_s + costs.first_call_s


def break_even_calls(costs: ColdCosts, baseline: ColdCosts, gain_s: float) -> int | Literal["never"] | None:
    """The number of calls after which higher cold costs are repaid by calls that are `gain_s` seconds faster.

    The cold costs include the first call, so the gain starts with the second one. None if a cold cost is unknown.
    """
    if gain_s <= 0:
        return "never"
    cold_s, baseline_s = cold_seconds(costs), cold_seconds(baseline)
    if cold_s is None or baseline_s is None:
        return None
    return max(1, 1 + math.ceil((cold_s - baseline_s) / gain_s))


def first_call_without_compile(cell: Cell) -> float | None:
    """Seconds of the first call without compilation; None if the first call is unknown."""
    first, compiling = cell.cold_costs.first_call_s, cell.cold_costs.compile_s
    return None if first is None else max(0.0, first - (compiling or 0.0))


def seconds_at(cell: Cell, iterations: float) -> float:
    """Seconds from the start of the process to the end of `iterations`, which include the first call."""
    later_s = (iterations - cell.n_iter) / cell.n_iter * (cell.median_s or 0)
    return (cold_seconds(cell.cold_costs) or 0) + later_s


def comparable_calls(cells: Sequence[Cell]) -> int:
    """The power of ten of steady calls that take about as long as the median cold costs."""
    ratios = sorted(seconds_at(c, c.n_iter) / (c.median_s or 1) for c in cells)
    middle = ratios[len(ratios) // 2]
    return int(10 ** round(math.log10(min(max(1.0, middle), 10.0**MAX_EXPONENT))))


def break_even_iterations(cell: Cell) -> int | None:
    """Iterations after which a cell overtakes the baseline; None if it is ahead from the start or never overtakes."""
    calls = cell.cold_costs.break_even_calls
    return calls * cell.n_iter if isinstance(calls, int) and calls > 1 and cell.backend != BASELINE else None
