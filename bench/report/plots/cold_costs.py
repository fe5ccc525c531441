"""The ledger as bars: what each backend pays once, and then some steady calls, at the problem of the cold costs.

A backend without a time, or of which a part is not known, is named as left out: a bar without it would flatter.
"""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench import text
from bench.analysis.cold_costs import seconds_at
from bench.analysis.speed import (
    Group,
    ProblemKey,
    backends,
    cold_problem,
    gap_kind,
    problem_key,
    problem_label,
    time_per_iteration,
)
from bench.records import Cell
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import COLD, Table, name

BAR = 0.36  # inches: the height of a bar
LARGEST = 1e100  # seconds: what is longer is drawn like this
BEYOND, TORN = 3.0, 1.3  # a bar so many times the next is torn off at so many times that one
# (name, colour, hatch): neutral to the backends' colours, and told apart by the hatch alone.
PARTS = (
    ("import", "#9a9a9a", ""),
    ("prepare", "#f3d6a0", "|||"),
    ("compile", "#b9d9ee", "///"),
    ("first call, without compile", "#d9c7e8", "xxx"),
    ("steady", "#ffffff", "\\\\"),
)


def bars(group: Group) -> Drawing | None:
    """The ledger of each backend as a bar: what it pays once, and then some steady calls, on a linear axis."""
    problem, known, left_out = chosen(group, tuple(COLD))
    if problem is None or not known:
        return None
    calls = _calls(known)
    parts = [part for part, _, _ in PARTS[:-1]]
    parts.append(f"{text.number_of(calls, 'steady call')} of {text.span(c.n_iter for c in known)} iterations")
    title = f"Cost ledger at {problem_label(problem)} ({group.title})"
    costs = {c.backend: _costs(c, calls) for c in known}
    rows = [
        (name(c), *map(text.scientific, (*costs[c.backend], *(_steady(c, calls, end) for end in ("low", "high")))))
        for c in known
    ]
    alt = f"Chart of stacked bars on a linear time axis. {title}. " + " ".join(
        f"{text.clean(c.backend, 40)}: "
        + ", ".join(
            f"{part} {text.duration(cost) if cost else 'none'}"
            for part, cost in zip(parts, costs[c.backend], strict=True)
        )
        + f"; {text.duration(sum(costs[c.backend]))} in all."
        for c in known
    )
    alt += "".join(f" {text.clean(backend, 40)}: {words}." for backend, words in left_out.items())
    heads = ("backend", *parts, "interval of the steady calls from", "to")
    return Drawing(_draw_bars(title, parts, known, calls, left_out), alt, Table("Cost ledger, seconds", heads, rows))


def chosen(group: Group, parts: Sequence[str]) -> tuple[ProblemKey | None, list[Cell], dict[str, str]]:
    """The problem, its cells with a time and all these parts of the ledger, and why each other backend is left out."""
    problem = cold_problem(group.ranked)
    known, left_out = [], {}
    for cell in (c for c in group.ranked if problem_key(c) == problem):
        missing = [COLD[part] for part in parts if getattr(cell.cold_costs, part) is None]
        if time_per_iteration(cell) is None:
            left_out[cell.backend] = f"left out: {gap_kind(cell)}"
        elif missing or cell.median_s is None:
            left_out[cell.backend] = f"left out: {text.listed(missing or ['steady call'])} not known"
        else:
            known.append(cell)
    return problem, known, left_out


