"""The time of a pass over X: the cost model t = a + b n d, crossovers and growth.

A pass computes residual, loss and gradient for one β. A call with K iterations makes K + 1 passes, the last one for the
loss of the returned β, so the seconds per pass are T / (K + 1).
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.analysis.speed import SYNTHETIC, time_per_iteration
from bench.records import Cell
from bench.stats import Interval, median_interval, speedup, straight_line

Array = NDArray[np.float64]
ITEMSIZE = {"float64": 8, "float32": 4}
MAX_HELD_OUT_ERROR = 0.3  # the largest relative error of the model at a held-out size for which its prediction is used


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
        return abs(self.held_out.get(size, math.inf)) <= MAX_HELD_OUT_ERROR


def fit_cost_model(cells: Sequence[Cell]) -> CostModel | None:
    """The cost model of cells with one backend, dtype and number of threads; None for fewer than three timed sizes."""
    timed = _timed_synthetic(cells)
    sizes = [c.size for c in timed]
    blocks = _complete_blocks(timed)
    if len(set(sizes)) < 3 or not len(blocks):
        return None
    overheads, values = zip(*(straight_line(sizes, seconds) for seconds in blocks.tolist()), strict=True)
    medians = np.median(blocks, axis=0).tolist()
    held_out = {}
    for size in sorted(set(sizes)):
        a, b = straight_line(*zip(*((s, t) for s, t in zip(sizes, medians, strict=True) if s != size), strict=True))
        held_out[size] = (a + b * size) / medians[sizes.index(size)] - 1
    return CostModel(median_interval(overheads), median_interval(values), held_out)


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
    """For each d with at least two common sizes, the range of n in which `faster` is faster than `slower`.

    The gain of a block at n is log(t_slower / t_faster), which is positive where `faster` is faster. Between two sizes
    it is interpolated linearly in log n, because times that are powers of n are straight lines in a log-log plot. Each
    block gives the log n from which on its gain is positive. The result is the median of the blocks with its
    order-statistic interval (`stats.median_interval`).
    """
    slow, fast = ({(c.n_features, c.n_samples): c for c in _timed_synthetic(cells)} for cells in (slower, faster))
    results = []
    for d, sizes in groupby(sorted(slow.keys() & fast.keys()), key=lambda size: size[0]):
        ns = [n for _, n in sizes]
        if len(ns) > 1:
            log_times = np.log(_complete_blocks([slow[d, n] for n in ns] + [fast[d, n] for n in ns]))
            results.append(_crossover(d, np.log(ns), log_times[:, : len(ns)] - log_times[:, len(ns) :]))
    return results


def _crossover(d: int, log_ns: Array, gains: Array) -> Crossover:
    """The range of n in which the gain is positive. log_ns: ascending. gains: (blocks, sizes)."""
    start = _start_of_gain(log_ns, gains)
    if start == "everywhere":
        return Crossover(d, "everywhere")
    end = _start_of_gain(log_ns[::-1], gains[:, ::-1])  # the same from the largest n down
    if isinstance(start, Interval):
        return Crossover(d, "from", start, end if isinstance(end, Interval) else None)
    if end == "nowhere":  # no gain at either end: a gain in the middle ends where `slower` becomes faster for good
        end = _start_of_gain(log_ns, -gains)
    return Crossover(d, "up to", end) if isinstance(end, Interval) else Crossover(d, "nowhere")


def _start_of_gain(log_ns: Array, gains: Array) -> Interval | Literal["everywhere", "nowhere"]:
    """The n from which on the gain stays positive, in the order of log_ns. log_ns may descend."""
    if not len(gains):
        return "nowhere"
    first, last = log_ns[0], log_ns[-1]
    median, low, high = median_interval([_crossing(log_ns, block) for block in gains])
    if median in (first, last):
        return "everywhere" if median == first else "nowhere"
    ends = (None if end is None or end in (first, last) else math.exp(end) for end in (low, high))
    return Interval(math.exp(median), *ends)


def _crossing(log_ns: Array, gains: Array) -> float:
    """log n from which on the gain of one block stays positive: the first for everywhere, the last for nowhere.

    With i the last size whose gain g_i is not positive: log n_i + g_i / (g_i - g_(i+1)) (log n_(i+1) - log n_i).
    """
    behind = np.flatnonzero(gains <= 0)
    if not len(behind):
        return float(log_ns[0])
    i = behind[-1]
    return float(np.interp(0, gains[i : i + 2], log_ns[i : i + 2]))


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


def _timed_synthetic(cells: Sequence[Cell]) -> list[Cell]:
    timed = (c for c in cells if c.problem.name == SYNTHETIC and any(c.samples_s))
    return sorted(timed, key=lambda c: (c.n_features, c.n_samples))


def _complete_blocks(cells: Sequence[Cell]) -> Array:
    """Seconds per pass, (blocks, cells), of the blocks in which every cell has a time."""
    blocks = [block for block in zip(*map(seconds_per_pass, cells), strict=False) if all(block)]
    return np.array(blocks, dtype=float).reshape(len(blocks), len(cells))
