"""Chapter 9."""

from helpers.slips import Slip

CONVERGED = """    if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
        return "converged"
"""
COUNTED = """    if k == max_iter:
        return "max_iter"
"""
DIVERGED = """    if not math.isfinite(losses[k]):
        return "diverged"
"""

SLIPS = (
    Slip("not strict", "not strict", ((") < tol", ") <= tol"),)),
    Slip("against the current loss", "compared with", (("tol * losses[0]", "tol * losses[k]"),)),
    Slip("against the loss before", "compared with", (("tol * losses[0]", "tol * losses[k - 1]"),)),
    Slip("against nothing", "compared with", (("tol * losses[0]", "tol"),)),
    Slip("no absolute value", "no absolute value", (("abs(losses[k - 1] - losses[k])", "losses[k - 1] - losses[k]"),)),
    Slip("NaN not seen", "not finite", (("not math.isfinite(losses[k])", "losses[k] == math.inf"),)),
    Slip("infinity not seen", "not finite", (("not math.isfinite(losses[k])", "math.isnan(losses[k])"),)),
    Slip("nothing seen", "not finite", ((DIVERGED, ""),)),
    Slip("max_iter first", "order", ((CONVERGED + COUNTED, COUNTED + CONVERGED),)),
    Slip("max_iter before all", "order", ((DIVERGED, COUNTED + DIVERGED),)),
    Slip("one too early", "off by one", (("k == max_iter", "k + 1 == max_iter"),)),
    Slip("one too late", "off by one", (("k == max_iter", "k > max_iter"),)),
    Slip("no loss before the first", "first loss", (("k >= 1 and ", ""),)),
    Slip("True", "", (('return "converged"', "return True"),)),
    Slip("never converged", "", ((CONVERGED, ""),)),
)
