"""The available memory, a limit for one process, and signs of a lack of memory."""

import contextlib
import re
import sys
from pathlib import Path

import psutil

BASE = 4 << 30  # bytes for an interpreter with the largest library and its compiler, and small problems
MAX_SHARE = 0.8  # of the free memory for one child
SCARCE = 0.05  # share of all memory; if less is free, the system is at risk
# The limit and the usage of a container, in both versions of control groups.
CONTAINER = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
# Messages of libraries that failed to allocate memory.
OOM_PATTERN = re.compile(
    r"MemoryError|bad_alloc|[Oo]ut of memory|Cannot allocate memory|RESOURCE_EXHAUSTED|memory exhausted"
)


def available() -> int:
    """Bytes of memory that are available now, also within the limit of a container."""
    free = psutil.virtual_memory().available
    for limit, used in CONTAINER:
        with contextlib.suppress(OSError, ValueError):  # another version, or no limit ("max")
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(int(free), 0)


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
    return available() < SCARCE * float(psutil.virtual_memory().total)


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
