"""The checks of `gdbench check`, one function each. `gdbench run` checks its results with `judge` only.

A check takes the module of a backend and a dtype. It raises Wrong with the reason, or returns the error that is nearest
to its bound, with that bound. It returns None if it compares no numbers.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends._solve import default_learning_rate
from bench.check import fixtures
from bench.check.bound import UNIT, Reference, reference
from bench.check.fixtures import Fixture
from bench.check.oracle import closed_form, distance, exact_iterates
from bench.check.stopping import broken_rule, stop_window
from bench.data import problems

Measured = tuple[float, float] | None


class Wrong(Exception):
    """A backend computes something wrong. error, bound: set if numbers were compared."""

    def __init__(self, detail: str, error: float | None = None, bound: float | None = None):
        super().__init__(detail)
        self.detail, self.error, self.bound = detail, error, bound


def solve_fixture(backend: ModuleType, fixture: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses of one fit, as NumPy arrays."""
    # Copies, because a wrong backend may write to its inputs.
    native = backend.prepare(fixture.X.copy(), fixture.y.copy(), fixture.beta0.copy())
    return as_arrays(backend, backend.fit(*native, fixture.learning_rate, fixture.max_iter, fixture.tol))


def as_arrays(backend: ModuleType, result: Any) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses as NumPy arrays, from the return value of fit."""
    beta, losses = unpack(result)
    return backend.to_numpy(beta), backend.to_numpy(losses)


def unpack(result: Any) -> tuple[Any, Any]:
    """beta and losses from the return value of fit. Raises Wrong if it is not a pair."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        count = f" of {len(result)}" if isinstance(result, tuple | list) else ""
        raise Wrong(f"fit returned a {type(result).__name__}{count}; allowed: (beta, losses)")
    beta, losses = result
    return beta, losses


@contextmanager
def error_context(where: str) -> Iterator[None]:
    """Prefix the detail of a Wrong with the context."""
    try:
        yield
    except Wrong as wrong:
        raise Wrong(f"{where}: {wrong.detail}", wrong.error, wrong.bound) from None


def check_form(beta: NDArray[Any], losses: NDArray[Any], n_features: int, dtype: str, max_iter: int) -> None:
    """Check types, shapes, dtypes and lengths. Raises Wrong."""
    for name, array in (("beta", beta), ("losses", losses)):
        if not isinstance(array, np.ndarray):
            raise Wrong(f"to_numpy({name}) returned {type(array).__name__}; allowed: numpy.ndarray")
    if beta.shape != (n_features,):
        raise Wrong(f"beta has shape {beta.shape}; allowed: ({n_features},)")
    if losses.ndim != 1 or not 1 <= len(losses) <= max_iter + 1:
        raise Wrong(f"losses has shape {losses.shape}; allowed: (n_iter + 1,) with 0 <= n_iter <= {max_iter}")
    for name, array in (("beta", beta), ("losses", losses)):
        if array.dtype != np.dtype(dtype):
            raise Wrong(f"{name} has dtype {array.dtype}; allowed: {dtype}, that of X")


def judge(beta: NDArray[Any], losses: NDArray[Any], expected: Reference, dtype: str) -> tuple[float, float]:
    """Raise Wrong unless K updates were made and beta and every loss lie within their bounds.

    Returns the error of beta and its bound.
    """
    K = len(expected.losses) - 1
    check_form(beta, losses, expected.betas.shape[1], dtype, K)
    if len(losses) != K + 1:
        last = f" (the last is {losses[-1]}, where J is {expected.losses[len(losses) - 1]:.3g})"
        why = "" if math.isfinite(losses[-1]) else last
        raise Wrong(f"losses has {len(losses)} entries{why}; allowed: {K + 1} after {K} updates with tol = 0")
    error, bound = float(np.linalg.norm(beta - expected.betas[-1])), float(expected.beta_bound[-1])
    if not error <= bound:  # a NaN is wrong, too
        raise Wrong(
            f"beta is off by {error:.3g} after {K} updates; correct arithmetic is within {bound:.3g}", error, bound
        )
    off = np.abs(losses - expected.losses)
    if not (off <= expected.loss_bound).all():
        k = int(np.argmin(off <= expected.loss_bound))
        raise Wrong(
            f"losses[{k}] is {losses[k]:.9g}, J(beta_{k}) is {expected.losses[k]:.9g}: off by {off[k]:.3g};"
            f" correct arithmetic is within {expected.loss_bound[k]:.3g}",
            float(off[k]),
            float(expected.loss_bound[k]),
        )
    return error, bound


