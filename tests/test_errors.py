"""What the error of a backend says: one line with its type, its message and its place in the backend's file."""

import re
import types

import pytest
from helpers.command import unprobed

from backends import BackendError, load
from backends._errors import describe_error, full_traceback
from bench.check import checks
from bench.check.child import check_backend, run_check
from bench.records import load_run

TEXT = '''"""One line."""
def helper(): return 1 // 0
class Silent(Exception):
    def __str__(self): raise SystemExit
def prepare(X, y, beta): return X, y, beta
def to_numpy(array): return array
def fit(X, *arguments):
    {body}
'''
BODIES = {  # name -> the body of fit from line 8 on, and the description of its error
    "no_message": ("assert X is None", "AssertionError: assert X is None (mine.py, line 8)"),
    "message": ("raise ValueError('no\\n  such  thing')", "ValueError: no such thing (mine.py, line 8)"),
    "exit": ("raise SystemExit", "SystemExit: raise SystemExit (mine.py, line 8)"),
    "in_a_function": ("helper()", "ZeroDivisionError: integer division or modulo by zero (mine.py, line 2)"),
    "in_a_library": ("import decimal\n    decimal.Decimal('x' * 2)", "InvalidOperation: [<class 'decimal.ConversionSyntax'>] (mine.py, line 9)"),
    "in_another_file": ("from statistics import mean\n    mean([])", "StatisticsError: mean requires at least one data point (mine.py, line 9)"),
    "chained": ("try: helper()\n    except ArithmeticError as error: raise KeyError('k') from error", "KeyError: 'k' (mine.py, line 9)"),
    "caused_by_itself": ("error = OSError('x')\n    raise error from error", "OSError: x (mine.py, line 9)"),
    "exec": ("exec('assert False')", "AssertionError: exec('assert False') (mine.py, line 8)"),
    "syntax_of_exec": ("exec('1 +')", "SyntaxError: invalid syntax (<string>, line 1) (mine.py, line 8)"),
    "str_raises": ("raise Silent", "Silent: raise Silent (mine.py, line 8)"),
    "surrogate": ("raise ValueError('\\udcff')", "ValueError: ? (mine.py, line 8)"),
    "thread": ("from concurrent.futures import ThreadPoolExecutor\n    ThreadPoolExecutor().submit(helper).result()", "ZeroDivisionError: integer division or modulo by zero (mine.py, line 2)"),
    "no_traceback": ("raise ValueError('x').with_traceback(None)", "ValueError: x (mine.py, line 8)"),
}  # fmt: skip


@pytest.fixture
def backend(tmp_path):
    """Load a backend whose fit has this body: backend("return None")."""

    def backend(body):
        path = tmp_path / "mine.py"
        path.write_text(TEXT.format(body=body))
        return load(path)

    return backend


def error_of(module, *arguments):
    """The error that a call of fit raises."""
    try:
        module.fit(*arguments)
    except BaseException as error:
        return error
    raise AssertionError("no error was raised")


@pytest.mark.parametrize("name", BODIES)
def test_line_has_type_message_and_place(backend, name):
    """Without a message, it has the source line. The place is the innermost frame in the backend's own file."""
    body, line = BODIES[name]
    module = backend(body)
    assert describe_error(error_of(module, 1), module.__file__) == line


def test_error_without_a_frame_of_the_file(backend, tmp_path):
    """An error of the call itself has no place. An error of another file has a place in that file."""
    module = backend("pass")
    module.fit = lambda: None
    detail = run_check(checks.returns_the_right_form, module, "float64", "form")[0].detail
    assert re.fullmatch(r"raised TypeError: \S+ takes 0 positional arguments but 6 were given", detail)
    other = tmp_path / "other.py"
    other.write_text("def fit(X):\n    assert X is None\n")
    scope = {}
    exec(compile(other.read_text(), str(other), "exec"), scope)
    error = error_of(types.SimpleNamespace(fit=scope["fit"]), 1)
    assert describe_error(error, module.__file__) == "AssertionError: assert X is None (other.py, line 2)"
    assert describe_error(error, None) == "AssertionError: assert X is None (other.py, line 2)"


def test_long_message_keeps_its_ends_and_its_place(backend):
    """The line and the traceback have a bounded length."""
    module = backend("raise ValueError('first' + 'x' * 1_000_000 + 'last')")
    error = error_of(module, 1)
    line = describe_error(error, module.__file__)
    assert len(line) < 3000
    assert line.startswith("ValueError: firstxx") and line.endswith("xxlast (mine.py, line 8)")
    whole = full_traceback(error)
    assert len(whole) < 300_000
    assert "line 8, in fit" in whole and whole.endswith("xxlast\n")


