"""At convergence every backend agrees with SciPy, scikit-learn and certified values.

The allowed difference is computed and shown in the message. It has three parts: the distance that a descent of K updates
in exact arithmetic leaves, the rounding of the descent, and the error of a direct solver.
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
from backends._curvature import default_learning_rate
from bench.check.bound import NORMWISE_FACTOR, UNIT, gamma
from bench.data import problems
from bench.data.encoding import Selection
from bench.data.problems import Problem

U = UNIT["float64"]
MAX_OPERATIONS = {"python_loops": 2e7}  # n_samples x n_features x updates, a few seconds; other backends have no limit

# NIST, Statistical Reference Datasets, linear least squares regression: Longley. B0 to B6, certified to 15 digits.
# https://www.itl.nist.gov/div898/strd/lls/data/LINKS/DATA/Longley.dat
CERTIFIED = np.array([
    -3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359,
    -0.511041056535807e-01, 1829.15146461355,
])  # fmt: skip
CERTIFIED_RESIDUAL_SD = 304.854073561965
CERTIFIED_DIGITS = 0.5e-14  # the relative rounding error of 15 digits


class Data(NamedTuple):
    """features: (n, d - 1), in the units of the source. y: (n,)."""

    features: np.ndarray
    y: np.ndarray


def penguins() -> Data:
    names = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    with problems.PENGUINS.open(encoding="utf-8", newline="") as file:
        rows = [[row[name] for name in names] for row in csv.DictReader(file)]
    table = np.array([row for row in rows if all(row)], dtype=np.float64)
    return Data(table[:, :-1], table[:, -1])


def diabetes() -> Data:
    return Data(*load_diabetes(scaled=False, return_X_y=True))


def longley_data() -> Data:
    """The columns have the order of the certified values: deflator, GNP, unemployed, armed forces, population, year."""
    data = longley.load_pandas()
    return Data(data.exog.to_numpy(np.float64), data.endog.to_numpy(np.float64))


SOURCES = {"penguins": penguins, "diabetes": diabetes, "longley": longley_data}


class Distance(NamedTuple):
    """The largest distance of the coefficients of a descent from the exact solution.

    updates: K. condition: of H = (2/n) XᵀX. remaining: the distance after K updates in exact arithmetic. rounding: the
    bound of the error that rounding to float64 adds.
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
        """The digits that a comparison must have: fewer if the number of updates was limited."""
        return 7 if self.remaining < self.rounding else 3

    def __str__(self) -> str:
        return (
            f"condition number {self.condition:.4g}; {self.remaining:.2g} remains after {self.updates} updates;"
            f" rounding adds at most {self.rounding:.2g}"
        )


def descent(X, y, solution, max_operations: float) -> Distance:
    """The distance of a descent from 0 with the step 1/L and enough updates to reach the rounding error.

    max_operations limits n_samples x n_features x updates. solution: beta* of a direct solver, which has enough digits here.

    beta_k = Q (I - (I - eta Lambda)^k) Qᵀ beta*, with factors from 0 to 1, so |beta_k| <= |Q||Qᵀ beta*| in each component.
    With it the rounding of a step, t_k of bench/check/bound.py, is at most t + s B_k, and B_k never exceeds the B that
    solves B = rho B + (t + s B) / (1 - u).
    """
    n, d = X.shape
    rate = default_learning_rate(X)
    eigenvalues, Q = np.linalg.eigh(2 / n * X.T @ X)
    rho = float(np.abs(1 - rate * eigenvalues).max()) + gamma(NORMWISE_FACTOR * n * d, U)  # for rounded eigenvalues
    reach = np.abs(Q) @ np.abs(Q.T @ solution)
    step = rate * 2 / n * gamma(n + d + 8, U) * np.abs(X).T
    t = float(np.linalg.norm(step @ (np.abs(X) @ reach + np.abs(y)) + U * reach))
    s = float(np.linalg.norm(step @ np.abs(X).sum(axis=1) + U))
    rounding = t / ((1 - U) * (1 - rho) - s)
    start = float(np.linalg.norm(solution))
    updates = int(min(math.ceil(math.log(rounding / 100 / start) / math.log(rho)), max_operations / X.size))
    return Distance(updates, float(eigenvalues[-1] / eigenvalues[0]), start * rho**updates, rounding)


