"""Chapter 8: the largest possible learning rate, the speed of the descent, and the effect of scaling."""

from typing import Any

from matplotlib.figure import Figure

from bench import text
from bench.learn import charts, facts
from bench.learn.ch08_rate.valley import FLOOR, UPDATES, Need, Valley
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing, Point
from bench.report.tables import Table


def limits_table(valleys: dict[str, Valley], trials: dict[str, float]) -> Table:
    rows = [
        (name, *map(text.significant, (v.steepest, v.limit, trials[name], v.steepest / v.flattest)))
        for name, v in valleys.items()
    ]
    columns = ("flipper length in", "L, the largest curvature", "2/L", "largest stable η by trial", "condition number")
    return Table("The limit by formula and by trial", columns, rows)


def sweep_picture(swept: dict[str, list[Point]], guess: float | None) -> Drawing:
    title = f"Remaining gap after {UPDATES} updates (values below {FLOOR:g} appear at {FLOOR:g})"
    guess = guess if guess is not None and 0 < guess < 1e6 else None  # a value further out would flatten the lines
    styles = canvas.series_styles(list(swept))
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 4.8))
        canvas.heading(figure, 0.12, title)
        canvas.legend(figure, styles)
        axes = canvas.add_axes(figure, canvas.LEFT, 1.0, 0.3, 3.15)
        for name, points in swept.items():
            canvas.draw_points(axes, points, styles[name], name)
        axes.axhline(1.0, linestyle="--", color=canvas.FAINT)
        axes.annotate("no change since the start", (5e-4, 1.0), (0, 4),  # between the lines
                      textcoords="offset points", ha="center", color=canvas.FAINT)  # fmt: skip
        rates: list[float] = [p.n for points in swept.values() for p in points]
        if guess is not None:
            rates.append(guess)
            axes.axvline(guess, linestyle="--", color=canvas.FAINT)
            axes.annotate(charts.GUESS, (guess, 1.0), (0, 3), xycoords=("data", "axes fraction"), ha="right" if guess > 1e-3 else "left",
                          textcoords="offset points", color=canvas.FAINT)  # fmt: skip
        charts.scale(axes, "x", rates, True)
        charts.scale(axes, "y", [p.value for points in swept.values() for p in points], True)
        axes.set_xlabel("learning rate η")
        axes.set_ylabel("remaining gap")
    rows = [(name, text.significant(p.n), text.significant(p.value)) for name, ps in swept.items() for p in ps]
    lowest = {name: min(points, key=lambda p: p.value) for name, points in swept.items()}
    summary = "; ".join(
        f"{name}: {text.significant(lowest[name].value)} at η = {text.significant(lowest[name].n)}, and"
        f" {text.significant(points[-1].value)} at η = {text.significant(points[-1].n)}"
        for name, points in swept.items()
    )
    predicted = f" A vertical dashed line: {charts.GUESS}, {text.significant(guess)}." if guess else ""
    alt = (
        f"Chart, {title}, against the learning rate, both axes logarithmic. Each line falls and then rises steeply."
        f" Lowest point and right end: {summary}.{predicted}"
    )
    return Drawing(figure, alt, Table(title, ("flipper length in", "η", "remaining gap"), rows))


def curves(valley: Valley, multiples: tuple[float, ...]) -> Drawing | None:
    """The loss curves in one valley, at these multiples of 2/L."""
    series = {}
    for multiple in multiples:
        gap = valley.remaining_gap(valley.descend(multiple * valley.limit, UPDATES).losses)
        ks = range(0, UPDATES + 1, 5)
        series[f"{multiple:g} of 2/L"] = [Point(k, max(float(gap[k]), FLOOR), None, None) for k in ks]
    return charts.lines("Loss curves, cm from 190 mm", "update k", "remaining gap", series, log="y")


def conditions_picture(needs: list[Need]) -> Drawing | None:
    across: Any = [need.condition for need in needs]
    series = {
        "η = 1/L": [Point(c, need.usual, None, None) for c, need in zip(across, needs, strict=True)],
        "η = 2/(L + flattest)": [Point(c, need.best, None, None) for c, need in zip(across, needs, strict=True)],
    }
    return charts.lines("Updates until the distance is a millionth", "condition number", "updates", series)


def statements(valleys: dict[str, Valley], trials: dict[str, float], guess: float | None) -> dict[str, str | None]:
    """The limits by trial and by formula, and a sentence about the prediction."""
    keys = {"": "standardized", "_tilted": "cm from 190 mm", "_raw": "millimeters"}
    result: dict[str, str | None] = {f"limit{key}": text.significant(valleys[name].limit) for key, name in keys.items()}
    result |= {(key or "_trial")[1:]: text.significant(trials[name]) for key, name in keys.items()}
    return result | {"verdict": facts.judge_prediction(guess, trials["standardized"])}


def pace(needs: list[Need]) -> dict[str, str]:
    """The number of updates in the first narrow valley and in the narrowest one."""
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
    """The condition number and the remaining gap with and without standardization."""
    result = {"updates": str(UPDATES)}
    for key, name in (("", "standardized"), ("_raw", "millimeters")):
        valley = valleys[name]
        gap = float(valley.remaining_gap(valley.descend(0.25 * valley.limit, UPDATES).losses)[-1])
        result[f"condition{key}"] = text.significant(valley.steepest / valley.flattest)
        result[f"gap{key}"] = text.significant(gap) if gap > 1e-12 else "0 up to rounding"
    return result
