"""A backend cannot tell whether a child process checks or measures it, so it cannot be right only where it is checked."""

import importlib.resources
import json
import re

import pytest
from helpers.command import unprobed

from bench.check import check
from bench.runtime.process import CACHES

# Modules that only one of the two has, by their first words, and why.
ONLY_ONE_HAS = {
    "bench.": "the code that checks or measures, as the stack of a call shows anyway",
    "_gdbench_file_": "the backend itself; its name depends on its path",
    "_pytest.": "parts of a session, which only a measurement has",
    "pytest_benchmark.": "as above",
    "readline": "as above",
    "encodings.": "codecs, loaded at their first use",
    "threadpoolctl": "a measurement loads it after the backend, because the import of the backend is timed",
    "numpy.random": "draws the problems of the checks; a measurement loads its problem from a file",
    "_cython_": "loaded by numpy.random",
    "cython_runtime": "as above",
    "hmac": "as above",
    "secrets": "as above",
}
RECORDER = """import math
import json, os, sys, threading
from pathlib import Path

TASKS = Path("/proc/self/task")
SEEN = {}

def record(when):
    SEEN.setdefault(when, {
        "environment": dict(os.environ),
        "modules": sorted(sys.modules),
        "arguments": [sys.argv, sys.orig_argv],
        "interpreter": [sys.path, list(sys.flags), sys.warnoptions, sys.getrecursionlimit(), sys.getswitchinterval()],
        "threads": [threading.active_count(), len(list(TASKS.iterdir())) if TASKS.exists() else 1],
    })
    Path(__file__).with_name(os.environ["OMP_NUM_THREADS"] + " threads.json").write_text(json.dumps(SEEN))

record("import")
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a backend sees where it is checked and where it is measured, both with one thread."""
    text, records = importlib.resources.files("backends").joinpath("numpy_vectorized.py").read_text(), []
    text = text.replace("import math\n", RECORDER, 1)
    for name in ("prepare", "fit", "to_numpy"):
        text = re.sub(rf"(def {name}\(.*\):\n)", rf'\1    record("{name}")\n', text)
    for ask in (
        lambda path: check([str(path)], path.parent),
        lambda path: unprobed("run", "-b", path, "--quick", "--no-report", "--size", "50x2", cwd=path.parent),
    ):
        path = tmp_path_factory.mktemp("seen") / "recorder.py"
        path.write_text(text)
        ask(path)
        records.append(json.loads(path.with_name("1 threads.json").read_text()))
    return records


@pytest.mark.slow
@pytest.mark.parametrize("when", ["import", "prepare", "fit", "to_numpy"])
def test_a_check_and_a_measurement_look_the_same(seen, when):
    checked, measured = (record[when] for record in seen)
    different = set(checked.pop("modules")) ^ set(measured.pop("modules"))
    assert [name for name in sorted(different) if not name.startswith(tuple(ONLY_ONE_HAS))] == []
    for record in (checked, measured):
        for name in CACHES:  # each child has folders of its own
            del record["environment"][name]
    assert checked == measured
