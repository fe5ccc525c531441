"""Chapter 9: the experiments. Where descents stop, how close to the best β this is, and when a loss wiggles."""

import contextlib
import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends import Fit
from backends._solve import descend
from bench.check.bound import reference
from bench.data import problems
from bench.learn.valley import Valley

TOL = 1e-9
CONDITIONS = (2, 10, 100, 1_000, 10_000, 100_000)
UPDATES = 300
BATCH = 32
ACCURACIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
ROUNDING = 1e-12  # relative to the loss: a smaller rise in float64 is rounding


def penguins() -> Valley:
    """Three measurements of a penguin, standardized, to its body mass: d = 4."""
    data = problems.penguins()
    return Valley.of(data.X, data.y)


def reasons(data: Valley) -> dict[str, Fit]:
    """The same descent, stopped by each condition of the rule."""
    return {
        f"tol = {TOL:g}": descend(data.X, data.y, "numpy_vectorized", tol=TOL),
        "a fixed count: tol = 0, max_iter = 20": descend(data.X, data.y, "numpy_vectorized", tol=0.0, max_iter=20),
        "η = 1.1 of 2/L": data.descend(1.1 * data.limit, 10_000, tol=TOL),
    }


def logged(data: Valley) -> list[str]:
    """The lines that solve prints during the descent."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        descend(data.X, data.y, "numpy_vectorized", tol=TOL, log_every=10)
    return out.getvalue().splitlines()


class Stop(NamedTuple):
    """Where a descent stops. updates: the number of updates. far: ‖β − best‖ / ‖best‖ at the end. first: J_0."""

    updates: int
    far: float
    first: float


def _stop(data: Valley, tol: float, start: NDArray[Any] | None = None) -> Stop:
    fit = data.descend(data.limit / 2, 400_000, start, tol)
    assert fit.stop_reason == "converged"
    return Stop(fit.n_iter, data.distance(fit.beta), float(fit.losses[0]))


def path(data: Valley, start: np.ndarray, updates: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """At η = 1/L: the gap of the loss relative to the first one, and ‖β − best‖ / ‖best‖."""
    exact = reference(data.X, data.y, start, data.limit / 2, updates, "float64")
    return data.remaining_gap(exact.losses), np.array([data.distance(beta) for beta in exact.betas])


def begin_at(data: Valley) -> dict[str, np.ndarray]:
    """The starting weights."""
    rng, d = np.random.default_rng(9), data.X.shape[1]
    return {
        "zeros": np.zeros(d),
        "small random": np.multiply(0.01, rng.standard_normal(d)),
        "huge": np.multiply(1e6, rng.standard_normal(d)),
    }


def accuracy(data: Valley) -> dict[str, list[tuple[float, int]]]:
    """For each start: the number of updates until ‖β − best‖ / ‖best‖ is at most each of ACCURACIES."""
    fars = {name: path(data, start)[1] for name, start in begin_at(data).items()}
    return {name: [(share, int(np.argmax(far <= share))) for share in ACCURACIES] for name, far in fars.items()}


def starts(data: Valley) -> dict[str, Stop]:
    """Stops with one tol from zeros, small random weights and a huge start, and the huge start with tol·J_0 of zeros."""
    stops = {name: _stop(data, TOL, start) for name, start in begin_at(data).items()}
    same = TOL * stops["zeros"].first / stops["huge"].first
    return stops | {"huge, with the tol·J₀ of zeros": _stop(data, same, begin_at(data)["huge"])}


def conditions() -> dict[float, list[tuple[int, Stop]]]:
    """For two tol: the stop at each condition number. Only the length of one column changes."""
    q = np.linalg.qr(problems.synthetic(20, 2, seed=9).X)[0] * 20**0.5  # orthogonal columns of equal length
    stops: dict[float, list[tuple[int, Stop]]] = {}
    for tol in (1e-6, TOL):
        for condition in CONDITIONS:
            X = q * [1, condition**-0.5]
            stops.setdefault(tol, []).append((condition, _stop(Valley.of(X, X @ [1.0, 1.0]), tol)))
    return stops


class Curve(NamedTuple):
    """The loss at every update, the number of rises from one loss to the next, and the largest relative rise."""

    losses: np.ndarray
    rises: int
    largest: float

    @classmethod
    def of(cls, losses: np.ndarray, ignore: float = 0.0) -> "Curve":
        losses = losses.astype(np.float64)
        grown = np.diff(losses) / losses[:-1]
        return cls(losses, int((grown > ignore).sum()), float(max(grown.max(), 0.0)))


def wiggles(data: Valley) -> dict[str, Curve]:
    """Full-batch descent in both dtypes, and mini-batches, with one η."""
    rate, X32, y32 = 0.2 * data.limit, data.X.astype(np.float32), data.y.astype(np.float32)
    exact = data.descend(rate, UPDATES).losses
    short = descend(X32, y32, "numpy_vectorized", rate, UPDATES, 0.0).losses
    return {
        "all rows, float64": Curve.of(exact, ROUNDING),
        "all rows, float32": Curve.of(short),
        f"{BATCH} rows at a time": Curve.of(minibatch(data.X, data.y, rate)),
    }


def minibatch(X: np.ndarray, y: np.ndarray, rate: float) -> np.ndarray:
    """Losses over all rows of a descent in which each update uses the gradient of BATCH random rows."""
    rng, beta, losses = np.random.default_rng(9), np.zeros(X.shape[1]), []
    for _ in range(UPDATES + 1):
        losses.append(np.mean((y - X @ beta) ** 2))
        rows = rng.choice(len(y), BATCH, replace=False)
        beta = beta + rate * 2 / BATCH * X[rows].T @ (y[rows] - X[rows] @ beta)
    return np.array(losses)


def smooth(data: Valley) -> tuple[int, int, int]:
    """Descents with many η below 2/L from many starts, all rows, float64: (descents, updates, rises beyond rounding)."""
    rng, descents, rises = np.random.default_rng(9), 0, 0
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        for size in (0.0, 1.0, 1e3, 1e6):
            start = np.multiply(size, rng.standard_normal(data.X.shape[1]))
            losses = data.descend(share * data.limit, UPDATES, start).losses
            descents, rises = descents + 1, rises + Curve.of(losses, ROUNDING).rises
    return descents, descents * UPDATES, rises
