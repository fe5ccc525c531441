"""Chapter 8: a learning rate for problems that the reader does not know."""

import numbers
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import text
from bench.data import problems
from bench.learn.judge import Verdict, load

NEAR = 1e-6  # the share of the way down that may be left
ROOM = 1.25  # N, in updates that 1/L needs

HINTS = {
    "one number": (
        "Your η is the same for every problem. What in the chapter decided where the border lies?",
        "The border is 2/L, and L is a property of X. Your function gets X: use it.",
        "Make H = (2 / n) * X.T @ X, take L = np.linalg.eigvalsh(H)[-1], and stay below 2 / L.",
    ),
    "depends on y": (
        "The same X with other values in y has the same border. Does your η know that?",
        "H = (2/n)XᵀX has no y in it. Which of your lines uses y, other than for counting rows?",
        "Make η from X alone: 1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1].",
    ),
    "too large": (
        "It runs away. On which side of the border 2/L is your η?",
        "L is the largest curvature. A column with large numbers makes it large; print η and 2/L for such an X.",
        "1 / L is half of the border and never diverges: 1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1].",
    ),
    "smallest curvature": (
        "One direction runs away. Which of the curvatures must the border be made of?",
        "np.linalg.eigvalsh sorts from the smallest to the largest. You took the wrong end.",
        "Take the last one: np.linalg.eigvalsh(H)[-1].",
    ),
    "factor of H": (
        "You are near: η is off by a fixed factor. Compare your H with the chapter's, sign by sign.",
        "H = (2/n)XᵀX has a 2 and an n. One of them is missing, or stands on the wrong side.",
        "Write H = (2 / n) * X.T @ X, and then 1 / np.linalg.eigvalsh(H)[-1].",
    ),
    "too small": (
        "It is safe, and too slow. How far below the border are you?",
        "Updates are limited. 1/L is in the middle between 0 and 2/L; a small fraction of that creeps.",
        "Return 1 / L, without a factor for more safety: below 2/L nothing diverges.",
    ),
    "": (
        "Return one number above 0, for every X.",
        "Try your function: learning_rate(X, y) with X = np.array([[1.0, 2.0], [1.0, 3.0]]), y = np.ones(2).",
        "1 / np.linalg.eigvalsh((2 / n) * X.T @ X)[-1] is a float above 0.",
    ),
}


class Task(NamedTuple):
    name: str
    X: np.ndarray
    y: np.ndarray

    @property
    def curvatures(self) -> np.ndarray:
        return np.linalg.eigvalsh(2 / len(self.y) * self.X.T @ self.X)

    def needed(self, rate: float, most: int) -> int | None:
        """Updates from zeros until NEAR of the way is left; None where it is not reached within `most`."""
        H, best = 2 / len(self.y) * self.X.T @ self.X, np.linalg.lstsq(self.X, self.y)[0]
        error = -best
        goal = NEAR * (error @ H @ error)
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(most + 1):
                if error @ H @ error <= goal:
                    return k
                error = error - rate * (H @ error)
        return None


def tasks() -> list[Task]:
    """Real and random problems, some scaled badly, the last one a copy of another with other values in y."""
    real = problems.penguins()
    found = [Task("the penguins, standardized", real.X, real.y)]
    rng = np.random.default_rng()  # other numbers each time: no answer can be learned by heart
    scales = ([1.0, 1.0, 1.0], [1.0, 12.0], [1e3, 5e3], [1e-3, 1e-3, 8e-3], [1.0, 3.0, 9.0, 27.0])
    for number, columns in enumerate(scales, 1):
        X = rng.standard_normal((int(rng.integers(30, 90)), len(columns))) * columns
        y = X @ (rng.uniform(0.5, 2, len(columns)) / columns) + 0.1 * rng.standard_normal(len(X))
        found.append(Task(f"random problem {number}, columns of sizes {', '.join(f'{c:g}' for c in columns)}", X, y))
    return [*found, Task("random problem 2 with other values in y", found[2].X, 1000 * found[2].y + 5)]


def judge(path: Path) -> Verdict:
    function = getattr(load(path), "learning_rate", None)
    if not callable(function):
        return Verdict("wrong", "your file has no function learning_rate(X, y)")
    todo, rates = tasks(), []
    for task in todo:
        rate = _asked(function, task)
        if isinstance(rate, Verdict):
            return rate
        rates.append(rate)
    for task, rate in zip(todo, rates, strict=True):
        usual = task.needed(1 / task.curvatures[-1], 10**6)
        assert usual is not None
        most = int(ROOM * usual) + 2
        if task.needed(rate, most) is None:
            return _wrong(task, rate, most, rates)
    return Verdict(
        "passed", f"your η reaches the goal on {text.number_of(len(todo), 'problem')}, each within its updates"
    )


def _asked(function: Callable[..., Any], task: Task) -> float | Verdict:
    rate = function(task.X.copy(), task.y.copy())
    if isinstance(rate, np.ndarray) and rate.ndim == 0:
        rate = rate[()]
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
        return Verdict("wrong", f"on {task.name} your function returned {type(rate).__name__}, not a number")
    if not (np.isfinite(float(rate)) and float(rate) > 0):
        return Verdict("wrong", f"on {task.name} your η is {float(rate):g}; it must be a finite number above 0")
    return float(rate)


def _wrong(task: Task, rate: float, most: int, rates: list[float]) -> Verdict:
    """What is behind an η that did not get there: told by comparing it with what each slip gives."""
    flattest, steepest, n = task.curvatures[0], task.curvatures[-1], len(task.y)

    def like(*others: float) -> bool:
        return any(abs(rate - other) <= 1e-6 * other for other in others)

    share = text.significant(rate * steepest / 2)
    found = f"on {task.name} your η is {text.significant(rate)}, which is {share} of 2/L"
    if len(set(rates)) == 1:
        return Verdict(
            "wrong", f"{found}; it is the same number on all problems, and their borders differ", "one number"
        )
    if abs(rates[2] - rates[-1]) > 1e-6 * rates[2]:
        why = "with the same X and other values in y your η is another, and the border 2/L is the same"
        return Verdict("wrong", f"{found}; {why}", "depends on y")
    if like(1 / flattest, 2 / flattest):
        return Verdict("wrong", f"{found}: it is made of the smallest curvature, and diverges", "smallest curvature")
    if like(2 / steepest):
        why = "exactly the border, as if the 2 of H = (2/n)XᵀX were missing: it jumps to and fro for ever"
        return Verdict("wrong", f"{found}: {why}", "factor of H")
    if like(1 / (n * steepest), 2 / (n * steepest)):
        return Verdict(
            "wrong", f"{found}: it is too small by n or n/2, as if H were XᵀX without its 2/n", "factor of H"
        )
    if rate > 2 / steepest:
        return Verdict("wrong", f"{found}: above the border, so it diverges", "too large")
    slip = "too small" if rate * steepest < 1 else "too large"
    return Verdict("wrong", f"{found}: it does not reach the goal within {text.number_of(most, 'update')}", slip)
