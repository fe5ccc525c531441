"""Chapter 5: bytes read per second compared with the measured limit, and the gain of each change that saves bytes."""

import re

from bench import text
from bench.analysis.cost_model import ITEMSIZE, bytes_per_pass, flops_per_pass
from bench.analysis.roofline import CACHE_DROP
from bench.learn import charts, facts
from bench.records import ProblemRoofline, Run
from bench.report.plots.canvas import Drawing, Point
from bench.report.tables import Table
from bench.stats import Interval

NUMPY, OUT, FORTRAN, TWO, ONE = "numpy_vectorized", "out_buffers", "fortran_order", "two_passes", "one_pass"
SMALL, MIDDLE, LARGE, D = 200, 5_000, 100_000, 100
SIZES = [f"{n}x{D}" for n in (SMALL, MIDDLE, LARGE)]
WAYS = ("no new arrays", "X column by column", "one pass over X", "float32")
LIMIT = "measured limit"


def value(run: Run, backend: str, n: int, dtype: str = "float64") -> Interval | None:
    """Nanoseconds of a pass for each value of X."""
    return facts.scaled(facts.per_pass(facts.cell(run, backend, n, D, dtype)), 1e9 / (n * D))


def gain(run: Run, before: str, after: str, n: int = LARGE) -> Interval | None:
    """The ratio of the times of `before` and `after`."""
    return facts.ratio(facts.cell(run, before, n, D), facts.cell(run, after, n, D))


def slower(run: Run) -> Interval | None:
    """The ratio of numpy_vectorized's times for each value of X, at the large and the middle size."""
    ratio = facts.ratio(facts.cell(run, NUMPY, LARGE, D), facts.cell(run, NUMPY, MIDDLE, D))
    return facts.scaled(ratio, MIDDLE / LARGE)


def narrower(run: Run, backend: str) -> Interval | None:
    wide, narrow = (facts.cell(run, backend, LARGE, D, dtype) for dtype in ("float64", "float32"))
    return facts.ratio(wide, narrow)


def gains(run: Run, halves: Run) -> dict[str, Interval | None]:
    """The speed-up of each of WAYS over numpy_vectorized in float64, at the largest size."""
    ratios = (gain(run, NUMPY, OUT), gain(run, NUMPY, FORTRAN), gain(run, NUMPY, ONE), narrower(halves, NUMPY))
    return dict(zip(WAYS, ratios, strict=True))


def statements(run: Run, halves: Run, guess: float | None, choice: str | None) -> dict[str, str | None]:
    """Facts for the text. guess: the predicted ratio of times. choice: one of WAYS."""
    slow, large, middle = slower(run), facts.roof(run, LARGE), facts.roof(run, MIDDLE)
    step = facts.per_pass(facts.cell(run, NUMPY, LARGE, D))
    work, size = flops_per_pass(LARGE, D), bytes_per_pass(LARGE, D, "float64")
    peak, rate = large and large.peak_gflop_per_s, large and large.read_gb_per_s
    shares = {reached.backend: reached.share for reached in large.backends} if large else {}
    result = {
        "bytes": text.memory(2 * size),
        "work": text.count(work),
        "work_s": text.duration(work / peak / 1e9) if peak else None,
        "read_s": text.duration(2 * size / rate / 1e9) if rate else None,
        "step_s": step and text.duration(step.median),
        "more": _more(2 * size / rate / 1e9, work / peak / 1e9, step.median) if rate and peak and step else None,
        "slow": facts.times(slow),
        "verdict": facts.judge_prediction(guess, slow and slow.median),
        "reads": _reads(middle, large) if middle and large else None,
        "cache": _cache(middle, large) if middle and large else None,
        "peak_numpy": _peak(run, NUMPY),
        "peak_out": _peak(run, OUT),
        "vector": text.memory(LARGE * ITEMSIZE["float64"]),
        "best": _best(gains(run, halves), choice),
        "narrow_numpy": facts.times(narrower(halves, NUMPY)),
        "narrow": facts.times(narrower(halves, ONE)),
        "narrow_so": facts.verdict(
            narrower(halves, ONE),
            HALVED,
            "Half the bytes do not make it faster here.",
            "These figures do not show whether this is a gain.",
        ),
    }
    result |= {
        f"share_{b}": text.percent(shares[b] or 0) if shares.get(b) else None for b in (NUMPY, FORTRAN, TWO, ONE)
    }
    for name, before, after, same in (
        ("out", NUMPY, OUT, "The arithmetic is the same, so the difference is the cost of new arrays."),
        ("order", NUMPY, FORTRAN, "The bytes and the products are the same; only the order in memory differs."),
        ("pass", TWO, ONE, "The arithmetic is the same, so the gain comes from reading X once instead of twice."),
    ):
        inside, beyond = gain(run, before, after, MIDDLE), gain(run, before, after)
        result |= {f"{name}_inside": facts.times(inside), f"{name}_beyond": facts.times(beyond)}
        result[f"{name}_so"] = _so(inside, beyond, same)
    return result


