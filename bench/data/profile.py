"""What the columns of a table hold."""

import math
import re
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from bench.data.columns import (
    BOOLEANS,
    CURRENCY,
    MONTHS,
    QUARTERS,
    days,
    encode,
    encode_plain,
    is_missing,
    number,
    plain_number,
)
from bench.data.encoding import Feature
from bench.data.source import Table

EXACT = 2.0**53  # float64 holds every integer up to this one
MAX_LEVELS = 50  # of a column that becomes 0/1 columns
EXAMPLES = 3
COMPACT, DATE_NAME = "%Y%m%d", re.compile("date|datum|day|time", re.IGNORECASE)
DATE_SAMPLE = 200
DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y",
    "%d/%m/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y",
    "%b-%d-%Y",
)  # fmt: skip
TIMES = (" %H:%M", " %H:%M:%S", " %H:%M:%S%.f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p")
ZONES = ("", "Z", "%z", " %z", " UTC")
FIRST_DAY, LAST_DAY = -354_285.0, 200_000.0  # since 1970, of a plausible date: the years 1000 to 2517
# Of numbers in files whose fields no comma parts.
DECIMAL_COMMA = r"^[-+]?(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+),\d+$"
COMMA_GROUPS = r"^[-+]?[1-9]\d{0,2}(?:,\d{3})+$"
DOTTED = r"^[-+]?\d[\d.]*\.\d+$"
DOT_GROUPS = r"^[-+]?[1-9]\d{0,2}(?:\.\d{3})+$"


@dataclass
class Profile:
    """What a column holds.

    feature: how it becomes numbers; None if it does not. n_missing: its rows without a value; marks: the texts that
    stand there. plain: its numbers have no marks but a decimal point. n_levels: its different texts, 0 if they are
    numbers. odd: the rows whose text is no number, if most rows hold a number; first_odd: the first of them; examples:
    some of their texts. notes: how it is read.
    """

    name: str
    feature: Feature | None = None
    n_missing: int = 0
    marks: tuple[str, ...] = ()
    plain: bool = False
    n_levels: int = 0
    odd: int = 0
    first_odd: int = 0
    examples: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        return self.n_levels > 0


def profiles(table: Table, missing: tuple[str, ...]) -> tuple[dict[str, Profile], int, list[str]]:
    """The profile of each column, the number of rows, and notes about all columns."""
    schema = table.frame.collect_schema()
    texts = [name for name in table.names if schema[name] == pl.String]
    n_rows = int(table.frame.select(pl.len()).collect(engine="streaming").item())
    plain = _plain_numbers(table, texts, n_rows, missing)
    decimal, notes = _decimal_mark(table, texts)
    by_name = {}
    for name in table.names:
        if decimal == "." and name in plain:
            dates = _compact_dates(table, name) if DATE_NAME.search(name) else None
            by_name[name] = dates or plain[name]
            continue
        series = table.frame.select(name).collect(engine="streaming").to_series()
        is_text = series.dtype == pl.String
        by_name[name] = _of_texts(name, series, decimal, missing) if is_text else _of_values(name, series, missing)
    return by_name, n_rows, notes


def _plain_numbers(table: Table, texts: list[str], n_rows: int, missing: tuple[str, ...]) -> dict[str, Profile]:
    """The profiles of the columns that hold numbers as Python writes them, and empty fields."""
    if not texts:
        return {}
    counts = [
        (plain_number(pl.col(texts).str.strip_chars()).abs() <= EXACT).sum().name.suffix(" plain"),
        pl.col(texts).null_count().name.suffix(" empty"),
    ]
    if missing:
        counts.append(encode_plain(texts, missing).count().name.suffix(" valid"))
    row = table.frame.select(counts).collect(engine="streaming").row(0)
    d = len(texts)
    plain, empty, valid = row[:d], row[d : 2 * d], row[-d:] if missing else row[:d]
    return {
        name: Profile(name, Feature(name, "number"), n_rows - n_valid, missing if n_valid < n_plain else (), plain=True)
        for name, n_plain, n_empty, n_valid in zip(texts, plain, empty, valid, strict=True)
        if n_plain + n_empty == n_rows and n_valid
    }


