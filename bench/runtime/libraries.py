"""The libraries of this process: versions of the loaded ones, the BLAS, and a missing extra."""

import sys
from collections.abc import Iterable

from threadpoolctl import threadpool_info

TIMED = ("numpy", "scipy", "numba", "llvmlite", "jax", "jaxlib")  # packages that affect times


class MissingExtra(Exception):
    """A package of an extra is not installed. The message names it and the extra."""


def loaded_versions(others: Iterable[str] = ()) -> dict[str, str]:
    """The versions of the loaded libraries out of TIMED and others, by import name, as the libraries give them."""
    loaded = {name: sys.modules[name] for name in (*TIMED, *others) if name in sys.modules}
    versions = {name: vars(module).get("__version__") for name, module in loaded.items()}
    return {name: str(version) for name, version in versions.items() if isinstance(version, str)}


def loaded_blas() -> list[dict[str, str | None]]:
    """The loaded BLAS libraries, with the kernel in use, in the order of their names and versions."""
    loaded = [
        {"library": pool["internal_api"], "version": pool.get("version"), "kernel": pool.get("architecture")}
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return sorted(loaded, key=lambda library: [str(value) for value in library.values()])
