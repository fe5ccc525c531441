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

from bench.measure.messages import CellTask, Decision, WorkerMessage, WorkerSpec, task_of

STARTED_COLD = "numpy" not in sys.modules
SPEC = pytest.StashKey[WorkerSpec]()
STATUS = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    if spec_file := os.environ.get("GDBENCH_SPEC"):
        config.stash[SPEC] = msgspec.json.decode(Path(spec_file).read_bytes(), type=WorkerSpec)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:  # by id, because pytest-benchmark writes parameters to its JSON
        metafunc.parametrize("cell", list(_tasks(metafunc.config)))


def _tasks(config: pytest.Config) -> dict[str, CellTask]:
    """The task of each cell, by its id."""
    if SPEC in config.stash:
        return config.stash[SPEC].cells
    from bench.measure import session

    return {name: task_of(cell, session.ROUNDS) for name, cell in session.cells().items()}


@pytest.fixture
def task(request: pytest.FixtureRequest, cell: str) -> CellTask:
    """The task of the cell."""
    return _tasks(request.config)[cell]


@pytest.fixture(scope="session")
def block(request: pytest.FixtureRequest) -> int:
    """The number of the block."""
    return request.config.stash[SPEC].block if SPEC in request.config.stash else 0


@pytest.fixture(scope="session")
def ask(request: pytest.FixtureRequest) -> Callable[[WorkerMessage], Decision]:
    """A function that sends a message to the driver, or to a local one, and returns its decision."""
    if SPEC not in request.config.stash:
        from bench.measure import session

        return session.LocalDriver().ask
    from bench.runtime.process import Channel

    channel = Channel()
    return lambda message: msgspec.convert(channel.ask(**msgspec.to_builtins(message)), Decision)


@pytest.fixture(scope="session")
def backend_of() -> Any:
    """A function that loads a backend, or returns None if it cannot be loaded, with fields for its sample.

    import_s: seconds of the import from a bare interpreter, NumPy included; None if NumPy was imported before.
    """
    loaded: dict[str, tuple[Any, dict[str, Any]]] = {}

    def backend_of(source: str) -> Any:
        if source not in loaded:
            start = time.perf_counter()
            from backends import BackendError, BackendUnavailable, load

            try:
                module = load(source)
            except (BackendError, KeyboardInterrupt) as error:  # raised by the file, because a worker has no terminal
                status = "unavailable" if isinstance(error, BackendUnavailable) else "failed"
                loaded[source] = None, {"status": status, "detail": (str(error) or repr(error))[:500]}
            else:
                seconds = time.perf_counter() - start if STARTED_COLD and not loaded else None
                loaded[source] = module, {"import_s": seconds}
        return loaded[source]

    return backend_of


@pytest.fixture(scope="session")
def stage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stage")


@pytest.fixture
def folder(request: pytest.FixtureRequest, stage_folder: Path, cell: str) -> Path:
    """The folder of the arrays and references of the cell."""
    if SPEC in request.config.stash:
        return Path(request.config.stash[SPEC].folder)
    from bench.measure import session

    return session.staged(stage_folder, session.cells()[cell])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End a worker at once: every sample is sent, and a library takes up to 0.3 s to tidy up."""
    if SPEC in config.stash and STATUS in config.stash:
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


def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, Any]:
    """The description of the machine, without the host name and the clock speed that the plugin records."""
    if SPEC in config.stash:
        return config.stash[SPEC].machine
    from bench.runtime import machine

    info = machine.describe()
    info.pop("load")
    return info


def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, Any]:
    return {"gdbench": "see run.json"}
