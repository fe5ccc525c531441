"""`gdbench run --resume` completes a run that was killed or interrupted, and refuses a changed machine or folder."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from helpers import killing
from helpers.command import UNPROBED, gdbench, unprobed

from bench.cli.run import _measure
from bench.measure import run_directory, runner
from bench.measure.run_directory import RunDirectory
from bench.records import UnreadableRun, load_run
from bench.runtime import machine, process

HERE = Path(__file__).parent


@pytest.fixture
def description(monkeypatch):
    """The description of a simulated machine, which a test can change. Child processes and probes are simulated, too."""
    description = {"cpu": {"model": "none"}, "versions": {"numpy": "1"}, "threads_available": 4, "gdbench": "0"}
    for name in ("describe", "peaks", "sentinels"):
        monkeypatch.setattr(machine, name, getattr(machine, name))
    for name in ("run", "available_threads"):
        monkeypatch.setattr(process, name, getattr(process, name))
    killing.simulate()
    monkeypatch.setattr(machine, "describe", lambda: json.loads(json.dumps(description)))
    return description


@pytest.fixture
def interrupted(description, tmp_path):
    """The folder of a run that Ctrl-C interrupted in its second block."""

    def interrupt(progress):
        if progress.done == 10:
            raise KeyboardInterrupt

    directory = RunDirectory.begin(tmp_path / "run", killing.PLAN, "gdbench run")
    run = runner.execute(directory, interrupt)
    directory.close()
    assert any(cell.status == "interrupted" for cell in run.cells)
    return directory.folder


def resume(folder):
    """Resume and complete the run in a folder. Returns the run."""
    directory = RunDirectory.resume(folder)
    try:
        return runner.execute(directory)
    finally:
        directory.close()


# Killed drivers


def kill_and_resume(folder, step):
    """Kill a driver at every `step`-th point of writing, and resume the run. Returns the counts that killing.py prints."""
    command = [sys.executable, HERE / "helpers" / "killing.py", folder, str(step)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_a_killed_run_is_resumed(tmp_path):
    """After SIGKILL at every 19th point of writing, each file is the old or the new one, and resuming completes the run."""
    assert kill_and_resume(tmp_path, 19)["resumed"] >= 8


@pytest.mark.slow
def test_a_run_killed_at_any_point_of_writing_is_resumed(tmp_path):
    """Some runs are killed again while they resume. The lines of finished cells do not change."""
    counts = kill_and_resume(tmp_path, 1)
    assert counts["points"] > 150
    assert counts["resumed"] > 150


# Changes since the run began


def test_resuming_appends_to_the_journal(interrupted):
    """The resumed run has the same cells, one sample per block, and the time when it was resumed."""
    before = (interrupted / "journal.jsonl").read_bytes()
    run = resume(interrupted)
    assert (interrupted / "journal.jsonl").read_bytes().startswith(before)
    assert {cell.status for cell in run.cells} == {"ok", "wrong"}
    assert len(run.resumed) == 1
    assert load_run(interrupted) == run
    assert resume(interrupted) == run, "resuming a complete run measures nothing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpu": {"model": "other"}}, "processor none -> other"),
        ({"versions": {"numpy": "2"}}, "numpy 1 -> 2"),
        ({"gdbench": "1"}, "gdbench 0 -> 1"),
        ({"threads_available": 0}, "threads available 4 -> 0"),
    ],
    ids=["processor", "library", "gdbench", "fewer threads"],
)
def test_another_machine_or_version_is_refused(interrupted, description, change, message):
    """The message has the change and what is allowed. No file in the folder changes."""
    description.update(change)
    before = {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()}
    with pytest.raises(UnreadableRun, match=f"found changes since the run began: {message}; allowed: the same plan"):
        resume(interrupted)
    assert {path: path.read_bytes() for path in interrupted.rglob("*") if path.is_file()} == before


def test_other_processors_are_refused(interrupted, monkeypatch):
    """The rest of a run is measured on the same processors."""
    monkeypatch.setattr(process, "order", lambda: (77,))
    with pytest.raises(
        UnreadableRun, match="found changes since the run began: the processors of the workers; allowed"
    ):
        resume(interrupted)


def test_chosen_processors_must_still_be_allowed(description, tmp_path, monkeypatch):
    """The user chose one that this process may no longer use."""
    monkeypatch.setattr(process, "affinity", lambda: {3, 4})
    directory = RunDirectory.begin(tmp_path / "run", replace(killing.PLAN, cpus=(4,)), "x")
    directory.close()
    RunDirectory.resume(directory.folder).close()
    monkeypatch.setattr(process, "affinity", lambda: {3})
    with pytest.raises(UnreadableRun, match="found changes since the run began: the processors of the workers"):
        RunDirectory.resume(directory.folder)


def test_what_a_plan_uses_is_recorded(description, tmp_path):
    """The text of a backend, the versions of libraries that the machine does not list, processors, and the commit."""
    file = tmp_path / "mine.py"
    file.write_text("import json, numba, numpy\ndef fit():\n    import msgspec\n")
    mine = replace(killing.PLAN.backends[1], name="mine", source=str(file), argument="mine.py")
    last = max(process.affinity(), default=0)
    plan = replace(killing.PLAN, backends=(killing.PLAN.backends[0], mine), cpus=(last,))
    directory = RunDirectory.begin(tmp_path / "run", plan, "x")
    directory.close()
    recorded = directory.manifest.machine
    assert recorded["requires"] == {"mine": {"msgspec": version("msgspec")}}
    assert recorded["sources"] == directory.manifest.sources
    assert set(recorded["sources"]) >= {"mine"}
    assert recorded["processors"] == {str(threads): [last] for threads in plan.threads}
    assert "commit" in recorded
    assert str(tmp_path) not in json.dumps(recorded)


def test_a_changed_backend_file_is_refused(description, tmp_path):
    """A run has one version of each backend."""
    file = tmp_path / "mine.py"
    file.write_text("def fit(): ...")
    mine = replace(killing.PLAN.backends[1], name="mine", source=str(file), argument="mine.py")
    plan = replace(killing.PLAN, backends=(killing.PLAN.backends[0], mine))
    directory = RunDirectory.begin(tmp_path / "run", plan, "x")
    directory.close()
    RunDirectory.resume(directory.folder).close()
    file.write_text("def fit(): return")
    with pytest.raises(UnreadableRun, match="found changes since the run began: the file of mine; allowed"):
        RunDirectory.resume(directory.folder)


def test_changed_data_are_refused(interrupted, monkeypatch):
    """The digest of a problem differs from the digest at the start of the run."""

    def stage(arguments, *, on_message, **options):
        for case in killing.PLAN.cases:
            on_message({"case": case.key, "digest": "other"})
        return process.Outcome(0, False, "", 0.0)

    monkeypatch.setattr(process, "run", stage)
    with pytest.raises(UnreadableRun, match=r"found other data in synthetic-10x2 than when the run began"):
        resume(interrupted)


def edit(name, change):
    """A function that edits this file in a folder. change: old bytes -> new bytes."""

    def edit_in(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return edit_in


LINE = b'{"cell": "nobody", "block": 0, "status": "ok"}\n'
DAMAGE = {
    "no plan": (lambda folder: (folder / "plan.json").unlink(), "found no readable plan.json"),
    "a plan that is cut off": (edit("plan.json", lambda text: text[:-9]), "cannot be read"),
    "a newer plan": (edit("plan.json", lambda t: t.replace(b'"schema": 3', b'"schema": 99')), "found schema 99"),
    "an older plan": (edit("plan.json", lambda t: t.replace(b'"schema": 3', b'"schema": 1')), "found schema 1; allowed: 3$"),
    "no plan in it": (edit("plan.json", lambda t: t.replace(b'"cases"', b'"case"')), "is not a valid plan"),
    "a line that is no JSON": (edit("journal.jsonl", lambda t: b"{}{\n" + t), "cannot be read as a record"),
    "a line that is no UTF-8": (edit("journal.jsonl", lambda t: b"\xff\n" + t), "cannot be read as a record"),
    "a line without a cell": (edit("journal.jsonl", lambda t: t + b"{}\n"), "is not a valid record"),
    "a cell of another plan": (edit("journal.jsonl", lambda t: t + LINE), "nobody"),
    "a cell twice": (edit("journal.jsonl", lambda t: t + t), "that is not in the plan, or twice"),
    "a block that is none": (edit("blocks.jsonl", lambda t: t + b"[]\n"), "is not a valid record"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_folder_is_refused(interrupted, kind):
    """The message says why. The lock is released, so that a second attempt has the same message."""
    damage, message = DAMAGE[kind]
    damage(interrupted)
    for _ in range(2):
        with pytest.raises(UnreadableRun, match=message):
            RunDirectory.resume(interrupted)


# Two drivers


def test_a_second_run_in_a_folder_is_refused(description, tmp_path):
    """It can neither begin nor resume while the first is in progress, and does not change its files."""
    first = RunDirectory.begin(tmp_path / "run", killing.PLAN, "x")
    before = {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    for second in (
        lambda: RunDirectory.begin(first.folder, killing.PLAN, "x"),
        lambda: RunDirectory.resume(first.folder),
    ):
        with pytest.raises(ValueError, match=r"found another run in progress in '.*run'; allowed: one at a time"):
            second()
    assert {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()} == before
    first.close()
    with pytest.raises(ValueError, match="which is not empty"):
        RunDirectory.begin(first.folder, killing.PLAN, "x")
    RunDirectory.resume(first.folder).close()


@pytest.mark.slow
def test_one_of_two_simultaneous_runs_in_a_folder_is_refused(tmp_path):
    """Of two commands with the same --out one runs; the other ends with exit code 2 and one line."""
    options = {"cwd": tmp_path, "stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [*UNPROBED, "run", "--quick", "--no-report", "-b", "numpy_vectorized", "--size", "60x3", "--out", "run"]
    processes = [subprocess.Popen(command, **options) for _ in range(2)]
    errors = {process.communicate(timeout=120)[1]: process.returncode for process in processes}
    assert sorted(errors.values()) == [0, 2]
    message = next(err for err, code in errors.items() if code == 2)
    assert message.startswith("gdbench: ")
    assert "in progress" in message or "not empty" in message
    assert len((tmp_path / "run" / "journal.jsonl").read_text().splitlines()) == 6


# Signals


RUN = ["run", "--quick", "--no-report", "-b", "numpy_vectorized", "numba_jit", "--size", "60x3", "500x4"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "lines"), [(signal.SIGKILL, 2), (signal.SIGKILL, 9), (signal.SIGINT, 5), (signal.SIGHUP, 3)]
)
def test_a_signal_interrupts_a_run_that_can_be_resumed(tmp_path, number, lines):
    """No child process outlives the run. After SIGINT or SIGHUP, run.json has the finished cells, and the output has the
    command that resumes the run. Resuming completes the plan."""
    command = [*UNPROBED, *RUN, "--out", "run"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "run" / "journal.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_text().count("\n") >= lines):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert not psutil.wait_procs(children, timeout=10)[1]
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "gdbench run --resume run" in err
        run = load_run(tmp_path / "run")
        assert any(cell.status == "interrupted" for cell in run.cells)
        assert any(sample for cell in run.cells for sample in cell.samples_s)
        assert not run.stable
    before = journal.read_bytes()
    code, _, err = unprobed("run", "--no-report", "--resume", "run", cwd=tmp_path)
    assert code == 0, err
    assert journal.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    run = load_run(tmp_path / "run")
    assert {cell.status for cell in run.cells} == {"ok"}
    assert all(None not in cell.samples_s for cell in run.cells)
    assert len(journal.read_text().splitlines()) == 3 * len(run.cells)
    assert len(run.resumed) == 1


WITHOUT_IMPORTS = (
    f"import runpy; runpy.run_path({UNPROBED[1]!r})"
    + """
