"""Chapter 8: a learning rate for unknown problems."""

import numbers
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import text
from bench.data import problems
from bench.learn.judge import Rejected, Verdict, function
from bench.learn.valley import Valley

NEAR = 1e-6  # the remaining gap to reach
ROOM = 1.25  # N, as a multiple of the updates with 1/L

HINTS = {
    "one number": (
        "Your η is the same for every problem. What determines the limit in the chapter?",
        "The limit is 2/L, and L is a property of X. Use the X that your function gets.",
        "Compute H = (2 / n) * X.T @ X and L = np.linalg.eigvalsh(H)[-1], and stay below 2 / L.",
    ),
    "depends on y": (
        "The limit is the same for the same X with different values in y. Does your η depend on y?",
        "H = (2/n)XᵀX does not contain y. Which of your lines uses y for anything except the number of rows?",
        "Compute η only from X: 1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1].",
    ),
    "too large": (
        "The descent diverges. On which side of the limit 2/L is your η?",
        "L is the largest curvature. A column with large numbers makes it large. Print η and 2/L for such an X.",
        "1 / L is half of the limit and never diverges: 1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1].",
    ),
    "near the limit": (
        "The descent does not diverge, but your η is at 2/L or just below it. What does an update do to the steepest error?",
        "Its factor 1 − η·L is near −1, so it hardly shrinks. If you meant 1/L, look for the 2 in H = (2/n)XᵀX.",
        "1 / L removes the steepest error in one update: 1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1].",
    ),
    "smallest curvature": (
        "One direction diverges. Which curvature determines the limit?",
        "np.linalg.eigvalsh sorts from the smallest to the largest. You use the wrong end.",
        "Use the last one: np.linalg.eigvalsh(H)[-1].",
    ),
    "factor of H": (
        "Your η is wrong by a fixed factor. Compare your H with the H of the chapter, symbol by symbol.",
        "H = (2/n)XᵀX contains a 2 and an n. One of them is missing or in the wrong place.",
        "Write H = (2 / n) * X.T @ X, and then 1 / np.linalg.eigvalsh(H)[-1].",
    ),
    "too small": (
        "Your η is safe but too slow. How far below the limit is it?",
        "The number of updates is limited. 1/L is in the middle between 0 and 2/L; a small fraction of it is too slow.",
        "Return 1 / L without an additional safety factor: nothing diverges below 2/L.",
    ),
    "": (
        "Return one number above 0 for every X.",
        "Try your function: learning_rate(X, y) with X = np.array([[1.0, 2.0], [1.0, 3.0]]), y = np.ones(2).",
        "1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1] is a float above 0.",
    ),
}


class Task(NamedTuple):
    name: str
    valley: Valley


def tasks() -> list[Task]:
    """Real and random problems, some scaled badly. The last one is a copy of another one with different values in y."""
    real = problems.penguins()
    result = [Task("the penguins, standardized", Valley.of(real.X, real.y))]
    rng = np.random.default_rng()  # unseeded, so that hard-coded answers fail
    scales = ([1.0, 1.0, 1.0], [1.0, 12.0], [1e3, 5e3], [1e-3, 1e-3, 8e-3], [1.0, 3.0, 9.0, 27.0])
    for number, columns in enumerate(scales, 1):
        X = rng.standard_normal((int(rng.integers(30, 90)), len(columns))) * columns
        y = X @ (rng.uniform(0.5, 2, len(columns)) / columns) + 0.1 * rng.standard_normal(len(X))
        result.append(
            Task(f"random problem {number}, columns of sizes {', '.join(f'{c:g}' for c in columns)}", Valley.of(X, y))
        )
    X, y = result[2].valley[:2]
    return [*result, Task("random problem 2 with different values in y", Valley.of(X, 1000 * y + 5))]


def judge(path: Path) -> Verdict:
    learning_rate, todo = function(path, "learning_rate(X, y)"), tasks()
    rates = [_rate(learning_rate, task) for task in todo]
    for task, rate in zip(todo, rates, strict=True):
        usual = task.valley.updates(1 / task.valley.steepest, NEAR, of_loss=True)
        assert usual is not None
        max_iter = int(ROOM * usual) + 2
        if task.valley.updates(rate, NEAR, True, max_iter) is None:
            return _wrong(task, rate, max_iter, rates)
    return Verdict(
        "passed", f"your η reaches the goal on {text.number_of(len(todo), 'problem')} within the allowed updates"
    )


def _rate(learning_rate: Callable[..., Any], task: Task) -> float:
    rate = learning_rate(task.valley.X.copy(), task.valley.y.copy())
    if isinstance(rate, np.ndarray) and rate.ndim == 0:
        rate = rate[()]
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
        raise Rejected("wrong", f"on {task.name} your function returned a {type(rate).__name__}; allowed: a number")
    if not (np.isfinite(float(rate)) and float(rate) > 0):
        raise Rejected("wrong", f"on {task.name} your η is {float(rate):g}; allowed: a finite number above 0")
    return float(rate)


def _wrong(task: Task, rate: float, max_iter: int, rates: list[float]) -> Verdict:
    """The mistake behind an η that misses the goal, by comparison with the η of each mistake."""
    flattest, steepest, n = task.valley.flattest, task.valley.steepest, len(task.valley.y)

    def like(*others: float) -> bool:
        return any(abs(rate - other) <= 1e-6 * other for other in others)

    reasons = (  # (whether it is this one, why, key of HINTS), in order
        (len(set(rates)) == 1, "it is the same number on all problems, but their limits differ", "one number"),
        (abs(rates[2] - rates[-1]) > 1e-6 * rates[2], "for the same X and different values in y your η differs, but the limit 2/L is the same", "depends on y"),
        (like(1 / flattest, 2 / flattest), "it uses the smallest curvature and diverges", "smallest curvature"),
        (like(2 / steepest), "exactly there, the descent jumps back and forth forever", "near the limit"),
        (like(1 / (n * steepest), 2 / (n * steepest)), "it is too small by a factor of n or n/2, as if H were XᵀX without the 2/n", "factor of H"),
        (rate > 2 / steepest, "it is above the limit, so the descent diverges", "too large"),
    )  # fmt: skip
    late = f"it does not reach the goal within {text.number_of(max_iter, 'update')}"
    usual = (late, "too small" if rate * steepest < 1 else "near the limit")
    why, slip = next(((why, slip) for holds, why, slip in reasons if holds), usual)
    share = text.significant(rate * steepest / 2)
    result = f"on {task.name} your η is {text.significant(rate)}, which is {share} of 2/L"
    return Verdict("wrong", f"{result}: {why}", slip)
