"""Chapter 9: pictures and words of where descents stop, and how near that is."""

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

FLOOR = 1e-14  # what is less is drawn here
STYLES = ("-", "--", ":")


def curves(
    title: str, up: str, series: Mapping[str, np.ndarray], every: int, mark: tuple[float, str] | None = None
) -> Drawing:
    """A line without markers for each name, from update 0 on. every: which updates the table has. mark: as charts.lines."""
    looks = canvas.series_styles(list(series))
    shown = {name: np.maximum(np.abs(values), FLOOR) for name, values in series.items()}
    last = max(map(len, shown.values())) - 1
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 4.6))
        canvas.heading(figure, 0.12, title)
        axes = canvas.add_axes(figure, canvas.LEFT, 0.75, canvas.label_margin(list(series)), 3.15)
        for (name, values), style in zip(shown.items(), STYLES, strict=False):
            axes.plot(values, style, color=looks[name].colour, linewidth=1.8)
        across: list[float] = [0, last]
        if mark is not None:
            across.append(mark[0])
            axes.axvline(mark[0], linestyle="--", color=canvas.FAINT)
            axes.annotate(mark[1], (mark[0], 1.0), (0, 3), xycoords=("data", "axes fraction"), ha="center",
                          textcoords="offset points", color=canvas.FAINT)  # fmt: skip
        charts.scale(axes, "x", across, False)
        charts.scale(axes, "y", [float(v) for values in shown.values() for v in (values.min(), values.max())], True)
        ends = [LineEndLabel(name, last, float(values[-1]), looks[name]) for name, values in shown.items()]
        canvas.end_labels(axes, ends, 3.15)
        axes.set_xlabel("update k")
        axes.set_ylabel(up)
    rows = [
        (name, str(k), text.significant(float(values[k])))
        for name, values in shown.items()
        for k in range(0, len(values), every)
    ]
    told = "; ".join(
        f"{name} from {text.significant(float(v[0]))} to {text.significant(float(v[-1]))} at update {len(v) - 1}"
        for name, v in shown.items()
    )
    marked = f" A dashed line upwards at {text.significant(mark[0])}: {mark[1]}." if mark else ""
    alt = f"Chart, {title}. Across: the update. Up: {up}, on a logarithmic axis. {told}.{marked}"
    return Drawing(figure, alt, Table(title, ("", "update k", up), rows))


def nearness(data: Problem, guess: float | None) -> Drawing:
    gap, far = path(data, np.zeros(data.X.shape[1]), 80)
    mark = (guess, charts.GUESS) if guess is not None and 0 <= guess <= 1000 else None
    return curves(
        "What is left after each update", "share left", {"gap of the loss": gap, "distance to best": far}, 10, mark
    )


def reasons_table(data: Problem, found: Mapping[str, Fit]) -> Table:
    goal = best(data.X, data.y)
    least = float(np.mean((data.y - data.X @ goal) ** 2))
    rows = [
        (name, fit.stop_reason, text.count(fit.n_iter), text.significant((float(fit.losses[-1]) - least) / least))
        for name, fit in found.items()
    ]
    return Table(
        "Three descents, three reasons to stop",
        ("asked for", "stopped as", "updates", "loss above the least, as a share of it"),
        rows,
    )


def log_table(lines: Sequence[str]) -> Table:
    """What `log_every` printed."""
    rows = [(words[1], words[3]) for words in map(str.split, lines)]
    return Table("solve(X, y, tol=1e-9, log_every=10) prints", ("iteration", "loss"), rows)


def starts_table(found: Mapping[str, Stop]) -> Table:
    rows = [
        (name, text.count(s.updates), text.significant(s.first), text.significant(s.far)) for name, s in found.items()
    ]
    return Table(
        f"One tol, {TOL:g}, and four starts", ("start", "updates", "J₀", "distance to best, share of ‖best‖"), rows
    )


def accuracy(found: Mapping[str, Sequence[tuple[float, int]]]) -> Drawing | None:
    shown = dict(found)
    if shown["zeros"] == shown["small random"]:  # one line on the other
        shown = {"zeros, small random": shown["zeros"], "huge": shown["huge"]}
    names: dict[str, list[Point]] = {
        name: [Point(share, updates, None, None) for share, updates in points]  # type: ignore[arg-type]
        for name, points in shown.items()
    }
    title = "Updates to an accuracy"
    return charts.lines(title, "distance to best that is allowed, as a share of ‖best‖", "updates", names, log="x")


def conditions(found: Mapping[float, Sequence[tuple[int, Stop]]]) -> Drawing | None:
    series = {
        f"tol = {tol:g}": [Point(condition, stop.far, None, None) for condition, stop in points]
        for tol, points in found.items()
    }
    return charts.lines(
        "How far from the best β the rule stops", "condition number", "distance left, share of ‖best‖", series
    )


def wiggles(found: Mapping[str, Curve]) -> Drawing:
    least = found["all rows, float64"].losses[-1]
    series = {name: (c.losses - least) / (c.losses[0] - least) for name, c in found.items()}
    return curves(
        f"The gap of the loss, as a share of the first one (below {FLOOR:g} at {FLOOR:g})", "share left", series, 25
    )


def told(found: Mapping[str, Fit], guess: float | None) -> dict[str, str | None]:
    """How many updates it took, and what the prediction was worth."""
    fit = found[f"tol = {TOL:g}"]
    return {"updates": text.count(fit.n_iter), "verdict": facts.judge_prediction(guess, fit.n_iter)}


def far_told(found: Mapping[str, Stop]) -> dict[str, str]:
    return {
        "zeros": text.significant(found["zeros"].far),
        "small": text.significant(found["small random"].far),
        "huge": text.significant(found["huge"].far),
        "updates": text.count(found["huge"].updates),
        "first": f"{text.significant(found['huge'].first / found['zeros'].first)}×",
        "same": text.significant(found["huge, with the tol·J₀ of zeros"].far),
        "same_updates": text.count(found["huge, with the tol·J₀ of zeros"].updates),
    }


def conditions_told(found: Mapping[float, Sequence[tuple[int, Stop]]]) -> dict[str, str]:
    (small, near), (large, far) = found[TOL][0], found[TOL][-1]
    return {
        "small": text.count(small),
        "large": text.count(large),
        "near": text.significant(near.far),
        "far": text.significant(far.far),
        "updates": text.count(far.updates),
    }


def smooth_told(smooth: tuple[int, int, int]) -> dict[str, str]:
    return {name: text.count(count) for name, count in zip(("descents", "all", "rises"), smooth, strict=True)}


def wiggles_told(found: Mapping[str, Curve]) -> dict[str, str]:
    """What float32 does at its rounding floor is the machine's own: it may wiggle there, or stand still."""
    exact, short, batch = found.values()
    floor = "In float32 the loss did not rise here: where its digits end, it stood still."
    if short.rises:
        unit = text.significant(float(np.finfo(np.float32).eps))
        floor = (
            f"In float32 the loss rose {text.count(short.rises)} times, by at most {text.significant(short.largest)} of"
            f" itself; neighbouring float32 numbers are up to {unit} of themselves apart, so this is the **rounding floor**,"
            " where the digits end."
        )
    return {
        "floor": floor,
        "updates": str(UPDATES),
        "exact": text.count(exact.rises),
        "batch": text.count(batch.rises),
        "batch_largest": text.percent(batch.largest),
    }
