"""Chapter 6: one-time costs, the time of each call, and the break-even."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bench import text
from bench.analysis.cold_costs import seconds_at
from bench.learn import charts, facts
from bench.records import Cell, Run
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel
from bench.report.tables import Table
from bench.stats import Interval
from bench.text import MISSING

VARIANTS = Path(__file__).parent / "variants"
BASELINE = "numpy_vectorized"
SHOWN = (BASELINE, "numba_jit", "jax_jit", "jax_step")
PANEL, ROW, TOP = 3.4, 0.25, 0.46  # inches
MAX_CALLS = 1e6  # on the axis


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
    result: dict[str, str | None] = dict.fromkeys(
        ("extra", "numba_call", "numpy_call", "numba_first", "numba_compile", "numba_repaid", "verdict")
    )
    if numpy is not None and numba is not None:
        calls, extra = (
            numba.cold_costs.break_even_calls,
            seconds_at(numba, numba.n_iter) - seconds_at(numpy, numpy.n_iter),
        )
        number = isinstance(calls, int)
        result = {
            "extra": f"{text.duration(abs(extra))} {'more' if extra > 0 else 'less'}",
            "numba_call": text.duration(numba.median_s or 0),
            "numpy_call": text.duration(numpy.median_s or 0),
            "numba_first": text.duration(numba.cold_costs.first_call_s or 0),
            "numba_compile": text.duration(numba.cold_costs.compile_s or 0),
            "numba_repaid": f"So it reaches {repaid(numba)}."
            if number
            else f"The lines do not cross: {repaid(numba)}.",
            "verdict": facts.judge_prediction(guess, float(calls)) if isinstance(calls, int) else "",
        }
    ratio = facts.ratio(step, jax)
    return result | {
        "step": facts.seconds(facts.per_iteration(step)),
        "loop": facts.seconds(facts.per_iteration(jax)),
        "step_ratio": facts.times(ratio),
        "step_statement": _about_step(ratio),
    }


def _about_step(ratio: Interval | None) -> str | None:
    if ratio is None:
        return None
    if ratio.low is None:
        return "These figures have no interval, so they do not show whether this is more than chance: run it without `--quick`."
    if facts.is_faster(ratio):
        return (
            "So `jax_step` adds the way from Python into the compiled program and back: JAX checks and passes the arguments, and"
            " Python waits for the loss. Passing work to the compiled program is called *dispatch*. `jax_step` pays for it in each"
            " iteration, and `jax_jit` once per call. So compile the loop, too."
        )
    return "On this machine this is no loss: dispatch costs no more than the overhead of the compiled loop."


def cold_costs(run: Run) -> Table:
    """The one-time costs and the time of a warm call."""
    rows = []
    for name, cell in cold_cells(run).items():
        costs = cell.cold_costs
        parts = (costs.import_s, costs.prepare_s, costs.first_call_s, costs.compile_s, cell.median_s)
        rows.append((name, *(MISSING if s is None else text.duration(s) for s in parts)))
    columns = ("", "import", "prepare", "first call", "of which compiling", "warm call")
    return Table("One-time costs and the time of each later call", columns, rows)


def total(cell: Cell, calls: float) -> float:
    """Seconds from the start of the process to the end of this number of calls."""
    return seconds_at(cell, calls * cell.n_iter)


def totals(run: Run, guess: float | None) -> Drawing | None:
    """Seconds since the start of the process against the number of calls, with the break-evens and the prediction."""
    cells = cold_cells(run)
    if BASELINE not in cells or len(cells) < 2:
        return None
    others = {name: cell for name, cell in cells.items() if name != BASELINE}
    break_evens = {name: cell.cold_costs.break_even_calls for name, cell in others.items()}
    rings = {name: calls for name, calls in break_evens.items() if isinstance(calls, int) and 1 < calls <= MAX_CALLS}
    drawn = guess if guess and 1 <= guess <= MAX_CALLS else None
    last = max(300.0, 8.0 * max([*rings.values(), drawn or 1]))
    ns = np.geomspace(1, last, 121)
    styles = canvas.series_styles(list(cells))
    below = TOP + ROW * len(others) + 0.1
    title = f"Time since the start of the process, at n = {cells[BASELINE].n_samples}"
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, below + PANEL + 0.75))
        canvas.heading(figure, 0.12, title)
        for row, (name, cell) in enumerate(others.items()):
            words = f"{name}: {repaid(cell)}{' (ring)' if name in rings else ''}"
            at = 1 - (TOP + ROW * row) / figure.get_size_inches()[1]
            figure.text(0.12 / canvas.WIDTH, at, words, fontsize=10, va="top", color=styles[name].ink)
        axes = canvas.add_axes(figure, canvas.LEFT, below, canvas.label_margin(list(cells)), PANEL)
        low, high = canvas.limits([total(cell, n) for cell in cells.values() for n in (1, last)], 1.4)
        axes.set(xscale="log", yscale="log", xlim=(0.85, last * 1.05), ylim=(low, high))
        canvas.log_axis(axes.xaxis, 0.85, last * 1.05, text.tick)
        canvas.log_axis(axes.yaxis, low, high, text.duration_tick)
        for name, cell in cells.items():
            look, ys = styles[name], [total(cell, n) for n in ns]
            axes.plot(ns, ys, color=look.colour, marker=look.marker, markevery=30, markersize=6.5, linewidth=1.8)
        for name, calls in rings.items():
            at = total(cells[name], calls)
            axes.plot(calls, at, "o", markerfacecolor="none", markeredgecolor=canvas.INK, markersize=12, zorder=5)
        if drawn is not None:
            charts.upright(axes, drawn, charts.GUESS, before=math.log(drawn) > math.log(last) / 2)
        axes.set_xlabel("number of calls")
        canvas.end_labels(
            axes, [LineEndLabel(name, last, total(cell, last), styles[name]) for name, cell in cells.items()], PANEL
        )
    totals_text = "; ".join(
        f"{name} {text.duration(total(cell, 1))} at the end of its first call, then {text.duration(cell.median_s or 0)} per call"
        for name, cell in cells.items()
    )
    alt = (
        f"Chart, {title}, against the number of calls, both axes logarithmic: {totals_text}. Compared with {BASELINE}: "
    )
    alt += "; ".join(f"{name} {repaid(cell)}" for name, cell in others.items()) + "."
    alt += f" A dashed line at your prediction of {text.significant(drawn)} calls." if drawn else ""
    rows = [
        (name, text.count(calls), text.significant(total(cell, calls)))
        for name, cell in cells.items()
        for calls in (1, 10, 100, 1000, 10_000)
    ]
    return Drawing(figure, alt, Table(title, ("", "calls", "seconds"), rows))
