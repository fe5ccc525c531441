"""`gdbench run` as a whole: workers, journal, run.json and report."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command import gdbench, unprobed
from helpers.mutants import Variant

import bench
from backends import names
from bench.records import load_run
from bench.report import markdown
from bench.report.document import report_of

NAMES = names()
SMALL = ["--quick", "--no-report", "--size", "60x3", "--time-budget", "40s"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The folder of a complete `gdbench run --quick`, run beside files and settings that must not change it."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "bench").mkdir()
    (folder / "bench" / "__init__.py").write_text("raise RuntimeError('the wrong bench')")
    (folder / "conftest.py").write_text("raise RuntimeError('the wrong conftest')")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    settings = {"PYTEST_ADDOPTS": "--nonsense", "NUMBA_DISABLE_JIT": "1", "JAX_DISABLE_JIT": "1"}
    # `python -m bench` would import the folder named bench, so this is the console script.
    script = shutil.which("gdbench", path=str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"])
    code, out, err = gdbench("run", "--quick", "--json", cwd=folder, program=[script], **settings)
    assert code == 0, err
    document = json.loads(out)
    assert document["exit_code"] == 0
    return folder / document["run"]


@pytest.mark.slow
def test_a_quick_run_measures_every_backend_at_every_size(quick):
    """Each backend has four sizes and the penguins. Only plain loops may be skipped, with a predicted time."""
    run = load_run(quick)
    shapes = {(100, 10), (1000, 10), (10_000, 10), (100_000, 10), (342, 4)}
    for name in NAMES:
        cells = [cell for cell in run.cells if cell.backend == name and not cell.control]
        assert {(cell.n_samples, cell.n_features) for cell in cells} == shapes
        for cell in cells:
            if cell.status == "ok":
                assert len(cell.samples_s) == 3
                assert cell.per_iteration_s == pytest.approx(cell.median_s / cell.n_iter)
                assert cell.ci_low_s is None  # three processes define no interval
                assert cell.error.value <= cell.error.bound
                assert cell.cold_costs.import_s > 0
                assert 0 < cell.cpu_over_wall < 1.15  # one thread; less than 1 if other processes use the processor
            else:
                assert (name, cell.status) == ("python_loops", "skipped")
                assert cell.predicted_s > 0
                assert cell.samples_s == []
                assert cell.median_s is None
    assert {cell.backend for cell in run.cells if cell.control} == {"numpy_vectorized"}
    assert run.plan["mode"] == "quick"


@pytest.mark.slow
def test_only_compiled_backends_have_a_compile_time(quick):
    """It is one of the cold costs."""
    cells = [cell for cell in load_run(quick).cells if cell.cold_costs.compile_s is not None]
    assert all(cell.cold_costs.compile_s > 0.05 for cell in cells if cell.backend in ("numba_jit", "jax_jit"))
    assert all(cell.cold_costs.compile_s == 0 for cell in cells if cell.backend in ("python_loops", "numpy_vectorized"))
    assert {cell.backend for cell in cells} == set(NAMES)


@pytest.mark.slow
def test_a_block_has_every_worker_once(quick):
    """The control is a worker, too. Each block has its own hash seed."""
    run = load_run(quick)
    assert [block.index for block in run.blocks] == [0, 1, 2]
    for block in run.blocks:
        assert sorted(block.order) == sorted([*NAMES, "numpy_vectorized (control)"])
    assert len({block.hash_seed for block in run.blocks}) == 3


@pytest.mark.slow
def test_the_journal_has_a_line_per_cell_and_block(quick):
    """Each sample of run.json has a line. All processes of a cell, and of its control, make equally many calls.

    The first process may need one more call to warm up: it does not know how long a call takes.
    """
    lines = [json.loads(line) for line in (quick / "journal.jsonl").read_text().splitlines()]
    keys = [(line["cell"], line["block"]) for line in lines]
    assert len(keys) == len(set(keys))
    measured = sum(sum(s is not None for s in cell.samples_s) for cell in load_run(quick).cells)
    assert sum(line["status"] == "ok" for line in lines) == measured
    counts = {}
    for line in lines:
        if line["status"] == "ok":
            warmup_calls = line["warmup_calls"] if line["block"] else None
            counts.setdefault(line["cell"].replace(" (control)", ""), set()).add((line["calls"], warmup_calls))
    assert all(len(pairs) <= 2 and len({calls for calls, _ in pairs}) == 1 for pairs in counts.values()), counts


@pytest.mark.slow
def test_pytest_benchmark_reads_the_raw_samples(quick, tmp_path):
    """They have no host name, and the medians of run.json."""
    files = sorted((quick / "raw").glob("*.json"))
    assert len(files) == 3 * (len(NAMES) + 1)  # the control is a worker, too
    command = ["pytest-benchmark", "compare", *map(str, files[:2])]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "test_speed" in process.stdout
    assert not any(re.search(rf"\b{re.escape(os.uname().nodename)}\b", file.read_text()) for file in files)
    document = json.loads((quick / "raw" / "block00-1t-numba_jit.json").read_text())
    cell = next(cell for cell in load_run(quick).cells if cell.backend == "numba_jit" and cell.n_samples == 10_000)
    raw = next(entry for entry in document["benchmarks"] if "-10000x10-" in entry["name"])
    assert raw["stats"]["median"] == pytest.approx(cell.samples_s[0])


@pytest.mark.slow
def test_the_report_is_written(quick):
    """It is Markdown, an HTML page that loads nothing, and figures in SVG. `gdbench report` writes it again."""
    page = (quick / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "numba_jit" in (quick / "report.md").read_text()
    assert {path.suffix for path in (quick / "figures").iterdir()} == {".svg"}
    (quick / "report.html").unlink()
    code, out, err = gdbench("report", quick, cwd=quick.parents[2])
    assert code == 0, err
    assert (quick / "report.html").exists()
    assert "numpy_vectorized" in out
    assert max(map(len, out.splitlines())) <= 100


# Backends that compute something wrong or do less work: edits of numpy_vectorized.
START = "    n = len(X)\n"
IMPORT = "import math\n"
RESULT = "    return beta, np.array(losses, dtype=X.dtype)"
CACHE = f"    key = {{key}}\n    if key in SEEN:\n        return SEEN[key]\n{START}"
KEEP = (RESULT, "    SEEN[key] = beta, np.array(losses, dtype=X.dtype)\n    return SEEN[key]")
SEEN, CALLS = (IMPORT, f"{IMPORT}SEEN = {{}}\n"), (IMPORT, f"{IMPORT}CALLS = []\n")
SLOW = (START, f"{START}    time.sleep(1.5)\n")
CHEATS = {
    "wrong_sign": [("(-2 / n)", "(2 / n)")],
    "wrong_after_some_calls": [CALLS, (START, f"{START}    CALLS.append(1)\n    learning_rate *= 1 + (len(CALLS) > 6)\n")],
    "cached_on_shape": [SEEN, KEEP, (START, CACHE.format(key="X.shape, max_iter"))],
    "cached_on_bytes": [
        SEEN, KEEP,
        (START, CACHE.format(key="X.tobytes(), y.tobytes(), beta.tobytes(), learning_rate, max_iter")),
    ],
    "fewer_updates_in_some_calls": [
        SEEN,
        (START, f"    SEEN[len(SEEN)] = 1\n    if len(SEEN) > 5 and len(SEEN) % 4 == 0:\n        max_iter //= 2\n{START}"),
    ],
    "compiles_late": [
        (IMPORT, f"{IMPORT}import numba\nCALLS = []\n"),
        (START, f"{START}    CALLS.append(1)\n    if len(CALLS) > 6:\n        numba.njit(lambda x: x + 1)(1)\n"),
    ],
    "slow": [(IMPORT, f"{IMPORT}import time\n"), SLOW],
}  # fmt: skip


@pytest.fixture(scope="module")
def cheats(tmp_path_factory):
    """A run of all CHEATS: its folder, and its cells by backend.

    No processor computes 5000 updates in 9 µs, and a stored answer takes 2 µs, on a busy machine more.
    """
    folder = tmp_path_factory.mktemp("cheats")
    files = [Variant(name, tuple(edits)).build(folder) for name, edits in CHEATS.items()]
    out = folder / "run"
    code, _, err = unprobed("run", *SMALL, "--max-iter", "5000", "-b", *files, "--out", out, cwd=folder)
    assert code == 1, err
    return out, {cell.backend: cell for cell in load_run(out).cells if not cell.control}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CHEATS if name not in ("slow", "compiles_late")])
def test_a_wrong_answer_has_no_time(cheats, name):
    """A wrong answer, a cached answer, and fewer updates in some calls are "wrong"."""
    cell = cheats[1][name]
    assert (cell.status, cell.median_s, cell.samples_s, cell.speedup) == ("wrong", None, [], [])
    assert cheats[1]["numpy_vectorized"].status == "ok"


def test_a_run_with_a_wrong_backend_exits_with_1(tmp_path, backend_file):
    """The wrong backend has no time; the baseline and its control have theirs."""
    path = backend_file("wrong_sign", "(-2 / n)", "(2 / n)")
    code, out, err = unprobed("run", *SMALL, "-b", path, "--json", "--out", "run", cwd=tmp_path)
    assert code == 1, err
    assert json.loads(out) == {"run": "run", "exit_code": 1}
    run = load_run(tmp_path / "run")
    assert [(cell.backend, cell.status, None in cell.samples_s) for cell in run.cells if cell.samples_s] == [
        ("numpy_vectorized", "ok", False)
    ] * 2
    assert {cell.status for cell in run.cells if cell.backend == "wrong_sign"} == {"wrong"}
    assert (tmp_path / "run" / "journal.jsonl").read_text().count("\n") == 7  # a wrong cell is not run again


@pytest.mark.slow
def test_a_wrong_first_answer_is_not_timed(cheats):
    """The cell ends before its calibration. It has the mistake and the command that repeats it."""
    cell = cheats[1]["wrong_sign"]
    assert cell.calls is None
    assert "losses has" in cell.detail
    assert "where J is 0.0" in cell.detail
    assert cell.rerun.startswith("gdbench run --quick -b")


@pytest.mark.slow
def test_a_wrong_timed_answer_has_no_raw_time(cheats):
    """pytest-benchmark's JSON does not have a cell whose answer becomes wrong after the first check."""
    assert not list((cheats[0] / "raw").glob("*wrong_after_some_calls*"))  # its only cell, so there is no file


