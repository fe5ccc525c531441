"""Hints: each listed mistake is named from its results, a correct backend has no hint, and no hint claims too much."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.effort import examples

from backends import load
from bench import check as cross_check
from bench.check import check, diagnosis
from bench.check.bound import UNIT
from bench.check.checks import CHECKS, fits_every_shape
from bench.check.child import run_check
from bench.check.diagnosis import Diagnosis, hint
from bench.check.fixtures import Fixture, stopping
from bench.check.messages import NO_MISTAKE, RAISED
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, ROUNDINGS, Mistake, stop_rules
from bench.check.narrow import PRECISIONS, exact_problem

# Pairs of a mistake in the iterates and one in the losses. Each mistake is in at least one pair.
PAIRS = [(iterate, LOSSES[(i + 3) % len(LOSSES)]) for i, iterate in enumerate(ITERATES)]
CHECK_NAMES = [check.__name__ for check in CHECKS]
RIGHT_WITHIN = "the small problems with tol = 0 are right to a relative error of "
VALUES = "beta is off by 0.5 after 3 updates; correct arithmetic is within 1e-14"


def backend_of(mistake: Mistake, dtype: str, stop=None) -> SimpleNamespace:
    """A backend that makes a mistake, in a dtype. stop: tol -> number of updates, for a wrong stop rule."""

    def fit(X, y, beta, learning_rate, max_iter, tol):
        K = min(max_iter, stop(tol)) if stop else max_iter
        with np.errstate(all="ignore"):
            betas, losses = mistake.result(Fixture("call", X, y, beta, learning_rate, K))
        return betas.astype(dtype), losses.astype(dtype)

    return SimpleNamespace(prepare=lambda *arrays: arrays, fit=fit, to_numpy=np.array)


def hint_of(mistake: Mistake, dtype: str) -> str | None:
    return hint("follows_the_exact_iterates", VALUES, Diagnosis(backend_of(mistake, dtype), dtype))


def test_backend_that_raises_for_some_sizes_has_no_hint(backend_file):
    """Its other results are right, so no mistake in them is named."""
    path = backend_file("raises", "n = len(X)", "n = len(X)\n    assert X.shape[1] > 3, 'too few columns'")
    detail = f"{RAISED}AssertionError: too few columns"
    assert hint("returns_the_right_form", detail, Diagnosis(load(path), "float64")) is None


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("mistake", [*ITERATES, *LOSSES], ids=lambda mistake: mistake.hint[:50])
def test_each_mistake_is_named(mistake, dtype):
    """The hint is the text of the mistake. No other entry explains the same results."""
    assert hint_of(mistake, dtype) == mistake.hint


@pytest.mark.parametrize("mistake", ROUNDINGS, ids=lambda mistake: mistake.hint)
def test_each_rounding_is_named(mistake):
    """Rounding one number to float32 is visible in float64."""
    assert hint_of(mistake, "float64") == mistake.hint


@pytest.mark.parametrize(
    ("iterate", "loss"), PAIRS[:: len(PAIRS) // examples(len(PAIRS))], ids=lambda mistake: mistake.hint[:40]
)
def test_two_mistakes_are_both_named(iterate, loss):
    """The hint names a mistake in the iterates and one in the losses, or a single mistake with the same results as the two."""
    diagnosed = Diagnosis(backend_of(replace(iterate, loss=loss.loss, losses=loss.losses), "float64"), "float64")
    mistake_hint = hint("follows_the_exact_iterates", VALUES, diagnosed)
    singles = [(single, RIGHT) for single in ITERATES] + [(RIGHT, single) for single in LOSSES]
    alike = [a.hint + b.hint for a, b in singles if diagnosis._matches(diagnosed.answers, a, b)]
    assert mistake_hint is not None
    assert mistake_hint in alike if alike else iterate.hint in mistake_hint and loss.hint in mistake_hint


@pytest.mark.parametrize(
    "name",
    ["python_loops", "numpy_vectorized", "numba_jit", pytest.param("jax_jit", marks=pytest.mark.slow)],  # it compiles
)
def test_correct_backend_has_no_known_mistake(name):
    """No mistake is named, even if a check fails for another reason."""
    backend = load(name)
    for dtype in getattr(backend, "DTYPES", UNIT):
        diagnosed, error = Diagnosis(backend, dtype), {"float64": "1e-11", "float32": "0.0001"}[dtype]
        for name in CHECK_NAMES:
            assert hint(name, VALUES, diagnosed) == f"{NO_MISTAKE}; {RIGHT_WITHIN}{error}", name
        assert diagnosed.right
        assert diagnosed.stops() is None
        assert diagnosed.diverges() is None


def step(function) -> Mistake:
    return Mistake("not listed", step=function)


# Mistakes that are not listed, and their hints.
UNLISTED = [
    ("a factor", step(lambda X, y, b, r, s, k, bs: 1.25 * s * (X.T @ r)), "after one step beta has moved 1.25 times as far as it should, in every problem"),
    ("a tiny factor", step(lambda X, y, b, r, s, k, bs: 1.000000001 * s * (X.T @ r)), "after one step beta has moved 1.000000001 times as far as it should, in every problem"),
    ("a factor of its own", step(lambda X, y, b, r, s, k, bs: s**1.5 * (X.T @ r)), "the first step has the right direction but the wrong length"),
    ("a factor of n", step(lambda X, y, b, r, s, k, bs: 3 * len(y) * s * (X.T @ r)), "after one step beta has moved 3 * n_samples times as far as it should"),
    ("a fixed rate", step(lambda X, y, b, r, s, k, bs: 0.03 * 2 / len(y) * (X.T @ r)), "the step is that of learning_rate = 0.03, whatever the argument is"),
    ("a penalty", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) - 0.02 * b), "the step has a part along beta itself: is there a penalty, or weight decay?"),
    ("a penalty on |beta|", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) - 1e-8 * np.sign(b)), "the step has a part along the signs of beta: is |beta| penalized?"),
    ("a tiny penalty", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) - 1e-8 * b), "the step has a part along beta itself: is there a penalty, or weight decay?"),
    ("a tiny constant", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) + 1e-8), "the same number is added to every component of the step"),
    ("half momentum", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) + (0.5 * (b - bs[-2]) if k else 0)), "from the second update on, 0.5 times the last step is added: is there momentum?"),
    ("the solution", step(lambda X, y, b, r, s, k, bs: np.linalg.lstsq(X, y)[0] - b + 0 * k), "beta is the least-squares solution: it is not the beta after max_iter updates"),
    ("a lost tile", step(lambda X, y, b, r, s, k, bs: s * (X[: len(y) // 3 * 3].T @ r[: len(y) // 3 * 3])), "only the first rows take part in the gradient, 15 of 16, 6 of 7, 24 of 25, 9 of 11: is the end of a tile, or of a thread's part, wrong?"),
    ("a tile that counts twice", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r + X[len(y) // 3 * 3 :].T @ r[len(y) // 3 * 3 :])), "the last rows count twice in the gradient, 1 of 16, 1 of 7, 1 of 25, 2 of 11: is the end of a tile, or of a thread's part, wrong?"),
    ("a constant in the loss", Mistake("not listed", loss=lambda r, y, p, d: np.mean(r * r) + 1e-8), "beta is right, but 1e-08 is added to every loss"),
    ("a later change", step(lambda X, y, b, r, s, k, bs: (1.5 if k else 1) * s * (X.T @ r)), "the first step is right, the later ones are not: does something change from update to update?"),
    ("noise", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) + 0.01 * np.sin(1 + np.arange(len(b)))), f"{NO_MISTAKE}; beta first wrong with max_iter = 1, losses first wrong with max_iter = 1"),
    ("a wrong loss", Mistake("not listed", loss=lambda r, y, p, d: np.mean(r**4)), "beta is right, only the losses are wrong"),
    ("some sizes", Mistake("not listed", data=lambda X, y: (X[: len(X) // 8 * 8 or 8], y[: len(X) // 8 * 8 or 8]), scale=lambda n, d, r: 2 / n * r), "wrong only for 25 x 2, 11 x 5: only the first rows are used, 24 of 25, 8 of 11"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "expected"), [case[1:] for case in UNLISTED], ids=[case[0] for case in UNLISTED])
def test_hint_of_an_unlisted_mistake(mistake, expected):
    """The hint describes the results. It does not name a similar mistake."""
    mistake_hint = hint_of(mistake, "float64")
    assert mistake_hint is not None and mistake_hint.startswith(expected)


# Errors of the size of rounding to float32 or float16 that have another cause.
NO_ROUNDING = [
    *(
        step(lambda X, y, b, r, s, k, bs, c=c: c * s * (X.T @ r))
        for c in (1 + 1e-9, 1 + 1e-8, 1 + 1e-7, 1 - 1e-7, 1 + 1e-3)
    ),
    *(step(lambda X, y, b, r, s, k, bs, c=c: s * (X.T @ r) + c) for c in (1e-9, 1e-8, 1e-7, 1e-4)),
    *(step(lambda X, y, b, r, s, k, bs, c=c: s * (X.T @ r) - c * b) for c in (1e-9, 1e-8, 1e-7, 1e-4)),
    *(step(lambda X, y, b, r, s, k, bs, c=c: s * (X.T @ r) + c * np.sin(1 + np.arange(len(b)))) for c in (1e-8, 1e-4)),
    *(step(lambda X, y, b, r, s, k, bs, c=c: np.round(b + s * (X.T @ r), c) - b) for c in (4, 7, 9)),
    Mistake("not listed", loss=lambda r, y, p, d: np.mean(r * r) + 1e-8),
    Mistake("not listed", loss=lambda r, y, p, d: np.round(np.mean(r * r), 7)),
]


@pytest.mark.parametrize("mistake", NO_ROUNDING)
def test_small_error_is_not_called_float32(mistake):
    """An added term, a factor or decimal rounding does not vanish where float32 is exact, or does not scale."""
    mistake_hint = hint_of(mistake, "float64")
    assert mistake_hint is not None and "float" not in mistake_hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X.T @ residual", "(X.T.astype(f) @ residual.astype(f)).astype('f8')"),
        ("residual = y - y_pred", "residual = (y - y_pred).astype(f).astype('f8')"),
        ("np.mean(residual * residual)", "np.mean(residual * residual).astype(f)"),
        ("beta - learning_rate * gradient", "(beta - learning_rate * gradient).astype(f).astype('f8')"),
        ("beta = beta.copy()", "beta = beta.astype(f).astype('f8')"),
    ],
)
@pytest.mark.parametrize(("code", "name"), [("f4", "float32"), ("f2", "float16")])
def test_narrow_arithmetic_is_named(backend_file, old, new, code, name):
    """The hint for a backend that returns float64 and computes a part of it in a narrower format."""
    path = backend_file("narrow", old, new.replace("(f)", f"('{code}')"))
    mistake_hint = hint("follows_the_exact_iterates", VALUES, Diagnosis(load(path), "float64"))
    assert mistake_hint is not None and f"computed in {name}" in mistake_hint


@pytest.mark.parametrize("bits", PRECISIONS.values())
def test_the_exact_problem_needs_no_more_bits(bits):
    """All numbers of the update and of the first loss are multiples of 1/8 below 2^bits / 8, or integers below 2^bits."""
    exact = exact_problem(bits)
    residual = exact.y - exact.X @ exact.beta0
    terms = np.abs(exact.X * residual[:, None]).sum(axis=0)
    assert np.sum(residual**2) < 2**bits
    assert np.all(terms / 8 + np.abs(exact.beta0) < 2**bits / 8)
    assert 2 * exact.learning_rate / len(exact.y) == 1 / 8
    assert residual.any() and exact.beta0.any()


# The number of updates that each stop rule makes at these values of tol.
STOP_TOLS = (2.0, 0.5, 0.1, 0.05, 2e-2, 1e-2, 5e-3, 1e-4)
STOPS = {
    "": [1, 2, 2, 3, 3, 4, 27, 40],
    "tol is ignored": [40, 40, 40, 40, 40, 40, 40, 40],
    "the loss change is compared with tol itself, not with tol * J_0": [1, 2, 3, 3, 4, 21, 40, 40],
    "the loss change is compared with tol times the loss before, not with tol * J_0": [1, 2, 3, 3, 40, 40, 40, 40],
    "the loss change is compared with tol times the present loss, not with tol * J_0": [1, 2, 3, 3, 40, 40, 40, 40],
    "the loss change is compared with tol**2 * J_0, not with tol * J_0": [1, 2, 4, 40, 40, 40, 40, 40],
    "the loss change is compared with sqrt(tol) * J_0, not with tol * J_0": [1, 1, 2, 2, 2, 2, 2, 4],
    "the square of the loss change is compared, not the change": [1, 2, 2, 2, 2, 2, 3, 11],
    "the change of the loss is taken over two updates": [2, 3, 3, 4, 5, 28, 40, 40],
    "it stops after two small changes in a row, not after one": [2, 3, 3, 4, 4, 5, 28, 40],
    "it stops after three small changes in a row, not after one": [3, 4, 4, 5, 5, 6, 29, 40],
    "the stop rule is first applied at k = 2": [2, 2, 2, 3, 3, 4, 27, 40],
    "the stop rule is applied only to every tenth k": [10, 10, 10, 10, 10, 10, 30, 40],
    "the norm of the gradient is compared with tol, not the change of the loss": [1, 3, 40, 40, 40, 40, 40, 40],
    "the norm of the gradient is compared with tol times the first one, not the change of the loss": [1, 1, 6, 40, 40, 40, 40, 40],
    "the loss itself is compared with tol * J_0, not its change": [1, 1, 40, 40, 40, 40, 40, 40],
    "the loss itself is compared with tol, not its change": [1, 10, 40, 40, 40, 40, 40, 40],
    "the change of beta is compared with tol, not the change of the loss": [1, 1, 3, 4, 40, 40, 40, 40],
    "the change of beta is compared with tol times its norm, not the change of the loss": [1, 1, 2, 3, 23, 40, 40, 40],
    "it stops one update too late": [2, 3, 3, 4, 4, 5, 28, 40],
    "it stops one update too early": [0, 1, 1, 2, 2, 3, 26, 40],
}  # fmt: skip


def test_each_stop_rule_has_its_number_of_updates():
    """A listed rule that made other numbers would name the wrong mistake."""
    rules = stop_rules(stopping("float64")[0])
    assert {hint: list(map(rule, STOP_TOLS)) for hint, rule in rules.items()} == STOPS


@pytest.mark.parametrize("dtype", UNIT)
def test_wrong_stop_rule_is_named(dtype):
    """The numbers of updates at a dozen tolerances identify each wrong rule. The right rule has no hint."""
    base = stopping(dtype)[0]
    for text, rule in stop_rules(base).items():
        backend = backend_of(RIGHT, dtype, rule)
        mistake_hint = Diagnosis(backend, dtype).stops()
        assert mistake_hint is None if text == "" else mistake_hint is not None and text in mistake_hint, text


def test_stop_rule_has_no_hint_if_the_losses_are_wrong():
    """The number of updates says nothing about the rule if the losses are wrong."""
    halved = next(mistake for mistake in LOSSES if "half" in mistake.hint)
    assert Diagnosis(backend_of(halved, "float64", lambda tol: 40), "float64").stops() is None


def test_hint_of_a_raising_backend_is_none(backend_file):
    """The error says more than a hint."""
    diagnosed = Diagnosis(load(backend_file("bad", "n = len(X)", "raise SystemExit(1)")), "float64")
    for name in CHECK_NAMES:
        assert hint(name, f"{RAISED}SystemExit: 1", diagnosed) is None


def test_wrong_form_has_a_hint_about_the_form(backend_file):
    """A check that fails because of the form of the result has no hint about its own subject."""
    diagnosed = Diagnosis(load(backend_file("three", "return beta, np", "return beta, beta, np")), "float64")
    detail = "fit returned a tuple of 3; allowed: (beta, losses)"
    for name in ("returns_memory_of_its_own", "leaves_its_inputs_alone", "forgets_earlier_calls"):
        assert hint(name, detail, diagnosed) == diagnosis.FORM


def test_wrong_dtype_after_an_update_has_a_hint_about_the_form(backend_file):
    """Without an update the form is right."""
    diagnosed = Diagnosis(load(backend_file("wide", "(-2 / n)", "np.float64(-2 / n)")), "float32")
    assert hint("returns_the_right_form", "beta has dtype float64; allowed: float32", diagnosed) == diagnosis.FORM


def test_varying_results_are_named_before_a_lost_block(backend_file):
    """Small problems are right and large ones vary between calls, as with a race of threads."""
    noise = "(1 if n < 100 else np.random.default_rng().uniform(0.9, 1.1))"
    backend = load(backend_file("race", "X.T @ residual", f"X.T @ residual * {noise}"))
    result, wrong = run_check(fits_every_shape, backend, "float64", "shapes")
    assert wrong
    assert result.detail.startswith("1021 x 3: the result differs between repetitions: beta is off by ")
    mistake_hint = hint("fits_every_shape", result.detail, Diagnosis(backend, "float64"))
    assert mistake_hint is not None and mistake_hint.startswith("two calls on the same problem")


@pytest.mark.parametrize("end", ["import os; os._exit(3)", "import os; os.abort()", "import time; time.sleep(600)"])
def test_exit_during_diagnosis_keeps_the_verdict(tmp_path, backend_file, monkeypatch, end):
    """The document has the failed check as wrong, and the exit, crash or timeout after it."""
    monkeypatch.setattr(cross_check, "DEADLINE_S", 4.0)
    n, d = diagnosis.SHAPES[1]  # a shape that only hints use
    path = backend_file("trap", "n = len(X)", f"n = len(X) + 1\n    if X.shape == ({n}, {d}):\n        {end}")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == "wrong"
    first, last = [result for result in report.checks if not result.passed]
    assert "off by" in first.detail
    assert first.hint is None
    assert "ended" in last.detail or "killed" in last.detail or "stopped at its deadline" in last.detail


def test_document_contains_the_hints(tmp_path, backend_file):
    """Each failed check has a hint and no other check."""
    (report,) = check([str(backend_file("turned", "(-2 / n)", "(2 / n)"))], tmp_path).backends
    for result in report.checks:
        assert result.passed == (result.hint is None)
    assert any("the wrong way" in (result.hint or "") for result in report.checks)


def test_hints_are_one_line_without_a_full_stop():
    """Each mistake has such a text."""
    for mistake in (*ITERATES, *LOSSES):
        assert mistake.hint and "\n" not in mistake.hint and not mistake.hint.endswith(".")
