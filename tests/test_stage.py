"""Staged data: arrays and references on disk, and what an ordinary pytest-benchmark session stages and skips."""

import sys

import msgspec
import numpy as np
import pytest

from backends import numpy_vectorized
from backends._curvature import default_learning_rate
from bench.check.answer import judge
from bench.data import problems
from bench.measure import session, stage
from bench.measure.messages import CallMade, CellEnds, CellStarts, Decision, Staged, StageSpec
from bench.plan import PENGUINS, Case, synthetic_cases
from bench.records import CellSample

(CASE,) = synthetic_cases([(600, 3)], 5, 4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_staged_arrays_are_those_of_the_problem(tmp_path, dtype):
    """In the dtype of the cells and in C order. The digest is that of the data in float64."""
    data = problems.synthetic(600, 3, 5)
    assert stage.stage(tmp_path, CASE, dtype, normwise=False) == data.digest
    stem = CASE.file_stem(dtype)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{stem}-{part}" for part in ("X.npy", "y.npy", "reference.npz")
    }
    for name in "X", "y":
        array = np.load(tmp_path / f"{stem}-{name}.npy")
        assert array.dtype == dtype and array.flags.c_contiguous
        assert np.array_equal(array, getattr(data, name).astype(dtype))


@pytest.mark.parametrize("suffix", ["", "-normwise"])
@pytest.mark.parametrize(
    ("part", "rows", "max_iter"), [("whole", 600, 4), ("other", 600, 4), ("prefix0", 16, 3), ("prefix1", 509, 1)]
)
def test_references_are_those_of_the_rows_and_rate(tmp_path, suffix, part, rows, max_iter):
    """A correct backend with the staged learning rate is within the bounds; one with another rate or fewer rows is not."""
    stage.stage(tmp_path, CASE, "float64", normwise=True)
    stem = CASE.file_stem("float64")
    X, y = np.load(tmp_path / f"{stem}-X.npy")[:rows], np.load(tmp_path / f"{stem}-y.npy")[:rows]
    with np.load(tmp_path / f"{stem}-reference{suffix}.npz") as file:
        arrays = dict(file)
    rate = default_learning_rate(X)
    if part in ("whole", "other"):
        assert arrays["learning_rate"] == rate
    rate *= 0.625 if part == "other" else 1.0
    assert float(arrays[f"{part}_learning_rate"]) == rate
    expected = stage.load_reference(arrays, part)
    assert expected.informative
    assert len(expected.losses) == len(expected.loss_bound) == max_iter + 1
    assert len(expected.betas) == 2
    beta, losses = numpy_vectorized.fit(X, y, np.zeros(3), rate, max_iter, 0.0)
    error, bound = judge(beta, losses, expected, "float64")
    assert error <= bound
    assert np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1]


def test_references_of_another_algorithm_have_wider_bounds(tmp_path):
    """They are judged by norms."""
    stage.stage(tmp_path, CASE, "float64", normwise=True)
    bounds = []
    for suffix in "", "-normwise":
        with np.load(tmp_path / f"{CASE.file_stem('float64')}-reference{suffix}.npz") as file:
            bounds.append(stage.load_reference(file, "whole").beta_bound[-1])
    assert bounds[1] > bounds[0]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_data_that_overflow_are_refused(tmp_path):
    """Their losses are infinite in float32, although not in float64."""
    (tmp_path / "large.csv").write_text("a,y\n1e25,1e25\n2e25,1e25\n3e25,5e25\n")
    case = Case("csv", "large", 3, 1, 2, path=str(tmp_path / "large.csv"), target="y")
    with pytest.raises(ValueError, match=r"^found numbers whose squares overflow float32; allowed: scaled data$"):
        stage.stage(tmp_path, case, "float32", normwise=False)


def test_a_case_is_built_from_its_kind(tmp_path):
    """Synthetic data from their seed, built-in data by name, and a file of the user by its path and column."""
    assert stage.build(CASE).digest == problems.synthetic(600, 3, 5).digest
    assert stage.build(PENGUINS).X.shape == (342, 4)
    (tmp_path / "mine.csv").write_text("a,y,b\n1,2,3\n4,5,7\n8,9,1\n")
    built = stage.build(Case("csv", "mine", 3, 2, 1, path=str(tmp_path / "mine.csv"), target="y"))
    assert built.y.tolist() == [2.0, 5.0, 9.0]


