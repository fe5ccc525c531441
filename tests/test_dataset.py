"""The data door: files of any common form as numbers, and new rows of the same form."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.dataset import Encoding, Selection, apply, load
from bench.data.errors import ProblemError
from bench.data.problems import from_file

CASES = Path(__file__).with_name("data_cases")


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def least_squares(data):
    """Intercept, coefficients by column, and R² in the units of the file."""
    mean, scale = data.X.mean(axis=0), data.X.std(axis=0)
    X = np.column_stack([np.ones(len(data.y)), (data.X - mean) / scale])
    beta = np.linalg.lstsq(X, data.y)[0]
    coefficients = beta[1:] / scale
    residual = data.y - X @ beta
    r2 = 1 - residual @ residual / np.sum((data.y - data.y.mean()) ** 2)
    return beta[0] - coefficients @ mean, dict(zip(data.columns, coefficients, strict=True)), r2


# Files with right values: file, selection, rows, intercept, coefficients, R² (None: not stated), words of a note.
# The values come from pandas and numpy.linalg.lstsq, and statsmodels confirms them.
RIGHT = {
    "text columns": ("text_columns.csv", Selection("price"), 60, 32082.3, {"km": -0.0630277, "age": -701.608, "doors": -43.9467}, 0.786348, "the text columns 'brand' (3 levels), 'fuel' (3 levels), 'accident' (2 levels) and 'colour' (4 levels); --keep-text"),
    "text columns kept": ("text_columns.csv", Selection("price", keep_text=True), 60, 31069.9, {"km": -0.0597106, "age": -882.57}, 0.995531, "'accident' as 0/1 columns for yes, all 0 for no"),
    "row names of R": ("r_rownames.csv", Selection("volume"), 12, -19.4975, {"girth": 0.947362, "height": 0.479545}, 0.928248, "leaves out 'column 1', which has no name: row names"),
    "unnamed counter": ("unnamed_index.csv", Selection("ozone"), 40, 2.43208, {"day": 0.440078, "temp": 2.10959}, 0.90607, "which has no name: it counts the rows"),
    "counter as a feature": ("unnamed_index.csv", Selection("ozone", ("column 1", "day", "temp")), 40, None, {"column 1": -1.13818, "day": 1.55252, "temp": 2.15776}, None, "uses 40 rows"),
    "write.table of R": ("r_write_table.csv", Selection("dist"), 20, -10.1007, {"speed": 3.00974, "load": 1.52096}, None, "the first field is a row name"),
    "decimal comma": ("decimal_comma.csv", Selection("Gewicht"), 20, 1.46448, {"Breite": 2.50012, "Hoehe": -0.744382}, 0.999207, "the decimal mark is a comma"),
    "dots for thousands": ("dot_thousands.csv", Selection("miete"), 24, 313.761, {"flaeche": 10.8677}, 0.993954, "check: in a file with ';', every dot is followed by exactly three digits"),
    "money": ("money.csv", Selection("profit"), 20, -1940.54, {"revenue": 0.185628, "margin": 55.6495}, 0.939633, "'margin' is in percent: 5% is read as 5"),
    "five marks for missing": ("missing_codes.csv", Selection("use"), 19, 1.04559, {"power": 0.0120229, "weight": 0.00259028}, 0.967427, "dropped 5 of 24 rows with a missing value, kept 19; missing: 'power' in 5 (#N/A, -, --, <NA>, ?)"),
    "a code": ("minus999.csv", Selection("crop"), 24, None, {"rain": 0.00102005}, 0.0811533, "check: 'rain' holds -999 3 times, far from all other numbers (13.3 to 89.1); if it stands for a missing value, use --missing=-999"),
    "a code as missing": ("minus999.csv", Selection("crop", missing=("-999",)), 21, 1.49233, {"rain": 0.302635, "sun": 1.13159}, 0.997747, "missing: 'rain' in 3 (-999)"),
    "trailing comma": ("trailing_comma.csv", Selection("y"), 20, 3.83464, {"a": 2.00341, "b": -0.957202}, 0.997509, "uses 20 rows; target 'y'; features 'a' and 'b'"),
    "sparse column": ("sparse_column.csv", Selection("y"), 30, 4.19616, {"a": 1.97394, "b": -0.983913}, 0.989563, "leaves out 'retest' (missing in 26 of 30 rows)"),
    "comments at the top": ("comment_top.csv", Selection("y"), 20, 3.88643, {"a": 2.0168, "b": -1.00084}, None, "uses 20 rows"),
    "sep=; of Excel": ("sep_line.csv", Selection("y"), 20, 4.00972, {"a": 2.00492, "b": -0.997284}, None, "uses 20 rows"),
    "text below": ("footer.csv", Selection("y"), 20, 4.08529, {"a": 2.00162, "b": -0.99662}, None, "leaves out the text after the table, from line 23 on: 'Source: office of statistics'"),
    "Windows-1252": ("latin1.csv", Selection("y"), 20, 4.06373, {"Größe": 1.9531, "Länge": -0.963343}, None, "is not UTF-8; read as Windows-1252"),
    "gzip": ("packed.csv.gz", Selection("y"), 20, 4.05448, {"a": 1.98416, "b": -0.987462}, None, "uses 20 rows"),
    "JSON lines": ("records.jsonl", Selection("y"), 20, 3.81789, {"a": 2.00331, "b": -0.979681}, None, "uses 20 rows"),
    "blanks": ("spaces.txt", Selection("y"), 20, 4.13295, {"a": 2.00342, "b": -1.03646}, None, "uses 20 rows"),
    "no header": ("no_header.csv", Selection("3", header=False), 20, 3.96773, {"1": 1.99146, "2": -0.985732}, None, "target '3'; features '1' and '2'"),
    "dates": ("dates.csv", Selection("sales"), 30, None, {"date": 0.194767, "visits": 0.389416}, 0.983965, "'date', in days since 2023-01-02"),
    "dates left out": ("dates.csv", Selection("sales", drop=("date",)), 30, None, {"visits": 0.397882}, 0.848839, "uses 30 rows"),
    "19 digits": ("ns_ticks.csv", Selection("y"), 20, 10.0281, {"tick": 0.197334}, 0.997162, "'tick' holds integers of 19 digits, so it is counted from its first value, 1700000000000000001"),
    "small slopes": ("win_times.csv", Selection("time"), 33, 33.1154, {"year": -0.011692}, 0.960431, "uses 33 rows"),
    "year and decade": ("lake_level.csv", Selection("level"), 80, 570.003, {"year": 0.349576, "decade": -0.345745}, 0.984361, "uses 80 rows"),
    "one feature": ("steps.csv", Selection("pressure"), 24, 81.7577, {"age": 0.862201}, 0.950672, "uses 24 rows"),
    "dummy trap": ("dummy_trap.csv", Selection("price"), 30, None, {"size": 3.10918}, None, "red, green and blue depend on each other, so their coefficients are not unique"),
    "dummy trap without red": ("dummy_trap.csv", Selection("price", drop=("red",)), 30, 19.3864, {"green": 4.96266, "blue": 9.03188, "size": 3.10918}, None, "uses 30 rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_a_file_gives_the_right_coefficients(case):
    """They agree to six digits, a note says what was done, and apply gives the same rows."""
    name, selection, n_rows, intercept, coefficients, r2, words = RIGHT[case]
    data = load(CASES / name, selection)
    found = least_squares(data)
    assert (len(data.y), data.X.shape) == (n_rows, (n_rows, len(data.columns)))
    assert data.X.flags.c_contiguous
    assert words in "\n".join(data.notes)
    if intercept is not None:
        assert found[0] == pytest.approx(intercept, rel=2e-5)
    assert {column: found[1][column] for column in coefficients} == pytest.approx(coefficients, rel=2e-5)
    if r2 is not None:
        assert found[2] == pytest.approx(r2, rel=2e-6)
    encoding = msgspec.json.decode(msgspec.json.encode(data.encoding), type=Encoding)
    assert encoding == data.encoding
    np.testing.assert_array_equal(apply(encoding, CASES / name).X, data.X)


def test_a_clean_file_has_one_note():
    """Which rows and columns are used."""
    assert load(CASES / "steps.csv", Selection("pressure")).notes == (
        "uses 24 rows; target 'pressure'; feature 'age'",
    )  # fmt: skip


@pytest.mark.parametrize("above", ["", "A title\n\n"])
def test_numbers_as_names_of_columns_are_noted(write, above):
    """The line may be a row, or hold counts as in the files of scikit-learn."""
    data = load(
        write(above + "150,4,setosa,virginica\n5.1,3.5,1.4,0\n4.9,3.0,1.4,1\n4.7,3.2,1.3,1\n"), Selection("virginica")
    )
    line = 3 if above else 1
    assert f"check: line {line} names columns '150' and '4'; if it holds a row, use --no-header" in data.notes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1961-01-20", "1963-11-22", "1969-01-20"], "target 'y', in days since 1961-01-20; feature 'a'"),
        (["true", "false", "true"], "target 'y', with 1 for true; feature 'a'"),
    ],
)
def test_the_unit_of_the_target_is_noted(write, values, words):
    """A prediction has this unit."""
    data = load(write("a,y\n" + "".join(f"{k},{value}\n" for k, value in enumerate(values))), Selection("y"))
    assert data.notes == (f"uses 3 rows; {words}",)


def test_all_numbers_in_the_first_line_are_no_header():
    """The message names the option."""
    with pytest.raises(
        ProblemError, match=r"no_header\.csv, line 1: found only numbers .8\.3, 1\.6, 19\.11.*--no-header"
    ):
        load(CASES / "no_header.csv", Selection("19.11"))


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A file with 12 000 features and five rows."""
    path = tmp_path_factory.mktemp("wide") / "wide.csv"
    lines = [",".join(f"gene_{j:05d}" for j in range(12_000)) + ",y"]
    lines += [",".join(str((i * j) % 7 + j % 3) for j in range(12_000)) + f",{i}" for i in range(1, 6)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_wide_file_is_a_problem(wide):
    """A header longer than 131 072 characters, and more features than rows."""
    problem = from_file(wide, Selection("y"))
    assert problem.X.shape == (5, 12_001)
    assert "12 000 features for 5 rows" in "\n".join(problem.notes).replace("\xa0", " ")


# Forms of a file

TABLE = "a,b,y\n1.5,2,3\n2.5,1,7\n4,4,9\n"
X = [[1.5, 2], [2.5, 1], [4, 4]]


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return buffer.getvalue()


def parquet(**options):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1.5, 2.5, 4], "b": [2, 1, 4], "y": [3, 7, 9]}).write_parquet(buffer, **options)
    return buffer.getvalue()


