"""Chapter 7: the speed-up from threads, the busy processors, and the memory bandwidth."""

from typing import Any

from bench import text
from bench.learn import charts, facts
from bench.records import Cell, Run
from bench.report.plots.canvas import Drawing
from bench.runtime import process
from bench.stats import Interval

THREADS = (1, process.available_threads())
SHOWN = ("numpy_vectorized", "numba_jit", "numba_parallel")
SMALL, LARGE, MIDDLE = 20_000, 1_000_000, 50_000  # rows
BUSY = 1.2  # CPU/wall above which more than one processor was busy
IDLE = 0.9  # CPU/wall below which even a single thread had to wait
WAITED = "But the process waited for a processor that something else used, so this shows nothing. Repeat it on a quiet machine."
WIDE = 1.1  # upper end of the control's interval above which the control shows little
SURE = ("This is a gain.", "This is a loss.", "The interval contains 1, so there may be no gain.")
CHOICES = ("one thread", "all threads")
NEAR = 0.7  # share of the measured bandwidth above which reading is most of the work


def max_threads(run: Run) -> int:
    return max(cell.threads for cell in run.cells)


def pair(run: Run, backend: str, n: int) -> tuple[Cell | None, Cell | None]:
    """A backend's cells with one thread and with all threads. None if only one thread was measured."""
    if max_threads(run) < 2:
        return None, None
    return facts.cell(run, backend, n=n), facts.cell(run, backend, n=n, threads=max_threads(run))


def gain(run: Run, backend: str, n: int) -> Interval | None:
    return facts.ratio(*pair(run, backend, n))


def cpu(run: Run, backend: str, n: int) -> float | None:
    """CPU/wall with all threads."""
    cell = pair(run, backend, n)[1]
    return None if cell is None else cell.cpu_over_wall


def _rows(run: Run, look: Any) -> dict[str, Interval | None]:
    return {f"{name}, {text.count(n)} rows": look(run, name, n) for n in (SMALL, LARGE) for name in SHOWN}


def speedups(run: Run, guess: float | None) -> Drawing | None:
    """The time with one thread divided by the time with all threads."""
    return charts.dots(
        f"Speed-up with {text.number_of(max_threads(run), 'thread')}", "times", _rows(run, gain), guess, False
    )


def processors(run: Run) -> Drawing | None:
    """CPU/wall of the same cells."""

    def look(run: Run, name: str, n: int) -> Interval | None:
        busy = cpu(run, name, n)
        return None if busy is None else Interval(busy, None, None)

    title = f"CPU/wall with {text.number_of(max_threads(run), 'thread')}"
    return charts.dots(title, "average number of busy processors", _rows(run, look), None, False)


def statements(run: Run, products: Run, guess: float | None, choice: str | None) -> dict[str, str | None]:
    """Facts for the text. guess: a speed-up. choice: the reader's answer about NumPy."""
    small, large = gain(run, "numba_parallel", SMALL), gain(run, "numba_parallel", LARGE)
    control, busy = gain(run, "numba_jit", SMALL), cpu(run, "numba_jit", SMALL)
    return {
        "threads": text.count(max_threads(run)) if max_threads(run) > 1 else None,
        "small_gain": facts.times(small),
        "small_statement": facts.verdict(small, *SURE),
        "large_statement": facts.verdict(large, *SURE),
        "large_gain": facts.times(large),
        "verdict": facts.judge_prediction(guess, large and large.median),
        "control_gain": facts.times(control),
        "control_cpu": _number(busy),
        "control_statement": _about_control(control, busy),
        "busy_cpu": _number(cpu(run, "numpy_vectorized", LARGE)),
        "busy_gain": facts.times(gain(run, "numpy_vectorized", LARGE)),
        "busy_statement": _about_busy(cpu(run, "numpy_vectorized", LARGE), gain(run, "numpy_vectorized", LARGE)),
        **_memory(run),
        **_numpy(products, choice),
    }


def _number(value: float | None) -> str | None:
    return None if value is None else text.significant(value)


