"""The arguments of `solve`: checked once for all backends, and converted to what `prepare` gets by contract."""

import math
import numbers
import operator
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends._curvature import Curvature


def data(X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """X and y as arrays of the same length and dtype."""
    X, y = array("X", X, 2), array("y", y, 1)
    if len(X) != len(y):
        raise ValueError(f"y: found {len(y)} values for {len(X)} rows of X; allowed: one value per row")
    if X.dtype != y.dtype:
        X, y = X.astype(np.float64), y.astype(np.float64)
    return X, y


def start(beta0: ArrayLike | str | None, seed: int, X: NDArray[Any]) -> NDArray[Any]:
    """The first beta, (n_features,), in the dtype of X."""
    if beta0 is None:
        return np.zeros(X.shape[1], X.dtype)
    if isinstance(beta0, str):
        if beta0 != "random":
            raise ValueError(f'beta0: found {shown(beta0)}; allowed: None, "random", or {X.shape[1]} numbers')
        if (seed := integer("seed", seed)) < 0:
            raise ValueError(f"seed: found {shown(seed)}; allowed: an integer >= 0")
        return np.asarray(0.01 * np.random.default_rng(seed).standard_normal(X.shape[1])).astype(X.dtype)
    with np.errstate(over="ignore"):
        beta = array("beta0", beta0, 1).astype(X.dtype)
    if len(beta) != X.shape[1]:
        raise ValueError(f"beta0: found {len(beta)} values; allowed: {X.shape[1]}, one per column of X")
    if not np.isfinite(beta).all():
        raise ValueError(f"beta0: found a value too large for {X.dtype}; allowed: finite numbers")
    return beta


def rule(learning_rate: float | None, max_iter: int, tol: float, curvature: Curvature) -> tuple[float, int, float]:
    """learning_rate, max_iter and tol as Python numbers."""
    if learning_rate is None:
        learning_rate = curvature.default_rate
    else:
        learning_rate = _number("learning_rate", learning_rate)
        if not (learning_rate > 0 and math.isfinite(learning_rate)):
            raise ValueError(f"learning_rate: found {learning_rate}; allowed: a finite number > 0, or None for 1/L")
    max_iter = integer("max_iter", max_iter)
    if not 0 <= max_iter < 2**31:
        raise ValueError(f"max_iter: found {shown(max_iter)}; allowed: an integer from 0 to {2**31 - 1}")
    tol = _number("tol", tol)
    if not tol >= 0:
        raise ValueError(f"tol: found {tol}; allowed: a number >= 0")
    return learning_rate, max_iter, tol


def array(name: str, value: Any, ndim: int) -> np.ndarray:
    """`value` as a nonempty, finite, C-contiguous, aligned float64 or float32 array of `ndim` dimensions.

    Objects that are real numbers are cast to float64, so a DataFrame may have columns of several dtypes.
    """
    try:
        columns = _columns(value)
        parts = [np.asarray(column) for column in ([value] if columns is None else columns)]
    except Exception as error:  # __array__ may raise anything, such as RuntimeError for a tensor with a gradient
        raise ValueError(f"{name}: found no array ({error}); allowed: {_SHAPES[ndim]}") from None
    result = _as_numbers(parts[0]) if columns is None else _joined(name, value, parts)
    if result.dtype.kind not in "fiub" or result.dtype.char == "g":
        text = " with text" if _kind(result) == "text" else ""
        raise TypeError(
            f"{name}: found dtype {result.dtype}{text}; allowed: float64 and float32"
            " (float16, integers, bools and objects that are real numbers are cast to float64)"
        )
    if result.ndim != ndim:
        raise ValueError(f"{name}: found {result.ndim} dimensions, shape {result.shape}; allowed: {_SHAPES[ndim]}")
    if result.size == 0:
        raise ValueError(
            f"{name}: found an empty array, shape {result.shape}; allowed: at least one row and one column"
        )
    if np.ma.is_masked(value):
        raise ValueError(f"{name}: found {np.ma.getmaskarray(value).sum()} masked values; allowed: finite numbers only")
    wanted = np.float32 if result.dtype.kind == "f" and result.dtype.itemsize == 4 else np.float64
    result = np.require(result, wanted, ["C_CONTIGUOUS", "ALIGNED"])
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        if columns is None:
            found, place = parts[0].item(*where), f"index {where}"
        else:
            row, j = where
            found, place = parts[j].item(row), f"row {row} of column {shown(value.columns[j])}"
        raise ValueError(f"{name}: found {shown(found)} at {place}; allowed: finite numbers only")
    return result


def column_names(value: Any) -> tuple[str, ...] | None:
    """The names of the columns of a DataFrame, or None for any other value."""
    return None if _columns(value) is None else tuple(map(str, value.columns))


def _columns(value: Any) -> list[Any] | None:
    """The columns of a DataFrame of pandas or polars, or None for any other value."""
    if not hasattr(value, "columns"):
        return None
    if hasattr(value, "iloc"):  # by position, because names may repeat
        return [value.iloc[:, j] for j in range(value.shape[1])]
    return list(value.get_columns()) if hasattr(value, "get_columns") else None


def _joined(name: str, frame: Any, parts: list[np.ndarray]) -> np.ndarray:
    """The columns of a DataFrame as one array. Raises TypeError with the names of the columns that hold no numbers."""
    cast = [_as_numbers(part) for part in parts]
    wrong = [
        f"{shown(frame.columns[j])} ({_kind(cast[j])})" for j in range(len(cast)) if cast[j].dtype.kind not in "fiub"
    ]
    if wrong:
        raise TypeError(
            f"{name}: found columns without numbers: {', '.join(wrong)};"
            " allowed: numbers and bools (encode or drop the others)"
        )
    return np.column_stack(cast) if cast else np.empty((len(frame), 0))


def _as_numbers(values: np.ndarray) -> np.ndarray:
    """An array of objects as float64, with nan for a missing value; unchanged if an object is no real number."""
    if values.dtype.kind != "O":
        return values
    try:
        return np.array([_real(value) for value in values.ravel().tolist()], np.float64).reshape(values.shape)
    except TypeError:
        return values


def _real(value: object) -> float:
    if value is None or type(value).__name__ == "NAType":  # pandas.NA
        return math.nan
    # In NumPy, timedelta64 is a kind of integer.
    if isinstance(value, np.timedelta64) or not isinstance(value, numbers.Real | np.bool_ | Decimal):
        raise TypeError
    return _float(value)


def _kind(values: np.ndarray) -> str:
    """What an array without numbers holds."""
    has_text = values.dtype.kind == "O" and any(isinstance(value, str) for value in values.flat)
    return "text" if has_text else str(values.dtype)


_SHAPES = {1: "1 dimension, such as (n_samples,)", 2: "2 dimensions, (n_samples, n_features)"}


def _number(name: str, value: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    # In NumPy, timedelta64 is a kind of integer.
    if isinstance(value, bool | np.bool_ | np.timedelta64) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: found {shown(value)} of type {type(value).__name__}; allowed: a real number")
    return _float(value)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer that is too large for a float
        return -math.inf if value < 0 else math.inf


def integer(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: found {shown(value)} of type {type(value).__name__}; allowed: an integer") from None


def shown(value: object) -> str:
    """A value in a message: one line of at most 80 characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a broken __repr__, or an integer with more digits than Python prints
        return "a value without a repr"
    return text if len(text) <= 80 else f"{text[:77]}..."
