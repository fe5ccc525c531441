"""What the commands share: kinds of parameters, the error for bad input, the exit codes, and the output of results."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, Token

if TYPE_CHECKING:
    from bench.data.encoding import Selection
    from bench.plan import Backend
    from bench.records import Run

# The same for every command.
EXIT_CODES = {
    0: "ok", 1: "a backend computes something wrong", 2: "usage or bad input", 3: "a backend failed",
    4: "too unstable for a verdict", 5: "a regression", 6: "runs not comparable or not readable", 130: "interrupted",
}  # fmt: skip


class UsageError(Exception):
    """Bad input. The message is one sentence: what is wrong, what was found, what is allowed."""

    exit_code = 2


class BackendWrong(UsageError):
    """A backend computes something wrong."""

    exit_code = 1


class BackendFailed(UsageError):
    """A backend raised an error, or is not available."""

    exit_code = 3


def _integer(_: type, tokens: Sequence[Token]) -> int:
    """Parse an integer strictly. cyclopts alone rounds 2.5 and reads "none" as a missing value."""
    if not re.fullmatch("[+-]?[0-9]{1,300}", tokens[0].value):
        raise ValueError(f"found {tokens[0].value[:60]!r}; allowed: an integer")
    return int(tokens[0].value)


Integer = Parameter(converter=_integer)
Several = Parameter(consume_multiple=(1, None), negative_iterable=())
Flag = Parameter(negative="", show_default=False)


@Parameter(name="*")
@dataclass(frozen=True)
class DataOptions:
    """How a file of the user is read.

    Parameters
    ----------
    features
        The columns of the file to use, such as a,b,c. Default: all that can be used.
    drop
        Columns of the file to leave out.
    missing
        A further text or number that stands for a missing value, such as '?' or -999. May be given twice.
    keep_text
        Make 0/1 columns of text columns with few different texts.
    no_header
        The file has no line with names. Its columns are named 1, 2, ...
    """

    features: Annotated[list[str] | None, Several] = None
    drop: Annotated[list[str] | None, Several] = None
    missing: Annotated[list[str] | None, Parameter(allow_leading_hyphen=True, negative_iterable=())] = None
    keep_text: Annotated[bool, Flag] = False
    no_header: Annotated[bool, Flag] = False

    def selection(self, target: str) -> "Selection":
        """What the user wants of a file."""
        from bench.data.encoding import Selection

        features, drop, missing = (tuple(names or ()) for names in (self.features, self.drop, self.missing))
        return Selection(target, features, drop, missing, self.keep_text, header=not self.no_header)


def plan_backends(names: list[str]) -> "list[Backend]":
    """Backends by name or path; all of the registry without any. Raises UsageError for two files with one stem."""
    import backends
    from bench.plan import backend_of

    try:
        chosen = [backend_of(name) for name in dict.fromkeys(names or backends.names())]
    except ValueError as error:
        raise UsageError(str(error)) from None
    by_name: dict[str, Backend] = {}
    for backend in chosen:
        other = by_name.setdefault(backend.name, backend)
        if other.source != backend.source:
            raise UsageError(
                f"backend: found two named {backend.name!r} ({other.argument}, {backend.argument});"
                " allowed: different file stems"
            )
    return list(by_name.values())


def open_page(page: Path | None, wanted: bool) -> None:
    """Open a page in the browser if the user wants it."""
    if wanted and page is not None:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def print_run(record: "Run", folder: Path, verbose: bool, document: dict[str, Any] | None) -> None:
    """Print the JSON document, or without one the results of the run."""
    if document is not None:
        print_json(document)
    else:
        from bench.report import terminal

        terminal.print_run(record, folder, verbose)


def print_json(document: Any) -> None:
    """Print a document in ASCII, which every pipe can carry. A closed pipe does not change the exit code."""
    try:
        print(json.dumps(document, indent=1, allow_nan=False), flush=True)
    except BrokenPipeError:
        from bench.report.terminal import discard

        discard(sys.stdout)
