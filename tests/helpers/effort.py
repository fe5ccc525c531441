"""How many examples a test draws: all of them in CI, a quarter elsewhere."""

import os

FULL = bool(os.environ.get("CI"))


def examples(count: int) -> int:
    """`count` in CI, a quarter of it elsewhere."""
    return count if FULL else max(1, count // 4)
