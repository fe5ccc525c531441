"""Chapter 10: five rigged results compared with fair ones, and a race to the same accuracy."""

from collections.abc import Mapping
from statistics import mean
from typing import Any, NamedTuple

from bench import text
from bench.learn import charts, facts
from bench.learn.ch10_fair.timer import GOAL, TARGETS, THREADED, D, K, N, race, rigged
from bench.learn.lesson import Lesson
from bench.records import Run
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
    """A claim about speed. cheat: an index into CHEATS. by: the program. how: the timing method. honest: the fair counterpart."""

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


def pairs(rigged: Mapping[str, Any], run: Run) -> Drawing | None:
    """The rigged and the fair speed-up of each claim."""
    claims, fair = claimed(rigged), honest(run)
    rows: dict[str, Interval | None] = {}
    for each in CLAIMS:
        if each.key in claims and fair[each.key] is not None:
            rows[f"{each.by}, rigged"] = Interval(claims[each.key], None, None)
            rows[f"{each.by}, fair"] = fair[each.key]
    return charts.dots("Rigged and fair", "times as fast as numpy_vectorized", rows)


def answers_table(answers: Mapping[str, str | None]) -> Table:
    """What is wrong with each claim, and the reader's answer."""
    rows = [(each.key, each.by, answers[each.key] or MISSING, CHEATS[each.cheat]) for each in CLAIMS]
    return Table("What is wrong with the claims", ("claim", "program", "your answer", "right answer"), rows)


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

SOLVERS = {name: name for name in ("numpy_vectorized", "numpy_tuned", "qr_compressed")}
SOLVERS |= {"lstsq": "numpy.linalg.lstsq", "scikit-learn": "scikit-learn"}


def seconds(raced: Mapping[str, Any]) -> dict[str, Interval]:
    """The time of each solver from X and y to its result."""
    samples = {name: [s for s in raced["solvers"].get(name, {}).get("seconds", ()) if s] for name in SOLVERS}
    return {name: median_interval(times) for name, times in samples.items() if times}


def finish(raced: Mapping[str, Any]) -> Drawing | None:
    """The times of the race in milliseconds, in rows."""
    rows = {SOLVERS[name]: time.scaled(1e3) for name, time in seconds(raced).items()}
    return charts.dots(f"From X and y to a relative distance of {GOAL:g}", "ms", rows)


def table(raced: Mapping[str, Any]) -> Table:
    """Time, number of updates and error of each solver."""
    rows = [
        (
            SOLVERS[name],
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
