"""Paths into JSON values: names and `*` for every element, joined by dots (`messages.*.body`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, cast

MAX_VALUES: Final = 10_000
"""How many values one path may reach; a path that reaches more is refused, not cut short."""


class TooManyValues(ValueError):
    """A path reaches more values than may be judged."""


def select(value: object, path: str) -> list[Any]:
    """Every value that a path reaches; a leading `$.` is ignored, `$` alone is the value itself.

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
    inner = path.removeprefix("$").removeprefix(".")
    return tuple(inner.split(".")) if inner else ()


def _walk(value: object, parts: tuple[str, ...]) -> Iterator[object]:
    if not parts:
        yield value
        return
    head, rest = parts[0], parts[1:]
    for item in _below(value, head):
        yield from _walk(item, rest)


def _below(value: object, head: str) -> Iterable[object]:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if head == "*":
            return members.values()
        return (members[head],) if head in members else ()
    return cast("list[object]", value) if head == "*" and isinstance(value, list) else ()
