"""Chapter 11: the cross-check of an unfinished backend, and the times of a finished one."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec

from bench import text
from bench.check import check
from bench.learn import charts, facts
from bench.learn.ch11_capstone.files import START
from bench.records import Run
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table
from bench.stats import Interval
from bench.text import MISSING

BASELINE, FINISHED_NAME = "numpy_vectorized", "finished"
SHOWN = ("python_loops", BASELINE, "numba_jit", "jax_jit", FINISHED_NAME)
MISTAKE, CORRECTION = ("(1 / n)", "(2 / n)")

Checked = dict[str, Any]


def checked() -> list[Checked]:
    """The results of `gdbench check` for the unfinished file, and for the same file with its first mistake corrected."""
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        files = {"unfinished": START.source, "after the first correction": START.source.replace(MISTAKE, CORRECTION)}
        results = []
        for index, (name, words) in enumerate(files.items()):
            path = Path(folder) / f"yours{index}.py"
            path.write_text(words, "utf-8")
            (report,) = check([str(path)], Path(folder)).backends
            results.append({"file": name, **msgspec.to_builtins(report)})
    return results


def failed(result: Checked) -> list[dict[str, Any]]:
    return [check for check in result["checks"] if not check["passed"]]


def sentences(result: Checked) -> Table:
    """The first five failed checks with the messages of the suite."""

    def message(check: dict[str, Any]) -> str:
        """The detail without the bound, which has its own column."""
        return text.clean(check["detail"].split("; correct arithmetic")[0], 90)

    rows = [
        (text.clean(each["check"]), message(each), *(text.scientific(each[key]) or MISSING for key in ("error", "bound")))
        for each in failed(result)[:5]
    ]  # fmt: skip
    return Table(f"Your file, {result['file']}", ("check", "message", "error", "allowed"), rows)


def statements(result: Checked) -> dict[str, str | None]:
    """The number of failed checks, the first error, and the mistake that the suite suggests."""
    wrong = failed(result)
    hints = list(dict.fromkeys(each["hint"] for each in wrong if each["hint"]))
    worst = next((each for each in wrong if each["error"] and each["bound"]), None)
    return {
        "failed": f"{len(wrong)} of {len(result['checks'])}",
        "hint": text.clean(hints[0]) if hints else None,
        "error": None if worst is None else text.scientific(worst["error"]),
        "bound": None if worst is None else text.scientific(worst["bound"]),
    }


def ratios(run: Run) -> dict[str, Interval | None]:
    """The speed-up of each backend over numpy_vectorized."""
    base = facts.cell(run, BASELINE)
    return {name: facts.ratio(base, facts.cell(run, name)) for name in SHOWN if name != BASELINE}


def chart(run: Run, guess: float | None) -> Drawing | None:
    """The finished backend with the four others and the prediction."""
    return charts.dots("A fifth backend among the four", f"times as fast as {BASELINE}", ratios(run), guess)


def times(run: Run) -> Table:
    """The absolute times."""
    rows = [(name, facts.seconds(facts.per_iteration(facts.cell(run, name))) or MISSING) for name in SHOWN]
    return Table("Time per iteration", ("backend", "time"), rows)


def verdict(run: Run, guess: float | None) -> dict[str, str | None]:
    ratio = ratios(run)[FINISHED_NAME]
    sure = facts.is_faster(ratio)
    words = {True: "It is faster.", False: "It is slower.", None: "These figures show no difference."}[sure]
    return {
        "ratio": facts.times(ratio),
        "words": ratio and words,
        "guess": facts.judge_prediction(guess, ratio and ratio.median),
    }
