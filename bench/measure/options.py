"""From command-line options to a plan and a folder."""

import os
import re
import shutil
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from bench.data.encoding import Selection
from bench.measure.budget import announce, predict_run, reference_s
from bench.measure.run_directory import is_new
from bench.measure.stage import BUILT_IN, build
from bench.plan import CELL_SHARE, N_FEATURES, PENGUINS, SIZES, Backend, Case, Plan, iterations, synthetic_cases
from bench.records import too_many
from bench.results import results_folder
from bench.runtime import cgroups, machine, memory, process, topology

MODES = {"quick": (3, 3, 30.0), "default": (6, 5, 120.0), "full": (10, 5, 300.0)}  # blocks, rounds, budget in seconds
# Scratch disk for a problem, in copies of X, files of workers included, and of the losses with their bounds.
SCRATCH_COPIES, SCRATCH_LOSSES = 2, 12
INTEGER = "((?:[0-9]_?){0,29}[0-9])"
MAX_VALUES = 2**40  # n_samples x n_features of a problem: 8 TiB in float64; a larger size is a typing error


def make_plan(
    *,
    mode: str,
    backends: list[Backend],
    sizes: list[str] | None,
    dtypes: list[str] | None,
    threads: list[str] | None,
    data: str | None,
    target: str | None,
    max_iter: int | None,
    time_budget: str | None,
    seed: int | None,
    cpus: str | None = None,
    named: bool = False,
    selection: Selection | None = None,
) -> tuple[Plan, list[str]]:
    """The plan, and notes for the user. Raises ValueError."""
    blocks, rounds, budget = MODES[mode]
    if max_iter is not None and not 1 <= max_iter < 2**31:
        raise ValueError(f"--max-iter: found {max_iter}; allowed: an integer from 1 to {2**31 - 1}")
    seed = 0 if seed is None else seed
    if seed < 0:
        raise ValueError(f"--seed: found {seed}; allowed: an integer >= 0")
    processors = () if cpus is None else _processors(cpus)
    with process.pinned(processors):
        notes = list(machine.warnings())
        counts = tuple(sorted({_threads(text) for text in threads or ["1"]}))
    cases = []
    if sizes:
        cases += synthetic_cases(list(dict.fromkeys(map(_size, sizes))), seed, max_iter)
    reading = Case("csv", "", 0, 0, 0, **msgspec.structs.asdict(selection or Selection("")))
    if data is not None:
        case, data_notes = _data_case(data, target, max_iter, reading)
        cases.append(case)
        notes += data_notes
    elif target is not None:
        raise ValueError(f"--target: found {target!r} without --data; allowed: together with --data FILE.csv")
    elif reading.data_options:
        raise ValueError(f"{reading.data_options[0]}: found without --data; allowed: together with --data FILE.csv")
    if not cases:
        sweep = [n for n in SIZES if mode != "quick" or n < 1_000_000]
        cases = synthetic_cases([(n, N_FEATURES) for n in sweep], seed, max_iter)
        cases.append(replace(PENGUINS, max_iter=max_iter or PENGUINS.max_iter))
    plan = Plan(
        backends=tuple(backends),
        cases=tuple(sorted(cases, key=lambda case: (case.kind != "synthetic", case.size))),
        dtypes=tuple(dict.fromkeys(map(_dtype, dtypes or ["float64"]))),
        threads=counts,
        blocks=blocks,
        rounds=rounds,
        seed=seed,
        budget_s=budget if time_budget is None else _seconds(time_budget),
        mode=mode,
        has_user_budget=time_budget is not None,
        named=named,
        cpus=processors,
    )
    if reason := too_many([(cell.dtype, cell.threads, cell.case.n_features) for cell in plan.cells]):
        raise ValueError(f"--size: {reason}")
    plan = replace(plan, cases=tuple(_too_large(plan)))
    if all(case.too_large for case in plan.cases):
        smallest, allowed = plan.cases[0], "a smaller one"
        found = "--size: found a problem that"
        if max_iter is not None:
            found, allowed = f"--max-iter: found {max_iter}, with which {smallest.key}", "fewer iterations"
        raise ValueError(f"{found} {smallest.too_large}; allowed: {allowed}")
    notes += [f"{case.key} is skipped: it {case.too_large}" for case in plan.cases if case.too_large]
    seconds, left_out = predict_run(plan)
    plan = replace(plan, predicted_s=round(seconds, 1), left_out=frozenset(left_out))
    return plan, [*notes, announce(plan)]


def new_folder(out: str | None) -> Path:
    """The folder of a new run: `out`, or results_folder()/<date>-<time>.

    Raises ValueError if `out` has no name or is not empty.
    """
    if out is not None:
        if not out.strip():
            raise ValueError(f"--out: found {out!r}; allowed: the name of a new or empty folder")
        folder = Path(out)
        if folder.exists() and not (folder.is_dir() and is_new(folder)):
            raise ValueError(f"--out: found {out!r}, which is not empty; allowed: a new or empty folder")
        return folder
    stem = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        folder = results_folder() / f"{stem}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another run started in the same second
            continue
        return folder
    raise ValueError(f"{results_folder() / stem}: found a hundred runs of this second; allowed: another --out")


