"""The report of a comparison, for a terminal and as one offline HTML page."""

import math

from bench import text
from bench.analysis.compare import JUDGED, MIN_PROCESSES, TOLERANCE, Change, Comparison, describe_shifts, log_to_share
from bench.mappings import grouped
from bench.plan import BASELINE
from bench.report.blocks import HTML, TERMINAL, Block, Entries, Items, Report, Text, Topic
from bench.report.tables import Table, headed, places, seconds_text
from bench.stats import CHANGE_P
from bench.text import MISSING

LOUD = ("slower", "faster", "wrong", "failed", "missing")  # verdicts in bold on a page
COLORS = {
    "slower": "bold red", "wrong": "bold red", "failed": "red", "missing": "red", "not comparable": "red",
    "faster": "green", "undecided": "yellow", "withheld": "yellow",
}  # fmt: skip


def table(cells: list[Change], title: str) -> Table:
    """One row per cell: its verdict, and the numbers that decide it."""
    rows = [
        (
            cell.where,
            text.clean(cell.backend, 40),
            cell.verdict,
            *_figures(cell),
            seconds_text(cell.base_median_s),
            seconds_text(cell.new_median_s),
        )
        for cell in cells
    ]
    heads = ("problem", "backend", "verdict", "NEW / BASE", "p", "limit", "BASE, per call", "NEW, per call")
    return Table(title, heads, rows)


def differences(comparison: Comparison) -> Table:
    """One row per difference between the runs, and whether they are comparable."""
    rows = [
        (d.what, d.base, d.new, "not comparable" if d.prevents_verdict else _allowed(d.kind))
        for d in comparison.differences
    ]
    return Table("Differences", ("what", "BASE", "NEW", "effect"), rows)


def machines(comparison: Comparison) -> list[str]:
    """A sentence per number of threads for which the sentinels differ between the runs."""
    return [
        f"{text.number_of(threads, 'thread')}: {describe_shifts(moved)}. So speed-ups over {BASELINE} were compared"
        f" instead of times; if {BASELINE} itself changed, all other backends would appear to change."
        for threads, moved in grouped(comparison.machine_changed, lambda moved: moved.threads).items()
    ]


def hidden(comparison: Comparison) -> str | None:
    """The largest change that the intervals of unchanged cells do not exclude, in a sentence."""
    ends = [
        abs(math.log(end))
        for cell in comparison.cells
        if cell.verdict == "unchanged"
        for end in (cell.ci_low, cell.ci_high)
        if end
    ]
    if not ends:
        return None
    widest = text.percent(log_to_share(max(ends)))
    return f"Unchanged means that no change was shown; one of {widest} could hide in the widest interval."


def report_of(comparison: Comparison) -> Report:
    """The report of a comparison."""
    shared = differences(comparison)
    blocks: list[Block] = [Text(sentence, "strong") for sentence in machines(comparison)]
    if shared.rows:
        items = [(f"{what} {base} -> {new} ({so})", "") for what, base, new, so in shared.rows]
        blocks.append(Items(items, "Difference", TERMINAL))
    topics = [Topic("What the runs do not share", [Entries(shared)])] if shared.rows else []
    chapters = [Topic("Runs", blocks, "runs", topics=topics)] if blocks else []
    for number, (title, cells) in enumerate(grouped(comparison.cells, lambda cell: cell.group).items(), 1):
        contents: list[Block] = [
            Text(title, "note", TERMINAL),
            Entries(table(cells, title), marks={word: COLORS[word] for word in LOUD}),
            Entries(_terminal_table(cells), marks=COLORS, media=TERMINAL),
        ]
        reasons = _reasons(cells)
        chapters.append(Topic(title, [*contents, *([Items(reasons)] if reasons else [])], f"group-{number}"))
    if note := hidden(comparison):
        chapters.append(Topic("Unchanged cells", [Text(note, "note")], "unchanged"))
    return Report(
        title="gdbench comparison",
        headline=comparison.verdict,
        facts=(),
        status=_names(comparison),
        doubtful=comparison.exit_code != 0,
        chapters=[*chapters, _method()],
    )


