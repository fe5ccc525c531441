"""Common mistakes in the algorithm, each as a gradient descent that makes it.

Each is wrong in exactly one way, so that their results differ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.check.fixtures import Fixture

Array = NDArray[Any]


@dataclass(frozen=True)
class Mistake:
    """A gradient descent with one mistake. The defaults are correct.

    data: (X, y) -> the X and y that are used. start: beta_0 -> the beta that is used. scale: (n, d, learning_rate) ->
    the factor of Xᵀ residual. step: (X, y, beta, residual, scale, k, all betas) -> the change of beta. updates: K ->
    the number of updates. returned: all betas -> the returned beta. loss: (residual, y, y_pred, d) -> one loss.
    losses: all losses, one more than returned -> the returned losses.
    """

    hint: str
    data: Callable[..., Any] = lambda X, y: (X, y)
    start: Callable[..., Any] = lambda beta: beta
    scale: Callable[..., Any] = lambda n, d, rate: 2 / n * rate
    step: Callable[..., Any] = lambda X, y, beta, residual, scale, k, betas: scale * (X.T @ residual)
    updates: Callable[..., Any] = lambda K: K
    returned: Callable[..., Any] = lambda betas: betas[-1]
    loss: Callable[..., Any] = lambda residual, y, y_pred, d: np.mean(residual * residual)
    losses: Callable[..., Any] = lambda losses: losses[:-1]

    def result(self, fixture: Fixture) -> tuple[np.ndarray, np.ndarray]:
        """The beta and losses that this descent returns."""
        betas, losses = self.descend(fixture)
        return self.returned(betas[:-1]), np.array(self.losses(losses))

    def descend(self, fixture: Fixture) -> tuple[list[np.ndarray], list[float]]:
        """All betas and losses, with one update more than requested."""
        X, y = self.data(fixture.X.astype(float), fixture.y.astype(float))
        n, d = X.shape
        scale = self.scale(n, d, fixture.learning_rate)
        betas, losses = [self.start(fixture.beta0.astype(float))], []
        updates = self.updates(fixture.max_iter)
        for k in range(updates + 1):  # one more, because some mistakes return a later beta or loss
            y_pred = X @ betas[-1]
            residual = y - y_pred
            losses.append(self.loss(residual, y, y_pred, d))
            betas.append(betas[-1] + self.step(X, y, betas[-1], residual, scale, k, betas))
        residual = y - X @ betas[-1]
        losses.append(self.loss(residual, y, X @ betas[-1], d))
        return betas, losses


def _masked(rows: slice = slice(None), columns: slice = slice(None)) -> Callable[..., Array]:
    """A step that uses only some rows and updates only some components."""

    def step(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
        moved = np.zeros_like(beta)
        moved[columns] = scale * (X[rows].T @ residual[rows])[columns]
        return moved

    return step


def _momentum(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
    return np.asarray(scale * (X.T @ residual)) + (0.9 * (betas[-1] - betas[-2]) if k else 0)


def _by_component(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
    moved = beta.copy()
    for j in range(len(beta)):
        moved[j] += scale * (X[:, j] @ (y - X @ moved))
    return np.asarray(moved - beta)


def _by_row(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
    moved = beta.copy()
    for row, target in zip(X, y, strict=True):
        moved = moved + scale * (target - row @ moved) * row
    return np.asarray(moved - beta)


def _nesterov(weight: Callable[[int], float]) -> Callable[..., Array]:
    """Nesterov's accelerated step, which returns the point looked ahead to. weight: k -> the factor of the last move."""

    def step(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
        plain, before = (b + scale * (X.T @ (y - X @ b)) for b in (beta, betas[max(k - 1, 0)]))
        return np.asarray(plain + (weight(k) * (plain - before) if k else 0) - beta)

    return step


def _line_search(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
    direction = X.T @ residual
    return np.asarray(direction * (direction @ direction) / np.sum((X @ direction) ** 2))


def _by_exact_component(
    X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]
) -> Array:
    moved = beta.copy()
    for j in range(len(beta)):
        moved[j] += X[:, j] @ (y - X @ moved) / (X[:, j] @ X[:, j])
    return np.asarray(moved - beta)


def _clipped(clip: Callable[[Array], Array]) -> Callable[..., Array]:
    """A step with a changed gradient. clip: gradient -> the one that is used."""

    def step(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
        return np.asarray(scale * len(y) / 2 * clip(2 / len(y) * (X.T @ residual)))

    return step


def _stale(X: Array, y: Array, beta: Array, residual: Array, scale: float, k: int, betas: list[Array]) -> Array:
    return np.asarray(scale * (X.T @ (y - X @ betas[max(k - 1, 0)])))


def _standardized(X: Array, y: Array) -> tuple[Array, Array]:
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1), y


RIGHT = Mistake("")
# What can be wrong with the iterates ...
ITERATES = (
    Mistake("beta moves the wrong way: is the sign of the gradient, or of y - y_pred, flipped?", scale=lambda n, d, r: -2 / n * r),
    Mistake("after one step beta has moved exactly half as far as it should: is the factor 2 of 2/n missing?", scale=lambda n, d, r: r / n),
    Mistake("after one step beta has moved exactly twice as far as it should: is the factor 2 taken twice?", scale=lambda n, d, r: 4 / n * r),
    Mistake("the gradient is divided by n_features, where n_samples belongs", scale=lambda n, d, r: 2 / d * r),
    Mistake("the gradient is divided by n - 1, where n belongs", scale=lambda n, d, r: 2 / (n - 1) * r),
    Mistake("the gradient is divided by n + 1, where n belongs", scale=lambda n, d, r: 2 / (n + 1) * r),
    Mistake("the gradient is divided by n * d, where n belongs: is a mean taken over the whole matrix?", scale=lambda n, d, r: 2 / (n * d) * r),
    Mistake("the gradient is not divided by n_samples", scale=lambda n, d, r: 2 * r),
    Mistake("the gradient is neither divided by n_samples nor multiplied by 2", scale=lambda n, d, r: r),
    Mistake("the gradient is divided by n_features, and the factor 2 is missing", scale=lambda n, d, r: r / d),
    Mistake("the step is the one of the squared learning_rate: is it applied twice?", scale=lambda n, d, r: 2 / n * r * r),
    Mistake("the step does not depend on learning_rate: it is the whole gradient", scale=lambda n, d, r: 2 / n),
    Mistake("the step is divided by learning_rate, not multiplied", scale=lambda n, d, r: 2 / n / r),
    Mistake("the step shrinks from update to update, as if learning_rate were divided by k + 1", step=lambda X, y, b, r, s, k, bs: s / (k + 1) * (X.T @ r)),
    Mistake("the descent starts at zero, whatever start it is given", start=np.zeros_like),
    Mistake("the descent starts at ones, whatever start it is given", start=np.ones_like),
    Mistake("it makes one update too few", updates=lambda K: max(K - 1, 0)),
    Mistake("it makes one update too many", updates=lambda K: K + 1),
    Mistake("it makes a single update, whatever max_iter is", updates=lambda K: min(K, 1)),
    Mistake("it makes no update: beta stays where it started", step=lambda X, y, b, r, s, k, bs: 0 * b),
    Mistake("beta is right but one update behind: is the one before the last returned?", returned=lambda bs: bs[max(len(bs) - 2, 0)]),
    Mistake("the start is returned in place of the last beta", returned=lambda bs: bs[0]),
    Mistake("the mean of all iterates is returned in place of the last beta", returned=lambda bs: np.mean(bs, axis=0)),
    Mistake("the last row of X takes no part in the gradient", step=_masked(rows=slice(None, -1))),
    Mistake("the first row of X takes no part in the gradient", step=_masked(rows=slice(1, None))),
    Mistake("only the first row of X takes part in the gradient", step=_masked(rows=slice(None, 1))),
    Mistake("the last row of the data is not used at all", data=lambda X, y: (X[:-1], y[:-1])),
    Mistake("the first row of the data is not used at all", data=lambda X, y: (X[1:], y[1:])),
    Mistake("the last component of beta is never updated", step=_masked(columns=slice(None, -1))),
    Mistake("the first component of beta is never updated: is it taken for an intercept?", step=_masked(columns=slice(1, None))),
    Mistake("X is centered: its column means are subtracted", data=lambda X, y: (X - X.mean(axis=0), y)),
    Mistake("X is standardized once more", data=_standardized),
    Mistake("y is centered: its mean is subtracted", data=lambda X, y: (X, y - y.mean())),
    Mistake("y is standardized: its mean is subtracted, and it is divided by its deviation", data=lambda X, y: (X, (y - y.mean()) / y.std())),
    Mistake("X and y are both centered", data=lambda X, y: (X - X.mean(axis=0), y - y.mean())),
    Mistake("every y is replaced by their mean: did (n, 1) - (n,) make an n x n matrix that was averaged?", data=lambda X, y: (X, np.full_like(y, y.mean()))),
    Mistake("y is in the reverse order of the rows of X", data=lambda X, y: (X, y[::-1])),
    Mistake("y is one row off", data=lambda X, y: (X, np.roll(y, 1))),
    Mistake("y is one row off", data=lambda X, y: (X, np.roll(y, -1))),
    Mistake("the numbers of X and y are truncated to integers", data=lambda X, y: (np.trunc(X), np.trunc(y))),
    Mistake("a part of the last step is added again: is there momentum of 0.9?", step=_momentum),
    Mistake("the components of beta are updated one after the other, each with a new residual; all must use one gradient", step=_by_component),
    Mistake("beta is updated row by row; full-batch descent makes one update from all rows", step=_by_row),
    Mistake("the gradient belongs to the beta before the last one", step=_stale),
    Mistake("the gradient is divided by its own norm", step=lambda X, y, b, r, s, k, bs: s * (X.T @ r) / np.linalg.norm(s * (X.T @ r)) * s * len(y) / 2),
    Mistake("the gradient is clipped to a norm of 1", step=_clipped(lambda g: g / max(1, np.linalg.norm(g)))),
    Mistake("each component of the gradient is clipped to [-1, 1]", step=_clipped(lambda g: np.clip(g, -1, 1))),
    Mistake("only the signs of the gradient are used", step=_clipped(np.sign)),
    Mistake("the step shrinks from update to update, as if learning_rate were divided by sqrt(k + 1)", step=lambda X, y, b, r, s, k, bs: s / np.sqrt(k + 1) * (X.T @ r)),
    Mistake("each update uses one row, n times", step=lambda X, y, b, r, s, k, bs: s * len(y) * X[k % len(y)] * r[k % len(y)]),
    Mistake("each update changes one component of beta only", step=lambda X, y, b, r, s, k, bs: s * (X.T @ r) * (np.arange(len(b)) == k % len(b))),
    Mistake("beta is kept nonnegative", step=lambda X, y, b, r, s, k, bs: np.maximum(b + s * (X.T @ r), 0) - b),
    Mistake("beta is truncated to integers after each update", step=lambda X, y, b, r, s, k, bs: np.trunc(b + s * (X.T @ r)) - b),
    Mistake("the start is truncated to integers", start=np.trunc),
    Mistake("the numbers of X are truncated to integers", data=lambda X, y: (np.trunc(X), y)),
    Mistake("the numbers of y are truncated to integers", data=lambda X, y: (X, np.trunc(y))),
    Mistake("the sign of y is flipped", data=lambda X, y: (X, -y)),
    Mistake("each row of X is divided by its norm", data=lambda X, y: (X / np.linalg.norm(X, axis=1, keepdims=True), y)),
    Mistake("y is divided by its deviation", data=lambda X, y: (X, y / y.std())),
    Mistake("X is divided by its largest absolute number", data=lambda X, y: (X / np.abs(X).max(), y)),
    Mistake("the step is that of Nesterov's method with the weight k / (k + 3)", step=_nesterov(lambda k: k / (k + 3))),
    Mistake("the length of the step is found by a line search, whatever learning_rate is", step=_line_search),
    Mistake("each component of beta is minimized in turn: this is coordinate descent", step=_by_exact_component),
    Mistake("the gradient is that of the absolute error: only the signs of the residual are used", step=lambda X, y, b, r, s, k, bs: s * (X.T @ np.sign(r))),
)  # fmt: skip
LOSSES = (
    Mistake("every loss is half of what it should be: is it divided by 2n?", loss=lambda r, y, p, d: np.mean(r * r) / 2),
    Mistake("the loss is the sum of the squares, not their mean", loss=lambda r, y, p, d: np.sum(r * r)),
    Mistake("the loss is half the sum of the squares, not their mean", loss=lambda r, y, p, d: np.sum(r * r) / 2),
    Mistake("the loss is the root of the mean square", loss=lambda r, y, p, d: np.sqrt(np.mean(r * r))),
    Mistake("the loss is the norm of the residual, not its mean square", loss=lambda r, y, p, d: np.linalg.norm(r)),
    Mistake("the loss is the mean absolute error, not the mean square", loss=lambda r, y, p, d: np.mean(np.abs(r))),
    Mistake("the loss is divided by n - 1, where n belongs", loss=lambda r, y, p, d: np.sum(r * r) / (len(r) - 1)),
    Mistake("the loss is divided by n_features, where n_samples belongs", loss=lambda r, y, p, d: np.sum(r * r) / d),
    Mistake("the loss is the variance of the residual: its mean is subtracted", loss=lambda r, y, p, d: np.var(r)),
    Mistake("the loss is divided by the mean square of y", loss=lambda r, y, p, d: np.mean(r * r) / np.mean(y * y)),
    Mistake("the loss is R squared", loss=lambda r, y, p, d: 1 - np.mean(r * r) / np.var(y)),
    Mistake("the loss is the mean square of the relative errors, residual / y", loss=lambda r, y, p, d: np.mean((r / y) ** 2)),
    Mistake("the loss is the logarithm of the mean square", loss=lambda r, y, p, d: np.log(np.mean(r * r))),
    Mistake("the loss is divided by n * d, where n belongs", loss=lambda r, y, p, d: np.mean(r * r) / d),
    Mistake("the loss is divided by n - d, where n belongs", loss=lambda r, y, p, d: np.sum(r * r) / (len(r) - d)),
    Mistake("the loss leaves out the first row", loss=lambda r, y, p, d: np.mean(r[1:] ** 2)),
    Mistake("the loss leaves out the last row, but is divided by n", loss=lambda r, y, p, d: np.sum(r[:-1] ** 2) / len(r)),
    Mistake("the loss is the largest square, not the mean", loss=lambda r, y, p, d: np.max(r * r)),
    Mistake("the loss leaves out the last row", loss=lambda r, y, p, d: np.mean(r[:-1] ** 2)),
    Mistake("y looks transposed: (n, 1) - (n,) made an n x n matrix", loss=lambda r, y, p, d: np.var(y) + np.var(p) + np.mean(r) ** 2),
    Mistake("losses[k] is the loss after update k, not before", losses=lambda js: js[1:]),
    Mistake("losses[k] is the loss after update k, not before", losses=lambda js: [*js[1:-1], js[-2]]),
    Mistake("losses[k] is the loss of the beta before k", losses=lambda js: [js[0], *js[:-2]]),
    Mistake("the first loss, J of the start, comes twice", losses=lambda js: [js[0], *js[:-1]]),
    Mistake("the losses come in reverse order", losses=lambda js: js[:-1][::-1]),
    Mistake("the first loss, J of the start, is missing", losses=lambda js: js[1:-1] or js[:1]),
    Mistake("the first loss, J of the start, is missing", losses=lambda js: js[1:-1]),
    Mistake("the last loss, J of the beta returned, is missing", losses=lambda js: js[:-2] or js[:1]),
    Mistake("the last loss, J of the beta returned, is missing", losses=lambda js: js[:-2]),
    Mistake("there is one loss too many, that of an update which is not returned", losses=lambda js: js),
    Mistake("the losses are relative to the first one", losses=lambda js: [j / js[0] for j in js[:-1]]),
    Mistake("every loss is that of the last beta", losses=lambda js: [js[-2]] * (len(js) - 1)),
    Mistake("every loss is that of the start", losses=lambda js: [js[0]] * (len(js) - 1)),
    Mistake("the losses are zero", losses=lambda js: [0.0] * (len(js) - 1)),
)  # fmt: skip
# What is visible only in float64.
ROUNDINGS = (
    Mistake("learning_rate is rounded to float32", scale=lambda n, d, r: 2 / n * float(np.float32(r))),
    Mistake("2 / n is rounded to float32", scale=lambda n, d, r: float(np.float32(2 / n)) * r),
    Mistake("2 * learning_rate / n is rounded to float32", scale=lambda n, d, r: float(np.float32(2 / n * r))),
)


def stop_rules(fixture: Fixture) -> dict[str, Callable[[float], int]]:
    """Functions from tol to the number of updates, for the correct rule (key "") and for each wrong one."""
    (betas, J), K = RIGHT.descend(fixture), fixture.max_iter
    moved = [0.0, *(float(np.linalg.norm(b - a)) for a, b in pairwise(betas))]
    gradient = [norm / fixture.learning_rate for norm in moved[1:]]

    def first(stops: Callable[[int, float], bool], delay: int = 0) -> Callable[[float], int]:
        def count(tol: float) -> int:
            k = next((k for k in range(1, K + 1) if stops(k, tol)), K)
            return min(max(k + delay, 0), K) if k < K else K

        return count

    def rule(k: int, tol: float) -> bool:
        return abs(J[k - 1] - J[k]) < tol * J[0]

    return {
        "": first(rule),
        "tol is ignored": first(lambda k, tol: False),
        "the loss change is compared with tol itself, not with tol * J_0": first(lambda k, tol: abs(J[k - 1] - J[k]) < tol),
        "the loss change is compared with tol times the loss before, not with tol * J_0": first(lambda k, tol: abs(J[k - 1] - J[k]) < tol * J[k - 1]),
        "the loss change is compared with tol times the present loss, not with tol * J_0": first(lambda k, tol: abs(J[k - 1] - J[k]) < tol * J[k]),
        "the loss change is compared with tol**2 * J_0, not with tol * J_0": first(lambda k, tol: abs(J[k - 1] - J[k]) < tol**2 * J[0]),
        "the loss change is compared with sqrt(tol) * J_0, not with tol * J_0": first(lambda k, tol: abs(J[k - 1] - J[k]) < tol**0.5 * J[0]),
        "the square of the loss change is compared, not the change": first(lambda k, tol: (J[k - 1] - J[k]) ** 2 < tol * J[0]),
        "the change of the loss is taken over two updates": first(lambda k, tol: k >= 2 and abs(J[k - 2] - J[k]) < tol * J[0]),
        "it stops after two small changes in a row, not after one": first(lambda k, tol: k >= 2 and rule(k, tol) and rule(k - 1, tol)),
        "it stops after three small changes in a row, not after one": first(lambda k, tol: k >= 3 and all(rule(j, tol) for j in (k, k - 1, k - 2))),
        "the stop rule is first applied at k = 2": first(lambda k, tol: k >= 2 and rule(k, tol)),
        "the stop rule is applied only to every tenth k": first(lambda k, tol: k % 10 == 0 and rule(k, tol)),
        "the norm of the gradient is compared with tol, not the change of the loss": first(lambda k, tol: gradient[k] < tol),
        "the norm of the gradient is compared with tol times the first one, not the change of the loss": first(lambda k, tol: gradient[k] < tol * gradient[0]),
        "the loss itself is compared with tol * J_0, not its change": first(lambda k, tol: J[k] < tol * J[0]),
        "the loss itself is compared with tol, not its change": first(lambda k, tol: J[k] < tol),
        "the change of beta is compared with tol, not the change of the loss": first(lambda k, tol: moved[k] < tol),
        "the change of beta is compared with tol times its norm, not the change of the loss": first(lambda k, tol: moved[k] < tol * float(np.linalg.norm(betas[k]))),
        "it stops one update too late": first(rule, 1),
        "it stops one update too early": first(rule, -1),
    }  # fmt: skip
