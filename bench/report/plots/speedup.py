"""Speed-up over the baseline against the number of samples."""

from bench import text
from bench.analysis import speed
from bench.analysis.speed import LOOPS, Group
from bench.plan import BASELINE
from bench.records import Cell
from bench.report.plots import panels
from bench.report.plots.canvas import Drawing
from bench.report.plots.panels import Panel
from bench.report.tables import data_interval, per_cell

LEFT = 1.25  # inches: the left margin


def draw(group: Group) -> Drawing:
    """Speed-up against n on logarithmic axes, over plain loops where the baseline has no time."""
    cells = group.ranked
    baseline = next((b for b in (BASELINE, LOOPS) if any(speed.speedup(c, b) for c in cells)), BASELINE)

    def value(cell: Cell) -> tuple[float, float | None, float | None] | None:
        ratio = speed.speedup(cell, baseline)
        return None if ratio is None else (ratio.median, ratio.ci_low, ratio.ci_high)

    of_width = [
        Panel(f"Compared with {baseline}{suffix} ({group.title})", part, value, _tick, 1.0, [])
        for suffix, part in panels.by_features(cells)
    ]
    alt = f"Lines of the speed-up over {baseline} against the number of samples, both logarithmic ({group.title}). It"
    alt += f" runs {panels.range_in_words(cells, value, lambda r: f'{text.significant(r)}×')}."
    heads = (f"speed-up over {baseline}", "interval from", "to")
    table = per_cell("Speed-up", heads, [c for c in cells if value(c)], lambda c: data_interval(value(c)))
    return Drawing(panels.draw(of_width, cells, LEFT), alt, table)


def _tick(ratio: float) -> str:
    """10× faster, equal, 10× slower"""
    if ratio == 1:
        return "equal"
    return f"{text.tick(ratio)}× faster" if ratio > 1 else f"{text.tick(float(f'{1 / ratio:.6g}'))}× slower"
