"""The small derived quantities: groups, statuses, rankings, speed-ups, cold costs, scaling, deviations, error curves."""

import math
from itertools import pairwise

import pytest
from helpers import sample_run

from bench.analysis import cold_costs, noise, speed
from bench.analysis.error_curves import MAX_POINTS, error_shares
from bench.analysis.scaling import same_problem, thread_scalings
from bench.plan import BASELINE
from bench.records import ColdCosts, ProblemId, ProblemRoofline

PENGUINS = ProblemId("penguins", "p", None)


def timed(backend, n, calls, d=10, **fields):
    """A cell of 10 iterations. calls: seconds of a call in each block, or None."""
    cell = sample_run.cell(backend, n, 1.0, n_iter=10, n_features=d, **fields)
    cell.samples_s = list(calls)
    return cell


def group_of(*cells):
    """The only group of these cells."""
    (group,) = speed.group_cells(sample_run.run(list(cells)))
    return group


# Groups


def test_a_group_holds_its_cells_limits_and_blocks():
    """float64 is first, then the smaller number of threads. Cells are in reading order, smaller problems first."""
    cells = [
        sample_run.cell(backend, n, 1e-6, dtype=dtype, threads=threads)
        for dtype, threads in (("float32", 1), ("float64", 10), ("float64", 2))
        for n in (1_000, 100)
        for backend in ("zz", "numba_jit", "python_loops")
    ]
    cells.append(sample_run.cell("qr", 100, 1e-6, threads=2, algorithm="QR"))
    cells.append(sample_run.cell(BASELINE, 100, 1e-6, threads=2, control=True))
    run = sample_run.run(cells, blocks=sample_run.blocks_with_reads(cells))
    groups = speed.group_cells(run)
    assert [group.title for group in groups] == ["float64, 2 threads", "float64, 10 threads", "float32, 1 thread"]
    first = groups[0]
    order = [(c.n_samples, c.backend) for c in first.ranked]
    assert order == [(n, backend) for n in (100, 1_000) for backend in ("python_loops", "numba_jit", "zz")]
    assert [c.backend for c in first.others] == ["qr"]
    assert [c.backend for c in first.controls] == [BASELINE]
    assert first.cells == first.ranked + first.others + first.controls
    assert {(roof.dtype, roof.threads) for roof in first.roofs} == {("float64", 2)}
    assert first.blocks is run.blocks
    assert [groups[2].others, groups[2].controls] == [[], []]


def test_a_long_dtype_is_shortened_in_a_title():
    """A dtype comes from a file."""
    assert len(speed.group_title("x" * 50, 1)) == len(f"{'x' * 20}, 1 thread")


def test_problems_sort_by_rows_then_features_then_name():
    """The size is the number of values of X. A roofline has no digest."""
    keys = [speed.ProblemKey(10, 2, "a", ""), speed.ProblemKey(10, 1, "b", ""), speed.ProblemKey(9, 20, "a", "")]
    assert sorted(keys) == keys[::-1]
    assert keys[2].size == 180
    roof = ProblemRoofline(
        threads=1, dtype="float64", problem="penguins", n_samples=342, n_features=4, bytes=1, operations=1,
        read_gb_per_s=1.0, read_ci_low=None, read_ci_high=None, peak_gflop_per_s=None, ridge=None, limit_s=1.0,
        limited_by="bandwidth", backends=[],
    )  # fmt: skip
    assert speed.problem_key(roof) == (342, 4, "penguins", "")
    assert speed.problem_label(roof) == "penguins, n = 342, d = 4"
    assert speed.problem_key(sample_run.cell("a", 342, n_features=4, problem=PENGUINS)) == (342, 4, "penguins", "p")


# Times and statuses


