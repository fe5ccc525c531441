"""Open a file of a user as a table: unpack it, decode it, find its form, and scan it with polars."""

import bz2
import gzip
import json
import lzma
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from bench.data.errors import ProblemError
from bench.data.layout import Layout, layout_of, sample_of
from bench.data.ragged import records, rewrite

ALLOWED = "a table as CSV (also gz, bz2, xz or zip), JSON lines, Parquet or Excel"
PACKED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
OTHER_FORMATS = {
    b"\x28\xb5\x2f\xfd": "packed with Zstandard; unpack it first, with zstd -d",
    b"%PDF": "a PDF document; export the table as CSV",
    b"SQLite format 3": "an SQLite database; export a table as CSV",
    b"\x89HDF": "an HDF5 file; export the table as CSV or Parquet",
    b"RDX": "an R workspace; write the table with write.csv in R",
    b"$FL": "an SPSS file; export it as CSV",
    b"<stata_dta>": "a Stata file; export it as CSV",
    b"7z\xbc\xaf": "packed with 7-Zip; unpack it first",
    b"Rar!": "packed with RAR; unpack it first",
}
BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16",
}  # fmt: skip
CHUNK = 2**20


@dataclass(frozen=True)
class Table:
    """A file as a table. It can be used inside `open_table` only.

    name: the file name. frame: its columns are named `names`; those of a text file hold texts. unnamed: the names made
    for columns without one. layout: the form of a text file; None for other files. path: the file that is scanned.
    """

    name: str
    frame: pl.LazyFrame
    names: tuple[str, ...]
    unnamed: frozenset[str]
    layout: Layout | None
    path: Path
    notes: tuple[str, ...]

    def place(self, row: int) -> str:
        """Where a row is, counted from 0: "line 12" of a text file, else "row 11"."""
        if self.layout is not None:
            line = next(islice(records(self.path, self.layout), row, None), None)
            if line is not None:
                return f"line {line[0]}"
        return f"row {row + 1}"


@contextmanager
def open_table(path: Path, header: bool) -> Iterator[Table]:
    """Open a file. header: the first line holds the names of the columns. Raises ProblemError."""
    if path.is_dir():
        raise ProblemError(f"{str(path)!r}: found a folder; allowed: a file")
    try:
        with path.open("rb") as file:
            head = file.read(CHUNK)
        with TemporaryDirectory(prefix="gdbench-data-") as folder:
            link = Path(folder) / "table"  # its name is valid text, which polars requires
            link.symlink_to(path.resolve())
            yield _open(path.name, link, head, header, Path(folder))
    except FileNotFoundError:
        raise ProblemError(f"found no file {str(path)!r}; allowed: {ALLOWED}") from None
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ProblemError(f"{path.name} cannot be read: {reason}; allowed: {ALLOWED}") from None


