"""A run on one screen: tables of backends by sizes, while it runs and at its end."""

from collections import Counter
from collections.abc import Callable, Sequence

from rich.table import Table

from bench import text
from bench.analysis.speed import SYNTHETIC, Group, ProblemKey, gap_kind, time_per_iteration
from bench.plan import BASELINE
from bench.records import Cell, Run
from bench.report import matrix, tables
from bench.report.rich_table import rich_table

MAX_BACKENDS, NAME_WIDTH, GAP = 10, 18, 2  # rows and characters of a table
RATIOS = f"Relative to {BASELINE}, median over blocks (× faster, ÷ slower, ~ tied)"


def times_table(cells: Sequence[Cell], width: int) -> Table:
    """Backends by sizes: the median time per iteration, or why there is none.

    cells: the cells of one group. width: the width of the console in characters. If more than half of the sizes do not
    fit, those that do are spread evenly; otherwise the smallest are left out.
    """
    return _fitted(matrix.times(cells, _head(cells)), width)


def ratios_table(cells: Sequence[Cell], width: int) -> Table:
    """Backends by sizes: how many times faster than the baseline (×) or slower (÷)."""
    return _fitted(matrix.ratios(cells, _head(cells)), width)


def _fitted(table: tables.Table, width: int) -> Table:
    """The first backends, and as many columns as fit. The fastest of a size is highlighted."""
    rows = [(text.clean(name, NAME_WIDTH), *words) for name, *words in table.rows[:MAX_BACKENDS]]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    room, count = width - widths[0], len(widths) - 1
    sizes = list(range(1, count + 1))  # the numbers of the columns
    fitting = max(2, room // (max(widths[1:], default=1) + GAP))
    if count > 2 * fitting:
        sizes = [1 + round(step * (count - 1) / (fitting - 1)) for step in range(fitting)]
    while len(sizes) > 1 and sum(widths[x] + GAP for x in sizes) > room:
        sizes = sizes[1:]
    shown = [0, *sizes]
    columns = tuple(table.columns[x] for x in shown)
    best = frozenset((row, shown.index(x)) for row, x in table.best if x in shown)
    fitted = tables.Table("", columns, [tuple(row[x] for x in shown) for row in rows], best)
    result = rich_table(fitted, right=columns[1:])
    cut = [
        f"{shown} of {total} {noun} fit"
        for shown, total, noun in ((len(sizes), count, "sizes"), (len(rows), len(table.rows), "backends"))
        if shown < total
    ]
    if cut:
        result.caption, result.caption_justify = f"{' and '.join(cut)}; see -v.", "left"
    return result


def _head(cells: Sequence[Cell]) -> Callable[[ProblemKey], str]:
    """The head of a column: n, with d if it differs between columns, or the name of a data set."""
    same_d = len({c.n_features for c in cells if c.problem.name == SYNTHETIC}) == 1

    def head(problem: ProblemKey) -> str:
        if problem.name != SYNTHETIC:
            return text.clean(problem.name, 12)
        return text.count(problem.n_samples) + ("" if same_d else f"x{problem.n_features}")

    return head


def title(group: Group) -> str:
    """Time per iteration by n (d = 10; float64, 1 thread)"""
    features = {c.n_features for c in group.cells if c.problem.name == SYNTHETIC}
    d = f"d = {features.pop()}; " if len(features) == 1 else ""
    return f"Time per iteration by n ({d}{group.title})"


def doubts(run: Run) -> str:
    """The numbers of flags and gaps, in one line."""
    cells = [c for c in run.cells if not c.control]
    flags = Counter(text.clean(flag, 400).partition(":")[0] for c in cells for flag in c.flags)
    gaps = Counter(gap_kind(c) for c in cells if time_per_iteration(c) is None)
    parts = [f"{text.number_of(n, 'cell')} {kind}" for kind, n in gaps.most_common()]
    parts += [f"{kind} in {text.number_of(n, 'cell')}" for kind, n in flags.most_common()]
    return f"Of {text.number_of(len(cells), 'cell')}: {'; '.join(parts)}. The page explains each." if parts else ""
