"""The tables of a run: rows of plain text, for every writer."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from bench import text
from bench.analysis.speed import (
    LOOPS,
    Group,
    ProblemKey,
    backends,
    gap_kind,
    predicted_time,
    problem_key,
    problem_label,
    speedup,
    status_text,
    time_per_iteration,
)
from bench.mappings import grouped
from bench.plan import BASELINE
from bench.records import FLAGS, Cell, Run, Speedup
from bench.stats import MIN_SAMPLES, holds_one, outliers
from bench.text import MISSING

NO_INTERVAL_NOTE = (
    f"A figure without brackets has no interval: too few processes (fewer than {MIN_SAMPLES} define none)."
)
COLD = {"import_s": "import", "prepare_s": "prepare", "compile_s": "compile", "first_call_s": "first call"}
MAX_PLACES = 6  # flagged cells that are named; of more, their number
STEADY = ("later call", "peak memory", "CPU / wall")
INTERVAL_HEADS = ("seconds per iteration", "interval from", "to")
# A ratio to the baseline, faster, slower or tied: in words, and in symbols for narrow columns.
WORDS = ("{}× faster", "{}× slower", "tied")
SYMBOLS = ("{}×", "÷{}", "~{}×")


@dataclass(frozen=True)
class Table:
    """title; columns: their heads; rows: one text per column, cleaned but not escaped.

    A text may have a second line. best: (row, column) of the best values.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    best: frozenset[tuple[int, int]] = frozenset()


def places(pairs: Iterable[tuple[str, str]]) -> str:
    """(who, where) as words: numba_jit at n = 100, d = 10; n = 1 000, d = 10. jax_jit at n = 100, d = 10."""
    by_name = grouped(pairs, itemgetter(0))
    return ". ".join(f"{who} at {'; '.join(where for _, where in own)}" for who, own in by_name.items())


def per_cell(title: str, heads: Iterable[str], cells: Iterable[Cell], row: Callable[[Cell], Iterable[str]]) -> Table:
    """A row per cell: its problem, its backend, and more. heads: the heads of the columns after these two."""
    return Table(title, ("problem", "backend", *heads), [(problem_label(c), name(c), *row(c)) for c in cells])


def times(cells: list[Cell], title: str) -> Table:
    """The time of each cell, its ratios to both baselines, and its status with the reason."""

    def row(c: Cell) -> tuple[str, ...]:
        return time_text(c), relation_text(c, BASELINE), relation_text(c, LOOPS), status_text(c)

    return per_cell(title, ("time per iteration", f"against {BASELINE}", f"against {LOOPS}", "status"), cells, row)


def cold_costs(cells: list[Cell], title: str) -> Table:
    """The costs of each cell with a time besides its iterations, and when they are repaid."""

    def row(c: Cell) -> tuple[str, ...]:
        memory = MISSING if c.peak_bytes is None else text.memory(c.peak_bytes)
        load = MISSING if c.cpu_over_wall is None else text.significant(c.cpu_over_wall)
        once = (seconds_text(getattr(c.cold_costs, part)) for part in COLD)
        return *once, seconds_text(c.median_s), memory, load, pays_back(c)

    heads = (*COLD.values(), *STEADY, "pays back after")
    return per_cell(title, heads, [c for c in cells if time_per_iteration(c)], row)


def errors(cells: list[Cell], title: str) -> Table:
    """The distance of each judged cell, wrong ones too, from the reference as a share of the bound."""

    def row(c: Cell) -> tuple[str, ...]:
        assert c.error is not None
        return text.significant(c.error.value), text.significant(c.error.bound), share_of_bound(c)

    judged = [c for c in cells if c.error is not None]
    return per_cell(title, ("error ‖β − β_ref‖", "bound", "error / bound"), judged, row)


def commands(cells: list[Cell], title: str) -> Table:
    """The command that runs each cell alone."""
    return per_cell(title, ("command",), cells, lambda c: [text.clean(c.rerun)])


def name(cell: Cell) -> str:
    return text.clean(cell.backend, 40) + (" (A/A control)" if cell.control else "")


def data_interval(interval: Sequence[float | None] | None) -> list[str]:
    """A value and its interval in the data of a figure."""
    return list(map(text.scientific, interval or (None, None, None)))


def time_text(cell: Cell) -> str:
    interval = time_per_iteration(cell)
    return MISSING if interval is None else text.duration_interval(*interval)


def ratio_text(ratio: Speedup, form: tuple[str, str, str]) -> str:
    """8.14× faster, 13.6× slower or tied in WORDS; 8.14×, ÷13.6 or ~1.01× in SYMBOLS."""
    faster, slower, tied = form
    if holds_one(ratio.ci_low, ratio.ci_high):
        return tied.format(text.significant(ratio.median))
    if ratio.median >= 1:
        return faster.format(text.significant(ratio.median))
    return slower.format(text.significant(1 / ratio.median))


