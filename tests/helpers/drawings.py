"""The lines and texts in a figure of the report."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.analysis.speed import Group, group_cells
from bench.records import Run


def first_group(run: Run) -> Group:
    """The cells of the first dtype and number of threads."""
    return group_cells(run)[0]


def points(axes) -> dict[str, list[tuple[float, float]]]:
    """label -> points of all lines with this label."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for line in axes.lines:
        pairs = zip(line.get_xdata(), line.get_ydata(), strict=True)
        lines.setdefault(str(line.get_label()), []).extend((float(x), float(y)) for x, y in pairs)
    return lines


def rendered(figure: Figure):
    """Render the figure. Returns the renderer, which measures texts."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return renderer
