"""A descent on the user's data, in chunks: until the coefficients are accurate, or for a limited time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends import BackendError, describe, load
from backends._curvature import Curvature
from backends._errors import describe_error
from backends._scaling import Scaling
from backends._solve import extend, rose
from bench.text import command

Array = NDArray[Any]
ACCURACY = 1e-10  # of the coefficients, relative to the largest one, in standard deviations of the columns
SMALL_EFFECT = 0.1  # of the standard deviation of y: smaller coefficients need no accuracy of their own
MAX_ITER = 10_000_000  # the losses of more updates need too much memory
LIMIT_S = 15.0  # of a descent without max_iter
CHUNK_S = 0.25
CHUNK_GROWTH = 4  # chunks have 1, 4, 16, ... updates, because JAX compiles anew for each number
CHUNKS_LEFT = 4  # a chunk is at most this part of the predicted updates
STALLED = 0.9  # where more of the distance is left than this, and half of it should be, the rest is rounding errors
SAME_LOSS = 1e-6  # relative difference of losses that differ by rounding errors


class WrongBackend(BackendError):
    """A backend computes something wrong."""


@dataclass(frozen=True)
class Settings:
    """How to descend. None: learning_rate 1/L, max_iter what LIMIT_S allows, tol the ACCURACY of the coefficients."""

    backend: str
    learning_rate: float | None = None
    max_iter: int | None = None
    tol: float | None = None


class Problem:
    """Standardized columns after a column of ones, and their curvature.

    X: (n, d), y: (n,) in the units of the file.
    """

    def __init__(self, X: Array, y: Array) -> None:
        self.scaling = Scaling(np.column_stack([np.ones(len(X)), X]))
        self.X, self.y = self.scaling.X, y
        self.curvature = Curvature(self.X)

    def loss(self, beta: Array) -> float:
        """J(beta)"""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.mean(np.square(self.y - self.X @ beta)))

    def distance(self, beta: Array) -> Array:
        """beta - beta_min of the nearest minimum, (d + 1,)."""
        residual = self.y - self.X @ beta
        return self.curvature.distance(residual, self.X.T @ residual * (-2 / len(self.X)))[0]


@dataclass(frozen=True)
class Descent:
    """A finished descent. beta: (d + 1,) of the standardized columns, the intercept first. losses: (n_iter + 1,).

    pace: seconds per iteration, without compilation; infinity after a single chunk, which may include it.
    """

    beta: Array
    losses: Array
    learning_rate: float
    stop_reason: str
    seconds: float
    pace: float

    @property
    def n_iter(self) -> int:
        return len(self.losses) - 1


def descend(problem: Problem, settings: Settings, progress: Callable[[Array], None] = lambda losses: None) -> Descent:
    """Descend from zeros. progress: gets all losses so far after each chunk.

    Without tol, the descent stops where the coefficients have the ACCURACY, which follows from the gradient, or where
    rounding errors allow no better ones. Raises ValueError and BackendError.
    """
    if not math.isfinite(problem.loss(np.zeros(problem.X.shape[1]))):
        raise ValueError(
            f"--target: found values up to {np.abs(problem.y).max():.3g}; allowed: finite squares (rescale it)"
        )
    rate = problem.curvature.default_rate if settings.learning_rate is None else settings.learning_rate
    limit = MAX_ITER if settings.max_iter is None else settings.max_iter
    run, accuracy = _Calls(problem, settings.backend, rate), _Accuracy(problem, rate)
    beta, losses, updates, tol = np.zeros(problem.X.shape[1]), np.empty(0), min(1, limit), settings.tol or 0.0
    began, pace = time.perf_counter(), math.inf
    while True:
        start = time.perf_counter()
        beta, losses, stopped = extend(run, beta, losses, updates, tol)
        if len(losses) - 1 > updates:  # not the first chunk, which compiles
            pace = min(pace, (time.perf_counter() - start) / updates)
        progress(losses)
        if settings.tol is None and not stopped:
            stopped = accuracy.reached(beta, updates)
        done, seconds = len(losses) - 1, time.perf_counter() - began
        if stopped or done >= limit or (settings.max_iter is None and seconds > LIMIT_S):
            break
        updates = _power(min(CHUNK_S / pace, accuracy.left / CHUNKS_LEFT, CHUNK_GROWTH * updates, limit - done))
    diverged = not np.isfinite(losses[-1]) or rose(losses, problem.y)
    reason = "diverged" if diverged else "converged" if stopped else "max_iter"
    return Descent(beta, losses, rate, reason, seconds, pace)


def _power(updates: float) -> int:
    """The largest power of CHUNK_GROWTH up to a number of updates, at least 1."""
    return int(CHUNK_GROWTH ** math.floor(math.log(max(updates, 1), CHUNK_GROWTH) + 1e-9))


class _Calls:
    """Calls of a backend. A call makes some updates of a beta, and returns (beta, losses of the start and of each)."""

    def __init__(self, problem: Problem, backend: str, learning_rate: float) -> None:
        self._backend, self._module, self._learning_rate = backend, load(backend), learning_rate
        self._problem, self._rounding = problem, SAME_LOSS**2 * float(np.mean(np.square(problem.y)))
        dtypes = getattr(self._module, "DTYPES", ("float64",))
        if "float64" not in dtypes:
            raise ValueError(
                f"--backend: found {backend}, which computes in {dtypes[0]} only; allowed: one with float64"
            )

    def __call__(self, beta: Array, updates: int, tol: float) -> tuple[Array, Array]:
        module = self._module
        try:
            arrays = module.prepare(self._problem.X, self._problem.y, beta)
            after, losses = module.fit(*arrays, self._learning_rate, updates, tol)
            after, losses = np.array(module.to_numpy(after)), np.array(module.to_numpy(losses))
        except (Exception, SystemExit) as error:
            if _is_interrupt(error):
                raise KeyboardInterrupt from None
            raise BackendError(
                f"backend {describe(self._backend).name}: {describe_error(error, module.__file__)}"
            ) from error
        self._refuse_wrong(after, losses, updates)
        return after, losses

    def _refuse_wrong(self, beta: Array, losses: Array, updates: int) -> None:
        """Raise WrongBackend for results of a wrong shape, and for a last loss that is not that of beta."""
        d = self._problem.X.shape[1]
        complete = losses.shape == (updates + 1,) or (0 < losses.size <= updates and not np.isfinite(losses[-1]))
        if beta.shape != (d,) or losses.ndim != 1 or not complete:
            found = f"beta of shape {beta.shape} and losses of shape {losses.shape}"
            allowed = f"{(d,)} and {(updates + 1,)}, for {updates} updates with tol = 0"
        else:
            loss, last = self._problem.loss(beta), float(losses[-1])
            if not math.isfinite(last) or math.isclose(loss, last, rel_tol=SAME_LOSS, abs_tol=self._rounding):
                return
            found, allowed = f"the loss {last:.6g} for a beta with the loss {loss:.6g}", "the loss of beta"
        name, check = describe(self._backend).name, command("check", path=self._backend)
        raise WrongBackend(f"backend {name}: fit returned {found}; allowed: {allowed} ({check} says more)")


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is the cause of an error. In code that Numba has compiled, it becomes a SystemError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


class _Accuracy:
    """The rule without tol. left: the predicted number of updates until the coefficients have the ACCURACY."""

    def __init__(self, problem: Problem, learning_rate: float) -> None:
        self._problem, factor = problem, problem.curvature.contraction(learning_rate)
        self._log_factor = math.log(factor) if factor > 0 else -math.inf
        self._floor = SMALL_EFFECT * float(problem.y.std())
        self._before, self._since, self.left = math.inf, 0, math.inf

    def reached(self, beta: Array, updates: int) -> bool:
        """Whether beta has the ACCURACY, or cannot come nearer because of rounding errors, after so many updates."""
        with np.errstate(all="ignore"):
            delta = self._problem.distance(beta)
            size = float(np.linalg.norm(delta))
            goal = ACCURACY * max(float(np.abs((beta - delta)[1:]).max(initial=0.0)), self._floor)
        if not math.isfinite(size):
            return False
        self._since += updates
        stalled = False
        if self._since * self._log_factor < math.log(0.5):
            stalled = size > STALLED * self._before
            self._before, self._since = size, 0
        self.left = math.log(goal / size) / self._log_factor if 0 < goal < size and self._log_factor < 0 else math.inf
        return size <= goal or stalled
