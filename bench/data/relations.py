"""Notes about the numbers of a data set: codes for missing values, and columns that depend on each other."""

import re

import numpy as np

from bench.data.choose import some
from bench.data.encoding import Encoding
from bench.text import number_of

CODE = re.compile(r"-?9{2,}(\.9+)?")
MIN_ROWS = 10  # of a test for codes
MAX_COLUMNS = 500  # of a test for dependent columns, which takes time proportional to the third power
BLOCK = 2**16  # rows
# The variance of a dependent column that the others leave unexplained, and its largest residual, in its own unit.
UNEXPLAINED, RESIDUAL = 1e-8, 1e-9


def codes(name: str, values: np.ndarray) -> str | None:
    """A note about a number such as -999 that stands far from all others."""
    if len(values) < MIN_ROWS:
        return None
    for code, largest in (values.min(), False), (values.max(), True):
        if CODE.fullmatch(f"{code:.10g}") is None:
            continue
        others = values[values != code]
        if not len(others):
            continue
        low, high = others.min(), others.max()
        gap = code - high if largest else low - code
        if gap > high - low or (code < 0 <= low and gap > 0.5 * (high - low)):
            count = number_of(len(values) - len(others), "time")
            return (
                f"check: {name!r} holds {code:.10g} {count}, far from all other numbers ({low:.6g} to {high:.6g});"
                f" if it stands for a missing value, use --missing={code:.10g}"
            )
    return None


def moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, without a copy of X; infinite where they overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        constant = np.ptp(X, axis=0) == 0
        mean = np.where(constant, X[0], X.mean(axis=0))  # rounding may move the mean of a constant
        blocks = (X[start : start + BLOCK] - mean for start in range(0, len(X), BLOCK))
        scale = np.sqrt(sum(np.einsum("ij,ij->j", block, block) for block in blocks) / len(X))
        return mean, scale


def dependent(X: np.ndarray, encoding: Encoding, mean: np.ndarray, scale: np.ndarray) -> list[str]:
    """Notes about columns that are, up to a constant, sums of multiples of others. X: (n, d); mean, scale: moments."""
    columns = encoding.columns
    sources = [feature.column for feature in encoding.features for _ in feature.columns]
    n, d = X.shape
    if d >= n:
        return [f"{number_of(d, 'feature')} for {number_of(n, 'row')}: the coefficients are not unique"]
    if d > MAX_COLUMNS:
        return []
    constant = scale == 0
    scale = np.where(constant, 1, scale)
    gram = np.zeros((d, d))
    for start in range(0, n, BLOCK):
        block = (X[start : start + BLOCK] - mean) / scale
        gram += block.T @ block
    gram /= n
    gram[constant, constant] = 1  # no column depends on a constant one
    notes: list[str] = []
    kept: list[int] = []
    for j in range(d):
        # Sweeping (Goodnight 1979, The American Statistician 33) has left the unexplained variance of column j on the
        # diagonal, and its weights on the kept columns above.
        if gram[j, j] < UNEXPLAINED and _holds(X, np.array(kept), j, gram[np.array(kept), j], mean, scale):
            group = [columns[k] for k in kept if abs(gram[k, j]) > 1e-6]
            notes.append(
                f"{some([*group, columns[j]])} depend on each other, so their coefficients are not unique;"
                f" use --drop {sources[j]!r}"
            )
            continue
        pivot, column = max(gram[j, j], UNEXPLAINED), gram[:, j].copy()
        row = gram[j] / pivot
        gram -= np.outer(column, row)
        gram[j], gram[:, j], gram[j, j] = row, -column / pivot, 1 / pivot
        kept.append(j)
    return notes


def _holds(X: np.ndarray, kept: np.ndarray, j: int, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> bool:
    """Whether column j is the weighted sum of the kept columns in all rows."""
    for start in range(0, len(X), BLOCK):
        block = (X[start : start + BLOCK] - mean) / scale
        if np.abs(block[:, j] - block[:, kept] @ weights).max() > RESIDUAL * np.sqrt(len(X)):
            return False
    return True
