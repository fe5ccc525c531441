"""Chapter 1: compare the reader's gradient with the slope of the loss.

J is a parabola along each component, so (J(beta + 1) - J(beta - 1)) / 2 is exactly its slope. Rational arithmetic on
integers computes it without rounding.
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
from bench.learn.judge import Verdict, function

# n and d: the shape of the chapter, d = n, one row, one column, more columns than rows, many rows.
SHAPES = ((3, 2), (5, 3), (4, 4), (1, 3), (7, 1), (3, 6), (16, 5), (50, 2), (6, 6))

HINTS = {
    "sign": (
        "The length is right or nearly right, but the direction is not. The gradient must point to where the loss grows.",
        "Look at the minus sign and at the order in y − ŷ. Exactly one of them must be reversed.",
        "With residual = y − ŷ, the gradient starts with a minus: `-2 / n * (…)`.",
    ),
    "the 2": (
        "The direction is right. Is the length right, too?",
        "The loss contains squares. Which factor does the derivative of a square have?",
        "The factor is −2/n, not −1/n.",
    ),
    "1/n": (
        "The direction is right. What happens to your gradient if every row of the table appears twice?",
        "The loss is a mean over the rows, so its gradient is also a mean.",
        "The factor in front is −2/n, where n is the number of rows, `len(X)`.",
    ),
    "d for n": (
        "The direction is right. Which of the two dimensions of the table do you divide by?",
        "The loss is a mean over the points, and each point is a row.",
        "n is the number of rows: `len(X)` or `X.shape[0]`. `len(beta)` is d.",
    ),
    "transpose": (
        "The gradient has one number for each column. Along which axis do you sum?",
        "X times the residuals sums along the rows. The formula has Xᵀ, which sums down the columns.",
        "`X.T @ residual`, or, for each column j, the sum of `X[i, j] * residual[i]` over all rows i.",
    ),
    "no prediction": (
        "Your answer does not change when beta changes. Should it?",
        "Multiply Xᵀ by the residual y − ŷ, not by y.",
        "`residual = y - X @ beta`.",
    ),
    "intercept": (
        "All numbers are right except the first. Does the column of ones need special treatment?",
        "The intercept is learned like the slope: its component of the gradient follows the same formula.",
        "Return all of `X.T @ residual`, with its factor. Do not omit a component.",
    ),
    "shape": (
        "How many numbers should your function return, and how many does it return?",
        "One for each column of X, so as many as beta has. A mean over everything or a table is wrong.",
        "`X.T @ residual` has the right shape if `residual` is a one-dimensional array of n numbers.",
    ),
    "inputs": (
        "The numbers are right, but your function changes one of its arguments.",
        "`-=` and `+=` on an argument write into the array of the caller, who still needs it.",
        "`residual = y - y_pred` makes a new array. `y -= y_pred` does not.",
    ),
    "one problem": (
        "Your function is right for the three points of the chapter, but not for other points.",
        "Does your function contain numbers from the chapter? Does it lose the sign of a negative residual?",
        "Take n from X, and compute ŷ = Xβ and the residuals from the arguments in every call.",
    ),
    "": (
        "First write down the three lines in words: prediction, residual, gradient.",
        "Print each line for the three points of the chapter: ŷ is (1, 2, 3), the residuals are (1, 1, 4), the gradient is (−4, −6).",
        "`y_pred = X @ beta`, then `residual = y - y_pred`, then −2/n times `X.T @ residual`.",
    ),
}
UPHILL = "the sign is wrong: your vector points downhill, but the gradient points uphill"
# The gradient that each mistake gives, from X, the residuals r and y. The check also tries each with the opposite sign.
MISTAKES = {
    "sign": (UPHILL, lambda X, r, y: 2 / len(X) * (X.T @ r)),
    "the 2": ("your gradient is too short: the factor 2 is missing", lambda X, r, y: -1 / len(X) * (X.T @ r)),
    "1/n": ("your gradient is too long by the factor n = {n}, the number of rows: the 1/n is missing", lambda X, r, y: -2 * (X.T @ r)),
    "1/n and 2": ("your gradient is too long by the factor n/2, with n = {n} rows: both the 2 and the 1/n are missing", lambda X, r, y: -(X.T @ r)),
    "d for n": ("your gradient is divided by the number of columns, d = {d}, instead of n", lambda X, r, y: -2 / X.shape[1] * (X.T @ r)),
    "no prediction": ("your gradient is −(2/n) Xᵀy: the prediction is not subtracted from y", lambda X, r, y: -2 / len(X) * (X.T @ y)),
    "intercept": ("the first number of your gradient, for the intercept, is always 0", lambda X, r, y: np.append(0.0, (-2 / len(X) * (X.T @ r))[1:])),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    gradient = function(path, "gradient(X, y, beta)")
    answers = [(case, ask(gradient, case)) for case in cases()]
    for _, result in answers:
        if isinstance(result, Verdict) and result.slip == "inputs":
            return result
    if (slip := named(answers)) is not None:
        return slip
    for number, ((X, y, beta), result) in enumerate(answers):
        where = f"for {len(X)} rows and {X.shape[1]} columns"
        if isinstance(result, Verdict):
            return Verdict(result.outcome, f"{where} {result.why}", result.slip)
        if not fits(result, slope(X, y, beta), X, y, beta):
            right = "your gradient is right for the three points of the chapter, but " if number else ""
            comparison = (
                f"your gradient is {picture.vector(result)}, and the slope of J is {picture.vector(slope(X, y, beta))}"
            )
            return Verdict("wrong", f"{right}{where} {comparison}", "one problem" if number else "")
    return Verdict(
        "passed",
        f"your gradient equals the slope of J to the last digits, in {len(answers)} problems of different sizes",
    )


def cases() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """X, y and beta in small integers: first those of the chapter, then random ones."""
    rng = np.random.default_rng()
    result = [(picture.X, picture.Y, picture.START)]
    for n, d in SHAPES:
        X = rng.integers(-4, 5, (n, d)).astype(float)
        X[:, 0] = 1
        result.append((X, rng.integers(-20, 21, n).astype(float), rng.integers(-3, 4, d).astype(float)))
    return result


def ask(gradient: Callable[..., Any], case: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]) -> np.ndarray | Verdict:
    """The d numbers that the reader's function returns, or a verdict about a bad result."""
    arguments = [array.copy() for array in case]
    try:
        answer = gradient(*arguments)
        result = np.asarray(answer, dtype=float)
    except Exception as error:
        return Verdict("failed", f"your function raised {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    for name, before, after in zip(("X", "y", "beta"), case, arguments, strict=True):
        if not np.array_equal(before, after):
            return Verdict("wrong", f"your function changes its argument {name}", "inputs")
    d = len(case[2])
    if result.shape != (d,):
        kind = (
            "nothing (None)" if answer is None else "a single number" if result.ndim == 0 else f"shape {result.shape}"
        )
        return Verdict("wrong", f"your function returned {kind}; allowed: {d} numbers, one for each column", "shape")
    if not np.isfinite(result).all():
        return Verdict("wrong", f"your function returned {picture.vector(result)}, which is not finite")
    return result


def slope(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]) -> np.ndarray:
    """(J(beta + 1) - J(beta - 1)) / 2 in each component."""
    rows, targets, start = ([list(map(Fraction, row)) for row in X], list(map(Fraction, y)), list(map(Fraction, beta)))

    def loss(b: list[Fraction]) -> Fraction:
        misses = [t - sum(map(mul, row, b)) for row, t in zip(rows, targets, strict=True)]
        return sum((m * m for m in misses), Fraction(0)) / len(rows)

    sides = [[loss([w + way * (i == j) for i, w in enumerate(start)]) for way in (1, -1)] for j in range(len(start))]
    return np.array([float(up - down) / 2 for up, down in sides])


