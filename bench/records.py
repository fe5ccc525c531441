"""What a run is on disk: its schema and the versions of that, saving and loading.

A run folder holds run.json (a Run), the report and the figures, all of them written at the end; and from the
start plan.json (a RunManifest), journal.jsonl (a CellSample per line, written the moment a cell ends), blocks.jsonl (a
Block per line) and raw/ (pytest-benchmark's own JSON). Statistics and pictures are derived from samples and can
be made again at any time. Nothing that is read is ever evaluated.
"""

import contextlib
import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec

from bench.runtime.files import read, save

MAX_CELLS, MAX_GROUPS = 5_000, 64  # of a run that is read: a report of more would take an hour, and nobody reads it
MAX_EMBEDDED = 1_500_000  # bytes of a run inside a page, half of what the page may have
EMBEDDED = "run"  # the id of the element that holds it
SCHEMA = 3  # whatever a field is added to, or renamed in, gets the next number, a migration and a golden file
BASELINES = Path("results") / "baselines"  # under the current directory: runs that were given a name

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
PositiveInt = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
NonNegativeFloat = Annotated[float, msgspec.Meta(ge=0)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]  # what is divided by, or drawn on a logarithmic axis

Limit = Literal["bandwidth", "arithmetic"]
Bottleneck = Literal["call overhead", "bandwidth", "arithmetic"]
Status = Literal[
    "ok", "wrong", "failed", "crashed", "timeout", "out_of_memory", "unavailable", "skipped", "interrupted"
]
# Worst first: a cell's status is the worst over its blocks.
SEVERITY: tuple[Status, ...] = (
    "wrong", "crashed", "out_of_memory", "timeout", "failed", "unavailable", "interrupted", "skipped", "ok",
)  # fmt: skip

# A flag is "kind" or "kind: figure"; what each kind means, with one line of advice.
FLAGS = {
    "noisy": "the middle half of the processes differs by over 10 % of the median; close other programs, or use --full",
    "no steady state": "most processes grew slower, or faster, from round to round; look for what fills or heats up",
    "A/A control": "the baseline differs from itself, so at this size small differences mean nothing; run it again",
    "outliers": "some processes lie far outside the others; they are kept, and the median hardly feels them",
    "more processors than declared": "its library does not obey the thread setting; compare it with care",
    "waited for its processor": "it got less of the processor than it asked for; something else ran there, run again",
    "bound not informative": "rounding could hide a missing step here, so the first rows of the data were judged, too",
}


class UnreadableRun(Exception):
    """A run folder or file cannot be read; the message says why."""


class ProblemId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """name: "synthetic", "penguins", or a file's stem; digest: of X, y in float64; seed: None for real data."""

    name: str
    digest: str
    seed: int | None


class Speedup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many times faster than `baseline`; the interval is null where too few processes define one."""

    baseline: str
    median: PositiveFloat
    ci_low: PositiveFloat | None
    ci_high: PositiveFloat | None


class Error(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """value: ||beta - beta_ref||_2 of the timed result; bound: the largest that correct arithmetic can give."""

    value: NonNegativeFloat
    bound: NonNegativeFloat


class ColdCosts(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"break_even_calls": "pays_back_after_calls"}
):
    """What a backend costs besides the steady state, in seconds, medians over processes.

    compile_s is a part of first_call_s, as the libraries report it: 0 where nothing was compiled, null where
    no process ran this cell first, because only then it is cold.
    break_even_calls: calls after which import, prepare, compile and first call are repaid against
    numpy_vectorized; "never" where its calls are not faster; null where it is not known.
    """

    import_s: NonNegativeFloat | None = None
    prepare_s: NonNegativeFloat | None = None
    compile_s: NonNegativeFloat | None = None
    first_call_s: NonNegativeFloat | None = None
    break_even_calls: Count | Literal["never"] | None = None


class Cell(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"cold_costs": "ledger"}):
    """A backend on a problem, in one dtype and with a number of threads: the row of every table.

    Times are seconds per call of `fit` with n_iter iterations; per_iteration_s is median_s / n_iter. error_curve:
    [k, |losses[k] - J(beta_k)|, the bound of that] for some k from 0 to n_iter.
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


