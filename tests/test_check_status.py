"""The verdict on a backend: from the checks in a child process to the exit code."""

import json
import math
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from backends._registry import Description
from bench import check as cross_check
from bench.check import CheckReport, check, child, unavailable
from bench.check.answer import Wrong
from bench.check.child import check_backend, run_check
from bench.check.messages import BackendEnds, BackendReport, CheckEnds, CheckResult, CheckStarts, HintFound
from bench.runtime.process import Outcome

FINE = Outcome(0, False, "", 1.0)
CRASH = Outcome(-6, False, "", 1.0)
PASS, FAIL = (CheckResult("a[float64]", passed, None if passed else "off", None, 0.5, 1.0) for passed in (True, False))


@pytest.fixture
def child_runs(monkeypatch):
    """Play the children of `check`: child_runs(threads, [(messages, outcome), ...]). Returns the calls of process.run."""

    def child_runs(threads, children):
        calls: list[dict[str, Any]] = []

        def run(arguments, *, on_message, **options):
            calls.append({"arguments": arguments} | options)
            messages, outcome = children[len(calls) - 1]
            assert all(on_message(msgspec.to_builtins(message)) == {} for message in messages)
            return outcome

        monkeypatch.setattr(cross_check.process, "run", run)
        monkeypatch.setattr(cross_check.process, "available_threads", lambda: threads)
        return calls

    return child_runs


def ended(result: CheckResult, wrong: bool = False) -> list[Any]:
    """The messages of a check."""
    return [CheckStarts(result.check), CheckEnds(result, wrong)]


@pytest.mark.parametrize(
    ("messages", "outcome", "status", "details"),
    [
        ([*ended(PASS), BackendEnds("ok")], FINE, "ok", [None]),
        ([*ended(FAIL, True), BackendEnds("failed")], FINE, "wrong", ["off"]),
        ([*ended(FAIL, True), *ended(PASS), BackendEnds("failed")], FINE, "wrong", ["off", None]),
        ([*ended(FAIL), BackendEnds("failed")], FINE, "failed", ["off"]),
        ([*ended(FAIL, True), CheckStarts("b")], CRASH, "wrong", ["off", CRASH.describe()]),
        ([*ended(PASS), CheckStarts("b")], CRASH, "failed", [None, CRASH.describe()]),
        ([], CRASH, "failed", [CRASH.describe()]),
        ([BackendEnds("unavailable", "no numba")], FINE, "unavailable", ["no numba"]),
        ([BackendEnds("failed", "syntax")], FINE, "failed", ["syntax"]),
    ],
)  # fmt: skip
def test_status_of_a_backend(child_runs, tmp_path, messages, outcome, status, details):
    """A wrong answer outweighs a crash. A child that dies fails in the check that runs, or while the file loads."""
    child_runs(1, [(messages, outcome)])
    started: list[tuple[str, str]] = []
    (report,) = check(["/some/mine.py"], tmp_path, lambda *names: started.append(names)).backends
    assert (report.backend, report.status, report.passed) == ("mine", status, status == "ok")
    assert [result.detail for result in report.checks] == details
    starts = [message.check for message in messages if isinstance(message, CheckStarts)]
    assert started == [("mine", name) for name in starts]
    if outcome is CRASH or not starts:
        last = report.checks[-1]
        assert (last.check, last.passed) == (starts[-1] if starts else "loads", False)


def test_hint_belongs_to_the_last_result(child_runs, tmp_path):
    """It comes after the result."""
    messages = [*ended(PASS), *ended(PASS), *ended(FAIL, True), HintFound("sign"), BackendEnds("failed")]
    child_runs(1, [(messages, FINE)])
    (report,) = check(["a.backend"], tmp_path).backends
    assert report.backend == "a.backend"  # the name of an entry point may have a point
    assert [result.hint for result in report.checks] == [None, None, "sign"]


