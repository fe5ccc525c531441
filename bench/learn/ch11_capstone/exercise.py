"""Chapter 11, the capstone: a backend of the reader's own."""

import ast
from pathlib import Path

import backends
from bench import text
from bench.learn import facts
from bench.learn.judge import Verdict, against, cross_check, imported

SIZE = "1000x10"

# A part of what the cross-check says, and the slip that it is.
TOLD = (
    ("is the factor 2 of 2/n missing", "2 missing"),
    ("beta moves the wrong way", "sign"),
    ("it makes one update too many", "stop order"),
    ("there is one loss too many", "stop order"),
    ("computed in float32", "float32 inside"),
    ("shares the memory", "not its own memory"),
    ("a buffer is reused", "not its own memory"),
    ("a second call", "not its own memory"),
    ("was changed", "not its own memory"),
    ("is written to", "not its own memory"),
    ("obeys_the_stop_rule", "stop rule"),
)

HINTS = {
    "2 missing": (
        "Each step goes in the right direction, but not far enough.",
        "Compare the line that updates β with the formula: β := β + η (2/n) Xᵀ(y − ŷ).",
        "It is the factor: `(2 / n)` where `(1 / n)` stands.",
    ),
    "sign": (
        "Each step goes uphill.",
        "The gradient is −(2/n) Xᵀ(y − ŷ), and the update subtracts it. Two minus signs make a plus.",
        "With `residual = y - y_pred` write `beta + learning_rate * (2 / n) * (X.T @ residual)`.",
    ),
    "stop rule": (
        "It comes to the right place, but does not stop when it should.",
        "Between the loss and the update stand three rules. Is the second one there, and does it compare with `tol * losses[0]`?",
        "`if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]: break`, before `if k == max_iter`.",
    ),
    "stop order": (
        "Count its updates: how many does it make for max_iter = 1?",
        "At k = max_iter there is a loss, but no update any more.",
        "The order is: loss, then the three rules, `if k == max_iter: break` the last of them, then the update.",
    ),
    "float32 inside": (
        "Its answers have the right dtype, but not all their digits.",
        "Look for a place where an array is made or cast: which dtype does it get?",
        "Take the dtype from X everywhere, as in `np.zeros(d, X.dtype)`; never write float32.",
    ),
    "not its own memory": (
        "What you return, or what you write to, belongs to the caller.",
        "With max_iter = 0 there is no update. Which array do you return then? And which lines write in place, such as `+=`?",
        "Begin `fit` with `beta = beta.copy()`; then neither the start nor the answer is the caller's.",
    ),
    "a copy": (
        "This is one of our files, with other names at most.",
        "Your start file is a way of its own: go back to it, or do one step in another way.",
        "Ideas: X stored by columns; blocks of rows; `np.einsum`; a residual that is kept in a buffer; another library.",
    ),
    "no time": (
        "It is right, but no time came out.",
        "`gdbench run -b FILE --quick` says what happened to it.",
        "A deadline that is passed: take fewer steps of the interpreter. A crash: try it on larger problems by hand.",
    ),
    "": (
        "Run `gdbench check` on your file, and read the first sentence only.",
        "Take the start file and change one thing at a time, with a check after each.",
        "Two lines of the start file want mending: the factor of the update, and the second stop rule.",
    ),
}  # fmt: skip


def judge(path: Path) -> Verdict:
    tree = ast.parse(path.read_text("utf-8"))
    if (ours := _copied(tree)) is not None:
        return Verdict("wrong", f"your file takes its fit from {ours}, with other names at most", "a copy")
    found = cross_check(path)
    if found.passed:
        return found
    slip = next((slip for words, slip in TOLD if words in found.why), "")
    return Verdict(found.outcome, found.why, slip)


def timed(path: Path, quick: bool) -> Verdict:
    """Whatever the ratio: it is told, not judged."""
    ratio, run = against(path, "numpy_vectorized", SIZE, quick)
    if ratio is None:
        cell = next(cell for cell in run.cells if cell.backend == "your_file")
        why = f"it computes the right answer, but has no time: {cell.status}"
        return Verdict("failed", f"{why}, {text.clean(cell.detail, 200)}" if cell.detail else why, "no time")
    if ratio.low is None or ratio.high is None:
        words = "there are too few processes for an interval"
    else:
        apart = {
            True: "it is faster",
            False: "it is slower, which is fine",
            None: "this machine cannot tell them apart",
        }
        words = apart[facts.is_faster(ratio)]
    return Verdict("passed", f"right, and {text.ratio_interval(*ratio)} as fast as numpy_vectorized: {words}")


def _copied(tree: ast.Module) -> str | None:
    """Which of our backends it imports, or has the functions of."""
    if any(name.split(".")[0] in ("backends", "bench") for name in imported(tree)):
        return "an import of ours"
    folder = Path(backends.__file__).parent
    for path in sorted(folder.glob("[a-z]*.py")):
        if _shape(tree) == _shape(ast.parse(path.read_text("utf-8"))):
            return path.stem
    return None


class _Nameless(ast.NodeTransformer):
    """Every name by the order in which it comes, and no docstring."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return self.known.setdefault(name, f"_{len(self.known)}")

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._number(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._number(node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._number(node.name)
        node.body = [
            line for line in node.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        ]
        return self.generic_visit(node)


def _shape(tree: ast.Module) -> list[str]:
    """The functions of a file but prepare and to_numpy, without names; their order does not count."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return sorted(ast.dump(_Nameless().visit(node)) for node in functions if node.name not in ("prepare", "to_numpy"))
