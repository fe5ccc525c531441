"""The course: rules of its texts, solutions and wrong answers of its exercises, and complete runs of its chapters."""

import ast
import io
import json
import re
import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import sample_run
from helpers.judged import cache_exact_answers
from helpers.slips import slips_of
from msgspec import to_builtins
from rich.console import Console

from bench import text
from bench.learn import build, charts, experiment, facts, give, reader
from bench.learn import judge as judging
from bench.learn.chapters import chapter, chapters
from bench.learn.judge import Verdict, judge, verdict_on
from bench.learn.lesson import NO_FIGURE, NO_PARAGRAPH, Lesson, perform
from bench.learn.variants import Variant
from bench.records import load_run, save_run
from bench.stats import Interval

CHAPTERS = [pytest.param(each, id=each.folder.name) for each in chapters()]
COMPILES = (5, 7)  # chapters whose exercise takes seconds per answer
COMPUTES = (2, 6, 8)  # chapters that compute for seconds


def slow_for(*numbers):
    """The chapters as parameters. Those with these numbers are marked as slow."""
    marked = [each for each in chapters() if each.number in numbers]
    return [pytest.param(each, id=each.folder.name, marks=[pytest.mark.slow] * (each in marked)) for each in chapters()]


# A measured number has a unit or is a multiple. Texts must not contain one.
MEASURED = re.compile(
    r"\d[\d.,]*(?:e[-+]?\d+)?\s*(?:×|%|(?:ns|µs|us|ms|s|sec|seconds?|minutes?|[kMG]i?B(?:/s)?|[GM]?flop/s|times|fold|percent)\b)"
    r"|\b(?:ten|twenty|fifty|hundred|thousand)s? (?:times|percent|fold)\b"
    r"|\b(?:twice|half|double|three times|four times) as (?:fast|slow|long)\b"
)
CAUSAL = re.compile(
    r"\b(?:because|since|therefore|that is why|due to|owing to|the reason|causes?|caused by|hence|thanks to)\b", re.I
)


@pytest.fixture(autouse=True)
def exact_answers(monkeypatch):
    """Compute the exact answers of the cross-check once. All solutions and variants get the same problems."""
    cache_exact_answers(monkeypatch)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty folder for a reader without progress."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def measuring(monkeypatch):
    """bench.measure without measurements: recorded runs for chapters, invented times for exercises.

    measuring("your_file", seconds=..., peak_bytes=...) sets the fields of the cells of a backend.
    """
    fields: dict[str, dict] = {}

    def measured(folder, backends, sizes, *arguments, **options):
        if folder.parent.parent == reader.course_folder():
            number = int(folder.parent.name.removeprefix("chapter-"))
            run = load_run(chapter(number).folder / "recorded" / f"{folder.name}.json")
            folder.mkdir(parents=True)
            save_run(folder, run)
            return run
        n, d = map(int, sizes[0].split("x"))
        cells = []
        for backend in backends:
            values = {"seconds": sample_run.SECONDS.get(backend.name, [1e-6])[0]} | fields.get(backend.name, {})
            cells.append(sample_run.cell(backend.name, n, n_features=d, n_iter=100, **values))
        return sample_run.run(cells)

    monkeypatch.setattr(experiment, "measured", measured)

    def set_figures(backend, **figures):
        fields[backend] = {"seconds": None} | figures if "status" in figures else figures

    return set_figures


def calls(each):
    """Each call of a method of the lesson in the script of a chapter, in order: (name, node)."""
    tree = ast.parse(each.script.read_text("utf-8"))
    for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and getattr(node.func.value, "id", "") == "lesson"
        ):
            yield node.func.attr, node


def strings(node):
    """The text of each string in a tree, with docstrings."""
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


@pytest.mark.parametrize("each", CHAPTERS)
def test_texts_contain_no_measured_number(each):
    """Numbers with a unit, and multiples, come from results."""
    texts = [cell.text for cell in each.cells if cell.kind == "markdown"]
    for file in each.folder.glob("*.py"):
        if file.stem not in ("start", "solution", "slips"):
            texts += strings(ast.parse(file.read_text("utf-8")))
    texts.append(
        (each.folder / "teacher.md").read_text("utf-8").partition("\n")[2]
    )  # the first line has the planned time
    assert not [match[0] for text in texts for match in MEASURED.finditer(text)]


