"""Child processes: what they inherit, how an outcome is described, messages, deadlines, and that all of them end."""

import os
import resource
import signal
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bench.runtime import cgroups, memory, process, topology

FOREVER_S = 600  # how long a hanging child sleeps; no test waits for it
HANG = f"import time; time.sleep({FOREVER_S})"
needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system has no processor affinity"
)


@pytest.fixture(autouse=True)
def safety():
    """A test that hangs fails after a minute."""

    def stop(number, frame):
        raise AssertionError("the test did not end within a minute")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def affinity():
    """No test changes the affinity of this process."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    yield
    after = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before)
    assert after == before


@pytest.fixture
def clock(monkeypatch):
    """The clock of bench.runtime.process, which a test advances by `seconds`, and by `per_call` at each call."""
    offset = SimpleNamespace(seconds=0.0, per_call=0.0)

    def monotonic():
        offset.seconds += offset.per_call
        return time.monotonic() + offset.seconds

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=monotonic))
    return offset


@pytest.fixture
def child(tmp_path):
    """Run Python code in a child process, in an empty folder, with a deadline of a minute."""

    def child(code, **options):
        options = {"threads": 1, "deadline_s": 60.0, "folder": tmp_path} | options
        return process.run(["-c", textwrap.dedent(code)], **options)

    return child


def with_channel(code):
    """Python code that starts with a channel to the parent."""
    return "from bench.runtime.process import Channel\nchannel = Channel()\n" + textwrap.dedent(code)


def has_ended(pid, within_s=10.0):
    """Whether the process ends within this time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # it has ended, and its parent has not called wait
                return True
        except (ProcessLookupError, psutil.NoSuchProcess):
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def pids():
    """A list for process ids. Processes that outlive the test are killed."""
    pids = []
    yield pids
    for pid in pids:
        if not has_ended(pid, 0.1):
            os.kill(pid, signal.SIGKILL)


# Environment


@needs_affinity
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set_before_the_interpreter_starts(child, monkeypatch, threads):
    """The child's environment and affinity have its number of threads from the start; it overrides the user's shell."""
    for name in process.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    message = {}
    code = """
        import os, sys
        cpus = sorted(os.sched_getaffinity(0))
        assert "numpy" not in sys.modules
        channel.send(cpus=cpus, environment=dict(os.environ))
    """
    assert child(with_channel(code), threads=threads, on_message=message.update).ok
    assert message["cpus"] == sorted(process.cpus(threads))
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        assert message["environment"][name] == str(threads)


def test_settings_that_change_a_measurement_do_not_reach_a_child(child, monkeypatch):
    """Other variables do. `environment` overrides them."""
    removed = [
        "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "NUMBA_DISABLE_JIT", "JAX_DISABLE_JIT", "JAX_COMPILATION_CACHE_DIR", "PYTHONSTARTUP",
        "JAX_PLATFORM_NAME", "NUMBA_CACHE_LOCATOR_CLASSES",
    ]  # fmt: skip
    for name in [*removed, *process.FIXED, "USER_SETTING", "OVERRIDDEN"]:
        monkeypatch.setenv(name, "1")
    message = {}
    code = "import os; channel.send(**os.environ)"
    outcome = child(with_channel(code), on_message=message.update, environment={"OVERRIDDEN": "2", "NEW": "3"})
    assert outcome.ok, outcome.describe()
    assert not set(removed) & set(message)
    assert {name: message[name] for name in process.FIXED} == process.FIXED
    assert (message["USER_SETTING"], message["OVERRIDDEN"], message["NEW"]) == ("1", "2", "3")
    assert process.CHANNEL not in message  # a grandchild must not use the channel
    assert os.environ["NUMBA_DISABLE_JIT"] == "1"