def _compact_dates(table: Table, name: str) -> Profile | None:
    """The profile of a column of dates such as 20240131; None if it holds other numbers."""
    text = pl.col(name).str.strip_chars()
    dates = days(text.filter(text.str.contains(r"^(?:1[89]|20)\d{6}$")), COMPACT)
    counts = table.frame.select(first=dates.min(), n_dates=dates.count(), n_missing=text.null_count(), rows=pl.len())
    first, n_dates, n_missing, n_rows = counts.collect(engine="streaming").row(0)
    if first is None or n_dates + n_missing < n_rows:
        return None
    note = f"check: {name!r} is read as dates, such as 20240131"
    return Profile(name, Feature(name, "date", format=COMPACT, origin=_origin(first)), n_missing, notes=(note,))


def _decimal_mark(table: Table, texts: list[str]) -> tuple[str, list[str]]:
    """The decimal mark of the columns of texts, and notes. Commas part the fields of most files."""
    if table.layout is None or table.layout.delimiter == ",":
        return ".", []
    mark, doubt = decimal_mark(table, texts)
    if doubt == ",":
        return mark, [
            "check: every comma is followed by exactly three digits in a file with ';' and read as a decimal mark"
        ]
    if doubt == ".":
        note = "check: in a file with ';', every dot is followed by exactly three digits and read as a thousands mark"
        return mark, [f"{note}: 1.250 is 1250"]
    return mark or ".", ["the decimal mark is a comma"] if mark == "," else []


def decimal_mark(table: Table, texts: list[str]) -> tuple[str, str]:
    """The decimal mark that the numbers of a text file show, or empty, and the sign whose meaning is in doubt."""
    if table.layout is None or not texts:
        return "", ""
    text = pl.col(texts).str.strip_chars()
    commas, comma_groups, dotted, dot_groups = (
        sum(table.frame.select(text.str.contains(pattern).sum()).collect(engine="streaming").row(0))
        for pattern in (DECIMAL_COMMA, COMMA_GROUPS, DOTTED, DOT_GROUPS)
    )
    semicolons = table.layout.delimiter == ";"
    if commas > comma_groups:
        return ",", ""
    if semicolons and commas:
        return ",", ","
    if dotted > dot_groups:
        return ".", ""
    return (",", ".") if semicolons and dotted else ("", "")


def _of_values(name: str, series: pl.Series, missing: tuple[str, ...]) -> Profile:
    """The profile of a column that is not text in its file."""
    dtype = series.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return _of_texts(name, series.cast(pl.String), ".", missing)
    feature, notes = None, list[str]()
    if series.null_count() == len(series):
        pass
    elif dtype == pl.Boolean:
        feature = Feature(name, "boolean")
    elif dtype in (pl.Date, pl.Datetime):
        first = series.cast(pl.Datetime("us")).dt.epoch("us").min()
        feature = Feature(name, "date", origin=_origin(float(first) / 86_400e6))  # type: ignore[arg-type]
    elif dtype.is_integer() and (largest := series.cast(pl.Int128).abs().max()) is not None and largest > EXACT:  # type: ignore[operator]
        feature, notes = _large(name, str(series.drop_nulls()[0]))
    elif dtype.is_numeric():
        feature = Feature(name, "number")
    else:
        return Profile(name, n_missing=series.null_count(), notes=(f"{name!r} holds {dtype}, which is left out",))
    n_missing = series.null_count()
    if feature is not None:
        n_missing = series.to_frame().select(encode(feature, dtype, missing)).to_series().null_count()
    return Profile(name, feature, n_missing, notes=tuple(notes))


def _of_texts(name: str, series: pl.Series, decimal: str, missing: tuple[str, ...]) -> Profile:
    """The profile of a column of texts. decimal: the decimal mark that is tried first."""
    text = pl.col("text")
    frame = pl.DataFrame({"text": series.str.strip_chars()}).with_columns(lost=is_missing(text, missing))
    present = frame.filter(~pl.col("lost"))["text"]
    marks = frame.filter(pl.col("lost") & (text != "")).get_column("text").unique().sort().to_list()
    profile = Profile(name, None, frame.height - len(present), tuple(marks))
    if not len(present):
        return profile
    other = "," if decimal == "." else "."
    for mark in (decimal, other):
        values = present.to_frame("text").select(number(text, mark)).to_series()
        if not values.null_count():
            profile.feature = Feature(name, "number", mark)
            notes = _formats(name, present)
            if mark != decimal:
                notes.append(f"the decimal mark of {name!r} is a {'comma' if mark == ',' else 'point'}")
            if (values.abs() > EXACT).any() and present.cast(pl.Int64, strict=False).null_count() == 0:
                profile.feature, notes = _large(name, present[0])
            profile.notes = tuple(notes)
            return profile
    if present.str.to_lowercase().is_in(list(BOOLEANS)).all():
        profile.feature = Feature(name, "boolean")
    elif (dates := _dates(name, present)) is not None:
        profile.feature, profile.notes = dates
    else:
        _describe_texts(profile, frame, number(text, decimal), missing)
    return profile


