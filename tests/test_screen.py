"""The output of `gdbench run` on a terminal: the tables, the progress, and the line on gaps and flags."""

import io
import re

import pytest
from helpers import sample_run
from helpers.drawings import first_group
from rich.console import Console

from bench import text
from bench.analysis.aggregate import preliminary_cells
from bench.measure.runner import Progress
from bench.plan import BASELINE, Plan, backend_of, synthetic_cases
from bench.records import CellSample
from bench.report import matrix, screen, terminal


def printed(table, width=80):
    """The text of a table on a console."""
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return file.getvalue()


def rows(table):
    """The rows of a printed table, without empty entries."""
    return [re.split("  +", line.strip()) for line in printed(table).splitlines() if "──" not in line]


def cells(**times):
    """Cells of backends at n = 100 and 1 000. times: seconds per row of X and iteration, by backend."""
    return [sample_run.cell(b, n, t * n) for b, t in times.items() for n in (100, 1_000)]


def test_the_table_of_times_has_medians_and_reasons():
    """A row is a backend, a column is a size. A cell without a time has its reason; a cell that is not yet run has a dash."""
    broken = [sample_run.cell("mine", 100, status="crashed"), sample_run.cell("mine", 1_000, status="interrupted")]
    timed = cells(numpy_vectorized=1e-7)
    head, numpy, mine = rows(screen.times_table([*timed, *broken], 80))
    assert head == ["backend", "100", "1\u00a0000"]
    assert numpy == ["numpy_vectorized", *(text.duration(c.per_iteration_s) for c in timed)]
    assert mine == ["mine", "crashed", text.MISSING]


def test_ratios_are_marked_as_faster_slower_or_equal():
    """× is faster, ÷ is slower, ~ is an interval that contains 1. The baseline has no row."""
    run = sample_run.run([
        *cells(numpy_vectorized=1e-7, python_loops=1e-6, numba_jit=2.5e-8),
        *(sample_run.cell("jax_jit", n, 1e-7 * n, scatter="jax") for n in (100, 1_000)),
    ])  # fmt: skip
    ratios = {row[0]: row[1:] for row in rows(screen.ratios_table(first_group(run).ranked, 80))}
    assert "numpy_vectorized" not in ratios
    assert [float(entry[1:]) for entry in ratios["python_loops"]] == pytest.approx([10, 10], rel=0.05)
    assert [float(entry[:-1]) for entry in ratios["numba_jit"]] == pytest.approx([4, 4], rel=0.05)
    assert {entry[0] for entry in ratios["python_loops"]} == {"÷"}
    assert {entry[-1] for entry in ratios["numba_jit"]} == {"×"}
    assert all(entry.startswith("~") for entry in ratios["jax_jit"])


def test_a_hundred_sizes_are_spread_over_the_columns():
    """The smallest and the largest are shown, with sizes evenly between them, and their number."""
    many = [sample_run.cell("numpy_vectorized", n, 1e-9 * n) for n in range(1_001, 1_101)]
    head, *_, last = printed(screen.times_table(many, 80)).splitlines()
    assert [int(label.replace("\u202f", "").replace("\u00a0", "")) for label in re.split("  +", head.strip())[1:]] == [
        1_001, 1_017, 1_034, 1_051, 1_067, 1_083, 1_100,
    ]  # fmt: skip
    assert last.strip() == "7 of 100 sizes fit; see -v."


def test_the_number_of_backends_is_given_if_some_do_not_fit():
    """The tables have ten rows at most, and say so."""
    many = [sample_run.cell(f"backend_{i:02}", 100, 1e-6) for i in range(12)]
    words = " ".join(printed(screen.times_table(many, 80)).split())
    assert "backend_09" in words and "backend_10" not in words
    assert words.endswith("10 of 12 backends fit; see -v.")


def test_the_fastest_is_marked_in_every_table():
    """The tables of times and of ratios, and that of the page, mark the same backends; a tie marks all of them."""
    timed = cells(numpy_vectorized=1e-6, numba_jit=1.0005e-6, python_loops=1e-5, jax_jit=1e-5)
    timed[-1] = sample_run.cell("jax_jit", 1_000, 1e-8)
    group = first_group(sample_run.run(timed))

    def marked(table):
        return {(table.rows[row][0], column) for row, column in table.best}

    expected = {("numpy_vectorized", 1), ("numba_jit", 1), ("jax_jit", 2)}
    heads = {"head": lambda problem: str(problem.n_samples)}
    assert marked(matrix.times(group.ranked, **heads)) == marked(matrix.overview(group)) == expected
    assert marked(matrix.ratios(group.ranked, **heads)) == expected - {("numpy_vectorized", 1)}
    file = io.StringIO()
    Console(file=file, width=80, force_terminal=True).print(screen.times_table(group.ranked, 80))
    assert file.getvalue().count("\x1b[1;32m") == 3


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_console_shows_the_largest_sizes(width):
    """A line fits the console; the smallest sizes are left out."""
    many = [sample_run.cell("numba_jit", 10**k, 1e-6) for k in range(1, 8)]
    output = printed(screen.times_table(many, width), width)
    assert max(map(len, output.splitlines())) <= width
    assert "10\u00a0000\u00a0000" in output
    assert "…" not in output


