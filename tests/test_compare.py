"""Two saved runs compared: a verdict where there is evidence, a reason where there is none, and never a false one."""

import copy
import io
import json
import math
import re
import sys

import pytest
from helpers import sample_run
from rich.console import Console
from test_report import Page

from bench import stats
from bench.analysis.compare import compare
from bench.records import ProblemId, Speedup, save_run
from bench.report import comparison_view, terminal

BACKENDS = {"numpy_vectorized": 1.0, "numba_jit": 0.6, "jax_jit": 0.8}
SIZES = (100, 1_000)
VERSIONS = frozenset({"versions"})


def a_run(scatter="new", slow=None, arithmetic=1e-3, memory=2e-3, blocks=10, threads=1, twin=None, **other):
    """Three backends on two sizes in ten blocks, each beside its A/A control, scattered by a percent.

    slow: factor on the times of a backend. twin: the ends of the A/A intervals. Sentinels of None are not there.
    """
    size = {"blocks": blocks, "scatter": scatter, "threads": threads}
    cells = [
        # The control shares the factor of its twin, for both are one file.
        sample_run.cell(backend, n, unit * 1e-8 * n * (slow or {}).get(backend, 1.0), control=control, **size)
        for n in SIZES
        for backend, unit in BACKENDS.items()
        for control in ((False, True) if backend == "numpy_vectorized" else (False,))
    ]
    run = sample_run.run(cells, machine=copy.deepcopy(sample_run.MACHINE) | {"python": "CPython 3.11.7"})
    kernels = {"arithmetic": arithmetic, "memory": memory}
    kernels = {kernel: seconds for kernel, seconds in kernels.items() if seconds is not None}
    run.blocks = sample_run.sentinels(blocks, threads, **kernels)
    for cell in run.cells if twin else ():
        if cell.control:
            cell.speedup = [Speedup("numpy_vectorized", 1.0, *twin)]
    for name, value in other.items():
        setattr(run, name, value)
    return run


BASE = a_run("base")


def the_cell(run, backend="numba_jit", n=1_000, control=False):
    """One cell of a run, or of a comparison."""
    return next(c for c in run.cells if (c.backend, c.n_samples, getattr(c, "control", False)) == (backend, n, control))


def verdicts(found):
    return {(c.backend, c.n_samples): c.verdict for c in found.cells}


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def shown(found, width=80):
    file = io.StringIO()
    terminal.write(comparison_view.report_of(found), Console(file=file, width=width))
    return file.getvalue()


# Verdicts


def test_two_runs_of_the_same_are_unchanged():
    """Six cells, no change, exit 0; every cell shows ratio, interval, p, threshold and both medians."""
    found = compare(BASE, a_run())
    assert set(verdicts(found).values()) == {"unchanged"}
    assert (found.exit_code, found.differences, found.machine_changed) == (0, [], [])
    assert found.verdict == "No change beyond noise: 6 unchanged of 6 cells."
    for cell in found.cells:
        assert cell.ci_low <= cell.ratio <= cell.ci_high
        assert cell.ratio == pytest.approx(1, abs=0.02)
        assert (cell.measure, cell.detail) == ("time", None)
        assert 0 < cell.p <= cell.p_holm <= 1
        assert cell.threshold == pytest.approx(0.02)
        assert cell.new_median_s / cell.base_median_s == pytest.approx(cell.ratio, abs=0.02)


def test_a_run_compared_with_itself():
    """Equal samples are no error: all ratios are 1, and nothing changed."""
    found = compare(BASE, BASE)
    assert {cell.ratio for cell in found.cells} == {1.0}
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("factor", "verdict", "code"), [(1.1, "slower", 5), (1 / 1.1, "faster", 0), (1.0, "unchanged", 0)]
)
def test_a_change_is_found_where_it_is(factor, verdict, code):
    """10 % on one backend is told of its two cells and of no other; only slower is a regression."""
    found = compare(BASE, a_run(slow={"numba_jit": factor}))
    assert found.exit_code == code
    for (backend, _), told in verdicts(found).items():
        assert told == (verdict if backend == "numba_jit" else "unchanged")
    assert the_cell(found).ratio == pytest.approx(factor, rel=0.02)
    if verdict != "unchanged":
        assert found.verdict.startswith(f"{verdict.capitalize()} in NEW, beyond noise")
        assert f"2 {verdict} and 4 unchanged of 6 cells" in found.verdict
        assert "numba_jit at n = 1" in found.verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.015, "unchanged"), (1.05, "slower"), (1 / 1.015, "unchanged")])