def _open(name: str, path: Path, head: bytes, header: bool, folder: Path) -> Table:
    for magic, what in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise ProblemError(f"{name} is {what}; allowed: {ALLOWED}")
    if head.startswith(b"PAR1"):
        return _typed(name, path, pl.scan_parquet(path, glob=False))
    if head.startswith(b"\xd0\xcf\x11\xe0") or (head.startswith(b"PK") and _is_workbook(path)):
        return _workbook(name, path, header)
    unpacked, notes = _unpacked(name, path, head, folder)
    with unpacked.open("rb") as file:
        head = file.read(CHUNK)
    if head.lstrip()[:1] in (b"{", b"["):
        return _json(name, unpacked)
    text, more_notes = _decoded(name, unpacked, head, folder)
    return _text(name, text, header, folder, [*notes, *more_notes])


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return bool({"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & set(archive.namelist()))
    except Exception:  # a damaged file; unpacking says so
        return False


def _typed(name: str, path: Path, frame: pl.LazyFrame, notes: tuple[str, ...] = ()) -> Table:
    names = tuple(frame.collect_schema().names())
    if not names:
        raise ProblemError(f"{name} holds no column; allowed: a target and at least one feature")
    return Table(name, frame, names, frozenset(), None, path, notes)


def _json(name: str, path: Path) -> Table:
    """JSON lines, or a list of records. It becomes JSON lines, because pl.read_json guesses types from 100 records."""
    content = path.read_bytes()
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):  # one record per line, or not JSON
        document = None
    if isinstance(document, dict) and document and all(isinstance(part, dict | list) for part in document.values()):
        raise ProblemError(
            f"{name} is JSON by columns; allowed: one record per line, or a list of records, as pandas writes it with"
            " to_json(orient='records')"
        )
    if isinstance(document, list):
        content = "\n".join(map(json.dumps, document)).encode()
    try:
        frame = pl.read_ndjson(content, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ProblemError(
            f"{name} looks like JSON and cannot be read: {reason}; allowed: one record per line, or a list of records"
        ) from None
    return _typed(name, path, frame.lazy())


def _workbook(name: str, path: Path, header: bool) -> Table:
    """The first sheet of an Excel or OpenDocument file."""
    try:
        import fastexcel
    except ImportError:
        raise ProblemError(
            f"{name} is an Excel file, which needs fastexcel; install it with: pip install 'gdbench[excel]'"
        ) from None
    try:
        sheets = fastexcel.read_excel(path.read_bytes()).sheet_names
        frame = pl.read_excel(path.read_bytes(), sheet_id=1, has_header=header, infer_schema_length=None)
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ProblemError(f"{name} cannot be read: {reason}; allowed: a table in the first sheet") from None
    if not header:
        frame.columns = [str(number + 1) for number in range(frame.width)]
    others = f"; not read: {', '.join(sheets[1:])}" if len(sheets) > 1 else ""
    return _typed(name, path, frame.lazy(), (f"reads the sheet {sheets[0]!r}{others}",) if others else ())


def _unpacked(name: str, path: Path, head: bytes, folder: Path) -> tuple[Path, list[str]]:
    """The file, or its contents if it is packed, and notes."""
    target = folder / "unpacked"
    opened = next((opened for magic, opened in PACKED.items() if head.startswith(magic)), None)
    try:
        if head.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive, target.open("wb") as copy:
                member = _only_member(name, archive)
                with archive.open(member) as source:
                    shutil.copyfileobj(source, copy, CHUNK)
            return target, [f"reads {member} from the archive"]
        if opened is not None:
            with opened(path) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, CHUNK)
            return target, []
    except ProblemError:
        raise
    except Exception as error:  # the modules raise many types for a damaged file
        raise ProblemError(f"{name} cannot be unpacked: {error}; allowed: a complete file") from None
    return path, []


def _only_member(name: str, archive: zipfile.ZipFile) -> str:
    members = [info.filename for info in archive.infolist() if not info.is_dir() and "__MACOSX" not in info.filename]
    if len(members) != 1:
        listed = ", ".join(members[:10])
        raise ProblemError(f"{name} holds {len(members)} files ({listed}); allowed: an archive of one file")
    return members[0]


def _decoded(name: str, path: Path, head: bytes, folder: Path) -> tuple[Path, list[str]]:
    """The file, or a copy of it in UTF-8 with the usual line ends."""
    encoding = _encoding(path, head)
    text = head.decode(encoding, "replace")
    if not text.strip("\ufeff \t\r\n"):
        raise ProblemError(f"{name} is empty; allowed: a header line and at least two rows")
    if text.lstrip("\ufeff \t\r\n")[:9].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise ProblemError(f"{name} is a web page or XML and not a table; download the file itself; allowed: {ALLOWED}")
    odd = sum(character < " " and character not in "\t\r\n\f\v" for character in text[:65_536])
    if odd > len(text[:65_536]) // 50:
        raise ProblemError(f"{name} holds no text: found binary data; allowed: {ALLOWED}")
    old_line_ends = "\r" in text and "\n" not in text
    if encoding == "utf-8" and not old_line_ends:
        return path, []
    copy = folder / "decoded"
    newline = None if old_line_ends else ""
    with path.open(encoding=encoding, errors="replace", newline=newline) as source, copy.open("w", newline="") as out:
        shutil.copyfileobj(source, out, CHUNK)
    notes = ["is not UTF-8; read as Windows-1252 (cp1252)"] if encoding == "cp1252" else []
    return copy, notes


def _encoding(path: Path, head: bytes) -> str:
    """The encoding of a text: from its byte order mark, UTF-16 if every other byte is 0, UTF-8 if it is valid."""
    import codecs

    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    half = max(1, len(head) // 2)
    if head[1::2].count(0) > 0.4 * half:
        return "utf-16-le"
    if head[::2].count(0) > 0.4 * half:
        return "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _text(name: str, path: Path, header: bool, folder: Path, notes: list[str]) -> Table:
    """A text file. polars reads a plain one; any other is rewritten first."""
    layout = layout_of(name, sample_of(path), header)
    frame = _scanned(path, layout) if layout.plain else None
    if frame is None:
        copy = folder / "rewritten.csv"
        notes += rewrite(name, path, layout, copy)
        if copy.stat().st_size:
            frame = pl.scan_csv(copy, has_header=False, infer_schema=False, glob=False)
        else:
            frame = pl.LazyFrame(schema=dict.fromkeys(layout.names, pl.String))
    columns = frame.collect_schema().names()
    names = dict(zip(columns, layout.names, strict=True))
    return Table(name, frame.rename(names), layout.names, layout.unnamed, layout, path, (*layout.notes, *notes))


def _scanned(path: Path, layout: Layout) -> pl.LazyFrame | None:
    """The frame of a plain file; None if a row has too few or too many fields, or an unusual quote."""
    try:
        frame = pl.scan_csv(path, separator=layout.delimiter, has_header=layout.header, infer_schema=False, glob=False)
        columns = frame.collect_schema().names()
        if len(columns) != len(layout.names):
            return None
        # All columns, because a row with too many fields is an error only if all of them are read. A row with too few
        # fields, and an empty line, have no value in the last column.
        last = frame.select(pl.all().null_count()).collect(engine="streaming").row(0)[-1]
    except (pl.exceptions.PolarsError, OSError):
        return None
    return frame if last == 0 else None
