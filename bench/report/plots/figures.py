"""The figures of a group, each with its alternative text and the table of its data: times, speed-ups, cold costs.

A figure holds one dtype and one number of threads. What has no time is a marked gap of its kind, never a point. The
other figures are made in winners.py, cold_costs.py, cumulative.py, noise.py and errors.py.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.speed import (
    BASELINE,
    LOOPS,
    SYNTHETIC,
    Group,
    ProblemKey,
    backends,
    cold_problem,
    gap_kind,
    group_cells,
    predicted_time,
    problem_key,
    problem_label,
    speedup,
    time_per_iteration,
)
from bench.records import Block, Cell, Run
from bench.report.plots import canvas, cold_costs, cumulative, errors, noise, roofline, winners
from bench.report.plots.canvas import Drawing, LineEndLabel, Point, SeriesStyle
from bench.report.tables import Table, name

PANEL = 3.7  # inches: the height of a panel of lines
ROW = 0.4  # inches: the height of a backend's row of gaps
LINE = 0.23  # inches: the height of a row of dots
SCALING = "scaling"  # the figure of a run with several numbers of threads
TITLES = {
    "time_per_iteration": "Time per iteration",
    "speedup": "Speed-up",
    "roofline": "How far from the limit",
    "winners": "The fastest, by size",
    "cold_cost": "Cold cost",
    "ledger": "Cost ledger",
    "cumulative": "Time since the start, and when compiling pays back",
    "noise": "Where the run was noisy",
    "error": "Error over the iterations",
}
Value = Callable[[Cell], tuple[float, float | None, float | None] | None]


class Panel(NamedTuple):
    """Lines against n.

    value: what is drawn of a cell; tick: how it reads on the axis; level: a line to compare with, None for
    none; gaps: cells to mark where they have no time.
    """

    title: str
    cells: list[Cell]
    value: Value
    tick: Callable[[float], str]
    level: float | None
    gaps: list[Cell]


def draw_all(group: Group, blocks: Sequence[Block] = ()) -> dict[str, Drawing]:
    """File stem -> drawing, for the figures of a group; one that has nothing to say is left out.

    blocks: those of the run, for the drift of its sentinels.
    """
    made = {
        "time_per_iteration": draw_time_per_iteration(group),
        "speedup": speedups(group),
        "roofline": roofline.roofline(group),
        "winners": winners.winners(group),
        "cold_cost": cold_cost(group),
        "ledger": cold_costs.bars(group),
        "cumulative": cumulative.cumulative(group),
        "noise": noise.noise(group, blocks),
        "error": errors.over_iterations(group),
    }
    return {stem(figure, group): drawing for figure, drawing in made.items() if drawing is not None}


def draw_run(run: Run) -> dict[str, Drawing]:
    """File stem -> drawing, for all figures of a run."""
    drawings = {stem: drawing for group in group_cells(run) for stem, drawing in draw_all(group, run.blocks).items()}
    if (scaling := roofline.scaling(run)) is not None:
        drawings[SCALING] = scaling
    return drawings


def stem(figure: str, group: Group) -> str:
    """time_per_iteration-float64-1: a file name whatever the record calls its dtype."""
    return f"{figure}-{re.sub('[^A-Za-z0-9]+', '_', group.dtype)[:20]}-{group.threads}"


def draw_time_per_iteration(group: Group) -> Drawing:
    """Time per iteration against n, log-log: one panel for each number of synthetic features."""
    cells = group.ranked
    panels = [
        Panel(f"Time per iteration{of} ({group.title})", shown, time_per_iteration, text.duration_tick, None, shown)
        for of, shown in _by_features(cells)
    ]
    alt = f"Chart of the time per iteration against the number of samples, both logarithmic ({group.title}). "
    alt += _in_words(cells, time_per_iteration, text.duration) + _gaps_in_words(cells)
    rows = [
        (
            problem_label(c),
            name(c),
            *map(text.scientific, time_per_iteration(c) or (None, None, None)),
            text.scientific(predicted_time(c)),
            "" if time_per_iteration(c) else gap_kind(c),
        )
        for c in cells
    ]
    heads = ("problem", "backend", "seconds per iteration", "interval from", "to", "predicted", "gap")
    return Drawing(_draw(panels, cells), alt, Table("Time per iteration", heads, rows))


def speedups(group: Group) -> Drawing:
    """How many times faster than each of the two baselines, against n, log-log."""
    cells = group.ranked
    panels, words, rows = [], [], []
    for baseline in (LOOPS, BASELINE):
        value = _speedup_over(baseline)
        for of, shown in _by_features(cells):
            title = f"Speed-up over {baseline}{of} ({group.title})"
            panels.append(Panel(title, shown, value, lambda r: f"{text.tick(r)}×", 1.0, []))
        told = _in_words(cells, value, lambda r: f"{text.significant(r)}×")
        words.append(f"Over {baseline}: {told.strip() or 'no figures.'}")
        rows += [
            (baseline, problem_label(c), name(c), *map(text.scientific, found)) for c in cells if (found := value(c))
        ]
    alt = f"Charts of the speed-up against the number of samples, both logarithmic ({group.title}). "
    heads = ("over", "problem", "backend", "speed-up", "interval from", "to")
    return Drawing(_draw(panels, cells), alt + " ".join(words), Table("Speed-up", heads, rows))


def _by_features(cells: list[Cell]) -> list[tuple[str, list[Cell]]]:
    """(", d = 10", its cells) for each number of synthetic features: a line joins sizes of one d only.

    Real problems belong to no line, so they stand with the first.
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