def test_a_folder_named_bench_does_not_replace_the_package(child, tmp_path, monkeypatch):
    """This holds for the child's folder and for the user's PYTHONPATH, whose other modules can be imported."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("raise RuntimeError('the wrong bench')")
    (tmp_path / "mine.py").write_text("VALUE = 42")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    message = {}
    outcome = child(with_channel("import mine; channel.send(value=mine.VALUE)"), on_message=message.update)
    assert outcome.ok, outcome.describe()
    assert message == {"value": 42}


def test_each_child_has_empty_cache_folders_of_its_own(child, tmp_path, monkeypatch):
    """They are inside the child's folder while it runs. The user's are not used."""
    for name in process.CACHES:
        monkeypatch.setenv(name, str(tmp_path))
    messages = []
    code = """
        import os
        from pathlib import Path
        from bench.runtime import process
        folders = {name: os.environ[name] for name in process.CACHES}
        full = [name for name, folder in folders.items() if Path(folder).exists() and list(Path(folder).iterdir())]
        channel.send(folders=folders, full=full, usable=Path(next(iter(folders.values()))).parent.is_dir())
    """
    for _ in range(2):
        assert child(with_channel(code), on_message=messages.append).ok
    folders = [folder for message in messages for folder in message["folders"].values()]
    assert len(set(folders)) == 2 * len(process.CACHES)
    assert all(Path(folder).is_relative_to(tmp_path) for folder in folders)
    assert [(message["full"], message["usable"]) for message in messages] == [([], True)] * 2
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_child_is_not_on_its_path(child, tmp_path):
    """A file there cannot replace a module of the standard library."""
    (tmp_path / "json.py").write_text("raise RuntimeError('the wrong json')")
    outcome = child("import json, os; print(os.getcwd())")
    assert outcome.ok, outcome.describe()
    assert outcome.output.strip() == str(tmp_path.resolve())


def test_a_child_has_an_empty_standard_input(child):
    """input() raises EOFError; it does not read what the user types for the next command."""
    reader, keyboard = os.pipe()
    os.write(keyboard, b"typed\n")
    before = os.dup(0)
    os.dup2(reader, 0)
    try:
        assert child("input()").describe() == "ended with exit code 1: EOFError: EOF when reading a line"
    finally:
        os.dup2(before, 0)
        for handle in reader, keyboard, before:
            os.close(handle)


# Outcomes


@pytest.mark.parametrize(
    ("code", "returncode", "line"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV, "killed by SIGSEGV"),
        ("import os; os.abort()", -signal.SIGABRT, "killed by SIGABRT"),
        (
            "import os, signal; print('no memory left', flush=True); os.kill(os.getpid(), 9)",
            -9,
            "killed by SIGKILL: no memory left",
        ),
        ("import os; os._exit(0)", 0, "ended with exit code 0"),
        ("import sys; sys.exit(3)", 3, "ended with exit code 3"),
        ("import sys; sys.exit('gave up\\n----')", 1, "ended with exit code 1: gave up"),
        ("print('first'); 1 / 0", 1, "ended with exit code 1: ZeroDivisionError: division by zero"),
        ("raise ValueError('x' * 9999)", 1, "ended with exit code 1: ValueError: " + "x" * 288),
        ("this is no Python", 1, "ended with exit code 1: SyntaxError: invalid syntax"),
    ],
    ids=["SIGSEGV", "abort", "SIGKILL", "os._exit(0)", "exit 3", "exit text", "exception", "long text", "syntax"],
)
def test_an_outcome_is_described_in_one_line(child, code, returncode, line):
    """The line has the name of the signal or the exit code, and the start of the last printed line with a text."""
    outcome = child(code)
    assert (outcome.returncode, outcome.timed_out, outcome.describe()) == (returncode, False, line)
    assert outcome.ok == (returncode == 0)


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="this system has no real-time signals")
def test_a_real_time_signal_is_described_by_its_number(child):
    """Python has no name for it."""
    number = signal.SIGRTMIN + 3
    assert child(f"import os; os.kill(os.getpid(), {number})").describe() == f"killed by signal {number}"


def test_the_last_bytes_of_the_output_are_kept(child):
    """The output has at most TAIL_BYTES; bytes that are not UTF-8 are replaced."""
    outcome = child(
        "import sys; sys.stdout.buffer.write(b'\\xff' + b'x' * 1_000_000 + b' the end'); sys.stderr.write('.')"
    )
    assert outcome.ok
    assert len(outcome.output) == process.TAIL_BYTES
    assert outcome.output.endswith(" the end") or outcome.output.endswith(" the end.")
    assert child("import sys; sys.stdout.buffer.write(b'\\xffabc')").output == "\ufffdabc"


def test_a_missing_folder_raises(child, tmp_path):
    """The affinity is restored and the socket is closed."""
    with pytest.raises(FileNotFoundError):
        child("pass", folder=tmp_path / "none")


# Messages


def test_messages_arrive_in_order_and_are_answered(child):
    """The return value of on_message is the answer, which can be long."""
    messages = []

    def on_message(message):
        messages.append(message)
        return None if "text" in message else {"double": message["value"] * 2}

    code = """
        channel.send(text="start")
        assert channel.ask(value=21) == {"double": 42}
        assert channel.ask(value="ü" * 300_000) == {"double": "ü" * 600_000}
        channel.send(text="end")
    """
    outcome = child(with_channel(code), on_message=on_message)
    assert outcome.ok, outcome.describe()
    assert [message.get("text") for message in messages] == ["start", None, None, "end"]


def test_messages_sent_before_a_crash_are_read(child):
    """All messages arrive if the child aborts right after the last one."""
    messages = []
    code = with_channel("import os\nfor i in range(500): channel.send(i=i)\nos.abort()")
    outcome = child(code, on_message=messages.append)
    assert outcome.describe() == "killed by SIGABRT in <module> (<string>, line 5)"
    assert messages == [{"i": i} for i in range(500)]


def test_messages_are_split_at_line_ends(child):
    """A message may arrive in several parts, and a part may contain several messages."""
    messages = []
    code = """
        import time
        for part in (b'{"a"', b': 1}\\n{"b": 2}\\n{"c"', b': 3}\\n', b'{"never": "ended"'):
            channel._socket.sendall(part)
            time.sleep(0.05)
    """
    assert child(with_channel(code), on_message=messages.append).ok
    assert messages == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    "line",
    [b"", b"not JSON", b"[1, 2]", b"42", b'"text"', b"null", b"{", b"\xff\xfe\x00", b"9" * 5000, b"[" * 100_000],
    ids=["empty", "text", "list", "number", "string", "null", "half", "bytes", "huge number", "deep nesting"],
)
def test_a_line_that_is_no_json_object_is_ignored(child, line):
    """The next message arrives."""
    messages = []
    text = f"{line[:1]!r} * {len(line)}" if len(line) > 1000 else repr(line)
    code = f"channel._socket.sendall({text} + b'\\n')\nchannel.send(real=1)"
    outcome = child(with_channel(code), on_message=messages.append)
    assert outcome.ok, outcome.describe()
    assert messages == [{"real": 1}]


def test_printed_json_is_no_message(child):
    """The output of a backend never reaches on_message."""
    messages = []
    assert child(with_channel('print(\'{"status": "ok"}\')'), on_message=messages.append).ok
    assert messages == []


def test_a_child_may_close_its_channel(child):
    """Its outcome is described as usual."""
    code = "channel._reader.close(); channel._socket.close(); print('still here'); raise SystemExit(4)"
    assert child(with_channel(code)).describe() == "ended with exit code 4: still here"


def test_ask_raises_if_the_parent_has_ended(child):
    """It raises EOFError and does not wait."""
    code = """
        import os, socket
        parent, child = socket.socketpair()
        os.environ["GDBENCH_CHANNEL"] = str(child.detach())
        from bench.runtime.process import Channel
        channel = Channel()
        parent.shutdown(socket.SHUT_WR)
        try:
            channel.ask(value=1)
        except EOFError as error:
            print(error)
    """
    assert child(code).output == "the parent is gone\n"


# Deadlines


@pytest.mark.parametrize("statement", ["print('busy', flush=True)", "channel.send(busy=1)"])
def test_output_and_unanswered_messages_do_not_extend_the_deadline(child, clock, statement):
    """A child that prints or sends without end is stopped."""
    clock.per_call = 1.0
    outcome = child(with_channel(f"print('busy', flush=True)\nwhile True: {statement}"), deadline_s=100.0)
    assert outcome.timed_out
    assert not outcome.ok
    assert outcome.describe() == "stopped at its deadline in <module> (<string>, line 4): busy"
    assert outcome.seconds >= 100.0


def test_an_answered_message_extends_the_deadline(child, clock):
    """A child that asks every second runs for longer than its deadline of ten seconds."""

    def on_message(message):
        clock.seconds += 1.0
        return {}

    outcome = child(with_channel("for i in range(30): channel.ask(i=i)"), deadline_s=10.0, on_message=on_message)
    assert outcome.ok, outcome.describe()
    assert outcome.seconds >= 30.0


def test_a_line_without_end_does_not_extend_the_deadline(child, clock):
    """Bytes without a line end are no message."""
    code = """
        channel.send(ready=1)
        while True: channel._socket.sendall(b'x' * 65536)
    """

    def on_message(message):
        clock.seconds += 100.0

    assert child(with_channel(code), on_message=on_message).timed_out


# All processes end

GRANDCHILD = """
import os, subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", {code!r}], **{options!r})
line = grandchild.stdout.readline() if grandchild.stdout else None
channel.send(pids=[os.getpid(), grandchild.pid])
"""
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def with_grandchild(code, then, **options):
    """Python code of a child that starts a grandchild with `code`, sends both process ids, and goes on with `then`."""
    return with_channel(GRANDCHILD.format(code=code, options=options) + then)


SEND_PID = "import os\nchannel.send(pids=[os.getpid()])\n"
PRINT = "while True: print('x' * 1000)"
READY = IGNORE_SIGTERM + "print('ready', flush=True); " + HANG
ENDLESS = {
    "silent": with_channel(SEND_PID + HANG),
    "busy": with_channel(SEND_PID + "while True: pass"),
    "prints": with_channel(SEND_PID + PRINT),
    "ignores SIGTERM": with_channel(IGNORE_SIGTERM + SEND_PID + HANG),
    "ignores SIGTERM and prints": with_channel(IGNORE_SIGTERM + SEND_PID + PRINT),
    "stopped": with_channel(SEND_PID + "import signal; os.kill(os.getpid(), signal.SIGSTOP)"),
    "hangs at exit": with_channel(f"import atexit, time; atexit.register(time.sleep, {FOREVER_S})\n" + SEND_PID),
    "closes its pipes": with_channel(
        SEND_PID + "channel._reader.close(); channel._socket.close(); os.close(1); os.close(2); " + HANG
    ),
    "silent grandchild": with_grandchild(HANG, HANG),
    "grandchild ignores SIGTERM": with_grandchild(READY, HANG, stdout=-1),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_child_is_stopped_at_its_deadline(child, clock, monkeypatch, pids, kind):
    """It gets SIGTERM, then SIGKILL. The processes that it started end, too."""
    monkeypatch.setattr(process, "GRACE_S", 0.3)

    def on_message(message):
        pids.extend(message["pids"])
        clock.seconds += 100.0

    outcome = child(ENDLESS[kind], on_message=on_message)
    assert outcome.timed_out
    assert outcome.describe().startswith("stopped at its deadline")
    assert pids
    assert all(has_ended(pid) for pid in pids)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (HANG, {}),
        (HANG, {"stdout": -3, "stderr": -3}),
        (PRINT, {}),
        (READY, {"stdout": -1}),
        (HANG, {"start_new_session": True}),
    ],
    ids=["shares the pipes", "silent", "prints", "ignores SIGTERM", "has its own session"],
)
def test_a_grandchild_that_outlives_the_child_is_killed(child, pids, code, options):
    """The child ends with exit code 0, and its outcome does not wait for the grandchild."""
    outcome = child(
        with_grandchild(code, "print('ready')", **options), on_message=lambda message: pids.extend(message["pids"])
    )
    assert outcome.ok, outcome.describe()
    assert outcome.seconds < 30.0  # the grandchild would run for FOREVER_S
    assert len(pids) == 2
    assert all(has_ended(pid) for pid in pids)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_in_the_parent_ends_the_child(child, monkeypatch, pids, error):
    """Ctrl-C, or an error in on_message, is raised, and the child and the grandchild end."""
    monkeypatch.setattr(process, "GRACE_S", 0.3)

    def on_message(message):
        pids.extend(message["pids"])
        raise error("stop")

    with pytest.raises(error, match="stop"):
        child(ENDLESS["grandchild ignores SIGTERM"], on_message=on_message)
    assert len(pids) == 2
    assert all(has_ended(pid) for pid in pids)


def test_a_second_interrupt_kills_the_child(child, monkeypatch, pids):
    """Ctrl-C comes again while the parent waits for a child that ignores SIGTERM."""
    killpg = os.killpg

    def interrupted(pid, number):
        killpg(pid, number)
        if number == signal.SIGTERM:
            raise KeyboardInterrupt("second")

    monkeypatch.setattr(os, "killpg", interrupted)

    def on_message(message):
        pids.extend(message["pids"])
        raise KeyboardInterrupt("first")

    with pytest.raises(KeyboardInterrupt):
        child(ENDLESS["ignores SIGTERM"], on_message=on_message)
    assert len(pids) == 1
    assert all(has_ended(pid, 2.0) for pid in pids)


@needs_affinity
def test_processors_are_chosen_by_topology(monkeypatch):
    """The first of the order of this machine, and never more than this process may use."""
    allowed = os.sched_getaffinity(0)
    order = topology.order(frozenset(allowed))
    assert process.cpus(1) == {order[0]}
    assert process.cpus(len(allowed) + 50) == allowed
    monkeypatch.setattr(topology, "order", lambda allowed: (7, 5, 6))
    assert process.cpus(2) == {5, 7}


@needs_affinity
def test_a_user_may_pin_children_to_processors(child):
    """Within the block only. They also limit the number of threads."""
    last = max(os.sched_getaffinity(0))
    message = {}
    with process.pinned([last]):
        assert (process.cpus(2), process.available_threads()) == ({last}, 1)
        code = "import os; channel.send(cpus=sorted(os.sched_getaffinity(0)))"
        assert child(with_channel(code), on_message=message.update).ok
    assert message == {"cpus": [last]}
    assert process.order() == topology.order(frozenset(os.sched_getaffinity(0)))


@pytest.mark.parametrize(("quota", "threads"), [(None, 4), (0.5, 1), (1.0, 1), (2.9, 2), (64.0, 4)])
def test_a_quota_limits_the_number_of_threads(monkeypatch, quota, threads):
    """It is rounded down, to at least one."""
    monkeypatch.setattr(cgroups, "cpu_quota", lambda: quota)
    with process.pinned(range(4)):
        assert process.available_threads() == threads


def test_a_child_runs_without_proc(child, monkeypatch):
    """The system lists no processes there, so only the process group of the child can be killed."""

    def nothing(*_, **__):
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil.Process, "children", nothing)
    assert child("print(1)").output == "1\n"


# Limits, without a process


def test_a_child_inherits_no_setting_that_changes_a_measurement(monkeypatch, tmp_path):
    """Caches make a cold start warm, switches disable or slow a compiler, and settings of pytest change its session."""
    monkeypatch.setattr(os, "environ", {})
    before = process._environment(3, tmp_path)
    unwanted = (
        "PYTHONSTARTUP", "PYTHONPROFILEIMPORTTIME", "PYTHONINSPECT", "JAX_COMPILATION_CACHE_DIR", "JAX_DISABLE_JIT",
        "JAX_DEBUG_NANS", "JAX_DEBUG_INFS", "JAX_PLATFORM_NAME", "JAX_PLATFORMS", "JAX_ENABLE_COMPILATION_CACHE",
        "NUMBA_DISABLE_JIT", "NUMBA_DEBUG", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_CACHE_DIR", "MPLCONFIGDIR",
        "XDG_CACHE_HOME", "CUPY_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "GDBENCH_SPEC",
        "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
        "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    )  # fmt: skip
    monkeypatch.setattr(os, "environ", dict.fromkeys(unwanted, "7"))
    assert process._environment(3, tmp_path) == before
    assert {before[name] for name in unwanted if name.endswith("_THREADS")} == {"3"}
    monkeypatch.setattr(os, "environ", {"NUMBA_CPU_NAME": "generic"})
    assert process._environment(3, tmp_path) == before | {"NUMBA_CPU_NAME": "generic"}


@pytest.mark.parametrize(("ignored", "path"), [(False, ["{cwd}/mine", "/lib/other"]), (True, [])])
def test_the_path_of_a_child_has_no_relative_folder(monkeypatch, tmp_path, ignored, path):
    """It runs in another folder, which would otherwise be searched. An interpreter that ignores the path passes none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "mine::/lib/other:")
    monkeypatch.setattr(process.sys, "flags", SimpleNamespace(ignore_environment=ignored, no_user_site=ignored))
    environment = process._environment(1, tmp_path)
    assert environment["PYTHONPATH"] == ":".join(path).format(cwd=tmp_path)
    assert environment.get("PYTHONNOUSERSITE") == ("1" if ignored else None)