def html(comparison: Comparison) -> str:
    """The page."""
    from bench.report import html as writer

    return writer.write(report_of(comparison))


def _method() -> Topic:
    tolerance, p = text.percent(log_to_share(TOLERANCE)), text.significant(CHANGE_P)
    items = (
        (
            "What is compared.",
            "The medians of the processes of each run, as logarithms. NEW / BASE above 1× means that NEW is slower."
            " The ratio is the Hodges–Lehmann estimate. Its brackets contain the true ratio with 95 % confidence.",
        ),
        (
            "When a cell is slower or faster.",
            f"Its Mann–Whitney p, adjusted after Holm over all judged cells, is below {p}, and its whole interval"
            f" lies beyond the limit. Both runs need {MIN_PROCESSES} processes and must be stable.",
        ),
        (
            "The limit.",
            f"{tolerance}, or the half-width of the A/A control's interval in either run if that is larger: a"
            " difference that a run cannot detect in the baseline itself, it cannot detect elsewhere.",
        ),
        (
            "What is not comparable.",
            "Another processor, thread count, dtype, size, number of iterations, library version or other data. A"
            " cell that one run lacks is missing, which is an error and not a verdict.",
        ),
        (
            "When the machine changed.",
            "Each block also times two sentinels that do not depend on any backend. If they differ by more"
            f" than the limit, absolute times are withheld and the speed-ups over {BASELINE} in the same block are"
            " compared instead.",
        ),
    )
    return Topic("Method", [Items(items, media=HTML)], "method")


def _names(comparison: Comparison) -> str:
    return f"BASE: {text.clean(comparison.base)}; NEW: {text.clean(comparison.new)}; exit code {comparison.exit_code}"


def _allowed(kind: str) -> str:
    return "good to know" if kind == "note" else f"allowed by --across {kind}"


def _figures(cell: Change) -> tuple[str, str, str]:
    """The ratio with its interval, p after Holm, and the limit."""
    ratio = MISSING if cell.ratio is None else text.ratio_interval(cell.ratio, cell.ci_low, cell.ci_high)
    p = MISSING if cell.p_holm is None else text.significant(cell.p_holm)
    return ratio, p, MISSING if cell.threshold is None else text.percent(cell.threshold)


def _terminal_table(cells: list[Change]) -> Table:
    """The table for a narrow output, without the reasons. A problem without any ratio has one row."""
    rows: list[tuple[str, ...]] = []
    for where, own in grouped(cells, lambda cell: cell.where).items():
        verdicts = {cell.verdict for cell in own}
        if len(verdicts) == 1 and all(cell.ratio is None for cell in own):
            rows.append((where, MISSING, MISSING, MISSING, *verdicts))
        else:
            rows += headed((where, cell.backend, *_figures(cell), cell.verdict) for cell in own)
    return Table("", ("backend", "NEW / BASE", "p", "limit", "verdict"), rows)


def _reasons(cells: list[Change]) -> list[tuple[str, str]]:
    """(verdict with its reason, where), each reason once: "every backend at n = 100, d = 10; n = 1 000, d = 10"."""
    pairs_of: dict[str, list[tuple[str, str]]] = {}
    for problem, own in grouped(cells, lambda cell: cell.where).items():
        reasons = grouped((cell for cell in own if cell.detail), _reason)
        for words, same in reasons.items():
            names = text.listed([text.clean(cell.backend, 40) for cell in same])
            pairs_of.setdefault(words, []).append(("every backend" if len(same) == len(own) else names, problem))
    return [(words, places(pairs)) for words, pairs in pairs_of.items()]


def _reason(cell: Change) -> str:
    return f"{'judged' if cell.verdict in JUDGED else cell.verdict}: {cell.detail}"
