"""Run the command line in a child process."""

import os
import subprocess
import sys
from pathlib import Path

GDBENCH = (sys.executable, "-m", "bench")
UNPROBED = (sys.executable, str(Path(__file__).with_name("unprobed.py")))  # without probes of the machine


def gdbench(
    *arguments: object, cwd: Path, program: tuple[str, ...] = GDBENCH, **environment: str
) -> tuple[int, str, str]:
    """Run the command line as a user does. Return (exit code, standard output, standard error)."""
    command = [*program, *map(str, arguments)]
    process = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=os.environ | environment, check=False
    )
    return process.returncode, process.stdout, process.stderr


def gdbench_to_closed_pipe(*arguments: object, cwd: Path) -> tuple[int, str]:
    """Run the command line with standard output closed at once, as by `| true`. Return (exit code, standard error)."""
    command, pipe = [*GDBENCH, *map(str, arguments)], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=cwd) as process:
        process.stdout.close()
        errors = process.stderr.read()
    return process.returncode, errors


def unprobed(*arguments: object, cwd: Path, **environment: str) -> tuple[int, str, str]:
    """Run the command line without probes of the machine. Return the same as `gdbench`."""
    return gdbench(*arguments, cwd=cwd, program=UNPROBED, **environment)
