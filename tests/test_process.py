"""Children: what they inherit, how their end is told, what they may say, and that nothing of them stays."""

import os
import signal
import textwrap
import time
from types import SimpleNamespace

import psutil
import pytest

from bench.runtime import process

FOREVER_S = 600  # how long these children would live: nothing waits for it
HANG = f"import time; time.sleep({FOREVER_S})"
needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system has no processor affinity"
)


@pytest.fixture(autouse=True)
def safety():
    """A test that would hang for ever fails after a minute instead."""

    def stop(number, frame):
        raise AssertionError("still not ended after a minute")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def affinity():
    """Whatever a test does, this process may run on the same processors afterwards."""
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
    """The clock of bench.runtime.process, which a test can put forward, once or at each look: no test waits for a deadline."""
    ahead = SimpleNamespace(seconds=0.0, per_look=0.0)

    def monotonic():
        ahead.seconds += ahead.per_look
        return time.monotonic() + ahead.seconds

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=monotonic))
    return ahead


@pytest.fixture
def child(tmp_path):
    """Run Python code in a child, in an empty folder, with a deadline far away."""

    def child(code, **options):
        options = {"threads": 1, "deadline_s": 60.0, "folder": tmp_path} | options
        return process.run(["-c", textwrap.dedent(code)], **options)

    return child


def talk(code):
    """Code that has a channel to the parent."""
    return "from bench.runtime.process import Channel\nchannel = Channel()\n" + textwrap.dedent(code)


def gone(pid, within_s=10.0):
    """True as soon as the process has ended; False where it still lives after a generous time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:  # ended, and its new parent has not looked yet
                return True
        except (ProcessLookupError, psutil.NoSuchProcess):
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def pids():
    """Process ids that a test was told; those that outlive it are ended here, so that a failure leaves nothing."""
    found = []
    yield found
    for pid in found:
        if not gone(pid, 0.1):
            os.kill(pid, signal.SIGKILL)


# What a child inherits


@needs_affinity
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set_before_the_interpreter_starts(child, monkeypatch, threads):
    """The child's environment and affinity hold its threads from its start, whatever the user's shell says."""
    for name in process.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    told = {}
    code = """
        import os, sys
        cpus = sorted(os.sched_getaffinity(0))
        assert "numpy" not in sys.modules
        channel.send(cpus=cpus, environment=dict(os.environ))
    """
    assert child(talk(code), threads=threads, on_message=told.update).ok
    assert told["cpus"] == sorted(os.sched_getaffinity(0))[-threads:]
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        assert told["environment"][name] == str(threads)


def test_the_users_settings_do_not_reach_a_child(child, monkeypatch):
    """pytest options, switched-off compilers and warm caches are removed; other variables pass, and ours win."""
    hostile = [
        "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "NUMBA_DISABLE_JIT", "JAX_DISABLE_JIT", "JAX_COMPILATION_CACHE_DIR", "PYTHONSTARTUP",
    ]  # fmt: skip
    for name in [*hostile, "MINE", "OURS"]:
        monkeypatch.setenv(name, "1")
    told = {}
    code = "import os; channel.send(**os.environ)"
    outcome = child(talk(code), on_message=told.update, environment={"OURS": "2", "NEW": "3"})
    assert outcome.ok, outcome.describe()
    assert not set(hostile) & set(told)
    assert (told["MINE"], told["OURS"], told["NEW"], told["JAX_PLATFORMS"]) == ("1", "2", "3", "cpu")
    assert process.CHANNEL not in told  # a grandchild must not take the channel for its own
    assert os.environ["NUMBA_DISABLE_JIT"] == "1"


def test_a_folder_named_bench_does_not_shadow_ours(child, tmp_path, monkeypatch):
    """Neither in the child's folder nor on the user's PYTHONPATH; other modules on that path are found."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("raise RuntimeError('the wrong bench')")
    (tmp_path / "mine.py").write_text("VALUE = 42")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = {}
    outcome = child(talk("import mine; channel.send(value=mine.VALUE)"), on_message=told.update)
    assert outcome.ok, outcome.describe()
    assert told == {"value": 42}


def test_the_folder_of_a_child_is_not_on_its_path(child, tmp_path):
    """A file there that is named like a module of the standard library is not imported."""
    (tmp_path / "json.py").write_text("raise RuntimeError('the wrong json')")
    outcome = child("import json, os; print(os.getcwd())")
    assert outcome.ok, outcome.describe()
    assert outcome.output.strip() == str(tmp_path.resolve())


def test_a_child_has_no_keyboard(child):
    """input() ends at once instead of taking what the user types for the next command."""
    typed, keyboard = os.pipe()
    os.write(keyboard, b"typed\n")
    before = os.dup(0)
    os.dup2(typed, 0)
    try:
        assert child("input()").describe() == "ended with exit code 1: EOFError: EOF when reading a line"
    finally:
        os.dup2(before, 0)
        for handle in typed, keyboard, before:
            os.close(handle)