def fits(result: np.ndarray, expected: np.ndarray, X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]) -> bool:
    """Whether two gradients agree to rounding: the bound of bench/check/bound.py for one step."""
    n, d = X.shape
    spread = 2 * (np.abs(X) @ np.abs(beta) + np.abs(y)) @ np.abs(X)  # not divided by n, so it also covers a missing 1/n
    return bool((np.abs(result - expected) <= gamma(n + d + 8, UNIT["float64"]) * spread).all())


def named(answers: Any) -> Verdict | None:
    """The verdict about the mistake that explains every answer. None if there is no such mistake or all are right."""
    n, d = answers[0][0][0].shape

    def all_fit(of: Any) -> bool:
        return all(
            not isinstance(result, Verdict) and fits(result, of(X, y - X @ beta, y), X, y, beta)
            for (X, y, beta), result in answers
        )

    if all_fit(lambda X, r, y: -2 / len(X) * (X.T @ r)):
        return None
    for slip, (why, of) in MISTAKES.items():
        if all_fit(of):
            return Verdict("wrong", why.format(n=n, d=d), slip.split(" and ")[0])
        if all_fit(lambda X, r, y, of=of: -of(X, r, y)):
            return Verdict("wrong", f"{UPHILL}, and {why.format(n=n, d=d)}", "sign")
    square = [(c, result) for c, result in answers if len(c[0]) == len(c[2]) and not isinstance(result, Verdict)]
    others = [result for c, result in answers if len(c[0]) != len(c[2])]
    along = all(fits(result, -2 / len(X) * (X @ (y - X @ beta)), X, y, beta) for (X, y, beta), result in square)
    if square and along and all(isinstance(result, Verdict) for result in others):
        why = "your function multiplies by X instead of Xᵀ, which gives d numbers only if X is square"
        return Verdict("wrong", why, "transpose")
    return None
