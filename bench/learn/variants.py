"""A backend file that differs from another file in a few places, as edits of that file."""

import re
from pathlib import Path
from typing import NamedTuple, Union

from backends import describe

HUNK = re.compile(r"((?:^-.*\n)+)((?:^\+.*\n)*)", re.MULTILINE)


class Variant(NamedTuple):
    """A backend file that differs from another in a few lines.

    name: the stem of the file. base: the backend, file or variant that it edits. docstring: what the file is.
    edits: lines of the base after a minus, each group followed by the lines that replace it, after a plus. A group
    that is not replaced ends with an empty line.
    """

    name: str
    base: Union[str, Path, "Variant"]
    docstring: str
    edits: str = ""

    @property
    def source(self) -> str:
        if isinstance(self.base, Variant):
            source = self.base.source
        else:
            path = describe(self.base).path
            assert path is not None
            source = path.read_text("utf-8")
        code = source.split('"""', 2)[2]
        for hunk in HUNK.findall(self.edits):
            old, new = (re.sub("^.", "", lines, flags=re.MULTILINE) for lines in hunk)
            assert code.count(old) == 1, f"{self.name}: its base does not have once: {old}"
            code = code.replace(old, new)
        return f'"""{self.docstring}"""{code}'

    def write(self, folder: Path) -> Path:
        """Write the file into this folder. Returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.py"
        path.write_text(self.source, "utf-8")
        return path
