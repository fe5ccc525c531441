"""Judging an answer: its form, its length, and the distance from the reference."""

import math
from typing import Any

import numpy as np
import pytest

from bench.check.answer import Wrong, check_form, check_length, error_context, judge, require, solve_fixture, unpack
from bench.check.bound import Reference
from bench.check.fixtures import Fixture

EXPECTED = Reference(
    np.array([[9.0, 9.0], [5.0, 5.0], [1.0, 2.0]]),
    np.array([8.0, 4.0, 2.0]),
    np.array([0.0, 0.25, 0.5]),
    np.array([0.0, 0.125, 0.25]),
)


def judged(beta: Any = (1.0, 2.0), losses: Any = (8.0, 4.0, 2.0), dtype: str = "float64") -> tuple[float, float]:
    return judge(np.array(beta, dtype), np.array(losses, dtype), EXPECTED, dtype)


def test_error_at_the_bound_is_right():
    """The error is the norm of the difference of beta. Returned are this error and the bound of the last beta."""
    assert judged() == (0.0, 0.5)
    assert judged(beta=(1.3, 2.4)) == (pytest.approx(0.5), 0.5)
    assert judged(losses=(8.0, 3.875, 2.25), dtype="float32") == (0.0, 0.5)


def test_error_above_the_bound_is_wrong():
    """The message has the numbers of beta, or of the first loss out of its bound."""
    with pytest.raises(
        Wrong, match=r"beta is off by 0.51\d* after 2 updates; correct arithmetic is within 0.5$"
    ) as raised:
        judged(beta=(1.0, 2.51))
    assert (raised.value.error, raised.value.bound) == (pytest.approx(0.51), 0.5)
    for losses, k, error, bound in (
        ((8.0, 4.0, 2.26), 2, 0.26, 0.25),
        ((8.0, 3.87, 3.0), 1, 0.13, 0.125),
        ((8.0001, 4.0, 3.0), 0, 1e-4, 0.0),
    ):
        start = rf"losses\[{k}\] is {losses[k]:.9g}, J\(beta_{k}\) is {EXPECTED.losses[k]:.9g}: off by {error:.3g}; "
        with pytest.raises(Wrong, match=start + f"correct arithmetic is within {bound:.3g}$") as raised:
            judged(losses=losses)
        assert (raised.value.error, raised.value.bound) == (pytest.approx(error), bound)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_number_that_is_not_finite_is_wrong(bad):
    """NaN too, although comparisons with NaN are false."""
    with pytest.raises(Wrong, match="beta is off by"):
        judged(beta=(1.0, bad))
    for k in range(3):
        losses = [8.0, 4.0, 2.0]
        losses[k] = bad
        with pytest.raises(Wrong, match=rf"losses\[{k}\] is"):
            judged(losses=losses)
    with pytest.raises(Wrong):
        require(math.nan, 1.0, "")
    with pytest.raises(Wrong):
        require(0.0, math.nan, "")


def test_missing_update_is_wrong():
    """The message has the last loss only if it is not finite, which explains the stop."""
    with pytest.raises(Wrong, match=r"^losses has 2 entries; allowed: 3 after 2 updates with tol = 0$"):
        judged(losses=(8.0, 4.0))
    with pytest.raises(Wrong, match=r"^losses has 2 entries \(the last is nan, where J is 4\); allowed: 3 after 2"):
        judged(losses=(8.0, math.nan))
    with pytest.raises(Wrong, match=r"^losses has 1 entries \(the last is inf, where J is 8\); allowed: 3 after 2"):
        judged(losses=(math.inf,))
    check_length(np.ones(4), 3)
    with pytest.raises(Wrong, match=r"^losses has 3 entries; allowed: 4 after 3"):
        check_length(np.ones(3), 3)
    with pytest.raises(Wrong, match="losses has 5 entries, x; allowed: 4 after 3"):
        check_length(np.ones(5), 3, ", x")


FORMS: dict[str, tuple[Any, Any]] = {
    r"to_numpy(beta) returned list; allowed: numpy.ndarray": ([1.0, 2.0], np.ones(3)),
    r"to_numpy(losses) returned tuple; allowed: numpy.ndarray": (np.ones(2), (1.0, 2.0, 3.0)),
    r"beta has shape (3,); allowed: (2,)": (np.ones(3), np.ones(3)),
    r"beta has shape (2, 1); allowed: (2,)": (np.ones((2, 1)), np.ones(3)),
    r"losses has shape (0,); allowed: (n_iter + 1,) with 0 <= n_iter <= 3": (np.ones(2), np.ones(0)),
    r"losses has shape (5,); allowed: (n_iter + 1,) with 0 <= n_iter <= 3": (np.ones(2), np.ones(5)),
    r"losses has shape (3, 1); allowed: (n_iter + 1,) with 0 <= n_iter <= 3": (np.ones(2), np.ones((3, 1))),
    r"beta has dtype float32; allowed: float64, that of X": (np.ones(2, "f4"), np.ones(3)),
    r"losses has dtype float16; allowed: float64, that of X": (np.ones(2), np.ones(3, "f2")),
}


@pytest.mark.parametrize("message", FORMS)
def test_wrong_form_is_named(message):
    """Type, shape, length and dtype, each with what is allowed."""
    with pytest.raises(Wrong) as raised:
        check_form(*FORMS[message], 2, "float64", 3)
    assert raised.value.detail == message
    assert (raised.value.error, raised.value.bound) == (None, None)


def test_right_forms():
    """From one loss to one more than max_iter, in the dtype."""
    for count in (1, 4):
        check_form(np.ones(2), np.ones(count), 2, "float64", 3)
    check_form(np.ones(2, "f4"), np.ones(1, "f4"), 2, "float32", 0)


def test_fit_returns_a_pair():
    """A list of two is a pair, too. Anything else is wrong, and the message says what it is."""
    assert unpack((1, 2)) == unpack([1, 2]) == (1, 2)
    for result, what in ((None, "NoneType"), ((1, 2, 3), "tuple of 3"), ([1], "list of 1"), (np.ones(2), "ndarray")):
        with pytest.raises(Wrong, match=rf"^fit returned a {what}; allowed: \(beta, losses\)$"):
            unpack(result)


def test_context_keeps_the_numbers():
    """The context comes in front of the detail."""
    with pytest.raises(Wrong) as raised, error_context("with another y"):
        raise Wrong("off", 2.0, 1.0)
    assert (raised.value.error, raised.value.bound, raised.value.detail) == (2.0, 1.0, "with another y: off")


def test_fixture_is_solved_with_its_arguments():
    """prepare gets copies of the arrays, fit its results and the arguments, and to_numpy each of the two answers."""

    class Backend:
        def prepare(self, *arrays: np.ndarray) -> list[np.ndarray]:
            arrays[0][:] = 7.0
            return [array + 1 for array in arrays]

        def fit(self, *arguments: Any) -> tuple[Any, Any]:
            return [array.tolist() for array in arguments[:3]], arguments[3:]

        def to_numpy(self, answer: Any) -> Any:
            return "converted", answer

    X, y, beta0 = np.zeros((2, 1)), np.ones(2), np.full(1, 2.0)
    answer = solve_fixture(Backend(), Fixture("", X, y, beta0, 0.5, 9, 0.25))
    assert answer == (("converted", [[[8.0], [8.0]], [2.0, 2.0], [3.0]]), ("converted", (0.5, 9, 0.25)))
    assert not X.any()
