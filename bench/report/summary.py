"""What a reader asks first, answered in a few sentences that are made of the figures of a group alone.

Which backend for my size, how much faster than plain loops, from when does compiling pay, how far from the limit.
"""

from bench import costs
from bench.records import Cell
from bench.report import text
from bench.report.answer import fastest
from bench.report.groups import BASELINE, LOOPS, SYNTHETIC, Group, Key, backends, key, problem_label, speedup, time
from bench.report.limits import crossing, rounded, where


def facts(group: Group) -> list[str]:
    """The sentences that the group's figures allow, none of them longer than two lines on a projector."""
    told = [*_by_size(group), _vectorizing(group), _compiling(group), _limit(group)]
    return [sentence for sentence in told if sentence]


def _by_size(group: Group) -> list[str]:
    """Which backend is the fastest at which sizes: neighbours with the same answer are told together."""
    problems = sorted({key(c) for c in group.ranked if c.problem.name == SYNTHETIC and time(c)})
    runs: list[tuple[tuple[str, ...], list[str]]] = []
    for problem in problems:
        found = fastest([c for c in group.ranked if key(c) == problem])
        first = [found.timed[0], *found.level] if found and found.sure and len(found.timed) > 1 else []
        names = tuple(text.clean(c.backend, 40) for c in sorted(first, key=lambda c: c.backend))
        label = problem_label(problem)
        if names and runs and runs[-1][0] == names:
            runs[-1][1].append(label)
        elif names:
            runs.append((names, [label]))
    if len(problems) < 2 or not runs:
        return []
    parts = [
        f"{text.listed(list(names))} at {' to '.join(dict.fromkeys([labels[0], labels[-1]]))}" for names, labels in runs
    ]
    return [f"Fastest by size: {'; '.join(parts)}."]


def _vectorizing(group: Group) -> str:
    """From which n vectorizing wins over plain loops, and by how much at the largest n that both have."""
    loops = [c for c in group.ranked if c.backend == LOOPS and time(c)]
    arrays = [c for c in group.ranked if c.backend == BASELINE and time(c)]
    compared = [c for c in arrays if speedup(c, LOOPS) and c.problem.name == SYNTHETIC]
    if not compared:
        return ""
    largest = max(compared, key=lambda c: c.n_samples * c.n_features)
    ratio = speedup(largest, LOOPS)
    assert ratio is not None
    found = [at for at in costs.crossovers(loops, arrays) if at.n_features == largest.n_features]
    wins = f"Vectorizing wins {crossing(found[0])}; at" if found else "At"
    figures = text.ratio_interval(ratio.median, ratio.ci_low, ratio.ci_high)
    return f"{wins} {problem_label(largest)} {BASELINE} is {figures} the speed of plain loops."


def _compiling(group: Group) -> str:
    """From how many iterations on what compiles has repaid its compilation, at the size where most of them do."""
    paid: dict[Key, list[Cell]] = {}
    for c in group.ranked:
        calls = c.ledger.pays_back_after_calls
        if time(c) and c.ledger.compile_s and isinstance(calls, int):
            paid.setdefault(key(c), []).append(c)
    if not paid:
        return ""
    problem = max(paid, key=lambda k: (len(paid[k]), k))
    cells = {c.backend: c for c in paid[problem]}
    parts = []
    for backend in backends(cells.values()):
        calls = cells[backend].ledger.pays_back_after_calls
        assert isinstance(calls, int)
        parts.append(f"{text.clean(backend, 40)} after {text.count(rounded(calls * cells[backend].n_iter))} iterations")
    return f"Compiling is repaid against {BASELINE} at {problem_label(problem)}: {', '.join(parts)} (about)."


def _limit(group: Group) -> str:
    """How far the baseline and the best backend are from what the machine allows at the largest problem."""
    roofs = [roof for roof in group.roofs if roof.problem == SYNTHETIC and any(f.share for f in roof.backends)]
    if not roofs:
        return ""
    roof = max(roofs, key=lambda r: r.bytes)
    found = sorted((f for f in roof.backends if f.share), key=lambda f: f.share or 0, reverse=True)
    shown = dict.fromkeys([f.backend for f in found[:1]] + [f.backend for f in found if f.backend == BASELINE])
    parts = [f"{text.clean(f.backend, 40)} reaches {text.percent(f.share or 0)}" for f in found if f.backend in shown]
    what = "read bandwidth" if roof.limited_by == "bandwidth" else "arithmetic peak"
    return f"Of the {what} at {where(roof)}, {text.listed(parts)}."