def test_no_change_below_two_percent(factor, verdict):
    """1.5 % is no change however sure it is, with an A/A control that would see it."""
    twin = (0.999, 1.001)
    base = a_run("base", twin=twin)
    new = copy.deepcopy(base)
    cell = the_cell(new)
    # The scatter of both is the same but for a ten-thousandth, so that p is as small as it can be.
    cell.samples_s = [2e-4 * factor * (1 + 1e-4 * i) for i in range(10)]
    the_cell(base).samples_s = [2e-4 * (1 + 1e-4 * i + 1e-6) for i in range(10)]
    found = the_cell(compare(base, new))
    assert found.p < 1e-4
    assert found.verdict == verdict


def test_the_whole_interval_must_lie_beyond():
    """A ratio above the threshold whose interval reaches back below it is no change."""
    base, new = a_run("base"), a_run("base")
    the_cell(base).samples_s = [2e-4 * (1 + 0.005 * i) for i in range(10)]
    the_cell(new).samples_s = [2e-4 * 1.03 * (1 + 0.0051 * i) for i in range(10)]
    found = the_cell(compare(base, new))
    assert found.ratio > 1.02 > found.ci_low > 1
    assert found.p < 0.002
    assert found.verdict == "unchanged"


@pytest.mark.parametrize("side", [0, 1])
def test_the_control_of_either_run_widens_the_threshold(side):
    """A/A intervals of 0.9 to 1.12 in one run: half their width, on the scale of logarithms, hides 10 % and not 15 %."""
    twin = {side: (0.9, 1.12)}
    for factor, verdict in ((1.1, "unchanged"), (1.15, "slower")):
        runs = a_run("base", twin=twin.get(0)), a_run(slow={"numba_jit": factor}, twin=twin.get(1))
        found = the_cell(compare(*runs))
        assert found.threshold == pytest.approx(math.sqrt(1.12 / 0.9) - 1)
        assert found.verdict == verdict


def test_the_control_is_the_one_of_the_same_size():
    """A wide control at another size, dtype or number of threads, or of another problem, takes nothing away."""
    new = a_run(slow={"numba_jit": 1.1})
    the_cell(new, "numpy_vectorized", 100, control=True).speedup = [Speedup("numpy_vectorized", 1.0, 0.5, 2.0)]
    found = compare(BASE, new)
    assert the_cell(found, n=100).verdict == "unchanged"
    assert the_cell(found, n=1_000).verdict == "slower"


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("how", ["absent", "no interval", "other dtype", "crashed"])
def test_without_a_control_nothing_is_judged(side, how):
    """At a size whose A/A control shows nothing, the ratio is printed and the verdict is undecided; others are judged."""
    runs = [a_run("base"), a_run(slow={"numba_jit": 1.5})]
    control = the_cell(runs[side], "numpy_vectorized", control=True)
    match how:
        case "absent":
            runs[side].cells.remove(control)
        case "no interval":
            control.speedup = [Speedup("numpy_vectorized", 1.0, None, None)]
        case "other dtype":
            control.dtype = "float32"
        case "crashed":
            control.status = "crashed"
    found = compare(*runs)
    cell = the_cell(found)
    assert (cell.verdict, cell.threshold, cell.p_holm) == ("undecided", None, None)
    assert cell.detail == f"{('BASE', 'NEW')[side]} has no A/A control with an interval at this size"
    assert cell.ratio == pytest.approx(1.5, rel=0.02)
    assert the_cell(found, n=100).verdict == "slower"
    assert found.exit_code == 5
    assert compare(runs[side], runs[side]).exit_code == 4


def test_holm_counts_the_judged_cells_alone():
    """p of the worst cell is multiplied by the number of judged cells: six here, and three where a size is undecided."""
    new = a_run(slow={"numba_jit": 1.5})
    found = compare(BASE, new)
    smallest = 2 / math.comb(20, 10)
    assert the_cell(found).p == pytest.approx(smallest)
    assert the_cell(found).p_holm == pytest.approx(6 * smallest)
    assert [c.p_holm for c in found.cells] == pytest.approx(stats.holm([c.p for c in found.cells]))
    new.cells.remove(the_cell(new, "numpy_vectorized", 100, control=True))
    assert the_cell(compare(BASE, new)).p_holm == pytest.approx(3 * smallest)


def test_many_cells_ask_for_more():
    """A p that is small enough alone is not among two hundred cells."""
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
    found = compare(*runs)
    cell = the_cell(found, "numpy_vectorized", 100)
    assert cell.p < 0.002 < cell.p_holm
    assert cell.ci_low > 1 + cell.threshold
    assert cell.verdict == "unchanged"


