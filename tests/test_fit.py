"""The command fit: models of files, their predictions, and what is said about slow and diverging descents."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from backends import _solve
from bench.data.dataset import Selection, load
from bench.data.problems import PENGUINS
from bench.fit import MissingExtra, advice, descent, fitting
from bench.fit.descent import Problem, Settings, descend
from bench.fit.view import LossLine

DATA = Path(__file__).with_name("data_cases")
NUMPY = ("-b", "numpy_vectorized")  # it compiles nothing


def write(path, columns, rows):
    """Write a CSV file and return its path."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.fixture
def cars(tmp_path):
    """Ten cars: price = 20 - 2 age + 3 (if the fuel is electric), and a column that depends on the row."""
    rows = [
        (age, "electric" if n % 3 == 0 else "diesel", 20 - 2 * age + 3 * (n % 3 == 0))
        for n, age in enumerate(range(2, 12))
    ]
    return write(tmp_path / "cars.csv", ("age", "fuel", "price"), rows)


@pytest.fixture
def slopes(tmp_path):
    """80 rows whose columns a and b are nearly equal."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=80)
    b = a + 0.02 * rng.normal(size=80)
    c = rng.normal(size=80)
    y = 3 + a - 2 * b + 0.5 * c + 0.1 * rng.normal(size=80)
    return write(tmp_path / "slopes.csv", ("a", "b", "c", "y"), zip(a, b, c, y, strict=True))


@pytest.fixture
def fit(main):
    """Run the command with --json and return (exit code, document, standard error)."""

    def fit(*arguments):
        code, out, err = main("fit", *arguments, *NUMPY, "--json")
        return code, json.loads(out), err

    return fit


def test_document(fit):
    """The coefficients are in the units of the file, and agree with least squares."""
    code, document, _ = fit("penguins", "--target", "body_mass_g")
    data = load(PENGUINS, Selection("body_mass_g"))
    exact = np.linalg.lstsq(np.column_stack([np.ones(len(data.X)), data.X]), data.y)[0]
    assert (code, document["exit_code"], document["stop_reason"]) == (0, 0, "converged")
    assert list(document["model"]) == ["intercept", "coef"]
    assert list(document["model"]["coef"]) == ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
    np.testing.assert_allclose([document["model"]["intercept"], *document["model"]["coef"].values()], exact, rtol=1e-7)
    assert document["r2"] == pytest.approx(0.761470, abs=1e-6)
    assert document["n_rows"] == 342
    assert document["difference_from_lstsq"] < 1e-7
    assert document["near_minimum"] is True
    assert document["notes"] == list(data.notes)


# File, target, options, and the right model: intercept, R², some coefficients.
CASES = [
    ("text_columns", "price", [], 32082.3, 0.786348, {"km": -0.0630277, "age": -701.608, "doors": -43.9467}),
    ("text_columns", "price", ["--keep-text"], None, 0.995531, {"km": -0.0597106, "age": -882.57}),
    ("unnamed_index", "ozone", [], 2.43208, 0.90607, {"day": 0.440078, "temp": 2.10959}),
    ("lake_level", "level", [], 570.003, 0.984361, {"year": 0.349576, "decade": -0.345745}),
    ("win_times", "time", [], 33.1154, 0.960431, {"year": -0.011692}),
    ("steps", "pressure", [], 81.7577, 0.950672, {"age": 0.862201}),
]


@pytest.mark.parametrize(
    ("name", "target", "options", "intercept", "r2", "coef"), CASES, ids=lambda value: str(value)[:20]
)
def test_model_of_a_file(fit, name, target, options, intercept, r2, coef):
    """Files on which a descent on unscaled columns is slow, diverges, or stops at once."""
    code, document, _ = fit(DATA / f"{name}.csv", "--target", target, *options)
    assert (code, document["stop_reason"], document["near_minimum"]) == (0, "converged", True)
    assert document["r2"] == pytest.approx(r2, abs=1e-6)
    assert {column: document["model"]["coef"][column] for column in coef} == pytest.approx(coef, rel=1e-5)
    if intercept is not None:
        assert document["model"]["intercept"] == pytest.approx(intercept, rel=1e-5)


@pytest.mark.parametrize("name", ["diabetes", "longley"])
def test_coefficients_are_those_of_scikit_learn(main, tmp_path, name):
    """Those of Longley depend on the last digits of the data: their condition number is 111 when standardized."""
    linear_model, datasets = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.datasets")
    longley = pytest.importorskip("statsmodels.datasets.longley")
    frame = datasets.load_diabetes(as_frame=True).frame if name == "diabetes" else longley.load_pandas().data
    target = {"diabetes": "target", "longley": "TOTEMP"}[name]
    frame.to_csv(tmp_path / "data.csv", index=False)
    X, y = frame.drop(columns=target), frame[target]
    exact = linear_model.LinearRegression().fit(X, y)
    code, out, _ = main("fit", tmp_path / "data.csv", "--target", target, "--json")
    document = json.loads(out)
    assert (code, list(document["model"]["coef"])) == (0, list(X))
    np.testing.assert_allclose(list(document["model"]["coef"].values()), exact.coef_, rtol=1e-7)
    assert document["model"]["intercept"] == pytest.approx(exact.intercept_, rel=1e-7)
    assert document["r2"] == pytest.approx(exact.score(X, y))


def test_score_of_held_out_rows_is_that_of_a_fit_without_them(fit):
    """R² and RMSE are those of least squares on the other rows, and the seed chooses the rows."""
    data = load(PENGUINS, Selection("body_mass_g"))
    X = np.column_stack([np.ones(len(data.X)), data.X])
    scores = []
    for seed in (0, 1):
        order = np.random.default_rng(seed).permutation(342)
        held, kept = order[:69], order[69:]
        errors = data.y[held] - X[held] @ np.linalg.lstsq(X[kept], data.y[kept])[0]
        scores.append(fit("penguins", "--target", "body_mass_g", "--seed", seed)[1]["held_out"])
        assert scores[-1]["n_rows"] == 69
        assert scores[-1]["r2"] == pytest.approx(
            1 - np.sum(errors**2) / np.sum((data.y[held] - data.y[held].mean()) ** 2)
        )
        assert scores[-1]["rmse"] == pytest.approx(math.sqrt(np.mean(errors**2)))
    assert scores[0] != scores[1]
    assert fit("penguins", "--target", "body_mass_g", "--test-size", 0)[1]["held_out"] is None


def test_few_rows_are_not_held_out(fit, tmp_path):
    """With fewer than ten rows, a note says so. A constant target has no R²."""
    path = write(tmp_path / "few.csv", ("x", "y"), [(1, 5), (2, 5), (4, 5)])
    code, document, _ = fit(path, "--target", "y")
    assert (code, document["held_out"], document["r2"]) == (0, None, None)
    assert document["model"]["intercept"] == pytest.approx(5)
    assert document["difference_from_lstsq"] < 1e-3
    assert any("no rows are held out" in note for note in document["notes"])


def test_output_of_a_fit(main):
    """The terminal shows the stop, the model, its scores, the comparison with least squares and the curvature."""
    code, out, err = main("fit", "penguins", "--target", "body_mass_g", *NUMPY)
    assert code == 0
    for words in (
        "body_mass_g of penguins: 342 rows, 3 columns", "Converged after ", "intercept", "flipper_length_mm", "fitted rows",
        "held-out rows", "numpy.linalg.lstsq", "largest stable learning rate 2/L", "condition number of X",
    ):  # fmt: skip
        assert words in out
    assert next(line.split() for line in out.splitlines() if "flipper" in line) == [
        "flipper_length_mm",
        "50.2692",
        "705.8",
    ]
    assert "\x1b" not in out + err
    assert [line.split()[1] for line in err.splitlines() if line.startswith("iteration")] == ["1", "10", "100"]


@pytest.mark.parametrize("options", [{"max_iter": 7}, {"max_iter": 0}, {"tol": 1e-6}, {"tol": 0.0, "max_iter": 1000}])
def test_max_iter_and_tol_are_those_of_solve(options):
    """The descent makes the updates of `solve` on standardized columns, and stops after as many of them."""
    data = load(PENGUINS, Selection("body_mass_g"))
    X = np.column_stack([np.ones(len(data.X)), data.X])
    problem = Problem(data.X, data.y)
    found = descend(problem, Settings("numpy_vectorized", 0.1, **options))
    expected = _solve.descend(X, data.y, "numpy_vectorized", 0.1, **options, standardize=True)
    assert (found.n_iter, found.stop_reason) == (expected.n_iter, expected.stop_reason)
    np.testing.assert_allclose(problem.scaling.original(found.beta), expected.beta, rtol=1e-9)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-9)


def test_descent_stops_at_the_rounding_errors():
    """Where the condition number allows no accuracy of 1e-10, the descent ends when it comes no nearer."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=50)
    problem = Problem(np.column_stack([a, a + 0.03 * rng.normal(size=50)]), 1e8 + a)
    found = descend(problem, Settings("numba_jit"))
    assert found.stop_reason == "converged"
    assert found.n_iter < 10**6
    assert 1e-10 < np.abs(problem.distance(found.beta)[1:]).max() < 1e-3