RECORDS = [{"a": 1.5, "b": 2, "y": 3}, {"b": 1, "y": 7, "a": 2.5}, {"a": 4, "b": 4, "y": 9}]
FORMS = {
    "comma": TABLE.encode(),
    "semicolon": TABLE.replace(",", ";").encode(),
    "tab": TABLE.replace(",", "\t").encode(),
    "bar": TABLE.replace(",", "|").encode(),
    "several blanks": TABLE.replace(",", "   ").encode(),
    "blanks at the start": b" a b y\n 1.5 2 3\n 2.5 1 7\n 4   4 9\n",
    "quoted names with blanks": b'"a" "b" "y"\n1.5 2 3\n2.5 1 7\n4 4 9\n',
    "UTF-8 with a mark": b"\xef\xbb\xbf" + TABLE.encode(),
    "UTF-16": TABLE.encode("utf-16"),
    "UTF-16 without a mark": TABLE.encode("utf-16-le"),
    "UTF-32": TABLE.encode("utf-32"),
    "CRLF": TABLE.replace("\n", "\r\n").encode(),
    "CR": TABLE.replace("\n", "\r").encode(),
    "blank lines": TABLE.replace("\n", "\n\n").encode(),
    "lines of commas": (TABLE + ",,\n,,\n").encode(),
    "title above": ("A title\n\n" + TABLE).encode(),
    "empty rows above": (",,\n,,\n" + TABLE).encode(),
    "comment above": ("# made, by hand\n" + TABLE).encode(),
    "header in a comment": ("# a b y\n" + TABLE.partition("\n")[2].replace(",", " ")).encode(),
    "text below": (TABLE + "\nSource: a book\n").encode(),
    "line under the header": TABLE.replace("y\n", "y\n-----------\n").encode(),
    "delimiter at the end": TABLE.replace("\n", ",\n").encode(),
    "delimiter at the end of the rows": TABLE.replace("\n", ",\n").replace("y,", "y").encode(),
    "delimiter at the end of the header": TABLE.replace("y\n", "y,\n").encode(),
    "delimiter at the end of a header below titles": ("Series: 1,\n\nA title\n" + TABLE.replace("y\n", "y,\n")).encode(),
    "spaces around": TABLE.replace(",", " , ").encode(),
    "space before a quote": b'a, "b", y\n1.5, "2", 3\n2.5, "1", 7\n4, "4", 9\n',
    "gzip": gzip.compress(TABLE.encode()),
    "bzip2": bz2.compress(TABLE.encode()),
    "xz": lzma.compress(TABLE.encode()),
    "zip": zipped(("data/table.csv", TABLE)),
    "zip of macOS": zipped(("table.csv", TABLE), ("__MACOSX/._table.csv", "x")),
    "Parquet": parquet(),
    "JSON lines": "\n".join(map(json.dumps, RECORDS)).encode(),
    "JSON": json.dumps(RECORDS).encode(),
    "money": b'a,b,y\n$1.50,2,3\n$2.50,1,7\n"$4.00",4,9\n',
    "decimal comma": b"a;b;y\n1,5;2;3\n2,5;1;7\n4;4;9\n",
    "decimal comma in quotes": b'a,b,y\n"1,5",2,3\n"2,5",1,7\n4,4,9\n',
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_table_give_the_same_numbers(write, form):
    """Compression, encoding, delimiter, and what stands around the table, do not matter."""
    data = load(write(FORMS[form]), Selection("y"))
    assert data.columns == ("a", "b")
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, [3, 7, 9])


