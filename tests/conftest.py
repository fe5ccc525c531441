"""What all tests share: the backends by name, and what a missing library means."""

import importlib
import io
import shutil
import subprocess
import sys

import pytest

from backends import BackendUnavailable, load, names
from bench import cli

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser):
    parser.addoption(
        "--require-all", action="store_true", help="a backend whose library is missing fails instead of being skipped"
    )
    parser.addoption("--update-golden", action="store_true", help="write the golden files of the reports anew")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """With pytest-xdist, keep the tests of a file in one process: they share what is costly to make."""
    if getattr(config.option, "dist", None) == "load":
        config.option.dist = "loadfile"


def pytest_collection_modifyitems(items):
    """Mark as slow: backends that compile for seconds, jax_jit in float32, and plain loops on larger data."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        backend, dtype = parameters.get("backend", parameters.get("name")), parameters.get("dtype")
        loops_on_data = backend == "python_loops" and (
            parameters.get("source") in ("diabetes", "longley") or "longley" in item.name
        )
        if backend in ("numba_tuned", "jax_tuned") or (backend, dtype) == ("jax_jit", "float32") or loops_on_data:
            item.add_marker(pytest.mark.slow)


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


@pytest.fixture
def main(tmp_path, monkeypatch, capsys):
    """main("run", ...): the command line in this process, in an empty folder or in `cwd`.

    Returns (exit code, output, errors).
    """
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the handlers of this process stay

    def main(*arguments, cwd=tmp_path):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["gdbench", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return main


@pytest.fixture(scope="session")
def browser(request):
    """Chromium, launched once."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        if request.config.getoption("--require-all"):
            pytest.fail("no Chromium; install it: apt-get install chromium")
        pytest.skip("needs Chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def a_disk(tmp_path):
    """Mounts a file system of a size, such as "1m", of its own; the test is skipped where this user may not."""
    mounted = []

    def a_disk(size):
        folder = tmp_path / f"disk-{size}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a file system")
        mounted.append(folder)
        return folder

    yield a_disk
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
