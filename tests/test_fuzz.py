"""Random input for the command line and for solve() gives a result, or one sentence that names the bad value."""

import contextlib
import functools
import io
import json
import math
import operator
import re
import shutil
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
from helpers import sample_run
from helpers.effort import examples
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

import backends
from backends import solve
from bench import cli
from bench.check.messages import BackendReport, CheckReport
from bench.measure.children import RunError
from bench.runtime import machine

SETTINGS = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
OLD, NEW = (sample_run.run([sample_run.cell("numba_jit", 100, seconds, blocks=10)]) for seconds in (1e-6, 2e-6))
BACKEND = Path(backends.__file__).with_name("numpy_vectorized.py").read_bytes()
FILES = {
    "old/run.json": msgspec.json.encode(OLD), "new/run.json": msgspec.json.encode(NEW), "broken/run.json": b"{",
    "none/x": b"", "dir.py/x": b"", "one/mine.py": BACKEND, "two/mine.py": BACKEND, "numpy_vectorized.py": BACKEND,
    "good.csv": b"a,b\n1,2\n2,3\n4,4\n", "bad.csv": b"a,b\n1,x\n", "binary.csv": b"\xff\x00,", "empty.csv": b"",
}  # fmt: skip
TREE = FILES | {str(Path(name).parent): None for name in FILES if "/" in name}
PEAKS = [{"threads": 1, "gflop_per_s": {"float64": 1.0}, "read": [{"bytes": 1, "fits_in": "L1", "gb_per_s": 1.0}]}]
described = functools.cache(machine.describe)
FOLDER = tempfile.TemporaryDirectory()


def tree():
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


