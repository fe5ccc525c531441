"""Set the stage: put every problem and its reference iterates where all workers find them.

Runs in a child of its own (python -m bench.measure.stage SPEC), so that the driver's memory stays small,
and once for all workers, so that all of them time the same numbers.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from backends._solve import default_learning_rate
from bench import problem
from bench.check.bound import Reference, reference
from bench.measure.plan import Case

BUILT_IN = {"penguins": problem.penguins, "penguins_flipper": problem.penguins_flipper}
PREFIX_ROWS, PREFIX_ITER = 16, 3


def build(case: Case) -> problem.Problem:
    """The data of a case. Raises ProblemError for a file that cannot be used."""
    if case.kind == "synthetic":
        return problem.synthetic(case.n_samples, case.n_features, case.seed or 0)
    if case.kind in BUILT_IN:
        return BUILT_IN[case.kind]()
    return problem.from_csv(Path(case.path or ""), case.target or "")


def stage(folder: Path, case: Case, dtype: str, normwise: bool) -> str:
    """Write the arrays and references of one case into `folder`, and return the digest of its data."""
    data = build(case)
    X, y = np.ascontiguousarray(data.X, dtype), np.ascontiguousarray(data.y, dtype)
    beta0, rate = np.zeros(X.shape[1], dtype), default_learning_rate(X)
    name = f"{case.key}-{dtype}"
    np.save(folder / f"{name}-X.npy", X)
    np.save(folder / f"{name}-y.npy", y)
    rows = slice(PREFIX_ROWS)
    prefix_rate = default_learning_rate(X[rows])
    for kind in (False, True) if normwise else (False,):
        whole = reference(X, y, beta0, rate, case.max_iter, dtype, kind)
        prefix = reference(X[rows], y[rows], beta0, prefix_rate, PREFIX_ITER, dtype, kind)
        found: dict[str, Any] = {"learning_rate": rate, "prefix_learning_rate": prefix_rate}
        found |= _fields("whole", whole) | _fields("prefix", prefix)
        np.savez(folder / f"{name}-reference{'-normwise' if kind else ''}.npz", **found)
    return data.digest


def _fields(label: str, found: Reference) -> dict[str, np.ndarray]:
    return {f"{label}_{field}": getattr(found, field) for field in Reference.__dataclass_fields__}


def load_reference(file, label: str) -> Reference:
    """The "whole" or "prefix" reference of an opened .npz file."""
    return Reference(**{field: file[f"{label}_{field}"] for field in Reference.__dataclass_fields__})


def main() -> None:
    from bench.process import Channel

    channel = Channel()
    spec = json.loads(Path(sys.argv[1]).read_text())
    for entry in spec["cases"]:
        case = Case(**entry)
        try:
            digests = [stage(Path(spec["folder"]), case, dtype, spec["normwise"]) for dtype in spec["dtypes"]]
        except (ValueError, MemoryError) as error:
            channel.ask(case=case.key, error=f"{case.key}: {error or type(error).__name__}")
        else:
            channel.ask(case=case.key, digest=digests[0])


if __name__ == "__main__":
    main()
