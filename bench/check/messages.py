"""What the cross-check reports, and the messages from its child process to the parent."""

from typing import Literal

import msgspec

CheckStatus = Literal["ok", "wrong", "failed", "unavailable"]

# Parts of the details of failed checks. Hints and exercises of the course recognize a mistake by them.
SHARES_MEMORY = "shares the memory"
REUSED_BUFFER = "a buffer is reused"
SECOND_CALL = "a second call"
INPUT_CHANGED = "was changed by prepare or fit"
WRITTEN_TO = "is written to"  # a read-only input
RIGHT_AT_FIRST = "right at first, but after a call with"
EARLIER_RESULT = "returned the result of an earlier one again"
DIFFERS = "the result differs between repetitions"
STRICT = "the comparison is strict"
RAISED = "raised "
NO_MISTAKE = "no known mistake fits these numbers"  # a hint


class CheckResult(msgspec.Struct):
    """The result of one check on one backend, an entry of "checks" in the document of `gdbench check --json`.

    check: its name with the dtype and, where it is not all of them, the number of threads. detail: why it failed.
    hint: the probable mistake. error, bound: the largest error and the bound that it must keep, None where the check
    compares no numbers.
    """

    check: str
    passed: bool
    detail: str | None = None
    hint: str | None = None
    error: float | None = None
    bound: float | None = None


class BackendReport(msgspec.Struct):
    """All results of one backend, an entry of "backends" in the document of `gdbench check --json`.

    status: "wrong" if a check found a wrong answer, "failed" if the backend raised, crashed or hung, "unavailable" if
    its library is missing.
    """

    backend: str
    passed: bool
    status: CheckStatus
    checks: list[CheckResult]


class CheckReport(msgspec.Struct):
    """The document of `gdbench check --json`. passed: at least one backend is ok, and none is wrong or failed."""

    passed: bool
    backends: list[BackendReport]


class CheckStarts(msgspec.Struct, frozen=True, tag="starts", tag_field="event"):
    """A check is about to run. If the child dies now, this check is the cause."""

    check: str


class CheckEnds(msgspec.Struct, frozen=True, tag="ends", tag_field="event"):
    """A check is finished. wrong: it failed because of a wrong answer or a write to an input, not of another error."""

    result: CheckResult
    wrong: bool


class HintFound(msgspec.Struct, frozen=True, tag="hint", tag_field="event"):
    """The hint for the last result. It comes separately, because the backend may crash while the hint is sought."""

    hint: str


class BackendEnds(msgspec.Struct, frozen=True, tag="backend", tag_field="event"):
    """All checks of the backend are finished, or it cannot be loaded, for the reason in `detail`."""

    status: CheckStatus
    detail: str | None = None


CheckMessage = CheckStarts | CheckEnds | HintFound | BackendEnds
