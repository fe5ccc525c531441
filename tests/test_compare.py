"""Comparison of two runs: verdicts with evidence, reasons without it, exit codes, and baselines."""

import copy
import io
import json
import math
import re
import subprocess
import sys

import pytest
from helpers import sample_run
from helpers.command import gdbench_to_closed_pipe
from rich.console import Console
from test_report import Page

from bench import stats
from bench.analysis.compare import compare
from bench.records import ProblemId, Speedup, save_run
from bench.report import comparison_view, terminal

BACKENDS = {"numpy_vectorized": 1.0, "numba_jit": 0.6, "jax_jit": 0.8}
SIZES = (100, 1_000)
VERSIONS = frozenset({"versions"})
both_sides = pytest.mark.parametrize(("side", "name"), [(0, "BASE"), (1, "NEW")])


def make_run(scatter="new", slow=None, arithmetic=1e-3, memory=2e-3, blocks=10, threads=1, aa=None, **other):
    """Three backends on two sizes, with one A/A control per size, scattered by one percent.

    slow: factor on the times of a backend. arithmetic, memory: seconds of the sentinels. aa: interval of the A/A controls.
    """
    size = {"blocks": blocks, "scatter": scatter, "threads": threads}
    cells = [
        # The control has the factor of its backend: both are the same file.
        sample_run.cell(backend, n, unit * 1e-8 * n * (slow or {}).get(backend, 1.0), control=control, **size)
        for n in SIZES
        for backend, unit in BACKENDS.items()
        for control in ((False, True) if backend == "numpy_vectorized" else (False,))
    ]
    run = sample_run.run(cells, machine=copy.deepcopy(sample_run.MACHINE) | {"python": "CPython 3.11.7"})
    run.blocks = sample_run.sentinels(blocks, threads, arithmetic=arithmetic, memory=memory)
    for cell in run.cells if aa else ():
        if cell.control:
            cell.speedup = [Speedup("numpy_vectorized", 1.0, *aa)]
    for name, value in other.items():
        setattr(run, name, value)
    return run


BASE = make_run("base")


def cell_of(run, backend="numba_jit", n=1_000, control=False):
    """One cell of a run or of a comparison."""
    return next(c for c in run.cells if (c.backend, c.n_samples, getattr(c, "control", False)) == (backend, n, control))


def verdicts(comparison):
    return {(c.backend, c.n_samples): c.verdict for c in comparison.cells}


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def terminal_text(comparison, width=80):
    file = io.StringIO()
    terminal.write(comparison_view.report_of(comparison), Console(file=file, width=width))
    return file.getvalue()


# Verdicts


def test_equal_runs_are_unchanged():
    """Six cells without a change give exit 0. Each has ratio, interval, p, threshold and both medians."""
    comparison = compare(BASE, make_run())
    assert set(verdicts(comparison).values()) == {"unchanged"}
    assert (comparison.exit_code, comparison.differences, comparison.machine_changed) == (0, [], [])
    assert comparison.verdict == "No change beyond noise: 6 unchanged of 6 cells."
    for cell in comparison.cells:
        assert cell.ci_low <= cell.ratio <= cell.ci_high
        assert cell.ratio == pytest.approx(1, abs=0.02)
        assert (cell.measure, cell.detail) == ("time", None)
        assert 0 < cell.p <= cell.p_holm <= 1
        assert cell.threshold == pytest.approx(0.02)
        assert cell.new_median_s / cell.base_median_s == pytest.approx(cell.ratio, abs=0.02)


def test_run_is_unchanged_against_itself():
    """Equal samples give ratios of 1."""
    comparison = compare(BASE, BASE)
    assert {cell.ratio for cell in comparison.cells} == {1.0}
    assert comparison.exit_code == 0


@pytest.mark.parametrize(
    ("factor", "verdict", "code"), [(1.1, "slower", 5), (1 / 1.1, "faster", 0), (1.0, "unchanged", 0)]
)
def test_change_of_one_backend_is_detected(factor, verdict, code):
    """10 % on one backend changes its two cells and no other. Only slower is a regression."""
    comparison = compare(BASE, make_run(slow={"numba_jit": factor}))
    assert comparison.exit_code == code
    for (backend, _), actual in verdicts(comparison).items():
        assert actual == (verdict if backend == "numba_jit" else "unchanged")
    assert cell_of(comparison).ratio == pytest.approx(factor, rel=0.02)
    if verdict != "unchanged":
        assert comparison.verdict.startswith(f"{verdict.capitalize()} in NEW, beyond noise")
        assert f"2 {verdict} and 4 unchanged of 6 cells" in comparison.verdict
        assert "numba_jit at n = 1" in comparison.verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.015, "unchanged"), (1.05, "slower"), (1 / 1.015, "unchanged")])
def test_no_change_below_two_percent(factor, verdict):
    """A ratio of 1.5 % is unchanged even with a very small p and a narrow A/A interval."""
    base = make_run("base", aa=(0.999, 1.001))
    new = copy.deepcopy(base)
    # Both have nearly the same scatter, so p is as small as possible.
    cell_of(new).samples_s = [2e-4 * factor * (1 + 1e-4 * i) for i in range(10)]
    cell_of(base).samples_s = [2e-4 * (1 + 1e-4 * i + 1e-6) for i in range(10)]
    cell = cell_of(compare(base, new))
    assert cell.p < 1e-4
    assert cell.verdict == verdict


