"""Chapter 2."""

from helpers.slips import Slip

BETA = 'assert np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1], "beta is off"'
LOSS = 'assert (np.abs(losses - expected.losses) <= expected.loss_bound).all(), "a loss is off"'
SLIPS = (
    Slip("equal to the last bit", "bit for bit", ((LOSS, "assert (losses == expected.losses).all()"),)),
    Slip(
        "an own descent, equal to the last bit",
        "bit for bit",
        ((BETA, "assert (beta == mine(X, y, start, learning_rate, updates)).all()"), (
            "def check(fit)",
            "def mine(X, y, b, rate, updates):\n    for _ in range(updates):\n"
            "        b = b - rate * ((-2 / len(X)) * (X.T @ (y - X @ b)))\n    return b\n\n\ndef check(fit)",
        )),
    ),
    Slip("np.allclose as it comes", "too wide", ((BETA, "assert np.allclose(beta, expected.betas[-1])"), (LOSS, "assert np.allclose(losses, expected.losses)"))),
    Slip("the loss alone", "only the loss", ((BETA, "pass"),)),
    Slip("beta alone", "only beta", ((LOSS, "pass"), ("assert losses.shape == (updates + 1,)", "pass"))),
    Slip("not larger in place of smaller", "NaN", (
        (BETA, "assert not np.linalg.norm(beta - expected.betas[-1]) > expected.beta_bound[-1]"),
        (LOSS, "assert not (np.abs(losses - expected.losses) > expected.loss_bound).any()"),
    )),
    Slip("one table", "one problem", (("((1, 3, 4), (6, 9, 10), (13, 1, 5), (37, 4, 50))", "((16, 3, 5),)"),)),
    Slip("a single update", "one problem", (("((1, 3, 4), (6, 9, 10), (13, 1, 5), (37, 4, 50))", "((13, 3, 1), (6, 9, 1))"),)),
    Slip("inputs not looked at", "inputs", (('assert np.array_equal(before, after), "an input was changed"', "pass"),)),
    Slip("nothing is tested", "nothing", ((BETA, "pass"), (LOSS, "pass"), ("assert losses.shape == (updates + 1,)", "pass"), ("assert np.array_equal(before, after)", "assert True"))),
    Slip("False in place of an error", "nothing", (
        (BETA, "return bool(np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1])"),
        ("assert losses.shape == (updates + 1,)", "pass"),
        ("assert np.array_equal(before, after)", "assert True"),
    )),
    Slip("fails whatever comes", "", ((BETA, "assert np.linalg.norm(beta + 1 - expected.betas[-1]) <= expected.beta_bound[-1]"),)),
)  # fmt: skip
