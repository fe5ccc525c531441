"""What the figures share: the house style, colours and markers, log axes, labels at line ends, SVG and PNG.

Figures are objects: no pyplot, no state that outlives a call, and no setting of the user's own shows.
"""

import io
import math
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from bench.analysis.speed import CORE
from bench.report.tables import Table

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with Matplotlib
    "font.size": 11.0,
    "text.parse_math": False,  # a name may hold dollars
    "text.usetex": False,
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "svg.hashsalt": "gdbench",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "path.simplify": False,
}
INK, FAINT = "#222222", "#5f5f5f"
# Okabe and Ito's colours, which the colour-blind can tell apart; the marker says it again.
CORE_LOOK = (("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#CC79A7", "D"))
MORE_COLOURS = ("#E69F00", "#56B4E9", "#000000", "#8C6BB1", "#7F7F7F")
MORE_MARKERS = ("v", "P", "X", "<", "*", ">", "h")
WIDTH = 8.0  # inches
LEFT, CHARACTER = 0.95, 0.092  # inches: of the margin, of a letter at 11 points
LEGEND_ROW, HANDLE = 0.25, 0.6  # inches: of the legend's rows, and of what stands beside a name in it


class Drawing(NamedTuple):
    """figure; alt: what it says, in words and figures; table: its data, in units that are not converted."""

    figure: Figure
    alt: str
    table: Table


class SeriesStyle(NamedTuple):
    colour: str
    marker: str

    @property
    def ink(self) -> str:
        """The colour, darkened until it can be read as text on white."""
        return "#" + "".join(f"{int(int(self.colour[i : i + 2], 16) * 0.62):02x}" for i in (1, 3, 5))


class Point(NamedTuple):
    """Something measured at n; low and high are None where it has no interval."""

    n: int
    value: float
    low: float | None
    high: float | None


class LineEndLabel(NamedTuple):
    """Where a labelled line ends."""

    label: str
    n: float
    value: float
    look: SeriesStyle


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults with ours on top, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]
        yield


def series_styles(backends: Sequence[str]) -> dict[str, SeriesStyle]:
    """Colour and marker by name: fixed for the core, and for others the same in every run unless two want one look."""
    # Five and seven share no factor, so all pairs come up, and neighbours differ in both.
    pairs = range(len(MORE_COLOURS) * len(MORE_MARKERS))
    free = [SeriesStyle(MORE_COLOURS[i % len(MORE_COLOURS)], MORE_MARKERS[i % len(MORE_MARKERS)]) for i in pairs]
    chosen = {name: SeriesStyle(*look) for name, look in zip(CORE, CORE_LOOK, strict=True)}
    for name in sorted(set(backends).difference(CORE)):
        wish = zlib.crc32(name.encode("utf-8", "replace")) % len(MORE_COLOURS)
        used = set(chosen.values())
        parts = {part for look in used for part in look}
        # The first that shares neither part with any other, else that is no other's, else the very first.
        chosen[name] = min(free[wish:] + free[:wish], key=lambda look: (look in used, not parts.isdisjoint(look)))
    return {name: chosen[name] for name in backends}


def short(name: str) -> str:
    return text.clean(name, 22)


def label_margin(labels: Sequence[str]) -> float:
    """Inches at the right that these labels need."""
    return 0.45 + CHARACTER * max(map(len, labels), default=0)


def add_axes(figure: Figure, left: float, top: float, right: float, height: float) -> Axes:
    """Axes `height` inches high, the other lengths inches from the figure's edges; only two sides are framed."""
    width, full = figure.get_size_inches()
    axes = figure.add_axes((left / width, 1 - (top + height) / full, (width - left - right) / width, height / full))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3, color="#888888", labelcolor=INK)
    return axes


def heading(figure: Figure, top: float, words: str, size: float = 12.5) -> None:
    """A line of bold text at the left, `top` inches below the upper edge."""
    width, full = figure.get_size_inches()
    figure.text(0.12 / width, 1 - top / full, words, fontsize=size, weight="bold", va="top", color=INK)


def legend_top(styles: Mapping[str, SeriesStyle]) -> float:
    """Inches from the upper edge that a heading and the legend of these backends take."""
    return 0.42 + LEGEND_ROW * math.ceil(len(styles) / _legend_columns([short(b) for b in styles]))


