"""The report has the numbers of its run, in the terminal, in Markdown, in HTML and in figures."""

import io
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers import sample_run
from helpers.drawings import first_group, points, rendered
from matplotlib.text import Text
from rich.console import Console

from bench import report, text
from bench.analysis.error_curves import MAX_POINTS
from bench.analysis.sentences import headline_sentence
from bench.analysis.speed import Group, group_cells, predicted_time, problem_key, problem_label, time_per_iteration
from bench.records import FLAGS, Cell, ProblemId, Run, Speedup, load_run, save_run
from bench.report import html, limits, markdown, matrix, readme, tables, terminal
from bench.report.blocks import Entries
from bench.report.document import report_of
from bench.report.notes import NOTES
from bench.report.plots import canvas, error, figures, ledger, roofline, speedup
from bench.report.plots.time_per_iteration import draw as draw_times

RUNS = ["full", "quick", "broken", "hostile", "groups", "empty"]
README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    """The report of every sample run: name -> its folder."""
    folders = {name: tmp_path_factory.mktemp(name) for name in RUNS}
    for name, folder in folders.items():
        report.write(getattr(sample_run, name)(), folder)
    return folders


def printed(run: Run, width: int = 80) -> str:
    """The report as the terminal shows it."""
    out = Console(file=io.StringIO(), width=width)
    terminal.write(report_of(run), out)
    return out.file.getvalue()  # type: ignore[attr-defined]