# How an end is told


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
def test_an_end_in_one_line(child, code, returncode, line):
    """The signal by name or the exit code, and the most telling line printed, cut to a length that fits a table."""
    outcome = child(code)
    assert (outcome.returncode, outcome.timed_out, outcome.describe()) == (returncode, False, line)
    assert outcome.ok == (returncode == 0)


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="this system has no real-time signals")
def test_a_signal_without_a_name(child):
    """A real-time signal is told by its number."""
    number = signal.SIGRTMIN + 3
    assert child(f"import os; os.kill(os.getpid(), {number})").describe() == f"killed by signal {number}"


def test_output_is_bounded_to_its_end(child):
    """Of a megabyte the last TAIL_BYTES are kept; bytes that are no UTF-8 do no harm."""
    outcome = child(
        "import sys; sys.stdout.buffer.write(b'\\xff' + b'x' * 1_000_000 + b' the end'); sys.stderr.write('.')"
    )
    assert outcome.ok
    assert len(outcome.output) == process.TAIL_BYTES
    assert outcome.output.endswith(" the end") or outcome.output.endswith(" the end.")
    assert child("import sys; sys.stdout.buffer.write(b'\\xffabc')").output == "\ufffdabc"


def test_no_such_folder(child, tmp_path):
    """An exception, and neither a changed affinity nor an open socket stays behind."""
    with pytest.raises(FileNotFoundError):
        child("pass", folder=tmp_path / "none")


# Messages


def test_messages_and_replies(child):
    """Each message arrives in order; what on_message returns is the answer, also where it is long."""
    told = []

    def on_message(message):
        told.append(message)
        return None if "tell" in message else {"twice": message["ask"] * 2}

    code = """
        channel.send(tell="one way")
        assert channel.ask(ask=21) == {"twice": 42}
        assert channel.ask(ask="ü" * 300_000) == {"twice": "ü" * 600_000}
        channel.send(tell="the end")
    """
    outcome = child(talk(code), on_message=on_message)
    assert outcome.ok, outcome.describe()
    assert [message.get("tell") for message in told] == ["one way", None, None, "the end"]


def test_what_was_said_before_a_crash_counts(child):
    """Messages that a child sent just before it died are all heard."""
    told = []
    outcome = child(talk("import os\nfor i in range(500): channel.send(i=i)\nos.abort()"), on_message=told.append)
    assert outcome.describe() == "killed by SIGABRT in <module> (<string>, line 5)"
    assert told == [{"i": i} for i in range(500)]


def test_a_message_in_pieces(child):
    """A message may arrive in several parts, and several in one."""
    told = []
    code = """
        import time
        for part in (b'{"a"', b': 1}\\n{"b": 2}\\n{"c"', b': 3}\\n', b'{"never": "ended"'):
            channel._socket.sendall(part)
            time.sleep(0.05)
    """
    assert child(talk(code), on_message=told.append).ok
    assert told == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"not JSON", b"[1, 2]", b"42", b'"text"', b"null", b"{", b"\xff\xfe\x00", b"9" * 5000, b"[" * 100_000],
    ids=["empty", "text", "list", "number", "string", "null", "half", "bytes", "huge number", "deep nesting"],
)
def test_rubbish_in_the_socket_is_ignored(child, rubbish):
    """A line that is no JSON object reaches no one, and the message after it does."""
    told = []
    code = (
        f"channel._socket.sendall({rubbish[:1]!r} * {len(rubbish)} + b'\\n')"
        if len(rubbish) > 1000
        else (f"channel._socket.sendall({rubbish!r} + b'\\n')")
    )
    outcome = child(talk(f"{code}\nchannel.send(real=1)"), on_message=told.append)
    assert outcome.ok, outcome.describe()
    assert told == [{"real": 1}]


def test_printing_is_no_message(child):
    """What a backend prints cannot be mistaken for an answer."""
    told = []
    assert child(talk('print(\'{"status": "ok"}\')'), on_message=told.append).ok
    assert told == []


def test_a_child_that_closes_its_channel_goes_on(child):
    """Its end is told as if it had never had one."""
    outcome = child(talk("channel._reader.close(); channel._socket.close(); print('still here'); raise SystemExit(4)"))
    assert outcome.describe() == "ended with exit code 4: still here"


def test_a_parent_that_is_gone(child):
    """ask() raises EOFError instead of waiting for ever."""
    code = """
        import os, socket
        ours, theirs = socket.socketpair()
        os.environ["GDBENCH_CHANNEL"] = str(theirs.detach())
        from bench.runtime.process import Channel
        channel = Channel()
        ours.shutdown(socket.SHUT_WR)
        try:
            channel.ask(anyone=True)
        except EOFError as error:
            print(error)
    """
    assert child(code).output == "the driver is gone\n"


# Deadlines


def test_printing_does_not_extend_the_deadline(child, clock):
    """The time is over though the child prints, or sends what needs no answer, whenever it is looked at."""
    clock.per_look = 1.0
    for code in "print('busy', flush=True)", "channel.send(busy=1)":
        outcome = child(talk(f"print('busy', flush=True)\nwhile True: {code}"), deadline_s=100.0)
        assert outcome.timed_out
        assert not outcome.ok
        assert outcome.describe() == "stopped at its deadline in <module> (<string>, line 4): busy"
        assert outcome.seconds >= 100.0


