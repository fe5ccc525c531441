"""Chapter 8: the experiments. The valley of a loss, and descents in it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends import Fit, solve
from bench import text
from bench.data import problems
from bench.report.plots.canvas import Point

UPDATES = 30  # after which the sweep looks
NEAR = 1e-6  # the share of the way down that may be left
FLOOR = 1e-9  # what is less is drawn here
STARTS = 20
STRETCHES = (1, 2, 4, 8, 16, 32)
MULTIPLES = (0.05, 0.25, 0.5, 0.9, 1.0, 1.05)  # of 2/L
NEW_MM = 190.0  # the flipper of a penguin that is not in the data


class Valley(NamedTuple):
    """The loss over β of one problem. steepest, flattest: its curvatures, the extreme eigenvalues of H."""

    X: np.ndarray
    y: np.ndarray
    steepest: float
    flattest: float
    best: np.ndarray
    least: float

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray) -> "Valley":
        curvatures = np.linalg.eigvalsh(2 / len(y) * X.T @ X)
        best = np.linalg.lstsq(X, y)[0]
        return cls(X, y, float(curvatures[-1]), float(curvatures[0]), best, float(np.mean((y - X @ best) ** 2)))

    @property
    def limit(self) -> float:
        return 2 / self.steepest

    def descend(self, rate: float, updates: int, start: NDArray[Any] | None = None) -> Fit:
        return solve(self.X, self.y, "numpy_vectorized", rate, updates, 0.0, start)

    def left(self, losses: np.ndarray) -> np.ndarray:
        """The share of the way down to the least loss that is left after each update."""
        return np.asarray((losses - self.least) / (losses[0] - self.least))


def flippers() -> dict[str, Valley]:
    """Flipper length to body mass with the length written in three ways."""
    data = problems.penguins_flipper()
    assert data.mean is not None and data.scale is not None
    mm = data.X[:, 1] * data.scale + data.mean
    columns = {"standardized": data.X[:, 1], "cm from 190 mm": (mm - 190) / 10, "millimetres": mm}
    return {name: Valley.of(np.column_stack([np.ones(len(mm)), column]), data.y) for name, column in columns.items()}


def limits(valleys: dict[str, Valley]) -> dict[str, float]:
    """The largest stable η of each, found by trying: halve the span between one that falls and one that rises."""
    found = {}
    for name, valley in valleys.items():
        low, high = 1e-9, 10.0
        while high / low > 1.0001:
            middle = (low * high) ** 0.5
            last, end = valley.descend(middle, 300).losses[-2:]
            rises = not np.isfinite(end) or end > last * (1 + 1e-9)  # a rounding is no rise
            low, high = (low, middle) if rises else (middle, high)
        found[name] = low
    return found


def sweep(valleys: dict[str, Valley]) -> dict[str, list[Point]]:
    """The share of the way that is left after UPDATES, at each η."""
    multiples = [*np.geomspace(0.03, 0.95, 11), 1.0, 1.05, 1.1]
    found = {}
    for name, valley in valleys.items():
        rates: Any = [float(multiple) * valley.limit for multiple in multiples]
        left = [float(valley.left(valley.descend(rate, UPDATES).losses)[-1]) for rate in rates]
        found[name] = [Point(rate, max(share, FLOOR), None, None) for rate, share in zip(rates, left, strict=True)]
    return found


def starts(valley: Valley) -> dict[str, str]:
    """Many starts below and above 2/L, from tiny to huge; and the one start that stays at any η."""
    rng = np.random.default_rng(8)
    chosen = [valley.best + size * rng.standard_normal(2) for size in np.geomspace(1e-3, 1e9, STARTS)]
    ran = {m: [valley.descend(m * valley.limit, 2500, beta).stop_reason for beta in chosen] for m in (0.9, 1.1)}
    X, exact = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([1.0, 2.0])  # y = Xβ: no rounding at all
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
    """One η above 2/L, for more and more updates: the loss, and by what each update multiplies the error."""
    fit = valley.descend(1.05 * valley.limit, 1000)
    left = valley.left(fit.losses)
    shares = {f"after_{k}": text.significant(float(left[k])) for k in (10, 100, 1000)}
    rates = {f"factor_{k}": text.significant(float((left[k] / left[k - 1]) ** 0.5)) for k in (10, 1000)}
    return shares | rates


class Need(NamedTuple):
    """Updates until NEAR of the way is left, at a condition number: with 1/L, and with 2/(L + flattest curvature)."""

    condition: float
    usual: int
    best: int


def conditions() -> list[Need]:
    """Two columns, one of them stretched further and further: nothing else changes."""
    base = problems.synthetic(200, 2, seed=8)
    q = np.linalg.qr(base.X)[0] * len(base.y) ** 0.5  # columns of equal length at a right angle
    found = []
    for stretch in STRETCHES:
        valley = Valley.of(q * [1, stretch], q @ [1.0, 1.0])
        needs = []
        for rate in (1 / valley.steepest, 2 / (valley.steepest + valley.flattest)):
            far = np.linalg.norm(valley.descend(rate, 0).beta - valley.best)
            needs.append(_updates(valley, rate, NEAR * float(far)))
        found.append(Need(valley.steepest / valley.flattest, *needs))
    return found


def _updates(valley: Valley, rate: float, near: float) -> int:
    """Until ‖β − best‖ is at most `near`."""
    beta, hessian, k = np.zeros(valley.X.shape[1]), 2 / len(valley.y) * valley.X.T @ valley.X, 0
    while np.linalg.norm(beta - valley.best) > near:
        beta, k = beta - rate * hessian @ (beta - valley.best), k + 1
    return k


def new_row() -> dict[str, str]:
    """The body mass of a new penguin: with the mean and scale that were kept, without scaling, and from raw millimetres."""
    data = problems.penguins_flipper()
    beta = solve(data.X, data.y, "numpy_vectorized", tol=1e-15).beta
    raw = flippers()["millimetres"].best
    rows = {"kept": data.features([[NEW_MM]]) @ beta, "bare": np.array([[1, NEW_MM]]) @ beta}
    rows["raw"] = np.array([[1, NEW_MM]]) @ raw
    rows["own"] = np.array([[1, 0.0]]) @ beta  # a single row, scaled by its own mean, becomes 0
    return {name: f"{text.significant(float(mass[0]) / 1000)} kg" for name, mass in rows.items()}
