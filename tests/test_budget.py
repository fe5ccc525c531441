"""The time budget: predictions from measurements, guesses before them, and the cells that a run leaves out."""

from dataclasses import replace

import pytest
from test_plan import ABSENT, DEFAULTS, LOOPS, MINE, NUMPY, planned

from bench.measure import options
from bench.measure.budget import (
    REPORT_S,
    STAGE_S,
    announce,
    cells_to_leave_out,
    guess,
    guessed_costs,
    predict,
    predict_run,
    reference_s,
    too_long,
    trial_costs,
)
from bench.measure.options import make_plan
from bench.measure.run_directory import RunDirectory
from bench.measure.runner import RunInProgress
from bench.plan import BASELINE, CELL_SHARE, CONTROL, CellPlan, synthetic_cases
from bench.records import CellSample


def cell_of(n, max_iter=100):
    (case,) = synthetic_cases([(n, 10)], 0, max_iter)
    return CellPlan(MINE, False, case, "float64", 1)


def test_prediction_from_two_sizes():
    """Two sizes determine a and b in seconds = (a + b n d) × iterations, for any number of iterations."""

    def seconds(cell):
        return (2e-6 + 3e-9 * cell.case.n_samples * 10) * cell.case.max_iter

    small, large, target = cell_of(1_000, 200), cell_of(10_000, 50), cell_of(1_000_000, 10)
    times = [(small.case, seconds(small)), (large.case, seconds(large))]
    assert predict(target, times) == pytest.approx(seconds(target))
    assert predict(target, times[::-1]) == pytest.approx(seconds(target))


def test_prediction_from_no_size_and_from_one():
    """Without a measured size there is no prediction. From one size, the time is in proportion to n d."""
    assert predict(cell_of(1_000), []) is None
    assert predict(cell_of(10_000), [(cell_of(100).case, 0.5)]) == pytest.approx(50)


def test_prediction_uses_the_two_nearest_sizes():
    """A much smaller size does not change a prediction from the two largest."""
    times = [(cell_of(10).case, 1.0), (cell_of(1_000).case, 1.0), (cell_of(10_000).case, 10.0)]
    assert predict(cell_of(100_000), times) == pytest.approx(100, rel=0.01)


def test_prediction_from_falling_times():
    """If a larger size was faster, the prediction is not below the larger size's time."""
    times = [(cell_of(100).case, 2e-5), (cell_of(1_000).case, 1e-5)]
    assert predict(cell_of(1_000_000), times) >= 1e-5


def test_cell_over_its_share_of_the_budget_is_too_long():
    """A cell may take a quarter of the budget over all blocks. The message has the prediction and the share."""
    plan = planned(time_budget="100s")
    assert CELL_SHARE == 0.25
    limit = 25 / (plan.calls_per_cell * plan.blocks)
    assert too_long(plan, limit * 0.999) is None
    assert too_long(plan, 10.0) == (
        "predicted 10 s per call, 300 s over 6 blocks; one cell may take 25 s, 25 % of the time budget"
    )


# The whole run


def kept(plan, omitted):
    """(label, n) of each cell of the plan that is not omitted."""
    return {(cell.label, cell.case.n_samples) for cell in plan.cells if cell.id not in omitted}


def test_guess_separates_loops_from_arrays():
    """Without any measurement, 100 000 rows are too long for python_loops only."""
    plan = planned()
    costs = guessed_costs(plan)
    for cell in plan.cells:
        expected = cell.backend is LOOPS and cell.case.n_samples >= 100_000
        assert (cell.id not in costs) is expected, cell.id
        assert (too_long(plan, guess(cell)) is not None) is expected


@pytest.mark.parametrize(("mode", "least", "most"), [("quick", 15, 60), ("default", 60, 200), ("full", 100, 300)])
def test_prediction_of_each_mode(mode, least, most):
    """The plan contains the prediction and the announcement prints it. Without a budget no cell is left out."""
    plan = planned(mode=mode)
    seconds, omitted = predict_run(plan)
    assert least < seconds < most
    assert not omitted
    assert plan.predicted_s == plan.describe()["predicted_s"] == pytest.approx(seconds, abs=0.1)
    rounded = int(float(f"{plan.predicted_s:.2g}"))  # 35.46 is about 35, but the plan has 35.5, which is about 36
    assert announce(plan) == f"predicted: about {rounded} s for {plan.blocks} blocks, report included"


