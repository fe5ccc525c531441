"""A table of the user as numbers: load for a fit, apply for new rows of the same form."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from bench.data.choose import Choice, choose, some
from bench.data.columns import encode, encode_plain, is_missing
from bench.data.encoding import Encoding as Encoding
from bench.data.encoding import Feature as Feature
from bench.data.encoding import Selection as Selection
from bench.data.errors import ProblemError
from bench.data.profile import Profile, date_format, decimal_mark, form_name, profiles
from bench.data.relations import codes, dependent, moments
from bench.data.source import Table, open_table
from bench.text import clean, number_of

GROUP_VALUES = 2**21  # values that are read at once


@dataclass(frozen=True)
class Dataset:
    """A table as numbers, in the units of the file.

    X: (n_samples, n_features) float64, in C order, without an intercept. y: (n_samples,) float64. notes: sentences for
    the user: columns used and left out, rows dropped, how columns are read.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    encoding: Encoding
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of X, such as km, or fuel=diesel for a level of a text column."""
        return self.encoding.columns

    @property
    def target(self) -> str:
        """The name of the column y."""
        return self.encoding.target.column


@dataclass(frozen=True)
class NewRows:
    """The rows of another file that can be predicted.

    X: (m, n_features) float64, with the columns of the Encoding. rows: (m,) integers, the rows of the file that X
    holds, counted from 0. n_rows: the number of all rows of the file. notes: sentences for the user.
    """

    X: np.ndarray
    rows: np.ndarray
    n_rows: int
    notes: tuple[str, ...] = ()


def load(path: Path, selection: Selection, keep_constant: bool = False) -> Dataset:
    """Read a file for a fit. Raises ProblemError if it cannot be used.

    keep_constant: also use features whose values are all equal.
    """
    with open_table(path, selection.header) as table:
        by_name, n_rows, notes = profiles(table, selection.missing)
        choice = choose(table, by_name, n_rows, selection)
        features = [profile.feature for profile in choice.features if profile.feature]
        plain = frozenset(profile.name for profile in by_name.values() if profile.plain)
        target = choice.target.feature
        assert target is not None
        columns = _numbers(table, [target, *features], n_rows, selection.missing, plain)
        y, X = next(columns), _side_by_side(columns, n_rows, len(features))
    kept = np.isfinite(y) & np.isfinite(X).all(axis=1)
    dropped = _dropped(path.name, choice, kept)
    if dropped:
        X, y = X[kept], y[kept]
    X, features = _used_levels(X, features)
    X, more_notes = _level_columns(X, features), list[str]()
    if not keep_constant:
        X, features, more_notes = _without_constants(path.name, X, features)
    encoding = Encoding(target, tuple(features), selection.missing, selection.header)
    mean, scale = moments(X)
    for column, spread in zip(encoding.columns, scale, strict=True):
        if not np.isfinite(spread):
            raise ProblemError(f"{path.name}: column {column!r} holds numbers too large to standardize; rescale it")
    used = f"uses {number_of(len(y), 'row')}; {_summary(encoding)}"
    suspects = [codes(name, values) for name, values in zip((target.column, *encoding.columns), (y, *X.T), strict=True)]
    all_notes = [*table.notes, *notes, used, *choice.notes, *more_notes, *dropped, *filter(None, suspects)]
    return Dataset(path.stem, X, y, encoding, (*all_notes, *dependent(X, encoding, mean, scale)))


def apply(encoding: Encoding, path: Path) -> NewRows:
    """Read the rows of another file for a prediction. It needs no target. Raises ProblemError if it cannot be used."""
    with open_table(path, encoding.header) as table:
        names = [feature.column for feature in encoding.features]
        if absent := [name for name in names if name not in table.names]:
            raise ProblemError(
                f"{path.name} has no column {some(map(repr, absent))}, which the model needs; found:"
                f" {some(map(repr, table.names))}"
            )
        features, date_notes = _readable(table, encoding)
        n_rows = int(table.frame.select(pl.len()).collect(engine="streaming").item())
        columns = _numbers(table, features, n_rows, encoding.missing, frozenset())
        numbers = _side_by_side(columns, n_rows, len(features))
        notes = [*table.notes, *date_notes]
        if extra := [name for name in table.names if name not in (*names, encoding.target.column)]:
            notes.append(f"the model does not use {some(map(repr, extra))}")
        gaps = np.isnan(numbers)
        for position in np.flatnonzero(gaps.any(axis=0)):
            notes += _unread(table, features[position], np.flatnonzero(gaps[:, position]), encoding.missing)
    rows = np.flatnonzero(~gaps.any(axis=1))
    if len(rows) < n_rows:
        notes.append(f"no prediction for {n_rows - len(rows)} of {number_of(n_rows, 'row')}")
    return NewRows(_level_columns(numbers[rows], features), rows, n_rows, tuple(notes))


def _readable(table: Table, encoding: Encoding) -> tuple[list[Feature], list[str]]:
    """The features with the decimal mark and the format of dates of this file, and notes about dates."""
    schema = table.frame.collect_schema()
    texts = [f.column for f in encoding.features if f.kind == "number" and schema[f.column] == pl.String]
    mark, _ = decimal_mark(table, texts)
    changed, notes = [], list[str]()
    for feature in encoding.features:
        if mark and feature.column in texts:
            feature = msgspec.structs.replace(feature, decimal=mark)
        if feature.kind == "date" and schema[feature.column] == pl.String:
            series = table.frame.select(feature.column).collect(engine="streaming").to_series()
            form = date_format(series, encoding.missing, feature.format)
            if form and feature.format not in ("", form):
                forms = f"{form_name(form)}, and those of the model in the form {form_name(feature.format)}"
                notes.append(f"check: dates of {feature.column!r} are read in the form {forms}")
            feature = msgspec.structs.replace(feature, format=form or feature.format)
        changed.append(feature)
    return changed, notes


def _unread(table: Table, feature: Feature, rows: np.ndarray, missing: tuple[str, ...]) -> list[str]:
    """Notes about rows in which a column is missing, or holds what the model cannot use."""
    text = table.frame.select(pl.col(feature.column).cast(pl.String).str.strip_chars()).collect().to_series()[rows]
    lost = text.to_frame().select(is_missing(pl.col(feature.column), missing, feature.kind == "categories")).to_series()
    other = text.filter(~lost)
    notes = []
    if len(other):
        what = "an unknown level" if feature.kind == "categories" else f"a text that is no {feature.kind}"
        if feature.kind == "date" and feature.format:
            what = f"a text that is not in the form of the model ({form_name(feature.format)})"
        place = table.place(int(rows[int((~lost).arg_true()[0])]))
        notes.append(
            f"{feature.column!r} holds {what} in {number_of(len(other), 'row')}, such as {clean(other[0], 60)!r}"
            f" ({place})"
        )
    if n_lost := len(text) - len(other):
        notes.append(f"{feature.column!r} is missing in {number_of(n_lost, 'row')}")
    return notes


def _numbers(
    table: Table, features: list[Feature], n_rows: int, missing: tuple[str, ...], plain: frozenset[str]
) -> Iterator[np.ndarray]:
    """The numbers of columns one after another, (n,) float64 each: NaN for a missing value. plain: as in Profile."""
    schema = table.frame.collect_schema()
    step = max(1, GROUP_VALUES // max(1, n_rows))
    for start in range(0, len(features), step):
        group = features[start : start + step]
        columns = [encode(f, schema[f.column], missing) for f in group if f.column not in plain]
        if names := [f.column for f in group if f.column in plain]:
            columns.append(encode_plain(names, missing))
        frame = table.frame.select(columns).collect(engine="streaming")
        yield from (frame[feature.column].to_numpy() for feature in group)


def _side_by_side(columns: Iterator[np.ndarray], n: int, d: int) -> np.ndarray:
    """The columns as an array, (n, d), in C order. They are never in memory together."""
    numbers = np.empty((n, d))
    for position, column in enumerate(columns):
        numbers[:, position] = column
    return numbers


def _dropped(name: str, choice: Choice, kept: np.ndarray) -> list[str]:
    """Notes about rows with a missing value. Raises ProblemError if fewer than two rows are left."""
    n_rows, n_kept = len(kept), int(kept.sum())
    gaps = sorted((p for p in (choice.target, *choice.features) if p.n_missing), key=lambda p: -p.n_missing)
    where = some(f"{p.name!r} in {p.n_missing}{_marks(p)}" for p in gaps)
    if n_kept < 2:
        missing = f" (missing: {where})" if gaps else ""
        raise ProblemError(f"{name} has {number_of(n_kept, 'complete row')} of {n_rows}{missing}; allowed: at least 2")
    if n_kept == n_rows:
        return []
    notes = [f"dropped {n_rows - n_kept} of {n_rows} rows with a missing value, kept {n_kept}; missing: {where}"]
    if n_kept < n_rows / 2 and len(choice.features) > 1 and gaps[0] is not choice.target:
        notes.append(f"check: most rows are dropped; leave columns out with --drop, such as --drop {gaps[0].name!r}")
    return notes


def _marks(profile: Profile) -> str:
    return f" ({', '.join(profile.marks)})" if profile.marks else ""


def _used_levels(X: np.ndarray, features: list[Feature]) -> tuple[np.ndarray, list[Feature]]:
    """X and the features without the levels of categories that no row holds."""
    used = []
    for position, feature in enumerate(features):
        if feature.kind == "categories":
            present, X[:, position] = np.unique(X[:, position], return_inverse=True)
            feature = msgspec.structs.replace(feature, levels=tuple(feature.levels[int(k)] for k in present))
        used.append(feature)
    return X, used


def _level_columns(X: np.ndarray, features: list[Feature]) -> np.ndarray:
    """X with a 0/1 column for each level of categories but the first, instead of the index of the level."""
    if all(feature.kind != "categories" for feature in features):
        return X
    columns: list[np.ndarray] = []
    for feature, values in zip(features, X.T, strict=True):
        levels = range(1, len(feature.levels))
        columns += [values == level for level in levels] if feature.kind == "categories" else [values]
    return np.column_stack([np.empty((len(X), 0)), *columns])


def _without_constants(
    name: str, X: np.ndarray, features: list[Feature]
) -> tuple[np.ndarray, list[Feature], list[str]]:
    """X without the features whose values are all equal, and a note about them."""
    offsets = np.cumsum([0, *(len(feature.columns) for feature in features)])
    varying: list[int] = []
    kept, constant = [], []
    for feature, start, end in zip(features, offsets[:-1], offsets[1:], strict=True):
        if any(np.ptp(X[:, column]) > 0 for column in range(start, end)):
            varying += range(start, end)
            kept.append(feature)
        else:
            constant.append(feature.column)
    if not constant:
        return X, kept, []
    if not kept:
        which = f"feature {constant[0]!r} is" if len(constant) == 1 else f"features {some(map(repr, constant))} are"
        raise ProblemError(f"{name}: the {which} constant; allowed: one that varies")
    return (
        np.ascontiguousarray(X[:, np.array(varying)]),
        kept,
        [f"leaves out {some(map(repr, constant))}, which {'is' if len(constant) == 1 else 'are'} constant"],
    )


def _summary(encoding: Encoding) -> str:
    """The target and the features with their kinds."""
    numbers = [feature.column for feature in encoding.features if feature.kind == "number"]
    parts = [f"target {encoding.target.column!r}{_unit(encoding.target)}"]
    if numbers:
        parts.append(f"{'feature' if len(numbers) == 1 else 'features'} {some(map(repr, numbers))}")
    parts += [f"{feature.column!r}{_unit(feature)}" for feature in encoding.features if feature.kind != "number"]
    return "; ".join(parts)


def _unit(feature: Feature) -> str:
    """What the numbers of a column mean."""
    if feature.kind == "boolean":
        return ", with 1 for true"
    if feature.kind == "date":
        return f", in days since {feature.origin}"
    if feature.kind == "categories":
        first, *others = feature.levels
        return f" as 0/1 columns for {some(others)}, all 0 for {clean(first, 60)}"
    return ""