@pytest.mark.parametrize(
    ("code", "output", "kills", "expected"),
    [
        (1, "MemoryError", 5, True),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", 5, True),
        (1, "RESOURCE_EXHAUSTED: out of memory", 5, True),
        (0, "MemoryError, and recovered", 5, False),
        (1, "ValueError", 5, False),
        (-9, "", 5, False),
        (-9, "", 6, True),
        (-11, "", 6, False),
    ],
)
def test_a_child_ran_out_of_memory(monkeypatch, code, output, kills, expected):
    """It failed with such a message, or it was killed while the system killed a process for lack of memory."""
    monkeypatch.setattr(memory, "oom_kill_count", lambda: kills)
    assert process._ran_out_of_memory(code, output, 5) is expected


@pytest.mark.parametrize(
    ("scarce", "rss", "expected"), [(True, 101, "memory"), (True, 100, "deadline"), (False, 101, "deadline")]
)
def test_a_child_that_takes_the_last_memory_is_stopped(monkeypatch, clock, scarce, rss, expected):
    """If memory is scarce and the child with its descendants has more than what is free."""
    clock.per_call = 1.0
    monkeypatch.setattr(memory, "scarce", lambda: scarce)
    monkeypatch.setattr(memory, "tree_rss", {7: rss}.get)
    monkeypatch.setattr(memory, "available", lambda: 100)
    waits = []
    child = SimpleNamespace(poll=lambda: None, pid=7)
    streams = SimpleNamespace(last_reply=process.time.monotonic(), read=waits.append)
    assert process._wait(child, streams, 3.5) == expected
    assert all(0 < wait <= process.POLL_S for wait in waits)


