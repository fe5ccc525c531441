"""`pytest bench` without a driver: the same cells as a quick run, in one process, for people who live in pytest.

Times of one process have no interval, and its thread settings are those of the shell; `gdbench run` has both.
"""

from pathlib import Path
from typing import Any

from backends import names
from bench import plan
from bench.measure import budget
from bench.measure.stage import stage

ROUNDS = 5
LONGEST_CALL_S = 2.0


def cells() -> dict[str, dict[str, Any]]:
    """Every available backend on every size up to 100 000 and the penguins, as test_speed takes them."""
    cases = [*plan.synthetic_cases([(n, plan.N_FEATURES) for n in plan.SIZES[:-1]], 0), plan.PENGUINS]
    found = {}
    for case in cases:
        for backend in map(plan.backend_of, names()):
            if backend.missing is None:
                cell = plan.CellPlan(backend, False, case, "float64", 1)
                found[cell.id] = plan.worker_cell(cell, ROUNDS) | {"plan": cell}
    return found


def staged(folder: Path, cell: dict[str, Any]) -> Path:
    """The folder with the cell's arrays and references, made where they are missing."""
    planned = cell["plan"]
    if not (folder / f"{cell['files']}-X.npy").exists():
        stage(folder, planned.case, planned.dtype, normwise=True)
    return folder


class LocalDriver:
    """Stands in for the driver: lets a cell run unless its call takes too long."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[plan.Case, float]]] = {}
        self._cells = {key: cell["plan"] for key, cell in cells().items()}

    def ask(self, event: str, cell: str = "", seconds: float | None = None, sample: Any = None) -> dict[str, Any]:
        if event == "cell":
            done = self._cells[sample["cell"]]
            if sample.get("rounds_s"):
                self._known.setdefault(done.backend.name, []).append((done.case, min(sample["rounds_s"])))
            return {}
        if event == "start":
            planned = self._cells[cell]
            seconds = budget.predict(planned, self._known.get(planned.backend.name, []))
        if seconds is not None and seconds > LONGEST_CALL_S:
            return {"run": False, "detail": f"a call takes about {seconds:.2g} s; gdbench run measures it"}
        return {"run": True, "calls": None, "warmup_calls": None}
