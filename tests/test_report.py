"""The report says what the run holds, and nothing that it does not hold."""

import io
import math
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import sample_run
from rich.console import Console

from bench import report, text
from bench.analysis.error_curves import MAX_POINTS
from bench.analysis.sentences import headline_sentence
from bench.analysis.speed import Group, group_cells, predicted_time, problem_key, problem_label, time_per_iteration
from bench.records import FLAGS, Cell, ProblemId, Run, Speedup, load_run, save_run
from bench.report import html, limits, markdown, readme, tables, terminal
from bench.report.document import Entries, report_of
from bench.report.plots import canvas, error, figures, ledger, roofline, speedup
from bench.report.plots.time_per_iteration import draw as draw_times

RUNS = ["full", "quick", "broken", "hostile", "groups", "empty"]
README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    """Every sample run, reported once: name -> its folder."""
    folders = {name: tmp_path_factory.mktemp(name) for name in RUNS}
    for name, folder in folders.items():
        report.write(getattr(sample_run, name)(), folder)
    return folders


def printed(run: Run, width: int = 80) -> str:
    out = Console(file=io.StringIO(), width=width)
    terminal.write(report_of(run), out)
    return out.file.getvalue()  # type: ignore[attr-defined]


def first(run: Run) -> Group:
    return group_cells(run)[0]


