"""What the figures depend on: processor, caches, memory, BLAS, thread settings, versions.

No host or user names and no live clock speeds: two runs on one machine must look alike.
"""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from bench import process

PACKAGES = (
    "numpy", "scipy", "numba", "llvmlite", "jax", "jaxlib", "pytest", "pytest-benchmark", "matplotlib",
)  # fmt: skip
VECTOR_FLAGS = ("avx2", "fma", "avx512f", "neon", "asimd", "sve")
# Settings that change what a library does; those of threads are set for every worker, these are not.
OVERRIDES = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE", "BLIS_ARCH_TYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE", "NUMBA_ENABLE_AVX",
    "NUMBA_BOUNDSCHECK", "NUMBA_THREADING_LAYER", "XLA_FLAGS", "JAX_ENABLE_X64", "JAX_PLATFORMS",
    "JAX_DEFAULT_MATMUL_PRECISION", "KMP_AFFINITY", "OMP_PROC_BIND", "OMP_PLACES", "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES", "LD_PRELOAD", "PYTHONMALLOC", "PYTHONOPTIMIZE",
)  # fmt: skip


def describe() -> dict[str, Any]:
    """The machine as run.json records it; what cannot be read is null."""
    cores = process.available_threads()
    return {
        "cpu": _cpu(),
        "memory_bytes": _memory_bytes(),
        "system": f"{platform.system()} {platform.release()}",
        "virtual_machine": _virtual_machine(),
        "threads_available": cores,
        "threads_controlled": hasattr(os, "sched_getaffinity"),
        "blas": blas(),
        "environment": {name: _plain(os.environ[name]) for name in OVERRIDES if name in os.environ},
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in PACKAGES},
        "gdbench": _version("gdbench"),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "warnings": warnings(),
    }


def blas() -> list[dict[str, Any]]:
    """The BLAS libraries that NumPy loads, with the kernel that was really chosen."""
    import numpy  # noqa: F401 - loading it is what loads the BLAS
    from threadpoolctl import threadpool_info

    return [
        {"library": pool["internal_api"], "version": pool.get("version"), "kernel": pool.get("architecture")}
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]


def warnings() -> list[str]:
    """Settings of this environment that make its figures unlike those of an ordinary one."""
    found = []
    if "OPENBLAS_CORETYPE" in os.environ or "OPENBLAS_L2_SIZE" in os.environ:
        kernels = ", ".join(str(entry["kernel"]) for entry in blas()) or "unknown"
        found.append(
            "OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE is set and decides how NumPy multiplies"
            f" (kernel now: {kernels}); unset both for figures of this processor"
        )
    found += [
        f"{name} is set, which changes how NumPy or its BLAS computes"
        for name in ("MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "BLIS_ARCH_TYPE", "NPY_DISABLE_CPU_FEATURES")
        if name in os.environ
    ]
    if not hasattr(os, "sched_getaffinity"):
        found.append("threads not controlled: this system has no processor affinity, which alone limits JAX")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5 * (os.cpu_count() or 1):
        found.append(f"the machine is busy: load {load:.1f} on {os.cpu_count()} processors")
    return found


def _cpu() -> dict[str, Any]:
    info = _first_processor()
    return {
        "model": info.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "logical_cores": os.cpu_count(),
        "vector_extensions": [flag for flag in VECTOR_FLAGS if flag in info.get("flags", "").split()],
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
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = _text(folder / "type")
        if kind in ("Data", "Unified"):
            shared = len(_cpu_list(_text(folder / "shared_cpu_list") or ""))
            found.append(
                {"level": int(_text(folder / "level") or 0), "size": _text(folder / "size"), "shared_by": shared}
            )
    return found


def _cpu_list(text: str) -> set[int]:
    """'0-2,5' as {0, 1, 2, 5}."""
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def _memory_bytes() -> int:
    import psutil

    return psutil.virtual_memory().total


def _virtual_machine() -> bool | None:
    flags = _first_processor().get("flags")
    return None if flags is None else "hypervisor" in flags.split()


def _plain(value: str) -> str:
    """A setting without the paths in it, which may name a user."""
    return " ".join("(path)" if os.sep in word else word for word in value.split(" "))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _text(path: str | Path) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
