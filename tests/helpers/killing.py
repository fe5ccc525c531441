"""A driver in a simulated world, killed at each point at which it writes: `python killing.py FOLDER STEP` prints what it found.

Not a test module but the program that test_resume.py starts, because it forks, and a test session has threads.
"""

import json
import os
import signal
import sys
from pathlib import Path

import scipy.stats  # noqa: F401 - once here instead of in each process

from bench.measure import runner
from bench.measure.run_directory import RunDirectory
from bench.plan import Backend, Plan, synthetic_cases
from bench.records import UnreadableRun, load_run
from bench.runtime import machine, process

NAMES = ("numpy_vectorized", "quick_one", "failing_one")
PLAN = Plan(
    backends=tuple(Backend(name, name, name, None, ("float64",), None) for name in NAMES),
    cases=tuple(synthetic_cases([(10, 2), (20, 2)], 0)),
    dtypes=("float64",),
    threads=(1,),
    blocks=2,
    rounds=3,
    seed=0,
    budget_s=60.0,
    mode="quick",
)


def simulated(arguments, *, on_message, environment=None, **options):
    """In the place of a child: data are staged at once, and every cell is measured in no time."""
    if environment is None:
        for case in PLAN.cases:
            on_message({"case": case.key, "digest": "d"})
        return process.Outcome(0, False, "", 0.0)
    spec = json.loads(Path(environment["GDBENCH_SPEC"]).read_text())
    raw = next(word.partition("=")[2] for word in arguments if word.startswith("--benchmark-json="))
    for cell in spec["cells"]:
        if not (decision := on_message({"event": "start", "cell": cell})).run:
            continue
        sample = {
            "cell": cell,
            "block": spec["block"],
            "status": "ok",
            "rounds_s": [0.1, 0.2, 0.3],
            "calls": 7,
            "warmup_calls": 3,
            "cost_s": 0.1,
        }
        if decision.calls is not None and decision.calls != sample["calls"]:
            sample |= {"status": "failed", "detail": f"the counts were not kept: {decision}"}
        if cell.startswith("failing_one-synthetic-20"):
            sample = {"cell": cell, "block": spec["block"], "status": "wrong", "detail": "wrong"}
        on_message({"event": "cell", "sample": sample})
    Path(raw).write_text(json.dumps({"benchmarks": list(spec["cells"])}))
    return process.Outcome(0, False, "", 0.5)


def simulate():
    machine.describe = lambda: {"cpu": {"model": "none"}, "versions": {}, "threads_available": 4, "gdbench": "0"}
    machine.peaks = lambda threads=(), quick=False: [{"threads": count} for count in threads]
    machine.sentinels = lambda threads: {"arithmetic": 0.1, "memory": 0.2}
    machine.read_rates = lambda threads, working_sets: dict.fromkeys(working_sets, 40.0)
    process.run, process.available_threads = simulated, lambda: 1  # type: ignore[assignment]


class Killer:
    """Ends this process at the n-th point of writing; each call that changes a disk has two, half way and after it."""

    CALLS = ("open", "write", "fsync", "replace", "mkdir", "ftruncate")

    def __init__(self, at):
        self.left = at
        for name in self.CALLS:
            setattr(os, name, self.deadly(name, getattr(os, name)))

    def deadly(self, name, call):
        def wrapped(*arguments, **options):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return call(*arguments, **options)
            if self.over():
                if name == "write":  # half of it is on disk
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            found = call(*arguments, **options)
            if self.over():
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return wrapped

    def over(self):
        self.left -= 1
        return self.left < 0


def attempt(folder, at=None):
    """Begin or resume the run in a process of its own, killed at a point or not at all; how it ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if at is not None:
                Killer(at)
            if (folder / "plan.json").exists():
                directory = RunDirectory.resume(folder)
            else:
                directory = RunDirectory.begin(folder, PLAN, "gdbench run")
            runner.execute(directory)
            directory.close()
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def whole(folder):
    """The journal's whole lines; complains of any file that is half, other than the journal's last line."""
    for path in folder.rglob("*.json"):
        if path.name == "run.json":
            load_run(path)
        elif not path.name.startswith("."):
            json.loads(path.read_text())
    journal = folder / "journal.jsonl"
    text = journal.read_bytes() if journal.exists() else b""
    return text[: text.rfind(b"\n") + 1]


def outcome(folder):
    """What a finished run must have, however often it was stopped."""
    run = load_run(folder)
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    cells = sorted((line["cell"], line["block"], line["status"]) for line in lines)
    blocks = [(block.index, block.order, len(block.sentinels["memory"])) for block in run.blocks]
    hidden = [path.name for path in folder.rglob(".*")]
    summary = [(cell.backend, cell.n_samples, cell.control, cell.status, cell.samples_s) for cell in run.cells]
    return {"cells": cells, "blocks": blocks, "hidden": hidden, "summary": summary}


def main(folder, step):
    simulate()
    assert attempt(folder / "whole") == 0
    expected, points, resumed = outcome(folder / "whole"), 0, 0
    while True:
        run = folder / f"killed-{points}"
        ended = attempt(run, points)
        if ended != -signal.SIGKILL:
            assert ended == 0, ended
            break
        before = whole(run) if run.exists() else b""
        # Every third is killed once more while it resumes.
        if points % 3 == 0 and attempt(run, 25 + points % 50) == -signal.SIGKILL:
            assert whole(run).startswith(before), "a finished cell has changed"
            before = whole(run)
        assert attempt(run) == 0, f"killed at point {points}, it cannot go on"
        assert whole(run).startswith(before), "a finished cell has changed"
        found = outcome(run)
        for part, value in expected.items():
            assert found[part] == value, (points, part, found[part])
        # A worker's file is written when it ends: of one that the killing cut short there is none.
        lost = {path.name for path in (folder / "whole" / "raw").iterdir()} - {
            path.name for path in (run / "raw").iterdir()
        }
        assert len(lost) <= 2, lost
        points, resumed = points + step, resumed + bool(load_run(run).resumed)
    print(json.dumps({"points": points, "resumed": resumed, "cells": len(expected["cells"])}))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except UnreadableRun as error:
        sys.exit(f"unreadable: {error}")
