"""The sentences below the headline have the numbers of the group, and are left out without these numbers."""

import re

import pytest
from helpers import sample_run
from helpers.drawings import first_group

from bench import text
from bench.analysis import sentences
from bench.analysis.cost_model import Crossover
from bench.records import Attainment, ColdCosts, ProblemId, ProblemRoofline
from bench.stats import Interval, median_interval


def summary(run):
    """The sentences of the first group of a run."""
    return sentences.summary_sentences(first_group(run))


def sentence_with(words, run):
    """The only sentence that contains these words."""
    (sentence,) = [sentence for sentence in summary(run) if words in sentence]
    return sentence


def test_the_fastest_backend_is_named_by_size():
    """Neighboring sizes with the same fastest backend are joined; a tie has both names."""
    cells = [sample_run.cell("numpy_vectorized", n, 1e-5 if n < 5_000 else 1e-3) for n in (100, 1_000, 10_000)]
    cells += [sample_run.cell("numba_jit", n, 2e-5 if n < 5_000 else 1e-4) for n in (100, 1_000, 10_000)]
    assert sentence_with("lowest time per iteration", sample_run.run(cells)) == (
        "numpy_vectorized has the lowest time per iteration from n = 100 to 1\u00a0000 (d = 10);"
        " numba_jit at n = 10\u00a0000, d = 10."
    )
    tied = [sample_run.cell(b, n, 1e-5, scatter=b) for b in ("numpy_vectorized", "numba_jit") for n in (100, 1_000)]
    assert sentence_with("lowest time per iteration", sample_run.run(tied)) == (
        "numpy_vectorized and numba_jit share the lowest time per iteration at every size."
    )


def test_core_backends_have_their_own_sentence():
    """It is there if another backend is the fastest."""
    sizes = (100, 1_000)
    cells = [sample_run.cell(b, n, t) for b, t in (("numpy_vectorized", 2e-5), ("numba_jit", 1e-5)) for n in sizes]
    assert not [sentence for sentence in summary(sample_run.run(cells)) if "core" in sentence]
    cells += [sample_run.cell("tuned", n, 1e-6) for n in sizes]
    sentences_ = summary(sample_run.run(cells))
    assert "tuned has the lowest time per iteration at every size." in sentences_
    assert "Among the 4 core backends, numba_jit has the lowest time at every size." in sentences_


def test_vectorizing_has_its_crossover_and_ratio():
    """If plain loops are faster at the smallest size, the sentence has the n above which NumPy is faster."""
    cells = [sample_run.cell("python_loops", n, 1e-7 * n) for n in (10, 1_000)]
    cells += [sample_run.cell("numpy_vectorized", n, 1e-5) for n in (10, 1_000)]
    sentence = sentence_with("plain loops", sample_run.run(cells))
    assert sentence.startswith("numpy_vectorized is faster than plain loops from n ≈ 1")  # the exact crossover is 100
    assert "The ratio is 10." in sentence or "The ratio is 9.9" in sentence
    assert sentence.endswith("at n = 1\u00a0000, d = 10.")


@pytest.mark.parametrize(
    "words", ["lowest time per iteration", "first result", "plain loops", "compilation pays off", "read bandwidth"]
)
def test_a_complete_run_has_every_sentence(words):
    """The sentences are on the fastest backend, the first result, vectorizing, compilation and the limit."""
    assert sentence_with(words, sample_run.full())


def test_break_even_points_of_compilation_ascend():
    """The backend that repays its compilation after the fewest iterations is first."""
    cells = [sample_run.cell(b, 1_000, 1e-5) for b in ("numpy_vectorized", "numba_jit", "jax_jit")]
    for cell, calls in zip(cells[1:], (300, 20), strict=True):
        cell.cold_costs = ColdCosts(0.1, 0.1, 0.5, 0.6, calls)
    n_iter = cells[0].n_iter
    first, second = (text.count(sentences.rounded(calls * n_iter)) for calls in (20, 300))
    assert sentence_with("compilation pays", sample_run.run(cells)) == (
        "At n = 1\u00a0000, d = 10, compilation pays off against numpy_vectorized after about"
        f" {first} (jax_jit) and {second} (numba_jit) iterations."
    )


