"""A faulty backend gets its status and the reason, and does not change the results of other backends. All faults are real."""

import json
import re
import subprocess
import sys

import psutil
import pytest
from helpers import sample_run
from helpers.command import gdbench, unprobed
from helpers.mutants import Variant

from bench.records import load_run, save_run
from bench.report import markdown
from bench.report.document import report_of
from bench.runtime.process import available_threads

pytestmark = pytest.mark.slow

SIZES = ["--size", "60x3", "200x3"]  # except at import, a fault is at the larger size only
FAULTS = {  # name -> the first statement of fit, the expected status, and a pattern of the expected detail
    "segfaults": ("import ctypes; ctypes.string_at(0)", "crashed", r"killed by SIGSEGV in .* called from fit \(segfaults\.py, line \d+\)"),
    "aborts": ("import os; os.abort()", "crashed", r"killed by SIGABRT in fit \(aborts\.py, line \d+\)"),
    "exits": ("import os; os._exit(0)", "crashed", "ended with exit code 0, without a result"),
    "kills_itself": ("import os; os.kill(os.getpid(), 9)", "crashed", "killed by SIGKILL"),
    "raises": ("raise RuntimeError('it broke')", "failed", "RuntimeError: it broke"),
    "leaves": ("raise SystemExit(0)", "failed", "SystemExit"),
    "interrupts": ("raise KeyboardInterrupt", "failed", "KeyboardInterrupt"),
    "recurses": ("exec('def f(): f()\\nf()', {})", "failed", "RecursionError"),
    "eats": ("hog = []\n        while True: hog.append(bytearray(1 << 26))", "out_of_memory", "MemoryError"),
    "eats_natively": ("import ctypes; exec(NATIVE)", "out_of_memory", "out of memory, killed by SIGABRT.*bad_alloc"),
    "garbage": ("return 'garbage', None", "wrong", "beta has shape"),
    "half": ("return beta", "wrong", "returned"),
    "nan": ("X = X * float('nan')", "wrong", "losses has 1 entries"),
    "closes_all": ("import os; os.closerange(3, 200)", "crashed", ""),
    "writes": ("(OUT / 'journal.jsonl').write_text('{}'); (OUT / 'run.json').mkdir(exist_ok=True)", "failed", r"wrote into the folder of the run: journal\.jsonl, run\.json; the folder was restored"),
    "deletes": ("import shutil; shutil.rmtree(OUT)", "failed", r"wrote into the folder of the run: raw, plan\.json, journal\.jsonl, blocks\.jsonl"),
    "sweeps": ("import os, shutil; shutil.rmtree(os.path.dirname(os.getcwd()))", "failed", "No such file"),
    "closed_clock": ("import time; time.perf_counter = lambda: 0.0", "failed", "clock does not advance"),
    "back_clock": ("import itertools, time; time.perf_counter = itertools.count(0, -1).__next__", "failed", "clock does not advance"),
}  # fmt: skip
HARMLESS = {  # name -> the first statement of fit, which must not change the result
    "megabytes": "print('x' * 1_000_000)",
    "moves": "import os; os.chdir('/'); os.environ.clear()",
    "stray": "import sys; sys.argv.clear(); sys.stdout = sys.stderr = None",
    "many_threads": "import os; os.sched_setaffinity(0, range(os.cpu_count()))",
}
HANGS = {
    "silent": "import time; time.sleep(9999)",
    "busy": "while True: pass",
    "child": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(9999)'])",
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        while True: print('x' * 1000, flush=True)",
}
AT_IMPORT = {
    "import_leaves": ("raise SystemExit(0)", "failed", "SystemExit at import: 0"),
    "import_segfaults": ("import ctypes; ctypes.string_at(0)", "crashed", "killed by SIGSEGV"),
    "import_interrupts": ("raise KeyboardInterrupt", "failed", "KeyboardInterrupt"),
    "import_breaks": ("this is no Python", "failed", "SyntaxError at import"),
    "import_lacks": ("import no_such_library", "unavailable", "no_such_library is not installed"),
}
# A C++ library prints this when an allocation fails.
NATIVE = (
    "import os; os.write(2, b\\\"terminate called after throwing an instance of 'std::bad_alloc'\\\\n\\\"); os.abort()"
)


def write(folder, name, fault="", at_import=""):
    """Write numpy_vectorized with a fault into the folder. Returns its path."""
    head = f'from pathlib import Path\nOUT = Path({str(folder / "run")!r})\nNATIVE = "{NATIVE}"\n{at_import}\n'
    start = f"    n = len(X)\n    if n > 100:\n        {fault or 'pass'}\n"
    return Variant(name, (("import math\n", "import math\n" + head), ("    n = len(X)\n", start))).build(folder)