@pytest.mark.parametrize(
    "text", ["takes 50 ns", "is 3.5× faster", "18 % of it", "a hundred times", "twice as fast", "40 GB/s", "1e-3 s"]
)
def test_pattern_matches_measured_numbers(text):
    """MEASURED matches numbers with units, percentages and multiples."""
    assert MEASURED.search(text)


@pytest.mark.parametrize("each", CHAPTERS)
def test_causal_words_are_in_explanations_only(each):
    """An explanation names an experiment of the chapter and has a number from it."""
    for cell in each.cells:
        assert cell.kind != "markdown" or not CAUSAL.search(cell.text), CAUSAL.search(cell.text)
    experiments = {node.args[0].value for name, node in calls(each) if name in ("measure", "compute")}
    explained = [node for name, node in calls(each) if name == "explain"]
    assert experiments
    assert explained
    for node in explained:
        arguments = {keyword.arg: keyword.value for keyword in node.keywords}
        assert arguments["shown_by"].value in experiments
        assert re.search(r"\{\w+\}", node.args[0].value), node.args[0].value


@pytest.mark.parametrize("each", CHAPTERS)
def test_chapter_has_all_parts(each):
    """It predicts, experiments, shows, explains and ends with its exercise. Hints have three levels."""
    names = [name for name, _ in calls(each)]
    assert {"predict", "choose"} & set(names)
    assert {"show", "play"} & set(names)
    assert names[-1] == "exercise"
    assert all(len(levels) == 3 for levels in each.exercise.HINTS.values())
    assert "" in each.exercise.HINTS
    assert "Time: " in (each.folder / "teacher.md").read_text("utf-8")


@pytest.mark.parametrize("each", slow_for(*COMPUTES))
def test_chapter_is_complete_with_the_recorded_runs(each, course):
    """With the recorded runs, no figure or paragraph is missing, no question is asked, and no file is written."""
    lesson = Lesson(each, lambda block: None, lambda prompt: pytest.fail("question"), live=False)
    lesson.ask = lambda prompt: None
    perform(lesson)
    page = build.page(lesson)
    assert NO_FIGURE not in page
    assert NO_PARAGRAPH not in page
    assert not (course / "gdbench-results").exists()


def wrong_answers():
    for each in chapters():
        for slip in slips_of(each):
            marks = [pytest.mark.slow] if each.number in COMPILES or slip.name == "slower on purpose" else []
            yield pytest.param(each, slip, id=f"{each.folder.name}-{slip.name}", marks=marks)


@pytest.mark.parametrize(("each", "slip"), list(wrong_answers()))
def test_wrong_answer_is_rejected_and_its_slip_named(each, slip, tmp_path, measuring):
    """A common mistake does not pass, and the verdict names the slip. The file runs in this process."""
    measuring("your_file", seconds=1.0, peak_bytes=10**9)  # slower and larger than every other backend
    path = tmp_path / "exercise.py"
    path.write_text(slip.apply((each.folder / "solution.py").read_text("utf-8")))
    verdict = verdict_on(each, path)
    if verdict.passed and hasattr(each.exercise, "timed"):
        verdict = each.exercise.timed(path, quick=True)
    assert not verdict.passed
    assert verdict.slip == slip.slip, verdict
    assert len(each.exercise.HINTS[verdict.slip]) == 3


@pytest.mark.parametrize("each", slow_for(*COMPILES, 9))
def test_solution_is_right_and_start_is_not(each, measuring, tmp_path):
    """The solution passes and the start does not, in this process and with invented times."""
    measuring("your_file", seconds=1e-9, peak_bytes=10)  # faster and smaller than every other backend
    measuring("numpy_vectorized", peak_bytes=10**8)
    assert verdict_on(each, each.folder / "solution.py").passed
    if hasattr(each.exercise, "timed") and each.number not in COMPILES:
        assert each.exercise.timed(each.folder / "solution.py", quick=True).passed
    path = tmp_path / "start.py"
    path.write_text(each.start)
    start = verdict_on(each, path)
    measuring("your_file", seconds=1.0, peak_bytes=10**9)
    if start.passed and hasattr(each.exercise, "timed"):
        start = each.exercise.timed(path, quick=True)
    assert not start.passed


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3, 7])
def test_solution_passes_for_real(number, tmp_path):
    """In a child process, timed on this machine: chapter 3 by the clock, chapter 7 by the work of its threads."""
    each = chapter(number)
    verdict = judge(each, each.folder / "solution.py", quick=True)
    assert verdict.passed or (verdict.outcome == "inconclusive" and hasattr(each.exercise, "timed")), verdict
    (tmp_path / "start.py").write_text(each.start)
    start = judge(each, tmp_path / "start.py", quick=True)
    assert not start.passed
    assert len(start.hints) == 3