def test_a_time_is_per_iteration_with_its_interval():
    """Without both ends there is no interval, and without a valid status or an iteration no time."""
    cell = timed("a", 100, [1.0] * 6)
    cell.per_iteration_s, cell.ci_low_s, cell.ci_high_s = 0.1, 0.9, 1.1
    assert speed.time_per_iteration(cell) == pytest.approx((0.1, 0.09, 0.11))
    cell.status = "interrupted"
    assert speed.time_per_iteration(cell).median == 0.1
    for end in ("ci_low_s", "ci_high_s"):
        setattr(cell, end, None)
        assert speed.time_per_iteration(cell) == (0.1, None, None)
        setattr(cell, end, 1.0)
    cell.n_iter = 1
    assert speed.time_per_iteration(cell) == (0.1, 1.0, 1.0)
    for field, value in (("status", "wrong"), ("per_iteration_s", None), ("n_iter", 0)):
        other = timed("a", 100, [1.0] * 6)
        setattr(other, field, value)
        assert speed.time_per_iteration(other) is None


@pytest.mark.parametrize(
    ("status", "n_iter", "predicted_s", "expected"),
    [("skipped", 10, 5.0, 0.5), ("skipped", 1, 5.0, 5.0), ("skipped", 0, 5.0, None), ("skipped", 10, None, None), ("timeout", 10, 5.0, None)],
)  # fmt: skip
def test_a_predicted_time_is_that_of_a_skipped_cell(status, n_iter, predicted_s, expected):
    """It is per iteration."""
    cell = sample_run.cell("a", 100, status=status, n_iter=n_iter, predicted_s=predicted_s)
    assert speed.predicted_time(cell) == expected


@pytest.mark.parametrize(
    ("seconds", "fields", "words"),
    [
        (1.0, {}, "ok"),
        (1.0, {"flags": ["noisy: 12%"]}, "ok, flagged"),
        (1.0, {"status": "interrupted", "detail": "3 of 6 blocks were run"}, "interrupted: 3 of 6 blocks were run"),
        (None, {"status": "interrupted", "detail": "the run ended"}, "interrupted: the run ended"),
        (None, {"status": "interrupted"}, "interrupted"),
        (None, {"status": "ok"}, "no time"),
        (None, {"status": "out_of_memory"}, "out of memory"),
        (None, {"status": "wrong", "detail": "y" * 100}, "wrong: " + "y" * 53 + "…" + "y" * 26),
        (None, {"status": "skipped", "predicted_s": 0.2, "n_iter": 10}, "skipped (predicted 20.0 ms per iteration)"),
    ],
)
def test_the_text_of_a_status_has_its_reason(seconds, fields, words):
    """A flag, a prediction, or the detail, which has at most 80 characters."""
    assert speed.status_text(sample_run.cell("a", 100, seconds, **fields)) == words


# Selected problems and rankings


@pytest.mark.parametrize(
    ("names_at", "largest"),
    [({100: "abc", 1_000: "ab", 10_000: "a"}, 1_000), ({100: "a", 1_000: "b"}, 1_000), ({100: "ab", 1_000: ""}, 100), ({}, None)],
)  # fmt: skip
def test_the_headline_is_at_the_largest_size_of_two_backends(names_at, largest):
    """A third backend at a smaller size does not matter. Without a time there is no such problem."""
    cells = [sample_run.cell(name, n, 1e-6) for n, names in names_at.items() for name in names]
    cells += [sample_run.cell(name, n, status="crashed") for n in names_at for name in "yz"]
    assert getattr(speed.largest_comparable_problem(cells), "n_samples", None) == largest


def test_the_size_of_a_problem_decides_before_its_rows():
    """1 000 x 2 is smaller than 100 x 50."""
    cells = [sample_run.cell("a", n, 1e-6, n_features=d) for n, d in ((100, 50), (1_000, 2))]
    assert speed.largest_comparable_problem(cells)[:2] == speed.cold_problem(cells)[:2] == (100, 50)


@pytest.mark.parametrize(
    ("cold_at", "names_at", "expected"),
    [
        ({100: "ab", 1_000: "a"}, {100: "ab", 1_000: "abc"}, 100),  # the most first calls
        ({100: "a", 1_000: "a"}, {100: "ab", 1_000: "a"}, 100),  # then the most times
        ({100: "ab", 1_000: "ab"}, {100: "ab", 1_000: "ab"}, 1_000),  # then the largest
        ({}, {}, None),
    ],
)
def test_cold_costs_are_compared_where_most_backends_have_them(cold_at, names_at, expected):
    """A cell without a time does not count."""
    cells = [
        sample_run.cell(
            name, n, 1e-6, cold_costs=ColdCosts(first_call_s=1.0) if name in cold_at.get(n, "") else ColdCosts()
        )
        for n, names in names_at.items()
        for name in names
    ]
    cells += [sample_run.cell(x, 10**6, status="wrong", cold_costs=ColdCosts(first_call_s=1.0)) for x in "xyz"]
    assert getattr(speed.cold_problem(cells), "n_samples", None) == expected


