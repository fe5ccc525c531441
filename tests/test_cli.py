"""The command line: exit codes, JSON documents, and one line for bad input."""

import getpass
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
from helpers import sample_run
from helpers.command import GDBENCH, gdbench, gdbench_to_closed_pipe, unprobed

from bench import cli
from bench.cli.common import EXIT_CODES
from bench.records import save_run
from bench.report.plots import figures

BAD = [
    (["run", "--size", "10"], "--size: found '10'; allowed: n_samples x n_features"),
    (["run", "--size", "0x3"], "--size: found '0x3'"),
    (["run", "--size", "9999999x9999999"], "--size: found '9999999x9999999'"),
    (["run", "--dtype", "float16"], "--dtype: found 'float16'; allowed: float64, float32"),
    (["run", "--threads", "0"], "--threads: found '0'; allowed: an integer from 1"),
    (["run", "--threads", "9999"], "--threads: found '9999'"),
    (["run", "--time-budget", "soon"], "--time-budget: found 'soon'; allowed: a time such as 120s"),
    (["run", "--max-iter", "0"], "--max-iter: found 0; allowed: an integer from 1"),
    (["run", "--max-iter", "many"], "many"),
    (["run", "--seed", "-1"], "--seed"),
    (["run", "--quick", "--full"], "--quick: found together with --full; allowed: one of the two"),
    (["run", "--data", "none.csv", "--target", "y"], "found no file 'none.csv'; allowed: a table as CSV"),
    (["run", "--data", "none.csv"], "without --target; allowed: --target with the column"),
    (["run", "--target", "y"], "--target: found 'y' without --data"),
    (["run", "-b", "nubma_jit"], "found 'nubma_jit' (did you mean numba_jit?)"),
    (["run", "-b", "Numba_JIT"], "found 'Numba_JIT' (did you mean numba_jit?)"),
    (["run", "-b", "none.py"], "found no Python file 'none.py'"),
    (["run", "--nonsense"], "--nonsense"),
    (["run", "mine.py"], "found 'mine.py' without an option that takes it; allowed: what --help lists"),
    (["check", "nothing"], "found 'nothing'; allowed: the path of a .py file, or one of python_loops"),
    (["check", "--loud"], "--loud"),
    (["list", "stray"], "stray"),
    (["machine", "--nonsense"], "--nonsense"),
    (["run", "--save-baseline", "../x"], "--save-baseline: found '../x'; allowed: up to 100 of A-Z"),
    (["run", "--force"], "--force: found without --save-baseline; allowed: together with --save-baseline NAME"),
    (["report"], "RUN"),
    (["compare"], "BASE"),
    (["measure"], "measure"),
]


