"""Write every problem and its reference iterates to scratch disk, for all workers.

python -m bench.measure.stage SPEC. It runs in a child process, so that the memory of the driver stays small, and once
for all workers, so that all of them time the same numbers.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from backends._solve import default_learning_rate
from bench.check.bound import Reference, reference
from bench.data import problems
from bench.measure.messages import Staged, StageFailed, StageMessage, StageSpec
from bench.plan import Case
from bench.runtime.process import Channel

BUILT_IN = {"penguins": problems.penguins, "penguins_flipper": problems.penguins_flipper}
# (rows, iterations) of the leading rows that are checked where the bound for all rows is too wide: few rows to check
# the arithmetic, and a larger odd number to detect rows that a tile, a block or a thread leaves out.
PREFIXES = ((16, 3), (509, 1))
PARALLEL = 2  # references computed at once; each needs two copies of X
OTHER_RATE = 0.625  # factor of a second learning rate, which detects stored results


def build(case: Case) -> problems.Problem:
    """The data of a case. Raises ProblemError if a file cannot be used."""
    if case.kind == "synthetic":
        return problems.synthetic(case.n_samples, case.n_features, case.seed or 0)
    if case.kind in BUILT_IN:
        return BUILT_IN[case.kind]()
    return problems.from_csv(Path(case.path or ""), case.target or "")


def stage(folder: Path, case: Case, dtype: str, normwise: bool) -> str:
    """Write the arrays and references of one case to `folder`. Returns the digest of its data."""
    data = build(case)
    X, y = np.ascontiguousarray(data.X, dtype), np.ascontiguousarray(data.y, dtype)
    beta0, rate = np.zeros(X.shape[1], dtype), default_learning_rate(X)
    name = case.file_stem(dtype)
    np.save(folder / f"{name}-X.npy", X)
    np.save(folder / f"{name}-y.npy", y)
    kinds = (False, True) if normwise else (False,)
    with ThreadPoolExecutor(PARALLEL) as pool:
        solve = partial(reference, X, y, beta0, max_iter=case.max_iter, dtype=dtype)
        solutions = {
            (kind, factor): pool.submit(solve, learning_rate=factor * rate, normwise=kind)
            for kind in kinds
            for factor in (1.0, OTHER_RATE)
        }
    for kind in kinds:
        whole = solutions[kind, 1.0].result()
        if not np.isfinite(whole.losses.astype(dtype)).all():
            raise ValueError(f"found numbers whose squares overflow {dtype}; allowed: scaled data")
        arrays: dict[str, Any] = {"learning_rate": rate} | _fields("whole", whole)
        arrays |= _fields("other", solutions[kind, OTHER_RATE].result())
        for number, (rows, max_iter) in enumerate(PREFIXES):
            prefix, prefix_y = X[:rows], y[:rows]
            prefix_rate = default_learning_rate(prefix)
            arrays[f"prefix{number}_learning_rate"] = prefix_rate
            arrays |= _fields(f"prefix{number}", reference(prefix, prefix_y, beta0, prefix_rate, max_iter, dtype, kind))
        np.savez(folder / f"{name}-reference{'-normwise' if kind else ''}.npz", **arrays)
    return data.digest


def _fields(label: str, solution: Reference) -> dict[str, np.ndarray]:
    return {f"{label}_{field}": getattr(solution, field) for field in Reference.__dataclass_fields__}


def load_reference(arrays: Any, label: str) -> Reference:
    """The reference with a label ("whole", "other", "prefix0" ...) from a staged .npz file."""
    return Reference(**{field: arrays[f"{label}_{field}"] for field in Reference.__dataclass_fields__})


def main() -> None:
    channel = Channel()
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=StageSpec)
    for case in spec.cases:
        try:
            digests = [stage(Path(spec.folder), case, dtype, spec.normwise) for dtype in spec.dtypes]
        except (ValueError, MemoryError) as error:
            message: StageMessage = StageFailed(f"{case.key}: {error or type(error).__name__}")
        else:
            message = Staged(case.key, digests[0])
        channel.ask(**msgspec.to_builtins(message))


if __name__ == "__main__":
    main()