class Page(HTMLParser):
    """The tags, addresses, alternative texts, event handlers and text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.alts: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
                self.loads.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
            if tag == "img" and name == "alt":
                self.alts.append(value or "")

    def handle_data(self, data):
        if self.tags[-1:] == ["script"] and self.cdata_elem:
            return  # the data of the run, which a browser does not show
        self.words += data


# Numbers


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (7.1e-6, "7.10 µs"), (725e-6, "725 µs"), (0.9996e-3, "1.00 ms"), (0.77e-6, "770 ns"), (7.7e-10, "0.770 ns"),
        (12.3, "12.3 s"), (12_345, "12\u00a0300 s"), (0.0, "0 s"), (1e-15, "1.00e-06 ns"), (999.4e-6, "999 µs"),
    ],
)  # fmt: skip
def test_a_duration_has_three_digits_and_a_unit(seconds, shown):
    """The unit is the largest in which the duration is at least 1."""
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("exponent", range(-12, 13))
def test_no_number_is_rounded_to_zero(exponent):
    """A small number has significant digits in all formats."""
    for mantissa in (1.0, 1.234, 9.996):
        value = mantissa * 10.0**exponent
        for shown in (text.significant(value), text.duration(value), text.percent(value), text.scientific(value)):
            assert "0.000" not in shown
            assert re.search("[1-9]", shown)
        parsed = float(text.significant(value).replace(text.NO_BREAK, ""))
        assert parsed == pytest.approx(value, rel=6e-3)


@pytest.mark.parametrize("name", RUNS)
def test_no_report_contains_a_number_rounded_to_zero(name, written):
    """The terminal, Markdown, the page and the README show no 0.000."""
    run = getattr(sample_run, name)()
    words = Page((written[name] / "report.html").read_text("utf-8")).words
    for output in (printed(run), (written[name] / "report.md").read_text("utf-8"), words, readme.block(run)):
        assert not re.search(r"(?<![\d.])0\.000", output)


def test_an_interval_has_the_unit_of_its_median():
    """Its ends alone could have another unit."""
    assert text.duration_interval(1.02e-3, 0.981e-3, 1.05e-3) == "1.02 ms [0.981, 1.05]"


def test_a_run_with_few_processes_has_no_intervals():
    """The report says that there are too few processes."""
    for output in (printed(sample_run.quick()), markdown.write(report_of(sample_run.quick()))):
        assert "has no interval: too few processes" in output
        assert "too few processes to judge its stability" in output.replace("\n", " ")
        assert "[" not in output.replace("\\[", "[").split("Cold cost")[0].split("backend", 1)[1]
    assert "too few processes" not in printed(sample_run.full())


# Groups and tables


def test_a_group_has_one_dtype_and_one_number_of_threads():
    """Together the groups have all cells. Each group has its own tables."""
    run = sample_run.groups()
    groups = group_cells(run)
    assert [(g.dtype, g.threads) for g in groups] == [("float64", 1), ("float64", 2), ("float32", 1), ("float32", 2)]
    for group in groups:
        assert {(c.dtype, c.threads) for c in group.cells} == {(group.dtype, group.threads)}
    assert sum(len(g.cells) for g in groups) == len(run.cells)
    assert markdown.write(report_of(run)).count("### Time per iteration") == 4


def test_the_table_of_times_has_a_row_per_cell():
    """A row has the time per iteration, both speed-ups and the status. Rows are sorted by n_samples."""
    group = first_group(sample_run.full())
    table = tables.times(group.ranked, "")
    assert len(table.rows) == 24
    sizes = [c.n_samples for c in group.ranked]
    assert sizes == sorted(sizes)
    row = next(r for r in table.rows if r[0] == "n = 1\u00a0000, d = 10" and r[1] == "numba_jit")
    assert re.fullmatch(r"7\.\d\d µs \[7\.\d\d, 7\.\d\d\]", row[2])
    assert re.fullmatch(r"[12]\.\d\d× faster \[[12]\.\d\d, [12]\.\d\d\]", row[3])
    assert re.fullmatch(r"1\d\d× faster \[1\d\d, 1\d\d\]", row[4])
    assert row[5] == "ok"


def test_a_ratio_below_one_is_shown_as_slower():
    """It has the reciprocal ratio and interval. A ratio whose interval contains 1 is tied."""
    cell = sample_run.cell("a", 100, 1e-6)
    for ratio, shown in (
        ((0.08, 0.05, 0.1), "12.5× slower [10.0, 20.0]"),
        ((8.0, 5.0, 10.0), "8.00× faster [5.00, 10.0]"),
        ((1.01, 0.98, 1.03), "tied: 1.01× [0.980, 1.03]"),
        ((0.5, None, None), "2.00× slower"),
    ):
        cell.speedup = [Speedup("numpy_vectorized", *ratio)]
        assert tables.relation_text(cell, "numpy_vectorized") == shown
    assert tables.relation_text(cell, "python_loops") == "–"


def test_the_overview_has_every_backend_and_problem():
    """A row is a ranked backend, a column is a problem, real data are last, and the fastest of each column is marked."""
    group = first_group(sample_run.full())
    table = matrix.overview(group)
    assert [row[0] for row in table.rows] == list(sample_run.SECONDS)
    assert table.columns[:2] == ("backend", "100\n× 10")
    assert table.columns[-1] == "penguins\n342 × 4"
    for cell in group.ranked:
        ns = [*sample_run.SIZES, 342]
        entry = table.rows[list(sample_run.SECONDS).index(cell.backend)][1 + ns.index(cell.n_samples)]
        assert entry.partition("\n")[0] == matrix.short_time(cell)
    assert table.rows[0][1].endswith("× slower")
    tie = [sample_run.cell(b, 100, s) for b, s in (("numpy_vectorized", 1e-6), ("a", 1.0005e-6))]
    assert matrix.overview(first_group(sample_run.run(tie))).rows[1][1].endswith("\ntied")
    assert {column: table.rows[row][0] for row, column in table.best} == {
        1: "numba_jit", 2: "numba_jit", 3: "numba_jit", 4: "numpy_vectorized", 5: "numba_jit", 6: "numba_jit",
    }  # fmt: skip
    assert "**" in markdown.write(report_of(sample_run.full())).partition("## Speed")[0]


def test_the_table_of_limits_has_the_shares_of_the_roofline():
    """A row is a backend, a column is a problem, and the largest share of each column is marked."""
    group = first_group(sample_run.full())
    table = limits.shares_by_size(group)
    heads = {matrix.two_line_head(problem_key(c)) for c in group.ranked}
    assert set(table.columns[1:]) == heads
    for roof in group.roofs:
        head = next(matrix.two_line_head(problem_key(c)) for c in group.ranked if c.n_samples == roof.n_samples)
        column = table.columns.index(head)
        best = max((a for a in roof.backends if a.share), key=lambda a: a.share or 0)
        for row, entries in enumerate(table.rows):
            share = next((a.share for a in roof.backends if a.backend == entries[0]), None)
            assert entries[column] == (text.percent(share) if share else "–")
            assert ((row, column) in table.best) == (entries[0] == best.backend)


def test_tables_and_later_groups_are_folded():
    """The report has five chapters; each heading of the page has its own address."""
    report_ = report_of(sample_run.groups())
    assert [chapter.title for chapter in report_.chapters] == [
        "Speed", "First answer", "Limits", "Correctness", "Method and data",
    ]  # fmt: skip
    for chapter in report_.chapters:
        titles = {topic.title for topic in chapter.topics if topic.folded}
        others = {"float64, 2 threads", "float32, 1 thread", "float32, 2 threads"}
        assert others <= titles or chapter.title == "Method and data"  # it has only figures and flags of a group
        for topic in chapter.topics:
            if any(isinstance(block, Entries) and "html" in block.media for block in topic.blocks):
                assert topic.folded or topic.half
    source = html.write(report_)
    assert re.findall(r'<h2 id="[a-z-]+">([^<]+)', source) == [chapter.title for chapter in report_.chapters]
    anchors = re.findall(r' id="([^"]+)"', source)
    assert len(anchors) == len(set(anchors))
    assert not re.findall(r"<h3>[^<]*</h3>(?!</summary>)", source)  # a heading outside a summary has an id


def test_a_cell_without_a_time_has_its_reason():
    """The status is predicted, wrong, crashed, timeout, out of memory or unavailable, with the detail."""
    table = tables.times(first_group(sample_run.broken()).ranked, "")
    status = {(row[1], row[0]): (row[2], row[5]) for row in table.rows}
    problem = "n = {}, d = 10".format
    assert status["python_loops", problem("100\u00a0000")] == ("–", "skipped (predicted 115 ms per iteration)")
    assert status["my_backend", problem("1\u00a0000")] == ("–", "wrong: beta is off by a factor of 2")
    assert status["segfaulter", problem("10\u00a0000")][1].startswith("crashed: signal SIGSEGV")
    assert status["segfaulter", problem("100\u00a0000")][1].startswith("timeout: ")
    assert status["segfaulter", problem("1\u00a0000\u00a0000")] == ("–", "out of memory")
    assert status["torch_eager", problem("100")][1].startswith("unavailable: needs torch")


def test_a_wrong_cell_has_no_time():
    """Tables, figures and cold costs do not show it, although the run contains its samples."""
    run = sample_run.broken()
    wrong = next(c for c in run.cells if c.status == "wrong")
    assert wrong.per_iteration_s
    assert time_per_iteration(wrong) is None
    group = first_group(run)
    assert all(
        row[1] != "my_backend" or "1\u00a0000," not in row[0] for row in tables.cold_costs(group.ranked, "").rows
    )
    line = points(draw_times(group).figure.axes[0])["my_backend"]
    assert all(math.isnan(y) for x, y in line if x == wrong.n_samples)


def test_the_control_is_a_line_below_the_table():
    """It has the ratio for each size. The control is no row of a table."""
    group = first_group(sample_run.full())
    assert len(tables.times(group.ranked, "").rows) == len([c for c in sample_run.full().cells if not c.control])
    line = tables.control_line(group)
    assert line
    assert line.startswith("A/A control")
    assert len(re.findall(r"(?:1\.0\d|0\.9\d\d)× \[", line)) == 5
    assert tables.control_line(first_group(sample_run.hostile())) is None


def test_a_backend_with_another_algorithm_is_not_ranked():
    """It has its own table. It is not in the headline, and in no figure but the noise."""
    run = sample_run.broken()
    group = first_group(run)
    assert {c.backend for c in group.others} == {"qr_reduced"}
    assert "qr_reduced" not in headline_sentence(group)
    stems = {
        stem
        for stem, drawing in figures.draw_all(group).items()
        if any("qr_reduced" in row for row in drawing.table.rows)
    }
    assert stems == {figures.stem("noise", group)}
    source = markdown.write(report_of(run))
    assert "never ranked" in source
    assert source.index("Another algorithm") < source.index("| qr_reduced")


def test_the_table_of_errors_has_shares_of_the_bound():
    """It has error / bound in percent, also for a wrong cell."""
    rows = tables.errors(first_group(sample_run.broken()).cells, "").rows
    wrong = next(r for r in rows if r[1] == "my_backend" and r[0].startswith("n = 1\u00a0000,"))
    assert wrong[2:] == ("0.00340", "1.00e-12", "3.40e+11 %")
    assert all(0 < float(r[4].split()[0]) < 10 for r in rows if r is not wrong)


def test_the_table_of_cold_costs_has_the_break_even():
    """It is a number of calls and iterations, "never", "baseline" or "unknown"."""
    rows = tables.cold_costs(first_group(sample_run.full()).ranked, "").rows
    costs = {row[1]: row[2:] for row in rows}
    break_even = "16\u00a0000 calls, 160\u00a0000 iterations"  # at a million rows, with 10 iterations per call
    assert costs["numba_jit"] == ("620 ms", "38.0 µs", "1.34 s", "1.41 s", "108 ms", "1.20 MB", "0.990", break_even)
    assert costs["jax_jit"][-1] == "never"
    assert costs["numpy_vectorized"][-1] == "baseline"
    assert tables.pays_back(sample_run.cell("x", 100, 1e-6)) == "unknown"


def test_a_flag_has_its_cell_and_its_advice():
    """The terminal and Markdown show both."""
    flag = "no steady state: jax_jit at n = 100, d = 10 (4 of 6 processes drift)"
    for output in (printed(sample_run.broken()), markdown.write(report_of(sample_run.broken()))):
        assert f"{flag} ({FLAGS['no steady state']})" in output.replace("\n", " ")


def test_flags_of_many_cells_are_summarized():
    """A flag of all backends at a problem names the problem; more than six other cells are counted."""
    cells = [sample_run.cell(b, n, 1e-6) for b in "abc" for n in (100, 1000)]
    for cell in cells[::2]:
        cell.flags = ["bound not informative"]
    cells[1].flags = ["noisy: 12%"]
    flags = dict(tables.flags(first_group(sample_run.run(cells))))
    assert flags["bound not informative"].startswith("every backend at n = 100, d = 10 (")
    assert flags["noisy"].startswith("a at n = 1\u00a0000, d = 10 (12%) (")
    many = [sample_run.cell(b, n, 1e-6, flags=["noisy: 12%"] if b != "a" else []) for b in "abcde" for n in (100, 200)]
    (flag,) = dict(tables.flags(first_group(sample_run.run(many)))).values()
    assert flag.startswith("8 of 10 cells, see the data of the noise picture (")


@pytest.mark.parametrize("name", RUNS)
def test_terminal_output_fits_80_columns(name):
    """No number is cut off, and no control code of a name is printed."""
    output = printed(getattr(sample_run, name)())
    assert max(len(line) for line in output.splitlines()) <= 80
    assert "\x1b" not in output
    if name == "full":
        for cell in first_group(sample_run.full()).ranked:
            assert tables.time_text(cell) in output
            assert tables.relation_text(cell, "numpy_vectorized") in output
        assert "skipped, predicted 115 ms" in output


# The headline


def test_the_headline_names_the_fastest_backend():
    """It has the lowest median at the largest size, with its interval and its speed-up."""
    sentence = headline_sentence(first_group(sample_run.full()))
    assert sentence.startswith(
        "On this machine, at n = 1\u00a0000\u00a0000, d = 10 (float64, 1 thread), numba_jit is the fastest of 3"
    )
    assert re.search(
        r"10\.8 ms \[10\.\d, 10\.\d\] per iteration, 1\.\d\d× \[1\.\d\d, 1\.\d\d\] the speed of numpy", sentence
    )


def test_the_headline_names_tied_backends():
    """Two backends are tied if the interval of their ratio contains 1."""
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 1.0005e-6), sample_run.cell("c", 100, 2e-6)]
    sentence = headline_sentence(first_group(sample_run.run(cells)))
    assert re.search(r"(a and b|b and a) are tied as the fastest of 3 backends", sentence)


def test_the_headline_of_an_incomplete_run_names_no_fastest_backend():
    """There is no time, only one backend with a time, or too few processes."""
    skipped = sample_run.cell("a", 100, status="skipped")
    assert "No backend has a time (float64, 1 thread)" in headline_sentence(first_group(sample_run.run([skipped])))
    single = first_group(sample_run.run([sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, status="crashed")]))
    assert "a is the only backend with a time: " in headline_sentence(single)
    assert "numpy_vectorized" not in headline_sentence(single)
    assert "too few processes to call it the fastest" in headline_sentence(first_group(sample_run.quick()))


def test_the_headline_needs_two_backends_at_its_size():
    """A larger size at which only one backend has a time is not used."""
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 2e-6), sample_run.cell("b", 1000, 2e-6)]
    assert "a is the fastest of 2 backends" in headline_sentence(first_group(sample_run.run(cells)))


# Figures


def test_every_time_is_a_point():
    """The point of a cell is (n, seconds per iteration), on the line of its backend."""
    group = first_group(sample_run.full())
    lines = points(draw_times(group).figure.axes[0])
    for backend in sample_run.SECONDS:
        cells = [c for c in group.ranked if c.backend == backend and time_per_iteration(c)]
        np.testing.assert_allclose(sorted(lines[backend]), sorted((c.n_samples, c.per_iteration_s) for c in cells))


def test_real_data_are_single_markers():
    """No line connects the penguins with the synthetic sizes."""
    axes = draw_times(first_group(sample_run.full())).figure.axes[0]
    for line in axes.lines:
        if 342 in list(line.get_xdata()) and not str(line.get_label()).startswith("_"):
            assert line.get_linestyle() == "None"
    assert any("penguins" in label.get_text() for label in axes.texts)


def test_each_number_of_features_has_a_panel():
    """This holds for the times and for the speed-ups."""
    cells = [
        sample_run.cell(b, n, s * n * d, n_features=d, problem=ProblemId("synthetic", f"{n}x{d}", 0))
        for b, s in (("numpy_vectorized", 1e-8), ("numba_jit", 2e-8), ("python_loops", 1e-6))
        for n in (100, 1000)
        for d in (5, 50)
    ]
    group = first_group(sample_run.run(cells))
    panels = draw_times(group).figure.axes
    for axes, d in zip(panels, (5, 50), strict=True):
        np.testing.assert_allclose(points(axes)["numba_jit"], [(n, 2e-8 * n * d) for n in (100, 1000)], 0.02)
    assert len(speedup.draw(group).figure.axes) == 2


def test_a_cell_without_a_time_is_a_cross():
    """The cross is at its n, in the row of its backend, beside the kind of the gap."""
    axes = draw_times(first_group(sample_run.broken())).figure.axes[1]
    assert all(line.get_marker() == "x" for line in axes.lines)
    crosses = {name: [x for x, _ in line] for name, line in points(axes).items()}
    assert crosses["python_loops"] == [100_000, 1_000_000]
    assert crosses["my_backend"] == [1_000]
    assert crosses["segfaulter"] == [10_000, 100_000, 1_000_000]
    kinds = {t.get_text() for t in axes.texts}
    assert {"skipped", "wrong", "crashed", "timeout", "out of memory", "unavailable"} <= kinds


def test_a_line_is_interrupted_at_a_gap():
    """The y of a size at which the backend is wrong is NaN."""
    line = points(draw_times(first_group(sample_run.broken())).figure.axes[0])["my_backend"]
    assert [x for x, y in line if math.isnan(y)] == [1_000]
    assert [x for x, y in line if not math.isnan(y)] == [100, 10_000, 100_000, 1_000_000]


def test_a_predicted_time_is_a_hollow_marker():
    """A dashed line leads to the predictions of skipped cells."""
    axes = draw_times(first_group(sample_run.full())).figure.axes[0]
    hollow = next(line for line in axes.lines if line.get_label() == "python_loops (predicted)")
    assert list(hollow.get_ydata()) == pytest.approx([0.115, 1.16])
    assert hollow.get_markerfacecolor() == "white"
    dashed = next(line for line in axes.lines if line.get_label() == "_to python_loops")
    assert dashed.get_linestyle() == "--"
    assert list(dashed.get_xdata()) == [10_000, 100_000, 1_000_000]
    assert any(t.get_text() == "predicted" for t in axes.texts)


def test_only_predicted_times_are_hollow_markers():
    """A measured time without an interval has a filled marker."""
    group = first_group(sample_run.quick())
    predicted = {c.n_samples for c in group.ranked if predicted_time(c)}
    axes = draw_times(group).figure.axes[0]
    for line in axes.lines:
        if str(line.get_label()).endswith("(predicted)"):
            assert set(line.get_xdata()) <= predicted


def test_intervals_are_error_bars():
    """A run without intervals has no error bars."""
    full = draw_times(first_group(sample_run.full())).figure.axes[0]
    quick = draw_times(first_group(sample_run.quick())).figure.axes[0]
    assert len(full.collections) == 8  # four lines, and four single markers
    assert len(quick.collections) == 0


def test_speedups_are_drawn_relative_to_the_baseline():
    """Without the baseline they are relative to plain loops; without both the figure says that there are none."""
    group = first_group(sample_run.full())
    for baseline in ("numpy_vectorized", "python_loops"):
        lines = points(speedup.draw(group).figure.axes[0])
        expected = [
            (c.n_samples, s.median)
            for c in group.ranked
            if c.backend == "numba_jit"
            for s in c.speedup
            if s.baseline == baseline
        ]
        np.testing.assert_allclose(sorted(lines["numba_jit"]), sorted(expected))
        assert baseline not in lines
        assert lines["_level"][0][1] == 1.0
        for cell in group.ranked:
            cell.speedup = [ratio for ratio in cell.speedup if ratio.baseline != "numpy_vectorized"]
    for axes in speedup.draw(first_group(sample_run.hostile())).figure.axes:
        assert any("no figures" in t.get_text() for t in axes.texts)


def test_tick_labels_have_units():
    """Labels are 1 µs, 1 ms, 100, 1 000, 10× faster or 10× slower, and no powers of 10."""
    group = first_group(sample_run.full())
    axes = draw_times(group).figure.axes
    assert {"1 µs", "1 ms", "1 s"} <= {t.get_text() for t in axes[0].get_yticklabels()}
    assert {"100", "1\u00a0000", "1\u00a0000\u00a0000"} <= {t.get_text() for t in axes[1].get_xticklabels()}
    labels = {t.get_text() for t in speedup.draw(group).figure.axes[0].get_yticklabels()}
    assert {"10× faster", "equal", "10× slower", "100× slower"} <= labels


@pytest.mark.parametrize("name", ["full", "broken", "hostile"])
def test_labels_of_lines_do_not_overlap(name):
    """The rendered names at the ends of the lines are apart from each other and inside the figure."""
    group = first_group(getattr(sample_run, name)())
    figure = draw_times(group).figure
    renderer = rendered(figure)
    labels = {canvas.short(c.backend) for c in group.ranked}
    for axes in figure.axes:
        # Text.get_window_extent excludes the arrow of an annotation.
        boxes = [Text.get_window_extent(t, renderer) for t in axes.texts if t.get_text() in labels]
        edges = sorted((b.y0, b.y1, b.x1) for b in boxes)
        assert edges
        assert all(upper[0] >= lower[1] - 3 for lower, upper in pairwise(edges))
        assert all(edge[2] <= figure.bbox.x1 for edge in edges)


def test_spread_out_separates_positions():
    """It keeps the order and the mean of a cluster, and all positions in [0, 1]. Distant positions do not move."""
    assert canvas.spread_out([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert canvas.spread_out([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    positions = canvas.spread_out([0.9, 0.95, 0.97, 0.98], 0.1)
    assert positions[-1] <= 1
    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(positions))
    assert canvas.spread_out([], 0.1) == []


def test_each_backend_has_its_own_style():
    """A core backend has the same style in every run, and its own marker, so that color is not needed."""
    styles = canvas.series_styles([*canvas.CORE, *(f"backend_{i}" for i in range(20))])
    assert len(set(styles.values())) == 24
    assert all(canvas.series_styles([name, "z"])[name] == styles[name] for name in canvas.CORE)
    assert len({styles[name].marker for name in canvas.CORE}) == 4


@pytest.mark.parametrize("name", RUNS)
def test_alternative_texts_are_short(name):
    """Each figure has its own alternative text of one or two sentences, and a table with the numbers."""
    for group in group_cells(getattr(sample_run, name)()):
        drawings = figures.draw_all(group)
        assert len({d.alt for d in drawings.values()}) == len(drawings) >= 2
        for drawing in drawings.values():
            sentences = re.findall(r"[.:] (?=[A-Z])|\.$", re.sub(r"\([^)]*\)", "", drawing.alt))
            assert len(sentences) <= 2, drawing.alt
            assert len(drawing.alt) < 360
        rows = draw_times(group).table.rows
        assert [row[1] for row in rows] == [tables.name(c) for c in group.ranked]
    if name == "full":
        assert (
            "from 10.8 ms (numba_jit) to 24.0 ms (jax_jit) at n = 1\u00a0000\u00a0000, d = 10." in draw_times(group).alt
        )
        problem = f"n = 100{text.NO_BREAK}000, d = 10"
        assert (problem, "python_loops", "", "", "", "1.150e-01", "skipped") in rows


@pytest.mark.parametrize("name", ["full", "broken", "hostile"])
def test_the_text_of_the_roofline_names_the_best_backend(name):
    """It is the backend with the largest share of the limit on the largest problem."""
    group = first_group(getattr(sample_run, name)())
    if group.roofs:
        roof = max((r for r in group.roofs if r.problem == "synthetic"), key=lambda r: r.bytes)
        best = max((a for a in roof.backends if a.share), key=lambda a: a.share)
        assert f"{best.backend} comes nearest with {text.percent(best.share)} of the limit." in roofline.draw(group).alt


def test_settings_of_matplotlib_do_not_change_a_figure():
    """Drawing does not change these settings, either."""
    svg = canvas.render(ledger.draw(first_group(sample_run.full())).figure)
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "xtick.labelsize": 25, "savefig.bbox": "tight"}):
        assert canvas.render(ledger.draw(first_group(sample_run.full())).figure) == svg
        assert matplotlib.rcParams["font.size"] == 30


# Errors over the iterations


def with_curve(curve, n_iter: int = 100, **other) -> Group:
    """A group of one cell with this error curve: rows of (iteration, error, bound)."""
    return first_group(sample_run.run([sample_run.cell("a", 100, 1e-6, n_iter=n_iter, error_curve=curve, **other)]))


def test_errors_are_drawn_as_shares_of_their_bounds():
    """Each problem has a panel. Each error above 0 is a point of its backend's line at its iteration."""
    group = first_group(sample_run.full())
    figure = error.draw(group).figure
    assert len(figure.axes) == 2 * 6  # a panel and its strip of zeros
    panels = {axes.get_title(loc="left"): points(axes) for axes in figure.axes}
    for cell in group.ranked:
        if time_per_iteration(cell):
            line = panels[problem_label(cell)][cell.backend]
            expected = [(k, error / bound if error else math.nan) for k, error, bound in cell.error_curve]
            np.testing.assert_allclose(line, expected)
            assert panels[problem_label(cell)]["_bound"][0][1] == 1.0


