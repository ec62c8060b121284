"""The results that upstreams may answer with, rebuilt member by member (MCP, revisions 2025-11-25
and 2026-07-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

JSON = dict[str, Any]

BLOCKS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("text",),
    "image": ("data", "mimeType"),
    "audio": ("data", "mimeType"),
    "resource_link": ("uri", "name"),
    "resource": (),
}
"""The kinds of content block, and the texts that each must have."""

BLOCK_EXTRAS: Final = ("title", "description", "mimeType")
"""The texts that a link to a resource may have besides."""

CONTENTS: Final = ("uri",)
CONTENTS_EXTRAS: Final = ("mimeType", "text", "blob")
"""The texts that the contents of a resource must have, and may have besides."""


class Malformed(ValueError):
    """An answer that is not what the protocol says."""


def rebuilt(method: str, result: Mapping[str, Any]) -> JSON:
    """The result of a method that takes the page, with nothing in it but what is known here.

    Raises:
        Malformed: a required member is missing, or a member is of the wrong type.
    """
    if result.get("resultType", "complete") != "complete":
        raise Malformed
    match method:
        case "tools/call":
            return _tool_result(result)
        case "resources/read":
            return {"contents": [_contents(item) for item in _list(result, "contents")]}
        case "prompts/get":
            messages = [_message(item) for item in _list(result, "messages")]
            return {"messages": messages, **_texts(result, (), ("description",))}
        case _:
            raise Malformed


def _tool_result(result: Mapping[str, Any]) -> JSON:
    kept: JSON = {"content": [_block(item) for item in _list(result, "content")]}
    structured = result.get("structuredContent")
    if structured is not None:
        kept["structuredContent"] = _without_meta(_object(structured))
    if "isError" in result:
        if type(result["isError"]) is not bool:
            raise Malformed
        kept["isError"] = result["isError"]
    return kept


def _message(item: object) -> JSON:
    message = _object(item)
    if message.get("role") not in ("user", "assistant"):
        raise Malformed
    return {"role": message["role"], "content": _block(message.get("content"))}


def _block(item: object) -> JSON:
    block = _object(item)
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in BLOCKS:
        raise Malformed
    if kind == "resource":
        return {"type": kind, "resource": _contents(block.get("resource"))}
    extras = BLOCK_EXTRAS if kind == "resource_link" else ()
    return {"type": kind, **_texts(block, BLOCKS[kind], extras)}


def _contents(item: object) -> JSON:
    return _texts(_object(item), CONTENTS, CONTENTS_EXTRAS)


def _texts(value: Mapping[str, Any], required: tuple[str, ...], extras: tuple[str, ...]) -> JSON:
    kept = {name: value[name] for name in required + extras if isinstance(value.get(name), str)}
    if not kept.keys() >= frozenset(required):
        raise Malformed
    return kept


def _object(value: object) -> JSON:
    if not isinstance(value, dict):
        raise Malformed
    return cast("JSON", value)


def _list(result: Mapping[str, Any], name: str) -> list[object]:
    value = result.get(name)
    if not isinstance(value, list):
        raise Malformed
    return cast("list[object]", value)


def _without_meta(value: object) -> object:
    """The value without any member called `_meta`, however deep."""
    if isinstance(value, list):
        return [_without_meta(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        members = cast("JSON", value).items()
        return {
            # Most members are texts: a call for each would cost more than all the rest.
            name: item if type(item) is str else _without_meta(item)
            for name, item in members
            if name != "_meta"
        }
    return value
