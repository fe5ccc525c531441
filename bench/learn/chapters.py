"""The chapters on disk, and the cells of their percent scripts."""

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from bench.learn.variants import Variant
from bench.records import Run, load_run

HERE = Path(__file__).parent
CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)


class ScriptCell(NamedTuple):
    """A cell of a percent script: Markdown without its comment signs, or code."""

    kind: Literal["markdown", "code"]
    text: str


class Chapter(NamedTuple):
    """A chapter. folder: where all its files are; its name is ch<number>_<word>."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name[2:4])

    @property
    def title(self) -> str:
        """The first heading of its text, without the number."""
        heading = re.search(r"^# # (?:\d+ · )?(.+)$", self.script.read_text("utf-8"), re.MULTILINE)
        assert heading is not None, f"{self.script} has no heading"
        return heading[1]

    @property
    def script(self) -> Path:
        return self.folder / "chapter.py"

    @property
    def cells(self) -> list[ScriptCell]:
        """Its script, cell by cell; what is in front of the first one is for Jupytext."""
        _, *parts = CELL.split(self.script.read_text("utf-8"))
        return [_cell(mark, body) for mark, body in zip(parts[::2], parts[1::2], strict=True)]

    @property
    def start(self) -> str:
        """The file that the reader starts the exercise from: start.py, or the variant START in files.py."""
        start = self.folder / "start.py"
        if start.exists():
            return start.read_text("utf-8")
        variant: Variant = import_module(f"bench.learn.{self.folder.name}.files").START
        return variant.source

    def run(self, name: str, folder: Path) -> tuple[Run, bool]:
        """The run of an experiment: the reader's in `folder`, and True, or the recorded one."""
        measured = (folder / name / "run.json").exists()
        return load_run(folder / name if measured else self.folder / "recorded" / f"{name}.json"), measured

    @property
    def exercise(self) -> ModuleType:
        """The module that judges its exercise."""
        return import_module(f"bench.learn.{self.folder.name}.exercise")


def _cell(mark: str, body: str) -> ScriptCell:
    if "[markdown]" not in mark:
        return ScriptCell("code", body.strip("\n") + "\n")
    return ScriptCell(
        "markdown", "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip("\n").split("\n"))
    )


def chapters() -> list[Chapter]:
    """All chapters in their order."""
    return [Chapter(folder) for folder in sorted(HERE.glob("ch[0-9][0-9]_*")) if (folder / "chapter.py").exists()]


def chapter(number: int) -> Chapter:
    """The chapter with a number. Raises ValueError if there is none."""
    by_number = {each.number: each for each in chapters()}
    if number not in by_number:
        raise ValueError(f"chapter: found {number}; allowed: {min(by_number)} to {max(by_number)}")
    return by_number[number]
