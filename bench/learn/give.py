"""Run a chapter in a terminal and write its page; list the chapters."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from bench.learn import build, reader
from bench.learn.blocks import Asked, Block
from bench.learn.chapters import Chapter, chapters
from bench.learn.lesson import Lesson, perform
from bench.report.article import Descents, Picture, Words
from bench.report.rich_table import rich_table
from bench.report.tables import Table
from bench.runtime.files import save


def give(chapter: Chapter, out: Console, quick: bool = False, again: bool = False) -> Path:
    """Run a chapter in this terminal. Returns the path of its page, with the reader's figures.

    Raises KeyboardInterrupt; measurements and predictions made before are kept.
    """
    lesson = Lesson(chapter, lambda block: show(block, out), lambda prompt: ask(prompt, out), quick=quick, again=again)
    perform(lesson)
    lesson.finish()
    page = lesson.folder / "chapter.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    save(page, build.page(lesson))
    return page


def show(block: Block | str, out: Console) -> None:
    """Print a block or Markdown. A figure is printed as its description and its data."""
    match block:
        case str():
            out.print(Markdown(block))
        case Words():
            out.print(Markdown(block.markdown), style="dim" if block.note else "")
        case Asked():
            out.print(Text(f"Your prediction: {block.answer_text}"))
        case Picture():
            out.print(Text(block.drawing.alt))
            out.print(rich_table(block.drawing.table))
        case Descents():
            show(block.still, out)
        case _:
            out.print(rich_table(block))
    out.print()


def ask(prompt: str, out: Console) -> str | None:
    """Read a line from standard input. Returns None at its end."""
    out.print(Text(prompt), end="")
    out.file.flush()
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        out.print()
    return line.rstrip("\n") if line else None


def contents() -> list[dict[str, Any]]:
    """The chapters with the reader's progress, as `gdbench learn --json` prints them."""
    saved = reader.load()
    contents_rows = []
    for each in chapters():
        progress = saved.chapters.get(str(each.number), reader.Progress())
        contents_rows.append({
            "chapter": each.number, "title": each.title, "predictions": dict(progress.predictions),
            "attempts": progress.attempts, "passed": progress.passed, "finished": progress.finished,
        })  # fmt: skip
    return contents_rows


def show_contents(contents_rows: list[dict[str, Any]], out: Console) -> None:
    rows = [
        (str(each["chapter"]), each["title"], "read" if each["finished"] else "", "passed" if each["passed"] else "")
        for each in contents_rows
    ]
    out.print(rich_table(Table("Chapters", ("chapter", "", "", "exercise"), rows)))
    out.print(
        Text(f"Start with gdbench learn 1. Your predictions and attempts are in {reader.path()}; you may delete it.")
    )
