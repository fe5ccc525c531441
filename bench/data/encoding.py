"""What the user wants of a file, and what turns the file into numbers: documents that can be saved."""

from typing import Literal

import msgspec

Kind = Literal["number", "boolean", "date", "categories"]


class Selection(msgspec.Struct, frozen=True):
    """What the user wants of a file.

    target: the column to predict. features: the columns to use; empty for all that fit. drop: columns to leave out.
    missing: further texts for a missing value. keep_text: text columns with few levels become 0/1 columns.
    header: the first line holds the names of the columns; without it they are named "1", "2", ...
    """

    target: str
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    keep_text: bool = False
    header: bool = True


class Feature(msgspec.Struct, frozen=True):
    """How a column of a file becomes numbers.

    decimal: the decimal mark of numbers. levels: of categories; the first one has no column of its own. format: of
    dates, for strptime; empty if the file holds dates as such. origin: day 0 of dates in ISO form, or the integer
    that is subtracted from large integers.
    """

    column: str
    kind: Kind
    decimal: str = "."
    levels: tuple[str, ...] = ()
    format: str = ""
    origin: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns of X."""
        if self.kind == "categories":
            return tuple(f"{self.column}={level}" for level in self.levels[1:])
        return (self.column,)


class Encoding(msgspec.Struct, frozen=True):
    """How a file becomes X and y. missing: further texts for a missing value. header: the file has names of columns."""

    target: Feature
    features: tuple[Feature, ...]
    missing: tuple[str, ...] = ()
    header: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of X."""
        return tuple(name for feature in self.features for name in feature.columns)
