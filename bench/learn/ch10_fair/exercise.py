"""Chapter 10: name the cheat of each benchmark."""

from pathlib import Path

from bench.learn.judge import Verdict, load

SYNC, COMPILE, THREADS = "no synchronization", "compile counted", "unequal threads"
DTYPE, ALGORITHM, HONEST = "float32 against float64", "another algorithm", "honest"
NAMES = (SYNC, COMPILE, THREADS, DTYPE, ALGORITHM, HONEST)

# The cheat of each, and what the benchmark does, without the cheat's name.
RIGHT = {
    "a": (SYNC, "its first call is waited for, but the timed calls are not: the clock stops when JAX has handed out a promise"),
    "b": (COMPILE, "in a fresh Python the timed call of an @njit function is its first one"),
    "c": (HONEST, "new is called once before the clock runs, then both are timed alike, on the same arrays, with one thread"),
    "d": (DTYPE, "'f4' is NumPy's short name of a type with four bytes a number, while numpy_fit gets X with eight"),
    "e": (THREADS, "new gets every processor of the machine, while threadpool_limits holds numpy_fit to one"),
    "f": (ALGORITHM, "new never sees the rows again after H and b are made: its steps have d·d numbers to read, those of numpy_fit n·d"),
    "g": (COMPILE, "it waits for the answer, but the only timed call of a jitted function is its first one"),
    "h": (HONEST, "work waits for the answer, is called once before the clock runs, and both are timed alike in float64"),
}  # fmt: skip

HINTS = {
    "unknown name": (
        "One of your names is none of the six.",
        "The six names stand at the top of your file, in quotes; spelling counts.",
        'Copy each from the top of the file, such as "compile counted", and "honest" where nothing is wrong.',
    ),
    "left out": (
        "Not every benchmark has its answer yet.",
        "ANSWERS needs all the letters from a to h, each with one name.",
        'Give every letter a name; where you find no broken rule, it is "honest".',
    ),
    "honest one accused": (
        "You accuse one that keeps all the rules. Which rule does it break, and in which line?",
        "Look at what it does before the clock runs, and at whether both sides get the same.",
        "Two of the eight are honest. Both call the new code once before timing it, and time both sides with `seconds`.",
    ),
    "cheat believed": (
        "One that you call honest breaks a rule. Compare line by line what the two sides get.",
        "Ask five things: waited for? called before? same threads? same numbers? same steps?",
        "Two of the eight are honest, no more: one with Numba and one with JAX.",
    ),
    "compile and synchronization": (
        "Two things can go wrong with JAX. One makes a time too short, the other too long.",
        "Is there a `block_until_ready` inside of what is timed? And is there a call before the clock runs?",
        'Not waited for: "no synchronization". Waited for, but the first call: "compile counted".',
    ),
    "threads missed": (
        "One of them gives its two sides different parts of the machine.",
        "Look for a line that sets how many threads there are, and for whom.",
        "In one, Numba gets all the processors, and NumPy's BLAS is held to one.",
    ),
    "dtype missed": (
        "One of them gives its two sides different numbers.",
        "Follow the arrays: which dtype do they have when they arrive?",
        "'f4' means four bytes a number, which is float32.",
    ),
    "algorithm missed": (
        "One of them does not take the steps of gradient descent on the rows of X.",
        "What does the new code get in place of X?",
        "H = XᵀX has d·d numbers. Who works with it never reads the n rows again.",
    ),
    "": (
        "Take one benchmark, and ask of each side: what does it get, and when is the clock read?",
        "Ask five things: waited for? called before? same threads? same numbers? same steps?",
        "The chapter's five claims break the same five rules, in the same words.",
    ),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    answers = getattr(load(path), "ANSWERS", None)
    if not isinstance(answers, dict):
        found = "none" if answers is None else type(answers).__name__
        return Verdict("wrong", f"ANSWERS should be a dictionary from letters to names; found {found}", "left out")
    missing = [letter for letter in RIGHT if answers.get(letter) in (None, "")]
    if missing:
        return Verdict("wrong", f"there is no answer yet for {', '.join(missing)}", "left out")
    if more := [str(letter)[:20] for letter in answers if letter not in RIGHT]:
        return Verdict("wrong", f"there is no benchmark {', '.join(more)}; they are {', '.join(RIGHT)}", "unknown name")
    if unknown := {letter: answers[letter] for letter in RIGHT if answers[letter] not in NAMES}:
        letter, name = next(iter(unknown.items()))
        return Verdict("wrong", f"{letter}: {str(name)[:40]!r} is no name of the six", "unknown name")
    wrong = [letter for letter, (name, _) in RIGHT.items() if answers[letter] != name]
    if not wrong:
        return Verdict("passed", "all eight are named, the honest ones too")
    why = "; ".join(f"{letter} is not “{answers[letter]}”: {RIGHT[letter][1]}" for letter in wrong)
    return Verdict("wrong", why, _slip(RIGHT[wrong[0]][0], answers[wrong[0]]))


def _slip(right: str, given: str) -> str:
    """Which misreading takes the one for the other."""
    missed = {THREADS: "threads missed", DTYPE: "dtype missed", ALGORITHM: "algorithm missed"}
    if right == HONEST:
        return "honest one accused"
    if {right, given} == {SYNC, COMPILE}:
        return "compile and synchronization"
    return missed.get(right) or ("cheat believed" if given == HONEST else "")
