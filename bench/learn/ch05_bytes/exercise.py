"""Chapter 5: fewer temporaries: a lower peak of memory, and the same answer."""

import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from bench import text
from bench.analysis.costs import ITEMSIZE
from bench.learn import facts
from bench.learn.judge import Verdict, cross_check, load

N, D = 500_000, 2  # few columns, so that the arrays of n numbers are large beside all else
YOURS = "your_file"

HINTS = {
    "peak": (
        "Which of your lines still makes an array of n numbers? Count those that exist at the same moment.",
        "`a * b`, `y - a` and `X @ beta` each make a new array. With `out=` the number does not fall if you keep as many.",
        "One array serves both: np.matmul(X, beta, out=r), then np.subtract(y, r, out=r). The sum of squares is r @ r.",
    ),
    "input": (
        "Whose memory do you write into?",
        "X, y and beta belong to the caller. `y -= ...` and `out=y` write into them; so does `beta -= ...` without a copy.",
        "Make an array of your own at the start of fit, residual = np.empty_like(y), and write into that one only.",
    ),
    "kept": (
        "What is left of your arrays when fit has returned?",
        "A module-level list or dictionary outlives the call. Then the next call writes into what it finds there.",
        "Make the array inside fit: residual = np.empty_like(y). It goes away by itself at the end.",
    ),
    "float32": (
        "The peak may fall, but look at the digits of the answer.",
        "An array in float32 drops digits. The contract: the dtype of X is the dtype of the arithmetic.",
        "np.empty_like(y) has the dtype of y. Leave out every np.float32 and every .astype.",
    ),
    "float64": (
        "In float64 all is well. What does your file do when X and y come in float32?",
        "np.empty(n) and np.zeros(n) are float64 whatever X is; arithmetic with such an array becomes float64, too.",
        "Take np.empty_like(y), or np.empty(n, X.dtype), and let the losses be X.dtype as they were.",
    ),
    "": (
        "Change one line at a time, and check after each.",
        "Run `gdbench check` on your file: it says which part of the answer is off.",
        "Start again from start.py and replace only `y - y_pred` by np.subtract(y, y_pred, out=y_pred).",
    ),
}


def judge(path: Path) -> Verdict:
    verdict = cross_check(path)
    if not verdict.passed:
        return Verdict(verdict.outcome, verdict.why, _slip(verdict.why))
    module = load(path)
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    module.fit(*module.prepare(X, y, np.zeros(2)), 0.001, 2, 0.0)
    if (name := _kept(module)) is not None:
        return Verdict("wrong", f"after a call, {name} still holds an array: something is kept between calls", "kept")
    return verdict


def _slip(why: str) -> str:
    """The slip behind a failed check, by the check and by what it found."""
    check, found = why.split(": ", 1) if ": " in why else (why, "")
    if "read-only" in found or ("leaves_its_inputs_alone" in check and "raised" not in found):
        return "input"
    if "a buffer is reused" in found or "after a call with" in found or "answer of an earlier" in found:
        return "kept"
    if "[float32" in check:  # float64 was checked before and came out right
        return "float64"
    return "float32" if "float32" in found else ""


def _kept(module: ModuleType) -> str | None:
    """The name in the module under which an array lies; None where there is none."""
    for name, held in vars(module).items():
        inside = list(held.values()) if isinstance(held, dict) else held if isinstance(held, list | tuple) else [held]
        if not name.startswith("__") and any(isinstance(each, np.ndarray) for each in inside):
            return name
    return None


def timed(path: Path, quick: bool) -> Verdict:
    from bench.learn import experiment

    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        copy = Path(folder) / f"{YOURS}.py"  # two files with one stem cannot be in one run
        shutil.copyfile(path, copy)
        backends = experiment.known([copy])
        run = experiment.measured(Path(folder) / "run", backends, [f"{N}x{D}"], max_iter=5, quick=quick)
    theirs, ours = facts.cell(run, "numpy_vectorized"), facts.cell(run, YOURS)
    if theirs is None or ours is None:
        return Verdict("failed", "it was right, but could not be measured beside numpy_vectorized")
    if theirs.peak_bytes is None or ours.peak_bytes is None:
        return Verdict("inconclusive", f"right, but this system ({sys.platform}) does not tell the peak of a process")
    vector = N * ITEMSIZE["float64"]
    shown = (
        f"a peak of {text.memory(ours.peak_bytes)}, against {text.memory(theirs.peak_bytes)} of numpy_vectorized"
        f" (an array of n numbers: {text.memory(vector)})"
    )
    if theirs.peak_bytes - ours.peak_bytes < vector / 2:
        return Verdict("wrong", f"right, but not smaller: {shown}", "peak")
    return Verdict("passed", f"right, with {shown}")
