"""Small invented runs for the tests of analysis and report."""

import math
import random
from operator import attrgetter
from typing import Any

from bench.analysis import cost_model
from bench.analysis.roofline import rooflines
from bench.records import Block, Cell, ColdCosts, Error, ProblemId, Run, RunManifest, Speedup
from bench.stats import median_interval, speedup

# Seconds per iteration at n = 100, 1 000, 10 000, 100 000, 1 000 000 with d = 10.
SECONDS = {
    "python_loops": (117e-6, 1.15e-3, 11.5e-3, 115e-3, 1.16),
    "numpy_vectorized": (8e-6, 14e-6, 73e-6, 610e-6, 14e-3),
    "numba_jit": (0.77e-6, 7.1e-6, 71e-6, 725e-6, 10.8e-3),
    "jax_jit": (1e-6, 9.3e-6, 133e-6, 1.1e-3, 24e-3),
}
PENGUINS = {"python_loops": 205e-6, "numpy_vectorized": 9.2e-6, "numba_jit": 1.6e-6, "jax_jit": 2.4e-6}
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
ITERATIONS = dict(zip(SIZES, (1000, 200, 50, 20, 10), strict=True)) | {342: 500}
COLD = {
    "python_loops": ColdCosts(
        import_s=0.4e-3, prepare_s=0.8e-3, compile_s=0.0, first_call_s=0.6, break_even_calls="never"
    ),
    "numpy_vectorized": ColdCosts(import_s=0.11, prepare_s=41e-6, compile_s=0.0, first_call_s=4.1e-3),
    "numba_jit": ColdCosts(import_s=0.62, prepare_s=38e-6, compile_s=1.34, first_call_s=1.41, break_even_calls=16_000),
    "jax_jit": ColdCosts(import_s=0.71, prepare_s=0.3e-3, compile_s=0.092, first_call_s=0.21, break_even_calls="never"),
}
MACHINE = {
    "cpu": {
        "model": "Example CPU @ 2.50GHz",
        "architecture": "x86_64",
        "logical_cores": 2,
        "vector_extensions": ["avx2", "fma"],
        "caches": [{"level": 1, "size": "32K", "shared_by": 1}, {"level": 2, "size": "1024K", "shared_by": 1}],
        "governor": None,
    },
    "memory_bytes": 8_200_000_000,
    "system": "Linux 6.1",
    "virtual_machine": True,
    "blas": [{"library": "openblas", "version": "0.3.30", "kernel": "SkylakeX"}],
    "environment": {},
    "versions": {"numpy": "2.3.4", "numba": "0.62.1", "jax": "0.8.0", "scipy": None},
    "warnings": [],
}


def cell(
    backend: str, n: int, seconds: float | None = None, *, blocks: int = 6, scatter: str = "", **other: Any
) -> Cell:
    """A cell with `seconds` per iteration and a scatter of about one percent. Without seconds its status is not "ok".

    scatter: part of the seed of the random scatter.
    """
    n_iter = other.pop("n_iter", ITERATIONS.get(n, 20))
    fields: dict[str, Any] = {
        "problem": ProblemId("synthetic", f"{n:016x}", 0),
        "n_features": 10,
        "dtype": "float64",
        "threads": 1,
        "rounds": 5,
        "status": "ok",
        "rerun": f"gdbench run -b {backend} --size {n}x10",
    } | other
    if seconds is not None:
        role = "control" if fields.get("control") else ""
        noise = random.Random(f"{backend}{n}{role}{scatter}")
        samples = [seconds * n_iter * noise.uniform(0.99, 1.012) for _ in range(blocks)]
        interval = median_interval(samples)
        fields |= {
            "calls": max(1, round(0.01 / interval.median)),
            "samples_s": samples,
            "median_s": interval.median,
            "ci_low_s": interval.low,
            "ci_high_s": interval.high,
            "per_iteration_s": interval.median / n_iter,
            "peak_bytes": 1_200_000,
            "cpu_over_wall": 0.99,
            "error": Error(noise.uniform(0.01, 0.09) * 1e-12, 1e-12),
            "error_curve": error_curve(backend, n, n_iter) if fields["status"] == "ok" else None,
        } | {key: other[key] for key in other if key in ("error", "error_curve", "cold_costs", "peak_bytes")}
    return Cell(backend=backend, n_samples=n, n_iter=n_iter, **fields)