import sys
from importlib.abc import MetaPathFinder
from bench.cli import main
from bench.measure import runner

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if not name.startswith("rich._"):  # tables of characters
            sys.exit(f"imported {name}")

prepare = runner.RunInProgress.prepare
runner.RunInProgress.prepare = lambda running: (sys.meta_path.insert(0, Refuse()), prepare(running))
save_run = runner.save_run
runner.save_run = lambda *arguments: (save_run(*arguments), sys.meta_path.pop(0))
main()
"""
)


@pytest.mark.slow
def test_a_run_imports_nothing(tmp_path):
    """Ctrl-C can interrupt an import, and some packages cannot be imported a second time, for example for the results."""
    code, _, err = gdbench(*RUN, "--out", "run", cwd=tmp_path, program=(sys.executable, "-c", WITHOUT_IMPORTS))
    assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--resume", "none"], 6, "--resume: found no readable plan.json in 'none'"),
        (["--resume", "."], 6, "--resume: found no readable plan.json in '.'"),
        (["--resume", "none", "--quick"], 2, "--resume: found together with --quick; allowed: alone"),
        (["--resume", "none", "--size", "9x9"], 2, "--resume: found together with --size"),
        (["--resume", "none", "--out", "x"], 2, "--resume: found together with --out"),
        (["--resume", "none", "--seed", "0"], 2, "--resume: found together with --seed"),
    ],
)
def test_invalid_use_of_resume_is_refused(tmp_path, arguments, exit_code, message):
    """The error is one line, and no file is written."""
    code, out, err = unprobed("run", *arguments, cwd=tmp_path)
    assert (code, out, list(tmp_path.iterdir())) == (exit_code, "", [])
    assert err.startswith(f"gdbench: {message}")
    assert err.count("\n") == 1


def test_resuming_removes_only_its_temporary_files(interrupted):
    """The temporary file of a killed save is removed; other hidden files stay."""
    temporary, hidden = interrupted / ".run.json-abcd1234", interrupted / ".gitignore"
    temporary.write_text("{")
    hidden.write_text("*")
    resume(interrupted)
    assert not temporary.exists()
    assert hidden.exists()
    assert run_directory.is_new(interrupted) is False


def test_a_removed_folder_is_not_offered_for_resume(monkeypatch, capsys, tmp_path):
    """The user removes the folder of a run during the run."""

    def execute(*_):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("bench.measure.runner.execute", execute)
    with pytest.raises(FileNotFoundError):
        _measure(SimpleNamespace(folder=tmp_path / "removed", close=lambda: None), new=True)
    assert capsys.readouterr().err == ""
