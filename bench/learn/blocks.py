"""The blocks of a chapter, which a terminal, a notebook and a page show."""

import base64
import html
from typing import Any, NamedTuple

from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table


class Words(NamedTuple):
    """Markdown. note: secondary, such as the origin of the measurements."""

    markdown: str
    note: bool = False

    @property
    def html(self) -> str:
        """The Markdown as HTML. Raw HTML in it becomes text."""
        from markdown_it import MarkdownIt

        return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(self.markdown))


class Asked(NamedTuple):
    """A prediction: the question, its unit, and the answer, None where none was given."""

    question: str
    unit: str
    answer: float | str | None

    @property
    def answer_text(self) -> str:
        if self.answer is None:
            return "no prediction yet"
        number = f"{self.answer:g}" if isinstance(self.answer, float) else self.answer
        return f"{number} {self.unit}".strip()


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


Block = Words | Asked | Picture | Table | Descents


def table_html(table: Table) -> str:
    """A table on its own, for a notebook."""
    head = "".join(f'<th scope="col">{html.escape(word)}</th>' for word in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(word)}</td>" for word in row) + "</tr>" for row in table.rows)
    caption = html.escape(table.title)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