def test_fit_without_time_is_not_near(fit, slopes, monkeypatch):
    """A fit that reaches the limit is a model with notes: how many iterations, which columns, and which option helps."""
    monkeypatch.setattr(descent, "LIMIT_S", 0.0)
    code, document, _ = fit(slopes, "--target", "y")
    assert (code, document["stop_reason"], document["near_minimum"]) == (0, "max_iter", False)
    assert document["iterations_left"] > 1000
    assert document["difference_from_lstsq"] > 0.1
    notes = "\n".join(document["notes"])
    assert "the coefficients are not near the minimum: about " in notes
    assert "the columns 'a' and 'b' nearly depend on each other" in notes
    assert "--drop b" in notes
    assert "--max-iter " in notes


def test_columns_of_one_feature_are_dropped_together(fit, tmp_path):
    """A 0/1 column has no name in the file: --drop takes that of its feature."""
    rng = np.random.default_rng(0)
    rows = [("no" if n % 2 else "yes", n % 2 + 0.01 * rng.normal(), rng.normal()) for n in range(40)]
    path = write(tmp_path / "table.csv", ("x", "text column", "y"), [(b, a, c) for a, b, c in rows])
    notes = "\n".join(fit(path, "--target", "y", "--keep-text", "--max-iter", 5)[1]["notes"])
    assert "the columns 'x' and 'text column=yes' nearly depend on each other" in notes
    assert "--drop 'text column' makes" in notes


