"""The number of random examples per test: all of them in CI, a quarter of them elsewhere."""

import os


def examples(count: int) -> int:
    """`count` in CI, a quarter of it elsewhere."""
    return count if os.environ.get("CI") else max(1, count // 4)
