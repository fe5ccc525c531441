"""A report as one offline HTML file, without a network, and complete without a script.

Figures are images with data addresses, so that their ids cannot clash.
"""

import base64
import itertools
from collections.abc import Mapping

from bench.mappings import grouped
from bench.report.blocks import Block, Report, Topic
from bench.report.template import render

MAX_BYTES = 1_990_000  # of a page. Figures that do not fit are named, the last kinds first


def write(report: Report) -> str:
    """The page. If not all figures fit, it is rendered again without figures, and then with as many as fit."""
    page = _page(report, _sources(report, MAX_BYTES))
    if len(page.encode()) <= MAX_BYTES:
        return page
    return _page(report, _sources(report, MAX_BYTES - len(_page(report, {}).encode())))


def _page(report: Report, sources: Mapping[str, str]) -> str:
    """A report as HTML. sources: the data address of each figure inside the page, by stem."""
    return render("page.html.j2", report=report, sources=sources, kind=kind, has_html=has_html)


def kind(block: Block) -> str:
    """The name of the macro that writes a block."""
    return type(block).__name__.lower()


def has_html(topic: Topic) -> bool:
    """Whether a page shows anything of a topic."""
    return any("html" in block.media for block in topic.all_blocks)


def _sources(report: Report, room: int) -> dict[str, str]:
    """Data addresses of the figures that fit, kind by kind, those of all chapters in turn."""
    sources = {}
    for figure in itertools.chain(*grouped(report.figures, lambda figure: figure.title).values()):
        source = "data:image/svg+xml;base64," + base64.b64encode(figure.svg).decode()
        if len(source) <= room:
            room -= len(source)
            sources[figure.stem] = source
    return sources
