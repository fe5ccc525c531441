"""The player of the course in a real browser: what it draws is what Python computed, and it can be used by everyone."""

import json

import numpy as np
import pytest

from bench.data import problems
from bench.learn import build, notebook, player
from bench.learn.blocks import Descents, Picture
from bench.learn.chapters import chapters
from bench.learn.lesson import Lesson

MULTIPLES = (0.05, 0.5, 1.0, 1.05)


@pytest.fixture(scope="module")
def data():
    """The penguins with flipper lengths in cm from 190 mm: tilted contours, so every path has its own shape."""
    penguins = problems.penguins_flipper()
    X = penguins.X.copy()
    X[:, 1] = (X[:, 1] * penguins.scale + penguins.mean - 190) / 10
    return player.descents(X, penguins.y, MULTIPLES, 30, ("cm from 190 mm", "body mass (g)"))


@pytest.fixture(scope="module")
def page_of(data):
    """The page of a lesson that consists of a player, twice: two players in one page must not disturb each other."""
    lesson = Lesson(chapters()[0], lambda block: None, lambda prompt: None, live=False)
    lesson.say("# Title\n\nA text.")
    for shown in (1, 3):
        lesson.play(data, player.still(data, shown))
    return build.page(lesson)


@pytest.fixture
def visit(browser, page_of, tmp_path):
    """visit(**settings): the page, with the complaints on its console; visit(text=...): another page."""
    contexts = []

    def go(text=page_of, **settings):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield go
    for context in contexts:
        context.close()


class Controls:
    """The parts of one player, in a page or in a frame."""

    def __init__(self, page, index=0):
        self.box = page.locator(".player").nth(index)
        self.play = self.box.locator("button")
        self.rate, self.step = self.box.locator("input").nth(0), self.box.locator("input").nth(1)
        self.told = self.box.locator("[role=status]")

    def put(self, slider, value):
        slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", value)

    def until(self, holds):
        """Wait until something holds; the page's policy lets no text be evaluated inside it, so it is asked from here."""
        for _ in range(400):
            if holds():
                return
            self.box.page.wait_for_timeout(25)
        pytest.fail(f"waited in vain: {self.play.inner_text()}, {self.told.inner_text()}")

    def path(self):
        """The corners of the path over the contours, in the units of the picture."""
        drawn = self.box.locator("svg").nth(1).locator("polyline").last.get_attribute("points")
        return np.array([[float(v) for v in corner.split(",")] for corner in drawn.split()])


def test_the_data_are_the_descent(data):
    """Each path is plain gradient descent from zeros at its η, cut where it has left the picture, and the JSON holds it."""
    points = np.array(data["points"])
    X, y = np.column_stack([np.ones(len(points)), points[:, 0]]), points[:, 1]
    limit = 2 / np.linalg.eigvalsh(2 / len(y) * X.T @ X)[-1]
    for multiple, found in zip(MULTIPLES, data["descents"], strict=True):
        beta, losses = np.zeros(2), []
        for shown in found["betas"]:
            assert shown == pytest.approx(beta, rel=1e-3, abs=1e-3)
            losses.append(np.mean((y - X @ beta) ** 2))
            beta = beta + multiple * limit * 2 / len(y) * X.T @ (y - X @ beta)
        assert found["losses"] == pytest.approx(losses, rel=1e-3)
    assert [len(found["betas"]) for found in data["descents"][:3]] == [31, 31, 31]
    assert len(data["descents"][3]["betas"]) < 31
    assert json.loads(player.as_json(data)) == data


def test_every_ring_has_one_loss(data):
    """The contours are contours: on each the loss is the same, and it grows from ring to ring."""
    points = np.array(data["points"])
    losses = [
        [np.mean((points[:, 1] - b0 - b1 * points[:, 0]) ** 2) for b0, b1 in ring]
        for ring in map(np.array, data["rings"])
    ]
    for ring in losses:
        assert ring == pytest.approx([ring[0]] * len(ring), rel=1e-3)
    assert sorted(ring[0] for ring in losses) == [ring[0] for ring in losses]


def test_a_name_in_the_data_cannot_leave_its_script(data):
    """A label that is markup stays inside the JSON, and is the same text when it is read."""
    hostile = data | {"labels": ["</script><b>&", "<!--"]}
    assert not {"<", ">", "&"} & set(player.as_json(hostile))
    assert json.loads(player.as_json(hostile)) == hostile


@pytest.mark.slow
def test_the_path_drawn_is_the_path_in_the_data(visit, data):
    """The corners of the drawn path are the β of the data, on one scale; the last is the β that is told."""
    controls = Controls(visit())
    controls.put(controls.rate, 1)
    controls.put(controls.step, 7)
    drawn, true = controls.path(), np.array(data["descents"][1]["betas"][:8])
    assert len(drawn) == len(true)
    for axis in (0, 1):
        slope, offset = np.polyfit(true[:, axis], drawn[:, axis], 1)
        assert drawn[:, axis] == pytest.approx(slope * true[:, axis] + offset, abs=0.01)
        assert (slope > 0) == (axis == 0)  # upwards in the picture is a smaller number
    line = controls.box.locator("svg").nth(0).locator("polyline").get_attribute("points").split()
    assert len(line) == 2
    assert "After 7 updates" in controls.told.inner_text()
    shown = controls.told.inner_text().replace("\u00a0", "").replace("\u2212", "-")
    assert f"the intercept is {float(f'{true[-1][0]:.4g}'):g}" in shown


