"""The series of the interactive chart have the values of the tables, or the reason why a value is missing."""

import json

import pytest
from helpers import sample_run

from bench.analysis.series import MAX_BASELINES, explorer_series
from bench.analysis.speed import gap_kind, group_cells, paired_speedup, problem_key, speedup, time_per_iteration
from bench.records import ProblemId


def entry(series: dict, backend: str, n: int) -> dict:
    """The entry of a cell in the series."""
    (result,) = [c for c in series["cells"] if (c["backend"], c["n"]) == (backend, n)]
    return result


@pytest.mark.parametrize("name", ["full", "quick", "broken", "groups", "hostile", "empty"])
def test_the_series_have_every_ranked_synthetic_cell(name):
    """Each has its time per iteration or the kind of its gap."""
    run = getattr(sample_run, name)()
    series = explorer_series(run)
    cells = [(g.title, c) for g in group_cells(run) for c in g.ranked if c.problem.name == "synthetic"]
    expected = {
        (title, c.backend, c.n_features, c.n_samples): time_per_iteration(c) or gap_kind(c) for title, c in cells
    }
    times = {(c["group"], c["backend"], c["d"], c["n"]): c["time"] for c in series["cells"]}
    assert times.keys() == expected.keys()
    for key, time in times.items():
        if isinstance(time, str):
            assert time == expected[key]
        else:
            assert time == [v if v is None else pytest.approx(v, rel=1e-5) for v in expected[key]]
    assert json.loads(json.dumps(series, allow_nan=False)) == series


def test_the_series_have_the_recorded_speedups():
    """They are paired, with their intervals."""
    run = sample_run.full()
    series = explorer_series(run)
    (group,) = group_cells(run)
    cells = [c for c in group.ranked if c.problem.name == "synthetic" and speedup(c, "numpy_vectorized")]
    assert cells
    for c in cells:
        ratio = entry(series, c.backend, c.n_samples)["speedup"]["numpy_vectorized"]
        baseline = next(o for o in group.ranked if o.backend == "numpy_vectorized" and problem_key(o) == problem_key(c))
        assert ratio == pytest.approx(list(paired_speedup(baseline, c)), rel=1e-5)
    assert entry(series, "numpy_vectorized", 100)["speedup"]["numpy_vectorized"] == [1, 1, 1]


def test_a_missing_ratio_has_its_reason():
    """The baseline was not run, has no time, or has no block in common. A cell without a time has no ratios."""
    later, first = sample_run.cell("c", 100, 1e-6), sample_run.cell("d", 100, 1e-6)
    later.samples_s = [None, *later.samples_s[1:]]
    first.samples_s = [first.samples_s[0]] + [None] * (len(first.samples_s) - 1)
    cells = [sample_run.cell("a", 100, status="wrong"), sample_run.cell("b", 1000, 1e-6), later, first]
    series = explorer_series(sample_run.run(cells))
    assert series["baselines"] == ["a", "b", "c", "d"]
    ratios = entry(series, "c", 100)["speedup"]
    assert (ratios["a"], ratios["b"], ratios["d"]) == ("a wrong", "b not run", "d in no common block")
    assert entry(series, "a", 100)["speedup"] == {}


def test_different_problems_of_equal_size_are_not_paired():
    """Two synthetic problems that differ in their data give no ratio."""
    other = ProblemId("synthetic", "other", 1)
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 2e-6, problem=other)]
    assert entry(explorer_series(sample_run.run(cells)), "b", 100)["speedup"]["a"] == "a not run"


def test_extreme_times_give_no_infinite_ratio():
    """A ratio that overflows is missing, so that the series are valid JSON."""
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 1e-6)]
    for cell, seconds in zip(cells, (1e-300, 1e300), strict=True):
        cell.samples_s = [seconds] * 6
    series = explorer_series(sample_run.run(cells))
    assert entry(series, "a", 100)["speedup"]["b"] == entry(series, "b", 100)["speedup"]["a"].replace("a in", "b in")


def test_the_number_of_baselines_is_limited():
    """The core backends come first."""
    cells = [sample_run.cell(f"x{i}", 100, 1e-6) for i in range(20)] + [sample_run.cell("numpy_vectorized", 100, 1e-6)]
    baselines = explorer_series(sample_run.run(cells))["baselines"]
    assert len(baselines) == MAX_BASELINES
    assert baselines[0] == "numpy_vectorized"


def test_a_backend_is_in_all_and_one_other_set():
    """The other sets are the core four, tuned backends and others. A run of the core alone has no sets."""
    names = ["numpy_vectorized", "numba_jit", "numba_tuned", "mine"]
    sets = explorer_series(sample_run.run([sample_run.cell(b, 100, 1e-6) for b in names]))["sets"]
    assert sets == {
        "All": ["numpy_vectorized", "numba_jit", "mine", "numba_tuned"],
        "Core four": ["numpy_vectorized", "numba_jit"],
        "Tuned": ["numba_tuned"],
        "Others": ["mine"],
    }
    assert explorer_series(sample_run.full())["sets"] == {}


def test_the_baselines_are_at_most_twelve():
    """The first ones in reading order."""
    cells = [sample_run.cell(f"x{i:02}", 100, 1e-6) for i in range(13)]
    assert explorer_series(sample_run.run(cells))["baselines"] == [f"x{i:02}" for i in range(12)]


def test_the_tuned_backends_are_those_of_three_libraries():
    """They are a set of their own."""
    names = ["jax_tuned", "numba_tuned", "numpy_tuned"]
    cells = [sample_run.cell(name, 100, 1e-6) for name in (*names, "mine")]
    assert explorer_series(sample_run.run(cells))["sets"] == {
        "All": sorted([*names, "mine"]),
        "Tuned": names,
        "Others": ["mine"],
    }


def test_the_entries_are_in_the_order_of_the_tables():
    """By backend in reading order, then by features and rows."""
    cells = [
        sample_run.cell(backend, n, 1e-6, n_features=d)
        for d in (20, 3)
        for n in (1_000, 100)
        for backend in ("mine", "numba_jit", "python_loops")
    ]
    order = [(c["backend"], c["d"], c["n"]) for c in explorer_series(sample_run.run(cells))["cells"]]
    backends = ("python_loops", "numba_jit", "mine")
    assert order == [(backend, d, n) for backend in backends for d in (3, 20) for n in (100, 1_000)]