def test_errors_of_zero_are_marks_below_the_panel():
    """They have a strip with a row per backend, because the axis of the panel is logarithmic."""
    drawing = error.draw(with_curve([[0, 0, 1e-12], [1, 1e-15, 1e-12], [9, 0, 0], [100, 0, 1e-12]]))
    panel, strip = drawing.figure.axes
    assert points(strip)["a"] == [(0, 0), (9, 0), (100, 0)]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["exactly 0"]
    assert [row[1:] for row in drawing.table.rows] == [("0", "0"), ("1", "1.000e-03"), ("9", "0"), ("100", "0")]
    assert panel.get_ylim()[0] > 0
    only_zeros = error.draw(with_curve([[0, 0, 1e-12], [100, 0, 1e-12]]))
    assert "the largest is 0 % of it" in only_zeros.alt
    assert canvas.render(only_zeros.figure)
    no_zeros = error.draw(with_curve([[0, 1e-15, 1e-12], [100, 1e-15, 1e-12]]))
    assert len(no_zeros.figure.axes) == 1


def test_the_bound_is_always_drawn():
    """It is a labeled line. The text says whether every error is below its bound."""
    drawing = error.draw(first_group(sample_run.full()))
    assert "Every error lies inside its bound: the largest is " in drawing.alt
    for axes in drawing.figure.axes[::2]:
        assert axes.get_ylim()[1] > 1
        assert any(label.get_text() == "beyond the bound" for label in axes.texts)
    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels[:3] == ["the bound", "1/100", "1/10\u00a0000"]
    beyond = error.draw(with_curve([[0, 3e-12, 1e-12], [5, 1, 0]]))
    assert "Not every error lies inside its bound: the largest is ∞ times it." in beyond.alt
    assert beyond.figure.axes[0].get_ylim()[1] > error.HIGHEST


