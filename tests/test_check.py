"""The cross-check itself: its oracle, its bound, its fixtures, and its report."""

import json
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from backends import load
from bench.check import check, fixtures
from bench.check.answer import Wrong, judge, solve_fixture
from bench.check.bound import UNIT, gamma, reference
from bench.check.checks import THREADED, obeys_the_symmetries
from bench.check.oracle import closed_form, distance, exact_iterates
from bench.check.stopping import broken_rule, stop_window
from bench.runtime.process import available_threads

ANSWERS = [case for dtype in UNIT for case in fixtures.unconverged(dtype)]


def test_the_oracle_does_the_arithmetic_of_the_book():
    """One step from zero on a problem that a hand can do: n = 2, beta := 0 - 0.5 * -(2/2) Xᵀy."""
    betas, losses = exact_iterates([[1.0, 0.0], [1.0, 2.0]], [1.0, 3.0], [0.0, 0.0], 0.5, 1)
    assert betas == [[0, 0], [Fraction(2), Fraction(3)]]
    assert losses == [Fraction(10, 2), Fraction((1 - 2) ** 2 + (3 - 8) ** 2, 2)]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case.name}-{case.X.dtype}")
def test_the_oracle_agrees_with_a_closed_form(case):
    """Against a shared misreading: beta_K from the eigenvectors of H, with a sum and no division."""
    X, y, beta0 = (array.astype(np.float64) for array in (case.X, case.y, case.beta0))
    values, vectors = np.linalg.eigh(2 / len(X) * X.T @ X)
    shrink = 1 - case.learning_rate * values
    pull = case.learning_rate * vectors.T @ (2 / len(X) * X.T @ y)
    closed = vectors @ (
        shrink**case.max_iter * (vectors.T @ beta0) + sum(shrink**j for j in range(case.max_iter)) * pull
    )
    betas, losses = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, case.max_iter)
    assert distance(closed, betas[-1]) <= 1e-12 * np.linalg.norm(closed)
    assert float(losses[-1]) == pytest.approx(np.mean((y - X @ closed) ** 2), rel=1e-9)


@pytest.mark.parametrize("dtype", UNIT)
def test_sharp_fixtures_are_sharp(dtype):
    """Their last step is at least 100 times the bound: a step too few or too many cannot hide."""
    for case in fixtures.unconverged(dtype):
        assert reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, dtype).informative, case.name
        assert float(np.float32(case.learning_rate)) == case.learning_rate


@pytest.mark.parametrize("dtype", UNIT)
def test_the_integer_fixture_rounds_nowhere(dtype):
    """Every number on the way fits in the significand with bits to spare, in any order of summation."""
    case = fixtures.integers(dtype)
    bits = {"float64": 53, "float32": 24}[dtype]
    betas, _ = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, case.max_iter)
    for k, beta in enumerate(betas):
        residual = [
            Fraction(float(t)) - sum(Fraction(float(x)) * b for x, b in zip(row, beta, strict=True))
            for row, t in zip(case.X, case.y, strict=True)
        ]
        # Sums of these are exact if the sum of magnitudes, in units of the finest one, is below 2^bits.
        terms = [
            [abs(Fraction(float(x)) * b) for row in case.X for x, b in zip(row, beta, strict=True)],
            [r * r for r in residual],
            [abs(Fraction(float(x)) * r) for column in case.X.T for x, r in zip(column, residual, strict=True)]
            if k < case.max_iter
            else [],
        ]
        for group in terms:
            finest = max((term.denominator for term in group), default=1)
            assert sum(group) * finest < 2**bits


@pytest.mark.parametrize("dtype", UNIT)
def test_the_bound_is_the_one_derived(dtype):
    """The recursion of bound.py's head, written out again term by term, with the reference's own float64 bound on top."""
    case = fixtures.unconverged(dtype)[0]
    X, y = case.X.astype(np.float64), case.y.astype(np.float64)
    n, d = X.shape
    found = reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, dtype)
    rho = np.abs(1 - case.learning_rate * np.linalg.eigvalsh(2 / n * X.T @ X)).max()
    expected, expected_loss = np.zeros(case.max_iter + 1), np.zeros(case.max_iter + 1)
    for u in (UNIT["float64"], UNIT[dtype]):
        bound = 0.0
        for k in range(case.max_iter + 1):
            expected[k] += bound
            loss = 0.0
            for i in range(n):
                r = abs(y[i] - X[i] @ found.betas[k])
                delta = gamma(d + 1, u) * (abs(X[i]) @ abs(found.betas[k]) + abs(y[i])) + np.linalg.norm(X[i]) * bound
                loss += ((1 + gamma(n + 3, u)) * (2 * r * delta + delta**2) + gamma(n + 3, u) * r**2) / n
            expected_loss[k] += loss
            if k < case.max_iter:
                spread = abs(X).T @ (abs(X) @ (abs(found.betas[k]) + bound) + abs(y))
                step = case.learning_rate * (2 / n) * gamma(n + d + 8, u) * spread
                step += u * (abs(found.betas[k + 1]) + bound)
                bound = rho * bound + np.linalg.norm(step) / (1 - u)
    np.testing.assert_allclose(found.beta_bound, expected, rtol=1e-9)
    np.testing.assert_allclose(found.loss_bound, expected_loss, rtol=1e-9)


