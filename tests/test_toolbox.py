"""The page that compares our descents with scikit-learn: what it measures, and what it says of it."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from backends import BackendError
from bench.data import problems
from bench.fit import MissingExtra, race, toolbox
from bench.fit.descent import Problem
from bench.fit.race import EXACT, LINEAR, SGD, SGD_CLOSE, Entry
from bench.report.quadratic import Quadratic
from bench.runtime.process import Outcome

DESCENTS = ("numpy_vectorized", "qr_compressed")


def design(n=300, d=3):
    """Z with a column of ones, and y."""
    problem = problems.synthetic(n, d, seed=5)
    return np.column_stack([np.ones(n), problem.X]), problem.y + 7


PROBLEM = Problem(design()[0][:, 1:], design()[1])


def entry(name, seconds, **more):
    """A result with six samples."""
    return Entry(name, [seconds * factor for factor in (0.98, 0.99, 1.0, 1.0, 1.01, 1.02)], **more)


def entries(**changes):
    """Results by name; changes: fields by the name of a method."""
    standard = {
        "numpy_vectorized": entry("numpy_vectorized", 4e-3, rounds=90, needed=90, distance=9e-7, lost=1e-11),
        "numba_jit": entry("numba_jit", 5e-4, rounds=90, needed=90, extra_s=1.5, distance=9e-7, lost=1e-11),
        EXACT: entry(EXACT, 1e-4, distance=0.0, lost=0.0),
        LINEAR: entry(LINEAR, 1e-3, distance=1e-15, lost=0.0),
        SGD: entry(SGD, 2e-3, rounds=7, distance=3e-2, lost=2e-3),
        SGD_CLOSE: entry(SGD_CLOSE, 2e-2, rounds=70, distance=4e-4, lost=1e-8),
    }
    return {name: result._replace(**changes.get(name, {})) for name, result in standard.items()}


def sweep():
    """Results of one sweep, in which the descent is the fastest at the first size only."""
    return {
        "condition": {
            size: {
                "numpy_vectorized": entry("numpy_vectorized", 1e-4, rounds=9, needed=9 * size, predicted_s=predicted),
                "qr_compressed": entry("qr_compressed", 8e-4 * size, rounds=9 * size, needed=9 * size),
                LINEAR: entry(LINEAR, 2e-3, distance=1e-15),
                SGD: entry(SGD, 6e-3, rounds=7, distance=1e-3 * size),
            }
            for size, predicted in ((1, None), (100, 40.0))
        }
    }


@pytest.mark.parametrize("goal", [1e-2, 1e-6])
def test_updates_needed_are_the_first_within_the_goal(goal):
    """One update fewer is not enough."""
    loss = Quadratic.of(*design())
    needed = race.updates_needed(loss, loss.limit / 2, goal)
    betas, _ = loss.descent(loss.limit / 2, [needed - 1, needed])
    before, after = np.linalg.norm(betas - loss.best, axis=1) / np.linalg.norm(loss.best)
    assert after <= goal < before


def test_each_method_is_as_accurate_as_it_should_be():
    """Descents reach the goal and not much more, direct solvers are exact, SGDRegressor is far off, and R² agrees."""
    Z, y = design()
    results = {r.name: r for r in race.race(Z, y, [*DESCENTS, EXACT, LINEAR, SGD, SGD_CLOSE], samples=2)}
    for name in DESCENTS:
        assert results[name].rounds == results[name].needed
        assert results[name].predicted_s is None
        assert 0.5 * race.GOAL < results[name].distance < 1.01 * race.GOAL
    assert results[EXACT].distance < 1e-13
    assert results[LINEAR].distance < 1e-13
    assert 1e-4 < results[SGD_CLOSE].distance * 10 < results[SGD].distance < 1
    sgd = results[SGD]
    assert 0 < sgd.lost < sgd.distance
    assert all(len(result.seconds) == 2 for result in results.values())


def test_a_long_descent_is_stopped_and_its_time_predicted():
    """Far from the goal, it makes the updates that the limit allows."""
    Z, y = race.swept("condition", 1000)
    result = race.race(Z, y, DESCENTS[1:], samples=1, call_s=0.02)[0]
    assert 0 < result.rounds < result.needed
    assert result.distance > 0.1
    assert result.predicted_s > 100 * 0.02


@pytest.mark.parametrize(
    ("needed", "updates", "predicted_s"),
    [(1, 1, None), (95, 95, None), (105, 100, 0.5 + 1.05), (10**6, 100, 0.5 + 10**4)],
)
def test_a_descent_makes_the_updates_that_its_time_allows(monkeypatch, needed, updates, predicted_s):
    """A call takes 0.5 s and 10 ms per update, and the limit is 1 s of updates."""
    monkeypatch.setattr(race, "_seconds", lambda call: 0.5 + 0.01 * call()[1])
    made, predicted = race._affordable(lambda updates: (np.zeros(1), updates), needed, 1.0)
    assert made == pytest.approx(updates, abs=1)
    assert predicted == pytest.approx(predicted_s)


def test_works_are_timed_in_turn():
    """Each round calls each work, in changing order; a work that has used its time takes part no more."""
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "abc"}
    timed = race.interleaved(works, 3, 9.0, 0)
    assert {name: len(times) for name, times in timed.items()} == dict.fromkeys("abc", 3)
    runs = re.findall(r"(.)\1*", "".join(calls[3:]))
    assert len(runs) >= 6  # never one work three times in a row
    assert {name: len(times) for name, times in race.interleaved(works, 3, -1.0, 0).items()} == dict.fromkeys("abc", 0)


@pytest.mark.parametrize("size", [1, 100])
def test_sweep_of_condition_has_that_condition(size):
    """The singular values of the features spread by this factor; the other sweeps have their sizes."""
    Z, _ = race.swept("condition", size)
    assert np.linalg.cond(Z[:, 1:]) == pytest.approx(size)
    assert race.swept("rows", 50)[0].shape == (50, race.COLUMNS + 1)
    assert race.swept("columns", 30)[0].shape == (race.ROWS, 31)


def test_verdict_on_a_fast_descent():
    """The ratio to both direct solvers, the time of compiling, and how far SGDRegressor is off."""
    words = " ".join(toolbox.verdicts(entries()))
    assert (
        "`numba_jit`, takes 500 µs [490, 510] for 90 updates: 2.00× [2.00, 2.00] faster than `LinearRegression`"
        in words
    )
    assert f"5.00× [5.00, 5.00] slower than `{EXACT}`" in words
    assert "1.50 s longer, because it compiles" in words
    assert "off by 0.0300" in words


def test_verdict_on_a_tie():
    """An interval of the ratio that contains 1 is a tie."""
    times = [9e-4, 1.1e-3, 9e-4, 1.1e-3, 9e-4, 1.1e-3]
    assert "a tie with `LinearRegression`" in toolbox.verdicts(entries(numba_jit={"seconds": times}))[0]


def test_verdict_on_descents_that_do_not_reach_the_goal():
    """The updates and the time that they need, of the one that needs the least time."""
    stopped = {"needed": 10**7, "predicted_s": 90.0}
    words = toolbox.verdicts(entries(numpy_vectorized=stopped, numba_jit=stopped | {"predicted_s": 30.0}))[0]
    assert "10\u00a0000\u00a0000 updates, about 30.0 s with `numba_jit`" in words
    assert "condition number" in words


def test_verdict_on_a_solver_that_diverges():
    """Coefficients that are worse than zeros are no answer."""
    rng = np.random.default_rng(0)
    Z = np.column_stack([np.ones(400), 30 * rng.standard_normal((400, 50))])
    (result,) = race.race(Z, Z @ np.ones(51), [SGD], samples=1)
    assert "defaults diverges" in toolbox.verdicts(entries(**{SGD: result._asdict()}))[1]


def test_costs_count_the_reads_of_the_data():
    """Two per update, one per epoch, one per column; with their bytes."""
    rows = {row[0]: row for row in toolbox.costs(entries(), np.ones((1000, 4))).rows}
    assert rows["numba_jit"][-1] == "181\n5.79 MB"
    assert rows[SGD][-1] == "7\n224 kB"
    assert rows[LINEAR][-1] == "4\n128 kB"


def test_trend_names_the_fastest_at_each_size():
    """Predicted times count."""
    (words,) = toolbox.trends(sweep())
    assert "Fastest: `numpy_vectorized` at 1; `LinearRegression` at 100." in words
    assert "`numpy_vectorized` from 100 µs to 40.0 s" in words
    assert "off by 1.0e-03 to 0.100" in words
    rows = [row for row in toolbox.sweeps(sweep()).table.rows if row[2] == "numpy_vectorized"]
    assert [(row[3], row[4]) for row in rows] == [("1.000e-04", "measured"), ("4.000e+01", "predicted")]


def page(**names):
    """The page of these results."""
    results = toolbox.Results("1.9", 0.5, entries(), sweep())
    data = SimpleNamespace(**{"X": np.ones((300, 3)), "name": "data", "target": "y"} | names)
    return toolbox.article(data, PROBLEM, results)


def test_names_are_text():
    """Markup in the name of a file or a column is shown as it is."""
    text = page(name="<script>x</script>", target="`<b>`")
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text
    assert "<b>" not in text


def test_scikit_learn_is_an_extra(monkeypatch, tmp_path):
    """Without it, the message says what to install, and there is no page."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"scikit-learn is not installed; allowed: pip install 'gdbench\[sklearn\]'"):
        toolbox.write(tmp_path / "page.html", None)
    assert list(tmp_path.iterdir()) == []


