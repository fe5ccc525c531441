"""Predict the time of a run, before it starts and while it runs, and leave out cells that do not fit the budget."""

from collections.abc import Mapping

from bench.plan import (
    BASELINE,
    CELL_SHARE,
    MIN_ROUND_S,
    WARMUP_CALLS,
    WARMUP_S,
    Case,
    CellPlan,
    Plan,
    rounds_of,
    warmup_of,
)
from bench.stats import straight_line

# (a, b) in seconds per iteration = a + b n d on an ordinary core, used before anything is measured.
GUESS = (10e-6, 1.5e-9)
GUESSES = {"python_loops": (1e-6, 115e-9)}
CELL_S = 0.13  # to load the data, compile and check the results, on average over the backends
WORKER_S = 0.5  # to start the interpreter and pytest, and to import a library
PROBES_S = 1.5  # of a block: the sentinels, and the bandwidth for each problem
STAGE_S, REPORT_S = 4.0, 6.0  # before the first block; after the last block


def predict(cell: CellPlan, times: list[tuple[Case, float]]) -> float | None:
    """Seconds of one call of `cell`, predicted from times of the same backend on smaller cases; None without any.

    Fits seconds per iteration = a + b n d to the two largest of them. The error grows with the distance in size.
    """
    points = sorted((case.size, seconds / max(case.max_iter, 1)) for case, seconds in times)[-2:]
    if not points:
        return None
    a, b = straight_line([size for size, _ in points], [seconds for _, seconds in points])
    return (a + b * cell.case.size) * max(cell.case.max_iter, 1)


def guess(cell: CellPlan) -> float:
    """A guess of the seconds of one call before anything is measured, within a factor of a few."""
    a, b = GUESSES.get(cell.backend.name, GUESS)
    return (a + b * cell.case.size) * max(cell.case.max_iter, 1)


def too_long(plan: Plan, predicted_s: float) -> str | None:
    """Why a cell with calls of this length is skipped, or None if it fits its share of the budget."""
    whole = predicted_s * plan.calls_per_cell * plan.blocks
    share = CELL_SHARE * plan.budget_s
    if whole <= share:
        return None
    return (
        f"predicted {predicted_s:.3g} s per call, {whole:.3g} s over {plan.blocks} blocks;"
        f" one cell may take {share:.3g} s, {100 * CELL_SHARE:g} % of the time budget"
    )


def guessed_costs(plan: Plan) -> dict[str, float]:
    """Seconds of each cell in one worker, by id, without cells that will be skipped."""
    costs = {}
    for cell in plan.cells:
        call_s = guess(cell)
        if cell.backend.missing is None and cell.impossible is None and not too_long(plan, call_s):
            warmup = max(WARMUP_S, warmup_of(call_s, WARMUP_CALLS) * call_s)
            costs[cell.id] = CELL_S + warmup + rounds_of(call_s, plan.rounds) * max(MIN_ROUND_S, call_s)
    return costs


def cells_to_leave_out(
    plan: Plan, costs: Mapping[str, float], overhead_s: float, blocks: int, limit_s: float
) -> set[str]:
    """The ids of the cells to leave out so that `blocks` more blocks fit into limit_s.

    costs: seconds per block by cell id; overhead_s: seconds of a block without its cells. The most expensive cells are
    left out first. Every backend keeps the smallest problem, and the baseline and its control keep every problem that
    another backend keeps.
    """
    units: dict[tuple[str, str, str, int], list[CellPlan]] = {}
    for cell in plan.cells:
        if cell.id in costs:
            units.setdefault(cell.calibration_key, []).append(cell)

    def cost(key: tuple[str, str, str, int]) -> float:
        return sum(costs[cell.id] for cell in units[key])

    smallest = min((case.size for case in plan.cases), default=0)
    left_out_ids: set[str] = set()
    while blocks * (overhead_s + sum(map(cost, units))) > limit_s:
        used = [key[1:] for key in units if key[0] != BASELINE]
        spare = [
            key
            for key, cells in units.items()
            if cells[0].case.size > smallest and (key[0] != BASELINE or key[1:] not in used)
        ]
        if not spare:
            break
        left_out_ids |= {cell.id for cell in units.pop(max(spare, key=cost))}
    return left_out_ids


def predict_run(plan: Plan) -> tuple[float, set[str]]:
    """The predicted seconds of the run, report included, and the ids of the cells that do not fit its budget.

    Only a budget of the user leaves out cells. The budget of a mode only skips cells that are too slow.
    """
    costs = guessed_costs(plan)
    workers = {(cell.label, cell.threads) for cell in plan.cells if cell.backend.missing is None}
    overhead_s = WORKER_S * len(workers) + PROBES_S * len(plan.threads)
    left_out_ids = set()
    if plan.has_user_budget:
        left_out_ids = cells_to_leave_out(plan, costs, overhead_s, plan.blocks, plan.budget_s - STAGE_S - REPORT_S)
    kept = sum(seconds for cell, seconds in costs.items() if cell not in left_out_ids)
    return STAGE_S + plan.blocks * (overhead_s + kept) + REPORT_S, left_out_ids


def announce(plan: Plan) -> str:
    """The prediction that the user sees before the run starts."""
    words = f"predicted: about {float(f'{plan.predicted_s:.2g}'):.0f} s for {plan.blocks} blocks, report included"
    if plan.left_out:
        words += f"; {len(plan.left_out)} of {len(plan.cells)} cells are left out to fit the time budget"
    if plan.has_user_budget and plan.predicted_s > plan.budget_s:
        words += f"; not even the smallest problem fits the time budget of {plan.budget_s:.3g} s; it is measured anyway"
    return words