def run_main(words, execute=None, check=None):
    """main() without child processes. A stub of None cannot be called. Return exit code, outputs, whether no file was written."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.chdir(FOLDER.name), pytest.MonkeyPatch.context() as patch:
        if tree() != TREE:  # the previous example wrote files
            for path in Path().iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for name, text in FILES.items():
                Path(name).parent.mkdir(exist_ok=True)
                Path(name).write_bytes(text)
        for target, stub in {
            "sys.stdout": out, "sys.stderr": err, "sys.argv": ["gdbench", *words], "signal.signal": lambda *_: None,
            "subprocess.Popen": None, "bench.runtime.process.run": None, "webbrowser.open": lambda page: True,
            "bench.runtime.machine.describe": described, "bench.runtime.machine.commit": lambda: None,
            "bench.runtime.machine.peaks": lambda: PEAKS, "bench.check.check": check,
            "bench.measure.runner.execute": execute, "bench.report.write": lambda run, folder: folder / "report.html",
            "backends._registry._entry_points": dict,  # a slow search of all installed packages
        }.items():  # fmt: skip
            patch.setattr(target, stub)
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
        texts = [stream.flush() or stream.buffer.getvalue().decode() for stream in (out, err)]
        return exit_info.value.code, *texts, tree() == TREE


NONE, ANY, LONG = "(?!)", r"(?s)[^\0]*", "9" * 5000
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=8).filter(lambda t: t[:1] != "-")
ODD = st.sampled_from([
    "", " ", "0", "-1", "-0", "nan", "inf", "-inf", "1e999", "1.e999", "1.5", "0x", "٣", "１", "²", "true",
    "none", "null", "1__0", "a\0b", "\x1b[31mred", "a\nb", "\r", "\u202ex", "\u2028", "\udc80", "9" * 400, LONG,
])  # fmt: skip
# Verb, option, words before it, bad values in addition to PLAIN and ODD, pattern of the good values among those.
VALUES = [
    ("run", "--size", [], ["10", "0x3", "3x0", "-3x3", "1e3x2", "٣x٣", "9x" + "9" * 20], "[0-9_]+[x×][0-9_]+"),
    ("run", "--dtype", [], ["float16", "f8", "Float64", "longdouble", "float64 "], "float(32|64)"),
    ("run", "--threads", [], ["9999", "1.0", "ALL", "1 ", "0x1"], "all|0*[1-9][0-9]?"),
    ("run", "--time-budget", [], ["-5s", "0s", "5d", "1e3s", "9999999h", "1.s"], r"\s*[0-9.]+\s*(s|m|min|h|)\s*"),
    ("run", "--max-iter", [], ["-5", "2.5", str(2**31), "1e3", "0x0"], "0*[1-9][0-9]{0,8}"),
    ("run", "--seed", [], ["-5", "2.5", "1e3", "1.0e1"], r"\s*[+]?[0-9_]{1,999}\s*|-0"),
    ("run", "--save-baseline", [], ["../x", "a/b", ".x", "-x", "x" * 101, "ä"], "[A-Za-z0-9_][A-Za-z0-9._-]*"),
    ("run", "--backend", [], ["nubma_jit", "none.py", "dir.py", "good.csv", "old", "numpy_vectorized.py", "."], NONE),
    ("run", "--data", ["--target", "b"], ["old", "bad.csv", "binary.csv", "empty.csv", "none.csv", "penguins"], NONE),
    ("run", "--data", [], ["good.csv", "none.csv", "old"], "penguins|penguins_flipper"),
    ("run", "--target", ["--data", "good.csv"], ["A", "c", "a "], "a|b"),
    ("run", "--target", [], ["a"], NONE),
    ("run", "--out", [], ["old", "good.csv", "good.csv/x", "n" * 300], ANY),
    ("run", "--resume", [], ["none", "good.csv", "nowhere", "old/run.json"], NONE),
    ("compare", "--across", ["old", "new"], ["cpus", "Versions", "cpu,versions"], "cpu|versions"),
    ("compare", "--html", ["old", "new"], ["old", "nowhere/x.html", "good.csv/x.html", "n" * 300], ANY),
    ("check", "", [], ["nubma_jit", "none.py", "dir.py", "good.csv", "."], NONE),
    ("report", "", [], ["none", "broken", "good.csv", "nowhere", "old/x", "broken/run.json"], NONE),
    ("compare", "", ["old"], ["none", "broken", "good.csv", "nowhere"], NONE),
]  # fmt: skip
WHOLE = [["list"], ["machine"], ["check"], ["run"], ["report", "old"], ["compare", "old", "new"]]
FLAGS = ["--quick", "--full", "--strict", "--force", "--no-report", "--open", "--json"]
EXTRA = ["--nonsense", "--no-json", "--Json", "--\x1b[1m", "--a\nb", "--json=maybe", "--json=", "--json=\a", "stray\a"]
OTHERS = [
    *(([verb, *words, name, *x], [name]) for verb, name, words, *_ in VALUES if name for x in ([], ["0", name, "0"])),
    *(([*words, extra], [extra, extra.partition("=")[0]]) for words in WHOLE for extra in EXTRA),
    *((["run", flag, flag], [flag]) for flag in FLAGS), (["run", "--full", "--quick"], ["--quick"]),
    *(([*words, "one/mine.py", "two/mine.py"], ["mine"]) for words in (["run", "-b"], ["check"])),
]  # fmt: skip


@st.composite
def bad_commands(draw):
    """(words, names of which the message must contain one) with exactly one error."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(OTHERS))
    verb, name, words, more, good = draw(st.sampled_from(VALUES))
    value = draw(st.sampled_from(more) | (ODD | PLAIN).filter(lambda word: not re.fullmatch(good, word)))
    ways = [[name, value], [f"{name}={value}"]] if name[:1] == "-" else [[value]]
    return [verb, *words, *draw(st.sampled_from(ways))], [name, value]


@settings(max_examples=examples(400), **SETTINGS)
@given(line=bad_commands(), as_json=st.booleans())
@example(line=(["run", "--seed", "1.e999"], ["--seed"]), as_json=False)  # was a traceback
@example(line=(["run", "--max-iter", "none"], ["--max-iter"]), as_json=False)  # was the default
@example(line=(["run", "--max-iter", "1.5"], ["--max-iter"]), as_json=True)  # was 2
@example(line=(["run", "--full", "--quick"], ["--quick"]), as_json=False)
@example(line=(["run", "--threads", LONG], ["--threads"]), as_json=True)
@example(line=(["compare", "old", "new", "--html", "a\0b"], ["a\0b"]), as_json=False)
@example(line=(["report", "\x1b[31mx"], ["x"]), as_json=False)
def test_one_bad_word_gives_one_line(line, as_json):
    """The line names the word, the exit code is 2 (6 if it is no run), --json gives a document, and no file is written."""
    words = line[0][:1] + ["--json"] * as_json + line[0][1:]
    code, out, err, untouched = run_main(words)
    assert code == 2 or (code == 6 and (words[0] in ("report", "compare") or "--resume" in "".join(words)))
    assert re.fullmatch(r"gdbench: .+\n", err) and err[:-1].isprintable(), repr(err)
    assert untouched
    assert (json.loads(out) == {"error": err[9:-1], "exit_code": code}) if "--json" in words else out == ""
    # The letters and digits of a name are there, however it is quoted, escaped or cleaned.
    message, *names = ("".join(filter(str.isalnum, text)) for text in (err, *line[1], *map(repr, line[1])))
    assert any(name[:100] in message for name in names if name) or not any(names[: len(line[1])]), (line[1], err)


