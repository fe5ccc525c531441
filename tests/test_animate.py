"""The page that plays a fit: its numbers are those of gradient descent, and it works in a browser."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from backends._solve import descend
from bench.data import problems
from bench.fit import animate
from bench.fit.descent import Problem
from bench.report.quadratic import Quadratic


def dataset(d, n=300, name="x", target="y"):
    """A data set in its own units, without an intercept."""
    problem = problems.synthetic(n, d, seed=3)
    columns = tuple(f"{name}{index + 1}" for index in range(d))
    return SimpleNamespace(name="data", X=problem.X * 3 + 7, y=problem.y * 10 + 20, columns=columns, target=target)


def standardized(data):
    return Problem(data.X, data.y).X


def page_of(tmp_path, data, **options):
    """The page of a fit, its text and what its player plays, with the fit."""
    fit = descend(standardized(data), data.y, "numpy_vectorized", **options)
    path = tmp_path / "learn.html"
    animate.write(path, data, fit.losses, fit.learning_rate, "numpy_vectorized")
    text = path.read_text("utf-8")
    scene = json.loads(text.partition('<script type="application/json">')[2].partition("</script>")[0])
    return path, text, scene, fit


@pytest.mark.parametrize("shape", [(50, 3), (4, 6)], ids=["tall", "wide"])
@pytest.mark.parametrize("share", [0.2, 1.0, 1.1])
def test_formula_gives_the_iterates_of_a_backend(shape, share):
    """The formula and numpy_vectorized have the same β and losses, also above 2/L and with more columns than rows."""
    problem = problems.synthetic(*shape)
    loss = Quadratic.of(problem.X, problem.y)
    fit = descend(problem.X, problem.y, "numpy_vectorized", share * loss.limit, 12, 0.0)
    betas, losses = loss.descent(share * loss.limit, range(13))
    assert losses == pytest.approx(fit.losses, rel=1e-9)
    assert betas[-1] == pytest.approx(fit.beta, rel=1e-7, abs=1e-9)
    assert (betas[0] == 0).all()


def test_many_rows_give_the_same_quadratic(monkeypatch):
    """X is read in chunks; the result does not depend on them."""
    problem = problems.synthetic(100, 3)
    whole = Quadratic.of(problem.X, problem.y)
    monkeypatch.setattr("bench.report.quadratic.CHUNK", 7)
    parts = Quadratic.of(problem.X, problem.y)
    assert parts.curvatures == pytest.approx(whole.curvatures)
    assert parts.best == pytest.approx(whole.best)
    assert parts.minimum == pytest.approx(whole.minimum)


@pytest.mark.parametrize(
    ("d", "panels"), [(1, {"cloud", "map"}), (2, {"map", "predictions"}), (5, {"predictions"}), (60, set())]
)
def test_panels_follow_the_number_of_features(tmp_path, d, panels):
    """A cloud for one feature, contours for one or two, predictions up to FEATURES, the loss always."""
    data = dataset(d)
    _, _, scene, fit = page_of(tmp_path, data)
    assert {"cloud", "map", "predictions", "loss"} & scene.keys() == panels | {"loss"}
    own = next(descent for descent in scene["descents"] if descent["own"])
    shown = [k for k in scene["ks"] if k <= fit.n_iter]
    assert own["losses"] == pytest.approx(fit.losses[shown], rel=1e-5)
    assert scene["loss"]["least"] == pytest.approx(Quadratic.of(standardized(data), data.y).minimum)
    if d <= animate.FEATURES:
        assert own["betas"][-1] == pytest.approx(fit.beta, rel=1e-3, abs=1e-2)
    if "predictions" in panels:
        rows = np.array(scene["predictions"]["rows"])
        predicted = np.column_stack([np.ones(len(rows)), rows]) @ own["betas"][-1]
        errors = predicted - scene["predictions"]["measured"]
        assert np.mean(errors**2) < 1.3 * scene["loss"]["least"]


def test_line_of_one_feature_is_in_the_units_of_the_file(tmp_path):
    """The last line goes through the cloud as least squares does."""
    data = dataset(1)
    _, _, scene, _ = page_of(tmp_path, data)
    intercept, slope = next(descent for descent in scene["descents"] if descent["own"])["betas"][-1]
    mean, scale = scene["cloud"]["standard"]
    line = np.polyfit(data.X[:, 0], data.y, 1)
    assert [slope / scale, intercept - slope * mean / scale] == pytest.approx(line, rel=1e-3)


def test_large_data_and_long_descents_are_shown_in_part(tmp_path):
    """At most POINTS points and about FRAMES updates, which the page says; it stays below a megabyte."""
    data = dataset(1, 5000)
    path, text, scene, _ = page_of(tmp_path, data, learning_rate=1e-4, max_iter=20_000, tol=0.0)
    assert len(scene["cloud"]["points"]) == animate.POINTS
    assert len(scene["ks"]) <= animate.FRAMES + 1
    assert scene["ks"][-1] == 20_000
    assert "2\u00a0000 of 5\u00a0000 rows are drawn" in text
    assert "of 20\u00a0000 updates" in text
    assert path.stat().st_size < 1e6


@pytest.mark.parametrize(
    "change",
    [
        {"y": np.full(300, 5.0)},
        {"X": np.ones((300, 1))},
        {"X": np.column_stack([np.arange(300.0), 2 * np.arange(300.0)]), "columns": ("a", "b")},
        {"X": 1e-200 * np.arange(300.0)[:, None]},
        {"X": 1e150 * np.arange(300.0)[:, None], "y": 1e100 * np.arange(300.0)},
        {"y": 2.0 * np.arange(300.0), "X": np.arange(300.0)[:, None]},
    ],
    ids=["constant target", "constant column", "collinear", "tiny", "huge", "exact"],
)
def test_special_data_have_a_page(tmp_path, change):
    """Each number of the page is finite."""
    data = SimpleNamespace(**vars(dataset(1)) | change)
    _, _, scene, _ = page_of(tmp_path, data)
    assert json.dumps(scene, allow_nan=False)


def test_diverged_fit_ends_where_it_leaves_the_picture(tmp_path):
    """Its losses are finite and rise."""
    data = dataset(2)
    limit = Quadratic.of(standardized(data), data.y).limit
    _, _, scene, fit = page_of(tmp_path, data, learning_rate=1.5 * limit, max_iter=5000)
    own = next(descent for descent in scene["descents"] if descent["own"])
    assert fit.stop_reason == "diverged"
    assert len(own["losses"]) < len(scene["ks"])
    assert scene["ks"][-1] == fit.n_iter


def test_names_are_text(tmp_path):
    """A column named like markup stays text in the page and in the player."""
    data = dataset(2, name="<b>x", target="</script><i>`y`")
    _, text, scene, _ = page_of(tmp_path, data)
    assert "<b>" not in text
    assert "<i>" not in text
    assert scene["map"]["labels"] == ["β of <b>x1", "β of <b>x2"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_page_plays_in_a_browser(tmp_path, browser, d, scheme):
    """It plays to the end offline, fits a phone, follows the theme, and axe reports nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    path, _, scene, fit = page_of(tmp_path, dataset(d))
    context = browser.new_context(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(path.as_uri())
    own = next(index for index, descent in enumerate(scene["descents"]) if descent["own"])
    rate, step = page.locator(".player input").all()
    rate.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", own)
    step.focus()
    page.keyboard.press("End")
    status = page.locator("[role=status]").inner_text()
    last = max(k for k in scene["ks"] if k <= fit.n_iter)
    assert f"After {last} update" in status.replace("\u00a0", "")
    assert "as in this fit" in rate.get_attribute("aria-valuetext")
    page.locator(".player button").click()
    assert page.locator(".player button").inner_text() == "Pause"
    assert page.locator(".player svg").count() == {1: 3, 2: 3, 5: 2}[d]
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    dark = page.evaluate("getComputedStyle(document.querySelector('.panels')).filter") != "none"
    assert dark == (scheme == "dark")
    violations = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []
    page.emulate_media(media="print")
    assert page.locator(".player:visible").count() == 0
    assert page.locator("figure img:visible").count() == 1
    assert messages == []
    context.close()
