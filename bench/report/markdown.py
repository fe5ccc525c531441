"""A report as Markdown for GitHub."""

from collections.abc import Iterable, Sequence

from bench import text
from bench.report.document import Block, Entries, Explorer, Figure, Gap, Gaps, Items, Report, Section, Text, Topic
from bench.report.tables import Table


def write(report: Report) -> str:
    """The whole file. Figures are links to figures/*.svg and stand at the end."""
    parts = [f"# {report.title}", text.markdown(report.headline), text.markdown(report.status)]
    parts += [_bullets([("", fact) for fact in report.facts])] if report.facts else []
    parts += _written(report.overview)
    for section in report.sections:
        parts += _section(section)
    blocks = (block.figure if isinstance(block, Explorer) else block for block in report.all_blocks)
    figures = [figure for figure in blocks if isinstance(figure, Figure)]
    parts += ["## Figures"] if figures else []
    parts += [f"![{text.markdown(figure.drawing.alt)}](figures/{figure.stem}.svg)" for figure in figures]
    if report.origin is not None:
        command, created = report.origin
        parts.append(f"Made by {text.markdown_code(command)} on {text.markdown(created)}.")
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    """The parts of a section, none where this writer shows none of its blocks."""
    parts = _written(section.blocks) + [part for topic in section.topics for part in _topic(topic, "###")]
    return [f"## {text.markdown(section.title)}", *parts] if parts else []


def _topic(topic: Topic, level: str) -> list[str]:
    parts = _written(topic.blocks) + [part for smaller in topic.topics for part in _topic(smaller, f"{level}#")]
    return [f"{level} {text.markdown(topic.title)}", *parts] if parts else []


def _written(blocks: Sequence[Block]) -> list[str]:
    return [words for block in blocks if (words := _block(block))]


def _block(block: Block) -> str:
    """A block as Markdown, empty where this writer leaves it out."""
    if "markdown" not in block.media:
        return ""
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
    lines = [tuple(map(text.markdown, data.columns)), ("---",) * len(data.columns)]
    escaped = [
        tuple(_bold(text.markdown(cell), (row, column) in data.best) for column, cell in enumerate(cells))
        for row, cells in enumerate(data.rows)
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*lines, *escaped])


def _bold(words: str, bold: bool) -> str:
    return f"**{words}**" if bold else words
