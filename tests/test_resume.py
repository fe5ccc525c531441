"""A run that was stopped goes on: killed at any point of writing, by Ctrl-C, with a changed world, with a second driver."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from helpers import killing
from helpers.command import UNPROBED, unprobed

from bench.measure import run_directory, runner
from bench.measure.run_directory import RunDirectory
from bench.records import UnreadableRun, load_run
from bench.runtime import machine, process

HERE = Path(__file__).parent


@pytest.fixture
def world(monkeypatch):
    """Children, peaks and sentinels are simulated; a test may change what the machine is."""
    described = {"cpu": {"model": "none"}, "versions": {"numpy": "1"}, "threads_available": 4, "gdbench": "0"}
    for name in ("describe", "peaks", "sentinels"):
        monkeypatch.setattr(machine, name, getattr(machine, name))
    for name in ("run", "available_threads"):
        monkeypatch.setattr(process, name, getattr(process, name))
    killing.simulate()
    monkeypatch.setattr(machine, "describe", lambda: json.loads(json.dumps(described)))
    return described


@pytest.fixture
def stopped(world, tmp_path, monkeypatch):
    """The folder of a run that was stopped by Ctrl-C in its second block."""

    def stop(progress):
        if progress.done == 10:
            raise KeyboardInterrupt

    directory = RunDirectory.begin(tmp_path / "run", killing.PLAN, "gdbench run")
    run = runner.execute(directory, stop)
    directory.close()
    assert any(cell.status == "interrupted" for cell in run.cells)
    return directory.folder


def resumed(folder):
    directory = RunDirectory.resume(folder)
    try:
        return runner.execute(directory)
    finally:
        directory.close()


# Killed


def kill_everywhere(folder, step):
    done = subprocess.run(
        [sys.executable, HERE / "helpers" / "killing.py", folder, str(step)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_at_some_points_of_writing(tmp_path):
    """SIGKILL at every 19th: every file is the old or the new one, and the resumed run is the whole one."""
    found = kill_everywhere(tmp_path, 19)
    assert found["resumed"] >= 8


@pytest.mark.slow
def test_killed_at_every_point_of_writing(tmp_path):
    """The same at each of them, some killed again while they resume; finished cells stay byte for byte."""
    found = kill_everywhere(tmp_path, 1)
    assert found["points"] > 150
    assert found["resumed"] > 150


# What may not change


def test_what_was_done_stays(stopped):
    """The journal only grows, and the resumed run has the same cells, one sample a block, and says when it was resumed."""
    before = (stopped / "journal.jsonl").read_bytes()
    run = resumed(stopped)
    assert (stopped / "journal.jsonl").read_bytes().startswith(before)
    assert {cell.status for cell in run.cells} == {"ok", "wrong"}
    assert len(run.resumed) == 1
    assert load_run(stopped) == run
    again = resumed(stopped)
    assert again == run, "a run that is complete is only assembled anew"


CHANGED = {
    "the processor": (lambda world, folder: world.update(cpu={"model": "other"}), "processor none -> other"),
    "a library": (lambda world, folder: world.update(versions={"numpy": "2"}), "numpy 1 -> 2"),
    "gdbench": (lambda world, folder: world.update(gdbench="1"), "gdbench 0 -> 1"),
    "fewer threads": (lambda world, folder: world.update(threads_available=0), "threads available 4 -> 0"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_another_machine_or_version_is_refused(stopped, world, what):
    """With what has changed and what to do; nothing in the folder is touched."""
    change, told = CHANGED[what]
    change(world, stopped)
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    with pytest.raises(UnreadableRun, match=f"found changed since the run began: {told}; allowed: the same plan"):
        resumed(stopped)
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == before


def test_a_changed_backend_file_is_refused(world, tmp_path):
    """The figures of two texts would stand under one name."""
    file = tmp_path / "mine.py"
    file.write_text("def fit(): ...")
    mine = replace(killing.PLAN.backends[1], name="mine", source=str(file), argument="mine.py")
    directory = RunDirectory.begin(
        tmp_path / "run", replace(killing.PLAN, backends=(killing.PLAN.backends[0], mine)), "x"
    )
    directory.close()
    RunDirectory.resume(directory.folder).close()
    file.write_text("def fit(): return")
    with pytest.raises(UnreadableRun, match="found changed since the run began: the file of mine; allowed"):
        RunDirectory.resume(directory.folder)


def test_changed_data_are_refused(stopped, monkeypatch):
    """The digest of each problem is that of the beginning."""
    simulated = killing.simulated

    def other(arguments, **options):
        if options.get("environment") is None:
            for case in killing.PLAN.cases:
                options["on_message"]({"case": case.key, "digest": "other"})
            return process.Outcome(0, False, "", 0.0)
        return simulated(arguments, **options)

    monkeypatch.setattr(process, "run", other)
    with pytest.raises(UnreadableRun, match=r"found other data in synthetic-10x2 than when the run began"):
        resumed(stopped)


def spoil(name, change):
    def spoiled(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return spoiled


LINE = b'{"cell": "nobody", "block": 0, "status": "ok"}\n'
SPOILED = {
    "no plan": (lambda folder: (folder / "plan.json").unlink(), "found no readable plan.json"),
    "a plan that is cut off": (spoil("plan.json", lambda text: text[:-9]), "cannot be read"),
    "a newer plan": (spoil("plan.json", lambda t: t.replace(b'"schema": 3', b'"schema": 99')), "found schema 99"),
    "an older plan": (spoil("plan.json", lambda t: t.replace(b'"schema": 3', b'"schema": 1')), "found schema 1; allowed: 3$"),
    "no plan in it": (spoil("plan.json", lambda t: t.replace(b'"cases"', b'"case"')), "is no valid plan"),
    "a line that is no JSON": (spoil("journal.jsonl", lambda t: b"{}{\n" + t), "cannot be read as a record"),
    "a line that is no UTF-8": (spoil("journal.jsonl", lambda t: b"\xff\n" + t), "cannot be read as a record"),
    "a line without a cell": (spoil("journal.jsonl", lambda t: t + b"{}\n"), "is no valid record"),
    "a cell of another plan": (spoil("journal.jsonl", lambda t: t + LINE), "nobody"),
    "a cell twice": (spoil("journal.jsonl", lambda t: t + t), "which its plan does not have or has once"),
    "a block that is none": (spoil("blocks.jsonl", lambda t: t + b"[]\n"), "is no valid record"),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILED)
def test_a_folder_that_is_no_stopped_run_is_refused(stopped, what):
    """One sentence, and the lock is free again."""
    SPOILED[what][0](stopped)
    for _ in range(2):
        with pytest.raises(UnreadableRun, match=SPOILED[what][1]):
            RunDirectory.resume(stopped)


# Two at once


def test_two_runs_in_one_folder(world, tmp_path):
    """The second one is refused, whether it begins or resumes, and leaves the first alone."""
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
def test_two_runs_started_at_once(tmp_path):
    """Of two commands with one --out one runs, and the other ends with 2 and one line."""
    words = [*UNPROBED, "run", "--quick", "--no-report", "-b", "numpy_vectorized", "--size", "60x3"]
    both = [
        subprocess.Popen(
            [*words, "--out", "run"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 2]
    told = next(err for err, code in ended if code == 2)
    assert told.startswith("gdbench: ")
    assert "in progress" in told or "not empty" in told
    assert len((tmp_path / "run" / "journal.jsonl").read_text().splitlines()) == 6


# From outside


FULL = ["run", "--quick", "--no-report", "-b", "numpy_vectorized", "numba_jit", "--size", "60x3", "500x4"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "lines"), [(signal.SIGKILL, 2), (signal.SIGKILL, 9), (signal.SIGINT, 5), (signal.SIGHUP, 3)]
)
def test_stopped_from_outside_and_resumed(tmp_path, number, lines):
    """A real run: no child outlives it, the line that resumes it is told where it can be, and it completes its plan."""
    command = [*UNPROBED, *FULL, "--out", "run"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "run" / "journal.jsonl"
    give_up = time.monotonic() + 60
    while not (journal.exists() and journal.read_text().count("\n") >= lines):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert not psutil.wait_procs(children, timeout=10)[1]
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "gdbench run --resume run" in told
    before = journal.read_bytes()
    code, _, err = unprobed("run", "--no-report", "--resume", "run", cwd=tmp_path)
    assert code == 0, err
    assert journal.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    run = load_run(tmp_path / "run")
    assert {cell.status for cell in run.cells} == {"ok"}
    assert all(None not in cell.samples_s for cell in run.cells)
    assert len(journal.read_text().splitlines()) == 3 * len(run.cells)
    assert len(run.resumed) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--resume", "none"], 6, "--resume: found no readable plan.json in 'none'"),
        (["--resume", "."], 6, "--resume: found no readable plan.json in '.'"),
        (["--resume", "none", "--quick"], 2, "--resume: found together with --quick; allowed: alone"),
        (["--resume", "none", "--size", "9x9"], 2, "--resume: found together with --size"),
        (["--resume", "none", "--out", "x"], 2, "--resume: found together with --out"),
        (["--resume", "none", "--seed", "0"], 2, "--resume: found together with --seed"),
    ],
)
def test_bad_use_of_resume(tmp_path, arguments, code, told):
    """One line, and nothing is written."""
    found, out, err = unprobed("run", *arguments, cwd=tmp_path)
    assert (found, out, list(tmp_path.iterdir())) == (code, "", [])
    assert err.startswith(f"gdbench: {told}")
    assert err.count("\n") == 1


def test_only_our_own_leftovers_are_swept(stopped):
    """What a killed save left is gone after a resumed run; other hidden files are not ours."""
    ours, theirs = stopped / ".run.json-abcd1234", stopped / ".gitignore"
    ours.write_text("{")
    theirs.write_text("*")
    resumed(stopped)
    assert not ours.exists()
    assert theirs.exists()
    assert run_directory.is_new(stopped) is False
