"""Files that are whole or not there: whoever is killed, and wherever the disk is full.

A file is written beside its place and moved into it in one step. What grows, grows by whole lines, each of
them on disk before the next thing happens.
"""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # no POSIX system; main() refuses it with a sentence of its own
    fcntl = None  # type: ignore[assignment]

ROOM = 8 << 20  # bytes: a run with its report takes two or three million
MOST = 64 << 20  # bytes of a file that is read: ours have one or two million
LOCK = "lock"


def save(path: Path, text: str | bytes) -> None:
    """Write a whole file or nothing: the old one stands until the new one is on disk. Raises OSError naming it."""
    data = text.encode() if isinstance(text, str) else text
    with _named(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}-")
        try:
            try:
                _write(handle, data)
            finally:
                os.close(handle)
            Path(temporary).chmod(0o644)  # mkstemp makes files that only their owner can read
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def save_over(path: Path, text: str | bytes) -> None:
    """As `save`, where somebody may have put a folder in the place of the file."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    save(path, text)


def _write(handle: int, data: bytes) -> None:
    """All of it, on disk when this returns. On a full disk one attempt writes a part, and the next one says why."""
    while data:
        data = data[os.write(handle, data) :]
    os.fsync(handle)


def read(path: Path) -> str:
    """The text of a file. Raises OSError for no ordinary file or one far too large, and ValueError for no UTF-8."""
    with _named(path), os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # no pipe keeps us waiting
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        if status.st_size > MOST:
            raise OSError(errno.EFBIG, f"it has {status.st_size >> 20} MiB; allowed: up to {MOST >> 20} MiB")
        return file.read(MOST).decode()


def ensure_free_space(folder: Path, size: int = ROOM) -> None:
    """Raise OSError where so many bytes cannot be written into a folder: better before a long work than after it."""
    with _named(folder), tempfile.TemporaryFile(dir=folder) as file:
        step = bytes(1 << 20)
        for _ in range(0, size, len(step)):  # written, because reserving is not offered everywhere
            file.write(step)
        file.flush()


class AppendOnlyLog:
    """A file that grows by whole lines, and that one process at a time may write.

    Raises BlockingIOError where another process has it open, and OSError where it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        with _named(path):
            # Neither through a link to elsewhere nor into a pipe, on which opening would wait.
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0)
            self._file = os.open(path, flags, 0o644)
            try:
                _lock(self._file)
                self._text = self._read()
            except BaseException:
                os.close(self._file)
                raise

    def _read(self) -> bytes:
        text = b"".join(iter(lambda: os.read(self._file, 1 << 20), b""))
        # Killed or out of space in the middle of a line: it never was one.
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            os.ftruncate(self._file, len(whole))
        return whole

    @property
    def lines(self) -> list[bytes]:
        """All that it holds."""
        return self._text.splitlines()

    def append(self, line: bytes) -> None:
        """Add a line, on disk when this returns; where that fails the file is as before."""
        assert line.endswith(b"\n") and line.count(b"\n") == 1
        with _named(self.path):
            try:
                _write(self._file, line)
            except BaseException:
                os.ftruncate(self._file, len(self._text))
                raise
        self._text += line

    def restore(self) -> bool:
        """Put back what somebody else has changed, added or removed; whether anything was."""
        with contextlib.suppress(OSError):
            here, there = os.fstat(self._file), os.lstat(self.path)
            same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
            if same and os.pread(self._file, len(self._text) + 1, 0) == self._text:
                return False
        save_over(self.path, self._text)
        restored = AppendOnlyLog(self.path)
        os.close(self._file)
        self._file = restored._file
        return True

    def close(self) -> None:
        os.close(self._file)


def _lock(file: int) -> None:
    """Raises BlockingIOError where another process holds it. A file system without locks lets two runs pass."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise


class Scratch:
    """A folder for what is needed while a run goes on; the next run sweeps what a killed one has left."""

    def __init__(self, prefix: str = "gdbench-"):
        for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            with contextlib.suppress(OSError):
                if not path.is_symlink() and path.stat().st_uid == os.getuid():
                    lock = os.open(path / LOCK, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
                    with os.fdopen(lock):
                        _lock(lock)  # raises where its owner lives
                        shutil.rmtree(path, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._lock = AppendOnlyLog(self.path / LOCK)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of a handle do not say which file it is: add its name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
