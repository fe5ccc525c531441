"""`GradientDescentRegressor`: the backends as an estimator of scikit-learn."""

import os
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from backends._arguments import array
from backends._registry import load
from backends._solve import descend


class GradientDescentRegressor(RegressorMixin, BaseEstimator):
    """Least squares by full-batch gradient descent with one of the backends.

    backend, learning_rate, max_iter, tol: as in `solve`. fit_intercept: add a column of ones.
    standardize: descend on columns of mean 0 and standard deviation 1 (only scaled without an intercept). coef_ and
    intercept_ are in the units of X and y in any case.
    beta0: None for zeros, "random" for small weights drawn with random_state, or the first coefficients (n_features,),
    with fit_intercept also (n_features + 1,), the intercept first. warm_start: start from the last fit instead.
    verbose: print the loss at every multiple of this number of iterations; 0 prints nothing.

    coef_: (n_features,). intercept_: 0.0 without fit_intercept. n_iter_: the number of updates.
    loss_history_: (n_iter_ + 1,), the mean squared errors. stop_reason_: "converged", "max_iter" or "diverged".
    fit_: the `Fit` of `solve`, with near_minimum, condition and advice; the intercept is the first number of its beta.

    X with float32 is fitted in float32 if the backend supports it. `fit` emits scikit-learn's ConvergenceWarning with
    advice if the descent did not end near the minimum.
    """

    def __init__(
        self,
        backend: str | os.PathLike[str] = "numba_jit",
        *,
        learning_rate: float | None = None,
        max_iter: int = 1000,
        tol: float = 1e-9,
        fit_intercept: bool = True,
        standardize: bool = True,
        beta0: ArrayLike | str | None = None,
        random_state: Any = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        self.backend = backend
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.beta0 = beta0
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any) -> Self:
        """Fit y ~ X coef_ + intercept_. X: (n_samples, n_features), y: (n_samples,)."""
        dtypes = getattr(load(os.fspath(self.backend)), "DTYPES", ("float64", "float32"))
        if hasattr(X, "columns"):  # a DataFrame: an error has the name of the column
            array("X", X, 2)
        X, y = validate_data(self, X, y, dtype=[np.dtype(name) for name in dtypes], order="C", y_numeric=True)
        beta0 = self._start(X.shape[1])
        seed = check_random_state(self.random_state).randint(2**31) if isinstance(beta0, str) else 0
        result = descend(
            np.column_stack([np.ones(len(X), X.dtype), X]) if self.fit_intercept else X,
            y.astype(X.dtype),
            self.backend,
            self.learning_rate,
            self.max_iter,
            self.tol,
            beta0,
            standardize=self.standardize,
            seed=seed,
            log_every=int(self.verbose) or None,
        )
        if result.advice:
            warnings.warn(result.advice, ConvergenceWarning, stacklevel=2)
        self.intercept_ = float(result.beta[0]) if self.fit_intercept else 0.0
        self.coef_ = result.beta[1:] if self.fit_intercept else result.beta
        self.n_iter_, self.loss_history_, self.stop_reason_ = result.n_iter, result.losses, result.stop_reason
        self.fit_ = result
        return self

    def _start(self, n_features: int) -> ArrayLike | str | None:
        """beta0 for `solve`, with the intercept first if there is one."""
        beta0, intercept = self.beta0, 0.0
        if self.warm_start and hasattr(self, "coef_"):
            beta0, intercept = self.coef_, self.intercept_
        if beta0 is None or isinstance(beta0, str) or not self.fit_intercept or np.shape(beta0) != (n_features,):
            return beta0
        return np.concatenate([[intercept], np.asarray(beta0)])

    def predict(self, X: Any) -> NDArray[Any]:
        """X coef_ + intercept_, shape (n_samples,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.asarray(X @ self.coef_ + self.intercept_)
