"""The fixed texts of a report: of its chapters, notes by figure or table, and the method."""

from bench.stats import MIN_SAMPLES

CHAPTERS = {
    "Speed": (
        "The time of one iteration in the steady state, import and compilation apart. An iteration reads all of the"
        " data once. Where an interval contains 1×, two backends are tied."
    ),
    "First answer": (
        "A new process first imports, prepares and compiles. A fast backend pays that back only after enough"
        " iterations. These costs are never part of a time per iteration."
    ),
    "Limits": (
        "No backend can be faster than the machine reads the data or computes with it. Both rates were measured in the"
        " same run. The share of the limit says how much a better program could still gain."
    ),
    "Correctness": (
        "Every result is checked before it is timed. The bound is the largest error that correct arithmetic in this"
        " dtype can have; a backend beyond it is wrong and has no time."
    ),
    "Method and data": (
        "Each backend runs once in every block, in a process of its own and in random order. The baseline runs twice,"
        " so that the run measures its own noise."
    ),
}
NOTES = {
    "winners": (
        "The fastest of the four core backends for each number of rows and columns. All that are tied are named."
    ),
    "winners_all": "The fastest of all ranked backends, the tuned files included.",
    "time_per_iteration": "Lower is better. A bar through a mark is the interval of its median.",
    "speedup": "Above the line is faster than the baseline, below it slower.",
    "scaling": "A dotted line shows what perfect scaling would give.",
    "roofline": (
        "Higher is better. The dashed line is the read bandwidth at each size; the dotted one is the arithmetic peak."
    ),
    "Share of the limit by size": "The least time of a pass over its time: 100 % is as fast as this machine can be.",
    "ledger": "The shortest bar has its answers first. One-time costs are at the left, repeated calls at the right.",
    "cumulative": (
        "The lowest line is the best choice for that many iterations. Where it crosses the baseline, compiling is paid"
        " back."
    ),
    "noise": "Each dot is one process. Beside them, two fixed kernels show whether the machine itself changed.",
    "error": "Each error of the loss beside its own bound. Everything below the line is correct.",
    "Error against its bound": "The table judges the last β.",
    "The limit": (
        "A pass computes residual, loss and gradient once; K iterations make K + 1 passes. The bandwidth is that of"
        " reading as many bytes repeatedly with as many threads, measured in every block."
    ),
    "Share of the limit": (
        "Paired block by block. The bottleneck is call overhead, bandwidth, or arithmetic (the instructions of the"
        " loops, and repeated reads from a cache)."
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
        f" so no distribution is assumed. Fewer than {MIN_SAMPLES} processes define no interval.",
    ),
    (
        "What a speed-up is.",
        "The ratio to the baseline within the same block, so that a slow block does not count, then the median of"
        " these ratios with the same interval. An interval that contains 1× is a tie.",
    ),
    ("A/A control.", "The baseline runs twice in every block. If it differs from itself, the run is not trustworthy."),
)
