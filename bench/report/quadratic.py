"""The loss over β, a quadratic function: descents in closed form, and contours."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK = 65536  # rows at once
RINGS = 8  # contours of the loss
CORNERS = 48  # of the polygon that represents a contour
WIDE = 2.0  # the map ends at this many times the distance of the start, however long a contour is
Array = NDArray[Any]


class Quadratic(NamedTuple):
    """The loss over β: J(β) = minimum + Σᵢ curvaturesᵢ eᵢ² / 2 with the errors e = directions (β − best).

    curvatures: (r,), descending: the eigenvalues of H = (2/n) XᵀX; directions: (r, d), their eigenvectors.
    best: (d,), the shortest β of the smallest loss.
    """

    curvatures: Array
    directions: Array
    best: Array
    minimum: float

    @classmethod
    def of(cls, X: Array, y: Array) -> "Quadratic":
        """X: (n, d), y: (n,)."""
        triangle: Array = np.empty((0, X.shape[1] + 1))
        for first in range(0, len(y), CHUNK):
            part = np.column_stack([X[first : first + CHUNK], y[first : first + CHUNK]])
            triangle = np.asarray(np.linalg.qr(np.vstack([triangle, part]), mode="r"))
        best = np.linalg.lstsq(triangle[:, :-1], triangle[:, -1])[0]
        _, singular, directions = np.linalg.svd(triangle[:, :-1], full_matrices=False)
        residuals = triangle @ [*best, -1]
        return cls(2 / len(y) * singular**2, directions, best, float(residuals @ residuals) / len(y))

    @property
    def limit(self) -> float:
        """2/L, the learning rate above which a descent diverges."""
        return float(2 / self.curvatures[0])

    def descent(self, rate: float, ks: ArrayLike) -> tuple[Array, Array]:
        """β and loss after k updates from zeros for each of ks: an update multiplies error i by 1 − rate·curvatureᵢ."""
        with np.errstate(over="ignore", invalid="ignore"):
            shrunk = (1 - rate * self.curvatures) ** np.asarray(ks)[:, None]
            start = self.directions @ self.best
            losses = self.minimum + (start * shrunk) ** 2 @ self.curvatures / 2
            return (start * (1 - shrunk)) @ self.directions, losses

    def contours(self, axes: tuple[int, int]) -> tuple[list[Array], list[list[float]]]:
        """Contours of the loss over two of β, the others at their best: polygons, and the limits of a map of them."""
        chosen = self.directions[:, axes]
        values, vectors = np.linalg.eigh(chosen.T * self.curvatures @ chosen)
        values = np.maximum(values, 1e-9 * values[-1])  # an open valley: its contours are parallel lines
        best = self.best[list(axes)]
        reach = np.linalg.norm(np.sqrt(values) * (best @ vectors)) or 1.0
        circle = np.linspace(0, 2 * np.pi, CORNERS)
        ring = vectors @ np.diag(1 / np.sqrt(values)) @ np.array([np.cos(circle), np.sin(circle)])
        rings = [(best[:, None] + reach * share * ring).T for share in np.linspace(0.15, 1.4, RINGS)]
        half = np.minimum(np.abs(rings[-1] - best).max(axis=0), WIDE * np.linalg.norm(best) or np.inf)
        return rings, [limits([0.0, b - h, b + h]) for b, h in zip(best, half, strict=True)]


def limits(values: ArrayLike) -> list[float]:
    """The limits of an axis around these values."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.06 * (high - low or 1.0)
    return [rounded(low - room), rounded(high + room)]


def rounded(values: ArrayLike, digits: int = 6) -> Any:
    """Numbers with this many significant digits, in lists: shorter in a page."""
    array = np.asarray(values, float)
    return [rounded(row, digits) for row in array] if array.ndim else float(f"{array:.{digits}g}")