@pytest.mark.parametrize("form", ["comma", "several blanks", "gzip", "Parquet", "JSON lines"])
@pytest.mark.parametrize("name", ["-a b[1]*?.csv", "s3:%41é\n'\"", "caf\udce9"])
def test_a_file_may_have_any_name(write, form, name):
    """Signs of patterns and addresses, and bytes that are not UTF-8."""
    data = load(write(FORMS[form], name), Selection("y"))
    np.testing.assert_array_equal(data.X, X)


def test_an_excel_file_is_read_or_names_what_to_install(write, monkeypatch):
    """fastexcel is not part of the core installation."""
    path = write(zipped(("xl/workbook.xml", "<workbook/>")), "table.xlsx")
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(ProblemError, match=r"table\.xlsx is an Excel file.*pip install 'gdbench\[excel\]'"):
        load(path, Selection("y"))


def test_the_sheet_of_a_workbook_is_read(tmp_path):
    """Numbers, dates and texts as they are in the cells."""
    workbook = openpyxl.Workbook()
    rows = [["a", "b", "y"], [1.5, 2, 3], [2.5, 1, 7], [4, 4, 9]]
    for row in rows:
        workbook.active.append(row)
    workbook.save(tmp_path / "table.xlsx")
    np.testing.assert_array_equal(load(tmp_path / "table.xlsx", Selection("y")).X, X)


