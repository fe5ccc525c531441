"""The winner map, the cost ledger, the break-even points and the noise of a run match its record."""

import math

import numpy as np
import pytest
from helpers import sample_run
from matplotlib import artist

from bench import report, text
from bench.analysis.speed import Group, group_cells, time_per_iteration
from bench.records import Cell, ColdCosts, ProblemId, Run, Speedup
from bench.report.plots import canvas, cumulative, figures, ledger, noise, winners
from bench.report.plots.time_per_iteration import draw as draw_times

DRAWN = {"winners": winners.draw, "ledger": ledger.draw, "cumulative": cumulative.draw, "noise": noise.draw}


def first(run: Run) -> Group:
    return group_cells(run)[0]


def grouped(*cells: Cell) -> Group:
    return first(sample_run.run(list(cells)))


def points(axes) -> dict[str, list[tuple[float, float]]]:
    """label -> points of the lines of axes."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in axes.lines:
        pairs = zip(line.get_xdata(), line.get_ydata(), strict=True)
        found.setdefault(str(line.get_label()), []).extend((float(x), float(y)) for x, y in pairs)
    return found


def words(axes) -> list[str]:
    return [t.get_text() for t in axes.texts]


def marked(axes) -> dict[tuple[int, int], set[str]]:
    """(column, row) of a square -> the backends that have a marker in it."""
    found: dict[tuple[int, int], set[str]] = {}
    for backend, at in points(axes).items():
        for x, y in at:
            found.setdefault((round(x), round(y)), set()).add(backend)
    return found


# The winner map


def test_each_square_holds_the_fastest_of_its_problem():
    """At each n and d the marker is that of the backend with the least time there, upwards with d, across with n."""
    best = {(100, 5): "a", (100, 50): "b", (1000, 5): "b", (1000, 50): "a"}
    cells = [
        sample_run.cell(b, n, 1e-6 if b == winner else 2e-6, n_features=d, problem=ProblemId("synthetic", f"{n}{d}", 0))
        for (n, d), winner in best.items()
        for b in ("a", "b")
    ]
    drawing = winners.draw(grouped(*cells))
    (axes,) = drawing.figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["100", "1\u00a0000"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["d = 5", "d = 50"]
    assert marked(axes) == {(0, 0): {"a"}, (0, 1): {"b"}, (1, 0): {"b"}, (1, 1): {"a"}}
    assert drawing.alt.endswith("Alone or tied, of 4 problems: a on 2, b on 2.")
    assert drawing.table.rows[2][:3] == ("n = 1\u00a0000, d = 5", "fastest", "b")
    assert words(axes).count("a") == words(axes).count("b") == 2


def test_a_tie_is_shown_as_a_tie():
    """All whose paired ratio to the best may be 1 have a marker in the square, which says "tie"; the slower has none."""
    cells = [sample_run.cell(b, 100, s) for b, s in (("a", 1e-6), ("b", 1.0005e-6), ("c", 2e-6))]
    drawing = winners.draw(grouped(*cells))
    (axes,) = drawing.figure.axes
    assert marked(axes) == {(0, 0): {"a", "b"}}
    assert "tie" in words(axes)
    assert "a on 1, b on 1" in drawing.alt or "b on 1, a on 1" in drawing.alt
    assert {row[1] for row in drawing.table.rows} == {"tie"}
    xs = sorted(x for at in points(axes).values() for x, _ in at)
    assert xs[0] < 0 < xs[1]  # beside each other


def test_pairing_in_blocks_decides_a_tie():
    """Times that overlap from block to block are no tie where one backend wins in every block."""
    drift = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0]
    cells = [sample_run.cell(b, 100, 1e-6) for b in ("a", "b")]
    for cell, factor in zip(cells, (1.0, 1.05), strict=True):
        cell.samples_s = [factor * d for d in drift]
        cell.median_s, cell.per_iteration_s = factor * 1.5, factor * 1.5 / cell.n_iter
    drawing = winners.draw(grouped(*cells))
    assert marked(drawing.figure.axes[0]) == {(0, 0): {"a"}}
    assert drawing.table.rows[0][1:3] == ("fastest", "a")


def test_too_few_processes_have_no_winner():
    """With three processes each square and the title say "lowest median", and no square is tinted for a winner."""
    drawing = winners.draw(first(sample_run.quick()))
    assert "fastest" not in drawing.alt
    assert "Lowest median of the core (float64, 1 thread): too few processes for a winner" in drawing.alt
    axes = drawing.figure.axes[0]
    assert words(axes).count("lowest median") == 4
    assert all(patch.get_facecolor()[:3] == (1, 1, 1) for patch in axes.patches)
    tinted = winners.draw(first(sample_run.full())).figure.axes[0].patches
    assert all(patch.get_facecolor()[:3] != (1, 1, 1) for patch in tinted)


def test_real_problems_are_named_apart():
    """The penguins have a square of their own, under which their name and size stand, and none among the sizes."""
    sizes, real = winners.draw(first(sample_run.full())).figure.axes
    assert marked(real) == {(0, 0): {"numba_jit"}}
    assert [t.get_text() for t in real.get_xticklabels()] == ["penguins\nn = 342, d = 4"]
    assert len(sizes.get_xticklabels()) == 5


def test_squares_without_a_winner_say_why():
    """No time, with its kinds; only one with a time; and a size that was not run at that d: each is told by name."""
    wide = ProblemId("synthetic", "w", 0)
    cells = [
        sample_run.cell("a", 100, 1e-6),
        sample_run.cell("b", 100, 2e-6),
        sample_run.cell("a", 1000, status="crashed"),
        sample_run.cell("b", 1000, status="out_of_memory"),
        sample_run.cell("a", 100, 1e-6, n_features=50, problem=wide),
        sample_run.cell("b", 100, 1e-6, status="wrong", n_features=50, problem=wide),
    ]
    drawing = winners.draw(grouped(*cells))
    (axes,) = drawing.figure.axes
    assert marked(axes) == {(0, 0): {"a"}, (0, 1): {"a"}}
    assert {"no time:", "crashed", "out of memory", "only one with a time", "not run"} <= set(words(axes))
    assert ("n = 1\u00a0000, d = 10", "no time: crashed and out of memory") in {row[:2] for row in drawing.table.rows}


def test_nothing_to_compare_is_no_map():
    """One backend alone, or no time at all, makes no winner map; another algorithm never stands in one."""
    assert winners.draw(grouped(sample_run.cell("a", 100, 1e-6))) is None
    assert winners.draw(grouped(*(sample_run.cell(b, 100, status="crashed") for b in "ab"))) is None
    drawing = winners.draw(first(sample_run.broken()))
    assert "qr_reduced" not in drawing.alt
    assert all("qr_reduced" not in points(axes) for axes in drawing.figure.axes)


def test_a_map_of_many_sizes_shows_the_largest():
    """Of more than eight sizes the eight largest are drawn, and the words count the others; the table has them all."""
    sizes = range(100, 1300, 100)
    cells = [sample_run.cell(b, n, 1e-6 if (b == "a") == (n > 500) else 2e-6) for b in "ab" for n in sizes]
    drawing = winners.draw(grouped(*cells))
    assert next(t.get_text() for t in drawing.figure.axes[0].get_xticklabels()) == "500"
    assert drawing.alt.endswith("4 other problems not drawn.")
    assert len(drawing.table.rows) == 12


def tuned(fastest: dict[int, str]) -> Group:
    """Two core backends and a tuned one, of which `fastest` names the fastest by size."""
    names = ("numpy_vectorized", "numba_jit", "numba_tuned")
    order = {n: [best, *(b for b in names if b != best)] for n, best in fastest.items()}
    return grouped(*(sample_run.cell(b, n, 1e-6 * (1 + order[n].index(b))) for n in fastest for b in names))


def test_the_core_has_a_map_of_its_own():
    """A tuned file that wins everywhere is in no map: the first compares the core, and the second would be of one winner."""
    group = tuned(dict.fromkeys((100, 1000), "numba_tuned"))
    group.ranked[3].samples_s, group.ranked[4].samples_s = group.ranked[4].samples_s, group.ranked[3].samples_s
    for cell in group.ranked[3:5]:
        cell.per_iteration_s = sorted(cell.samples_s)[2] / cell.n_iter
    drawing = winners.draw(group)
    assert {row[2] for row in drawing.table.rows} == {"numpy_vectorized", "numba_jit"}
    assert "of the core" in drawing.alt
    assert winners.draw_all(group) is None


def test_a_map_of_all_is_drawn_where_it_says_more():
    """Where a tuned file wins at one size alone, the second map shows all; a field of equal winners is never drawn."""
    group = tuned({100: "numba_tuned", 1000: "numpy_vectorized"})
    drawing = winners.draw_all(group)
    assert [row[2] for row in drawing.table.rows] == ["numba_tuned", "numpy_vectorized"]
    assert winners.draw(group) is None  # numpy_vectorized wins both among the core
    assert winners.draw_all(first(sample_run.full())) is None  # there is nothing but the core


def test_a_chart_has_at_most_seven_lines():
    """Of more backends the core comes first, then the user's; tuned files are left out before, and the picture says so."""
    names = [*canvas.CORE, *canvas.TUNED, "mine", "yours"]
    drawn, others = canvas.select_lines(names, last=["yours"])
    assert set(drawn) == {*canvas.CORE, "mine", *sorted(canvas.TUNED)[:2]}
    assert others == ["numpy_tuned", "yours"]
    group = grouped(*(costs(b, 0.4, 0.1) for b in names))
    for draw in (draw_times, cumulative.draw):
        figure = draw(group).figure
        lines = [label for label in points(figure.axes[0]) if not label.startswith("_")]
        assert len(lines) == 7
        assert [t.get_text() for t in figure.texts if "not drawn" in t.get_text()]
    assert len(draw_times(group).table.rows) == len(names)


