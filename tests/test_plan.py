"""The plan: complete and seeded blocks, predictions, and one clear sentence for every option that cannot be."""

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from bench.measure import options
from bench.measure.messages import CellTask, task_of
from bench.measure.options import make_plan, new_folder
from bench.plan import BASELINE, CONTROL, PENGUINS, Backend, CellPlan, backend_of, block_plans
from bench.runtime.process import available_threads

BOTH = ("float64", "float32")
NUMPY = Backend(BASELINE, BASELINE, BASELINE, None, BOTH, None)
LOOPS = Backend("python_loops", "python_loops", "python_loops", None, ("float64",), None)
MINE = Backend("mine", "/home/me/mine.py", "mine.py", "QR", BOTH, None)
ABSENT = Backend("absent", "absent", "absent", None, BOTH, "install it")


def planned(**options):
    """A plan from options as the command line gives them; those not named are not given."""
    given = {
        "mode": "default", "backends": [LOOPS, NUMPY, MINE], "sizes": None, "dtypes": None, "threads": None, "data": None,
        "target": None, "max_iter": None, "time_budget": None, "seed": 0,
    }  # fmt: skip
    return make_plan(**given | options)[0]


def firsts(plan, worker):
    """The first cell of a worker, block by block."""
    return [cells[0] for block in block_plans(plan) for name, cells in block.cells.items() if name == worker]


# Blocks


@pytest.mark.parametrize(("mode", "count"), [("quick", 3), ("default", 6), ("full", 10)])
def test_blocks_are_complete(mode, count):
    """Each block runs every worker once, the baseline and its control with them, and each worker all of its cells."""
    plan = planned(mode=mode)
    blocks = block_plans(plan)
    assert [block.index for block in blocks] == list(range(count))
    for block in blocks:
        assert sorted(block.cells) == sorted(["python_loops", BASELINE, CONTROL, "mine"])
        for worker, cells in block.cells.items():
            assert sorted(cell.id for cell in cells) == sorted(cell.id for cell in plan.cells if cell.label == worker)
    assert Counter(cell.id for block in blocks for cells in block.cells.values() for cell in cells) == dict.fromkeys(
        (cell.id for cell in plan.cells), count
    )


def test_cell_ids_are_different():
    """One id is one cell: in the journal and in the record nothing else tells them apart."""
    ids = [cell.id for cell in planned(dtypes=list(BOTH)).cells]
    assert len(set(ids)) == len(ids) == 6 * 4 * 2


@pytest.mark.skipif(available_threads() < 2, reason="needs two processors")
def test_a_block_has_one_number_of_threads():
    """With two thread counts every index comes twice, and no block mixes them."""
    blocks = block_plans(planned(threads=["2", "1"]))
    assert [(block.index, block.threads) for block in blocks] == [(i, t) for i in range(6) for t in (1, 2)]
    assert all(cell.threads == block.threads for block in blocks for cells in block.cells.values() for cell in cells)


def test_the_seed_decides_the_order():
    """The same seed gives the same blocks, hash seeds and paddings; other seeds give others; block order varies within a run."""
    same, again, other = (block_plans(planned(seed=seed)) for seed in (1, 1, 2))
    assert same == again
    assert [block.hash_seed for block in same] != [block.hash_seed for block in other]
    orders = [[tuple(block.cells) for block in blocks] for blocks in (same, other)]
    assert orders[0] != orders[1]
    assert len(set(orders[0])) > 1
    assert len({block.hash_seed for block in same}) == 6
    assert all(1 <= block.hash_seed < 2**32 and 0 <= block.padding_bytes < 4096 for block in same)


def test_every_worker_comes_first_sometimes():
    """No backend is always the first or the last of a block: over many seeds each has its share."""
    leaders = Counter(next(iter(block.cells)) for seed in range(50) for block in block_plans(planned(seed=seed)))
    assert len(leaders) == 4
    assert min(leaders.values()) > 300 / 4 / 2


def test_the_first_size_rotates():
    """Over six blocks each of six cells is first in its worker exactly once, so that each is measured cold."""
    plan = planned()
    for worker in "python_loops", BASELINE, CONTROL, "mine":
        assert sorted(cell.id for cell in firsts(plan, worker)) == sorted(
            cell.id for cell in plan.cells if cell.label == worker
        )


@pytest.mark.parametrize("count", range(1, 8))
def test_the_first_size_rotates_whatever_the_number(count):
    """Ten blocks over any number of cells: none is first more than once oftener than another."""
    plan = planned(mode="full", sizes=[f"{10 * n}x2" for n in range(1, count + 1)])
    often = Counter(cell.id for cell in firsts(plan, "mine"))
    assert len(often) == count
    assert max(often.values()) - min(often.values()) <= 1


