"""The versions of the libraries and the BLAS that the workers of a run report."""

from collections.abc import Iterable
from typing import Any

from bench.mappings import get_nested
from bench.records import CellSample

Blas = dict[str, str | None]


def conflict(sample: CellSample, machine: dict[str, Any], others: Iterable[CellSample]) -> str | None:
    """Why a sample cannot belong to one run with the others, None if it can: its worker loaded another version.

    The driver has loaded NumPy itself, so the version of NumPy is that of the machine. Of another library, the first
    worker decides.
    """
    versions, blas = _reported(others)
    if numpy := get_nested(machine, "versions", "numpy"):
        versions["numpy"] = numpy
    unequal = [
        (f"{name} {version}", f"{name} {versions[name]}")
        for name, version in sample.versions.items()
        if versions.get(name, version) != version
    ]
    if blas and sample.blas and not _common(blas, sample.blas):
        unequal.append((_name(sample.blas[0]), _name(blas[0])))
    if not unequal:
        return None
    own, other = unequal[0]
    return f"its worker loaded {own}, but this run has {other}; allowed: one version of a library in a run"


def recorded(machine: dict[str, Any], samples: Iterable[CellSample]) -> dict[str, Any]:
    """The machine with the versions and the BLAS that the workers report.

    "libraries": versions of what the backends import besides the packages in "versions".
    """
    versions, blas = _reported(samples)
    usual = machine.get("versions", {})
    result = machine | {"versions": usual | {name: versions[name] for name in usual if name in versions}}
    if libraries := {name: version for name, version in versions.items() if name not in usual}:
        result["libraries"] = libraries
    return result | ({"blas": blas} if blas else {})


def _reported(samples: Iterable[CellSample]) -> tuple[dict[str, str], list[Blas]]:
    """The versions by library, and the BLAS libraries that every worker loaded: those of NumPy."""
    versions: dict[str, str] = {}
    blas: list[Blas] = []
    for sample in samples:
        versions = sample.versions | versions
        blas = _common(blas, sample.blas) or blas or sample.blas
    return versions, blas


def _common(blas: list[Blas], other: list[Blas]) -> list[Blas]:
    names = [_name(library) for library in other]
    return [library for library in blas if _name(library) in names]


def _name(library: Blas) -> str:
    return f"{library.get('library')} {library.get('version')}"
