"""The commands list, machine and check: what can be measured here, and whether it is right."""

from pathlib import Path
from typing import Annotated

from bench.cli.common import Flag, Several, plan_backends, print_json


def list_(*, json: Annotated[bool, Flag] = False) -> int:
    """List the backends: summary, library version, and what to install if one is unavailable.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    from backends import describe, names

    entries = [
        {
            "backend": backend.name,
            "summary": backend.summary,
            "available": backend.missing is None,
            "reason": backend.missing,
            "version": backend.version,
            "requires": list(backend.requires),
            "algorithm": backend.algorithm,
            "dtypes": list(backend.dtypes),
        }
        for backend in map(describe, names())
    ]
    if json:
        print_json({"backends": entries})
    else:
        from bench.report.terminal import print_list

        print_list(entries)
    return 0


def machine(*, json: Annotated[bool, Flag] = False) -> int:
    """Describe the machine: processor, caches, BLAS and its kernel, threads, versions, and measured peaks.

    Parameters
    ----------
    json
        Print one JSON document.
    """
    from bench.report.terminal import busy, print_machine
    from bench.runtime.machine import describe, peaks

    with busy("measuring read bandwidth and flop/s, a few seconds"):
        description = describe() | {"peaks": peaks()}
    if json:
        print_json(description)
    else:
        print_machine(description)
    return 0


def check(backends: Annotated[list[str] | None, Several] = None, /, *, json: Annotated[bool, Flag] = False) -> int:
    """Cross-check backends against exact arithmetic.

    Parameters
    ----------
    backends
        Names or paths of backend files. Without any, all available backends are checked.
    json
        Print one JSON document.
    """
    import tempfile

    from msgspec import to_builtins

    from bench import check as cross_check
    from bench.report.terminal import CheckProgress, print_check, print_warnings
    from bench.runtime.machine import replaced_platforms

    print_warnings(replaced_platforms())
    chosen = plan_backends(backends or [])
    usable = [backend for backend in chosen if backend.missing is None]
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder, CheckProgress(quiet=json) as progress:
        result = cross_check.check([backend.source for backend in usable], Path(folder), progress)
    result.backends += [cross_check.unavailable(b.name, b.missing) for b in chosen if b.missing is not None]
    statuses = {report.status for report in result.backends}
    # A backend has failed, none could be checked, or one that the user named is unavailable.
    failed = not result.passed or (backends and "unavailable" in statuses)
    code = 1 if "wrong" in statuses else 3 if failed else 0
    result.passed = code == 0
    if json:
        print_json(to_builtins(result))
    else:
        print_check(result.backends)
    return code
