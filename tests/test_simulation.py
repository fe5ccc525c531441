"""The coverage, the false alarms and the power of the statistics, on simulated machines with known true values."""

import math
from collections import Counter

import numpy as np
import pytest
from helpers import sample_run
from helpers.effort import examples

from bench.analysis.aggregate import aggregate
from bench.analysis.compare import compare
from bench.plan import BASELINE, Backend, Plan, synthetic_cases
from bench.records import CellSample
from bench.stats import hodges_lehmann, holds_one, median_interval, speedup

TRIALS = examples(1000)
COVERAGE = 0.95 - 3 * math.sqrt(0.95 * 0.05 / TRIALS)  # nominal, minus three standard errors of the simulation
RATIO = 1.25


def bimodal(rng, shape):
    """30 % in [1, 1.1] and 70 % in [1.3, 1.4], as on a processor with two clock speeds. The median is 1.328571."""
    return np.where(rng.random(shape) < 0.3, 1.0, 1.3) + 0.1 * rng.random(shape)


def drifting(rng, shape):
    """The last block takes 1.5 times as long as the first; log-normal noise of 5 %."""
    return np.linspace(1, 1.5, shape[-1]) * rng.lognormal(0, 0.05, shape)


# A function that draws positive times, one row per trial, and their true median; None if it must be simulated.
TIMES = {
    "normal": (lambda rng, shape: rng.normal(10, 0.5, shape), 10.0),
    "skewed": (lambda rng, shape: rng.lognormal(0, 1.5, shape), 1.0),
    "bimodal": (bimodal, 1.3 + 0.1 * 2 / 7),
    "drifting": (drifting, None),
}
DISTRIBUTIONS = pytest.mark.parametrize("name", TIMES)
COUNTS = pytest.mark.parametrize("count", [6, 10, 20])


def coverage(intervals, value):
    """The share of intervals that contain the value."""
    return np.mean([low <= value <= high for _, low, high in intervals])


@COUNTS
@DISTRIBUTIONS
def test_intervals_of_a_time_contain_the_true_median(name, count):
    """The coverage is 95 % or more, also with drift."""
    draw, median = TIMES[name]
    if median is None:
        median = np.median(draw(np.random.default_rng(0), (100_000, count)))
    trials = draw(np.random.default_rng(count), (TRIALS, count))
    assert coverage([median_interval(list(samples)) for samples in trials], median) >= COVERAGE


@COUNTS
@DISTRIBUTIONS
def test_intervals_of_a_speedup_contain_the_true_ratio(name, count):
    """The coverage is 95 % or more, with a random drift that both backends share."""
    draw, _ = TIMES[name]
    rng = np.random.default_rng(100 + count)
    drift = np.exp(np.cumsum(rng.normal(0, 0.2, (TRIALS, count)), axis=1))
    baseline, other = RATIO * drift * draw(rng, (TRIALS, count)), drift * draw(rng, (TRIALS, count))
    intervals = [speedup(list(a), list(b)) for a, b in zip(baseline, other, strict=True)]
    assert coverage(intervals, RATIO) >= COVERAGE


@COUNTS
@pytest.mark.parametrize("name", ["normal", "skewed", "bimodal"])
def test_intervals_of_a_shift_contain_the_true_change(name, count):
    """The coverage is 95 % or more."""
    draw, _ = TIMES[name]
    rng = np.random.default_rng(200 + count)
    base, new = np.log(draw(rng, (TRIALS, count))), np.log(RATIO * draw(rng, (TRIALS, count)))
    intervals = [hodges_lehmann(a, b) for a, b in zip(base, new, strict=True)]
    assert coverage(intervals, math.log(RATIO)) >= COVERAGE


# Whole runs: ten blocks, three sizes, numpy_vectorized with its control, and two backends that are equally fast.

BLOCKS = 10
PAIRS = examples(200)
PLAN = Plan(
    backends=tuple(Backend(name, name, name, None, ("float64",), None) for name in (BASELINE, "mine", "other")),
    cases=tuple(synthetic_cases([(n, 10) for n in (100, 1_000, 10_000)], seed=0)),
    dtypes=("float64",),
    threads=(1,),
    blocks=BLOCKS,
    rounds=5,
    seed=0,
    budget_s=60.0,
    mode="full",
)


