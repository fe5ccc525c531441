"""Chapter 8."""

from helpers.slips import Slip

SLIPS = (
    Slip("a number from a directory", "one number", (("1 / curvatures[-1]", "0.01"),)),
    Slip("above the border", "too large", (("1 / curvatures[-1]", "2.1 / curvatures[-1]"),)),
    Slip("timid", "too small", (("1 / curvatures[-1]", "0.01 / curvatures[-1]"),)),
    Slip("the other end of the curvatures", "smallest curvature", (("1 / curvatures[-1]", "2 / curvatures[0]"),)),
    Slip("H without 2/n", "factor of H", (("(2 / n) * X.T", "X.T"),)),
    Slip("nine tenths of the border", "near the limit", (("1 / curvatures[-1]", "1.8 / curvatures[-1]"),)),
    Slip("the border itself", "near the limit", (("1 / curvatures[-1]", "2 / curvatures[-1]"),)),
    Slip("H without the 2", "near the limit", (("(2 / n) * X.T", "(1 / n) * X.T"),)),
    Slip("H without the n", "factor of H", (("(2 / n) * X.T", "2 * X.T"),)),
    Slip("made of y", "depends on y", (("1 / curvatures[-1]", "1 / (curvatures[-1] * np.mean(y * y))"),)),
    Slip("one for each direction", "", (("curvatures[-1]", "curvatures"),)),
    Slip("nothing returned", "", (("return 1", "rate = 1"),)),
)
