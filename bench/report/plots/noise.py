"""Noise: the deviation of each process from the median of its cell, and the drift of the sentinel kernels.

Each problem has a panel, each backend a row, and each process is a dot. The sentinels have the last panel.
"""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.noise import deviations, sentinel_drifts
from bench.analysis.speed import Group, ProblemKey, backends, gap_kind, problem_key, problem_label
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, SeriesStyle
from bench.report.tables import Table, name

LIMIT, DRIFT = 10.0, 5.0  # percent: the deviation of a noisy cell, and of a sentinel that drifts
MIN_REACH, MAX_REACH = 15.0, 25.0  # percent: the ends of the axis
MAX_PANELS, COLUMNS = 6, 3
BETWEEN, FLAGS, RIGHT = 0.15, 1.4, 0.05  # inches: between panels, the flags beside a panel, the right margin
ABOVE, ROW, BELOW = 0.26, 0.18, 0.06  # inches: above a panel, a row, below a panel
SENTINELS = 0.9  # inches: the panel of the sentinels
HEADING, TICKS, LABEL = 0.4, 0.27, 0.45  # inches: the title, the ticks of the last panels, the label of the sentinels
NAMES, WORDS = 9.5, 9.0  # points
CONTROL = "A/A control"
MILD, LETTERS = "outliers", 18  # a flag that alone raises no doubt; the letters that fit beside a row
NO_NOISE = {"bound not informative"}  # flags that are not about noise
SENTINEL_LOOKS = {"arithmetic": SeriesStyle("#333333", "o"), "memory": SeriesStyle("#D55E00", "s")}


def draw(group: Group) -> Drawing | None:
    """The processes of each cell around its median, in percent; None where no cell has two."""
    percents = {id(c): deviations(c) for c in group.cells}
    cells = [c for c in group.cells if percents[id(c)]]
    if not any(len(percents[id(c)]) > 1 for c in cells):
        return None
    problems = sorted({problem_key(c) for c in cells}, key=lambda k: (-_worst(k, cells), k))
    drawn = sorted(problems[:MAX_PANELS])
    drifts = sentinel_drifts(group.blocks, group.threads)
    title = f"Each process against the median of its cell ({group.title})"
    every = [d for c in cells for d in percents[id(c)]]
    alt = f"{title}: a panel for each of {text.count(len(drawn))} of {text.number_of(len(problems), 'problem')},"
    alt += f" a row for each backend. {text.count(sum(abs(d) > LIMIT for d in every))} of"
    alt += f" {text.number_of(len(every), 'process')} lie more than {LIMIT:g} % off"
    ends = [f"{text.clean(kernel, 40)} changes by {_signed(points[-1])}" for kernel, points in drifts.items()]
    alt += f"; of the sentinels, {text.listed(ends)}." if ends else "."
    rows = [
        (
            problem_label(c),
            name(c),
            "; ".join(flags(c)) if percents[id(c)] else f"no time: {gap_kind(c)}",
            ", ".join(map(_signed, percents[id(c)])),
        )
        for c in group.cells
    ]
    rows += [("sentinel", text.clean(kernel, 40), "", ", ".join(map(_signed, d))) for kernel, d in drifts.items()]
    table = Table("Processes against their median", ("problem", "backend", "flags", "off the median"), rows)
    return Drawing(_draw(title, drawn, [c for c in group.cells if problem_key(c) in drawn], drifts), alt, table)


def flags(cell: Cell) -> list[str]:
    """The flags of a cell that are about noise."""
    return [text.clean(flag, 40) for flag in cell.flags if flag.partition(":")[0] not in NO_NOISE]


def _worst(problem: ProblemKey, cells: Sequence[Cell]) -> float:
    return max(abs(d) for c in cells if problem_key(c) == problem for d in deviations(c))


