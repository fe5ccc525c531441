"""Start the command line with the packages `bench` and `backends` of this program.

Both names are general: a folder or another distribution with one of them may come first on Python's path. The command
`gdbench` and `python -m gdbench` run this file (gdbench.py). `python -m bench` cannot do so if Python finds another
`bench`.
"""

import importlib.metadata
import json
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import NoReturn

PACKAGES = ("bench", "backends")
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the command line and exit with its code."""
    use_own_packages()
    try:
        cli = importlib.import_module("bench.cli")  # this module is below it
    except ImportError:
        owners = importlib.metadata.packages_distributions()
        others = sorted({owner for name in PACKAGES for owner in owners.get(name, ())} - {"gdbench"})
        if not others:
            raise
        _fail(f"found files of {', '.join(others)} among those of gdbench in {ROOT}; allowed: one of them in a folder")
    cli.main()


def use_own_packages() -> None:
    """Import `bench` and `backends` from the folder of this program. Exits with code 2 if others are imported."""
    for name in PACKAGES:
        module = sys.modules.get(name)
        if module is not None and (place := _place(module)).resolve() != ROOT / name:
            _fail(f"found another package {name} in {place}; allowed: {ROOT / name}, that of gdbench")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the two packages in one folder, whatever is on Python's path."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [str(ROOT)], target) if name in PACKAGES else None


def _place(module: ModuleType) -> Path:
    """The folder of a package, or the file of a module."""
    paths = list(getattr(module, "__path__", ()))
    return Path(paths[0] if paths else module.__file__ or "")


def _fail(message: str) -> NoReturn:
    if "--json" in sys.argv[1:]:
        print(json.dumps({"error": message, "exit_code": 2}, indent=1))
    print(f"gdbench: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
