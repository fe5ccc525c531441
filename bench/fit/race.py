"""Our descents and the solvers of scikit-learn on the same data: accuracy, time and cost.

python -m bench.fit.race FILE SEED: the child process of the page, which sends its results over its channel. FILE is a
.npz with Z (n, d + 1), a column of ones and then standardized features, and y (n,).
"""

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends import BackendUnavailable, load
from backends._curvature import Curvature
from bench.data.problems import synthetic
from bench.report.quadratic import Quadratic
from bench.runtime import process

OURS = ("numpy_vectorized", "numba_jit", "qr_compressed")
EXACT = "numpy.linalg.lstsq"  # the solution that the others are compared with
LINEAR, SGD, SGD_CLOSE = "LinearRegression", "SGDRegressor", "SGDRegressor, small tol"
ALL = (*OURS, EXACT, LINEAR, SGD, SGD_CLOSE)
SWEPT = ("numpy_vectorized", "qr_compressed", LINEAR, SGD)
GOAL = 1e-6  # the relative distance of the coefficients from those of least squares
SAMPLES, SAMPLES_S = 11, 4.0  # calls of each method, and the seconds after which there are no more of them
CALL_S = 1.0  # a descent that needs longer is stopped before the goal
SWEEP_SAMPLES, SWEEP_S, SWEEP_CALL_S = 3, 0.6, 0.2  # the same for each size of a sweep
SHORT_S = 2e-3  # of shorter calls, several are timed at once
STEPS = 10**7  # rows that SGDRegressor with a small tol reads, about
TRIAL, GROWTH = 5, 4  # the updates of the first trial, and their growth, to estimate the time of one
FOREVER = 2**50
ROWS, COLUMNS = 10_000, 10  # of the sweeps
SWEEPS: Mapping[str, Sequence[int]] = {
    "rows": (100, 1_000, 10_000, 100_000),
    "columns": (10, 30, 100, 300),
    "condition": (1, 10, 100, 1_000),
}
Array = NDArray[Any]
Fit = Callable[[int], tuple[Array, int | None]]  # updates -> the coefficients, intercept first; updates or epochs made


class Entry(NamedTuple):
    """The result of one method, as it is sent.

    seconds: of each sample. extra_s: how much longer the first call takes, as it compiles. rounds: updates or epochs;
    needed: the updates until GOAL; predicted_s: the seconds of that many, where fewer were made. distance: of the
    coefficients from the exact ones, relative; lost: R² of least squares minus R².
    """

    name: str
    seconds: Sequence[float] = ()
    extra_s: float = 0.0
    rounds: int | None = None
    needed: int | None = None
    predicted_s: float | None = None
    distance: float = math.nan
    lost: float = math.nan

    @property
    def goal_s(self) -> float:
        """The measured or predicted seconds until GOAL; of SGDRegressor, the seconds of its fit."""
        return self.predicted_s or float(np.median(self.seconds))


