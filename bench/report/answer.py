"""The answer of a run in one sentence, made of its figures alone."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench import statistics
from bench.records import Cell
from bench.report import text
from bench.report.groups import BASELINE, Group, headline, key, problem_label, speedup, time


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
    timed = sorted((cell for cell in cells if time(cell)), key=_median)
    if not timed:
        return None
    ratios = [(cell, ratio(timed[0], cell)) for cell in timed[1:]]
    level = [cell for cell, found in ratios if found and statistics.holds_one(found.low, found.high)]
    return Fastest(timed, level, all(found and found.low is not None for _, found in ratios))


def answer(group: Group) -> str:
    """Which backend is the fastest on the largest problem, by how much, and how sure that is."""
    problem = headline(group.ranked)
    found = fastest([c for c in group.ranked if key(c) == problem])
    if problem is None or found is None:
        return _no_time(group)
    best = found.timed[0]
    where = f"On this machine, at {problem_label(problem)} ({group.title}), "
    name = text.clean(best.backend, 40)
    if len(found.timed) == 1:
        return f"{where}{name} is the only backend with a time: {_figures(best)}."
    among = f"of {len(found.timed)} backends"
    if not found.sure:
        doubt = "too few processes to call it the fastest"
        return f"{where}{name} has the lowest median {among}: {_figures(best)} ({doubt})."
    if found.level:
        tied = text.listed([name, *(text.clean(c.backend, 40) for c in found.level)])
        return f"{where}{tied} are tied as the fastest {among}: {name} takes {_figures(best)}."
    return f"{where}{name} is the fastest {among}: {_figures(best)}."


def _no_time(group: Group) -> str:
    found = Counter(cell.status for cell in group.ranked)
    kinds = text.listed([f"{number} {status.replace('_', ' ')}" for status, number in sorted(found.items())])
    return f"No backend has a time ({group.title}), so there is nothing to compare: {kinds or 'nothing was run'}."


def _figures(cell: Cell) -> str:
    found = time(cell)
    assert found is not None
    words = f"{text.duration_interval(*found)} per iteration"
    faster = speedup(cell, BASELINE)
    if faster is None:
        return words
    return f"{words}, {text.ratio_interval(faster.median, faster.ci_low, faster.ci_high)} the speed of {BASELINE}"


def ratio(best: Cell, other: Cell) -> statistics.Interval | None:
    """How many times faster `best` is, paired block by block; None where their blocks do not match."""
    if len(best.samples_s) != len(other.samples_s):
        return None
    return statistics.speedup(_per_iteration(other), _per_iteration(best))


def _per_iteration(cell: Cell) -> list[float | None]:
    return [None if sample is None else sample / cell.n_iter for sample in cell.samples_s]


def _median(cell: Cell) -> float:
    found = time(cell)
    assert found is not None
    return found.median