def test_gamma():
    """Higham's gamma, infinite where it is not defined."""
    assert gamma(10, 2.0**-53) == pytest.approx(10 * 2.0**-53)
    assert gamma(2**24, 2.0**-24) == float("inf")


@pytest.mark.parametrize("name", ["python_loops", "numpy_vectorized", "numba_jit", "jax_jit"])
def test_correct_arithmetic_uses_little_of_the_bound(name):
    """The bound is a worst case: the four stay under a tenth of it, and over nothing: it is not vacuous."""
    backend = load(name)
    for case in fixtures.unconverged("float64"):
        found = reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, "float64")
        beta, _ = backend.fit(*backend.prepare(case.X, case.y, case.beta0), case.learning_rate, case.max_iter, 0.0)
        assert np.linalg.norm(backend.to_numpy(beta) - found.betas[-1]) <= 0.1 * found.beta_bound[-1]
        assert found.beta_bound[-1] < 1e-9


def test_nan_is_never_within_a_bound():
    """A NaN in beta or in a loss is wrong, although every comparison with it is false."""
    case = fixtures.unconverged("float64")[0]
    expected = reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, "float64")
    for place in (0, 1):
        answer = [expected.betas[-1].copy(), expected.losses.copy()]
        answer[place][-1] = np.nan
        with pytest.raises(Wrong):
            judge(answer[0], answer[1], expected, "float64")


def test_stop_window_and_own_losses():
    """A change within rounding of the threshold may stop or not; a clear one may not be passed over."""
    losses, bounds = np.array([1.0, 0.5, 0.4, 0.39, 0.389]), np.full(5, 1e-3)
    assert stop_window(losses, bounds, 0.1, 4) == (2, 3)
    assert stop_window(losses, bounds * 0, 0.11, 4) == (2, 2)
    assert stop_window(losses, bounds, 0.0, 4) == (4, 4)
    assert broken_rule(np.array([1.0, 0.5, 0.49]), 0.1, 9) is None
    assert broken_rule(np.array([1.0, 0.5, 0.49, 0.48]), 0.1, 9) == 2  # it went on
    assert broken_rule(np.array([1.0, 0.5]), 0.1, 9) == 1  # it stopped too early
    assert broken_rule(np.array([1.0, np.nan, 0.5]), 0.0, 2) == 1  # it went on after NaN


def test_reports_have_their_json_form(tmp_path, fresh):
    """The document of `gdbench check --json`: its keys, its verdicts, and a detail for what failed."""
    good, bad = fresh("good"), fresh("bad", "(-2 / n)", "(2 / n)")
    broken = fresh("broken", text="import math\nraise RuntimeError('no')\n")
    document = msgspec.to_builtins(check([str(path) for path in (good, bad, broken)], tmp_path))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert [report["status"] for report in document["backends"]] == ["ok", "wrong", "failed"]
    assert [report["passed"] for report in document["backends"]] == [True, False, False]
    assert document["passed"] is False
    for report in document["backends"]:
        assert set(report) == {"backend", "passed", "status", "checks"}
        for result in report["checks"]:
            assert set(result) == {"check", "passed", "detail", "hint", "error", "bound"}
            assert result["passed"] or result["detail"]


@pytest.mark.parametrize(
    ("text", "status"),
    [("raise RuntimeError('in fit')", "failed"), ("raise SystemExit(0)", "failed"), ("import os; os._exit(0)", "failed"), ("import os; os.abort()", "failed"),
     ("return None", "wrong"), ("return beta", "wrong"), ("return beta, []", "wrong"), ("return 1, 2, 3", "wrong")],
)  # fmt: skip
def test_a_backend_that_fails_is_not_called_wrong(tmp_path, fresh, text, status):
    """What it raises, its crash or its exit is reported, and the check goes on or ends with a reason."""
    path = fresh("failing", "    n = len(X)\n", f"    {text}\n    n = len(X)\n")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == status
    assert any(result.detail for result in report.checks)