def test_a_first_call_predicts_no_seconds(fit, slopes):
    """It may include compilation. Later calls do not."""
    notes = [fit(slopes, "--target", "y", "--max-iter", count)[1]["notes"] for count in (1, 100)]
    first, later = (next(note for note in part if "further iterations" in note) for part in notes)
    assert first.endswith(" further iterations are needed") and later.endswith("s) are needed")


def test_advised_number_of_iterations_is_enough(fit, slopes):
    """With the --max-iter of the note, the coefficients are near the minimum. With half of it they are not."""
    notes = fit(slopes, "--target", "y", "--max-iter", 100)[1]["notes"]
    advised = int(next(note.split()[1] for note in notes if note.startswith("--max-iter")))
    data = load(slopes, Selection("y"))
    for iterations, near in ((advised, True), (advised // 2, False)):
        fitted = fitting.fit(data, Settings("numba_jit", max_iter=iterations, tol=0.0), test_size=0)
        assert (fitted.near, advice.advice(fitted) == []) == (near, near)
    again = int(next(note.split()[1] for note in advice.advice(fitted) if note.startswith("--max-iter")))
    assert again == pytest.approx(advised, rel=0.1)


def test_small_learning_rate_and_tol_are_named(fit):
    """The notes name the option that stops the descent early."""
    penguins = ("penguins", "--target", "body_mass_g")
    notes = "\n".join(fit(*penguins, "--learning-rate", 1e-4, "--max-iter", 50)[1]["notes"])
    assert "% of 1/L = " in notes
    assert "leave out --learning-rate" in notes
    code, document, _ = fit(*penguins, "--tol", 0.5)
    assert (code, document["stop_reason"], document["near_minimum"]) == (0, "converged", False)
    assert "--tol 0.5 stopped the descent; leave it out" in document["notes"]


def test_learning_rate_above_the_limit_is_named_before_the_loss_rises():
    """At first, the loss falls along all other directions."""
    data = load(PENGUINS, Selection("body_mass_g"))
    limit = Problem(data.X, data.y).curvature.largest_rate
    fitted = fitting.fit(data, Settings("numpy_vectorized", 1.01 * limit, max_iter=3))
    assert fitted.descent.stop_reason == "max_iter"
    assert any(note.startswith("--learning-rate: found") for note in advice.advice(fitted))


def test_second_fit_makes_no_more_iterations_than_the_first(monkeypatch):
    """It would take as much time again."""
    limits = []

    def record(problem, settings, *progress):
        limits.append(settings.max_iter)
        return descend(problem, settings, *progress)

    monkeypatch.setattr(fitting, "descend", record)
    fitted = fitting.fit(load(PENGUINS, Selection("body_mass_g")), Settings("numpy_vectorized"))
    assert limits == [None, fitted.descent.n_iter]


def test_diverging_descent_gives_exit_2(main, fit):
    """A learning rate above 2/L is bad input: the message has both figures, and no model is printed."""
    penguins = ("penguins", "--target", "body_mass_g", "--learning-rate", 3)
    for rate in ("1e+300", "1e+308"):  # the loss is infinite, or not a number
        code, document, _ = fit(*penguins[:-1], rate)
        assert (code, f"--learning-rate: found {rate}; allowed: below 2/L" in document["error"]) == (2, True)
    code, document, _ = fit(*penguins)
    assert code == 2
    assert set(document) == {"error", "exit_code"}
    assert "--learning-rate: found 3; allowed: below 2/L = 0.499" in document["error"]
    code, out, _ = main("fit", *penguins, *NUMPY)
    assert (code, "Diverged after" in out, "intercept" in out) == (2, True, False)
    assert "largest stable learning rate 2/L" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "fit: found no FILE; allowed: gdbench fit FILE --target COLUMN"),
        (["none.csv", "--target", "y"], "found no file 'none.csv'"),
        (["penguins", "--target", "mass"], "'mass'"),
        (["penguins", "--target", "body_mass_g", "--learning-rate", "0"], "--learning-rate: found 0; allowed: a finite"),
        (["penguins"], "--target: found no column; allowed: a column of penguins.csv: bill_length_mm"),
        (["penguins", "--target", "body_mass_g", "--max-iter", "-1"], "--max-iter: found -1; allowed: an integer from 0"),
        (["penguins", "--target", "body_mass_g", "--tol", "-1"], "--tol: found -1; allowed: a number >= 0"),
        (["penguins", "--target", "body_mass_g", "--tol", "nan"], "--tol: found nan"),
        (["penguins", "--target", "body_mass_g", "--test-size", "1"], "--test-size: found 1; allowed: 0, or a share"),
        (["penguins", "--target", "body_mass_g", "--seed", "-1"], "--seed: found -1; allowed: an integer >= 0"),
        (["penguins", "--target", "body_mass_g", "-b", "nubma_jit"], "did you mean numba_jit?"),
        (["penguins", "--target", "body_mass_g", "--out", "x.csv"], "--out: found 'x.csv' without --predict"),
        (["penguins", "--target", "body_mass_g", "--save", "no/m.json"], "--save: found 'no/m.json'; allowed: a file in"),
        (["penguins", "--target", "body_mass_g", "--predict", "none.csv"], "found no file 'none.csv'"),
        (["--model", "m.json"], "--model: found 'm.json' without --predict"),
        (["--model", "m.json", "--predict", "x.csv"], "--model: found no file 'm.json'; allowed: a file of gdbench fit"),
        (["penguins", "--model", "m.json", "--predict", "x.csv"], "--model: found together with FILE; allowed: with"),
        (["--model", "m.json", "--predict", "x.csv", "--keep-text"], "--model: found together with --keep-text"),
        (["--model", "m.json", "--predict", "x.csv", "--tol", "0"], "--model: found together with --tol; allowed: with"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_arguments_give_one_line_and_exit_2(main, tmp_path, arguments, text):
    """Standard error ends with one line, and no file is written. With --json the error is a document."""
    code, out, err = main("fit", *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("gdbench: ")
    assert text in err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
    code, out, _ = main("fit", *arguments, "--json")
    assert (code, json.loads(out)["exit_code"]) == (2, 2)
    assert text in json.loads(out)["error"]


def test_column_with_too_small_numbers_is_refused(fit, tmp_path):
    """A coefficient that is not finite is no model."""
    path = write(tmp_path / "small.csv", ("x", "y"), [(1e-310, 1), (3e-310, 3), (4e-310, 2)])
    code, document, _ = fit(path, "--target", "y")
    assert code == 2
    assert "column 'x' holds numbers so small" in document["error"]


def test_target_with_too_large_numbers_is_refused(fit, tmp_path):
    """A square that overflows is blamed on the target and not on the learning rate."""
    path = write(tmp_path / "large.csv", ("x", "y"), [(1, 1e200), (2, 3e200), (4, 2e200)])
    code, document, _ = fit(path, "--target", "y")
    assert code == 2
    assert "--target: found values up to 3e+200" in document["error"]


BACKENDS = {
    "uphill": ("(-2 / n)", "(2 / n)", 1, "the loss rises"),
    "short": ("return beta, np.array(losses", "return beta, np.array(losses[:-1]", 1, "losses of shape"),
    "other_loss": ("return beta, np.array(losses", "return 2 * beta, np.array(losses", 1, "for a beta with the loss"),
    "raises": ("n, d = X.shape", "n, d = X.form", 3, "AttributeError"),
}


@pytest.mark.parametrize("name", BACKENDS)
def test_exit_code_of_a_bad_backend(main, backend_file, name):
    """1 where it computes something wrong, 3 where it raises. The message names the backend."""
    old, new, expected, words = BACKENDS[name]
    source = backend_file(name, old, new) if name != "raises" else backend_file(name, "return beta", "return X.form")
    code, out, _ = main("fit", "penguins", "--target", "body_mass_g", "-b", source, "--json")
    document = json.loads(out)
    assert (code, document["exit_code"]) == (expected, expected)
    assert name in document["error"]
    assert words in document["error"]


def test_output_of_a_backend_goes_to_standard_error(main, backend_file):
    """Standard output has one JSON document."""
    source = backend_file("loud", "    beta = beta.copy()\n", "    beta = beta.copy()\n    print('loud')\n")
    code, out, err = main("fit", "penguins", "--target", "body_mass_g", "-b", source, "--json")
    assert (code, json.loads(out)["backend"], "loud" in err) == (0, "loud", True)


def test_unavailable_backend_gives_exit_3(main, backend_file):
    """The message says what to install."""
    source = backend_file("absent", text="import nothing_of_this_name\n")
    code, out, _ = main("fit", "penguins", "--target", "body_mass_g", "-b", source, "--json")
    assert (code, json.loads(out)["exit_code"]) == (3, 3)
    assert "pip install nothing_of_this_name" in json.loads(out)["error"]


CARS = ("--target", "price", "--keep-text")


def test_predictions_do_not_depend_on_the_order_of_columns(fit, cars, tmp_path):
    """Extra columns are named in a note, and the target need not be there."""
    new = write(tmp_path / "new.csv", ("extra", "fuel", "age"), [("x", "diesel", 1), ("y", "electric", 30)])
    code, document, _ = fit(cars, *CARS, "--predict", new)
    assert code == 0
    assert document["predictions"] == pytest.approx([18, -37])
    assert any("does not use 'extra'" in note for note in document["notes"])


def test_row_without_a_prediction_is_empty(main, cars, tmp_path):
    """An unseen level, text and a missing value have no prediction, and a note each. Other rows keep their numbers."""
    rows = [("diesel", 1), ("steam", 1), ("diesel", ""), ("diesel", "old"), ("electric", 30)]
    new, out = write(tmp_path / "new.csv", ("fuel", "age"), rows), tmp_path / "out.csv"
    code, printed, err = main("fit", cars, *CARS, *NUMPY, "--predict", new, "--out", out)
    assert (code, printed.splitlines()[-1]) == (0, f"predictions: {out}")
    table = list(csv.reader(out.read_text().splitlines()))
    assert table[0] == ["row", "price"]
    assert [row for row, _ in table[1:]] == ["1", "2", "3", "4", "5"]
    assert [value == "" for _, value in table[1:]] == [False, True, True, True, False]
    assert float(table[1][1]) == pytest.approx(18)
    assert float(table[5][1]) == pytest.approx(-37)
    assert err.count(" in 1 row") == 3
    assert "no prediction for 3 of 5 rows" in err
    assert "'steam'" in err


def test_empty_row_keeps_the_places_of_the_others(fit, cars, tmp_path):
    """A row of delimiters inside the table counts, one at its end does not."""
    new = write(tmp_path / "new.csv", ("fuel", "age"), [("diesel", 1), ("", ""), ("diesel", 2), ("", "")])
    document = fit(cars, *CARS, "--predict", new)[1]
    assert document["predictions"] == [pytest.approx(18), None, pytest.approx(16)]


def test_prediction_beyond_the_largest_number_is_empty(fit, cars, tmp_path):
    """JSON has no infinity."""
    new = write(tmp_path / "new.csv", ("fuel", "age"), [("diesel", "1.7e308"), ("diesel", 1)])
    assert fit(cars, *CARS, "--predict", new)[1]["predictions"] == [None, pytest.approx(18)]


def test_missing_column_is_refused_before_the_fit(main, cars, tmp_path):
    """One sentence names the column, and nothing is written."""
    new = write(tmp_path / "new.csv", ("fuel",), [("diesel",)])
    code, out, err = main("fit", cars, *CARS, *NUMPY, "--predict", new, "--save", tmp_path / "m.json")
    assert (code, out) == (2, "")
    assert "no column 'age'" in err.splitlines()[-1]
    assert not (tmp_path / "m.json").exists()


def test_saved_model_predicts_as_the_fit(main, fit, cars, tmp_path):
    """The file has coefficients, means, scales and the encoding, and is all that a prediction needs."""
    model, new = tmp_path / "model.json", write(tmp_path / "new.csv", ("age", "fuel"), [(7, "electric"), (3, "diesel")])
    expected = fit(cars, *CARS, "--predict", new, "--save", model)[1]["predictions"]
    cars.unlink()
    code, out, err = main("fit", "--model", model, "--predict", new)
    assert (code, err) == (0, "")
    assert [float(line.split(",")[1]) for line in out.splitlines()[1:]] == expected
    code, out, _ = main("fit", "--model", model, "--predict", new, "--json")
    assert json.loads(out) == {"target": "price", "predictions": expected, "notes": [], "exit_code": 0}
    saved = json.loads(model.read_text())
    assert [column["name"] for column in saved["columns"]] == ["age", "fuel=electric"]
    assert saved["columns"][0]["mean"] == 6.5
    assert saved["columns"][0]["scale"] == pytest.approx(np.std(range(2, 12)))
    assert saved["origin"]["backend"] == "numpy_vectorized"


@pytest.mark.parametrize(
    ("name", "target", "options"),
    [
        ("dates.csv", "sales", []),
        ("ns_ticks.csv", "y", []),
        ("decimal_comma.csv", "Gewicht", []),
        ("money.csv", "profit", []),
        ("missing_codes.csv", "use", []),
        ("minus999.csv", "crop", ["--missing", "-999"]),
        ("no_header.csv", "3", ["--no-header"]),
        ("records.jsonl", "y", []),
    ],
)
def test_saved_model_reads_a_file_as_the_fit_did(main, fit, tmp_path, name, target, options):
    """Dates, large integers, decimal commas, currencies and marks for missing values are in the encoding."""
    path, model = DATA / name, tmp_path / "model.json"
    code, document, _ = fit(path, "--target", target, *options, "--save", model, "--predict", path)
    assert code == 0
    assert (
        json.loads(main("fit", "--model", model, "--predict", path, "--json")[1])["predictions"]
        == document["predictions"]
    )
    data = load(path, Selection(target, missing=tuple(options[1:]), header=options != ["--no-header"]))
    errors = data.y - [value for value in document["predictions"] if value is not None]
    assert math.sqrt(np.mean(errors**2)) == pytest.approx(document["rmse"])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: "", "cannot be read as a model"),
        (lambda text: text[:100], "cannot be read as a model"),
        (lambda text: "[]", "cannot be read as a model"),
        (lambda text: text.replace('"schema": 1', '"schema": 99'), "has schema 99; allowed: 1 (a newer gdbench may read it)"),
        (lambda text: text.replace('"coef": ', '"coef": NaN, "x": '), "cannot be read as a model"),
        (lambda text: text.replace('"intercept": ', '"intercept": "1", "x": '), "cannot be read as a model"),
        (lambda text: text.replace('"name": "age"', '"name": "old"'), "has columns that do not fit its encoding"),
        (lambda text: text.encode("utf-16"), "cannot be read as a model"),
    ],
)  # fmt: skip
def test_file_that_is_no_model_is_refused(main, cars, tmp_path, edit, words):
    """One sentence and exit code 2."""
    model = tmp_path / "model.json"
    main("fit", cars, *CARS, *NUMPY, "--save", model)
    text = edit(model.read_text())
    model.write_bytes(text if isinstance(text, bytes) else text.encode())
    code, out, err = main("fit", "--model", model, "--predict", cars)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err


