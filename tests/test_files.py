"""Files are complete or unchanged: after interrupts, on a full disk, with two writers, and after foreign changes."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.runtime import files
from bench.runtime.files import AppendOnlyLog, Scratch, ensure_free_space, read, save

ERRORS = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]


@contextlib.contextmanager
def file_size_limit(size):
    """Limit the size of files, as a quota does. Python ignores the signal, so writing raises."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# One file


@pytest.mark.parametrize("step", ["replace", "fsync", "chmod", "write"])
@pytest.mark.parametrize("error", ERRORS, ids=["full", "Ctrl-C"])
def test_failed_save_changes_nothing(tmp_path, monkeypatch, step, error):
    """If the disk is full or Ctrl-C comes at any step, the old file stays and there is no temporary file."""
    path = tmp_path / "file.txt"
    save(path, "old")

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(type(error)) as error_info:
        save(path, "new" * 10_000)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert getattr(error_info.value, "filename", str(path)) is not None


def test_new_file_is_on_disk_before_it_replaces_the_old(tmp_path, monkeypatch):
    """fsync is called before replace, and at replace the temporary file has all bytes."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def recorded_replace(source, target):
        steps.append(("replace", Path(source).stat().st_size))
        replace(source, target)

    monkeypatch.setattr(files.os, "fsync", lambda handle: (steps.append("fsync"), fsync(handle)))
    monkeypatch.setattr(files.os, "replace", recorded_replace)
    save(tmp_path / "file.txt", b"x" * 100_000)
    assert steps == ["fsync", ("replace", 100_000)]


def test_errors_of_a_quota_name_the_file(tmp_path):
    """save and ensure_free_space raise, and the old file stays."""
    path = tmp_path / "file.txt"
    save(path, "old")
    with file_size_limit(100_000):
        with pytest.raises(OSError, match=r"File too large.*file\.txt"):
            save(path, "x" * 200_000)
        with pytest.raises(OSError, match="File too large"):
            ensure_free_space(tmp_path)
        ensure_free_space(tmp_path, 0)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_complete_files(mount_disk):
    """On a full file system, saves and appends raise. The old file and the complete lines stay."""
    small_disk = mount_disk("1m")
    path = small_disk / "file.txt"
    save(path, "old")
    with pytest.raises(OSError, match=r"No space left on device.*file\.txt"):
        save(path, "x" * (2 << 20))
    with pytest.raises(OSError, match="No space left on device"):
        ensure_free_space(small_disk)
    assert path.read_text() == "old"
    assert list(small_disk.iterdir()) == [path]
    lines = AppendOnlyLog(small_disk / "lines")
    line = b"x" * 4095 + b"\n"
    with pytest.raises(OSError, match=r"No space left on device.*lines"):
        all(lines.append(line) is None for _ in range(1000))
    lines.close()
    written = (small_disk / "lines").read_bytes()
    assert written == line * len(lines.lines) != b""


def test_read_refuses_special_and_huge_files(tmp_path):
    """A pipe, a device, a folder and a file over the limit are refused at once."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(files.MAX_READ_BYTES + 1)
    messages = {"pipe": "not a regular file", "link": "not a regular file", "huge": "64 MiB; allowed", ".": "directory"}
    for name, message in messages.items():
        with pytest.raises(OSError, match=message):
            read(tmp_path / name)
    save(tmp_path / "text", "é")
    assert read(tmp_path / "text") == "é"


# AppendOnlyLog


def test_append_writes_each_line_at_once(tmp_path, monkeypatch):
    """After each append the file has one more complete line and fsync has been called. A second log continues the file."""
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda handle: (synced.append(handle), fsync(handle)))
    path = tmp_path / "lines"
    for turn in range(2):
        lines = AppendOnlyLog(path)
        for count in range(1, 4):
            lines.append(b"%d\n" % count)
            assert path.read_bytes().splitlines() == lines.lines
            assert len(lines.lines) == len(synced) == turn * 3 + count
        lines.close()


