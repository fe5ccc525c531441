"""The two pictures that most chapters need: dots with intervals in rows, and lines with their names at the ends."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.learn import facts
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point
from bench.report.tables import Table
from bench.stats import Interval

ROW, PANEL = 0.5, 3.2  # inches: of a row of dots, of a panel of lines
GUESS = "your prediction"
FAR = 1e3  # a mark beyond this multiple of the largest value is at the edge


def dots(
    title: str, unit: str, rows: Mapping[str, Interval | None], guess: float | None = None, log: bool = True
) -> Drawing | None:
    """A row for each name: its value, with the interval where it has one, and the reader's prediction as a dashed line.

    rows and guess are in `unit`. None where no row has a value.
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
            axes.plot(at, row, marker=look.marker, color=look.color, markersize=9)
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
    table_rows = [(name, *map(facts.number, interval)) for name, interval in drawn.items()]
    listed = ", ".join(f"{name} {at}" for name, at, *_ in table_rows)
    guess_text = f", and {GUESS} of {text.significant(guess)}" if guess else ""
    alt = f"Chart, {title}, in {unit}{' on a logarithmic axis' if log else ''}: {listed}{guess_text}."
    return Drawing(figure, alt, Table(title, ("", unit, "from", "to"), table_rows))


def points(xs: Iterable[Any], ys: Iterable[float]) -> list[Point]:
    """Points without intervals."""
    return [Point(x, float(y), None, None) for x, y in zip(xs, ys, strict=True)]


def lines(
    title: str,
    across: str,
    up: str,
    series: Mapping[str, Sequence[Point]],
    log: str = "xy",
    level: tuple[float, str] | None = None,
    mark: tuple[float, str] | None = None,
    floor: float = 0.0,
    every: int = 1,
) -> Drawing | None:
    """A line for each name, with the intervals of its points where they have any.

    across, up: what the axes are, with units. log: which of them are logarithmic. level, mark: a dashed line across,
    or upwards, with what it is, such as the reader's prediction. floor: smaller values are drawn here; the table has
    their true values. every: each of these points has a marker and a row of the table. None where there is no point.
    """
    drawn = {name: list(of) for name, of in series.items() if of}
    if not drawn:
        return None
    styles = canvas.series_styles(list(drawn))
    labels = [canvas.short(name) for name in drawn]
    at_the_end = len({of[-1].n for of in drawn.values()}) == 1  # otherwise the names are in a legend
    top, right = (0.6, canvas.label_margin(labels)) if at_the_end else (canvas.legend_top(styles) + 0.1, 0.3)
    if any(p.value < floor for of in drawn.values() for p in of):
        title += f" (values below {floor:g} appear at {floor:g})"
    if mark is not None and mark[0] <= 0 and "x" in log:
        mark = None
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, top + PANEL + 0.65))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, canvas.LEFT, top, right, PANEL)
        for name, of in drawn.items():
            raised = [p._replace(value=max(p.value, floor)) if floor else p for p in of]
            axes.plot([p.n for p in raised], [p.value for p in raised], color=styles[name].color, linewidth=1.8)
            canvas.draw_points(axes, raised[::every], styles[name], name, line=False)
        across_values: list[float] = [p.n for of in drawn.values() for p in of]
        ends = [max(end, floor) for of in drawn.values() for p in of for end in p[1:] if end is not None]
        if level is not None:
            ends.append(level[0])
            axes.axhline(level[0], linestyle="--", color=canvas.FAINT)
            axes.annotate(level[1], (0.01, level[0]), (0, 4), xycoords=("axes fraction", "data"),
                          textcoords="offset points", color=canvas.FAINT)  # fmt: skip
        if mark is not None and mark[0] <= FAR * max(across_values):
            across_values.append(mark[0])
        scale(axes, "x", across_values, "x" in log)
        scale(axes, "y", ends, "y" in log)
        if mark is not None:
            upright(axes, *mark)
        last = {name: max(of[-1].value, floor) for name, of in drawn.items()}
        if not at_the_end:
            canvas.legend(figure, styles)
        elif "y" in log:
            labeled = [LineEndLabel(canvas.short(n), of[-1].n, last[n], styles[n]) for n, of in drawn.items()]
            canvas.end_labels(axes, labeled, PANEL)
        else:
            low, high = axes.get_ylim()
            names = sorted(last, key=lambda name: last[name])
            wanted = [(last[name] - low) / (high - low) for name in names]
            for name, at in zip(names, canvas.spread_out(wanted, 0.2 / PANEL), strict=True):
                axes.annotate(canvas.short(name), (1.02, at), xycoords="axes fraction", va="center",
                              color=styles[name].ink, annotation_clip=False)  # fmt: skip
        axes.set_xlabel(across)
        axes.set_ylabel(up)
    with_intervals = any(p.low is not None for of in drawn.values() for p in of)
    columns = (across, up, "from", "to") if with_intervals else (across, up)
    rows = [
        (name, _at(p.n), *map(facts.number, p[1 : len(columns)])) for name, of in drawn.items() for p in of[::every]
    ]
    description = "; ".join(
        f"{name} from {' to '.join(f'{text.significant(p.value)} at {_at(p.n)}' for p in (of[0], of[-1]))}"
        for name, of in drawn.items()
    )
    marks = "".join(f" A dashed line at {text.significant(at)}: {words}." for at, words in filter(None, (level, mark)))
    kinds = {which: ", logarithmic" if which in log else "" for which in "xy"}
    alt = f"Chart, {title}. Across: {across}{kinds['x']}. Up: {up}{kinds['y']}. {description}.{marks}"
    return Drawing(figure, alt, Table(title, ("", *columns), rows))


def _at(x: float) -> str:
    """A position on the horizontal axis: a whole number with all its digits, another one with three."""
    return text.tick(round(x)) if math.isclose(x, round(x)) else text.significant(x)


def upright(axes: Axes, at: float, words: str) -> None:
    """Draw a vertical dashed line with a label at its upper end; at the edge, with its number, where it is outside."""
    low, high = axes.get_xlim()
    if not low <= at <= high:
        words, at = f"{words}, {text.significant(at)}", min(max(at, low), high)
    before = axes.transLimits.transform(axes.transScale.transform((at, 1)))[0] > 0.5
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
