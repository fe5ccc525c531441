"""The course: performance, learned by experiment on the reader's own machine.

A chapter is a folder, `ch03_loops` say, with everything of its own:

    chapter.py     what the reader sees, as a percent script: text cells and calls of a Lesson
    picture.py     facts and figures made of what was measured
    exercise.py    judge(path) and the hints; start.py is what the reader gets, solution.py what passes
    teacher.md     for who runs it in class
    variants/      backend files that differ in one thing, for the experiments
    recorded/      what another machine measured, shown until the reader's own figures take its place

`lesson.py` is what a chapter is given with and `give.py` gives it; `judge.py` judges an exercise; `build.py` makes
notebooks and pages; `reader.py` remembers what the reader predicted.
"""

from bench.learn import facts
from bench.learn.lesson import Lesson, begin

__all__ = ["Lesson", "begin", "facts"]
