"""Execute a plan: one process per backend and block. Each finished cell is on disk before the next one starts.

`execute` measures the machine and stages the data (`prepare`), runs the blocks and saves the run. A block probes the
machine (`probe`) and measures every backend in a worker (`measure`). While a worker runs, a `Conversation` replies to
its messages: it decides which cells run (`decide`) and records their samples (`keep`). A worker that sends nothing is
killed after `deadline_s`. If a worker ends before all its cells have, `record_failure` records why, and another worker
measures the rest.
"""

import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.analysis.aggregate import aggregate, preliminary_cells
from bench.analysis.cost_model import bytes_per_pass
from bench.analysis.software import conflict
from bench.measure import budget, children
from bench.measure.messages import CallMade, CellEnds, CellStarts, Decision, WorkerMessage
from bench.measure.run_directory import RunDirectory, utc_now
from bench.plan import CELL_SHARE, BlockPlan, CellPlan, block_plans, warmup_of
from bench.records import Block, Cell, CellSample, Run, Status, save_run
from bench.runtime import cgroups, machine, process
from bench.runtime.files import Scratch
from bench.text import clean

START_ALLOWANCE_S = 30.0  # for the start of a worker and the import of its library
# Deadline of a silent worker: a share of the remaining time budget, but at least MIN_DEADLINE_S seconds.
HANG_SHARE, MIN_DEADLINE_S = 0.25, 10.0
MAX_DETAIL = 500  # characters
NO_VALID_SAMPLE = "its worker gave no valid sample"


@dataclass(frozen=True)
class Progress:
    """The state of a run.

    done, total: cells over all blocks. left_s: estimated seconds left, or None. what: the current step. block, blocks:
    the number of the current block and of all blocks, 0 before the first one. cells: the results so far.
    """

    done: int
    total: int
    left_s: float | None
    what: str
    block: int = 0
    blocks: int = 0
    cells: Callable[[], list[Cell]] = list


def execute(directory: RunDirectory, on_progress: Callable[[Progress], None] = lambda progress: None) -> Run:
    """Run the plan, or the rest of a resumed one, and save run.json in the folder of the run.

    After Ctrl-C, the run is saved and returned with its finished cells; the others are "interrupted". Raises RunError
    if the data cannot be staged, and UnreadableRun if the data of a resumed run have changed.
    """
    # Now, because an import that Ctrl-C interrupts cannot be repeated; but after the description of NumPy's BLAS.
    import scipy.stats  # noqa: F401

    interrupted = False
    with process.pinned(directory.plan.cpus), Scratch() as scratch:
        running = RunInProgress(directory, scratch, on_progress)
        try:
            running.prepare()
            for number, block in enumerate(running.planned, 1):
                running.block(block, number)
            on_progress(Progress(running.total, running.total, 0.0, "done"))
        except KeyboardInterrupt:
            interrupted = True
    directory.restore()
    run = aggregate(directory.plan, running.samples, running.blocks, directory.manifest, interrupted)
    save_run(directory.folder, run)
    return run


