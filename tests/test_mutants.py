"""Wrong backends that the cross-check rejects and names, checks that none can do without, and odd ones that pass."""

import functools

import numpy as np
import pytest
from helpers.judged import found_wrong
from helpers.mutants import MUTANTS
from helpers.unusual import COMPILED, FILES, SLOW, UNUSUAL

from backends import load
from backends._solve import default_learning_rate
from bench.check import check
from bench.check.bound import UNIT, reference
from bench.check.checks import CHECKS, as_arrays, judge
from bench.data import problems


@pytest.fixture(scope="module")
def verdict(tmp_path_factory):
    """What the cross-check finds of a mutant, each asked once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("mutants")
        yield functools.cache(lambda mutant: found_wrong(mutant.build(folder), monkeypatch))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_wrong_backend_fails_a_check(mutant, tmp_path, monkeypatch):
    """Each mistake fails a check, and the hint of the first failing check names no other mistake."""
    ((_, _, detail, hint),) = found_wrong(mutant.build(tmp_path), monkeypatch, first=True)
    assert detail
    assert not hint or any(text in hint for text in mutant.hint), hint


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_wrong_backend_is_named(verdict, mutant):
    """Over all checks and dtypes a hint names the mistake, and no hint names another one."""
    found = verdict(mutant)
    assert found
    hints = [hint for *_, hint in found if hint]
    assert all(any(text in hint for text in mutant.hint) for hint in hints), hints
    assert not mutant.hint or any(mutant.hint[0] in hint for hint in hints), hints


def test_the_mistakes_are_many():
    """At least a hundred, no two of one name."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 100


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [each.__name__ for each in CHECKS if each.__name__ != "obeys_the_symmetries"]
)  # what a symmetry shows, an oracle shows, too, wherever there is one
def test_without_a_check_some_mutant_lives(verdict, name):
    """No check is idle: there is a mistake that it alone rejects."""
    assert any({failed for failed, *_ in verdict(mutant)} == {name} for mutant in MUTANTS)


def odd_params(names=None):
    """Unusual backends as parameters of `odd`; those that compile for every new length are slow."""
    every = {each.name: each.build for each in UNUSUAL} | {name: functools.partial(write, name) for name in FILES}
    return [
        pytest.param(build, id=name, marks=[pytest.mark.slow] if name in COMPILED else [])
        for name, build in every.items()
        if names is None or name in names
    ]


def write(name, folder):
    path = folder / f"{name}.py"
    path.write_text(FILES[name])
    return path


@pytest.mark.parametrize("odd", odd_params())
def test_unusual_but_correct_backends_pass(odd, tmp_path, monkeypatch):
    """Another order of summation, layout, blocking, width or library is no mistake."""
    assert found_wrong(odd(tmp_path), monkeypatch) == []


LARGE = {each.name for each in UNUSUAL}.union(FILES) - SLOW


@functools.cache
def large(dtype: str):
    data = problems.synthetic(20_000, 10)
    rate = float(np.float32(0.7 * default_learning_rate(data.X)))
    return data.X.astype(dtype), data.y.astype(dtype), np.zeros(10, dtype), rate, 10


@functools.cache
def large_reference(dtype: str, normwise: bool):
    X, y, beta0, rate, K = large(dtype)
    return reference(X, y, beta0, rate, K, dtype, normwise)


@pytest.mark.parametrize("odd", odd_params(LARGE))
def test_unusual_but_correct_backends_pass_at_large_sizes(odd, tmp_path):
    """As the gate of a run judges them, at 20,000 x 10."""
    backend = load(odd(tmp_path))
    for dtype in getattr(backend, "DTYPES", UNIT):
        X, y, beta0, rate, K = large(dtype)
        expected = large_reference(dtype, hasattr(backend, "ALGORITHM"))
        judge(*as_arrays(backend, backend.fit(*backend.prepare(X, y, beta0), rate, K, 0.0)), expected, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("odd", odd_params({"threads", "qr_rows", "fsum", "numba_parallel", "jax_transposed"}))
def test_unusual_but_correct_backends_pass_at_every_thread_count(odd, tmp_path):
    """In processes of their own, with all threads of the machine and with fewer."""
    (report,) = check([str(odd(tmp_path))], tmp_path).backends
    assert report.status == "ok", [result for result in report.checks if not result.passed]