@pytest.mark.slow
def test_the_learning_rate_changes_the_path(visit, data):
    """Each η has its own path and its own words, and begins at update 0."""
    controls = Controls(visit())
    paths = []
    for index, multiple in enumerate(MULTIPLES):
        controls.put(controls.step, 3)
        controls.put(controls.rate, index)
        assert "After 0 updates" in controls.told.inner_text()
        assert controls.told.inner_text().startswith(f"η = {multiple:g} × 2/L")
        assert f"{multiple:g} of 2/L" in controls.rate.locator("..").inner_text()
        controls.put(controls.step, 3)
        paths.append(controls.path())
        assert int(controls.step.get_attribute("max")) == len(data["descents"][index]["betas"]) - 1
    assert len({path.tobytes() for path in paths}) == len(MULTIPLES)


@pytest.mark.slow
def test_it_is_said_what_diverges(visit):
    """Above 2/L it diverges, whatever the loss is so far; at 2/L it is on the border; below it converges."""
    controls = Controls(visit())
    for index, words in enumerate(["it converges", "it converges", "the border", "it diverges"]):
        controls.put(controls.rate, index)
        for step in (0, 1, 9):
            controls.put(controls.step, step)
            told = controls.told.inner_text()
            assert words in told
            assert ("diverges" in told) == (words == "it diverges")


@pytest.mark.slow
def test_it_plays_and_pauses_and_ends(visit):
    """Play goes on update by update, Pause holds, the end stops it, and Play then begins anew; a listener hears the end."""
    page = visit()
    controls = Controls(page)
    controls.play.click()
    controls.until(lambda: int(controls.step.input_value()) >= 2)
    assert controls.play.inner_text() == "Pause"
    assert controls.told.get_attribute("aria-live") == "off"
    controls.play.click()
    held = controls.told.inner_text()
    page.wait_for_timeout(700)
    assert controls.told.inner_text() == held
    assert controls.play.inner_text() == "Play"
    controls.put(controls.step, 28)
    controls.play.click()
    controls.until(lambda: controls.play.inner_text() == "Play")
    assert "After 30 updates" in controls.told.inner_text()
    assert controls.told.get_attribute("aria-live") == "polite"
    controls.play.click()
    controls.until(lambda: controls.step.input_value() == "1")
    assert Controls(page, 1).step.input_value() == "0"  # the other player stands
    assert page.complaints == []


@pytest.mark.slow
def test_the_keyboard_does_it_all(visit):
    """Tab reaches the button and both sliders, each outlined; arrows and End move a slider, Space plays."""
    page = visit()
    controls = Controls(page)
    controls.play.focus()
    for tag in ("BUTTON", "INPUT", "INPUT"):
        seen = page.evaluate(
            "(() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return [e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0] })()"
        )
        assert seen == [tag, True]
        page.keyboard.press("Tab")
    controls.rate.focus()
    page.keyboard.press("End")
    assert "it diverges" in controls.told.inner_text()
    assert controls.rate.get_attribute("aria-valuetext") == "1.05 of 2/L"
    page.keyboard.press("Home")
    controls.step.focus()
    page.keyboard.press("ArrowRight")
    assert "After 1 update the" in controls.told.inner_text()
    controls.play.focus()
    page.keyboard.press("Space")
    assert controls.play.inner_text() == "Pause"
    page.keyboard.press("Enter")
    assert controls.play.inner_text() == "Play"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_everywhere(visit, scheme):
    """On a telephone, light or dark: nothing scrolls sideways, no word of a picture is cut off, axe finds nothing serious."""
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
    button = page.evaluate("getComputedStyle(document.querySelector('.player button')).backgroundColor")
    assert (
        min(map(int, button.removeprefix("rgb(").removesuffix(")").split(",")[:3])) > 180
    )  # light on its white ground
    bad = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in bad] == []
    assert page.complaints == []  # nor does the page's own policy refuse anything


@pytest.mark.slow
def test_on_paper_and_without_a_script_the_picture_stands(visit):
    """In print and where no script runs the player is not seen, and the still picture is."""
    page = visit()
    assert page.locator(".player:visible").count() == 2
    page.emulate_media(media="print")
    assert page.locator(".player:visible").count() == 0
    assert page.locator("figure img:visible").count() == 2
    bare = visit(java_script_enabled=False)
    assert bare.locator(".player:visible").count() == 0
    assert bare.locator("figure img:visible").count() == 2


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1100])
def test_it_plays_in_a_notebook(visit, data, width):
    """In the frame of a notebook it plays and fits, and on paper only the still picture is left."""
    block = Descents(data, Picture.of(player.still(data, 1)))
    text = f'<!doctype html><meta name="viewport" content="width=device-width"><body>{notebook.as_html(block)}'
    page = visit(text=text, viewport={"width": width, "height": 900})
    frame = page.frame_locator("iframe")
    controls = Controls(frame)
    controls.put(controls.rate, 3)
    controls.play.click()
    controls.until(lambda: "After 2 updates" in controls.told.inner_text())
    assert "it diverges" in controls.told.inner_text()
    content, height, across = frame.locator("body").evaluate(
        "b => [document.scrollingElement.scrollHeight, innerHeight, document.scrollingElement.scrollWidth - innerWidth]"
    )
    assert content <= height
    assert across <= 0
    assert page.complaints == []
    page.emulate_media(media="print")
    assert page.locator("iframe:visible").count() == 0
    assert page.locator("figure img:visible").count() == 1
