"""Judging an exercise: verdicts, hints, and the claim about time."""

from types import SimpleNamespace

import msgspec
import pytest

from bench.check.checks import returns_the_right_form, stops_when_it_diverges
from bench.learn import judge as judging
from bench.learn.judge import FAILED, Verdict, cross_check, judge
from bench.runtime.process import Outcome

HINTS = {"": ("a", "b", "c"), "sign": ("d", "e", "f")}
PASSED, SIGN, FASTER = Verdict("passed", "right"), Verdict("wrong", "is turned", "sign"), Verdict("passed", "faster")


@pytest.fixture
def judged(monkeypatch, tmp_path):
    """The verdict of `judge` on a file: judged(answer or outcome of its process, verdict of `timed` or None)."""

    def judged(answer, timed=None, quick=False):
        exercise = SimpleNamespace(HINTS=HINTS)
        if timed is not None:
            exercise.timed = lambda path, is_quick: timed if (path.name, is_quick) == ("mine.py", quick) else None
        ends = (
            ({}, answer) if isinstance(answer, Outcome) else (msgspec.to_builtins(answer), Outcome(0, False, "", 1.0))
        )
        monkeypatch.setattr(judging.child, "run", lambda *_, **__: ends)
        (tmp_path / "mine.py").touch()
        return judge(SimpleNamespace(number=3, exercise=exercise), tmp_path / "mine.py", quick)

    return judged


def test_right_answer_has_no_hints(judged):
    """A wrong one has the hints of its slip, and those for any other slip if there are none."""
    assert judged(PASSED) == PASSED
    assert judged(SIGN).hints == HINTS["sign"]
    assert judged(Verdict("wrong", "", "unlisted")).hints == HINTS[""]
    assert judged(Verdict("failed", "", "sign")).hints == HINTS["sign"]
    assert judged(Verdict("failed", "raised")).hints == FAILED


@pytest.mark.parametrize("quick", [False, True])
def test_right_answer_is_timed(judged, quick):
    """The claim about time decides. A wrong answer is not timed."""
    slower = Verdict("wrong", "slower", "sign")
    assert judged(PASSED, FASTER, quick) == FASTER
    assert judged(PASSED, slower, quick) == msgspec.structs.replace(slower, hints=HINTS["sign"])
    assert judged(SIGN, FASTER, quick).why == SIGN.why


def test_process_without_an_answer_has_failed(judged):
    """The reason is the deadline, or how the process ended."""
    late, crash = Outcome(-9, True, "", 90.0), Outcome(-11, False, "", 1.0)
    verdict = judged(late, FASTER)
    assert (verdict.outcome, verdict.hints) == ("failed", FAILED)
    assert verdict.why.startswith("your file gave no answer for 90 seconds")
    assert judged(crash) == Verdict("failed", f"your file {crash.describe()}", "", FAILED)


def test_hint_gets_more_specific_with_each_attempt():
    """Of three hints, the first attempt gets the first. From the third on it is the last."""
    verdict = Verdict("wrong", "is turned", "sign", HINTS["sign"])
    for attempts, level, hint in ((0, 1, "d"), (1, 1, "d"), (2, 2, "e"), (3, 3, "f"), (9, 3, "f")):
        assert verdict.words(attempts) == f"**wrong**: is turned\n\n**Hint {level} of 3:** {hint}"
    assert SIGN.words(1) == "**wrong**: is turned"
    assert Verdict("passed", "right", hints=("a",)).words(1) == "**passed**: right"


def test_cross_check_of_an_exercise(monkeypatch, backend_file):
    """A wrong result is wrong and has a cause. A backend that raises has failed."""
    monkeypatch.setattr(judging, "CHECKS", (returns_the_right_form, stops_when_it_diverges))
    goes_on = cross_check(backend_file("goes_on", "not math.isfinite(losses[k])", "False"))
    assert goes_on.outcome == "wrong"
    assert ". Diagnosis: it goes on after the loss is no longer finite" in goes_on.why
    raising = cross_check(backend_file("raising", "n = len(X)", "n = X.rows"))
    assert raising.outcome == "failed"
    assert raising.why.startswith("returns_the_right_form[float64]: raised AttributeError")
    assert cross_check(backend_file("right", "import math\n", "import math\nDTYPES = ('float64',)\n")).passed
