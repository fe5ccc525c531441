"""Chapter 4: time against size for loops and NumPy, the n where they cross, and the straight line fitted to each."""

from bench import text
from bench.analysis import cost_model
from bench.analysis.sentences import crossing
from bench.learn import charts, facts
from bench.records import Cell, Run
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, Point
from bench.report.tables import Table
from bench.stats import Interval, median_interval
from bench.text import MISSING

LOOPS, NUMPY, FEWER = "python_loops", "numpy_vectorized", "fewer_calls"
WIDTHS = (10, 2)  # d
HIDDEN = (30, 3000)  # n at d = 10: measured for the exercise and not displayed
SIZES = (*((n, 10) for n in (1, 3, 10, 100, 1000, 10_000)), *((n, 2) for n in (1, 10, 100, 1000)))
ALL = [f"{n}x{d}" for n, d in (*SIZES, *((n, 10) for n in HIDDEN))]


def cells(run: Run, backend: str, d: int = WIDTHS[0]) -> list[Cell]:
    """The displayed cells of a backend that have a time, by n."""
    selection = (facts.cell(run, backend, n, width) for n, width in SIZES if width == d)
    return [cell for cell in selection if cell is not None]


def seconds(cell: Cell) -> Interval:
    """Seconds per iteration. A call with K iterations computes K + 1 losses, so its time is divided by K + 1."""
    return median_interval([s for s in cost_model.seconds_per_pass(cell) if s])


def crossover(run: Run, d: int) -> cost_model.Crossover | None:
    return next(iter(cost_model.crossovers(cells(run, LOOPS, d), cells(run, NUMPY, d))), None)


def statements(run: Run, guess: float | None, choice: str | None) -> dict[str, str | None]:
    """Facts for the text. guess: n at d = 10. choice: the reader's answer about d = 2."""
    at = {d: crossover(run, d) for d in WIDTHS}
    meets = at[10].n.median if at[10] and at[10].kind == "from" and at[10].n else None
    first, hundred, large = ({b: facts.cell(run, b, n, 10) for b in (LOOPS, NUMPY, FEWER)} for n in (1, 100, 10_000))
    fits = {b: cost_model.fit_cost_model(cells(run, b)) for b in (LOOPS, NUMPY, FEWER)}
    narrow = cost_model.fit_cost_model(cells(run, NUMPY, 2))
    numpy, loops, fewer = fits[NUMPY], fits[LOOPS], fits[FEWER]
    grown = facts.ratio(hundred[NUMPY], first[NUMPY])
    return {
        "at": at[10] and crossing(at[10]),
        "narrow": at[2] and crossing(at[2]),
        "chosen": _chosen(at[10], at[2], choice),
        "verdict": facts.judge_prediction(guess, meets) or "There is no crossing to compare your prediction with.",
        "first": _time(first[NUMPY]),
        "grown": facts.times(grown),
        "loops_grown": facts.times(facts.ratio(hundred[LOOPS], first[LOOPS])),
        "flat": grown and _flat(grown.median, numpy),
        "a_numpy": numpy and facts.seconds(numpy.overhead_s),
        "b_numpy": numpy and facts.seconds(numpy.value_s),
        "a_loops": loops and facts.seconds(loops.overhead_s),
        "b_loops": loops and facts.seconds(loops.value_s),
        "meeting": numpy and loops and _meeting(numpy, loops),
        "a_fewer": fewer and facts.seconds(fewer.overhead_s),
        "saved": facts.times(facts.ratio(first[NUMPY], first[FEWER])),
        "saved_large": facts.times(facts.ratio(large[NUMPY], large[FEWER])),
        "calls": numpy and fewer and _calls(numpy.overhead_s, fewer.overhead_s),
        "worst": numpy and _worst(numpy),
        "b_narrow": narrow and facts.seconds(narrow.value_s),
        "narrow_statement": numpy and narrow and _narrow(numpy.value_s, narrow.value_s),
    }


def _time(cell: Cell | None) -> str | None:
    return None if cell is None else facts.seconds(seconds(cell))


