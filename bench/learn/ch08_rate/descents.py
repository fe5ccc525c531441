"""Chapter 8: the experiments."""

from typing import NamedTuple

import numpy as np

from backends._solve import descend
from bench import text
from bench.data import problems
from bench.learn import charts
from bench.learn.valley import Valley
from bench.report.plots.canvas import Point

UPDATES = 30  # of each descent in the sweep
NEAR = 1e-6  # the relative distance to reach
FLOOR = 1e-9  # smaller values are drawn here
STARTS = 20
STRETCHES = (1, 2, 4, 8, 16, 32)
MULTIPLES = (0.05, 0.25, 0.5, 0.9, 1.0, 1.05)  # of 2/L
NEW_MM = 190.0  # the flipper of a penguin that is not in the data


def flippers() -> dict[str, Valley]:
    """Flipper length to body mass, with the length in three forms."""
    data = problems.penguins_flipper()
    assert data.mean is not None and data.scale is not None
    mm = data.X[:, 1] * data.scale + data.mean
    columns = {"standardized": data.X[:, 1], "cm from 190 mm": (mm - 190) / 10, "millimeters": mm}
    return {name: Valley.of(np.column_stack([np.ones(len(mm)), column]), data.y) for name, column in columns.items()}


def limits(valleys: dict[str, Valley]) -> dict[str, float]:
    """The largest stable η of each valley by bisection between an η at which the loss falls and one at which it rises."""
    result = {}
    for name, valley in valleys.items():
        low, high = 1e-9, 10.0
        while high / low > 1.0001:
            middle = (low * high) ** 0.5
            last, end = valley.descend(middle, 300).losses[-2:]
            rises = not np.isfinite(end) or end > last * (1 + 1e-9)  # a rounding error is not a rise
            low, high = (low, middle) if rises else (middle, high)
        result[name] = low
    return result


def sweep(valleys: dict[str, Valley]) -> dict[str, list[Point]]:
    """The remaining gap after UPDATES, at each η."""
    multiples = [*np.geomspace(0.03, 0.95, 11), 1.0, 1.05, 1.1]
    result = {}
    for name, valley in valleys.items():
        rates = [float(multiple) * valley.limit for multiple in multiples]
        gaps = [valley.remaining_gap(valley.descend(rate, UPDATES).losses)[-1] for rate in rates]
        result[name] = charts.points(rates, gaps)
    return result


def starts(valley: Valley) -> dict[str, str]:
    """Many starts below and above 2/L, from tiny to huge, and the one start that stays at every η."""
    rng = np.random.default_rng(8)
    chosen = [valley.best + size * rng.standard_normal(2) for size in np.geomspace(1e-3, 1e9, STARTS)]
    ran = {m: [valley.descend(m * valley.limit, 2500, beta).stop_reason for beta in chosen] for m in (0.9, 1.1)}
    X, exact = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([1.0, 2.0])  # y = Xβ without rounding
    line = Valley.of(X, X @ exact)
    at = line.descend(1.1 * line.limit, 2500, exact)
    beside = line.descend(1.1 * line.limit, 2500, exact + 1e-12)
    return {
        "starts": str(STARTS),
        "below": str(ran[0.9].count("diverged")),
        "above": str(ran[1.1].count("diverged")),
        "at": "stays" if (at.beta == exact).all() else "leaves",
        "beside": "diverges" if beside.stop_reason == "diverged" else "does not diverge",
    }


def longer(valley: Valley) -> dict[str, str]:
    """One η above 2/L with more and more updates: the gap, and the factor of the error in one update."""
    fit = valley.descend(1.05 * valley.limit, 1000)
    gap = valley.remaining_gap(fit.losses)
    shares = {f"after_{k}": text.significant(float(gap[k])) for k in (10, 100, 1000)}
    rates = {f"factor_{k}": text.significant(float((gap[k] / gap[k - 1]) ** 0.5)) for k in (10, 1000)}
    return shares | rates


class Need(NamedTuple):
    """Updates until the distance is NEAR of the first one: with η = 1/L and with η = 2/(L + flattest curvature)."""

    condition: float
    usual: int
    best: int


def conditions() -> list[Need]:
    """Two columns, one of them stretched in steps. Nothing else changes."""
    base = problems.synthetic(200, 2, seed=8)
    q = np.linalg.qr(base.X)[0] * len(base.y) ** 0.5  # orthogonal columns of equal length
    result = []
    for stretch in STRETCHES:
        valley = Valley.of(q * [1, stretch], q @ [1.0, 1.0])
        rates = (1 / valley.steepest, 2 / (valley.steepest + valley.flattest))
        usual, best = (valley.updates(rate, NEAR) for rate in rates)
        assert usual is not None
        assert best is not None
        result.append(Need(valley.condition, usual, best))
    return result


def new_row() -> dict[str, str]:
    """The predicted body mass of a new penguin: with the stored mean and scale, without scaling, from millimeters, and others."""
    data = problems.penguins_flipper()
    beta = descend(data.X, data.y, "numpy_vectorized", tol=1e-15).beta
    raw = flippers()["millimeters"].best
    rows = {"kept": data.features([[NEW_MM]]) @ beta, "bare": np.array([[1, NEW_MM]]) @ beta}
    rows["raw"] = np.array([[1, NEW_MM]]) @ raw
    rows["row_mean"] = np.array([[1, 0.0]]) @ beta  # a single row minus its own mean is 0
    return {name: f"{text.significant(float(mass[0]) / 1000)} kg" for name, mass in rows.items()}
