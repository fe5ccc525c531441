"""The cost model and the roofline recover the parameters of invented times."""

import math

import pytest
from helpers import sample_run

from bench.analysis import cost_model
from bench.analysis import roofline as roofline_analysis
from bench.analysis.roofline import rooflines
from bench.analysis.speed import group_cells
from bench.records import ProblemId
from bench.report import limits
from bench.report.plots import roofline, scaling
from bench.stats import Interval

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


# Exact times


def timed(backend, n, passes, d=10, **fields):
    """A cell of 9 iterations, thus 10 passes per call. passes: seconds per pass in each block, or None."""
    cell = sample_run.cell(backend, n, 1.0, n_iter=9, n_features=d, **fields)
    cell.samples_s = [None if seconds is None else 10 * seconds for seconds in passes]
    return cell


def with_gains(gains, d=10):
    """Cells of two backends. gains: by n, the logarithm of the ratio of their times, one for all blocks or a list."""
    blocks = {n: gain if isinstance(gain, list) else [gain] * 6 for n, gain in gains.items()}
    slower = [timed("slower", n, [math.exp(gain) for gain in of_blocks], d) for n, of_blocks in blocks.items()]
    return slower, [timed("faster", n, [1.0] * len(of_blocks), d) for n, of_blocks in blocks.items()]


def test_a_pass_is_a_call_over_its_passes():
    """Nine iterations make ten passes. Without a time there is no time per pass."""
    cell = timed("mine", 100, [2.0, None, 3.0])
    assert cost_model.seconds_per_pass(cell) == [2.0, None, 3.0]
    cell.per_iteration_s, cell.ci_low_s, cell.ci_high_s = 10.0, 81.0, 99.0
    assert cost_model.time_per_pass(cell) == pytest.approx((9.0, 8.1, 9.9))
    cell.ci_low_s = None
    assert cost_model.time_per_pass(cell) == (pytest.approx(9.0), None, None)
    assert cost_model.time_per_pass(sample_run.cell("mine", 100, status="crashed")) is None


@pytest.mark.parametrize(("a", "b", "half_at"), [(2.0, 4.0, 0.5), (0.0, 1.0, None), (1.0, 0.0, None)])
def test_half_of_a_pass_is_overhead_at_a_over_b(a, b, half_at):
    """There is no such size if one of the two is 0."""
    model = cost_model.CostModel(Interval(a, None, None), Interval(b, None, None), {})
    assert model.half_at == half_at


@pytest.mark.parametrize(
    ("error", "used"), [(0.3, True), (-0.3, True), (0.31, False), (-0.31, False), (0.0, True), (0.59, False)]
)
def test_a_prediction_is_used_up_to_an_error_of_30_percent(error, used):
    """Too much and too little count alike. A size that was not left out is not predicted."""
    model = cost_model.CostModel(Interval(1.0, None, None), Interval(1.0, None, None), {10: error})
    assert model.predicts(10) is used
    assert not model.predicts(20)


def test_the_error_of_a_prediction_is_relative_to_the_time():
    """Each size is predicted by the line through the other sizes, from the medians of the blocks."""
    cells = [timed("mine", n, [11.0 + 0.1 * n, 11.0 + 0.1 * n, 99.0]) for n in (10, 100)]
    cells.append(timed("mine", 1_000, [66.0, 66.0, 66.0]))  # the line through the other two gives 111
    model = cost_model.fit_cost_model(cells)
    assert list(model.held_out) == [100, 1_000, 10_000]
    assert model.held_out[10_000] == pytest.approx(111 / 66 - 1)
    assert model.held_out[100] == pytest.approx(16.5 / 12 - 1)


