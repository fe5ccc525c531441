"""Chapter 5: fewer temporaries, which lower the memory peak without changing the answer."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from bench import text
from bench.analysis.cost_model import ITEMSIZE
from bench.check.messages import EARLIER_RESULT, REUSED_BUFFER, RIGHT_AT_FIRST, WRITTEN_TO
from bench.learn import facts
from bench.learn.judge import YOURS, Verdict, against, cross_check, load

N, D = 500_000, 2  # few columns, so that arrays of n numbers dominate the peak

HINTS = {
    "peak": (
        "Which of your lines creates an array of n numbers? Count the arrays that exist at the same time.",
        "`a * b`, `y - a` and `X @ beta` each create an array. `out=` does not lower the number if you keep as many arrays.",
        "One array is enough for both: np.matmul(X, beta, out=r), then np.subtract(y, r, out=r). The sum of squares is r @ r.",
    ),
    "input": (
        "Which array does your function write into?",
        "X, y and beta belong to the caller. `y -= ...` and `out=y` write into them, and so does `beta -= ...` without a copy.",
        "Create an array at the start of fit, residual = np.empty_like(y), and write only into this array.",
    ),
    "kept": (
        "Which of your arrays still exist after fit returns?",
        "A list or dictionary at module level outlives the call. The next call then writes into the same array.",
        "Create the array inside fit: residual = np.empty_like(y). It is freed at the end of the call.",
    ),
    "float32": (
        "The peak may fall, but check the digits of the answer.",
        "A float32 array drops digits. The contract requires arithmetic in the dtype of X.",
        "np.empty_like(y) has the dtype of y. Remove every np.float32 and every .astype.",
    ),
    "float64": (
        "Your file is right in float64. What does it do when X and y are float32?",
        "np.empty(n) and np.zeros(n) are float64 for every X, and arithmetic with such an array becomes float64.",
        "Use np.empty_like(y) or np.empty(n, X.dtype), and keep the losses in X.dtype.",
    ),
    "": (
        "Change one line at a time, and check after each change.",
        "Run `gdbench check` on your file. It reports which part of the answer is wrong.",
        "Start again from `numpy_vectorized`, and replace only `y - y_pred` by np.subtract(y, y_pred, out=y_pred).",
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
        return Verdict("wrong", f"after a call, the module's {name} still holds an array", "kept")
    return verdict


def _slip(why: str) -> str:
    """The hint key for a failed check, from the name of the check and its message."""
    check, message = why.split(": ", 1) if ": " in why else (why, "")
    if WRITTEN_TO in message or ("leaves_its_inputs_alone" in check and "raised" not in message):
        return "input"
    if any(part in message for part in (REUSED_BUFFER, RIGHT_AT_FIRST, EARLIER_RESULT)):
        return "kept"
    if "[float32" in check:  # float64 is checked first, so it is right
        return "float64"
    return "float32" if "float32" in message else ""


def _kept(module: ModuleType) -> str | None:
    """The name of a module variable that holds an array. None if there is none."""
    for name, held in vars(module).items():
        inside = list(held.values()) if isinstance(held, dict) else held if isinstance(held, list | tuple) else [held]
        if not name.startswith("__") and any(isinstance(each, np.ndarray) for each in inside):
            return name
    return None


def timed(path: Path, quick: bool) -> Verdict:
    _, run = against(path, "numpy_vectorized", f"{N}x{D}", quick, max_iter=5)
    baseline, yours = facts.cell(run, "numpy_vectorized"), facts.cell(run, YOURS)
    if baseline is None or yours is None:
        return Verdict("failed", "right, but it could not be measured with numpy_vectorized")
    if baseline.peak_bytes is None or yours.peak_bytes is None:
        return Verdict("inconclusive", f"right, but this system ({sys.platform}) does not report the peak of a process")
    vector = N * ITEMSIZE["float64"]
    peaks = (
        f"a peak of {text.memory(yours.peak_bytes)}, compared with {text.memory(baseline.peak_bytes)} for"
        f" numpy_vectorized (an array of n numbers: {text.memory(vector)})"
    )
    if baseline.peak_bytes - yours.peak_bytes < vector / 2:
        return Verdict("wrong", f"right, but not smaller: {peaks}", "peak")
    return Verdict("passed", f"right, with {peaks}")
