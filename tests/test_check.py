"""The cross-check: oracle, bound, fixtures and report."""

import json
import re
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from helpers.command import gdbench
from helpers.contract import assert_contract, record_arrays

from backends import load
from bench.check import check, fixtures
from bench.check.answer import Wrong, judge, solve_fixture
from bench.check.bound import UNIT, reference
from bench.check.checks import CHECKS, THREADED, leaves_its_inputs_alone, obeys_the_symmetries
from bench.check.child import run_check
from bench.check.diagnosis import Diagnosis, hint
from bench.check.oracle import closed_form, distance, exact_iterates
from bench.runtime.process import available_threads

UNCONVERGED = [case for dtype in UNIT for case in fixtures.unconverged(dtype)]


def problem_of(case: fixtures.Fixture) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, int]:
    """The first arguments of reference, exact_iterates and closed_form."""
    return case.X, case.y, case.beta0, case.learning_rate, case.max_iter


def test_oracle_agrees_with_a_hand_calculation():
    """One step from zero for n = 2: beta := 0 - 0.5 * -(2/2) Xᵀy."""
    betas, losses = exact_iterates([[1.0, 0.0], [1.0, 2.0]], [1.0, 3.0], [0.0, 0.0], 0.5, 1)
    assert betas == [[0, 0], [Fraction(2), Fraction(3)]]
    assert losses == [Fraction(10, 2), Fraction((1 - 2) ** 2 + (3 - 8) ** 2, 2)]


@pytest.mark.parametrize("case", UNCONVERGED, ids=lambda case: f"{case.name}-{case.X.dtype}")
def test_oracle_agrees_with_a_closed_form(case):
    """The iterates agree with beta_K from the eigenvectors of H, which shares no code with the oracle."""
    X, y, beta0 = (array.astype(np.float64) for array in (case.X, case.y, case.beta0))
    values, vectors = np.linalg.eigh(2 / len(X) * X.T @ X)
    shrink = 1 - case.learning_rate * values
    pull = case.learning_rate * vectors.T @ (2 / len(X) * X.T @ y)
    closed = vectors @ (
        shrink**case.max_iter * (vectors.T @ beta0) + sum(shrink**j for j in range(case.max_iter)) * pull
    )
    betas, losses = exact_iterates(*problem_of(case))
    assert distance(closed, betas[-1]) <= 1e-12 * np.linalg.norm(closed)
    assert float(losses[-1]) == pytest.approx(np.mean((y - X @ closed) ** 2), rel=1e-9)


@pytest.mark.parametrize("dtype", UNIT)
def test_last_step_of_an_unconverged_fixture_exceeds_its_bound(dtype):
    """The last step is at least 100 times the bound, so the checks detect one update too few or too many."""
    for case in fixtures.unconverged(dtype):
        assert reference(*problem_of(case), dtype).informative, case.name
        assert float(np.float32(case.learning_rate)) != case.learning_rate


@pytest.mark.parametrize("dtype", UNIT)
def test_integer_fixture_is_exact(dtype):
    """Each intermediate number fits in the significand, in any order of summation."""
    case = fixtures.integers(dtype)
    bits = {"float64": 53, "float32": 24}[dtype]
    betas, _ = exact_iterates(*problem_of(case))
    for k, beta in enumerate(betas):
        residual = [
            Fraction(float(t)) - sum(Fraction(float(x)) * b for x, b in zip(row, beta, strict=True))
            for row, t in zip(case.X, case.y, strict=True)
        ]
        # A sum of these terms is exact if the sum of their magnitudes, in units of the finest one, is below 2^bits.
        terms = [
            [abs(Fraction(float(x)) * b) for row in case.X for x, b in zip(row, beta, strict=True)],
            [r * r for r in residual],
            [abs(Fraction(float(x)) * r) for column in case.X.T for x, r in zip(column, residual, strict=True)]
            if k < case.max_iter
            else [],
        ]
        for group in terms:
            finest = max((term.denominator for term in group), default=1)
            assert sum(group) * finest < 2**bits


@pytest.mark.parametrize("name", ["python_loops", "numpy_vectorized", "numba_jit", "jax_jit"])
def test_core_backends_use_little_of_the_bound(name):
    """The errors of the core backends are below a tenth of the bound, and the bound is small."""
    backend = load(name)
    for case in fixtures.unconverged("float64"):
        exact = reference(*problem_of(case), "float64")
        beta, _ = backend.fit(*backend.prepare(case.X, case.y, case.beta0), case.learning_rate, case.max_iter, 0.0)
        assert np.linalg.norm(backend.to_numpy(beta) - exact.betas[-1]) <= 0.1 * exact.beta_bound[-1]
        assert exact.beta_bound[-1] < 1e-9


def test_nan_is_never_within_a_bound():
    """NaN in beta or in a loss is wrong, although comparisons with NaN are false."""
    case = fixtures.unconverged("float64")[0]
    expected = reference(*problem_of(case), "float64")
    for place in (0, 1):
        answer = [expected.betas[-1].copy(), expected.losses.copy()]
        answer[place][-1] = np.nan
        with pytest.raises(Wrong):
            judge(answer[0], answer[1], expected, "float64")


