"""The command line: parse the arguments, call one package, print the result, return the exit code.

Every verb uses the same exit codes: 0 ok, 1 a backend computes something wrong, 2 usage or bad input,
3 a backend failed, 4 too unstable for a verdict, 5 a regression, 6 runs not comparable or not readable,
130 interrupted. Where several apply, the first of 130, 1, 3, 5, 6, 4 wins.

Imports stand inside the verbs so that `--help` and `list` answer at once and load no array library.
"""

import difflib
import io
import json
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter, Token

from bench import __version__

if TYPE_CHECKING:
    from bench.measure.run_directory import RunDirectory
    from bench.plan import Backend
    from bench.records import Run


def _integer(_: type, tokens: Sequence[Token]) -> int:
    """Parse an integer strictly. cyclopts alone rounds 2.5 and reads "none" as a missing value."""
    if not re.fullmatch("[+-]?[0-9]{1,300}", tokens[0].value):
        raise ValueError(f"found {tokens[0].value[:60]!r}; allowed: an integer")
    return int(tokens[0].value)


Integer = Parameter(converter=_integer)
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


@app.default
def greet(*words: Annotated[str, Parameter(show=False)]) -> int:
    """Measure, cross-check and explain gradient descent for linear regression in many Python array systems."""
    from bench.report.terminal import print_greeting

    if words:
        verbs = [name for name in app if not name.startswith("-")]
        close = difflib.get_close_matches(words[0], verbs, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise UsageError(f"command: found {words[0]!r}{hint}; allowed: {', '.join(verbs)}")
    print_greeting()
    return 0


class UsageError(Exception):
    """Bad input. The message is one sentence: what is wrong, what was found, what is allowed."""


@app.command(name="list")
def list_(*, json: Annotated[bool, Flag] = False) -> int:
    """List the backends: summary, library version, and what to install if one is unavailable.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    from backends import describe, names

    entries = [
        {
            "backend": backend.name,
            "summary": backend.summary,
            "available": backend.missing is None,
            "reason": backend.missing,
            "version": backend.version,
            "requires": list(backend.requires),
            "algorithm": backend.algorithm,
            "dtypes": list(backend.dtypes),
        }
        for backend in map(describe, names())
    ]
    if json:
        _print_json({"backends": entries})
    else:
        from bench.report.terminal import print_list

        print_list(entries)
    return 0


@app.command
def machine(*, json: Annotated[bool, Flag] = False) -> int:
    """Describe the machine: processor, caches, BLAS and its kernel, threads, versions, and measured peaks.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    from bench.report.terminal import busy, print_machine
    from bench.runtime.machine import describe, peaks

    with busy("measuring read bandwidth and flop/s, a few seconds"):
        description = describe() | {"peaks": peaks()}
    if json:
        _print_json(description)
    else:
        print_machine(description)
    return 0


@app.command
def check(backends: Annotated[list[str] | None, Several] = None, /, *, json: Annotated[bool, Flag] = False) -> int:
    """Cross-check backends against exact arithmetic.

    Parameters
    ----------
    backends
        Names or paths of backend files. Without any, all available backends are checked.
    json
        Print one JSON document.
    """
    import tempfile

    from msgspec import to_builtins

    from bench import check as cross_check
    from bench.report.terminal import CheckProgress, print_check

    chosen = _backends(backends or _all_names())
    usable = [backend for backend in chosen if backend.missing is None]
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder, CheckProgress(quiet=json) as progress:
        result = cross_check.check([backend.source for backend in usable], Path(folder), progress)
    result.backends += [cross_check.unavailable(b.name, b.missing) for b in chosen if b.missing is not None]
    statuses = {report.status for report in result.backends}
    code = 1 if "wrong" in statuses else 3 if statuses & ({"failed", "unavailable"} if backends else {"failed"}) else 0
    if not result.passed and code == 0:
        code = 3  # no backend could be checked, which is not a success
    result.passed = code == 0
    if json:
        _print_json(to_builtins(result))
    else:
        print_check(result.backends)
    return code


# The two longest functions below are long because each option is a parameter with its help text.
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
    max_iter: Annotated[int | None, Integer] = None,
    time_budget: str | None = None,
    seed: Annotated[int | None, Integer] = None,
    out: str | None = None,
    resume: str | None = None,
    save_baseline: str | None = None,
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
    data
        A CSV file, or the built-in "penguins" or "penguins_flipper".
    target
        The column of the CSV file to predict.
    max_iter
        Iterations per call. The default depends on the size.
    time_budget
        A duration such as 120s or 5m. A cell that needs more than a quarter of it is skipped.
    seed
        Seed of the synthetic data and of the order of measurement. Default: 0.
    out
        A new or empty folder for the run. Default: results/<time> in a checkout of gdbench, else
        gdbench-results/<time>.
    resume
        The folder of a stopped run. The run continues with its own plan.
    save_baseline
        Also save the run under this name, for `gdbench compare NAME NEW`.
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
    from bench import records
    from bench.measure.runner import RunError, execute
    from bench.report.terminal import RunProgress, print_warnings

    if quick and full:
        raise UsageError("--quick: found together with --full; allowed: one of the two")
    if save_baseline is not None:
        try:
            records.saved_run(save_baseline)
        except ValueError as error:
            raise UsageError(f"--save-baseline: {error}") from None
    options = {
        "sizes": size, "dtypes": dtype, "threads": threads, "data": data, "target": target, "max_iter": max_iter,
        "time_budget": time_budget, "seed": seed,
    }  # fmt: skip
    try:
        if resume is None:
            mode = "quick" if quick else "full" if full else "default"
            directory = _begin(mode, backend, options, out, keep=save_baseline is not None)
        else:
            directory = _resume(resume, options | {"quick": quick, "full": full, "backend": backend, "out": out})
    except ValueError as error:
        raise UsageError(str(error)) from None
    folder = directory.folder
    resume_note = f"finished cells are kept; continue with: {shlex.join(['gdbench', 'run', '--resume', str(folder)])}"
    try:
        with RunProgress() as progress:
            record = execute(directory, progress)
    except RunError as error:
        if resume is None:
            directory.abandon()
        raise UsageError(str(error)) from None
    except (KeyboardInterrupt, OSError):
        print_warnings([resume_note])
        raise
    finally:
        directory.close()
    code = _run_code(record, named=directory.plan.named, strict=strict)
    if code == 130:
        print_warnings([resume_note])
    if not no_report:
        from bench.report import write

        _open(write(record, folder), open)
    if save_baseline is not None:
        print_warnings([_save_baseline(save_baseline, record, code)])
    _print_run(record, folder, verbose, {"run": str(folder), "exit_code": code} if json else None)
    return code


@app.command
def report(
    run: str,
    /,
    *,
    open: Annotated[bool, Flag] = False,
    verbose: Annotated[bool, Flag, Parameter(alias="-v")] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Write the report of a saved run: tables, figures and an offline HTML page.

    Parameters
    ----------
    run
        The folder of a run, its run.json, its page, or a name given with --save-baseline.
    open
        Open the page in the browser.
    verbose
        Print all tables of the report.
    json
        Print one JSON document.
    """
    from bench.records import find_run, load_run
    from bench.report import write

    where = find_run(run)
    record = load_run(where)
    folder = where if where.is_dir() else where.parent
    page = write(record, folder)
    _open(page, open)
    _print_run(record, folder, verbose, {"run": str(folder), "report": str(page)} if json else None)
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
    """Compare two saved runs and report changes beyond noise. Exit with code 5 if a backend became slower.

    Parameters
    ----------
    base
        The older run: its folder, its run.json, its page, or a name given with --save-baseline.
    new
        The newer run, named in the same way.
    html
        Also write the comparison as an offline page to this file.
    across
        "versions" or "cpu": compare runs although they differ in these. May be given twice.
    json
        Print one JSON document.
    """
    from bench.analysis.compare import compare as compare_runs
    from bench.analysis.environment_diff import ACROSS
    from bench.records import find_run, load_run
    from bench.runtime.files import save

    for kind in across or []:
        if kind not in ACROSS:
            raise UsageError(f"--across: found {kind!r}; allowed: {', '.join(ACROSS)}")
    base_run, new_run = (load_run(find_run(name)) for name in (base, new))
    comparison = compare_runs(base_run, new_run, frozenset(across or []), (base, new))
    if html is not None:
        from bench.report import comparison_view

        try:
            save(Path(html), comparison_view.html(comparison))
        except OSError as error:
            raise UsageError(f"--html: found {html!r}, which cannot be written: {error.strerror or error}") from None
    if json:
        from msgspec import to_builtins

        _print_json(to_builtins(comparison))
    else:
        from bench.report.terminal import print_comparison

        print_comparison(comparison, None if html is None else Path(html))
    return comparison.exit_code


@app.command
def learn(
    chapter: Annotated[int | None, Integer] = None,
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
    """Take the course: list the chapters and your progress, or run one chapter.

    Parameters
    ----------
    chapter
        The number of a chapter. It asks for a prediction, measures, explains and sets an exercise.
    check
        Your solution of the chapter's exercise. The command says whether it is right, and why not.
    build
        Write all chapters as notebooks and offline pages, and the teacher's page, to this folder.
    quick
        Measure with fewer processes and without intervals.
    again
        Repeat the measurements of the chapter.
    forget
        Delete your predictions and exercise results.
    open
        Open the page in the browser.
    json
        Print one JSON document. The chapter goes to stderr.
    """
    from msgspec import to_builtins

    from bench.learn import build as builder
    from bench.learn import give, reader
    from bench.learn.chapters import chapter as load_chapter
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
        lesson = None if chapter is None else load_chapter(chapter)
        if forget:
            document["deleted"] = reader.forget()
            out.print(f"{reader.path()}: {'deleted' if document['deleted'] else 'does not exist'}")
        elif build is not None:
            pages = builder.build(Path(build))
            document["made"], page = list(map(str, pages)), pages[0]
            out.print(f"the course: {page}", soft_wrap=True)
        elif lesson is None:
            document["chapters"] = give.contents()
            give.show_contents(document["chapters"], out)
        elif check is not None:
            verdict, tries = attempt(lesson, Path(check), reader.load(), quick)
            give.show(verdict.words(tries), out)
            document |= {"chapter": chapter, **to_builtins(verdict)}
            code = {"passed": 0, "wrong": 1, "failed": 3, "inconclusive": 4}[verdict.outcome]
        else:
            page = give.give(lesson, out, quick, again)
            document |= {"chapter": chapter, "page": str(page)}
            out.print(f"page: {page}", soft_wrap=True)
            out.print(f"your predictions and attempts are in {reader.path()}; you may delete it", soft_wrap=True)
    except ValueError as error:
        raise UsageError(str(error)) from None
    except builder.MissingExtra as error:
        raise UsageError(f"--build: {error}") from None
    _open(page, open)
    if json:
        _print_json(document)
    return code


def main() -> None:
    """Run a verb and exit with its code: the entry point of `gdbench` and of `python -m bench`."""
    from bench.records import UnreadableRun

    as_json = "--json" in sys.argv[1:]
    if sys.platform == "win32":
        sys.exit(_fail("found Windows; allowed: Linux, macOS, or Windows through WSL", 2, as_json))
    for number in (signal.SIGTERM, signal.SIGHUP):  # end as with Ctrl-C, so that nothing is lost
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP, and that stays
            signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # some locales cannot encode µ
    if broken := [word for word in sys.argv[1:] if "\0" in word]:  # possible where main() is called from Python
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


def _begin(
    mode: str, backend: list[str] | None, options: dict[str, Any], out: str | None, keep: bool
) -> "RunDirectory":
    """Plan a new run, create its folder and print the notes. keep: the run will be saved as a baseline.

    Raises UsageError, ValueError and OSError.
    """
    from bench.measure.options import make_plan, new_folder
    from bench.measure.run_directory import RunDirectory
    from bench.plan import BASELINE
    from bench.records import results_folder
    from bench.report.terminal import print_warnings

    chosen = _backends([BASELINE, *backend] if backend else _all_names())
    plan, notes = make_plan(mode=mode, backends=chosen, named=bool(backend), **options)
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
        option = "--" + names[0].removesuffix("s").replace("_", "-")
        raise UsageError(f"--resume: found together with {option}; allowed: alone, because a run keeps its plan")
    return RunDirectory.resume(Path(folder))


def _backends(names: list[str]) -> "list[Backend]":
    """Backends by name or path. Raises UsageError where two files have the same stem."""
    from bench.plan import backend_of

    try:
        backends = [backend_of(name) for name in dict.fromkeys(names)]
    except ValueError as error:
        raise UsageError(str(error)) from None
    by_name: dict[str, Backend] = {}
    for backend in backends:
        other = by_name.setdefault(backend.name, backend)
        if other.source != backend.source:
            raise UsageError(
                f"backend: found two named {backend.name!r} ({other.argument}, {backend.argument});"
                " allowed: different file stems"
            )
    return list(by_name.values())


def _all_names() -> list[str]:
    from backends import names

    return names()


def _run_code(record: "Run", named: bool, strict: bool) -> int:
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


def _save_baseline(name: str, record: "Run", code: int) -> str:
    """Save the run under a name unless it failed. Returns the note for the user."""
    from bench.analysis.compare import MIN_PROCESSES
    from bench.records import save_as

    if code in (130, 1, 3):
        return f"baseline {name} was not saved: this run ends with exit code {code}"
    doubts = [] if record.stable else ["the run is unstable, so no comparison with it gives a verdict"]
    if len({block.index for block in record.blocks}) < MIN_PROCESSES:
        doubts.append(f"the run has fewer than {MIN_PROCESSES} blocks, so no comparison gives a verdict: use --full")
    return "; ".join([f"saved as baseline {name} in {save_as(name, record)}", *doubts])


def _open(page: Path | None, wanted: bool) -> None:
    if wanted and page is not None:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def _print_run(record: "Run", folder: Path, verbose: bool, document: dict[str, Any] | None) -> None:
    """Print the JSON document, or without one the results of the run."""
    if document is not None:
        _print_json(document)
    else:
        from bench.report.terminal import print_run

        print_run(record, folder, verbose)


def _print_json(document: Any) -> None:
    """Print a document in ASCII, which every pipe can carry. A closed pipe does not change the exit code."""
    try:
        print(json.dumps(document, indent=1, allow_nan=False), flush=True)
    except BrokenPipeError:
        from bench.report.terminal import discard

        discard(sys.stdout)


def _fail(message: str, code: int, as_json: bool) -> int:
    from bench.text import clean

    line = clean(message, 1000)  # the message may quote a file or the user
    if as_json:
        _print_json({"error": line, "exit_code": code})
    print(f"gdbench: {line}", file=sys.stderr)
    return code
