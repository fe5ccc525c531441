"""The error bound: its derivation, its limits, and what it shares between learning rates."""

import math

import numpy as np
import pytest

from bench.check import bound
from bench.check.bound import UNIT, Reference, gamma, reference, references
from bench.check.fixtures import Fixture, diverging, synthetic

CASES = {shape: synthetic("case", *shape, 6, "float32") for shape in ((7, 3), (4, 4), (3, 5), (1, 2))}


def derived(X, y, exact: Reference, rate: float, u: float, normwise: bool) -> tuple[list[float], list[float]]:
    """The bounds of beta and of the losses as the docstring of bound.py derives them, one number at a time.

    Another algorithm has its error in norms: ||X||_F and ||y|| stand for |x_i| and |y_i|, and 8 n d for the number of
    operations.
    """
    (n, d), betas = X.shape, exact.betas
    rho = max(abs(1 - rate * value) for value in np.linalg.eigvalsh(2 / n * X.T @ X))
    frobenius = math.sqrt((X**2).sum())
    of_beta, of_losses, B = [], [], 0.0
    for k in range(len(betas)):
        of_beta.append(B)
        total = 0.0
        for x, t in zip(X, y, strict=True):
            r = abs(t - x @ betas[k])
            if normwise:
                D = gamma(8 * n * d, u) * (frobenius * (np.linalg.norm(betas[k]) + B) + np.linalg.norm(y))
            else:
                D = gamma(d + 1, u) * (abs(x) @ abs(betas[k]) + abs(t))
            D += np.linalg.norm(x) * B
            total += (2 * r * D + D**2) * (1 + gamma(n + 3, u)) + gamma(n + 3, u) * r**2
        of_losses.append(total / n)
        if k < len(betas) - 1:
            if normwise:
                spread = frobenius * (np.linalg.norm(betas[k]) + B) + np.linalg.norm(y)
                A = gamma(8 * n * d, u) * np.linalg.norm(X, axis=0) * spread
            else:
                A = gamma(n + d + 8, u) * abs(X).T @ (abs(X) @ (abs(betas[k]) + B) + abs(y))
            step = rate * (2 / n) * A + u * (abs(betas[k + 1]) + B)
            B = rho * B + np.linalg.norm(step) / (1 - u)
    return of_beta, of_losses


@pytest.mark.parametrize("normwise", [False, True], ids=["by component", "by norm"])
@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("shape", CASES, ids=str)
def test_bound_agrees_with_its_derivation(shape, dtype, normwise, monkeypatch):
    """The bound of the backend's dtype plus that of the float64 reference, also where a chunk has two iterations."""
    case = CASES[shape].cast(dtype)
    X, y = case.X.astype(np.float64), case.y.astype(np.float64)
    exact = reference(*case.inputs, dtype, normwise)
    own = derived(X, y, exact, case.learning_rate, UNIT["float64"], False)
    backends = derived(X, y, exact, case.learning_rate, UNIT[dtype], normwise)
    monkeypatch.setattr(bound, "CHUNK_VALUES", 2 * max(shape))
    for chunked in (exact, reference(*case.inputs, dtype, normwise)):
        np.testing.assert_allclose(chunked.losses, [np.mean((y - X @ beta) ** 2) for beta in exact.betas], rtol=1e-12)
        np.testing.assert_allclose(chunked.beta_bound, np.add(own[0], backends[0]), rtol=1e-9)
        np.testing.assert_allclose(chunked.loss_bound, np.add(own[1], backends[1]), rtol=1e-9)


def test_reference_follows_the_algorithm():
    """X = I and n = 2: each step goes 3/4 of the way to y."""
    result = reference([[1, 0], [0, 1]], [4, 8], [0, 4], 0.75, 2, "float64")
    assert result.betas.tolist() == [[0, 4], [3, 7], [3.75, 7.75]]
    assert result.losses.tolist() == [16, 1, 1 / 16]
    assert result.beta_bound[0] == 0 < result.beta_bound[1] < result.beta_bound[2] < 1e-13


def test_learning_rates_share_no_result():
    """The references for several rates are those for each rate alone."""
    X, y, beta0, rate, K = CASES[7, 3].inputs
    rates = [rate, rate / 2, rate / 8]
    for together, one in zip(references(X, y, beta0, rates, K, "float32"), rates, strict=True):
        alone = reference(X, y, beta0, one, K, "float32")
        for name in ("betas", "losses", "beta_bound", "loss_bound"):
            np.testing.assert_allclose(getattr(together, name), getattr(alone, name), rtol=1e-12)


def test_bound_of_an_overflow_is_infinite():
    """It is never NaN, which would reject every answer, and nothing warns."""
    for case in diverging("float64"):
        result = reference(*case.inputs, "float64")
        for bounds in (result.beta_bound, result.loss_bound):
            assert not np.isnan(bounds).any()
            assert np.isinf(bounds[-1])
    huge = Fixture("huge", np.full((3, 2), 1e200), np.ones(3), np.ones(2), 1e-300, 2)
    assert np.isinf(reference(*huge.inputs, "float64").beta_bound[1:]).all()


def test_gamma_of_higham():
    """gamma(n, u) = n u / (1 - n u), and infinity for n u >= 1."""
    assert gamma(1, 0.5) == 1
    assert gamma(2, 0.25) == 1
    assert gamma(3, 0.25) == 3
    assert gamma(4, 0.25) == gamma(5, 0.25) == math.inf


def test_unit_roundoff():
    """Half of the distance from 1 to the next number."""
    assert {dtype: np.finfo(dtype).eps / 2 for dtype in UNIT} == UNIT


def test_informative_reference_has_a_last_step_of_100_bounds():
    """A smaller step may be missing unseen. Without a step there is nothing to miss."""

    def informative(*betas: float, last_bound: float) -> bool:
        bounds = np.array([1e9] * (len(betas) - 1) + [last_bound])
        return Reference(np.array(betas)[:, None], np.ones(len(betas)), bounds, bounds).informative

    assert informative(9.0, 0.0, 100.0, last_bound=1.0)
    assert informative(9.0, 100.0, 0.0, last_bound=1.0)
    assert not informative(9.0, 0.0, 100.0, last_bound=1.01)
    assert not informative(0.0, 1.0, last_bound=0.02)
    assert informative(1.0, last_bound=1.0)
