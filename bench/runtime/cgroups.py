"""The limits of the control groups of this process: processor time and memory, in both versions of the interface.

A process belongs to a group in each hierarchy, and the limits of all groups above it apply, too. A container, a
scheduler of a cluster and systemd set them. Elsewhere than on Linux there are no groups, and thus no limits.
"""

import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")  # of the file tree
# A limit and the usage that it applies to, in version 2 and 1. Beyond memory.high, processes are slowed down.
MEMORY = (
    ("memory.max", "memory.current"),
    ("memory.high", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)
NO_LIMIT = 1 << 60  # version 1 writes a number near 2**63 where there is no limit


@functools.cache
def folders(root: Path = ROOT) -> tuple[Path, ...]:
    """The folders of the groups of this process and of all groups above them."""
    mounts = [line.split() for line in _text(root / "proc/self/mountinfo").splitlines()]
    found: dict[Path, None] = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        for mount in mounts:
            kind, _, options = mount[mount.index("-") + 1 :][:3]
            if controllers and kind == "cgroup":
                belongs = set(controllers.split(",")) <= set(options.split(","))
            else:
                belongs = not controllers and kind == "cgroup2"
            if belongs:
                top = root / _unescaped(mount[4]).lstrip("/")
                folder = top / _below(group, _unescaped(mount[3]))
                found |= dict.fromkeys([folder, *folder.parents][: len(folder.parts) - len(top.parts) + 1])
    return tuple(found)


@functools.cache
def _folders_with(name: str, root: Path) -> list[Path]:
    """The folders that hold a file. The driver asks for the memory often, so they are remembered."""
    return [folder for folder in folders(root) if (folder / name).exists()]


def cpu_quota(root: Path = ROOT) -> float | None:
    """The processors that this process may use on average, by the tightest quota; None without one."""
    quotas = []
    for folder in folders(root):
        texts = (
            _text(folder / "cpu.max") or f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
        )
        if match := re.fullmatch(r"([1-9]\d*) ([1-9]\d*)", texts):  # "max" or -1: no quota
            quotas.append(int(match[1]) / int(match[2]))
    return min(quotas, default=None)


def throttled_s(root: Path = ROOT) -> float:
    """Seconds for which a quota has stopped the groups of this process, summed over processors."""
    seconds = 0.0
    for folder in _folders_with("cpu.stat", root):
        counts = dict(re.findall(r"^(\w+) (\d+)$", _text(folder / "cpu.stat"), re.MULTILINE))
        seconds += int(counts.get("throttled_usec", 0)) / 1e6 + int(counts.get("throttled_time", 0)) / 1e9
    return seconds


def memory_limit(root: Path = ROOT) -> int | None:
    """The tightest limit of memory in bytes; None without one."""
    return min((limit for limit, _ in _memory(root)), default=None)


def memory_available(root: Path = ROOT) -> int | None:
    """Bytes that this process may still allocate below all limits; None without one.

    Pages of files that were not used recently do not count as used, because the system reclaims them first.
    """
    return min((limit - used for limit, used in _memory(root)), default=None)


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """The limit and the usage of each group that has a limit, in bytes."""
    for limit, usage in MEMORY:
        for folder in _folders_with(limit, root):
            with contextlib.suppress(ValueError):  # another version, or no limit ("max")
                if (most := int(_text(folder / limit))) < NO_LIMIT:
                    stat = dict(re.findall(r"^(\w+) (\d+)$", _text(folder / "memory.stat"), re.MULTILINE))
                    # Version 1 counts the groups below apart.
                    reclaimable = int(stat.get("total_inactive_file") or stat.get("inactive_file") or 0)
                    yield most, max(0, int(_text(folder / usage)) - reclaimable)


def _below(group: str, top: str) -> PurePosixPath:
    """The path of a group below the one that is mounted; that one itself if the group lies elsewhere."""
    path = PurePosixPath(group)
    inside = path.is_relative_to(top) and ".." not in path.parts
    return path.relative_to(top) if inside else PurePosixPath()


def _unescaped(path: str) -> str:
    """A path of mountinfo, which writes a space as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
