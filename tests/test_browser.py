"""The pages in a browser without a network: display, print, keyboard and accessibility."""

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
ALL_PAGES = (*REPORTS, *COURSE)
PAGES = (*REPORTS, COURSE[0], COURSE[7], "teacher", "index")  # two chapters represent the course


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The address of each page by its name. All pages are written again."""
    runs = {name: getattr(sample_run, name)() for name in ("full", "groups", "broken", "hostile")}
    runs["reference"] = load_run(REFERENCE)
    addresses = {name: report.write(run, tmp_path_factory.mktemp(name)).as_uri() for name, run in runs.items()}
    path = tmp_path_factory.mktemp("compare") / "page.html"
    comparison = compare(runs["hostile"], runs["hostile"], frozenset(), ("<b>old</b>", "new"))
    save(path, comparison_view.html(comparison))
    course = tmp_path_factory.mktemp("course")
    build.pages(course)
    return addresses | {"compare": path.as_uri()} | {name: (course / f"{name}.html").as_uri() for name in COURSE}


@pytest.fixture
def visit(browser, pages):
    """visit(name, **settings of the browser): a new page, with its requests. It must print nothing to the console."""
    contexts, messages = [], []

    def visit(name, **settings):
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.requests = []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(pages[name])
        return page

    yield visit
    for context in contexts:
        context.close()
    assert messages == []


@pytest.mark.parametrize("name", ALL_PAGES)
def test_page_makes_no_request(visit, pages, name):
    """The only requests are the page itself and its embedded images."""
    page = visit(name)
    assert [url for url in page.requests if not url.startswith("data:")] == [pages[name]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ALL_PAGES)
def test_page_has_no_serious_accessibility_fault(visit, name, scheme):
    """axe-core reports nothing serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    result = Axe().run(visit(name, color_scheme=scheme)).response
    serious = [v for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in serious] == []
    assert result["passes"]


@pytest.mark.parametrize("width", [360, 1920])
@pytest.mark.parametrize("name", ALL_PAGES)
def test_page_fits_its_window(visit, name, width):
    """On a phone and on a projector the page does not scroll sideways. Wide tables and figures scroll in their frames."""
    page = visit(name, viewport={"width": width, "height": 800})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_keyboard_reaches_each_control(visit, name):
    """Tab visits each link, disclosure and scrollable region, with a visible outline. Enter opens a disclosure."""
    page = visit(name)
    count = page.evaluate(
        "[...document.querySelectorAll('a[href], summary, button, select, input, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility({contentVisibilityAuto: true})).length"
    )
    page.evaluate("window.seen = new Set()")
    for _ in range(count):
        page.keyboard.press("Tab")
        outlined = page.evaluate(
            "(() => { const e = document.activeElement; window.seen.add(e);"
            " const s = getComputedStyle(e); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 })()"
        )
        assert outlined
    assert page.evaluate("window.seen.size") == count
    if page.locator("summary").count():
        first = page.locator("summary:visible").first
        first.focus()
        page.keyboard.press("Enter")
        assert first.evaluate("summary => summary.parentElement.open")


@pytest.mark.parametrize("name", PAGES)
def test_dark_scheme_has_dark_background(visit, name):
    """The background is dark and the text is light."""
    page = visit(name, color_scheme="dark")
    tones = page.evaluate(
        "['backgroundColor', 'color'].map(k => getComputedStyle(document.body)[k].match(/\\d+/g).slice(0, 3)"
        ".reduce((a, b) => a + +b, 0))"
    )
    assert tones[0] < 150 < 600 < tones[1]


@pytest.mark.parametrize("name", PAGES)
def test_page_needs_no_script(visit, name):
    """Without JavaScript all headings, tables and images are visible."""
    on, off = visit(name), visit(name, java_script_enabled=False)
    for tag in ("h1", "h2", "table", "img", "p", "li"):
        count = on.locator(f"{tag}:visible:not(.player *)").count()
        assert off.locator(tag).count() >= count
        assert count or tag not in ("h1", "p")
    assert on.locator("table:visible").count() or name not in REPORTS
    sizes = on.evaluate("[...document.images].map(i => [i.naturalWidth > 0, i.alt.length > 0])")
    assert all(all(pair) for pair in sizes)


def sheets(page):
    """The sheets of the printed page."""
    from pypdf import PdfReader

    return PdfReader(BytesIO(page.pdf(format="A4"))).pages


