"""Intervals, ratios, changes: known ranks and values, brute force, pairing, and lines through points."""

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
    holm,
    mann_whitney,
    median_interval,
    outliers,
    speedup,
    spread,
    straight_line,
)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(6, 1, 6), (7, 1, 7), (8, 1, 8), (9, 2, 8), (10, 2, 9), (20, 6, 15), (50, 18, 33)]
)
def test_known_ranks(count, low, high):
    """The order statistics of published tables: [min, max] of 6, [x2, x9] of 10, [x6, x15] of 20; order does not matter."""
    samples = list(range(1, count + 1))
    random.Random(0).shuffle(samples)
    assert median_interval(samples) == ((count + 1) / 2, low, high)


@pytest.mark.parametrize("count", range(1, 6))
def test_too_few_samples_define_no_interval(count):
    """Below six samples there is a median and nothing beside it."""
    assert median_interval([3.0] * count) == (3.0, None, None)


def test_no_samples_is_an_error():
    """A median of nothing is not NaN."""
    with pytest.raises(ValueError, match="samples: found none; allowed: at least one"):
        median_interval([])


def test_the_interval_is_the_shortest_that_covers():
    """For every P from 6 to 60 the exact binomial coverage is at least 95 %, and one rank further in it is not."""
    for count in range(6, 61):
        _, low, high = median_interval(range(count))
        rank = int(low) + 1
        assert high == count - rank

        def coverage(rank, count=count):
            return 1 - 2 * sum(math.comb(count, k) for k in range(rank)) / 2**count

        assert coverage(rank) >= 0.95 > coverage(rank + 1)


# Speed-ups


def test_pairing_removes_a_common_drift():
    """A machine that grows slower by half from block to block, under both: the ratio is exact, its interval a point."""
    drift = [1.5**block for block in range(10)]
    found = speedup([3e-3 * d for d in drift], [1e-3 * d for d in drift])
    assert found == pytest.approx((3, 3, 3))


def test_blocks_without_both_are_skipped():
    """None in either list takes the block out of both; the rest stays paired."""
    baseline = [2.0, None, 20.0, 200.0, 2e3, 2e4, 2e5, 2e6]
    other = [1.0, 5.0, None, 100.0, 1e3, 1e4, 1e5, 1e6]
    assert speedup(baseline, other) == pytest.approx((2, 2, 2))
    assert speedup(baseline[:5], other[:5]) == (pytest.approx(2), None, None)  # three pairs define no interval


def test_swapping_gives_the_reciprocal():
    """How many times slower is one over how many times faster, and the ends of the interval change places."""
    rng = np.random.default_rng(1)
    one, two = rng.lognormal(0, 1, 11), rng.lognormal(1, 1, 11)
    there, back = speedup(one, two), speedup(two, one)
    assert there == pytest.approx((1 / back.median, 1 / back.high, 1 / back.low))
    assert there.low < there.median < there.high


def test_no_common_block_has_no_speedup():
    """Empty lists, and lists that share no block, give None; a list of another length is an error."""
    assert speedup([], []) is None
    assert speedup([1.0, None], [None, 1.0]) is None
    with pytest.raises(ValueError):
        speedup([1.0, 2.0], [1.0])


def test_ratios_are_not_averaged_arithmetically():
    """Twice as fast in one block and half as fast in the other is neither."""
    assert speedup([2.0, 1.0], [1.0, 2.0]).median == pytest.approx(1)


# Two runs


def orders(m, n):
    """The Mann-Whitney U of each of the C(m + n, m) ways in which m and n different numbers can be mixed."""
    for places in itertools.combinations(range(m + n), m):
        yield sum(place - below for below, place in enumerate(places))


SAMPLES = [(4, 4), (4, 7), (7, 4), (5, 6), (6, 6), (3, 9)]


