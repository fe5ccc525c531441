"""The sentences below the headline have the numbers of the group, and are left out without these numbers."""

import pytest
from helpers import sample_run
from helpers.drawings import first_group

from bench import text
from bench.analysis import sentences
from bench.records import ColdCosts


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
