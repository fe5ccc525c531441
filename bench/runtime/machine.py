"""The description of the machine: processor, caches, memory, BLAS, thread settings, versions.

It holds no host name, user name or clock speed, so that two runs on one machine look alike. Measurements run in a child
process (bench/runtime/probes.py).
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psutil

from bench.runtime import cgroups, libraries, memory, process, topology

PACKAGES = (*libraries.TIMED, "pytest", "pytest-benchmark", "matplotlib")
VECTOR_FLAGS = ("avx2", "fma", "avx512f", "neon", "asimd", "sve")
# Settings that change how a library or an allocator works. Unlike thread settings, workers inherit them.
PREFIXES = (
    "NUMBA_", "NUMPY_", "NPY_", "OPENBLAS_", "MKL_", "BLIS_", "OMP_", "GOMP_", "KMP_", "XLA_", "JAX_", "MALLOC_",
    "MIMALLOC_", "TCMALLOC_",
)  # fmt: skip
SETTINGS = (
    "GLIBC_TUNABLES", "PYTHONMALLOC", "PYTHONMALLOCSTATS", "PYTHONOPTIMIZE", "PYTHONTRACEMALLOC", "PYTHONDEVMODE",
    "PYTHONDEBUG", "PYTHONDUMPREFS", "PYTHONPERFSUPPORT", "PYTHON_PERF_JIT_SUPPORT", "PYTHONVERBOSE",
    "PYTHONNODEBUGRANGES", "PYTHON_FROZEN_MODULES", "PYTHON_GIL", "PYTHON_JIT", "PYTHON_TLBC", "PYTHON_CPU_COUNT",
    "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COV_CORE_SOURCE",
)  # fmt: skip
PRELOADED = ("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES")  # paths of libraries, whose file names are recorded
# threadpoolctl sets KMP_DUPLICATE_LIB_OK itself.
UNTIMED_SETTINGS = (
    *process.THREAD_VARIABLES, *process.REMOVED, *process.FIXED, *process.CACHES, "NUMBA_COLOR_SCHEME",
    "KMP_DUPLICATE_LIB_OK",
)  # fmt: skip
# Settings that trace or check the code of the workers.
SLOW_SETTINGS = (
    "PYTHONTRACEMALLOC", "PYTHONDEVMODE", "PYTHONDEBUG", "PYTHONDUMPREFS", "PYTHONPERFSUPPORT",
    "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COV_CORE_SOURCE", "MALLOC_CHECK_", "MALLOC_PERTURB_",
    "NUMBA_BOUNDSCHECK", "NUMBA_DEBUGINFO",
)  # fmt: skip
# By BLAS library: the settings that override the choice of the BLAS kernel.
BLAS_KERNEL_SETTINGS = {
    "openblas": ("OPENBLAS_CORETYPE",),
    "mkl": ("MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "MKL_CBWR"),
    "blis": ("BLIS_ARCH_TYPE",),
}

PROBE_DEADLINE_S, GIT_DEADLINE_S = 60.0, 10.0
MEMORY_SHARE = 1 / 8  # the largest share of the free memory for a measurement of its bandwidth
UNKNOWN_CACHES = (32 << 10, 256 << 10, 4 << 20, 64 << 20, 256 << 20)  # working sets in bytes where sizes are unknown


def describe() -> dict[str, Any]:
    """The machine as run.json records it, None for what cannot be read.

    cpu: caches and governor are those of the first processor that workers take. cpu_quota: in processors.
    thread_settings: of the user's shell; workers replace them, so they do not affect any time.
    """
    processor = _first_processor()
    return {
        "cpu": _cpu(processor),
        "cpu_quota": cgroups.cpu_quota(),
        "memory_bytes": _memory_bytes(),
        "memory_limit_bytes": cgroups.memory_limit(),
        "system": f"{platform.system()} {platform.release()}",
        "virtual_machine": "hypervisor" in processor["flags"].split() if "flags" in processor else None,
        "threads_available": process.available_threads(),
        "threads_controlled": hasattr(os, "sched_getaffinity"),
        "blas": blas(),
        "blas_forced": blas_forced(),
        "thread_settings": _settings(process.THREAD_VARIABLES),
        "environment": _environment(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
        "gdbench": _version("gdbench"),
        "load": _load(),
        "warnings": warnings(),
    }


def commit() -> dict[str, Any] | None:
    """The commit of the working folder, {"id", "dirty"}; None without a repository or without git.

    dirty: files of the commit have changed. New files do not count, because runs write some.
    """
    answers = []
    for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_DEADLINE_S, check=True)
        except (OSError, subprocess.SubprocessError, UnicodeError):
            return None
        answers.append(done.stdout.strip())
    return {"id": answers[0], "dirty": bool(answers[1])}


def blas() -> list[dict[str, Any]]:
    """The BLAS libraries that NumPy loads, with the BLAS kernel in use."""
    import numpy  # noqa: F401 - it loads the BLAS

    return libraries.loaded_blas()


def blas_forced() -> bool | None:
    """Whether an environment variable overrides the choice of the BLAS kernel; None for an unknown BLAS."""
    settings = [BLAS_KERNEL_SETTINGS[entry["library"]] for entry in blas() if entry["library"] in BLAS_KERNEL_SETTINGS]
    return any(name in os.environ for names in settings for name in names) if settings else None


def peaks(threads: Collection[int] = (), quick: bool = False) -> list[dict[str, Any]]:
    """The peak rates for each number of threads, by default for one and for all. Two seconds each, or one with `quick`.

    [{"threads", "gflop_per_s": {"float64", "float32"}, "read": [{"bytes", "fits_in", "gb_per_s"}, ...]}, ...]
    bytes: the working set of all threads together. fits_in: "L1", "L2", "L3" or "memory", None if the caches are
    unknown. An entry is {"threads", "error"} if its measurement fails.
    """
    entries = []
    for count in sorted(set(threads or (1, process.available_threads()))):
        sets = working_sets(_caches(), count, int(MEMORY_SHARE * memory.available()), quick)
        spec = {"threads": count, "working_sets": [size for size, _ in sets], "repetitions": 3 if quick else 5}
        answer = _probe(json.dumps(spec), count)
        if "error" not in answer:
            answer["read"] = [e | {"fits_in": cache} for e, (_, cache) in zip(answer["read"], sets, strict=True)]
        entries.append({"threads": count} | answer)
    return entries


def working_sets(
    caches: list[dict[str, Any]], threads: int, limit_bytes: int, quick: bool = False
) -> list[tuple[int, str | None]]:
    """Sizes of working sets in bytes, with the cache that holds each of them.

    A quarter and a half of each cache, then two and eight times the last one. Eight times, because a cache that holds a
    good part of the set would increase the measured bandwidth of the memory, and because each thread of a virtual
    machine may have its own last cache. quick: halves and eight times only. caches: as in describe(). limit_bytes: the
    largest working set.
    """
    if not caches or not all(_bytes(cache["size"]) for cache in caches):
        return [(size, None) for size in UNKNOWN_CACHES if size <= max(limit_bytes, UNKNOWN_CACHES[0])]
    sizes: list[tuple[int, str | None]] = []
    below = 0
    for cache in caches:
        capacity = (_bytes(cache["size"]) or 0) * math.ceil(threads / max(1, cache["shared_by"]))
        parts = [capacity // part for part in ((2,) if quick else (4, 2))]
        sizes += [(size, f"L{cache['level']}") for size in parts if below < size <= limit_bytes]
        below = max(below, capacity)
    beyond = sorted({min(times * below, limit_bytes) for times in ((8,) if quick else (2, 8))})
    return sizes + [(size, "memory") for size in beyond if size > below]


def read_rates(threads: int, working_sets: list[int]) -> dict[int, float]:
    """The read bandwidth in GB/s of all threads together, by the bytes of the working set.

    Working sets that are too large for the free memory are left out. Empty if the measurement fails.
    """
    limit = MEMORY_SHARE * memory.available()
    sizes = [size for size in working_sets if size <= limit]
    answer = _probe(json.dumps({"threads": threads, "working_sets": sizes, "repetitions": 3, "dtypes": []}), threads)
    if "error" in answer or not sizes:
        return {}
    return {size: entry["gb_per_s"] for size, entry in zip(sizes, answer["read"], strict=True)}


def sentinels(threads: int) -> dict[str, float]:
    """Seconds of two fixed loops that use no library, {"arithmetic", "memory"}, in half a second. Empty on failure.

    threads: the number of threads of the block; the loops use one of its processors.
    """
    answer = _probe("sentinels", threads)
    return {} if "error" in answer else answer


def _probe(question: str, threads: int) -> dict[str, Any]:
    """The message of the child, or {"error": the reason}."""
    answer: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
            outcome = process.run(
                ["-m", "bench.runtime.probes", question],
                threads=threads,
                deadline_s=PROBE_DEADLINE_S,
                folder=Path(folder),
                on_message=answer.update,
            )
    except OSError as error:  # no process, or no space for the folder
        return {"error": error.strerror or type(error).__name__}
    return answer if outcome.ok and answer else {"error": _plain(outcome.describe())}


def warnings() -> list[str]:
    """Notes about settings and states of this machine that affect the times."""
    messages = []
    if "OPENBLAS_CORETYPE" in os.environ or "OPENBLAS_L2_SIZE" in os.environ:
        kernels = ", ".join(str(entry["kernel"]) for entry in blas()) or "unknown"
        messages.append(
            "OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE is set and decides how NumPy multiplies"
            f" (BLAS kernel now: {kernels}); unset both for figures of this processor"
        )
    messages += [
        f"{name} is set, which changes how NumPy or its BLAS computes"
        for name in ("MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "BLIS_ARCH_TYPE", "NPY_DISABLE_CPU_FEATURES")
        if name in os.environ
    ]
    messages += [
        f"{name} is set, which traces or checks the code of the workers and slows it"
        for name in SLOW_SETTINGS
        if os.environ.get(name, "0") not in ("", "0")
    ]
    messages += replaced_platforms()
    if not hasattr(os, "sched_getaffinity"):
        messages.append("threads not controlled: this system has no processor affinity, which alone limits JAX")
    messages += _limits()
    load = _load() or 0.0
    if load > 0.5 * (os.cpu_count() or 1):
        messages.append(f"the machine is busy: load {load:.1f} on {os.cpu_count()} processors")
    return messages


def _limits() -> list[str]:
    """Notes about what the system grants to this process."""
    messages = []
    if sys.platform == "linux" and _text("/proc/meminfo") is None:
        messages.append(
            "/proc cannot be read, so the processor, the memory of this machine and that of backends are not known"
        )
    quota, processors = cgroups.cpu_quota(), len(process.order())
    if quota is not None and quota < processors:
        messages.append(
            f"the CPU quota of this process is {quota:.3g} of {processors} processors (control group):"
            " the system stops a process that uses more"
        )
    kinds = [len(kind) for kind in _kinds()]
    if len(kinds) > 1:
        messages.append(
            f"this machine has {len(kinds)} kinds of cores ({', '.join(map(str, kinds))} processors):"
            " workers take the fastest first, and more threads than these mix the kinds"
        )
    if _governor() == "powersave":
        messages.append("the frequency governor is powersave, which may keep the clock low; choose performance")
    if hasattr(os, "getpriority") and (niceness := os.getpriority(os.PRIO_PROCESS, 0)) > 0:
        messages.append(f"the niceness of this process is {niceness}: other programs get the processor first")
    return messages


def replaced_platforms() -> list[str]:
    """Notes about the user's choice of a platform for JAX, which a child does not get."""
    return [
        f"{name}={_plain(os.environ[name])} is replaced by cpu, because every backend computes on the processor"
        for name in ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
        if os.environ.get(name, "cpu") not in ("", "cpu")
    ]


