"""Grouping, and reading of nested dictionaries."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
K = TypeVar("K")


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """The items by their key, in the order in which the keys occur."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def get_nested(data: Any, *path: str) -> Any:
    """data[path[0]][path[1]]… of nested dictionaries; None if a key is missing."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data
