"""The plan of a run: what it measures and in which order. It is complete before the first process starts."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASELINE = "numpy_vectorized"
CONTROL = f"{BASELINE} (control)"
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
N_FEATURES = 10
MIN_ROUND_S = 0.010  # the resolution of the clock would matter in shorter rounds
# Calls from this length on average the noise of the machine themselves: fewer rounds of them are enough, and one call
# warms up.
LONG_CALL_S, LONG_CALL_ROUNDS = 0.05, 3
WARMUP_CALLS, WARMUP_S = 2, 0.03  # at least; the first call counts as one of them
STAGE_MEMORY_COPIES = 6  # of X in float64, in memory while a problem is staged
CELL_SHARE = 0.25  # the largest share of the time budget for one cell over all blocks


@dataclass(frozen=True)
class Case:
    """A problem with a number of iterations. kind: "synthetic", "csv" or the name of built-in data.

    max_iter: iterations per call of fit. path: absolute, because workers run in another folder. argument: the path as
    on the command line. too_large: why this machine cannot stage the problem, or not in time. target, features, drop,
    missing, keep_text and header: as in a Selection of bench.data.encoding.
    """

    kind: str
    name: str
    n_samples: int
    n_features: int
    max_iter: int
    seed: int | None = None
    path: str | None = None
    argument: str | None = None
    target: str | None = None
    too_large: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    keep_text: bool = False
    header: bool = True

    @property
    def data_options(self) -> list[str]:
        """The options of the command line that say how the file is read."""
        words = [f"--{name}={text}" for name in ("features", "drop", "missing") for text in getattr(self, name)]
        return words + self.keep_text * ["--keep-text"] + (not self.header) * ["--no-header"]

    @property
    def size(self) -> int:
        """The number of values in X."""
        return self.n_samples * self.n_features

    @property
    def stage_bytes(self) -> int:
        """The memory to stage the problem: X, and the iterates, losses and bounds of two references."""
        return 8 * (STAGE_MEMORY_COPIES * self.size + 2 * (self.max_iter + 1) * (self.n_features + 4))

    @property
    def key(self) -> str:
        return f"{self.name}-{self.n_samples}x{self.n_features}"

    def file_stem(self, dtype: str) -> str:
        """The stem of the staged files. A hash, because a name may be too long or not valid in a file name."""
        return hashlib.blake2b(f"{self.key}-{dtype}".encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Backend:
    """A backend of the plan.

    name: its file stem. source: what to load, a name or an absolute path. argument: the name or path as on the command
    line. missing: why it cannot run, None if it can. requires: import names of its libraries, without NumPy.
    """

    name: str
    source: str
    argument: str
    algorithm: str | None
    dtypes: tuple[str, ...]
    missing: str | None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellPlan:
    """A cell of the plan: a backend on a case, with a dtype and a number of threads."""

    backend: Backend
    control: bool
    case: Case
    dtype: str
    threads: int

    @property
    def id(self) -> str:
        return f"{self.label}-{self.case.key}-{self.dtype}-{self.threads}t"

    @property
    def label(self) -> str:
        """The name of the backend, or CONTROL."""
        return CONTROL if self.control else self.backend.name

    @property
    def calibration_key(self) -> tuple[str, str, str, int]:
        """Cells with one key run the same number of calls: a cell and its A/A control."""
        return self.backend.name, self.case.key, self.dtype, self.threads

    @property
    def impossible(self) -> str | None:
        """Why the cell cannot run, or None."""
        if self.backend.missing is None and self.dtype not in self.backend.dtypes:
            return f"computes in {', '.join(self.backend.dtypes)} only"
        return self.case.too_large

    @property
    def possible(self) -> bool:
        return self.backend.missing is None and self.impossible is None


@dataclass(frozen=True)
class BlockPlan:
    """One pass over all backends with one number of threads. cells: by label, in the order of measurement."""

    index: int
    threads: int
    cells: dict[str, list[CellPlan]]
    hash_seed: int
    padding_bytes: int


@dataclass(frozen=True)
class Plan:
    """The plan of a run.

    budget_s: intended wall time of the run in seconds. mode: "quick", "default" or "full". has_user_budget: budget_s
    comes from the command line and not from the mode. named: the backends come from the command line, so a missing
    library is a failure. predicted_s: predicted wall time. left_out: ids of the cells that do not fit the user's
    budget. cpus: the processors of workers, in the order in which they take them; empty if the topology decides.
    """

    backends: tuple[Backend, ...]
    cases: tuple[Case, ...]
    dtypes: tuple[str, ...]
    threads: tuple[int, ...]
    blocks: int
    rounds: int
    seed: int
    budget_s: float
    mode: str
    has_user_budget: bool = False
    named: bool = False
    predicted_s: float = 0.0
    left_out: frozenset[str] = frozenset()
    cpus: tuple[int, ...] = ()

    @property
    def calls_per_cell(self) -> int:
        """The number of calls of a slow cell in one worker: the warm-up calls and one per round."""
        return WARMUP_CALLS + rounds_of(LONG_CALL_S, self.rounds)

    @property
    def cells(self) -> list[CellPlan]:
        """All cells, by threads, dtype, case and backend. The control follows the baseline."""
        return [
            CellPlan(backend, control, case, dtype, threads)
            for threads in self.threads
            for dtype in self.dtypes
            for case in self.cases
            for backend in self.backends
            for control in ((False, True) if backend.name == BASELINE else (False,))
        ]

    @property
    def measured_cases(self) -> list[Case]:
        """The cases of the cells that can run and are not left out."""
        keys = {c.case.key for c in self.cells if c.possible and c.id not in self.left_out}
        return [case for case in self.cases if case.key in keys]

    @property
    def normwise(self) -> bool:
        """Whether a backend has another algorithm, which is judged in norms."""
        return any(backend.algorithm is not None for backend in self.backends)

    def describe(self) -> dict[str, Any]:
        """The plan as run.json records it."""
        from bench.stats import CONFIDENCE  # here, because it imports NumPy, and a worker must start without it

        return {
            "mode": self.mode,
            "backends": [backend.name for backend in self.backends],
            "problems": [
                {"name": c.name, "n_samples": c.n_samples, "n_features": c.n_features, "n_iter": c.max_iter}
                for c in self.cases
            ],
            "dtypes": list(self.dtypes),
            "threads": list(self.threads),
            **({"cpus": list(self.cpus)} if self.cpus else {}),
            "blocks": self.blocks,
            "rounds": self.rounds,
            "seed": self.seed,
            "time_budget_s": self.budget_s,
            "predicted_s": self.predicted_s,
            "cell_share_of_budget": CELL_SHARE,
            "min_round_s": MIN_ROUND_S,
            "warmup": {"min_calls": WARMUP_CALLS, "min_s": WARMUP_S, "first_call_counts": True},
            "learning_rate": "1/L, L = lambda_max((2/n) X^T X)",
            "tol": 0.0,
            "beta0": "zeros",
            "confidence": CONFIDENCE,
        }


def iterations(n_samples: int) -> int:
    """Iterations per call: more for small problems, so that a call is long compared with the timer's resolution."""
    for limit, count in ((100, 1000), (1_000, 100), (100_000, 10)):
        if n_samples <= limit:
            return count
    return 5


