"""Sentences that summarize a group: the fastest backend, vectorizing, compiling, and the limit of the machine."""

import math
from collections import Counter

from bench import text
from bench.analysis import cost_model
from bench.analysis.cold_costs import seconds_at
from bench.analysis.speed import (
    LOOPS,
    SYNTHETIC,
    Group,
    ProblemKey,
    backends,
    fastest,
    largest_comparable_problem,
    problem_key,
    problem_label,
    speedup,
    time_per_iteration,
)
from bench.plan import BASELINE
from bench.records import Cell, ProblemRoofline
from bench.stats import Interval


def headline_sentence(group: Group) -> str:
    """A sentence about the fastest backend on the largest problem, with its interval or why it is not certain."""
    problem = largest_comparable_problem(group.ranked)
    ranking = fastest([c for c in group.ranked if problem_key(c) == problem])
    if problem is None or ranking is None:
        return _no_time(group)
    best = ranking.timed[0]
    where = f"On this machine, at {problem_label(problem)} ({group.title}), "
    name = text.clean(best.backend, 40)
    if len(ranking.timed) == 1:
        return f"{where}{name} is the only backend with a time: {_figures(best)}."
    among = f"of {len(ranking.timed)} backends"
    if not ranking.sure:
        doubt = "too few processes to call it the fastest"
        return f"{where}{name} has the lowest median {among}: {_figures(best)} ({doubt})."
    if ranking.tied:
        tied = text.listed([name, *(text.clean(c.backend, 40) for c in ranking.tied)])
        return f"{where}{tied} are tied as the fastest {among}: {name} takes {_figures(best)}."
    return f"{where}{name} is the fastest {among}: {_figures(best)}."


def _no_time(group: Group) -> str:
    counts = Counter(cell.status for cell in group.ranked)
    kinds = text.listed([f"{number} {status.replace('_', ' ')}" for status, number in sorted(counts.items())])
    return f"No backend has a time ({group.title}), so there is nothing to compare: {kinds or 'nothing was run'}."


def _figures(cell: Cell) -> str:
    interval = time_per_iteration(cell)
    assert interval is not None
    words = f"{text.duration_interval(*interval)} per iteration"
    faster = speedup(cell, BASELINE)
    if faster is None:
        return words
    return f"{words}, {text.ratio_interval(faster.median, faster.ci_low, faster.ci_high)} the speed of {BASELINE}"


def summary_sentences(group: Group) -> list[str]:
    """The sentences that the group's figures allow, none of them longer than two lines on a projector."""
    sentences = [*_by_size(group), *_from_cold(group), _vectorizing(group), _compiling(group), _limit(group)]
    return [sentence for sentence in sentences if sentence]


def _by_size(group: Group) -> list[str]:
    """The fastest backend by size, in the steady state."""
    problems = _problems(group)
    rankings = {problem: fastest([c for c in group.ranked if problem_key(c) == problem]) for problem in problems}
    first = {p: [f.timed[0], *f.tied] for p, f in rankings.items() if f and f.sure and len(f.timed) > 1}
    parts = _together(first)
    return [f"The lowest time per iteration: {parts}."] if len(problems) > 1 and parts else []


def _from_cold(group: Group) -> list[str]:
    """The backend with the first result of a new process, by size. It matters for a single fit."""
    first = {}
    for problem in _problems(group):
        cells = [c for c in group.ranked if problem_key(c) == problem and time_per_iteration(c)]
        complete = [
            c for c in cells if None not in (c.cold_costs.import_s, c.cold_costs.prepare_s, c.cold_costs.first_call_s)
        ]
        if len(complete) > 1:
            first[problem] = [min(complete, key=lambda c: seconds_at(c, c.n_iter))]
    parts = _together(first)
    return [f"The fastest first result of a new process, with import and compilation: {parts}."] if parts else []


def _problems(group: Group) -> list[ProblemKey]:
    return sorted({problem_key(c) for c in group.ranked if c.problem.name == SYNTHETIC and time_per_iteration(c)})


def _together(first: dict[ProblemKey, list[Cell]]) -> str:
    """The first backends by problem. Neighboring problems with the same backends are joined."""
    runs: list[tuple[tuple[str, ...], list[str]]] = []
    for problem, cells in first.items():
        names = tuple(text.clean(c.backend, 40) for c in sorted(cells, key=lambda c: c.backend))
        if runs and runs[-1][0] == names:
            runs[-1][1].append(problem_label(problem))
        else:
            runs.append((names, [problem_label(problem)]))
    return "; ".join(
        f"{text.listed(list(names))} at {' to '.join(dict.fromkeys([labels[0], labels[-1]]))}" for names, labels in runs
    )