def test_a_ranking_has_the_lowest_median_first():
    """A tie is a ratio to the first whose interval contains 1. Equal medians keep their order."""
    steady, jitter = [1.0] * 6, [0.5, 0.9, 1.1, 1.1, 1.3, 2.0]
    cells = [timed(name, 100, calls) for name, calls in (("slow", [3.0] * 6), ("first", steady), ("tied", jitter))]
    for cell, per_iteration in zip(cells, (0.3, 0.1, 0.11), strict=True):
        cell.per_iteration_s = per_iteration
    ranking = speed.rank([*cells, sample_run.cell("none", 100, status="wrong")])
    assert [c.backend for c in ranking.timed] == ["first", "tied", "slow"]
    assert [c.backend for c in ranking.tied] == ["tied"]
    assert ranking.sure
    assert speed.rank([]) is None
    twins = [timed("b", 100, steady), timed("a", 100, steady)]
    for cell in twins:
        cell.per_iteration_s = 0.1
    assert [c.backend for c in speed.rank(twins).timed] == ["b", "a"]


@pytest.mark.parametrize("calls", [[2.0] * 3, [None] * 5 + [2.0], [2.0] * 7])
def test_a_ranking_is_not_sure_without_an_interval(calls):
    """Too few common blocks, or blocks that do not match."""
    cells = [timed("a", 100, [1.0] * 6), timed("b", 100, calls)]
    cells[0].per_iteration_s, cells[1].per_iteration_s = 0.1, 0.2
    ranking = speed.rank(cells)
    assert not ranking.sure
    assert ranking.tied == []


def test_a_speedup_compares_times_per_iteration():
    """Ten times the iterations in ten times the time are equally fast. Other numbers of blocks do not match."""
    base, other = timed("a", 100, [2.0, None] * 6), timed("b", 100, [10.0, 1.0] * 6)
    other.n_iter = 100
    assert speed.paired_speedup(base, other) == pytest.approx((2.0, 2.0, 2.0))
    other.samples_s.pop()
    assert speed.paired_speedup(base, other) is None


# Cold costs


def costs(import_s=0.1, prepare_s=0.2, first_call_s=0.7, **fields):
    return ColdCosts(import_s=import_s, prepare_s=prepare_s, first_call_s=first_call_s, **fields)


def cold(backend, call_s, n=100, **fields):
    """A cell of 10 iterations with a median call of `call_s` seconds."""
    cell = timed(backend, n, [call_s] * 6, cold_costs=costs(**fields))
    cell.median_s = call_s
    return cell


@pytest.mark.parametrize("missing", ["import_s", "prepare_s", "first_call_s"])
def test_cold_seconds_are_import_prepare_and_first_call(missing):
    """They are unknown if one part is."""
    assert cold_costs.cold_seconds(costs()) == pytest.approx(1.0)
    assert cold_costs.cold_seconds(costs(**{missing: None})) is None
    assert cold_costs.cold_seconds(costs(**{missing: 0.0})) < 1


@pytest.mark.parametrize(
    ("cold_s", "gain_s", "calls"),
    [(3.0, 1.0, 3), (3.0, 0.9, 4), (0.5, 1.0, 1), (1.0, 1.0, 1), (1.5, 0.5, 2), (3.0, 0.0, "never"), (0.1, -1.0, "never")],
)  # fmt: skip
def test_break_even_is_the_call_that_repays_the_cold_costs(cold_s, gain_s, calls):
    """The baseline has 1 s of cold costs, which include the first call: the second call is the first one that gains."""
    backend = costs(import_s=cold_s, prepare_s=0.0, first_call_s=0.0)
    assert cold_costs.break_even_calls(backend, costs(import_s=1.0, prepare_s=0.0, first_call_s=0.0), gain_s) == calls


