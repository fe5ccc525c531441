"""The data: synthetic problems, the penguins, and the CSV files of users."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.encoding import Selection
from bench.data.problems import PENGUINS, ProblemError, from_file, penguins, penguins_flipper, synthetic


@pytest.fixture
def read(tmp_path):
    """Write table.csv and read it as a problem."""

    def read(content, target="y"):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return from_file(path, Selection(target))

    return read


def original(problem):
    """The feature columns before standardizing. Shape: (n_samples, n_features - 1)."""
    return problem.X[:, 1:] * problem.scale + problem.mean


# Synthetic problems


def test_the_seed_decides_the_problem():
    """Equal seeds and sizes give equal data and digests; another seed or another size gives another digest."""
    problem, repetition = synthetic(50, 4, seed=7), synthetic(50, 4, seed=7)
    np.testing.assert_array_equal(problem.X, repetition.X)
    np.testing.assert_array_equal(problem.y, repetition.y)
    assert problem.digest == repetition.digest
    others = [synthetic(50, 4, seed=8), synthetic(4, 50, seed=7), synthetic(51, 4, seed=7)]
    assert len({problem.digest, *(other.digest for other in others)}) == 4
    assert len(problem.digest) == 16
    assert int(problem.digest, 16) >= 0


def test_the_digest_depends_on_all_numbers_and_the_shape():
    """It does not depend on the memory layout."""
    problem = synthetic(6, 2)
    X, y = problem.X.copy(), problem.y.copy()
    X[3, 1] = np.nextafter(X[3, 1], 9)
    y[0] = np.nextafter(y[0], 9)

    def replace(**fields):
        return type(problem)("other name", **{"X": problem.X, "y": problem.y} | fields).digest

    assert len({problem.digest, replace(X=X), replace(y=y), replace(X=problem.X.reshape(2, 6))}) == 4
    assert replace(X=np.asfortranarray(problem.X)) == problem.digest


def test_synthetic_features_are_standardized_and_correlate():
    """Every column has mean 0 and standard deviation 1, and every pair of columns has a correlation of about 0.9."""
    problem = synthetic(20_000, 10)
    assert problem.X.shape == (20_000, 10)
    assert problem.y.shape == (20_000,)
    assert problem.X.dtype == problem.y.dtype == np.float64
    np.testing.assert_allclose(problem.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(problem.X.std(axis=0), 1, rtol=1e-12)
    pairs = np.corrcoef(problem.X.T)[np.triu_indices(10, 1)]
    np.testing.assert_allclose(pairs, 0.9, atol=0.01)


def test_synthetic_condition_number():
    """With ten features the extreme eigenvalues of H = (2/n) XᵀX are near 0.2 and 18.2: a condition number near 91."""
    X = synthetic(20_000, 10).X
    eigenvalues = np.linalg.eigvalsh(2 / len(X) * X.T @ X)
    assert eigenvalues[-1] == pytest.approx(2 * (1 + 0.9 * 9), rel=0.05)
    assert eigenvalues[-1] / eigenvalues[0] == pytest.approx(91, rel=0.1)


def test_synthetic_target_is_linear_with_noise():
    """y is X beta plus noise with standard deviation 0.1. All |beta| are in [0.5, 2], so that each feature matters."""
    problem = synthetic(20_000, 5, seed=3)
    noise = problem.y - problem.X @ problem.beta
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    assert np.all((np.abs(problem.beta) >= 0.5) & (np.abs(problem.beta) <= 2))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 3), (3, 8)])
def test_synthetic_problems_with_few_rows_are_finite(shape):
    """A single row, and fewer rows than features, are valid."""
    problem = synthetic(*shape)
    assert problem.X.shape == shape
    assert np.isfinite(problem.X).all()
    assert np.isfinite(problem.y).all()
    assert problem.X.any()


# Penguins


def complete_rows():
    """The complete rows of the penguins' file, in file order, read without bench.data.problems."""
    with PENGUINS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 344
    return [{name: float(value) for name, value in row.items()} for row in rows if all(row.values())]