def lines_of(figure, panel: int = 0) -> dict[str, list[tuple[float, float]]]:
    """label -> points of each line in one of the axes of a figure."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in figure.axes[panel].lines:
        points = zip(line.get_xdata(), line.get_ydata(), strict=True)
        found.setdefault(str(line.get_label()), []).extend((float(x), float(y)) for x, y in points)
    return found


class Page(HTMLParser):
    """The tags, addresses and text of a page, as a browser reads them."""

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
            return  # the run as data, which nobody sees
        self.words += data


# Numbers


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (7.1e-6, "7.10 µs"), (725e-6, "725 µs"), (0.9996e-3, "1.00 ms"), (0.77e-6, "770 ns"), (7.7e-10, "0.770 ns"),
        (12.3, "12.3 s"), (12_345, "12\u00a0300 s"), (0.0, "0 s"), (1e-15, "1.00e-06 ns"), (999.4e-6, "999 µs"),
    ],
)  # fmt: skip
def test_duration(seconds, shown):
    """A duration has three significant digits and the largest unit in which it is at least 1."""
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("exponent", range(-12, 13))
def test_no_figure_is_rounded_to_zero(exponent):
    """Whatever its size, a figure that is not zero is not shown as zero."""
    for mantissa in (1.0, 1.234, 9.996):
        value = mantissa * 10.0**exponent
        for shown in (text.significant(value), text.duration(value), text.percent(value), text.scientific(value)):
            assert "0.000" not in shown
            assert re.search("[1-9]", shown)
        parsed = float(text.significant(value).replace(text.NO_BREAK, ""))
        assert parsed == pytest.approx(value, rel=6e-3)


@pytest.mark.parametrize("name", RUNS)
def test_zero_is_never_printed_for_a_figure(name, written):
    """No output of any run, terminal, Markdown or page, shows 0.000."""
    run = getattr(sample_run, name)()
    words = Page((written[name] / "report.html").read_text("utf-8")).words
    for shown in (printed(run), (written[name] / "report.md").read_text("utf-8"), words, readme.block(run)):
        assert not re.search(r"(?<![\d.])0\.000", shown)


def test_interval_is_in_the_unit_of_its_median():
    """The bounds stand in the same unit as the median, even where they alone would have another."""
    assert text.duration_interval(1.02e-3, 0.981e-3, 1.05e-3) == "1.02 ms [0.981, 1.05]"


def test_too_few_processes_are_said():
    """A time without an interval says so, and why, instead of showing a made-up one."""
    for shown in (printed(sample_run.quick()), markdown.write(report_of(sample_run.quick()))):
        assert "has no interval: too few processes" in shown
        assert "too few processes to judge its stability" in shown.replace("\n", " ")
        assert "[" not in shown.replace("\\[", "[").split("Cold cost")[0].split("backend", 1)[1]
    assert "too few processes" not in printed(sample_run.full())


# Groups and tables


def test_groups_are_never_mixed():
    """Each group holds the cells of one dtype and one number of threads, and together they hold every cell."""
    run = sample_run.groups()
    found = group_cells(run)
    assert [(g.dtype, g.threads) for g in found] == [("float64", 1), ("float64", 2), ("float32", 1), ("float32", 2)]
    for group in found:
        assert {(c.dtype, c.threads) for c in group.cells} == {(group.dtype, group.threads)}
    assert sum(len(g.cells) for g in found) == len(run.cells)
    assert markdown.write(report_of(run)).count("### Time per iteration") == 4


def test_table_shows_each_time_beside_its_speedups():
    """A row holds the time per iteration of its cell in order of n_samples, and both speed-ups."""
    group = first(sample_run.full())
    table = tables.times(group.ranked, "")
    assert len(table.rows) == 24
    sizes = [c.n_samples for c in group.ranked]
    assert sizes == sorted(sizes)
    row = next(r for r in table.rows if r[0] == "n = 1\u00a0000, d = 10" and r[1] == "numba_jit")
    assert re.fullmatch(r"7\.\d\d µs \[7\.\d\d, 7\.\d\d\]", row[2])
    assert re.fullmatch(r"[12]\.\d\d× faster \[[12]\.\d\d, [12]\.\d\d\]", row[3])
    assert re.fullmatch(r"1\d\d× faster \[1\d\d, 1\d\d\]", row[4])
    assert row[5] == "ok"


def test_a_ratio_below_one_is_told_as_slower():
    """Slower backends have the reciprocal ratio with its interval turned round; an interval that holds 1× is a tie."""
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


def test_the_first_screen_has_every_backend_at_every_size():
    """The table beside the answer: a row per ranked backend, a column per problem, real data last, the fastest marked."""
    group = first(sample_run.full())
    table = tables.overview(group)
    assert [row[0] for row in table.rows] == list(sample_run.SECONDS)
    assert table.columns[:2] == ("backend", "100\n× 10")
    assert table.columns[-1] == "penguins\n342 × 4"
    for cell in group.ranked:
        ns = [*sample_run.SIZES, 342]
        words = table.rows[list(sample_run.SECONDS).index(cell.backend)][1 + ns.index(cell.n_samples)]
        assert words.partition("\n")[0] == tables.short_time(cell)
    assert table.rows[0][1].endswith("× slower")
    tie = [sample_run.cell(b, 100, s) for b, s in (("numpy_vectorized", 1e-6), ("a", 1.0005e-6))]
    assert tables.overview(first(sample_run.run(tie))).rows[1][1].endswith("\ntied")
    assert {column: table.rows[row][0] for row, column in table.best} == {
        1: "numba_jit", 2: "numba_jit", 3: "numba_jit", 4: "numpy_vectorized", 5: "numba_jit", 6: "numba_jit",
    }  # fmt: skip
    assert "**" in markdown.write(report_of(sample_run.full())).partition("## Speed")[0]


def test_shares_of_the_limit_are_a_table_by_size():
    """A row per backend, a column per problem with the share that the roofline has, the largest of each marked."""
    group = first(sample_run.full())
    table = limits.shares_by_size(group)
    heads = {tables.short_problem(problem_key(c)) for c in group.ranked}
    assert set(table.columns[1:]) == heads
    for roof in group.roofs:
        head = next(tables.short_problem(problem_key(c)) for c in group.ranked if c.n_samples == roof.n_samples)
        column = table.columns.index(head)
        best = max((a for a in roof.backends if a.share), key=lambda a: a.share or 0)
        for row, words in enumerate(table.rows):
            share = next((a.share for a in roof.backends if a.backend == words[0]), None)
            assert words[column] == (text.percent(share) if share else "–")
            assert ((row, column) in table.best) == (words[0] == best.backend)


def test_a_chapter_has_its_charts_before_its_folded_tables():
    """The page has five chapters; their tables are folded, and of several groups only the first is open."""
    report_ = report_of(sample_run.groups())
    assert [section.title for section in report_.sections] == [
        "Speed", "First answer", "Limits", "Correctness", "Method and data",
    ]  # fmt: skip
    for section in report_.sections:
        titles = {topic.title for topic in section.topics if topic.folded}
        others = {"float64, 2 threads", "float32, 1 thread", "float32, 2 threads"}
        assert others <= titles or section.title == "Method and data"  # which has nothing without a picture or a flag
        for topic in section.topics:
            if any(isinstance(block, Entries) and "html" in block.media for block in topic.blocks):
                assert topic.folded or topic.half
    source = html.write(report_)
    assert re.findall(r'<h2 id="[a-z-]+">([^<]+)', source) == [s.title for s in report_.sections]
    anchors = re.findall(r' id="([^"]+)"', source)
    assert len(anchors) == len(set(anchors))
    assert not re.findall(r"<h3>[^<]*</h3>(?!</summary>)", source)  # each heading has its own address


def test_gaps_are_typed_with_their_reason():
    """A cell without a time names its kind of gap: predicted, wrong, crashed, timed out, missing."""
    table = tables.times(first(sample_run.broken()).ranked, "")
    status = {(row[1], row[0]): (row[2], row[5]) for row in table.rows}
    at = "n = {}, d = 10".format
    assert status["python_loops", at("100\u00a0000")] == ("–", "skipped (predicted 115 ms per iteration)")
    assert status["my_backend", at("1\u00a0000")] == ("–", "wrong: beta is off by a factor of 2")
    assert status["segfaulter", at("10\u00a0000")][1].startswith("crashed: signal SIGSEGV")
    assert status["segfaulter", at("100\u00a0000")][1].startswith("timeout: ")
    assert status["segfaulter", at("1\u00a0000\u00a0000")] == ("–", "out of memory")
    assert status["torch_eager", at("100")][1].startswith("unavailable: needs torch")


def test_wrong_cell_has_no_time_anywhere():
    """A wrong cell has no time in tables, figures or cold costs although the record holds its samples."""
    run = sample_run.broken()
    wrong = next(c for c in run.cells if c.status == "wrong")
    assert wrong.per_iteration_s
    assert time_per_iteration(wrong) is None
    group = first(run)
    assert all(
        row[1] != "my_backend" or "1\u00a0000," not in row[0] for row in tables.cold_costs(group.ranked, "").rows
    )
    points = lines_of(draw_times(group).figure)["my_backend"]
    assert all(math.isnan(y) for x, y in points if x == wrong.n_samples)


def test_control_is_a_line_and_no_row():
    """The A/A control is told in one line with its ratio per size, and is no backend of any table or figure."""
    group = first(sample_run.full())
    assert len(tables.times(group.ranked, "").rows) == len([c for c in sample_run.full().cells if not c.control])
    line = tables.control_line(group)
    assert line
    assert line.startswith("A/A control")
    assert len(re.findall(r"(?:1\.0\d|0\.9\d\d)× \[", line)) == 5
    assert tables.control_line(first(sample_run.hostile())) is None


def test_another_algorithm_is_not_ranked():
    """A backend with another algorithm stands in its own table, in no answer and in no figure that compares times."""
    run = sample_run.broken()
    group = first(run)
    assert {c.backend for c in group.others} == {"qr_reduced"}
    assert "qr_reduced" not in headline_sentence(group)
    told = {
        stem
        for stem, drawing in figures.draw_all(group).items()
        if any("qr_reduced" in row for row in drawing.table.rows)
    }
    assert told == {figures.stem("noise", group)}
    shown = markdown.write(report_of(run))
    assert "never ranked" in shown
    assert shown.index("Another algorithm") < shown.index("| qr_reduced")


def test_errors_are_a_share_of_the_bound():
    """The error table shows error / bound in percent, for a wrong cell too."""
    rows = tables.errors(first(sample_run.broken()).cells, "").rows
    wrong = next(r for r in rows if r[1] == "my_backend" and r[0].startswith("n = 1\u00a0000,"))
    assert wrong[2:] == ("0.00340", "1.00e-12", "3.40e+11 %")
    assert all(0 < float(r[4].split()[0]) < 10 for r in rows if r is not wrong)


def test_cold_costs_say_when_they_pay_back():
    """The ledger shows every cost and after how many calls and iterations they are repaid, never, or that it is not known."""
    rows = tables.cold_costs(first(sample_run.full()).ranked, "").rows
    of = {row[1]: row[2:] for row in rows}
    last = "16\u00a0000 calls, 160\u00a0000 iterations"  # at a million rows, with 10 iterations a call
    assert of["numba_jit"] == ("620 ms", "38.0 µs", "1.34 s", "1.41 s", "108 ms", "1.20 MB", "0.990", last)
    assert of["jax_jit"][-1] == "never"
    assert of["numpy_vectorized"][-1] == "baseline"
    assert tables.pays_back(sample_run.cell("x", 100, 1e-6)) == "unknown"


def test_flags_are_told_with_their_text():
    """Each flag of a cell is printed with the cell that it belongs to, and with the advice."""
    told = "no steady state: jax_jit at n = 100, d = 10 (4 of 6 processes drift)"
    for shown in (printed(sample_run.broken()), markdown.write(report_of(sample_run.broken()))):
        assert f"{told} ({FLAGS['no steady state']})" in shown.replace("\n", " ")


def test_a_flag_of_every_backend_names_none():
    """What concerns every backend at a problem is told once, and more than six other cells are counted."""
    cells = [sample_run.cell(b, n, 1e-6) for b in "abc" for n in (100, 1000)]
    for cell in cells[::2]:
        cell.flags = ["bound not informative"]
    cells[1].flags = ["noisy: 12%"]
    told = dict(tables.flags(first(sample_run.run(cells))))
    assert told["bound not informative"].startswith("every backend at n = 100, d = 10 (")
    assert told["noisy"].startswith("a at n = 1\u00a0000, d = 10 (12%) (")
    many = [sample_run.cell(b, n, 1e-6, flags=["noisy: 12%"] if b != "a" else []) for b in "abcde" for n in (100, 200)]
    (words,) = dict(tables.flags(first(sample_run.run(many)))).values()
    assert words.startswith("8 of 10 cells, see the data of the noise picture (")


@pytest.mark.parametrize("name", RUNS)
def test_terminal_output_fits_80_columns(name):
    """Nothing printed on a terminal of 80 columns is wider, no number is cut, and no control code passes."""
    shown = printed(getattr(sample_run, name)())
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "\x1b" not in shown
    if name == "full":
        for cell in first(sample_run.full()).ranked:
            assert tables.time_text(cell) in shown
            assert tables.speedup_text(cell, "numpy_vectorized") in shown
        assert "skipped, predicted 115 ms" in shown


# The answer


def test_answer_names_the_fastest_with_its_figures():
    """The sentence holds the backend with the lowest median at the largest size, its interval and its speed-up."""
    told = headline_sentence(first(sample_run.full()))
    assert told.startswith(
        "On this machine, at n = 1\u00a0000\u00a0000, d = 10 (float64, 1 thread), numba_jit is the fastest of 3"
    )
    assert re.search(
        r"10\.8 ms \[10\.\d, 10\.\d\] per iteration, 1\.\d\d× \[1\.\d\d, 1\.\d\d\] the speed of numpy", told
    )


def test_answer_says_tied_where_the_ratio_may_be_one():
    """Two backends whose ratio has an interval around 1 are tied, whichever has the lower median."""
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 1.0005e-6), sample_run.cell("c", 100, 2e-6)]
    told = headline_sentence(first(sample_run.run(cells)))
    assert re.search(r"(a and b|b and a) are tied as the fastest of 3 backends", told)


def test_answer_of_an_incomplete_run():
    """No time, one time, and too few processes are said as such."""
    skipped = sample_run.cell("a", 100, status="skipped")
    assert "No backend has a time (float64, 1 thread)" in headline_sentence(first(sample_run.run([skipped])))
    alone = sample_run.run([sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, status="crashed")])
    assert "a is the only backend with a time: " in headline_sentence(first(alone))
    assert "numpy_vectorized" not in headline_sentence(first(alone))
    assert "too few processes to call it the fastest" in headline_sentence(first(sample_run.quick()))


def test_answer_prefers_a_size_where_there_is_something_to_compare():
    """A size at which one backend alone has a time does not make it the fastest."""
    cells = [sample_run.cell("a", 100, 1e-6), sample_run.cell("b", 100, 2e-6), sample_run.cell("b", 1000, 2e-6)]
    assert "a is the fastest of 2 backends" in headline_sentence(first(sample_run.run(cells)))


# Figures


def test_every_time_is_drawn_where_it_belongs():
    """Each measured synthetic cell is a point at (n, seconds per iteration) of its backend's line, and no other is."""
    group = first(sample_run.full())
    drawn = lines_of(draw_times(group).figure)
    for backend in sample_run.SECONDS:
        cells = [c for c in group.ranked if c.backend == backend and time_per_iteration(c)]
        np.testing.assert_allclose(sorted(drawn[backend]), sorted((c.n_samples, c.per_iteration_s) for c in cells))


