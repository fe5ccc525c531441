"""The folder of results: saved runs are kept until --force, and the latest run is the default of report and compare."""

from pathlib import Path

import pytest
from helpers import sample_run
from helpers.command import gdbench, unprobed

from bench import results
from bench.cli.run import save
from bench.measure.options import new_folder
from bench.records import load_run, save_run


def a_run(seconds=1e-6, mode="full", status="ok", **fields):
    """One cell in ten blocks."""
    defaults = {"plan": {"mode": mode}, "blocks": sample_run.sentinels(10)}
    cell = sample_run.cell("numpy_vectorized", 100, seconds, blocks=10, status=status)
    return sample_run.run([cell], **defaults | fields)


def save_in(folder, run):
    folder.mkdir(parents=True, exist_ok=True)
    save_run(folder, run)


@pytest.fixture
def measured(monkeypatch):
    """What `gdbench run` measures: nothing is started, and this run is the result."""
    run = a_run()
    monkeypatch.setattr("bench.measure.runner.execute", lambda *_: run)
    return run


def names_in(folder):
    return [path.name for path in folder.iterdir()]


# Saved runs


@pytest.mark.parametrize("name", ["main", "v1.2-rc_3", "_x", "0", "A" * 100])
def test_a_run_is_saved_under_its_name(name, tmp_path, monkeypatch):
    """It is read by its name from the same folder, the next one replaces it, and an existing path goes first."""
    monkeypatch.chdir(tmp_path)
    assert results.save_as(name, a_run()) == Path("gdbench-results/baselines") / name
    assert load_run(results.find_run(name)).cells == a_run().cells
    results.save_as(name, a_run(2e-6))
    assert load_run(results.find_run(name)).cells == a_run(2e-6).cells
    assert names_in(Path("gdbench-results/baselines") / name) == ["run.json"]
    Path(name).mkdir()
    assert results.find_run(name) == Path(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "-x", "a/b", "../x", "a b", "é", "a\n", "A" * 101, "\x1b", "a\\b"]
)
def test_what_is_no_name(name, tmp_path, monkeypatch):
    """It is refused before anything is written, and never leads out of the folder of saved runs."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"found .* allowed: up to 100 of A-Z"):
        results.save_as(name, a_run())
    assert results.find_run(name) == Path(name)
    assert not names_in(tmp_path)


@pytest.mark.parametrize(
    ("code", "run", "reason"),
    [
        (130, a_run(), "interrupted"),
        (1, a_run(), "a backend computes something wrong"),
        (3, a_run(), "a backend failed"),
        (0, a_run(None, status="skipped"), "no cell has a time"),
        (0, sample_run.empty(), "no cell has a time"),
    ],
)
def test_a_run_without_use_is_not_saved(code, run, reason, tmp_path, monkeypatch):
    """Interrupted, wrong and failed runs and runs without a time are not saved, and the one that was there stays."""
    monkeypatch.chdir(tmp_path)
    results.save_as("main", a_run(2e-6))
    assert save("main", run, code) == f"not saved as main: {reason}"
    assert load_run(results.find_run("main")).cells == a_run(2e-6).cells


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "saved as main in gdbench-results/baselines/main"),
        ({"stable": False}, "; the run is unstable, so no comparison with it gives a verdict"),
        (
            {"blocks": sample_run.sentinels(6)},
            "; the run has fewer than 10 blocks, so no comparison gives a verdict: use --full",
        ),
    ],
)
def test_a_doubtful_run_is_saved_with_a_note(fields, told, tmp_path, monkeypatch):
    """It is saved, and the user learns at once that no verdict will rest on it."""
    monkeypatch.chdir(tmp_path)
    assert save("main", a_run(**fields), 0).endswith(told)
    assert load_run(results.find_run("main")).cells


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("full", "a full run of 2025-11-24 10:00 UTC"),
        ("quick", "a quick run of 2025-11-24 10:00 UTC"),
        (None, "a run that cannot be read"),
    ],
)
def test_a_saved_run_is_replaced_only_by_force(mode, found, main, measured, tmp_path):
    """Without --force the command says what is there and measures nothing; with it the new run has the name."""
    folder = tmp_path / "gdbench-results" / "baselines" / "main"
    save_in(folder, a_run(2e-6, mode=mode))
    if mode is None:
        (folder / "run.json").write_text("{")
    before = (folder / "run.json").read_text()
    words = ("run", "--quick", "--no-report", "-b", "numpy_vectorized", "--save-baseline", "main")
    told = f"gdbench: --save-baseline: found 'main', {found}; allowed: another name, or --force to replace it\n"
    assert main(*words) == (2, "", told)
    assert (folder / "run.json").read_text() == before
    assert names_in(tmp_path / "gdbench-results") == ["baselines"]
    code, _, err = main(*words, "--force")
    assert code == 0
    assert "note: saved as main in gdbench-results/baselines/main" in err
    assert load_run(folder) == measured


def test_a_place_that_cannot_be_written_is_told_before_the_run(tmp_path):
    """`gdbench-results` is a file: exit 2 at once, and no measurement was made for nothing."""
    (tmp_path / "gdbench-results").write_text("mine")
    code, _, err = unprobed("run", "--save-baseline", "main", "--out", "new", cwd=tmp_path)
    assert code == 2
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_run_is_saved_and_compared_with_the_next(tmp_path):
    """Two real runs: the first is saved under a name, and the second is undecided beside it for its few blocks."""
    size = ("--quick", "--no-report", "--size", "60x3", "-b", "numpy_vectorized")
    code, _, err = unprobed("run", *size, "--save-baseline", "main", cwd=tmp_path)
    assert code == 0
    assert "saved as main in gdbench-results/baselines/main" in " ".join(err.split())
    assert unprobed("run", *size, cwd=tmp_path)[0] == 0
    code, out, _ = gdbench("compare", "main", cwd=tmp_path)
    assert code == 4
    assert "undecided" in out


# The latest run


def test_the_latest_run(tmp_path, monkeypatch):
    """The last one by date and number that has ended; reference, saved and other runs do not count."""
    monkeypatch.chdir(tmp_path)
    assert results.latest_run() is None
    for name in ("reference", "baselines/20990101-000000", "20990101", "x20990101-000000", "20990101-000000-x"):
        save_in(results.results_folder() / name, a_run())
    assert results.latest_run() is None
    for name in ("20260102-030405-2", "20260102-030405-10", "20260102-030405", "20251231-235959-11"):
        save_in(results.results_folder() / name, a_run())
    assert results.latest_run() == results.results_folder() / "20260102-030405-10"
    folder = new_folder(None)  # in the year of the test, which is later
    assert results.latest_run() == results.results_folder() / "20260102-030405-10"
    save_in(folder, a_run())
    assert results.latest_run() == folder


def test_report_takes_the_latest_run(main, tmp_path):
    """A note says which; with --json the document names it, too."""
    for number, name in enumerate(("20260101-000000", "20260102-000000", "reference")):
        save_in(tmp_path / "gdbench-results" / name, a_run((1 + number) * 1e-6))
    code, out, err = main("report")
    assert (code, err) == (0, "note: RUN is the latest run, gdbench-results/20260102-000000\n")
    assert "run: gdbench-results/20260102-000000\n" in out
    assert (tmp_path / "gdbench-results" / "20260102-000000" / "report.html").exists()
    assert not (tmp_path / "gdbench-results" / "20260101-000000" / "report.html").exists()


def test_compare_takes_the_latest_run(main, tmp_path):
    """BASE against the latest run; BASE itself is no run to compare with, and neither is nothing."""
    save_in(tmp_path / "gdbench-results" / "baselines" / "main", a_run())
    assert main("compare", "main")[::2] == (
        2, "gdbench: NEW: found no run in gdbench-results; allowed: the folder of a run, or `gdbench run` first\n",
    )  # fmt: skip
    latest = tmp_path / "gdbench-results" / "20260102-000000"
    save_in(latest, a_run())
    note = "note: NEW is the latest run, gdbench-results/20260102-000000\n"
    error = "gdbench: NEW: found BASE itself in gdbench-results/20260102-000000, the latest run; allowed: a newer run\n"
    assert main("compare", "main") == (2, "", note + error)
    assert main("compare", "main", "main")[0] == 4  # the user wants it
    save_in(latest, a_run(2e-6))
    code, out, err = main("compare", "main")
    assert (code, err) == (4, note)
    assert "BASE: main; NEW: gdbench-results/20260102-000000" in out


def test_report_without_any_run(main):
    """One sentence, exit 2."""
    told = "gdbench: RUN: found no run in gdbench-results; allowed: the folder of a run, or `gdbench run` first\n"
    assert main("report") == (2, "", told)
