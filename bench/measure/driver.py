"""Carry out a plan: processes in the order of the blocks, every finished cell on disk before the next starts."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench import machine, process
from bench.measure.assemble import assemble
from bench.measure.plan import BlockPlan, Case, CellPlan, Plan, block_plans, predict, too_long, worker_cell
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


@dataclass
class _State:
    """What is known so far of the running run."""

    samples: dict[str, list[CellSample]] = field(default_factory=dict)  # cell id -> one a block
    counts: dict[tuple, dict[str, int]] = field(default_factory=dict)  # frozen calls and warm-up calls
    dropped: set[str] = field(default_factory=set)  # not tried again: skipped, wrong, failed ...
    done: int = 0

    def add(self, sample: CellSample) -> None:
        self.samples.setdefault(sample.cell, []).append(sample)
        if sample.status != "ok":
            self.dropped.add(sample.cell)


def execute(
    plan: Plan, folder: Path, command: str, on_progress: Callable[[Progress], None] = lambda progress: None
) -> Run:
    """Run the whole plan and save folder/run.json; `folder` exists.

    Ctrl-C ends it early: what is finished is kept, the other cells are "interrupted", and the run is
    saved and returned all the same. Raises RunError where the data cannot be staged.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    state, blocks = _State(), []
    (folder / "raw").mkdir()
    journal = Journal(folder / "journal.jsonl")
    described = machine.describe()
    interrupted = False
    digests: dict[str, str] = {}
    scratch = Path(tempfile.mkdtemp(prefix="gdbench-"))
    try:
        on_progress(Progress(0, 0, None, "preparing data and references"))
        digests = _stage(plan, scratch)
        planned = block_plans(plan)
        begun = time.monotonic()
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
            for worker, cells in block.order:
                # All blocks hold the same cells, so this is exact at their ends and fair in between.
                elapsed = time.monotonic() - begun
                left = elapsed / state.done * (total - state.done) if state.done else None
                on_progress(Progress(state.done, total, left, f"block {block.index + 1} of {plan.blocks}: {worker}"))
                _run_worker(plan, block, worker, cells, state, journal, scratch, folder)
                state.done += len(cells)
            record.seconds = time.monotonic() - started
        on_progress(Progress(total, total, 0.0, "done"))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        journal.close()
        shutil.rmtree(scratch, ignore_errors=True)
    run = assemble(plan, state.samples, blocks, digests, described, created, command, interrupted)
    save_run(folder, run)
    return run


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


def _run_worker(
    plan: Plan, block: BlockPlan, worker: str, cells, state: _State, journal, scratch: Path, folder: Path
) -> None:
    """All cells of one backend in one fresh process; after a crash, the cells left in another one."""
    left = [cell for cell in cells if cell.id not in state.dropped]
    attempt = 0
    while left:
        ended, current, outcome = _one_process(plan, block, worker, left, state, journal, scratch, folder, attempt)
        left = [cell for cell in left if cell.id not in ended]
        attempt += 1
        if left and (current is not None or not ended):
            # It died in a cell, or before its first one: then the fault is the file's, in all its cells.
            blamed = [cell for cell in left if current in (None, cell.id)]
            status: Status = "timeout" if outcome.timed_out else "crashed"
            detail = outcome.describe() if outcome.returncode else "the process ended without a result"
            for cell in blamed:
                sample = CellSample(cell=cell.id, block=block.index, status=status, detail=detail)
                journal.append(sample)
                state.add(sample)
            left = [cell for cell in left if cell not in blamed]


def _one_process(plan, block, worker, cells: list[CellPlan], state: _State, journal, scratch, folder, attempt):
    """Start a worker on `cells`. Returns the ids that ended, the id it was in when it died, and how it ended."""
    by_id = {cell.id: cell for cell in cells}
    ended: set[str] = set()
    current: list[str | None] = [None]

    def on_message(message: dict[str, Any]) -> dict[str, Any] | None:
        if message.get("event") == "start" and message.get("cell") in by_id:
            cell = by_id[message["cell"]]
            orders = _orders(plan, cell, state)
            if orders["run"]:
                current[0] = cell.id
            else:
                ended.add(cell.id)
                skipped = CellSample(
                    cell=cell.id,
                    block=block.index,
                    status="skipped",
                    detail=orders["detail"],
                    predicted_s=orders["predicted_s"],
                )
                journal.append(skipped)
                state.add(skipped)
            return orders
        if message.get("event") == "cell" and current[0] is not None:
            try:
                sample = msgspec.convert(message["sample"] | {"block": block.index}, CellSample)
            except (KeyError, TypeError, msgspec.ValidationError):
                return None
            if sample.cell != current[0]:
                return None
            sample.cold = not ended  # a fresh process, and nothing ran in it before
            journal.append(sample)
            state.add(sample)
            if sample.status == "ok" and sample.calls and sample.warmup_calls:
                state.counts.setdefault(
                    by_id[sample.cell].twin, {"calls": sample.calls, "warmup_calls": sample.warmup_calls}
                )
            ended.add(sample.cell)
            current[0] = None
            return {}
        return None

    raw = scratch / "pytest-benchmark.json"
    raw.unlink(missing_ok=True)
    work = Path(tempfile.mkdtemp(dir=scratch))
    spec = work / "spec.json"
    spec.write_text(json.dumps({"folder": str(scratch), "cells": [worker_cell(cell, plan.rounds) for cell in cells]}))
    here = Path(__file__).parent
    outcome = process.run(
        [
            "-m", "pytest", "-c", str(here / "worker.ini"), "--rootdir", str(here), str(here / "test_speed.py"),
            "-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "--assert=plain", "-q", "--tb=short",
            "--benchmark-only", "--benchmark-disable-gc", "--benchmark-quiet", f"--benchmark-json={raw}",
        ],
        threads=block.threads,
        deadline_s=START_ALLOWANCE_S + plan.budget_s / 4,
        folder=work,
        on_message=on_message,
        environment={
            "GDBENCH_SPEC": str(spec),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONHASHSEED": str(block.hash_seed),
            "GDBENCH_PADDING": "x" * block.padding_bytes,
        },
    )  # fmt: skip
    if raw.exists() and raw.stat().st_size:
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in worker)[:100]
        suffix = f"-{attempt}" if attempt else ""
        shutil.move(raw, folder / "raw" / f"block{block.index:02}-{block.threads}t-{name}{suffix}.json")
    shutil.rmtree(work, ignore_errors=True)
    return ended, current[0], outcome


def _orders(plan: Plan, cell: CellPlan, state: _State) -> dict[str, Any]:
    """What the worker shall do with a cell: run it, with which counts, or leave it and why."""
    counts = state.counts.get(cell.twin)
    if counts is None:
        known = _known_calls(plan, cell, state)
        predicted = predict(cell, known)
        if predicted is not None and (reason := too_long(plan, predicted)):
            return {"run": False, "detail": reason, "predicted_s": predicted}
    return {"run": True, **(counts or {"calls": None, "warmup_calls": None})}


def _known_calls(plan: Plan, cell: CellPlan, state: _State) -> list[tuple[Case, float]]:
    """(case, seconds a call) of smaller cells of the same backend, dtype and threads."""
    known = []
    size = cell.case.n_samples * cell.case.n_features
    for other in plan.cells:
        alike = (other.backend, other.dtype, other.threads) == (cell.backend, cell.dtype, cell.threads)
        if alike and other.case.n_samples * other.case.n_features < size:
            times = [median(s.rounds_s) for s in state.samples.get(other.id, []) if s.rounds_s]
            if times:
                known.append((other.case, median(times)))
    return known
