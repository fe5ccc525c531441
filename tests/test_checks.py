"""Each check accepts answers within their bound and rejects those just above, with the numbers and the place."""

import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.judged import cache_exact_answers

from bench.check import checks, fixtures, races
from bench.check.answer import Wrong
from bench.check.bound import UNIT

DTYPES = pytest.mark.parametrize("dtype", UNIT)
REPEATED_S = checks.REPEATED_S  # the tests need no repetitions
COMPARING = (
    "forgets_earlier_calls",
    "follows_the_exact_iterates",
    "fits_every_shape",
    "survives_hard_problems",
    "follows_a_long_descent",
)


@pytest.fixture(autouse=True)
def _cached(monkeypatch):
    cache_exact_answers(monkeypatch)
    monkeypatch.setattr(checks, "REPEATED_S", 0.0)
    shapes = [fixtures.synthetic(f"{n} x {d}", n, d, 3, "float64") for n, d in ((33, 7), (12, 12))]
    monkeypatch.setattr(fixtures, "shapes", lambda dtype: [shape.cast(dtype) for shape in shapes])


def backend_of(
    beta_off=0.0, loss_off=0.0, algorithm=None, change=lambda beta, losses, *arguments: (beta, losses)
) -> Any:
    """A backend whose beta and losses are off by this part of their bounds; numbers, or functions of the call's number.

    change: what fit returns instead, a function of the answer and of the arguments of fit.
    """
    calls: list[int] = []

    def fit(X, y, beta, learning_rate, max_iter, tol):
        dtype = X.dtype
        right = checks.reference(X, y, beta, learning_rate, max_iter, dtype.name, algorithm is not None)
        with np.errstate(over="ignore", invalid="ignore"):
            losses = right.losses.astype(dtype)
            small = np.abs(np.diff(right.losses, prepend=math.nan)) < tol * right.losses[0]
        k = next((k for k in range(max_iter) if small[k] or not np.isfinite(losses[k])), max_iter)
        of_beta, of_loss = (off(len(calls)) if callable(off) else off for off in (beta_off, loss_off))
        calls.append(k)
        moved = right.betas[k].astype(dtype)
        if of_beta:
            moved = (right.betas[k] + of_beta * right.beta_bound[k] / math.sqrt(len(beta))).astype(dtype)
        changed = (right.losses + of_loss * right.loss_bound).astype(dtype) if of_loss else losses
        return change(moved, changed[: k + 1], X, y, beta, learning_rate, max_iter, tol)

    backend = SimpleNamespace(prepare=lambda *arrays: arrays, fit=fit, to_numpy=np.asarray, calls=calls)
    if algorithm is not None:
        backend.ALGORITHM = algorithm
    return backend


@DTYPES
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_right_answers_pass(check, dtype):
    """Also those of another algorithm, whose bounds are wider."""
    for algorithm in (None, "another"):
        measured = check(backend_of(algorithm=algorithm), dtype)
        assert measured is None or measured[0] <= measured[1]


@DTYPES
@pytest.mark.parametrize("algorithm", [None, "another"], ids=["the algorithm", "another"])
@pytest.mark.parametrize("name", COMPARING)
def test_answer_is_right_up_to_its_bound(name, algorithm, dtype):
    """The error that is returned or raised is that of beta, with its bound."""
    check = getattr(checks, name)
    error, bound = check(backend_of(0.9, 0.9, algorithm), dtype)
    assert 0.85 < error / bound < 0.95
    with pytest.raises(Wrong, match="beta is off by ") as raised:
        check(backend_of(1.2, 0.9, algorithm), dtype)
    assert 1.15 < raised.value.error / raised.value.bound < 1.25
    with pytest.raises(Wrong, match=r"losses\[0\] is ") as raised:
        check(backend_of(0.9, 1.2, algorithm), dtype)
    assert 1.15 < raised.value.error / raised.value.bound < 1.25


@DTYPES
@pytest.mark.parametrize(
    ("call", "relation"),
    [(1, "rows in another order"), (2, "columns in another order"), (3, "every row twice"), (4, "y times 4"), (5, "another origin of beta"), (7, "half of the updates, then the others")],
)  # fmt: skip
def test_symmetry_has_the_bounds_of_both_answers(call, relation, dtype):
    """The answer to a changed problem may be off by its own bound, and by that of the other answer."""
    error, bound = checks.obeys_the_symmetries(backend_of(lambda number: 0.8 if number else -0.8), dtype)
    assert 0.5 < error / bound < 0.9
    with pytest.raises(Wrong, match=f"^{relation}: beta is off by"):
        checks.obeys_the_symmetries(backend_of(lambda number: 2.6 * (number == call)), dtype)
    checks.obeys_the_symmetries(backend_of(0.0, lambda number: 0.8 if number else -0.8), dtype)
    with pytest.raises(Wrong, match=rf"^{relation}: losses\[\d+\] is "):
        checks.obeys_the_symmetries(backend_of(0.0, lambda number: 2.6 * (number == call)), dtype)


