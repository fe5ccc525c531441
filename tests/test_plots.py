"""The winner map, the cost ledger, the cumulative time and the noise of a run are drawn as recorded."""

import itertools
import math

import numpy as np
import pytest
from helpers import sample_run
from helpers.drawings import first_group, points, rendered
from matplotlib import artist
from matplotlib.figure import Figure
from matplotlib.text import Text

from bench import report, text
from bench.analysis.speed import Group, time_per_iteration
from bench.records import Cell, ColdCosts, ProblemId, Speedup
from bench.report.plots import canvas, cumulative, error, figures, ledger, noise, winners
from bench.report.plots.time_per_iteration import draw as draw_times

DRAW = {
    "winners": winners.draw,
    "ledger": ledger.draw,
    "cumulative": cumulative.draw,
    "noise": noise.draw,
    "error": error.draw,
}


def group_of(*cells: Cell) -> Group:
    """The group of a run with these cells."""
    return first_group(sample_run.run(list(cells)))


def texts(axes) -> list[str]:
    return [t.get_text() for t in axes.texts]


def markers(axes) -> dict[tuple[int, int], set[str]]:
    """(column, row) of a square -> the backends that have a marker in it."""
    squares: dict[tuple[int, int], set[str]] = {}
    for backend, positions in points(axes).items():
        for x, y in positions:
            squares.setdefault((round(x), round(y)), set()).add(backend)
    return squares


# The winner map


def test_each_square_shows_the_fastest_backend_of_its_problem():
    """The columns are n and the rows are d, ascending upwards."""
    best = {(100, 5): "a", (100, 50): "b", (1000, 5): "b", (1000, 50): "a"}
    cells = [
        sample_run.cell(b, n, 1e-6 if b == winner else 2e-6, n_features=d, problem=ProblemId("synthetic", f"{n}{d}", 0))
        for (n, d), winner in best.items()
        for b in ("a", "b")
    ]
    drawing = winners.draw(group_of(*cells))
    (axes,) = drawing.figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["100", "1\u00a0000"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["d = 5", "d = 50"]
    assert markers(axes) == {(0, 0): {"a"}, (0, 1): {"b"}, (1, 0): {"b"}, (1, 1): {"a"}}
    assert drawing.alt.endswith("Alone or tied, of 4 problems: a on 2, b on 2.")
    assert drawing.table.rows[2][:3] == ("n = 1\u00a0000, d = 5", "fastest", "b")
    assert texts(axes).count("a") == texts(axes).count("b") == 2


def test_tied_backends_share_a_square():
    """Backends whose interval of the paired ratio to the fastest contains 1 have markers side by side, under "tie"."""
    cells = [sample_run.cell(b, 100, s) for b, s in (("a", 1e-6), ("b", 1.0005e-6), ("c", 2e-6))]
    drawing = winners.draw(group_of(*cells))
    (axes,) = drawing.figure.axes
    assert markers(axes) == {(0, 0): {"a", "b"}}
    assert "tie" in texts(axes)
    assert "a on 1, b on 1" in drawing.alt or "b on 1, a on 1" in drawing.alt
    assert {row[1] for row in drawing.table.rows} == {"tie"}
    xs = sorted(x for positions in points(axes).values() for x, _ in positions)
    assert xs[0] < 0 < xs[1]


def test_a_backend_that_is_faster_in_every_block_is_not_tied():
    """The ratio is paired by block: overlapping times are no tie."""
    drift = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]
    cells = [sample_run.cell(b, 100, 1e-6) for b in ("a", "b")]
    for cell, factor in zip(cells, (1.0, 1.05), strict=True):
        cell.samples_s = [factor * d for d in drift]
        cell.median_s, cell.per_iteration_s = factor * 1.5, factor * 1.5 / cell.n_iter
    drawing = winners.draw(group_of(*cells))
    assert markers(drawing.figure.axes[0]) == {(0, 0): {"a"}}
    assert drawing.table.rows[0][1:3] == ("fastest", "a")