@pytest.mark.parametrize("side", [0, 1])
def test_fewer_than_ten_processes_decide_nothing(side):
    """Nine show the ratio and its interval, and ask for --full: exit 4."""
    counts = [10, 10]
    counts[side] = 9
    runs = a_run("base", blocks=counts[0]), a_run(slow={"numba_jit": 1.5}, blocks=counts[1])
    found = compare(*runs)
    cell = the_cell(found)
    assert cell.verdict == "undecided"
    assert cell.detail == f"use --full: {('BASE', 'NEW')[side]} has 9 processes, and 10 are needed"
    assert 1.4 < cell.ci_low < 1.5 < cell.ci_high < 1.6
    assert found.exit_code == 4
    assert set(verdicts(found).values()) == {"undecided"}


def test_three_processes_have_no_interval():
    """Two quick runs show a ratio without brackets, and the same advice."""
    cell = the_cell(compare(a_run("base", blocks=3), a_run(blocks=3)))
    assert (cell.verdict, cell.ci_low, cell.ci_high, cell.p_holm) == ("undecided", None, None, None)
    assert cell.ratio == pytest.approx(1, abs=0.02)
    assert cell.detail == "use --full: BASE has 3 processes and NEW has 3 processes, and 10 are needed"


def test_blocks_without_a_sample_do_not_count():
    """Ten blocks of which one has no sample are nine processes."""
    new = a_run()
    the_cell(new).samples_s[3] = None
    assert the_cell(compare(BASE, new)).detail == "use --full: NEW has 9 processes, and 10 are needed"


# Runs that cannot be trusted


@pytest.mark.parametrize("side", [0, 1])
def test_an_unstable_run_gives_no_verdict(side):
    """Ratio and interval are shown, the verdict is undecided with the run and its first reason, exit 4."""
    runs = [a_run("base"), a_run(slow={"numba_jit": 2.0})]
    runs[side].stable, runs[side].reasons = False, ["A/A control failed at 100 x 10", "drift"]
    found = compare(*runs)
    assert set(verdicts(found).values()) == {"undecided"}
    assert found.exit_code == 4
    name = ("BASE", "NEW")[side]
    assert {c.detail for c in found.cells} == {f"{name} is unstable: A/A control failed at 100 x 10"}
    assert f"No verdict: 6 undecided of 6 cells; {name} is unstable: A/A control failed" in found.verdict
    assert the_cell(found).ci_low > 1.9
    assert all(c.p_holm is None for c in found.cells)
    runs[side].reasons = []
    assert the_cell(compare(*runs)).detail == f"{name} is unstable: no reason recorded"


def test_an_unstable_run_withholds_nothing_else():
    """Where the machine changed as well, the baseline's cell is undecided like the others, and times are shown."""
    new = a_run(memory=4e-3, stable=False, reasons=["drift"])
    found = compare(BASE, new)
    assert set(verdicts(found).values()) == {"undecided"}
    assert {c.measure for c in found.cells} == {"time"}


def test_an_interrupted_run_gives_no_verdict():
    """A cell that was interrupted makes its run doubtful even where the run is called stable."""
    new = a_run(slow={"numba_jit": 2.0})
    the_cell(new, "jax_jit").status = "interrupted"
    found = compare(BASE, new)
    assert {c.detail for c in found.cells} == {"NEW was interrupted"}
    assert found.exit_code == 4


def test_a_wrong_answer_counts_in_an_unstable_run():
    """Instability takes away verdicts of speed, and nothing else."""
    new = a_run(stable=False, reasons=["drift"])
    the_cell(new).status = "wrong"
    assert compare(BASE, new).exit_code == 1


# Identity


def changed(path, value):
    """A run whose machine differs at one place."""
    run = a_run(slow={"numba_jit": 1.5})
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
]
KERNEL = (("blas", 0, "kernel"), "Haswell", "BLAS kernel SkylakeX -> Haswell")


