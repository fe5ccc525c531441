"""The files of a run: their schema with its versions, saving and loading.

During a run, its folder holds plan.json (a RunManifest), journal.jsonl (a CellSample per line, written when a cell
ends), blocks.jsonl (a Block per line) and raw/ (the JSON of pytest-benchmark). At its end run.json (a Run), the report
and the figures are added. Statistics and figures derive from the samples. Nothing that is read is evaluated as code.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec

from bench.runtime.files import read, save
from bench.text import command

MAX_CELLS, MAX_GROUPS = 5_000, 64  # the report of a larger run would take an hour
MAX_EMBEDDED = 1_500_000  # bytes of a run inside a page, three quarters of the largest page
PAGES = (".html", ".htm")  # the suffixes of pages that contain a run
SCHEMA = 3  # a new or renamed field needs the next number, a migration and a golden file

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
PositiveInt = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
NonNegativeFloat = Annotated[float, msgspec.Meta(ge=0)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]  # for divisors and for values on a logarithmic axis

Limit = Literal["bandwidth", "arithmetic"]
Bottleneck = Literal["call overhead", "bandwidth", "arithmetic"]
Status = Literal[
    "ok", "wrong", "failed", "crashed", "timeout", "out_of_memory", "unavailable", "skipped", "interrupted"
]
# Worst first: the status of a cell is the worst over its blocks.
SEVERITY: tuple[Status, ...] = (
    "wrong", "crashed", "out_of_memory", "timeout", "failed", "unavailable", "interrupted", "skipped", "ok",
)  # fmt: skip

# A flag is "kind" or "kind: value". The meaning of each kind, with advice.
FLAGS = {
    "noisy": "the middle half of the processes differs by over 10 % of the median; close other programs, or use --full",
    "no steady state": "most processes became slower or faster over the rounds; check for overheating or low memory",
    "A/A control": "the baseline differs from itself, so small differences at this size mean nothing; run it again",
    "outliers": "some processes lie far outside the others; they are kept, and hardly affect the median",
    "more processors than declared": "its library ignores the thread setting; compare it with care",
    "waited for its processor": "other processes used its processor; close other programs and run again",
    "throttled by its CPU quota": "the system stopped its threads; raise the quota, or use fewer threads",
    "waited or idle": "its threads did not use all of their processors: parts of it use fewer, or other programs ran",
    "bound not informative": "rounding could hide a missing step here, so the first rows of the data were checked, too",
}


class UnreadableRun(Exception):
    """A run folder or file cannot be read; the message says why."""


class ProblemId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What identifies a problem.

    name: "synthetic", "penguins", or the stem of a file. digest: the digest of X and y in float64. seed: None for real
    data.
    """

    name: str
    digest: str
    seed: int | None


class Speedup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many times faster than `baseline`. The ends of the interval are null with too few processes."""

    baseline: str
    median: PositiveFloat
    ci_low: PositiveFloat | None
    ci_high: PositiveFloat | None


class Error(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The error of a timed result.

    value: ||beta - beta_ref||_2. bound: its upper limit in correct arithmetic.
    """

    value: NonNegativeFloat
    bound: NonNegativeFloat

    @property
    def share(self) -> float:
        """The error as a share of its bound, see `error_share`."""
        return error_share(self.value, self.bound)


class ColdCosts(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"break_even_calls": "pays_back_after_calls"}
):
    """Costs before the steady state, in seconds: medians over processes.

    compile_s: the part of first_call_s that the libraries report as compilation, 0 if nothing was compiled.
    compile_s and first_call_s are null if no process ran this cell first, because only the first cell is cold.
    break_even_calls: the number of calls after which import, prepare and first call are repaid against
    numpy_vectorized; "never" if its calls are not faster; null if unknown.
    """

    import_s: NonNegativeFloat | None = None
    prepare_s: NonNegativeFloat | None = None
    compile_s: NonNegativeFloat | None = None
    first_call_s: NonNegativeFloat | None = None
    break_even_calls: Count | Literal["never"] | None = None


