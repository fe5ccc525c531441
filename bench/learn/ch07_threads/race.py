"""Chapter 7: a race and its repair. All threads count rows, first in one shared number and then in one number each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import text
from bench.report.tables import Table
from bench.runtime import process
from bench.text import MISSING

ROWS, CALLS, COLUMNS = 3_000_000, 20, 4


def count_rows() -> dict[str, list[int]]:
    """The counts of ROWS rows in CALLS calls, by function. Empty if only one thread runs or Numba is missing."""
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
    def separate(ones: NDArray[Any], totals: NDArray[Any]) -> None:
        threads = len(totals)
        for t in numba.prange(threads):
            for i in range(len(ones) * t // threads, len(ones) * (t + 1) // threads):
                for j in range(totals.shape[1]):
                    totals[t, j] += ones[i]

    ones, threads = np.ones(ROWS, np.int64), numba.get_num_threads()
    results: dict[str, list[int]] = {"one shared number": [], "one number per thread": []}
    for _ in range(CALLS):
        for name, count in zip(results, (shared, separate), strict=True):
            totals = np.zeros((threads, COLUMNS), np.int64)
            count(ones, totals)
            results[name].append(int(totals.sum(axis=0).min()))
    return results


def counts(results: dict[str, list[int]]) -> Table:
    """The number of right answers, and the range of the answers."""
    rows = [
        (name, f"{sum(c == ROWS for c in values)} of {len(values)}", text.count(min(values)), text.count(max(values)))
        for name, values in results.items()
    ] or [(ALONE, MISSING, MISSING, MISSING)]
    columns = ("", "right answers", "smallest answer", "largest answer")
    return Table(f"All threads count {text.count(ROWS)} rows together", columns, rows)


def statements(results: dict[str, list[int]]) -> dict[str, str]:
    """Facts for the text. None if there was only one thread."""
    if not results:
        return {}
    racy, fixed = results.values()
    wrong, right = sum(c != ROWS for c in racy), sum(c == ROWS for c in fixed)
    return {
        "race_wrong": str(wrong),
        "race_calls": str(len(racy)),
        "race_smallest": text.count(min(racy)),
        "race_rows": text.count(ROWS),
        "race_statement": WRONG if wrong else LUCK,
        "fixed_right": str(right),
        "fixed_statement": FIXED if right == len(fixed) and wrong else "",
    }


LUCK = "This time no addition was lost. This is luck: a race does not go wrong every time."
ALONE = "not counted: only one thread runs here or Numba is missing, and a race needs two threads"
WRONG = (
    "Adding to a number takes three steps: read it, add, and write it back. If two threads read the same old value, both write the"
    " same new value, and one addition is lost. This is called a *race*: the answer depends on which thread comes first."
)
FIXED = (
    "Nothing else changed, so the shared number made the answers wrong. With one partial sum per thread, added up at the end, no"
    " thread writes where another thread writes."
)