@pytest.mark.parametrize(
    ("path", "value", "told", "kinds"),
    [
        *((*case, {"versions"}) for case in SOFTWARE),
        *((*case, {"cpu"}) for case in HARDWARE),
        (*KERNEL, {"versions", "cpu"}),
    ],
    ids=lambda value: "/".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_another_machine_or_version_is_not_comparable(path, value, told, kinds):
    """Each is named with both values, nothing is judged, exit 6; --across with its kind judges and labels the verdict."""
    new = changed(path, value)
    found = compare(BASE, new)
    assert set(verdicts(found).values()) == {"not comparable"}
    assert found.exit_code == 6
    assert [(str(d), d.prevents_verdict) for d in found.differences] == [(told, True)]
    assert {(c.detail, c.ratio, c.p) for c in found.cells} == {(told, None, None)}
    assert told in found.verdict
    assert f"Difference: {told} (not comparable)" in shown(found, 300)
    for kind in ("versions", "cpu"):
        found = compare(BASE, new, frozenset({kind}))
        if kind not in kinds:
            assert found.exit_code == 6
            continue
        assert found.exit_code == 5
        assert the_cell(found).verdict == "slower"
        assert {c.detail for c in found.cells} == {f"across {told}"}
        assert found.verdict.startswith(f"Slower in NEW, beyond noise, across {told}: 2 slower")
        assert [d.prevents_verdict for d in found.differences] == [False]


def test_what_lives_identifies_nothing():
    """Load, measured peaks, warnings, memory, free threads, and the versions of what no backend computes with."""
    new = a_run(slow={"numba_jit": 1.5})
    new.machine |= {
        "load": 3.0,
        "peaks": {"read": [1.0]},
        "warnings": ["busy"],
        "memory_bytes": 1,
        "threads_available": 1,
    }
    new.machine["versions"] |= {"matplotlib": "9", "pytest": "9", "pytest-benchmark": "9"}
    found = compare(BASE, new)
    assert (found.exit_code, found.differences) == (5, [])


def test_what_is_only_good_to_know():
    """Another gdbench, system or order seed is told where it is known, and blocks nothing."""
    new = a_run(slow={"numba_jit": 1.5})
    new.machine |= {"gdbench": "9.9", "system": "Linux 7"}
    new.plan = new.plan | {"seed": 7}
    found = compare(BASE, new)
    assert found.exit_code == 5
    assert [(str(d), d.kind, d.prevents_verdict) for d in found.differences] == [
        ("gdbench none -> 9.9", "note", False),
        ("system Linux 6.1 -> Linux 7", "note", False),
    ]
    assert the_cell(found).detail is None
    assert "across" not in found.verdict
    assert "Difference: system Linux 6.1 -> Linux 7 (good to know)" in shown(found)


def test_both_kinds_at_once():
    """Another processor with another NumPy needs both kinds; one alone still names what is in the way."""
    new = changed(("cpu", "model"), "Other CPU")
    new.machine["versions"]["numpy"] = "2.5.0"
    assert compare(BASE, new, VERSIONS).exit_code == 6
    assert the_cell(compare(BASE, new, VERSIONS)).detail == "processor Example CPU @ 2.50GHz -> Other CPU"
    found = compare(BASE, new, frozenset({"versions", "cpu"}))
    assert found.exit_code == 5
    assert the_cell(found).detail == "across numpy 2.3.4 -> 2.5.0 and processor Example CPU @ 2.50GHz -> Other CPU"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("n_iter", 500, "iterations at n = 1\u00a0000, d = 10 200 -> 500"),
        (
            "problem",
            ProblemId("synthetic", "e" * 16, 0),
            f"data digest at n = 1\u00a0000, d = 10 {1_000:016x} -> {'e' * 16}",
        ),
    ],
)
def test_other_iterations_or_data_are_not_comparable(field, value, told):
    """They block their own cells alone, whatever --across says, and other cells are judged; exit 6."""
    new = a_run()
    for cell in new.cells:
        if cell.n_samples == 1_000:
            setattr(cell, field, value)
    for across in (frozenset(), frozenset({"versions", "cpu"})):
        found = compare(BASE, new, across)
        assert found.exit_code == 6
        for (_, n), verdict in verdicts(found).items():
            assert verdict == ("not comparable" if n == 1_000 else "unchanged")
        assert the_cell(found).detail == told
        assert [(str(d), d.kind) for d in found.differences] == [(told, "plan")]
        assert told in found.verdict


def test_the_seed_of_the_data_alone_is_no_difference():
    """The digest covers the data; what made it does not matter."""
    new = a_run()
    for cell in new.cells:
        cell.problem = ProblemId("synthetic", cell.problem.digest, None)
    assert compare(BASE, new).exit_code == 0


# Cells that are not there


def test_other_threads_are_missing_on_both_sides():
    """One thread here and two there share no cell: each is missing, exit 6, and both values are named."""
    found = compare(BASE, a_run(threads=2))
    assert found.judged["missing"] == len(found.cells) == 12
    assert [str(d) for d in found.differences] == ["threads 1 -> 2"]
    assert {(c.threads, c.detail) for c in found.cells} == {(1, "NEW: absent"), (2, "BASE: absent")}
    assert found.exit_code == 6


def test_a_problem_of_one_run_has_one_row_and_one_reason():
    """Another size: each size that one run lacks is one row of the table, and one line says why."""
    other = a_run()
    for cell in other.cells:
        cell.n_samples *= 20 if cell.n_samples == 1_000 else 1
    lines = shown(compare(BASE, other)).replace("\xa0", " ").splitlines()
    start = next(number for number, line in enumerate(lines) if "NEW / BASE" in line)
    table = [line.split() for line in lines[start + 2 : start + 8]]
    assert [row[0] for row in table] == ["n", "numpy_vectorized", "numba_jit", "jax_jit", "n", "n"]
    assert [row[-1] for row in table[4:]] == ["missing", "missing"]
    assert [line for line in lines if line.startswith("missing: ")] == [
        "missing: NEW: absent: every backend at n = 1 000, d = 10",
        "missing: BASE: absent: every backend at n = 20 000, d = 10",
    ]