@pytest.mark.parametrize(("available", "fewer"), [(1, []), (2, [1]), (3, [1, 2]), (4, [1, 2]), (9, [1, 2, 4, 8])])
def test_checks_run_again_with_powers_of_two_threads(child_runs, tmp_path, available, fewer):
    """All checks with all threads, then those of sums with each smaller power of two; each child has a deadline."""
    calls = child_runs(available, [([*ended(PASS), BackendEnds("ok")], FINE)] * 5)
    started = set()
    (report,) = check(["numba_jit"], tmp_path, lambda name, _: started.add(name)).backends
    assert started == {"numba_jit"}
    assert len(report.checks) == len(calls) == 1 + len(fewer)
    assert [call["threads"] for call in calls] == [available, *fewer]
    module = ["-m", "bench.check.child", "numba_jit"]
    assert [call["arguments"] for call in calls] == [module, *([*module, str(threads)] for threads in fewer)]
    assert all((call["deadline_s"], call["folder"]) == (cross_check.DEADLINE_S, tmp_path) for call in calls)


@pytest.mark.parametrize(("wrong", "status"), [(True, "wrong"), (False, "failed")])
def test_failure_ends_the_checks_with_fewer_threads(child_runs, tmp_path, wrong, status):
    """The failure with one thread is the verdict. Two threads are not tried."""
    right = ([*ended(PASS), BackendEnds("ok")], FINE)
    calls = child_runs(4, [right, ([*ended(FAIL, wrong), BackendEnds("failed")], FINE), right])
    (report,) = check(["numba_jit"], tmp_path).backends
    assert (report.status, report.passed, len(report.checks), len(calls)) == (status, False, 2, 2)


@pytest.mark.parametrize(
    ("statuses", "passed"),
    [((), False), (("ok",), True), (("ok", "unavailable"), True), (("unavailable",), False), (("ok", "wrong"), False), (("failed", "ok"), False)],
)  # fmt: skip
def test_check_passes_if_a_backend_is_right_and_none_is_not(child_runs, tmp_path, statuses, passed):
    """An unavailable backend neither passes nor fails."""
    ends = [[*ended(FAIL, True), BackendEnds("failed")] if s == "wrong" else [BackendEnds(s)] for s in statuses]
    child_runs(1, [(messages, FINE) for messages in ends])
    report = check([f"backend_{k}" for k in range(len(statuses))], tmp_path)
    assert [backend.status for backend in report.backends] == list(statuses)
    assert report.passed == passed


def test_report_of_an_unavailable_backend():
    """Its one check, loading, has failed for the reason."""
    expected = {"check": "loads", "passed": False, "detail": "no jax", "hint": None, "error": None, "bound": None}
    document = msgspec.to_builtins(unavailable("jax_jit", "no jax"))
    assert document == {"backend": "jax_jit", "passed": False, "status": "unavailable", "checks": [expected]}


def raising(error):
    def raise_it(*_):
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("function", "result", "wrong"),
    [
        (lambda backend, dtype: None, (True, None, None, None), False),
        (lambda backend, dtype: (backend.error, {"float64": 0.5}[dtype]), (True, None, 0.25, 0.5), False),
        (
            lambda backend, dtype: json.loads("{"),
            (
                False,
                "raised JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (test_check_status.py, line ",
                None,
                None,
            ),
            False,
        ),
        (lambda backend, dtype: (0.0, math.inf), (True, None, 0.0, None), False),
        (raising(Wrong("off", 2.0, 1.0)), (False, "off", 2.0, 1.0), True),
        (raising(Wrong("off", math.nan, 1.0)), (False, "off", None, 1.0), True),
        (raising(Wrong("a form")), (False, "a form", None, None), True),
        (
            raising(ValueError("x\ny")),
            (False, "raised ValueError: x y (test_check_status.py, line ", None, None),
            False,
        ),
        (raising(SystemExit(3)), (False, "raised SystemExit: 3 (test_check_status.py, line ", None, None), False),
        (raising(KeyboardInterrupt()), (False, "raised KeyboardInterrupt", None, None), False),
    ],
)
def test_result_of_a_check(function, result, wrong):
    """Only Wrong is a wrong answer. Whatever else it raises is a failure. Numbers that JSON lacks are None."""
    outcome, is_wrong = run_check(function, SimpleNamespace(__file__=__file__, error=0.25), "float64", "name")
    passed, detail, *numbers = result
    assert (outcome.check, outcome.passed, outcome.hint, is_wrong) == ("name", passed, None, wrong)
    assert [outcome.error, outcome.bound] == numbers
    assert outcome.detail == detail or (outcome.detail or "").startswith(detail)


