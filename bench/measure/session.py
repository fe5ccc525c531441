"""`pytest bench` without a driver: the cells of a quick run in one process, as an ordinary pytest-benchmark session.

Times of one process have no interval, and the thread settings are those of the shell. `gdbench run` controls both.
"""

from functools import cache
from pathlib import Path

from backends import names
from bench import plan
from bench.measure import budget
from bench.measure.messages import CallMade, CellEnds, CellStarts, Decision, WorkerMessage, WorkerSpec, task_of
from bench.measure.stage import stage
from bench.runtime import machine

ROUNDS = 5
MAX_CALL_S = 2.0


@cache
def cells() -> dict[str, plan.CellPlan]:
    """The cells of every available backend on the sizes up to 100 000 and the penguins, by id."""
    cases = [*plan.synthetic_cases([(n, plan.N_FEATURES) for n in plan.SIZES[:-1]], 0), plan.PENGUINS]
    backends = [backend for backend in map(plan.backend_of, names()) if backend.missing is None]
    planned = [plan.CellPlan(backend, False, case, "float64", 1) for case in cases for backend in backends]
    return {cell.id: cell for cell in planned}


def spec() -> WorkerSpec:
    """The cells as those of a worker, without a folder."""
    described = {name: fact for name, fact in machine.describe().items() if name != "load"}
    return WorkerSpec("", 0, {name: task_of(cell, ROUNDS) for name, cell in cells().items()}, described)


class LocalDriver:
    """Replies to messages like the driver of a run: it stages a cell and runs it unless its calls take too long."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times: dict[str, list[tuple[plan.Case, float]]] = {}

    def ask(self, message: WorkerMessage) -> Decision:
        match message:
            case CellEnds(sample):
                cell = cells()[sample.cell]
                if sample.rounds_s:
                    self._times.setdefault(cell.backend.name, []).append((cell.case, min(sample.rounds_s)))
                return Decision(False)
            case CellStarts(name):
                cell = cells()[name]
                if not (self._folder / f"{cell.case.file_stem(cell.dtype)}-X.npy").exists():
                    stage(self._folder, cell.case, cell.dtype, normwise=True)
                seconds = budget.predict(cell, self._times.get(cell.backend.name, []))
            case CallMade(_, seconds):
                pass
        if seconds is not None and seconds > MAX_CALL_S:
            return Decision(False, f"a call takes about {seconds:.2g} s; gdbench run measures it")
        return Decision(True)