@pytest.mark.parametrize(("m", "n"), SAMPLES)
def test_mann_whitney_counts_orders(m, n):
    """The p of two samples is the share of all orders that are as uneven, on either side; a scale changes nothing."""
    rng = np.random.default_rng(m * 10 + n)
    everything = list(orders(m, n))
    for _ in range(20):
        base, new = rng.normal(size=m), rng.normal(0.8, size=n)
        u = sum(a > b for a in base for b in new)
        p = min(1, 2 * sum(other <= min(u, m * n - u) for other in everything) / len(everything))
        assert mann_whitney(base, new) == pytest.approx(p)
        assert mann_whitney(np.exp(base), np.exp(new)) == pytest.approx(p)
        assert mann_whitney(new, base) == pytest.approx(p)


def test_mann_whitney_of_ten_is_exact():
    """Ten and ten that do not overlap: 2 of 184 756 orders. SciPy on its own would approximate, 17 times larger."""
    base, new = list(range(10)), list(range(10, 20))
    assert mann_whitney(base, new) == pytest.approx(2 / 184_756)


def test_equal_samples_never_make_a_change_easier():
    """With ties the p is approximate, and it is finite and no smaller than the exact one beside it."""
    assert mann_whitney([1.0] * 10, [1.0] * 10) == 1
    base, new = [1.0] * 5 + [2.0] * 5, [3.0] * 10
    assert 2 / 184_756 < mann_whitney(base, new) < 0.002
    assert mann_whitney([1, 2, 3, 4], [4, 5, 6, 7]) > mann_whitney([1, 2, 3, 4], [4.1, 5, 6, 7])


@pytest.mark.parametrize(("m", "n"), SAMPLES)
def test_the_shift_and_its_interval_by_brute_force(m, n):
    """The estimate is the median of all pairwise differences; the ends are the shifts that the test just accepts."""
    rng = np.random.default_rng(m + n)
    everything = sorted(orders(m, n))
    for _ in range(20):
        base, new = rng.normal(size=m), rng.normal(0.5, 2, size=n)
        differences = sorted(b - a for a in base for b in new)
        found = hodges_lehmann(base, new)
        assert found.median == pytest.approx(statistics.median(differences))
        # A shift just inside an end is accepted at 5 %, one just outside is not.
        ends = [(found.low - 1e-9, found.low + 1e-9), (found.high + 1e-9, found.high - 1e-9)]
        for outside, inside in ends:
            assert mann_whitney(base, new - inside) >= 0.05 > mann_whitney(base, new - outside)
        rank = differences.index(found.low)
        assert differences.index(found.high) == m * n - 1 - rank
        left_out = sum(u <= rank for u in everything) / len(everything)
        assert left_out < 0.025 <= sum(u <= rank + 1 for u in everything) / len(everything)


@pytest.mark.parametrize(
    ("m", "n", "left_out"), [(4, 4, 0), (5, 5, 2), (6, 6, 5), (8, 8, 13), (10, 10, 23), (10, 15, 39), (20, 20, 127)]
)
def test_the_ranks_are_those_of_published_tables(m, n, left_out):
    """The interval leaves out as many differences at each end as the tables give for U at 5 %, two-sided."""
    # One huge step per sample makes every difference its own rank.
    base, new = [-k * 1000.0 for k in range(m)], [float(k) for k in range(n)]
    differences = sorted(b - a for a in base for b in new)
    assert hodges_lehmann(base, new) == (
        pytest.approx(statistics.median(differences)),
        differences[left_out],
        differences[-left_out - 1],
    )


def test_a_shift_is_found_and_turned_around():
    """Adding 3 to everything is a shift of 3 with an interval of a point's width; the other way round it is -3."""
    base = [0.1, 0.4, 0.2, 0.9, 0.5, 0.7]
    new = [x + 3 for x in base]
    there, back = hodges_lehmann(base, new), hodges_lehmann(new, base)
    assert there.median == pytest.approx(3)
    assert there == pytest.approx((-back.median, -back.high, -back.low))


def test_too_few_samples_have_a_shift_and_no_interval():
    """Three and three: one of 20 orders is already 5 %."""
    assert hodges_lehmann([1, 2, 3], [11, 12, 13]) == (10, None, None)
    with pytest.raises(ValueError, match="samples: found 0 and 1; allowed: at least one each"):
        hodges_lehmann([], [1.0])