@pytest.mark.parametrize(
    "curve",
    [
        None, [], [[]], [[1.0, 2.0]], [[-1, 0, 1]], [[0.5, 0, 1]], [[101, 0, 1]], [[1, -1, 1]], [[1, 1, -1]], [[1, 1, 1, 1]],
    ],
)  # fmt: skip
def test_an_invalid_curve_is_not_drawn(curve):
    """Without a valid row there is no figure of errors and no file."""
    group = with_curve(curve)
    assert error.draw(group) is None
    assert set(figures.draw_all(group)) == {
        f"{stem}-float64-1" for stem in ("time_per_iteration", "speedup", "roofline", "noise")
    }


def test_the_valid_rows_of_a_curve_are_drawn():
    """A long curve is sorted and thinned, invalid rows are dropped, and extreme shares are clipped to the axes."""
    extreme = [[k % 100, 10.0 ** (k % 600 - 300), 10.0 ** (300 - k % 600)] for k in range(10_000)]
    drawing = error.draw(with_curve([[1e300, 1, 1], [1], *extreme]))
    line = points(drawing.figure.axes[0])["a"]
    assert len(line) == MAX_POINTS == len(drawing.table.rows)
    assert line == sorted(line)
    assert all(error.LOWEST <= share <= error.HIGHEST for _, share in line)
    assert canvas.render(drawing.figure)


