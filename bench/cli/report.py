"""The commands report and compare, which read runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bench.cli.common import Flag, UsageError, open_page, print_json, print_run

if TYPE_CHECKING:
    from bench.records import Run


def report(
    run: str | None = None,
    /,
    *,
    out: str | None = None,
    open: Annotated[bool, Flag] = False,
    verbose: Annotated[bool, Flag, Parameter(alias="-v")] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Write the report of a run: tables, figures and an offline HTML page.

    Parameters
    ----------
    run
        The folder of a run, its run.json, its page, or the name of a saved run. Default: the latest run.
    out
        The folder for the report: a new or empty one, or one with a report of this run. Default: the folder of the
        run; for a page, a new folder like that of a new run. No other file is replaced.
    open
        Open the page in the browser.
    verbose
        Print all tables of the report.
    json
        Print one JSON document.
    """
    from bench.records import load_run
    from bench.report import write
    from bench.results import find_run

    where = find_run(_latest("RUN") if run is None else run)
    record = load_run(where)
    folder = _folder_of_report(record, where, out)
    page = write(record, folder)
    open_page(page, open)
    print_run(
        record,
        folder,
        verbose,
        {"run": str(where.parent if where.is_file() else where), "report": str(page)} if json else None,
    )
    return 0


def _folder_of_report(record: "Run", where: Path, out: str | None) -> Path:
    """The folder for the report of a run that was read from `where`. Raises UsageError if `out` has other files."""
    from bench.measure.options import new_folder
    from bench.records import PAGES
    from bench.report import belongs

    if out is None and where.suffix.lower() not in PAGES:
        return where if where.is_dir() else where.parent
    if out is not None and belongs(Path(out), record):
        return Path(out)
    try:
        return new_folder(out)
    except ValueError as error:
        raise UsageError(f"{error}, or one with a report of this run") from None


def compare(
    base: str,
    new: str | None = None,
    /,
    *,
    html: str | None = None,
    across: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Compare two runs and report changes beyond noise. Exit with code 5 if a backend became slower.

    Parameters
    ----------
    base
        The older run: its folder, its run.json, its page, or the name of a saved run.
    new
        The newer run, in one of these forms. Default: the latest run.
    html
        Also write the comparison as an offline page to this file.
    across
        "versions" or "cpu": compare runs although they differ in these. May be given twice.
    json
        Print one JSON document.
    """
    from bench.analysis.compare import compare as compare_runs
    from bench.analysis.environment_diff import ACROSS
    from bench.records import load_run
    from bench.results import find_run
    from bench.runtime.files import save

    for kind in across or []:
        if kind not in ACROSS:
            raise UsageError(f"--across: found {kind!r}; allowed: {', '.join(ACROSS)}")
    base_run = load_run(find_run(base))
    name = _latest("NEW") if new is None else new
    new_run = load_run(find_run(name))
    if new is None and new_run == base_run:
        raise UsageError(f"NEW: found BASE itself in {name}, the latest run; allowed: a newer run")
    comparison = compare_runs(base_run, new_run, frozenset(across or []), (base, name))
    if html is not None:
        from bench.report import comparison_view

        try:
            save(Path(html), comparison_view.html(comparison))
        except OSError as error:
            raise UsageError(f"--html: found {html!r}, which cannot be written: {error.strerror or error}") from None
    if json:
        from msgspec import to_builtins

        print_json(to_builtins(comparison))
    else:
        from bench.report.terminal import print_comparison

        print_comparison(comparison, None if html is None else Path(html))
    return comparison.exit_code


def _latest(parameter: str) -> str:
    """The folder of the latest run, which a note names. Raises UsageError if there is none."""
    from bench.report.terminal import print_warnings
    from bench.results import latest_run, results_folder

    folder = latest_run()
    if folder is None:
        raise UsageError(
            f"{parameter}: found no run in {results_folder()}; allowed: the folder of a run, or `gdbench run` first"
        )
    print_warnings([f"{parameter} is the latest run, {folder}"])
    return str(folder)
