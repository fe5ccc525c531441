"""Shared by all figures: style, colours and markers, logarithmic axes, labels at line ends, SVG.

Figures are made without pyplot, so there is no global state, and the user's Matplotlib settings have no effect.
"""

import io
import math
import warnings
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
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

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with Matplotlib
    "font.size": 11.0,
    "text.parse_math": False,  # a name may contain dollar signs
    "text.usetex": False,
    "svg.fonttype": "path",  # the same picture where the font is not installed
    "svg.hashsalt": "gdbench",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "path.simplify": False,
}
INK, FAINT = "#222222", "#5f5f5f"
NOTE: dict[str, Any] = {"va": "center", "style": "italic", "color": FAINT}  # text in place of data
# Okabe and Ito's colours, which colour-blind readers can tell apart; the markers work without colour. A library has one
# hue: its tuned file is the darker one.
CORE_LOOK = (("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#CC79A7", "D"))
TUNED_LOOK = {"numpy_tuned": ("#00395C", "P"), "numba_tuned": ("#00543C", "v"), "jax_tuned": ("#7D2F5C", "X")}
MORE_COLOURS = ("#E69F00", "#56B4E9", "#000000", "#8C6BB1", "#7F7F7F")
MORE_MARKERS = ("<", "*", ">", "h", "p", "8", "d")
MAX_LINES = 7  # of a chart
WIDTH, WIDE = 8.0, 12.8  # inches: of a figure, and of one with many panels
ABOVE, PANEL, BELOW = 0.5, 3.7, 0.68  # inches: above, of, and below a panel of lines
LEFT, CHARACTER = 0.95, 0.092  # inches: the left margin; the width of a letter at 11 points
LEGEND_ROW, HANDLE = 0.25, 0.6  # inches: a row of the legend; the space of a marker in it


class Drawing(NamedTuple):
    """A figure with its alternative text and the table of its data in base units."""

    figure: Figure
    alt: str
    table: Table


class SeriesStyle(NamedTuple):
    """Colour (#rrggbb) and Matplotlib marker of a series."""

    colour: str
    marker: str

    @property
    def ink(self) -> str:
        """The colour, dark enough for text on white."""
        return "#" + "".join(f"{int(int(self.colour[i : i + 2], 16) * 0.62):02x}" for i in (1, 3, 5))


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
    """Colour and marker by name: fixed for the core backends, stable between runs for others unless they collide."""
    # 5 and 7 are coprime, so every pair occurs, and neighbours differ in both colour and marker.
    pairs = range(len(MORE_COLOURS) * len(MORE_MARKERS))
    free = [SeriesStyle(MORE_COLOURS[i % len(MORE_COLOURS)], MORE_MARKERS[i % len(MORE_MARKERS)]) for i in pairs]
    chosen = {name: SeriesStyle(*look) for name, look in [*zip(CORE, CORE_LOOK, strict=True), *TUNED_LOOK.items()]}
    for name in sorted(set(backends).difference(chosen)):
        start = zlib.crc32(name.encode("utf-8", "replace")) % len(MORE_COLOURS)
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


def not_drawn(names: Sequence[str]) -> str:
    """not drawn: a and b; empty for none"""
    return f"not drawn: {text.listed([short(name) for name in names])}" if names else ""


def short(name: str) -> str:
    """A name that fits a label."""
    return text.clean(name, 22)


def label_margin(labels: Sequence[str]) -> float:
    """The right margin that these labels need, in inches."""
    return 0.45 + CHARACTER * max(map(len, labels), default=0)


def add_axes(figure: Figure, left: float, top: float, right: float, height: float) -> Axes:
    """Axes with a frame on two sides. height: in inches; left, top, right: inches from the edges of the figure."""
    width, full = figure.get_size_inches()
    axes = figure.add_axes((left / width, 1 - (top + height) / full, (width - left - right) / width, height / full))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3, color="#888888", labelcolor=INK)
    return axes


