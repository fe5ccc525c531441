"""Chapter 1: one step of gradient descent with numbers that you can check by hand, next to the code of four backends."""

from dataclasses import replace
from fractions import Fraction
from textwrap import dedent
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from backends import BackendUnavailable, solve
from bench import text
from bench.analysis.speed import CORE
from bench.check.fixtures import Fixture
from bench.check.mistakes import RIGHT, Mistake
from bench.check.oracle import exact_iterates
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
LINE, CODE = 0.155, 8  # height of a line of code in inches, its font size in points


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
            fit = solve(X, Y, name, learning_rate=RATE, max_iter=1, tol=0, beta0=START)
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
            solve(X, Y, "numpy_vectorized", learning_rate=RATE, max_iter=k, tol=0, beta0=beta0) for k in (0, LONG)
        )
        rows.append(
            (
                name,
                *(vector(fit.beta.round(4) + 0.0) for fit in (first, end)),
                number(end.losses[0]),
                number(end.losses[-1]),
            )
        )
        last.append(end.beta)
    apart = float(np.ptp(last, axis=0).max())
    return Table(f"{LONG} updates from four starts", ("start", "first β", "last β", "first J", "last J"), rows), apart


def new_rows() -> tuple[np.ndarray, np.ndarray]:
    """The final β and its predictions for two new rows."""
    fit = solve(X, Y, "numpy_vectorized", learning_rate=RATE, max_iter=LONG, tol=0)
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


def beside(intercept: float | None, slope: float | None) -> Drawing | None:
    """Each formula with its values, above the source lines of the four backends, and the reader's prediction."""
    values, code = filled_in(), {step: code_of(step) for step in FORMULAS}
    guess = None if intercept is None or slope is None else f"your prediction: {vector((intercept, slope))}"
    grid = [[name for name in pair if any(name in of for of in code.values())] for pair in (CORE[:2], CORE[2:])]
    if not any(grid):
        return None
    heights = {
        step: [max((len(of[name]) for name in pair if name in of), default=0) * LINE + 0.32 for pair in grid]
        for step, of in code.items()
    }
    looks = canvas.series_styles(CORE)
    with canvas.house_style():
        top, whole = 0.55, 0.6 + sum(0.78 + sum(of) for of in heights.values()) + (0.22 if guess else 0)
        figure = Figure(figsize=(canvas.WIDTH, whole))
        canvas.heading(figure, 0.12, "One step: the formula, its values, and its code in four backends")

        def write(x: float, down: float, words: str, **style: Any) -> None:
            figure.text(x / canvas.WIDTH, 1 - down / whole, words, va="top", **style)

        for place, (step, formula) in enumerate(FORMULAS.items(), 1):
            tall = 0.55 + (0.22 if guess and step == "update" else 0)
            figure.add_artist(Rectangle((0.08 / canvas.WIDTH, 1 - (top + tall) / whole), 1 - 0.16 / canvas.WIDTH, tall / whole, facecolor="#eef2f6", edgecolor="none"))  # fmt: skip
            write(0.18, top + 0.06, f"{place}  {step}", weight="bold", color=canvas.INK)
            write(1.5, top + 0.06, formula, color=canvas.INK)
            write(1.5, top + 0.3, values[step], color=canvas.INK, fontsize=10.5)
            if guess and step == "update":
                write(1.5, top + 0.52, guess, color=canvas.FAINT, fontsize=10.5, style="italic")
            top += tall + 0.07
            for pair, height in zip(grid, heights[step], strict=True):
                for column, name in enumerate(pair):
                    x = 0.18 + column * 3.9
                    write(x, top, name, fontsize=9, weight="bold", color=looks[name].ink)
                    lines = "\n".join(code[step].get(name, ()))
                    write(x, top + 0.18, lines, fontsize=CODE, family="DejaVu Sans Mono", color=canvas.INK, linespacing=1.2)  # fmt: skip
                top += height
            top += 0.16
    rows = [row for step in FORMULAS for row in [
        (step, "formula", FORMULAS[step]), (step, "values", values[step]),
        *((step, name, line) for name, lines in code[step].items() for line in lines),
    ]]  # fmt: skip
    if guess:
        rows.append(("update", "you", guess))
    steps_text = "; ".join(f"{step}: {FORMULAS[step]}, here {values[step]}" for step in FORMULAS)
    alt = f"The four steps. Each shows the formula with its values above the code of four backends. {steps_text}."
    return Drawing(
        figure, f"{alt}{f' The last row is {guess}.' if guess else ''}", Table("One step", ("step", "in", ""), rows)
    )