def _chosen(wide: cost_model.Crossover | None, narrow: cost_model.Crossover | None, choice: str | None) -> str:
    """A sentence about the reader's choice, by the intervals of both crossings."""
    if wide is None or narrow is None or wide.n is None or narrow.n is None or None in (*wide.n, *narrow.n):
        return "A comparison of the two crossings needs both intervals, which these figures do not have."
    later = facts.is_above(narrow.n, wide.n)
    if later is None:
        return "The two intervals overlap, so these figures do not show which crossing comes first."
    answer = "at more rows" if later else "at fewer rows"
    return f"So with fewer columns, NumPy becomes faster {answer}. {facts.chosen(choice, answer)}"


def _flat(grown: float, fit: cost_model.CostModel | None) -> str:
    half = fit.half_at if fit else None
    if grown > 2 or half is None or half < 100:
        return "On this machine the time grows from the start, so there is hardly any flat part to explain."
    return (
        f"By the fit below, at least half of an iteration does not depend on the size up to n·d ≈ {text.significant(half)}."
        " A common explanation of such a flat part is vector registers, which hold several numbers at once. But a register"
        " holds at most 8 of these numbers, and the flat part is longer, so registers do not explain it."
    )


def _meeting(numpy: cost_model.CostModel, loops: cost_model.CostModel) -> str:
    a, b = numpy.overhead_s.median - loops.overhead_s.median, loops.value_s.median - numpy.value_s.median
    if a <= 0 or b <= 0:
        return "One of the two has a lower a and a lower b, so the fitted lines do not cross."
    return (
        "NumPy starts higher and rises more slowly, so the two lines must cross: according to the fits, at"
        f" n ≈ {text.significant(a / b / WIDTHS[0])}."
    )


def _calls(numpy: Interval, fewer: Interval) -> str:
    """What the two overheads say about the calls."""
    return {
        True: "The two intervals of a do not overlap: with fewer calls the flat part is lower, and the difference is the cost of the omitted calls.",
        False: "The overhead is higher here, so on this machine the number of calls does not explain the flat part.",
        None: "These figures do not show whether the two overheads differ.",
    }[facts.is_above(numpy, fewer)]


def _narrow(wide: Interval, narrow: Interval) -> str:
    """Whether one b serves both d."""
    if facts.is_above(narrow, wide) is None:
        return "The two intervals of b overlap, so these figures do not show whether one pair a, b fits every d."
    return "The two intervals of b do not overlap, so one pair a, b does not fit every d."


def _worst(fit: cost_model.CostModel) -> str:
    size = max(fit.held_out, key=lambda size: abs(fit.held_out[size]))
    return f"{text.percent(abs(fit.held_out[size]))}, at n·d = {text.count(size)}"


def figures(run: Run) -> Table:
    """The table that the exercise passes to the reader's function: numpy_vectorized at d = 10."""
    rows = [(text.count(c.n_samples), str(c.n_features), text.scientific(seconds(c).median)) for c in cells(run, NUMPY)]
    return Table("Measured times of numpy_vectorized", ("n", "d", "seconds per iteration"), rows)


def sweep(run: Run, d: int, guess: float | None = None) -> Drawing | None:
    """The times of the loops and of NumPy for one d, and the interval in which they cross."""
    series = {b: [Point(c.n_samples, *seconds(c).scaled(1e6)) for c in cells(run, b, d)] for b in (LOOPS, NUMPY)}
    if not all(series.values()):
        return None
    mark = (guess, charts.GUESS) if guess else None
    drawing = charts.lines(f"Time per iteration, d = {d}", "number of samples n", "microseconds", series, mark=mark)
    at = crossover(run, d)
    assert drawing is not None
    if at and at.n:
        low, high = at.n.low or at.n.median, at.n.high or at.n.median
        with canvas.house_style():
            drawing.figure.axes[0].axvspan(low, high, color="#dddddd", zorder=0)
            drawing.figure.axes[0].annotate("crossing", (high, 0.02), (5, 0), xycoords=("data", "axes fraction"),
                                            textcoords="offset points")  # fmt: skip
    return drawing._replace(alt=f"{drawing.alt} numpy_vectorized is faster {crossing(at) if at else MISSING}.")
