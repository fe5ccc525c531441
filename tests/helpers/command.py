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
    """Run the command line as a user does. Returns (exit code, standard output, standard error)."""
    words = [*program, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=os.environ | environment, check=False)
    return done.returncode, done.stdout, done.stderr


def unprobed(*arguments: object, cwd: Path, **environment: str) -> tuple[int, str, str]:
    """Run the command line without probes of the machine. Returns what `gdbench` returns."""
    return gdbench(*arguments, cwd=cwd, program=UNPROBED, **environment)
