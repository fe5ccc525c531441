"""What `prepare` gets: the arrays of the contract."""

import numpy as np

from backends import numpy_vectorized


def record_arrays(monkeypatch):
    """Return a list to which each call of numpy_vectorized.prepare appends its arguments."""
    calls, prepare = [], numpy_vectorized.prepare

    def recording(*arrays):
        calls.append(arrays)
        return prepare(*arrays)

    monkeypatch.setattr(numpy_vectorized, "prepare", recording)
    return calls


def assert_contract(arrays):
    """X, y and beta are as backends/__init__.py says."""
    X, y, beta = arrays
    assert (X.ndim, y.shape, beta.shape) == (2, X.shape[:1], X.shape[1:])
    for array in arrays:
        assert type(array) is np.ndarray
        assert array.dtype == X.dtype and array.dtype.name in ("float64", "float32")
        assert array.dtype.isnative
        assert array.flags.c_contiguous and array.flags.aligned
