"""The pages in a real browser, without a network: what a reader sees, prints, reaches by keyboard, and hears."""

import csv
import unicodedata
from io import BytesIO
from pathlib import Path

import pytest
from helpers import sample_run

from bench import report, text
from bench.analysis.compare import compare
from bench.analysis.speed import CORE, TUNED, gap_kind, time_per_iteration
from bench.learn import build
from bench.learn.chapters import chapters
from bench.records import load_run
from bench.report import comparison_view, tables
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
        "[...document.querySelectorAll('a[href], summary, button, select, input, [tabindex=\"0\"]')]"
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
        first = page.locator("summary:visible").first
        first.focus()
        page.keyboard.press("Enter")
        assert first.evaluate("summary => summary.parentElement.open")


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


def labels(page, marks):
    return [label.replace("\u00a0", " ") for label in page.evaluate(
        f"[...document.querySelectorAll('#explore-chart {marks}')].map(e => e.getAttribute('aria-label'))"
    )]  # fmt: skip


def shown(page):
    """The points in the interactive chart: "numba_jit, n = 100: 731 ns [730, 735]"."""
    return labels(page, ".point")


def gaps(page):
    """The crosses under it: "my_backend, n = 1 000: wrong"."""
    return labels(page, ".gap")


def told(page):
    """The words of the chart."""
    return page.locator("#explore-told").text_content().replace("\u00a0", " ")


def tip(page):
    """The words beside the mark that is hovered or has the focus."""
    return [words.replace("\u00a0", " ") for words in page.locator("#explore-tip text").all_text_contents()]


def all_names_inside(page):
    return page.evaluate(
        "(() => { const box = document.getElementById('explore-chart').getBoundingClientRect();"
        " return [...document.querySelectorAll('#explore-chart text')].every(t => { const b = t.getBoundingClientRect();"
        " return b.top >= box.top && b.bottom <= box.bottom && b.left >= box.left && b.right <= box.right }) })()"
    )


def test_the_interactive_chart_shows_the_times(visit):
    """Every time of the run is a point with its interval, and every name stands inside the picture."""
    page = visit("full")
    cells = [
        c for c in sample_run.full().cells if c.algorithm is None and not c.control and c.problem.name == "synthetic"
    ]
    assert page.locator("#explore").is_visible()
    assert len(shown(page)) == len([c for c in cells if time_per_iteration(c)])
    found = time_per_iteration(next(c for c in cells if c.backend == "numba_jit" and c.n_samples == 100))
    (title,) = [title for title in shown(page) if title.startswith("numba_jit, n = 100:")]
    assert title == f"numba_jit, n = 100: {text.duration_interval(*found)}"
    assert page.complaints == []
    assert all_names_inside(page)


def test_the_interactive_chart_marks_every_gap_with_its_kind(visit):
    """What has no time, though it may hold samples, is a cross with its kind, no point, and is named in the words."""
    page = visit("broken")
    cells = [c for c in sample_run.broken().cells if c.algorithm is None and not c.control]
    missing = [c for c in cells if c.problem.name == "synthetic" and not time_per_iteration(c)]
    wanted = {f"{c.backend}, n = {text.count(c.n_samples)}: {gap_kind(c)}".replace("\u00a0", " ") for c in missing}
    assert {"my_backend, n = 1 000: wrong", "segfaulter, n = 1 000 000: out of memory"} <= wanted
    assert sorted(gaps(page)) == sorted(wanted)
    assert not [title for title in shown(page) if title.startswith(("my_backend, n = 1 000:", "segfaulter", "torch"))]
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


def test_a_line_of_the_chart_breaks_at_a_gap(visit):
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
    assert "n = 1 000:" not in "".join(shown(page))
    page.select_option("#explore-baseline", "segfaulter")
    assert "nothing was measured" in told(page)
    assert "No ratio (segfaulter not run): " in told(page)
    assert all_names_inside(page)
    assert page.complaints == []


