"""A still picture of a descent that the player plays (`bench.report.player`)."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import text
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

SHOWN = (0, 1, 3, 10)  # the updates of which the picture has the line
ROWS = 12  # of the table of the picture
BLUE, RED = "#0072B2", "#D55E00"


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
