"""Small problems that expose wrong backends.

The unconverged problems end with a step of at least 100 times the bound, so a missing step, a wrong factor or a
skipped row exceeds it. The integer problem needs no rounding, so every order of arithmetic gives the same bits.
tests/test_check.py proves both properties.
"""

from dataclasses import dataclass, replace

import numpy as np

from backends._curvature import default_learning_rate
from bench.data import problems

SQUARE = (12, 12)  # the only size in `shapes` with as many rows as columns


@dataclass(frozen=True)
class Fixture:
    """The arguments of one fit. X: (n_samples, n_features), y: (n_samples,), beta0: (n_features,)."""

    name: str
    X: np.ndarray
    y: np.ndarray
    beta0: np.ndarray
    learning_rate: float
    max_iter: int
    tol: float = 0.0

    @property
    def inputs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, int]:
        """The arguments without the tolerance."""
        return self.X, self.y, self.beta0, self.learning_rate, self.max_iter

    @property
    def arguments(self) -> tuple[float, int, float]:
        """The arguments of `fit` after the arrays."""
        return self.learning_rate, self.max_iter, self.tol

    @property
    def dtype(self) -> str:
        return str(self.X.dtype)

    def copies(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Copies of X, y and beta0, because a wrong backend may write to its inputs."""
        return self.X.copy(), self.y.copy(), self.beta0.copy()

    def cast(self, dtype: str) -> "Fixture":
        return replace(self, X=self.X.astype(dtype), y=self.y.astype(dtype), beta0=self.beta0.astype(dtype))


def short_step(X: np.ndarray) -> float:
    """A learning rate well under 1/L. It is no float32 number, so that rounding it to float32 shows in float64."""
    return 0.7 * default_learning_rate(X)


def synthetic(name: str, n: int, d: int, max_iter: int, dtype: str) -> Fixture:
    """A well-conditioned problem with a nonzero start and a learning rate under 1/L."""
    data = problems.synthetic(n, d, seed=3)
    beta0 = np.random.default_rng([n, d]).uniform(-1, 1, d)
    return Fixture(name, data.X, data.y, beta0, short_step(data.X), max_iter).cast(dtype)


def unconverged(dtype: str) -> list[Fixture]:
    """Problems whose exact iterates are known and far from convergence."""
    sizes = {"short": (16, 3, 3), "tall": (48, 5, 20), "wide": (6, 9, 10), "one_row": (1, 3, 4)}
    sizes |= {"one_column": (13, 1, 5), "odd": (37, 7, 50)}
    if dtype == "float32":  # with u = 2^-24 the bound soon exceeds a hundredth of the last step
        sizes = {"short": (16, 3, 3), "wide": (4, 6, 2), "one_column": (12, 1, 1)}
    return [synthetic(name, n, d, max_iter, dtype) for name, (n, d, max_iter) in sizes.items()]


def integers(dtype: str) -> Fixture:
    """A problem of small integers in which 2 learning_rate / n is a power of two, so that no operation rounds."""
    rng = np.random.default_rng(8)
    X, y = rng.integers(-3, 4, (8, 3)), rng.integers(-9, 10, 8)
    beta0 = rng.integers(-2, 3, 3)
    steps = 3 if dtype == "float64" else 1  # each step needs more bits
    return Fixture("integers", X.astype(dtype), y.astype(dtype), beta0.astype(dtype), 4 * 2.0**-5, steps)


def shapes(dtype: str) -> list[Fixture]:
    """A square X, and sizes that no block divides: below and above the sizes at which code splits rows or switches.

    Large sizes have few updates, for the sake of Python loops. They come last: (n, 1) - (n,) is a common mistake, which
    must fail where its n x n matrix fits in memory.
    """
    sizes = {(1021, 3): 5, (130, 33): 5, SQUARE: 5, (300, 150): 5, (8209, 3): 1, (20_011, 9): 1, (70_001, 2): 1}
    return [synthetic(f"{n} x {d}", n, d, max_iter, dtype) for (n, d), max_iter in sizes.items()]


def hard(dtype: str) -> list[Fixture]:
    """Degenerate problems: columns that are equal, zero or of very different size, and a single number."""
    base = stopping(dtype)[0]
    X, cases = base.X.astype(np.float64), []
    columns = {
        "equal columns": X[:, [0, 1, 2, 0]],
        "a column of zeros": X * (1, 1, 1, 0),
        "columns of very different size": X * (1e-3, 1.0, 30.0, 1e3),
        "nothing but zeros": np.zeros_like(X),
        "one number": np.full((1, 1), 3.0),
    }
    for name, features in columns.items():
        y, beta0 = base.y[: len(features)].astype(np.float64), np.linspace(-0.5, 0.75, features.shape[1])
        cases.append(Fixture(name, features, y, beta0, short_step(features), base.max_iter).cast(dtype))
    return cases


def long(dtype: str) -> Fixture:
    """A problem with so many updates that an error which grows with them becomes visible."""
    return synthetic("long", 40, 4, 3000, dtype)


def gridded(dtype: str) -> Fixture:
    """Numbers with few bits: sums of them and products with small integers are exact in both dtypes."""
    rng = np.random.default_rng(5)
    X, y = rng.integers(-512, 513, (300, 6)) / 256, rng.integers(-512, 513, 300) / 256
    return Fixture("gridded", X, y, np.zeros(6), short_step(X), 12).cast(dtype)


def stopping(dtype: str) -> list[Fixture]:
    """One problem with tolerances that it meets at once, later, and never.

    `hard` and `diverging` have its size and number of updates, because some backends compile for each.
    """
    base = synthetic("stop", 32, 4, 40, dtype)
    return [replace(base, name=f"stop at tol {tol:g}", tol=tol) for tol in (2.0, 0.5, 1e-2, 1e-4, 0.0)]


def diverging(dtype: str) -> list[Fixture]:
    """Problems whose loss overflows at a k that does not depend on rounding: after some updates, and at the start."""
    base = replace(stopping(dtype)[-1], name="diverging")
    rate, huge = (1e28, 1e200) if dtype == "float64" else (1e10, 1e30)
    return [
        replace(base, learning_rate=rate),
        replace(base, name="diverged at the start", beta0=np.full(4, huge, base.X.dtype)),
    ]