class Cell(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"cold_costs": "ledger"}):
    """The results of a cell: a backend on a problem, with a dtype and a number of threads.

    Times are seconds per call of `fit` with n_iter iterations; per_iteration_s is median_s / n_iter. error_curve:
    [k, |losses[k] - J(beta_k)|, its bound] for some k from 0 to n_iter. rerun: the command that measures this cell.
    """

    backend: str
    algorithm: str | None = None
    control: bool = False
    problem: ProblemId
    n_samples: PositiveInt
    n_features: PositiveInt
    dtype: str
    threads: PositiveInt
    n_iter: Count
    rounds: PositiveInt
    calls: PositiveInt | None = None
    flags: list[str] = []
    predicted_s: NonNegativeFloat | None = None
    error_curve: list[list[float]] | None = None
    status: Status
    detail: str | None = None
    rerun: str
    samples_s: list[PositiveFloat | None] = []
    median_s: PositiveFloat | None = None
    ci_low_s: PositiveFloat | None = None
    ci_high_s: PositiveFloat | None = None
    per_iteration_s: PositiveFloat | None = None
    read_gb_per_s: PositiveFloat | None = None
    speedup: list[Speedup] = []
    error: Error | None = None
    cold_costs: ColdCosts = msgspec.field(default_factory=ColdCosts)
    peak_bytes: Count | None = None
    cpu_over_wall: NonNegativeFloat | None = None

    @property
    def size(self) -> int:
        """The number of values in X."""
        return self.n_samples * self.n_features


class CellSample(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of the journal: what one process measured for one cell.

    rounds_s: seconds per call, one per round. cold: the cell was the first one of its process, so its compilation and
    first call are cold. error_curve: only the first process records it, because the others compute the same iterates.
    threads_seen: processors, and threads of each library. versions: of the libraries that the process has loaded, by
    import name. blas: the BLAS libraries that it has loaded, as in Run.machine. cost_s: wall time of the cell in its
    worker.
    """

    cell: str
    block: int
    status: Status
    detail: str | None = None
    rounds_s: list[float] = []
    calls: int | None = None
    predicted_s: float | None = None
    error: Error | None = None
    flags: list[str] = []
    cold: bool = False
    import_s: float | None = None
    prepare_s: float | None = None
    compile_s: float | None = None
    first_call_s: float | None = None
    warmup_calls: int | None = None
    peak_bytes: int | None = None
    cpu_over_wall: float | None = None
    error_curve: list[list[float]] | None = None
    threads_seen: dict[str, Count] = {}
    versions: dict[str, str] = {}
    blas: list[dict[str, str | None]] = []
    cost_s: float | None = None


class Block(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One pass over all backends.

    order: labels ("numpy_vectorized", "numpy_vectorized (control)", ...), one for each worker. cells: the ids of the
    cells of each label, in order. padding_bytes: the size of an environment variable, which varies the layout of the
    memory, because the layout affects times. sentinels: seconds of two fixed kernels, "arithmetic" and "memory", at the
    start of the block, and again after the last block of its number of threads. reads: the read bandwidth in GB/s, by
    the bytes of the working set, which are those of X and y of each problem. threads_seen: by label, such as
    {"processors": 1, "openblas": 1}. throttled_s: seconds for which a CPU quota stopped this process and its children,
    summed over processors; absent if none did.
    """

    index: int
    threads: int
    order: list[str]
    cells: dict[str, list[str]]
    hash_seed: int
    padding_bytes: int
    started: str
    seconds: float | None = None
    sentinels: dict[str, list[PositiveFloat]] = {}
    reads: dict[str, PositiveFloat] = {}
    threads_seen: dict[str, dict[str, Count]] = {}
    throttled_s: NonNegativeFloat | msgspec.UnsetType = msgspec.UNSET


class Attainment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"bottleneck": "held_back_by"}):
    """How close a backend comes to the limit of the machine on a problem.

    A pass computes residual, loss and gradient for one beta. share: the shortest possible time of a pass over its
    time, paired in blocks. overhead_s: the overhead of a pass by the cost model; null if the model does not predict
    this size. limit_s: the shortest possible time of a pass.
    """

    backend: str
    pass_s: PositiveFloat
    gb_per_s: PositiveFloat
    gflop_per_s: PositiveFloat
    share: PositiveFloat | None
    share_ci_low: PositiveFloat | None
    share_ci_high: PositiveFloat | None
    overhead_s: NonNegativeFloat | None
    limit_s: PositiveFloat | None
    bottleneck: Bottleneck | None


