"""Panels of lines against the number of samples, which the figures of times and of speed-ups share.

A figure shows one dtype and one number of threads. A cell without a time is a gap of a named kind and never a point.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.speed import (
    SYNTHETIC,
    ProblemKey,
    backends,
    gap_kind,
    largest_comparable_problem,
    predicted_time,
    problem_key,
    problem_label,
    time_per_iteration,
)
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import LineEndLabel, Point, Styles

GAP_ROW = 0.4  # inches: of a backend's row of gaps
Value = Callable[[Cell], tuple[float, float | None, float | None] | None]


class Panel(NamedTuple):
    """Lines against n.

    value: the value of a cell with its interval; tick: the label of a value on the axis; level: a reference line, or
    None; gaps: the cells to mark where they have no time.
    """

    title: str
    cells: list[Cell]
    value: Value
    tick: Callable[[float], str]
    level: float | None
    gaps: list[Cell]


def by_features(cells: list[Cell]) -> list[tuple[str, list[Cell]]]:
    """Pairs of a title suffix such as ", d = 10" and its cells, one for each number of synthetic features.

    A line joins only sizes of one d. Real problems belong to no line; they are in the first part.
    """
    widths = sorted({c.n_features for c in cells if c.problem.name == SYNTHETIC})
    if not widths:
        return [("", cells)]
    return [
        (
            f", d = {text.count(d)}",
            [c for c in cells if (c.n_features == d if c.problem.name == SYNTHETIC else d == widths[0])],
        )
        for d in widths
    ]


def range_in_words(cells: list[Cell], value: Value, show: Callable[[float], str]) -> str:
    """The least and the largest value on the largest problem: from 5.19 ms (numba_tuned) to 26.3 ms (jax_jit) at …."""
    problem = largest_comparable_problem([c for c in cells if value(c)])
    values = [(result[0], c.backend) for c in cells if problem_key(c) == problem and (result := value(c))]
    if problem is None or not values:
        return "nothing was measured"
    ends = [f"{show(end)} ({text.clean(backend, 40)})" for end, backend in dict.fromkeys([min(values), max(values)])]
    return f"{'from ' if len(ends) > 1 else ''}{' to '.join(ends)} at {problem_label(problem)}"


def draw(panels: Sequence[Panel], cells: list[Cell], left: float = canvas.LEFT) -> Figure:
    """The panels below each other: names of real problems at the top, lines, labels at the right, rows of gaps.

    left: the margin in inches.
    """
    names, others = canvas.select_lines(c.backend for c in cells)
    styles = canvas.series_styles(names)
    right = canvas.label_margin([canvas.short(b) for b in styles])
    panels = [
        panel._replace(
            cells=[c for c in panel.cells if c.backend in styles], gaps=[c for c in panel.gaps if c.backend in styles]
        )
        for panel in panels
    ]
    shapes = [_shape(panel) for panel in panels]
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, (sum(map(sum, shapes)) or 1) + (0.25 if others else 0)))
        canvas.name_left_out(figure, others, 0.02)
        top = 0.0
        for panel, (above, height, below) in zip(panels, shapes, strict=True):
            canvas.heading(figure, top + 0.12, panel.title)
            axes = canvas.add_axes(figure, left, top + above, right, height)
            _draw_lines(axes, panel, styles, height)
            if rows := _gap_rows(panel):
                axes = canvas.add_lane(figure, axes, len(rows), GAP_ROW)
                _draw_gaps(axes, rows, styles)
            axes.set_xlabel("number of samples n")
            top += above + height + below
    return figure


def _shape(panel: Panel) -> tuple[float, float, float]:
    """Inches above, of, and below the axes of a panel."""
    has_values = any(panel.value(c) for c in panel.cells)
    rows = len(_gap_rows(panel))
    height = max(canvas.PANEL, 0.21 * len(backends(panel.cells))) if has_values or rows else 1.0
    return (
        canvas.ABOVE + 0.22 * len(_real_problems(panel)),
        height,
        canvas.BELOW + (GAP_ROW * rows + 0.08 if rows else 0),
    )


def _draw_lines(axes: Axes, panel: Panel, styles: Styles, height: float) -> None:
    """The measured and predicted points of every backend, with its name at the end of its line."""
    lines = {b: _points(panel, b, synthetic=True) for b in styles}
    singles = {b: _points(panel, b, synthetic=False) for b in styles}
    predictions = {b: _predictions(panel, b) for b in styles}
    points = [p for series in (*lines.values(), *singles.values(), *predictions.values()) for p in series]
    _set_axes(axes, panel, points)
    ends: list[LineEndLabel] = []
    for b, look in styles.items():
        if lines[b]:
            canvas.draw_points(axes, lines[b], look, b, gaps=_missing(panel, b))
        if singles[b]:
            canvas.draw_points(axes, singles[b], look, b, line=False)
        if predictions[b]:
            before = [p for p in lines[b] if p.n < predictions[b][0].n][-1:]
            canvas.draw_predicted(axes, before, predictions[b], look, b)
        series = sorted([*lines[b], *predictions[b]] or singles[b])
        if series:
            ends.append(LineEndLabel(canvas.short(b), series[-1].n, series[-1].value, look))
    canvas.end_labels(axes, ends, height)
    for level, problem in enumerate(_real_problems(panel)):
        axes.axvline(problem.n_samples, color="#bbbbbb", linewidth=0.8, linestyle=":", zorder=1, label="_problem")
        axes.annotate(
            problem_label(problem), (problem.n_samples, 1), (0, 5 + 16 * level), va="bottom", ha="center",
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=10, color=canvas.FAINT,
        )  # fmt: skip


def _set_axes(axes: Axes, panel: Panel, points: list[Point]) -> None:
    """Logarithmic axes around the points, and the reference line; a sentence where there are no points."""
    values = [v for p in points for v in (p.value, p.low, p.high) if v]
    low, high = canvas.limits(values + ([panel.level] if panel.level and values else []))
    across = canvas.limits([float(c.n_samples) for c in panel.cells], 2.3)
    canvas.log_axes(axes, across, (low, high), panel.tick)
    if not points:
        words = "no figures: nothing here was measured"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", **canvas.NOTE)
        axes.set_yticks([])
    elif panel.level:
        axes.axhline(panel.level, color=canvas.FAINT, linewidth=1.2, linestyle=":", zorder=1, label="_level")


def _points(panel: Panel, backend: str, synthetic: bool) -> list[Point]:
    return [
        Point(c.n_samples, *value)
        for c in panel.cells
        if c.backend == backend and (c.problem.name == SYNTHETIC) == synthetic and (value := panel.value(c))
    ]


def _predictions(panel: Panel, backend: str) -> list[Point]:
    """The predicted times of synthetic sizes that were skipped."""
    cells = [c for c in panel.gaps if c.backend == backend and c.problem.name == SYNTHETIC]
    return [Point(c.n_samples, seconds, None, None) for c in cells if (seconds := predicted_time(c))]


def _missing(panel: Panel, backend: str) -> list[int]:
    """The synthetic sizes at which the line of a backend breaks, because it has no value there."""
    cells = [c for c in panel.cells if c.backend == backend and c.problem.name == SYNTHETIC]
    return [c.n_samples for c in cells if panel.value(c) is None]


def _real_problems(panel: Panel) -> list[ProblemKey]:
    """The problems with a value that are not synthetic and so belong to no line."""
    return sorted({problem_key(c) for c in panel.cells if c.problem.name != SYNTHETIC and panel.value(c)})


def _gap_rows(panel: Panel) -> dict[str, list[Cell]]:
    missing = [c for c in panel.gaps if time_per_iteration(c) is None]
    return {b: [c for c in missing if c.backend == b] for b in backends(missing)}


def _draw_gaps(axes: Axes, rows: dict[str, list[Cell]], styles: Styles) -> None:
    """A row for each backend with gaps: a cross at each n, and the kind once for each run of equal gaps."""
    axes.text(-0.02, 0.5, "no time", transform=axes.transAxes, ha="right", va="center", fontsize=10)
    for row, (backend, cells) in enumerate(rows.items()):
        ink = styles[backend].ink
        ns = [c.n_samples for c in cells]
        axes.plot(ns, [row - 0.18] * len(ns), "x", color=ink, markersize=6.5, label=backend)
        kinds = ["", *map(gap_kind, cells)]
        for before, kind, n in zip(kinds, kinds[1:], ns, strict=False):
            if kind != before:
                axes.text(n, row + 0.23, kind, ha="center", va="center", fontsize=9.5, color=ink)
        canvas.row_text(axes, 1.035, row, canvas.short(backend), color=ink, fontsize=11)
