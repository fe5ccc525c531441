"""Find the mistake that explains a wrong result.

The backend solves four small problems with 0, 1, 2 and 3 updates. Its results are compared with those of gradient
descents that make one known mistake each. A hint names a mistake only if it reproduces every result to rounding error
and no other mistake does so as simply. Otherwise it describes what the results show, or there is none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.check import fixtures
from bench.check.answer import as_arrays, solve_fixture
from bench.check.fixtures import Fixture
from bench.check.messages import (
    DIFFERS,
    EARLIER_RESULT,
    INPUT_CHANGED,
    REUSED_BUFFER,
    RIGHT_AT_FIRST,
    SECOND_CALL,
    SHARES_MEMORY,
    STRICT,
    WRITTEN_TO,
)
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, Mistake, stop_rules

SHAPES = ((16, 3), (7, 4), (25, 2), (11, 5))  # sizes (n, d) for which no two mistakes give the same results
UPDATES = (3, 2, 1, 0)  # in this order, one result rules out most mistakes
MATCH = {"float64": 1e-11, "float32": 1e-4}  # relative: far above the rounding of three updates, far below a mistake
# The hints about an input that the backend writes to, by a part of the detail.
WRITES = {SECOND_CALL: "a second call starts from changed data: is an input written to, or state kept?"} | {
    f"{name} {sign}": f"{name} {sign}: work on a copy; +=, -= and out= write in place"
    for name in ("X", "y", "beta")
    for sign in (INPUT_CHANGED, WRITTEN_TO)
}
TOLS = (0.5, 0.2, 0.1, 0.05, 0.02, 1e-2, 5e-3, 2e-3, 1e-3, 3e-4, 1e-4, 0.0)


class Answer(NamedTuple):
    """What the backend returned for a fixture."""

    fixture: Fixture
    beta: NDArray[np.float64]
    losses: NDArray[np.float64]

    def matches(self, mistake: Mistake, tolerance: float) -> bool:
        """Whether a descent with this mistake returns the same beta and losses."""
        beta, losses = mistake.result(self.fixture)
        return _is_close(beta, self.beta, tolerance) and _is_close(losses, self.losses, tolerance)

    def steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The change of beta, and the right one."""
        start = self.fixture.beta0
        return self.beta - start, RIGHT.result(self.fixture)[0] - start


def _problem(n: int, d: int) -> Fixture:
    """A problem whose features are neither centered nor of one scale, so that centering and scaling are visible."""
    rng = np.random.default_rng([n, d])
    X, y, beta0 = rng.uniform(-1, 3, (n, d)), rng.uniform(-4, 5, n), rng.uniform(-1, 1, d)
    return Fixture(f"{n} x {d}", X, y, beta0, fixtures.short_step(X), 0)


class Diagnosis:
    """The results of a backend on small problems. They are computed once, and only if a check has failed.

    write_hint: the hint about an input that the backend writes to, which may explain every other fault.
    """

    def __init__(self, backend: ModuleType, dtype: str):
        self._backend, self._dtype = backend, dtype
        self.write_hint: str | None = None

    @cached_property
    def answers(self) -> list[Answer]:
        """The results on the small problems. Computing them sets write_hint if prepare or fit changes an input."""
        return list(self._solve())

    @cached_property
    def right(self) -> bool:
        """Whether the backend solves every small problem correctly."""
        complete = len(self.answers) == len(SHAPES) * len(UPDATES)
        return complete and all(answer.matches(RIGHT, MATCH[self._dtype]) for answer in self.answers)

    @cached_property
    def iterates(self) -> str | None:
        """The mistake in beta or the losses."""
        with np.errstate(all="ignore"):
            return None if self.right else _explain(self.answers, self._dtype)

    def _solve(self) -> Iterable[Answer]:
        for n, d in SHAPES:
            for max_iter in UPDATES:
                fixture = replace(_problem(n, d).cast(self._dtype), max_iter=max_iter)
                inputs = fixture.copies()
                try:
                    native = self._backend.prepare(*inputs)
                    result = as_arrays(self._backend, self._backend.fit(*native, *fixture.arguments))
                    beta, losses = map(np.asarray, result)
                except BaseException:  # whatever the backend raises, including SystemExit
                    continue
                for name, before, now in zip(("X", "y", "beta"), fixture.copies(), inputs, strict=True):
                    if not np.array_equal(before, now):
                        self.write_hint = WRITES[f"{name} {INPUT_CHANGED}"]
                if beta.shape == (d,) and losses.ndim == 1 and beta.dtype == losses.dtype == self._dtype:
                    yield Answer(fixture, beta.astype(float), losses.astype(float))

    def _attempt(self, fixture: Fixture) -> list[NDArray[np.float64]] | None:
        """beta and losses, or None if the backend raises."""
        try:
            return [np.asarray(array, float) for array in solve_fixture(self._backend, fixture)]
        except BaseException:
            return None

    def stops(self) -> str | None:
        """The mistake in the stop rule, from the numbers of updates at several tolerances."""
        base = fixtures.stopping(self._dtype)[0]
        right, updates = RIGHT.result(base)[1], []
        for tol in TOLS:
            result = self._attempt(replace(base, tol=tol))
            # If the losses are wrong, nothing is known about the rule.
            if result is None or not _is_close(right[: len(result[1])], result[1], MATCH[self._dtype]):
                return None
            updates.append(len(result[1]) - 1)
        return _unique([hint for hint, rule in stop_rules(base).items() if list(map(rule, TOLS)) == updates])

    def diverges(self) -> str | None:
        """The mistake in the handling of losses that grow or overflow."""
        fixture = fixtures.diverging(self._dtype)[0]
        growing = replace(fixture, learning_rate=100 * fixtures.unconverged(self._dtype)[0].learning_rate, max_iter=3)
        slow_result, fast_result = self._attempt(growing), self._attempt(fixture)
        if slow_result is None or fast_result is None:
            return None
        slow, fast = slow_result[1], fast_result[1]
        if len(slow) == 2 and slow[1] > slow[0]:
            return "it stops at the first loss that grows: are the bars of |J_{k-1} - J_k| missing?"
        if len(fast) == fixture.max_iter + 1:
            overflowed = not np.isfinite(fast[:-1]).all()
            return "it goes on after the loss is no longer finite, up to max_iter" if overflowed else None
        if np.isnan(fast[-1]) and np.isinf(fast).any():
            return "it passes infinity and stops later: is only NaN looked for, or the loss of a wider dtype than X's?"
        if np.isfinite(fast[-1]):
            return (
                "the last loss is finite where it overflows: does it stop early, or is infinity replaced or left out?"
            )
        return None


