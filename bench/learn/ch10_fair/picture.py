"""Chapter 10: five rigged results compared with fair ones, and a race to the same accuracy."""

from collections.abc import Mapping
from statistics import mean
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.learn import charts, facts
from bench.learn.ch10_fair.timer import GOAL, TARGETS, THREADED, D, K, N, race, rigged
from bench.learn.lesson import Lesson
from bench.records import Run
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table
from bench.stats import Interval, median_interval, speedup
from bench.text import MISSING

__all__ = ["THREADED", "D", "K", "N", "race", "rigged"]

BASELINE = "numpy_vectorized"
CHEATS = (
    "it did not wait for the result",
    "it included compiling",
    "it used more threads",
    "it used numbers with fewer digits",
    "it used another algorithm",
    "nothing is wrong",
)


class Claim(NamedTuple):
    """cheat: an index into CHEATS. by: the program. how: the timing method. honest: the fair counterpart."""

    key: str
    by: str
    how: str
    cheat: int
    honest: str


CLAIMS = (
    Claim("first", "jax_jit", "Read the clock, call the compiled function, read the clock again. The best of five.", 0, "jax_jit"),
    Claim("second", "numba_jit", "Start Python, call fit three times, divide the time by three.", 1, "numba_jit"),
    Claim("third", "threaded", "The default settings of the machine. The best of five.", 2, "threaded"),
    Claim("fourth", "NumPy, new", "Read X and y from a compact file, np.float32. The best of five.", 3, "control"),
    Claim("fifth", "NumPy, tuned", "fit first replaces the rows of X by fewer rows. The best of five.", 4, "numpy_tuned"),
)  # fmt: skip


def claimed(rigged: Mapping[str, Any]) -> dict[str, float]:
    """The claimed speed-ups over numpy_vectorized, by claim. Claims without a time are omitted."""
    seconds = {
        "first": rigged.get("not_waited"),
        "second": mean(rigged["calls"]) if "calls" in rigged else None,
        "third": rigged.get("all_threads"),
        "fourth": rigged.get("float32"),
        "fifth": rigged.get("qr"),
    }
    return {key: rigged["numpy"] / value for key, value in seconds.items() if value and "numpy" in rigged}


def puzzle(rigged: Mapping[str, Any]) -> Table:
    """The claims as published. The reader can judge a claim without a figure by its timing method."""
    claims = claimed(rigged)
    rows = [
        (
            each.key,
            each.by,
            each.how,
            f"{text.significant(claims[each.key])}×" if each.key in claims else "not timed here",
        )
        for each in CLAIMS
    ]
    return Table("Claims", ("claim", "program", "timing method", "times as fast"), rows)


def honest(run: Run) -> dict[str, Interval | None]:
    """The fair speed-ups over numpy_vectorized from the suite, by claim."""
    base = facts.cell(run, BASELINE)
    twin = next((cell for cell in run.cells if cell.control and cell.median_s), None)
    return {
        each.key: facts.ratio(base, twin if each.honest == "control" else facts.cell(run, each.honest))
        for each in CLAIMS
    }


class Pair(NamedTuple):
    """A claim with its rigged and its fair speed-up."""

    claim: Claim
    rigged: float
    fair: Interval


