"""A module of the course as a child process, for work that may crash, hang, or need another number of threads."""

import tempfile
from pathlib import Path
from typing import Any

from bench.runtime import process
from bench.runtime.process import Outcome


def run(
    module: str,
    *arguments: str,
    threads: int | None = None,
    deadline_s: float = 60.0,
    environment: dict[str, str] | None = None,
) -> tuple[dict[str, Any], Outcome]:
    """Run `python -m bench.learn.MODULE ARGUMENTS`. Returns the messages of the child as one, and how it ended.

    threads: the number of threads of the child, all of this machine if None.
    """
    results: dict[str, Any] = {}

    def on_message(message: dict[str, Any]) -> dict[str, Any]:
        results.update(message)
        return {}

    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        outcome = process.run(
            ["-m", f"bench.learn.{module}", *arguments],
            threads=threads or process.available_threads(),
            deadline_s=deadline_s,
            folder=Path(folder),
            on_message=on_message,
            environment=environment,
        )
    return results, outcome
