"""A run from end to end: workers, journal, record and report."""

import importlib.resources
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.command import UNPROBED, gdbench, unprobed

from backends import names
from bench.records import load_run

EVERY = names()
SMALL = ["--quick", "--no-report", "--size", "60x3", "--time-budget", "40s"]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One `gdbench run --quick` as it stands, in an empty folder."""
    folder = tmp_path_factory.mktemp("quick")
    # Settings that must not reach a worker: pytest options, a folder named bench, and a compiler switched off.
    (folder / "bench").mkdir()
    (folder / "bench" / "__init__.py").write_text("raise RuntimeError('the wrong bench')")
    (folder / "conftest.py").write_text("raise RuntimeError('the wrong conftest')")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    # The console script: `python -m bench` would find the folder named bench.
    script = shutil.which("gdbench", path=str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"])
    code, out, err = gdbench(
        "run",
        "--quick",
        "--json",
        cwd=folder,
        program=[script],
        PYTEST_ADDOPTS="--nonsense",
        NUMBA_DISABLE_JIT="1",
        JAX_DISABLE_JIT="1",
    )
    assert code == 0, err
    document = json.loads(out)
    assert document["exit_code"] == 0
    return folder / document["run"]


@pytest.mark.slow
def test_a_quick_run_measures_every_backend_at_every_size(quick):
    """Four sizes and the penguins for the compiled and array backends; loops measured, or skipped with a prediction."""
    run = load_run(quick)
    shapes = {(100, 10), (1000, 10), (10_000, 10), (100_000, 10), (342, 4)}
    for name in EVERY:
        cells = [cell for cell in run.cells if cell.backend == name and not cell.control]
        assert {(cell.n_samples, cell.n_features) for cell in cells} == shapes
        for cell in cells:
            if cell.status == "ok":
                assert len(cell.samples_s) == 3
                assert cell.per_iteration_s == pytest.approx(cell.median_s / cell.n_iter)
                assert cell.ci_low_s is None  # three processes define no interval
                assert cell.error.value <= cell.error.bound
                assert cell.cold_costs.import_s > 0
                assert 0 < cell.cpu_over_wall < 1.15  # one thread on one processor, less where others want it too
            else:
                assert (name, cell.status) == ("python_loops", "skipped")
                assert cell.predicted_s > 0
                assert cell.samples_s == []
                assert cell.median_s is None
    assert {cell.backend for cell in run.cells if cell.control} == {"numpy_vectorized"}
    assert run.plan["mode"] == "quick"


@pytest.mark.slow
def test_compile_time_is_apart(quick):
    """Only the compiled backends compile, and only in the cold figures."""
    cells = [cell for cell in load_run(quick).cells if cell.cold_costs.compile_s is not None]
    assert all(cell.cold_costs.compile_s > 0.05 for cell in cells if cell.backend in ("numba_jit", "jax_jit"))
    assert all(cell.cold_costs.compile_s == 0 for cell in cells if cell.backend in ("python_loops", "numpy_vectorized"))
    assert {cell.backend for cell in cells} == set(EVERY)


@pytest.mark.slow
def test_blocks_are_complete_and_fresh(quick):
    """Every block holds every worker once, the control too, and each has its own hash seed and environment size."""
    run = load_run(quick)
    assert [block.index for block in run.blocks] == [0, 1, 2]
    for block in run.blocks:
        assert sorted(block.order) == sorted([*EVERY, "numpy_vectorized (control)"])
    assert len({block.hash_seed for block in run.blocks}) == 3


@pytest.mark.slow
def test_the_journal_holds_one_line_per_cell_and_block(quick):
    """Every figure of the record can be traced to a line that was on disk before the next cell started."""
    lines = [json.loads(line) for line in (quick / "journal.jsonl").read_text().splitlines()]
    keys = [(line["cell"], line["block"]) for line in lines]
    assert len(keys) == len(set(keys))
    measured = sum(sum(s is not None for s in cell.samples_s) for cell in load_run(quick).cells)
    assert sum(line["status"] == "ok" for line in lines) == measured
    counts = {}
    for line in lines:
        if line["status"] == "ok":
            counts.setdefault(line["cell"].replace(" (control)", ""), set()).add((line["calls"], line["warmup_calls"]))
    assert all(len(found) == 1 for found in counts.values()), "calls are frozen by the first worker, for the twin too"


@pytest.mark.slow
def test_the_raw_samples_are_pytest_benchmarks(quick, tmp_path):
    """`pytest-benchmark compare` reads them, they hold no host name, and the record's medians are theirs."""
    files = sorted((quick / "raw").glob("*.json"))
    assert len(files) == 3 * (len(EVERY) + 1)  # the control too
    done = subprocess.run(
        ["pytest-benchmark", "compare", *map(str, files[:2])], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "test_speed" in done.stdout
    assert not any(re.search(rf"\b{re.escape(os.uname().nodename)}\b", file.read_text()) for file in files)
    document = json.loads((quick / "raw" / "block00-1t-numba_jit.json").read_text())
    cell = next(cell for cell in load_run(quick).cells if cell.backend == "numba_jit" and cell.n_samples == 10_000)
    raw = next(entry for entry in document["benchmarks"] if "-10000x10-" in entry["name"])
    assert raw["stats"]["median"] == pytest.approx(cell.samples_s[0])


@pytest.mark.slow
def test_the_report_is_written_and_offline(quick):
    """Markdown, one HTML page that loads nothing, and every figure as SVG."""
    page = (quick / "report.html").read_text()
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "numba_jit" in (quick / "report.md").read_text()
    pictures = sorted((quick / "figures").iterdir())
    assert {path.suffix for path in pictures} == {".svg"}
    (quick / "report.html").unlink()
    code, out, err = gdbench("report", quick, cwd=quick.parents[2])
    assert code == 0, err
    assert (quick / "report.html").exists()
    assert "numpy_vectorized" in out
    assert max(map(len, out.splitlines())) <= 100


# Files that do less than they should: edits of numpy_vectorized, at the first line of fit and anywhere else.
START = "    n = len(X)\n"
IMPORT = "import math\n"
RESULT = "    return beta, np.array(losses, dtype=X.dtype)"
CACHE = f"    key = {{key}}\n    if key in SEEN:\n        return SEEN[key]\n{START}"
KEEP = (RESULT, "    SEEN[key] = beta, np.array(losses, dtype=X.dtype)\n    return SEEN[key]")
SEEN, CALLS = (IMPORT, f"{IMPORT}SEEN = {{}}\n"), (IMPORT, f"{IMPORT}CALLS = []\n")
SLOW = (START, f"{START}    time.sleep(1.5)\n")
CHEATS = {
    "wrong_sign": [("(-2 / n)", "(2 / n)")],
    "wrong_after_the_gate": [CALLS, (START, f"{START}    CALLS.append(1)\n    learning_rate *= 1 + (len(CALLS) > 6)\n")],
    "cached_on_shape": [SEEN, KEEP, (START, CACHE.format(key="X.shape, max_iter"))],
    "cached_on_bytes": [
        SEEN, KEEP,
        (START, CACHE.format(key="X.tobytes(), y.tobytes(), beta.tobytes(), learning_rate, max_iter")),
    ],
    "lazy_now_and_then": [
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
    """One run of all cheats: its folder, exit code and cells by backend."""
    folder = tmp_path_factory.mktemp("cheats")
    source = importlib.resources.files("backends").joinpath("numpy_vectorized.py").read_text()
    files = []
    for name, edits in CHEATS.items():
        text = source
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        files.append(folder / f"{name}.py")
        files[-1].write_text(text)
    out = folder / "run"
    code, _, err = unprobed("run", *SMALL, "-b", *files, "--out", out, cwd=folder)
    assert code == 1, err
    return out, {cell.backend: cell for cell in load_run(out).cells if not cell.control}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CHEATS if name not in ("slow", "compiles_late")])
def test_wrong_answer_has_no_time(cheats, name):
    """A wrong answer, a stored one, or less work in some of the timed calls is `wrong`: no time, no rank."""
    cell = cheats[1][name]
    assert (cell.status, cell.median_s, cell.samples_s, cell.speedup) == ("wrong", None, [], [])
    assert cheats[1]["numpy_vectorized"].status == "ok"


def test_tiny_run_with_a_wrong_backend_exits_with_1(tmp_path, fresh):
    """A real run in a few seconds: the wrong backend has no time, and the baseline and its control keep theirs."""
    path = fresh("wrong_sign", "(-2 / n)", "(2 / n)")
    code, out, err = unprobed("run", *SMALL, "-b", path, "--json", "--out", "run", cwd=tmp_path)
    assert code == 1, err
    assert json.loads(out) == {"run": "run", "exit_code": 1}
    run = load_run(tmp_path / "run")
    assert [(cell.backend, cell.status, None in cell.samples_s) for cell in run.cells if cell.samples_s] == [
        ("numpy_vectorized", "ok", False)
    ] * 2
    assert {cell.status for cell in run.cells if cell.backend == "wrong_sign"} == {"wrong"}
    assert (tmp_path / "run" / "journal.jsonl").read_text().count("\n") == 7  # wrong once, then not tried again


@pytest.mark.slow
def test_answer_wrong_at_once_is_not_timed(cheats):
    """A wrong first answer ends the cell before its calibration, says what is wrong and how to repeat it."""
    cell = cheats[1]["wrong_sign"]
    assert cell.calls is None
    assert "losses has" in cell.detail
    assert "where J is 0.0" in cell.detail
    assert cell.rerun.startswith("gdbench run --quick -b")


@pytest.mark.slow
def test_result_that_goes_wrong_while_timed_leaves_no_raw_time(cheats):
    """pytest-benchmark's JSON does not hold the time of a cell that went wrong after its gate, here at the sixth call."""
    assert not list((cheats[0] / "raw").glob("*wrong_after_the_gate*"))  # its only cell, so there is no file


@pytest.mark.slow
def test_compile_in_the_timed_region_fails_the_cell(cheats):
    """The compiler's own events reveal a file that compiles at a late call."""
    assert cheats[1]["compiles_late"].status == "failed"
    assert "inside the timed region" in cheats[1]["compiles_late"].detail


@pytest.mark.slow
def test_slow_backend_is_skipped_with_its_measured_prediction(cheats):
    """A backend without a smaller size to predict from is skipped after its first calls, and is not a timeout."""
    cell = cheats[1]["slow"]
    assert cell.status == "skipped"
    assert 1.5 < cell.predicted_s < 15
    assert "over 3 blocks" in cell.detail
    assert "--time-budget" in cell.rerun


@pytest.mark.slow
def test_where_the_bound_says_nothing_the_first_rows_decide(tmp_path, fresh):
    """In float32 a row left out of a hundred hides within the bound of the whole, and not within that of 509 rows."""
    path = fresh("tail", "    n = len(X)\n", "    n = len(X)\n    kept = n - n // 100 if n > 64 else n\n")
    path.write_text(path.read_text().replace("X.T @ residual", "X[:kept].T @ residual[:kept]"))
    size = ["--quick", "--no-report", "--size", "5000x4", "--dtype", "float32", "--max-iter", "50"]
    code, _, err = unprobed("run", *size, "-b", path, "--out", tmp_path / "run", cwd=tmp_path)
    assert code == 1, err
    cells = {cell.backend: cell for cell in load_run(tmp_path / "run").cells if not cell.control}
    assert cells["tail"].status == "wrong"
    assert cells["tail"].detail.startswith("on the first 509 rows: ")
    assert (cells["numpy_vectorized"].status, cells["numpy_vectorized"].flags[0]) == ("ok", "bound not informative")


DIARY = """
import json, os, time
import numba
COMPILED = []

def note(event, n=0):
    with open({path!r}, "a") as file:
        affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        threads = os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"], os.environ["NUMBA_NUM_THREADS"]
        file.write(json.dumps([event, os.getpid(), n, affinity, threads]) + "\\n")

note("import")
"""


@pytest.mark.slow
def test_the_diary_of_a_backend(tmp_path, fresh):
    """What a backend that keeps a diary saw: a process a block, in the planned order, with the declared threads; its
    compiler before the timed calls, which in every process are equally many and last at least 10 ms a round."""
    path = fresh(
        "diary",
        "    n = len(X)\n",
        "    n = len(X)\n    note('fit', n)\n"
        "    if not COMPILED:\n        numba.njit(lambda x: x + 1)(1)\n        COMPILED.append(note('compiled'))\n",
    )
    diary = tmp_path / "diary.jsonl"
    path.write_text(path.read_text().replace("import math\n", "import math\n" + DIARY.format(path=str(diary)), 1))
    out = tmp_path / "run"
    sizes = ["--quick", "--no-report", "--size", "60x3", "200x3", "600x3", "--max-iter", "20"]
    code, _, err = unprobed("run", *sizes, "-b", path, "--out", out, cwd=tmp_path)
    assert code == 0, err
    run, lines = load_run(out), [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    # Block order: the journal, written as each cell ends, is the plan.
    assert [(line["block"], line["cell"]) for line in lines] == [
        (block.index, cell) for block in run.blocks for worker in block.order for cell in block.cells[worker]
    ]
    events = [json.loads(line) for line in diary.read_text().splitlines()]
    processes = list(dict.fromkeys(pid for _, pid, *_ in events))
    assert len(processes) == 3
    calls_of = {}
    for block, pid in zip(run.blocks, processes, strict=True):
        own = [event for event in events if event[1] == pid]
        assert [name for name, *_ in own[:3]] == ["import", "fit", "compiled"]
        assert [name for name, *_ in own].count("compiled") == 1
        seen = list(dict.fromkeys(n for name, _, n, *_ in own if name == "fit"))
        assert seen == [int(re.search(r"-(\d+)x3-", cell)[1]) for cell in block.cells["diary"]]
        # Threads: set before the interpreter started, and found by the worker itself.
        assert all(affinity in (None, 1) and threads == ["1"] * 3 for *_, affinity, threads in own)
        assert set(block.threads_seen["diary"].values()) == {1}
        for line in (line for line in lines if line["block"] == block.index and line["cell"].startswith("diary-")):
            n = int(re.search(r"-(\d+)x3-", line["cell"])[1])
            many = sum(name == "fit" and rows == n for name, _, rows, *_ in own)
            calls_of.setdefault(n, []).append(many - (block.index == 0))  # the first worker is asked one thing more
            assert many - (block.index == 0) == line["warmup_calls"] + 3 * line["calls"] + (line["calls"] > 1)
            assert (line["compile_s"] > 0) is line["cold"]
            assert line["first_call_s"] >= line["compile_s"]
            assert max(line["rounds_s"]) < line["compile_s"] or not line["cold"]
    assert sorted(calls_of) == [60, 200, 600]
    assert all(len(set(many)) == 1 for many in calls_of.values())


@pytest.mark.slow
def test_a_compiler_does_not_poison_the_calibration(quick):
    """The first call of a JIT is hundreds of later ones, and yet its rounds hold many calls, not the one that fits."""
    for name in ("numba_jit", "jax_jit"):
        lines = [json.loads(line) for line in (quick / "journal.jsonl").read_text().splitlines()]
        (first,) = [s for s in lines if s["block"] == 0 and s["cell"].startswith(f"{name}-synthetic-100x10-")]
        assert first["first_call_s"] > 10 * first["rounds_s"][0]
        assert first["calls"] >= 3


@pytest.mark.slow
def test_the_machine_is_looked_at_in_every_block(quick):
    """Both sentinels at the start of each block and after the last, and the peaks beside the machine's description."""
    run = load_run(quick)
    looks = [{kernel: len(seconds) for kernel, seconds in block.sentinels.items()} for block in run.blocks]
    assert looks == [{"arithmetic": count, "memory": count} for count in (1, 1, 2)]
    assert [entry["threads"] for entry in run.machine["peaks"]] == run.plan["threads"]
    assert all(set(block.threads_seen) == set(block.order) for block in run.blocks)


@pytest.mark.slow
def test_your_own_csv(tmp_path):
    """A CSV that was not made for it: semicolons, a quoted header, missing values counted aloud."""
    rows = "\n".join(f"{i};{i % 7};{'' if i == 5 else i * 0.25};{3 * i + i % 7 - 4}" for i in range(40))
    (tmp_path / "my data.csv").write_text(f'"a";"b b";c;"the target"\n{rows}\n')
    code, _, err = unprobed(
        "run",
        "--quick",
        "--no-report",
        "--data",
        "my data.csv",
        "--target",
        "the target",
        "-b",
        "numba_jit",
        "--out",
        "run",
        cwd=tmp_path,
    )
    assert code == 0, err
    assert "dropped 1 of 40 rows with a missing value, kept 39" in err
    cell = next(cell for cell in load_run(tmp_path / "run").cells if cell.backend == "numba_jit")
    assert (cell.problem.name, cell.n_samples, cell.n_features, cell.problem.seed) == ("my data", 39, 4, None)
    assert "--data 'my data.csv' --target 'the target'" in cell.rerun
    code, _, err = unprobed("run", "--data", "my data.csv", "--target", "nothing", cwd=tmp_path)
    assert code == 2
    assert "--target: found 'nothing'; allowed: a column of my data.csv: a, b b, c, the target" in err


@pytest.mark.slow
def test_dtypes_and_threads_are_never_mixed(tmp_path):
    """Each dtype and each number of threads has its own cells; a cell that cannot be is skipped with the reason."""
    code, _, err = unprobed(
        "run",
        *SMALL,
        "-b",
        "python_loops",
        "--dtype",
        "float64",
        "float32",
        "--threads",
        "1",
        "--threads",
        "all",
        "--out",
        "run",
        cwd=tmp_path,
    )
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
def test_ctrl_c_keeps_what_is_finished(tmp_path):
    """SIGINT ends it with 130, the record holds the finished cells, and no child is left."""
    import psutil

    process = subprocess.Popen(
        [
            *UNPROBED,
            "run",
            "--full",
            "--no-report",
            "-b",
            "numpy_vectorized",
            "--size",
            "60x3",
            "500x4",
            "--out",
            "run",
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    journal = tmp_path / "run" / "journal.jsonl"
    give_up = time.monotonic() + 60
    while not (journal.exists() and journal.read_text().count("\n") >= 3):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    run = load_run(tmp_path / "run")
    assert any(cell.status == "interrupted" for cell in run.cells)
    assert any(sample for cell in run.cells for sample in cell.samples_s)
    assert not run.stable
    assert not any(child.is_running() for child in children)


@pytest.mark.slow
def test_an_ordinary_pytest_benchmark_session(tmp_path):
    """`pytest bench` runs the same cells for people who live in pytest."""
    import bench

    root = bench.__path__[0]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            root,
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "numpy_vectorized or numba_jit",
            "--benchmark-json",
            tmp_path / "raw.json",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},  # of pytest-xdist
        check=False,
    )
    assert done.returncode == 0, done.stdout
    names = [entry["name"] for entry in json.loads((tmp_path / "raw.json").read_text())["benchmarks"]]
    assert len(names) == 10