@pytest.mark.parametrize("side", [0, 1])
def test_a_missing_cell_is_an_error(side):
    """A backend that one run did not measure is named with the side, and the other cells are judged: exit 6, not 0."""
    runs = [a_run("base"), a_run()]
    runs[side].cells = [c for c in runs[side].cells if c.backend != "jax_jit"]
    found = compare(*runs)
    name = ("BASE", "NEW")[side]
    assert (the_cell(found, "jax_jit").verdict, the_cell(found, "jax_jit").detail) == ("missing", f"{name}: absent")
    assert the_cell(found).verdict == "unchanged"
    assert found.exit_code == 6
    assert found.verdict.startswith("Cells are missing: 4 unchanged and 2 missing of 6 cells; jax_jit at n = 100")
    assert f"missing: {name}: absent: jax_jit at n = 100, d = 10" in shown(found)


def without_time(run, status, detail=None):
    """jax_jit at n = 1 000 has this status."""
    cell = the_cell(run, "jax_jit")
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
def test_what_has_no_time_is_told(base, new, verdict, detail, code):
    """Each pair of statuses has one verdict, one reason and one exit code; every other cell is judged as ever."""
    runs = [a_run("base"), a_run()]
    for run, status in zip(runs, (base, new), strict=True):
        if status != "ok":
            without_time(run, status, "would take too long")
    found = compare(*runs)
    cell = the_cell(found, "jax_jit")
    assert (cell.verdict, cell.detail, found.exit_code) == (verdict, detail, code)
    assert (cell.ratio, cell.measure) == (None, None)
    assert (cell.base_median_s is None, cell.new_median_s is None) == (base != "ok", new != "ok")
    assert found.judged["unchanged"] == 5


def test_a_wrong_cell_that_kept_its_samples_has_no_time():
    """Its figures are no measurement, whichever run it is in."""
    for runs in ([a_run("base"), a_run()], [a_run(), a_run("base")]):
        the_cell(runs[0]).status = "wrong"
        cell = the_cell(compare(*runs))
        assert (cell.verdict, cell.ratio, cell.base_median_s) == ("missing", None, None)


def test_runs_without_cells():
    """Nothing is judged, and that is no success: exit 4."""
    found = compare(sample_run.empty(), sample_run.empty())
    assert (found.exit_code, found.verdict) == (4, "No verdict: neither run holds a cell.")
    assert compare(without_all(a_run("base")), without_all(a_run())).exit_code == 4


def without_all(run):
    for cell in run.cells:
        cell.status, cell.samples_s = "skipped", []
    return run


# The machine as its sentinels see it


@pytest.mark.parametrize(("kernel", "factor", "told"), [
    ("memory", 1.4, "memory 1.40× slower"), ("arithmetic", 1 / 1.25, "arithmetic 1.25× faster"),
])  # fmt: skip
def test_a_changed_machine_withholds_times_and_compares_speedups(kernel, factor, told):
    """All times rise with the machine: none is called slower for it, but the backend that fell behind the others is."""
    slow = dict.fromkeys(BACKENDS, factor) | {"numba_jit": 1.2 * factor}
    seconds = {"arithmetic": 1e-3, "memory": 2e-3}
    new = a_run(slow=slow, **{kernel: seconds[kernel] * factor})
    found = compare(BASE, new)
    for n in SIZES:
        assert the_cell(found, "numpy_vectorized", n).verdict == "withheld"
        assert the_cell(found, "numpy_vectorized", n).detail == f"the machine changed: {told}"
        assert the_cell(found, "numpy_vectorized", n).ratio is None
        slower = the_cell(found, "numba_jit", n)
        assert (slower.verdict, slower.measure) == ("slower", "speedup")
        assert slower.detail == f"by its speed-up over numpy_vectorized, because the machine changed: {told}"
        assert slower.ratio == pytest.approx(1.2, rel=0.02)
        assert the_cell(found, "jax_jit", n).verdict == "unchanged"
    assert [(m.threads, m.sentinel) for m in found.machine_changed] == [(1, kernel)]
    assert found.machine_changed[0].ratio == pytest.approx(factor)
    assert found.exit_code == 5
    assert f"the machine changed: {told}" in shown(found).replace("\n", " ")


