"""The sentences under the answer: made of the figures of the group alone, and silent where there are none."""

from helpers import sample_run

from bench import text
from bench.analysis import sentences
from bench.analysis.speed import group_cells
from bench.records import ColdCosts


def facts(run):
    return sentences.summary_sentences(group_cells(run)[0])


def about(found, word):
    (sentence,) = [fact for fact in found if word in fact]
    return sentence


def test_the_fastest_is_named_by_size():
    """Neighboring sizes with the same fastest backend are joined, and a tie names both."""
    cells = [sample_run.cell("numpy_vectorized", n, 1e-5 if n < 5_000 else 1e-3) for n in (100, 1_000, 10_000)]
    cells += [sample_run.cell("numba_jit", n, 2e-5 if n < 5_000 else 1e-4) for n in (100, 1_000, 10_000)]
    assert about(facts(sample_run.run(cells)), "lowest time per iteration") == (
        "numpy_vectorized has the lowest time per iteration from n = 100 to 1\u00a0000 (d = 10);"
        " numba_jit at n = 10\u00a0000, d = 10."
    )
    tied = [sample_run.cell(b, n, 1e-5, scatter=b) for b in ("numpy_vectorized", "numba_jit") for n in (100, 1_000)]
    assert about(facts(sample_run.run(tied)), "lowest time per iteration") == (
        "numpy_vectorized and numba_jit share the lowest time per iteration at every size."
    )


def test_core_backends_are_compared_apart_from_others():
    """A tuned file that is the fastest everywhere does not hide which core backend is."""
    sizes = (100, 1_000)
    cells = [sample_run.cell(b, n, t) for b, t in (("numpy_vectorized", 2e-5), ("numba_jit", 1e-5)) for n in sizes]
    assert not [fact for fact in facts(sample_run.run(cells)) if "core" in fact]
    cells += [sample_run.cell("tuned", n, 1e-6) for n in sizes]
    sentences_of = facts(sample_run.run(cells))
    assert "tuned has the lowest time per iteration at every size." in sentences_of
    assert "Among the 4 core backends, numba_jit has the lowest time at every size." in sentences_of


def test_vectorizing_has_its_crossover_and_ratio():
    """If the loops are faster at the smallest size, the sentence says from which n on they are not."""
    cells = [sample_run.cell("python_loops", n, 1e-7 * n) for n in (10, 1_000)]
    cells += [sample_run.cell("numpy_vectorized", n, 1e-5) for n in (10, 1_000)]
    sentence = about(facts(sample_run.run(cells)), "plain loops")
    assert sentence.startswith("numpy_vectorized is faster than plain loops from n ≈ 1")  # 100 in truth
    assert "The ratio is 10." in sentence or "The ratio is 9.9" in sentence
    assert sentence.endswith("at n = 1\u00a0000, d = 10.")


def test_a_run_with_all_measurements_has_every_sentence():
    """Which backend for which size, how much faster, when compilation pays off, how far from the limit."""
    sentences_of = facts(sample_run.full())
    words = ("lowest time per iteration", "first result", "plain loops", "Compilation pays off", "read bandwidth")
    assert [word for word in words if about(sentences_of, word)] == list(words)


def test_compilation_is_ordered_by_iterations():
    """The backend that repays its compilation first comes first."""
    cells = [sample_run.cell(b, 1_000, 1e-5) for b in ("numpy_vectorized", "numba_jit", "jax_jit")]
    for cell, calls in zip(cells[1:], (300, 20), strict=True):
        cell.cold_costs = ColdCosts(0.1, 0.1, 0.5, 0.6, calls)
    n_iter = cells[0].n_iter
    first, second = (text.count(sentences.rounded(calls * n_iter)) for calls in (20, 300))
    assert about(facts(sample_run.run(cells)), "Compilation") == (
        f"Compilation pays off at n = 1\u00a0000, d = 10 after about {first} (jax_jit) and {second} (numba_jit) iterations."
    )


def test_without_figures_there_are_no_facts():
    """A run with no time, or with too few processes to call anything the fastest, claims nothing."""
    assert facts(sample_run.run([sample_run.cell("numba_jit", 100, status="crashed")])) == []
    few = [sample_run.cell(b, n, 1e-5, blocks=3) for b in ("numpy_vectorized", "numba_jit") for n in (100, 1_000)]
    assert not [fact for fact in facts(sample_run.run(few)) if "lowest time" in fact]
