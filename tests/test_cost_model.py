"""The cost model and the roofline recover the parameters of invented times."""

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
    """Cells whose pass takes a + b n d seconds, with a scatter of one percent."""
    cells = []
    for n in ns:
        n_iter = sample_run.ITERATIONS.get(n, 20)
        seconds = (a + b * n * d) * (n_iter + 1) / n_iter
        cells.append(sample_run.cell(backend, n, seconds, n_features=d, **fields))
    return cells


def test_fit_recovers_overhead_and_cost_per_value():
    """From times a + b n d the fit returns a and b. Each size is predicted from the others."""
    fit = cost_model.fit_cost_model(line("mine"))
    assert fit.overhead_s.median == pytest.approx(A, rel=0.03)
    assert fit.overhead_s.low <= fit.overhead_s.median <= fit.overhead_s.high
    assert fit.value_s.median == pytest.approx(B, rel=0.03)
    assert fit.half_at == pytest.approx(A / B, rel=0.05)
    assert all(fit.predicts(n * 10) for n in sample_run.SIZES)


def test_size_off_the_line_is_not_predicted():
    """A size that takes three times as long as the line is not predicted from the others."""
    cells = line("mine")
    cells[-1] = line("mine", a=3 * A, b=3 * B, ns=[10**6])[0]
    fit = cost_model.fit_cost_model(cells)
    assert not fit.predicts(10**7)
    assert fit.held_out[10**7] == pytest.approx(1 / 3 - 1, abs=0.05)
    assert not fit.predicts(123)


def test_model_needs_three_sizes():
    """Two points always lie on a line, so two sizes give no model."""
    assert cost_model.fit_cost_model(line("mine", ns=[100, 1000])) is None
    assert cost_model.fit_cost_model([]) is None


def test_crossover_is_the_intersection_of_two_lines():
    """Two lines cross at n d = (a2 - a1) / (b1 - b2). The crossover has an interval."""
    loops, fast = line("python_loops", a=1e-7, b=1e-7), line("numba_jit", a=3e-4, b=1e-9)
    (crossover,) = cost_model.crossovers(loops, fast)
    expected = (3e-4 - 1e-7) / (1e-7 - 1e-9) / 10
    assert crossover.kind == "from"
    assert crossover.n.median == pytest.approx(expected, rel=0.25)  # interpolated between n = 100 and n = 1 000
    assert crossover.n.low <= crossover.n.median <= crossover.n.high
    assert cost_model.crossovers(line("slow", a=1e-3), fast)[0].kind == "everywhere"
    assert cost_model.crossovers(fast, line("slow", a=1e-3, b=1e-8))[0].kind == "nowhere"
    (back,) = cost_model.crossovers(fast, loops)
    assert back.kind == "up to"
    assert back.n == pytest.approx(crossover.n)


def test_backend_can_be_faster_at_both_ends():
    """A backend that is faster at small and at large sizes has two crossovers."""
    base = line("numpy_vectorized", a=1e-5, b=1e-9)
    mixed = [
        line("numba_jit", a=factor * 1e-5, b=factor * 1e-9, ns=[c.n_samples])[0]
        for c, factor in zip(base, (0.1, 0.5, 2, 2, 0.5), strict=True)
    ]
    (crossover,) = cost_model.crossovers(base, mixed)
    assert crossover.kind == "from"
    assert 1_000 < crossover.before.median < 10_000
    assert 100_000 < crossover.n.median < 1_000_000
    assert cost_model.crossovers(mixed, base)[0].before is None


def test_growth_is_the_exponent_of_the_size():
    """For ten times the rows, ten times the time is an exponent of 1, and thirty times is 1 + log10(3)."""
    small, large = line("mine", a=0, ns=[1000, 10_000])
    assert cost_model.growth(small, large, 10).median == pytest.approx(1, abs=0.02)
    steeper = line("mine", a=0, b=3 * B, ns=[10_000])[0]
    assert cost_model.growth(small, steeper, 10).median == pytest.approx(1 + math.log10(3), abs=0.02)
    assert cost_model.growth(small, large, 1) is None


def machine(gflop_per_s):
    return {"peaks": [{"threads": 1, "gflop_per_s": {"float64": gflop_per_s}}, {"threads": 2, "error": "none"}]}


