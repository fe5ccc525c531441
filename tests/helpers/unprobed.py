"""gdbench with invented peaks, sentinels and read rates: `python unprobed.py run …`.

The probes take most of the time of a small run. Workers, checks, journal and report are the real ones. The environment variable
MIN_DEADLINE_S is the shortest deadline of a silent worker, in seconds.
"""

import os

from bench.cli import main
from bench.measure import runner
from bench.runtime import machine

machine.peaks = lambda threads=(), quick=False: [
    {
        "threads": count,
        "gflop_per_s": {"float64": 10.0, "float32": 20.0},
        "read": [{"bytes": 2**20, "fits_in": "L2", "gb_per_s": 40.0}],
    }
    for count in threads or (1, 2)
]
machine.sentinels = lambda threads: {"arithmetic": 0.01, "memory": 0.02}
machine.read_rates = lambda threads, working_sets: dict.fromkeys(working_sets, 40.0)
if "MIN_DEADLINE_S" in os.environ:
    runner.MIN_DEADLINE_S, runner.HANG_SHARE = float(os.environ["MIN_DEADLINE_S"]), 0.0

if __name__ == "__main__":
    main()
