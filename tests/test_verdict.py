"""The parts of a comparison: differences of machines, the sentence, the reasons, and limits at exact numbers."""

import copy
import math
from typing import Any

import pytest
from helpers import sample_run

from bench.analysis import compare as comparing
from bench.analysis.compare import Change, SentinelShift, compare, describe_shifts
from bench.analysis.environment_diff import Difference, across, machine_differences, plan_differences
from bench.records import ProblemId, Speedup

NONE = frozenset()
MACHINE = {
    "cpu": {"model": "A", "architecture": "x86_64", "logical_cores": 2, "vector_extensions": ["avx2"], "caches": [{"level": 1}],
            "governor": "performance", "kind": "P"},
    "cpu_quota": 1.5, "virtual_machine": False, "threads_controlled": True, "niceness": 5,
    "python": "CPython 3.12", "environment": {"A": "1", "B": "2"}, "versions": {"numpy": "2.0", "pytest": "8"},
    "gdbench": "1.0", "system": "Linux", "commit": "abc", "processors": [1, 2],
    "requires": {"mine": {"torch": "2.0"}}, "sources": {"mine": "d1"}, "libraries": {"torch": "2.0"},
    "blas": [{"library": "openblas", "version": "0.3", "kernel": "Haswell"}],
}  # fmt: skip


def changed(path, value):
    """The machine with another value at a path."""
    machine = copy.deepcopy(MACHINE)
    target: Any = machine
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return machine


@pytest.mark.parametrize(
    ("path", "value", "words", "kind"),
    [
        (("cpu", "model"), "B", "processor A -> B", "cpu"),
        (("cpu", "architecture"), "arm64", "architecture x86_64 -> arm64", "cpu"),
        (("cpu", "logical_cores"), 4, "processors 2 -> 4", "cpu"),
        (("cpu", "vector_extensions"), ["sse"], "vector units avx2 -> sse", "cpu"),
        (("cpu", "caches"), [{"level": 2}], "caches level 1 -> level 2", "cpu"),
        (("cpu", "governor"), "powersave", "frequency governor performance -> powersave", "cpu"),
        (("cpu", "kind"), "E", "kind of core P -> E", "cpu"),
        (("cpu_quota",), None, "CPU quota 1.5 -> none", "cpu"),
        (("virtual_machine",), True, "virtual machine no -> yes", "cpu"),
        (("threads_controlled",), False, "threads controlled yes -> no", "cpu"),
        (("niceness",), 0, "niceness 5 -> none", "cpu"),
        (("python",), "CPython 3.13", "Python CPython 3.12 -> CPython 3.13", "versions"),
        (("environment",), {"A": "1", "B": "3", "C": "4"}, "settings B 2 -> B 3, C 4", "versions"),
        (("versions", "numpy"), "2.1", "numpy 2.0 -> 2.1", "versions"),
        (("libraries", "torch"), "2.1", "torch 2.0 -> 2.1", "versions"),
        (("requires", "mine"), {"torch": "2.1"}, "libraries of mine torch 2.0 -> torch 2.1", "versions"),
        (("blas", 0, "version"), "0.4", "BLAS openblas 0.3 -> openblas 0.4", "versions"),
        (("blas", 0, "kernel"), "Zen", "BLAS kernel Haswell -> Zen", "versions"),
        (("gdbench",), "1.1", "gdbench 1.0 -> 1.1", "note"),
        (("system",), "Darwin", "system Linux -> Darwin", "note"),
        (("commit",), "def", "commit abc -> def", "note"),
        (("processors",), [1, 3], "processors of workers 1, 2 -> 1, 3", "note"),
        (("sources", "mine"), "d2", "text of mine d1 -> d2", "note"),
    ],
    ids=lambda value: "/".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_difference_has_its_values_and_kind(path, value, words, kind):
    """A difference of the processor or of a version prevents a verdict, unless its kind is allowed. A note never does."""
    new = changed(path, value)
    (difference,) = machine_differences(MACHINE, new, NONE)
    assert (str(difference), difference.kind, difference.prevents_verdict) == (words, kind, kind != "note")
    (swapped,) = machine_differences(new, MACHINE, NONE)
    assert (swapped.base, swapped.new) == (difference.new, difference.base)
    for allowed in ("cpu", "versions"):
        (difference,) = machine_differences(MACHINE, new, frozenset({allowed}))
        either = "kernel" in words  # it depends on both
        assert difference.prevents_verdict is (kind != "note" and allowed != kind and not either)
    assert machine_differences(new, new, NONE) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("versions", "pytest"), "9"),
        (("versions", "matplotlib"), "3.9"),
        (("versions", "pytest-benchmark"), "5"),
        (("load",), 3.0),
        (("commit",), None),
        (("processors",), None),
        (("requires",), {}),
        (("requires",), "?"),
        (("sources",), {}),
        (("libraries",), {"other": "1"}),
        (("blas", 0, "threads"), 4),
    ],
)
def test_what_does_not_affect_times_is_no_difference(path, value):
    """Packages of the tests, live values, and what one of the runs does not record."""
    assert machine_differences(MACHINE, changed(path, value), NONE) == []


