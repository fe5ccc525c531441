"""Chapter 2: the distance of each backend from the exact answer, the bound on rounding, and the factors behind it."""

from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from backends import BackendUnavailable, load
from bench import text
from bench.analysis.speed import CORE
from bench.check import fixtures
from bench.check.answer import solve_fixture
from bench.check.bound import UNIT, reference
from bench.check.fixtures import Fixture
from bench.check.mistakes import Mistake
from bench.check.oracle import closed_form, distance, exact_iterates
from bench.learn import charts, facts
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

ROWS, COLUMNS, UPDATES = 40, 5, 50
SEEN = (1, 3, 10, UPDATES)  # numbers of updates after which the error is recorded
ORDERS = 30
CONDITIONS = (1, 10, 100)
LONG = 3000  # updates, enough for the largest condition number to converge in float32
SKIPS = Mistake("", data=lambda X, y: (X[:-1], y[:-1]))
CHOICES = ("the same, bit for bit", "within 1e-12, but not bit for bit", "within 1e-6, but not within 1e-12")


class Errors(NamedTuple):
    """The errors of the backends.

    errors: by (backend, dtype), the distance from the exact β at each of SEEN. betas: the final ones, in float64.
    bounds: by dtype, the bound for correct arithmetic. missing: backends that are not installed.
    """

    errors: dict[tuple[str, str], list[float]]
    betas: dict[str, np.ndarray]
    bounds: dict[str, list[float]]
    missing: list[str]


def errors() -> Errors:
    results = Errors({}, {}, {}, [])
    modules = {}
    for name in CORE:
        try:
            modules[name] = load(name)
        except BackendUnavailable:
            results.missing.append(name)
    for dtype in UNIT:
        case = fixtures.synthetic("course", ROWS, COLUMNS, UPDATES, dtype)
        exact, _ = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, UPDATES)
        bound = reference(case.X, case.y, case.beta0, case.learning_rate, UPDATES, dtype).beta_bound
        results.bounds[dtype] = [float(bound[k]) for k in SEEN]
        for name, module in modules.items():
            if dtype in getattr(module, "DTYPES", UNIT):
                betas = [solve_fixture(module, replace(case, max_iter=k))[0] for k in SEEN]
                results.errors[name, dtype] = [distance(b, exact[k]) for b, k in zip(betas, SEEN, strict=True)]
                if dtype == "float64":
                    results.betas[name] = betas[-1]
    return results


def statements(results: Errors, guess: float | None, choice: str | None) -> dict[str, str]:
    """Facts for the text about the answers after the last update. guess: the predicted distance from the exact β."""
    pairs = list(combinations(results.betas, 2))
    apart = {pair: float(np.linalg.norm(results.betas[pair[0]] - results.betas[pair[1]])) for pair in pairs}
    same = [f"{a} and {b}" for a, b in pairs if np.array_equal(results.betas[a], results.betas[b])]
    widest = max(apart.values())
    truth = CHOICES[0] if widest == 0 else CHOICES[1] if widest <= 1e-12 else CHOICES[2]
    worst = {
        dtype: max(of[-1] for (_, each_dtype), of in results.errors.items() if each_dtype == dtype) for dtype in UNIT
    }
    inside = all(
        e <= b
        for (_, each_dtype), of in results.errors.items()
        for e, b in zip(of, results.bounds[each_dtype], strict=True)
    )
    verdict = "" if guess is None or guess <= 0 else f" Your prediction was {text.significant(guess)}."
    return {
        "truth": truth, "chosen": facts.chosen(choice, truth) or "You did not choose.", "widest": text.significant(widest),
        "same": f"These pairs are equal bit for bit: {text.listed(same)}" if same else "No two are equal bit for bit",
        "double": text.significant(worst["float64"]), "single": text.significant(worst["float32"]),
        "double_bound": text.significant(results.bounds["float64"][-1]), "guess": verdict,
        "inside": "Every point is below the line" if inside else "Not every point is below the line",
    }  # fmt: skip


