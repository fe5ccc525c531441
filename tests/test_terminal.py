"""The output of `gdbench check`, line by line."""

import pytest

from bench.check.messages import NO_MISTAKE, BackendReport, CheckResult
from bench.report import terminal

LONG = "losses[3] is 0.123456789, J(beta_3) is 0.987654321: off by 0.864; " * 3


def report(backend, status, *checks):
    return BackendReport(backend, status == "ok", status, list(checks))


def failed(check, detail, hint=None):
    return CheckResult(check, False, detail, hint)


@pytest.fixture
def printed(capsys):
    """The lines that `gdbench check` prints for these reports."""

    def lines(*reports):
        terminal.print_check(reports)
        return capsys.readouterr().out.splitlines()

    return lines


def test_hints_are_printed_once_before_the_failed_checks(printed):
    """Passed checks are counted, but not listed."""
    half, float32 = "is the factor 2 of 2/n missing?", "the result is float64 but was computed in float32"
    lines = printed(
        report(
            "mine",
            "wrong",
            CheckResult("has_the_form[float64]", True),
            failed("one_step[float64]", "beta is off by 1", half),
            failed("two_steps[float64]", "beta is off by 2", half),
            failed("stops[float64]", "made 3 updates"),
            failed("three_steps[float64]", "beta is off by 3", float32),
        )
    )
    assert lines[2:] == [
        "",
        "mine: wrong, 4 of 5 checks failed",
        f"  hint: {half}",
        f"  hint: {float32}",
        "  one_step[float64]: beta is off by 1",
        "  two_steps[float64]: beta is off by 2",
        "  stops[float64]: made 3 updates",
        "  three_steps[float64]: beta is off by 3",
    ]


@pytest.mark.parametrize("named", [[], ["is the factor 2 of 2/n missing?"]])
def test_no_known_mistake_is_printed_once_and_only_without_a_hint(printed, named):
    """A check without a known mistake says so. The printed report says it once, if no check has another hint."""
    honest = [f"{NO_MISTAKE}; beta first wrong with max_iter = {k}" for k in (1, 2)]
    lines = printed(report("mine", "wrong", *(failed("steps[float64]", "off by 1", hint) for hint in honest + named)))
    assert [line for line in lines if "hint" in line] == [f"  hint: {hint}" for hint in named or honest[:1]]


def test_long_details_are_wrapped(printed):
    """A line fits the console, its continuation is indented, and each line of a traceback has its own line."""
    lines = printed(
        report("mine", "failed", failed("one_step[float64]", LONG, LONG), failed("loads", "SIGSEGV\nline 12"))
    )
    assert max(map(len, lines)) <= 100
    assert lines[lines.index("  loads: SIGSEGV") + 1] == "      line 12"
    start = next(i for i, line in enumerate(lines) if line.startswith("  one_step"))
    assert lines[start + 1].startswith("      ")
    assert " ".join(" ".join(lines[start : start + 3]).split()) == f"one_step[float64]: {LONG.strip()}"


def test_a_passed_backend_is_only_in_the_table(printed):
    """An unavailable backend has the command that installs its library."""
    lines = printed(
        report("right", "ok", CheckResult("one_step[float64]", True)),
        report("absent", "unavailable", failed("loads", "needs torch; install it: pip install gdbench[torch]")),
    )
    assert lines[3:] == ["", "absent: unavailable", "  loads: needs torch; install it: pip install gdbench[torch]"]


def test_names_do_not_control_the_terminal(printed):
    """A file name may hold any character."""
    lines = printed(report("\x1b[31mred", "failed", failed("loads", "no")))
    assert all(line.isprintable() for line in lines)
