"""The output of the commands: in color on a terminal, as plain text in a pipe.

Results go to standard output, progress and warnings to standard error.
"""

import contextlib
import itertools
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from bench import __version__, text
from bench.report.rich_table import rich_table

if TYPE_CHECKING:
    from bench.analysis.compare import Comparison
    from bench.check.messages import BackendReport
    from bench.measure.runner import Progress as RunState
    from bench.records import Run
    from bench.report.blocks import Block, Report

ABOUT = (
    "One gradient descent for linear regression in plain Python, NumPy, Numba, JAX and your own file: gdbench measures"
    " how fast each runs on this machine, proves that all compute the same, and explains the differences."
)
GREETING = {
    "gdbench run --quick": "measure all backends, in about a minute",
    "gdbench check": "check all backends against exact arithmetic",
    "gdbench fit my.csv --target y": "fit a linear model to your table",
    "gdbench learn": "take the course: why vectorized code is fast",
    "gdbench --help": "all commands",
}
PIPE_WIDTH, MIN_WIDTH = 100, 40  # characters of a line in a pipe, and at least
MAX_GROUPS = 2  # further groups on the screen at the end of a run
COLORS = {"ok": "green", "wrong": "bold red", "failed": "red", "unavailable": "yellow"}


def discard(stream: IO[str]) -> None:
    """Discard further output to a stream whose reader has closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Output(Console):
    """A console that ignores a closed pipe, so that `gdbench check | head` keeps its exit code."""

    def on_broken_pipe(self) -> None:
        discard(self.file)


def console(stderr: bool = False) -> Console:
    """A console without color codes in a pipe or with NO_COLOR. COLUMNS sets the width of a pipe."""
    stream = sys.stderr if stderr else sys.stdout
    columns = os.environ.get("COLUMNS", "")
    width = None if stream.isatty() else max(MIN_WIDTH, int(columns)) if columns.isdecimal() else PIPE_WIDTH
    return Output(stderr=stderr, highlight=False, soft_wrap=False, width=width)


def print_greeting() -> None:
    """Print what gdbench does, and some commands to try."""
    out = console()
    out.print(Text(f"gdbench {__version__}", "bold"))
    say(out, ABOUT)
    out.print()
    for command, words in GREETING.items():
        out.print(Text.assemble("  ", (f"{command:31}", "bold"), words), soft_wrap=True)


def print_list(backends: list[dict[str, Any]]) -> None:
    table = Table("backend", "library", "available", "summary", box=None, pad_edge=False, header_style="bold")
    for entry in backends:
        state = Text("yes", "green") if entry["available"] else Text(f"no: {entry['reason']}", "yellow")
        table.add_row(Text(entry["backend"]), Text(entry["version"] or "-"), state, Text(entry["summary"]))
    console().print(table)


def print_machine(machine: dict[str, Any]) -> None:
    cpu = machine["cpu"]
    caches = ", ".join(f"L{cache['level']} {cache['size']} (for {cache['shared_by']})" for cache in cpu["caches"])
    blas = ", ".join(f"{entry['library']} {entry['version']}, kernel {entry['kernel']}" for entry in machine["blas"])
    forced = " (forced by the environment)" if machine["blas_forced"] else ""
    quota = f", with a CPU quota of {machine['cpu_quota']:.3g}" if machine["cpu_quota"] else ""
    threads = ", ".join(f"{name}={value}" for name, value in machine["thread_settings"].items())
    rows = {
        "processor": cpu["model"],
        "vector units": ", ".join(cpu["vector_extensions"]),
        "caches": caches or "unknown",
        "frequency governor": cpu["governor"] or "not readable",
        "threads available": f"{machine['threads_available']} of {cpu['logical_cores']} processors" + quota,
        "memory": _memory(machine),
        "system": machine["system"] + (", a virtual machine" if machine["virtual_machine"] else ""),
        "load": "not readable" if machine["load"] is None else text.significant(machine["load"]),
        "BLAS of NumPy": (blas or "unknown") + forced,
        "thread settings": f"{threads}; a measurement sets its own" if threads else "none",
        "settings": ", ".join(f"{name}={value}" for name, value in machine["environment"].items())
        or "none that change figures",
        "Python": machine["python"],
        **{name: version or "not installed" for name, version in machine["versions"].items()},
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(Text(name, "bold"), Text(str(value)))
    out = console()
    out.print(table)
    _print_peaks(machine["peaks"], out)
    for warning in machine["warnings"]:
        out.print(Text(f"warning: {warning}", "yellow"))


def _memory(machine: dict[str, Any]) -> str:
    size, limit = (
        machine[name] and f"{machine[name] / 2**30:.1f} GiB" for name in ("memory_bytes", "memory_limit_bytes")
    )
    return (size or "not readable") + (f", limited to {limit}" if limit else "")


def _print_peaks(peaks: list[dict[str, Any]], out: Console) -> None:
    """A column for each number of threads: what it reads from each cache and from memory, and what it computes."""
    for entry in peaks:
        if "error" in entry:
            out.print(Text(f"peaks with {text.number_of(entry['threads'], 'thread')} not measured: {entry['error']}"))
    measured = [entry for entry in peaks if "error" not in entry]
    if not measured:
        return
    headings = [text.number_of(entry["threads"], "thread") for entry in measured]
    columns = [f"\n{heading}" for heading in ("reading from", *headings)]
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in itertools.zip_longest(*(entry["read"] for entry in measured)):
        first = next(level for level in row if level)
        cells = (
            "-" if level is None else f"{text.significant(level['gb_per_s'])} GB/s ({_size(level['bytes'])})"
            for level in row
        )
        table.add_row(first["fits_in"] or "unknown", *cells)
    for dtype in measured[0]["gflop_per_s"]:
        rates = (f"{text.significant(entry['gflop_per_s'][dtype])} Gflop/s" for entry in measured)
        table.add_row(f"multiply-add, {dtype}", *rates)
    ridges = (_ridge(entry) for entry in measured)
    table.add_row("ridge, float64", *("-" if at is None else f"{text.significant(at)} flops per byte" for at in ridges))
    out.print(table)
    out.print("The ridge: with fewer flops for each byte read from memory, memory is the limit, not arithmetic.")


def _ridge(entry: dict[str, Any]) -> float | None:
    """Flops per byte read from memory; None where the largest working set still fits in a cache."""
    last = entry["read"][-1]
    return entry["gflop_per_s"]["float64"] / last["gb_per_s"] if last["fits_in"] in ("memory", None) else None


def _size(size: int) -> str:
    """32 KiB, 1 MiB: working sets are round."""
    return f"{size / 2**20:.4g} MiB" if size >= 2**20 else f"{size / 2**10:.4g} KiB"


def busy(what: str) -> contextlib.AbstractContextManager[object]:
    """On a terminal, a line about the work in progress."""
    out = console(stderr=True)
    return out.status(Text(what)) if out.is_terminal else contextlib.nullcontext()


def print_check(reports: Sequence["BackendReport"]) -> None:
    """Print the table of a cross-check, then the failed checks of each backend."""
    from bench.records import error_share

    out = console()
    table = Table("backend", "result", "checks", "largest error", box=None, pad_edge=False, header_style="bold")
    for report in reports:
        passed = sum(result.passed for result in report.checks)
        shares = [error_share(r.error, r.bound) for r in report.checks if r.bound and r.error is not None]
        worst = max(shares, default=0.0)
        share = "-" if not shares else f"{worst:.2%} of its bound" if worst < 10 else f"{worst:.1g} times its bound"
        table.add_row(
            Text(text.clean(report.backend)),
            Text(report.status, COLORS[report.status]),
            f"{passed} of {len(report.checks)}",
            share,
        )
    out.print(table)
    for report in reports:
        _print_failing(report, out)


def _print_failing(report: "BackendReport", out: Console) -> None:
    """Print each hint of a backend once, because many checks may share it, then each failed check.

    That no known mistake fits is printed once, and only if there is no other hint.
    """
    from bench.check.messages import NO_MISTAKE

    failing = [result for result in report.checks if not result.passed]
    if not failing:
        return
    counted = f", {len(failing)} of {text.number_of(len(report.checks), 'check')} failed"
    ran = report.status != "unavailable"
    out.print(Text(f"\n{text.clean(report.backend)}: {report.status}{counted if ran else ''}", "bold"))
    hints = list(dict.fromkeys(result.hint for result in failing if result.hint))
    for hint in [hint for hint in hints if NO_MISTAKE not in hint] or hints[:1]:
        _print_hanging(f"hint: {hint}", out, "bold")
    for result in failing:
        _print_hanging(f"{result.check}: {result.detail}", out)


def _print_hanging(words: str, out: Console, style: str = "") -> None:
    """Print lines with an indent, and their continuations with a deeper one."""
    for number, line in enumerate(words.splitlines()):
        first = "      " if number else "  "
        wrapped = textwrap.wrap(line, out.width, initial_indent=first, subsequent_indent="      ")
        out.print(Text("\n".join(wrapped), style), soft_wrap=True)


def print_warnings(warnings: list[str]) -> None:
    """Print notes to standard error."""
    for warning in warnings:  # without line breaks, because a note may hold a command to copy
        console(stderr=True).print(Text(f"note: {warning}", "yellow"), soft_wrap=True)


def print_run(record: "Run", folder: Path, verbose: bool) -> None:
    """Print a run and the paths of its files: on one screen, or with all tables if `verbose`."""
    out = console()
    if verbose:
        from bench.report.document import report_of

        write(report_of(record), out)
    else:
        print_end(record, out)
    out.print(Text(f"\nrun: {text.clean(str(folder))}"))
    _print_page(folder / "report.html", out)


def print_end(run: "Run", out: Console) -> None:
    """Print the headline, the times, the ratios, when compiling pays off, and whether the run can be trusted."""
    from bench.analysis import sentences
    from bench.analysis.speed import group_cells
    from bench.report import screen, tables

    groups = group_cells(run)
    if not groups:
        say(out, "The run has no cells.", "bold")
        return
    group = groups[0]
    cells = group.ranked + group.others
    say(out, sentences.headline_sentence(group), "bold")
    out.print(Text(f"\n{screen.title(group)}", "bold"))
    out.print(screen.times_table(cells, out.width))
    if len({cell.backend for cell in cells}) > 1:
        out.print(Text(f"\n{screen.RATIOS}", "bold"))
        out.print(screen.ratios_table(cells, out.width))
    out.print()
    for sentence in (sentences.compiling(group), sentences.limit(group)):
        if sentence:
            say(out, sentence)
    for other in groups[1 : MAX_GROUPS + 1]:
        say(out, sentences.headline_sentence(other))
    if len(groups) > MAX_GROUPS + 1:
        say(
            out,
            f"{text.number_of(len(groups) - MAX_GROUPS - 1, 'combination')} of dtype and threads are left out; see -v.",
        )
    if tables.lacks_intervals(cells):
        say(out, tables.NO_INTERVAL_NOTE)
    say(out, tables.trust(run), "" if run.stable else "bold yellow")
    if wrong := tables.wrong_backends(run):
        say(out, f"Wrong: {text.listed(wrong)}. `gdbench check FILE` names the mistake.", "bold red")
    if doubts := screen.doubts(run):
        say(out, doubts)


def print_comparison(comparison: "Comparison", page: Path | None) -> None:
    """Print a comparison, and the path of its page."""
    from bench.report.comparison_view import report_of

    out = console()
    write(report_of(comparison), out)
    if page is not None:
        out.print()
        _print_page(page, out)


def _print_page(page: Path, out: Console) -> None:
    if page.exists():
        out.print(Text(f"report: {text.clean(str(page))}"))


STYLES = {"note": "dim", "strong": "yellow"}


def write(report: "Report", out: Console) -> None:
    """Print a report. Nothing is wider than 80 columns unless the console is."""
    from bench.report.blocks import Text as Paragraph

    say(out, report.headline, "bold")
    for fact in report.facts:
        say(out, f"- {fact}")
    say(out, report.status, "bold yellow" if report.doubtful else "")
    for chapter in report.chapters:
        if blocks := [block for block in chapter.all_blocks if "terminal" in block.media]:
            for number, block in enumerate(blocks):
                if number == 0 or (isinstance(block, Paragraph) and block.style == "heading"):
                    out.print()
                _print_block(block, out)


def _print_block(block: "Block", out: Console) -> None:
    from bench.report.blocks import Entries, Gaps, Items
    from bench.report.blocks import Text as Paragraph

    match block:
        case Paragraph():
            say(out, block.words, STYLES.get(block.style, ""))
        case Entries():
            out.print(rich_table(block.table, block.marks))
        case Items():
            for item in block.items:
                say(out, ": ".join(filter(None, (block.label, *item))))
        case Gaps():
            for gap in block.gaps:
                detail = f": {text.clean(gap.detail, 300)}" if gap.detail else ""
                say(out, f"Gap: {gap.where}: {gap.kind}{detail}")


def say(out: Console, words: str, style: str = "") -> None:
    """Print a sentence, wrapped at the width of the console."""
    # Rich breaks a line at the no-break spaces of 1 000 000, so the wrapping is done here.
    out.print(Text(textwrap.fill(words, out.width), style=style), soft_wrap=True)


class CheckProgress:
    """On a terminal, the current check."""

    def __init__(self, quiet: bool = False):
        out = console(stderr=True)
        self._live = None if quiet or not out.is_terminal else out.status("checking")

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, backend: str, check: str) -> None:
        if self._live:
            self._live.update(Text(f"{backend}: {check}"))


class RunProgress:
    """On a terminal, a table of the times so far above a bar with the time left; elsewhere a line per block."""

    def __init__(self) -> None:
        self._console = console(stderr=True)
        self._block = 0
        self._live: Live | None = None
        if self._console.is_terminal:
            from bench.report import screen

            self._screen = screen
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task("starting", total=None, left="")
            self._live = Live(self._bar, console=self._console, transient=True)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, progress: "RunState") -> None:
        remaining = "" if progress.left_s is None else f"about {progress.left_s:.0f} s left"
        block = f"block {progress.block} of {progress.blocks}" if progress.block else ""
        if self._live:
            self._bar.update(
                self._task,
                description=f"{block}: {progress.what}" if block else progress.what,
                total=progress.total or None,
                completed=progress.done,
                left=remaining,
            )
            cells = progress.cells()
            table = self._screen.times_table(cells, self._console.width) if cells else Text()
            self._live.update(Group(table, Text(), self._bar))
        elif progress.block > self._block:
            self._block = progress.block
            self._console.print(Text(", ".join(filter(None, (block, remaining)))))
