"""Chapter 9: losses on which a stop rule is tried, and the rules that readers write by mistake."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from backends import solve
from backends._solve import first_stop, stop_reason
from bench.data import problems

ANSWERS = ("diverged", "converged", "max_iter", None)
NAN, INF = math.nan, math.inf
Rule = Callable[[list[float], int, float], str | None]
Ended = tuple[int | None, str | None]  # after how many updates, and as what


class Trace(NamedTuple):
    """Losses as they come, longer than the rule should let them become."""

    name: str
    losses: Sequence[float]
    max_iter: int
    tol: float

    def expected(self) -> Ended:
        """By the contract, as `solve` has it."""
        losses = np.array(self.losses[: self.max_iter + 1])
        with np.errstate(invalid="ignore"):
            at = first_stop(losses, self.tol)
            if at is not None:
                losses = losses[: at + 1]
            return len(losses) - 1, stop_reason(losses, self.max_iter, self.tol)

    def ended(self, rule: Rule) -> Ended:
        """Where a rule stops on it; (None, None) where it never does. Raises TypeError for what is no answer."""
        for k in range(len(self.losses)):
            answer = rule(list(self.losses[: k + 1]), self.max_iter, self.tol)
            if not (answer is None or isinstance(answer, str)) or answer not in ANSWERS:
                raise TypeError(f'found {answer!r}; allowed: "diverged", "converged", "max_iter" and None')
            if answer is not None:
                return k, answer
        return None, None


TRACES = (
    Trace("a loss that falls evenly", [64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25], 20, 0.02),
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
    last: Callable[..., Any] = lambda k, most: k == most,
    order: str = "dcm",
    first: int = 1,
) -> Rule:
    """The rule with one of its parts exchanged."""

    def rule(losses: Sequence[float], most: int, tol: float) -> Any:
        k = len(losses) - 1
        change, near = size(losses[k - 1] - losses[k]), tol * limit(losses)
        found = {
            "d": bad(losses[k]) and "diverged",
            "c": k >= first and (change < near if strict else change <= near) and "converged",
            "m": last(k, most) and "max_iter",
        }
        return next((found[each] for each in order if found[each]), None)

    return rule


SLIPPED = (
    ("not strict", variant(strict=False), "it stops where the change is exactly the limit, too: <= in place of <"),
    ("compared with", variant(limit=lambda losses: losses[-1]), "it compares with the current loss in place of J_0"),
    ("compared with", variant(limit=lambda losses: losses[len(losses) - 2]), "it compares with the loss before in place of J_0"),
    ("compared with", variant(limit=lambda losses: 1.0), "it compares with tol alone, without J_0"),
    ("no absolute value", variant(size=lambda change: change), "it takes a rising loss for one that has converged"),
    ("not finite", variant(bad=lambda loss: False), "it sees neither an infinite loss nor NaN"),
    ("not finite", variant(bad=math.isinf), "it does not see NaN"),
    ("not finite", variant(bad=math.isnan), "it does not see an infinite loss"),
    ("order", variant(order="dmc"), "it asks for max_iter before it asks whether the descent converged"),
    ("order", variant(order="mdc"), "it asks for max_iter before everything else"),
    ("order", variant(order="mcd"), "it asks for max_iter before everything else"),
    ("off by one", variant(last=lambda k, most: k + 1 >= most), "it stops one update before max_iter"),
    ("off by one", variant(last=lambda k, most: k + 1 == most), "it stops one update before max_iter"),
    ("off by one", variant(last=lambda k, most: k > most), "it stops one update after max_iter"),
    ("first loss", variant(first=0), "it looks for a change at the first loss, which has none before it"),
)  # fmt: skip


def real(backend: str) -> list[Trace]:
    """What a backend's own descents store, on problems random and not, each longer than the rule should let it become."""
    rng, found = np.random.default_rng(), []
    for name, share, most, tol in (
        ("converging", 0.5, 300, 1e-6),
        ("converging slowly", 0.05, 60, 1e-4),
        ("with tol = 0", 0.5, 25, 0.0),
        ("with max_iter = 0", 0.5, 0, 1e-6),
        ("diverging", 20.0, 300, 1e-6),
    ):
        data = problems.synthetic(40, 3, seed=int(rng.integers(1000)))
        rate = share * float(2 / np.linalg.eigvalsh(2 / len(data.y) * data.X.T @ data.X)[-1])
        whole = solve(data.X, data.y, backend, rate, most + 1, 0.0)
        fit = solve(data.X, data.y, backend, rate, most, tol)
        trace = Trace(f"{backend}, a descent {name}", whole.losses.tolist(), most, tol)
        assert trace.expected() == (fit.n_iter, fit.stop_reason)
        found.append(trace)
    return found
