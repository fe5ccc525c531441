"""The pages in a real browser, without a network: what a reader sees, prints, reaches by keyboard, and hears."""

import unicodedata
from io import BytesIO
from pathlib import Path

import pytest
from helpers import sample_run

from bench import report, text
from bench.analysis.compare import compare
from bench.analysis.speed import gap_kind, time_per_iteration
from bench.learn import build
from bench.learn.chapters import chapters
from bench.records import load_run
from bench.report import comparison_view
from bench.runtime.files import save

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
REPORTS = ("full", "groups", "broken", "hostile", "reference", "compare")
COURSE = (*(each.folder.name for each in chapters()), "teacher", "index")
EVERY = (*REPORTS, *COURSE)
PAGES = (*REPORTS, COURSE[0], COURSE[7], "teacher", "index")  # where one page of the course stands for all


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """By name: the address of a page that was written by this version."""
    found = {}
    for name in ("full", "groups", "broken", "hostile"):
        found[name] = report.write(getattr(sample_run, name)(), tmp_path_factory.mktemp(name)).as_uri()
    reference = load_run(REFERENCE)
    found["reference"] = report.write(reference, tmp_path_factory.mktemp("reference")).as_uri()
    path = tmp_path_factory.mktemp("compare") / "page.html"
    save(
        path,
        comparison_view.html(compare(sample_run.hostile(), sample_run.hostile(), frozenset(), ("<b>old</b>", "new"))),
    )
    course = tmp_path_factory.mktemp("course")
    build.pages(course)
    return found | {"compare": path.as_uri()} | {name: (course / f"{name}.html").as_uri() for name in COURSE}


@pytest.fixture
def visit(browser, pages):
    """visit(name, **settings of the browser): the page, with what it asked for and complained of."""
    contexts = []

    def go(name, **settings):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(pages[name])
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", EVERY)
def test_a_page_asks_for_nothing_and_complains_of_nothing(visit, pages, name):
    """One file: no request but for itself and the pictures inside it, not a word on the console."""
    page = visit(name)
    assert [url for url in page.requests if not url.startswith("data:")] == [pages[name]]
    assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", EVERY)
def test_axe_finds_nothing_serious(visit, name, scheme):
    """Contrast, names, headings, tables, landmarks: axe-core has nothing serious or critical against the page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(visit(name, color_scheme=scheme)).response
    bad = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in bad] == []
    assert found["passes"]


@pytest.mark.parametrize("width", [360, 1920])
@pytest.mark.parametrize("name", EVERY)
def test_a_page_fits_its_window(visit, name, width):
    """On a telephone and on a projector nothing scrolls sideways but the wide tables and pictures in their frames."""
    page = visit(name, viewport={"width": width, "height": 800})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_everything(visit, name):
    """Tab visits every link, disclosure and scrollable region in turn, each visibly; Enter opens a disclosure."""
    page = visit(name)
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility({contentVisibilityAuto: true})).length"
    )
    page.evaluate("window.seen = new Set()")
    for _ in range(wanted):
        page.keyboard.press("Tab")
        outlined = page.evaluate(
            "(() => { const e = document.activeElement; window.seen.add(e);"
            " const s = getComputedStyle(e); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 })()"
        )
        assert outlined
    assert page.evaluate("window.seen.size") == wanted
    if page.locator("summary").count():
        first = page.locator("summary").first
        first.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('summary').parentElement.open")


@pytest.mark.parametrize("name", PAGES)
def test_dark_is_dark(visit, name):
    """Who prefers a dark page gets one: a dark ground with light text."""
    page = visit(name, color_scheme="dark")
    tones = page.evaluate(
        "['backgroundColor', 'color'].map(k => getComputedStyle(document.body)[k].match(/\\d+/g).slice(0, 3)"
        ".reduce((a, b) => a + +b, 0))"
    )
    assert tones[0] < 150 < 600 < tones[1]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_no_script(visit, name):
    """With JavaScript switched off all headings, tables and pictures are there, and the pictures are drawn."""
    on, off = visit(name), visit(name, java_script_enabled=False)
    for what in ("h1", "h2", "table", "img", "p", "li"):
        seen = on.locator(f"{what}:visible:not(.player *)").count()
        assert off.locator(what).count() >= seen
        assert seen or what not in ("h1", "p")
    assert on.locator("table:visible").count() or name not in REPORTS
    sizes = on.evaluate("[...document.images].map(i => [i.naturalWidth > 0, i.alt.length > 0])")
    assert all(all(pair) for pair in sizes)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints(visit, name):
    """On paper: a PDF of some pages, with the answer on the first and no navigation."""
    from pypdf import PdfReader

    page = visit(name)
    printed = PdfReader(BytesIO(page.pdf(format="A4")))
    words = "".join(unicodedata.normalize("NFKC", printed.pages[0].extract_text()).split())  # ﬂ is one letter there
    first = page.locator(".answer" if name in REPORTS else "h1").inner_text()
    assert "".join(unicodedata.normalize("NFKC", first).split())[:40] in words
    page.emulate_media(media="print")
    assert page.locator("nav:visible").count() == 0


def test_hostile_names_are_text(visit):
    """Names that are markup make no element and run nothing."""
    page = visit("hostile")
    opened = []
    page.on("dialog", lambda dialog: opened.append(dialog.message) or dialog.dismiss())
    assert page.locator("img[onerror], main script, main b, main i, main u").count() == 0
    assert "<script>alert(1)</script>" in page.locator("body").inner_text()
    assert opened == []


def shown(page):
    """The titles of the points in the chart of one's own: "numba_jit, n = 100: 731 ns [730 ns, 735 ns]"."""
    return page.locator("#explore-chart > path > title").all_text_contents()