@pytest.mark.parametrize(
    ("gains", "kind", "n", "before"),
    [
        ({100: -1, 10_000: 3}, "from", 100 * 100**0.25, None),
        ({100: 3, 10_000: -1}, "up to", 100 * 100**0.75, None),
        ({100: 1, 10_000: 1}, "everywhere", None, None),
        ({100: -1, 10_000: -1}, "nowhere", None, None),
        ({100: 0, 10_000: 0}, "nowhere", None, None),
        ({1: -1, 100: 1, 10_000: -3}, "up to", 100 * 100**0.25, None),
        ({1: 3, 100: -1, 10_000: 1}, "from", 1_000, 100**0.75),
        ({1: -1, 100: 1, 10_000: -1, 10**6: 1}, "from", 10**5, None),
        ({1: 1, 100: -1, 10_000: 1, 10**6: -1}, "up to", 10, None),
    ],
)
def test_a_crossover_is_interpolated_in_logarithms(gains, kind, n, before):
    """A gain from -1 to 3 is 0 at a quarter of the way in log n. Both ends are judged, from the outside."""
    (crossover,) = cost_model.crossovers(*with_gains(gains))
    assert (crossover.kind, crossover.n_features) == (kind, 10)
    for interval, expected in ((crossover.n, n), (crossover.before, before)):
        assert interval == (expected if expected is None else pytest.approx((expected,) * 3))


def test_the_interval_of_a_crossover_is_that_of_the_blocks():
    """An end beyond the measured sizes is unknown."""
    shares = [0.1, 0.2, 0.5, 0.5, 0.8, 0.9]
    by_share = {100: [-share for share in shares], 10_000: [1 - share for share in shares]}
    (crossover,) = cost_model.crossovers(*with_gains(by_share))
    assert crossover.n == pytest.approx([100 * 100**share for share in (0.5, 0.1, 0.9)])
    (few,) = cost_model.crossovers(*with_gains({n: gains[:3] for n, gains in by_share.items()}))
    assert few.n == (pytest.approx(100 * 100**0.2), None, None)
    by_share[100][0] = by_share[10_000][0] = 1.0  # this block gains everywhere
    (beyond,) = cost_model.crossovers(*with_gains(by_share))
    assert beyond.n == (pytest.approx(1_000), None, pytest.approx(100 * 100**0.9))


def test_a_crossover_needs_two_common_sizes_and_a_common_block():
    """Each number of features has its own crossover. Without a common block there is no gain."""
    slower, faster = with_gains({100: -1, 10_000: 1})
    for d, ns in ((20, (100,)), (5, (1, 100))):
        others = with_gains(dict.fromkeys(ns, 1), d)
        slower, faster = slower + others[0], faster + others[1]
    faster.append(timed("faster", 10**6, [1.0] * 6))
    crossovers = cost_model.crossovers(slower, faster)
    assert [(at.n_features, at.kind) for at in crossovers] == [(5, "everywhere"), (10, "from")]
    no_common_block = [[timed("a", n, [1.0, None]) for n in (1, 100)], [timed("b", n, [None, 1.0]) for n in (1, 100)]]
    assert cost_model.crossovers(*no_common_block) == [cost_model.Crossover(10, "nowhere")]


def test_the_interval_of_a_growth_is_that_of_the_blocks():
    """The exponent is log(ratio of the times) / log(ratio of the sizes), also for less than twice the size."""
    small = timed("mine", 100, [1.0] * 6)
    large = timed("mine", 150, [1.5**power for power in (0.5, 0.8, 1.0, 1.0, 1.2, 1.5)])
    assert cost_model.growth(small, large, 1.5) == pytest.approx((1.0, 0.5, 1.5))
    few = timed("mine", 100, [2.0] * 3), timed("mine", 1_000, [200.0] * 3)
    assert cost_model.growth(*few, 10) == (pytest.approx(2), None, None)
    assert cost_model.growth(few[0], large, 10) is None
    assert cost_model.growth(timed("a", 1, [1.0, None]), timed("a", 2, [None, 1.0]), 2) is None


# The roofline with exact times


def blocks_of(rates, threads=1):
    """A block per item of `rates`: the bandwidth in GB/s, or that by number of bytes."""
    blocks = sample_run.sentinels(len(rates), threads)
    for block, rate in zip(blocks, rates, strict=True):
        sizes = [cost_model.bytes_per_pass(n, 10, dtype) for n in (1_000, 10_000) for dtype in cost_model.ITEMSIZE]
        block.reads = rate if isinstance(rate, dict) else {str(size): rate for size in sizes}
    return blocks


