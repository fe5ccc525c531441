"""The deviations of the processes of a cell from their median, and the drift of the machine during the run."""

from collections.abc import Sequence

from bench.analysis.speed import time_per_iteration
from bench.records import Block, Cell, sentinel_seconds


def deviations(cell: Cell) -> list[float]:
    """The deviation of each process from the median, in percent and block order; empty for a cell without a time."""
    if time_per_iteration(cell) is None or not cell.median_s:
        return []
    return [100 * (sample / cell.median_s - 1) for sample in cell.samples_s if sample is not None]


def sentinel_drifts(blocks: Sequence[Block], threads: int) -> dict[str, list[float]]:
    """The deviation of each sentinel from its first time, in percent and in the order of time."""
    seconds = sentinel_seconds(list(blocks), threads)
    return {name: [100 * (s / times[0] - 1) for s in times] for name, times in seconds.items() if len(times) > 1}
