"""The checks reject wrong backends and name the mistake; each check is necessary; unusual correct backends pass."""

import functools

import numpy as np
import pytest
from helpers.judged import failed_checks
from helpers.mutants import MUTANTS, NUMBA_RACE
from helpers.unusual import COMPILED, FILES, LONG, SLOW, UNUSUAL

from backends import load
from backends._curvature import default_learning_rate
from bench.check import check
from bench.check.answer import as_arrays, judge
from bench.check.bound import UNIT, reference
from bench.check.checks import CHECKS, repeats_its_results
from bench.check.child import run_check
from bench.check.messages import DIFFERS, NO_MISTAKE, RAISED
from bench.data import problems
from bench.runtime.process import available_threads


@pytest.fixture(scope="module")
def verdict(tmp_path_factory):
    """A function from a mutant to its failing checks; each mutant is checked once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("mutants")
        yield functools.cache(lambda mutant: failed_checks(mutant.build(folder), monkeypatch))


def is_honest(mutant, detail, hint):
    """Whether a hint names the mistake, or says that none fits. None only where the backend raises an error."""
    if hint is None:
        return detail.startswith(RAISED)
    return NO_MISTAKE in hint or any(text in hint for text in mutant.hint)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fails_a_check(mutant, tmp_path, monkeypatch):
    """The hint of the first failing check names the mistake, or says that no known one fits."""
    ((_, _, detail, hint),) = failed_checks(mutant.build(tmp_path), monkeypatch, first=True)
    assert detail
    assert is_honest(mutant, detail, hint), hint


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_hint_names_the_mistake_of_a_mutant(verdict, mutant):
    """Over all checks and dtypes, no hint names another mistake, and one hint names this one if it is known."""
    failures = verdict(mutant)
    assert failures
    dishonest = [hint for _, _, detail, hint in failures if not is_honest(mutant, detail, hint)]
    assert not dishonest
    assert not mutant.hint or any(mutant.hint[0] in (hint or "") for *_, hint in failures)


def test_there_are_a_hundred_mutants():
    """Their names are unique."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 100


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [check.__name__ for check in CHECKS if check.__name__ != "obeys_the_symmetries"]
)  # where there is an oracle, it also rejects what the symmetries reject
def test_each_check_alone_rejects_a_mutant(verdict, name):
    """There is a mistake that no other check rejects."""
    assert any({failed for failed, *_ in verdict(mutant)} == {name} for mutant in MUTANTS)


@pytest.mark.slow
@pytest.mark.skipif(available_threads() < 2, reason="the machine has one processor")
def test_a_race_of_compiled_threads_is_named(tmp_path):
    """Its threads run at the same time only while two processors are free, which may need several attempts."""
    backend = load(NUMBA_RACE.build(tmp_path))
    results = (run_check(repeats_its_results, backend, "float64", "repeats") for _ in range(100))
    result, wrong = next(((result, wrong) for result, wrong in results if not result.passed), (None, False))
    assert wrong
    assert DIFFERS in result.detail


def unusual_params(names=None):
    """Functions that write an unusual backend into a folder, as parameters; those in COMPILED and LONG are slow."""
    builds = {variant.name: variant.build for variant in UNUSUAL}
    builds |= {name: functools.partial(write, name) for name in FILES}
    return [
        pytest.param(build, id=name, marks=[pytest.mark.slow] if name in COMPILED | LONG else [])
        for name, build in builds.items()
        if names is None or name in names
    ]


def write(name, folder):
    """Write a backend of FILES into the folder. Returns its path."""
    path = folder / f"{name}.py"
    path.write_text(FILES[name])
    return path


@pytest.mark.parametrize("build", unusual_params())
def test_unusual_but_correct_backends_pass(build, tmp_path, monkeypatch):
    """A different order of summation, layout, blocking, precision or library is no mistake."""
    assert failed_checks(build(tmp_path), monkeypatch) == []


LARGE = {variant.name for variant in UNUSUAL}.union(FILES) - SLOW


@functools.cache
def large(dtype: str):
    """The arguments of `fit` for a problem of 20,000 x 10."""
    data = problems.synthetic(20_000, 10)
    rate = float(np.float32(0.7 * default_learning_rate(data.X)))
    return data.X.astype(dtype), data.y.astype(dtype), np.zeros(10, dtype), rate, 10


@functools.cache
def large_reference(dtype: str, normwise: bool):
    X, y, beta0, rate, K = large(dtype)
    return reference(X, y, beta0, rate, K, dtype, normwise)


@pytest.mark.parametrize("build", unusual_params(LARGE))
def test_unusual_but_correct_backends_pass_at_large_sizes(build, tmp_path):
    """`judge`, the check that a run applies to each answer, accepts them at 20,000 x 10."""
    backend = load(build(tmp_path))
    for dtype in getattr(backend, "DTYPES", UNIT):
        X, y, beta0, rate, K = large(dtype)
        expected = large_reference(dtype, hasattr(backend, "ALGORITHM"))
        judge(*as_arrays(backend, backend.fit(*backend.prepare(X, y, beta0), rate, K, 0.0)), expected, dtype)


@pytest.mark.slow
@pytest.mark.parametrize(
    "build", unusual_params({"threads", "threads_with_a_lock", "qr_rows", "fsum", "numba_parallel", "jax_transposed"})
)
def test_unusual_but_correct_backends_pass_at_every_thread_count(build, tmp_path):
    """`check` runs them in child processes, with all threads of the machine and with fewer."""
    (report,) = check([str(build(tmp_path))], tmp_path).backends
    assert report.status == "ok", [result for result in report.checks if not result.passed]