def test_an_answered_message_extends_the_deadline(child, clock):
    """A child that asks every second lives longer than its ten seconds."""

    def on_message(message):
        clock.seconds += 1.0
        return {}

    outcome = child(talk("for i in range(30): channel.ask(i=i)"), deadline_s=10.0, on_message=on_message)
    assert outcome.ok, outcome.describe()
    assert outcome.seconds >= 30.0


def test_the_deadline_holds_while_a_line_never_ends(child, clock):
    """Bytes without a line end are no message: the child is ended all the same."""
    code = """
        channel.send(ready=1)
        while True: channel._socket.sendall(b'x' * 65536)
    """

    def on_message(message):
        clock.seconds += 100.0

    assert child(talk(code), on_message=on_message).timed_out


# Nothing stays

GRANDCHILD = """
import os, subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", {code!r}], **{options!r})
line = grandchild.stdout.readline() if grandchild.stdout else None
channel.send(pids=[os.getpid(), grandchild.pid])
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def with_grandchild(code, then, **options):
    return talk(GRANDCHILD.format(code=code, options=options) + then)


ME = "import os\nchannel.send(pids=[os.getpid()])\n"
ENDLESS = {
    "silent": talk(ME + HANG),
    "busy": talk(ME + "while True: pass"),
    "chatty": talk(ME + "while True: print('x' * 1000)"),
    "ignores SIGTERM": talk(STUBBORN + ME + HANG),
    "ignores SIGTERM and chats": talk(STUBBORN + ME + "while True: print('x' * 1000)"),
    "stopped": talk(ME + "import signal; os.kill(os.getpid(), signal.SIGSTOP)"),
    "hangs at exit": talk(f"import atexit, time; atexit.register(time.sleep, {FOREVER_S})\n" + ME),
    "closes its pipes": talk(
        ME + "channel._reader.close(); channel._socket.close(); os.close(1); os.close(2); " + HANG
    ),
    "silent grandchild": with_grandchild(HANG, HANG),
    "stubborn grandchild": with_grandchild(STUBBORN + "print('ready', flush=True); " + HANG, HANG, stdout=-1),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_never_ends_is_ended(child, clock, monkeypatch, pids, kind):
    """At the deadline the child is asked to end, then made to; neither it nor what it started lives afterwards."""
    monkeypatch.setattr(process, "GRACE_S", 0.3)

    def on_message(message):
        pids.extend(message["pids"])
        clock.seconds += 100.0

    outcome = child(ENDLESS[kind], on_message=on_message)
    assert outcome.timed_out
    assert outcome.describe().startswith("stopped at its deadline")
    assert pids
    assert all(gone(pid) for pid in pids)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (HANG, {}),
        (HANG, {"stdout": -3, "stderr": -3}),
        ("while True: print('x' * 1000)", {}),
        (STUBBORN + "print('ready', flush=True); " + HANG, {"stdout": -1}),
    ],
    ids=["holds the pipes", "silent", "prints for ever", "ignores SIGTERM"],
)
def test_a_grandchild_left_behind_is_ended(child, pids, code, options):
    """A child that ends well while something it started goes on: its own end is told, at once, and the rest is killed."""
    outcome = child(
        with_grandchild(code, "print('done')", **options), on_message=lambda message: pids.extend(message["pids"])
    )
    assert outcome.ok, outcome.describe()
    assert outcome.seconds < 30.0  # it would go on for ever
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_a_grandchild_in_a_session_of_its_own_is_ended(child, pids):
    """Leaving the process group does not save it: whatever the child started is gone."""
    code = with_grandchild(HANG, "", start_new_session=True)
    assert child(code, on_message=lambda message: pids.extend(message["pids"])).ok
    assert len(pids) == 2
    assert all(gone(pid, 2.0) for pid in pids)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_in_the_parent_ends_the_child(child, monkeypatch, pids, error):
    """Ctrl-C, or an error while a message is handled, passes on and leaves no child and no grandchild."""
    monkeypatch.setattr(process, "GRACE_S", 0.3)

    def on_message(message):
        pids.extend(message["pids"])
        raise error("stop")

    with pytest.raises(error, match="stop"):
        child(ENDLESS["stubborn grandchild"], on_message=on_message)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_a_second_interrupt_leaves_no_child_either(child, monkeypatch, pids):
    """Ctrl-C pressed again while a stubborn child is asked to end: it is killed all the same."""
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
    assert all(gone(pid, 2.0) for pid in pids)


@needs_affinity
def test_the_parent_keeps_its_processors():
    """cpus() gives the last of those that this process may use, and never more than there are."""
    mine = sorted(os.sched_getaffinity(0))
    assert process.available_threads() == len(mine)
    assert process.cpus(1) == {mine[-1]}
    assert process.cpus(len(mine) + 50) == set(mine)
