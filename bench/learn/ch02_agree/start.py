"""Chapter 2: write check(fit), a test that fails for wrong descents (AssertionError) and passes for correct ones.

fit(X, y, beta, learning_rate, max_iter, tol) -> (beta, losses), NumPy arrays in float64. Call it with tol = 0: then it
makes max_iter updates, so beta is that after the last one, and losses holds J of the start and after each update,
max_iter + 1 numbers. What it is given must stay as it is.

`reference` gives you what is right: expected.betas and expected.losses, one for each update from 0 on, and how far
correct arithmetic may be from them: expected.beta_bound (for the distance) and expected.loss_bound.
"""

import numpy as np

from bench.check.bound import reference


def problem(n, d):
    """X, y, a start and a learning rate, in numbers drawn at random but the same every time."""
    rng = np.random.default_rng([n, d])
    X = rng.standard_normal((n, d))
    return X, rng.standard_normal(n), np.zeros(d), 0.5 * n / np.linalg.norm(X, 2) ** 2


def check(fit):
    # A beginning, and not a good one: make it accept what is right and refuse what is wrong.
    X, y, start, learning_rate = problem(16, 3)
    expected = reference(X, y, start, learning_rate, 1, "float64")
    _beta, losses = fit(X, y, start, learning_rate, 1, 0.0)
    assert (losses == expected.losses).all()
