"""The statistics: intervals, speed-ups, changes between runs, spread, outliers and straight lines."""

import itertools
import math
import random
import statistics

import numpy as np
import pytest

from bench.stats import (
    Interval,
    change,
    hodges_lehmann,
    holds_one,
    holm,
    mann_whitney,
    median_interval,
    outliers,
    speedup,
    spread,
    straight_line,
    trend,
)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(6, 1, 6), (7, 1, 7), (8, 1, 8), (9, 2, 8), (10, 2, 9), (20, 6, 15), (50, 18, 33)]
)
def test_intervals_have_the_ranks_of_published_tables(count, low, high):
    """They are order statistics: [min, max] of 6, [x2, x9] of 10, [x6, x15] of 20. The order of samples is irrelevant."""
    samples = list(range(1, count + 1))
    random.Random(0).shuffle(samples)
    assert median_interval(samples) == ((count + 1) / 2, low, high)


@pytest.mark.parametrize("count", range(1, 6))
def test_an_interval_needs_six_samples(count):
    """With fewer samples there is only a median."""
    assert median_interval([3.0] * count) == (3.0, None, None)


def test_a_median_needs_a_sample():
    """Without samples it is an error, not NaN."""
    with pytest.raises(ValueError, match="samples: found none; allowed: at least one"):
        median_interval([])


def test_the_interval_is_the_shortest_with_its_coverage():
    """For 6 to 60 samples the exact binomial coverage is at least 95 %; one rank further in, it is lower."""
    for count in range(6, 61):
        _, low, high = median_interval(range(count))
        rank = int(low) + 1
        assert high == count - rank

        def coverage(rank, count=count):
            return 1 - 2 * sum(math.comb(count, k) for k in range(rank)) / 2**count

        assert coverage(rank) >= 0.95 > coverage(rank + 1)


# Speed-ups


def test_pairing_removes_a_common_drift():
    """If every block is slower by half, for both backends, the ratio is exact and its interval is a point."""
    drift = [1.5**block for block in range(10)]
    assert speedup([3e-3 * d for d in drift], [1e-3 * d for d in drift]) == pytest.approx((3, 3, 3))


def test_blocks_without_both_samples_are_skipped():
    """None in either list removes the block; the others stay paired."""
    baseline = [2.0, None, 20.0, 200.0, 2e3, 2e4, 2e5, 2e6]
    other = [1.0, 5.0, None, 100.0, 1e3, 1e4, 1e5, 1e6]
    assert speedup(baseline, other) == pytest.approx((2, 2, 2))
    assert speedup(baseline[:5], other[:5]) == (pytest.approx(2), None, None)  # three pairs define no interval


def test_swapping_gives_the_reciprocal():
    """The ends of the interval are swapped, too."""
    rng = np.random.default_rng(1)
    baseline, other = rng.lognormal(0, 1, 11), rng.lognormal(1, 1, 11)
    ratio, reciprocal = speedup(baseline, other), speedup(other, baseline)
    assert ratio == pytest.approx((1 / reciprocal.median, 1 / reciprocal.high, 1 / reciprocal.low))
    assert ratio.low < ratio.median < ratio.high


def test_a_speedup_needs_a_common_block():
    """Without a common block it is None; lists of different lengths are an error."""
    assert speedup([], []) is None
    assert speedup([1.0, None], [None, 1.0]) is None
    with pytest.raises(ValueError):
        speedup([1.0, 2.0], [1.0])


def test_the_average_of_ratios_is_geometric():
    """The ratios 2 and 1/2 give 1."""
    assert speedup([2.0, 1.0], [1.0, 2.0]).median == pytest.approx(1)


# Two runs


def u_statistics(m, n):
    """The Mann-Whitney U of each of the C(m + n, m) orders of m and n different numbers."""
    for places in itertools.combinations(range(m + n), m):
        yield sum(place - below for below, place in enumerate(places))


SAMPLES = [(4, 4), (4, 7), (7, 4), (5, 6), (6, 6), (3, 9)]


