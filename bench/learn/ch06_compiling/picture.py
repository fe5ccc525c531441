"""Chapter 6: one-time costs, the time of each call, and the break-even."""

import math
from pathlib import Path

import numpy as np

from bench import text
from bench.analysis.cold_costs import seconds_at
from bench.learn import charts, facts
from bench.records import Cell, Run
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table
from bench.text import MISSING

VARIANTS = Path(__file__).parent / "variants"
BASELINE = "numpy_vectorized"
SHOWN = (BASELINE, "numba_jit", "jax_jit", "jax_step")
MAX_CALLS = 10**6  # on the axis


def cold_cells(run: Run) -> dict[str, Cell]:
    """The cells that have a time and cold costs, by backend."""
    cells = {name: facts.cell(run, name) for name in SHOWN}
    return {name: cell for name, cell in cells.items() if cell is not None and cell.cold_costs.first_call_s is not None}


def repaid(cell: Cell) -> str:
    calls = cell.cold_costs.break_even_calls
    if calls == "never":
        return "no break-even, its warm calls are not faster"
    if calls is None:
        return "break-even unknown, its warm calls may be as fast as the baseline's"
    return f"break-even after {text.number_of(calls, 'call')}"


def statements(run: Run, guess: float | None) -> dict[str, str | None]:
    """Facts for the text. guess: calls."""
    cells = cold_cells(run)
    numpy, numba, jax, step = map(cells.get, SHOWN)
    ratio = facts.ratio(step, jax)
    result = {
        "step": facts.seconds(facts.per_iteration(step)),
        "loop": facts.seconds(facts.per_iteration(jax)),
        "step_ratio": facts.times(ratio),
        "step_statement": facts.verdict(ratio, DISPATCH, CHEAP, CHEAP),
    }
    if numpy is None or numba is None:
        return result
    costs, extra = numba.cold_costs, total(numba, 1) - total(numpy, 1)
    calls = costs.break_even_calls
    return result | {
        "extra": f"{text.duration(abs(extra))} {'more' if extra > 0 else 'less'}",
        "numba_call": text.duration(numba.median_s or 0),
        "numpy_call": text.duration(numpy.median_s or 0),
        "numba_first": text.duration(costs.first_call_s or 0),
        "numba_compile": text.duration(costs.compile_s or 0),
        "numba_repaid": f"So it reaches {repaid(numba)}."
        if isinstance(calls, int)
        else f"The lines do not cross: {repaid(numba)}.",
        "verdict": facts.judge_prediction(guess, calls) if isinstance(calls, int) else "",
    }


DISPATCH = (
    "So `jax_step` adds the way from Python into the compiled program and back: JAX checks and passes the arguments, and"
    " Python waits for the loss. Passing work to the compiled program is called *dispatch*. `jax_step` pays for it in each"
    " iteration, and `jax_jit` once per call. So compile the loop, too."
)
CHEAP = "On this machine this is no loss: dispatch costs no more than the overhead of the compiled loop."


def cold_costs(run: Run) -> Table:
    """The one-time costs, the time of a warm call and the break-even."""
    rows = []
    for name, cell in cold_cells(run).items():
        costs = cell.cold_costs
        parts = (costs.import_s, costs.prepare_s, costs.first_call_s, costs.compile_s, cell.median_s)
        rows.append((
            name, *(MISSING if s is None else text.duration(s) for s in parts), MISSING if name == BASELINE else repaid(cell)
        ))  # fmt: skip
    columns = (
        "",
        "import",
        "prepare",
        "first call",
        "of which compiling",
        "warm call",
        "compared with numpy_vectorized",
    )
    return Table("One-time costs and the time of each later call", columns, rows)


def total(cell: Cell, calls: float) -> float:
    """Seconds from the start of the process to the end of this number of calls."""
    return seconds_at(cell, calls * cell.n_iter)


def totals(run: Run, guess: float | None) -> Drawing | None:
    """Seconds since the start of the process against the number of calls, with the break-evens and the prediction."""
    cells = cold_cells(run)
    if BASELINE not in cells or len(cells) < 2:
        return None
    break_evens = {name: cell.cold_costs.break_even_calls for name, cell in cells.items() if name != BASELINE}
    rings = {name: calls for name, calls in break_evens.items() if isinstance(calls, int) and 1 < calls <= MAX_CALLS}
    decades = math.ceil(math.log10(max([300, *(8 * calls for calls in rings.values())])))
    calls = np.geomspace(1, 10**decades, 20 * decades + 1)
    series = {name: charts.points(calls, (total(cell, n) for n in calls)) for name, cell in cells.items()}
    title = f"Time since the start of the process, at n = {cells[BASELINE].n_samples}"
    mark = None if guess is None else (guess, charts.GUESS)
    drawing = charts.lines(title, "number of calls", "seconds", series, mark=mark, every=20)
    assert drawing is not None
    for name, at in rings.items():
        drawing.figure.axes[0].plot(
            at, total(cells[name], at), "o", markerfacecolor="none", markeredgecolor=canvas.INK, markersize=12, zorder=5
        )
    listed = "; ".join(f"{name} {repaid(cells[name])}" for name in break_evens)
    return drawing._replace(alt=f"{drawing.alt} Rings: the break-evens. Compared with {BASELINE}: {listed}.")
