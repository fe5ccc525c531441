"""Time per iteration against the number of samples, with a row of gaps for each backend that has no time."""

from bench import text
from bench.analysis.speed import Group, gap_kind, predicted_time, time_per_iteration
from bench.records import Cell
from bench.report.plots import panels
from bench.report.plots.canvas import Drawing
from bench.report.plots.panels import Panel
from bench.report.tables import INTERVAL_HEADS, data_interval, per_cell


def draw(group: Group) -> Drawing:
    """Time per iteration against n on logarithmic axes, with one panel for each number of synthetic features."""
    cells = group.ranked
    of_width = [
        Panel(f"Time per iteration{suffix} ({group.title})", part, time_per_iteration, text.duration_tick, None, part)
        for suffix, part in panels.by_features(cells)
    ]
    alt = f"Lines of the time per iteration against the number of samples, both logarithmic ({group.title}). It runs"
    alt += f" {panels.range_in_words(cells, time_per_iteration, text.duration)}."

    def row(c: Cell) -> list[str]:
        gap = "" if time_per_iteration(c) else gap_kind(c)
        return [*data_interval(time_per_iteration(c)), text.scientific(predicted_time(c)), gap]

    table = per_cell("Time per iteration", (*INTERVAL_HEADS, "predicted", "gap"), cells, row)
    return Drawing(panels.draw(of_width, cells), alt, table)
