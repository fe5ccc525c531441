"""The timed session: one test per cell, timed by pytest-benchmark with counts that are fixed beforehand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.measure.messages import CellEnds, CellStarts, Decision, WorkerMessage, WorkerSpec
from bench.records import CellSample


def test_speed(
    cell: str,
    spec: WorkerSpec,
    benchmark: Any,
    ask: Callable[[WorkerMessage], Decision],
    load_backend: Callable[[str], Any],
) -> None:
    decision = ask(CellStarts(cell))
    if not decision.run:
        pytest.skip(decision.detail or "")
    task, block = spec.cells[cell], spec.block
    backend, loaded, traceback = load_backend(task.source)
    if backend is None:
        end = CellEnds(CellSample(cell=cell, block=block, **loaded), traceback)
    else:
        from bench.measure.cell import measure  # not earlier, because it imports NumPy
        from bench.runtime.libraries import loaded_blas, loaded_versions

        end = measure(backend, cell, block, task, decision, Path(spec.folder), benchmark, ask)
        sample = end.sample
        sample.import_s, sample.detail = loaded["import_s"], sample.detail or loaded["detail"]
        sample.versions, sample.blas = loaded_versions(task.libraries), loaded_blas()
    ask(end)
    sample = end.sample
    if sample.status == "skipped":
        pytest.skip(sample.detail or "")
    if sample.status != "ok":
        pytest.fail(f"{sample.status}: {sample.detail}", pytrace=False)
