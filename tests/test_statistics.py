"""Intervals and ratios: known ranks, coverage by simulation, pairing, and lines through points."""

import math
import random

import numpy as np
import pytest

from bench.statistics import median_interval, outliers, speedup, spread, straight_line


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


DISTRIBUTIONS = {  # how to draw, and the true median
    "normal": (lambda rng, shape: rng.normal(10, 2, shape), 10.0),
    "lognormal": (lambda rng, shape: rng.lognormal(0, 1.5, shape), 1.0),
    # 30 % in [0, 1] and 70 % in [10, 11]: half of all lies below 10 + 2/7.
    "bimodal": (lambda rng, shape: np.where(rng.random(shape) < 0.3, 0, 10) + rng.random(shape), 10 + 2 / 7),
}


@pytest.mark.parametrize("count", [6, 10, 20])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_coverage(distribution, count):
    """In 2000 seeded trials the true median lies inside in 95 % or more, up to the error of the simulation itself."""
    draw, true = DISTRIBUTIONS[distribution]
    trials = draw(np.random.default_rng(count), (2000, count))
    intervals = [median_interval(list(samples)) for samples in trials]
    covered = np.mean([low <= true <= high for _, low, high in intervals])
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 2000)


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
