"""Runs for the course, measured by bench.measure."""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.measure.options import make_plan
from bench.measure.run_directory import RunDirectory
from bench.measure.runner import execute
from bench.plan import BASELINE, Backend, backend_of
from bench.records import Run
from bench.report.terminal import RunProgress
from bench.runtime import process


def backends_of(backends: Sequence[str | Path]) -> list[Backend]:
    """These backends and files without repetitions, the baseline first."""
    return list(
        {backend.name: backend for backend in (backend_of(str(each)) for each in (BASELINE, *backends))}.values()
    )


def measured(
    folder: Path,
    backends: Sequence[Backend],
    sizes: Sequence[str],
    dtypes: Sequence[str] = ("float64",),
    threads: Sequence[int] = (1,),
    max_iter: int | None = None,
    quick: bool = False,
    command: str = "gdbench learn",
    foretold: Callable[[float], None] = lambda seconds: None,
) -> Run:
    """Measure, or continue an interrupted run in `folder`. Numbers of threads beyond this machine's are left out.

    foretold: called with the predicted seconds. Raises KeyboardInterrupt, after which the next call continues the run,
    and ValueError or UnreadableRun if the folder holds something else.
    """
    plan, _ = make_plan(
        mode="quick" if quick else "default",
        backends=[backend for backend in backends if backend.missing is None],
        sizes=list(sizes),
        dtypes=list(dtypes),
        threads=[str(count) for count in threads if count <= process.available_threads()],
        data=None,
        target=None,
        max_iter=max_iter,
        time_budget=None,
        seed=None,
    )
    foretold(plan.predicted_s)
    begun = (folder / "plan.json").exists()
    directory = RunDirectory.resume(folder) if begun else RunDirectory.begin(folder, plan, command)
    try:
        with RunProgress() as progress:
            run = execute(directory, progress)
    finally:
        directory.close()
    if any(cell.status == "interrupted" for cell in run.cells):
        (folder / "run.json").unlink()
        raise KeyboardInterrupt
    return run