def _more(read: float, work: float, step: float) -> str:
    """What the shortest times of reading and of computing say about a step. All in seconds."""
    if read > work:
        return f"Reading takes longer than computing. It explains {text.percent(min(read / step, 1))} of the step."
    return "Computing takes longer than reading, so on this machine bytes do not set the limit."


def _reads(middle: ProblemRoofline, large: ProblemRoofline) -> str:
    return " and ".join(f"{text.significant(r.read_gb_per_s)} GB/s at {text.memory(r.bytes)}" for r in (middle, large))


def _cache(middle: ProblemRoofline, large: ProblemRoofline) -> str:
    if large.read_gb_per_s < CACHE_DROP * middle.read_gb_per_s:
        return "The larger X does not fit into the cache: every step reads it from main memory, which is slower."
    return "On this machine the larger X is read about as fast, so it still fits into the cache."


def _so(inside: Interval | None, beyond: Interval | None, same: str) -> str | None:
    """The conclusion from both ratios. same: the conclusion if only the larger size gains."""
    more = "There is a gain at the large size, but it is not clearly larger than at the small one, so this does not show a saving of memory traffic."
    if facts.is_above(beyond, inside):
        more = f"The gain at the large size is clearly larger than at the small one. {same}"
    return facts.verdict(
        beyond, more, "At the large size, this is slower.", "At the large size, the difference is within the noise."
    )


HALVED = "With half the bytes, it is faster. But a processor also computes with more float32 numbers at once, so this run alone does not separate the two effects."


def _best(gains: dict[str, Interval | None], choice: str | None) -> str | None:
    """The largest gain, the gains that may be as large, and the reader's choice."""
    known = {name: ratio for name, ratio in gains.items() if ratio is not None}
    if not known:
        return None
    best = max(known, key=lambda name: known[name].median)
    near = [name for name in known if name != best and not facts.is_above(known[best], known[name])]
    unsure = f", which is not clearly larger than {text.listed(near)}" if near else ""
    truth = None if near and choice in (best, *near) else best
    return f"{best} ({facts.times(known[best])}){unsure}. {facts.chosen(choice, truth)}"


def _peak(run: Run, backend: str) -> str | None:
    cell = facts.cell(run, backend, LARGE, D)
    return None if cell is None or cell.peak_bytes is None else text.memory(cell.peak_bytes)


def values(run: Run) -> Table:
    """Nanoseconds for each value of X, a row for each backend."""
    rows = []
    for backend in (NUMPY, OUT, FORTRAN, TWO, ONE):
        times = [value(run, backend, n) for n in (SMALL, MIDDLE, LARGE)]
        rows.append((backend, *(facts.number(each and each.median) for each in times)))
    heads = [f"n = {text.count(n)}" for n in (SMALL, MIDDLE, LARGE)]
    return Table("Nanoseconds of a step for each value of X (d = 100)", ("", *heads), rows)


def limits(run: Run, guess: float | None) -> Drawing | None:
    """GB/s against size with the measured limit. The prediction is the resulting speed of numpy_vectorized."""
    roofs = [roofline for n in (SMALL, MIDDLE, LARGE) if (roofline := facts.roof(run, n)) is not None]
    series = {LIMIT: [Point(r.bytes // 1000, r.read_gb_per_s, r.read_ci_low, r.read_ci_high) for r in roofs]}
    for backend in (ONE, TWO, FORTRAN, NUMPY):
        reached = [(r.bytes // 1000, each.gb_per_s) for r in roofs for each in r.backends if each.backend == backend]
        series[backend] = [Point(at, speed, None, None) for at, speed in reached]
    ends = [bytes_per_pass(n, D, "float64") // 1000 for n in (MIDDLE, LARGE)]
    inside = next((p.value for p in series[NUMPY] if p.n == ends[0]), None)
    if inside and guess and guess > 0:
        series[charts.GUESS] = charts.points(ends, (inside, inside / guess))
    cache = _last_cache(run)
    return charts.lines(
        "Bytes of X read per second, counted once per step", "size of X and y in kB", "GB/s", series,
        mark=(cache, "end of the last-level cache") if cache else None,
    )  # fmt: skip


def _last_cache(run: Run) -> float | None:
    """kB. None if the machine does not report it."""
    cpu = run.machine.get("cpu")
    sizes = [str(c.get("size")) for c in (cpu.get("caches") or [] if isinstance(cpu, dict) else [])]
    capacities = [int(size[:-1]) * 1024 / 1000 for size in sizes if re.fullmatch(r"\d{1,9}K", size)]
    return max(capacities, default=None)


def ways(run: Run, halves: Run) -> Drawing | None:
    return charts.dots("What helps at n = 100 000?", "times as fast as numpy_vectorized", gains(run, halves))
