"""What the statistics promise, kept on simulated machines whose truth is known: coverage, few false alarms, power."""

import math
from collections import Counter

import numpy as np
import pytest
from helpers import sample_run
from helpers.effort import examples

from bench.analysis.aggregate import aggregate
from bench.analysis.compare import compare
from bench.plan import BASELINE, Backend, Plan, synthetic_cases
from bench.records import Block, CellSample
from bench.stats import hodges_lehmann, holds_one, median_interval, speedup

TRIALS = examples(1000)
COVERED = 0.95 - 3 * math.sqrt(0.95 * 0.05 / TRIALS)  # nominal, less the error of the simulation itself
RATIO = 1.25


def bimodal(rng, shape):
    """30 % in [1, 1.1] and 70 % in [1.3, 1.4], as on a processor with two clock speeds: half of all is below 1.328571."""
    return np.where(rng.random(shape) < 0.3, 1.0, 1.3) + 0.1 * rng.random(shape)


def drifting(rng, shape):
    """A machine that slows down by half from the first block to the last, with a skewed noise of 5 %."""
    return np.linspace(1, 1.5, shape[-1]) * rng.lognormal(0, 0.05, shape)


# How to draw positive times, one row a trial, and their true median; of drifting ones it is that of all blocks together.
TIMES = {
    "normal": (lambda rng, shape: rng.normal(10, 0.5, shape), 10.0),
    "skewed": (lambda rng, shape: rng.lognormal(0, 1.5, shape), 1.0),
    "bimodal": (bimodal, 1.3 + 0.1 * 2 / 7),
    "drifting": (drifting, None),
}
EVERY = pytest.mark.parametrize("kind", TIMES)
SIZES = pytest.mark.parametrize("count", [6, 10, 20])


@SIZES
@EVERY
def test_coverage_of_a_time(kind, count):
    """The true median lies in its interval in 95 % of trials or more, also where no two blocks are alike."""
    draw, true = TIMES[kind]
    if true is None:
        true = np.median(draw(np.random.default_rng(0), (100_000, count)))
    trials = draw(np.random.default_rng(count), (TRIALS, count))
    intervals = [median_interval(list(samples)) for samples in trials]
    assert np.mean([low <= true <= high for _, low, high in intervals]) >= COVERED


@SIZES
@EVERY
def test_coverage_of_a_speedup(kind, count):
    """The true ratio lies in its interval in 95 % of trials or more, under a random drift that both share."""
    draw, _ = TIMES[kind]
    rng = np.random.default_rng(100 + count)
    drift = np.exp(np.cumsum(rng.normal(0, 0.2, (TRIALS, count)), axis=1))
    reference, other = RATIO * drift * draw(rng, (TRIALS, count)), drift * draw(rng, (TRIALS, count))
    intervals = [speedup(list(one), list(two)) for one, two in zip(reference, other, strict=True)]
    assert np.mean([low <= RATIO <= high for _, low, high in intervals]) >= COVERED


@SIZES
@pytest.mark.parametrize("kind", ["normal", "skewed", "bimodal"])
def test_coverage_of_a_shift(kind, count):
    """The true change between two runs lies in its interval in 95 % of trials or more."""
    draw, _ = TIMES[kind]
    rng = np.random.default_rng(200 + count)
    base, new = np.log(draw(rng, (TRIALS, count))), np.log(RATIO * draw(rng, (TRIALS, count)))
    intervals = [hodges_lehmann(one, two) for one, two in zip(base, new, strict=True)]
    assert np.mean([low <= math.log(RATIO) <= high for _, low, high in intervals]) >= COVERED


# Whole runs: ten blocks, three sizes, numpy_vectorized with its control, and two backends that are as fast as it is.

BLOCKS = 10
PAIRS = 120
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
    """A run on a machine that takes `machine[b]` times as long in block b, with a log-normal noise of each process.

    mine: factor on the times of the backend of that name.
    """
    samples = {}
    for cell in PLAN.cells:
        factor = mine if cell.backend.name == "mine" else 1.0
        seconds = 1e-3 * factor * machine * rng.lognormal(0, noise, BLOCKS)
        samples[cell.id] = [
            CellSample(cell=cell.id, block=block, status="ok", rounds_s=[float(time)], calls=1)
            for block, time in enumerate(seconds)
        ]
    blocks = [
        Block(
            index=block,
            threads=1,
            order=[],
            cells={},
            hash_seed=1,
            padding_bytes=0,
            started="now",
            sentinels={kernel: [float(factor * rng.lognormal(0, 0.005))] for kernel in ("arithmetic", "memory")},
        )
        for block, factor in enumerate(machine)
    ]
    digests = {case.key: "d" for case in PLAN.cases}
    return aggregate(PLAN, samples, blocks, sample_run.start(digests), interrupted=False)


