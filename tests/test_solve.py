"""The library door: one validation for all backends, stop reasons, prediction, the loss while it trains."""

import math
from typing import Any

import numpy as np
import pytest
from helpers.effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from backends import BackendUnavailable, load, names, solve, stop_reason
from backends._solve import default_learning_rate, first_stop, validate
from bench.check.bound import reference
from bench.check.stopping import may_stop

X = np.array([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]])
Y = np.array([1.0, 2.0, -1.0, 0.5])


def installed():
    found = []
    for name in names():
        try:
            load(name)
        except BackendUnavailable:
            continue
        found.append(name)
    return found


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
        ({"y": np.array([1, 2, 3, None])}, TypeError, r"y: found dtype object"),
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
        ({"X": X * 1e200}, ValueError, r"X: found values up to 2e\+200, for which 1/L is no float64 number"),
        ({"log_every": 0}, ValueError, r"log_every: found 0; allowed: an integer >= 1"),
    ],
)
@pytest.mark.parametrize("name", names())
def test_bad_input_is_one_clear_error(name, change, error, text):
    """Each bad argument raises the same error whatever the backend: its name, what was found, what is allowed."""
    arguments = {"X": X, "y": Y} | change
    with pytest.raises(error, match=text):
        solve(arguments.pop("X"), arguments.pop("y"), name, **arguments)


def test_unknown_backend_names_the_known_ones():
    """A misspelt name is answered with the nearest one and with all that are allowed."""
    with pytest.raises(ValueError, match=r"'numba_jti' \(did you mean numba_jit\?\); allowed: .*python_loops"):
        solve(X, Y, "numba_jti")
    with pytest.raises(TypeError, match="backend: found int; allowed: a name or the path"):
        solve(X, Y, 3)


def test_a_dtype_that_a_backend_lacks_is_refused():
    """python_loops computes in float64 only, and says so instead of answering in another dtype."""
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
@pytest.mark.parametrize("name", installed())
def test_every_memory_layout_gives_the_same_bits(name, variant):
    """Order, strides, byte order and read-only memory change nothing."""
    assert solve(variant, Y, name).beta.tobytes() == solve(X, Y, name).beta.tobytes()


def test_memory_mapped_input(tmp_path):
    """A memory-mapped read-only array works."""
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for name in installed():
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
    """Two float32 arrays stay float32; everything else is computed in float64."""
    fit = solve(np.eye(3).astype(x_type), np.ones(3).astype(y_type), "numpy_vectorized")
    assert fit.beta.dtype == fit.losses.dtype == np.dtype(result)


@pytest.mark.parametrize("name", installed())
@pytest.mark.parametrize(
    ("options", "reason", "n_iter"),
    [
        ({}, "converged", None),
        ({"tol": 0, "max_iter": 7}, "max_iter", 7),
        ({"max_iter": 0}, "max_iter", 0),
        ({"learning_rate": 1e3}, "diverged", None),
    ],
)
def test_stop_reasons(name, options, reason, n_iter):
    """It says why it stopped, and the number of losses is the number of updates and one."""
    fit = solve(X, Y, name, **options)
    assert fit.stop_reason == reason
    assert fit.n_iter == len(fit.losses) - 1
    assert n_iter is None or fit.n_iter == n_iter
    assert math.isfinite(fit.losses[-1]) == (reason != "diverged")


def test_converged_at_the_last_iteration_is_converged():
    """Where the rule holds at max_iter itself, the reason is convergence."""
    whole = solve(X, Y, "numpy_vectorized")
    again = solve(X, Y, "numpy_vectorized", max_iter=whole.n_iter)
    assert (again.stop_reason, again.n_iter) == ("converged", whole.n_iter)
    assert solve(X, Y, "numpy_vectorized", max_iter=whole.n_iter - 1).stop_reason == "max_iter"


def test_stop_reason_of_losses():
    """The reason is a function of the losses alone."""
    assert stop_reason(np.array([1.0, np.nan]), 5, 0.1) == "diverged"
    assert stop_reason(np.array([np.inf]), 5, 0.1) == "diverged"
    assert stop_reason(np.array([1.0, 0.99]), 5, 0.1) == "converged"
    assert stop_reason(np.array([1.0, 0.5]), 1, 0.1) == "max_iter"
    assert stop_reason(np.array([0.0, 0.0]), 1, 0.1) == "max_iter"  # strict: 0 is not smaller than 0
    assert first_stop(np.array([4.0, 2.0, 1.9]), 0.1) == 2


def test_the_default_learning_rate_is_one_over_l():
    """1/L with L the largest eigenvalue of (2/n) XᵀX; 1 where X is zero; of the smaller Gram matrix where n < d."""
    assert default_learning_rate(X) == pytest.approx(1 / np.linalg.eigvalsh(2 / 4 * X.T @ X)[-1])
    assert default_learning_rate(np.zeros((3, 2))) == 1.0
    wide = np.arange(1.0, 13.0).reshape(2, 6)
    assert default_learning_rate(wide) == pytest.approx(1 / np.linalg.eigvalsh(wide.T @ wide)[-1])
    assert default_learning_rate(X * 1e150) == pytest.approx(default_learning_rate(X) / 1e300)