def test_change_needs_the_whole_interval_beyond_the_threshold():
    """A ratio above the threshold is no change if its interval begins below."""
    base, new = make_run("base"), make_run("base")
    cell_of(base).samples_s = [2e-4 * (1 + 0.005 * i) for i in range(10)]
    cell_of(new).samples_s = [2e-4 * 1.03 * (1 + 0.0051 * i) for i in range(10)]
    cell = cell_of(compare(base, new))
    assert cell.ratio > 1.02 > cell.ci_low > 1
    assert cell.p < 0.002
    assert cell.verdict == "unchanged"


@pytest.mark.parametrize("side", [0, 1])
def test_control_of_either_run_widens_the_threshold(side):
    """With an A/A interval of 0.9 to 1.12 in one run, 10 % is no change and 15 % is."""
    aa = {side: (0.9, 1.12)}
    for factor, verdict in ((1.1, "unchanged"), (1.15, "slower")):
        runs = make_run("base", aa=aa.get(0)), make_run(slow={"numba_jit": factor}, aa=aa.get(1))
        cell = cell_of(compare(*runs))
        assert cell.threshold == pytest.approx(math.sqrt(1.12 / 0.9) - 1)
        assert cell.verdict == verdict


def test_threshold_comes_from_the_control_of_the_same_size():
    """A wide control at one size does not change the verdict at the other."""
    new = make_run(slow={"numba_jit": 1.1})
    cell_of(new, "numpy_vectorized", 100, control=True).speedup = [Speedup("numpy_vectorized", 1.0, 0.5, 2.0)]
    comparison = compare(BASE, new)
    assert cell_of(comparison, n=100).verdict == "unchanged"
    assert cell_of(comparison, n=1_000).verdict == "slower"


@both_sides
@pytest.mark.parametrize("fault", ["absent", "no interval", "other dtype", "crashed"])
def test_cell_without_a_control_is_undecided(side, name, fault):
    """The cell has a ratio but no verdict. Cells at the other size are judged."""
    runs = [make_run("base"), make_run(slow={"numba_jit": 1.5})]
    control = cell_of(runs[side], "numpy_vectorized", control=True)
    match fault:
        case "absent":
            runs[side].cells.remove(control)
        case "no interval":
            control.speedup = [Speedup("numpy_vectorized", 1.0, None, None)]
        case "other dtype":
            control.dtype = "float32"
        case "crashed":
            control.status = "crashed"
    comparison = compare(*runs)
    cell = cell_of(comparison)
    assert (cell.verdict, cell.threshold, cell.p_holm) == ("undecided", None, None)
    assert cell.detail == f"{name} has no A/A control with an interval at this size"
    assert cell.ratio == pytest.approx(1.5, rel=0.02)
    assert cell_of(comparison, n=100).verdict == "slower"
    assert comparison.exit_code == 5
    assert compare(runs[side], runs[side]).exit_code == 4


def test_holm_correction_counts_the_judged_cells():
    """The smallest p is multiplied by the number of judged cells: six, or three if one size is undecided."""
    new = make_run(slow={"numba_jit": 1.5})
    comparison = compare(BASE, new)
    smallest = 2 / math.comb(20, 10)
    assert cell_of(comparison).p == pytest.approx(smallest)
    assert cell_of(comparison).p_holm == pytest.approx(6 * smallest)
    assert [c.p_holm for c in comparison.cells] == pytest.approx(stats.holm([c.p for c in comparison.cells]))
    new.cells.remove(cell_of(new, "numpy_vectorized", 100, control=True))
    assert cell_of(compare(BASE, new)).p_holm == pytest.approx(3 * smallest)


def test_holm_correction_can_remove_a_change():
    """A small p is no evidence among two hundred cells."""
    runs = []
    for factor in (1.0, 1.1):
        cells = []
        for n in range(100, 300):
            size = {"blocks": 10, "scatter": str(factor), "n_iter": 10}
            cells.append(sample_run.cell("numpy_vectorized", n, 1e-6 * (factor if n == 100 else 1), **size))
            cells.append(sample_run.cell("numpy_vectorized", n, 1e-6, control=True, **size))
        run = sample_run.run(cells)
        run.blocks = sample_run.sentinels(10, memory=1e-3)
        runs.append(run)
    comparison = compare(*runs)
    cell = cell_of(comparison, "numpy_vectorized", 100)
    assert cell.p < 0.002 < cell.p_holm
    assert cell.ci_low > 1 + cell.threshold
    assert cell.verdict == "unchanged"


@both_sides
def test_nine_processes_are_undecided(side, name):
    """The cells have ratio and interval, and the detail advises --full. Exit 4."""
    counts = [10, 10]
    counts[side] = 9
    runs = make_run("base", blocks=counts[0]), make_run(slow={"numba_jit": 1.5}, blocks=counts[1])
    comparison = compare(*runs)
    cell = cell_of(comparison)
    assert cell.verdict == "undecided"
    assert cell.detail == f"use --full: {name} has 9 processes, and 10 are needed"
    assert 1.4 < cell.ci_low < 1.5 < cell.ci_high < 1.6
    assert comparison.exit_code == 4
    assert set(verdicts(comparison).values()) == {"undecided"}


def test_three_processes_have_no_interval():
    """Two quick runs have ratios without intervals, and the same advice."""
    cell = cell_of(compare(make_run("base", blocks=3), make_run(blocks=3)))
    assert (cell.verdict, cell.ci_low, cell.ci_high, cell.p_holm) == ("undecided", None, None, None)
    assert cell.ratio == pytest.approx(1, abs=0.02)
    assert cell.detail == "use --full: BASE has 3 processes and NEW has 3 processes, and 10 are needed"