class ProblemRoofline(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The limits of the machine on one problem.

    bytes, operations: of one pass. ridge: operations per byte at which the limits of bandwidth and arithmetic are
    equal; with fewer operations per byte, bandwidth is the limit.
    """

    threads: PositiveInt
    dtype: str
    problem: str
    n_samples: PositiveInt
    n_features: PositiveInt
    bytes: PositiveInt
    operations: PositiveInt
    read_gb_per_s: PositiveFloat
    read_ci_low: PositiveFloat | None
    read_ci_high: PositiveFloat | None
    peak_gflop_per_s: PositiveFloat | None
    ridge: PositiveFloat | None
    limit_s: PositiveFloat
    limited_by: Limit
    backends: list[Attainment]


class Run(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A run, as run.json holds it. resumed: the times at which it was resumed."""

    schema: int = SCHEMA
    created: str
    command: str
    plan: dict[str, Any]
    machine: dict[str, Any]
    blocks: list[Block]
    roofline: list[ProblemRoofline] = []
    stable: bool
    reasons: list[str]
    cells: list[Cell]
    resumed: list[str] = []


class RunManifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is needed to resume a run, as plan.json holds it.

    plan: every field of the plan, unlike Run.plan, which is a description. sources: digests of the files of the
    backends, by name. machine: its peaks are added when they are measured. digests: the digests of the problems, by
    case, added when they are staged.
    """

    schema: int = SCHEMA
    created: str
    command: str
    plan: dict[str, Any]
    machine: dict[str, Any]
    sources: dict[str, str]
    digests: dict[str, str] = {}
    resumed: list[str] = []


Record = TypeVar("Record", Run, RunManifest, CellSample, Block)


def _from_1(run: dict[str, Any]) -> dict[str, Any]:
    return run | {"resumed": []}  # runs could not be resumed


def _from_2(run: dict[str, Any]) -> dict[str, Any]:
    return run | {"roofline": []}  # the bandwidth was not measured between the cells


# By the schema that they convert from.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2}


def error_share(error: float, bound: float) -> float:
    """error / bound: infinite against a bound of 0, and never rounded to 0 for a nonzero error."""
    if error == 0:
        return 0.0
    return max(error / bound, math.ulp(0.0)) if bound > 0 else math.inf


def sentinel_seconds(blocks: list[Block], threads: int) -> dict[str, list[float]]:
    """The seconds of the sentinels in the blocks of one number of threads, by kernel, in the order of time."""
    seconds_of: dict[str, list[float]] = {}
    for block in blocks:
        if block.threads == threads:
            for kernel, seconds in block.sentinels.items():
                seconds_of.setdefault(kernel, []).extend(seconds)
    return seconds_of


def save_run(folder: Path, run: Run) -> None:
    """Write folder/run.json. Raises ValueError for NaN or infinity, which JSON does not have."""
    save(folder / "run.json", encode(run, indent=1))


def run_for_page(run: Run) -> str | None:
    """The run as JSON for a page, without characters that HTML interprets.

    A run that is longer than half of the limit loses its error curves, so that figures fit into the page. None if it is
    still longer than the limit.
    """
    without_curves = [msgspec.structs.replace(cell, error_curve=None) for cell in run.cells]
    shorter = msgspec.structs.replace(run, cells=without_curves)
    for candidate, limit in ((run, MAX_EMBEDDED // 2), (shorter, MAX_EMBEDDED)):
        text = json.dumps(msgspec.to_builtins(candidate), allow_nan=False, separators=(",", ":"))  # in ASCII
        for letter in "<>&\x7f":  # in JSON, they occur only inside strings
            text = text.replace(letter, f"\\u{ord(letter):04x}")
        if len(text) <= limit:
            return text
    return None


def _of_page(page: str, path: Path) -> str:
    """The JSON of the run in the page of a report. It has no "<", see run_for_page."""
    texts: list[str] = re.findall(r'<script\b[^>]*\bid=["\']?run(?=["\'\s>])[^>]*>([^<]*)', page, re.IGNORECASE)
    if len(texts) != 1:
        raise UnreadableRun(f"{path}: found {len(texts)} runs in the page; allowed: one, as `gdbench report` writes it")
    return texts[0]


def load_run(where: Path) -> Run:
    """Load a run from its folder, its run.json, or the page of its report. Raises UnreadableRun."""
    path = where
    try:
        path = where / "run.json" if where.is_dir() else where
        text = read(path)
        if path.suffix.lower() in PAGES:
            text = _of_page(text, path)
    except FileNotFoundError:
        allowed = "the folder of a run, its run.json, or the name of a saved run"
        resume = command("run", "--resume", path=where)
        hint = f" (it was stopped: {resume} completes it)" if (where / "plan.json").exists() else ""
        raise UnreadableRun(f"{where}: found no run.json{hint}; allowed: {allowed}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableRun(f"{path}: cannot be read as a run: {reason}") from None
    run = decode(text, Run, path)
    if reason := too_many([(cell.dtype, cell.threads, cell.n_features) for cell in run.cells]):
        raise UnreadableRun(f"{path}: {reason}")
    return run


def too_many(groups: Sequence[tuple[str, int, int]]) -> str | None:
    """Why no report can be made of this many cells, or None. groups: dtype, threads and n_features of each cell."""
    count = len(set(groups))
    if len(groups) <= MAX_CELLS and count <= MAX_GROUPS:
        return None
    found = f"found {len(groups)} cells with {count} combinations of dtype, threads and n_features"
    return f"{found}; allowed: up to {MAX_CELLS} and {MAX_GROUPS}"


def decode(text: str | bytes, kind: type[Record], path: Path) -> Record:
    """A record from JSON. Older schemas are migrated. Raises UnreadableRun with the path."""
    what = "run" if kind is Run else "record of a run"
    try:
        data = _strict_json(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableRun(f"{path}: cannot be read as a {what}: {error}") from None
    if kind in (Run, RunManifest):
        if not isinstance(data, dict) or type(data.get("schema")) is not int:
            raise UnreadableRun(f"{path}: is not a {what}: it has no schema number")
        if not min(MIGRATIONS) <= data["schema"] <= SCHEMA or (kind is RunManifest and data["schema"] != SCHEMA):
            oldest = SCHEMA if kind is RunManifest else min(MIGRATIONS)
            allowed = f"{oldest} to {SCHEMA}" if oldest < SCHEMA else f"{SCHEMA}"
            hint = " (a newer gdbench may read it)" if data["schema"] > SCHEMA else ""
            raise UnreadableRun(f"{path}: found schema {data['schema']}; allowed: {allowed}{hint}")
        for version in range(data["schema"], SCHEMA):
            data = MIGRATIONS[version](data) | {"schema": version + 1}
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UnreadableRun(f"{path}: is not a valid {what}: {error}") from None


def encode(record: msgspec.Struct, indent: int | None = None) -> bytes:
    """A record as JSON with a newline, in one line without `indent`. Raises ValueError for NaN and infinity."""
    text = json.dumps(msgspec.to_builtins(record), allow_nan=False, ensure_ascii=False, indent=indent)
    # File names may contain bytes that are not UTF-8. They become JSON escapes.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _strict_json(text: str | bytes) -> Any:
    """Parse JSON without the extensions of Python's parser: NaN tokens and duplicate keys."""

    def refuse(token: str) -> NoReturn:
        raise ValueError(f"found {token[:40]}, which is not a JSON number")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        unique_pairs = dict(pairs)
        if len(unique_pairs) != len(pairs):
            raise ValueError("found a key twice in one object")
        return unique_pairs

    def finite(token: str) -> float:
        return float(token) if math.isfinite(float(token)) else refuse(token)

    return json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=unique)