WORDS = ODD | PLAIN | st.sampled_from([
    *(verb for verb, *_ in WHOLE * 2), *FLAGS, *(word for _, name, _, a, _ in VALUES for word in (name, *a)), "-b",
    "-", "--", "old", "new", "penguins", "good.csv", "b", "100x3", "float32", "1", "5s", "fresh", "main", "one/mine.py",
    "cpu", "numpy_vectorized", "--help", "--version", "--json=true", "--json=false", "page.html",
])  # fmt: skip
COMMANDS = [
    [], *WHOLE, ["check", "python_loops"], ["compare", "old", "old", "--html", "page.html"], ["run", "--quick"],
    ["run", "--size", "100x3", "--out", "fresh"], ["run", "--data", "good.csv", "--target", "b"],
    ["run", "--strict", "--save-baseline", "main"], ["run", "--save-baseline", "main", "--force"], ["report"],
    ["compare", "old"],
]  # fmt: skip
ENDINGS = [
    "ok", "wrong", "failed", "crashed", "interrupted", "unavailable", "skipped", "unstable", KeyboardInterrupt(),
    OSError(28, "No space left on device", "x\x1b"), RunError("no\ndata"),
]  # fmt: skip


@st.composite
def random_commands(draw):
    """A command with words inserted and removed, which may be no valid command."""
    words = list(draw(st.sampled_from(COMMANDS)))
    for word in draw(st.lists(WORDS, max_size=draw(st.sampled_from([0, 1, 1, 2, 5])))):
        words.insert(draw(st.integers(0, len(words))), word)
    if words and draw(st.integers(0, 9)) == 0:
        del words[draw(st.integers(0, len(words) - 1))]
    return words + ["--json"] * draw(st.booleans())


@settings(max_examples=examples(400), **SETTINGS)
@given(words=random_commands(), how=st.sampled_from(ENDINGS))
def test_any_words_give_an_exit_code(words, how):
    """No traceback, one of the eight exit codes, one line for an error, one JSON document with --json."""

    def execute(*_):
        if isinstance(how, BaseException):
            raise how
        cell = sample_run.cell("numba_jit", 100, 1e-6, status=how if how != "unstable" else "ok")
        return sample_run.run([cell], stable=how != "unstable")

    status = how if how in ("wrong", "failed") else "ok"
    passed = status == "ok"
    report = BackendReport("x", passed, status, [])
    code, out, err, _ = run_main(words, execute, lambda *_: CheckReport(passed, [report]))
    event(f"exit code {code}")
    assert type(code) is int and code in {0, 1, 2, 3, 4, 5, 6, 130}
    assert all(line.isprintable() for line in err.split("\n")), repr(err)
    *notes, message = err.splitlines() or [""]
    assert re.match("gdbench: .", message) if code == 2 else "gdbench: " not in message or code in (6, 130)
    assert not notes or notes[0].startswith("note: ")  # a note can have several lines
    if "--json" in words and (code or not {"--help", "-h", "--version"} & set(words)):
        document = json.loads(out)
        assert code != 2 or document == {"error": message.removeprefix("gdbench: "), "exit_code": 2}
    else:
        assert code != 2 or out == ""