def perturbation(X, y, solution, change: float) -> float:
    """A bound of the change of the least-squares solution if X and y change by `change` of their norms.

    Higham, Accuracy and Stability of Numerical Algorithms, theorem 20.1 (Wedin).
    """
    size, norm, condition = np.linalg.norm(solution), np.linalg.norm(X, 2), np.linalg.cond(X)
    assert condition * change < 0.1
    residual = np.linalg.norm(y - X @ solution)
    growth = 2 + (condition + 1) * residual / (norm * size)
    return float(size * condition * change / (1 - condition * change) * growth)


def error_of_direct_solver(X, y, solution) -> float:
    """A bound of the error of a direct solver that is backward stable."""
    return perturbation(X, y, solution, gamma(NORMWISE_FACTOR * X.size, U))


def error_of_standardizing(X, y, solution) -> float:
    """A bound of the change of the solution because each (x - mean) / scale is rounded twice."""
    return perturbation(X, y, solution, gamma(3, U) * math.sqrt(X.shape[1]))


class Case(NamedTuple):
    """A backend's fit of standardized data, SciPy's solution, and the allowed distance of the fit from the exact one."""

    problem: Problem
    fit: Fit
    solution: np.ndarray
    distance: Distance


@pytest.fixture(scope="module")
def converged(tmp_path_factory):
    """converged(backend, source) returns the case, computed once. Every fifth row can be left out, to be predicted."""

    @cache
    def case(name: str, source: str, without_every_fifth: bool) -> Case:
        features, y = SOURCES[source]()
        kept = np.arange(len(y)) % 5 > 0 if without_every_fifth else np.ones(len(y), bool)
        path = tmp_path_factory.mktemp(source) / "data.csv"
        columns = [f"x{j}" for j in range(features.shape[1])]
        rows = np.column_stack([features, y])[kept].tolist()
        path.write_text("\n".join(",".join(map(str, row)) for row in [[*columns, "y"], *rows]))
        data = problems.from_file(path, Selection("y"))
        solution, *_ = scipy.linalg.lstsq(data.X, data.y)
        distance = descent(data.X, data.y, solution, MAX_OPERATIONS.get(name, math.inf))
        return Case(data, solve(data.X, data.y, name, max_iter=distance.updates, tol=0.0), solution, distance)

    return lambda backend, source, without_every_fifth=False: case(
        Path(backend.__file__).stem, source, without_every_fifth
    )


@pytest.mark.parametrize("source", SOURCES)
def test_coefficients_agree_with_scipy_and_scikit_learn(backend, source, converged):
    """They agree to the digits that the condition number allows."""
    data, fit, solution, distance = converged(backend, source)
    assert fit.stop_reason == "max_iter"
    model = LinearRegression().fit(data.X[:, 1:], data.y)
    direct = error_of_direct_solver(data.X, data.y, solution)
    allowed = distance.total + direct
    digits = -math.log10(allowed / np.linalg.norm(solution))
    for library, coefficients in (("scipy", solution), ("scikit-learn", np.array([model.intercept_, *model.coef_]))):
        difference = float(np.linalg.norm(fit.beta - coefficients))
        message = f"{difference:.2g} from {library}; allowed {allowed:.2g}: {distance}; direct solver {direct:.2g}"
        print(f"{fit.backend}, {source}: {message}; {digits:.1f} digits")
        assert difference <= allowed, message
        assert digits >= distance.digits, f"{digits:.1f} digits are too few: {message}"


