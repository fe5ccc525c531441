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

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
CHUNK_VALUES = 2**17  # residuals computed at once: one megabyte
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
    return references(X, y, beta0, [learning_rate], max_iter, dtype, normwise)[0]


def references(
    X: NDArray[Any],
    y: NDArray[Any],
    beta0: NDArray[Any],
    learning_rates: Sequence[float],
    max_iter: int,
    dtype: str,
    normwise: bool = False,
) -> list[Reference]:
    """A `reference` for each learning rate. They share the passes over X."""
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    n, d = X.shape
    rates = np.array(learning_rates) * (2 / n)
    steps = max_iter + 1
    betas = np.zeros((steps + 1, len(rates), d))  # the last row stays zero
    losses, beta_bound, loss_bound = np.zeros((3, steps, len(rates)))
    with np.errstate(over="ignore", invalid="ignore"):
        betas[0] = beta0
        for k in range(max_iter):
            betas[k + 1] = betas[k] + rates[:, None] * ((y - betas[k] @ X.T) @ X)
        bounds = [_Bound(X, y, rates, UNIT["float64"], False)]  # of the reference itself
        if dtype != "float64" or normwise:
            bounds.append(_Bound(X, y, rates, UNIT[dtype], normwise))
        weight = 2 / len(bounds)  # in float64, one bound holds for the reference and for the backend
        # As many iterations at once as fit into a cache or a quarter of X.
        chunk = max(1, max(CHUNK_VALUES, X.size // 4) // (max(n, d) * len(rates)))
        for first in range(0, steps, chunk):
            part = slice(first, min(first + chunk, steps))
            residuals = np.abs(y - np.tensordot(betas[part], X.T, 1))
            losses[part] = np.einsum("kri,kri->kr", residuals, residuals) / n
            for bound in bounds:
                of_betas, of_losses = bound.of(betas[first : part.stop + 1], residuals, losses[part])
                beta_bound[part] += weight * of_betas
                loss_bound[part] += weight * of_losses
    arrays = betas[:steps], losses, beta_bound, loss_bound
    return [Reference(*(array[:, index] for array in arrays)) for index in range(len(rates))]


class _Bound:
    """The bound B_k of the module's docstring for each of several learning rates, updated by `of`.

    Both t_k = a_k + B_k h and D = gamma A_k + B_k w are linear in B_k, so `of` computes all but B_k for many k at once.
    rates: (R,), eta 2/n.
    """

    def __init__(self, X: NDArray[Any], y: NDArray[Any], rates: NDArray[Any], u: float, normwise: bool) -> None:
        n, d = X.shape
        self.X, self.y, self.u, self.normwise = np.abs(X), np.abs(y), u, normwise
        # The smaller Gram matrix has all nonzero eigenvalues of H. For the others, |1 - 0| = 1.
        gram = X.T @ X if d <= n else X @ X.T
        eigenvalues = np.linalg.eigvalsh(gram) if np.isfinite(gram).all() else np.array([np.inf])
        self.rho = np.abs(1 - np.outer(rates, np.append(eigenvalues, [] if d <= n else 0.0))).max(axis=1)
        rows, self.columns = np.sqrt(np.einsum("ij,ij->i", X, X)), np.sqrt(np.einsum("ij,ij->j", X, X))
        self.frobenius, self.y_norm = float(np.linalg.norm(rows)), float(np.linalg.norm(y))
        if normwise:
            self.gamma = growth = gamma(NORMWISE_FACTOR * n * d, u)
            self.w, spread = rows + growth * self.frobenius, self.columns * self.frobenius
        else:
            self.gamma, growth = gamma(d + 1, u), gamma(n + d + 8, u)
            self.w, spread = rows, self.X.sum(axis=1) @ self.X
        self.mean = gamma(n + 3, u)
        self.scale = rates[:, None] * growth
        self.h = self.scale * spread + u
        self.last = [0.0] * len(rates)

    def of(
        self, betas: NDArray[Any], residuals: NDArray[Any], losses: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """The next B_k and the bounds of their losses, (K, R) each.

        betas: (K + 1, R, d); residuals: absolute values, (K, R, n); losses: (K, R).
        """
        if self.normwise:
            norms = np.linalg.norm(betas[:-1], axis=2, keepdims=True)
            A = np.broadcast_to(self.frobenius * norms + self.y_norm, residuals.shape)
            spread = A[:, :, :1] * self.columns
        else:
            A = np.tensordot(np.abs(betas[:-1]), self.X.T, 1) + self.y
            spread = np.tensordot(A, self.X, 1)
        a = self.scale * spread + self.u * np.abs(betas[1:])
        B = np.stack([self.recursion(index, a[:, index]) for index in range(len(self.last))], axis=1)
        linear = self.gamma * np.einsum("kri,kri->kr", residuals, A) + B * (residuals @ self.w)
        square = self.gamma**2 * np.einsum("kri,kri->kr", A, A) + 2 * self.gamma * B * (A @ self.w)
        error = (2 * linear + square + B * B * (self.w @ self.w)) / len(self.y)
        bounds = B, (1 + self.mean) * error + self.mean * losses
        of_betas, of_losses = (np.where(np.isnan(bound), np.inf, bound) for bound in bounds)  # 0 times infinity
        return of_betas, of_losses

    def recursion(self, index: int, a: NDArray[Any]) -> list[float]:
        """B_k of one learning rate for the next K iterations. a: (K, d)."""
        h, rho, bound, bounds = self.h[index], float(self.rho[index]), self.last[index], []
        h_h = float(h @ h)
        for a_a, a_h in zip(np.einsum("kj,kj->k", a, a).tolist(), (a @ h).tolist(), strict=True):
            bounds.append(bound)
            bound = rho * bound + math.sqrt(a_a + 2 * bound * a_h + bound * bound * h_h) / (1 - self.u)
        self.last[index] = bound
        return bounds