def calm(rng):
    """Blocks that differ by a percent, without a direction."""
    return rng.lognormal(0, 0.01, BLOCKS)


def restless(rng):
    """Another machine each time, by 20 %, whose blocks differ by 2 %: all of its backends feel the same."""
    return rng.lognormal(0, 0.2) * rng.lognormal(0, 0.02, BLOCKS)


def sliding(rng):
    """Twice as slow in the last block as in the first, or twice as fast."""
    return 2.0 ** (rng.choice([-1, 1]) * np.linspace(0, 1, BLOCKS))


def compared(seed, machine, **new):
    """What pairs of runs come to: outcome -> share of the pairs. new: of the second run; the noise is that of both."""
    rng = np.random.default_rng(seed)
    outcomes: Counter = Counter()
    for _ in range(PAIRS):
        noise = {"noise": new.get("noise", 0.03)}
        found = compare(simulated(rng, machine(rng), **noise), simulated(rng, machine(rng), **new))
        changed = {cell.backend for cell in found.cells if cell.verdict in ("slower", "faster")}
        outcomes["stable"] += not any("unstable" in (cell.detail or "") for cell in found.cells)
        outcomes["found"] += found.exit_code == 5 and "mine" in changed
        outcomes["false"] += bool(changed - ({"mine"} if "mine" in new else set()))
        outcomes["by speed-up"] += any(cell.measure == "speedup" for cell in found.cells)
        outcomes["judged"] += any(cell.p_holm is not None for cell in found.cells)
    return {outcome: number / PAIRS for outcome, number in outcomes.items()}


def test_two_runs_of_the_same_are_not_called_different():
    """Of pairs of equal runs at 3 % noise at most 5 % hold any verdict of slower or faster, and most are judged."""
    found = compared(1, calm)
    assert found["false"] <= 0.05
    assert found["judged"] >= 0.8


def test_ten_percent_are_found():
    """One backend slower by 10 %: at 2 % noise told in 90 % of pairs or more, and never of another backend.

    What is missing is pairs in which a control failed by chance, so that the run asks to be repeated.
    """
    found = compared(2, calm, noise=0.02, mine=1.1)
    assert found["found"] >= 0.9
    assert found["false"] <= 0.05


def test_ten_percent_are_found_in_more_noise():
    """The same at 3 % noise, of the pairs in which both runs are stable: the control widens the limit, so sizes differ."""
    found = compared(3, calm, mine=1.1)
    assert found["found"] >= 0.9 * found["stable"]
    assert found["stable"] >= 0.8
    assert found["false"] <= 0.05


def test_a_restless_machine_fakes_nothing():
    """A machine that is another one in each run and in each block: sentinels tell, and speed-ups are judged instead."""
    found = compared(4, restless)
    assert found["false"] <= 0.05
    assert found["by speed-up"] >= 0.6
    assert found["judged"] >= 0.7


def test_a_restless_machine_hides_little():
    """There, too, 10 % are found in 90 % of the pairs whose runs are stable, at 2 % noise, and in no other backend."""
    found = compared(5, restless, noise=0.02, mine=1.1)
    assert found["found"] >= 0.9 * found["stable"]
    assert found["stable"] >= 0.7
    assert found["false"] <= 0.05


def test_a_machine_that_slides_gives_no_verdict():
    """Twice as slow at the end as at the start: unstable by its sentinels or its noise, and nothing is judged."""
    found = compared(6, sliding)
    assert (found["false"], found["judged"]) == (0, 0)


@pytest.mark.parametrize("machine", [calm, restless, sliding])
def test_identical_backends_are_tied_inside_one_run(machine):
    """The interval of the speed-up of two equal backends excludes 1 in at most 5 % of runs, whatever the machine does."""
    rng = np.random.default_rng(7)
    tied = [
        holds_one(ratio.ci_low, ratio.ci_high)
        for _ in range(PAIRS)
        for cell in simulated(rng, machine(rng)).cells
        for ratio in cell.speedup
    ]
    assert len(tied) == PAIRS * 3 * 3  # on each of three sizes: the control and two backends
    assert np.mean(tied) >= 0.95