def test_coefficients_agree_with_the_certified_values_of_longley(backend, converged):
    """In the units of the data they have the certified digits that the condition number allows, and so has the residual
    standard deviation. Source: NIST, Statistical Reference Datasets, Longley."""
    data, fit, solution, distance = converged(backend, "longley")
    error = distance.total + error_of_standardizing(data.X, data.y, solution)
    # B_j = beta_j / scale_j, and B_0 = beta_0 - sum of beta_j mean_j / scale_j
    back = np.diag([1.0, *1 / data.scale])
    back[0, 1:] = -data.mean / data.scale
    coefficients = back @ fit.beta
    rounding = gamma(len(fit.beta) + 3, U) * np.abs(back) @ np.abs(fit.beta)
    allowed = error * np.linalg.norm(back, axis=1) + rounding + CERTIFIED_DIGITS * np.abs(CERTIFIED)
    required = -np.log10(allowed / np.abs(CERTIFIED))
    digits = -np.log10(np.maximum(np.abs(coefficients - CERTIFIED) / np.abs(CERTIFIED), 1e-16))
    message = f"digits {digits.round(1)}, required {required.round(1)}: {distance}"
    print(f"{fit.backend}: {message}")
    assert (digits >= required).all(), message
    assert (required >= distance.digits).all(), f"the required digits are too few: {message}"

    n, d = data.X.shape
    certified = CERTIFIED_RESIDUAL_SD**2 * (n - d) / n
    row = gamma(d + 1, U) * (np.abs(data.X) @ np.abs(fit.beta) + np.abs(data.y))
    residual = np.abs(data.y - data.X @ fit.beta) + row
    mean = gamma(n + 3, U)
    rounding = (1 + mean) * np.mean(2 * residual * row + row * row) + mean * np.mean(residual**2)
    # Near its minimum the loss is quadratic: an error b of beta adds at most lambda_max(H) / 2 b².
    quadratic = 0.5 / fit.learning_rate * error**2 * (1 + 1e-9)
    allowed = quadratic + rounding + 4 * CERTIFIED_DIGITS * certified
    message = f"J is off by {abs(fit.losses[-1] - certified):.2g}, allowed {allowed:.2g} of {certified:.6g}"
    print(f"{fit.backend}: {message}")
    assert abs(fit.losses[-1] - certified) <= allowed, message


@pytest.mark.parametrize("source", ["penguins", "diabetes"])
def test_predictions_agree_with_scikit_learn(backend, source, converged):
    """New rows have the predictions and the R² of StandardScaler and LinearRegression, fitted to the same rows."""
    data, fit, solution, distance = converged(backend, source, without_every_fifth=True)
    features, y = SOURCES[source]()
    new = np.arange(len(y)) % 5 == 0
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(features[~new], y[~new])

    rows = data.features(features[new])
    predictions, expected = fit.predict(rows), model.predict(features[new])
    # Both sides round when they standardize, by less than the error of a direct solver.
    error = distance.total + 3 * error_of_direct_solver(data.X, data.y, solution)
    size = np.abs(rows) @ np.abs(solution)
    allowed = error * np.linalg.norm(rows, axis=1) + 2 * gamma(rows.shape[1] + 6, U) * size
    worst = int(np.argmax(np.abs(predictions - expected) / allowed))
    message = f"row {worst}: {predictions[worst]}, expected {expected[worst]} within {allowed[worst]:.2g}: {distance}"
    assert (np.abs(predictions - expected) <= allowed).all(), message

    variation = np.sum((y[new] - y[new].mean()) ** 2)
    r2 = 1 - np.sum((y[new] - predictions) ** 2) / variation
    residual = np.abs(y[new] - expected)
    tolerance = np.sum(2 * residual * allowed + allowed**2) / variation + 2 * gamma(len(expected) + 8, U)
    assert abs(r2 - model.score(features[new], y[new])) <= tolerance, f"R² {r2}, tolerance {tolerance:.2g}"
    assert tolerance <= 10.0**-distance.digits