def test_break_even_needs_both_cold_costs():
    """A missing part of either is unknown, but a slower backend never breaks even."""
    for own, other in ((ColdCosts(), costs()), (costs(), ColdCosts())):
        assert cold_costs.break_even_calls(own, other, 1.0) is None
        assert cold_costs.break_even_calls(own, other, 0.0) == "never"


@pytest.mark.parametrize(
    ("first", "compiling", "rest"),
    [(1.0, 0.75, 0.25), (1.0, None, 1.0), (1.0, 1.5, 0.0), (0.0, 0.0, 0.0), (None, 1.0, None)],
)
def test_the_first_call_without_compilation(first, compiling, rest):
    """It is at least 0."""
    cell = sample_run.cell("a", 100, 1.0, cold_costs=ColdCosts(first_call_s=first, compile_s=compiling))
    assert cold_costs.first_call_without_compile(cell) == rest


@pytest.mark.parametrize(("iterations", "seconds"), [(10, 1.0), (20, 3.0), (15, 2.0), (110, 21.0)])
def test_later_calls_add_to_the_cold_costs(iterations, seconds):
    """The first 10 iterations are the first call, and each later call takes 2 s."""
    assert cold_costs.seconds_at(cold("a", 2.0), iterations) == pytest.approx(seconds)


def test_unknown_parts_add_no_seconds():
    """A cell without a median or without cold costs counts what is known."""
    cell = cold("a", 2.0, import_s=None)
    assert cold_costs.seconds_at(cell, 20) == 2.0
    cell = cold("a", 2.0)
    cell.median_s = None
    assert cold_costs.seconds_at(cell, 20) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("calls_s", "power"),
    [
        *(([call_s], power) for call_s, power in ((9.0, 0), (1.0, 0), (0.1, 1), (0.04, 1), (0.02, 2), (1e-12, 6))),
        ([1e-6], 6),
        ([9.0, 0.01, 1e-4], 2),
        ([9.0, 0.01], 2),
    ],
)
def test_calls_are_compared_at_a_power_of_ten(calls_s, power):
    """The ratio of cold costs to a call of the median backend, rounded in logarithms, from 1 to a million."""
    assert cold_costs.comparable_calls([cold("a", call_s) for call_s in calls_s]) == 10**power


@pytest.mark.parametrize(
    ("backend", "calls", "iterations"),
    [("a", 7, 70), ("a", 2, 20), ("a", 1, None), ("a", "never", None), ("a", None, None), (BASELINE, 7, None)],
)
def test_break_even_iterations_are_those_of_its_calls(backend, calls, iterations):
    """One call is no break-even: the backend is ahead from the start."""
    assert cold_costs.break_even_iterations(cold(backend, 1.0, break_even_calls=calls)) == iterations


def test_cold_cells_have_every_part():
    """The other cells on the problem are incomplete and have the names of their missing parts."""
    partial, timeless = cold("partial", 1.0, import_s=None, prepare_s=None), cold("timeless", 1.0)
    timeless.median_s = None
    crashed = sample_run.cell("crashed", 100, status="crashed", cold_costs=costs())
    group = group_of(cold("whole", 1.0), partial, timeless, crashed, cold("whole", 1.0, n=1_000))
    result = cold_costs.cold_cells(group, ("import_s", "prepare_s"))
    assert result.problem.n_samples == 100
    assert [c.backend for c in result.cells] == ["whole"]
    incomplete = {c.backend: missing for c, missing in result.incomplete}
    assert incomplete == {"partial": ["import_s", "prepare_s"], "timeless": [], "crashed": []}
    assert cold_costs.cold_cells(group_of(crashed), ("import_s",)).problem is None


# Scaling


