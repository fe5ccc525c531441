"""Chapter 7: mend a racy reduction. Right, repeatable, and still the work of several threads."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench import text
from bench.learn.judge import Verdict, cross_check
from bench.runtime import process

ROWS = 2_000_003  # a prime, so that no number of threads divides it; so many that threads meet, whoever else runs
CALLS = 25
SHARE = 0.12  # of the busiest thread's time that the others must have worked: with two threads a third is fair
# A thread that waits for its next work must sleep, not spin: only then is its time work.
SLEEP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
ALONE = (
    "this machine has one processor only, on which no two threads meet: whether the race is gone cannot be judged here"
)

HINTS = {
    "still racy": (
        "Call it twice with the same numbers: the answers differ. Into which entries do two threads write?",
        "`partial` needs a row for each thread, and a thread may write into its own row only.",
        "Inside `prange(threads)` write to `partial[t, j]` for every j, with t the variable of the prange.",
    ),
    "no threads": (
        "It is right, but who does the work? One thread adds all of it up.",
        "`range` does not share its rounds out, and a `prange` of one round has nothing to share.",
        "`threads = get_num_threads()`, and the outer loop is `for t in prange(threads)`.",
    ),
    "rows lost": (
        "Each call gives the same wrong answer. Does somebody add up every row?",
        "n need not be divisible by the number of threads. Where do the last rows go? Are all blocks added at the end?",
        "Thread t takes the rows from n * t // threads up to, not with, n * (t + 1) // threads. Add all rows of `partial`.",
    ),
    "short numbers": (
        "It is nearly right. How many digits do your partial sums keep?",
        "A float32 keeps about seven digits. Which array did you make with that dtype?",
        "np.zeros((threads, d)) is float64, as X is.",
    ),
    "": (
        "Change `sum_up` only, and check after each change.",
        "`gdbench check` on your file says which part of the answer is off.",
        "Begin again with start.py: cut the rows in blocks, one for each thread, and give each thread a row of `partial`.",
    ),
}


def problem() -> tuple[np.ndarray, np.ndarray]:
    """X and y of whole numbers, so that Xᵀy is exact in any order. The first column counts the rows."""
    rng = np.random.default_rng()  # other numbers each time
    X = rng.integers(1000, 5000, (ROWS, 4)).astype(np.float64)
    X[:, 0] = 1.0
    return X, np.ones(ROWS)


def ask(path: Path, X: np.ndarray, y: np.ndarray, calls: int) -> list[np.ndarray]:
    """Xᵀy as the file has it, call after call: with β₀ = 0, η = n/2 and one update it is the new β itself."""
    from backends import load

    backend = load(path)
    native = backend.prepare(X, y, np.zeros(X.shape[1]))
    found = []
    for _ in range(calls):
        beta, _ = backend.fit(*native, len(y) / 2, 1, 0.0)
        found.append(np.array(backend.to_numpy(beta), dtype=float))
    return found


def judge(path: Path) -> Verdict:
    X, y = problem()
    expected = X.T @ y
    found = ask(path, X, y, CALLS)
    if any(each.shape != expected.shape for each in found):
        return Verdict("wrong", f"β has shape {found[0].shape}; allowed: {expected.shape}")
    off = [float(np.max(np.abs(each / expected - 1))) for each in found]
    wrong = [each for each, far in zip(found, off, strict=True) if not far <= 1e-12]
    differ = len({tuple(np.round(each / expected, 12)) for each in found})
    if wrong and differ > 1:
        columns = [j for j in range(4) if any(abs(each[j] / expected[j] - 1) > 1e-12 for each in wrong)]
        why = f"{len(wrong)} of {CALLS} calls with the same {text.count(ROWS)} rows were wrong, and there were {differ} answers"
        return Verdict("wrong", f"{why}; additions are lost in the sums of {len(columns)} of 4 columns", "still racy")
    rows = wrong[0][0] if wrong else ROWS
    if wrong and abs(rows - round(rows)) < 1e-3 and 0 < round(rows) < ROWS and _near(wrong[0], X[: round(rows)]):
        missing = text.count(ROWS - round(rows))
        return Verdict("wrong", f"each call forgets rows: {missing} of {text.count(ROWS)} are in no sum", "rows lost")
    if wrong and 1e-12 < off[0] < 1e-2:
        why = f"each call is off by a share of {off[0]:.1e}: far more than float64 rounds, and like float32"
        return Verdict("wrong", why, "short numbers")
    checked = cross_check(path)
    if not checked.passed:
        return checked
    return checked if process.available_threads() > 1 else Verdict("inconclusive", f"right in every check; but {ALONE}")


def _near(found: np.ndarray, X: np.ndarray) -> bool:
    """Whether every column lacks about as much as the rows do: the sums of so many rows, whichever they are."""
    return bool(np.allclose(found, X.sum(axis=0), rtol=0.02))


def timed(path: Path, quick: bool) -> Verdict:
    """Not by a clock: by how much each thread of a child process has worked, which no neighbour can change."""
    seen: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        outcome = process.run(
            ["-m", "bench.learn.ch07_threads.exercise", str(path.resolve())], threads=process.available_threads(),
            deadline_s=60.0, folder=Path(folder), on_message=seen.append, environment=SLEEP,
        )  # fmt: skip
    if not seen:
        return Verdict("failed", f"it was right, but then your file {outcome.describe()}")
    first, others = seen[-1]["first"], seen[-1]["others"]
    if not first:
        return Verdict("inconclusive", "right; but the work was too short to see which threads did it")
    told = f"beside the busiest thread the others worked {text.percent(others / first)} of its time"
    if others < SHARE * first:
        return Verdict("wrong", f"right in {CALLS} calls, but one thread does all of it: {told}", "no threads")
    return Verdict("passed", f"right in every check and the same in {CALLS} calls, and {told}")


def main() -> None:
    channel = process.Channel()
    X, y = problem()
    ask(Path(sys.argv[1]), X, y, 1)  # compiles
    before = {thread.id: thread.user_time for thread in psutil.Process().threads()}
    ask(Path(sys.argv[1]), X, y, 2 * CALLS)
    worked = sorted(each.user_time - before.get(each.id, 0.0) for each in psutil.Process().threads())
    channel.send(first=worked[-1], others=sum(worked[:-1]))


if __name__ == "__main__":
    main()
