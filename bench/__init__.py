"""gdbench: measure, cross-check and explain one algorithm in many array systems.

The packages, from the top. A package imports only packages below it; tests/test_house.py checks that.

    cli                  parse the arguments, call one package, print, return the exit code
    learn                the course
    report               a Report, its writers for terminal, Markdown and HTML, and the plots
    measure              options, runner, worker, run directory
    analysis, check      every derived quantity; oracle, bound, checks, diagnosis
    data                 problems: synthetic, built-in, from files
    records, plan        the results of a run; what a run measures
    runtime, stats, text child processes, files, machine; statistics; numbers and names as text
"""

__version__ = "0.1.0"
