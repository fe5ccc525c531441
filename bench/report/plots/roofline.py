"""The roofline of a group, and how the backends scale with threads."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from bench import text
from bench.analysis.sentences import where
from bench.analysis.speed import SYNTHETIC, Group, paired_speedup, problem_label, time_per_iteration
from bench.records import Cell, ProblemRoofline, Run
from bench.report.limits import same_problem
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point
from bench.report.tables import Table, name
from bench.stats import Interval

HEIGHT = 3.7  # inches: of a panel
BEYOND = "#f0f0f2"  # faster than can be read


def roofline(group: Group) -> Drawing | None:
    """GB/s against n under the measured bandwidth, a panel for each d; None where no bandwidth was measured.

    All backends make the same operations on the same bytes, so on the usual axis, operations a byte, they would stand
    in one column; what moves their roof is the size of the problem, so that is the axis here.
    """
    shown = [roof for roof in group.roofs if roof.problem == SYNTHETIC]
    if not shown:
        return None
    rows = [
        (where(roof), text.clean(f.backend, 40), *map(text.scientific, (f.gb_per_s, roof.read_gb_per_s, f.share)))
        for roof in shown
        for f in roof.backends
    ]
    told = []
    for backend in _names(shown):
        own = [(roof, f) for roof in shown for f in roof.backends if f.backend == backend and f.share]
        parts = [f"{text.percent(f.share or 0)} at {where(roof)}" for roof, f in own[:1] + own[1:][-1:]]
        told.append(f"{text.clean(backend, 40)} reaches {' and '.join(parts)}. " if parts else "")
    alt = (
        f"Chart of the bytes read a second against the number of samples, both logarithmic ({group.title}), under the"
        f" read bandwidth that was measured at each size. Of the limit, {''.join(told)}"
    )
    heads = ("problem", "backend", "GB/s", "bandwidth in GB/s", "share of the limit")
    return Drawing(_draw_roofs(shown, group.title), alt.strip(), Table("Roofline", heads, rows))


def _draw_roofs(shown: list[ProblemRoofline], title: str) -> Figure:
    names = _names(shown)
    styles = canvas.series_styles(names)
    widths = sorted({roof.n_features for roof in shown})
    right = canvas.label_margin([*map(canvas.short, names), "read bandwidth"])
    each = 0.5 + HEIGHT + 0.68
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, each * len(widths)))
        for index, d in enumerate(widths):
            own = [roof for roof in shown if roof.n_features == d]
            canvas.heading(figure, index * each + 0.12, f"Bytes read a second, d = {text.count(d)} ({title})")
            axes = canvas.add_axes(figure, canvas.LEFT, index * each + 0.5, right, HEIGHT)
            reads = [Point(r.n_samples, r.read_gb_per_s, r.read_ci_low, r.read_ci_high) for r in own]
            peaks = [(r.n_samples, r.peak_gflop_per_s * r.bytes / r.operations) for r in own if r.peak_gflop_per_s]
            lines = {
                b: [Point(r.n_samples, f.gb_per_s, None, None) for r in own for f in r.backends if f.backend == b]
                for b in names
            }
            values = [p.value for points in (reads, *lines.values()) for p in points] + [y for _, y in peaks]
            low, high = canvas.limits(values)
            first, last = canvas.limits([float(r.n_samples) for r in own], 2.3)
            axes.set(xscale="log", yscale="log", xlim=(first, last), ylim=(low, high))
            canvas.log_axis(axes.xaxis, first, last, text.tick, 6)
            canvas.log_axis(axes.yaxis, low, high, lambda value: f"{text.tick(value)} GB/s", 9)
            axes.set_xlabel("number of samples n", color=canvas.INK)
            roof = [p.n for p in reads], [p.value for p in reads]
            axes.fill_between(*roof, high, color=BEYOND, linewidth=0, zorder=0)
            axes.plot(*roof, color=canvas.INK, linewidth=1.4, linestyle="--", label="read bandwidth", zorder=2)
            if peaks:
                axes.plot(*zip(*peaks, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_arithmetic")
                axes.annotate(
                    "arithmetic peak", peaks[-1], (0, 5), textcoords="offset points", ha="right", color=canvas.FAINT
                )
            ends = [LineEndLabel("read bandwidth", reads[-1].n, reads[-1].value, canvas.SeriesStyle(canvas.INK, ""))]
            for b, points in lines.items():
                if points:
                    canvas.draw_points(axes, points, styles[b], b)
                    ends.append(LineEndLabel(canvas.short(b), points[-1].n, points[-1].value, styles[b]))
            canvas.end_labels(axes, ends, HEIGHT)
    return figure


def scaling(run: Run) -> Drawing | None:
    """Times as fast as with the fewest threads, against threads, at the largest problem of each dtype; None for one."""
    counts = sorted({c.threads for c in run.cells})
    if len(counts) < 2:
        return None
    panels: dict[str, tuple[Cell, dict[str, list[Point]]]] = {}
    rows: list[tuple[str, ...]] = []
    for dtype in sorted({c.dtype for c in run.cells}, key=lambda dtype: (dtype != "float64", dtype)):
        cells = [
            c for c in run.cells if c.dtype == dtype and not c.control and c.algorithm is None and time_per_iteration(c)
        ]
        least = [
            c
            for c in cells
            if c.threads == counts[0] and any(same_problem(o, c) for o in cells if o.threads > c.threads)
        ]
        if not least:
            continue
        problem = max(least, key=lambda c: (c.n_samples * c.n_features, c.problem.name))
        lines: dict[str, list[Point]] = {}
        for base in (c for c in least if (c.problem, c.n_samples, c.n_features) == _of(problem)):
            for c in sorted((c for c in cells if same_problem(c, base)), key=lambda c: c.threads):
                found = paired_speedup(c, base)
                if found is not None:
                    found = Interval(1.0, None, None) if c is base else found
                    lines.setdefault(c.backend, []).append(Point(c.threads, *found))
                    figures = map(text.scientific, found)
                    rows.append((problem_label(c), dtype, name(c), text.count(c.threads), *figures))
        panels[dtype] = problem, lines
    if not panels:
        return None
    told = [
        f"{problem_label(problem)}, {text.clean(dtype, 20)}: "
        + ", ".join(f"{text.clean(b, 40)} {text.significant(p[-1].value)}× with {p[-1].n}" for b, p in lines.items())
        for dtype, (problem, lines) in panels.items()
    ]
    alt = f"Chart of the speed-up against the number of threads. {'. '.join(told)}."
    heads = ("problem", "dtype", "backend", "threads", "times as fast", "interval from", "to")
    return Drawing(_draw_scaling(panels, counts), alt, Table("Thread scaling", heads, rows))


def _draw_scaling(panels: dict[str, tuple[Cell, dict[str, list[Point]]]], counts: list[int]) -> Figure:
    names = sorted({b for _, lines in panels.values() for b in lines})
    styles = canvas.series_styles(names)
    right = canvas.label_margin([*map(canvas.short, names), "as many as threads"])
    each = 0.5 + HEIGHT + 0.68
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, each * len(panels)))
        for index, (dtype, (problem, lines)) in enumerate(panels.items()):
            heading = f"Times as fast with more threads, {problem_label(problem)} ({text.clean(dtype, 20)})"
            canvas.heading(figure, index * each + 0.12, heading)
            axes = canvas.add_axes(figure, canvas.LEFT, index * each + 0.5, right, HEIGHT)
            ideal = [(n, n / counts[0]) for n in counts]
            values = [v for points in lines.values() for p in points for v in (p.value, p.low, p.high) if v]
            low, high = min([0.5, *values]) / 1.1, max([y for _, y in ideal] + values) * 1.1
            axes.set(xlim=(counts[0] - 0.15, counts[-1] + 0.15), yscale="log", ylim=(low, high))
            canvas.place_ticks(axes.xaxis, counts, text.tick)
            canvas.place_ticks(axes.yaxis, canvas.log_ticks(low, high), lambda v: f"{text.tick(v)}×")
            axes.set_xlabel("threads", color=canvas.INK)
            axes.plot(*zip(*ideal, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_ideal")
            ends = [LineEndLabel("as many as threads", *ideal[-1], canvas.SeriesStyle(canvas.FAINT, "_"))]
            for b, points in lines.items():
                canvas.draw_points(axes, points, styles[b], b)
                ends.append(LineEndLabel(canvas.short(b), points[-1].n, points[-1].value, styles[b]))
            canvas.end_labels(axes, ends, HEIGHT)
    return figure


def _of(cell: Cell) -> tuple[Any, int, int]:
    return cell.problem, cell.n_samples, cell.n_features


def _names(shown: Sequence[ProblemRoofline]) -> list[str]:
    order: dict[str, None] = {}
    for roof in shown:
        order |= dict.fromkeys(found.backend for found in roof.backends)
    return list(order)
