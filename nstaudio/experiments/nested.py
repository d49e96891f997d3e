"""Nested settings by dotted key."""

from collections.abc import Iterator
from typing import Any


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted key and the value of each leaf; an empty mapping has none."""
    if not isinstance(value, dict):
        yield key, value
        return
    for name, below in value.items():
        yield from leaves(below, f"{key}.{name}" if key else str(name))
