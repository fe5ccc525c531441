"""Chapter 1."""

from helpers.slips import Slip

LAST = "-2 / n * (X.T @ residual)"
SLIPS = (
    Slip("the minus forgotten", "sign", ((LAST, "2 / n * (X.T @ residual)"),)),
    Slip("y_pred - y, and the minus kept", "sign", (("y - y_pred", "y_pred - y"),)),
    Slip("the 2 forgotten", "the 2", ((LAST, "-1 / n * (X.T @ residual)"),)),
    Slip("the 1/n forgotten", "1/n", ((LAST, "-2 * (X.T @ residual)"),)),
    Slip("neither 2 nor 1/n", "1/n", ((LAST, "-(X.T @ residual)"),)),
    Slip("divided by the columns", "d for n", (("n = len(X)", "n = len(beta)"),)),
    Slip("X in place of its transpose", "transpose", (("X.T @ residual", "X @ residual"),)),
    Slip("the misses are y", "no prediction", (("residual = y - y_pred", "residual = y"),)),
    Slip("the intercept left out", "intercept", ((LAST, "-2 / n * (X.T @ residual) * ([0] + [1] * (len(beta) - 1))"),)),
    Slip("a mean of everything", "shape", ((LAST, "(-2 * X.T * residual).mean()"),)),
    Slip("the misses written into y", "inputs", (("residual = y - y_pred", "y -= y_pred\n    residual = y"),)),
    Slip("the chapter's answer", "one problem", ((LAST, "beta * 0 + [-4.0, -6.0][: len(beta)]"),)),
    Slip("sign and 2", "sign", ((LAST, "1 / n * (X.T @ residual)"),)),
    Slip("every miss taken as positive", "one problem", ((LAST, "-2 / n * (X.T @ abs(residual))"),)),
    Slip("the misses squared", "", ((LAST, "-2 / n * (X.T @ residual**2)"),)),
)
