"""Which backends there are, and how a name or a file becomes a module."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import backends
from backends import BackendError, BackendUnavailable, _registry, describe, load, names, solve

LAZY = """
import sys
{statement}
loaded = [name for name in ("jax", "numba", "scipy", "matplotlib", "torch") if name in sys.modules]
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import backends",
        "import backends; backends.names(); [backends.describe(name) for name in backends.names()]",
        "import backends; backends.solve([[1.0]], [1.0], 'numpy_vectorized')",
        "import bench.cli",
        "import bench.cli; bench.cli.app(['list', '--json'])",
        "import bench.cli; bench.cli.app(['--help'])",
        "import bench.measure.conftest, bench.runtime.process, bench.records",
    ],
)
def test_nothing_heavy_is_imported(statement):
    """Listing, describing and helping load no array library but NumPy."""
    done = subprocess.run(
        [sys.executable, "-c", LAZY.format(statement=statement)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_worker_starts_bare():
    """The worker's pytest session loads no NumPy before the backend: its import is timed from nothing."""
    code = "import sys, pytest, pytest_benchmark.plugin, bench.measure.conftest, bench.measure.test_speed\nassert 'numpy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_are_the_files():
    """Every file beside the registry is a backend, in reading order, and nothing else is."""
    stems = {path.stem for path in Path(backends.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert set(names()) >= stems
    assert names()[:4] == ["python_loops", "numpy_vectorized", "numba_jit", "jax_jit"]


def test_a_file_is_loaded_under_a_private_name(tmp_path, fresh):
    """A user's file named like a module of ours or of the world shadows nothing."""
    for stem in ("numpy", "bench", "json"):
        before = sys.modules.get(stem)
        module = load(fresh(stem))
        assert sys.modules.get(stem) is before
        assert module.__name__.startswith("_gdbench_file_")
    assert solve([[1.0]], [1.0], str(tmp_path / "bench.py")).beta == pytest.approx([1.0])


def test_an_edited_file_is_loaded_anew(fresh):
    """The same path gives the same module until the file changes."""
    path = fresh("mine")
    one = load(path)
    assert load(path) is one
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert load(path).EDITED


def test_a_missing_library_is_unavailable(tmp_path):
    """It says what to install, and listing knows it without importing."""
    path = tmp_path / "needs.py"
    path.write_text("import sklearn_of_tomorrow.linear\n")
    with pytest.raises(
        BackendUnavailable, match="sklearn_of_tomorrow is not installed; try: pip install sklearn_of_tomorrow"
    ):
        load(path)
    assert "pip install sklearn_of_tomorrow" in describe(path).missing
    assert describe(path).version is None


@pytest.mark.parametrize("name", ["numba_jit", "jax_jit"])
def test_without_its_library_a_core_backend_is_unavailable(name):
    """With the library gone, the others work and this one names what to install."""
    library = name.partition("_")[0]
    code = f"""
import sys
sys.modules[{library!r}] = None  # what an import finds where there is none
import backends
assert "pip install {library}" in backends.describe({name!r}).missing
try:
    backends.solve([[1.0]], [1.0], {name!r})
except backends.BackendUnavailable as error:
    assert "pip install {library}" in str(error)
else:
    raise SystemExit("no error")
assert backends.solve([[1.0]], [1.0], "numpy_vectorized").beta[0] == 1
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def prepare(:", "SyntaxError at import"),
        ("raise SystemExit(0)", "SystemExit at import"),
        ("raise ValueError('no')", "ValueError at import: no"),
        ("import numpy.nothing_of_this_name", "ModuleNotFoundError at import"),
        ("from numpy import nothing_of_this_name", "ImportError at import"),
        ("from . import sibling", "ImportError at import"),
        ("prepare = fit = print", "it defines no function to_numpy"),
        ("fit = 3", "it defines no function prepare, fit, to_numpy"),
    ],
)
def test_a_broken_file_is_an_error_and_not_unavailable(tmp_path, text, message):
    """What is wrong with a file is said, and never taken for a missing library."""
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(BackendError, match=message) as caught:
        load(path)
    assert not isinstance(caught.value, BackendUnavailable)


@pytest.mark.parametrize("name", ["nothing.py", "no/such/file.py", "README.md/", ""])
def test_a_name_that_is_nothing_is_bad_input(name):
    """ValueError with what is allowed."""
    with pytest.raises(ValueError, match=r"allowed: the path of a \.py file, or one of python_loops"):
        load(name)


def test_a_package_can_offer_a_backend(monkeypatch, fresh):
    """An entry point of the group gdbench.backends is one more name, and none replaces ours."""
    path = fresh("offered_backend")
    monkeypatch.syspath_prepend(path.parent)
    points = [
        EntryPoint("offered", "offered_backend", "gdbench.backends"),
        EntryPoint("numpy_vectorized", "offered_backend", "gdbench.backends"),
    ]
    monkeypatch.setattr(
        _registry.importlib.metadata, "entry_points", lambda group: points if group == "gdbench.backends" else []
    )
    assert names()[-1] == "offered"
    assert names().count("numpy_vectorized") == 1
    assert describe("offered").path == path
    assert solve(np.eye(2), [1.0, 2.0], "offered").beta == pytest.approx([1, 2])
    assert load("numpy_vectorized").__name__ == "backends.numpy_vectorized"


def test_constants_are_read_without_importing(fresh):
    """ALGORITHM and DTYPES of a file are known before it runs."""
    path = fresh("other", "import math", 'ALGORITHM = "QR"\nDTYPES = ("float32",)\nimport math')
    found = describe(path)
    assert (found.algorithm, found.dtypes) == ("QR", ("float32",))
    assert found.summary.startswith("NumPy array expressions")
