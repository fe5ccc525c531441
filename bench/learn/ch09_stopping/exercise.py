"""Chapter 9: the stop rule, against every backend and against losses made to trip it."""

from collections.abc import Sequence
from pathlib import Path

from backends import BackendUnavailable, load, names
from bench import text
from bench.learn import judge as judging
from bench.learn.ch09_stopping.traces import SLIPPED, TRACES, Rule, Trace, real
from bench.learn.judge import Verdict

HINTS = {
    "not strict": (
        "A change that is exactly the limit: is it smaller?",
        "With tol = 0 the limit is 0, and two losses may be equal. The rule must go on then. Look at your comparison.",
        "Write < in place of <=.",
    ),
    "compared with": (
        "The change is compared with tol times something. With what?",
        "The limit stays the same during the whole descent: it is made of the very first loss.",
        "abs(losses[k - 1] - losses[k]) < tol * losses[0]",
    ),
    "no absolute value": (
        "What does your rule say when the loss rises a lot?",
        "J_{k−1} − J_k is below 0 then, and below every limit. Only its size matters.",
        "Take abs(losses[k - 1] - losses[k]).",
    ),
    "not finite": (
        "Which losses are no finite numbers? There is more than one kind.",
        "Every comparison with NaN is false, and NaN == NaN, too. Infinity is a different case.",
        "Ask first: if not math.isfinite(losses[k]): return \"diverged\".",
    ),
    "order": (
        "Two of the questions can be answered by yes at the same k. Which answer wins?",
        "max_iter is the last question of the three: a descent that converges in its last update has converged.",
        "Put the question k == max_iter behind both others.",
    ),
    "off by one": (
        "How many losses are there after max_iter updates?",
        "J_0 is there before the first update. After k updates the list holds k + 1 losses.",
        "k = len(losses) - 1, and stop where k == max_iter.",
    ),
    "first loss": (
        "What does your rule do with the very first loss?",
        "With one loss there is no change yet; in Python losses[k - 1] is then losses[-1], the same loss.",
        "Ask for k >= 1 before you look at a change.",
    ),
    "": (
        "Go through the four lines of the rule in the chapter, one by one.",
        "Try it by hand: should_stop([4.0, 2.0], 5, 0.1) is None, should_stop([4.0, 3.9], 5, 0.1) is \"converged\".",
        "Three ifs in this order: not finite; k >= 1 and the change below tol * losses[0]; k == max_iter. Then None.",
    ),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    rule = getattr(judging.load(path), "should_stop", None)
    if not callable(rule):
        return Verdict("wrong", "your file has no function should_stop(losses, max_iter, tol)")
    try:
        if (found := _first_difference(TRACES, rule)) is not None:
            ends = [trace.ended(rule) for trace in TRACES]
            for slip, other, words in SLIPPED:
                if ends == [trace.ended(other) for trace in TRACES]:
                    return Verdict("wrong", f"{found}: {words}", slip)
            return Verdict("wrong", found)
        count = 0
        for name in names():
            try:
                load(name)
            except BackendUnavailable:
                continue
            if (found := _first_difference(real(name), rule)) is not None:
                return Verdict("wrong", found)
            count += 1
    except TypeError as error:
        if 'allowed: "diverged"' not in str(error):
            raise
        return Verdict("wrong", f"should_stop returned what is no answer: {error}")
    return Verdict(
        "passed", f"the same counts and reasons as {text.number_of(count, 'backend')}, and right where it could trip"
    )


def _first_difference(traces: Sequence[Trace], rule: Rule) -> str | None:
    for trace in traces:
        (k, answer), (at, reason) = trace.ended(rule), trace.expected()
        if (k, answer) != (at, reason):
            theirs = "never stops" if k is None else f'says "{answer}" at k = {k}'
            return f'on {trace.name} your rule {theirs}; the contract says "{reason}" at k = {at}'
    return None
