"""Make races of Python threads visible."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PAUSES, PAUSE_S = 3, 5e-4  # of a thread


@contextmanager
def meeting_threads() -> Iterator[None]:
    """Let new threads of Python pause at their first calls, and switch often, so that each starts before others end."""
    pauses, installing = threading.local(), threading.Lock()  # two threads may not install a profiler at once
    run = threading.Thread.run

    def pause(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("threading", "concurrent", "bench"):
            time.sleep(PAUSE_S)
            pauses.count = getattr(pauses, "count", 0) + 1
            if pauses.count == PAUSES:
                with installing:
                    sys.setprofile(None)

    def run_with_pauses(thread: threading.Thread) -> None:
        with installing:
            sys.setprofile(pause)
        run(thread)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threading.Thread.run = run_with_pauses  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        threading.Thread.run = run  # type: ignore[method-assign]
