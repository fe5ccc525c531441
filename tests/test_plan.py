"""The plan: complete and seeded blocks, and one clear sentence for every invalid option."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from bench.data.encoding import Selection
from bench.measure import options
from bench.measure.messages import CellTask, task_of
from bench.measure.options import make_plan, new_folder
from bench.measure.stage import build
from bench.plan import BASELINE, CONTROL, PENGUINS, Backend, CellPlan, backend_of, block_plans, iterations
from bench.runtime import cgroups, process
from bench.runtime.process import available_threads

BOTH = ("float64", "float32")
NUMPY = Backend(BASELINE, BASELINE, BASELINE, None, BOTH, None)
LOOPS = Backend("python_loops", "python_loops", "python_loops", None, ("float64",), None)
MINE = Backend("mine", "/home/me/mine.py", "mine.py", "QR", BOTH, None)
ABSENT = Backend("absent", "absent", "absent", None, BOTH, "install it")


DEFAULTS = {
    "mode": "default", "backends": [LOOPS, NUMPY, MINE], "sizes": None, "dtypes": None, "threads": None, "data": None,
    "target": None, "max_iter": None, "time_budget": None, "seed": 0,
}  # fmt: skip


def planned(**options):
    """A plan from options of the command line, with defaults for the others."""
    return make_plan(**DEFAULTS | options)[0]


def first_cells(plan, worker):
    """The first cell of a worker in each block."""
    return [cells[0] for block in block_plans(plan) for name, cells in block.cells.items() if name == worker]


def volume(cell):
    """The size of X."""
    return cell.case.n_samples * cell.case.n_features


# Blocks


@pytest.mark.parametrize(("mode", "count"), [("quick", 3), ("default", 6), ("full", 10)])
def test_blocks_are_complete(mode, count):
    """Each block has every worker once, also the baseline and its control, and each worker has all of its cells."""
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


def test_cell_ids_are_unique():
    """The journal identifies a cell by its id alone."""
    ids = [cell.id for cell in planned(dtypes=list(BOTH)).cells]
    assert len(set(ids)) == len(ids) == 6 * 4 * 2


@pytest.mark.skipif(available_threads() < 2, reason="needs two processors")
def test_a_block_has_one_number_of_threads():
    """With two thread counts, each index has a block for each."""
    blocks = block_plans(planned(threads=["2", "1"]))
    assert [(block.index, block.threads) for block in blocks] == [(i, t) for i in range(6) for t in (1, 2)]
    assert all(cell.threads == block.threads for block in blocks for cells in block.cells.values() for cell in cells)


def test_the_seed_decides_the_order():
    """Equal seeds give equal blocks, hash seeds and paddings; different seeds do not. The order varies within a run."""
    blocks, repetition, other = (block_plans(planned(seed=seed)) for seed in (1, 1, 2))
    assert blocks == repetition
    assert [block.hash_seed for block in blocks] != [block.hash_seed for block in other]
    orders = [[tuple(block.cells) for block in blocks_] for blocks_ in (blocks, other)]
    assert orders[0] != orders[1]
    assert len(set(orders[0])) > 1
    assert len({block.hash_seed for block in blocks}) == 6
    assert all(1 <= block.hash_seed < 2**32 and 0 <= block.padding_bytes < 4096 for block in blocks)


def test_each_worker_is_first_in_a_share_of_the_blocks():
    """Over many seeds, each of the four workers is first in at least half of its fair share."""
    leaders = Counter(next(iter(block.cells)) for seed in range(50) for block in block_plans(planned(seed=seed)))
    assert len(leaders) == 4
    assert min(leaders.values()) > 300 / 4 / 2


def test_each_cell_is_first_once():
    """Over six blocks, each of the six cells of a worker is first once, so that each is measured cold."""
    plan = planned()
    for worker in "python_loops", BASELINE, CONTROL, "mine":
        assert sorted(cell.id for cell in first_cells(plan, worker)) == sorted(
            cell.id for cell in plan.cells if cell.label == worker
        )


@pytest.mark.parametrize("count", range(1, 8))
def test_cells_are_first_equally_often(count):
    """For any number of cells, the counts over ten blocks differ by at most 1."""
    plan = planned(mode="full", sizes=[f"{10 * n}x2" for n in range(1, count + 1)])
    counts = Counter(cell.id for cell in first_cells(plan, "mine"))
    assert len(counts) == count
    assert max(counts.values()) - min(counts.values()) <= 1


def test_the_first_blocks_begin_with_the_smallest_and_the_largest_size():
    """An interrupted run has measured both ends of the range."""
    sizes = [cell.case.n_samples for cell in first_cells(planned(sizes=["10x2", "20x2", "30x2", "40x2"]), "mine")]
    assert sizes[:4] == [10, 40, 20, 30]


def test_sizes_ascend_in_the_first_block_only():
    """In block 0 each size predicts the time of the next one; later blocks are shuffled."""
    blocks = block_plans(planned(dtypes=list(BOTH)))
    volumes = [[[*map(volume, cells)] for cells in block.cells.values()] for block in blocks]
    assert all(sizes == sorted(sizes) for sizes in volumes[0])
    for later in volumes[1:]:
        assert any(sizes != sorted(sizes) for sizes in later)


def test_the_sizes_after_the_first_are_shuffled():
    """In later blocks, the cells after a worker's first cell rarely ascend."""
    later = [
        cells[1:]
        for seed in range(5)
        for block in block_plans(planned(seed=seed))[1:]
        for cells in block.cells.values()
    ]
    ascending = sum(list(cells) == sorted(cells, key=volume) for cells in later)
    assert ascending < len(later) / 10