LATE: dict[str, tuple[list[Any], list[Any], float]] = {
    "fractions": ([1] * 150, [1.25], 1.25),
    "fractions after gaps": ([None] * 150, [0.25, 1.5, 2], 1.5),
    "a text": ([1.5] * 150, ["n/k", 2.5], 2.5),
    "numbers after a text": (["n/k", 2], [1.5] * 150, 1.5),
    "booleans": ([True] * 150, [False, None, True], False),
    "large integers": ([2**60] * 150, [2**60 + 3], 3),
}


@pytest.mark.parametrize("case", LATE)
@pytest.mark.parametrize("lines", [False, True])
def test_late_records_of_json_decide_the_type_of_a_column(write, case, lines):
    """Nothing is cut or lost, whatever the first records hold."""
    first, last, value = LATE[case]
    records = [{"a": a, "y": y} for y, a in enumerate([*first, *last])]
    path = write("\n".join(map(json.dumps, records)) if lines else json.dumps(records))
    data = load(path, Selection("y", ("a",), missing=("n/k",)))
    assert len(data.y) == sum(a not in (None, "n/k") for a in [*first, *last])
    assert value in data.X
    new = apply(data.encoding, path)
    np.testing.assert_array_equal(new.X, data.X)


@pytest.mark.parametrize("lines", [False, True])
def test_a_late_key_of_json_is_a_column(write, lines):
    """It is missing in the records before. A nested value is left out, with a note."""
    records = [{"a": a, "y": a % 3} for a in range(150)] + [{"a": 0.5, "z": 1.5, "part": {"b": 1}, "y": 4}]
    path = write("\n".join(map(json.dumps, records)) if lines else json.dumps(records))
    data = load(path, Selection("y"))
    assert data.X.max() == 149
    assert 0.5 in data.X
    assert any("'z' (missing in 150 of 151 rows)" in note for note in data.notes)


@pytest.mark.parametrize("values", [[1, {"b": 2}], [True, 2.5]])
def test_json_values_of_unlike_types_are_refused(write, values):
    """Nothing is lost in silence."""
    with pytest.raises(ProblemError, match="looks like JSON and cannot be read"):
        load(write(json.dumps([{"a": a, "y": 1} for a in values])), Selection("y"))


