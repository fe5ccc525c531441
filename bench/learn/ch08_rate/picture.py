"""Chapter 8: pictures and words of how large a learning rate may be, what sets the pace, and what scaling changes."""

from typing import Any

from matplotlib.figure import Figure

from bench import text
from bench.learn import charts, facts
from bench.learn.ch08_rate.valley import FLOOR, UPDATES, Need, Valley
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, Point
from bench.report.tables import Table


def limits_table(valleys: dict[str, Valley], found: dict[str, float]) -> Table:
    rows = [
        (name, *map(text.significant, (v.steepest, v.limit, found[name], v.steepest / v.flattest)))
        for name, v in valleys.items()
    ]
    columns = ("flipper length in", "L, the steepest curvature", "2/L", "largest η found by trying", "condition number")
    return Table("The limit by the formula and by trying", columns, rows)


def sweep_picture(found: dict[str, list[Point]], guess: float | None) -> Drawing:
    title = f"What {UPDATES} updates leave of the way down (less than {FLOOR:g} is drawn at {FLOOR:g})"
    guess = guess if guess is not None and 0 < guess < 1e6 else None  # what lies further out would flatten the lines
    styles = canvas.series_styles(list(found))
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 4.8))
        canvas.heading(figure, 0.12, title)
        canvas.legend(figure, styles)
        axes = canvas.add_axes(figure, canvas.LEFT, 1.0, 0.3, 3.15)
        for name, points in found.items():
            canvas.draw_points(axes, points, styles[name], name)
        axes.axhline(1.0, linestyle="--", color=canvas.FAINT)
        axes.annotate("as high as at the start", (5e-4, 1.0), (0, 4),  # between the lines
                      textcoords="offset points", ha="center", color=canvas.FAINT)  # fmt: skip
        rates: list[float] = [p.n for points in found.values() for p in points]
        if guess is not None:
            rates.append(guess)
            axes.axvline(guess, linestyle="--", color=canvas.FAINT)
            axes.annotate(charts.GUESS, (guess, 1.0), (0, 3), xycoords=("data", "axes fraction"), ha="right" if guess > 1e-3 else "left",
                          textcoords="offset points", color=canvas.FAINT)  # fmt: skip
        charts.scale(axes, "x", rates, True)
        charts.scale(axes, "y", [p.value for points in found.values() for p in points], True)
        axes.set_xlabel("learning rate η")
        axes.set_ylabel("share left")
    rows = [(name, text.significant(p.n), text.significant(p.value)) for name, ps in found.items() for p in ps]
    lowest = {name: min(points, key=lambda p: p.value) for name, points in found.items()}
    told = "; ".join(
        f"{name}: {text.significant(lowest[name].value)} at η = {text.significant(lowest[name].n)}, and"
        f" {text.significant(points[-1].value)} at η = {text.significant(points[-1].n)}"
        for name, points in found.items()
    )
    predicted = f" A dashed line upwards: {charts.GUESS}, {text.significant(guess)}." if guess else ""
    alt = (
        f"Chart, {title}, against the learning rate, both axes logarithmic. Each line falls, and then rises like a wall."
        f" Lowest, and at its right end: {told}.{predicted}"
    )
    return Drawing(figure, alt, Table(title, ("flipper length in", "η", "share left"), rows))


def curves(valley: Valley, multiples: tuple[float, ...]) -> Drawing | None:
    """The loss curves of one valley, at these multiples of 2/L."""
    series = {}
    for multiple in multiples:
        left = valley.left(valley.descend(multiple * valley.limit, UPDATES).losses)
        ks = range(0, UPDATES + 1, 5)
        series[f"{multiple:g} of 2/L"] = [Point(k, max(float(left[k]), FLOOR), None, None) for k in ks]
    return charts.lines("Loss curves, cm from 190 mm", "update k", "share of the way left", series, log="y")


def conditions_picture(found: list[Need]) -> Drawing | None:
    across: Any = [need.condition for need in found]
    series = {
        "η = 1/L": [Point(c, need.usual, None, None) for c, need in zip(across, found, strict=True)],
        "η = 2/(L + flattest)": [Point(c, need.best, None, None) for c, need in zip(across, found, strict=True)],
    }
    return charts.lines("Updates until a millionth of the distance is left", "condition number", "updates", series)


def told(valleys: dict[str, Valley], found: dict[str, float], guess: float | None) -> dict[str, str | None]:
    """The limits, by trying and by the formula, and what the prediction was worth."""
    keys = {"": "standardized", "_tilted": "cm from 190 mm", "_raw": "millimetres"}
    said: dict[str, str | None] = {f"limit{key}": text.significant(valleys[name].limit) for key, name in keys.items()}
    said |= {(key or "_found")[1:]: text.significant(found[name]) for key, name in keys.items()}
    return said | {"verdict": facts.judge_prediction(guess, found["standardized"])}


def pace(needs: list[Need]) -> dict[str, str]:
    """From the first narrow valley to the narrowest."""
    first, last = needs[1], needs[-1]
    return {
        "first": text.count(round(first.condition)),
        "first_updates": text.count(first.usual),
        "last": text.count(round(last.condition)),
        "last_updates": text.count(last.usual),
        "growth": f"{text.significant(last.usual / first.usual)}×",
        "stretch": f"{text.significant(last.condition / first.condition)}×",
        "best_updates": text.count(last.best),
    }


def scaling(valleys: dict[str, Valley]) -> dict[str, str]:
    said = {"updates": str(UPDATES)}
    for key, name in (("", "standardized"), ("_raw", "millimetres")):
        valley = valleys[name]
        left = float(valley.left(valley.descend(0.25 * valley.limit, UPDATES).losses)[-1])
        said[f"condition{key}"] = text.significant(valley.steepest / valley.flattest)
        said[f"left{key}"] = text.significant(left) if left > 1e-12 else "0 up to rounding"
    return said