def test_three_processes_give_no_winner():
    """Each square and the title say "lowest median", and the squares are white."""
    drawing = winners.draw(first_group(sample_run.quick()))
    assert "fastest" not in drawing.alt
    assert "Lowest median of the core (float64, 1 thread): too few processes for a winner" in drawing.alt
    axes = drawing.figure.axes[0]
    assert texts(axes).count("lowest median") == 4
    assert all(patch.get_facecolor()[:3] == (1, 1, 1) for patch in axes.patches)
    squares = winners.draw(first_group(sample_run.full())).figure.axes[0].patches
    assert all(patch.get_facecolor()[:3] != (1, 1, 1) for patch in squares)


def test_real_data_have_their_own_square():
    """Its label is the name and size of the problem; the other panel has the synthetic sizes only."""
    sizes, real = winners.draw(first_group(sample_run.full())).figure.axes
    assert markers(real) == {(0, 0): {"numba_jit"}}
    assert [t.get_text() for t in real.get_xticklabels()] == ["penguins\nn = 342, d = 4"]
    assert len(sizes.get_xticklabels()) == 5


def test_a_square_without_a_winner_says_why():
    """The reasons are: no time (with the kinds), only one backend with a time, and a problem that was not run."""
    wide = ProblemId("synthetic", "w", 0)
    cells = [
        sample_run.cell("a", 100, 1e-6),
        sample_run.cell("b", 100, 2e-6),
        sample_run.cell("a", 1000, status="crashed"),
        sample_run.cell("b", 1000, status="out_of_memory"),
        sample_run.cell("a", 100, 1e-6, n_features=50, problem=wide),
        sample_run.cell("b", 100, 1e-6, status="wrong", n_features=50, problem=wide),
    ]
    drawing = winners.draw(group_of(*cells))
    (axes,) = drawing.figure.axes
    assert markers(axes) == {(0, 0): {"a"}, (0, 1): {"a"}}
    assert {"no time:", "crashed", "out of memory", "only one with a time", "not run"} <= set(texts(axes))
    assert ("n = 1\u00a0000, d = 10", "no time: crashed and out of memory") in {row[:2] for row in drawing.table.rows}


def test_a_map_needs_two_backends_with_times():
    """A backend with another algorithm is in no map."""
    assert winners.draw(group_of(sample_run.cell("a", 100, 1e-6))) is None
    assert winners.draw(group_of(*(sample_run.cell(b, 100, status="crashed") for b in "ab"))) is None
    drawing = winners.draw(first_group(sample_run.broken()))
    assert "qr_reduced" not in drawing.alt
    assert all("qr_reduced" not in points(axes) for axes in drawing.figure.axes)


def test_a_map_shows_the_eight_largest_sizes():
    """The description counts the others; the table has all sizes."""
    sizes = range(100, 1300, 100)
    cells = [sample_run.cell(b, n, 1e-6 if (b == "a") == (n > 500) else 2e-6) for b in "ab" for n in sizes]
    drawing = winners.draw(group_of(*cells))
    assert next(t.get_text() for t in drawing.figure.axes[0].get_xticklabels()) == "500"
    assert drawing.alt.endswith("4 other problems not drawn.")
    assert len(drawing.table.rows) == 12


def group_with_tuned(fastest: dict[int, str]) -> Group:
    """Two core backends and a tuned one. fastest: size -> name of the fastest backend."""
    names = ("numpy_vectorized", "numba_jit", "numba_tuned")
    order = {n: [best, *(b for b in names if b != best)] for n, best in fastest.items()}
    return group_of(*(sample_run.cell(b, n, 1e-6 * (1 + order[n].index(b))) for n in fastest for b in names))


