"""Chapter 5."""

from helpers.slips import Slip

EMPTY = "residual = np.empty_like(y)  # the only array of n numbers, new in every call"
SLIPS = (
    Slip("the square is still an array", "peak", (
        (EMPTY, "residual, y_pred = np.empty_like(y), np.empty_like(y)"),
        ("out=residual)\n\n", "out=y_pred)\n\n"),
        ("np.subtract(y, residual, out=residual)", "np.subtract(y, y_pred, out=residual)"),
        ("residual @ residual / n", "np.mean(residual * residual)"),
    )),
    Slip("written into y", "input", (("np.subtract(y, residual, out=residual)", "y -= residual\n            residual = y"),)),
    Slip("written into the start", "input", (
        ("beta = beta.copy()", "pass"), ("beta = beta - learning_rate * gradient", "beta -= learning_rate * gradient"),
    )),
    Slip("a buffer that is returned", "kept", (
        ("def fit", "KEPT = {}\n\n\ndef fit"),
        ("beta = beta.copy()", "beta = KEPT.setdefault((len(beta), X.dtype), beta.copy()) * 0 + beta"),
        ("np.array(losses, dtype=X.dtype)", "keep(losses, X.dtype)"),
        ("def to_numpy", "def keep(losses, dtype):\n    kept = KEPT.setdefault((len(losses), dtype), np.empty(len(losses), dtype))\n"
         "    kept[:] = losses\n    return kept\n\n\ndef to_numpy"),
    )),
    Slip("a buffer kept between calls", "kept", (
        ("def fit", "KEPT = {}\n\n\ndef fit"), (EMPTY, "residual = KEPT.setdefault((y.shape, y.dtype), np.empty_like(y))"),
    )),
    Slip("float32 inside", "float32", (
        (EMPTY, "residual = np.empty(n, np.float32)"),
        ("np.matmul(X, beta, out=residual)", "np.matmul(X, beta, out=residual, casting='same_kind')"),
        ("np.subtract(y, residual, out=residual)", "np.subtract(y, residual, out=residual, casting='same_kind')"),
    )),
    Slip("float64 inside", "float64", ((EMPTY, "residual = np.empty(n)"),)),
    Slip("gradient without the 2", "", (("(-2 / n)", "(-1 / n)"),)),
)  # fmt: skip