def _signed(percent: float) -> str:
    """+1.2 %"""
    digits = ".1f" if abs(percent) < 100 else ".0f" if abs(percent) < 1e4 else ".1e"
    return f"{percent:+{digits}} %".replace("-", "−")


def _draw(title: str, problems: list[ProblemKey], cells: list[Cell], drifts: dict[str, list[float]]) -> Figure:
    """The panels in rows of COLUMNS, and the sentinels below them."""
    rows = backends(c for c in cells if not c.control)
    rows += [CONTROL] if any(c.control for c in cells) else []
    names = [canvas.short(row) for row in rows]
    styles = canvas.series_styles(backends(cells))
    left = 0.3 + canvas.CHARACTER * NAMES / 11 * max(map(len, names))
    columns = min(COLUMNS, len(problems))
    full = canvas.WIDE if columns == COLUMNS else canvas.WIDTH
    width = (full - left - RIGHT - BETWEEN * (columns - 1)) / columns - FLAGS
    height, down = ROW * len(rows), math.ceil(len(problems) / columns)
    panel = ABOVE + height + BELOW
    largest = max(abs(d) for c in cells for d in deviations(c))
    reach = min(MAX_REACH, max(MIN_REACH, 1.15 * largest))
    with canvas.house_style():
        extra = ABOVE + SENTINELS + LABEL if drifts else 0.0
        figure = Figure(figsize=(full, HEADING + panel * down + TICKS + extra))
        canvas.heading(figure, 0.12, title)
        for index, problem in enumerate(problems):
            at = left + index % columns * (width + FLAGS + BETWEEN)
            top = HEADING + index // columns * panel + ABOVE
            axes = canvas.add_axes(figure, at, top, full - at - width, height)
            _set_axes(axes, problem, names if index % columns == 0 else [""] * len(rows), reach)
            axes.tick_params(axis="x", labelbottom=index + columns >= len(problems))
            by_row = {CONTROL if c.control else c.backend: c for c in cells if problem_key(c) == problem}
            for row, label in enumerate(rows):
                if label in by_row:
                    _draw_row(axes, row, by_row[label], styles[by_row[label].backend], reach)
                else:
                    _draw_gap(axes, row, "not run")
        if drifts:
            top = HEADING + panel * down + TICKS + ABOVE
            _draw_sentinels(canvas.add_axes(figure, left, top, FLAGS + RIGHT, SENTINELS), drifts)
    return figure


def _set_axes(axes: Axes, problem: ProblemKey, names: list[str], reach: float) -> None:
    """The title of a panel, its rows, and its limits."""
    axes.set_title(problem_label(problem), fontsize=10, pad=3)
    axes.set(xlim=(-reach, reach), ylim=(len(names) - 0.5, -0.5))
    _draw_limits(axes.axvline, LIMIT)
    canvas.place_ticks(axes.xaxis, [-LIMIT, LIMIT], _tick)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelsize=NAMES)
    axes.tick_params(axis="x", labelsize=NAMES, pad=2)
    axes.grid(False, axis="y")


def _draw_gap(axes: Axes, row: int, words: str) -> None:
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0}
    canvas.row_text(axes, 0.02, row, words, bbox=paper, fontsize=WORDS, zorder=4, **canvas.NOTE)


def _draw_limits(line: Any, limit: float) -> None:
    """Lines at zero and at both limits. line: axhline or axvline of axes."""
    for at, style in ((-limit, "--"), (0.0, "-"), (limit, "--")):
        line(at, color=canvas.FAINT, linewidth=1.0, linestyle=style, zorder=2, label="_limit")


def _tick(percent: float) -> str:
    return f"{percent:+g} %".replace("-", "−") if percent else "0"


