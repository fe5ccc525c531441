"""The roofline: how fast each backend reads its data, under the limit of the machine."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.speed import SYNTHETIC, Group, problem_label
from bench.records import ProblemRoofline
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point, SeriesStyle, Styles
from bench.report.tables import Table

BANDWIDTH = "read bandwidth"  # the name of its line
BEYOND = "#f0f0f2"  # the area above the bandwidth


def draw(group: Group) -> Drawing | None:
    """GB/s against n under the measured bandwidth, a panel for each d; None where no bandwidth was measured.

    The usual axis of a roofline is operations per byte. All backends make the same operations on the same bytes, so
    they would share one position there. The size of the problem moves the limit here, so it is the axis.
    """
    roofs = [roof for roof in group.roofs if roof.problem == SYNTHETIC]
    if not roofs:
        return None
    rows = [
        (
            problem_label(roof),
            text.clean(a.backend, 40),
            *map(text.scientific, (a.gb_per_s, roof.read_gb_per_s, a.share)),
        )
        for roof in roofs
        for a in roof.backends
    ]
    alt = (
        f"Lines of the bytes read per second against the number of samples, both logarithmic ({group.title}), under the"
        f" read bandwidth of each size.{_in_words(roofs)}"
    )
    heads = ("problem", "backend", "GB/s", "bandwidth in GB/s", "share of the limit")
    return Drawing(_draw(roofs, group.title), alt, Table("Roofline", heads, rows))


def _in_words(roofs: list[ProblemRoofline]) -> str:
    """The best share of the limit on the largest problem."""
    roof = max(roofs, key=lambda r: r.bytes)
    shares = [(a.share, text.clean(a.backend, 40)) for a in roof.backends if a.share]
    if not shares:
        return ""
    share, backend = max(shares)
    return f" At {problem_label(roof)}, {backend} comes nearest with {text.percent(share)} of the limit."


def _draw(roofs: list[ProblemRoofline], title: str) -> Figure:
    widths = sorted({roof.n_features for roof in roofs})
    headings = [f"Bytes read per second, d = {text.count(d)} ({title})" for d in widths]

    def draw_panel(axes: Axes, number: int, styles: Styles) -> None:
        _draw_panel(axes, [roof for roof in roofs if roof.n_features == widths[number]], styles)

    return canvas.line_panels(headings, [a.backend for roof in roofs for a in roof.backends], BANDWIDTH, draw_panel)


def _draw_panel(axes: Axes, roofs: list[ProblemRoofline], styles: Styles) -> None:
    """The bandwidth, the arithmetic peak, and a line for each backend, at one d."""
    reads = [Point(r.n_samples, r.read_gb_per_s, r.read_ci_low, r.read_ci_high) for r in roofs]
    peaks = [(r.n_samples, r.peak_gflop_per_s * r.bytes / r.operations) for r in roofs if r.peak_gflop_per_s]
    lines = {
        b: [Point(r.n_samples, a.gb_per_s, None, None) for r in roofs for a in r.backends if a.backend == b]
        for b in styles
    }
    values = [p.value for points in (reads, *lines.values()) for p in points] + [y for _, y in peaks]
    low, high = canvas.limits(values)
    first, last = canvas.limits([float(r.n_samples) for r in roofs], 2.3)
    canvas.log_axes(axes, (first, last), (low, high), lambda value: f"{text.tick(value)} GB/s")
    axes.set_xlabel("number of samples n")
    roof = [p.n for p in reads], [p.value for p in reads]
    axes.fill_between(*roof, high, color=BEYOND, linewidth=0, zorder=0)
    axes.plot(*roof, color=canvas.INK, linewidth=1.4, linestyle="--", label=BANDWIDTH, zorder=2)
    if peaks:
        axes.plot(*zip(*peaks, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_arithmetic")
        axes.annotate("arithmetic peak", peaks[-1], (0, 5), textcoords="offset points", ha="right", color=canvas.FAINT)
    end = LineEndLabel(BANDWIDTH, reads[-1].n, reads[-1].value, SeriesStyle(canvas.INK, ""))
    canvas.draw_lines(axes, {b: points for b, points in lines.items() if points}, styles, end)
