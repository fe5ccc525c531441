"""Shared by all figures: style, colors and markers, logarithmic axes, labels at line ends, SVG.

Figures are made without pyplot, so there is no global state, and the user's Matplotlib settings have no effect.
"""

import io
import math
import warnings
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from scipy.optimize import isotonic_regression

from bench import text
from bench.analysis.speed import CORE, TUNED, reading_order
from bench.report.tables import Table

INK, FAINT, FRAME = "#222222", "#5f5f5f", "#888888"
TICK: dict[str, Any] = {"major.size": 3, "color": FRAME, "labelcolor": INK}
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with Matplotlib
    "font.size": 11.0,
    "text.color": INK,
    "text.parse_math": False,  # a name may contain dollar signs
    "text.usetex": False,
    "svg.fonttype": "path",  # the same picture where the font is not installed
    "svg.hashsalt": "gdbench",
    "axes.edgecolor": FRAME,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "errorbar.capsize": 3,
    "grid.color": "#e3e3e3",
    "legend.borderpad": 0.2,
    "legend.columnspacing": 1.4,
    "legend.frameon": False,
    "path.simplify": False,
    **{f"{axis}tick.{name}": value for axis in "xy" for name, value in TICK.items()},
}
NOTE: dict[str, Any] = {"va": "center", "style": "italic", "color": FAINT}  # text in place of data
POINT: dict[str, Any] = {"markersize": 6.5, "markeredgecolor": "white", "markeredgewidth": 0.5, "zorder": 3}
# Okabe and Ito's colors, which color-blind readers can tell apart; the markers work without color. A library has one
# hue: its tuned file is the darker one.
CORE_LOOK = (("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#CC79A7", "D"))
TUNED_LOOK = {"numpy_tuned": ("#00395C", "P"), "numba_tuned": ("#00543C", "v"), "jax_tuned": ("#7D2F5C", "X")}
LEADER: dict[str, Any] = {
    "arrowstyle": "-", "linewidth": 0.8, "alpha": 0.7, "shrinkA": 2, "shrinkB": 4, "relpos": (0, 0.5),
}  # fmt: skip
MORE_COLORS = ("#E69F00", "#56B4E9", "#000000", "#8C6BB1", "#7F7F7F")
MORE_MARKERS = ("<", "*", ">", "h", "p", "8", "d")
MAX_LINES = 7  # of a chart
WIDTH, WIDE = 8.0, 12.8  # inches: of a figure, and of one with many panels
ABOVE, PANEL, BELOW = 0.5, 3.7, 0.68  # inches: above, of, and below a panel of lines
LEFT, CHARACTER = 0.95, 0.092  # inches: the left margin; the width of a letter at 11 points
MAX_MARKERS = 32  # of a line; more would hide it
LEGEND_ROW, HANDLE = 0.25, 0.6  # inches: a row of the legend; the space of a marker in it


class Drawing(NamedTuple):
    """A figure with its alternative text and the table of its data in base units."""

    figure: Figure
    alt: str
    table: Table


class SeriesStyle(NamedTuple):
    """Color (#rrggbb) and Matplotlib marker of a series."""

    color: str
    marker: str

    @property
    def ink(self) -> str:
        """The color, dark enough for text on white."""
        return "#" + "".join(f"{int(int(self.color[i : i + 2], 16) * 0.62):02x}" for i in (1, 3, 5))


Styles = Mapping[str, SeriesStyle]


class Point(NamedTuple):
    """A value at n with its interval; low and high are None where there is none."""

    n: int
    value: float
    low: float | None
    high: float | None


class LineEndLabel(NamedTuple):
    """The label of a line and the position of its end."""

    label: str
    n: float
    value: float
    look: SeriesStyle


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults with STYLE on top, whatever the user's matplotlibrc sets."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]
        yield


