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
    pauses = threading.local()

    def pause(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("threading", "concurrent"):
            time.sleep(PAUSE_S)
            pauses.count = getattr(pauses, "count", 0) + 1
            if pauses.count == PAUSES:
                sys.setprofile(None)

    interval, profile = sys.getswitchinterval(), threading.getprofile()
    sys.setswitchinterval(1e-6)
    threading.setprofile(pause)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        threading.setprofile(profile)