def test_more_blocks_dtypes_and_backends_cost_more():
    """The prediction grows with the work. An unavailable backend costs nothing."""
    small = predict_run(planned(sizes=["100x10"], backends=[NUMPY]))[0]
    assert predict_run(planned(sizes=["100x10"]))[0] > small
    assert predict_run(planned(sizes=["100x10"], backends=[NUMPY], mode="full"))[0] > small
    assert predict_run(planned(sizes=["100x10"], backends=[NUMPY], dtypes=["float64", "float32"]))[0] > small
    assert predict_run(planned(sizes=["100x10"], backends=[NUMPY, ABSENT]))[0] == small  # unavailable
    threads = replace(planned(sizes=["100x10"], backends=[NUMPY]), threads=(1, 2))
    assert predict_run(threads)[0] == pytest.approx(2 * small - STAGE_S - REPORT_S, abs=1.0)


def test_budget_leaves_out_the_costliest_cells():
    """All backends keep the smallest problem. The announcement has the number of omitted cells. A larger budget keeps more."""
    plan = planned(time_budget="50s")
    seconds, omitted = predict_run(plan)
    assert seconds <= 50
    assert omitted
    assert {(worker, 100) for worker in ("python_loops", BASELINE, CONTROL, "mine")} <= kept(plan, omitted)
    assert f"{len(omitted)} of {len(plan.cells)} cells are left out" in announce(plan)
    larger = planned(time_budget="75s")
    assert len(guessed_costs(larger)) - len(predict_run(larger)[1]) > len(guessed_costs(plan)) - len(omitted)


def test_too_small_budget_is_announced():
    """If not even the smallest problem fits, it is measured all the same and the announcement says so."""
    plan = planned(time_budget="5s", sizes=["100x10", "1000x10"], backends=[NUMPY, MINE])
    seconds, omitted = predict_run(plan)
    assert seconds > 5
    assert {n for _, n in kept(plan, omitted)} == {100}
    assert "not even the smallest problem fits" in announce(plan)


def test_baseline_stays_with_any_other_backend():
    """NumPy and its control are the costliest cells here, but a problem is never measured without its baseline."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE])
    costs = {cell.id: 5.0 if cell.backend is NUMPY else 1.0 for cell in plan.cells}
    assert kept(plan, cells_to_leave_out(plan, costs, 100.0)) == kept(plan, set())
    assert kept(plan, cells_to_leave_out(plan, costs, 21.5)) == kept(plan, set()) - {("mine", 20)}
    assert {n for _, n in kept(plan, cells_to_leave_out(plan, costs, 20.0))} == {10}


def test_cut_keeps_what_fits():
    """Cells are left out only if they do not fit into the limit."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE])
    costs = {cell.id: 1.0 for cell in plan.cells}
    whole = len(plan.cells)
    assert not cells_to_leave_out(plan, costs, whole)
    assert len(cells_to_leave_out(plan, costs, whole - 0.1)) == 1
    assert not cells_to_leave_out(plan, {}, 0.0)


def test_cut_counts_the_references_of_cases_with_cells():
    """They do not fit beside all cells; without the larger case, its reference is not needed."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY])
    costs = {cell.id: 1.0 for cell in plan.cells}
    references = {case.key: 3.0 for case in plan.cases}
    assert not cells_to_leave_out(plan, costs, 10.0, references)
    assert {n for _, n in kept(plan, cells_to_leave_out(plan, costs, 9.9, references))} == {10}
    assert cells_to_leave_out(plan, costs, 5.0, references) == cells_to_leave_out(plan, costs, 9.9, references)


def test_trials_are_left_out_first():
    """A cell that will be skipped after two calls is left out before others, at the smallest size, too."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE, LOOPS])
    costs = {cell.id: 1.0 for cell in plan.cells}
    trial = next(cell.id for cell in plan.cells if cell.backend is LOOPS)
    assert cells_to_leave_out(plan, costs, len(plan.cells) - 0.5, trials={trial}) == {trial}


def test_many_cells_are_cut_in_little_work():
    """The number of comparisons grows little faster than the number of cells."""
    plan = planned(sizes=[f"{n}x2" for n in range(1000, 1600)], backends=[NUMPY, MINE, LOOPS])
    compared = 0

    class Seconds(float):
        def __lt__(self, other):
            nonlocal compared
            compared += 1
            return float(self) < float(other)

        def __neg__(self):
            return Seconds(-float(self))

        def __add__(self, other):
            return Seconds(float(self) + float(other))

        __radd__ = __add__

    cells_to_leave_out(plan, {cell.id: Seconds(cell.case.size) for cell in plan.cells}, 0.0)
    assert compared < 50 * len(plan.cells)