def test_a_machine_may_hold_anything():
    """It comes from a file. A long name is shortened."""
    assert machine_differences({}, {}, NONE) == []
    assert {d.what for d in machine_differences(MACHINE, MACHINE | {"blas": ["?", 3]}, NONE)} == {"BLAS", "BLAS kernel"}
    assert {d.what for d in machine_differences(MACHINE, MACHINE | {"blas": "?"}, NONE)} == {"BLAS", "BLAS kernel"}
    (difference,) = machine_differences(MACHINE, changed(("versions", "x" * 99), "1"), NONE)
    assert (len(difference.what), difference.base) == (60, "none")


def test_allowed_differences_are_named():
    """Notes, plans and those that prevent a verdict are not."""
    kinds = [
        ("a", "cpu", False),
        ("b", "versions", False),
        ("c", "note", False),
        ("d", "cpu", True),
        ("e", "plan", True),
    ]
    differences = [Difference(what, "1", "2", kind, prevents) for what, kind, prevents in kinds]
    assert across(differences) == "across a 1 -> 2 and b 1 -> 2"
    assert across(differences[2:]) == ""


def test_plans_differ_in_threads_dtypes_and_problems():
    """They are sorted. A control does not count."""
    base = [sample_run.cell("a", n, 1e-6, threads=t, dtype="float64") for n, t in ((1_000, 2), (100, 1), (100, 2))]
    new = [sample_run.cell("a", 100, 1e-6, threads=1, dtype=dtype) for dtype in ("float64", "float32")]
    new.append(sample_run.cell("a", 5, 1e-6, threads=9, control=True))
    differences = plan_differences(sample_run.run(base), sample_run.run(new))
    assert [str(d).replace("\xa0", " ") for d in differences] == [
        "threads 1, 2 -> 1", "dtype float64 -> float32, float64", "problems n = 100, d = 10, n = 1 000, d = 10 -> n = 100, d = 10",
    ]  # fmt: skip
    assert {(d.kind, d.prevents_verdict) for d in differences} == {("plan", True)}


# The sentence


def obstacles(*kinds):
    return comparing._obstacles([Difference(k, "1", "2", k.rstrip("0123"), k != "note") for k in kinds])


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (["versions"], "versions 1 -> 2 (--across versions judges all the same)"),
        (["note", "cpu"], "cpu 1 -> 2 (--across cpu judges all the same)"),
        (
            ["cpu", "versions", "plan"],
            "cpu 1 -> 2, versions 1 -> 2 and plan 1 -> 2 (--across versions and --across cpu judges all the same)",
        ),
        (["plan"], "plan 1 -> 2"),
        (["plan", "plan1", "plan2", "plan3"], "plan 1 -> 2, plan1 1 -> 2 and plan2 1 -> 2 and 1 more"),
    ],
)
def test_obstacles_are_named_with_the_option(kinds, words):
    """Three differences and the number of the others. An option helps only against its kind."""
    assert obstacles(*kinds) == words


def change_of(**fields):
    return Change(**{"backend": "a", "problem": "synthetic", "n_samples": 100, "n_features": 10, "dtype": "float64", "threads": 2} | fields)  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"verdict": "slower", "ratio": 1.5, "ci_low": 1.25, "ci_high": 1.75}, "1.50× [1.25, 1.75]"),
        ({"verdict": "faster", "ratio": 0.5}, "0.500×"),
        ({"verdict": "slower", "detail": "no number"}, "no number"),
        ({"verdict": "missing", "ratio": 1.5, "detail": "NEW: absent"}, "NEW: absent"),
    ],
)
def test_an_example_has_its_ratio_or_its_reason(fields, words):
    """A judged cell has its ratio with the interval. A long name is shortened."""
    assert comparing._example(change_of(**fields)) == f"a at n = 100, d = 10 (float64, 2 threads), {words}"
    assert len(comparing._example(change_of(backend="x" * 99, **fields)).split()[0]) == 40


@pytest.mark.parametrize(
    ("shifts", "words"),
    [
        ([("memory", 1.25)], "the machine changed: memory 1.25× slower"),
        (
            [("memory", 0.5), ("arithmetic", 2.0)],
            "the machine changed: memory 2.00× faster and arithmetic 2.00× slower",
        ),
        ([(None, None)], "it is not known whether the machine changed: a run has no sentinels"),
        ([("memory", None)], "it is not known whether the machine changed: a run has no sentinels"),
    ],
)
def test_a_shift_of_the_machine_has_its_factor_and_direction(shifts, words):
    """A ratio below 1 is faster, by its reciprocal. A long name is shortened."""
    assert describe_shifts([SentinelShift(1, name, ratio) for name, ratio in shifts]) == words
    assert len(describe_shifts([SentinelShift(1, "x" * 99, 2.0)]).split()[3]) == 40


