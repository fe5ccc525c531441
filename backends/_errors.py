"""The error of a backend as one line, and as a whole traceback. Neither function raises."""

import traceback
from pathlib import Path

MAX_MESSAGE, MAX_TRACEBACK = 2000, 200_000  # characters; a longer text loses its middle
PROGRAM = Path(__file__).resolve().parents[1] / "bench"


def describe_error(error: BaseException, file: str | Path | None, when: str = "") -> str:
    """The type of an error, `when` it was raised, its message, and its place: "ValueError: no (mine.py, line 5)".

    file: of the backend. The place is its innermost frame, or that of another file if it has none. The line of source
    stands for a missing message.
    """
    kind = f"{type(error).__name__}{when}"
    try:
        message = _shortened(" ".join(str(error).split()), MAX_MESSAGE)
    except BaseException:  # raised by a broken __str__
        message = ""
    try:
        frame = _frame(error, str(file))
    except Exception:  # out of memory, or a broken file
        frame = None
    message = message or (frame and frame.line) or ""
    place = f" ({Path(frame.filename).name}, line {frame.lineno})" if frame else ""
    return f"{kind}: {message}{place}" if message else f"{kind}{place}"


def full_traceback(error: BaseException) -> str:
    """The traceback of an error with those of its causes, as Python prints it."""
    try:
        return _shortened("".join(traceback.format_exception(error)), MAX_TRACEBACK)
    except Exception as failure:
        return f"no traceback of {type(error).__name__}: {type(failure).__name__}\n"


def _frame(error: BaseException, file: str) -> traceback.FrameSummary | None:
    frames = traceback.extract_tb(error.__traceback__)
    if own := [frame for frame in frames if frame.filename == file]:
        return own[-1]
    if not frames or isinstance(error, SyntaxError):  # its message has the place
        return None
    path = frames[-1].filename
    return None if path.startswith("<") or Path(path).is_relative_to(PROGRAM) else frames[-1]


def _shortened(text: str, length: int) -> str:
    """The text, encodable and without its middle if it is longer."""
    if len(text) > length:
        text = f"{text[: length // 2]} … {text[-length // 2 :]}"
    return text.encode(errors="replace").decode()
