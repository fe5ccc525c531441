"""The versions and the BLAS that workers report: what a run records, and what it refuses."""

import json

import mpmath
import numpy as np
import pytest
from helpers.command import unprobed

from bench.analysis.environment_diff import machine_differences
from bench.analysis.software import conflict, recorded
from bench.records import CellSample, load_run

NUMPYS = {"library": "openblas", "version": "0.3.31", "kernel": "SkylakeX"}
SCIPYS = {"library": "openblas", "version": "0.3.28", "kernel": "SkylakeX"}
MKL = {"library": "mkl", "version": "2025.0", "kernel": None}
MACHINE = {"versions": {"numpy": "2.0", "jax": None, "pytest": "9"}, "blas": [MKL], "python": "CPython"}


def sample(*blas, **versions):
    return CellSample(cell="a", block=0, status="ok", versions=versions, blas=list(blas))


def test_a_run_records_what_its_workers_report():
    """A library that no worker loaded keeps its version. Other imports of the backends are "libraries"."""
    samples = [sample(NUMPYS, numpy="2.4"), sample(SCIPYS, NUMPYS, numpy="2.4", mpmath="1.3"), sample()]
    assert recorded(MACHINE, samples) == {
        "versions": {"numpy": "2.4", "jax": None, "pytest": "9"},
        "blas": [NUMPYS],
        "libraries": {"mpmath": "1.3"},
        "python": "CPython",
    }
    assert recorded(MACHINE, [sample()]) == MACHINE


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (sample(NUMPYS, numpy="2.4", jax="0.9"), None),
        (sample(SCIPYS, NUMPYS, numpy="2.4"), None),
        (sample(), None),
        (sample(NUMPYS, numpy="2.5"), "its worker loaded numpy 2.5, but this run has numpy 2.4"),
        (sample(MKL, numpy="2.4"), "its worker loaded mkl 2025.0, but this run has openblas 0.3.31"),
    ],
    ids=["same", "two BLAS", "nothing", "NumPy", "BLAS"],
)
def test_a_sample_with_another_version_conflicts(other, message):
    expected = message and f"{message}; allowed: one version of a library in a run"
    assert conflict(other, {}, [sample(), sample(NUMPYS, numpy="2.4")]) == expected
    assert conflict(other, {"versions": {"numpy": "2.4"}}, [sample(NUMPYS, numpy="2.5")]) == expected


def test_a_library_that_one_run_lacks_is_no_difference():
    """It belongs to a backend that the other run does not measure."""
    base, new = MACHINE | {"libraries": {"mpmath": "1.3", "torch": "2"}}, MACHINE | {"libraries": {"mpmath": "1.4"}}
    assert [str(difference) for difference in machine_differences(base, new, frozenset())] == ["mpmath 1.3 -> 1.4"]
    assert not machine_differences(base, MACHINE | {"libraries": "?"}, frozenset())


@pytest.mark.slow
def test_a_worker_with_another_numpy_is_refused(tmp_path, backend_file):
    """The other backends are measured. The record has their versions, and that of another library of a backend."""
    first = "import numpy as np\n"
    library = backend_file("library", first, f"{first}import mpmath\n")
    other = backend_file("other", first, f"{first}np.__version__ = '0.1'\n")
    # The standard library is first on the path of a worker, although pytest runs a file of this package.
    path = backend_file(
        "path", first, f"{first}import os, sys\nraise ImportError(sys.path[0] == os.path.dirname(os.__file__))"
    )
    options = ["--quick", "--size", "100x2", "--no-report", "--out", "run"]
    code, _, err = unprobed("run", *options, "-b", "numpy_vectorized", library, other, path, cwd=tmp_path)
    assert code == 3, err
    run = load_run(tmp_path / "run")
    reason = f"its worker loaded numpy 0.1, but this run has numpy {np.__version__}; allowed: one version of a library"
    assert {cell.backend: cell.detail for cell in run.cells if cell.status != "ok"} == {
        "other": f"{reason} in a run",
        "path": "backend path: ImportError at import: True (path.py, line 12)",
    }
    journal = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    assert all(line["blas"] for line in journal if line["status"] == "ok")
    assert run.machine["libraries"] == {"mpmath": mpmath.__version__}
