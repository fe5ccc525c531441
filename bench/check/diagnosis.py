"""Find the mistake that explains a wrong result.

The backend solves small problems with 0, 1, 2 and 3 updates. Its results are compared with those of gradient descents
that make one known mistake each. A hint names a mistake only if it reproduces every result to rounding error and no
other mistake does so as simply. Otherwise it says what the results show (evidence.py), or that no known mistake fits.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends._curvature import default_learning_rate
from bench.check import evidence, fixtures
from bench.check.answer import Wrong, as_arrays, check_form
from bench.check.evidence import MATCH, Answer, is_close
from bench.check.fixtures import Fixture
from bench.check.messages import (
    DIFFERS,
    EARLIER_RESULT,
    INPUT_CHANGED,
    NO_MISTAKE,
    RAISED,
    REUSED_BUFFER,
    RIGHT_AT_FIRST,
    SECOND_CALL,
    SHARES_MEMORY,
    STRICT,
    WRITTEN_TO,
)
from bench.check.mistakes import ITERATES, LOSSES, RIGHT, ROUNDINGS, Mistake, stop_rules
from bench.check.narrow import narrow_format

SHAPES = ((16, 3), (7, 4), (25, 2), (11, 5))  # sizes (n, d) for which no two mistakes give the same results
UPDATES = (3, 2, 1, 0)  # in this order, one result rules out most mistakes
PAIR_ROWS = 500  # pairs of mistakes are tried only on problems with no more rows
# The hints about an input that the backend writes to, by a part of the detail.
WRITES = {
    f"{name} {sign}": f"{name} {sign}: work on a copy; +=, -= and out= write in place"
    for name in ("X", "y", "beta")
    for sign in (INPUT_CHANGED, WRITTEN_TO)
}
CHANGED_DATA = "a second call starts from changed data: is an input written to, or state kept?"
VARIES = (
    "two calls on the same problem give different results: is anything random, kept from an earlier call,"
    " or written by two threads?"
)
STATE = "the result depends on an earlier call: is something kept in a global, a cache or a default argument?"
FORM = (
    "fit must return beta of shape (n_features,) and losses of shape (n_iter + 1,) in the dtype of X,"
    " and to_numpy must make NumPy arrays of them"
)
GROWS = "it stops at the first loss that grows: are the bars of |J_{k-1} - J_k| missing?"
NOT_STRICT = "is <= written where < belongs, or is something added to tol * J_0?"
TOLS = (2.0, 0.5, 0.2, 0.1, 0.05, 0.02, 1e-2, 5e-3, 2e-3, 1e-3, 3e-4, 1e-4, 0.0)


def _problem(n: int, d: int) -> Fixture:
    """A problem whose features are neither centered nor of one scale, so that centering and scaling are visible.

    The learning rate is not a float32 number, so that rounding it is visible, too.
    """
    rng = np.random.default_rng([n, d])
    X, y, beta0 = rng.uniform(-1, 3, (n, d)), rng.uniform(-4, 5, n), rng.uniform(-2, 2, d)
    if d == 4:  # a small gradient, so that clipping it differs from normalizing it
        y, beta0 = y / 10, beta0 / 10
    return Fixture(f"{n} x {d}", X, y, beta0, 0.7 * default_learning_rate(X), 0)


class Diagnosis:
    """The results of a backend on problems of its own. They are computed once, and only if a check has failed.

    write_hint: the hint about an input that the backend writes to, which may explain every other fault.
    malformed: whether a result had a wrong form.
    """

    def __init__(self, backend: ModuleType, dtype: str):
        self._backend, self.dtype = backend, dtype
        self.write_hint: str | None = None
        self.malformed = False

    @cached_property
    def answers(self) -> list[Answer]:
        """The results on the small problems. Computing them sets write_hint if prepare or fit changes an input."""
        problems = [_problem(n, d).cast(self.dtype) for n, d in SHAPES]
        return self._answers(replace(problem, max_iter=k) for problem in problems for k in UPDATES)

    @cached_property
    def right(self) -> bool:
        """Whether the backend solves every small problem correctly."""
        return len(self.answers) == len(SHAPES) * len(UPDATES) and all(answer.right for answer in self.answers)

    @cached_property
    def iterates(self) -> str | None:
        """The mistake in beta or the losses of the small problems."""
        if self.right or not self.answers:
            return None
        with np.errstate(all="ignore"):
            if self.varies(self.answers[0].fixture):
                return VARIES
            if self.keeps_state():
                return STATE
            updated = [answer for answer in self.answers if answer.fixture.max_iter]
            if len(updated) == len(SHAPES) * (len(UPDATES) - 1) and all(answer.right for answer in updated):
                return "only max_iter = 0 fails or gives a wrong result"
            right, wrong = _by_problem(self.answers)
            if not wrong:
                return None
            if not right:
                return self._explain(self.answers)
            if mistake := _listed(self.answers):
                return mistake
            sizes = evidence.describe_sizes([a.fixture for a in right], [a.fixture for a in wrong])
            explanation = self._explain([a for a in self.answers if a.fixture.name in {w.fixture.name for w in wrong}])
            return f"{sizes}: {explanation or NO_MISTAKE}"

    @cached_property
    def elsewhere(self) -> str | None:
        """The mistake in the results for the problems of the checks, if the small ones are solved correctly."""
        checked = fixtures.unconverged("float64"), fixtures.shapes("float64"), fixtures.hard("float64")
        problems = [problem.cast(self.dtype) for problems in checked for problem in problems]
        problems += [fixtures.long(self.dtype)]
        with np.errstate(all="ignore"):
            if self.varies(fixtures.shapes(self.dtype)[0]):
                return VARIES
            right, wrong = _by_problem(self._answers(problems))
            if any(self.varies(answer.fixture) for answer in wrong[:2]):
                return VARIES
            if self.keeps_state():
                return STATE
            if not wrong or not right:
                return None
            sizes = evidence.describe_sizes([a.fixture for a in right], [a.fixture for a in wrong])
            firsts = [self._first_wrong(answer.fixture) for answer in wrong]
            if all(first <= 1 for first in firsts):
                few = self._answers(replace(answer.fixture, max_iter=k) for answer in wrong for k in UPDATES[1:])
                return f"{sizes}: {self._explain(few) or NO_MISTAKE}"
            answer, first = max(zip(wrong, firsts, strict=True), key=lambda pair: pair[1])
            where = f"{answer.fixture.name}, {len(answer.fixture.y)} x {len(answer.beta)}"
            if len(answer.losses) == first:
                *falls, last_fall = -np.diff(answer.losses)
                if last_fall < 0 <= min(falls, default=0.0):
                    return GROWS
                if last_fall == 0 and np.all(falls):
                    return f"with tol = 0 it stops where the loss first stays the same ({where}): {NOT_STRICT}"
                words = "is there a limit, or a second stop rule?"
                return f"with tol = 0 it stops after update {first - 1} ({where}): {words}"
            return f"{NO_MISTAKE}; {sizes}, and right up to max_iter = {first - 1} ({where})"

    def _first_wrong(self, fixture: Fixture) -> int:
        """The smallest max_iter that gives a wrong result, if every larger one does, too."""

        def is_wrong(max_iter: int) -> bool:
            return not all(answer.right for answer in self._answers([replace(fixture, max_iter=max_iter)]))

        return bisect_left(range(fixture.max_iter), True, key=is_wrong)

    def _answers(self, problems: Iterable[Fixture]) -> list[Answer]:
        """The results that have the right form."""
        return [answer for problem in problems if (answer := self._answer(problem)) is not None]

    def _answer(self, fixture: Fixture, inputs: tuple[NDArray[Any], ...] | None = None) -> Answer | None:
        """The result, None if it has a wrong form. Sets write_hint if the inputs, copies by default, are changed."""
        inputs = inputs or fixture.copies()
        try:
            native = self._backend.prepare(*inputs)
            beta, losses = as_arrays(self._backend, self._backend.fit(*native, *fixture.arguments))
        except BaseException:  # whatever the backend raises, including SystemExit
            return None
        for name, before, now in zip(("X", "y", "beta"), fixture.copies(), inputs, strict=True):
            if not np.array_equal(before, now):
                self.write_hint = WRITES[f"{name} {INPUT_CHANGED}"]
        try:
            check_form(beta, losses, len(fixture.beta0), self.dtype, len(losses))
        except (Wrong, TypeError):  # a number has no length
            self.malformed = True
            return None
        return Answer(fixture, beta.astype(float), losses.astype(float))

    def varies(self, fixture: Fixture) -> bool:
        """Whether results for the same problem differ by more than rounding."""
        answers = self._answers([fixture] * 5)
        return not all(
            is_close(first, other, self.dtype) or np.array_equal(first, other, equal_nan=True)
            for answer in answers
            for first, other in zip(answers[0][1:], answer[1:], strict=True)
        )

    def keeps_state(self) -> bool:
        """Whether the first of two problems of the same size is right and the second one wrong, in either order.

        They have the same first row, and once they are in the same memory, by which a cache may recognize a problem.
        """
        for n, same_memory in ((9, True), (10, False)):
            one = replace(_problem(n, 3).cast(self.dtype), max_iter=3)
            other = replace(one, X=one.X[[0, *range(n - 1, 0, -1)]], y=-one.y, learning_rate=one.learning_rate / 2)
            twice = [replace(each, X=np.tile(each.X, (2, 1)), y=np.tile(each.y, 2)) for each in (other, one)]
            if all(self._verdicts(pair, same_memory) == [True, False] for pair in ([one, other], twice)):
                return True
        return False

    def _verdicts(self, problems: list[Fixture], same_memory: bool) -> list[bool]:
        """Whether the results are right, in this order."""
        arrays, verdicts = problems[0].copies(), []
        for problem in problems:
            for array, values in zip(arrays, problem.copies(), strict=True):
                array[...] = values
            answer = self._answer(problem, arrays if same_memory else None)
            verdicts.append(answer is not None and answer.right)
        return verdicts

    def stops(self) -> str | None:
        """The mistake in the stop rule, from the numbers of updates at several tolerances."""
        base = fixtures.stopping(self.dtype)[0]
        (betas, right), updates, padded = RIGHT.descend(base), [], True
        rules = stop_rules(base)
        for tol in TOLS:
            answer = self._answer(replace(base, tol=tol))
            if answer is None:
                return None
            _, beta, losses = answer
            K = rules[""](tol)
            padded &= len(losses) == base.max_iter + 1 and is_close(betas[K], beta, self.dtype)
            # If the losses are wrong, nothing is known about the rule.
            updates.append(len(losses) - 1 if is_close(np.array(right[: len(losses)]), losses, self.dtype) else None)
        if padded:
            return "losses always has max_iter + 1 entries, although beta is that of the right k: cut it to n_iter + 1"
        if None in updates:
            return None
        return _unique([hint for hint, rule in rules.items() if list(map(rule, TOLS)) == updates])

    def stops_at_zero(self) -> str:
        """The mistake where all losses are 0, and the backend stops with a tol above 0."""
        still = fixtures.stopping(self.dtype)[0]
        answer = self._answer(replace(still, y=still.y * 0, beta0=still.beta0 * 0, max_iter=4))
        if answer is not None and answer.losses[0] != 0:
            return f"losses[0] is {answer.losses[0]:.3g} where J_0 is exactly 0: is something added to the loss?"
        return f"it stops where J_0 is 0: {NOT_STRICT}"

    def diverges(self) -> str | None:
        """The mistake in the handling of losses that grow or overflow."""
        fixture = fixtures.diverging(self.dtype)[0]
        growing = replace(fixture, learning_rate=100 * fixtures.unconverged(self.dtype)[0].learning_rate, max_iter=3)
        answers = self._answers([growing, fixture])
        if len(answers) < 2:
            return None
        (_, _, slow), (_, beta, fast) = answers
        if len(slow) == 2 and slow[1] > slow[0]:
            return GROWS
        if len(fast) == fixture.max_iter + 1:
            if np.isfinite(fast[:-1]).all():
                return None
            if np.isfinite(beta).all():
                return "losses has max_iter + 1 entries, although the updates end before: cut it to n_iter + 1"
            return "it goes on after the loss is no longer finite, up to max_iter"
        if np.isnan(fast[-1]) and np.isinf(fast).any():
            return "it passes infinity and stops later: is only NaN looked for, or the loss of a wider dtype than X's?"
        if np.isfinite(fast[-1]):
            return (
                "the last loss is finite where it overflows: does it stop early, or is infinity replaced or left out?"
            )
        return None

    def _explain(self, answers: Sequence[Answer]) -> str | None:
        """The mistake that reproduces every result. If there is none, what the results show."""
        if mistake := _listed(answers):
            return mistake
        if not all(np.isfinite(answer.beta).all() and np.isfinite(answer.losses).all() for answer in answers):
            return "beta or a loss is not finite where it should be: does something overflow, or is it divided by zero?"
        if mistake := evidence.describe_length(answers) or narrow_format(
            self._answer, _problem(*SHAPES[-1]).cast(self.dtype)
        ):
            return mistake
        betas = [
            mistake.hint
            for mistake in (RIGHT, *ITERATES)
            if all(answer.matches(mistake, only_beta=True) for answer in answers)
        ]
        if "" in betas:
            only = "beta is right, only the losses are wrong" if any(a.fixture.max_iter for a in answers) else None
            return evidence.describe_losses(answers) or only
        if evidence.is_least_squares(answers):
            return "beta is the least-squares solution: it is not the beta after max_iter updates"
        return _unique(betas) or evidence.describe_updates(answers)

    def summary(self) -> str:
        """What the small problems show if no known mistake fits."""
        if self.right:
            return f"the small problems with tol = 0 are right to a relative error of {MATCH[self.dtype]:g}"
        facts = []
        for part, errors in zip(("beta", "losses"), zip(*(a.errors for a in self.answers), strict=True), strict=True):
            counts = [a.fixture.max_iter for a, e in zip(self.answers, errors, strict=True) if e > MATCH[self.dtype]]
            if counts:
                facts.append(f"{part} first wrong with max_iter = {min(counts)}")
        return ", ".join(facts)


def hint(check: str, detail: str, diagnosis: Diagnosis) -> str | None:
    """The probable mistake behind a failed check, or a sentence that none is known. Never raises.

    None if the backend raised an error, which says more, and no mistake is known. check: the name of the check. detail:
    from its result.
    """
    mistake = _mistake(check, detail, diagnosis)
    if mistake or detail.startswith(RAISED):
        return mistake
    if not diagnosis.answers or (diagnosis.malformed and all(answer.right for answer in diagnosis.answers)):
        return FORM
    return f"{NO_MISTAKE}; {diagnosis.summary()}"


def _mistake(check: str, detail: str, diagnosis: Diagnosis) -> str | None:
    if SHARES_MEMORY in detail or REUSED_BUFFER in detail:
        return "copy what is returned: the caller, or the next call, can change it"
    if write_hint := next((text for sign, text in WRITES.items() if sign in detail), None):
        diagnosis.write_hint = write_hint
        return write_hint
    mistake = diagnosis.iterates  # first, because its answers may set write_hint
    if diagnosis.write_hint:
        return diagnosis.write_hint
    if SECOND_CALL in detail:
        return VARIES if diagnosis.varies(fixtures.unconverged(diagnosis.dtype)[0]) else CHANGED_DATA
    if RIGHT_AT_FIRST in detail or EARLIER_RESULT in detail:
        return STATE
    if DIFFERS in detail:
        return VARIES
    if mistake or not diagnosis.right:
        return mistake
    # All small problems are solved correctly.
    specific: dict[str, Callable[[], str | None]] = {
        "obeys_the_stop_rule": diagnosis.stops,
        "stops_when_it_diverges": diagnosis.diverges,
    }
    if STRICT in detail and not diagnosis.elsewhere:
        return diagnosis.stops_at_zero()
    return (check in specific and specific[check]()) or diagnosis.elsewhere


def _by_problem(answers: Sequence[Answer]) -> tuple[list[Answer], list[Answer]]:
    """One answer for each problem that is right, and one for each that is wrong with some max_iter.

    No right ones where the errors leave no gap between the two.
    """
    wrong = {answer.fixture.name: answer for answer in answers if not answer.right}
    right = {answer.fixture.name: answer for answer in answers if answer.fixture.name not in wrong}
    largest = max((max(answer.errors) for answer in answers if answer.fixture.name in right), default=0.0)
    clear = all(max(answer.errors) > 100 * largest for answer in wrong.values())
    return list(right.values()) if clear else [], list(wrong.values())


def _listed(answers: Sequence[Answer]) -> str | None:
    """The mistake, or the pair of one in beta and one in the losses, that reproduces every result."""
    singles = [(RIGHT, loss) for loss in LOSSES] + [(iterate, RIGHT) for iterate in ITERATES]
    singles += [(rounding, RIGHT) for rounding in ROUNDINGS if answers[0].fixture.dtype == "float64"]
    small = all(len(answer.fixture.y) <= PAIR_ROWS for answer in answers)
    for pairs in (singles, [(iterate, loss) for iterate in ITERATES for loss in LOSSES if small]):
        matching = [pair for pair in pairs if _matches(answers, *pair)]
        if matching:
            return _unique(["; and ".join(filter(None, (a.hint, b.hint))) for a, b in matching])
    return None


def _unique(hints: list[str]) -> str | None:
    """One hint, or up to three that the results do not distinguish. None for more, or if no mistake is among them."""
    hints = list(dict.fromkeys(hints))
    if not hints or "" in hints or len(hints) > 3:
        return None
    return hints[0] if len(hints) == 1 else "one of these: " + "; or ".join(hints)


def _matches(answers: Sequence[Answer], iterate: Mistake, loss: Mistake) -> bool:
    both = replace(iterate, loss=loss.loss, losses=loss.losses)
    return all(answer.matches(both) for answer in answers)
