"""Paths into JSON values: names and `*` for every element, joined by dots (`messages.*.body`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

MAX_VALUES: Final = 10_000
"""How many values one path may reach; a path that reaches more is refused, not cut short."""


class TooManyValues(ValueError):
    """A path reaches more values than may be judged."""


def select(value: Any, path: str) -> list[Any]:
    """Every value that a path reaches; an optional leading `$.` is ignored.

    Raises:
        TooManyValues: more than `MAX_VALUES` values.
    """
    found: list[Any] = []
    for item in _walk(value, _parts(path)):
        found.append(item)
        if len(found) > MAX_VALUES:
            raise TooManyValues
    return found


@lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.removeprefix("$").lstrip(".").split("."))


def _walk(value: Any, parts: tuple[str, ...]) -> Iterator[Any]:
    if not parts or parts == ("",):
        yield value
        return
    head, rest = parts[0], parts[1:]
    if head == "*":
        if isinstance(value, list):
            for item in value:
                yield from _walk(item, rest)
        elif isinstance(value, dict):
            for item in value.values():
                yield from _walk(item, rest)
    elif isinstance(value, dict) and head in value:
        yield from _walk(value[head], rest)
