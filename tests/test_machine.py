"""The description of the machine: kernels, working sets, probes in child processes, settings, and the printed table."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.analysis.environment_diff import machine_differences
from bench.report.terminal import print_machine
from bench.runtime import cgroups, libraries, machine, memory, probes, process, topology

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system has no processor affinity"
)
KIB, MIB = 1 << 10, 1 << 20
CACHES = [
    {"level": 1, "size": "32K", "shared_by": 1},
    {"level": 2, "size": "1M", "shared_by": 1},
    {"level": 3, "size": "32768K", "shared_by": 2},
]
PLENTY = 1 << 40


@pytest.fixture(scope="module")
def kernels():
    return probes.compiled(probes.DTYPES)


# The kernels


def test_the_read_kernel_sums_every_word_in_every_pass(kernels):
    """The sum is exact for lengths that fill whole vectors and for lengths that do not."""
    read, _ = kernels
    rng = np.random.default_rng(0)
    for size in [*range(1, 200), 255, 256, 257, 1000, 4099]:
        words = rng.integers(1, 1 << 40, size)
        for passes in (1, 2, 5):
            assert read(words.copy(), passes) == passes * int(words[:-1].sum()) + sum(range(passes)), (size, passes)


@pytest.mark.parametrize("dtype", probes.DTYPES)
def test_the_arithmetic_kernel_does_every_multiply_add(kernels, dtype):
    """Each number gets STEPS multiply-adds per pass: x + 1 and 2x + 1, repeated that often, are exact."""
    _, multiply_add = kernels
    one, two = np.array([1, 2], dtype)
    for size in [*range(1, 70), 513]:
        start = (np.arange(size) % 7).astype(dtype)
        for factor, passes, expected in (
            (one, 1, start + probes.STEPS),
            (one, 3, start + 3 * probes.STEPS),
            (two, 1, (start + 1) * 2**probes.STEPS - 1),
        ):
            numbers = start.copy()
            multiply_add(numbers, factor, one, passes)
            np.testing.assert_array_equal(numbers, expected, strict=True)


@pytest.mark.parametrize("size", [1, 1000, probes.FILL_WORDS, 3 * probes.FILL_WORDS + 5])
def test_words_are_counted_from_the_start_of_a_huge_page(size):
    """The words are 0, 1, 2, …; a load never crosses a cache line, because they start at a huge page."""
    words = probes.row_of_words(size)
    np.testing.assert_array_equal(words, np.arange(size), strict=True)
    assert words.ctypes.data % probes.HUGE_PAGE_BYTES == 0


def test_threads_start_together_on_their_own_parts(monkeypatch):
    """A thread starts only when all are ready, and works on the part that it allocated."""
    log = []

    class Barrier(threading.Barrier):
        def wait(self, timeout=None):
            log.append("ready")
            super().wait()

    def work(part, passes):
        log.append("start")
        calls.append((part, threading.get_ident(), passes))

    monkeypatch.setattr(probes, "threading", SimpleNamespace(Barrier=Barrier))
    monkeypatch.setattr(probes, "MIN_S", 0.0)
    team = probes.Team(3, repetitions=4)
    parts, calls = team.make(threading.get_ident), []
    team.passes_per_s(work, parts)
    assert log == 4 * [*["ready"] * 3, *["start"] * 3]
    assert len(set(parts)) == 3
    assert sorted(calls) == sorted(4 * [(part, part, 1) for part in parts])


def test_the_rate_is_that_of_the_fastest_measurement(monkeypatch):
    """Noise in the other measurements does not count, and no measurement is shorter than MIN_S. The clock is simulated."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(probes, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    noise = iter([1.0, 3.0, 2.0, 1.0, 5.0, 2.0])
    durations = []

    def work(_, passes):
        durations.append(passes * 2**-13 * next(noise))
        clock.now += durations[-1]

    assert probes.Team(1, repetitions=5).passes_per_s(work, [None]) == 2**13
    assert len(durations) == 6
    assert min(durations[1:]) >= probes.MIN_S


