"""The course: its texts keep their rules, every exercise has a solution that passes and slips that are named, and every
chapter is given from start to end."""

import ast
import io
import json
import re
import subprocess
import sys

import pytest
from rich.console import Console

from bench import cli
from bench.learn import build, give, reader
from bench.learn.chapters import chapters
from bench.learn.judge import judge
from bench.learn.lesson import Lesson, perform

CHAPTERS = [pytest.param(each, id=each.folder.name) for each in chapters()]
# What was measured has a unit, or is a multiple; none of these may stand in a text that is written by hand.
MEASURED = re.compile(
    r"\d[\d.,]*(?:e[-+]?\d+)?\s*(?:×|%|(?:ns|µs|us|ms|s|sec|seconds?|minutes?|[kMG]i?B(?:/s)?|[GM]?flop/s|times|fold|percent)\b)"
    r"|\b(?:ten|twenty|fifty|hundred|thousand)s? (?:times|percent|fold)\b"
    r"|\b(?:twice|half|double|three times|four times) as (?:fast|slow|long)\b"
)
CAUSAL = re.compile(
    r"\b(?:because|since|therefore|that is why|due to|owing to|the reason|causes?|caused by|hence|thanks to)\b", re.I
)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A reader who begins: nothing is remembered."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def calls(each):
    """Every call of a method of the lesson in a chapter's script: (name, node)."""
    tree = ast.parse(each.script.read_text("utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and getattr(node.func.value, "id", "") == "lesson"
        ):
            yield node.func.attr, node


def strings(node):
    """The text of every string in a tree, docstrings too."""
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


@pytest.mark.parametrize("each", CHAPTERS)
def test_no_measured_number_is_written_by_hand(each):
    """In no text of a chapter stands a figure with a unit, or a multiple: such figures come from results."""
    texts = [cell.text for cell in each.cells if cell.kind == "markdown"]
    for file in each.folder.glob("*.py"):
        if file.stem not in ("start", "solution", "slips"):
            texts += strings(ast.parse(file.read_text("utf-8")))
    texts.append((each.folder / "teacher.md").read_text("utf-8").partition("\n")[2])  # its first line plans the time
    found = [match[0] for text in texts for match in MEASURED.finditer(text)]
    assert not found


@pytest.mark.parametrize(
    "text", ["takes 50 ns", "is 3.5× faster", "18 % of it", "a hundred times", "twice as fast", "40 GB/s", "1e-3 s"]
)
def test_the_rule_finds_measured_numbers(text):
    """The pattern that no text may match does match what it is meant to find."""
    assert MEASURED.search(text)


@pytest.mark.parametrize("each", CHAPTERS)
def test_a_cause_stands_beside_its_experiment(each):
    """Only `explain` may say why; it names an experiment of this chapter and holds a figure from it."""
    for cell in each.cells:
        assert cell.kind != "markdown" or not CAUSAL.search(cell.text), CAUSAL.search(cell.text)
    experiments = {node.args[0].value for name, node in calls(each) if name in ("measure", "compute")}
    explained = [node for name, node in calls(each) if name == "explain"]
    assert experiments
    assert explained
    for node in explained:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        assert given["shown_by"].value in experiments
        assert re.search(r"\{\w+\}", node.args[0].value), node.args[0].value


@pytest.mark.parametrize("each", CHAPTERS)
def test_a_chapter_has_all_its_parts(each):
    """It predicts, experiments, shows, explains and ends with its exercise, which has hints in three levels."""
    made = [name for name, _ in calls(each)]
    assert {"predict", "choose"} & set(made)
    assert {"show", "play"} & set(made)
    assert made[-1] == "exercise"
    assert all(len(levels) == 3 for levels in each.exercise.HINTS.values())
    assert "" in each.exercise.HINTS
    assert "Time: " in (each.folder / "teacher.md").read_text("utf-8")


@pytest.mark.parametrize("each", CHAPTERS)
def test_a_chapter_is_whole_with_the_recorded_figures(each, course):
    """With the recorded run nothing is left out, nothing is asked, nothing is written, and there is a page."""
    lesson = Lesson(each, lambda block: None, lambda prompt: pytest.fail("asked"), own=False)
    lesson.ask = lambda prompt: None
    perform(lesson)
    page = build.page(lesson)
    assert "Left out" not in page
    assert "needs figures that are not here" not in page
    assert not (course / "results").exists()


def wrong_answers():
    from importlib import import_module

    for each in chapters():
        for slip in import_module(f"bench.learn.{each.folder.name}.slips").SLIPS:
            yield pytest.param(each, slip, id=f"{each.folder.name}-{slip.name}")


@pytest.mark.slow
@pytest.mark.parametrize(("each", "slip"), list(wrong_answers()))
def test_a_wrong_answer_is_told_why(each, slip, tmp_path):
    """What readers commonly write does not pass, and the slip behind it is named."""
    written = (each.folder / "solution.py").read_text("utf-8")
    for old, new in slip.edits:
        assert old in written, old
        written = written.replace(old, new)
    path = tmp_path / "exercise.py"
    path.write_text(written)
    verdict = judge(each, path, quick=True)
    assert not verdict.passed
    assert verdict.slip == slip.slip, verdict
    assert len(verdict.hints) == 3


@pytest.mark.slow
@pytest.mark.parametrize("each", CHAPTERS)
def test_the_solution_passes_and_the_start_does_not(each, tmp_path):
    """The solution of an exercise passes, or is right where the machine cannot tell times apart; the start does not pass."""
    verdict = judge(each, each.folder / "solution.py", quick=True)
    assert verdict.passed or (verdict.outcome == "inconclusive" and hasattr(each.exercise, "timed")), verdict
    assert not judge(each, each.folder / "start.py", quick=True).passed


@pytest.mark.parametrize("each", CHAPTERS)
def test_an_exercise_has_at_least_three_slips(each):
    """At least three different wrong answers of each exercise are known, and every slip has its own hints."""
    from importlib import import_module

    slips = import_module(f"bench.learn.{each.folder.name}.slips").SLIPS
    assert len(slips) >= 3
    assert {slip.slip for slip in slips} <= set(each.exercise.HINTS)


@pytest.mark.slow
@pytest.mark.parametrize("each", CHAPTERS)
def test_a_chapter_is_given_at_a_terminal(each, course):
    """`gdbench learn N` with scripted answers measures, explains, writes the page and remembers; all in one go."""
    command = [sys.executable, "-m", "bench", "learn", str(each.number), "--quick"]
    done = subprocess.run(command, input="50\n1\n1\ns\n" * 3, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (course / reader.folder(each.number) / "chapter.html").exists()
    assert reader.load().chapters[str(each.number)].finished
    assert reader.load().chapters[str(each.number)].predictions
    assert "\x1b" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("each", CHAPTERS)
def test_a_chapter_is_a_notebook_that_runs(each, course):
    """As a notebook it runs from start to end and holds its outputs."""
    import nbformat

    path = course / "chapter.ipynb"
    build.notebook(each, path)
    cells = nbformat.read(path, 4).cells
    assert any(
        output.output_type == "display_data" for cell in cells if cell.cell_type == "code" for output in cell.outputs
    )
    assert not any(
        output.output_type == "error" for cell in cells if cell.cell_type == "code" for output in cell.outputs
    )


def test_what_the_reader_did_is_kept_and_can_be_forgotten(course):
    """Predictions are stored in one file that is named; a broken file is an error that says what to do."""
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
@pytest.mark.parametrize("each", CHAPTERS)
def test_a_chapter_is_given_without_jax(each, course):
    """Where JAX is missing a chapter says what it leaves out, and is whole otherwise; also with the four core files only."""
    code = f"""
import sys
sys.modules["jax"] = None  # what an import finds where there is none
from bench.learn import build
from bench.learn.chapters import chapter
from bench.learn.lesson import Lesson, perform
lesson = Lesson(chapter({each.number}), lambda block: None, lambda prompt: None, own=False)
perform(lesson)
print(build.page(lesson))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "</html>" in done.stdout


@pytest.mark.parametrize("each", CHAPTERS)
def test_recorded_figures_name_no_path(each):
    """What ships as recorded holds no path of the machine that it was recorded on."""
    for path in (each.folder / "recorded").glob("*.json"):
        assert not re.search(r"(?<![\w.])/(?:\w|\.)+/", path.read_text("utf-8")), path.name


@pytest.mark.parametrize(
    ("typed", "read"),
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
def test_a_prediction_is_read_as_it_is_meant(course, typed, read):
    """A number with a comma, groups of digits or a unit is understood; what is none, or is not finite, is asked again."""
    answers = iter([typed])
    lesson = Lesson(chapters()[0], lambda block: None, lambda prompt: next(answers, None))
    assert lesson.predict("a", "How long?", "ns") == read
    assert reader.load().of(1).predictions == ({} if read is None else {"a": read})


def test_hints_say_more_with_each_time_the_same_slip_is_made(course):
    """A new slip begins with its first hint, whatever was tried before."""
    known = reader.load()
    assert [reader.attempted(known, 1, False, slip) for slip in ("sign", "sign", "two", "sign")] == [1, 2, 1, 3]
    assert reader.load().of(1).attempts == 4


@pytest.fixture
def gdbench(course, monkeypatch, capsys):
    """gdbench("learn", ...): the exit code, and what was printed to stdout and to stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gdbench", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["99"], "chapter: found 99; allowed: 1 to 11"),
        (["one"], "allowed: an integer"),
        (["--check", "x.py"], "--check: found no chapter"),
        (["3", "--check", "none.py"], "found no file 'none.py' of Python"),
        (["3", "--check", "x.py", "--forget"], "allowed: one of them"),
    ],
)
def test_bad_input_is_one_clear_sentence(gdbench, words, said):
    """Whatever is wrong with the words of `learn`, it says so, changes nothing and exits with 2."""
    code, out, err = gdbench("learn", *words)
    assert (code, out) == (2, "")
    assert said in err.replace("\n", " ")
    assert not reader.COURSE.exists()


