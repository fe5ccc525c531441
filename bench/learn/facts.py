"""Figures of a run for the text of a chapter. Every function returns None for what was not measured."""

from bench import text
from bench.records import Cell, Run
from bench.stats import Interval, speedup


def cell(
    run: Run, backend: str, n: int | None = None, d: int | None = None, dtype: str = "float64", threads: int = 1
) -> Cell | None:
    """The timed cell of a backend. Without n and d: the one with the largest problem."""
    found = [
        c
        for c in run.cells
        if c.backend == backend and not c.control and c.median_s and c.dtype == dtype and c.threads == threads
        if n in (None, c.n_samples) and d in (None, c.n_features)
    ]
    return max(found, key=lambda c: c.n_samples * c.n_features, default=None)


def iteration(found: Cell | None) -> Interval | None:
    """Seconds per iteration, with the interval."""
    if found is None or found.median_s is None:
        return None
    low, high = found.ci_low_s, found.ci_high_s
    scale = max(found.n_iter, 1)
    return Interval(found.median_s / scale, low and low / scale, high and high / scale)


def a_pass(found: Cell | None) -> Interval | None:
    """Seconds per pass over X, with the interval. A call of K iterations makes K + 1 passes."""
    return None if found is None else scaled(iteration(found), found.n_iter / (found.n_iter + 1))


def ratio(slower: Cell | None, faster: Cell | None) -> Interval | None:
    """The speed-up of `faster` over `slower`, paired block by block."""
    if slower is None or faster is None:
        return None
    return speedup(slower.samples_s, faster.samples_s)


def scaled(found: Interval | None, factor: float) -> Interval | None:
    """All three figures times a factor."""
    return found and Interval(*(end and end * factor for end in found))  # type: ignore[arg-type]


def times(found: Interval | None) -> str | None:
    """8.14× [8.01, 8.30]"""
    return found and text.ratio_interval(*found)


def seconds(found: Interval | None) -> str | None:
    """7.10 ms [7.02, 7.21]"""
    return found and text.duration_interval(*found)


def is_faster(found: Interval | None) -> bool | None:
    """Whether a ratio is above 1: True or False if its interval excludes 1, otherwise None."""
    if found is None or found.low is None or found.high is None or found.low <= 1 <= found.high:
        return None
    return found.low > 1


def computed_by(names: list[str], missing: list[str]) -> str:
    """A note about the backends that a computation uses, and about those that are not installed."""
    note = f" Not installed: {text.listed(missing)}." if missing else ""
    return f"Computed on this machine by {text.listed(names)}.{note}"


def chosen(answer: str | None) -> str:
    """The reader's choice as a sentence, empty without one."""
    return f"You chose “{answer}”." if answer else ""


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
