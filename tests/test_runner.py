"""The decisions of the driver: which cells run, what a sample, a crash and a hang change, and what a block records."""

import json
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from test_plan import MINE, NUMPY

from bench.measure import children, run_directory, runner
from bench.measure.budget import PROBES_S, REPORT_S, WORKER_S, guess, too_long
from bench.measure.messages import CellTask, Decision, WorkerSpec
from bench.measure.run_directory import RunDirectory
from bench.measure.runner import Conversation, RunInProgress
from bench.plan import BASELINE, CELL_SHARE, CONTROL, Plan, synthetic_cases
from bench.records import CellSample, RunManifest, UnreadableRun, decode
from bench.runtime import cgroups, machine, memory, process

PLAN = Plan(
    backends=(NUMPY, MINE),
    cases=(*synthetic_cases([(10, 2), (20, 2)], 0, 1000), *synthetic_cases([(40, 2)], 0, 100)),
    dtypes=("float64",),
    threads=(1,),
    blocks=3,
    rounds=3,
    seed=0,
    budget_s=60.0,
    mode="default",
)
OK = process.Outcome(0, False, "", 5.0)
CRASH = process.Outcome(-11, False, "the output", 1.0, "the stack")
HANG = process.Outcome(-9, True, "", 1.0)


class Worker:
    """Simulated children. Staging gives a digest to each case. A worker is `behave`, called with its cells and `ask`.

    calls: the arguments of process.run of each worker, with its cells, and of each staging.
    """

    def __init__(self):
        self.workers, self.stagings = [], []

    def behave(self, cells, ask):
        for cell in cells:
            if ask(event="start", cell=cell).run:
                ask(event="cell", sample=sample(cell))
        return OK

    def run(self, arguments, *, on_message, environment=None, **options):
        call = SimpleNamespace(arguments=arguments, environment=environment, **options)
        if environment is None:
            self.stagings.append(call)
            for case in PLAN.cases:
                on_message({"case": case.key, "digest": "d"})
            (options["folder"] / "X.npy").write_text("staged")
            return process.Outcome(0, False, "", 0.0)
        call.spec = json.loads(Path(environment["GDBENCH_SPEC"]).read_text())
        self.workers.append(call)
        return self.behave(list(call.spec["cells"]), lambda **fields: on_message(fields))


def sample(cell, **fields):
    """The sample of a cell as a worker sends it."""
    return {
        "cell": cell,
        "block": 0,
        "status": "ok",
        "rounds_s": [0.1, 0.2, 0.3],
        "calls": 2,
        "warmup_calls": 4,
    } | fields


@pytest.fixture
def worker(monkeypatch):
    """The simulated children of a run on a simulated machine."""
    worker = Worker()
    described = {
        "cpu": {"model": "none"},
        "versions": {"numpy": "2"},
        "threads_available": 4,
        "gdbench": "0",
        "load": 1,
    }
    monkeypatch.setattr(machine, "describe", lambda: dict(described))
    monkeypatch.setattr(machine, "commit", lambda: None)
    monkeypatch.setattr(
        machine, "peaks", lambda threads, quick: [{"threads": count, "quick": quick} for count in threads]
    )
    monkeypatch.setattr(machine, "sentinels", lambda threads: {"arithmetic": 0.1 * threads})
    monkeypatch.setattr(machine, "read_rates", lambda threads, sizes: dict.fromkeys(sizes, 40.0 * threads))
    monkeypatch.setattr(cgroups, "throttled_s", lambda: 0.0)
    monkeypatch.setattr(process, "run", worker.run)
    return worker


@pytest.fixture
def shown():
    """What on_progress was called with."""
    return []


@pytest.fixture
def begin(worker, tmp_path, shown):
    """Begin the run of a plan. Return its RunInProgress."""
    directories = []

    def begin(plan=PLAN):
        (tmp_path / "scratch").mkdir()
        directories.append(RunDirectory.begin(tmp_path / "run", plan, "gdbench run"))
        return RunInProgress(directories[0], tmp_path / "scratch", shown.append)

    yield begin
    for directory in directories:
        directory.close()