def test_detail_of_a_check_is_short():
    """A long message keeps its ends."""
    outcome, _ = run_check(raising(ValueError("a" * 900)), SimpleNamespace(), "float64", "name")
    assert outcome.detail is not None and 300 < len(outcome.detail) <= 500


@pytest.fixture
def reported(monkeypatch, backend_file):
    """The messages of check_backend on a backend file with a first line, where the checks are `checks`."""

    def reported(checks, line="", threads=None):
        monkeypatch.setattr(child, "CHECKS", checks)
        monkeypatch.setattr(child, "THREADED", checks[:1])
        monkeypatch.setattr(child, "hint", hint)
        messages: list[Any] = []
        check_backend(str(backend_file("mine", "import math\n", f"import math\n{line}\n")), threads, messages.append)
        return messages

    return reported


def hint(check, detail, diagnosis):
    """A hint of its arguments, for one of the checks. A diagnosis of numpy_vectorized finds no mistake."""
    return f"because of {detail}" if check == "bad" and diagnosis.right else None


def good(backend, dtype):
    return 0.0, np.finfo(backend.to_numpy(np.zeros(1, dtype)).dtype).eps


def bad(backend, dtype):
    raise Wrong("off", 2.0, 1.0)


def broken(backend, dtype):
    raise ValueError(dtype)


def test_messages_of_a_right_backend(reported):
    """Each check starts and ends in each dtype."""
    names = [f"{name}[{dtype}]" for dtype in ("float64", "float32") for name in ("good", "good")]
    messages = reported((good, good))
    assert (
        [message.check for message in messages[:-1:2]] == [message.result.check for message in messages[1::2]] == names
    )
    assert messages[1] == CheckEnds(CheckResult("good[float64]", True, None, None, 0.0, 2.0**-52), False)
    assert messages[-1] == BackendEnds("ok")


def test_messages_with_fewer_threads(reported):
    """Only the checks in THREADED, and their names have the number."""
    messages = reported((good, bad), "DTYPES = ['float32']", "2")
    assert [message.check for message in messages[:-1:2]] == ["good[float32, 2 thread(s)]"]
    assert messages[-1] == BackendEnds("ok")


def test_messages_of_a_wrong_backend(reported):
    """All checks run. A hint follows the failure that has one, and no passed check."""
    messages = reported((bad, broken, good), "DTYPES = ('float64',)")
    assert [type(message) for message in messages] == [
        CheckStarts,
        CheckEnds,
        HintFound,
        CheckStarts,
        CheckEnds,
        CheckStarts,
        CheckEnds,
        BackendEnds,
    ]
    assert [messages[k].wrong for k in (1, 4, 6)] == [True, False, False]
    assert messages[2] == HintFound("because of off")
    assert messages[-1] == BackendEnds("failed")


@pytest.mark.parametrize(
    ("line", "status", "detail"),
    [
        ("import a_missing_library", "unavailable", "a_missing_library"),
        ("raise ValueError('no')", "failed", "ValueError at import: no (mine.py"),
        ("raise KeyboardInterrupt", "failed", "KeyboardInterrupt at import"),
        ("DTYPES = ()", "failed", "DTYPES is (); allowed: a tuple of float64 and float32"),
        ("DTYPES = 'float64'", "failed", "DTYPES is 'float64'; allowed"),
        ("DTYPES = ('float64', 'float16')", "failed", "DTYPES is ('float64', 'float16'); allowed"),
    ],
)
def test_backend_without_checks(reported, line, status, detail):
    """A file that cannot be loaded, or names other dtypes, gets one message."""
    (message,) = reported((good,), line)
    assert message.status == status
    assert detail in message.detail


