"""How far each backend is from what the machine allows, and what its time is made of.

The roofline, the cost model, the crossovers, and the effect of threads and dtype: bench/costs.py has the figures, here
they become tables and pictures.
"""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from bench import costs
from bench.records import Cell, Reached, Roof, Run
from bench.report import canvas, text
from bench.report.answer import ratio
from bench.report.canvas import Drawing, End, Point
from bench.report.groups import BASELINE, LOOPS, SYNTHETIC, Group, Key, backends, problem_label, time
from bench.report.groups import title as title_of
from bench.report.tables import NONE, Table, name, time_text
from bench.statistics import Interval

HEIGHT = 3.7  # inches: of a panel
BEYOND = "#f0f0f2"  # faster than can be read
NOT_CLEAR = "not clear: the cost model does not reach this size"


def tables(group: Group) -> list[Table]:
    """What there is to say of the limits of a group; a table without rows is left out."""
    return [table for table in (ceilings(group), roofs(group), cost_model(group), crossovers(group)) if table.rows]


def roofs(group: Group) -> Table:
    """A row per problem and backend: what it reads and computes a second, its share of the limit, what holds it."""
    rows = [
        (
            where(roof),
            text.clean(found.backend, 40),
            f"{text.significant(found.gb_per_s)} GB/s",
            f"{text.significant(found.gflop_per_s)} Gflop/s",
            _share(found),
            held_back(found),
        )
        for roof in group.roofs
        for found in roof.backends
    ]
    return Table(
        "Share of the limit", ("problem", "backend", "reads", "computes", "of the limit", "held back by"), rows
    )


def ceilings(group: Group) -> Table:
    """A row per problem: what a pass must read and compute, how fast the machine does both, and the least it takes."""
    rows = [
        (
            where(roof),
            f"{text.memory(roof.bytes)}, {text.count(roof.operations)} flops",
            f"{text.significant(roof.read_gb_per_s)} GB/s" + text.interval(roof.read_ci_low, roof.read_ci_high),
            NONE if roof.ridge is None else f"{text.significant(roof.ridge)} flops a byte",
            text.duration(roof.limit_s),
            roof.limited_by,
        )
        for roof in group.roofs
    ]
    heads = ("problem", "a pass needs", "read bandwidth, measured", "ridge", "least time of a pass", "limited by")
    return Table("The limit", heads, rows)


def held_back(found: Reached) -> str:
    """The largest part of a pass in words, with its share where the parts are known."""
    if found.held_back_by is None:
        return NOT_CLEAR if found.limit_s is not None else NONE
    if found.held_back_by == "call overhead" and found.overhead_s:
        return f"call overhead: {text.percent(found.overhead_s / found.pass_s)} of a pass"
    return found.held_back_by


def cost_model(group: Group) -> Table:
    """A row per backend: the fit t = a + b n d of a pass, how well it predicts a size left out, growth, weak points."""
    rows = []
    for backend in backends(group.ranked):
        own = [c for c in group.ranked if c.backend == backend and time(c)]
        fit = costs.model(own)
        if fit is None:
            continue
        worst = max(fit.held_out, key=lambda size: abs(fit.held_out[size]))
        rows.append(
            (
                text.clean(backend, 40),
                text.duration_interval(*fit.overhead_s) if fit.overhead_s.median else "0 s (none found)",
                text.duration_interval(*fit.value_s),
                f"{text.significant(100 * abs(fit.held_out[worst]))} % too "
                f"{'much' if fit.held_out[worst] > 0 else 'little'} at n·d = {text.count(worst)}",
                growth(own) or NONE,
                weak_points(own, fit),
            )
        )
    heads = ("backend", "overhead a", "a value b", "left-out size, worst prediction", "growth", "weak point")
    return Table("Cost model t = a + b·n·d of a pass", heads, rows)


def growth(cells: Sequence[Cell]) -> str:
    """How time grows with n at the largest two sizes, and with d where one n has several: t ~ nᵖ."""
    told = []
    line = sorted((c for c in cells if c.problem.name == SYNTHETIC), key=lambda c: (c.n_features, c.n_samples))
    for d in sorted({c.n_features for c in line}):
        same = [c for c in line if c.n_features == d]
        if len(same) > 1:
            found = costs.growth(same[-2], same[-1], same[-1].n_samples / same[-2].n_samples)
            told += [f"n^{_power(found)} up to n = {text.count(same[-1].n_samples)} (d = {d})"] if found else []
    for n in sorted({c.n_samples for c in line}):
        same = [c for c in line if c.n_samples == n]
        if len(same) > 1:
            found = costs.growth(same[0], same[-1], same[-1].n_features / same[0].n_features)
            told += [f"d^{_power(found)} up to d = {same[-1].n_features} (n = {text.count(n)})"] if found else []
    return "; ".join(told)