@pytest.fixture
def clock(monkeypatch):
    """The clock of the driver, which a test advances by `now`."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def cells_of(run, label, block=0):
    """The planned cells of a label in a block, and the block."""
    planned = run.planned[block]
    return planned, planned.cells[label]


def conversation(run, label="mine", block=0):
    """A conversation about the cells of a label, and their ids."""
    planned, cells = cells_of(run, label, block)
    return Conversation(run, planned, cells), [cell.id for cell in cells]


def measured(cell, call_s, **fields):
    return CellSample(**sample(cell.id, rounds_s=[call_s] * 3) | fields)


def statuses(run, label="mine"):
    """(status, detail) of the first sample of each cell of a label, smallest first; None without a sample."""
    samples = [run.samples.get(cell.id, [None])[0] for cell in cells_of(run, label)[1]]
    return [sample and (sample.status, sample.detail) for sample in samples]


# Decisions


def test_the_first_worker_determines_the_counts(begin):
    """Later workers get them, and those of the control, too. Only the first sample of a cell has a curve of errors."""
    run = begin()
    cell, control = cells_of(run, BASELINE)[1][0], cells_of(run, CONTROL)[1][0]
    assert run.decide(cell) == Decision(True, curve=True)
    run.keep(measured(cell, 0.01))
    counts = {"calls": 2, "warmup_calls": 4, "rounds": 3}
    assert run.decide(cell) == Decision(True, **counts, curve=False)
    assert run.decide(control) == Decision(True, **counts, curve=True)
    run.keep(measured(control, 0.01, calls=9))
    assert run.decide(cell).calls == run.decide(control).calls == 2


def test_counts_belong_to_one_backend_problem_dtype_and_number_of_threads(begin):
    """Cells that differ in one of them determine their own."""
    run = begin(replace(PLAN, dtypes=("float64", "float32"), threads=(1, 2)))
    first = cells_of(run, "mine")[1][0]
    run.keep(measured(first, 0.01))
    assert [cell.id for cell in run.plan.cells if run.decide(cell).calls] == [first.id]


def test_a_sample_without_a_time_determines_no_counts(begin):
    """A later worker determines them."""
    run = begin()
    first, second, _ = cells_of(run, "mine")[1]
    run.keep(CellSample(cell=first.id, block=0, status="wrong", calls=3, warmup_calls=5))
    run.keep(CellSample(cell=second.id, block=0, status="ok", rounds_s=[0.1]))
    assert run.counts == {}
    assert run.dropped == {first.id}


def test_smaller_cells_of_the_same_backend_predict_a_time(begin):
    """A cell that would take too long is skipped with the prediction. Other backends and larger cells do not matter."""
    run = begin()
    small, middle, large = cells_of(run, "mine")[1]
    for other in cells_of(run, BASELINE)[1]:
        run.keep(measured(other, 99.0))
    run.keep(measured(large, 99.0))
    assert run.decide(middle).run
    run.keep(CellSample(cell=small.id, block=0, status="skipped", predicted_s=7.0))
    assert run.decide(middle) == Decision(False, too_long(PLAN, 14.0), predicted_s=14.0)
    run.keep(measured(small, 0.001, block=1))  # a measured time is better than a predicted one
    assert run.decide(middle).run


@pytest.mark.parametrize("field", ["dtype", "threads"])
def test_a_cell_with_another_dtype_or_number_of_threads_predicts_nothing(begin, field):
    """Its times say nothing about this one."""
    run = begin(replace(PLAN, **{"dtype": {"dtypes": ("float64", "float32")}, "threads": {"threads": (1, 2)}}[field]))
    cells = [cell for cell in run.plan.cells if cell.label == "mine"]
    for cell in cells:
        if getattr(cell, field) == getattr(cells[0], field):
            run.keep(measured(cell, 99.0))
    assert all(run.decide(cell).run for cell in cells if getattr(cell, field) != getattr(cells[0], field))


def test_a_cell_with_counts_is_not_skipped(begin):
    """Its first worker has measured it, so it fits, whatever smaller cells predict."""
    run = begin()
    small, middle, _ = cells_of(run, "mine")[1]
    run.keep(measured(middle, 0.1))
    run.keep(measured(small, 99.0))
    assert run.decide(middle).run


def test_a_cell_that_is_left_out_has_the_best_known_time(begin):
    """A measured time, else a predicted one, else a guess."""
    run = begin()
    small, middle, _ = cells_of(run, "mine")[1]
    run.left_out = {small.id, middle.id}
    assert run.decide(small).predicted_s == guess(small)
    run.keep(CellSample(cell=small.id, block=0, status="skipped", predicted_s=0.5))
    assert run.decide(small).predicted_s == 0.5
    assert run.decide(middle).predicted_s == 1.0
    run.keep(measured(middle, 0.7))
    decision = run.decide(middle)
    assert decision.predicted_s == 0.7
    assert (decision.run, decision.detail) == (False, "left out, so that the whole run fits its time budget of 60 s")


def test_the_time_of_a_call_is_the_median_of_processes(begin):
    """And of the rounds of a process."""
    run = begin()
    cell = cells_of(run, "mine")[1][0]
    assert run.call_s(cell) is None
    for block, rounds_s in enumerate(([1.0, 9.0, 2.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0])):
        run.keep(CellSample(**sample(cell.id, block=block, rounds_s=rounds_s)))
    assert run.call_s(cell) == 5.0


# Messages


def test_only_messages_about_the_current_cell_are_answered(begin):
    """A backend may send messages, too: about another cell, an unknown one, or without a meaning."""
    run = begin()
    talk, (first, second, _) = conversation(run)
    for fields in (
        {"event": "start", "cell": "nobody"},
        {"event": "call", "cell": first, "seconds": 0.1},
        {"event": "cell", "sample": sample(first)},
        {"event": "cell", "sample": 3},
        {"text": "hello"},
    ):
        assert talk.reply(fields) is None
    assert talk.reply({"event": "start", "cell": first}).run
    for fields in (
        {"event": "call", "cell": second, "seconds": 0.1},
        {"event": "cell", "sample": sample(second)},
        {"event": "start", "cell": 3},
    ):
        assert talk.reply(fields) is None
    assert (talk.current, run.samples) == (first, {})
    assert talk.reply({"event": "cell", "sample": sample(first)}) == Decision(False)
    assert (talk.current, list(run.samples)) == (None, [first])


def test_the_driver_judges_the_length_of_a_call(begin):
    """The worker ends a cell whose calls are too long for the budget."""
    run = begin()
    talk, (first, *_) = conversation(run)
    talk.reply({"event": "start", "cell": first})
    assert talk.reply({"event": "call", "cell": first, "seconds": 0.1}) == Decision(True)
    assert talk.reply({"event": "call", "cell": first, "seconds": 60.0}) == Decision(False, too_long(PLAN, 60.0))


def test_only_the_first_cell_of_a_worker_is_cold(begin):
    """The driver decides that and the number of the block, not the worker."""
    run = begin()
    talk, ids = conversation(run, block=1)
    for cell in ids:
        talk.reply({"event": "start", "cell": cell})
        talk.reply({"event": "cell", "sample": sample(cell, block=99, cold=cell != ids[0])})
    assert [(run.samples[cell][0].cold, run.samples[cell][0].block) for cell in ids] == [
        (True, 1),
        (False, 1),
        (False, 1),
    ]


def test_a_skipped_cell_leaves_the_worker_cold(begin):
    """The next cell is the first one that imports and compiles."""
    run = begin()
    talk, (first, second, third) = conversation(run)
    run.left_out = {first}
    for cell in (first, second, third):
        talk.reply({"event": "start", "cell": cell})
        talk.reply({"event": "cell", "sample": sample(cell)})
    assert [run.samples[cell][0].cold for cell in (second, third)] == [True, False]


def test_a_skipped_cell_has_a_sample_with_the_reason(begin):
    """The worker gets the decision and goes on with the next cell."""
    run = begin()
    talk, (_, second, _) = conversation(run)
    run.left_out = {second}
    decision = talk.reply({"event": "start", "cell": second})
    assert not decision.run
    (skipped,) = run.samples[second]
    assert (skipped.status, skipped.detail, skipped.predicted_s) == ("skipped", decision.detail, decision.predicted_s)
    assert talk.current is None


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"rounds_s": "fast"}, "its worker gave no valid sample: Expected `array`, got `str`"),
        ({"peak_bytes": -1.5}, "its worker gave no valid sample: Expected `int | null`"),
        ({"cost_s": math.nan}, "its worker gave no valid sample: Out of range float values are not JSON compliant"),
        ({"versions": {"numpy": "1"}}, "its worker loaded numpy 1, but this run has numpy 2"),
    ],
)
def test_an_invalid_sample_is_a_failure(begin, fields, detail):
    """The cell ends and has no time."""
    run = begin()
    talk, (first, *_) = conversation(run)
    talk.reply({"event": "start", "cell": first})
    assert talk.reply({"event": "cell", "sample": sample(first, **fields)}) == Decision(False)
    (failed,) = run.samples[first]
    assert (failed.status, failed.rounds_s, failed.block) == ("failed", [], 0)
    assert failed.detail.startswith(detail)
    assert talk.ended == 1


def test_a_backend_that_writes_into_the_folder_of_the_run_has_failed(begin):
    """The files are restored."""
    run = begin()
    talk, (first, *_) = conversation(run)
    talk.reply({"event": "start", "cell": first})
    (run.directory.folder / "plan.json").write_text("{}")
    (run.directory.folder / "report.md").write_text("mine")
    talk.reply({"event": "cell", "sample": sample(first)})
    wrote = "wrote into the folder of the run: plan.json, report.md; the folder was restored"
    assert statuses(run)[0] == ("failed", wrote)
    assert decode((run.directory.folder / "plan.json").read_text(), RunManifest, Path("plan.json"))
    assert not (run.directory.folder / "report.md").exists()


def test_a_detail_has_no_paths_of_the_user(begin, monkeypatch, tmp_path):
    """And at most 500 characters, without control codes."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    run = begin()
    cell = cells_of(run, "mine")[1][0]
    paths = [
        "/home/me/mine.py",
        f"{process.ROOT}/bench/plan.py",
        f"{sys.prefix}/lib/numpy.py",
        f"{tmp_path}/me/x",
        "/etc/y",
    ]
    run.keep(CellSample(cell=cell.id, block=0, status="failed", detail=" ".join(paths) + "\x1b"))
    run.keep(CellSample(cell=cell.id, block=1, status="failed", detail="x" * 501))
    first, second = run.samples[cell.id]
    assert first.detail == "mine.py bench/plan.py lib/numpy.py x /etc/y\ufffd"
    assert len(second.detail) == 500
    stored = [json.loads(line) for line in (run.directory.folder / "journal.jsonl").read_text().splitlines()]
    assert [line["detail"] for line in stored] == [first.detail, second.detail]