def gaps(page):
    """The titles of the crosses under it: "my_backend, n = 1 000: wrong"."""
    return [title.replace("\u00a0", " ") for title in page.locator("#explore-chart g title").all_text_contents()]


def told(page):
    """The words under it."""
    return page.locator("#explore-told").text_content().replace("\u00a0", " ")


def all_names_inside(page):
    return page.evaluate(
        "(() => { const box = document.getElementById('explore-chart').getBoundingClientRect();"
        " return [...document.querySelectorAll('#explore-chart text')].every(t => { const b = t.getBoundingClientRect();"
        " return b.top >= box.top && b.bottom <= box.bottom && b.left >= box.left && b.right <= box.right }) })()"
    )


def test_the_chart_of_ones_own_shows_the_times(visit):
    """Every time of the run is a point with its interval, and every name stands inside the picture."""
    page = visit("full")
    cells = [
        c for c in sample_run.full().cells if c.algorithm is None and not c.control and c.problem.name == "synthetic"
    ]
    assert page.locator("#explore").is_visible()
    assert len(shown(page)) == len([c for c in cells if time_per_iteration(c)])
    found = time_per_iteration(next(c for c in cells if c.backend == "numba_jit" and c.n_samples == 100))
    (title,) = [title for title in shown(page) if title.startswith("numba_jit, n = 100:")]
    assert (
        title
        == f"numba_jit, n = 100: {' ns ['.join(f'{v * 1e9:.3g}' for v in found[:2])} ns, {found.high * 1e9:.3g} ns]"
    )
    assert page.complaints == []
    assert all_names_inside(page)


def test_the_chart_of_ones_own_marks_every_gap_with_its_kind(visit):
    """What has no time, though it may hold samples, is a cross with its kind, no point, and is named in the words."""
    page = visit("broken")
    cells = [c for c in sample_run.broken().cells if c.algorithm is None and not c.control]
    missing = [c for c in cells if c.problem.name == "synthetic" and not time_per_iteration(c)]
    wanted = {f"{c.backend}, n = {text.count(c.n_samples)}: {gap_kind(c)}".replace("\u00a0", " ") for c in missing}
    assert {"my_backend, n = 1 000: wrong", "segfaulter, n = 1 000 000: out of memory"} <= wanted
    assert sorted(gaps(page)) == sorted(wanted)
    assert not [
        title for title in shown(page) if title.startswith(("my_backend, n = 1\u00a0000:", "segfaulter", "torch"))
    ]
    words = told(page).partition(" No time: ")[2]
    for kind in (
        "my_backend wrong at n = 1 000",
        "segfaulter crashed at n = 10 000",
        "segfaulter timeout at n = 100 000",
    ):
        assert kind in words
    assert "python_loops skipped at n = 100 000, 1 000 000" in words
    assert "torch_eager unavailable at n = 100, 1 000, 10 000, 100 000, 1 000 000" in words
    assert {"wrong", "crashed", "timeout", "skipped", "unavailable", "out of memory"} <= set(
        page.locator("#explore-chart g text").all_text_contents()
    )
    assert all_names_inside(page)
    page.uncheck("#explore-backends input[value=segfaulter]")
    assert "segfaulter" not in told(page) + "".join(gaps(page))
    assert page.complaints == []


