"""How far each backend is from what the machine allows, and what its time is made of.

The tables of the roofline, the cost model, the crossovers, and the effect of threads and dtype. The numbers come from
bench/analysis.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench import text
from bench.analysis.cost_model import MAX_HELD_OUT_ERROR, CostModel, crossovers, fit_cost_model, growth
from bench.analysis.scaling import same_problem
from bench.analysis.sentences import crossing
from bench.analysis.speed import (
    LOOPS,
    SYNTHETIC,
    Group,
    backends,
    dtype_order,
    paired_speedup,
    problem_key,
    problem_label,
    time_per_iteration,
)
from bench.analysis.speed import group_title as title_of
from bench.mappings import grouped
from bench.plan import BASELINE
from bench.records import Attainment, Cell, Run
from bench.report.matrix import by_size
from bench.report.tables import Table, name, time_text
from bench.stats import Interval
from bench.text import MISSING

NOT_CLEAR = "not clear: the cost model needs more sizes around this one"


def shares_by_size(group: Group) -> Table:
    """A row per backend and a column per problem: the share of the limit. best: the largest share of each problem."""
    shares = {(a.backend, problem_key(roof)): a.share for roof in group.roofs for a in roof.backends}
    words = {at: text.percent(share) if share else MISSING for at, share in shares.items()}
    largest = {p: max((share or 0 for (_, at), share in shares.items() if at == p)) for _, p in shares}
    best = {at for at, share in shares.items() if share and share == largest[at[1]]}
    table = by_size("Share of the limit by size", words, best)
    return table if best else replace(table, rows=[])


def attainments(group: Group) -> Table:
    """A row per problem and backend: the rates that it reaches, its share of the limit, and its bottleneck."""
    rows = [
        (
            problem_label(roof),
            text.clean(a.backend, 40),
            f"{text.significant(a.gb_per_s)} GB/s",
            f"{text.significant(a.gflop_per_s)} Gflop/s",
            _share(a),
            _bottleneck_text(a),
        )
        for roof in group.roofs
        for a in roof.backends
    ]
    heads = ("problem", "backend", "reads", "computes", "share of the limit", "bottleneck")
    return Table("Share of the limit", heads, rows)


def limits(group: Group) -> Table:
    """A row per problem: the bytes and flops of a pass, the rates of the machine, and the shortest possible time."""
    rows = [
        (
            problem_label(roof),
            f"{text.memory(roof.bytes)}, {text.count(roof.operations)} flops",
            f"{text.significant(roof.read_gb_per_s)} GB/s" + text.interval(roof.read_ci_low, roof.read_ci_high),
            MISSING if roof.ridge is None else f"{text.significant(roof.ridge)} flops per byte",
            text.duration(roof.limit_s),
            roof.limited_by,
        )
        for roof in group.roofs
    ]
    heads = ("problem", "work per pass", "measured read bandwidth", "ridge", "shortest possible pass", "limited by")
    return Table("The limit", heads, rows)


def _bottleneck_text(attainment: Attainment) -> str:
    """The largest part of a pass in words, with its share where the parts are known."""
    if attainment.bottleneck is None:
        return NOT_CLEAR if attainment.limit_s is not None else MISSING
    if attainment.bottleneck == "call overhead" and attainment.overhead_s:
        return f"call overhead: {text.percent(attainment.overhead_s / attainment.pass_s)} of a pass"
    return attainment.bottleneck


def cost_models(group: Group) -> Table:
    """A row per backend: the fit t = a + b n d of a pass, how well it predicts a size left out, growth, weak points."""
    rows = []
    for backend in backends(group.ranked):
        timed = [c for c in group.ranked if c.backend == backend and time_per_iteration(c)]
        fit = fit_cost_model(timed)
        if fit is not None:
            overhead = text.duration_interval(*fit.overhead_s) if fit.overhead_s.median else "0 s (none found)"
            figures = overhead, text.duration_interval(*fit.value_s), _worst(fit), _growth_text(timed) or MISSING
            rows.append((text.clean(backend, 40), *figures, _weak_points(timed, fit)))
    worst = "worst prediction of a left-out size"
    heads = ("backend", "overhead a", "b, per value of X", worst, "growth", "weak points")
    return Table("Cost model t = a + b·n·d of a pass", heads, rows)


def _worst(fit: CostModel) -> str:
    """The worst prediction of a size that was left out."""
    worst = max(fit.held_out, key=lambda size: abs(fit.held_out[size]))
    error = fit.held_out[worst]
    percent = text.significant(100 * abs(error))
    return f"{percent} % too {'much' if error > 0 else 'little'} at n·d = {text.count(worst)}"


def _growth_text(cells: Sequence[Cell]) -> str:
    """The growth t ~ nᵖ between the largest two sizes, and the growth with d if one n has several."""
    line = sorted((c for c in cells if c.problem.name == SYNTHETIC), key=lambda c: (c.n_features, c.n_samples))
    parts = []
    for d, same in grouped(line, lambda c: c.n_features).items():
        if len(same) > 1 and (power := growth(same[-2], same[-1], same[-1].n_samples / same[-2].n_samples)):
            parts.append(f"n^{_power(power)} up to n = {text.count(same[-1].n_samples)} (d = {d})")
    for n, same in sorted(grouped(line, lambda c: c.n_samples).items()):
        if len(same) > 1 and (power := growth(same[0], same[-1], same[-1].n_features / same[0].n_features)):
            parts.append(f"d^{_power(power)} up to d = {same[-1].n_features} (n = {text.count(n)})")
    return "; ".join(parts)


def _weak_points(cells: Sequence[Cell], fit: CostModel) -> str:
    """The sizes at which the backend is inefficient, with numbers."""
    parts = []
    sizes = {c.size: c for c in cells if c.problem.name == SYNTHETIC}
    if fit.half_at and fit.half_at > min(sizes):
        d = next(iter(sizes.values())).n_features
        parts.append(f"below n ≈ {text.count(round(fit.half_at / d))} (d = {d}) most of a pass is overhead")
    largest = max(sizes)
    off = fit.held_out[largest]
    if off < -MAX_HELD_OUT_ERROR:
        parts.append(
            f"at {problem_label(sizes[largest])} it takes {text.significant(1 / (1 + off))} times the time that"
            " smaller sizes predict, because the data have left a cache"
        )
    return "; ".join(parts) or "none found among these sizes"


def crossover_points(group: Group) -> Table:
    """A row per backend and baseline: the range of n in which the backend is faster."""
    cells_of = grouped((c for c in group.ranked if time_per_iteration(c)), lambda c: c.backend)
    rows = [
        (text.clean(backend, 40), baseline, f"d = {text.count(at.n_features)}", crossing(at))
        for baseline in (LOOPS, BASELINE)
        for backend in backends(group.ranked)
        if backend != baseline and (baseline, backend) != (BASELINE, LOOPS)
        for at in crossovers(cells_of.get(baseline, []), cells_of.get(backend, []))
    ]
    return Table("Where is it faster?", ("backend", "faster than", "features", "where"), rows)


def threads_and_dtypes(run: Run) -> Table:
    """A row per problem and backend: the time in the first group, and the speed-ups of the other groups over it."""
    ways = sorted({(c.dtype, c.threads) for c in run.cells}, key=lambda way: (dtype_order(way[0]), way[1]))
    cells = [c for c in run.cells if not c.control and time_per_iteration(c)]
    order = backends(cells)
    rows = []
    for c in sorted(cells, key=lambda c: (c.problem.name, c.n_samples, c.n_features, order.index(c.backend))):
        if (c.dtype, c.threads) == ways[0]:
            others = {(o.dtype, o.threads): o for o in reversed(cells) if same_problem(o, c)}
            gains = [_gain(c, others.get(way)) for way in ways[1:]]
            if len(others) > 1:
                rows.append((problem_label(c), name(c), time_text(c), *gains))
    heads = [title_of(*way) for way in ways]
    faster = (f"{head}: times as fast" for head in heads[1:])
    return Table("Threads and dtypes", ("problem", "backend", *heads[:1], *faster), rows)


def _gain(cell: Cell, other: Cell | None) -> str:
    """The paired speed-up over the first cell."""
    ratio = other and paired_speedup(cell, other)
    return text.ratio_interval(*ratio) if ratio else MISSING


def _share(attainment: Attainment) -> str:
    if attainment.share is None:
        return MISSING
    return text.percent(attainment.share) + text.interval(attainment.share_ci_low, attainment.share_ci_high, 0.01)


def _power(power: Interval) -> str:
    return f"{power.median:.2f}" + ("" if power.low is None else f" [{power.low:.2f}, {power.high:.2f}]")
