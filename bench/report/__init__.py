"""The report of a saved run: tables, figures, one Markdown file and one offline HTML page."""

from pathlib import Path

from bench.records import Run, UnreadableRun
from bench.runtime.files import save


def write(run: Run, folder: Path) -> Path:
    """Write report.md, report.html and figures/*.svg into a folder. Returns the path of the page.

    The report depends only on the run, so it can be written again at any time. Raises OSError if the folder cannot be
    written, and UnreadableRun if figures/ is a link to another folder.
    """
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
