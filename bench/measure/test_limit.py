"""`pytest bench -k limit` compares the tuned backends with kernels in C and with each other.

It makes one run with all threads and both dtypes. A C compiler adds a plain kernel, and AVX-512 adds one written with
its instructions. The test prints a table of speed ratios, paired by block, with the ratio that each should reach.
"""

import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

from bench.measure.options import make_plan
from bench.measure.run_directory import RunDirectory
from bench.measure.runner import execute
from bench.plan import backend_of
from bench.records import Cell, ProblemRoofline
from bench.runtime import machine
from bench.stats import Interval, speedup

PLAIN_C, AVX512_C = (Path(__file__).parent / "limit" / f"{stem}.py" for stem in ("c_kernel", "c_panels"))
BACKENDS = ("numpy_vectorized", "numpy_tuned", "numba_tuned", "jax_jit", "jax_tuned")
LARGE, WIDE, CACHED, SMALL = (1_000_000, 10), (400_000, 100), (100_000, 10), (100, 5)


class Row(NamedTuple):
    """A goal: `backend` is at least `goal` times as fast as `other`."""

    problem: tuple[int, int]
    backend: str
    other: str  # a backend, or FLOAT64
    goal: float
    note: str = ""  # what limits it where it misses the goal


FLOAT64 = "its float64"
ROWS = (
    Row(LARGE, "numba_tuned", "numpy_vectorized", 8.0, "memory: see the read bandwidth below"),
    Row(WIDE, "numba_tuned", "numpy_vectorized", 2.5),
    Row(
        CACHED, "numba_tuned", "numpy_vectorized", 10.0,
        "loads from the L2 cache; the last eight columns of a tile are read once for residual and gradient",
    ),
    Row(CACHED, "numba_tuned", "c_kernel", 1.0),
    *(Row(problem, "numba_tuned", "c_panels", 0.95) for problem in (LARGE, WIDE, CACHED)),
    Row(
        CACHED, "numpy_tuned", "numpy_vectorized", 5.0,
        "OpenBLAS, which uses several threads for large products only: small blocks stay in the cache but use one"
        " thread, and large blocks are read twice from the last cache",
    ),
    Row(
        LARGE, "jax_tuned", "jax_jit", 4.0,
        "reading X for each of the two products, which XLA does not fuse",
    ),
    Row(SMALL, "numba_tuned", "numpy_vectorized", 10.0),
    Row(SMALL, "jax_tuned", "numpy_vectorized", 10.0),
    Row(LARGE, "numba_tuned", FLOAT64, 1.7),
)  # fmt: skip


def test_limit(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every result is correct. The ratios are printed and not asserted, because they depend on the machine."""
    if "limit" not in request.config.option.keyword:
        pytest.skip("takes minutes; run it with: pytest bench -k limit")
    chosen = [backend_of(name) for name in BACKENDS]
    if shutil.which(os.environ.get("CC", "cc")):
        chosen.append(backend_of(str(PLAIN_C)))
        if "avx512f" in machine.describe()["cpu"]["vector_extensions"]:
            chosen.append(backend_of(str(AVX512_C)))
    sizes = [f"{n}x{d}" for n, d in (SMALL, CACHED, LARGE, WIDE)]
    plan, _ = make_plan(
        mode="default", backends=chosen, sizes=sizes, dtypes=["float64", "float32"], threads=["all"], data=None,
        target=None, max_iter=None, time_budget="1h", seed=0,
    )  # fmt: skip
    directory = RunDirectory.begin(tmp_path / "run", plan, "pytest bench -k limit")
    record = execute(directory)
    directory.close()
    cells = {(c.backend, (c.n_samples, c.n_features), c.dtype): c for c in record.cells if not c.control}
    with capsys.disabled():
        _print(cells, record.roofline, [(row, _ratio(row, cells)) for row in ROWS] + _qr_rows())
    assert not [(c.backend, c.detail) for c in record.cells if c.status not in ("ok", "skipped")]


def _ratio(row: Row, cells: dict[tuple[Any, ...], Cell]) -> Interval | None:
    """How many times faster the backend of a row is, paired by block; None if the other one was not measured."""
    cell = cells[row.backend, row.problem, "float64"]
    if row.other == FLOAT64:
        return speedup(cell.samples_s, cells[row.backend, row.problem, "float32"].samples_s)
    other = cells.get((row.other, row.problem, "float64"))
    return speedup(other.samples_s, cell.samples_s) if other is not None else None


def _qr_rows() -> list[tuple[Row, Interval]]:
    """Fits of 1 000 iterations to the largest problem with all threads, in turns in this process."""
    from backends import load
    from bench.data import problems

    data, iterations = problems.synthetic(*LARGE, 0), 1000
    fits: dict[str, Callable[[], Any]] = {}
    for name in ("qr_compressed", "numpy_tuned"):
        module = load(name)
        native = module.prepare(data.X, data.y, data.X[0] * 0)
        fits[name] = partial(module.fit, *native, 0.1, iterations, 0.0)
    try:
        from sklearn.linear_model import LinearRegression

        fits["LinearRegression"] = partial(LinearRegression(fit_intercept=False).fit, data.X, data.y)
    except ImportError:
        pass
    seconds: dict[str, list[float]] = {name: [] for name in fits}
    for _ in range(6):
        for name, fit in fits.items():
            start = time.perf_counter()
            fit()
            seconds[name].append(time.perf_counter() - start)
    rows = []
    for other, minimum in (("numpy_tuned", 25.0), ("LinearRegression", 0.5)):
        if other in seconds:
            ratio = speedup([*seconds[other]], [*seconds["qr_compressed"]])
            assert ratio is not None
            rows.append((Row(LARGE, "qr_compressed", other, minimum), ratio))
    return rows


def _print(cells: dict[tuple[Any, ...], Cell], roofs: list[ProblemRoofline], rows: list[Any]) -> None:
    """Print a table with a line per row, then what limits the rows that miss their goal, and the read bandwidth."""
    table = Table("problem", "backend", "compared with", "goal", "ratio", "", "time per iteration")
    for row, ratio in rows:
        cell = cells.get((row.backend, row.problem, "float64"))
        seconds = None if cell is None else cell.per_iteration_s
        reached, verdict = "not measured", ""
        if ratio is not None:
            interval = "" if ratio.low is None else f" [{ratio.low:.3g}, {ratio.high:.3g}]"
            reached, verdict = f"{ratio.median:.3g}{interval}", "reached" if ratio.median >= row.goal else "missed"
        each = "" if seconds is None else f"{seconds * 1e6:.4g} µs"
        table.add_row(_size(*row.problem), row.backend, row.other, f"{row.goal:g}", reached, verdict, each)
    console = Console(width=130)
    console.print()
    console.print(table)
    for row, ratio in rows:
        if row.note and ratio is not None and ratio.median < row.goal:
            console.print(f"{row.backend} at {_size(*row.problem)}, limited by {row.note}.")
    for roof in roofs:
        if roof.dtype == "float64":
            size = _size(roof.n_samples, roof.n_features)
            console.print(f"read bandwidth at {size}, float64: {roof.read_gb_per_s:.1f} GB/s")


def _size(n_samples: int, n_features: int) -> str:
    return f"{n_samples:,} x {n_features}".replace(",", " ")