@pytest.fixture
def without_figures(monkeypatch):
    """Write reports without figures. Drawing takes most of the time of a report."""
    monkeypatch.setattr(figures, "draw_run", lambda run: {})


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_arguments_give_one_line_and_exit_2(main, tmp_path, arguments, text):
    """Standard error has one line with the bad value. No file is written. With --json the error is a document."""
    code, out, err = main(*arguments)
    assert (code, out) == (2, "")
    assert text in err
    assert err.startswith("gdbench: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
    code, out, _ = main(*arguments, "--json")
    assert code == 2
    document = json.loads(out)
    assert set(document) == {"error", "exit_code"}
    assert document["exit_code"] == 2


def test_two_backends_with_one_name_are_refused(main, tmp_path, backend_file):
    """Two files with the same stem are refused, and so is a file with the name of a built-in backend."""
    path = backend_file("mine")
    (tmp_path / "sub").mkdir()
    copy = shutil.copy(path, tmp_path / "sub")
    for paths, name in (([path, copy], "mine"), ([backend_file("numpy_vectorized")], "numpy_vectorized")):
        code, _, err = main("run", "-b", *paths)
        assert code == 2
        assert f"found two named '{name}'" in err


def test_list_of_backends(tmp_path):
    """Each backend has a summary. Output to a pipe has no color codes."""
    code, out, err = gdbench("list", cwd=tmp_path)
    assert (code, err) == (0, "")
    for name in ("python_loops", "numpy_vectorized", "numba_jit", "jax_jit"):
        assert name in out
    assert "\x1b" not in out
    assert "\r" not in out
    entries = json.loads(gdbench("list", "--json", cwd=tmp_path)[1])["backends"]
    assert [entry["backend"] for entry in entries][:2] == ["python_loops", "numpy_vectorized"]
    assert all(entry["summary"] for entry in entries)


def test_machine_document(tmp_path):
    """It has processor, BLAS kernel, peaks and a warning for a forced kernel. It has no names of host, user or folders."""
    settings = {"OPENBLAS_CORETYPE": "Haswell", "OMP_NUM_THREADS": "7", "XLA_FLAGS": f"--x={tmp_path}"}
    code, out, err = unprobed("machine", "--json", cwd=tmp_path, **settings)
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["cpu"]["logical_cores"] >= 1
    assert document["versions"]["numpy"]
    assert [entry["threads"] for entry in document["peaks"]] == sorted({1, document["threads_available"]})
    assert all(entry["read"] and entry["gflop_per_s"]["float64"] > 0 for entry in document["peaks"])
    assert document["environment"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert any("OPENBLAS_CORETYPE" in warning for warning in document["warnings"])
    if [entry["library"] for entry in document["blas"]] == ["openblas"]:
        assert document["blas_forced"] is True
    assert document["thread_settings"]["OMP_NUM_THREADS"] == "7"
    for name in (os.uname().nodename, getpass.getuser(), tmp_path.name):
        assert not re.search(rf"\b{re.escape(name)}\b", out)


def test_exit_codes_of_check(main, backend_file):
    """1 for a wrong backend, 3 for a failing or unavailable one; 1 has precedence. test_launch.py has one with 0."""
    good, bad = backend_file("good"), backend_file("bad", "(-2 / n)", "(2 / n)")
    broken = backend_file("broken", text="1 / 0\n")
    absent = backend_file("absent", text="import nothing_of_this_name\n")
    code, out, _ = main("check", good, bad, broken, absent, "--json")
    document = json.loads(out)
    assert (code, document["passed"]) == (1, False)
    assert [report["status"] for report in document["backends"]] == ["ok", "wrong", "failed", "unavailable"]
    assert main("check", broken)[0] == 3
    assert main("check", absent)[0] == 3


def test_unreadable_run_gives_exit_6(main, tmp_path):
    """A folder without a run, a broken file and a newer schema give a message."""
    assert main("report", tmp_path)[0] == 6
    for text in ("", "{", "[]", '{"schema": 99}', '{"schema": 1, "schema": 1}', '{"schema": NaN}'):
        (tmp_path / "run.json").write_text(text)
        code, out, err = main("report", tmp_path)
        assert (code, out) == (6, "")
        assert "Traceback" not in err


def test_out_folder_must_be_empty(main, tmp_path):
    """--out does not write to a folder that contains a file."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    code, _, err = main("run", "--out", tmp_path / "run")
    assert code == 2
    assert "which is not empty; allowed: a new or empty folder" in err
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_no_command_prints_an_introduction(main):
    """Without a command, gdbench lists commands to try. An unknown command is refused with the nearest one."""
    code, out, err = main()
    assert (code, err) == (0, "")
    assert [line.split("  ")[1] for line in out.splitlines() if line.startswith("  gdbench")] == [
        "gdbench run --quick", "gdbench check", "gdbench fit my.csv --target y", "gdbench learn", "gdbench --help",
    ]  # fmt: skip
    code, out, err = main("chek", "x")
    assert (code, out) == (2, "")
    assert "found 'chek' (did you mean check?); allowed: " in err


@pytest.mark.usefixtures("without_figures")
def test_verbose_prints_all_tables(main, tmp_path):
    """`report -v` also prints the tables that `report` leaves out."""
    save_run(tmp_path, sample_run.full())
    code, short, _ = main("report", tmp_path)
    assert code == 0
    for option in ("-v", "--verbose"):
        code, long, _ = main("report", tmp_path, option)
        assert code == 0
        assert len(long.splitlines()) > len(short.splitlines())
        assert "Error against its bound" in long and "Error against its bound" not in short


@pytest.mark.usefixtures("without_figures")
def test_columns_sets_the_width_of_a_pipe(main, tmp_path, monkeypatch):
    """COLUMNS sets the width of output to a pipe. Without a valid COLUMNS the width is 100."""
    save_run(tmp_path, sample_run.full())
    widths = {}
    for columns in ("50", "80", "", "many"):
        monkeypatch.setenv("COLUMNS", columns)
        lines = main("report", tmp_path, "-v")[1].splitlines()
        widths[columns] = max(len(line) for line in lines if "report:" not in line and "run:" not in line)
    assert widths["50"] <= 50 < widths["80"] <= 80 < widths[""] <= 100
    assert widths["many"] == widths[""]


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device", "x")])
def test_stopped_report_names_the_command_that_writes_it(main, tmp_path, monkeypatch, error):
    """The run is on disk and saved under its name, and the command works."""

    def execute(directory, progress):
        save_run(directory.folder, run := sample_run.full())
        return run

    def write(run, folder):
        raise error

    monkeypatch.setattr("bench.measure.runner.execute", execute)
    with monkeypatch.context() as stopped:
        stopped.setattr("bench.report.write", write)
        code, out, err = main("run", "-b", "numpy_vectorized", "--out", "a run", "--save-baseline", "main")
    assert (code, out) == (130 if isinstance(error, KeyboardInterrupt) else 2, "")
    assert "note: the run is saved; write its report with: gdbench report 'a run'" in " ".join(err.split())
    assert "note: saved as main in " in " ".join(err.split())
    assert main("report", "a run")[0] == 0
    assert (tmp_path / "a run" / "report.html").exists()


def test_help_and_version(main, tmp_path):
    """--help names the commands and --version prints the version."""
    code, out, _ = main("--help")
    assert code == 0
    for verb in ("list", "machine", "check", "run", "report", "compare", "fit", "learn"):
        assert verb in out
    assert main("--version")[:2] == (0, "0.1.0\n")


@pytest.mark.parametrize("verb", cli.COMMANDS, ids=lambda verb: verb.__name__)
def test_help_ends_with_examples_and_exit_codes(main, verb):
    """Two or three commands that the parser accepts, and every exit code, in lines of 80 characters."""
    code, out, err = main(verb.__name__.strip("_"), "--help")
    examples, codes = out[out.index("Examples:\n") :].split("\n\n")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    commands = [re.split("  +", line.strip())[0] for line in examples.splitlines()[1:]]
    assert len(commands) in (2, 3)
    for command in commands:
        words = shlex.split(command.partition(" > ")[0])
        assert cli.app.parse_args(words[1:])[0] is verb
    assert " ".join(codes.split()).startswith("Exit codes: 0 ok, 1 a backend computes something wrong, 2 usage")
    assert all(f"{number} {meaning}" in " ".join(codes.split()) for number, meaning in EXIT_CODES.items())


def test_option_without_a_value_is_refused(main, tmp_path):
    """`-b $EMPTY` does not measure all backends."""
    for option in ("-b", "--size", "--dtype", "--threads"):
        code, _, err = main("run", option)
        assert code == 2, err
        assert not list(tmp_path.iterdir())


def test_closed_pipe_does_not_change_the_exit_code(tmp_path, backend_file):
    """`gdbench list | true` exits with 0, a check of a wrong backend with 1."""
    bad = backend_file("bad", "(-2 / n)", "(2 / n)")
    for arguments, expected in ((["list"], 0), (["list", "--json"], 0), (["check", bad], 1)):
        assert gdbench_to_closed_pipe(*arguments, cwd=tmp_path) == (expected, "")


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"])
def test_unwritable_streams_do_not_change_the_exit_code_of_an_error(streams, tmp_path):
    """Bad input exits with 2 where standard output or standard error is closed or full, and nothing else is printed."""
    for option in ("", "--json"):
        command = f"{shlex.join(GDBENCH)} check nothing {option} {streams}"
        process = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert process.returncode == 2, process.stderr
        assert "Traceback" not in process.stderr


def test_closed_standard_output_discards_the_result(tmp_path):
    """`gdbench list >&-` exits with 0, and to a full device with 2 and one line."""
    for command, code, error in (
        ("list >&-", 0, ""),
        ("list --json >/dev/full", 2, "gdbench: No space left on device\n"),
    ):
        command = f"{shlex.join(GDBENCH)} {command}"
        process = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (process.returncode, process.stderr) == (code, error)


def test_table_of_a_backend_that_returns_nan(tmp_path, backend_file):
    """A backend that returns NaN is wrong, and its table is printed."""
    path = backend_file("nan", "return beta, np.array(losses", "return beta * np.nan, np.array(losses")
    code, out, err = gdbench("check", path, cwd=tmp_path)
    assert (code, err) == (1, "")
    assert "nan" in out
    assert "wrong" in out


def test_ascii_output_replaces_other_characters(tmp_path):
    """With an ASCII encoding, characters such as µ are replaced and no error is raised."""
    code, _, err = unprobed("machine", cwd=tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (code, err) == (0, "")
