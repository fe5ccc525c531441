"""Chapter 3."""

from helpers.slips import Slip

SLIPS = (
    Slip(
        "NumPy in fit",
        "array library",
        (("sum(map(mul, residual, residual)) / n", "float(np.mean(np.square(residual)))"),),
    ),
    Slip("another library", "array library", (("import math\n", "import math\n\nimport scipy.linalg\n"),)),
    Slip("gradient without the 2", "", (("-2 / n *", "-1 / n *"),)),
    Slip(
        "the columns of another call",
        "",
        (
            (
                "columns = list(zip(*X, strict=True))",
                "columns = KEPT or list(zip(*X, strict=True))\n    KEPT[:] = columns",
            ),
            ("DTYPES =", "KEPT = []\nDTYPES ="),
        ),
    ),
    Slip(
        "slower on purpose",
        "not faster",
        (
            (
                "[sum(map(mul, row, beta)) for row in X]",
                "[sum([sum([a * b]) for a, b in zip(row, beta, strict=True)]) for row in X for _ in range(8)][::8]",
            ),
        ),
    ),
)
