"""Wrong answers to the exercises of the course, by chapter.

A slip is an edit of the solution that readers commonly make, and the key of the hint that names it.
"""

from importlib import import_module
from typing import NamedTuple

from bench.learn.chapters import Chapter


class Slip(NamedTuple):
    """name: what the edit does. slip: the key in HINTS of the exercise. edits: pairs of old and new text."""

    name: str
    slip: str
    edits: tuple[tuple[str, str], ...]

    def apply(self, solution: str) -> str:
        """The solution with the edits made. Each old text must be there."""
        for old, new in self.edits:
            assert old in solution, old
            solution = solution.replace(old, new)
        return solution


def slips_of(chapter: Chapter) -> tuple[Slip, ...]:
    return import_module(f"helpers.slips.ch{chapter.number:02}").SLIPS