def test_penguins_drop_two_incomplete_rows():
    """A note counts them."""
    problem = penguins()
    assert problem.X.shape == (342, 4)
    assert problem.notes == ("penguins: dropped 2 of 344 rows with a missing value, kept 342",)


def test_penguins_columns_and_order():
    """The intercept is the first column, features are standardized, and rows have the order of the file."""
    problem = penguins()
    assert problem.columns == ("intercept", "bill_length_mm", "bill_depth_mm", "flipper_length_mm")
    np.testing.assert_array_equal(problem.X[:, 0], 1)
    np.testing.assert_allclose(problem.X[:, 1:].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(problem.X[:, 1:].std(axis=0), 1, rtol=1e-12)
    rows = complete_rows()
    np.testing.assert_array_equal(problem.y, [row["body_mass_g"] for row in rows])
    np.testing.assert_allclose(
        original(problem), [[row[name] for name in problem.columns[1:]] for row in rows], rtol=1e-12
    )


def test_penguins_flipper_gives_the_published_line():
    """Least squares on flipper length alone gives 49.69 g per mm and -5780.83 g, in the original units."""
    problem = penguins_flipper()
    assert problem.columns == ("intercept", "flipper_length_mm")
    beta = np.linalg.lstsq(problem.X, problem.y, rcond=None)[0]
    slope = beta[1] / problem.scale[0]
    assert slope == pytest.approx(49.69, abs=0.005)
    assert beta[0] - slope * problem.mean[0] == pytest.approx(-5780.83, abs=0.005)


def test_features_uses_the_mean_and_scale_of_the_problem():
    """features(rows of the problem) is exactly X."""
    problem = penguins()
    rows = [[row[name] for name in problem.columns[1:]] for row in complete_rows()]
    np.testing.assert_array_equal(problem.features(rows), problem.X)
    np.testing.assert_allclose(problem.features([problem.mean + 2 * problem.scale]), [[1, 2, 2, 2]], rtol=1e-12)


# Valid CSV files


TABLE = "a,y,b\n1,10,0.5\n2,20,-3e2\n4,40,7\n"
FORMS = {
    "comma": TABLE,
    "semicolon": TABLE.replace(",", ";"),
    "tab": TABLE.replace(",", "\t"),
    "bar": TABLE.replace(",", "|"),
    "BOM": "\ufeff" + TABLE,
    "quoted": '"a","y","b"\n"1","10","0.5"\n2,"20",-3e2\n4,40,"7"\n',
    "CRLF": TABLE.replace("\n", "\r\n"),
    "old Macintosh": TABLE.replace("\n", "\r"),
    "blank lines": TABLE.replace("\n", "\n\n") + "   \n\n",
    "no last newline": TABLE.rstrip(),
    "spaces around": TABLE.replace(",", " , "),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_table_give_the_same_problem(read, form):
    """Delimiter, byte order mark, quotes, line ends, blank lines and spaces do not change the data."""
    problem = read(FORMS[form])
    notes = ("table: uses 3 rows; target 'y'; features 'a' and 'b'",)
    assert (problem.name, problem.columns, problem.notes) == ("table", ("intercept", "a", "b"), notes)
    np.testing.assert_array_equal(problem.y, [10, 20, 40])
    np.testing.assert_allclose(original(problem), [[1, 0.5], [2, -300], [4, 7]], rtol=1e-12)
    assert problem.digest == read(TABLE).digest


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('"length, mm",y\n1,2\n2,3\n', ("length, mm",)),
        ('"length, mm";y\n1;2\n2;3\n', ("length, mm",)),
        ('"length\nin mm",y\n1,2\n2,3\n', ("length\nin mm",)),
        ("a\u2028b,y\n1,2\n2,3\n", ("a\u2028b",)),
        ("a\x0bb,y\n1,2\n2,3\n", ("a\x0bb",)),
        ("a\x0cb,y\n1,2\n2,3\n", ("a\x0cb",)),
        ("\n\n" + TABLE.replace(",", ";"), ("a", "b")),
    ],
    ids=[
        "quoted comma", "comma between semicolons", "quoted line end", "U+2028", "vertical tab", "form feed",
        "blank lines first",
    ],
)  # fmt: skip
def test_column_names_are_read(read, content, columns):
    """A quoted name may contain a delimiter or a line end. Other separators do not end a line."""
    assert read(content).columns == ("intercept", *columns)


