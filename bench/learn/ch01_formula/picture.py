"""Chapter 1: one step of gradient descent with numbers that you can check by hand, next to the code of four backends."""

from dataclasses import replace
from fractions import Fraction
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np

from backends import BackendUnavailable
from backends._solve import descend
from bench import text
from bench.analysis.speed import CORE
from bench.check.fixtures import Fixture
from bench.check.mistakes import RIGHT, Mistake
from bench.check.oracle import exact_iterates
from bench.learn import charts
from bench.report import dialects
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
Y = np.array([2.0, 3.0, 7.0])
START = np.array([1.0, 1.0])
RATE = 0.25
LONG = 200  # updates; the descent has converged by then
NEW = np.array([[1.0, 3.0], [1.0, 4.0]])
FORMULAS = {
    "predict": "ŷ = Xβ",
    "loss": "J = (1/n) Σ (yᵢ − ŷᵢ)²",
    "gradient": "∂J/∂β = −(2/n) Xᵀ(y − ŷ)",
    "update": "β := β − η ∂J/∂β",
}


class Step(NamedTuple):
    """One step: β and losses of each backend in reading order, the exact β and losses, and the backends not installed."""

    results: dict[str, tuple[list[float], list[float]]]
    beta: list[Fraction]
    losses: list[Fraction]
    missing: list[str]


def number(value: float | Fraction) -> str:
    return f"{float(value):.6g}".replace("-", "−")


def vector(values: Any) -> str:
    return "(" + ", ".join(map(number, values)) + ")"


def one_step() -> Step:
    results, missing = {}, []
    for name in CORE:
        try:
            fit = descend(X, Y, name, learning_rate=RATE, max_iter=1, tol=0, beta0=START)
            results[name] = (fit.beta.tolist(), fit.losses.tolist())
        except BackendUnavailable:
            missing.append(name)
    betas, losses = exact_iterates(X, Y, START, RATE, 1)
    return Step(results, betas[-1], losses, missing)


def agreement(step: Step) -> str:
    """A sentence that compares the backends' β with the exact one."""
    apart = [name for name, (beta, _) in step.results.items() if list(map(Fraction, beta)) != step.beta]
    if apart:
        return f"{text.listed(apart)} differs in the last digits; chapter 2 explains this."
    return f"{text.listed(list(step.results))} give exactly this β, to the last digit."


CASE = Fixture("by hand", X, Y, START, RATE, 1)
PARTS = {
    "as the formula says": RIGHT,
    "plus instead of minus": Mistake("", scale=lambda n, d, r: -2 / n * r),
    "without the 2": Mistake("", scale=lambda n, d, r: 1 / n * r),
    "without the 1/n": Mistake("", scale=lambda n, d, r: 2 * r),
}


def parts() -> dict[str, tuple[np.ndarray, float]]:
    """β and J after one step with one part of the formula changed."""
    answers = {name: mistake.result(CASE) for name, mistake in PARTS.items()}
    return {name: (beta, float(losses[-1])) for name, (beta, losses) in answers.items()}


def parts_table(results: dict[str, tuple[np.ndarray, float]]) -> Table:
    rows = [(name, *map(number, beta), number(loss)) for name, (beta, loss) in results.items()]
    return Table(
        "One step with one part of the formula changed", ("formula", "intercept", "slope", "J after the step"), rows
    )


def verdict(intercept: float | None, slope: float | None, results: dict[str, tuple[np.ndarray, float]]) -> str:
    """A sentence about the reader's prediction."""
    if intercept is None or slope is None:
        return "You made no prediction."
    for name, (beta, _) in results.items():
        if np.allclose((intercept, slope), beta):
            return (
                "Your β is correct." if name == "as the formula says" else f"Your β is the result of a step “{name}”."
            )
    right = np.isclose((intercept, slope), results["as the formula says"][0])
    right_name = "intercept" if right[0] else "slope"
    return f"Your {right_name} is correct, the other number is not." if right.any() else "Your β is different."


def intercepts() -> dict[str, float]:
    """J after many updates from zero, with both components learned and with the intercept fixed at zero."""
    frozen = Mistake("", step=lambda X, y, b, r, s, k, bs: s * (X.T @ r) * (0, 1))
    case = replace(CASE, beta0=np.zeros(2), max_iter=LONG)
    return {name: float(mistake.result(case)[1][-1]) for name, mistake in (("both", RIGHT), ("slope only", frozen))}