def _vectorizing(group: Group) -> str:
    """The n from which on vectorized code is faster than plain loops, and by how much at the largest common n."""
    loops = [c for c in group.ranked if c.backend == LOOPS and time_per_iteration(c)]
    arrays = [c for c in group.ranked if c.backend == BASELINE and time_per_iteration(c)]
    compared = [c for c in arrays if speedup(c, LOOPS) and c.problem.name == SYNTHETIC]
    if not compared:
        return ""
    largest = max(compared, key=lambda c: c.n_samples * c.n_features)
    ratio = speedup(largest, LOOPS)
    assert ratio is not None
    crossing_points = [at for at in cost_model.crossovers(loops, arrays) if at.n_features == largest.n_features]
    wins = f"Vectorizing wins {crossing(crossing_points[0])}; at" if crossing_points else "At"
    figures = text.ratio_interval(ratio.median, ratio.ci_low, ratio.ci_high)
    return f"{wins} {problem_label(largest)} {BASELINE} is {figures} the speed of plain loops."


def _compiling(group: Group) -> str:
    """The iterations after which compilation is repaid, on the problem with most such backends and on the largest."""
    paid: dict[ProblemKey, list[Cell]] = {}
    for c in group.ranked:
        if time_per_iteration(c) and c.cold_costs.compile_s and isinstance(c.cold_costs.break_even_calls, int):
            paid.setdefault(problem_key(c), []).append(c)
    if not paid:
        return ""
    most_repaid = max(paid, key=lambda k: (len(paid[k]), k))
    largest = max(paid, key=lambda k: k.n_samples * k.n_features)
    parts = [f"at {problem_label(k)} {_repaid(paid[k])}" for k in dict.fromkeys([most_repaid, largest])]
    return f"Compiling is repaid against {BASELINE} {'; '.join(parts)}."


def _repaid(cells: list[Cell]) -> str:
    by_name = {c.backend: c for c in cells}
    parts = []
    for backend in backends(cells):
        calls = by_name[backend].cold_costs.break_even_calls
        assert isinstance(calls, int)
        parts.append(f"by {text.clean(backend, 40)} after some {text.count(rounded(calls * by_name[backend].n_iter))}")
    return f"{', '.join(parts)} iterations"


def _limit(group: Group) -> str:
    """The share of the limit that the best backend and the baseline reach on the largest problem."""
    roofs = [roof for roof in group.roofs if roof.problem == SYNTHETIC and any(f.share for f in roof.backends)]
    if not roofs:
        return ""
    roof = max(roofs, key=lambda r: r.bytes)
    attainments = sorted((f for f in roof.backends if f.share), key=lambda f: f.share or 0, reverse=True)
    named = dict.fromkeys(
        [f.backend for f in attainments[:1]] + [f.backend for f in attainments if f.backend == BASELINE]
    )
    parts = [
        f"{text.clean(f.backend, 40)} reaches {text.percent(f.share or 0)}" for f in attainments if f.backend in named
    ]
    what = "read bandwidth" if roof.limited_by == "bandwidth" else "arithmetic peak"
    return f"Of the {what} at {where(roof)}, {text.listed(parts)}."


def crossing(at: cost_model.Crossover) -> str:
    """from (or up to) n ≈ 2 300 [1 900, 2 800]; or at every (or no) n measured."""
    if at.n is None:
        return "at every n measured" if at.kind == "everywhere" else "at no n measured"
    if at.before is not None:
        return f"up to {_about(at.before)}, and again from {_about(at.n)}"
    return f"{at.kind} {_about(at.n)}"


def _about(n: Interval) -> str:
    low, high = (text.MISSING if end is None else text.count(rounded(end)) for end in n[1:])
    brackets = "" if n.low is None and n.high is None else f" [{low}, {high}]"
    return f"n ≈ {text.count(rounded(n.median))}{brackets}"


def where(roof: ProblemRoofline) -> str:
    return problem_label(ProblemKey(roof.n_samples, roof.n_features, roof.problem, ""))


def rounded(n: float) -> int:
    """Rounded to two digits, because the point where two curves cross is not known better."""
    step = 10 ** max(0, math.floor(math.log10(max(n, 1.0))) - 1)
    return max(1, int(round(n / step) * step))