@pytest.mark.parametrize(
    ("multiply_add", "message"),
    [
        (lambda numbers, factor, addend, passes: numbers.fill(2), "sum of what was read"),
        (lambda *_: None, "multiply-adds in float64"),
    ],
    ids=["wrong sum", "wrong products"],
)
def test_a_kernel_with_a_wrong_result_gives_no_rate(monkeypatch, multiply_add, message):
    """`peaks` raises if the sum or the products are wrong."""
    monkeypatch.setattr(probes, "MIN_S", 0.0)
    monkeypatch.setattr(probes, "compiled", lambda dtypes: (lambda words, passes: 0, multiply_add))
    with pytest.raises(ValueError, match=message):
        probes.peaks(1, [4096], 1)


# Working sets


def test_working_sets_fill_a_quarter_and_a_half_of_each_cache():
    """Two more sets exceed the last cache. A private cache counts once per thread, a shared one once."""
    beyond = [(64 * MIB, "memory"), (256 * MIB, "memory")]
    assert machine.working_sets(CACHES, 1, PLENTY) == [
        (8 * KIB, "L1"), (16 * KIB, "L1"), (256 * KIB, "L2"), (512 * KIB, "L2"), (8 * MIB, "L3"), (16 * MIB, "L3"), *beyond,
    ]  # fmt: skip
    assert machine.working_sets(CACHES, 2, PLENTY) == [
        (16 * KIB, "L1"), (32 * KIB, "L1"), (512 * KIB, "L2"), (1 * MIB, "L2"), (8 * MIB, "L3"), (16 * MIB, "L3"), *beyond,
    ]  # fmt: skip
    assert machine.working_sets(CACHES, 3, PLENTY, quick=True) == [
        (48 * KIB, "L1"), (1536 * KIB, "L2"), (32 * MIB, "L3"), (512 * MIB, "memory"),
    ]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2, 7, 64])
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("limit", [20 * MIB, 100 * MIB, PLENTY])
@pytest.mark.parametrize(
    "caches",
    [
        CACHES,
        CACHES[:2],
        [{"level": 1, "size": "64K", "shared_by": 1}, {"level": 2, "size": "512K", "shared_by": 4}],
        [{"level": 1, "size": "192K", "shared_by": 0}],
    ],
    ids=["three levels", "two", "many L1 as large as their L2", "sharing unknown"],
)
def test_working_sets_ascend_up_to_the_limit(caches, limit, quick, threads):
    """Each set is larger than the previous one and has the label of the first cache that holds it."""
    capacities = {
        f"L{cache['level']}": machine._bytes(cache["size"]) * -(-threads // max(1, cache["shared_by"]))
        for cache in caches
    }
    sets = machine.working_sets(caches, threads, limit, quick)
    sizes = [size for size, _ in sets]
    assert sizes == sorted(set(sizes))
    assert 0 < sizes[-1] <= limit
    for size, label in sets:
        assert label == next((name for name, capacity in capacities.items() if size <= capacity), "memory")


@pytest.mark.parametrize("caches", [[], [CACHES[0], {"level": 2, "size": None, "shared_by": 1}]])
def test_working_sets_are_fixed_if_a_cache_size_is_missing(caches):
    """They have no label."""
    sets = machine.working_sets(caches, 2, 100 * MIB)
    assert sets == [(32 * KIB, None), (256 * KIB, None), (4 * MIB, None), (64 * MIB, None)]
    assert machine.working_sets(caches, 2, 1) == [(32 * KIB, None)]


@pytest.mark.parametrize(
    ("text", "size"),
    [("32K", 32768), ("1M", 1048576), ("1G", 1 << 30), ("512", 512), (None, None), ("", None), ("32 kB", None)],
)
def test_cache_sizes_are_parsed(text, size):
    """The text of the operating system becomes bytes, or None if it is not a size."""
    assert machine._bytes(text) == size


# Peaks and sentinels in a child process


def test_peaks_are_measured():
    """There is an entry for one thread and one for all, with positive rates in the order of the working sets."""
    peaks = machine.peaks(quick=True)
    assert [entry["threads"] for entry in peaks] == sorted({1, process.available_threads()})
    for entry in peaks:
        assert set(entry) == {"threads", "gflop_per_s", "read"}, entry
        assert set(entry["gflop_per_s"]) == {"float64", "float32"}
        assert all(0 < rate < 1e7 for rate in entry["gflop_per_s"].values())
        sizes = [row["bytes"] for row in entry["read"]]
        assert sizes == sorted(set(sizes))
        for row in entry["read"]:
            assert set(row) == {"bytes", "fits_in", "gb_per_s"}
            assert 0 < row["gb_per_s"] < 1e6
    json.dumps(peaks, allow_nan=False)


def test_sentinels_are_measured():
    """Both kernels have a positive time."""
    seconds = machine.sentinels(1)
    assert set(seconds) == {"arithmetic", "memory"}
    assert all(0 < time < 60 for time in seconds.values())


def test_sentinels_import_no_measured_library(tmp_path):
    """A new version of NumPy, Numba or JAX must not look like a new machine."""
    code = (
        "import runpy, sys; sys.argv = ['bench.runtime.probes', 'sentinels']; runpy.run_module('bench.runtime.probes', run_name='__main__');"
        "print({'numpy', 'numba', 'jax', 'scipy'} & set(sys.modules))"
    )
    message = {}
    outcome = process.run(["-c", code], threads=1, deadline_s=60.0, folder=tmp_path, on_message=message.update)
    assert set(message) == {"arithmetic", "memory"}
    assert outcome.output == "set()\n"


@pytest.fixture
def child(monkeypatch):
    """Replace the code of the probe. Returns a list that records the arguments and threads of each child process."""
    real, calls = process.run, []

    def use(code):
        def run(arguments, **options):
            calls.append((arguments, options["threads"]))
            return real(["-c", code], **options)

        monkeypatch.setattr(process, "run", run)
        return calls

    return use


def test_peaks_start_a_child_per_number_of_threads(child, monkeypatch):
    """The child gets the number both as its limit and in its specification."""
    monkeypatch.setattr(process, "available_threads", lambda: 3)
    calls = child("pass")
    machine.peaks()
    assert [threads for _, threads in calls] == [1, 3]
    for arguments, threads in calls:
        assert arguments[:2] == ["-m", "bench.runtime.probes"]
        assert json.loads(arguments[2])["threads"] == threads


@needs_affinity
def test_a_probe_refuses_more_threads_than_processors(tmp_path):
    """The child checks its own affinity."""
    spec = json.dumps({"threads": 2, "working_sets": [4096], "repetitions": 1})
    outcome = process.run(["-m", "bench.runtime.probes", spec], threads=1, deadline_s=60.0, folder=tmp_path)
    assert "threads: found 2 on 1 processors" in outcome.describe()


@pytest.mark.parametrize(
    ("code", "deadline_s", "reason"),
    [
        ("import os; os.abort()", 60.0, "killed by SIGABRT"),
        ("pass", 60.0, "ended with exit code 0"),
        (
            "import os; from bench.runtime.process import Channel; Channel().send(gflop_per_s={}, read=[]); os.abort()",
            60.0, "killed by SIGABRT in <module> (<string>, line 1)",
        ),
        ("raise OSError('/home/somebody/lib.so: no such file')", 60.0, "ended with exit code 1: OSError: (path) no such file"),
        ("import time; time.sleep(600)", 0.1, "stopped at its deadline"),
    ],
    ids=["crash", "no message", "message and crash", "path", "hang"],
)  # fmt: skip
def test_a_failing_child_gives_an_error_entry(child, monkeypatch, code, deadline_s, reason):
    """The entry of the peaks has the reason without paths; the sentinels are empty."""
    monkeypatch.setattr(machine, "PROBE_DEADLINE_S", deadline_s)
    child(code)
    assert machine.peaks() == [
        {"threads": threads, "error": reason} for threads in sorted({1, process.available_threads()})
    ]
    assert machine.sentinels(1) == {}


def test_a_child_that_cannot_start_gives_an_error_entry(monkeypatch):
    """The entry of the peaks has the message of the OSError; the sentinels are empty."""

    def run(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(process, "run", run)
    assert {entry["error"] for entry in machine.peaks()} == {"Cannot allocate memory"}
    assert machine.sentinels(1) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise ModuleNotFoundError(\"No module named 'numba'\")", "ModuleNotFoundError: No module named 'numba'"),
        (
            "import os; raise RuntimeError(sorted(name for name in os.environ if name.startswith('NUMBA_')))",
            "RuntimeError: ['NUMBA_NUM_THREADS']",
        ),
    ],
    ids=["no Numba", "Numba settings"],
)
def test_peaks_need_numba_and_ignore_its_settings(monkeypatch, tmp_path, text, reason):
    """Without Numba the entry has the reason. The user's NUMBA variables do not reach the child."""
    (tmp_path / "numba.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("NUMBA_OPT", "0")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert {entry["error"] for entry in machine.peaks()} == {f"ended with exit code 1: {reason}"}


# Settings


def without_settings(monkeypatch):
    """Remove what is recorded from the environment."""
    for name in [*os.environ]:
        if name.startswith((*machine.PREFIXES, *machine.SETTINGS, *machine.PRELOADED)):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("library", "name", "forced"),
    [
        ("openblas", "OPENBLAS_CORETYPE", True),
        ("openblas", "MKL_DEBUG_CPU_TYPE", False),
        ("openblas", "OMP_NUM_THREADS", False),
        ("mkl", "MKL_ENABLE_INSTRUCTIONS", True),
        ("mkl", "OPENBLAS_CORETYPE", False),
        ("blis", "BLIS_ARCH_TYPE", True),
        ("another", "OPENBLAS_CORETYPE", None),
    ],
)
def test_a_setting_forces_only_the_kernel_of_its_blas(monkeypatch, library, name, forced):
    """Only a setting of the loaded BLAS counts; the answer for an unknown BLAS is None."""
    without_settings(monkeypatch)
    monkeypatch.setattr(machine, "blas", lambda: [{"library": library, "version": "1", "kernel": "Haswell"}])
    assert machine.blas_forced() is (None if forced is None else False)
    monkeypatch.setenv(name, "Haswell")
    assert machine.blas_forced() is forced