REFUSED = {
    "zip of two": (zipped(("a.csv", TABLE), ("b.csv", TABLE)), "holds 2 files .a.csv, b.csv.; allowed: an archive of one file"),
    "damaged gzip": (gzip.compress(TABLE.encode())[:-12], "cannot be unpacked"),
    "Zstandard": (b"\x28\xb5\x2f\xfd123", "is packed with Zstandard; unpack it first"),
    "PDF": (b"%PDF-1.7", "is a PDF document"),
    "web page": (b"<!DOCTYPE html><html></html>", "is a web page or XML and not a table; download the file itself"),
    "binary": (bytes(range(256)) * 4, "holds no text: found binary data"),
    "JSON of columns": (b'{"a": [1, 2], "y": [3, 4]', "looks like JSON and cannot be read"),
    "JSON by columns": (b'{"a":{"0":1,"1":2},"y":{"0":3,"1":4}}', "is JSON by columns; allowed: .*orient='records'"),
    "JSON in parts": (b'{"columns":["a","y"],"index":[0,1],"data":[[1,3],[2,4]]}', "is JSON by columns; allowed: .*orient='records'"),
    "JSON list of lists": (b"[[1, 2], [3, 4]]", "looks like JSON and cannot be read"),
    "long row": ("a,y\n1,2\n3,4\n3,4,5\n", "line 4: found 3 fields; allowed: 2"),
    "open quote": ('a,y\n1,2\n"1,2\n3,4\n', "line 4: found a text with a line break; a quote before it is not closed"),
    "text target": ("a,y\n1,red\n2,blue\n3,red\n", "the target 'y' holds 2 different texts; allowed: a column of numbers"),
    "text in the target": ("a,y\n1,2\n2,three\n3,4\n", "line 3: column 'y' holds numbers, and in 1 row a text: found 'three'; if it is a missing value, use --missing 'three'"),
    "only texts": ("a,y\nx,1\nz,2\nx,3\nz,4\n", "has no feature besides the target 'y'; leaves out the text column 'a' .2 levels.; --keep-text"),
    "a single row": ("a,y\n1,2\n", "has 1 complete row of 1; allowed: at least 2"),
    "only constants": ("a,y\n1,2\n1,3\n", "the feature 'a' is constant; allowed: one that varies"),
    "several constants": ("a,b,y\n1,5,2\n1,5,3\n", "the features 'a' and 'b' are constant; allowed: one that varies"),
    "too large": ("a,y\n1e200,1\n-1e200,2\n3e200,3\n", "column 'a' holds numbers too large to standardize"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_a_file_that_cannot_be_used_gives_one_sentence(write, fault):
    """It says where the fault is, what was found, and what to do."""
    content, message = REFUSED[fault]
    with pytest.raises(ProblemError, match=message) as error:
        load(write(content), Selection("y"))
    assert "\n" not in str(error.value)


# Columns


def columns_of(write, values, missing=(), name="x", **options):
    """The data set of a column beside a target."""
    rows = "".join(f'"{value}",{number}\n' for number, value in enumerate(values))
    return load(write(f"{name},y\n" + rows), Selection("y", missing=missing, **options))


NUMBERS: dict[str, tuple[list[str], list[float]]] = {
    "thousands": (["1,250", "850", "12,000.5"], [1250, 850, 12000.5]),
    "Swiss thousands": (["1'250", "850", "2'000.5"], [1250, 850, 2000.5]),
    "parentheses": (["(1.5)", "2", "($3,000)"], [-1.5, 2, -3000]),
    "currency": (["€1.5", "2 €", "US$ 3"], [1.5, 2, 3]),
    "percent": (["1.5%", "2 %", "-3%"], [1.5, 2, -3]),
    "minus sign": (["−1.5", "2", "3"], [-1.5, 2, 3]),
    "exponents": (["1e3", "-2.5E-1", "+3"], [1000, -0.25, 3]),
    "comma and zero": (["0,125", "0,250", "0,5"], [0.125, 0.25, 0.5]),
    "comma and thousands": (["1.250,5", "850,25", "2"], [1250.5, 850.25, 2]),
    "booleans": (["TRUE", "false", "True"], [1, 0, 1]),
    "ISO dates": (["2024-01-01", "2024-02-01", "2024-01-31"], [0, 31, 30]),
    "dates with a time": (["2024-01-01 12:00", "2024-01-02 00:00", "2024-01-03 06:00"], [0.5, 1, 2.25]),
    "moments": (["2024-01-01T00:00:00Z", "2024-01-01T12:00:00Z", "2024-01-02T00:00:00Z"], [0, 0.5, 1]),
    "German dates": (["24.12.2023", "25.12.2023", "01.01.2024"], [0, 1, 8]),
    "American dates": (["12/24/2023", "12/25/2023", "1/1/2024"], [0, 1, 8]),
    "names of months": (["24 Dec 2023", "25 Dec 2023", "1 Jan 2024"], [0, 1, 8]),
    "months": (["2023-12", "2024-01", "2024-02"], [0, 31, 62]),
    "compact dates": (["20231231", "20240101", "20240201"], [0, 1, 32]),
    "quarters": (["2023Q4", "2024Q1", "2024Q2"], [0, 92, 183]),
}  # fmt: skip


@pytest.mark.parametrize("case", NUMBERS)
def test_notations_of_numbers(write, case):
    """A column is read as numbers if all of its values are."""
    texts, numbers = NUMBERS[case]
    data = columns_of(write, texts, name="date")
    np.testing.assert_array_equal(data.X[:, 0], numbers)
    np.testing.assert_array_equal(apply(data.encoding, write(f'date\n"{texts[1]}"\n', "new.csv")).X, [numbers[1:2]])


@pytest.mark.parametrize(("texts", "order", "day"), [(["05/01/2024", "01/02/2024"], "day", 27), (["01/05/2024", "02/01/2024"], "month", 27), (["03/04/2024", "02/01/2024", "04/05/2024"], "month", 64)])  # fmt: skip
def test_the_order_of_day_and_month_is_told(write, texts, order, day):
    """The order in which the dates are sorted is taken, else the month is first."""
    data = columns_of(write, texts)
    assert f"they are read with the {order} first" in "\n".join(data.notes)
    assert np.ptp(data.X) == day


def test_a_dot_is_a_decimal_point_where_a_number_shows_it(write):
    """One number in the file with another number of digits is enough."""
    data = load(write("a;b;y\n1.250;0.5;1\n3.500;1.5;2\n2.125;7.25;3\n"), Selection("y"))
    np.testing.assert_array_equal(data.X[:, 0], [1.25, 3.5, 2.125])


def test_missing_marks_are_counted_by_column(write):
    """Rows without a value in a used column are dropped."""
    data = load(write("a,b,y\n1,2,3\n?,2,4\n3,NA,5\n4,1,\n5,1,7\n6,2,9\n"), Selection("y"))
    np.testing.assert_array_equal(data.y, [3, 7, 9])
    assert data.notes[1] == (
        "dropped 3 of 6 rows with a missing value, kept 3; missing: 'y' in 1, 'a' in 1 (?) and 'b' in 1 (NA)"
    )


def test_a_text_among_numbers_is_told_with_its_line(write):
    """--missing reads it as a missing value."""
    path = write("a,b,y\n1,2,3\n2,<0.1,4\n3,4,5\n5,1,7\n")
    assert (
        "check: leaves out numbers with texts among them, such as '<0.1': 'b' (in 1 row, first in line 3); if that is a missing value, use --missing '<0.1'"
        in load(path, Selection("y")).notes
    )
    assert load(path, Selection("y", missing=("<0.1",))).columns == ("a", "b")


@pytest.mark.parametrize(
    ("name", "values", "kept"),
    [
        ("id", [7, 3, 9, 4], False), ("customer_id", [1, 2, 3, 4], False), ("PassengerId", [1, 2, 3, 4], False),
        ("index", [0, 1, 2, 3], False), ("id", [7, 7, 9, 9], True), ("day", [1, 2, 3, 4], True), ("paid", [7, 3, 9, 4], True),
        ("grid", [1, 2, 3, 4], True), ("id", [0.5, 1.5, 2.5, 4], True),
    ],
)  # fmt: skip
def test_identifiers_are_left_out(write, name, values, kept):
    """By name and by different integers; --features brings a column back."""
    path = write(f"{name},a,y\n" + "".join(f"{value},{k % 3},{k * k}\n" for k, value in enumerate(values)))
    assert load(path, Selection("y")).columns == ((name, "a") if kept else ("a",))
    assert load(path, Selection("y", features=(f"{name},a",))).columns == (name, "a")


@pytest.mark.parametrize(
    ("header", "rows", "columns"),
    [
        (",a,y", ["0,1,2", "3,2,5", "7,4,4"], ("a",)),
        (",a,y", ["7,1,2", "0,2,5", "3,4,4"], ("a",)),
        ("a,y", ["7,1,2", "0,2,5", "3,4,4"], ("a",)),
        (",a,y", ["7,1,2", "7,2,5", "3,4,4"], ("column 1", "a")),
        (",a,y", ["0.5,1,2", "7,2,5", "3,4,4"], ("column 1", "a")),
        ("a,,y", ["1,0,2", "2,3,5", "4,7,4"], ("a", "column 2")),
    ],
)
def test_different_integers_in_a_first_column_without_a_name_are_row_names(write, header, rows, columns):
    """As pandas writes them after rows are left out or shuffled."""
    data = load(write("\n".join([header, *rows, ""])), Selection("y"))
    assert data.columns == columns
    assert ("leaves out 'column 1', which has no name: row names" in data.notes) == (columns == ("a",))


@pytest.mark.parametrize(("first", "kept"), [(0, False), (1, False), (2, True)])
def test_a_column_without_a_name_that_counts_the_rows_is_left_out(write, first, kept):
    """It counts from 0 or 1, and may stand anywhere."""
    data = load(write(f"a,,y\n1,{first},2\n2,{first + 1},5\n4,{first + 2},4\n"), Selection("y"))
    assert data.columns == (("a", "column 2") if kept else ("a",))


@pytest.mark.parametrize(("b", "kept"), [(["", "", "4", "9"], True), (["", "", "", "9", "16"], False)])
def test_a_feature_that_is_missing_in_over_half_of_the_rows_is_left_out(write, b, kept):
    """Half is not over half. The rows without it are dropped, or all rows kept."""
    data = load(write("a,b,y\n" + "".join(f"{row % 3},{value},{row}\n" for row, value in enumerate(b))), Selection("y"))
    assert data.columns == (("a", "b") if kept else ("a",))
    assert len(data.y) == (2 if kept else 5)


@pytest.mark.parametrize(
    ("name", "values", "noted"),
    [("PID", [71, 30, 98, 44], True), ("PID", [71, 30, 71, 44], False), ("PID", [0.5, 30, 98, 44], False), ("paid", [71, 30, 98, 44], False)],
)  # fmt: skip
def test_a_possible_identifier_is_kept_with_a_note(write, name, values, noted):
    """--drop leaves it out."""
    rows = "".join(f"{value},{k % 3},{k * k}\n" for k, value in enumerate(values))
    data = load(write(f"{name},a,y\n{rows}"), Selection("y"))
    assert data.columns == (name, "a")
    note = "check: 'PID' may be an identifier, because each row has another integer; if it is, use --drop 'PID'"
    assert (note in data.notes) == noted


@pytest.mark.parametrize(
    ("above", "header", "row", "words"),
    [
        ("", "u,v", "red,red", "leaves out 'u' and 'v', which hold the same text in all rows"),
        ("", "u,v", "red,1", "leaves out 'u', which holds the same text in all rows"),
        ("", "u,v", "1,2", "leaves out 'u' and 'v', which are constant"),
        ("A title\n", "u,v", "1,2", "skips line 1 above the table"),
        ("A title\n\nOf two lines\n", "u,v", "1,2", "skips lines 1 to 3 above the table"),
    ],
)
def test_notes_about_one_and_several(write, above, header, row, words):
    """The verb fits."""
    rows = "".join(f"{k},{row},{k * k}\n" for k in range(4))
    assert words in load(write(f"{above}a,{header},y\n{rows}"), Selection("y")).notes


def test_free_text_is_left_out(write):
    """With --keep-text, only texts that are repeated become columns. The first level has none."""
    rows = [f"{'AB'[k % 2]},remark {k},{k},{k * k}" for k in range(6)]
    data = load(write("group,note,a,y\n" + "\n".join(rows)), Selection("y", keep_text=True))
    assert data.columns == ("group=B", "a")
    np.testing.assert_array_equal(data.X[:, 0], [0, 1, 0, 1, 0, 1])
    assert "leaves out free texts and identifiers: 'note' (6 levels)" in data.notes
    with pytest.raises(ProblemError, match="--features: 'note' holds 6 different texts in 6 rows; allowed: numbers"):
        load(write("group,note,a,y\n" + "\n".join(rows)), Selection("y", features=("note",)))


def test_a_level_only_in_dropped_rows_has_no_column(write):
    """Its column would be constant."""
    text = "group,a,y\nA,1,1\nB,2,2\nB,3,5\nA,4,2\nC,,4\nC,,4\nB,1,1\n"
    assert load(write(text), Selection("y", keep_text=True)).columns == ("group=B", "a")


def test_none_is_a_level_of_a_text(write):
    """Among numbers it is a missing value."""
    text = "garage,a,y\nnone,1,1\nbig,none,2\nnone,3,5\nbig,4,2\n"
    data = load(write(text), Selection("y", keep_text=True))
    assert data.columns == ("garage=none", "a")
    np.testing.assert_array_equal(data.X, [[1, 1], [1, 3], [0, 4]])


def test_constant_columns_are_left_out(write):
    """With a note. A problem of a run keeps them as zeros."""
    path = write("a,same,y\n1,0.1,1\n2,0.1,2\n3,0.1,4\n")
    data = load(path, Selection("y"))
    assert data.columns == ("a",)
    assert "leaves out 'same', which is constant" in data.notes
    assert from_file(path, Selection("y")).columns == ("intercept", "a", "same")


@pytest.mark.parametrize("name", ["a", "a_2"])
def test_columns_of_one_name_are_told_apart(write, name):
    """The second one gets a number."""
    data = load(write("a,a,y\n1,5,1\n2,3,2\n3,9,4\n"), Selection("y"))
    assert data.columns == ("a", "a_2")
    assert name in load(write("a,a,y\n1,5,1\n2,3,2\n3,9,4\n"), Selection("y", features=(name,))).columns


def test_short_rows_miss_their_last_fields(write):
    """A loud note counts them."""
    data = load(write("a,b,y,z\n1,2,3,4\n1,5,4\n2,2,9,1\n3,8,9,7\n"), Selection("y"))
    assert "check: 1 row has fewer than 4 fields, first in line 3; the last ones are missing" in data.notes
    np.testing.assert_array_equal(data.y, [3, 9, 9])


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection("z"), "--target: found 'z'; allowed: a column of table.csv: km, age and y"),
        (Selection("y", features=("kmh",)), "--features: found 'kmh'; allowed: .*; did you mean 'km'"),
        (Selection("y", drop=("x",)), "--drop: found 'x'; allowed: a column of table.csv"),
        (Selection("y", features=("y",)), "--target: found 'y' also in --features or --drop"),
        (Selection("y", drop=("km", "age")), "has no feature besides the target 'y'"),
    ],
)
def test_a_wrong_name_is_refused(write, selection, message):
    """The message lists the columns."""
    with pytest.raises(ProblemError, match=message):
        load(write("km,age,y\n1,5,1\n2,3,2\n3,9,4\n"), selection)