# Whole comparisons with exact times


def run_of(factors, blocks=10, control=(0.99, 1.01), **fields):
    """A cell per backend with a time of factor seconds per call, scattered by one percent in a fixed order."""
    cells = []
    for backend, factor in {"numpy_vectorized": 1.0, **factors}.items():
        for is_control in (False, True) if backend == "numpy_vectorized" else (False,):
            cell = sample_run.cell(backend, 100, 1.0, blocks=blocks, control=is_control)
            cell.samples_s = [factor * (1 + 0.001 * block) for block in range(blocks)]
            cell.median_s = factor
            cells.append(cell)
    run = sample_run.run(cells, **fields)
    cells[1].speedup = [Speedup("numpy_vectorized", 1.0, *control)]
    run.blocks = sample_run.sentinels(blocks, arithmetic=1e-3, memory=2e-3)
    return run


def test_the_sentence_names_the_largest_change():
    """The slowest of the slower cells; without one, the fastest."""
    base = run_of({"a": 1.0, "b": 1.0, "c": 1.0})
    slower = compare(base, run_of({"a": 1.5, "b": 2.0, "c": 0.5}))
    assert slower.verdict.startswith(
        "Slower in NEW, beyond noise: 2 slower, 1 faster and 1 unchanged of 4 cells; most of all b at n = 100, d = 10"
        " (float64, 1 thread), 2.00× ["
    )
    faster = compare(base, run_of({"a": 0.5, "b": 0.25, "c": 1.0}))
    assert faster.verdict.startswith(
        "Faster in NEW, beyond noise, and nowhere slower: 2 faster and 2 unchanged of 4 cells; most of all b at n"
    )


def test_a_comparison_has_the_names_and_medians_of_its_runs():
    """The names are those of the command line. Every verdict has its number of cells."""
    comparison = compare(run_of({"a": 1.0}), run_of({"a": 1.5}), names=("old", "new"))
    assert (comparison.base, comparison.new) == ("old", "new")
    default = compare(run_of({}), run_of({}))
    assert (default.base, default.new) == ("BASE", "NEW")
    cell = next(cell for cell in comparison.cells if cell.backend == "a")
    assert (cell.base_median_s, cell.new_median_s, cell.group, cell.where) == (
        1.0,
        1.5,
        "float64, 1 thread",
        "n = 100, d = 10",
    )
    assert (cell.ratio, cell.measure) == (pytest.approx(1.5), "time")
    assert cell.threshold == pytest.approx(0.02)
    assert comparison.judged == {
        "wrong": 0, "failed": 0, "slower": 1, "faster": 0, "unchanged": 1, "undecided": 0, "withheld": 0, "missing": 0,
        "not comparable": 0, "not measured": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("factor", "control", "verdict"),
    [(1.02, (0.99, 1.01), "unchanged"), (1.035, (0.99, 1.01), "slower"), (1.035, (0.95, 1.05), "unchanged"), (0.965, (0.99, 1.01), "faster")],
)  # fmt: skip
def test_the_limit_is_two_percent_or_half_the_width_of_the_control(factor, control, verdict):
    """The whole interval must lie beyond it."""
    comparison = compare(run_of({"a": 1.0}), run_of({"a": factor}, control=control))
    cell = next(cell for cell in comparison.cells if cell.backend == "a")
    assert cell.verdict == verdict
    low, high = control
    assert cell.threshold == pytest.approx(max(0.02, math.sqrt(high / low) - 1))


def test_cells_are_in_the_order_of_the_report():
    """float64 first, then threads, problems and backends in reading order."""
    places = [
        (dtype, threads, n, problem, backend)
        for dtype in ("float64", "float32")
        for threads in (2, 10)
        for n, problem in ((100, "penguins"), (100, "synthetic"), (1_000, "aaa"))
        for backend in ("python_loops", "numba_jit", "aa")
    ]
    cells = [
        sample_run.cell(backend, n, status="skipped", dtype=dtype, threads=t, problem=ProblemId(problem, "p", None))
        for dtype, t, n, problem, backend in reversed(places)
    ]
    comparison = compare(sample_run.run(cells), sample_run.run([]))
    assert [(c.dtype, c.threads, c.n_samples, c.problem, c.backend) for c in comparison.cells] == places


@pytest.mark.parametrize(("log", "share"), [(math.log(1.5), 0.5), (0.0, 0.0), (1e9, math.expm1(700))])
def test_a_threshold_is_a_finite_share(log, share):
    """The logarithm of 1.5 is a share of 0.5. JSON has no infinity."""
    assert comparing.log_to_share(log) == pytest.approx(share)
