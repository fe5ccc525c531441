"""What a chapter is given with: it asks for predictions, measures, shows, explains and offers the exercise.

The same calls serve a terminal, a notebook and a page: a Lesson collects blocks, and its stage shows each as it comes.
"""

import contextlib
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

from bench import text
from bench.analysis.speed import get_nested
from bench.learn import reader
from bench.learn.blocks import Asked, Block, Descents, Picture, Words
from bench.learn.chapters import Chapter, chapter
from bench.records import Run, load_run
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

NUMBER = re.compile(r"\s*([-+]?(?:\d[\d_  ]*)?(?:,\d{3})*(?:[.,]\d+)?(?:[eE][-+]?\d+)?)\s*(\D*)$")
TRIES = 3  # at answering a question
RECORDED = "GDBENCH_LEARN_RECORDED"  # in the environment of a notebook that is built: measure nothing


class Lesson:
    """One chapter, being given.

    stage: shows a block. ask: shows a prompt and returns the line typed, None at the end of the input. own: measure on
    this machine what is not measured yet, else show what is recorded. quick: with fewer processes. again: measure
    anew. blocks: all that was shown.
    """

    def __init__(
        self,
        given: Chapter,
        stage: Callable[[Block], None],
        ask: Callable[[str], str | None],
        own: bool = True,
        quick: bool = False,
        again: bool = False,
    ):
        self.chapter, self.stage, self.ask = given, stage, ask
        self.own, self.quick, self.again = own, quick, again
        self.reader = reader.load()
        self.progress = self.reader.of(given.number)
        self.folder = reader.folder(given.number)
        self.blocks: list[Block] = []

    # ------------------------------------------------------------------------------------------ words and pictures

    def put(self, block: Block) -> None:
        self.blocks.append(block)
        self.stage(block)

    def say(self, markdown: str, note: bool = False) -> None:
        self.put(Words(markdown, note))

    def show(self, drawing: Drawing | None) -> None:
        """A figure with its words and its data; None, where too little was measured to draw it, says so."""
        if drawing is None:
            self.say("*This picture needs figures that are not here.*", note=True)
        else:
            self.put(Picture.of(drawing))

    def table(self, table: Table) -> None:
        self.put(table)

    def play(self, data: dict[str, Any], still: Drawing) -> None:
        """Descents to be played, see player.py; `still` stands for them in print and in a terminal."""
        self.put(Descents(data, Picture.of(still)))

    def explain(self, markdown: str, *, shown_by: str, **facts: str | None) -> None:
        """A paragraph whose figures come from the experiment named: {name} stands for a fact, and None for one missing.

        The only place where a chapter may say why; without a fact that it names the paragraph is left out, and says so.
        There may be more facts than it names.
        """
        named = {name: facts[name] for _, name, _, _ in Formatter().parse(markdown) if name}
        missing = [name for name, fact in named.items() if fact is None]
        if missing:
            self.say(f"*Left out: a paragraph that needs {text.listed(missing)}, not in these figures.*", note=True)
        else:
            safe = {name: str(fact).replace("|", "\\|") for name, fact in named.items()}
            self.say(markdown.format(**safe))

    # ------------------------------------------------------------------------------------------------- predictions

    def predict(self, name: str, question: str, unit: str = "") -> float | None:
        """A number, asked for once and then remembered; None where the reader gives none."""

        def read(line: str) -> float:
            found = NUMBER.match(line)
            digits = re.sub(r"[_  ]", "", found[1]) if found else ""
            digits = (
                digits.replace(",", "")
                if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", digits)
                else digits.replace(",", ".")
            )
            try:
                if not math.isfinite(number := float(digits)):
                    raise ValueError
                return number
            except ValueError:
                raise ValueError(f"found {line[:40]!r}; allowed: a number, such as 50 or 1e-12") from None

        answer = self._remembered(name, f"{question}{f' ({unit})' if unit else ''}", read)
        self.put(Asked(question, unit, answer))
        return answer if isinstance(answer, float) else None

    def choose(self, name: str, question: str, choices: Sequence[str]) -> str | None:
        """One of several answers, asked for once and then remembered."""

        def read(line: str) -> str:
            fits = [c for c in choices if c.lower().startswith(line.lower())]
            if line.isdigit() and 1 <= int(line) <= len(choices):
                fits = [choices[int(line) - 1]]
            if len(fits) != 1:
                raise ValueError(f"found {line[:40]!r}; allowed: 1 to {len(choices)}")
            return fits[0]

        listed = "\n".join(f"  {number}. {choice}" for number, choice in enumerate(choices, 1))
        answer = self._remembered(name, f"{question}\n{listed}\n", read)
        self.put(Asked(f"{question} ({' / '.join(choices)})", "", answer))
        return answer if isinstance(answer, str) and answer in choices else None

    def _remembered(self, name: str, prompt: str, read: Callable[[str], Any]) -> float | str | None:
        if name not in self.progress.predictions:
            for _ in range(TRIES):
                line = self.ask(f"{prompt} > ")
                if line is None or not line.strip():
                    return None
                try:
                    self.progress.predictions[name] = read(line.strip())
                except ValueError as error:
                    self.say(str(error), note=True)
                    continue
                reader.store(self.reader)
                break
        return self.progress.predictions.get(name)

    # ------------------------------------------------------------------------------------------------- experiments

    def compute(self, name: str, experiment: Callable[..., Any], *arguments: Any) -> Any:
        """An experiment that takes no time worth measuring, done here and now. name: what `explain` refers to."""
        return experiment(*arguments)

    def measure(
        self,
        name: str,
        backends: Sequence[str | Path],
        sizes: Sequence[str],
        dtypes: Sequence[str] = ("float64",),
        threads: Sequence[int] = (1,),
        max_iter: int | None = None,
    ) -> Run:
        """A run of the suite: these backends and files in blocks of processes, with numpy_vectorized and its twin.

        The reader's own, kept under results/course, or the recorded one. Backends whose library is missing are left
        out, which is said, and so are numbers of threads that this machine has not.
        """
        folder = self.folder / name
        if self.own:
            run = self._own_run(folder, backends, sizes, dtypes, threads, max_iter)
        own = (folder / "run.json").exists()
        if not self.own:
            run = load_run(folder if own else self.chapter.folder / "recorded" / f"{name}.json")
        self.say(origin(run, own, self.chapter.number), note=True)
        if not run.stable:
            self.say(doubt(run, name, self.chapter.number), note=True)
        return run

    def _own_run(
        self,
        folder: Path,
        backends: Sequence[str | Path],
        sizes: Sequence[str],
        dtypes: Sequence[str],
        threads: Sequence[int],
        max_iter: int | None,
    ) -> Run:
        from bench.learn import experiment

        chosen = experiment.known(backends)
        gone = [f"{one.name} ({one.missing})" for one in chosen if one.missing is not None]
        if gone:
            self.say(f"Left out on this machine: {text.listed(gone)}.", note=True)
        if self.again and folder.exists():
            shutil.rmtree(folder)
        if (folder / "run.json").exists():
            return load_run(folder)

        def foretold(seconds: float) -> None:
            self.stage(Words(f"Measuring, about {max(seconds, 5):.0f} s. Leave the machine alone.", note=True))

        command = f"gdbench learn {self.chapter.number}"
        return experiment.measured(folder, chosen, sizes, dtypes, threads, max_iter, self.quick, command, foretold)

    # --------------------------------------------------------------------------------------------------- exercise

    @property
    def exercise_file(self) -> Path:
        return self.folder / "exercise.py"

    def exercise(self) -> None:
        """Give the reader a file to edit, and judge it as often as they like."""
        from bench.learn.judge import attempt

        if self.own and not self.exercise_file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.chapter.folder / "start.py", self.exercise_file)
        command = f"gdbench learn {self.chapter.number} --check {self.exercise_file}"
        self.say(f"**Your file:** `{self.exercise_file}`. Edit it, then `{command}`.")
        while self.own and (line := self.ask("Enter to check your file, s to go on > ")) is not None:
            if line.strip().lower().startswith("s"):
                break
            verdict, tries = attempt(self.chapter, self.exercise_file, self.reader, self.quick)
            self.say(verdict.words(tries))
            if verdict.passed:
                break

    def finish(self) -> None:
        self.progress.finished = True
        reader.store(self.reader)