def cold_cost(group: Group) -> Drawing:
    """What each backend costs once, beside one call in the steady state: dots on one log axis.

    Dots and no bars: the costs differ a thousandfold, and the length of a bar on a log axis means nothing.
    """
    problem = cold_problem(group.ranked)
    cells = [c for c in group.ranked if problem_key(c) == problem and time_per_iteration(c)]
    parts = _cold_parts(cells)
    rows = [(part, name(c), text.scientific(seconds)) for part, costs in parts.items() for c, seconds in costs]
    table = Table("Cold cost", ("cost", "backend", "seconds"), rows)
    title = f"Cold cost at {problem_label(problem)} ({group.title})" if problem else f"Cold cost ({group.title})"
    if not cells:
        words = "No backend has a time, so there is no cold cost to show."
        return Drawing(_say(title, words), f"{title}. {words}", table)
    told = [
        f"{part}: " + ", ".join(f"{name(c)} {_cost(seconds)}" for c, seconds in costs) for part, costs in parts.items()
    ]
    alt = f"Chart of dots on a logarithmic time axis. {title}. " + ". ".join(told) + "."
    return Drawing(_draw_dots(title, parts), alt, table)


def _cold_parts(cells: list[Cell]) -> dict[str, list[tuple[Cell, float | None]]]:
    def uncompiled(c: Cell) -> float | None:
        first, compiling = c.cold_costs.first_call_s, c.cold_costs.compile_s
        return None if first is None else max(0.0, first - (compiling or 0.0))

    steps = text.span(c.n_iter for c in cells)
    parts = {
        "import": [(c, c.cold_costs.import_s) for c in cells],
        "prepare": [(c, c.cold_costs.prepare_s) for c in cells],
        "compile": [(c, c.cold_costs.compile_s) for c in cells],
        "first call, without compile": [(c, uncompiled(c)) for c in cells],
        f"one steady call of {steps} iterations": [(c, c.median_s) for c in cells],
    }
    return {part: costs for part, costs in parts.items() if any(seconds is not None for _, seconds in costs)}


def _cost(seconds: float | None) -> str:
    return "not known" if seconds is None else text.duration(seconds) if seconds > 0 else "none"


def _draw_dots(title: str, parts: dict[str, list[tuple[Cell, float | None]]]) -> Figure:
    count = sum(len(costs) + 1.6 for costs in parts.values())
    names = [canvas.short(c.backend) for c, _ in next(iter(parts.values()))]
    styles = canvas.series_styles([c.backend for c, _ in next(iter(parts.values()))])
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 1.15 + count * LINE))
        canvas.heading(figure, 0.12, title)
        left = max(1.2, 0.35 + canvas.CHARACTER * max(map(len, names)))
        axes = canvas.add_axes(figure, left, 0.5, 0.95, count * LINE)
        known = [s for costs in parts.values() for _, s in costs if s]
        low, high = canvas.limits(known, 2.0)
        axes.set(xscale="log", xlim=(low, high), ylim=(count - 0.3, 0.0))
        canvas.log_axis(axes.xaxis, low, high, text.duration_tick)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        row, ticks = 0.0, []
        for part, costs in parts.items():
            row += 0.9
            axes.text(
                -left / (canvas.WIDTH - left - 0.95) + 0.02,
                row,
                part,
                transform=axes.get_yaxis_transform(),
                weight="bold",
                va="center",
                color=canvas.INK,
            )
            for cell, seconds in costs:
                row += 1
                ticks.append(row)
                axes.axhline(row, color="#eeeeee", linewidth=0.8, zorder=1)
                look = styles[cell.backend]
                if seconds:
                    axes.plot([seconds], [row], look.marker, color=look.colour, markersize=7.5, label=cell.backend)
                    axes.annotate(
                        text.duration(seconds),
                        (seconds, row),
                        (9, 0),
                        textcoords="offset points",
                        va="center",
                        fontsize=10,
                        color=canvas.INK,
                        annotation_clip=False,
                    )
                else:
                    axes.text(
                        0.01,
                        row,
                        _cost(seconds),
                        transform=axes.get_yaxis_transform(),
                        va="center",
                        fontsize=10,
                        style="italic",
                        color=canvas.FAINT,
                    )
            row += 0.7
        axes.set_yticks(ticks, names * len(parts))
    return figure


