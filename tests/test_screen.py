"""A run on one screen: the tables while it runs and at its end, and the progress of a run."""

import io
import re

import pytest
from helpers import sample_run
from rich.console import Console

from bench import text
from bench.analysis.aggregate import preliminary_cells
from bench.analysis.speed import group_cells
from bench.measure.runner import Progress
from bench.plan import Plan, backend_of, synthetic_cases
from bench.records import CellSample
from bench.report import screen, terminal


def lines(table, width=80):
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return [re.split("  +", line.strip()) for line in file.getvalue().splitlines() if "──" not in line]


def cells(**times):
    """Cells of backends at n = 100 and 1 000, by seconds per iteration."""
    return [sample_run.cell(b, n, t * n) for b, t in times.items() for n in (100, 1_000)]


def test_the_table_holds_medians_and_reasons():
    """A row per backend, a column per size; a cell without a time shows why, one not yet measured is empty."""
    broken = [sample_run.cell("mine", 100, status="crashed"), sample_run.cell("mine", 1_000, status="interrupted")]
    timed = cells(numpy_vectorized=1e-7)
    head, numpy, mine = lines(screen.times_table([*timed, *broken], 80))
    assert head == ["100", "1\u00a0000"]
    assert numpy == ["numpy_vectorized", *(text.duration(c.per_iteration_s) for c in timed)]
    assert mine == ["mine", "crashed"]


def test_ratios_say_faster_slower_or_no_difference():
    """× for faster, ÷ for slower, ~ for an interval that contains 1; the baseline has no row."""
    run = sample_run.run([
        *cells(numpy_vectorized=1e-7, python_loops=1e-6, numba_jit=2.5e-8),
        *(sample_run.cell("jax_jit", n, 1e-7 * n, scatter="jax") for n in (100, 1_000)),
    ])  # fmt: skip
    rows = {row[0]: row[1:] for row in lines(screen.ratios_table(group_cells(run)[0].ranked, 80))}
    assert "numpy_vectorized" not in rows
    assert [float(entry[1:]) for entry in rows["python_loops"]] == pytest.approx([10, 10], rel=0.05)
    assert [float(entry[:-1]) for entry in rows["numba_jit"]] == pytest.approx([4, 4], rel=0.05)
    assert {entry[0] for entry in rows["python_loops"]} == {"÷"} and {entry[-1] for entry in rows["numba_jit"]} == {"×"}
    assert all(entry.startswith("~") for entry in rows["jax_jit"])


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_console_keeps_the_largest_sizes(width):
    """No line is wider than the console; sizes that do not fit are left out, the smallest first."""
    many = [sample_run.cell("numba_jit", 10**k, 1e-6) for k in range(1, 8)]
    file = io.StringIO()
    Console(file=file, width=width).print(screen.times_table(many, width))
    output = file.getvalue()
    assert max(map(len, output.splitlines())) <= width
    assert "10\u00a0000\u00a0000" in output
    assert "…" not in output


def test_doubts_are_counted_in_one_line():
    """Gaps and flags by kind, with the number of their cells; nothing for a run without any."""
    flagged = cells(numpy_vectorized=1e-7)
    flagged[0].flags = ["noisy: 12%"]
    flagged += [sample_run.cell("mine", 100, status="out_of_memory")]
    assert screen.doubts(sample_run.run(flagged)) == (
        "Of 3 cells: 1 cell out of memory; noisy in 1 cell. The page explains each."
    )
    assert screen.doubts(sample_run.run(cells(numpy_vectorized=1e-7))) == ""
    flagged[0].flags = ["\x1b[2Jnoisy: 12%"]
    assert screen.doubts(sample_run.run(flagged)).isprintable()


def test_preliminary_cells_have_the_medians_so_far():
    """A cell with samples has their median, also while other blocks are missing; one without samples has no time."""
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
    """A RunProgress on a terminal or in a pipe, fed with states; returns what it printed."""

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
    """Without a terminal, each block is one line with the time left, and there are no control codes."""
    assert progress(STATES, False).splitlines() == [
        "block 1 of 3, about 30 s left", "block 2 of 3, about 26 s left", "block 3 of 3, about 22 s left",
    ]  # fmt: skip


def test_a_terminal_shows_the_times_so_far(progress):
    """The table of medians is above the bar with the block, the worker and the time left."""
    output = progress(STATES[:-1], True)
    assert re.search(r"numba_jit.* ns", output)
    assert "block 3 of 3: w3" in output and "about 19 s left" in output
