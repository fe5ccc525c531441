"""What a run will measure and in which order, settled before the first process starts."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASELINE = "numpy_vectorized"
CONTROL = f"{BASELINE} (control)"
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
N_FEATURES = 10
MIN_ROUND_S = 0.010  # a round shorter than this measures the clock
WARMUP_CALLS, WARMUP_S = 3, 0.1
STAGE_COPIES = 6  # of X in float64, while the data and its references are made
CELL_SHARE = 0.25  # of the time budget that one cell may take over all blocks


@dataclass(frozen=True)
class Case:
    """A problem at one size. kind: "synthetic", "csv" or a built-in name; max_iter: iterations per call of fit."""

    kind: str
    name: str
    n_samples: int
    n_features: int
    max_iter: int
    seed: int | None = None
    path: str | None = None  # absolute, because workers run in a folder of their own
    given: str | None = None  # the path as the user named it
    target: str | None = None
    too_large: str | None = None  # why this machine cannot prepare it

    @property
    def size(self) -> int:
        """Numbers in X, by which cases are ordered and times are predicted."""
        return self.n_samples * self.n_features

    @property
    def key(self) -> str:
        return f"{self.name}-{self.n_samples}x{self.n_features}"

    def file_stem(self, dtype: str) -> str:
        """Of its staged arrays: a name may be too long for a file, or hold what a file's must not."""
        return hashlib.blake2b(f"{self.key}-{dtype}".encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Backend:
    """name: its file stem. source: what to load, a name or an absolute path. given: as the user named it."""

    name: str
    source: str
    given: str
    algorithm: str | None
    dtypes: tuple[str, ...]
    missing: str | None  # why it cannot run, None where it can


@dataclass(frozen=True)
class CellPlan:
    """A backend on a case, in one dtype and with a number of threads."""

    backend: Backend
    control: bool
    case: Case
    dtype: str
    threads: int

    @property
    def id(self) -> str:
        return f"{self.worker}-{self.case.key}-{self.dtype}-{self.threads}t"

    @property
    def worker(self) -> str:
        return CONTROL if self.control else self.backend.name

    @property
    def calibration_key(self) -> tuple[str, str, str, int]:
        """What a cell shares with its A/A twin: both run the same number of calls."""
        return self.backend.name, self.case.key, self.dtype, self.threads

    @property
    def impossible(self) -> str | None:
        """Why it need not be tried, None where it can run."""
        if self.backend.missing is None and self.dtype not in self.backend.dtypes:
            return f"computes in {', '.join(self.backend.dtypes)} only"
        return self.case.too_large


@dataclass(frozen=True)
class BlockPlan:
    """One pass over all backends with one number of threads. order: (worker, its cells in order)."""

    index: int
    threads: int
    order: tuple[tuple[str, tuple[CellPlan, ...]], ...]
    hash_seed: int
    padding_bytes: int


@dataclass(frozen=True)
class Plan:
    """A run before it starts. budget_s: wall seconds meant for the whole run; predicted_s: what it will take."""

    backends: tuple[Backend, ...]
    cases: tuple[Case, ...]
    dtypes: tuple[str, ...]
    threads: tuple[int, ...]
    blocks: int
    rounds: int
    seed: int
    budget_s: float
    mode: str  # "quick", "default" or "full"
    budget_given: bool = False  # by the user, instead of the mode's
    named: bool = False  # the backends were, by the user: then one that is missing is a failure
    predicted_s: float = 0.0
    left_out: frozenset[str] = frozenset()  # ids of the cells that would not fit the user's budget

    @property
    def calls_per_cell(self) -> int:
        """Calls that a slow cell makes in one worker: the warm-up calls, then one per round."""
        return WARMUP_CALLS + self.rounds

    @property
    def cells(self) -> list[CellPlan]:
        """Every cell: by threads, dtype, case and backend; the control after its twin."""
        return [
            CellPlan(backend, control, case, dtype, threads)
            for threads in self.threads
            for dtype in self.dtypes
            for case in self.cases
            for backend in self.backends
            for control in ((False, True) if backend.name == BASELINE else (False,))
        ]

    def describe(self) -> dict[str, Any]:
        """The plan as run.json records it."""
        return {
            "mode": self.mode,
            "backends": [backend.name for backend in self.backends],
            "problems": [
                {"name": c.name, "n_samples": c.n_samples, "n_features": c.n_features, "n_iter": c.max_iter}
                for c in self.cases
            ],
            "dtypes": list(self.dtypes),
            "threads": list(self.threads),
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
            "confidence": 0.95,
        }


def iterations(n_samples: int) -> int:
    """Iterations per call: many where one is short, so that a call lasts long against the timer."""
    for limit, count in ((100, 1000), (1_000, 200), (10_000, 50), (100_000, 20)):
        if n_samples <= limit:
            return count
    return 10


PENGUINS = Case("penguins", "penguins", 342, 4, iterations(342))


def synthetic_cases(sizes: list[tuple[int, int]], seed: int, max_iter: int | None = None) -> list[Case]:
    """Cases for (n_samples, n_features) pairs."""
    return [
        Case("synthetic", "synthetic", n, d, max_iter if max_iter is not None else iterations(n), seed)
        for n, d in sizes
    ]


def block_plans(plan: Plan) -> list[BlockPlan]:
    """Randomized complete blocks: every backend once a block, in an order drawn from the plan's seed.

    Inside a worker the sizes are shuffled, but the first one is assigned, because only a worker's first
    cell is cold: smallest, largest, second smallest ... block by block. The first block goes up in size
    throughout: it fixes the calls per round, and predicts each next size before it is tried.
    """
    rng = random.Random(plan.seed)
    blocks = []
    for index in range(plan.blocks):
        for threads in plan.threads:
            workers: dict[str, list[CellPlan]] = {}
            for cell in plan.cells:
                if cell.threads == threads and cell.impossible is None and cell.backend.missing is None:
                    workers.setdefault(cell.worker, []).append(cell)
            order = list(workers)
            rng.shuffle(order)
            cells = {worker: _ordered(workers[worker], index, rng) for worker in order}
            blocks.append(
                BlockPlan(
                    index=index,
                    threads=threads,
                    order=tuple((worker, tuple(cells[worker])) for worker in order),
                    hash_seed=rng.randrange(1, 2**32),
                    padding_bytes=rng.randrange(4096),
                )
            )
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
    """What the plan needs to know of a backend; nothing is imported. Raises ValueError where there is none."""
    from backends import describe

    description = describe(name_or_path)
    source = str(description.path) if Path(name_or_path).suffix == ".py" else name_or_path
    return Backend(
        description.name, source, name_or_path, description.algorithm, description.dtypes, description.missing
    )