def _draw(panels: Sequence[Panel], cells: list[Cell]) -> Figure:
    """The panels below each other: names of real problems at the top, lines, labels at the right, rows of gaps."""
    styles = canvas.series_styles(backends(cells))
    right = canvas.label_margin([canvas.short(b) for b in styles])
    shapes = [_shape(panel) for panel in panels]
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, sum(map(sum, shapes)) or 1))
        top = 0.0
        for panel, (above, height, below) in zip(panels, shapes, strict=True):
            canvas.heading(figure, top + 0.12, panel.title)
            axes = canvas.add_axes(figure, canvas.LEFT, top + above, right, height)
            _lines(axes, panel, styles, height)
            rows = _gap_rows(panel)
            if rows:
                below_axes = canvas.add_axes(figure, canvas.LEFT, top + above + height + 0.08, right, ROW * len(rows))
                _gap_lane(below_axes, rows, axes, styles)
                axes.tick_params(axis="x", labelbottom=False, length=0)
                axes = below_axes
            axes.set_xlabel("number of samples n", color=canvas.INK)
            top += above + height + below
    return figure


def _shape(panel: Panel) -> tuple[float, float, float]:
    """Inches above, of, and below the axes of a panel."""
    known = any(panel.value(c) for c in panel.cells)
    height = max(PANEL, 0.21 * len(backends(panel.cells))) if known or _gap_rows(panel) else 1.0
    rows = len(_gap_rows(panel))
    return 0.5 + 0.22 * len(_real(panel)), height, 0.68 + (ROW * rows + 0.08 if rows else 0)


def _lines(axes: Axes, panel: Panel, styles: dict[str, SeriesStyle], height: float) -> None:
    ends: list[LineEndLabel] = []
    guesses: dict[str, list[Point]] = {c.backend: [] for c in panel.cells}
    for c in panel.gaps:
        seconds = predicted_time(c)
        if seconds and c.problem.name == SYNTHETIC:
            guesses[c.backend].append(Point(c.n_samples, seconds, None, None))
    measured = {b: _points(panel, b, synthetic=True) for b in styles}
    single = {b: _points(panel, b, synthetic=False) for b in styles}
    points = [p for found in (*measured.values(), *single.values(), *guesses.values()) for p in found]
    values = [v for p in points for v in (p.value, p.low, p.high) if v]
    low, high = canvas.limits(values + ([panel.level] if panel.level and values else []))
    first, last = canvas.limits([float(c.n_samples) for c in panel.cells], 2.3)
    axes.set(xscale="log", yscale="log", xlim=(first, last), ylim=(low, high))
    canvas.log_axis(axes.xaxis, first, last, text.tick, 6)
    canvas.log_axis(axes.yaxis, low, high, panel.tick, 9)
    if not points:
        axes.text(
            0.5,
            0.5,
            "no figures: nothing here was measured",
            transform=axes.transAxes,
            ha="center",
            va="center",
            style="italic",
            color=canvas.FAINT,
        )
        axes.set_yticks([])
    if panel.level and points:
        axes.axhline(panel.level, color=canvas.FAINT, linewidth=1.2, linestyle=":", zorder=1, label="_level")
    for b, look in styles.items():
        if measured[b]:
            canvas.draw_points(axes, measured[b], look, b, gaps=_missing(panel, b))
        if single[b]:
            canvas.draw_points(axes, single[b], look, b, line=False)
        if guesses.get(b):
            before = [p for p in measured[b] if p.n < guesses[b][0].n][-1:]
            canvas.draw_predicted(axes, before, guesses[b], look, b)
        all_of_it = sorted([*measured[b], *guesses.get(b, [])] or single[b])
        if all_of_it:
            ends.append(LineEndLabel(canvas.short(b), all_of_it[-1].n, all_of_it[-1].value, look))
    canvas.end_labels(axes, ends, height)
    for level, problem in enumerate(_real(panel)):
        axes.axvline(problem.n_samples, color="#bbbbbb", linewidth=0.8, linestyle=":", zorder=1, label="_problem")
        axes.annotate(
            problem_label(problem),
            (problem.n_samples, 1),
            (0, 5 + 16 * level),
            va="bottom",
            ha="center",
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=10,
            color=canvas.FAINT,
        )


