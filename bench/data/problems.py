"""The regression problems: synthetic, built-in, and from files of the user."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from bench.data.encoding import Selection
from bench.data.errors import ProblemError as ProblemError

PENGUINS = Path(__file__).with_name("penguins.csv")
CORRELATION = 0.9


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
    """Palmer penguins: body mass in grams from an intercept and standardized measures in millimeters.

    NumPy reads them, because a backend is checked on them: polars would start a thread per processor beside it.
    """
    table = np.genfromtxt(PENGUINS, delimiter=",", names=True)
    rows = np.column_stack([table[column] for column in (*features, "body_mass_g")])
    complete = rows[np.isfinite(rows).all(axis=1)]
    note = f"{name}: dropped {len(rows) - len(complete)} of {len(rows)} rows with a missing value, kept {len(complete)}"
    return _standardized(PENGUINS, name, complete[:, :-1].copy(), complete[:, -1].copy(), features, [note])


def penguins_flipper() -> Problem:
    """Palmer penguins with one feature: body mass from flipper length."""
    return penguins(("flipper_length_mm",), "penguins_flipper")


def from_file(path: Path, selection: Selection) -> Problem:
    """The problem in a file of the user.

    Features are standardized, and an intercept column is added in front. Raises ProblemError if the file cannot be
    used.
    """
    from bench.data.dataset import load

    data = load(path, selection, keep_constant=True)
    notes = [f"{data.name}: {note}" for note in data.notes]
    return _standardized(path, data.name, data.X, data.y, data.columns, notes)


def _standardized(
    path: Path, name: str, features: np.ndarray, y: np.ndarray, columns: tuple[str, ...], notes: list[str]
) -> Problem:
    """The problem of the features of a file, (n, d), with an intercept column. Raises ProblemError."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = features.mean(axis=0), features.std(axis=0)
        # Rounding in the mean may make the standard deviation of a constant column nonzero.
        constant = np.ptp(features, axis=0) == 0
    constant_columns = [column for column, flat in zip(columns, constant, strict=True) if flat]
    notes = [
        *notes,
        *(f"{name}: column {column!r} is constant and becomes a column of zeros" for column in constant_columns),
    ]
    mean, scale = np.where(constant, features[0], mean), np.where(constant, 1.0, scale)
    usable = np.isfinite(mean) & np.isfinite(scale) & (scale > 0)
    if not usable.all():
        bad = columns[int(np.argmin(usable))]
        raise ProblemError(
            f"{path.name}: column {bad!r} holds numbers too large or too small to standardize; rescale it"
        )
    X = np.empty((len(y), len(columns) + 1))
    X[:, 0] = 1
    np.subtract(features, mean, out=X[:, 1:])
    X[:, 1:] /= scale
    return Problem(name, X, y, columns=("intercept", *columns), mean=mean, scale=scale, notes=tuple(notes))
