"""The timed session: one test a cell, timed by pytest-benchmark with counts that are fixed beforehand."""

from typing import Any

import pytest


def test_speed(cell: str, cells: dict[str, Any], benchmark: Any, talk: Any, backend_of: Any, folder_of: Any) -> None:
    orders = talk.ask(event="start", cell=cell)
    if not orders["run"]:
        pytest.skip(orders["detail"])
    backend, loaded = backend_of(cells[cell])
    if backend is None:
        sample = loaded
    else:
        from bench.measure.cell import measure  # after the backend: it imports NumPy

        told = {"id": cell, **cells[cell]}
        sample = measure(backend, told, orders, folder_of(cells[cell]), benchmark, talk.ask) | loaded
    talk.ask(event="cell", sample={"cell": cell, **sample})
    if sample["status"] == "skipped":
        pytest.skip(sample["detail"])
    if sample["status"] != "ok":
        pytest.fail(f"{sample['status']}: {sample['detail']}", pytrace=False)