def test_a_cell_that_cannot_run_is_in_the_plan_but_in_no_block():
    """Its library is missing, or its backend does not support the dtype."""
    plan = planned(backends=[LOOPS, NUMPY, ABSENT], dtypes=["float32"], sizes=["10x2"])
    assert [cell.label for cell in plan.cells] == ["python_loops", BASELINE, CONTROL, "absent"]
    loops, numpy, control, absent = plan.cells
    assert loops.impossible == "computes in float64 only"
    assert numpy.impossible is control.impossible is absent.impossible is None
    for block in block_plans(plan):
        assert sorted(block.cells) == [BASELINE, CONTROL]


def test_the_control_shares_the_calibration_key_of_the_baseline():
    """They have the same number of calls per round; no other cells share a key, and all ids differ."""
    groups = {}
    for cell in planned(dtypes=list(BOTH)).cells:
        groups.setdefault(cell.calibration_key, []).append(cell)
    for cells in groups.values():
        workers = [BASELINE, CONTROL] if cells[0].backend is NUMPY else [cells[0].label]
        assert [cell.label for cell in cells] == workers
        assert len({cell.id for cell in cells}) == len(cells)
        assert [cell.control for cell in cells] == [False, True][: len(cells)]
    assert len(groups) == 6 * 3 * 2


def test_a_task_loads_from_json():
    """The task of a cell is equal after JSON, and contains the absolute path of the user's file."""
    task = task_of(CellPlan(MINE, False, PENGUINS, "float32", 2), 5)
    assert msgspec.json.decode(msgspec.json.encode(task), type=CellTask) == task
    assert task.source == "/home/me/mine.py"


def test_the_plan_describes_itself():
    """The keys are those of run.json, which other programs read."""
    plan = planned(mode="quick", seed=5, sizes=["100x3"], time_budget="90s", dtypes=["float32"], backends=[NUMPY])
    described = replace(plan, cpus=(0,)).describe()
    assert json.loads(json.dumps(described)) == described
    assert described.pop("predicted_s") > 0
    assert described == {
        "mode": "quick",
        "backends": [BASELINE],
        "problems": [{"name": "synthetic", "n_samples": 100, "n_features": 3, "n_iter": 1000}],
        "dtypes": ["float32"],
        "threads": [1],
        "cpus": [0],
        "blocks": 3,
        "rounds": 3,
        "seed": 5,
        "time_budget_s": 90.0,
        "cell_share_of_budget": 0.25,
        "min_round_s": 0.01,
        "warmup": {"min_calls": 2, "min_s": 0.03, "first_call_counts": True},
        "learning_rate": "1/L, L = lambda_max((2/n) X^T X)",
        "tol": 0.0,
        "beta0": "zeros",
        "confidence": 0.95,
    }


def test_iterations_by_size():
    """A larger problem has fewer, from just above each limit on."""
    assert [iterations(n) for n in (1, 100, 101, 1_000, 1_001, 100_000, 100_001)] == [1000, 1000, 100, 100, 10, 10, 5]


