"""Chapter 9, solved: three conditions, in the order of the contract."""

import math


def should_stop(losses, max_iter, tol):
    k = len(losses) - 1
    if not math.isfinite(losses[k]):
        return "diverged"
    if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
        return "converged"
    if k == max_iter:
        return "max_iter"
    return None
