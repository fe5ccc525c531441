"""The stop rule under rounding: where a correct backend may stop, must stop, and contradicts its own losses."""

import math

import numpy as np
import pytest

from bench.check.bound import UNIT
from bench.check.stopping import broken_rule, may_stop, stop_window

LOSSES = np.array([4.0, 3.0, 2.75, 2.5, 2.5])  # changes of 1, 1/4, 1/4 and 0; tol J_0 is 4 tol


def test_certain_losses_stop_at_the_first_small_change():
    """Without error bounds the rule is |J_{k-1} - J_k| < tol J_0, and it is strict."""
    exact = np.zeros(5)
    for tol, stops in ((0.25, 2), (0.26, 1), (0.0625, 4), (0.07, 2), (0.01, 4), (0.0, 4)):
        assert stop_window(LOSSES, exact, tol, 4) == (stops, stops), tol
    assert stop_window(LOSSES, exact, 0.0, 9) == (9, 9)  # no change is below 0


@pytest.mark.parametrize(("k", "change", "doubt"), [(1, 1, 1 / 16 + 1 / 32), (3, 1 / 4, 1 / 64 + 1 / 128)])
def test_doubt_is_the_bound_of_both_losses_and_of_the_threshold(k, change, doubt):
    """bound_k + bound_{k-1} + tol bound_0 on both sides of tol J_0."""
    bounds = 2.0 ** -np.arange(4, 9)
    low, high = (change - doubt) / (4 + bounds[0]), (change + doubt) / (4 - bounds[0])
    for tol, may, must in ((low - 1e-9, 0, 0), (low + 1e-9, 1, 0), (high - 1e-9, 1, 0), (high + 1e-9, 1, 1)):
        assert [array[k] for array in may_stop(LOSSES, bounds, tol)] == [may, must], tol
    assert stop_window(LOSSES, bounds, 0.235, 4) == (1, 2)
    assert stop_window(LOSSES, bounds, 0.06, 4) == (2, 4)


def test_start_is_no_stop_and_tol_0_leaves_no_doubt():
    """k = 0 has no predecessor. With tol = 0 no change is small enough, whatever the bounds are."""
    for tol in (0.0, 0.3, 100.0):
        may, must = may_stop(LOSSES, np.ones(5), tol)
        assert not may[0] and not must[0]
        if not tol:
            assert not may.any() and not must.any()
    assert may_stop(list(LOSSES), [1.0] * 5, 100.0)[1][1:].all()


@pytest.mark.parametrize("dtype", UNIT)
def test_slack_is_four_roundings(dtype):
    """4 u (tol J_0 + J_k), here 4 u. Within it fit may stop or go on; beyond it, only one of the two is right."""
    u, tol = UNIT[dtype], 2.0**-8
    for roundings, stopping, going in ((-5, None, 2), (-4, None, None), (3, None, None), (4, 2, None)):
        losses = np.array([64.0, 1.0, 0.75 - roundings * u, 0.0], dtype)  # the change is tol J_0 + roundings u
        assert broken_rule(losses[:3], tol, 5) == stopping, roundings
        assert broken_rule(losses, tol, 3) == going, roundings


def test_losses_that_break_the_rule():
    """The first k at which fit goes on though it must stop, or the last k if it stops without a reason."""
    for losses, tol, max_iter, k in (
        ([4.0, 3.0, 2.9], 0.1, 9, None),
        ([4.0, 3.0, 2.9, 2.8], 0.1, 9, 2),  # it goes on
        ([4.0, 3.0], 0.1, 9, 1),  # it stops too early
        ([4.0, 3.0], 0.1, 1, None),
        ([4.0, 3.0, 2.0], 0.1, 1, 1),  # more than max_iter updates
        ([4.0], 0.1, 0, None),
        ([4.0], 100.0, 9, 0),  # the start has no change
        ([4.0, 5.0, 5.1], 0.1, 9, None),  # a loss that grows
        ([1.0, math.nan], 0.0, 9, None),
        ([1.0, math.nan, 0.5], 0.0, 2, 1),
    ):
        assert broken_rule(np.array(losses), tol, max_iter) == k, losses