class ArrayLike:
    """An object with __array__, as pandas has. An exception is raised instead."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.array, Exception):
            raise self.array
        return np.array(self.array, dtype)


HUGE = 10**400  # beyond every float; 10**5000 has more digits than Python converts
INVALID_NUMBERS = [
    "0.1", b"1", True, np.True_, 1j, [1], np.array([1.0]), np.array("a"), Decimal(1), Decimal("NaN"), np.ma.masked, -1,
    np.timedelta64(1, "s"), np.timedelta64("NaT", "s"), np.datetime64("2020"), ArrayLike(1), math.nan, -HUGE,
    -math.inf, -(10**5000), Fraction(-1, 3), np.float16(-1), np.array(-1), np.longdouble("nan"),
]  # fmt: skip
INVALID_INTEGERS = [*INVALID_NUMBERS, 1.0, np.float64(1), Fraction(1), np.array(1.0), np.array([[1]]), "1"]


def invalid_arrays(*shape):
    """Values that are no finite numeric array with the dimensions of this shape."""
    hole = np.ones(shape)
    hole[(-1,) * len(shape)] = math.inf
    fills = None, 1j, "a", b"a", math.nan, np.longdouble(1), Decimal("NaN"), 10**400
    return [
        object(), b"abc", "abc", {1, 2}, {1: 2}, iter([]), np.float64(1), [], [[]], [1, [2]], [[[1.0]]], [None], hole,
        *(np.full(shape, fill) for fill in fills), *(np.zeros(shape, kind) for kind in ("M8[s]", "m8", "f8,f8", "V3")),
        np.ma.masked, np.ma.masked_all(shape), np.zeros((0, *shape[1:])), np.zeros((*shape, 1)), memoryview(b"a"),
        ArrayLike(hole), ArrayLike(np.array(1.0)), ArrayLike(hole.astype(">f2")), ArrayLike(RuntimeError("no gradient")),
    ]  # fmt: skip


WRONG = {
    "X": [None, *invalid_arrays(3, 2), np.full((3, 2), 1e200), np.full((3, 2), 5e-324)],
    "y": [None, *invalid_arrays(3), np.ones(2)],
    "beta0": [*invalid_arrays(2), "", "Random", "x" * 9999, np.ones(3)],
    "learning_rate": [
        *INVALID_NUMBERS,
        0,
        -0.0,
        math.inf,
        HUGE,
        10**5000,
        np.longdouble("1e4000"),
        Fraction(1, 10**5000),
    ],
    "tol": [None, *INVALID_NUMBERS, -5e-324],
    "max_iter": [None, *INVALID_INTEGERS, 2**31, 10**5000, np.int64(-1), np.uint64(2**63)],
    "seed": [None, *INVALID_INTEGERS],
    "log_every": [*INVALID_INTEGERS, 0, np.int8(0)],
    "backend": [None, 3, b"numpy", "", "numpy", "none.py", "a\0.py", ".", Path(), ArrayLike(1), ["python_loops"]],
    "X_new": [None, *invalid_arrays(4, 2), np.ones((4, 3))],
}
BASIC = {"y": np.ones(3), "backend": "numpy_vectorized", "beta0": "random", "max_iter": 9, "tol": 0}


@settings(max_examples=examples(500), **SETTINGS)
@given(st.sampled_from([(name, index) for name, values in WRONG.items() for index in range(len(values))]))
def test_one_bad_argument_is_named(which):
    """TypeError or ValueError begins with the argument, the value found and the values allowed."""
    name, value = which[0], WRONG[which[0]][which[1]]
    arguments = BASIC | {"X": np.eye(3)[:, :2]}
    call = solve(**arguments).predict if name == "X_new" else lambda value: solve(**arguments | {name: value})
    with pytest.raises(
        (TypeError, ValueError), match=rf"^{name}: found .*; allowed( with backend \w+)?: "
    ) as error_info:
        call(value)
    assert len(str(error_info.value)) < 400


def memory_mapped(array):
    with tempfile.TemporaryFile() as file:
        result = np.memmap(file, array.dtype, "w+", shape=array.shape)
    result[...] = array
    return result


WAYS = [
    np.asarray, np.asfortranarray, np.ma.asarray, np.ndarray.tolist, ArrayLike, memory_mapped, lambda a: a[::-1].copy()[::-1],
    lambda a: np.repeat(a, 2, 0)[::2], lambda a: np.broadcast_to(a, (1, *a.shape))[0],
]  # fmt: skip
TAME = st.sampled_from([0.0, -0.0, 1.0, 0.5, -3.0, 1e-3, 1e4]) | st.floats(-8, 8)
EXTREME = st.sampled_from([1e308, -1e308, 5e-324, 1e-310, 1e154, 1e-160, 3e38, 1e-45]) | st.floats(allow_nan=False)
KINDS = [*[TAME] * 8, TAME | EXTREME, TAME | EXTREME, st.sampled_from([math.nan, math.inf, 1.0])]


@st.composite
def problems(draw):
    def array(*shape):  # in one of several memory layouts or types
        types = st.sampled_from(["f8", "f8", "f8", "f8", "f4", "f4", "f2", "i1", "i8", "u8", "?", ">f8", ">f4", ">i4"])
        dtype, count = np.dtype(draw(types)), math.prod(shape)
        values = draw(st.sampled_from(KINDS)) if dtype.kind == "f" else st.integers(0, 100)
        drawn = draw(st.lists(values, min_size=count, max_size=count))
        with np.errstate(all="ignore"):
            return draw(st.sampled_from(WAYS))(np.array(drawn, "f8").reshape(shape).astype(dtype))

    def one_of(*values):
        return draw(st.sampled_from(values))

    n, d = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    rates = None, None, 0.1, 1, Fraction(1, 3), np.float16(0.5), np.array(0.25), 1e308, 1e308, 5e-324, np.longdouble(2)
    return {
        "X": array(n, d), "y": array(one_of(*[n] * 9, n + 1)), "beta0": one_of(None, "random", array(d)),
        "learning_rate": one_of(*rates), "max_iter": one_of(*range(30), np.int8(3), np.array(4), np.uint64(5)),
        "tol": one_of(0, -0.0, 1e-9, 0.1, 2, 1e308, math.inf, Fraction(1, 7), np.float16(1), HUGE, 5e-324),
        "seed": one_of(0, 10**4000, np.uint8(3)), "log_every": one_of(None, None, 1, 4, 10**4000),
        "backend": one_of("numpy_vectorized", "python_loops"), "standardize": one_of(False, False, True),
    }, array(2, d)  # fmt: skip


def expected_stop(losses, max_iter, tol):
    """The number of updates and the stop reason, by the stop rule of the contract."""
    for k, loss in enumerate(losses):
        small = k >= 1 and abs(losses[k - 1] - loss) < losses.dtype.type(tol) * losses[0]
        if not math.isfinite(loss) or small or k == max_iter:
            return k, "diverged" if not math.isfinite(loss) else "converged" if small else "max_iter"
    return None


@pytest.mark.filterwarnings("ignore::backends.ConvergenceWarning")
@settings(max_examples=examples(800), **SETTINGS)
@given(problems())
@example((BASIC | {"X": np.eye(3), "y": np.full(3, 1e10)}, np.full((2, 3), 1e308)))  # predict overflows
def test_any_finite_problem_has_a_consistent_fit(problem):
    """No other warning than that of the convergence, equal bits in a second call, the stop rule holds, and the inputs do not change."""
    arguments, new = problem
    arrays = {name: arguments[name] for name in ("X", "y", "beta0") if not isinstance(arguments[name], str | None)}
    before = {name: np.array(value) for name, value in arrays.items()}
    single = before["X"].dtype.char == before["y"].dtype.char == "f"
    usable = all(np.isfinite(array).all() for array in before.values()) and len(before["X"]) == len(before["y"])
    try:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            fit, again = solve(**arguments), solve(**arguments)
    except (TypeError, ValueError) as error:
        # Finite and invalid: the step or the start overflows, or the backend does not have the dtype.
        messages = "for which 1/L is no", "overflow float", "too large for float32", "allowed with backend python_loops"
        if re.match(r"(X|y|beta0): found .*; allowed", str(error)) and (
            not usable or any(message in str(error) for message in messages)
        ):
            return
        raise
    event(fit.stop_reason)
    assert usable
    assert all(np.array(value).tobytes() == before[name].tobytes() for name, value in arrays.items())
    assert {fit.beta.dtype, fit.losses.dtype} == {np.dtype("f4" if single else "f8")}
    assert (fit.beta.shape, fit.losses.shape) == (before["X"].shape[1:], (fit.n_iter + 1,))
    assert (fit.beta.tobytes(), fit.losses.tobytes()) == (again.beta.tobytes(), again.losses.tobytes())
    tol = math.inf if arguments["tol"] is HUGE else float(arguments["tol"])
    with np.errstate(all="ignore"):
        n_iter, reason = expected_stop(fit.losses, operator.index(arguments["max_iter"]), tol)
        rose = fit.losses[-1] > fit.losses[0] * 1.001 + 1e-6 * np.mean(np.square(before["y"].astype("f8")))
    # A loss that is only slightly higher may be one of rounding errors.
    reasons = {"diverged"} if rose else {reason, "diverged"} if fit.losses[-1] > fit.losses[0] else {reason}
    assert fit.n_iter == n_iter and fit.stop_reason in reasons
    assert fit.near_minimum == (fit.advice == "") and not (fit.near_minimum and fit.stop_reason == "diverged")
    assert 0 <= fit.rank <= min(before["X"].shape) and fit.condition >= 1 and fit.gradient_norm >= 0
    assert fit.stop_reason == "diverged" or arguments.get("standardize") or np.isfinite(fit.beta).all()
    assert (output.getvalue() == "") == (arguments.get("log_every") is None)
    rows = np.array(new).astype("f8")
    if np.isfinite(rows).all():
        with np.errstate(all="ignore"):
            exact, size = sum((rows * fit.beta).T), sum(abs(rows * fit.beta).T)
        predicted, normal = fit.predict(new), size < 1e37
        assert predicted.shape == (2,)
        assert (abs(predicted[normal] - exact[normal]) <= 1e-5 * size[normal] + 1e-37).all()
