"""Whatever a backend does, the others keep their figures, and what it did is said truthfully. Each with the real fault."""

import json
import os
import re
import subprocess
import sys

import pytest
from helpers import sample_run
from helpers.command import gdbench, unprobed

from bench.records import load_run, save_run
from bench.report import markdown
from bench.report.document import report_of
from bench.runtime.process import available_threads

pytestmark = pytest.mark.slow

SIZES = ["--size", "60x3", "200x3"]  # every fault but those at import is at the larger size only
FAULTS = {  # what fit does at first, the status that it shall have, and what its detail shall say
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
RUDE = {  # what does no harm, and must not
    "megabytes": "print('x' * 1_000_000)",
    "moves": "import os; os.chdir('/'); os.environ.clear()",
    "stray": "import sys; sys.argv.clear(); sys.stdout = sys.stderr = None",
    "many_threads": "import os; os.sched_setaffinity(0, range(os.cpu_count()))",
}
HANGS = {
    "silent": "import time; time.sleep(9999)",
    "busy": "while True: pass",
    "below": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(9999)'])",
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        while True: print('x' * 1000, flush=True)",
}
AT_IMPORT = {
    "import_leaves": ("raise SystemExit(0)", "failed", "SystemExit at import: 0"),
    "import_segfaults": ("import ctypes; ctypes.string_at(0)", "crashed", "killed by SIGSEGV"),
    "import_interrupts": ("raise KeyboardInterrupt", "failed", "KeyboardInterrupt"),
    "import_breaks": ("this is no Python", "failed", "SyntaxError at import"),
    "import_lacks": ("import no_such_library", "unavailable", "no_such_library is not installed"),
}
# What a C++ library does when its allocation fails.
NATIVE = (
    "import os; os.write(2, b\\\"terminate called after throwing an instance of 'std::bad_alloc'\\\\n\\\"); os.abort()"
)


def write(folder, name, fault="", at_import=""):
    """A correct backend with a fault in it."""
    import backends

    with open(os.path.join(backends.__path__[0], "numpy_vectorized.py")) as file:  # noqa: PTH118, PTH123
        text = file.read()
    head = f'from pathlib import Path\nOUT = Path({str(folder / "run")!r})\nNATIVE = "{NATIVE}"\n{at_import}\n'
    text = text.replace("import math\n", "import math\n" + head, 1)
    if fault:
        text = text.replace("    n = len(X)\n", f"    n = len(X)\n    if n > 100:\n        {fault}\n", 1)
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def run(folder, files, *options, **environment):
    """Run the files in a folder. Returns the exit code, standard error and the run."""
    words = ["run", "--quick", "-b", *files, *SIZES, *options, "--out", folder / "run"]
    code, _, err = unprobed(*words, cwd=folder, **environment)
    return code, err, load_run(folder / "run")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """All of them in one run, and what came of it."""
    folder = tmp_path_factory.mktemp("crowd")
    files = [write(folder, name, fault) for name, (fault, *_) in FAULTS.items()]
    files += [write(folder, name, fault) for name, fault in RUDE.items()]
    files += [write(folder, name, at_import=fault) for name, (fault, *_) in AT_IMPORT.items()]
    return folder, *run(folder, files, "--time-budget", "300s")


def cell(record, name, n_samples):
    return next(c for c in record.cells if (c.backend, c.n_samples, c.control) == (name, n_samples, False))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told(crowd, name):
    """With its kind and where it was; without a time; and the smaller size, where nothing happened, keeps its figures."""
    _, _, err, record = crowd
    _, status, detail = FAULTS[name]
    found = cell(record, name, 200)
    assert (found.status, found.median_s) == (status, None), (found.detail, err)
    assert re.search(detail, found.detail), found.detail
    small = cell(record, name, 60)
    assert (small.status, len(small.samples_s)) == ("ok", 3), small.detail
    assert None not in small.samples_s


@pytest.mark.parametrize("name", AT_IMPORT)
def test_a_fault_at_import_is_told(crowd, name):
    """In all cells of that file."""
    _, status, detail = AT_IMPORT[name]
    for n_samples in (60, 200):
        found = cell(crowd[-1], name, n_samples)
        assert found.status == status, found.detail
        assert detail in found.detail


@pytest.mark.parametrize("name", RUDE)
def test_bad_manners_do_no_harm(crowd, name):
    """Prints, a changed folder, environment or path: measured like any other; more processors than declared are flagged."""
    for n_samples in (60, 200):
        found = cell(crowd[-1], name, n_samples)
        assert (found.status, None in found.samples_s) == ("ok", False), found.detail
    if name == "many_threads" and available_threads() > 1:
        assert any(flag.startswith("more processors than declared") for flag in found.flags)


def test_the_others_never_noticed(crowd):
    """The baseline and its control have every sample; the files of the run are whole; the worst fault is the exit code."""
    folder, code, _, record = crowd
    for found in record.cells:
        if found.backend == "numpy_vectorized":
            assert (found.status, len(found.samples_s), None in found.samples_s) == ("ok", 3, False)
    assert code == 1
    lines = [json.loads(line) for line in (folder / "run" / "journal.jsonl").read_text().splitlines()]
    assert len({(line["cell"], line["block"]) for line in lines}) == len(lines)
    report = markdown.write(report_of(record))
    assert all(name in report for name in [*FAULTS, *AT_IMPORT, *RUDE])
    assert (folder / "run" / "report.html").stat().st_size > 10_000
    # The whole of what it printed before it died, and where it was, stands in a file of its own.
    (told,) = (folder / "run" / "raw").glob("block00-1t-segfaults.txt")
    assert "segfaults.py" in told.read_text()


def test_what_hangs_is_ended(tmp_path):
    """Silent, busy, in a grandchild, or printing and deaf to SIGTERM: a timeout that says where, and no process is left."""
    import psutil

    files = [write(tmp_path, name, fault) for name, fault in HANGS.items()]
    code, err, record = run(
        tmp_path,
        [*files, write(tmp_path, "import_hangs", at_import=HANGS["silent"])],
        "--time-budget",
        "90s",
        MIN_DEADLINE_S="3",
    )
    assert code == 3, err
    for name in HANGS:
        found = cell(record, name, 200)
        assert found.status == "timeout", found.detail
        assert f"fit ({name}.py, line " in found.detail
        assert cell(record, name, 60).samples_s[0] is not None
    assert cell(record, "import_hangs", 60).status == "timeout"
    assert "<module> (import_hangs.py, line " in cell(record, "import_hangs", 60).detail
    assert cell(record, "numpy_vectorized", 60).status == "ok"
    words = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in words if "time.sleep(9999)" in line]