def test_the_first_blocks_take_smallest_largest_second_smallest():
    """A run that is cut short has seen both ends."""
    sizes = [cell.case.n_samples for cell in firsts(planned(sizes=["10x2", "20x2", "30x2", "40x2"]), "mine")]
    assert sizes[:4] == [10, 40, 20, 30]


def test_the_first_block_ascends_and_later_ones_do_not():
    """Block 0 goes up in size for every worker, so that each size predicts the next; later blocks are shuffled."""
    blocks = block_plans(planned(dtypes=list(BOTH)))
    volumes = [
        [[c.case.n_samples * c.case.n_features for c in cells] for cells in block.cells.values()] for block in blocks
    ]
    assert all(sizes == sorted(sizes) for sizes in volumes[0])
    for later in volumes[1:]:
        assert any(sizes != sorted(sizes) for sizes in later)


def test_behind_the_first_the_sizes_are_shuffled():
    """What follows a worker's first cell comes in many orders, not always upwards."""
    later = [
        cells[1:]
        for seed in range(5)
        for block in block_plans(planned(seed=seed))[1:]
        for cells in block.cells.values()
    ]
    upwards = sum(
        list(cells) == sorted(cells, key=lambda cell: cell.case.n_samples * cell.case.n_features) for cells in later
    )
    assert upwards < len(later) / 10


def test_what_cannot_run_is_in_the_plan_but_in_no_block():
    """A missing library, and a dtype that a backend does not compute in, keep their cells in the record."""
    plan = planned(backends=[LOOPS, NUMPY, ABSENT], dtypes=["float32"], sizes=["10x2"])
    assert [cell.label for cell in plan.cells] == ["python_loops", BASELINE, CONTROL, "absent"]
    loops, numpy, control, absent = plan.cells
    assert loops.impossible == "computes in float64 only"
    assert numpy.impossible is control.impossible is absent.impossible is None
    for block in block_plans(plan):
        assert sorted(block.cells) == [BASELINE, CONTROL]


def test_the_control_shares_its_twins_key():
    """The baseline and its control share the key of the calls per round, and nothing else does; their ids differ."""
    cells = planned(dtypes=list(BOTH)).cells
    pairs = {}
    for cell in cells:
        pairs.setdefault(cell.calibration_key, []).append(cell)
    for pair in pairs.values():
        expected = [BASELINE, CONTROL] if pair[0].backend is NUMPY else [pair[0].label]
        assert [cell.label for cell in pair] == expected
        assert len({cell.id for cell in pair}) == len(pair)
        assert [cell.control for cell in pair] == [False, True][: len(pair)]
    assert len(pairs) == 6 * 3 * 2


def test_task_of_a_worker_survives_json():
    """The task of a cell reads back from JSON, and names the user's file by its absolute path."""
    task = task_of(CellPlan(MINE, False, PENGUINS, "float32", 2), 5)
    assert msgspec.json.decode(msgspec.json.encode(task), type=CellTask) == task
    assert task.source == "/home/me/mine.py"


def test_the_plan_describes_itself():
    """run.json holds what decides the figures: sizes with iterations, blocks, rounds, seed, budget."""
    described = planned(mode="quick", seed=5, sizes=["100x3"], time_budget="90s").describe()
    assert json.loads(json.dumps(described)) == described
    assert described["problems"] == [{"name": "synthetic", "n_samples": 100, "n_features": 3, "n_iter": 1000}]
    assert (described["mode"], described["blocks"], described["rounds"], described["seed"]) == ("quick", 3, 3, 5)
    assert (described["time_budget_s"], described["tol"]) == (90.0, 0.0)


# Options


def test_modes():
    """quick leaves out a million rows; default and full hold five sizes and the penguins, smallest first."""
    assert [case.n_samples for case in planned(mode="quick").cases] == [100, 1_000, 10_000, 100_000, 342]
    assert [case.n_samples for case in planned(mode="full").cases] == [100, 1_000, 10_000, 100_000, 1_000_000, 342]
    assert [case.max_iter for case in planned().cases] == [1000, 100, 10, 10, 5, 100]
    assert [(p.blocks, p.rounds, p.budget_s) for p in (planned(mode=m) for m in ("quick", "default", "full"))] == [
        (3, 3, 30.0), (6, 5, 120.0), (10, 5, 300.0),
    ]  # fmt: skip


