"""The budget: predictions from what was measured, a first guess before that, and what is left out of a run."""

import pytest
from test_plan import ABSENT, LOOPS, MINE, NUMPY, planned

from bench.measure.budget import announce, cut, foresee, guess, guessed_costs, predict, too_long
from bench.measure.run_directory import RunDirectory
from bench.measure.runner import RunInProgress
from bench.plan import BASELINE, CELL_SHARE, CONTROL, CellPlan, synthetic_cases
from bench.records import CellSample


def cell_of(n, max_iter=100):
    (case,) = synthetic_cases([(n, 10)], 0, max_iter)
    return CellPlan(MINE, False, case, "float64", 1)


def test_predict_from_two_points():
    """Two sizes give seconds = (a + b n d) times the iterations, whatever their iterations were."""

    def seconds(cell):
        return (2e-6 + 3e-9 * cell.case.n_samples * 10) * cell.case.max_iter

    small, large, unknown = cell_of(1_000, 200), cell_of(10_000, 50), cell_of(1_000_000, 10)
    known = [(small.case, seconds(small)), (large.case, seconds(large))]
    assert predict(unknown, known) == pytest.approx(seconds(unknown))
    assert predict(unknown, known[::-1]) == pytest.approx(seconds(unknown))


def test_predict_from_none_and_one():
    """Without a point there is no prediction; from one, the time grows in proportion to the size."""
    assert predict(cell_of(1_000), []) is None
    assert predict(cell_of(10_000), [(cell_of(100).case, 0.5)]) == pytest.approx(50)


def test_predict_uses_the_nearest_two():
    """A far smaller size, whose time is all overhead, does not lower what the two largest say."""
    known = [(cell_of(10).case, 1.0), (cell_of(1_000).case, 1.0), (cell_of(10_000).case, 10.0)]
    assert predict(cell_of(100_000), known) == pytest.approx(100, rel=0.01)


def test_predict_from_times_that_fall():
    """Noise that makes a larger size faster does not predict a negative or a shrinking time."""
    known = [(cell_of(100).case, 2e-5), (cell_of(1_000).case, 1e-5)]
    assert predict(cell_of(1_000_000), known) >= 1e-5


def test_too_long():
    """A cell may take a quarter of the budget over all blocks; the sentence holds the prediction and the share."""
    plan = planned(time_budget="100s")
    assert CELL_SHARE == 0.25
    limit = 25 / (plan.calls_per_cell * plan.blocks)
    assert too_long(plan, limit * 0.999) is None
    assert too_long(plan, 10.0) == (
        "predicted 10 s a call, 300 s over 6 blocks; one cell may take 25 s, a quarter of the time budget"
    )


# The whole run


def kept(plan, gone):
    return {(cell.label, cell.case.n_samples) for cell in plan.cells if cell.id not in gone}


def test_a_first_guess_knows_loops_from_arrays():
    """A million rows are hopeless for loops and nothing for arrays, before anything was measured."""
    plan = planned()
    costs = guessed_costs(plan)
    for cell in plan.cells:
        hopeless = cell.backend is LOOPS and cell.case.n_samples >= 100_000
        assert (cell.id not in costs) is hopeless, cell.id
        assert (too_long(plan, guess(cell)) is not None) is hopeless


@pytest.mark.parametrize(("mode", "least", "most"), [("quick", 15, 60), ("default", 60, 200), ("full", 100, 300)])
def test_every_mode_is_predicted(mode, least, most):
    """The prediction stands in the plan, and is told before the run starts; without a budget nothing is left out."""
    plan = planned(mode=mode)
    seconds, gone = foresee(plan)
    assert least < seconds < most
    assert not gone
    assert plan.predicted_s == plan.describe()["predicted_s"] == pytest.approx(seconds, abs=0.1)
    assert (
        announce(plan) == f"predicted: about {int(float(f'{seconds:.2g}'))} s for {plan.blocks} blocks, report included"
    )


