"""Find arithmetic in a narrower format than that of the data."""

from collections.abc import Callable
from dataclasses import replace
from math import isqrt

import numpy as np

from bench.check.bound import UNIT
from bench.check.evidence import Answer
from bench.check.fixtures import Fixture
from bench.check.mistakes import RIGHT

PRECISIONS = {"float32": 24, "float16 or bfloat16": 11}  # bits


def exact_problem(bits: int) -> Fixture:
    """A problem of integers whose update and first loss are exact in a binary format with this many bits.

    The sum of n = 8 squares of residuals is the largest number. 2 learning_rate / n is a power of two.
    """
    rng, largest = np.random.default_rng(bits), isqrt(2 ** (bits - 3)) - 1
    start = largest // 4
    X, y = rng.choice([-1.0, 1.0], (8, 2)), rng.integers(-largest + 2 * start, largest - 2 * start, 8, endpoint=True)
    beta0 = rng.integers(-start, start, 2, endpoint=True)
    return Fixture("integers", X, y.astype(float), beta0.astype(float), 0.5, 1)


def narrow_format(answer_of: Callable[[Fixture], Answer | None], problem: Fixture) -> str | None:
    """The hint about arithmetic in a narrow format, or None.

    answer_of: the answer of the backend to a problem. problem: one that it solves incorrectly.
    The relative error has the size of its rounding, also if y and beta0 are scaled, and vanishes where it is exact.
    """
    base, dtype = replace(problem, max_iter=1), problem.dtype
    scaled = replace(base, y=32 * base.y, beta0=32 * base.beta0)
    errors = []
    for fixture in (base, scaled):
        answer, right = answer_of(fixture), RIGHT.result(fixture)
        if answer is None or len(answer.losses) != 2:
            return None
        off, step = answer.beta - right[0], right[0] - fixture.beta0
        if off.any() and abs(off @ step) > 0.99 * np.linalg.norm(off) * np.linalg.norm(step):
            return None  # a wrong factor gives an error parallel to the step
        # The second loss depends on the error of beta.
        pairs = [(a[:d], b[:d]) for a, b, d in zip(answer[1:], right, (None, 1), strict=True)]
        errors.append([float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in pairs])
    rounded = {
        part: pair for part, *pair in zip(("beta", "losses"), *errors, strict=True) if pair[0] > 256 * UNIT[dtype]
    }
    for name, bits in PRECISIONS.items():
        exact = answer_of(exact_problem(bits).cast(dtype))
        if exact is None or 2.0**-bits <= UNIT[dtype]:
            continue
        beta, losses = RIGHT.result(exact_problem(bits))
        vanishes = {"beta": np.array_equal(exact.beta, beta), "losses": exact.losses[0] == losses[0]}
        smallest, largest = 2.0 ** (-bits - 8), 2.0 ** (5 - bits)
        if rounded and all(
            smallest < small < largest and small / 16 < large < small * 16 and vanishes[part]
            for part, (small, large) in rounded.items()
        ):
            return (
                f"the result is {dtype}, but a part of it is computed in {name}: the errors of"
                f" {' and '.join(rounded)} have the size of its rounding and vanish for small integers"
            )
    return None
