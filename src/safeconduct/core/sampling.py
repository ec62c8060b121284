"""Requests for a completion, and lists of roots. Rebuilt member by member. Pure.

Source: MCP 2025-11-25 and 2026-07-28, client features, "Sampling" and "Roots".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from safeconduct.core.blocks import block
from safeconduct.core.shapes import (
    JSON,
    Malformed,
    NotAllowed,
    is_number,
    items_of,
    object_of,
    strings_of,
    text_of,
)

MAX_MESSAGES: Final = 64
"""How many messages one request for a completion may have."""


_PRIORITIES: Final = ("costPriority", "speedPriority", "intelligencePriority")


def sampling(params: Mapping[str, Any]) -> JSON:
    """A request for a completion, without the context of other servers.

    Raises:
        Malformed: it is not what the protocol says.
        NotAllowed: it brings tools of its own, whose calls would not be seen here.
    """
    if "tools" in params or "toolChoice" in params:
        raise NotAllowed
    messages = items_of(params, "messages")
    if len(messages) > MAX_MESSAGES or type(params.get("maxTokens")) is not int:
        raise Malformed
    kept: JSON = {
        "messages": [_sampled(item) for item in messages],
        "maxTokens": params["maxTokens"],
        "includeContext": "none",
    }
    if "systemPrompt" in params:
        kept["systemPrompt"] = text_of(params, "systemPrompt")
    if is_number(params.get("temperature")):
        kept["temperature"] = params["temperature"]
    if "stopSequences" in params:
        kept["stopSequences"] = strings_of(params["stopSequences"])
    if "modelPreferences" in params:
        kept["modelPreferences"] = _preferences(object_of(params["modelPreferences"]))
    return kept


def _preferences(said: JSON) -> JSON:
    kept: JSON = {
        name: said[name]
        for name in _PRIORITIES
        if is_number(said.get(name)) and 0 <= said[name] <= 1
    }
    if "hints" in said:
        kept["hints"] = [
            {"name": text_of(object_of(one), "name")} for one in items_of(said, "hints")
        ]
    return kept


def _sampled(item: object) -> JSON:
    message = object_of(item)
    if message.get("role") not in ("user", "assistant"):
        raise Malformed
    content = message.get("content")
    if isinstance(content, list):
        blocks = [block(one) for one in cast("list[object]", content)]
        return {"role": message["role"], "content": blocks}
    return {"role": message["role"], "content": block(message.get("content"))}


def completed(result: Mapping[str, Any]) -> JSON:
    """What a model answered. Raises Malformed."""
    kept = {**_sampled(result), "model": text_of(result, "model")}
    if "stopReason" in result:
        kept["stopReason"] = text_of(result, "stopReason")
    return kept


def _root(item: object) -> JSON:
    root = object_of(item)
    kept: JSON = {"uri": text_of(root, "uri")}
    if not kept["uri"].startswith("file://"):
        raise Malformed
    if "name" in root:
        kept["name"] = text_of(root, "name")
    return kept


def roots(result: Mapping[str, Any]) -> JSON:
    """The directories that a client offers. Raises Malformed."""
    return {"roots": [_root(item) for item in items_of(result, "roots")]}