def test_settings_are_recorded_without_paths(monkeypatch):
    """Thread settings are apart from settings that change results. A path may contain the user's name."""
    without_settings(monkeypatch)
    description = machine.describe()
    assert (description["thread_settings"], description["environment"]) == ({}, {})
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MKL_NUM_THREADS", "/home/somebody")
    monkeypatch.setenv("XLA_FLAGS", "--one=1 --dump=/home/somebody/x")
    description = machine.describe()
    assert description["thread_settings"] == {"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "(path)"}
    assert description["environment"] == {"XLA_FLAGS": "--one=1 (path)"}


@pytest.mark.parametrize(
    ("name", "value", "recorded"),
    [
        ("LD_PRELOAD", "/opt/x/libjemalloc.so.2:/usr/lib/libb.so /usr/lib/libc.so", "libjemalloc.so.2 libb.so libc.so"),
        ("PYTHONTRACEMALLOC", "10", "10"),
        ("NUMBA_DISABLE_INTEL_SVML", "1", "1"),
        ("NUMPY_MADVISE_HUGEPAGE", "0", "0"),
        ("MALLOC_CONF", "narenas:1", "narenas:1"),
        ("NUMBA_NUM_THREADS", "7", None),
        ("NUMBA_CACHE_DIR", "/home/somebody", None),
        ("JAX_PLATFORMS", "cuda", None),
        ("NUMBA_DISABLE_JIT", "1", None),
        ("PYTHONPATH", "/home/somebody", None),
        ("PYTHON_VERSION", "3.12", None),
        ("PYTHONDEVMODE", "", None),
    ],
)
def test_settings_that_reach_the_workers_are_recorded(monkeypatch, name, value, recorded):
    """Not those that a worker replaces or that change no time, and no folder of a preloaded library."""
    without_settings(monkeypatch)
    before = machine.describe()
    monkeypatch.setenv(name, value)
    after = machine.describe()
    assert after["environment"] == ({} if recorded is None else {name: recorded})
    assert [d.prevents_verdict for d in machine_differences(before, after, frozenset())] == (
        [] if recorded is None else [True]
    )


@pytest.mark.parametrize(
    ("name", "value", "warned"),
    [
        ("PYTHONTRACEMALLOC", "1", True),
        ("COVERAGE_PROCESS_START", "/x/.coveragerc", True),
        ("PYTHONTRACEMALLOC", "0", False),
    ],
)
def test_tracing_gives_a_warning(monkeypatch, name, value, warned):
    """0 turns it off."""
    without_settings(monkeypatch)
    monkeypatch.setenv(name, value)
    assert any(name in warning and "traces" in warning for warning in machine.warnings()) is warned


# The limits and the processors


def test_limits_give_a_warning_and_are_part_of_the_machine(monkeypatch):
    """Quota, kinds of cores, governor and niceness."""
    before = machine.describe()
    monkeypatch.setattr(cgroups, "cpu_quota", lambda: 0.5)
    monkeypatch.setattr(topology, "kinds", lambda allowed: [{0}, {1}])
    monkeypatch.setattr(topology, "text", lambda cpu, name: f"powersave{cpu}"[: 9 + (cpu == 0)])
    monkeypatch.setattr(os, "getpriority", lambda *_: 10)
    with process.pinned([1, 0]):
        after = machine.describe()
    found = {str(difference) for difference in machine_differences(before, after, frozenset())}
    governor = before["cpu"]["governor"] or "none"
    assert found == {
        "CPU quota none -> 0.5",
        "kind of core none -> 2 of 2",
        f"frequency governor {governor} -> powersave",
        "niceness none -> 10",
    }
    told = " ".join(after["warnings"])
    assert all(
        word in told for word in ("CPU quota of this process is 0.5", "2 kinds of cores", "powersave", "niceness")
    )
    assert not any("quota" in warning or "kinds" in warning for warning in before["warnings"])


def test_caches_are_those_of_the_first_processor_of_the_workers(monkeypatch):
    """On a machine with several kinds of cores, they differ."""
    monkeypatch.setattr(topology, "caches", lambda cpu: [{"level": 1, "size": f"{cpu}K", "shared_by": 1}])
    with process.pinned([5, 3]):
        assert machine.describe()["cpu"]["caches"][0]["size"] == "5K"


def test_without_proc_there_is_one_sentence(monkeypatch, capsys):
    """What cannot be read is None, and nothing fails."""

    def unreadable(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine.psutil, "virtual_memory", unreadable)
    monkeypatch.setattr(machine.psutil, "getloadavg", unreadable)
    real = machine._text
    monkeypatch.setattr(machine, "_text", lambda path: None if str(path).startswith("/proc") else real(path))
    monkeypatch.setattr(sys, "platform", "linux")
    description = machine.describe()
    assert (description["memory_bytes"], description["load"]) == (None, None)
    assert [warning for warning in description["warnings"] if "/proc cannot be read" in warning] != []
    assert memory.available() > 0
    assert not memory.scarce()
    assert process.run(["-c", ""], threads=1, deadline_s=60.0, folder=Path.cwd()).ok
    print_machine(description | {"peaks": []})
    assert "not readable" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_of_the_working_folder_is_recorded(tmp_path, monkeypatch):
    """A change of a file in the commit makes it dirty, a new file does not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit() is None
    (tmp_path / "mine.py").write_text("1")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Add a file"]):
        subprocess.run(["git", *arguments], check=True)
    (tmp_path / "run.json").write_text("{}")
    found = machine.commit()
    assert (len(found["id"]), found["dirty"]) == (40, False)
    (tmp_path / "mine.py").write_text("2")
    assert machine.commit() == found | {"dirty": True}


# The printed table


def entry(threads, sets, **rates):
    """An entry of the peaks. sets: (bytes, cache, GB/s) of each working set. rates: Gflop/s of a dtype."""
    read = [{"bytes": size, "fits_in": cache, "gb_per_s": rate} for size, cache, rate in sets]
    return {"threads": threads, "gflop_per_s": {"float64": 50.0, "float32": 100.0} | rates, "read": read}


@pytest.fixture
def printed(capsys):
    """The output of `gdbench machine` for these peaks."""

    def output(*peaks):
        print_machine(machine.describe() | {"peaks": list(peaks)})
        return capsys.readouterr().out

    return output


def test_peaks_are_printed_side_by_side(printed):
    """Each number of threads has a column; the rows are the working sets with their sizes, the rates and the ridge."""
    single = entry(1, [(16 * KIB, "L1", 200.0), (256 * MIB, "memory", 25.0)])
    double = entry(2, [(32 * KIB, "L1", 400.0), (256 * MIB, "memory", 40.0)], float64=100.0)
    lines = [" ".join(line.split()) for line in printed(single, double).splitlines()]
    start = lines.index("reading from 1 thread 2 threads")
    assert lines[start + 1 : start + 6] == [
        "L1 200 GB/s (16 KiB) 400 GB/s (32 KiB)",
        "memory 25.0 GB/s (256 MiB) 40.0 GB/s (256 MiB)",
        "multiply-add, float64 50.0 Gflop/s 100 Gflop/s",
        "multiply-add, float32 100 Gflop/s 100 Gflop/s",
        "ridge, float64 2.00 flops per byte 2.50 flops per byte",
    ]


def test_a_missing_peak_is_printed_with_its_reason(printed):
    """The table has no ridge if no working set is in memory; without labels the largest set represents memory."""
    failure = {"threads": 2, "error": "killed by SIGKILL"}
    assert "peaks with 2 threads not measured: killed by SIGKILL" in printed(failure)
    cached = entry(1, [(16 * KIB, "L1", 200.0)])
    output = printed(cached, failure)
    assert "200 GB/s" in output
    assert "flops per byte" not in output
    output = printed(cached, entry(4, [(32 * KIB, None, 9.0), (64 * KIB, None, 8.0)]))
    assert "8.00 GB/s (64 KiB)" in output
    assert "6.25 flops per byte" in output


def test_a_platform_of_jax_that_is_replaced_is_a_note(main, monkeypatch):
    """Every backend computes on the processor, in a check, too. The default is no note."""
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("JAX_PLATFORM_NAME", "cpu")
    assert not any("JAX" in warning for warning in machine.warnings())
    monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
    note = "JAX_PLATFORMS=cuda,cpu is replaced by cpu, because every backend computes on the processor"
    assert note in machine.warnings()
    assert note in main("check", "nothing")[2]
    assert "JAX_PLATFORMS" not in machine.describe()["environment"]


def test_the_version_is_that_of_the_package_on_the_import_path(tmp_path, monkeypatch):
    """A build on PYTHONPATH has no metadata, and hides the installed package, which has."""
    installed = machine.describe()["versions"]
    (tmp_path / "scipy").mkdir()
    (tmp_path / "scipy" / "__init__.py").write_text("__version__ = '9.9.dev0'")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "scipy"}
    try:
        assert machine.describe()["versions"] == installed | {"scipy": "9.9.dev0"}
    finally:
        sys.modules.pop("scipy", None)
        sys.modules.update(loaded)


def test_blas_libraries_have_an_order(monkeypatch):
    """NumPy and SciPy load one each. Runs compare the lists, so the order must not depend on the loader."""
    pools = [
        {"user_api": api, "internal_api": "openblas", "version": version, "architecture": "Zen"}
        for api, version in (("blas", "0.3.31"), ("blas", "0.3.30"), ("openmp", None))
    ]
    monkeypatch.setattr(libraries, "threadpool_info", lambda: pools)
    assert [library["version"] for library in libraries.loaded_blas()] == ["0.3.30", "0.3.31"]