def relation_text(cell: Cell, baseline: str) -> str:
    """8.14× faster [8.01, 8.30]; 13.6× slower [13.4, 13.9]; tied: 1.01× [0.98, 1.03]."""
    ratio = speedup(cell, baseline)
    if ratio is None:
        return MISSING
    low, high = ratio.ci_low, ratio.ci_high
    if holds_one(low, high):
        return f"tied: {text.ratio_interval(ratio.median, low, high)}"
    if ratio.median < 1:
        low, high = (high and 1 / high, low and 1 / low)
    return ratio_text(ratio, WORDS) + text.interval(low, high)


def seconds_text(seconds: float | None) -> str:
    return MISSING if seconds is None else text.duration(seconds)


def pays_back(cell: Cell) -> str:
    calls = cell.cold_costs.break_even_calls
    if calls is None:
        ratio = speedup(cell, BASELINE)
        if ratio and holds_one(ratio.ci_low, ratio.ci_high):
            return "tied"
        return "baseline" if cell.backend == BASELINE else "unknown"
    return (
        "never"
        if calls == "never"
        else f"{text.number_of(calls, 'call')}, {text.count(calls * cell.n_iter)} iterations"
    )


def share_of_bound(cell: Cell) -> str:
    assert cell.error is not None
    if cell.error.bound > 0:
        return text.percent(cell.error.share)
    return "exact" if cell.error.value == 0 else "∞"


def plan_line(run: Run, group: Group) -> str:
    """The sizes, processes, rounds and calls of the measurement."""
    blocks = run.plan.get("blocks")
    parts = [group.title]
    parts.append(f"n: {text.span(c.n_samples for c in group.cells)}, d: {text.span(c.n_features for c in group.cells)}")
    if isinstance(blocks, int):
        parts.append(text.number_of(blocks, "process"))
    parts.append(f"rounds per process: {text.span(c.rounds for c in group.cells)}")
    calls = text.span(c.calls for c in group.cells if c.calls is not None)
    parts += [f"calls per round: {calls}"] if calls else []
    parts.append(f"iterations per call: {text.span(c.n_iter for c in group.cells)}")
    samples_of_cells = [[s for s in c.samples_s if s is not None] for c in group.cells if time_per_iteration(c)]
    n_outliers = sum(outliers(samples) for samples in samples_of_cells)
    n_samples = text.number_of(sum(map(len, samples_of_cells)), "sample")
    parts.append(f"outliers: {text.count(n_outliers)} of {n_samples}, none dropped")
    return "; ".join(parts)


def control_line(group: Group) -> str | None:
    """The ratio of the A/A control to the baseline, which is the same backend: it should be 1×."""
    if not group.controls:
        return None
    parts = []
    for c in group.controls:
        ratio = speedup(c, BASELINE)
        words = text.ratio_interval(ratio.median, ratio.ci_low, ratio.ci_high) if ratio else MISSING
        parts.append(f"{problem_label(c)}: {words if time_per_iteration(c) else gap_kind(c)}")
    return f"A/A control ({BASELINE} against itself, 1× if all is well): " + "; ".join(parts)


def lacks_intervals(cells: list[Cell]) -> bool:
    """Whether a cell has a time without an interval."""
    return any(interval.low is None for interval in map(time_per_iteration, cells) if interval)


def trust(run: Run) -> str:
    """Whether the run is stable, and why not: each kind of reason once. `reasons` has them in full."""
    if run.stable and lacks_intervals(run.cells):
        return "The run's own controls found no problem, but it has too few processes to judge its stability."
    if run.stable:
        return "Stable: the run's own controls found no problem."
    by_kind = grouped(reasons(run), lambda reason: reason.partition("; ")[0].partition(" at ")[0])
    kinds = [
        f"{kind} at {len(same)} problems" if len(same) > 1 else same[0].partition("; ")[0]
        for kind, same in by_kind.items()
    ]
    advice = " Close other programs and run again." if any("; " in reason for reason in reasons(run)) else ""
    return f"Unstable, so no verdict should rest on this run: {'; '.join(kinds) or 'no reason recorded'}.{advice}"


def wrong_backends(run: Run) -> list[str]:
    """The names of the backends with a wrong result."""
    return list(dict.fromkeys(text.clean(c.backend, 40) for c in run.cells if c.status == "wrong"))


def reasons(run: Run) -> list[str]:
    """The reasons why the run is not stable."""
    return [text.clean(reason, 400) for reason in run.reasons]


