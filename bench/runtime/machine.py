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
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import psutil

from bench.runtime import libraries, process

PACKAGES = (*libraries.TIMED, "pytest", "pytest-benchmark", "matplotlib")
VECTOR_FLAGS = ("avx2", "fma", "avx512f", "neon", "asimd", "sve")
# Settings that change how a library computes. Unlike thread settings, workers inherit them.
OVERRIDES = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE", "BLIS_ARCH_TYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE", "NUMBA_ENABLE_AVX",
    "NUMBA_BOUNDSCHECK", "NUMBA_THREADING_LAYER", "XLA_FLAGS", "JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION",
    "KMP_AFFINITY", "OMP_PROC_BIND", "OMP_PLACES", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "LD_PRELOAD", "PYTHONMALLOC",
    "PYTHONOPTIMIZE",
)  # fmt: skip
# By BLAS library: the settings that override the choice of the BLAS kernel.
BLAS_KERNEL_SETTINGS = {
    "openblas": ("OPENBLAS_CORETYPE",),
    "mkl": ("MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "MKL_CBWR"),
    "blis": ("BLIS_ARCH_TYPE",),
}

PROBE_DEADLINE_S = 60.0
MEMORY_SHARE = 1 / 8  # the largest share of the free memory for a measurement of its bandwidth
UNKNOWN_CACHES = (32 << 10, 256 << 10, 4 << 20, 64 << 20, 256 << 20)  # working sets in bytes where sizes are unknown


def describe() -> dict[str, Any]:
    """The machine as run.json records it, None for what cannot be read.

    "thread_settings" are those of the user's shell. Workers replace them, so they do not affect any time.
    """
    processor = _first_processor()
    return {
        "cpu": _cpu(processor),
        "memory_bytes": int(psutil.virtual_memory().total),
        "system": f"{platform.system()} {platform.release()}",
        "virtual_machine": "hypervisor" in processor["flags"].split() if "flags" in processor else None,
        "threads_available": process.available_threads(),
        "threads_controlled": hasattr(os, "sched_getaffinity"),
        "blas": blas(),
        "blas_forced": blas_forced(),
        "thread_settings": _settings(process.THREAD_VARIABLES),
        "environment": _settings(OVERRIDES),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
        "gdbench": _version("gdbench"),
        "load": psutil.getloadavg()[0],
        "warnings": warnings(),
    }


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
        sets = working_sets(_caches(), count, int(MEMORY_SHARE * psutil.virtual_memory().available), quick)
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
    limit = MEMORY_SHARE * psutil.virtual_memory().available
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
    messages += replaced_platforms()
    if not hasattr(os, "sched_getaffinity"):
        messages.append("threads not controlled: this system has no processor affinity, which alone limits JAX")
    load = psutil.getloadavg()[0]
    if load > 0.5 * (os.cpu_count() or 1):
        messages.append(f"the machine is busy: load {load:.1f} on {os.cpu_count()} processors")
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
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }


def _first_processor() -> dict[str, str]:
    """The first entry of /proc/cpuinfo; ARM calls the flags Features and gives no model name."""
    entry: dict[str, str] = {}
    for line in (_text("/proc/cpuinfo") or "").split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        entry["flags" if key.strip() == "Features" else key.strip()] = value.strip()
    return entry


def _caches() -> list[dict[str, Any]]:
    return [
        {
            "level": int(_text(folder / "level") or 0),
            "size": _text(folder / "size"),
            "shared_by": _count(_text(folder / "shared_cpu_list") or ""),
        }
        for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
        if _text(folder / "type") in ("Data", "Unified")
    ]


def _count(processors: str) -> int:
    """The number of processors in a list of ranges: 4 in '0-2,5'."""
    ranges = [part.split("-") for part in processors.split(",") if part]
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)


def _bytes(size: str | None) -> int | None:
    """'32K' as 32768; None for other texts."""
    match = re.fullmatch(r"(\d+)([KMG]?)", size or "")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]] if match else None


def _settings(names: tuple[str, ...]) -> dict[str, str]:
    return {name: _plain(os.environ[name]) for name in names if name in os.environ}


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
