"""The section of the page that shows the four core files side by side, with marked steps."""

import re
import shutil
from pathlib import Path

import pytest
from helpers import sample_run

from bench.analysis.speed import CORE
from bench.records import Run
from bench.report import dialects, html
from bench.report.document import report_of

SOURCE = '''"""Says
what it is."""

import math  # not a comment line


def fit(x):
    """What it does."""
    text = """one

three"""
    # predict: here
    a = x @ (
        # a remark

        x
    )
    # loss: c, and gradient: d
    for i in b:
        c = i

        d = i
    # update: e
    e = 1
    # a remark
    f = 1
    if e:
        # update of no step
        return 2
end = (
# gradient: a remark
    1
)
last = 1
'''


def steps_of(dialect: dialects.Dialect) -> dict[tuple[str, ...], str]:
    return {chunk.steps: chunk.code for chunk in dialect.chunks if chunk.steps}


def effort_rows(run: Run) -> dict[str, tuple[str, ...]]:
    """The table of effort and speed of a run: backend -> the other columns."""
    return {row[0]: row[1:] for row in dialects.effort(run, dialects.read()).rows}


def section(run) -> str:
    """The section of the page of a run, without figures."""
    source = html.write(report_of(run))
    return source.split('id="dialects">')[1].split("</details>")[0]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the core files, which a test may change."""
    for name in CORE:
        shutil.copy(dialects.FOLDER / f"{name}.py", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CORE)
def test_each_step_is_marked_once(name):
    """Each core file has the four steps in the order of the formula."""
    dialect = dialects.read()[CORE.index(name)]
    assert dialect.problem is None
    assert [step for steps in steps_of(dialect) for step in steps] == list(dialects.STEPS)


@pytest.mark.parametrize("name", CORE)
def test_marked_lines_contain_the_arithmetic_of_the_step(name):
    """They contain no line of the stop rule and no return."""
    lines = {step: code for steps, code in steps_of(dialects.read()[CORE.index(name)]).items() for step in steps}
    assert re.search(r"X @ beta|X\[i\]\[j\] \* beta\[j\]|X\[i, j\] \* beta\[j\]", lines["predict"])
    assert "residual * residual" in lines["loss"] or "residual[i] * residual[i]" in lines["loss"]
    assert "losses" in lines["loss"].splitlines()[-1]
    assert "-2 / n" in lines["gradient"]
    assert "learning_rate * gradient" in lines["update"].splitlines()[-1]
    for code in lines.values():
        assert "stop" not in code and "break" not in code and "return beta, " not in code


@pytest.mark.parametrize("name", CORE)
def test_chunks_contain_all_lines(name):
    """The chunks of a file, joined, are its text without blank lines."""
    shown = [line for chunk in dialects.read()[CORE.index(name)].chunks for line in chunk.code.split("\n")]
    written = (dialects.FOLDER / f"{name}.py").read_text("utf-8").split("\n")
    assert [line for line in shown if line.strip()] == [line for line in written if line.strip()]


def test_end_of_a_step():
    """A step ends at a blank line between statements, at the next step, or at a smaller indent. Other comments do not end it."""
    steps = steps_of(dialects.dialect_of("a", SOURCE))
    assert list(steps) == [("predict",), ("loss", "gradient"), ("update",)]
    assert steps["predict",].endswith("        x\n    )")
    assert steps["loss", "gradient"].endswith("c = i")
    assert steps["update",].endswith("return 2")


def test_line_count_excludes_comments_docstrings_and_blanks():
    """The counts agree with a count by hand. Lines in parentheses and in strings are code."""
    dialect = dialects.dialect_of("a", SOURCE)
    # import, def, 3 of the string, 3 of predict, 3 of the loop, e, f, if, return, 3 of end, last
    assert (dialect.lines, dialect.step_lines) == (19, 9)


def test_marks_follow_the_comments(folder):
    """After 40 additional lines at the top, each step has the same lines."""
    path = folder / "numpy_vectorized.py"
    before = dialects.read(folder)[1]
    path.write_text("# further down\n" * 40 + path.read_text("utf-8"), "utf-8")
    after = dialects.read(folder)[1]
    assert steps_of(after) == steps_of(before)
    assert after.lines == before.lines


def test_missing_step_is_named(folder):
    """A file with a missing step comment, or one without code, names the step. The file is shown without alignment."""
    for old, new in (("# gradient: ", "# slope: "), ("# gradient: ", "# gradient: \n\n# ")):
        path = folder / "jax_jit.py"
        path.write_text((dialects.FOLDER / "jax_jit.py").read_text("utf-8").replace(old, new), "utf-8")
        dialect = dialects.read(folder)[3]
        assert dialect.problem == "jax_jit.py: no lines found for gradient"
        assert "lax.while_loop" in dialect.chunks[-1].code
        assert {chunk.row for chunk in dialect.chunks} == {0}


@pytest.mark.parametrize("content", [None, b"def f(:\n  '''", b"\xff\xfe\x00", b"# coding: none\n", b"  a\n b\n"])
def test_page_names_a_missing_or_broken_file(folder, content, monkeypatch):
    """The page shows the other three files, and no line count for this one."""
    path = folder / "numba_jit.py"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(dialects.read, "__defaults__", (folder,))
    text = section(sample_run.full())
    reason = "not found" if content is None else "not readable as Python"
    assert f"numba_jit.py: {reason}" in text
    assert str(folder) not in text
    assert text.count('class="dialect aligned"') == 3
    assert effort_rows(sample_run.full())["numba_jit"][:2] == ("–", "–")


def test_time_is_that_of_the_headline_problem():
    """The problem is the largest one with times. A backend without a time there has a reason."""
    run = sample_run.full()
    title = "Effort and speed at n = 1\u00a0000\u00a0000, d = 10, float64, 1 thread"
    assert dialects.effort(run, dialects.read()).title == title
    rows = effort_rows(run)
    assert rows["numba_jit"][2].startswith("10.8 ms [")
    assert rows["python_loops"][2:] == ("no time", "skipped (predicted 1.16 s per iteration)")


def test_headline_problem_has_times_of_two_backends():
    """A larger problem with a time of one backend only is not the headline problem."""
    times = [("jax_jit", 100, 3e-6), ("numba_jit", 100, 1e-6), ("jax_jit", 500, 9e-6)]
    assert effort_rows(sample_run.run([sample_run.cell(*time) for time in times]))["jax_jit"][2].startswith("2.99 µs")


def test_time_is_that_of_the_first_group():
    """Only float64 with one thread has times in the table."""
    cells = [sample_run.cell("jax_jit", 100, 1e-6, dtype="float32"), sample_run.cell("jax_jit", 100, 3e-6)]
    rows = effort_rows(sample_run.run(cells))
    assert rows["jax_jit"][2].startswith("2.99 µs")
    assert rows["numba_jit"][2:] == ("no time", "no cell of this run")


def test_wrong_cell_has_no_time():
    """A wrong cell keeps its samples in the record, but the table shows none."""
    cells = [sample_run.cell(name, 100, 1e-6) for name in CORE]
    cells[3].status = "wrong"
    assert effort_rows(sample_run.run(cells))["jax_jit"][2:] == ("no time", "wrong")


def test_run_without_cells_has_a_section_without_times():
    """It shows the four files and a reason instead of times."""
    rows = effort_rows(sample_run.empty())
    assert {row[2:] for row in rows.values()} == {("no time", "nothing in this run has a time")}
    assert section(sample_run.empty()).count("<article") == 4


def test_mark_is_a_word_and_a_color():
    """Each marked chunk has the names of its steps as text, and as classes for the color."""
    pieces = re.findall(
        r'<pre class="step ([a-z ]+?)(?: at\d+ over\d+)?">(.*?)<code>', section(sample_run.full()), re.DOTALL
    )
    assert len(pieces) == 15  # numba_jit makes predict and loss in one loop
    for steps, badges in pieces:
        assert sorted(re.findall(r">([a-z]+)</span>", badges)) == sorted(steps.split())


def test_columns_can_be_scrolled_by_keyboard():
    """The columns are a focusable region with a name."""
    tag = re.search(r'<div class="dialects"[^>]*>', section(sample_run.full())).group()
    assert 'role="region"' in tag and 'tabindex="0"' in tag and 'aria-label="' in tag


def test_code_is_text(folder, monkeypatch):
    """Markup in a file is text on the page."""
    path = folder / "jax_jit.py"
    path.write_text(path.read_text("utf-8") + "\n# <script>alert(1)</script></pre>\n", "utf-8")
    monkeypatch.setattr(dialects.read, "__defaults__", (folder,))
    text = section(sample_run.full())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;/pre&gt;" in text
    assert "<script" not in text


def test_same_steps_are_in_the_same_rows():
    """A step has the same row in all files. A chunk with two steps spans the rows of both."""
    rows = {}
    for dialect in dialects.read():
        for chunk in dialect.chunks:
            for index, step in enumerate(chunk.steps):
                rows.setdefault(step, set()).add(chunk.row + 2 * index)
            assert chunk.span == max(1, 2 * len(chunk.steps) - 1)
    assert {step: len(numbers) for step, numbers in rows.items()} == dict.fromkeys(dialects.STEPS, 1)