def test_blocks_without_a_sample_do_not_count():
    """Ten blocks of which one has no sample are nine processes."""
    new = make_run()
    cell_of(new).samples_s[3] = None
    assert cell_of(compare(BASE, new)).detail == "use --full: NEW has 9 processes, and 10 are needed"


# Unstable and interrupted runs


@both_sides
def test_unstable_run_is_undecided(side, name):
    """Cells have ratio and interval, and the detail has the run and its first reason. Exit 4."""
    runs = [make_run("base"), make_run(slow={"numba_jit": 2.0})]
    runs[side].stable, runs[side].reasons = False, ["A/A control failed at 100 x 10", "drift"]
    comparison = compare(*runs)
    assert set(verdicts(comparison).values()) == {"undecided"}
    assert comparison.exit_code == 4
    assert {c.detail for c in comparison.cells} == {f"{name} is unstable: A/A control failed at 100 x 10"}
    assert f"No verdict: 6 undecided of 6 cells; {name} is unstable: A/A control failed" in comparison.verdict
    assert cell_of(comparison).ci_low > 1.9
    assert all(c.p_holm is None for c in comparison.cells)
    runs[side].reasons = []
    assert cell_of(compare(*runs)).detail == f"{name} is unstable: no reason recorded"


def test_unstable_run_on_a_changed_machine_compares_times():
    """The cell of the baseline is undecided like the others."""
    new = make_run(memory=4e-3, stable=False, reasons=["drift"])
    comparison = compare(BASE, new)
    assert set(verdicts(comparison).values()) == {"undecided"}
    assert {c.measure for c in comparison.cells} == {"time"}


def test_interrupted_run_is_undecided():
    """One interrupted cell is enough, even if the run is stable."""
    new = make_run(slow={"numba_jit": 2.0})
    cell_of(new, "jax_jit").status = "interrupted"
    comparison = compare(BASE, new)
    assert {c.detail for c in comparison.cells} == {"NEW was interrupted"}
    assert comparison.exit_code == 4


def test_wrong_cell_counts_in_an_unstable_run():
    """A wrong cell gives exit 1, stable or not."""
    new = make_run(stable=False, reasons=["drift"])
    cell_of(new).status = "wrong"
    assert compare(BASE, new).exit_code == 1


# Differences of machine, software and plan


def make_changed_run(path, value):
    """A run with a slower numba_jit, whose machine differs at one place."""
    run = make_run(slow={"numba_jit": 1.5})
    target = run.machine
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return run


SOFTWARE = [
    (("versions", "numpy"), "2.5.0", "numpy 2.3.4 -> 2.5.0"),
    (("versions", "scipy"), "1.17", "scipy none -> 1.17"),
    (("versions", "numba"), None, "numba 0.62.1 -> none"),
    (("versions", "torch"), "2.3", "torch none -> 2.3"),
    (("python",), "CPython 3.12.0", "Python CPython 3.11.7 -> CPython 3.12.0"),
    (("environment",), {"OPENBLAS_CORETYPE": "Haswell"}, "settings none -> OPENBLAS_CORETYPE Haswell"),
    (("blas", 0, "version"), "0.3.31", "BLAS openblas 0.3.30 -> openblas 0.3.31"),
    (("blas", 0, "library"), "mkl", "BLAS openblas 0.3.30 -> mkl 0.3.30"),
]
HARDWARE = [
    (("cpu", "model"), "Other CPU", "processor Example CPU @ 2.50GHz -> Other CPU"),
    (("cpu", "architecture"), "arm64", "architecture x86_64 -> arm64"),
    (("cpu", "logical_cores"), 4, "processors 2 -> 4"),
    (("cpu", "vector_extensions"), ["neon"], "vector units avx2, fma -> neon"),
    (("virtual_machine",), False, "virtual machine yes -> no"),
    (("cpu", "kind"), "2 of 2", "kind of core none -> 2 of 2"),
    (("cpu_quota",), 1.5, "CPU quota none -> 1.5"),
    (("niceness",), 10, "niceness none -> 10"),
]
KERNEL = (("blas", 0, "kernel"), "Haswell", "BLAS kernel SkylakeX -> Haswell")


