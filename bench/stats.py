"""Intervals and ratios: pure functions of numbers, no file and no clock.

The unit of replication is a process, so every sample here is the median of one process.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

CONFIDENCE = 0.95
CHANGE_P = 0.002  # a change between two runs needs a smaller p, after Holm


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
    ordered = np.sort(samples)
    rank = _binomial_rank(len(ordered))
    median = float(np.median(ordered))
    if rank < 1:
        return Interval(median, None, None)
    return Interval(median, float(ordered[rank - 1]), float(ordered[-rank]))


@cache
def _binomial_rank(count: int) -> int:
    """The rank r of `median_interval` for a number of samples."""
    from scipy.stats import binom  # 0.7 s to import, and only the end of a run needs it

    return int(binom.ppf((1 - CONFIDENCE) / 2, count, 0.5))


def holds_one(low: float | None, high: float | None) -> bool:
    """Whether the interval of a ratio holds 1, which is a tie; False where there is no interval."""
    return low is not None and high is not None and low <= 1 <= high


def speedup(baseline: Sequence[float | None], other: Sequence[float | None]) -> Interval | None:
    """How many times faster `other` is than `baseline`, paired block by block.

    Both: seconds, one per block in block order, None where a block has none. Pairing inside a block
    removes what the blocks do not share, such as a drifting clock. None where no block has both.
    """
    logs = [math.log(b / o) for b, o in zip(baseline, other, strict=True) if b and o and b / o > 0]
    if not logs:
        return None
    median, low, high = median_interval(logs)
    return Interval(math.exp(median), low if low is None else math.exp(low), high if high is None else math.exp(high))


def mann_whitney(base: Sequence[float], new: Sequence[float]) -> float:
    """The two-sided p of the Mann-Whitney test: exact where no two samples are equal, else its normal approximation.

    Raises ValueError where either is empty. With 10 samples each the smallest exact p is 2 / C(20, 10) = 1.1e-5;
    the approximation gives 1.8e-4 there, so ties never make a change easier to claim.
    """
    from scipy.stats import mannwhitneyu

    ties = len({*base, *new}) < len(base) + len(new)
    return float(mannwhitneyu(base, new, method="asymptotic" if ties else "exact").pvalue)


def hodges_lehmann(base: Sequence[float], new: Sequence[float]) -> Interval:
    """How far `new` lies above `base`: the median of all pairwise differences, with the interval that belongs to it.

    The interval holds the true shift at 95 % or more, whatever the distribution that both share but for the shift.
    It leaves out as many of the ordered differences at each end as the Mann-Whitney statistic U does: its ends are
    the r-th smallest and r-th largest, r the smallest u with Pr(U <= u) >= 2.5 %. None where too few define one.
    Raises ValueError where either is empty. Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods,
    section 4.3, after Hodges and Lehmann (1963) and Moses.
    """
    differences = np.sort(np.subtract.outer(np.asarray(new), np.asarray(base)), axis=None)
    if not differences.size:
        raise ValueError(f"samples: found {len(base)} and {len(new)}; allowed: at least one each")
    rank = _u_quantile(len(base), len(new))
    median = float(np.median(differences))
    if rank < 1:
        return Interval(median, None, None)
    return Interval(median, float(differences[rank - 1]), float(differences[-rank]))


@cache
def _u_quantile(m: int, n: int) -> int:
    """The smallest u with Pr(U <= u) >= (1 - CONFIDENCE) / 2, for m and n samples of one distribution.

    How many of the C(m + n, m) orders give each U: the coefficients of prod_i (1 - q^(n + i)) / (1 - q^i), i = 1 ... m,
    multiplied out in whole numbers. SciPy has this distribution, but shows no quantile of it.
    Source: the Gaussian polynomials of Andrews, The Theory of Partitions, chapter 3.
    """
    orders = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for u in range(m * n, n + i - 1, -1):
            orders[u] -= orders[u - n - i]
        for u in range(i, m * n + 1):
            orders[u] += orders[u - i]
    below, u = orders[0], 0
    while below < (1 - CONFIDENCE) / 2 * math.comb(m + n, m):
        u += 1
        below += orders[u]
    return u


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values, adjusted so that a limit on each holds for the chance of one false claim among all of them.

    The k-th smallest of m is multiplied by m - k + 1, and none falls below a smaller one's. In the given order.
    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * steps))
    return adjusted.tolist()


def change(shift: Interval, p: float, threshold: float) -> Literal["slower", "faster", "unchanged"]:
    """What the shift of log times from one run to another says; p: adjusted for all cells that are judged.

    threshold: logarithm of the smallest ratio that matters. A change needs both: p alone would report a true 0.1 %,
    and of many intervals some miss the truth by chance.
    """
    if shift.low is not None and shift.high is not None and p < CHANGE_P:
        if shift.low > threshold:
            return "slower"
        if shift.high < -threshold:
            return "faster"
    return "unchanged"


def spread(samples: Sequence[float]) -> float:
    """Interquartile range over median: 0.1 means that the middle half differs by 10 %."""
    low, median, high = np.percentile(samples, [25, 50, 75])
    return float((high - low) / median)


def trend(samples: Sequence[float]) -> Interval:
    """By which share of their median the samples change from first to last, with a 95 % interval: 0.05 is 5 % more.

    The slope is the median of all pairwise slopes (Theil), so that no single one makes a trend; the interval is Sen's.
    """
    from scipy.stats import theilslopes

    slopes = theilslopes(samples, alpha=CONFIDENCE)
    whole = (len(samples) - 1) / float(np.median(samples))
    return Interval(*(float(slope) * whole for slope in (slopes.slope, slopes.low_slope, slopes.high_slope)))


def outliers(samples: Sequence[float]) -> int:
    """How many samples lie beyond Tukey's fences, 1.5 interquartile ranges outside the quartiles."""
    low, high = map(float, np.percentile(samples, [25, 75]))  # of a NumPy number an overflow is a warning
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
