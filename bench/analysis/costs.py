"""What a pass over X costs, and the least that it can: the cost model t = a + b n d, and the roofline.

A pass makes residual, loss and gradient from one β. A call of K iterations makes K + 1, the last for the loss of the β
that it returns, so everything here is seconds a pass: T / (K + 1).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

import numpy as np

from bench.records import Attainment, Block, Bottleneck, Cell, Limit, ProblemRoofline
from bench.stats import Interval, median_interval, speedup, straight_line

ITEMSIZE = {"float64": 8, "float32": 4}
HELD_OUT = 0.3  # how far the model may be off at a size that it was not shown, to say anything of that size
LEFT_CACHE = 0.8  # of the bandwidth at smaller sizes: with less, the problem lies in a slower cache or in memory
SYNTHETIC = "synthetic"


def bytes_per_pass(n_samples: int, n_features: int, dtype: str) -> int:
    """Bytes of X and y, which every pass must read."""
    return ITEMSIZE[dtype] * (n_samples * n_features + n_samples)


def flops_per_pass(n_samples: int, n_features: int) -> int:
    """Additions and multiplications of a pass: 2nd for the residual, 2nd for the gradient, 3n for both sums."""
    return 4 * n_samples * n_features + 3 * n_samples


def seconds_per_pass(cell: Cell) -> list[float | None]:
    """Seconds a pass, one a block, None where a block has none."""
    return [None if seconds is None else seconds / (cell.n_iter + 1) for seconds in cell.samples_s]


# ----------------------------------------------------------------------------------------------- the cost model


class CostModel(NamedTuple):
    """t = a + b n d of one backend, dtype and number of threads: the fit of each block, then their median and interval.

    overhead_s: a, what a pass costs whatever its size. value_s: b, what each value of X adds. held_out: by n·d, how far
    the fit of the other sizes is off there: 0.1 where it predicts 10 % too much.
    """

    overhead_s: Interval
    value_s: Interval
    held_out: dict[int, float]

    @property
    def half_at(self) -> float | None:
        """n·d at which half of a pass is overhead; None without an overhead, or without anything beside it."""
        a, b = self.overhead_s.median, self.value_s.median
        return a / b if a and b else None

    def predicts(self, size: int) -> bool:
        """Whether a size that the fit was not shown came out as it predicted."""
        return abs(self.held_out.get(size, math.inf)) <= HELD_OUT


def fit_cost_model(cells: Sequence[Cell]) -> CostModel | None:
    """The cost model of cells that share backend, dtype and threads; None with a time at fewer than three sizes."""
    timed = [c for c in _synthetic(cells) if any(c.samples_s)]
    sizes = [c.n_samples * c.n_features for c in timed]
    blocks = [row for row in zip(*map(seconds_per_pass, timed), strict=False) if all(row)]
    if len(set(sizes)) < 3 or not blocks:
        return None
    fits = [straight_line(sizes, [seconds or 0.0 for seconds in row]) for row in blocks]
    medians = np.median(np.array(blocks, dtype=float), axis=0).tolist()
    held_out = {}
    for size in sorted(set(sizes)):
        a, b = straight_line(*zip(*((s, t) for s, t in zip(sizes, medians, strict=True) if s != size), strict=True))
        held_out[size] = (a + b * size) / medians[sizes.index(size)] - 1
    return CostModel(median_interval([a for a, _ in fits]), median_interval([b for _, b in fits]), held_out)


class Crossover(NamedTuple):
    """Where on the axis of n one backend is faster than another, at one d.

    n: its median and interval over the blocks, interpolated between the sizes; an end that lies outside of what was
    measured is None. kind: "from" and "up to" where n is known; "everywhere" and "nowhere" among the sizes measured.
    before: for "from", the n up to which it had been faster already, None where it had not.
    """

    n_features: int
    kind: Literal["from", "up to", "everywhere", "nowhere"]
    n: Interval | None = None
    before: Interval | None = None


def crossovers(slower: Sequence[Cell], faster: Sequence[Cell]) -> list[Crossover]:
    """For each d with two sizes in common: from which n on `faster` wins for good over `slower`, and up to which."""
    results = []
    for d in sorted({c.n_features for c in _synthetic(faster)}):
        fast_cells = {c.n_samples: c for c in _synthetic(faster) if c.n_features == d and any(c.samples_s)}
        slow_cells = {c.n_samples: c for c in _synthetic(slower) if c.n_features == d and any(c.samples_s)}
        ns = sorted(fast_cells.keys() & slow_cells.keys())
        if len(ns) > 1:
            slow, fast = [seconds_per_pass(slow_cells[n]) for n in ns], [seconds_per_pass(fast_cells[n]) for n in ns]
            at = _crossover(d, ns, slow, fast)
            first = _crossover(d, ns[::-1], slow[::-1], fast[::-1])  # from the other end: up to where it wins at once
            if at.kind == "from" and first.kind == "from":
                at = at._replace(before=first.n)
            elif at.kind == "nowhere" and first.kind == "from":
                at = Crossover(d, "up to", first.n)
            elif at.kind == "nowhere" and (back := _crossover(d, ns, fast, slow)).kind == "from":
                at = Crossover(d, "up to", back.n)  # it wins in the middle only
            results.append(at)
    return results


def _crossover(d: int, ns: list[int], slow: list[list[float | None]], fast: list[list[float | None]]) -> Crossover:
    """From where on, along `ns`, which may fall, `ours` is the faster."""
    crossings = []
    for their_row, our_row in zip(zip(*slow, strict=False), zip(*fast, strict=False), strict=False):
        if all(their_row) and all(our_row):
            crossings.append(_crossing(ns, [math.log(t / o) for t, o in zip(their_row, our_row, strict=True)]))
    if not crossings:
        return Crossover(d, "nowhere")
    first, last = math.log(ns[0]), math.log(ns[-1])
    at = [first if c == -math.inf else last if c == math.inf else c for c in crossings]
    median, low, high = median_interval(at)
    if median in (first, last):
        return Crossover(d, "everywhere" if median == first else "nowhere")
    ends = (None if end is None or end in (first, last) else math.exp(end) for end in (low, high))
    return Crossover(d, "from", Interval(math.exp(median), *ends))


def _crossing(ns: list[int], gains: list[float]) -> float:
    """log n from which on, along ns, the gain stays positive; inf where it does not, -inf where it does everywhere."""
    if gains[-1] <= 0:
        return math.inf
    behind = [index for index, gain in enumerate(gains) if gain <= 0]
    if not behind:
        return -math.inf
    at = behind[-1]
    share = -gains[at] / (gains[at + 1] - gains[at])
    return math.log(ns[at]) + share * math.log(ns[at + 1] / ns[at])


def growth(smaller: Cell, larger: Cell, factor: float) -> Interval | None:
    """p of t ~ sizeᵖ from one cell to another that is `factor` times as large: 1 where time grows with the size.

    None where they share no block.
    """
    if factor <= 1 or len(smaller.samples_s) != len(larger.samples_s):
        return None
    if (ratio := speedup(seconds_per_pass(larger), seconds_per_pass(smaller))) is None:
        return None
    median, low, high = (None if x is None else math.log(x) / math.log(factor) for x in ratio)
    assert median is not None
    return Interval(median, low, high)


def _synthetic(cells: Sequence[Cell]) -> list[Cell]:
    return sorted((c for c in cells if c.problem.name == SYNTHETIC), key=lambda c: (c.n_features, c.n_samples))


# ------------------------------------------------------------------------------------------------- the roofline


def roofline(cells: Sequence[Cell], blocks: Sequence[Block], machine: Mapping[str, Any]) -> list[ProblemRoofline]:
    """What the machine allows on each problem, and what each step-by-step backend reaches of that.

    A pass takes at least max(bytes / bandwidth, operations / peak). The bandwidth is the one measured between the cells
    for just so many bytes and threads, paired with them block by block. Problems without it have no roof.
    Source: Williams, Waterman and Patterson, Roofline (2009), here with one ceiling a working set.
    """
    chosen = sorted((c for c in cells if c.algorithm is None and not c.control and any(c.samples_s)), key=_group)
    models = {
        identity: fit_cost_model(problem_cells)
        for identity, problem_cells in _by(chosen, lambda c: (c.backend, c.dtype, c.threads)).items()
    }
    rooflines: list[ProblemRoofline] = []
    for (threads, dtype, n, d, name), problem_cells in _by(chosen, _group).items():
        size = bytes_per_pass(n, d, dtype)
        # By the block's number, as the samples of a cell are.
        rates = {b.index: b.reads.get(str(size)) for b in blocks if b.threads == threads}
        measured = [rate for rate in rates.values() if rate]
        if not measured:
            continue
        read, peak, work = median_interval(measured), _peak(machine, threads, dtype), flops_per_pass(n, d)
        least_s = [_least_s(size, rates.get(index), work, peak) for index in range(max(rates) + 1)]
        read_s, work_s = size / read.median / 1e9, work / peak / 1e9 if peak else 0.0
        smaller = [r.read_gb_per_s for r in rooflines if (r.threads, r.dtype) == (threads, dtype) and r.bytes < size]
        leaves_cache = bool(smaller) and read.median < LEFT_CACHE * min(smaller)
        limited_by: Limit = "bandwidth" if read_s >= work_s else "arithmetic"
        rooflines.append(
            ProblemRoofline(
                threads=threads,
                dtype=dtype,
                problem=name,
                n_samples=n,
                n_features=d,
                bytes=size,
                operations=work,
                read_gb_per_s=read.median,
                read_ci_low=read.low,
                read_ci_high=read.high,
                peak_gflop_per_s=peak,
                ridge=peak / read.median if peak else None,
                limit_s=max(read_s, work_s),
                limited_by=limited_by,
                backends=[
                    _reached(c, size, work, limited_by, least_s, models[c.backend, dtype, threads], leaves_cache)
                    for c in problem_cells
                ],
            )
        )
    return rooflines


def _group(cell: Cell) -> tuple[int, str, int, int, str]:
    return cell.threads, cell.dtype, cell.n_samples, cell.n_features, cell.problem.name


def _by(cells: Sequence[Cell], key: Callable[[Cell], Any]) -> dict[Any, list[Cell]]:
    return {value: list(members) for value, members in groupby(sorted(cells, key=key), key)}


def _peak(machine: Mapping[str, Any], threads: int, dtype: str) -> float | None:
    """Gflop/s; None where they were not measured."""
    entries = [entry for entry in machine.get("peaks", []) if entry.get("threads") == threads]
    return entries[0].get("gflop_per_s", {}).get(dtype) if entries else None


def _least_s(size: int, rate: float | None, work: int, peak: float | None) -> float | None:
    return max(size / rate / 1e9, work / peak / 1e9 if peak else 0.0) if rate else None


def _reached(
    cell: Cell,
    size: int,
    work: int,
    limited_by: Limit,
    least_s: list[float | None],
    of: CostModel | None,
    leaves_cache: bool,
) -> Attainment:
    """What a cell makes of the limit. least: seconds of the fastest possible pass, by block."""
    spent = seconds_per_pass(cell)
    pass_s = median_interval([seconds for seconds in spent if seconds]).median
    both = min(len(spent), len(least_s))
    share = speedup(spent[:both], least_s[:both])  # the limit as a backend: how many times faster it is
    limit_s = pass_s / share.median if share else None
    n_values = cell.n_samples * cell.n_features
    off = of.held_out.get(n_values) if of and cell.problem.name == SYNTHETIC else None
    # A pass that takes longer than the other sizes predict, where reading is slower, too, waits for memory. Any other
    # miss of the fit says only that the fit does not hold there.
    holds = of is not None and off is not None and (of.predicts(n_values) or (off < 0 and leaves_cache))
    overhead_s = min(of.overhead_s.median, pass_s) if of and holds else None
    waits_s = max(0.0, -(off or 0.0)) * pass_s if holds and leaves_cache else 0.0
    return Attainment(
        backend=cell.backend,
        pass_s=pass_s,
        gb_per_s=size / pass_s / 1e9,
        gflop_per_s=work / pass_s / 1e9,
        share=1 / share.median if share else None,
        share_ci_low=1 / share.high if share and share.high else None,
        share_ci_high=1 / share.low if share and share.low else None,
        overhead_s=overhead_s,
        limit_s=limit_s,
        bottleneck=_held_back(limited_by, pass_s, limit_s, overhead_s, waits_s),
    )


def _held_back(
    limited_by: Limit, pass_s: float, limit_s: float | None, overhead_s: float | None, waits_s: float
) -> Bottleneck | None:
    """Where most of a pass goes: the call, the limit or waiting for memory, or the rest; None where it is not known.

    The rest is called arithmetic: the instructions of its loops, and what it reads again from a cache.
    """
    if limit_s is None:
        return None
    if limit_s >= pass_s / 2:  # that needs no model
        return limited_by
    if overhead_s is None:
        return None
    read_s = max(waits_s, limit_s if limited_by == "bandwidth" else 0.0)
    parts: dict[Bottleneck, float] = {
        "call overhead": overhead_s,
        "bandwidth": read_s,
        "arithmetic": pass_s - overhead_s - read_s,
    }
    return max(parts, key=lambda part: parts[part])
