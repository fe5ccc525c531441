"""Execute a plan: one process per backend and block. Each finished cell is on disk before the next one starts."""

import os
import shutil
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
from bench.measure import budget
from bench.measure.messages import (
    CallMade,
    CellEnds,
    CellStarts,
    Decision,
    StageFailed,
    StageMessage,
    StageSpec,
    WorkerMessage,
    WorkerSpec,
    task_of,
)
from bench.measure.run_directory import RunDirectory, utc_now
from bench.plan import CELL_SHARE, STAGE_COPIES, BlockPlan, Case, CellPlan, Plan, block_plans, warmup_of
from bench.records import Block, Cell, CellSample, Run, Status, save_run
from bench.runtime import machine, memory, process
from bench.runtime.files import Scratch

STAGE_DEADLINE_S = 300.0
START_ALLOWANCE_S = 30.0  # for the start of a worker and the import of its library
WORKER_COPIES = 40  # memory limit of a worker, in copies of X in float64; a list of Python floats takes five
# Plugins of pytest that a worker does not use; each takes a millisecond or more to load.
UNUSED_PLUGINS = [
    f"-pno:{plugin}"
    for plugin in (
        "cacheprovider", "faulthandler", "debugging", "unittest", "doctest", "junitxml", "pastebin", "legacypath",
        "setuponly", "setupplan", "stepwise", "logging", "monkeypatch", "recwarn", "subtests", "threadexception",
        "unraisableexception",
    )
]  # fmt: skip
# Deadline of a silent worker: a share of the remaining time budget, but at least MIN_DEADLINE_S seconds.
HANG_SHARE, MIN_DEADLINE_S = 0.25, 10.0


class RunError(Exception):
    """A run cannot start; the message says why."""


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
    plan = directory.plan
    interrupted = False
    with Scratch() as scratch:
        running = RunInProgress(directory, scratch, on_progress)
        try:
            _prepare(directory, scratch, on_progress)
            running.staged = _files(scratch)
            for block in running.planned:
                running.block(block)
            on_progress(Progress(running.total, running.total, 0.0, "done"))
        except KeyboardInterrupt:
            interrupted = True
    directory.restore()
    run = aggregate(plan, running.samples, running.blocks, directory.start, interrupted)
    save_run(directory.folder, run)
    return run


def _prepare(directory: RunDirectory, scratch: Path, on_progress: Callable[[Progress], None]) -> None:
    """Measure the machine unless the manifest has its peaks, and stage the data and references."""
    plan, described = directory.plan, dict(directory.start.machine)
    if "peaks" not in described:
        on_progress(Progress(0, 0, plan.predicted_s, "measuring the machine"))
        described["peaks"] = machine.peaks(plan.threads, quick=plan.mode == "quick")
    on_progress(Progress(0, 0, plan.predicted_s, "preparing data and references"))
    directory.staged(described, _stage(plan, scratch))


def _time_sentinels(block: Block) -> None:
    """Time the two sentinels, fixed kernels whose times change only if the machine changes."""
    for kernel, seconds in machine.sentinels(block.threads).items():
        block.sentinels.setdefault(kernel, []).append(seconds)


def _measure_bandwidth(block: Block, plan: Plan) -> None:
    """Measure the read bandwidth for the bytes of X and y of each problem, the limit of the roofline in this block.

    A quick run has no intervals, so it measures in its first block only.
    """
    if plan.mode == "quick" and block.index:
        return
    cases = [case for case in plan.cases if case.too_large is None]
    sizes = {bytes_per_pass(case.n_samples, case.n_features, dtype) for case in cases for dtype in plan.dtypes}
    rates = machine.read_rates(block.threads, sorted(sizes))
    block.reads = {str(size): rate for size, rate in rates.items()}