def test_compilation_is_judged_at_the_size_of_the_headline():
    """More backends repay it at the smaller size, but the sentence is on the size of the headline if one does there."""
    cells = [sample_run.cell(b, n, 1e-5) for n in (100, 1_000) for b in ("numpy_vectorized", "numba_jit", "jax_jit")]
    for cell, calls in zip([c for c in cells if c.backend != "numpy_vectorized"], (300, 20, 5, None), strict=True):
        cell.cold_costs = ColdCosts(0.1, 0.1, 0.5, 0.6, calls)
    assert sentence_with("compilation pays", sample_run.run(cells)).startswith("At n = 1\u00a0000, d = 10")
    cells[4].cold_costs = ColdCosts(0.1, 0.1, 0.5, 0.6, None)
    assert sentence_with("compilation pays", sample_run.run(cells)).startswith("At n = 100, d = 10")


def test_a_run_without_numbers_has_no_sentences():
    """With too few processes there is no sentence on the fastest backend."""
    assert summary(sample_run.run([sample_run.cell("numba_jit", 100, status="crashed")])) == []
    few = [sample_run.cell(b, n, 1e-5, blocks=3) for b in ("numpy_vectorized", "numba_jit") for n in (100, 1_000)]
    assert not [sentence for sentence in summary(sample_run.run(few)) if "lowest time" in sentence]


# The headline


def timed(backend, n, calls, d=10, **fields):
    """A cell of 10 iterations with exact seconds per call in each block."""
    cell = sample_run.cell(backend, n, 1.0, n_iter=10, n_features=d, **fields)
    cell.samples_s = list(calls)
    cell.median_s, cell.ci_low_s, cell.ci_high_s = median_interval(calls)
    cell.per_iteration_s = cell.median_s / 10
    return cell


JITTER = (0.5, 0.9, 1.1, 1.1, 1.3, 2.0)


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        ({"a": [1.0] * 6}, "a is the only backend with a time: 100 ms [100, 100] per iteration."),
        ({"b": [2.0] * 6, "a": [1.0] * 6}, "a is the fastest of 2 backends: 100 ms [100, 100] per iteration."),
        (
            {"b": [2.0] * 3, "a": [1.0] * 3},
            "a has the lowest median of 2 backends: 100 ms per iteration (too few processes to call it the fastest).",
        ),
        (
            {"a": JITTER, "b": [1.0] * 6, "c": [4.0] * 6},
            "b and a are tied as the fastest of 3 backends: b takes 100 ms [100, 100] per iteration.",
        ),
        (
            {"numpy_vectorized": [2.0] * 6, "a": [1.0] * 6},
            "a is the fastest of 2 backends: 100 ms [100, 100] per iteration,"
            " 2.00× [2.00, 2.00] the speed of numpy_vectorized.",
        ),
    ],
)
def test_the_headline_is_one_sentence(calls, sentence):
    """The fastest backend, its time, its speed-up, and a doubt if there is one."""
    run = sample_run.run([timed(backend, 100, seconds) for backend, seconds in calls.items()])
    headline = sentences.headline_sentence(first_group(run))
    assert headline == f"On this machine, at n = 100, d = 10 (float64, 1 thread), {sentence}"


def test_without_a_time_the_headline_counts_the_statuses():
    """There is nothing to compare."""
    cells = [sample_run.cell(b, 100, status="out_of_memory") for b in "ab"] + [
        sample_run.cell("c", 9, status="crashed")
    ]
    start = "No backend has a time (float64, 1 thread), so there is nothing to compare:"
    headline = sentences.headline_sentence(first_group(sample_run.run(cells)))
    assert headline == f"{start} 1 crashed and 2 out of memory."
    only_control = sample_run.run([sample_run.cell("numpy_vectorized", 100, 1e-6, control=True)])
    assert sentences.headline_sentence(first_group(only_control)) == f"{start} nothing was run."


@pytest.mark.parametrize("machine", [{}, {"cpu": None}, {"cpu": {"model": ""}}, {"cpu": {"model": 3}}])
def test_a_processor_may_be_unknown(machine):
    """A long name is shortened."""
    assert sentences.processor_text(sample_run.run([], machine=machine)) == "processor not known"
    named = sample_run.run([], machine={"cpu": {"model": "x" * 100}})
    assert (len(sentences.processor_text(named)), len(sentences.processor_text(named, 9))) == (80, 9)


# Sentences with exact numbers


