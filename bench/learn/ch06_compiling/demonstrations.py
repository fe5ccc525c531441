"""Chapter 6: demonstrations without the suite. They count the programs of two compilers, and time a call of JAX twice."""

from itertools import pairwise
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends import BackendError, load
from bench import text
from bench.learn import child, facts
from bench.report.tables import Table

Waited = list[tuple[float, float, bool]]  # seconds until the return, seconds until the result, ready at the return
# The calls in this order: description, rows, dtype, index of the numbers, max_iter.
CALLS = (
    ("100 rows, float64: the first call", 100, "float64", 0, 3),
    ("the same again", 100, "float64", 0, 3),
    ("different numbers, different learning rate", 100, "float64", 1, 3),
    ("200 rows", 200, "float64", 0, 3),
    ("100 rows, float32", 100, "float32", 0, 3),
    ("100 rows, float64, max_iter = 4 instead of 3", 100, "float64", 0, 4),
)
CHOICES = ("it compiles again", "it uses the same program")
NEW_SHAPE = 3  # index of the call in which only the shape changes


def count_programs() -> dict[str, list[int]]:
    """The number of programs after each of CALLS, by backend. Backends whose library is missing are omitted."""
    programs: dict[str, list[int]] = {}
    for name, start in (("jax_jit", _fresh_jax), ("numba_jit", _fresh_numba)):
        try:
            backend = load(name)
        except BackendError:
            continue
        call, count = start(backend)
        programs[name] = []
        for _, rows, dtype, other, max_iter in CALLS:
            rng = np.random.default_rng(other)
            X, y = rng.normal(size=(rows, 10)).astype(dtype), rng.normal(size=rows).astype(dtype)
            call(*backend.prepare(X, y, np.zeros(10, dtype)), (0.1, 0.2)[other], max_iter)
            programs[name].append(count())
    return programs


def _fresh_jax(backend: ModuleType) -> Any:
    """`descend` under a new jit, which counts how often it is traced."""
    import jax

    traces = []

    def counting(
        X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], learning_rate: float, max_iter: int, tol: float
    ) -> Any:
        traces.append(1)  # runs while JAX traces, not when the compiled program runs
        return backend.descend.__wrapped__(X, y, beta, learning_rate, max_iter, tol)

    compiled = jax.jit(counting, static_argnums=4)
    return lambda X, y, beta, rate, max_iter: compiled(X, y, beta, rate, max_iter, 0.0), lambda: len(traces)


def _fresh_numba(backend: ModuleType) -> Any:
    from numba import njit

    compiled = njit(backend.descend.py_func)

    def call(X: NDArray[Any], y: NDArray[Any], beta: NDArray[Any], rate: float, max_iter: int) -> Any:
        return compiled(X, y, beta, X.dtype.type(rate), max_iter, X.dtype.type(0))

    return call, lambda: len(compiled.signatures)


def wait() -> Waited:
    """Time several calls of jax_jit. Empty if JAX is missing."""
    answer, _ = child.run("ch06_compiling.waiting")
    return [tuple(timing) for timing in answer.get("seen", [])]


def programs(counted: dict[str, list[int]]) -> Table:
    """For each of CALLS, whether it compiles, and the number of programs so far."""
    columns = [
        [f"{'compiles' if now > before else 'no compiling'} ({now} so far)" for before, now in pairwise([0, *counts])]
        for counts in counted.values()
    ]
    rows = [(words, *entries) for (words, *_), *entries in zip(CALLS, *columns, strict=True)]
    return Table("Calls of the same function, and the programs compiled for them", ("call", *counted), rows)


def statements(counted: dict[str, list[int]], waited: Waited, choice: str | None) -> dict[str, str | None]:
    """Facts for the text. choice: the reader's answer about a new shape, one of CHOICES."""
    programs = {name: str(counts[-1]) for name, counts in counted.items()}
    compiled = _compiled_again(counted)
    result = {
        "jax_programs": programs.get("jax_jit"),
        "numba_programs": programs.get("numba_jit"),
        "shape_statement": _about_shape(counted),
        "choice_statement": facts.chosen(choice, CHOICES["jax_jit" not in compiled]) if programs else "",
    }
    if not waited:
        return result
    early = not any(ready for *_, ready in waited) and all(answered > returned for returned, answered, _ in waited)
    return result | {
        "waits": str(len(waited)),
        "ready": str(sum(ready for *_, ready in waited)),
        "returned": text.duration(median(returned for returned, *_ in waited)),
        "answered": text.duration(median(answered for _, answered, _ in waited)),
        "waiting_statement": EARLY if early else "On this machine, the demonstration shows little.",
    }


def _compiled_again(counted: dict[str, list[int]]) -> list[str]:
    """The backends that compiled for the new shape."""
    return [name for name, counts in counted.items() if counts[NEW_SHAPE] > counts[NEW_SHAPE - 1]]


EARLY = (
    "Both times belong to the same call, so the difference is only waiting: JAX accepts the work, returns immediately, and"
    " computes while Python continues. This is called *asynchronous* execution. A clock that stops at the return measures the"
    " dispatch, not the work. For this reason, `fit` of `jax_jit` waits with `jax.block_until_ready`."
)


def _about_shape(counted: dict[str, list[int]]) -> str | None:
    if len(counted) < 2:
        return None
    again = _compiled_again(counted)
    if again != ["jax_jit"]:
        return (
            f"With 200 rows instead of 100, {text.listed([f'`{name}`' for name in again]) or 'neither'} compiled again."
        )
    return (
        "With 200 rows instead of 100 and nothing else changed, JAX compiled again: the sizes are constants in its program. So is"
        " `max_iter`, which is the length of an array. Numba compiles only for types, and a longer array has the same type."
    )
