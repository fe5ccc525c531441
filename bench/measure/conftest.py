"""The pytest side of a speed measurement: where the cells come from, and who hears of the results.

Started by the driver, GDBENCH_SPEC names a file with the cells of one backend, and every result goes
through the driver's channel. Without it (`pytest bench`) this is an ordinary pytest-benchmark session
over all backends. No array library is imported here: the session times that itself.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

STARTED_COLD = "numpy" not in sys.modules
SPEC = pytest.StashKey[dict[str, Any] | None]()


def pytest_configure(config: pytest.Config) -> None:
    spec_file = os.environ.get("GDBENCH_SPEC")
    config.stash[SPEC] = json.loads(Path(spec_file).read_text()) if spec_file else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:  # by id: a parameter stands in pytest-benchmark's JSON, a path should not
        metafunc.parametrize("cell", list(_cells(metafunc.config)))


def _cells(config: pytest.Config) -> dict[str, Any]:
    """What is told of each cell, by its id."""
    if (spec := config.stash[SPEC]) is not None:
        return dict(spec["cells"])
    from bench.measure import session

    return session.cells()


@pytest.fixture(scope="session")
def cells(request: pytest.FixtureRequest) -> dict[str, Any]:
    return _cells(request.config)


@pytest.fixture(scope="session")
def talk(request: pytest.FixtureRequest) -> Any:
    """What a cell asks before it runs and says when it has ended: the driver's channel, or a stand-in."""
    if request.config.stash[SPEC] is None:
        from bench.measure import session

        return session.LocalDriver()
    from bench.runtime.process import Channel

    return Channel()


@pytest.fixture(scope="session")
def backend_of() -> Any:
    """The backend of a cell with fields for its sample: import_s, or why it cannot be loaded (backend None).

    import_s is that of a bare interpreter, NumPy's own import in it; None where NumPy was there before.
    """
    loaded: dict[str, tuple[Any, dict[str, Any]]] = {}

    def backend_of(cell: dict[str, Any]) -> Any:
        if cell["source"] not in loaded:
            start = time.perf_counter()
            from backends import BackendError, BackendUnavailable, load

            try:
                module = load(cell["source"])
            except (BackendError, KeyboardInterrupt) as error:  # the file's own: no keyboard reaches us
                status = "unavailable" if isinstance(error, BackendUnavailable) else "failed"
                loaded[cell["source"]] = None, {"status": status, "detail": (str(error) or repr(error))[:500]}
            else:
                seconds = time.perf_counter() - start if STARTED_COLD and not loaded else None
                loaded[cell["source"]] = module, {"import_s": seconds}
        return loaded[cell["source"]]

    return backend_of


@pytest.fixture(scope="session")
def folder_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], Path]:
    """The folder that holds the arrays and references of a cell."""
    spec = request.config.stash[SPEC]
    if spec is not None:
        return lambda cell: Path(spec["folder"])
    from bench.measure import session

    folder = tmp_path_factory.mktemp("stage")
    return lambda cell: session.staged(folder, cell)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """A test that fails after its timing keeps it in pytest-benchmark's list: take it out."""
    outcome = yield
    report = outcome.get_result()
    timings = getattr(item.config, "_benchmarksession", None)
    if report.when == "call" and not report.passed and timings is not None:
        timings.benchmarks[:] = [entry for entry in timings.benchmarks if entry.fullname != item.nodeid]


def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, Any]:
    """Ours, because the plugin's holds the host's name and a live clock speed."""
    from bench.runtime import machine

    info = machine.describe()
    info.pop("load")
    return info


def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, Any]:
    return {"gdbench": "see run.json"}
