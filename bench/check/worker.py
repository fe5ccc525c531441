"""Cross-check one backend in this process and report each check to the parent (python -m bench.check.worker NAME)."""

import math
import sys

from backends import BackendError, BackendUnavailable, load
from bench.check.bound import UNIT
from bench.check.checks import CHECKS, Wrong
from bench.process import Channel


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
    if unknown := set(dtypes) - set(UNIT):
        channel.ask(status="failed", detail=f"DTYPES names {', '.join(sorted(unknown))}; allowed: {', '.join(UNIT)}")
        return
    for dtype in dtypes:
        for check in CHECKS:
            channel.ask(begins=f"{check.__name__}[{dtype}]")  # so that a crash can be laid to its door
            result = run_check(check, backend, dtype)
            clean &= result["passed"]
            channel.ask(**result)
    channel.ask(status="ok" if clean and dtypes else "failed")


def run_check(check, backend, dtype: str) -> dict:
    """The result of one check, as `gdbench check --json` prints it, and whether what failed is a wrong answer."""
    result = {
        "check": f"{check.__name__}[{dtype}]",
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