def test_typed_columns_of_parquet(tmp_path):
    """Dates, moments, booleans, decimals and categories need no text; a list is left out."""
    from datetime import date, datetime

    frame = pl.DataFrame({
        "day": [date(2024, 1, 1), date(2024, 1, 3), None, date(2024, 1, 2)],
        "moment": [datetime(2024, 1, 1, 12), datetime(2024, 1, 2), datetime(2024, 1, 2), datetime(2024, 1, 3)],
        "flag": [True, False, True, False],
        "kind": pl.Series(["a", "b", "a", "b"], dtype=pl.Categorical),
        "large": [2**60, 2**60 + 3, 2**60 + 1, 2**60 + 2],
        "words": [[1], [2], [3], [4]],
        "y": [1.5, 2.5, float("nan"), 4],
    })  # fmt: skip
    frame.write_parquet(tmp_path / "t.parquet")
    data = load(tmp_path / "t.parquet", Selection("y", keep_text=True))
    assert data.columns == ("day", "moment", "flag", "kind=b", "large")
    np.testing.assert_array_equal(data.X, [[0, 0.5, 1, 0, 0], [2, 1, 0, 1, 3], [1, 2, 0, 1, 2]])
    assert any("'words' holds List" in note for note in data.notes)
    frame.drop("words").write_csv(tmp_path / "t.csv")
    new = apply(data.encoding, tmp_path / "t.csv")
    np.testing.assert_array_equal(new.rows, [0, 1, 3])
    np.testing.assert_array_equal(new.X, data.X)