class CellSample(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of the journal: what one process found for one cell."""

    cell: str
    block: int
    status: Status
    detail: str | None = None
    rounds_s: list[float] = []  # seconds per call, one per round
    calls: int | None = None
    predicted_s: float | None = None
    error: Error | None = None
    flags: list[str] = []
    cold: bool = False  # the worker's first cell: only its compile and first call are cold ones
    import_s: float | None = None
    prepare_s: float | None = None
    compile_s: float | None = None
    first_call_s: float | None = None
    warmup_calls: int | None = None
    peak_bytes: int | None = None
    cpu_over_wall: float | None = None
    error_curve: list[list[float]] | None = None  # of the first process only: the others make the same iterates
    threads_seen: dict[str, Count] = {}  # processors, and threads of each library that tells
    cost_s: float | None = None  # wall time of the whole cell in its worker


class Block(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One pass over all backends. order: worker names ("numpy_vectorized", "numpy_vectorized (control)", ...).

    sentinels: seconds of two fixed kernels, "arithmetic" and "memory", that have nothing to do with any backend: at the
    start of the block, and after the last block of its thread count once more. reads: GB/s at which all threads read
    so many bytes again and again, by their number: those of X and y of each problem. threads_seen: what each worker
    found when it looked: {"processors": 1, "openblas": 1, ...}.
    """

    index: int
    threads: int
    order: list[str]
    cells: dict[str, list[str]]  # worker -> its cells in the order of their running
    hash_seed: int
    padding_bytes: int  # of the environment: where memory lands shifts a figure, so it is varied
    started: str
    seconds: float | None = None
    sentinels: dict[str, list[PositiveFloat]] = {}
    reads: dict[str, PositiveFloat] = {}
    threads_seen: dict[str, dict[str, Count]] = {}


class Attainment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename={"bottleneck": "held_back_by"}):
    """What a backend makes of the roof over a problem. A pass makes residual, loss and gradient from one beta once.

    share: the least time of a pass over its time, paired in blocks. overhead_s: of a pass, as the fit of the backend's
    sizes has it, null where that does not predict this size. limit_s: the least that a pass could take.
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
    """What the machine allows on one problem: bytes that a pass must read, operations that it must make, both rates.

    ridge: operations a byte at which both limits are equal; with fewer, bandwidth is the limit.
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
    """A whole run, as run.json holds it. resumed: when it was taken up again after it had been stopped."""

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
    """What a run must know to go on after it was stopped, as plan.json holds it.

    plan: every field of the plan, unlike Run.plan, which is its description. sources: digests of the backends' files,
    by name. machine: with its peaks once they are measured. digests: of the problems, by case, once they are staged.
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
    return run | {"resumed": []}  # a run that was stopped could not go on


def _from_2(run: dict[str, Any]) -> dict[str, Any]:
    return run | {"roofline": []}  # the bandwidth was not yet measured between the cells


# By the schema that they start from.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2}


def sentinel_seconds(blocks: list[Block], threads: int) -> dict[str, list[float]]:
    """What the sentinels took in the blocks of one thread count, by kernel, in the order of time."""
    seconds_of: dict[str, list[float]] = {}
    for block in blocks:
        if block.threads == threads:
            for kernel, seconds in block.sentinels.items():
                seconds_of.setdefault(kernel, []).extend(seconds)
    return seconds_of


def worst_status(statuses: list[Status]) -> Status:
    """The status that a cell shows for these of its blocks."""
    return min(statuses, key=SEVERITY.index)


def save_run(folder: Path, run: Run) -> None:
    """Write folder/run.json. Raises ValueError for NaN or infinity, which JSON does not have."""
    save(folder / "run.json", encode(run, indent=1))


class _Embedded(HTMLParser):
    """The texts of the elements of a page that hold a run: those of <script type="application/json" id="run">."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and ("id", EMBEDDED) in attrs
        if self._inside:
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def run_for_page(run: Run) -> str | None:
    """The run as JSON for a page, in which no letter of HTML's stands.

    Without its curves where it is too long, and None where it is too long even so.
    """
    for candidate in (run, msgspec.structs.replace(run, cells=[_without_curve(cell) for cell in run.cells])):
        text = json.dumps(msgspec.to_builtins(candidate), allow_nan=False, separators=(",", ":"))  # in ASCII
        for letter in "<>&\x7f":  # what is no letter of JSON's own stands inside strings only
            text = text.replace(letter, f"\\u{ord(letter):04x}")
        if len(text) <= MAX_EMBEDDED:
            return text
    return None