def test_the_curve_of_a_wrong_cell_is_not_drawn():
    """The text does not count its errors, either."""
    run = sample_run.broken()
    for cell in run.cells:
        if cell.status == "wrong":
            cell.error_curve = [[0.0, 0.9, 1.0]]
    group = first_group(run)
    drawing = error.draw(group)
    assert "largest is 7." in drawing.alt  # 0.9 is not drawn
    axes = next(axes for axes in drawing.figure.axes if axes.get_title(loc="left").startswith("n = 1\u00a0000,"))
    assert "my_backend" not in points(axes)
    assert error.draw(with_curve([[0, 0, 1]], status="wrong")) is None


def test_the_control_replaces_a_baseline_without_a_curve():
    """It is the same backend. If the baseline has a curve, the errors of the control are not drawn."""
    run = sample_run.run([sample_run.cell("numpy_vectorized", 100, 1e-6, control=c) for c in (True, False)])
    control, baseline = run.cells
    control.error_curve, baseline.error_curve = [[0.0, 0.25, 1.0]], [[0.0, 0.5, 1.0]]
    assert points(error.draw(first_group(run)).figure.axes[0])["numpy_vectorized"] == [(0, 0.5)]
    baseline.error_curve = None
    assert points(error.draw(first_group(run)).figure.axes[0])["numpy_vectorized"] == [(0, 0.25)]


