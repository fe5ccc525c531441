"""Start the children of a run: one that stages the data, and workers, which measure the cells of one backend."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.measure.messages import Decision, Staged, StageSpec, WorkerSpec, task_of
from bench.measure.run_directory import RunDirectory
from bench.plan import CELL_SHARE, BlockPlan, CellPlan, Plan
from bench.runtime import memory, process

WORKER_COPIES = 40  # memory limit of a worker, in copies of X and losses in float64; a list of floats takes five
STAGE_DEADLINE_S = 300.0
# Plugins of pytest that a worker does not use; each takes a millisecond or more to load.
UNUSED_PLUGINS = (
    "cacheprovider faulthandler debugging unittest doctest junitxml pastebin legacypath setuponly setupplan stepwise"
    " logging monkeypatch recwarn subtests threadexception unraisableexception"
)


class RunError(Exception):
    """A run cannot start; the message says why."""


def run_stage(plan: Plan, scratch: Path) -> dict[str, str]:
    """Write every problem with its references to scratch disk. Returns the digests by the key of the case."""
    cases = plan.measured_cases
    scratch.mkdir(exist_ok=True)
    spec = scratch / "stage.json"
    spec.write_bytes(msgspec.json.encode(StageSpec(str(scratch), cases, list(plan.dtypes), plan.normwise)))
    digests: dict[str, str] = {}

    def on_message(fields: dict[str, Any]) -> dict[str, Any]:
        staged = msgspec.convert(fields, Staged)
        if staged.error is not None:
            raise RunError(f"{staged.case}: {staged.error}")
        digests[staged.case] = staged.digest
        return {}

    outcome = process.run(
        ["-m", "bench.measure.stage", str(spec)],
        threads=1,  # other processes may use the other processors; small products of matrices gain nothing from them
        deadline_s=STAGE_DEADLINE_S + CELL_SHARE * plan.budget_s,
        folder=scratch,
        on_message=on_message,
        memory_bytes=memory.BASE + max(case.stage_bytes for case in cases),
    )
    if not outcome.ok:
        raise RunError(f"preparing the data {outcome.describe()}")
    return digests


def run_worker(
    directory: RunDirectory,
    block: BlockPlan,
    cells: list[CellPlan],
    scratch: Path,
    raw: Path,
    deadline_s: float,
    on_message: Callable[[dict[str, Any]], Decision | None],
) -> process.Outcome:
    """Measure the cells in a worker and return its outcome.

    scratch: the folder of the staged arrays. raw: the file for pytest-benchmark's JSON; its folder is the working
    directory. on_message: returns the reply to a message, or None.
    """
    machine = {name: fact for name, fact in directory.manifest.machine.items() if name not in ("load", "peaks")}
    tasks = {cell.id: task_of(cell, directory.plan.rounds) for cell in cells}
    spec = raw.with_name("spec.json")
    spec.write_bytes(msgspec.json.encode(WorkerSpec(str(scratch), block.index, tasks, machine)))
    here = Path(__file__).parent
    return process.run(
        [
            "-m", "pytest", "-c", str(here / "worker.ini"), "--rootdir", str(here), str(here / "test_speed.py"),
            "-p", "pytest_benchmark.plugin", *(f"-pno:{plugin}" for plugin in UNUSED_PLUGINS.split()),
            "--capture=no", "--assert=plain", "-q", "--tb=short", "--benchmark-only", "--benchmark-disable-gc",
            "--benchmark-quiet", f"--benchmark-json={raw}",
        ],
        threads=block.threads,
        deadline_s=deadline_s,
        folder=raw.parent,
        on_message=on_message,
        memory_bytes=memory.BASE + WORKER_COPIES * 8 * max(cell.case.size + cell.case.max_iter for cell in cells),
        environment={
            "GDBENCH_SPEC": str(spec),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONHASHSEED": str(block.hash_seed),
            "GDBENCH_PADDING": "x" * block.padding_bytes,
        },
    )  # fmt: skip