def test_more_blocks_threads_and_backends_cost_more():
    """The prediction grows with everything that is done."""
    small = foresee(planned(sizes=["100x10"], backends=[NUMPY]))[0]
    assert foresee(planned(sizes=["100x10"]))[0] > small
    assert foresee(planned(sizes=["100x10"], backends=[NUMPY], mode="full"))[0] > small
    assert foresee(planned(sizes=["100x10"], backends=[NUMPY], dtypes=["float64", "float32"]))[0] > small
    assert foresee(planned(sizes=["100x10"], backends=[NUMPY, ABSENT]))[0] == small  # what cannot run costs nothing


def test_a_budget_leaves_out_what_does_not_fit():
    """The costliest cells go, the smallest problem stays for all, and the sentence says how many are gone."""
    plan = planned(time_budget="50s")
    seconds, gone = foresee(plan)
    assert seconds <= 50
    assert gone
    assert {(worker, 100) for worker in ("python_loops", BASELINE, CONTROL, "mine")} <= kept(plan, gone)
    assert f"{len(gone)} of {len(plan.cells)} cells are left out" in announce(plan)
    roomier = planned(time_budget="75s")
    assert len(guessed_costs(roomier)) - len(foresee(roomier)[1]) > len(guessed_costs(plan)) - len(gone)


def test_a_budget_that_holds_nothing_is_told():
    """Not even the smallest problem fits: it is measured all the same, and the user knows."""
    plan = planned(time_budget="5s", sizes=["100x10", "1000x10"], backends=[NUMPY, MINE])
    seconds, gone = foresee(plan)
    assert seconds > 5
    assert {n for _, n in kept(plan, gone)} == {100}
    assert "not even the smallest problem fits" in announce(plan)


def test_the_baseline_stays_where_another_is():
    """NumPy and its control are the costliest here, and yet a cell without a baseline would say little."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE])
    costs = {cell.id: 5.0 if cell.backend is NUMPY else 1.0 for cell in plan.cells}
    assert kept(plan, cut(plan, costs, 0.0, 1, 100.0)) == kept(plan, set())
    assert kept(plan, cut(plan, costs, 0.0, 1, 21.5)) == kept(plan, set()) - {("mine", 20)}
    assert {n for _, n in kept(plan, cut(plan, costs, 0.0, 1, 20.0))} == {10}


def test_a_cut_counts_blocks_and_overhead():
    """Each block costs its cells and what lies beside them."""
    plan = planned(sizes=["10x2", "20x2"], backends=[NUMPY, MINE])
    costs = {cell.id: 1.0 for cell in plan.cells}
    whole = len(plan.cells)
    assert not cut(plan, costs, 2.0, 3, 3 * (whole + 2.0))
    assert len(cut(plan, costs, 2.0, 3, 3 * (whole + 2.0) - 0.1)) == 1
    assert not cut(plan, {}, 2.0, 3, 0.0)


def test_the_first_blocks_correct_the_guess(tmp_path):
    """Costs that turn out higher leave out more, with the time that was measured; without a budget they do not."""
    for given in ("60s", None):
        plan = planned(sizes=["100x10", "1000x10"], backends=[NUMPY, MINE], time_budget=given)
        directory = RunDirectory.begin(tmp_path / str(given), plan, "gdbench run")
        running = RunInProgress(directory, tmp_path, lambda progress: None)
        assert not running.left_out
        for cell in plan.cells:
            cost_s = 20.0 if (cell.backend, cell.case.n_samples) == (MINE, 1000) else 1.0
            sample = CellSample(cell=cell.id, block=0, status="ok", rounds_s=[0.25, 0.5, 0.75], cost_s=cost_s)
            running.samples[cell.id] = [sample]
        running.replan(1, 10.0)
        directory.close()
        gone = {cell.id: cell for cell in plan.cells if cell.id in running.left_out}
        if given is None:
            assert not gone
            continue
        assert [(cell.label, cell.case.n_samples) for cell in gone.values()] == [("mine", 1000)]
        orders = running.decide(*gone.values())
        assert (orders.run, orders.seconds) == (False, 0.5)
        assert orders.detail == "left out, so that the whole run fits its time budget of 60 s"
