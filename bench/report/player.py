"""The player: gradient descent as it goes on, in panels: the line through the cloud, the path over the contours of the
loss, the predictions beside the measured values, and the loss.

Python computes every descent and writes its numbers into the page; `player.js` draws them, so that it plays without a
network. A still picture replaces it in print, and where no script runs.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from bench import text
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

SCRIPT = Path(__file__).with_name("player.js")
CHUNK = 65536  # rows at once
RINGS = 8  # contours of the loss
CORNERS = 48  # of the polygon that represents a contour
FAR = 3.0  # a descent ends in the page where a β is this many times as far from the best as the start was
WIDE = 2.0  # the map ends at this many times the distance of the start, however long a contour is
SHOWN = (0, 1, 3, 10)  # the updates of which the still picture has the line
ROWS = 12  # of the table of the still picture
LINEAR = 60  # of more updates, the axis is logarithmic
BLUE, RED = "#0072B2", "#D55E00"
Array = NDArray[Any]


class Quadratic(NamedTuple):
    """The loss over β: J(β) = minimum + Σᵢ curvaturesᵢ eᵢ² / 2 with the errors e = directions (β − best).

    curvatures: (r,), descending: the eigenvalues of H = (2/n) XᵀX; directions: (r, d), their eigenvectors.
    best: (d,), the shortest β of the smallest loss.
    """

    curvatures: Array
    directions: Array
    best: Array
    minimum: float

    @classmethod
    def of(cls, X: Array, y: Array) -> "Quadratic":
        """X: (n, d), y: (n,)."""
        triangle: Array = np.empty((0, X.shape[1] + 1))
        for first in range(0, len(y), CHUNK):
            part = np.column_stack([X[first : first + CHUNK], y[first : first + CHUNK]])
            triangle = np.asarray(np.linalg.qr(np.vstack([triangle, part]), mode="r"))
        best = np.linalg.lstsq(triangle[:, :-1], triangle[:, -1])[0]
        _, singular, directions = np.linalg.svd(triangle[:, :-1], full_matrices=False)
        residuals = triangle @ [*best, -1]
        return cls(2 / len(y) * singular**2, directions, best, float(residuals @ residuals) / len(y))

    @property
    def limit(self) -> float:
        """2/L, the learning rate above which a descent diverges."""
        return float(2 / self.curvatures[0])

    def descent(self, rate: float, ks: ArrayLike) -> tuple[Array, Array]:
        """β and loss after k updates from zeros for each of ks: an update multiplies error i by 1 − rate·curvatureᵢ."""
        with np.errstate(over="ignore", invalid="ignore"):
            shrunk = (1 - rate * self.curvatures) ** np.asarray(ks)[:, None]
            start = self.directions @ self.best
            losses = self.minimum + (start * shrunk) ** 2 @ self.curvatures / 2
            return (start * (1 - shrunk)) @ self.directions, losses

    def contours(self, axes: tuple[int, int]) -> tuple[list[Array], list[list[float]]]:
        """Contours of the loss over two of β, the others at their best: polygons, and the limits of a map of them."""
        chosen = self.directions[:, axes]
        values, vectors = np.linalg.eigh(chosen.T * self.curvatures @ chosen)
        values = np.maximum(values, 1e-9 * values[-1])  # an open valley: its contours are parallel lines
        best = self.best[list(axes)]
        reach = np.linalg.norm(np.sqrt(values) * (best @ vectors)) or 1.0
        circle = np.linspace(0, 2 * np.pi, CORNERS)
        ring = vectors @ np.diag(1 / np.sqrt(values)) @ np.array([np.cos(circle), np.sin(circle)])
        rings = [(best[:, None] + reach * share * ring).T for share in np.linspace(0.15, 1.4, RINGS)]
        half = np.minimum(np.abs(rings[-1] - best).max(axis=0), WIDE * np.linalg.norm(best) or np.inf)
        return rings, [limits([0.0, b - h, b + h]) for b, h in zip(best, half, strict=True)]


def limits(values: ArrayLike) -> list[float]:
    """The limits of an axis around these values."""
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.06 * (high - low or 1.0)
    return [rounded(low - room), rounded(high + room)]


def rounded(values: ArrayLike, digits: int = 6) -> Any:
    """Numbers with this many significant digits, in lists: shorter in a page."""
    array = np.asarray(values, float)
    return [rounded(row, digits) for row in array] if array.ndim else float(f"{array:.{digits}g}")


def descents(
    loss: Quadratic,
    rates: Sequence[float],
    ks: Sequence[int],
    own: Sequence[float] | Array = (),
    parameters: bool = True,
) -> list[dict[str, Any]]:
    """What player.js plays: a descent from zeros for each learning rate, at the updates `ks`.

    At 2/L and beyond, it ends outside of the picture. own: the losses that a backend returned for the first rate, which
    replace the computed ones. parameters: whether the page needs β.
    """
    played = []
    for index, rate in enumerate(rates):
        betas, losses = loss.descent(rate, ks)
        count = len(ks)
        if index == 0 and len(own):
            count = int(np.searchsorted(ks, len(own)))
            losses = np.asarray(own)[list(ks[:count])]
        with np.errstate(invalid="ignore"):
            inside = np.abs(betas[:count] - loss.best).max(axis=1) <= FAR * np.abs(loss.best).max()
            inside &= np.isfinite(losses[:count])
        if not inside.all():
            count = max(1, int(np.argmin(inside)))
        played.append({
            "multiple": rounded(rate / loss.limit, 12), "rate": rate, "own": index == 0 and len(own) > 0,
            "betas": rounded(betas[:count]) if parameters else [], "losses": rounded(losses[:count]),
        })  # fmt: skip
    return sorted(played, key=lambda descent: descent["rate"])


def cloud_and_map(
    X: Array, y: Array, multiples: Sequence[float], max_iter: int, labels: tuple[str, str]
) -> dict[str, Any]:
    """The player of the course. X: (n, 2), a column of ones and one feature. multiples: learning rates over 2/L."""
    loss, ks = Quadratic.of(X, y), range(max_iter + 1)
    return {
        "ks": list(ks),
        "shown": min(1, len(multiples) - 1),
        "names": ["intercept", "slope"],
        "descents": descents(loss, [multiple * loss.limit for multiple in multiples], ks),
        "cloud": cloud(X[:, 1], y, labels),
        "map": contour_map(loss, (0, 1), ("intercept", "slope")),
    }


def cloud(x: Array, y: Array, labels: tuple[str, str], standard: tuple[float, float] = (0.0, 1.0)) -> dict[str, Any]:
    """The panel of the line through the cloud. standard: mean and scale of x, which the slope refers to."""
    points = rounded(np.column_stack([x, y]))
    return {
        "points": points,
        "labels": list(labels),
        "standard": list(standard),
        "x": limits(x),
        "y": limits([*y, near_zero(y)]),
    }


def near_zero(y: Array) -> float:
    """0, where a descent starts, or the end of y's range where 0 is far outside of it."""
    low, high = float(y.min()), float(y.max())
    return float(np.clip(0.0, low - 2 * (high - low), high + 2 * (high - low)))


