"""Cross-check one backend in this process and report each check to the parent.

python -m bench.check.worker NAME [THREADS]: with THREADS, how many this process has, only what depends on them.
"""

import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from backends import BackendError, BackendUnavailable, load
from bench.check.bound import UNIT
from bench.check.checks import CHECKS, THREADED, Wrong
from bench.check.diagnosis import Diagnosis, hint
from bench.runtime.process import Channel


def main() -> None:
    channel = Channel()
    try:
        backend = load(sys.argv[1])
    except BackendError as error:
        status = "unavailable" if isinstance(error, BackendUnavailable) else "failed"
        channel.ask(status=status, detail=str(error))
        return
    clean = True
    dtypes = getattr(backend, "DTYPES", tuple(UNIT))
    if not isinstance(dtypes, tuple | list) or not dtypes or any(dtype not in UNIT for dtype in dtypes):
        channel.ask(status="failed", detail=f"DTYPES is {dtypes!r}; allowed: a tuple of {' and '.join(UNIT)}")
        return
    checks, label = (CHECKS, "") if len(sys.argv) < 3 else (THREADED, f", {sys.argv[2]} thread(s)")
    for dtype in dtypes:
        witness = Diagnosis(backend, dtype)
        for check in checks:
            channel.ask(begins=f"{check.__name__}[{dtype}{label}]")  # so that a crash can be laid to its door
            result = run_check(check, backend, dtype, label)
            clean &= result["passed"]
            channel.ask(**result)
            # Apart, and after: to find a hint the backend is asked more, and may crash.
            if result["passed"]:
                continue
            mistake = hint(check.__name__, result["detail"], witness, result["error"], result["bound"])
            if mistake:
                channel.ask(hinted=result["check"], hint=mistake)
    channel.ask(status="ok" if clean else "failed")


def run_check(
    check: Callable[[ModuleType, str], Any], backend: ModuleType, dtype: str, label: str = ""
) -> dict[str, Any]:
    """The result of one check, as `gdbench check --json` prints it, and whether what failed is a wrong answer."""
    result = {
        "check": f"{check.__name__}[{dtype}{label}]",
        "passed": True,
        "detail": None,
        "hint": None,
        "error": None,
        "bound": None,
    }
    try:
        measured = check(backend, dtype)
    except Wrong as wrong:
        result |= {"passed": False, "detail": wrong.detail, "wrong": True}
        measured = wrong.error, wrong.bound
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: what a backend raises must not end the check
        result |= {"passed": False, "detail": f"raised {type(error).__name__}: {error}"[:500]}
        measured = None
    if measured:  # JSON has no infinity and no NaN
        result["error"], result["bound"] = (
            value if value is not None and math.isfinite(value) else None for value in measured
        )
    return result


if __name__ == "__main__":
    main()