@pytest.mark.slow
def test_compilation_in_the_timed_region_fails_the_cell(cheats):
    """The events of the compiler show it."""
    assert cheats[1]["compiles_late"].status == "failed"
    assert "inside the timed region" in cheats[1]["compiles_late"].detail


@pytest.mark.slow
def test_a_slow_backend_is_skipped_after_its_first_calls(cheats):
    """They give the predicted time if there is no smaller size. The cell is no timeout."""
    cell = cheats[1]["slow"]
    assert cell.status == "skipped"
    assert 1.5 < cell.predicted_s < 15
    assert "over 3 blocks" in cell.detail
    assert "--time-budget" in cell.rerun


@pytest.mark.slow
def test_the_first_rows_are_checked_if_the_bound_is_not_informative(tmp_path, backend_file):
    """In float32 the bound of all rows hides that 1 % of the rows are ignored; the bound of 509 rows does not."""
    path = backend_file("tail", "    n = len(X)\n", "    n = len(X)\n    kept = n - n // 100 if n > 64 else n\n")
    path.write_text(path.read_text().replace("X.T @ residual", "X[:kept].T @ residual[:kept]"))
    size = ["--quick", "--no-report", "--size", "5000x4", "--dtype", "float32", "--max-iter", "50"]
    code, _, err = unprobed("run", *size, "-b", path, "--out", tmp_path / "run", cwd=tmp_path)
    assert code == 1, err
    cells = {cell.backend: cell for cell in load_run(tmp_path / "run").cells if not cell.control}
    assert cells["tail"].status == "wrong"
    assert cells["tail"].detail.startswith("on the first 509 rows: ")
    assert (cells["numpy_vectorized"].status, cells["numpy_vectorized"].flags[0]) == ("ok", "bound not informative")


