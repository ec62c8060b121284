"""The results that upstreams may answer with, rebuilt member by member (MCP, revisions 2025-11-25
and 2026-07-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from safeconduct.core.blocks import block, contents, texts
from safeconduct.core.shapes import JSON, Malformed, items_of, object_of, strings_of


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
            return {"contents": [contents(item) for item in items_of(result, "contents")]}
        case "prompts/get":
            messages = [_message(item) for item in items_of(result, "messages")]
            return {"messages": messages, **texts(result, (), ("description",))}
        case "completion/complete":
            return {"completion": _completion(object_of(result.get("completion")))}
        case _:
            raise Malformed


def _tool_result(result: Mapping[str, Any]) -> JSON:
    kept: JSON = {"content": [block(item) for item in items_of(result, "content")]}
    structured = result.get("structuredContent")
    if structured is not None:
        kept["structuredContent"] = _without_meta(object_of(structured))
    if "isError" in result:
        if type(result["isError"]) is not bool:
            raise Malformed
        kept["isError"] = result["isError"]
    return kept


def _message(item: object) -> JSON:
    message = object_of(item)
    if message.get("role") not in ("user", "assistant"):
        raise Malformed
    return {"role": message["role"], "content": block(message.get("content"))}


MAX_COMPLETIONS: Final = 100
"""How many values one completion may have (MCP, "Completion")."""


def _completion(given: JSON) -> JSON:
    values = strings_of(given.get("values"))
    if len(values) > MAX_COMPLETIONS:
        raise Malformed
    kept: JSON = {"values": values}
    if type(given.get("total")) is int:
        kept["total"] = given["total"]
    if type(given.get("hasMore")) is bool:
        kept["hasMore"] = given["hasMore"]
    return kept


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
