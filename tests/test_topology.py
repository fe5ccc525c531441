"""Which processors a worker takes, on invented machines."""

import pytest

from bench.runtime import topology


@pytest.fixture
def machine(tmp_path):
    """Write the files of a machine. cores: the processors of each core; files: functions of the number of the core."""

    def machine(*cores, **files):
        for number, cpus in enumerate(cores):
            for cpu in cpus:
                folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}"
                texts = {"topology/thread_siblings_list": ",".join(map(str, sorted(cpus)))}
                texts |= {name.replace("__", "/"): value(number) for name, value in files.items()}
                for name, text in texts.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_text(f"{text}\n")
        return tmp_path

    return machine


def order(root, *allowed):
    return list(topology.order(frozenset(allowed), root))


def test_every_core_gets_one_thread_before_any_gets_two(machine):
    """Whether the threads of a core have neighbouring numbers or not. The core of the first processor is last."""
    root = machine((0, 1), (2, 3), (4, 5), (6, 7))
    found = order(root, *range(8))
    assert found[:4] == [7, 5, 3, 1]
    assert found[4:] == [6, 4, 2, 0]


def test_the_threads_of_a_core_may_be_far_apart(machine):
    """As on most Intel servers."""
    root = machine((0, 4), (1, 5), (2, 6), (3, 7))
    assert order(root, *range(8)) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert order(root, 0, 1, 4, 5) == [5, 4, 1, 0]


FAST_FIRST = [
    {"cpu_capacity": lambda core: 1024 if core < 2 else 446},
    {"cpufreq__cpuinfo_max_freq": lambda core: 5_500_000 - 200_000 * core if core < 2 else 3_900_000},
    {"cpu_capacity": lambda core: 1024, "cpufreq__cpuinfo_max_freq": lambda core: 5_500_000 if core < 2 else 3_900_000},
]


@pytest.mark.parametrize("files", FAST_FIRST, ids=["capacity", "frequency", "equal capacity"])
def test_the_fastest_kind_of_core_comes_first(machine, files):
    """Even if the driver runs there: two cores with two threads each, and two slow ones."""
    root = machine((0, 1), (2, 3), (4,), (5,), **files)
    assert order(root, *range(6)) == [3, 1, 2, 0, 5, 4]
    assert [sorted(kind) for kind in topology.kinds(frozenset(range(6)), root)] == [[0, 1, 2, 3], [4, 5]]
    assert order(root, 0, 5) == [0, 5]


def test_the_type_of_a_core_decides_where_nothing_else_does(machine):
    """Intel's hybrid processors list them."""
    root = machine((0,), (1,), (2,))
    for name, cpus in (("cpu_core", "0"), ("cpu_atom", "1-2")):
        (root / "sys/devices" / name).mkdir()
        (root / "sys/devices" / name / "cpus").write_text(cpus)
    assert order(root, 0, 1, 2) == [0, 2, 1]


def test_a_favoured_core_is_no_kind_of_its_own(machine):
    """Cores of one kind differ by some percent. They would else get both threads before another core gets one."""
    root = machine((0, 1), (2, 3), (4, 5), cpufreq__cpuinfo_max_freq=lambda core: 6_000_000 - 200_000 * core)
    assert len(topology.kinds(frozenset(range(6)), root)) == 1
    assert order(root, *range(6))[:3] == [5, 3, 1]


def test_without_a_description_the_last_processors_come_first(tmp_path):
    """Each counts as a core of its own, and all kinds as one."""
    assert order(tmp_path, 2, 3, 7) == [7, 3, 2]
    assert order(tmp_path) == []
    assert topology.kinds(frozenset(), tmp_path) == []


def test_caches_are_those_of_the_processor(machine):
    """Only those that hold data."""
    root = machine(
        (0,), (1,), cache__index0__type=lambda _: "Data", cache__index0__level=lambda _: 1,
        cache__index0__size=lambda core: ("48K", "32K")[core], cache__index0__shared_cpu_list=lambda core: core,
        cache__index1__type=lambda _: "Instruction",
    )  # fmt: skip
    assert topology.caches(0, root) == [{"level": 1, "size": "48K", "shared_by": 1}]
    assert topology.caches(1, root) == [{"level": 1, "size": "32K", "shared_by": 1}]
    assert topology.caches(2, root) == []


def test_lists_of_processors_are_parsed():
    """Numbers and ranges, in their order."""
    assert topology.numbers("5,0-2") == [5, 0, 1, 2]
    assert topology.numbers("") == []
    for wrong in ("a", "1-", "-1", "1.5", "²"):
        with pytest.raises(ValueError, match="found"):
            topology.numbers(wrong)
