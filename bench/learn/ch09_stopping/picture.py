"""Chapter 9: charts and facts about where descents stop, and how close to the best β this is."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from backends import Fit
from bench import text
from bench.data.problems import Problem
from bench.learn import charts, facts
from bench.learn.ch09_stopping.descents import TOL, UPDATES, Curve, Stop, best, path
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, LineEndLabel, Point
from bench.report.tables import Table

FLOOR = 1e-14  # smaller values are drawn here
STYLES = ("-", "--", ":")


def curves(
    title: str, up: str, series: Mapping[str, np.ndarray], every: int, mark: tuple[float, str] | None = None
) -> Drawing:
    """A line without markers for each name. every: step between the updates in the table. mark: as in charts.lines."""
    looks = canvas.series_styles(list(series))
    clipped = {name: np.maximum(np.abs(values), FLOOR) for name, values in series.items()}
    last = max(map(len, clipped.values())) - 1
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 4.6))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, canvas.LEFT, 0.75, canvas.label_margin(list(series)), 3.15)
        for (name, values), style in zip(clipped.items(), STYLES, strict=False):
            axes.plot(values, style, color=looks[name].colour, linewidth=1.8)
        across: list[float] = [0, last]
        if mark is not None:
            across.append(mark[0])
            charts.upright(axes, *mark, before=mark[0] > last / 2)
        charts.scale(axes, "x", across, False)
        charts.scale(axes, "y", [float(v) for values in clipped.values() for v in (values.min(), values.max())], True)
        ends = [LineEndLabel(name, last, float(values[-1]), looks[name]) for name, values in clipped.items()]
        canvas.end_labels(axes, ends, 3.15)
        axes.set_xlabel("update k")
        axes.set_ylabel(up)
    rows = [
        (name, str(k), text.significant(float(values[k])))
        for name, values in clipped.items()
        for k in range(0, len(values), every)
    ]
    ends_text = "; ".join(
        f"{name} from {text.significant(float(v[0]))} to {text.significant(float(v[-1]))} at update {len(v) - 1}"
        for name, v in clipped.items()
    )
    marked = f" A vertical dashed line at {text.significant(mark[0])}: {mark[1]}." if mark else ""
    alt = f"Chart, {title}. Horizontal axis: the update. Vertical axis: {up}, logarithmic. {ends_text}.{marked}"
    return Drawing(figure, alt, Table(title, ("", "update k", up), rows))


def nearness(data: Problem, guess: float | None) -> Drawing:
    gap, far = path(data, np.zeros(data.X.shape[1]), 80)
    mark = (guess, charts.GUESS) if guess is not None and 0 <= guess <= 1000 else None
    return curves(
        "Remaining gap after each update",
        "relative to the start",
        {"gap of the loss": gap, "distance to best": far},
        10,
        mark,
    )


def reasons_table(data: Problem, fits: Mapping[str, Fit]) -> Table:
    goal = best(data.X, data.y)
    minimum = float(np.mean((data.y - data.X @ goal) ** 2))
    rows = [
        (name, fit.stop_reason, text.count(fit.n_iter), text.significant((float(fit.losses[-1]) - minimum) / minimum))
        for name, fit in fits.items()
    ]
    return Table(
        "Three descents and their stop reasons",
        ("settings", "stop reason", "updates", "relative distance from the minimum loss"),
        rows,
    )


def log_table(lines: Sequence[str]) -> Table:
    """The lines that `log_every` printed."""
    rows = [(words[1], words[3]) for words in map(str.split, lines)]
    return Table("solve(X, y, tol=1e-9, log_every=10) prints", ("iteration", "loss"), rows)


def starts_table(stops: Mapping[str, Stop]) -> Table:
    rows = [
        (name, text.count(s.updates), text.significant(s.first), text.significant(s.far)) for name, s in stops.items()
    ]
    return Table(f"Four starts with tol = {TOL:g}", ("start", "updates", "J₀", "distance to best / ‖best‖"), rows)


def accuracy(reached: Mapping[str, Sequence[tuple[float, int]]]) -> Drawing | None:
    series = dict(reached)
    if series["zeros"] == series["small random"]:  # the two lines coincide
        series = {"zeros, small random": series["zeros"], "huge": series["huge"]}
    names: dict[str, list[Point]] = {
        name: [Point(share, updates, None, None) for share, updates in points]  # type: ignore[arg-type]
        for name, points in series.items()
    }
    title = "Updates to reach an accuracy"
    return charts.lines(title, "allowed distance to best / ‖best‖", "updates", names, log="x")


def conditions(stops: Mapping[float, Sequence[tuple[int, Stop]]]) -> Drawing | None:
    series = {
        f"tol = {tol:g}": [Point(condition, stop.far, None, None) for condition, stop in points]
        for tol, points in stops.items()
    }
    return charts.lines("Distance from the best β at the stop", "condition number", "distance / ‖best‖", series)


def wiggles(wiggled: Mapping[str, Curve]) -> Drawing:
    minimum = wiggled["all rows, float64"].losses[-1]
    series = {name: (c.losses - minimum) / (c.losses[0] - minimum) for name, c in wiggled.items()}
    return curves(
        f"The gap of the loss relative to the first one (values below {FLOOR:g} appear at {FLOOR:g})",
        "remaining gap",
        series,
        25,
    )


def statements(ended: Mapping[str, Fit], guess: float | None) -> dict[str, str | None]:
    """The number of updates, and a sentence about the prediction."""
    fit = ended[f"tol = {TOL:g}"]
    return {"updates": text.count(fit.n_iter), "verdict": facts.judge_prediction(guess, fit.n_iter)}


def start_statements(stops: Mapping[str, Stop]) -> dict[str, str]:
    return {
        "zeros": text.significant(stops["zeros"].far),
        "small": text.significant(stops["small random"].far),
        "huge": text.significant(stops["huge"].far),
        "updates": text.count(stops["huge"].updates),
        "first": f"{text.significant(stops['huge'].first / stops['zeros'].first)}×",
        "same": text.significant(stops["huge, with the tol·J₀ of zeros"].far),
        "same_updates": text.count(stops["huge, with the tol·J₀ of zeros"].updates),
    }


def condition_statements(stops: Mapping[float, Sequence[tuple[int, Stop]]]) -> dict[str, str]:
    (small, near), (large, far) = stops[TOL][0], stops[TOL][-1]
    return {
        "small": text.count(small),
        "large": text.count(large),
        "near": text.significant(near.far),
        "far": text.significant(far.far),
        "updates": text.count(far.updates),
    }


def smooth_statements(smooth: tuple[int, int, int]) -> dict[str, str]:
    return {name: text.count(count) for name, count in zip(("descents", "all", "rises"), smooth, strict=True)}


def wiggle_statements(wiggled: Mapping[str, Curve]) -> dict[str, str]:
    """Facts about the rises of the loss. At the rounding floor of float32 they depend on the machine."""
    exact, short, batch = wiggled.values()
    floor = "In float32 the loss did not rise here: it stayed constant at the limit of its digits."
    if short.rises:
        unit = text.significant(float(np.finfo(np.float32).eps))
        floor = (
            f"In float32 the loss rose {text.count(short.rises)} times, by a relative amount of at most"
            f" {text.significant(short.largest)}. The relative distance between neighboring float32 numbers is up to {unit},"
            " so this is the **rounding floor**, the limit of the digits."
        )
    return {
        "floor": floor,
        "updates": str(UPDATES),
        "exact": text.count(exact.rises),
        "batch": text.count(batch.rises),
        "batch_largest": text.percent(batch.largest),
    }
