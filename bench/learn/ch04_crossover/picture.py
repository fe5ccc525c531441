"""Chapter 4: time against size for loops and NumPy, the n where they cross, and the straight line fitted to each."""

from pathlib import Path

from matplotlib.figure import Figure

from bench import text
from bench.analysis import cost_model
from bench.analysis.sentences import crossing
from bench.learn import charts, facts
from bench.records import Cell, Run
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point
from bench.report.tables import Table
from bench.stats import Interval, median_interval
from bench.text import MISSING

FEWER = Path(__file__).parent / "variants" / "fewer_calls.py"
LOOPS, NUMPY = "python_loops", "numpy_vectorized"
WIDTHS = (10, 2)  # d
HIDDEN = (30, 3000)  # n at d = 10: measured for the exercise and not displayed
SIZES = (*((n, 10) for n in (1, 3, 10, 100, 1000, 10_000)), *((n, 2) for n in (1, 10, 100, 1000)))
ALL = [f"{n}x{d}" for n, d in (*SIZES, *((n, 10) for n in HIDDEN))]
PANEL = 3.0  # inches


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
    first, hundred, large = (
        {b: facts.cell(run, b, n, 10) for b in (LOOPS, NUMPY, FEWER.stem)} for n in (1, 100, 10_000)
    )
    fits = {b: cost_model.fit_cost_model(cells(run, b)) for b in (LOOPS, NUMPY, FEWER.stem)}
    narrow = cost_model.fit_cost_model(cells(run, NUMPY, 2))
    numpy, loops, fewer = fits[NUMPY], fits[LOOPS], fits[FEWER.stem]
    saved = facts.ratio(first[NUMPY], first[FEWER.stem])
    grown = facts.ratio(hundred[NUMPY], first[NUMPY])
    return {
        "at": at[10] and crossing(at[10]),
        "narrow": at[2] and crossing(at[2]),
        "chosen": _chosen(at[10], at[2], choice),
        "verdict": facts.judge_prediction(guess, meets) or "There is no crossing to compare your prediction with.",
        "first": _time(first[NUMPY]),
        "hundredth": _time(hundred[NUMPY]),
        "grown": facts.times(grown),
        "loops_grown": facts.times(facts.ratio(hundred[LOOPS], first[LOOPS])),
        "flat": grown and _flat(grown.median, numpy),
        "a_numpy": numpy and facts.seconds(numpy.overhead_s),
        "b_numpy": numpy and facts.seconds(numpy.value_s),
        "a_loops": loops and facts.seconds(loops.overhead_s),
        "b_loops": loops and facts.seconds(loops.value_s),
        "meeting": numpy and loops and _meeting(numpy, loops),
        "a_fewer": fewer and facts.seconds(fewer.overhead_s),
        "saved": facts.times(saved),
        "saved_large": facts.times(facts.ratio(large[NUMPY], large[FEWER.stem])),
        "calls": saved and _calls(facts.is_faster(saved)),
        "worst": numpy and _worst(numpy),
        "b_narrow": narrow and facts.seconds(narrow.value_s),
    }


def _time(cell: Cell | None) -> str | None:
    return None if cell is None else facts.seconds(seconds(cell))


def _chosen(wide: cost_model.Crossover | None, narrow: cost_model.Crossover | None, choice: str | None) -> str:
    """A sentence about the reader's choice, by the intervals of both crossings."""
    if not (wide and narrow and wide.n and narrow.n and wide.n.low and wide.n.high and narrow.n.low and narrow.n.high):
        return "A comparison of the two crossings needs both intervals, which these figures do not have."
    if narrow.n.low <= wide.n.high and wide.n.low <= narrow.n.high:
        return "The two intervals overlap, so these figures do not show which crossing comes first."
    answer = "at more rows" if narrow.n.low > wide.n.high else "at fewer rows"
    right = "" if choice is None else " This is what you chose." if choice == answer else f" You chose: {choice}."
    return f"So with fewer columns, NumPy becomes faster {answer}.{right}"


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


def _calls(faster: bool | None) -> str:
    if faster:
        return "With fewer calls the flat part is lower, and the difference is the cost of the omitted calls."
    if faster is False:
        return "It was slower here, so on this machine the number of calls does not explain the flat part."
    return "These figures do not show whether this is a difference."


def _worst(fit: cost_model.CostModel) -> str:
    size = max(fit.held_out, key=lambda size: abs(fit.held_out[size]))
    return f"{text.percent(abs(fit.held_out[size]))}, at n·d = {text.count(size)}"


def figures(run: Run) -> Table:
    """The table that the exercise passes to the reader's function: numpy_vectorized at d = 10."""
    rows = [(text.count(c.n_samples), str(c.n_features), text.scientific(seconds(c).median)) for c in cells(run, NUMPY)]
    return Table("Measured times of numpy_vectorized", ("n", "d", "seconds per iteration"), rows)


def sweep(run: Run, guess: float | None) -> Drawing | None:
    """A panel for each d with both lines and the interval in which they cross. The first panel has the prediction."""
    panels = {d: {b: cells(run, b, d) for b in (LOOPS, NUMPY)} for d in WIDTHS}
    if not all(line for lines in panels.values() for line in lines.values()):
        return None
    styles = canvas.series_styles((LOOPS, NUMPY))
    each, rows, words = PANEL + 1.15, [], []
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, each * len(WIDTHS)))
        for index, (d, lines) in enumerate(panels.items()):
            canvas.heading(figure, index * each + 0.12, f"Time per iteration, d = {d}")
            axes = canvas.add_axes(figure, canvas.LEFT, index * each + 0.45, canvas.label_margin([NUMPY]), PANEL)
            points = {b: [Point(c.n_samples, *seconds(c)) for c in line] for b, line in lines.items()}
            for b, line in points.items():
                canvas.draw_points(axes, line, styles[b], b)
                rows += [(b, str(d), text.count(p.n), *map(text.scientific, p[1:])) for p in line]
            at, predicted = crossover(run, d), guess if d == WIDTHS[0] and guess and guess > 0 else None
            ns = [p.n for line in points.values() for p in line] + ([predicted] if predicted else [])
            charts.scale(axes, "x", ns, True)
            low, high = canvas.limits([v for line in points.values() for p in line for v in p[1:] if v])
            axes.set(yscale="log", ylim=(low, high))
            canvas.log_axis(axes.yaxis, low, high, text.duration_tick)
            if at and at.n:
                ends = (at.n.low or at.n.median, at.n.high or at.n.median)
                axes.axvspan(*ends, color="#dddddd", zorder=0)
                axes.axvline(at.n.median, color=canvas.INK, linewidth=1, zorder=1)
                axes.annotate("crossing", (at.n.median, 0.02), (5, 0), xycoords=("data", "axes fraction"),
                              textcoords="offset points")  # fmt: skip
            if predicted:
                charts.upright(axes, predicted, charts.GUESS)
            canvas.end_labels(
                axes, [LineEndLabel(b, line[-1].n, line[-1].value, styles[b]) for b, line in points.items()], PANEL
            )
            axes.set_xlabel("number of samples n")
            words.append(f"at d = {d} numpy_vectorized is faster {crossing(at) if at else MISSING}")
    prediction = f" Your prediction for d = 10: n = {text.significant(guess)}." if guess else ""
    alt = f"Chart of the time per iteration against n, both axes logarithmic: {'; '.join(words)}.{prediction}"
    return Drawing(
        figure, alt, Table("Time per iteration", ("", "d", "n", "seconds per iteration", "from", "to"), rows)
    )
