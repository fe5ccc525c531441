"""The answer of a run in one sentence, made of its figures alone."""

from collections import Counter

from bench import statistics
from bench.records import Cell
from bench.report import text
from bench.report.groups import BASELINE, Group, headline, key, problem_label, speedup, time


def answer(group: Group) -> str:
    """Which backend is the fastest on the largest problem, by how much, and how sure that is."""
    problem = headline(group.ranked)
    if problem is None:
        return _no_time(group)
    timed = sorted((c for c in group.ranked if key(c) == problem and time(c)), key=_median)
    best = timed[0]
    where = f"On this machine, at {problem_label(problem)} ({group.title}), "
    name = text.clean(best.backend, 40)
    if len(timed) == 1:
        return f"{where}{name} is the only backend with a time: {_figures(best)}."
    ratios = {cell.backend: _ratio(best, cell) for cell in timed[1:]}
    level = [
        text.clean(other, 40)
        for other, found in ratios.items()
        if found and statistics.holds_one(found.low, found.high)
    ]
    among = f"of {len(timed)} backends"
    if any(found is None or found.low is None for found in ratios.values()):
        doubt = "too few processes to call it the fastest"
        return f"{where}{name} has the lowest median {among}: {_figures(best)} ({doubt})."
    if level:
        return f"{where}{text.listed([name, *level])} are tied as the fastest {among}: {name} takes {_figures(best)}."
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
    ratio = text.ratio_interval(faster.median, faster.ci_low, faster.ci_high)
    return f"{words}, {ratio} the speed of {BASELINE}"


def _ratio(best: Cell, other: Cell) -> statistics.Interval | None:
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
