"""The tests that each backend in the registry must pass."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.judged import CACHED, cache_exact_answers

import backends
from backends import solve
from backends._curvature import default_learning_rate
from backends._registry import CORE
from bench.check.answer import as_arrays, judge
from bench.check.bound import UNIT
from bench.check.checks import CHECKS
from bench.data import problems


@pytest.fixture(autouse=True)
def cached_answers(monkeypatch):
    """Share the exact answer of each problem among all backends."""
    cache_exact_answers(monkeypatch)


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_passes_the_cross_check(backend, check, dtype):
    """Each backend passes each check of `gdbench check` and of the worker of `run`."""
    if dtype in getattr(backend, "DTYPES", tuple(UNIT)):
        check(backend, dtype)


def test_defines_the_functions_of_the_contract(backend):
    """The three functions have the argument names of the contract. The file defines no class."""
    assert list(inspect.signature(backend.prepare).parameters) == ["X", "y", "beta"]
    assert list(inspect.signature(backend.fit).parameters) == ["X", "y", "beta", "learning_rate", "max_iter", "tol"]
    assert list(inspect.signature(backend.to_numpy).parameters) == ["array"]
    assert not [cls for _, cls in inspect.getmembers(backend, inspect.isclass) if cls.__module__ == backend.__name__]


def test_docstring_begins_with_a_summary(backend):
    """The first line of the docstring is a sentence, which `gdbench list` prints."""
    assert backend.__doc__.split("\n")[0].endswith(".")


def test_imports_neither_bench_nor_backends(backend):
    """A backend file works on its own and can be copied."""
    assert not re.search("(import|from) (bench|backends)", Path(backend.__file__).read_text())


@pytest.mark.parametrize("name", CORE)
def test_core_files_have_the_same_steps(name):
    """The four core files have the same steps in the same order."""
    source = Path(backends.__file__).with_name(f"{name}.py").read_text()
    steps = ["def prepare(", "def fit(", "# predict: y_pred = X beta", "loss: J = (1/n) sum (y - y_pred)^2", "# stop?",
             "# gradient: -(2/n) X^T (y - y_pred)", "# update: beta := beta - learning_rate * gradient", "def to_numpy("]  # fmt: skip
    positions = [source.find(step) for step in steps]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_backends_agree_on_the_penguins(backend):
    """On real data all backends stop at the same iteration, for the same reason, at the same coefficients."""
    data = problems.penguins()
    fit = solve(data.X, data.y, Path(backend.__file__).stem, tol=1e-8)
    expected = solve(data.X, data.y, "numpy_vectorized", tol=1e-8)
    assert (fit.n_iter, fit.stop_reason) == (expected.n_iter, expected.stop_reason)
    np.testing.assert_allclose(fit.beta, expected.beta, rtol=1e-11)


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize(
    ("n", "d"),
    [(513, 9), (1025, 7), (3000, 17), (7001, 5)]
    + [pytest.param(*size, marks=pytest.mark.slow) for size in [(511, 3), (512, 8), (2500, 8), (2561, 10), (600, 100)]],
)
def test_is_right_at_block_and_tile_sizes(backend, dtype, n, d):
    """The error is within its bound at sizes just below and just above those of blocks, tiles and chunks of threads."""
    if dtype not in getattr(backend, "DTYPES", tuple(UNIT)):
        return
    data = problems.synthetic(n, d, 1)
    X, y, beta0 = data.X.astype(dtype), data.y.astype(dtype), np.zeros(d, dtype)
    rate = default_learning_rate(X)
    expected = CACHED["reference"](X, y, beta0, rate, 3, dtype, getattr(backend, "ALGORITHM", None) is not None)
    result = backend.fit(*backend.prepare(X, y, beta0), rate, 3, 0.0)
    judge(*as_arrays(backend, result), expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (17, 10), (1_537, 10), (10_007, 3), (3_001, 200)])
def test_tiles_of_numba_tuned_contain_all_rows(n, d, dtype):
    """The tiles contain each row once and are padded with zeros. Columns begin at cache lines."""
    X = np.arange(1, n * d + 1, dtype=dtype).reshape(n, d)
    tiles, y, _ = backends.load("numba_tuned").prepare(X, np.ones(n, dtype), np.zeros(d, dtype))
    rows = tiles.transpose(0, 2, 1).reshape(-1, d)
    assert np.array_equal(rows[:n], X)
    assert not rows[n:].any()
    assert len(y) == n
    assert tiles.ctypes.data % 64 == 0
    assert tiles.shape[2] * tiles.itemsize % 64 == 0
    assert len(rows) - n < 16 * len(tiles)