# Workers that end too early


def ended(run, outcome, before=0, current=True):
    """A worker ends after `before` cells and, if current, within the next one."""
    talk, ids = conversation(run)
    for cell in ids[:before]:
        talk.reply({"event": "start", "cell": cell})
        talk.reply({"event": "cell", "sample": sample(cell)})
    if current:
        talk.reply({"event": "start", "cell": ids[before]})
    talk.record_failure(outcome, 12.0)
    return statuses(run)


def test_a_crash_is_that_of_the_current_cell(begin):
    """The larger cells have no sample, so another worker measures them."""
    assert ended(begin(), CRASH, before=1) == [("ok", None), ("crashed", "killed by SIGSEGV: the output"), None]


def test_a_crash_before_the_first_cell_is_that_of_all_cells(begin):
    """Another worker would crash, too."""
    assert ended(begin(), CRASH, current=False) == [("crashed", "killed by SIGSEGV: the output")] * 3


def test_a_crash_between_two_cells_is_that_of_none(begin):
    """The rest runs in another worker."""
    assert ended(begin(), CRASH, before=1, current=False) == [("ok", None), None, None]


def test_a_worker_that_ends_early_with_exit_code_0_has_crashed(begin):
    """The detail says what is missing."""
    expected = ("crashed", "ended with exit code 0, without a result")
    assert ended(begin(), OK) == [expected, None, None]


