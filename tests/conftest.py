"""What all tests share: the backends by name, and what a missing library means."""

import importlib

import pytest

from backends import BackendUnavailable, load, names


def pytest_addoption(parser):
    parser.addoption(
        "--require-all", action="store_true", help="a backend whose library is missing fails instead of being skipped"
    )


@pytest.fixture(params=names())
def backend(request):
    """Each backend in the registry; there is no second list to keep."""
    try:
        return load(request.param)
    except BackendUnavailable as error:
        if request.config.getoption("--require-all"):
            raise
        pytest.skip(str(error))  # its library is an optional one, and not here


@pytest.fixture
def fresh(tmp_path):
    """Write a backend file; the text stands for what differs from numpy_vectorized."""

    def write(name, old="", new="", text=None):
        source = importlib.resources.files("backends").joinpath("numpy_vectorized.py").read_text()
        if text is None:
            assert old in source, f"numpy_vectorized no longer holds {old!r}"
            text = source.replace(old, new)
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    return write
