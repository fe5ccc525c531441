"""Chapter 6: the number of calls after which compiling pays off."""

import math
import numbers
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from bench.learn import facts
from bench.learn.chapters import chapter
from bench.learn.judge import Verdict, function
from bench.records import Cell, UnreadableRun

BASELINE = "numpy_vectorized"

HINTS = {
    "first call": (
        "Add up two calls by hand. Which costs are in the sum, and how often?",
        "The first call is a call like any other, only longer. After c calls there are c − 1 warm calls.",
        "The total after c calls is import + prepare + first call + (c − 1) · warm call. Equate the two totals and solve for c.",
    ),
    "compile twice": (
        "One of the five fields is part of another one.",
        "first_call_s runs from the start of the first call to its result. When does the compiler work?",
        "compile_s is part of first_call_s, so leave it out of your sum.",
    ),
    "baseline's start": (
        "What does the baseline do before its first call?",
        "The baseline also imports, prepares and makes a first call. Only the additional cost must be recovered.",
        "Divide (import + prepare + first call of the backend) − (the same sum of the baseline).",
    ),
    "not a difference": (
        "How much time does each warm call save?",
        "A warm call of the backend takes time, too. The saving is the difference to the baseline.",
        "Divide by baseline.warm_call_s − backend.warm_call_s.",
    ),
    "rounding": (
        "The quotient is not always a whole number. Which of its two neighbors is enough to break even?",
        "With one call too few, the backend is still behind. In which direction do you round?",
        "Round the quotient up with math.ceil, and then add the first call.",
    ),
    "sign": (
        "Try a warm call of one second with a baseline of three seconds. Which one gains?",
        "The gain is positive if the call of the baseline is longer.",
        "gain = baseline.warm_call_s − backend.warm_call_s; return None if it is 0 or less.",
    ),
    "never": (
        "Are there costs that no number of calls can recover?",
        "If a warm call of the backend is as long as the baseline's or longer, a call saves nothing.",
        "Before you divide: if the gain is 0 or less, return None.",
    ),
    "at least one": (
        "What if the backend starts faster than the baseline?",
        "Then it is ahead from the first call, and the number of calls cannot be below 1.",
        "Return max(1, calls).",
    ),
    "whole number": (
        "Can you make a fraction of a call?",
        "Return a whole number: an int, not a float.",
        "math.ceil rounds up to a whole number.",
    ),
    "": (
        "Write down both totals after 1, 2 and 3 calls for the example in the file.",
        "After c calls: import + prepare + first call + (c − 1) · warm call. At which c is the backend no longer above the baseline?",
        "extra = the additional time at the end of the first call; gain = the time that a warm call saves; 1 + extra / gain, rounded up.",
    ),
}


class Costs(NamedTuple):
    """Seconds, as in the cold costs of a run."""

    import_s: float
    prepare_s: float
    compile_s: float
    first_call_s: float
    warm_call_s: float

    @property
    def cold(self) -> Fraction:
        return Fraction(self.import_s) + Fraction(self.prepare_s) + Fraction(self.first_call_s)


Case = tuple[Costs, Costs]


def quotient(backend: Costs, base: Costs) -> Fraction:
    """The additional time at the start divided by the gain of a warm call."""
    return (backend.cold - base.cold) / (Fraction(base.warm_call_s) - Fraction(backend.warm_call_s))


def truth(backend: Costs, base: Costs) -> int | None:
    return None if backend.warm_call_s >= base.warm_call_s else max(1, 1 + math.ceil(quotient(backend, base)))


def _gain(backend: Costs, base: Costs) -> float:
    return base.warm_call_s - backend.warm_call_s


# The answer that each mistake gives for costs with a gain and a later break-even: (key of HINTS, what is wrong, answer).
SLIPS: tuple[tuple[str, str, Callable[[Costs, Costs], Any]], ...] = (
    ("first call", "your number is one too small: the first call counts as a call", lambda o, b: math.ceil(quotient(o, b))),
    ("first call", "your start contains compiling instead of the whole first call", lambda o, b: math.ceil(
        (o.import_s + o.prepare_s + o.compile_s - b.import_s - b.prepare_s - b.compile_s) / _gain(o, b))),
    ("compile twice", "you count compiling twice: it is part of the first call", lambda o, b: 1 + math.ceil(
        (float(o.cold - b.cold) + o.compile_s - b.compile_s) / _gain(o, b))),
    ("compile twice", "you count compiling twice: it is part of the first call", lambda o, b: 1 + math.ceil(
        (float(o.cold - b.cold) + o.compile_s) / _gain(o, b))),
    ("baseline's start", "you omit the start of the baseline", lambda o, b: 1 + math.ceil(float(o.cold) / _gain(o, b))),
    ("not a difference", "you divide by a whole call of the baseline instead of the gain of a call", lambda o, b: 1 + math.ceil(
        float(o.cold - b.cold) / b.warm_call_s)),
    ("not a difference", "you divide by a whole call of the backend instead of the gain of a call", lambda o, b: 1 + math.ceil(
        float(o.cold - b.cold) / o.warm_call_s)),
    ("rounding", "you round down, so the backend may still be behind", lambda o, b: 1 + math.floor(quotient(o, b))),
    ("rounding", "you round to the nearest number, so the backend may still be behind", lambda o, b: 1 + round(quotient(o, b))),
    ("sign", "you return None although the calls are shorter than the baseline's: the sign of the difference is wrong", lambda o, b: None),
)  # fmt: skip