def test_all_memory_limits_hold(monkeypatch):
    """That of the machine and those of the groups. Less than a twentieth of it is scarce."""
    machine = SimpleNamespace(total=1000, available=60)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    monkeypatch.setattr(cgroups, "memory_limit", lambda: None)
    monkeypatch.setattr(cgroups, "memory_available", lambda: None)
    assert (memory.total(), memory.available(), memory.scarce()) == (1000, 60, False)
    machine.available = 49
    assert memory.scarce()
    monkeypatch.setattr(cgroups, "memory_limit", lambda: 500)
    assert (memory.total(), memory.available(), memory.scarce()) == (500, 49, False)
    monkeypatch.setattr(cgroups, "memory_available", lambda: -3)
    assert (memory.available(), memory.scarce()) == (0, True)


def test_unknown_memory_is_not_scarce(monkeypatch):
    """Without /proc, the limit of a group is all that is known."""

    def fail():
        raise OSError

    monkeypatch.setattr(psutil, "virtual_memory", fail)
    monkeypatch.setattr(cgroups, "memory_limit", lambda: None)
    monkeypatch.setattr(cgroups, "memory_available", lambda: None)
    assert (memory.total(), memory.available(), memory.scarce()) == (None, memory.UNKNOWN, False)
    monkeypatch.setattr(cgroups, "memory_limit", lambda: 500)
    monkeypatch.setattr(cgroups, "memory_available", lambda: 7)
    assert (memory.total(), memory.available(), memory.scarce()) == (500, 7, True)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="this system cannot limit another process")
