"""Give a chapter in a terminal, cell by cell, and write its page; list the chapters."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from bench.learn import build, reader
from bench.learn.blocks import Asked, Block, Descents, Picture, Words
from bench.learn.chapters import Chapter, chapters
from bench.learn.lesson import Lesson, perform
from bench.report.tables import Table
from bench.report.terminal import rich_table
from bench.runtime.files import save


def give(given: Chapter, out: Console, quick: bool = False, again: bool = False) -> Path:
    """Give a chapter to the reader at this terminal; the path of its page, with their figures in it.

    Raises KeyboardInterrupt: what was measured and predicted until then is kept.
    """
    lesson = Lesson(given, lambda block: show(block, out), lambda prompt: ask(prompt, out), quick=quick, again=again)
    perform(lesson)
    lesson.finish()
    page = lesson.folder / "chapter.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    save(page, build.page(lesson))
    return page


def show(block: Block | str, out: Console) -> None:
    """A block, or Markdown, in a terminal: a picture is its words and the table of its data."""
    match block:
        case str():
            out.print(Markdown(block))
        case Words():
            out.print(Markdown(block.markdown), style="dim" if block.note else "")
        case Asked():
            out.print(Text(f"Your prediction: {block.said}"))
        case Picture():
            out.print(Text(block.drawing.alt))
            out.print(rich_table(block.drawing.table))
        case Descents():
            show(block.still, out)
        case _:
            out.print(rich_table(block))
    out.print()


def ask(prompt: str, out: Console) -> str | None:
    """A line from the terminal, or from whatever stands for it; None at its end."""
    out.print(Text(prompt), end="")
    out.file.flush()
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        out.print()
    return line.rstrip("\n") if line else None


def contents() -> list[dict[str, Any]]:
    """The chapters with the reader's progress, as `gdbench learn --json` prints them."""
    known = reader.load()
    found = []
    for each in chapters():
        progress = known.chapters.get(str(each.number), reader.Progress())
        found.append({
            "chapter": each.number, "title": each.title, "predictions": dict(progress.predictions),
            "attempts": progress.attempts, "passed": progress.passed, "finished": progress.finished,
        })  # fmt: skip
    return found


def show_contents(found: list[dict[str, Any]], out: Console) -> None:
    rows = [
        (str(each["chapter"]), each["title"], "read" if each["finished"] else "", "passed" if each["passed"] else "")
        for each in found
    ]
    out.print(rich_table(Table("Chapters", ("chapter", "", "", "exercise"), rows)))
    out.print(
        Text(f"gdbench learn 1 begins. What you predict and solve is kept in {reader.path()}; delete it as you like.")
    )