@pytest.mark.parametrize(
    ("path", "value", "text", "kinds"),
    [
        *((*case, {"versions"}) for case in SOFTWARE),
        *((*case, {"cpu"}) for case in HARDWARE),
        (*KERNEL, {"versions", "cpu"}),
    ],
    ids=lambda value: "/".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_other_machine_or_version_is_not_comparable(path, value, text, kinds):
    """The difference has both values and no cell is judged: exit 6. --across with its kind judges the cells and labels the verdict."""
    new = make_changed_run(path, value)
    comparison = compare(BASE, new)
    assert set(verdicts(comparison).values()) == {"not comparable"}
    assert comparison.exit_code == 6
    assert [(str(d), d.prevents_verdict) for d in comparison.differences] == [(text, True)]
    assert {(c.detail, c.ratio, c.p) for c in comparison.cells} == {(text, None, None)}
    assert text in comparison.verdict
    assert f"Difference: {text} (not comparable)" in terminal_text(comparison, 300)
    for kind in ("versions", "cpu"):
        comparison = compare(BASE, new, frozenset({kind}))
        if kind not in kinds:
            assert comparison.exit_code == 6
            continue
        assert comparison.exit_code == 5
        assert cell_of(comparison).verdict == "slower"
        assert {c.detail for c in comparison.cells} == {f"across {text}"}
        assert comparison.verdict.startswith(f"Slower in NEW, beyond noise, across {text}: 2 slower")
        assert [d.prevents_verdict for d in comparison.differences] == [False]


def test_variable_properties_of_the_machine_are_no_difference():
    """Load, peaks, warnings, memory, free threads, and versions of packages that no backend uses."""
    new = make_run(slow={"numba_jit": 1.5})
    new.machine |= {
        "load": 3.0,
        "peaks": {"read": [1.0]},
        "warnings": ["busy"],
        "memory_bytes": 1,
        "threads_available": 1,
    }
    new.machine["versions"] |= {"matplotlib": "9", "pytest": "9", "pytest-benchmark": "9"}
    comparison = compare(BASE, new)
    assert (comparison.exit_code, comparison.differences) == (5, [])


def test_other_gdbench_or_system_is_a_note():
    """Another gdbench, system or order seed blocks no verdict."""
    new = make_run(slow={"numba_jit": 1.5})
    new.machine |= {"gdbench": "9.9", "system": "Linux 7"}
    new.plan = new.plan | {"seed": 7}
    comparison = compare(BASE, new)
    assert comparison.exit_code == 5
    assert [(str(d), d.kind, d.prevents_verdict) for d in comparison.differences] == [
        ("gdbench none -> 9.9", "note", False),
        ("system Linux 6.1 -> Linux 7", "note", False),
    ]
    assert cell_of(comparison).detail is None
    assert "across" not in comparison.verdict
    assert "Difference: system Linux 6.1 -> Linux 7 (good to know)" in terminal_text(comparison)


def test_what_backends_use_is_compared_if_both_runs_have_it():
    """Another version of a library prevents a verdict. Another text of a backend or another commit is a note."""
    base, new = make_run(), make_run()
    base.machine |= {"sources": {"a": "1", "b": "1"}, "requires": {"a": {"x": "1", "y": "1"}, "b": {"x": "1"}}}
    new.machine |= {"sources": {"a": "2", "c": "1"}, "requires": {"a": {"x": "2", "y": "1"}}}
    base.machine |= {"commit": {"id": "f", "dirty": False}, "processors": {"1": [3]}}
    new.machine |= {"commit": {"id": "f", "dirty": True}, "processors": {"1": [2]}}
    assert [(str(d), d.kind, d.prevents_verdict) for d in compare(base, new).differences] == [
        ("commit dirty no -> dirty yes", "note", False),
        ("processors of workers 1 3 -> 1 2", "note", False),
        ("libraries of a x 1 -> x 2", "versions", True),
        ("text of a 1 -> 2", "note", False),
    ]
    assert compare(make_run(), new).differences == []


def test_two_kinds_of_difference_need_two_options():
    """With another processor and another NumPy, --across versions alone still gives exit 6."""
    new = make_changed_run(("cpu", "model"), "Other CPU")
    new.machine["versions"]["numpy"] = "2.5.0"
    assert compare(BASE, new, VERSIONS).exit_code == 6
    assert cell_of(compare(BASE, new, VERSIONS)).detail == "processor Example CPU @ 2.50GHz -> Other CPU"
    comparison = compare(BASE, new, frozenset({"versions", "cpu"}))
    assert comparison.exit_code == 5
    assert cell_of(comparison).detail == "across numpy 2.3.4 -> 2.5.0 and processor Example CPU @ 2.50GHz -> Other CPU"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("n_iter", 500, "iterations at n = 1\u00a0000, d = 10 200 -> 500"),
        (
            "problem",
            ProblemId("synthetic", "e" * 16, 0),
            f"data digest at n = 1\u00a0000, d = 10 {1_000:016x} -> {'e' * 16}",
        ),
    ],
)
def test_other_iterations_or_data_are_not_comparable(field, value, text):
    """They block their own cells only, with any --across. Other cells are judged. Exit 6."""
    new = make_run()
    for cell in new.cells:
        if cell.n_samples == 1_000:
            setattr(cell, field, value)
    for across in (frozenset(), frozenset({"versions", "cpu"})):
        comparison = compare(BASE, new, across)
        assert comparison.exit_code == 6
        for (_, n), verdict in verdicts(comparison).items():
            assert verdict == ("not comparable" if n == 1_000 else "unchanged")
        assert cell_of(comparison).detail == text
        assert [(str(d), d.kind) for d in comparison.differences] == [(text, "plan")]
        assert text in comparison.verdict


def test_other_data_seed_is_no_difference():
    """The digest identifies the data, not the seed."""
    new = make_run()
    for cell in new.cells:
        cell.problem = ProblemId("synthetic", cell.problem.digest, None)
    assert compare(BASE, new).exit_code == 0


# Missing cells and cells without time


def test_runs_with_other_threads_share_no_cell():
    """Each cell is missing on one side, and the difference has both numbers of threads. Exit 6."""
    comparison = compare(BASE, make_run(threads=2))
    assert comparison.judged["missing"] == len(comparison.cells) == 12
    assert [str(d) for d in comparison.differences] == ["threads 1 -> 2"]
    assert {(c.threads, c.detail) for c in comparison.cells} == {(1, "NEW: absent"), (2, "BASE: absent")}
    assert comparison.exit_code == 6