# New rows


@pytest.fixture
def cars():
    return load(CASES / "text_columns.csv", Selection("price", ("km", "fuel"), keep_text=True)).encoding


def test_new_rows_in_another_form(cars, write):
    """Columns in another order, further columns, no target, another delimiter: the numbers are the same."""
    new = apply(cars, write("fuel;owner;km\npetrol;Ann;1000\ndiesel;Bob;2500\nelectric;Eve;0,5\n"))
    assert cars.columns == ("fuel=electric", "fuel=petrol", "km")
    np.testing.assert_array_equal(new.X, [[0, 1, 1000], [0, 0, 2500], [1, 0, 0.5]])
    assert "the model does not use 'owner'" in new.notes


def test_rows_without_a_prediction(cars, write):
    """A missing value, an unknown level and a text for a number: one note each, with the line, and one about the rows."""
    new = apply(cars, write("fuel,km\npetrol,1000\nhydrogen,5\n,NA\npetrol,far\ndiesel,8\n"))
    np.testing.assert_array_equal(new.rows, [0, 4])
    assert (new.n_rows, new.X.shape) == (5, (2, 3))
    assert new.notes == (
        "'fuel' holds an unknown level in 1 row, such as 'hydrogen' (line 3)",
        "'fuel' is missing in 1 row",
        "'km' holds a text that is no number in 1 row, such as 'far' (line 5)",
        "'km' is missing in 1 row",
        "no prediction for 3 of 5 rows",
    )


