"""Run a child process with a number of threads, a memory limit and a deadline, and exchange messages with it.

Every backend runs in a child process, because it may crash, hang, print without end or change its process. Messages
are JSON lines on a socket, so that nothing that the child prints is mistaken for a message.
"""

import contextlib
import ctypes
import faulthandler
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import psutil

from bench.runtime import cgroups, memory, topology

CHANNEL = "GDBENCH_CHANNEL"  # environment variable: the file descriptor of the socket of the child
STACK = "GDBENCH_STACK"  # environment variable: the file descriptor of the file for stack dumps of the child
ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = ROOT / "bench" / "runtime" / "bootstrap.py"
TAIL_BYTES = 16_384
LINE_BYTES = 1 << 24
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
POLL_S = 0.1  # between two checks of a silent child
GRACE_S = 2.0  # between SIGTERM and SIGKILL
_pinned: list[int] = []  # the processors that the user has chosen
SIGNALS = {number.value: number.name for number in signal.Signals}  # real-time signals have no name

THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
# Variables that a child must not inherit: caches that make a cold start warm, switches that disable a compiler, and
# all settings of pytest and pytest-xdist.
PYTEST = "PYTEST_"
REMOVED = (
    "PYTHONSTARTUP", "PYTHONPROFILEIMPORTTIME", "PYTHONINSPECT",
    "JAX_COMPILATION_CACHE_DIR", "JAX_DISABLE_JIT", "NUMBA_DISABLE_JIT", "NUMBA_DEBUG", "JAX_DEBUG_NANS",
    "JAX_DEBUG_INFS", "JAX_PLATFORM_NAME", "NUMBA_CACHE_LOCATOR_CLASSES", "GDBENCH_SPEC",
)  # fmt: skip
# Variables of a child that differ between the checks and the measurements, or parts at their start.
CALLER = (PYTEST, "GDBENCH_", "PYTHONHASHSEED")
# Variables of a child, whatever the user's are: every backend computes on the processor, and a compilation is cold.
FIXED = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "0"}
# Variables that name a folder in which a library keeps compiled code or settings. Each child has empty ones.
CACHES = (
    "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "CUPY_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a child ended. output: the last part of its output. stack: the stack dump of a crash or a hang.

    out_of_memory: it was killed because the machine was short of memory, or it reported that it was.
    """

    returncode: int
    timed_out: bool
    output: str
    seconds: float
    stack: str = ""
    out_of_memory: bool = False

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.timed_out and not self.out_of_memory

    def describe(self) -> str:
        """One line: the signal, exit code or deadline, the place in the code, and the last line about an error."""
        if self.timed_out:
            how = "stopped at its deadline"
        elif self.returncode < 0:
            how = f"killed by {SIGNALS.get(-self.returncode, f'signal {-self.returncode}')}"
        else:
            how = f"ended with exit code {self.returncode}"
        if self.out_of_memory:
            how = f"out of memory, {how}"
        how += _place(self.stack)
        lines = [line.strip() for line in self.output.splitlines() if any(map(str.isalpha, line))]
        errors = [line for line in lines if "error" in line.lower()] or lines
        return f"{how}: {errors[-1][:300]}" if errors else how


def _place(stack: str) -> str:
    """The innermost frame of the interrupted thread, and the outermost one of the backend's file."""
    current = stack.partition("Current thread")[2].partition("\n\n")[0]
    frames: list[str] = []
    for path, line, function in re.findall(r'^  File "(.*)", line (\d+) in (.+)$', current, re.MULTILINE):
        if Path(path).is_relative_to(ROOT / "bench"):
            if frames:
                break
            continue
        frames.append(f"{function} ({Path(path).name}, line {line})")
    # The frames between the two belong to libraries.
    return f" in {', called from '.join(dict.fromkeys([frames[0], frames[-1]]))}" if frames else ""


def affinity() -> set[int]:
    """The processors of this process; empty if the system has no affinity."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@contextlib.contextmanager
def pinned(cpus: Iterable[int]) -> Iterator[None]:
    """Let children take these processors, in this order. Without any, `topology.order` chooses."""
    before = _pinned[:]
    _pinned[:] = cpus
    try:
        yield
    finally:
        _pinned[:] = before


def order() -> tuple[int, ...]:
    """The processors of children in the order in which they take them; empty if the system has no affinity."""
    return tuple(_pinned) or topology.order(frozenset(affinity()))


def cpus(threads: int) -> set[int]:
    """The processors of a child with this number of threads."""
    return set(order()[:threads])


def available_threads() -> int:
    """The number of threads that can run at once, within the quota of the control groups."""
    processors = len(order()) or os.cpu_count() or 1
    return max(1, min(processors, int(cgroups.cpu_quota() or processors)))


def run(
    arguments: list[str],
    *,
    threads: int,
    deadline_s: float,
    folder: Path,
    on_message: Callable[[dict[str, Any]], Any] = lambda message: None,
    environment: dict[str, str] | None = None,
    memory_bytes: int = memory.BASE,
) -> Outcome:
    """Run `python ARGUMENTS` in `folder` and return its outcome. All processes that it started are killed.

    arguments: "-m", the name of a module and its arguments, or "-c" and code; bench/runtime/bootstrap.py runs them.
    threads: processors and library threads of the child. on_message: called with each message; its result, unless
    None, is sent as the reply. deadline_s: wall seconds until the child is killed; each reply restarts it. environment:
    variables to add. memory_bytes: the memory limit; it is lower if less memory is free.
    """
    started, oom_kills, children = time.monotonic(), memory.oom_kill_count(), _adopt_orphans()
    caches = tempfile.TemporaryDirectory(prefix="cache-", dir=folder, ignore_cleanup_errors=True)
    parent_end, child_end = socket.socketpair()
    with parent_end, caches, tempfile.TemporaryFile() as stack:
        with child_end:
            files = {CHANNEL: child_end.fileno(), STACK: stack.fileno()}
            child = _start(arguments, threads, folder, Path(caches.name), environment or {}, files)
        assert child.stdout is not None
        with child.stdout:
            try:
                memory.limit(child.pid, memory_bytes)
                streams = _Streams(child.stdout, parent_end, on_message)
                stopped = _wait(child, streams, deadline_s)
                if stopped == "deadline":
                    _request_stack_dump(child, stack)
            finally:
                _end(child, children)
        stack_dump = os.pread(stack.fileno(), TAIL_BYTES, 0).decode(errors="replace")
    output, code = streams.output.decode(errors="replace"), child.returncode
    oom = stopped == "memory" or (stopped is None and _ran_out_of_memory(code, output, oom_kills))
    return Outcome(code, stopped == "deadline", output, time.monotonic() - started, stack_dump, oom)


def _ran_out_of_memory(code: int, output: str, oom_kills: int) -> bool:
    """Whether a child failed with a message of that kind, or the system killed it.

    oom_kills: the number of processes that the system had killed for lack of memory before the child started.
    """
    if code == -signal.SIGKILL and memory.oom_kill_count() > oom_kills:
        return True
    return code != 0 and memory.OOM_PATTERN.search(output) is not None


def _start(
    arguments: list[str], threads: int, folder: Path, caches: Path, environment: dict[str, str], files: dict[str, int]
) -> subprocess.Popen[bytes]:
    """Start the child. files: the file descriptors that it inherits, by the variable that names them."""
    env = _environment(threads, caches) | environment | {name: str(file) for name, file in files.items()}
    own = affinity()
    try:
        if own:  # the child inherits it, so it is set before the interpreter starts
            os.sched_setaffinity(0, cpus(threads))
        return subprocess.Popen(
            [sys.executable, "-P", str(BOOTSTRAP), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            pass_fds=list(files.values()),
            start_new_session=True,  # its own process group, which can be killed as a whole
        )
    finally:
        if own:
            os.sched_setaffinity(0, own)


def _environment(threads: int, caches: Path) -> dict[str, str]:
    """The environment of this process as a child gets it. caches: the folder for its caches."""
    env = {name: value for name, value in os.environ.items() if name not in REMOVED and not name.startswith(PYTEST)}
    env |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    # The import path of this interpreter, without its working folder.
    path = "" if sys.flags.ignore_environment else env.get("PYTHONPATH", "")
    env["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in path.split(os.pathsep) if folder)
    if sys.flags.no_user_site:
        env["PYTHONNOUSERSITE"] = "1"
    return env | FIXED | {name: str(caches / name) for name in CACHES}


def _wait(child: subprocess.Popen[bytes], streams: "_Streams", deadline_s: float) -> str | None:
    """Wait until the child ends. Returns why it must be killed before that: "deadline", "memory" or None."""
    while child.poll() is None:
        if (remaining_s := streams.last_reply + deadline_s - time.monotonic()) <= 0:
            return "deadline"
        # The memory limit of a process counts neither shared memory nor its children.
        if memory.scarce() and memory.tree_rss(child.pid) > memory.available():
            return "memory"
        streams.read(min(remaining_s, POLL_S))
    # Read the rest, but do not wait for the end of the pipes: a grandchild may keep them open or fill them.
    _kill_group(child)
    deadline = time.monotonic() + GRACE_S
    while streams.read(0) and time.monotonic() < deadline:
        pass
    return None


class _Streams:
    """The parent's ends of the output and the channel of a child. output: the last part of its output."""

    def __init__(self, output: IO[bytes], channel: socket.socket, on_message: Callable[[Any], Any]):
        self.output, self.last_reply = b"", time.monotonic()
        self._line, self._channel, self._on_message = b"", channel, on_message
        self._selector = selectors.PollSelector()  # unlike others, it has no file to close
        os.set_blocking(output.fileno(), False)
        channel.settimeout(GRACE_S)  # of a reply; its file does not block
        for source in (output, channel):
            self._selector.register(source, selectors.EVENT_READ)

    def read(self, timeout_s: float) -> bool:
        """Read what has arrived, and reply to messages. Returns False if nothing arrives in time."""
        events = self._selector.select(timeout_s if self._selector.get_map() else min(timeout_s, 0.01))
        for key, _ in events:
            try:
                chunk = os.read(key.fd, 65536)
            except BlockingIOError:  # a spurious wake-up
                continue
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._channel:
                *lines, self._line = (self._line + chunk).split(b"\n")
                self._line = self._line[-LINE_BYTES:]  # no message is longer
                for line in lines:
                    self._reply(line)
            else:
                self.output = (self.output + chunk)[-TAIL_BYTES:]
        return bool(events)

    def _reply(self, line: bytes) -> None:
        """Pass a message on and send the reply, if there is one."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):  # other code wrote to the socket
            return
        if isinstance(message, dict) and (reply := self._on_message(message)) is not None:
            with contextlib.suppress(OSError):  # the child may have ended
                self._channel.sendall(msgspec.json.encode(reply) + b"\n")
            self.last_reply = time.monotonic()


def _request_stack_dump(child: subprocess.Popen[bytes], stack: Any) -> None:
    """Request a stack dump and wait for it. A child that is stopped or has not started yet writes none."""
    child.send_signal(signal.SIGUSR1)
    size = 0
    for _ in range(40):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.05)
            return
        before, size = size, os.fstat(stack.fileno()).st_size
        if size and size == before:
            return


def _adopt_orphans() -> set[int]:
    """Make this process the parent of orphaned grandchildren. Returns the ids of its present children.

    Only Linux has this: elsewhere a grandchild in a session of its own is not killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    return {process.pid for process in _descendants()}


def _descendants() -> list[psutil.Process]:
    """The children of this process and theirs; none if the system does not tell."""
    descendants: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error, OSError):
        descendants += psutil.Process().children(recursive=True)
    return descendants


