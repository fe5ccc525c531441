"""Chapter 9: compare the reader's stop rule with every backend and on special losses."""

from collections.abc import Sequence
from pathlib import Path

from backends import describe, names
from bench import text
from bench.learn.ch09_stopping.traces import SLIPPED, TRACES, Rule, Trace, real
from bench.learn.judge import Verdict, function

HINTS = {
    "not strict": (
        "A change is exactly equal to the limit. Is it smaller than the limit?",
        "With tol = 0 the limit is 0, and two losses may be equal. The rule must continue then. Look at your comparison.",
        "Write < instead of <=.",
    ),
    "compared with": (
        "The rule compares the change with tol times a loss. Which loss?",
        "The limit stays the same during the whole descent: it uses the first loss.",
        "abs(losses[k - 1] - losses[k]) < tol * losses[0]",
    ),
    "no absolute value": (
        "What does your rule return if the loss rises a lot?",
        "J_{k−1} − J_k is then negative, so it is below every limit. Only its absolute value matters.",
        "Use abs(losses[k - 1] - losses[k]).",
    ),
    "not finite": (
        "Which losses are not finite? There is more than one kind.",
        "Every comparison with NaN is False, even NaN == NaN. Infinity is a different case.",
        "First: if not math.isfinite(losses[k]): return \"diverged\".",
    ),
    "order": (
        "Two of the conditions can hold at the same k. Which one comes first?",
        "max_iter is the last of the three conditions: a descent that converges in its last update has converged.",
        "Put the test k == max_iter after both others.",
    ),
    "off by one": (
        "How many losses are there after max_iter updates?",
        "J_0 comes before the first update. After k updates the list has k + 1 losses.",
        "k = len(losses) - 1, and stop if k == max_iter.",
    ),
    "first loss": (
        "What does your rule do with the first loss?",
        "With one loss there is no change yet. In Python, losses[k - 1] is then losses[-1], the same loss.",
        "Test k >= 1 before you use a change.",
    ),
    "": (
        "Go through the four lines of the rule in the chapter, one by one.",
        "Try it by hand: should_stop([4.0, 2.0], 5, 0.1) is None, should_stop([4.0, 3.9], 5, 0.1) is \"converged\".",
        "Three ifs in this order: not finite; k >= 1 and the change below tol * losses[0]; k == max_iter. Then None.",
    ),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    rule = function(path, "should_stop(losses, max_iter, tol)")
    if (difference := _first_difference(TRACES, rule)) is not None:
        ends = [trace.ended(rule) for trace in TRACES]
        slips = [(slip, words) for slip, other, words in SLIPPED if ends == [trace.ended(other) for trace in TRACES]]
        return Verdict("wrong", f"{difference}: {slips[0][1]}", slips[0][0]) if slips else Verdict("wrong", difference)
    available = [name for name in names() if describe(name).missing is None]
    for name in available:
        if (difference := _first_difference(real(name), rule)) is not None:
            return Verdict("wrong", difference)
    backends = text.number_of(len(available), "backend")
    return Verdict("passed", f"the same counts and reasons as {backends}, and right on all special losses")


def _first_difference(traces: Sequence[Trace], rule: Rule) -> str | None:
    """A sentence about the first trace on which the rule differs from the contract. None if there is none."""
    for trace in traces:
        (k, answer), (at, reason) = trace.ended(rule), trace.expected()
        if (k, answer) != (at, reason):
            yours = "never stops" if k is None else f'stops with "{answer}" at k = {k}'
            return f'on {trace.name} your rule {yours}; the contract stops with "{reason}" at k = {at}'
    return None