def test_a_problem_of_one_run_has_one_row_and_one_reason():
    """Each size that one run lacks is one row of the table, and one line says why."""
    other = make_run()
    for cell in other.cells:
        cell.n_samples *= 20 if cell.n_samples == 1_000 else 1
    lines = terminal_text(compare(BASE, other)).replace("\xa0", " ").splitlines()
    start = next(number for number, line in enumerate(lines) if "NEW / BASE" in line)
    table = [line.split() for line in lines[start + 2 : start + 8]]
    assert [row[0] for row in table] == ["n", "numpy_vectorized", "numba_jit", "jax_jit", "n", "n"]
    assert [row[-1] for row in table[4:]] == ["missing", "missing"]
    assert [line for line in lines if line.startswith("missing: ")] == [
        "missing: NEW: absent: every backend at n = 1 000, d = 10",
        "missing: BASE: absent: every backend at n = 20 000, d = 10",
    ]


@both_sides
def test_missing_backend_gives_exit_6(side, name):
    """The missing cells name the run that lacks them. The other cells are judged."""
    runs = [make_run("base"), make_run()]
    runs[side].cells = [c for c in runs[side].cells if c.backend != "jax_jit"]
    comparison = compare(*runs)
    cell = cell_of(comparison, "jax_jit")
    assert (cell.verdict, cell.detail) == ("missing", f"{name}: absent")
    assert cell_of(comparison).verdict == "unchanged"
    assert comparison.exit_code == 6
    assert comparison.verdict.startswith("Cells are missing: 4 unchanged and 2 missing of 6 cells; jax_jit at n = 100")
    assert f"missing: {name}: absent: jax_jit at n = 100, d = 10" in terminal_text(comparison)


def set_status(run, status, detail=None):
    """Set the status of jax_jit at n = 1000, and remove its times."""
    cell = cell_of(run, "jax_jit")
    cell.status, cell.detail, cell.samples_s, cell.median_s, cell.speedup = status, detail, [], None, []
    return run


@pytest.mark.parametrize(
    ("base", "new", "verdict", "detail", "code"),
    [
        ("ok", "skipped", "missing", "NEW: skipped: would take too long", 6),
        ("ok", "unavailable", "missing", "NEW: unavailable: would take too long", 6),
        ("skipped", "ok", "missing", "BASE: skipped: would take too long", 6),
        ("wrong", "ok", "missing", "BASE: wrong: would take too long", 6),
        ("crashed", "ok", "missing", "BASE: crashed: would take too long", 6),
        ("skipped", "skipped", "not measured", "skipped: would take too long, in both runs", 0),
        ("crashed", "unavailable", "not measured", "BASE: crashed: would take too long; NEW: unavailable: would take too long", 0),
        ("ok", "wrong", "wrong", "wrong: would take too long", 1),
        ("wrong", "wrong", "wrong", "wrong: would take too long", 1),
        ("skipped", "wrong", "wrong", "wrong: would take too long", 1),
        ("ok", "failed", "failed", "failed: would take too long", 3),
        ("ok", "crashed", "failed", "crashed: would take too long", 3),
        ("ok", "timeout", "failed", "timeout: would take too long", 3),
        ("ok", "out_of_memory", "failed", "out of memory: would take too long", 3),
        ("crashed", "crashed", "failed", "crashed: would take too long", 3),
    ],
)  # fmt: skip
def test_verdict_on_a_cell_without_time(base, new, verdict, detail, code):
    """Each pair of statuses has a verdict, a reason and an exit code. The other cells are judged."""
    runs = [make_run("base"), make_run()]
    for run, status in zip(runs, (base, new), strict=True):
        if status != "ok":
            set_status(run, status, "would take too long")
    comparison = compare(*runs)
    cell = cell_of(comparison, "jax_jit")
    assert (cell.verdict, cell.detail, comparison.exit_code) == (verdict, detail, code)
    assert (cell.ratio, cell.measure) == (None, None)
    assert (cell.base_median_s is None, cell.new_median_s is None) == (base != "ok", new != "ok")
    assert comparison.judged["unchanged"] == 5


def test_samples_of_a_wrong_cell_are_no_time():
    """A wrong cell is not compared, whichever run it is in."""
    for runs in ([make_run("base"), make_run()], [make_run(), make_run("base")]):
        cell_of(runs[0]).status = "wrong"
        cell = cell_of(compare(*runs))
        assert (cell.verdict, cell.ratio, cell.base_median_s) == ("missing", None, None)


def test_runs_without_times_give_exit_4():
    """Without a judged cell there is no verdict."""
    comparison = compare(sample_run.empty(), sample_run.empty())
    assert (comparison.exit_code, comparison.verdict) == (4, "No verdict: neither run holds a cell.")
    runs = make_run("base"), make_run()
    for cell in runs[0].cells + runs[1].cells:
        cell.status, cell.samples_s = "skipped", []
    assert compare(*runs).exit_code == 4


# Changed machines


@pytest.mark.parametrize(("kernel", "factor", "text"), [
    ("memory", 1.4, "memory 1.40× slower"), ("arithmetic", 1 / 1.25, "arithmetic 1.25× faster"),
])  # fmt: skip
def test_changed_machine_compares_speedups(kernel, factor, text):
    """If the sentinels changed, the cells of the baseline are withheld and the others are judged by their speed-ups."""
    slow = dict.fromkeys(BACKENDS, factor) | {"numba_jit": 1.2 * factor}
    seconds = {"arithmetic": 1e-3, "memory": 2e-3}
    new = make_run(slow=slow, **{kernel: seconds[kernel] * factor})
    comparison = compare(BASE, new)
    for n in SIZES:
        base = cell_of(comparison, "numpy_vectorized", n)
        assert (base.verdict, base.detail, base.ratio) == ("withheld", f"the machine changed: {text}", None)
        slower = cell_of(comparison, "numba_jit", n)
        assert (slower.verdict, slower.measure) == ("slower", "speedup")
        assert slower.detail == f"by its speed-up over numpy_vectorized, because the machine changed: {text}"
        assert slower.ratio == pytest.approx(1.2, rel=0.02)
        assert cell_of(comparison, "jax_jit", n).verdict == "unchanged"
    assert [(m.threads, m.sentinel) for m in comparison.machine_changed] == [(1, kernel)]
    assert comparison.machine_changed[0].ratio == pytest.approx(factor)
    assert comparison.exit_code == 5
    assert f"the machine changed: {text}" in terminal_text(comparison).replace("\n", " ")


