"""The cost ledger: a bar for each backend of what it costs once and then for a number of steady calls.

A backend without a time, or without one part of its cold costs, has no bar but the reason: an incomplete bar would be
too short.
"""

import math
from itertools import accumulate
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench import text
from bench.analysis.cold_costs import ColdCells, cold_cells, comparable_calls, first_call_without_compile
from bench.analysis.speed import Group, backends, gap_kind, problem_label, time_per_iteration
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import COLD, Table, name

BAR = 0.36  # inches: the height of a bar
TOP, RIGHT = 1.05, 0.85  # inches: above the bars and beside them
LARGEST = 1e100  # seconds: longer times are drawn like this
BEYOND, TORN = 3.0, 1.3  # a bar longer than BEYOND times the second longest ends at TORN times that one
# (name, color, hatch): the colors differ from those of the backends; the hatch alone tells the parts apart.
PARTS = (
    ("import", "#9a9a9a", ""),
    ("prepare", "#f3d6a0", "|||"),
    ("compile", "#b9d9ee", "///"),
    ("first call, without compile", "#d9c7e8", "xxx"),
    ("steady", "#ffffff", "\\\\"),
)


def draw(group: Group) -> Drawing | None:
    """Stacked bars on a linear axis; None where no backend has all parts."""
    selected = cold_cells(group, tuple(COLD))
    cells, reasons = selected.cells, reasons_left_out(selected)
    if selected.problem is None or not cells:
        return None
    calls = comparable_calls(cells)
    parts = [part for part, _, _ in PARTS[:-1]]
    parts.append(f"{text.number_of(calls, 'steady call')} of {text.span(c.n_iter for c in cells)} iterations")
    title = f"Cost ledger at {problem_label(selected.problem)} ({group.title})"
    rows = [
        (name(c), *map(text.scientific, (*_costs(c, calls), *(_steady(c, calls, end) for end in ("low", "high")))))
        for c in cells
    ]
    rows += [(text.clean(backend, 40), reason, *[""] * (len(parts) + 1)) for backend, reason in reasons.items()]
    totals = [(sum(_costs(c, calls)), text.clean(c.backend, 40)) for c in cells]
    ends = [f"{backend} ({text.duration(total)})" for total, backend in dict.fromkeys([min(totals), max(totals)])]
    alt = f"{title}: a bar for each backend, of its one-time costs and then {parts[-1]}. The shortest bar is that of"
    alt += f" {', the longest that of '.join(ends)}."
    heads = ("backend", *parts, "interval of the steady calls from", "to")
    return Drawing(_draw(title, parts, cells, calls, reasons), alt, Table("Cost ledger, seconds", heads, rows))


def reasons_left_out(selected: ColdCells) -> dict[str, str]:
    """Why each backend that is left out has no bar or line."""
    reasons = {}
    for cell, parts in selected.incomplete:
        missing = [COLD[part] for part in parts] or ["steady call"]
        reason = f"{text.listed(missing)} not known" if time_per_iteration(cell) else gap_kind(cell)
        reasons[cell.backend] = f"left out: {reason}"
    return reasons


def _steady(cell: Cell, calls: int, end: str = "") -> float | None:
    """Seconds of the steady calls, or the low or high end of their interval."""
    seconds = {"": cell.median_s, "low": cell.ci_low_s, "high": cell.ci_high_s}[end]
    return None if seconds is None else calls * seconds


def _costs(cell: Cell, calls: int) -> list[float]:
    """Seconds of each part, in the order of PARTS."""
    cold = cell.cold_costs
    rest = first_call_without_compile(cell)
    return [cold.import_s or 0, cold.prepare_s or 0, cold.compile_s or 0, rest or 0, _steady(cell, calls) or 0]


