"""Chapter 2: a test that tells correct descents from wrong ones."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends import load as load_backend
from bench import text
from bench.check.bound import reference
from bench.check.checks import answer
from bench.check.fixtures import Fixture
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, Mistake
from bench.learn.judge import Outcome, Verdict, load

HINTS = {
    "bit for bit": (
        "A correct descent fails your test. What may two correct descents differ in?",
        "Where you write `==` between numbers that were computed, the order of the sums decides. Ask for nearness.",
        "`np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1]`, and for the losses likewise.",
    ),
    "too wide": (
        "Bold bugs fail, small ones pass. How near must a correct answer be?",
        "`np.allclose` allows far more than rounding in float64 needs. You are given a bound: use it.",
        "Compare with `expected.beta_bound[-1]` and `expected.loss_bound` and drop every tolerance of your own.",
    ),
    "only the loss": (
        "Descents with right losses pass, whatever β they give back. Which of the two answers do you look at?",
        "Compare `beta` with the last of `expected.betas`, too.",
        "`assert np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1]`.",
    ),
    "only beta": (
        "Descents with the right β pass, whatever losses they tell. Which of the two answers do you look at?",
        "Compare every entry of `losses` with `expected.losses`, and their number with max_iter + 1.",
        "`assert (np.abs(losses - expected.losses) <= expected.loss_bound).all()`.",
    ),
    "NaN": (
        "NaN, “not a number”, passes your test. What does Python say to `float('nan') > 1`? And to `float('nan') < 1`?",
        "Both are False. So `not error > bound` holds for NaN. Ask for what is right, not for what is wrong.",
        "Write `assert error <= bound`, or test `np.isfinite(…).all()` first.",
    ),
    "one problem": (
        "Some bugs hide where you do not look. Which tables, starts and numbers of updates do you try?",
        "Try several n, also odd ones; more columns than rows; a start that is not zero; more than one update.",
        "A loop over sizes such as (1, 3), (6, 9), (13, 1), (37, 4), each with `rng.standard_normal(d)` as start.",
    ),
    "inputs": (
        "One of them gives the right answer and still does damage. What was promised of the arrays it is given?",
        "Keep copies of X, y and the start, and compare after the call.",
        "`given = start.copy()`, call with it, then `assert np.array_equal(given, start)`.",
    ),
    "nothing": (
        "Your test fails for no bug at all. What makes a test fail?",
        "It must raise AssertionError: `assert something` does, when something is False. Giving back False does not.",
        "Call `fit`, then `assert` that β and the losses are within their bounds.",
    ),
    "": (
        "Begin with one correct descent that passes and one wrong one that fails.",
        "Print what you compare. `expected.betas[-1]` belongs to the β returned, `expected.losses` to all the losses.",
        "Shapes first, then β within `beta_bound[-1]`, then all losses within `loss_bound`, in a loop over several sizes.",
    ),
}  # fmt: skip
Descent = Callable[..., tuple[np.ndarray, np.ndarray]]


def known(begins: str) -> Mistake:
    """The mistake of bench/check/mistakes.py whose hint begins so."""
    return next(mistake for mistake in (*ITERATES, *LOSSES) if mistake.hint.startswith(begins))


def asked(mistake: Mistake) -> Descent:
    return lambda X, y, beta, rate, updates, tol: mistake.answer(Fixture("", X, y, beta, rate, updates, tol))


def backend(name: str, way: int = 1) -> Descent:
    """A backend that is given the rows in their order, or, with way = -1, from the last to the first."""
    module = load_backend(name)
    return lambda X, y, *rest: answer(module, Fixture("", X[::way].copy(), y[::way].copy(), *rest))


def told_by_reference(
    X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], rate: float, updates: int, tol: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    expected = reference(X, y, beta, rate, updates, "float64")
    return expected.betas[-1], expected.losses


def changed(
    beta: Callable[[NDArray[Any]], Any] = lambda b: b, losses: Callable[[NDArray[Any]], Any] = lambda j: j
) -> Descent:
    def fit(*arguments: Any) -> Any:
        b, j = asked(RIGHT)(*arguments)
        return beta(b), losses(j)

    return fit


def writes_into_beta(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], *rest: Any) -> Any:
    found, losses = asked(RIGHT)(X, y, beta, *rest)
    beta[:] = found
    return found, losses


def _whole_blocks(
    X: NDArray[Any],
    y: NDArray[Any],
    beta: NDArray[Any],
    residual: NDArray[Any],
    scale: float,
    k: int,
    betas: list[NDArray[Any]],
) -> NDArray[Any]:
    end = max(len(X) - len(X) % 4, 1)
    return np.asarray(scale * (X[:end].T @ residual[:end]))


EXACT_SUMS = replace(
    RIGHT,
    loss=lambda r, y, p, d: math.fsum(r * r) / len(r),
    step=lambda X, y, b, r, s, k, bs: s * np.array([math.fsum(column * r) for column in X.T]),
)
HONEST: dict[str, Callable[[], Descent]] = {
    "plain NumPy": lambda: backend("numpy_vectorized"),
    "plain loops": lambda: backend("python_loops"),
    "NumPy, summing from the last row to the first": lambda: backend("numpy_vectorized", -1),
    "loops, summing from the last row to the first": lambda: backend("python_loops", -1),
    "sums that are rounded only once": lambda: asked(EXACT_SUMS),
}
# By what must be looked at to catch them: the planted bugs, each with its name.
PLANTED: dict[str, dict[str, Descent]] = {
    "": {
        "the sign turned": asked(known("beta moves the wrong way")),
        "the factor 2 missing": asked(known("after one step beta has moved exactly half")),
        "divided by the number of columns": asked(known("the gradient is divided by n_features, where")),
        "the last row skipped": asked(known("the last row of X takes no part")),
        "one update short": asked(known("it makes one update too few")),
    },
    "only the loss": {
        "the start given back as β": asked(known("the start is returned")),
        "β one update behind its losses": asked(known("beta is right but one update behind")),
    },
    "only beta": {
        "every loss halved": asked(known("every loss is half")),
        "each loss told after the update": asked(known("losses[k] is the loss after update k")),
        "the sum of squares told as loss": asked(known("the loss is the sum of the squares")),
    },
    "NaN": {
        "β full of NaN": changed(beta=lambda b: b * np.nan),
        "losses full of NaN": changed(losses=lambda j: j * np.nan),
    },
    "too wide": {
        "β kept in float32 on the way": changed(beta=lambda b: b.astype(np.float32).astype(float)),
        "losses kept in float32": changed(losses=lambda j: j.astype(np.float32).astype(float)),
        "a learning rate off in the seventh digit": asked(Mistake("", scale=lambda n, d, r: 2 / n * r * (1 + 3e-7))),
    },
    "one problem": {
        "rows lost where their number is no multiple of 4": asked(Mistake("", step=_whole_blocks)),
        "the start taken as zero": asked(known("the descent starts at zero")),
        "a step that shrinks from update to update": asked(known("the step shrinks from update to update")),
    },
    "inputs": {"the start overwritten": writes_into_beta},
}


def judge(path: Path) -> Verdict:
    check = getattr(load(path), "check", None)
    if not callable(check):
        return Verdict("failed", "your file has no function `check(fit)`")
    honest = {name: outcome(check, make()) for name, make in HONEST.items()}
    refused = {name: error for name, (error, _) in honest.items() if error is not None}
    if refused:
        name, error = next(iter(refused.items()))
        said = " ".join(str(error).split())[:160]
        raised = f"your test raised {type(error).__name__}{f' ({said})' if said else ''}"
        if len(refused) < len(honest) or outcome(check, told_by_reference)[0] is None:
            return Verdict(
                "wrong", f"a correct descent ({name}) does not pass, though another does: {raised}", "bit for bit"
            )
        kind: Outcome = "wrong" if isinstance(error, AssertionError) else "failed"
        return Verdict(kind, f"no correct descent passes, not even {name}: {raised}")
    every = {name: outcome(check, fit) for of in PLANTED.values() for name, fit in of.items()}
    passed = [name for name, (error, _) in every.items() if error is None]
    if not passed:
        return Verdict("passed", f"all {len(honest)} correct descents pass, and all {len(every)} wrong ones fail")
    why = f"{len(passed)} of {len(every)} wrong descents pass your test: {text.listed(passed[:4])}{' …' * (len(passed) > 4)}"
    if len(passed) == len(every):
        silent = any(said is not None for _, said in every.values())
        return Verdict("wrong", f"{why}{'; it gives something back, but raises nothing' * silent}", "nothing")
    for slip in ("only the loss", "only beta"):
        if all(name in passed for name in PLANTED[slip]):
            return Verdict("wrong", why, slip)
    missed = [slip for slip in PLANTED if slip and any(name in passed for name in PLANTED[slip])]
    first = next((slip for slip in ("NaN", "too wide", "one problem", "inputs") if slip in missed), "")
    return Verdict("wrong", why, first)


def outcome(check: Any, fit: Descent) -> tuple[Exception | None, object]:
    """What the reader's test raises for a descent, and what it gives back."""
    try:
        with np.errstate(all="ignore"):
            return None, check(fit)
    except Exception as error:
        return error, None
