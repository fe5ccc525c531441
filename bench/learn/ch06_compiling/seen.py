"""Chapter 6: what needs no suite. The programs that two compilers make are counted, and a call of JAX is looked at twice."""

import tempfile
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends import BackendError, load
from bench import text
from bench.report.tables import Table
from bench.runtime import process

Waited = list[tuple[float, float, bool]]  # seconds to return, seconds to answer, ready at return
# What is called, in this order: rows, dtype, whether the numbers are others, max_iter.
CALLS = (
    ("100 rows, float64: the first call", 100, "float64", 0, 3),
    ("the same again", 100, "float64", 0, 3),
    ("other numbers, another learning rate", 100, "float64", 1, 3),
    ("200 rows", 200, "float64", 0, 3),
    ("100 rows, float32", 100, "float32", 0, 3),
    ("100 rows, float64, max_iter = 4 and not 3", 100, "float64", 0, 4),
)
NEW_SHAPE = 3  # which of them has another shape, and nothing else


def count_programs() -> dict[str, list[int]]:
    """How many programs there are after each of CALLS, by backend; one whose library is missing is left out."""
    found: dict[str, list[int]] = {}
    for name, start in (("jax_jit", _fresh_jax), ("numba_jit", _fresh_numba)):
        try:
            backend = load(name)
        except BackendError:
            continue
        call, count = start(backend)
        found[name] = []
        for _, rows, dtype, other, max_iter in CALLS:
            rng = np.random.default_rng(other)
            X, y = rng.normal(size=(rows, 10)).astype(dtype), rng.normal(size=rows).astype(dtype)
            call(*backend.prepare(X, y, np.zeros(10, dtype)), (0.1, 0.2)[other], max_iter)
            found[name].append(count())
    return found


def _fresh_jax(backend: ModuleType) -> Any:
    """`descend` under a jit of its own, which counts how often it is traced."""
    import jax

    traces = []

    def counting(
        X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], learning_rate: float, max_iter: int, tol: float
    ) -> Any:
        traces.append(1)  # this line runs while JAX traces, and not when the compiled program runs
        return backend.descend.__wrapped__(X, y, beta, learning_rate, max_iter, tol)

    compiled = jax.jit(counting, static_argnums=4)
    return lambda X, y, beta, rate, most: compiled(X, y, beta, rate, most, 0.0), lambda: len(traces)


def _fresh_numba(backend: ModuleType) -> Any:
    from numba import njit

    compiled = njit(backend.descend.py_func)

    def call(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], rate: float, most: int) -> Any:
        return compiled(X, y, beta, X.dtype.type(rate), most, X.dtype.type(0))

    return call, lambda: len(compiled.signatures)


def wait() -> list[tuple[float, float, bool]]:
    """(seconds to return, seconds to answer, ready at return) of some calls of jax_jit; none where it is missing."""
    seen: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="gdbench-") as folder:
        process.run(
            ["-m", "bench.learn.ch06_compiling.waiting"], threads=process.available_threads(), deadline_s=60.0,
            folder=Path(folder), on_message=seen.append,
        )  # fmt: skip
    return [tuple(one) for message in seen for one in message.get("seen", [])]


def programs(counted: dict[str, list[int]]) -> Table:
    """After each of CALLS, whether it was compiled for, and how many programs there are."""
    rows = []
    for row, (words, *_) in enumerate(CALLS):
        news = [counts[row] - (counts[row - 1] if row else 0) for counts in counted.values()]
        shown = [
            f"{'compiles' if new else 'nothing new'} ({counts[row]} so far)"
            for new, counts in zip(news, counted.values(), strict=True)
        ]
        rows.append((words, *shown))
    return Table("Calls of the same function, and the programs made for them", ("call", *counted), rows)


def told(counted: dict[str, list[int]], waited: Waited, choice: str | None) -> dict[str, str | None]:
    """What the text says. choice: what the reader thinks of a new shape."""
    shape = counts[NEW_SHAPE] > counts[NEW_SHAPE - 1] if (counts := counted.get("jax_jit")) else None
    right = None if choice is None or shape is None else shape == choice.endswith("again")
    said = {
        "jax_programs": str(counted["jax_jit"][-1]) if "jax_jit" in counted else None,
        "numba_programs": str(counted["numba_jit"][-1]) if "numba_jit" in counted else None,
        "shape_told": _about_shape(counted),
        "choice_told": ""
        if right is None
        else f"You chose “{choice}”: {'so it is.' if right else 'it is the other way.'}",
    }
    if not waited:
        return said | dict.fromkeys(("waits", "ready", "returned", "answered", "waiting_told"))
    early = not any(ready for *_, ready in waited) and all(answered > returned for returned, answered, _ in waited)
    return said | {
        "waits": str(len(waited)),
        "ready": str(sum(ready for *_, ready in waited)),
        "returned": text.duration(median(returned for returned, *_ in waited)),
        "answered": text.duration(median(answered for _, answered, _ in waited)),
        "waiting_told": EARLY if early else "So on this machine the demonstration shows little.",
    }


EARLY = (
    "It is one call, looked at twice, so the difference is the waiting alone: JAX takes the work, returns at once with a promise,"
    " and computes while Python goes on. That is called *asynchronous*. A clock that is stopped at the return has measured the"
    " dispatch, and not the work. That is what `jax.block_until_ready` in `fit` of `jax_jit` is for: it waits."
)


def _about_shape(counted: dict[str, list[int]]) -> str | None:
    if len(counted) < 2:
        return None
    again = [f"`{name}`" for name, counts in counted.items() if counts[NEW_SHAPE] > counts[NEW_SHAPE - 1]]
    if again != ["`jax_jit`"]:
        return f"With 200 rows instead of 100, {text.listed(again) or 'neither'} compiled again."
    return (
        "With 200 rows instead of 100, and nothing else changed, JAX compiled again: sizes stand as fixed numbers in its program. So"
        " does `max_iter`, the length of an array there. Numba compiles for types only, and a longer array has the same type."
    )
