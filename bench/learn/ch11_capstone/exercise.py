"""Chapter 11, the capstone: the reader's own backend."""

import ast
import re
from pathlib import Path

import backends
from bench import text
from bench.check.messages import EARLIER_RESULT, INPUT_CHANGED, REUSED_BUFFER, SECOND_CALL, SHARES_MEMORY
from bench.learn import facts
from bench.learn.judge import YOURS, Verdict, against, cross_check, imported

SIZE = "1000x10"

# Parts of the cross-check's messages, and the keys of their hints.
MESSAGES = (
    ("is the factor 2 of 2/n missing", "2 missing"),
    ("beta moves the wrong way", "sign"),
    ("it makes one update too many", "stop order"),
    ("there is one loss too many", "stop order"),
    ("computed in float32", "float32 inside"),
    (SHARES_MEMORY, "not its own memory"),
    (INPUT_CHANGED, "not its own memory"),
    ("is written to", "not its own memory"),
    (REUSED_BUFFER, "kept between calls"),
    (SECOND_CALL, "kept between calls"),
    (EARLIER_RESULT, "kept between calls"),
    ("obeys_the_stop_rule", "stop rule"),
)

HINTS = {
    "2 missing": (
        "Each step has the right direction but is too short.",
        "Compare the line that updates β with the formula: β := β + η (2/n) Xᵀ(y − ŷ).",
        "The factor is wrong: write `(2 / n)` instead of `(1 / n)`.",
    ),
    "sign": (
        "Each step goes uphill.",
        "The gradient is −(2/n) Xᵀ(y − ŷ), and the update subtracts it. Two minus signs make a plus.",
        "With `residual = y - y_pred`, write `beta + learning_rate * (2 / n) * (X.T @ residual)`.",
    ),
    "stop rule": (
        "The descent goes to the right place but does not stop at the right time.",
        "There are three stop conditions between the loss and the update. Is the second one there, and does it compare with `tol * losses[0]`?",
        "`if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]: break`, before `if k == max_iter`.",
    ),
    "stop order": (
        "Count the updates: how many are there for max_iter = 1?",
        "At k = max_iter there is a loss but no further update.",
        "The order is: the loss, then the three stop conditions with `if k == max_iter: break` last, then the update.",
    ),
    "float32 inside": (
        "The answers have the right dtype, but some digits are missing.",
        "Look for a line that creates or casts an array: which dtype does it use?",
        "Use the dtype of X everywhere, as in `np.zeros(d, X.dtype)`. Never write float32.",
    ),
    "not its own memory": (
        "An array that you return or write to belongs to the caller.",
        "With max_iter = 0 there is no update. Which array do you return then? Which lines write in place, such as `+=`?",
        "Start `fit` with `beta = beta.copy()`. Then `fit` neither changes nor returns the caller's array.",
    ),
    "kept between calls": (
        "The first call is right, and a later call is not. What is left of the first call when the second one starts?",
        "An array at module level outlives a call. So does a change in an array that `prepare` returned.",
        "Create every array inside `fit`, and write only into these. Start with `beta = beta.copy()`.",
    ),
    "a copy": (
        "Your file is a file of this project, perhaps with other names.",
        "The start file already differs from all of them: go back to it, or change how it does one step.",
        "Ideas: X stored by columns; blocks of rows; `np.einsum`; a residual in a reused buffer; another library.",
    ),
    "no time": (
        "Your file is right but has no time.",
        "`gdbench run -b FILE --quick` reports what happened.",
        "If it exceeds the deadline, use fewer steps of the interpreter. If it crashes, try larger problems by hand.",
    ),
    "": (
        "Run `gdbench check` on your file, and read only the first message.",
        "Start from the start file, change one thing at a time, and check after each change.",
        "Compare your file with the start file: all three functions are needed, and only two lines of it need a correction.",
    ),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    tree = ast.parse(path.read_text("utf-8"))
    if (source := _copied(tree)) is not None:
        return Verdict("wrong", f"your file takes its fit from {source}, perhaps with other names", "a copy")
    verdict = cross_check(path)
    if verdict.passed:
        return verdict
    slip = next((slip for words, slip in MESSAGES if words in verdict.why), "")
    return Verdict(verdict.outcome, verdict.why, slip)


def timed(path: Path, quick: bool) -> Verdict:
    """Report the ratio. Every ratio passes."""
    ratio, run = against(path, "numpy_vectorized", SIZE, quick)
    if ratio is None:
        cell = next(cell for cell in run.cells if cell.backend == YOURS)
        why = f"it computes the right answer but has no time: {cell.status}"
        return Verdict("failed", f"{why}, {text.clean(cell.detail, 200)}" if cell.detail else why, "no time")
    if ratio.low is None or ratio.high is None:
        words = "too few processes for an interval"
    else:
        comparison = {True: "it is faster", False: "it is slower, which is fine", None: "no difference on this machine"}
        words = comparison[facts.is_faster(ratio)]
    return Verdict("passed", f"right, and {text.ratio_interval(*ratio)} as fast as numpy_vectorized: {words}")


def _copied(tree: ast.Module) -> str | None:
    """The project's backend that the file imports or copies. None if there is none."""
    if any(name.split(".")[0] in ("backends", "bench") for name in imported(tree)):
        return "an import of this project"
    folder = Path(backends.__file__).parent
    for path in sorted(folder.glob("[a-z]*.py")):
        if _shape(tree) == _shape(ast.parse(path.read_text("utf-8"))):
            return path.stem
    return None


def _shape(tree: ast.Module) -> list[str]:
    """The functions of a file except prepare and to_numpy, in a fixed order, with numbers for names."""
    shapes = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name not in ("prepare", "to_numpy"):
            if ast.get_docstring(node) is not None:
                del node.body[0]
            words = re.split(r"(?<!\.)\b([A-Za-z_]\w*)", ast.unparse(node))  # names at odd places; attributes stay
            order = {name: str(number) for number, name in enumerate(dict.fromkeys(words[1::2]))}
            words[1::2] = [order[name] for name in words[1::2]]
            shapes.append("".join(words))
    return sorted(shapes)