def starts() -> tuple[Table, float]:
    """Descents from several starts, and the largest difference between their final β."""
    chosen = {"zero": None, "small random": "random", "the start above": START, "far away": np.array([40.0, -40.0])}
    rows, last = [], []
    for name, beta0 in chosen.items():
        first, end = (
            descend(X, Y, "numpy_vectorized", learning_rate=RATE, max_iter=k, tol=0, beta0=beta0) for k in (0, LONG)
        )
        betas = (vector(fit.beta.round(4) + 0.0) for fit in (first, end))
        rows.append((name, *betas, number(end.losses[0]), number(end.losses[-1])))
        last.append(end.beta)
    apart = float(np.ptp(last, axis=0).max())
    return Table(f"{LONG} updates from four starts", ("start", "first β", "last β", "first J", "last J"), rows), apart


def new_rows() -> tuple[np.ndarray, np.ndarray]:
    """The final β and its predictions for two new rows."""
    fit = descend(X, Y, "numpy_vectorized", learning_rate=RATE, max_iter=LONG, tol=0)
    return fit.beta, fit.predict(NEW)


def filled_in() -> dict[str, str]:
    """Each formula with the numbers of the first step."""
    y_pred, n = X @ START, len(X)
    residual = Y - y_pred
    sums = X.T @ residual
    gradient = -2 / n * sums
    rows = ", ".join(f"{number(START[0])} + {number(START[1])}·{number(x)}" for x in X[:, 1])
    squares = " + ".join(f"({number(t)} − {number(p)})²" for t, p in zip(Y, y_pred, strict=True))
    columns = ", ".join(" + ".join(f"{number(x)}·{number(r)}" for x, r in zip(c, residual, strict=True)) for c in X.T)
    return {
        "predict": f"ŷ = ({rows}) = {vector(y_pred)}",
        "loss": f"J = (1/{n}) ({squares}) = {number(np.mean(residual**2))}",
        "gradient": f"−(2/{n}) ({columns}) = −(2/{n}) {vector(sums)} = {vector(gradient)}",
        "update": f"β := {vector(START)} − {number(RATE)} {vector(gradient)} = {vector(START - RATE * gradient)}",
    }


def code_of(step: str) -> dict[str, list[str]]:
    """The lines of each backend's source that compute this step, without comments."""
    results = {}
    for dialect in dialects.read():
        for chunk in dialect.chunks:
            if step in chunk.steps:
                lines = [line.split("  # ")[0] for line in dedent(chunk.code).split("\n")]
                results[dialect.name] = [line for line in lines if not line.startswith("#")]
                if step != chunk.steps[0]:
                    results[dialect.name] = [f"(in the same loop as {chunk.steps[0]}, above)"]
    return results


def beside() -> list[str]:
    """Each step in Markdown: the formula, its values, and its code in the four backends."""
    values = filled_in()
    cells = []
    for place, (step, formula) in enumerate(FORMULAS.items(), 1):
        code = "\n\n".join("\n".join([f"# {name}", *lines]) for name, lines in code_of(step).items())
        cells.append(f"**{place}. {step}:** {formula}\n\nHere: {values[step]}\n\n```python\n{code}\n```")
    return cells


def fitted_lines(step: Step, intercept: float | None, slope: float | None) -> Drawing | None:
    """The points and the line before and after the step, and the line that the reader predicts."""
    lines: dict[str, Any] = {"start": START, "after one step": step.beta}
    if intercept is not None and slope is not None:
        lines[charts.GUESS] = (intercept, slope)
    ends = (X[0, 1], X[-1, 1])
    series = {name: charts.points(ends, (float(b[0]) + float(b[1]) * x for x in ends)) for name, b in lines.items()}
    drawing = charts.lines("The line before and after the step", "x", "y", series, log="")
    assert drawing is not None
    drawing.figure.axes[0].plot(X[:, 1], Y, "o", color=canvas.INK, markersize=8)
    return drawing._replace(
        alt=f"{drawing.alt} Dots: the three points, {', '.join(map(vector, zip(X[:, 1], Y, strict=True)))}."
    )