def test_the_interactive_chart_obeys_its_controls(visit):
    """Another baseline, fewer backends, linear axes: the points, the words and the name of the picture follow."""
    page = visit("groups")
    page.select_option("#explore-what", "speedup")
    page.select_option("#explore-baseline", "jax_jit")
    page.uncheck("#explore-backends input[value=python_loops]")
    page.uncheck("#explore-log")
    assert not [title for title in shown(page) if title.startswith("python_loops")]
    assert {title.rpartition(": ")[2] for title in shown(page) if title.startswith("jax_jit")} == {
        "1.00× faster [1.00, 1.00]"
    }
    words = page.locator("#explore-told").text_content()
    assert words.startswith("Speed-up over jax_jit, float64, 1 thread")
    assert page.get_attribute("#explore-chart", "aria-label").removeprefix("Chart of the s") == words[1:]
    page.select_option("#explore-group", "float32, 2 threads")
    assert told(page).startswith("Speed-up over jax_jit, float32, 2 threads")
    assert page.complaints == []


def test_the_interactive_chart_survives_hostile_names(visit):
    """Names that are markup are text in it, too."""
    page = visit("hostile")
    assert page.locator("#explore-chart script, #explore b").count() == 0
    assert any("<script>alert(1)</script>" in title for title in shown(page))
    assert any("<script>alert(1)</script>" in title for title in gaps(page))
    assert "<script>alert(1)</script> crashed at n = 10 000" in told(page)
    assert page.complaints == []


def test_without_a_script_a_still_picture_stands_in_its_place(visit):
    """The controls, which would do nothing, are not there; with a script the picture of the times gives way to the chart."""
    page = visit("full", java_script_enabled=False)
    assert not page.locator("#explore").is_visible()
    assert page.locator("#explore-still img").is_visible()
    assert page.locator("button:visible").count() == 0
    assert not visit("full").locator("#explore-still").is_visible()


def test_hover_and_focus_give_the_value_of_the_record(visit):
    """Each mark gives the time of run.json with its interval, under the pointer and with the focus; arrows go on."""
    page = visit("reference")
    run = load_run(REFERENCE)
    cells = {(c.backend, c.n_samples): c for c in run.cells if not c.control and c.problem.name == "synthetic"}
    expected = {
        f"{b}, n = {text.count(n)}".replace("\u00a0", " "): text.duration_interval(*interval).replace("\u00a0", " ")
        for (b, n), c in cells.items()
        if c.algorithm is None and (interval := time_per_iteration(c))
    }
    assert sorted(shown(page)) == sorted(f"{where}: {value}" for where, value in expected.items())
    page.locator("#explore-chart .point[aria-label^='numba_jit, n = 100:']").hover(force=True)
    assert tip(page) == ["numba_jit, n = 100", expected["numba_jit, n = 100"]]
    page.mouse.move(0, 0)
    assert tip(page) == []
    page.select_option("#explore-what", "speedup")
    of = {(c.backend, c.n_samples): tables.relation_text(c, "numpy_vectorized") for c in cells.values()}
    for backend, n in (("numba_jit", 100), ("numba_jit", 10_000), ("jax_jit", 100_000), ("python_loops", 1_000)):
        where = f"{backend}, n = {text.count(n)}: {of[backend, n]}".replace("\u00a0", " ")
        assert where in shown(page)
    page.select_option("#explore-what", "time")
    page.locator("#explore-chart [tabindex='0']").focus()
    start = tip(page)
    page.keyboard.press("ArrowRight")
    (backend, _), (same, n) = start[0].split(", "), tip(page)[0].split(", ")
    assert (same, n) == (backend, "n = 1 000")
    assert tip(page)[1] == expected[tip(page)[0]]
    page.keyboard.press("ArrowUp")
    assert tip(page)[0].endswith(", n = 1 000")
    assert not tip(page)[0].startswith(backend)
    assert page.complaints == []


def test_sets_of_backends_are_shown_apart(visit):
    """A button shows the core alone, the tuned files alone, or all."""
    page = visit("reference")
    for name, expected in (("Core four", set(CORE)), ("Tuned", set(TUNED)), ("All", {*CORE, *TUNED})):
        page.get_by_role("button", name=name, exact=True).click()
        assert {title.partition(",")[0] for title in shown(page)} == expected
    for box in page.locator("#explore-backends input").all():
        box.uncheck()
    assert "no backend is chosen" in told(page)