def test_real_problems_are_not_joined_to_the_sizes():
    """The penguins, another d, are single markers: no line leads to them."""
    axes = draw_times(first(sample_run.full())).figure.axes[0]
    for line in axes.lines:
        if 342 in list(line.get_xdata()) and not str(line.get_label()).startswith("_"):
            assert line.get_linestyle() == "None"
    assert any("penguins" in words.get_text() for words in axes.texts)


def test_sizes_of_different_d_are_not_joined():
    """Two numbers of features make two panels, in the figures of times and of speed-ups."""
    cells = [
        sample_run.cell(b, n, s * n * d, n_features=d, problem=ProblemId("synthetic", f"{n}x{d}", 0))
        for b, s in (("numpy_vectorized", 1e-8), ("numba_jit", 2e-8), ("python_loops", 1e-6))
        for n in (100, 1000)
        for d in (5, 50)
    ]
    group = first(sample_run.run(cells))
    made = draw_times(group).figure
    assert len(made.axes) == 2
    for panel, d in enumerate((5, 50)):
        np.testing.assert_allclose(lines_of(made, panel)["numba_jit"], [(n, 2e-8 * n * d) for n in (100, 1000)], 0.02)
    assert len(speedup.draw(group).figure.axes) == 2


def test_gaps_are_marked_with_their_kind():
    """Each cell without a time is a cross at its n in a row of its backend, and the kind stands beside it."""
    made = draw_times(first(sample_run.broken())).figure
    assert all(line.get_marker() == "x" for line in made.axes[1].lines)
    crosses = {name: [x for x, _ in points] for name, points in lines_of(made, 1).items()}
    assert crosses["python_loops"] == [100_000, 1_000_000]
    assert crosses["my_backend"] == [1_000]
    assert crosses["segfaulter"] == [10_000, 100_000, 1_000_000]
    words = {t.get_text() for t in made.axes[1].texts}
    assert {"skipped", "wrong", "crashed", "timeout", "out of memory", "unavailable"} <= words