def error_curve(backend: str, n: int, n_iter: int) -> list[list[float]]:
    """A realistic error curve: errors in multiples of the rounding unit, many of them 0, under a growing bound."""
    noise = random.Random(f"{backend}{n}")
    picked = sorted({0, *(int(n_iter ** (step / 22)) for step in range(23)), n_iter})
    steps = [noise.choice((0, 0, 1, 1, 2, 3, 5)) * (1 + (backend == "python_loops")) for _ in picked]
    return [
        [float(k), step * 2.0**-52 * 3 / math.sqrt(1 + k), 3 * (n + 10) * 2.0**-53 * (1 + 30 * k) / math.sqrt(1 + k)]
        for k, step in zip(picked, steps, strict=True)
    ]


def run(cells: list[Cell], **other: Any) -> Run:
    """A run of these cells, with their speed-ups over both baselines."""
    condition = attrgetter("problem", "n_samples", "n_features", "dtype", "threads")
    for baseline in ("python_loops", "numpy_vectorized"):
        bases = {condition(c): c for c in cells if c.backend == baseline and not c.control and c.status == "ok"}
        for c in cells:
            base = bases.get(condition(c))
            if base and c.samples_s and c is not base and (ratio := speedup(base.samples_s, c.samples_s)):
                c.speedup = [*c.speedup, Speedup(baseline, *ratio)]
    fields: dict[str, Any] = {
        "created": "2025-11-24T10:00:00Z",
        "command": "gdbench run",
        "plan": {"blocks": 6, "rounds": 5, "threads": [1], "dtypes": ["float64"], "seed": 0},
        "machine": MACHINE,
        "blocks": [],
        "stable": True,
        "reasons": [],
        "cells": cells,
    } | other
    result = Run(**fields)
    if {c.dtype for c in cells} <= set(cost_model.ITEMSIZE):
        result.roofline = result.roofline or rooflines(cells, result.blocks or blocks_with_reads(cells), result.machine)
    return result


