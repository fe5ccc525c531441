"""The curvature of the loss over beta: how fast a descent is, and how near to a minimum it ended.

J is a quadratic function of beta with the Hessian H = (2/n) X^T X. One update multiplies the error beta - beta_min
along an eigenvector of H by 1 - learning_rate * eigenvalue (Nesterov, Lectures on Convex Optimization, section 2.1).
"""

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends._scaling import intercepts

Array = NDArray[Any]
NEAR = 0.01  # the distance at which a minimum is near
SMALL_EFFECT = 0.1  # of the standard deviation of y: coefficients with a smaller effect are compared with it
ROUNDED = 1e-10  # smaller eigenvalues of a Gram matrix, relative to the largest, have few right digits
FOREVER = 2**60  # updates


class Curvature:
    """The eigenvalues of H = (2/n) X^T X that are not 0, and what follows from them.

    X: (n_samples, n_features), finite. The decompositions are made when they are needed.
    """

    def __init__(self, X: Array) -> None:
        self.X = X.astype(np.float64, copy=False)
        self._unit = float(np.abs(X).max()) or 1.0  # squares of very large or small features may overflow or underflow
        self.dtype = X.dtype

    @cached_property
    def _gram(self) -> Array:
        """X^T X or X X^T, whichever is smaller, for X in units of its largest value."""
        scaled = self.X / self._unit
        return scaled @ scaled.T if len(self.X) < self.X.shape[1] else scaled.T @ scaled

    @cached_property
    def _eigenvalues(self) -> Array:
        """The eigenvalues of the Gram matrix, ascending."""
        return np.linalg.eigvalsh(self._gram)

    @property
    def largest(self) -> float:
        """L, the largest eigenvalue of H: the Lipschitz constant of the gradient."""
        return self._of_hessian(float(self._eigenvalues[-1]))

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue of H that is not 0, or 0 if X is zero."""
        return self._of_hessian(float(self._eigenvalues[-1]) / self.condition**2)

    def _of_hessian(self, eigenvalue: float) -> float:
        return 2 / len(self.X) * eigenvalue * self._unit * self._unit

    @property
    def default_rate(self) -> float:
        """1/L, or 1 if X is zero. With this rate the loss never rises.

        Raises ValueError if 1/L is not a normal number in the dtype of X.
        """
        if not self._eigenvalues[-1] > 0:
            return 1.0
        rate = len(self.X) / 2 / float(self._eigenvalues[-1]) / self._unit / self._unit
        limits = np.finfo(self.dtype)
        if not float(limits.tiny) <= rate <= float(limits.max):
            column = int(np.abs(self.X).max(axis=0).argmax())
            raise ValueError(
                f"X: found values up to {self._unit:.3g} in column {column}, for which 1/L is not a {self.dtype}"
                " number; allowed: scaled features"
            )
        return rate

    @property
    def largest_rate(self) -> float:
        """2/L, the learning rate above which a descent diverges; infinity if X is zero."""
        return 2 / self.largest if self.largest > 0 else math.inf

    @cached_property
    def _normalized(self) -> tuple[Array, Array, Array]:
        """(lengths in `_unit`, eigenvalues that are not 0, their vectors) of X with columns of length 1."""
        wide = len(self.X) < self.X.shape[1]
        lengths = np.linalg.norm(self.X / self._unit, axis=0) if wide else np.sqrt(np.diag(self._gram))
        lengths = np.where(lengths > 0, lengths, 1.0)
        tall = (self.X / self._unit / lengths).T if wide else None
        gram = tall.T @ tall if tall is not None else self._gram / lengths / lengths[:, None]
        squares, vectors = np.linalg.eigh(gram)
        if squares[0] < ROUNDED * squares[-1]:
            _, values, rows = np.linalg.svd(
                np.linalg.qr(self.X / self._unit / lengths if tall is None else tall, mode="r")
            )
            squares, vectors = values[::-1] ** 2, rows[::-1].T
        kept = np.sqrt(np.maximum(squares, 0)) > max(self.X.shape) * np.finfo(float).eps * math.sqrt(squares[-1])
        return lengths, squares[kept], vectors[:, kept]

    @property
    def rank(self) -> int:
        """The number of columns of X that do not depend on others, in units of their lengths."""
        return len(self._normalized[1])

    @cached_property
    def condition(self) -> float:
        """The condition number of X: its largest singular value by its smallest that is not 0; 1 if X is zero."""
        if not self.rank:
            return 1.0
        squares = self._eigenvalues
        if squares[-self.rank] < ROUNDED * squares[-1]:
            tall = self.X / self._unit if len(self.X) >= self.X.shape[1] else self.X.T / self._unit
            squares = np.linalg.svd(np.linalg.qr(tall, mode="r"), compute_uv=False)[::-1] ** 2
        with np.errstate(all="ignore"):
            return float(np.sqrt(squares[-1] / squares[-self.rank]))

    def distance(self, residual: Array, gradient: Array) -> tuple[Array, float]:
        """(beta - beta_min, J - J_min) of the nearest minimum, from the residual y - X beta and the gradient."""
        lengths, squares, vectors = self._normalized
        n, units = len(self.X), lengths * self._unit
        if n < len(units):
            parts = vectors.T @ residual
            return -(self.X / units).T @ (vectors @ (parts / squares)) / units, float(parts @ parts) / n
        parts = vectors.T @ (gradient / units) * (n / 2)
        return vectors @ (parts / squares) / units, float(parts @ (parts / squares)) / n

    def eigenvectors(self) -> tuple[Array, Array]:
        """(eigenvalues, vectors as columns) of H that are not 0."""
        squares, vectors = np.linalg.eigh(self._gram)
        squares, vectors = squares[-self.rank :], vectors[:, -self.rank :]
        if len(self.X) < self.X.shape[1]:
            vectors = (self.X / self._unit).T @ vectors / np.sqrt(squares)
        return squares * (2 / len(self.X)) * self._unit * self._unit, vectors

    def contraction(self, learning_rate: float) -> float:
        """The factor by which an update shrinks the distance to the minimum at least; above 2/L it is over 1."""
        return max(abs(1 - learning_rate * self.largest), abs(1 - learning_rate * self.smallest))


class Nearness(NamedTuple):
    """How near beta is to the nearest minimum.

    gradient_norm: the length of the gradient. excess: J - J_min. distance: see `nearness`; near means at most NEAR.
    iterations_left: the predicted number of updates until it is near, 0 if it is, infinity if it never will be.
    """

    gradient_norm: float
    excess: float
    distance: float
    iterations_left: float

    @property
    def near(self) -> bool:
        return self.distance <= NEAR


def nearness(curvature: Curvature, y: Array, beta: Array, learning_rate: float) -> Nearness:
    """How near beta is to the minimum of J.

    The gradient is H (beta - beta_min), so delta = H^+ gradient, with the pseudoinverse, is the way from the nearest
    minimum (in units in which the columns have length 1). The distance is the largest of

        |delta_j| s_j / max(|beta_min_j| s_j, s_y / 10)  for each column j, and
        sqrt(J(beta) - J_min) / s_y,  where  J(beta) - J_min = delta^T H delta / 2.

    s_j and s_y are the standard deviations of column j and of y, or the root mean squares if X has no constant column.
    So units cancel, and a constant column only counts in the predictions. At a distance of 1 %, each slope is within
    1 % of its value at the minimum, or moves y by less than 0.1 % of s_y per s_j. The predictions are within 1 % of
    s_y, and R^2 is within 0.0001.
    """
    with np.errstate(all="ignore"):
        residual = y.astype(np.float64) - curvature.X @ beta.astype(np.float64)
        gradient = curvature.X.T @ residual * (-2 / len(y))
        norm = float(np.linalg.norm(gradient))
        if not math.isfinite(norm):
            return Nearness(math.inf, math.inf, math.inf, math.inf)
        scales = _Scales.of(curvature.X, y)
        delta, excess = curvature.distance(residual, gradient)
        distance = scales.distance(delta, beta - delta, excess)
        left = 0 if distance <= NEAR else _iterations_left(curvature, scales, beta, delta, learning_rate)
        return Nearness(norm, excess, distance, left)


class _Scales(NamedTuple):
    """s_j of each column, and s_y."""

    columns: Array
    target: float

    @classmethod
    def of(cls, X: Array, y: Array) -> "_Scales":
        constant, n = intercepts(X), len(X)
        mean_squares = np.einsum("ij,ij->j", X, X) / n
        size = float(np.sqrt(np.mean(np.square(y, dtype=np.float64)))) or 1.0
        if not constant.any():
            return cls(np.sqrt(mean_squares), size)
        variances = mean_squares - np.square(np.ones(n) @ X / n)
        rounded = variances < 1e-6 * mean_squares  # the difference of two nearly equal numbers has few right digits
        variances[rounded] = X[:, rounded].var(axis=0)
        spread = float(y.std(dtype=np.float64))
        # The standard deviation of equal values is a rounding error.
        return cls(np.where(constant, 0.0, np.sqrt(variances)), spread if spread > 1e-12 * size else size)

    def distance(self, delta: Array, minimum: Array, excess: float) -> float:
        sizes = np.maximum(np.abs(minimum) * self.columns, SMALL_EFFECT * self.target)
        return float(max((np.abs(delta) * self.columns / sizes).max(), math.sqrt(max(excess, 0.0)) / self.target))


def _iterations_left(curvature: Curvature, scales: _Scales, beta: Array, delta: Array, learning_rate: float) -> float:
    """The first number of updates after which the minimum is near, by the factors of the errors along eigenvectors."""
    eigenvalues, vectors = curvature.eigenvectors()
    errors, factors = vectors.T @ delta, 1 - learning_rate * eigenvalues
    minimum = beta - vectors @ errors

    def near(updates: int) -> bool:
        left = errors * np.abs(factors) ** updates
        return scales.distance(vectors @ left, minimum, float(np.sum(eigenvalues * left * left)) / 2) <= NEAR

    high = 1
    while not near(high):
        high *= 2
        if high > FOREVER:
            return math.inf
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if near(middle) else (middle, high)
    return high


def default_learning_rate(X: Array) -> float:
    """1/L with L = lambda_max((2/n) X^T X), the Lipschitz constant of the gradient, or 1 if L = 0.

    X: (n_samples, n_features). Raises ValueError if 1/L is not a normal number in the dtype of X.
    """
    return Curvature(X).default_rate
