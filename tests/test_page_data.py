"""The run inside its page: it loads unchanged, hostile names are text, and other pages are refused."""

import base64
import hashlib
import html
import re
import shutil

import jinja2
import pytest
from helpers import sample_run

from bench import records, report
from bench.records import UnreadableRun, load_run
from bench.report import html as pages
from bench.report import template
from bench.report.document import report_of
from bench.report.plots import canvas


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """The data of a page does not depend on its pictures, and drawing takes most of the time."""
    monkeypatch.setattr(canvas, "render", lambda figure: b"<svg/>")


@pytest.mark.parametrize("name", ["full", "hostile", "empty"])
def test_a_page_loads_as_its_run(tmp_path, name):
    """The page contains its run, also if names in the run contain markup."""
    run = getattr(sample_run, name)()
    page = report.write(run, tmp_path)
    assert load_run(page) == records.decode(records.encode(run).decode(), records.Run, page)
    assert page.read_text("utf-8").count("<script") == 3  # no name of the run adds an element


def test_report_and_compare_take_pages(tmp_path, main):
    """`gdbench report page.html` writes an equal report beside the page."""
    page = shutil.copy(report.write(sample_run.full(), tmp_path / "a"), tmp_path / "page.html")
    for arguments, exit_code in ((["report", page], 0), (["compare", page, page], 4)):
        code, _, err = main(*arguments)
        assert code == exit_code, err
    assert (tmp_path / "report.html").read_text() == (tmp_path / "a" / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page.replace('id="run"', 'id="other"'), "found 0 runs in the page; allowed: one"),
        (lambda page: page + '<script type="application/json" id="run">{}</script>', "found 2 runs in the page"),
        (lambda page: page[: page.index('id="run">') + 500], "cannot be read as a run"),
        (lambda page: page[:100], "found 0 runs"),
        (lambda page: page.replace('id="run">{', 'id="run">{"schema": 1,'), "found a key twice"),
        (lambda page: "", "found 0 runs"),
    ],
)
def test_a_page_without_one_valid_run_is_refused(tmp_path, change, message):
    """The message is clear for no run, two runs, a truncated page and an invalid run."""
    page = report.write(sample_run.full(), tmp_path)
    page.write_text(change(page.read_text("utf-8")), "utf-8")
    with pytest.raises(UnreadableRun, match=message):
        load_run(page)


def test_a_run_that_is_too_large_for_its_page_loses_its_curves_first(monkeypatch):
    """If the run is still too large without the error curves, the page contains no run."""
    run = sample_run.full()
    monkeypatch.setattr(records, "MAX_EMBEDDED", len(records.run_for_page(run)) - 1)
    assert 'error_curve": [[' not in records.run_for_page(run)
    assert records.run_for_page(run).count("error_curve") == len(run.cells)
    monkeypatch.setattr(records, "MAX_EMBEDDED", 100)
    assert records.run_for_page(run) is None


def test_the_policy_allows_one_style_and_one_script(tmp_path):
    """Both are allowed by their digests, and no element has a style attribute."""
    source = report.write(sample_run.full(), tmp_path).read_text("utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', source)
    for kind in ("style", "script"):
        (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in html.unescape(policy)
    assert policy.startswith("default-src &#39;none&#39;")
    assert not re.search(r"<[^>]*\sstyle=", source)


def test_the_policy_is_only_in_the_head(tmp_path):
    """A name that equals the placeholder of the policy is text, in the body and in the data."""
    run = sample_run.full()
    run.command = run.cells[0].backend = template.PLACE
    source = report.write(run, tmp_path).read_text("utf-8")
    head, _, body = source.partition("</head>")
    assert head.count("default-src") == 1
    assert "default-src" not in body
    assert template.PLACE not in source
    assert html.escape(template.PLACE) in body
    assert load_run(tmp_path / "report.html").command == template.PLACE


@pytest.mark.parametrize(("limit", "times"), [(1_000_000, 1), (1, 3)])
def test_a_page_is_rendered_once_if_it_fits(monkeypatch, limit, times):
    """A page that is too large is rendered twice more: without pictures for its size, and with those that fit."""
    monkeypatch.setattr(pages, "MAX_BYTES", limit)
    rendered = []
    monkeypatch.setattr(jinja2.Template, "render", lambda self, **values: rendered.append(self.name) or "page")
    pages.write(report_of(sample_run.full()))
    assert rendered == ["page.html.j2"] * times
