"""The folder of results: runs by their date, and saved runs by their name."""

import contextlib
import re
from pathlib import Path

from bench.records import Run, save_run


def results_folder() -> Path:
    """The folder of runs under the current directory: results in a checkout of gdbench, otherwise gdbench-results."""
    in_checkout = Path("bench/records.py").exists() and Path("backends/_registry.py").exists()
    return Path("results" if in_checkout else "gdbench-results")


def latest_run() -> Path | None:
    """The latest run that options.new_folder has named by its date and that has ended. None if there is none.

    Saved runs, the reference run and runs in folders of other names do not count.
    """
    runs: dict[tuple[str, int], Path] = {}
    for path in results_folder().glob("*/run.json"):
        if match := re.fullmatch(r"([0-9]{8}-[0-9]{6})(?:-([0-9]+))?", path.parent.name):
            runs[match[1], int(match[2] or 1)] = path.parent
    return runs[max(runs)] if runs else None


def saved_run(name: str) -> Path:
    """The folder of the run that is saved under a name. Raises ValueError if the name is not valid."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(
            f"found {name!r}; allowed: up to 100 of A-Z, a-z, 0-9, '_', '.' and '-', the last two not in front"
        )
    return results_folder() / "baselines" / name


def save_as(name: str, run: Run) -> Path:
    """Save a run under a name and replace the run that had it. Returns its folder. Raises ValueError and OSError."""
    folder = saved_run(name)
    folder.mkdir(parents=True, exist_ok=True)
    save_run(folder, run)
    return folder


def find_run(name: str) -> Path:
    """The path of a run on the command line: a path, or the name of a saved run. An existing path wins."""
    with contextlib.suppress(ValueError):
        named = saved_run(name)
        if not Path(name).exists() and named.exists():
            return named
    return Path(name)