@DTYPES
def test_descent_that_diverges_ends_at_the_first_overflow(dtype):
    """The last loss is not finite. Another algorithm may overflow one update later, but not two."""

    def later(count):
        return lambda beta, losses, *_: (
            beta,
            np.append(losses, losses[-1:].repeat(count * (not np.isfinite(losses[-1])))),
        )

    with pytest.raises(Wrong, match=r"^diverging: it made \d updates; allowed: \d, where the loss overflows$"):
        checks.stops_when_it_diverges(backend_of(change=later(1)), dtype)
    with pytest.raises(Wrong, match=r"^diverging: it made \d updates; allowed: "):
        checks.stops_when_it_diverges(backend_of(algorithm="another", change=later(2)), dtype)
    with pytest.raises(Wrong, match=r"^diverging: the last loss is \S+; allowed: none, it overflows at k = \d$"):
        checks.stops_when_it_diverges(backend_of(change=lambda beta, losses, *_: (beta, losses[:1])), dtype)
    with pytest.raises(Wrong, match=r"^diverged at the start: beta is not the one whose loss overflows, but "):
        checks.stops_when_it_diverges(
            backend_of(change=lambda beta, losses, *_: (beta * (2 - (len(losses) > 1)), losses)), dtype
        )
    with pytest.raises(Wrong, match=r"^diverging: beta is not the one whose loss overflows, but "):
        checks.stops_when_it_diverges(backend_of(change=lambda beta, losses, *_: (beta * math.nan, losses)), dtype)


@DTYPES
def test_another_algorithm_may_overflow_one_update_later(dtype):
    """beta is then the one of that update."""

    def one_more(beta, losses, X, y, start, rate, *_):
        if np.isfinite(losses[0]) and not np.isfinite(losses[-1]):
            step = rate * (2 / len(y)) * (y.astype(float) - X.astype(float) @ beta) @ X
            return (beta + step).astype(dtype), np.append(losses, losses[-1:])
        return beta, losses

    checks.stops_when_it_diverges(backend_of(algorithm="another", change=one_more), dtype)


def test_new_threads_meet():
    """In most attempts, two start before one has ended, on a busy machine in fewer. Without pauses, in none of 200."""

    def threads_that_started(_):
        started.append(1)
        return len(started)

    met = attempts = 0
    while met < 3 and attempts < 100:
        started: list[int] = []
        with races.meeting_threads(), ThreadPoolExecutor(4) as pool:
            met += min(pool.map(threads_that_started, range(4))) > 1
        attempts += 1
    assert met == 3


def test_results_are_judged_in_every_repetition(monkeypatch):
    """Answers that differ by more than two correct ones can are called so."""
    monkeypatch.setattr(checks, "REPETITIONS", 4)
    before = sys.getswitchinterval(), threading.getprofile()
    backend = backend_of()
    checks.repeats_its_results(backend, "float64")
    assert len(backend.calls) == 2  # there is no time for more
    monkeypatch.setattr(checks, "REPEATED_S", REPEATED_S)
    backend = backend_of()
    checks.repeats_its_results(backend, "float64")
    assert len(backend.calls) > 2
    monkeypatch.setattr(checks, "REPEATED_S", 60.0)
    backend = backend_of()
    checks.repeats_its_results(backend, "float64")
    assert len(backend.calls) == 2 * 4
    differs = "the result differs between repetitions: "
    for off, text in (
        (5.0, ""),
        (lambda number: 1.5 * (number == 3), ""),
        (lambda number: 2.5 * (number == 3), differs),
    ):
        with pytest.raises(Wrong, match=rf"^33 x 7: {text}beta is off by ") as raised:
            checks.repeats_its_results(backend_of(off), "float64")
        assert raised.value.error > raised.value.bound
    assert (sys.getswitchinterval(), threading.getprofile()) == before


