"""The command line: parse the arguments, call one package, print the result, return the exit code.

A verb is a function of a module here; its parameters are the options, and its docstring is the help. Imports stand
inside the verbs so that `--help` and `list` answer at once and load no array library.
"""

import difflib
import io
import signal
import sys
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from bench import __version__
from bench.cli.check import check, list_, machine
from bench.cli.common import UsageError, print_json
from bench.cli.learn import learn
from bench.cli.report import compare, report
from bench.cli.run import run

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
for verb in (list_, machine, check, run, report, compare, learn):
    app.command(verb)


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


def _fail(message: str, code: int, as_json: bool) -> int:
    from bench.text import clean

    line = clean(message, 1000)  # the message may quote a file or the user
    if as_json:
        print_json({"error": line, "exit_code": code})
    print(f"gdbench: {line}", file=sys.stderr)
    return code
