"""Time per iteration against the number of samples, with a row of gaps for each backend that has no time."""

from bench import text
from bench.analysis.speed import Group, gap_kind, predicted_time, problem_label, time_per_iteration
from bench.report.plots import panels
from bench.report.plots.canvas import Drawing
from bench.report.plots.panels import Panel
from bench.report.tables import INTERVAL_HEADS, Table, data_interval, name


def draw(group: Group) -> Drawing:
    """Time per iteration against n on logarithmic axes, with one panel for each number of synthetic features."""
    cells = group.ranked
    of_width = [
        Panel(f"Time per iteration{suffix} ({group.title})", part, time_per_iteration, text.duration_tick, None, part)
        for suffix, part in panels.by_features(cells)
    ]
    alt = f"Lines of the time per iteration against the number of samples, both logarithmic ({group.title}). It runs"
    alt += f" {panels.range_in_words(cells, time_per_iteration, text.duration)}."
    rows = [
        (
            problem_label(c),
            name(c),
            *data_interval(time_per_iteration(c)),
            text.scientific(predicted_time(c)),
            "" if time_per_iteration(c) else gap_kind(c),
        )
        for c in cells
    ]
    heads = ("problem", "backend", *INTERVAL_HEADS, "predicted", "gap")
    return Drawing(panels.draw(of_width, cells), alt, Table("Time per iteration", heads, rows))