def origin(run: Run, own: bool, number: int) -> str:
    """Whose figures these are, in a sentence."""
    model = text.clean(str(get_nested(run.machine, "cpu", "model") or "a processor that it does not name"), 60)
    day = text.clean(run.created[:10], 10)
    if own:
        return f"Measured on this machine ({model}), {day}."
    return f"Recorded on another machine ({model}), {day}: `gdbench learn {number}` puts your own figures in its place."


def doubt(run: Run, name: str, number: int) -> str:
    """That the suite doubts a run, and why, in plain words."""
    kinds = {
        "A/A control": "numpy_vectorized, measured twice in every block, does not agree well enough with itself",
        "drift": "the machine changed its speed meanwhile",
        "cells are noisy": "many times scatter widely",
    }
    found = [words for kind, words in kinds.items() if any(kind in reason for reason in run.reasons)]
    return (
        f"The suite doubts these figures ({name}): {'; '.join(found) or 'see its reasons in the run'}. Take what"
        f" follows as what they suggest, not as proved. `gdbench learn {number} --again` measures anew, best on a quiet"
        " machine."
    )


_giving: list[Lesson] = []


@contextlib.contextmanager
def giving(lesson: Lesson) -> Iterator[Lesson]:
    """While this lasts, `begin` in a chapter's script returns this lesson."""
    _giving.append(lesson)
    try:
        yield lesson
    finally:
        _giving.remove(lesson)


def perform(lesson: Lesson) -> None:
    """Say its text cells and run its code cells, in their order and in one namespace."""
    namespace: dict[str, Any] = {"__name__": "chapter"}
    with giving(lesson):
        for cell in lesson.chapter.cells:
            if cell.kind == "markdown":
                lesson.say(cell.text)
            else:
                exec(compile(cell.text, str(lesson.chapter.script), "exec"), namespace)  # our own file


def begin(number: int) -> Lesson:
    """The lesson of a chapter: the one that is being given, or, in a notebook, a new one."""
    if _giving and _giving[-1].chapter.number == number:
        return _giving[-1]
    from bench.learn import notebook

    return Lesson(chapter(number), notebook.display, notebook.ask, own=RECORDED not in os.environ)
