"""The player of the course: it draws what Python computed, and works with a mouse, a keyboard and a screen reader."""

import json

import numpy as np
import pytest

from bench.data import problems
from bench.learn import build, notebook
from bench.learn.chapters import chapters
from bench.learn.lesson import Lesson
from bench.report import player
from bench.report.article import Descents, Picture
from bench.report.plots.descent import still

MULTIPLES = (0.05, 0.5, 1.0, 1.05)


@pytest.fixture(scope="module")
def data():
    """Descents on the penguins with flipper lengths in cm from 190 mm, where each learning rate has another path."""
    penguins = problems.penguins_flipper()
    X = penguins.X.copy()
    X[:, 1] = (X[:, 1] * penguins.scale + penguins.mean - 190) / 10
    return player.cloud_and_map(X, penguins.y, MULTIPLES, 30, ("cm from 190 mm", "body mass (g)"))


@pytest.fixture(scope="module")
def page_of(data):
    """The page of a lesson with two players, which must not affect each other."""
    lesson = Lesson(chapters()[0], lambda block: None, lambda prompt: None, live=False)
    lesson.say("# Title\n\nA text.")
    for index in (1, 3):
        lesson.play(data, still(data, index))
    return build.page(lesson)


@pytest.fixture
def visit(browser, page_of, tmp_path):
    """visit(**settings): open the page, with a list `errors` of what its console prints; visit(text=...): another page."""
    contexts = []

    def visit(text=page_of, **settings):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.errors = []
        page.on("console", lambda message: page.errors.append(message.text))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()


class Controls:
    """The parts of one player, in a page or in a frame."""

    def __init__(self, page, index=0):
        self.box = page.locator(".player").nth(index)
        self.play = self.box.locator("button")
        self.rate, self.step = self.box.locator("input").nth(0), self.box.locator("input").nth(1)
        self.status = self.box.locator("[role=status]")

    def put(self, slider, value):
        slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", value)

    def until(self, condition):
        """Wait until condition() is true. The page's policy forbids playwright's wait_for_function, which evaluates text."""
        for _ in range(400):
            if condition():
                return
            self.box.page.wait_for_timeout(25)
        pytest.fail(f"timeout: {self.play.inner_text()}, {self.status.inner_text()}")

    def path(self):
        """The points of the path over the contours, in the units of the picture. Shape: (updates + 1, 2)."""
        points = self.box.locator("svg").nth(1).locator("polyline").last.get_attribute("points")
        return np.array([[float(v) for v in point.split(",")] for point in points.split()])


def test_the_data_are_gradient_descents(data):
    """Each path starts at zeros, has its η, and ends where it leaves the picture. The JSON loads as the data."""
    points = np.array(data["cloud"]["points"])
    X, y = np.column_stack([np.ones(len(points)), points[:, 0]]), points[:, 1]
    limit = 2 / np.linalg.eigvalsh(2 / len(y) * X.T @ X)[-1]
    for multiple, descent in zip(MULTIPLES, data["descents"], strict=True):
        beta, losses = np.zeros(2), []
        for rounded in descent["betas"]:
            assert rounded == pytest.approx(beta, rel=1e-3, abs=1e-3)
            losses.append(np.mean((y - X @ beta) ** 2))
            beta = beta + multiple * limit * 2 / len(y) * X.T @ (y - X @ beta)
        assert descent["losses"] == pytest.approx(losses, rel=1e-3)
    assert [len(descent["betas"]) for descent in data["descents"][:3]] == [31, 31, 31]
    assert len(data["descents"][3]["betas"]) < 31
    assert json.loads(player.as_json(data)) == data


def test_the_loss_is_constant_on_a_contour(data):
    """It increases from contour to contour."""
    points = np.array(data["cloud"]["points"])
    losses = [
        [np.mean((points[:, 1] - b0 - b1 * points[:, 0]) ** 2) for b0, b1 in ring]
        for ring in map(np.array, data["map"]["rings"])
    ]
    for ring in losses:
        assert ring == pytest.approx([ring[0]] * len(ring), rel=1e-3)
    assert sorted(ring[0] for ring in losses) == [ring[0] for ring in losses]


def test_a_label_cannot_end_its_script(data):
    """A label that contains markup is escaped in the JSON, and loads as the same text."""
    hostile = data | {"names": ["</script><b>&", "<!--"]}
    assert not {"<", ">", "&"} & set(player.as_json(hostile))
    assert json.loads(player.as_json(hostile)) == hostile


@pytest.mark.slow
def test_the_path_is_drawn_from_the_data(visit, data):
    """The points of the path are the β of the data, on a linear scale; the status shows the last β."""
    controls = Controls(visit())
    controls.put(controls.rate, 1)
    controls.put(controls.step, 7)
    path, betas = controls.path(), np.array(data["descents"][1]["betas"][:8])
    assert len(path) == len(betas)
    for axis in (0, 1):
        slope, offset = np.polyfit(betas[:, axis], path[:, axis], 1)
        assert path[:, axis] == pytest.approx(slope * betas[:, axis] + offset, abs=0.01)
        assert (slope > 0) == (axis == 0)  # y decreases upwards in SVG
    line = controls.box.locator("svg").nth(0).locator("polyline").get_attribute("points").split()
    assert len(line) == 2
    assert "After 7 updates" in controls.status.inner_text()
    status = controls.status.inner_text().replace("\u00a0", "").replace("\u2212", "-")
    assert f"the intercept is {float(f'{betas[-1][0]:.4g}'):g}" in status