def predictions(rows: Array, y: Array, labels: tuple[str, str]) -> dict[str, Any]:
    """The panel of predictions beside measured values. rows: (m, d) features without the intercept."""
    up = limits([*y, near_zero(y)])
    return {"rows": rounded(rows, 3), "measured": rounded(y), "labels": list(labels), "x": limits(y), "y": up}


def loss_curve(least: float, start: float, last: int) -> dict[str, Any]:
    """The panel of the loss. least: the minimum; start: the loss at zeros; last: the number of updates."""
    up = "loss (mean squared error)"
    across = "update k (logarithmic)" if last > LINEAR else "update k"
    return {"least": rounded(least), "floor": 1e-12 * start, "linear": last <= LINEAR, "labels": [across, up]}


def contour_map(loss: Quadratic, axes: tuple[int, int], labels: tuple[str, str]) -> dict[str, Any]:
    """The panel of the path over the contours. axes: which two of β it shows."""
    rings, (x, y) = loss.contours(axes)
    best = rounded(loss.best[list(axes)])
    return {
        "rings": [rounded(r) for r in rings],
        "best": best,
        "axes": list(axes),
        "labels": list(labels),
        "x": x,
        "y": y,
    }


def still(data: dict[str, Any], index: int) -> Drawing:
    """One descent of `data` as a picture: up to two of its panels, and a table of its first updates."""
    descent, ks = data["descents"][index], data["ks"]
    names = [part for part in ("cloud", "map", "loss") if data.get(part)][:2]
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 3.9))
        canvas.heading(figure, 0.12, f"η = {descent['multiple']:.3g} of 2/L")
        edges = [(0.95, 4.5), (5.1, 0.25)] if len(names) == 2 else [(0.95, 1.2)]
        for name, (left, right) in zip(names, edges, strict=True):
            axes = canvas.add_axes(figure, left, 0.6, right, 2.6)
            STILLS[name](axes, data, descent)
            axes.set_xlabel(data[name]["labels"][0])
            axes.set_ylabel(data[name]["labels"][1])
    heads, betas = ("k", *data["names"], "loss"), descent["betas"] if data["names"] else [[]] * len(ks)
    values = [[*beta, loss] for beta, loss in zip(betas, descent["losses"], strict=False)]
    rows = [(str(k), *(f"{value:.4g}" for value in row)) for k, row in zip(ks, values[:ROWS], strict=False)]
    ends = [f"the {head} from {a:.4g} to {b:.4g}" for head, a, b in zip(heads[1:], values[0], values[-1], strict=True)]
    shown = text.listed([ALT[name] for name in names])
    alt = f"Picture of a descent at {descent['multiple']:.4g} of 2/L: {shown}. In {ks[len(values) - 1]} updates it"
    return Drawing(figure, f"{alt} changes {text.listed(ends)}.", Table("The first updates", heads, rows))


