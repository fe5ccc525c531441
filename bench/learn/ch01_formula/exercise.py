"""Chapter 1: the gradient, compared with the slope of the loss itself.

J is a parabola along each component, so (J(beta + 1) - J(beta - 1)) / 2 is its slope exactly, and on integers rational
arithmetic gives it without rounding.
"""

from collections.abc import Callable
from fractions import Fraction
from operator import mul
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.check.bound import UNIT, gamma
from bench.learn.ch01_formula import picture
from bench.learn.judge import Verdict, load

# n and d: that of the chapter, one row, one column, as many columns as rows, more of them, many rows.
SHAPES = ((3, 2), (5, 3), (4, 4), (1, 3), (7, 1), (3, 6), (16, 5), (50, 2), (6, 6))

HINTS = {
    "sign": (
        "The length is right, or nearly, but which way does it point? The gradient must point to where the loss grows.",
        "Look at the minus and at the order in y − ŷ. Turn one of them round, not both, not none.",
        "With residual = y − ŷ the gradient begins with a minus: `-2 / n * (…)`.",
    ),
    "the 2": (
        "The direction is right. Is the length?",
        "The loss holds squares. What does the slope of a square bring with it?",
        "The factor is −2/n, not −1/n.",
    ),
    "1/n": (
        "The direction is right. What happens to your gradient when every row of the table is there a second time?",
        "The loss is a mean over the rows, and so its slope is one, too.",
        "The factor in front is −2/n, where n is the number of rows, `len(X)`.",
    ),
    "d for n": (
        "The direction is right. By which of the two sizes of the table do you divide?",
        "The loss is a mean over the points, and each point is a row.",
        "n is the number of rows: `len(X)`, or `X.shape[0]`; `len(beta)` is d.",
    ),
    "transpose": (
        "There is a number of the gradient for each column. Along what do you add up?",
        "X times the misses goes along the rows; the formula has Xᵀ, which goes down the columns.",
        "`X.T @ residual`, or, for each column j, the sum of `X[i, j] * residual[i]` over all rows i.",
    ),
    "no prediction": (
        "Your answer does not change when beta changes. Should it?",
        "What is to be multiplied by Xᵀ is the miss y − ŷ, not y.",
        "`residual = y - X @ beta`.",
    ),
    "intercept": (
        "All numbers are right but the first one. Is a column of ones something special?",
        "The intercept is learned like a slope: its number in the gradient follows the same formula.",
        "Give back all of `X.T @ residual`, with its factor, and leave no component out.",
    ),
    "shape": (
        "How many numbers should come back, and how many do?",
        "One for each column of X: as many as beta has. A mean over everything, or a table, is not that.",
        "`X.T @ residual` has the right shape, where `residual` is a plain list of n numbers.",
    ),
    "inputs": (
        "The numbers are right, but something that you were given is not what it was.",
        "`-=` and `+=` on an array that was given write into it. Who called you still needs it.",
        "`residual = y - y_pred` makes a new array; `y -= y_pred` does not.",
    ),
    "one problem": (
        "It is right for the three points of the chapter. And for others?",
        "Are there numbers of the chapter in your function? Or is a sign lost where a miss is negative?",
        "Take n from X, and compute ŷ = Xβ and the misses from what is given each time.",
    ),
    "": (
        "Write down the three lines in words first: predict, miss, gradient.",
        "Print each line for the three points of the chapter: ŷ is (1, 2, 3), the misses are (1, 1, 4), the gradient (−4, −6).",
        "`y_pred = X @ beta`, then `residual = y - y_pred`, then −2/n times `X.T @ residual`.",
    ),
}
# What each slip would give, of X, y, beta and the misses r. Those that only scale may have the sign turned as well.
SCALED = {
    "the 2": ("it is half of it: the factor 2 is missing", lambda X, r: -1 / len(X) * (X.T @ r)),
    "1/n": ("it is that multiplied by n, here {n}, the number of rows: the 1/n is missing", lambda X, r: -2 * (X.T @ r)),
    "1/n and 2": ("it is that multiplied by n/2, with n = {n} rows: both the 2 and the 1/n are missing", lambda X, r: -(X.T @ r)),
    "d for n": ("it is divided by the number of columns, d = {d}, where n belongs", lambda X, r: -2 / X.shape[1] * (X.T @ r)),
}  # fmt: skip
UPHILL = "the sign is turned: yours points downhill, the gradient points uphill"


def judge(path: Path) -> Verdict:
    gradient = getattr(load(path), "gradient", None)
    if not callable(gradient):
        return Verdict("failed", "your file has no function `gradient(X, y, beta)`")
    answers = [(case, ask(gradient, case)) for case in cases()]
    for _, found in answers:
        if isinstance(found, Verdict) and found.slip == "inputs":
            return found
    if (slip := named(answers)) is not None:
        return slip
    for number, ((X, y, beta), found) in enumerate(answers):
        where = f"for {len(X)} rows and {X.shape[1]} columns"
        if isinstance(found, Verdict):
            return Verdict(found.outcome, f"{where} {found.why}", found.slip)
        if not fits(found, slope(X, y, beta), X, y, beta):
            right = "right for the three points of the chapter; but " if number else ""
            shown = f"found {picture.vector(found)}, the slope of J is {picture.vector(slope(X, y, beta))}"
            return Verdict("wrong", f"{right}{where} {shown}", "one problem" if number else "")
    return Verdict("passed", f"it is the slope of J, to the last digits, in {len(answers)} problems of different sizes")


