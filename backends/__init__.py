"""One algorithm, many implementations: the contract of a backend, and functions to use the backends.

Full-batch gradient descent for linear regression, with X (n_samples, n_features), y (n_samples,):

    y_pred = X beta        J(beta) = (1/n) sum (y - y_pred)^2
    gradient = -(2/n) X^T (y - y_pred)        beta := beta - learning_rate * gradient

A backend is one Python file of plain functions. Its name is the stem of the file.

    prepare(X, y, beta) -> (X, y, beta)
        Convert NumPy arrays to native ones: cast, copy, transfer, layout. Reported separately, not part of the timing.
        The arrays are C-contiguous, aligned, in native byte order and of one dtype. Each of them may be read-only.
    fit(X, y, beta, learning_rate, max_iter, tol) -> (beta, losses)
        The timed region. It returns when the result exists.
    to_numpy(array) -> numpy.ndarray
        Not timed.

The requirements on `fit`:

* losses[k] is J(beta_k) for k = 0 ... n_iter, so len(losses) == n_iter + 1 and losses[-1] is the loss
  of the beta returned; n_iter counts the updates made.
* At each k, in this order: J_k not finite -> stop ("diverged"); k >= 1 and
  |J_{k-1} - J_k| < tol * J_0 -> stop ("converged"); k == max_iter -> stop ("max_iter"); otherwise
  update beta. The comparison is strict, so tol = 0 never stops early. max_iter may be 0.
* The inputs are never changed. The results share no memory with them, or with a buffer that a later call
  reuses. No state except compiled code survives a call.
* The dtype of X (float64 or float32) is the dtype of the arithmetic, of beta and of losses. A file that
  supports one dtype only declares DTYPES = ("float64",).
* learning_rate, max_iter and tol are Python numbers.

A file that computes the same iterates by another algorithm declares ALGORITHM = "...".

Reading order: python_loops, numpy_vectorized, numba_jit, jax_jit. Importing this package imports no
array library but NumPy; each backend's library is imported when it is loaded.
"""

from typing import TYPE_CHECKING, Any

from backends._registry import BackendError, BackendUnavailable, describe, library_versions, load, names
from backends._solve import ConvergenceWarning, Fit, solve, stop_reason

if TYPE_CHECKING:
    from backends._estimator import GradientDescentRegressor

__all__ = [
    "BackendError",
    "BackendUnavailable",
    "ConvergenceWarning",
    "Fit",
    "GradientDescentRegressor",
    "describe",
    "library_versions",
    "load",
    "names",
    "solve",
    "stop_reason",
]


def __getattr__(name: str) -> Any:
    """GradientDescentRegressor is imported when it is used, because it needs scikit-learn."""
    if name != "GradientDescentRegressor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from backends._estimator import GradientDescentRegressor
    except ImportError as error:
        raise ImportError(f"{name} needs scikit-learn ({error}): pip install 'gdbench[sklearn]'") from error
    return GradientDescentRegressor
