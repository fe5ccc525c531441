"""What the course remembers of its reader: predictions, and how the exercises went. One file, never sent anywhere.

It lies in results/course under the current directory, beside the reader's own runs and exercise files; who deletes it
starts anew.
"""

from pathlib import Path
from typing import Literal

import msgspec

from bench.records import UnreadableRun
from bench.runtime.files import read, save

COURSE = Path("results") / "course"


class Progress(msgspec.Struct, forbid_unknown_fields=True):
    """Of one chapter. predictions: by name, as the reader gave them. attempts: at the exercise; slips: how
    often each was made; passed: an attempt."""

    predictions: dict[str, float | str] = {}
    attempts: int = 0
    slips: dict[str, int] = {}
    passed: bool = False
    finished: bool = False


class Reader(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file. chapters: by number, as text, which is what JSON has for keys."""

    version: Literal[1] = 1
    chapters: dict[str, Progress] = {}

    def of(self, number: int) -> Progress:
        """The reader's progress in a chapter, which may be changed and saved."""
        return self.chapters.setdefault(str(number), Progress())


def path() -> Path:
    return COURSE / "reader.json"


def folder(number: int) -> Path:
    """Where a chapter keeps the reader's runs, page and exercise."""
    return COURSE / f"chapter-{number:02}"


def load() -> Reader:
    """Raises UnreadableRun, saying what to do, where the file is there but cannot be read."""
    try:
        return msgspec.json.decode(read(path()), type=Reader)
    except FileNotFoundError:
        return Reader()
    except (OSError, ValueError) as error:
        raise UnreadableRun(
            f"{path()}: cannot be read: {error}; allowed: the file as it was left, or none (delete it to start anew)"
        ) from None


def store(reader: Reader) -> None:
    COURSE.mkdir(parents=True, exist_ok=True)
    save(path(), msgspec.json.format(msgspec.json.encode(reader), indent=1) + b"\n")


def attempted(reader: Reader, number: int, passed: bool, slip: str) -> int:
    """Count an attempt at an exercise and remember whether one passed; how often this slip was made by now."""
    progress = reader.of(number)
    progress.attempts += 1
    progress.passed |= passed
    if not passed:
        progress.slips[slip] = progress.slips.get(slip, 0) + 1
    store(reader)
    return progress.slips.get(slip, 1)


def forget() -> bool:
    """Remove the file; whether there was one. The runs and the exercises stay."""
    there = path().exists()
    path().unlink(missing_ok=True)
    return there
