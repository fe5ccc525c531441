"""The section of the four dialects marks what the files name, and says what it cannot find."""

import re
import shutil
from pathlib import Path

import pytest
from helpers import sample_run

from bench.analysis.speed import CORE
from bench.report import dialects, html
from bench.report.document import report_of
from bench.report.tables import Table

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


def steps_of(found: dialects.Dialect) -> dict[tuple[str, ...], str]:
    return {chunk.steps: chunk.code for chunk in found.chunks if chunk.steps}


def rows_of(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def section(run) -> str:
    """The section in the page of a run, without pictures."""
    source = html.write(report_of(run))
    return source.split('id="dialects">')[1].split("</details>")[0]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the core files, to be damaged."""
    for name in CORE:
        shutil.copy(dialects.FOLDER / f"{name}.py", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CORE)
def test_every_step_of_the_core_files_is_found(name):
    """Each of the four steps is marked exactly once in each core file, in the order of the formula."""
    found = dialects.read()[CORE.index(name)]
    assert found.problem is None
    assert [step for steps in steps_of(found) for step in steps] == list(dialects.STEPS)


@pytest.mark.parametrize("name", CORE)
def test_marked_lines_make_what_they_are_marked_as(name):
    """The lines of a step hold its arithmetic, and no line of the stop rule or of the end of fit."""
    lines = {step: code for steps, code in steps_of(dialects.read()[CORE.index(name)]).items() for step in steps}
    assert re.search(r"X @ beta|X\[i\]\[j\] \* beta\[j\]|X\[i, j\] \* beta\[j\]", lines["predict"])
    assert "residual * residual" in lines["loss"] or "residual[i] * residual[i]" in lines["loss"]
    assert "losses" in lines["loss"].splitlines()[-1]
    assert "-2 / n" in lines["gradient"]
    assert "learning_rate * gradient" in lines["update"].splitlines()[-1]
    for code in lines.values():
        assert "stop" not in code and "break" not in code and "return beta, " not in code


@pytest.mark.parametrize("name", CORE)
def test_no_line_is_lost(name):
    """The chunks of a file, put together, are its text but for blank lines."""
    shown = [line for chunk in dialects.read()[CORE.index(name)].chunks for line in chunk.code.split("\n")]
    written = (dialects.FOLDER / f"{name}.py").read_text("utf-8").split("\n")
    assert [line for line in shown if line.strip()] == [line for line in written if line.strip()]


def test_a_step_ends_at_a_blank_line_at_the_next_name_or_further_left():
    """Blank lines inside a statement, and comments in the step, do not end it; a comment inside a statement names none."""
    found = steps_of(dialects.dialect_of("a", SOURCE))
    assert list(found) == [("predict",), ("loss", "gradient"), ("update",)]
    assert found["predict",].endswith("        x\n    )")
    assert found["loss", "gradient"].endswith("c = i")
    assert found["update",].endswith("return 2")


def test_lines_of_code_are_counted_without_comments_docstrings_and_blanks():
    """Of a text whose code was counted by hand the counts agree; lines in parentheses and in strings are code."""
    found = dialects.dialect_of("a", SOURCE)
    # import, def, 3 of the string, 3 of predict, 3 of the loop, e, f, if, return, 3 of end, last
    assert (found.lines, found.step_lines) == (19, 9)


def test_moved_files_are_marked_the_same(folder):
    """The marks follow the comments: 40 lines further down, each step has the same lines."""
    path = folder / "numpy_vectorized.py"
    before = dialects.read(folder)[1]
    path.write_text("# further down\n" * 40 + path.read_text("utf-8"), "utf-8")
    after = dialects.read(folder)[1]
    assert steps_of(after) == steps_of(before)
    assert after.lines == before.lines


def test_a_step_that_is_not_found_is_named(folder):
    """A file whose comment is gone, or names no code, says which step, and is shown out of line all the same."""
    for old, new in (("# gradient: ", "# slope: "), ("# gradient: ", "# gradient: \n\n# ")):
        path = folder / "jax_jit.py"
        path.write_text((dialects.FOLDER / "jax_jit.py").read_text("utf-8").replace(old, new), "utf-8")
        found = dialects.read(folder)[3]
        assert found.problem == "jax_jit.py: no lines found for gradient"
        assert "lax.while_loop" in found.chunks[-1].code
        assert {chunk.row for chunk in found.chunks} == {0}


@pytest.mark.parametrize("content", [None, b"def f(:\n  '''", b"\xff\xfe\x00", b"# coding: none\n", b"  a\n b\n"])
def test_a_missing_or_broken_file_is_said_on_the_page(folder, content, monkeypatch):
    """The page says which core file it cannot show, shows the other three, and has no count of its lines."""
    path = folder / "numba_jit.py"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(dialects.read, "__defaults__", (folder,))
    shown = section(sample_run.full())
    assert "numba_jit.py: not found" in shown if content is None else "numba_jit.py: not readable as Python" in shown
    assert str(folder) not in shown
    assert shown.count('class="dialect aligned"') == 3
    assert rows_of(dialects.effort(sample_run.full(), dialects.read()))["numba_jit"][:2] == ("–", "–")


def test_time_is_that_of_the_headline_problem_or_none():
    """The time is that of the largest problem timed; where python_loops has none, the table says so and why."""
    table = dialects.effort(sample_run.full(), dialects.read())
    rows = rows_of(table)
    assert table.title == "Effort and speed at n = 1\u00a0000\u00a0000, d = 10, float64, 1 thread"
    assert rows["numba_jit"][2].startswith("10.8 ms [")
    assert rows["python_loops"][2:] == ("no time", "skipped (predicted 1.16 s per iteration)")


def test_a_larger_problem_that_one_backend_alone_has_timed_is_not_the_headline():
    """The time is that of the largest problem on which two backends have one, whatever else the backend has timed."""
    cells = [
        sample_run.cell(*cell) for cell in (("jax_jit", 100, 3e-6), ("numba_jit", 100, 1e-6), ("jax_jit", 500, 9e-6))
    ]
    assert rows_of(dialects.effort(sample_run.run(cells), dialects.read()))["jax_jit"][2].startswith("2.99 µs")


def test_time_is_that_of_the_first_group():
    """Of several groups only the first, float64 on one thread, gives times."""
    cells = [sample_run.cell("jax_jit", 100, 1e-6, dtype="float32"), sample_run.cell("jax_jit", 100, 3e-6)]
    rows = rows_of(dialects.effort(sample_run.run(cells), dialects.read()))
    assert rows["jax_jit"][2].startswith("2.99 µs")
    assert rows["numba_jit"][2:] == ("no time", "no cell of this run")


def test_a_wrong_cell_has_no_time():
    """A cell that is wrong keeps its figures in the record, and none of them is shown."""
    cells = [sample_run.cell(name, 100, 1e-6) for name in CORE]
    cells[3].status = "wrong"
    assert rows_of(dialects.effort(sample_run.run(cells), dialects.read()))["jax_jit"][2:] == ("no time", "wrong")


def test_a_run_without_cells_has_the_section_without_times():
    """An empty run shows the files, and says that nothing has a time."""
    rows = rows_of(dialects.effort(sample_run.empty(), dialects.read()))
    assert {row[2:] for row in rows.values()} == {("no time", "nothing in this run has a time")}
    assert section(sample_run.empty()).count("<article") == 4


def test_a_mark_is_a_word_besides_a_colour():
    """Each marked piece bears the name of each of its steps as text, and the same name as its class for the colour."""
    pieces = re.findall(
        r'<pre class="step ([a-z ]+?)(?: at\d+ over\d+)?">(.*?)<code>', section(sample_run.full()), re.DOTALL
    )
    assert len(pieces) == 15  # numba_jit makes predict and loss in one loop
    for steps, badges in pieces:
        assert sorted(re.findall(r">([a-z]+)</span>", badges)) == sorted(steps.split())


def test_the_columns_can_be_scrolled_by_keyboard():
    """What is wider than the screen is a region with a name that takes the focus."""
    tag = re.search(r'<div class="dialects"[^>]*>', section(sample_run.full())).group()
    assert 'role="region"' in tag and 'tabindex="0"' in tag and 'aria-label="' in tag


def test_code_is_shown_as_text(folder, monkeypatch):
    """Markup in a file reaches the page as text and makes no element."""
    path = folder / "jax_jit.py"
    path.write_text(path.read_text("utf-8") + "\n# <script>alert(1)</script></pre>\n", "utf-8")
    monkeypatch.setattr(dialects.read, "__defaults__", (folder,))
    shown = section(sample_run.full())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;/pre&gt;" in shown
    assert "<script" not in shown


def test_same_steps_stand_in_the_same_rows():
    """A step has the same row in all four files, and one that spans two steps covers the rows of both."""
    rows = {}
    for dialect in dialects.read():
        for chunk in dialect.chunks:
            for index, step in enumerate(chunk.steps):
                rows.setdefault(step, set()).add(chunk.row + 2 * index)
            assert chunk.span == max(1, 2 * len(chunk.steps) - 1)
    assert {step: len(found) for step, found in rows.items()} == dict.fromkeys(dialects.STEPS, 1)
