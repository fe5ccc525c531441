"""Chapter 4: predict the time of an iteration at a size that was not measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import text
from bench.analysis import cost_model
from bench.learn import facts
from bench.learn.ch04_crossover import picture
from bench.learn.chapters import chapter
from bench.learn.judge import Rejected, Verdict, function
from bench.stats import straight_line

MEASURED = ((1, 10), (10, 2), (4, 25), (100, 5), (200, 10), (1000, 2), (5000, 20), (100_000, 10))
QUERIES = ((2, 2), (2, 20), (30, 4), (30, 10), (900, 5), (900, 50), (20_000, 10), (50_000, 30))  # most n with two d
NOISE = (1.04, 0.97, 0.96, 1.05, 0.98, 1.03, 0.92, 1.06)  # factors on the times of MEASURED
Predict = Callable[[list[tuple[int, int, float]], int, int], float]

HINTS = {
    "no overhead": (
        "What does your function return for n_samples = 0? What does the flat part of the chart show?",
        "Your line goes through zero. The formula has a second number, a, which does not depend on the size.",
        "At the smallest size, a is nearly the whole time. So take a = its seconds, and b = (seconds of the largest - a) / (its n·d).",
    ),
    "average": (
        "Your function returns one answer for every size. Is the line in the chart flat?",
        "The return value must depend on the arguments n_samples and n_features.",
        "Return a + b * n_samples * n_features. Take a from the smallest size, and b from the rise to the largest.",
    ),
    "unit": (
        "The shape is right. Compare one of your answers with a time in the table.",
        "The table is in seconds, so the answer must be in seconds. Where does your function multiply by a thousand or a million?",
        "Remove every 1e3, 1e6 or 1e9: a + b·n·d is in seconds if `measured` is in seconds.",
    ),
    "small sizes": (
        "Your answers are right at large sizes but wrong at small ones. Which points dominate your fit?",
        "A plain least-squares fit minimizes absolute errors, so the errors of the largest times dominate.",
        "Divide by the time: np.polyfit(sizes, seconds, 1, w=1 / np.array(seconds)) minimizes relative errors.",
    ),
    "d ignored": (
        "Call your function with the same n and two different d. What should change?",
        "X has n·d values. Your answer depends only on n, but the product n·d matters.",
        "Use n * d for every row of `measured`, and n_samples * n_features in the return value.",
    ),
    "measured ignored": (
        "Another machine has another table. Does your answer change with the table?",
        "Compute a and b from the argument `measured`. Numbers in your code are those of one machine.",
        "a = min(s for n, d, s in measured); then take b from the row with the largest n * d.",
    ),
    "": (
        "Try it by hand: take two rows of the table, one small and one large, and draw a line through them.",
        "Two unknowns need two equations: t = a + b·n·d at the smallest size and at the largest size.",
        "b = (t_large - t_small) / (size_large - size_small), a = t_small - b * size_small, and return a + b·n·d.",
    ),
}


def machines() -> list[tuple[list[tuple[int, int, float]], list[float]]]:
    """Simulated machines: the noisy table that the function gets, and the true times at QUERIES."""
    rng = np.random.default_rng(4)
    pairs = [(8e-6, 0.8e-9), (2e-6, 3e-9), *zip(rng.uniform(3e-6, 2e-5, 3), rng.uniform(0.3e-9, 2e-9, 3), strict=True)]
    return [
        (
            [(n, d, float((a + b * n * d) * off)) for (n, d), off in zip(MEASURED, NOISE, strict=True)],
            [float(a + b * n * d) for n, d in QUERIES],
        )
        for a, b in pairs
    ]


def judge(path: Path) -> Verdict:
    predict = function(path, "seconds_per_iteration(measured, n_samples, n_features)")
    answers, truths = [], []
    for table, truth in machines():
        answers.append([_number(predict(list(table), n, d)) for n, d in QUERIES])
        truths.append(truth)
    ratios = np.array(answers) / truths
    if np.all(np.abs(ratios - 1) <= cost_model.MAX_HELD_OUT_ERROR):
        return judge_hidden(predict, path)
    return _named(np.array(answers), ratios)


def _number(answer: Any) -> float:
    if isinstance(answer, bool) or not isinstance(answer, float | int | np.floating):
        raise Rejected("wrong", f"your function returned a {type(answer).__name__}; allowed: one number")
    if not np.isfinite(answer):
        raise Rejected("wrong", f"your function returned {answer}; allowed: a finite number")
    return float(answer)


def _named(answers: np.ndarray, ratios: np.ndarray) -> Verdict:
    """The mistake that explains the answers. answers, ratios: a row for each machine, a column for each of QUERIES."""
    values = np.array([n * d for n, d in QUERIES])
    worst = np.unravel_index(np.argmax(np.abs(ratios - 1)), ratios.shape)
    n, d = QUERIES[worst[1]]
    ns = [n for n, _ in QUERIES]
    first = [ns.index(n) for n in ns]  # for each query, the first one with its n

    def same(these: np.ndarray, those: np.ndarray) -> bool:
        return np.allclose(these, those, rtol=1e-9, atol=0)

    if not answers.any():
        return Verdict("wrong", "your function returns 0 for every size: compute a and b first")
    if same(answers, answers[0]):
        why = "your function returns the same times for machines of different speed"
        return Verdict("wrong", why, "measured ignored")
    if same(answers, answers[:, :1]):
        return Verdict("wrong", "your function returns the same time for every size", "average")
    if same(answers, answers[:, first]):
        return Verdict("wrong", "your function returns the same time for the same n, whatever d is", "d ignored")
    if same(answers / values, answers[:, :1] / values[0]):
        why = f"your answers are proportional to n·d: at n·d = {values[0]} your answer is {text.percent(ratios[0][0])} of the true time"
        return Verdict("wrong", why, "no overhead")
    unit = float(np.median(ratios))
    if abs(unit) > 100 and np.all(np.abs(ratios / unit - 1) <= 2 * cost_model.MAX_HELD_OUT_ERROR):
        return Verdict("wrong", f"all your answers are too large by about the same factor, {unit:.0e}", "unit")
    large = values > 10_000
    if np.all(np.abs(ratios[:, large] - 1) <= cost_model.MAX_HELD_OUT_ERROR):
        why = f"large sizes are right, but at n = {n}, d = {d} your answer is {text.percent(ratios[worst])} of the true time"
        return Verdict("wrong", why, "small sizes")
    why = f"at n = {n}, d = {d} on a simulated machine, your answer is {text.percent(ratios[worst])} of the true time"
    return Verdict("wrong", why)


def judge_hidden(predict: Predict, path: Path) -> Verdict:
    """Try the hidden sizes of the reader's run, which is next to the file, or of the recorded run."""
    run, measured = chapter(4).run("sweep", path.parent)
    table = [(c.n_samples, c.n_features, picture.seconds(c).median) for c in picture.cells(run, picture.NUMPY)]
    hidden = [c for n in picture.HIDDEN if (c := facts.cell(run, picture.NUMPY, n, 10)) is not None]
    machine = "this machine" if measured else "the recorded machine"
    if len(table) < 2:
        return Verdict("passed", f"right on all simulated machines; the run of {machine} has too few sizes for a test")
    a, b = straight_line([n * d for n, d, _ in table], [s for *_, s in table])
    results = []
    for cell in hidden:
        n, d, truth = cell.n_samples, cell.n_features, picture.seconds(cell).median
        answer = predict(list(table), n, d)
        where = f"at n = {n}, d = {d} on {machine}: {text.duration(answer)} predicted, {text.duration(truth)} measured"
        if abs(answer / truth - 1) > cost_model.MAX_HELD_OUT_ERROR:
            if abs((a + b * n * d) / truth - 1) <= cost_model.MAX_HELD_OUT_ERROR:
                return Verdict("wrong", f"right on the simulated machines, but not {where}")
            where += "; no straight line through this table predicts it"
        results.append(where)
    return Verdict("passed", "; ".join(["right on all simulated machines", *results]))
