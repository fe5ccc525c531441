"""python -m bench.report.readme [README.md]: the measured part of README.md, made from results/reference/run.json."""

import sys
from pathlib import Path

from bench import text
from bench.analysis.sentences import headline_sentence
from bench.analysis.speed import get_nested, group_cells
from bench.records import Run, UnreadableRun, load_run
from bench.report import markdown, tables
from bench.runtime.files import save

BEGIN, END = "<!-- reference:begin -->", "<!-- reference:end -->"
REFERENCE = Path("results") / "reference"


class MarkerError(ValueError):
    """The file does not hold each of the two markers once, in their order."""


def block(run: Run) -> str:
    """What stands between the markers: pictures, answer, table, and the line that names the machine. Deterministic."""
    from bench.analysis import sentences
    from bench.report.plots import roofline, speedup, time_per_iteration
    from bench.report.plots.figures import stem

    groups = group_cells(run)
    if not groups:
        return "The reference run holds no cell."
    first = groups[0]
    picture = (REFERENCE / "figures" / f"{stem('time_per_iteration', first)}.svg").as_posix()
    parts = [
        f"![{text.markdown(time_per_iteration.draw(first).alt)}]({picture})",
        f"**{text.markdown(headline_sentence(first).replace('On this machine', 'On the machine named below', 1))}**",
        markdown.table(tables.matrix(first.ranked, "Time per iteration")),
        text.markdown(_origin(run, first.title)),
    ]
    gallery = {"roofline": roofline.draw(first), "speedup": speedup.draw(first)}
    parts += ["\n".join(f"- {text.markdown(fact)}" for fact in sentences.summary_sentences(first))]
    for figure, drawing in gallery.items():
        if drawing is not None:
            path = (REFERENCE / "figures" / f"{stem(figure, first)}.svg").as_posix()
            parts.append(f"![{text.markdown(drawing.alt)}]({path})")
    parts += [] if run.stable else [text.markdown(tables.trust(run))]
    return "\n\n".join(parts)


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
    """Rewrite the block in place; the run is looked for beside the README."""
    path = Path(arguments[0] if arguments else "README.md")
    try:
        new = block(load_run(path.parent / REFERENCE))
        save(path, replaced(path.read_text("utf-8"), new))
    except MarkerError as error:
        sys.exit(f"{path}: {error}")
    except (UnreadableRun, OSError) as error:
        sys.exit(str(error))


def _origin(run: Run, title: str) -> str:
    """Median time per iteration, and of which machine, day and libraries."""
    blocks = run.plan.get("blocks")
    versions = get_nested(run.machine, "versions")
    versions = versions if isinstance(versions, dict) else {}
    parts = [
        text.clean(str(get_nested(run.machine, "cpu", "model") or "processor not known"), 80),
        text.clean(run.created[:10]),
        title,
        text.number_of(blocks, "process") + " per backend" if isinstance(blocks, int) else "",
        *(f"{name} {text.clean(str(versions[name]))}" for name in ("numpy", "numba", "jax") if versions.get(name)),
    ]
    return f"Median time per iteration on {', '.join(filter(None, parts))}."


if __name__ == "__main__":
    main(sys.argv[1:])
