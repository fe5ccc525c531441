"""Tables with a row per backend and a column per problem: the same cells, gaps and marks in every output."""

from collections.abc import Callable, Collection, Mapping, Sequence

from bench import text
from bench.analysis.speed import (
    SYNTHETIC,
    Group,
    ProblemKey,
    gap_kind,
    problem_key,
    rank,
    reading_order,
    speedup,
    time_per_iteration,
)
from bench.plan import BASELINE
from bench.records import Cell
from bench.report.tables import SYMBOLS, WORDS, Table, ratio_text
from bench.text import MISSING

Place = tuple[str, ProblemKey]  # a backend and a problem
Head = Callable[[ProblemKey], str]  # the head of the column of a problem


def two_line_head(problem: ProblemKey) -> str:
    """1 000 and then × 10, or penguins and then 342 × 4."""
    n, d = text.count(problem.n_samples), text.count(problem.n_features)
    return f"{n}\n× {d}" if problem.name == SYNTHETIC else f"{text.clean(problem.name, 24)}\n{n} × {d}"


def by_size(title: str, words: Mapping[Place, str], best: Collection[Place], head: Head = two_line_head) -> Table:
    """A table of words. The synthetic problems are first, by features and then by samples. best: the marked places."""
    problems = sorted({p for _, p in words}, key=lambda p: (p.name != SYNTHETIC, p.n_features, p))
    names = sorted({b for b, _ in words}, key=reading_order)
    rows = [(text.clean(b, 40), *(words.get((b, p), MISSING) for p in problems)) for b in names]
    marked = frozenset((names.index(b), problems.index(p) + 1) for b, p in best if (b, p) in words)
    return Table(title, ("backend", *map(head, problems)), rows, marked)


def times(cells: Sequence[Cell], head: Head) -> Table:
    """The median time per iteration, or the kind of the gap. The fastest of each problem is marked."""
    return by_size("", {_place(c): short_time(c) for c in cells}, _fastest(cells), head)


def ratios(cells: Sequence[Cell], head: Head) -> Table:
    """How many times faster (×) or slower (÷) than the baseline, which has no row."""
    words = {_place(c): _ratio(c, SYMBOLS) or _gap(c) for c in cells if c.backend != BASELINE}
    return by_size("", words, _fastest(cells), head)


def overview(group: Group) -> Table:
    """The median time per iteration, and under it the ratio to the baseline."""
    words = {_place(c): "\n".join(filter(None, (short_time(c), _ratio(c, WORDS)))) for c in group.ranked}
    return by_size("Time per iteration by size", words, _fastest(group.ranked))


def short_time(cell: Cell) -> str:
    """731 ns, or the kind of the gap."""
    interval = time_per_iteration(cell)
    return _gap(cell) if interval is None else text.duration(interval.median)


def _gap(cell: Cell) -> str:
    """The kind of a gap; a dash for a cell that has not been measured yet."""
    return MISSING if time_per_iteration(cell) or cell.status == "interrupted" else gap_kind(cell)


def _ratio(cell: Cell, form: tuple[str, str, str]) -> str:
    ratio = speedup(cell, BASELINE)
    return "" if ratio is None else ratio_text(ratio, form)


def _place(cell: Cell) -> Place:
    return cell.backend, problem_key(cell)


def _fastest(cells: Sequence[Cell]) -> set[Place]:
    """The fastest backend of each problem and those that are tied with it, without other algorithms."""
    ranked = [c for c in cells if c.algorithm is None]
    rankings = [rank([c for c in ranked if problem_key(c) == p]) for p in {problem_key(c) for c in ranked}]
    return {_place(c) for r in rankings if r and len(r.timed) > 1 for c in (r.timed[0], *r.tied)}