def returns_the_right_form(backend: ModuleType, dtype: str) -> Measured:
    """fit returns arrays of the right types, shapes, dtypes and lengths; without an update it returns the start."""
    fixture = fixtures.unconverged(dtype)[0]
    for max_iter in (3, 1, 0):
        shorter = replace(fixture, max_iter=max_iter)
        beta, losses = solve_fixture(backend, shorter)
        check_form(beta, losses, len(fixture.beta0), dtype, max_iter)
        if len(losses) != max_iter + 1:
            raise Wrong(
                f"losses has {len(losses)} entries; allowed: {max_iter + 1} after {max_iter} updates with tol = 0"
            )
    with error_context("with max_iter = 0"):  # the bound of beta is 0 here
        judge(beta, losses, _expected(backend, shorter, dtype), dtype)
    return None


def leaves_its_inputs_alone(backend: ModuleType, dtype: str) -> Measured:
    """prepare and fit accept read-only arrays and never write to their inputs."""
    fixture = fixtures.unconverged(dtype)[0]
    inputs = [array.copy() for array in (fixture.X, fixture.y, fixture.beta0)]
    for array in inputs:
        array.flags.writeable = False
    X, y, beta0 = inputs
    native = backend.prepare(X, y, beta0)
    arguments = fixture.learning_rate, fixture.max_iter, fixture.tol
    first = [np.array(backend.to_numpy(a)) for a in unpack(backend.fit(*native, *arguments))]
    # Then writable inputs: a backend may catch the error of writing to a read-only array.
    again = backend.prepare(fixture.X.copy(), fixture.y.copy(), fixture.beta0.copy())
    for _ in range(2):
        second = [np.array(backend.to_numpy(a)) for a in unpack(backend.fit(*again, *arguments))]
        for name, first_array, second_array in zip(("beta", "losses"), first, second, strict=True):
            if first_array.shape != second_array.shape or not np.allclose(
                first_array, second_array, rtol=1e3 * UNIT[dtype], atol=1e3 * UNIT[dtype]
            ):
                raise Wrong(
                    f"a second call on the same inputs gave another {name}: fit changes its inputs or keeps a state"
                )
    writable = [array.copy() for array in (fixture.X, fixture.y, fixture.beta0)]
    backend.fit(*backend.prepare(*writable), *arguments)
    for name, before, after in zip(("X", "y", "beta"), (fixture.X, fixture.y, fixture.beta0), writable, strict=True):
        if not np.array_equal(before, after):
            raise Wrong(f"{name} was changed by prepare or fit; allowed: inputs stay as they are")
    return None