def test_line_numbers_count_the_lines_of_a_quoted_name(read):
    """A name over two lines moves the rows down by one line."""
    with pytest.raises(ProblemError, match="line 4: column 'y' holds numbers, and in 1 row a text: found 'x'"):
        read('"length\nin mm",y\n1,2\n3,x\n')


@pytest.mark.parametrize(
    "missing", ["", " ", "NA", "na", "N/A", "NaN", "nan", "NULL", "None", ".", "-", "--", "?", "#N/A", "<NA>", '""']
)
def test_rows_with_missing_values_are_dropped_and_counted(read, missing):
    """A missing value has any of the usual spellings."""
    problem = read(f"a,y\n1,10\n{missing},20\n3,30\n4,{missing}\n")
    np.testing.assert_array_equal(problem.y, [10, 30])
    assert problem.notes[1].startswith("table: dropped 2 of 4 rows with a missing value, kept 2; missing: ")


@pytest.mark.parametrize("value", ["7", "0.1", "1e300"])
def test_a_constant_column_becomes_zeros_with_a_note(read, value):
    """There is no warning and no NaN; the mean is the constant and the scale is 1."""
    problem = read("a,same,y\n" + "".join(f"{i},{value},{i}\n" for i in range(7)))
    np.testing.assert_array_equal(problem.X[:, 2], 0)
    assert problem.notes[1:] == ("table: column 'same' is constant and becomes a column of zeros",)
    assert (problem.mean[1], problem.scale[1]) == (float(value), 1)


@pytest.mark.parametrize(("target", "columns"), [("p", ("q", "r")), ("q", ("p", "r")), ("r", ("p", "q"))])
def test_any_column_can_be_the_target(read, target, columns):
    """The other columns keep their order."""
    problem = read("p,q,r\n1,2,3\n4,6,9\n", target)
    assert problem.columns == ("intercept", *columns)
    np.testing.assert_array_equal(problem.y, {"p": [1, 4], "q": [2, 6], "r": [3, 9]}[target])


numbers = st.floats(-1e6, 1e6).filter(lambda number: number == 0 or abs(number) > 1e-6)
tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=2, max_size=8)
)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(
    table=tables,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    data=st.data(),
)
def test_a_table_of_the_csv_module_is_read(tmp_path_factory, table, delimiter, quoting, data):
    """X * scale + mean and y are the numbers that csv.writer wrote."""
    table = np.array(table)
    path = tmp_path_factory.mktemp("table") / "table.csv"
    names = [f"c{i}" for i in range(table.shape[1])]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
        writer.writerow(names)
        writer.writerows([repr(float(number)) for number in row] for row in table)
    target = data.draw(st.integers(0, table.shape[1] - 1))
    problem = from_file(path, Selection(names[target]))
    np.testing.assert_array_equal(problem.y, table[:, target])
    features = np.delete(table, target, axis=1)
    largest = np.abs(features).max(axis=0)
    assert np.all(np.abs(original(problem) - features) <= 1e-14 * len(table) * largest)
    np.testing.assert_array_equal(problem.features(features), problem.X)


# Invalid CSV files


