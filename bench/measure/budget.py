"""Predict the time of a run, before it starts and while it runs, and leave out cells that do not fit the budget."""

import heapq
from collections import Counter
from collections.abc import Container, Mapping, Sequence

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
COMPILED = ("numba_jit", "numba_tuned", "jax_jit", "jax_tuned")
GUESSES = {"python_loops": (1e-6, 115e-9)} | dict.fromkeys(COMPILED, (0.5e-6, 1.5e-9))
# Seconds per iteration of the references of a problem = a + b n d, and of their eigenvalues per n d min(n, d).
REFERENCE, SPECTRUM = (15e-6, 8e-9), 0.3e-9
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


def reference_s(case: Case, dtypes: Sequence[str], normwise: bool) -> float:
    """Predicted seconds of the references of a case. normwise: there are others for backends of another algorithm."""
    a, b = REFERENCE
    once_s = SPECTRUM * case.size * min(case.n_samples, case.n_features)
    return len(dtypes) * (2 if normwise else 1) * (once_s + (a + b * case.size) * (case.max_iter + 1))


def guessed_costs(plan: Plan) -> dict[str, float]:
    """Seconds of each cell in one worker, by id, without cells that will be skipped."""
    costs = {}
    for cell in plan.cells:
        call_s = guess(cell)
        if cell.possible and not too_long(plan, call_s):
            warmup = max(WARMUP_S, warmup_of(call_s, WARMUP_CALLS) * call_s)
            costs[cell.id] = CELL_S + warmup + rounds_of(call_s, plan.rounds) * max(MIN_ROUND_S, call_s)
    return costs


def trial_costs(plan: Plan, costs: Mapping[str, float]) -> dict[str, float]:
    """Seconds of cells that are skipped after two calls, by id: the smallest of a backend, if its calls are too long.

    costs: of the cells that are not skipped. Larger cells are predicted from smaller ones and need no call.
    """
    smallest: dict[tuple[str, str, int], CellPlan] = {}
    for cell in sorted(filter(lambda cell: cell.possible, plan.cells), key=lambda cell: cell.case.size):
        smallest.setdefault((cell.label, cell.dtype, cell.threads), cell)
    return {cell.id: WARMUP_CALLS * guess(cell) for cell in smallest.values() if cell.id not in costs}


def cells_to_leave_out(
    plan: Plan,
    costs: Mapping[str, float],
    limit_s: float,
    references: Mapping[str, float] | None = None,
    trials: Container[str] = (),
) -> set[str]:
    """The ids of the cells to leave out so that the others fit into limit_s.

    costs: seconds of a cell in all blocks, by its id. references: seconds of the references of a case, by its key; a
    case without cells needs none. trials: cells that will be skipped after two calls; they are left out first. Then
    the most expensive ones are. Every backend keeps the smallest problem, except for a trial, and the baseline and its
    control keep every problem that another backend keeps.
    """
    units: dict[tuple[str, str, str, int], list[CellPlan]] = {}
    for cell in plan.cells:
        if cell.id in costs:
            units.setdefault(cell.calibration_key, []).append(cell)
    seconds = {key: sum(costs[cell.id] for cell in cells) for key, cells in units.items()}
    users = Counter(key[1:] for key in units if key[0] != BASELINE)
    of_case = Counter(key[1] for key in units)
    total_s = sum(seconds.values()) + sum((references or {}).get(key, 0.0) for key in of_case)
    smallest = min((cells[0].case.size for cells in units.values()), default=0)
    queue = []
    for number, (key, cells) in enumerate(units.items()):
        trial = key[0] != BASELINE and cells[0].id in trials
        if trial or cells[0].case.size > smallest:
            queue.append((not trial, -seconds[key], number, key))
    heapq.heapify(queue)
    waiting, left_out_ids = {}, set()
    while queue and total_s > limit_s:
        entry = heapq.heappop(queue)
        key = entry[-1]
        if key[0] == BASELINE and users[key[1:]]:
            waiting[key[1:]] = entry
            continue
        left_out_ids |= {cell.id for cell in units[key]}
        total_s -= seconds[key]
        of_case[key[1]] -= 1
        if not of_case[key[1]]:
            total_s -= (references or {}).get(key[1], 0.0)
        users[key[1:]] -= 1
        if not users[key[1:]] and key[1:] in waiting:
            heapq.heappush(queue, waiting.pop(key[1:]))
    return left_out_ids


def predict_run(plan: Plan) -> tuple[float, set[str]]:
    """The predicted seconds of the run, report included, and the ids of the cells that do not fit its budget.

    Only a budget of the user leaves out cells. The budget of a mode only skips cells that are too slow.
    """
    costs = {cell: plan.blocks * seconds for cell, seconds in guessed_costs(plan).items()}
    trials = trial_costs(plan, costs)
    costs |= trials
    cells = {cell.id: cell for cell in plan.cells if cell.possible}
    references = {
        case.key: reference_s(case, plan.dtypes, plan.normwise) for case in plan.cases if case.too_large is None
    }
    workers = {(cell.label, cell.threads) for cell in plan.cells if cell.backend.missing is None}
    overhead_s = STAGE_S + plan.blocks * (WORKER_S * len(workers) + PROBES_S * len(plan.threads)) + REPORT_S
    left_out_ids = set()
    if plan.has_user_budget:
        left_out_ids = cells_to_leave_out(plan, costs, plan.budget_s - overhead_s, references, trials)
        useful = {cells[cell].case.key for cell in costs if cell not in left_out_ids}
        left_out_ids |= {cell.id for cell in cells.values() if cell.case.key not in useful}
    kept = [cell for cell in cells if cell not in left_out_ids]
    needed_s = sum(references[key] for key in {cells[cell].case.key for cell in kept})
    return overhead_s + needed_s + sum(costs.get(cell, 0.0) for cell in kept), left_out_ids


def announce(plan: Plan) -> str:
    """The prediction that the user sees before the run starts."""
    words = f"predicted: about {float(f'{plan.predicted_s:.2g}'):.0f} s for {plan.blocks} blocks, report included"
    if plan.left_out:
        words += f"; {len(plan.left_out)} of {len(plan.cells)} cells are left out to fit the time budget"
    if plan.has_user_budget and plan.predicted_s > plan.budget_s:
        words += f"; not even the smallest problem fits the time budget of {plan.budget_s:.3g} s; it is measured anyway"
    return words
