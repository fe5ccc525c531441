"""The fixtures of the timed session.

In a worker, GDBENCH_SPEC names a file with the cells of one backend, and each result is sent to the driver. Without it
(`pytest bench`) this is an ordinary pytest-benchmark session over all backends. This module imports no array library,
because the session times that import.
"""

import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.measure.messages import Decision, WorkerMessage, WorkerSpec

STARTED_COLD = "numpy" not in sys.modules
SPEC_FILE = os.environ.get("GDBENCH_SPEC")
SPEC = pytest.StashKey[WorkerSpec]()
STATUS = pytest.StashKey[int]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:  # by id, because pytest-benchmark writes parameters to its JSON
        metafunc.parametrize("cell", list(_spec(metafunc.config).cells))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip every cell where pytest-benchmark does not time."""
    timings = getattr(config, "_benchmarksession", None)
    if timings is None or timings.disabled:
        off = "pytest-benchmark is switched off by --benchmark-disable, -p no:benchmark or pytest-xdist (-n)"
        for item in items:
            if "cell" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=f"{off}, so nothing is timed"))


def _spec(config: pytest.Config) -> WorkerSpec:
    """The cells of this session."""
    if SPEC not in config.stash:
        if SPEC_FILE:
            config.stash[SPEC] = msgspec.json.decode(Path(SPEC_FILE).read_bytes(), type=WorkerSpec)
        else:
            from bench.measure import session

            config.stash[SPEC] = session.spec()
    return config.stash[SPEC]


@pytest.fixture(scope="session")
def spec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WorkerSpec:
    """The cells of this session, with the folder of their arrays."""
    spec = _spec(request.config)
    return spec if SPEC_FILE else msgspec.structs.replace(spec, folder=str(tmp_path_factory.mktemp("stage")))


@pytest.fixture(scope="session")
def ask(spec: WorkerSpec) -> Callable[[WorkerMessage], Decision]:
    """A function that sends a message to the driver, or to a local one, and returns its decision."""
    if not SPEC_FILE:
        from bench.measure import session

        return session.LocalDriver(Path(spec.folder)).ask
    from bench.runtime.process import Channel

    channel = Channel()
    return lambda message: msgspec.convert(channel.ask(**msgspec.to_builtins(message)), Decision)


@pytest.fixture(scope="session")
def load_backend() -> Any:
    """A function that returns the module of a backend, fields of its samples as a dictionary, and a traceback.

    If the backend cannot be loaded, the module is None, and the fields are "status" and "detail". Otherwise the fields
    are "import_s": seconds of the import from a bare interpreter, NumPy included; None if NumPy was imported before,
    with the reason in "detail". The traceback is that of a failed import,
    otherwise None.
    """
    loaded: dict[str, tuple[Any, dict[str, Any], str | None]] = {}

    def load_once(source: str) -> Any:
        if SPEC_FILE:
            from bench.runtime.process import hide_caller

            hide_caller()  # for each cell, because pytest sets PYTEST_CURRENT_TEST for each test
        if source not in loaded:
            start = time.perf_counter()
            from backends import BackendError, BackendUnavailable, describe, load
            from backends._errors import describe_error, full_traceback

            try:
                module = load(source)
            except BackendError as error:
                status = "unavailable" if isinstance(error, BackendUnavailable) else "failed"
                loaded[source] = None, {"status": status, "detail": str(error)}, full_traceback(error)
            except KeyboardInterrupt as error:  # raised by the file, because a worker has no terminal
                detail = describe_error(error, describe(source).path, " at import")
                loaded[source] = None, {"status": "failed", "detail": detail}, full_traceback(error)
            else:
                seconds = time.perf_counter() - start if STARTED_COLD and not loaded else None
                why = None if seconds else "the import has no time, because NumPy was loaded before it"
                loaded[source] = module, {"import_s": seconds, "detail": why}, None
        return loaded[source]

    return load_once


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End a worker at once: every sample is sent, and a library takes up to 0.3 s to tidy up."""
    if SPEC_FILE and STATUS in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[STATUS])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Remove the timing of a failed test, which pytest-benchmark would keep."""
    outcome = yield
    report = outcome.get_result()
    timings = getattr(item.config, "_benchmarksession", None)
    if report.when == "call" and not report.passed and timings is not None:
        timings.benchmarks[:] = [entry for entry in timings.benchmarks if entry.fullname != item.nodeid]


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, Any]:
    """The description of the machine, without the host name and the clock speed that the plugin records."""
    return _spec(config).machine


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, Any]:
    return {"gdbench": "see run.json"}
