"""`solve`: one validation for all backends, stop reasons, start values, prediction and logging."""

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.contract import assert_contract, record_arrays
from helpers.effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from backends import BackendError, BackendUnavailable, _solve, load, names, solve, stop_reason
from backends._arguments import array, data, rule, start
from backends._curvature import Curvature, default_learning_rate
from backends._solve import first_stop
from bench.check.bound import reference
from bench.check.stopping import may_stop

pytestmark = pytest.mark.filterwarnings("ignore::backends.ConvergenceWarning")  # its tests expect it
X = np.array([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]])
Y = np.array([1.0, 2.0, -1.0, 0.5])


def is_installed(name):
    """Whether the library of a backend is installed."""
    try:
        load(name)
    except BackendUnavailable:
        return False
    return True


INSTALLED = list(filter(is_installed, names()))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            {"X": [[1.0, math.nan], [1.0, 2.0]], "y": [1.0, 2.0]},
            ValueError,
            r"X: found nan at index \(0, 1\); allowed: finite",
        ),
        ({"y": [1.0, math.inf, 0.0, 0.0]}, ValueError, r"y: found inf at index \(1,\); allowed: finite"),
        (
            {"X": np.empty((0, 2)), "y": []},
            ValueError,
            r"X: found an empty array, shape \(0, 2\); allowed: at least one row",
        ),
        ({"X": np.empty((3, 0)), "y": [1.0, 2.0, 3.0]}, ValueError, r"X: found an empty array, shape \(3, 0\)"),
        ({"X": [1.0, 2.0]}, ValueError, r"X: found 1 dimensions, shape \(2,\); allowed: 2 dimensions"),
        (
            {"y": [[1.0], [2.0], [3.0], [4.0]]},
            ValueError,
            r"y: found 2 dimensions, shape \(4, 1\); allowed: 1 dimension",
        ),
        ({"y": [1.0, 2.0]}, ValueError, r"y: found 2 values for 4 rows of X; allowed: one value per row"),
        ({"X": X * 1j}, TypeError, r"X: found dtype complex128; allowed: float64 and float32"),
        ({"X": np.array([["a", "b"]] * 4)}, TypeError, r"X: found dtype <U1"),
        ({"y": np.array([1, 2, 3, "a"], object)}, TypeError, r"y: found dtype object"),
        ({"y": np.array([1, 2, 3, None])}, ValueError, r"y: found None at index \(3,\); allowed: finite"),
        ({"X": X.astype(np.longdouble)}, TypeError, r"X: found dtype (longdouble|float128)"),
        ({"X": [[1.0, 2.0], [3.0]]}, ValueError, r"X: found no array"),
        ({"y": np.ma.masked_array(Y, [1, 0, 0, 0])}, ValueError, r"y: found 1 masked values"),
        ({"learning_rate": 0}, ValueError, r"learning_rate: found 0.0; allowed: a finite number > 0"),
        ({"learning_rate": -0.1}, ValueError, r"learning_rate: found -0.1"),
        ({"learning_rate": math.inf}, ValueError, r"learning_rate: found inf"),
        ({"learning_rate": math.nan}, ValueError, r"learning_rate: found nan"),
        ({"learning_rate": "0.1"}, TypeError, r"learning_rate: found '0.1' of type str; allowed: a real number"),
        ({"learning_rate": True}, TypeError, r"learning_rate: found True of type bool"),
        ({"tol": -1e-9}, ValueError, r"tol: found -1e-09; allowed: a number >= 0"),
        ({"tol": math.nan}, ValueError, r"tol: found nan"),
        ({"tol": None}, TypeError, r"tol: found None of type NoneType"),
        ({"max_iter": -1}, ValueError, r"max_iter: found -1; allowed: an integer from 0"),
        ({"max_iter": 10.0}, TypeError, r"max_iter: found 10.0 of type float; allowed: an integer"),
        ({"max_iter": True}, TypeError, r"max_iter: found True of type bool"),
        ({"max_iter": 10**20}, ValueError, r"max_iter: found 100000000000000000000; allowed"),
        ({"beta0": [1.0]}, ValueError, r"beta0: found 1 values; allowed: 2, one per column of X"),
        ({"beta0": [math.nan, 0.0]}, ValueError, r"beta0: found nan at index"),
        ({"beta0": "ones"}, ValueError, r"beta0: found 'ones'; allowed: None, \"random\""),
        ({"beta0": "random", "seed": -1}, ValueError, r"seed: found -1"),
        (
            {"X": X.astype("f4"), "y": Y.astype("f4"), "beta0": [1e300, 0]},
            ValueError,
            r"beta0: found a value too large for float32",
        ),
        (
            {"X": X * 1e200},
            ValueError,
            r"X: found values up to 2e\+200 in column 1, for which 1/L is not a float64 number",
        ),
        ({"log_every": 0}, ValueError, r"log_every: found 0; allowed: an integer >= 1"),
    ],
)
@pytest.mark.parametrize("name", names())
def test_an_invalid_argument_gives_one_clear_error(name, change, error, text):
    """The message has the argument, what was found and what is allowed. It is the same for all backends."""
    arguments = {"X": X, "y": Y} | change
    with pytest.raises(error, match=text):
        solve(arguments.pop("X"), arguments.pop("y"), name, **arguments)