def hint(
    check: str, detail: str, diagnosis: Diagnosis, error: float | None = None, bound: float | None = None
) -> str | None:
    """The probable mistake behind a failed check, or None. Never raises.

    check: the name of the check. detail, error, bound: from its result.
    """
    if SHARES_MEMORY in detail or REUSED_BUFFER in detail:
        return "copy what is returned: the caller, or the next call, can change it"
    if write_hint := next((text for sign, text in WRITES.items() if sign in detail), None):
        diagnosis.write_hint = write_hint
        return write_hint
    state = RIGHT_AT_FIRST in detail or EARLIER_RESULT in detail
    if state and not diagnosis.write_hint:
        return "the result depends on an earlier call: is something kept in a global, a cache or a default argument?"
    mistake = diagnosis.iterates  # first, because its answers may set write_hint
    if DIFFERS in detail and not diagnosis.write_hint:
        return "two calls on the same problem give different results: do threads write to the same place?"
    mistake = diagnosis.write_hint or mistake
    if mistake or not diagnosis.right:
        return mistake
    if STRICT in detail:
        return "it stops where J_0 is 0: is <= written where < belongs, or is something added to tol * J_0?"
    # All small problems are solved correctly, so the mistake is specific to this check.
    if check == "obeys_the_stop_rule":
        return diagnosis.stops()
    if check == "stops_when_it_diverges":
        return diagnosis.diverges()
    # An error this large has another cause than a slightly too narrow bound.
    if check == "fits_every_shape" and error is not None and bound is not None and error > 1000 * bound:
        if detail.startswith("{} x {}".format(*fixtures.SQUARE)):
            return "the result is wrong only for a square X: does the code decide something by its shape?"
        return (
            "small problems are solved correctly, this one is not: is the end of a tile, or of a thread's part, lost?"
        )
    return None


def _explain(answers: list[Answer], dtype: str) -> str | None:
    """The mistake, or the pair of one in beta and one in the losses, that reproduces every result."""
    if not answers:
        return None
    updated = [answer for answer in answers if answer.fixture.max_iter]
    if updated and _matches(updated, RIGHT, RIGHT, MATCH[dtype]):
        return "only max_iter = 0 gives a wrong result"
    for pairs in (
        [(RIGHT, loss) for loss in LOSSES] + [(iterate, RIGHT) for iterate in ITERATES],
        [(iterate, loss) for iterate in ITERATES for loss in LOSSES],
    ):
        matching = [pair for pair in pairs if _matches(answers, *pair, MATCH[dtype])]
        if matching:
            return _unique(["; and ".join(filter(None, (a.hint, b.hint))) for a, b in matching])
    return (
        _looks_like_float32(answers, dtype)
        or _explain_beta(answers, dtype)
        or _describe_first_step(answers, dtype)
        or _describe_shapes(answers, dtype)
    )


