"""A fit in a terminal: the loss while it descends, then the model, its scores and the curvature."""

from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.text import Text

from bench import text
from bench.fit.advice import curvature_table, outcome
from bench.fit.descent import Array
from bench.fit.fitting import Fitted, Score
from bench.report.rich_table import rich_table
from bench.report.tables import Table
from bench.report.terminal import console, say

MAX_COEFFICIENTS = 30  # of a table


class LossLine:
    """On a terminal, a line with the current loss; elsewhere a line at 1, 10, 100, ... iterations."""

    def __init__(self) -> None:
        self._out = console(stderr=True)
        self._live = self._out.status("the first iteration") if self._out.is_terminal else None
        self._next = 1

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, losses: Array) -> None:
        last = len(losses) - 1
        if self._live:
            self._live.update(Text(self._line(last, losses)))
        while not self._live and self._next <= last:
            self._out.print(Text(self._line(self._next, losses)))
            self._next *= 10

    @staticmethod
    def _line(k: int, losses: Array) -> str:
        return f"iteration {text.count(k):>10}  loss {losses[k]:.6g}"


def print_fit(fitted: Fitted) -> None:
    """Print how the descent ended, the model and its scores if there is one, and the curvature of the loss."""
    out, dataset, descent = console(), fitted.dataset, fitted.descent
    n, d = dataset.X.shape
    say(out, f"{dataset.target} of {dataset.name}: {text.number_of(n, 'row')}, {text.number_of(d, 'column')}", "bold")
    say(out, outcome(fitted), "bold red" if descent.stop_reason == "diverged" else "")
    say(out, f"Learning rate {descent.learning_rate:.3g}, on standardized columns, with {fitted.backend}.")
    if descent.stop_reason != "diverged":
        _print_model(fitted, out)
    out.print()
    table = curvature_table(fitted)
    out.print(rich_table(table, right=table.columns[1:]))
    out.print()


def _print_model(fitted: Fitted, out: Console) -> None:
    out.print()
    out.print(rich_table(_coefficients(fitted), right=("per unit", "per standard deviation")))
    if (more := len(fitted.coef) - MAX_COEFFICIENTS) > 0:
        say(out, f"{text.number_of(more, 'column')} more: --save and --json have all.")
    say(out, f"The largest relative difference of a coefficient from numpy.linalg.lstsq is {fitted.difference:.1g}.")
    out.print()
    out.print(rich_table(_scores(fitted), right=("rows", "R²", "RMSE")))


def _coefficients(fitted: Fitted) -> Table:
    """The model, in the order of the columns of the file."""
    scales = fitted.problem.scaling.scales[1:]
    rows = [("intercept", f"{fitted.intercept:.6g}", "")]
    for column, coef, scale in list(zip(fitted.dataset.columns, fitted.coef, scales, strict=True))[:MAX_COEFFICIENTS]:
        rows.append((text.clean(column, 40), f"{coef:.6g}", f"{coef * scale:.4g}"))
    return Table("Coefficients", ("column", "per unit", "per standard deviation"), rows)


def _scores(fitted: Fitted) -> Table:
    """R² and the root mean squared error of the fitted rows and of held-out ones."""
    rows = [_score("fitted rows", fitted.score)]
    if fitted.held_out is not None:
        rows.append(_score("held-out rows, from a fit without them", fitted.held_out))
    return Table("Scores", ("", "rows", "R²", "RMSE"), rows)


def _score(name: str, score: Score) -> tuple[str, ...]:
    r2 = text.MISSING if score.r2 is None else f"{score.r2:.4f}"
    return name, text.count(score.n_rows), r2, f"{score.rmse:.4g}"


def print_files(files: dict[str, Path]) -> None:
    """Print what was written, and where."""
    out = console()
    for what, path in files.items():
        out.print(Text(f"{what}: {text.clean(str(path))}"), soft_wrap=True)
