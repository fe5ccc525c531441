"""The cross-check itself: its oracle, its bound, its fixtures, wrong backends that it must reject, and odd ones that it must not."""

import json
from fractions import Fraction

import numpy as np
import pytest

from backends import load
from bench.check import check, fixtures
from bench.check.bound import UNIT, gamma, reference
from bench.check.checks import CHECKS, Wrong, broken_rule, judge, stop_window
from bench.check.oracle import distance, exact_iterates

ANSWERS = [case for dtype in UNIT for case in fixtures.sharp(dtype)]


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
    for case in fixtures.sharp(dtype):
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
    case = fixtures.sharp(dtype)[0]
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
    for case in fixtures.sharp("float64"):
        found = reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, "float64")
        beta, _ = backend.fit(*backend.prepare(case.X, case.y, case.beta0), case.learning_rate, case.max_iter, 0.0)
        assert np.linalg.norm(backend.to_numpy(beta) - found.betas[-1]) <= 0.1 * found.beta_bound[-1]
        assert found.beta_bound[-1] < 1e-9


def test_nan_is_never_within_a_bound():
    """A NaN in beta or in a loss is wrong, although every comparison with it is false."""
    case = fixtures.sharp("float64")[0]
    expected = reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, "float64")
    for place in (0, 1):
        answer = [expected.betas[-1].copy(), expected.losses.copy()]
        answer[place][-1] = np.nan
        with pytest.raises(Wrong):
            judge(*answer, expected, "float64")


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


# (name, text of numpy_vectorized, what a wrong backend has there)
MUTANTS = [
    ("sign", "(-2 / n)", "(2 / n)"),
    ("no_two", "(-2 / n)", "(-1 / n)"),
    ("two_twice", "(-2 / n)", "(-4 / n)"),
    ("divided_by_d", "n = len(X)", "n = X.shape[1]"),
    ("divided_by_n_minus_1", "(-2 / n)", "(-2 / max(n - 1, 1))"),
    ("not_divided", "(-2 / n)", "-2.0"),
    ("rate_ignored", "beta - learning_rate * gradient", "beta - 0.1 * gradient"),
    ("rate_squared", "beta - learning_rate * gradient", "beta - learning_rate**2 * gradient"),
    ("start_ignored", "beta = beta.copy()", "beta = beta * 0"),
    ("one_short", "range(max_iter + 1)", "range(max_iter)"),
    ("one_over", "if k == max_iter:", "if k == max_iter + 1:"),
    ("loss_halved", "np.mean(residual * residual)", "np.mean(residual * residual) / 2"),
    ("loss_is_a_sum", "np.mean(residual * residual)", "np.sum(residual * residual)"),
    ("loss_is_its_root", "np.mean(residual * residual)", "np.sqrt(np.mean(residual * residual))"),
    ("loss_absolute", "np.mean(residual * residual)", "np.mean(np.abs(residual))"),
    ("last_row_skipped", "X.T @ residual", "X[:-1].T @ residual[:-1]"),
    ("last_feature_skipped", "beta - learning_rate * gradient", "beta - learning_rate * np.append(gradient[:-1], 0 * gradient[-1:])"),
    ("float32_inside", "X @ beta", "(X.astype('f4') @ beta.astype('f4')).astype(X.dtype)"),
    ("returns_float32", "return beta, np.array(losses, dtype=X.dtype)", "return beta.astype('f4'), np.array(losses, dtype='f4')"),
    ("returns_float64", "return beta, np.array(losses, dtype=X.dtype)", "return beta.astype('f8'), np.array(losses, dtype='f8')"),
    ("start_changed_in_place", "beta = beta.copy()", "beta = beta"),
    ("updates_in_place", "beta = beta.copy()", "beta -= 0.5"),
    ("residual_in_place_of_y", "residual = y - y_pred", "residual = np.subtract(y, y_pred, out=y)"),
    ("X_scaled_in_place", "n = len(X)", "n = len(X); X *= 1.0000001"),
    ("tol_ignored", "< tol * losses[0]", "< 0"),
    ("tol_absolute", "< tol * losses[0]", "< tol"),
    ("tol_not_strict", "< tol * losses[0]", "<= tol * losses[0]"),
    ("tol_of_the_last_loss", "< tol * losses[0]", "< tol * losses[k]"),
    ("goes_on_after_overflow", "if not math.isfinite(losses[k]):", "if False:"),
    ("nan_only", "if not math.isfinite(losses[k]):", "if math.isnan(losses[k]):"),
    ("hides_nan", "return beta, np.array(losses, dtype=X.dtype)", "return np.nan_to_num(beta), np.nan_to_num(np.array(losses, dtype=X.dtype))"),
    ("previous_beta", "beta = beta - learning_rate * gradient", "previous, beta = beta, beta - learning_rate * gradient"),
    ("losses_without_the_last", "return beta, np.array(losses, dtype=X.dtype)", "return beta, np.array(losses[:-1] or losses, dtype=X.dtype)"),
    ("losses_reversed", "return beta, np.array(losses, dtype=X.dtype)", "return beta, np.array(losses[::-1], dtype=X.dtype)"),
    ("beta_as_a_column", "return beta, np.array(losses, dtype=X.dtype)", "return beta[:, None], np.array(losses, dtype=X.dtype)"),
    ("y_transposed", "residual = y - y_pred", "residual = (y[:, None] - y_pred).mean(axis=0)"),
    ("momentum", "beta = beta - learning_rate * gradient", "beta = beta - learning_rate * (gradient + 0.01 * beta)"),
    ("centred", "np.ascontiguousarray(X), ", "np.ascontiguousarray(X - X.mean(axis=0)), "),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=[name for name, *_ in MUTANTS])
