"""Chapter 6: after how many calls is compiling repaid?"""

import math
import numbers
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from bench.learn.judge import Verdict, load
from bench.records import Cell, UnreadableRun, load_run

RECORDED = Path(__file__).parent / "recorded" / "compiling.json"
BASELINE = "numpy_vectorized"

HINTS = {
    "first call": (
        "Add up two calls by hand: which costs are in the sum, and how often?",
        "The first call is a call like any other, only longer. After c calls there were c − 1 warm ones.",
        "The total after c calls is import + prepare + first call + (c − 1) · warm call. Set both totals equal, solve for c.",
    ),
    "compile twice": (
        "One of the five fields lies inside another one.",
        "first_call_s runs from the begin of the first call to its answer. Where was the compiler at work?",
        "compile_s is a part of first_call_s: leave it out of your sum.",
    ),
    "baseline's start": (
        "Who else has to start before the first call is made?",
        "The baseline imports, prepares and makes a first call, too. What is to be repaid is what you paid more.",
        "Divide (your import + prepare + first call) − (the same of the baseline).",
    ),
    "not a difference": (
        "What do you win with each warm call?",
        "A warm call of yours takes time, too. It repays only what it is shorter by.",
        "Divide by baseline.warm_call_s − ours.warm_call_s.",
    ),
    "rounding": (
        "Your number is not always whole. Which of its two neighbours has repaid everything?",
        "One call too few leaves a debt. So which way do you round?",
        "Round the quotient up, with math.ceil, and then add the first call.",
    ),
    "sign": (
        "Try it with a warm call of one second against three. Who gains?",
        "The gain is positive where the baseline's call is the longer one.",
        "gain = baseline.warm_call_s − ours.warm_call_s; None where it is 0 or less.",
    ),
    "never": (
        "Are there costs that no number of calls repays?",
        "If a warm call of yours is as long as the baseline's, or longer, each call repays nothing.",
        "Before you divide: if the gain is 0 or less, return None.",
    ),
    "at least one": (
        "What if you start cheaper than the baseline?",
        "Then you are ahead from the first call on, and no number of calls is below 1.",
        "Return max(1, calls).",
    ),
    "whole number": (
        "Can one make a part of a call?",
        "Return a whole number: an int, not a float.",
        "math.ceil turns a number into the next whole one.",
    ),
    "": (
        "Write down both totals after 1, 2 and 3 calls for the example in the file.",
        "After c calls: import + prepare + first call + (c − 1) · warm call. For which c is yours no longer above?",
        "extra = what you paid more until the end of the first call; gain = what a warm call is shorter by; 1 + extra / gain, rounded up.",
    ),
}


class Costs(NamedTuple):
    """Seconds, as the ledger of a run has them."""

    import_s: float
    prepare_s: float
    compile_s: float
    first_call_s: float
    warm_call_s: float

    @property
    def cold(self) -> Fraction:
        return Fraction(self.import_s) + Fraction(self.prepare_s) + Fraction(self.first_call_s)


Case = tuple[Costs, Costs]


def quotient(ours: Costs, base: Costs) -> Fraction:
    """What was paid more at the start, in gains of a warm call."""
    return (ours.cold - base.cold) / (Fraction(base.warm_call_s) - Fraction(ours.warm_call_s))


def truth(ours: Costs, base: Costs) -> int | None:
    return None if ours.warm_call_s >= base.warm_call_s else max(1, 1 + math.ceil(quotient(ours, base)))


def _gain(ours: Costs, base: Costs) -> float:
    return base.warm_call_s - ours.warm_call_s


# What each slip gives where there is a gain and something to repay: (key of HINTS, what is wrong, its answer).
SLIPS: tuple[tuple[str, str, Callable[[Costs, Costs], Any]], ...] = (
    ("first call", "your number is one call too small: the first call counts as a call", lambda o, b: math.ceil(quotient(o, b))),
    ("first call", "the first call is left out of the start, of which compiling is only a part", lambda o, b: math.ceil(
        (o.import_s + o.prepare_s + o.compile_s - b.import_s - b.prepare_s - b.compile_s) / _gain(o, b))),
    ("compile twice", "compiling is counted twice: it is a part of the first call", lambda o, b: 1 + math.ceil(
        (float(o.cold - b.cold) + o.compile_s - b.compile_s) / _gain(o, b))),
    ("compile twice", "compiling is counted twice: it is a part of the first call", lambda o, b: 1 + math.ceil(
        (float(o.cold - b.cold) + o.compile_s) / _gain(o, b))),
    ("baseline's start", "the baseline starts for nothing in yours", lambda o, b: 1 + math.ceil(float(o.cold) / _gain(o, b))),
    ("not a difference", "you divide by a whole call of the baseline, and not by what a call gains", lambda o, b: 1 + math.ceil(
        float(o.cold - b.cold) / b.warm_call_s)),
    ("not a difference", "you divide by a whole call of yours, and not by what a call gains", lambda o, b: 1 + math.ceil(
        float(o.cold - b.cold) / o.warm_call_s)),
    ("rounding", "you round down, and then something is still to be repaid", lambda o, b: 1 + math.floor(quotient(o, b))),
    ("rounding", "you round to the nearest, and then something may still be to be repaid", lambda o, b: 1 + round(quotient(o, b))),
    ("sign", "where calls are shorter than the baseline's you find no gain: the difference is turned", lambda o, b: None),
)  # fmt: skip


