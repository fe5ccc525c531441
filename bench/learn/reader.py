"""The reader's predictions and exercise attempts, in one local file.

The file is in the folder `course` of the results, beside the reader's runs and exercise files. Deleting it
resets the course.
"""

from pathlib import Path
from typing import Literal

import msgspec

from bench.records import UnreadableRun
from bench.results import results_folder
from bench.runtime.files import read, save


class Progress(msgspec.Struct, forbid_unknown_fields=True):
    """Progress in one chapter.

    predictions: by name. attempts: at the exercise. slips: how often each slip was made. passed: an attempt passed.
    """

    predictions: dict[str, float | str] = {}
    attempts: int = 0
    slips: dict[str, int] = {}
    passed: bool = False
    finished: bool = False


class Reader(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file. chapters: by number, as text because JSON keys are text."""

    version: Literal[1] = 1
    chapters: dict[str, Progress] = {}

    def of(self, number: int) -> Progress:
        """The reader's progress in a chapter, to be changed and stored."""
        return self.chapters.setdefault(str(number), Progress())


def course_folder() -> Path:
    """The folder of the reader's runs, pages and exercises."""
    return results_folder() / "course"


def path() -> Path:
    return course_folder() / "reader.json"


def folder(number: int) -> Path:
    """The folder of a chapter's runs, page and exercise."""
    return course_folder() / f"chapter-{number:02}"


def load() -> Reader:
    """Load the file, or return a new record. Raises UnreadableRun if the file exists but cannot be read."""
    try:
        return msgspec.json.decode(read(path()), type=Reader)
    except FileNotFoundError:
        return Reader()
    except (OSError, ValueError) as error:
        raise UnreadableRun(
            f"{path()}: cannot be read: {error}; allowed: the file as it was left, or none (delete it to start again)"
        ) from None


def store(reader: Reader) -> None:
    course_folder().mkdir(parents=True, exist_ok=True)
    save(path(), msgspec.json.format(msgspec.json.encode(reader), indent=1) + b"\n")


def attempted(reader: Reader, number: int, passed: bool, slip: str) -> int:
    """Store an attempt at an exercise. Returns how often this slip was made."""
    progress = reader.of(number)
    progress.attempts += 1
    progress.passed |= passed
    if not passed:
        progress.slips[slip] = progress.slips.get(slip, 0) + 1
    store(reader)
    return progress.slips.get(slip, 1)


def forget() -> bool:
    """Delete the file. Returns whether it existed. Runs and exercises stay."""
    there = path().exists()
    path().unlink(missing_ok=True)
    return there