def _cpu(processor: dict[str, str]) -> dict[str, Any]:
    return {
        "model": processor.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "logical_cores": os.cpu_count(),
        "vector_extensions": [flag for flag in VECTOR_FLAGS if flag in processor.get("flags", "").split()],
        "caches": _caches(),
        "governor": _governor(),
        "kind": _kind(),
    }


def _measured() -> int:
    """The first processor that workers take."""
    return next(iter(process.order()), 0)


def _kinds() -> list[set[int]]:
    return topology.kinds(frozenset(process.affinity()))


def _kind() -> str | None:
    """The kind of core that is measured, "1 of 2" for the faster of two; None if all are alike."""
    kinds = _kinds()
    number = next((number for number, kind in enumerate(kinds, 1) if _measured() in kind), None)
    return f"{number} of {len(kinds)}" if len(kinds) > 1 and number else None


def _governor() -> str | None:
    return topology.text(_measured(), "cpufreq/scaling_governor")


def _first_processor() -> dict[str, str]:
    """The first entry of /proc/cpuinfo; ARM calls the flags Features and gives no model name."""
    entry: dict[str, str] = {}
    for line in (_text("/proc/cpuinfo") or "").split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        entry["flags" if key.strip() == "Features" else key.strip()] = value.strip()
    return entry


