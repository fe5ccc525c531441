"""Kill a simulated driver at every STEP-th point at which it writes: `python killing.py FOLDER STEP` prints the counts.

test_resume.py starts this program in a child process, because it forks and a test session has threads.
"""

import json
import os
import signal
import sys
from pathlib import Path

import scipy.stats  # noqa: F401 - imported once here, not in each child

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
    """Replacement of process.run: stage the data at once, measure each cell in no time."""
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
            sample |= {"status": "failed", "detail": f"other counts than in block 1: {decision}"}
        if cell.startswith("failing_one-synthetic-20"):
            sample = {"cell": cell, "block": spec["block"], "status": "wrong", "detail": "wrong"}
        on_message({"event": "cell", "sample": sample})
    Path(raw).write_text(json.dumps({"benchmarks": list(spec["cells"])}))
    return process.Outcome(0, False, "", 0.5)


def simulate():
    """Replace the probes of the machine and the child processes of the runner."""
    machine.describe = lambda: {"cpu": {"model": "none"}, "versions": {}, "threads_available": 4, "gdbench": "0"}
    machine.peaks = lambda threads=(), quick=False: [{"threads": count} for count in threads]
    machine.sentinels = lambda threads: {"arithmetic": 0.1, "memory": 0.2}
    machine.read_rates = lambda threads, working_sets: dict.fromkeys(working_sets, 40.0)
    process.run, process.available_threads = simulated, lambda: 1  # type: ignore[assignment]


class Killer:
    """Kill this process at write point `at`. Each call that changes the disk has two points: half way and at its end."""

    CALLS = ("open", "write", "fsync", "replace", "mkdir", "ftruncate")

    def __init__(self, at):
        self.left = at
        for name in self.CALLS:
            setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name, call):
        def wrapper(*arguments, **options):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return call(*arguments, **options)
            if self.is_due():
                if name == "write":  # write half of the data
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments, **options)
            if self.is_due():
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    def is_due(self):
        self.left -= 1
        return self.left < 0


def attempt(folder, at=None):
    """Begin or resume the run in a child process, killed at point `at` unless it is None. Return the exit code."""
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


def complete_lines(folder):
    """The complete lines of the journal. Raise if another file is incomplete."""
    for path in folder.rglob("*.json"):
        if path.name == "run.json":
            load_run(path)
        elif not path.name.startswith("."):
            json.loads(path.read_text())
    journal = folder / "journal.jsonl"
    text = journal.read_bytes() if journal.exists() else b""
    return text[: text.rfind(b"\n") + 1]


def outcome(folder):
    """The parts of a finished run that do not depend on how often it was stopped."""
    run = load_run(folder)
    samples = map(json.loads, (folder / "journal.jsonl").read_text().splitlines())
    cells = sorted((sample["cell"], sample["block"], sample["status"]) for sample in samples)
    blocks = [(block.index, block.order, len(block.sentinels["memory"])) for block in run.blocks]
    hidden = [path.name for path in folder.rglob(".*")]
    summary = [(cell.backend, cell.n_samples, cell.control, cell.status, cell.samples_s) for cell in run.cells]
    return {"cells": cells, "blocks": blocks, "hidden": hidden, "summary": summary}


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def main(folder, step):
    simulate()
    assert attempt(folder / "reference") == 0
    expected, points, resumed = outcome(folder / "reference"), 0, 0
    while True:
        run = folder / f"killed-{points}"
        exit_code = attempt(run, points)
        if exit_code != -signal.SIGKILL:
            assert exit_code == 0, exit_code
            break
        before = complete_lines(run) if run.exists() else b""
        # Every third run is killed once more while it resumes.
        if points % 3 == 0 and attempt(run, 25 + points % 50) == -signal.SIGKILL:
            assert complete_lines(run).startswith(before), "a complete line of the journal changed"
            before = complete_lines(run)
        assert attempt(run) == 0, f"killed at point {points}, the run does not resume"
        assert complete_lines(run).startswith(before), "a complete line of the journal changed"
        assert outcome(run) == expected, (points, outcome(run))
        # A worker writes its file when it ends. A killed worker leaves none.
        missing = names_in(folder / "reference" / "raw") - names_in(run / "raw")
        assert len(missing) <= 2, missing
        points, resumed = points + step, resumed + bool(load_run(run).resumed)
    print(json.dumps({"points": points, "resumed": resumed, "cells": len(expected["cells"])}))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except UnreadableRun as error:
        sys.exit(f"unreadable: {error}")