def test_at_most_six_problems_are_drawn():
    """They are the problems with most backends, then the largest; the text has the number of problems."""
    cells = [sample_run.cell(b, n, 1e-6) for b in ("a", "b") for n in range(100, 900, 100)]
    drawing = error.draw(first_group(sample_run.run([*cells, sample_run.cell("a", 5000, 1e-6)])))
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes[::2]]
    assert titles == [f"n = {n}, d = 10" for n in range(300, 900, 100)]
    assert "for 6 of 9 problems." in drawing.alt


def test_the_figure_of_errors_is_before_its_table(written):
    """This holds for each group, in the chapter Correctness of the page. report.md shows the figures, too."""
    for name in ("full", "groups"):
        chapter = (
            (written[name] / "report.html").read_text("utf-8").split('id="correctness">')[1].split("</section>")[0]
        )
        figures_, tables_ = (
            [match.start() for match in re.finditer(title, chapter)]
            for title in (
                "Error of the loss as a share of its bound",
                "<summary><h3>Error against its bound</h3></summary>",
            )
        )
        assert len(figures_) == len(tables_) == (4 if name == "groups" else 1)
        assert all(figure < table for figure, table in zip(figures_, tables_, strict=True))
    source = (written["groups"] / "report.md").read_text("utf-8")
    for stem in ("error-float64-1", "error-float64-2", "error-float32-1", "error-float32-2"):
        assert f"](figures/{stem}.svg)" in source
        assert (written["groups"] / "figures" / f"{stem}.svg").exists()