LOG_CODE = """
import json, os, time
import numba
COMPILED = []

def log(event, n=0):
    with open({path!r}, "a") as file:
        affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        threads = os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"]
        file.write(json.dumps([event, os.getpid(), n, affinity, threads]) + "\\n")

log("import")
"""


@pytest.mark.slow
def test_a_worker_runs_the_planned_calls(tmp_path, backend_file):
    """A backend logs its calls: each block has one process, with the planned order of cells and number of threads. It
    compiles before the timed calls, and every process makes the same number of calls."""
    path = backend_file(
        "logging",
        "    n = len(X)\n",
        "    n = len(X)\n    log('fit', n)\n"
        "    if not COMPILED:\n        numba.njit(lambda x: x + 1)(1)\n        COMPILED.append(log('compiled'))\n",
    )
    log = tmp_path / "log.jsonl"
    path.write_text(path.read_text().replace("import math\n", "import math\n" + LOG_CODE.format(path=str(log)), 1))
    out = tmp_path / "run"
    sizes = ["--quick", "--no-report", "--size", "60x3", "200x3", "600x3", "--max-iter", "20"]
    code, _, err = unprobed("run", *sizes, "-b", path, "--out", out, cwd=tmp_path)
    assert code == 0, err
    run, lines = load_run(out), [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    # The journal has the order of the plan.
    assert [(line["block"], line["cell"]) for line in lines] == [
        (block.index, cell) for block in run.blocks for worker in block.order for cell in block.cells[worker]
    ]
    events = [json.loads(line) for line in log.read_text().splitlines()]
    processes = list(dict.fromkeys(pid for _, pid, *_ in events))
    assert len(processes) == 3
    calls_of = {}
    for block, pid in zip(run.blocks, processes, strict=True):
        process_events = [event for event in events if event[1] == pid]
        assert [name for name, *_ in process_events[:3]] == ["import", "fit", "compiled"]
        assert [name for name, *_ in process_events].count("compiled") == 1
        sizes = list(dict.fromkeys(n for name, _, n, *_ in process_events if name == "fit"))
        assert sizes == [int(re.search(r"-(\d+)x3-", cell)[1]) for cell in block.cells["logging"]]
        # The threads are set before the interpreter starts, and the worker reports them.
        assert all(affinity in (None, 1) and threads == ["1"] * 3 for *_, affinity, threads in process_events)
        assert set(block.threads_seen["logging"].values()) == {1}
        for line in (line for line in lines if line["block"] == block.index and line["cell"].startswith("logging-")):
            n = int(re.search(r"-(\d+)x3-", line["cell"])[1])
            calls = sum(name == "fit" and rows == n for name, _, rows, *_ in process_events) - (block.index == 0)
            calls_of.setdefault(n, []).append(calls)  # the first worker makes one more call, which is not counted
            assert calls == line["warmup_calls"] + 3 * line["calls"] + (line["calls"] > 1)
            assert (line["compile_s"] > 0) is line["cold"]
            assert line["first_call_s"] >= line["compile_s"]
            assert max(line["rounds_s"]) < line["compile_s"] or not line["cold"]
    assert sorted(calls_of) == [60, 200, 600]
    assert all(len(set(calls)) == 1 for calls in calls_of.values())


@pytest.mark.slow
def test_compilation_does_not_change_the_calibration(quick):
    """The first call of a compiled backend takes far longer than later ones, and a round still has several calls."""
    for name in ("numba_jit", "jax_jit"):
        lines = [json.loads(line) for line in (quick / "journal.jsonl").read_text().splitlines()]
        (first,) = [s for s in lines if s["block"] == 0 and s["cell"].startswith(f"{name}-synthetic-100x10-")]
        assert first["first_call_s"] > 10 * first["rounds_s"][0]
        assert first["calls"] >= 3


@pytest.mark.slow
def test_each_block_has_its_sentinels(quick):
    """They are timed at the start of each block and after the last. The description of the machine has the peaks."""
    run = load_run(quick)
    counts = [{kernel: len(seconds) for kernel, seconds in block.sentinels.items()} for block in run.blocks]
    assert counts == [{"arithmetic": count, "memory": count} for count in (1, 1, 2)]
    assert [entry["threads"] for entry in run.machine["peaks"]] == run.plan["threads"]
    assert all(set(block.threads_seen) == set(block.order) for block in run.blocks)


@pytest.mark.slow
def test_a_run_measures_the_users_csv_file(tmp_path):
    """It has semicolons, a quoted header and a missing value, which standard error counts."""
    rows = "\n".join(f"{i};{i % 7};{'' if i == 5 else i * 0.25};{3 * i + i % 7 - 4}" for i in range(40))
    (tmp_path / "my data.csv").write_text(f'"a";"b b";c;"the target"\n{rows}\n')
    data = ["--data", "my data.csv", "--target", "the target"]
    code, _, err = unprobed("run", "--quick", "--no-report", *data, "-b", "numba_jit", "--out", "run", cwd=tmp_path)
    assert code == 0, err
    assert "dropped 1 of 40 rows with a missing value, kept 39" in err
    cell = next(cell for cell in load_run(tmp_path / "run").cells if cell.backend == "numba_jit")
    assert (cell.problem.name, cell.n_samples, cell.n_features, cell.problem.seed) == ("my data", 39, 4, None)
    assert "--data 'my data.csv' --target 'the target'" in cell.rerun
    code, _, err = unprobed("run", "--data", "my data.csv", "--target", "nothing", cwd=tmp_path)
    assert code == 2
    assert "--target: found 'nothing'; allowed: a column of my data.csv: a, b b, c and the target" in err


@pytest.mark.slow
def test_each_dtype_and_number_of_threads_has_its_cells(tmp_path):
    """A cell with a dtype that its backend does not support is skipped with the reason."""
    options = ["-b", "python_loops", "--dtype", "float64", "float32", "--threads", "1", "--threads", "all"]
    code, _, err = unprobed("run", *SMALL, *options, "--out", "run", cwd=tmp_path)
    assert code == 0, err
    run = load_run(tmp_path / "run")
    assert {(cell.dtype, cell.status) for cell in run.cells if cell.backend == "python_loops"} == {
        ("float64", "ok"),
        ("float32", "skipped"),
    }
    assert all(cell.detail == "computes in float64 only" for cell in run.cells if cell.status == "skipped")
    assert {cell.threads for cell in run.cells} == set(run.plan["threads"])
    for cell in run.cells:
        if cell.dtype == "float32" and cell.status == "ok":
            assert cell.error.bound > 1e-7


@pytest.mark.slow
def test_an_import_that_cannot_be_timed_says_why(tmp_path):
    """Here the interpreter loads NumPy when it starts, so that no backend does."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text("import numpy")
    words = ["run", *SMALL, "-b", "numpy_vectorized", "--out", "run"]
    code, _, err = unprobed(*words, cwd=tmp_path, PYTHONPATH=str(tmp_path / "path"))
    assert code == 0, err
    reason = "the import has no time, because NumPy was loaded before it"
    run = load_run(tmp_path / "run")
    assert {(cell.status, cell.cold_costs.import_s, cell.detail) for cell in run.cells} == {("ok", None, reason)}
    assert reason in markdown.write(report_of(run))


@pytest.mark.slow
def test_pytest_bench_is_a_session_of_pytest_benchmark(tmp_path):
    """`pytest bench` measures the same cells as a run."""
    command = [sys.executable, "-m", "pytest", bench.__path__[0], "-q", "-p", "no:cacheprovider"]
    command += ["-k", "numpy_vectorized or numba_jit", "--benchmark-json", tmp_path / "raw.json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # of xdist
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert process.returncode == 0, process.stdout
    assert len(json.loads((tmp_path / "raw.json").read_text())["benchmarks"]) == 10


@pytest.mark.parametrize(
    "options",
    ["--benchmark-disable", *(pytest.param(words, marks=pytest.mark.slow) for words in ("-n 2", "-p no:benchmark"))],
)
def test_pytest_bench_skips_every_cell_without_timing(tmp_path, options):
    """pytest-xdist switches pytest-benchmark off, because processes at the same time disturb each other."""
    command = [sys.executable, "-m", "pytest", bench.__path__[0], "-q", "-rs", "-p", "no:cacheprovider"]
    command += ["-k", "numpy_vectorized and 100x10-", *options.split()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # of xdist
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert process.returncode == 0, process.stdout
    assert "pytest-benchmark is switched off" in process.stdout and "1 skipped" in process.stdout
