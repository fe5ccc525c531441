"""All figures of a report: their names, titles and functions."""

import re
from collections.abc import Callable
from typing import NamedTuple

from bench.analysis.speed import Group, group_cells
from bench.records import Run
from bench.report.plots import cumulative, error, ledger, noise, roofline, scaling, speedup, time_per_iteration, winners
from bench.report.plots.canvas import Drawing


class FigureKind(NamedTuple):
    """A figure of a group. title: its heading; draw: its function, None where the group has nothing to show."""

    title: str
    draw: Callable[[Group], Drawing | None]


FIGURES = {
    "time_per_iteration": FigureKind("Time per iteration", time_per_iteration.draw),
    "winners": FigureKind("The fastest of the core four, by size", winners.draw),
    "winners_all": FigureKind("The fastest of all, by size", winners.draw_all),
    "speedup": FigureKind("Speed-up", speedup.draw),
    "roofline": FigureKind("How far from the limit", roofline.draw),
    "ledger": FigureKind("Cost ledger", ledger.draw),
    "cumulative": FigureKind("Time since the start, and when compiling pays back", cumulative.draw),
    "noise": FigureKind("How noisy the run was", noise.draw),
    "error": FigureKind("Error over the iterations", error.draw),
}
SCALING = "scaling"  # the figure of a run with several numbers of threads
TITLES = {figure: kind.title for figure, kind in FIGURES.items()} | {SCALING: "Thread scaling"}


def draw_all(group: Group) -> dict[str, Drawing]:
    """The figures of a group by file stem, without those that have nothing to show."""
    drawings = {stem(figure, group): kind.draw(group) for figure, kind in FIGURES.items()}
    return {name: drawing for name, drawing in drawings.items() if drawing is not None}


def draw_run(run: Run) -> dict[str, Drawing]:
    """All figures of a run by file stem."""
    drawings = {name: drawing for group in group_cells(run) for name, drawing in draw_all(group).items()}
    if (drawing := scaling.draw(run)) is not None:
        drawings[SCALING] = drawing
    return drawings


def stem(figure: str, group: Group) -> str:
    """The name of a figure's file without its suffix, such as time_per_iteration-float64-1; safe for any dtype."""
    return f"{figure}-{re.sub('[^A-Za-z0-9]+', '_', group.dtype)[:20]}-{group.threads}"
