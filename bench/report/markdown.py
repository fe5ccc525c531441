"""A report as Markdown for GitHub."""

from collections.abc import Iterable, Sequence

from bench import text
from bench.report.blocks import Block, Entries, Gap, Gaps, Items, Report, Text, Topic
from bench.report.tables import Table


def write(report: Report) -> str:
    """The whole file. Figures are links to figures/*.svg and are at the end."""
    parts = [f"# {report.title}", text.markdown(report.headline), text.markdown(report.status)]
    parts += [_bullets([("", fact) for fact in report.facts])] if report.facts else []
    parts += _written(report.overview)
    for chapter in report.chapters:
        parts += _topic(chapter, "##")
    parts += ["## Figures"] if report.figures else []
    parts += [f"![{text.markdown(figure.drawing.alt)}](figures/{figure.stem}.svg)" for figure in report.figures]
    if report.origin is not None:
        command, created = report.origin
        parts.append(f"Made by {text.markdown_code(command)} on {text.markdown(created)}.")
    return "\n\n".join(parts) + "\n"


def _topic(topic: Topic, level: str) -> list[str]:
    """The parts of a topic under its heading, none where this writer shows none of its blocks."""
    parts = _written(topic.blocks) + [part for smaller in topic.topics for part in _topic(smaller, f"{level}#")]
    return [f"{level} {text.markdown(topic.title)}", *parts] if parts else []


def _written(blocks: Sequence[Block]) -> list[str]:
    return [words for block in blocks if "markdown" in block.media and (words := _block(block))]


def _block(block: Block) -> str:
    """A block as Markdown, empty where this writer leaves it out."""
    match block:
        case Text():
            return text.markdown(block.words)
        case Entries():
            return table(block.table)
        case Items():
            return _bullets(block.items)
        case Gaps():
            return "\n".join(map(_gap, block.gaps))
    return ""


def _bullets(items: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {': '.join(map(text.markdown, filter(None, item)))}" for item in items)


def _gap(gap: Gap) -> str:
    detail = f": {text.markdown(gap.detail)}" if gap.detail else ""
    return f"- {text.markdown(gap.where)}: {gap.kind}{detail}. Run again: {text.markdown_code(gap.commands[0])}"


def table(data: Table) -> str:
    """A GitHub table. Its texts are escaped here."""
    rows = [tuple(map(text.markdown, data.columns)), ("---",) * len(data.columns)]
    for y, row in enumerate(data.rows):
        cells = enumerate(map(text.markdown, row))
        rows.append(tuple(f"**{words}**" if (y, x) in data.best else words for x, words in cells))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
