"""The command fit: a linear model from the user's file, and its predictions for other files."""

import math
import os
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bench.cli.common import (
    BackendFailed,
    BackendWrong,
    DataOptions,
    Flag,
    Integer,
    UsageError,
    plan_backends,
    print_json,
)

if TYPE_CHECKING:
    from bench.data.dataset import Dataset, NewRows, Selection
    from bench.fit.descent import Settings
    from bench.fit.fitting import Fitted
    from bench.fit.model import Model

# What the files are.
WRITTEN = {"--out": "predictions", "--save": "model", "--animate": "page", "--toolbox": "comparison"}


# Long because each option is a parameter with its help text.
def fit(
    file: str | None = None,
    /,
    *,
    target: str | None = None,
    data_options: DataOptions = DataOptions(),  # noqa: B008  it is immutable
    backend: Annotated[str, Parameter(alias="-b")] = "numba_jit",
    learning_rate: float | None = None,
    max_iter: Annotated[int | None, Integer] = None,
    tol: float | None = None,
    test_size: float = 0.2,
    seed: Annotated[int, Integer] = 0,
    predict: str | None = None,
    out: str | None = None,
    save: str | None = None,
    model: str | None = None,
    animate: str | None = None,
    toolbox: str | None = None,
    force: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Fit a linear model to a file by gradient descent, or apply a saved model to another file.

    Parameters
    ----------
    file
        A CSV file or another table, or the built-in "penguins".
    target
        The column to predict.
    backend
        The name or path of a backend file.
    learning_rate
        For standardized columns. Default: 1/L, where L is the largest curvature of the loss.
    max_iter
        The largest number of iterations. Default: what 15 seconds allow.
    tol
        Stop if the loss changes by less than this share of the first loss. Default: stop where the coefficients
        are right to 10 digits.
    test_size
        The share of rows that a second fit does not see, to score its predictions. 0 turns it off.
    seed
        Seed of the choice of these rows.
    predict
        A file with rows to predict. It needs the columns of the model, in any order.
    out
        Write the predictions as CSV to this file. Default: print them.
    save
        Write the model as JSON to this file.
    model
        A file of --save. With --predict and without FILE, its model is applied.
    animate
        Write a page that plays the descent to this file.
    toolbox
        Write a page that compares the descent with scikit-learn on these rows to this file. Takes up to a minute.
    force
        Replace files that exist.
    json
        Print one JSON document.
    """
    outputs = {"--out": out, "--save": save, "--animate": animate, "--toolbox": toolbox}
    files = {option: Path(os.path.expanduser(path)) for option, path in outputs.items() if path is not None}
    _refuse_outputs(files, force)
    if out is not None and predict is None:
        raise UsageError(f"--out: found {out!r} without --predict; allowed: together with --predict FILE")
    if model is not None:
        others = {
            "FILE": file, "--target": target, "--save": save, "--animate": animate, "--toolbox": toolbox,
            "--learning-rate": learning_rate, "--max-iter": max_iter, "--tol": tol,
        }  # fmt: skip
        others |= {f"--{name}".replace("_", "-"): value or None for name, value in asdict(data_options).items()}
        _refuse_beside_model(model, predict, others)
        return _apply(_path(model), _path(predict or ""), files.get("--out"), json)
    if file is None:
        raise UsageError("fit: found no FILE; allowed: gdbench fit FILE --target COLUMN")
    _refuse_numbers(learning_rate, max_iter, tol, test_size, seed)
    from bench.data.errors import ProblemError
    from bench.fit import view
    from bench.fit.advice import advice
    from bench.fit.descent import Settings
    from bench.fit.model import document, model_of
    from bench.report.terminal import print_warnings

    settings = Settings(plan_backends([backend])[0].source, learning_rate, max_iter, tol)
    try:
        dataset, rows = _read(_path(file), data_options.selection(target or ""), predict)
    except ProblemError as error:
        raise UsageError(str(error)) from None
    fitted = _descend(dataset, settings, test_size, seed, quiet=json)
    notes = [*fitted.notes, *advice(fitted)]
    print_warnings(notes)
    _write(fitted, files, seed)
    predictions = {} if rows is None else _predicted(model_of(fitted), rows, files.get("--out"), quiet=json)
    if json:
        notes = [*dataset.notes, *(rows.notes if rows else ()), *notes]
        print_json(document(fitted) | predictions | {"notes": notes, "exit_code": 0})
    else:
        view.print_files({WRITTEN[option]: path for option, path in files.items()})
    return 0


def _path(path: str) -> Path:
    return Path(os.path.expanduser(path))


def _refuse_outputs(files: dict[str, Path], force: bool) -> None:
    """Raise UsageError for a file that exists, that cannot be written, or that two options name."""
    for option, path in files.items():
        if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise UsageError(f"{option}: found {str(path)!r}; allowed: a file in a folder that can be written")
        if path.exists() and not force:
            raise UsageError(
                f"{option}: found {str(path)!r}, which exists; allowed: a new file, or --force to replace it"
            )
        if twice := [other for other, same in files.items() if other != option and same.resolve() == path.resolve()]:
            raise UsageError(f"{option}: found {str(path)!r}, as for {twice[0]}; allowed: different files")


def _refuse_beside_model(model: str, predict: str | None, others: dict[str, Any]) -> None:
    if predict is None:
        raise UsageError(f"--model: found {model!r} without --predict; allowed: together with --predict FILE")
    if names := [name for name, value in others.items() if value is not None]:
        raise UsageError(f"--model: found together with {names[0]}; allowed: with --predict, --out, --force and --json")


def _refuse_numbers(
    learning_rate: float | None, max_iter: int | None, tol: float | None, test_size: float, seed: int
) -> None:
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise UsageError(f"--learning-rate: found {learning_rate:g}; allowed: a finite number > 0")
    if max_iter is not None and not 0 <= max_iter < 2**31:
        raise UsageError(f"--max-iter: found {max_iter}; allowed: an integer from 0 to {2**31 - 1}")
    if tol is not None and not tol >= 0:
        raise UsageError(f"--tol: found {tol:g}; allowed: a number >= 0")
    if not 0 <= test_size < 1:
        raise UsageError(f"--test-size: found {test_size:g}; allowed: 0, or a share of the rows below 1")
    if seed < 0:
        raise UsageError(f"--seed: found {seed}; allowed: an integer >= 0")


def _read(path: Path, selection: "Selection", predict: str | None) -> "tuple[Dataset, NewRows | None]":
    """The rows to fit, and those to predict. Prints the notes of both. Raises ProblemError."""
    from bench.data.dataset import apply, load
    from bench.data.problems import PENGUINS
    from bench.report.terminal import busy, print_warnings

    with busy(f"reading {path.name}"):
        dataset = load(PENGUINS if str(path) == "penguins" and not path.exists() else path, selection)
        rows = None if predict is None else apply(dataset.encoding, _path(predict))
    print_warnings([*dataset.notes, *(rows.notes if rows else ())])
    return dataset, rows


def _descend(dataset: "Dataset", settings: "Settings", test_size: float, seed: int, quiet: bool) -> "Fitted":
    """Fit the rows, and print the fit unless `quiet`. Raises UsageError for a fit that gives no model."""
    from backends import BackendError
    from bench.fit import advice, fitting, view
    from bench.fit.descent import WrongBackend

    try:
        with view.LossLine() as progress, redirect_stdout(sys.stderr):  # a backend may print
            fitted = fitting.fit(dataset, settings, test_size, seed, progress)
    except WrongBackend as error:
        raise BackendWrong(str(error)) from None
    except BackendError as error:
        raise BackendFailed(str(error)) from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not quiet:
        view.print_fit(fitted)
    if fitted.descent.stop_reason == "diverged":
        stable = fitted.descent.learning_rate <= fitted.problem.curvature.largest_rate
        raise (BackendWrong if stable else UsageError)(advice.divergence(fitted))
    return fitted


def _write(fitted: "Fitted", files: dict[str, Path], seed: int) -> None:
    """Write the model and the pages that the user wants. Raises UsageError and OSError."""
    from backends import BackendError
    from bench.fit import MissingExtra, animate, toolbox
    from bench.fit.model import model_of, to_json
    from bench.report.terminal import busy
    from bench.runtime.files import save

    dataset, descent = fitted.dataset, fitted.descent
    if path := files.get("--save"):
        save(path, to_json(model_of(fitted)))
    if path := files.get("--animate"):
        animate.write(path, dataset, descent.losses, descent.learning_rate, fitted.backend)
    if path := files.get("--toolbox"):
        try:
            with busy("comparing with scikit-learn, up to a minute"):
                toolbox.write(path, dataset, seed)
        except MissingExtra as error:
            raise UsageError(f"--toolbox: {error}") from None
        except BackendError as error:
            raise BackendFailed(str(error)) from None


def _apply(path: Path, predict: Path, out: Path | None, json: bool) -> int:
    """Predict the rows of a file with a saved model. Raises UsageError and OSError."""
    from bench.data.dataset import apply
    from bench.data.errors import ProblemError
    from bench.fit import view
    from bench.fit.model import load_model
    from bench.report.terminal import print_warnings

    try:
        model = load_model(path)
        rows = apply(model.encoding, predict)
    except ProblemError as error:
        raise UsageError(str(error)) from None
    print_warnings(list(rows.notes))
    document = {"target": model.target} | _predicted(model, rows, out, quiet=json)
    if json:
        print_json(document | {"notes": list(rows.notes), "exit_code": 0})
    elif out is not None:
        view.print_files({WRITTEN["--out"]: out})
    return 0


def _predicted(model: "Model", rows: "NewRows", out: Path | None, quiet: bool) -> dict[str, Any]:
    """Write the predictions to a file, or print them unless `quiet`. Returns their part of the JSON document."""
    from bench.fit.model import predict_rows, to_csv
    from bench.report.terminal import console
    from bench.runtime.files import save

    values = predict_rows(model, rows)
    if out is not None:
        save(out, to_csv(model.target, values))
        return {"out": str(out)}
    if not quiet:
        console().print(to_csv(model.target, values), end="", markup=False, soft_wrap=True)
    return {"predictions": values}
