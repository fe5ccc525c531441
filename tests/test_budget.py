"""The time budget: predictions from measurements, guesses before them, and the cells that a run leaves out."""

import pytest
from test_plan import ABSENT, LOOPS, MINE, NUMPY, planned

from bench.measure.budget import announce, cells_to_leave_out, guess, guessed_costs, predict, predict_run, too_long
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
    assert (
        announce(plan) == f"predicted: about {int(float(f'{seconds:.2g}'))} s for {plan.blocks} blocks, report included"
    )


def test_more_blocks_dtypes_and_backends_cost_more():
    """The prediction grows with the work. An unavailable backend costs nothing."""
    small = predict_run(planned(sizes=["100x10"], backends=[NUMPY]))[0]
    assert predict_run(planned(sizes=["100x10"]))[0] > small
    assert predict_run(planned(sizes=["100x10"], backends=[NUMPY], mode="full"))[0] > small
    assert predict_run(planned(sizes=["100x10"], backends=[NUMPY], dtypes=["float64", "float32"]))[0] > small
    assert predict_run(planned(sizes=["100x10"], backends=[NUMPY, ABSENT]))[0] == small  # unavailable


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
    assert kept(plan, cells_to_leave_out(plan, costs, 0.0, 1, 100.0)) == kept(plan, set())
    assert kept(plan, cells_to_leave_out(plan, costs, 0.0, 1, 21.5)) == kept(plan, set()) - {("mine", 20)}
    assert {n for _, n in kept(plan, cells_to_leave_out(plan, costs, 0.0, 1, 20.0))} == {10}


def test_cut_counts_blocks_and_overhead():
    """Each block costs the sum of its cells and its overhead."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE])
    costs = {cell.id: 1.0 for cell in plan.cells}
    whole = len(plan.cells)
    assert not cells_to_leave_out(plan, costs, 2.0, 3, 3 * (whole + 2.0))
    assert len(cells_to_leave_out(plan, costs, 2.0, 3, 3 * (whole + 2.0) - 0.1)) == 1
    assert not cells_to_leave_out(plan, {}, 2.0, 3, 0.0)


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
