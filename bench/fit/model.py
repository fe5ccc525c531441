"""A fitted model as a JSON file, and its predictions for the rows of other files."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench import __version__
from bench.data.dataset import Encoding, NewRows
from bench.data.errors import ProblemError
from bench.fit.descent import Array
from bench.fit.fitting import Fitted, Score
from bench.records import encode
from bench.runtime.files import read

SCHEMA = 1


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of X. coef: per unit of the file. mean, scale: the descent was on (x - mean) / scale."""

    name: str
    coef: float
    mean: float
    scale: float


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model was fitted."""

    file: str
    n_rows: int
    backend: str
    learning_rate: float
    n_iter: int
    stop_reason: str
    near_minimum: bool
    r2: float | None
    version: str


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prediction is intercept + the sum of coef * value over the columns. encoding: how a file becomes columns."""

    schema: int
    target: str
    intercept: float
    columns: tuple[Column, ...]
    encoding: Encoding
    origin: Origin

    def predict(self, X: Array) -> Array:
        """The predictions for X (m, d), in the units of the file."""
        with np.errstate(over="ignore", invalid="ignore"):  # new rows may be far from the fitted ones
            return np.asarray(self.intercept + X @ np.array([column.coef for column in self.columns]))


def model_of(fitted: Fitted) -> Model:
    """The model of a fit."""
    scaling, descent = fitted.problem.scaling, fitted.descent
    figures = (fitted.coef.tolist(), scaling.means[1:].tolist(), scaling.scales[1:].tolist())
    return Model(
        SCHEMA,
        fitted.dataset.target,
        fitted.intercept,
        tuple(map(Column, fitted.dataset.columns, *figures)),
        fitted.dataset.encoding,
        Origin(
            fitted.dataset.name,
            fitted.score.n_rows,
            fitted.backend,
            descent.learning_rate,
            descent.n_iter,
            descent.stop_reason,
            fitted.near,
            fitted.score.r2,
            __version__,
        ),
    )


def to_json(model: Model) -> bytes:
    """The text of a model file."""
    return encode(model, indent=1)


def load_model(path: Path) -> Model:
    """Load a model from its file. Raises ProblemError if it is none."""
    try:
        text = read(path)
        schema = msgspec.json.decode(text, type=_Schema).schema
        if schema != SCHEMA:
            hint = " (a newer gdbench may read it)" if schema > SCHEMA else ""
            raise ProblemError(f"--model: {path} has schema {schema}; allowed: {SCHEMA}{hint}")
        model = msgspec.json.decode(text, type=Model)
    except FileNotFoundError:
        raise ProblemError(f"--model: found no file {str(path)!r}; allowed: a file of gdbench fit --save") from None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProblemError(f"--model: {path} cannot be read as a model: {reason}") from None
    names = tuple(column.name for column in model.columns)
    if names != model.encoding.columns:
        raise ProblemError(f"--model: {path} has columns that do not fit its encoding; allowed: a file of --save")
    return model


class _Schema(msgspec.Struct):
    schema: int


def predict_rows(model: Model, rows: NewRows) -> list[float | None]:
    """A prediction for each row of a file; None for a row that has none."""
    values: list[float | None] = [None] * rows.n_rows
    for row, value in zip(rows.rows.tolist(), model.predict(rows.X).tolist(), strict=True):
        values[row] = finite(value)
    return values


def to_csv(target: str, values: list[float | None]) -> str:
    """A CSV table with the number of each row, from 1, and its prediction, which is empty for a row that has none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", target])
    writer.writerows([number, "" if value is None else repr(value)] for number, value in enumerate(values, 1))
    return out.getvalue()


def document(fitted: Fitted) -> dict[str, Any]:
    """The JSON document of a fit, without its notes and exit code. Numbers that are not finite are None."""
    curvature, descent, held_out = fitted.problem.curvature, fitted.descent, fitted.held_out
    coef = map(finite, fitted.coef.tolist())
    return {
        "model": {"intercept": finite(fitted.intercept), "coef": dict(zip(fitted.dataset.columns, coef, strict=True))},
        "target": fitted.dataset.target,
        "backend": fitted.backend,
        "learning_rate": descent.learning_rate,
        "stop_reason": descent.stop_reason,
        "n_iter": descent.n_iter,
        "loss": finite(descent.losses[-1]),
        "near_minimum": fitted.near,
        "iterations_left": finite(fitted.nearness.iterations_left),
        "condition": finite(curvature.condition),
        "rank": curvature.rank,
        **_score(fitted.score),
        "held_out": None if held_out is None else _score(held_out),
        "difference_from_lstsq": finite(fitted.difference),
    }


def _score(score: Score) -> dict[str, Any]:
    return {"n_rows": score.n_rows, "r2": None if score.r2 is None else finite(score.r2), "rmse": finite(score.rmse)}


def finite(value: float) -> float | None:
    """A number for JSON, or None for infinity and NaN."""
    return float(value) if math.isfinite(value) else None