def test_synthetic_data_has_the_seed_of_the_plan():
    """Sizes of the command line and default sizes alike."""
    for sizes in (None, ["100x3"]):
        assert {case.seed for case in planned(seed=7, sizes=sizes).cases if case.kind == "synthetic"} == {7}


# Options


def test_modes_have_sizes_blocks_and_a_budget():
    """quick has no million rows; default and full have five sizes, smallest first, and the penguins."""
    assert [case.n_samples for case in planned(mode="quick").cases] == [100, 1_000, 10_000, 100_000, 342]
    assert [case.n_samples for case in planned(mode="full").cases] == [100, 1_000, 10_000, 100_000, 1_000_000, 342]
    assert [case.max_iter for case in planned().cases] == [1000, 100, 10, 10, 5, 100]
    assert [(p.blocks, p.rounds, p.budget_s) for p in (planned(mode=m) for m in ("quick", "default", "full"))] == [
        (3, 3, 30.0), (6, 5, 120.0), (10, 5, 300.0),
    ]  # fmt: skip


def test_valid_options_make_the_plan():
    """Sizes have several spellings, repeated dtypes count once, times have units, --max-iter holds for all cases."""
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


@pytest.mark.skipif(not process.affinity(), reason="this system has no processor affinity")
def test_the_user_may_choose_the_processors():
    """Each counts once, in the order of the user. They limit the number of threads, and nothing later."""
    last = max(process.affinity())
    plan = planned(cpus=f"{last},{last}", threads=["all"])
    assert (plan.cpus, plan.threads) == ((last,), (1,))
    assert plan.describe()["cpus"] == [last]
    with pytest.raises(ValueError, match="--threads: found '2'; allowed: an integer from 1 to 1"):
        planned(cpus=str(last), threads=["2"])
    assert process.available_threads() == available_threads()
    assert "cpus" not in planned().describe()


def test_a_quota_caps_the_threads(monkeypatch):
    """`all` is the quota, rounded down; the message about more threads names it."""
    monkeypatch.setattr(process, "affinity", lambda: set(range(8)))
    monkeypatch.setattr(cgroups, "cpu_quota", lambda: 2.5)
    assert planned(threads=["all"]).threads == (2,)
    with pytest.raises(ValueError, match=r"from 1 to 2 \(the CPU quota is 2\.5 processors\), or all"):
        planned(threads=["3"])


def test_a_size_given_twice_is_one_case():
    """This is so for equal and for different spellings, because a cell runs once per block."""
    assert len(planned(sizes=["100x10", "100x10"]).cases) == 1
    assert len(planned(sizes=["100x10", "100X10", "1_00x10", "0100x10"]).cases) == 1


INVALID = [
    *[("--size", {"sizes": [text]}, repr(text)) for text in (
        "10", "", "x", "0x3", "3x0", "axb", "1e3x2", "-1x2", "1.5x2", "10x", "x10", "2x3x4", "1__0x2", "_1x2", "10,2", "10*2", "٣x٢",
    )],
    ("--size", {"sizes": ["10x2", "bad"]}, "'bad'"),
    ("--size", {"sizes": ["9999999x9999999"]}, "'9999999x9999999', 74505"),
    ("--size", {"sizes": ["9" * 5000 + "x1"]}, "'9999"),
    ("--size", {"sizes": [f"12x{d}" for d in range(1, 66)]}, "260 cells with 65 combinations of dtype, threads and n"),
    ("--size", {"sizes": [f"{n}x2" for n in range(1, 627)], "dtypes": ["float64", "float32"]}, "5008 cells with 2 comb"),
    *[("--dtype", {"dtypes": [text]}, repr(text)) for text in ("float16", "float", "double", "Float64", "")],
    *[("--threads", {"threads": [text]}, repr(text)) for text in (
        "0", "abc", "-1", "1.5", "", "²", str(available_threads() + 1), "9999",
    )],
    *[("--time-budget", {"time_budget": text}, repr(text)) for text in (
        "abc", "-1s", "0", "0s", "", "1e3", "inf", "nan", "5 days", "1.s", "99999h",
    )],
    *[("--max-iter", {"max_iter": value}, str(value)) for value in (0, -1, 2**31)],
    *[("--cpus", {"cpus": text}, repr(text)) for text in ("", "a", "1-", "-1", "0;1", "99999", "3-1", "²")],
    ("--seed", {"seed": -1}, "-1"),
    ("--target", {"target": "y"}, "'y' without --data"),
    ("--target", {"data": "penguins", "target": "y"}, "'y' for the built-in data set penguins"),
    ("--features=a", {"selection": Selection("", ("a",))}, "without --data"),
    ("--no-header", {"data": "penguins", "selection": Selection("", header=False)}, "for the built-in data set penguins"),
    ("--data", {"data": "none.csv"}, "'none.csv' without --target"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "options", "value"), INVALID, ids=[f"{option} {value[:20]}" for option, _, value in INVALID]
)
def test_an_invalid_option_gives_one_clear_sentence(tmp_path, monkeypatch, option, options, value):
    """One short line names the option, its value and what is allowed."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        planned(**options)
    message = str(error.value)
    assert re.match(rf"{option}: found {re.escape(value)}", message), message
    assert "; allowed: " in message
    assert "\n" not in message
    if len(value) < 100 and "9999x" not in message:
        assert len(message) < 200


# Data


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The name of a table in the current folder, with four rows, one of them incomplete."""
    monkeypatch.chdir(tmp_path)
    Path("my table.csv").write_text("a,b,y\n1,2,3\n,5,6\n7,8,10\n4,4,4\n")
    return "my table.csv"


