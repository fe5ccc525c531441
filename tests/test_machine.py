"""The machine's record: what is measured and what is read, what it must not hold, and children that fail."""

import json
import os
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from bench.report.terminal import print_machine
from bench.runtime import machine, probes, process

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


def test_every_word_is_read_in_every_pass(kernels):
    """The sum is that of all words, for lengths that fill vectors and for those that do not, and for all passes."""
    read, _ = kernels
    rng = np.random.default_rng(0)
    for size in [*range(1, 200), 255, 256, 257, 1000, 4099]:
        words = rng.integers(1, 1 << 40, size)
        for passes in (1, 2, 5):
            assert read(words.copy(), passes) == passes * int(words[:-1].sum()) + sum(range(passes)), (size, passes)


@pytest.mark.parametrize("dtype", probes.DTYPES)
def test_every_multiply_add_is_done(kernels, dtype):
    """STEPS a pass for each number: adding 1 so often, and doubling and adding 1, come out exact."""
    _, fused = kernels
    one, two = np.ones(1, dtype)[0], np.full(1, 2, dtype)[0]
    for size in [*range(1, 70), 513]:
        start = (np.arange(size) % 7).astype(dtype)
        for passes in (1, 3):
            numbers = start.copy()
            fused(numbers, one, one, passes)
            np.testing.assert_array_equal(numbers, start + probes.STEPS * passes, strict=True)
        numbers = start.copy()
        fused(numbers, two, one, 1)
        np.testing.assert_array_equal(numbers, (start + 1) * 2**probes.STEPS - 1, strict=True)


@pytest.mark.parametrize("size", [1, 1000, probes.FILL_WORDS, 3 * probes.FILL_WORDS + 5])
def test_the_words_that_are_read(size):
    """0, 1, 2, ... from the start of a huge page: no load straddles two lines."""
    words = probes.row_of_words(size)
    np.testing.assert_array_equal(words, np.arange(size), strict=True)
    assert words.ctypes.data % probes.HUGE_PAGE_BYTES == 0


def test_threads_begin_together_each_on_its_own_part(monkeypatch):
    """None begins before all are ready, and a part is worked on by the thread that made it."""
    log = []

    class Barrier(threading.Barrier):
        def wait(self, timeout=None):
            log.append("ready")
            super().wait()

    def work(part, passes):
        log.append("begins")
        done.append((part, threading.get_ident(), passes))

    monkeypatch.setattr(probes, "threading", SimpleNamespace(Barrier=Barrier))
    monkeypatch.setattr(probes, "MIN_S", 0.0)
    team = probes.Team(3, repetitions=4)
    parts, done = team.make(threading.get_ident), []
    team.passes_per_s(work, parts)
    assert log == 4 * [*["ready"] * 3, *["begins"] * 3]
    assert len(set(parts)) == 3
    assert sorted(done) == sorted(4 * [(part, part, 1) for part in parts])


