"""The registry: the names of the backends, and how a name or a file becomes a module."""

import subprocess
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path

import numpy as np
import pytest

import backends
from backends import BackendError, BackendUnavailable, _registry, describe, load, names, solve

LAZY_CODE = """
import sys
{statement}
loaded = [name for name in ("jax", "numba", "scipy", "matplotlib", "torch") if name in sys.modules]
assert not loaded, loaded
"""


def run_python(code):
    """Run the code in a new interpreter; it must end with exit code 0."""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


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
def test_array_libraries_are_imported_only_when_needed(statement):
    """list, describe and --help import no array library but NumPy."""
    run_python(LAZY_CODE.format(statement=statement))


def test_a_worker_starts_without_numpy():
    """Its pytest session imports no NumPy before the backend, so that the time of that import is complete."""
    modules = "sys, pytest, pytest_benchmark.plugin, bench.measure.conftest, bench.measure.test_speed"
    run_python(f"import {modules}\nassert 'numpy' not in sys.modules")


def test_names_are_the_files():
    """Every file in backends/ without a leading underscore is a backend; the core four come first, in reading order."""
    stems = {path.stem for path in Path(backends.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert set(names()) >= stems
    assert names()[:4] == ["python_loops", "numpy_vectorized", "numba_jit", "jax_jit"]


def test_the_versions_of_imported_libraries(tmp_path):
    """Also of imports inside functions, and of packages with another name than their module."""
    file = tmp_path / "mine.py"
    imports = "import numpy, json, absent\ntry:\n    import dateutil.tz\nexcept ImportError: ...\n"
    file.write_text(imports + "def fit():\n    import msgspec\n")
    versions = {"dateutil": version("python-dateutil"), "msgspec": version("msgspec")}
    assert backends.library_versions(file) == versions
    file.write_text("import (")
    assert backends.library_versions(file) == backends.library_versions(tmp_path / "none.py") == {}


def test_a_file_is_loaded_under_a_private_name(tmp_path, backend_file):
    """A user's file with the name of an installed module replaces no module."""
    for stem in ("numpy", "bench", "json"):
        before = sys.modules.get(stem)
        module = load(backend_file(stem))
        assert sys.modules.get(stem) is before
        assert module.__name__.startswith("_gdbench_file_")
    assert solve([[1.0]], [1.0], str(tmp_path / "bench.py")).beta == pytest.approx([1.0])


def test_an_edited_file_is_loaded_again(backend_file):
    """A path gives the same module until the file changes."""
    path = backend_file("mine")
    assert load(path) is load(path)
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert load(path).EDITED


def test_a_backend_without_its_library_is_unavailable(tmp_path):
    """The error says what to install, and so does `describe`."""
    path = tmp_path / "needs.py"
    path.write_text("import sklearn_of_tomorrow.linear\n")
    with pytest.raises(
        BackendUnavailable, match="sklearn_of_tomorrow is not installed; try: pip install sklearn_of_tomorrow"
    ):
        load(path)
    assert "pip install sklearn_of_tomorrow" in describe(path).missing
    assert describe(path).version is None


@pytest.mark.parametrize("name", ["numba_jit", "jax_jit"])
def test_a_core_backend_without_its_library_is_unavailable(name):
    """The error says what to install, and other backends work."""
    library = name.partition("_")[0]
    run_python(f"""
import sys
sys.modules[{library!r}] = None  # an import of the library raises ImportError
import backends
assert "pip install {library}" in backends.describe({name!r}).missing
try:
    backends.solve([[1.0]], [1.0], {name!r})
except backends.BackendUnavailable as error:
    assert "pip install {library}" in str(error)
else:
    raise SystemExit("no error")
assert backends.solve([[1.0]], [1.0], "numpy_vectorized").beta[0] == 1
""")


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
    """The error says what is wrong with the file; it is not the error of a missing library."""
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(BackendError, match=message) as error:
        load(path)
    assert not isinstance(error.value, BackendUnavailable)


@pytest.mark.parametrize("name", ["nothing.py", "no/such/file.py", "README.md/", ""])
def test_an_unknown_name_is_a_value_error(name):
    """The message says what is allowed."""
    with pytest.raises(ValueError, match=r"allowed: the path of a \.py file, or one of python_loops"):
        load(name)


def test_an_installed_package_can_add_a_backend(monkeypatch, backend_file):
    """An entry point of the group gdbench.backends adds a name; it does not replace a built-in backend."""
    path = backend_file("installed_backend")
    monkeypatch.syspath_prepend(path.parent)
    points = [
        EntryPoint("installed", "installed_backend", "gdbench.backends"),
        EntryPoint("numpy_vectorized", "installed_backend", "gdbench.backends"),
    ]
    monkeypatch.setattr(
        _registry.importlib.metadata, "entry_points", lambda group: points if group == "gdbench.backends" else []
    )
    assert names()[-1] == "installed"
    assert names().count("numpy_vectorized") == 1
    assert describe("installed").path == path
    assert solve(np.eye(2), [1.0, 2.0], "installed").beta == pytest.approx([1, 2])
    assert load("numpy_vectorized").__name__ == "backends.numpy_vectorized"


def test_describe_reads_constants_without_importing(backend_file):
    """The description of a file has its ALGORITHM, its DTYPES and the first line of its docstring."""
    path = backend_file(
        "other", "import math", 'ALGORITHM = "QR"\nDTYPES = ("float32",)\nraise RuntimeError\nimport math'
    )
    description = describe(path)
    assert (description.algorithm, description.dtypes) == ("QR", ("float32",))
    assert description.summary.startswith("NumPy array expressions")


@pytest.mark.parametrize("dtypes", ["()", "('float16',)"])
def test_a_file_with_invalid_dtypes_is_described_with_all(backend_file, dtypes):
    """So a run does not skip it because of its dtypes, and `load` reports the error."""
    path = backend_file("declares", "import math", f"DTYPES = {dtypes}\nimport math")
    assert describe(path).dtypes == _registry.DTYPES
    with pytest.raises(BackendError, match="DTYPES is"):
        load(path)