def weak_points(cells: Sequence[Cell], fit: costs.Model) -> str:
    """Where this backend does badly, in words, each with its figure."""
    told = []
    sizes = {c.n_samples * c.n_features: c for c in cells if c.problem.name == SYNTHETIC}
    if fit.half_at and fit.half_at > min(sizes):
        d = next(iter(sizes.values())).n_features
        told.append(f"below n ≈ {text.count(round(fit.half_at / d))} (d = {d}) most of a pass is overhead")
    largest = max(sizes)
    off = fit.held_out[largest]
    if off < -costs.HELD_OUT:
        told.append(
            f"at {problem_label(sizes[largest])} it takes {text.significant(1 / (1 + off))} times what its smaller"
            " sizes predict: it has left a cache"
        )
    return "; ".join(told) or "none found among these sizes"


def crossovers(group: Group) -> Table:
    """A row per backend and baseline: from which n on it is faster."""
    rows = []
    for baseline in (LOOPS, BASELINE):
        theirs = [c for c in group.ranked if c.backend == baseline and time(c)]
        for backend in backends(group.ranked):
            own = [c for c in group.ranked if c.backend == backend and time(c)]
            if backend != baseline and (baseline, backend) != (BASELINE, LOOPS):
                rows += [
                    (text.clean(backend, 40), baseline, f"d = {text.count(at.n_features)}", crossing(at))
                    for at in costs.crossovers(theirs, own)
                ]
    return Table("Where is it faster?", ("backend", "faster than", "features", "where"), rows)


def crossing(at: costs.Crossover) -> str:
    """from, or up to, n ≈ 2 300 [1 900, 2 800]; or at every, or at no n that was measured."""
    if at.n is None:
        return "at every n measured" if at.kind == "everywhere" else "at no n measured"
    if at.before is not None:
        return f"up to {_about(at.before)}, and again from {_about(at.n)}"
    return f"{at.kind} {_about(at.n)}"


def _about(n: Interval) -> str:
    low, high = (NONE if end is None else text.count(rounded(end)) for end in n[1:])
    brackets = "" if n.low is None and n.high is None else f" [{low}, {high}]"
    return f"n ≈ {text.count(rounded(n.median))}{brackets}"


def threads_and_dtypes(run: Run) -> Table:
    """A row per problem and backend measured in more than one way: each further one beside the first."""
    ways = sorted({(c.dtype != "float64", c.dtype, c.threads) for c in run.cells})
    cells = [c for c in run.cells if not c.control and time(c)]
    rows = []
    for c in sorted(cells, key=lambda c: (c.problem.name, c.n_samples, c.n_features, backends(cells).index(c.backend))):
        if (c.dtype != "float64", c.dtype, c.threads) != ways[0]:
            continue
        others = [next((o for o in cells if _twin(o, c) and (o.dtype, o.threads) == way[1:]), None) for way in ways[1:]]
        shown = (NONE if o is None else _gain(c, o) for o in others)
        if any(others):
            rows.append((problem_label(c), name(c), time_text(c), *shown))
    heads = [title_of(dtype, threads) for _, dtype, threads in ways]
    faster = (f"{head}: times as fast" for head in heads[1:])
    return Table("Threads and dtypes", ("problem", "backend", *heads[:1], *faster), rows)


def _twin(other: Cell, cell: Cell) -> bool:
    return (other.backend, other.problem.name, other.n_samples, other.n_features) == (
        cell.backend, cell.problem.name, cell.n_samples, cell.n_features,
    )  # fmt: skip


def _gain(cell: Cell, other: Cell) -> str:
    """How many times as fast, block by block: both are parts of one run."""
    found = ratio(other, cell)
    return NONE if found is None else text.ratio_interval(*found)


# -------------------------------------------------------------------------------------------------- the pictures


