"""The cold costs of each backend beside one call in the steady state, as dots on one logarithmic axis."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.analysis.cold_costs import first_call_without_compile
from bench.analysis.speed import Group, cold_problem, problem_key, problem_label, time_per_iteration
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, SeriesStyle
from bench.report.tables import Table, name

ROW, BETWEEN = 0.23, 1.6  # inches: the height of a row of dots; rows: the space of the title of a part
RIGHT = 0.95  # inches
Parts = dict[str, list[tuple[Cell, float | None]]]


def draw(group: Group) -> Drawing:
    """Dots of the cold costs by part and backend.

    Dots and not bars: the costs differ by factors of a thousand, and the length of a bar on a logarithmic axis has no
    meaning.
    """
    problem = cold_problem(group.ranked)
    cells = [c for c in group.ranked if problem_key(c) == problem and time_per_iteration(c)]
    parts = _parts(cells)
    rows = [(part, name(c), text.scientific(seconds)) for part, costs in parts.items() for c, seconds in costs]
    table = Table("Cold cost", ("cost", "backend", "seconds"), rows)
    title = f"Cold cost at {problem_label(problem)} ({group.title})" if problem else f"Cold cost ({group.title})"
    if not cells:
        words = "No backend has a time, so there is no cold cost to show."
        return Drawing(_message(title, words), f"{title}. {words}", table)
    sentences = [
        f"{part}: " + ", ".join(f"{name(c)} {_cost(seconds)}" for c, seconds in costs) for part, costs in parts.items()
    ]
    alt = f"Chart of dots on a logarithmic time axis. {title}. " + ". ".join(sentences) + "."
    return Drawing(_draw(title, parts), alt, table)


def _parts(cells: list[Cell]) -> Parts:
    """Seconds of each part by cell, without the parts that no cell has."""
    steps = text.span(c.n_iter for c in cells)
    parts: Parts = {
        "import": [(c, c.cold_costs.import_s) for c in cells],
        "prepare": [(c, c.cold_costs.prepare_s) for c in cells],
        "compile": [(c, c.cold_costs.compile_s) for c in cells],
        "first call, without compile": [(c, first_call_without_compile(c)) for c in cells],
        f"one steady call of {steps} iterations": [(c, c.median_s) for c in cells],
    }
    return {part: costs for part, costs in parts.items() if any(seconds is not None for _, seconds in costs)}


def _cost(seconds: float | None) -> str:
    return "not known" if seconds is None else text.duration(seconds) if seconds > 0 else "none"


def _draw(title: str, parts: Parts) -> Figure:
    """The parts below each other, with a row for each backend."""
    count = sum(len(costs) + BETWEEN for costs in parts.values())
    cells = [c for c, _ in next(iter(parts.values()))]
    names = [canvas.short(c.backend) for c in cells]
    styles = canvas.series_styles([c.backend for c in cells])
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 1.15 + count * ROW))
        canvas.heading(figure, 0.12, title)
        margin = max(1.2, 0.35 + canvas.CHARACTER * max(map(len, names)))
        axes = canvas.add_axes(figure, margin, 0.5, RIGHT, count * ROW)
        low, high = canvas.limits([s for costs in parts.values() for _, s in costs if s], 2.0)
        axes.set(xscale="log", xlim=(low, high), ylim=(count - 0.3, 0.0))
        canvas.log_axis(axes.xaxis, low, high, text.duration_tick)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        row, ticks = 0.0, []
        for part, costs in parts.items():
            row += 0.9
            x = -margin / (canvas.WIDTH - margin - RIGHT) + 0.02
            place = axes.get_yaxis_transform()
            axes.text(x, row, part, transform=place, weight="bold", va="center", color=canvas.INK)
            for cell, seconds in costs:
                row += 1
                ticks.append(row)
                _draw_dot(axes, row, cell.backend, styles[cell.backend], seconds)
            row += 0.7
        axes.set_yticks(ticks, names * len(parts))
    return figure


def _draw_dot(axes: Axes, row: float, backend: str, look: SeriesStyle, seconds: float | None) -> None:
    """A dot with its time; a word where there is none."""
    axes.axhline(row, color="#eeeeee", linewidth=0.8, zorder=1)
    if seconds:
        axes.plot([seconds], [row], look.marker, color=look.colour, markersize=7.5, label=backend)
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
        axes.text(0.01, row, _cost(seconds), transform=axes.get_yaxis_transform(), fontsize=10, **canvas.NOTE)


def _message(title: str, words: str) -> Figure:
    """A figure with one sentence, where there is nothing to draw."""
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 1.4))
        canvas.heading(figure, 0.12, title)
        figure.text(0.5, 0.4, words, ha="center", **canvas.NOTE)
    return figure
