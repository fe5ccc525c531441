"""Chapter 2: how far each backend is from the exact answer, what rounding may do, and what makes it do so."""

from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from backends import BackendUnavailable, load
from bench import text
from bench.analysis.speed import CORE
from bench.check import fixtures
from bench.check.bound import UNIT, reference
from bench.check.checks import answer
from bench.check.fixtures import Fixture
from bench.check.mistakes import Mistake
from bench.check.oracle import closed_form, distance, exact_iterates
from bench.learn import charts
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

ROWS, COLUMNS, UPDATES = 40, 5, 50
SEEN = (1, 3, 10, UPDATES)  # the updates after which the error is looked at
ORDERS = 30
CONDITIONS = (1, 10, 100)
LONG = 3000  # updates, enough for the largest of these to come to rest in float32
SKIPS = Mistake("", data=lambda X, y: (X[:-1], y[:-1]))
CHOICES = ("the same, bit for bit", "within 1e-12, but not bit for bit", "within 1e-6, but not within 1e-12")


class Errors(NamedTuple):
    """By (backend, dtype): the distance from the exact β at each of SEEN. betas: the last ones, in float64.

    bounds: by dtype, what correct arithmetic keeps. missing: backends that are not installed.
    """

    errors: dict[tuple[str, str], list[float]]
    betas: dict[str, np.ndarray]
    bounds: dict[str, list[float]]
    missing: list[str]


def errors() -> Errors:
    found = Errors({}, {}, {}, [])
    modules = {}
    for name in CORE:
        try:
            modules[name] = load(name)
        except BackendUnavailable:
            found.missing.append(name)
    for dtype in UNIT:
        case = fixtures.synthetic("course", ROWS, COLUMNS, UPDATES, dtype)
        exact, _ = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, UPDATES)
        bound = reference(case.X, case.y, case.beta0, case.learning_rate, UPDATES, dtype).beta_bound
        found.bounds[dtype] = [float(bound[k]) for k in SEEN]
        for name, module in modules.items():
            if dtype in getattr(module, "DTYPES", UNIT):
                betas = [answer(module, replace(case, max_iter=k))[0] for k in SEEN]
                found.errors[name, dtype] = [distance(b, exact[k]) for b, k in zip(betas, SEEN, strict=True)]
                if dtype == "float64":
                    found.betas[name] = betas[-1]
    return found


def who_ran(found: Errors) -> str:
    missing = f" Not installed, so left out: {text.listed(found.missing)}." if found.missing else ""
    return f"Computed here and now by {text.listed(list(found.betas))}.{missing}"


def told(found: Errors, guess: float | None, choice: str | None) -> dict[str, str]:
    """What the text says of the answers after the last update. guess: of the distance from the exact β."""
    pairs = list(combinations(found.betas, 2))
    apart = {pair: float(np.linalg.norm(found.betas[pair[0]] - found.betas[pair[1]])) for pair in pairs}
    same = [f"{a} and {b}" for a, b in pairs if np.array_equal(found.betas[a], found.betas[b])]
    widest = max(apart.values())
    truth = CHOICES[0] if widest == 0 else CHOICES[1] if widest <= 1e-12 else CHOICES[2]
    worst = {dtype: max(of[-1] for (_, own), of in found.errors.items() if own == dtype) for dtype in UNIT}
    inside = all(e <= b for (_, own), of in found.errors.items() for e, b in zip(of, found.bounds[own], strict=True))
    chosen = (
        "You did not choose." if choice is None else f"You {'were right' if choice == truth else 'thought: ' + choice}."
    )
    verdict = "" if guess is None or guess <= 0 else f" Your prediction was {text.significant(guess)}."
    return {
        "truth": truth, "chosen": chosen, "widest": text.significant(widest),
        "same": f"Bit for bit the same are {text.listed(same)}" if same else "No two are the same bit for bit",
        "double": text.significant(worst["float64"]), "single": text.significant(worst["float32"]),
        "double_bound": text.significant(found.bounds["float64"][-1]), "guess": verdict,
        "inside": "Every point lies below the line" if inside else "Not every point lies below the line",
    }  # fmt: skip