def test_line_breaks_at_a_gap():
    """No line leads over a size at which the backend was wrong."""
    points = lines_of(draw_times(first(sample_run.broken())).figure)["my_backend"]
    assert [x for x, y in points if math.isnan(y)] == [1_000]
    assert [x for x, y in points if not math.isnan(y)] == [100, 10_000, 100_000, 1_000_000]


def test_prediction_is_dashed_and_hollow():
    """A skipped cell is drawn at its predicted time with a hollow marker at the end of a dashed line."""
    axes = draw_times(first(sample_run.full())).figure.axes[0]
    hollow = next(line for line in axes.lines if line.get_label() == "python_loops (predicted)")
    assert list(hollow.get_ydata()) == pytest.approx([0.115, 1.16])
    assert hollow.get_markerfacecolor() == "white"
    dashed = next(line for line in axes.lines if line.get_label() == "_to python_loops")
    assert dashed.get_linestyle() == "--"
    assert list(dashed.get_xdata()) == [10_000, 100_000, 1_000_000]
    assert any(t.get_text() == "predicted" for t in axes.texts)


def test_what_was_measured_is_never_drawn_hollow():
    """Without intervals, too, the last measured point stays a full marker: hollow is for predictions alone."""
    group = group_cells(sample_run.quick())[0]
    guessed = [c.n_samples for c in group.ranked if predicted_time(c)]
    axes = draw_times(group).figure.axes[0]
    for line in axes.lines:
        if str(line.get_label()).endswith("(predicted)"):
            assert set(line.get_xdata()) <= set(guessed)


