"""The four core files side by side: their text with the steps of the formula marked, and their length and time.

A comment line of its own that begins with "# predict:", for example, names a step. The text is that of the files
beside this package, whatever version of them the run has timed.
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
FIRST_ROW = 2  # of the grid; the name is above it


class Chunk(NamedTuple):
    """Lines of a file. steps: those that they make, none between steps; row, span: in the grid, row 0 for none."""

    steps: tuple[str, ...]
    code: str
    row: int
    span: int


class Dialect(NamedTuple):
    """A core file. problem: what is missing, in a sentence. lines, step_lines: lines of code, and those in steps."""

    name: str
    chunks: list[Chunk]
    problem: str | None = None
    lines: int | None = None
    step_lines: int | None = None


class _Statement(NamedTuple):
    """A statement without the block below it. rows: those of its lines that are code, none in a docstring."""

    first: int
    last: int
    column: int
    rows: set[int]


class _Step(NamedTuple):
    """Lines that make one or more steps. first: the line of the comment that names them; column: its column."""

    names: tuple[str, ...]
    first: int
    last: int
    column: int


def read(folder: Path = FOLDER) -> list[Dialect]:
    """The core files of a folder in reading order. A Dialect says what is wrong with a missing or broken file."""
    return [_read(name, folder / f"{name}.py") for name in CORE]


def _read(name: str, path: Path) -> Dialect:
    try:
        with tokenize.open(path) as file:
            return dialect_of(name, file.read())
    except FileNotFoundError:
        return Dialect(name, [], f"{name}.py: not found beside this package")
    except (OSError, SyntaxError, ValueError, tokenize.TokenError) as error:
        return Dialect(name, [], f"{name}.py: not readable as Python ({type(error).__name__})")


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
    """The dialect of a text. Raises SyntaxError or tokenize.TokenError where that is no Python."""
    lines = source.split("\n")
    statements, comments = _parsed(source)
    stops = {row for row, line in enumerate(lines, 1) if not line.strip()} | {comment.first for comment in comments}
    steps = [comment._replace(last=_last(comment, statements, stops)) for comment in comments]
    steps = [step for step in steps if step.last > step.first]
    named = [word for step in steps for word in step.names]
    code = {row for statement in statements for row in statement.rows}
    inside = {row for step in steps for row in range(step.first, step.last + 1)}
    missing = [word for word in STEPS if word not in named]
    problem = f"{name}.py: no lines found for {text.listed(missing)}" if missing else None
    chunks = _chunks(lines, steps, aligned=named == list(STEPS))
    return Dialect(name, chunks, problem, len(code), len(code & inside))


def _parsed(source: str) -> tuple[list[_Statement], list[_Step]]:
    """The statements, and the comment lines that name steps."""
    statements, comments = [], []
    current: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row, column = token.start
        if token.type == tokenize.NEWLINE and current:
            docstring = all(part.type == tokenize.STRING for part in current)
            rows = {r for part in current for r in range(part.start[0], part.end[0] + 1)}
            (first, left), (last, _) = current[0].start, current[-1].end
            statements.append(_Statement(first, last, left, set() if docstring else rows))
            current = []
        elif token.type == tokenize.COMMENT and MARK.match(token.string) and not current:
            comments.append(_Step(tuple(NAMED.findall(token.string)), row, row, column))
        elif token.type not in (*NO_CODE, tokenize.NEWLINE):
            current.append(token)
    return statements, comments


def _last(comment: _Step, statements: list[_Statement], stops: set[int]) -> int:
    """The last line of a step: it ends before a blank line, the next comment of a step, or a line further left."""
    last = comment.first
    for statement in statements:
        if statement.first > comment.first:
            if statement.column < comment.column or stops.intersection(range(last + 1, statement.first)):
                break
            last = statement.last
    return last


def _chunks(lines: list[str], steps: list[_Step], aligned: bool) -> list[Chunk]:
    """The text in order: the lines before each step, the step, and at the end the lines after the last step.

    aligned: with rows of the grid, so that the steps of all files are side by side. Each step has a row, and the lines
    before it have the row above. Lines that make two steps span the rows of both and the row between these.
    """
    chunks, done, row = [], 0, FIRST_ROW
    for step in steps:
        chunks.append(Chunk((), _text(lines[done : step.first - 1]), row, 1))
        chunks.append(Chunk(step.names, _text(lines[step.first - 1 : step.last]), row + 1, 2 * len(step.names) - 1))
        done, row = step.last, row + 2 * len(step.names)
    chunks.append(Chunk((), _text(lines[done:]), row, 1))
    return [chunk if aligned else chunk._replace(row=0) for chunk in chunks if chunk.code.strip()]


def _text(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")


def _count(lines: int | None) -> str:
    return MISSING if lines is None else text.count(lines)