def made_up() -> list[Case]:
    """Cases with a gain and something to repay; the first is exact in any order of arithmetic."""
    cases = [(Costs(4.0, 0.0, 5.0, 6.0, 1.0), Costs(1.0, 0.0, 0.0, 3.0, 3.0))]
    rng = random.Random()  # not the same twice: an answer that is written down cannot pass
    while len(cases) < 60:
        warm, base_warm = rng.uniform(0.1, 1), rng.uniform(1.1, 2)
        base_compile, compile_s = rng.uniform(0, 1), rng.uniform(3, 30)
        base = Costs(rng.uniform(0, 2), rng.uniform(0, 0.5), base_compile, base_compile + base_warm, base_warm)
        ours = Costs(rng.uniform(2, 5), rng.uniform(0, 0.5), compile_s, compile_s + warm * rng.uniform(1, 2), warm)
        near = quotient(ours, base) % 1
        if 1e-6 < near < 1 - 1e-6:  # else the order of the additions decides
            cases.append((ours, base))
    return cases


def measured(folder: Path) -> list[tuple[str, Case]]:
    """The reader's own figures, else the recorded ones, of every backend with a break-even, or with none."""
    try:
        run = load_run(folder / "compiling") if (folder / "compiling" / "run.json").exists() else load_run(RECORDED)
    except UnreadableRun:
        return []
    found = {cell.backend: cell for cell in run.cells if not cell.control and cell.median_s}
    base = _costs(found.get(BASELINE))
    pairs = [(name, _costs(cell)) for name, cell in found.items() if name != BASELINE]
    return [(name, (ours, base)) for name, ours in pairs if ours is not None and base is not None]


def _costs(cell: Cell | None) -> Costs | None:
    if cell is None or cell.median_s is None:
        return None
    paid = cell.cold_costs
    parts = (paid.import_s, paid.prepare_s, paid.compile_s, paid.first_call_s)
    return None if None in parts else Costs(*parts, cell.median_s)  # type: ignore[arg-type]


def judge(path: Path) -> Verdict:
    answer = getattr(load(path), "break_even_calls", None)
    if not callable(answer):
        return Verdict("wrong", "your file has no function break_even_calls")
    cases = made_up()
    given = [answer(*case) for case in cases]
    if given != [truth(*case) for case in cases]:
        return _wrong(cases, given)
    ours, base = cases[0]
    cheap = ours._replace(import_s=0.0, compile_s=0.0, first_call_s=1.0)
    if (found := answer(cheap, base)) != 1:
        why = f"where yours starts cheaper than the baseline your answer is {_shown(found)}; it is ahead after 1 call"
        return Verdict("wrong", why, "at least one")
    for what, warm in (("as long as", 3.0), ("longer than", 4.0)):
        try:
            found = answer(ours._replace(warm_call_s=warm), base)
        except ZeroDivisionError:
            return Verdict("wrong", f"where a warm call is {what} the baseline's, yours divides by 0", "never")
        if found is not None:
            why = f"where a warm call is {what} the baseline's, your answer is {_shown(found)}; nothing is ever repaid"
            return Verdict("wrong", why, "never")
    told = ""
    for name, case in measured(path.parent):
        expected, found = truth(*case), answer(*case)
        if found != expected:
            return Verdict("wrong", f"for {name} as measured: found {_shown(found)}; it is {_shown(expected)}")
        told += f"; {name}: {'never' if found is None else found}"
    return Verdict("passed", f"right for {len(cases) + 3} made-up costs and for those measured here (calls{told})")


def _wrong(cases: list[Case], given: list[Any]) -> Verdict:
    """Which slip gives these answers."""
    case, found = next((case, found) for case, found in zip(cases, given, strict=True) if found != truth(*case))
    at = f"for {_told(case)} your answer is {_shown(found)}; it is {truth(*case)}"
    for slip, why, wrong in SLIPS:
        if given == [wrong(*each) for each in cases]:
            return Verdict("wrong", f"{why} ({at})", slip)
    if all(each is None for each in given):
        return Verdict("wrong", "your function returns nothing, whatever it is given")
    if not all(each is None or isinstance(each, numbers.Real) for each in given):
        return Verdict("wrong", f"your function returned a {type(found).__name__}; allowed: a whole number, or None")
    if isinstance(found, float) and not float(found).is_integer():
        return Verdict("wrong", f"{at}: a call is made whole, or not at all", "whole number")
    return Verdict("wrong", at)


def _told(case: Case) -> str:
    return " against ".join(
        f"import {c.import_s:.4g}, prepare {c.prepare_s:.4g}, compile {c.compile_s:.4g}, first call {c.first_call_s:.4g},"
        f" warm call {c.warm_call_s:.4g}"
        for c in case
    )


def _shown(found: Any) -> str:
    return repr(found)[:40]
