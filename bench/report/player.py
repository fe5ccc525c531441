"""The player: gradient descent as it goes on, in panels: the line through the cloud, the path over the contours of the
loss, the predictions beside the measured values, and the loss.

Python computes every descent and writes its numbers into the page; `player.js` draws them, so that it plays without a
network. A still picture (`plots/descent.py`) replaces it in print, and where no script runs.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.report.quadratic import Array, Quadratic, limits, rounded

SCRIPT = Path(__file__).with_name("player.js")
FAR = 3.0  # a descent ends in the page where a β is this many times as far from the best as the start was
LINEAR = 60  # of more updates, the axis is logarithmic


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
