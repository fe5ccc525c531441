"""Chapter 2: write a test that separates correct descents from wrong ones."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends import load as load_backend
from bench import text
from bench.check.answer import solve_fixture
from bench.check.bound import reference
from bench.check.fixtures import Fixture
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, Mistake
from bench.learn.judge import Outcome, Verdict, function

HINTS = {
    "bit for bit": (
        "A correct descent fails your test. In what may two correct descents differ?",
        "`==` between computed numbers depends on the order of summation. Test for closeness instead.",
        "`np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1]`, and the same for the losses.",
    ),
    "too wide": (
        "Your test finds large bugs but misses small ones. How close must a correct answer be?",
        "`np.allclose` allows much more than rounding in float64 needs. Use the bound that `reference` returns.",
        "Compare with `expected.beta_bound[-1]` and `expected.loss_bound`, and remove all tolerances of your own.",
    ),
    "only the loss": (
        "Descents with right losses pass, whatever β they return. Which of the two results does your test check?",
        "Also compare `beta` with the last of `expected.betas`.",
        "`assert np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1]`.",
    ),
    "only beta": (
        "Descents with the right β pass, whatever losses they return. Which of the two results does your test check?",
        "Compare every entry of `losses` with `expected.losses`, and the number of losses with max_iter + 1.",
        "`assert (np.abs(losses - expected.losses) <= expected.loss_bound).all()`.",
    ),
    "NaN": (
        "NaN, “not a number”, passes your test. What is the value of `float('nan') > 1`? And of `float('nan') < 1`?",
        "Both are False, so `not error > bound` is true for NaN. State what is right, not what is wrong.",
        "Write `assert error <= bound`, or test `np.isfinite(…).all()` first.",
    ),
    "one problem": (
        "Some bugs appear only in special cases. Which tables, starts and numbers of updates do you try?",
        "Try several n, including odd ones, more columns than rows, a start that is not zero, and more than one update.",
        "Loop over sizes such as (1, 3), (6, 9), (13, 1), (37, 4), each with `rng.standard_normal(d)` as the start.",
    ),
    "inputs": (
        "A descent that returns the right answer but changes its inputs passes. What does the contract promise about inputs?",
        "Keep copies of X, y and the start, and compare them after the call.",
        "`before = start.copy()`, call `fit` with `start`, then `assert np.array_equal(before, start)`.",
    ),
    "nothing": (
        "Your test does not fail for any bug. What makes a test fail?",
        "It must raise AssertionError. `assert condition` does this if the condition is False. Returning False does not.",
        "Call `fit`, then `assert` that β and the losses are within their bounds.",
    ),
    "": (
        "Start with one correct descent that passes and one wrong descent that fails.",
        "Print what you compare. `expected.betas[-1]` matches the returned β, and `expected.losses` matches all losses.",
        "First check the shapes, then β within `beta_bound[-1]`, then all losses within `loss_bound`, in a loop over several sizes.",
    ),
}  # fmt: skip
Descent = Callable[..., tuple[np.ndarray, np.ndarray]]


def by_hint(hint: str) -> Mistake:
    """The mistake in bench/check/mistakes.py whose hint starts with this text."""
    return next(mistake for mistake in (*ITERATES, *LOSSES) if mistake.hint.startswith(hint))


def descent(mistake: Mistake) -> Descent:
    return lambda X, y, beta, rate, updates, tol: mistake.result(Fixture("", X, y, beta, rate, updates, tol))


def backend(name: str, order: int = 1) -> Descent:
    """A backend that gets the rows in their order or, with order=-1, from the last to the first."""
    module = load_backend(name)
    return lambda X, y, *rest: solve_fixture(module, Fixture("", X[::order].copy(), y[::order].copy(), *rest))


def reference_descent(
    X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], rate: float, updates: int, tol: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    expected = reference(X, y, beta, rate, updates, "float64")
    return expected.betas[-1], expected.losses


def changed(
    beta: Callable[[NDArray[Any]], Any] = lambda b: b, losses: Callable[[NDArray[Any]], Any] = lambda j: j
) -> Descent:
    def fit(*arguments: Any) -> Any:
        b, j = descent(RIGHT)(*arguments)
        return beta(b), losses(j)

    return fit


def writes_into_beta(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], *rest: Any) -> Any:
    result, losses = descent(RIGHT)(X, y, beta, *rest)
    beta[:] = result
    return result, losses


WHOLE_BLOCKS = Mistake(
    "", step=lambda X, y, b, r, s, k, bs: s * (X[: max(len(X) // 4 * 4, 1)].T @ r[: max(len(X) // 4 * 4, 1)])
)
EXACT_SUMS = replace(
    RIGHT,
    loss=lambda r, y, p, d: math.fsum(r * r) / len(r),
    step=lambda X, y, b, r, s, k, bs: s * np.array([math.fsum(column * r) for column in X.T]),
)
HONEST: dict[str, Callable[[], Descent]] = {
    "NumPy": lambda: backend("numpy_vectorized"),
    "loops": lambda: backend("python_loops"),
    "NumPy, rows summed in reverse": lambda: backend("numpy_vectorized", -1),
    "loops, rows summed in reverse": lambda: backend("python_loops", -1),
    "sums with a single rounding": lambda: descent(EXACT_SUMS),
}
# The planted bugs by name, grouped by the key of the hint for a test that misses them.
PLANTED: dict[str, dict[str, Descent]] = {
    "": {
        "the sign reversed": descent(by_hint("beta moves the wrong way")),
        "the factor 2 missing": descent(by_hint("after one step beta has moved exactly half")),
        "divided by the number of columns": descent(by_hint("the gradient is divided by n_features, where")),
        "the last row skipped": descent(by_hint("the last row of X takes no part")),
        "one update too few": descent(by_hint("it makes one update too few")),
    },
    "only the loss": {
        "the start returned as β": descent(by_hint("the start is returned")),
        "β one update behind the losses": descent(by_hint("beta is right but one update behind")),
    },
    "only beta": {
        "every loss halved": descent(by_hint("every loss is half")),
        "each loss computed after the update": descent(by_hint("losses[k] is the loss after update k")),
        "the sum of squares as the loss": descent(by_hint("the loss is the sum of the squares")),
    },
    "NaN": {
        "β full of NaN": changed(beta=lambda b: b * np.nan),
        "losses full of NaN": changed(losses=lambda j: j * np.nan),
    },
    "too wide": {
        "β rounded to float32": changed(beta=lambda b: b.astype(np.float32).astype(float)),
        "losses rounded to float32": changed(losses=lambda j: j.astype(np.float32).astype(float)),
        "a learning rate wrong in the seventh digit": descent(
            Mistake("", scale=lambda n, d, r: 2 / n * r * (1 + 3e-7))
        ),
    },
    "one problem": {
        "rows lost if their number is not a multiple of 4": descent(WHOLE_BLOCKS),
        "zero instead of the start": descent(by_hint("the descent starts at zero")),
        "a step that shrinks with every update": descent(by_hint("the step shrinks from update to update")),
    },
    "inputs": {"the start overwritten": writes_into_beta},
}


def judge(path: Path) -> Verdict:
    check = function(path, "check(fit)")
    honest = {name: outcome(check, make()) for name, make in HONEST.items()}
    refused = {name: error for name, (error, _) in honest.items() if error is not None}
    if refused:
        name, error = next(iter(refused.items()))
        message = " ".join(str(error).split())[:160]
        raised = f"your test raised {type(error).__name__}{f' ({message})' if message else ''}"
        if len(refused) < len(honest) or outcome(check, reference_descent)[0] is None:
            return Verdict(
                "wrong", f"a correct descent ({name}) does not pass, although another one does: {raised}", "bit for bit"
            )
        kind: Outcome = "wrong" if isinstance(error, AssertionError) else "failed"
        return Verdict(kind, f"no correct descent passes, not even {name}: {raised}")
    every = {name: outcome(check, fit) for of in PLANTED.values() for name, fit in of.items()}
    passed = [name for name, (error, _) in every.items() if error is None]
    if not passed:
        return Verdict("passed", f"all {len(honest)} correct descents pass, and all {len(every)} wrong ones fail")
    why = f"{len(passed)} of {len(every)} wrong descents pass your test: {text.listed(passed[:4])}{' …' * (len(passed) > 4)}"
    if len(passed) == len(every):
        silent = any(value is not None for _, value in every.values())
        return Verdict("wrong", f"{why}{'; it returns a value but raises no error' * silent}", "nothing")
    for slip in ("only the loss", "only beta"):
        if all(name in passed for name in PLANTED[slip]):
            return Verdict("wrong", why, slip)
    missed = [slip for slip in PLANTED if slip and any(name in passed for name in PLANTED[slip])]
    first = next((slip for slip in ("NaN", "too wide", "one problem", "inputs") if slip in missed), "")
    return Verdict("wrong", why, first)


def outcome(check: Any, fit: Descent) -> tuple[Exception | None, object]:
    """The exception that the reader's test raises for a descent, and its return value."""
    try:
        with np.errstate(all="ignore"):
            return None, check(fit)
    except Exception as error:
        return error, None