@pytest.mark.parametrize("run", ["full", "quick", "broken", "crowded"])
def test_what_stands_in_a_square_stays_there(run):
    """Words do not leave their square, and the markers of a tie do not cover each other, however many they are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    group = crowded() if run == "crowded" else first(getattr(sample_run, run)())
    made = winners.draw(group).figure
    renderer = FigureCanvasAgg(made).get_renderer()
    made.draw(renderer)
    for axes in made.axes:
        squares = [patch.get_window_extent(renderer) for patch in axes.patches]
        for words_ in axes.texts:
            box = words_.get_window_extent(renderer)
            assert any(s.x0 - 1 <= box.x0 and box.x1 <= s.x1 + 1 and s.y0 <= box.y0 and box.y1 <= s.y1 for s in squares)
            # "tie", three names, how many more, and the time: a name of a tie has one line.
            assert len([t for t in axes.texts if t.get_position()[0] == 0]) <= 6 * len(axes.get_yticks())
        lines = [line for line in axes.lines if line.get_marker() not in ("None", "")]
        middles = [(axes.transData.transform(xy), line.get_markersize()) for line in lines for xy in line.get_xydata()]
        for index, (one, size) in enumerate(middles):
            for other, _ in middles[index + 1 :]:
                assert math.dist(one, other) > 0.9 * size * made.dpi / 72


# Cumulative time and break-even


def costs(backend: str, once: float, call: float, calls=None, **other) -> Cell:
    """A cell of 10 iterations a call, of `call` seconds each; `once` seconds of import, prepare and first call."""
    found = ColdCosts(
        import_s=once / 2, prepare_s=once / 4, compile_s=once / 8, first_call_s=once / 4, break_even_calls=calls
    )
    return sample_run.cell(backend, 100, call / 10, n_iter=10, cold_costs=found, **other)


def exact(*cells: Cell) -> Group:
    """Without the scatter, so that the lines can be calculated."""
    for cell in cells:
        seconds = round(cell.median_s, 3)
        cell.samples_s = [seconds] * 6
        cell.median_s = cell.ci_low_s = cell.ci_high_s = seconds
        cell.per_iteration_s = seconds / 10
    return grouped(*cells)


def test_lines_are_the_time_since_the_start():
    """Each point is import + prepare + first call, then one steady call more for as many iterations as a call has."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("fast", 4.0, 0.01, 41))
    drawn = points(cumulative.draw(group).figure.axes[0])
    for backend, once, call in (("numpy_vectorized", 0.4, 0.1), ("fast", 4.0, 0.01)):
        ns, seconds = np.array(drawn[backend]).T
        np.testing.assert_allclose(seconds, once + call * (ns - 10) / 10)
        assert ns[0] == 10


