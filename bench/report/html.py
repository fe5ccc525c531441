"""report.html: one file that needs no network, no JavaScript and no file beside it.

Pictures are images with data addresses: their ids cannot clash, and on a dark page each keeps its own light card.
"""

import base64
from typing import Any, NamedTuple

from bench import text
from bench.analysis import sentences
from bench.analysis.sentences import headline_sentence
from bench.analysis.speed import Group, backends, group_cells
from bench.records import Run, run_for_page
from bench.report import dialects, limits, tables
from bench.report.plots import canvas
from bench.report.plots.canvas import Drawing
from bench.report.plots.figures import stem as stem_of
from bench.report.template import render

# Bytes of the page. Of pictures that do not fit, the last of LEADS first, the page names the files beside it.
LARGEST = 2_900_000
SCALING = "scaling"  # the picture of the whole run, over its numbers of threads
LEADS = {
    "time_per_iteration": "Time per iteration",
    "speedup": "Speed-up",
    "roofline": "How far from the limit",
    "winners": "The fastest, by size",
    "cold_cost": "Cold cost",
    "ledger": "Cost ledger",
    "cumulative": "Time since the start, and when compiling pays back",
    "noise": "Where the run was noisy",
    "error": "Error over the iterations",
}


class Picture(NamedTuple):
    """title: its heading; stem: of its file; source: a data address, None where it would make the page too large."""

    title: str
    stem: str
    source: str | None
    drawing: Drawing


class Section(NamedTuple):
    """What the page shows of one dtype and number of threads."""

    group: Group
    answer: str
    facts: list[str]
    plan: str
    control: str | None
    few: str | None
    pictures: list[Picture]
    error_picture: Picture | None
    times: tables.Table
    others: tables.Table
    cold: tables.Table
    errors: tables.Table
    limits: list[tables.Table]
    commands: tables.Table
    flags: list[tuple[str, str]]
    gaps: list[tuple[str, str, str, list[str]]]  # where, kind, detail, commands


def html(run: Run, drawings: dict[str, tuple[Drawing, bytes]]) -> str:
    """The page. drawings: file stem -> (drawing, its SVG), all groups in order."""
    data = run_for_page(run)
    without_pictures = _html(run, data, drawings, 0)
    return _html(run, data, drawings, LARGEST - len(without_pictures.encode()))


def _html(run: Run, data: str | None, drawings: dict[str, tuple[Drawing, bytes]], room: int) -> str:
    """The page with at most `room` bytes of pictures."""
    found = group_cells(run)
    pictures = _pictures(found, drawings, room)
    sections = [_section(run, group, [pictures.get(stem_of(figure, group)) for figure in LEADS]) for group in found]
    four = dialects.read()
    return render(
        "page.html.j2",
        answer=sections[0].answer if sections else "The run holds no cell.",
        facts=sections[0].facts if sections else [],
        run=data,
        looks=canvas.series_styles(backends(run.cells)),
        stable=run.stable,
        trust=tables.trust(run),
        sections=sections,
        scaling=pictures.get(SCALING),
        ways=limits.threads_and_dtypes(run),
        dialects=four,
        effort=dialects.effort(run, four),
        files=_files(run),
        machine=flat({part: found for part, found in run.machine.items() if part != "peaks"}),  # they have a table
        plan=flat(run.plan),
        command=text.clean(run.command),
        created=text.clean(run.created),
    )


def _pictures(found: list[Group], drawings: dict[str, tuple[Drawing, bytes]], room: int) -> dict[str, Picture]:
    """File stem -> picture, as many of them with an address as there is room for, those of all groups in turn."""
    pictures = {}
    stems = [(title, stem_of(figure, group)) for figure, title in LEADS.items() for group in found]
    for title, stem in [*stems, ("Thread scaling", SCALING)]:
        if stem in drawings:
            drawing, svg = drawings[stem]
            source = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
            fits = len(source) <= room
            room -= len(source) if fits else 0
            pictures[stem] = Picture(title, stem, source if fits else None, drawing)
    return pictures


def _files(run: Run) -> tables.Table:
    """What the files of the run's backends say of themselves, of those that are known here, and their libraries."""
    from backends import describe, names

    known = set(names())
    rows = []
    for backend in backends(cell for cell in run.cells if not cell.control):
        found = describe(backend) if backend in known else None
        needs = text.listed(list(found.requires)) if found else ""
        rows.append(
            (text.clean(backend, 40), needs or text.MISSING, found.summary if found else "a file of the user's")
        )
    return tables.Table("The backends", ("backend", "library", "what it is"), rows)


def flat(data: dict[str, Any], depth: int = 10) -> list[tuple[str, str]]:
    """A nested dictionary as (path, value) rows, whatever it holds: cpu · model, Example CPU."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        label = text.clean(str(key), 60)
        if isinstance(value, dict) and value and depth:
            rows += [(f"{label} · {inner}", words) for inner, words in flat(value, depth - 1)]
        else:
            rows.append((label, text.words(value)))
    return rows


def _section(run: Run, group: Group, pictures: list[Picture | None]) -> Section:
    *pictures, error_picture = pictures
    return Section(
        group,
        headline_sentence(group),
        sentences.summary_sentences(group),
        tables.plan_line(run, group),
        tables.control_line(group),
        tables.NO_INTERVAL_NOTE if tables.lacks_intervals(group.cells) else None,
        [picture for picture in pictures if picture],
        error_picture,
        tables.times(group.ranked, "Time per iteration"),
        tables.times(group.others, "Another algorithm"),
        tables.cold_costs(group.ranked + group.others, "Cold cost"),
        tables.errors(group.cells, "Error against its bound"),
        limits.tables(group),
        tables.commands(group.ranked + group.others, "Run one cell again, alone"),
        tables.flags(group),
        [
            (where, kind, text.clean(cells[0].detail or "", lines=True), [text.clean(c.rerun) for c in cells])
            for where, kind, cells in tables.gaps(group)
        ],
    )
