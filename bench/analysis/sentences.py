"""Sentences that summarize a group: the fastest backend, vectorizing, compiling, and the limit of the machine."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from bench import text
from bench.analysis import cost_model
from bench.analysis.cold_costs import break_even_iterations, cold_seconds, seconds_at
from bench.analysis.speed import (
    CORE,
    LOOPS,
    SYNTHETIC,
    Group,
    ProblemKey,
    backends,
    largest_comparable_problem,
    problem_key,
    problem_label,
    rank,
    speedup,
    time_per_iteration,
)
from bench.mappings import get_nested
from bench.plan import BASELINE
from bench.records import Cell, Run
from bench.stats import Interval


def processor_text(run: Run, width: int = 80) -> str:
    """The name of the processor of a run, with at most `width` characters."""
    model = get_nested(run.machine, "cpu", "model")
    return text.clean(model, width) if isinstance(model, str) and model else "processor not known"


def headline_sentence(group: Group) -> str:
    """A sentence about the fastest backend on the largest problem, with its interval or why it is not certain."""
    problem = largest_comparable_problem(group.ranked)
    ranking = rank([c for c in group.ranked if problem_key(c) == problem])
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
    """The sentences about a group for which it has the measurements."""
    core = [c for c in group.ranked if c.backend in CORE]
    sentences = [
        _fastest(group.ranked, "{} the lowest time per iteration"),
        _fastest(core, f"Among the {len(CORE)} core backends, {{}} the lowest time") if _has_others(group) else "",
        _first_result(group),
        _vectorizing(group),
        compiling(group),
        limit(group),
    ]
    return [sentence for sentence in sentences if sentence]


def _has_others(group: Group) -> bool:
    """Whether core backends are ranked together with other ones."""
    return len({c.backend in CORE for c in group.ranked if time_per_iteration(c)}) == 2


def _fastest(cells: Sequence[Cell], form: str) -> str:
    """The fastest backend of each size, in the steady state. form: with {} for the backends and their verb."""
    problems = _problems(cells)
    rankings = {problem: rank([c for c in cells if problem_key(c) == problem]) for problem in problems}
    first = {p: [f.timed[0], *f.tied] for p, f in rankings.items() if f and f.sure and len(f.timed) > 1}
    return _by_size(first, form) if len(problems) > 1 else ""


def _first_result(group: Group) -> str:
    """The backend with the first result of a new process, by size. It matters for a single fit."""
    first = {}
    for problem in _problems(group.ranked):
        cells = [c for c in group.ranked if problem_key(c) == problem and time_per_iteration(c)]
        complete = [c for c in cells if cold_seconds(c.cold_costs) is not None]
        if len(complete) > 1:
            first[problem] = [min(complete, key=lambda c: seconds_at(c, c.n_iter))]
    return _by_size(first, "In a new process, import and compilation included, {} the first result")


def _problems(cells: Sequence[Cell]) -> list[ProblemKey]:
    return sorted({problem_key(c) for c in cells if c.problem.name == SYNTHETIC and time_per_iteration(c)})


def _by_size(first: dict[ProblemKey, list[Cell]], form: str) -> str:
    """A sentence about the first backends by problem. Neighboring problems with the same backends are joined."""
    names_at = {problem: [text.clean(name, 40) for name in backends(cells)] for problem, cells in first.items()}
    ranges = [(names, list(problems)) for names, problems in groupby(names_at, key=lambda problem: names_at[problem])]
    parts: list[str] = []
    for names, problems in ranges:
        subject = text.listed(names)
        if not parts:
            subject = form.format(f"{subject} {'has' if len(names) == 1 else 'share'}")
        parts.append(f"{subject} {_range(problems) if len(ranges) > 1 else 'at every size'}")
    return f"{'; '.join(parts)}." if parts else ""


def _range(problems: Sequence[ProblemKey]) -> str:
    """at n = 100, d = 10; or from n = 100 to n = 1 000 (d = 10)"""
    if len(problems) == 1:
        return f"at {problem_label(problems[0])}"
    first, last = problems[0], problems[-1]
    if first.n_features == last.n_features:
        return f"from n = {text.count(first.n_samples)} to {text.count(last.n_samples)} (d = {first.n_features})"
    return f"from {problem_label(first)} to {problem_label(last)}"


def _vectorizing(group: Group) -> str:
    """The n from which on NumPy is faster than plain loops, and by how much at the largest common n."""
    loops = [c for c in group.ranked if c.backend == LOOPS and time_per_iteration(c)]
    arrays = [c for c in group.ranked if c.backend == BASELINE and time_per_iteration(c)]
    compared = [c for c in arrays if speedup(c, LOOPS) and c.problem.name == SYNTHETIC]
    if not compared:
        return ""
    largest = max(compared, key=lambda c: c.size)
    ratio = speedup(largest, LOOPS)
    assert ratio is not None
    crossing_points = [at for at in cost_model.crossovers(loops, arrays) if at.n_features == largest.n_features]
    where = f" {crossing(crossing_points[0])}" if crossing_points else ""
    figures = text.ratio_interval(ratio.median, ratio.ci_low, ratio.ci_high)
    return f"{BASELINE} is faster than plain loops{where}. The ratio is {figures} at {problem_label(largest)}."


def compiling(group: Group) -> str:
    """The iterations after which compilation is repaid, on the problem of the headline if there are any."""
    paid: dict[ProblemKey, dict[str, int]] = {}
    for c in group.ranked:
        iterations = break_even_iterations(c)
        if time_per_iteration(c) and c.cold_costs.compile_s and iterations is not None:
            paid.setdefault(problem_key(c), {})[text.clean(c.backend, 40)] = rounded(iterations)
    if not paid:
        return ""
    problem = largest_comparable_problem(group.ranked)
    if problem not in paid:
        problem = max(paid, key=lambda k: (len(paid[k]), k))
    by_iterations = sorted(paid[problem].items(), key=lambda item: item[1])
    parts = [f"{text.count(iterations)} ({backend})" for backend, iterations in by_iterations]
    where = f"At {problem_label(problem)}, compilation pays off against {BASELINE}"
    return f"{where} after about {text.listed(parts)} iterations."


def limit(group: Group) -> str:
    """The share of the limit that the best backend and the baseline reach on the largest problem."""
    roofs = [roof for roof in group.roofs if roof.problem == SYNTHETIC and any(f.share for f in roof.backends)]
    if not roofs:
        return ""
    roof = max(roofs, key=lambda r: r.bytes)
    attainments = sorted((f for f in roof.backends if f.share), key=lambda f: f.share or 0, reverse=True)
    first, *others = [f for f in attainments if f is attainments[0] or f.backend == BASELINE]
    what = "read bandwidth" if roof.limited_by == "bandwidth" else "arithmetic peak"
    best = f"{text.clean(first.backend, 40)} reaches {text.percent(first.share or 0)} of the {what}"
    baseline = "".join(f", {f.backend} {text.percent(f.share or 0)}" for f in others)
    return f"At {problem_label(roof)}, {best}{baseline}."


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


def rounded(n: float) -> int:
    """Rounded to two digits, because the point where two curves cross is not known better."""
    step = 10 ** max(0, math.floor(math.log10(max(n, 1.0))) - 1)
    return max(1, int(round(n / step) * step))
