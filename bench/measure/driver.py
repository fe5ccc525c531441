"""Carry out a plan: processes in the order of the blocks, every finished cell on disk before the next starts."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench import machine, process
from bench.measure import budget
from bench.measure.assemble import assemble
from bench.measure.plan import CELL_SHARE, BlockPlan, Case, CellPlan, Plan, block_plans, worker_cell
from bench.records import Block, CellSample, Journal, Run, Status, save_run

STAGE_DEADLINE_S = 300.0
START_ALLOWANCE_S = 30.0  # for the start of a worker and the import of its library


class RunError(Exception):
    """A run cannot start; the message says why."""


@dataclass(frozen=True)
class Progress:
    """done, total: cells, over all blocks. left_s: seconds left as far as known, else None."""

    done: int
    total: int
    left_s: float | None
    what: str


def execute(
    plan: Plan, folder: Path, command: str, on_progress: Callable[[Progress], None] = lambda progress: None
) -> Run:
    """Run the whole plan and save folder/run.json; `folder` exists.

    Ctrl-C ends it early: what is finished is kept, the other cells are "interrupted", and the run is
    saved and returned all the same. Raises RunError where the data cannot be staged.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    blocks: list[Block] = []
    (folder / "raw").mkdir()
    scratch = Path(tempfile.mkdtemp(prefix="gdbench-"))
    running = _Running(plan, folder, scratch, Journal(folder / "journal.jsonl"))
    described = machine.describe()
    interrupted = False
    digests: dict[str, str] = {}
    begun = time.monotonic()
    try:
        on_progress(Progress(0, 0, plan.predicted_s, "measuring the machine"))
        described["peaks"] = machine.peaks(quick=plan.mode == "quick")
        on_progress(Progress(0, 0, plan.predicted_s, "preparing data and references"))
        digests = _stage(plan, scratch)
        planned = block_plans(plan)
        started_blocks, done = time.monotonic(), 0
        total = sum(len(cells) for block in planned for _, cells in block.order)
        for block in planned:
            record = Block(
                index=block.index,
                threads=block.threads,
                order=[worker for worker, _ in block.order],
                cells={worker: [cell.id for cell in cells] for worker, cells in block.order},
                hash_seed=block.hash_seed,
                padding_bytes=block.padding_bytes,
                started=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            blocks.append(record)
            started = time.monotonic()
            if block.index == 1 and block.threads == plan.threads[0]:
                running.replan(blocks, time.monotonic() - begun)
            _look(record)
            for worker, cells in block.order:
                # All blocks hold the same cells, so this is exact at their ends; the first one has only the prediction.
                now = time.monotonic()
                left = (now - started_blocks) / done * (total - done) if block.index else None
                if left is None:
                    left = max(0.0, plan.predicted_s - (now - begun)) or None
                on_progress(Progress(done, total, left, f"block {block.index + 1} of {plan.blocks}: {worker}"))
                record.threads_seen[worker] = running.worker(block, worker, cells)
                done += len(cells)
            if block.index == plan.blocks - 1:
                _look(record)
            record.seconds = time.monotonic() - started
        on_progress(Progress(total, total, 0.0, "done"))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        running.journal.close()
        shutil.rmtree(scratch, ignore_errors=True)
    run = assemble(plan, running.samples, blocks, digests, described, created, command, interrupted)
    save_run(folder, run)
    return run


def _look(block: Block) -> None:
    """Time the two sentinels: kernels that never change, so that where they do, the machine has."""
    for kernel, seconds in machine.sentinels(block.threads).items():
        block.sentinels.setdefault(kernel, []).append(seconds)


def _stage(plan: Plan, scratch: Path) -> dict[str, str]:
    """Every problem with its references on scratch disk, and the digest of each by the case's key."""
    normwise = any(backend.algorithm is not None for backend in plan.backends)
    spec = scratch / "stage.json"
    cases = [asdict(case) for case in plan.cases]
    spec.write_text(json.dumps({"folder": str(scratch), "cases": cases, "dtypes": plan.dtypes, "normwise": normwise}))
    digests: dict[str, str] = {}

    def on_message(message: dict[str, Any]) -> dict[str, Any]:
        if "error" in message:
            raise RunError(message["error"])
        digests[message["case"]] = message["digest"]
        return {}

    outcome = process.run(
        ["-m", "bench.measure.stage", str(spec)],
        threads=process.available_threads(),
        deadline_s=STAGE_DEADLINE_S,
        folder=scratch,
        on_message=on_message,
    )
    if not outcome.ok:
        raise RunError(f"preparing the data {outcome.describe()}")
    return digests


@dataclass
class _Running:
    """A run in progress, and what is known so far.

    samples: by cell id, one a block. counts: the frozen calls and warm-up calls, by CellPlan.twin. dropped:
    cells that are not tried again, because a block found them skipped, wrong, failed ... left_out: cells that
    would not fit the time budget.
    """

    plan: Plan
    folder: Path
    scratch: Path
    journal: Journal
    samples: dict[str, list[CellSample]] = field(default_factory=dict)
    counts: dict[tuple, dict[str, int]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.left_out |= self.plan.left_out

    def replan(self, blocks: list[Block], spent_s: float) -> None:
        """After the first blocks: leave out what does not fit the user's budget, now that the costs are known."""
        if not self.plan.budget_given:
            return
        first = [sample for samples in self.samples.values() for sample in samples if sample.status == "ok"]
        costs = {sample.cell: sample.cost_s or 0.0 for sample in first}
        overhead_s = max(0.0, sum(block.seconds or 0.0 for block in blocks) - sum(costs.values()))
        limit_s = self.plan.budget_s - spent_s - budget.REPORT_S
        self.left_out |= budget.cut(self.plan, costs, overhead_s, self.plan.blocks - 1, limit_s)

    @property
    def deadline_s(self) -> float:
        """Without an answer: a worker answers when a cell begins, after its first call, and when it ends."""
        return START_ALLOWANCE_S + CELL_SHARE * self.plan.budget_s

    def worker(self, block: BlockPlan, name: str, cells: tuple[CellPlan, ...]) -> dict[str, int]:
        """All cells of one backend in one fresh process; after a crash, the cells left in another one.

        Returns the most threads that its processes found themselves with, by library.
        """
        left = [cell for cell in cells if cell.id not in self.dropped]
        attempt = 0
        while left:
            ended, died_in, outcome = self.process(block, name, left, attempt)
            left = [cell for cell in left if cell.id not in ended]
            attempt += 1
            if not left or (died_in is None and ended):
                continue
            status: Status = "timeout" if outcome.timed_out else "crashed"
            detail = outcome.describe() if outcome.returncode else "the process ended without a result"
            if outcome.timed_out:
                detail = f"no answer for {self.deadline_s:.0f} s, {detail}"
            for cell in list(left):
                # It died in this cell, or before its first one: then the fault is the file's, in all its cells.
                if died_in is None or cell == died_in:
                    self.record(cell, block, status=status, detail=detail)
                elif outcome.timed_out and cell.case.size >= died_in.case.size:
                    self.record(cell, block, status="skipped", detail="not tried: a smaller size ran into its deadline")
            left = [cell for cell in left if cell.id not in self.dropped]
        seen: Counter[str] = Counter()
        for cell in cells:
            for sample in self.samples.get(cell.id, []):
                if sample.block == block.index:
                    seen |= Counter(sample.threads_seen)  # the larger of each
        return dict(seen)

    def record(self, cell: CellPlan, block: BlockPlan, **found: Any) -> None:
        """On disk first, then in memory. Raises ValueError where it is no sample."""
        if isinstance(found.get("detail"), str):
            found["detail"] = _without_paths(found["detail"], cell)
        sample = msgspec.convert(found | {"cell": cell.id, "block": block.index}, CellSample)
        self.journal.append(sample)
        self.samples.setdefault(cell.id, []).append(sample)
        if sample.status != "ok":
            self.dropped.add(cell.id)
        elif sample.calls and sample.warmup_calls:
            self.counts.setdefault(cell.twin, {"calls": sample.calls, "warmup_calls": sample.warmup_calls})

    def process(self, block: BlockPlan, name: str, cells: list[CellPlan], attempt: int):
        """One process on `cells`. Returns the ids that ended, the cell it was in when it died, and how it ended."""
        ended: set[str] = set()
        current: CellPlan | None = None

        def on_message(message: dict[str, Any]) -> dict[str, Any] | None:
            nonlocal current
            event, cell = message.get("event"), next((c for c in cells if c.id == message.get("cell")), None)
            if event == "start" and cell is not None:
                orders = self.orders(cell)
                if orders["run"]:
                    current = cell
                else:
                    ended.add(cell.id)
                    self.record(cell, block, status="skipped", detail=orders["detail"], predicted_s=orders["seconds"])
                return orders
            if event == "call" and cell is not None and cell is current:
                reason = budget.too_long(self.plan, message["seconds"])
                return {"run": reason is None, "detail": reason}
            sample = message.get("sample")
            if event != "cell" or current is None or not isinstance(sample, dict):
                return None
            if sample.pop("cell", None) == current.id:
                try:  # cold: a fresh process, and nothing ran in it before
                    self.record(current, block, **sample | {"cold": not ended})
                except (TypeError, ValueError, msgspec.ValidationError) as error:  # a backend can reach into its worker
                    self.record(current, block, status="failed", detail=f"its worker gave no valid sample: {error}")
                ended.add(current.id)
                current = None
                return {}
            return None

        raw = self.scratch / "pytest-benchmark.json"
        raw.unlink(missing_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.scratch))
        spec = {"folder": str(self.scratch), "cells": {cell.id: worker_cell(cell, self.plan.rounds) for cell in cells}}
        (work / "spec.json").write_text(json.dumps(spec))
        here = Path(__file__).parent
        outcome = process.run(
            [
                "-m", "pytest", "-c", str(here / "worker.ini"), "--rootdir", str(here), str(here / "test_speed.py"),
                "-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "--assert=plain", "-q", "--tb=short",
                "--benchmark-only", "--benchmark-disable-gc", "--benchmark-quiet", f"--benchmark-json={raw}",
            ],
            threads=block.threads,
            deadline_s=self.deadline_s,
            folder=work,
            on_message=on_message,
            environment={
                "GDBENCH_SPEC": str(work / "spec.json"),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONHASHSEED": str(block.hash_seed),
                "GDBENCH_PADDING": "x" * block.padding_bytes,
            },
        )  # fmt: skip
        if raw.exists() and raw.stat().st_size:
            stem = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:100]
            suffix = f"-{attempt}" if attempt else ""
            shutil.move(raw, self.folder / "raw" / f"block{block.index:02}-{block.threads}t-{stem}{suffix}.json")
        shutil.rmtree(work, ignore_errors=True)
        return ended, current, outcome

    def orders(self, cell: CellPlan) -> dict[str, Any]:
        """What the worker shall do with a cell: run it, with which counts, or leave it and why."""
        counts = self.counts.get(cell.twin)
        if cell.id in self.left_out:
            own = [median(sample.rounds_s) for sample in self.samples.get(cell.id, []) if sample.rounds_s]
            call_s = own[0] if own else budget.predict(cell, self.known_calls(cell)) or budget.guess(cell)
            return {"run": False, "detail": budget.left_out(self.plan), "seconds": call_s}
        if counts is None:
            predicted = budget.predict(cell, self.known_calls(cell))
            if predicted is not None and (reason := budget.too_long(self.plan, predicted)):
                return {"run": False, "detail": reason, "seconds": predicted}
        first = cell.id not in self.samples
        return {"run": True, "curve": first, **(counts or {"calls": None, "warmup_calls": None})}

    def known_calls(self, cell: CellPlan) -> list[tuple[Case, float]]:
        """(case, seconds a call) of smaller cells of the same backend, dtype and threads."""
        known = []
        for other in self.plan.cells:
            alike = (other.backend, other.dtype, other.threads) == (cell.backend, cell.dtype, cell.threads)
            if alike and other.case.size < cell.case.size:
                found = self.samples.get(other.id, [])
                times = [median(s.rounds_s) for s in found if s.rounds_s]
                times = times or [s.predicted_s for s in found if s.predicted_s]
                if times:
                    known.append((other.case, median(times)))
        return known


def _without_paths(detail: str, cell: CellPlan) -> str:
    """What a backend said, without the folders of the user's machine."""
    for folder in (Path(cell.backend.source).parent, process.ROOT, Path(sys.prefix), Path.home()):
        if folder.is_absolute() and folder != Path(folder.anchor):
            detail = detail.replace(f"{folder}{os.sep}", "")
    return detail