def returns_memory_of_its_own(backend: ModuleType, dtype: str) -> Measured:
    """The results share no memory with the inputs, and a later call does not change them."""
    fixture = fixtures.unconverged(dtype)[0]
    for max_iter in (0, fixture.max_iter):
        native = backend.prepare(fixture.X.copy(), fixture.y.copy(), fixture.beta0.copy())
        arguments = fixture.learning_rate, max_iter, fixture.tol
        result = unpack(backend.fit(*native, *arguments))
        for name, returned in zip(("beta", "losses"), result, strict=True):
            for source, array_ in zip(("X", "y", "beta"), native, strict=True):
                same = returned is array_ and isinstance(array_, list)
                if isinstance(returned, np.ndarray) and isinstance(array_, np.ndarray):
                    same = np.shares_memory(returned, array_)
                if same:
                    raise Wrong(f"the {name} returned shares the memory of the {source} given (max_iter = {max_iter})")
        kept = [np.array(backend.to_numpy(array)) for array in result]
        backend.fit(*backend.prepare(fixture.X * 2, fixture.y + 1, fixture.beta0 - 1), *arguments)
        for name, before, now in zip(("beta", "losses"), kept, result, strict=True):
            if not np.array_equal(before, backend.to_numpy(now), equal_nan=True):
                raise Wrong(f"the {name} returned changed when fit was called again: a buffer is reused")
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
    measured = [judge(*first, _expected(backend, base, dtype), dtype)]
    for name, other in others.items():
        beta, losses = solve_fixture(backend, other)
        again = np.array_equal(beta, first[0]) and np.array_equal(losses, first[1])
        with error_context(
            f"with {name}, after other calls{', it returned the result of an earlier one again' if again else ''}"
        ):
            measured.append(judge(beta, losses, _expected(backend, other, dtype), dtype))
        with error_context(f"right at first, but after a call with {name}"):
            measured.append(judge(*solve_fixture(backend, base), _expected(backend, base, dtype), dtype))
    return _largest(measured)


def follows_the_exact_iterates(backend: ModuleType, dtype: str) -> Measured:
    """The results agree with rational arithmetic."""
    return _largest(_judge_exactly(backend, fixture, dtype) for fixture in fixtures.unconverged(dtype))


def is_exact_on_integers(backend: ModuleType, dtype: str) -> Measured:
    """The results are exact where the algorithm rounds nothing."""
    if _normwise(backend):  # another algorithm may round here
        return None
    fixture = fixtures.integers(dtype)
    betas, exact_losses = exact_iterates(*fixture.problem)
    beta, losses = solve_fixture(backend, fixture)
    check_form(beta, losses, len(fixture.beta0), dtype, fixture.max_iter)
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
    """The results agree with the reference for sizes at which blocks and tiles are not full."""
    return _largest(_judge_named(backend, fixture, dtype) for fixture in fixtures.shapes(dtype))


def survives_hard_problems(backend: ModuleType, dtype: str) -> Measured:
    """The results agree with the reference for degenerate problems."""
    return _largest(_judge_named(backend, fixture, dtype) for fixture in fixtures.hard(dtype))


def follows_a_long_descent(backend: ModuleType, dtype: str) -> Measured:
    """After thousands of updates, beta agrees with the closed form."""
    fixture = fixtures.long(dtype)
    expected = _expected(backend, fixture, dtype)
    beta, losses = solve_fixture(backend, fixture)
    judge(beta, losses, expected, dtype)
    exact, _ = closed_form(*fixture.problem)
    error, bound = distance(beta, exact), float(expected.beta_bound[-1])
    if not error <= bound:
        far = f"after {fixture.max_iter} updates beta is {error:.3g} from the closed form; correct arithmetic is within"
        raise Wrong(f"{far} {bound:.3g}", error, bound)
    return error, bound


