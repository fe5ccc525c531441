"""Chapter 7: what threads gain, which processors were busy, and how fast memory delivers."""

from pathlib import Path
from statistics import median
from typing import Any

from bench import text
from bench.learn import charts, facts
from bench.records import Cell, ProblemRoofline, Run
from bench.report.plots.canvas import Drawing
from bench.runtime import process
from bench.stats import Interval

VARIANTS = Path(__file__).parent / "variants"
THREADS = (1, process.available_threads())
SHOWN = ("numpy_vectorized", "numba_jit", "numba_parallel")
SMALL, LARGE, MIDDLE = 20_000, 1_000_000, 50_000  # rows
BUSY = 1.2  # CPU/wall from which on more than one processor was at work
IDLE = 0.9  # CPU/wall under which even a single thread had to wait
WAITED = "But there was waiting for a processor that something else used, so this says nothing: repeat it on a quiet machine."
WIDE = 1.1  # a control whose interval reaches beyond this shows little
NEAR = 0.7  # of the measured bandwidth: so near, reading is most of the work


def most(run: Run) -> int:
    return max(cell.threads for cell in run.cells)


def pair(run: Run, backend: str, n: int) -> tuple[Cell | None, Cell | None]:
    """A backend's cells with one thread and with all; None where only one thread was measured."""
    if most(run) < 2:
        return None, None
    return facts.cell(run, backend, n=n), facts.cell(run, backend, n=n, threads=most(run))


def gain(run: Run, backend: str, n: int) -> Interval | None:
    return facts.ratio(*pair(run, backend, n))


def cpu(run: Run, backend: str, n: int) -> float | None:
    """CPU/wall with all threads."""
    cell = pair(run, backend, n)[1]
    return None if cell is None else cell.cpu_over_wall


def _rows(run: Run, look: Any) -> dict[str, Interval | None]:
    return {f"{name}, {text.count(n)} rows": look(run, name, n) for n in (SMALL, LARGE) for name in SHOWN}


def speedups(run: Run, guess: float | None) -> Drawing | None:
    """The time with one thread over the time with all."""
    return charts.dots(f"Speed-up with {text.number_of(most(run), 'thread')}", "times", _rows(run, gain), guess, False)


def processors(run: Run) -> Drawing | None:
    """CPU/wall of the same cells."""

    def look(run: Run, name: str, n: int) -> Interval | None:
        found = cpu(run, name, n)
        return None if found is None else Interval(found, None, None)

    title = f"CPU/wall with {text.number_of(most(run), 'thread')}"
    return charts.dots(title, "processors busy on average", _rows(run, look), None, False)


def told(run: Run, products: Run, guess: float | None, choice: str | None) -> dict[str, str | None]:
    """What the text says. guess: a speed-up. choice: what the reader thinks of NumPy."""
    small, large = gain(run, "numba_parallel", SMALL), gain(run, "numba_parallel", LARGE)
    control, busy = gain(run, "numba_jit", SMALL), cpu(run, "numba_jit", SMALL)
    return {
        "threads": text.count(most(run)) if most(run) > 1 else None,
        "small_gain": facts.times(small),
        "small_told": _sure(small),
        "large_told": _sure(large),
        "large_gain": facts.times(large),
        "verdict": facts.judge_prediction(guess, large and large.median),
        "control_gain": facts.times(control),
        "control_cpu": _number(busy),
        "control_told": _about_control(control, busy),
        "busy_cpu": _number(cpu(run, "numpy_vectorized", LARGE)),
        "busy_gain": facts.times(gain(run, "numpy_vectorized", LARGE)),
        "busy_told": _about_busy(cpu(run, "numpy_vectorized", LARGE), gain(run, "numpy_vectorized", LARGE)),
        **_memory(run),
        **_numpy(products, choice),
    }


def _number(found: float | None) -> str | None:
    return None if found is None else text.significant(found)


def _sure(ratio: Interval | None) -> str | None:
    if ratio is None:
        return None
    if ratio.low is None:
        return "without an interval (that of `--quick`) it cannot be told whether that is a gain"
    return {True: "a gain", False: "a loss", None: "the interval holds 1, so it may be none"}[facts.is_faster(ratio)]


