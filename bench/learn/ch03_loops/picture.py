"""Chapter 3: the time of one multiply-add in a loop over lists, in a loop over an array, and in a compiled loop."""

from bench import text
from bench.learn import charts, facts
from bench.records import Run
from bench.report.plots.canvas import Drawing
from bench.stats import Interval

CHOICES = ("faster than over a list", "about as fast", "slower than over a list")
SHOWN = ("python_loops", "array_indexing", "indexing_compiled")


def price(run: Run, backend: str) -> Interval | None:
    """Nanoseconds for one multiply-add. An iteration does 2·n·d of them."""
    cell = facts.cell(run, backend)
    if cell is None:
        return None
    return facts.scaled(facts.per_pass(cell), 1e9 / (2 * cell.size))


def statements(run: Run, guess: float | None, choice: str | None) -> dict[str, str | None]:
    """Facts for the text. guess: ns. choice: one of CHOICES."""
    loop, compiled = price(run, "python_loops"), price(run, "indexing_compiled")
    cells = {name: facts.cell(run, name) for name in SHOWN}
    indexing = facts.ratio(cells["array_indexing"], cells["python_loops"])
    return {
        "loop": loop and f"{text.significant(loop.median)} ns",
        "compiled": compiled and f"{text.significant(compiled.median)} ns",
        "verdict": facts.judge_prediction(guess, loop and loop.median),
        "indexing_ratio": facts.times(indexing),
        "chosen": facts.chosen(choice, facts.verdict(indexing, CHOICES[2], CHOICES[0], CHOICES[1])),
        "compiled_ratio": facts.times(facts.ratio(cells["array_indexing"], cells["indexing_compiled"])),
    }


def prices(run: Run, guess: float | None) -> Drawing | None:
    """Nanoseconds for one multiply-add, with the prediction."""
    return charts.dots("One multiply-add", "ns", {name: price(run, name) for name in SHOWN}, guess)
