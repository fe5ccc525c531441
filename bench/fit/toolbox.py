"""From scratch against the toolbox: an offline page that compares our descents with scikit-learn on the same data."""

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backends import BackendError
from bench import text
from bench.data.dataset import Dataset
from bench.fit import MissingExtra
from bench.fit.descent import Problem
from bench.fit.race import CALL_S, COLUMNS, EXACT, GOAL, LINEAR, OURS, ROWS, SAMPLES, SGD, SGD_CLOSE, SWEPT, Entry
from bench.report.article import Picture, Words, page
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point, Styles
from bench.report.tables import Table
from bench.runtime import memory, process
from bench.runtime.files import save
from bench.stats import holds_one, median_interval, speedup

DEADLINE_S = 300.0  # for one part of the measurement
EQUAL = ("numpy_vectorized", "qr_compressed", LINEAR)  # the methods of the sweeps that reach the goal
FLOOR = 1e-16  # smaller distances are drawn here
ROUNDING = 1e-12  # smaller errors are rounding errors
TITLES = {
    "rows": f"More rows: {COLUMNS} columns, pairwise correlations of 0.9",
    "columns": f"More columns: {text.count(ROWS)} rows, independent columns",
    "condition": f"A larger condition number: {text.count(ROWS)} rows, {COLUMNS} columns",
}


@dataclass
class Results:
    """What the child process sends. sweeps: kind -> size -> the results."""

    version: str = ""
    import_s: float = 0.0
    entries: dict[str, Entry] = field(default_factory=dict)
    sweeps: dict[str, dict[int, dict[str, Entry]]] = field(default_factory=dict)

    def add(self, message: dict[str, Any]) -> dict[str, Any]:
        if "version" in message:
            self.version, self.import_s = message["version"], message["import_s"]
        elif "entries" in message:
            self.entries = _entries(message["entries"])
        else:
            kind, size, entries = message["sweep"]
            self.sweeps.setdefault(kind, {})[size] = _entries(entries)
        return {}


def _entries(message: Sequence[Sequence[Any]]) -> dict[str, Entry]:
    return {entry.name: entry for entry in (Entry(*fields) for fields in message)}


def write(path: Path, data: Dataset, seed: int = 0) -> None:
    """Measure and write the page, in about a minute. seed: of SGDRegressor and of the order of the measurements.

    Raises MissingExtra if scikit-learn is not installed, BackendError if the measurement fails, and OSError if the file
    cannot be written.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise MissingExtra("scikit-learn is not installed; allowed: pip install 'gdbench[sklearn]'")
    problem = Problem(data.X, data.y)
    save(path, article(data, problem, measure(problem, seed)))


def measure(problem: Problem, seed: int) -> Results:
    """The measurements of a fresh process with one thread."""
    results = Results()
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        file = Path(folder, "data.npz")
        np.savez(file, Z=problem.X, y=problem.y)
        outcome = process.run(
            ["-m", "bench.fit.race", str(file), str(seed)], threads=1, deadline_s=DEADLINE_S, folder=Path(folder),
            on_message=results.add, memory_bytes=memory.BASE + 20 * problem.X.nbytes,
        )  # fmt: skip
    if not outcome.ok:
        raise BackendError(f"the comparison with scikit-learn {outcome.describe()}")
    return results


def article(data: Dataset, problem: Problem, results: Results) -> str:
    """The page."""
    n, d = data.X.shape
    name = text.markdown_code(text.clean(data.name, 60))
    target = text.markdown_code(text.clean(data.target, 60))
    introduction = (
        f"The same least-squares problem, solved by our full-batch descents and by scikit-learn {results.version}:"
        f" {target} from {text.number_of(d, 'column')} of {name}, {text.number_of(n, 'row')}. The columns are"
        f" standardized for all of them. The condition number of the columns is"
        f" {text.significant(problem.curvature.condition)}. Our descents begin at 0, use η = 1/L, and stop when the"
        f" coefficients are within {GOAL:g} of those of least squares, relative to their length."
    )
    blocks: list[Any] = [
        Words(introduction),
        Words("## On your data\n\n" + "\n\n".join(verdicts(results.entries))),
        Picture.of(accuracy_and_time(results.entries)),
        costs(results.entries, problem.X),
        Words(_how(results), note=True),
        Words("## Who wins when\n\n" + "\n".join(f"* {line}" for line in trends(results.sweeps))),
        Words(
            f"The times are those until the coefficients are within {GOAL:g}. Where a descent takes too long to"
            f" measure, its time is predicted from the time of an update. {SGD} has its defaults and does not come that"
            " close.",
            note=True,
        ),
        Picture.of(sweeps(results.sweeps)),
        Words("### Rules of thumb\n\n" + RULES),
    ]
    return page("From scratch against the toolbox", blocks)


RULES = f"""\
* **{LINEAR}** is the first choice for least squares that fits into memory. It needs no learning rate and no number of
  updates, it is exact, and a large condition number does not slow it down. Its work grows with n·d².
* **A full-batch descent** does 4·n·d operations per update. It wins where few updates are enough: with many columns of
  a small condition number, or where a rough answer will do. It also works for losses that have no formula for the
  minimum.