def test_a_line_of_ones_own_breaks_at_a_gap(visit):
    """No line leads over an n at which a backend has no time."""
    page = visit("broken")
    for box in page.locator("#explore-backends input:not([value=my_backend])").all():
        box.uncheck()
    (way,) = page.locator("#explore-chart > path[fill=none]").all()
    assert [letter for letter in way.get_attribute("d") if letter in "ML"] == ["M", "M", "L", "L"]


def test_a_ratio_without_its_baseline_is_said(visit):
    """In the speed-ups, where the baseline has no time or a wrong one, a cross and the words say who has no ratio for that."""
    page = visit("broken")
    page.select_option("#explore-what", "speedup")
    assert "No ratio" not in told(page)
    assert "my_backend wrong at n = 1 000" in told(page)
    page.select_option("#explore-baseline", "python_loops")
    others = "numpy_vectorized, numba_jit, jax_jit, my_backend"
    assert f"No ratio (python_loops skipped): {others} at n = 100 000, 1 000 000." in told(page)
    assert f"{others}, n = 1 000 000: no ratio (python_loops skipped)" in gaps(page)
    assert "python_loops, n = 1 000 000: skipped" in gaps(page)
    page.select_option("#explore-baseline", "my_backend")
    assert "No ratio (my_backend wrong): python_loops, numpy_vectorized, numba_jit, jax_jit at n = 1 000." in told(page)
    assert "1 000:" not in "".join(shown(page)).replace("\u00a0", " ").replace("n = 1 000 000:", "")
    page.select_option("#explore-baseline", "segfaulter")
    assert "nothing was measured" in told(page)
    assert "No ratio (segfaulter not run): " in told(page)
    assert all_names_inside(page)
    assert page.complaints == []


def test_the_chart_of_ones_own_obeys_its_controls(visit):
    """Another baseline, fewer backends, linear axes: the points, the words and the name of the picture follow."""
    page = visit("groups")
    page.select_option("#explore-what", "speedup")
    page.select_option("#explore-baseline", "jax_jit")
    page.uncheck("#explore-backends input[value=python_loops]")
    page.uncheck("#explore-log")
    assert not [title for title in shown(page) if title.startswith("python_loops")]
    assert {title.rpartition(": ")[2][:2] for title in shown(page) if title.startswith("jax_jit")} == {"1×"}
    words = page.locator("#explore-told").inner_text()
    assert words.startswith("Speed-up over jax_jit, float64, 1 thread")
    assert page.get_attribute("#explore-chart", "aria-label").removeprefix("Chart of the s") == words[1:]
    page.select_option("#explore-group", "float32, 2 threads")
    assert page.locator("#explore-told").inner_text().startswith("Speed-up over jax_jit, float32, 2 threads")
    assert page.complaints == []


def test_the_chart_of_ones_own_survives_hostile_names(visit):
    """Names that are markup are text in it, too."""
    page = visit("hostile")
    assert page.locator("#explore-chart script, #explore b").count() == 0
    assert any("<script>alert(1)</script>" in title for title in shown(page))
    assert any("<script>alert(1)</script>" in title for title in gaps(page))
    assert "<script>alert(1)</script> crashed at n = 10 000" in told(page)
    assert page.complaints == []


def test_without_a_script_nothing_of_it_is_seen(visit):
    """The controls, which would do nothing, are not there."""
    assert not visit("full", java_script_enabled=False).locator("#explore").is_visible()