def test_an_unknown_backend_is_refused():
    """The message has the most similar name and all names."""
    with pytest.raises(ValueError, match=r"'numba_jti' \(did you mean numba_jit\?\); allowed: .*python_loops"):
        solve(X, Y, "numba_jti")
    with pytest.raises(TypeError, match="backend: found int; allowed: a name or the path"):
        solve(X, Y, 3)


def test_a_dtype_that_a_backend_does_not_support_is_refused():
    """python_loops supports float64 only."""
    with pytest.raises(ValueError, match="X: found dtype float32; allowed with backend python_loops: float64"):
        solve(X.astype("f4"), Y.astype("f4"), "python_loops")


@pytest.mark.parametrize(
    "variant",
    [
        np.asfortranarray(X),
        X[::-1][::-1],
        np.repeat(X, 2, axis=0)[::2],
        X.astype(">f8"),
        np.broadcast_to(X, (1, 4, 2))[0],
    ],
    ids=["fortran", "negative strides", "strided", "big-endian", "read-only"],
)
@pytest.mark.parametrize("name", INSTALLED)
def test_every_memory_layout_gives_the_same_bits(name, variant):
    """Order, strides, byte order and read-only memory do not change the result."""
    assert solve(variant, Y, name).beta.tobytes() == solve(X, Y, name).beta.tobytes()


@pytest.mark.parametrize("name", INSTALLED)
def test_memory_mapped_input_gives_the_same_bits(name, tmp_path):
    """X is a read-only memory-mapped array."""
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert solve(mapped, Y, name).beta.tobytes() == solve(X, Y, name).beta.tobytes()


@pytest.mark.parametrize(
    ("x_type", "y_type", "result"),
    [
        ("f8", "f8", "f8"),
        ("f4", "f4", "f4"),
        ("f4", "f8", "f8"),
        ("f2", "f2", "f8"),
        ("i4", "i8", "f8"),
        ("?", "u1", "f8"),
        ("f4", "i4", "f8"),
    ],
)
def test_dtypes_are_cast_as_documented(x_type, y_type, result):
    """Two float32 arrays give float32; all other combinations give float64."""
    fit = solve(np.eye(3).astype(x_type), np.ones(3).astype(y_type), "numpy_vectorized")
    assert fit.beta.dtype == fit.losses.dtype == np.dtype(result)


def test_a_frame_of_integers_and_bools_is_taken():
    """pandas makes one of categories. R² is that of least squares on a file of the cases."""
    table = pd.read_csv(Path(__file__).with_name("data_cases") / "text_columns.csv")
    features = pd.get_dummies(table.drop(columns="price"), drop_first=True)
    features.insert(0, "one", 1)
    fit = solve(features, table["price"], "numpy_vectorized", standardize=True, tol=0)
    assert 1 - fit.losses[-1] / table["price"].var(ddof=0) == pytest.approx(0.995531, abs=1e-6)
    assert fit.beta[list(features).index("km")] == pytest.approx(-0.0597106, rel=1e-5)
    np.testing.assert_allclose(fit.predict(features)[:2], features[:2].to_numpy(float) @ fit.beta)


