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
from bench.report.plots import figures


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    """The data of a page does not depend on its figures, and drawing takes most of the time."""
    monkeypatch.setattr(figures, "draw_run", lambda run: {})


@pytest.mark.parametrize("name", ["full", "hostile", "empty"])
def test_a_page_loads_as_its_run(tmp_path, name):
    """The page contains its run, also if names in the run contain markup."""
    run = getattr(sample_run, name)()
    page = report.write(run, tmp_path)
    assert load_run(page) == records.decode(records.encode(run).decode(), records.Run, page)
    assert page.read_text("utf-8").count("<script") == 3  # no name of the run adds an element


def test_report_and_compare_take_pages(tmp_path, main):
    """`gdbench report page.html` writes an equal report into a new folder that it names, and none beside the page."""
    page = shutil.copy(report.write(sample_run.full(), tmp_path / "a"), tmp_path / "page.html")
    for name in ("report.html", "report.md"):
        (tmp_path / name).write_text("mine")
    for arguments, exit_code in ((["report", page], 0), (["compare", page, page], 4)):
        code, out, err = main(*arguments)
        assert code == exit_code, err
        if arguments[0] == "report":
            (folder,) = (tmp_path / "gdbench-results").iterdir()
            assert str(folder.relative_to(tmp_path)) in out
    assert (folder / "report.html").read_text() == (tmp_path / "a" / "report.html").read_text()
    assert {(tmp_path / name).read_text() for name in ("report.html", "report.md")} == {"mine"}


@pytest.mark.parametrize("name", ["report.html", "report.md", "figures/mine.svg"])
def test_a_report_replaces_no_file_of_others(tmp_path, main, name):
    """Whether it lies beside a run.json, in --out, or is of another run, it stays, and --out helps."""
    run = sample_run.full()
    report.write(run, tmp_path / "a")
    records.save_run(tmp_path / "a", run)
    folder = tmp_path / "others"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("2020-01-01T10:00:00Z, mine")
    code, _, err = main("report", tmp_path / "a", "--out", folder)
    assert (code, err) == (2, f"gdbench: --out: found {str(folder)!r}, which is not empty; allowed: a new or empty"
        " folder, or one with a report of this run\n")  # fmt: skip
    if not name.startswith("figures"):
        records.save_run(folder, run)
        code, _, err = main("report", folder / "run.json")
        assert code == 2
        assert "found a file that is not of a report of this run; allowed: another folder" in err
        assert str(folder / name) in err
    assert (folder / name).read_text() == "2020-01-01T10:00:00Z, mine"
    for _ in range(2):  # the second time, the folder has a report of this run
        assert main("report", tmp_path / "a", "--out", "b")[0] == 0
    assert (tmp_path / "b" / "report.html").read_text() == (tmp_path / "a" / "report.html").read_text()


def test_a_run_is_reported_again_into_its_own_folder(tmp_path, main):
    """Its report is replaced, with and without --out. The folder of a run is not written if --out is another one."""
    (tmp_path / "a").mkdir()
    records.save_run(tmp_path / "a", sample_run.full())
    assert main("report", "a", "--out", "elsewhere")[0] == 0
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["run.json"]
    for options in ([], [], ["--out", "a"]):
        assert main("report", "a", *options)[0] == 0
    assert (tmp_path / "a" / "report.html").exists()


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
