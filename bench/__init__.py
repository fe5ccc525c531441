"""gdbench: measure, cross-check and explain one algorithm in many array systems.

The floors of the house, from the top; an import may only point down:

    cli                      parse, call one wing, print, exit code
    measure                  plan, driver, and the pytest-benchmark worker
    check                    oracle, bound, checks
    problem, report          data sets; tables, figures and pages of a saved run
    records, process, machine, statistics, and the package `backends`
"""

__version__ = "0.1.0"