def roofline(group: Group) -> Drawing | None:
    """GB/s against n under the measured bandwidth, a panel for each d; None where no bandwidth was measured.

    All backends make the same operations on the same bytes, so on the usual axis, operations a byte, they would stand
    in one column; what moves their roof is the size of the problem, so that is the axis here.
    """
    shown = [roof for roof in group.roofs if roof.problem == SYNTHETIC]
    if not shown:
        return None
    rows = [
        (where(roof), text.clean(f.backend, 40), *map(text.scientific, (f.gb_per_s, roof.read_gb_per_s, f.share)))
        for roof in shown
        for f in roof.backends
    ]
    told = []
    for backend in _names(shown):
        own = [(roof, f) for roof in shown for f in roof.backends if f.backend == backend and f.share]
        parts = [f"{text.percent(f.share or 0)} at {where(roof)}" for roof, f in own[:1] + own[1:][-1:]]
        told.append(f"{text.clean(backend, 40)} reaches {' and '.join(parts)}. " if parts else "")
    alt = (
        f"Chart of the bytes read a second against the number of samples, both logarithmic ({group.title}), under the"
        f" read bandwidth that was measured at each size. Of the limit, {''.join(told)}"
    )
    heads = ("problem", "backend", "GB/s", "bandwidth in GB/s", "share of the limit")
    return Drawing(_draw_roofs(shown, group.title), alt.strip(), Table("Roofline", heads, rows))