def test_wrong_backends_are_rejected(fresh, mutant):
    """Each deliberate mistake fails some check with a message."""
    name, old, new = mutant
    path = fresh(name, old, new)
    if name == "previous_beta":
        path.write_text(
            path.read_text()
            .replace("    losses = []", "    losses, previous = [], beta")
            .replace("return beta, np", "return previous, np")
        )
    assert rejected(load(path)), name


def rejected(backend):
    found = []
    for dtype in getattr(backend, "DTYPES", UNIT):
        for each in CHECKS:
            try:
                each(backend, dtype)
            except Wrong as wrong:
                found.append((each.__name__, wrong.detail))
            except Exception as error:
                found.append((each.__name__, f"raised {error}"))
    return found


UNUSUAL = [
    ("reversed_rows", "X @ beta", "(X[::-1] @ beta)[::-1]"),
    ("einsum", "X @ beta", "np.einsum('ij,j->i', X, beta)"),
    ("columns_first", "np.ascontiguousarray(X)", "np.asfortranarray(X)"),
    ("blocked", "X.T @ residual", "sum(X[i : i + 5].T @ residual[i : i + 5] for i in range(0, n, 5))"),
    ("residual_turned", "(-2 / n) * (X.T @ residual)", "(2 / n) * (X.T @ (y_pred - y))"),
    ("dot_loss", "np.mean(residual * residual)", "residual @ residual / n"),
    ("rate_folded_in", "beta - learning_rate * gradient", "beta - (learning_rate * np.ones_like(beta)) * gradient"),
    ("gram_step", "X.T @ residual", "X.T @ y - (X.T @ X) @ beta"),
    ("sorted_sum", "np.mean(residual * residual)", "np.sort(residual * residual).sum() / n"),
    ("wider_inside", "X @ beta", "(X.astype(np.longdouble) @ beta).astype(X.dtype)"),
]  # fmt: skip


@pytest.mark.parametrize("odd", UNUSUAL, ids=[name for name, *_ in UNUSUAL])
def test_unusual_but_correct_backends_pass(fresh, odd):
    """Another order of summation, layout or blocking is no mistake."""
    assert rejected(load(fresh(*odd))) == []


def test_a_hundred_fold_smaller_mistake_is_still_seen(fresh):
    """A step wrong by one part in a billion fails in float64."""
    assert rejected(load(fresh("nearly", "(-2 / n)", "(-2.000000002 / n)")))


def test_reports_have_their_json_form(tmp_path, fresh):
    """The document of `gdbench check --json`: its keys, its verdicts, and a detail for what failed."""
    good, bad = fresh("good"), fresh("bad", "(-2 / n)", "(2 / n)")
    broken = fresh("broken", text="import math\nraise RuntimeError('no')\n")
    found = check([str(path) for path in (good, bad, broken)], tmp_path)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [report["status"] for report in found["backends"]] == ["ok", "wrong", "failed"]
    assert [report["passed"] for report in found["backends"]] == [True, False, False]
    assert found["passed"] is False
    for report in found["backends"]:
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
    found = check([str(path)], tmp_path)
    assert found["backends"][0]["status"] == status
    assert any(result["detail"] for result in found["backends"][0]["checks"])
