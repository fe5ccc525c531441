"""The differences between two runs in processor, software and plan, which may prevent a comparison of their times."""

from typing import Any, Literal

import msgspec

from bench import text
from bench.analysis.speed import problem_key, problem_label
from bench.mappings import get_nested
from bench.records import Cell, Run

ACROSS = ("versions", "cpu")  # kinds of difference that can be allowed
Kind = Literal["cpu", "versions", "plan", "note"]

CPU = {
    "processor": ("cpu", "model"),
    "architecture": ("cpu", "architecture"),
    "processors": ("cpu", "logical_cores"),
    "vector units": ("cpu", "vector_extensions"),
    "caches": ("cpu", "caches"),
    "frequency governor": ("cpu", "governor"),
    "kind of core": ("cpu", "kind"),
    "CPU quota": ("cpu_quota",),
    "virtual machine": ("virtual_machine",),
    "threads controlled": ("threads_controlled",),
}
SOFTWARE = {"Python": ("python",), "settings": ("environment",)}
# Reported, but they prevent no comparison.
NOTES = {
    "gdbench": ("gdbench",),
    "system": ("system",),
    "commit": ("commit",),
    "processors of workers": ("processors",),
}
NICENESS = "niceness"
LIBRARIES, TEXT = "libraries of ", "text of "  # of a backend; another text is often what a comparison is about
OPTIONAL = (LIBRARIES, TEXT, "commit", "processors of workers")  # compared if both runs have it
UNTIMED = ("matplotlib", "pytest", "pytest-benchmark")  # packages that do not affect times
BLAS_KERNEL = "BLAS kernel"


class Difference(msgspec.Struct, frozen=True, rename={"prevents_verdict": "blocks"}):
    """A difference between two runs.

    kind: "cpu" and "versions" concern every cell, "plan" the named or missing cells, "note" none.
    """

    what: str
    base: str
    new: str
    kind: Kind
    prevents_verdict: bool

    def __str__(self) -> str:
        return f"{self.what} {self.base} -> {self.new}"


def machine_differences(base: dict[str, Any], new: dict[str, Any], allowed: frozenset[str]) -> list[Difference]:
    """The differences between two machines. allowed: the kinds, out of ACROSS, that may differ.

    Live values such as the load do not count. The versions of gdbench and of the system are notes. A library counts
    if the backends of both runs import it.
    """
    base_identity, new_identity = _identity(base), _identity(new)
    base_libraries, new_libraries = (_dictionary(machine, "libraries") for machine in (base, new))
    for name in base_libraries.keys() & new_libraries.keys():
        base_identity[name], new_identity[name] = base_libraries[name], new_libraries[name]
    differences = []
    for what in dict.fromkeys([*base_identity, *new_identity]):
        kinds, values = _kinds(what), (base_identity.get(what), new_identity.get(what))
        if values[0] != values[1] and not (None in values and what.startswith(OPTIONAL)):
            if isinstance(values[0], dict) and isinstance(values[1], dict):
                values = _unlike(values[0], values[1]), _unlike(values[1], values[0])
            base_words, new_words = ("none" if value is None else text.words(value) for value in values)
            prevents_verdict = kinds[0] != "note" and not allowed.intersection(kinds)
            differences.append(Difference(text.clean(what, 60), base_words, new_words, kinds[0], prevents_verdict))
    return differences


def across(differences: list[Difference]) -> str:
    """The allowed differences: "across numpy 2.4.6 -> 2.5.0", or empty."""
    allowed = [str(d) for d in differences if d.kind in ACROSS and not d.prevents_verdict]
    return f"across {text.listed(allowed)}" if allowed else ""


def plan_differences(base: Run, new: Run) -> list[Difference]:
    """Differences in threads, dtypes and problems, which make cells missing in one run."""

    def values(run: Run) -> dict[str, list[Any]]:
        cells = sorted((cell for cell in run.cells if not cell.control), key=problem_key)
        return {
            "threads": sorted({cell.threads for cell in cells}),
            "dtype": sorted({cell.dtype for cell in cells}),
            "problems": list(dict.fromkeys(map(problem_label, cells))),
        }

    return _unequal(values(base), values(new))


def cell_differences(base: Cell, new: Cell) -> list[Difference]:
    """Differences between the problems of two cells with the same key."""

    def values(cell: Cell) -> dict[str, Any]:
        where = problem_label(cell)
        return {f"iterations at {where}": cell.n_iter, f"data digest at {where}": cell.problem.digest}

    return _unequal(values(base), values(new))


def _unequal(base: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    return [
        Difference(what, text.words(value), text.words(new[what]), "plan", True)
        for what, value in base.items()
        if value != new[what]
    ]


def _identity(machine: dict[str, Any]) -> dict[str, Any]:
    """Values by name, or None. The machine comes from a file, so any value may be missing or have any type."""
    packages, pools = _dictionary(machine, "versions"), get_nested(machine, "blas")
    blas = [pool for pool in pools if isinstance(pool, dict)] if isinstance(pools, list) else []
    return (
        {name: version for name, version in packages.items() if name not in UNTIMED}
        | {what: get_nested(machine, *path) for what, path in (CPU | SOFTWARE | NOTES).items()}
        | {NICENESS: get_nested(machine, NICENESS) or None}  # older records have none
        | {f"{LIBRARIES}{name}": libraries for name, libraries in _dictionary(machine, "requires").items()}
        | {f"{TEXT}{name}": digest for name, digest in _dictionary(machine, "sources").items()}
        | {"BLAS": [f"{pool.get('library')} {pool.get('version')}" for pool in blas]}
        | {BLAS_KERNEL: [pool.get("kernel") for pool in blas]}
    )


def _dictionary(machine: dict[str, Any], key: str) -> dict[str, Any]:
    value = get_nested(machine, key)
    return value if isinstance(value, dict) else {}


def _kinds(what: str) -> tuple[Kind, ...]:
    """The kinds of a difference. The first is its kind, and allowing any one of them is enough."""
    if what == BLAS_KERNEL:  # it depends on the processor and on the version of the BLAS
        return "versions", "cpu"
    if what in CPU or what == NICENESS:
        return ("cpu",)
    return ("note",) if what in NOTES or what.startswith(TEXT) else ("versions",)


def _unlike(values: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The entries that the others do not have."""
    return {name: value for name, value in values.items() if name not in others or others[name] != value}