def column(page, head):
    """The texts of a column of the table with this column head, in their order."""
    return page.evaluate(
        "head => { const th = [...document.querySelectorAll('.wide th')].find(e => e.textContent.trim() === head);"
        " return [...th.closest('table').tBodies[0].rows].map(r => r.cells[th.cellIndex].textContent.trim()) }",
        head,
    )


def test_tables_sort_by_value(visit):
    """A column of times sorts by seconds and not by letters, up and then down; what has no time stays below."""
    page = visit("reference")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    head = page.locator("th", has_text="time per iteration").first
    units = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
    for down in (False, True):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == ("descending" if down else "ascending")
        texts = column(page, "time per iteration")
        values = [float(t.replace("\u00a0", "").split()[0]) * units[t.split()[1]] for t in texts if t[0] != "–"]
        assert values == sorted(values, reverse=down)
        assert texts[-1] == "–"
    first = page.locator("th", has_text="100 × 10").first
    first.get_by_role("button").click()
    assert column(page, "100 × 10")[0].startswith("307 ns")
    assert page.complaints == []


def test_a_table_downloads_as_csv(visit):
    """The file has the heads and every row, numbers without spaces, and no formula."""
    page = visit("hostile")
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => d.open = true);"
        "document.querySelector('.wide tbody td').textContent = '=1+1'"
    )
    with page.expect_download() as download:
        page.locator(".tools button").first.click()
    assert download.value.suggested_filename == "time-per-iteration-by-size-float64-1-thread.csv"
    rows = list(csv.reader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert rows[0][:2] == ["backend", "1000 × 10"] or rows[0][0] == "backend"
    assert rows[1][0] == "'=1+1"
    assert len({len(row) for row in rows}) == 1
    assert page.complaints == []


def test_a_command_is_copied(visit):
    """The button puts the command into the clipboard, and says so."""
    page = visit("reference", permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("pre.command:visible button").first
    button.click()
    assert page.evaluate("navigator.clipboard.readText()") == load_run(REFERENCE).command
    assert button.inner_text() == "Copied"


def test_the_theme_can_be_chosen(visit):
    """Light, dark, or that of the system; the browser remembers it."""
    page = visit("full", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.select_option("#theme", "dark")
    dark = page.evaluate(ground)
    assert light != dark
    assert page.evaluate("getComputedStyle(document.querySelector('.card > img, .card > svg')).filter") != "none"
    page.reload()
    assert page.evaluate(ground) == dark
    page.emulate_media(color_scheme="dark")
    page.select_option("#theme", "light")
    assert page.evaluate(ground) == light
    page.select_option("#theme", "system")
    assert page.evaluate(ground) == dark
    assert page.complaints == []


def test_the_contents_follow_the_reader(visit):
    """They stay in sight and mark the chapter; a link to something folded opens it."""
    page = visit("reference", viewport={"width": 1300, "height": 900})
    current = "document.querySelector('.contents [aria-current]').textContent"
    assert page.evaluate(current) == "Answer"
    names = ("Speed", "First answer", "Limits", "Correctness", "Method and data")
    for name in names:
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_function(f"{current} === '{name}'")
        assert page.locator(".contents").bounding_box()["y"] == 0
        heading = page.get_by_role("heading", name=name, exact=True).first
        assert heading.bounding_box()["y"] < 300
    page.evaluate("location.hash = 'dialects'")
    page.wait_for_function("document.getElementById('dialects').open")


def test_the_page_is_short(visit):
    """At 1300 px, folded, it has at most eight screens of 900 px and five chapters; each picture fits a screen."""
    page = visit("reference", viewport={"width": 1300, "height": 900})
    assert page.evaluate("document.scrollingElement.scrollHeight") <= 8 * 900
    assert page.locator("main h2:visible").count() == 2 + 5
    assert page.evaluate("Math.max(...[...document.images].map(i => i.getBoundingClientRect().height))") < 900
    for part in (".first table", "#explore-chart"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] < 900
    assert page.locator(".fold[open]").count() == 0


def test_the_page_prints_on_few_pages(visit):
    """On at most twelve sheets of A4."""
    from pypdf import PdfReader

    assert len(PdfReader(BytesIO(visit("reference").pdf(format="A4"))).pages) <= 12
