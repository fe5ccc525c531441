"""The report of a saved run: tables, figures, one Markdown file and one offline HTML page."""

from pathlib import Path

from bench.records import Run, UnreadableRun
from bench.report import limits
from bench.runtime.files import save


def write(run: Run, folder: Path) -> Path:
    """Write report.md, report.html and figures/*.svg and *.png into a folder; the path of the page.

    Everything is derived from the run, so it can be written again at any time. Raises OSError where the
    folder cannot be written, and UnreadableRun where its figures would come to lie outside of it.
    """
    # Matplotlib and Jinja2 take half a second to import, which only a report should cost.
    from bench.analysis import sentences
    from bench.analysis.speed import group_cells
    from bench.report import html, tables
    from bench.report.plots import canvas, figures, roofline

    pictures = folder / "figures"
    if pictures.is_symlink():  # the folder may come from anybody, and the link may lead anywhere
        raise UnreadableRun(f"{pictures}: found a symbolic link; allowed: a folder of its own, or none")
    pictures.mkdir(parents=True, exist_ok=True)
    made = {
        stem: drawing for group in group_cells(run) for stem, drawing in figures.draw_all(group, run.blocks).items()
    }
    if (scaling := roofline.scaling(run)) is not None:
        made[html.SCALING] = scaling
    drawings = {}
    for stem, drawing in made.items():
        svg, png = canvas.render(drawing.figure)
        save(pictures / f"{stem}.svg", svg)
        save(pictures / f"{stem}.png", png)
        drawings[stem] = drawing, svg
    named = [(drawing.alt, f"figures/{stem}.svg") for stem, (drawing, _) in drawings.items()]
    save(
        folder / "report.md",
        tables.markdown(run, named, limits.tables, limits.threads_and_dtypes(run), sentences.summary_sentences),
    )
    save(folder / "report.html", html.html(run, drawings))
    return folder / "report.html"