def test_intervals_are_drawn_where_they_exist():
    """Every time with an interval has an error bar; without intervals there is none."""
    full = draw_times(first(sample_run.full())).figure.axes[0]
    quick = draw_times(first(sample_run.quick())).figure.axes[0]
    assert len(full.collections) == 8  # four lines, and four single markers
    assert len(quick.collections) == 0


def test_speedups_are_drawn_over_the_baseline():
    """The lines show the recorded ratios to the baseline, over plain loops where it has none; without any it says so."""
    group = first(sample_run.full())
    for baseline in ("numpy_vectorized", "python_loops"):
        drawing = speedup.draw(group)
        drawn = lines_of(drawing.figure)
        expected = [
            (c.n_samples, s.median)
            for c in group.ranked
            if c.backend == "numba_jit"
            for s in c.speedup
            if s.baseline == baseline
        ]
        np.testing.assert_allclose(sorted(drawn["numba_jit"]), sorted(expected))
        assert baseline not in drawn
        assert drawn["_level"][0][1] == 1.0
        for cell in group.ranked:
            cell.speedup = [ratio for ratio in cell.speedup if ratio.baseline != "numpy_vectorized"]
    bare = speedup.draw(first(sample_run.hostile())).figure
    for axes in bare.axes:
        assert any("no figures" in t.get_text() for t in axes.texts)


def test_ticks_read_like_figures():
    """Axes are labelled 1 µs, 1 ms, 100, 1 000, 10× faster, 10× slower, never with powers."""
    group = first(sample_run.full())
    axes = draw_times(group).figure.axes
    assert {"1 µs", "1 ms", "1 s"} <= {t.get_text() for t in axes[0].get_yticklabels()}
    assert {"100", "1\u00a0000", "1\u00a0000\u00a0000"} <= {t.get_text() for t in axes[1].get_xticklabels()}
    told = {t.get_text() for t in speedup.draw(group).figure.axes[0].get_yticklabels()}
    assert {"10× faster", "equal", "10× slower", "100× slower"} <= told


@pytest.mark.parametrize("name", ["full", "broken", "hostile"])
def test_line_labels_do_not_overlap(name):
    """The names at the line ends, as they are rendered, keep clear of each other and inside the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    made = draw_times(first(getattr(sample_run, name)())).figure
    renderer = FigureCanvasAgg(made).get_renderer()
    made.draw(renderer)
    labels = {canvas.short(c.backend) for c in first(getattr(sample_run, name)()).ranked}
    for axes in made.axes:
        # Of the words alone: the extent of an annotation holds its arrow too.
        boxes = [Text.get_window_extent(t, renderer) for t in axes.texts if t.get_text() in labels]
        edges = sorted((b.y0, b.y1, b.x1) for b in boxes)
        assert edges
        assert all(upper[0] >= lower[1] - 3 for lower, upper in pairwise(edges))
        assert all(edge[2] <= made.bbox.x1 for edge in edges)


def test_labels_move_as_little_as_they_must():
    """Nudging keeps the order and the distance, moves clusters around their mean, and stays inside the axes."""
    assert canvas.spread_out([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert canvas.spread_out([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    placed = canvas.spread_out([0.9, 0.95, 0.97, 0.98], 0.1)
    assert placed[-1] <= 1
    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(placed))
    assert canvas.spread_out([], 0.1) == []


def test_looks_are_fixed_for_the_core_and_distinct():
    """A core backend looks the same in every run, no two backends look alike, and colour never says it alone."""
    many = canvas.series_styles([*canvas.CORE, *(f"backend_{i}" for i in range(20))])
    assert len(set(many.values())) == 24
    assert all(canvas.series_styles([name, "z"])[name] == many[name] for name in canvas.CORE)
    assert len({many[name].marker for name in canvas.CORE}) == 4


@pytest.mark.parametrize("name", RUNS)
def test_alternative_texts_are_short(name):
    """Every picture has an alternative text of its own, of one or two sentences; the numbers are in its data."""
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
        at = f"n = 100{text.NO_BREAK}000, d = 10"
        assert (at, "python_loops", "", "", "", "1.150e-01", "skipped") in rows


@pytest.mark.parametrize("name", ["full", "broken", "hostile"])
def test_the_limit_is_told_in_one_sentence(name):
    """The words of the roofline name the backend that comes nearest to the limit on the largest problem."""
    group = first(getattr(sample_run, name)())
    if group.roofs:
        roof = max((r for r in group.roofs if r.problem == "synthetic"), key=lambda r: r.bytes)
        best = max((a for a in roof.backends if a.share), key=lambda a: a.share)
        assert f"{best.backend} comes nearest with {text.percent(best.share)} of the limit." in roofline.draw(group).alt


def test_figures_are_the_same_bytes_twice():
    """The same run gives the same SVG: no date, no random id."""
    for draw in (draw_times, error.draw):
        one, two = (canvas.render(draw(first(sample_run.full())).figure) for _ in range(2))
        assert one == two


def test_user_settings_do_not_show():
    """A matplotlibrc that asks for TeX, another font size or other limits changes nothing, and stays as it was."""
    import matplotlib

    plain = canvas.render(ledger.draw(first(sample_run.full())).figure)
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30, "xtick.labelsize": 25, "savefig.bbox": "tight"}):
        assert canvas.render(ledger.draw(first(sample_run.full())).figure) == plain
        assert matplotlib.rcParams["font.size"] == 30


# Errors over the iterations


def with_curve(curve, n_iter: int = 100, **other) -> Group:
    """A group of one cell that recorded this curve."""
    return first(sample_run.run([sample_run.cell("a", 100, 1e-6, n_iter=n_iter, error_curve=curve, **other)]))


def test_errors_are_drawn_as_shares_of_their_bounds():
    """A panel a problem; each error that is not 0 is a point of its backend's line at its iteration, the others are not."""
    group = first(sample_run.full())
    made = error.draw(group).figure
    assert len(made.axes) == 2 * 6  # a panel and its strip of zeros
    panels = {axes.get_title(loc="left"): lines_of(made, index) for index, axes in enumerate(made.axes)}
    for cell in group.ranked:
        if time_per_iteration(cell):
            drawn = panels[problem_label(cell)][cell.backend]
            expected = [(k, error / bound if error else math.nan) for k, error, bound in cell.error_curve]
            np.testing.assert_allclose(drawn, expected)
            assert panels[problem_label(cell)]["_bound"][0][1] == 1.0


