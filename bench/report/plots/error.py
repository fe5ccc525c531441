"""The error of the loss over the iterations, as a share of its bound at that iteration.

Each problem has a panel. An error of exactly 0 has no place on a logarithmic axis; it is a mark in a strip below.
"""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench import text
from bench.analysis.error_curves import error_shares
from bench.analysis.speed import Group, ProblemKey, backends, problem_key, problem_label, time_per_iteration
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, Styles
from bench.report.tables import Table

MAX_PANELS = 6
LOWEST, HIGHEST = 1e-12, 1e3  # shares beyond these are drawn at them
ROOM = 8.0  # the axis reaches at least from the bound / ROOM to ROOM times the bound
COLUMNS, BETWEEN = 3, 0.35  # panels side by side; inches between them
LEFT, RIGHT = 1.3, 0.3  # inches
ABOVE, HEIGHT, BELOW, STRIP = 0.3, 1.6, 0.38, 0.08  # inches: above, of and below a panel; a row of zeros
BEYOND = "#fbe3dc"


class Curve(NamedTuple):
    """The errors of a cell. points: pairs (iteration, error / bound), infinite for an error against a bound of 0."""

    cell: Cell
    points: list[tuple[int, float]]


def draw(group: Group) -> Drawing | None:
    """The curve of each backend on each problem; None where no cell recorded errors."""
    recorded = _recorded(group.cells)
    if not recorded:
        return None
    curves_of = {problem: [c for c in recorded if problem_key(c.cell) == problem] for problem in _problems(recorded)}
    drawn = [curve for curves in curves_of.values() for curve in curves]
    left_out = len({problem_key(c.cell) for c in recorded}) - len(curves_of)
    title = f"Error of the loss as a share of its bound ({group.title})"
    of = f"{text.count(len(curves_of))} of " if left_out else ""
    alt = f"{title}: lines against the iteration, both logarithmic, for {of}"
    alt += f"{text.number_of(len(curves_of) + left_out, 'problem')}. {_verdict(drawn)}"
    return Drawing(_draw(title, curves_of), alt, _table(curves_of))


def _recorded(cells: list[Cell]) -> list[Curve]:
    """The curves of the cells with a time, one for each backend and problem.

    The A/A control is the baseline too; its curve replaces one that the baseline did not record.
    """
    curves: dict[tuple[str, ProblemKey], Curve] = {}
    for cell in cells:
        if time_per_iteration(cell) and (points := error_shares(cell)):
            curves.setdefault((cell.backend, problem_key(cell)), Curve(cell, points))
    return list(curves.values())


def _problems(curves: list[Curve]) -> list[ProblemKey]:
    """The problems to draw, those with the most backends first, then the largest; in the order of the tables."""
    counted = Counter(problem_key(curve.cell) for curve in curves)
    best = sorted(counted, key=lambda k: (counted[k], k.size, k), reverse=True)
    return sorted(best[:MAX_PANELS])


def _verdict(curves: list[Curve]) -> str:
    worst = max(share for curve in curves for _, share in curve.points)
    if worst > 1:
        return f"Not every error lies inside its bound: the largest is {text.significant(worst)} times it."
    return f"Every error lies inside its bound: the largest is {text.percent(worst)} of it."


def _table(curves_of: dict[ProblemKey, list[Curve]]) -> Table:
    """A row for each problem and iteration, a column for each backend, so that the table stays short."""
    names = backends(c.cell for curves in curves_of.values() for c in curves)
    rows = []
    for problem, curves in curves_of.items():
        points = {c.cell.backend: dict(c.points) for c in curves}
        for k in sorted({k for of in points.values() for k in of}):
            values = (text.scientific(points.get(b, {}).get(k)) for b in names)
            rows.append((problem_label(problem), text.count(k), *values))
    return Table("Error over the iterations", ("problem", "iteration", *(text.clean(b, 40) for b in names)), rows)


