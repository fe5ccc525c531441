"""The four core files side by side: their text with the steps of the formula marked, their length beside their time.

A step is marked where the file itself names it: a comment line of its own that begins with "# predict:", say. The
text is that of the files beside this package, whatever version of them the run has timed.
"""

import io
import re
import tokenize
from pathlib import Path
from typing import NamedTuple

from bench import text
from bench.analysis.speed import (
    CORE,
    group_cells,
    largest_comparable_problem,
    problem_key,
    problem_label,
    status_text,
    time_per_iteration,
)
from bench.records import Run
from bench.report.tables import Table, time_text
from bench.text import MISSING

FOLDER = Path(__file__).parents[2] / "backends"
STEPS = ("predict", "loss", "gradient", "update")
NAMED = re.compile(rf"\b({'|'.join(STEPS)}):")
MARK = re.compile(rf"#\s*{NAMED.pattern}")
NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
FIRST_ROW = 2  # of the grid; the name stands above it


class Chunk(NamedTuple):
    """Lines of a file. steps: those that they make, none for what lies between; row, span: in the grid, 0 for none."""

    steps: tuple[str, ...]
    code: str
    row: int
    span: int


class Dialect(NamedTuple):
    """problem: what could not be found, in a sentence. lines: of code; step_lines: those of them in steps."""

    name: str
    chunks: list[Chunk]
    problem: str | None = None
    lines: int | None = None
    step_lines: int | None = None


class _Statement(NamedTuple):
    """first, last: lines from 1 on; rows: those of its lines that are code, none in a docstring."""

    first: int
    last: int
    column: int
    rows: set[int]


def read(folder: Path = FOLDER) -> list[Dialect]:
    """The core files of a folder in reading order; one that is missing or broken is a Dialect that says so."""
    return [_read(name, folder / f"{name}.py") for name in CORE]


def effort(run: Run, files: list[Dialect]) -> Table:
    """A row per dialect: its lines, and its time at the headline problem of the first group, or why it has none."""
    first = next(iter(group_cells(run)), None)
    cells = first.ranked if first else []
    problem = largest_comparable_problem(cells)
    cell_of = {cell.backend: cell for cell in cells if problem_key(cell) == problem}
    rows = []
    for dialect in files:
        cell = cell_of.get(dialect.name)
        duration = time_text(cell) if cell and time_per_iteration(cell) else "no time"
        status = status_text(cell) if cell else "no cell of this run" if problem else "nothing in this run has a time"
        rows.append((dialect.name, _count(dialect.lines), _count(dialect.step_lines), duration, status))
    where = f" at {problem_label(problem)}, {first.title}" if problem and first else ""
    heads = ("dialect", "lines of code", "of them in the four steps", "time per iteration", "status")
    return Table(f"Effort and speed{where}", heads, rows)


def dialect_of(name: str, source: str) -> Dialect:
    """The dialect that a file's text is. Raises SyntaxError or tokenize.TokenError where that is no Python."""
    lines = source.split("\n")
    statements, marks = _parsed(source)
    stops = {row for row, line in enumerate(lines, 1) if not line.strip()} | {row for row, _, _ in marks}
    pieces = []
    for row, column, steps in marks:
        last = _last(row, column, statements, stops)
        if last > row:
            pieces.append((row, last, steps))
    named = [step for _, _, steps in pieces for step in steps]
    code = {row for statement in statements for row in statement.rows}
    inside = {row for first, last, _ in pieces for row in range(first, last + 1)}
    missing = [step for step in STEPS if step not in named]
    problem = f"{name}.py: no lines found for {text.listed(missing)}" if missing else None
    chunks = _chunks(lines, pieces, aligned=named == list(STEPS))
    return Dialect(name, chunks, problem, len(code), len(code & inside))


def _read(name: str, path: Path) -> Dialect:
    try:
        with tokenize.open(path) as file:
            return dialect_of(name, file.read())
    except FileNotFoundError:
        return Dialect(name, [], f"{name}.py: not found beside this package")
    except (OSError, SyntaxError, ValueError, tokenize.TokenError) as error:
        return Dialect(name, [], f"{name}.py: not readable as Python ({type(error).__name__})")


def _parsed(source: str) -> tuple[list[_Statement], list[tuple[int, int, tuple[str, ...]]]]:
    """The statements, and the comment lines that name steps: (line, column, steps)."""
    statements, marks = [], []
    current: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (row, column), words = token.start, token.string
        if token.type == tokenize.NEWLINE and current:
            docstring = all(part.type == tokenize.STRING for part in current)
            rows = {r for part in current for r in range(part.start[0], part.end[0] + 1)}
            first, last = current[0], current[-1]
            statements.append(_Statement(first.start[0], last.end[0], first.start[1], set() if docstring else rows))
            current = []
        elif token.type == tokenize.COMMENT and MARK.match(words) and not current:
            marks.append((row, column, tuple(NAMED.findall(words))))
        elif token.type not in (*NO_CODE, tokenize.NEWLINE):
            current.append(token)
    return statements, marks


def _last(row: int, column: int, statements: list[_Statement], stops: set[int]) -> int:
    """Where a step ends that is named at (row, column): before a blank line, the next name, or a line further left."""
    last = row
    for statement in statements:
        if statement.first > row:
            if statement.column < column or stops.intersection(range(last + 1, statement.first)):
                break
            last = statement.last
    return last


def _chunks(lines: list[str], pieces: list[tuple[int, int, tuple[str, ...]]], aligned: bool) -> list[Chunk]:
    """The whole text in order. aligned: with rows, in which a step of one file stands beside that of another."""
    chunks, position, row = [], 1, FIRST_ROW
    for first, last, steps in [*pieces, (len(lines) + 1, len(lines), ())]:
        chunks.append(Chunk((), "\n".join(lines[position - 1 : first - 1]).strip("\n"), row, 1))
        chunks.append(Chunk(steps, "\n".join(lines[first - 1 : last]), row + 1, 2 * len(steps) - 1))
        position, row = last + 1, row + 2 * len(steps)
    return [chunk if aligned else chunk._replace(row=0) for chunk in chunks if chunk.code.strip()]


def _count(lines: int | None) -> str:
    return MISSING if lines is None else text.count(lines)