class RunInProgress:
    """A run in progress.

    planned: the plans of all blocks. blocks: the records of the finished blocks and the current one. samples: by cell
    id, one per block. counts: the frozen calls, warm-up calls and rounds, by CellPlan.calibration_key. dropped: ids of
    cells with a status other than "ok", which later blocks leave out. left_out: ids of cells that do not fit the time
    budget. reports: a sample for each set of versions and BLAS libraries that workers have reported. overhead_s:
    seconds of a worker besides its cells, by label and threads. staged_files: the states of the staged files, to detect
    changes.
    """

    def __init__(self, directory: RunDirectory, scratch: Path, on_progress: Callable[[Progress], None]):
        self.directory, self.plan, self.scratch, self.on_progress = directory, directory.plan, scratch, on_progress
        self.cells = {cell.id: cell for cell in self.plan.cells}
        self.planned = block_plans(self.plan)
        self.blocks = list(directory.blocks)
        self.samples: dict[str, list[CellSample]] = {}
        self.counts: dict[tuple[str, str, str, int], Decision] = {}
        self.dropped: set[str] = set()
        self.reports: list[CellSample] = []
        self.left_out = set(self.plan.left_out)
        self.replanned = False
        self.overhead_s: dict[tuple[str, int], float] = {}
        self.staged_files: dict[str, tuple[int, int]] = {}
        for sample in directory.samples:
            self._remember(sample)
        self.done = self._done_before = len(directory.samples)
        self.total = sum(len(cells) for block in self.planned for cells in block.cells.values())
        self.started = self.prepared = time.monotonic()

    def prepare(self) -> None:
        """Measure the machine unless the manifest has its peaks, and stage the data."""
        described = dict(self.directory.manifest.machine)
        if "peaks" not in described:
            self.on_progress(Progress(0, 0, self.plan.predicted_s, "measuring the machine"))
            described["peaks"] = machine.peaks(self.plan.threads, quick=self.plan.mode == "quick")
        self.on_progress(Progress(0, 0, self.plan.predicted_s, "preparing data and references"))
        self.directory.record_staging(described, self.stage())
        self.prepared = time.monotonic()

    def stage(self) -> dict[str, str]:
        """Stage the data, and remember the states of the files. Returns the digests by the key of the case."""
        digests = children.run_stage(self.plan, self.scratch)
        self.staged_files = _files(self.scratch)
        return digests

    def block(self, block: BlockPlan, number: int) -> None:
        """Probe the machine and measure every backend, unless a resumed run has finished the block already."""
        if (block.index, block.threads) in ((done.index, done.threads) for done in self.blocks):
            return
        started = time.monotonic()
        if block.index:
            self.replan(block.index, started - self.started)
        record = Block(
            index=block.index,
            threads=block.threads,
            order=list(block.cells),
            cells={label: [cell.id for cell in cells] for label, cells in block.cells.items()},
            hash_seed=block.hash_seed,
            padding_bytes=block.padding_bytes,
            started=utc_now(),
        )
        self.blocks.append(record)
        throttled_s = cgroups.throttled_s()
        self.probe(record)
        for label, cells in block.cells.items():
            self.show_progress(block, number, label)
            new = [cell for cell in cells if self.sample_of(cell, block) is None]
            self.measure(block, label, new)
            self.done += len(new)
            seen: Counter[str] = Counter()
            for sample in (self.sample_of(cell, block) for cell in new):
                seen |= Counter(sample.threads_seen if sample else {})  # | takes the larger count of each
            record.threads_seen[label] = dict(seen)
        if block.index == self.plan.blocks - 1:
            _time_sentinels(record)
        record.seconds = time.monotonic() - started
        if (throttled_s := cgroups.throttled_s() - throttled_s) > 0:
            record.throttled_s = throttled_s
        self.directory.add(record)

    def probe(self, block: Block) -> None:
        """Time the sentinels, and measure the read bandwidth for the bytes of X and y of each problem.

        The bandwidth is the limit of the roofline in this block. A quick run has no intervals, so it measures the
        bandwidth in its first block only.
        """
        _time_sentinels(block)
        if self.plan.mode == "quick" and block.index:
            return
        cases = self.plan.measured_cases
        sizes = {bytes_per_pass(case.n_samples, case.n_features, dtype) for case in cases for dtype in self.plan.dtypes}
        rates = machine.read_rates(block.threads, sorted(sizes))
        block.reads = {str(size): rate for size, rate in rates.items()}

    def show_progress(self, block: BlockPlan, number: int, label: str) -> None:
        """Show the progress. The time left is that of the plan in the first block, then from the mean of a cell."""
        now, done = time.monotonic(), self.done - self._done_before
        left_s: float | None = max(0.0, self.plan.predicted_s - (now - self.started)) or None
        if block.index and done:
            left_s = (now - self.prepared) / done * (self.total - self.done)
        self.on_progress(Progress(self.done, self.total, left_s, label, number, len(self.planned), self._cells_so_far))

    def _cells_so_far(self) -> list[Cell]:
        """The cells of the current number of threads, from the samples so far."""
        threads = self.blocks[-1].threads
        cells = preliminary_cells(self.plan, self.samples)
        return [cell for cell in cells if cell.threads == threads and cell.dtype == self.plan.dtypes[0]]

    def replan(self, block: int, spent_s: float) -> None:
        """After the first block, leave out the cells that do not fit the user's time budget, by their measured costs.

        Cells that crashed or hung do not run again, so they cost nothing in later blocks.
        """
        if not self.plan.has_user_budget or self.replanned:
            return
        self.replanned = True
        first = [sample for samples in self.samples.values() for sample in samples[:1] if sample.status == "ok"]
        blocks = self.plan.blocks - block
        costs = {sample.cell: blocks * (sample.cost_s or 0.0) for sample in first}
        workers = {(self.cells[cell].label, self.cells[cell].threads) for cell in costs}
        overhead_s = sum(self.overhead_s.get(key, budget.WORKER_S) for key in workers)
        overhead_s += budget.PROBES_S * len(self.plan.threads)
        limit_s = self.plan.budget_s - spent_s - blocks * overhead_s - budget.REPORT_S
        self.left_out |= budget.cells_to_leave_out(self.plan, costs, limit_s)

    def deadline_s(self) -> float:
        """Seconds without a message after which a worker is killed.

        A worker sends a message when a cell starts, after its first call, and when it ends.
        """
        if not self.plan.has_user_budget:
            return START_ALLOWANCE_S + CELL_SHARE * self.plan.budget_s
        # Each hanging worker takes a share of the remaining budget, so that any number of them fits into it. The
        # deadline is never shorter than the largest cell that the budget allows.
        left_s = self.plan.budget_s - budget.REPORT_S - (time.monotonic() - self.started)
        shortest = MIN_DEADLINE_S + CELL_SHARE * self.plan.budget_s / self.plan.blocks
        return max(shortest, HANG_SHARE * left_s)

    def measure(self, block: BlockPlan, label: str, cells: list[CellPlan]) -> None:
        """Measure cells of one backend in a worker, and if it ends before all its cells have, the rest in another."""
        letters = re.sub(r"[^\w.-]", "_", label)[:100]
        stem, attempt = f"block{block.index:02}-{block.threads}t-{letters}", 0
        while cells := [cell for cell in cells if cell.id not in self.dropped and not self.sample_of(cell, block)]:
            self.measure_once(block, label, cells, f"{stem}-{attempt}" if attempt else stem)
            attempt += 1

    def measure_once(self, block: BlockPlan, label: str, cells: list[CellPlan], stem: str) -> None:
        """Measure cells in one worker and save its files in raw/ under this stem."""
        if _files(self.scratch) != self.staged_files:  # an earlier worker has changed the staged files
            self.stage()
        deadline_s, conversation = self.deadline_s(), Conversation(self, block, cells)
        with tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as folder:
            raw = Path(folder, "pytest-benchmark.json")
            outcome = children.run_worker(
                self.directory, block, cells, self.scratch, raw, deadline_s, conversation.reply
            )
            if raw.exists() and raw.stat().st_size:
                self.directory.keep_raw(f"{stem}.json", raw.read_bytes())
        self.directory.restore()  # undo what the worker wrote into the folder after its last sample
        samples = [self.sample_of(cell, block) for cell in cells]
        if outcome.ok:
            costs = [sample.cost_s or 0.0 for sample in samples if sample]
            self.overhead_s[label, block.threads] = max(0.0, outcome.seconds - sum(costs))
        reports = [f"{', '.join(names)}\n{traceback}" for traceback, names in conversation.tracebacks.items()]
        if None in samples:
            conversation.record_failure(outcome, deadline_s)
            if not outcome.ok:
                reports.append(f"{outcome.describe()}\n\n{outcome.output}\n{outcome.stack}")
        if reports:
            self.directory.keep_raw(f"{stem}.txt", "\n".join(reports).encode("utf-8", "replace"))

    def sample_of(self, cell: CellPlan, block: BlockPlan) -> CellSample | None:
        """The sample of a cell in a block, if there is one."""
        return next((sample for sample in self.samples.get(cell.id, []) if sample.block == block.index), None)

    def keep(self, sample: CellSample) -> None:
        """Append a sample to the journal. Raises ValueError for NaN or infinity, which JSON does not have."""
        if sample.detail is not None:
            sample.detail = clean(_without_paths(sample.detail, self.cells[sample.cell]), MAX_DETAIL)
        self.directory.add(sample)
        self._remember(sample)

    def _remember(self, sample: CellSample) -> None:
        self.samples.setdefault(sample.cell, []).append(sample)
        if all((sample.versions, sample.blas) != (report.versions, report.blas) for report in self.reports):
            self.reports.append(sample)
        if sample.status != "ok":
            self.dropped.add(sample.cell)
        elif sample.calls and sample.warmup_calls:
            warmup_calls = warmup_of(median(sample.rounds_s), sample.warmup_calls)
            counts = Decision(True, calls=sample.calls, warmup_calls=warmup_calls, rounds=len(sample.rounds_s))
            self.counts.setdefault(self.cells[sample.cell].calibration_key, counts)

    def decide(self, cell: CellPlan) -> Decision:
        """Decide whether a worker runs a cell, and with which numbers of calls."""
        smaller = []
        for other in self.cells.values():
            alike = (other.backend, other.dtype, other.threads) == (cell.backend, cell.dtype, cell.threads)
            if alike and other.case.size < cell.case.size and (seconds := self.call_s(other)) is not None:
                smaller.append((other.case, seconds))
        predicted = budget.predict(cell, smaller)
        counts = self.counts.get(cell.calibration_key)
        if cell.id in self.left_out:
            reason = f"left out, so that the whole run fits its time budget of {self.plan.budget_s:.3g} s"
            return Decision(False, reason, predicted_s=self.call_s(cell) or predicted or budget.guess(cell))
        if counts is None and predicted is not None and (too_long := budget.too_long(self.plan, predicted)):
            return Decision(False, too_long, predicted_s=predicted)
        return msgspec.structs.replace(counts or Decision(True), curve=cell.id not in self.samples)

    def call_s(self, cell: CellPlan) -> float | None:
        """Seconds of a call, measured or else predicted, or None."""
        samples = self.samples.get(cell.id, [])
        times = [median(sample.rounds_s) for sample in samples if sample.rounds_s]
        times = times or [sample.predicted_s for sample in samples if sample.predicted_s]
        return median(times) if times else None


