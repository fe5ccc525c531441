"""Text files that polars does not read as they are: every record is checked and written again."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.data.errors import ProblemError
from bench.data.layout import Layout, is_number, split


def records(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file with the numbers of their last lines."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from islice(split(file, layout.delimiter), layout.first_record, None)


def rewrite(name: str, path: Path, layout: Layout, target: Path) -> list[str]:
    """Write the rows as plain CSV. Returns notes. Raises ProblemError for a row with too many fields.

    A row with too few fields misses the last ones. Empty rows and lines of text at the end, such as the source of the
    table, are left out.
    """
    tail: list[tuple[int, list[str]]] = []  # empty rows and short rows of text: left out, unless a full row follows
    short: list[int] = []
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for line, fields in records(path, layout):
            if not any(fields) or (len(fields) < layout.width and not any(map(is_number, fields))):
                tail.append((line, fields))
                continue
            for number, row in (*tail, (line, fields)):
                if len(row) != layout.width:
                    _check(name, number, row, layout.width)
                if len(row) < layout.width:
                    short.append(number)
                writer.writerow([*row, *[""] * (layout.width - len(row))][: layout.width])
            tail.clear()
    notes = []
    if short:
        rows = "1 row has" if len(short) == 1 else f"{len(short)} rows have"
        notes.append(
            f"check: {rows} fewer than {layout.width} fields, first in line {short[0]}; the last ones are missing"
        )
    for line, fields in tail:
        _check(name, line, fields, layout.width)
    if texts := [(line, fields) for line, fields in tail if any(fields)]:
        line, fields = texts[0]
        notes.append(f"leaves out the text after the table, from line {line} on: {' '.join(fields)[:60]!r}")
    return notes


def _check(name: str, line: int, fields: list[str], width: int) -> None:
    """Raise ProblemError if a row has too many fields, or a quote that is not closed."""
    if len(fields) < width and any("\n" in field for field in fields):
        reason = "a text with a line break; a quote before it is not closed"
    elif any(fields[width:]):
        reason = f"{len(fields)} fields; allowed: {width}, and quotes around a text that contains a delimiter"
    else:
        return
    raise ProblemError(f"{name}, line {line}: found {reason}")
