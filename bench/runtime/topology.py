"""The processors of this machine: their kinds, cores and caches, as Linux describes them in /sys.

Everything is a function of a file tree. What a system does not describe counts as alike.
"""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path("/")  # of the file tree
CPU = "sys/devices/system/cpu"
SAME_KIND = 0.9  # of the speed of the fastest of its kind; cores of one kind may differ by some percent
CORE_TYPES = ("cpu_core", "cpu_atom", "cpu_lowpower")  # of Intel's hybrid processors, fastest first


@functools.cache
def order(allowed: frozenset[int], root: Path = ROOT) -> tuple[int, ...]:
    """The allowed processors in the order in which workers take them.

    The fastest kind of core comes first, in it one thread of each core, then the second ones. The core of the first
    processor, which serves most interrupts and the driver, is the last of its rank, and that processor the last of its
    core.
    """
    driver = min(allowed, default=0)
    cores = {cpu: text(cpu, "topology/thread_siblings_list", root) or str(cpu) for cpu in allowed}

    def rank(cpu: int) -> int:
        siblings = [other for other in allowed if cores[other] == cores[cpu]]
        return sorted(siblings, key=lambda other: (other == driver, -other)).index(cpu)

    kind_of = {cpu: number for number, kind in enumerate(kinds(allowed, root)) for cpu in kind}
    return tuple(sorted(allowed, key=lambda cpu: (kind_of[cpu], rank(cpu), cores[cpu] == cores[driver], -cpu)))


@functools.cache
def kinds(allowed: frozenset[int], root: Path = ROOT) -> list[set[int]]:
    """The allowed processors by the kind of their core, fastest first."""
    sources: tuple[Callable[[int], str | None], ...] = (
        lambda cpu: text(cpu, "cpu_capacity", root),
        lambda cpu: text(cpu, "cpufreq/cpuinfo_max_freq", root),
        lambda cpu: _type_speed(cpu, root),
    )
    for source in sources:
        speeds = {cpu: int(words) for cpu in allowed if (words := source(cpu) or "").isdecimal()}
        if len(speeds) == len(allowed) and len(groups := _groups(speeds)) > 1:
            return groups
    return [set(allowed)] if allowed else []


def _groups(speeds: dict[int, int]) -> list[set[int]]:
    groups: list[set[int]] = []
    fastest = 0
    for cpu in sorted(speeds, key=lambda cpu: -speeds[cpu]):
        if not groups or speeds[cpu] < SAME_KIND * fastest:
            groups.append(set())
            fastest = speeds[cpu]
        groups[-1].add(cpu)
    return groups


def _type_speed(cpu: int, root: Path) -> str | None:
    """A number that is larger for a faster type of core; None if the processor has no types."""
    types = [numbers(_read(root / "sys/devices" / name / "cpus") or "") for name in CORE_TYPES]
    return next((str(2 ** (len(types) - place)) for place, cpus in enumerate(types) if cpu in cpus), None)


def caches(cpu: int, root: Path = ROOT) -> list[dict[str, Any]]:
    """The caches of a processor that hold data: level, size as text, and the number of processors that share it."""
    found = []
    for folder in sorted((root / CPU / f"cpu{cpu}/cache").glob("index*")):
        if _read(folder / "type") in ("Data", "Unified"):
            shared = len(numbers(_read(folder / "shared_cpu_list") or ""))
            found.append(
                {"level": int(_read(folder / "level") or 0), "size": _read(folder / "size"), "shared_by": shared}
            )
    return found


def text(cpu: int, name: str, root: Path = ROOT) -> str | None:
    """A file of a processor, such as "cpufreq/scaling_governor", or None."""
    return _read(root / CPU / f"cpu{cpu}" / name)


def numbers(listed: str) -> list[int]:
    """'0-2,5' as [0, 1, 2, 5]. Raises ValueError for other texts."""
    found: list[int] = []
    for part in filter(None, listed.split(",")):
        match = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", part.strip())
        if not match:
            raise ValueError(f"found {part!r}")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
