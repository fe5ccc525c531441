"""Chapter 3: a faster loop without an array library."""

import ast
from pathlib import Path

from bench import text
from bench.learn import facts
from bench.learn.judge import Verdict, against, cross_check, imported

ALLOWED = (
    "math",
    "operator",
    "itertools",
    "functools",
    "array",
    "numpy",
)  # NumPy only for to_numpy, which is not timed
SIZE = "200x10"  # small enough for a busy machine

HINTS = {
    "array library": (
        "The exercise uses only Python's own numbers. Which of your lines calls a library?",
        "You may use NumPy in `to_numpy`, which must return an array, but not in `prepare` or `fit`.",
        "`sum(map(operator.mul, row, beta))` computes a whole sum of products with built-in functions.",
    ),
    "not faster": (
        "Your file is right but not faster. How many steps does the interpreter take for each number?",
        "Each index is a separate step, and so is each `+=`. Which function loops over two lists without indices?",
        "Compute a row at a time: `sum(map(operator.mul, row, beta))`. For the gradient, build the columns once: `list(zip(*X))`.",
    ),
    "": (
        "Change one of the four steps at a time, and check after each change.",
        "Run `gdbench check` on your file. It reports which part of the answer is wrong.",
        "Start again from `python_loops`, and replace only the prediction by `[sum(map(mul, row, beta)) for row in X]`.",
    ),
}


def judge(path: Path) -> Verdict:
    if (name := _library(path.read_text("utf-8"))) is not None:
        return Verdict("wrong", f"your file uses {name}; allowed: Python's own numbers", "array library")
    return cross_check(path)


def timed(path: Path, quick: bool) -> Verdict:
    ratio, run = against(path, "python_loops", SIZE, quick)
    if ratio is None:  # usually far too slow to measure; the cell has the details
        details = "; ".join(text.clean(c.detail, 200) for c in run.cells if c.detail)
        return Verdict("failed", f"right, but it could not be measured with python_loops: {details}", "not faster")
    speed = f"{text.ratio_interval(*ratio)} as fast as python_loops"
    if (faster := facts.is_faster(ratio)) is None:
        return Verdict("inconclusive", f"right, and {speed}: no difference on this machine", "not faster")
    if not faster:
        return Verdict("wrong", f"right, but {speed}: slower", "not faster")
    return Verdict("passed", f"right, and {speed}")


def _library(source: str) -> str | None:
    """The first forbidden import, or use of NumPy in prepare or fit."""
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