def pairs(rigged: Mapping[str, Any], run: Run, answers: Mapping[str, str | None]) -> Drawing | None:
    """Rigged and fair speed-ups, a row for each claim, with the reader's answer."""
    claims, fair = claimed(rigged), honest(run)
    series = [
        Pair(each, claims[each.key], interval)
        for each in CLAIMS
        if each.key in claims and (interval := fair[each.key]) is not None
    ]
    if not series:
        return None
    title = "Rigged and fair"
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 0.62 * len(series) + 1.75))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, 1.75, 0.75, 2.6, 0.62 * len(series))
        for row, pair in enumerate(series):
            _draw_pair(axes, row, pair, answers.get(pair.claim.key))
        axes.axvline(1, linestyle="--", color=canvas.FAINT)
        axes.annotate("numpy_vectorized", (1, -0.72), (4, 0), textcoords="offset points", va="center",
                      color=canvas.FAINT, fontsize=9)  # fmt: skip
        axes.annotate("your answer", (1.02, -0.72), xycoords=("axes fraction", "data"), va="center",
                      color=canvas.FAINT, fontsize=9, annotation_clip=False)  # fmt: skip
        ends = [value for pair in series for value in (pair.rigged, *pair.fair) if value] + [1.0]
        charts.scale(axes, "x", [min(ends) / 1.5, max(ends) * 1.5], True)
        axes.set_yticks(range(len(series)), [f"{pair.claim.key}: {pair.claim.by}" for pair in series])
        axes.set_ylim(len(series) - 0.5, -0.95)
        axes.set_xlabel("times as fast as numpy_vectorized")
        anchor = (0.42, 1 - 0.05 / figure.get_size_inches()[1])
        axes.legend(loc="upper left", bbox_to_anchor=anchor, bbox_transform=figure.transFigure, ncols=2, frameon=False)
    rows = [
        (
            claim.key,
            claim.by,
            text.significant(value),
            *(MISSING if end is None else text.significant(end) for end in interval),
            answers.get(claim.key) or MISSING,
            CHEATS[claim.cheat],
        )
        for claim, value, interval in series
    ]
    listed = "; ".join(
        f"{claim.key}, {claim.by}: rigged {text.significant(value)}, fair {text.significant(interval.median)}"
        for claim, value, interval in series
    )
    alt = f"Chart, {title}, in times as fast as numpy_vectorized, on a logarithmic axis: {listed}."
    columns = ("claim", "program", "rigged", "fair", "from", "to", "your answer", "what is wrong")
    return Drawing(figure, alt, Table(title, columns, rows))