def test_the_first_map_compares_the_core():
    """A tuned backend is not in it. If it is the fastest at every size, there is no second map."""
    group = group_with_tuned(dict.fromkeys((100, 1000), "numba_tuned"))
    group.ranked[3].samples_s, group.ranked[4].samples_s = group.ranked[4].samples_s, group.ranked[3].samples_s
    for cell in group.ranked[3:5]:
        cell.per_iteration_s = sorted(cell.samples_s)[2] / cell.n_iter
    drawing = winners.draw(group)
    assert {row[2] for row in drawing.table.rows} == {"numpy_vectorized", "numba_jit"}
    assert "of the core" in drawing.alt
    assert winners.draw_all(group) is None


def test_the_second_map_compares_all_backends():
    """It is drawn if a tuned backend is the fastest at some sizes. A map with the same winner everywhere is not drawn."""
    group = group_with_tuned({100: "numba_tuned", 1000: "numpy_vectorized"})
    drawing = winners.draw_all(group)
    assert [row[2] for row in drawing.table.rows] == ["numba_tuned", "numpy_vectorized"]
    assert winners.draw(group) is None  # numpy_vectorized is the fastest of the core at both sizes
    assert winners.draw_all(first_group(sample_run.full())) is None  # all backends are in the core


def test_a_chart_has_at_most_seven_lines():
    """The core comes first, then the user's backends, then tuned ones. The figure names the backends that are not drawn."""
    names = [*canvas.CORE, *canvas.TUNED, "mine", "yours"]
    selected, others = canvas.select_lines(names, last=["yours"])
    assert set(selected) == {*canvas.CORE, "mine", *sorted(canvas.TUNED)[:2]}
    assert others == ["numpy_tuned", "yours"]
    group = group_of(*(costs(b, 0.4, 0.1) for b in names))
    for draw in (draw_times, cumulative.draw):
        figure = draw(group).figure
        lines = [label for label in points(figure.axes[0]) if not label.startswith("_")]
        assert len(lines) == 7
        assert [t.get_text() for t in figure.texts if "not drawn" in t.get_text()]
    assert len(draw_times(group).table.rows) == len(names)


@pytest.mark.parametrize("run", ["full", "quick", "broken", "crowded"])
def test_the_contents_of_a_square_fit_into_it(run):
    """Texts stay inside their square, and the markers of a tie do not overlap."""
    figure = winners.draw(sample_group(run)).figure
    renderer = rendered(figure)
    for axes in figure.axes:
        squares = [patch.get_window_extent(renderer) for patch in axes.patches]
        for label in axes.texts:
            box = label.get_window_extent(renderer)
            assert any(s.x0 - 1 <= box.x0 and box.x1 <= s.x1 + 1 and s.y0 <= box.y0 and box.y1 <= s.y1 for s in squares)
        # A square has at most six lines: "tie", three names, the number of other names, and the time.
        assert len([t for t in axes.texts if t.get_position()[0] == 0]) <= 6 * len(axes.get_yticks())
        lines = [line for line in axes.lines if line.get_marker() not in ("None", "")]
        centers = [(axes.transData.transform(xy), line.get_markersize()) for line in lines for xy in line.get_xydata()]
        for (center, size), (other, _) in itertools.combinations(centers, 2):
            assert math.dist(center, other) > 0.9 * size * figure.dpi / 72


# Cumulative time and break-even


def costs(backend: str, once: float, call: float, calls=None, **other) -> Cell:
    """A cell with 10 iterations per call. once: seconds of import, prepare and first call. call: seconds of a call."""
    cold_costs = ColdCosts(
        import_s=once / 2, prepare_s=once / 4, compile_s=once / 8, first_call_s=once / 4, break_even_calls=calls
    )
    return sample_run.cell(backend, 100, call / 10, n_iter=10, cold_costs=cold_costs, **other)


def exact(*cells: Cell) -> Group:
    """The group of these cells without scatter, so that a test can calculate the lines."""
    for cell in cells:
        seconds = round(cell.median_s, 3)
        cell.samples_s = [seconds] * 6
        cell.median_s = cell.ci_low_s = cell.ci_high_s = seconds
        cell.per_iteration_s = seconds / 10
    return group_of(*cells)