def _draw(title: str, parts: list[str], cells: list[Cell], calls: int, reasons: dict[str, str]) -> Figure:
    """The bars under the legend of their parts, then the backends that are left out."""
    names = backends(cells) + list(reasons)
    margin = 0.55 + canvas.CHARACTER * max(len(canvas.short(b)) for b in names)
    height = BAR * len(names)
    limit = _limit([sum(_costs(c, calls)) for c in cells])
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, TOP + height + 0.65))
        canvas.heading(figure, 0.12, title)
        patches = [Patch(facecolor=color, edgecolor="#444444", hatch=hatch) for _, color, hatch in PARTS]
        at = 0.06 / canvas.WIDTH, 1 - 0.38 / figure.get_size_inches()[1]
        figure.legend(patches, parts, loc="upper left", bbox_to_anchor=at, ncols=3, handlelength=2.2, handleheight=1.1)
        axes = canvas.add_axes(figure, margin, TOP, RIGHT, height)
        axes.set(xlim=(0, limit), ylim=(len(names) - 0.5, -0.5), axisbelow=True)
        canvas.place_ticks(axes.xaxis, _ticks(limit), lambda s: text.duration_tick(s) if s else "0")
        axes.grid(False, axis="y")
        axes.set_xlabel("time since the process start")
        _draw_names(axes, names, margin)
        for row, cell in enumerate(cells):
            _draw_bar(axes, row, cell, calls, limit)
        for row, words in enumerate(reasons.values(), len(cells)):
            canvas.row_text(axes, 0.01, row, words, **canvas.NOTE)
    return figure


def _limit(totals: list[float]) -> float:
    """The end of the axis in seconds: one bar that is far longer than all others leaves it."""
    totals = sorted(min(LARGEST, total) for total in totals)
    torn = len(totals) > 1 and totals[-1] > BEYOND * totals[-2] > 0
    limit = totals[-2] * TORN if torn else 1.02 * totals[-1] or 1.0
    return max(limit, 1e-150)  # a record may hold any number above 0


def _draw_names(axes: Axes, names: list[str], margin: float) -> None:
    """A label and a marker for each backend."""
    axes.set_yticks(range(len(names)), [canvas.short(b) for b in names])
    axes.tick_params(axis="y", length=0, pad=20)
    left, styles = -0.13 / (canvas.WIDTH - margin - RIGHT), canvas.series_styles(names)
    for row, (label, backend) in enumerate(zip(axes.get_yticklabels(), names, strict=True)):
        look = styles[backend]
        label.set_color(look.ink)
        axes.plot(
            [left], [row], look.marker, color=look.color, markersize=8, label=f"_{backend}",
            transform=axes.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip


def _draw_bar(axes: Axes, row: int, cell: Cell, calls: int, limit: float) -> None:
    """The parts stacked from 0 on, with the sum at the end, or at the edge where the bar leaves the axis."""
    costs = _costs(cell, calls)
    widths = [min(cost, LARGEST) for cost in costs]
    for (part, color, hatch), start, width in zip(PARTS, accumulate(widths, initial=0.0), widths, strict=False):
        style: dict[str, Any] = {"color": color, "edgecolor": "#444444", "linewidth": 0.7, "hatch": hatch}
        axes.barh([row], [width], 0.62, left=start, label=f"_{part}", zorder=2, **style)
    end = start = sum(widths)
    low, high = _steady(cell, calls, "low"), _steady(cell, calls, "high")
    if low is not None and high is not None and high < LARGEST:
        reach = [[max(0.0, costs[-1] - low)], [max(0.0, high - costs[-1])]]
        axes.errorbar([start], [row], xerr=reach, fmt="none", ecolor=canvas.INK, elinewidth=1.2, zorder=4)
        end = max(start, start - widths[-1] + high)
    words = text.duration(sum(costs))
    if start > limit:
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        canvas.row_text(axes, 0.99, row, f"{words} in all, beyond the axis →", ha="right", zorder=6, bbox=paper)
    else:
        axes.annotate(
            words, (min(end, limit), row), (6, 0), textcoords="offset points", va="center", fontsize=10,
            annotation_clip=False,
        )  # fmt: skip


def _ticks(limit: float) -> list[float]:
    """Multiples of a round step from 0 up to the limit, four to eight of them."""
    scale = 10.0 ** math.floor(math.log10(limit / 4))
    step = next((m * scale for m in (1, 2, 5) if limit / (m * scale) <= 8), 10 * scale)
    return [index * step for index in range(math.floor(limit / step + 1e-9) + 1)]