def test_roof_is_the_slower_of_reading_and_computing():
    """A pass reads 8 (n d + n) bytes and makes 4 n d + 3 n operations."""
    cells = line("mine")
    blocks = sample_run.blocks_with_reads(cells)
    roof = next(r for r in rooflines(cells, blocks, machine(1000.0)) if r.n_samples == 10_000)
    assert roof.bytes == 8 * 110_000
    assert roof.operations == 430_000
    assert roof.limited_by == "bandwidth"
    assert roof.limit_s == pytest.approx(roof.bytes / roof.read_gb_per_s / 1e9)
    slow = next(r for r in rooflines(cells, blocks, machine(1.0)) if r.n_samples == 10_000)
    assert slow.limited_by == "arithmetic"
    assert slow.limit_s == pytest.approx(430_000 / 1e9)
    (backend,) = roof.backends
    assert backend.share == pytest.approx(roof.limit_s / backend.pass_s, rel=0.02)
    assert backend.share_ci_low <= backend.share <= backend.share_ci_high


def test_no_roof_without_a_bandwidth():
    """Blocks without reads, or with another number of threads, give no roof."""
    cells = line("mine")
    assert rooflines(cells, sample_run.sentinels(6), machine(60.0)) == []
    assert rooflines(cells, [b for b in sample_run.blocks_with_reads(cells) if b.threads == 2], {}) == []


def test_share_uses_every_process_if_only_the_first_block_has_a_bandwidth():
    """A quick run measures the bandwidth once. A slow first process does not decide the share of the limit."""
    (cell,) = line("mine", ns=[10_000])
    blocks = sample_run.blocks_with_reads([cell])
    cell.samples_s = [3 * seconds if block == 0 else seconds for block, seconds in enumerate(cell.samples_s)]
    for block in blocks[1:]:
        block.reads = {}
    (roof,) = rooflines([cell], blocks, machine(1000.0))
    (backend,) = roof.backends
    assert backend.share == pytest.approx(roof.limit_s / backend.pass_s, rel=0.02)


@pytest.mark.parametrize(
    ("n", "a", "b", "bottleneck"),
    [(100, 1e-3, 1e-12, "call overhead"), (10_000, 1e-9, 1e-8, "arithmetic"), (10_000, 1e-9, 0.9e-10, "bandwidth")],
)
def test_bottleneck_is_the_largest_part_of_a_pass(n, a, b, bottleneck):
    """Overhead, arithmetic or reading."""
    cells = line("mine", a=a, b=b)
    roof = next(r for r in rooflines(cells, sample_run.blocks_with_reads(cells), machine(1000.0)) if r.n_samples == n)
    assert roof.backends[0].bottleneck == bottleneck


def test_bottleneck_of_a_size_off_the_line():
    """If reading is slower there too, it is bandwidth. Otherwise there is no bottleneck."""
    cells = line("mine", b=5e-10)
    cells[-1] = line("mine", a=3 * A, b=1.5e-9, ns=[10**6])[0]
    blocks = sample_run.blocks_with_reads(cells)
    last = rooflines(cells, blocks, machine(1000.0))[-1].backends[0]
    assert last.bottleneck == "bandwidth"
    for block in blocks:
        block.reads = dict.fromkeys(block.reads, 100.0)
    assert rooflines(cells, blocks, machine(1000.0))[-1].backends[0].bottleneck is None


def test_roof_excludes_other_algorithms_and_controls():
    """Only step-by-step backends read X once per pass."""
    cells = [*line("mine"), *line("qr", algorithm="QR"), *line("numpy_vectorized", control=True)]
    roofs = rooflines(cells, sample_run.blocks_with_reads(cells), machine(60.0))
    assert {backend.backend for roof in roofs for backend in roof.backends} == {"mine"}


def test_roofline_figure_shows_the_rates():
    """The line of a backend has its GB/s, the roof has the measured bandwidth."""
    run = sample_run.full()
    group = group_cells(run)[0]
    drawing = roofline.draw(group)
    lines = {line.get_label(): line for axes in drawing.figure.axes for line in axes.lines}
    shown = [roof for roof in group.roofs if roof.problem == "synthetic"]
    assert list(lines["read bandwidth"].get_ydata()) == [roof.read_gb_per_s for roof in shown]
    expected = [f.gb_per_s for roof in shown for f in roof.backends if f.backend == "numpy_vectorized"]
    assert list(lines["numpy_vectorized"].get_ydata()) == expected


def test_scaling_is_relative_to_the_fewest_threads():
    """Two threads that take half the time have a speed-up of 2. With one number of threads there is no figure and no table."""
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