def draw(found: Errors, guess: float | None) -> Drawing | None:
    """Error against updates, a panel for each dtype, under the bound."""
    if not found.errors:
        return None
    names = list(dict.fromkeys(name for name, _ in found.errors))
    looks, title = canvas.series_styles(names), "Distance of β from the exact answer"
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 4.6))
        canvas.heading(figure, 0.12, title)
        canvas.legend(figure, looks)
        for left, right, dtype in ((0.95, 4.3, "float64"), (4.75, 0.25, "float32")):
            axes = canvas.add_axes(figure, left, 1.15, right, 2.8)
            values = [e for (_, own), of in found.errors.items() if own == dtype for e in of] + found.bounds[dtype]
            if dtype == "float64" and guess is not None and 1e-30 < guess < 1e30:
                values.append(guess)
                axes.axhline(guess, linestyle="--", color=canvas.FAINT)
                axes.annotate(charts.GUESS, (SEEN[0], guess), (0, -11), textcoords="offset points", color=canvas.FAINT)
            charts.scale(axes, "y", values, log=True)
            axes.set_xscale("log")
            axes.set_xlim(0.8, UPDATES * 1.25)
            canvas.place_ticks(axes.xaxis, SEEN, text.tick)
            axes.fill_between(SEEN, found.bounds[dtype], axes.get_ylim()[0], color="#e9eef4", zorder=0)
            axes.plot(SEEN, found.bounds[dtype], color=canvas.INK, linewidth=1.5)
            axes.annotate(
                "bound", (SEEN[2], found.bounds[dtype][2]), (10, -16), textcoords="offset points", color=canvas.INK
            )
            for (name, own), of in found.errors.items():
                if own == dtype:
                    look = looks[name]
                    axes.plot(
                        SEEN, of, color=look.colour, marker=look.marker, markersize=6.5, linewidth=1.2, alpha=0.85
                    )
            axes.set_title(dtype, loc="left", fontsize=11)
            axes.set_xlabel("updates")
    shown = [(name, dtype, of) for (name, dtype), of in found.errors.items()]
    shown += [("bound", dtype, of) for dtype, of in found.bounds.items()]
    rows = [(name, dtype, *map(text.scientific, of)) for name, dtype, of in shown]
    ends = ", ".join(f"{name} {dtype} {text.significant(of[-1])}" for name, dtype, of in shown)
    alt = f"Two charts, {title}, against the number of updates, on logarithmic axes. After {UPDATES}: {ends}."
    if guess is not None:
        alt += f" Your prediction for float64: {text.significant(guess)}."
    return Drawing(figure, alt, Table(title, ("", "dtype", *(f"after {k}" for k in SEEN)), rows))


def wrong() -> float:
    """How far a descent that skips the last row is from the exact β."""
    case = fixtures.synthetic("course", ROWS, COLUMNS, UPDATES, "float64")
    return distance(SKIPS.answer(case)[0], exactly(case))


def orders() -> dict[str, tuple[int, float]]:
    """How many different β come out when the rows stand in other orders, and the largest distance between two."""
    found = {}
    cases = {
        "ordinary numbers": fixtures.synthetic("course", ROWS, COLUMNS, UPDATES, "float64"),
        "small integers": fixtures.integers("float64"),
    }
    rng = np.random.default_rng(2)
    for name, case in cases.items():
        betas = []
        for _ in range(ORDERS):
            rows = rng.permutation(len(case.y))
            betas.append(answer(load("python_loops"), replace(case, X=case.X[rows], y=case.y[rows]))[0])
        apart = max(float(np.linalg.norm(a - b)) for a, b in combinations(betas, 2))
        found[name] = (len({beta.tobytes() for beta in betas}), apart)
    return found


def exactly(case: Fixture) -> Any:
    """The β after the last update, by a formula that needs no steps."""
    wide = case.cast("float64")
    return closed_form(wide.X, wide.y, wide.beta0, wide.learning_rate, wide.max_iter)[0]


def precisions() -> dict[str, float]:
    """The middle distance from the exact β over some problems, computed in each dtype from the same numbers."""
    errors: dict[str, list[float]] = {dtype: [] for dtype in UNIT}
    for n in range(30, 39):
        case = fixtures.synthetic("course", n, COLUMNS, UPDATES, "float32")
        exact = exactly(case)
        for dtype, of in errors.items():
            of.append(distance(answer(load("numpy_vectorized"), case.cast(dtype))[0], exact))
    return {dtype: float(np.median(of)) for dtype, of in errors.items()}


def conditions() -> dict[int, float]:
    """The middle relative distance from the exact β in float32, by condition number."""
    found = {}
    for condition in CONDITIONS:
        errors = []
        for seed in range(7):
            case = _conditioned(condition, seed)
            exact = exactly(case)
            beta, _ = answer(load("numpy_vectorized"), case)
            errors.append(distance(beta, exact) / float(np.linalg.norm(beta)))
        found[condition] = float(np.median(errors))
    return found


def _conditioned(condition: int, seed: int) -> Fixture:
    """A problem in float32 whose H = (2/n) XᵀX has eigenvalues from 1 down to 1/condition."""
    rng = np.random.default_rng(seed)
    n, d = 24, 4
    U, V = np.linalg.qr(rng.standard_normal((n, d)))[0], np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = U * np.sqrt(n / 2 * condition ** -np.linspace(0, 1, d)) @ V.T
    y = X @ rng.uniform(0.5, 2, d) + 0.1 * rng.standard_normal(n)
    return Fixture("conditioned", X, y, np.zeros(d), 0.75, LONG).cast("float32")


def ablations(order: dict[str, tuple[int, float]], precision: dict[str, float], condition: dict[int, float]) -> Table:
    rows = [
        *((f"{ORDERS} orders of the rows, {name}", f"{count} different β", text.significant(apart)) for name, (count, apart) in order.items()),
        *((f"the same problems in {dtype}", "distance from the exact β", text.significant(error)) for dtype, error in precision.items()),
        *((f"condition number {number}, in float32", "distance from the exact β / its length", text.significant(error)) for number, error in condition.items()),
    ]  # fmt: skip
    return Table("One thing changed at a time", ("changed", "looked at", "found"), rows)


def shown_if(holds: bool, value: float | int) -> str | None:
    """A figure for a sentence that says why: None, which leaves it out, where the figures do not bear it out."""
    shown = str(value) if isinstance(value, int) else text.significant(value)
    return shown if holds else None
