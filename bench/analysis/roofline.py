"""The roofline: the limits of the machine on each problem, and how close each backend comes to them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from bench.analysis.cost_model import CostModel, bytes_per_pass, fit_cost_model, flops_per_pass, seconds_per_pass
from bench.analysis.speed import SYNTHETIC
from bench.records import Attainment, Block, Bottleneck, Cell, Limit, ProblemRoofline
from bench.stats import median_interval, speedup

LEFT_CACHE = 0.8  # a lower share of the bandwidth at smaller sizes means a slower cache or memory


def rooflines(cells: Sequence[Cell], blocks: Sequence[Block], machine: Mapping[str, Any]) -> list[ProblemRoofline]:
    """The limits of the machine on each problem, with the attainment of each step-by-step backend.

    A pass takes at least max(bytes / bandwidth, operations / peak). Each block measures the bandwidth for the bytes of
    each problem, and the limit is paired with the cells by block. Problems without a bandwidth are left out.
    Source: Williams, Waterman and Patterson, Roofline (2009), here with one ceiling per working set.
    """
    chosen = sorted((c for c in cells if c.algorithm is None and not c.control and any(c.samples_s)), key=_group)
    models = {
        identity: fit_cost_model(problem_cells)
        for identity, problem_cells in _by(chosen, lambda c: (c.backend, c.dtype, c.threads)).items()
    }
    rooflines: list[ProblemRoofline] = []
    for (threads, dtype, n, d, name), problem_cells in _by(chosen, _group).items():
        size = bytes_per_pass(n, d, dtype)
        rates = {b.index: b.reads.get(str(size)) for b in blocks if b.threads == threads}
        measured = [rate for rate in rates.values() if rate]
        if not measured:
            continue
        read, peak, work = median_interval(measured), _peak(machine, threads, dtype), flops_per_pass(n, d)
        limits_s = [_limit_s(size, rates.get(index), work, peak) for index in range(max(rates) + 1)]
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
                    _attainment(c, size, work, limited_by, limits_s, models[c.backend, dtype, threads], leaves_cache)
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
    """The peak rate in Gflop/s; None if it was not measured."""
    entries = [entry for entry in machine.get("peaks", []) if entry.get("threads") == threads]
    return entries[0].get("gflop_per_s", {}).get(dtype) if entries else None


def _limit_s(size: int, rate: float | None, work: int, peak: float | None) -> float | None:
    return max(size / rate / 1e9, work / peak / 1e9 if peak else 0.0) if rate else None


def _attainment(
    cell: Cell,
    size: int,
    work: int,
    limited_by: Limit,
    limits_s: list[float | None],
    model: CostModel | None,
    leaves_cache: bool,
) -> Attainment:
    """The attainment of a cell. limits_s: the shortest possible time of a pass, by block."""
    passes_s = seconds_per_pass(cell)
    pass_s = median_interval([seconds for seconds in passes_s if seconds]).median
    n_blocks = min(len(passes_s), len(limits_s))
    share = speedup(passes_s[:n_blocks], limits_s[:n_blocks])  # how many times faster the limit is
    limit_s = pass_s / share.median if share else None
    n_values = cell.n_samples * cell.n_features
    error = model.held_out.get(n_values) if model and cell.problem.name == SYNTHETIC else None
    # A pass that is slower than predicted waits for memory if the bandwidth is lower, too. For other errors, the model
    # does not hold at this size.
    holds = model is not None and error is not None and (model.predicts(n_values) or (error < 0 and leaves_cache))
    overhead_s = min(model.overhead_s.median, pass_s) if model and holds else None
    waits_s = max(0.0, -(error or 0.0)) * pass_s if holds and leaves_cache else 0.0
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
        bottleneck=_bottleneck(limited_by, pass_s, limit_s, overhead_s, waits_s),
    )


def _bottleneck(
    limited_by: Limit, pass_s: float, limit_s: float | None, overhead_s: float | None, waits_s: float
) -> Bottleneck | None:
    """What takes most of the time of a pass; None if unknown.

    "arithmetic" is the remainder: the instructions of the loops, and repeated reads from a cache.
    """
    if limit_s is None:
        return None
    if limit_s >= pass_s / 2:  # needs no cost model
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