def test_a_table_is_a_case(table, tmp_path):
    """Its name is the stem; the case has the argument and the absolute path; the notes of the data are returned."""
    plan, notes = make_plan(**DEFAULTS | {"mode": "quick", "data": table, "target": "y"})
    (case,) = plan.cases
    assert (case.kind, case.name, case.n_samples, case.n_features, case.max_iter) == ("csv", "my table", 3, 3, 1000)
    assert (case.path, case.argument, case.target) == (str(tmp_path.resolve() / table), table, "y")
    assert "my table: dropped 1 of 4 rows with a missing value, kept 3; missing: 'a' in 1" in notes


def test_a_case_keeps_how_its_file_is_read(table):
    """A worker and a resumed run read the file in the same way."""
    selection = Selection("y", ("a",), ("b",), ("-1", "?"), keep_text=True)
    (case,) = planned(data=table, target="y", selection=selection).cases
    assert case.data_options == ["--features=a", "--drop=b", "--missing=-1", "--missing=?", "--keep-text"]
    decoded = msgspec.json.decode(msgspec.json.encode(case), type=type(case))
    assert build(decoded).columns == ("intercept", "a")
    old = {
        field: value
        for field, value in msgspec.to_builtins(case).items()
        if field not in msgspec.structs.asdict(selection)
    }
    assert msgspec.convert(old, type(case)).header


def test_data_and_sizes_are_both_planned(table):
    """The user's data come after the synthetic sizes."""
    assert [case.key for case in planned(data=table, target="a", sizes=["50x2", "20x2"]).cases] == [
        "synthetic-20x2", "synthetic-50x2", "my table-3x3",
    ]  # fmt: skip


def test_an_unknown_target_is_a_value_error(table):
    """The message lists the columns of the table."""
    with pytest.raises(ValueError, match=r"--target: found 'z'; allowed: a column of my table\.csv: a, b and y"):
        planned(data=table, target="z")


@pytest.mark.parametrize(("name", "features"), [("penguins", 4), ("penguins_flipper", 2)])
def test_built_in_data_are_planned_by_name(name, features):
    """--data NAME plans that data set alone."""
    (case,) = planned(data=name).cases
    assert (case.name, case.n_samples, case.n_features, case.max_iter) == (name, 342, features, 100)


def test_a_file_precedes_built_in_data(tmp_path, monkeypatch):
    """If the current folder has a file named penguins, --data penguins is this file."""
    monkeypatch.chdir(tmp_path)
    Path("penguins").write_text("a,y\n1,2\n2,3\n")
    (case,) = planned(data="penguins", target="y").cases
    assert (case.kind, case.n_samples) == ("csv", 2)


# Backends and folders


def test_backend_of_does_not_import_the_file(tmp_path):
    """It describes a file by its text, and a backend by its name; an unknown name is an error."""
    path = tmp_path / "mine.py"
    path.write_text("raise RuntimeError('was run')\nALGORITHM = 'QR'\nDTYPES = ('float64',)\n")
    backend = backend_of(str(path))
    assert (backend.name, backend.source, backend.argument, backend.algorithm, backend.dtypes) == (
        "mine", str(path.resolve()), str(path), "QR", ("float64",),
    )  # fmt: skip
    assert backend_of(BASELINE) == NUMPY
    with pytest.raises(ValueError, match="nobody"):
        backend_of("nobody")


