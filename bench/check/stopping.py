"""The stop rule under rounding: the iterations at which a correct backend may stop."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.check.bound import UNIT


def may_stop(losses: NDArray[Any], loss_bounds: NDArray[Any], tol: float) -> tuple[np.ndarray, np.ndarray]:
    """For each k, whether |J_{k-1} - J_k| < tol J_0 may hold in correct arithmetic, and whether it must hold.

    They differ where the change of the loss is within rounding error of the threshold. losses, loss_bounds: (K + 1,).
    """
    losses, loss_bounds = np.asarray(losses), np.asarray(loss_bounds)
    change = np.abs(np.diff(losses, prepend=np.nan))  # k = 0 has no predecessor, and comparisons with NaN are false
    doubt = loss_bounds + np.append(0.0, loss_bounds[:-1]) + tol * loss_bounds[0] if tol else np.zeros(len(losses))
    return change < tol * losses[0] + doubt, change < tol * losses[0] - doubt


def stop_window(losses: NDArray[Any], loss_bounds: NDArray[Any], tol: float, max_iter: int) -> tuple[int, int]:
    """The smallest and the largest number of updates that a correct backend may make. losses: (max_iter + 1,)."""
    may, must = may_stop(losses, loss_bounds, tol)
    first, last = (int(np.argmax(where)) if where.any() else max_iter for where in (may, must))
    return first, last


def broken_rule(losses: NDArray[Any], tol: float, max_iter: int) -> int | None:
    """The first k at which the losses contradict the stop rule by more than rounding, or None."""
    u = UNIT[losses.dtype.name]
    values = losses.astype(np.float64)
    for k in range(len(values)):
        change = abs(values[k] - values[k - 1]) if k else math.inf
        slack = 4 * u * (tol * values[0] + values[k])
        must = not math.isfinite(values[k]) or k == max_iter or change < tol * values[0] - slack
        may = must or change < tol * values[0] + slack
        if (k < len(values) - 1 and must) or (k == len(values) - 1 and not may):
            return k
    return None
