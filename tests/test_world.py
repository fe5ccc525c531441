"""Against the world: at convergence every backend finds what SciPy, scikit-learn and the certified values say.

How far apart two right answers may be is computed, and stands in the message: what a descent of K updates in exact
arithmetic still has before it, what rounding can do to it, and how far a direct solver may be from the exact solution.
"""

import csv
import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.linalg
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.datasets import longley

from backends import Fit, solve
from backends._solve import default_learning_rate
from bench.check.bound import NORMWISE_FACTOR, UNIT, gamma
from bench.data import problems
from bench.data.problems import Problem

U = UNIT["float64"]
AFFORDABLE = {"python_loops": 2e7}  # n_samples x n_features x updates, a few seconds; without limit where none is named

# NIST, Statistical Reference Datasets, linear least squares regression: Longley. B0 to B6, certified to 15 digits.
# https://www.itl.nist.gov/div898/strd/lls/data/LINKS/DATA/Longley.dat
CERTIFIED = np.array([
    -3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359,
    -0.511041056535807e-01, 1829.15146461355,
])  # fmt: skip
CERTIFIED_RESIDUAL_SD = 304.854073561965
CERTIFIED_DIGITS = 0.5e-14  # relative: what 15 digits leave open


class Data(NamedTuple):
    """features: (n, d - 1) as the source has them. y: (n,)."""

    features: np.ndarray
    y: np.ndarray


def penguins() -> Data:
    names = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    with problems.PENGUINS.open(encoding="utf-8", newline="") as file:
        rows = [[row[name] for name in names] for row in csv.DictReader(file)]
    table = np.array([row for row in rows if not problems.MISSING & {field.lower() for field in row}], dtype=np.float64)
    return Data(table[:, :-1], table[:, -1])


def diabetes() -> Data:
    return Data(*load_diabetes(scaled=False, return_X_y=True))


def longley_data() -> Data:
    """In the order of the certified values: the deflator, GNP, unemployed, armed forces, population, year."""
    found = longley.load_pandas()
    return Data(found.exog.to_numpy(np.float64), found.endog.to_numpy(np.float64))


SOURCES = {"penguins": penguins, "diabetes": diabetes, "longley": longley_data}


class Distance(NamedTuple):
    """How far the coefficients of a descent may be from the exact solution, and why.

    updates: K. condition: of H = (2/n) XᵀX. remaining: what K updates in exact arithmetic leave. rounding: the limit of
    accuracy at which the descent in float64 then stays.
    """

    updates: int
    condition: float
    remaining: float
    rounding: float

    @property
    def total(self) -> float:
        return self.remaining + self.rounding

    @property
    def digits(self) -> int:
        """How many a comparison must allow to prove anything: fewer where the updates were not all affordable."""
        return 7 if self.remaining < self.rounding else 3

    def __str__(self) -> str:
        return (
            f"condition number {self.condition:.4g}; after {self.updates} updates {self.remaining:.2g} remain and"
            f" rounding makes {self.rounding:.2g} at most"
        )


def descent(X, y, solution, affordable: float) -> Distance:
    """Of a descent from 0 with the step 1/L and as many updates as bring it below its rounding, if affordable.

    beta_k = Q (I - (I - eta Lambda)^k) Qᵀ beta*, with factors from 0 to 1, so |beta_k| <= |Q||Qᵀ beta*| in each component.
    With it the rounding of a step, t_k of bench/check/bound.py, is at most t + s B_k, and B_k never exceeds the B that
    solves B = rho B + (t + s B) / (1 - u). solution: beta* to the ten digits or so that a direct solver gives.
    """
    n, d = X.shape
    rate = default_learning_rate(X)
    eigenvalues, Q = np.linalg.eigh(2 / n * X.T @ X)
    rho = float(np.abs(1 - rate * eigenvalues).max()) + gamma(NORMWISE_FACTOR * n * d, U)  # they are rounded, too
    reach = np.abs(Q) @ np.abs(Q.T @ solution)
    step = rate * 2 / n * gamma(n + d + 8, U) * np.abs(X).T
    t = float(np.linalg.norm(step @ (np.abs(X) @ reach + np.abs(y)) + U * reach))
    s = float(np.linalg.norm(step @ np.abs(X).sum(axis=1) + U))
    rounding = t / ((1 - U) * (1 - rho) - s)
    start = float(np.linalg.norm(solution))
    updates = int(min(math.ceil(math.log(rounding / 100 / start) / math.log(rho)), affordable / X.size))
    return Distance(updates, float(eigenvalues[-1] / eigenvalues[0]), start * rho**updates, rounding)


