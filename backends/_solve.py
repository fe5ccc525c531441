"""`solve`, the Python API: validate the arguments, prepare, fit and convert with any backend."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends._advice import advice
from backends._arguments import array, column_names, data, integer, rule, shown, start
from backends._curvature import Curvature, nearness
from backends._registry import BackendError, load
from backends._scaling import Scaling

# Updates from a beta with max_iter and tol: (beta, losses).
Run = Callable[[NDArray[Any], int, float], tuple[NDArray[Any], NDArray[Any]]]


class ConvergenceWarning(UserWarning):
    """A descent that did not end near the minimum: how far away, why, and what to do."""


@dataclass(frozen=True)
class Fit:
    """The result of `solve`.

    beta: (n_features,). losses: (n_iter + 1,), losses[k] = J(beta_k). n_iter: the number of updates.
    stop_reason: "converged", "max_iter" or "diverged"; "converged" says that the loss hardly changed, near_minimum that
    the coefficients are right to 1 % (`backends._curvature.nearness` has the definition).
    learning_rate: the one that was used. condition: the condition number of X. rank: the number of columns that do not
    depend on others. gradient_norm: the length of the gradient at the end. iterations_left: the predicted number of
    further updates until the minimum is near, 0 if it is, infinity if it never will be. advice: what to do, or "".
    columns: the names of the columns if X was a DataFrame, otherwise None.

    With standardize=True, learning_rate, condition and gradient_norm are those of the standardized columns.
    """

    beta: np.ndarray
    losses: np.ndarray
    n_iter: int
    stop_reason: str
    learning_rate: float
    backend: str
    condition: float
    rank: int
    gradient_norm: float
    near_minimum: bool
    iterations_left: float
    advice: str
    columns: tuple[str, ...] | None = None

    def predict(self, X_new: ArrayLike) -> NDArray[Any]:
        """X_new beta, shape (n_new,). Raises ValueError or TypeError as `solve` does for X.

        Two DataFrames, X and X_new, have the same columns in the same order.
        """
        names = column_names(X_new)
        if self.columns and names and names != self.columns:
            raise ValueError(
                f"X_new: found the columns {shown(list(names))}; allowed: {shown(list(self.columns))}, as in the fit"
            )
        rows = array("X_new", X_new, 2)
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
    standardize: bool = False,
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
    standardize: descend on columns of mean 0 and standard deviation 1, which takes fewer updates; beta0 and the result
    are in the units of X. Without a constant column in X, the columns are scaled, but not centered.
    log_every: print the loss at every multiple of this number of iterations.

    Raises TypeError or ValueError with the name of the argument for bad input, BackendUnavailable if the library of the
    backend is not installed, and BackendError if its file is broken. Emits a ConvergenceWarning with advice if the
    descent did not end near the minimum.
    """
    fit = descend(
        X, y, backend, learning_rate, max_iter, tol, beta0, standardize=standardize, seed=seed, log_every=log_every
    )
    if fit.advice:
        warnings.warn(fit.advice, ConvergenceWarning, stacklevel=2)
    return fit


def descend(
    X: ArrayLike,
    y: ArrayLike,
    backend: str | os.PathLike[str] = "numba_jit",
    learning_rate: float | None = None,
    max_iter: int = 1000,
    tol: float = 1e-9,
    beta0: ArrayLike | str | None = None,
    *,
    standardize: bool = False,
    seed: int = 0,
    log_every: int | None = None,
) -> Fit:
    """`solve` without the warning."""
    columns = column_names(X)
    X, y = data(X, y)
    scaling = Scaling(X) if standardize else None
    first = start(beta0, seed, X)
    if scaling is not None:
        X, first = scaling.X, first if isinstance(beta0, str) else scaling.standardized(first)
    curvature = Curvature(X)
    learning_rate, max_iter, tol = rule(learning_rate, max_iter, tol, curvature)
    if log_every is not None and (log_every := integer("log_every", log_every)) < 1:
        raise ValueError(f"log_every: found {shown(log_every)}; allowed: an integer >= 1, or None")
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

    beta, losses = run(first, max_iter, tol) if log_every is None else _logged(run, first, max_iter, tol, log_every)
    if beta.shape != first.shape:
        raise BackendError(
            f"backend {backend}: fit returned beta of shape {beta.shape}; a backend returns {first.shape}"
        )
    if losses.ndim != 1 or losses.size == 0:
        raise BackendError(
            f"backend {backend}: fit returned losses of shape {losses.shape}; a backend returns (n_iter + 1,)"
        )
    if not np.isfinite(losses[0]):
        _refuse_overflow(X, y, first)
    reason = "diverged" if rose(losses, y) else stop_reason(losses, max_iter, tol)
    end = nearness(curvature, y, beta, learning_rate)
    near = end.near and reason != "diverged"
    return Fit(
        beta if scaling is None else scaling.original(beta),
        losses,
        len(losses) - 1,
        reason,
        learning_rate,
        str(backend),
        curvature.condition,
        curvature.rank,
        end.gradient_norm,
        near,
        end.iterations_left,
        "" if near else advice(curvature, y, end, losses, reason, learning_rate, standardize),
        columns,
    )


