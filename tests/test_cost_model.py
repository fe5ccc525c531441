"""The cost model and the roofline find what was put into the times, and say nothing where nothing is known."""

import math

import pytest
from helpers import sample_run

from bench.analysis import cost_model
from bench.analysis.roofline import rooflines
from bench.analysis.speed import group_cells
from bench.report import limits
from bench.report.plots import roofline, scaling

A, B = 5e-6, 1e-9  # seconds a pass, seconds a value


def line(backend, a=A, b=B, ns=sample_run.SIZES, d=10, **fields):
    """Cells whose pass takes a + b n d, to a percent or so."""
    made = []
    for n in ns:
        n_iter = sample_run.ITERATIONS.get(n, 20)
        seconds = (a + b * n * d) * (n_iter + 1) / n_iter
        made.append(sample_run.cell(backend, n, seconds, n_features=d, **fields))
    return made


def test_the_model_finds_overhead_and_cost_of_a_value():
    """From times a + b n d the fit gives a and b back, and each size left out is predicted from the others."""
    fit = cost_model.fit_cost_model(line("mine"))
    assert fit.overhead_s.median == pytest.approx(A, rel=0.03)
    assert fit.overhead_s.low <= fit.overhead_s.median <= fit.overhead_s.high
    assert fit.value_s.median == pytest.approx(B, rel=0.03)
    assert fit.half_at == pytest.approx(A / B, rel=0.05)
    assert all(fit.predicts(n * 10) for n in sample_run.SIZES)


def test_a_size_off_the_line_is_not_predicted():
    """A size that takes three times as long as the line has it is found by leaving it out, and no other."""
    cells = line("mine")
    cells[-1] = line("mine", a=3 * A, b=3 * B, ns=[10**6])[0]
    fit = cost_model.fit_cost_model(cells)
    assert not fit.predicts(10**7)
    assert fit.held_out[10**7] == pytest.approx(1 / 3 - 1, abs=0.05)
    assert not fit.predicts(123)


def test_two_sizes_make_no_model():
    """Any two points lie on a line, so that says nothing."""
    assert cost_model.fit_cost_model(line("mine", ns=[100, 1000])) is None
    assert cost_model.fit_cost_model([]) is None


def test_a_crossover_is_where_the_lines_cross():
    """Two lines cross at n d = (a2 - a1) / (b1 - b2): found between the sizes, with an interval around it."""
    loops, fast = line("python_loops", a=1e-7, b=1e-7), line("numba_jit", a=3e-4, b=1e-9)
    (at,) = cost_model.crossovers(loops, fast)
    truth = (3e-4 - 1e-7) / (1e-7 - 1e-9) / 10
    assert at.kind == "from"
    assert at.n.median == pytest.approx(truth, rel=0.25)  # interpolated between n = 100 and n = 1 000
    assert at.n.low <= at.n.median <= at.n.high
    assert cost_model.crossovers(line("slow", a=1e-3), fast)[0].kind == "everywhere"
    assert cost_model.crossovers(fast, line("slow", a=1e-3, b=1e-8))[0].kind == "nowhere"
    (back,) = cost_model.crossovers(fast, loops)
    assert back.kind == "up to"
    assert back.n == pytest.approx(at.n)


def test_a_backend_may_win_at_both_ends():
    """Faster at the smallest and at the largest sizes, slower between: both crossings are told."""
    base = line("numpy_vectorized", a=1e-5, b=1e-9)
    mixed = [
        line("numba_jit", a=factor * 1e-5, b=factor * 1e-9, ns=[c.n_samples])[0]
        for c, factor in zip(base, (0.1, 0.5, 2, 2, 0.5), strict=True)
    ]
    (at,) = cost_model.crossovers(base, mixed)
    assert at.kind == "from"
    assert 1_000 < at.before.median < 10_000
    assert 100_000 < at.n.median < 1_000_000
    assert cost_model.crossovers(mixed, base)[0].before is None


def test_growth_is_the_power_of_the_size():
    """Ten times the rows in ten times the time is a power of 1, in thirty times of more."""
    small, large = line("mine", a=0, ns=[1000, 10_000])
    assert cost_model.growth(small, large, 10).median == pytest.approx(1, abs=0.02)
    steeper = line("mine", a=0, b=3 * B, ns=[10_000])[0]
    assert cost_model.growth(small, steeper, 10).median == pytest.approx(1 + math.log10(3), abs=0.02)
    assert cost_model.growth(small, large, 1) is None


def machine(gflop_per_s):
    return {"peaks": [{"threads": 1, "gflop_per_s": {"float64": gflop_per_s}}, {"threads": 2, "error": "none"}]}