@pytest.mark.parametrize(("m", "n"), SAMPLES)
def test_mann_whitney_is_exact(m, n):
    """p is the share of all orders with a U at least as extreme. Swapping, and a monotonic function, do not change it."""
    rng = np.random.default_rng(m * 10 + n)
    us = list(u_statistics(m, n))
    for _ in range(20):
        base, new = rng.normal(size=m), rng.normal(0.8, size=n)
        u = sum(a > b for a in base for b in new)
        p = min(1, 2 * sum(other <= min(u, m * n - u) for other in us) / len(us))
        assert mann_whitney(base, new) == pytest.approx(p)
        assert mann_whitney(np.exp(base), np.exp(new)) == pytest.approx(p)
        assert mann_whitney(new, base) == pytest.approx(p)


def test_mann_whitney_of_ten_is_exact():
    """Two samples of ten that do not overlap: 2 of 184 756 orders. SciPy's default approximation is 17 times larger."""
    base, new = list(range(10)), list(range(10, 20))
    assert mann_whitney(base, new) == pytest.approx(2 / 184_756)


def test_ties_do_not_decrease_p():
    """With ties, p is approximate; it is finite and larger than the exact p of similar samples without ties."""
    assert mann_whitney([1.0] * 10, [1.0] * 10) == 1
    base, new = [1.0] * 5 + [2.0] * 5, [3.0] * 10
    assert 2 / 184_756 < mann_whitney(base, new) < 0.002
    assert mann_whitney([1, 2, 3, 4], [4, 5, 6, 7]) > mann_whitney([1, 2, 3, 4], [4.1, 5, 6, 7])


@pytest.mark.parametrize(("m", "n"), SAMPLES)
def test_the_interval_of_a_shift_inverts_the_mann_whitney_test(m, n):
    """The estimate is the median of all pairwise differences; the interval contains the shifts with p >= 5 %."""
    rng = np.random.default_rng(m + n)
    us = list(u_statistics(m, n))
    for _ in range(20):
        base, new = rng.normal(size=m), rng.normal(0.5, 2, size=n)
        differences = sorted(b - a for a in base for b in new)
        shift = hodges_lehmann(base, new)
        assert shift.median == pytest.approx(statistics.median(differences))
        ends = [(shift.low - 1e-9, shift.low + 1e-9), (shift.high + 1e-9, shift.high - 1e-9)]
        for outside, inside in ends:
            assert mann_whitney(base, new - inside) >= 0.05 > mann_whitney(base, new - outside)
        rank = differences.index(shift.low)
        assert differences.index(shift.high) == m * n - 1 - rank
        tail, longer_tail = (sum(u <= end for u in us) / len(us) for end in (rank, rank + 1))
        assert tail < 0.025 <= longer_tail


@pytest.mark.parametrize(
    ("m", "n", "tail"), [(4, 4, 0), (5, 5, 2), (6, 6, 5), (8, 8, 13), (10, 10, 23), (10, 15, 39), (20, 20, 127)]
)
def test_the_interval_of_a_shift_has_the_ranks_of_published_tables(m, n, tail):
    """At each end it excludes as many differences as the tables of U give for 5 %, two-sided."""
    # Steps of 1000 make all differences distinct.
    base, new = [-k * 1000.0 for k in range(m)], [float(k) for k in range(n)]
    differences = sorted(b - a for a in base for b in new)
    assert hodges_lehmann(base, new) == (
        pytest.approx(statistics.median(differences)),
        differences[tail],
        differences[-tail - 1],
    )


def test_swapping_negates_the_shift():
    """Adding 3 to all samples is a shift of 3; the swapped runs have a shift of -3 with the negative interval."""
    base = [0.1, 0.4, 0.2, 0.9, 0.5, 0.7]
    new = [x + 3 for x in base]
    shift, negative = hodges_lehmann(base, new), hodges_lehmann(new, base)
    assert shift.median == pytest.approx(3)
    assert shift == pytest.approx((-negative.median, -negative.high, -negative.low))


def test_three_samples_have_a_shift_without_an_interval():
    """With three and three samples, a single one of the 20 orders is 5 %."""
    assert hodges_lehmann([1, 2, 3], [11, 12, 13]) == (10, None, None)
    with pytest.raises(ValueError, match="samples: found 0 and 1; allowed: at least one each"):
        hodges_lehmann([], [1.0])


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.9], [1, 1]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.3], [0.3]),
        ([], []),
    ],
)
def test_holm_adjusts_p_values(p_values, adjusted):
    """Ascending p values are multiplied by m, m - 1, …; the products never decrease and never exceed 1."""
    assert holm(p_values) == pytest.approx(adjusted)


