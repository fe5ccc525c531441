"""Cross-check one backend in this process and report each check to the parent.

python -m bench.check.child NAME [THREADS]: with THREADS, the number of threads of this process, run only the checks
whose result may depend on it.
"""

import math
import sys
from collections.abc import Callable
from types import ModuleType

import msgspec
import pytest_benchmark.plugin  # noqa: F401 - a worker of `gdbench run` has loaded it, and a backend may look for pytest
import threadpoolctl  # noqa: F401 - as above; it sets a variable of the environment

from backends import BackendError, BackendUnavailable, describe, load
from backends._errors import describe_error
from bench.check.answer import Wrong
from bench.check.bound import UNIT
from bench.check.checks import CHECKS, THREADED, Measured
from bench.check.diagnosis import Diagnosis, hint
from bench.check.messages import (
    RAISED,
    BackendEnds,
    CheckEnds,
    CheckMessage,
    CheckResult,
    CheckStarts,
    CheckStatus,
    HintFound,
)
from bench.runtime.process import Channel, hide_caller
from bench.text import clean


def main() -> None:
    channel = Channel()
    source, *threads = sys.argv[1:]
    hide_caller()
    check_backend(source, threads[0] if threads else None, lambda message: channel.ask(**msgspec.to_builtins(message)))


def check_backend(source: str, threads: str | None, report: Callable[[CheckMessage], object]) -> None:
    """Run the checks of one backend, in each of its dtypes, and report them as they start and end."""
    try:
        backend = load(source)
    except BackendError as error:
        status: CheckStatus = "unavailable" if isinstance(error, BackendUnavailable) else "failed"
        report(BackendEnds(status, clean(str(error), 500)))
        return
    except KeyboardInterrupt as error:  # raised by the file, because a child has no terminal
        report(BackendEnds("failed", clean(describe_error(error, describe(source).path, " at import"), 500)))
        return
    checks, label = (CHECKS, "") if threads is None else (THREADED, f", {threads} thread(s)")
    passed = True
    for dtype in getattr(backend, "DTYPES", tuple(UNIT)):
        diagnosis = Diagnosis(backend, dtype)
        for check in checks:
            name = f"{check.__name__}[{dtype}{label}]"
            report(CheckStarts(name))
            result, wrong = run_check(check, backend, dtype, name)
            report(CheckEnds(result, wrong))
            passed &= result.passed
            if not result.passed:
                mistake = hint(check.__name__, result.detail or "", diagnosis)
                if mistake:
                    report(HintFound(mistake))
    report(BackendEnds("ok" if passed else "failed"))


def run_check(
    check: Callable[[ModuleType, str], Measured], backend: ModuleType, dtype: str, name: str
) -> tuple[CheckResult, bool]:
    """Run one check. Return its result, and whether it failed because of a wrong answer."""
    measured: tuple[float | None, float | None] | None = None
    detail, wrong = None, False
    try:
        measured = check(backend, dtype)
    except Wrong as error:
        measured, detail, wrong = (error.error, error.bound), error.detail, True
    except BaseException as error:  # a backend may raise SystemExit or KeyboardInterrupt, which must not end the checks
        detail = clean(f"{RAISED}{describe_error(error, getattr(backend, '__file__', None))}", 500)
    # JSON has no infinity and no NaN.
    numbers = [value if value is not None and math.isfinite(value) else None for value in measured or (None, None)]
    return CheckResult(name, detail is None, detail, None, *numbers), wrong


if __name__ == "__main__":
    main()
