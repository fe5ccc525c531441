"""The folder of a run in progress, from which a stopped run can be resumed.

plan.json holds the plan and the machine, journal.jsonl a sample per finished cell, blocks.jsonl a record per finished
block. If the driver is killed, the samples of its worker are in the journal, but its file in raw/ is missing, because
pytest-benchmark writes it last. Only the driver writes into the folder. It restores files that a backend changes.
"""

import contextlib
import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from backends import BackendError, describe, library_versions
from bench.analysis.environment_diff import machine_differences
from bench.plan import Backend, Plan
from bench.records import Block, CellSample, Record, RunManifest, UnreadableRun, decode, encode
from bench.runtime import machine, process
from bench.runtime.files import AppendOnlyLog, ensure_free_space, read, save, save_over

PLAN, JOURNAL, BLOCKS, RAW = "plan.json", "journal.jsonl", "blocks.jsonl", "raw"
RESULTS = ("run.json", "report.html", "report.md", "figures")  # written after the last block
ALLOWED = "the same plan, data, machine and versions; start a new run instead"


class RunDirectory:
    """The folder of one run, locked against other runs. samples, blocks: the finished ones of a resumed run."""

    def __init__(self, folder: Path, manifest: RunManifest, plan: Plan, journal: AppendOnlyLog, blocks: AppendOnlyLog):
        self.folder, self.manifest, self.plan = folder, manifest, plan
        self._journal, self._blocks = journal, blocks
        self.samples = _decoded(journal, CellSample)
        self.blocks = _decoded(blocks, Block)
        self._result_states = self._read_result_states()

    @classmethod
    def begin(cls, folder: Path, plan: Plan, command: str) -> "RunDirectory":
        """Begin a run in a new or empty folder. Raises ValueError for a folder with files, and OSError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            ensure_free_space(folder)
            journal = _locked(folder)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise
        if not is_new(folder):  # another run has begun and ended here in the meantime
            journal.close()
            raise ValueError(f"--out: found {str(folder)!r}, which is not empty; allowed: a new or empty folder")
        described = _described(plan)
        manifest = RunManifest(
            created=utc_now(),
            command=command,
            plan=msgspec.to_builtins(plan),
            machine=described,
            sources=described["sources"],
        )
        _sweep(folder)
        (folder / RAW).mkdir(exist_ok=True)
        save(folder / PLAN, encode(manifest, indent=1))
        return cls(folder, manifest, plan, journal, AppendOnlyLog(folder / BLOCKS))

    @classmethod
    def resume(cls, folder: Path) -> "RunDirectory":
        """Reopen a stopped run.

        Raises UnreadableRun if the run cannot be read or the machine, the versions or the backends have changed, and
        ValueError if the run is still in progress.
        """
        try:
            text = read(folder / PLAN)
        except (OSError, ValueError) as error:
            raise UnreadableRun(
                f"--resume: found no readable {PLAN} in {str(folder)!r} ({getattr(error, 'strerror', None) or error});"
                " allowed: the folder of a run that was begun"
            ) from None
        manifest = decode(text, RunManifest, folder / PLAN)
        try:
            plan = msgspec.convert(manifest.plan, Plan)
        except msgspec.ValidationError as error:
            raise UnreadableRun(f"{folder / PLAN}: is not a valid plan: {error}") from None
        _refuse_changes(manifest, plan)
        ensure_free_space(folder)
        with contextlib.ExitStack() as undo:
            journal = _locked(folder)
            undo.callback(journal.close)
            _sweep(folder)
            blocks = AppendOnlyLog(folder / BLOCKS)
            undo.callback(blocks.close)
            directory = cls(folder, manifest, plan, journal, blocks)
            directory._validate_samples()
            undo.pop_all()
        if len(directory.blocks) < plan.blocks * len(plan.threads):
            manifest.resumed.append(utc_now())
        (folder / RAW).mkdir(exist_ok=True)
        save(folder / PLAN, encode(manifest, indent=1))
        return directory

    def record_staging(self, described: dict[str, Any], digests: dict[str, str]) -> None:
        """Save the peaks of the machine and the digests of the problems. Raises UnreadableRun if the data changed."""
        for case, digest in digests.items():
            if self.manifest.digests.get(case, digest) != digest:
                raise UnreadableRun(f"--resume: found other data in {case} than when the run began; allowed: {ALLOWED}")
        self.manifest.machine, self.manifest.digests = described, digests
        save(self.folder / PLAN, encode(self.manifest, indent=1))

    def add(self, record: CellSample | Block) -> None:
        """Append a record to its log on disk. Raises OSError, and ValueError for NaN or infinity."""
        if isinstance(record, CellSample):
            self._journal.append(encode(record))
        else:
            self._blocks.append(encode(record))

    def keep_raw(self, name: str, text: bytes) -> None:
        """Save a file in raw/."""
        save(self.folder / RAW / name, text)

    def restore(self) -> list[str]:
        """Restore files that another process, such as a worker, has changed or removed. Returns their names."""
        changed = []
        if not (self.folder / RAW).is_dir():
            changed.append(RAW)
            (self.folder / RAW).unlink(missing_ok=True)
            (self.folder / RAW).mkdir(parents=True)
        plan = encode(self.manifest, indent=1)
        with contextlib.suppress(OSError, ValueError):
            if read(self.folder / PLAN).encode("utf-8") == plan:
                plan = b""
        if plan:
            changed.append(PLAN)
            save_over(self.folder / PLAN, plan)
        changed += [lines.path.name for lines in (self._journal, self._blocks) if lines.restore()]
        results = self._read_result_states()
        for name, was in self._result_states.items():
            if results[name] != was:
                changed.append(name)
                _remove(self.folder / name)
                self._result_states[name] = None
        return changed

    def abandon(self) -> None:
        """Remove the files of a run that could not start, and the folder if it is empty."""
        for name in (PLAN, JOURNAL, BLOCKS, RAW):
            _remove(self.folder / name)
        with contextlib.suppress(OSError):  # not empty, a mount point, or the current folder
            self.folder.rmdir()

    def close(self) -> None:
        """Release the lock."""
        self._journal.close()
        self._blocks.close()

    def _read_result_states(self) -> dict[str, tuple[int, ...] | None]:
        """The states of the result files, to detect changes."""
        states: dict[str, tuple[int, ...] | None] = dict.fromkeys(RESULTS)
        for name in RESULTS:
            with contextlib.suppress(OSError):
                status = (self.folder / name).lstat()
                states[name] = status.st_ino, status.st_mtime_ns, status.st_size
        return states

    def _validate_samples(self) -> None:
        """Raise UnreadableRun unless the journal holds only cells of the plan, each once per block."""
        planned, seen = {cell.id for cell in self.plan.cells}, set()
        for sample in self.samples:
            where = sample.cell, sample.block
            if sample.cell not in planned or not 0 <= sample.block < self.plan.blocks or where in seen:
                found = f"found a sample of {sample.cell} in block {sample.block} that is not in the plan, or twice"
                raise UnreadableRun(f"{self._journal.path}: {found}")
            seen.add(where)


def is_new(folder: Path) -> bool:
    """Whether a folder is empty or holds only the files of a run that was killed before it had a plan."""
    for path in folder.iterdir():
        begun = path.name == JOURNAL and path.is_file() and path.stat().st_size == 0
        if not begun and not path.name.startswith(f".{PLAN}-") and path.name != RAW:
            return False
    return not (folder / RAW).exists() or not any((folder / RAW).iterdir())


def _sweep(folder: Path) -> None:
    """Remove temporary files that a killed `save` has left."""
    for inside in (folder, folder / RAW, folder / "figures"):
        for path in inside.glob(".*-????????"):
            if path.is_file() and not path.is_symlink():
                path.unlink()


def _locked(folder: Path) -> AppendOnlyLog:
    try:
        return AppendOnlyLog(folder / JOURNAL)
    except BlockingIOError:
        raise ValueError(
            f"found another run in progress in {str(folder)!r}; allowed: one at a time, or another folder"
        ) from None


def _decoded(lines: AppendOnlyLog, kind: type[Record]) -> list[Record]:
    return [decode(line, kind, lines.path) for line in lines.lines]


def _path(backend: Backend) -> Path | None:
    with contextlib.suppress(OSError, ValueError, BackendError):
        return describe(backend.source).path
    return None


def _described(plan: Plan) -> dict[str, Any]:
    """The machine with what this plan uses of it.

    processors: of the workers, by the number of threads. sources, requires: digests of the texts of the backends, and
    the versions of the libraries that they import, without those in "versions". commit: of the working folder.
    """
    with process.pinned(plan.cpus):
        described = machine.describe()
        processors = {str(threads): sorted(process.cpus(threads)) for threads in plan.threads}
    sources: dict[str, str] = {}
    requires: dict[str, dict[str, str | None]] = {}
    for backend in plan.backends:
        if (path := _path(backend)) is None:
            continue
        with contextlib.suppress(OSError):
            sources[backend.name] = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        versions = {name: v for name, v in library_versions(path).items() if name not in machine.PACKAGES}
        requires |= {backend.name: versions} if versions else {}
    used = {"processors": processors, "sources": sources, "requires": requires, "commit": machine.commit()}
    return described | used


def _refuse_changes(manifest: RunManifest, plan: Plan) -> None:
    now = _described(plan)
    sources = now["sources"]
    changed = [
        str(difference)
        for difference in machine_differences(manifest.machine, now, frozenset())
        if difference.kind != "note"
    ]
    if manifest.machine.get("gdbench") != now["gdbench"]:
        changed.append(f"gdbench {manifest.machine.get('gdbench')} -> {now['gdbench']}")
    if max(plan.threads) > now["threads_available"]:
        changed.append(f"threads available {manifest.machine.get('threads_available')} -> {now['threads_available']}")
    unavailable = set(plan.cpus) - process.affinity()
    if unavailable or manifest.machine.get("processors", now["processors"]) != now["processors"]:
        changed.append("the processors of the workers")
    names = sorted(name for name in {**manifest.sources, **sources} if manifest.sources.get(name) != sources.get(name))
    changed += [f"the file of {name}" for name in names]
    if changed:
        raise UnreadableRun(f"--resume: found changes since the run began: {'; '.join(changed)}; allowed: {ALLOWED}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
