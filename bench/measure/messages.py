"""The messages between the driver and its children, as they cross the channel in JSON.

A worker sends a message and waits for the reply: a Decision, or nothing to decide.
"""

from typing import Any

import msgspec

from bench.plan import MIN_ROUND_S, WARMUP_CALLS, WARMUP_S, Case, CellPlan
from bench.records import CellSample


class CellTask(msgspec.Struct, frozen=True):
    """The parameters of one cell for a worker.

    files: stem of its staged arrays. max_iter: iterations per call. rounds: the number of rounds if calls are short.
    libraries: import names of the libraries that the file of the backend imports.
    """

    source: str
    files: str
    dtype: str
    threads: int
    max_iter: int
    rounds: int
    min_round_s: float
    warmup_calls: int
    warmup_s: float
    libraries: tuple[str, ...] = ()


class WorkerSpec(msgspec.Struct, frozen=True):
    """The cells of one worker, by id, in order.

    folder: where the staged arrays are. machine: the description of the machine, for the file of pytest-benchmark.
    """

    folder: str
    block: int
    cells: dict[str, CellTask]
    machine: dict[str, Any] = {}


class CellStarts(msgspec.Struct, frozen=True, tag="start", tag_field="event"):
    """A worker is about to measure a cell."""

    cell: str


class CallMade(msgspec.Struct, frozen=True, tag="call", tag_field="event"):
    """The first worker of a backend has made a call, which took `seconds` without compilation."""

    cell: str
    seconds: float


class CellEnds(msgspec.Struct, frozen=True, tag="cell", tag_field="event"):
    """A cell is finished, whatever its status. traceback: of the error of the backend, if it raised one."""

    sample: CellSample
    traceback: str | None = None


WorkerMessage = CellStarts | CallMade | CellEnds


class Decision(msgspec.Struct, frozen=True):
    """The reply of the driver: run the cell, or skip it for the reason in `detail`.

    predicted_s: the predicted time of a call. calls, warmup_calls, rounds: the frozen counts, None if this worker
    determines them. curve: record the errors of the losses.
    """

    run: bool
    detail: str | None = None
    predicted_s: float | None = None
    calls: int | None = None
    warmup_calls: int | None = None
    rounds: int | None = None
    curve: bool = False


class StageSpec(msgspec.Struct, frozen=True):
    """The problems to stage. normwise: also references for backends with another algorithm."""

    folder: str
    cases: list[Case]
    dtypes: list[str]
    normwise: bool


class Staged(msgspec.Struct, frozen=True):
    """A case is staged, or cannot be, for the reason in `error`. digest: the digest of its data."""

    case: str
    digest: str = ""
    error: str | None = None


def task_of(cell: CellPlan, rounds: int) -> CellTask:
    """The task of a planned cell."""
    return CellTask(
        source=cell.backend.source,
        files=cell.case.file_stem(cell.dtype),
        dtype=cell.dtype,
        threads=cell.threads,
        max_iter=cell.case.max_iter,
        rounds=rounds,
        min_round_s=MIN_ROUND_S,
        warmup_calls=WARMUP_CALLS,
        warmup_s=WARMUP_S,
        libraries=cell.backend.requires,
    )
