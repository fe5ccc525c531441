"""Chapter 11: what the cross-check says of an unfinished backend, and a finished one among the others."""

import tempfile
from pathlib import Path
from typing import Any

from bench import text
from bench.check import check
from bench.learn import charts, facts
from bench.records import Run
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table
from bench.stats import Interval
from bench.text import MISSING

HERE = Path(__file__).parent
FINISHED = HERE / "variants" / "finished.py"
BASELINE, OWN = "numpy_vectorized", "finished"
SHOWN = ("python_loops", BASELINE, "numba_jit", "jax_jit", OWN)
FIRST, MENDED = ("(1 / n)", "(2 / n)")

Checked = dict[str, Any]


def checked() -> list[Checked]:
    """What `gdbench check` says of the unfinished file, and of the same file with its first mistake mended."""
    source = (HERE / "start.py").read_text("utf-8")
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        files = {"as it is": source, "with the first line mended": source.replace(FIRST, MENDED)}
        found = []
        for index, (name, words) in enumerate(files.items()):
            path = Path(folder) / f"yours{index}.py"
            path.write_text(words, "utf-8")
            found.append({"file": name, **check([str(path)], Path(folder))["backends"][0]})
    return found


def failed(found: Checked) -> list[dict[str, Any]]:
    return [one for one in found["checks"] if not one["passed"]]


def sentences(found: Checked, most: int = 5) -> Table:
    """The first checks that failed, in the suite's own words."""

    def words(one: dict[str, Any]) -> str:
        """Without the bound where it has a column of its own."""
        return text.clean(one["detail"].split("; correct arithmetic")[0], 90)

    rows = [
        (text.clean(one["check"]), words(one), *(text.scientific(one[key]) or MISSING for key in ("error", "bound")))
        for one in failed(found)[:most]
    ]  # fmt: skip
    return Table(f"Your file, {found['file']}", ("check", "what it found", "off by", "allowed"), rows)


def told(found: Checked) -> dict[str, str | None]:
    """How many checks failed, and the mistake that the suite names."""
    wrong = failed(found)
    hints = list(dict.fromkeys(one["hint"] for one in wrong if one["hint"]))
    worst = next((one for one in wrong if one["error"] and one["bound"]), None)
    return {
        "failed": f"{len(wrong)} of {len(found['checks'])}",
        "hint": text.clean(hints[0]) if hints else None,
        "error": None if worst is None else text.scientific(worst["error"]),
        "bound": None if worst is None else text.scientific(worst["bound"]),
    }


def ratios(run: Run) -> dict[str, Interval | None]:
    """How many times faster than numpy_vectorized each is."""
    base = facts.cell(run, BASELINE)
    return {name: facts.ratio(base, facts.cell(run, name)) for name in SHOWN if name != BASELINE}


def chart(run: Run, guess: float | None) -> Drawing | None:
    """The finished one among the others, beside the prediction."""
    return charts.dots("A fifth backend among the four", f"times as fast as {BASELINE}", ratios(run), guess)


def times(run: Run) -> Table:
    """Absolute times beside the ratios."""
    rows = [(name, facts.seconds(facts.iteration(facts.cell(run, name))) or MISSING) for name in SHOWN]
    return Table("The time of an iteration", ("backend", "time"), rows)


def verdict(run: Run, guess: float | None) -> dict[str, str | None]:
    ratio = ratios(run)[OWN]
    sure = facts.is_faster(ratio)
    words = {True: "It is faster.", False: "It is slower.", None: "These figures cannot tell them apart."}[sure]
    return {
        "ratio": facts.times(ratio),
        "words": ratio and words,
        "guess": facts.judge_prediction(guess, ratio and ratio.median),
    }