def test_incomplete_last_line_is_removed(tmp_path):
    """For a file cut at any byte, the complete lines stay and the next line follows them."""
    path = tmp_path / "lines"
    content = b"first\nsecond\n"
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        lines = AppendOnlyLog(path)
        lines.append(b"new\n")
        lines.close()
        complete = content[: content.rfind(b"\n", 0, length) + 1]
        assert path.read_bytes() == complete + b"new\n"


@pytest.mark.parametrize("error", ERRORS, ids=["full", "Ctrl-C"])
@pytest.mark.parametrize("step", ["write", "fsync"])
def test_failed_append_changes_nothing(tmp_path, monkeypatch, step, error):
    """Even after a part was written, the file is as before, and the next append works."""
    path = tmp_path / "lines"
    lines = AppendOnlyLog(path)
    lines.append(b"first\n")
    write = os.write

    def fail(handle, data=b""):
        if data == b"second\n":
            return write(handle, data[:3])
        raise error

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(type(error)):
        lines.append(b"second\n")
    monkeypatch.undo()
    assert path.read_bytes() == b"first\n"
    lines.append(b"third\n")
    lines.close()
    assert path.read_bytes() == b"first\nthird\n"


def test_log_has_one_writer_at_a_time(tmp_path):
    """A second log for the same file is refused until the first one is closed."""
    first = AppendOnlyLog(tmp_path / "lines")
    with pytest.raises(BlockingIOError):
        AppendOnlyLog(tmp_path / "lines")
    first.close()
    AppendOnlyLog(tmp_path / "lines").close()


def test_log_does_not_follow_a_link(tmp_path):
    """The target of the link does not change."""
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="link"):
        AppendOnlyLog(tmp_path / "link")
    assert (tmp_path / "target").read_text() == "mine"


def replace_file(kind, path, outside):
    """Replace the file at `path` by another kind of file."""
    path.unlink()
    match kind:
        case "folder":
            path.mkdir()
            (path / "file").write_text("")
        case "link":
            path.symlink_to(outside)
        case "pipe":
            os.mkfifo(path)
        case "same":
            path.write_bytes(b"first\n")


@pytest.mark.parametrize("kind", ["gone", "folder", "link", "pipe", "same", "appended", "changed", "cut"])
def test_restore_undoes_foreign_changes(tmp_path, kind):
    """A file that was changed, extended, cut, removed or replaced is restored. It stays locked and appends work."""
    path, outside = tmp_path / "lines", tmp_path / "outside"
    outside.write_text("foreign")
    lines = AppendOnlyLog(path)
    lines.append(b"first\n")
    assert not lines.restore()
    if kind in ("appended", "changed", "cut"):
        path.write_bytes({"appended": b"first\nmore\n", "changed": b"fIrst\n", "cut": b""}[kind])
    else:
        replace_file(kind, path, outside)
    assert lines.restore()
    assert not lines.restore()
    with pytest.raises(BlockingIOError):
        AppendOnlyLog(path)
    lines.append(b"second\n")
    lines.close()
    assert path.read_bytes() == b"first\nsecond\n"
    assert outside.read_text() == "foreign"


# Scratch


def test_scratch_of_a_killed_process_is_removed(tmp_path, monkeypatch):
    """The next Scratch removes it. Folders of living processes and foreign folders stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other_scratch = Scratch()
    (tmp_path / "gdbench-other").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").write_text("foreign")
    (tmp_path / "gdbench-link").symlink_to("elsewhere")
    code = f"""
import tempfile, time
tempfile.tempdir = {str(tmp_path)!r}
from bench.runtime.files import Scratch
print(Scratch().path, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        path = Path(process.stdout.readline().strip())
        (path / "large").write_text("x")
        with Scratch():
            assert path.exists()
        process.send_signal(signal.SIGKILL)
    with Scratch() as scratch:
        assert not path.exists()
        assert scratch.exists()
    assert not scratch.exists()
    assert other_scratch.path.exists()
    assert (tmp_path / "gdbench-other").exists()
    assert (tmp_path / "elsewhere" / "lock").read_text() == "foreign"
    with other_scratch:
        pass
