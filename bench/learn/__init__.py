"""The course: performance, learned by experiment on the reader's own machine.

A chapter is a folder, such as ch03_loops:

    chapter.py     the text and the steps, as a percent script: Markdown cells and calls of a Lesson
    picture.py     facts and figures from the measurements
    exercise.py    judge(path), HINTS, and timed(path, quick) if the exercise makes a claim about speed
    start.py       the file that the reader starts from, or START in files.py
    solution.py    a solution of the exercise
    teacher.md     notes for teachers
    files.py       backend files that differ in one thing, for the experiments, as edits of another file
    variants/      such files that share too little with another file
    recorded/      runs of another machine, shown until the reader measures, and other measurements as JSON

Any other module belongs to its chapter only. README.md lists the chapters; teacher.md and course.md name their numbers.

`lesson.py` holds the steps of a chapter and `give.py` runs them; `judge.py` judges an exercise; `build.py` writes
notebooks and pages; `reader.py` stores predictions and results. The chapters share `facts.py` (figures of runs as
text), `charts.py` (the two kinds of chart), `variants.py` (files as edits), `child.py` (child processes) and
`valley.py` (the loss over β).
"""

from bench.learn import facts
from bench.learn.lesson import Lesson, begin

__all__ = ["Lesson", "begin", "facts"]