# References


def test_prediction_includes_the_references():
    """It grows with the iterations of a problem whose cells are skipped, and twice as fast with another algorithm."""
    few, many = (predict_run(planned(sizes=["10x2"], backends=[NUMPY], max_iter=k))[0] for k in (100_000, 1_000_000))
    case = synthetic_cases([(10, 2)], 0, 1_000_000)[0]
    assert many - few > 0.9 * reference_s(case, ["float64"], False) > 10
    assert reference_s(case, ["float64", "float32"], True) == pytest.approx(4 * reference_s(case, ["float64"], False))


def test_references_that_do_not_fit_are_refused():
    """The only problem needs more than a quarter of the budget for its references: one sentence, no start."""
    options = {"sizes": ["10x2"], "backends": [NUMPY], "max_iter": 600_000}
    reason = "with which synthetic-10x2 needs about 9.1 s for the reference results of 600000 iterations"
    with pytest.raises(
        ValueError, match=f"--max-iter: found 600000, {reason}, and a quarter .* is 5 s; allowed: fewer"
    ):
        planned(**options, time_budget="20s")
    assert planned(**options, time_budget="60s").cases[0].too_large is None


def test_problem_whose_references_do_not_fit_is_skipped():
    """The smaller problem is measured; the note and the cells of the larger one give the reason."""
    plan, notes = make_plan(**DEFAULTS | {"sizes": ["10x2", "10000x100"], "max_iter": 5_000, "time_budget": "60s"})
    small, large = plan.cases
    assert small.too_large is None
    assert large.too_large in {cell.impossible for cell in plan.cells if cell.case == large}
    assert any(note.startswith("synthetic-10000x100 is skipped: it needs about 8") for note in notes)
    assert plan.measured_cases == [small]


def test_case_without_cells_is_not_staged():
    """All its cells are left out to fit the budget, so its references are not computed."""
    plan = planned(time_budget="20s", sizes=["100x10", "100000x10", "200000x10"])
    sizes = {cell.case.n_samples for cell in plan.cells if cell.id not in plan.left_out}
    assert {case.n_samples for case in plan.measured_cases} == sizes
    assert sizes < {100, 100_000, 200_000}


def test_two_thousand_million_iterations_are_refused(monkeypatch):
    """The sentence has the memory of the losses and the time."""
    monkeypatch.setattr(options.memory, "available", lambda: 2**33)
    with pytest.raises(ValueError) as error:
        planned(sizes=["10x2"], max_iter=2_000_000_000)
    assert str(error.value) == (
        "--max-iter: found 2000000000, with which synthetic-10x2 needs about 178.8 GiB of memory to prepare, and 8.0"
        " GiB are free; about 61000 s for the reference results of 2000000000 iterations, and a quarter of the time"
        " budget is 30 s; allowed: fewer iterations"
    )


@pytest.mark.parametrize(("call_s", "warmup_calls"), [(0.049, 9), (0.05, 1), (2.0, 1)])
def test_later_workers_warm_up_long_calls_once(tmp_path, call_s, warmup_calls):
    """The first worker does not know how long a call takes. For short calls, the others make as many as it did."""
    plan = planned(sizes=["100x10"], backends=[NUMPY])
    directory = RunDirectory.begin(tmp_path / "run", plan, "gdbench run")
    run = RunInProgress(directory, tmp_path, lambda progress: None)
    cell = plan.cells[0]
    assert run.decide(cell).warmup_calls is None
    run.keep(CellSample(cell=cell.id, block=0, status="ok", rounds_s=[call_s] * 3, calls=2, warmup_calls=9))
    directory.close()
    decision = run.decide(cell)
    assert (decision.calls, decision.warmup_calls, decision.rounds) == (2, warmup_calls, 3)