# Costs that the random ones do not contain: (key of HINTS, what they are, changes to the first case, answer).
SPECIAL: tuple[tuple[str, str, dict[str, float], int | None], ...] = (
    ("at least one", "the backend starts faster than the baseline", {"import_s": 0, "compile_s": 0, "first_call_s": 1}, 1),
    ("never", "a warm call is as long as the baseline's", {"warm_call_s": 3}, None),
    ("never", "a warm call is longer than the baseline's", {"warm_call_s": 4}, None),
)  # fmt: skip


def random_cases() -> list[Case]:
    """Costs with a gain and a later break-even. The first case is exact in any order of arithmetic."""
    cases = [(Costs(4.0, 0.0, 5.0, 6.0, 1.0), Costs(1.0, 0.0, 0.0, 3.0, 3.0))]
    rng = random.Random()  # unseeded, so that hard-coded answers fail
    while len(cases) < 60:
        warm, base_warm = rng.uniform(0.1, 1), rng.uniform(1.1, 2)
        base_compile, compile_s = rng.uniform(0, 1), rng.uniform(3, 30)
        base = Costs(rng.uniform(0, 2), rng.uniform(0, 0.5), base_compile, base_compile + base_warm, base_warm)
        backend = Costs(rng.uniform(2, 5), rng.uniform(0, 0.5), compile_s, compile_s + warm * rng.uniform(1, 2), warm)
        near = quotient(backend, base) % 1
        if 1e-6 < near < 1 - 1e-6:  # otherwise the result depends on the order of the additions
            cases.append((backend, base))
    return cases


def measured(folder: Path) -> list[tuple[str, Case]]:
    """The costs of all measured backends, from the reader's run or from the recorded one."""
    try:
        run, _ = chapter(6).run("compiling", folder)
    except UnreadableRun:
        return []
    base = _costs(facts.cell(run, BASELINE))
    pairs = [(name, _costs(facts.cell(run, name))) for name in dict.fromkeys(c.backend for c in run.cells)]
    return [(name, (costs, base)) for name, costs in pairs if costs and base and name != BASELINE]


def _costs(cell: Cell | None) -> Costs | None:
    if cell is None or cell.median_s is None:
        return None
    costs = cell.cold_costs
    parts = (costs.import_s, costs.prepare_s, costs.compile_s, costs.first_call_s)
    return None if None in parts else Costs(*parts, cell.median_s)  # type: ignore[arg-type]


def judge(path: Path) -> Verdict:
    answer = function(path, "break_even_calls(backend, baseline)")
    cases = random_cases()
    answers = [answer(*case) for case in cases]
    if answers != [truth(*case) for case in cases]:
        return _wrong(cases, answers)
    backend, base = cases[0]
    for slip, what, change, expected in SPECIAL:
        try:
            result = answer(backend._replace(**change), base)
        except ZeroDivisionError:
            return Verdict("wrong", f"if {what}, your function divides by 0", slip)
        if result != expected:
            return Verdict("wrong", f"if {what}, your answer is {_short(result)}; it is {expected}", slip)
    calls = ""
    for name, case in measured(path.parent):
        expected, result = truth(*case), answer(*case)
        if result != expected:
            return Verdict(
                "wrong", f"for the measured costs of {name}, your answer is {_short(result)}; it is {_short(expected)}"
            )
        calls += f"; {name}: {'never' if result is None else result}"
    return Verdict(
        "passed", f"right for {len(cases) + len(SPECIAL)} random costs and for the measured ones (calls{calls})"
    )


def _wrong(cases: list[Case], answers: list[Any]) -> Verdict:
    """The mistake that explains these answers."""
    case, result = next((c, result) for c, result in zip(cases, answers, strict=True) if result != truth(*c))
    at = f"for {_describe(case)}, your answer is {_short(result)}; it is {truth(*case)}"
    for slip, why, wrong in SLIPS:
        if answers == [wrong(*each) for each in cases]:
            return Verdict("wrong", f"{why} ({at})", slip)
    if all(each is None for each in answers):
        return Verdict("wrong", "your function always returns None")
    if not all(each is None or isinstance(each, numbers.Real) for each in answers):
        return Verdict("wrong", f"your function returned a {type(result).__name__}; allowed: a whole number, or None")
    if isinstance(result, float) and not float(result).is_integer():
        return Verdict("wrong", f"{at}; the number of calls must be whole", "whole number")
    return Verdict("wrong", at)


def _describe(case: Case) -> str:
    return " compared with ".join(
        f"import {c.import_s:.4g}, prepare {c.prepare_s:.4g}, compile {c.compile_s:.4g}, first call {c.first_call_s:.4g},"
        f" warm call {c.warm_call_s:.4g}"
        for c in case
    )


def _short(result: Any) -> str:
    return repr(result)[:40]