def _about_control(ratio: Interval | None, busy: float | None) -> str | None:
    if ratio is None or busy is None:
        return None
    if busy < IDLE:
        return WAITED
    if busy >= BUSY:
        return "More than one processor was busy, so it cannot serve as a control here."
    words = "Only one processor was busy, because its loops use one thread."
    if facts.is_faster(ratio):
        return f"{words} But it has a speed-up, so something else differed between the two runs. The other gains are therefore doubtful."
    if ratio.high is None or ratio.high > WIDE:
        return (
            f"{words} But its speed-up is not known well enough to judge the other gains. Repeat it on a quiet machine."
        )
    return f"{words} So it gains nothing, as expected."


def _memory(run: Run) -> dict[str, str | None]:
    """The bandwidth with one thread and with all threads, and the share that the parallel file reaches."""
    threads = max_threads(run)
    single, every = facts.roof(run, LARGE, 1), facts.roof(run, LARGE, threads)
    if single is None or every is None or threads < 2:
        return {}
    shares = [
        reached.gb_per_s / roof.read_gb_per_s
        for roof in (single, every)
        for reached in roof.backends
        if reached.backend == "numba_parallel"
    ]
    if len(shares) < 2:
        return {}
    grown = every.read_gb_per_s / single.read_gb_per_s
    return {
        "reads_one": f"{text.significant(single.read_gb_per_s)} GB/s",
        "reads_all": f"{text.significant(every.read_gb_per_s)} GB/s",
        "reads_gain": f"{text.significant(grown)}×",
        "share_one": text.percent(shares[0]),
        "share_all": text.percent(shares[1]),
        "memory_statement": _about_memory(shares[1], grown, threads, cpu(run, "numba_parallel", LARGE)),
    }


def _about_memory(share: float, grown: float, threads: int, busy: float | None) -> str:
    words = "Pure reading scales almost with the number of threads: the *bandwidth*, bytes per second, is not *saturated* yet."
    if grown < 0.8 * threads:
        words = (
            "Pure reading does not scale with the number of threads: the threads share one memory, and its *bandwidth*, the number"
            " of bytes per second, *saturates*."
        )
    if share >= NEAR:
        return f"{words} The file reaches nearly all of the bandwidth, so more threads cannot help it much."
    if busy is None or busy < 0.8 * threads:
        return f"{words} But the threads of the file did not keep their processors busy, so this does not show what limits it."
    return (
        f"{words} The file does not reach the bandwidth, so the bandwidth alone does not limit it. These figures do not show"
        " whether it is part of the limit."
    )


def _about_busy(busy: float | None, ratio: Interval | None) -> str | None:
    if busy is None or ratio is None:
        return None
    if busy < BUSY:
        return "No second processor was busy, so none could help."
    if facts.is_faster(ratio):
        return "Here the busy processors made it faster."
    return "More than one processor was busy, but a gain is not certain: CPU/wall measures how busy the processors are, not what they achieve."


def _numpy(run: Run, choice: str | None) -> dict[str, str | None]:
    """CPU/wall of NumPy with and without its matrix products."""
    blas, plain = cpu(run, "numpy_vectorized", MIDDLE), cpu(run, "numpy_elementwise", MIDDLE)
    if blas is None or plain is None:
        return {}
    return {
        "blas_cpu": text.significant(blas),
        "plain_cpu": text.significant(plain),
        "numpy_statement": _about_numpy(blas, plain),
        "choice_statement": facts.chosen(choice, CHOICES[plain >= BUSY]),
    }


def _about_numpy(blas: float, plain: float) -> str:
    if min(blas, plain) < IDLE:
        return WAITED
    if plain >= BUSY:
        return "Here even the element-wise code kept more than one processor busy, so check what else was running."
    if blas < BUSY:
        return "Neither kept a second processor busy: this BLAS uses one thread at this size, and element-wise code always does."
    return (
        "The second file differs only in the products, so the products keep more than one processor busy: a BLAS uses threads,"
        " and NumPy's element-wise operations do not."
    )