def test_speedups_are_paired_by_block():
    """Drift common to all backends of a block does not change the interval."""
    steady = compare(BASE, make_run(memory=4e-3))
    new = make_run(memory=4e-3)
    for cell in new.cells:
        cell.samples_s = [sample * 1.3**block for block, sample in enumerate(cell.samples_s)]
    drifted = compare(BASE, new)
    for cells in zip(drifted.cells, steady.cells, strict=True):
        actual, expected = ((c.ratio, c.ci_low, c.ci_high) for c in cells)
        assert actual == pytest.approx(expected)


def test_blocks_without_both_samples_are_left_out():
    """A block in which the backend or the baseline has no sample is no pair."""
    new = make_run(memory=4e-3)
    cell_of(new, "numpy_vectorized").samples_s[0] = None
    cell_of(new).samples_s[9] = None
    assert cell_of(compare(BASE, new)).detail == "use --full: NEW has 8 processes, and 10 are needed"
    cell_of(new, "numpy_vectorized").samples_s.pop()
    assert "no time beside this one" in cell_of(compare(BASE, new)).detail


def test_small_change_of_a_sentinel_is_no_changed_machine():
    """1.5 % is no changed machine. 8 % is one, except where the A/A threshold is 10 %."""
    assert compare(BASE, make_run(memory=2e-3 * 1.015)).machine_changed == []
    wide = make_run(memory=2e-3 * 1.08, aa=(0.9, 1.1))
    assert cell_of(compare(BASE, wide)).measure == "time"
    cell_of(wide, "numpy_vectorized", 100, control=True).speedup = [Speedup("numpy_vectorized", 1.0, 0.99, 1.01)]
    comparison = compare(BASE, wide)
    assert (cell_of(comparison, n=100).measure, cell_of(comparison).measure) == ("speedup", "time")


def test_sentinels_apply_to_their_number_of_threads():
    """A machine that changed with two threads is unchanged with one."""
    runs = []
    for scatter, memory in (("base", 2e-3), ("new", 4e-3)):
        run = make_run(scatter)
        two = make_run(scatter, threads=2, memory=memory)
        run.cells, run.blocks = run.cells + two.cells, run.blocks + two.blocks
        runs.append(run)
    comparison = compare(*runs)
    assert {(c.threads, c.verdict) for c in comparison.cells if c.backend == "numpy_vectorized"} == {
        (1, "unchanged"),
        (2, "withheld"),
    }
    assert [m.threads for m in comparison.machine_changed] == [2]
    assert comparison.exit_code == 0


@pytest.mark.parametrize("missing", [(0,), (1,), (0, 1)])
def test_without_sentinels_speedups_are_compared(missing):
    """Without sentinels a change of the machine is unknown, and the cell says why it was judged by its speed-up."""
    runs = make_run("base"), make_run(slow={"numba_jit": 1.2})
    for side in missing:
        runs[side].blocks = sample_run.sentinels(10)
    comparison = compare(*runs)
    assert (cell_of(comparison).verdict, cell_of(comparison).measure) == ("slower", "speedup")
    assert "it is not known whether the machine changed: a run has no sentinels" in cell_of(comparison).detail
    assert cell_of(comparison, "numpy_vectorized").verdict == "withheld"
    assert [(m.sentinel, m.ratio) for m in comparison.machine_changed] == [(None, None)]
    runs[1].blocks = BASE.blocks
    runs[0].blocks = sample_run.sentinels(10, arithmetic=1e-3)
    assert compare(*runs).machine_changed


def test_withheld_baseline_is_no_error():
    """Beside a judged cell it gives exit 0. If all cells are withheld, exit 4."""
    new = make_run(memory=4e-3)
    assert compare(BASE, new).exit_code == 0
    runs = []
    for run in (make_run("base"), new):
        run.cells = [c for c in run.cells if c.backend == "numpy_vectorized"]
        runs.append(run)
    comparison = compare(*runs)
    assert set(verdicts(comparison).values()) == {"withheld"}
    assert comparison.exit_code == 4
    assert comparison.verdict == "No verdict: 2 withheld of 2 cells; the machine changed: memory 2.00× slower."


def test_across_cpu_compares_times():
    """--across cpu judges times on another processor. On the same processor it has no effect."""
    new = make_changed_run(("cpu", "model"), "Other CPU")
    new.blocks = sample_run.sentinels(10, arithmetic=3e-3, memory=5e-3)
    comparison = compare(BASE, new, frozenset({"cpu"}))
    assert {c.measure for c in comparison.cells} == {"time"}
    assert comparison.machine_changed == []
    same = compare(BASE, make_run(memory=4e-3), frozenset({"cpu"}))
    assert cell_of(same).measure == "speedup"


# Precedence of exit codes