def test_a_worker_without_memory_has_that_status(begin):
    """A deadline and a lack of memory are no crash."""
    outcome = process.Outcome(-9, False, "", 1.0, out_of_memory=True)
    assert ended(begin(), outcome)[0] == ("out_of_memory", "out of memory, killed by SIGKILL")


def test_larger_cells_are_not_tried_after_a_deadline(begin):
    """They would hang, too. Cells that have a sample keep it, and smaller ones run in another worker."""
    hang = ("timeout", "no answer for 12 s, stopped at its deadline, without a result")
    larger = ("skipped", "not tried: a problem of this size or smaller hit its deadline")
    timeout = process.Outcome(0, True, "", 1.0)
    assert ended(begin(), timeout, before=1) == [("ok", None), hang, larger]


def test_smaller_cells_are_tried_after_a_deadline(begin):
    """In later blocks, a larger cell may come first."""
    run = begin()
    talk, (small, middle, large) = conversation(run)
    talk.reply({"event": "start", "cell": middle})
    talk.record_failure(HANG, 12.0)
    assert (small in run.samples, [run.samples[cell][0].status for cell in (middle, large)]) == (
        False,
        ["timeout", "skipped"],
    )


def test_a_cell_of_the_same_size_is_not_tried_after_a_deadline(begin):
    """Another dtype does not make the same problem smaller."""
    run = begin(replace(PLAN, dtypes=("float64", "float32")))
    talk, ids = conversation(run)
    talk.reply({"event": "start", "cell": ids[0]})
    talk.record_failure(HANG, 12.0)
    assert all(run.samples[cell][0].status in ("timeout", "skipped") for cell in ids)


# Workers and their files


def test_the_rest_of_the_cells_is_measured_in_another_worker(begin, worker):
    """raw/ has a file per worker: the JSON of pytest-benchmark, and a text about the crash."""
    run = begin()

    def crash(cells, ask):
        raw = worker.workers[-1].folder / "pytest-benchmark.json"
        raw.write_text(json.dumps(cells))
        if len(worker.workers) == 1:
            ask(event="start", cell=cells[0])
            ask(event="cell", sample=sample(cells[0], status="failed", detail="bad"), traceback="the traceback")
            ask(event="start", cell=cells[1])
            raw.write_text("")  # pytest-benchmark writes it at the end
            return CRASH
        return Worker.behave(worker, cells, ask)

    worker.behave = crash
    block, cells = cells_of(run, "mine")
    run.measure(block, "mine (a/b)", cells)
    first, second, third = [cell.id for cell in cells]
    assert [list(call.spec["cells"]) for call in worker.workers] == [[first, second, third], [third]]
    assert statuses(run) == [("failed", "bad"), ("crashed", "killed by SIGSEGV: the output"), ("ok", None)]
    raw = {path.name: path.read_text() for path in (run.directory.folder / "raw").iterdir()}
    assert raw == {
        "block00-1t-mine__a_b_.txt": f"{first}\nthe traceback\nkilled by SIGSEGV: the output\n\nthe output\nthe stack",
        "block00-1t-mine__a_b_-1.json": json.dumps([third]),
    }


