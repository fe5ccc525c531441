"""gdbench: measure, cross-check and explain one algorithm in many array systems.

The floors of the house, from the top. An import points down only; tests/test_house.py checks it.

    cli                  parse, call one wing, print, exit code
    learn                the course
    report               a Report and its writers: terminal, Markdown, HTML; plots
    measure              options, runner, worker, run directory
    analysis, check      every derived figure; oracle, bound, checks, diagnosis
    data                 problems: synthetic, built-in, the user's files
    records, plan        what was measured, what is to be measured
    runtime, stats, text child processes, files, machine; statistics; words and numbers
"""

__version__ = "0.1.0"