def test_holm_limits_the_rate_of_families_with_a_false_positive():
    """At most 5 % of 2000 families of ten true null hypotheses have an adjusted p below 0.05."""
    rng = np.random.default_rng(0)
    rate = np.mean([min(holm(rng.random(10))) < 0.05 for _ in range(2000)])
    assert 0.03 < rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict"),
    [
        (0.021, 0.1, 0.0019, "slower"),
        (-0.1, -0.021, 0.0019, "faster"),
        (0.019, 0.1, 0.0019, "unchanged"),
        (-0.1, -0.019, 0.0019, "unchanged"),
        (0.021, 0.1, 0.002, "unchanged"),
        (-0.1, 0.1, 0.0, "unchanged"),
        (0.02, 0.1, 0.0, "unchanged"),
        (None, None, 0.0, "unchanged"),
    ],
)
def test_a_change_needs_a_small_p_and_an_interval_beyond_the_threshold(low, high, p, verdict):
    """The adjusted p is below 0.002, and both ends of the interval are beyond 0.02, on the same side."""
    assert change(Interval(0.05, low, high), p, 0.02) == verdict


# Spread and outliers


def test_spread_is_the_interquartile_range_over_the_median():
    """For 1, …, 5 it is 2 / 3. It does not depend on the unit."""
    assert spread([3, 1, 5, 2, 4]) == pytest.approx(2 / 3)
    assert spread([3e-9, 1e-9, 5e-9, 2e-9, 4e-9]) == pytest.approx(2 / 3)
    assert spread([7.0] * 6) == 0


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        ([1, 2, 3, 4, 5], 0),
        ([1, 2, 3, 4, 100], 1),
        ([], 0),
        ([-100, 2, 3, 4, 5, 6, 100], 2),
        ([10, 10, 10, 10, 10.001], 1),
        ([0, 2, 2, 4, 7], 0),  # the quartiles are 2 and 4, so the fences are -1 and 7
        ([0, 2, 2, 4, 7.01], 1),
    ],
)
def test_outliers_are_beyond_the_fences(samples, count):
    """The fences are 1.5 interquartile ranges outside the quartiles. A sample on a fence is no outlier."""
    assert outliers(samples) == count


# Lines


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2e-6, 3e-10), (1e-3, 1e-12), (0.0, 1e-9), (1e-5, 0.0)])
@pytest.mark.parametrize("sizes", [(1e3, 1e4), (1e3, 1e7), (10, 1e3, 1e5, 1e7), (999, 1000)])
def test_a_line_is_recovered(a, b, sizes):
    """Points on a + b size give a and b, over many orders of magnitude."""
    intercept, slope = straight_line(sizes, [a + b * size for size in sizes])
    # A coefficient that contributes little to the largest point has a larger relative error.
    largest = max(a + b * size for size in sizes)
    assert intercept == pytest.approx(a, rel=1e-8, abs=1e-8 * largest)
    assert slope == pytest.approx(b, rel=1e-8, abs=1e-8 * largest / sizes[-1])
    assert intercept + slope * 10 * sizes[-1] == pytest.approx(a + b * 10 * sizes[-1], rel=1e-9)


def test_neither_coefficient_is_negative():
    """This holds also if times decrease with size, or increase faster than linearly."""
    assert straight_line([5, 50], [2, 1])[1] == 0
    assert straight_line([5, 50], [1, 100])[0] == 0
    rng = np.random.default_rng(2)
    for _ in range(200):
        sizes, seconds = np.sort(rng.lognormal(8, 3, 4)), rng.lognormal(-6, 3, 4)
        a, b = straight_line(sizes, seconds)
        assert a >= 0
        assert b >= 0
        assert a + b > 0


def test_the_fit_minimizes_relative_errors():
    """A small point counts as much as a large one."""
    a, b = straight_line([1, 1000], [1.0, 1.0])
    assert (a, b) == pytest.approx((1, 0), abs=1e-9)
    a, b = straight_line([1, 1e6, 2e6], [1e-6, 1.0, 3.0])
    assert a + b == pytest.approx(1e-6, rel=0.5)


def test_a_single_point_gives_a_line_through_the_origin():
    """Its time is proportional to the size."""
    assert straight_line([200], [0.5]) == (0, 0.0025)


# Facts at exact numbers