def letters(text):
    """The text without white space and without ligatures such as ﬂ."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize("name", PAGES)
def test_page_prints(visit, name):
    """The first page of the PDF has the answer, and the navigation is not printed."""
    page = visit(name)
    heading = page.locator(".answer" if name in REPORTS else "h1").inner_text()
    assert letters(heading)[:40] in letters(sheets(page)[0].extract_text())
    page.emulate_media(media="print")
    assert page.locator("nav:visible").count() == 0


def test_hostile_names_are_text(visit):
    """Names with markup create no element and run no code."""
    page = visit("hostile")
    dialogs = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    assert page.locator("img[onerror], main script, main b, main i, main u").count() == 0
    assert "<script>alert(1)</script>" in page.locator("body").inner_text()
    assert dialogs == []


def plain(text):
    """The text with ordinary spaces."""
    return text.replace("\u00a0", " ")


def labels(page, marks):
    """The labels of the marks of the interactive chart."""
    script = f"[...document.querySelectorAll('#explore-chart {marks}')].map(e => e.getAttribute('aria-label'))"
    return list(map(plain, page.evaluate(script)))


def points(page):
    """The points of the interactive chart: "numba_jit, n = 100: 731 ns [730, 735]"."""
    return labels(page, ".point")


def gaps(page):
    """The crosses below the chart: "my_backend, n = 1 000: wrong"."""
    return labels(page, ".gap")


def description(page):
    """The description of the chart."""
    return plain(page.locator("#explore-told").text_content())


def tooltip(page):
    """The lines beside the mark under the pointer or with the focus."""
    return list(map(plain, page.locator("#explore-tip text").all_text_contents()))


def texts_are_inside(page):
    """Whether all texts are inside the chart."""
    return page.evaluate(
        "(() => { const box = document.getElementById('explore-chart').getBoundingClientRect();"
        " return [...document.querySelectorAll('#explore-chart text')].every(t => { const b = t.getBoundingClientRect();"
        " return b.top >= box.top && b.bottom <= box.bottom && b.left >= box.left && b.right <= box.right }) })()"
    )


def test_chart_shows_all_times(visit):
    """Each time of the run is a point with its interval."""
    page = visit("full")
    cells = [c for c in sample_run.full().cells if c.problem.name == "synthetic" and not (c.algorithm or c.control)]
    assert page.locator("#explore").is_visible()
    assert len(points(page)) == len([c for c in cells if time_per_iteration(c)])
    time = time_per_iteration(next(c for c in cells if c.backend == "numba_jit" and c.n_samples == 100))
    (title,) = [title for title in points(page) if title.startswith("numba_jit, n = 100:")]
    assert title == f"numba_jit, n = 100: {text.duration_interval(*time)}"
    assert texts_are_inside(page)


def test_chart_marks_each_missing_time_with_its_kind(visit):
    """A cell without a time, even with samples, is a cross with its status, no point, and part of the description."""
    page = visit("broken")
    cells = [c for c in sample_run.broken().cells if c.algorithm is None and not c.control]
    missing = [c for c in cells if c.problem.name == "synthetic" and not time_per_iteration(c)]
    expected = {plain(f"{c.backend}, n = {text.count(c.n_samples)}: {gap_kind(c)}") for c in missing}
    assert {"my_backend, n = 1 000: wrong", "segfaulter, n = 1 000 000: out of memory"} <= expected
    assert sorted(gaps(page)) == sorted(expected)
    assert not [title for title in points(page) if title.startswith(("my_backend, n = 1 000:", "segfaulter", "torch"))]
    words = description(page).partition(" No time: ")[2]
    for reason in (
        "my_backend wrong at n = 1 000",
        "segfaulter crashed at n = 10 000",
        "segfaulter timeout at n = 100 000",
        "python_loops skipped at n = 100 000, 1 000 000",
        "torch_eager unavailable at n = 100, 1 000, 10 000, 100 000, 1 000 000",
    ):
        assert reason in words
    assert {"wrong", "crashed", "timeout", "skipped", "unavailable", "out of memory"} <= set(
        page.locator("#explore-chart g text").all_text_contents()
    )
    assert texts_are_inside(page)
    page.uncheck("#explore-backends input[value=segfaulter]")
    assert "segfaulter" not in description(page) + "".join(gaps(page))


def test_line_of_the_chart_breaks_at_a_missing_time(visit):
    """No line crosses an n at which the backend has no time."""
    page = visit("broken")
    for box in page.locator("#explore-backends input:not([value=my_backend])").all():
        box.uncheck()
    (line,) = page.locator("#explore-chart > path[fill=none]").all()
    assert [letter for letter in line.get_attribute("d") if letter in "ML"] == ["M", "M", "L", "L"]


def test_chart_names_ratios_without_a_baseline(visit):
    """If the baseline has no time or a wrong one, crosses and description name the backends without a ratio."""
    page = visit("broken")
    page.select_option("#explore-what", "speedup")
    assert "No ratio" not in description(page)
    assert "my_backend wrong at n = 1 000" in description(page)
    page.select_option("#explore-baseline", "python_loops")
    others = "numpy_vectorized, numba_jit, jax_jit, my_backend"
    assert f"No ratio (python_loops skipped): {others} at n = 100 000, 1 000 000." in description(page)
    assert f"{others}, n = 1 000 000: no ratio (python_loops skipped)" in gaps(page)
    assert "python_loops, n = 1 000 000: skipped" in gaps(page)
    page.select_option("#explore-baseline", "my_backend")
    assert (
        "No ratio (my_backend wrong): python_loops, numpy_vectorized, numba_jit, jax_jit at n = 1 000."
        in description(page)
    )
    assert "n = 1 000:" not in "".join(points(page))
    page.select_option("#explore-baseline", "segfaulter")
    assert "nothing was measured" in description(page)
    assert "No ratio (segfaulter not run): " in description(page)
    assert texts_are_inside(page)


def test_chart_follows_its_controls(visit):
    """Baseline, backends, axes and group change the points, the description and the label."""
    page = visit("groups")
    page.select_option("#explore-what", "speedup")
    page.select_option("#explore-baseline", "jax_jit")
    page.uncheck("#explore-backends input[value=python_loops]")
    page.uncheck("#explore-log")
    assert not [title for title in points(page) if title.startswith("python_loops")]
    assert {title.rpartition(": ")[2] for title in points(page) if title.startswith("jax_jit")} == {
        "1.00× faster [1.00, 1.00]"
    }
    words = page.locator("#explore-told").text_content()
    assert words.startswith("Speed-up over jax_jit, float64, 1 thread")
    assert page.get_attribute("#explore-chart", "aria-label").removeprefix("Chart of the s") == words[1:]
    page.select_option("#explore-group", "float32, 2 threads")
    assert description(page).startswith("Speed-up over jax_jit, float32, 2 threads")


def test_hostile_names_in_the_chart_are_text(visit):
    """Names with markup are text in points, crosses and description."""
    page = visit("hostile")
    assert page.locator("#explore-chart script, #explore b").count() == 0
    assert any("<script>alert(1)</script>" in title for title in points(page))
    assert any("<script>alert(1)</script>" in title for title in gaps(page))
    assert "<script>alert(1)</script> crashed at n = 10 000" in description(page)


def test_static_figure_replaces_the_chart_without_script(visit):
    """Without JavaScript there is no control. With it, the static figure is hidden."""
    page = visit("full", java_script_enabled=False)
    assert not page.locator("#explore").is_visible()
    assert page.locator("#explore-still img").is_visible()
    assert page.locator("button:visible").count() == 0
    assert not visit("full").locator("#explore-still").is_visible()


def test_tooltip_has_the_value_of_the_record(visit):
    """The pointer and the focus show the time of run.json with its interval. Arrow keys move the focus."""
    page = visit("reference")
    run = load_run(REFERENCE)
    cells = {(c.backend, c.n_samples): c for c in run.cells if not c.control and c.problem.name == "synthetic"}
    expected = {
        plain(f"{b}, n = {text.count(n)}"): plain(text.duration_interval(*interval))
        for (b, n), c in cells.items()
        if c.algorithm is None and (interval := time_per_iteration(c))
    }
    assert sorted(points(page)) == sorted(f"{point}: {value}" for point, value in expected.items())
    page.locator("#explore-chart .point[aria-label^='numba_jit, n = 100:']").hover(force=True)
    assert tooltip(page) == ["numba_jit, n = 100", expected["numba_jit, n = 100"]]
    page.mouse.move(0, 0)
    assert tooltip(page) == []
    page.select_option("#explore-what", "speedup")
    ratios = {(c.backend, c.n_samples): tables.relation_text(c, "numpy_vectorized") for c in cells.values()}
    for backend, n in (("numba_jit", 100), ("numba_jit", 10_000), ("jax_jit", 100_000), ("python_loops", 1_000)):
        assert plain(f"{backend}, n = {text.count(n)}: {ratios[backend, n]}") in points(page)
    page.select_option("#explore-what", "time")
    page.locator("#explore-chart [tabindex='0']").focus()
    start = tooltip(page)
    page.keyboard.press("ArrowRight")
    (backend, _), (same, n) = start[0].split(", "), tooltip(page)[0].split(", ")
    assert (same, n) == (backend, "n = 1 000")
    assert tooltip(page)[1] == expected[tooltip(page)[0]]
    page.keyboard.press("ArrowUp")
    assert tooltip(page)[0].endswith(", n = 1 000")
    assert not tooltip(page)[0].startswith(backend)


def test_buttons_select_sets_of_backends(visit):
    """The core backends, the tuned backends, or all."""
    page = visit("reference")
    for name, expected in (("Core four", set(CORE)), ("Tuned", set(TUNED)), ("All", {*CORE, *TUNED})):
        page.get_by_role("button", name=name, exact=True).click()
        assert {title.partition(",")[0] for title in points(page)} == expected
    for box in page.locator("#explore-backends input").all():
        box.uncheck()
    assert "no backend is chosen" in description(page)


OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"


def column(page, head):
    """The texts of the column with this head, in their order."""
    return page.evaluate(
        "head => { const th = [...document.querySelectorAll('.wide th')].find(e => e.textContent.trim() === head);"
        " return [...th.closest('table').tBodies[0].rows].map(r => r.cells[th.cellIndex].textContent.trim()) }",
        head,
    )


def test_tables_sort_by_value(visit):
    """A column of times sorts by seconds, ascending and descending. Rows without a time are last."""
    page = visit("reference")
    page.evaluate(OPEN_ALL)
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


def test_table_downloads_as_csv(visit):
    """The file has the heads and all rows, numbers without spaces, and no formula."""
    page = visit("hostile")
    page.evaluate(OPEN_ALL)
    page.evaluate("document.querySelector('.wide tbody td').textContent = '=1+1'")
    with page.expect_download() as download:
        page.locator(".tools button").first.click()
    assert download.value.suggested_filename == "time-per-iteration-by-size-float64-1-thread.csv"
    rows = list(csv.reader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert rows[0][:2] == ["backend", "1000 × 10"] or rows[0][0] == "backend"
    assert rows[1][0] == "'=1+1"
    assert len({len(row) for row in rows}) == 1


def test_button_copies_the_command(visit):
    """The clipboard has the command, and the button says so."""
    page = visit("reference", permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("pre.command:visible button").first
    button.click()
    assert page.evaluate("navigator.clipboard.readText()") == load_run(REFERENCE).command
    assert button.inner_text() == "Copied"


def test_theme_can_be_selected(visit):
    """Light, dark or that of the system. The browser stores the selection."""
    page = visit("full", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.select_option("#theme", "dark")
    dark = page.evaluate(background)
    assert light != dark
    assert page.evaluate("getComputedStyle(document.querySelector('.card > img, .card > svg')).filter") != "none"
    page.reload()
    assert page.evaluate(background) == dark
    page.emulate_media(color_scheme="dark")
    page.select_option("#theme", "light")
    assert page.evaluate(background) == light
    page.select_option("#theme", "system")
    assert page.evaluate(background) == dark


def test_contents_mark_the_current_chapter(visit):
    """The contents stay visible. A link to a folded section opens it."""
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


def test_page_is_short(visit):
    """At 1300 px, folded, it has at most eight screens of 900 px and five chapters. Each figure fits a screen."""
    page = visit("reference", viewport={"width": 1300, "height": 900})
    assert page.evaluate("document.scrollingElement.scrollHeight") <= 8 * 900
    assert page.locator("main h2:visible").count() == 2 + 5
    assert page.evaluate("Math.max(...[...document.images].map(i => i.getBoundingClientRect().height))") < 900
    for part in (".first table", "#explore-chart"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] < 900
    assert page.locator(".fold[open]").count() == 0


def test_page_prints_on_few_sheets(visit):
    """At most twelve sheets of A4."""
    assert len(sheets(visit("reference"))) <= 12
