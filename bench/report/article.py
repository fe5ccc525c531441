"""A page of text, pictures, tables and players: its blocks, and the page itself as one offline HTML file."""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.report import player
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table
from bench.report.template import render


class Words(NamedTuple):
    """Markdown. note: secondary, such as the origin of the measurements."""

    markdown: str
    note: bool = False

    @property
    def html(self) -> str:
        """The Markdown as HTML. Raw HTML in it becomes text."""
        from markdown_it import MarkdownIt

        return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(self.markdown))


class Picture(NamedTuple):
    drawing: Drawing
    svg: str

    @classmethod
    def of(cls, drawing: Drawing) -> "Picture":
        svg = canvas.render(drawing.figure)
        return cls(drawing, svg.decode())

    @property
    def source(self) -> str:
        """A data address: as an image of its own, so that the ids of two figures in one page cannot meet."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


class Descents(NamedTuple):
    """The player: see player.py. still: a picture for print, with the words and the data of all of it."""

    data: dict[str, Any]
    still: Picture


KINDS = ((Words, "words"), (Picture, "picture"), (Descents, "descents"), (Table, "table"))


def page(title: str, blocks: Sequence[Any], around: Sequence[tuple[str, str]] = ()) -> str:
    """A page as HTML. blocks: of KINDS; another block has its own HTML in `html`. around: (address, words) of links."""
    kinds = [(kind_of(block), block) for block in blocks]
    return render("article.html.j2", title=title, blocks=kinds, as_json=player.as_json, around=around)


def kind_of(block: Any) -> str:
    return next((kind for cls, kind in KINDS if isinstance(block, cls)), "html")