def test_json_document(tmp_path, backend_file):
    """The document of `gdbench check --json`: keys, verdicts, and a detail for each failed check."""
    good, bad = backend_file("good"), backend_file("bad", "(-2 / n)", "(2 / n)")
    broken = backend_file("broken", text="import math\nraise RuntimeError('no')\n")
    document = msgspec.to_builtins(check([str(path) for path in (good, bad, broken)], tmp_path))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert [report["status"] for report in document["backends"]] == ["ok", "wrong", "failed"]
    assert [report["passed"] for report in document["backends"]] == [True, False, False]
    assert document["passed"] is False
    for report in document["backends"]:
        assert set(report) == {"backend", "passed", "status", "checks"}
        for result in report["checks"]:
            assert set(result) == {"check", "passed", "detail", "hint", "error", "bound"}
            assert result["passed"] or result["detail"]


@pytest.mark.parametrize(
    ("text", "status"),
    [("raise RuntimeError('in fit')", "failed"), ("raise SystemExit(0)", "failed"), ("import os; os._exit(0)", "failed"), ("import os; os.abort()", "failed"),
     ("return None", "wrong"), ("return beta", "wrong"), ("return beta, []", "wrong"), ("return 1, 2, 3", "wrong")],
)  # fmt: skip
def test_failing_backend_is_not_wrong(tmp_path, backend_file, text, status):
    """An exception, a crash or an exit gives "failed". A wrong form of the result gives "wrong". Both have a detail."""
    path = backend_file("failing", "    n = len(X)\n", f"    {text}\n    n = len(X)\n")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == status
    assert any(result.detail for result in report.checks)


@pytest.mark.parametrize("dtype", UNIT)
def test_prepare_gets_arrays_of_the_contract(dtype, monkeypatch):
    """The checks and the diagnosis give such arrays. Some of them are read-only."""
    calls = record_arrays(monkeypatch)
    for function in CHECKS:
        result, _ = run_check(function, load("numpy_vectorized"), dtype, function.__name__)
        assert result.passed, result.detail
    assert Diagnosis(load("numpy_vectorized"), dtype).right
    for arrays in calls:
        assert_contract(arrays)
    assert {array.flags.writeable for arrays in calls for array in arrays} == {False, True}