def test_starts():
    """Zeros by default, small seeded numbers on request, or the caller's own."""
    assert not solve(X, Y, "numpy_vectorized", max_iter=0).beta.any()
    one, two = (solve(X, Y, "numpy_vectorized", beta0="random", seed=seed, max_iter=0).beta for seed in (1, 2))
    assert not np.array_equal(one, two)
    assert 0 < np.abs(one).max() < 0.1
    np.testing.assert_array_equal(one, solve(X, Y, "python_loops", beta0="random", seed=1, max_iter=0).beta)
    start = np.array([3.0, -2.0])
    result = solve(X, Y, "numpy_vectorized", beta0=start, max_iter=0).beta
    np.testing.assert_array_equal(result, start)
    assert not np.shares_memory(result, start)


def test_inputs_are_left_alone():
    """solve changes none of the caller's arrays."""
    kept = X.copy(), Y.copy(), np.ones(2)
    given_ = X.copy(), Y.copy(), np.ones(2)
    for name in installed():
        solve(given_[0], given_[1], name, beta0=given_[2])
    for before, after in zip(kept, given_, strict=True):
        np.testing.assert_array_equal(before, after)


def test_predict():
    """Predictions are X_new beta, and a wrong number of features is named."""
    fit = solve(X, Y, "numpy_vectorized")
    np.testing.assert_allclose(fit.predict([[1.0, 3.0]]), [fit.beta[0] + 3 * fit.beta[1]])
    with pytest.raises(ValueError, match="X_new: found 3 features; allowed: 2"):
        fit.predict([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="X_new: found 1 dimensions"):
        fit.predict([1.0, 2.0])


@pytest.mark.parametrize("name", installed())
@pytest.mark.parametrize("log_every", [1, 3, 1000])
@pytest.mark.parametrize("options", [{}, {"tol": 0, "max_iter": 10}, {"learning_rate": 1e3}, {"max_iter": 0}])
def test_logging_changes_nothing(name, log_every, options, capsys):
    """With the loss printed while it trains, the answer is bit for bit that without."""
    logged, silent = solve(X, Y, name, log_every=log_every, **options), solve(X, Y, name, **options)
    assert logged.beta.tobytes() == silent.beta.tobytes()
    assert logged.losses.tobytes() == silent.losses.tobytes()
    assert logged.stop_reason == silent.stop_reason
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["iteration", str(silent.n_iter), "loss", f"{silent.losses[-1]:.6g}"]


@pytest.mark.parametrize("name", installed())
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 5), (5, 1)])
def test_few_rows_are_valid_problems(name, shape):
    """One row, one column, and fewer rows than columns converge to a residual of what cannot be fitted."""
    rng = np.random.default_rng(5)
    features, targets = rng.standard_normal(shape), rng.standard_normal(shape[0])
    fit = solve(features, targets, name, tol=0, max_iter=3000)
    best = targets - features @ np.linalg.lstsq(features, targets)[0]
    np.testing.assert_allclose(targets - fit.predict(features), best, atol=1e-7)


numbers = st.floats(-8, 8).map(lambda value: round(value, 2))


@st.composite
def problems(draw):
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


# JAX compiles for every new shape and max_iter: few of both are drawn, and many values.
@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(problems())
def test_no_input_makes_two_backends_disagree(problem):
    """The error raised, the stop reason and the number of iterations are those of every other backend."""
    table, target, options, dtype = problem
    if dtype == "int64":
        table, target = [[int(v) if math.isfinite(v) else 0 for v in row] for row in table], [int(v) for v in target]
    features, values = np.array(table, dtype), np.array(target, dtype)
    computing = [name for name in installed() if dtype != "float32" or name != "python_loops"]
    outcomes: dict[str, Any] = {}
    for name in computing:
        try:
            fit = solve(features, values, name, **options)
        except (ValueError, TypeError) as error:
            outcomes[name] = str(error)
        else:
            outcomes[name] = fit.n_iter, fit.stop_reason
    if all(isinstance(outcome, str) for outcome in outcomes.values()):
        assert len(set(outcomes.values())) == 1
        return
    first, last, certain = allowed_stops(features, values, options)
    for name, outcome in outcomes.items():
        assert not isinstance(outcome, str), f"{name} raised: {outcome}"
        assert first <= outcome[0] <= last, f"{name} made {outcome[0]} updates; allowed: {first} to {last}"
    if certain:
        assert len({outcome[1] for outcome in outcomes.values()}) == 1, outcomes


def allowed_stops(features, values, options):
    """The first and the last number of updates at which correct arithmetic may stop, and whether the reason is certain.

    Two things may fall on either side: a loss change within rounding of the threshold (may_stop), and
    an overflow where n J_k, the sum of the squares, exceeds the largest float and J_k does not.
    """
    features, values, beta, rate, max_iter, tol = validate(features, values, **options)
    found = reference(features, values, beta, rate, max_iter, features.dtype.name)
    limit = float(np.finfo(features.dtype).max)
    with np.errstate(over="ignore", invalid="ignore"):
        small = may_stop(found.losses, found.loss_bound, tol)
        over = (
            ~(len(features) * (found.losses + found.loss_bound) <= limit),
            ~(found.losses - found.loss_bound <= limit),
        )
    may, must = small[0] | over[0], small[1] | over[1]
    first, last = (int(np.argmax(where)) if where.any() else max_iter for where in (may, must))
    certain = first == last and may[first] == must[first] and not (small[0][first] and over[0][first])
    return first, last, bool(certain)