def series_styles(backends: Sequence[str]) -> dict[str, SeriesStyle]:
    """Color and marker by name: fixed for the core backends, stable between runs for others unless they collide."""
    # 5 and 7 are coprime, so every pair occurs, and neighbors differ in both color and marker.
    pairs = range(len(MORE_COLORS) * len(MORE_MARKERS))
    free = [SeriesStyle(MORE_COLORS[i % len(MORE_COLORS)], MORE_MARKERS[i % len(MORE_MARKERS)]) for i in pairs]
    chosen = {name: SeriesStyle(*look) for name, look in [*zip(CORE, CORE_LOOK, strict=True), *TUNED_LOOK.items()]}
    for name in sorted(set(backends).difference(chosen)):
        start = zlib.crc32(name.encode("utf-8", "replace")) % len(MORE_COLORS)
        used = set(chosen.values())
        parts = {part for look in used for part in look}
        # Preferably a style that shares neither part with another, else an unused pair, else the first.
        chosen[name] = min(free[start:] + free[:start], key=lambda look: (look in used, not parts.isdisjoint(look)))
    return {name: chosen[name] for name in backends}


def select_lines(names: Iterable[str], last: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """The backends that a chart of lines shows, and the others: the core first, then files of the user's, then tuned.

    last: those that come after all others.
    """
    ranked = sorted(set(names), key=lambda b: (b in last, b in TUNED, reading_order(b)))
    ranked = [*[b for b in ranked if b in CORE], *[b for b in ranked if b not in CORE]]
    return sorted(ranked[:MAX_LINES], key=reading_order), ranked[MAX_LINES:]


def name_left_out(figure: Figure, names: Sequence[str], up: float = 0.015) -> None:
    """The backends that a chart does not show, in its corner. up: their height, as a share of the figure's."""
    if names:
        words = f"not drawn: {text.listed([short(name) for name in names])}"
        figure.text(0.99, up, words, fontsize=10, ha="right", color=FAINT)


def short(name: str) -> str:
    """A name that fits a label."""
    return text.clean(name, 22)


def label_margin(labels: Sequence[str]) -> float:
    """The right margin that these labels need, in inches."""
    return 0.45 + CHARACTER * max(map(len, labels), default=0)


def add_axes(figure: Figure, left: float, top: float, right: float, height: float) -> Axes:
    """Axes with a frame on two sides. height: in inches; left, top, right: inches from the edges of the figure."""
    width, full = figure.get_size_inches()
    return figure.add_axes((left / width, 1 - (top + height) / full, (width - left - right) / width, height / full))


def add_lane(figure: Figure, above: Axes, rows: int, height: float) -> Axes:
    """Shaded rows under a chart, which continue its logarithmic axis. height: the height of a row in inches."""
    full = figure.get_size_inches()[1]
    left, bottom, width, _ = above.get_position().bounds
    lane = figure.add_axes((left, bottom - (0.08 + height * rows) / full, width, height * rows / full))
    lane.set(xscale="log", xlim=above.get_xlim(), ylim=(rows - 0.5, -0.5), yticks=[], facecolor="#f6f6f6")
    log_axis(lane.xaxis, *above.get_xlim(), text.tick, 6)
    above.tick_params(axis="x", labelbottom=False, length=0)
    return lane


def row_text(axes: Axes, at: float, row: float, words: str, **style: Any) -> None:
    """Text in a row of axes. at: a share of their width."""
    axes.text(at, row, words, **{"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 10, **style})


def line_panels(
    headings: Sequence[str], names: Iterable[str], reference: str, draw: Callable[[Axes, int, Styles], None]
) -> Figure:
    """Panels of lines below each other. reference: the name of a line beside those of backends.

    draw: called with the axes of each panel, its number, and the styles of the backends that have a line.
    """
    drawn, others = select_lines(names)
    styles = series_styles(drawn)
    right = label_margin([*map(short, drawn), reference])
    step = ABOVE + PANEL + BELOW
    with house_style():
        figure = Figure(figsize=(WIDTH, step * len(headings)))
        for index, words in enumerate(headings):
            heading(figure, index * step + 0.12, words)
            draw(add_axes(figure, LEFT, index * step + ABOVE, right, PANEL), index, styles)
        name_left_out(figure, others)
    return figure


def heading(figure: Figure, top: float, words: str, size: float = 12.5) -> None:
    """A bold title at the left, `top` inches below the upper edge."""
    width, full = figure.get_size_inches()
    figure.text(0.12 / width, 1 - top / full, words, fontsize=size, weight="bold", va="top")


def legend_top(styles: Styles, width: float = WIDTH) -> float:
    """The height of a heading and the legend of these backends, in inches."""
    return 0.42 + LEGEND_ROW * math.ceil(len(styles) / _legend_columns([short(b) for b in styles], width))


def legend(figure: Figure, styles: Styles, marks: Sequence[Line2D] | None = None) -> None:
    """The backends in rows under the heading. marks: the handle of each backend; None for its marker."""
    marks = marks or [
        Line2D([], [], linestyle="none", marker=look.marker, color=look.color, markersize=8) for look in styles.values()
    ]
    names = [short(backend) for backend in styles]
    width, full = figure.get_size_inches()
    figure.legend(
        list(marks),
        names,
        loc="upper left",
        bbox_to_anchor=(0.06 / width, 1 - 0.38 / full),
        ncols=_legend_columns(names, width),
        handlelength=1.6,
        handletextpad=0.5,
        labelcolor=[look.ink for look in styles.values()],
    )


def _legend_columns(names: Sequence[str], width: float) -> int:
    """The largest number of columns in which these names fit. The first columns are the longer ones."""
    lengths = np.array([len(name) for name in names])
    for columns in range(len(names), 1, -1):
        widest = [column.max() for column in np.array_split(lengths, columns)]
        if sum(HANDLE + CHARACTER * length for length in widest) <= width - 0.3:
            return columns
    return 1


def log_axis(axis: Any, low: float, high: float, label: Callable[[float], str], count: float = 7) -> None:
    """Ticks for a logarithmic axis: powers of ten, or also 2 and 5 times these where they are too few."""
    place_ticks(axis, log_ticks(low, high, count), label)


def log_axes(axes: Axes, x: tuple[float, float], y: tuple[float, float], tick: Callable[[float], str]) -> None:
    """Logarithmic axes with these limits. tick: the label of a value on the y axis."""
    axes.set(xscale="log", yscale="log", xlim=x, ylim=y)
    log_axis(axes.xaxis, *x, text.tick, 6)
    log_axis(axes.yaxis, *y, tick, 9)


def place_ticks(axis: Any, ticks: Sequence[float], label: Callable[[float], str]) -> None:
    """Exactly these ticks, each with a label and a grid line."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([label(tick) for tick in ticks]))
    axis.set_minor_locator(NullLocator())
    axis.grid(True)


def log_ticks(low: float, high: float, count: float = 7) -> list[float]:
    """About `count` ticks between low and high."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = [10.0**power for power in range(first, last + 1) if low <= 10.0**power <= high]
    if len(decades) >= 3:
        return decades[:: math.ceil(len(decades) / count)]
    return [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5) if low <= m * 10.0**power <= high]


def limits(values: Sequence[float], pad: float = 1.6) -> tuple[float, float]:
    """Limits of a logarithmic axis around positive values, at least a factor of 30 apart; (1, 10) without values."""
    if not values:
        return 1.0, 10.0
    # A record may hold any number above 0; more extreme values are outside the axes.
    within = [min(max(value, 1e-150), 1e150) for value in values]
    low, high = min(within) / pad, max(within) * pad
    widen = max(1.0, math.sqrt(30 / (high / low)))
    return low / widen, high * widen


def draw_points(
    axes: Axes, points: Sequence[Point], look: SeriesStyle, name: str, line: bool = True, gaps: Sequence[int] = ()
) -> None:
    """The points of one backend with their intervals, joined by a line that is labeled with its name.

    gaps: the n without a value, at which the line breaks. Of more than MAX_MARKERS points on an unbroken line, every
    second, third ... has a marker and its interval.
    """
    broken = [Point(n, math.nan, None, None) for n in gaps if points[0].n < n < points[-1].n]
    series = sorted([*points, *broken], key=lambda p: p.n)
    ns, values, *_ = zip(*series, strict=True)
    step = math.ceil(len(series) / MAX_MARKERS) if line and not broken else 1
    style: dict[str, Any] = {"marker": look.marker, "color": look.color, "linestyle": "-" if line else "none", **POINT}
    axes.plot(ns, values, linewidth=1.8, markevery=step, label=name, **style)
    bars = np.array([p for p in series[::step] if p.low is not None and p.high is not None], float)
    if bars.size:
        at, medians, low, high = bars.T
        reach = np.maximum(0, (medians - low, high - medians))  # rounding may put a median outside its interval
        axes.errorbar(at, medians, reach, fmt="none", ecolor=look.ink, elinewidth=1.2, zorder=4, label="_interval")


def draw_lines(axes: Axes, lines: Mapping[str, Sequence[Point]], styles: Styles, reference: LineEndLabel) -> None:
    """The lines of backends in a panel, with their names at the right. reference: the name of a line drawn before."""
    for backend, points in lines.items():
        draw_points(axes, points, styles[backend], backend)
    ends = [LineEndLabel(short(b), points[-1].n, points[-1].value, styles[b]) for b, points in lines.items()]
    end_labels(axes, [reference, *ends], PANEL)


def draw_predicted(axes: Axes, start: Sequence[Point], points: Sequence[Point], look: SeriesStyle, name: str) -> None:
    """A dashed line with hollow markers for predictions. start: the last measured point, or no point."""
    ns, values, *_ = zip(*start, *points, strict=True)
    axes.plot(ns, values, "--", color=look.color, linewidth=1.6, label=f"_to {name}", zorder=2)
    hollow: dict[str, Any] = {
        "markerfacecolor": "white",
        "markeredgecolor": look.color,
        "markersize": 7,
        "markeredgewidth": 1.5,
    }
    at = slice(len(start), None)
    axes.plot(ns[at], values[at], look.marker, label=f"{name} (predicted)", zorder=3, **hollow)
    axes.annotate(
        "predicted", (ns[-1], values[-1]), (-6, 6), textcoords="offset points", ha="right", fontsize=10,
        style="italic", color=look.ink,
    )  # fmt: skip


def end_labels(axes: Axes, ends: Sequence[LineEndLabel], height: float) -> None:
    """Labels at the right, spread apart, each tied to the end of its line. height: the height of the axes in inches."""
    low, high = axes.get_ylim()
    ends = sorted(ends, key=lambda end: end.value)
    wanted = [(math.log(end.value) - math.log(low)) / math.log(high / low) for end in ends]  # a ratio may overflow
    for end, fraction in zip(ends, spread_out(wanted, 0.2 / height), strict=True):
        axes.annotate(
            end.label,
            (end.n, end.value),
            (1.035, fraction),
            textcoords="axes fraction",
            va="center",
            color=end.look.ink,
            annotation_clip=False,
            arrowprops={"color": end.look.color, **LEADER},
        )


def spread_out(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions in the order of the sorted wanted ones, at least `gap` apart, as near to them as possible, below 1.

    Isotonic regression of wanted - index * gap: neighbors that are too close move together around their mean.
    """
    if not wanted:
        return []
    shifts = gap * np.arange(len(wanted))
    positions = isotonic_regression(np.asarray(wanted) - shifts).x + shifts
    beyond = max(0.0, positions[-1] - 1)
    return [float(position) for position in positions - min(beyond, max(0.0, positions[0]))]


def render(figure: Figure) -> bytes:
    """The figure as SVG without dates and program names: the same bytes for the same figure."""
    buffer = io.BytesIO()
    with house_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the font does not have every script
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    return buffer.getvalue()
