"""The winner map: the fastest backend on each problem, over the numbers of samples and of features.

Each problem is a square. Backends whose ratio to the best may be 1 are tied. Without intervals there is no winner, only
a lowest median.
"""

from collections import Counter
from itertools import product
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench import text
from bench.analysis.speed import (
    CORE,
    SYNTHETIC,
    Group,
    ProblemKey,
    backends,
    gap_kind,
    paired_speedup,
    problem_key,
    problem_label,
    rank,
    time_per_iteration,
)
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, Styles
from bench.report.tables import INTERVAL_HEADS, Table, data_interval

MAX_COLUMNS, MAX_ROWS, MAX_REAL, MAX_NAMES = 8, 6, 4, 3
LEFT, RIGHT, REAL = 1.0, 0.15, 1.6  # inches: the margins; the minimum width of the square of a real problem
MARKS, LINE, LETTER = 0.42, 0.18, 0.078  # inches: heights of the markers and of a line of text; width of a letter
SIZE = 9.5  # points: the text in a square


class Square(NamedTuple):
    """The result on one problem.

    verdict: "fastest", "tie", "lowest median", "only one" or "no time"; best: the winner, or all that are tied; timed:
    the cells with a time; kinds: the kinds of the gaps.
    """

    problem: ProblemKey
    verdict: str
    best: list[Cell]
    timed: list[Cell]
    kinds: list[str]


def draw(group: Group) -> Drawing | None:
    """The map of the core backends, or of all where fewer than two of the core have a time.

    None where no problem has two backends to compare, or where they all have the same result.
    """
    core = _squares([c for c in group.ranked if c.backend in CORE])
    if _comparable(core):
        return _drawing(group, core, " of the core")
    squares = _squares(group.ranked)
    return _drawing(group, squares, "") if _comparable(squares) else None


def draw_all(group: Group) -> Drawing | None:
    """The map of all ranked backends; None where it says no more than that of the core."""
    squares, core = _squares(group.ranked), _squares([c for c in group.ranked if c.backend in CORE])
    if not _comparable(core) or _results(squares) == _results(core):
        return None
    return _drawing(group, squares, " of all")


def _squares(cells: list[Cell]) -> list[Square]:
    problems = sorted({problem_key(c) for c in cells})
    return [_square(problem, [c for c in cells if problem_key(c) == problem]) for problem in problems]


def _comparable(squares: list[Square]) -> bool:
    return any(len(square.timed) > 1 for square in squares)


def _results(squares: list[Square]) -> list[tuple[str, ...]]:
    return [tuple(sorted(c.backend for c in square.best)) for square in squares]


def _drawing(group: Group, squares: list[Square], which: str) -> Drawing | None:
    """The map of the fastest. which: the backends compared, in words. None if all squares have the same winners."""
    results = _results(squares)
    if len(results) > 1 and len(set(results)) == 1:
        return None
    sure = any(square.verdict in ("fastest", "tie") for square in squares)
    title = f"Fastest{which} by size ({group.title})"
    if not sure:
        title = f"Lowest median{which} ({group.title}): too few processes for a winner"
    synthetic = [s for s in squares if s.problem.name == SYNTHETIC]
    ns = sorted({s.problem.n_samples for s in synthetic})[-MAX_COLUMNS:]
    ds = sorted({s.problem.n_features for s in synthetic})[-MAX_ROWS:]
    # Two synthetic problems of equal size differ only in their seed; the last of them has the square.
    grid = {(s.problem.n_samples, s.problem.n_features): s for s in synthetic}
    drawn = {at: square for at, square in grid.items() if at[0] in ns and at[1] in ds}
    real = [s for s in squares if s.problem.name != SYNTHETIC]
    left_out = len(squares) - len(drawn) - len(real[:MAX_REAL])
    wins = Counter(c.backend for square in squares for c in square.best)
    named = ", ".join(f"{text.clean(b, 40)} on {text.count(n)}" for b, n in wins.most_common(4))
    alt = f"{title}: a square for each problem, the number of samples across and of features upwards. Alone or tied,"
    alt += f" of {text.number_of(len(squares), 'problem')}: {named or 'none has a time'}"
    alt += f"; {text.number_of(left_out, 'other problem')} not drawn." if left_out else "."
    heads = ("problem", "verdict", "backend", *INTERVAL_HEADS, "next", "its time over this")
    table = Table("The fastest, by size", heads, [row for square in squares for row in _rows(square)])
    return Drawing(_draw(title, ns, ds, drawn, real[:MAX_REAL]), alt, table)


def _square(problem: ProblemKey, cells: list[Cell]) -> Square:
    kinds = list(dict.fromkeys(gap_kind(c) for c in cells if time_per_iteration(c) is None))
    result = rank(cells)
    if result is None:
        return Square(problem, "no time", [], [], kinds)
    best = result.timed[:1]
    if len(result.timed) == 1:
        return Square(problem, "only one", best, result.timed, kinds)
    if not result.sure:
        return Square(problem, "lowest median", best, result.timed, kinds)
    return Square(problem, "tie" if result.tied else "fastest", best + result.tied, result.timed, kinds)


def _next(square: Square) -> Cell | None:
    """The best of the cells that are slower, by their intervals or, without intervals, by their medians."""
    behind = [c for c in square.timed if c not in square.best]
    return behind[0] if behind else None


