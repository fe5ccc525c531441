"""The available memory, a limit for one process, and signs of a lack of memory."""

import contextlib
import re
import sys
from pathlib import Path

import psutil

from bench.runtime import cgroups

BASE = 4 << 30  # bytes for an interpreter with the largest library and its compiler, and small problems
MAX_SHARE = 0.8  # of the free memory for one child
SCARCE = 0.05  # share of all memory; if less is free, the system is at risk
UNKNOWN = 1 << 60  # bytes where the memory cannot be read: more than any need
# Messages of libraries that failed to allocate memory.
OOM_PATTERN = re.compile(
    r"MemoryError|bad_alloc|[Oo]ut of memory|Cannot allocate memory|RESOURCE_EXHAUSTED|memory exhausted"
)


def total() -> int | None:
    """Bytes of memory that this process may use, within the limits of its control groups; None if unknown."""
    with contextlib.suppress(OSError, psutil.Error):
        sizes = psutil.virtual_memory().total, cgroups.memory_limit()
        return min(int(size) for size in sizes if size is not None)
    return cgroups.memory_limit()


def available() -> int:
    """Bytes of memory that are available now, within the limits of the control groups; UNKNOWN if unknown."""
    free = cgroups.memory_available()
    with contextlib.suppress(OSError, psutil.Error):
        free = min(int(psutil.virtual_memory().available), UNKNOWN if free is None else free)
    return UNKNOWN if free is None else max(free, 0)


def limit(pid: int, wanted: int) -> None:
    """Limit the private writable memory of a child to `wanted` bytes or MAX_SHARE of the free memory, on Linux.

    The address space is not limited, because compilers reserve far more than they use.
    """
    if sys.platform == "linux":
        import resource

        limit_bytes = min(wanted, int(MAX_SHARE * available()))
        with contextlib.suppress(OSError, ValueError):  # it has ended, or the user has set a stricter limit
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def scarce() -> bool:
    """Whether so little memory is free that the system may soon kill some process."""
    return available() < SCARCE * (total() or 0)


def tree_rss(pid: int) -> int:
    """Resident bytes of a process and its descendants, shared memory included."""
    total = 0
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(pid)
        for process in [family, *family.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def oom_kill_count() -> int:
    """The number of processes that the system has killed for lack of memory since it started; 0 if unknown."""
    with contextlib.suppress(OSError, ValueError):
        match = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
        return int(match[1]) if match else 0
    return 0