def test_out_is_a_new_or_empty_folder(tmp_path, monkeypatch):
    """A folder with contents and a file are refused, and stay as they are."""
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


@pytest.mark.parametrize("out", ["", " "])
def test_out_without_a_name_is_refused(tmp_path, monkeypatch, out):
    """An unset variable, as in --out "$FOLDER", would stand for the current folder, although it is empty."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"--out: found '{out}'; allowed: the name of a new or empty folder"):
        new_folder(out)


def test_runs_in_one_second_get_different_folders(tmp_path, monkeypatch):
    """Their names are the date and time with a number; the hundredth run is refused."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2024, 2, 29, 12, 34, 56)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "datetime", Stopped)
    folders = [new_folder(None) for _ in range(99)]
    assert folders[:3] == [
        Path("gdbench-results") / name for name in ("20240229-123456", "20240229-123456-2", "20240229-123456-3")
    ]
    assert len(set(folders)) == 99
    assert all(folder.is_dir() and not list(folder.iterdir()) for folder in folders)
    with pytest.raises(ValueError, match=r"allowed: another --out"):
        new_folder(None)


def test_a_problem_that_needs_too_much_memory_is_skipped(monkeypatch):
    """The reason has the estimate and the free memory. If there is no other problem, the option is refused."""
    monkeypatch.setattr(options.memory, "available", lambda: 2**30)
    reason = r"needs about 4\.5 GiB of memory to prepare, and 1\.0 GiB are free"
    with pytest.raises(ValueError, match=rf"--size: found a problem that {reason}; allowed: a smaller one"):
        planned(sizes=["10000000x10"])
    plan = planned(sizes=["10000000x10", "1000000x10"])
    assert [case.too_large is not None for case in plan.cases] == [False, True]
    reasons = {cell.case.n_samples: cell.impossible for cell in plan.cells}
    assert reasons[1_000_000] is None
    assert re.fullmatch(reason, reasons[10_000_000])
    cells = [cell for block in block_plans(plan) for cells in block.cells.values() for cell in cells]
    assert {cell.case.n_samples for cell in cells} == {1_000_000}


def test_a_problem_that_needs_too_much_disk_is_skipped(monkeypatch):
    """The reason has the estimate of the scratch disk for this problem and the smaller ones."""
    monkeypatch.setattr(options.memory, "available", lambda: 2**40)
    monkeypatch.setattr(options.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**30))
    small, large = (case.too_large for case in planned(sizes=["6000000x10", "3000000x10"]).cases)
    assert small is None
    assert large.startswith("needs about 1.3 GiB of scratch disk with smaller ones")


def test_losses_of_many_iterations_need_disk(monkeypatch):
    """Losses and their bounds are staged, too."""
    monkeypatch.setattr(options.memory, "available", lambda: 2**40)
    monkeypatch.setattr(options.shutil, "disk_usage", lambda path: SimpleNamespace(free=2**29))
    reason = r"with which synthetic-10x2 needs about 0\.9 GiB of scratch disk with smaller ones, and 0\.5 GiB are free"
    with pytest.raises(ValueError, match=f"--max-iter: found 10000000, {reason}"):
        planned(sizes=["10x2"], max_iter=10_000_000, time_budget="9h")


def test_notes_are_those_of_the_machine_the_data_and_the_plan(table, monkeypatch):
    """In this order; the prediction is the last one."""
    monkeypatch.setattr(options.machine, "warnings", lambda: ["the machine is busy"])
    _, notes = make_plan(**DEFAULTS | {"data": table, "target": "y", "sizes": ["10x2"]})
    assert notes[:3] == [
        "the machine is busy",
        "my table: uses 3 rows; target 'y'; features 'a' and 'b'",
        "my table: dropped 1 of 4 rows with a missing value, kept 3; missing: 'a' in 1",
    ]
    assert notes[-1].startswith("predicted: about ")
    assert len(notes) == 4


def test_a_problem_has_at_most_two_to_the_fortieth_values():
    """8 TiB in float64 are allowed."""
    assert options._size(f"{2**39}x2") == (2**39, 2)
    with pytest.raises(ValueError, match=f"^--size: found '{2**40 + 1}x1', 8192 GiB; allowed: up to 8192 GiB$"):
        options._size(f"{2**40 + 1}x1")
