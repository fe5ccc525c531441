"""The command line, as a table of contents: parse, call one wing, print, exit code.

Exit codes, the same for every verb: 0 ok, 1 a backend computes something wrong, 2 usage or bad input,
3 a backend failed, 4 too unstable for a verdict, 5 a regression, 6 runs not comparable or not readable,
130 interrupted. Where several apply, the first of 130, 1, 3, 5, 6, 4 wins.

Imports stand inside the verbs: `--help` and `list` must answer at once and load no array library.
"""

import io
import json
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from bench import __version__


def _whole(_, tokens) -> int:
    """An integer as it is typed: cyclopts alone would round 2.5, and read "none" as no value at all."""
    if not re.fullmatch("[+-]?[0-9]{1,300}", tokens[0].value):
        raise ValueError(f"found {tokens[0].value[:60]!r}; allowed: an integer")
    return int(tokens[0].value)


Whole = Parameter(converter=_whole)
Several = Parameter(consume_multiple=(1, None), negative_iterable=())
Flag = Parameter(negative="", show_default=False)

app = App(
    name="gdbench",
    help="Measure, cross-check and explain gradient descent for linear regression in many Python array systems.",
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative=""),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


app.register_install_completion_command()


class UsageError(Exception):
    """Bad input: one sentence with what is wrong, what was found, and what is allowed."""


@app.command(name="list")
def list_(*, json: Annotated[bool, Flag] = False) -> int:
    """Show the backends: summary, library version, available or what to install.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    from backends import describe, names

    found = []
    for name in names():
        backend = describe(name)
        found.append({
            "backend": backend.name,
            "summary": backend.summary,
            "available": backend.missing is None,
            "reason": backend.missing,
            "version": backend.version,
            "requires": list(backend.requires),
            "algorithm": backend.algorithm,
            "dtypes": list(backend.dtypes),
        })  # fmt: skip
    if json:
        _print_json({"backends": found})
    else:
        from bench.report.terminal import print_list

        print_list(found)
    return 0


@app.command
def machine(*, json: Annotated[bool, Flag] = False) -> int:
    """Show what the figures depend on: processor, caches, BLAS and its kernel, threads, versions; and measured peaks.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    from bench.report.terminal import busy, print_machine
    from bench.runtime.machine import describe, peaks

    with busy("measuring read bandwidth and flop/s, a few seconds"):
        found = describe() | {"peaks": peaks()}
    if json:
        _print_json(found)
    else:
        print_machine(found)
    return 0


@app.command
def check(backends: Annotated[list[str] | None, Several] = None, /, *, json: Annotated[bool, Flag] = False) -> int:
    """Cross-check backends against exact arithmetic; all available ones if none is named.

    Parameters
    ----------
    backends
        Names or paths of backend files.
    json
        Print one JSON document.
    """
    import tempfile

    from bench import check as wing
    from bench.report.terminal import CheckProgress, print_check

    asked = bool(backends)
    chosen = _chosen(backends or _all_names())
    usable = [backend for backend in chosen if backend.missing is None]
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder, CheckProgress(quiet=json) as progress:
        found = wing.check([backend.source for backend in usable], Path(folder), progress)
    found["backends"] += [wing.unavailable(b.name, b.missing) for b in chosen if b.missing is not None]
    statuses = {report["status"] for report in found["backends"]}
    code = 1 if "wrong" in statuses else 3 if "failed" in statuses or (asked and "unavailable" in statuses) else 0
    if not found["passed"] and code == 0:
        code = 3  # nothing was compared: that is no success
    found["passed"] = code == 0
    if json:
        _print_json(found)
    else:
        print_check(found)
    return code