def _unique(hints: list[str]) -> str | None:
    """One hint, or up to three that the results do not distinguish. None for more, or if no mistake is among them."""
    hints = list(dict.fromkeys(hints))
    if not hints or "" in hints or len(hints) > 3:
        return None
    return hints[0] if len(hints) == 1 else "one of these: " + "; or ".join(hints)


def _matches(answers: Sequence[Answer], iterate: Mistake, loss: Mistake, tolerance: float) -> bool:
    both = replace(iterate, loss=loss.loss, losses=loss.losses)
    return all(answer.matches(both, tolerance) for answer in answers)


def _is_close(expected: Any, actual: Any, tolerance: float) -> bool:
    if expected.shape != actual.shape:
        return False
    return bool(np.linalg.norm(actual - expected) <= tolerance * np.linalg.norm(expected))


def _looks_like_float32(answers: Sequence[Answer], dtype: str) -> str | None:
    """A first step with an error of the size of float32 rounding that is not parallel to the step.

    A wrong factor gives an error parallel to the step.
    """
    if dtype != "float64":
        return None
    shares = []
    for answer in answers:
        if answer.fixture.max_iter == 1:
            actual, step = answer.steps()
            off = actual - step
            right = step + answer.fixture.beta0
            shares.append(np.linalg.norm(off - (off @ step) / (step @ step) * step) / np.linalg.norm(right))
    if 2.0**-32 < np.max(shares, initial=0.0) < 2.0**-19:
        return (
            "the result is float64, but its errors have the size of float32 rounding:"
            " is a part of it computed in float32?"
        )
    return None


def _explain_beta(answers: Sequence[Answer], dtype: str) -> str | None:
    """The mistake that reproduces every beta if none reproduces the losses."""
    fits = [
        mistake.hint
        for mistake in (RIGHT, *ITERATES)
        if all(_is_close(mistake.result(a.fixture)[0], a.beta, MATCH[dtype]) for a in answers)
    ]
    if "" in fits:
        return "beta is right, only the losses are wrong" if any(a.fixture.max_iter for a in answers) else None
    return _unique(fits)


def _describe_first_step(answers: Sequence[Answer], dtype: str) -> str | None:
    """What the first step shows about an unknown mistake: its length, its rate, or a component along beta."""
    ratios, rates, penalties = [], [], []
    for answer in answers:
        if answer.fixture.max_iter == 1:
            actual, step = answer.steps()
            ratios.append(_factor(actual, step, dtype))
            rates.append(ratios[-1] * answer.fixture.learning_rate)
            penalties.append(_factor(step - actual, answer.fixture.beta0, dtype))
    if len(ratios) < 2:
        return None
    distance = np.abs(np.subtract(ratios, 1)).max()
    if distance <= MATCH[dtype]:
        return "the first step is right, the later ones are not: does something change from update to update?"
    if np.isfinite(penalties).all():
        return "the step has a part along beta itself: is there a penalty, or weight decay?"
    if not np.isfinite(ratios).all() or distance <= 50 * MATCH[dtype]:  # too close to 1 for a conclusion
        return None
    if np.ptp(ratios) <= 10 * MATCH[dtype] * np.abs(ratios[0]):
        if abs(ratios[0]) <= MATCH[dtype]:
            return "one update leaves beta where it was"
        digits = ".10g" if dtype == "float64" else ".4g"
        return f"after one step beta has moved {ratios[0]:{digits}} times as far as it should, in every problem"
    if np.ptp(rates) <= 10 * MATCH[dtype] * np.abs(rates[0]):
        return f"the step is that of learning_rate = {rates[0]:.6g}, whatever the argument is"
    return "the first step has the right direction but the wrong length"


def _describe_shapes(answers: Sequence[Answer], dtype: str) -> str | None:
    """The shapes of the correct and of the wrong results, if there are both."""
    good, bad = [], []
    for name in dict.fromkeys(answer.fixture.name for answer in answers):
        same_shape = [answer for answer in answers if answer.fixture.name == name]
        if all(answer.matches(RIGHT, MATCH[dtype]) for answer in same_shape):
            good.append(name)
        elif not all(answer.matches(RIGHT, 100 * MATCH[dtype]) for answer in same_shape):
            bad.append(name)
        else:  # neither clearly right nor clearly wrong
            return None
    if not good or not bad:
        return None
    words = f"right for n x d = {', '.join(good)}; wrong for {', '.join(bad)}"
    n = int(good[0].split()[0])
    return words + ": is the end of a tile left out?" if n % 8 == 0 else words


def _factor(vector: np.ndarray, of: np.ndarray, dtype: str) -> float:
    """The factor c with vector = c * of; NaN if there is none."""
    number = float(vector @ of / (of @ of))
    return number if np.linalg.norm(vector - number * of) <= 10 * MATCH[dtype] * np.linalg.norm(vector) else np.nan