def _draw_pair(axes: Axes, row: int, pair: Pair, answer: str | None) -> None:
    """A row of the chart: the rigged mark, the fair one with its interval, and the reader's answer."""
    red, blue = canvas.series_styles(["python_loops", BASELINE]).values()
    claim, value, (median, low, high) = pair
    axes.plot([value, median], [row, row], color="#c4c4c4", linewidth=1.2, zorder=1)
    axes.plot(value, row, "X", color=red.colour, markersize=10, label="" if row else "rigged")
    if low is not None and high is not None:
        axes.plot([low, high], [row, row], color=blue.ink, linewidth=6, alpha=0.35, solid_capstyle="butt")
    axes.plot(median, row, "s", color=blue.colour, markersize=8, label="" if row else "fair")
    for at, look, up in ((value, red, 9), (median, blue, -17)):
        axes.annotate(text.significant(at), (at, row), (0, up), textcoords="offset points", ha="center", color=look.ink,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
    mark = "" if answer is None else "right: " if answer == CHEATS[claim.cheat] else "wrong: "
    axes.annotate(f"{mark}{answer or 'no answer'}", (1.02, row), xycoords=("axes fraction", "data"), va="center",
                  fontsize=9, annotation_clip=False)  # fmt: skip


def statements(rigged: Mapping[str, Any]) -> dict[str, str | None]:
    """Facts for the text about the rigged timings. The sentences depend on the figures."""

    def time(name: str) -> str | None:
        return text.duration(rigged[name]) if name in rigged else None

    calls = rigged.get("calls")
    return {
        name: time(name) for name in ("numpy", "float32", "qr", "qr_without_updates", "one_thread", "all_threads", "waited", "not_waited")
    } | {
        "calls": calls and text.listed([text.duration(call) for call in calls]),
        "wait": _either(rigged, "waited", "not_waited", "So the clock stopped before there was a result: it measured the dispatch, not the work.", "On this machine, the call returns hardly earlier than its result is ready."),
        "compile": calls and ("Only the first call compiles, and it takes most of the total time." if calls[0] > 2 * calls[1] else "Here the first call took hardly longer than the others."),
        "gain": _either(rigged, "one_thread", "all_threads", "The gain comes from the second processor, not from the code.", "On this machine, the second thread gained almost nothing, so threads do not explain the claim.", 1.1),
        "narrow": _either(rigged, "numpy", "float32", "The gain comes from the shorter numbers, which have about seven digits instead of sixteen.", "On this machine, the shorter numbers gained almost nothing, so this cheat had no effect.", 1.1),
        "before": _before(rigged),
    }  # fmt: skip


def _either(
    rigged: Mapping[str, Any], slow: str, fast: str, clear: str, unclear: str, limit: float = 2.0
) -> str | None:
    """`clear` if the first time is more than `limit` times the second, else `unclear`."""
    if slow not in rigged or fast not in rigged:
        return None
    return clear if rigged[slow] > limit * rigged[fast] else unclear


def _before(rigged: Mapping[str, Any]) -> str | None:
    if "qr" not in rigged or "qr_without_updates" not in rigged:
        return None
    if rigged["qr_without_updates"] > rigged["qr"] / 2:
        return "So most of its time is the replacement of the rows, and its updates on a few rows cost little."
    return "So here its updates cost more than the replacement of the rows, although they use only a few rows."


# ---------------------------------------------------------------------------------------------------- the race

SOLVERS = {"lstsq": "numpy.linalg.lstsq"}


def seconds(raced: Mapping[str, Any]) -> dict[str, Interval]:
    """The time of each solver from X and y to its result."""
    samples = {name: [s for s in solver["seconds"] if s] for name, solver in raced["solvers"].items()}
    return {
        name: median_interval(times)
        for name, times in sorted(samples.items(), key=lambda pair: _place(pair[0]))
        if times
    }


def _place(name: str) -> int:
    order = ("numpy_vectorized", "numpy_tuned", "qr_compressed", "lstsq", "scikit-learn")
    return order.index(name)


def finish(raced: Mapping[str, Any]) -> Drawing | None:
    """The times of the race in milliseconds, in rows."""
    rows = {SOLVERS.get(name, name): facts.scaled(time, 1e3) for name, time in seconds(raced).items()}
    return charts.dots(f"From X and y to a relative distance of {GOAL:g}", "ms", rows)


def table(raced: Mapping[str, Any]) -> Table:
    """Time, number of updates and error of each solver."""
    rows = [
        (
            SOLVERS.get(name, name),
            facts.seconds(time) or MISSING,
            MISSING if raced["solvers"][name]["updates"] is None else text.count(raced["solvers"][name]["updates"]),
            text.scientific(raced["solvers"][name]["error"]),
        )
        for name, time in seconds(raced).items()
    ]
    return Table("The race", ("solver", "time", "updates", "relative distance from the solution"), rows)


def race_statements(raced: Mapping[str, Any]) -> dict[str, str | None]:
    """Facts for the text about the race."""
    updates = [text.count(count) for count in raced["updates"]]

    def over(slow: str, fast: str) -> Interval | None:
        solvers = raced["solvers"]
        return (
            speedup(solvers[slow]["seconds"], solvers[fast]["seconds"]) if slow in solvers and fast in solvers else None
        )

    best, code = over("numpy_tuned", "lstsq"), over(BASELINE, "numpy_tuned")
    if best is None:
        verdict = None
    elif best.median > 1.1 and facts.is_faster(best) is not False:
        sure = "" if facts.is_faster(best) else " (not certain: there is no interval, or it contains 1)"
        verdict = f"The better algorithm is faster than the faster code{sure}"
    else:
        verdict = "At this size, the better algorithm is not faster than the faster code"
    return {
        "code": facts.times(code),
        "qr": facts.times(over(BASELINE, "qr_compressed")),
        "lstsq": facts.times(over(BASELINE, "lstsq")),
        "verdict": verdict,
        "updates": text.listed([f"{count} for {target:g}" for count, target in zip(updates, TARGETS, strict=True)]) if updates else None,
        "error": text.scientific(raced["solvers"]["lstsq"]["error"]) if "lstsq" in raced["solvers"] else None,
        "toolbox": facts.times(over("scikit-learn", "lstsq")),
    }  # fmt: skip


TOOLBOX = Table(
    "From scratch or from the toolbox",
    ("", "your own descent", "numpy.linalg.lstsq", "scikit-learn"),
    [
        ("you choose", "start, learning rate, stop rule", "nothing", "named options"),
        ("you see", "the loss of every step", "the answer", "the answer, as a model that predicts"),
        ("you can stop early", "yes", "no", "in some models"),
        ("linearly dependent columns", "one of many answers, depending on the start", "the shortest answer", "the shortest answer"),
        ("another loss than squares", "change two lines", "no", "use another model"),
        ("tested by", "you: gdbench check", "its developers", "its developers"),
    ],
)  # fmt: skip


def without_toolbox(lesson: Lesson, raced: Mapping[str, Any]) -> None:
    """Report if scikit-learn did not take part."""
    if "scikit-learn" not in raced["solvers"]:
        lesson.say("scikit-learn did not take part: it is not installed (`pip install scikit-learn`).", note=True)
