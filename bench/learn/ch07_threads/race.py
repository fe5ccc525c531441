"""Chapter 7: a race, shown wrong and then mended. All threads count rows, into one number or each into its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import text
from bench.report.tables import Table
from bench.runtime import process
from bench.text import MISSING

ROWS, CALLS, COLUMNS = 3_000_000, 20, 4


def count_rows() -> dict[str, list[int]]:
    """What each function says of ROWS rows, in CALLS calls; nothing where only one thread runs, or Numba is missing."""
    try:
        import numba
    except ImportError:
        return {}
    if process.available_threads() < 2 or numba.get_num_threads() < 2:
        return {}

    @numba.njit(parallel=True)
    def shared(ones: NDArray[Any], totals: NDArray[Any]) -> None:
        for i in numba.prange(len(ones)):
            for j in range(totals.shape[1]):
                totals[0, j] += ones[i]

    @numba.njit(parallel=True)
    def own(ones: NDArray[Any], totals: NDArray[Any]) -> None:
        threads = len(totals)
        for t in numba.prange(threads):
            for i in range(len(ones) * t // threads, len(ones) * (t + 1) // threads):
                for j in range(totals.shape[1]):
                    totals[t, j] += ones[i]

    ones, threads = np.ones(ROWS, np.int64), numba.get_num_threads()
    found: dict[str, list[int]] = {"one number for all": [], "one number each": []}
    for _ in range(CALLS):
        for name, count in (("one number for all", shared), ("one number each", own)):
            totals = np.zeros((threads, COLUMNS), np.int64)
            count(ones, totals)
            found[name].append(int(totals.sum(axis=0).min()))
    return found


def counts(found: dict[str, list[int]]) -> Table:
    """How often each was right, and between which ends its answers lie."""
    rows = [
        (name, f"{sum(c == ROWS for c in given)} of {len(given)}", text.count(min(given)), text.count(max(given)))
        for name, given in found.items()
    ] or [(ALONE, MISSING, MISSING, MISSING)]
    columns = ("", "right answers", "least answer", "largest answer")
    return Table(f"All threads count {text.count(ROWS)} rows together", columns, rows)


def told(found: dict[str, list[int]]) -> dict[str, str | None]:
    """What the text says; None where there was only one thread."""
    if not found:
        return dict.fromkeys(
            ("race_wrong", "race_calls", "race_least", "race_rows", "race_told", "mended_right", "mended_told")
        )
    racy, mended = found.values()
    wrong, right = sum(c != ROWS for c in racy), sum(c == ROWS for c in mended)
    return {
        "race_wrong": str(wrong),
        "race_calls": str(len(racy)),
        "race_least": text.count(min(racy)),
        "race_rows": text.count(ROWS),
        "race_told": WRONG
        if wrong
        else "This time no addition was lost, which is luck: what may go wrong need not do so each time.",
        "mended_right": str(right),
        "mended_told": MENDED if right == len(mended) and wrong else "",
    }


ALONE = "not counted: only one thread runs here, or Numba is missing, and a race needs two threads"
WRONG = (
    "To add to a number is three steps: read it, add, write it back. If two threads read the same old value, both write the same new"
    " one, and an addition is lost, because neither knows of the other. That is a *race*: the answer hangs on who comes first."
)
MENDED = (
    "Nothing else was changed, so it was the shared number that made the answers wrong. With partial sums, one for each thread and"
    " added up at the end, no thread writes where another one does."
)