@pytest.mark.parametrize("dtype", UNIT)
def test_the_two_oracles_agree_to_fifty_digits(dtype):
    """The steps in rationals and the closed form from eigenvectors, on sharp, equal, empty and badly scaled columns."""
    for case in [*fixtures.unconverged(dtype), *fixtures.hard(dtype)]:
        problem = case.X, case.y, case.beta0, case.learning_rate, case.max_iter
        betas, losses = exact_iterates(*problem)
        beta, loss = closed_form(*problem)
        largest = max(map(abs, betas[-1]))
        assert all(abs(b - e) <= Fraction(1, 10**50) * largest for b, e in zip(beta, betas[-1], strict=True)), case.name
        assert abs(loss - losses[-1]) <= Fraction(1, 10**50) * losses[0], case.name


@pytest.mark.parametrize("dtype", UNIT)
def test_the_symmetries_change_their_problem_without_rounding(dtype):
    """What each relation asks of a backend is exactly the problem that it says, so both answers have one truth."""
    numpy_vectorized = load("numpy_vectorized")
    asked: list[Any] = []

    def prepare(X, y, beta):
        asked.append(
            [[[Fraction(float(x)) for x in row] for row in X], *([Fraction(float(v)) for v in a] for a in (y, beta))]
        )
        return numpy_vectorized.prepare(X, y, beta)

    obeys_the_symmetries(SimpleNamespace(prepare=prepare, fit=numpy_vectorized.fit, to_numpy=np.array), dtype)
    (X, y, start), rows, columns, twice, scaled, moved, *_ = asked
    pairs = list(zip(X, y, strict=True))
    assert sorted(zip(*rows[:2], strict=True)) == sorted(pairs)
    assert columns[0] == [row[::-1] for row in X] and columns[1] == y
    assert list(zip(*twice[:2], strict=True)) == [pair for pair in pairs for _ in range(2)]
    assert scaled[0] == X and scaled[1] == [4 * t for t in y]
    shift = [b - a for a, b in zip(moved[2], start, strict=True)]
    assert all(shift)
    assert moved[0] == X and moved[1] == [t - sum(x * s for x, s in zip(row, shift, strict=True)) for row, t in pairs]


@pytest.mark.parametrize("dtype", UNIT)
def test_the_other_fixtures_can_be_judged(dtype):
    """Their bounds are finite and small against beta, where a wrong answer would be of its size."""
    for case in [*fixtures.hard(dtype), *fixtures.shapes(dtype), fixtures.long(dtype), fixtures.gridded(dtype)]:
        found = reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, dtype)
        assert 0 < found.beta_bound[-1] < 0.01 * np.linalg.norm(found.betas[-1]), case.name
        assert np.isfinite(found.loss_bound).all()


def test_a_fixture_is_out_of_reach_of_a_backend(fresh):
    """A backend that writes to its inputs spoils no problem that it, or the next, is judged by."""
    backend, case = (
        load(fresh("writes", "n = len(X)", "n = len(X); X *= 2; y *= 2")),
        fixtures.unconverged("float64")[0],
    )
    solve_fixture(backend, case)
    np.testing.assert_array_equal(case.X, fixtures.unconverged("float64")[0].X)
    np.testing.assert_array_equal(case.y, fixtures.unconverged("float64")[0].y)


@pytest.mark.skipif(available_threads() < 2, reason="this machine has one processor")
def test_fewer_threads_are_judged_apart(tmp_path, fresh):
    """A backend that is wrong on one thread only: the sums are checked again there, named with the count."""
    wrong = fresh("alone", "n = len(X)", "import os\n    n = len(X) + (len(os.sched_getaffinity(0)) == 1)")
    good, bad = check([str(fresh("good")), str(wrong)], tmp_path).backends
    named = [f"{each.__name__}[{dtype}, 1 thread(s)]" for dtype in UNIT for each in THREADED]
    for report in (good, bad):
        results = {result.check: result.passed for result in report.checks}
        assert set(named) <= set(results)
        assert all(passed for name, passed in results.items() if name not in named)
        assert all(results[name] == (report is good) for name in named)
    assert (good.status, bad.status) == ("ok", "wrong")


@pytest.mark.parametrize("dtypes", ["()", "('float16',)", "'float64'", "{'float64': 1}", "(np.float64,)"])
def test_dtypes_that_cannot_be_checked_are_told(tmp_path, fresh, dtypes):
    """A file that declares no dtype, or none that there is, has passed nothing."""
    path = fresh("declares", "import numpy as np\n", f"import numpy as np\nDTYPES = {dtypes}\n")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == "failed"
    assert "DTYPES is" in report.checks[-1].detail