def test_the_rate_is_that_of_the_best_of_long_measurements(monkeypatch):
    """By a false clock: what slows all measurements but one does not count, and none is shorter than MIN_S."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(probes, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    noise = iter([1.0, 3.0, 2.0, 1.0, 5.0, 2.0])
    lasted = []

    def work(_, passes):
        lasted.append(passes * 2**-13 * next(noise))
        clock.now += lasted[-1]

    assert probes.Team(1, repetitions=5).passes_per_s(work, [None]) == 2**13
    assert len(lasted) == 6
    assert min(lasted[1:]) >= probes.MIN_S


def test_a_wrong_kernel_is_no_figure(monkeypatch):
    """Peaks raise where the sum or the products are not what they must be, instead of a rate."""
    skips = (lambda words, passes: 0, lambda numbers, factor, addend, passes: numbers.fill(2))
    monkeypatch.setattr(probes, "MIN_S", 0.0)
    monkeypatch.setattr(probes, "compiled", lambda dtypes: skips)
    with pytest.raises(ValueError, match="sum of what was read"):
        probes.peaks(1, [4096], 1)
    monkeypatch.setattr(probes, "compiled", lambda dtypes: (skips[0], lambda *_: None))
    with pytest.raises(ValueError, match="multiply-adds in float64"):
        probes.peaks(1, [4096], 1)


# Working sets


def test_working_sets_of_a_machine():
    """A quarter and a half of each cache, then beyond the last; private caches count once a thread, shared ones once."""
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
def test_working_sets_grow_and_keep_within_the_limit(caches, limit, quick, threads):
    """Each larger than the one before, none over the limit, each labelled with the first cache that holds it."""
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
def test_working_sets_where_caches_are_unknown(caches):
    """Fixed ones, without a label."""
    sets = machine.working_sets(caches, 2, 100 * MIB)
    assert sets == [(32 * KIB, None), (256 * KIB, None), (4 * MIB, None), (64 * MIB, None)]
    assert machine.working_sets(caches, 2, 1) == [(32 * KIB, None)]


@pytest.mark.parametrize(
    ("text", "size"),
    [("32K", 32768), ("1M", 1048576), ("1G", 1 << 30), ("512", 512), (None, None), ("", None), ("32 kB", None)],
)
def test_the_size_of_a_cache(text, size):
    assert machine._bytes(text) == size


# Peaks and sentinels through their child


def test_peaks_are_measured():
    """One entry for one thread and one for all; every figure positive, in the order of the working sets."""
    found = machine.peaks(quick=True)
    assert [entry["threads"] for entry in found] == sorted({1, process.available_threads()})
    for entry in found:
        assert set(entry) == {"threads", "gflop_per_s", "read"}, entry
        assert set(entry["gflop_per_s"]) == {"float64", "float32"}
        assert all(0 < rate < 1e7 for rate in entry["gflop_per_s"].values())
        sizes = [one["bytes"] for one in entry["read"]]
        assert sizes == sorted(set(sizes))
        for one in entry["read"]:
            assert set(one) == {"bytes", "fits_in", "gb_per_s"}
            assert 0 < one["gb_per_s"] < 1e6
    json.dumps(found, allow_nan=False)


def test_sentinels_are_measured():
    """Two positive times."""
    found = machine.sentinels(1)
    assert set(found) == {"arithmetic", "memory"}
    assert all(0 < seconds < 60 for seconds in found.values())


def test_sentinels_load_no_library_under_test(tmp_path):
    """Neither NumPy nor Numba nor JAX: another version of them must not look like another machine."""
    code = (
        "import runpy, sys; sys.argv = ['bench.runtime.probes', 'sentinels']; runpy.run_module('bench.runtime.probes', run_name='__main__');"
        "print({'numpy', 'numba', 'jax', 'scipy'} & set(sys.modules))"
    )
    told = {}
    outcome = process.run(["-c", code], threads=1, deadline_s=60.0, folder=tmp_path, on_message=told.update)
    assert set(told) == {"arithmetic", "memory"}
    assert outcome.output == "set()\n"


@pytest.fixture
def child(monkeypatch):
    """Put other code in the place of the probe, and see how it was started."""
    real, started = process.run, []

    def use(code):
        def run(arguments, **options):
            started.append((arguments, options["threads"]))
            return real(["-c", code], **options)

        monkeypatch.setattr(process, "run", run)
        return started

    return use


def test_threads_are_those_asked_for(child, monkeypatch):
    """One child for one thread and one for all, each told its number and started with it."""
    monkeypatch.setattr(process, "available_threads", lambda: 3)
    started = child("pass")
    machine.peaks()
    assert [threads for _, threads in started] == [1, 3]
    for arguments, threads in started:
        assert arguments[:2] == ["-m", "bench.runtime.probes"]
        assert json.loads(arguments[2])["threads"] == threads


@needs_affinity
def test_fewer_processors_than_threads(tmp_path):
    """The child looks at its own affinity, and two threads on one processor are no peak of two."""
    spec = json.dumps({"threads": 2, "working_sets": [4096], "repetitions": 1})
    outcome = process.run(["-m", "bench.runtime.probes", spec], threads=1, deadline_s=60.0, folder=tmp_path)
    assert "threads: found 2 on 1 processors" in outcome.describe()


FAILING = {
    "crash": ("import os; os.abort()", "killed by SIGABRT"),
    "silent": ("pass", "ended with exit code 0"),
    "message and crash": (
        "import os; from bench.runtime.process import Channel; Channel().send(gflop_per_s={}, read=[]); os.abort()",
        "killed by SIGABRT in <module> (<string>, line 1)",
    ),
    "path": ("raise OSError('/home/somebody/lib.so: no such file')", "ended with exit code 1: OSError: (path) no such file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FAILING)
def test_a_child_that_fails_is_told_and_raises_nothing(child, kind):
    """Peaks are the reason, without the paths in it; sentinels are absent."""
    code, reason = FAILING[kind]
    child(code)
    assert machine.peaks() == [
        {"threads": threads, "error": reason} for threads in sorted({1, process.available_threads()})
    ]
    assert machine.sentinels(1) == {}


def test_a_child_that_hangs_is_ended(child, monkeypatch):
    monkeypatch.setattr(machine, "PROBE_DEADLINE_S", 0.1)
    child("import time; time.sleep(600)")
    assert {entry["error"] for entry in machine.peaks()} == {"stopped at its deadline"}
    assert machine.sentinels(1) == {}


def test_no_child_can_be_started(monkeypatch):
    """No memory for a process, or no folder: an entry, too."""

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
    ids=["missing", "settings of the user"],
)
def test_numba_missing_or_told_to_be_slow(monkeypatch, tmp_path, text, reason):
    """Without Numba there is a reason in place of peaks; what the user told Numba does not reach it."""
    (tmp_path / "numba.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("NUMBA_OPT", "0")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert {entry["error"] for entry in machine.peaks()} == {f"ended with exit code 1: {reason}"}


# What is read


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
def test_who_chose_the_blas_kernel(monkeypatch, library, name, forced):
    """Only a setting of the BLAS that is really loaded counts; of an unknown one nothing is claimed."""
    for other in (*machine.OVERRIDES, "OMP_NUM_THREADS"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setattr(machine, "blas", lambda: [{"library": library, "version": "1", "kernel": "Haswell"}])
    assert machine.blas_forced() is (None if forced is None else False)
    monkeypatch.setenv(name, "Haswell")
    assert machine.blas_forced() is forced


def test_settings_are_recorded_without_paths(monkeypatch):
    """Thread settings apart from those that change figures; a path, which may hold the user's name, in neither."""
    for name in (*machine.OVERRIDES, *process.THREAD_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    found = machine.describe()
    assert (found["thread_settings"], found["environment"]) == ({}, {})
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MKL_NUM_THREADS", "/home/somebody")
    monkeypatch.setenv("XLA_FLAGS", "--one=1 --dump=/home/somebody/x")
    found = machine.describe()
    assert found["thread_settings"] == {"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "(path)"}
    assert found["environment"] == {"XLA_FLAGS": "--one=1 (path)"}


# What is printed


def entry(threads, sets, **rates):
    read = [{"bytes": size, "fits_in": cache, "gb_per_s": rate} for size, cache, rate in sets]
    return {"threads": threads, "gflop_per_s": {"float64": 50.0, "float32": 100.0} | rates, "read": read}


def printed(capsys, *peaks):
    print_machine(machine.describe() | {"peaks": list(peaks)})
    return capsys.readouterr().out


def test_peaks_are_printed_side_by_side(capsys):
    """A column for each number of threads, each working set with its size, and the ridge."""
    one = entry(1, [(16 * KIB, "L1", 200.0), (256 * MIB, "memory", 25.0)])
    two = entry(2, [(32 * KIB, "L1", 400.0), (256 * MIB, "memory", 40.0)], float64=100.0)
    lines = [" ".join(line.split()) for line in printed(capsys, one, two).splitlines()]
    start = lines.index("reading from 1 thread 2 threads")
    assert lines[start + 1 : start + 6] == [
        "L1 200 GB/s (16 KiB) 400 GB/s (32 KiB)",
        "memory 25.0 GB/s (256 MiB) 40.0 GB/s (256 MiB)",
        "multiply-add, float64 50.0 Gflop/s 100 Gflop/s",
        "multiply-add, float32 100 Gflop/s 100 Gflop/s",
        "ridge, float64 2.00 flops per byte 2.50 flops per byte",
    ]


def test_peaks_that_are_missing_are_printed_as_such(capsys):
    """The reason for a failure, a dash where only one column has a figure, no ridge where memory was not reached."""
    failed = {"threads": 2, "error": "killed by SIGKILL"}
    assert "peaks with 2 threads not measured: killed by SIGKILL" in printed(capsys, failed)
    one = entry(1, [(16 * KIB, "L1", 200.0)])
    out = printed(capsys, one, failed)
    assert "200 GB/s" in out
    assert "flops per byte" not in out
    out = printed(capsys, one, entry(4, [(32 * KIB, None, 9.0), (64 * KIB, None, 8.0)]))
    assert "8.00 GB/s (64 KiB)" in out
    assert "6.25 flops per byte" in out
