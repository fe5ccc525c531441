"""What a report contains: chapters of text, tables and figures, with their titles and their order.

A Report is built once from a run and holds finished words and figures. `terminal.py`, `markdown.py` and `html.py`
write it. A new section is one function here. A block that only some writers show names them in `media`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench import text
from bench.analysis import sentences
from bench.analysis.series import explorer_series
from bench.analysis.speed import Group, backends, cold_problem, get_nested, group_cells, problem_label
from bench.plan import BASELINE
from bench.records import Run, run_for_page
from bench.report import dialects, limits, tables
from bench.report.dialects import Dialect
from bench.report.notes import CHAPTERS, METHOD, NOTES
from bench.report.tables import Table

if TYPE_CHECKING:
    from bench.report.plots.canvas import Drawing

Medium = Literal["terminal", "markdown", "html"]
ALL: frozenset[Medium] = frozenset(("terminal", "markdown", "html"))
TERMINAL: frozenset[Medium] = frozenset(("terminal",))
FILES = ALL - TERMINAL  # Markdown and HTML
HTML: frozenset[Medium] = frozenset(("html",))
HALF_PAGE = 9.0  # inches: a wider figure fills the width of a page


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
    """A table. context: added to its title as a label; marks: word -> style."""

    table: Table
    context: str = ""
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

    @property
    def wide(self) -> bool:
        """Whether it fills the width of a page."""
        return bool(self.drawing.figure.get_size_inches()[0] > HALF_PAGE)


@dataclass(frozen=True)
class Explorer:
    """The interactive chart of a page. figure: what stands in its place without a script."""

    figure: Figure | None
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


Block = Text | Items | Entries | Figure | Explorer | Gaps | Pairs | Command | Dialects


@dataclass(frozen=True)
class Topic:
    """Blocks and smaller topics under one heading; a terminal shows no heading.

    anchor: the heading's id in a page. folded: closed there until a reader opens it. half: beside another topic where
    the page is wide.
    """

    title: str
    blocks: Sequence[Block]
    anchor: str = ""
    folded: bool = False
    half: bool = False
    topics: Sequence["Topic"] = ()

    @property
    def all_blocks(self) -> list[Block]:
        """The blocks of the topic and of its own topics, in order."""
        return [*self.blocks, *(block for topic in self.topics for block in topic.all_blocks)]


@dataclass(frozen=True)
class Section:
    """A chapter of a report: blocks, then topics. anchor: its id in a page."""

    title: str
    anchor: str
    blocks: Sequence[Block] = ()
    topics: Sequence[Topic] = ()

    @property
    def all_blocks(self) -> list[Block]:
        """The blocks of the section and of its topics, in order."""
        return [*self.blocks, *(block for topic in self.topics for block in topic.all_blocks)]


@dataclass(frozen=True)
class Report:
    """status: one sentence about trust; doubtful: whether it is a warning. overview: beside the answer, the chart last.

    place: the machine and the day. data: the run as JSON, for a page; series: the values of its chart, with the colour
    and marker of each backend.
    """

    title: str
    headline: str
    facts: Sequence[str]
    status: str
    doubtful: bool
    sections: Sequence[Section]
    overview: Sequence[Block] = ()
    place: str = ""
    data: str | None = None
    series: Mapping[str, Any] = field(default_factory=dict)
    origin: tuple[str, str] | None = None  # the command of the run, and when it began

    @property
    def all_blocks(self) -> list[Block]:
        """Every block, in order."""
        return [*self.overview, *(block for section in self.sections for block in section.all_blocks)]


def report_of(run: Run, drawings: Mapping[str, tuple["Drawing", bytes]] | None = None) -> Report:
    """The report of a run. drawings: stem of a figure -> the drawing and its SVG; without it there are no figures."""
    groups = group_cells(run)
    figures = _Figures(groups, drawings or {})
    sections = [
        _speed(run, groups, figures),
        _first_answer(groups, figures),
        _limits(groups, figures),
        _correctness(groups, figures),
        _method_and_data(run, groups, figures),
    ]
    return Report(
        title="gdbench report",
        headline=sentences.headline_sentence(groups[0]) if groups else "The run holds no cell.",
        facts=sentences.summary_sentences(groups[0]) if groups else (),
        status=tables.trust(run),
        doubtful=not run.stable,
        sections=[section for section in sections if section.topics],
        overview=_overview(groups, figures),
        place=_place(run),
        data=run_for_page(run),
        series={} if drawings is None else _series(run),
        origin=(run.command, run.created),
    )


def _series(run: Run) -> Mapping[str, Any]:
    """The values of the interactive chart of a page."""
    from bench.report.plots.canvas import series_styles

    return {**explorer_series(run), "styles": series_styles(backends(run.cells))}


def _place(run: Run) -> str:
    """The processor, and the day of the run."""
    model = get_nested(run.machine, "cpu", "model")
    processor = text.clean(model, 80) if isinstance(model, str) else "processor not known"
    return f"{processor}, {text.clean(run.created[:10])}"


class _Figures:
    """The figures of a run that were drawn."""

    def __init__(self, groups: Sequence[Group], drawings: Mapping[str, tuple["Drawing", bytes]]):
        self._drawings = drawings
        self._several = len(groups) > 1

    def of(self, name: str, group: Group | None = None) -> Figure | None:
        """A figure of a group, or one of the whole run; None where it has nothing to show."""
        if not self._drawings:
            return None
        from bench.report.plots.figures import TITLES, stem

        file = stem(name, group) if group else name
        if file not in self._drawings:
            return None
        return Figure(file, TITLES[name], group.title if group else "", *self._drawings[file])

    def topic(self, name: str, group: Group | None = None) -> list[Topic]:
        """A figure under its title with its note; nothing where it was not drawn."""
        figure = self.of(name, group)
        if figure is None:
            return []
        return [Topic(figure.title, [*_note(name), figure], figure.stem, half=not figure.wide)]


def _note(key: str) -> list[Text]:
    return [Text(NOTES[key], "note", HTML)] if key in NOTES else []


def _folded(table: Table, group: Group | None, *more: Block) -> list[Topic]:
    """A table under its title, closed until a reader opens it; nothing without rows."""
    if not table.rows:
        return []
    entries = Entries(table, group.title if group else "")
    return [Topic(table.title, [*_note(table.title), entries, *more], _anchor(table.title, group), folded=True)]


def _anchor(title: str, group: Group | None = None) -> str:
    """The id of a heading."""
    words = f"{title} {group.dtype} {group.threads}" if group else title
    return re.sub("[^a-z0-9]+", "-", words.lower()).strip("-")


def _chapter(
    title: str, groups: Sequence[Group], contents: Callable[[Group], Sequence[Topic]], *more: Topic
) -> Section:
    """A chapter: its text, the contents of the first group, those of each other group folded under its title, more."""
    anchor = _anchor(title)
    topics: list[Topic] = []
    for group in groups:
        own = [topic for topic in contents(group) if topic.blocks]
        if len(groups) > 1 and any("terminal" in block.media for topic in own for block in topic.blocks):
            own.insert(0, Topic("", [Text(f"{title}, {group.title}", "heading", TERMINAL)]))
        if group is groups[0]:
            topics += own
        elif own:
            topics.append(Topic(group.title, [], _anchor(title, group), folded=True, topics=own))
    topics += [topic for topic in more if topic.blocks or topic.topics]
    return Section(title, anchor, [Text(CHAPTERS[title], media=HTML)], topics)


# ----------------------------------------------------------------------------------------------- the first screen


def _overview(groups: Sequence[Group], figures: "_Figures") -> list[Block]:
    """The times of all backends at all sizes, and the interactive chart."""
    if not groups:
        return []
    table = tables.overview(groups[0])
    words = f"{groups[0].title}. Small: against {BASELINE}. Bold: the fastest, or tied with it."
    blocks: list[Block] = [Text(words, "note", FILES), Entries(table, groups[0].title)] if table.rows else []
    return [*blocks, Explorer(figures.of("time_per_iteration", groups[0]))]


# ------------------------------------------------------------------------------------------------------ chapters


def _speed(run: Run, groups: Sequence[Group], figures: "_Figures") -> Section:
    def contents(group: Group) -> list[Topic]:
        first = group is groups[0]  # its answer and its chart of times are on the first screen
        maps = [topic for name in ("winners", "winners_all") for topic in figures.topic(name, group)]
        return [
            *([] if first else [_in_short(group)]),
            *([] if first else figures.topic("time_per_iteration", group)),
            *maps,
            *figures.topic("speedup", group),
            _times(run, group),
            _other_algorithms(group),
            *_folded(limits.crossover_points(group), group),
        ]

    table = limits.threads_and_dtypes(run)
    return _chapter("Speed", groups, contents, *figures.topic("scaling"), *_folded(table, None))


def _first_answer(groups: Sequence[Group], figures: "_Figures") -> Section:
    def contents(group: Group) -> list[Topic]:
        return [*figures.topic("ledger", group), *figures.topic("cumulative", group), _cold_costs(group)]

    return _chapter("First answer", groups, contents)


def _limits(groups: Sequence[Group], figures: "_Figures") -> Section:
    def contents(group: Group) -> list[Topic]:
        shares = limits.shares_by_size(group)
        blocks: list[Block] = [*_note(shares.title), Entries(shares, group.title)] if shares.rows else []
        return [
            *figures.topic("roofline", group),
            Topic(shares.title, blocks, _anchor(shares.title, group), half=True),
            *(topic for table in limits.tables(group) for topic in _folded(table, group)),
        ]

    return _chapter("Limits", groups, contents)


def _correctness(groups: Sequence[Group], figures: "_Figures") -> Section:
    def contents(group: Group) -> list[Topic]:
        return [*figures.topic("error", group), _gaps(group), *_errors(group)]

    return _chapter("Correctness", groups, contents)


def _method_and_data(run: Run, groups: Sequence[Group], figures: "_Figures") -> Section:
    def contents(group: Group) -> list[Topic]:
        return [*figures.topic("noise", group), _flags(group)]

    about = [_repeat(run, groups), _method(), _backends(run), _dialects(run), *_machine(run)]
    return _chapter("Method and data", groups, contents, *about)


# ------------------------------------------------------------------------------------- a dtype and thread count


def _in_short(group: Group) -> Topic:
    facts = sentences.summary_sentences(group)
    listed = [Items([("", fact) for fact in facts], "", FILES)] if facts else []
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
        _anchor(title, group),
        folded=True,
    )


def _cold_costs(group: Group) -> Topic:
    title = "Cold cost and memory at every size"
    cells = group.ranked + group.others
    table = tables.cold_costs(cells, title)
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
        _anchor(title, group),
        folded=True,
    )


def _errors(group: Group) -> list[Topic]:
    title = "Error against its bound"
    table, worst = tables.errors(group.cells, title), tables.worst_errors(group)
    short: list[Block] = []
    if worst.rows:
        short = [Text(f"{title}, the worst of each backend", "heading", TERMINAL), Entries(worst, media=TERMINAL)]
    if not table.rows:
        return [Topic(title, [*short, Text("No answer was judged.", media=HTML)], _anchor(title, group))]
    return [Topic(title, [*short, *_note(title), Entries(table, group.title)], _anchor(title, group), folded=True)]


def _gaps(group: Group) -> Topic:
    title = "Gaps and why"
    gaps = [
        Gap(where, kind, text.clean(cells[0].detail or "", lines=True), tuple(text.clean(c.rerun) for c in cells))
        for where, kind, cells in tables.gaps(group)
    ]
    blocks: list[Block] = [Gaps(gaps)] if gaps else [Text("None: every cell has a time.", media=HTML)]
    return Topic(title, blocks, _anchor(title, group))


def _flags(group: Group) -> Topic:
    flags = tables.flags(group)
    return Topic("Flags", [Items(flags, "Flag")] if flags else [], _anchor("Flags", group), half=True)


# -------------------------------------------------------------------------------------------------- the whole run


def _backends(run: Run) -> Topic:
    note = Text("The first line of each file, and its libraries, where this page was written.", "note", HTML)
    return Topic("The backends", [note, Entries(tables.files(run), media=HTML)], "backends", folded=True)


def _dialects(run: Run) -> Topic:
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
    return Topic(
        "The four dialects",
        [
            Text(words, media=HTML),
            Text(note, "note", HTML),
            Entries(effort, media=HTML),
            Text(f"{effort.title}.", "note", HTML),
            Dialects(files),
        ],
        "dialects",
        folded=True,
    )


def _repeat(run: Run, groups: Sequence[Group]) -> Topic:
    words = (
        "Install gdbench (pip install -e . in its folder) and run this command. Without --out, the run goes into a new"
        f" folder. Started {text.clean(run.created)} as"
    )
    saved = "The whole run is inside this page: gdbench report PAGE.html and gdbench compare read it."
    beside = "The run is too large for this page. It is in run.json beside it."
    blocks: list[Block] = [Text(words, media=HTML), Command(text.clean(run.command))]
    blocks += [Text(saved if run_for_page(run) is not None else beside, "note", HTML)]
    again = Text(f"Each command also runs {BASELINE}, the baseline.", "note", HTML)
    cells = [
        Topic(
            f"Run one cell again, alone ({group.title})",
            [Entries(table, group.title, media=HTML), again],
            _anchor(table.title, group),
            folded=True,
        )
        for group in groups
        if (table := tables.commands(group.ranked + group.others, "Run one cell again, alone")).rows
    ]
    return Topic("Repeat it", blocks, "repeat", half=True, topics=cells)


def _machine(run: Run) -> list[Topic]:
    machine = flat({part: value for part, value in run.machine.items() if part != "peaks"})  # they have a table
    plan = flat(run.plan)
    absent = Text("Not recorded.", media=HTML)
    return [
        Topic("Machine", [Pairs(machine) if machine else absent], "machine", folded=True),
        Topic("Plan", [Pairs(plan) if plan else absent], "plan", folded=True),
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


def _method() -> Topic:
    return Topic("How it was measured", [Items(METHOD, "", HTML)], "method", folded=True)
