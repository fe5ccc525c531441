"""Chapter 10: name the cheat of each benchmark."""

from pathlib import Path

from bench.learn.judge import Verdict, load

SYNC, COMPILE, THREADS = "no synchronization", "compile counted", "unequal threads"
DTYPE, ALGORITHM, HONEST = "float32 against float64", "another algorithm", "honest"
NAMES = (SYNC, COMPILE, THREADS, DTYPE, ALGORITHM, HONEST)

# The cheat of each benchmark, and a description of it that does not contain the cheat's name.
RIGHT = {
    "a": (SYNC, "the first call waits for the result, but the timed calls do not: the clock stops when JAX returns, before the work is done"),
    "b": (COMPILE, "in a new Python process, the timed call of an @njit function is its first one"),
    "c": (HONEST, "new is called once before the clock runs, then both are timed in the same way, on the same arrays, with one thread"),
    "d": (DTYPE, "'f4' is NumPy's short name of a type with four bytes per number, and numpy_fit gets X with eight bytes per number"),
    "e": (THREADS, "new gets every processor of the machine, and threadpool_limits restricts numpy_fit to one"),
    "f": (ALGORITHM, "new does not use the rows after computing H and b: its steps read d·d numbers, those of numpy_fit read n·d"),
    "g": (COMPILE, "it waits for the result, but the only timed call of a jitted function is its first one"),
    "h": (HONEST, "work waits for the result and is called once before the clock runs, and both are timed in the same way in float64"),
}  # fmt: skip

HINTS = {
    "unknown name": (
        "One of your names is not one of the six.",
        "The six names are in quotes at the top of your file. The spelling must match.",
        'Copy each name from the top of the file, such as "compile counted", or "honest" if nothing is wrong.',
    ),
    "left out": (
        "Some benchmarks have no answer yet.",
        "ANSWERS needs all the letters from a to h, each with one name.",
        'Give every letter a name. If you see no broken rule, the name is "honest".',
    ),
    "honest one accused": (
        "You accuse a benchmark that follows all the rules. Which rule does it break, and in which line?",
        "Look at what it does before the clock runs, and whether both sides get the same.",
        "Two of the eight are honest. Both call the new code once before timing it, and time both sides with `seconds`.",
    ),
    "cheat believed": (
        "A benchmark that you call honest breaks a rule. Compare line by line what the two sides get.",
        "Check five things: does it wait, is there a first call, are threads, numbers and steps the same?",
        "Only two of the eight are honest: one with Numba and one with JAX.",
    ),
    "compile and synchronization": (
        "Two things can go wrong with JAX. The first makes a time too short, the second too long.",
        "Is there a `block_until_ready` inside the timed code? Is there a call before the clock runs?",
        'Without waiting: "no synchronization". With waiting, but at the first call: "compile counted".',
    ),
    "threads missed": (
        "In one benchmark, the two sides use different parts of the machine.",
        "Look for a line that sets the number of threads, and find out which side it applies to.",
        "In one benchmark, Numba gets all processors, and NumPy's BLAS is restricted to one.",
    ),
    "dtype missed": (
        "In one benchmark, the two sides get different numbers.",
        "Follow the arrays: which dtype do they have when they arrive?",
        "'f4' means four bytes per number, which is float32.",
    ),
    "algorithm missed": (
        "One benchmark does not do the steps of gradient descent on the rows of X.",
        "What does the new code get instead of X?",
        "H = XᵀX has d·d numbers. Code that works with H does not read the n rows again.",
    ),
    "": (
        "Take one benchmark and look at each side: what does it get, and when does the clock start and stop?",
        "Check five things: does it wait, is there a first call, are threads, numbers and steps the same?",
        "The five claims of the chapter break the same five rules, in the same words.",
    ),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    answers = getattr(load(path), "ANSWERS", None)
    if not isinstance(answers, dict):
        kind = "none" if answers is None else type(answers).__name__
        return Verdict("wrong", f"ANSWERS must be a dictionary from letters to names; found {kind}", "left out")
    missing = [letter for letter in RIGHT if answers.get(letter) in (None, "")]
    if missing:
        return Verdict("wrong", f"there is no answer yet for {', '.join(missing)}", "left out")
    if more := [str(letter)[:20] for letter in answers if letter not in RIGHT]:
        return Verdict("wrong", f"there is no benchmark {', '.join(more)}; they are {', '.join(RIGHT)}", "unknown name")
    if unknown := {letter: answers[letter] for letter in RIGHT if answers[letter] not in NAMES}:
        letter, name = next(iter(unknown.items()))
        return Verdict("wrong", f"{letter}: {str(name)[:40]!r} is not one of the six names", "unknown name")
    wrong = [letter for letter, (name, _) in RIGHT.items() if answers[letter] != name]
    if not wrong:
        return Verdict("passed", "all eight are right, including the honest ones")
    why = "; ".join(f"{letter} is not “{answers[letter]}”: {RIGHT[letter][1]}" for letter in wrong)
    return Verdict("wrong", why, _slip(RIGHT[wrong[0]][0], answers[wrong[0]]))


def _slip(right: str, answer: str) -> str:
    """The key of the hint for a wrong answer."""
    missed = {THREADS: "threads missed", DTYPE: "dtype missed", ALGORITHM: "algorithm missed"}
    if right == HONEST:
        return "honest one accused"
    if {right, answer} == {SYNC, COMPILE}:
        return "compile and synchronization"
    return missed.get(right) or ("cheat believed" if answer == HONEST else "")