def test_staging_reports_each_case(tmp_path, monkeypatch):
    """Its digest, or why it cannot be staged: the text of the error, or its name if it has none."""
    messages = []

    class Channel:
        def ask(self, **fields):
            messages.append(msgspec.convert(fields, Staged))

    def staged(folder, case, dtype, normwise):
        assert (str(folder), normwise) == (str(tmp_path), True)
        if case.n_samples == 2:
            raise MemoryError
        if case.n_samples == 3:
            raise ValueError("no numbers")
        return f"{case.n_samples} {dtype}"

    cases = synthetic_cases([(1, 1), (2, 1), (3, 1), (4, 1)], 0)
    spec = tmp_path / "spec.json"
    spec.write_bytes(msgspec.json.encode(StageSpec(str(tmp_path), cases, ["float32", "float64"], True)))
    monkeypatch.setattr(sys, "argv", ["stage", str(spec)])
    monkeypatch.setattr(stage, "Channel", Channel)
    monkeypatch.setattr(stage, "stage", staged)
    stage.main()
    assert [(message.digest, message.error) for message in messages] == [
        ("1 float32", None), ("", "MemoryError"), ("", "no numbers"), ("4 float32", None),
    ]  # fmt: skip
    assert [message.case for message in messages] == [case.key for case in cases]


# An ordinary session of pytest-benchmark


@pytest.fixture
def local(tmp_path, monkeypatch):
    """A local driver, and the names of the cases that it has staged."""
    stagings = []

    def staged(folder, case, dtype, normwise):
        assert normwise
        stagings.append((case.key, dtype))
        (folder / f"{case.file_stem(dtype)}-X.npy").write_text("")

    monkeypatch.setattr(session, "stage", staged)
    return session.LocalDriver(tmp_path), stagings


def cell_id(n, backend="numpy_vectorized"):
    return f"{backend}-synthetic-{n}x10-float64-1t"


def test_a_local_driver_stages_each_problem_once(local):
    """Two backends share it."""
    driver, stagings = local
    for cell in (cell_id(100), cell_id(100, "python_loops"), cell_id(1000)):
        assert driver.ask(CellStarts(cell)) == Decision(True)
    assert stagings == [("synthetic-100x10", "float64"), ("synthetic-1000x10", "float64")]


@pytest.mark.parametrize(("call_s", "run"), [(2.0, True), (2.1, False)])
def test_a_local_driver_skips_long_calls(local, call_s, run):
    """They would make the session long."""
    decision = local[0].ask(CallMade(cell_id(100), call_s))
    assert decision.run is run
    assert decision.detail == (None if run else "a call takes about 2.1 s; gdbench run measures it")


def test_a_local_driver_predicts_from_smaller_sizes(local):
    """Of the same backend, from the fastest round: with as many iterations, ten times the data take ten times as long."""
    driver, _ = local
    for sample in (
        CellSample(cell=cell_id(10_000), block=0, status="ok", rounds_s=[0.5, 0.3, 0.4]),
        CellSample(cell=cell_id(10_000, "python_loops"), block=0, status="failed"),
    ):
        assert driver.ask(CellEnds(sample)) == Decision(False)
    decision = driver.ask(CellStarts(cell_id(100_000)))
    assert (decision.run, decision.detail) == (False, "a call takes about 3 s; gdbench run measures it")
    assert driver.ask(CellStarts(cell_id(100_000, "python_loops"))).run


def test_a_session_has_every_available_backend(monkeypatch):
    """On the sizes up to 100 000 rows and the penguins, in float64, with one thread. The load is no fact about a machine."""
    monkeypatch.setattr(session.machine, "describe", lambda: {"cpu": "x", "load": 3.0})
    spec = session.spec()
    assert (spec.folder, spec.block, spec.machine) == ("", 0, {"cpu": "x"})
    ids = [name for name in spec.cells if name.startswith("numpy_vectorized-")]
    assert ids == [*map(cell_id, (100, 1000, 10_000, 100_000)), "numpy_vectorized-penguins-342x4-float64-1t"]
    assert {(task.dtype, task.threads, task.rounds) for task in spec.cells.values()} == {("float64", 1, 5)}
    assert not any("control" in name for name in spec.cells)