def test_good_options():
    """Sizes in several spellings, dtypes and threads once each, times in every unit, iterations for all cases."""
    plan = planned(
        sizes=["200x3", "10X2", "1_000×4"], dtypes=["float32", "float64", "float32"], threads=["all", "1"], max_iter=7
    )
    assert [(case.n_samples, case.n_features, case.max_iter) for case in plan.cases] == [
        (10, 2, 7),
        (200, 3, 7),
        (1000, 4, 7),
    ]
    assert plan.dtypes == ("float32", "float64")
    assert plan.threads == tuple(sorted({1, available_threads()}))
    assert planned(max_iter=3).cases[-1].max_iter == 3
    for text, seconds in [("120s", 120), ("90", 90), ("1.5m", 90), ("2 min", 120), ("1h", 3600), ("0.5s", 0.5)]:
        assert planned(time_budget=text).budget_s == seconds


def test_a_size_given_twice_is_one_case():
    """In one spelling or in two: a cell that ran twice in a block would be counted twice."""
    assert len(planned(sizes=["100x10", "100x10"]).cases) == 1
    assert len(planned(sizes=["100x10", "100X10", "1_00x10", "0100x10"]).cases) == 1


BAD = [
    *[("--size", {"sizes": [text]}, repr(text)) for text in (
        "10", "", "x", "0x3", "3x0", "axb", "1e3x2", "-1x2", "1.5x2", "10x", "x10", "2x3x4", "1__0x2", "_1x2", "10,2", "10*2", "٣x٢",
    )],
    ("--size", {"sizes": ["10x2", "bad"]}, "'bad'"),
    ("--size", {"sizes": ["9999999x9999999"]}, "'9999999x9999999', 74505"),
    ("--size", {"sizes": ["9" * 5000 + "x1"]}, "'9999"),
    *[("--dtype", {"dtypes": [text]}, repr(text)) for text in ("float16", "float", "double", "Float64", "")],
    *[("--threads", {"threads": [text]}, repr(text)) for text in (
        "0", "abc", "-1", "1.5", "", "²", str(available_threads() + 1), "9999",
    )],
    *[("--time-budget", {"time_budget": text}, repr(text)) for text in (
        "abc", "-1s", "0", "0s", "", "1e3", "inf", "nan", "5 days", "1.s", "99999h",
    )],
    *[("--max-iter", {"max_iter": value}, str(value)) for value in (0, -1, 2**31)],
    ("--seed", {"seed": -1}, "-1"),
    ("--target", {"target": "y"}, "'y' without --data"),
    ("--target", {"data": "penguins", "target": "y"}, "'y' for the built-in data set penguins"),
    ("--data", {"data": "none.csv"}, "'none.csv' without --target"),
    ("--data", {"data": "none.csv", "target": "y"}, "no file 'none.csv'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "options", "found"), BAD, ids=[f"{option} {found[:20]}" for option, _, found in BAD]
)
def test_a_bad_option_is_one_clear_sentence(tmp_path, monkeypatch, option, options, found):
    """It names the option, what was found and what is allowed, in one line that fits a screen."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        planned(**options)
    message = str(error.value)
    assert re.match(rf"{option}: found {re.escape(found)}", message), message
    assert "; allowed: " in message
    assert "\n" not in message
    if len(found) < 100 and "9999x" not in message:
        assert len(message) < 200


# Data


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A folder to work in, with a table of three rows, one of them incomplete."""
    monkeypatch.chdir(tmp_path)
    Path("my table.csv").write_text("a,b,y\n1,2,3\n,5,6\n7,8,10\n4,4,4\n")
    return "my table.csv"


def test_a_csv_case(table, tmp_path):
    """It is named by its stem, keeps the path as given and absolute, and its notes are handed on."""
    options = {
        "backends": [NUMPY],
        "sizes": None,
        "dtypes": None,
        "threads": None,
        "max_iter": None,
        "time_budget": None,
        "seed": 0,
    }
    plan, notes = make_plan(mode="quick", data=table, target="y", **options)
    (case,) = plan.cases
    assert (case.kind, case.name, case.n_samples, case.n_features, case.max_iter) == ("csv", "my table", 3, 3, 1000)
    assert (case.path, case.argument, case.target) == (str(tmp_path.resolve() / table), table, "y")
    assert "my table: dropped 1 of 4 rows with a missing value, kept 3" in notes


def test_data_and_sizes_together(table):
    """Both are measured, the user's data after the synthetic sizes."""
    assert [case.key for case in planned(data=table, target="a", sizes=["50x2", "20x2"]).cases] == [
        "synthetic-20x2", "synthetic-50x2", "my table-3x3",
    ]  # fmt: skip


def test_a_bad_table_is_a_value_error(table):
    """What is wrong with the data is told before a process starts."""
    with pytest.raises(ValueError, match=r"--target: found 'z'; allowed: a column of my table\.csv: a, b, y"):
        planned(data=table, target="z")


@pytest.mark.parametrize(("name", "features"), [("penguins", 4), ("penguins_flipper", 2)])
def test_built_in_data(name, features):
    """Both built-in data sets can be asked for by name, alone."""
    (case,) = planned(data=name).cases
    assert (case.name, case.n_samples, case.n_features, case.max_iter) == (name, 342, features, 100)


def test_a_file_named_penguins_is_the_users(tmp_path, monkeypatch):
    """Where the folder holds such a file, it is meant."""
    monkeypatch.chdir(tmp_path)
    Path("penguins").write_text("a,y\n1,2\n2,3\n")
    (case,) = planned(data="penguins", target="y").cases
    assert (case.kind, case.n_samples) == ("csv", 2)


# Backends and folders


def test_backend_of_imports_nothing(tmp_path):
    """A user's file is known by its stem and absolute path without being run; a name that is none is an error."""
    path = tmp_path / "mine.py"
    path.write_text("raise RuntimeError('was run')\nALGORITHM = 'QR'\nDTYPES = ('float64',)\n")
    found = backend_of(str(path))
    assert (found.name, found.source, found.argument, found.algorithm, found.dtypes) == (
        "mine", str(path.resolve()), str(path), "QR", ("float64",),
    )  # fmt: skip
    assert backend_of(BASELINE) == NUMPY
    with pytest.raises(ValueError, match="nobody"):
        backend_of("nobody")


def test_a_new_folder(tmp_path, monkeypatch):
    """A fresh name is taken, and so is an empty folder; one that holds something, or a file, is refused."""
    monkeypatch.chdir(tmp_path)
    assert new_folder("deep/er") == Path("deep/er")
    Path("deep/er").mkdir(parents=True)
    assert new_folder("deep/er") == Path("deep/er")
    Path("deep/er/.hidden").write_text("mine")
    Path("file").write_text("mine")
    for out in "deep/er", "deep", "file":
        with pytest.raises(
            ValueError, match=f"--out: found '{out}', which is not empty; allowed: a new or empty folder"
        ):
            new_folder(out)
    assert Path("file").read_text() == "mine"


def test_two_runs_of_one_second(tmp_path, monkeypatch):
    """They get folders of their own, named by date and time; the hundredth and one more is refused."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2024, 2, 29, 12, 34, 56)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "datetime", Stopped)
    found = [new_folder(None) for _ in range(99)]
    assert found[:3] == [
        Path("gdbench-results") / name for name in ("20240229-123456", "20240229-123456-2", "20240229-123456-3")
    ]
    assert len(set(found)) == 99
    assert all(folder.is_dir() and not list(folder.iterdir()) for folder in found)
    with pytest.raises(ValueError, match=r"allowed: another --out"):
        new_folder(None)


def test_a_problem_larger_than_the_machine_is_skipped_with_the_estimate(monkeypatch):
    """Before anything is made: what it needs, of memory or of scratch disk, and what is free; without another, refused."""
    monkeypatch.setattr(options.memory, "available", lambda: 2**30)
    memory_told = r"needs about 4\.5 GiB of memory to prepare, and 1\.0 GiB are free"
    with pytest.raises(ValueError, match=rf"--size: found a problem that {memory_told}; allowed: a smaller one"):
        planned(sizes=["10000000x10"])
    plan = planned(sizes=["10000000x10", "1000000x10"])
    assert [case.too_large is not None for case in plan.cases] == [False, True]
    reasons = {cell.case.n_samples: cell.impossible for cell in plan.cells}
    assert reasons[1_000_000] is None
    assert re.fullmatch(memory_told, reasons[10_000_000])
    assert {cell.case.n_samples for block in block_plans(plan) for cells in block.cells.values() for cell in cells} == {
        1_000_000
    }
    monkeypatch.setattr(options.memory, "available", lambda: 2**40)
    monkeypatch.setattr(options.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**30))
    told = [case.too_large for case in planned(sizes=["6000000x10", "3000000x10"]).cases]
    assert told[0] is None
    assert told[1].startswith("needs, with smaller ones, about 1.3 GiB of scratch disk")
