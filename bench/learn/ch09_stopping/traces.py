"""Chapter 9: losses for testing a stop rule, and rules with common mistakes."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from backends._solve import descend, first_stop, stop_reason
from bench.data import problems
from bench.learn.judge import Rejected
from bench.learn.valley import Valley

ANSWERS = ("diverged", "converged", "max_iter", None)
NAN, INF = math.nan, math.inf
Rule = Callable[[list[float], int, float], str | None]
Ended = tuple[int | None, str | None]  # number of updates, stop reason


class Trace(NamedTuple):
    """A sequence of losses, longer than the rule should let it become."""

    name: str
    losses: Sequence[float]
    max_iter: int
    tol: float

    def expected(self) -> Ended:
        """The result of the contract, from the code of `solve`."""
        losses = np.array(self.losses[: self.max_iter + 1])
        with np.errstate(invalid="ignore"):
            at = first_stop(losses, self.tol)
            if at is not None:
                losses = losses[: at + 1]
            return len(losses) - 1, stop_reason(losses, self.max_iter, self.tol)

    def ended(self, rule: Rule) -> Ended:
        """Where a rule stops; (None, None) if it never does. Raises Rejected for a value that is not allowed."""
        for k in range(len(self.losses)):
            answer = rule(list(self.losses[: k + 1]), self.max_iter, self.tol)
            if not (answer is None or isinstance(answer, str)) or answer not in ANSWERS:
                why = f'should_stop returned {answer!r}; allowed: "diverged", "converged", "max_iter" and None'
                raise Rejected("wrong", why)
            if answer is not None:
                return k, answer
        return None, None


TRACES = (
    Trace("a loss that falls steadily", [64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25], 20, 0.02),
    Trace("a loss that is scaled down", [x / 4096 for x in (64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5)], 20, 0.02),
    Trace("a change that is exactly tol · J_0", [4.0, 2.0, 1.0, 0.5, 0.3, 0.2, 0.2], 20, 0.25),
    Trace("tol = 0, and equal losses", [4.0, 2.0, 2.0, 2.0, 2.0, 2.0], 4, 0.0),
    Trace("a loss that rises", [1.0, 3.0, 9.0, 27.0, 81.0], 3, 0.01),
    Trace("a loss that rises a little", [8.0, 4.0, 4.01, 4.01], 20, 0.01),
    Trace("a loss that becomes infinite", [1.0, 1e200, INF, NAN, NAN], 20, 0.01),
    Trace("a loss that becomes NaN", [1.0, 1e200, NAN, NAN, NAN], 20, 0.01),
    Trace("a first loss that is infinite", [INF, NAN], 5, 0.01),
    Trace("NaN at k = max_iter", [1.0, 2.0, NAN, NAN], 2, 0.01),
    Trace("a small change at k = max_iter", [8.0, 4.0, 3.99, 3.98], 2, 0.01),
    Trace("max_iter = 0", [8.0, 4.0, 3.0], 0, 0.01),
    Trace("max_iter = 1", [8.0, 4.0, 3.0], 1, 0.01),
)


def variant(
    limit: Callable[..., Any] = lambda losses: losses[0],
    size: Callable[..., Any] = abs,
    strict: bool = True,
    bad: Callable[..., Any] = lambda loss: not math.isfinite(loss),
    last: Callable[..., Any] = lambda k, max_iter: k == max_iter,
    order: str = "dcm",
    first: int = 1,
) -> Rule:
    """The rule with one of its parts replaced."""

    def rule(losses: Sequence[float], max_iter: int, tol: float) -> Any:
        k = len(losses) - 1
        change, near = size(losses[k - 1] - losses[k]), tol * limit(losses)
        reasons = {
            "d": bad(losses[k]) and "diverged",
            "c": k >= first and (change < near if strict else change <= near) and "converged",
            "m": last(k, max_iter) and "max_iter",
        }
        return next((reasons[each] for each in order if reasons[each]), None)

    return rule


SLIPPED = (
    ("not strict", variant(strict=False), "it stops if the change is exactly the limit: <= instead of <"),
    ("compared with", variant(limit=lambda losses: losses[-1]), "it compares with the current loss instead of J_0"),
    ("compared with", variant(limit=lambda losses: losses[len(losses) - 2]), "it compares with the previous loss instead of J_0"),
    ("compared with", variant(limit=lambda losses: 1.0), "it compares with tol alone, without J_0"),
    ("no absolute value", variant(size=lambda change: change), "it treats a rising loss as converged"),
    ("not finite", variant(bad=lambda loss: False), "it detects neither an infinite loss nor NaN"),
    ("not finite", variant(bad=math.isinf), "it does not detect NaN"),
    ("not finite", variant(bad=math.isnan), "it does not detect an infinite loss"),
    ("order", variant(order="dmc"), "it tests max_iter before convergence"),
    ("order", variant(order="mdc"), "it tests max_iter before everything else"),
    ("order", variant(order="mcd"), "it tests max_iter before everything else"),
    ("off by one", variant(last=lambda k, max_iter: k + 1 >= max_iter), "it stops one update before max_iter"),
    ("off by one", variant(last=lambda k, max_iter: k + 1 == max_iter), "it stops one update before max_iter"),
    ("off by one", variant(last=lambda k, max_iter: k > max_iter), "it stops one update after max_iter"),
    ("first loss", variant(first=0), "it tests for a change at the first loss, which has no previous loss"),
)  # fmt: skip


def real(backend: str) -> list[Trace]:
    """Losses of a backend's descents on random problems, each longer than the rule should let it become."""
    rng, result = np.random.default_rng(), []
    for name, share, max_iter, tol in (
        ("converging", 0.5, 300, 1e-6),
        ("converging slowly", 0.05, 60, 1e-4),
        ("with tol = 0", 0.5, 25, 0.0),
        ("with max_iter = 0", 0.5, 0, 1e-6),
        ("diverging", 20.0, 300, 1e-6),
    ):
        data = problems.synthetic(40, 3, seed=int(rng.integers(1000)))
        rate = share * Valley.of(data.X, data.y).limit
        whole = descend(data.X, data.y, backend, rate, max_iter + 1, 0.0)
        fit = descend(data.X, data.y, backend, rate, max_iter, tol)
        trace = Trace(f"{backend}, a descent {name}", whole.losses.tolist(), max_iter, tol)
        assert trace.expected() == (fit.n_iter, stop_reason(fit.losses, max_iter, tol))
        result.append(trace)
    return result
