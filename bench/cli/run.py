"""The command run."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bench.cli.common import (
    EXIT_CODES,
    DataOptions,
    Flag,
    Integer,
    Several,
    UsageError,
    open_page,
    plan_backends,
    print_run,
)
from bench.text import command

if TYPE_CHECKING:
    from bench.measure.run_directory import RunDirectory
    from bench.records import Run


# Long because each option is a parameter with its help text.
def run(
    *,
    quick: Annotated[bool, Flag] = False,
    full: Annotated[bool, Flag] = False,
    backend: Annotated[list[str] | None, Several, Parameter(alias="-b")] = None,
    size: Annotated[list[str] | None, Several] = None,
    dtype: Annotated[list[str] | None, Several] = None,
    threads: Annotated[list[str] | None, Several] = None,
    cpus: str | None = None,
    data: str | None = None,
    target: str | None = None,
    data_options: DataOptions = DataOptions(),  # noqa: B008  it is immutable
    max_iter: Annotated[int | None, Integer] = None,
    time_budget: str | None = None,
    seed: Annotated[int | None, Integer] = None,
    out: str | None = None,
    resume: str | None = None,
    save_baseline: str | None = None,
    force: Annotated[bool, Flag] = False,
    strict: Annotated[bool, Flag] = False,
    no_report: Annotated[bool, Flag] = False,
    open: Annotated[bool, Flag] = False,
    verbose: Annotated[bool, Flag, Parameter(alias="-v")] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Measure the backends and write a report. numpy_vectorized always runs, as the baseline and the A/A control.

    Parameters
    ----------
    quick
        3 blocks and sizes up to 100 000. Takes about a minute and gives no intervals.
    full
        10 blocks, as `gdbench compare` needs.
    backend
        Names or paths of backend files. Without any, all available backends are measured.
    size
        Sizes of synthetic problems, n_samples x n_features, such as 1000x10.
    dtype
        float64, float32 or both.
    threads
        Numbers of threads, or "all". Each number has its own table.
    cpus
        Processors of the workers, such as 2,3 or 4-7. Default: the fastest ones, one for each core.
    data
        A file with a table, such as CSV, or the built-in "penguins" or "penguins_flipper".
    target
        The column of the file to predict.
    max_iter
        Iterations per call. The default depends on the size.
    time_budget
        A duration such as 120s or 5m. A cell that needs more than a quarter of it is skipped, and so is a problem
        whose reference results do.
    seed
        Seed of the synthetic data and of the order of measurement. Default: 0.
    out
        A new or empty folder for the run. Default: results/<time> in a checkout of gdbench, else
        gdbench-results/<time>.
    resume
        The folder of a stopped run. The run continues with its own plan.
    save_baseline
        Also save the run under this name, for `gdbench compare NAME`.
    force
        With --save-baseline: replace the run that has this name.
    strict
        Exit with code 4 if the measurement is unstable.
    no_report
        Write run.json and no report.
    open
        Open the report in the browser.
    verbose
        Print all tables of the report.
    json
        Print one JSON document.
    """
    if quick and full:
        raise UsageError("--quick: found together with --full; allowed: one of the two")
    if save_baseline is not None:
        _refuse_name(save_baseline, force)
    elif force:
        raise UsageError("--force: found without --save-baseline; allowed: together with --save-baseline NAME")
    options = {
        "sizes": size, "dtypes": dtype, "threads": threads, "cpus": cpus, "data": data, "target": target,
        "max_iter": max_iter, "time_budget": time_budget, "seed": seed,
    }  # fmt: skip
    try:
        if resume is None:
            mode = "quick" if quick else "full" if full else "default"
            selected = options | {"selection": data_options.selection(target or "")}
            directory = _begin(mode, backend or [], selected, out, keep=save_baseline is not None)
        else:
            directory = _resume(
                resume, options | asdict(data_options) | {"quick": quick, "full": full, "backend": backend, "out": out}
            )
    except ValueError as error:
        raise UsageError(str(error)) from None
    from bench.report.terminal import print_warnings

    record = _measure(directory, new=resume is None)
    code = _exit_code(record, named=directory.plan.named, strict=strict)
    notes = [] if save_baseline is None else [save(save_baseline, record, code)]  # first, because Ctrl-C stops a report
    try:
        if not no_report:
            open_page(_write_report(record, directory.folder), open)
        document = {"run": str(directory.folder), "exit_code": code} if json else None
        print_run(record, directory.folder, verbose, document)
    finally:
        print_warnings(notes)
    return code


