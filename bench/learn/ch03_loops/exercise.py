"""Chapter 3: a faster loop without an array library."""

import ast
from pathlib import Path

from bench import text
from bench.learn import facts
from bench.learn.judge import Verdict, against, cross_check, imported

ALLOWED = ("math", "operator", "itertools", "functools", "array", "numpy")  # NumPy for to_numpy, which is not timed
SIZE = "200x10"  # small enough to be timed on a busy machine, too

HINTS = {
    "array library": (
        "The exercise is to stay with Python's own numbers. Which of your lines hands the work to a library?",
        "NumPy may appear in `to_numpy`, which must give an array; in `prepare` and `fit` it may not.",
        "Let `sum(map(operator.mul, row, beta))` make a whole sum of products: both are built in.",
    ),
    "not faster": (
        "It is right, and no faster. How many steps does the interpreter take for each number?",
        "An index costs a step of its own, and so does `+=`. What walks over two lists at once, without indices?",
        "A row at a time: `sum(map(operator.mul, row, beta))`. For the gradient have the columns: `list(zip(*X))`, once.",
    ),
    "": (
        "Take one step of the four at a time, and check after each change.",
        "Run `gdbench check` on your file: it says which part of the answer is off.",
        "Start again from `python_loops`, and replace only the prediction by `[sum(map(mul, row, beta)) for row in X]`.",
    ),
}


def judge(path: Path) -> Verdict:
    if (name := _library(path.read_text("utf-8"))) is not None:
        return Verdict("wrong", f"your file uses {name} where Python's own numbers should do the work", "array library")
    return cross_check(path)


def timed(path: Path, quick: bool) -> Verdict:
    ratio, run = against(path, "python_loops", SIZE, quick)
    if ratio is None:  # far too slow to be timed, as a rule: the cell says so
        details = "; ".join(text.clean(c.detail, 200) for c in run.cells if c.detail)
        return Verdict("failed", f"it was right, but could not be timed beside python_loops: {details}", "not faster")
    shown = text.ratio_interval(*ratio)
    if (faster := facts.is_faster(ratio)) is None:
        return Verdict(
            "inconclusive", f"right, and {shown} as fast as python_loops: no difference on this machine", "not faster"
        )
    if not faster:
        return Verdict("wrong", f"right, but {shown} as fast as python_loops: slower", "not faster")
    return Verdict("passed", f"right, and {shown} as fast as python_loops")


def _library(source: str) -> str | None:
    """What the file imports, or uses of NumPy in prepare and fit, that is not allowed."""
    tree = ast.parse(source)
    for name in imported(tree):
        if name.split(".")[0] not in ALLOWED:
            return name
    arrays = {"np", "numpy"}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name != "to_numpy":
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and inner.id in arrays:
                    return f"NumPy in {node.name}"
    return None