ERRORS = {
    "text column": ("sex,y\n1,2\nmale,3\n", "no feature besides the target 'y'; check: .* as 'male': 'sex' .in 1 row, first in line 3."),
    "text in the target": ("a,y\n1,2\n2,three\n", "line 3: column 'y' holds numbers, and in 1 row a text: found 'three'"),
    "digits with a low line": ("a,y\n1_000,2\n2,3\n", "no feature besides the target 'y'; check: .* as '1_000': 'a' .in 1 row, first in line 2."),
    "missing target": ("a,b,c\n1,2,3\n4,5,6\n", "--target: found 'y'; allowed: a column of table.csv: a, b and c"),
    "single row": ("a,y\n1,2\n", "has 1 complete row of 1; allowed: at least 2"),
    "empty file": ("", "table.csv is empty; allowed: a header line and at least two rows"),
    "blank lines only": ("\n\n  \n", "table.csv is empty"),
    "header only": ("a,y\n", "has 0 rows; allowed: at least 2"),
    "short row": ("a,b,y\n1,2,3\n\n4,5\n", "has 1 complete row of 2 .missing: 'y' in 1.; allowed: at least 2"),
    "long row": ("a,y\n1,2\n3,4,5\n", "table.csv, line 3: found 3 fields; allowed: 2"),
    "infinity": ("a,y\n1,2\ninf,3\n", "as 'inf': 'a' .in 1 row, first in line 3."),
    "minus infinity": ("a,y\n1,2\n3,-Infinity\n", "line 3: column 'y' holds numbers, and in 1 row a text: found '-Infinity'"),
    "beyond the largest float": ("a,y\n1,2\n1e999,3\n", "as '1e999': 'a' .in 1 row, first in line 3."),
    "only a target": ("y\n1\n2\n", "has no feature besides the target 'y'; allowed: at least one column"),
    "all rows missing": ("a,y\n,2\n3,\nNA,NA\n", "no feature besides the target 'y'; leaves out 'a' .missing in 2 of 3 rows."),
    "open quote": ('a,y\n"1,2\n3,4\n', "table.csv, line 3: found a text with a line break; a quote before it is not closed"),
    "squares overflow": ("a,y\n1e200,1\n-1e200,2\n3e200,3\n", "column 'a' holds numbers too large to standardize"),
    "sums overflow": ("a,y\n1e308,1\n1.1e308,2\n1.2e308,3\n", "column 'a' holds numbers too large"),
    "squares underflow": ("b,a,y\n1,1e-200,1\n2,2e-200,2\n", "column 'a' holds numbers too large or too small"),
}  # fmt: skip


@pytest.mark.parametrize("fault", ERRORS)
def test_an_invalid_file_gives_one_clear_sentence(read, fault):
    """The error says where it is, what was found and what is allowed, without a warning."""
    content, message = ERRORS[fault]
    with pytest.raises(ProblemError, match=message) as error:
        read(content)
    assert str(error.value).startswith(("table.csv", "--target: "))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", ["x" * 100_000, "9" * 5_000], ids=["text", "number"])
def test_the_message_shortens_a_long_field(read, field):
    """An error quotes only the start of a field of thousands of characters."""
    with pytest.raises(ProblemError, match=r"'a' \(in 1 row, first in line 2\)") as error:
        read(f"a,y\n{field},2\n3,4\n")
    assert len(str(error.value)) < 1_000


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.csv", r"found no file '.*none\.csv'; allowed: a table as CSV"), ("", "found a folder; allowed: a file")],
    ids=["no file", "a folder"],
)
def test_a_path_without_a_file_is_refused(tmp_path, name, message):
    """The message says whether the path is missing or a folder."""
    with pytest.raises(ProblemError, match=message):
        from_file(tmp_path / name, Selection("y"))


def test_penguins_need_no_polars():
    """A backend is checked on them, and the threads of polars would be beside it."""
    code = "import sys; from bench.data.problems import penguins; penguins(); sys.exit('polars' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