def test_a_long_label_is_cut_in_file_names(begin):
    """A file name may have 255 bytes."""
    run = begin()
    block, cells = cells_of(run, "mine")
    stems = []
    run.measure_once = lambda block, label, cells, stem: (stems.append(stem), run.dropped.update(c.id for c in cells))
    run.measure(replace(block, index=7, threads=2), "x" * 300, cells)
    assert stems == ["block07-2t-" + "x" * 100]


def test_cells_without_a_sample_only_are_measured(begin, worker):
    """A cell that has one in this block is not, nor one that failed in an earlier block."""
    run = begin()
    block, cells = cells_of(run, "mine", 1)
    run.keep(measured(cells[0], 0.1, block=1))
    run.keep(CellSample(cell=cells[1].id, block=0, status="wrong"))
    run.keep(measured(cells[2], 0.1, block=0))
    run.measure(block, "mine", cells)
    assert [list(call.spec["cells"]) for call in worker.workers] == [[cells[2].id]]
    run.measure(block, "mine", cells)
    assert len(worker.workers) == 1


def test_the_overhead_of_a_worker_is_its_time_without_its_cells(begin, worker):
    """A worker that crashed has none."""
    run = begin()
    block, cells = cells_of(run, "mine")

    def behave(ids, ask):
        for number, cell in enumerate(ids):
            ask(event="start", cell=cell)
            ask(event="cell", sample=sample(cell, cost_s=[1.0, None, 1.5][number]))
        return OK

    worker.behave = behave
    run.measure(block, "mine", cells)
    assert run.overhead_s == {("mine", 1): 2.5}
    worker.behave = lambda cells, ask: (behave(cells, ask), CRASH)[1]
    run.measure(*cells_of(run, BASELINE)[:1], BASELINE, cells_of(run, BASELINE)[1])
    assert list(run.overhead_s) == [("mine", 1)]


@pytest.mark.parametrize("change", ["contents", "new file", "removed"])
def test_changed_data_are_staged_again(begin, worker, change):
    """A worker may have changed the staged arrays; without a change they stay."""
    run = begin()
    run.stage()
    block, cells = cells_of(run, "mine")
    run.measure(block, "mine", cells)
    assert len(worker.stagings) == 1
    file = run.scratch / "X.npy"
    {
        "contents": lambda: file.write_text("other data"),
        "new file": lambda: (run.scratch / "y.npz").write_text(""),
        "removed": file.unlink,
    }[change]()
    run.measure(run.planned[1], "mine", cells)
    assert (len(worker.stagings), file.read_text()) == (2, "staged")


def test_a_change_of_the_folder_after_the_last_sample_is_undone(begin, worker):
    """A worker may write until it ends."""
    run = begin()

    def behave(cells, ask):
        Worker.behave(worker, cells, ask)
        (run.directory.folder / "run.json").write_text("{}")
        return OK

    worker.behave = behave
    run.measure(*cells_of(run, "mine")[:1], "mine", cells_of(run, "mine")[1])
    assert not (run.directory.folder / "run.json").exists()
    assert statuses(run) == [("ok", None)] * 3


# Blocks


def test_a_block_records_how_it_ran(begin, worker, monkeypatch, clock):
    """Its order, seeds, processors and threads, bandwidths, and the seconds for which a quota stopped it."""
    throttled = iter([1.5, 4.0])
    monkeypatch.setattr(cgroups, "throttled_s", lambda: next(throttled))
    run = begin()

    def behave(cells, ask):
        clock.now += 2.0
        for cell, seen in zip(cells, ({"numba": 1, "processors": 1}, {"numba": 3}, {"numba": 2}), strict=True):
            ask(event="start", cell=cell)
            ask(event="cell", sample=sample(cell, threads_seen=seen))
        return OK

    worker.behave = behave
    block = run.planned[0]
    run.block(block, 1)
    (record,) = run.blocks
    assert (record.index, record.threads, record.hash_seed, record.padding_bytes) == (
        0, 1, block.hash_seed, block.padding_bytes,
    )  # fmt: skip
    assert record.order == list(block.cells)
    assert record.cells == {label: [cell.id for cell in cells] for label, cells in block.cells.items()}
    assert record.threads_seen == {label: {"numba": 3, "processors": 1} for label in record.order}
    assert record.reads == {str(8 * n * 3): 40.0 for n in (10, 20, 40)}  # X and y
    assert record.sentinels == {"arithmetic": [0.1]}
    assert (record.seconds, record.throttled_s) == (6.0, 2.5)
    assert msgspec.json.decode((run.directory.folder / "blocks.jsonl").read_text(), type=type(record)) == record
    assert run.done == 9


