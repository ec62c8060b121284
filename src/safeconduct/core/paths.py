"""Paths into JSON values: names, `*` for every element and `~` for every name of an object, joined
by dots (`messages.*.body`, `shared_with.~`).
"""

from __future__ import annotations

from collections.abc import Iterable
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
    found: list[Any] = [value]
    for name in _parts(path):
        found = [below for item in found for below in _below(item, name)]
    if len(found) > MAX_VALUES:
        raise TooManyValues
    return found


def replaced(value: object, path: str, by: object) -> object:
    """A copy of a JSON value with another in every place that a path reaches."""
    return _replaced(value, _parts(path), by)


def _replaced(value: object, parts: tuple[str, ...], by: object) -> object:
    if not parts:
        return by
    name, *rest = parts
    if isinstance(value, dict):
        return {
            key: _replaced(item, tuple(rest), by) if name in ("*", key) else item
            for key, item in cast("dict[str, object]", value).items()
        }
    if name == "*" and isinstance(value, list):
        return [_replaced(item, tuple(rest), by) for item in cast("list[object]", value)]
    return value


@lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, ...]:
    inner = path.removeprefix("$").removeprefix(".")
    return tuple(inner.split(".")) if inner else ()


def _below(value: object, name: str) -> Iterable[object]:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        if name == "*":
            return members.values()
        if name == "~":
            return members.keys()
        return (members[name],) if name in members else ()
    return cast("list[object]", value) if name == "*" and isinstance(value, list) else ()