def test_precedence_of_exit_codes():
    """1 before 3 before 5 before 6 before 4."""
    new = make_run(slow={"numba_jit": 1.5})
    cell_of(new, "jax_jit", 100).status = "wrong"
    set_status(new, "crashed")
    base = make_run("base")
    base.cells.remove(cell_of(base, "numpy_vectorized", 100))
    cell_of(base, "numpy_vectorized", 1_000, control=True).speedup = []
    steps = [
        (1, lambda: setattr(cell_of(new, "jax_jit", 100), "status", "ok")),
        (3, lambda: new.cells.remove(cell_of(new, "jax_jit"))),
        (5, lambda: setattr(cell_of(new, "numba_jit", 100), "samples_s", cell_of(base, "numba_jit", 100).samples_s)),
        (6, lambda: new.cells.remove(cell_of(new, "numpy_vectorized", 100))),
        (6, lambda: base.cells.remove(cell_of(base, "jax_jit"))),
        (4, None),
    ]
    for code, step in steps:
        assert compare(base, new).exit_code == code
        if step:
            step()


# Documents


def test_json_document(main, tmp_path):
    """It has exactly these keys, and numbers that are finite or null."""
    save_run(tmp_path, BASE)
    (tmp_path / "new").mkdir()
    new = set_status(make_run(slow={"numba_jit": 1.5}), "skipped", "too long")
    # No clock gives such times, but a file may contain them.
    cell_of(new, "jax_jit", 100).samples_s = [1e300] * 10
    save_run(tmp_path / "new", new)
    code, out, err = main("compare", tmp_path, "new/run.json", "--json", cwd=tmp_path)
    assert (code, err) == (5, "")
    document = json.loads(out, parse_constant=pytest.fail)
    assert set(document) == {
        "base", "new", "exit_code", "verdict", "judged", "machine_changed", "differences", "cells"
    }  # fmt: skip
    assert (document["base"], document["new"], document["exit_code"]) == (str(tmp_path), "new/run.json", 5)
    assert sum(document["judged"].values()) == len(document["cells"]) == 6
    assert {tuple(cell) for cell in document["cells"]} == {(
        "backend", "problem", "n_samples", "n_features", "dtype", "threads", "verdict", "measure", "ratio", "ci_low",
        "ci_high", "p", "p_holm", "threshold", "base_median_s", "new_median_s", "detail",
    )}  # fmt: skip


def test_ratio_beyond_the_range_of_floats_is_none():
    """Times of 1e300 s and 1e-300 s have a verdict but no ratio, and can be written."""
    base, new = make_run("base"), make_run()
    cell_of(base).samples_s = [1e-300 * (1 + i / 100) for i in range(10)]
    cell_of(new).samples_s = [1e300 * (1 + i / 1000) for i in range(10)]
    comparison = compare(base, new)
    assert (cell_of(comparison).ratio, cell_of(comparison).verdict) == (None, "slower")
    assert "0.000" not in terminal_text(comparison)
    comparison_view.html(comparison)
    cell_of(new, "numpy_vectorized", control=True).speedup = [Speedup("numpy_vectorized", 1.0, 5e-324, 1.7e308)]
    cell_of(base).samples_s = [10.0 ** (60 * i - 310) for i in range(10)]
    cell_of(new).samples_s = [10.0 ** (60 * i - 311) for i in range(10)]
    comparison = compare(base, new)
    assert cell_of(comparison).verdict == "unchanged"
    assert math.isfinite(cell_of(comparison).threshold)
    assert "could hide" in terminal_text(comparison).replace("\n", " ")


def test_terminal_output():
    """The verdict is first, then the differences, then each cell below its problem, in 80 columns."""
    new = make_changed_run(("versions", "numpy"), "2.5.0")
    comparison = compare(BASE, new, VERSIONS)
    lines = terminal_text(comparison).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Slower in NEW, beyond noise, across numpy 2.3.4 -> 2.5.0: 2 slower")
    assert "Difference: numpy 2.3.4 -> 2.5.0 (allowed by --across versions)" in lines
    row = next(line for line in lines if line.startswith("  numba_jit"))
    assert re.search(r"1\.5\d× \[1\.\d\d, 1\.\d\d\] +6\.50e-05 +2\.\d\d % +slower", row)
    assert lines.index("n = 100, d = 10".ljust(len(row))) < lines.index(row)
    assert "\x1b" not in terminal_text(comparison)


def test_unchanged_names_the_largest_hidden_change():
    """It is the widest interval of an unchanged cell. Changed cells do not count."""
    comparison = compare(BASE, make_run(slow={"numba_jit": 1.5}))
    ends = [end for c in comparison.cells if c.verdict == "unchanged" for end in (1 / c.ci_low, c.ci_high)]
    match = re.search(r"one of (\S+) % could hide", terminal_text(comparison).replace("\n", " "))
    assert float(match[1]) == pytest.approx(100 * (max(ends) - 1), rel=0.01)
    assert comparison_view.hidden(compare(BASE, make_run(stable=False))) is None


def test_page_is_one_file_with_all_facts():
    """Verdict, differences, cells and reasons, with one script and without addresses or handlers."""
    new = set_status(make_changed_run(("versions", "numpy"), "2.5.0"), "skipped", "too long")
    comparison = compare(BASE, new, VERSIONS)
    source = comparison_view.html(comparison)
    page = Page(source)
    assert page.loads == page.handlers == []
    assert not {"img", "link"} & set(page.tags)
    assert page.tags.count("script") == 1
    words = re.sub(r"[ \n]+", " ", page.words)
    facts = ("numpy", "2.5.0", "slower", "allowed by --across versions", "NEW: skipped: too long")
    for fact in (comparison.verdict, *facts):
        assert fact in words
    assert page.tags.count("tr") == 2 + 1 + 6
    assert not re.search(r"url\(|@import", source)


