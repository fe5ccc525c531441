"""The installed command, run by an unprivileged user with an unusual home, temporary folder or names of files."""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from bench.records import load_run

pytestmark = pytest.mark.slow

NOBODY, UNKNOWN = 65534, 54321  # UNKNOWN is not in the list of users
READ = "-all,+dac_read_search"  # the user may read every folder, because that of Python may be closed
ODD = "-a b'\"\n%s:é"
RUN = ("run", "--quick", "--size", "50x2", "--time-budget", "5s")


@pytest.fixture
def installed(tmp_path, site):
    """installed(*words, user, cwd, …): run the command in a folder to which everyone may write.

    user: who runs it if root runs the tests. The others are environment variables; None removes one. Return (exit code,
    standard output, standard error).
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o777)

    def installed(*words, user=NOBODY, cwd=folder, **variables):
        environment = os.environ | {"PYTHONPATH": site} | variables
        environment = {name: str(text) for name, text in environment.items() if text is not None}
        change = []
        if os.geteuid() == 0:
            capabilities = [f"--{kind}={READ}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
            change = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *capabilities]
            if (
                not shutil.which("setpriv")
                or subprocess.run([*change, "true"], capture_output=True, check=False).returncode
            ):
                pytest.skip("root cannot become another user here")
        command = [*change, sys.executable, site / "bin" / "gdbench", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
        return done.returncode, done.stdout, done.stderr

    return installed


def assert_measured(result, run):
    """The command has ended well, and every cell of the run has a time."""
    code, _, err = result
    assert code == 0, err
    assert {cell.status for cell in load_run(run).cells} == {"ok"}


def test_a_read_only_home(tmp_path, installed):
    """A run is measured and reported."""
    home, run = tmp_path / "home", tmp_path / "folder" / "run"
    home.mkdir(mode=0o555)
    assert_measured(installed(*RUN, "-b", "numpy_vectorized", "--out", run, HOME=home), run)
    assert (run / "report.html").exists()
    assert list(home.iterdir()) == []


def test_a_user_without_a_home(tmp_path, installed, backend_file):
    """No variable and no list of users names it. A run shows no path; "~" is the name of a missing folder."""
    file = backend_file("broken", "def fit(", "def fit(*_):\n    raise ValueError(__file__)\ndef other(")
    run = tmp_path / "folder" / "run"
    code, _, err = installed(*RUN, "--no-report", "-b", file, "--out", run, user=UNKNOWN, HOME=None)
    assert code == 3, err
    details = {cell.backend: cell.detail for cell in load_run(run).cells}
    assert details["broken"].startswith("ValueError: broken.py")
    assert details["numpy_vectorized"] is None
    for words in (
        ("check", "~/mine.py"),
        ("check", "~nobody-has-this-name/mine.py"),
        ("run", "--data", "~/mine.csv", "--target", "y"),
    ):
        code, out, err = installed(*words, user=UNKNOWN, HOME=None)
        assert (code, out) == (2, "")
        assert re.fullmatch(r"gdbench: .*~.*/mine\.(py|csv).*\n", err)


def test_a_temporary_folder_without_programs(installed, mount_disk):
    """Numba executes code in memory that it does not map from a file."""
    disk = mount_disk("64m", "noexec")
    assert installed("check", "numba_jit", TMPDIR=disk)[::2] == (0, "")
    assert list(disk.iterdir()) == []


def test_a_full_temporary_folder(installed, mount_disk):
    """Python takes another one."""
    disk = mount_disk("4k")
    with contextlib.suppress(OSError):
        (disk / "file").write_bytes(bytes(4097))
    assert installed("check", "numpy_vectorized", TMPDIR=disk)[::2] == (0, "")


def test_unusual_names_and_a_missing_home(tmp_path, installed, backend_file):
    """Of every folder, of the backend and of the data: a dash in front, spaces, quotes, a line break, %, : and é.

    The message about a stopped run has a command that completes it.
    """
    work = tmp_path / "folder" / ODD
    temporary, home = work / f"temporary{ODD}", tmp_path / f"home{ODD}"
    temporary.mkdir(parents=True)
    for folder in work, temporary:
        folder.chmod(0o777)
    environment = {"cwd": work, "HOME": home, "TMPDIR": temporary}
    backend_file(ODD).rename(work / f"{ODD}.py")
    (work / f"{ODD}.csv").write_text("x,y\n" + "".join(f"{i},{i * i % 7}\n" for i in range(20)))
    options = (f"-b={ODD}.py", f"--data={ODD}.csv", "--target=y", f"--out={ODD}", "--time-budget=5s", "--no-report")
    assert_measured(installed("run", "--quick", *options, **environment), work / ODD)

    (work / ODD / "run.json").unlink()
    folder = (work / ODD).rename(work / "-a b'")
    code, _, err = installed("report", "--", folder.name, **environment)
    assert code == 6
    words = shlex.split(re.search(r"it was stopped: gdbench (.*) completes it", err)[1])
    assert_measured(installed(*words, **environment), folder)
    assert (folder / "report.html").exists()
    assert installed("check", "--", f"{ODD}.py", **environment)[::2] == (0, "")
    assert not home.exists() and not list(temporary.glob("gdbench*"))
