"""The report of a saved run: tables, figures, one Markdown file and one offline HTML page."""

import errno
from pathlib import Path

from bench.records import Run, UnreadableRun
from bench.runtime.files import read, save

REPORTS = ("report.html", "report.md")


def write(run: Run, folder: Path) -> Path:
    """Write report.md, report.html and figures/*.svg into a folder. Returns the path of the page.

    The report depends only on the run, so it can be written again at any time. Raises OSError if the folder cannot be
    written or has other files of these names, and UnreadableRun if figures/ is a link to another folder.
    """
    if other := file_of_others(run, folder):
        reason = (
            "found a file that is not of a report of this run; allowed: another folder (gdbench report RUN --out DIR)"
        )
        raise FileExistsError(errno.EEXIST, reason, str(other))
    # Imported here, because Matplotlib and Jinja2 take half a second.
    from bench.report import html, markdown
    from bench.report.document import report_of
    from bench.report.plots import canvas, figures

    folder_of_figures = folder / "figures"
    if folder_of_figures.is_symlink():  # the link may lead anywhere
        raise UnreadableRun(f"{folder_of_figures}: found a symbolic link; allowed: a folder, or none")
    folder_of_figures.mkdir(parents=True, exist_ok=True)
    drawings = {}
    for stem, drawing in figures.draw_run(run).items():
        svg = canvas.render(drawing.figure)
        save(folder_of_figures / f"{stem}.svg", svg)
        drawings[stem] = drawing, svg
    report = report_of(run, drawings)
    save(folder / "report.md", markdown.write(report))
    save(folder / "report.html", html.write(report))
    return folder / "report.html"


def belongs(folder: Path, run: Run) -> bool:
    """Whether a folder is that of the run or of a report of it."""
    return any(_names(folder / name, run) for name in ("run.json", "plan.json", *REPORTS))


def file_of_others(run: Run, folder: Path) -> Path | None:
    """A file that `write` would replace although it is not of a report of this run, or None."""
    for path in (folder / name for name in REPORTS):
        if (
            path.exists() and not path.is_symlink() and not _names(path, run)
        ):  # of a link, `save` replaces the link only
            return path
    return None if belongs(folder, run) else next((folder / "figures").glob("*.svg"), None)


def _names(path: Path, run: Run) -> bool:
    """Whether a file contains the time at which a run was started, as its records and its reports do."""
    try:
        return bool(run.created) and run.created in read(path)
    except (OSError, ValueError):
        return False