def _without_curve(cell: Cell) -> Cell:
    return msgspec.structs.replace(cell, error_curve=None)


def _of_page(page: str, path: Path) -> str:
    """The JSON of the run in a report's page."""
    parser = _Embedded()
    parser.feed(page)
    parser.close()
    if len(parser.found) != 1:
        raise UnreadableRun(
            f"{path}: found {len(parser.found)} runs in the page; allowed: one, as `gdbench report` writes it"
        )
    return parser.found[0]


def load_run(where: Path) -> Run:
    """The run in a folder, in the run.json itself, or in the page of its report. Raises UnreadableRun, saying why."""
    path = where
    try:
        path = where / "run.json" if where.is_dir() else where
        text = read(path)
        if path.suffix.lower() in (".html", ".htm"):
            text = _of_page(text, path)
    except FileNotFoundError:
        allowed = "the folder of a run, its run.json, or the name of a saved baseline"
        hint = f" (it was stopped: gdbench run --resume {where} completes it)" if (where / "plan.json").exists() else ""
        raise UnreadableRun(f"{where}: found no run.json{hint}; allowed: {allowed}") from None
    except (OSError, ValueError) as error:
        raise UnreadableRun(f"{path}: cannot be read as a run: {_reason(error)}") from None
    run = decode(text, Run, path)
    groups = {(cell.dtype, cell.threads, cell.n_features) for cell in run.cells}
    if len(run.cells) > MAX_CELLS or len(groups) > MAX_GROUPS:
        raise UnreadableRun(
            f"{path}: found {len(run.cells)} cells with {len(groups)} combinations of dtype, threads and n_features;"
            f" allowed: up to {MAX_CELLS} and {MAX_GROUPS}"
        )
    return run


def decode(text: str, kind: type[Record], path: Path) -> Record:
    """A record from JSON, an older schema brought up to date. Raises UnreadableRun, naming the path."""
    what = "run" if kind is Run else "record of a run"
    try:
        data = _strict_json(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableRun(f"{path}: cannot be read as a {what}: {error}") from None
    if kind in (Run, RunManifest):
        if not isinstance(data, dict) or type(data.get("schema")) is not int:
            raise UnreadableRun(f"{path}: is no {what}: it has no schema number")
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
        raise UnreadableRun(f"{path}: is no valid {what}: {error}") from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def baseline(name: str) -> Path:
    """The folder of the run that was saved under this name. Raises ValueError for what is no name."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            f"found {name!r}; allowed: up to 100 of A-Z, a-z, 0-9, '_', '.' and '-', the last two not in front"
        )
    return BASELINES / name


def save_baseline(name: str, run: Run) -> Path:
    """Keep a run under a name, in the place of the one that had it; its folder. Raises ValueError and OSError."""
    folder = baseline(name)
    folder.mkdir(parents=True, exist_ok=True)
    save_run(folder, run)
    return folder


def find_run(name: str) -> Path:
    """What a user means by a run: a path, or the name of a saved baseline. A path that exists wins."""
    with contextlib.suppress(ValueError):
        named = baseline(name)
        if not Path(name).exists() and named.exists():
            return named
    return Path(name)


def encode(record: Record, indent: int | None = None) -> bytes:
    """A record as JSON with a line end; one line without indent. Raises ValueError for what JSON does not have."""
    text = json.dumps(msgspec.to_builtins(record), allow_nan=False, ensure_ascii=False, indent=indent)
    # A file's name need not be UTF-8; what is not comes out as JSON's own escape.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _strict_json(text: str) -> Any:
    """JSON without the extensions that Python's reader lets pass: NaN tokens and duplicate keys."""

    def refuse(token: str) -> NoReturn:
        raise ValueError(f"found {token[:40]}, which is no number of JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        unique_pairs = dict(pairs)
        if len(unique_pairs) != len(pairs):
            raise ValueError("found a key twice in one object")
        return unique_pairs

    def finite(token: str) -> float:
        return float(token) if math.isfinite(float(token)) else refuse(token)

    return json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=unique)
