"""The cross-check: does a backend compute what the formula says?

`check` runs every backend in a process of its own. Importing this package imports no array library.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.runtime import process

DEADLINE_S = 60.0


def check(
    backends: list[str], folder: Path, on_begin: Callable[[str, str], None] = lambda backend, check: None
) -> dict[str, Any]:
    """Cross-check backends, given by name or absolute path, and return the document of `gdbench check --json`.

    folder: where the children run. on_begin: called with each backend's name and each check's as it
    begins. A backend is "wrong" where a check found a wrong answer, "failed" where it raised,
    crashed or hung, and "unavailable" where its library is missing.
    """
    reports = [_check_one(backend, folder, on_begin) for backend in backends]
    # Passed: something was compared, and nothing was found wrong or failed.
    good = [report for report in reports if report["status"] == "ok"]
    bad = [report for report in reports if report["status"] in ("wrong", "failed")]
    return {"passed": bool(good) and not bad, "backends": reports}


def _check_one(backend: str, folder: Path, on_begin: Callable[[str, str], None]) -> dict[str, Any]:
    name = Path(backend).stem if backend.endswith(".py") else backend
    available = process.available_threads()
    status, results = _in_a_child(backend, name, available, [], folder, on_begin)
    # With all threads every check; with fewer, where a sum is cut differently, those that look at sums.
    for threads in (1 << power for power in range(available.bit_length()) if 1 << power < available):
        if status == "ok":
            status, more = _in_a_child(backend, name, threads, [str(threads)], folder, on_begin)
            results += more
    return {"backend": name, "passed": status == "ok", "status": status, "checks": results}


def _in_a_child(
    backend: str, name: str, threads: int, arguments: list[str], folder: Path, on_begin: Callable[[str, str], None]
) -> tuple[str, list[dict[str, Any]]]:
    """The status of a backend and its results in one process with so many threads."""
    results: list[dict[str, Any]] = []
    ends: list[tuple[str, str | None]] = []
    running = ["loads"]

    def on_message(message: dict[str, Any]) -> dict[str, Any] | None:
        if "begins" in message:
            running[0] = message["begins"]
            on_begin(name, running[0])
        elif "check" in message:
            results.append(message)
        elif "hinted" in message:
            results[-1]["hint"] = message["hint"]
        elif "status" in message:
            ends.append((message["status"], message.get("detail")))
        else:
            return None
        return {}

    outcome = process.run(
        ["-m", "bench.check.worker", backend, *arguments],
        threads=threads,
        deadline_s=DEADLINE_S,
        folder=folder,
        on_message=on_message,
    )
    status, detail = ends[-1] if ends else ("failed", outcome.describe())
    if detail is not None:
        results.append(result(running[0], False, detail))
    for entry in results:
        if entry.pop("wrong", False):
            status = "wrong"
    return status, results


def unavailable(backend: str, reason: str) -> dict[str, Any]:
    """The entry of a backend whose library is known to be missing."""
    return {"backend": backend, "passed": False, "status": "unavailable", "checks": [result("loads", False, reason)]}


def result(check: str, passed: bool, detail: str | None) -> dict[str, Any]:
    """One entry of "checks" in the document of `gdbench check --json`."""
    return {"check": check, "passed": passed, "detail": detail, "hint": None, "error": None, "bound": None}
