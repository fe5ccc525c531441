"""Options and fixtures of all tests."""

import importlib.resources
import importlib.util
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backends import BackendUnavailable, load, names
from bench import cli

REPOSITORY = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser):
    parser.addoption(
        "--require-all", action="store_true", help="a missing library or browser is a failure instead of a skip"
    )
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files of the reports")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """With pytest-xdist, run the tests of a file in one process, because they share expensive fixtures."""
    if getattr(config.option, "dist", None) == "load":
        config.option.dist = "loadfile"


def pytest_collection_modifyitems(items):
    """Mark as slow: the compiled tuned backends, jax_jit in float32, and three backends on data with many updates."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        backend, dtype = parameters.get("backend", parameters.get("name")), parameters.get("dtype")
        longley = "longley" in item.name and backend in ("python_loops", "numpy_tuned", "qr_compressed")
        loops_on_diabetes = (backend, parameters.get("source")) == ("python_loops", "diabetes")
        many_updates = longley or loops_on_diabetes
        if backend in ("numba_tuned", "jax_tuned") or (backend, dtype) == ("jax_jit", "float32") or many_updates:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=names())
def backend(request):
    """Each backend in the registry. Skip the test if its library is missing."""
    try:
        return load(request.param)
    except BackendUnavailable as error:
        if request.config.getoption("--require-all"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def backend_file(tmp_path):
    """Write a backend file: numpy_vectorized with `old` replaced by `new`, or `text`. Return its path."""

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
    """Run the command line in this process, in an empty folder or in `cwd`: main("run", ...).

    Return (exit code, standard output, standard error).
    """
    monkeypatch.setattr("signal.signal", lambda *_: None)  # keep the signal handlers of this process

    def main(*arguments, cwd=tmp_path):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["gdbench", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as exit_info:
            cli.main()
        return exit_info.value.code, *capsys.readouterr()

    return main


def skip(request, reason):
    """Skip the test, or fail with --require-all."""
    (pytest.fail if request.config.getoption("--require-all") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def site(request, tmp_path_factory):
    """A folder with what pip installs from the wheel: the packages, and the command in bin/."""
    if absent := [name for name in ("hatchling", "pip") if importlib.util.find_spec(name) is None]:
        skip(request, f"{absent[0]} is not installed")
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")

    def run(*words):
        command = [sys.executable, "-m", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
        assert done.returncode == 0, done.stderr

    run("hatchling", "build", "--target", "wheel", "--directory", wheels)
    run("pip", "install", "--no-index", "--no-deps", "--target", site, *wheels.iterdir())
    return site


@pytest.fixture(scope="session")
def browser(request):
    """Chromium, started once for all tests."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        skip(request, "no Chromium; install it: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def mount_disk(tmp_path):
    """Mount a file system of a size such as "1m", with options. Skip the test if the user may not mount one."""
    mounted = []

    def mount_disk(size, *options):
        folder = tmp_path / f"disk-{size}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("the user may not mount a file system")
        mounted.append(folder)
        return folder

    yield mount_disk
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