def test_the_fastest_by_size_needs_two_sizes_and_two_backends():
    """A size with one backend, and real data, do not count. A range over several d has both ends in full."""
    calls = {"a": [1.0] * 6, "b": [2.0] * 6}
    cells = [timed(name, n, seconds) for n in (100, 1_000) for name, seconds in calls.items()]
    cells.append(timed("c", 10, [1.0] * 6))
    cells += [timed(b, 342, calls["ab"["ba".index(b)]], problem=ProblemId("penguins", "p", None)) for b in "ab"]
    assert sentence_with("lowest time", sample_run.run(cells)) == "a has the lowest time per iteration at every size."
    one_size = sample_run.run([cell for cell in cells if cell.n_samples in (100, 342)])
    assert not [sentence for sentence in summary(one_size) if "lowest time" in sentence]
    cells += [timed(name, 10_000, seconds, d=50) for name, seconds in calls.items()]
    cells += [timed(name, 10**6, seconds) for name, seconds in zip("ba", calls.values(), strict=True)]
    assert sentence_with("lowest time", sample_run.run(cells)) == (
        "a has the lowest time per iteration from n = 100, d = 10 to n = 10\u00a0000, d = 50;"
        " b at n = 1\u00a0000\u00a0000, d = 10."
    )


def test_the_first_result_has_the_lowest_cold_costs():
    """It counts the first call, at each size with two backends whose cold costs are known, and nothing after it."""
    once = {"a": ColdCosts(import_s=0.1, prepare_s=0.1, first_call_s=5.0), "b": ColdCosts(2.0, 0.1, None, 0.5)}
    cells = [timed(b, n, [9.0 - 8 * (b == "a")] * 6, cold_costs=once[b]) for n in (100, 1_000) for b in "ab"]
    cells.append(timed("c", 100, [1.0] * 6, cold_costs=ColdCosts(0.0, 0.0)))
    cells.append(timed("c", 10, [1.0] * 6, cold_costs=ColdCosts(0.0, 0.0, None, 0.1)))
    cells.append(sample_run.cell("d", 100, status="wrong", cold_costs=ColdCosts(0.0, 0.0, None, 0.1)))
    start = "In a new process, import and compilation included,"
    assert sentence_with("first result", sample_run.run(cells)) == f"{start} b has the first result at every size."
    cells[2].cold_costs = ColdCosts(0.1, 0.1, None, 0.5)
    assert sentence_with("first result", sample_run.run(cells)) == (
        f"{start} b has the first result at n = 100, d = 10; a at n = 1\u00a0000, d = 10."
    )


@pytest.mark.parametrize(
    ("ns", "crossing"), [((100, 10_000), " from n ≈ 1\u00a0000 [1\u00a0000, 1\u00a0000]"), ((10_000,), "")]
)
def test_vectorizing_is_judged_at_the_largest_size(ns, crossing):
    """The ratio has its interval; one size has no crossover. Real data and larger problems without loops do not count."""
    cells = [timed("python_loops", n, [0.1 if n == 100 else 10.0] * 6) for n in ns]
    cells += [timed("numpy_vectorized", n, [1.0] * 6) for n in (*ns, 10**6)]
    cells += [timed("numba_jit", n, [1.0] * 6) for n in ns]
    cells += [
        timed(b, 10**5, [1.0] * 6, problem=ProblemId("big", "p", None)) for b in ("python_loops", "numpy_vectorized")
    ]
    assert sentence_with("plain loops", sample_run.run(cells)) == (
        f"numpy_vectorized is faster than plain loops{crossing}."
        " The ratio is 10.0× [10.0, 10.0] at n = 10\u00a0000, d = 10."
    )


def test_compilation_is_judged_where_most_backends_repay_it():
    """If no backend repays it at the size of the headline. Without a compile time there is nothing to repay."""
    paid = {10: {"b": 7}, 100: {"b": 30, "a": 200}, 1_000: {"a": 5}}
    cells = [
        timed(b, n, [1.0] * 6, cold_costs=ColdCosts(0.1, 0.1, 0.5, 0.6, paid.get(n, {}).get(b)))
        for n in (10, 100, 1_000, 10_000)
        for b in "ab"
    ]
    cells += [timed("c", n, [1.0] * 6, cold_costs=ColdCosts(0.1, 0.1, 0.0, 0.6, 9)) for n in (100, 10_000)]
    assert sentence_with("compilation pays", sample_run.run(cells)) == (
        "At n = 100, d = 10, compilation pays off against numpy_vectorized after about 300 (b) and 2\u00a0000 (a) iterations."
    )


