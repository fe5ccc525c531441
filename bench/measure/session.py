"""`pytest bench` without a driver: the cells of a quick run in one process, as an ordinary pytest-benchmark session.

Times of one process have no interval, and the thread settings are those of the shell. `gdbench run` controls both.
"""

from functools import cache
from pathlib import Path

from backends import names
from bench import plan
from bench.measure import budget
from bench.measure.messages import CallMade, CellEnds, CellStarts, Decision, WorkerMessage
from bench.measure.stage import stage

ROUNDS = 5
MAX_CALL_S = 2.0


@cache
def cells() -> dict[str, plan.CellPlan]:
    """The cells of every available backend on the sizes up to 100 000 and the penguins, by id."""
    cases = [*plan.synthetic_cases([(n, plan.N_FEATURES) for n in plan.SIZES[:-1]], 0), plan.PENGUINS]
    planned = {}
    for case in cases:
        for backend in map(plan.backend_of, names()):
            if backend.missing is None:
                cell = plan.CellPlan(backend, False, case, "float64", 1)
                planned[cell.id] = cell
    return planned


def staged(folder: Path, cell: plan.CellPlan) -> Path:
    """The folder with the arrays and references of a cell. Missing ones are staged."""
    if not (folder / f"{cell.case.file_stem(cell.dtype)}-X.npy").exists():
        stage(folder, cell.case, cell.dtype, normwise=True)
    return folder


class LocalDriver:
    """Replies to the messages of a worker without a driver: a cell runs unless its calls take too long."""

    def __init__(self) -> None:
        self._times: dict[str, list[tuple[plan.Case, float]]] = {}
        self._cells = cells()

    def ask(self, message: WorkerMessage) -> Decision:
        match message:
            case CellEnds(sample):
                cell = self._cells[sample.cell]
                if sample.rounds_s:
                    self._times.setdefault(cell.backend.name, []).append((cell.case, min(sample.rounds_s)))
                return Decision(False)
            case CellStarts(name):
                cell = self._cells[name]
                seconds = budget.predict(cell, self._times.get(cell.backend.name, []))
            case CallMade(_, seconds):
                pass
        if seconds is not None and seconds > MAX_CALL_S:
            return Decision(False, f"a call takes about {seconds:.2g} s; gdbench run measures it")
        return Decision(True)