def rounds_of(call_s: float, rounds: int) -> int:
    """The number of timed rounds of a cell whose calls last call_s seconds. rounds: that of a short call."""
    return min(rounds, LONG_CALL_ROUNDS) if call_s >= LONG_CALL_S else rounds


def warmup_of(call_s: float, calls: int) -> int:
    """The number of warm-up calls of a cell whose calls last call_s seconds. calls: that of its first worker."""
    return 1 if call_s >= LONG_CALL_S else calls


PENGUINS = Case("penguins", "penguins", 342, 4, iterations(342))


def synthetic_cases(sizes: list[tuple[int, int]], seed: int, max_iter: int | None = None) -> list[Case]:
    """Cases for (n_samples, n_features) pairs."""
    return [Case("synthetic", "synthetic", n, d, max_iter or iterations(n), seed) for n, d in sizes]


def block_plans(plan: Plan) -> list[BlockPlan]:
    """Randomized complete blocks: each backend once per block, in an order drawn with the plan's seed.

    The sizes of a worker are shuffled, except for its first cell, the only cold one: it is the smallest, the largest,
    the second smallest ... in turn. In the first block, sizes ascend: it determines the calls per round and predicts
    the time of each size from smaller ones.
    """
    rng = random.Random(plan.seed)
    blocks = []
    for index in range(plan.blocks):
        for threads in plan.threads:
            cells: dict[str, list[CellPlan]] = {}
            for cell in plan.cells:
                if cell.threads == threads and cell.possible:
                    cells.setdefault(cell.label, []).append(cell)
            labels = list(cells)
            rng.shuffle(labels)
            ordered = {label: _ordered(cells[label], index, rng) for label in labels}
            blocks.append(BlockPlan(index, threads, ordered, rng.randrange(1, 2**32), rng.randrange(4096)))
    return blocks


def _ordered(cells: list[CellPlan], block: int, rng: random.Random) -> list[CellPlan]:
    ascending = sorted(cells, key=lambda cell: (cell.case.size, cell.dtype))
    if block == 0:
        return ascending
    turn = block % len(ascending)
    first = ascending[turn // 2] if turn % 2 == 0 else ascending[-(turn // 2) - 1]
    rest = [cell for cell in ascending if cell is not first]
    rng.shuffle(rest)
    return [first, *rest]


def backend_of(name_or_path: str) -> Backend:
    """The backend with this name or path. Nothing is imported. Raises ValueError if there is none."""
    from backends import describe

    described = describe(name_or_path)
    source = str(described.path) if Path(name_or_path).suffix == ".py" else name_or_path
    return Backend(
        name=described.name,
        source=source,
        argument=name_or_path,
        algorithm=described.algorithm,
        dtypes=described.dtypes,
        missing=described.missing,
        requires=described.requires,
    )