def test_errors_of_zero_have_a_strip_of_their_own():
    """An error of exactly 0 is a mark in its backend's row below the axis, and the words count it."""
    drawing = error.draw(with_curve([[0, 0, 1e-12], [1, 1e-15, 1e-12], [9, 0, 0], [100, 0, 1e-12]]))
    panel, strip = drawing.figure.axes
    assert lines_of(drawing.figure, 1)["a"] == [(0, 0), (9, 0), (100, 0)]
    assert [label.get_text() for label in strip.get_yticklabels()] == ["exactly 0"]
    assert [row[1:] for row in drawing.table.rows] == [("0", "0"), ("1", "1.000e-03"), ("9", "0"), ("100", "0")]
    assert panel.get_ylim()[0] > 0
    nothing_else = error.draw(with_curve([[0, 0, 1e-12], [100, 0, 1e-12]]))
    assert "the largest is 0 % of it" in nothing_else.alt
    assert canvas.render(nothing_else.figure)
    none = error.draw(with_curve([[0, 1e-15, 1e-12], [100, 1e-15, 1e-12]]))
    assert len(none.figure.axes) == 1


def test_errors_inside_the_bound_are_seen_and_said():
    """The bound is a labelled line with a shaded edge above it, in the picture whether or not an error comes near."""
    drawing = error.draw(first(sample_run.full()))
    assert "Every error lies inside its bound: the largest is " in drawing.alt
    for axes in drawing.figure.axes[::2]:
        assert axes.get_ylim()[1] > 1
        assert any(words.get_text() == "beyond the bound" for words in axes.texts)
    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels[:3] == ["the bound", "1/100", "1/10\u00a0000"]
    beyond = error.draw(with_curve([[0, 3e-12, 1e-12], [5, 1, 0]]))
    assert "Not every error lies inside its bound: the largest is ∞ times it." in beyond.alt
    assert beyond.figure.axes[0].get_ylim()[1] > error.HIGHEST


@pytest.mark.parametrize(
    "curve",
    [
        None,
        [],
        [[]],
        [[1.0, 2.0]],
        [[-1, 0, 1]],
        [[0.5, 0, 1]],
        [[101, 0, 1]],
        [[1, -1, 1]],
        [[1, 1, -1]],
        [[1, 1, 1, 1]],
    ],
)
def test_no_picture_of_a_curve_that_is_none(curve):
    """What holds no error at an iteration that was made gives no picture, no file and no gap."""
    group = with_curve(curve)
    assert error.draw(group) is None
    assert set(figures.draw_all(group)) == {
        f"{stem}-float64-1" for stem in ("time_per_iteration", "speedup", "roofline", "noise")
    }


def test_hostile_curves_are_drawn_all_the_same():
    """Of a curve that is too long, unsorted or far off only what can be drawn is drawn, within the axes."""
    wild = [[k % 100, 10.0 ** (k % 600 - 300), 10.0 ** (300 - k % 600)] for k in range(10_000)]
    drawing = error.draw(with_curve([[1e300, 1, 1], [1], *wild]))
    drawn = lines_of(drawing.figure)["a"]
    assert len(drawn) == MAX_POINTS == len(drawing.table.rows)
    assert drawn == sorted(drawn)
    assert all(error.LOWEST <= share <= error.HIGHEST for _, share in drawn)
    assert canvas.render(drawing.figure)


def test_wrong_cells_have_no_curve():
    """A cell without a time has no line, whatever its record holds."""
    run = sample_run.broken()
    for cell in run.cells:
        if cell.status == "wrong":
            cell.error_curve = [[0.0, 0.9, 1.0]]
    group = first(run)
    drawing = error.draw(group)
    assert "largest is 7." in drawing.alt  # of what is drawn: 0.9 is no part of it
    index = next(
        i for i, axes in enumerate(drawing.figure.axes) if axes.get_title(loc="left").startswith("n = 1\u00a0000,")
    )
    assert "my_backend" not in lines_of(drawing.figure, index)
    assert error.draw(with_curve([[0, 0, 1]], status="wrong")) is None


