"""How much memory there is, a limit for one process, and who ate it where it is gone."""

import contextlib
import re
import sys
from pathlib import Path

import psutil

BASE = 4 << 30  # bytes: for an interpreter with the largest library and its compiler, and small problems
SHARE = 0.8  # of what is free that one child may take for itself at most
SCARCE = 0.05  # of all memory: less than this free, and the system itself is in danger
# A container's own limits, in the two versions of the kernel's interface: the most, and what is in use.
CONTAINER = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
# What libraries print when the system gave them no memory.
OOM_PATTERN = re.compile(
    r"MemoryError|bad_alloc|[Oo]ut of memory|Cannot allocate memory|RESOURCE_EXHAUSTED|memory exhausted"
)


def available() -> int:
    """Bytes that can be used now, by this container where it has a limit of its own."""
    free = psutil.virtual_memory().available
    for limit, used in CONTAINER:
        with contextlib.suppress(OSError, ValueError):  # no such version, or "max"
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return max(int(free), 0)


def limit(pid: int, wanted: int) -> None:
    """Let a child of ours have no more than `wanted` bytes, or its share of what is free now; where the system can.

    What counts is what it can write to and has for itself: compilers reserve far more address space than they use.
    """
    if sys.platform == "linux":
        import resource

        limit_bytes = min(wanted, int(SHARE * available()))
        with contextlib.suppress(OSError, ValueError):  # it has ended already, or has a stricter limit of the user's
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def scarce() -> bool:
    """Whether so little is left that the system would soon end some process, perhaps not the one that ate it."""
    return available() < SCARCE * float(psutil.virtual_memory().total)


def tree_rss(pid: int) -> int:
    """Bytes that a process and all it has started hold, shared memory among them."""
    total = 0
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(pid)
        for process in [family, *family.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def oom_kill_count() -> int:
    """How many processes the system has ended for want of memory since it started; 0 where it does not count."""
    with contextlib.suppress(OSError, ValueError):
        match = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
        return int(match[1]) if match else 0
    return 0
