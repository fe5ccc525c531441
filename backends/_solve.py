"""`solve`, the Python API: validate the arguments, prepare, fit and convert with any backend."""

import math
import numbers
import operator
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends._registry import BackendError, load


@dataclass(frozen=True)
class Fit:
    """The result of `solve`.

    beta: (n_features,). losses: (n_iter + 1,), losses[k] = J(beta_k). n_iter: the number of updates.
    stop_reason: "converged", "max_iter" or "diverged". learning_rate: the one that was used.
    """

    beta: np.ndarray
    losses: np.ndarray
    n_iter: int
    stop_reason: str
    learning_rate: float
    backend: str

    def predict(self, X_new: ArrayLike) -> NDArray[Any]:
        """X_new beta, shape (n_new,). Raises ValueError or TypeError as `solve` does for X."""
        rows = _array("X_new", X_new, 2)
        if rows.shape[1] != len(self.beta):
            raise ValueError(f"X_new: found {rows.shape[1]} features; allowed: {len(self.beta)}, as in the fit")
        with np.errstate(over="ignore", invalid="ignore"):  # beta may be infinite after a diverging fit
            return np.asarray(rows @ self.beta)


def solve(
    X: ArrayLike,
    y: ArrayLike,
    backend: str | os.PathLike[str] = "numba_jit",
    learning_rate: float | None = None,
    max_iter: int = 1000,
    tol: float = 1e-9,
    beta0: ArrayLike | str | None = None,
    *,
    seed: int = 0,
    log_every: int | None = None,
) -> Fit:
    """Fit y ~ X beta by full-batch gradient descent with one of the backends.

    X: (n_samples, n_features), y: (n_samples,), finite real numbers. The arithmetic is float32 if both are float32,
    otherwise float64: integers, bools, float16 and mixed float types are cast. No intercept is added: include a column
    of ones in X.
    backend: a name, or the path of a backend file.
    learning_rate: > 0; None means 1/L, L = lambda_max((2/n) X^T X), or 1 if L = 0. Above 2/L the descent diverges.
    max_iter: the largest number of updates, >= 0. tol: >= 0; stop if |J_{k-1} - J_k| < tol * J_0.
    beta0: (n_features,), None for zeros, or "random" for small weights drawn with `seed`.
    log_every: print the loss at every multiple of this number of iterations.

    Raises TypeError or ValueError with the name of the argument for bad input, BackendUnavailable if the library of the
    backend is not installed, and BackendError if its file is broken.
    """
    X, y, beta, learning_rate, max_iter, tol = validate(X, y, learning_rate, max_iter, tol, beta0, seed)
    if log_every is not None and (log_every := _integer("log_every", log_every)) < 1:
        raise ValueError(f"log_every: found {_shown(log_every)}; allowed: an integer >= 1, or None")
    if not isinstance(backend, str) and not hasattr(backend, "__fspath__"):
        raise TypeError(f"backend: found {type(backend).__name__}; allowed: a name or the path of a .py file")
    module = load(os.fspath(backend))
    dtypes = getattr(module, "DTYPES", ("float64", "float32"))
    if X.dtype.name not in dtypes:
        raise ValueError(f"X: found dtype {X.dtype.name}; allowed with backend {backend}: {', '.join(dtypes)}")

    def run(beta: NDArray[Any], max_iter: int, tol: float) -> tuple[NDArray[Any], NDArray[Any]]:
        result = module.fit(*module.prepare(X, y, beta), learning_rate, max_iter, tol)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise BackendError(f"backend {backend}: fit returned {type(result).__name__}; allowed: (beta, losses)")
        beta, losses = result
        # Copies, because a wrong backend may reuse a buffer.
        return np.array(module.to_numpy(beta)), np.array(module.to_numpy(losses))

    beta, losses = run(beta, max_iter, tol) if log_every is None else _logged(run, beta, max_iter, tol, log_every)
    if losses.ndim != 1 or losses.size == 0:
        raise BackendError(
            f"backend {backend}: fit returned losses of shape {losses.shape}; a backend returns (n_iter + 1,)"
        )
    return Fit(beta, losses, len(losses) - 1, stop_reason(losses, max_iter, tol), learning_rate, str(backend))