def _points(panel: Panel, backend: str, synthetic: bool) -> list[Point]:
    return [
        Point(c.n_samples, *found)
        for c in panel.cells
        if c.backend == backend and (c.problem.name == SYNTHETIC) == synthetic and (found := panel.value(c))
    ]


def _missing(panel: Panel, backend: str) -> list[int]:
    """The synthetic sizes at which a line must break, for it has nothing there."""
    own = [c for c in panel.cells if c.backend == backend and c.problem.name == SYNTHETIC]
    return [c.n_samples for c in own if panel.value(c) is None]


def _real(panel: Panel) -> list[ProblemKey]:
    """The problems of a panel that are no synthetic size, and so belong to no line."""
    return sorted({problem_key(c) for c in panel.cells if c.problem.name != SYNTHETIC and panel.value(c)})


def _gap_rows(panel: Panel) -> dict[str, list[Cell]]:
    missing = [c for c in panel.gaps if time_per_iteration(c) is None]
    return {b: [c for c in missing if c.backend == b] for b in backends(missing)}


def _gap_lane(axes: Axes, rows: dict[str, list[Cell]], above: Axes, styles: dict[str, SeriesStyle]) -> None:
    """A row per backend that misses a time: a cross at each n, and once per run of equal gaps the kind."""
    axes.set(xscale="log", xlim=above.get_xlim(), ylim=(len(rows) - 0.5, -0.5), yticks=[])
    axes.set_facecolor("#f6f6f6")
    canvas.log_axis(axes.xaxis, *above.get_xlim(), text.tick, 6)
    axes.text(-0.02, 0.5, "no time", transform=axes.transAxes, ha="right", va="center", fontsize=10, color=canvas.INK)
    for row, (backend, cells) in enumerate(rows.items()):
        look = styles[backend]
        ns = [c.n_samples for c in cells]
        axes.plot(ns, [row - 0.18] * len(ns), "x", color=look.ink, markersize=6.5, label=backend)
        kinds = ["", *map(gap_kind, cells)]
        for before, kind, cell in zip(kinds, kinds[1:], cells, strict=False):
            if kind != before:
                axes.text(cell.n_samples, row + 0.23, kind, ha="center", va="center", fontsize=9.5, color=look.ink)
        axes.text(1.035, row, canvas.short(backend), transform=axes.get_yaxis_transform(), va="center", color=look.ink)


def _say(title: str, words: str) -> Figure:
    """A figure that has nothing to show and says why."""
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 1.4))
        canvas.heading(figure, 0.12, title)
        figure.text(0.5, 0.4, words, ha="center", va="center", style="italic", color=canvas.FAINT)
    return figure


def _speedup_over(baseline: str) -> Value:
    def value(c: Cell) -> tuple[float, float | None, float | None] | None:
        found = speedup(c, baseline)
        return None if found is None else (found.median, found.ci_low, found.ci_high)

    return value


def _in_words(cells: list[Cell], value: Value, show: Callable[[float], str]) -> str:
    """What the lines say: each backend at its first and last synthetic size, and on every real problem."""
    sentences = []
    for b in backends(cells):
        told = [(c, f"{show(found[0])} at {problem_label(c)}") for c in cells if c.backend == b and (found := value(c))]
        line = [words for c, words in told if c.problem.name == SYNTHETIC]
        parts = [" to ".join(dict.fromkeys([line[0], line[-1]]))] if line else []
        parts += [words for c, words in told if c.problem.name != SYNTHETIC]
        sentences += [f"{text.clean(b, 40)}: {'; '.join(parts)}. "] if parts else []
    return "".join(sentences)


def _gaps_in_words(cells: list[Cell]) -> str:
    """Every gap with its kind, and what was predicted instead."""
    told = []
    for c in cells:
        if time_per_iteration(c) is None:
            seconds = predicted_time(c)
            guess = f" (predicted {text.duration(seconds)})" if seconds else ""
            told.append(f"{name(c)} {gap_kind(c)} at {problem_label(c)}{guess}")
    return f"No time: {'; '.join(told)}." if told else ""
