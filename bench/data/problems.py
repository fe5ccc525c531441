"""The regression problems: synthetic, built-in, and from CSV files."""

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

PENGUINS = Path(__file__).with_name("penguins.csv")
CORRELATION = 0.9
MISSING = {"", "na", "n/a", "nan", "null", "none", "."}


class ProblemError(ValueError):
    """A data set cannot be used."""


@dataclass(frozen=True)
class Problem:
    """A regression problem. X: (n_samples, n_features) float64. y: (n_samples,) float64.

    beta: (n_features,), the true coefficients; None for real data. mean, scale: of the feature columns before
    standardizing; None for synthetic data. A new row x becomes (x - mean) / scale with a 1 in front. notes: notes for
    the user, such as dropped rows.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    seed: int | None = None
    beta: np.ndarray | None = None
    columns: tuple[str, ...] = ()
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of X and y, 16 hexadecimal digits."""
        state = hashlib.blake2b(repr(self.X.shape).encode(), digest_size=8)
        state.update(np.ascontiguousarray(self.X).data)
        state.update(np.ascontiguousarray(self.y).data)
        return state.hexdigest()

    def features(self, rows: ArrayLike) -> np.ndarray:
        """New rows (n_new, n_features - 1) of a real problem, standardized like X, with the intercept column."""
        assert self.mean is not None and self.scale is not None
        rows = np.asarray(rows, dtype=np.float64)
        return np.column_stack([np.ones(len(rows)), (rows - self.mean) / self.scale])


def synthetic(n_samples: int, n_features: int, seed: int = 0) -> Problem:
    """Standardized features with pairwise correlation 0.9, and y = X beta + noise with known beta.

    With independent features, the learning rate 1/L reaches the solution almost at once, and a wrong step may pass.
    With correlation 0.9 the eigenvalues of H are near 2(1 - 0.9) and 2(1 + 0.9(d - 1)).
    """
    rng = np.random.default_rng([seed, n_samples, n_features])
    X = rng.standard_normal((n_samples, n_features))
    X *= math.sqrt(1 - CORRELATION)
    X += math.sqrt(CORRELATION) * rng.standard_normal((n_samples, 1))
    if n_samples > 1:  # a single row has no spread
        X -= X.mean(axis=0)
        X /= X.std(axis=0)
    beta = rng.uniform(0.5, 2, n_features) * rng.choice([-1, 1], n_features)
    y = X @ beta + 0.1 * rng.standard_normal(n_samples)
    return Problem("synthetic", X, y, seed=seed, beta=beta)


def penguins(
    features: tuple[str, ...] = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm"), name: str = "penguins"
) -> Problem:
    """Palmer penguins: body mass in grams from an intercept and standardized measures in millimeters."""
    names, rows = _read(PENGUINS)
    keep = [*features, "body_mass_g"]
    chosen = [(line, [row[names.index(column)] for column in keep]) for line, row in rows]
    return _standardized(name, keep, chosen, "body_mass_g")


def penguins_flipper() -> Problem:
    """Palmer penguins with one feature: body mass from flipper length."""
    return penguins(("flipper_length_mm",), "penguins_flipper")


def from_csv(path: Path, target: str) -> Problem:
    """The problem in a CSV file with a header line and numeric columns, one of which is the target.

    Features are standardized, and an intercept column is added in front. Rows with a missing value are dropped and
    counted in `notes`. Raises ProblemError if the file cannot be used.
    """
    names, rows = _read(path)
    if target not in names:
        raise ProblemError(f"--target: found {target!r}; allowed: a column of {path.name}: {', '.join(names)}")
    return _standardized(path.stem, names, rows, target)


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The column names, and the rows with their line numbers."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ProblemError(f"--data: found no file {str(path)!r}; allowed: a CSV file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"--data: {path.name} cannot be read: {error}; allowed: a CSV file in UTF-8") from None
    head = next(filter(str.strip, text.split("\n")), "")
    try:
        # The delimiter that gives the most columns in the header.
        delimiter = max(",;\t|", key=lambda candidate: len(next(csv.reader([head], delimiter=candidate), [])))
        # The csv module handles line ends inside quotes. splitlines would also split at form feeds and the like.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        lines = [(reader.line_num, [field.strip() for field in row]) for row in reader if row not in ([], [""])]
    except csv.Error as error:
        raise ProblemError(f"--data: {path.name} is not a CSV file: {error}") from None
    if not lines:
        raise ProblemError(f"--data: {path.name} is empty; allowed: a header line and at least two rows")
    (_, names), rows = lines[0], lines[1:]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ProblemError(f"--data: {path.name} has two columns named {twice!r}; allowed: different names")
    for line, row in rows:
        if len(row) != len(names):
            message = f"--data: {path.name}, line {line}: found {len(row)} fields"
            raise ProblemError(f"{message}; allowed: {len(names)}, as in the header")
    return names, rows


def _standardized(name: str, names: list[str], rows: list[tuple[int, list[str]]], target: str) -> Problem:
    values = []
    for line, row in rows:
        fields = [(field, column) for field, column in zip(row, names, strict=True) if field.lower() not in MISSING]
        numbers = [_number(field, column, line) for field, column in fields]
        if len(numbers) == len(names):
            values.append(numbers)
    notes = []
    if dropped := len(rows) - len(values):
        notes.append(f"{name}: dropped {dropped} of {len(rows)} rows with a missing value, kept {len(values)}")
    if len(values) < 2:
        raise ProblemError(f"--data: {name} has {len(values)} complete rows of {len(rows)}; allowed: at least 2")
    table = np.array(values)
    columns = tuple(column for column in names if column != target)
    if not columns:
        raise ProblemError(f"--data: {name} has no column besides the target {target!r}; allowed: at least one feature")
    features = table[:, [names.index(column) for column in columns]]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = features.mean(axis=0), features.std(axis=0)
        # Rounding in the mean may make the standard deviation of a constant column nonzero.
        constant = np.ptp(features, axis=0) == 0
    constant_columns = [column for column, flat in zip(columns, constant, strict=True) if flat]
    notes += [f"{name}: column {column!r} is constant and becomes a column of zeros" for column in constant_columns]
    mean, scale = np.where(constant, features[0], mean), np.where(constant, 1.0, scale)
    usable = np.isfinite(mean) & np.isfinite(scale) & (scale > 0)
    if not usable.all():
        bad = columns[int(np.argmin(usable))]
        raise ProblemError(f"--data: column {bad!r} holds numbers too large or too small to standardize; rescale it")
    X = np.column_stack([np.ones(len(table)), (features - mean) / scale])
    y = table[:, names.index(target)]
    return Problem(name, X, y, columns=("intercept", *columns), mean=mean, scale=scale, notes=tuple(notes))


def _number(field: str, column: str, line: int) -> float:
    try:
        if "_" in field:  # only Python reads 1_000 as a number
            raise ValueError
        number = float(field)
    except ValueError:
        raise ProblemError(
            f"--data: column {column!r}, line {line}: found the text {field[:60]!r}; allowed: numbers, or an empty"
            " field for a missing value (remove or encode text columns first)"
        ) from None
    if not math.isfinite(number):
        raise ProblemError(f"--data: column {column!r}, line {line}: found {field[:60]}; allowed: finite numbers")
    return number