def test_the_control_stands_in_for_a_baseline_without_a_curve():
    """It is the same backend: its errors are drawn under the backend's name, and only where that has none of its own."""
    run = sample_run.run([sample_run.cell("numpy_vectorized", 100, 1e-6, control=c) for c in (True, False)])
    control, baseline = run.cells
    control.error_curve, baseline.error_curve = [[0.0, 0.25, 1.0]], [[0.0, 0.5, 1.0]]
    assert lines_of(error.draw(first(run)).figure)["numpy_vectorized"] == [(0, 0.5)]
    baseline.error_curve = None
    assert lines_of(error.draw(first(run)).figure)["numpy_vectorized"] == [(0, 0.25)]


def test_at_most_six_problems_are_drawn():
    """Of more problems those of most backends and of the largest size are drawn, and the words count the others."""
    cells = [sample_run.cell(b, n, 1e-6) for b in ("a", "b") for n in range(100, 900, 100)]
    drawing = error.draw(first(sample_run.run([*cells, sample_run.cell("a", 5000, 1e-6)])))
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes[::2]]
    assert titles == [f"n = {n}, d = 10" for n in range(300, 900, 100)]
    assert "for 6 of 9 problems." in drawing.alt


def test_errors_stand_before_their_table(written):
    """The picture is on the page in the chapter of correctness, before the folded table, and in report.md; so per group."""
    for name in ("full", "groups"):
        chapter = (
            (written[name] / "report.html").read_text("utf-8").split('id="correctness">')[1].split("</section>")[0]
        )
        pictures = [at.start() for at in re.finditer("Error of the loss as a share of its bound", chapter)]
        tables_ = [at.start() for at in re.finditer("<summary><h3>Error against its bound</h3></summary>", chapter)]
        assert len(pictures) == len(tables_) == (4 if name == "groups" else 1)
        assert all(picture < table for picture, table in zip(pictures, tables_, strict=True))
    source = (written["groups"] / "report.md").read_text("utf-8")
    for stem in ("error-float64-1", "error-float64-2", "error-float32-1", "error-float32-2"):
        assert f"](figures/{stem}.svg)" in source
        assert (written["groups"] / "figures" / f"{stem}.svg").exists()


def test_old_runs_have_no_picture_of_errors():
    """A run that recorded no curve has its report without a gap: heading, note and table as before."""
    run = sample_run.full()
    for cell in run.cells:
        cell.error_curve = None
    drawn = {stem: (d, canvas.render(d.figure)) for stem, d in figures.draw_all(first(run)).items()}
    source = html.write(report_of(run, drawn))
    assert Page(source).tags.count("img") == len(drawn)
    assert "Error against its bound</h3>" in source
    assert "Error of the loss" not in source


