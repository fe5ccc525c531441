"""The fixed texts of a report: notes by figure or table, and the method."""

NOTES = {
    "time_per_iteration": (
        "Time of one iteration against the number of rows n; lower is better. Both axes are logarithmic, so equal"
        " steps are equal ratios. A bar through a mark is the interval of its median. Cells without a time are in the"
        " rows below, with the reason."
    ),
    "speedup": ("The same times as ratios: above 1× is faster than the named backend, below is slower."),
    "roofline": (
        "Bytes of the data that a backend processes per second; higher is better. The thick line is the limit of"
        " this machine at each size, measured in the same run: the read bandwidth where memory is the limit, the peak"
        " of arithmetic elsewhere."
    ),
    "winners": (
        "The backend with the lowest time per iteration for each number of rows and columns. Where the interval of a"
        " ratio contains 1×, it is a tie and all tied backends are named."
    ),
    "cold_cost": (
        "Paid once per process, beside one call in the steady state. Never part of a time per iteration. Compile and"
        " first call are those of the processes in which this size came first."
    ),
    "ledger": (
        "The same costs end to end: the shortest bar has the first answers. One-time costs are at the left, repeated"
        " calls at the right."
    ),
    "cumulative": (
        "All of the time since the process start, import and compilation included. The lowest line is the best"
        " choice for that many iterations. Where two lines cross, the higher one-time cost is repaid."
    ),
    "noise": ("How far the processes of a backend lie apart, and whether the machine itself changed. Less is better."),
    "error": (
        "The figure follows the loss over the iterations, each error beside its own bound. The table judges the last β."
    ),
    "errors": (
        "The bound is the largest error that correct arithmetic in this dtype can have. A backend beyond it is wrong"
        " and has no time."
    ),
    "The limit": (
        "A pass computes residual, loss and gradient once. A call of K iterations makes K + 1 passes. The bandwidth"
        " is that of reading as many bytes repeatedly with as many threads, measured in every block between the"
        " cells."
    ),
    "Share of the limit": (
        "The least time of a pass over its time, block by block. The bottleneck is call overhead, bandwidth, or"
        " arithmetic (the instructions of the loops, and repeated reads from a cache)."
    ),
    "Cost model t = a + b·n·d of a pass": (
        "Fitted in every block, then median and interval. Each size is also left out and predicted from the others;"
        " the worst prediction is beside the fit. Where it is far off, no straight line fits."
    ),
    "Where is it faster?": (
        "Interpolated between the measured sizes in every block. An end outside of them has no figure."
    ),
}
METHOD = (
    (
        "What is timed.",
        "One call of the function fit of a backend on arrays in its native form, until the answer exists. The time"
        " per iteration is that time divided by the number of iterations. Every backend makes the same number of"
        " iterations.",
    ),
    (
        "What is not timed.",
        "Import, preparation of the arrays, compilation and the first call are measured apart, as the cold cost. An"
        " import starts from a bare interpreter, so it includes the import of NumPy. Every answer is checked before"
        " and after it is timed. A wrong answer has no time.",
    ),
    (
        "What a sample is.",
        "Each backend runs once in every block, in its own process and in random order. The median of the rounds of"
        " a process is one sample, because the rounds of one process are not independent.",
    ),
    (
        "What the interval means.",
        "Brackets contain the true median with at least 95 % confidence. Their ends are two of the ordered samples,"
        " so no distribution is assumed. Fewer than 6 processes define no interval.",
    ),
    (
        "What a speed-up is.",
        "The ratio to the baseline within the same block, so that a slow block does not count, then the median of"
        " these ratios with the same interval. An interval that contains 1× is a tie.",
    ),
    ("A/A control.", "The baseline runs twice in every block. If it differs from itself, the run is not trustworthy."),
)