def _draw(title: str, curves_of: dict[ProblemKey, list[Curve]]) -> Figure:
    """The panels in rows under one legend, all with the same axis of shares."""
    curves = [curve for panel in curves_of.values() for curve in panel]
    other_algorithms = {c.cell.backend for c in curves if c.cell.algorithm is not None}
    names, others = canvas.select_lines((c.cell.backend for c in curves), other_algorithms)
    curves_of = {problem: [c for c in panel if c.cell.backend in names] for problem, panel in curves_of.items()}
    styles = canvas.series_styles(names)
    every = [share for c in curves for _, share in c.points]
    low, high = canvas.limits([1 / ROOM, ROOM, *(_clipped(s) for s in every if s)], 2.0)
    strip = STRIP * len(styles) + 0.04 if 0.0 in every else 0.0
    columns = min(COLUMNS, len(curves_of))
    full = canvas.WIDE if columns == COLUMNS else canvas.WIDTH
    width = (full - LEFT - RIGHT - BETWEEN * (columns - 1)) / columns
    top = canvas.legend_top(styles, full)
    row = ABOVE + HEIGHT + strip + BELOW
    with canvas.house_style():
        height = top + row * math.ceil(len(curves_of) / columns) + 0.15
        figure = Figure(figsize=(full, (0.22 if others else 0) + height))
        canvas.heading(figure, 0.12, title)
        canvas.name_left_out(figure, others, 0.012)
        canvas.legend(figure, styles, [_line([], [], styles, backend) for backend in styles])
        for index, (problem, panel) in enumerate(curves_of.items()):
            left, above = LEFT + index % columns * (width + BETWEEN), top + index // columns * row + ABOVE
            right = full - left - width
            axes = canvas.add_axes(figure, left, above, right, HEIGHT)
            axes.set_title(problem_label(problem), fontsize=10.5, pad=4)
            _draw_shares(axes, panel, styles, low, high)
            lowest = axes
            if strip:
                lowest = canvas.add_axes(figure, left, above + HEIGHT, right, strip)
                _draw_zeros(lowest, panel, styles)
                axes.tick_params(axis="x", labelbottom=False, length=0)
            for part in (axes, lowest):
                _set_iterations(part, panel)
                part.tick_params(axis="y", labelleft=index % columns == 0)
            if index + columns >= len(curves_of):
                lowest.set_xlabel("iteration k", labelpad=2)
    return figure


def _draw_shares(axes: Axes, curves: list[Curve], styles: Styles, low: float, high: float) -> None:
    """The shares that are not 0, and the area beyond the bound."""
    axes.set(yscale="log", ylim=(low, high))
    step = math.ceil(-math.log10(low) / 5)
    canvas.place_ticks(axes.yaxis, [10.0**-power for power in range(0, math.ceil(-math.log10(low)), step)], _tick)
    axes.axhspan(1.0, high, color=BEYOND, linewidth=0, zorder=0)
    axes.axhline(1.0, color=canvas.INK, linewidth=1.4, zorder=2, label="_bound")
    words = {"ha": "right", "fontsize": 9, **canvas.NOTE}
    canvas.row_text(axes, 0.98, math.sqrt(high), "beyond the bound", **words)
    for cell, points in curves:
        ks, values = [k for k, _ in points], [_clipped(share) if share else math.nan for _, share in points]
        axes.add_line(_line(ks, values, styles, cell.backend))


def _draw_zeros(axes: Axes, curves: list[Curve], styles: Styles) -> None:
    """A row for each backend, with a mark at each iteration where its error is exactly 0."""
    axes.set(ylim=(len(styles) - 0.4, -0.8))
    axes.set_facecolor("#f1f1f1")
    axes.spines["bottom"].set_visible(False)
    axes.set_yticks([(len(styles) - 1) / 2], ["exactly 0"])
    axes.tick_params(axis="y", length=0)
    for row, (backend, look) in enumerate(styles.items()):
        ks = [k for cell, points in curves if cell.backend == backend for k, share in points if share == 0]
        axes.plot(ks, [row] * len(ks), look.marker, color=look.color, markersize=3, linestyle="none", label=backend)


def _line(ks: Iterable[int], values: Iterable[float], styles: Styles, backend: str) -> Line2D:
    """A line that is thinner the later it is drawn: backends often have equal errors, and all lines must be visible."""
    look = styles[backend]
    order = list(styles).index(backend) / max(1, len(styles) - 1)
    return Line2D(
        list(ks), list(values), color=look.color, marker=look.marker, markersize=7 - 2.6 * order,
        linewidth=2.6 - 1.5 * order, label=backend, zorder=3 + order,
    )  # fmt: skip


def _set_iterations(axes: Axes, curves: list[Curve]) -> None:
    """A logarithmic axis of iterations that starts at 0."""
    last = max(2, *(k for c in curves for k, _ in c.points))
    decades = math.log10(last)
    axes.set_xscale("symlog", linthresh=1, linscale=0.1 * decades + 0.1)
    axes.set_xlim(-0.35, last * 10 ** (0.04 * decades))
    canvas.place_ticks(axes.xaxis, [0.0, *canvas.log_ticks(1, last, 5)], text.tick)


def _clipped(share: float) -> float:
    return min(max(share, LOWEST), HIGHEST)


def _tick(share: float) -> str:
    """The label of a share: the bound, 1/100, 1/10 000, 1/million, 1/10 billion."""
    parts = round(1 / share)
    if parts == 1:
        return "the bound"
    scale, word = next(((s, w) for s, w in ((10**9, "billion"), (10**6, "million")) if parts >= s), (1, ""))
    many = text.count(parts // scale) if parts != scale else ""
    return f"1/{' '.join(filter(None, [many, word]))}"