def test_hostile_names_are_text():
    """Backends, problems, settings and paths with markup or control codes are text."""
    runs = []
    for scatter in ("a", "b"):
        cells = [
            sample_run.cell(name, 100, 1e-6, blocks=10, scatter=scatter, detail=name) for name in sample_run.HOSTILE
        ]
        cells += [sample_run.cell(name, 200, status="crashed", detail=f"{name} </td>") for name in sample_run.HOSTILE]
        machine = {"versions": {"<b>": scatter, "x": {"<i>": scatter}}, "cpu": ["<u>"], "blas": ["<script>", {}]}
        runs.append(sample_run.run(cells, machine=machine))
    comparison = compare(runs[0], runs[1], VERSIONS, ("\x1b[31m<script>base", "\x1b[31mnew"))
    source = comparison_view.html(comparison)
    page = Page(source)
    assert not {"b", "i", "u"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert "<script>alert(1)</script>" in page.words
    for text in (source, terminal_text(comparison)):
        assert "\x1b" not in text
    assert max(map(len, terminal_text(comparison).splitlines())) <= 80


# Command line


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with saved runs under gdbench-results/baselines."""
    folder = tmp_path_factory.mktemp("runs")
    wrong, failed, unstable = make_run(), make_run(), make_run(stable=False, reasons=["drift"])
    cell_of(wrong).status = "wrong"
    cell_of(failed).status = "crashed"
    kinds = {
        "base": BASE, "same": make_run(), "slow": make_run(slow={"numba_jit": 1.5}), "wrong": wrong, "failed": failed,
        "unstable": unstable, "versions": make_changed_run(("versions", "numpy"), "2.5.0"), "cpu": make_changed_run(("cpu", "model"), "Z"),
    }  # fmt: skip
    for name, run in kinds.items():
        (folder / "gdbench-results" / "baselines" / name).mkdir(parents=True)
        save_run(folder / "gdbench-results" / "baselines" / name, run)
    return folder


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["base", "same"], 0),
        (["slow", "base"], 0),
        (["base", "wrong"], 1),
        (["base", "failed"], 3),
        (["base", "unstable"], 4),
        (["base", "slow"], 5),
        (["base", "versions"], 6),
        (["base", "versions", "--across", "versions"], 5),
        (["base", "cpu", "--across", "versions"], 6),
        (["base", "cpu", "--across", "versions", "--across", "cpu"], 5),
        (["--across", "versions", "base", "versions"], 5),
        (["gdbench-results/baselines/base", "gdbench-results/baselines/slow/run.json"], 5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_code_of_compare(main, runs, arguments, expected):
    """Runs can be names of saved runs, folders or files."""
    code, out, err = main("compare", *arguments, cwd=runs)
    assert (code, err) == (expected, "")
    assert f"exit code {expected}" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        (["base"], 2, "NEW"),
        (["base", "same", "slow"], 2, "slow"),
        (["base", "same", "--across", "moon"], 2, "--across: found 'moon'; allowed: versions, cpu"),
        (["base", "same", "--across"], 2, "across"),
        (["base", "same", "--html", "no/such/folder.html"], 2, "--html: found 'no/such/folder.html', which cannot be written"),
        (["base", "same", "--html", "gdbench-results"], 2, "--html: found 'gdbench-results', which cannot be written"),
        (["base", "nothing"], 6, "nothing: found no run.json; allowed: the folder of a run, its run.json, or the name"),
        (["base", "../base"], 6, "../base: found no run.json"),
        (["base", "x" * 5000], 6, "cannot be read as a run"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)  # fmt: skip
def test_bad_arguments_give_one_line(main, runs, arguments, expected, text):
    """Standard error has one line, and no file is written."""
    before = sorted(runs.rglob("*"))
    code, out, err = main("compare", *arguments, cwd=runs)
    assert (code, out) == (expected, "")
    assert text in err
    assert err.count("\n") == 1
    assert sorted(runs.rglob("*")) == before


def test_html_option_writes_one_page(main, runs, tmp_path):
    """--html writes one file, prints its path, and keeps the exit code."""
    code, out, err = main("compare", "base", "slow", "--html", tmp_path / "page.html", cwd=runs)
    assert (code, err) == (5, "")
    assert f"report: {tmp_path / 'page.html'}" in out.replace("\n", "").replace("report:/", "report: /")
    assert "Slower in NEW" in Page((tmp_path / "page.html").read_text("utf-8")).words
    assert names_in(tmp_path) == ["page.html"]


def test_closed_pipe_does_not_change_the_exit_code(runs):
    """`gdbench compare … | head -1` exits with 5."""
    assert gdbench_to_closed_pipe("compare", "base", "slow", cwd=runs) == (5, "")


def test_compare_imports_no_heavy_library(runs):
    """compare imports neither Matplotlib, JAX nor Numba, and Jinja2 only for a page."""
    code = (
        "import sys; sys.argv = ['gdbench', 'compare', 'base', 'same'];"
        "from bench.cli import app; app(sys.argv[1:]);"
        "print('loaded', sorted({'matplotlib', 'jinja2', 'jax', 'numba'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=runs, capture_output=True, text=True, check=True)
    assert process.stdout.endswith("loaded []\n")