@pytest.mark.slow
def test_the_learning_rate_changes_the_path(visit, data):
    """Each η has its own path and its own status text, and starts at update 0."""
    controls = Controls(visit())
    paths = []
    for index, multiple in enumerate(MULTIPLES):
        controls.put(controls.step, 3)
        controls.put(controls.rate, index)
        assert "After 0 updates" in controls.status.inner_text()
        assert controls.status.inner_text().startswith(f"η = {multiple:g} × 2/L")
        assert f"{multiple:g} of 2/L" in controls.rate.locator("..").inner_text()
        controls.put(controls.step, 3)
        paths.append(controls.path())
        assert int(controls.step.get_attribute("max")) == len(data["descents"][index]["betas"]) - 1
    assert len({path.tobytes() for path in paths}) == len(MULTIPLES)


@pytest.mark.slow
def test_the_status_says_whether_the_descent_converges(visit):
    """It converges below 2/L, is on the border at 2/L, and diverges above, at every step."""
    controls = Controls(visit())
    for index, words in enumerate(["it converges", "it converges", "the border", "it diverges"]):
        controls.put(controls.rate, index)
        for step in (0, 1, 9):
            controls.put(controls.step, step)
            status = controls.status.inner_text()
            assert words in status
            assert ("diverges" in status) == (words == "it diverges")


@pytest.mark.slow
def test_the_player_plays_pauses_and_stops_at_the_end(visit):
    """Play then starts again at update 0. A screen reader reads the status at the end, and not while it plays."""
    page = visit()
    controls = Controls(page)
    controls.play.click()
    controls.until(lambda: int(controls.step.input_value()) >= 2)
    assert controls.play.inner_text() == "Pause"
    assert controls.status.get_attribute("aria-live") == "off"
    controls.play.click()
    status = controls.status.inner_text()
    page.wait_for_timeout(700)
    assert controls.status.inner_text() == status
    assert controls.play.inner_text() == "Play"
    controls.put(controls.step, 28)
    controls.play.click()
    controls.until(lambda: controls.play.inner_text() == "Play")
    assert "After 30 updates" in controls.status.inner_text()
    assert controls.status.get_attribute("aria-live") == "polite"
    controls.play.click()
    controls.until(lambda: controls.step.input_value() == "1")
    assert Controls(page, 1).step.input_value() == "0"  # the other player does not play
    assert page.errors == []


@pytest.mark.slow
def test_the_keyboard_controls_the_player(visit):
    """Tab focuses the button and both sliders, with an outline; arrows and End move a slider, Space and Enter press Play."""
    page = visit()
    controls = Controls(page)
    controls.play.focus()
    for tag in ("BUTTON", "INPUT", "INPUT"):
        focus = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0] })()"
        )
        assert focus == [tag, True]
        page.keyboard.press("Tab")
    controls.rate.focus()
    page.keyboard.press("End")
    assert "it diverges" in controls.status.inner_text()
    assert controls.rate.get_attribute("aria-valuetext") == "1.05 of 2/L"
    page.keyboard.press("Home")
    controls.step.focus()
    page.keyboard.press("ArrowRight")
    assert "After 1 update the" in controls.status.inner_text()
    controls.play.focus()
    page.keyboard.press("Space")
    assert controls.play.inner_text() == "Pause"
    page.keyboard.press("Enter")
    assert controls.play.inner_text() == "Play"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_player_fits_a_phone(visit, scheme):
    """In both color schemes nothing scrolls sideways, no text of a picture is cut off, and axe reports nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    page = visit(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert page.evaluate(
        "[...document.querySelectorAll('.player svg')].every(svg => { const box = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('text')].every(t => { const b = t.getBoundingClientRect();"
        " return b.left >= box.left - 1 && b.right <= box.right + 1 && b.bottom <= box.bottom + 1 }) })"
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids) == 4  # a clip for each panel
    dark = page.evaluate("getComputedStyle(document.querySelector('.panels')).filter") != "none"
    assert dark == (scheme == "dark")
    violations = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []
    assert page.errors == []  # the page's policy refuses nothing


@pytest.mark.slow
def test_print_and_a_browser_without_scripts_show_the_still_picture(visit):
    """The player is hidden there."""
    page = visit()
    assert page.locator(".player:visible").count() == 2
    page.emulate_media(media="print")
    assert page.locator(".player:visible").count() == 0
    assert page.locator("figure img:visible").count() == 2
    static = visit(java_script_enabled=False)
    assert static.locator(".player:visible").count() == 0
    assert static.locator("figure img:visible").count() == 2


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1100])
def test_the_player_works_in_a_notebook(visit, data, width):
    """In the frame of a notebook it plays and fits; print shows only the still picture."""
    block = Descents(data, Picture.of(still(data, 1)))
    text = f'<!doctype html><meta name="viewport" content="width=device-width"><body>{notebook.as_html(block)}'
    page = visit(text=text, viewport={"width": width, "height": 900})
    frame = page.frame_locator("iframe")
    controls = Controls(frame)
    controls.put(controls.rate, 3)
    controls.play.click()
    controls.until(lambda: "After 2 updates" in controls.status.inner_text())
    assert "it diverges" in controls.status.inner_text()
    content, height, across = frame.locator("body").evaluate(
        "b => [document.scrollingElement.scrollHeight, innerHeight, document.scrollingElement.scrollWidth - innerWidth]"
    )
    assert content <= height
    assert across <= 0
    assert page.errors == []
    page.emulate_media(media="print")
    assert page.locator("iframe:visible").count() == 0
    assert page.locator("figure img:visible").count() == 1