def run_files(folder, files, *options, **environment):
    """Run the files in a folder. Returns the exit code, standard error and the run."""
    arguments = ["run", "--quick", "-b", *files, *SIZES, *options, "--out", folder / "run"]
    code, _, err = unprobed(*arguments, cwd=folder, **environment)
    return code, err, load_run(folder / "run")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A run of all faulty and harmless backends: its folder, exit code, standard error and the run."""
    folder = tmp_path_factory.mktemp("crowd")
    files = [write(folder, name, fault) for name, (fault, *_) in FAULTS.items()]
    files += [write(folder, name, fault) for name, fault in HARMLESS.items()]
    files += [write(folder, name, at_import=fault) for name, (fault, *_) in AT_IMPORT.items()]
    return folder, *run_files(folder, files, "--time-budget", "300s")


def cell(run, name, n_samples):
    """The cell of a backend at a size."""
    return next(c for c in run.cells if (c.backend, c.n_samples, c.control) == (name, n_samples, False))


def assert_complete(cell):
    """The cell is ok and has a sample of each of the three blocks."""
    assert (cell.status, len(cell.samples_s), None in cell.samples_s) == ("ok", 3, False), cell.detail


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_recorded(crowd, name):
    """The cell has the status and the place of the fault, and no time. The smaller size, without the fault, is complete."""
    _, _, err, run = crowd
    _, status, detail = FAULTS[name]
    large = cell(run, name, 200)
    assert (large.status, large.median_s) == (status, None), (large.detail, err)
    assert re.search(detail, large.detail), large.detail
    assert_complete(cell(run, name, 60))


@pytest.mark.parametrize("name", AT_IMPORT)
def test_a_fault_at_import_is_recorded(crowd, name):
    """All cells of the backend have it."""
    _, status, detail = AT_IMPORT[name]
    for n_samples in (60, 200):
        failed = cell(crowd[-1], name, n_samples)
        assert failed.status == status, failed.detail
        assert detail in failed.detail


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_backend_is_measured(crowd, name):
    """It prints, or changes its folder, environment or affinity. More processors than declared are flagged."""
    for n_samples in (60, 200):
        assert_complete(cell(crowd[-1], name, n_samples))
    if name == "many_threads" and available_threads() > 1:
        assert any(flag.startswith("more processors than declared") for flag in cell(crowd[-1], name, 200).flags)


def test_faults_do_not_change_other_backends(crowd):
    """The baseline and its control are complete, and so are the files of the run. The worst fault is the exit code."""
    folder, code, _, run = crowd
    for baseline in (c for c in run.cells if c.backend == "numpy_vectorized"):
        assert_complete(baseline)
    assert code == 1
    lines = [json.loads(line) for line in (folder / "run" / "journal.jsonl").read_text().splitlines()]
    assert len({(line["cell"], line["block"]) for line in lines}) == len(lines)
    report = markdown.write(report_of(run))
    assert all(name in report for name in [*FAULTS, *AT_IMPORT, *HARMLESS])
    assert (folder / "run" / "report.html").stat().st_size > 10_000
    # The output of a crashed process is a file.
    assert "segfaults.py" in (folder / "run" / "raw" / "block00-1t-segfaults.txt").read_text()


def test_a_hanging_backend_is_stopped(tmp_path):
    """It is silent, busy, waits for a child, or prints and ignores SIGTERM: a timeout with its place, and no process is left."""
    files = [write(tmp_path, name, fault) for name, fault in HANGS.items()]
    files.append(write(tmp_path, "import_hangs", at_import=HANGS["silent"]))
    code, err, run = run_files(tmp_path, files, "--time-budget", "90s", MIN_DEADLINE_S="3")
    assert code == 3, err
    for name in HANGS:
        large = cell(run, name, 200)
        assert large.status == "timeout", large.detail
        assert f"fit ({name}.py, line " in large.detail
        assert cell(run, name, 60).samples_s[0] is not None
    assert cell(run, "import_hangs", 60).status == "timeout"
    assert "<module> (import_hangs.py, line " in cell(run, "import_hangs", 60).detail
    assert cell(run, "numpy_vectorized", 60).status == "ok"
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if "time.sleep(9999)" in command]


def test_a_run_in_which_six_of_eight_backends_fail_ends(tmp_path):
    """All eight have their status, the correct ones are complete, and the exit code is 3."""
    faults = {name: FAULTS[name][:2] for name in ("segfaults", "exits", "raises")}
    faults |= {name: (HANGS[name], "timeout") for name in ("silent", "stubborn")}
    # bytes, unlike bytearray, leaves its memory untouched: the limit is reached before the deadline of 10 s.
    faults["eats"] = (FAULTS["eats"][0].replace("bytearray", "bytes"), "out_of_memory")
    files = [write(tmp_path, name, fault) for name, (fault, _) in faults.items()] + [write(tmp_path, "correct")]
    code, err, run = run_files(tmp_path, files, "--time-budget", "120s", MIN_DEADLINE_S="10")
    assert code == 3, err
    for name, (_, status) in faults.items():
        assert cell(run, name, 200).status == status
        assert None not in cell(run, name, 60).samples_s
    for name in ("numpy_vectorized", "correct"):
        for n_samples in (60, 200):
            assert_complete(cell(run, name, n_samples))


@pytest.mark.skipif(sys.platform != "linux", reason="gdbench limits the memory of a process on Linux only")
def test_check_has_a_memory_limit(tmp_path):
    """A backend that allocates without end fails with MemoryError, and the next backend is checked."""
    files = [
        write(tmp_path, "eats", "", "hog = []\nwhile True: hog.append(bytearray(1 << 26))"),
        write(tmp_path, "correct"),
    ]
    code, out, err = gdbench("check", *files, "--json", cwd=tmp_path)
    assert code == 3, err
    reports = {report["backend"]: report for report in json.loads(out)["backends"]}
    assert (reports["eats"]["status"], reports["correct"]["status"]) == ("failed", "ok")
    assert "MemoryError" in reports["eats"]["checks"][0]["detail"]


# Disks


@pytest.mark.parametrize("folder", ["run", ""])
def test_a_run_on_a_full_disk_does_not_start(tmp_path, mount_disk, folder):
    """Nothing is measured or written. The exit code is 2, and one line has the path."""
    disk = mount_disk("1m")
    code, out, err = unprobed("run", "--quick", "--out", disk / folder, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"gdbench: No space left on device: {disk}\S*\n", err)
    assert list(disk.iterdir()) == []


def test_a_run_whose_disk_fills_up_can_be_resumed(tmp_path, mount_disk):
    """The exit code is 2, standard error has the path and the command that resumes the run, and every file is complete."""
    disk = mount_disk("10m")
    fill = f"with open({str(disk / 'filler')!r}, 'wb') as file:\n                while True: file.write(bytes(1 << 16)); file.flush()"
    fill = f"try:\n            open({str(tmp_path / 'once')!r}, 'x')\n            {fill}\n        except OSError: pass"
    file = write(tmp_path, "fills", fill)
    options = ["--quick", "--no-report", "-b", file, *SIZES]
    code, _, err = unprobed("run", *options, "--out", disk / "run", cwd=tmp_path)
    assert code == 2
    assert "gdbench: No space left on device: " in err
    assert f"gdbench run --resume {disk / 'run'}" in err
    journal = (disk / "run" / "journal.jsonl").read_bytes()
    assert [json.loads(line)["status"] for line in journal.splitlines()]
    assert not (disk / "run" / "run.json").exists()
    (disk / "filler").unlink()
    code, _, err = unprobed("run", "--no-report", "--resume", disk / "run", cwd=tmp_path)
    assert code == 0, err
    assert (disk / "run" / "journal.jsonl").read_bytes().startswith(journal)
    assert {cell.status for cell in load_run(disk / "run").cells} == {"ok"}


def test_a_report_that_cannot_be_written_keeps_the_run(tmp_path, mount_disk):
    """The disk is full or read-only. The message has the path, and every written file is complete."""
    disk = mount_disk("400k")
    save_run(disk, sample_run.quick())
    before = (disk / "run.json").read_bytes()
    for message in ("No space left on device", "Read-only file system"):
        if message == "Read-only file system":
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, out, err = gdbench("report", disk, cwd=tmp_path)
        assert (code, out) == (2, "")
        assert re.fullmatch(rf"gdbench: {message}: {disk}/\S+\n", err)
        assert (disk / "run.json").read_bytes() == before
        for path in disk.rglob("*.svg"):
            assert path.read_bytes().endswith(b"</svg>\n")
        assert not list(disk.rglob(".*"))
    for arguments, exit_code in ((["--quick", "--out", disk / "new"], 2), (["--resume", disk], 6)):
        code, _, err = unprobed("run", *arguments, cwd=tmp_path)
        assert (code, err.count("\n")) == (exit_code, 1), err