def variants():
    for each in chapters():
        if (each.folder / "files.py").exists():
            module = import_module(f"bench.learn.{each.folder.name}.files")
            for value in vars(module).values():
                if isinstance(value, Variant) and value.name != "start":
                    marks = [pytest.mark.slow] if "njit" in value.source else []
                    yield pytest.param(value, id=value.name, marks=marks)


@pytest.mark.parametrize("variant", list(variants()))
def test_variant_computes_what_the_formula_says(variant, tmp_path):
    """A file that a chapter measures passes the checks of `gdbench check`."""
    verdict = judging.cross_check(variant.write(tmp_path))
    assert verdict.passed, verdict.why


def test_timed_verdict_follows_the_interval(measuring):
    """A ratio that is surely above 1 passes, surely below 1 is wrong, and one that may be 1 is inconclusive."""
    exercise, solution = chapter(3).exercise, chapter(3).folder / "solution.py"
    outcomes = []
    for seconds in (1e-9, 1.0, sample_run.SECONDS["python_loops"][0]):
        measuring("your_file", seconds=seconds)
        verdict = exercise.timed(solution, quick=True)
        outcomes.append((verdict.outcome, verdict.slip))
    assert outcomes == [("passed", ""), ("wrong", "not faster"), ("inconclusive", "not faster")]
    measuring("your_file", status="timeout", detail="no answer for 10 s")
    verdict = exercise.timed(solution, quick=True)
    assert (verdict.outcome, verdict.slip) == ("failed", "not faster")
    assert "no answer for 10 s" in verdict.why


def test_verdict_has_the_hints_of_its_slip(monkeypatch, tmp_path):
    """A wrong answer gets the hints of its slip, a file that fails gets general ones, and a pass gets none."""
    path = tmp_path / "mine.py"
    path.write_text("")
    each, outcome = chapter(3), SimpleNamespace(timed_out=False, describe=lambda: "was killed by SIGSEGV")

    def answer(verdict):
        def run(arguments, *, on_message, **options):
            if verdict is not None:
                on_message(to_builtins(verdict))
            return outcome

        monkeypatch.setattr(judging.process, "run", run)
        return judge(each, path)

    assert answer(Verdict("wrong", "why", "array library")).hints == each.exercise.HINTS["array library"]
    assert answer(Verdict("wrong", "why", "no such slip")).hints == each.exercise.HINTS[""]
    assert answer(Verdict("failed", "why")).hints == judging.FAILED
    crashed = answer(None)
    assert (crashed.outcome, crashed.why) == ("failed", "your file was killed by SIGSEGV")
    assert crashed.hints == judging.FAILED
    outcome.timed_out = True
    assert "gave no answer for 90 seconds" in answer(None).why
    monkeypatch.setattr(each.exercise, "timed", lambda path, quick: Verdict("passed", "faster"))
    passed = answer(Verdict("passed", "right"))
    assert (passed.why, passed.hints) == ("faster", ())


def test_hint_level_follows_the_attempts():
    """The verdict in words shows the first hint at the first attempt, and the last one from the third on."""
    verdict = Verdict("wrong", "why", "", ("a", "b", "c"))
    assert [verdict.words(n)[-1] for n in (0, 1, 2, 3, 9)] == ["a", "a", "b", "c", "c"]
    assert "Hint" not in Verdict("passed", "why").words(1)