FRAMES = {
    "bools and floats": pd.DataFrame({"a": [True, False], "b": [0.5, 2.0]}),
    "nullable": pd.DataFrame({"a": [1, 0], "b": [0.5, 2.0]}).astype({"a": "Int64", "b": "Float64"}),
    "nullable bools": pd.DataFrame({"a": [True, False], "b": [0.5, 2.0]}).astype({"a": "boolean"}),
    "objects": pd.DataFrame({"a": [Decimal(1), 0], "b": [Fraction(1, 2), 2]}, dtype=object),
    "an array of objects": np.array([[True, 0.5], [0, np.float32(2)]], object),
    "categories of numbers": pd.DataFrame({"a": pd.Categorical([1, 0]), "b": [0.5, 2.0]}),
    "two columns of one name": pd.DataFrame([[1, 0.5], [0, 2]], columns=["a", "a"]),
    "polars": pl.DataFrame({"a": [True, False], "b": [0.5, 2.0]}),
    "a list": [[True, 0.5], [0, 2]],
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_of_real_numbers_are_taken(frame):
    """They are the same float64 array; a frame of float32 stays float32."""
    np.testing.assert_array_equal(array("X", frame, 2), [[1, 0.5], [0, 2]])
    assert array("X", frame, 2).dtype == np.float64
    assert array("X", pd.DataFrame({"a": [1.0], "b": [2.0]}, dtype="float32"), 2).dtype == np.float32


@pytest.mark.parametrize("values", [pd.Series([1, 0], dtype="Int64"), pl.Series([True, False]), pd.Series([True, 0])])
def test_series_are_taken(values):
    """Of nullable integers, bools and objects."""
    np.testing.assert_array_equal(array("y", values, 1), [1.0, 0.0])


@pytest.mark.parametrize(
    ("name", "value", "error", "text"),
    [
        (
            "X",
            pd.DataFrame(
                {"km": [1, 2], "brand": ["a", "b"], "day": pd.to_datetime(["2020-01-01"] * 2), "fuel": ["c", None]}
            ),
            TypeError,
            r"X: found columns without numbers: 'brand' \(text\), 'day' \(datetime64.*\), 'fuel' \(text\); allowed",
        ),
        (
            "X",
            pl.DataFrame({"km": [1, 2], "brand": ["a", None]}),
            TypeError,
            r"without numbers: 'brand' \(text\); allowed",
        ),
        ("X", pd.DataFrame({"a": [1j, 2]}), TypeError, r"without numbers: 'a' \(complex128\)"),
        ("X", pd.DataFrame({"a": pd.to_timedelta([1, 2], unit="s")}), TypeError, r"without numbers: 'a' \(timedelta64"),
        ("X", pd.DataFrame({"a": [True, pd.NA]}, dtype="boolean"), ValueError, "X: found <NA> at row 1 of column 'a'"),
        ("X", pd.DataFrame({"a": [1, 2], "b": [1, None]}), ValueError, "X: found nan at row 1 of column 'b'; allowed"),
        ("X", pd.DataFrame({"a": [1, None]}, dtype="Int64"), ValueError, "X: found (nan|<NA>) at row 1 of column 'a'"),
        ("X", pl.DataFrame({"a": [True, None]}), ValueError, "X: found None at row 1 of column 'a'"),
        ("X", pd.DataFrame(index=[0, 1]), ValueError, r"X: found an empty array, shape \(2, 0\)"),
        ("y", pd.Series([True, pd.NA], dtype="boolean"), ValueError, r"y: found <NA> at index \(1,\); allowed"),
        ("y", pd.Series(["a", "b"]), TypeError, "y: found dtype object with text; allowed"),
        ("y", [1, 10**5000], ValueError, r"y: found .* at index \(1,\); allowed: finite"),
        ("y", pd.DataFrame({"a": [1, 2]}), ValueError, r"y: found 2 dimensions, shape \(2, 1\)"),
    ],
)
def test_what_is_no_number_in_a_frame_is_named(name, value, error, text):
    """All columns without numbers at once, or the row and the column of a missing value."""
    with pytest.raises(error, match=text):
        array(name, value, 2 if name == "X" else 1)


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize(
    ("options", "reason", "n_iter"),
    [
        ({}, "converged", None),
        ({"tol": 0, "max_iter": 7}, "max_iter", 7),
        ({"max_iter": 0}, "max_iter", 0),
        ({"learning_rate": 1e3}, "diverged", None),
    ],
)
def test_fit_has_its_stop_reason(name, options, reason, n_iter):
    """There is one loss more than updates."""
    fit = solve(X, Y, name, **options)
    assert fit.stop_reason == reason
    assert fit.n_iter == len(fit.losses) - 1
    assert n_iter is None or fit.n_iter == n_iter
    assert math.isfinite(fit.losses[-1]) == (reason != "diverged")


def test_convergence_at_the_last_iteration_is_convergence():
    """If both rules hold at max_iter, the reason is "converged"."""
    n_iter = solve(X, Y, "numpy_vectorized").n_iter
    fit = solve(X, Y, "numpy_vectorized", max_iter=n_iter)
    assert (fit.stop_reason, fit.n_iter) == ("converged", n_iter)
    assert solve(X, Y, "numpy_vectorized", max_iter=n_iter - 1).stop_reason == "max_iter"


@pytest.mark.parametrize(
    ("losses", "max_iter", "reason"),
    [
        ([1.0, np.nan], 5, "diverged"),
        ([np.inf], 5, "diverged"),
        ([1.0, 0.99], 5, "converged"),
        ([1.0, 0.5], 1, "max_iter"),
        ([0.0, 0.0], 1, "max_iter"),  # the comparison is strict: 0 < 0 is false
    ],
)
def test_the_stop_reason_is_a_function_of_the_losses(losses, max_iter, reason):
    """It needs max_iter and tol, but not the backend."""
    assert stop_reason(np.array(losses), max_iter, 0.1) == reason


def test_first_stop_is_the_first_small_change():
    """|J_1 - J_2| is the first change below tol J_0."""
    assert first_stop(np.array([4.0, 2.0, 1.9]), 0.1) == 2


def test_the_default_learning_rate_is_one_over_l():
    """L is the largest eigenvalue of (2/n) XᵀX, also if n < d; the rate is 1 if X is zero."""
    assert default_learning_rate(X) == pytest.approx(1 / np.linalg.eigvalsh(2 / 4 * X.T @ X)[-1])
    assert default_learning_rate(np.zeros((3, 2))) == 1.0
    wide = np.arange(1.0, 13.0).reshape(2, 6)
    assert default_learning_rate(wide) == pytest.approx(1 / np.linalg.eigvalsh(wide.T @ wide)[-1])
    assert default_learning_rate(X * 1e150) == pytest.approx(default_learning_rate(X) / 1e300)


def test_beta0_is_zero_random_or_an_array():
    """Random values are small and depend on the seed alone; an array is copied."""
    assert not solve(X, Y, "numpy_vectorized", max_iter=0).beta.any()
    beta, other = (solve(X, Y, "numpy_vectorized", beta0="random", seed=seed, max_iter=0).beta for seed in (1, 2))
    assert not np.array_equal(beta, other)
    assert 0 < np.abs(beta).max() < 0.1
    np.testing.assert_array_equal(beta, solve(X, Y, "python_loops", beta0="random", seed=1, max_iter=0).beta)
    start = np.array([3.0, -2.0])
    result = solve(X, Y, "numpy_vectorized", beta0=start, max_iter=0).beta
    np.testing.assert_array_equal(result, start)
    assert not np.shares_memory(result, start)


@pytest.mark.parametrize("name", INSTALLED)
def test_solve_does_not_change_its_inputs(name):
    """X, y and beta0 are equal before and after."""
    features, target, beta0 = X.copy(), Y.copy(), np.ones(2)
    solve(features, target, name, beta0=beta0)
    for after, before in ((features, X), (target, Y), (beta0, np.ones(2))):
        np.testing.assert_array_equal(after, before)


def test_predictions_are_x_times_beta():
    """A wrong number of features or dimensions is refused."""
    fit = solve(X, Y, "numpy_vectorized")
    np.testing.assert_allclose(fit.predict([[1.0, 3.0]]), [fit.beta[0] + 3 * fit.beta[1]])
    with pytest.raises(ValueError, match="X_new: found 3 features; allowed: 2"):
        fit.predict([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="X_new: found 1 dimensions"):
        fit.predict([1.0, 2.0])


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("log_every", [1, 3, 1000])
@pytest.mark.parametrize("options", [{}, {"tol": 0, "max_iter": 10}, {"learning_rate": 1e3}, {"max_iter": 0}])
def test_logging_does_not_change_the_fit(name, log_every, options, capsys):
    """With log_every, beta, losses and stop reason are the same bits; the last line has the last loss."""
    logged, silent = solve(X, Y, name, log_every=log_every, **options), solve(X, Y, name, **options)
    assert logged.beta.tobytes() == silent.beta.tobytes()
    assert logged.losses.tobytes() == silent.losses.tobytes()
    assert logged.stop_reason == silent.stop_reason
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["iteration", str(silent.n_iter), "loss", f"{silent.losses[-1]:.6g}"]


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 5), (5, 1)])
def test_few_rows_converge_to_the_least_squares_residual(name, shape):
    """One row, one column, and fewer rows than columns are valid problems."""
    rng = np.random.default_rng(5)
    features, target = rng.standard_normal(shape), rng.standard_normal(shape[0])
    fit = solve(features, target, name, tol=0, max_iter=3000)
    residual = target - features @ np.linalg.lstsq(features, target)[0]
    np.testing.assert_allclose(target - fit.predict(features), residual, atol=1e-7)