def _end(child: subprocess.Popen[bytes], before: set[int]) -> None:
    """Kill the child and its descendants, even if a second Ctrl-C interrupts it."""
    try:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(child.pid, signal.SIGTERM)
                child.wait(GRACE_S)
    finally:
        _kill_group(child)
        child.wait()
        survivors = [process for process in _descendants() if process.pid not in before]
        for process in survivors:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(survivors, GRACE_S)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def hide_caller() -> None:
    """Remove what tells a backend in this child whether it is checked or measured: variables and arguments."""
    for name in [name for name in os.environ if name.startswith(CALLER)]:
        del os.environ[name]
    sys.argv[:] = sys.orig_argv[:] = ["gdbench"]


class Channel:
    """The child's end of the socket to its parent."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=int(os.environ.pop(CHANNEL)))
        self._reader = self._socket.makefile("r", encoding="utf-8")
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the child dies with its parent
        stack = int(os.environ.pop(STACK, 2))
        faulthandler.enable(stack)
        faulthandler.register(signal.SIGUSR1, stack)

    def send(self, **message: Any) -> None:
        """Send a message without waiting for a reply."""
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def ask(self, **message: Any) -> Any:
        """Send a message and wait for the reply. Raises EOFError if the parent is gone."""
        self.send(**message)
        line = self._reader.readline()
        if not line:
            raise EOFError("the parent is gone")
        return json.loads(line)
