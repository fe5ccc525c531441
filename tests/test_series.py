"""The series of the interactive chart equal the values of the tables, and state why a value is missing."""

import json

import pytest
from helpers import sample_run

from bench.analysis.series import MAX_BASELINES, explorer_series
from bench.analysis.speed import gap_kind, group_cells, paired_speedup, problem_key, speedup, time_per_iteration
from bench.records import ProblemId


def entry(series: dict, backend: str, n: int) -> dict:
    (result,) = [c for c in series["cells"] if (c["backend"], c["n"]) == (backend, n)]
    return result


@pytest.mark.parametrize("name", ["full", "quick", "broken", "groups", "hostile", "empty"])
def test_every_synthetic_ranked_cell_has_its_time_or_its_gap(name):
    """The series hold the ranked cells on synthetic problems, each with its time per iteration or the kind of its gap."""
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


def test_speedups_are_those_of_the_record():
    """The paired speed-up over a baseline, with its interval, is the one that the run recorded."""
    run = sample_run.full()
    series = explorer_series(run)
    (group,) = group_cells(run)
    cells = [c for c in group.ranked if c.problem.name == "synthetic" and speedup(c, "numpy_vectorized")]
    assert cells
    for c in cells:
        ratio = entry(series, c.backend, c.n_samples)["speedup"]["numpy_vectorized"]
        other = next(
            o for o in cells + group.ranked if o.backend == "numpy_vectorized" and problem_key(o) == problem_key(c)
        )
        assert ratio == pytest.approx(list(paired_speedup(c, other)), rel=1e-5)
    baseline = entry(series, "numpy_vectorized", 100)
    assert baseline["speedup"]["numpy_vectorized"] == [1, 1, 1]


def test_a_missing_ratio_has_its_reason():
    """A baseline that was not run, that has no time, or that shares no block gives no ratio; a gap has none at all."""
    far = sample_run.cell("c", 100, 1e-6)
    far.samples_s = [None, *far.samples_s[1:]]
    near = sample_run.cell("d", 100, 1e-6)
    near.samples_s = [near.samples_s[0]] + [None] * (len(near.samples_s) - 1)
    cells = [sample_run.cell("a", 100, status="wrong"), sample_run.cell("b", 1000, 1e-6), far, near]
    series = explorer_series(sample_run.run(cells))
    assert series["baselines"] == ["a", "b", "c", "d"]
    ratios = entry(series, "c", 100)["speedup"]
    assert (ratios["a"], ratios["b"], ratios["d"]) == ("a wrong", "b not run", "d in no common block")
    assert entry(series, "a", 100)["speedup"] == {}


def test_problems_of_equal_size_are_never_paired():
    """Two synthetic problems of one size that differ in their data give no ratio."""
    other = ProblemId("synthetic", "other", 1)
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 2e-6, problem=other)]
    assert entry(explorer_series(sample_run.run(cells)), "b", 100)["speedup"]["a"] == "a not run"


def test_extreme_times_give_no_infinite_ratio():
    """A ratio beyond the range of floating-point numbers is missing, so that the series stay valid JSON."""
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 1e-6)]
    for cell, seconds in zip(cells, (1e-300, 1e300), strict=True):
        cell.samples_s = [seconds] * 6
    series = explorer_series(sample_run.run(cells))
    assert entry(series, "a", 100)["speedup"]["b"] == entry(series, "b", 100)["speedup"]["a"].replace("a in", "b in")


def test_many_backends_have_few_baselines():
    """The core backends come first where there are more backends than baselines."""
    cells = [sample_run.cell(f"x{i}", 100, 1e-6) for i in range(20)] + [sample_run.cell("numpy_vectorized", 100, 1e-6)]
    baselines = explorer_series(sample_run.run(cells))["baselines"]
    assert len(baselines) == MAX_BASELINES
    assert baselines[0] == "numpy_vectorized"


def test_the_sets_are_the_core_the_tuned_and_others():
    """Every backend is in "All" and in one other set; where there is one set alone, there is none to choose."""
    names = ["numpy_vectorized", "numba_jit", "numba_tuned", "mine"]
    sets = explorer_series(sample_run.run([sample_run.cell(b, 100, 1e-6) for b in names]))["sets"]
    assert sets == {
        "All": ["numpy_vectorized", "numba_jit", "mine", "numba_tuned"],
        "Core four": ["numpy_vectorized", "numba_jit"],
        "Tuned": ["numba_tuned"],
        "Others": ["mine"],
    }
    assert explorer_series(sample_run.full())["sets"] == {}
