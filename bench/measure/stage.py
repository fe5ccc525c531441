"""Write every problem and its reference iterates to scratch disk, for all workers.

python -m bench.measure.stage SPEC. It runs in a child process, so that the memory of the driver stays small, and once
for all workers, so that all of them time the same numbers.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from backends._solve import default_learning_rate
from bench.check.bound import Reference, reference
from bench.data import problems
from bench.measure.messages import Staged, StageSpec
from bench.plan import Case
from bench.runtime.process import Channel

BUILT_IN = {"penguins": problems.penguins, "penguins_flipper": problems.penguins_flipper}
# (rows, iterations) of the leading rows that are checked where the bound for all rows is too wide: few rows to check
# the arithmetic, and a larger odd number to detect rows that a tile, a block or a thread leaves out.
PREFIXES = ((16, 3), (509, 1))
PARALLEL = 2  # references computed at once; each needs two copies of X
FIELDS = tuple(Reference.__dataclass_fields__)
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
    # Of each reference: the number of leading rows, the learning rate and the iterations.
    parts = {"whole": (len(X), rate, case.max_iter), "other": (len(X), OTHER_RATE * rate, case.max_iter)}
    for number, (rows, max_iter) in enumerate(PREFIXES):
        parts[f"prefix{number}"] = rows, default_learning_rate(X[:rows]), max_iter
    for suffix in ("", "-normwise") if normwise else ("",):
        with ThreadPoolExecutor(PARALLEL) as pool:
            solutions = {
                part: pool.submit(reference, X[:rows], y[:rows], beta0, part_rate, max_iter, dtype, bool(suffix))
                for part, (rows, part_rate, max_iter) in parts.items()
            }
        if not np.isfinite(solutions["whole"].result().losses.astype(dtype)).all():
            raise ValueError(f"found numbers whose squares overflow {dtype}; allowed: scaled data")
        arrays: dict[str, Any] = {"learning_rate": rate}
        for part, solution in solutions.items():
            arrays[f"{part}_learning_rate"] = parts[part][1]
            arrays |= {f"{part}_{field}": getattr(solution.result(), field) for field in FIELDS}
        np.savez(folder / f"{name}-reference{suffix}.npz", **arrays)
    return data.digest


def load_reference(arrays: Any, part: str) -> Reference:
    """The reference "whole", "other", "prefix0" or "prefix1" from a staged .npz file."""
    return Reference(**{field: arrays[f"{part}_{field}"] for field in FIELDS})


def main() -> None:
    channel = Channel()
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=StageSpec)
    for case in spec.cases:
        try:
            digests = [stage(Path(spec.folder), case, dtype, spec.normwise) for dtype in spec.dtypes]
            staged = Staged(case.key, digests[0])
        except (ValueError, MemoryError) as error:
            staged = Staged(case.key, error=str(error) or type(error).__name__)
        channel.ask(**msgspec.to_builtins(staged))


if __name__ == "__main__":
    main()