@pytest.mark.parametrize("named", [False, True], ids=["all backends", "named backends"])
@pytest.mark.parametrize(
    ("statuses", "code", "code_if_named"),
    [
        (["ok"], 0, 0),
        (["ok", "unavailable"], 0, 3),
        (["unavailable"], 3, 3),
        (["ok", "failed"], 3, 3),
        (["failed", "wrong", "unavailable"], 1, 1),
    ],
)
def test_exit_code_of_check(main, monkeypatch, statuses, code, code_if_named, named):
    """1 for a wrong backend, then 3 for a failed one, a named one that is unavailable, and if none is right."""
    chosen = [
        SimpleNamespace(name=f"b{k}", source=f"source{k}", missing="no library" if status == "unavailable" else None)
        for k, status in enumerate(statuses)
    ]
    planned = [["b0"] if named else []]
    monkeypatch.setattr(
        import_module("bench.cli.check"), "plan_backends", lambda names: chosen if names in planned else []
    )

    def checked(sources, folder, progress):
        assert folder.is_dir()
        progress("b0", "a check")
        reports = [BackendReport(f"b{source[-1]}", statuses[int(source[-1])] == "ok", statuses[int(source[-1])], []) for source in sources]  # fmt: skip
        return CheckReport(bool({"ok"} & set(statuses)) and not {"wrong", "failed"} & set(statuses), reports)

    monkeypatch.setattr(cross_check, "check", checked)
    exit_code, out, _ = main("check", *planned[0])
    assert not out.startswith("{") and all(backend.name in out for backend in chosen)
    code_of_document, out, _ = main("check", *planned[0], "--json")
    document = json.loads(out)
    assert code_of_document == exit_code
    assert exit_code == (code_if_named if named else code)
    assert document["passed"] == (exit_code == 0)
    reports = {report["backend"]: report["status"] for report in document["backends"]}
    assert reports == {f"b{k}": status for k, status in enumerate(statuses)}
    assert all(report["checks"][0]["detail"] == "no library" for report in document["backends"] if report["status"] == "unavailable")  # fmt: skip


def test_documents_of_list_and_machine(main, monkeypatch):
    """The keys of a backend, and the peaks beside the description. Without --json, a table."""
    usable = Description("mine", "Mine.", ("jax",), "jax 1.0", None, None, "QR", ("float64",))
    missing = Description("b", "B.", (), None, "no library", None, None, ("float64", "float32"))
    monkeypatch.setattr("backends.names", lambda: [usable, missing])
    monkeypatch.setattr("backends.describe", lambda name: name)
    expected = [
        {
            "backend": "mine",
            "summary": "Mine.",
            "available": True,
            "reason": None,
            "version": "jax 1.0",
            "requires": ["jax"],
            "algorithm": "QR",
            "dtypes": ["float64"],
        },
        {
            "backend": "b",
            "summary": "B.",
            "available": False,
            "reason": "no library",
            "version": None,
            "requires": [],
            "algorithm": None,
            "dtypes": ["float64", "float32"],
        },
    ]
    code, out, _ = main("list", "--json")
    assert (code, json.loads(out)) == (0, {"backends": expected})
    code, out, _ = main("list")
    assert code == 0 and "no library" in out and not out.startswith("{")
    monkeypatch.setattr("bench.runtime.machine.describe", lambda: {"cpu": "a"})
    monkeypatch.setattr("bench.runtime.machine.peaks", lambda: [])
    code, out, _ = main("machine", "--json")
    assert (code, json.loads(out)) == (0, {"cpu": "a", "peaks": []})
