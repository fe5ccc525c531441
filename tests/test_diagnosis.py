"""Hints: each listed mistake is named from its results, a correct backend has no hint, and no hint claims too much."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from backends import load
from bench import check as cross_check
from bench.check import check, diagnosis
from bench.check.bound import UNIT
from bench.check.checks import CHECKS, fits_every_shape
from bench.check.child import run_check
from bench.check.diagnosis import Diagnosis, hint
from bench.check.fixtures import Fixture, stopping
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, Mistake, stop_rules

# Pairs of a mistake in the iterates and one in the losses. Each mistake is in at least one pair.
PAIRS = [(iterate, LOSSES[(i + 3) % len(LOSSES)]) for i, iterate in enumerate(ITERATES)]
CHECK_NAMES = [check.__name__ for check in CHECKS]
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
    return hint("follows_the_exact_iterates", VALUES, Diagnosis(backend_of(mistake, dtype), dtype), 0.5, 1e-14)


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("mistake", [*ITERATES, *LOSSES], ids=lambda mistake: mistake.hint[:50])
def test_each_mistake_is_named(mistake, dtype):
    """The hint is the text of the mistake. No other entry explains the same results."""
    assert hint_of(mistake, dtype) == mistake.hint


@pytest.mark.parametrize(("iterate", "loss"), PAIRS, ids=lambda mistake: mistake.hint[:40])
def test_two_mistakes_are_both_named(iterate, loss):
    """The hint names a mistake in the iterates and one in the losses, or a single mistake with the same results as the two."""
    diagnosed = Diagnosis(backend_of(replace(iterate, loss=loss.loss, losses=loss.losses), "float64"), "float64")
    mistake_hint = hint("follows_the_exact_iterates", VALUES, diagnosed)
    singles = [(single, RIGHT) for single in ITERATES] + [(RIGHT, single) for single in LOSSES]
    alike = [a.hint + b.hint for a, b in singles if diagnosis._matches(diagnosed.answers, a, b, 1e-11)]
    assert mistake_hint is not None
    assert mistake_hint in alike if alike else iterate.hint in mistake_hint and loss.hint in mistake_hint


@pytest.mark.parametrize(
    "name",
    ["python_loops", "numpy_vectorized", "numba_jit", pytest.param("jax_jit", marks=pytest.mark.slow)],  # it compiles
)
def test_correct_backend_has_no_hint(name):
    """There is no hint, even if a check fails for another reason."""
    backend = load(name)
    for dtype in getattr(backend, "DTYPES", UNIT):
        diagnosed = Diagnosis(backend, dtype)
        for name in CHECK_NAMES:
            assert hint(name, VALUES, diagnosed, 1e-13, 1e-14) is None, name
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
    ("a fixed rate", step(lambda X, y, b, r, s, k, bs: 0.03 * 2 / len(y) * (X.T @ r)), "the step is that of learning_rate = 0.03, whatever the argument is"),
    ("a penalty", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) - 0.02 * b), "the step has a part along beta itself: is there a penalty, or weight decay?"),
    ("a later change", step(lambda X, y, b, r, s, k, bs: (1.5 if k else 1) * s * (X.T @ r)), "the first step is right, the later ones are not: does something change from update to update?"),
    ("noise", step(lambda X, y, b, r, s, k, bs: s * (X.T @ r) + 0.01 * np.sin(1 + np.arange(len(b)))), None),
    ("a wrong loss", Mistake("not listed", loss=lambda r, y, p, d: np.mean(r**4)), "beta is right, only the losses are wrong"),
    ("some sizes", Mistake("not listed", data=lambda X, y: (X[: len(X) // 8 * 8 or 8], y[: len(X) // 8 * 8 or 8]), scale=lambda n, d, r: 2 / n * r), None),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "expected"), [case[1:] for case in UNLISTED], ids=[case[0] for case in UNLISTED])
def test_hint_of_an_unlisted_mistake(mistake, expected):
    """The hint describes the results. It does not name a similar mistake."""
    mistake_hint = hint_of(mistake, "float64")
    if expected is None:
        assert mistake_hint is None or mistake_hint.startswith("right for n x d")
    else:
        assert mistake_hint == expected


@pytest.mark.parametrize("factor", [1 + 1e-9, 1 + 1e-8, 1 + 1e-7, 1 + 1e-6, 1 - 1e-7])
def test_small_wrong_factor_is_not_called_float32(factor):
    """The error has the size of float32 rounding, but the direction of the step."""
    mistake_hint = hint_of(step(lambda X, y, b, r, s, k, bs: factor * s * (X.T @ r)), "float64")
    assert mistake_hint is None or "float32" not in mistake_hint


def test_rounding_to_float32_is_named(backend_file):
    """The hint for a backend that computes in float32 and returns float64."""
    path = backend_file("narrow", "X.T @ residual", "(X.T.astype('f4') @ residual.astype('f4')).astype('f8')")
    mistake_hint = hint("follows_the_exact_iterates", VALUES, Diagnosis(load(path), "float64"))
    assert mistake_hint is not None and "computed in float32" in mistake_hint


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
    """hint() returns None if the backend raises in its calls."""
    diagnosed = Diagnosis(load(backend_file("bad", "n = len(X)", "raise SystemExit(1)")), "float64")
    for name in CHECK_NAMES:
        assert hint(name, VALUES, diagnosed) is None


def test_wrong_form_has_no_hint_about_memory_or_state(backend_file):
    """A check that fails because of the form of the result has no hint about its own subject."""
    diagnosed = Diagnosis(load(backend_file("three", "return beta, np", "return beta, beta, np")), "float64")
    detail = "fit returned a tuple of 3; allowed: (beta, losses)"
    for name in ("returns_memory_of_its_own", "leaves_its_inputs_alone", "forgets_earlier_calls"):
        assert hint(name, detail, diagnosed) is None


def test_varying_results_are_named_before_a_lost_block(backend_file):
    """Small problems are right and large ones vary between calls, as with a race of threads."""
    noise = "(1 if n < 100 else np.random.default_rng().uniform(0.9, 1.1))"
    backend = load(backend_file("race", "X.T @ residual", f"X.T @ residual * {noise}"))
    result, wrong = run_check(fits_every_shape, backend, "float64", "shapes")
    assert wrong
    assert result.detail.startswith("1021 x 3: the result differs between repetitions: beta is off by ")
    mistake_hint = hint("fits_every_shape", result.detail, Diagnosis(backend, "float64"), 0.5, 1e-14)
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