def test_holm():
    """Known values: in order of size times 4, 3, 2 and 1, never below a smaller one, never above 1, in the given order."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([0.02, 0.02, 0.02]) == pytest.approx([0.06, 0.06, 0.06])
    assert holm([0.3]) == [0.3]
    assert holm([]) == []


def test_holm_keeps_the_chance_of_any_false_claim():
    """Of 2000 families of ten true hypotheses at most 5 % have any adjusted p below 0.05."""
    rng = np.random.default_rng(0)
    false = np.mean([min(holm(rng.random(10))) < 0.05 for _ in range(2000)])
    assert 0.03 < false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


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
def test_a_change_needs_both(low, high, p, verdict):
    """An adjusted p below 0.002, and an interval wholly beyond the threshold of 0.02, its end not in it."""
    assert change(Interval(0.05, low, high), p, 0.02) == verdict


# Spread and outliers


def test_spread():
    """Interquartile range over median: of 1 ... 5 it is 2 / 3, and no unit changes it."""
    assert spread([3, 1, 5, 2, 4]) == pytest.approx(2 / 3)
    assert spread([3e-9, 1e-9, 5e-9, 2e-9, 4e-9]) == pytest.approx(2 / 3)
    assert spread([7.0] * 6) == 0


def test_outliers_are_counted():
    """Beyond 1.5 interquartile ranges outside the quartiles, on both sides; a point on the fence is none."""
    assert outliers([1, 2, 3, 4, 5]) == 0
    assert outliers([1, 2, 3, 4, 100]) == 1
    assert outliers([-100, 2, 3, 4, 5, 6, 100]) == 2
    assert outliers([10, 10, 10, 10, 10.001]) == 1
    assert outliers([0, 2, 2, 4, 7]) == 0  # quartiles 2 and 4: the fences are -1 and 7
    assert outliers([0, 2, 2, 4, 7.01]) == 1


# Lines


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2e-6, 3e-10), (1e-3, 1e-12), (0.0, 1e-9), (1e-5, 0.0)])
@pytest.mark.parametrize("sizes", [(1e3, 1e4), (1e3, 1e7), (10, 1e3, 1e5, 1e7), (999, 1000)])
def test_a_line_is_recovered(a, b, sizes):
    """Points that lie on a + b size give a and b back, over many orders of magnitude."""
    found = straight_line(sizes, [a + b * size for size in sizes])
    # A coefficient is only known as far as the points show it.
    share = max(a + b * size for size in sizes)
    assert found[0] == pytest.approx(a, rel=1e-8, abs=1e-8 * share)
    assert found[1] == pytest.approx(b, rel=1e-8, abs=1e-8 * share / sizes[-1])
    assert found[0] + found[1] * 10 * sizes[-1] == pytest.approx(a + b * 10 * sizes[-1], rel=1e-9)


def test_neither_coefficient_is_negative():
    """Times that fall with size, or rise faster than a line, still give a cost that grows from nothing."""
    assert straight_line([5, 50], [2, 1])[1] == 0
    assert straight_line([5, 50], [1, 100])[0] == 0
    rng = np.random.default_rng(2)
    for _ in range(200):
        sizes, seconds = np.sort(rng.lognormal(8, 3, 4)), rng.lognormal(-6, 3, 4)
        a, b = straight_line(sizes, seconds)
        assert a >= 0
        assert b >= 0
        assert a + b > 0


def test_errors_weigh_by_their_share():
    """A large point does not drown a small one: both are missed by a like share."""
    a, b = straight_line([1, 1000], [1.0, 1.0])
    assert (a, b) == pytest.approx((1, 0), abs=1e-9)
    a, b = straight_line([1, 1e6, 2e6], [1e-6, 1.0, 3.0])
    assert a + b == pytest.approx(1e-6, rel=0.5)


def test_one_point_grows_from_nothing():
    """All of its time is taken to grow with the size."""
    assert straight_line([200], [0.5]) == (0, 0.0025)
