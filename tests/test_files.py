"""Files are whole or as before: interrupted, on a full disk, with a second writer, and with somebody else's hand in them."""

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

EVENTS = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]


@contextlib.contextmanager
def file_size_limit(size):
    """No file may grow beyond it, as with a quota; Python ignores the signal, so that writing raises."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# One file


@pytest.mark.parametrize("step", ["replace", "fsync", "chmod", "write"])
@pytest.mark.parametrize("error", EVENTS, ids=["full", "Ctrl-C"])
def test_a_save_that_fails_changes_nothing(tmp_path, monkeypatch, step, error):
    """Disk full or interrupted at any step: the old file is whole, the error passes on, no temporary file stays."""
    path = tmp_path / "file.txt"
    save(path, "old")

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(type(error)) as raised:
        save(path, "new" * 10_000)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert getattr(raised.value, "filename", str(path)) is not None


def test_the_new_file_is_on_disk_before_it_replaces_the_old(tmp_path, monkeypatch):
    """fsync comes before replace, and at replace the temporary file holds all bytes."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle):
        steps.append("fsync")
        fsync(handle)

    def watched_replace(source, target):
        steps.append(("replace", Path(source).stat().st_size))
        replace(source, target)

    monkeypatch.setattr(files.os, "fsync", watched_fsync)
    monkeypatch.setattr(files.os, "replace", watched_replace)
    save(tmp_path / "file.txt", b"x" * 100_000)
    assert steps == ["fsync", ("replace", 100_000)]


def test_a_quota(tmp_path):
    """Where no more bytes are allowed, saving and making room name the place, and the old file is whole."""
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


def test_a_full_disk(a_disk):
    """On a real file system without room: the same, and what was made to try it is gone."""
    small_disk = a_disk("1m")
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


def test_what_is_no_ordinary_file_is_not_read(tmp_path):
    """A pipe does not keep the reader waiting, a device without end is not read, and neither is a far too large file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(files.MAX_READ_BYTES + 1)
    for name, told in (
        ("pipe", "not a regular file"),
        ("link", "not a regular file"),
        ("huge", "64 MiB; allowed"),
        (".", "directory"),
    ):
        with pytest.raises(OSError, match=told):
            read(tmp_path / name)
    save(tmp_path / "text", "é")
    assert read(tmp_path / "text") == "é"


# AppendOnlyLog


def test_each_line_is_on_disk_at_once(tmp_path, monkeypatch):
    """After every append another reader finds one more whole line, and fsync has been called; opened again, it goes on."""
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


def test_half_a_line_never_was_one(tmp_path):
    """Cut at any byte, the whole lines before it stand, and the next one is appended to them."""
    path = tmp_path / "lines"
    whole = b"first\nsecond\n"
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        lines = AppendOnlyLog(path)
        lines.append(b"new\n")
        lines.close()
        kept = whole[: whole.rfind(b"\n", 0, length) + 1] if length else b""
        assert path.read_bytes() == kept + b"new\n"


@pytest.mark.parametrize("error", EVENTS, ids=["full", "Ctrl-C"])
@pytest.mark.parametrize("step", ["write", "fsync"])
def test_an_append_that_fails_changes_nothing(tmp_path, monkeypatch, step, error):
    """After a part was written, too: the file is as before, and takes the next line."""
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


def test_one_writer_at_a_time(tmp_path):
    """A second one is refused while the first has it open, and not afterwards."""
    first = AppendOnlyLog(tmp_path / "lines")
    with pytest.raises(BlockingIOError):
        AppendOnlyLog(tmp_path / "lines")
    first.close()
    AppendOnlyLog(tmp_path / "lines").close()


def test_neither_a_link_nor_a_pipe_is_written(tmp_path):
    """A run folder that somebody else has prepared leads nowhere else."""
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="link"):
        AppendOnlyLog(tmp_path / "link")
    assert (tmp_path / "target").read_text() == "mine"


def replaced_by(kind, path, outside):
    path.unlink()
    if kind == "folder":
        path.mkdir()
        (path / "in it").write_text("")
    elif kind == "link":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "same":
        path.write_bytes(b"first\n")


@pytest.mark.parametrize("kind", ["gone", "folder", "link", "pipe", "same", "appended", "changed", "cut"])
def test_what_somebody_else_does_to_it_is_undone(tmp_path, kind):
    """Changed, longer, shorter, gone, or something else in its place: it is put back, still locked, and goes on."""
    path, outside = tmp_path / "lines", tmp_path / "outside"
    outside.write_text("not ours")
    lines = AppendOnlyLog(path)
    lines.append(b"first\n")
    assert not lines.restore()
    if kind in ("appended", "changed", "cut"):
        path.write_bytes({"appended": b"first\nmore\n", "changed": b"fIrst\n", "cut": b""}[kind])
    else:
        replaced_by(kind, path, outside)
    assert lines.restore()
    assert not lines.restore()
    with pytest.raises(BlockingIOError):
        AppendOnlyLog(path)
    lines.append(b"second\n")
    lines.close()
    assert path.read_bytes() == b"first\nsecond\n"
    assert outside.read_text() == "not ours"


# Scratch


def test_scratch_of_a_killed_run_is_swept(tmp_path, monkeypatch):
    """What lives is left alone, and so is what is not ours; what its owner has left is gone when the next one starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = Scratch()
    (tmp_path / "gdbench-other").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lock").write_text("half a line")
    (tmp_path / "gdbench-link").symlink_to("elsewhere")
    code = f"""
import tempfile, time
tempfile.tempdir = {str(tmp_path)!r}
from bench.runtime.files import Scratch
print(Scratch().path, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        path = Path(other.stdout.readline().strip())
        (path / "large").write_text("x")
        with Scratch():
            assert path.exists()
        other.send_signal(signal.SIGKILL)
    with Scratch() as mine:
        assert not path.exists()
        assert mine.exists()
    assert not mine.exists()
    assert living.path.exists()
    assert (tmp_path / "gdbench-other").exists()
    assert (tmp_path / "elsewhere" / "lock").read_text() == "half a line"
    with living:
        pass
