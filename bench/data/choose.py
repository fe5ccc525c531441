"""Which columns of a table are used, and the notes about the others."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from bench.data.columns import encode
from bench.data.encoding import Selection
from bench.data.errors import ProblemError
from bench.data.profile import MAX_LEVELS, Profile
from bench.data.source import Table
from bench.text import clean, listed, number_of

MAX_MISSING = 0.5  # the largest share of rows in which a feature may be missing
MAX_NAMES = 40  # in a list of names
# Names of columns that identify rows. Such a column is left out if its numbers count the rows or are all different.
ROW_IDS = re.compile(
    r"(?:.*[\s_.-])?(?:id|idx|uid|key|row|rownames?|rownum|serial)|(?-i:[A-Za-z]*[a-z](?:ID|Id))|identifier|index|no\.?|nr\.?|num"
    r"|number|obs|observation|case|record|s\.?no|unnamed:\s*\d+|\.\.\.1|#|№",
    re.IGNORECASE,
)
MAYBE_IDS = re.compile(r"[A-Z]+ID|[pu]id")  # names of columns that are kept, with a note
LEFT_OUT = {  # for one column and for several
    "text": (
        "leaves out the text column {}; --keep-text makes 0/1 columns of it",
        "leaves out the text columns {}; --keep-text makes 0/1 columns of them",
    ),
    "many texts": ("leaves out free texts and identifiers: {}",) * 2,
    "missing": ("leaves out {}",) * 2,
    "constant": (
        "leaves out {}, which holds the same text in all rows",
        "leaves out {}, which hold the same text in all rows",
    ),
    "without values": ("leaves out {}, without values",) * 2,
}


@dataclass(frozen=True)
class Choice:
    """The columns of a fit. notes: about the columns that are left out, and how the others are read."""

    target: Profile
    features: list[Profile]
    notes: list[str]


def some(words: Iterable[str]) -> str:
    """a, b and c; of a long list the first ones and the number of the others."""
    words = [clean(word, 60) for word in words]
    return listed(words if len(words) <= MAX_NAMES else [*words[:MAX_NAMES], f"{len(words) - MAX_NAMES} more"])


def choose(table: Table, profiles: dict[str, Profile], n_rows: int, selection: Selection) -> Choice:
    """Raises ProblemError if a column of the selection is missing or cannot be used, or if no feature is left."""
    _check_name(table, "--target", selection.target)
    wanted = _names(table, "--features", selection.features)
    dropped = _names(table, "--drop", selection.drop)
    if selection.target in wanted | dropped:
        raise ProblemError(
            f"--target: found {selection.target!r} also in --features or --drop; allowed: another column"
        )
    if not n_rows:
        raise ProblemError(f"{table.name} has 0 rows; allowed: at least 2")
    target = _target(table, profiles[selection.target])
    if wanted:
        features = [profiles[name] for name in table.names if name in wanted - dropped]
        for profile in features:
            _check_feature(profile, n_rows)
        reasons: list[str] = []
    else:
        others = [profiles[name] for name in table.names if name not in dropped | {selection.target}]
        features, reasons = _fitting(table, others, n_rows, selection.keep_text)
    if not features:
        why = f"; {'; '.join(reasons)}" if reasons else ""
        raise ProblemError(
            f"{table.name} has no feature besides the target {selection.target!r}{why}; allowed: at least one column,"
            " which --features can name"
        )
    read = [note for profile in (target, *features) for note in profile.notes]
    return Choice(target, features, [*reasons, *read])


def _names(table: Table, option: str, words: tuple[str, ...]) -> frozenset[str]:
    """The columns that an option names. A word that is no column is a list of columns with commas."""
    names: list[str] = []
    for word in words:
        names += [word] if word in table.names else [part.strip() for part in word.split(",")]
    for name in names:
        _check_name(table, option, name)
    return frozenset(names)


def _check_name(table: Table, option: str, name: str) -> None:
    if name not in table.names:
        near = difflib.get_close_matches(name, table.names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        found = f"found {name!r}" if name else "found no column"
        raise ProblemError(f"{option}: {found}; allowed: a column of {table.name}: {some(table.names)}{hint}")


def _target(table: Table, profile: Profile) -> Profile:
    name = profile.name
    if profile.odd:
        raise ProblemError(f"{table.name}, {table.place(profile.first_odd)}: {_odd(profile)}")
    if profile.is_text:
        raise ProblemError(
            f"{table.name}: the target {name!r} holds {profile.n_levels} different texts; allowed: a column of numbers"
        )
    if profile.feature is None:
        raise ProblemError(f"{table.name}: the target {name!r} holds no numbers; allowed: a column of numbers")
    return profile


def _odd(profile: Profile) -> str:
    """What is wrong with a column of numbers that holds some texts."""
    example = clean(profile.examples[0], 60)
    rows = number_of(profile.odd, "row")
    return (
        f"column {profile.name!r} holds numbers, and in {rows} a text: found {some(map(repr, profile.examples))}; if it"
        f" is a missing value, use --missing {example!r}"
    )


def _check_feature(profile: Profile, n_rows: int) -> None:
    """Raise ProblemError if a column that the user names cannot be a feature."""
    if profile.feature is None:
        contents = (
            f"{profile.n_levels} different texts in {n_rows} rows" if profile.is_text else "no values that can be used"
        )
        raise ProblemError(
            f"--features: {profile.name!r} holds {contents}; allowed: numbers, dates, or up to {MAX_LEVELS} different"
            " texts, each in two rows on average"
        )


def _fitting(table: Table, profiles: list[Profile], n_rows: int, keep_text: bool) -> tuple[list[Profile], list[str]]:
    """The columns that can be features, and why the others are left out."""
    features, notes = [], []
    left_out: dict[str, list[str]] = {reason: [] for reason in LEFT_OUT}
    odd: dict[str, list[Profile]] = {}
    for profile in profiles:
        name = profile.name
        unnamed = name in table.unnamed
        if profile.n_missing == n_rows:
            left_out["without values"] += [] if unnamed else [repr(name)]
        elif profile.n_missing > MAX_MISSING * n_rows:
            left_out["missing"].append(f"{name!r} (missing in {profile.n_missing} of {n_rows} rows)")
        elif identifier := _identifier(table, profile, unnamed):
            notes.append(f"leaves out {name!r}{', which has no name' if unnamed else ''}: {identifier}")
        elif profile.odd:
            odd.setdefault(profile.examples[0], []).append(profile)
        elif profile.n_levels == 1:
            left_out["constant"].append(repr(name))
        elif profile.is_text and not (keep_text and profile.feature):
            reason = "text" if profile.feature else "many texts"
            left_out[reason].append(f"{name!r} ({number_of(profile.n_levels, 'level')})")
        elif profile.feature is None:
            notes += profile.notes
        else:
            features.append(profile)
            values = _integers(table, profile) if MAYBE_IDS.fullmatch(name) else None
            if values is not None and values.n_unique() == n_rows:
                notes.append(
                    f"check: {name!r} may be an identifier, because each row has another integer; if it is, use"
                    f" --drop {name!r}"
                )
    notes += [LEFT_OUT[reason][len(names) > 1].format(some(names)) for reason, names in left_out.items() if names]
    return features, notes + [_odd_note(table, example, found) for example, found in odd.items()]


def _odd_note(table: Table, example: str, profiles: list[Profile]) -> str:
    names = some(f"{p.name!r} (in {number_of(p.odd, 'row')}, first in {table.place(p.first_odd)})" for p in profiles)
    return (
        f"check: leaves out numbers with texts among them, such as {clean(example, 60)!r}: {names}; if that is a"
        f" missing value, use --missing {clean(example, 60)!r}"
    )


def _identifier(table: Table, profile: Profile, unnamed: bool) -> str:
    """What a column holds that identifies rows; empty for another column."""
    if profile.is_text and unnamed:
        return "row names"
    if not unnamed and not ROW_IDS.fullmatch(profile.name):
        return ""
    values = _integers(table, profile)
    if values is None:
        return ""
    if values[0] in (0, 1) and (values.diff().drop_nulls() == 1).all():
        return "it counts the rows"
    if values.n_unique() < len(values) or (unnamed and profile.name != table.names[0]):
        return ""
    return "row names" if unnamed else "different integers, one for each row"


def _integers(table: Table, profile: Profile) -> pl.Series | None:
    """The values of a column; None if it holds other values than integers."""
    if profile.feature is None or profile.feature.kind != "number":
        return None
    column = encode(profile.feature, table.frame.collect_schema()[profile.name], ())
    values = table.frame.select(column).collect(engine="streaming").to_series().drop_nulls()
    return values if len(values) and (values == values.floor()).all() else None