def test_lines_are_the_cumulative_time():
    """A line starts with import + prepare + first call; each further call adds its iterations and the time of a call."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("fast", 4.0, 0.01, 41))
    lines = points(cumulative.draw(group).figure.axes[0])
    for backend, once, call in (("numpy_vectorized", 0.4, 0.1), ("fast", 4.0, 0.01)):
        ns, seconds = np.array(lines[backend]).T
        np.testing.assert_allclose(seconds, once + call * (ns - 10) / 10)
        assert ns[0] == 10


def test_lines_end_together_inside_the_axes():
    """All lines have the same last n, also if n_iter differs, and the name of a backend is at the end of its line."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("long", 4.0, 0.01))
    group.ranked[1].n_iter = 50_000
    axes = cumulative.draw(group).figure.axes[0]
    anchors = {a.get_text(): a.xy for a in axes.texts if hasattr(a, "xy")}
    for backend in ("numpy_vectorized", "long"):
        *_, end = points(axes)[backend]
        assert end == anchors[backend] == (50_000_000, pytest.approx(end[1]))
        assert end[0] < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < end[1] < axes.get_ylim()[1]


def test_the_largest_number_of_iterations_is_drawn():
    """A record can contain n_iter = 2**63 - 1, whose multiples overflow 64-bit integers."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("long", 4.0, 0.01))
    group.ranked[1].n_iter = 2**63 - 1
    assert canvas.render(cumulative.draw(group).figure)


def test_break_even_is_where_the_lines_cross():
    """A ring marks the crossing, in the chart and in the lane below, which says the number of iterations."""
    # 0.4 + 0.1 k = 4 + 0.01 k at k = 40 calls after the first
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("fast", 4.0, 0.01, 41))
    drawing = cumulative.draw(group)
    lines, lane = drawing.figure.axes
    ((n, seconds),) = points(lines)["_pays back: fast"]
    assert (n, seconds) == (410, pytest.approx(4.4))
    baseline = np.array(points(lines)["numpy_vectorized"]).T
    assert np.interp(n, *baseline) == pytest.approx(seconds, rel=0.01)
    assert points(lane)["_pays back: fast"] == [(410, 0)]
    assert "pays back after 410 iterations" in texts(lane)
    assert drawing.alt.endswith(
        "fast is the first to pay back its start against numpy_vectorized, after 410 iterations."
    )
    assert ("fast", "10", "4.000e+00", "41 calls, 410 iterations") in drawing.table.rows
    assert lines.get_xlim() == lane.get_xlim()


@pytest.mark.parametrize(
    ("once", "call", "calls", "label"),
    [
        (0.3, 0.2, "never", "never pays back: its calls are not faster"),
        (0.3, 0.05, 1, "is ahead from the first call on"),
        (0.3, 0.1, None, "tied: its calls may be as fast"),
        (4.0, 0.099, 2**62, f"pays back after {text.count(2**62 * 10)} iterations"),  # beyond the axis
    ],
)
def test_a_backend_without_a_crossing_has_a_text_and_no_ring(once, call, calls, label):
    """The lane below says why the lines do not cross inside the axes."""
    lines, lane = cumulative.draw(
        exact(costs("numpy_vectorized", 0.4, 0.1), costs("other", once, call, calls))
    ).figure.axes
    assert label in texts(lane)
    assert not any(label.startswith("_pays back") for axes in (lines, lane) for label in points(axes))


@pytest.mark.parametrize("draw", [cumulative.draw, ledger.draw])
def test_backends_with_missing_values_are_left_out_by_name(draw):
    """Without a time or a cold cost, a backend has no line and no bar; the figure and its table say why."""
    partial = costs("partial", 1.0, 0.1)
    partial.cold_costs = ColdCosts(prepare_s=0.1, compile_s=0.0, first_call_s=0.1)
    crashed = sample_run.cell("crasher", 100, status="crashed", n_iter=10)
    drawing = draw(group_of(costs("numpy_vectorized", 0.4, 0.1), partial, crashed))
    labels = [label for axes in drawing.figure.axes for label in texts(axes)]
    assert "left out: import not known" in labels
    assert "left out: crashed" in labels
    left_out = {row[0]: "".join(row[1:]) for row in drawing.table.rows if row[0] != "numpy_vectorized"}
    assert left_out == {"partial": "left out: import not known", "crasher": "left out: crashed"}
    assert not any("partial" in points(axes) for axes in drawing.figure.axes)
    assert draw(group_of(sample_run.cell("a", 100, 1e-6))) is None


def test_a_line_has_a_band_if_its_time_has_an_interval():
    """A quick run has no intervals and no bands."""
    assert len(cumulative.draw(first_group(sample_run.full())).figure.axes[0].collections) == 4
    assert not cumulative.draw(first_group(sample_run.quick())).figure.axes[0].collections


# The ledger


def test_bars_are_stacked_costs():
    """A bar starts at 0: import, prepare, compile, the rest of the first call, and the steady calls, in seconds."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("fast", 4.0, 0.1))
    drawing = ledger.draw(group)
    axes = drawing.figure.axes[0]
    bars = [patch for container in axes.containers for patch in getattr(container, "patches", [])]
    for row, once in ((0, 0.4), (1, 4.0)):
        parts = [bar for bar in bars if round(bar.get_y() + bar.get_height() / 2) == row]
        widths = [bar.get_width() for bar in parts]
        assert widths == pytest.approx([once / 2, once / 4, once / 8, once / 8, 100 * 0.1])
        assert [bar.get_x() for bar in parts] == pytest.approx([0, *np.cumsum(widths)[:-1]])
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim()[0] == 0
    assert {"10.4 s", "14.0 s"} <= set(texts(axes))
    assert "100 steady calls of 10 iterations" in [t.get_text() for t in drawing.figure.legends[0].get_texts()]


