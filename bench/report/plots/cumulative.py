"""The time since the start of the process against the iterations made, and where compiling pays back.

Import, prepare and the first call come first, so each line starts at the end of the first call. A backend without one
of these parts has no line but the reason.
"""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.cold_costs import break_even_iterations, cold_cells, seconds_at
from bench.analysis.speed import Group, problem_label
from bench.plan import BASELINE
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, SeriesStyle
from bench.report.plots.ledger import LARGEST, reasons_left_out
from bench.report.tables import Table, name, pays_back

TOP, PANEL, ROW = 0.72, 3.2, 0.25  # inches: above the lines, the height of the lines, and of a row of words
SMALLEST = 1e-100  # seconds: shorter times are drawn like this
AHEAD, MAX_CALLS = 6.0, 10**7  # how far the axis reaches beyond the last break-even, and its end in calls at most


def draw(group: Group) -> Drawing | None:
    """Lines on logarithmic axes with the break-even points; None where no backend has all parts."""
    selected = cold_cells(group, ("import_s", "prepare_s", "first_call_s"))
    cells = selected.cells
    if selected.problem is None or not cells:
        return None
    title = f"Time since the process start at {problem_label(selected.problem)} ({group.title})"
    verdicts = {c.backend: _break_even(c) for c in cells if c.backend != BASELINE} | reasons_left_out(selected)
    rows = [
        (name(c), text.count(n), text.scientific(seconds_at(c, n)), pays_back(c))
        for c in cells
        for n in (c.n_iter * 10**power for power in range(5))
    ]
    rows += [(text.clean(b, 40), "", "", words) for b, words in reasons_left_out(selected).items()]
    marks = [(at, text.clean(c.backend, 40)) for c in cells if (at := break_even_iterations(c)) is not None]
    alt = f"{title}: lines against the iterations made, both logarithmic. "
    if marks:
        at, first = min(marks)
        alt += f"{first} is the first to pay back its start against {BASELINE}, after {text.count(at)} iterations."
    else:
        alt += f"No slower start is paid back against {BASELINE}."
    table = Table("Time since the start", ("backend", "iterations", "seconds", "pays back after"), rows)
    return Drawing(_draw(title, cells, verdicts), alt, table)


def _break_even(cell: Cell) -> str:
    """When a cell pays back, in words."""
    calls = cell.cold_costs.break_even_calls
    if calls == "never":
        return "never pays back: its calls are not faster"
    if calls is None:
        return "tied: its calls may be as fast" if pays_back(cell) == "tied" else "break-even not known"
    if calls <= 1:
        return "is ahead from the first call on"
    return f"pays back after {text.count(calls * cell.n_iter)} iterations"


def _draw(title: str, cells: list[Cell], verdicts: dict[str, str]) -> Figure:
    """The lines, and under them a row for each verdict."""
    names = [*dict.fromkeys([c.backend for c in cells] + list(verdicts))]
    styles = canvas.series_styles(names)
    right = canvas.label_margin([canvas.short(b) for b in names])
    steps = [c.n_iter for c in cells]
    marks = [at for c in cells if (at := break_even_iterations(c)) is not None]
    longest = float(max(steps))  # MAX_CALLS times the largest integer of a record overflows the integers of an axis
    last = min(MAX_CALLS * longest, max(AHEAD * max(marks, default=0), 1000 * longest))  # beyond every first call
    drawn, others = canvas.select_lines(c.backend for c in cells)
    values = [_drawn(c, n) for c in cells for n in (c.n_iter, last)]
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, TOP + PANEL + 0.08 + ROW * len(verdicts) + 0.75))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, canvas.LEFT, TOP, right, PANEL)
        across = min(steps) / 1.25, last * 1.15
        canvas.log_axes(axes, across, canvas.limits(values, 1.5), text.duration_tick)
        if marks:
            words = f"rings: from here on ahead of {BASELINE}, import and compile included"
            below = 1 - 0.38 / figure.get_size_inches()[1]
            figure.text(0.12 / canvas.WIDTH, below, words, fontsize=10, va="top", color=canvas.FAINT)
        ends = []
        for c in cells:
            if c.backend in drawn:
                _draw_line(axes, c, styles[c.backend], last)
                ends.append(LineEndLabel(canvas.short(c.backend), last, _drawn(c, last), styles[c.backend]))
        canvas.name_left_out(figure, others)
        canvas.end_labels(axes, ends, PANEL)
        if verdicts:
            axes = canvas.add_lane(figure, axes, len(verdicts), ROW)
            rings = {c.backend: break_even_iterations(c) for c in cells if c.backend in drawn}
            for row, (backend, words) in enumerate(verdicts.items()):
                _draw_verdict(axes, row, backend, words, rings.get(backend), styles[backend].ink, last)
        axes.set_xlabel("iterations made")
    return figure


def _drawn(cell: Cell, iterations: float) -> float:
    """Seconds within what an axis can show, whatever the record holds."""
    return min(LARGEST, max(SMALLEST, seconds_at(cell, iterations)))


def _draw_line(axes: Axes, cell: Cell, look: SeriesStyle, last: float) -> None:
    """A line from the end of the first call with its interval, and a ring at the break-even."""
    ns = [cell.n_iter * 10 ** (step / 16) for step in range(math.ceil(16 * math.log10(last / cell.n_iter)))] + [last]
    totals = [_drawn(cell, n) for n in ns]
    style: dict[str, Any] = {"color": look.color, "marker": look.marker, "markevery": 16, **canvas.POINT}
    axes.plot(ns, totals, linewidth=3.0 if cell.backend == BASELINE else 1.8, label=cell.backend, **style)
    if cell.ci_low_s is not None and cell.ci_high_s is not None and cell.median_s:
        calls = [(n - cell.n_iter) / cell.n_iter for n in ns]
        lower, upper = (
            [min(LARGEST, total + k * (end - cell.median_s)) for k, total in zip(calls, totals, strict=True)]
            for end in (cell.ci_low_s, cell.ci_high_s)
        )
        axes.fill_between(ns, lower, upper, color=look.color, alpha=0.18, linewidth=0, zorder=2)
    at = break_even_iterations(cell)
    if at is not None and at <= last:
        _draw_ring(axes, at, _drawn(cell, at), cell.backend, markersize=12, zorder=5)
        axes.axvline(at, color=look.color, linewidth=1.0, linestyle=":", zorder=1, label="_break-even")


def _draw_ring(axes: Axes, at: float, up: float, backend: str, **style: Any) -> None:
    """The mark of a break-even."""
    ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": canvas.INK, "markeredgewidth": 1.6, **style}
    axes.plot([at], [up], "o", label=f"_pays back: {backend}", **ring)


def _draw_verdict(axes: Axes, row: int, backend: str, words: str, at: float | None, ink: str, last: float) -> None:
    """A row under the lines: the verdict on a backend, and a ring at its break-even."""
    place = 0.01, "left"
    if at is not None:
        first, end = axes.get_xlim()
        share = math.log(at / first) / math.log(end / first)
        place = (share + 0.02, "left") if share <= 0.5 else (min(share, 1.0) - 0.02, "right")
        if at <= last:
            _draw_ring(axes, at, row, backend, markersize=9)
    canvas.row_text(axes, place[0], row, words, ha=place[1], color=ink)
    canvas.row_text(axes, 1.035, row, canvas.short(backend), color=ink, fontsize=11)