@pytest.mark.parametrize(("low", "high"), [(2.0, 4.0), (None, 4.0), (2.0, None), (None, None)])
def test_scaling_an_interval_keeps_unknown_ends(low, high):
    """The median and both ends are multiplied."""
    scaled = Interval(3.0, low, high).scaled(0.5)
    assert scaled == (1.5, None if low is None else 1.0, None if high is None else 2.0)


@pytest.mark.parametrize(
    ("low", "high", "tie"),
    [(0.9, 1.1, True), (1.0, 1.1, True), (0.9, 1.0, True), (1.01, 1.1, False), (0.9, 0.99, False), (None, 1.1, False), (0.9, None, False)],
)  # fmt: skip
def test_an_interval_that_contains_1_is_a_tie(low, high, tie):
    """Both ends belong to it. Without an interval there is no tie."""
    assert holds_one(low, high) is tie


@pytest.mark.parametrize("samples", [[1.0, 0.0], [0.0, 1.0], [5e-324, 1e308]])
def test_times_of_zero_are_no_ratio(samples):
    """A clock may return 0, and a ratio may underflow to 0."""
    assert speedup(samples[:1], samples[1:]) is None


@pytest.mark.parametrize(
    ("base", "new", "ties"),
    [([1, 2, 3, 4], [4, 5, 6, 7], [2]), ([1, 2, 2, 4], [5, 6, 7, 8], [2]), ([1, 2, 3, 4], [5, 6, 6, 6], [3])],
)
def test_p_with_ties_is_that_of_the_normal_approximation(base, new, ties):
    """The variance of U is (m n / 12) (N + 1 - sum(t^3 - t) / (N (N - 1))). It does not matter which samples are tied."""
    u = sum((a > b) + (a == b) / 2 for a in base for b in new)
    variance = 16 / 12 * (9 - sum(t**3 - t for t in ties) / 56)
    z = (abs(u - 8) - 0.5) / math.sqrt(variance)
    assert mann_whitney(base, new) == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_a_straight_trend_is_the_change_over_the_median():
    """From 1.0 to 1.9 in equal steps is 0.9 / 1.45; its interval is a point. A descent is negative."""
    samples = [1 + 0.1 * k for k in range(10)]
    assert trend(samples) == pytest.approx((0.9 / 1.45,) * 3)
    assert trend(samples[::-1]) == pytest.approx((-0.9 / 1.45,) * 3)


def test_the_interval_of_a_trend_has_the_ranks_of_sen():
    """Of the 45 slopes of ten samples it excludes 11 at each end: 1.96 sqrt(n (n - 1) (2 n + 5) / 18) = 21.9."""
    samples = [10.0, 13.0, 11.5, 16.0, 12.0, 17.5, 15.0, 21.0, 14.0, 22.5]
    slopes = sorted((samples[j] - samples[i]) / (j - i) for i, j in itertools.combinations(range(10), 2))
    whole = 9 / statistics.median(samples)
    assert trend(samples) == pytest.approx([whole * slope for slope in (slopes[22], slopes[11], slopes[-12])])


@pytest.mark.parametrize(
    ("samples", "count"),
    [([1, 1, 1], 0), ([1, 1, 9], 0), ([1, 1, 1, 9], 1), ([9, 9, 9, 9, 1], 1), ([0, 3, 5, 5, 7], 0), ([1e308] * 4, 0)],
)
def test_outliers_need_four_samples(samples, count):
    """Three always lie inside. Large numbers do not overflow to outliers."""
    assert outliers(samples) == count


def test_a_line_through_the_origin_has_the_least_relative_errors():
    """If times increase faster than the size, a = 0 and b = sum(size / time) / sum((size / time)^2)."""
    assert straight_line([1, 2, 4], [1.0, 3.0, 12.0]) == (0, pytest.approx((1 + 2 / 3 + 1 / 3) / (1 + 4 / 9 + 1 / 9)))


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.1), (-0.1, -0.02), (0.03, None), (None, -0.03), (-0.1, 0.1)])
def test_an_interval_on_the_threshold_is_no_change(low, high):
    """One end alone is no interval."""
    assert change(Interval(0.05, low, high), 0.0, 0.02) == "unchanged"


@pytest.mark.parametrize("p_values", [[0.8, 0.9], [0.9, 0.6, 0.7], [1, 1]])
def test_an_adjusted_p_is_at_most_1(p_values):
    """Twice 0.8 is no probability."""
    assert holm(p_values) == [1.0] * len(p_values)
