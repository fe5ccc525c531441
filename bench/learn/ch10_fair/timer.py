"""Two timers of chapter 10: a naive one, which is rigged on purpose, and a race to the same accuracy, which is fair.

python -m bench.learn.ch10_fair.timer KIND ...: the child process of a measurement, which sends its results over its
channel. The results are stored next to the chapter's runs. recorded/ has results of another machine.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from backends import BackendUnavailable, load
from backends._curvature import default_learning_rate
from bench.data.problems import synthetic
from bench.learn import child
from bench.learn.lesson import Lesson
from bench.learn.valley import Valley
from bench.report.article import Words
from bench.runtime import process
from bench.runtime.files import save

THREADED = Path(__file__).parent / "variants" / "threaded.py"
N, D, K = 100_000, 10, 20  # of the rigged benchmarks and of the fair run
ROWS, TARGETS = 10_000, (1e-3, 1e-6, 1e-9)  # of the race; relative distances from the solution
GOAL = TARGETS[1]
BEST_OF = 5
DEADLINE_S = 120.0

Results = dict[str, Any]


# ------------------------------------------------------------------------------------------------------- the parent


def rigged(lesson: Lesson) -> Results:
    """The five rigged timings in seconds, by name. Timings that are not possible here are omitted."""

    def measure() -> Results:
        results = _child("rigged", threads=1) | {"processors": min(2, process.available_threads())}
        return results | (_child("shared", threads=2) if results["processors"] > 1 else {})

    return _kept(lesson, "rigged", measure)


def race(lesson: Lesson) -> Results:
    """The seconds in each process, the error and the updates of each solver, and the updates for each target."""

    def measure() -> Results:
        blocks = [_child("race", threads=1, seed=seed) for seed in range(3 if lesson.quick else 6)]
        solvers = {
            name: solver | {"seconds": [block["solvers"].get(name, {}).get("seconds") for block in blocks]}
            for name, solver in blocks[0].get("solvers", {}).items()
        }
        return {"solvers": solvers, "updates": blocks[0].get("updates", [])}

    return _kept(lesson, "race", measure)


def _kept(lesson: Lesson, name: str, measure: Callable[[], Results]) -> Results:
    """The stored results of the reader, or new ones if the lesson measures, or the recorded ones."""
    path = lesson.folder / f"{name}.json"
    if lesson.live and (lesson.again or not path.exists()):
        lesson.display(Words("Measuring. Leave the machine alone.", note=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, json.dumps(measure(), indent=1) + "\n")
    kept: Results = json.loads(
        (path if path.exists() else lesson.chapter.folder / "recorded" / path.name).read_text("utf-8")
    )
    return kept


def _child(kind: str, threads: int, seed: int = 0) -> Results:
    return child.run("ch10_fair.timer", kind, str(seed), threads=threads, deadline_s=DEADLINE_S)[0]


# -------------------------------------------------------------------------------------------------------- the child


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _best(work: Callable[[], Any]) -> float:
    return min(_seconds(work) for _ in range(BEST_OF))


def _call(backend: ModuleType, dtype: str = "float64", max_iter: int = K) -> Callable[[], Any]:
    """A function that calls fit once, with prepared data."""
    data = synthetic(N, D)
    native = backend.prepare(data.X.astype(dtype), data.y.astype(dtype), np.zeros(D, dtype))
    rate = default_learning_rate(data.X)
    return lambda: backend.fit(*native, rate, max_iter, 0.0)


def cheat(channel: process.Channel) -> None:
    """The rigged timings with one thread. The best of five calls, or all calls, whichever supports the claim."""
    numpy, qr = load("numpy_vectorized"), load("qr_compressed")
    channel.ask(numpy=_best(_call(numpy)))
    channel.ask(float32=_best(_call(numpy, "float32")))
    channel.ask(qr=_best(_call(qr)), qr_without_updates=_best(_call(qr, max_iter=0)))
    try:
        call = _call(load("numba_jit"))
        channel.ask(calls=[_seconds(call) for _ in range(3)])  # the first one compiles
        shared(channel, "one_thread")
        call = _call(jax := load("jax_jit"))
        call()
        channel.ask(waited=_best(call))
        data = synthetic(N, D)
        native, rate = jax.prepare(data.X, data.y, np.zeros(D)), default_learning_rate(data.X)
        seconds = []
        for _ in range(BEST_OF):
            start = time.perf_counter()
            pending = jax.descend(*native, rate, K, 0.0)
            seconds.append(time.perf_counter() - start)
            jax.jax.block_until_ready(pending)  # after the clock, so that the next call does not queue behind this one
        channel.ask(not_waited=min(seconds))
    except BackendUnavailable as error:
        channel.ask(missing=str(error))


def shared(channel: process.Channel, name: str = "all_threads") -> None:
    """The threaded file with all threads of this process."""
    call = _call(load(THREADED))
    call()
    channel.ask(**{name: _best(call)})


def run_race(channel: process.Channel, seed: int) -> None:
    """Each solver from X and y to a β within GOAL of the solution, including preparation, in seeded random order."""
    data = synthetic(ROWS, D)
    X, y = data.X, data.y
    solution = np.linalg.lstsq(X, y)[0]
    # Refine once, with a residual in extended precision, because lstsq itself is compared with this solution.
    rest = np.asarray(y - X.astype(np.longdouble) @ solution, np.float64)
    solution = solution + np.linalg.lstsq(X, rest)[0]
    rate = default_learning_rate(X)
    updates = [Valley.of(X, y).updates(rate, target) for target in TARGETS]
    K = updates[TARGETS.index(GOAL)]

    def descent(name: str) -> Callable[[], np.ndarray]:
        backend = load(name)
        return lambda: backend.fit(*backend.prepare(X, y, np.zeros(D)), rate, K, 0.0)[0]

    solvers = {name: descent(name) for name in ("numpy_vectorized", "numpy_tuned", "qr_compressed")}
    solvers["lstsq"] = lambda: np.linalg.lstsq(X, y)[0]
    try:
        from sklearn.linear_model import LinearRegression

        solvers["scikit-learn"] = lambda: LinearRegression(fit_intercept=False).fit(X, y).coef_
    except ImportError:
        pass  # optional
    order = np.random.default_rng(seed).permutation(list(solvers))
    results = {}
    for name in order:
        beta = solvers[name]()  # also the warm-up
        error = np.linalg.norm(beta - solution) / np.linalg.norm(solution)
        results[str(name)] = {
            "error": float(error),
            "updates": K if name.startswith(("numpy", "qr")) else None,
            "seconds": float(np.median([_seconds(solvers[name]) for _ in range(BEST_OF)])),
        }
    channel.ask(solvers=results, updates=updates)


def main() -> None:
    kind, seed = sys.argv[1], int(sys.argv[2])
    channel = process.Channel()
    if kind == "race":
        run_race(channel, seed)
    elif kind == "shared":
        shared(channel)
    else:
        cheat(channel)


if __name__ == "__main__":
    main()
