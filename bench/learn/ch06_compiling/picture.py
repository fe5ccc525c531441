"""Chapter 6: what is paid once, what each call takes, and where the lines cross."""

import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bench import text
from bench.analysis.cold_costs import seconds_at
from bench.learn import facts
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
MOST = 1e6  # calls on the axis


def known(run: Run) -> dict[str, Cell]:
    """The cells that have a time and were cold once, by backend."""
    found = {name: facts.cell(run, name) for name in SHOWN}
    return {name: cell for name, cell in found.items() if cell is not None and cell.cold_costs.first_call_s is not None}


def repaid(cell: Cell) -> str:
    calls = cell.cold_costs.break_even_calls
    if calls == "never":
        return "never repaid, its warm calls are not faster"
    if calls is None:
        return "break-even not known, its warm calls may be as fast as the baseline's"
    return f"repaid after {text.number_of(calls, 'call')}"


def told(run: Run, guess: float | None) -> dict[str, str | None]:
    """What the text says. guess: calls."""
    cells = known(run)
    numpy, numba, jax, step = map(cells.get, SHOWN)
    said: dict[str, str | None] = dict.fromkeys(
        ("extra", "numba_call", "numpy_call", "numba_first", "numba_compile", "numba_repaid", "verdict")
    )
    if numpy is not None and numba is not None:
        calls, extra = (
            numba.cold_costs.break_even_calls,
            seconds_at(numba, numba.n_iter) - seconds_at(numpy, numpy.n_iter),
        )
        number = isinstance(calls, int)
        said = {
            "extra": f"{text.duration(abs(extra))} {'more' if extra > 0 else 'less'}",
            "numba_call": text.duration(numba.median_s or 0),
            "numpy_call": text.duration(numpy.median_s or 0),
            "numba_first": text.duration(numba.cold_costs.first_call_s or 0),
            "numba_compile": text.duration(numba.cold_costs.compile_s or 0),
            "numba_repaid": f"So it is {repaid(numba)}." if number else f"Here there is no crossing: {repaid(numba)}.",
            "verdict": facts.judge_prediction(guess, float(calls)) if isinstance(calls, int) else "",
        }
    ratio = facts.ratio(step, jax)
    return said | {
        "step": facts.seconds(facts.iteration(step)),
        "loop": facts.seconds(facts.iteration(jax)),
        "step_ratio": facts.times(ratio),
        "step_told": _about_step(ratio),
    }


def _about_step(ratio: Interval | None) -> str | None:
    if ratio is None:
        return None
    if ratio.low is None:
        return "An interval would tell whether that is more than chance: run it without `--quick`."
    if facts.is_faster(ratio):
        return (
            "What `jax_step` adds is therefore the way from Python into the compiled program and back: the arguments are checked and"
            " handed over, and Python waits for the loss. Handing work over is called *dispatch*. Here it is paid with each"
            " iteration, in `jax_jit` once a call. So compile the loop, too."
        )
    return "On this machine that is no loss: handing over costs no more than what the compiled loop adds."


def cold_costs(run: Run) -> Table:
    """What is paid once, and a warm call."""
    rows = []
    for name, cell in known(run).items():
        paid = cell.cold_costs
        parts = (paid.import_s, paid.prepare_s, paid.first_call_s, paid.compile_s, cell.median_s)
        rows.append((name, *(MISSING if s is None else text.duration(s) for s in parts)))
    columns = ("", "import", "prepare", "first call", "of which compiling", "warm call")
    return Table("What is paid once, and what each later call takes", columns, rows)


def totals(run: Run, guess: float | None) -> Drawing | None:
    """Seconds since the start of the process over the calls made, with the break-evens and the prediction."""
    cells = known(run)
    if BASELINE not in cells or len(cells) < 2:
        return None

    def total(cell: Cell, calls: float) -> float:
        return seconds_at(cell, calls * cell.n_iter)

    others = {name: cell for name, cell in cells.items() if name != BASELINE}
    paid = {name: cell.cold_costs.break_even_calls for name, cell in others.items()}
    rings = {name: calls for name, calls in paid.items() if isinstance(calls, int) and 1 < calls <= MOST}
    drawn = guess if guess and 1 <= guess <= MOST else None
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
            side = "right" if math.log(drawn) > math.log(last) / 2 else "left"
            axes.axvline(drawn, linestyle="--", color=canvas.FAINT)
            axes.annotate(
                "your prediction", (drawn, 0.03), (4 if side == "left" else -4, 0), ha=side, color=canvas.FAINT,
                xycoords=("data", "axes fraction"), textcoords="offset points",
            )  # fmt: skip
        axes.set_xlabel("calls made")
        canvas.end_labels(
            axes, [LineEndLabel(name, last, total(cell, last), styles[name]) for name, cell in cells.items()], PANEL
        )
    said = "; ".join(
        f"{name} {text.duration(total(cell, 1))} by the end of its first call, then {text.duration(cell.median_s or 0)} a call"
        for name, cell in cells.items()
    )
    alt = f"Chart, {title}, over the calls made, both logarithmic: {said}. Against {BASELINE}: "
    alt += "; ".join(f"{name} {repaid(cell)}" for name, cell in others.items()) + "."
    alt += f" A dashed line at your prediction of {text.significant(drawn)} calls." if drawn else ""
    rows = [
        (name, text.count(calls), text.significant(total(cell, calls)))
        for name, cell in cells.items()
        for calls in (1, 10, 100, 1000, 10_000)
    ]
    return Drawing(figure, alt, Table(title, ("", "calls", "seconds"), rows))