numbers = st.floats(-8, 8).map(lambda value: round(value, 2))


@st.composite
def problems(draw):
    """(X, y, options, dtype) of a small problem; one in ten has non-finite values, and some arguments are invalid."""
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    cell = st.one_of(numbers, st.sampled_from([math.nan, math.inf])) if draw(st.integers(0, 9)) == 0 else numbers
    table = draw(st.lists(st.lists(cell, min_size=d, max_size=d), min_size=n, max_size=n))
    target = draw(st.lists(numbers, min_size=(m := draw(st.sampled_from([n, n, n, n + 1]))), max_size=m))
    options = {
        "learning_rate": draw(st.sampled_from([None, 0.01, 0.3, 1.0, 1e3, 0.0, math.nan])),
        "max_iter": draw(st.sampled_from([0, 1, 17, 17, -1])),
        "tol": draw(st.sampled_from([0.0, 1e-3, 0.1, 2.0, -1.0])),
        "beta0": draw(st.one_of(st.none(), st.lists(numbers, min_size=d, max_size=d))),
    }
    dtype = draw(st.sampled_from(["float64", "float64", "float32", "int64"]))
    return table, target, options, dtype


# JAX compiles for every new shape and max_iter, so the strategy has few of them.
@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(problems())
def test_backends_agree_on_any_input(problem):
    """All backends have the same error, or the same stop reason and number of updates up to rounding."""
    table, y, options, dtype = problem
    if dtype == "int64":
        table, y = [[int(v) if math.isfinite(v) else 0 for v in row] for row in table], [int(v) for v in y]
    features, target = np.array(table, dtype), np.array(y, dtype)
    outcomes: dict[str, Any] = {}
    for name in INSTALLED:
        if dtype == "float32" and name == "python_loops":
            continue
        try:
            fit = solve(features, target, name, **options)
        except (ValueError, TypeError) as error:
            outcomes[name] = str(error)
        else:
            outcomes[name] = fit.n_iter, fit.stop_reason
    if all(isinstance(outcome, str) for outcome in outcomes.values()):
        assert len(set(outcomes.values())) == 1
        return
    first, last, certain = allowed_stops(features, target, options)
    for name, outcome in outcomes.items():
        assert not isinstance(outcome, str), f"{name} raised: {outcome}"
        assert first <= outcome[0] <= last, f"{name} made {outcome[0]} updates; allowed: {first} to {last}"
    if certain:
        assert len({outcome[1] for outcome in outcomes.values()}) == 1, outcomes