def moved(X, y, solution, change: float) -> float:
    """How far the least-squares solution moves at most where X and y change by `change` of their norms.

    Higham, Accuracy and Stability of Numerical Algorithms, theorem 20.1 (Wedin).
    """
    size, norm, condition = np.linalg.norm(solution), np.linalg.norm(X, 2), np.linalg.cond(X)
    assert condition * change < 0.1
    residual = np.linalg.norm(y - X @ solution)
    growth = 2 + (condition + 1) * residual / (norm * size)
    return float(size * condition * change / (1 - condition * change) * growth)


def of_a_direct_solver(X, y, solution) -> float:
    """How far a stable direct solver may be from the exact solution: it solves a problem that is near in norm."""
    return moved(X, y, solution, gamma(NORMWISE_FACTOR * X.size, U))


def of_standardizing(X, y, solution) -> float:
    """How far the solution moves because (x - mean) / scale is rounded twice in each entry."""
    return moved(X, y, solution, gamma(3, U) * math.sqrt(X.shape[1]))


class Case(NamedTuple):
    """A backend's fit of standardized data, SciPy's solution, and how far the fit may be from the exact one."""

    problem: Problem
    fit: Fit
    solution: np.ndarray
    distance: Distance


@pytest.fixture(scope="module")
def converged(tmp_path_factory):
    """(backend, source) -> its case, made once; every fifth row may be left out, to be predicted."""

    @cache
    def case(name: str, source: str, without_every_fifth: bool) -> Case:
        features, y = SOURCES[source]()
        kept = np.arange(len(y)) % 5 > 0 if without_every_fifth else np.ones(len(y), bool)
        path = tmp_path_factory.mktemp(source) / "data.csv"
        columns = [f"x{j}" for j in range(features.shape[1])]
        rows = np.column_stack([features, y])[kept].tolist()
        path.write_text("\n".join(",".join(map(str, row)) for row in [[*columns, "y"], *rows]))
        data = problems.from_csv(path, "y")
        solution, *_ = scipy.linalg.lstsq(data.X, data.y)
        distance = descent(data.X, data.y, solution, AFFORDABLE.get(name, math.inf))
        return Case(data, solve(data.X, data.y, name, max_iter=distance.updates, tol=0.0), solution, distance)

    return lambda backend, source, without_every_fifth=False: case(
        Path(backend.__file__).stem, source, without_every_fifth
    )


@pytest.mark.parametrize("source", SOURCES)
def test_agrees_with_scipy_and_scikit_learn(backend, source, converged):
    """The coefficients are those of lstsq and of LinearRegression, to the digits that the condition number allows."""
    data, fit, solution, distance = converged(backend, source)
    assert fit.stop_reason == "max_iter"
    model = LinearRegression().fit(data.X[:, 1:], data.y)
    direct = of_a_direct_solver(data.X, data.y, solution)
    allowed = distance.total + direct
    for who, theirs in (("scipy", solution), ("scikit-learn", np.array([model.intercept_, *model.coef_]))):
        found = float(np.linalg.norm(fit.beta - theirs))
        words = f"{found:.2g} from {who}; allowed {allowed:.2g}: {distance}; a direct solver may be {direct:.2g} off"
        digits = -math.log10(allowed / np.linalg.norm(solution))
        print(f"{fit.backend}, {source}: {words}; {digits:.1f} digits")
        assert found <= allowed, words
        assert digits >= distance.digits, f"{digits:.1f} digits prove nothing: {words}"