def blocks_with_reads(cells: list[Cell]) -> list[Block]:
    """Six blocks per number of threads, with read bandwidths: 200 GB/s in the first cache, 30 GB/s from memory."""
    sizes = {cost_model.bytes_per_pass(c.n_samples, c.n_features, "float64") for c in cells if c.n_samples < 10**9}
    rates = {str(size): 200.0 if size < 1e5 else 100.0 if size < 3e7 else 30.0 for size in sizes}
    rates |= {str(int(size) // 2): rate for size, rate in rates.items()}  # in float32
    blocks = [block for threads in {c.threads for c in cells} for block in sentinels(6, threads)]
    for block in blocks:
        block.reads = {size: rate * (1 + 0.01 * block.index) for size, rate in rates.items()}
    return blocks


def sentinels(count: int, threads: int = 1, **seconds: float) -> list[Block]:
    """`count` blocks, in which each sentinel kernel takes these seconds."""
    return [
        Block(
            index=index,
            threads=threads,
            order=[],
            cells={},
            hash_seed=1,
            padding_bytes=0,
            started="2025-11-24T10:00:00Z",
            sentinels={kernel: [value * (1 + 0.001 * index)] for kernel, value in seconds.items()},
        )
        for index in range(count)
    ]


def core_cells(blocks: int = 6, **other: Any) -> list[Cell]:
    """The four core backends on five sizes and on the penguins; python_loops skips the two largest sizes."""
    cells = []
    for backend, seconds in SECONDS.items():
        for n, time in zip(SIZES, seconds, strict=True):
            if backend == "python_loops" and n >= 100_000:
                detail = f"would take {time * 1200:.0f} s; the budget is 120 s"
                predicted_s = time * ITERATIONS[n]
                cells.append(cell(backend, n, status="skipped", detail=detail, predicted_s=predicted_s, **other))
            else:
                cells.append(cell(backend, n, time, blocks=blocks, cold_costs=COLD[backend], **other))
        penguins = {"n_features": 4, "problem": ProblemId("penguins", "f" * 16, None)} | other
        cells.append(cell(backend, 342, PENGUINS[backend], blocks=blocks, cold_costs=COLD[backend], **penguins))
    for n, time in zip(SIZES, SECONDS["numpy_vectorized"], strict=True):
        cells.append(cell("numpy_vectorized", n, time, blocks=blocks, control=True, **other))
    return cells


def manifest(digests: dict[str, str]) -> RunManifest:
    """The manifest of an ordinary run."""
    return RunManifest(created="now", command="gdbench run", plan={}, machine={}, sources={}, digests=digests)


def full() -> Run:
    """A complete run without problems."""
    return run(core_cells())


def quick() -> Run:
    """A run of three processes, so without intervals, and without the largest size."""
    cells = [c for c in core_cells(blocks=3) if c.n_samples < 1_000_000]
    return run(cells, plan={"blocks": 3, "rounds": 3, "threads": [1], "dtypes": ["float64"], "seed": 0})


def broken() -> Run:
    """The complete run with backends that are wrong, crash, hang, are unavailable, or use another algorithm."""
    cells = core_cells()
    wrong = {"status": "wrong", "error": Error(3.4e-3, 1e-12), "detail": "beta is off by a factor of 2"}
    for n, time in zip(SIZES, SECONDS["numba_jit"], strict=True):
        # A wrong cell keeps its samples, but no table or figure shows a time of it.
        cells.append(cell("my_backend", n, time, **(wrong if n == 1_000 else {})))
        cells.append(cell("qr_reduced", n, time / 50, algorithm="QR factor of the rows"))
        cells.append(
            cell("torch_eager", n, status="unavailable", detail="needs torch; install it: pip install gdbench[torch]")
        )
    cells.append(cell("segfaulter", 10_000, status="crashed", detail="signal SIGSEGV\nFatal Python error: line 12"))
    cells.append(cell("segfaulter", 100_000, status="timeout", detail="no result after 60 s"))
    cells.append(cell("segfaulter", 1_000_000, status="out_of_memory"))
    next(c for c in cells if c.backend == "jax_jit" and c.n_samples == 100).flags = [
        "no steady state: 4 of 6 processes drift"
    ]
    return run(cells, stable=False, reasons=["the A/A control is off by 4 % at n = 100", "sentinel drift of 7 %"])


HOSTILE = (
    "<script>alert(1)</script>",
    "a$b$c",
    "_x",
    "two\nlines",
    "pipe|`tick`",
    "x" * 200,
    "\x1b[31mred",
    "$\\frac{1}$",
    "]](http://x)",
)


def hostile() -> Run:
    """Backends, details and settings whose names contain markup, formulas and control codes."""
    cells = []
    for index, name in enumerate(HOSTILE):
        texts = {"detail": f"{name} </details>", "flags": [f"flag {name}"], "rerun": f"gdbench run -b '{name}'"}
        cells += [cell(name, n, 1e-6 * (index + 1) * n, **texts) for n in (100, 1_000)]
    markup = "\ud800 </pre><img src=x onerror=alert(1)>"
    cells += [cell(name, 10_000, status="crashed", detail=f"{name}{markup}") for name in HOSTILE]
    cells.append(cell("<b>", 342, 1e-5, problem=ProblemId("<i>$x$|\n", "0" * 16, None), dtype="../../<float>"))
    return run(
        cells, command="gdbench run '<script>'", machine={"<b>": {"a|b": ["<script>", {"x": None}]}}, reasons=["<u>"]
    )


def groups() -> Run:
    """Two dtypes with one and two threads each. The cells of float32 come first."""
    cells = []
    for dtype, threads in (("float32", 2), ("float64", 2), ("float32", 1), ("float64", 1)):
        cells += core_cells(dtype=dtype, threads=threads)
    return run(cells, plan={"blocks": 6, "rounds": 5, "threads": [1, 2], "dtypes": ["float64", "float32"]})


def empty() -> Run:
    """A run that was interrupted before its first cell."""
    return run([], plan={}, machine={}, stable=False, reasons=["interrupted"])
