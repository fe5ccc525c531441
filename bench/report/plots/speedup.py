"""Speed-up over each of the two baselines against the number of samples."""

from bench import text
from bench.analysis import speed
from bench.analysis.speed import LOOPS, Group, problem_label
from bench.plan import BASELINE
from bench.records import Cell
from bench.report.plots import panels
from bench.report.plots.canvas import Drawing
from bench.report.plots.panels import Panel, Value
from bench.report.tables import Table, name


def draw(group: Group) -> Drawing:
    """Speed-up over each baseline against n on logarithmic axes."""
    cells = group.ranked
    all_panels, sentences, rows = [], [], []
    for baseline in (LOOPS, BASELINE):
        value = _speedup_over(baseline)
        for suffix, part in panels.by_features(cells):
            title = f"Speed-up over {baseline}{suffix} ({group.title})"
            all_panels.append(Panel(title, part, value, lambda r: f"{text.tick(r)}×", 1.0, []))
        ratios = panels.in_words(cells, value, lambda r: f"{text.significant(r)}×")
        sentences.append(f"Over {baseline}: {ratios.strip() or 'no figures.'}")
        rows += [
            (baseline, problem_label(c), name(c), *map(text.scientific, ratio)) for c in cells if (ratio := value(c))
        ]
    alt = f"Charts of the speed-up against the number of samples, both logarithmic ({group.title}). "
    heads = ("over", "problem", "backend", "speed-up", "interval from", "to")
    return Drawing(panels.draw(all_panels, cells), alt + " ".join(sentences), Table("Speed-up", heads, rows))


def _speedup_over(baseline: str) -> Value:
    def value(cell: Cell) -> tuple[float, float | None, float | None] | None:
        ratio = speed.speedup(cell, baseline)
        return None if ratio is None else (ratio.median, ratio.ci_low, ratio.ci_high)

    return value
