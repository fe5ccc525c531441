"""python -m bench.report.readme [README.md]: write the measured part of README.md from results/reference/run.json."""

import io
import sys
from pathlib import Path

from bench import text
from bench.analysis.sentences import processor_text
from bench.analysis.speed import group_cells
from bench.mappings import get_nested
from bench.records import Run, UnreadableRun, load_run
from bench.report import terminal
from bench.runtime.files import save

BEGIN, END = "<!-- reference:begin -->", "<!-- reference:end -->"
REFERENCE = Path("results") / "reference"
WIDTH = 80  # columns of the output in a terminal


class MarkerError(ValueError):
    """The file does not contain each of the two markers once, in order."""


def block(run: Run) -> str:
    """The text between the markers: the chart, the machine, and the end of the run as a terminal shows it."""
    from rich.console import Console

    from bench.report.plots import time_per_iteration
    from bench.report.plots.figures import stem

    groups = group_cells(run)
    if not groups:
        return "The reference run has no cells."
    group = groups[0]
    picture = (REFERENCE / "figures" / f"{stem('time_per_iteration', group)}.svg").as_posix()
    output = io.StringIO()
    terminal.print_end(run, Console(file=output, width=WIDTH))
    return "\n\n".join(
        (
            f"![{text.markdown(time_per_iteration.draw(group).alt)}]({picture})",
            text.markdown(_origin(run, group.title)),
            f"```\n{output.getvalue().rstrip()}\n```",
        )
    )


def replaced(readme: str, new: str) -> str:
    """The text of a README with `new` between its markers. Raises MarkerError."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise MarkerError(
            f"found {readme.count(BEGIN)} times {BEGIN} and {readme.count(END)} times {END};"
            " allowed: each once, in this order"
        )
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{new}\n{END}{rest.split(END)[1]}"


def main(arguments: list[str]) -> None:
    """Rewrite the block in place, from the run in results/reference beside the README."""
    path = Path(arguments[0] if arguments else "README.md")
    try:
        new = block(load_run(path.parent / REFERENCE))
        save(path, replaced(path.read_text("utf-8"), new))
    except MarkerError as error:
        sys.exit(f"{path}: {error}")
    except (UnreadableRun, OSError) as error:
        sys.exit(str(error))


def _origin(run: Run, title: str) -> str:
    """The machine, the day and the libraries of the run."""
    blocks = run.plan.get("blocks")
    versions = get_nested(run.machine, "versions")
    versions = versions if isinstance(versions, dict) else {}
    parts = [
        processor_text(run),
        text.clean(run.created[:10]),
        title,
        text.number_of(blocks, "process") + " per backend" if isinstance(blocks, int) else "",
        *(f"{name} {text.clean(str(versions[name]))}" for name in ("numpy", "numba", "jax") if versions.get(name)),
    ]
    return f"Measured on {', '.join(filter(None, parts))}."


if __name__ == "__main__":
    main(sys.argv[1:])