def test_every_line_ends_inside_its_axes():
    """Where calls have unlike numbers of iterations, too, each line reaches one last n, and its name is tied to its end."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("long", 4.0, 0.01))
    group.ranked[1].n_iter = 50_000
    axes = cumulative.draw(group).figure.axes[0]
    tied = {a.get_text(): a.xy for a in axes.texts if hasattr(a, "xy")}
    for backend in ("numpy_vectorized", "long"):
        *_, end = points(axes)[backend]
        assert end == tied[backend] == (50_000_000, pytest.approx(end[1]))
        assert end[0] < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < end[1] < axes.get_ylim()[1]


def test_as_many_iterations_as_a_record_can_hold_are_drawn():
    """The largest number of iterations gives a picture, too, though its multiples are no whole numbers of 64 bits."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("long", 4.0, 0.01))
    group.ranked[1].n_iter = 2**63 - 1
    assert canvas.render(cumulative.draw(group).figure)


def test_break_even_is_where_the_lines_cross():
    """The ring lies where both have taken the same time, is named with its iterations, and stands in the row below."""
    # 0.4 + 0.1 k = 4 + 0.01 k at k = 40 calls after the first
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("fast", 4.0, 0.01, 41))
    drawing = cumulative.draw(group)
    lines, lane = drawing.figure.axes
    ((n, seconds),) = points(lines)["_pays back: fast"]
    assert (n, seconds) == (410, pytest.approx(4.4))
    base = np.array(points(lines)["numpy_vectorized"]).T
    assert np.interp(n, *base) == pytest.approx(seconds, rel=0.01)
    assert points(lane)["_pays back: fast"] == [(410, 0)]
    assert "pays back after 410 iterations" in words(lane)
    assert drawing.alt.endswith(
        "fast is the first to pay back its start against numpy_vectorized, after 410 iterations."
    )
    assert ("fast", "10", "4.000e+00", "41 calls, 410 iterations") in drawing.table.rows
    assert lines.get_xlim() == lane.get_xlim()


