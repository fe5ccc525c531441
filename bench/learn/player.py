"""The player: gradient descent as it goes on, the line through the cloud beside the path over the contours of the loss.

Python computes every descent and writes its numbers into the page; `player.js` draws them, so that it plays without a
network. A still picture replaces it in print, and where no script runs.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench import text
from bench.check.bound import reference
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

SCRIPT = Path(__file__).with_name("player.js")
RINGS = 8  # contours of the loss
CORNERS = 48  # of the polygon that represents a contour
SHOWN = (0, 1, 3, 10)  # the updates of which the still picture has the line


def descents(
    X: np.ndarray, y: np.ndarray, multiples: Sequence[float], max_iter: int, labels: tuple[str, str]
) -> dict[str, Any]:
    """What player.js plays. X: (n, 2), a column of ones and one feature. multiples: learning rates, in units of 2/L.

    The paths come from bench.check.bound.reference. At 2/L and beyond, they end outside of the picture.
    """
    hessian = 2 / len(y) * X.T @ X
    values, vectors = np.linalg.eigh(hessian)
    best = np.linalg.lstsq(X, y)[0]
    start = np.zeros(2)
    reach = float(np.sqrt((best - start) @ hessian @ (best - start)))
    circle = np.linspace(0, 2 * np.pi, CORNERS)
    ring = vectors @ np.diag(1 / np.sqrt(values)) @ np.array([np.cos(circle), np.sin(circle)])
    rings = [(best[:, None] + reach * share * ring).T for share in np.linspace(0.15, 1.4, RINGS)]
    paths = []
    for multiple in multiples:
        rate = multiple * 2 / values[-1]
        iterates = reference(X, y, start, rate, max_iter, "float64")
        inside = np.abs(iterates.betas - best).max(axis=1) <= 3 * np.abs(best - start).max()
        count = len(inside) if inside.all() else int(np.argmin(inside)) + 1
        paths.append({
            "multiple": multiple, "rate": rate, "betas": iterates.betas[:count].round(6).tolist(),
            "losses": [float(f"{loss:.6g}") for loss in iterates.losses[:count]],
        })  # fmt: skip
    return {
        "points": np.column_stack([X[:, 1], y]).round(4).tolist(),
        "rings": [r.round(4).tolist() for r in rings],
        "best": best.round(6).tolist(),
        "descents": paths,
        "labels": list(labels),
    }


def still(data: dict[str, Any], index: int) -> Drawing:
    """One descent of `data` as a picture: some of its lines, and its path. shown: which of them."""
    descent = data["descents"][index]
    betas, points = np.array(descent["betas"]), np.array(data["points"])
    styles = canvas.series_styles(["numpy_vectorized", "python_loops"])
    blue, red = styles["numpy_vectorized"].color, styles["python_loops"].color
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 3.9))
        canvas.heading(figure, 0.12, f"{descent['multiple']:g} of 2/L: the first updates")
        line_axes = canvas.add_axes(figure, 0.95, 0.6, 4.5, 2.6)
        right = canvas.add_axes(figure, 5.1, 0.6, 0.25, 2.6)
        line_axes.plot(points[:, 0], points[:, 1], ".", color="#9a9a9a", markersize=3)
        ends = np.array([points[:, 0].min(), points[:, 0].max()])
        drawn = sorted((k for k in SHOWN if k < len(betas)), key=lambda k: float(betas[k] @ [1, ends[1]]))
        for k in drawn:
            line_axes.plot(ends, betas[k, 0] + betas[k, 1] * ends, color=blue, linewidth=1.6)
        low, high = line_axes.get_ylim()
        wanted = [(float(betas[k] @ [1, ends[1]]) - low) / (high - low) for k in drawn]
        for k, at in zip(drawn, canvas.spread_out(wanted, 0.2 / 2.6), strict=True):
            line_axes.annotate(f"k = {k}", (1.01, at), xycoords="axes fraction", va="center", annotation_clip=False)
        line_axes.set_xlabel(data["labels"][0])
        line_axes.set_ylabel(data["labels"][1])
        for ring in map(np.array, data["rings"]):
            right.plot(ring[:, 0], ring[:, 1], color="#c4c4c4", linewidth=0.9)
        right.plot(betas[:, 0], betas[:, 1], "-o", color=red, markersize=4)
        right.plot(*data["best"], "*", color="#000000", markersize=11)
        right.set_xlabel("intercept")
        right.set_ylabel("slope")
        for axis in (line_axes.xaxis, line_axes.yaxis, right.xaxis, right.yaxis):
            axis.set_major_formatter(lambda value, _: text.tick(value))
    rows = [
        (str(k), *(f"{value:.4g}" for value in descent["betas"][k]), f"{descent['losses'][k]:.4g}")
        for k in range(min(len(betas), 12))
    ]
    alt = (
        f"Two pictures of one descent at {descent['multiple']:g} of 2/L: a line that moves through the"
        f" cloud of points, and the path of intercept and slope over the contours of the loss, from ({betas[0, 0]:.4g},"
        f" {betas[0, 1]:.4g}) to ({betas[-1, 0]:.4g}, {betas[-1, 1]:.4g}); the least loss lies at"
        f" ({data['best'][0]:.4g}, {data['best'][1]:.4g})."
    )
    return Drawing(figure, alt, Table("The first updates", ("k", "intercept", "slope", "loss"), rows))


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
