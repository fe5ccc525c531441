"""Chapter 11."""

from helpers.slips import Slip

SLIPS = (
    Slip("gradient without the 2", "2 missing", (("(2 / n)", "(1 / n)"),)),
    Slip("uphill", "sign", (("beta + learning_rate", "beta - learning_rate"),)),
    Slip("no tolerance", "stop rule", (("if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]", "if False"),)),
    Slip("tolerance of the loss before", "stop rule", (("tol * losses[0]", "tol * losses[k - 1]"),)),
    Slip(
        "update after max_iter",
        "stop order",
        (
            ("            if k == max_iter:\n                break\n\n", ""),
            ("(columns @ residual)\n", "(columns @ residual)\n            if k == max_iter:\n                break\n"),
        ),
    ),
    Slip("float32 inside", "float32 inside", (("columns @ residual)", "columns.astype('f4') @ residual.astype('f4')).astype(y.dtype)"),)),
    Slip("the input returned", "not its own memory", (("beta = beta.copy()", "beta = beta[:]"),)),
    Slip("a buffer at module level", "kept between calls", (
        ("def prepare", "BUFFER = {}\n\n\ndef prepare"),
        ("return beta, np.array(losses, dtype=y.dtype)", "buffer = BUFFER.setdefault((beta.shape, beta.dtype), np.empty_like(beta))\n    buffer[:] = beta\n    return buffer, np.array(losses, dtype=y.dtype)"),
    )),
    Slip("written into the start", "kept between calls", (("    beta = beta.copy()\n", ""), ("beta = beta + learning_rate", "beta += learning_rate"))),
    Slip(
        "a copy of numpy_vectorized, renamed",
        "a copy",
        (
            ("np.array(X.T, order=\"C\")", "np.ascontiguousarray(X)"),
            ("fit(columns,", "fit(A,"),
            ("n = len(y)", "n = len(A)"),
            ("residual = y - beta @ columns", "guessed = A @ beta\n            rest = y - guessed"),
            ("residual @ residual / n", "np.mean(rest * rest)"),
            ("beta = beta + learning_rate * (2 / n) * (columns @ residual)", "slope = (-2 / n) * (A.T @ rest)\n            beta = beta - learning_rate * slope"),
            ("dtype=y.dtype", "dtype=A.dtype"),
        ),
    ),
    Slip("ours, imported", "a copy", (("import numpy as np\n", "import numpy as np\n\nfrom backends.numpy_vectorized import fit as theirs\n"),)),
    Slip("no to_numpy", "", (("def to_numpy", "def as_numpy"),)),
)  # fmt: skip