def test_lines_are_drawn_at_the_floor_and_the_table_is_true():
    """Small values are drawn at the floor, and the table has what was computed. A mark far outside is at the edge."""
    points = charts.points(range(5), [1, 1e-3, 1e-6, -1e-9, 1e-20])
    drawing = charts.lines("t", "x", "y", {"a": points}, "y", mark=(1e6, "guess"), floor=1e-8, every=2)
    assert [row[2] for row in drawing.table.rows] == ["1.00", "1.00e-06", "1.00e-20"]
    (axes,) = drawing.figure.axes
    assert np.min(axes.lines[0].get_ydata()) == 1e-8
    assert axes.get_xlim()[1] < 10
    assert f"guess, {text.significant(1e6)}" in [words.get_text() for words in axes.texts]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (Interval(2, 1.5, 3), "faster"),
        (Interval(0.5, 0.4, 0.6), "slower"),
        (Interval(1, 0.9, 1.1), "unsure"),
        (Interval(2, None, None), facts.NO_INTERVAL),
        (None, None),
    ],
)
def test_verdict_on_a_ratio_follows_its_interval(ratio, words):
    """A sentence is chosen by the interval of a ratio, and not by its median."""
    assert facts.verdict(ratio, "faster", "slower", "unsure") == words


def test_a_value_is_above_another_if_the_intervals_do_not_overlap():
    """Intervals that touch or are missing decide nothing."""
    low, high = Interval(2, 1.5, 2.4), Interval(3, 2.5, 3.5)
    assert (facts.is_above(high, low), facts.is_above(low, high)) == (True, False)
    assert facts.is_above(Interval(3, 2.4, 3.5), low) is None
    assert facts.is_above(Interval(3, None, None), low) is None


@pytest.mark.parametrize("each", CHAPTERS)
def test_exercise_has_at_least_three_slips(each):
    """Each exercise has at least three slips, and each slip has its own hints."""
    slips = slips_of(each)
    assert len(slips) >= 3
    assert {slip.slip for slip in slips} <= set(each.exercise.HINTS)


def scripted_answer(prompt: str, out: Console) -> str:
    """Skip the exercise; otherwise answer 1, which is a number and the first of any choices."""
    return "s" if prompt.startswith("Enter to check") else "1"


@pytest.mark.slow
@pytest.mark.parametrize("each", CHAPTERS)
def test_chapter_runs_in_a_terminal(each, course, measuring, monkeypatch):
    """A chapter asks, takes a run, explains, writes the page and stores the answers. Its runs are the recorded ones."""
    monkeypatch.setattr(give, "ask", scripted_answer)
    out = io.StringIO()
    page = give.give(each, Console(file=out, width=80), quick=True)
    progress = reader.load().chapters[str(each.number)]
    assert page == reader.folder(each.number) / "chapter.html"
    assert "</html>" in page.read_text("utf-8")
    assert progress.finished
    assert progress.predictions
    assert "\x1b" not in out.getvalue()


