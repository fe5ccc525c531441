"""The exact iterates: the descent in rational arithmetic, where nothing is rounded.

Every float is a rational number, so on the inputs as a backend receives them this has no error at all.
"""

from fractions import Fraction

import numpy as np


def exact_iterates(X, y, beta0, learning_rate, max_iter) -> tuple[list[list[Fraction]], list[Fraction]]:
    """beta_0 ... beta_K and J(beta_0) ... J(beta_K), K = max_iter, exactly.

    X: (n_samples, n_features), y: (n_samples,), beta0: (n_features,), any float dtype; learning_rate: a
    float. XᵀX, Xᵀy and yᵀy are formed once, then a step costs d² operations. The fractions grow with
    every step: meant for n_samples <= 64 and max_iter <= 50.
    """
    rows = [[Fraction(float(x)) for x in row] for row in X]
    targets = [Fraction(float(t)) for t in y]
    beta = [Fraction(float(b)) for b in beta0]
    n, features = len(rows), range(len(beta))
    gram = [[sum((row[i] * row[j] for row in rows), Fraction(0)) for j in features] for i in features]
    moment = [sum((row[i] * t for row, t in zip(rows, targets, strict=True)), Fraction(0)) for i in features]
    square = sum((t * t for t in targets), Fraction(0))

    betas, losses = [], []
    for k in range(max_iter + 1):
        gram_beta = [sum((gram[i][j] * beta[j] for j in features), Fraction(0)) for i in features]
        # (1/n) sum (y - X beta)^2, multiplied out
        losses.append((square + sum(beta[i] * (gram_beta[i] - 2 * moment[i]) for i in features)) / n)
        betas.append(beta)
        if k < max_iter:
            gradient = [Fraction(-2, n) * (moment[i] - gram_beta[i]) for i in features]
            beta = [beta[i] - Fraction(learning_rate) * gradient[i] for i in features]
    return betas, losses


def distance(computed, exact: list[Fraction]) -> float:
    """||computed - exact||_2, the differences taken exactly before they are rounded once."""
    return float(np.linalg.norm([float(Fraction(float(c)) - e) for c, e in zip(computed, exact, strict=True)]))
