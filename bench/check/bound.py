"""An upper bound on the distance between correctly computed and exact iterates, derived from rounding analysis.

One step beta_{k+1} = beta_k + eta (2/n) Xᵀ(y - X beta_k) in arithmetic with unit roundoff u multiplies the
error of beta_k by at most rho = max |1 - eta lambda_i(H)| and adds its own rounding error. With
gamma_m = m u / (1 - m u) (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1):

    A_k     = |X|ᵀ(|X|(|beta_k| + B_k) + |y|)
    t_k     = eta (2/n) gamma_{n+d+8} A_k + u (|beta_{k+1}| + B_k)
    B_{k+1} = rho B_k + ||t_k||_2 / (1 - u),    B_0 = 0

and ||beta_computed - beta_k||_2 <= B_k holds for every order of summation, with or without fused multiply-add,
tiling and threads. The error of the squared residual of row i is at most 2|r_i| D_i + D_i² with
D_i = gamma_{d+1}(|x_i||beta_k| + |y_i|) + ||x_i|| B_k, and their mean adds a relative error of gamma_{n+3}.
The model ignores underflow. Where diverging iterates overflow, the bound is infinite.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
NORMWISE_FACTOR = 8  # allowance for the constants in the error of another algorithm, which are unknown


def gamma(m: int, u: float) -> float:
    """m u / (1 - m u); infinity if m u >= 1."""
    return m * u / (1 - m * u) if m * u < 1 else float("inf")


@dataclass(frozen=True)
class Reference:
    """Iterates computed in float64, with the error bounds that a correct backend keeps.

    betas: (K + 1, n_features), losses: (K + 1,), in float64. beta_bound, loss_bound: (K + 1,), the
    largest errors of correct arithmetic in the dtype of the backend, plus the error of the reference itself.
    """

    betas: np.ndarray
    losses: np.ndarray
    beta_bound: np.ndarray
    loss_bound: np.ndarray

    @property
    def informative(self) -> bool:
        """Whether the last step is at least 100 times the bound, so that the bound cannot hide a missing step."""
        if len(self.betas) < 2:
            return True
        return bool(np.linalg.norm(self.betas[-1] - self.betas[-2]) >= 100 * self.beta_bound[-1])


def reference(
    X: NDArray[Any],
    y: NDArray[Any],
    beta0: NDArray[Any],
    learning_rate: float,
    max_iter: int,
    dtype: str,
    normwise: bool = False,
) -> Reference:
    """Gradient descent in float64, with the error bounds for a backend that computes in `dtype`.

    X: (n_samples, n_features), y: (n_samples,), beta0: (n_features,), as the backend gets them.
    normwise: use the bound for another algorithm (ALGORITHM), which is stable in norms and not in components.
    """
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    n = len(X)
    bounds = [_Bound(X, y, learning_rate, UNIT["float64"], False)]  # of the reference itself
    if dtype != "float64" or normwise:
        bounds.append(_Bound(X, y, learning_rate, UNIT[dtype], normwise))
    weight = 2 / len(bounds)  # in float64, one bound holds for the reference and for the backend
    beta = beta0.astype(np.float64)
    betas, losses, beta_bound, loss_bound = [], [], [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(max_iter + 1):
            residual = y - X @ beta
            betas.append(beta)
            losses.append(residual @ residual / n)
            beta_bound.append(weight * sum(bound.beta for bound in bounds))
            loss_bound.append(weight * sum(bound.loss(beta, residual) for bound in bounds))
            if k < max_iter:
                after = beta + learning_rate * (2 / n) * (residual @ X)
                for bound in bounds:
                    bound.step(beta, after)
                beta = after
    return Reference(*map(np.array, (betas, losses, beta_bound, loss_bound)))


class _Bound:
    """The bound B_k of the module's docstring, updated at each step."""

    def __init__(self, X: NDArray[Any], y: NDArray[Any], learning_rate: float, u: float, normwise: bool) -> None:
        n, d = X.shape
        self.X, self.y, self.u, self.n, self.d, self.normwise = np.abs(X), np.abs(y), u, n, d, normwise
        self.rate = learning_rate * 2 / n
        # The smaller Gram matrix has all nonzero eigenvalues of H. For the others, |1 - 0| = 1.
        with np.errstate(over="ignore", invalid="ignore"):
            gram = X.T @ X if d <= n else X @ X.T
        eigenvalues = np.linalg.eigvalsh(gram) if np.isfinite(gram).all() else np.array([np.inf])
        self.rho = float(np.abs(1 - self.rate * np.append(eigenvalues, [] if d <= n else 0.0)).max())
        self.rows = np.sqrt(np.einsum("ij,ij->i", X, X))
        self.columns = np.sqrt(np.einsum("ij,ij->j", X, X))
        self.frobenius, self.y_norm = float(np.linalg.norm(self.rows)), float(np.linalg.norm(y))
        self.beta = 0.0

    def step(self, beta: NDArray[Any], after: NDArray[Any]) -> None:
        if self.normwise:
            spread = self.columns * (self.frobenius * (np.linalg.norm(beta) + self.beta) + self.y_norm)
            growth = gamma(NORMWISE_FACTOR * self.n * self.d, self.u)
        else:
            spread = (self.X @ (np.abs(beta) + self.beta) + self.y) @ self.X
            growth = gamma(self.n + self.d + 8, self.u)
        rounding = self.rate * growth * spread + self.u * (np.abs(after) + self.beta)
        self.beta = self.rho * self.beta + float(np.linalg.norm(rounding)) / (1 - self.u)

    def loss(self, beta: NDArray[Any], residual: NDArray[Any]) -> float:
        if self.normwise:
            slack = gamma(NORMWISE_FACTOR * self.n * self.d, self.u)
            row = slack * (self.frobenius * (np.linalg.norm(beta) + self.beta) + self.y_norm) + self.rows * self.beta
        else:
            row = gamma(self.d + 1, self.u) * (self.X @ np.abs(beta) + self.y) + self.rows * self.beta
        mean = gamma(self.n + 3, self.u)
        squares = residual * residual
        return float((1 + mean) * np.mean(2 * np.abs(residual) * row + row * row) + mean * np.mean(squares))