@DTYPES
def test_integers_are_exact(dtype):
    """beta has every bit. A loss may round twice, up to 4 u. Another algorithm may round."""

    def off(beta_roundings, loss_roundings, cut=0):
        return lambda beta, losses, *_: (
            beta + beta_roundings * np.spacing(beta), losses[: len(losses) - cut] * (1 + losses.dtype.type(loss_roundings * UNIT[dtype]))
        )  # fmt: skip

    assert checks.is_exact_on_integers(backend_of(change=off(0, 2)), dtype) == (0.0, 0.0)
    for change, name in ((off(1, 0), "beta"), (off(0, 8), "losses"), (off(0, 0, cut=1), "losses")):
        with pytest.raises(
            Wrong, match=rf"^on small integers, where nothing is rounded, {name} is \[.*; it is exactly \["
        ):
            checks.is_exact_on_integers(backend_of(change=change), dtype)
        assert checks.is_exact_on_integers(backend_of(algorithm="another", change=change), dtype) is None


@DTYPES
def test_penguins_meet_least_squares(dtype):
    """The bound is little more than the distance that the descent leaves and the rounding of the descent."""
    for algorithm in (None, "another"):
        calls: list[Any] = []
        backend = backend_of(algorithm=algorithm, change=lambda *call, calls=calls: (calls.extend(call), call[:2])[1])
        _, bound = checks.meets_least_squares(backend, dtype)
        _, _, X, y, start, rate, max_iter, _ = calls
        exact = checks.reference(X, y, start, rate, max_iter, dtype, algorithm is not None)
        solution = np.linalg.lstsq(X.astype(np.float64), y.astype(np.float64))[0]
        least = exact.beta_bound[-1] + np.linalg.norm(exact.betas[-1] - solution)
        assert least < bound < least + 1e-10 * np.linalg.norm(solution)
    _, bound = checks.meets_least_squares(backend_of(), dtype)
    expected = checks.meets_least_squares(
        backend_of(change=lambda beta, losses, X, y, *_: (np.linalg.lstsq(X, y)[0], losses)), dtype
    )
    assert expected == (pytest.approx(0, abs=bound), bound)
    data = fixtures.problems.penguins()
    solution = np.linalg.lstsq(data.X, data.y)[0]
    for factor, is_right in ((0.9, True), (1.1, False)):
        moved = (solution + factor * bound / 2).astype(dtype)  # d = 4
        backend = backend_of(change=lambda beta, losses, *_, moved=moved: (moved, losses))
        if is_right:
            assert checks.meets_least_squares(backend, dtype)[0] == pytest.approx(factor * bound, rel=0.05)
        else:
            with pytest.raises(
                Wrong, match=r"^after 600 updates beta is \S+ from the least-squares solution; allowed: "
            ):
                checks.meets_least_squares(backend, dtype)


@DTYPES
def test_stop_rule_is_checked_in_four_ways(dtype):
    """The number of updates, the rule on its own losses, the answer at that k, and the strict comparison."""

    def cut(beta, losses, *_):
        return beta, losses[:-1] if len(losses) > 5 else losses

    def repeated(beta, losses, *_):  # no change from k = 1 on
        return beta, np.append(losses[:1], np.full(len(losses) - 1, losses[-1])) if len(losses) > 3 else losses

    def moved(beta, losses, *_):
        return beta + np.spacing(beta) * 1e3, losses

    def at_once(beta, losses, *_):
        return beta, losses[:1] if not losses[0] else losses

    for change, message in (
        (cut, r"with tol = 0.0001 it made 39 updates; allowed: 40$"),
        (repeated, r"with tol = 0.01 its own losses break the stop rule at k = 2 \(n_iter = \d+\)$"),
        (moved, r"stopped by tol = 2: beta is off by"),
        (at_once, r"it stopped where the loss change equals tol \* J_0 \(both 0\); the comparison is strict$"),
    ):
        with pytest.raises(Wrong, match=f"^{message}"):
            checks.obeys_the_stop_rule(backend_of(change=change), dtype)


@DTYPES
def test_second_call_may_differ_by_rounding(dtype):
    """1000 u of the answer, or of 1 if the answer is smaller."""

    def differing(part):
        calls: list[Any] = []
        return lambda beta, losses, *_: (
            calls.append(0),
            (beta, losses * losses.dtype.type(1 + part * 1e3 * UNIT[dtype] * (len(calls) == 2))),
        )[1]

    checks.leaves_its_inputs_alone(backend_of(change=differing(0.9)), dtype)
    with pytest.raises(Wrong, match=r"^a second call on the same inputs gave another losses: "):
        checks.leaves_its_inputs_alone(backend_of(change=differing(8)), dtype)