def _calls(cells: list[Cell]) -> int:
    """So many steady calls, a power of ten, that they weigh about as much as what is paid once."""
    ratios = sorted(seconds_at(c, c.n_iter) / (c.median_s or 1) for c in cells)
    middle = ratios[len(ratios) // 2]
    return int(10.0 ** min(6, max(0, round(math.log10(max(1.0, min(middle, 1e9)))))))


def _steady(cell: Cell, calls: int, end: str = "") -> float | None:
    seconds = {"": cell.median_s, "low": cell.ci_low_s, "high": cell.ci_high_s}[end]
    return None if seconds is None else calls * seconds


def _costs(cell: Cell, calls: int) -> list[float]:
    """Seconds of each part, in their order."""
    found = cell.cold_costs
    rest = max(0.0, (found.first_call_s or 0) - (found.compile_s or 0))
    return [found.import_s or 0, found.prepare_s or 0, found.compile_s or 0, rest, _steady(cell, calls) or 0]


def _draw_bars(title: str, parts: list[str], cells: list[Cell], calls: int, left_out: dict[str, str]) -> Figure:
    named = backends(cells) + list(left_out)
    styles = canvas.series_styles(named)
    totals = sorted(min(LARGEST, sum(_costs(c, calls))) for c in cells)
    torn = len(totals) > 1 and totals[-1] > BEYOND * totals[-2] > 0
    limit = totals[-2] * TORN if torn else 1.02 * totals[-1] or 1.0
    left = 0.55 + canvas.CHARACTER * max(len(canvas.short(b)) for b in named)
    height = BAR * len(named)
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 1.05 + height + 0.65))
        canvas.heading(figure, 0.12, title)
        patches = [Patch(facecolor=colour, edgecolor="#444444", hatch=hatch) for _, colour, hatch in PARTS]
        full = figure.get_size_inches()[1]
        figure.legend(
            patches, parts, loc="upper left", bbox_to_anchor=(0.06 / canvas.WIDTH, 1 - 0.38 / full), ncols=3,
            frameon=False, borderpad=0.2, handlelength=2.2, handleheight=1.1, columnspacing=1.4, labelcolor=canvas.INK,
        )  # fmt: skip
        axes = canvas.add_axes(figure, left, 1.05, 0.85, height)
        limit = max(limit, 1e-150)  # a record may hold any figure above 0
        axes.set(xlim=(0, limit), ylim=(len(named) - 0.5, -0.5))
        canvas.place_ticks(axes.xaxis, _ticks(limit), lambda s: text.duration_tick(s) if s else "0")
        axes.grid(False, axis="y")
        axes.set_axisbelow(True)
        axes.set_xlabel("time since the process start", color=canvas.INK)
        axes.set_yticks(range(len(named)), [canvas.short(b) for b in named])
        axes.tick_params(axis="y", length=0, pad=20)
        for row, (label, backend) in enumerate(zip(axes.get_yticklabels(), named, strict=True)):
            look = styles[backend]
            label.set_color(look.ink)
            axes.plot(
                [-0.13 / (canvas.WIDTH - left - 0.85)], [row], look.marker, color=look.colour, markersize=8,
                transform=axes.get_yaxis_transform(), clip_on=False, label=f"_{backend}",
            )  # fmt: skip
            if backend in left_out:
                axes.text(
                    0.01, row, left_out[backend], transform=axes.get_yaxis_transform(), va="center", fontsize=10,
                    style="italic", color=canvas.FAINT,
                )  # fmt: skip
        for row, cell in enumerate(cells):
            _bar(axes, row, cell, calls, limit)
    return figure


def _bar(axes: Axes, row: int, cell: Cell, calls: int, limit: float) -> None:
    """One on the other from 0 on; of what is beyond the axis its sum is said at the edge."""
    start = 0.0
    for (part, colour, hatch), cost in zip(PARTS, _costs(cell, calls), strict=True):
        width = min(cost, LARGEST)
        axes.barh(
            [row], [width], 0.62, left=start, color=colour, edgecolor="#444444", linewidth=0.7, hatch=hatch,
            label=f"_{part}", zorder=2,
        )  # fmt: skip
        start += width
    low, high = _steady(cell, calls, "low"), _steady(cell, calls, "high")
    end = start
    if low is not None and high is not None and high < LARGEST:
        middle, beginning = _steady(cell, calls) or 0, start - min(LARGEST, _steady(cell, calls) or 0)
        reach = [[max(0.0, middle - low)], [max(0.0, high - middle)]]
        axes.errorbar([start], [row], xerr=reach, fmt="none", ecolor=canvas.INK, elinewidth=1.2, capsize=3, zorder=4)
        end = max(start, beginning + high)
    words = text.duration(sum(_costs(cell, calls)))
    if start > limit:
        axes.text(
            0.99, row, f"{words} in all, beyond the axis →", transform=axes.get_yaxis_transform(), ha="right",
            va="center", fontsize=10, color=canvas.INK, zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    else:
        axes.annotate(
            words, (min(end, limit), row), (6, 0), textcoords="offset points", va="center", fontsize=10,
            color=canvas.INK, annotation_clip=False,
        )  # fmt: skip


def _ticks(limit: float) -> list[float]:
    """From 0 on, four to eight round steps up to the limit."""
    scale = 10.0 ** math.floor(math.log10(limit / 4))
    step = next((m * scale for m in (1, 2, 5) if limit / (m * scale) <= 8), 10 * scale)
    return [index * step for index in range(math.floor(limit / step + 1e-9) + 1)]