@pytest.mark.parametrize("name", ["str_raises", "caused_by_itself", "surrogate"])
def test_traceback_can_be_written(backend, name):
    """The traceback of any error can be encoded and has the file and the function."""
    whole = full_traceback(error_of(backend(BODIES[name][0]), 1))
    assert "mine.py" in whole and "in fit" in whole
    whole.encode()


IMPORTS = {  # name -> the text of a file, and the description of the error of its import
    "message": ("import math\nraise ValueError('no')", "ValueError at import: no (broken.py, line 2)"),
    "no_message": ("\nassert not fit", "NameError at import: name 'fit' is not defined (broken.py, line 2)"),
    "exit": ("raise SystemExit", "SystemExit at import: raise SystemExit (broken.py, line 1)"),
    "syntax": ("\n\ndef prepare(:", "SyntaxError at import: invalid syntax (broken.py, line 3)"),
    "indentation": ("if 1:\npass", "IndentationError at import: expected an indented block after 'if' statement on line 1 (broken.py, line 2)"),
    "name": ("import math\nfrom numpy import nothing", "cannot import name 'nothing' from 'numpy'"),
    "cause": ("error = OSError('x')\nraise error from error", "OSError at import: x (broken.py, line 2)"),
}  # fmt: skip


@pytest.mark.parametrize("name", IMPORTS)
def test_error_of_an_import_has_its_place(tmp_path, name):
    """The place is the line of the file, also for a syntax error."""
    text, line = IMPORTS[name]
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(BackendError) as caught:
        load(path)
    assert line in str(caught.value)
    assert str(caught.value).startswith("backend broken: ")
    assert str(caught.value).count("(broken.py, line ") == 1
    assert str(tmp_path) not in str(caught.value)


def test_check_names_the_line_that_raised(backend):
    """KeyboardInterrupt and AssertionError both have their place."""
    for body in ("raise KeyboardInterrupt", "assert X is None"):
        result, wrong = run_check(checks.returns_the_right_form, backend(body), "float64", "form")
        assert (result.passed, wrong) == (False, False)
        assert result.detail.endswith(f": {body} (mine.py, line 8)")


def test_check_names_the_line_that_interrupted_the_import(tmp_path):
    """KeyboardInterrupt comes from the file, because a child has no terminal."""
    path = tmp_path / "interrupts.py"
    path.write_text("import math\nraise KeyboardInterrupt\n")
    ends = []
    check_backend(str(path), None, ends.append)
    (end,) = ends
    assert end.status == "failed"
    assert end.detail == "KeyboardInterrupt at import: raise KeyboardInterrupt (interrupts.py, line 2)"


@pytest.mark.slow
def test_run_names_the_line_that_raised(tmp_path, backend_file):
    """run.json has one line without folders; raw/*.txt has the whole traceback, with its causes."""
    text = "    n = len(X)\n"
    deep = backend_file(
        "deep",
        text,
        f"{text}    try: {{}}[n]\n    except KeyError as error: raise ValueError(__file__ + 'x' * 9000) from error\n",
    )
    silent = backend_file("silent", text, f"{text}    assert X is None\n")
    at_import = backend_file("at_import", text="import math\nassert not math\n")
    size = ["--quick", "--no-report", "--size", "60x3", "50x3"]
    code, _, err = unprobed("run", *size, "-b", deep.name, silent.name, at_import.name, "--out", "run", cwd=tmp_path)
    assert code == 3, err
    cells = {cell.backend: cell for cell in load_run(tmp_path / "run").cells}
    assert {cells[name].status for name in ("deep", "silent", "at_import")} == {"failed"}
    line = backend_file("silent").read_text().splitlines().index("    n = len(X)") + 2
    assert cells["silent"].detail == f"AssertionError: assert X is None (silent.py, line {line})"
    assert (
        cells["at_import"].detail
        == "backend at_import: AssertionError at import: assert not math (at_import.py, line 2)"
    )
    assert re.fullmatch(rf"ValueError: deep\.pyx+…x+ \(deep\.py, line {line + 1}\)", cells["deep"].detail)
    assert len(cells["deep"].detail) == 500
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()
    raw = {
        name: (tmp_path / "run" / "raw" / f"block00-1t-{name}.txt").read_text()
        for name in ("deep", "silent", "at_import")
    }
    assert f'silent.py", line {line}, in fit' in raw["silent"]
    assert "KeyError: 60" in raw["deep"] and "KeyError: 50" in raw["deep"] and "direct cause" in raw["deep"]
    assert raw["at_import"].count("Traceback") == 2  # of the import and of its BackendError, once for both cells
    assert raw["at_import"].startswith("at_import-synthetic-") and ", at_import-synthetic-" in raw["at_import"]