def svgs(run: Run) -> dict:
    """stem -> (drawing, SVG) of the figures of the first group."""
    return {stem: (d, canvas.render(d.figure)) for stem, d in figures.draw_all(first_group(run)).items()}


def test_a_run_without_curves_has_no_figure_of_errors():
    """Runs of older versions have none. The table of errors is on the page."""
    run = sample_run.full()
    for cell in run.cells:
        cell.error_curve = None
    drawings = svgs(run)
    source = html.write(report_of(run, drawings))
    assert Page(source).tags.count("img") == len(drawings)
    assert "Error against its bound</h3>" in source
    assert "Error of the loss" not in source


# The page and the Markdown


def test_every_note_is_in_a_report(written):
    """The keys of NOTES are figures and titles of tables, so that no note is lost when one is renamed."""
    pages = [" ".join(Page((folder / "report.html").read_text("utf-8")).words.split()) for folder in written.values()]
    assert [key for key, note in NOTES.items() if not any(note in page for page in pages)] == []


@pytest.mark.parametrize("name", RUNS)
def test_a_page_is_one_offline_file(name, written):
    """All addresses are inside the page; it has one script, no event handler and less than 2 MB."""
    path = written[name] / "report.html"
    source = path.read_text("utf-8")
    page = Page(source)
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in page.loads)
    assert page.tags.count("script") == source.count('<script type="application/json"') + 1 == 3
    assert not page.handlers
    assert not re.search(r"url\(|@import", source)
    assert path.stat().st_size < 2_000_000
    files = len(list((written[name] / "figures").glob("*.svg")))
    assert page.tags.count("img") + source.count("It is in figures/") == files
    assert page.tags.count("img") >= min(files, 16) == min(len(page.alts), 16)
    assert all(page.alts)


def test_markup_in_a_name_is_text_on_the_page(written):
    """Names, details and settings with markup make no element."""
    source = (written["hostile"] / "report.html").read_text("utf-8")
    page = Page(source)
    assert "<script>alert(1)</script>" in page.words
    assert "onerror=alert(1)" in page.words
    assert not {"i", "u", "b"} & set(page.tags)
    assert page.tags.count("script") == 3  # the data of the run, the data of the chart, and the script of the page
    assert "\x1b" not in source


def test_the_page_of_a_broken_run_has_its_reasons(written):
    """It says why the run is unstable, why a cell has no time, and the command that repeats a cell."""
    words = Page((written["broken"] / "report.html").read_text("utf-8")).words
    facts = [
        "sentinel drift of 7 %",
        "signal SIGSEGV\nFatal Python error: line 12",
        "gdbench run -b segfaulter --size 10000x10",
        "Example CPU @ 2.50GHz",
        "A/A control",
        "never ranked",
        "4 of 6 processes drift",
    ]
    for fact in facts:
        assert fact in words, fact
    assert "Unstable" not in Page((written["full"] / "report.html").read_text("utf-8")).words


def test_a_page_that_is_too_large_names_the_files_of_its_figures(monkeypatch):
    """It has the figures that fit, and for the others their text and the name of the file."""
    run = sample_run.full()
    report_ = report_of(run, svgs(run))
    monkeypatch.setattr(html, "MAX_BYTES", 0)
    without_figures = len(html.write(report_).encode())
    monkeypatch.setattr(html, "MAX_BYTES", without_figures + 150_000)
    source = html.write(report_)
    assert without_figures < len(source.encode()) < html.MAX_BYTES
    page = Page(source)
    assert page.tags.count("img") == 1
    assert "figures/speedup-float64-1.svg" in page.words


def test_markup_in_a_name_is_text_in_markdown(written):
    """No name ends a cell or starts a code span, a formula, a link or a tag."""
    source = (written["hostile"] / "report.md").read_text("utf-8")
    rest = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", source)
    rest = re.sub(r"\\.", "", rest)
    assert not set("`$<") & set(rest)
    for line in source.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (5, 6, 7, 8, 11)
    assert text.markdown("numpy_vectorized _x") == r"numpy_vectorized \_x"


def test_a_dtype_that_is_a_path_becomes_a_file_name(written):
    """No file is written outside the folder of the run."""
    names = sorted(p.name for p in (written["hostile"] / "figures").iterdir())
    assert "speedup-_float_-1.svg" in names
    assert len(names) == 9
    assert sorted(p.name for p in written["hostile"].iterdir()) == ["figures", "report.html", "report.md"]


def test_a_loaded_run_has_the_same_report(tmp_path):
    """Saving and loading a run do not change its report."""
    save_run(tmp_path, sample_run.broken())
    assert markdown.write(report_of(load_run(tmp_path))) == markdown.write(report_of(sample_run.broken()))