def simulated(rng, machine, noise=0.03, mine=1.0):
    """A run on a machine that takes machine[b] times as long in block b.

    noise: standard deviation of the log-normal noise of a process. mine: factor on the times of the backend `mine`.
    """
    samples = {}
    for cell in PLAN.cells:
        factor = mine if cell.backend.name == "mine" else 1.0
        seconds = 1e-3 * factor * machine * rng.lognormal(0, noise, BLOCKS)
        samples[cell.id] = [
            CellSample(cell=cell.id, block=block, status="ok", rounds_s=[float(time)], calls=1)
            for block, time in enumerate(seconds)
        ]
    blocks = sample_run.sentinels(BLOCKS)
    for block, factor in zip(blocks, machine, strict=True):
        block.sentinels = {kernel: [float(factor * rng.lognormal(0, 0.005))] for kernel in ("arithmetic", "memory")}
    digests = {case.key: "d" for case in PLAN.cases}
    return aggregate(PLAN, samples, blocks, sample_run.manifest(digests), interrupted=False)


def calm(rng):
    """Blocks that differ by 1 %, without a trend."""
    return rng.lognormal(0, 0.01, BLOCKS)


def restless(rng):
    """Runs that differ by 20 % and blocks that differ by 2 %, in the same way for all backends."""
    return rng.lognormal(0, 0.2) * rng.lognormal(0, 0.02, BLOCKS)


def drifted(rng):
    """The last block is twice as slow as the first, or twice as fast."""
    return 2.0 ** (rng.choice([-1, 1]) * np.linspace(0, 1, BLOCKS))


def outcome_rates(seed, machine, noise=0.03, mine=1.0):
    """Simulate pairs of runs and compare them. Returns outcome -> share of the pairs.

    noise: of both runs. mine: factor on the times of `mine` in the second run.
    """
    rng = np.random.default_rng(seed)
    outcomes: Counter = Counter()
    for _ in range(PAIRS):
        comparison = compare(simulated(rng, machine(rng), noise), simulated(rng, machine(rng), noise, mine))
        changed = {cell.backend for cell in comparison.cells if cell.verdict in ("slower", "faster")}
        outcomes["stable"] += not any("unstable" in (cell.detail or "") for cell in comparison.cells)
        outcomes["detected"] += comparison.exit_code == 5 and "mine" in changed
        outcomes["false"] += bool(changed - ({"mine"} if mine != 1.0 else set()))
        outcomes["by speed-up"] += any(cell.measure == "speedup" for cell in comparison.cells)
        outcomes["judged"] += any(cell.p_holm is not None for cell in comparison.cells)
    return {outcome: number / PAIRS for outcome, number in outcomes.items()}


def test_equal_runs_are_rarely_different():
    """At 3 % noise at most 5 % of the pairs have a verdict of slower or faster, and most pairs are judged."""
    rates = outcome_rates(1, calm)
    assert rates["false"] <= 0.05
    assert rates["judged"] >= 0.8


def test_a_change_of_ten_percent_is_detected():
    """At 2 % noise it is detected in 90 % of the pairs or more. In the others a control failed by chance."""
    rates = outcome_rates(2, calm, noise=0.02, mine=1.1)
    assert rates["detected"] >= 0.9
    assert rates["false"] <= 0.05


@pytest.mark.parametrize(
    ("seed", "machine", "noise", "stable"), [(3, calm, 0.03, 0.8), (5, restless, 0.02, 0.7)], ids=["noisy", "restless"]
)
def test_a_change_of_ten_percent_is_detected_in_stable_pairs(seed, machine, noise, stable):
    """With more noise, or on a restless machine, it is detected in 90 % of the pairs in which both runs are stable."""
    rates = outcome_rates(seed, machine, noise, mine=1.1)
    assert rates["detected"] >= 0.9 * rates["stable"]
    assert rates["stable"] >= stable
    assert rates["false"] <= 0.05


def test_a_restless_machine_is_judged_by_speedups():
    """The sentinels differ between the runs, so that times are not compared; few pairs have a false verdict."""
    rates = outcome_rates(4, restless)
    assert rates["false"] <= 0.05
    assert rates["by speed-up"] >= 0.6
    assert rates["judged"] >= 0.7


def test_a_run_with_a_large_drift_is_not_judged():
    """A drift by a factor of 2 is unstable by its sentinels or its noise, so that there is no verdict."""
    rates = outcome_rates(6, drifted)
    assert (rates["false"], rates["judged"]) == (0, 0)


@pytest.mark.parametrize("machine", [calm, restless, drifted])
def test_equal_backends_are_tied_in_a_run(machine):
    """The interval of their speed-up excludes 1 in at most 5 % of the runs, on every machine."""
    rng = np.random.default_rng(7)
    tied = [
        holds_one(ratio.ci_low, ratio.ci_high)
        for _ in range(PAIRS)
        for cell in simulated(rng, machine(rng)).cells
        for ratio in cell.speedup
    ]
    assert len(tied) == PAIRS * 3 * 3  # on each of three sizes: the control and two backends
    assert np.mean(tied) >= 0.95
