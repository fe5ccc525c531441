"""Standardized columns for a descent, and coefficients in the units of the caller."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def intercepts(X: Array) -> Array:
    """Which columns are constant and not 0."""
    first = X[0]
    result = np.asarray((first != 0) & (first == X[-1]))
    result[result] = (X[:, result] == first[result]).all(axis=0)
    return result


class Scaling:
    """X with columns of mean 0 and standard deviation 1, which have the same predictions.

    A constant column becomes a column of ones. Without one, the columns are divided by their root mean squares and not
    centered, because the predictions could not be the same: no intercept is invented.
    """

    def __init__(self, X: Array) -> None:
        constant = intercepts(X)
        self._ones = int(constant.argmax()) if constant.any() else None
        # Squares of large or small features may overflow or underflow. The division by a power of 2 does not round.
        unit = np.ldexp(1.0, np.frexp(np.abs(X).max(axis=0))[1] - 1)
        columns = X / unit
        means = np.zeros(X.shape[1])
        if self._ones is not None:
            means = np.where(constant, 0.0, columns.mean(axis=0))
            columns -= means
        sizes = np.sqrt(np.mean(np.square(columns), axis=0))
        sizes = np.where(constant, columns[0], np.where(sizes > 0, sizes, 1.0))
        self.means, self.scales = means * unit, sizes * unit
        columns /= sizes
        self.X: Array = columns.astype(X.dtype, copy=False)

    @np.errstate(all="ignore")  # a diverging fit is a result, not a warning
    def standardized(self, beta: Array) -> Array:
        """The coefficients of the standardized columns."""
        result = beta * self.scales
        if self._ones is not None:
            result[self._ones] += self.means @ beta
        return np.asarray(result.astype(self.X.dtype))

    @np.errstate(all="ignore")
    def original(self, beta: Array) -> Array:
        """The coefficients of the columns of the caller."""
        result = beta / self.scales
        if self._ones is not None:
            result[self._ones] -= self.means @ result / self.scales[self._ones]
        return np.asarray(result.astype(self.X.dtype))
