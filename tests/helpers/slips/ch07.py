"""Chapter 7."""

from helpers.slips import Slip

ADD = "partial[t, j] += X[i, j] * residual[i]"
CUT = "range(n * t // threads, n * (t + 1) // threads)"

SLIPS = (
    Slip("one row of sums for all", "still racy", ((ADD, "partial[0, j] += X[i, j] * residual[i]"),)),
    Slip("only the last entry of its own", "still racy", ((ADD, "partial[t if j == d - 1 else t - t, j] += X[i, j] * residual[i]"),)),
    Slip("no threads", "no threads", (("for t in prange(threads)", "for t in range(threads)"),)),
    Slip("one block", "no threads", (("threads = get_num_threads()", "threads = 1"),)),
    Slip("the last rows lost", "rows lost", ((CUT, "range(t * (n // threads), (t + 1) * (n // threads))"),)),
    Slip("one block is not added", "rows lost", (("    for t in range(threads):\n        for j in range(d):\n            sums", "    for t in range(threads - 1):\n        for j in range(d):\n            sums"),)),
    Slip("short numbers", "short numbers", (("np.zeros((threads, d))", "np.zeros((threads, d), np.float32)"),)),
    Slip("without the 2", "", (("(-2 / n *", "(-1 / n *"),)),
)  # fmt: skip