@app.command
def run(
    *,
    quick: Annotated[bool, Flag] = False,
    full: Annotated[bool, Flag] = False,
    backend: Annotated[list[str] | None, Several, Parameter(alias="-b")] = None,
    size: Annotated[list[str] | None, Several] = None,
    dtype: Annotated[list[str] | None, Several] = None,
    threads: Annotated[list[str] | None, Several] = None,
    data: str | None = None,
    target: str | None = None,
    max_iter: Annotated[int | None, Whole] = None,
    time_budget: str | None = None,
    seed: Annotated[int | None, Whole] = None,
    out: str | None = None,
    resume: str | None = None,
    save_baseline: str | None = None,
    strict: Annotated[bool, Flag] = False,
    no_report: Annotated[bool, Flag] = False,
    open: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Measure the backends and write a report; numpy_vectorized always runs too, as baseline and control.

    Parameters
    ----------
    quick
        3 blocks and sizes up to 100 000: about a minute, without intervals.
    full
        10 blocks, for comparing runs.
    backend
        Names or backend files to measure; all available ones if none is named.
    size
        Synthetic problems, n_samples x n_features, such as 1000x10.
    dtype
        float64, float32 or both.
    threads
        Numbers of threads, or "all"; each gives a table of its own.
    data
        Your own CSV file, or "penguins" or "penguins_flipper".
    target
        The column of the CSV file to predict.
    max_iter
        Iterations per call, instead of the default for each size.
    time_budget
        Such as 120s or 5m; a cell that would take over a quarter of it is skipped.
    seed
        Of the synthetic data and of the order of measurement; 0 if none is named.
    out
        The folder of the run, new or empty; results/<time> if none is named.
    resume
        The folder of a run that was stopped: what is left of it is run, with its own plan.
    save_baseline
        A name under which the run is kept, too, in results/baselines, for `gdbench compare NAME NEW`.
    strict
        Exit with 4 where the measurement was unstable.
    no_report
        Write run.json only.
    open
        Open the report in the browser.
    json
        Print one JSON document.
    """
    from bench import records
    from bench.measure.runner import RunError, execute
    from bench.report.terminal import RunProgress, print_warnings

    if quick and full:
        raise UsageError("--quick: found together with --full; allowed: one of the two")
    if save_baseline is not None:
        try:
            records.baseline(save_baseline)
        except ValueError as error:
            raise UsageError(f"--save-baseline: {error}") from None
    planned = {
        "sizes": size, "dtypes": dtype, "threads": threads, "data": data, "target": target, "max_iter": max_iter,
        "time_budget": time_budget, "seed": seed,
    }  # fmt: skip
    try:
        if resume is None:
            mode = "quick" if quick else "full" if full else "default"
            book = _begin(mode, backend, planned, out, keep=save_baseline is not None)
        else:
            book = _resume(resume, planned | {"quick": quick, "full": full, "backend": backend, "out": out})
    except ValueError as error:
        raise UsageError(str(error)) from None
    folder = book.folder
    going_on = f"what is finished is kept; go on with: {shlex.join(['gdbench', 'run', '--resume', str(folder)])}"
    try:
        with RunProgress() as progress:
            record = execute(book, progress)
    except RunError as error:
        if resume is None:
            book.abandon()
        raise UsageError(str(error)) from None
    except (KeyboardInterrupt, OSError):
        print_warnings([going_on])
        raise
    finally:
        book.close()
    code = _run_code(record, asked=book.plan.named, strict=strict)
    if code == 130:
        print_warnings([going_on])
    if not no_report:
        from bench import report as wing

        page = wing.write(record, folder)
        _open(page, open)
    if save_baseline is not None:
        print_warnings([_save_baseline(save_baseline, record, code)])
    if json:
        _print_json({"run": str(folder), "exit_code": code})
    else:
        from bench.report.terminal import print_run

        print_run(record, folder)
    return code


@app.command
def report(run: str, /, *, open: Annotated[bool, Flag] = False, json: Annotated[bool, Flag] = False) -> int:
    """Write the tables, figures and the offline HTML page of a saved run.

    Parameters
    ----------
    run
        The folder of a run, its run.json, the page of its report, or the name of a saved baseline.
    open
        Open the page in the browser.
    json
        Print one JSON document.
    """
    from bench import report as wing
    from bench.records import find_run, load_run

    where = find_run(run)
    record = load_run(where)
    folder = where if where.is_dir() else where.parent
    page = wing.write(record, folder)
    _open(page, open)
    if json:
        _print_json({"run": str(folder), "report": str(page)})
    else:
        from bench.report.terminal import print_run

        print_run(record, folder)
    return 0


@app.command
def compare(
    base: str,
    new: str,
    /,
    *,
    html: str | None = None,
    across: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Say what changed from one saved run to another, beyond noise; exit 5 where something became slower.

    Parameters
    ----------
    base
        The older run: its folder, its run.json, or the name of a saved baseline.
    new
        The younger run, named alike.
    html
        Also write one offline page to this file.
    across
        "versions" or "cpu": judge runs that differ in these all the same, and say so. May be given twice.
    json
        Print one JSON document.
    """
    from bench.analysis import compare as wing
    from bench.analysis.environment_diff import ACROSS
    from bench.records import find_run, load_run
    from bench.runtime.files import save

    for kind in across or []:
        if kind not in ACROSS:
            raise UsageError(f"--across: found {kind!r}; allowed: {', '.join(ACROSS)}")
    older, younger = (load_run(find_run(given)) for given in (base, new))
    found = wing.compare(older, younger, frozenset(across or []), (base, new))
    if html is not None:
        from bench.report import comparison_view

        try:
            save(Path(html), comparison_view.html(found))
        except OSError as error:
            raise UsageError(f"--html: found {html!r}, which cannot be written: {error.strerror or error}") from None
    if json:
        from msgspec import to_builtins

        _print_json(to_builtins(found))
    else:
        from bench.report.terminal import print_comparison

        print_comparison(found, None if html is None else Path(html))
    return found.exit_code


@app.command
def learn(
    chapter: Annotated[int | None, Whole] = None,
    /,
    *,
    check: str | None = None,
    build: str | None = None,
    quick: Annotated[bool, Flag] = False,
    again: Annotated[bool, Flag] = False,
    forget: Annotated[bool, Flag] = False,
    open: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """The course, on your own machine: the chapters and your progress, or one chapter.

    Parameters
    ----------
    chapter
        Its number: it asks for your prediction, measures, shows, explains and offers an exercise.
    check
        Your file for the exercise of that chapter: say whether it is right, and why not.
    build
        A folder: write all chapters as notebooks and offline pages, and the teacher's page. Nothing is measured.
    quick
        Measure with fewer processes: no intervals.
    again
        Measure the chapter's experiments anew.
    forget
        Delete what the course remembers: your predictions and how the exercises went.
    open
        Open the page in the browser.
    json
        Print one JSON document; the chapter itself goes to stderr.
    """
    from msgspec import to_builtins

    from bench.learn import build as builder
    from bench.learn import give, reader
    from bench.learn.chapters import chapter as find
    from bench.learn.judge import attempt
    from bench.report.terminal import console

    if (check is not None) + (build is not None) + forget > 1:
        raise UsageError("learn: found two of --check, --build and --forget; allowed: one of them")
    if check is not None and chapter is None:
        raise UsageError("--check: found no chapter; allowed: gdbench learn CHAPTER --check FILE")
    out = console(stderr=json)
    document: dict[str, Any] = {"file": str(reader.path())}
    code, page = 0, None
    try:
        given = None if chapter is None else find(chapter)
        if forget:
            document["deleted"] = reader.forget()
            out.print(f"{reader.path()}: {'deleted' if document['deleted'] else 'there was none'}")
        elif build is not None:
            made = builder.build(Path(build))
            document["made"], page = list(map(str, made)), made[0]
            out.print(f"the course: {made[0]}", soft_wrap=True)
        elif given is None:
            document["chapters"] = give.contents()
            give.show_contents(document["chapters"], out)
        elif check is not None:
            verdict, tries = attempt(given, Path(check), reader.load(), quick)
            give.show(verdict.words(tries), out)
            document |= {"chapter": chapter, **to_builtins(verdict)}
            code = {"passed": 0, "wrong": 1, "failed": 3, "inconclusive": 4}[verdict.outcome]
        else:
            page = give.give(given, out, quick, again)
            document |= {"chapter": chapter, "page": str(page)}
            out.print(f"page: {page}", soft_wrap=True)
            out.print(f"what you predicted and tried is kept in {reader.path()}; delete it as you like", soft_wrap=True)
    except ValueError as error:
        raise UsageError(str(error)) from None
    except builder.MissingExtra as error:
        raise UsageError(f"--build: {error}") from None
    _open(page, open)
    if json:
        _print_json(document)
    return code


def main() -> None:
    """The entry point of `gdbench` and of `python -m bench`: run a verb and exit with its code."""
    from bench.records import UnreadableRun

    as_json = "--json" in sys.argv[1:]
    if sys.platform == "win32":
        sys.exit(_fail("found Windows; allowed: Linux, macOS, or Windows through WSL", 2, as_json))
    for ending in (signal.SIGTERM, signal.SIGHUP):  # asked to end, terminal closed: as with Ctrl-C, nothing is lost
        if signal.getsignal(ending) == signal.SIG_DFL:  # under nohup it stays ignored
            signal.signal(ending, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old locale has no µ
    if broken := [word for word in sys.argv[1:] if "\0" in word]:  # no shell can, a caller of main() can
        sys.exit(_fail(f"found {broken[0]!r}; allowed: words without a null character", 2, as_json))
    try:
        code = app(sys.argv[1:])
    except (CycloptsError, UsageError) as error:
        code = _fail(str(error), 2, as_json)
    except UnreadableRun as error:
        code = _fail(str(error), 6, as_json)
    except OSError as error:
        code = _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), 2, as_json)
    except KeyboardInterrupt:
        code = _fail("interrupted", 130, as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _begin(mode: str, backend: list[str] | None, planned: dict[str, Any], out: str | None, keep: bool):
    """The logbook of a new run; its user is told what to know. Raises UsageError, ValueError and OSError.

    keep: as a baseline, too.
    """
    from bench.measure.options import make_plan, new_folder
    from bench.measure.run_directory import RunDirectory
    from bench.plan import BASELINE
    from bench.records import BASELINES
    from bench.report.terminal import print_warnings

    chosen = _chosen([BASELINE, *backend] if backend else _all_names())
    plan, notes = make_plan(mode=mode, backends=chosen, named=bool(backend), **planned)
    folder = new_folder(out)
    if keep:
        BASELINES.mkdir(parents=True, exist_ok=True)  # where it cannot be made, better now than after the run
    book = RunDirectory.begin(folder, plan, shlex.join(["gdbench", *sys.argv[1:]]))
    print_warnings(notes)
    return book


def _resume(folder: str, others: dict[str, Any]):
    """The logbook of a run that was stopped. Raises UsageError, ValueError, OSError and UnreadableRun."""
    from bench.measure.run_directory import RunDirectory

    if given := [name for name, value in others.items() if value is not None and value is not False]:
        option = "--" + given[0].removesuffix("s").replace("_", "-")
        raise UsageError(f"--resume: found together with {option}; allowed: alone, a run has its plan from its start")
    return RunDirectory.resume(Path(folder))


def _chosen(names: list[str]) -> list:
    """Backends by name or path, each stem once. Raises UsageError."""
    from bench.plan import backend_of

    try:
        found = [backend_of(name) for name in dict.fromkeys(names)]
    except ValueError as error:
        raise UsageError(str(error)) from None
    for one in found:
        for other in found:
            if one.name == other.name and one.source != other.source:
                raise UsageError(
                    f"backend: found two named {one.name!r} ({one.given}, {other.given}); allowed: different file stems"
                )
    return list({backend.name: backend for backend in found}.values())


def _all_names() -> list[str]:
    from backends import names

    return names()


def _run_code(record, asked: bool, strict: bool) -> int:
    statuses = {cell.status for cell in record.cells}
    if "interrupted" in statuses:
        return 130
    if "wrong" in statuses:
        return 1
    failed = {"failed", "crashed", "timeout", "out_of_memory"} | ({"unavailable"} if asked else set())
    if statuses & failed:
        return 3
    return 4 if strict and not record.stable else 0


def _save_baseline(name: str, record, code: int) -> str:
    """Keep the run under a name unless it is broken; what to tell the user."""
    from bench.analysis.compare import MIN_PROCESSES
    from bench.records import save_baseline

    if code in (130, 1, 3):
        return f"baseline {name} was not saved: this run ends with exit code {code}"
    doubts = [] if record.stable else ["it is unstable, so nothing can be judged by it"]
    if len({block.index for block in record.blocks}) < MIN_PROCESSES:
        doubts.append(f"it has fewer than {MIN_PROCESSES} blocks, so nothing can be judged by it: use --full")
    return "; ".join([f"saved as baseline {name} in {save_baseline(name, record)}", *doubts])


def _open(page: Path | None, wanted: bool) -> None:
    if wanted and page is not None:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def _print_json(document: Any) -> None:
    """In ASCII, so that every pipe can carry it; a reader that has left changes no exit code."""
    try:
        print(json.dumps(document, indent=1, allow_nan=False), flush=True)
    except BrokenPipeError:
        from bench.report.terminal import discard

        discard(sys.stdout)


def _fail(message: str, code: int, as_json: bool) -> int:
    from bench.text import clean

    line = clean(message, 1000)  # it may quote what a file or a user has written
    if as_json:
        _print_json({"error": line, "exit_code": code})
    print(f"gdbench: {line}", file=sys.stderr)
    return code
