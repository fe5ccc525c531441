"""Why a descent is slow or diverges and what to do about it, in the figures of the user's columns."""

import math
import shlex

import numpy as np

from backends._curvature import FOREVER, Curvature, nearness
from bench import text
from bench.fit.descent import LIMIT_S, MAX_ITER, Array
from bench.fit.fitting import Fitted
from bench.report.tables import Table

SLOW_RATE = 0.5  # of 1/L: a smaller learning rate is a cause of slowness
ILL_CONDITIONED = 30.0  # Belsley, Kuh and Welsch (1980): from here on, columns nearly depend on each other
MOST_ITERATIONS = 2**31  # that --max-iter allows
MANY = 1e12  # iterations, whose digits nobody reads
PART = 0.3  # of the flattest direction: the columns with at least this part of it are named


def outcome(fitted: Fitted) -> str:
    """Why the descent stopped, and after how many iterations."""
    descent, settings = fitted.descent, fitted.settings
    after = f"after {text.number_of(descent.n_iter, 'iteration')}, {text.duration(descent.seconds)}"
    if descent.stop_reason == "diverged":
        return f"Diverged {after}: the loss rises."
    if descent.stop_reason == "max_iter":
        limit = f"the limit of {LIMIT_S:g} s or {text.count(MAX_ITER)} iterations"
        return f"Stopped {after}, by {limit if settings.max_iter is None else '--max-iter'}."
    if settings.tol is None:
        return f"Converged {after}: the coefficients are at the minimum."
    return f"Converged {after}: the loss changed by less than --tol {settings.tol:g} of the first loss."


def advice(fitted: Fitted) -> list[str]:
    """How far the minimum is, why, and what to do. Empty if it is near."""
    if fitted.near:
        return []
    descent, settings, curvature = fitted.descent, fitted.settings, fitted.problem.curvature
    left, best = fitted.nearness.iterations_left, curvature.default_rate
    sentences = ["the coefficients are not near the minimum"]
    if math.isfinite(left):
        seconds = f" ({text.duration(left * descent.pace)})" if math.isfinite(descent.pace) else ""
        sentences[0] += f": about {count(left)} further iterations{seconds} are needed"
    total = descent.n_iter + left
    if settings.tol is not None and descent.stop_reason == "converged":
        sentences.append(f"--tol {settings.tol:g} stopped the descent; leave it out")
    elif total < MOST_ITERATIONS:
        sentences.append(f"--max-iter {count(total).replace(text.NO_BREAK, '')} is enough")
    if descent.learning_rate > curvature.largest_rate:
        sentences.append(f"--learning-rate: {_too_large(fitted)}")
    elif descent.learning_rate < SLOW_RATE * best:
        share = text.percent(descent.learning_rate / best)
        sentences.append(f"the learning rate is {share} of 1/L = {best:.3g}, the default; leave out --learning-rate")
    elif columns := dependent_columns(fitted):
        words = text.listed([repr(text.clean(column, 40)) for column in columns])
        features = fitted.dataset.encoding.features
        last = next(feature.column for feature in features if columns[-1] in feature.columns)
        sentences.append(
            f"the columns {words} nearly depend on each other (the condition number is {curvature.condition:.3g});"
            f" --drop {shlex.quote(last)} makes the descent faster"
        )
    return sentences


def dependent_columns(fitted: Fitted) -> list[str]:
    """The columns that nearly depend on each other: those of the flattest direction, if X is ill-conditioned."""
    curvature = fitted.problem.curvature
    if curvature.condition < ILL_CONDITIONED:
        return []
    flattest = np.abs(curvature.eigenvectors()[1][1:, 0])
    return [column for column, part in zip(fitted.dataset.columns, flattest, strict=True) if part >= PART]


def divergence(fitted: Fitted) -> str:
    """The error for a descent that diverged: of the learning rate of the user, or of the backend."""
    losses = fitted.descent.losses
    last = losses[np.isfinite(losses)][-1]
    rise = f"the loss rises from {losses[0]:.3g} to {last:.3g} in {text.number_of(fitted.descent.n_iter, 'iteration')}"
    if fitted.descent.learning_rate > fitted.problem.curvature.largest_rate:
        return f"--learning-rate: {_too_large(fitted)}: {rise}"
    check = text.command("check", path=fitted.settings.backend)
    return f"backend {fitted.backend}: {rise}, with a learning rate below 2/L ({check} says more)"


def _too_large(fitted: Fitted) -> str:
    limit = fitted.problem.curvature.largest_rate
    return (
        f"found {fitted.descent.learning_rate:g}; allowed: below 2/L = {limit:.3g} for these columns, or no"
        f" --learning-rate, which is 1/L = {limit / 2:.3g}"
    )


def curvature_table(fitted: Fitted) -> Table:
    """The largest curvature L, the largest stable learning rate, the condition number and the predicted iterations."""
    X = fitted.dataset.X
    curvatures = Curvature(np.column_stack([np.ones(len(X)), X])), fitted.problem.curvature
    rows = {
        "largest curvature L": [f"{c.largest:.3g}" for c in curvatures],
        "largest stable learning rate 2/L": [f"{c.largest_rate:.3g}" for c in curvatures],
        "condition number of X": [f"{c.condition:.3g}" for c in curvatures],
        "predicted iterations until within 1 %": [_iterations(c, fitted.dataset.y) for c in curvatures],
    }
    return Table(
        "How steep and how flat the loss is", ("", "as in the file", "standardized"), [(k, *v) for k, v in rows.items()]
    )


def _iterations(curvature: Curvature, y: Array) -> str:
    """The predicted number of iterations from zeros, with the default learning rate, until the minimum is near."""
    try:
        return count(nearness(curvature, y, np.zeros(curvature.X.shape[1]), curvature.default_rate).iterations_left)
    except ValueError:  # 1/L is not a number of float64
        return text.MISSING


def count(iterations: float) -> str:
    """A predicted number of iterations, rounded up to two digits: 1 300, or 1e+20."""
    if iterations >= MANY:
        return f"{iterations:.0e}" if math.isfinite(iterations) else f"> {FOREVER:.0e}"
    unit = 10 ** max(0, len(str(int(iterations))) - 2)
    return text.count(math.ceil(iterations / unit) * unit)
