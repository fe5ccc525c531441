"""How far correct floating-point arithmetic can be from the exact iterates: derived, not chosen.

One step beta_{k+1} = beta_k + eta (2/n) Xᵀ(y - X beta_k) in arithmetic with unit roundoff u carries the
error of beta_k on, times at most rho = max |1 - eta lambda_i(H)|, and adds its own rounding. With
gamma_m = m u / (1 - m u) (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1):

    A_k     = |X|ᵀ(|X|(|beta_k| + B_k) + |y|)
    t_k     = eta (2/n) gamma_{n+d+8} A_k + u (|beta_{k+1}| + B_k)
    B_{k+1} = rho B_k + ||t_k||_2 / (1 - u),    B_0 = 0

and every order of summation, fused multiply-add, blocking or number of threads stays within
||beta_computed - beta_k||_2 <= B_k. The loss of row i is off by at most 2|r_i| D_i + D_i² with
D_i = gamma_{d+1}(|x_i||beta_k| + |y_i|) + ||x_i|| B_k, and their mean by gamma_{n+3} more.
Underflow is outside this model. Diverging iterates overflow it: then the bound is infinite.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
NORMWISE_FACTOR = 8  # of another algorithm's error, whose constants are not ours to know


def gamma(m: int, u: float) -> float:
    """m u / (1 - m u), infinite where m u >= 1."""
    return m * u / (1 - m * u) if m * u < 1 else float("inf")


@dataclass(frozen=True)
class Reference:
    """Iterates to compare with, and how far a correct backend may be from them.

    betas: (K + 1, n_features), losses: (K + 1,), in float64. beta_bound, loss_bound: (K + 1,), the
    largest distances that correct arithmetic in the judged dtype gives, the reference's own error in.
    """

    betas: np.ndarray
    losses: np.ndarray
    beta_bound: np.ndarray
    loss_bound: np.ndarray

    @property
    def informative(self) -> bool:
        """Whether the last step is 100 times the bound: otherwise a missing step could hide in it."""
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
    """A float64 descent of our own, with the bound for a backend that computes in `dtype`.

    X: (n_samples, n_features), y: (n_samples,), beta0: (n_features,), as the backend gets them.
    normwise: for a file with ALGORITHM, whose stability is by norms and not by components.
    """
    X, y = X.astype(np.float64), y.astype(np.float64)
    n = len(X)
    reference_bound = _Bound(X, y, learning_rate, UNIT["float64"], False)
    judged = _Bound(X, y, learning_rate, UNIT[dtype], normwise)
    beta = beta0.astype(np.float64)
    betas, losses, beta_bound, loss_bound = [], [], [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(max_iter + 1):
            residual = y - X @ beta
            betas.append(beta)
            losses.append(residual @ residual / n)
            beta_bound.append(reference_bound.beta + judged.beta)
            loss_bound.append(reference_bound.loss(beta, residual) + judged.loss(beta, residual))
            if k < max_iter:
                after = beta + learning_rate * (2 / n) * (residual @ X)
                reference_bound.step(beta, after)
                judged.step(beta, after)
                beta = after
    return Reference(*map(np.array, (betas, losses, beta_bound, loss_bound)))


class _Bound:
    """B_k of the module's head, carried from step to step."""

    def __init__(self, X: NDArray[Any], y: NDArray[Any], learning_rate: float, u: float, normwise: bool) -> None:
        n, d = X.shape
        self.X, self.y, self.u, self.n, self.d, self.normwise = np.abs(X), np.abs(y), u, n, d, normwise
        self.rate = learning_rate * 2 / n
        # Of the smaller Gram matrix: the other eigenvalues of H are 0, and |1 - 0| = 1.
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
