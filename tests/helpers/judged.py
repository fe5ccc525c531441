"""Run the cross-check on a backend file in this process."""

import functools
import warnings

import pytest

from backends import load
from bench.check import checks
from bench.check.bound import UNIT
from bench.check.child import run_check
from bench.check.diagnosis import Diagnosis, hint


def _cached(function):
    """`function` with a cache, whose key holds the contents of the arrays."""
    results = {}

    @functools.wraps(function)
    def call(X, y, beta0, *rest):
        key = X.tobytes(), X.shape, X.dtype, y.tobytes(), beta0.tobytes(), *rest
        if key not in results:
            results[key] = function(X, y, beta0, *rest)
        return results[key]

    return call


CACHED = {name: _cached(getattr(checks, name)) for name in ("exact_iterates", "closed_form", "reference")}


def cache_exact_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute the exact answer of each problem once. All backends get the same problems."""
    for name, function in CACHED.items():
        monkeypatch.setattr(checks, name, function)


def failed_checks(path, monkeypatch: pytest.MonkeyPatch, first: bool = False) -> list[tuple[str, str, str, str | None]]:
    """(check, dtype, detail, hint) of each check that fails, in the order of CHECKS. first: stop at the first one."""
    cache_exact_answers(monkeypatch)
    failures = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the worker ignores the warnings of a backend, too
        backend = load(path)
        for dtype in getattr(backend, "DTYPES", UNIT):
            diagnosis = Diagnosis(backend, dtype)
            for check in checks.CHECKS:
                result, _ = run_check(check, backend, dtype, check.__name__)
                if not result.passed:
                    mistake = hint(check.__name__, result.detail, diagnosis)
                    failures.append((check.__name__, dtype, result.detail, mistake))
                    if first:
                        return failures
    return failures
