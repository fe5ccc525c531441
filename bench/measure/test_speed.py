"""The timed session: one test a cell, timed by pytest-benchmark with counts that are fixed beforehand."""

import pytest


def test_speed(cell, benchmark, talk, backend_of, folder_of):
    orders = talk.ask(event="start", cell=cell["id"])
    if not orders["run"]:
        pytest.skip(orders["detail"])
    backend, loaded = backend_of(cell)
    if backend is None:
        sample = loaded
    else:
        from bench.measure.cell import measure  # after the backend: it imports NumPy

        sample = measure(backend, cell, orders, folder_of(cell), benchmark) | loaded
    talk.ask(event="cell", sample={"cell": cell["id"], **sample})
    if sample["status"] != "ok":
        pytest.fail(f"{sample['status']}: {sample['detail']}", pytrace=False)
