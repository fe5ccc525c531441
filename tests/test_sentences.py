"""The sentences under the answer: made of the figures of the group alone, and silent where there are none."""

from helpers import sample_run

from bench.analysis import sentences
from bench.analysis.speed import group_cells


def facts(run):
    return sentences.summary_sentences(group_cells(run)[0])


def about(found, word):
    (sentence,) = [fact for fact in found if word in fact]
    return sentence


def test_the_fastest_is_told_by_size():
    """Neighbouring sizes with one winner are told together; a tie names both."""
    cells = [sample_run.cell("numpy_vectorized", n, 1e-5 if n < 5_000 else 1e-3) for n in (100, 1_000, 10_000)]
    cells += [sample_run.cell("numba_jit", n, 2e-5 if n < 5_000 else 1e-4) for n in (100, 1_000, 10_000)]
    told = about(facts(sample_run.run(cells)), "The lowest time per iteration")
    assert told == (
        "The lowest time per iteration: numpy_vectorized at n = 100, d = 10 to n = 1\u00a0000, d = 10;"
        " numba_jit at n = 10\u00a0000, d = 10."
    )
    tied = [sample_run.cell(b, n, 1e-5, scatter=b) for b in ("numpy_vectorized", "numba_jit") for n in (100, 1_000)]
    assert "numba_jit and numpy_vectorized at" in about(facts(sample_run.run(tied)), "The lowest time per iteration")


def test_vectorizing_is_told_with_its_crossover_and_ratio():
    """Where the loops win at the smallest size, the sentence says from which n on they do not."""
    cells = [sample_run.cell("python_loops", n, 1e-7 * n) for n in (10, 1_000)]
    cells += [sample_run.cell("numpy_vectorized", n, 1e-5) for n in (10, 1_000)]
    told = about(facts(sample_run.run(cells)), "Vectorizing")
    assert told.startswith("Vectorizing wins from n ≈ 1")  # 100 in truth
    assert "at n = 1\u00a0000, d = 10 numpy_vectorized is 10." in told or "is 9.9" in told


def test_the_whole_run_answers_all_questions():
    """Which for my size, how much faster, from when compiling pays, how far from the limit."""
    found = facts(sample_run.full())
    assert [
        word
        for word in ("The lowest time per iteration", "Vectorizing", "Compiling", "Of the read bandwidth")
        if about(found, word)
    ]
    assert about(found, "The fastest first result")
    assert len(found) == 5


def test_without_figures_there_are_no_facts():
    """A run with no time, or with too few processes to call anything the fastest, claims nothing."""
    assert facts(sample_run.run([sample_run.cell("numba_jit", 100, status="crashed")])) == []
    few = [sample_run.cell(b, n, 1e-5, blocks=3) for b in ("numpy_vectorized", "numba_jit") for n in (100, 1_000)]
    assert not [fact for fact in facts(sample_run.run(few)) if "lowest time per" in fact]
