"""What a report is made of: blocks of text, tables and figures, topics with a heading, and the report itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench.report.dialects import Dialect
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
    """A paragraph.

    style: "note" is secondary, "strong" a warning, "heading" the title of a table in a terminal, "command" a command
    to copy.
    """

    words: str
    style: Literal["", "note", "strong", "heading", "command"] = ""
    media: frozenset[Medium] = ALL


@dataclass(frozen=True)
class Items:
    """A list of (term, text). label: a word in front of each item in a terminal."""

    items: Sequence[tuple[str, str]]
    label: str = ""
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
    """A figure with its alternative text and its data. stem: the stem of its file."""

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
class Dialects:
    """Source files side by side."""

    dialects: Sequence[Dialect]
    media: frozenset[Medium] = HTML


Block = Text | Items | Entries | Figure | Gaps | Pairs | Dialects


@dataclass(frozen=True)
class Topic:
    """Blocks and smaller topics under one heading; a terminal shows no heading. A chapter of a report is a topic.

    anchor: the id of the heading in a page. folded: closed in a page until a reader opens it. half: beside another
    topic where the page is wide.
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
class Report:
    """A report, as the writers get it.

    status: one sentence about trust; doubtful: whether it is a warning. overview: blocks beside the answer.
    place: the machine and the day. data: the run as JSON, for a page; series: the values of the interactive chart, with
    the color and marker of each backend; chart: its replacement where no script runs. origin: the command of the run,
    and when the run began.
    """

    title: str
    headline: str
    facts: Sequence[str]
    status: str
    doubtful: bool
    chapters: Sequence[Topic]
    overview: Sequence[Block] = ()
    place: str = ""
    data: str | None = None
    series: Mapping[str, Any] = field(default_factory=dict)
    chart: Figure | None = None
    origin: tuple[str, str] | None = None

    @property
    def figures(self) -> list[Figure]:
        """Every figure, in order."""
        figures = (block for chapter in self.chapters for block in chapter.all_blocks if isinstance(block, Figure))
        return [*filter(None, [self.chart]), *figures]