def test_each_part_of_a_bar_has_its_own_hatch():
    """The legend shows the hatches, so that the parts differ without color."""
    figure = ledger.draw(first_group(sample_run.full())).figure
    bars = [b for container in figure.axes[0].containers for b in getattr(container, "patches", [])]
    hatches = [b.get_hatch() for b in bars][: len(ledger.PARTS)]
    assert len(set(hatches)) == len(ledger.PARTS) == 5
    assert [artist.getp(handle, "hatch") for handle in figure.legends[0].legend_handles] == hatches


def test_a_bar_beyond_the_axis_has_its_sum():
    """The axis fits the other backends if one takes far longer; the text beside its bar is the sum."""
    drawing = ledger.draw(exact(costs("a", 1.0, 0.1), costs("b", 2.0, 0.1), costs("slow", 1.0, 100.0)))
    axes = drawing.figure.axes[0]
    calls = 10 if "10 steady calls" in drawing.alt else 1
    total = 1 + 100 * calls
    assert axes.get_xlim()[1] == pytest.approx(1.3 * (2 + 0.1 * calls))
    assert f"{text.duration(total)} in all, beyond the axis →" in texts(axes)
    within = ledger.draw(exact(costs("a", 1.0, 0.1), costs("b", 2.0, 0.1))).figure.axes[0]
    assert not any("beyond" in w for w in texts(within))


# Noise


def scattered(*percents: float, **other) -> Cell:
    """A cell with a median of one second. percents: the deviation of each process."""
    cell = sample_run.cell(other.pop("backend", "a"), 100, 0.01, n_iter=100, **other)
    cell.samples_s = [1 + p / 100 for p in percents]
    cell.median_s = float(np.median(cell.samples_s))
    cell.ci_low_s, cell.ci_high_s = min(cell.samples_s), max(cell.samples_s)
    return cell