def stop_reason(losses: np.ndarray, max_iter: int, tol: float) -> str:
    """Why a descent with these losses stopped: "diverged", "converged" or "max_iter"."""
    if not np.isfinite(losses[-1]):
        return "diverged"
    if len(losses) - 1 < max_iter or first_stop(losses, tol) is not None:
        return "converged"
    return "max_iter"


def first_stop(losses: np.ndarray, tol: float) -> int | None:
    """The first k at which the stop rule applies to these losses, without max_iter, or None."""
    with np.errstate(over="ignore", invalid="ignore"):
        small = np.abs(losses[:-1] - losses[1:]) < losses.dtype.type(tol) * losses[0]
    stops = np.flatnonzero(np.append(False, small) | ~np.isfinite(losses))
    return int(stops[0]) if len(stops) else None


def validate(
    X: ArrayLike,
    y: ArrayLike,
    learning_rate: float | None = None,
    max_iter: int = 1000,
    tol: float = 1e-9,
    beta0: ArrayLike | str | None = None,
    seed: int = 0,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], float, int, float]:
    """The arguments for a backend: the arrays that `prepare` gets by contract, and Python numbers.

    Raises TypeError or ValueError with the name of the argument, its value and what is allowed.
    """
    X, y = _array("X", X, 2), _array("y", y, 1)
    if len(X) != len(y):
        raise ValueError(f"y: found {len(y)} values for {len(X)} rows of X; allowed: one value per row")
    if X.dtype != y.dtype:
        X, y = X.astype(np.float64), y.astype(np.float64)

    if beta0 is None:
        beta = np.zeros(X.shape[1], X.dtype)
    elif isinstance(beta0, str):
        if beta0 != "random":
            raise ValueError(f'beta0: found {_shown(beta0)}; allowed: None, "random", or {X.shape[1]} numbers')
        if (seed := _integer("seed", seed)) < 0:
            raise ValueError(f"seed: found {_shown(seed)}; allowed: an integer >= 0")
        beta = np.asarray(0.01 * np.random.default_rng(seed).standard_normal(X.shape[1])).astype(X.dtype)
    else:
        with np.errstate(over="ignore"):
            beta = _array("beta0", beta0, 1).astype(X.dtype)
        if len(beta) != X.shape[1]:
            raise ValueError(f"beta0: found {len(beta)} values; allowed: {X.shape[1]}, one per column of X")
        if not np.isfinite(beta).all():
            raise ValueError(f"beta0: found a value too large for {X.dtype}; allowed: finite numbers")

    if learning_rate is None:
        learning_rate = default_learning_rate(X)
    else:
        learning_rate = _number("learning_rate", learning_rate)
        if not (learning_rate > 0 and math.isfinite(learning_rate)):
            raise ValueError(f"learning_rate: found {learning_rate}; allowed: a finite number > 0, or None for 1/L")
    max_iter = _integer("max_iter", max_iter)
    if not 0 <= max_iter < 2**31:
        raise ValueError(f"max_iter: found {_shown(max_iter)}; allowed: an integer from 0 to {2**31 - 1}")
    tol = _number("tol", tol)
    if not tol >= 0:
        raise ValueError(f"tol: found {tol}; allowed: a number >= 0")
    return X, y, beta, learning_rate, max_iter, tol


