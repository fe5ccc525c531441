"""What a report contains: sections of text, tables and figures, with their titles and their order.

A Report is built once from a run and holds finished words and figures. `terminal.py`, `markdown.py` and `html.py`
write it. A new section is one function here. A block that only some writers show names them in `media`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench import text
from bench.analysis import sentences
from bench.analysis.series import explorer_series
from bench.analysis.speed import Group, backends, cold_problem, group_cells, problem_label
from bench.plan import BASELINE
from bench.records import Run, run_for_page
from bench.report import dialects, limits, tables
from bench.report.dialects import Dialect
from bench.report.notes import METHOD, NOTES
from bench.report.tables import Table

if TYPE_CHECKING:
    from bench.report.plots.canvas import Drawing

Medium = Literal["terminal", "markdown", "html"]
ALL: frozenset[Medium] = frozenset(("terminal", "markdown", "html"))
TERMINAL: frozenset[Medium] = frozenset(("terminal",))
FILES = ALL - TERMINAL  # Markdown and HTML
HTML: frozenset[Medium] = frozenset(("html",))


@dataclass(frozen=True)
class Text:
    """A paragraph. style: "note" is secondary, "strong" a warning, "heading" the title of a table in a terminal."""

    words: str
    style: Literal["", "note", "strong", "heading"] = ""
    media: frozenset[Medium] = ALL


@dataclass(frozen=True)
class Items:
    """A list of (what, where). label: a word in front of each item in a terminal."""

    items: Sequence[tuple[str, str]]
    label: str
    media: frozenset[Medium] = ALL


@dataclass(frozen=True)
class Entries:
    """A table. context: added to its title as a label; folded: closed until a reader opens it; marks: word -> style."""

    table: Table
    context: str = ""
    folded: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)
    media: frozenset[Medium] = FILES


@dataclass(frozen=True)
class Figure:
    """A figure with its alternative text and its data. stem: of its file."""

    stem: str
    title: str
    context: str
    drawing: "Drawing"
    svg: bytes
    media: frozenset[Medium] = FILES


@dataclass(frozen=True)
class Gap:
    """Cells of one backend without a time, for one reason. commands: to run each cell again."""

    where: str
    kind: str
    detail: str
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Gaps:
    """All gaps of a group."""

    gaps: Sequence[Gap]
    media: frozenset[Medium] = ALL


@dataclass(frozen=True)
class Pairs:
    """Names and values."""

    rows: Sequence[tuple[str, str]]
    media: frozenset[Medium] = HTML


@dataclass(frozen=True)
class Command:
    """A command to copy."""

    words: str
    media: frozenset[Medium] = HTML


@dataclass(frozen=True)
class Dialects:
    """Source files side by side."""

    dialects: Sequence[Dialect]
    media: frozenset[Medium] = HTML


Block = Text | Items | Entries | Figure | Gaps | Pairs | Command | Dialects


@dataclass(frozen=True)
class Topic:
    """Blocks under one heading; a terminal shows no heading. anchor: the heading's id in a page."""

    title: str
    blocks: Sequence[Block]
    anchor: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report: blocks, then topics. anchor: its id in a page."""

    title: str
    anchor: str
    blocks: Sequence[Block] = ()
    topics: Sequence[Topic] = ()

    @property
    def all_blocks(self) -> list[Block]:
        """The blocks of the section and of its topics, in order."""
        return [*self.blocks, *(block for topic in self.topics for block in topic.blocks)]


@dataclass(frozen=True)
class Report:
    """status: one sentence about trust; doubtful: whether it is a warning. lead: a note under it, for a page.

    data: the run as JSON, for a page; series: the values of its chart, with the colour and marker of each backend.
    """

    title: str
    headline: str
    facts: Sequence[str]
    status: str
    doubtful: bool
    sections: Sequence[Section]
    lead: bool = False
    data: str | None = None
    series: Mapping[str, Any] = field(default_factory=dict)
    origin: tuple[str, str] | None = None  # the command of the run, and when it began


def report_of(run: Run, drawings: Mapping[str, tuple["Drawing", bytes]] | None = None) -> Report:
    """The report of a run. drawings: stem of a figure -> the drawing and its SVG; without it there are no figures."""
    series = {} if drawings is None else _series(run)
    drawings = drawings or {}
    groups = group_cells(run)
    data = run_for_page(run)
    sections = [_group(run, group, number, drawings) for number, group in enumerate(groups, 1)]
    sections += [_threads_and_dtypes(run, groups, drawings), _backends(run), _dialects(run)]
    sections += [_repeat(run, groups, fits=data is not None), _machine(run), _method()]
    return Report(
        title="gdbench report",
        headline=sentences.headline_sentence(groups[0]) if groups else "The run holds no cell.",
        facts=sentences.summary_sentences(groups[0]) if groups else (),
        status=tables.trust(run),
        doubtful=not run.stable,
        sections=[section for section in sections if section.blocks or section.topics],
        lead=True,
        data=data,
        series=series,
        origin=(run.command, run.created),
    )


def _series(run: Run) -> Mapping[str, Any]:
    """The values of the interactive chart of a page."""
    from bench.report.plots.canvas import series_styles

    return {**explorer_series(run), "styles": series_styles(backends(run.cells))}


# ------------------------------------------------------------------------------------------- a dtype and thread count


def _group(run: Run, group: Group, number: int, drawings: Mapping[str, tuple["Drawing", bytes]]) -> Section:
    """The cells of one dtype and number of threads."""
    blocks: list[Block] = []
    if number > 1:
        facts = sentences.summary_sentences(group)
        blocks = [Text(sentences.headline_sentence(group)), *(Text(fact, media=HTML) for fact in facts)]
        blocks += [Items([("", fact) for fact in facts], "", frozenset(("markdown",)))]
    figures = _figures(group, drawings)
    alone = [(name, figure) for name, figure in figures.items() if name not in BESIDE_TABLES]
    topics = [
        _times(run, group, figures),
        _other_algorithms(group),
        *(Topic(figure.title, [*_note(name), figure], figure.stem) for name, figure in alone),
        _cold_costs(group),
        *(Topic(table.title, [*_note(table.title), Entries(table, group.title)]) for table in limits.tables(group)),
        _errors(group, figures),
        _gaps(group),
        _flags(group),
    ]  # fmt: skip
    return Section(group.title, f"group-{number}", blocks, [topic for topic in topics if topic.blocks])


BESIDE_TABLES = ("time_per_iteration", "error")  # figures that share a topic with a table


def _figures(group: Group, drawings: Mapping[str, tuple["Drawing", bytes]]) -> dict[str, Figure]:
    if not drawings:
        return {}
    from bench.report.plots.figures import TITLES, stem

    return {
        figure: Figure(stem(figure, group), title, group.title, *drawings[stem(figure, group)])
        for figure, title in TITLES.items()
        if stem(figure, group) in drawings
    }


def _note(key: str) -> list[Text]:
    return [Text(NOTES[key], "note", HTML)] if key in NOTES else []


def _times(run: Run, group: Group, figures: Mapping[str, Figure]) -> Topic:
    title = "Time per iteration"
    blocks: list[Block] = [Text(tables.plan_line(run, group), "note")]
    figure = figures.get("time_per_iteration")
    if figure is not None:
        blocks = [*_note("time_per_iteration"), figure, *blocks]
    if group.ranked:
        blocks += [Entries(tables.times(group.ranked, title), group.title)]
        blocks += [Entries(tables.short_times(group.ranked), media=TERMINAL)]
    if tables.lacks_intervals(group.cells):
        blocks += [Text(tables.NO_INTERVAL_NOTE, "note")]
    control = tables.control_line(group)
    blocks += [Text(control, "note")] if control else [Text("A/A control: none in this run", "note", FILES)]
    return Topic(title, blocks, figure.stem if figure else "")


def _other_algorithms(group: Group) -> Topic:
    title = "Another algorithm"
    if not group.others:
        return Topic(title, [])
    words = "These backends reach the same iterates with other arithmetic. They are shown apart and never ranked."
    return Topic(
        title,
        [
            Text("Another algorithm: same iterates, other arithmetic, not ranked", "heading", TERMINAL),
            Text(words, media=FILES),
            Entries(tables.times(group.others, title), group.title),
            Entries(tables.short_times(group.others), media=TERMINAL),
        ],
    )


def _cold_costs(group: Group) -> Topic:
    title = "Cold cost and memory at every size"
    cells = group.ranked + group.others
    table = tables.cold_costs(cells, "Cold cost")
    problem = cold_problem(cells)
    if problem is None or not table.rows:
        return Topic(title, [])
    compact = tables.short_cold_costs(group, problem)
    return Topic(
        title,
        [
            Entries(table, group.title),
            Text(f"Cold cost at {problem_label(problem)}", "heading", TERMINAL),
            *(Entries(part, media=TERMINAL) for part in compact),
        ],
    )


def _errors(group: Group, figures: Mapping[str, Figure]) -> Topic:
    title = "Error against its bound"
    table, worst = tables.errors(group.cells, title), tables.worst_errors(group)
    blocks: list[Block] = []
    if worst.rows:
        blocks += [Text(f"{title}, the worst of each backend", "heading", TERMINAL), Entries(worst, media=TERMINAL)]
    if not table.rows:
        return Topic(title, [*blocks, Text("No answer was judged.", media=HTML)])
    blocks += _note("errors")
    if "error" in figures:
        blocks += [*_note("error"), figures["error"]]
    return Topic(title, [*blocks, Entries(table, group.title)])


def _gaps(group: Group) -> Topic:
    title = "Gaps and why"
    gaps = [
        Gap(where, kind, text.clean(cells[0].detail or "", lines=True), tuple(text.clean(c.rerun) for c in cells))
        for where, kind, cells in tables.gaps(group)
    ]
    return Topic(title, [Gaps(gaps)] if gaps else [Text("None: every cell has a time.", media=HTML)])


def _flags(group: Group) -> Topic:
    flags = tables.flags(group)
    return Topic("Flags", [Items(flags, "Flag")] if flags else [])


# -------------------------------------------------------------------------------------------------- the whole run


def _threads_and_dtypes(run: Run, groups: Sequence[Group], drawings: Mapping[str, tuple["Drawing", bytes]]) -> Section:
    table = limits.threads_and_dtypes(run)
    blocks: list[Block] = []
    if drawings:
        from bench.report.plots.figures import SCALING

        if SCALING in drawings:
            blocks += [Figure(SCALING, "Thread scaling", groups[0].title, *drawings[SCALING])]
    return Section(table.title, "ways", [*blocks, Entries(table)] if table.rows else [])


def _backends(run: Run) -> Section:
    note = Text("The first line of each file, and its libraries, where this page was written.", "note", HTML)
    return Section("The backends", "backends", [note, Entries(tables.files(run), media=HTML)])


def _dialects(run: Run) -> Section:
    files = dialects.read()
    effort = dialects.effort(run, files)
    words = (
        "One algorithm, written four times. Each step of the formula has its colour and its name in every file. Lines"
        " that make two steps in one loop have both names."
    )
    note = (
        "Lines of code are those of the whole file without comments, docstrings and blank lines. The text is that of"
        " the files installed where this page was written."
    )
    return Section(
        "The four dialects",
        "dialects",
        [
            Text(words, media=HTML),
            Text(note, "note", HTML),
            Entries(effort, media=HTML),
            Text(f"{effort.title}.", "note", HTML),
            Dialects(files),
        ],
    )


def _repeat(run: Run, groups: Sequence[Group], fits: bool) -> Section:
    """fits: the run is inside the page."""
    words = (
        "Install gdbench (pip install -e . in its folder) and run this command. Without --out, the run goes into a new"
        f" folder. An existing run is never overwritten. Started {text.clean(run.created)} as"
    )
    blocks: list[Block] = [Text(words, media=HTML), Command(text.clean(run.command))]
    for group in groups:
        table = tables.commands(group.ranked + group.others, "Run one cell again, alone")
        if table.rows:
            blocks += [Entries(table, group.title, folded=True, media=HTML)]
    blocks += [Text(f"Each command also runs {BASELINE}, the baseline.", "note", HTML)]
    saved = "The whole run is inside this page: gdbench report PAGE.html and gdbench compare read it."
    beside = "The run is too large for this page. It is in run.json beside it."
    return Section("Repeat it", "repeat", [*blocks, Text(saved if fits else beside, "note", HTML)])


def _machine(run: Run) -> Section:
    machine = flat({part: value for part, value in run.machine.items() if part != "peaks"})  # they have a table
    plan = flat(run.plan)
    absent = Text("Not recorded.", media=HTML)
    return Section(
        "Machine",
        "machine",
        [Pairs(machine) if machine else absent],
        [Topic("Plan", [Pairs(plan) if plan else absent])],
    )


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


def _method() -> Section:
    return Section("Method", "method", [Items(METHOD, "", HTML)])
