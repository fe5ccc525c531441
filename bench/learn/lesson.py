"""The steps of a chapter: predict, measure, show, explain, exercise.

The same calls serve a terminal, a notebook and a page. A Lesson collects blocks and hands each to `display`, which
shows it.
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
from bench.analysis.aggregate import CONTROL_REASON, DRIFT_REASON, NOISE_REASON
from bench.analysis.sentences import processor_text
from bench.learn import reader
from bench.learn.blocks import Asked, Block
from bench.learn.chapters import Chapter, chapter
from bench.learn.variants import Variant
from bench.records import Run
from bench.report.article import Descents, Picture, Words
from bench.report.plots.canvas import Drawing
from bench.report.tables import Table

NUMBER = re.compile(r"\s*([-+]?(?:\d[\d_  ]*)?(?:,\d{3})*(?:[.,]\d+)?(?:[eE][-+]?\d+)?)\s*(\D*)$")
TRIES = 3  # at answering a question
RECORDED = "GDBENCH_LEARN_RECORDED"  # in the environment of a notebook that is built: measure nothing

NO_FIGURE = "This figure needs measurements that are missing"
NO_PARAGRAPH = "A paragraph is left out because these measurements do not contain"


class Lesson:
    """One chapter for one reader.

    display: shows a block. ask: shows a prompt and returns the typed line, or None at the end of the input. live:
    measure on this machine; otherwise show recorded runs. quick: use fewer processes. again: repeat the measurements.
    blocks: everything shown so far.
    """

    def __init__(
        self,
        chapter: Chapter,
        display: Callable[[Block], None],
        ask: Callable[[str], str | None],
        live: bool = True,
        quick: bool = False,
        again: bool = False,
    ):
        self.chapter, self.display, self.ask = chapter, display, ask
        self.live, self.quick, self.again = live, quick, again
        self.reader = reader.load()
        self.progress = self.reader.of(chapter.number)
        self.folder = reader.folder(chapter.number)
        self.blocks: list[Block] = []

    # ------------------------------------------------------------------------------------------ words and pictures

    def put(self, block: Block) -> None:
        self.blocks.append(block)
        self.display(block)

    def say(self, markdown: str, note: bool = False) -> None:
        self.put(Words(markdown, note))

    def show(self, drawing: Drawing | None) -> None:
        """Show a figure with its description and data. None means that a measurement is missing, and is reported."""
        if drawing is None:
            self.say(f"*{NO_FIGURE}.*", note=True)
        else:
            self.put(Picture.of(drawing))

    def table(self, table: Table) -> None:
        self.put(table)

    def play(self, data: dict[str, Any], still: Drawing) -> None:
        """Show descents as an animation, see player.py. Print and terminals show `still` instead."""
        self.put(Descents(data, Picture.of(still)))

    def explain(self, markdown: str, *, shown_by: str, **facts: str | None) -> None:
        """Show a paragraph with figures from the experiment `shown_by`. {name} is replaced by a fact.

        Only these paragraphs give causes. A paragraph is left out, with a note, if one of its facts is None or missing.
        Facts that the text does not name are ignored.
        """
        named = {name: facts.get(name) for _, name, _, _ in Formatter().parse(markdown) if name}
        missing = [name for name, fact in named.items() if fact is None]
        if missing:
            self.say(f"*{NO_PARAGRAPH} {text.listed(missing)}.*", note=True)
        else:
            safe = {name: str(fact).replace("|", "\\|") for name, fact in named.items()}
            self.say(markdown.format(**safe))

    # ------------------------------------------------------------------------------------------------- predictions

    def predict(self, name: str, question: str, unit: str = "") -> float | None:
        """Ask for a number once and store it. Returns None if the reader gives no answer."""

        def read(line: str) -> float:
            match = NUMBER.match(line)
            digits = re.sub(r"[_  ]", "", match[1]) if match else ""
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
        """Ask for one of several answers once and store it."""

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
        """Run an experiment that needs no timing. name: the name that `explain` refers to."""
        return experiment(*arguments)

    def measure(self, name: str, backends: Sequence[str | Path | Variant], sizes: Sequence[str], **options: Any) -> Run:
        """A run of these backends and files, with numpy_vectorized as baseline and A/A control.

        options: dtypes, threads and max_iter of `experiment.measured`.

        Returns the reader's run, stored under results/course, or the recorded run. Backends without their library are
        left out, with a note, and so are numbers of threads that this machine does not have.
        """
        if self.live:
            self._measure(self.folder / name, backends, sizes, options)
        run, measured = self.chapter.run(name, self.folder)
        self.say(origin(run, measured, self.chapter.number), note=True)
        if not run.stable:
            self.say(doubt(run, name, self.chapter.number), note=True)
        return run

    def _measure(
        self, folder: Path, backends: Sequence[str | Path | Variant], sizes: Sequence[str], options: dict[str, Any]
    ) -> None:
        from bench.learn import experiment

        written = [each.write(self.folder / "variants") if isinstance(each, Variant) else each for each in backends]
        chosen = experiment.backends_of(written)
        gone = [f"{backend.name} ({backend.missing})" for backend in chosen if backend.missing is not None]
        if gone:
            self.say(f"Not installed on this machine: {text.listed(gone)}.", note=True)
        if self.again and folder.exists():
            shutil.rmtree(folder)
        if (folder / "run.json").exists():
            return

        def foretold(seconds: float) -> None:
            words = f"Measuring takes about {max(seconds, 5):.0f} s. Please do not use the machine meanwhile."
            self.display(Words(words, note=True))

        command = f"gdbench learn {self.chapter.number}"
        experiment.measured(folder, chosen, sizes, quick=self.quick, command=command, foretold=foretold, **options)

    # --------------------------------------------------------------------------------------------------- exercise

    @property
    def exercise_file(self) -> Path:
        return self.folder / "exercise.py"

    def exercise(self) -> None:
        """Copy the start of the exercise for the reader, and judge the file on request."""
        from bench.learn.judge import attempt

        if self.live and not self.exercise_file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.exercise_file.write_text(self.chapter.start, "utf-8")
        command = f"gdbench learn {self.chapter.number} --check {self.exercise_file}"
        self.say(f"**Your file:** `{self.exercise_file}`. Edit it, then `{command}`.")
        while self.live and (line := self.ask("Enter to check your file, s to go on > ")) is not None:
            if line.strip().lower().startswith("s"):
                break
            verdict, tries = attempt(self.chapter, self.exercise_file, self.reader, self.quick)
            self.say(verdict.words(tries))
            if verdict.passed:
                break

    def finish(self) -> None:
        self.progress.finished = True
        reader.store(self.reader)


def origin(run: Run, measured: bool, number: int) -> str:
    """One sentence: where and when the run was measured."""
    model = processor_text(run, 60)
    day = text.clean(run.created[:10], 10)
    if measured:
        return f"Measured on this machine ({model}), {day}."
    return f"Recorded on another machine ({model}), {day}. `gdbench learn {number}` measures on your machine instead."


def doubt(run: Run, name: str, number: int) -> str:
    """A warning that a run is unstable, with the reasons."""
    kinds = {
        CONTROL_REASON: "the two measurements of numpy_vectorized in each block disagree",
        DRIFT_REASON: "the speed of the machine changed during the run",
        NOISE_REASON: "many times vary widely",
    }
    reasons = [words for kind, words in kinds.items() if any(kind in reason for reason in run.reasons)]
    return (
        f"This run ({name}) is unstable: {'; '.join(reasons) or 'see the reasons in the run'}. Treat the conclusions"
        f" below as suggestions. `gdbench learn {number} --again` repeats the measurement, best on a quiet machine."
    )


_giving: list[Lesson] = []


@contextlib.contextmanager
def giving(lesson: Lesson) -> Iterator[Lesson]:
    """Within this context, `begin` in a chapter's script returns this lesson."""
    _giving.append(lesson)
    try:
        yield lesson
    finally:
        _giving.remove(lesson)


def perform(lesson: Lesson) -> None:
    """Show the text cells and run the code cells of a chapter, in order and in one namespace."""
    namespace: dict[str, Any] = {"__name__": "chapter"}
    with giving(lesson):
        for cell in lesson.chapter.cells:
            if cell.kind == "markdown":
                lesson.say(cell.text)
            else:
                exec(compile(cell.text, str(lesson.chapter.script), "exec"), namespace)  # a file of this package


def begin(number: int) -> Lesson:
    """The current lesson of a chapter, or a new one in a notebook."""
    if _giving and _giving[-1].chapter.number == number:
        return _giving[-1]
    from bench.learn import notebook

    return Lesson(chapter(number), notebook.display, notebook.ask, live=RECORDED not in os.environ)