def test_rates_and_limits_of_a_pass():
    """88 kB at 88 GB/s take 1 µs. A pass of 2 µs reads 44 GB/s, and computes 43 000 operations at 21.5 Gflop/s."""
    (roof,) = rooflines([timed("mine", 1_000, [2e-6] * 6)], blocks_of([88.0] * 6), machine(1000.0))
    assert (roof.read_gb_per_s, roof.read_ci_low, roof.read_ci_high) == (88.0, 88.0, 88.0)
    assert (roof.limit_s, roof.ridge) == pytest.approx((1e-6, 1000 / 88))
    (backend,) = roof.backends
    assert (backend.pass_s, backend.limit_s) == pytest.approx((2e-6, 1e-6))
    assert (backend.gb_per_s, backend.gflop_per_s) == pytest.approx((44.0, 21.5))
    assert (backend.share, backend.share_ci_low, backend.share_ci_high) == pytest.approx((0.5, 0.5, 0.5))
    assert (backend.overhead_s, backend.bottleneck) == (None, "bandwidth")


def test_the_share_of_the_limit_is_paired_by_block():
    """A block with half of the bandwidth and twice the time has the same share."""
    cell = timed("mine", 1_000, [2e-6, 4e-6, 2e-6, 2e-6, 2e-6, 4e-6])
    (roof,) = rooflines([cell], blocks_of([88.0, 44.0, 88.0, 88.0, 88.0, 44.0]), {})
    (backend,) = roof.backends
    assert (backend.share, backend.share_ci_low, backend.share_ci_high) == pytest.approx((0.5, 0.5, 0.5))


def test_without_a_common_block_there_are_rates_but_no_share():
    """The only bandwidth is that of the first block, and the only time that of the second."""
    (roof,) = rooflines([timed("mine", 1_000, [None, 2e-6])], blocks_of([88.0]), {})
    (backend,) = roof.backends
    assert backend.gb_per_s == pytest.approx(44.0)
    assert (backend.share, backend.share_ci_low, backend.limit_s, backend.bottleneck) == (None, None, None, None)


def test_peak_and_bandwidth_are_those_of_the_number_of_threads():
    """Blocks and peaks of one thread do not count for two."""
    peaks = [{"threads": t, "gflop_per_s": {"float64": rate}} for t, rate in ((1, 1.0), (2, 43.0), (4, 9.0))]
    blocks = blocks_of([880.0] * 6, threads=2) + blocks_of([44.0] * 7)
    (roof,) = rooflines([timed("mine", 1_000, [2e-6] * 6, threads=2)], blocks, {"peaks": peaks})
    assert (roof.peak_gflop_per_s, roof.read_gb_per_s) == (43.0, 880.0)
    assert (roof.limited_by, roof.limit_s) == ("arithmetic", pytest.approx(1e-6))


@pytest.mark.parametrize(
    "peaks", [[], [{"threads": 1, "error": "none"}], [{"threads": 2, "gflop_per_s": {"float64": 1}}]]
)
def test_without_a_peak_the_limit_is_the_bandwidth(peaks):
    """The peak of this number of threads may be missing."""
    (roof,) = rooflines([timed("mine", 1_000, [2e-6] * 6)], blocks_of([88.0] * 6), {"peaks": peaks})
    assert (roof.peak_gflop_per_s, roof.ridge, roof.limited_by) == (None, None, "bandwidth")