def legend(figure: Figure, styles: Mapping[str, SeriesStyle], marks: Sequence[Line2D] | None = None) -> None:
    """The backends in rows under the heading. marks: how each is shown; None for its marker alone."""
    if marks is None:
        marks = [
            Line2D([], [], linestyle="none", marker=look.marker, color=look.colour, markersize=8)
            for look in styles.values()
        ]
    names = [short(backend) for backend in styles]
    full = figure.get_size_inches()[1]
    figure.legend(
        list(marks),
        names,
        loc="upper left",
        bbox_to_anchor=(0.06 / WIDTH, 1 - 0.38 / full),
        ncols=_legend_columns(names),
        frameon=False,
        borderpad=0.2,
        handlelength=1.6,
        handletextpad=0.5,
        columnspacing=1.4,
        labelcolor=[look.ink for look in styles.values()],
    )


def _legend_columns(names: Sequence[str]) -> int:
    """The most columns in which these names fit side by side."""
    for columns in range(len(names), 1, -1):
        # As Matplotlib deals them out: the first columns are the longer ones.
        rows, longer = divmod(len(names), columns)
        heights = [rows + (column < longer) for column in range(columns)]
        ends = list(accumulate(heights, initial=0))
        widest = [max(map(len, names[first:last])) for first, last in pairwise(ends)]
        if sum(HANDLE + CHARACTER * length for length in widest) <= WIDTH - 0.3:
            return columns
    return 1


def log_axis(axis: Any, low: float, high: float, label: Callable[[float], str], wish: float = 7) -> None:
    """A logarithmic axis from low to high with ticks at powers of ten, or at 1, 2, 5 where those are too few."""
    place_ticks(axis, log_ticks(low, high, wish), label)


def place_ticks(axis: Any, ticks: Sequence[float], label: Callable[[float], str]) -> None:
    """These ticks and no others, each with its label and a line of the grid."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([label(tick) for tick in ticks]))
    axis.set_minor_locator(NullLocator())
    axis.grid(True, color="#e3e3e3", linewidth=0.8)


def log_ticks(low: float, high: float, wish: float = 7) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = [10.0**power for power in range(first, last + 1) if low <= 10.0**power <= high]
    if len(decades) >= 3:
        return decades[:: math.ceil(len(decades) / wish)]
    return [m * 10.0**power for power in range(first, last + 1) for m in (1, 2, 5) if low <= m * 10.0**power <= high]


def limits(values: Sequence[float], pad: float = 1.6) -> tuple[float, float]:
    """Limits of a log axis around positive values, at least one and a half decades apart; 1 to 10 around none."""
    if not values:
        return 1.0, 10.0
    # A record may hold any figure above 0; what lies further out than these is drawn outside the axes.
    within = [min(max(value, 1e-150), 1e150) for value in values]
    low, high = min(within) / pad, max(within) * pad
    widen = max(1.0, math.sqrt(30 / (high / low)))
    return low / widen, high * widen


def draw_points(
    axes: Axes, points: Sequence[Point], look: SeriesStyle, name: str, line: bool = True, gaps: Sequence[int] = ()
) -> None:
    """The points of one backend with their intervals; the line that holds them is labelled with its name.

    gaps: the n over which no line may lead, as if something had been measured there.
    """
    broken = [Point(n, math.nan, None, None) for n in gaps if points[0].n < n < points[-1].n]
    shown = sorted([*points, *broken], key=lambda p: p.n)
    ns, values = [p.n for p in shown], [p.value for p in shown]
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
    sure = [p for p in points if p.low is not None and p.high is not None]
    if sure:
        reach = [[p.value - (p.low or 0) for p in sure], [(p.high or 0) - p.value for p in sure]]
        # Rounding may put a median outside an interval of equal samples.
        reach = [[max(0.0, r) for r in side] for side in reach]
        axes.errorbar(
            [p.n for p in sure],
            [p.value for p in sure],
            reach,
            fmt="none",
            ecolor=look.ink,
            elinewidth=1.2,
            capsize=3,
            zorder=4,
            label="_interval",
        )


def draw_predicted(axes: Axes, start: Sequence[Point], points: Sequence[Point], look: SeriesStyle, name: str) -> None:
    """A dashed line from `start`, the last measured point if there is one, to hollow markers: not measured."""
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
    """Names at the right of the axes (height: inches), each tied to the end of its line, nudged apart."""
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


def render(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as SVG and as PNG. The same figure gives the same bytes."""
    return svg(figure), _saved(figure, "png", {"Software": None})


def svg(figure: Figure) -> bytes:
    """The figure as SVG."""
    return _saved(figure, "svg", {"Date": None, "Creator": None})


def _saved(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    """A file of the figure, at 150 dots an inch where it has dots, without dates and names of programs."""
    buffer = io.BytesIO()
    with house_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the font lacks some scripts
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata, facecolor="white")
    return buffer.getvalue()