@pytest.mark.parametrize(
    ("calls", "call", "told"),
    [
        ("never", 0.2, "never pays back: its calls are not faster"),
        (1, 0.05, "is ahead from the first call on"),
        (None, 0.1, "tied: its calls may be as fast"),
    ],
)
def test_what_has_no_break_even_says_so(calls, call, told):
    """Never, from the first call on, and tied have words and no ring."""
    drawing = cumulative.draw(exact(costs("numpy_vectorized", 0.4, 0.1), costs("other", 0.3, call, calls)))
    lines, lane = drawing.figure.axes
    assert told in words(lane)
    assert not any(label.startswith("_pays back") for axes in (lines, lane) for label in points(axes))


def test_break_even_beyond_the_axis_has_words_alone():
    """A break-even after more calls than the axis reaches is told, and no ring is drawn where it is not."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("slow", 4.0, 0.099, 2**62))
    lines, lane = cumulative.draw(group).figure.axes
    assert f"pays back after {text.count(2**62 * 10)} iterations" in words(lane)
    assert not any(label.startswith("_pays back") for axes in (lines, lane) for label in points(axes))


@pytest.mark.parametrize("draw", [cumulative.draw, ledger.draw])
def test_backends_with_missing_parts_are_named_as_left_out(draw):
    """Without a time, or without a part of the ledger, a backend has no line and no bar, and its name with the reason."""
    partly = costs("partly", 1.0, 0.1)
    partly.cold_costs = ColdCosts(prepare_s=0.1, compile_s=0.0, first_call_s=0.1)
    crashed = sample_run.cell("crasher", 100, status="crashed", n_iter=10)
    drawing = draw(grouped(costs("numpy_vectorized", 0.4, 0.1), partly, crashed))
    said = [w for axes in drawing.figure.axes for w in words(axes)]
    assert "left out: import not known" in said
    assert "left out: crashed" in said
    left_out = {row[0]: "".join(row[1:]) for row in drawing.table.rows if row[0] != "numpy_vectorized"}
    assert left_out == {"partly": "left out: import not known", "crasher": "left out: crashed"}
    assert not any("partly" in points(axes) for axes in drawing.figure.axes)
    assert draw(grouped(sample_run.cell("a", 100, 1e-6))) is None


def test_bands_are_the_intervals_of_the_steady_calls():
    """A line has a band where its time has an interval, and none in a quick run."""
    assert len(cumulative.draw(first(sample_run.full())).figure.axes[0].collections) == 4
    assert not cumulative.draw(first(sample_run.quick())).figure.axes[0].collections


# The ledger


def test_bars_are_stacked_from_their_parts():
    """A bar begins at 0 and is import, prepare, compile, the rest of the first call and the steady calls, in seconds."""
    group = exact(costs("numpy_vectorized", 0.4, 0.1), costs("fast", 4.0, 0.1))
    drawing = ledger.draw(group)
    axes = drawing.figure.axes[0]
    bars = [patch for container in axes.containers for patch in getattr(container, "patches", [])]
    found = {row: [b for b in bars if round(b.get_y() + b.get_height() / 2) == row] for row in (0, 1)}
    for row, once in ((0, 0.4), (1, 4.0)):
        widths = [b.get_width() for b in found[row]]
        assert widths == pytest.approx([once / 2, once / 4, once / 8, once / 8, 100 * 0.1])
        assert [b.get_x() for b in found[row]] == pytest.approx([0, *np.cumsum(widths)[:-1]])
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim()[0] == 0
    assert {"10.4 s", "14.0 s"} <= set(words(axes))
    assert "100 steady calls of 10 iterations" in [t.get_text() for t in drawing.figure.legends[0].get_texts()]


def test_parts_are_told_apart_without_colour():
    """No two parts of a bar have the same hatch, and the legend shows the hatches of the bars."""
    made = ledger.draw(first(sample_run.full())).figure
    bars = [b for container in made.axes[0].containers for b in getattr(container, "patches", [])]
    hatches = [b.get_hatch() for b in bars][: len(ledger.PARTS)]
    assert len(set(hatches)) == len(ledger.PARTS) == 5
    assert [artist.getp(handle, "hatch") for handle in made.legends[0].legend_handles] == hatches


def test_a_bar_beyond_the_axis_says_its_sum():
    """One backend that takes far longer than all others does not flatten them: its bar leaves the axis, with its sum."""
    drawing = ledger.draw(exact(costs("a", 1.0, 0.1), costs("b", 2.0, 0.1), costs("slow", 1.0, 100.0)))
    axes = drawing.figure.axes[0]
    calls = 10 if "10 steady calls" in drawing.alt else 1
    total = 1 + 100 * calls
    assert axes.get_xlim()[1] == pytest.approx(1.3 * (2 + 0.1 * calls))
    assert f"{text.duration(total)} in all, beyond the axis →" in words(axes)
    within = ledger.draw(exact(costs("a", 1.0, 0.1), costs("b", 2.0, 0.1))).figure.axes[0]
    assert not any("beyond" in w for w in words(within))


# Where the run was noisy


def scattered(*percents: float, **other) -> Cell:
    """A cell whose processes lie so many percent off their median of one second."""
    cell = sample_run.cell(other.pop("backend", "a"), 100, 0.01, n_iter=100, **other)
    cell.samples_s = [1 + p / 100 for p in percents]
    cell.median_s = float(np.median(cell.samples_s))
    cell.ci_low_s, cell.ci_high_s = min(cell.samples_s), max(cell.samples_s)
    return cell


def test_processes_are_dots_in_percent_of_their_median():
    """Each sample of a cell is a dot at its deviation, in the row of its backend, between marked limits of 10 %."""
    drawing = noise.draw(grouped(scattered(-2, -1, 0, 0, 1, 12), scattered(-3, 0, 3, backend="b")))
    (axes,) = drawing.figure.axes
    drawn = points(axes)
    assert drawn["a"] == [(pytest.approx(p), 0) for p in (-2, -1, 0, 0, 1, 12)]
    assert drawn["b"] == [(pytest.approx(p), 1) for p in (-3, 0, 3)]
    assert [x for x, _ in drawn["_limit"]] == [-10, -10, 0, 0, 10, 10]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b"]
    assert "1 of 9 processes lie more than 10 % off" in drawing.alt


def test_what_is_beyond_the_axis_has_its_figure():
    """A process far off is no dot within the axis but a triangle at its edge, and its percentage stands beside."""
    (axes,) = noise.draw(grouped(scattered(-1, 0, 0, 1, 150))).figure.axes
    drawn = points(axes)
    assert len(drawn["a"]) == 4
    ((x, row),) = drawn["_beyond a"]
    assert 0.9 * axes.get_xlim()[1] < x < axes.get_xlim()[1]
    assert row == 0
    assert "+150 %" in words(axes)


def test_flagged_cells_carry_the_text():
    """A flag that tells of noise stands beside its row; with several the others are counted; "bound" flags do not."""
    cells = [
        scattered(0, 1, 2, flags=["noisy: 76%"]),
        scattered(0, 1, 2, backend="b", flags=["outliers: 1 of 6", "noisy: 12%"]),
        scattered(0, 1, 2, backend="c", flags=["bound not informative"]),
    ]
    drawing = noise.draw(grouped(*cells))
    texts = {round(t.get_position()[1]): t.get_text() for t in drawing.figure.axes[0].texts}
    assert texts == {0: "noisy: 76%", 1: "outliers +1"}
    assert [row[1:3] for row in drawing.table.rows] == [
        ("a", "noisy: 76%"),
        ("b", "outliers: 1 of 6; noisy: 12%"),
        ("c", ""),
    ]


def test_gaps_in_the_scatter_are_typed():
    """A backend without a time has its kind of gap in its row, one that was not run there says so; no dot in either."""
    cells = [scattered(0, 1), sample_run.cell("w", 100, 1e-6, status="wrong"), sample_run.cell("x", 1000, 1e-6)]
    drawing = noise.draw(grouped(*cells))
    axes = next(a for a in drawing.figure.axes if a.get_title(loc="left") == "n = 100, d = 10")
    assert words(axes) == ["no time: wrong", "not run"]
    assert "w" not in points(axes)
    assert ("n = 100, d = 10", "w", "no time: wrong", "") in drawing.table.rows


def test_the_control_is_a_row_of_hollow_markers():
    """The A/A control has its own row below, with markers that are not filled."""
    axes = noise.draw(first(sample_run.full())).figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()][-1] == "A/A control"
    line = next(line for line in axes.lines if line.get_label() == "A/A control")
    assert line.get_markerfacecolor() == "white"
    assert set(line.get_ydata()) == {4}


def test_sentinels_are_drawn_where_the_caller_has_them():
    """With blocks of that thread count the last panel shows each sentinel against its first time; without, there is none."""
    group = grouped(scattered(0, 1, 2))
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


def test_the_scatter_of_six_problems_is_no_taller_than_wide():
    """With its sentinels the picture fits a screen; only the lowest panels say their percentages."""
    figure = noise.draw(first(sample_run.full())._replace(blocks=sample_run.sentinels(4, memory=0.02))).figure
    width, height = figure.get_size_inches()
    assert height <= width
    *panels, _ = figure.axes
    assert len(panels) == 6
    said = [any(label.get_text() and label.get_visible() for label in a.get_xticklabels()) for a in panels]
    assert said == [False] * 3 + [True] * 3


def test_one_process_has_no_scatter():
    """Where every cell has one process or none there is no figure."""
    assert noise.draw(grouped(scattered(0))) is None
    assert noise.draw(grouped(sample_run.cell("a", 100, status="crashed"))) is None


# All of them


def test_they_are_in_the_report(tmp_path):
    """Each is a file and a picture of the page, with the drift of the run's own blocks; what says nothing has no file."""
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
    for stem in DRAWN:
        assert (tmp_path / "figures" / f"{stem}-float64-1.svg").stat().st_size > 10_000
    assert len(page) < 2_000_000
    nothing = figures.draw_all(grouped(sample_run.cell("a", 100, status="crashed")))
    assert not {name for name in DRAWN if figures.stem(name, first(run)) in nothing}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("run", ["full", "quick", "broken", "hostile", "crowded"])