def test_the_roof_is_the_slower_of_reading_and_computing():
    """A pass over 8 (n d + n) bytes takes at least as long as reading them, or as making 4 n d + 3 n operations."""
    cells = line("mine")
    blocks = sample_run.reads(cells)
    roof = next(r for r in rooflines(cells, blocks, machine(1000.0)) if r.n_samples == 10_000)
    assert roof.bytes == 8 * 110_000
    assert roof.operations == 430_000
    assert roof.limited_by == "bandwidth"
    assert roof.limit_s == pytest.approx(roof.bytes / roof.read_gb_per_s / 1e9)
    slow = next(r for r in rooflines(cells, blocks, machine(1.0)) if r.n_samples == 10_000)
    assert slow.limited_by == "arithmetic"
    assert slow.limit_s == pytest.approx(430_000 / 1e9)
    (found,) = roof.backends
    assert found.share == pytest.approx(roof.limit_s / found.pass_s, rel=0.02)
    assert found.share_ci_low <= found.share <= found.share_ci_high


def test_no_roof_without_its_bandwidth():
    """A block whose reading failed gives no roof, and neither does another number of threads."""
    cells = line("mine")
    assert rooflines(cells, sample_run.sentinels(6), machine(60.0)) == []
    assert rooflines(cells, [b for b in sample_run.reads(cells) if b.threads == 2], {}) == []


@pytest.mark.parametrize(
    ("n", "a", "b", "why"),
    [(100, 1e-3, 1e-12, "call overhead"), (10_000, 1e-9, 1e-8, "arithmetic"), (10_000, 1e-9, 0.9e-10, "bandwidth")],
)
def test_what_holds_a_backend_back(n, a, b, why):
    """Where most of a pass is its overhead, its instructions, or the least that reading takes, that is named."""
    cells = line("mine", a=a, b=b)
    roof = next(r for r in rooflines(cells, sample_run.reads(cells), machine(1000.0)) if r.n_samples == n)
    assert roof.backends[0].bottleneck == why


def test_leaving_the_cache_is_bandwidth_and_a_bad_fit_is_not_clear():
    """Three times the line: where reading is slower, too, it waits for memory; where it is not, nobody knows."""
    cells = line("mine", b=5e-10)
    cells[-1] = line("mine", a=3 * A, b=1.5e-9, ns=[10**6])[0]
    blocks = sample_run.reads(cells)
    last = rooflines(cells, blocks, machine(1000.0))[-1].backends[0]
    assert last.bottleneck == "bandwidth"
    for block in blocks:
        block.reads = dict.fromkeys(block.reads, 100.0)
    assert rooflines(cells, blocks, machine(1000.0))[-1].backends[0].bottleneck is None


def test_another_algorithm_and_the_control_have_no_place_under_the_roof():
    """Only step-by-step backends read X once a pass."""
    cells = [*line("mine"), *line("qr", algorithm="QR"), *line("numpy_vectorized", control=True)]
    roofs = rooflines(cells, sample_run.reads(cells), machine(60.0))
    assert {found.backend for roof in roofs for found in roof.backends} == {"mine"}


def test_the_picture_stands_where_the_data_say():
    """The line of a backend runs through its GB/s, the roof through the bandwidth that was measured."""
    run = sample_run.full()
    group = group_cells(run)[0]
    drawing = roofline.draw(group)
    lines = {line.get_label(): line for axes in drawing.figure.axes for line in axes.lines}
    shown = [roof for roof in group.roofs if roof.problem == "synthetic"]
    assert list(lines["read bandwidth"].get_ydata()) == [roof.read_gb_per_s for roof in shown]
    expected = [f.gb_per_s for roof in shown for f in roof.backends if f.backend == "numpy_vectorized"]
    assert list(lines["numpy_vectorized"].get_ydata()) == expected


def test_scaling_is_against_the_fewest_threads():
    """Two threads that take half the time stand at 2 x; one number of threads has no picture and no table."""
    cells = [c for t in (1, 2) for c in line("mine", a=A / t, b=B / t, threads=t, ns=[1000, 10_000])]
    run = sample_run.run(cells)
    drawing = scaling.draw(run)
    lines = {line.get_label(): line for axes in drawing.figure.axes for line in axes.lines}
    assert list(lines["mine"].get_ydata()) == pytest.approx([1, 2], rel=0.03)
    rows = limits.threads_and_dtypes(run).rows
    assert len(rows) == 2
    assert all(row[-1].startswith(("1.9", "2.0")) for row in rows)
    alone = sample_run.run(line("mine"))
    assert scaling.draw(alone) is None
    assert limits.threads_and_dtypes(alone).rows == []
