"""Small problems on which a wrong backend cannot hide.

Sharp ones have not converged: their last step is at least 100 times the bound, so a missing step, a
wrong factor or a skipped row shows. The integer ones round nowhere, so every order of arithmetic gives
the same bits. tests/test_check.py proves both.
"""

from dataclasses import dataclass, replace

import numpy as np

from backends._solve import default_learning_rate
from bench import problem


@dataclass(frozen=True)
class Fixture:
    """Inputs as a backend gets them. X: (n_samples, n_features), y: (n_samples,), beta0: (n_features,)."""

    name: str
    X: np.ndarray
    y: np.ndarray
    beta0: np.ndarray
    learning_rate: float
    max_iter: int
    tol: float = 0.0

    def cast(self, dtype: str) -> "Fixture":
        return replace(self, X=self.X.astype(dtype), y=self.y.astype(dtype), beta0=self.beta0.astype(dtype))


def sharp(dtype: str) -> list[Fixture]:
    """Problems whose exact iterates are known and far from convergence."""
    if dtype == "float32":  # 2^-24 leaves room for few rows and few steps
        return [
            _synthetic("short", 16, 3, 3, dtype),
            _synthetic("wide", 4, 6, 2, dtype),
            _synthetic("one_column", 12, 1, 1, dtype),
        ]
    return [
        _synthetic("short", 16, 3, 3, dtype),
        _synthetic("tall", 48, 5, 20, dtype),
        _synthetic("wide", 6, 9, 10, dtype),
        _synthetic("one_row", 1, 3, 4, dtype),
        _synthetic("one_column", 13, 1, 5, dtype),
        _synthetic("odd", 37, 7, 50, dtype),
    ]


def integers(dtype: str) -> Fixture:
    """Small integers, and a step with 2 learning_rate / n a power of two: nothing is rounded."""
    rng = np.random.default_rng(8)
    X, y = rng.integers(-3, 4, (8, 3)), rng.integers(-9, 10, 8)
    beta0 = rng.integers(-2, 3, 3)
    steps = 3 if dtype == "float64" else 1  # each step needs more bits
    return Fixture("integers", X.astype(dtype), y.astype(dtype), beta0.astype(dtype), 4 * 2.0**-5, steps)


def shapes(dtype: str) -> list[Fixture]:
    """Sizes at which blocks and tiles end unevenly; judged with the float64 reference."""
    return [_synthetic(f"{n}x{d}", n, d, 5, dtype) for n, d in ((2000, 10), (1021, 3), (130, 33))]


def stopping(dtype: str) -> list[Fixture]:
    """The same descent stopped by tolerances that it reaches at once, later, and not at all."""
    base = _synthetic("stop", 32, 4, 40, dtype)
    return [replace(base, name=f"stop at tol {tol:g}", tol=tol) for tol in (0.5, 1e-2, 1e-4, 0.0)]


def diverging(dtype: str) -> list[Fixture]:
    """Steps so large that no rounding can move the k at which the loss overflows, and an overflow at the start."""
    base = _synthetic("diverging", 16, 3, 30, dtype)
    rate, huge = (1e28, 1e200) if dtype == "float64" else (1e10, 1e30)
    return [
        replace(base, learning_rate=rate),
        replace(base, name="diverged at the start", beta0=np.full(3, huge, base.X.dtype)),
    ]


def _synthetic(name: str, n: int, d: int, max_iter: int, dtype: str) -> Fixture:
    data = problem.synthetic(n, d, seed=3)
    beta0 = np.random.default_rng([n, d]).uniform(-1, 1, d)
    # Well under 1/L and a float32 number, so that no dtype has to round it.
    rate = float(np.float32(0.7 * default_learning_rate(data.X)))
    return Fixture(name, data.X, data.y, beta0, rate, max_iter).cast(dtype)