def updates_needed(loss: Quadratic, rate: float, goal: float = GOAL) -> int:
    """The updates from zeros until the distance to the best β is `goal` of its length, at most FOREVER.

    rate: at most 1/L. No error changes its sign then, so the distance falls, and bisection finds the first update.
    """
    start = loss.directions @ loss.best
    factors = np.abs(1 - rate * loss.curvatures)

    def near(k: int) -> bool:
        return bool(np.linalg.norm(start * factors**k) <= goal * np.linalg.norm(start))

    low, high = 0, 1
    while high < FOREVER and not near(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if near(middle) else (middle, high)
    return high


def fits(Z: Array, y: Array, seed: int) -> dict[str, Fit]:
    """The methods by name, without backends whose library is missing. Raises ImportError without scikit-learn."""
    from sklearn.linear_model import LinearRegression, SGDRegressor

    epochs = min(1000, 10 + STEPS // len(y))
    close = {"penalty": None, "tol": 1e-7, "learning_rate": "adaptive", "eta0": 0.1 / Z.shape[1], "max_iter": epochs}
    models = {
        LINEAR: LinearRegression(),
        SGD: SGDRegressor(random_state=seed),
        SGD_CLOSE: SGDRegressor(random_state=seed, **close),
    }
    X = Z[:, 1:]

    def descend(backend: ModuleType, updates: int) -> tuple[Array, int]:
        native = backend.prepare(Z, y, np.zeros(Z.shape[1]))
        beta, _ = backend.fit(*native, Curvature(Z).default_rate, updates, 0.0)
        return backend.to_numpy(beta), updates

    def estimate(model: Any, _: int) -> tuple[Array, int | None]:
        model.fit(X, y)
        return np.append(model.intercept_, model.coef_), getattr(model, "n_iter_", None)

    ours = {}
    for name in OURS:
        with contextlib.suppress(BackendUnavailable):
            ours[name] = partial(descend, load(name))
    exact: dict[str, Fit] = {EXACT: lambda _: (np.linalg.lstsq(Z, y)[0], None)}
    return ours | exact | {name: partial(estimate, model) for name, model in models.items()}


def race(
    Z: Array, y: Array, names: Sequence[str], seed: int = 0, samples: int = SAMPLES, samples_s: float = SAMPLES_S,
    call_s: float = CALL_S,
) -> list[Entry]:  # fmt: skip
    """Fit with each method, and time the fits in turn. Raises ImportError without scikit-learn.

    samples, samples_s: of each method, at most. call_s: the seconds after which a descent is stopped.
    """
    loss, all_fits = Quadratic.of(Z, y), fits(Z, y, seed)
    needed = updates_needed(loss, loss.limit / 2)
    entries: dict[str, Entry] = {}
    works: dict[str, Callable[[], Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the page says what did not converge
        for name in [name for name in names if name in all_fits]:
            fit, updates, predicted_s = all_fits[name], 0, None
            first, second = (_seconds(partial(fit, min(needed, TRIAL))) for _ in range(2))
            if name in OURS:
                updates, predicted_s = _affordable(fit, needed, call_s)
            works[name] = partial(fit, updates)
            beta, rounds = works[name]()
            distance, lost = _errors(Z, y, loss, beta)
            extra_s = max(0.0, first - second)
            entries[name] = Entry(
                name, (), extra_s, rounds, needed if name in OURS else None, predicted_s, distance, lost
            )
        timed = interleaved(works, samples, samples_s, seed)
    return [entry._replace(seconds=timed[name]) for name, entry in entries.items()]


def _affordable(fit: Fit, needed: int, call_s: float) -> tuple[int, float | None]:
    """The updates to make, `needed` or those of call_s seconds, and the seconds of `needed` where they are fewer."""
    fixed, trial, spent = _seconds(partial(fit, 0)), 1, 0.0
    while trial < needed and spent < call_s / GROWTH:
        trial = min(needed, GROWTH * trial)
        spent = _seconds(partial(fit, trial)) - fixed
    each = max(spent, 1e-9) / trial
    if trial == needed or needed * each <= call_s:
        return needed, None
    return max(1, int(call_s / each)), fixed + needed * each


def _errors(Z: Array, y: Array, loss: Quadratic, beta: Array) -> tuple[float, float]:
    """The relative distance of β from the best one, and the R² that it loses."""
    with np.errstate(over="ignore", invalid="ignore"):
        residuals = y - Z @ beta
        lost = (residuals @ residuals / len(y) - loss.minimum) / (np.var(y) or 1.0)
        distance = np.linalg.norm(beta - loss.best) / (np.linalg.norm(loss.best) or 1.0)
    return float(distance), float(lost)


def interleaved(
    works: Mapping[str, Callable[[], Any]], samples: int, samples_s: float, seed: int
) -> dict[str, list[float]]:
    """The seconds per call of each work in each round; in each round the works come in another order.

    A work takes part in no further round after samples_s seconds.
    """
    rng = np.random.default_rng(seed)
    calls = {name: max(1, math.ceil(SHORT_S / max(_seconds(work), 1e-6))) for name, work in works.items()}
    timed: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(samples):
        for name in map(str, rng.permutation(list(works))):
            if sum(timed[name]) * calls[name] <= samples_s:
                timed[name].append(_seconds(works[name], calls[name]))
    return timed


def _seconds(work: Callable[[], Any], calls: int = 1) -> float:
    """The mean of some calls."""
    start = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - start) / calls


def swept(kind: str, size: int) -> tuple[Array, Array]:
    """The problem of a sweep: Z with a column of ones, and y. All but one of rows, columns and condition are fixed.

    Sweeps of rows have pairwise correlations of 0.9, sweeps of columns have none. condition: the largest singular value
    of the features over the smallest.
    """
    n, d = (size, COLUMNS) if kind == "rows" else (ROWS, size if kind == "columns" else COLUMNS)
    rng = np.random.default_rng([7, n, d, size])
    if kind == "rows":
        X = synthetic(n, d, seed=7).X
    else:
        X = rng.standard_normal((n, d))
        X -= X.mean(axis=0)
        if kind == "condition":
            rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
            X = np.linalg.qr(X)[0] * math.sqrt(n) * np.geomspace(1, 1 / size, d) @ rotation
        X /= X.std(axis=0) if kind == "columns" else X.std()
    y = X @ rng.choice([-1.0, 1.0], d) + 0.5 * rng.standard_normal(n)
    return np.column_stack([np.ones(n), X]), y


def main() -> None:
    path, seed = sys.argv[1], int(sys.argv[2])
    channel = process.Channel()
    with np.load(path) as arrays:
        Z, y = arrays["Z"], arrays["y"]
    start = time.perf_counter()
    import sklearn.linear_model

    channel.ask(import_s=time.perf_counter() - start, version=sklearn.__version__)
    channel.ask(entries=race(Z, y, ALL, seed))
    for kind, sizes in SWEEPS.items():
        for size in sizes:
            entries = race(*swept(kind, size), SWEPT, seed, SWEEP_SAMPLES, SWEEP_S, SWEEP_CALL_S)
            channel.ask(sweep=[kind, size, entries])


if __name__ == "__main__":
    main()