def flags(group: Group) -> list[tuple[str, str]]:
    """(what is doubtful, where and what to do): each kind of doubt once, with its cells or, of many, their number."""
    by_kind: dict[str, list[tuple[Cell, str]]] = {}
    for c in group.cells:
        for flag in c.flags:
            kind, _, figure = text.clean(flag, 400).partition(": ")
            by_kind.setdefault(kind, []).append((c, f" ({figure})" if figure else ""))
    advice = {kind: f" ({words})" for kind, words in FLAGS.items()}
    return [(kind, _flagged_places(group, own) + advice.get(kind, "")) for kind, own in by_kind.items()]


def _flagged_places(group: Group, flagged: list[tuple[Cell, str]]) -> str:
    """The flagged cells: "every backend at …" where that is so, each with its figure where they are few."""
    by_problem = grouped(flagged, lambda item: problem_key(item[0]))
    timed = Counter(problem_key(c) for c in group.cells if time_per_iteration(c))
    everywhere = [p for p, own in by_problem.items() if len(own) >= max(2, timed[p])]
    rest = [item for p, own in by_problem.items() if p not in everywhere for item in own]
    pairs = [("every backend", problem_label(p)) for p in everywhere]
    if len(rest) > MAX_PLACES:
        counted = f"{text.count(len(rest))} of {text.count(len(group.cells))} cells"
        return ". ".join(filter(None, (places(pairs), f"{counted}, see the data of the noise picture")))
    return places([*pairs, *((name(c), problem_label(c) + figure) for c, figure in rest)])


def gaps(group: Group) -> list[tuple[str, str, list[Cell]]]:
    """(where, the kind of gap, its cells). Cells of one backend with the same reason are one gap."""
    missing = [c for c in group.cells if time_per_iteration(c) is None]
    by_reason = grouped(missing, lambda c: (name(c), gap_kind(c), c.detail))
    return [
        (places((who, problem_label(c)) for c in cells), kind, cells) for (who, kind, _), cells in by_reason.items()
    ]


def headed(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows of a problem, a backend and more, for a narrow output: each problem is a row above its backends."""
    result: list[tuple[str, ...]] = []
    for problem, own in grouped(rows, itemgetter(0)).items():
        result.append((problem, *[""] * (len(own[0]) - 2)))
        result += [(f"  {text.clean(backend, 22)}", *rest) for _, backend, *rest in own]
    return result


def short_times(cells: list[Cell]) -> Table:
    """The times for a narrow output. A gap takes the place of a time."""
    rows = []
    for c in sorted(cells, key=problem_key):
        seconds = predicted_time(c)
        gap = gap_kind(c) + (f", predicted {text.duration(seconds)}" if seconds else "")
        duration = time_text(c) if time_per_iteration(c) else gap
        rows.append((problem_label(c), c.backend, duration, relation_text(c, BASELINE)))
    return Table("", ("backend", "time per iteration", "against numpy"), headed(rows))


def short_cold_costs(group: Group, problem: ProblemKey) -> tuple[Table, Table]:
    """The cold costs of one problem as two narrow tables: before the steady state, and in it."""
    full = cold_costs([c for c in group.ranked + group.others if problem_key(c) == problem], "")
    names = [text.clean(row[1], 20) for row in full.rows]
    parts = (slice(2, 2 + len(COLD)), slice(2 + len(COLD), None))
    before, after = (
        Table("", ("backend", *full.columns[part]), [(n, *row[part]) for n, row in zip(names, full.rows, strict=True)])
        for part in parts
    )
    return before, after


def worst_errors(group: Group) -> Table:
    """The largest share of its bound of each backend, and where."""

    def share(c: Cell) -> float:
        assert c.error is not None
        return c.error.share

    judged = [c for c in group.ranked + group.others if c.error is not None]
    worst = [max((c for c in judged if c.backend == b), key=share) for b in backends(judged)]
    rows = [(text.clean(c.backend, 22), share_of_bound(c), problem_label(c)) for c in worst]
    return Table("", ("backend", "error / bound", "at"), rows)


def files(run: Run) -> Table:
    """The summary and the libraries of each backend of a run, as far as this installation has the file."""
    from backends import describe, names

    installed = set(names())
    rows = []
    for backend in backends(cell for cell in run.cells if not cell.control):
        description = describe(backend) if backend in installed else None
        requires = text.listed(list(description.requires)) if description else ""
        summary = description.summary if description else "a file of the user's"
        rows.append((text.clean(backend, 40), requires or MISSING, summary))
    return Table("The backends", ("backend", "library", "what it is"), rows)
