"""The command learn."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from bench.cli.common import Flag, Integer, UsageError, open_page, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from bench.learn.chapters import Chapter

OUTCOMES = {"passed": 0, "wrong": 1, "failed": 3, "inconclusive": 4}  # of an exercise, with their exit codes


class Result(NamedTuple):
    """What the command did: the keys of its JSON document, the page that it wrote, and its exit code."""

    document: dict[str, Any]
    page: Path | None = None
    code: int = 0


def learn(
    chapter: Annotated[int | None, Integer] = None,
    /,
    *,
    check: str | None = None,
    build: str | None = None,
    quick: Annotated[bool, Flag] = False,
    again: Annotated[bool, Flag] = False,
    forget: Annotated[bool, Flag] = False,
    open: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Take the course: list the chapters and your progress, or run one chapter.

    Parameters
    ----------
    chapter
        The number of a chapter. It asks for a prediction, measures, explains and sets an exercise.
    check
        Your solution of the chapter's exercise. The command says whether it is right, and why not.
    build
        Write all chapters as notebooks and offline pages, and the teacher's page, to this folder.
    quick
        Measure with fewer processes and without intervals.
    again
        Repeat the measurements of the chapter.
    forget
        Delete your predictions and exercise results.
    open
        Open the page in the browser.
    json
        Print one JSON document. The chapter goes to stderr.
    """
    if (check is not None) + (build is not None) + forget > 1:
        raise UsageError("learn: found two of --check, --build and --forget; allowed: one of them")
    if check is not None and chapter is None:
        raise UsageError("--check: found no chapter; allowed: gdbench learn CHAPTER --check FILE")
    from bench.learn import reader
    from bench.learn.chapters import chapter as load_chapter
    from bench.report.terminal import console

    out = console(stderr=json)
    try:
        opened = None if chapter is None else load_chapter(chapter)
        if forget:
            result = _forget(out)
        elif build is not None:
            result = _build(Path(build), out)
        elif opened is None:
            result = _contents(out)
        elif check is not None:
            result = _check(opened, Path(check), quick, out)
        else:
            result = _give(opened, quick, again, out)
    except ValueError as error:
        raise UsageError(str(error)) from None
    open_page(result.page, open)
    if json:
        print_json({"file": str(reader.path())} | result.document)
    return result.code


def _forget(out: "Console") -> Result:
    from bench.learn import reader

    deleted = reader.forget()
    out.print(f"{reader.path()}: {'deleted' if deleted else 'does not exist'}")
    return Result({"deleted": deleted})


def _build(folder: Path, out: "Console") -> Result:
    from bench.learn import build
    from bench.runtime.libraries import MissingExtra

    try:
        pages = build.build(folder)
    except MissingExtra as error:
        raise UsageError(f"--build: {error}") from None
    out.print(f"the course: {pages[0]}", soft_wrap=True)
    return Result({"made": [str(page) for page in pages]}, pages[0])


def _contents(out: "Console") -> Result:
    from bench.learn import give

    contents = give.contents()
    give.show_contents(contents, out)
    return Result({"chapters": contents})


def _check(chapter: "Chapter", solution: Path, quick: bool, out: "Console") -> Result:
    from msgspec import to_builtins

    from bench.learn import give, reader
    from bench.learn.judge import attempt

    verdict, attempts = attempt(chapter, solution, reader.load(), quick)
    give.show(verdict.words(attempts), out)
    return Result({"chapter": chapter.number} | to_builtins(verdict), code=OUTCOMES[verdict.outcome])


def _give(chapter: "Chapter", quick: bool, again: bool, out: "Console") -> Result:
    from bench.learn import give, reader

    page = give.give(chapter, out, quick, again)
    out.print(f"page: {page}", soft_wrap=True)
    out.print(f"your predictions and attempts are in {reader.path()}; you may delete it", soft_wrap=True)
    return Result({"chapter": chapter.number, "page": str(page)}, page)
