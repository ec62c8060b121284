"""Members of a JSON object that somebody else wrote, by the type that the protocol gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

JSON = dict[str, Any]


class Malformed(ValueError):
    """A message that is not what the protocol says."""


class NotAllowed(Exception):
    """A message that is what the protocol says, and yet may not pass here."""


def object_of(value: object) -> JSON:
    """A JSON object. Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed
    return cast("JSON", value)


def items_of(value: Mapping[str, Any], name: str) -> list[object]:
    """The list under a name. Raises Malformed."""
    items = value.get(name)
    if not isinstance(items, list):
        raise Malformed
    return cast("list[object]", items)


def text_of(value: Mapping[str, Any], name: str) -> str:
    """The text under a name. Raises Malformed."""
    text = value.get(name)
    if not isinstance(text, str):
        raise Malformed
    return text


def strings_of(value: object) -> list[str]:
    """A list of texts. Raises Malformed."""
    items = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, str) for item in items):
        raise Malformed
    return cast("list[str]", items)


def is_number(value: object) -> bool:
    """Whether a value is a number; `true` is none."""
    return type(value) in (int, float)
