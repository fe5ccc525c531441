"""The limits of control groups, read from invented file trees in version 1, version 2 and both at once."""

import functools

import pytest

from bench.runtime import cgroups, memory

MIB = 1 << 20
UNLIMITED = str(2**63 - 4096)  # as version 1 writes it
V2 = "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate"


@pytest.fixture
def tree(tmp_path):
    """Write a file tree. groups, mounts: lines of /proc/self/cgroup and mountinfo. files: texts by path."""

    def tree(groups, mounts, files):
        texts = {"proc/self/cgroup": "\n".join(groups), "proc/self/mountinfo": "\n".join(mounts)}
        for name, text in (texts | files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")
        return tmp_path

    return tree


def v1(controllers, top="/", at=None):
    """The line of a mount of version 1."""
    return f"33 32 0:30 {top} {at or f'/sys/fs/cgroup/{controllers}'} rw,relatime - cgroup cgroup rw,{controllers}"


def test_the_tightest_quota_up_to_the_root_counts(tree):
    """Version 2: a group without the file, one without a quota, and two with one."""
    root = tree(
        ["0::/user.slice/box/inner"],
        [V2],
        {
            "sys/fs/cgroup/user.slice/box/inner/cgroup.procs": "1",
            "sys/fs/cgroup/user.slice/box/cpu.max": "250000 100000",
            "sys/fs/cgroup/user.slice/cpu.max": "150000 100000",
            "sys/fs/cgroup/cpu.max": "max 100000",
            "sys/fs/cgroup/other/cpu.max": "1000 100000",
        },
    )
    assert cgroups.cpu_quota(root) == 1.5


def test_version_1_has_a_hierarchy_per_controller(tree):
    """Each controller has its own group. -1 is no quota."""
    root = tree(
        ["4:memory:/", "2:cpu,cpuacct:/batch/job", "1:name=systemd:/batch", "0::/"],
        [v1("memory"), v1("cpu,cpuacct"), v1("xattr,name=systemd", at="/sys/fs/cgroup/systemd")],
        {
            "sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "7",
        },
    )
    assert cgroups.cpu_quota(root) == 0.5
    assert (cgroups.memory_limit(root), cgroups.memory_available(root)) == (None, None)


def test_both_versions_at_once(tree):
    """A controller is in one hierarchy only, and it does not matter in which."""
    root = tree(
        ["3:memory:/box", "0::/box"],
        [v1("memory"), V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")],
        {
            "sys/fs/cgroup/unified/box/cpu.max": "200000 100000",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": str(100 * MIB),
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": str(30 * MIB),
        },
    )
    assert cgroups.cpu_quota(root) == 2.0
    assert cgroups.memory_available(root) == 70 * MIB


@pytest.mark.parametrize(
    ("group", "mount"),
    [
        ("/docker/abc", v1("cpu", "/docker/abc")),
        ("/", v1("cpu")),
        ("/../elsewhere", v1("cpu")),
        ("/kubepods/pod/other", v1("cpu", "/docker/abc")),
        ("/docker/abc", v1("cpu", "/docker/abc", "/mnt/a\\040b")),
    ],
    ids=["own folder mounted", "own namespace", "outside of the namespace", "outside of the mount", "space"],
)
def test_a_container_mounts_its_own_group(tree, group, mount):
    """The folder of the mount is that of the group, or the nearest one that can be read."""
    files = {}
    for folder in ("sys/fs/cgroup/cpu", "mnt/a b"):
        files |= {f"{folder}/cpu.cfs_quota_us": "300000", f"{folder}/cpu.cfs_period_us": "100000"}
    assert cgroups.cpu_quota(tree([f"2:cpu:{group}"], [mount], files)) == 3.0


@pytest.mark.parametrize("limit", ["memory.max", "memory.high"])
def test_a_nested_limit_of_memory_is_respected(tree, monkeypatch, limit):
    """1 GiB below 4 GiB: what is left is the smallest difference, and unused pages of files count as free."""
    root = tree(
        ["0::/outer/inner"],
        [V2],
        {
            f"sys/fs/cgroup/outer/inner/{limit}": str(1024 * MIB),
            "sys/fs/cgroup/outer/inner/memory.current": str(400 * MIB),
            "sys/fs/cgroup/outer/inner/memory.stat": f"anon 1\ninactive_file {100 * MIB}",
            "sys/fs/cgroup/outer/memory.max": str(4096 * MIB),
            "sys/fs/cgroup/outer/memory.current": str(3500 * MIB),
        },
    )
    assert cgroups.memory_limit(root) == 1024 * MIB
    assert cgroups.memory_available(root) == 596 * MIB
    for name in ("memory_limit", "memory_available"):
        monkeypatch.setattr(cgroups, name, functools.partial(getattr(cgroups, name), root))
    free = memory.psutil.virtual_memory()._replace(total=1 << 40, available=1 << 39)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: free)
    assert memory.available() == min(1024 - 300, 4096 - 3500) * MIB
    assert not memory.scarce()  # by the limit, not by the memory of the machine


def test_the_time_stopped_by_quotas_is_added_up(tree):
    """Both versions; the statistics of a group without a quota have no such line."""
    root = tree(
        ["2:cpu:/box", "0::/box"],
        [v1("cpu"), V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")],
        {
            "sys/fs/cgroup/cpu/box/cpu.stat": "nr_periods 5\nnr_throttled 3\nthrottled_time 1500000000",
            "sys/fs/cgroup/unified/box/cpu.stat": "usage_usec 9\nnr_throttled 1\nthrottled_usec 250000",
            "sys/fs/cgroup/unified/cpu.stat": "usage_usec 9",
        },
    )
    assert cgroups.throttled_s(root) == 1.75


def test_without_files_there_are_no_limits(tmp_path, tree):
    """No /proc, or groups that are not mounted."""
    assert cgroups.folders(tmp_path) == ()
    assert (cgroups.cpu_quota(tmp_path), cgroups.memory_limit(tmp_path), cgroups.throttled_s(tmp_path)) == (
        None,
        None,
        0,
    )
    cgroups.folders.cache_clear()
    assert cgroups.folders(tree(["0::/box", "3:memory:/box"], [v1("cpu")], {})) == ()