@pytest.mark.slow
def test_chapter_measures_for_real(course, monkeypatch):
    """`gdbench learn 3 --quick` in a child process measures on this machine and keeps the run."""
    command = [sys.executable, "-m", "bench", "learn", "3", "--quick"]
    process = subprocess.run(command, input="1\n1\n1\ns\n", capture_output=True, text=True, check=False, timeout=600)
    assert process.returncode == 0, process.stderr[-2000:]
    assert "Measured on this machine" in process.stdout
    assert "\x1b" not in process.stdout
    assert (course / reader.folder(3) / "loops" / "run.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 4])
def test_notebook_runs_and_keeps_its_outputs(number, course):
    """The notebook of a chapter runs from start to end, shows figures and raises nothing."""
    import nbformat

    path = course / "chapter.ipynb"
    build.notebook(chapter(number), path)
    outputs = [o for c in nbformat.read(path, 4).cells if c.cell_type == "code" for o in c.outputs]
    kinds = {output.output_type for output in outputs}
    assert "display_data" in kinds
    assert "error" not in kinds


def test_predictions_are_stored_and_can_be_deleted(course):
    """An invalid answer is refused with the allowed values. A valid prediction is stored until forget()."""
    answers = iter(["none of these", "30", "3"])
    out = io.StringIO()
    lesson = Lesson(
        chapters()[0], lambda block: give.show(block, Console(file=out)), lambda prompt: next(answers, None)
    )
    assert lesson.predict("a", "How long?", "ns") == 30
    assert "allowed: a number" in out.getvalue()
    assert reader.load().chapters[str(chapters()[0].number)].predictions == {"a": 30}
    assert reader.forget()
    assert not reader.forget()


@pytest.mark.slow
def test_course_runs_without_jax(course):
    """Without JAX each chapter still builds its page. One child process builds all of them."""
    code = """
import sys
sys.modules["jax"] = None  # an import of JAX raises ImportError
from bench.learn import build
from bench.learn.chapters import chapters
from bench.learn.lesson import Lesson, NO_FIGURE, NO_PARAGRAPH, perform
for chapter in chapters():
    lesson = Lesson(chapter, lambda block: None, lambda prompt: None, live=False)
    perform(lesson)
    print(build.page(lesson).count("</html>"))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert process.returncode == 0, process.stderr[-2000:]
    assert process.stdout.split() == ["1"] * len(chapters())


@pytest.mark.parametrize("each", CHAPTERS)
def test_recorded_runs_contain_no_path(each):
    """The recorded runs contain no absolute path."""
    for path in (each.folder / "recorded").glob("*.json"):
        assert not re.search(r"(?<![\w.])/(?:\w|\.)+/", path.read_text("utf-8")), path.name


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("50", 50),
        ("1,000", 1000),
        ("1 000 000", 1e6),
        ("2,5", 2.5),
        ("1e-12", 1e-12),
        ("-2.5", -2.5),
        ("40 ns", 40),
        ("1e400", None),
        ("nan", None),
        ("5/2", None),
        ("many", None),
    ],
)
def test_forms_of_a_prediction(course, answer, value):
    """A number can have a decimal comma, groups of digits or a unit. Other text, or a value that is not finite, is asked again."""
    answers = iter([answer])
    lesson = Lesson(chapters()[0], lambda block: None, lambda prompt: next(answers, None))
    assert lesson.predict("a", "How long?", "ns") == value
    assert reader.load().of(1).predictions == ({} if value is None else {"a": value})


def test_hint_level_counts_attempts_with_the_same_slip(course):
    """A new slip begins at the first level."""
    progress = reader.load()
    assert [reader.attempted(progress, 1, False, slip) for slip in ("sign", "sign", "two", "sign")] == [1, 2, 1, 3]
    assert reader.load().of(1).attempts == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["99"], "chapter: found 99; allowed: 1 to 11"),
        (["one"], "allowed: an integer"),
        (["--check", "x.py"], "--check: found no chapter"),
        (["3", "--check", "none.py"], "found no file 'none.py' of Python"),
        (["3", "--check", "x.py", "--forget"], "allowed: one of them"),
    ],
)
def test_bad_input_gives_exit_2(main, course, arguments, message):
    """Bad arguments of `learn` give a message and change nothing."""
    code, out, err = main("learn", *arguments)
    assert (code, out) == (2, "")
    assert message in err.replace("\n", " ")
    assert not reader.course_folder().exists()


def test_broken_progress_file_gives_exit_6(main, course):
    """The message says how to repair it, the file does not change, and --forget removes it."""
    reader.course_folder().mkdir(parents=True)
    reader.path().write_text("{")
    code, _, err = main("learn")
    assert code == 6
    assert "delete it to start again" in err.replace("\n", " ")
    assert reader.path().read_text() == "{"
    assert main("learn", "--forget")[0] == 0
    code, out, _ = main("learn", "--json")
    assert code == 0
    assert [each["chapter"] for each in json.loads(out)["chapters"]] == list(range(1, 12))


@pytest.mark.parametrize("text", ["def gradient(X, y, beta:", "raise SystemExit(0)", "", "import os; os.abort()"])
def test_failing_answer_has_a_verdict(main, course, text):
    """An answer that cannot be parsed, ends the process or is empty has a verdict and counts as an attempt."""
    (course / "mine.py").write_text(text)
    code, out, _ = main("learn", "1", "--check", "mine.py", "--json")
    document = json.loads(out)
    assert (code, document["outcome"]) == (3, "failed")
    assert reader.load().of(1).attempts == 1
    assert len(document["why"]) > 10
    assert len(document["hints"]) == 3


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, ("small random", "predict", "learned once, with both|intercept")),
        (4, ("python_loops", "numpy_vectorized")),
        (
            8,
            (
                "standardized",
                "diverge",
                "mean and",
                "further, not faster",
                "start does not make it diverge",
                "lesson.play",
            ),
        ),
        (9, ("log_every", "converged", "max_iter", "does not wiggle", "mini-batch")),
        (10, ("toolbox", "scratch|own code|Own code")),
    ],
)
def test_course_contains_the_seed_lesson(number, words):
    """Each topic of the first lesson is in its chapter. Its three wrong statements are tested."""
    text = " ".join(path.read_text("utf-8") for path in chapter(number).folder.glob("*.py"))
    assert all(re.search(word, text) for word in words)
