"""Atomic writes and append-only logs that survive crashes and full disks."""

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
except ImportError:  # not a POSIX system, which main() refuses
    fcntl = None  # type: ignore[assignment]

FREE_BYTES = 8 << 20  # a run with its report takes two or three million
MAX_READ_BYTES = 64 << 20  # run files have one or two million
LOCK = "lock"


def save(path: Path, text: str | bytes) -> None:
    """Replace a file in one step, after the new text is on disk. Raises OSError with the file name."""
    data = text.encode() if isinstance(text, str) else text
    with _named(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}-")
        try:
            try:
                _write(handle, data)
            finally:
                os.close(handle)
            Path(temporary).chmod(0o644)  # only the owner can read files of mkstemp
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def save_over(path: Path, text: str | bytes) -> None:
    """Like `save`, but also replace a folder of that name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    save(path, text)


def _write(handle: int, data: bytes) -> None:
    """Write all bytes to disk. On a full disk, one call writes a part of them, and the next one raises."""
    while data:
        data = data[os.write(handle, data) :]
    os.fsync(handle)


def read(path: Path) -> str:
    """The text of a regular file. Raises OSError for other files and large ones, and ValueError if it is not UTF-8."""
    with _named(path), os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # do not wait for a pipe
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > MAX_READ_BYTES:
            raise OSError(errno.EFBIG, f"it has {status.st_size >> 20} MiB; allowed: up to {MAX_READ_BYTES >> 20} MiB")
        return file.read(MAX_READ_BYTES).decode()


def ensure_free_space(folder: Path, size: int = FREE_BYTES) -> None:
    """Raise OSError if a number of bytes cannot be written into a folder, before a long run instead of after it."""
    with _named(folder), tempfile.TemporaryFile(dir=folder) as file:
        step = bytes(1 << 20)
        for _ in range(0, size, len(step)):  # written, because not every system can reserve space
            file.write(step)
        file.flush()


class AppendOnlyLog:
    """A file to which one process at a time appends whole lines.

    Raises BlockingIOError if another process has it open, and OSError if it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        with _named(path):
            # Follow no link, and do not wait for a pipe.
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
        # Drop an incomplete last line.
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            os.ftruncate(self._file, len(whole))
        return whole

    @property
    def lines(self) -> list[bytes]:
        """The complete lines."""
        return self._text.splitlines()

    def append(self, line: bytes) -> None:
        """Append a line to the file on disk. If that fails, the file is unchanged."""
        assert line.endswith(b"\n") and line.count(b"\n") == 1
        with _named(self.path):
            try:
                _write(self._file, line)
            except BaseException:
                os.ftruncate(self._file, len(self._text))
                raise
        self._text += line

    def restore(self) -> bool:
        """Restore the file if another process has changed or removed it. Returns whether it had."""
        with contextlib.suppress(OSError):
            status, status_at_path = os.fstat(self._file), os.lstat(self.path)
            same = (status.st_dev, status.st_ino) == (status_at_path.st_dev, status_at_path.st_ino)
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
    """Lock a file. Raises BlockingIOError if another process has locked it. Some file systems have no locks."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise


class Scratch:
    """A temporary folder. It also removes those that killed processes have left."""

    def __init__(self, prefix: str = "gdbench-"):
        for path in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            with contextlib.suppress(OSError):
                if not path.is_symlink() and path.stat().st_uid == os.getuid():
                    lock = os.open(path / LOCK, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
                    with os.fdopen(lock):
                        _lock(lock)  # raises if its process is alive
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
    """Add the file name to errors of a file descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