def _describe_texts(profile: Profile, frame: pl.DataFrame, value: pl.Expr, missing: tuple[str, ...]) -> None:
    """Complete the profile of a column of categories, free texts, or numbers with some texts among them."""
    text = pl.col("text")
    odd = frame.with_row_index("row").filter(~pl.col("lost") & value.is_null())
    words = frame.filter(~is_missing(text, missing, levels=True))["text"]
    levels = words.unique()
    n_numbers = frame.height - profile.n_missing - odd.height
    profile.n_missing, profile.n_levels = frame.height - len(words), len(levels)
    if len(levels) <= min(MAX_LEVELS, len(words) // 2):
        profile.feature = Feature(profile.name, "categories", levels=tuple(levels.sort().to_list()))
    if n_numbers >= odd.height:
        profile.odd, profile.first_odd = odd.height, int(odd["row"][0])
        profile.examples = tuple(odd["text"].unique(maintain_order=True).head(EXAMPLES).to_list())


def _formats(name: str, present: pl.Series) -> list[str]:
    """Notes about signs that are not part of a number."""
    notes = []
    if n_percent := int(present.str.contains("%", literal=True).sum()):
        where = "" if n_percent == len(present) else f" in {n_percent} of {len(present)} rows"
        notes.append(f"{name!r} is in percent{where}: 5% is read as 5")
    signs = present.str.extract(f"({CURRENCY})").drop_nulls().unique().sort().to_list()
    if len(signs) > 1:
        notes.append(f"check: {name!r} mixes currencies ({', '.join(signs)}), and its numbers are read as they are")
    if present.str.starts_with("(").any():
        notes.append(f"numbers of {name!r} in parentheses are negative")
    return notes


def _large(name: str, first: str) -> tuple[Feature, list[str]]:
    """The feature of integers beyond the digits of float64, and a note."""
    note = (
        f"{name!r} holds integers of {len(first.lstrip('+-'))} digits, so it is counted from its first value, {first}"
    )
    return Feature(name, "number", origin=first), [note]


def _dates(name: str, present: pl.Series) -> tuple[Feature, tuple[str, ...]] | None:
    """The feature of a column of dates, and notes; None if it holds other texts."""
    fitting = _date_formats(present)
    if not fitting:
        return None
    form, *others = fitting
    values = _days(present, form)
    notes: tuple[str, ...] = ()
    if any(not _days(present, other).equals(values) for other in others):
        order = "month" if form.find("%m") < form.find("%d") else "day"
        notes = (f"check: dates of {name!r} may have the day or the month first; they are read with the {order} first",)
    return Feature(name, "date", format=form, origin=_origin(float(values.min()))), notes  # type: ignore[arg-type]


def date_format(texts: pl.Series, missing: tuple[str, ...], first: str) -> str:
    """The format of all dates in a column: `first` if it fits; empty if it holds other texts."""
    frame = texts.str.strip_chars().to_frame("text")
    present = frame.filter(~is_missing(pl.col("text"), missing))["text"]
    return first if first and not _days(present, first).null_count() else next(iter(_date_formats(present)), "")


def form_name(form: str) -> str:
    """The format of dates in a message."""
    return "2024Q1" if form == QUARTERS else form


def _date_formats(present: pl.Series) -> list[str]:
    """The formats that fit all dates, first one in which they are sorted."""
    first = str(present[0]) if len(present) else ""
    if not any(map(str.isdigit, first)) or first.isdigit():
        return []
    times = [time + zone for time in TIMES for zone in ZONES] if ":" in first else [""]
    formats = [day + time for day in DAYS for time in times] + ([] if ":" in first else [*MONTHS, QUARTERS])
    for part in (present.head(1), present.head(DATE_SAMPLE), present):
        read = {form: _days(part, form) for form in formats}
        formats = [f for f, v in read.items() if not v.null_count() and v.is_between(FIRST_DAY, LAST_DAY).all()]
    return sorted(formats, key=lambda form: not read[form].is_sorted())


def _days(texts: pl.Series, form: str) -> pl.Series:
    return texts.to_frame("text").select(days(pl.col("text"), form)).to_series()


def _origin(first: float) -> str:
    """The day of a moment in days since 1970, in ISO form."""
    return str(date(1970, 1, 1) + timedelta(days=math.floor(first)))