def test_agrees_with_the_certified_values_of_longley(backend, converged):
    """The coefficients, taken back to the units of the data, have every certified digit that the condition number allows,
    and so has the residual standard deviation. Source: NIST, Statistical Reference Datasets, Longley."""
    data, fit, solution, distance = converged(backend, "longley")
    off = distance.total + of_standardizing(data.X, data.y, solution)
    # B_j = beta_j / scale_j, and B_0 = beta_0 - sum of beta_j mean_j / scale_j
    back = np.diag([1.0, *1 / data.scale])
    back[0, 1:] = -data.mean / data.scale
    found = back @ fit.beta
    rounding = gamma(len(fit.beta) + 3, U) * np.abs(back) @ np.abs(fit.beta)
    allowed = off * np.linalg.norm(back, axis=1) + rounding + CERTIFIED_DIGITS * np.abs(CERTIFIED)
    promised = -np.log10(allowed / np.abs(CERTIFIED))
    reached = -np.log10(np.maximum(np.abs(found - CERTIFIED) / np.abs(CERTIFIED), 1e-16))
    words = f"digits {reached.round(1)}, promised {promised.round(1)}: {distance}"
    print(f"{fit.backend}: {words}")
    assert (reached >= promised).all(), words
    assert (promised >= distance.digits).all(), f"they prove nothing: {words}"

    n, d = data.X.shape
    certified = CERTIFIED_RESIDUAL_SD**2 * (n - d) / n
    row = gamma(d + 1, U) * (np.abs(data.X) @ np.abs(fit.beta) + np.abs(data.y))
    residual = np.abs(data.y - data.X @ fit.beta) + row
    mean = gamma(n + 3, U)
    rounding = (1 + mean) * np.mean(2 * residual * row + row * row) + mean * np.mean(residual**2)
    # The loss is flat at its least: beta that is off by b costs lambda_max(H) / 2 b² at most.
    flat = 0.5 / fit.learning_rate * off**2 * (1 + 1e-9)
    allowed = flat + rounding + 4 * CERTIFIED_DIGITS * certified
    words = f"J is off by {abs(fit.losses[-1] - certified):.2g}, allowed {allowed:.2g} of {certified:.6g}"
    print(f"{fit.backend}: {words}")
    assert abs(fit.losses[-1] - certified) <= allowed, words


@pytest.mark.parametrize("source", ["penguins", "diabetes"])
def test_predicts_new_rows_as_scikit_learn_does(backend, source, converged):
    """Rows that were not fitted have the predictions and the R² of a scaler and LinearRegression fitted to the same rows."""
    data, fit, solution, distance = converged(backend, source, without_every_fifth=True)
    features, y = SOURCES[source]()
    new = np.arange(len(y)) % 5 == 0
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(features[~new], y[~new])

    rows = data.features(features[new])
    ours, theirs = fit.predict(rows), model.predict(features[new])
    # Standardizing is rounded on both sides, by less than a direct solver may be off.
    off = distance.total + 3 * of_a_direct_solver(data.X, data.y, solution)
    size = np.abs(rows) @ np.abs(solution)
    allowed = off * np.linalg.norm(rows, axis=1) + 2 * gamma(rows.shape[1] + 6, U) * size
    worst = int(np.argmax(np.abs(ours - theirs) / allowed))
    words = f"row {worst}: {ours[worst]} and {theirs[worst]}, allowed {allowed[worst]:.2g} apart: {distance}"
    assert (np.abs(ours - theirs) <= allowed).all(), words

    spread = np.sum((y[new] - y[new].mean()) ** 2)
    r2 = 1 - np.sum((y[new] - ours) ** 2) / spread
    residual = np.abs(y[new] - theirs)
    slack = np.sum(2 * residual * allowed + allowed**2) / spread + 2 * gamma(len(theirs) + 8, U)
    assert abs(r2 - model.score(features[new], y[new])) <= slack, f"R² {r2}, allowed {slack:.2g} apart"
    assert slack <= 10.0**-distance.digits
