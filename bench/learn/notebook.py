"""A chapter in a notebook: what JupyterLab shows of each block, and how it asks."""

import html

from bench.learn.blocks import Asked, Block, Descents, Picture, Words, table_html
from bench.learn.player import frame


def display(block: Block) -> None:
    """Show a block below the cell that runs."""
    from IPython.display import HTML, display

    display(HTML(as_html(block)))


def as_html(block: Block) -> str:
    match block:
        case Words():
            return block.html
        case Asked():
            question, answer = html.escape(block.question), html.escape(block.answer_text)
            return f"<p><strong>{question}</strong><br>Your prediction: {answer}</p>"
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


def ask(prompt: str) -> str | None:
    """A line from the notebook's own input; None where it has none, as when a notebook is executed without a reader."""
    try:
        return input(prompt)
    except (EOFError, NotImplementedError, RuntimeError):  # StdinNotImplementedError is both
        return None