def _caches() -> list[dict[str, Any]]:
    return topology.caches(_measured())


def _bytes(size: str | None) -> int | None:
    """'32K' as 32768; None for other texts."""
    match = re.fullmatch(r"(\d+)([KMG]?)", size or "")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]] if match else None


def _memory_bytes() -> int | None:
    with contextlib.suppress(OSError, psutil.Error):
        return int(psutil.virtual_memory().total)
    return None


def _load() -> float | None:
    with contextlib.suppress(OSError):
        return float(psutil.getloadavg()[0])
    return None


def _settings(names: tuple[str, ...]) -> dict[str, str]:
    return {name: _plain(os.environ[name]) for name in names if name in os.environ}


def _environment() -> dict[str, str]:
    """The settings that affect times, without empty ones, which change nothing."""
    names = [name for name in os.environ if name.startswith(PREFIXES) and name not in UNTIMED_SETTINGS]
    found = {name: value for name, value in _settings((*sorted(names), *SETTINGS)).items() if value}
    for name in PRELOADED:
        if libraries := [Path(word).name for word in re.split("[ :]+", os.environ.get(name, "")) if word]:
            found[name] = " ".join(libraries)
    return found


def _plain(value: str) -> str:
    """A setting without paths, because they may contain a user name."""
    return " ".join("(path)" if os.sep in word else word for word in value.split(" "))


def _version(package: str) -> str | None:
    """The version of the package that an import loads, None if there is none."""
    if package == "numpy":  # blas() has loaded it
        return str(importlib.import_module(package).__version__)
    try:
        spec = importlib.util.find_spec(package)
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        distribution = None
    folder = Path(spec.origin).parent if spec and spec.origin else None
    installed = Path(str(distribution.locate_file(package))) if distribution else None
    if folder and (installed is None or (installed.is_dir() and not installed.samefile(folder))):
        # The import path has another one than the installed distribution, which only an import can tell.
        with contextlib.suppress(Exception):
            return str(importlib.import_module(package).__version__)
        return None
    return distribution.version if distribution else None


def _text(path: str | Path) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