def test_samples_are_dots_in_percent_of_their_median():
    """Each sample is a dot in the row of its backend; lines mark 0 and 10 %."""
    drawing = noise.draw(group_of(scattered(-2, -1, 0, 0, 1, 12), scattered(-3, 0, 3, backend="b")))
    (axes,) = drawing.figure.axes
    lines = points(axes)
    assert lines["a"] == [(pytest.approx(p), 0) for p in (-2, -1, 0, 0, 1, 12)]
    assert lines["b"] == [(pytest.approx(p), 1) for p in (-3, 0, 3)]
    assert [x for x, _ in lines["_limit"]] == [-10, -10, 0, 0, 10, 10]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b"]
    assert "1 of 9 processes lie more than 10 % off" in drawing.alt


def test_a_sample_beyond_the_axis_is_a_triangle_with_its_percentage():
    """The triangle is at the edge of the axes."""
    (axes,) = noise.draw(group_of(scattered(-1, 0, 0, 1, 150))).figure.axes
    lines = points(axes)
    assert len(lines["a"]) == 4
    ((x, row),) = lines["_beyond a"]
    assert 0.9 * axes.get_xlim()[1] < x < axes.get_xlim()[1]
    assert row == 0
    assert "+150 %" in texts(axes)


def test_flags_of_noise_are_beside_their_row():
    """If a cell has several flags, the text counts the others. Flags of other kinds are not drawn."""
    cells = [
        scattered(0, 1, 2, flags=["noisy: 76%"]),
        scattered(0, 1, 2, backend="b", flags=["outliers: 1 of 6", "noisy: 12%"]),
        scattered(0, 1, 2, backend="c", flags=["bound not informative"]),
    ]
    drawing = noise.draw(group_of(*cells))
    labels = {round(t.get_position()[1]): t.get_text() for t in drawing.figure.axes[0].texts}
    assert labels == {0: "noisy: 76%", 1: "outliers +1"}
    assert [row[1:3] for row in drawing.table.rows] == [
        ("a", "noisy: 76%"),
        ("b", "outliers: 1 of 6; noisy: 12%"),
        ("c", ""),
    ]


def test_a_row_without_samples_says_why():
    """The reason is the kind of the gap, or "not run"."""
    cells = [scattered(0, 1), sample_run.cell("w", 100, 1e-6, status="wrong"), sample_run.cell("x", 1000, 1e-6)]
    drawing = noise.draw(group_of(*cells))
    axes = next(a for a in drawing.figure.axes if a.get_title(loc="left") == "n = 100, d = 10")
    assert texts(axes) == ["no time: wrong", "not run"]
    assert "w" not in points(axes)
    assert ("n = 100, d = 10", "w", "no time: wrong", "") in drawing.table.rows


def test_the_control_is_the_last_row():
    """Its markers are not filled."""
    axes = noise.draw(first_group(sample_run.full())).figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()][-1] == "A/A control"
    line = next(line for line in axes.lines if line.get_label() == "A/A control")
    assert line.get_markerfacecolor() == "white"
    assert set(line.get_ydata()) == {4}


def test_the_last_panel_shows_the_drift_of_the_sentinels():
    """It is in percent of the first block. Without blocks of that number of threads there is no such panel."""
    group = group_of(scattered(0, 1, 2))
    blocks = sample_run.sentinels(4, arithmetic=0.01, memory=0.02) + sample_run.sentinels(3, threads=2, memory=1.0)
    for block in blocks[:4]:
        block.sentinels["memory"] = [0.02 * (1 + 0.02 * block.index)]
    drawing = noise.draw(group._replace(blocks=blocks))
    _, sentinels = drawing.figure.axes
    assert points(sentinels)["sentinel memory"] == [(i + 1, pytest.approx(2 * i)) for i in range(4)]
    assert points(sentinels)["sentinel arithmetic"][-1] == (4, pytest.approx(0.3))
    assert sorted({y for _, y in points(sentinels)["_limit"]}) == [-5, 0, 5]
    assert drawing.alt.endswith("of the sentinels, arithmetic changes by +0.3 % and memory changes by +6.0 %.")
    assert ("sentinel", "memory", "", "+0.0 %, +2.0 %, +4.0 %, +6.0 %") in drawing.table.rows
    assert len(noise.draw(group).figure.axes) == 1
    assert len(noise.draw(group._replace(blocks=blocks[4:])).figure.axes) == 1


