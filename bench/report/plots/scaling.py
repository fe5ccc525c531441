"""How the backends scale with threads, over a whole run."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.scaling import Scaling, thread_scalings
from bench.analysis.speed import problem_label
from bench.records import Run
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point, SeriesStyle, Styles
from bench.report.tables import Table, name

IDEAL = "as many as threads"  # the name of the line of perfect scaling


def draw(run: Run) -> Drawing | None:
    """Speed-up against threads, a panel for each dtype; None for a run with one number of threads."""
    panels = thread_scalings(run)
    if not panels:
        return None
    rows = [
        (problem_label(c), dtype, name(c), text.count(c.threads), *map(text.scientific, ratio))
        for dtype, scaling in panels.items()
        for c, ratio in scaling.entries
    ]
    gains = [(p[-1].value, p[-1].n, b) for scaling in panels.values() for b, p in _lines(scaling).items()]
    gain, threads, best = max(gains)
    alt = f"Lines of the speed-up against the number of threads. {text.clean(best, 40)} gains most:"
    alt += f" {text.significant(gain)}× with {text.number_of(threads, 'thread')}."
    heads = ("problem", "dtype", "backend", "threads", "times as fast", "interval from", "to")
    return Drawing(_draw(panels, sorted({c.threads for c in run.cells})), alt, Table("Thread scaling", heads, rows))


def _lines(scaling: Scaling) -> dict[str, list[Point]]:
    """The points of each backend."""
    lines: dict[str, list[Point]] = {}
    for c, ratio in scaling.entries:
        lines.setdefault(c.backend, []).append(Point(c.threads, *ratio))
    return lines


def _draw(panels: dict[str, Scaling], counts: list[int]) -> Figure:
    scalings = list(panels.values())
    names = [c.backend for scaling in scalings for c, _ in scaling.entries]
    headings = [
        f"Times as fast with more threads, {problem_label(scaling.problem)} ({text.clean(dtype, 20)})"
        for dtype, scaling in panels.items()
    ]

    def draw_panel(axes: Axes, number: int, styles: Styles) -> None:
        lines = {b: points for b, points in _lines(scalings[number]).items() if b in styles}
        _draw_panel(axes, lines, counts, styles)

    return canvas.line_panels(headings, names, IDEAL, draw_panel)


def _draw_panel(axes: Axes, lines: dict[str, list[Point]], counts: list[int], styles: Styles) -> None:
    """The line of each backend beside that of perfect scaling."""
    ideal = [(n, n / counts[0]) for n in counts]
    values = [v for points in lines.values() for p in points for v in (p.value, p.low, p.high) if v]
    low, high = min([0.5, *values]) / 1.1, max([y for _, y in ideal] + values) * 1.1
    axes.set(xlim=(counts[0] - 0.15, counts[-1] + 0.15), yscale="log", ylim=(low, high))
    canvas.place_ticks(axes.xaxis, counts, text.tick)
    canvas.place_ticks(axes.yaxis, canvas.log_ticks(low, high), lambda v: f"{text.tick(v)}×")
    axes.set_xlabel("threads")
    axes.plot(*zip(*ideal, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_ideal")
    canvas.draw_lines(axes, lines, styles, LineEndLabel(IDEAL, *ideal[-1], SeriesStyle(canvas.FAINT, "_")))
