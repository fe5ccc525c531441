"""Chapter 10: five rigged results beside honest ones, and a race to the same accuracy."""

from collections.abc import Mapping
from statistics import mean
from typing import Any, NamedTuple

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
    "it did not wait for the answer",
    "it counted the compiling",
    "it had more threads",
    "it had numbers with fewer digits",
    "it was another algorithm",
    "nothing is wrong",
)


class Claim(NamedTuple):
    """cheat: an index into CHEATS. by: whose time it is. how: what was timed. honest: what should have been."""

    key: str
    by: str
    how: str
    cheat: int
    honest: str


CLAIMS = (
    Claim("first", "jax_jit", "Read the clock, call the compiled function, read the clock again. The best of five.", 0, "jax_jit"),
    Claim("second", "numba_jit", "Start Python, call fit three times, divide the time by three.", 1, "numba_jit"),
    Claim("third", "threaded", "The machine as it is; numpy_vectorized as it stands in its table. The best of five.", 2, "threaded"),
    Claim("fourth", "NumPy, new", "X and y are read from a compact file, np.float32. The best of five.", 3, "control"),
    Claim("fifth", "NumPy, tuned", "fit first replaces the rows of X by fewer ones. The best of five.", 4, "numpy_tuned"),
)  # fmt: skip


def claimed(found: Mapping[str, Any]) -> dict[str, float]:
    """By claim: how many times faster than numpy_vectorized it says to be. What could not be timed is not in it."""
    seconds = {
        "first": found.get("not_waited"),
        "second": mean(found["calls"]) if "calls" in found else None,
        "third": found.get("all_threads"),
        "fourth": found.get("float32"),
        "fifth": found.get("qr"),
    }
    return {key: found["numpy"] / value for key, value in seconds.items() if value and "numpy" in found}


def puzzle(found: Mapping[str, Any]) -> Table:
    """The claims, as they would be published. What has no figure here can be judged by how it was timed, all the same."""
    made = claimed(found)
    rows = [
        (each.key, each.by, each.how, f"{text.significant(made[each.key])}×" if each.key in made else "not timed here")
        for each in CLAIMS
    ]
    return Table("Claims", ("claim", "whose", "how it was timed", "times as fast"), rows)


def honest(run: Run) -> dict[str, Interval | None]:
    """By claim: how many times faster than numpy_vectorized the honest one is, as the suite finds it."""
    base = facts.cell(run, BASELINE)
    twin = next((cell for cell in run.cells if cell.control and cell.median_s), None)
    return {
        each.key: facts.ratio(base, twin if each.honest == "control" else facts.cell(run, each.honest))
        for each in CLAIMS
    }


def pairs(found: Mapping[str, Any], run: Run, said: Mapping[str, str | None]) -> Drawing | None:
    """Rigged against honest, a row for each claim, with what the reader said of it."""
    made, truth = claimed(found), honest(run)
    shown = [
        (each, made[each.key], true) for each in CLAIMS if each.key in made and (true := truth[each.key]) is not None
    ]
    if not shown:
        return None
    title = "Rigged against honest"
    red, blue = canvas.series_styles(["python_loops", BASELINE]).values()
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 0.62 * len(shown) + 1.75))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, 1.75, 0.75, 2.6, 0.62 * len(shown))
        for row, (each, lie, (at, low, high)) in enumerate(shown):
            axes.plot([lie, at], [row, row], color="#c4c4c4", linewidth=1.2, zorder=1)
            axes.plot(lie, row, "X", color=red.colour, markersize=10, label="" if row else "rigged")
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=blue.ink, linewidth=6, alpha=0.35, solid_capstyle="butt")
            axes.plot(at, row, "s", color=blue.colour, markersize=8, label="" if row else "honest")
            for value, look, up in ((lie, red, 9), (at, blue, -17)):
                axes.annotate(
                    text.significant(value),
                    (value, row),
                    (0, up),
                    textcoords="offset points",
                    ha="center",
                    color=look.ink,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
                )
            answer = said.get(each.key)
            mark = "" if answer is None else "right: " if answer == CHEATS[each.cheat] else "no: "
            axes.annotate(
                f"{mark}{answer or 'no answer'}",
                (1.02, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=9,
                annotation_clip=False,
            )
        axes.axvline(1, linestyle="--", color=canvas.FAINT)
        axes.annotate(
            "as numpy_vectorized",
            (1, -0.72),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=canvas.FAINT,
            fontsize=9,
        )
        axes.annotate(
            "your answer",
            (1.02, -0.72),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=canvas.FAINT,
            annotation_clip=False,
        )
        ends = [value for _, lie, found_ in shown for value in (lie, *found_) if value] + [1.0]
        charts.scale(axes, "x", [min(ends) / 1.5, max(ends) * 1.5], True)
        axes.set_yticks(range(len(shown)), [f"{each.key}: {each.by}" for each, *_ in shown])
        axes.set_ylim(len(shown) - 0.5, -0.95)
        axes.set_xlabel("times as fast as numpy_vectorized")
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(0.42, 1 - 0.05 / figure.get_size_inches()[1]),
            bbox_transform=figure.transFigure,
            ncols=2,
            frameon=False,
        )
    rows = [
        (
            each.key,
            each.by,
            text.significant(lie),
            *(MISSING if end is None else text.significant(end) for end in true),
            said.get(each.key) or MISSING,
            CHEATS[each.cheat],
        )
        for each, lie, true in shown
    ]
    listed = "; ".join(
        f"{each.key}, {each.by}: rigged {text.significant(lie)}, honest {text.significant(true.median)}"
        for each, lie, true in shown
    )
    alt = f"Chart, {title}, in times as fast as numpy_vectorized, on a logarithmic axis: {listed}."
    columns = ("claim", "whose", "rigged", "honest", "from", "to", "your answer", "what is wrong")
    return Drawing(figure, alt, Table(title, columns, rows))


