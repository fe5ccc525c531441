"""Chapter 4."""

from helpers.slips import Slip

RETURN = "return float(a + b * n_samples * n_features)"
SLIPS = (
    Slip("no intercept", "no overhead", ((RETURN, "return float(b * n_samples * n_features)"),)),
    Slip("the mean price of a value", "no overhead", (
        (RETURN, "return float(np.mean(seconds / sizes) * n_samples * n_features)"),
    )),
    Slip("the average time", "average", ((RETURN, "return float(np.mean(seconds))"),)),
    Slip("microseconds", "unit", ((RETURN, "return float(a + b * n_samples * n_features) * 1e6"),)),
    Slip("milliseconds", "unit", ((RETURN, "return float(a + b * n_samples * n_features) * 1e3"),)),
    Slip("every point weighs the same", "small sizes", (("weights = 1 / seconds", "weights = np.ones(len(seconds))"),)),
    Slip("numbers instead of rows", "d ignored", (("n * d for n, d, _", "n for n, _, _"), ("* n_features)", ")"))),
    Slip("figures copied from the page", "measured ignored", ((RETURN, "return 8e-6 + 7e-10 * n_samples * n_features"),)),
    Slip("an array", "", ((RETURN, "return a + b * sizes"),)),
    Slip("nothing returned", "", ((RETURN, "pass"),)),
)  # fmt: skip
