"""The output of the three writers for the reference run is equal to the golden files.

`pytest tests/test_golden.py --update-golden` rewrites these files after an intended change.
"""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench import report
from bench.records import Run, load_run
from bench.report import terminal
from bench.report.document import report_of

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "reference"


@pytest.fixture(scope="module")
def run() -> Run:
    return load_run(ROOT / "results" / "reference")


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory) -> Path:
    """The folder with the report of the reference run."""
    folder = tmp_path_factory.mktemp("reference")
    report.write(run, folder)
    return folder


def page_text(html: str) -> str:
    """The page without its figures, its data and their digests."""
    html = re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", "data:image", html)
    html = re.sub(r'(<script type="application/json" id="(?:run|series)">)[^<]*', r"\1", html)
    return re.sub(r"'sha256-[^']*'", "'sha256'", html)


def assert_golden(name: str, text: str, request) -> None:
    path = GOLDEN / name
    if request.config.getoption("--update-golden"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


def test_terminal_output_is_unchanged(run, request):
    """The terminal output of the reference run is the golden file."""
    out = Console(file=io.StringIO(), width=80)
    terminal.write(report_of(run), out)
    assert_golden("terminal.txt", out.file.getvalue(), request)  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_end_of_a_run_is_unchanged(run, request, width):
    """The end of a run has at most 40 lines from 80 columns on, and no line is wider than the terminal."""
    file = io.StringIO()
    terminal.print_end(run, Console(file=file, width=width))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 38 or width < 80  # the command adds two lines with paths
    assert_golden(f"end-{width}.txt", file.getvalue(), request)


def test_markdown_report_is_unchanged(folder, request):
    """report.md of the reference run is the golden file."""
    assert_golden("report.md", (folder / "report.md").read_text("utf-8"), request)


def test_html_page_is_unchanged(folder, request):
    """The text and structure of the page of the reference run are the golden file."""
    assert_golden("page.html", page_text((folder / "report.html").read_text("utf-8")), request)