def test_pages_are_written(main, cars, tmp_path, monkeypatch):
    """The page of the descent has the losses of this fit. A missing package is one sentence, after the model is saved."""

    def missing(path, data, seed):
        raise MissingExtra("scikit-learn is not installed")

    page, model = tmp_path / "watch.html", tmp_path / "model.json"
    code, out, _ = main("fit", cars, *CARS, *NUMPY, "--animate", page)
    assert (code, out.splitlines()[-1]) == (0, f"page: {page}")
    assert "Watch it learn: price" in page.read_text()
    monkeypatch.setattr("bench.fit.toolbox.write", missing)
    code, _, err = main("fit", cars, *CARS, *NUMPY, "--toolbox", tmp_path / "page.html", "--save", model)
    assert (code, model.exists()) == (2, True)
    assert err.splitlines()[-1] == "gdbench: --toolbox: scikit-learn is not installed"


@pytest.mark.parametrize("option", ["--save", "--out", "--animate", "--toolbox"])
def test_existing_file_is_replaced_only_with_force(main, cars, tmp_path, option):
    """The fit does not begin."""
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    words = ["fit", cars, *CARS, *NUMPY, "--predict", cars, option, path]
    code, out, err = main(*words)
    assert (code, out) == (2, "")
    assert f"{option}: found '{path}', which exists; allowed: a new file, or --force to replace it" in err
    assert path.read_text() == "mine"
    if option in ("--save", "--out"):
        assert main(*words, "--force")[0] == 0
        assert path.read_text() != "mine"


def test_two_outputs_need_different_files(main, cars, tmp_path):
    """Otherwise one of them would replace the other."""
    code, _, err = main("fit", cars, *CARS, "--predict", cars, "--save", "a.json", "--out", "./a.json")
    assert code == 2
    assert "--out: found 'a.json', as for --save; allowed: different files" in err


def test_loss_is_printed_at_powers_of_ten(capsys):
    """In a pipe, each power is printed once, however the chunks end."""
    with LossLine() as line:
        for n in (1, 2, 9, 150, 151, 1001):
            line(np.arange(n, dtype=float))
    printed = [text.split() for text in capsys.readouterr().err.splitlines()]
    assert [words[-1] for words in printed] == ["1", "10", "100", "1000"]


def test_interrupt_in_compiled_code_gives_exit_130(main, backend_file):
    """Numba raises a SystemError with the KeyboardInterrupt as the cause of its cause."""
    raising = """
        try:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                raise SystemError from error
        except SystemError as error:
            raise SystemError from error
    """.replace("\n    ", "\n")
    source = backend_file("interrupted", "    beta = beta.copy()\n", raising)
    assert main("fit", "penguins", "--target", "body_mass_g", "-b", source)[0] == 130
