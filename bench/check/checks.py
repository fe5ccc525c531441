"""The checks of `gdbench check`, one function each.

A check takes the module of a backend and a dtype. It raises Wrong with the reason, or returns the error that is nearest
to its bound, with that bound. It returns None if it compares no numbers.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends._curvature import default_learning_rate
from backends._errors import describe_error
from bench.check import fixtures
from bench.check.answer import (
    Wrong,
    as_arrays,
    check_form,
    check_length,
    error_context,
    judge,
    require,
    solve_fixture,
    unpack,
)
from bench.check.bound import UNIT, Reference, reference
from bench.check.fixtures import Fixture
from bench.check.messages import (
    DIFFERS,
    EARLIER_RESULT,
    INPUT_CHANGED,
    REUSED_BUFFER,
    RIGHT_AT_FIRST,
    SECOND_CALL,
    SHARES_MEMORY,
    STRICT,
    WRITTEN_TO,
)
from bench.check.oracle import closed_form, distance, exact_iterates
from bench.check.races import meeting_threads
from bench.check.stopping import broken_rule, stop_window
from bench.data import problems
from bench.records import error_share

Measured = tuple[float, float] | None
REPETITIONS, REPEATED_S = 100, 0.1  # calls on one problem to find a race: at most so many in so many seconds
# What NumPy, Python and Numba say of a write to a read-only array.
WRITE_ERRORS = (
    "assignment destination is read-only",
    "output array is read-only",
    "cannot modify read-only memory",
    "Cannot modify readonly array",
)


def returns_the_right_form(backend: ModuleType, dtype: str) -> Measured:
    """fit returns arrays of the right types, shapes, dtypes and lengths; without an update it returns the start."""
    fixture = fixtures.unconverged(dtype)[0]
    for max_iter in (3, 1, 0):
        shorter = replace(fixture, max_iter=max_iter)
        beta, losses = _solve(backend, shorter)
        check_length(losses, max_iter)
    with error_context("with max_iter = 0"):  # the bound of beta is 0 here
        judge(beta, losses, _expected(backend, shorter), dtype)
    return None


def leaves_its_inputs_alone(backend: ModuleType, dtype: str) -> Measured:
    """prepare and fit accept read-only arrays and never write to their inputs."""
    fixture = fixtures.unconverged(dtype)[0]
    read_only = fixture.copies()
    for array in read_only:
        array.flags.writeable = False
    try:
        result = backend.fit(*backend.prepare(*read_only), *fixture.arguments)
    except BaseException as error:
        if (reason := _writing(backend, fixture)) is not None:
            raise Wrong(reason) from error
        raise
    first = _copied(backend, result)
    # Then writable inputs: a backend may catch the error of writing to a read-only array.
    writable = fixture.copies()
    native = backend.prepare(*writable)
    for _ in range(2):
        second = _copied(backend, backend.fit(*native, *fixture.arguments))
        for name, before, now in zip(("beta", "losses"), first, second, strict=True):
            tolerance = 1e3 * UNIT[dtype]
            if before.shape != now.shape or not np.allclose(
                before, now, rtol=tolerance, atol=tolerance, equal_nan=True
            ):
                raise Wrong(
                    f"{SECOND_CALL} on the same inputs gave another {name}: fit changes its inputs or keeps a state"
                )
    for name, before, now in zip(("X", "y", "beta"), fixture.copies(), writable, strict=True):
        if not np.array_equal(before, now):
            raise Wrong(f"{name} {INPUT_CHANGED}; allowed: inputs stay as they are")
    return None


def _writing(backend: ModuleType, fixture: Fixture) -> str | None:
    """Which input a backend writes to, if this is why it raises for read-only inputs.

    It raises nothing if all can be written, and again if this one alone is read-only. It also changes this one, or its
    error says that it writes; else it may only refuse read-only arrays, as some libraries do.
    """

    def error_of(inputs: tuple[NDArray[Any], ...]) -> BaseException | None:
        try:
            backend.fit(*backend.prepare(*inputs), *fixture.arguments)
        except BaseException as error:
            return error
        return None

    originals, writable = fixture.copies(), fixture.copies()
    if error_of(writable) is not None:
        return None
    for place, name in enumerate(("X", "y", "beta")):
        inputs = fixture.copies()
        inputs[place].flags.writeable = False
        if (error := error_of(inputs)) is not None:
            description = describe_error(error, getattr(backend, "__file__", None))
            says_so = any(words in description for words in WRITE_ERRORS)
            if says_so or not np.array_equal(writable[place], originals[place]):
                return f"{name} {WRITTEN_TO}: read-only, it gives {description}"
    return None


def returns_memory_of_its_own(backend: ModuleType, dtype: str) -> Measured:
    """The results share no memory with the inputs, and a later call does not change them."""
    base = fixtures.unconverged(dtype)[0]
    for fixture in (replace(base, max_iter=0), base):
        native = backend.prepare(*fixture.copies())
        result = unpack(backend.fit(*native, *fixture.arguments))
        for name, returned in zip(("beta", "losses"), result, strict=True):
            for source, array in zip(("X", "y", "beta"), native, strict=True):
                same = returned is array and isinstance(array, list)
                if isinstance(returned, np.ndarray) and isinstance(array, np.ndarray):
                    same = np.shares_memory(returned, array)
                if same:
                    shares = f"the {name} returned {SHARES_MEMORY} of the {source} given"
                    raise Wrong(f"{shares} (max_iter = {fixture.max_iter})")
        kept = _copied(backend, result)
        backend.fit(*backend.prepare(fixture.X * 2, fixture.y + 1, fixture.beta0 - 1), *fixture.arguments)
        for name, before, now in zip(("beta", "losses"), kept, result, strict=True):
            if not np.array_equal(before, backend.to_numpy(now), equal_nan=True):
                raise Wrong(f"the {name} returned changed when fit was called again: {REUSED_BUFFER}")
    return None


def forgets_earlier_calls(backend: ModuleType, dtype: str) -> Measured:
    """Results are right for a problem and for others that differ in one argument or in size, in alternation."""
    base = fixtures.unconverged(dtype)[0]
    others = {
        "more rows": replace(base, X=np.concatenate([base.X, base.X[:5]]), y=np.append(base.y, base.y[:5])),
        "another X of the same shape": replace(base, X=base.X[::-1].copy()),
        "another y": replace(base, y=base.y[::-1].copy()),
        "another start": replace(base, beta0=-base.beta0),
        "another learning_rate": replace(base, learning_rate=base.learning_rate / 2),
        "another max_iter": replace(base, max_iter=1),
    }
    first = solve_fixture(backend, base)
    measured = [judge(*first, _expected(backend, base), dtype)]
    for name, other in others.items():
        answer = solve_fixture(backend, other)
        again = f", it {EARLIER_RESULT}" if all(map(np.array_equal, answer, first)) else ""
        with error_context(f"with {name}, after other calls{again}"):
            measured.append(judge(*answer, _expected(backend, other), dtype))
        with error_context(f"{RIGHT_AT_FIRST} {name}"):
            measured.append(_judge_fixture(backend, base))
    return _largest(measured)


def follows_the_exact_iterates(backend: ModuleType, dtype: str) -> Measured:
    """The results agree with rational arithmetic."""
    return _largest(_judge_exactly(backend, fixture) for fixture in fixtures.unconverged(dtype))


def is_exact_on_integers(backend: ModuleType, dtype: str) -> Measured:
    """The results are exact where the algorithm rounds nothing."""
    if _normwise(backend):  # another algorithm may round here
        return None
    fixture = fixtures.integers(dtype)
    betas, exact_losses = exact_iterates(*fixture.inputs)
    beta, losses = _solve(backend, fixture)
    # A loss may be the square of a norm, which rounds twice. beta must be exact.
    for name, computed, exact, slack in (
        ("beta", beta, betas[-1], 0),
        ("losses", losses, exact_losses, 4 * UNIT[dtype]),
    ):
        close = [abs(float(c) - float(e)) <= slack * float(e) for c, e in zip(computed, exact, strict=False)]
        if len(computed) != len(exact) or not all(close):
            raise Wrong(
                f"on small integers, where nothing is rounded, {name} is {list(map(float, computed))};"
                f" it is exactly {list(map(float, exact))}"
            )
    return 0.0, 0.0


def fits_every_shape(backend: ModuleType, dtype: str) -> Measured:
    """The results agree with the reference at sizes that no block divides."""
    return _largest(_judge_named(backend, fixture) for fixture in fixtures.shapes(dtype))


def repeats_its_results(backend: ModuleType, dtype: str) -> Measured:
    """The results agree with the reference in many calls, while threads are made to meet."""
    with meeting_threads():
        return _largest([_judge_named(backend, fixture, REPEATED_S) for fixture in fixtures.shapes(dtype)[-2:]])


def survives_hard_problems(backend: ModuleType, dtype: str) -> Measured:
    """The results agree with the reference for degenerate problems."""
    return _largest(_judge_named(backend, fixture) for fixture in fixtures.hard(dtype))


def follows_a_long_descent(backend: ModuleType, dtype: str) -> Measured:
    """After thousands of updates, beta agrees with the closed form."""
    fixture = fixtures.long(dtype)
    expected = _expected(backend, fixture)
    beta, losses = solve_fixture(backend, fixture)
    judge(beta, losses, expected, dtype)
    error, bound = distance(beta, closed_form(*fixture.inputs)[0]), float(expected.beta_bound[-1])
    far = f"after {fixture.max_iter} updates beta is {error:.3g} from the closed form"
    return require(error, bound, f"{far}; correct arithmetic is within {bound:.3g}")


def obeys_the_symmetries(backend: ModuleType, dtype: str) -> Measured:
    """The results change as they must when the problem changes, which needs no oracle.

    Each changed problem is computed without rounding, so both results have the same exact value and a bound each.
    """
    fixture = fixtures.gridded(dtype)
    X, y, d = fixture.X, fixture.y, fixture.X.shape[1]
    rows, columns = np.random.default_rng(1).permutation(len(X)), np.arange(d)[::-1]
    shift = np.arange(1.0, d + 1, dtype=X.dtype)
    moved = replace(fixture, y=y - X @ shift, beta0=fixture.beta0 - shift)
    # By the change: the changed problem, the inverse change of its beta, and the factor by which the inverse scales.
    relations: dict[str, tuple[Fixture, Callable[[NDArray[Any]], NDArray[Any]], float]] = {
        "rows in another order": (replace(fixture, X=X[rows], y=y[rows]), lambda b: b, 1),
        "columns in another order": (replace(fixture, X=X[:, columns].copy()), lambda b: b[columns], 1),
        "every row twice": (replace(fixture, X=np.repeat(X, 2, axis=0), y=np.repeat(y, 2)), lambda b: b, 1),
        "y times 4": (replace(fixture, y=4 * y), lambda b: b / 4, 1 / 4),
        "another origin of beta": (moved, lambda b: b + shift, 1),
        "half of the updates, then the others": (fixture, lambda b: b, 1),
    }
    beta, losses = _solve(backend, fixture)
    expected, measured = _expected(backend, fixture), []
    for name, (changed, undo, factor) in relations.items():
        other, other_losses = (_solve if changed is not fixture else _solve_in_halves)(backend, changed)
        changed_reference = _expected(backend, changed)
        truth = Reference(
            np.tile(beta.astype(np.float64), (fixture.max_iter + 1, 1)),
            losses.astype(np.float64),
            # The inverse change rounds once more.
            expected.beta_bound + factor * changed_reference.beta_bound + UNIT[dtype] * np.linalg.norm(beta),
            expected.loss_bound + factor**2 * changed_reference.loss_bound,
        )
        with error_context(name):
            measured.append(judge(undo(other), factor**2 * other_losses, truth, dtype))
    return _largest(measured)


def _solve_in_halves(backend: ModuleType, fixture: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses of two fits, of which the second starts where the first one ends."""
    middle, first = solve_fixture(backend, replace(fixture, max_iter=fixture.max_iter // 2))
    rest = replace(fixture, beta0=middle, max_iter=fixture.max_iter - len(first) + 1)
    beta, last = solve_fixture(backend, rest)
    return beta, np.concatenate([first, last[1:]])


def obeys_the_stop_rule(backend: ModuleType, dtype: str) -> Measured:
    """fit stops at the right k, and returns the beta and losses of that k."""
    cases = fixtures.stopping(dtype)
    _, exact = exact_iterates(*cases[0].inputs)  # they differ only in tol
    for fixture in cases:
        beta, losses = _solve(backend, fixture)
        n_iter = len(losses) - 1
        bounds = _expected(backend, fixture).loss_bound
        first, last = stop_window(np.array(exact, float), bounds, fixture.tol, fixture.max_iter)
        if not first <= n_iter <= last:
            allowed = str(first) if first == last else f"{first} to {last}"
            raise Wrong(f"with tol = {fixture.tol:g} it made {n_iter} updates; allowed: {allowed}")
        if (where := broken_rule(losses, fixture.tol, fixture.max_iter)) is not None:
            raise Wrong(
                f"with tol = {fixture.tol:g} its own losses break the stop rule at k = {where} (n_iter = {n_iter})"
            )
        with error_context(f"stopped by tol = {fixture.tol:g}"):
            judge(beta, losses, _expected(backend, replace(fixture, max_iter=n_iter)), dtype)
    # The comparison is strict: with J_0 = 0, no change is smaller than tol * J_0.
    zero = replace(cases[0], y=cases[0].y * 0, beta0=cases[0].beta0 * 0)
    if len(solve_fixture(backend, zero)[1]) != zero.max_iter + 1:
        raise Wrong(f"it stopped where the loss change equals tol * J_0 (both 0); {STRICT}")
    return None


def stops_when_it_diverges(backend: ModuleType, dtype: str) -> Measured:
    """fit stops at the first loss that overflows."""
    largest = Fraction(float(np.finfo(dtype).max))
    for fixture in fixtures.diverging(dtype):
        betas, exact = exact_iterates(*replace(fixture, max_iter=8).inputs)
        expected = next(k for k, loss in enumerate(exact) if loss > largest)
        beta, losses = _solve(backend, fixture)
        n_iter = len(losses) - 1
        with error_context(fixture.name):
            if math.isfinite(losses[-1]):
                raise Wrong(f"the last loss is {losses[-1]:.3g}; allowed: none, it overflows at k = {expected}")
            if abs(n_iter - expected) > (1 if _normwise(backend) else 0):
                raise Wrong(f"it made {n_iter} updates; allowed: {expected}, where the loss overflows")
            # The bound may be infinite for numbers as large as these.
            bound = float(_expected(backend, replace(fixture, max_iter=n_iter)).beta_bound[-1])
            with np.errstate(over="ignore"):
                error = distance(beta, betas[n_iter]) if np.isfinite(beta).all() else math.nan
            require(error, bound, f"beta is not the one whose loss overflows, but {beta}")
    return None


def meets_least_squares(backend: ModuleType, dtype: str) -> Measured:
    """After convergence on the penguins, beta agrees with numpy.linalg.lstsq as far as the condition number allows."""
    data = problems.penguins()
    rate = default_learning_rate(data.X)
    fixture = Fixture("penguins", data.X, data.y, np.zeros(data.X.shape[1]), rate, 600).cast(dtype)
    expected = _expected(backend, fixture)
    X, y = fixture.X.astype(np.float64), fixture.y.astype(np.float64)
    solution, _, _, singular = np.linalg.lstsq(X, y)
    # The sensitivity of least squares: Golub and Van Loan, Matrix Computations, theorem 5.3.1. Backward error: n d u.
    condition = singular[0] / singular[-1]
    residual = float(np.linalg.norm(y - X @ solution))
    slack = X.size * UNIT["float64"] * condition * (np.linalg.norm(solution) + condition * residual / singular[0])
    bound = float(expected.beta_bound[-1] + slack + np.linalg.norm(expected.betas[-1] - solution))
    error = float(np.linalg.norm(_solve(backend, fixture)[0] - solution))
    distant = f"after {fixture.max_iter} updates beta is {error:.3g} from the least-squares solution"
    return require(error, bound, f"{distant}; allowed: {bound:.3g}")


CHECKS: tuple[Callable[[ModuleType, str], Measured], ...] = (
    returns_the_right_form,
    leaves_its_inputs_alone,
    returns_memory_of_its_own,
    forgets_earlier_calls,
    follows_the_exact_iterates,
    is_exact_on_integers,
    fits_every_shape,
    repeats_its_results,
    survives_hard_problems,
    follows_a_long_descent,
    obeys_the_symmetries,
    obeys_the_stop_rule,
    stops_when_it_diverges,
    meets_least_squares,
)
# The checks whose result may depend on the number of threads.
THREADED = (is_exact_on_integers, fits_every_shape)


def _solve(backend: ModuleType, fixture: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses of one fit, with the right types, shapes and dtypes."""
    beta, losses = solve_fixture(backend, fixture)
    check_form(beta, losses, len(fixture.beta0), fixture.dtype, fixture.max_iter)
    return beta, losses


def _copied(backend: ModuleType, result: Any) -> list[np.ndarray]:
    """Copies of beta and losses, because a wrong backend may reuse a buffer."""
    return [np.array(array) for array in as_arrays(backend, result)]


def _judge_fixture(backend: ModuleType, fixture: Fixture) -> tuple[float, float]:
    """Judge the answer to a fixture by its reference."""
    return judge(*solve_fixture(backend, fixture), _expected(backend, fixture), fixture.dtype)


def _judge_named(backend: ModuleType, fixture: Fixture, seconds: float = 0.0) -> tuple[float, float]:
    """Judge the answers of calls in this time, at least one. The detail says if they differ by more than rounding."""
    expected, answers = _expected(backend, fixture), [solve_fixture(backend, fixture)]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and len(answers) < REPETITIONS:
        answers.append(solve_fixture(backend, fixture))
    with error_context(fixture.name):
        try:
            return _largest([judge(*answer, expected, fixture.dtype) for answer in answers])
        except Wrong as wrong:
            answers += [solve_fixture(backend, fixture) for _ in range(5)]
            if wrong.error is not None and _differ(answers, expected, fixture.dtype):
                raise Wrong(f"{DIFFERS}: {wrong.detail}", wrong.error, wrong.bound) from None
            raise


def _differ(answers: list[tuple[np.ndarray, np.ndarray]], expected: Reference, dtype: str) -> bool:
    """Whether an answer is further from the first one than two correct answers can be."""
    beta, losses = answers[0]
    first = Reference(beta[None], losses, 2 * expected.beta_bound, 2 * expected.loss_bound)
    for answer in answers[1:]:
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(answer, answers[0], strict=True)):
            try:
                judge(*answer, first, dtype)
            except Wrong:
                return True
    return False


def _judge_exactly(backend: ModuleType, fixture: Fixture) -> tuple[float, float]:
    """Judge the answer to a fixture by rational arithmetic."""
    betas, losses = exact_iterates(*fixture.inputs)
    beta, computed = solve_fixture(backend, fixture)
    bounds = _expected(backend, fixture)
    exact = Reference(np.array(betas, float), np.array(losses, float), bounds.beta_bound, bounds.loss_bound)
    with error_context(f"{fixture.name} ({len(fixture.y)} x {len(fixture.beta0)})"):
        judge(beta, computed, exact, fixture.dtype)
    return distance(beta, betas[-1]), float(bounds.beta_bound[-1])


def _expected(backend: ModuleType, fixture: Fixture) -> Reference:
    """The float64 reference of a fixture, with the bounds for this backend."""
    return reference(*fixture.inputs, fixture.dtype, _normwise(backend))


def _largest(measured: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The error that is nearest to its bound."""
    return max(measured, key=lambda pair: error_share(*pair))


def _normwise(backend: ModuleType) -> bool:
    return getattr(backend, "ALGORITHM", None) is not None
