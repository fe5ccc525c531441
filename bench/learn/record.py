"""python -m bench.learn.record: keep what was measured here, in results/course, as the recorded figures of the course.

For who maintains the course, after `gdbench learn N --again` of the chapters on a quiet machine. Paths of this machine
are taken out; whatever else a chapter keeps as JSON beside its runs is taken along.
"""

from bench.learn import reader
from bench.learn.chapters import chapters
from bench.runtime.files import read, save
from bench.runtime.process import ROOT


def main() -> None:
    for each in chapters():
        for kept in sorted((each.folder / "recorded").glob("*.json")):
            folder = reader.folder(each.number)
            found = [path for path in (folder / kept.stem / "run.json", folder / kept.name) if path.exists()]
            if found:
                save(kept, read(found[0]).replace(f"{ROOT}/", ""))
            print(f"{each.folder.name}/{kept.name}: {'taken' if found else 'kept as it was'}")


if __name__ == "__main__":
    main()
