"""What the cross-check says of a backend file, as its worker finds it, but in this process and without asking twice."""

import functools
import warnings

from backends import load
from bench.check import checks
from bench.check.bound import UNIT
from bench.check.diagnosis import Diagnosis, hint
from bench.check.worker import run_check


def _once(function):
    """The same problems are put to every backend: their exact answers are computed once."""
    known = {}

    @functools.wraps(function)
    def call(X, y, beta0, *rest):
        key = X.tobytes(), X.shape, X.dtype, y.tobytes(), beta0.tobytes(), *rest
        if key not in known:
            known[key] = function(X, y, beta0, *rest)
        return known[key]

    return call


ONCE = {name: _once(getattr(checks, name)) for name in ("exact_iterates", "closed_form", "reference")}


def found_wrong(path, monkeypatch, first: bool = False) -> list[tuple[str, str, str, str | None]]:
    """(check, dtype, detail, hint) of every check that fails, in the order of CHECKS; of the first one only if asked."""
    for name, function in ONCE.items():
        monkeypatch.setattr(checks, name, function)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in the worker: what a backend warns of is no verdict
        backend = load(path)
        for dtype in getattr(backend, "DTYPES", UNIT):
            diagnosis = Diagnosis(backend, dtype)
            for check in checks.CHECKS:
                result, _ = run_check(check, backend, dtype, check.__name__)
                if not result.passed:
                    mistake = hint(check.__name__, result.detail, diagnosis, result.error, result.bound)
                    found.append((check.__name__, dtype, result.detail, mistake))
                    if first:
                        return found
    return found
