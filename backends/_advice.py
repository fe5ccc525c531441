"""What to do about a descent that did not end near the minimum, in the figures of its problem."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends._curvature import NEAR, Curvature, Nearness, nearness
from backends._scaling import Scaling, intercepts

Array = NDArray[Any]
DEPENDENT = 10.0  # the condition number of standardized columns that nearly depend on others
CLEARLY = 2.0  # an alternative that saves updates by this factor is worth a sentence


@np.errstate(all="ignore")
def advice(
    curvature: Curvature, y: Array, end: Nearness, losses: Array, reason: str, learning_rate: float, standardized: bool
) -> str:
    """Sentences on how far away the minimum is, why, and what to do.

    curvature: of the columns that the descent had. standardized: whether these were standardized.
    """
    n_iter, first, last = len(losses) - 1, float(losses[0]), float(losses[-1])
    total, made = n_iter + end.iterations_left, f"{n_iter:,} update{'s' if n_iter != 1 else ''}"
    if reason == "diverged":
        sentences = [f"The descent diverged: the loss is {first:.3g} at first and {last:.3g} after {made}."]
    else:
        sentences = [
            f"The descent stopped ({reason}) after {made}, and the minimum is not near: coefficients or"
            f" predictions are {_share(end.distance)} off, and the loss is {last:.6g}"
            f" ({max(last - end.excess, 0.0):.6g} at the minimum).",
            f"It needs {_updates(end.iterations_left, 'more ')}: {_cause(curvature, standardized)}.",
        ]
    if reason == "converged":
        sentences.append(f"tol stopped it early, because it is a share of the first loss, {first:.3g}.")
    remedies = _rate(curvature, reason, learning_rate) + _other_columns(curvature, y, total, standardized)
    sentences += remedies
    if total < 2**31:  # with tol=0, because tol may stop this descent, too
        sentences.append(f"{'Or use' if remedies else 'Use'} tol=0 and max_iter={_rounded(total)}.")
    if curvature.dtype.itemsize == 4 and curvature.condition**2 * np.finfo(np.float32).eps > NEAR:
        sentences.append("float32 has too few digits for this condition number; use float64.")
    return " ".join(sentences)


def _cause(curvature: Curvature, standardized: bool) -> str:
    text = f"the condition number of {'the standardized columns' if standardized else 'X'} is {curvature.condition:.3g}"
    if standardized and curvature.condition > DEPENDENT:
        text += ", because some columns nearly depend on others"
    sizes = np.sqrt(np.mean(np.square(curvature.X), axis=0))
    sizes = sizes[sizes > 0]
    if len(sizes) and sizes.max() > 10 * sizes.min():
        text += f" (root mean squares of its columns: {sizes.min():.3g} to {sizes.max():.3g})"
    if curvature.rank < (columns := curvature.X.shape[1]):
        text += f", and its rank is {curvature.rank} with {columns} columns, so coefficients are not unique"
    return text


def _rate(curvature: Curvature, reason: str, learning_rate: float) -> list[str]:
    limit, found = curvature.largest_rate, f"learning_rate={learning_rate:.3g}"
    if learning_rate > limit:
        return [f"{found} is above the largest stable one, 2/L = {limit:.3g}; None uses 1/L."]
    if reason == "diverged":
        return [f"{found} is stable (2/L = {limit:.3g}), so numbers overflow, or the backend is wrong."]
    if learning_rate < limit / 2 / CLEARLY:
        return [f"{found} is {_share(2 * learning_rate / limit)} of 1/L, which None uses."]
    return []


def _other_columns(curvature: Curvature, y: Array, total: float, standardized: bool) -> list[str]:
    """What standardizing changes, and a column of ones if X has none."""
    X, changes = curvature.X, []
    if not intercepts(X).any():
        X = np.column_stack([np.ones(len(X)), X])
        changes.append("a column of ones (an intercept)")
    if not standardized:
        changes.append("standardize=True")
    if not changes:
        return []
    other = Curvature(Scaling(X).X)
    updates = nearness(other, y, np.zeros(X.shape[1]), other.default_rate).iterations_left
    if updates >= total / CLEARLY:
        return []
    what, needed = " and ".join(changes), _updates(updates)
    return [f"With {what}, the condition number is {other.condition:.3g}, and it needs {needed} with tol=0."]


def _share(share: float) -> str:
    if share >= 10:
        return f"{share:.2g} times"
    return f"{100 * share:.0f} %" if share >= 0.995 else f"{100 * share:.2g} %"


def _updates(count: float, more: str = "") -> str:
    if count >= 1e15:
        return f"over 1e15 {more}updates"
    return f"{_rounded(count):,} {more}update{'' if count == 1 else 's'}"


def _rounded(count: float) -> int:
    """A large count, rounded up to two digits."""
    unit = 10 ** (int(math.log10(count)) - 1) if count > 1000 else 1
    return math.ceil(count / unit) * unit