def stacked_panels(headings: Sequence[str], right: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels below each other, each under its heading. right: the right margin in inches."""
    step = ABOVE + PANEL + BELOW
    figure = Figure(figsize=(WIDTH, step * len(headings)))
    axes = []
    for index, words in enumerate(headings):
        heading(figure, index * step + 0.12, words)
        axes.append(add_axes(figure, LEFT, index * step + ABOVE, right, PANEL))
    return figure, axes


def heading(figure: Figure, top: float, words: str, size: float = 12.5) -> None:
    """A bold title at the left, `top` inches below the upper edge."""
    width, full = figure.get_size_inches()
    figure.text(0.12 / width, 1 - top / full, words, fontsize=size, weight="bold", va="top", color=INK)


def legend_top(styles: Mapping[str, SeriesStyle], width: float = WIDTH) -> float:
    """The height of a heading and the legend of these backends, in inches."""
    return 0.42 + LEGEND_ROW * math.ceil(len(styles) / _legend_columns([short(b) for b in styles], width))


def legend(figure: Figure, styles: Mapping[str, SeriesStyle], marks: Sequence[Line2D] | None = None) -> None:
    """The backends in rows under the heading. marks: the handle of each backend; None for its marker."""
    if marks is None:
        marks = [
            Line2D([], [], linestyle="none", marker=look.marker, color=look.colour, markersize=8)
            for look in styles.values()
        ]
    names = [short(backend) for backend in styles]
    width, full = figure.get_size_inches()
    figure.legend(
        list(marks),
        names,
        loc="upper left",
        bbox_to_anchor=(0.06 / width, 1 - 0.38 / full),
        ncols=_legend_columns(names, width),
        frameon=False,
        borderpad=0.2,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.4,
        labelcolor=[look.ink for look in styles.values()],
    )


def _legend_columns(names: Sequence[str], width: float) -> int:
    """The largest number of columns in which these names fit."""
    for columns in range(len(names), 1, -1):
        # Matplotlib fills the legend by columns, and the first columns are the longer ones.
        rows, longer = divmod(len(names), columns)
        heights = [rows + (column < longer) for column in range(columns)]
        ends = list(accumulate(heights, initial=0))
        widest = [max(map(len, names[first:last])) for first, last in pairwise(ends)]
        if sum(HANDLE + CHARACTER * length for length in widest) <= width - 0.3:
            return columns
    return 1


def log_axis(axis: Any, low: float, high: float, label: Callable[[float], str], count: float = 7) -> None:
    """Ticks for a logarithmic axis: powers of ten, or also 2 and 5 times these where they are too few."""
    place_ticks(axis, log_ticks(low, high, count), label)


def place_ticks(axis: Any, ticks: Sequence[float], label: Callable[[float], str]) -> None:
    """Exactly these ticks, each with a label and a grid line."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([label(tick) for tick in ticks]))
    axis.set_minor_locator(NullLocator())
    axis.grid(True, color="#e3e3e3", linewidth=0.8)


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
    """The points of one backend with their intervals, joined by a line that is labelled with its name.

    gaps: the n without a value, at which the line breaks.
    """
    broken = [Point(n, math.nan, None, None) for n in gaps if points[0].n < n < points[-1].n]
    series = sorted([*points, *broken], key=lambda p: p.n)
    ns, values = [p.n for p in series], [p.value for p in series]
    axes.plot(
        ns,
        values,
        linestyle="-" if line else "none",
        marker=look.marker,
        color=look.colour,
        markersize=6.5,
        linewidth=1.8,
        label=name,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=3,
    )
    with_interval = [p for p in points if p.low is not None and p.high is not None]
    if with_interval:
        reach = [[p.value - (p.low or 0) for p in with_interval], [(p.high or 0) - p.value for p in with_interval]]
        # Rounding may put a median outside an interval of equal samples.
        reach = [[max(0.0, r) for r in side] for side in reach]
        axes.errorbar(
            [p.n for p in with_interval],
            [p.value for p in with_interval],
            reach,
            fmt="none",
            ecolor=look.ink,
            elinewidth=1.2,
            capsize=3,
            zorder=4,
            label="_interval",
        )


def draw_predicted(axes: Axes, start: Sequence[Point], points: Sequence[Point], look: SeriesStyle, name: str) -> None:
    """A dashed line with hollow markers for predictions. start: the last measured point, or no point."""
    ns, values = [p.n for p in [*start, *points]], [p.value for p in [*start, *points]]
    axes.plot(ns, values, "--", color=look.colour, linewidth=1.6, label=f"_to {name}", zorder=2)
    axes.plot(
        [p.n for p in points],
        [p.value for p in points],
        linestyle="none",
        marker=look.marker,
        markerfacecolor="white",
        markeredgecolor=look.colour,
        markersize=7,
        markeredgewidth=1.5,
        label=f"{name} (predicted)",
        zorder=3,
    )
    axes.annotate(
        "predicted",
        (ns[-1], values[-1]),
        (-6, 6),
        textcoords="offset points",
        ha="right",
        fontsize=10,
        style="italic",
        color=look.ink,
    )


def end_labels(axes: Axes, ends: Sequence[LineEndLabel], height: float) -> None:
    """Labels at the right, spread apart, each tied to the end of its line. height: of the axes in inches."""
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
            arrowprops={
                "arrowstyle": "-",
                "color": end.look.colour,
                "linewidth": 0.8,
                "alpha": 0.7,
                "shrinkA": 2,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )


def spread_out(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions in the order of the sorted wanted ones, at least `gap` apart, as near to them as possible, below 1.

    Isotonic regression of wanted - index * gap: neighbours that are too close move together around their mean.
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
