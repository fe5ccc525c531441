"""`GradientDescentRegressor`, the backends as an estimator of scikit-learn."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import check_estimator
from statsmodels.datasets import longley

import backends
from backends import GradientDescentRegressor, solve
from bench.data import problems

CORE = ("python_loops", "numpy_vectorized", "numba_jit", "jax_jit")


def penguins():
    table = pd.read_csv(problems.PENGUINS).dropna()
    return table[["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]], table["body_mass_g"]


def longley_data():
    data = longley.load_pandas()
    return data.exog, data.endog


SOURCES = {
    "penguins": penguins,
    "diabetes": lambda: load_diabetes(return_X_y=True, as_frame=True),
    "longley": longley_data,
}


@pytest.mark.parametrize("name", CORE)
def test_it_passes_all_checks_of_scikit_learn(name):
    """No check may fail. The one for arrays of other libraries runs only if SCIPY_ARRAY_API is set."""
    results = check_estimator(GradientDescentRegressor(name), on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}
    assert len(results) > 40


DESCENTS = [  # of as many updates as the condition number of the standardized columns needs: 3, 22 and 111
    *((name, "penguins", 500, 11) for name in CORE),
    ("numba_jit", "diabetes", 20_000, 11),
    ("numba_jit", "longley", 900_000, 8),
]


@pytest.mark.parametrize(("name", "source", "max_iter", "digits"), DESCENTS)
def test_coefficients_are_those_of_linear_regression(name, source, max_iter, digits):
    """They agree to the digits that the condition number allows."""
    X, y = SOURCES[source]()
    model, expected = GradientDescentRegressor(name, tol=0, max_iter=max_iter).fit(X, y), LinearRegression().fit(X, y)
    assert model.fit_.near_minimum
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=10.0**-digits)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, rtol=10.0**-digits)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=10.0**-digits)
    assert model.score(X, y) == pytest.approx(expected.score(X, y))
    assert list(model.feature_names_in_) == list(X.columns)


def test_without_an_intercept_it_is_least_squares_through_zero():
    """intercept_ is 0."""
    X, y = penguins()
    model = GradientDescentRegressor("numpy_vectorized", fit_intercept=False, tol=0, max_iter=30_000).fit(X, y)
    expected = LinearRegression(fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_)
    assert model.intercept_ == 0.0


def test_the_attributes_are_those_of_solve():
    """The descent is that of `solve` with a column of ones."""
    X, y = penguins()
    model = GradientDescentRegressor("numpy_vectorized", standardize=False, learning_rate=1e-6, max_iter=7)
    with pytest.warns(ConvergenceWarning, match="With standardize=True, the condition number is 2.95"):
        model.fit(X, y)
    with pytest.warns(backends.ConvergenceWarning):
        fit = solve(np.column_stack([np.ones(len(X)), X]), y, "numpy_vectorized", 1e-6, 7)
    assert [model.intercept_, *model.coef_] == fit.beta.tolist()
    assert (model.n_iter_, model.stop_reason_, model.n_features_in_) == (7, "max_iter", 3)
    np.testing.assert_array_equal(model.loss_history_, fit.losses)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_warm_start_continues_the_descent(fit_intercept):
    """Two fits of 5 updates are one of 10."""
    X, y = penguins()
    options = {"tol": 0, "max_iter": 5, "learning_rate": 0.1, "fit_intercept": fit_intercept}
    model = GradientDescentRegressor("numpy_vectorized", warm_start=True, **options)
    first, second = model.fit(X, y).loss_history_, model.fit(X, y).loss_history_
    whole = GradientDescentRegressor("numpy_vectorized", **options | {"max_iter": 10}).fit(X, y)
    np.testing.assert_allclose([*first, *second[1:]], whole.loss_history_)
    np.testing.assert_allclose(model.coef_, whole.coef_)
    assert model.set_params(warm_start=False).fit(X, y).loss_history_[0] == first[0]


def test_beta0_is_the_first_coefficients():
    """With an intercept, it may come first; without its value, it is 0."""
    X, y = penguins()
    expected = LinearRegression().fit(X, y)
    start = [expected.intercept_, *expected.coef_]
    model = GradientDescentRegressor("numpy_vectorized", max_iter=0)
    assert model.set_params(beta0=start).fit(X, y).fit_.near_minimum
    with pytest.warns(ConvergenceWarning):
        model.set_params(beta0=expected.coef_).fit(X, y)
    assert model.loss_history_[0] == pytest.approx(np.mean((y - X @ expected.coef_) ** 2))
    with pytest.raises(ValueError, match="beta0: found 2 values; allowed: 4"):
        model.set_params(beta0=[1.0, 2.0]).fit(X, y)


def test_random_starts_depend_on_random_state():
    """Equal states give equal weights."""
    X, y = penguins()
    with pytest.warns(ConvergenceWarning):
        first, again, other = (
            GradientDescentRegressor("numpy_vectorized", beta0="random", random_state=seed, max_iter=0).fit(X, y).coef_
            for seed in (1, 1, 2)
        )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_verbose_prints_the_loss(capsys):
    """0 and False print nothing; True prints every loss but the first."""
    X, y = penguins()
    GradientDescentRegressor("numpy_vectorized", verbose=False).fit(X, y)
    assert capsys.readouterr().out == ""
    model = GradientDescentRegressor("numpy_vectorized", verbose=20).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == -(-model.n_iter_ // 20)
    assert lines[0].split()[:2] == ["iteration", "20"]
    model.set_params(verbose=True).fit(X, y)
    assert len(capsys.readouterr().out.splitlines()) == model.n_iter_


def test_it_works_in_scikit_learn_and_pickles():
    """Pipeline, GridSearchCV, cross_val_score; a pickle predicts the same."""
    X, y = penguins()
    pipeline = make_pipeline(
        PolynomialFeatures(2, include_bias=False), GradientDescentRegressor("numpy_vectorized", tol=0)
    )
    grid = {"gradientdescentregressor__max_iter": [3, 300], "polynomialfeatures__degree": [1]}
    with pytest.warns(ConvergenceWarning):
        search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_["gradientdescentregressor__max_iter"] == 300
    scores = cross_val_score(GradientDescentRegressor("numpy_vectorized", tol=0), X, y, cv=3)
    np.testing.assert_allclose(scores, cross_val_score(LinearRegression(), X, y, cv=3))
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))


def test_frames_of_polars_and_of_many_dtypes_are_taken():
    """Bools, nullable numbers and categories of numbers give the same fit as floats."""
    X = pd.DataFrame({"a": [True, False, True, True, False], "b": [1.5, 2.0, 4.0, 3.0, 0.0]})
    y, model = [1.0, 2.0, 3.0, 2.5, 0.5], GradientDescentRegressor("numpy_vectorized")
    expected = model.fit(X.to_numpy(float), y).coef_
    for frame in (
        X,
        X.astype({"a": "boolean", "b": "Float64"}),
        pl.DataFrame({"a": X["a"].to_list(), "b": X["b"].to_list()}),
    ):
        np.testing.assert_array_equal(model.fit(frame, y).coef_, expected)
        assert list(model.feature_names_in_) == ["a", "b"]
    with pytest.raises(TypeError, match=r"X: found columns without numbers: 'c' \(text\)"):
        model.fit(X.assign(c=["x", "y", "z", "x", "y"]), y)


def test_float32_stays_float32_where_the_backend_has_it():
    """python_loops has float64 only."""
    X, y = (np.asarray(values, np.float32) for values in penguins())
    for name, dtype in (("numpy_vectorized", np.float32), ("python_loops", np.float64)):
        assert GradientDescentRegressor(name, tol=0, max_iter=100).fit(X, y).coef_.dtype == dtype


def test_importing_backends_does_not_need_scikit_learn():
    """Only the use of the estimator does, and the message says what to install."""
    code = """
import sys
import backends
assert "sklearn" not in sys.modules and "pandas" not in sys.modules
sys.modules["sklearn"] = None
try:
    from backends import GradientDescentRegressor
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("GradientDescentRegressor needs scikit-learn") and "gdbench[sklearn]" in done.stdout