def _draw_row(axes: Axes, row: int, cell: Cell, look: SeriesStyle, reach: float) -> None:
    """Dots on the interval of the median; triangles at the edges for processes beyond the axis."""
    percents = deviations(cell)
    if not percents:
        _draw_gap(axes, row, f"no time: {gap_kind(cell)}")
        return
    if cell.ci_low_s is not None and cell.ci_high_s is not None and cell.median_s:
        ends = [max(-reach, min(reach, 100 * (end / cell.median_s - 1))) for end in (cell.ci_low_s, cell.ci_high_s)]
        axes.plot(ends, [row, row], color=look.color, alpha=0.35, linewidth=4, label="_interval", zorder=2)
    within = [d for d in percents if abs(d) <= reach]
    label = CONTROL if cell.control else cell.backend
    axes.plot(
        within, [row] * len(within), look.marker, markerfacecolor="white" if cell.control else look.color,
        markeredgecolor=look.ink, markeredgewidth=0.7, markersize=5, label=label, zorder=3,
    )  # fmt: skip
    for side, marker in ((-1, "<"), (1, ">")):
        if any(d * side > reach for d in percents):
            edge = side * reach * 0.97
            axes.plot([edge], [row], marker, color=look.ink, markersize=6, label=f"_beyond {label}", zorder=4)
    if any(not flag.startswith(MILD) for flag in flags(cell)):
        axes.axhspan(row - 0.5, row + 0.5, color="#fbe3dc", linewidth=0, zorder=0)
    if words := _doubt(cell, reach):
        canvas.row_text(axes, 1.02, row, words, fontsize=WORDS)


def _doubt(cell: Cell, reach: float) -> str:
    """The first flag of a cell, the number of others, and the deviation furthest beyond the axis."""
    doubts, furthest = flags(cell), max(deviations(cell), key=abs)
    beyond = _signed(furthest) if abs(furthest) > reach else ""
    if not doubts:
        return beyond
    kind, more = doubts[0].partition(":")[0], f" +{len(doubts) - 1}" if len(doubts) > 1 else ""
    words = (f"{kind}, {beyond}" if beyond else doubts[0]) + more
    return words if len(words) <= LETTERS else text.clean(kind, LETTERS - len(more)) + more


def _draw_sentinels(axes: Axes, drifts: dict[str, list[float]]) -> None:
    """Lines against the blocks; a sentinel drifts where its line leaves the limits."""
    last = max(map(len, drifts.values()))
    reach = min(MAX_REACH, max(2 * DRIFT, *(1.15 * abs(d) for points in drifts.values() for d in points)))
    axes.set_title("Sentinel kernels against their first time", fontsize=10, pad=3)
    axes.set(xlim=(0.7, last + 0.3), ylim=(-reach, reach))
    canvas.place_ticks(axes.yaxis, [-DRIFT, 0.0, DRIFT], _tick)
    canvas.place_ticks(axes.xaxis, range(1, last + 1, math.ceil(last / 12)), text.tick)
    _draw_limits(axes.axhline, DRIFT)
    axes.tick_params(labelsize=NAMES, pad=2)
    axes.set_xlabel("time of measuring: at the start of each block, and after the last", fontsize=10, labelpad=2)
    looks = {**canvas.series_styles([kernel for kernel in drifts if kernel not in SENTINEL_LOOKS]), **SENTINEL_LOOKS}
    ends = sorted((max(-reach, min(reach, points[-1])), kernel) for kernel, points in drifts.items())
    placed = canvas.spread_out([(end + reach) / (2 * reach) for end, _ in ends], 0.2 / SENTINELS)
    for (_, kernel), fraction in zip(ends, placed, strict=True):
        look, drawn = looks[kernel], [max(-reach, min(reach, d)) for d in drifts[kernel]]
        axes.plot(
            range(1, len(drawn) + 1), drawn, color=look.color, marker=look.marker, markersize=5, linewidth=1.6,
            label=f"sentinel {kernel}", zorder=3,
        )  # fmt: skip
        words = text.clean(kernel, 14)
        axes.text(1.02, fraction, words, transform=axes.transAxes, va="center", fontsize=10, color=look.ink)