def test_gaps_and_flags_are_counted_in_one_line():
    """The line has the number of cells of each kind. A run without gaps and flags has no line."""
    flagged = cells(numpy_vectorized=1e-7)
    flagged[0].flags = ["noisy: 12%"]
    flagged += [sample_run.cell("mine", 100, status="out_of_memory")]
    assert screen.doubts(sample_run.run(flagged)) == (
        "Of 3 cells: 1 cell out of memory; noisy in 1 cell. The page explains each."
    )
    assert screen.doubts(sample_run.run(cells(numpy_vectorized=1e-7))) == ""
    flagged[0].flags = ["\x1b[2Jnoisy: 12%"]
    assert screen.doubts(sample_run.run(flagged)).isprintable()


def test_preliminary_cells_have_the_medians_of_finished_blocks():
    """A cell without samples has no time."""
    plan = Plan(
        (backend_of("numpy_vectorized"), backend_of("python_loops")), tuple(synthetic_cases([(100, 3)], 0, 10)),
        ("float64",), (1,), 6, 1, 0, 60.0, "default",
    )  # fmt: skip
    cell = next(cell for cell in plan.cells if cell.backend.name == "python_loops")
    samples = {
        cell.id: [CellSample(cell=cell.id, block=b, status="ok", rounds_s=[s]) for b, s in enumerate((1.0, 3.0))]
    }
    numpy, loops = preliminary_cells(plan, samples)
    assert (numpy.per_iteration_s, numpy.status) == (None, "interrupted")
    assert loops.per_iteration_s == pytest.approx(0.2)


@pytest.fixture
def progress(capsys, monkeypatch):
    """A function that shows states with RunProgress, on a terminal or in a pipe, and returns the output."""

    def progress(states, is_terminal):
        file = io.StringIO()
        console = Console(file=file, width=80, force_terminal=is_terminal)
        monkeypatch.setattr(terminal, "console", lambda stderr=False: console)
        with terminal.RunProgress() as show:
            for state in states:
                show(state)
                if is_terminal:
                    show._live.refresh()
        return file.getvalue()

    return progress


STATES = [
    Progress(0, 0, 30.0, "preparing data and references"),
    *(Progress(4 * b + k, 12, 30.0 - 4 * b - k, f"w{k}", b + 1, 3, lambda: cells(numba_jit=1e-9)) for b in range(3) for k in range(4)),
    Progress(12, 12, 0.0, "done"),
]  # fmt: skip


def test_a_pipe_gets_a_line_per_block(progress):
    """A line has the time left. There are no control codes."""
    assert progress(STATES, False).splitlines() == [
        "block 1 of 3, about 30 s left", "block 2 of 3, about 26 s left", "block 3 of 3, about 22 s left",
    ]  # fmt: skip


def test_a_terminal_shows_the_preliminary_times(progress):
    """The table of medians is above a bar with the block, the worker and the time left."""
    output = progress(STATES[:-1], True)
    assert re.search(r"numba_jit.* ns", output)
    assert "block 3 of 3: w3" in output and "about 19 s left" in output


def end(run):
    """The end of a run at 80 columns, on one line."""
    file = io.StringIO()
    terminal.print_end(run, Console(file=file, width=80))
    return " ".join(file.getvalue().split())


def test_the_end_of_a_run_names_wrong_backends():
    """One line says which command names the mistake."""
    assert "Wrong: my_backend. `gdbench check FILE` names the mistake." in end(sample_run.broken())
    assert "Wrong:" not in end(sample_run.full())


def test_the_end_of_a_run_without_intervals_says_so():
    """A ratio without an interval is not compared with noise."""
    note = "A figure without brackets has no interval"
    assert note in end(sample_run.quick())
    assert note not in end(sample_run.full())


def test_the_end_of_a_run_of_the_baseline_has_no_ratios():
    """No other backend has a ratio to it."""
    run = sample_run.full()
    assert "Relative to" in end(run)
    run.cells = [cell for cell in run.cells if cell.backend == BASELINE]
    assert "Relative to" not in end(run)


def test_gaps_and_flags_count_the_same_cells():
    """The cells of the A/A control are not counted."""
    run = sample_run.full()
    for cell in run.cells:
        cell.flags = ["noisy: 0.2"]
    counted = sum(not cell.control for cell in run.cells)
    assert screen.doubts(run).startswith(f"Of {counted} cells: ")
    assert f"noisy in {counted} cells" in screen.doubts(run)
