"""The loss of a problem over β: a valley with one lowest point."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends import Fit
from backends._solve import descend

Array = NDArray[Any]


class Valley(NamedTuple):
    """The loss over β.

    steepest, flattest: the largest and the smallest curvature. best: the β of the smallest loss, `minimum`.
    """

    X: Array
    y: Array
    steepest: float
    flattest: float
    best: Array
    minimum: float

    @classmethod
    def of(cls, X: Array, y: Array) -> "Valley":
        curvatures, best = np.linalg.eigvalsh(2 / len(y) * X.T @ X), np.linalg.lstsq(X, y)[0]
        return cls(X, y, float(curvatures[-1]), float(curvatures[0]), best, float(np.mean((y - X @ best) ** 2)))

    @property
    def limit(self) -> float:
        """2/L, the learning rate above which a descent diverges."""
        return 2 / self.steepest

    @property
    def condition(self) -> float:
        return self.steepest / self.flattest

    def descend(self, rate: float, updates: int, start: Array | None = None, tol: float = 0.0) -> Fit:
        return descend(self.X, self.y, "numpy_vectorized", rate, updates, tol, start)

    def remaining_gap(self, losses: Array) -> Array:
        """The gap to the minimum loss after each update, relative to the first gap."""
        return np.asarray((losses - self.minimum) / (losses[0] - self.minimum))

    def distance(self, beta: Array) -> float:
        """‖β − best‖ / ‖best‖"""
        return float(np.linalg.norm(beta - self.best) / np.linalg.norm(self.best))

    def updates(self, rate: float, near: float, of_loss: bool = False, max_iter: int = 10**6) -> int | None:
        """Updates from zeros until ‖β − best‖, or the gap of the loss, is at most `near` of the first one.

        None if they are more than max_iter.
        """
        H, error = 2 / len(self.y) * self.X.T @ self.X, -self.best
        weights, share = (H, near) if of_loss else (np.eye(len(H)), near**2)
        goal = share * (error @ weights @ error)
        with np.errstate(over="ignore", invalid="ignore"):
            for k in range(max_iter + 1):
                if error @ weights @ error <= goal:
                    return k
                error = error - rate * (H @ error)
        return None
