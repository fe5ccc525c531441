"""Write every problem and its reference iterates to scratch disk, for all workers.

python -m bench.measure.stage SPEC. It runs in a child process, so that the memory of the driver stays small, and once
for all workers, so that all of them time the same numbers.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from backends._curvature import default_learning_rate
from bench.check.bound import Reference, reference, references
from bench.data import problems
from bench.data.encoding import Selection
from bench.measure.messages import Staged, StageSpec
from bench.plan import Case
from bench.runtime.process import Channel

BUILT_IN = {"penguins": problems.penguins, "penguins_flipper": problems.penguins_flipper}
# (rows, iterations) of the leading rows that are checked where the bound for all rows is too wide: few rows to check
# the arithmetic, and a larger odd number to detect rows that a tile, a block or a thread leaves out.
PREFIXES = ((16, 3), (509, 1))
FIELDS = tuple(Reference.__dataclass_fields__)
OTHER_RATE = 0.625  # factor of a second learning rate, which detects stored results


def build(case: Case) -> problems.Problem:
    """The data of a case. Raises ProblemError if a file cannot be used."""
    if case.kind == "synthetic":
        return problems.synthetic(case.n_samples, case.n_features, case.seed or 0)
    if case.kind in BUILT_IN:
        return BUILT_IN[case.kind]()
    selection = Selection(case.target or "", case.features, case.drop, case.missing, case.keep_text, case.header)
    return problems.from_file(Path(case.path or ""), selection)


def stage(folder: Path, case: Case, dtype: str, normwise: bool) -> str:
    """Write the arrays and references of one case to `folder`. Returns the digest of its data."""
    data = build(case)
    X, y = np.ascontiguousarray(data.X, dtype), np.ascontiguousarray(data.y, dtype)
    beta0, rate = np.zeros(X.shape[1], dtype), default_learning_rate(X)
    name = case.file_stem(dtype)
    np.save(folder / f"{name}-X.npy", X)
    np.save(folder / f"{name}-y.npy", y)
    rates = {"whole": rate, "other": OTHER_RATE * rate}
    prefixes = {f"prefix{number}": prefix for number, prefix in enumerate(PREFIXES)}
    all_rates = rates | {part: default_learning_rate(X[:rows]) for part, (rows, _) in prefixes.items()}
    for suffix in ("", "-normwise") if normwise else ("",):
        judged = dtype, bool(suffix)
        solutions = dict(zip(rates, references(X, y, beta0, list(rates.values()), case.max_iter, *judged), strict=True))
        if not np.isfinite(solutions["whole"].losses.astype(dtype)).all():
            raise ValueError(f"found numbers whose squares overflow {dtype}; allowed: scaled data")
        for part, (rows, max_iter) in prefixes.items():
            solutions[part] = reference(X[:rows], y[:rows], beta0, all_rates[part], max_iter, *judged)
        arrays: dict[str, Any] = {"learning_rate": rate}
        for part, solution in solutions.items():
            arrays[f"{part}_learning_rate"] = all_rates[part]
            # `judge` uses the last beta, and `informative` the last two.
            arrays |= {f"{part}_{field}": getattr(solution, field) for field in FIELDS}
            arrays[f"{part}_betas"] = solution.betas[-2:]
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
