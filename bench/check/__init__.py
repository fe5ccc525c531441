"""The cross-check: does a backend compute what the formula says?

`check` runs each backend in a child process. Importing this package imports no array library.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.check.messages import (
    BackendEnds,
    BackendReport,
    CheckEnds,
    CheckMessage,
    CheckReport,
    CheckResult,
    CheckStarts,
    CheckStatus,
    HintFound,
)
from bench.runtime import process

DEADLINE_S = 60.0


def check(
    backends: list[str], folder: Path, on_start: Callable[[str, str], None] = lambda backend, check: None
) -> CheckReport:
    """Cross-check backends, given by name or absolute path.

    folder: the working directory of the child processes. on_start: called with the name of the backend and of the
    check when a check starts.
    """
    reports = [_check_backend(backend, folder, on_start) for backend in backends]
    ok = any(report.status == "ok" for report in reports)
    bad = any(report.status in ("wrong", "failed") for report in reports)
    return CheckReport(ok and not bad, reports)


def unavailable(backend: str, reason: str) -> BackendReport:
    """The report of a backend whose library is missing."""
    return BackendReport(backend, False, "unavailable", [CheckResult("loads", False, reason)])


def _check_backend(backend: str, folder: Path, on_start: Callable[[str, str], None]) -> BackendReport:
    name = Path(backend).stem if backend.endswith(".py") else backend
    available = process.available_threads()
    status, results = _run_child(backend, name, available, [], folder, on_start)
    # All checks with all threads. With fewer threads, sums are split differently: only the checks that compare sums.
    for threads in (1 << power for power in range(available.bit_length()) if 1 << power < available):
        if status == "ok":
            status, more = _run_child(backend, name, threads, [str(threads)], folder, on_start)
            results += more
    return BackendReport(name, status == "ok", status, results)


def _run_child(
    backend: str, name: str, threads: int, arguments: list[str], folder: Path, on_start: Callable[[str, str], None]
) -> tuple[CheckStatus, list[CheckResult]]:
    """Check a backend in one child process and return its status and results."""
    results: list[CheckResult] = []
    end: BackendEnds | None = None
    current, wrong = "loads", False

    def on_message(fields: dict[str, Any]) -> dict[str, Any]:
        nonlocal current, wrong, end
        match msgspec.convert(fields, CheckMessage):
            case CheckStarts(current):
                on_start(name, current)
            case CheckEnds(result, is_wrong):
                results.append(result)
                wrong |= is_wrong
            case HintFound(hint):
                results[-1].hint = hint
            case BackendEnds() as end:
                pass
        return {}

    outcome = process.run(
        ["-m", "bench.check.child", backend, *arguments],
        threads=threads,
        deadline_s=DEADLINE_S,
        folder=folder,
        on_message=on_message,
    )
    end = end or BackendEnds("failed", outcome.describe())
    if end.detail is not None:
        results.append(CheckResult(current, False, end.detail))
    return "wrong" if wrong else end.status, results