def test_a_finished_block_is_not_repeated(begin, worker):
    """Another number of threads is another block."""
    run = begin(replace(PLAN, threads=(1, 2)))
    run.block(run.planned[0], 1)
    run.block(run.planned[0], 1)
    assert len(worker.workers) == 3
    run.block(run.planned[1], 2)
    assert [(block.index, block.threads) for block in run.blocks] == [(0, 1), (0, 2)]
    assert len(worker.workers) == 6
    assert run.blocks[0].throttled_s is msgspec.UNSET


@pytest.mark.parametrize(("mode", "probed"), [("quick", [True, False, False]), ("default", [True, True, True])])
def test_a_quick_run_measures_the_bandwidth_once(begin, mode, probed):
    """Each block times the sentinels, and the last one once more at its end."""
    run = begin(replace(PLAN, mode=mode))
    for number, block in enumerate(run.planned, 1):
        run.block(block, number)
    assert [bool(block.reads) for block in run.blocks] == probed
    assert [len(block.sentinels["arithmetic"]) for block in run.blocks] == [1, 1, 2]


def test_the_time_left_is_estimated_from_the_cells_so_far(begin, clock, shown):
    """In the first block, it is the rest of the prediction. What a resumed run has done before does not count."""
    run = begin(replace(PLAN, predicted_s=100.0))
    run.blocks.append(SimpleNamespace(threads=1))
    clock.now += 30.0
    run.show_progress(run.planned[0], 1, "mine")
    clock.now += 80.0
    run.show_progress(run.planned[0], 1, "mine")
    run.done, run._done_before, run.prepared = 9, 4, clock.now - 10.0
    run.show_progress(run.planned[1], 2, BASELINE)
    run.done = 4
    run.show_progress(run.planned[1], 2, BASELINE)
    assert [progress.left_s for progress in shown] == [70.0, None, 10.0 / 5 * (27 - 9), None]
    last = shown[-2]
    assert (last.done, last.total, last.what, last.block, last.blocks) == (9, 27, BASELINE, 2, 3)


def test_progress_has_the_cells_of_one_table(begin, shown):
    """Those with the current number of threads and the first dtype."""
    run = begin(replace(PLAN, dtypes=("float32", "float64"), threads=(1, 2)))
    run.block(run.planned[0], 1)
    cells = shown[-1].cells()
    assert {(cell.threads, cell.dtype) for cell in cells} == {(1, "float32")}
    assert {cell.backend for cell in cells} == {BASELINE, "mine"}


# Budget and deadlines


def test_a_deadline_without_a_budget_of_the_user(begin):
    """A start, and the longest cell that the budget of the mode allows."""
    assert begin().deadline_s() == 30.0 + CELL_SHARE * 60.0


@pytest.mark.parametrize(
    ("spent_s", "deadline_s"), [(0.0, 0.25 * 394.0), (114.0, 0.25 * 280.0), (390.0, 10.0 + 100.0 / 3)]
)
def test_a_deadline_is_a_share_of_the_rest_of_the_budget(begin, clock, spent_s, deadline_s):
    """But at least that of the longest cell that the budget allows."""
    run = begin(replace(PLAN, budget_s=400.0, has_user_budget=True))
    clock.now += spent_s
    assert run.deadline_s() == pytest.approx(deadline_s)


def test_the_plan_is_cut_once_by_measured_costs(begin):
    """Costs and overheads hold for the blocks that are left. Cells without a time cost nothing."""
    run = begin(replace(PLAN, budget_s=400.0, has_user_budget=True))
    for label in (BASELINE, CONTROL, "mine"):
        for cell, cost_s in zip(cells_of(run, label)[1], (1.0, 2.0, 30.0), strict=True):
            run.keep(measured(cell, 0.1, cost_s=cost_s))
            run.keep(measured(cell, 0.1, cost_s=999.0, block=1))
    crashed = cells_of(run, "mine")[1][1]
    run.samples[crashed.id] = [CellSample(cell=crashed.id, block=0, status="crashed", cost_s=500.0)]
    run.overhead_s = {("mine", 1): 7.0}
    needed = 2 * (33.0 + 33.0 + 31.0) + 2 * (7.0 + 2 * WORKER_S + PROBES_S) + REPORT_S
    run.replan(1, 400.0 - needed - 0.01)
    assert run.left_out == set()
    run.replan(1, 400.0)
    assert run.left_out == set(), "a second plan would leave out what has run"
    run.replanned = False
    run.replan(1, 400.0 - needed + 0.01)
    assert run.left_out == {cells_of(run, "mine")[1][2].id}


@pytest.mark.parametrize("index", [0, 1])
def test_the_plan_is_cut_after_the_first_block(begin, clock, index):
    """Nothing is measured before it. What the run has spent so far counts."""
    run = begin()
    clock.now += 40.0
    calls = []
    run.replan = lambda *arguments: calls.append(arguments)
    run.block(run.planned[index], index + 1)
    assert calls == [(1, 40.0)][:index]