@pytest.mark.parametrize("same", [True, False])
def test_one_sample_is_kept_of_each_report_of_versions(tmp_path, same):
    """A later sample with the same versions adds nothing, one with others does."""
    plan = planned(sizes=["100x10", "1000x10"], backends=[NUMPY])
    directory = RunDirectory.begin(tmp_path / "run", plan, "gdbench run")
    run = RunInProgress(directory, tmp_path, lambda progress: None)
    for number, cell in enumerate(plan.cells[:2]):
        versions = {"numpy": "2.0" if same else f"2.{number}"}
        run.keep(CellSample(cell=cell.id, block=0, status="skipped", versions=versions))
    directory.close()
    assert [report.versions for report in run.reports] == (
        [{"numpy": "2.0"}] if same else [{"numpy": "2.0"}, {"numpy": "2.1"}]
    )


@pytest.mark.parametrize("budget", ["60s", None])
def test_measured_costs_replace_the_guess(tmp_path, budget):
    """Higher measured costs leave out more cells, with the measured time in the decision. Without a budget they do not."""
    plan = planned(sizes=["100x10", "1000x10"], backends=[NUMPY, MINE], time_budget=budget)
    directory = RunDirectory.begin(tmp_path / "run", plan, "gdbench run")
    run = RunInProgress(directory, tmp_path, lambda progress: None)
    assert not run.left_out
    for cell in plan.cells:
        cost_s = 20.0 if (cell.backend, cell.case.n_samples) == (MINE, 1000) else 1.0
        sample = CellSample(cell=cell.id, block=0, status="ok", rounds_s=[0.25, 0.5, 0.75], cost_s=cost_s)
        run.samples[cell.id] = [sample]
    run.replan(1, 10.0)
    directory.close()
    assert kept(plan, run.left_out) == kept(plan, set()) - ({("mine", 1000)} if budget else set())
    if budget:
        (cell,) = (cell for cell in plan.cells if cell.id in run.left_out)
        decision = run.decide(cell)
        assert (decision.run, decision.predicted_s) == (False, 0.5)
        assert decision.detail == "left out, so that the whole run fits its time budget of 60 s"


# Trials, references and the baseline


def test_the_smallest_cell_of_each_worker_is_tried():
    """It costs two calls, if it is not among the cells that fit. A backend that cannot run is not tried."""
    plan = planned(sizes=["20x2", "10x2"], backends=[NUMPY, MINE, ABSENT], dtypes=["float64", "float32"])
    trials = trial_costs(plan, {})
    cells = [cell for cell in plan.cells if cell.case.n_samples == 10 and cell.backend is not ABSENT]
    assert trials == {cell.id: 2 * guess(cell) for cell in cells}
    assert len(trials) == 3 * 2
    assert trial_costs(plan, {cells[0].id: 1.0}).keys() == trials.keys() - {cells[0].id}


def test_a_case_without_cells_needs_no_reference():
    """Once the cells of one case are left out, the others fit."""
    plan = planned(sizes=["10x2", "20x2", "40x2"], backends=[NUMPY])
    costs = {cell.id: 1.0 + (cell.case.n_samples == 20) for cell in plan.cells}
    references = {case.key: 3.0 for case in plan.cases}
    assert {n for _, n in kept(plan, cells_to_leave_out(plan, costs, 10.0, references))} == {10, 40}
    assert {n for _, n in kept(plan, cells_to_leave_out(plan, costs, 9.9, references))} == {10}


def test_the_baseline_stays_as_long_as_one_other_backend():
    """Although it costs most, it is left out after the last of the others."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE, LOOPS])
    costs = {cell.id: {NUMPY: 5.0, LOOPS: 2.0, MINE: 1.0}[cell.backend] for cell in plan.cells}
    left_out = [kept(plan, set()) - kept(plan, cells_to_leave_out(plan, costs, limit)) for limit in (25.0, 23.5, 22.9)]
    others = {("python_loops", 20), ("mine", 20)}
    assert left_out == [{("python_loops", 20)}, others, others | {(BASELINE, 20), (CONTROL, 20)}]


def test_references_count_against_the_budget_of_the_user():
    """The cells alone would fit."""
    options = {"sizes": ["10x2", "20x2"], "backends": [NUMPY], "max_iter": 20_000}
    whole_s = predict_run(planned(**options))[0]
    plan = planned(**options, time_budget=f"{whole_s - 0.2:.3f}s")
    assert {cell.case.n_samples for cell in plan.cells if cell.id in plan.left_out} == {20}
    assert predict_run(plan)[0] <= plan.budget_s
    assert not planned(**options, time_budget=f"{whole_s + 0.2:.3f}s").left_out
