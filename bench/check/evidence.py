"""What wrong results show if no listed mistake reproduces them.

Each function returns a sentence that holds for every result, or None.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.check.bound import UNIT
from bench.check.fixtures import Fixture
from bench.check.mistakes import RIGHT, Mistake

MATCH = {"float64": 1e-11, "float32": 1e-4}  # relative: far above the rounding of three updates, far below a mistake


class Answer(NamedTuple):
    """What the backend returned for a fixture."""

    fixture: Fixture
    beta: NDArray[np.float64]
    losses: NDArray[np.float64]

    def matches(self, mistake: Mistake, only_beta: bool = False) -> bool:
        """Whether a descent with this mistake returns the same beta and losses."""
        try:
            beta, losses = mistake.result(self.fixture)
        except (ArithmeticError, ValueError, IndexError):  # it is not defined for one row, such as a division by n - 1
            return False
        dtype = self.fixture.dtype
        return is_close(beta, self.beta, dtype) and (only_beta or is_close(losses, self.losses, dtype))

    @property
    def errors(self) -> tuple[float, float]:
        """The relative errors of beta and of the losses, infinity for another shape or a NaN."""
        beta, losses = RIGHT.result(self.fixture)
        return _relative_error(self.beta, beta), _relative_error(self.losses, losses)

    @property
    def right(self) -> bool:
        return max(self.errors) <= MATCH[self.fixture.dtype]


def _relative_error(actual: NDArray[Any], right: NDArray[Any]) -> float:
    if actual.shape != right.shape:
        return math.inf
    error = float(np.linalg.norm(actual - right)) / max(float(np.linalg.norm(right)), 1e-300)
    return math.inf if math.isnan(error) else error


class Update(NamedTuple):
    """An update of a backend, from beta_k to beta_{k+1}. last: the one before. terms: the share of each row, (n, d)."""

    fixture: Fixture
    k: int
    start: NDArray[np.float64]
    moved: NDArray[np.float64]
    last: NDArray[np.float64] | None
    terms: NDArray[np.float64]

    @property
    def step(self) -> NDArray[np.float64]:
        """The right change of beta."""
        return np.asarray(self.terms.sum(axis=0))

    @property
    def noise(self) -> float:
        """A bound on the rounding error of `moved`."""
        size = np.linalg.norm(self.start) + np.abs(self.terms).sum() + np.linalg.norm(self.moved)
        return float(64 * UNIT[self.fixture.dtype] * size)


def is_close(expected: Any, actual: Any, dtype: str) -> bool:
    """Whether two arrays agree but for rounding."""
    if expected.shape != actual.shape:
        return False
    return bool(np.linalg.norm(actual - expected) <= MATCH[dtype] * np.linalg.norm(expected))


def updates(answers: Sequence[Answer]) -> Iterator[Update]:
    """The updates between answers that differ by one in max_iter."""
    for name in dict.fromkeys(answer.fixture.name for answer in answers):
        of_name = {answer.fixture.max_iter: answer for answer in answers if answer.fixture.name == name}
        fixture = next(iter(of_name.values())).fixture
        betas = {0: fixture.beta0.astype(float)} | {k: answer.beta for k, answer in of_name.items()}
        X, y = fixture.X.astype(float), fixture.y.astype(float)
        for k in sorted(betas):
            if k + 1 in betas:
                terms = 2 / len(y) * fixture.learning_rate * X * (y - X @ betas[k])[:, None]
                last = betas[k] - betas[k - 1] if k - 1 in betas else None
                yield Update(fixture, k, betas[k], betas[k + 1] - betas[k], last, terms)


def _multiple(vector: NDArray[Any], direction: NDArray[Any] | None, noise: float) -> tuple[float, float]:
    """The c with vector = c * direction and the error of c; NaN if there is none, or if the vector may be rounding."""
    if direction is None or not direction.any() or not np.linalg.norm(vector) > 1000 * noise:
        return math.nan, math.nan
    c = float(vector @ direction / (direction @ direction))
    far = np.linalg.norm(vector - c * direction)
    return (c, noise / float(np.linalg.norm(direction))) if far <= noise else (math.nan, math.nan)


def _constant(values: ArrayLike, errors: ArrayLike) -> bool:
    """Whether all values are the same number within their errors."""
    numbers, slack = np.asarray(values), 2 * np.asarray(errors)
    best = np.argmin(slack)
    return bool(np.all(np.abs(numbers - numbers[best]) <= slack + slack[best]))  # false for NaN


# Vectors to which the error of an update can be parallel, and what they show.
DIRECTIONS: tuple[tuple[Callable[[Update], NDArray[Any] | None], str], ...] = (
    (lambda update: update.start, "the step has a part along beta itself: is there a penalty, or weight decay?"),
    (lambda update: np.sign(update.start), "the step has a part along the signs of beta: is |beta| penalized?"),
    (lambda update: np.ones_like(update.start), "the same number is added to every component of the step"),
)
# What the length of the first step can be proportional to, and how to say it.
LENGTHS: tuple[tuple[Callable[[int, int, float], float], str], ...] = (
    (lambda n, d, rate: 1, "after one step beta has moved {} times as far as it should, in every problem"),
    (lambda n, d, rate: 1 / rate, "the step is that of learning_rate = {}, whatever the argument is"),
    (lambda n, d, rate: n, "after one step beta has moved {} * n_samples times as far as it should"),
    (lambda n, d, rate: d, "after one step beta has moved {} * n_features times as far as it should"),
    (lambda n, d, rate: n / d, "after one step beta has moved {} * n_samples / n_features times as far as it should"),
    (lambda n, d, rate: math.sqrt(n), "after one step beta has moved {} * sqrt(n_samples) times as far as it should"),
    (lambda n, d, rate: rate, "after one step beta has moved {} * learning_rate times as far as it should"),
)
# What can be added to a loss: functions of beta and the right loss.
TERMS: tuple[tuple[Callable[[NDArray[Any], float], float], str], ...] = (
    (lambda beta, loss: 1, "beta is right, but {} is added to every loss"),
    (lambda beta, loss: loss, "beta is right, but {} times the right loss is added to every loss"),
    (lambda beta, loss: float(beta @ beta), "beta is right, but {} * (beta @ beta) is added to every loss"),
    (lambda beta, loss: float(np.abs(beta).sum()), "beta is right, but {} * sum(|beta|) is added to every loss"),
)  # fmt: skip


def is_least_squares(answers: Sequence[Answer]) -> bool:
    """Whether every beta is the solution that gradient descent approaches, whatever max_iter is."""
    return all(
        is_close(np.linalg.lstsq(answer.fixture.X, answer.fixture.y)[0], answer.beta, answer.fixture.dtype)
        for answer in answers
        if answer.fixture.max_iter
    )


def _first_and_later(answers: Sequence[Answer]) -> tuple[list[Update], list[Update]]:
    """The first updates and the others. None if they do not start at beta0."""
    every = list(updates(answers))
    if not all(each.k > 0 or np.array_equal(each.start, each.fixture.beta0) for each in every):
        return [], []
    return [each for each in every if each.k == 0], [each for each in every if each.k > 0]


def describe_updates(answers: Sequence[Answer]) -> str | None:
    """What the updates show: the first one, or the later ones if that is right."""
    first, later = _first_and_later(answers)
    if not first:
        return None
    if all(np.linalg.norm(update.moved - update.step) <= update.noise for update in first):
        if not later:
            return None
        return _momentum(later) or (
            "the first step is right, the later ones are not: does something change from update to update?"
        )
    return _direction(first) or _part(first)


def _momentum(later: Sequence[Update]) -> str | None:
    multiples = [_multiple(each.moved - each.step, each.last, each.noise) for each in later]
    values, errors = zip(*multiples, strict=True)
    if not _constant(values, errors):
        return None
    return f"from the second update on, {values[0]:.6g} times the last step is added: is there momentum?"


def describe_length(answers: Sequence[Answer]) -> str | None:
    """How the length of the first step differs if its direction is right."""
    first, _ = _first_and_later(answers)
    if not first:
        return None
    multiples = [_multiple(each.moved - each.step, each.step, each.noise) for each in first]
    extra, errors = np.array(multiples).T
    if not np.isfinite(extra).all():
        return None
    if all(np.linalg.norm(each.moved) <= each.noise for each in first):
        return "one update leaves beta where it was"
    digits = ".10g" if first[0].fixture.dtype == "float64" else ".4g"
    sizes = [(*each.fixture.X.shape, each.fixture.learning_rate) for each in first]
    if len(set(sizes)) > 1:
        for length, words in LENGTHS:
            units = np.array([length(*size) for size in sizes])
            if _constant((1 + extra) / units, errors / units):
                return words.format(f"{(1 + extra[0]) / units[0]:{digits}}")
    lengths = ", ".join(f"{1 + each:{digits}}" for each in extra)
    return f"the first step has the right direction but the wrong length, {lengths} times the right one"


def _direction(first: Sequence[Update]) -> str | None:
    for direction, words in DIRECTIONS:
        if (
            all(len(each.start) > 1 for each in first)
            and np.isfinite([_multiple(each.moved - each.step, direction(each), each.noise)[0] for each in first]).all()
        ):
            return words
    return None


def _part(first: Sequence[Update]) -> str | None:
    """The rows or components that are missing, or the rows that count twice."""
    phrases: dict[str, list[str]] = {}
    for update in first:
        n, d = update.terms.shape
        rows = np.arange(1, n)
        heads = np.cumsum(update.terms, axis=0)[:-1]  # the sums of the first 1, 2, ..., n - 1 rows
        for words, steps, counts in (
            ("only the first rows take part in the gradient", heads, rows),
            ("only the first rows are used", heads * n / rows[:, None], rows),
            ("the last rows count twice in the gradient", 2 * update.step - heads, n - rows),
        ):
            fits = counts[np.linalg.norm(update.moved - steps, axis=1) <= update.noise]
            if len(fits) == 1:
                phrases.setdefault(words, []).append(f"{fits[0]} of {n}")
        still = np.abs(update.moved) <= update.noise
        m = int(np.argmax(still))
        if still[m:].all() and np.linalg.norm((update.moved - update.step)[:m]) <= update.noise:
            phrases.setdefault("only the first components of beta are updated", []).append(f"{m} of {d}")
    for words, cases in phrases.items():
        if len(cases) == len(first):
            return f"{words}, {', '.join(dict.fromkeys(cases))}: is the end of a tile, or of a thread's part, wrong?"
    return None


def describe_losses(answers: Sequence[Answer]) -> str | None:
    """What is added to the losses, if beta is right and something is."""
    extras, errors, terms = [], [], []
    for answer in answers:
        betas, losses = RIGHT.descend(answer.fixture)
        if len(answer.losses) != answer.fixture.max_iter + 1:
            return None
        for beta, right, actual in zip(betas, losses[:-1], answer.losses, strict=False):
            extras.append(actual - right)
            errors.append(64 * UNIT[answer.fixture.dtype] * (abs(right) + abs(actual)))
            terms.append([term(beta, right) for term, _ in TERMS])
    if len(extras) < 2 or not all(np.abs(extras) > 1000 * np.array(errors)):
        return None
    for values, (_, words) in zip(np.transpose(terms), TERMS, strict=True):
        if _constant(np.array(extras) / values, np.array(errors) / np.abs(values)):
            return words.format(f"{extras[0] / values[0]:.6g}")
    return None


# Sets of sizes to which a mistake can be limited.
SIZES: tuple[tuple[Callable[[int, int], bool], str], ...] = (
    (lambda n, d: n == 1, "n = 1"),
    (lambda n, d: d == 1, "d = 1"),
    (lambda n, d: n == d > 1, "a square X"),
    (lambda n, d: n < d, "n < d"),
    (lambda n, d: n > d, "n > d"),
)


def describe_sizes(right: Sequence[Fixture], wrong: Sequence[Fixture]) -> str:
    """The sizes of the problems that are wrong, as a condition if exactly one of SIZES fits."""
    good, bad = ([fixture.X.shape for fixture in fixtures] for fixtures in (right, wrong))
    fits = [words for holds, words in SIZES if all(holds(*s) for s in bad) and not any(holds(*s) for s in good)]
    for axis, letter in enumerate("nd"):
        sizes, right_sizes = ([shape[axis] for shape in shapes] for shapes in (bad, good))
        if min(sizes) > max(right_sizes):
            fits.append(f"{letter} >= {min(sizes)} (right up to {letter} = {max(right_sizes)})")
        if max(sizes) < min(right_sizes):
            fits.append(f"{letter} <= {max(sizes)} (right from {letter} = {min(right_sizes)} on)")
    names = [
        f"{n} x {d}" if f.name == f"{n} x {d}" else f"{f.name} ({n} x {d})"
        for f, (n, d) in zip(wrong, bad, strict=True)
    ]
    listed = ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    return f"wrong only for {fits[0] if len(fits) == 1 else listed}"
