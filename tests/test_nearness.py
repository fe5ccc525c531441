"""How near a fit is to the minimum: `Curvature`, near_minimum, the predicted updates, advice and standardize=True."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import backends
from backends import ConvergenceWarning, solve
from backends._curvature import Curvature, nearness
from backends._scaling import Scaling
from backends._solve import descend

CASES = Path(__file__).with_name("data_cases")
CORE = ("python_loops", "numpy_vectorized", "numba_jit", "jax_jit")
RNG = np.random.default_rng(18)
TALL = RNG.standard_normal((30, 4)) @ np.diag([1.0, 3.0, 0.5, 2.0])
MATRICES = {
    "tall": TALL,
    "wide": TALL.T,
    "square": TALL[:4],
    "one column": TALL[:, :1],
    "a column twice": TALL[:, [0, 1, 2, 1]],
    "a row twice, wide": TALL[[0, 1, 1]][:, [0, 1, 2, 3]],
    "a column of zeros": TALL * [1, 0, 1, 1],
    "columns of very different scales": TALL * [1e-9, 1, 1e9, 1],
    "columns that nearly depend on others": np.column_stack([TALL, TALL.sum(axis=1) + 1e-9 * RNG.standard_normal(30)]),
    "very large": TALL * 1e140,
    "very small": TALL * 1e-140,
}


def case(name, target, columns, standardized=False):
    """(X with a column of ones, y) of a file."""
    table = pd.read_csv(CASES / f"{name}.csv")
    features = table[list(columns)].to_numpy(float)
    if standardized:
        features = (features - features.mean(axis=0)) / features.std(axis=0)
    return np.column_stack([np.ones(len(features)), features]), table[target].to_numpy(float)


def best(X, y):
    return np.linalg.lstsq(X, y)[0]


@pytest.mark.parametrize("X", MATRICES.values(), ids=MATRICES)
def test_the_curvature_is_that_of_the_singular_values(X):
    """L, the smallest eigenvalue that is not 0, the condition number and the rank."""
    values = np.linalg.svd(X, compute_uv=False)
    rank = np.linalg.matrix_rank(X / np.where(X.any(axis=0), np.linalg.norm(X, axis=0), 1))
    curvature = Curvature(X)
    assert curvature.rank == rank
    assert curvature.condition == pytest.approx(values[0] / values[rank - 1], rel=1e-5)
    assert curvature.largest == pytest.approx(2 / len(X) * values[0] ** 2)
    assert curvature.smallest == pytest.approx(2 / len(X) * values[rank - 1] ** 2, rel=1e-5)
    assert curvature.largest_rate == pytest.approx(2 / curvature.largest) == pytest.approx(2 * curvature.default_rate)


def test_a_matrix_of_zeros_has_no_curvature():
    """Its rank is 0, its condition number 1, and every learning rate is stable."""
    curvature = Curvature(np.zeros((3, 2)))
    assert (curvature.rank, curvature.condition, curvature.largest, curvature.largest_rate) == (0, 1, 0, np.inf)


@pytest.mark.parametrize("name", ["tall", "wide", "square", "a column twice", "a row twice, wide", "a column of zeros"])
def test_the_distance_leads_to_a_minimum(name):
    """The gradient is 0 at beta - delta, and J falls by `excess`."""
    X, curvature = MATRICES[name], Curvature(MATRICES[name])
    y, beta = RNG.standard_normal(len(X)), RNG.standard_normal(X.shape[1])
    residual = y - X @ beta
    delta, excess = curvature.distance(residual, -2 / len(X) * X.T @ residual)
    left = y - X @ (beta - delta)
    np.testing.assert_allclose(X.T @ left, 0, atol=1e-12)
    assert excess == pytest.approx(np.mean(residual**2) - np.mean(left**2))


@pytest.mark.parametrize("accuracy", [0.5, 1e-3])
def test_the_contraction_is_that_from_the_worst_start(accuracy):
    """So many updates reach the accuracy, and one update less does not. Above 2/L, no number of updates does."""
    eigenvalues, vectors = np.linalg.eigh(2 / len(TALL) * TALL.T @ TALL)
    curvature = Curvature(TALL)
    y, rate = np.zeros(len(TALL)), curvature.default_rate
    updates = np.ceil(np.log(accuracy) / np.log(curvature.contraction(rate)))
    for count, reached in ((updates, True), (updates - 1, False)):
        beta = descend(TALL, y, "numpy_vectorized", rate, int(count), 0.0, vectors[:, 0]).beta
        assert (np.linalg.norm(beta) <= accuracy) == reached
    assert curvature.contraction(1.01 * curvature.largest_rate) > 1
    assert curvature.contraction(2 / (eigenvalues[0] + eigenvalues[-1])) < curvature.contraction(rate)


TABLE = [
    # file, target, columns, standardized, options: stop reason, near, condition, rank
    ("unnamed_index", "ozone", ["day", "temp"], True, {}, ("converged", True, 2.46, 3)),
    ("unnamed_index", "ozone", ["Unnamed: 0", "day", "temp"], True, {}, ("max_iter", False, 150, 4)),
    ("win_times", "time", ["year"], False, {}, ("converged", False, 1.009e5, 2)),
    ("win_times", "time", ["year"], False, {"tol": 0, "max_iter": 20_000}, ("max_iter", False, 1.009e5, 2)),
    ("win_times", "time", ["year"], False, {"standardize": True}, ("converged", True, 1, 2)),
    ("lake_level", "level", ["year", "decade"], True, {}, ("converged", False, 16.0, 3)),
    ("lake_level", "level", ["year", "decade"], False, {}, ("converged", False, 2.314e5, 3)),
    ("steps", "pressure", ["age"], False, {"learning_rate": 0.0006}, ("diverged", False, 126.4, 2)),
    ("dummy_trap", "price", ["red", "green", "blue", "size"], True, {}, ("converged", True, 1.39, 4)),
]


@pytest.mark.parametrize("backend", CORE)
@pytest.mark.parametrize(("name", "target", "columns", "standardized", "options", "expected"), TABLE)
def test_a_fit_says_whether_the_minimum_is_near(name, target, columns, standardized, options, expected, backend):
    """ "converged" says that the loss hardly changed, near_minimum that the coefficients are right."""
    X, y = case(name, target, columns, standardized)
    reason, near, condition, rank = expected
    fit = descend(X, y, backend, **options)
    assert (fit.stop_reason, fit.near_minimum, fit.rank) == (reason, near, rank)
    assert fit.condition == pytest.approx(condition, rel=3e-3)
    assert near == (fit.advice == "") == (fit.iterations_left == 0)
    wrong = np.abs(X @ (fit.beta - best(X, y))).max() if reason != "diverged" else np.inf
    assert near == (wrong < 0.01 * y.std())


def test_the_gradient_norm_is_the_length_of_the_gradient():
    """It is that of the last beta, in the columns of the descent."""
    X, y = case("lake_level", "level", ["year", "decade"], True)
    fit = descend(X, y, "numpy_vectorized")
    assert fit.gradient_norm == pytest.approx(np.linalg.norm(2 / len(y) * X.T @ (y - X @ fit.beta)))


@pytest.mark.parametrize(
    ("name", "target", "columns", "options"),
    [
        ("lake_level", "level", ["year", "decade"], {}),
        ("lake_level", "level", ["year", "decade"], {"learning_rate": 0.1, "max_iter": 5}),
        ("unnamed_index", "ozone", ["day", "temp"], {"max_iter": 0}),
        ("dummy_trap", "price", ["red", "green", "blue", "size"], {"max_iter": 3}),
    ],
)
def test_the_predicted_number_of_updates_leads_near_the_minimum(name, target, columns, options):
    """One update less does not."""
    X, y = case(name, target, columns, True)
    fit = descend(X, y, "numpy_vectorized", **options)
    total = fit.n_iter + int(fit.iterations_left)
    assert fit.iterations_left > 0
    for updates, near in ((total, True), (total - 1, False)):
        after = descend(X, y, "numpy_vectorized", **options | {"tol": 0, "max_iter": updates})
        assert after.near_minimum == near
        assert after.iterations_left == total - updates


@pytest.mark.parametrize("share", [0.004, 0.03])
@pytest.mark.parametrize("name", ["tall", "wide"])
def test_coefficients_within_one_percent_are_near(name, share):
    """This is true in any units of the columns and of y."""
    X = np.column_stack([np.ones(len(MATRICES[name])), MATRICES[name]])
    y = X @ np.arange(1.0, X.shape[1] + 1) + RNG.standard_normal(len(X))
    beta, units = best(X, y) * (1 + share), 2.0 ** RNG.integers(-30, 30, X.shape[1])
    distances = [
        nearness(Curvature(X * scale), y * unit, beta / scale * unit, 1e-9).distance
        for scale, unit in ((np.ones(X.shape[1]), 1.0), (units, 2.0**20))
    ]
    assert distances[0] == pytest.approx(distances[1])
    assert (distances[0] <= 0.01) == (share < 0.01)


def test_a_column_far_from_zero_is_judged_by_its_spread():
    """Its slope is 0 at the minimum, and the intercept such that the mean prediction is right."""
    x, z = RNG.standard_normal((2, 50))
    x += 1e7
    X, slope = np.column_stack([np.ones(50), x, z]), 0.003 * z.std() / x.std()
    beta = np.array([-slope * x.mean(), slope, 1.0])
    assert nearness(Curvature(X), z, beta, 1e-15).distance == pytest.approx(0.03, rel=1e-3)


def test_a_small_coefficient_is_compared_with_the_spread_of_y():
    """Its relative error may be large, if a standard deviation of its column moves y by less than 0.1 % of its own."""
    x = np.array([[1.0, -1, -1], [1, -1, 1], [1, 1, -1], [1, 1, 1]])
    y = x @ [5.0, 1.0, 1e-6]
    for error, near in ((0.9e-3, True), (1.1e-3, False)):
        beta0 = [5.0, 1.0, 1e-6 + error]
        assert descend(x, y, "numpy_vectorized", max_iter=0, beta0=beta0).near_minimum == near


@pytest.mark.parametrize("y", [[0.0, 0.0, 0.0], [3.0, 3.0, 3.0]])
def test_a_target_without_spread_has_a_minimum_to_be_near(y):
    """The size of y is the scale, or 1 if y is zero."""
    X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    assert descend(X, y, "numpy_vectorized", tol=0, beta0="random").near_minimum


@pytest.mark.parametrize("backend", CORE)
def test_a_rise_of_the_loss_is_a_divergence(backend):
    """The rule of the backends stays: they say only that the last loss is finite."""
    X, y = case("steps", "pressure", ["age"])
    fit = descend(X, y, backend, learning_rate=0.0006)
    assert np.isfinite(fit.losses[-1]) and fit.losses[-1] > fit.losses[0]
    assert fit.stop_reason == "diverged"
    assert backends.stop_reason(fit.losses, 1000, 1e-9) == "max_iter"


@pytest.mark.parametrize(
    ("dtype", "spread", "noise"), [("float64", 1, 1e-6), ("float32", 1, 1e-6), ("float64", 1e-6, 1)]
)
def test_a_rise_by_rounding_is_no_divergence(dtype, spread, noise):
    """A descent that starts at the minimum stays there. spread: by how much two columns differ."""
    rises = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((20, 3))
        y = (X @ rng.standard_normal(3) * 10 + noise * rng.standard_normal(20)).astype(dtype)
        X[:, 2] = (1 - spread) * X[:, 1] + spread * X[:, 2]
        X = X.astype(dtype)
        start = best(X.astype("f8"), y.astype("f8")).astype(dtype)
        fit = descend(X, y, "numpy_vectorized", tol=0, max_iter=3, beta0=start)
        rises += fit.losses[-1] > fit.losses[0]
        assert fit.stop_reason == "max_iter" and fit.near_minimum
    assert rises  # the last loss does lie above the first one in some of them


def test_a_fit_far_from_the_minimum_warns():
    """A fit near the minimum does not warn; the tests turn any warning into an error."""
    X, y = case("win_times", "time", ["year"])
    with pytest.warns(ConvergenceWarning, match="the minimum is not near") as caught:
        fit = solve(X, y, "numpy_vectorized")
    assert str(caught[0].message) == fit.advice and caught[0].filename == __file__
    assert solve(X, y, "numpy_vectorized", standardize=True).advice == ""


ADVICE = [
    ({}, "win_times", False, "51,000,000,000 more updates: the condition number of X is 1.01e+05 (root mean squares of its"
     " columns: 1 to 1.96e+03). tol stopped it early, because it is a share of the first loss, 104. With standardize=True,"
     " the condition number is 1, and it needs 1 update with tol=0."),
    ({"standardize": True, "max_iter": 0}, "win_times", False, "1 more update: the condition number of the standardized"
     " columns is 1. Use tol=0 and max_iter=1."),
    ({"max_iter": 3, "learning_rate": 1e-8}, "win_times", False, "learning_rate=1e-08 is 7.7 % of 1/L, which None uses."),
    ({"learning_rate": 3e-7, "max_iter": 9}, "win_times", False, "learning_rate=3e-07 is above the largest stable one, 2/L ="
     " 2.6e-07; None uses 1/L."),
    ({}, "lake_level", True, "21 % off, and the loss is 0.0587939 (0.0161394 at the minimum). It needs 779 more updates"),
    ({"standardize": True}, "lake_level", False, "more updates: the condition number of the standardized columns is 16, because"
     " some columns nearly depend on others. tol stopped it early"),
    ({}, "lake_level", True, "Use tol=0 and max_iter=1200."),
    ({"max_iter": 2}, "dummy_trap", True, "its rank is 4 with 5 columns, so coefficients are not unique"),
]  # fmt: skip
FILES = {
    "win_times": ("time", ["year"]),
    "lake_level": ("level", ["year", "decade"]),
    "dummy_trap": ("price", ["red", "green", "blue", "size"]),
}


@pytest.mark.parametrize(("options", "name", "standardized", "text"), ADVICE)
def test_advice_has_the_figures_of_the_problem(options, name, standardized, text):
    """How far, why, and what to do."""
    X, y = case(name, *FILES[name], standardized)
    assert text in descend(X, y, "numpy_vectorized", **options).advice


def test_advice_leaves_out_what_does_not_help():
    """The columns are standardized already, and have a column of ones."""
    X, y = case("lake_level", "level", ["year", "decade"], True)
    assert "With " not in descend(X, y, "numpy_vectorized").advice


def test_advice_names_the_missing_column_of_ones():
    """It helps where the columns have large means."""
    X, y = case("steps", "pressure", ["age"])
    table = np.column_stack([X[:, 1], X[:, 1] + RNG.standard_normal(len(X))])
    assert (
        "With a column of ones (an intercept), the condition"
        in descend(table, y, "numpy_vectorized", standardize=True, max_iter=2).advice
    )
    assert (
        "With a column of ones (an intercept) and standardize=True"
        in descend(table, y, "numpy_vectorized", max_iter=2).advice
    )


def test_advice_names_float32_where_its_digits_are_too_few():
    """The rounding of one update is larger than the smallest curvature."""
    X, y = (array.astype("f4") for array in case("win_times", "time", ["year"]))
    assert "use float64" in descend(X, y, "numpy_vectorized").advice


@pytest.mark.parametrize(
    ("backend", "dtype"), [*((name, "float64") for name in CORE), *((name, "float32") for name in CORE[1:])]
)
def test_standardized_columns_give_coefficients_in_the_units_of_the_user(backend, dtype):
    """The losses are those of the same predictions."""
    X, y = case("lake_level", "level", ["year", "decade"])
    X = X[:, [1, 0, 2]] * [1, 3, 1]  # the column of ones may stand anywhere and have any size
    fit = solve(X.astype(dtype), y.astype(dtype), backend, standardize=True, tol=0, max_iter=9000)
    assert fit.beta.dtype == fit.losses.dtype == dtype
    np.testing.assert_allclose(fit.beta, best(X, y), rtol=1e-9 if dtype == "float64" else 0.05)
    if dtype == "float64":
        assert fit.losses[-1] == pytest.approx(np.mean((y - X @ fit.beta) ** 2), rel=1e-6)
    assert fit.losses[0] == pytest.approx(np.mean(y**2))


def test_without_a_column_of_ones_columns_are_only_scaled():
    """No intercept is invented: the result is that of least squares through 0."""
    X, y = case("dummy_trap", "price", ["size", "red"])
    X = X[:, 1:] * [1000, 0.001]
    scaled = Scaling(X)
    np.testing.assert_allclose(np.mean(scaled.X**2, axis=0), 1)
    np.testing.assert_array_equal(scaled.means, 0)
    fit = solve(X, y, "numpy_vectorized", standardize=True, tol=0)
    np.testing.assert_allclose(fit.beta, best(X, y))


def test_a_start_of_standardized_columns_is_in_the_units_of_the_user():
    """The first loss is that of beta0, and the result without updates is beta0."""
    X, y = case("steps", "pressure", ["age"])
    X = np.column_stack([X, 0 * y])
    fit = descend(X, y, "numpy_vectorized", standardize=True, max_iter=0, beta0=[80.0, 0.9, 7.0])
    assert fit.losses[0] == pytest.approx(np.mean((y - 80 - 0.9 * X[:, 1]) ** 2))
    np.testing.assert_allclose(fit.beta, [80, 0.9, 7])


@pytest.mark.parametrize("backend", CORE)
def test_standardized_columns_take_any_size(backend):
    """1/L of the columns as they are is no float64 number."""
    X, y = case("steps", "pressure", ["age"])
    fit = solve(X * [1e200, 1e-200], y, backend, standardize=True)
    np.testing.assert_allclose(fit.beta * [1e200, 1e-200], best(X, y))


def test_standardized_columns_keep_the_digits_of_their_spread():
    """The mean is subtracted before anything is rounded."""
    x = np.arange(8.0)
    scaled = Scaling(np.column_stack([np.ones(8), 3e12 + x])).X
    np.testing.assert_allclose(scaled[:, 1], (x - 3.5) / x.std(), atol=1e-15)


@pytest.mark.parametrize(
    ("X", "y", "beta0", "text"),
    [
        (
            np.eye(2),
            [1e20, 1.0],
            None,
            r"y: found values up to 1e\+20, whose squares overflow float32; allowed: smaller",
        ),
        (np.eye(2), [1.0, 1.0], [0.0, 1e30], r"X: found values up to 1 in column 1, whose squared products with beta0"),
        (
            np.eye(2) * [1, 1e25],
            [1.0, 1.0],
            None,
            r"X: found values up to 1e\+25 in column 1, for which 1/L is not a float32",
        ),
    ],
)
def test_an_overflow_before_the_first_step_names_its_cause(X, y, beta0, text):
    """There is no fit that has "diverged" after 0 updates."""
    with pytest.raises(ValueError, match=text):
        solve(X.astype("f4"), np.array(y, "f4"), "numpy_vectorized", beta0=beta0)