def test_speedups_are_paired_inside_their_blocks():
    """A drift that every block shares leaves no trace: the interval is the one of runs without it."""
    still = compare(BASE, a_run(memory=4e-3))
    new = a_run(memory=4e-3)
    for cell in new.cells:
        cell.samples_s = [sample * 1.3**block for block, sample in enumerate(cell.samples_s)]
    drifted = compare(BASE, new)
    for one, other in zip(still.cells, drifted.cells, strict=True):
        assert (one.ratio, one.ci_low, one.ci_high) == pytest.approx((other.ratio, other.ci_low, other.ci_high))


def test_blocks_that_lack_one_of_a_pair_are_left_out():
    """Pairs are made block by block: a block in which either has no sample is no pair."""
    new = a_run(memory=4e-3)
    the_cell(new, "numpy_vectorized").samples_s[0] = None
    the_cell(new).samples_s[9] = None
    assert the_cell(compare(BASE, new)).detail == "use --full: NEW has 8 processes, and 10 are needed"
    the_cell(new, "numpy_vectorized").samples_s.pop()
    assert "no time beside this one" in the_cell(compare(BASE, new)).detail


def test_a_sentinel_within_the_threshold_changes_nothing():
    """A machine that is 1.5 % slower is the same one; one that is 8 % slower is, where the A/A control sees 10 %."""
    assert compare(BASE, a_run(memory=2e-3 * 1.015)).machine_changed == []
    wide = a_run(memory=2e-3 * 1.08, twin=(0.9, 1.1))
    assert the_cell(compare(BASE, wide)).measure == "time"
    the_cell(wide, "numpy_vectorized", 100, control=True).speedup = [Speedup("numpy_vectorized", 1.0, 0.99, 1.01)]
    found = compare(BASE, wide)
    assert (the_cell(found, n=100).measure, the_cell(found).measure) == ("speedup", "time")


def test_sentinels_count_for_their_own_threads():
    """A machine that changed at two threads is the same at one."""
    runs = []
    for scatter, memory in (("base", 2e-3), ("new", 4e-3)):
        run = a_run(scatter)
        two = a_run(scatter, threads=2, memory=memory)
        run.cells, run.blocks = run.cells + two.cells, run.blocks + two.blocks
        runs.append(run)
    found = compare(*runs)
    assert {(c.threads, c.verdict) for c in found.cells if c.backend == "numpy_vectorized"} == {
        (1, "unchanged"),
        (2, "withheld"),
    }
    assert [m.threads for m in found.machine_changed] == [2]
    assert found.exit_code == 0


@pytest.mark.parametrize("missing", [(0,), (1,), (0, 1)])
def test_without_sentinels_speedups_are_compared(missing):
    """Whether the machine changed is not known then, and the cell says why it was judged by its speed-up."""
    none = {"arithmetic": None, "memory": None}
    runs = (
        a_run("base", **(none if 0 in missing else {})),
        a_run(slow={"numba_jit": 1.2}, **(none if 1 in missing else {})),
    )
    found = compare(*runs)
    assert (the_cell(found).verdict, the_cell(found).measure) == ("slower", "speedup")
    assert "it is not known whether the machine changed: a run has no sentinels" in the_cell(found).detail
    assert the_cell(found, "numpy_vectorized").verdict == "withheld"
    assert [(m.sentinel, m.ratio) for m in found.machine_changed] == [(None, None)]
    assert compare(a_run("base", memory=None), a_run()).machine_changed


def test_a_withheld_baseline_alone_is_no_verdict():
    """It is no error beside a judged cell, exit 0; where it is all that there is, nothing was judged: exit 4."""
    new = a_run(memory=4e-3)
    assert compare(BASE, new).exit_code == 0
    runs = []
    for run in (a_run("base"), new):
        run.cells = [c for c in run.cells if c.backend == "numpy_vectorized"]
        runs.append(run)
    found = compare(*runs)
    assert set(verdicts(found).values()) == {"withheld"}
    assert found.exit_code == 4
    assert found.verdict == "No verdict: 2 withheld of 2 cells; the machine changed: memory 2.00× slower."


def test_across_cpu_compares_times():
    """Who asks what another processor does is not told that it is another machine: times are judged, not speed-ups."""
    new = changed(("cpu", "model"), "Other CPU")
    new.blocks = sample_run.sentinels(10, arithmetic=3e-3, memory=5e-3)
    found = compare(BASE, new, frozenset({"cpu"}))
    assert {c.measure for c in found.cells} == {"time"}
    assert found.machine_changed == []
    # On one and the same processor the option changes nothing.
    same = compare(BASE, a_run(memory=4e-3), frozenset({"cpu"}))
    assert the_cell(same).measure == "speedup"


# Exit codes, where several apply