def told(found: Mapping[str, Any]) -> dict[str, str | None]:
    """What the text says of the rigged timings; each sentence as the figures have it."""

    def time(name: str) -> str | None:
        return text.duration(found[name]) if name in found else None

    calls = found.get("calls")
    return {
        name: time(name) for name in ("numpy", "float32", "qr", "qr_without_updates", "one_thread", "all_threads", "waited", "not_waited")
    } | {
        "calls": calls and text.listed([text.duration(call) for call in calls]),
        "wait": _either(found, "waited", "not_waited", "So the clock was stopped before there was an answer: it measured the order, not the delivery.", "On this machine the call comes back hardly earlier than its answer."),
        "compile": calls and ("Only the first one compiles, and its time is most of the sum." if calls[0] > 2 * calls[1] else "Here the first one took hardly longer than the others."),
        "gain": _either(found, "one_thread", "all_threads", "The gain belongs to the second processor, not to the code.", "On this machine the second thread brought next to nothing: whatever the claim says, it was not the threads.", 1.1),
        "narrow": _either(found, "numpy", "float32", "The gain belongs to the narrower numbers, which hold about seven digits where float64 holds sixteen.", "On this machine the narrower numbers brought next to nothing, so this cheat did not even pay.", 1.1),
        "before": _before(found),
    }  # fmt: skip


def _either(
    found: Mapping[str, Any], slow: str, fast: str, clear: str, not_clear: str, limit: float = 2.0
) -> str | None:
    """One of two sentences, by whether the first time is `limit` times the second."""
    if slow not in found or fast not in found:
        return None
    return clear if found[slow] > limit * found[fast] else not_clear


def _before(found: Mapping[str, Any]) -> str | None:
    if "qr" not in found or "qr_without_updates" not in found:
        return None
    if found["qr_without_updates"] > found["qr"] / 2:
        return "So most of its time goes into replacing the rows, and its updates, on a handful of rows, cost little."
    return "So here its updates, although on a handful of rows, cost more than replacing the rows."


# ---------------------------------------------------------------------------------------------------- the race

SOLVERS = {"lstsq": "numpy.linalg.lstsq"}


def seconds(raced: Mapping[str, Any]) -> dict[str, Interval]:
    """Of each solver, from X and y to its answer."""
    samples = {name: [s for s in one["seconds"] if s] for name, one in raced["solvers"].items()}
    return {
        name: median_interval(found)
        for name, found in sorted(samples.items(), key=lambda pair: _place(pair[0]))
        if found
    }


def _place(name: str) -> int:
    order = ("numpy_vectorized", "numpy_tuned", "qr_compressed", "lstsq", "scikit-learn")
    return order.index(name)


def finish(raced: Mapping[str, Any]) -> Drawing | None:
    """The seconds of the race as milliseconds, in rows."""
    rows = {SOLVERS.get(name, name): facts.scaled(found, 1e3) for name, found in seconds(raced).items()}
    return charts.dots(f"From X and y to an answer within {GOAL:g}", "ms", rows)


def table(raced: Mapping[str, Any]) -> Table:
    """Whether all of them are there, and how near they came."""
    rows = [
        (
            SOLVERS.get(name, name),
            facts.seconds(time) or MISSING,
            MISSING if raced["solvers"][name]["updates"] is None else text.count(raced["solvers"][name]["updates"]),
            text.scientific(raced["solvers"][name]["error"]),
        )
        for name, time in seconds(raced).items()
    ]
    return Table("The race", ("solver", "time", "updates", "distance from the solution, relative"), rows)


def won(raced: Mapping[str, Any]) -> dict[str, str | None]:
    """What the text says of the race."""
    updates = [text.count(count) for count in raced["updates"]]

    def over(slow: str, fast: str) -> Interval | None:
        known = raced["solvers"]
        return speedup(known[slow]["seconds"], known[fast]["seconds"]) if slow in known and fast in known else None

    best, code = over("numpy_tuned", "lstsq"), over(BASELINE, "numpy_tuned")
    if best is None:
        verdict = None
    elif best.median > 1.1 and facts.is_faster(best) is not False:
        sure = "" if facts.is_faster(best) else " (too few processes for an interval, or one that holds 1)"
        verdict = f"The better algorithm beats the faster code{sure}"
    else:
        verdict = "At this size the better algorithm does not beat the faster code"
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
    "From scratch, or from the toolbox",
    ("", "your own descent", "numpy.linalg.lstsq", "scikit-learn"),
    [
        ("you choose", "start, rate, when to stop", "nothing", "options with names"),
        ("you see", "the loss of every step", "the answer", "the answer, as a model that predicts"),
        ("you can stop early", "yes", "no", "with some of its models"),
        ("columns that repeat each other", "one of many answers, by the start", "the shortest answer", "the shortest answer"),
        ("another loss than squares", "change two lines", "no", "another of its models"),
        ("who tests it", "you: gdbench check", "its makers", "its makers"),
    ],
)  # fmt: skip


def without_toolbox(lesson: Lesson, raced: Mapping[str, Any]) -> None:
    """Say so where scikit-learn took no part."""
    if "scikit-learn" not in raced["solvers"]:
        lesson.say("scikit-learn took no part: it is not installed (`pip install scikit-learn`).", note=True)
