"""Pages and notebooks of the course: a chapter as an offline page and as an executed notebook."""

import os
from pathlib import Path

from bench.learn.chapters import HERE, Chapter, chapters
from bench.learn.lesson import RECORDED, Lesson, perform
from bench.report import article
from bench.report.article import Words
from bench.runtime.files import save
from bench.runtime.libraries import MissingExtra

MINUTES = 10  # for the notebook of one chapter, which measures nothing


def page(lesson: Lesson) -> str:
    """A finished lesson as one offline HTML page."""
    first, *rest = lesson.blocks
    assert isinstance(first, Words)
    blocks = [Words(first.markdown.split("\n", 1)[1]), *rest]  # its heading is the page's
    return article.page(f"{lesson.chapter.number} · {lesson.chapter.title}", blocks)


def build(folder: Path) -> list[Path]:
    """Write all chapters as notebooks and pages, the teacher's page and a page of contents. Returns the paths.

    Nothing is measured: the pages show the reader's runs, or the recorded ones. Raises MissingExtra, and OSError if the
    folder cannot be written.
    """
    paths = pages(folder)
    for each in chapters():
        paths.append(folder / f"{each.folder.name}.ipynb")
        notebook(each, paths[-1])
    return paths


def pages(folder: Path) -> list[Path]:
    """Write the pages only. Returns the paths, the contents first."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"index": contents(), "teacher": teacher()}
    for each in chapters():
        lesson = Lesson(each, lambda block: None, lambda prompt: None, live=False)
        perform(lesson)
        texts[each.folder.name] = page(lesson)
    for name, text in texts.items():
        save(folder / f"{name}.html", text)
    return [folder / f"{name}.html" for name in texts]


def notebook(each: Chapter, path: Path) -> None:
    """Write the script of a chapter as an executed notebook. Nothing is measured. Raises MissingExtra."""
    try:
        import jupytext
        import nbformat
        from nbconvert.preprocessors import ExecutePreprocessor
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed; allowed: pip install 'gdbench[learn]'") from None
    script = jupytext.read(each.script, fmt="py:percent")
    script.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    before = os.environ.get(RECORDED)
    os.environ[RECORDED] = "1"  # the kernel inherits it
    try:
        ExecutePreprocessor(timeout=60 * MINUTES, kernel_name="python3").preprocess(script, {"metadata": {"path": "."}})
    finally:
        if before is None:
            del os.environ[RECORDED]
    save(path, nbformat.writes(script))


def teacher() -> str:
    """The teacher's page: the notes of each chapter, and the slips that its exercise names."""
    general = (HERE / "teacher.md").read_text("utf-8").removeprefix("# For the teacher\n")  # the page has its heading
    blocks = [Words(general)]
    for each in chapters():
        notes = (each.folder / "teacher.md").read_text("utf-8")
        slips = [f"* **{slip}**: {levels[0]}" for slip, levels in each.exercise.HINTS.items() if slip]
        heading = f"## {each.number} · {each.title}\n\n"
        blocks.append(Words(f"{heading}{notes}\n\n**Slips that the exercise names**\n\n" + "\n".join(slips)))
    return article.page("For the teacher", blocks)


def contents() -> str:
    """The page of contents."""
    around = [(f"{each.folder.name}.html", f"{each.number} · {each.title}") for each in chapters()]
    around.append(("teacher.html", "For the teacher"))
    words = Words((HERE / "course.md").read_text("utf-8"))
    return article.page("Performance, on your own machine", [words], around)
