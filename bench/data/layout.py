"""The form of a text file: its delimiter, its header and where its rows start."""

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.data.errors import ProblemError

csv.field_size_limit(sys.maxsize if sys.maxsize < 2**31 else 2**31 - 1)  # the default refuses wide headers
DELIMITERS = "\t;|,"  # of equally good ones, the first: commas also stand in numbers and in texts
BLANKS = " "
SAMPLE_LINES, SAMPLE_CHARACTERS = 200, 2**26
NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(e[-+]?\d+)?%?", re.IGNORECASE)
RULE = re.compile(r"[-=_+*~]{5,}")  # a line under a header


@dataclass(frozen=True)
class Layout:
    """The form of a text file.

    delimiter: of fields; BLANKS stands for any run of blanks and tabs. names: different names of the columns. unnamed:
    those that were made for columns without a name. header: the file has a header line. first_record: the number of
    records before the rows. width: the number of fields of a row. plain: the header, or without one the first row, is
    the first line of the file.
    """

    delimiter: str
    names: tuple[str, ...]
    unnamed: frozenset[str]
    header: bool
    first_record: int
    width: int
    plain: bool
    notes: tuple[str, ...] = ()


def sample_of(path: Path) -> list[str]:
    """The first lines of a text file in UTF-8, with their line ends."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines, size = [], 0
        for line in islice(file, SAMPLE_LINES):
            lines.append(line)
            size += len(line)
            if size > SAMPLE_CHARACTERS:
                break
    return lines


def split(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records of some lines with the numbers of their last lines, without empty and drawn lines."""
    if delimiter == BLANKS:
        lines = (line.replace("\t", " ").strip() + "\n" for line in lines)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    for fields in reader:
        stripped = [field.strip() for field in fields]
        if stripped not in ([], [""]) and not (len(stripped) == 1 and RULE.fullmatch(stripped[0])):
            yield reader.line_num, stripped


def is_number(field: str) -> bool:
    return NUMBER.fullmatch(field) is not None


def layout_of(name: str, lines: list[str], header: bool) -> Layout:
    """The form of a file, from its first lines. Raises ProblemError."""
    directive = re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE)
    body = ["\n", *lines[1:]] if directive else lines  # a number of a line stays
    comments = [line for line in body if line.startswith("#")]
    delimiter = directive[1] if directive else _delimiter([line for line in body if not line.startswith("#")] or body)
    records = [(line, fields) for line, fields in split(body, delimiter)]
    if len(lines) == SAMPLE_LINES and len(records) > 1:
        records.pop()  # the sample may end inside of it
    if not records:
        raise ProblemError(f"{name} is empty; allowed: a header line and at least two rows")
    width = _width([fields for _, fields in records if not fields[0].startswith("#")] or [records[0][1]], header)
    start = _start(records, width, header)
    first_line, first = records[start]
    titles = [line for line, fields in records[:start] if not fields[0].startswith("#")]
    notes = [f"skips {_lines(titles)} above the table"] if titles else []
    plain = start == 0 and first_line == first[0].count("\n") + 1 and not directive and delimiter != BLANKS
    if any(f'{delimiter} "' in line for line in lines):  # polars takes such a quote for a part of the text
        plain = False
    if not header:
        names = [str(number + 1) for number in range(width)]
    elif all(is_number(field) for field in first):
        commented = next(split([comments[-1].lstrip("# ")], delimiter), (0, []))[1] if comments and start else []
        if len(commented) != width:
            raise ProblemError(
                f"{name}, line {first_line}: found only numbers ({', '.join(first)[:60]}) where the names of the"
                " columns stand; use --no-header, which names the columns 1, 2, ..."
            )
        names, header = commented, False
    else:
        names = first[:width]
        plain = plain and len(first) == width
        if numbers := list(filter(is_number, names)):
            quoted = " and ".join(map(repr, numbers[:2]))
            notes.append(f"check: line {first_line} names columns {quoted}; if it holds a row, use --no-header")
    if header and len(names) == width - 1:  # a row name without a header, or a delimiter at the end of each row
        plain = False
        rows = [fields for _, fields in records[start + 1 :] if len(fields) == width]
        if any(fields[-1] for fields in rows):
            names = ["", *names]
            notes.append("the header has one name less than the rows have fields: the first field is a row name")
        else:
            names = [*names, ""]
    unique, unnamed = _unique(names)
    repeated = sorted({n for n in names if n and names.count(n) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        notes.append(
            f"several columns are named {', '.join(map(repr, repeated))}; the second is {repeated[0] + '_2'!r}"
        )
    return Layout(delimiter, unique, unnamed, header, bool(directive) + start + header, width, plain, tuple(notes))


def _lines(numbers: list[int]) -> str:
    return f"line {numbers[0]}" if len(numbers) == 1 else f"lines {numbers[0]} to {numbers[-1]}"


def _delimiter(lines: list[str]) -> str:
    """The delimiter that gives most lines the same number of fields, at least 2; a comma if there is none."""
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS + BLANKS:
        counts = Counter(len(fields) for _, fields in split(lines, delimiter))
        width, lines_of_width = counts.most_common(1)[0] if counts else (1, 0)
        share = lines_of_width / max(1, counts.total())
        if width > 1 and share > best_share:
            best, best_share = delimiter, share
    return best


def _width(rows: list[list[str]], header: bool) -> int:
    """The number of fields of most rows, or of a header that is longer than all rows: rows may end early."""
    counts = Counter(len(fields) for fields in rows[1:] or rows)
    most = counts.most_common(1)[0][1]
    widths = {width for width, count in counts.items() if count == most}
    width = len(rows[0]) if len(rows[0]) in widths else max(widths)
    return len(rows[0]) if header and len(rows[0]) >= max(counts) and not any(map(is_number, rows[0])) else width


def _start(records: list[tuple[int, list[str]]], width: int, header: bool) -> int:
    """The index of the first record of the table, which is its header if it has one.

    The header may have one field less than the rows, or one empty field more.
    """
    for index, (_, fields) in enumerate(records):
        if fields[0].startswith("#") and index + 1 < len(records) and not (index == 0 and len(fields) == width):
            continue
        if not any(fields):
            continue
        if len(fields) == width or (header and len(fields) == width + 1 and not fields[-1] and all(fields[:-1])):
            return index
        following = [fields for _, fields in records[index + 1 : index + 3]]
        if len(fields) == width - 1 and following and len(following[0]) == width:
            titled = len(following) > 1 and not any(map(is_number, following[0])) and any(map(is_number, following[1]))
            if not titled:
                return index
    return 0


def _unique(names: list[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Different names, and which of them stand for an empty one."""
    taken, unique, unnamed = set(names), [], set()
    seen: set[str] = set()
    for number, name in enumerate(names):
        base = name or f"column {number + 1}"
        choice, suffix = base, 2
        while choice in seen or (choice != name and choice in taken):
            choice, suffix = f"{base}_{suffix}", suffix + 1
        seen.add(choice)
        unique.append(choice)
        if not name:
            unnamed.add(choice)
    return tuple(unique), frozenset(unnamed)