# The whole run


def test_a_run_is_prepared_once(begin, worker, shown):
    """The peaks are measured unless a resumed run has them. The data are staged in any case."""
    run = begin(replace(PLAN, mode="quick", threads=(1, 2), predicted_s=50.0))
    run.prepare()
    run.prepare()
    manifest = run.directory.manifest
    assert manifest.machine["peaks"] == [{"threads": 1, "quick": True}, {"threads": 2, "quick": True}]
    assert manifest.digests == {case.key: "d" for case in PLAN.cases}
    assert [(p.what, p.left_s, p.done, p.total) for p in shown] == [
        ("measuring the machine", 50.0, 0, 0), *[("preparing data and references", 50.0, 0, 0)] * 2,
    ]  # fmt: skip
    assert len(worker.stagings) == 2


def test_a_run_is_saved_at_its_end(worker, tmp_path, shown):
    """Each block has a worker per label, on the processors of the plan."""
    cpus = tuple(sorted(process.affinity()))[-1:]
    directory = RunDirectory.begin(tmp_path / "run", replace(PLAN, cpus=cpus), "gdbench run")
    orders = []
    worker.behave = lambda cells, ask: (orders.append(process.order()), Worker.behave(worker, cells, ask))[1]
    run = runner.execute(directory, shown.append)
    directory.close()
    assert {cell.status for cell in run.cells} == {"ok"}
    assert [block.index for block in run.blocks] == [0, 1, 2]
    assert (shown[-1].what, shown[-1].done, shown[-1].total, shown[-1].left_s) == ("done", 27, 27, 0.0)
    assert (tmp_path / "run" / "run.json").exists()
    assert len(worker.workers) == 9
    if cpus:
        assert set(orders) == {cpus}


def test_a_resumed_run_knows_its_samples(begin, tmp_path):
    """Their counts, and what they dropped."""
    run = begin()
    first, second, _ = cells_of(run, "mine")[1]
    run.keep(measured(first, 0.1))
    run.keep(CellSample(cell=second.id, block=0, status="wrong"))
    run.directory.samples += [run.samples[cell.id][0] for cell in (first, second)]
    resumed = RunInProgress(run.directory, run.scratch, lambda progress: None)
    assert resumed.samples == run.samples
    assert (resumed.counts, resumed.dropped) == (run.counts, {second.id})
    assert (resumed.done, resumed._done_before, resumed.total) == (2, 2, 27)


# Children


def test_a_worker_has_the_settings_of_its_block(begin, worker):
    """Hash seed, padding, threads, deadline, and memory for the cell that needs most."""
    run = begin(replace(PLAN, threads=(2,)))
    block, cells = cells_of(run, "mine")
    run.measure(block, "mine", cells)
    (call,) = worker.workers
    assert call.environment["PYTHONHASHSEED"] == str(block.hash_seed)
    assert call.environment["GDBENCH_PADDING"] == "x" * block.padding_bytes
    assert call.environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] == "1"
    assert call.arguments[:2] == ["-m", "pytest"]
    assert {"--benchmark-only", "--benchmark-disable-gc", "--capture=no", "--assert=plain"} < set(call.arguments)
    assert (call.threads, call.deadline_s) == (2, run.deadline_s())
    assert call.memory_bytes == memory.BASE + children.WORKER_COPIES * 8 * (
        40 + 1000
    )  # the largest cell has fewer iterations
    assert call.folder.parent == run.scratch
    assert not call.folder.exists()


def test_a_worker_has_the_tasks_of_its_cells(begin, worker):
    """In their order, with the folder of the arrays and the facts about the machine that do not change."""
    run = begin(replace(PLAN, backends=(NUMPY, replace(MINE, requires=("scipy",)))))
    run.prepare()
    block, cells = cells_of(run, "mine", 1)
    run.measure(block, "mine", cells)
    (call,) = worker.workers
    spec = msgspec.convert(call.spec, WorkerSpec)
    assert (spec.folder, spec.block, list(spec.cells)) == (str(run.scratch), 1, [cell.id for cell in cells])
    assert set(spec.machine) == set(run.directory.manifest.machine) - {"load", "peaks"}
    task = spec.cells[cells[0].id]
    assert task == CellTask(
        source="/home/me/mine.py", files=cells[0].case.file_stem("float64"), dtype="float64", threads=1,
        max_iter=cells[0].case.max_iter, rounds=3, min_round_s=0.01, warmup_calls=2, warmup_s=0.03, libraries=("scipy",),
    )  # fmt: skip