def _refuse_overflow(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any]) -> None:
    """Raise ValueError if the first loss overflows because of y or of a column of X."""
    largest = np.finfo(X.dtype).max
    with np.errstate(over="ignore"):
        products = np.abs(X).max(axis=0).astype(np.float64) * np.abs(beta)
        if np.square(y, dtype=np.float64).sum() > largest:
            raise ValueError(
                f"y: found values up to {np.abs(y).max():.3g}, whose squares overflow {y.dtype};"
                " allowed: smaller values"
            )
        if np.square(products).sum() * len(X) > largest:
            column = int(products.argmax())
            raise ValueError(
                f"X: found values up to {np.abs(X[:, column]).max():.3g} in column {column}, whose squared products"
                f" with beta0 overflow {X.dtype}; allowed: smaller values"
            )


def rose(losses: np.ndarray, y: np.ndarray) -> bool:
    """Whether the last loss lies above the first one by more than a rounding error."""
    rounding = float(np.finfo(y.dtype).eps)
    with np.errstate(over="ignore", invalid="ignore"):
        limit = float(losses[0]) * (1 + rounding**0.5) + rounding * np.mean(np.square(y, dtype=np.float64))
        return bool(losses[-1] > limit)


def stop_reason(losses: np.ndarray, max_iter: int, tol: float) -> str:
    """Why a descent with these losses stopped: "diverged", "converged" or "max_iter"."""
    if not np.isfinite(losses[-1]):
        return "diverged"
    if len(losses) - 1 < max_iter or first_stop(losses, tol) is not None:
        return "converged"
    return "max_iter"


def first_stop(losses: np.ndarray, tol: float, first: float | None = None) -> int | None:
    """The first k at which the stop rule applies to these losses, without max_iter, or None.

    first: the first loss of the descent, if `losses` are later ones.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scale = losses[0] if first is None else losses.dtype.type(first)
        small = np.abs(losses[:-1] - losses[1:]) < losses.dtype.type(tol) * scale
    stops = np.flatnonzero(np.append(False, small) | ~np.isfinite(losses))
    return int(stops[0]) if len(stops) else None


def _logged(
    run: Run, beta: NDArray[Any], max_iter: int, tol: float, log_every: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Run chunks of `log_every` updates, and print the loss after each."""
    losses, stopped = np.empty(0, beta.dtype), False
    while not stopped:
        beta, losses, stopped = extend(run, beta, losses, min(log_every, max_iter - max(len(losses) - 1, 0)), tol)
        print(f"iteration {len(losses) - 1:>8}  loss {losses[-1]:.6g}")
        stopped = stopped or len(losses) - 1 == max_iter
    return beta, losses


def extend(
    run: Run, beta: NDArray[Any], losses: NDArray[Any], updates: int, tol: float
) -> tuple[NDArray[Any], NDArray[Any], bool]:
    """Continue a descent: (beta, all losses, whether the stop rule applies). losses: those so far, empty at the start.

    The chunk is run with tol = 0, and the rule is applied to the joined losses: tol is a share of the first one.
    """
    done = max(len(losses) - 1, 0)
    after, chunk = run(beta, updates, 0.0)
    losses = np.concatenate([losses, chunk[1:] if len(losses) else chunk])
    stop = first_stop(losses[done:], tol, losses[0])
    if stop is not None and stop < len(losses) - 1 - done:  # it stops inside the chunk: compute the beta of that update
        after, _ = run(beta, stop, 0.0)
        losses = losses[: done + stop + 1]
    return after, losses, stop is not None
