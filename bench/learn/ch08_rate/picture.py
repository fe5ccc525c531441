"""Chapter 8: the largest possible learning rate, the speed of the descent, and the effect of scaling."""

from bench import text
from bench.learn import charts, facts
from bench.learn.ch08_rate.descents import FLOOR, UPDATES, Need
from bench.learn.valley import Valley
from bench.report.plots.canvas import Drawing, Point
from bench.report.tables import Table


def limits_table(valleys: dict[str, Valley], trials: dict[str, float]) -> Table:
    rows = [
        (name, *map(text.significant, (v.steepest, v.limit, trials[name], v.condition))) for name, v in valleys.items()
    ]
    columns = ("flipper length in", "L, the largest curvature", "2/L", "largest stable η by trial", "condition number")
    return Table("The limit by formula and by trial", columns, rows)


def sweep_picture(swept: dict[str, list[Point]], guess: float | None) -> Drawing:
    drawing = charts.lines(
        f"Remaining gap after {UPDATES} updates", "learning rate η", "remaining gap", swept, floor=FLOOR,
        level=(1.0, "no change since the start"), mark=None if guess is None else (guess, charts.GUESS),
    )  # fmt: skip
    assert drawing is not None
    lowest = {name: min(points, key=lambda p: p.value) for name, points in swept.items()}
    listed = "; ".join(f"{name} {text.significant(p.value)} at {text.significant(p.n)}" for name, p in lowest.items())
    return drawing._replace(alt=f"{drawing.alt} Each line falls and then rises steeply. Lowest points: {listed}.")


def curves(valley: Valley, multiples: tuple[float, ...]) -> Drawing | None:
    """The loss curves in one valley, at these multiples of 2/L."""
    fits = {f"{multiple:g} of 2/L": valley.descend(multiple * valley.limit, UPDATES) for multiple in multiples}
    series = {name: charts.points(range(UPDATES + 1), valley.remaining_gap(fit.losses)) for name, fit in fits.items()}
    return charts.lines(
        "Loss curves, cm from 190 mm", "update k", "remaining gap", series, log="y", floor=FLOOR, every=5
    )


def conditions_picture(needs: list[Need]) -> Drawing | None:
    conditions, usual, best = zip(*needs, strict=True)
    series = {"η = 1/L": charts.points(conditions, usual), "η = 2/(L + flattest)": charts.points(conditions, best)}
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
        result[f"condition{key}"] = text.significant(valley.condition)
        result[f"gap{key}"] = text.significant(gap) if gap > 1e-12 else "0 up to rounding"
    return result
