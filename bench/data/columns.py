"""Columns as numbers: expressions of polars for numbers, booleans, dates and categories."""

import re

import polars as pl

from bench.data.encoding import Feature

MISSING = (
    "", "na", "n/a", "#n/a", "<na>", "n.a.", "nan", "-nan", "null", "(null)", "none", "nil", "\\n", ".", "..", "?", "-",
    "--", "---", "*", "**", "***", "****", "*****", "#div/0!", "#value!", "#ref!", "#num!", "#null!", "#name?",
)  # fmt: skip
LEVELS_ONLY = ("none", "nil")  # among texts, these are levels
BOOLEANS = {"true": 1.0, "false": 0.0, "t": 1.0, "f": 0.0}
CURRENCY = r"(?:US\$|[$€£¥₹]|USD|EUR|GBP|CHF)"
MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y")  # of dates without a day
QUARTERS = r"^(\d{4})[-:/ ]?[Qq]([1-4])$"  # takes the place of a format
MICROSECONDS_PER_DAY = 86_400e6


def is_missing(text: pl.Expr, missing: tuple[str, ...], levels: bool = False) -> pl.Expr:
    """Whether a stripped text stands for a missing value. levels: the column holds categories."""
    marks = [mark for mark in MISSING if not (levels and mark in LEVELS_ONLY)]
    marks += [mark.strip().lower() for mark in missing]
    return text.is_null() | text.str.to_lowercase().is_in(marks)


def plain_number(text: pl.Expr) -> pl.Expr:
    """Finite numbers as Python writes them; null for another text."""
    value = text.cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def number(text: pl.Expr, decimal: str) -> pl.Expr:
    """Numbers with thousands marks, currency, percent sign, or parentheses for a minus; null for another text."""
    group = "[,'’ \u00a0\u202f]" if decimal == "." else "[.'’ \u00a0\u202f]"
    digits = rf"(?:[1-9]\d{{0,2}}(?:{group}\d{{3}})+|\d+)?(?:{re.escape(decimal)}\d*)?(?:[eE][-+]?\d+)?"
    amount = rf"{CURRENCY}?\s*[-+]?{digits}\s*(?:%|{CURRENCY})?"
    minus = text.str.replace_all("−", "-", literal=True)
    bare = minus.str.replace_all(rf"{group}|{CURRENCY}|[%()\s]", "")
    if decimal == ",":
        bare = bare.str.replace_all(",", ".", literal=True)
    value = plain_number(bare)
    value = pl.when(text.str.starts_with("(")).then(-value).otherwise(value)
    formatted = pl.when(minus.str.contains(rf"^(?:[-+]?\s*{amount}|\(\s*{amount}\s*\))$")).then(value)
    return pl.coalesce(plain_number(text), formatted) if decimal == "." else formatted


def days(text: pl.Expr, form: str) -> pl.Expr:
    """Days since 1970 of dates in a format of strptime, or of the first days of QUARTERS; null for another text."""
    if form == QUARTERS:
        year, quarter = (text.str.extract(QUARTERS, group).cast(pl.Int32) for group in (1, 2))
        return _days(pl.date(year, 3 * quarter - 2, 1).cast(pl.Datetime("us")))
    if form in MONTHS:
        text, form = text + "/1", form + "/%d"
    if ":" not in form:
        moment = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    elif "%z" in form:
        moment = text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
    else:
        moment = text.str.to_datetime(form, strict=False, time_unit="us")
    return _days(moment)


def _days(moment: pl.Expr) -> pl.Expr:
    return moment.dt.epoch("us").cast(pl.Float64) / MICROSECONDS_PER_DAY


def day_of(origin: str) -> float:
    """The day since 1970 of a date in ISO form."""
    from datetime import date

    return float((date.fromisoformat(origin) - date(1970, 1, 1)).days)


def encode_plain(names: list[str], missing: tuple[str, ...]) -> pl.Expr:
    """The numbers of columns of plain numbers: null for a missing value. One expression for all, for wide files."""
    return _without(plain_number(pl.col(names).str.strip_chars()), missing)


def encode(feature: Feature, dtype: pl.DataType, missing: tuple[str, ...]) -> pl.Expr:
    """The numbers of a column: null for a missing value and for a text that the feature has no number for.

    Categories become the index of their level. dtype: of the column in the file.
    """
    column = pl.col(feature.column)
    if dtype.is_temporal() and feature.kind == "date":
        value = _days(column.cast(pl.Datetime("us"))) - day_of(feature.origin)
    elif dtype.is_numeric() and feature.kind == "number":
        value = (column.cast(pl.Int128) - int(feature.origin) if feature.origin else column).cast(pl.Float64)
        value = pl.when(value.is_finite()).then(value)
    elif dtype == pl.Boolean and feature.kind == "boolean":
        value = column.cast(pl.Float64)
    else:
        value = _encode_text(feature, column.cast(pl.String).str.strip_chars(), missing)
    if feature.kind == "number" and not feature.origin:
        value = _without(value, missing)
    return value.alias(feature.column)


def _encode_text(feature: Feature, text: pl.Expr, missing: tuple[str, ...]) -> pl.Expr:
    if feature.kind == "categories":
        places = dict(zip(feature.levels, map(float, range(len(feature.levels))), strict=True))
        value = text.replace_strict(places, default=None, return_dtype=pl.Float64)
    elif feature.kind == "boolean":
        value = text.str.to_lowercase().replace_strict(BOOLEANS, default=None, return_dtype=pl.Float64)
    elif feature.kind == "date":
        value = days(text, feature.format) - day_of(feature.origin)
    elif feature.origin:
        value = (text.cast(pl.Int128, strict=False) - int(feature.origin)).cast(pl.Float64)
    else:
        other = "." if feature.decimal == "," else ","
        value = pl.coalesce(number(text, feature.decimal), number(text, other))
    return pl.when(~is_missing(text, missing, levels=feature.kind == "categories")).then(value)


def _without(value: pl.Expr, missing: tuple[str, ...]) -> pl.Expr:
    """Numbers without those that stand for a missing value, such as -999, also written as -999.0."""
    for mark in missing:
        if (code := _float(mark)) is not None:
            value = pl.when(value != code).then(value)
    return value


def _float(mark: str) -> float | None:
    try:
        return float(mark)
    except ValueError:
        return None
