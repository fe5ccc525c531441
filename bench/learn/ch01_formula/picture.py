"""Chapter 1: one step of gradient descent, in numbers that can be checked by hand, beside the four dialects."""

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
LONG = 200  # updates after which nothing moves any more
NEW = np.array([[1.0, 3.0], [1.0, 4.0]])
FORMULAS = {
    "predict": "ŷ = Xβ",
    "loss": "J = (1/n) Σ (yᵢ − ŷᵢ)²",
    "gradient": "∂J/∂β = −(2/n) Xᵀ(y − ŷ)",
    "update": "β := β − η ∂J/∂β",
}
LINE, CODE = 0.155, 8  # inches, points: a line of code


class Step(NamedTuple):
    """One step: what each backend found, in reading order, the exact β and losses, and the backends not installed."""

    found: dict[str, tuple[list[float], list[float]]]
    beta: list[Fraction]
    losses: list[Fraction]
    missing: list[str]


def number(value: float | Fraction) -> str:
    return f"{float(value):.6g}".replace("-", "−")


def vector(values: Any) -> str:
    return "(" + ", ".join(map(number, values)) + ")"


def one_step() -> Step:
    found, missing = {}, []
    for name in CORE:
        try:
            fit = solve(X, Y, name, learning_rate=RATE, max_iter=1, tol=0, beta0=START)
            found[name] = (fit.beta.tolist(), fit.losses.tolist())
        except BackendUnavailable:
            missing.append(name)
    betas, losses = exact_iterates(X, Y, START, RATE, 1)
    return Step(found, betas[-1], losses, missing)


def who_ran(step: Step) -> str:
    missing = f" Not installed, so left out: {text.listed(step.missing)}." if step.missing else ""
    return f"Computed here and now by {text.listed(list(step.found))}.{missing}"


def agreement(step: Step) -> str:
    """What the answers have to do with the exact one, in a sentence."""
    apart = [name for name, (beta, _) in step.found.items() if list(map(Fraction, beta)) != step.beta]
    if apart:
        return f"{text.listed(apart)} differs in the last digits: chapter 2 looks into that."
    return f"{text.listed(list(step.found))} give exactly this β, to the last digit."


CASE = Fixture("by hand", X, Y, START, RATE, 1)
PARTS = {
    "as the formula says": RIGHT,
    "plus in place of minus": Mistake("", scale=lambda n, d, r: -2 / n * r),
    "without the 2": Mistake("", scale=lambda n, d, r: 1 / n * r),
    "without the 1/n": Mistake("", scale=lambda n, d, r: 2 * r),
}


def parts() -> dict[str, tuple[np.ndarray, float]]:
    """β and J after one step in which one part of the formula is changed."""
    answers = {name: mistake.answer(CASE) for name, mistake in PARTS.items()}
    return {name: (beta, float(losses[-1])) for name, (beta, losses) in answers.items()}


def parts_table(found: dict[str, tuple[np.ndarray, float]]) -> Table:
    rows = [(name, *map(number, beta), number(loss)) for name, (beta, loss) in found.items()]
    return Table(
        "One step with one part of the formula changed", ("the step", "intercept", "slope", "J after it"), rows
    )


def verdict(intercept: float | None, slope: float | None, found: dict[str, tuple[np.ndarray, float]]) -> str:
    """What the reader's β was worth, in a sentence."""
    if intercept is None or slope is None:
        return "You made no prediction."
    for name, (beta, _) in found.items():
        if np.allclose((intercept, slope), beta):
            return "Your β is right." if name == "as the formula says" else f"Your β is that of a step “{name}”."
    right = np.isclose((intercept, slope), found["as the formula says"][0])
    one = "intercept" if right[0] else "slope"
    return f"Your {one} is right, the other number is not." if right.any() else "Your β is another one."


def intercepts() -> dict[str, float]:
    """J after many updates from zero, with both components learned and with the intercept kept at zero."""
    frozen = Mistake("", step=lambda X, y, b, r, s, k, bs: s * (X.T @ r) * (0, 1))
    case = replace(CASE, beta0=np.zeros(2), max_iter=LONG)
    return {name: float(one.answer(case)[1][-1]) for name, one in (("both", RIGHT), ("slope only", frozen))}


def starts() -> tuple[Table, float]:
    """The descents from several starts, and how far apart the last β of any two of them are."""
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
    """The final β and what it predicts for two new rows."""
    fit = solve(X, Y, "numpy_vectorized", learning_rate=RATE, max_iter=LONG, tol=0)
    return fit.beta, fit.predict(NEW)


def filled_in() -> dict[str, str]:
    """Each formula with the numbers of the first step in it."""
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
    """The lines of each dialect for a step, from the backends' own files, without their comments."""
    found = {}
    for dialect in dialects.read():
        for chunk in dialect.chunks:
            if step in chunk.steps:
                lines = [line.split("  # ")[0] for line in dedent(chunk.code).split("\n")]
                found[dialect.name] = [line for line in lines if not line.startswith("#")]
                if step != chunk.steps[0]:
                    found[dialect.name] = [f"(in one loop with {chunk.steps[0]}, above)"]
    return found


def beside(intercept: float | None, slope: float | None) -> Drawing | None:
    """Each formula, with its values, over the lines of the four dialects that compute it; and the reader's β."""
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
        canvas.heading(figure, 0.12, "One step: the formula, its values, and four ways to write it")

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
                    left = 0.18 + column * 3.9
                    write(left, top, name, fontsize=9, weight="bold", color=looks[name].ink)
                    lines = "\n".join(code[step].get(name, ()))
                    write(left, top + 0.18, lines, fontsize=CODE, family="DejaVu Sans Mono", color=canvas.INK, linespacing=1.2)  # fmt: skip
                top += height
            top += 0.16
    rows = [row for step in FORMULAS for row in [
        (step, "formula", FORMULAS[step]), (step, "values", values[step]),
        *((step, name, line) for name, lines in code[step].items() for line in lines),
    ]]  # fmt: skip
    if guess:
        rows.append(("update", "you", guess))
    told = "; ".join(f"{step}: {FORMULAS[step]}, here {values[step]}" for step in FORMULAS)
    alt = f"The four steps, each as a formula with its values above the lines of four dialects. {told}."
    return Drawing(
        figure, f"{alt}{f' The last row holds {guess}.' if guess else ''}", Table("One step", ("step", "in", ""), rows)
    )
