"""The time of a pass over X: the cost model t = a + b n d, crossovers and growth.

A pass computes residual, loss and gradient for one β. A call with K iterations makes K + 1 passes, the last one for the
loss of the returned β, so the seconds per pass are T / (K + 1).
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from bench.analysis.speed import SYNTHETIC, time_per_iteration
from bench.records import Cell
from bench.stats import Interval, median_interval, speedup, straight_line

ITEMSIZE = {"float64": 8, "float32": 4}
HELD_OUT = 0.3  # the largest relative error of the model at a held-out size for which its prediction is used


def bytes_per_pass(n_samples: int, n_features: int, dtype: str) -> int:
    """Bytes of X and y, which every pass reads."""
    return ITEMSIZE[dtype] * (n_samples * n_features + n_samples)


def flops_per_pass(n_samples: int, n_features: int) -> int:
    """Additions and multiplications of a pass: 2nd for the residual, 2nd for the gradient, 3n for both sums."""
    return 4 * n_samples * n_features + 3 * n_samples


def seconds_per_pass(cell: Cell) -> list[float | None]:
    """Seconds per pass, one per block, or None."""
    return [None if seconds is None else seconds / (cell.n_iter + 1) for seconds in cell.samples_s]


def time_per_pass(cell: Cell) -> Interval | None:
    """Seconds per pass with their interval; None for a cell without a valid time."""
    time = time_per_iteration(cell)
    return time and time.scaled(cell.n_iter / (cell.n_iter + 1))


class CostModel(NamedTuple):
    """t = a + b n d for one backend, dtype and number of threads, with intervals over the fits of the blocks.

    overhead_s: a, the overhead of a pass. value_s: b, the time per value of X. held_out: by n·d, the relative error of
    the fit to the other sizes: 0.1 if it predicts 10 % too much.
    """

    overhead_s: Interval
    value_s: Interval
    held_out: dict[int, float]

    @property
    def half_at(self) -> float | None:
        """n·d at which half of a pass is overhead; None if a or b is 0."""
        a, b = self.overhead_s.median, self.value_s.median
        return a / b if a and b else None

    def predicts(self, size: int) -> bool:
        """Whether the fit to the other sizes predicts this size."""
        return abs(self.held_out.get(size, math.inf)) <= HELD_OUT


def fit_cost_model(cells: Sequence[Cell]) -> CostModel | None:
    """The cost model of cells with one backend, dtype and number of threads; None for fewer than three timed sizes."""
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
    """The range of n in which one backend is faster than another, for one d.

    n: its median and interval over the blocks, interpolated between the measured sizes. An end beyond these is None.
    kind: "from" n on, "up to" n, or "everywhere" or "nowhere" among the measured sizes. before: with "from", the n up
    to which it is also faster, or None.
    """

    n_features: int
    kind: Literal["from", "up to", "everywhere", "nowhere"]
    n: Interval | None = None
    before: Interval | None = None


def crossovers(slower: Sequence[Cell], faster: Sequence[Cell]) -> list[Crossover]:
    """For each d with at least two common sizes, the range of n in which `faster` is faster than `slower`."""
    results = []
    for d in sorted({c.n_features for c in _synthetic(faster)}):
        fast_cells = {c.n_samples: c for c in _synthetic(faster) if c.n_features == d and any(c.samples_s)}
        slow_cells = {c.n_samples: c for c in _synthetic(slower) if c.n_features == d and any(c.samples_s)}
        ns = sorted(fast_cells.keys() & slow_cells.keys())
        if len(ns) > 1:
            slow, fast = [seconds_per_pass(slow_cells[n]) for n in ns], [seconds_per_pass(fast_cells[n]) for n in ns]
            at = _crossover(d, ns, slow, fast)
            first = _crossover(d, ns[::-1], slow[::-1], fast[::-1])  # from the large end: up to which n it is faster
            if at.kind == "from" and first.kind == "from":
                at = at._replace(before=first.n)
            elif at.kind == "nowhere" and first.kind == "from":
                at = Crossover(d, "up to", first.n)
            elif at.kind == "nowhere" and (back := _crossover(d, ns, fast, slow)).kind == "from":
                at = Crossover(d, "up to", back.n)  # it is faster only in the middle
            results.append(at)
    return results


def _crossover(d: int, ns: list[int], slow: list[list[float | None]], fast: list[list[float | None]]) -> Crossover:
    """The n from which on, along `ns`, `fast` is faster. ns may ascend or descend."""
    crossings = []
    for slow_row, fast_row in zip(zip(*slow, strict=False), zip(*fast, strict=False), strict=False):
        if all(slow_row) and all(fast_row):
            crossings.append(_crossing(ns, [math.log(s / f) for s, f in zip(slow_row, fast_row, strict=True)]))
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
    """log n from which on, along ns, the gain stays positive; inf for nowhere, -inf for everywhere."""
    if gains[-1] <= 0:
        return math.inf
    behind = [index for index, gain in enumerate(gains) if gain <= 0]
    if not behind:
        return -math.inf
    at = behind[-1]
    share = -gains[at] / (gains[at + 1] - gains[at])
    return math.log(ns[at]) + share * math.log(ns[at + 1] / ns[at])


def growth(smaller: Cell, larger: Cell, factor: float) -> Interval | None:
    """The exponent p of t ~ sizeᵖ between two cells, where the larger one has `factor` times the size.

    None if they have no common block.
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