def _refuse_name(name: str, force: bool) -> None:
    """Raise UsageError if no run can be saved under a name. force: another run that has it will be replaced."""
    from bench.records import UnreadableRun, load_run
    from bench.results import saved_run

    try:
        folder = saved_run(name)
    except ValueError as error:
        raise UsageError(f"--save-baseline: {error}") from None
    if force or not folder.exists():
        return
    try:
        old = load_run(folder)
        what = f"a {old.plan.get('mode', 'saved')} run of {old.created[:16].replace('T', ' ')} UTC"
    except UnreadableRun:
        what = "a run that cannot be read"
    raise UsageError(f"--save-baseline: found {name!r}, {what}; allowed: another name, or --force to replace it")


def _begin(mode: str, named: list[str], options: dict[str, Any], out: str | None, keep: bool) -> "RunDirectory":
    """Plan a new run, create its folder and print the notes.

    named: the backends of the command line. keep: the run will be saved under a name. Raises UsageError, ValueError
    and OSError.
    """
    from bench.measure.options import make_plan, new_folder
    from bench.measure.run_directory import RunDirectory
    from bench.plan import BASELINE
    from bench.report.terminal import print_warnings
    from bench.results import results_folder

    backends = plan_backends([BASELINE, *named] if named else [])
    plan, notes = make_plan(mode=mode, backends=backends, named=bool(named), **options)
    folder = new_folder(out)
    if keep:
        (results_folder() / "baselines").mkdir(parents=True, exist_ok=True)  # fails before the run instead of after it
    directory = RunDirectory.begin(folder, plan, shlex.join(["gdbench", *sys.argv[1:]]))
    print_warnings([*notes, f"the run is in {folder}"])
    return directory


def _resume(folder: str, options: dict[str, Any]) -> "RunDirectory":
    """Reopen a stopped run. Raises UsageError, ValueError, OSError and UnreadableRun."""
    from bench.measure.run_directory import RunDirectory

    if names := [name for name, value in options.items() if value is not None and value is not False]:
        option = "--" + {"sizes": "size", "dtypes": "dtype"}.get(names[0], names[0]).replace("_", "-")
        raise UsageError(f"--resume: found together with {option}; allowed: alone, because a run keeps its plan")
    return RunDirectory.resume(Path(folder))


def _measure(directory: "RunDirectory", new: bool) -> "Run":
    """Measure what the plan holds. A new run that cannot start leaves no files. Raises UsageError and OSError."""
    from bench.measure.children import RunError
    from bench.measure.runner import execute
    from bench.report.terminal import RunProgress, print_warnings

    resume_note = f"finished cells are kept; continue with: {command('run', '--resume', path=directory.folder)}"
    try:
        with RunProgress() as progress:
            record = execute(directory, progress)
    except RunError as error:
        if new:
            directory.abandon()
        raise UsageError(str(error)) from None
    except (KeyboardInterrupt, OSError):
        if directory.folder.is_dir():  # not if the user removed it
            print_warnings([resume_note])
        raise
    finally:
        directory.close()
    if any(cell.status == "interrupted" for cell in record.cells):
        print_warnings([resume_note])
    return record


def _write_report(record: "Run", folder: Path) -> Path:
    """Write the report of a saved run and return its page. Raises OSError."""
    from bench.report import write
    from bench.report.terminal import print_warnings

    try:
        return write(record, folder)
    except (KeyboardInterrupt, OSError):
        print_warnings([f"the run is saved; write its report with: {command('report', path=folder)}"])
        raise


def _exit_code(record: "Run", named: bool, strict: bool) -> int:
    """The exit code of a run. named: the user named the backends, so an unavailable one is a failure."""
    statuses = {cell.status for cell in record.cells}
    if "interrupted" in statuses:
        return 130
    if "wrong" in statuses:
        return 1
    failed = {"failed", "crashed", "timeout", "out_of_memory"} | ({"unavailable"} if named else set())
    if statuses & failed:
        return 3
    return 4 if strict and not record.stable else 0


def save(name: str, record: "Run", code: int) -> str:
    """Save a run under a name if others can be compared with it. code: its exit code. Returns the note for the user."""
    from bench.analysis.compare import MIN_PROCESSES
    from bench.results import save_as

    if code in (130, 1, 3) or all(cell.median_s is None for cell in record.cells):
        return f"not saved as {name}: {EXIT_CODES[code] if code in (130, 1, 3) else 'no cell has a time'}"
    doubts = [] if record.stable else ["the run is unstable, so no comparison with it gives a verdict"]
    if len({block.index for block in record.blocks}) < MIN_PROCESSES:
        doubts.append(f"the run has fewer than {MIN_PROCESSES} blocks, so no comparison gives a verdict: use --full")
    return "; ".join([f"saved as {name} in {save_as(name, record)}", *doubts])
