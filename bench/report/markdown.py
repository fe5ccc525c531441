"""A report as Markdown for GitHub."""

from collections.abc import Iterable, Sequence

from bench import text
from bench.report.document import Block, Entries, Figure, Gap, Gaps, Items, Report, Section, Text
from bench.report.tables import Table


def write(report: Report) -> str:
    """The whole file. Figures are links to figures/*.svg and stand at the end."""
    parts = [f"# {report.title}", text.markdown(report.headline), text.markdown(report.status)]
    parts += [_bullets([("", fact) for fact in report.facts])] if report.facts else []
    for section in report.sections:
        parts += _section(section)
    figures = [block for section in report.sections for block in section.all_blocks if isinstance(block, Figure)]
    parts += ["## Figures"] if figures else []
    parts += [f"![{text.markdown(figure.drawing.alt)}](figures/{figure.stem}.svg)" for figure in figures]
    if report.origin is not None:
        command, created = report.origin
        parts.append(f"Made by {text.markdown_code(command)} on {text.markdown(created)}.")
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    """The parts of a section, none where this writer shows none of its blocks."""
    parts = _written(section.blocks)
    for topic in section.topics:
        if words := _written(topic.blocks):
            parts += [f"### {topic.title}", *words]
    return [f"## {text.markdown(section.title)}", *parts] if parts else []


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
    lines = [data.columns, ("---",) * len(data.columns)]
    escaped = [tuple(map(text.markdown, row)) for row in data.rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*lines, *escaped])