def test_thread_scalings_are_by_dtype_on_the_largest_problem():
    """float64 first. The fewest threads are the base, without an interval; the control and other algorithms are left out."""
    cells = [
        timed(backend, n, [8.0 / threads] * 6, dtype=dtype, threads=threads, **fields)
        for dtype in ("float32", "float64")
        for threads in (4, 1, 2)
        for n in (100, 1_000)
        for backend, fields in (("a", {}), ("b", {"algorithm": "QR"}), (BASELINE, {"control": True}))
    ]
    cells.append(timed("c", 10_000, [1.0] * 6))  # ran with one thread only
    cells.append(sample_run.cell("d", 1_000, threads=2, status="crashed"))
    scalings = thread_scalings(sample_run.run(cells))
    assert list(scalings) == ["float64", "float32"]
    scaling = scalings["float64"]
    assert (scaling.problem.n_samples, scaling.problem.threads) == (1_000, 1)
    assert [(c.backend, c.n_samples, c.threads) for c, _ in scaling.entries] == [("a", 1_000, t) for t in (1, 2, 4)]
    assert [ratio for _, ratio in scaling.entries] == [
        (1.0, None, None), pytest.approx((2.0, 2.0, 2.0)), pytest.approx((4.0, 4.0, 4.0))
    ]  # fmt: skip


def test_without_two_numbers_of_threads_there_is_no_scaling():
    """An empty run has none either."""
    assert thread_scalings(sample_run.empty()) == {}
    assert thread_scalings(sample_run.run([timed("a", 100, [1.0] * 6), timed("b", 100, [1.0] * 6, threads=2)])) == {}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"dtype": "float32", "threads": 2, "problem": ProblemId("synthetic", "other", 1)}, True),
        ({"backend": "b"}, False),
        ({"n": 200}, False),
        ({"n_features": 11}, False),
        ({"problem": PENGUINS}, False),
    ],
)
def test_the_same_problem_may_differ_in_dtype_threads_and_digest(changes, same):
    fields = {"backend": "a", "n": 100} | changes
    assert same_problem(sample_run.cell(**fields), sample_run.cell("a", 100)) is same


# Deviations


def test_deviations_are_percent_of_the_median():
    """In block order. A cell without a time has none."""
    cell = timed("a", 100, [2.0, None, 1.0, 3.0])
    cell.median_s = 2.0
    assert noise.deviations(cell) == pytest.approx([0, -50, 50])
    cell.median_s = None
    assert noise.deviations(cell) == []
    assert noise.deviations(sample_run.cell("a", 100, status="crashed")) == []


def test_drifts_of_sentinels_are_percent_of_the_first():
    """In the order of the blocks of this number of threads. A single time is no drift."""
    blocks = sample_run.sentinels(3) + sample_run.sentinels(2, threads=2)
    for block, seconds in zip(blocks, (2.0, 3.0, 1.0, 5.0, 6.0), strict=True):
        block.sentinels = {"memory": [seconds]}
    blocks[0].sentinels["once"] = [1.0]
    assert noise.sentinel_drifts(blocks, 1) == {"memory": pytest.approx([0, 50, -50])}
    assert noise.sentinel_drifts(blocks, 2) == {"memory": pytest.approx([0, 20])}


# Error curves


@pytest.mark.parametrize(
    "row",
    [
        *([1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, math.nan, 1.0], [1.0, 1.0, math.inf]),
        *([0.5, 1.0, 1.0], [-1.0, 1.0, 1.0], [11.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]),
    ],
)
def test_an_invalid_row_of_a_curve_is_left_out(row):
    """It needs three finite numbers, an iteration of the run, and an error and a bound that are not negative."""
    cell = sample_run.cell("a", 100, 1.0, n_iter=10, error_curve=[[0.0, 1.0, 4.0], row, [10.0, 0.0, 4.0]])
    assert error_shares(cell) == [(0, 0.25), (10, 0.0)]


def test_a_curve_has_each_iteration_once_in_order():
    """The first row of an iteration counts, and at most 50 points."""
    cell = sample_run.cell("a", 100, 1.0, n_iter=100, error_curve=[[2.0, 1.0, 4.0], [1.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    assert error_shares(cell) == [(1, 0.5), (2, 0.25)]
    cell.error_curve = [[float(k), 0.0, 0.0] for k in range(100)]
    points = error_shares(cell)
    assert len(points) == MAX_POINTS == 50
    assert all(after[0] - before[0] == 1 for before, after in pairwise(points))
    cell.error_curve = None
    assert error_shares(cell) == []
