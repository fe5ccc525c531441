"""Name the mistake behind a wrong answer, where the evidence identifies it.

The backend is asked again on four small problems, for 0, 1, 2 and 3 updates. Its answers are compared with those of
descents that each make one known mistake. A hint needs a mistake that explains every answer to rounding, and no
other that explains it as simply; otherwise it says only what can be seen, or nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.check import fixtures
from bench.check.checks import answer, arrays
from bench.check.fixtures import Fixture
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, Mistake, stop_rules

SHAPES = ((16, 3), (7, 4), (25, 2), (11, 5))  # n and d that no two mistakes confuse
STEPS = (3, 2, 1, 0)  # the most telling first: most mistakes are ruled out by one answer
MATCH = {"float64": 1e-11, "float32": 1e-4}  # relative: far above rounding after three steps, far below any mistake
CHANGED = "{} was changed by prepare or fit: work on a copy; +=, -= and out= write in place"
TOLS = (0.5, 0.2, 0.1, 0.05, 0.02, 1e-2, 5e-3, 2e-3, 1e-3, 3e-4, 1e-4, 0.0)
Seen = tuple[Fixture, NDArray[Any], NDArray[Any]]  # a problem, beta and losses


def _problem(n: int, d: int) -> Fixture:
    """Features that are neither centred nor of one scale, so that centring and scaling show."""
    rng = np.random.default_rng([n, d])
    X, y, beta0 = rng.uniform(-1, 3, (n, d)), rng.uniform(-4, 5, n), rng.uniform(-1, 1, d)
    return Fixture(f"{n} x {d}", X, y, beta0, fixtures.short_step(X), 0)


class Diagnosis:
    """What a backend answers on small problems, asked once and only where a check has failed."""

    def __init__(self, backend: ModuleType, dtype: str):
        self._backend, self._dtype = backend, dtype
        self.written: str | None = None  # said of an input that was written to, from which all else may follow

    @cached_property
    def seen(self) -> list[Seen]:
        return list(self._answers())

    @cached_property
    def right(self) -> bool:
        """Whether every small problem was answered, and answered right."""
        fits = (_fits(RIGHT.answer(case), (beta, losses), MATCH[self._dtype]) for case, beta, losses in self.seen)
        return len(self.seen) == len(SHAPES) * len(STEPS) and all(fits)

    @cached_property
    def iterates(self) -> str | None:
        """The mistake in beta or the losses."""
        with np.errstate(all="ignore"):
            return None if self.right else _explained(self.seen, self._dtype)

    def _answers(self) -> Iterable[Seen]:
        for n, d in SHAPES:
            for max_iter in STEPS:
                case = replace(_problem(n, d).cast(self._dtype), max_iter=max_iter)
                inputs = {"X": case.X.copy(), "y": case.y.copy(), "beta": case.beta0.copy()}
                arguments = case.learning_rate, case.max_iter, case.tol
                try:
                    native = self._backend.prepare(*inputs.values())
                    beta, losses = map(np.asarray, arrays(self._backend, self._backend.fit(*native, *arguments)))
                except BaseException:  # what cannot be answered is no evidence
                    continue
                for (name, now), original in zip(inputs.items(), (case.X, case.y, case.beta0), strict=True):
                    if not np.array_equal(now, original):
                        self.written = CHANGED.format(name)
                if beta.shape == (d,) and losses.ndim == 1 and beta.dtype == losses.dtype == self._dtype:
                    yield case, beta.astype(float), losses.astype(float)

    def is_nondeterministic(self) -> bool:
        """Whether a problem large enough to be shared out gets another answer each time, beyond rounding."""
        case = fixtures.shapes(self._dtype)[0]
        try:
            first, *others = (np.asarray(answer(self._backend, case)[0], float) for _ in range(5))
        except BaseException:
            return False
        return not all(_near(first, other, MATCH[self._dtype]) for other in others)

    def stops(self) -> str | None:
        """The mistake in the stop rule, from the updates made at several tolerances."""
        updates = {}
        base = fixtures.stopping(self._dtype)[0]
        right = RIGHT.answer(base)[1]
        for tol in TOLS:
            try:
                losses = np.asarray(answer(self._backend, replace(base, tol=tol))[1], float)
            except BaseException:
                return None
            if not _near(right[: len(losses)], losses, MATCH[self._dtype]):  # then it is not the rule that is wrong
                return None
            updates[tol] = len(losses) - 1
        rules = {hint: [rule(tol) for tol in TOLS] for hint, rule in stop_rules(base).items()}
        return _told([hint for hint, counts in rules.items() if counts == list(updates.values())])

    def diverges(self) -> str | None:
        """The mistake where the loss grows, or overflows."""
        case = fixtures.diverging(self._dtype)[0]
        growing = replace(case, learning_rate=100 * fixtures.unconverged(self._dtype)[0].learning_rate, max_iter=3)
        try:
            slow, fast = (np.asarray(answer(self._backend, each)[1], float) for each in (growing, case))
        except BaseException:
            return None
        if len(slow) == 2 and slow[1] > slow[0]:
            return "it stops at the first loss that grows: are the bars of |J_{k-1} - J_k| missing?"
        if len(fast) == case.max_iter + 1:
            gone_on = not np.isfinite(fast[:-1]).all()
            return "it goes on after the loss is no longer finite, up to max_iter" if gone_on else None
        if np.isnan(fast[-1]) and np.isinf(fast).any():
            return "it passes infinity and stops later: is only NaN looked for, or the loss of a wider dtype than X's?"
        if np.isfinite(fast[-1]):
            return (
                "the last loss is finite where it overflows: does it stop early, or is infinity replaced or left out?"
            )
        return None


def hint(
    check: str, detail: str, witness: Diagnosis, error: float | None = None, bound: float | None = None
) -> str | None:
    """What the mistake behind a failed check is, or seems to be; None where the evidence does not say.

    check: its name. detail: what it found wrong. error, bound: of what it compared. Never raises.
    """
    if "read-only" in detail:
        witness.written = "an array that was given is written to: work on a copy; +=, -= and out= write in place"
        return witness.written
    if "shares the memory" in detail or "a buffer is reused" in detail:
        return "copy what is returned: the caller, or the next call, can change it"
    changed = [name for name in ("X", "y", "beta") if detail.startswith(f"{name} was changed")]
    if changed:
        witness.written = CHANGED.format(changed[0])
        return witness.written
    if detail.startswith("a second call"):
        witness.written = "a second call does not find what the first one found: is an input written to, or state kept?"
        return witness.written
    state = "right at first, but after" in detail or "once more the answer of an earlier one" in detail
    if state and not witness.written:
        return "the answer depends on an earlier call: is something kept in a global, a cache or a default argument?"
    mistake = witness.written or witness.iterates
    mistake = witness.written or mistake  # all else may follow from it, and only asking may have shown it
    if mistake or not witness.right:
        return mistake
    if "the comparison is strict" in detail:
        return "it stops where J_0 is 0: is <= written where < belongs, or is something added to tol * J_0?"
    # On small problems all is right, so it is this check's own subject.
    if check == "obeys_the_stop_rule":
        return witness.stops()
    if check == "stops_when_it_diverges":
        return witness.diverges()
    if check == "fits_every_shape" and witness.is_nondeterministic():
        return "two calls on the same problem give different answers: do threads write to the same place?"
    # Off by far more than what a wider bound would let pass.
    if check == "fits_every_shape" and error is not None and bound is not None and error > 1000 * bound:
        if detail.startswith("12 x 12"):
            return "other sizes come out right, a square X does not: is something decided by its shape?"
        return "small problems come out right, this one does not: is the end of a block, or of a thread's part, lost?"
    return None


def _explained(seen: list[Seen], dtype: str) -> str | None:
    """The one mistake, or one of each kind, that explains every answer."""
    if not seen:
        return None
    updated = [each for each in seen if each[0].max_iter]
    if updated and _matches(updated, RIGHT, RIGHT, MATCH[dtype]):
        return "only max_iter = 0 comes out wrong"
    for pairs in (
        [(RIGHT, loss) for loss in LOSSES] + [(iterate, RIGHT) for iterate in ITERATES],
        [(iterate, loss) for iterate in ITERATES for loss in LOSSES],
    ):
        matching = [pair for pair in pairs if _matches(seen, *pair, MATCH[dtype])]
        if matching:
            return _told(["; and ".join(filter(None, (a.hint, b.hint))) for a, b in matching])
    return _narrow(seen, dtype) or _beta_alone(seen, dtype) or _step(seen, dtype) or _some_shapes(seen, dtype)


def _told(hints: list[str]) -> str | None:
    """One hint, or few that the evidence cannot tell apart; None for too many, and where being right is one of them."""
    hints = list(dict.fromkeys(hints))
    if not hints or "" in hints or len(hints) > 3:
        return None
    return hints[0] if len(hints) == 1 else "one of these: " + "; or ".join(hints)


def _matches(seen: Sequence[Seen], iterate: Mistake, loss: Mistake, tolerance: float) -> bool:
    both = replace(iterate, loss=loss.loss, losses=loss.losses)
    return all(_fits(both.answer(case), (beta, losses), tolerance) for case, beta, losses in seen)


def _fits(expected: Any, actual: Any, tolerance: float) -> bool:
    return all(_near(e, f, tolerance) for e, f in zip(expected, actual, strict=True))


def _near(expected: Any, actual: Any, tolerance: float) -> bool:
    if expected.shape != actual.shape:
        return False
    return bool(np.linalg.norm(actual - expected) <= tolerance * np.linalg.norm(expected))


def _narrow(seen: Sequence[Seen], dtype: str) -> str | None:
    """A first step off by what float32 rounding makes, and not along the step, as a wrong factor is."""
    if dtype != "float64":
        return None
    shares = []
    for case, beta, _ in seen:
        right, _ = RIGHT.answer(case)
        if case.max_iter == 1:
            off, step = beta - right, right - case.beta0
            shares.append(np.linalg.norm(off - (off @ step) / (step @ step) * step) / np.linalg.norm(right))
    if 2.0**-32 < np.max(shares, initial=0.0) < 2.0**-19:
        return (
            "the result is float64, but its errors have the size of float32 rounding:"
            " is a part of it computed in float32?"
        )
    return None


def _beta_alone(seen: Sequence[Seen], dtype: str) -> str | None:
    """What the betas say where the losses are not explained."""
    fits = [
        mistake.hint
        for mistake in (RIGHT, *ITERATES)
        if all(_near(mistake.answer(case)[0], beta, MATCH[dtype]) for case, beta, _ in seen)
    ]
    if "" in fits:
        return "beta is right, only the losses are wrong" if any(case.max_iter for case, *_ in seen) else None
    return _told(fits)


def _step(seen: Sequence[Seen], dtype: str) -> str | None:
    """What the first step shows of a mistake not listed: its length, its rate, or a part along beta."""
    ratios, rates, penalties = [], [], []
    for case, beta, _ in seen:
        if case.max_iter == 1:
            step, actual = RIGHT.answer(case)[0] - case.beta0, beta - case.beta0
            ratios.append(_multiple(actual, step, dtype))
            rates.append(ratios[-1] * case.learning_rate)
            penalties.append(_multiple(step - actual, case.beta0, dtype))
    if len(ratios) < 2:
        return None
    if np.abs(np.subtract(ratios, 1)).max() <= MATCH[dtype]:
        return "the first step is right, the later ones are not: does something change from update to update?"
    if np.isfinite(penalties).all():
        return "the step has a part along beta itself: is there a penalty, or weight decay?"
    if not np.isfinite(ratios).all():
        return None
    if np.abs(np.subtract(ratios, 1)).max() <= 50 * MATCH[dtype]:  # too near to say what it is
        return None
    if np.ptp(ratios) <= 10 * MATCH[dtype] * np.abs(ratios[0]):
        if abs(ratios[0]) <= MATCH[dtype]:
            return "one update leaves beta where it was"
        digits = ".10g" if dtype == "float64" else ".4g"
        return f"after one step beta has moved {ratios[0]:{digits}} times as far as it should, in every problem"
    if np.ptp(rates) <= 10 * MATCH[dtype] * np.abs(rates[0]):
        return f"the step is that of learning_rate = {rates[0]:.6g}, whatever it is told"
    return "the first step has the right direction but the wrong length"


def _some_shapes(seen: Sequence[Seen], dtype: str) -> str | None:
    """Where only some problems come out right, which."""
    good, bad = [], []
    for name in dict.fromkeys(case.name for case, *_ in seen):
        answers = [(RIGHT.answer(case), actual) for case, *actual in seen if case.name == name]
        if all(_fits(*answer, MATCH[dtype]) for answer in answers):
            good.append(name)
        elif not all(_fits(*answer, 100 * MATCH[dtype]) for answer in answers):
            bad.append(name)
        else:  # too near to call
            return None
    if not good or not bad:
        return None
    words = f"right for n x d = {', '.join(good)}; wrong for {', '.join(bad)}"
    n = int(good[0].split()[0])
    return words + ": is the end of a block left out?" if n % 8 == 0 else words


def _multiple(vector: np.ndarray, of: np.ndarray, dtype: str) -> float:
    """The number that makes `vector` out of `of`; NaN where there is none."""
    number = float(vector @ of / (of @ of))
    return number if np.linalg.norm(vector - number * of) <= 10 * MATCH[dtype] * np.linalg.norm(vector) else np.nan