def cases() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """X, y and beta in small integers; the first are those of the chapter, the others other ones each time."""
    rng = np.random.default_rng()
    found = [(picture.X, picture.Y, picture.START)]
    for n, d in SHAPES:
        X = rng.integers(-4, 5, (n, d)).astype(float)
        X[:, 0] = 1
        found.append((X, rng.integers(-20, 21, n).astype(float), rng.integers(-3, 4, d).astype(float)))
    return found


def ask(gradient: Callable[..., Any], case: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> np.ndarray | Verdict:
    """The d numbers that the reader's function gives, or what is wrong with what it gives."""
    given = [array.copy() for array in case]
    try:
        answer = gradient(*given)
        found = np.asarray(answer, dtype=float)
    except Exception as error:
        return Verdict("failed", f"it raised {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    for name, before, after in zip(("X", "y", "beta"), case, given, strict=True):
        if not np.array_equal(before, after):
            return Verdict("wrong", f"your function writes into the {name} that it is given", "inputs")
    d = len(case[2])
    if found.shape != (d,):
        kind = "nothing (None)" if answer is None else "a single number" if found.ndim == 0 else f"shape {found.shape}"
        return Verdict("wrong", f"it gave back {kind}; allowed: {d} numbers, one for each column", "shape")
    if not np.isfinite(found).all():
        return Verdict("wrong", f"it gave back {picture.vector(found)}, which is not finite")
    return found


def slope(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]) -> np.ndarray:
    """(J(beta + 1) - J(beta - 1)) / 2 in each component."""
    rows, targets, start = ([list(map(Fraction, row)) for row in X], list(map(Fraction, y)), list(map(Fraction, beta)))

    def loss(b: list[Fraction]) -> Fraction:
        misses = [t - sum(map(mul, row, b)) for row, t in zip(rows, targets, strict=True)]
        return sum((m * m for m in misses), Fraction(0)) / len(rows)

    sides = [[loss([w + way * (i == j) for i, w in enumerate(start)]) for way in (1, -1)] for j in range(len(start))]
    return np.array([float(up - down) / 2 for up, down in sides])


def fits(found: np.ndarray, expected: np.ndarray, X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]) -> bool:
    """Whether two gradients agree to rounding: the bound of bench/check/bound.py for one step."""
    n, d = X.shape
    spread = 2 * (np.abs(X) @ np.abs(beta) + np.abs(y)) @ np.abs(X)  # not divided by n: a slip may leave that out
    return bool((np.abs(found - expected) <= gamma(n + d + 8, UNIT["float64"]) * spread).all())


def named(answers: Any) -> Verdict | None:
    """The one slip that would have given every answer; None where there is none, or the answers are right."""
    n, d = answers[0][0][0].shape

    def all_fit(of: Any) -> bool:
        return all(
            not isinstance(found, Verdict) and fits(found, of(X, y - X @ beta, y), X, y, beta)
            for (X, y, beta), found in answers
        )

    if all_fit(lambda X, r, y: -2 / len(X) * (X.T @ r)):
        return None
    if all_fit(lambda X, r, y: 2 / len(X) * (X.T @ r)):
        return Verdict("wrong", UPHILL, "sign")
    for slip, (why, of) in SCALED.items():
        told, key = why.format(n=n, d=d), slip.split(" and ")[0]
        if all_fit(lambda X, r, y, of=of: of(X, r)):
            return Verdict("wrong", f"it points the right way, but {told}", key)
        if all_fit(lambda X, r, y, of=of: -of(X, r)):
            return Verdict("wrong", f"{UPHILL}; and {told}", "sign")
    if all_fit(lambda X, r, y: -2 / len(X) * (X.T @ y)):
        return Verdict("wrong", "it is −(2/n) Xᵀy: the prediction is not taken from y", "no prediction")
    if all_fit(lambda X, r, y: np.append(0.0, (-2 / len(X) * (X.T @ r))[1:])):
        return Verdict("wrong", "its first number, that of the intercept, is always 0", "intercept")
    square = [(c, found) for c, found in answers if len(c[0]) == len(c[2]) and not isinstance(found, Verdict)]
    others = [found for c, found in answers if len(c[0]) != len(c[2])]
    along = all(fits(found, -2 / len(X) * (X @ (y - X @ beta)), X, y, beta) for (X, y, beta), found in square)
    if square and along and all(isinstance(found, Verdict) for found in others):
        return Verdict(
            "wrong", "it multiplies by X where Xᵀ belongs: only where X is square that gives d numbers", "transpose"
        )
    return None