WRITES = {  # name -> the first statement of fit, and the array that it writes to; None if it writes to none
    "in_place": ("beta -= 0.5", "beta"),
    "out": ("np.multiply(X, 2.0, out=X)", "X"),
    "an_item": ("y[0] = 9.0", "y"),
    "the_same_value": ("y[:] = y", "y"),
    "undone": ("X *= 2.0; X /= 2.0", "X"),
    "memory_view": ("memoryview(X).cast('B')[0] = 0", "X"),
    "compiled": ("import numba; numba.njit(lambda y: y.fill(0))(y)", "y"),
    "exits": ("if not y.flags.writeable: raise SystemExit\n    y[0] = 9.0", "y"),
    "its_own_array": ("np.broadcast_to(1.0, 3)[0] = 2.0", None),
    "refuses": ("if not X.flags.writeable: raise ValueError('buffer source array is read-only')", None),
    "only_its_words": ("raise ValueError('assignment destination is read-only')", None),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_write_to_a_read_only_input_is_wrong(backend_file, name):
    """A backend that raises because it writes to an input is wrong. It has failed if it raises for another reason."""
    statement, written = WRITES[name]
    backend = load(backend_file(name, "    n = len(X)\n", f"    {statement}\n    n = len(X)\n"))
    result, wrong = run_check(leaves_its_inputs_alone, backend, "float64", "inputs")
    assert (result.passed, wrong) == (False, written is not None), result.detail
    text = hint("leaves_its_inputs_alone", result.detail, Diagnosis(backend, "float64"))
    if written is None:
        assert re.match(r"raised ValueError: .*read-only \(\w+\.py, line \d+\)$", result.detail)
        assert text is None
    else:
        assert result.detail.startswith(f"{written} is written to: read-only, it gives ")
        assert re.search(rf"\({name}\.py, line \d+\)$", result.detail)
        assert text.startswith(f"{written} is written to: work on a copy")


def test_write_to_an_input_exits_with_1(tmp_path, backend_file):
    """The backend is wrong, not failed, although its results are right."""
    path = backend_file("mine", "    n = len(X)\n", "    X *= 2.0\n    X /= 2.0\n    n = len(X)\n")
    code, out, _ = gdbench("check", path, cwd=tmp_path)
    assert code == 1, out


@pytest.mark.parametrize("dtype", UNIT)
def test_oracles_agree_to_fifty_digits(dtype):
    """The rational iterates and the closed form agree on sharp, equal, empty and badly scaled columns."""
    for case in [*fixtures.unconverged(dtype), *fixtures.hard(dtype)]:
        betas, losses = exact_iterates(*problem_of(case))
        beta, loss = closed_form(*problem_of(case))
        largest = max(map(abs, betas[-1]))
        assert all(abs(b - e) <= Fraction(1, 10**50) * largest for b, e in zip(beta, betas[-1], strict=True)), case.name
        assert abs(loss - losses[-1]) <= Fraction(1, 10**50) * losses[0], case.name


@pytest.mark.parametrize("dtype", UNIT)
def test_symmetries_are_exact(dtype):
    """Each symmetry changes the problem without rounding, so both answers have the same exact value."""
    numpy_vectorized = load("numpy_vectorized")
    requests: list[Any] = []

    def prepare(X, y, beta):
        requests.append(
            [[[Fraction(float(x)) for x in row] for row in X], *([Fraction(float(v)) for v in a] for a in (y, beta))]
        )
        return numpy_vectorized.prepare(X, y, beta)

    obeys_the_symmetries(SimpleNamespace(prepare=prepare, fit=numpy_vectorized.fit, to_numpy=np.array), dtype)
    (X, y, start), rows, columns, twice, scaled, moved, *_ = requests
    pairs = list(zip(X, y, strict=True))
    assert sorted(zip(*rows[:2], strict=True)) == sorted(pairs)
    assert columns[0] == [row[::-1] for row in X] and columns[1] == y
    assert list(zip(*twice[:2], strict=True)) == [pair for pair in pairs for _ in range(2)]
    assert scaled[0] == X and scaled[1] == [4 * t for t in y]
    shift = [b - a for a, b in zip(moved[2], start, strict=True)]
    assert all(shift)
    assert moved[0] == X and moved[1] == [t - sum(x * s for x, s in zip(row, shift, strict=True)) for row, t in pairs]


@pytest.mark.parametrize("dtype", UNIT)
def test_bounds_of_the_other_fixtures_are_small(dtype):
    """The bounds are finite, and at most 1 % of beta."""
    for case in [*fixtures.hard(dtype), *fixtures.shapes(dtype), fixtures.long(dtype), fixtures.gridded(dtype)]:
        exact = reference(*problem_of(case), dtype)
        assert 0 < exact.beta_bound[-1] < 0.01 * np.linalg.norm(exact.betas[-1]), case.name
        assert np.isfinite(exact.loss_bound).all()


def test_backend_cannot_change_a_fixture(backend_file):
    """A backend that writes to its inputs does not change the fixture."""
    backend = load(backend_file("writes", "n = len(X)", "n = len(X); X *= 2; y *= 2"))
    case, expected = (fixtures.unconverged("float64")[0] for _ in range(2))
    solve_fixture(backend, case)
    np.testing.assert_array_equal(case.X, expected.X)
    np.testing.assert_array_equal(case.y, expected.y)


@pytest.mark.skipif(available_threads() < 2, reason="the machine has one processor")
def test_checks_run_again_with_one_thread(tmp_path, backend_file):
    """A backend that is wrong with one thread fails the checks with one thread only, and their names have the count."""
    wrong = backend_file("alone", "n = len(X)", "import os\n    n = len(X) + (len(os.sched_getaffinity(0)) == 1)")
    good, bad = check([str(backend_file("good")), str(wrong)], tmp_path).backends
    names = {f"{function.__name__}[{dtype}, 1 thread(s)]" for dtype in UNIT for function in THREADED}
    for report in (good, bad):
        results = {result.check: result.passed for result in report.checks}
        assert names <= set(results)
        assert all(passed == (name not in names or report is good) for name, passed in results.items())
    assert (good.status, bad.status) == ("ok", "wrong")


@pytest.mark.parametrize(
    ("name", "value"),
    [("DTYPES", value) for value in ("()", "('float16',)", "'float64'", "{'float64': 1}", "(np.float64,)")]
    + [("ALGORITHM", value) for value in ("3", "True", "' '")],
)
def test_invalid_constants_fail(tmp_path, backend_file, name, value):
    """A file whose DTYPES or ALGORITHM is empty or invalid fails, with a detail."""
    path = backend_file("declares", "import numpy as np\n", f"import numpy as np\n{name} = {value}\n")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == "failed"
    assert f"{name} is" in report.checks[-1].detail


def test_error_at_import_is_shortened_and_printable(tmp_path, backend_file):
    """A message of a file that fails at import has at most 500 characters, none of which controls a terminal."""
    path = backend_file("loud", "import numpy as np\n", "raise ValueError('\\x1b[31m' + 9999 * 'x')\n")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == "failed"
    assert len(report.checks[-1].detail) <= 500
    assert report.checks[-1].detail.isprintable()


def test_results_of_nan_are_no_sign_of_a_changed_input(tmp_path, backend_file):
    """A backend that returns NaN in each call is wrong, but neither changes its inputs nor keeps a state."""
    path = backend_file("nan", "return beta, np.array(losses", "return beta * np.nan, np.array(losses")
    (report,) = check([str(path)], tmp_path).backends
    assert report.status == "wrong"
    assert {r.check for r in report.checks if r.passed} >= {f"leaves_its_inputs_alone[{dtype}]" for dtype in UNIT}
    assert not any("second call" in (r.hint or "") for r in report.checks)
