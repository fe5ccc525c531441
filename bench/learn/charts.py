"""The two pictures that most chapters need: dots with intervals in rows, and lines with their names at the ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point
from bench.report.tables import Table
from bench.stats import Interval
from bench.text import MISSING

ROW, PANEL = 0.5, 3.2  # inches: of a row of dots, of a panel of lines
GUESS = "your prediction"


def dots(
    title: str, unit: str, rows: Mapping[str, Interval | None], guess: float | None = None, log: bool = True
) -> Drawing | None:
    """A row for each name: its value, with the interval where it has one, and the reader's prediction as a dashed line.

    rows and guess in `unit`. None where no row has a value.
    """
    drawn = {name: interval for name, interval in rows.items() if interval is not None}
    if not drawn:
        return None
    styles = canvas.series_styles(list(drawn))
    margin = max(1.2, 0.3 + canvas.CHARACTER * max(map(len, drawn)))
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, ROW * len(drawn) + 1.45))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, margin, 0.65, 0.9, ROW * len(drawn))
        for row, (name, (at, low, high)) in enumerate(drawn.items()):
            look = styles[name]
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=look.ink, linewidth=6, alpha=0.35, solid_capstyle="butt")
            axes.plot(at, row, marker=look.marker, color=look.colour, markersize=9)
            end = at if high is None else max(at, high)
            axes.annotate(text.significant(at), (end, row), (11, 0), textcoords="offset points", va="center")
        values = [end for interval in drawn.values() for end in interval if end is not None]
        if guess is not None and (guess > 0 or not log):
            values.append(guess)
            axes.axvline(guess, linestyle="--", color=canvas.FAINT)
            axes.annotate(GUESS, (guess, -0.62), (4, 0), textcoords="offset points", va="center", color=canvas.FAINT)
        scale(axes, "x", values, log)
        axes.set_yticks(range(len(drawn)), list(drawn))
        axes.set_ylim(len(drawn) - 0.5, -0.85)
        axes.set_xlabel(unit)
    table_rows = [
        (name, *(MISSING if end is None else text.significant(end) for end in interval))
        for name, interval in drawn.items()
    ]
    listed = ", ".join(f"{name} {at}" for name, at, *_ in table_rows)
    guess_text = f", and {GUESS} of {text.significant(guess)}" if guess else ""
    alt = f"Chart, {title}, in {unit}{' on a logarithmic axis' if log else ''}: {listed}{guess_text}."
    return Drawing(figure, alt, Table(title, ("", unit, "from", "to"), table_rows))


def lines(
    title: str,
    across: str,
    up: str,
    series: Mapping[str, Sequence[Point]],
    log: str = "xy",
    level: tuple[float, str] | None = None,
    mark: tuple[float, str] | None = None,
) -> Drawing | None:
    """A line for each name, with the intervals of its points where they have any.

    across, up: what the axes are, with units. log: which of them are logarithmic. level, mark: a dashed line across,
    or upwards, with what it is, such as the reader's prediction. None where there is no point.
    """
    drawn = {name: list(points) for name, points in series.items() if points}
    if not drawn:
        return None
    styles = canvas.series_styles(list(drawn))
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, PANEL + 1.25))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, canvas.LEFT, 0.6, canvas.label_margin(list(map(canvas.short, drawn))), PANEL)
        for name, points in drawn.items():
            canvas.draw_points(axes, points, styles[name], name, line=len(points) > 1)
        ends = [end for points in drawn.values() for p in points for end in (p.value, p.low, p.high) if end is not None]
        if level is not None:
            ends.append(level[0])
            axes.axhline(level[0], linestyle="--", color=canvas.FAINT)
            axes.annotate(level[1], (0.01, level[0]), (0, 4), xycoords=("axes fraction", "data"),
                          textcoords="offset points", color=canvas.FAINT)  # fmt: skip
        if mark is not None:
            upright(axes, *mark)
        scale(axes, "x", [p.n for points in drawn.values() for p in points] + ([mark[0]] if mark else []), "x" in log)
        scale(axes, "y", ends, "y" in log)
        if "y" in log:
            canvas.end_labels(
                axes, [LineEndLabel(canvas.short(n), p[-1].n, p[-1].value, styles[n]) for n, p in drawn.items()], PANEL
            )
        else:
            for name, points in drawn.items():
                axes.annotate(canvas.short(name), (1.02, points[-1].value), xycoords=("axes fraction", "data"),
                              va="center", color=styles[name].ink, annotation_clip=False)  # fmt: skip
        axes.set_xlabel(across)
        axes.set_ylabel(up)
    rows = [
        (name, text.tick(p.n), *(MISSING if end is None else text.significant(end) for end in (p.value, p.low, p.high)))
        for name, points in drawn.items()
        for p in points
    ]
    description = "; ".join(
        f"{name} from {text.significant(p[0].value)} at {text.tick(p[0].n)} to {text.significant(p[-1].value)} at"
        f" {text.tick(p[-1].n)}"
        for name, p in drawn.items()
    )
    marks = "".join(f" A dashed line at {text.significant(at)}: {words}." for at, words in filter(None, (level, mark)))
    alt = f"Chart, {title}. Across: {across}. Up: {up}. {description}.{marks}"
    return Drawing(figure, alt, Table(title, ("", across, up, "from", "to"), rows))


def upright(axes: Axes, at: float, words: str, before: bool = False) -> None:
    """Draw a vertical dashed line with a label at its upper end, to its right or to its left."""
    axes.axvline(at, linestyle="--", color=canvas.FAINT)
    axes.annotate(words, (at, 0.98), (-4 if before else 4, 0), xycoords=("data", "axes fraction"), va="top",
                  ha="right" if before else "left", textcoords="offset points", color=canvas.FAINT)  # fmt: skip


def scale(axes: Axes, which: str, values: Sequence[float], log: bool) -> None:
    """Limits and ticks around these values; a linear axis begins at 0 where none is below."""
    axis: Any = axes.xaxis if which == "x" else axes.yaxis
    set_limits: Callable[..., Any] = axes.set_xlim if which == "x" else axes.set_ylim
    if log:
        low, high = canvas.limits([value for value in values if value > 0])
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        set_limits(low, high)
        canvas.log_axis(axis, low, high, text.tick if low > 1e-4 and high < 1e7 else lambda v: f"{v:.0e}")
    else:
        low, high = min(0.0, *values), max(values)
        set_limits(low - 0.05 * (high - low) * (low < 0), high + 0.12 * (high - low or 1))
        axis.grid(True, color="#e3e3e3", linewidth=0.8)