def default_learning_rate(X: np.ndarray) -> float:
    """1/L with L = lambda_max((2/n) X^T X), the Lipschitz constant of the gradient, or 1 if L = 0.

    With this rate the descent does not diverge (Nesterov, Lectures on Convex Optimization, section 2.1).
    X: (n_samples, n_features). Raises ValueError if 1/L is not a normal number in the dtype of X.
    """
    largest = float(np.abs(X).max())
    if largest == 0:
        return 1.0
    scaled = X.astype(np.float64) / largest  # squares of very large or small features may overflow or underflow
    gram = scaled @ scaled.T if len(X) < X.shape[1] else scaled.T @ scaled
    rate = len(X) / 2 / float(np.linalg.eigvalsh(gram)[-1]) / largest / largest
    limits = np.finfo(X.dtype)
    if not limits.tiny <= rate <= limits.max:
        raise ValueError(
            f"X: found values up to {largest:.3g}, for which 1/L is not a {X.dtype} number; allowed: scaled features"
        )
    return rate


def _logged(
    run: Callable[[NDArray[Any], int, float], tuple[NDArray[Any], NDArray[Any]]],
    beta: NDArray[Any],
    max_iter: int,
    tol: float,
    log_every: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Run chunks of `log_every` updates with tol = 0, and apply the stop rule to the joined losses."""
    losses, done = np.empty(0, beta.dtype), 0
    while True:
        after, chunk = run(beta, min(log_every, max_iter - done), 0.0)
        losses = np.concatenate([losses, chunk[1:] if done else chunk])
        stop = first_stop(losses, tol)
        if stop is not None and stop < len(losses) - 1:  # it stops inside the chunk: compute the beta of that k
            after, _ = run(beta, stop - done, 0.0)
            losses = losses[: stop + 1]
        beta, done = after, len(losses) - 1
        print(f"iteration {done:>8}  loss {losses[-1]:.6g}")
        if stop is not None or done == max_iter:
            return beta, losses


def _array(name: str, value: Any, ndim: int) -> np.ndarray:
    """`value` as a nonempty, finite, C-contiguous, aligned float64 or float32 array of `ndim` dimensions."""
    try:
        array = np.asarray(value)
    except Exception as error:  # __array__ may raise anything, such as RuntimeError for a tensor with a gradient
        raise ValueError(f"{name}: found no array ({error}); allowed: {_SHAPES[ndim]}") from None
    if array.dtype.kind not in "fiub" or array.dtype.char == "g":
        raise TypeError(
            f"{name}: found dtype {array.dtype}; allowed: float64 and float32"
            " (float16, integers and bools are cast to float64)"
        )
    if array.ndim != ndim:
        raise ValueError(f"{name}: found {array.ndim} dimensions, shape {array.shape}; allowed: {_SHAPES[ndim]}")
    if array.size == 0:
        raise ValueError(f"{name}: found an empty array, shape {array.shape}; allowed: at least one row and one column")
    if np.ma.is_masked(value):
        raise ValueError(f"{name}: found {np.ma.getmaskarray(value).sum()} masked values; allowed: finite numbers only")
    wanted = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize == 4 else np.float64
    array = np.require(array, wanted, ["C_CONTIGUOUS", "ALIGNED"])
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}: found {array[where]} at index {where}; allowed: finite numbers only")
    return array


_SHAPES = {1: "1 dimension, such as (n_samples,)", 2: "2 dimensions, (n_samples, n_features)"}


def _number(name: str, value: Any) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    # In NumPy, timedelta64 is a kind of integer.
    if isinstance(value, bool | np.bool_ | np.timedelta64) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: found {_shown(value)} of type {type(value).__name__}; allowed: a real number")
    try:
        return float(value)
    except OverflowError:  # an integer that is too large for a float
        return -math.inf if value < 0 else math.inf


def _integer(name: str, value: Any) -> int:
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: found {_shown(value)} of type {type(value).__name__}; allowed: an integer") from None


def _shown(value: object) -> str:
    """A value in a message: one line of at most 80 characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a broken __repr__, or an integer with more digits than Python prints
        return "a value without a repr"
    return text if len(text) <= 80 else f"{text[:77]}..."