def waits_for_memory(rates, *others):
    """Whether the largest of three sizes, which takes twice as long as predicted, waits for memory, with two threads.

    rates: GB/s at each size. others: cells of other groups, which have 10 GB/s.
    """
    cells = [timed("mine", n, [1e-8 * n] * 6, threads=2) for n in (100, 1_000)]
    cells.append(timed("mine", 10_000, [2e-4] * 6, threads=2))
    sizes = [cost_model.bytes_per_pass(cell.n_samples, 10, "float64") for cell in cells]
    reads = dict(zip(map(str, sizes), rates, strict=True)) | {str(sizes[1] // 2): 10.0}
    roofs = rooflines([*cells, *others], blocks_of([reads] * 6, 2) + blocks_of([10.0] * 6), {})
    last = next(roof for roof in roofs if (roof.threads, roof.bytes) == (2, sizes[2]))
    return last.backends[0].overhead_s is not None


@pytest.mark.parametrize(("last", "waits"), [(79.0, True), (81.0, False), (120.0, False)])
def test_a_bandwidth_below_80_percent_leaves_a_cache(last, waits):
    """It is compared with the lowest bandwidth of the smaller sizes."""
    assert waits_for_memory((150.0, 100.0, last)) is waits


def test_caches_of_other_groups_do_not_count():
    """Another dtype or number of threads has other bandwidths."""
    assert waits_for_memory((100.0, 100.0, 70.0), timed("mine", 1_000, [1e-5] * 6))
    assert waits_for_memory((100.0, 100.0, 70.0), timed("mine", 1_000, [1e-5] * 6, threads=2, dtype="float32"))


@pytest.mark.parametrize(
    ("error", "leaves_cache", "expected"),
    [
        (-0.3, False, (2e-6, 0.0)),
        (-0.31, False, (None, 0.0)),
        (0.31, True, (None, 0.0)),
        (0.2, True, (2e-6, 0.0)),
        (-0.2, True, (2e-6, 2e-6)),
        (-0.6, True, (2e-6, 6e-6)),
    ],
)
def test_waiting_is_what_exceeds_the_prediction(error, leaves_cache, expected):
    """A pass of 10 µs that was predicted to take 20 % less waits for 2 µs, where the bandwidth becomes lower."""
    model = cost_model.CostModel(Interval(2e-6, None, None), Interval(1.0, None, None), {10_000: error})
    parts = roofline_analysis._overhead_and_waiting(timed("mine", 1_000, [1e-5]), 1e-5, leaves_cache, model)
    assert parts == (expected[0], pytest.approx(expected[1], abs=1e-15))


def test_the_overhead_is_at_most_the_pass():
    """Real data, a size without a prediction, and a backend without a model have no overhead."""
    model = cost_model.CostModel(Interval(2e-5, None, None), Interval(1.0, None, None), {10_000: 0.0})
    cell = timed("mine", 1_000, [1e-5])
    assert roofline_analysis._overhead_and_waiting(cell, 1e-5, False, model) == (1e-5, 0.0)
    real = timed("mine", 1_000, [1e-5], problem=ProblemId("penguins", "d", None))
    for other, fit in ((real, model), (timed("mine", 2_000, [1e-5]), model), (cell, None)):
        assert roofline_analysis._overhead_and_waiting(other, 1e-5, False, fit) == (None, 0.0)


@pytest.mark.parametrize(
    ("limited_by", "limit", "overhead", "waiting", "bottleneck"),
    [
        ("bandwidth", None, 3.0, 0.0, None),
        ("bandwidth", 5.0, None, 0.0, "bandwidth"),
        ("arithmetic", 5.0, 4.0, 0.0, "arithmetic"),
        ("bandwidth", 4.9, None, 0.0, None),
        ("bandwidth", 4.0, 5.0, 0.0, "call overhead"),
        ("bandwidth", 4.5, 2.0, 0.0, "bandwidth"),
        ("bandwidth", 3.0, 2.0, 0.0, "arithmetic"),
        ("arithmetic", 4.5, 2.0, 0.0, "arithmetic"),
        ("arithmetic", 4.5, 3.0, 0.0, "arithmetic"),
        ("arithmetic", 1.0, 2.0, 5.0, "bandwidth"),
        ("bandwidth", 1.0, 2.0, 3.0, "arithmetic"),
    ],
)
def test_the_bottleneck_of_a_pass_of_ten_units(limited_by, limit, overhead, waiting, bottleneck):
    """Half of the pass at the limit needs no cost model. Otherwise the largest of overhead, reading and the rest."""
    unit = 2.0**-20  # seconds
    limit_s, overhead_s = (None if part is None else part * unit for part in (limit, overhead))
    assert roofline_analysis._bottleneck(limited_by, 10 * unit, limit_s, overhead_s, waiting * unit) == bottleneck


@pytest.mark.parametrize(
    ("held_out", "words"),
    [
        ({10: 0.1, 2_000: 0.4}, "40.0 % too much at n·d = 2\u00a0000"),
        ({10: -0.25, 2_000: 0.1}, "25.0 % too little at n·d = 10"),
    ],
)
def test_the_worst_prediction_has_its_direction(held_out, words):
    """A positive error predicts too much."""
    assert limits._worst(cost_model.CostModel(Interval(1, 1, 1), Interval(1, 1, 1), held_out)) == words
