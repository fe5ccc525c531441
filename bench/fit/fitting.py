"""The linear model of a data set: coefficients in the units of the file, and how far they can be trusted."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from backends import describe
from backends._curvature import Nearness, nearness
from bench.data.dataset import Dataset
from bench.fit.descent import Array, Descent, Problem, Settings, descend

MIN_ROWS = 10  # of a file of which rows are held out
ROUNDING = 1e-12  # of the size of y: smaller coefficients are rounding errors
SMALL_COEFFICIENT = 1e-3  # of the largest one, in standard deviations: differences are relative to at least this


@dataclass(frozen=True)
class Score:
    """How well the model predicts some rows. r2: None if all values of the target are equal."""

    n_rows: int
    r2: float | None
    rmse: float


@dataclass(frozen=True)
class Fitted:
    """A fit of all rows.

    intercept, coef: in the units of the file. coef: (d,). score: of the fitted rows. held_out: of rows that a second
    fit did not see. difference: the largest relative difference of a coefficient from `numpy.linalg.lstsq`. notes:
    sentences for the user, besides those of the data set.
    """

    dataset: Dataset
    settings: Settings
    problem: Problem
    descent: Descent
    nearness: Nearness
    intercept: float
    coef: Array
    score: Score
    held_out: Score | None
    difference: float
    notes: tuple[str, ...]

    @property
    def backend(self) -> str:
        """The name of the backend."""
        return describe(self.settings.backend).name

    @property
    def near(self) -> bool:
        return self.nearness.near and self.descent.stop_reason != "diverged"


def fit(
    dataset: Dataset,
    settings: Settings,
    test_size: float = 0.2,
    seed: int = 0,
    progress: Callable[[Array], None] = lambda losses: None,
) -> Fitted:
    """Fit all rows, then all but a share `test_size` of them to score the others; 0 turns this off.

    progress: gets the losses of the first fit so far after each chunk. Raises ValueError and BackendError.
    """
    X, y = dataset.X, dataset.y
    problem = Problem(X, y)
    descent = descend(problem, settings, progress)
    intercept, coef = _in_units(problem, descent)
    if descent.stop_reason != "diverged" and not np.isfinite(coef).all():
        column = dataset.columns[int(np.argmin(np.isfinite(coef)))]
        raise ValueError(f"column {column!r} holds numbers so small that its coefficient is not finite; rescale it")
    held_out, notes = None, []
    if descent.stop_reason != "diverged" and test_size > 0:
        held_out, note = _held_out(dataset, replace(settings, max_iter=descent.n_iter), test_size, seed)
        notes += [note] if note else []
    return Fitted(
        dataset,
        settings,
        problem,
        descent,
        nearness(problem.curvature, y, descent.beta, descent.learning_rate),
        intercept,
        coef,
        score(X, y, intercept, coef),
        held_out,
        _difference(problem, descent),
        tuple(notes),
    )


def score(X: Array, y: Array, intercept: float, coef: Array) -> Score:
    """R² and the root of the mean squared error of a model on some rows."""
    with np.errstate(all="ignore"):  # of a descent that diverged
        squares = float(np.sum(np.square(y - (intercept + X @ coef))))
        spread = float(np.sum(np.square(y - y.mean())))
        return Score(len(y), 1 - squares / spread if spread > 0 else None, math.sqrt(squares / len(y)))


def _in_units(problem: Problem, descent: Descent) -> tuple[float, Array]:
    """(intercept, coefficients) in the units of the file."""
    with np.errstate(all="ignore"):
        beta = problem.scaling.original(descent.beta)
    return float(beta[0]), beta[1:]


def _held_out(dataset: Dataset, settings: Settings, test_size: float, seed: int) -> tuple[Score | None, str]:
    """(the score of held-out rows, a note why there is none)."""
    n = len(dataset.y)
    if n < MIN_ROWS:
        return None, f"no rows are held out, because there are fewer than {MIN_ROWS}"
    order = np.random.default_rng(seed).permutation(n)
    count = min(max(math.ceil(test_size * n), 2), n - 2)
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    problem = Problem(dataset.X[kept], dataset.y[kept])
    descent = descend(problem, settings)
    if descent.stop_reason == "diverged":
        return None, "no score of held-out rows, because the descent without them diverged"
    intercept, coef = _in_units(problem, descent)
    return score(dataset.X[held], dataset.y[held], intercept, coef), ""


def _difference(problem: Problem, descent: Descent) -> float:
    """The largest relative difference of a coefficient from `numpy.linalg.lstsq`, for standardized columns."""
    exact = np.linalg.lstsq(problem.X, problem.y)[0][1:]
    rounding = ROUNDING * math.sqrt(problem.loss(np.zeros(len(exact) + 1)))
    least = max(SMALL_COEFFICIENT * np.abs(exact).max(initial=0.0), rounding) or 1.0
    with np.errstate(all="ignore"):
        return float((np.abs(descent.beta[1:] - exact) / np.maximum(np.abs(exact), least)).max(initial=0.0))