def roofline(n, limited_by, shares, problem="synthetic"):
    """A roofline of n rows and 10 features with the shares of these backends."""
    attainments = [
        Attainment(
            backend=backend, pass_s=1.0, gb_per_s=1.0, gflop_per_s=1.0, share=share, share_ci_low=None,
            share_ci_high=None, overhead_s=None, limit_s=None, bottleneck=None,
        )
        for backend, share in shares.items()
    ]  # fmt: skip
    return ProblemRoofline(
        threads=1, dtype="float64", problem=problem, n_samples=n, n_features=10, bytes=88 * n, operations=43 * n,
        read_gb_per_s=1.0, read_ci_low=None, read_ci_high=None, peak_gflop_per_s=None, ridge=None, limit_s=1.0,
        limited_by=limited_by, backends=attainments,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("limited_by", "shares", "words"),
    [
        (
            "bandwidth",
            {"a": 0.25, "b": None, "c": 0.5, "numpy_vectorized": 0.125},
            "c reaches 50.0 % of the read bandwidth, numpy_vectorized 12.5 %",
        ),
        ("arithmetic", {"numpy_vectorized": 0.5, "c": 0.25}, "numpy_vectorized reaches 50.0 % of the arithmetic peak"),
        ("bandwidth", {"a": 0.25, "numpy_vectorized": None}, "a reaches 25.0 % of the read bandwidth"),
    ],
)
def test_the_limit_is_that_of_the_best_backend_and_the_baseline(limited_by, shares, words):
    """On the largest synthetic problem with a share."""
    roofs = [roofline(1_000, limited_by, shares), roofline(100, "bandwidth", {"small": 0.9})]
    roofs += [roofline(10**5, "bandwidth", {"a": None}), roofline(10**4, "bandwidth", {"a": 0.9}, "data")]
    group = first_group(sample_run.run([sample_run.cell("a", 100, 1e-6)]))._replace(roofs=roofs)
    assert sentences.limit(group) == f"At n = 1\u00a0000, d = 10, {words}."
    assert sentences.limit(group._replace(roofs=roofs[2:])) == ""


@pytest.mark.parametrize(
    ("kind", "n", "before", "words"),
    [
        ("everywhere", None, None, "at every n measured"),
        ("nowhere", None, None, "at no n measured"),
        ("from", (2_345, 1_940, 2_750), None, "from n ≈ 2 300 [1 900, 2 800]"),
        ("up to", (2_345, None, 2_750), None, "up to n ≈ 2 300 [–, 2 800]"),
        ("from", (2_345, 1_940, None), None, "from n ≈ 2 300 [1 900, –]"),
        ("from", (2_345, None, None), (12, None, None), "up to n ≈ 12, and again from n ≈ 2 300"),
    ],
)
def test_a_crossing_in_words(kind, n, before, words):
    """The n of the crossover with its interval; an end that is not known is a dash."""
    ends = [end if end is None else Interval(*end) for end in (n, before)]
    assert sentences.crossing(Crossover(10, kind, *ends)).replace(text.NO_BREAK, " ") == words


@pytest.mark.parametrize(
    ("n", "shown"), [(0.2, 1), (1.4, 1), (1.6, 2), (9.6, 10), (14.4, 14), (99.6, 100), (144, 140), (147, 150), (123_456, 120_000)]
)  # fmt: skip
def test_a_crossing_has_two_digits(n, shown):
    """It is at least 1."""
    assert sentences.rounded(n) == shown


def test_a_name_in_a_sentence_has_at_most_40_characters():
    """Names come from files. A longer one loses its middle."""
    name = "x" * 100
    cells = [
        timed(b, n, [1.0 + (b == "numba_jit")] * 6, cold_costs=ColdCosts(0.1 if b == name else 9.0, 0.1, 0.5, 0.6, 5))
        for n in (100, 1_000)
        for b in ("numba_jit", name)
    ]
    group = first_group(sample_run.run(cells))._replace(roofs=[roofline(100, "bandwidth", {name: 0.5})])
    shown = [*sentences.summary_sentences(group), sentences.headline_sentence(group)]
    named = [sentence for sentence in shown if "x…x" in sentence]
    assert len(named) == 5
    assert {len(word) for sentence in named for word in re.findall("x+…x+", sentence)} == {40}
    for seconds in ([1.0] * 3, JITTER):  # in doubt, and tied
        pair = sample_run.run([timed(name, 100, seconds), timed("b", 100, [1.2] * len(seconds))])
        assert len(re.findall("x+…x+", sentences.headline_sentence(first_group(pair)))[0]) == 40