def test_words_do_not_overlap(name, run):
    """The words, as they are rendered, keep clear of each other and lie inside the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    drawing = DRAWN[name](crowded() if run == "crowded" else first(getattr(sample_run, run)()))
    if drawing is None:
        assert run == "hostile"
        return
    made = drawing.figure
    renderer = FigureCanvasAgg(made).get_renderer()
    made.draw(renderer)
    said = [*made.texts, *(t for legend in made.legends for t in legend.get_texts())]
    for axes in made.axes:
        said += [*axes.texts, axes._left_title, axes.xaxis.label]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis):
            said += [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_visible()]
    # Of the words alone: the extent of an annotation holds its arrow too.
    boxes = [(t.get_text(), Text.get_window_extent(t, renderer)) for t in said if t.get_text()]
    for words_, box in boxes:
        assert made.bbox.x0 <= box.x0 and box.x1 <= made.bbox.x1 and made.bbox.y0 <= box.y0, words_
    for index, (one, box) in enumerate(boxes):
        for other, beside in boxes[index + 1 :]:
            slack = min(box.x1, beside.x1) - max(box.x0, beside.x0), min(box.y1, beside.y1) - max(box.y0, beside.y0)
            assert slack[0] <= 0 or slack[1] <= 2, (one, other)


def crowded() -> Group:
    """Eight backends with long names, ties, flags, a number of sizes and of features, and a far-off process."""
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
    return grouped(*cells)


@pytest.mark.parametrize("name", DRAWN)
def test_hostile_names_are_words(name):
    """Names that are formulas, markup and control codes are drawn as text, and cleaned in the words and the table."""
    cells = [c for c in sample_run.hostile().cells if c.dtype == "float64"]
    for cell in cells:
        cell.cold_costs = ColdCosts(import_s=0.1, prepare_s=0.1, compile_s=0.1, first_call_s=0.2, break_even_calls=5)
    drawing = DRAWN[name](grouped(*cells))
    assert b"\x1b" not in canvas.render(drawing.figure)
    told = drawing.alt + "".join(cell for row in drawing.table.rows for cell in row)
    assert told.replace(text.NO_BREAK, "").isprintable()
    assert "x" * 41 not in told


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("far", [5e-324, 1e-200, 1e300, 1.7e308])
def test_hostile_figures_are_drawn_all_the_same(name, far):
    """Whatever positive figure a record holds, there is a picture."""
    group = first(sample_run.full())._replace(blocks=sample_run.sentinels(3, memory=far))
    for cell in group.ranked[::3]:
        if time_per_iteration(cell):
            cell.samples_s = [far] * 6
            cell.median_s = cell.ci_low_s = cell.ci_high_s = cell.per_iteration_s = far
            cell.cold_costs = ColdCosts(far, far, far, far, 2**63 - 1)
            cell.speedup = [Speedup("numpy_vectorized", far, far, far)]
    assert canvas.render(DRAWN[name](group).figure)
    assert math.isfinite(far)


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_run_gives_the_same_bytes(name):
    """Each figure is deterministic."""
    one, two = (canvas.render(DRAWN[name](first(sample_run.full())).figure) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("count", range(5, 12))
def test_the_legend_ends_inside_the_picture(count):
    """However many backends there are, each name in the legend stands inside the figure."""
    from matplotlib.figure import Figure

    from bench.report.plots import canvas

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