def _stage(plan: Plan, scratch: Path) -> dict[str, str]:
    """Write every problem with its references to scratch disk. Returns the digests by the key of the case."""
    normwise = any(backend.algorithm is not None for backend in plan.backends)
    scratch.mkdir(exist_ok=True)
    spec = scratch / "stage.json"
    cases = [case for case in plan.cases if case.too_large is None]
    spec.write_bytes(msgspec.json.encode(StageSpec(str(scratch), cases, list(plan.dtypes), normwise)))
    digests: dict[str, str] = {}
    largest = 8 * max(case.size for case in plan.cases if case.too_large is None)

    def on_message(fields: dict[str, Any]) -> dict[str, Any]:
        message = msgspec.convert(fields, StageMessage)
        if isinstance(message, StageFailed):
            raise RunError(message.error)
        digests[message.case] = message.digest
        return {}

    outcome = process.run(
        ["-m", "bench.measure.stage", str(spec)],
        threads=process.available_threads(),
        deadline_s=STAGE_DEADLINE_S,
        folder=scratch,
        on_message=on_message,
        memory_bytes=memory.BASE + STAGE_COPIES * largest,
    )
    if not outcome.ok:
        raise RunError(f"preparing the data {outcome.describe()}")
    return digests


class RunInProgress:
    """A run in progress.

    samples: by cell id, one per block. counts: the frozen calls, warm-up calls and rounds, by CellPlan.calibration_key.
    dropped: ids of cells with a status other than "ok", which later blocks leave out. left_out: ids of cells that do
    not fit the time budget.
    """

    def __init__(self, directory: RunDirectory, scratch: Path, on_progress: Callable[[Progress], None]):
        self.directory, self.plan, self.scratch, self.on_progress = directory, directory.plan, scratch, on_progress
        self.started = time.monotonic()
        self.samples: dict[str, list[CellSample]] = {}
        self.counts: dict[tuple[str, str, str, int], tuple[int, int, int]] = {}
        self.dropped: set[str] = set()
        self.left_out = set(self.plan.left_out)
        self.replanned = False
        self.staged: dict[str, tuple[int, int]] = {}  # size and time of change of the staged files, to detect changes
        self.overhead_s: dict[tuple[str, int], float] = {}  # of a process besides its cells, by worker and threads
        self._calibration_keys = {cell.id: cell.calibration_key for cell in self.plan.cells}
        self.blocks: list[Block] = []
        self.planned = block_plans(self.plan)
        self.total = sum(len(cells) for block in self.planned for _, cells in block.order)
        for sample in directory.samples:
            self._remember(sample)
        self.done = self._done_before = len(directory.samples)
        self._first_block: float | None = None  # its start

    def block(self, block: BlockPlan) -> None:
        """Run all workers of a block, unless a resumed run has finished it already."""
        finished = next(
            (b for b in self.directory.blocks if (b.index, b.threads) == (block.index, block.threads)), None
        )
        if finished is not None:
            self.blocks.append(finished)
            return
        record = Block(
            index=block.index,
            threads=block.threads,
            order=[worker for worker, _ in block.order],
            cells={worker: [cell.id for cell in cells] for worker, cells in block.order},
            hash_seed=block.hash_seed,
            padding_bytes=block.padding_bytes,
            started=utc_now(),
        )
        started = time.monotonic()
        self._first_block = self._first_block or started
        if block.index and self.blocks:
            self.replan(block.index, started - self.started)
        self.blocks.append(record)
        _time_sentinels(record)
        _measure_bandwidth(record, self.plan)
        for worker, cells in block.order:
            number = self.planned.index(block) + 1
            state = Progress(
                self.done, self.total, self._left_s(block), worker, number, len(self.planned), self._cells_so_far
            )
            self.on_progress(state)
            new = [cell for cell in cells if block.index not in self.blocks_of(cell)]
            record.threads_seen[worker] = self.worker(block, worker, new)
            self.done += len(new)
        if block.index == self.plan.blocks - 1:
            _time_sentinels(record)
        record.seconds = time.monotonic() - started
        self.directory.add(record)

    def _cells_so_far(self) -> list[Cell]:
        """The cells of the current number of threads, from the samples so far."""
        threads = self.blocks[-1].threads
        cells = preliminary_cells(self.plan, self.samples)
        return [cell for cell in cells if cell.threads == threads and cell.dtype == self.plan.dtypes[0]]

    def _left_s(self, block: BlockPlan) -> float | None:
        """Estimated seconds left: from the plan in the first block, then from the mean time of a cell."""
        now = time.monotonic()
        if block.index and self._first_block and self.done > self._done_before:
            return (now - self._first_block) / (self.done - self._done_before) * (self.total - self.done)
        return max(0.0, self.plan.predicted_s - (now - self.started)) or None

    def blocks_of(self, cell: CellPlan) -> set[int]:
        """The blocks that have a sample of a cell."""
        return {sample.block for sample in self.samples.get(cell.id, [])}

    def replan(self, block: int, spent_s: float) -> None:
        """After the first block, leave out the cells that do not fit the user's time budget, by their measured costs.

        Cells that crashed or hung do not run again, so they cost nothing in later blocks.
        """
        if not self.plan.has_user_budget or self.replanned:
            return
        self.replanned = True
        first = [sample for samples in self.samples.values() for sample in samples[:1] if sample.status == "ok"]
        costs = {sample.cell: sample.cost_s or 0.0 for sample in first}
        workers = {(cell.worker, cell.threads) for cell in self.plan.cells if cell.id in costs}
        overhead_s = sum(self.overhead_s.get(worker, budget.WORKER_S) for worker in workers)
        overhead_s += budget.PROBES_S * len(self.plan.threads)
        limit_s = self.plan.budget_s - spent_s - budget.REPORT_S
        self.left_out |= budget.cut(self.plan, costs, overhead_s, self.plan.blocks - block, limit_s)

    @property
    def deadline_s(self) -> float:
        """Seconds without a message after which a worker is killed.

        A worker sends a message when a cell starts, after its first call, and when it ends.
        """
        longest = START_ALLOWANCE_S + CELL_SHARE * self.plan.budget_s
        if not self.plan.has_user_budget:
            return longest
        # Each hanging worker takes a share of the remaining budget, so that any number of them fits into it. The
        # deadline is never shorter than the largest cell that the budget allows.
        left_s = self.plan.budget_s - budget.REPORT_S - (time.monotonic() - self.started)
        shortest = MIN_DEADLINE_S + CELL_SHARE * self.plan.budget_s / self.plan.blocks
        return min(longest, max(shortest, HANG_SHARE * left_s))

    def worker(self, block: BlockPlan, name: str, cells: list[CellPlan]) -> dict[str, int]:
        """Run all cells of one backend in a fresh process, and after a crash the remaining ones in another.

        Returns the largest number of threads in these processes, by library.
        """
        remaining = [cell for cell in cells if cell.id not in self.dropped]
        attempt = 0
        while remaining:
            deadline_s = self.deadline_s
            ended, last_cell, outcome = self.process(block, name, remaining, attempt, deadline_s)
            remaining = [cell for cell in remaining if cell.id not in ended]
            attempt += 1
            if not remaining or (last_cell is None and ended):  # it ended between two cells: run the others
                continue
            crash: Status = "out_of_memory" if outcome.out_of_memory else "crashed"
            status: Status = "timeout" if outcome.timed_out else crash
            detail = outcome.describe() + ("" if outcome.returncode else ", without a result")
            if outcome.timed_out:
                detail = f"no answer for {deadline_s:.0f} s, {detail}"
            for cell in list(remaining):
                # A process that ends before its first cell has a fault that concerns all its cells.
                if last_cell is None or cell == last_cell:
                    self.record(cell, block, status=status, detail=detail)
                elif outcome.timed_out and cell.case.size >= last_cell.case.size:
                    self.record(cell, block, status="skipped", detail="not tried: a smaller size ran into its deadline")
            remaining = [cell for cell in remaining if cell.id not in self.dropped]
        seen: Counter[str] = Counter()
        for cell in cells:
            for sample in self.samples.get(cell.id, []):
                if sample.block == block.index:
                    seen |= Counter(sample.threads_seen)  # | takes the larger count of each
        return dict(seen)

    def record(self, cell: CellPlan, block: BlockPlan, **fields: Any) -> None:
        """Record a sample without times, for a cell that was skipped or failed."""
        self.keep(CellSample(cell=cell.id, block=block.index, **fields), cell)

    def keep(self, sample: CellSample, cell: CellPlan) -> None:
        """Append a sample to the journal. Raises ValueError for NaN or infinity, which JSON does not have."""
        if sample.detail is not None:
            sample = msgspec.structs.replace(sample, detail=_without_paths(sample.detail, cell))
        self.directory.add(sample)
        self._remember(sample)

    def _remember(self, sample: CellSample) -> None:
        self.samples.setdefault(sample.cell, []).append(sample)
        if sample.status != "ok":
            self.dropped.add(sample.cell)
        elif sample.calls and sample.warmup_calls:
            warmup_calls = warmup_of(median(sample.rounds_s), sample.warmup_calls)
            counts = sample.calls, warmup_calls, len(sample.rounds_s)
            self.counts.setdefault(self._calibration_keys[sample.cell], counts)

    def process(
        self, block: BlockPlan, name: str, cells: list[CellPlan], attempt: int, deadline_s: float
    ) -> tuple[set[str], CellPlan | None, process.Outcome]:
        """Run one worker process on `cells`.

        Returns the ids of the finished cells, the cell that was running at its end, and its outcome. Long because the
        three message handlers share state.
        """
        ended: set[str] = set()
        current: CellPlan | None = None
        by_id = {cell.id: cell for cell in cells}

        def on_message(fields: dict[str, Any]) -> Decision | None:
            nonlocal current
            try:
                message = msgspec.convert(fields, WorkerMessage)
            except msgspec.ValidationError as error:  # a backend runs in the worker and may change its messages
                if current is None or fields.get("event") != "cell":
                    return None
                self.record(current, block, status="failed", detail=f"its worker gave no valid sample: {error}")
                return end()
            match message:
                case CellStarts(cell) if cell in by_id:
                    return start(by_id[cell])
                case CallMade(cell, seconds) if current is not None and cell == current.id:
                    reason = budget.too_long(self.plan, seconds)
                    return Decision(reason is None, reason)
                case CellEnds(sample) if current is not None and sample.cell == current.id:
                    self.finish(current, block, sample, cold=not ended)
                    return end()
            return None

        def start(cell: CellPlan) -> Decision:
            nonlocal current
            decision = self.decide(cell)
            if decision.run:
                current = cell
            else:
                ended.add(cell.id)
                self.record(cell, block, status="skipped", detail=decision.detail, predicted_s=decision.seconds)
            return decision

        def end() -> Decision:
            nonlocal current
            assert current is not None
            ended.add(current.id)
            current = None
            return Decision(False)

        if _files(self.scratch) != self.staged:  # an earlier worker has changed the staged files
            _stage(self.plan, self.scratch)
            self.staged = _files(self.scratch)
        raw = self.scratch / "pytest-benchmark.json"
        raw.unlink(missing_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.scratch))
        tasks = {cell.id: task_of(cell, self.plan.rounds) for cell in cells}
        described = {name: fact for name, fact in self.directory.start.machine.items() if name not in ("load", "peaks")}
        spec = WorkerSpec(str(self.scratch), block.index, tasks, described)
        (work / "spec.json").write_bytes(msgspec.json.encode(spec))
        here = Path(__file__).parent
        outcome = process.run(
            [
                "-m", "pytest", "-c", str(here / "worker.ini"), "--rootdir", str(here), str(here / "test_speed.py"),
                "-p", "pytest_benchmark.plugin", *UNUSED_PLUGINS, "--capture=no", "--assert=plain", "-q", "--tb=short",
                "--benchmark-only", "--benchmark-disable-gc", "--benchmark-quiet", f"--benchmark-json={raw}",
            ],
            threads=block.threads,
            deadline_s=deadline_s,
            folder=work,
            on_message=on_message,
            memory_bytes=memory.BASE + WORKER_COPIES * 8 * max(cell.case.size for cell in cells),
            environment={
                "GDBENCH_SPEC": str(work / "spec.json"),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONHASHSEED": str(block.hash_seed),
                "GDBENCH_PADDING": "x" * block.padding_bytes,
            },
        )  # fmt: skip
        letters = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:100]
        stem = f"block{block.index:02}-{block.threads}t-{letters}{f'-{attempt}' if attempt else ''}"
        if raw.exists() and raw.stat().st_size:
            self.directory.keep_raw(f"{stem}.json", raw.read_bytes())
        self.directory.restore()  # undo what the worker wrote into the folder after its last sample
        if outcome.ok:
            costs = [sample.cost_s or 0.0 for cell in cells for sample in self.samples.get(cell.id, [])[-1:]]
            self.overhead_s[name, block.threads] = max(0.0, outcome.seconds - sum(costs))
        if not outcome.ok and not ended.issuperset(cell.id for cell in cells):
            report = f"{outcome.describe()}\n\n{outcome.output}\n{outcome.stack}"
            self.directory.keep_raw(f"{stem}.txt", report.encode("utf-8", "replace"))
        shutil.rmtree(work, ignore_errors=True)
        return ended, current, outcome

    def finish(self, cell: CellPlan, block: BlockPlan, sample: CellSample, cold: bool) -> None:
        """Record the sample that a worker sent. cold: the cell is the first one of a fresh process."""
        if changed := self.directory.restore():  # the backend may have changed its results
            detail = f"wrote into the folder of the run: {', '.join(changed)}; the folder was restored"
            self.record(cell, block, status="failed", detail=detail)
            return
        try:
            self.keep(msgspec.structs.replace(sample, block=block.index, cold=cold), cell)
        except ValueError as error:
            self.record(cell, block, status="failed", detail=f"its worker gave no valid sample: {error}")

    def decide(self, cell: CellPlan) -> Decision:
        """Decide whether a worker runs a cell, and with which numbers of calls."""
        counts = self.counts.get(cell.calibration_key)
        if cell.id in self.left_out:
            call_times = [median(sample.rounds_s) for sample in self.samples.get(cell.id, []) if sample.rounds_s]
            call_s = call_times[0] if call_times else budget.predict(cell, self.known_calls(cell)) or budget.guess(cell)
            return Decision(False, budget.left_out(self.plan), call_s)
        if counts is None:
            predicted = budget.predict(cell, self.known_calls(cell))
            if predicted is not None and (reason := budget.too_long(self.plan, predicted)):
                return Decision(False, reason, predicted)
        calls, warmup_calls, rounds = counts or (None, None, None)
        curve = cell.id not in self.samples
        return Decision(True, calls=calls, warmup_calls=warmup_calls, rounds=rounds, curve=curve)

    def known_calls(self, cell: CellPlan) -> list[tuple[Case, float]]:
        """(case, seconds per call) of smaller cells of the same backend, dtype and threads."""
        calls = []
        for other in self.plan.cells:
            alike = (other.backend, other.dtype, other.threads) == (cell.backend, cell.dtype, cell.threads)
            if alike and other.case.size < cell.case.size:
                samples = self.samples.get(other.id, [])
                times = [median(s.rounds_s) for s in samples if s.rounds_s]
                times = times or [s.predicted_s for s in samples if s.predicted_s]
                if times:
                    calls.append((other.case, median(times)))
        return calls


def _files(scratch: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every staged file, by name."""
    status_of = {path.name: path.stat() for path in scratch.glob("*.np[yz]")}
    return {name: (status.st_size, status.st_mtime_ns) for name, status in status_of.items()}


def _without_paths(detail: str, cell: CellPlan) -> str:
    """The detail without the paths of the user's folders."""
    for folder in (Path(cell.backend.source).parent, process.ROOT, Path(sys.prefix), Path.home()):
        if folder.is_absolute() and folder != Path(folder.anchor):
            detail = detail.replace(f"{folder}{os.sep}", "")
    return detail