def _rows(square: Square) -> list[tuple[str, ...]]:
    where, second = problem_label(square.problem), _next(square)
    if not square.best:
        return [(where, f"no time: {text.listed(square.kinds)}", *[""] * 6)]
    lead = paired_speedup(second, square.best[0]) if second is not None else None
    behind = ("" if second is None else text.clean(second.backend, 40), text.ratio_interval(*lead) if lead else "")
    return [
        (
            where,
            square.verdict,
            text.clean(c.backend, 40),
            *data_interval(time_per_iteration(c)),
            *(behind if c is square.best[0] else ("", "")),
        )
        for c in square.best
    ]


def _draw(title: str, ns: list[int], ds: list[int], grid: dict[tuple[int, int], Square], real: list[Square]) -> Figure:
    """The grid of synthetic sizes, and below it a row of real problems."""
    squares = [*grid.values(), *real]
    styles = canvas.series_styles(backends(c for square in squares for c in square.best))
    room = canvas.WIDTH - LEFT - RIGHT
    width = min(room / max(1, len(ns)), 2.4)
    real_width = min(room / max(1, len(real)), max(REAL, width))
    lines = {id(s): _lines(s, width if s.problem.name == SYNTHETIC else real_width) for s in squares}
    tall = MARKS + LINE * max(map(len, lines.values())) + 0.12
    top = 0.5
    below = top + (tall * len(ds) + 0.62 if grid else 0)
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, below + (tall + 0.62 if real else 0) + 0.05))
        canvas.heading(figure, 0.12, title)
        if grid:
            axes = _grid(figure, top, (width, tall), [_number(n) for n in ns], [f"d = {_number(d)}" for d in ds])
            axes.tick_params(axis="x", labelsize=11 if width > 1 else SIZE)
            axes.set_xlabel("number of samples n")
            for (row, d), (column, n) in product(enumerate(ds), enumerate(ns)):
                square = grid.get((n, d))
                words = lines[id(square)] if square else ["not run"]
                _fill(axes, (column, row), (width, tall), square, words, styles)
        if real:
            names = [problem_label(s.problem).replace(", n =", "\nn =") for s in real]
            axes = _grid(figure, below, (real_width, tall), names, ["real data"])
            for column, square in enumerate(real):
                _fill(axes, (column, 0), (real_width, tall), square, lines[id(square)], styles)
    return figure


def _grid(figure: Figure, top: float, size: tuple[float, float], columns: list[str], rows: list[str]) -> Axes:
    """Axes for squares, with the labels of their columns and rows. top and size (of a square) are in inches."""
    width, tall = size
    axes = canvas.add_axes(figure, LEFT, top, canvas.WIDTH - LEFT - width * len(columns), tall * len(rows))
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.5, len(rows) - 0.5))
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    return axes


def _number(value: int) -> str:
    return text.count(value) if value < 10**7 else text.significant(value)


def _lines(square: Square, width: float) -> list[str]:
    """The text of a square under its markers, in lines that fit its width."""
    letters = max(4, int((width - 0.08) / LETTER))
    verdicts = {"tie": ["tie"], "lowest median": ["lowest median"], "only one": ["only one with a time"]}
    words = verdicts.get(square.verdict, [])
    if not square.best:
        words = ["no time:", *square.kinds[:MAX_NAMES]] if square.kinds else ["no time"]
    names = [canvas.short(c.backend) for c in square.best[:MAX_NAMES]]
    more = len(square.best) - len(names)
    # A single name may take two lines; the names of a tie take one each.
    names = names if len(names) == 1 else [text.clean(backend, letters) for backend in names]
    words = [*words, *names, *([f"+ {more} more"] if more else [])]
    interval = time_per_iteration(square.best[0]) if square.best else None
    words += [text.duration(interval.median)] if interval else []
    second = _next(square)
    if square.verdict == "fastest" and second is not None and (lead := paired_speedup(second, square.best[0])):
        words.append(f"next takes {text.significant(lead.median)}×")
    return [line for part in words for line in _broken(part, letters)]


def _broken(words: str, letters: int) -> list[str]:
    """Lines of at most `letters`, broken at spaces and underscores where possible; a number keeps its unit."""
    if len(words) <= letters:
        return [words]
    breaks = [at + 1 for at, letter in enumerate(words[:letters]) if letter in "_ "]
    if not breaks:
        return [text.clean(words, letters)]
    return [words[: breaks[-1]].rstrip(), *_broken(words[breaks[-1] :], letters)]


def _fill(
    axes: Axes, at: tuple[int, int], size: tuple[float, float], square: Square | None, lines: list[str], styles: Styles
) -> None:
    """A square with a marker for each winner and its text under them, tinted where a single backend has won."""
    (column, row), (width, tall) = at, size
    best = square.best if square else []
    won = square is not None and square.verdict == "fastest"
    face = styles[best[0].backend].color + "26" if won else "#ffffff" if best else "#f1f1f1"
    place = (column - 0.5, row - 0.5)
    axes.add_patch(Rectangle(place, 1, 1, facecolor=face, edgecolor=canvas.FRAME, linewidth=0.8, clip_on=False))
    apart = min(0.26 / width, 0.9 / max(1, len(best)))
    points = min(11, 0.8 * 72 * apart * width)
    for index, cell in enumerate(best):
        look, x = styles[cell.backend], column + (index - (len(best) - 1) / 2) * apart
        axes.plot([x], [row + 0.5 - 0.25 / tall], look.marker, color=look.color, markersize=points, label=cell.backend)
    ink = styles[best[0].backend].ink if len(best) == 1 else canvas.INK if best else canvas.FAINT
    first = MARKS if best else 0.5 * (tall - LINE * len(lines))
    for index, line in enumerate(lines):
        weight = "bold" if line == "tie" else "normal"
        y = row + 0.5 - (first + index * LINE) / tall
        axes.text(column, y, line, ha="center", va="top", fontsize=SIZE, color=ink, weight=weight)
