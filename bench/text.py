"""Numbers and names as text: units, digits, shortening, escaping.

Numbers have three significant digits and a suitable unit, so that no nonzero value is shown as zero.
"""

import html
import math
import re
import shlex
from collections.abc import Iterable
from typing import Any

MISSING = "–"  # for a missing value
NO_BREAK = "\u00a0"  # between groups of three digits, so that a number does not break over two lines
SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3), ("B", 1))
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def significant(value: float) -> str:
    """Three significant digits: 7.10, 725, 12 300; scientific below 0.001 and from 10 million on."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "∞"
    rounded = _rounded(value)
    if not 1e-3 <= abs(rounded) < 1e7:
        return f"{value:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}".replace(",", NO_BREAK)


def scientific(value: float | None) -> str:
    """A value in a data table: 7.100e-06; empty for None."""
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.3e}"


def duration(seconds: float) -> str:
    """7.10 ms"""
    unit, scale = _unit(seconds) if seconds else UNITS[0]
    return f"{significant(seconds / scale)} {unit}"


def duration_interval(seconds: float, low: float | None, high: float | None) -> str:
    """7.10 ms [7.02, 7.21], all in the unit of the median."""
    unit, scale = _unit(seconds)
    return f"{significant(seconds / scale)} {unit}{interval(low, high, scale)}"


def ratio_interval(ratio: float, low: float | None, high: float | None) -> str:
    """8.14× [8.01, 8.30]"""
    return f"{significant(ratio)}×{interval(low, high)}"


def memory(size: int) -> str:
    """Bytes in powers of 1000: 80.0 MB."""
    unit, scale = next((name, scale) for name, scale in SIZES if size >= scale or scale == 1)
    return f"{significant(size / scale)} {unit}"


def percent(share: float) -> str:
    """share = 0.09 as 9.00 %"""
    return f"{significant(100 * share)} %"


def count(number: int) -> str:
    """1 000 000"""
    return f"{number:,}".replace(",", NO_BREAK)


def number_of(number: int, noun: str) -> str:
    """1 thread, 2 threads, 6 processes"""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{count(number)} {noun if number == 1 else plural}"


def span(numbers: Iterable[int]) -> str:
    """5, or 10 to 1 000; empty text for no number."""
    ends = sorted(set(numbers))
    return " to ".join(count(number) for number in dict.fromkeys([ends[0], ends[-1]])) if ends else ""


def listed(words: list[str]) -> str:
    """a, b and c"""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def words(value: Any, depth: int = 10) -> str:
    """A value of a JSON document in words: "yes", "1 000", "avx2, fma", "not known". Deeper levels become "…"."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return ", ".join(f"{clean(str(k), 60)} {words(v, depth - 1)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        separator = "; " if any(isinstance(v, dict) for v in value) else ", "
        return separator.join(words(v, depth - 1) for v in value) or "none"
    return clean(str(value), 400)


def tick(value: float) -> str:
    """The label of a tick of an axis: 0.5, 20, 1 000."""
    return f"{value:,.10g}".replace(",", NO_BREAK)


def duration_tick(seconds: float) -> str:
    """1 µs, 10 µs, 1 ms"""
    unit, scale = _unit(seconds)
    return f"{tick(_rounded(seconds / scale))} {unit}"


def clean(text: str, width: int | None = None, lines: bool = False) -> str:
    """Printable characters only, at most `width`, so that a name cannot control a terminal or break a layout.

    lines: keep the line breaks. A longer text loses its middle, because its ends identify it best.
    """
    if lines:
        return "\n".join(clean(line) if line.strip() else "" for line in text.splitlines())
    words = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text).split()
    plain = " ".join(words) or "(no text)"
    if width is None or len(plain) <= width:
        return plain
    tail = (width - 1) // 3
    return plain[: width - 1 - tail] + "…" + plain[len(plain) - tail :]


def operand(path: object) -> str:
    """A path as a word of a command. One that starts with a dash would be taken for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def command(*words: str, path: object) -> str:
    """A gdbench command on a path, to copy into a shell."""
    return shlex.join(["gdbench", *words, operand(path)])


def markdown(text: str, width: int | None = None) -> str:
    """Cleaned text for Markdown, with markup, HTML, formulas and the ends of table cells escaped."""
    plain = html.escape(clean(text, width), quote=False)
    plain = re.sub(r"([\\`*\[\]|~$#])", r"\\\1", plain)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", plain)  # an underscore inside a word is no markup


def markdown_code(text: str) -> str:
    """Cleaned text as a code span, whatever backticks it holds."""
    plain = clean(text)
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    return f"{fence} {plain} {fence}" if "`" in plain else f"`{plain}`"


def _rounded(value: float) -> float:
    return float(f"{value:.2e}")


def _unit(seconds: float) -> tuple[str, float]:
    """The largest unit in which the rounded value is at least 1, or nanoseconds."""
    return next(((name, scale) for name, scale in UNITS if _rounded(abs(seconds) / scale) >= 1), UNITS[-1])


def interval(low: float | None, high: float | None, scale: float = 1.0) -> str:
    """[7.02, 7.21] in the unit of `scale`; empty without an interval."""
    if low is None or high is None:
        return ""
    return f" [{significant(low / scale)}, {significant(high / scale)}]"
