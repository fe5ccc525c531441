"""The values of the interactive chart. The page only selects, scales and draws them."""

import math
from collections.abc import Sequence
from typing import Any

from bench.analysis.speed import (
    CORE,
    SYNTHETIC,
    TUNED,
    Group,
    backends,
    gap_kind,
    group_cells,
    paired_speedup,
    problem_key,
    reading_order,
    time_per_iteration,
)
from bench.records import Cell, Run
from bench.stats import Interval

MAX_BASELINES = 12  # of the chart, so that it stays small beside many backends
DIGITS = 6  # significant digits of a value


def explorer_series(run: Run) -> dict[str, Any]:
    """The ranked cells on synthetic problems, ready for JSON.

    "baselines": names of backends. "sets": names of sets of backends, each with its members. "cells": by group,
    backend, d and n, each a dictionary with "group", "backend", "d", "n", "time" ([median, low, high] in seconds per
    iteration, or the kind of the gap) and "speedup" (by baseline: [median, low, high], or why there is no ratio; empty
    for a cell without a time). low and high are None where a median has no interval.
    """
    groups = group_cells(run)
    names = backends(c for group in groups for c in _synthetic(group))
    baselines = names[:MAX_BASELINES]
    cells = [entry for group in groups for entry in _entries(group, baselines)]
    return {"baselines": baselines, "sets": _sets(names), "cells": cells}


def _sets(names: Sequence[str]) -> dict[str, Sequence[str]]:
    """All backends, the core, the tuned files and others, without empty sets; nothing where there is one set."""
    parts = {
        "Core four": [b for b in names if b in CORE],
        "Tuned": [b for b in names if b in TUNED],
        "Others": [b for b in names if b not in (*CORE, *TUNED)],
    }
    nonempty = {title: members for title, members in parts.items() if members}
    return {"All": names} | nonempty if len(nonempty) > 1 else {}


def _synthetic(group: Group) -> list[Cell]:
    return [c for c in group.ranked if c.problem.name == SYNTHETIC]


def _entries(group: Group, baselines: Sequence[str]) -> list[dict[str, Any]]:
    cells = sorted(_synthetic(group), key=lambda c: (reading_order(c.backend), c.n_features, c.n_samples))
    by_problem = {(c.backend, problem_key(c)): c for c in reversed(cells)}
    entries = []
    for c in cells:
        time = time_per_iteration(c)
        others = {b: by_problem.get((b, problem_key(c))) for b in baselines} if time else {}
        entries.append(
            {
                "group": group.title,
                "backend": c.backend,
                "d": c.n_features,
                "n": c.n_samples,
                "time": _rounded(time) if time else gap_kind(c),
                "speedup": {b: _speedup(c, b, other) for b, other in others.items()},
            }
        )
    return entries


def _speedup(cell: Cell, baseline: str, other: Cell | None) -> list[float | None] | str:
    """The paired speed-up of a cell with a time, or why it has none."""
    if other is None:
        return f"{baseline} not run"
    if time_per_iteration(other) is None:
        return f"{baseline} {gap_kind(other)}"
    ratio = paired_speedup(other, cell)
    if ratio is None or not all(math.isfinite(end) and end > 0 for end in ratio if end is not None):
        return f"{baseline} in no common block"
    return _rounded(ratio)


def _rounded(interval: Interval) -> list[float | None]:
    return [None if value is None else float(f"{value:.{DIGITS}g}") for value in interval]