def _about_control(ratio: Interval | None, busy: float | None) -> str | None:
    if ratio is None or busy is None:
        return None
    if busy < IDLE:
        return WAITED
    if busy >= BUSY:
        return "More than one processor was busy, so it is no control here."
    words = "One processor was at work and no second one, because its loops are written for one thread and nobody shares them out."
    if facts.is_faster(ratio):
        return (
            f"{words} Yet it gained, so something else differed between the two: see the other gains with that doubt."
        )
    if ratio.high is None or ratio.high > WIDE:
        return f"{words} But what it gained is not known well enough to judge the other gains by: repeat it on a quiet machine."
    return f"{words} And so it gained nothing."


def _roof(run: Run, threads: int) -> ProblemRoofline | None:
    return next((roof for roof in run.roofline if roof.threads == threads and roof.n_samples == LARGE), None)


def _memory(run: Run) -> dict[str, str | None]:
    """Of plain reading with one thread and with all, and how near the parallel file comes to it."""
    names = ("reads_one", "reads_all", "reads_gain", "share_one", "share_all", "memory_told")
    one, every = _roof(run, 1), _roof(run, most(run))
    if one is None or every is None or most(run) < 2:
        return dict.fromkeys(names)
    shares = []
    for roof in (one, every):
        passes = [reached.gb_per_s for reached in roof.backends if reached.backend == "numba_parallel"]
        shares.append(median(passes) / roof.read_gb_per_s if passes else None)
    grown = every.read_gb_per_s / one.read_gb_per_s
    gigabytes = [f"{text.significant(roof.read_gb_per_s)} GB a second" for roof in (one, every)]
    found = [None if share is None else text.percent(share) for share in shares]
    words = None if shares[1] is None else _about_memory(shares[1], grown, most(run), cpu(run, "numba_parallel", LARGE))
    return dict(zip(names, (*gigabytes, f"{text.significant(grown)}×", *found, words), strict=True))


def _about_memory(share: float, grown: float, threads: int, busy: float | None) -> str:
    words = "So plain reading grew nearly with the threads: the *bandwidth*, bytes per second, is not *saturated* yet."
    if grown < 0.8 * threads:
        words = (
            "So plain reading did not grow as the threads did: they share one memory, and its *bandwidth*, the bytes that it delivers per"
            " second, *saturates*."
        )
    if share >= NEAR:
        return f"{words} The file takes in nearly all that is delivered, so more threads could not help it much."
    if busy is None or busy < 0.8 * threads:
        return f"{words} But the threads of the file did not keep their processors busy, so this does not show what limits it."
    return (
        f"{words} The file takes in less than is delivered, so the bandwidth alone is not its limit; whether it holds the file back in"
        " part, these figures do not tell."
    )


def _about_busy(busy: float | None, ratio: Interval | None) -> str | None:
    if busy is None or ratio is None:
        return None
    if busy < BUSY:
        return "So no second processor was busy, and none could help."
    if facts.is_faster(ratio):
        return "Here the processors that were busy did pay."
    return (
        "More than one processor was busy, and no gain is sure: CPU/wall counts what is occupied, not what it achieves."
    )


def _numpy(run: Run, choice: str | None) -> dict[str, str | None]:
    """NumPy with its matrix products and without."""
    blas, plain = cpu(run, "numpy_vectorized", MIDDLE), cpu(run, "numpy_elementwise", MIDDLE)
    words = right = None
    if blas is not None and plain is not None:
        words = _about_numpy(blas, plain)
        right = None if choice is None else (choice == "one thread") == (plain < BUSY)
    return {
        "blas_cpu": _number(blas),
        "plain_cpu": _number(plain),
        "numpy_told": words,
        "choice_told": "" if right is None else f"You chose “{choice}”: {'so it is.' if right else 'it is not so.'}",
    }


def _about_numpy(blas: float, plain: float) -> str:
    if min(blas, plain) < IDLE:
        return WAITED
    if plain >= BUSY:
        return "Here even the element-wise code kept more than one processor busy, so look for what else ran."
    if blas < BUSY:
        return "Neither kept a second processor busy: this BLAS stays with one thread at this size, and element-wise code does anyway."
    return (
        "The products are all that the second file lacks, so it is they that keep more than one processor busy: a BLAS has threads,"
        " NumPy's element-wise operations have none."
    )
