"""The answer of a backend, beta and losses: solve a problem, read what `fit` returned, and judge it.

`gdbench run` judges its results with these functions, too.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.check.bound import Reference
from bench.check.fixtures import Fixture


class Wrong(Exception):
    """A backend computes something wrong. error, bound: set if numbers were compared."""

    def __init__(self, detail: str, error: float | None = None, bound: float | None = None):
        super().__init__(detail)
        self.detail, self.error, self.bound = detail, error, bound


def solve_fixture(backend: ModuleType, fixture: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses of one fit, as NumPy arrays."""
    return as_arrays(backend, backend.fit(*backend.prepare(*fixture.copies()), *fixture.arguments))


def as_arrays(backend: ModuleType, result: Any) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses as NumPy arrays, from the return value of fit."""
    beta, losses = unpack(result)
    return backend.to_numpy(beta), backend.to_numpy(losses)


def unpack(result: Any) -> tuple[Any, Any]:
    """beta and losses from the return value of fit. Raises Wrong if it is not a pair."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        count = f" of {len(result)}" if isinstance(result, tuple | list) else ""
        raise Wrong(f"fit returned a {type(result).__name__}{count}; allowed: (beta, losses)")
    beta, losses = result
    return beta, losses


@contextmanager
def error_context(where: str) -> Iterator[None]:
    """Prefix the detail of a Wrong with the context."""
    try:
        yield
    except Wrong as wrong:
        raise Wrong(f"{where}: {wrong.detail}", wrong.error, wrong.bound) from None


def check_form(beta: NDArray[Any], losses: NDArray[Any], n_features: int, dtype: str, max_iter: int) -> None:
    """Check types, shapes, dtypes and lengths. Raises Wrong."""
    for name, array in (("beta", beta), ("losses", losses)):
        if not isinstance(array, np.ndarray):
            raise Wrong(f"to_numpy({name}) returned {type(array).__name__}; allowed: numpy.ndarray")
    if beta.shape != (n_features,):
        raise Wrong(f"beta has shape {beta.shape}; allowed: ({n_features},)")
    if losses.ndim != 1 or not 1 <= len(losses) <= max_iter + 1:
        raise Wrong(f"losses has shape {losses.shape}; allowed: (n_iter + 1,) with 0 <= n_iter <= {max_iter}")
    for name, array in (("beta", beta), ("losses", losses)):
        if array.dtype != np.dtype(dtype):
            raise Wrong(f"{name} has dtype {array.dtype}; allowed: {dtype}, that of X")


def check_length(losses: NDArray[Any], updates: int, note: str = "") -> None:
    """Check that no update is missing. Raises Wrong with the note."""
    if len(losses) != updates + 1:
        allowed = f"allowed: {updates + 1} after {updates} updates with tol = 0"
        raise Wrong(f"losses has {len(losses)} entries{note}; {allowed}")


def require(error: float, bound: float, detail: str) -> tuple[float, float]:
    """Return the error and its bound. Raises Wrong unless error <= bound, so a NaN is wrong, too."""
    if not error <= bound:
        raise Wrong(detail, error, bound)
    return error, bound


def judge(beta: NDArray[Any], losses: NDArray[Any], expected: Reference, dtype: str) -> tuple[float, float]:
    """Raise Wrong unless K updates were made and beta and every loss lie within their bounds.

    Returns the error of beta and its bound.
    """
    K = len(expected.losses) - 1
    check_form(beta, losses, expected.betas.shape[1], dtype, K)
    last = f" (the last is {losses[-1]}, where J is {expected.losses[len(losses) - 1]:.3g})"
    check_length(losses, K, "" if math.isfinite(losses[-1]) else last)
    error, bound = float(np.linalg.norm(beta - expected.betas[-1])), float(expected.beta_bound[-1])
    require(error, bound, f"beta is off by {error:.3g} after {K} updates; correct arithmetic is within {bound:.3g}")
    off = np.abs(losses - expected.losses)
    k = int(np.argmin(off <= expected.loss_bound))  # the first loss out of its bound, or 0
    loss_error, loss_bound = float(off[k]), float(expected.loss_bound[k])
    detail = f"losses[{k}] is {losses[k]:.9g}, J(beta_{k}) is {expected.losses[k]:.9g}: off by {loss_error:.3g}"
    require(loss_error, loss_bound, f"{detail}; correct arithmetic is within {loss_bound:.3g}")
    return error, bound
