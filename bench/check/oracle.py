"""The exact iterates, in two independent ways: step by step in rational arithmetic, and by a closed form.

Every float is a rational number, so the first way has no error at all for the inputs that a backend receives. The
second way makes no steps, so it also detects a misreading of the algorithm.
"""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


def exact_iterates(
    X: NDArray[Any], y: NDArray[Any], beta0: NDArray[Any], learning_rate: float, max_iter: int
) -> tuple[list[list[Fraction]], list[Fraction]]:
    """The exact beta_0 ... beta_K and J(beta_0) ... J(beta_K), K = max_iter.

    X: (n_samples, n_features), y: (n_samples,), beta0: (n_features,), any float dtype. XᵀX, Xᵀy and yᵀy are
    computed once, so a step costs d² operations. The fractions grow with every step: use it for n_samples <= 64 and
    max_iter <= 50.
    """
    rational = np.vectorize(lambda number: Fraction(float(number)), otypes=[object])
    A, t, beta = rational(X), rational(y), rational(beta0)
    gram, moment, square = A.T @ A, A.T @ t, t @ t
    betas, losses = [], []
    for k in range(max_iter + 1):
        gram_beta = gram @ beta
        losses.append((square + beta @ (gram_beta - 2 * moment)) / len(t))  # (1/n) sum (y - X beta)^2, expanded
        betas.append(beta.tolist())
        if k < max_iter:
            gradient = Fraction(-2, len(t)) * (moment - gram_beta)
            beta = beta - Fraction(learning_rate) * gradient
    return betas, losses


def closed_form(
    X: NDArray[Any], y: NDArray[Any], beta0: NDArray[Any], learning_rate: float, max_iter: int
) -> tuple[list[Fraction], Fraction]:
    """beta_K and J(beta_K), K = max_iter, to about 60 digits, from the eigenvectors of H = (2/n) XᵀX = Q diag(l) Qᵀ:

        beta_K = Q [(I - eta l)^K Qᵀ beta_0 + eta sum_{j<K} (I - eta l)^j Qᵀ (2/n) Xᵀ y]

    The sum replaces a division by l, because an eigenvalue may be 0. The arguments are those of exact_iterates, but K
    may be large.
    """
    import mpmath

    with mpmath.workdps(60):
        A, t, start = mpmath.matrix(X.tolist()), mpmath.matrix(y.tolist()), mpmath.matrix(beta0.tolist())
        rate, n = mpmath.mpf(learning_rate), len(y)
        eigenvalues, Q = mpmath.eigsy(A.T * A * 2 / n)
        shrink = [1 - rate * value for value in eigenvalues]
        pull, turned = Q.T * (A.T * t) * 2 / n, Q.T * start
        # The geometric sum. If 1 - eta l is 1 to all digits, each of its terms is 1.
        sums = [max_iter if s == 1 else (1 - s**max_iter) / (1 - s) for s in shrink]
        beta = Q * mpmath.matrix(
            [s**max_iter * b + rate * g * p for s, b, g, p in zip(shrink, turned, sums, pull, strict=True)]
        )
        residual = t - A * beta
        loss = sum(r * r for r in residual) / n
        return [_fraction(b) for b in beta], _fraction(loss)


def _fraction(number: Any) -> Fraction:
    sign, mantissa, exponent, _ = number._mpf_
    return Fraction((-1) ** sign * int(mantissa)) * Fraction(2) ** int(exponent)


def distance(computed: Any, exact: list[Fraction]) -> float:
    """||computed - exact||_2. Each difference is exact and rounded once."""
    return float(np.linalg.norm([float(Fraction(float(c)) - e) for c, e in zip(computed, exact, strict=True)]))
