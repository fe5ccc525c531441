"""Figures of a run for the text of a chapter. Every function returns None for what was not measured."""

from bench import text
from bench.analysis.cost_model import time_per_pass
from bench.analysis.speed import time_per_iteration
from bench.records import Cell, ProblemRoofline, Run
from bench.stats import Interval, holds_one, speedup


def cell(
    run: Run, backend: str, n: int | None = None, d: int | None = None, dtype: str = "float64", threads: int = 1
) -> Cell | None:
    """The timed cell of a backend. Without n and d: the one with the largest problem."""
    cells = [
        c
        for c in run.cells
        if c.backend == backend and not c.control and c.median_s and c.dtype == dtype and c.threads == threads
        if n in (None, c.n_samples) and d in (None, c.n_features)
    ]
    return max(cells, key=lambda c: c.size, default=None)


def per_iteration(cell: Cell | None) -> Interval | None:
    """Seconds per iteration, with the interval."""
    return None if cell is None else time_per_iteration(cell)


def per_pass(cell: Cell | None) -> Interval | None:
    """Seconds per pass over X, with the interval."""
    return None if cell is None else time_per_pass(cell)


def ratio(slower: Cell | None, faster: Cell | None) -> Interval | None:
    """The speed-up of `faster` over `slower`, paired block by block."""
    if slower is None or faster is None:
        return None
    return speedup(slower.samples_s, faster.samples_s)


def scaled(interval: Interval | None, factor: float) -> Interval | None:
    """The median and both ends times a factor."""
    return interval and interval.scaled(factor)


def number(value: float | None) -> str:
    """A value in a table: 7.10; a dash for None."""
    return text.MISSING if value is None else text.significant(value)


def times(interval: Interval | None) -> str | None:
    """8.14× [8.01, 8.30]"""
    return interval and text.ratio_interval(*interval)


def seconds(interval: Interval | None) -> str | None:
    """7.10 ms [7.02, 7.21]"""
    return interval and text.duration_interval(*interval)


def is_faster(interval: Interval | None) -> bool | None:
    """Whether a ratio is above 1: True or False if its interval excludes 1, otherwise None."""
    if interval is None or interval.low is None or holds_one(interval.low, interval.high):
        return None
    return interval.low > 1


def computed_by(names: list[str], missing: list[str]) -> str:
    """A note about the backends that a computation uses, and about those that are not installed."""
    note = f" Not installed: {text.listed(missing)}." if missing else ""
    return f"Computed on this machine by {text.listed(names)}.{note}"


NO_INTERVAL = "These figures have no interval, so they show no difference. A run without `--quick` has intervals."


def verdict(ratio: Interval | None, faster: str, slower: str, unsure: str) -> str | None:
    """One of three sentences, by the interval of a ratio. NO_INTERVAL without one, None without a ratio."""
    if ratio is None:
        return None
    if ratio.low is None:
        return NO_INTERVAL
    return {True: faster, False: slower, None: unsure}[is_faster(ratio)]


def is_above(first: Interval | None, second: Interval | None) -> bool | None:
    """Whether one value is above another: True or False if their intervals do not overlap, otherwise None."""
    if first is None or second is None or None in (*first, *second):
        return None
    low, high = (first.low or 0) - (second.high or 0), (first.high or 0) - (second.low or 0)
    return True if low > 0 else False if high < 0 else None


def chosen(answer: str | None, truth: str | None = None) -> str:
    """The reader's choice as a sentence, with whether it is right where `truth` is known. Empty without a choice."""
    right = "" if truth is None else f", which is {'right' if answer == truth else 'wrong'}"
    return f"You chose “{answer}”{right}." if answer else ""


def roof(run: Run, n: int, threads: int = 1) -> ProblemRoofline | None:
    """The measured limits at n rows in float64."""
    return next((r for r in run.roofline if (r.n_samples, r.dtype, r.threads) == (n, "float64", threads)), None)


def judge_prediction(guess: float | None, truth: float | None) -> str | None:
    """A sentence that compares a prediction with the measured value, both in one unit."""
    if truth is None:
        return None
    if not guess or guess < 0:
        return "You made no prediction."
    factor = guess / truth
    if 0.8 <= factor <= 1.25:
        return "Your prediction was close."
    times, side = text.significant(max(factor, 1 / factor)), "above" if factor > 1 else "below"
    return f"Your prediction is {times}× {side} this value."
