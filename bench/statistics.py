"""Intervals and ratios: pure functions of numbers, no file and no clock.

The unit of replication is a process, so every sample here is the median of one process.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A median with the interval that covers the true one at 95 % or more; None where too few samples define one."""

    median: float
    low: float | None
    high: float | None


def median_interval(samples: Sequence[float]) -> Interval:
    """The median and its exact order-statistic interval, which assumes nothing about the distribution.

    The r-th smallest and r-th largest of P samples enclose the median with probability
    1 - 2 Pr(Binomial(P, 1/2) < r). Raises ValueError for an empty sequence. With P = 6 the interval is
    [min, max] (96.9 %), with P = 10 it is [x2, x9] (97.9 %), below 6 there is none.
    Source: David and Nagaraja, Order Statistics, section 7.1.
    """
    if not samples:
        raise ValueError("samples: found none; allowed: at least one")
    from scipy.stats import binom  # 0.7 s to import, and only the end of a run needs it

    ordered = np.sort(samples)
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, len(ordered), 0.5))
    median = float(np.median(ordered))
    if rank < 1:
        return Interval(median, None, None)
    return Interval(median, float(ordered[rank - 1]), float(ordered[-rank]))


def holds_one(low: float | None, high: float | None) -> bool:
    """Whether the interval of a ratio holds 1, which is a tie; False where there is no interval."""
    return low is not None and high is not None and low <= 1 <= high


def speedup(baseline: Sequence[float | None], other: Sequence[float | None]) -> Interval | None:
    """How many times faster `other` is than `baseline`, paired block by block.

    Both: seconds, one per block in block order, None where a block has none. Pairing inside a block
    removes what the blocks do not share, such as a drifting clock. None where no block has both.
    """
    logs = [math.log(b / o) for b, o in zip(baseline, other, strict=True) if b and o]
    if not logs:
        return None
    median, low, high = median_interval(logs)
    return Interval(math.exp(median), low if low is None else math.exp(low), high if high is None else math.exp(high))


def spread(samples: Sequence[float]) -> float:
    """Interquartile range over median: 0.1 means that the middle half differs by 10 %."""
    low, median, high = np.percentile(samples, [25, 50, 75])
    return float((high - low) / median)


def outliers(samples: Sequence[float]) -> int:
    """How many samples lie beyond Tukey's fences, 1.5 interquartile ranges outside the quartiles."""
    low, high = np.percentile(samples, [25, 75])
    reach = 1.5 * (high - low)
    return sum(not low - reach <= sample <= high + reach for sample in samples)


def straight_line(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """(a, b) of seconds = a + b * size, neither negative, with every point weighing by its relative error.

    One point gives a = 0: all of its time is taken to grow with the size.
    """
    if len(sizes) == 1:
        return 0.0, seconds[0] / sizes[0]
    from scipy.optimize import nnls

    weights = 1 / np.asarray(seconds)
    (a, b), _ = nnls(np.column_stack([weights, np.asarray(sizes) * weights]), np.ones(len(weights)))
    return float(a), float(b)