def test_failed_measurement_is_an_error(monkeypatch):
    """It says how the child process ended."""
    monkeypatch.setattr("bench.runtime.process.run", lambda *_, **__: Outcome(-9, False, "", 1.0))
    with pytest.raises(BackendError, match="killed by SIGKILL"):
        toolbox.measure(PROBLEM, 0)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser(tmp_path, browser, scheme):
    """It makes no request, fits a phone, and axe reports nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    path = tmp_path / "page.html"
    path.write_text(page(), "utf-8")
    context = browser.new_context(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    shown = context.new_page()
    requests = []
    shown.on("request", lambda request: requests.append(request.url))
    shown.goto(path.as_uri())
    assert shown.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert shown.locator("figure img:visible").count() == 2
    violations = [v for v in Axe().run(shown).response["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    context.close()


@pytest.mark.slow
def test_whole_measurement(tmp_path):
    """A fresh process measures all methods and all sweeps, and the page has them."""
    Z, y = design()
    data = SimpleNamespace(X=Z[:, 1:], y=y, name="data", target="y", columns=("a", "b", "c"))
    path = tmp_path / "page.html"
    toolbox.write(path, data)
    text = path.read_text("utf-8")
    for words in (*race.ALL, *toolbox.TITLES.values()):
        assert words in text
