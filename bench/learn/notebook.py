"""A chapter in a notebook: what JupyterLab shows of each block, and how it asks."""

import html

from bench.learn.blocks import Asked, Block
from bench.report.article import Descents, Picture, Words
from bench.report.player import frame
from bench.report.tables import Table


def display(block: Block) -> None:
    """Show a block below the cell that runs."""
    from IPython.display import HTML, display

    display(HTML(as_html(block)))


def as_html(block: Block) -> str:
    match block:
        case Words() | Asked():
            return block.html
        case Picture():
            return (
                f'<figure><img alt="{html.escape(block.drawing.alt)}" src="{block.source}"'
                ' style="max-width:52rem;width:100%;background:#fff"></figure>'
                f"<details><summary>Data of this picture</summary>{table_html(block.drawing.table)}</details>"
            )
        case Descents():
            return frame(block.data) + as_html(block.still)
        case _:
            return table_html(block)


def table_html(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(word)}</th>' for word in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(word)}</td>" for word in row) + "</tr>" for row in table.rows)
    caption = html.escape(table.title)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def ask(prompt: str) -> str | None:
    """A line from the notebook's own input; None where it has none, as when a notebook is executed without a reader."""
    try:
        return input(prompt)
    except (EOFError, NotImplementedError, RuntimeError):  # StdinNotImplementedError is both
        return None
