"""Chapter 7: remove the race from a parallel sum. It must be right, repeatable, and use several threads."""

import sys
from pathlib import Path

import numpy as np
import psutil

from bench import text
from bench.learn import child
from bench.learn.judge import Verdict, cross_check
from bench.runtime import process

ROWS = 2_000_003  # a prime, so no number of threads divides it; large enough that threads collide on a busy machine
CALLS = 25
SHARE = 0.12  # minimum work of the other threads relative to the busiest one
# Threads that wait for work must sleep instead of spinning, so that their CPU time is work.
SLEEP = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
ALONE = "this machine has only one processor, so the check cannot tell whether the race is gone"

HINTS = {
    "still racy": (
        "Call your function twice with the same numbers: the answers differ. Which entries do two threads write to?",
        "`partial` needs a row for each thread, and a thread may write only to its own row.",
        "Inside `prange(threads)`, write to `partial[t, j]` for every j, where t is the variable of the prange.",
    ),
    "no threads": (
        "The answer is right, but one thread does all the work.",
        "`range` does not distribute its iterations, and a `prange` with one iteration has nothing to distribute.",
        "`threads = get_num_threads()`, and the outer loop is `for t in prange(threads)`.",
    ),
    "rows lost": (
        "Each call returns the same wrong answer. Does your function add up every row?",
        "n need not be divisible by the number of threads. Where do the last rows go? Do you add all blocks at the end?",
        "Thread t takes the rows from n * t // threads up to but not including n * (t + 1) // threads. Add all rows of `partial`.",
    ),
    "short numbers": (
        "The answer is nearly right. How many digits do your partial sums have?",
        "A float32 has about seven digits. Which array has this dtype?",
        "np.zeros((threads, d)) is float64, like X.",
    ),
    "": (
        "Change only `sum_up`, and check after each change.",
        "Run `gdbench check` on your file. It reports which part of the answer is wrong.",
        "Start again from start.py: divide the rows into blocks, one for each thread, and give each thread a row of `partial`.",
    ),
}


def problem() -> tuple[np.ndarray, np.ndarray]:
    """X and y of integers, so that Xᵀy is exact in any order. The first column counts the rows."""
    rng = np.random.default_rng()  # unseeded, so the numbers differ in every run
    X = rng.integers(1000, 5000, (ROWS, 4)).astype(np.float64)
    X[:, 0] = 1.0
    return X, np.ones(ROWS)


def ask(path: Path, X: np.ndarray, y: np.ndarray, calls: int) -> list[np.ndarray]:
    """Xᵀy from the file in several calls: with β₀ = 0, η = n/2 and one update, it is the new β."""
    from backends import load

    backend = load(path)
    native = backend.prepare(X, y, np.zeros(X.shape[1]))
    betas = []
    for _ in range(calls):
        beta, _ = backend.fit(*native, len(y) / 2, 1, 0.0)
        betas.append(np.array(backend.to_numpy(beta), dtype=float))
    return betas


def judge(path: Path) -> Verdict:
    X, y = problem()
    expected = X.T @ y
    answers = ask(path, X, y, CALLS)
    if any(each.shape != expected.shape for each in answers):
        return Verdict("wrong", f"β has shape {answers[0].shape}; allowed: {expected.shape}")
    errors = [float(np.max(np.abs(each / expected - 1))) for each in answers]
    wrong = [each for each, error in zip(answers, errors, strict=True) if not error <= 1e-12]
    n_answers = len({tuple(np.round(each / expected, 12)) for each in answers})
    if wrong and n_answers > 1:
        columns = [j for j in range(4) if any(abs(each[j] / expected[j] - 1) > 1e-12 for each in wrong)]
        why = f"{len(wrong)} of {CALLS} calls with the same {text.count(ROWS)} rows were wrong, with {n_answers} different answers"
        return Verdict("wrong", f"{why}; additions are lost in the sums of {len(columns)} of 4 columns", "still racy")
    rows = wrong[0][0] if wrong else ROWS
    if wrong and abs(rows - round(rows)) < 1e-3 and 0 < round(rows) < ROWS and _near(wrong[0], X[: round(rows)]):
        missing = text.count(ROWS - round(rows))
        return Verdict("wrong", f"each call omits {missing} of {text.count(ROWS)} rows", "rows lost")
    if wrong and 1e-12 < errors[0] < 1e-2:
        why = (
            f"each call has a relative error of {errors[0]:.1e}, which is too large for float64 and typical of float32"
        )
        return Verdict("wrong", why, "short numbers")
    checked = cross_check(path)
    if not checked.passed:
        return checked
    return checked if process.available_threads() > 1 else Verdict("inconclusive", f"right in every check, but {ALONE}")


def _near(sums: np.ndarray, X: np.ndarray) -> bool:
    """Whether the sums are about those of this many rows, in every column."""
    return bool(np.allclose(sums, X.sum(axis=0), rtol=0.02))


def timed(path: Path, quick: bool) -> Verdict:
    """A verdict from the CPU time of each thread in a child process, which other processes do not affect."""
    seen, outcome = child.run("ch07_threads.exercise", str(path.resolve()), environment=SLEEP)
    if not seen:
        return Verdict("failed", f"the answers were right, but then your file {outcome.describe()}")
    first, others = seen["first"], seen["others"]
    if not first:
        return Verdict("inconclusive", "right, but the work was too short to see which threads did it")
    work = f"the other threads worked {text.percent(others / first)} of the time of the busiest one"
    if others < SHARE * first:
        return Verdict("wrong", f"right in {CALLS} calls, but one thread does all the work: {work}", "no threads")
    return Verdict("passed", f"right in every check and the same in {CALLS} calls; {work}")


def main() -> None:
    channel = process.Channel()
    X, y = problem()
    ask(Path(sys.argv[1]), X, y, 1)  # compiles
    before = {thread.id: thread.user_time for thread in psutil.Process().threads()}
    ask(Path(sys.argv[1]), X, y, 2 * CALLS)
    worked = sorted(each.user_time - before.get(each.id, 0.0) for each in psutil.Process().threads())
    channel.ask(first=worked[-1], others=sum(worked[:-1]))


if __name__ == "__main__":
    main()