def _draw_roofs(shown: list[Roof], title: str) -> Figure:
    names = _names(shown)
    styles = canvas.looks(names)
    widths = sorted({roof.n_features for roof in shown})
    right = canvas.label_margin([*map(canvas.short, names), "read bandwidth"])
    each = 0.5 + HEIGHT + 0.68
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, each * len(widths)))
        for index, d in enumerate(widths):
            own = [roof for roof in shown if roof.n_features == d]
            canvas.heading(figure, index * each + 0.12, f"Bytes read a second, d = {text.count(d)} ({title})")
            axes = canvas.place(figure, canvas.LEFT, index * each + 0.5, right, HEIGHT)
            reads = [Point(r.n_samples, r.read_gb_per_s, r.read_ci_low, r.read_ci_high) for r in own]
            peaks = [(r.n_samples, r.peak_gflop_per_s * r.bytes / r.operations) for r in own if r.peak_gflop_per_s]
            lines = {
                b: [Point(r.n_samples, f.gb_per_s, None, None) for r in own for f in r.backends if f.backend == b]
                for b in names
            }
            values = [p.value for points in (reads, *lines.values()) for p in points] + [y for _, y in peaks]
            low, high = canvas.limits(values)
            first, last = canvas.limits([float(r.n_samples) for r in own], 2.3)
            axes.set(xscale="log", yscale="log", xlim=(first, last), ylim=(low, high))
            canvas.log_axis(axes.xaxis, first, last, text.tick, 6)
            canvas.log_axis(axes.yaxis, low, high, lambda value: f"{text.tick(value)} GB/s", 9)
            axes.set_xlabel("number of samples n", color=canvas.INK)
            roof = [p.n for p in reads], [p.value for p in reads]
            axes.fill_between(*roof, high, color=BEYOND, linewidth=0, zorder=0)
            axes.plot(*roof, color=canvas.INK, linewidth=1.4, linestyle="--", label="read bandwidth", zorder=2)
            if peaks:
                axes.plot(*zip(*peaks, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_arithmetic")
                axes.annotate(
                    "arithmetic peak", peaks[-1], (0, 5), textcoords="offset points", ha="right", color=canvas.FAINT
                )
            ends = [End("read bandwidth", reads[-1].n, reads[-1].value, canvas.Look(canvas.INK, ""))]
            for b, points in lines.items():
                if points:
                    canvas.draw_points(axes, points, styles[b], b)
                    ends.append(End(canvas.short(b), points[-1].n, points[-1].value, styles[b]))
            canvas.end_labels(axes, ends, HEIGHT)
    return figure


def scaling(run: Run) -> Drawing | None:
    """Times as fast as with the fewest threads, against threads, at the largest problem of each dtype; None for one."""
    counts = sorted({c.threads for c in run.cells})
    if len(counts) < 2:
        return None
    panels: dict[str, tuple[Cell, dict[str, list[Point]]]] = {}
    rows: list[tuple[str, ...]] = []
    for dtype in sorted({c.dtype for c in run.cells}, key=lambda dtype: (dtype != "float64", dtype)):
        cells = [c for c in run.cells if c.dtype == dtype and not c.control and c.algorithm is None and time(c)]
        least = [
            c for c in cells if c.threads == counts[0] and any(_twin(o, c) for o in cells if o.threads > c.threads)
        ]
        if not least:
            continue
        problem = max(least, key=lambda c: (c.n_samples * c.n_features, c.problem.name))
        lines: dict[str, list[Point]] = {}
        for base in (c for c in least if (c.problem, c.n_samples, c.n_features) == _of(problem)):
            for c in sorted((c for c in cells if _twin(c, base)), key=lambda c: c.threads):
                found = ratio(c, base)
                if found is not None:
                    found = Interval(1.0, None, None) if c is base else found
                    lines.setdefault(c.backend, []).append(Point(c.threads, *found))
                    figures = map(text.scientific, found)
                    rows.append((problem_label(c), dtype, name(c), text.count(c.threads), *figures))
        panels[dtype] = problem, lines
    if not panels:
        return None
    told = [
        f"{problem_label(problem)}, {text.clean(dtype, 20)}: "
        + ", ".join(f"{text.clean(b, 40)} {text.significant(p[-1].value)}× with {p[-1].n}" for b, p in lines.items())
        for dtype, (problem, lines) in panels.items()
    ]
    alt = f"Chart of the speed-up against the number of threads. {'. '.join(told)}."
    heads = ("problem", "dtype", "backend", "threads", "times as fast", "interval from", "to")
    return Drawing(_draw_scaling(panels, counts), alt, Table("Thread scaling", heads, rows))


def _draw_scaling(panels: dict[str, tuple[Cell, dict[str, list[Point]]]], counts: list[int]) -> Figure:
    names = sorted({b for _, lines in panels.values() for b in lines})
    styles = canvas.looks(names)
    right = canvas.label_margin([*map(canvas.short, names), "as many as threads"])
    each = 0.5 + HEIGHT + 0.68
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, each * len(panels)))
        for index, (dtype, (problem, lines)) in enumerate(panels.items()):
            heading = f"Times as fast with more threads, {problem_label(problem)} ({text.clean(dtype, 20)})"
            canvas.heading(figure, index * each + 0.12, heading)
            axes = canvas.place(figure, canvas.LEFT, index * each + 0.5, right, HEIGHT)
            ideal = [(n, n / counts[0]) for n in counts]
            values = [v for points in lines.values() for p in points for v in (p.value, p.low, p.high) if v]
            low, high = min([0.5, *values]) / 1.1, max([y for _, y in ideal] + values) * 1.1
            axes.set(xlim=(counts[0] - 0.15, counts[-1] + 0.15), yscale="log", ylim=(low, high))
            canvas.place_ticks(axes.xaxis, counts, text.tick)
            canvas.place_ticks(axes.yaxis, canvas.log_ticks(low, high), lambda v: f"{text.tick(v)}×")
            axes.set_xlabel("threads", color=canvas.INK)
            axes.plot(*zip(*ideal, strict=True), ":", color=canvas.FAINT, linewidth=1.6, label="_ideal")
            ends = [End("as many as threads", *ideal[-1], canvas.Look(canvas.FAINT, "_"))]
            for b, points in lines.items():
                canvas.draw_points(axes, points, styles[b], b)
                ends.append(End(canvas.short(b), points[-1].n, points[-1].value, styles[b]))
            canvas.end_labels(axes, ends, HEIGHT)
    return figure


def _of(cell: Cell):
    return cell.problem, cell.n_samples, cell.n_features


def _names(shown: Sequence[Roof]) -> list[str]:
    order: dict[str, None] = {}
    for roof in shown:
        order |= dict.fromkeys(found.backend for found in roof.backends)
    return list(order)


def where(roof: Roof) -> str:
    return problem_label(Key(roof.n_samples, roof.n_features, roof.problem, ""))


def _share(found: Reached) -> str:
    if found.share is None:
        return NONE
    low, high = (None if end is None else 100 * end for end in (found.share_ci_low, found.share_ci_high))
    return f"{text.percent(found.share)}{text.interval(low, high)}"


def _power(found: Interval) -> str:
    return f"{found.median:.2f}" + ("" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]")


def rounded(n: float) -> int:
    """To two digits: where two curves cross is not known better."""
    step = 10 ** max(0, math.floor(math.log10(max(n, 1.0))) - 1)
    return max(1, round(n / step) * step)