def _cloud(axes: Axes, data: dict[str, Any], descent: dict[str, Any]) -> None:
    cloud, betas = data["cloud"], np.array(descent["betas"])
    x, y = np.array(cloud["points"]).T
    mean, scale = cloud["standard"]
    axes.plot(x, y, ".", color="#9a9a9a", markersize=3)
    ends = np.array([x.min(), x.max()])
    lines = {k: beta[0] + beta[1] * (ends - mean) / scale for k, beta in zip(data["ks"], betas, strict=False)}
    drawn = sorted((k for k in SHOWN if k in lines), key=lambda k: float(lines[k][1]))
    for k in drawn:
        axes.plot(ends, lines[k], color=BLUE, linewidth=1.6)
    low, high = axes.get_ylim()
    wanted = [(float(lines[k][1]) - low) / (high - low) for k in drawn]
    for k, at in zip(drawn, canvas.spread_out(wanted, 0.2 / 2.6), strict=True):
        axes.annotate(f"k = {k}", (1.01, at), xycoords="axes fraction", va="center", annotation_clip=False)
    _tidy(axes)


def _map(axes: Axes, data: dict[str, Any], descent: dict[str, Any]) -> None:
    shown = data["map"]
    for ring in map(np.array, shown["rings"]):
        axes.plot(ring[:, 0], ring[:, 1], color="#c4c4c4", linewidth=0.9)
    axes.plot(*np.array(descent["betas"])[:, shown["axes"]].T, "-o", color=RED, markersize=4)
    axes.plot(*shown["best"], "*", color="#000000", markersize=11)
    axes.set(xlim=shown["x"], ylim=shown["y"])
    _tidy(axes)


def _loss(axes: Axes, data: dict[str, Any], descent: dict[str, Any]) -> None:
    losses = np.maximum(descent["losses"], data["loss"]["floor"])
    axes.plot(data["ks"][: len(losses)], losses, "-o", color=RED, markersize=3)
    axes.axhline(max(data["loss"]["least"], data["loss"]["floor"]), linestyle="--", color=canvas.FAINT)
    axes.set_xscale("linear" if data["loss"]["linear"] else "symlog")
    axes.set_xlim(left=0)
    axes.set_yscale("log")
    _tidy(axes)
    low, high = axes.get_ylim()
    canvas.log_axis(axes.yaxis, low, high, text.tick if low > 1e-4 and high < 1e7 else lambda value: f"{value:.0e}")


def _tidy(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: text.tick(value))


STILLS = {"cloud": _cloud, "map": _map, "loss": _loss}
ALT = {
    "cloud": "a line that moves through the cloud of points",
    "map": "the path of the coefficients over the contours of the loss",
    "loss": "the loss after each update, on a logarithmic axis",
}


def as_json(data: dict[str, Any]) -> str:
    """For a script element: without letters that have a meaning in HTML."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def frame(data: dict[str, Any]) -> str:
    """The player as a page of its own in a frame, for a notebook: its script runs there and reaches nothing else."""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Player</title>'
        "<style>body{margin:.4rem;font:1rem system-ui,sans-serif;background:#fff;color:#1d1d1f;color-scheme:light}"
        ".controls{display:flex;flex-wrap:wrap;gap:.4rem 1rem}button{font:inherit}</style></head><body>"
        f'<div class="player" hidden><script type="application/json">{as_json(data)}</script></div>'
        f"<script>{SCRIPT.read_text('utf-8')}</script></body></html>"
    )
    return (
        "<style>iframe.gdbench-player{width:100%;max-width:60rem;height:38rem;border:0}@media(max-width:40rem)"
        "{iframe.gdbench-player{height:58rem}}@media print{iframe.gdbench-player{display:none}}</style>"
        '<iframe class="gdbench-player" title="Player of gradient descent" sandbox="allow-scripts"'
        f' srcdoc="{html.escape(page)}"></iframe>'
    )
