"""Chapter 2: write check(fit), a test that fails (AssertionError) for wrong descents and passes for correct ones.

fit(X, y, beta, learning_rate, max_iter, tol) -> (beta, losses), NumPy arrays in float64. Call it with tol = 0. Then it
makes max_iter updates: beta is the one after the last update, and losses holds J at the start and after each update,
which is max_iter + 1 numbers. It must not change its inputs.

`reference` returns the correct results: expected.betas and expected.losses have one entry for each update, starting
with update 0. expected.beta_bound (for the distance) and expected.loss_bound limit the error of correct arithmetic.
"""

import numpy as np

from bench.check.bound import reference


def problem(n, d):
    """X, y, a start and a learning rate from a seeded random generator."""
    rng = np.random.default_rng([n, d])
    X = rng.standard_normal((n, d))
    return X, rng.standard_normal(n), np.zeros(d), 0.5 * n / np.linalg.norm(X, 2) ** 2


def check(fit):
    # A poor first attempt: change it until it accepts correct descents and rejects wrong ones.
    X, y, start, learning_rate = problem(16, 3)
    expected = reference(X, y, start, learning_rate, 1, "float64")
    _beta, losses = fit(X, y, start, learning_rate, 1, 0.0)
    assert (losses == expected.losses).all()
