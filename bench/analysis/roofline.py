"""The roofline: the limits of the machine on each problem, and how close each backend comes to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.analysis.cost_model import CostModel, bytes_per_pass, fit_cost_model, flops_per_pass, seconds_per_pass
from bench.analysis.speed import SYNTHETIC, is_ranked
from bench.mappings import grouped
from bench.records import Attainment, Block, Bottleneck, Cell, Limit, ProblemRoofline
from bench.stats import median_interval, speedup

CACHE_DROP = 0.8  # a lower share of the bandwidth at smaller sizes means a slower cache or memory


def rooflines(cells: Sequence[Cell], blocks: Sequence[Block], machine: Mapping[str, Any]) -> list[ProblemRoofline]:
    """The limits of the machine on each problem, with the attainment of each step-by-step backend.

    The shortest possible time of a pass is max(bytes / bandwidth, flops / peak). Each block measures the bandwidth for
    the bytes of each problem. Problems without a bandwidth are left out.
    Source: Williams, Waterman and Patterson, Roofline (2009), here with one ceiling per working set.
    """
    timed = [c for c in cells if is_ranked(c) and any(c.samples_s)]
    by_backend = grouped(timed, lambda c: (c.backend, c.dtype, c.threads))
    models = {key: fit_cost_model(members) for key, members in by_backend.items()}
    rooflines: list[ProblemRoofline] = []
    by_problem = grouped(timed, lambda c: (c.threads, c.dtype, c.n_samples, c.n_features, c.problem.name))
    for (threads, dtype, n, d, name), members in sorted(by_problem.items()):
        size, flops = bytes_per_pass(n, d, dtype), flops_per_pass(n, d)
        rates = {b.index: b.reads.get(str(size)) for b in blocks if b.threads == threads}
        measured = [rate for rate in rates.values() if rate]
        if not measured:
            continue
        read, peak = median_interval(measured), _peak(machine, threads, dtype)
        read_s, arithmetic_s = size / read.median / 1e9, flops / peak / 1e9 if peak else 0.0
        roof = ProblemRoofline(
            threads=threads,
            dtype=dtype,
            problem=name,
            n_samples=n,
            n_features=d,
            bytes=size,
            operations=flops,
            read_gb_per_s=read.median,
            read_ci_low=read.low,
            read_ci_high=read.high,
            peak_gflop_per_s=peak,
            ridge=peak / read.median if peak else None,
            limit_s=max(read_s, arithmetic_s),
            limited_by="bandwidth" if read_s >= arithmetic_s else "arithmetic",
            backends=[],
        )
        smaller = [r.read_gb_per_s for r in rooflines if (r.threads, r.dtype) == (threads, dtype) and r.bytes < size]
        leaves_cache = bool(smaller) and read.median < CACHE_DROP * min(smaller)
        block_limits_s = [
            max(size / (rates.get(block) or read.median) / 1e9, arithmetic_s) for block in range(max(rates) + 1)
        ]
        roof.backends = [
            _attainment(c, roof, block_limits_s, leaves_cache, models[c.backend, dtype, threads]) for c in members
        ]
        rooflines.append(roof)
    return rooflines


def _peak(machine: Mapping[str, Any], threads: int, dtype: str) -> float | None:
    """The peak rate in Gflop/s; None if it was not measured."""
    entries = [entry for entry in machine.get("peaks", []) if entry.get("threads") == threads]
    return entries[0].get("gflop_per_s", {}).get(dtype) if entries else None


def _attainment(
    cell: Cell, roof: ProblemRoofline, block_limits_s: list[float], leaves_cache: bool, model: CostModel | None
) -> Attainment:
    """How close a cell comes to the limit, and its bottleneck.

    The share of the limit is the median over blocks of (shortest possible time of a pass) / (time of a pass), which
    cancels differences between blocks. block_limits_s: these shortest times; a block without a bandwidth has that of
    the median, as in a quick run, which measures it once. leaves_cache: the bandwidth is lower than
    at smaller sizes.
    """
    passes_s = seconds_per_pass(cell)
    pass_s = median_interval([seconds for seconds in passes_s if seconds]).median
    n_blocks = min(len(passes_s), len(block_limits_s))
    share = speedup(block_limits_s[:n_blocks], passes_s[:n_blocks])
    limit_s = pass_s * share.median if share else None
    overhead_s, waiting_s = _overhead_and_waiting(cell, pass_s, leaves_cache, model)
    return Attainment(
        backend=cell.backend,
        pass_s=pass_s,
        gb_per_s=roof.bytes / pass_s / 1e9,
        gflop_per_s=roof.operations / pass_s / 1e9,
        share=share.median if share else None,
        share_ci_low=share.low if share else None,
        share_ci_high=share.high if share else None,
        overhead_s=overhead_s,
        limit_s=limit_s,
        bottleneck=_bottleneck(roof.limited_by, pass_s, limit_s, overhead_s, waiting_s),
    )


def _overhead_and_waiting(
    cell: Cell, pass_s: float, leaves_cache: bool, model: CostModel | None
) -> tuple[float | None, float]:
    """Seconds of a pass for the overhead of the call, and for waiting for memory; (None, 0) if the model does not hold.

    The model a + b n d is fitted to the other sizes. Where the bandwidth becomes lower, a pass that is slower than
    predicted waits for memory. Other large errors mean that the model does not hold at this size.
    """
    size = cell.size
    if model is None or cell.problem.name != SYNTHETIC or size not in model.held_out:
        return None, 0.0
    error = model.held_out[size]
    waits = leaves_cache and error < 0
    if not waits and not model.predicts(size):
        return None, 0.0
    return min(model.overhead_s.median, pass_s), -error * pass_s if waits else 0.0


def _bottleneck(
    limited_by: Limit, pass_s: float, limit_s: float | None, overhead_s: float | None, waiting_s: float
) -> Bottleneck | None:
    """The largest part of the time of a pass; None if unknown.

    "arithmetic" is the rest: the instructions of the loops, and repeated reads from a cache.
    """
    if limit_s is None:
        return None
    if limit_s >= pass_s / 2:  # needs no cost model
        return limited_by
    if overhead_s is None:
        return None
    read_s = max(waiting_s, limit_s if limited_by == "bandwidth" else 0.0)
    parts: dict[Bottleneck, float] = {
        "call overhead": overhead_s,
        "bandwidth": read_s,
        "arithmetic": pass_s - overhead_s - read_s,
    }
    return max(parts, key=lambda part: parts[part])