@pytest.mark.parametrize(
    ("model", "new", "days", "words"),
    [
        (["Jan 02 2024", "Jan 03 2024", "Jan 05 2024"], ["2024-01-03", "unknown", "2024-01-12"], [1, 10], "check: dates of 'x' are read in the form %Y-%m-%d, and those of the model in the form %b %d %Y"),
        (["Jan 02 2024", "Jan 03 2024", "Jan 05 2024"], ["Jan 03 2024", "2024-01-12"], [1], "'x' holds a text that is not in the form of the model (%b %d %Y) in 1 row, such as '2024-01-12' (line 3)"),
        (["2023Q4", "2024Q1", "2024Q2"], ["2023Q4", "2024-01-12"], [0], "'x' holds a text that is not in the form of the model (2024Q1) in 1 row, such as '2024-01-12' (line 3)"),
        (["2024-01-01", "2024-01-02", "2024-01-05"], ["31/01/2024", "01/02/2024"], [30, 31], "in the form %d/%m/%Y, and"),
        (["01/02/2024", "13/02/2024", "01/03/2024"], ["03/02/2024", "04/02/2024"], [2, 3], ""),
    ],
)  # fmt: skip
def test_new_dates_may_have_another_form(write, model, new, days, words):
    """If the whole column has it. Otherwise a note names the form of the model."""
    text = "x,y\n" + "".join(f"{value},{k}\n" for k, value in enumerate(model))
    encoding = load(write(text), Selection("y", missing=("unknown",))).encoding
    found = apply(encoding, write("\n".join(["x", *new, ""]), "new.csv"))
    np.testing.assert_array_equal(found.X[:, 0], days)
    assert words in "\n".join(found.notes) if words else not found.notes


def test_new_rows_need_all_features(cars, write):
    """One sentence names the missing columns."""
    with pytest.raises(ProblemError, match="has no column 'fuel', which the model needs; found: 'km' and 'price'"):
        apply(cars, write("km,price\n1,2\n2,3\n"))


# Any bytes


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.text(alphabet='ay,;\t|" 0123456789.-\n\r#(%é\x00', max_size=300).map(lambda text: ("a,y\n" + text).encode()),
        st.binary(max_size=60).map(lambda tail: b"a,y\n1,2\n3,5\n" + tail),
        st.sampled_from(
            [gzip.compress(TABLE.encode()), parquet(), FORMS["JSON"], FORMS["zip"], FORMS["UTF-16"]]
        ).flatmap(
            lambda good: st.tuples(st.integers(0, len(good)), st.binary(max_size=4)).map(
                lambda edit: good[: edit[0]] + edit[1] + good[edit[0] + len(edit[1]) :]
            )
        ),
    ),
    header=st.booleans(),
    keep_text=st.booleans(),
)
def test_any_bytes_give_numbers_or_one_sentence(tmp_path_factory, content, header, keep_text):
    """No other exception, no warning, and finite numbers."""
    path = tmp_path_factory.mktemp("fuzz") / "any.csv"
    path.write_bytes(content)
    try:
        data = load(path, Selection("y" if header else "2", keep_text=keep_text, header=header))
    except ProblemError:
        return
    assert np.isfinite(data.X).all()
    assert np.isfinite(data.y).all()
    assert data.X.shape == (len(data.y), len(data.columns))
    assert np.isfinite(apply(data.encoding, path).X).all()


# A large file

MILLION = r"""
import re, sys, time
from pathlib import Path
from typing import Any
from bench.data.dataset import Selection, load
start = time.perf_counter()
data = load(Path(sys.argv[1]), Selection("y"))
assert data.X.shape == (1_000_000, 10), data.X.shape
# ru_maxrss would include what the parent had in memory when it started this process.
print(time.perf_counter() - start, re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the memory is read from /proc")
def test_a_million_rows_take_seconds_and_bounded_memory(tmp_path):
    """X alone takes 76 MiB. The bounds leave room for a slow, busy machine."""
    path = tmp_path / "million.csv"
    block = np.random.default_rng(0).normal(size=(20_000, 11))
    text = "\n".join(",".join(f"{number:.4f}" for number in row) for row in block) + "\n"
    with path.open("w") as file:
        file.write(",".join([*(f"x{j}" for j in range(10)), "y"]) + "\n")
        file.writelines([text] * 50)
    child = subprocess.run([sys.executable, "-c", MILLION, str(path)], capture_output=True, text=True, check=True)
    seconds, peak = map(float, child.stdout.split())
    assert seconds < 30
    assert peak * 1024 < 500 * 2**20