@pytest.mark.parametrize("name", ["full", "broken", "hostile"])
def test_words_of_the_error_picture_do_not_overlap(name):
    """Legend, titles of the panels, and ticks, as they are rendered, keep clear of each other and inside the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    made = error.draw(first(getattr(sample_run, name)())).figure
    renderer = FigureCanvasAgg(made).get_renderer()
    made.draw(renderer)
    words = [*made.texts, *made.legends[0].get_texts()]
    for axes in made.axes:
        words += [axes.title, axes._left_title, axes.xaxis.label]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis):
            words += [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_visible()]
    boxes = [t.get_window_extent(renderer) for t in words if t.get_text()]
    assert all(made.bbox.x0 <= b.x0 and b.x1 <= made.bbox.x1 and made.bbox.y0 <= b.y0 for b in boxes)
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


# The page and the Markdown


@pytest.mark.parametrize("name", RUNS)
def test_page_is_one_offline_file(name, written):
    """The page loads nothing: every address is inside it; no script but its own and its data, no handler; under 2 MB."""
    path = written[name] / "report.html"
    found = Page(path.read_text("utf-8"))
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in found.loads)
    assert found.tags.count("script") == path.read_text("utf-8").count('<script type="application/json"') + 1 == 3
    assert not found.handlers
    assert not re.search(r"url\(|@import", path.read_text("utf-8"))
    assert path.stat().st_size < 2_000_000
    files = len(list((written[name] / "figures").glob("*.svg")))
    assert found.tags.count("img") + path.read_text("utf-8").count("It is in figures/") == files
    assert found.tags.count("img") >= min(files, 16) == min(len(found.alts), 16)
    assert all(found.alts)


def test_page_shows_hostile_text_as_text(written):
    """Names, details and settings that are markup reach the reader as text, and make no element."""
    source = (written["hostile"] / "report.html").read_text("utf-8")
    found = Page(source)
    assert "<script>alert(1)</script>" in found.words
    assert "onerror=alert(1)" in found.words
    assert not {"i", "u", "b"} & set(found.tags)
    assert found.tags.count("script") == 3  # the run and the series of the chart as data, and our own
    assert "\x1b" not in source


def test_page_says_what_is_in_doubt(written):
    """An unstable run, a gap with its detail, the command to run it again, and the machine are all on the page."""
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


def test_page_stays_small_with_many_pictures(monkeypatch):
    """Where the pictures would make the page too large, it names their files instead and keeps their words."""
    run = sample_run.full()
    drawn = {stem: (d, canvas.render(d.figure)) for stem, d in figures.draw_all(first(run)).items()}
    monkeypatch.setattr(html, "MAX_BYTES", 0)
    words_alone = len(html.write(report_of(run, drawn)).encode())
    monkeypatch.setattr(html, "MAX_BYTES", words_alone + 150_000)
    assert words_alone < len(html.write(report_of(run, drawn)).encode()) < html.MAX_BYTES
    found = Page(html.write(report_of(run, drawn)))
    assert found.tags.count("img") == 1
    assert "figures/speedup-float64-1.svg" in found.words


def test_markdown_shows_hostile_text_as_text(written):
    """In Markdown no name ends a cell, opens a code span, a formula, a link or a tag."""
    source = (written["hostile"] / "report.md").read_text("utf-8")
    bare = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", source)
    bare = re.sub(r"\\.", "", bare)
    assert not set("`$<") & set(bare)
    for line in source.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (5, 6, 7, 8, 11)
    assert text.markdown("numpy_vectorized _x") == r"numpy_vectorized \_x"


def test_files_keep_to_the_folder(written):
    """A dtype that is a path makes a file name like any other: nothing is written outside the folder."""
    names = sorted(p.name for p in (written["hostile"] / "figures").iterdir())
    assert "speedup-_float_-1.svg" in names
    assert len(names) == 9
    assert sorted(p.name for p in written["hostile"].iterdir()) == ["figures", "report.html", "report.md"]


def test_report_survives_the_disk(tmp_path):
    """A run that was saved and loaded gives the same report as the one in memory."""
    save_run(tmp_path, sample_run.broken())
    assert markdown.write(report_of(load_run(tmp_path))) == markdown.write(report_of(sample_run.broken()))


def test_report_of_cells_without_iterations():
    """max_iter = 0 leaves no time per iteration, and breaks nothing."""
    cell: Cell = sample_run.cell("a", 100, status="ok", n_iter=0)
    run = sample_run.run([cell])
    assert "no time" in printed(run)
    assert figures.draw_all(first(run))


# The README


def test_block_is_deterministic_and_whole():
    """The block holds the chart, the headline, two rows per backend and the machine, and is the same every time."""
    one = readme.block(sample_run.full())
    assert one == readme.block(sample_run.full())
    assert "](results/reference/figures/time_per_iteration-float64-1.svg)" in one
    assert "numba_jit is the fastest of 3 backends" in " ".join(one.split())
    rows = [line for line in one.splitlines() if line.startswith("python_loops")]
    assert [row.split()[-2:] for row in rows] == [["skipped", "skipped"]] * 2
    assert "Example CPU @ 2.50GHz, 2025-11-24, float64, 1 thread, 6 processes" in one


def test_block_replaces_only_what_is_between_the_markers(tmp_path):
    """The command rewrites the block from the run beside the README, and nothing else of it."""
    (tmp_path / readme.REFERENCE).mkdir(parents=True)
    save_run(tmp_path / readme.REFERENCE, sample_run.full())
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n", "utf-8")
    readme.main([str(path)])
    assert path.read_text("utf-8") == (
        f"before\n{readme.BEGIN}\n{readme.block(sample_run.full())}\n{readme.END}\nafter\n"
    )


@pytest.mark.parametrize(
    "words", ["", readme.BEGIN, f"{readme.END} {readme.BEGIN}", f"{readme.BEGIN}{readme.BEGIN}{readme.END}"]
)
def test_missing_markers_are_an_error(words):
    """A README without the two markers, each once and in order, is refused with what was found and what is allowed."""
    with pytest.raises(readme.MarkerError, match=r"found . times .*allowed: each once"):
        readme.replaced(words, "new")


def test_readme_is_fresh():
    """What README says of the reference run is what the reference run says."""
    current = README.read_text("utf-8")
    assert readme.replaced(current, readme.block(load_run(README.parent / readme.REFERENCE))) == current


def test_importing_the_wing_is_cheap():
    """`import bench.report` loads neither Matplotlib nor Jinja2: a run without a report does not pay for them."""
    import subprocess

    code = "import sys, bench.report, bench.report.tables; print({'matplotlib', 'jinja2', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=README.parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_interrupted_run_shows_what_it_has():
    """Cells that miss blocks keep the time of those that were run, and say that they were interrupted."""
    run = sample_run.quick()
    for cell in run.cells:
        if cell.status == "ok":
            cell.status, cell.detail, cell.samples_s = (
                "interrupted",
                "1 of 6 blocks were run",
                [*cell.samples_s[:1], None],
            )
    run.stable, run.reasons = False, ["interrupted: not every block was run"]
    shown = markdown.write(report_of(run))
    row = next(line for line in shown.splitlines() if "numba_jit" in line and "n = 1 000, d" in line)
    assert "| numba_jit | 7.1" in row
    assert "interrupted: 1 of 6 blocks were run" in row
    assert "Unstable, so no verdict should rest on this run: interrupted" in shown


def test_every_cell_names_the_command_that_runs_it_alone(written):
    """Not only what failed can be run again: the page has the command of each cell."""
    words = Page((written["full"] / "report.html").read_text("utf-8")).words
    for cell in sample_run.full().cells:
        assert cell.control or text.clean(cell.rerun) in words
