"""Save the runs in results/course as the recorded figures of the course: python -m bench.learn.record.

For maintainers, after `gdbench learn N --again` for the chapters on a quiet machine. A recording holds what the
chapters read: no blocks, no plan, no error curves, of the machine only the processor, and no paths. Other JSON files
that a chapter keeps beside its runs are copied.
"""

import json
from typing import Any

import msgspec

from bench.learn import reader
from bench.learn.chapters import chapters
from bench.records import Run, load_run
from bench.runtime.files import read, save
from bench.runtime.process import ROOT

EMPTY: tuple[Any, ...] = (None, [], {})


def reduced(run: Run) -> dict[str, Any]:
    """The part of a run that chapters read, as plain data that `load_run` accepts."""
    data: dict[str, Any] = msgspec.to_builtins(run)
    for cell in data["cells"]:
        cell["error_curve"] = None
        cell["ledger"] = {name: value for name, value in cell["ledger"].items() if value not in EMPTY}
    data["cells"] = [{name: value for name, value in cell.items() if value not in EMPTY} for cell in data["cells"]]
    return data | {"plan": {}, "blocks": [], "machine": {"cpu": data["machine"].get("cpu", {})}}


def main() -> None:
    for chapter in chapters():
        for recording in sorted((chapter.folder / "recorded").glob("*.json")):
            folder = reader.folder(chapter.number)
            text = None
            if (run := folder / recording.stem / "run.json").exists():
                text = json.dumps(reduced(load_run(run)), ensure_ascii=False, separators=(",", ":"))
            elif (other := folder / recording.name).exists():
                text = read(other)
            if text is not None:
                save(recording, text.replace(f"{ROOT}/", "") + "\n")
            print(f"{chapter.folder.name}/{recording.name}: {'unchanged' if text is None else 'saved'}")


if __name__ == "__main__":
    main()
