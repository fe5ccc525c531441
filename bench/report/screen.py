"""A run on one screen: tables of backends by sizes, while it runs and at its end."""

from collections import Counter
from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from bench import text
from bench.analysis.speed import (
    SYNTHETIC,
    Group,
    ProblemKey,
    backends,
    fastest,
    gap_kind,
    problem_key,
    speedup,
    time_per_iteration,
)
from bench.plan import BASELINE
from bench.records import Cell, Run
from bench.stats import holds_one

MAX_BACKENDS, NAME_WIDTH, GAP = 10, 18, 2  # rows and characters of a table
FASTEST = "bold green"
RATIOS = f"Relative to {BASELINE} (× faster, ÷ slower, ~ no difference)"


def times_table(cells: Sequence[Cell], width: int) -> Table:
    """Backends by sizes: the median time per iteration, or why there is none. The fastest of a size is highlighted.

    cells: of one group. width: of the console, in characters. Sizes that do not fit are left out, the smallest first.
    """
    return _by_size(cells, width, _time)


def ratios_table(cells: Sequence[Cell], width: int) -> Table:
    """Backends by sizes: how many times faster than the baseline (×) or slower (÷)."""
    return _by_size([c for c in cells if c.backend != BASELINE], width, _ratio)


def _by_size(cells: Sequence[Cell], width: int, entry: Callable[[Cell], str]) -> Table:
    problems = sorted({problem_key(c) for c in cells})
    names = backends(cells)[:MAX_BACKENDS]
    entries = {(c.backend, problem_key(c)): entry(c) for c in cells}
    first = {problem: _fastest_backends(cells, problem) for problem in problems}
    labels = _labels(problems)
    widths = {p: max(len(labels[p]), *(len(entries.get((n, p), "")) for n in names)) for p in problems}
    room = width - min(NAME_WIDTH, max(map(len, names), default=0))
    while len(problems) > 1 and sum(widths[p] + GAP for p in problems) > room:
        problems = problems[1:]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, GAP - 1), pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", width=min(NAME_WIDTH, max(map(len, names), default=1)), no_wrap=True)
    for problem in problems:
        table.add_column(labels[problem], justify="right", no_wrap=True)
    for name in names:
        row = [Text(entries.get((name, p), ""), FASTEST if name in first[p] else "") for p in problems]
        table.add_row(Text(text.clean(name, NAME_WIDTH)), *row)
    return table


def _labels(problems: Sequence[ProblemKey]) -> dict[ProblemKey, str]:
    """The heads of the columns: n, with d if it differs between them, or the name of a data set."""
    same_d = len({p.n_features for p in problems if p.name == SYNTHETIC}) == 1
    return {
        p: text.clean(p.name, 12)
        if p.name != SYNTHETIC
        else text.count(p.n_samples)
        if same_d
        else f"{text.count(p.n_samples)}x{p.n_features}"
        for p in problems
    }


def _fastest_backends(cells: Sequence[Cell], problem: ProblemKey) -> set[str]:
    """The fastest backend on a problem and those that are tied with it, without other algorithms."""
    ranking = fastest([c for c in cells if problem_key(c) == problem and c.algorithm is None])
    return {c.backend for c in (ranking.timed[:1] + ranking.tied)} if ranking else set()


def _time(cell: Cell) -> str:
    interval = time_per_iteration(cell)
    if interval is not None:
        return text.duration(interval.median)
    return "" if cell.status == "interrupted" else gap_kind(cell)  # in a table of a run in progress, not yet measured


def _ratio(cell: Cell) -> str:
    ratio = speedup(cell, BASELINE)
    if ratio is None:
        return "" if time_per_iteration(cell) else gap_kind(cell)
    if holds_one(ratio.ci_low, ratio.ci_high):
        return f"~{text.significant(ratio.median)}×"
    return f"{text.significant(ratio.median)}×" if ratio.median >= 1 else f"÷{text.significant(1 / ratio.median)}"


def title(group: Group) -> str:
    """Time per iteration by n (d = 10; float64, 1 thread)"""
    features = {c.n_features for c in group.cells if c.problem.name == SYNTHETIC}
    d = f"d = {features.pop()}; " if len(features) == 1 else ""
    return f"Time per iteration by n ({d}{group.title})"


def doubts(run: Run) -> str:
    """The numbers of flags and gaps, in one line."""
    cells = [c for c in run.cells if not c.control]
    flags = Counter(text.clean(flag, 400).partition(":")[0] for c in run.cells for flag in c.flags)
    gaps = Counter(gap_kind(c) for c in cells if time_per_iteration(c) is None)
    parts = [f"{text.number_of(n, 'cell')} {kind}" for kind, n in gaps.most_common()]
    parts += [f"{kind} in {text.number_of(n, 'cell')}" for kind, n in flags.most_common()]
    return f"Of {text.number_of(len(cells), 'cell')}: {'; '.join(parts)}. The page explains each." if parts else ""