def obeys_the_symmetries(backend: ModuleType, dtype: str) -> Measured:
    """The results change as they must when the problem changes, which needs no oracle.

    Each changed problem is computed without rounding, so both results have the same exact value and a bound each.
    """
    fixture = fixtures.gridded(dtype)
    X, y, d = fixture.X, fixture.y, fixture.X.shape[1]
    rows, columns = np.random.default_rng(1).permutation(len(X)), np.arange(d)[::-1]
    shift = np.arange(1.0, d + 1, dtype=X.dtype)
    # The change; the changed problem; the inverse change of its beta; the factor by which the inverse scales.
    relations: list[tuple[str, Fixture, Callable[[NDArray[Any]], NDArray[Any]], float]] = [
        ("rows in another order", replace(fixture, X=X[rows], y=y[rows]), lambda b: b, 1),
        ("columns in another order", replace(fixture, X=X[:, columns].copy()), lambda b: b[columns], 1),
        ("every row twice", replace(fixture, X=np.repeat(X, 2, axis=0), y=np.repeat(y, 2)), lambda b: b, 1),
        ("y times 4", replace(fixture, y=4 * y), lambda b: b / 4, 1 / 4),
        (
            "another origin of beta",
            replace(fixture, y=y - X @ shift, beta0=fixture.beta0 - shift),
            lambda b: b + shift,
            1,
        ),
        ("half of the updates, then the others", fixture, lambda b: b, 1),
    ]

    def ask(name: str, changed: Fixture) -> tuple[np.ndarray, np.ndarray]:
        if not name.startswith("half"):
            return solve_fixture(backend, changed)
        middle, first = solve_fixture(backend, replace(changed, max_iter=changed.max_iter // 2))
        beta, last = solve_fixture(backend, replace(changed, beta0=middle, max_iter=changed.max_iter - len(first) + 1))
        return beta, np.concatenate([first, last[1:]])

    beta, losses = solve_fixture(backend, fixture)
    check_form(beta, losses, d, dtype, fixture.max_iter)
    expected, measured = _expected(backend, fixture, dtype), []
    for name, changed, undo, factor in relations:
        other, other_losses = ask(name, changed)
        check_form(other, other_losses, d, dtype, fixture.max_iter)
        changed_reference = _expected(backend, changed, dtype)
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


def obeys_the_stop_rule(backend: ModuleType, dtype: str) -> Measured:
    """fit stops at the right k, and returns the beta and losses of that k."""
    for fixture in fixtures.stopping(dtype):
        beta, losses = solve_fixture(backend, fixture)
        check_form(beta, losses, len(fixture.beta0), dtype, fixture.max_iter)
        n_iter = len(losses) - 1
        _, exact = exact_iterates(*fixture.problem)
        bounds = _expected(backend, fixture, dtype).loss_bound
        first, last = stop_window(np.array([float(loss) for loss in exact]), bounds, fixture.tol, fixture.max_iter)
        if not first <= n_iter <= last:
            allowed = str(first) if first == last else f"{first} to {last}"
            raise Wrong(f"with tol = {fixture.tol:g} it made {n_iter} updates; allowed: {allowed}")
        if (where := broken_rule(losses, fixture.tol, fixture.max_iter)) is not None:
            raise Wrong(
                f"with tol = {fixture.tol:g} its own losses break the stop rule at k = {where} (n_iter = {n_iter})"
            )
        with error_context(f"stopped by tol = {fixture.tol:g}"):
            judge(beta, losses, _expected(backend, replace(fixture, max_iter=n_iter), dtype), dtype)
    # The comparison is strict: with J_0 = 0, no change is smaller than tol * J_0.
    still = fixtures.stopping(dtype)[0]
    zero = replace(still, y=still.y * 0, beta0=still.beta0 * 0, max_iter=4)
    if len(solve_fixture(backend, zero)[1]) != 5:
        raise Wrong("it stopped where the loss change equals tol * J_0 (both 0); the comparison is strict")
    return None


def stops_when_it_diverges(backend: ModuleType, dtype: str) -> Measured:
    """fit stops at the first loss that overflows."""
    largest = Fraction(float(np.finfo(dtype).max))
    for fixture in fixtures.diverging(dtype):
        betas, exact = exact_iterates(fixture.X, fixture.y, fixture.beta0, fixture.learning_rate, 8)
        expected = next(k for k, loss in enumerate(exact) if loss > largest)
        beta, losses = solve_fixture(backend, fixture)
        check_form(beta, losses, len(fixture.beta0), dtype, fixture.max_iter)
        if math.isfinite(losses[-1]):
            raise Wrong(
                f"{fixture.name}: the last loss is {losses[-1]:.3g}; allowed: none, it overflows at k = {expected}"
            )
        slack = 1 if _normwise(backend) else 0
        if abs(len(losses) - 1 - expected) > slack:
            raise Wrong(
                f"{fixture.name}: it made {len(losses) - 1} updates; allowed: {expected}, where the loss overflows"
            )
        # The bound may be infinite for numbers as large as these.
        bound = _expected(backend, replace(fixture, max_iter=len(losses) - 1), dtype).beta_bound[-1]
        with np.errstate(over="ignore"):
            error = distance(beta, betas[len(losses) - 1]) if np.isfinite(beta).all() else math.nan
        if not error <= bound:
            raise Wrong(f"{fixture.name}: beta is not the one whose loss overflows, but {beta}", error, float(bound))
    return None


def meets_least_squares(backend: ModuleType, dtype: str) -> Measured:
    """After convergence on the penguins, beta agrees with numpy.linalg.lstsq as far as the condition number allows."""
    data = problems.penguins()
    rate = float(np.float32(default_learning_rate(data.X)))
    fixture = Fixture("penguins", data.X, data.y, np.zeros(data.X.shape[1]), rate, 600).cast(dtype)
    expected = _expected(backend, fixture, dtype)
    X, y = fixture.X.astype(np.float64), fixture.y.astype(np.float64)
    solution, _, _, singular = np.linalg.lstsq(X, y)
    # The sensitivity of least squares: Golub and Van Loan, Matrix Computations, theorem 5.3.1. Backward error: n d u.
    condition = singular[0] / singular[-1]
    residual = float(np.linalg.norm(y - X @ solution))
    slack = X.size * UNIT["float64"] * condition * (np.linalg.norm(solution) + condition * residual / singular[0])
    bound = float(expected.beta_bound[-1] + slack + np.linalg.norm(expected.betas[-1] - solution))
    beta, losses = solve_fixture(backend, fixture)
    check_form(beta, losses, X.shape[1], dtype, fixture.max_iter)
    error = float(np.linalg.norm(beta - solution))
    if not error <= bound:
        distant = f"after {fixture.max_iter} updates beta is {error:.3g} from the least-squares solution"
        raise Wrong(f"{distant}; allowed: {bound:.3g}", error, bound)
    return error, bound


CHECKS: tuple[Callable[[ModuleType, str], Measured], ...] = (
    returns_the_right_form,
    leaves_its_inputs_alone,
    returns_memory_of_its_own,
    forgets_earlier_calls,
    follows_the_exact_iterates,
    is_exact_on_integers,
    fits_every_shape,
    survives_hard_problems,
    follows_a_long_descent,
    obeys_the_symmetries,
    obeys_the_stop_rule,
    stops_when_it_diverges,
    meets_least_squares,
)
# The checks whose result may depend on the number of threads.
THREADED = (follows_the_exact_iterates, is_exact_on_integers, fits_every_shape)


def _judge_exactly(backend: ModuleType, fixture: Fixture, dtype: str) -> Measured:
    betas, losses = exact_iterates(*fixture.problem)
    beta, computed = solve_fixture(backend, fixture)
    bounds = _expected(backend, fixture, dtype)
    exact = Reference(np.array(betas, float), np.array(losses, float), bounds.beta_bound, bounds.loss_bound)
    with error_context(f"{fixture.name} ({len(fixture.y)} x {len(fixture.beta0)})"):
        judge(beta, computed, exact, dtype)
    return distance(beta, betas[-1]), float(bounds.beta_bound[-1])


def _judge_named(backend: ModuleType, fixture: Fixture, dtype: str) -> Measured:
    expected = _expected(backend, fixture, dtype)
    with error_context(fixture.name):
        return judge(*solve_fixture(backend, fixture), expected, dtype)


def _expected(backend: ModuleType, fixture: Fixture, dtype: str) -> Reference:
    """The float64 reference of a fixture, with the bounds for this backend."""
    normwise = _normwise(backend)
    return reference(*fixture.problem, dtype, normwise)


def _largest(measured: Any) -> Measured:
    """The error that is nearest to its bound."""
    return max((pair for pair in measured if pair), key=lambda pair: pair[0] / pair[1], default=None)


def _normwise(backend: ModuleType) -> bool:
    return getattr(backend, "ALGORITHM", None) is not None