@pytest.mark.parametrize(("wanted", "free", "limit"), [(700, 1000, 700), (900, 1000, 800)])
def test_a_child_gets_at_most_four_fifths_of_the_free_memory(monkeypatch, wanted, free, limit):
    """The rest stays for other programs. A child that has ended is no error."""
    calls = []
    monkeypatch.setattr(memory, "available", lambda: free)
    monkeypatch.setattr(resource, "prlimit", lambda *arguments: calls.append(arguments))
    memory.limit(7, wanted)
    assert calls == [(7, resource.RLIMIT_DATA, (limit, limit))]

    def ended(*arguments):
        raise ProcessLookupError

    monkeypatch.setattr(resource, "prlimit", ended)
    memory.limit(7, wanted)


def test_the_memory_of_a_process_includes_its_children(monkeypatch):
    """A child that has ended meanwhile has none, and neither has a process that has."""

    def process_of(rss, *children):
        def info():
            if rss is None:
                raise psutil.NoSuchProcess(1)
            return SimpleNamespace(rss=rss)

        return SimpleNamespace(memory_info=info, children=lambda recursive: list(children) if recursive else [])

    family = process_of(1, process_of(20), process_of(None), process_of(300))
    monkeypatch.setattr(psutil, "Process", {7: family}.get)
    assert memory.tree_rss(7) == 321

    def gone(pid):
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", gone)
    assert memory.tree_rss(8) == 0