def test_a_run_without_iterations_has_a_report():
    """With max_iter = 0 there is no time per iteration."""
    cell: Cell = sample_run.cell("a", 100, status="ok", n_iter=0)
    run = sample_run.run([cell])
    assert "no time" in printed(run)
    assert figures.draw_all(first_group(run))


# The README


def test_the_block_of_the_readme_is_deterministic():
    """It has a figure, the headline, two rows per backend and the machine."""
    block = readme.block(sample_run.full())
    assert block == readme.block(sample_run.full())
    assert "](results/reference/figures/time_per_iteration-float64-1.svg)" in block
    assert "numba_jit is the fastest of 3 backends" in " ".join(block.split())
    rows = [line for line in block.splitlines() if line.startswith("python_loops")]
    assert [row.count("skipped") for row in rows] == [2, 2]
    assert "Example CPU @ 2.50GHz, 2025-11-24, float64, 1 thread, 6 processes" in block


def test_the_block_replaces_only_the_text_between_the_markers(tmp_path):
    """The command reads the run in the folder beside the README."""
    (tmp_path / readme.REFERENCE).mkdir(parents=True)
    save_run(tmp_path / readme.REFERENCE, sample_run.full())
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n", "utf-8")
    readme.main([str(path)])
    assert path.read_text("utf-8") == (
        f"before\n{readme.BEGIN}\n{readme.block(sample_run.full())}\n{readme.END}\nafter\n"
    )


@pytest.mark.parametrize(
    "source", ["", readme.BEGIN, f"{readme.END} {readme.BEGIN}", f"{readme.BEGIN}{readme.BEGIN}{readme.END}"]
)
def test_missing_markers_are_an_error(source):
    """A README must have each marker once, in order; the message says what was found and what is allowed."""
    with pytest.raises(readme.MarkerError, match=r"found . times .*allowed: each once"):
        readme.replaced(source, "new")


def test_the_readme_is_up_to_date():
    """Its block is the block of the reference run."""
    current = README.read_text("utf-8")
    assert readme.replaced(current, readme.block(load_run(README.parent / readme.REFERENCE))) == current


def test_bench_report_imports_no_plotting_library():
    """A run without a report needs neither Matplotlib nor Jinja2."""
    code = "import sys, bench.report, bench.report.tables; print({'matplotlib', 'jinja2', 'scipy'} & set(sys.modules))"
    output = subprocess.check_output([sys.executable, "-c", code], cwd=README.parent, text=True)
    assert output.strip() == "set()"


def test_an_interrupted_run_has_the_times_of_its_blocks():
    """The status of a cell says how many blocks were run."""
    run = sample_run.quick()
    for cell in run.cells:
        if cell.status == "ok":
            cell.status, cell.detail = "interrupted", "1 of 6 blocks were run"
            cell.samples_s = [*cell.samples_s[:1], None]
    run.stable, run.reasons = False, ["interrupted: not every block was run"]
    source = markdown.write(report_of(run))
    row = next(line for line in source.splitlines() if "numba_jit" in line and "n = 1 000, d" in line)
    assert "| numba_jit | 7.1" in row
    assert "interrupted: 1 of 6 blocks were run" in row
    assert "Unstable, so no verdict should rest on this run: interrupted" in source


def test_reasons_of_one_kind_are_one_part_of_the_verdict():
    """The sentence counts the problems of a kind and ends with one piece of advice. The report has every reason."""
    run = sample_run.full()
    control = "A/A control too wide to detect a difference at synthetic {} x 10 (float64, 1 thread(s)): 1.0 [0.7, 1.4]"
    controls = [f"{control.format(n)}; run again on a quiet machine" for n in (100, 1_000)]
    run.stable, run.reasons = False, [*controls, "9 of 16 cells are noisy; close other programs"]
    assert tables.trust(run) == (
        "Unstable, so no verdict should rest on this run: A/A control too wide to detect a difference at 2 problems;"
        " 9 of 16 cells are noisy. Close other programs and run again."
    )
    source = markdown.write(report_of(run))
    assert (source.count("- A/A control too wide"), source.count("- 9 of 16 cells are noisy")) == (2, 1)
    run.reasons = run.reasons[:1]
    assert tables.trust(run).endswith(
        "at synthetic 100 x 10 (float64, 1 thread(s)): 1.0 [0.7, 1.4]. Close other programs and run again."
    )


def test_the_page_has_the_command_of_each_cell(written):
    """The command runs this cell alone."""
    words = Page((written["full"] / "report.html").read_text("utf-8")).words
    for cell in sample_run.full().cells:
        assert cell.control or text.clean(cell.rerun) in words


def test_the_line_of_the_plan_counts_the_outliers():
    """Of the samples of all cells with a time, each judged within its cell."""
    cells = [sample_run.cell(backend, 100, 1e-6, blocks=5) for backend in "ab"]
    cells[0].calls, cells[1].calls = 4, 7
    cells[0].samples_s = [1.0, 1.0, None, 1.0, 9.0, 1.0]
    cells[1].samples_s = [9.0, 9.0, 9.0, 9.0, 1.0]
    cells.append(sample_run.cell("c", 1_000, status="wrong"))
    cells[2].samples_s = [1.0, 1.0, 1.0, 1.0, 9.0]
    run = sample_run.run(cells)
    line = tables.plan_line(run, first_group(run))
    assert line.endswith("outliers: 2 of 10 samples, none dropped")
    assert line.startswith(
        "float64, 1 thread; n: 100 to 1\u00a0000, d: 10; 6 processes; rounds per process: 5; calls per round: 4 to 7;"
    )