@pytest.mark.parametrize("max_iter", [0, 1, 3])
def test_form_is_checked_at_few_updates(max_iter):
    """Without an update, beta is the start to the last bit."""

    def change(beta, losses, *arguments):
        return (
            (beta + np.spacing(beta) if max_iter == 0 else beta, losses[max_iter > 0 :])
            if len(losses) == max_iter + 1
            else (beta, losses)
        )

    message = (
        "with max_iter = 0: beta is off by"
        if max_iter == 0
        else f"losses has {max_iter} entries; allowed: {max_iter + 1} after"
    )
    with pytest.raises(Wrong, match=f"^{message}"):
        checks.returns_the_right_form(backend_of(change=change), "float64")


def test_earlier_call_is_named():
    """The difference of the two problems is in the message, and whether the answer is that of the earlier call."""
    first: list[Any] = []

    def kept(beta, losses, X, y, *_):
        first.append((beta, losses))
        return first[0]

    def later(beta, losses, *_):
        first.append(0)
        return beta * (1 + 1e-9 * (len(first) == 3)), losses

    with pytest.raises(
        Wrong, match=r"^with more rows, after other calls, it returned the result of an earlier one again: "
    ):
        checks.forgets_earlier_calls(backend_of(change=kept), "float64")
    first.clear()
    with pytest.raises(Wrong, match=r"^right at first, but after a call with more rows: beta is off by"):
        checks.forgets_earlier_calls(backend_of(change=later), "float64")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (0, "another X of the same shape"),
        (1, "another y"),
        (2, "another start"),
        (3, "another learning_rate"),
        (4, "another max_iter"),
    ],
)
def test_result_of_an_earlier_call_is_wrong(part, name):
    """A cache whose key lacks one of the arguments."""
    cache: dict[Any, Any] = {}

    def remembered(beta, losses, *arguments):
        key = [argument.tobytes() if isinstance(argument, np.ndarray) else argument for argument in arguments]
        return cache.setdefault(tuple(key[:part] + key[part + 1 :]), (beta, losses))

    with pytest.raises(
        Wrong, match=f"^with {name}, after other calls, it returned the result of an earlier one again: "
    ):
        checks.forgets_earlier_calls(backend_of(change=remembered), "float64")


@pytest.mark.parametrize("result", ["beta", "losses"])
@pytest.mark.parametrize("source", ["X", "y", "beta"])
def test_shared_memory_is_named(result, source):
    """A view of an array that prepare returned, also if it is a list of Python."""

    def sharing(beta, losses, X, y, start, *_):
        array = {"X": X[:, 0], "y": y, "beta": start}[source][:3]
        return (array, losses) if result == "beta" else (beta, array)

    message = rf"^the {result} returned shares the memory of the {source} given \(max_iter = 0\)$"
    with pytest.raises(Wrong, match=message):
        checks.returns_memory_of_its_own(backend_of(change=sharing), "float64")
    native: dict[str, list[float]] = {"X": [0.0], "y": [1.0], "beta": [2.0]}
    backend = SimpleNamespace(
        prepare=lambda *_: tuple(native.values()),
        fit=lambda *_: (native[source], [3.0]) if result == "beta" else ([3.0], native[source]),
        to_numpy=np.array,
    )
    with pytest.raises(Wrong, match=message):
        checks.returns_memory_of_its_own(backend, "float64")


@pytest.mark.parametrize("place", [0, 1])
def test_buffer_that_is_reused_is_named(place):
    """The later call has other arrays, and changes the earlier result."""
    buffer = np.zeros(99)

    def reusing(*call):
        answer = list(call[:2])
        buffer[: len(answer[place])] = answer[place]
        answer[place] = buffer[: len(answer[place])]
        return tuple(answer)

    name = ("beta", "losses")[place]
    with pytest.raises(Wrong, match=f"^the {name} returned changed when fit was called again: a buffer is reused$"):
        checks.returns_memory_of_its_own(backend_of(change=reusing), "float64")


@pytest.mark.parametrize(("place", "name"), [(0, "X"), (1, "y"), (2, "beta")])
def test_input_that_is_changed_is_named(place, name):
    """Only if it can be written, so that nothing raises, and by so little that the results agree."""

    def nudging(beta, losses, *arguments):
        if arguments[place].flags.writeable:
            arguments[place].flat[-1] = np.nextafter(arguments[place].flat[-1], 9)
        return beta, losses

    message = f"^{name} was changed by prepare or fit; allowed: inputs stay as they are$"
    with pytest.raises(Wrong, match=message):
        checks.leaves_its_inputs_alone(backend_of(change=nudging), "float64")
