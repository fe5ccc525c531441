"""How the backends scale with threads, over a whole run."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.speed import paired_speedup, problem_label, time_per_iteration
from bench.records import Cell, Run
from bench.report.limits import same_problem
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point, SeriesStyle
from bench.report.tables import Table, name
from bench.stats import Interval

ABOVE, HEIGHT, BELOW = 0.5, 3.7, 0.68  # inches: above, of, and below a panel


class Scaling(NamedTuple):
    """Speed-ups over the smallest number of threads, for one dtype on its largest problem.

    problem: a cell on that problem; entries: pairs of a cell and its speed-up, by backend, then by threads.
    """

    problem: Cell
    entries: list[tuple[Cell, Interval]]


def draw(run: Run) -> Drawing | None:
    """Speed-up against threads, a panel for each dtype; None for a run with one number of threads."""
    counts = sorted({c.threads for c in run.cells})
    dtypes = sorted({c.dtype for c in run.cells}, key=lambda dtype: (dtype != "float64", dtype))
    panels = {dtype: scaling for dtype in dtypes if (scaling := _scaling(run, dtype, counts[0]))}
    if not panels:
        return None
    rows = [
        (problem_label(c), dtype, name(c), text.count(c.threads), *map(text.scientific, ratio))
        for dtype, scaling in panels.items()
        for c, ratio in scaling.entries
    ]
    sentences = [
        f"{problem_label(scaling.problem)}, {text.clean(dtype, 20)}: "
        + ", ".join(
            f"{text.clean(b, 40)} {text.significant(points[-1].value)}× with {points[-1].n}"
            for b, points in _lines(scaling).items()
        )
        for dtype, scaling in panels.items()
    ]
    alt = f"Chart of the speed-up against the number of threads. {'. '.join(sentences)}."
    heads = ("problem", "dtype", "backend", "threads", "times as fast", "interval from", "to")
    return Drawing(_draw(panels, counts), alt, Table("Thread scaling", heads, rows))


def _scaling(run: Run, dtype: str, fewest: int) -> Scaling | None:
    """The scaling of a dtype; None where no cell with the fewest threads has one with more on the same problem."""
    cells = [
        c for c in run.cells if c.dtype == dtype and not c.control and c.algorithm is None and time_per_iteration(c)
    ]
    bases = [
        c for c in cells if c.threads == fewest and any(same_problem(o, c) for o in cells if o.threads > c.threads)
    ]
    if not bases:
        return None
    problem = max(bases, key=lambda c: (c.n_samples * c.n_features, c.problem.name))
    key = (problem.problem, problem.n_samples, problem.n_features)
    entries = []
    for base in (c for c in bases if (c.problem, c.n_samples, c.n_features) == key):
        for c in sorted((c for c in cells if same_problem(c, base)), key=lambda c: c.threads):
            ratio = paired_speedup(c, base)
            if ratio is not None:
                entries.append((c, Interval(1.0, None, None) if c is base else ratio))
    return Scaling(problem, entries)


def _lines(scaling: Scaling) -> dict[str, list[Point]]:
    """The points of each backend."""
    lines: dict[str, list[Point]] = {}
    for c, ratio in scaling.entries:
        lines.setdefault(c.backend, []).append(Point(c.threads, *ratio))
    return lines


def _draw(panels: dict[str, Scaling], counts: list[int]) -> Figure:
    names = sorted({c.backend for scaling in panels.values() for c, _ in scaling.entries})
    styles = canvas.series_styles(names)
    right = canvas.label_margin([*map(canvas.short, names), "as many as threads"])
    step = ABOVE + HEIGHT + BELOW
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, step * len(panels)))
        for index, (dtype, scaling) in enumerate(panels.items()):
            heading = f"Times as fast with more threads, {problem_label(scaling.problem)} ({text.clean(dtype, 20)})"
            canvas.heading(figure, index * step + 0.12, heading)
            axes = canvas.add_axes(figure, canvas.LEFT, index * step + ABOVE, right, HEIGHT)
            _draw_panel(axes, _lines(scaling), counts, styles)
    return figure


def _draw_panel(axes: Axes, lines: dict[str, list[Point]], counts: list[int], styles: dict[str, SeriesStyle]) -> None:
    """The line of each backend beside that of perfect scaling."""
    ideal = [(n, n / counts[0]) for n in counts]
    values = [v for points in lines.values() for p in points for v in (p.value, p.low, p.high) if v]
    low, high = min([0.5, *values]) / 1.1, max([y for _, y in ideal] + values) * 1.1
    axes.set(xlim=(counts[0] - 0.15, counts[-1] + 0.15), yscale="log", ylim=(low, high))
    canvas.place_ticks(axes.xaxis, counts, text.tick)
    canvas.place_ticks(axes.yaxis, canvas.log_ticks(low, high), lambda v: f"{text.tick(v)}×")
    axes.set_xlabel("threads", color=canvas.INK)
    axes.plot(*zip(*ideal, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_ideal")
    ends = [LineEndLabel("as many as threads", *ideal[-1], SeriesStyle(canvas.FAINT, "_"))]
    for b, points in lines.items():
        canvas.draw_points(axes, points, styles[b], b)
        ends.append(LineEndLabel(canvas.short(b), points[-1].n, points[-1].value, styles[b]))
    canvas.end_labels(axes, ends, HEIGHT)