def allowed_stops(features, target, options):
    """The first and the last number of updates at which correct arithmetic may stop, and whether the reason is certain.

    Rounding decides two cases: a change of the loss near the threshold (may_stop), and an overflow of n J_k, the sum of
    the squares, where J_k itself is finite.
    """
    features, target = data(features, target)
    options = {"learning_rate": None, "max_iter": 1000, "tol": 1e-9, "beta0": None} | options
    beta = start(options.pop("beta0"), 0, features)
    rate, max_iter, tol = rule(**options, curvature=Curvature(features))
    exact = reference(features, target, beta, rate, max_iter, features.dtype.name)
    limit = float(np.finfo(features.dtype).max)
    with np.errstate(over="ignore", invalid="ignore"):
        small = may_stop(exact.losses, exact.loss_bound, tol)
        over = (
            ~(len(features) * (exact.losses + exact.loss_bound) <= limit),
            ~(exact.losses - exact.loss_bound <= limit),
        )
    may, must = small[0] | over[0], small[1] | over[1]
    first, last = (int(np.argmax(stops)) if stops.any() else max_iter for stops in (may, must))
    certain = first == last and may[first] == must[first] and not (small[0][first] and over[0][first])
    return first, last, bool(certain)


def unaligned(array):
    """A copy of an array whose numbers do not start at multiples of their size."""
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    copy = buffer[1:].view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy


def read_only(array):
    array.flags.writeable = False
    return array


ARRAYS: dict[str, Any] = {
    "as they are": lambda a: a,
    "Fortran order": np.asfortranarray,
    "every second row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "unaligned": unaligned,
    "read-only": lambda a: read_only(a.copy()),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "a subclass": lambda a: a.view(type("Subclass", (np.ndarray,), {})),
    "masked, without a mask": np.ma.array,
    "integers": lambda a: a.astype(np.int16),
    "half precision": lambda a: a.astype(np.float16),
    "a list": lambda a: a.tolist(),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_prepare_gets_arrays_of_the_contract(kind, dtype, monkeypatch):
    """All kinds of arrays of the caller are converted. With log_every, this holds for each chunk."""
    calls = record_arrays(monkeypatch)
    rng = np.random.default_rng(0)
    X, y, beta0 = (ARRAYS[kind](rng.standard_normal(shape).astype(dtype)) for shape in ((6, 3), 6, 3))
    solve(X, y, "numpy_vectorized", max_iter=4, beta0=beta0)
    solve(X, y, "numpy_vectorized", max_iter=4, tol=0.0, beta0=beta0, log_every=2)
    assert len(calls) == 3
    for arrays in calls:
        assert_contract(arrays)


def test_a_fit_is_a_copy_of_the_arrays_of_its_backend(monkeypatch):
    """A backend that reuses its buffers does not change an earlier fit."""
    buffers = np.zeros(2), np.zeros(1)

    def fit(X, y, beta, learning_rate, max_iter, tol):
        buffers[0][:], buffers[1][:] = beta, beta[0]
        return buffers

    module = SimpleNamespace(prepare=lambda *arrays: arrays, fit=fit, to_numpy=lambda array: array)
    monkeypatch.setattr(_solve, "load", lambda name: module)
    first, second = (solve(X, Y, "mine", beta0=beta0, max_iter=0) for beta0 in ([1.0, 2.0], [3.0, 4.0]))
    assert (first.beta.tolist(), first.losses.tolist()) == ([1.0, 2.0], [1.0])
    assert (second.beta.tolist(), second.losses.tolist()) == ([3.0, 4.0], [3.0])


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (([0.0], [1.0]), r"fit returned beta of shape \(1,\); a backend returns \(2,\)"),
        (([0.0, 0.0], 1.0), r"fit returned losses of shape \(\); a backend returns \(n_iter \+ 1,\)"),
        (([0.0, 0.0], []), r"fit returned losses of shape \(0,\)"),
        ([0.0, 0.0, 0.0], r"fit returned list; allowed: \(beta, losses\)"),
    ],
)
def test_a_broken_backend_is_named(result, text, monkeypatch):
    """Its results have the wrong shape."""
    module = SimpleNamespace(prepare=lambda *arrays: arrays, fit=lambda *_: result, to_numpy=np.array)
    monkeypatch.setattr(_solve, "load", lambda name: module)
    with pytest.raises(BackendError, match=f"backend mine: {text}"):
        solve(X, Y, "mine")


def test_random_weights_have_a_standard_deviation_of_one_percent():
    """Their mean is 0. Equal seeds give equal weights."""
    columns = np.zeros((2, 10_000))
    beta, again = (start("random", 3, columns) for _ in range(2))
    assert beta.std() == pytest.approx(0.01, rel=0.05)
    assert abs(beta.mean()) < 0.0005
    np.testing.assert_array_equal(beta, again)


def test_predict_refuses_other_columns():
    """Two data frames have the same columns in the same order. An array has no names."""
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 5.0], "b": [1.0, 0.0, 2.0, 1.0]})
    fit = solve(frame, [1.0, 2.0, 3.0, 4.0], "numpy_vectorized", tol=0)
    assert fit.columns == ("a", "b")
    assert fit.predict(frame).tolist() == fit.predict(frame.to_numpy()).tolist()
    with pytest.raises(
        ValueError, match=r"X_new: found the columns \['b', 'a'\]; allowed: \['a', 'b'\], as in the fit"
    ):
        fit.predict(frame[["b", "a"]])