def draw(results: Errors, dtype: str, guess: float | None = None) -> Drawing | None:
    """Error against number of updates in one dtype, with the bound."""
    series = {name: charts.points(SEEN, of) for (name, each), of in results.errors.items() if each == dtype}
    level = (guess, charts.GUESS) if guess is not None and 1e-30 < guess < 1e30 else None
    bound = {"bound": charts.points(SEEN, results.bounds[dtype])} if series else {}
    title = f"Distance of β from the exact answer in {dtype}"
    drawing = charts.lines(title, "updates", "distance", series | bound, level=level, floor=1e-20)
    if drawing is not None:
        axes = drawing.figure.axes[0]
        axes.fill_between(SEEN, results.bounds[dtype], axes.get_ylim()[0], color="#e9eef4", zorder=0)
    return drawing


def wrong() -> float:
    """The distance from the exact β of a descent that skips the last row."""
    case = fixtures.synthetic("course", ROWS, COLUMNS, UPDATES, "float64")
    return distance(SKIPS.result(case)[0], exactly(case))


def orders() -> dict[str, tuple[int, float]]:
    """The number of different β over several orders of the rows, and the largest distance between two of them."""
    results = {}
    cases = {
        "ordinary numbers": fixtures.synthetic("course", ROWS, COLUMNS, UPDATES, "float64"),
        "small integers": fixtures.integers("float64"),
    }
    rng = np.random.default_rng(2)
    for name, case in cases.items():
        betas = []
        for _ in range(ORDERS):
            rows = rng.permutation(len(case.y))
            betas.append(solve_fixture(load("python_loops"), replace(case, X=case.X[rows], y=case.y[rows]))[0])
        apart = max(float(np.linalg.norm(a - b)) for a, b in combinations(betas, 2))
        results[name] = (len({beta.tobytes() for beta in betas}), apart)
    return results


def exactly(case: Fixture) -> Any:
    """The exact β after the last update, from a closed formula."""
    wide = case.cast("float64")
    return closed_form(wide.X, wide.y, wide.beta0, wide.learning_rate, wide.max_iter)[0]


def precisions() -> dict[str, float]:
    """The median distance from the exact β over several problems, computed in each dtype from the same numbers."""
    errors: dict[str, list[float]] = {dtype: [] for dtype in UNIT}
    for n in range(30, 39):
        case = fixtures.synthetic("course", n, COLUMNS, UPDATES, "float32")
        exact = exactly(case)
        for dtype, of in errors.items():
            of.append(distance(solve_fixture(load("numpy_vectorized"), case.cast(dtype))[0], exact))
    return {dtype: float(np.median(of)) for dtype, of in errors.items()}


def conditions() -> dict[int, float]:
    """The median relative distance from the exact β in float32, by condition number."""
    results = {}
    for condition in CONDITIONS:
        errors = []
        for seed in range(7):
            case = _conditioned(condition, seed)
            exact = exactly(case)
            beta, _ = solve_fixture(load("numpy_vectorized"), case)
            errors.append(distance(beta, exact) / float(np.linalg.norm(beta)))
        results[condition] = float(np.median(errors))
    return results


def _conditioned(condition: int, seed: int) -> Fixture:
    """A float32 problem whose H = (2/n) XᵀX has eigenvalues from 1 down to 1/condition."""
    rng = np.random.default_rng(seed)
    n, d = 24, 4
    U, V = np.linalg.qr(rng.standard_normal((n, d)))[0], np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = U * np.sqrt(n / 2 * condition ** -np.linspace(0, 1, d)) @ V.T
    y = X @ rng.uniform(0.5, 2, d) + 0.1 * rng.standard_normal(n)
    return Fixture("conditioned", X, y, np.zeros(d), 0.75, LONG).cast("float32")


def ablations(order: dict[str, tuple[int, float]], precision: dict[str, float], condition: dict[int, float]) -> Table:
    rows = [
        *((f"{ORDERS} orders of the rows, {name}", "number of different β; their largest distance", f"{count}; {text.significant(apart)}") for name, (count, apart) in order.items()),
        *((f"the same problems in {dtype}", "distance from the exact β", text.significant(error)) for dtype, error in precision.items()),
        *((f"condition number {number}, in float32", "relative distance from the exact β", text.significant(error)) for number, error in condition.items()),
    ]  # fmt: skip
    return Table("One factor changed at a time", ("factor", "quantity", "value"), rows)


def fact_if(holds: bool, value: float | int) -> str | None:
    """The value for an explanation. None, which omits the explanation, if the figures do not support it."""
    fact = str(value) if isinstance(value, int) else text.significant(value)
    return fact if holds else None
