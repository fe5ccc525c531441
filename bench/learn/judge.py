"""Judge an exercise: the reader's file in its own process, and a claim about time by a ratio with its interval.

python -m bench.learn.judge NUMBER FILE: the child, which answers over its channel.

An exercise module has `judge(path) -> Verdict`, called in the child, and HINTS: three texts, from a nudge to nearly the
solution, for each slip that it can name, and under "" for all others. One about time also has
`timed(path, quick) -> Verdict`, called in the parent once the answer is right.
"""

import ast
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec

from bench.check.bound import UNIT
from bench.check.checks import CHECKS
from bench.check.child import run_check
from bench.check.diagnosis import Diagnosis, hint
from bench.learn import child, facts
from bench.learn.chapters import Chapter, chapter
from bench.learn.reader import Reader, attempted
from bench.records import Run
from bench.runtime import process
from bench.stats import Interval

DEADLINE_S = 90.0
YOURS = "your_file"  # the name of the reader's file in a run
# Hints for a file that gave no answer.
FAILED = (
    "Your file gave no answer. The sentence above is the message of Python: start there.",
    "Call your function yourself at the end of the file, with small numbers, and run the file with `python FILE`.",
    "Go back to the original file, which runs. Make one change at a time, and run the file after each change.",
)
Outcome = Literal["passed", "wrong", "failed", "inconclusive"]


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of an exercise. why: the reason. slip: the mistake, a key of HINTS. hints: three levels.

    "wrong": the answer is wrong. "failed": the file raised, crashed or hung. "inconclusive": this machine cannot decide
    a claim about time.
    """

    outcome: Outcome
    why: str
    slip: str = ""
    hints: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    def words(self, attempts: int) -> str:
        """The verdict in Markdown, with a hint that gets more specific with each attempt."""
        words = f"**{self.outcome}**: {self.why}"
        if self.passed or not self.hints:
            return words
        level = min(max(attempts, 1), len(self.hints))
        return f"{words}\n\n**Hint {level} of {len(self.hints)}:** {self.hints[level - 1]}"


def judge(chapter: Chapter, path: Path, quick: bool = False) -> Verdict:
    """Judge a reader's file. Raises ValueError where there is none."""
    if not path.is_file() or path.suffix != ".py":
        raise ValueError(
            f"--check: found no file {str(path)!r} of Python; allowed: your file for the exercise, a .py file"
        )
    answer, outcome = child.run("judge", str(chapter.number), str(path.resolve()), deadline_s=DEADLINE_S)
    if answer:
        verdict = msgspec.convert(answer, Verdict)
    elif outcome.timed_out:
        why = f"your file gave no answer for {DEADLINE_S:.0f} seconds and was stopped: does a loop never end?"
        verdict = Verdict("failed", why)
    else:
        verdict = Verdict("failed", f"your file {outcome.describe()}")
    exercise = chapter.exercise
    if verdict.passed and hasattr(exercise, "timed"):
        verdict = exercise.timed(path, quick)
    levels = exercise.HINTS.get(verdict.slip, exercise.HINTS[""])
    if verdict.passed:
        levels = ()
    elif verdict.outcome == "failed" and not verdict.slip:
        levels = FAILED
    return msgspec.structs.replace(verdict, hints=tuple(levels))


def attempt(chapter: Chapter, path: Path, saved: Reader, quick: bool = False) -> tuple[Verdict, int]:
    """Judge a reader's file and store the attempt. Returns the verdict and how often this slip was made."""
    verdict = judge(chapter, path, quick)
    return verdict, attempted(saved, chapter.number, verdict.passed, verdict.slip)


class Rejected(Exception):
    """The verdict on a file, raised where it is found."""

    def __init__(self, outcome: Outcome, why: str, slip: str = ""):
        super().__init__(why)
        self.verdict = Verdict(outcome, why, slip)


def function(path: Path, call: str) -> Callable[..., Any]:
    """The function of the reader's file that `call` names, such as "gradient(X, y, beta)". Raises Rejected."""
    found: Callable[..., Any] | None = getattr(load(path), call.partition("(")[0], None)
    if not callable(found):
        raise Rejected("failed", f"your file has no function `{call}`")
    return found


def load(path: Path) -> ModuleType:
    """Import the reader's file under a fixed module name."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("gdbench_exercise", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def cross_check(path: Path) -> Verdict:
    """Run the checks of `gdbench check` on a backend file in this process, up to the first failure."""
    from backends import load as load_backend

    backend = load_backend(path)
    for dtype in getattr(backend, "DTYPES", tuple(UNIT)):
        diagnosis = Diagnosis(backend, dtype)
        for check in CHECKS:
            result, wrong = run_check(check, backend, dtype, f"{check.__name__}[{dtype}]")
            if not result.passed:
                mistake = hint(check.__name__, result.detail or "", diagnosis)
                why = f"{result.check}: {result.detail}" + (f". Diagnosis: {mistake}" if mistake else "")
                return Verdict("wrong" if wrong else "failed", why)
    return Verdict("passed", "it computes what the formula says, in every check")


def imported(tree: ast.AST) -> list[str]:
    """The names of all modules that a file imports, in order."""
    names = []
    for node in ast.walk(tree):
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return names


def against(path: Path, other: str, size: str, quick: bool, max_iter: int | None = None) -> tuple[Interval | None, Run]:
    """The speed-up of a backend file over another backend, with its interval, and the run.

    The speed-up is None if one of them has no time.
    """
    from bench.learn import experiment

    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        copy = Path(folder) / f"{YOURS}.py"  # two files with one stem cannot be in one run
        shutil.copyfile(path, copy)
        backends = experiment.backends_of([other, copy])
        run = experiment.measured(Path(folder) / "run", backends, [size], max_iter=max_iter, quick=quick)
    return facts.ratio(facts.cell(run, other), facts.cell(run, YOURS)), run


def verdict_on(chapter: Chapter, path: Path) -> Verdict:
    """Judge a file in this process. Whatever the file raises, SystemExit included, is the verdict "failed"."""
    try:
        verdict: Verdict = chapter.exercise.judge(path)
        return verdict
    except Rejected as rejected:
        return rejected.verdict
    except BaseException as error:
        words = " ".join(str(error).split())[:300]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
        where = f" in line {lines[-1]}" if lines else ""
        return Verdict("failed", f"your file raised {type(error).__name__}{where}: {words}")


def main() -> None:
    channel = process.Channel()  # first: it lets the parent stop this process and dump its stack
    verdict = verdict_on(chapter(int(sys.argv[1])), Path(sys.argv[2]))
    channel.ask(**msgspec.to_builtins(verdict))


if __name__ == "__main__":
    main()