def test_the_worst_exit_code_wins():
    """1 before 3 before 5 before 6 before 4; faster alone is 0."""
    new = a_run(slow={"numba_jit": 1.5})
    the_cell(new, "jax_jit", 100).status = "wrong"
    without_time(new, "crashed")
    base = a_run("base")
    base.cells.remove(the_cell(base, "numpy_vectorized", 100))
    the_cell(base, "numpy_vectorized", 1_000, control=True).speedup = []
    steps = [
        (1, lambda: setattr(the_cell(new, "jax_jit", 100), "status", "ok")),
        (3, lambda: new.cells.remove(the_cell(new, "jax_jit"))),
        (5, lambda: setattr(the_cell(new, "numba_jit", 100), "samples_s", the_cell(base, "numba_jit", 100).samples_s)),
        (6, lambda: new.cells.remove(the_cell(new, "numpy_vectorized", 100))),
        (6, lambda: base.cells.remove(the_cell(base, "jax_jit"))),
        (4, None),
    ]
    for code, step in steps:
        assert compare(base, new).exit_code == code
        if step:
            step()


# The documents


def test_the_json_document(main, tmp_path):
    """It holds exactly the fields that it promises, and numbers that are finite or null."""
    save_run(tmp_path, BASE)
    (tmp_path / "new").mkdir()
    new = without_time(a_run(slow={"numba_jit": 1.5}), "skipped", "too long")
    # Figures that no clock gives, and a file may hold.
    the_cell(new, "jax_jit", 100).samples_s = [1e300] * 10
    save_run(tmp_path / "new", new)
    code, out, err = main("compare", tmp_path, "new/run.json", "--json", cwd=tmp_path)
    assert (code, err) == (5, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert set(found) == {
        "base", "new", "exit_code", "verdict", "judged", "machine_changed", "differences", "cells"
    }  # fmt: skip
    assert (found["base"], found["new"], found["exit_code"]) == (str(tmp_path), "new/run.json", 5)
    assert sum(found["judged"].values()) == len(found["cells"]) == 6
    assert {tuple(cell) for cell in found["cells"]} == {(
        "backend", "problem", "n_samples", "n_features", "dtype", "threads", "verdict", "measure", "ratio", "ci_low",
        "ci_high", "p", "p_holm", "threshold", "base_median_s", "new_median_s", "detail",
    )}  # fmt: skip


def test_figures_beyond_floats_are_null():
    """Times of 1e300 s against 1e-300 s have no ratio that a float holds, and break nothing."""
    base, new = a_run("base"), a_run()
    the_cell(base).samples_s = [1e-300 * (1 + i / 100) for i in range(10)]
    the_cell(new).samples_s = [1e300 * (1 + i / 1000) for i in range(10)]
    found = compare(base, new)
    assert (the_cell(found).ratio, the_cell(found).verdict) == (None, "slower")
    assert "0.000" not in shown(found)
    comparison_view.html(found)
    the_cell(new, "numpy_vectorized", control=True).speedup = [Speedup("numpy_vectorized", 1.0, 5e-324, 1.7e308)]
    the_cell(base).samples_s = [10.0 ** (60 * i - 310) for i in range(10)]
    the_cell(new).samples_s = [10.0 ** (60 * i - 311) for i in range(10)]
    found = compare(base, new)
    assert the_cell(found).verdict == "unchanged"
    assert math.isfinite(the_cell(found).threshold)
    assert "could hide" in shown(found).replace("\n", " ")


def test_the_terminal_says_it_all():
    """The answer first, then the differences, then each cell below its problem with its figures, in 80 columns."""
    new = changed(("versions", "numpy"), "2.5.0")
    found = compare(BASE, new, VERSIONS)
    lines = shown(found).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("Slower in NEW, beyond noise, across numpy 2.3.4 -> 2.5.0: 2 slower")
    assert "Difference: numpy 2.3.4 -> 2.5.0 (allowed by --across versions)" in lines
    row = next(line for line in lines if line.startswith("  numba_jit"))
    assert re.search(r"1\.5\d× \[1\.\d\d, 1\.\d\d\] +6\.50e-05 +2\.\d\d % +slower", row)
    assert lines.index("n = 100, d = 10".ljust(len(row))) < lines.index(row)
    assert "\x1b" not in shown(found)


def test_unchanged_says_what_it_could_hide():
    """The widest interval of an unchanged cell bounds what was not seen, and a changed cell does not count."""
    found = compare(BASE, a_run(slow={"numba_jit": 1.5}))
    ends = [end for c in found.cells if c.verdict == "unchanged" for end in (1 / c.ci_low, c.ci_high)]
    told = re.search(r"one of (\S+) % could hide", shown(found).replace("\n", " "))
    assert float(told[1]) == pytest.approx(100 * (max(ends) - 1), rel=0.01)
    assert comparison_view.hidden(compare(BASE, a_run(stable=False))) is None


def test_the_page_is_one_offline_file_with_everything():
    """Answer, differences, cells with both medians, reasons, our one script, and no address or handler."""
    found = compare(BASE, without_time(changed(("versions", "numpy"), "2.5.0"), "skipped", "too long"), VERSIONS)
    source = comparison_view.html(found)
    page = Page(source)
    assert page.loads == page.handlers == []
    assert not {"img", "link"} & set(page.tags)
    assert page.tags.count("script") == 1
    words = re.sub(r"[ \n]+", " ", page.words)
    for fact in (found.verdict, "numpy", "2.5.0", "slower", "allowed by --across versions", "NEW: skipped: too long"):
        assert fact in words
    assert page.tags.count("tr") == 2 + 1 + 6
    assert not re.search(r"url\(|@import", source)


def test_hostile_names_are_text():
    """Backends, problems, settings and paths that are markup or control codes reach the reader as text."""
    runs = []
    for scatter in ("a", "b"):
        cells = [
            sample_run.cell(name, 100, 1e-6, blocks=10, scatter=scatter, detail=name) for name in sample_run.HOSTILE
        ]
        cells += [sample_run.cell(name, 200, status="crashed", detail=f"{name} </td>") for name in sample_run.HOSTILE]
        machine = {"versions": {"<b>": scatter, "x": {"<i>": scatter}}, "cpu": ["<u>"], "blas": ["<script>", {}]}
        runs.append(sample_run.run(cells, machine=machine))
    found = compare(runs[0], runs[1], VERSIONS, ("\x1b[31m<script>base", "\x1b[31mnew"))
    source = comparison_view.html(found)
    page = Page(source)
    assert not {"b", "i", "u"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert "<script>alert(1)</script>" in page.words
    for told in (source, shown(found)):
        assert "\x1b" not in told
    assert max(map(len, shown(found).splitlines())) <= 80


# From outside


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with runs under gdbench-results/baselines and beside it."""
    folder = tmp_path_factory.mktemp("runs")
    wrong, failed, unstable = a_run(), a_run(), a_run(stable=False, reasons=["drift"])
    the_cell(wrong).status = "wrong"
    the_cell(failed).status = "crashed"
    kinds = {
        "base": BASE, "same": a_run(), "slow": a_run(slow={"numba_jit": 1.5}), "wrong": wrong, "failed": failed,
        "unstable": unstable, "versions": changed(("versions", "numpy"), "2.5.0"), "cpu": changed(("cpu", "model"), "Z"),
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
def test_exit_codes(main, runs, arguments, expected):
    """Each as a shell sees it, with saved runs by name, folders or files."""
    code, out, err = main("compare", *arguments, cwd=runs)
    assert (code, err) == (expected, "")
    assert f"exit code {expected}" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "expected", "told"),
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
def test_bad_arguments_are_one_clear_line(main, runs, arguments, expected, told):
    """One line on standard error, and nothing is written anywhere."""
    before = sorted(runs.rglob("*"))
    code, out, err = main("compare", *arguments, cwd=runs)
    assert (code, out) == (expected, "")
    assert told in err
    assert err.count("\n") == 1
    assert sorted(runs.rglob("*")) == before


def test_a_page_on_request(main, runs, tmp_path):
    """--html writes one file, says where, and keeps the exit code of the verdict."""
    code, out, err = main("compare", "base", "slow", "--html", tmp_path / "page.html", cwd=runs)
    assert (code, err) == (5, "")
    assert f"report: {tmp_path / 'page.html'}" in out.replace("\n", "").replace("report:/", "report: /")
    assert "Slower in NEW" in Page((tmp_path / "page.html").read_text("utf-8")).words
    assert names_in(tmp_path) == ["page.html"]


def test_a_reader_that_leaves_changes_no_verdict(runs):
    """`gdbench compare … | head -1` still exits 5."""
    import subprocess

    words = [sys.executable, "-m", "bench", "compare", "base", "slow"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=runs)
    process.stdout.close()
    assert process.stderr.read().decode() == ""
    assert process.wait() == 5
    process.stderr.close()


def test_comparing_is_cheap(runs):
    """Neither Matplotlib nor any array library but NumPy is loaded, and Jinja2 not without a page."""
    import subprocess

    code = (
        "import sys; sys.argv = ['gdbench', 'compare', 'base', 'same'];"
        "from bench.cli import app; app(sys.argv[1:]);"
        "print('loaded', sorted({'matplotlib', 'jinja2', 'jax', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=runs, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")