def test_staging_has_the_cases_of_the_plan_and_its_own_limits(begin, worker):
    """Cases without a cell are not staged. The memory is that of the case that needs most."""
    left_out = frozenset(cell.id for cell in PLAN.cells if cell.case.n_samples == 20)
    run = begin(replace(PLAN, left_out=left_out))
    assert run.stage() == {case.key: "d" for case in PLAN.cases}
    (call,) = worker.stagings
    module, path = call.arguments[1:]
    spec = json.loads(Path(path).read_text())
    assert (module, spec["folder"], spec["dtypes"], spec["normwise"]) == (
        "bench.measure.stage", str(run.scratch), ["float64"], True,
    )  # fmt: skip
    assert [case["n_samples"] for case in spec["cases"]] == [10, 40]
    assert (call.threads, call.deadline_s) == (1, 300.0 + CELL_SHARE * 60.0)
    assert call.memory_bytes == memory.BASE + PLAN.cases[0].stage_bytes  # 10 rows have more iterations


@pytest.mark.parametrize(
    ("message", "outcome", "reason"),
    [
        ({"case": "a", "error": "no numbers"}, OK, "a: no numbers"),
        ({"case": "a", "digest": "d"}, HANG, "preparing the data stopped at its deadline"),
    ],
)
def test_a_run_whose_data_cannot_be_staged_does_not_start(begin, monkeypatch, message, outcome, reason):
    """The error has the reason."""
    run = begin()
    monkeypatch.setattr(process, "run", lambda arguments, on_message, **options: (on_message(message), outcome)[1])
    with pytest.raises(children.RunError, match=f"^{reason}$"):
        run.stage()


# The folder of a run


@pytest.mark.parametrize("block", [-1, 3])
def test_a_sample_of_another_block_is_refused(begin, block):
    """The plan has blocks 0 to 2."""
    run = begin()
    cell = cells_of(run, "mine")[1][0]
    run.directory.samples.append(CellSample(cell=cell.id, block=2, status="ok"))
    run.directory._validate_samples()
    run.directory.samples.append(CellSample(cell=cell.id, block=block, status="ok"))
    with pytest.raises(
        UnreadableRun, match=rf"journal\.jsonl: found a sample of {cell.id} in block {block} that is not"
    ):
        run.directory._validate_samples()


def test_a_run_that_cannot_start_leaves_nothing(begin):
    """Files of others stay, and so does a folder that has some."""
    run = begin()
    folder = run.directory.folder
    run.directory.keep_raw("a.json", b"{}")
    (folder / "mine.txt").write_text("mine")
    run.directory.abandon()
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    run.directory.abandon()
    assert not folder.exists()


def test_a_folder_without_space_is_not_created(worker, tmp_path, monkeypatch):
    """The run does not begin."""

    def full(folder):
        raise OSError("no space")

    monkeypatch.setattr(run_directory, "ensure_free_space", full)
    with pytest.raises(OSError, match="no space"):
        RunDirectory.begin(tmp_path / "deep" / "run", PLAN, "gdbench run")
    assert list(tmp_path.rglob("*")) == [tmp_path / "deep"]


@pytest.mark.parametrize("name", ["raw", "plan.json", "journal.jsonl", "blocks.jsonl"])
@pytest.mark.parametrize("change", ["removed", "replaced by a file", "replaced by a folder"])
def test_a_changed_file_of_a_run_is_restored(begin, name, change):
    """Its name is returned once. A folder raw keeps its name only."""
    run = begin()
    run.block(run.planned[0], 1)
    path = run.directory.folder / name
    before = path.read_bytes() if path.is_file() else None
    (shutil.rmtree if path.is_dir() else Path.unlink)(path)
    if change == "replaced by a file":
        path.write_text("mine")
    elif change == "replaced by a folder":
        path.mkdir()
    expected = [name] if (name, change) != ("raw", "replaced by a folder") else []
    assert run.directory.restore() == expected
    assert path.is_dir() if before is None else path.read_bytes() == before
    assert run.directory.restore() == []
    run.block(run.planned[1], 2)
    assert len((run.directory.folder / "journal.jsonl").read_text().splitlines()) == 18


@pytest.mark.parametrize("name", ["run.json", "report.html", "report.md", "figures"])
def test_a_result_that_a_worker_writes_is_removed(begin, name):
    """Results are written after the last block. Those of a run that is resumed stay."""
    run = begin()
    path = run.directory.folder / name
    (path.mkdir if name == "figures" else path.touch)()
    assert run.directory.restore() == [name]
    assert not path.exists()
    assert run.directory.restore() == []


def test_a_run_is_resumed_until_it_is_complete(worker, tmp_path):
    """plan.json has the times. A complete run gets none."""
    folder = tmp_path / "run"
    RunDirectory.begin(folder, PLAN, "gdbench run").close()
    for times in (1, 2, 2):
        directory = RunDirectory.resume(folder)
        assert len(directory.manifest.resumed) == times
        assert decode((folder / "plan.json").read_text(), RunManifest, folder) == directory.manifest
        if times == 2 and not directory.blocks:
            runner.execute(directory)
        directory.close()
    assert (len(directory.samples), len(directory.blocks)) == (27, 3)
