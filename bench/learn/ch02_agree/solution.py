"""Chapter 2, solved: several shapes, a start that is not zero, beta and every loss within the bound, inputs unchanged."""

import numpy as np

from bench.check.bound import reference

SIZES = ((1, 3, 4), (6, 9, 10), (13, 1, 5), (37, 4, 50))  # n, d, updates


def problem(n, d):
    """X, y, a start and a learning rate, from a seeded random generator."""
    rng = np.random.default_rng([n, d])
    X = rng.standard_normal((n, d))
    return X, rng.standard_normal(n), rng.standard_normal(d), 0.5 * n / np.linalg.norm(X, 2) ** 2


def check(fit):
    for n, d, updates in SIZES:
        X, y, start, learning_rate = problem(n, d)
        expected = reference(X, y, start, learning_rate, updates, "float64")
        copies = X.copy(), y.copy(), start.copy()
        beta, losses = fit(*copies, learning_rate, updates, 0.0)
        for before, after in zip((X, y, start), copies, strict=True):
            assert np.array_equal(before, after), "an input was changed"
        assert beta.shape == (d,)
        assert losses.shape == (updates + 1,)
        # `<=` is False for NaN, so NaN fails.
        assert np.linalg.norm(beta - expected.betas[-1]) <= expected.beta_bound[-1], "beta is off"
        assert (np.abs(losses - expected.losses) <= expected.loss_bound).all(), "a loss is off"
