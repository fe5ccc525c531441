"""The pytest side of a speed measurement: where the cells come from, and who hears of the results.

Started by the driver, GDBENCH_SPEC names a file with the cells of one backend, and every result goes
through the driver's channel. Without it (`pytest bench`) this is an ordinary pytest-benchmark session
over all backends. No array library is imported here: the session times that itself.
"""

import json
import os
import sys
import time
from pathlib import Path

import pytest

STARTED_COLD = "numpy" not in sys.modules
SPEC = pytest.StashKey[dict]()


def pytest_configure(config):
    spec_file = os.environ.get("GDBENCH_SPEC")
    config.stash[SPEC] = json.loads(Path(spec_file).read_text()) if spec_file else None


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:  # by id: a parameter stands in pytest-benchmark's JSON, a path should not
        metafunc.parametrize("cell", list(_cells(metafunc.config)))


def _cells(config):
    """What is told of each cell, by its id."""
    if config.stash[SPEC] is not None:
        return config.stash[SPEC]["cells"]
    from bench.measure import session

    return session.cells()


@pytest.fixture(scope="session")
def cells(request):
    return _cells(request.config)


@pytest.fixture(scope="session")
def talk(request):
    """What a cell asks before it runs and says when it has ended: the driver's channel, or a stand-in."""
    if request.config.stash[SPEC] is None:
        from bench.measure import session

        return session.LocalDriver()
    from bench.runtime.process import Channel

    return Channel()


@pytest.fixture(scope="session")
def backend_of():
    """The backend of a cell with fields for its sample: import_s, or why it cannot be loaded (backend None).

    import_s is that of a bare interpreter, NumPy's own import in it; None where NumPy was there before.
    """
    loaded: dict[str, tuple] = {}

    def backend_of(cell):
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
def folder_of(request, tmp_path_factory):
    """The folder that holds the arrays and references of a cell."""
    spec = request.config.stash[SPEC]
    if spec is not None:
        return lambda cell: Path(spec["folder"])
    from bench.measure import session

    folder = tmp_path_factory.mktemp("stage")
    return lambda cell: session.staged(folder, cell)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails after its timing keeps it in pytest-benchmark's list: take it out."""
    report = (yield).get_result()
    timings = getattr(item.config, "_benchmarksession", None)
    if report.when == "call" and not report.passed and timings is not None:
        timings.benchmarks[:] = [entry for entry in timings.benchmarks if entry.fullname != item.nodeid]


def pytest_benchmark_generate_machine_info(config):
    """Ours, because the plugin's holds the host's name and a live clock speed."""
    from bench.runtime import machine

    info = machine.describe()
    info.pop("load")
    return info


def pytest_benchmark_generate_commit_info(config):
    return {"gdbench": "see run.json"}
