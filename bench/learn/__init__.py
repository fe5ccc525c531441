"""The course: performance, learned by experiment on the reader's own machine.

A chapter is a folder, such as ch03_loops:

    chapter.py     the text and the steps, as a percent script: Markdown cells and calls of a Lesson
    picture.py     facts and figures from the measurements
    exercise.py    judge(path) and the hints; the reader starts from start.py, or from the backend that START names
    solution.py    a solution of the exercise
    teacher.md     notes for teachers
    variants/      backend files that differ in one thing, for the experiments
    recorded/      runs of another machine, shown until the reader measures

`lesson.py` holds the steps of a chapter and `give.py` runs them; `judge.py` judges an exercise; `build.py` writes
notebooks and pages; `reader.py` stores predictions and results.
"""

from bench.learn import facts
from bench.learn.lesson import Lesson, begin

__all__ = ["Lesson", "begin", "facts"]