def _too_large(plan: Plan) -> list[Case]:
    """The cases of a plan, with `too_large` set for those that need more memory, scratch disk or time than there is.

    The references of a problem may take the share of the time budget that a cell may take, and at least a second.
    """
    memory_free, disk_free = memory.available(), shutil.disk_usage(tempfile.gettempdir()).free
    share_s = max(1.0, CELL_SHARE * plan.budget_s)
    judged, staged = [], 0
    for case in plan.cases:
        reasons, seconds = [], reference_s(case, plan.dtypes, plan.normwise)
        staged += (case.size * SCRATCH_COPIES + case.max_iter * SCRATCH_LOSSES) * 8 * len(plan.dtypes)
        if case.stage_bytes > memory_free:
            needed = f"about {_gib(case.stage_bytes)} of memory to prepare"
            reasons.append(f"{needed}, and {_gib(memory_free)} are free")
        elif staged > disk_free:
            reasons.append(f"about {_gib(staged)} of scratch disk with smaller ones, and {_gib(disk_free)} are free")
        if seconds > share_s:
            needed = f"about {float(f'{seconds:.2g}'):g} s for the reference results of {case.max_iter} iterations"
            reasons.append(f"{needed}, and a quarter of the time budget is {share_s:.3g} s")
        judged.append(replace(case, too_large=f"needs {'; '.join(reasons)}" if reasons else None))
    return judged


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(f"{INTEGER}[x×]{INTEGER}", text.strip().lower())
    n, d = map(int, match.groups()) if match else (0, 0)
    if n < 1 or d < 1:
        raise ValueError(f"--size: found {text!r}; allowed: n_samples x n_features, both at least 1, such as 1000x10")
    if n * d > MAX_VALUES:
        raise ValueError(
            f"--size: found {text!r}, {n * d * 8 / 2**30:.0f} GiB; allowed: up to {MAX_VALUES * 8 >> 30} GiB"
        )
    return n, d


def _data_case(data: str, target: str | None, max_iter: int | None, reading: Case) -> tuple[Case, list[str]]:
    """The case of a file or of built-in data, and notes for the user. reading: a case with the options of the file."""
    if data in BUILT_IN and not Path(data).exists():
        if target is not None:
            raise ValueError(
                f"--target: found {target!r} for the built-in data set {data}; allowed: with a CSV file only"
            )
        if reading.data_options:
            found = f"{reading.data_options[0]}: found for the built-in data set {data}"
            raise ValueError(f"{found}; allowed: with a file only")
        case = Case(data, data, 0, 0, 0)
    elif target is None:
        raise ValueError(f"--data: found {data!r} without --target; allowed: --target with the column to predict")
    else:
        case = replace(reading, name=data, path=os.path.expanduser(data), argument=data, target=target)
    problem = build(case)
    n, d = problem.X.shape
    case = replace(case, n_samples=n, n_features=d, max_iter=max_iter or iterations(n))
    if case.path is not None:
        path = Path(case.path)
        # A file named synthetic.csv must not look like the synthetic problem.
        name = path.name if problem.name in ("synthetic", *BUILT_IN) else problem.name
        case = replace(case, name=name, path=str(path.resolve()))
    return case, list(problem.notes)


def _dtype(text: str) -> str:
    if text not in ("float64", "float32"):
        raise ValueError(f"--dtype: found {text!r}; allowed: float64, float32")
    return text


def _threads(text: str) -> int:
    available = process.available_threads()
    count = available if text == "all" else int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
    if not 1 <= count <= available:
        quota = cgroups.cpu_quota()
        limit = "" if quota is None else f" (the CPU quota is {quota:.3g} processors)"
        raise ValueError(f"--threads: found {text!r}; allowed: an integer from 1 to {available}{limit}, or all")
    return count


def _processors(text: str) -> tuple[int, ...]:
    """The processors of --cpus, each once. Raises ValueError."""
    allowed = process.affinity()
    if not allowed:
        raise ValueError(f"--cpus: found {text!r} on a system without processor affinity; allowed: no --cpus")
    try:
        chosen = tuple(dict.fromkeys(topology.numbers(text)))
    except ValueError:
        chosen = ()
    if not chosen or not allowed.issuperset(chosen):
        raise ValueError(
            f"--cpus: found {text[:60]!r}; allowed: numbers such as 0 or 2,3 or 4-7 of processors that this process may"
            f" use, which are {len(allowed)} from {min(allowed)} to {max(allowed)}"
        )
    return chosen


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|min|h|)", text.strip())
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}[match[2]] if match else 0.0
    if not 0 < seconds < 1e7:
        raise ValueError(f"--time-budget: found {text!r}; allowed: a time such as 120s, 5m or 1h")
    return seconds