class Conversation:
    """The driver's side of the messages of one worker, and the record of how it ended.

    cells: by id. current: the id of the cell that the worker measures, None between two cells. ended: whether a cell
    has ended, be it skipped. cold: whether the worker has run no cell. tracebacks: of the errors of the backend, with
    the ids of their cells.
    """

    def __init__(self, running: RunInProgress, block: BlockPlan, cells: list[CellPlan]):
        self.running, self.block, self.cells = running, block, {cell.id: cell for cell in cells}
        self.current: str | None = None
        self.ended, self.cold = False, True
        self.tracebacks: dict[str, list[str]] = {}

    def reply(self, fields: dict[str, Any]) -> Decision | None:
        """The reply to a message; None if it is not valid, because the backend in the worker may send messages."""
        try:
            message = msgspec.convert(fields, WorkerMessage)
        except msgspec.ValidationError as error:
            if self.current is None or fields.get("event") != "cell":
                return None
            message = CellEnds(self.sample(self.current, "failed", f"{NO_VALID_SAMPLE}: {error}"))
        match message:
            case CellStarts(name) if name in self.cells:
                decision = self.running.decide(self.cells[name])
                if decision.run:
                    self.current = name
                else:
                    self.end(self.sample(name, "skipped", decision.detail, predicted_s=decision.predicted_s))
                return decision
            case CallMade(name, seconds) if name == self.current:
                reason = budget.too_long(self.running.plan, seconds)
                return Decision(reason is None, reason)
            case CellEnds(sample, traceback) if sample.cell == self.current:
                if traceback is not None:
                    self.tracebacks.setdefault(traceback, []).append(sample.cell)
                if changed := self.running.directory.restore():  # the backend may have changed its results
                    detail = f"wrote into the folder of the run: {', '.join(changed)}; the folder was restored"
                    sample = self.sample(sample.cell, "failed", detail)
                if reason := conflict(sample, self.running.directory.manifest.machine, self.running.reports):
                    sample = self.sample(sample.cell, "failed", reason)
                try:
                    self.end(msgspec.structs.replace(sample, block=self.block.index, cold=self.cold))
                except ValueError as error:
                    self.end(self.sample(sample.cell, "failed", f"{NO_VALID_SAMPLE}: {error}"))
                self.cold = False
                return Decision(False)
        return None

    def sample(self, name: str, status: Status, detail: str | None, predicted_s: float | None = None) -> CellSample:
        """A sample without times, of a cell that was skipped or failed."""
        return CellSample(cell=name, block=self.block.index, status=status, detail=detail, predicted_s=predicted_s)

    def end(self, sample: CellSample) -> None:
        """Keep the last sample of a cell. Raises ValueError for NaN or infinity."""
        self.running.keep(sample)
        self.current, self.ended = None, True

    def record_failure(self, outcome: process.Outcome, deadline_s: float) -> None:
        """Record why the worker ended too early, in the cell that it measured, or in all if it had started none.

        After a deadline, larger cells are skipped. What has no sample then runs in another worker.
        """
        if self.current is None and self.ended:
            return
        crash: Status = "out_of_memory" if outcome.out_of_memory else "crashed"
        status: Status = "timeout" if outcome.timed_out else crash
        detail = outcome.describe() + ("" if outcome.returncode else ", without a result")
        if outcome.timed_out:
            detail = f"no answer for {deadline_s:.0f} s, {detail}"
        for name, cell in self.cells.items():
            if self.running.sample_of(cell, self.block) is not None:
                continue
            if self.current in (None, name):
                self.running.keep(self.sample(name, status, detail))
            elif outcome.timed_out and cell.case.size >= self.cells[self.current].case.size:
                larger = "not tried: a problem of this size or smaller hit its deadline"
                self.running.keep(self.sample(name, "skipped", larger))


def _time_sentinels(block: Block) -> None:
    """Time the two sentinels, fixed tasks whose times change only if the machine changes."""
    for name, seconds in machine.sentinels(block.threads).items():
        block.sentinels.setdefault(name, []).append(seconds)


def _files(scratch: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every staged file, by name."""
    status_of = {path.name: path.stat() for path in scratch.glob("*.np[yz]")}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in status_of.items()}


def _without_paths(detail: str, cell: CellPlan) -> str:
    """The detail without the paths of the user's folders."""
    home = Path(os.path.expanduser("~"))
    for folder in (Path(cell.backend.source).parent, process.ROOT, Path(sys.prefix), home):
        if folder.is_absolute() and folder != Path(folder.anchor):
            detail = detail.replace(f"{folder}{os.sep}", "")
    return detail
