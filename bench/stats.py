"""Intervals, ratios and tests: pure functions of numbers.

The unit of replication is a process: every sample is the median of one process.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Literal, NamedTuple

import numpy as np

CONFIDENCE = 0.95
CHANGE_P = 0.002  # significance level of a change between two runs, after Holm's adjustment


class Interval(NamedTuple):
    """A median with its confidence interval of at least 95 %. low and high are None with too few samples."""

    median: float
    low: float | None
    high: float | None

    def scaled(self, factor: float) -> "Interval":
        """The median and both ends times a factor."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        return Interval(self.median * factor, low, high)


def median_interval(samples: Sequence[float]) -> Interval:
    """The median and its exact distribution-free interval from order statistics.

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
    """The rank r of `median_interval` for a number of samples: the quantile of a binomial distribution with p = 1/2.

    Computed in integers, because the import of scipy.stats takes 0.7 s.
    """
    tail, rank = 1, 0  # tail: the number of outcomes, of 2^count, with at most `rank` successes
    while tail / 2**count < (1 - CONFIDENCE) / 2:
        rank += 1
        tail += math.comb(count, rank)
    return rank


# The smallest number of samples whose median has an interval: 6.
MIN_SAMPLES = next(number for number in count(1) if _binomial_rank(number))


def holds_one(low: float | None, high: float | None) -> bool:
    """Whether the interval of a ratio contains 1, which is a tie. False without an interval."""
    return low is not None and high is not None and low <= 1 <= high


def speedup(baseline: Sequence[float | None], other: Sequence[float | None]) -> Interval | None:
    """How many times faster `other` is than `baseline`, paired by block.

    Both: seconds, one per block in block order, or None. Pairing removes differences between blocks, such as a
    drifting clock speed. Returns None if no block has both times.
    """
    logs = [math.log(b / o) for b, o in zip(baseline, other, strict=True) if b and o and b / o > 0]
    if not logs:
        return None
    median, low, high = median_interval(logs)
    return Interval(math.exp(median), low if low is None else math.exp(low), high if high is None else math.exp(high))


def mann_whitney(base: Sequence[float], new: Sequence[float]) -> float:
    """The two-sided p-value of the Mann-Whitney test: exact without ties, else by the normal approximation.

    Raises ValueError if either is empty. With 10 samples each the smallest exact p is 2 / C(20, 10) = 1.1e-5. The
    approximation gives 1.8e-4 there, so ties never make a change more significant.
    """
    from scipy.stats import mannwhitneyu

    distinct = len({*base, *new})
    if distinct == 1 and base and new:
        return 1.0  # SciPy 1.18 returns NaN
    ties = distinct < len(base) + len(new)
    return float(mannwhitneyu(base, new, method="asymptotic" if ties else "exact").pvalue)


def hodges_lehmann(base: Sequence[float], new: Sequence[float]) -> Interval:
    """The shift from `base` to `new`: the median of all pairwise differences, with its interval of at least 95 %.

    The interval is exact for any two distributions that differ only by a shift. Its ends are the r-th smallest and the
    r-th largest difference, where r is the smallest u with Pr(U <= u) >= 2.5 % for the Mann-Whitney statistic U. They
    are None with too few samples. Raises ValueError if either is empty. Source: Hollander, Wolfe and Chicken,
    Nonparametric Statistical Methods, section 4.3, after Hodges and Lehmann (1963) and Moses.
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

    The number of the C(m + n, m) orders with U = u is the coefficient of q^u in prod_i (1 - q^(n + i)) / (1 - q^i),
    i = 1 ... m. SciPy has this distribution, but no public quantile of it.
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
    """The p-values after Holm's adjustment, which controls the probability of any false claim, in the same order.

    The k-th smallest of m is multiplied by m - k + 1, and the results are made non-decreasing.
    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    order = np.argsort(p_values)
    steps = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(np.asarray(p_values)[order] * steps))
    return adjusted.tolist()


def change(shift: Interval, p: float, threshold: float) -> Literal["slower", "faster", "unchanged"]:
    """The verdict on a shift of log times from one run to another. p: adjusted for the number of cells.

    threshold: logarithm of the smallest relevant ratio. A change needs both a small p and an interval beyond the
    threshold: p alone would report a true change of 0.1 %, and some of many intervals miss the true value by chance.
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
    """The change from the first to the last sample as a share of their median, with a 95 % interval: 0.05 is 5 % more.

    The slope is the median of all pairwise slopes (Theil), which is robust to outliers; the interval is that of Sen.
    """
    from scipy.stats import theilslopes

    slopes = theilslopes(samples, alpha=CONFIDENCE)
    whole = (len(samples) - 1) / float(np.median(samples))
    return Interval(*(float(slope) * whole for slope in (slopes.slope, slopes.low_slope, slopes.high_slope)))


def outliers(samples: Sequence[float]) -> int:
    """The number of samples beyond Tukey's fences, 1.5 interquartile ranges outside the quartiles.

    0 for fewer than four samples, which always lie inside.
    """
    if len(samples) < 4:
        return 0
    low, high = map(float, np.percentile(samples, [25, 75]))  # floats, because NumPy numbers warn about an overflow
    reach = 1.5 * (high - low)
    return sum(not low - reach <= sample <= high + reach for sample in samples)


def straight_line(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """The nonnegative (a, b) of seconds = a + b * size that minimize the relative squared errors.

    For one point, a = 0: all of its time grows with the size.
    """
    if len(sizes) == 1:
        return 0.0, seconds[0] / sizes[0]
    from scipy.optimize import nnls

    weights = 1 / np.asarray(seconds)
    (a, b), _ = nnls(np.column_stack([weights, np.asarray(sizes) * weights]), np.ones(len(weights)))
    return float(a), float(b)
