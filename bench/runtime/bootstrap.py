"""Run a program in a child process: python -P bootstrap.py -m MODULE [ARGUMENT ...], or -c CODE.

The child imports what the user's interpreter imports. Two things differ: `bench` and `backends` are those of this
installation, without a folder of theirs on the path, and nothing on the path replaces the standard library.

This file stays the main module of a child, because multiprocessing runs the main module in the processes that it
starts with "spawn": they find the same packages. `python -m bench` imports it to have the same path as its children.
"""

# All of these are frozen into the interpreter, so the path does not affect them.
import os
import runpy
import sys
from importlib.machinery import ModuleSpec, PathFinder

ROOT = os.path.abspath(os.path.join(__file__, "../../.."))  # noqa: PTH100, PTH118 - pathlib takes 5 ms to import
PACKAGES = ("bench", "backends")
LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120


class InstalledPackages:
    """Finds the packages of this installation before the path is searched."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [ROOT]) if name in PACKAGES else None


sys.meta_path.insert(0, InstalledPackages)
sys.path.sort(key=lambda folder: folder not in (LIBRARY, f"{LIBRARY}/lib-dynload"))

if __name__ == "__main__":
    option, program, *arguments = sys.argv[1:]
    sys.argv[:] = [program if option == "-m" else option, *arguments]
    if option == "-m":
        runpy.run_module(program, run_name="__main__")
    else:
        exec(program, {"__name__": "__main__"})
