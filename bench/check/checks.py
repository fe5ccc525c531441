"""What every backend must do, as small functions: one list for `gdbench check`, the gate of `run` and the tests.

A check takes the backend's module and a dtype, raises Wrong with the evidence, and returns the largest
error found with the bound it had to keep, or None where it compares no numbers.
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
    """A backend computes something wrong. error and bound where numbers were compared."""

    def __init__(self, detail: str, error: float | None = None, bound: float | None = None):
        super().__init__(detail)
        self.detail, self.error, self.bound = detail, error, bound


def answer(backend: ModuleType, case: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses of one call from the NumPy arrays of `case` to NumPy arrays."""
    # Copies: what a backend does to its inputs must not reach what it is judged by.
    native = backend.prepare(case.X.copy(), case.y.copy(), case.beta0.copy())
    return arrays(backend, backend.fit(*native, case.learning_rate, case.max_iter, case.tol))


def arrays(backend: ModuleType, result: Any) -> tuple[np.ndarray, np.ndarray]:
    """beta and losses of what fit returned, as to_numpy gives them."""
    beta, losses = unpack(result)
    return backend.to_numpy(beta), backend.to_numpy(losses)


def unpack(result: Any) -> tuple[Any, Any]:
    """What fit returned, if it is a pair."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        count = f" of {len(result)}" if isinstance(result, tuple | list) else ""
        raise Wrong(f"fit returned a {type(result).__name__}{count}; allowed: (beta, losses)")
    beta, losses = result
    return beta, losses


@contextmanager
def error_context(where: str) -> Iterator[None]:
    """Put in front of what is found wrong where it was found."""
    try:
        yield
    except Wrong as wrong:
        raise Wrong(f"{where}: {wrong.detail}", wrong.error, wrong.bound) from None


def check_form(beta: NDArray[Any], losses: NDArray[Any], n_features: int, dtype: str, max_iter: int) -> None:
    """Types, shapes, dtypes and lengths, before any value is looked at."""
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
    """Raise Wrong unless beta and every loss lie within their bounds and all K updates were made."""
    K = len(expected.losses) - 1
    check_form(beta, losses, expected.betas.shape[1], dtype, K)
    if len(losses) != K + 1:
        last = f" (the last is {losses[-1]}, where J is {expected.losses[len(losses) - 1]:.3g})"
        why = "" if math.isfinite(losses[-1]) else last
        raise Wrong(f"losses has {len(losses)} entries{why}; allowed: {K + 1} after {K} updates with tol = 0")
    error, bound = float(np.linalg.norm(beta - expected.betas[-1])), float(expected.beta_bound[-1])
    if not error <= bound:  # written so that a NaN is wrong
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
    """Types, shapes, dtypes and counts; and without an update the start itself, with its loss."""
    case = fixtures.unconverged(dtype)[0]
    for max_iter in (3, 1, 0):
        shorter = replace(case, max_iter=max_iter)
        beta, losses = answer(backend, shorter)
        check_form(beta, losses, len(case.beta0), dtype, max_iter)
        if len(losses) != max_iter + 1:
            raise Wrong(
                f"losses has {len(losses)} entries; allowed: {max_iter + 1} after {max_iter} updates with tol = 0"
            )
    with error_context("with max_iter = 0"):  # where the bound of beta is 0
        judge(beta, losses, _expected(backend, shorter, dtype), dtype)
    return None


def leaves_its_inputs_alone(backend: ModuleType, dtype: str) -> Measured:
    case = fixtures.unconverged(dtype)[0]
    inputs = [array.copy() for array in (case.X, case.y, case.beta0)]
    for array in inputs:
        array.flags.writeable = False  # read-only arrays must work, too
    X, y, beta0 = inputs
    native = backend.prepare(X, y, beta0)
    arguments = case.learning_rate, case.max_iter, case.tol
    first = [np.array(backend.to_numpy(a)) for a in unpack(backend.fit(*native, *arguments))]
    # Writable inputs next: a change in place cannot be seen where writing fails.
    again = backend.prepare(case.X.copy(), case.y.copy(), case.beta0.copy())
    for _ in range(2):
        second = [np.array(backend.to_numpy(a)) for a in unpack(backend.fit(*again, *arguments))]
        for name, first_array, second_array in zip(("beta", "losses"), first, second, strict=True):
            if first_array.shape != second_array.shape or not np.allclose(
                first_array, second_array, rtol=1e3 * UNIT[dtype], atol=1e3 * UNIT[dtype]
            ):
                raise Wrong(
                    f"a second call on the same inputs gave another {name}: fit changes its inputs or keeps a state"
                )
    writable = [array.copy() for array in (case.X, case.y, case.beta0)]
    backend.fit(*backend.prepare(*writable), *arguments)
    for name, before, after in zip(("X", "y", "beta"), (case.X, case.y, case.beta0), writable, strict=True):
        if not np.array_equal(before, after):
            raise Wrong(f"{name} was changed by prepare or fit; allowed: inputs stay as they are")
    return None


def returns_memory_of_its_own(backend: ModuleType, dtype: str) -> Measured:
    case = fixtures.unconverged(dtype)[0]
    for max_iter in (0, case.max_iter):
        native = backend.prepare(case.X.copy(), case.y.copy(), case.beta0.copy())
        arguments = case.learning_rate, max_iter, case.tol
        result = unpack(backend.fit(*native, *arguments))
        for name, returned in zip(("beta", "losses"), result, strict=True):
            for source, array_ in zip(("X", "y", "beta"), native, strict=True):
                same = returned is array_ and isinstance(array_, list)
                if isinstance(returned, np.ndarray) and isinstance(array_, np.ndarray):
                    same = np.shares_memory(returned, array_)
                if same:
                    raise Wrong(f"the {name} returned shares the memory of the {source} given (max_iter = {max_iter})")
        kept = [np.array(backend.to_numpy(array)) for array in result]
        backend.fit(*backend.prepare(case.X * 2, case.y + 1, case.beta0 - 1), *arguments)
        for name, before, now in zip(("beta", "losses"), kept, result, strict=True):
            if not np.array_equal(before, backend.to_numpy(now), equal_nan=True):
                raise Wrong(f"the {name} returned changed when fit was called again: a buffer is reused")
    return None


def forgets_earlier_calls(backend: ModuleType, dtype: str) -> Measured:
    """One problem between others that differ from it in a single argument, or in its size: all must come out right."""
    first_case = fixtures.unconverged(dtype)[0]
    others = {
        "more rows": replace(
            first_case, X=np.concatenate([first_case.X, first_case.X[:5]]), y=np.append(first_case.y, first_case.y[:5])
        ),
        "another X of the same shape": replace(first_case, X=first_case.X[::-1].copy()),
        "another y": replace(first_case, y=first_case.y[::-1].copy()),
        "another start": replace(first_case, beta0=-first_case.beta0),
        "another learning_rate": replace(first_case, learning_rate=first_case.learning_rate / 2),
        "another max_iter": replace(first_case, max_iter=1),
    }
    first = answer(backend, first_case)
    measured = [judge(*first, _expected(backend, first_case, dtype), dtype)]
    for name, other in others.items():
        beta, losses = answer(backend, other)
        again = np.array_equal(beta, first[0]) and np.array_equal(losses, first[1])
        with error_context(
            f"with {name}, after other calls{', it gave once more the answer of an earlier one' if again else ''}"
        ):
            measured.append(judge(beta, losses, _expected(backend, other, dtype), dtype))
        with error_context(f"right at first, but after a call with {name}"):
            measured.append(judge(*answer(backend, first_case), _expected(backend, first_case, dtype), dtype))
    return _largest(measured)


def follows_the_exact_iterates(backend: ModuleType, dtype: str) -> Measured:
    return _largest(_judge_exactly(backend, case, dtype) for case in fixtures.unconverged(dtype))


def is_exact_on_integers(backend: ModuleType, dtype: str) -> Measured:
    if _normwise(backend):  # another algorithm rounds where this one does not
        return None
    case = fixtures.integers(dtype)
    betas, exact_losses = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, case.max_iter)
    beta, losses = answer(backend, case)
    check_form(beta, losses, len(case.beta0), dtype, case.max_iter)
    # A loss may be the square of a norm, which rounds twice; a beta has no such excuse.
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
    return _largest(_judge_named(backend, case, dtype) for case in fixtures.shapes(dtype))


def survives_hard_problems(backend: ModuleType, dtype: str) -> Measured:
    return _largest(_judge_named(backend, case, dtype) for case in fixtures.hard(dtype))


def follows_a_long_descent(backend: ModuleType, dtype: str) -> Measured:
    """After thousands of updates, against the closed form, which makes none."""
    case = fixtures.long(dtype)
    expected = _expected(backend, case, dtype)
    beta, losses = answer(backend, case)
    judge(beta, losses, expected, dtype)
    exact, _ = closed_form(case.X, case.y, case.beta0, case.learning_rate, case.max_iter)
    error, bound = distance(beta, exact), float(expected.beta_bound[-1])
    if not error <= bound:
        far = f"after {case.max_iter} updates beta is {error:.3g} from the closed form; correct arithmetic is within"
        raise Wrong(f"{far} {bound:.3g}", error, bound)
    return error, bound


def obeys_the_symmetries(backend: ModuleType, dtype: str) -> Measured:
    """What a change of the problem must do to the answer, where no oracle is needed to say it.

    Each changed problem is made without rounding, so that both answers have one exact truth and a bound each.
    """
    case = fixtures.gridded(dtype)
    X, y, d = case.X, case.y, case.X.shape[1]
    rows, columns = np.random.default_rng(1).permutation(len(X)), np.arange(d)[::-1]
    shift = np.arange(1.0, d + 1, dtype=X.dtype)
    # What is changed; the changed problem; how its beta is taken back; by which factor that scales.
    relations: list[tuple[str, Fixture, Callable[[NDArray[Any]], NDArray[Any]], float]] = [
        ("rows in another order", replace(case, X=X[rows], y=y[rows]), lambda b: b, 1),
        ("columns in another order", replace(case, X=X[:, columns].copy()), lambda b: b[columns], 1),
        ("every row twice", replace(case, X=np.repeat(X, 2, axis=0), y=np.repeat(y, 2)), lambda b: b, 1),
        ("y times 4", replace(case, y=4 * y), lambda b: b / 4, 1 / 4),
        ("another origin of beta", replace(case, y=y - X @ shift, beta0=case.beta0 - shift), lambda b: b + shift, 1),
        ("half of the updates, then the others", case, lambda b: b, 1),
    ]

    def ask(name: str, changed: Fixture) -> tuple[np.ndarray, np.ndarray]:
        if not name.startswith("half"):
            return answer(backend, changed)
        middle, first = answer(backend, replace(changed, max_iter=changed.max_iter // 2))
        beta, last = answer(backend, replace(changed, beta0=middle, max_iter=changed.max_iter - len(first) + 1))
        return beta, np.concatenate([first, last[1:]])

    beta, losses = answer(backend, case)
    check_form(beta, losses, d, dtype, case.max_iter)
    expected, measured = _expected(backend, case, dtype), []
    for name, changed, undo, factor in relations:
        other, other_losses = ask(name, changed)
        check_form(other, other_losses, d, dtype, case.max_iter)
        changed_reference = _expected(backend, changed, dtype)
        truth = Reference(
            np.tile(beta.astype(np.float64), (case.max_iter + 1, 1)),
            losses.astype(np.float64),
            # The change is taken back in the dtype, too: one rounding more.
            expected.beta_bound + factor * changed_reference.beta_bound + UNIT[dtype] * np.linalg.norm(beta),
            expected.loss_bound + factor**2 * changed_reference.loss_bound,
        )
        with error_context(name):
            measured.append(judge(undo(other), factor**2 * other_losses, truth, dtype))
    return _largest(measured)


def obeys_the_stop_rule(backend: ModuleType, dtype: str) -> Measured:
    for case in fixtures.stopping(dtype):
        beta, losses = answer(backend, case)
        check_form(beta, losses, len(case.beta0), dtype, case.max_iter)
        n_iter = len(losses) - 1
        _, exact = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, case.max_iter)
        bounds = _expected(backend, case, dtype).loss_bound
        first, last = stop_window(np.array([float(loss) for loss in exact]), bounds, case.tol, case.max_iter)
        if not first <= n_iter <= last:
            allowed = str(first) if first == last else f"{first} to {last}"
            raise Wrong(f"with tol = {case.tol:g} it made {n_iter} updates; allowed: {allowed}")
        if (where := broken_rule(losses, case.tol, case.max_iter)) is not None:
            raise Wrong(
                f"with tol = {case.tol:g} its own losses break the stop rule at k = {where} (n_iter = {n_iter})"
            )
        # What it stopped with belongs to the update where it stopped.
        with error_context(f"stopped by tol = {case.tol:g}"):
            judge(beta, losses, _expected(backend, replace(case, max_iter=n_iter), dtype), dtype)
    # Strict: with J_0 = 0 nothing is smaller than tol * J_0, and so nothing may stop it.
    still = fixtures.stopping(dtype)[0]
    zero = replace(still, y=still.y * 0, beta0=still.beta0 * 0, max_iter=4)
    if len(answer(backend, zero)[1]) != 5:
        raise Wrong("it stopped where the loss change equals tol * J_0 (both 0); the comparison is strict")
    return None


def stops_when_it_diverges(backend: ModuleType, dtype: str) -> Measured:
    largest = Fraction(float(np.finfo(dtype).max))
    for case in fixtures.diverging(dtype):
        betas, exact = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, 8)
        expected = next(k for k, loss in enumerate(exact) if loss > largest)
        beta, losses = answer(backend, case)
        check_form(beta, losses, len(case.beta0), dtype, case.max_iter)
        if math.isfinite(losses[-1]):
            raise Wrong(
                f"{case.name}: the last loss is {losses[-1]:.3g}; allowed: none, it overflows at k = {expected}"
            )
        slack = 1 if _normwise(backend) else 0
        if abs(len(losses) - 1 - expected) > slack:
            raise Wrong(
                f"{case.name}: it made {len(losses) - 1} updates; allowed: {expected}, where the loss overflows"
            )
        # The beta of that loss, as far as numbers this large have a bound.
        bound = _expected(backend, replace(case, max_iter=len(losses) - 1), dtype).beta_bound[-1]
        with np.errstate(over="ignore"):
            error = distance(beta, betas[len(losses) - 1]) if np.isfinite(beta).all() else math.nan
        if not error <= bound:
            raise Wrong(f"{case.name}: beta is not the one whose loss overflows, but {beta}", error, float(bound))
    return None


def meets_least_squares(backend: ModuleType, dtype: str) -> Measured:
    """Converged on the penguins it is as near to numpy.linalg.lstsq as the conditioning lets both be."""
    data = problems.penguins()
    rate = float(np.float32(default_learning_rate(data.X)))
    case = Fixture("penguins", data.X, data.y, np.zeros(data.X.shape[1]), rate, 600).cast(dtype)
    expected = _expected(backend, case, dtype)
    X, y = case.X.astype(np.float64), case.y.astype(np.float64)
    solution, _, _, singular = np.linalg.lstsq(X, y)
    # Golub and Van Loan, Matrix Computations, theorem 5.3.1: the sensitivity of least squares, n d u as backward error.
    condition = singular[0] / singular[-1]
    residual = float(np.linalg.norm(y - X @ solution))
    slack = X.size * UNIT["float64"] * condition * (np.linalg.norm(solution) + condition * residual / singular[0])
    bound = float(expected.beta_bound[-1] + slack + np.linalg.norm(expected.betas[-1] - solution))
    beta, losses = answer(backend, case)
    check_form(beta, losses, X.shape[1], dtype, case.max_iter)
    error = float(np.linalg.norm(beta - solution))
    if not error <= bound:
        far = f"after {case.max_iter} updates beta is {error:.3g} from the least-squares solution; allowed: {bound:.3g}"
        raise Wrong(far, error, bound)
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
# Those that another number of threads could answer differently.
THREADED = (follows_the_exact_iterates, is_exact_on_integers, fits_every_shape)


def _judge_exactly(backend: ModuleType, case: Fixture, dtype: str) -> Measured:
    betas, losses = exact_iterates(case.X, case.y, case.beta0, case.learning_rate, case.max_iter)
    beta, computed = answer(backend, case)
    bounds = _expected(backend, case, dtype)
    exact = Reference(np.array(betas, float), np.array(losses, float), bounds.beta_bound, bounds.loss_bound)
    with error_context(f"{case.name} ({len(case.y)} x {len(case.beta0)})"):
        judge(beta, computed, exact, dtype)
    return distance(beta, betas[-1]), float(bounds.beta_bound[-1])


def _judge_named(backend: ModuleType, case: Fixture, dtype: str) -> Measured:
    expected = _expected(backend, case, dtype)
    with error_context(case.name):
        return judge(*answer(backend, case), expected, dtype)


def _expected(backend: ModuleType, case: Fixture, dtype: str) -> Reference:
    """Our own float64 descent on `case`, with the bound that this backend has to keep."""
    normwise = _normwise(backend)
    return reference(case.X, case.y, case.beta0, case.learning_rate, case.max_iter, dtype, normwise)


def _largest(measured: Any) -> Measured:
    """The error nearest to its bound."""
    return max((pair for pair in measured if pair), key=lambda pair: pair[0] / pair[1], default=None)


def _normwise(backend: ModuleType) -> bool:
    return getattr(backend, "ALGORITHM", None) is not None