* **Compressed rows** (`qr_compressed`) read X once; then each update costs only d² operations. The iterates are the
  same, for the price of a direct solver.
* **{SGD}** updates after every row. With many rows and a small condition number, a few passes are enough for about
  two digits, and `partial_fit` takes data that do not fit into memory. More digits need a decreasing learning rate and
  many passes. By default it also penalizes large coefficients, so its solution is another one.
"""


def verdicts(entries: dict[str, Entry]) -> list[str]:
    """What the measurements say, in sentences."""
    exact, linear = entries[EXACT], entries[LINEAR]
    lines = [
        f"`{LINEAR}` takes {_time(linear)} for the exact coefficients, and `{EXACT}`, which checks less,"
        f" {_time(exact)}."
    ]
    best = min((entry for entry in entries.values() if entry.name in OURS), key=lambda entry: entry.goal_s)
    if best.predicted_s is None:
        lines[0] += (
            f" Our fastest descent, `{best.name}`, takes {_time(best)} for"
            f" {text.number_of(best.rounds or 0, 'update')}: {_ratio(linear, best)}, and {_ratio(exact, best)}."
        )
        if best.extra_s > 10 * np.median(best.seconds):
            lines[0] += f" Its first call takes {text.duration(best.extra_s)} longer, because it compiles."
    else:
        needed, needed_time = text.number_of(best.needed or 0, "update"), text.duration(best.predicted_s)
        lines[0] += (
            f" Our descents do not come within {GOAL:g} in {text.duration(CALL_S)}: that takes {needed}, about"
            f" {needed_time} with `{best.name}`. The number of updates grows with the square of the condition number."
        )
    return [*lines, _sgd(entries[SGD], entries[SGD_CLOSE])]


def _time(entry: Entry) -> str:
    """The median time of a fit with its interval."""
    return text.duration_interval(*median_interval(entry.seconds))


def _ratio(base: Entry, other: Entry) -> str:
    """3.20× [3.10, 3.30] faster than base"""
    count = min(len(base.seconds), len(other.seconds))
    ratio = speedup(base.seconds[:count], other.seconds[:count])
    assert ratio is not None
    if holds_one(ratio.low, ratio.high):
        return f"a tie with `{base.name}`, {text.ratio_interval(*ratio)}"
    if ratio.median >= 1:
        return f"{text.ratio_interval(*ratio)} faster than `{base.name}`"
    low, high = (None if end is None else 1 / end for end in (ratio.high, ratio.low))
    return f"{text.ratio_interval(1 / ratio.median, low, high)} slower than `{base.name}`"


def _sgd(default: Entry, close: Entry) -> str:
    words = f"`{SGD}` with its defaults diverges on these columns."
    if default.distance < 1:
        words = (
            f"`{SGD}` with its defaults takes {_time(default)}. Its coefficients are off by"
            f" {_error(default.distance)} of their length, and its R² is {_error(default.lost)} below that of least"
            " squares."
        )
    return (
        f"{words} With a small tol, without the penalty and with a decreasing learning rate it takes {_time(close)} and"
        f" is off by {_error(close.distance)}."
    )


def _error(value: float) -> str:
    return "<1e-12" if abs(value) < ROUNDING else f"{value:.1e}" if value < 1e-2 else text.significant(value)


def costs(entries: dict[str, Entry], Z: np.ndarray) -> Table:
    """A row per method: time, accuracy and the reads of X."""
    heads = (
        "method", "time of a fit", "first call adds", "coefficients off by", "R² lost", "updates or epochs",
        "passes over X",
    )  # fmt: skip
    rows = []
    for entry in entries.values():
        passes = _passes(entry, Z.shape[1])
        rounds = text.MISSING if entry.rounds is None else text.count(entry.rounds)
        if entry.predicted_s is not None:
            rounds += f"\nof {text.count(entry.needed or 0)}, about {text.duration(entry.predicted_s)}"
        rows.append((
            entry.name, _time(entry).replace(" [", "\n["), text.duration(entry.extra_s),
            _error(entry.distance), _error(entry.lost), rounds,
            f"{text.count(passes)}\n{text.memory(passes * Z.nbytes)}",
        ))  # fmt: skip
    return Table("Accuracy, time and cost", heads, rows)


def _passes(entry: Entry, d: int) -> int:
    """How often a fit reads X from end to end."""
    if entry.name == "qr_compressed":
        return 1
    if entry.name in OURS:
        return 2 * (entry.rounds or 0) + 1
    return entry.rounds or d


def _how(results: Results) -> str:
    """How it was measured."""
    return (
        f"A fresh process with one thread calls the methods in turn, in random order, up to {SAMPLES} times. Brackets"
        " are 95 % intervals of the median, given from six samples on. A time includes everything from the standardized"
        " columns to the coefficients, for our descents also η. An update reads X twice, for the residuals and for the"
        f" gradient; a direct solver ({EXACT}, {LINEAR}) reads X about once per column, `qr_compressed` once, and {SGD}"
        f" once per epoch. Importing scikit-learn took {text.duration(results.import_s)}."
    )


def accuracy_and_time(entries: dict[str, Entry]) -> Drawing:
    """A point for each method: the time of a fit across, the distance of its coefficients upwards."""
    shown = {name: (median_interval(of.seconds), max(of.distance, FLOOR)) for name, of in entries.items()}
    styles = canvas.series_styles(list(shown))
    title = "Time and accuracy of a fit"
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 4.6))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, 1.1, 0.5, canvas.label_margin(list(shown)), 3.4)
        across = [end for time, _ in shown.values() for end in time if end is not None]
        canvas.log_axes(
            axes, canvas.limits(across, 1.4), canvas.limits([up for _, up in shown.values()], 4), lambda v: f"{v:.0e}"
        )
        canvas.log_axis(axes.xaxis, *axes.get_xlim(), text.duration_tick, 6)
        axes.axhline(GOAL, color=canvas.FAINT, linestyle=":")
        for name, (time, up) in shown.items():
            look = styles[name]
            if time.low is not None and time.high is not None:
                axes.plot([time.low, time.high], [up, up], color=look.ink, linewidth=2)
            axes.plot(time.median, up, look.marker, color=look.color, markersize=9, label=name)
        ends = [LineEndLabel(name, time.median, up, styles[name]) for name, (time, up) in shown.items()]
        canvas.end_labels(axes, ends, 3.4)
        axes.set_xlabel("time of a fit")
        axes.set_ylabel("coefficients off by")
    rows = [(name, f"{time.median:.3e}", f"{up:.1e}") for name, (time, up) in shown.items()]
    points = "; ".join(f"{name} {text.duration(float(at))}, {up}" for name, at, up in rows)
    alt = f"{title}, both axes logarithmic. Time, and relative distance from the exact coefficients: {points}."
    return Drawing(figure, alt, Table(title, ("method", "seconds", "coefficients off by"), rows))


def sweeps(results: dict[str, dict[int, dict[str, Entry]]]) -> Drawing:
    """A panel for each sweep: the seconds of each method against the size."""
    kinds = list(results)

    def draw(axes: Axes, index: int, styles: Styles) -> None:
        sizes = results[kinds[index]]
        times = {name: {size: of[name].goal_s for size, of in sizes.items()} for name in styles}
        values = [time for of in times.values() for time in of.values()]
        canvas.log_axes(axes, canvas.limits(list(map(float, sizes)), 1.3), canvas.limits(values), text.duration_tick)
        ends = []
        for name, of in times.items():
            points = [Point(size, time, None, None) for size, time in of.items()]
            measured = [p for p in points if sizes[p.n][name].predicted_s is None]
            if measured:
                canvas.draw_points(axes, measured, styles[name], name)
            if predicted := [p for p in points if p not in measured]:
                before = [p for p in measured if p.n < predicted[0].n]
                canvas.draw_predicted(axes, before[-1:], predicted, styles[name], name)
            ends.append(LineEndLabel(canvas.short(name), points[-1].n, points[-1].value, styles[name]))
        canvas.end_labels(axes, ends, canvas.PANEL)
        axes.set_xlabel("condition number" if kinds[index] == "condition" else f"number of {kinds[index]}")

    figure = canvas.line_panels([TITLES[kind] for kind in kinds], SWEPT, "", draw)
    rows = [
        (kind, str(size), entry.name, f"{entry.goal_s:.3e}", "predicted" if entry.predicted_s else "measured",
         "" if entry.needed is None else str(entry.needed), f"{entry.distance:.1e}")
        for kind, sizes in results.items() for size, of in sizes.items() for entry in of.values()
    ]  # fmt: skip
    heads = ("sweep", "size", "method", "seconds to the goal", "which are", "updates needed", "coefficients off by")
    words = " ".join(trends(results)).replace("*", "").replace("`", "")
    alt = f"Lines of the time of a fit, in three panels with logarithmic axes. {words}"
    return Drawing(figure, alt, Table("Sweeps", heads, rows))


def trends(results: dict[str, dict[int, dict[str, Entry]]]) -> list[str]:
    """A sentence for each sweep: the times at its ends, and the fastest method at each size."""
    lines = []
    for kind, sizes in results.items():
        times = {size: {name: of[name].goal_s for name in EQUAL} for size, of in sizes.items()}
        first, last = min(sizes), max(sizes)
        ends = [
            f"`{name}` from {text.duration(times[first][name])} to {text.duration(times[last][name])}" for name in EQUAL
        ]
        best: dict[str, list[str]] = {}
        for size, of in times.items():
            best.setdefault(min(of, key=of.__getitem__), []).append(text.count(size))
        wins = [f"`{name}` at {text.listed(won)}" for name, won in best.items()]
        off = [of[SGD].distance for of in sizes.values()]
        lines.append(
            f"**{TITLES[kind]}.** From {text.count(first)} to {text.count(last)}, the time goes for"
            f" {text.listed(ends)}. Fastest: {'; '.join(wins)}. `{SGD}` is off by {_error(min(off))} to"
            f" {_error(max(off))}."
        )
    return lines
