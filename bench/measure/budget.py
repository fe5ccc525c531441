"""What a run will cost, before it starts and while it runs, and what is left out where that is too much."""

from collections.abc import Mapping

from bench.plan import BASELINE, CELL_SHARE, MIN_ROUND_S, WARMUP_CALLS, WARMUP_S, Case, CellPlan, Plan
from bench.stats import straight_line

# (a, b) of seconds an iteration = a + b n d on an ordinary core: a first guess for what was never measured here.
GUESS = (10e-6, 1.5e-9)
GUESSES = {"python_loops": (1e-6, 115e-9)}
CELL_S = 0.1  # loading and judging; compilation is somewhat more
WORKER_S = 0.6  # interpreter, pytest, the import of a library
LOOK_S = 1.7  # at the sentinels, and at the bandwidth of each problem
STAGE_S, REPORT_S = 4.0, 6.0  # data and references before the first block; tables and figures after the last


def predict(cell: CellPlan, times: list[tuple[Case, float]]) -> float | None:
    """Seconds of one call of `cell`, from calls of the same backend on other cases; None where none is known.

    The two nearest sizes below fit seconds per iteration = a + b n d: small sizes show the overhead of a
    call, and far smaller ones than the next would let its error grow.
    """
    points = sorted((case.size, seconds / max(case.max_iter, 1)) for case, seconds in times)[-2:]
    if not points:
        return None
    a, b = straight_line([size for size, _ in points], [seconds for _, seconds in points])
    return (a + b * cell.case.size) * max(cell.case.max_iter, 1)


def guess(cell: CellPlan) -> float:
    """Seconds of one call before anything was measured: right within a factor of a few."""
    a, b = GUESSES.get(cell.backend.name, GUESS)
    return (a + b * cell.case.size) * max(cell.case.max_iter, 1)


def too_long(plan: Plan, predicted_s: float) -> str | None:
    """Why a cell with calls of this length is skipped, None where it fits its share of the budget."""
    whole = predicted_s * plan.calls_per_cell * plan.blocks
    share = CELL_SHARE * plan.budget_s
    if whole <= share:
        return None
    return (
        f"predicted {predicted_s:.3g} s a call, {whole:.3g} s over {plan.blocks} blocks;"
        f" one cell may take {share:.3g} s, a quarter of the time budget"
    )


def left_out(plan: Plan) -> str:
    """Why a cell that would fit its share is skipped all the same."""
    return f"left out, so that the whole run fits its time budget of {plan.budget_s:.3g} s"


def guessed_costs(plan: Plan) -> dict[str, float]:
    """Seconds that each cell will take in one worker, by its id; hopeless ones are skipped and take none."""
    costs = {}
    for cell in plan.cells:
        call_s = guess(cell)
        if cell.backend.missing is None and cell.impossible is None and not too_long(plan, call_s):
            steady = max(WARMUP_S, WARMUP_CALLS * call_s) + plan.rounds * max(MIN_ROUND_S, call_s)
            costs[cell.id] = CELL_S + steady
    return costs


def guessed_overhead(plan: Plan) -> float:
    """Seconds of one block beside its cells, over all thread counts."""
    workers = {(cell.worker, cell.threads) for cell in plan.cells if cell.backend.missing is None}
    return WORKER_S * len(workers) + LOOK_S * len(plan.threads)


def cut(plan: Plan, costs: Mapping[str, float], overhead_s: float, blocks: int, limit_s: float) -> set[str]:
    """The ids of the cells to leave out so that `blocks` more blocks fit into limit_s.

    costs: seconds a block by cell id; overhead_s: of a block beside its cells. The costliest go first, the
    smallest problem stays for all, and the baseline (with its control) stays wherever another backend does.
    """
    units: dict[tuple[str, str, str, int], list[CellPlan]] = {}
    for cell in plan.cells:
        if cell.id in costs:
            units.setdefault(cell.calibration_key, []).append(cell)

    def cost(twin: tuple[str, str, str, int]) -> float:
        return sum(costs[cell.id] for cell in units[twin])

    smallest = min((case.size for case in plan.cases), default=0)
    gone: set[str] = set()
    while blocks * (overhead_s + sum(map(cost, units))) > limit_s:
        used = [twin[1:] for twin in units if twin[0] != BASELINE]
        spare = [
            twin
            for twin, cells in units.items()
            if cells[0].case.size > smallest and (twin[0] != BASELINE or twin[1:] not in used)
        ]
        if not spare:
            break
        gone |= {cell.id for cell in units.pop(max(spare, key=cost))}
    return gone


def foresee(plan: Plan) -> tuple[float, set[str]]:
    """Seconds that the run will take, report included, and the ids of the cells that its budget leaves out.

    Only a budget that the user gave cuts: the modes' own ones decide what is hopeless, and no more.
    """
    costs, overhead_s = guessed_costs(plan), guessed_overhead(plan)
    gone = set()
    if plan.budget_given:
        gone = cut(plan, costs, overhead_s, plan.blocks, plan.budget_s - STAGE_S - REPORT_S)
    kept = sum(seconds for cell, seconds in costs.items() if cell not in gone)
    return STAGE_S + plan.blocks * (overhead_s + kept) + REPORT_S, gone


def announce(plan: Plan) -> str:
    """The prediction, for the user, before the run starts."""
    words = f"predicted: about {_rounded(plan.predicted_s)} s for {plan.blocks} blocks, report included"
    if plan.left_out:
        words += f"; {len(plan.left_out)} of {len(plan.cells)} cells are left out to fit the time budget"
    if plan.budget_given and plan.predicted_s > plan.budget_s:
        words += (
            f"; found a time budget of {plan.budget_s:.3g} s, in which not even the smallest problem fits:"
            " it is measured all the same"
        )
    return words


def _rounded(seconds: float) -> int:
    return int(float(f"{seconds:.2g}"))