def test_a_broken_file_of_the_reader_is_an_error_that_says_what_to_do(gdbench):
    """It is not overwritten; --forget removes it."""
    reader.COURSE.mkdir(parents=True)
    reader.path().write_text("{")
    code, _, err = gdbench("learn")
    assert code == 6
    assert "delete it to start anew" in err.replace("\n", " ")
    assert reader.path().read_text() == "{"
    assert gdbench("learn", "--forget")[0] == 0
    code, out, _ = gdbench("learn", "--json")
    assert code == 0
    assert [each["chapter"] for each in json.loads(out)["chapters"]] == list(range(1, 12))


@pytest.mark.parametrize(
    ("text", "outcome", "code"),
    [
        ("def gradient(X, y, beta:", "failed", 3),
        ("raise SystemExit(0)", "failed", 3),
        ("", "failed", 3),
        ("import os; os.abort()", "failed", 3),
    ],
)
def test_whatever_the_readers_file_does_there_is_a_verdict(gdbench, course, text, outcome, code):
    """A file that cannot be read, ends the process or holds nothing is judged in words, and counted as an attempt."""
    (course / "mine.py").write_text(text)
    ended, out, _ = gdbench("learn", "1", "--check", "mine.py", "--json")
    found = json.loads(out)
    assert (ended, found["outcome"]) == (code, outcome)
    assert reader.load().of(1).attempts == 1
    assert len(found["why"]) > 10
    assert len(found["hints"]) == 3


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
def test_the_seed_lesson_is_in_the_course(number, words):
    """What the lesson that all began with teaches has its chapter; its three wrong sentences are tried."""
    each = next(each for each in chapters() if each.number == number)
    text = " ".join(path.read_text("utf-8") for path in each.folder.glob("*.py"))
    assert all(re.search(word, text) for word in words)
