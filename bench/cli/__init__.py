"""The command line: parse the arguments, call one package, print the result, return the exit code.

A command is a function of a module here; its parameters are the options, and its docstring is the help. Imports are
inside the functions so that `--help` and `list` answer at once and load no array library.
"""

import difflib
import io
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from bench import __version__
from bench.cli.check import check, list_, machine
from bench.cli.common import EXIT_CODES, UsageError, print_json
from bench.cli.fit import fit
from bench.cli.learn import learn
from bench.cli.report import compare, report
from bench.cli.run import run
from bench.launch import use_own_packages

# The commands, each with examples for the end of its help.
COMMANDS: dict[Callable[..., int], dict[str, str]] = {
    list_: {
        "gdbench list": "what can be measured here",
        "gdbench list --json": "the same for a script",
    },
    machine: {
        "gdbench machine": "processor, caches, peaks",
        "gdbench machine --json > machine.json": "the same in a file",
    },
    check: {
        "gdbench check": "all available backends",
        "gdbench check numba_jit jax_jit": "two of them",
        "gdbench check my_backend.py": "your own file",
    },
    run: {
        "gdbench run --quick": "all backends, in a minute",
        "gdbench run -b my_backend.py --size 5000x20": "your file and NumPy",
        "gdbench run --full --save-baseline main": "for gdbench compare main",
    },
    report: {
        "gdbench report --open": "the latest run, in the browser",
        "gdbench report main -v": "the run that is saved as main, all tables",
        "gdbench report page.html": "the run in a page, into a new folder",
    },
    compare: {
        "gdbench compare main": "main and the latest run",
        "gdbench compare old new": "the runs in two folders",
        "gdbench compare main --html changes.html": "also as a page",
    },
    fit: {
        "gdbench fit penguins --target body_mass_g": "a model of built-in data",
        "gdbench fit my.csv --target y --save model.json": "of your file",
        "gdbench fit --model model.json --predict new.csv": "its predictions",
    },
    learn: {
        "gdbench learn": "the chapters and your progress",
        "gdbench learn 1": "the first chapter",
        "gdbench learn 1 --check exercise.py": "your solution of its exercise",
    },
}  # fmt: skip


def _end_of_help(examples: dict[str, str]) -> str:
    """Examples, with what each does, and the exit codes. No line is longer than 80 characters."""
    width = max(map(len, examples))
    lines = [f"  {command:{width}}  {words}" for command, words in examples.items()]
    codes = ", ".join(f"{code}\xa0{meaning}" for code, meaning in EXIT_CODES.items())
    codes = textwrap.fill(f"Exit codes: {codes}. Where several apply, the first of 130, 1, 3, 5, 6, 4 wins.", 80)
    return "\n".join(["Examples:", *lines, "", codes.replace("\xa0", " ")])


app = App(
    name="gdbench",
    help="Measure, cross-check and explain gradient descent for linear regression in many Python array systems.",
    version=__version__,
    help_epilogue=_end_of_help(
        {
            "gdbench run --quick": "measure all backends, in about a minute",
            "gdbench run --help": "the options of a command, and examples",
        }
    ),
    help_format="plaintext",
    default_parameter=Parameter(negative=""),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.register_install_completion_command()
for command, examples in COMMANDS.items():
    app.command(command, help_epilogue=_end_of_help(examples))


@app.default
def greet(*words: Annotated[str, Parameter(show=False)]) -> int:
    """Measure, cross-check and explain gradient descent for linear regression in many Python array systems."""
    from bench.report.terminal import print_greeting

    if words:
        commands = [name for name in app if not name.startswith("-")]
        close = difflib.get_close_matches(words[0], commands, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise UsageError(f"command: found {words[0]!r}{hint}; allowed: {', '.join(commands)}")
    print_greeting()
    return 0


def main() -> None:
    """Run a command and exit with its code: called by `bench.launch`."""
    use_own_packages()
    _open_closed_streams()
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
    except UnusedCliTokensError as error:
        word = (error.unused_tokens or [""])[0]
        code = _fail(f"found {word!r} without an option that takes it; allowed: what --help lists", 2, as_json)
    except CycloptsError as error:
        code = _fail(str(error), 2, as_json)
    except UsageError as error:
        code = _fail(str(error), error.exit_code, as_json)
    except UnreadableRun as error:
        code = _fail(str(error), 6, as_json)
    except OSError as error:
        code = _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), 2, as_json)
    except KeyboardInterrupt:
        code = _fail("interrupted", 130, as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _open_closed_streams() -> None:
    """Open the null device for each standard stream that is closed, or the next file would get its descriptor."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), "r" if name == "stdin" else "w"))


def _fail(message: str, code: int, as_json: bool) -> int:
    from bench.report.terminal import discard
    from bench.text import clean

    line = clean(message, 1000)  # the message may quote a file or the user
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is sys.stderr:
                print(f"gdbench: {line}", file=stream, flush=True)
            elif as_json:
                print_json({"error": line, "exit_code": code})
        except OSError:  # a full disk or a closed pipe does not change the exit code
            discard(stream)
    return code
