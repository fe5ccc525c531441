"""What a report of a run contains: its chapters with their texts, tables and figures, in order.

A Report is built once and holds finished words and figures. `terminal.py`, `markdown.py` and `html.py` write it. A new
section is one function here. A block that only some writers show names them in `media`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench import text
from bench.analysis import sentences
from bench.analysis.series import explorer_series
from bench.analysis.speed import Group, backends, cold_problem, group_cells, problem_label
from bench.plan import BASELINE
from bench.records import Run, run_for_page
from bench.report import dialects, limits, matrix, tables
from bench.report.blocks import (
    FILES,
    HTML,
    TERMINAL,
    Block,
    Dialects,
    Entries,
    Figure,
    Gap,
    Gaps,
    Items,
    Pairs,
    Report,
    Text,
    Topic,
)
from bench.report.notes import CHAPTERS, METHOD, NOTES
from bench.report.tables import Table

if TYPE_CHECKING:
    from bench.report.plots.canvas import Drawing

Figures = Mapping[tuple[str, str], Figure]  # by name and title of the group


def report_of(run: Run, drawings: Mapping[str, tuple["Drawing", bytes]] | None = None) -> Report:
    """The report of a run. drawings: stem of a figure -> the drawing and its SVG; without it there are no figures."""
    groups = group_cells(run)
    figures = _figures(groups, drawings or {})
    data = None if drawings is None else run_for_page(run)
    chapters = [
        _speed(run, groups, figures),
        _first_answer(groups, figures),
        _limits(groups, figures),
        _correctness(groups, figures),
        _method_and_data(run, groups, figures, data is not None),
    ]
    return Report(
        title="gdbench report",
        headline=sentences.headline_sentence(groups[0]) if groups else "The run has no cells.",
        facts=sentences.summary_sentences(groups[0]) if groups else (),
        status=tables.trust(run),
        doubtful=not run.stable,
        chapters=[chapter for chapter in chapters if chapter.topics],
        overview=_overview(groups[0]) if groups else (),
        place=_place(run),
        data=data,
        series={} if drawings is None else _series(run),
        chart=figures.get(("time_per_iteration", groups[0].title)) if groups else None,
        origin=(run.command, run.created),
    )


def _series(run: Run) -> Mapping[str, Any]:
    """The values of the interactive chart of a page."""
    from bench.report.plots.canvas import series_styles

    return {**explorer_series(run), "styles": series_styles(backends(run.cells))}


def _place(run: Run) -> str:
    """The processor, and the day of the run."""
    return f"{sentences.processor_text(run)}, {text.clean(run.created[:10])}"


def _figures(groups: Sequence[Group], drawings: Mapping[str, tuple["Drawing", bytes]]) -> Figures:
    """The figures that were drawn."""
    if not drawings:
        return {}
    from bench.report.plots.figures import SCALING, TITLES, stem

    places = {stem(name, group): (name, group.title) for group in groups for name in TITLES} | {SCALING: (SCALING, "")}
    return {
        (name, context): Figure(file, TITLES[name], context, *drawings[file])
        for file, (name, context) in places.items()
        if file in drawings
    }


def _drawn(figures: Figures, names: Sequence[str], group: Group | None = None) -> list[Topic]:
    """Each of these figures under its title with its note, without those that have nothing to show."""
    context = group.title if group else ""
    drawn = [(name, figures[name, context]) for name in names if (name, context) in figures]
    return [Topic(figure.title, [*_note(name), figure], figure.stem, half=not figure.wide) for name, figure in drawn]


def _note(key: str) -> list[Text]:
    return [Text(NOTES[key], "note", HTML)] if key in NOTES else []


def _folded(table: Table, group: Group | None, *more: Block) -> list[Topic]:
    """A table under its title, closed until a reader opens it; nothing without rows."""
    if not table.rows:
        return []
    blocks = [*_note(table.title), Entries(table, group.title if group else ""), *more]
    return [Topic(table.title, blocks, _anchor(table.title, group), folded=True)]


def _narrow(heading: str, *narrow: Table) -> list[Block]:
    """The narrow forms of a table under a heading, for a terminal."""
    entries = [Entries(table, media=TERMINAL) for table in narrow if table.rows]
    return [Text(heading, "heading", TERMINAL), *entries] if entries else []


def _anchor(title: str, group: Group | None = None) -> str:
    """The id of a heading."""
    words = f"{title} {group.dtype} {group.threads}" if group else title
    return re.sub("[^a-z0-9]+", "-", words.lower()).strip("-")


def _chapter(title: str, groups: Sequence[Group], contents: Callable[[Group], list[Topic]], *more: Topic) -> Topic:
    """A chapter: its text, the contents of the first group, those of each other group folded under its title, more."""
    topics: list[Topic] = []
    for group in groups:
        own = contents(group)
        if len(groups) > 1 and any("terminal" in block.media for topic in own for block in topic.blocks):
            own.insert(0, Topic("", [Text(f"{title}, {group.title}", "heading", TERMINAL)]))
        if group is groups[0]:
            topics += own
        elif own:
            topics.append(Topic(group.title, [], _anchor(title, group), folded=True, topics=own))
    return Topic(title, [Text(CHAPTERS[title], media=HTML)], _anchor(title), topics=[*topics, *more])


def _overview(group: Group) -> list[Block]:
    """The times of all backends at all sizes."""
    table = matrix.overview(group)
    words = f"{group.title}. Small: against {BASELINE}. Bold: the fastest, or tied with it."
    return [Text(words, "note", FILES), Entries(table, group.title)] if table.rows else []


# ------------------------------------------------------------------------------------------------------ chapters


def _speed(run: Run, groups: Sequence[Group], figures: Figures) -> Topic:
    def contents(group: Group) -> list[Topic]:
        first = group is groups[0]  # its answer and its chart of times are on the first screen
        return [
            *([] if first else [_in_short(group), *_drawn(figures, ["time_per_iteration"], group)]),
            *_drawn(figures, ["winners", "winners_all", "speedup"], group),
            _times(run, group),
            *_other_algorithms(group),
            *_folded(limits.crossover_points(group), group),
        ]

    table = limits.threads_and_dtypes(run)
    return _chapter("Speed", groups, contents, *_drawn(figures, ["scaling"]), *_folded(table, None))


def _first_answer(groups: Sequence[Group], figures: Figures) -> Topic:
    def contents(group: Group) -> list[Topic]:
        return [*_drawn(figures, ["ledger", "cumulative"], group), *_cold_costs(group)]

    return _chapter("First answer", groups, contents)


def _limits(groups: Sequence[Group], figures: Figures) -> Topic:
    def contents(group: Group) -> list[Topic]:
        topics = _drawn(figures, ["roofline"], group)
        shares = limits.shares_by_size(group)
        if shares.rows:
            blocks: list[Block] = [*_note(shares.title), Entries(shares, group.title)]
            topics.append(Topic(shares.title, blocks, _anchor(shares.title, group), half=True))
        for table in (limits.attainments(group), limits.limits(group), limits.cost_models(group)):
            topics += _folded(table, group)
        return topics

    return _chapter("Limits", groups, contents)


def _correctness(groups: Sequence[Group], figures: Figures) -> Topic:
    def contents(group: Group) -> list[Topic]:
        return [*_drawn(figures, ["error"], group), _gaps(group), *_errors(group)]

    return _chapter("Correctness", groups, contents)


def _method_and_data(run: Run, groups: Sequence[Group], figures: Figures, is_in_page: bool) -> Topic:
    def contents(group: Group) -> list[Topic]:
        return [*_drawn(figures, ["noise"], group), *_flags(group)]

    method = Topic("How it was measured", [Items(METHOD, media=HTML)], "method", folded=True)
    about = [*_unstable(run), _repeat(run, groups, is_in_page), method, _backends(run), _dialects(run), *_machine(run)]
    return _chapter("Method and data", groups, contents, *about)


# ------------------------------------------------------------------------------------- a dtype and thread count


def _in_short(group: Group) -> Topic:
    facts = sentences.summary_sentences(group)
    listed = [Items([("", fact) for fact in facts], media=FILES)] if facts else []
    return Topic("In short", [Text(sentences.headline_sentence(group)), *listed], _anchor("In short", group))


def _times(run: Run, group: Group) -> Topic:
    title = "Time per iteration"
    blocks: list[Block] = [Text(tables.plan_line(run, group), "note")]
    if group.ranked:
        blocks += [Entries(tables.times(group.ranked, title), group.title)]
        blocks += [Entries(tables.short_times(group.ranked), media=TERMINAL)]
    if tables.lacks_intervals(group.cells):
        blocks += [Text(tables.NO_INTERVAL_NOTE, "note")]
    control = tables.control_line(group)
    blocks += [Text(control, "note")] if control else [Text("A/A control: none in this run", "note", FILES)]
    return Topic(title, blocks, _anchor(title, group), folded=True)


def _other_algorithms(group: Group) -> list[Topic]:
    if not group.others:
        return []
    title = "Another algorithm"
    words = "These backends reach the same iterates with other arithmetic. They are shown apart and never ranked."
    heading = "Another algorithm: same iterates, other arithmetic, not ranked"
    table = Entries(tables.times(group.others, title), group.title)
    blocks: list[Block] = [*_narrow(heading, tables.short_times(group.others)), Text(words, media=FILES), table]
    return [Topic(title, blocks, _anchor(title, group), folded=True)]


def _cold_costs(group: Group) -> list[Topic]:
    cells = group.ranked + group.others
    problem = cold_problem(cells)
    if problem is None:
        return []
    unknown = (c.detail for c in cells if c.status == "ok" and c.cold_costs.import_s is None and c.detail)
    notes = [Text(text.clean(reason), "note") for reason in dict.fromkeys(unknown)]
    narrow = _narrow(f"Cold cost at {problem_label(problem)}", *tables.short_cold_costs(group, problem))
    return _folded(tables.cold_costs(cells, "Cold cost and memory at every size"), group, *notes, *narrow)


def _errors(group: Group) -> list[Topic]:
    title = "Error against its bound"
    table = tables.errors(group.cells, title)
    if not table.rows:
        return [Topic(title, [Text("No answer was judged.", media=HTML)], _anchor(title, group))]
    return _folded(table, group, *_narrow(f"{title}, the worst of each backend", tables.worst_errors(group)))


def _gaps(group: Group) -> Topic:
    title = "Gaps and why"
    gaps = [
        Gap(where, kind, text.clean(cells[0].detail or "", lines=True), tuple(text.clean(c.rerun) for c in cells))
        for where, kind, cells in tables.gaps(group)
    ]
    blocks: list[Block] = [Gaps(gaps)] if gaps else [Text("None: every cell has a time.", media=HTML)]
    return Topic(title, blocks, _anchor(title, group))


def _flags(group: Group) -> list[Topic]:
    flags = tables.flags(group)
    return [Topic("Flags", [Items(flags, "Flag")], _anchor("Flags", group), half=True)] if flags else []


# -------------------------------------------------------------------------------------------------- the whole run


def _unstable(run: Run) -> list[Topic]:
    items = [("", reason) for reason in tables.reasons(run)]
    return [Topic("Why the run is unstable", [Items(items, "Unstable")], "unstable", half=True)] if items else []


def _backends(run: Run) -> Topic:
    note = Text("The first line of each file, and its libraries, where this page was written.", "note", HTML)
    return Topic("The backends", [note, Entries(tables.files(run), media=HTML)], "backends", folded=True)


def _dialects(run: Run) -> Topic:
    files = dialects.read()
    effort = dialects.effort(run, files)
    words = (
        "One algorithm, written four times. Each step of the formula has its color and its name in every file. Lines"
        " that make two steps in one loop have both names."
    )
    note = (
        "Lines of code are those of the whole file without comments, docstrings and blank lines. The text is that of"
        " the files installed where this page was written."
    )
    blocks: list[Block] = [
        Text(words, media=HTML),
        Text(note, "note", HTML),
        Entries(effort, media=HTML),
        Text(f"{effort.title}.", "note", HTML),
        Dialects(files),
    ]
    return Topic("The four dialects", blocks, "dialects", folded=True)


def _repeat(run: Run, groups: Sequence[Group], is_in_page: bool) -> Topic:
    words = (
        "Install gdbench (pip install -e . in its folder). Without --out, a run goes into a new folder. This run was"
        f" started on {text.clean(run.created[:16].replace('T', ' '))} UTC with:"
    )
    saved = "The whole run is inside this page: gdbench report PAGE.html and gdbench compare read it."
    beside = "The run is too large for this page. It is in run.json beside it."
    where = Text(saved if is_in_page else beside, "note", HTML)
    return Topic(
        "Repeat it",
        [Text(words, media=HTML), Text(text.clean(run.command), "command", HTML), where],
        "repeat",
        half=True,
        topics=[_commands(group) for group in groups if group.ranked or group.others],
    )


def _commands(group: Group) -> Topic:
    title = "Run one cell again, alone"
    table = tables.commands(group.ranked + group.others, title)
    note = Text(f"Each command also runs {BASELINE}, the baseline.", "note", HTML)
    blocks: list[Block] = [Entries(table, group.title, media=HTML), note]
    return Topic(f"{title} ({group.title})", blocks, _anchor(title, group), folded=True)


def _machine(run: Run) -> list[Topic]:
    machine = flat({part: value for part, value in run.machine.items() if part != "peaks"})  # they have a table
    absent = Text("Not recorded.", media=HTML)
    return [
        Topic(title, [Pairs(rows) if rows else absent], _anchor(title), folded=True)
        for title, rows in (("Machine", machine), ("Plan", flat(run.plan)))
    ]


def flat(data: dict[str, Any], depth: int = 10) -> list[tuple[str, str]]:
    """A nested dictionary as (path, value) rows: cpu · model, Example CPU. Deeper levels become an ellipsis."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        label = text.clean(str(key), 60)
        if isinstance(value, dict) and value and depth:
            rows += [(f"{label} · {path}", words) for path, words in flat(value, depth - 1)]
        else:
            rows.append((label, text.words(value)))
    return rows
