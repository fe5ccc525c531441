"""Chapter 9: charts and facts about where descents stop, and how close to the best β this is."""

from collections.abc import Mapping, Sequence

import numpy as np

from backends import Fit
from bench import text
from bench.learn import charts, facts
from bench.learn.ch09_stopping.descents import TOL, UPDATES, Curve, Stop, path
from bench.learn.valley import Valley
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

FLOOR = 1e-14  # smaller values are drawn here


def curves(title: str, up: str, series: Mapping[str, np.ndarray], every: int, guess: float | None = None) -> Drawing:
    """A line for each name over the updates. every: the updates between two markers."""
    mark = None if guess is None else (guess, charts.GUESS)
    drawn = {name: charts.points(range(len(values)), values) for name, values in series.items()}
    drawing = charts.lines(title, "update k", up, drawn, "y", mark=mark, floor=FLOOR, every=every)
    assert drawing is not None
    return drawing


def nearness(data: Valley, guess: float | None) -> Drawing:
    gap, far = path(data, np.zeros(data.X.shape[1]), 80)
    series = {"gap of the loss": gap, "distance to best": far}
    return curves("Remaining gap after each update", "relative to the start", series, 10, guess)


def reasons_table(data: Valley, fits: Mapping[str, Fit]) -> Table:
    rows = [
        (name, fit.stop_reason, text.count(fit.n_iter), text.significant(float(fit.losses[-1]) / data.minimum - 1))
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
    names = {name: charts.points(*zip(*points, strict=True)) for name, points in series.items()}
    return charts.lines("Updates to reach an accuracy", "allowed distance to best / ‖best‖", "updates", names, log="x")


def conditions(stops: Mapping[float, Sequence[tuple[int, Stop]]]) -> Drawing | None:
    series = {
        f"tol = {tol:g}": charts.points((at for at, _ in points), (stop.far for _, stop in points))
        for tol, points in stops.items()
    }
    return charts.lines("Distance from the best β at the stop", "condition number", "distance / ‖best‖", series)


def wiggles(wiggled: Mapping[str, Curve]) -> Drawing:
    minimum = wiggled["all rows, float64"].losses[-1]
    series = {name: np.abs(c.losses - minimum) / (c.losses[0] - minimum) for name, c in wiggled.items()}
    return curves("Size of the remaining gap of the loss", "remaining gap", series, 25)


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
