"""Chapter 4: predict the time of an iteration at a size that was not measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import text
from bench.analysis import costs
from bench.learn import facts
from bench.learn.ch04_crossover import picture
from bench.learn.judge import Verdict, load
from bench.records import Run, load_run
from bench.stats import straight_line

NAME = "seconds_per_iteration"
MEASURED = ((1, 10), (10, 2), (4, 25), (100, 5), (200, 10), (1000, 2), (5000, 20), (100_000, 10))
ASKED = ((2, 2), (2, 20), (30, 4), (30, 10), (900, 5), (900, 50), (20_000, 10), (50_000, 30))  # most n with two d
NOISE = (1.04, 0.97, 0.96, 1.05, 0.98, 1.03, 0.92, 1.06)  # on the times of MEASURED
Predict = Callable[[list[tuple[int, int, float]], int, int], float]

HINTS = {
    "no overhead": (
        "What does your function say for a table with no rows at all? And what does the flat part of the picture say?",
        "Your line goes through zero. The formula has a second number, which does not depend on the size: a.",
        "At the smallest size nearly all is a. So take a = its seconds, and b = (seconds of the largest - a) / (its n·d).",
    ),
    "average": (
        "Your function gives one answer for every size. Does the picture?",
        "The arguments n_samples and n_features must appear in what you return.",
        "Return a + b * n_samples * n_features; a from the smallest size, b from the rise up to the largest.",
    ),
    "unit": (
        "The shape is right. Compare one of your answers with a time in the table.",
        "The table is in seconds and so must the answer be. Where does your function multiply by a thousand, or a million?",
        "Leave out every 1e3, 1e6 or 1e9: a + b·n·d is in seconds when `measured` is.",
    ),
    "small sizes": (
        "Large sizes come out right, small ones do not. Which points had the say when the line was drawn?",
        "A plain least-squares fit minimizes absolute errors, and those of the largest times drown all others.",
        "Divide by the time: np.polyfit(sizes, seconds, 1, w=1 / np.array(seconds)) weighs relative errors.",
    ),
    "d ignored": (
        "Ask your function for the same n with two different d. What should change?",
        "X has n·d values. Your answer depends on n only; the size that counts is the product.",
        "Use n * d for every row of `measured`, and n_samples * n_features in what you return.",
    ),
    "measured ignored": (
        "On another machine the table is another one. Does your answer change with it?",
        "a and b must be computed from the argument `measured`; figures that you type are those of one machine.",
        "a = min(s for n, d, s in measured); then b from the row with the largest n * d.",
    ),
    "": (
        "Try it by hand: take two rows of the table, one small and one large, and draw a line through them.",
        "Two unknowns need two equations: t = a + b·n·d at the smallest size, and the same at the largest.",
        "b = (t_large - t_small) / (size_large - size_small), a = t_small - b * size_small, and return a + b·n·d.",
    ),
}


def machines() -> list[tuple[list[tuple[int, int, float]], list[float]]]:
    """Made-up machines: the noisy table that the function gets, and the true times of what it is asked."""
    rng = np.random.default_rng(4)
    pairs = [(8e-6, 0.8e-9), (2e-6, 3e-9), *zip(rng.uniform(3e-6, 2e-5, 3), rng.uniform(0.3e-9, 2e-9, 3), strict=True)]
    return [
        (
            [(n, d, float((a + b * n * d) * off)) for (n, d), off in zip(MEASURED, NOISE, strict=True)],
            [float(a + b * n * d) for n, d in ASKED],
        )
        for a, b in pairs
    ]


def judge(path: Path) -> Verdict:
    predict = getattr(load(path), NAME, None)
    if not callable(predict):
        return Verdict("wrong", f"there is no function {NAME} in your file")
    answers, truths = [], []
    for table, truth in machines():
        found = [predict(list(table), n, d) for n, d in ASKED]
        for answer in found:
            if isinstance(answer, bool) or not isinstance(answer, float | int | np.floating):
                return Verdict("wrong", f"it must return one number; it returned a {type(answer).__name__}")
            if not np.isfinite(answer):
                return Verdict("wrong", f"it returned {answer}, which is no time")
        answers.append([float(answer) for answer in found])
        truths.append(truth)
    ratios = np.array(answers) / truths
    if np.all(np.abs(ratios - 1) <= costs.HELD_OUT):
        return own(predict, path)
    return _named(np.array(answers), ratios)


def _named(answers: np.ndarray, ratios: np.ndarray) -> Verdict:
    """Which mistake the answers show. answers, ratios: a row for each machine, a column for each size asked."""
    values = np.array([n * d for n, d in ASKED])
    worst = np.unravel_index(np.argmax(np.abs(ratios - 1)), ratios.shape)
    n, d = ASKED[worst[1]]
    if not answers.any():
        return Verdict("wrong", "it returns 0 for every size: a and b are still to be found")
    if np.allclose(answers, answers[0], rtol=1e-9, atol=0):
        return Verdict("wrong", "it answers the same on machines of very different speed", "measured ignored")
    if np.allclose(answers, answers[:, :1], rtol=1e-9, atol=0):
        return Verdict("wrong", "it gives the same answer for every size", "average")
    if _same_n(answers):
        return Verdict("wrong", "it gives the same answer for the same n, whatever d is", "d ignored")
    if np.allclose(answers / values, answers[:, :1] / values[0], rtol=1e-9, atol=0):
        why = f"your answers are proportional to n·d: at n·d = {values[0]} yours is {text.percent(ratios[0][0])} of the truth"
        return Verdict("wrong", why, "no overhead")
    unit = float(np.median(ratios))
    if abs(unit) > 100 and np.all(np.abs(ratios / unit - 1) <= 2 * costs.HELD_OUT):
        return Verdict("wrong", f"all your answers are too large by about the same factor, {unit:.0e}", "unit")
    large = values > 10_000
    if np.all(np.abs(ratios[:, large] - 1) <= costs.HELD_OUT):
        why = f"large sizes come out right, but at n = {n}, d = {d} yours is {text.percent(ratios[worst])} of the truth"
        return Verdict("wrong", why, "small sizes")
    return Verdict(
        "wrong", f"at n = {n}, d = {d} on a made-up machine yours is {text.percent(ratios[worst])} of the truth"
    )


def _same_n(answers: np.ndarray) -> bool:
    """Whether sizes with one n and different d have one answer."""
    ns = [n for n, _ in ASKED]
    pairs = [(i, j) for i in range(len(ns)) for j in range(i) if ns[i] == ns[j]]
    return all(np.allclose(answers[:, i], answers[:, j], rtol=1e-9, atol=0) for i, j in pairs)


def own(predict: Predict, path: Path) -> Verdict:
    """The hidden sizes: of the reader's own run, beside the file, or of the recorded one."""
    mine = path.parent / "sweep"
    run: Run = load_run(mine if (mine / "run.json").exists() else Path(__file__).parent / "recorded" / "sweep.json")
    table = [(c.n_samples, c.n_features, picture.seconds(c).median) for c in picture.cells(run, picture.NUMPY)]
    hidden = [c for n in picture.HIDDEN if (c := facts.cell(run, picture.NUMPY, n, 10)) is not None]
    whose = "this machine" if (mine / "run.json").exists() else "the recorded machine"
    if len(table) < 2:
        return Verdict("passed", f"right on every made-up machine; the run of {whose} has too few sizes to try it on")
    a, b = straight_line([n * d for n, d, _ in table], [s for *_, s in table])
    told = []
    for cell in hidden:
        n, d, truth = cell.n_samples, cell.n_features, picture.seconds(cell).median
        answer = predict(list(table), n, d)
        where = f"at n = {n}, d = {d} of {whose}: {text.duration(answer)} predicted, {text.duration(truth)} measured"
        if abs(answer / truth - 1) > costs.HELD_OUT:
            if abs((a + b * n * d) / truth - 1) <= costs.HELD_OUT:
                return Verdict("wrong", f"right on the made-up machines, but not {where}")
            where += ", which no straight line through that table would have met"
        told.append(where)
    return Verdict("passed", "; ".join(["right on every made-up machine", *told]))
