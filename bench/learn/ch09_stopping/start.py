"""Chapter 9: write the stop rule, which is called after each loss.

losses: the list of all losses so far, J₀ first. The last one is Jₖ, so k is len(losses) - 1. max_iter and tol: as in `solve`.
Return "diverged", "converged", "max_iter", or None to continue.
"""

import math


def should_stop(losses, max_iter, tol):
    k = len(losses) - 1
    if math.isinf(losses[k]):  # are there other losses that are not finite?
        return "diverged"
    # converged?
    if k == max_iter:
        return "max_iter"
    return None