@pytest.mark.parametrize(
    ("text", "count"), [("pgfault 9\noom_kill 12\nswap 3\n", 12), ("noom_kill 12\n", 0), ("", 0), (None, 0)]
)
def test_the_system_counts_kills_for_lack_of_memory(monkeypatch, text, count):
    """Zero if it does not tell."""

    def read_text(path):
        assert str(path) == "/proc/vmstat"
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(Path, "read_text", read_text)
    assert memory.oom_kill_count() == count


# Stacks


def stack_of(*frames):
    """A stack dump of faulthandler, of the current thread and another one, innermost frame first."""
    lines = "".join(f'  File "{path}", line {line} in {function}\n' for path, line, function in frames)
    other = 'Thread 0x1 (most recent call first):\n  File "/lib/other.py", line 9 in wait\n\n'
    return f"Fatal Python error: Aborted\n\n{other}Current thread 0x2 (most recent call first):\n{lines}\nExtension modules: x"


BENCH = str(process.ROOT / "bench" / "measure" / "cell.py")


@pytest.mark.parametrize(
    ("frames", "place"),
    [
        ([], ""),
        ([(BENCH, 5, "run")], ""),
        ([("/me/mine.py", 7, "fit"), (BENCH, 5, "fit"), ("/lib/pytest.py", 1, "main")], " in fit (mine.py, line 7)"),
        (
            [("/lib/ctypes.py", 3, "string_at"), ("/lib/between.py", 2, "call"), ("/me/mine.py", 7, "fit"), (BENCH, 5, "fit")],
            " in string_at (ctypes.py, line 3), called from fit (mine.py, line 7)",
        ),
        ([(BENCH, 8, "ask"), ("/me/mine.py", 7, "fit"), (BENCH, 5, "fit")], " in fit (mine.py, line 7)"),
    ],
    ids=["empty", "gdbench only", "the backend", "a library", "gdbench inside"],
)  # fmt: skip
def test_the_place_of_a_crash(frames, place):
    """The innermost frame, and the outermost one before those of gdbench, which call the backend."""
    assert process._place(stack_of(*frames)) == place
    assert process.Outcome(-6, False, "", 1.0, stack_of(*frames)).describe() == f"killed by SIGABRT{place}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this signal")
def test_a_child_dies_with_its_parent(child):
    """The system sends it SIGKILL when the driver is killed."""
    message = {}
    code = """
        import ctypes
        number = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(number))  # PR_GET_PDEATHSIG
        channel.send(number=number.value)
    """
    assert child(with_channel(code), on_message=message.update).ok
    assert message == {"number": signal.SIGKILL}
