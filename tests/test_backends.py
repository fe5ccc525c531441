"""One shared suite for every backend in the registry."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from helpers.judged import ONCE

import backends
from backends import solve
from backends._solve import default_learning_rate
from bench.check import checks
from bench.check.answer import as_arrays, judge
from bench.check.bound import UNIT
from bench.check.checks import CHECKS
from bench.data import problems

CORE = ("python_loops", "numpy_vectorized", "numba_jit", "jax_jit")


@pytest.fixture(autouse=True)
def exact_answers_once(monkeypatch):
    """The exact answer of each problem is computed once and shared by all backends."""
    for name, function in ONCE.items():
        monkeypatch.setattr(checks, name, function)


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_passes_the_cross_check(backend, check, dtype):
    """Every backend passes every check that `gdbench check` and the gate of `run` use."""
    if dtype in getattr(backend, "DTYPES", tuple(UNIT)):
        check(backend, dtype)


def test_is_plain_functions_of_the_contract(backend):
    """A backend defines the three functions with the contract's argument names, and no class of its own."""
    assert list(inspect.signature(backend.prepare).parameters) == ["X", "y", "beta"]
    assert list(inspect.signature(backend.fit).parameters) == ["X", "y", "beta", "learning_rate", "max_iter", "tol"]
    assert list(inspect.signature(backend.to_numpy).parameters) == ["array"]
    assert not [
        value for value in vars(backend).values() if inspect.isclass(value) and value.__module__ == backend.__name__
    ]


def test_says_what_it_is(backend):
    """Its header's first line is the summary that `gdbench list` prints."""
    assert backend.__doc__.split("\n")[0].endswith(".")


def test_imports_nothing_of_ours(backend):
    """A backend file stands alone: it can be copied out and started from."""
    source = Path(backend.__file__).read_text()
    assert "import bench" not in source
    assert "from bench" not in source
    assert "import backends" not in source
    assert "from backends" not in source


@pytest.mark.parametrize("name", CORE)
def test_the_dialects_share_their_sections(name):
    """The four core files hold the same steps in the same order, so that their diff is the lesson."""
    source = Path(backends.__file__).with_name(f"{name}.py").read_text()
    steps = ["def prepare(", "def fit(", "# predict: y_pred = X beta", "loss: J = (1/n) sum (y - y_pred)^2", "# stop?",
             "# gradient: -(2/n) X^T (y - y_pred)", "# update: beta := beta - learning_rate * gradient", "def to_numpy("]  # fmt: skip
    places = [source.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


def test_the_penguins_are_the_same_for_all(backend):
    """On real data all backends stop at the same iteration, for the same reason, at the same coefficients."""
    data = problems.penguins()
    ours = solve(data.X, data.y, Path(backend.__file__).stem, tol=1e-8)
    theirs = solve(data.X, data.y, "numpy_vectorized", tol=1e-8)
    assert (ours.n_iter, ours.stop_reason) == (theirs.n_iter, theirs.stop_reason)
    np.testing.assert_allclose(ours.beta, theirs.beta, rtol=1e-11)


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize(
    ("n", "d"),
    [
        *((513, 9), (1025, 7), (3000, 17), (7001, 5)),
        *(
            pytest.param(*size, marks=pytest.mark.slow)
            for size in ((511, 3), (512, 8), (2500, 8), (2561, 10), (600, 100))
        ),
    ],
)
def test_is_right_where_blocks_tiles_and_threads_meet(backend, dtype, n, d):
    """Within the bound at sizes on both sides of a tile, a block, and of what is shared between threads."""
    if dtype not in getattr(backend, "DTYPES", tuple(UNIT)):
        return
    data = problems.synthetic(n, d, 1)
    X, y, beta0 = data.X.astype(dtype), data.y.astype(dtype), np.zeros(d, dtype)
    rate = default_learning_rate(X)
    expected = ONCE["reference"](X, y, beta0, rate, 3, dtype, getattr(backend, "ALGORITHM", None) is not None)
    result = backend.fit(*backend.prepare(X, y, beta0), rate, 3, 0.0)
    judge(*as_arrays(backend, result), expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (17, 10), (1_537, 10), (10_007, 3), (3_001, 200)])
def test_the_tiles_of_numba_tuned_hold_x(n, d, dtype):
    """Tiles of equal height hold every row once, the rest is zeros, and columns start at cache lines."""
    X = np.arange(1, n * d + 1, dtype=dtype).reshape(n, d)
    tiles, y, _ = backends.load("numba_tuned").prepare(X, np.ones(n, dtype), np.zeros(d, dtype))
    rows = tiles.transpose(0, 2, 1).reshape(-1, d)
    assert np.array_equal(rows[:n], X)
    assert not rows[n:].any()
    assert len(y) == n
    assert tiles.ctypes.data % 64 == 0
    assert tiles.shape[2] * tiles.itemsize % 64 == 0
    assert len(rows) - n < 16 * len(tiles)