def test_the_figure_of_six_problems_fits_a_screen():
    """It is no taller than wide, also with the sentinels; only the lowest panels have tick labels."""
    figure = noise.draw(first_group(sample_run.full())._replace(blocks=sample_run.sentinels(4, memory=0.02))).figure
    width, height = figure.get_size_inches()
    assert height <= width
    *panels, _ = figure.axes
    assert len(panels) == 6
    labeled = [any(label.get_text() and label.get_visible() for label in a.get_xticklabels()) for a in panels]
    assert labeled == [False] * 3 + [True] * 3


def test_noise_needs_a_cell_with_two_samples():
    """Otherwise there is no figure."""
    assert noise.draw(group_of(scattered(0))) is None
    assert noise.draw(group_of(sample_run.cell("a", 100, status="crashed"))) is None


# All figures


def test_the_figures_are_in_the_report(tmp_path):
    """Each figure is a file and has a title in the page. A figure without data has no file."""
    run = sample_run.run(sample_run.core_cells(), blocks=sample_run.sentinels(3, memory=0.02))
    page = report.write(run, tmp_path).read_text("utf-8")
    assert "memory changes by +0.2 %" in page
    for title in (
        "The fastest of the core four, by size",
        "Cost ledger",
        "How noisy the run was",
        "when compiling pays back",
    ):
        assert title in page
    for stem in DRAW:
        assert (tmp_path / "figures" / f"{stem}-float64-1.svg").stat().st_size > 10_000
    assert len(page) < 2_000_000
    drawings = figures.draw_all(group_of(sample_run.cell("a", 100, status="crashed")))
    assert not {name for name in DRAW if figures.stem(name, first_group(run)) in drawings}


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize("run", ["full", "quick", "broken", "hostile", "crowded"])
def test_texts_do_not_overlap(name, run):
    """Rendered texts are apart from each other and inside the figure."""
    drawing = DRAW[name](sample_group(run))
    if drawing is None:
        assert run == "hostile"
        return
    figure = drawing.figure
    renderer = rendered(figure)
    labels = [*figure.texts, *(t for legend in figure.legends for t in legend.get_texts())]
    for axes in figure.axes:
        labels += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis):
            labels += [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_visible()]
    # Text.get_window_extent excludes the arrow of an annotation.
    boxes = [(t.get_text(), Text.get_window_extent(t, renderer)) for t in labels if t.get_text()]
    for label, box in boxes:
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0, label
    for (label, box), (other, beside) in itertools.combinations(boxes, 2):
        overlap = min(box.x1, beside.x1) - max(box.x0, beside.x0), min(box.y1, beside.y1) - max(box.y0, beside.y0)
        assert min(overlap) <= 0, (label, other)


def sample_group(run: str) -> Group:
    """The first group of a sample run, or `crowded`."""
    return crowded() if run == "crowded" else first_group(getattr(sample_run, run)())


def crowded() -> Group:
    """Eight backends with long names, ties and flags, at eight n and three d, with an outlier at each problem."""
    cells = [
        sample_run.cell(
            f"{kind}_{number}", n, n * 1e-9 * (1 + 0.0004 * number), n_features=d,
            problem=ProblemId("synthetic", f"{n}x{d}", 0),
            cold_costs=ColdCosts(import_s=0.1, prepare_s=0.01, compile_s=0.1 * number, first_call_s=0.1 * number + 0.02, break_even_calls=10 + number),
            flags=["noisy: 76%", "outliers: 1 of 6"] if number == 3 else [],
        )
        for n in range(1_000_000, 9_000_000, 1_000_000)
        for d in (5, 50, 500)
        for number, kind in enumerate(["array_library_compiled"] * 4 + ["numpy_vectorized_twice"] * 4)
    ]  # fmt: skip
    for cell in cells[3::8]:
        cell.samples_s[0] *= 3
    return group_of(*cells)