def test_eight_backends_of_which_six_fail(tmp_path):
    """The run ends by itself, reports all eight truthfully, keeps every good figure and exits with 3."""
    six = {
        "segfaults": FAULTS["segfaults"][:2],
        "exits": FAULTS["exits"][:2],
        "raises": FAULTS["raises"][:2],
        "eats": FAULTS["eats"][:2],
        "silent": (HANGS["silent"], "timeout"),
        "stubborn": (HANGS["stubborn"], "timeout"),
    }
    files = [write(tmp_path, name, fault) for name, (fault, _) in six.items()] + [write(tmp_path, "good")]
    code, err, record = run(tmp_path, files, "--time-budget", "120s", MIN_DEADLINE_S="10")
    assert code == 3, err
    for name, (_, status) in six.items():
        assert cell(record, name, 200).status == status
        assert None not in cell(record, name, 60).samples_s
    for name in ("numpy_vectorized", "good"):
        for n_samples in (60, 200):
            timed = cell(record, name, n_samples)
            assert (timed.status, None in timed.samples_s) == ("ok", False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory here")
def test_a_check_has_a_memory_limit_too(tmp_path):
    """A file that eats without end is failed with MemoryError, and the check goes on to the next one."""
    files = [
        write(tmp_path, "eats", "", "hog = []\nwhile True: hog.append(bytearray(1 << 26))"),
        write(tmp_path, "good"),
    ]
    code, out, err = gdbench("check", *files, "--json", cwd=tmp_path)
    assert code == 3, err
    found = {report["backend"]: report for report in json.loads(out)["backends"]}
    assert (found["eats"]["status"], found["good"]["status"]) == ("failed", "ok")
    assert "MemoryError" in found["eats"]["checks"][0]["detail"]


# Disks


@pytest.mark.parametrize("words", [["--out", "{disk}/run"], ["--out", "{disk}"]])
def test_a_run_on_a_full_disk_does_not_begin(tmp_path, a_disk, words):
    """Exit 2 with one line that names the place, before anything is measured; nothing stays."""
    disk = a_disk("1m")
    code, out, err = unprobed("run", "--quick", *[word.format(disk=disk) for word in words], cwd=tmp_path)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"gdbench: No space left on device: {disk}\S*\n", err)
    assert list(disk.iterdir()) == []


def test_a_disk_that_fills_up_while_a_run_goes_on(tmp_path, a_disk):
    """Exit 2 with the place and the line that resumes it; every file is whole; with room again it is completed."""
    disk = a_disk("10m")
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
    assert {found.status for found in load_run(disk / "run").cells} == {"ok"}


def test_no_room_for_a_report(tmp_path, a_disk):
    """The run stays, what is written is whole, and the file that found no room is named; on a read-only disk, too."""
    disk = a_disk("400k")
    save_run(disk, sample_run.quick())
    before = (disk / "run.json").read_bytes()
    for state in ("full", "read-only"):
        if state == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, out, err = gdbench("report", disk, cwd=tmp_path)
        told = "No space left on device" if state == "full" else "Read-only file system"
        assert (code, out) == (2, "")
        assert re.fullmatch(rf"gdbench: {told}: {disk}/\S+\n", err)
        assert (disk / "run.json").read_bytes() == before
        for path in disk.rglob("*.svg"):
            assert path.read_bytes().endswith(b"</svg>\n")
        assert not list(disk.rglob(".*"))
    for words in (["run", "--quick", "--out", disk / "new"], ["run", "--resume", disk]):
        code, _, err = unprobed(*words, cwd=tmp_path)
        assert (code, err.count("\n")) == ((2 if "--out" in words else 6), 1), err