@pytest.mark.parametrize("name", DRAW)
def test_hostile_names_are_drawn_as_text(name):
    """Formulas, markup and control codes in a name are text, and long names are shortened in the description and table."""
    cells = [c for c in sample_run.hostile().cells if c.dtype == "float64"]
    for cell in cells:
        cell.cold_costs = ColdCosts(import_s=0.1, prepare_s=0.1, compile_s=0.1, first_call_s=0.2, break_even_calls=5)
    drawing = DRAW[name](group_of(*cells))
    assert b"\x1b" not in canvas.render(drawing.figure)
    words = drawing.alt + "".join(cell for row in drawing.table.rows for cell in row)
    assert words.replace(text.NO_BREAK, "").isprintable()
    assert "x" * 41 not in words


@pytest.mark.parametrize("name", DRAW)
@pytest.mark.parametrize(
    "value", [5e-324, 1.7e308, *(pytest.param(x, marks=pytest.mark.slow) for x in (1e-200, 1e300))]
)
def test_extreme_values_are_drawn(name, value):
    """Every positive float in a record gives a figure."""
    group = first_group(sample_run.full())._replace(blocks=sample_run.sentinels(3, memory=value))
    for cell in group.ranked[::3]:
        if time_per_iteration(cell):
            cell.samples_s = [value] * 6
            cell.median_s = cell.ci_low_s = cell.ci_high_s = cell.per_iteration_s = value
            cell.cold_costs = ColdCosts(value, value, value, value, 2**63 - 1)
            cell.speedup = [Speedup("numpy_vectorized", value, value, value)]
    assert canvas.render(DRAW[name](group).figure)


@pytest.mark.parametrize("draw", [*DRAW.values(), draw_times], ids=[*DRAW, "times"])
def test_figures_are_deterministic(draw):
    """The same run gives the same bytes: there is no date and no random id in the SVG."""
    svg, repetition = (canvas.render(draw(first_group(sample_run.full())).figure) for _ in range(2))
    assert svg == repetition


@pytest.mark.parametrize("count", range(5, 12))
def test_the_legend_fits_into_the_figure(count):
    """For any number of backends, each name in the legend is inside the figure."""
    styles = canvas.series_styles(
        ["python_loops", "numpy_vectorized", "numba_jit", "jax_jit", *(f"numba_tuned_{i}" for i in range(count - 4))]
    )
    with canvas.house_style():
        figure = Figure(figsize=(canvas.WIDTH, 3))
        canvas.legend(figure, styles)
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


@pytest.mark.parametrize(("sizes", "markers"), [(32, 32), (100, 25)])
def test_a_line_of_many_points_has_few_markers(sizes, markers):
    """The line has all points; a marker and an interval have every fourth of a hundred."""
    axes = Figure().subplots()
    many = [canvas.Point(n, 1e-6 * n, 0.9e-6 * n, 1.1e-6 * n) for n in range(1, sizes + 1)]
    canvas.draw_points(axes, many, canvas.series_styles(["mine"])["mine"], "mine")
    assert len(points(axes)["mine"]) == sizes
    assert axes.lines[0].get_markevery() == sizes / markers
    assert len(axes.collections[0].get_paths()) == markers


@pytest.mark.parametrize(
    ("calls", "words"), [(1, "is ahead from the first call on"), (2, "pays back after 20 iterations")]
)
def test_two_calls_are_a_break_even_and_one_is_none(calls, words):
    """A call has 10 iterations. With one call, the backend is ahead from the start."""
    assert cumulative._break_even(costs("fast", 0.3, 0.05, calls)) == words
