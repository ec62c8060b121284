"""Header fields that repeat parts of a request's body (revision 2026-07-28, transports).

They are built from the body that is sent, never taken from the agent. Which arguments a tool wants
repeated stands in its `inputSchema` as `x-mcp-header`; it is learned from lists that pass by. A
schema with an annotation that breaks the rules gets no header at all, as the revision says.
"""

from __future__ import annotations

import base64
import re
from typing import Final, cast

from safeconduct.ports import JSON

_NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_ANNOTATION: Final = "x-mcp-header"
_TYPES: Final = frozenset({"string", "integer", "boolean"})
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MAX_TOOLS: Final = 4096

Path = tuple[str, ...]


class BrokenAnnotation(ValueError):
    """An `x-mcp-header` that the revision does not allow."""


class Mirror:
    """Builds the mirroring header fields of requests to one upstream."""

    def __init__(self) -> None:
        self._arguments: dict[str, dict[Path, str]] = {}

    def headers(self, method: str, params: JSON) -> dict[str, str]:
        """The fields for one request, names in lower case."""
        headers = {"mcp-method": encode(method)}
        named_by = _NAMED_BY.get(method)
        name = params.get(named_by) if named_by is not None else None
        if isinstance(name, str):
            headers["mcp-name"] = encode(name)
            if method == "tools/call":
                for path, token in self._arguments.get(name, {}).items():
                    value = _render(_at(params.get("arguments"), path))
                    if value is not None:
                        headers[f"mcp-param-{token}"] = encode(value)
        return headers

    def learn(self, listed: JSON) -> None:
        """Take note of what the tools in a result of `tools/list` want repeated."""
        tools = listed.get("tools")
        for item in cast("list[object]", tools) if isinstance(tools, list) else []:
            tool = cast("JSON", item) if isinstance(item, dict) else {}
            name, schema = tool.get("name"), tool.get("inputSchema")
            if not isinstance(name, str) or not isinstance(schema, dict):
                continue
            self._arguments.pop(name, None)
            try:
                annotated = _annotated(cast("JSON", schema))
            except BrokenAnnotation:
                continue
            if annotated and len(self._arguments) < _MAX_TOOLS:
                self._arguments[name] = annotated


def encode(value: str) -> str:
    """A header value that survives the wire: printable ASCII as it is, all else in base64."""
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def _annotated(schema: JSON) -> dict[Path, str]:
    """Where the arguments are that a schema wants repeated, and the name of each one's field.

    Raises:
        BrokenAnnotation: one of them is not a token, not on a scalar, or not unique.
    """
    found: dict[Path, str] = {}
    pending: list[tuple[Path, JSON]] = [((), schema)]
    while pending:
        path, node = pending.pop()
        if _ANNOTATION in node:
            token = node[_ANNOTATION]
            if not path or not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise BrokenAnnotation(_ANNOTATION)
            kind = node.get("type")
            if not isinstance(kind, str) or kind not in _TYPES or token.lower() in found.values():
                raise BrokenAnnotation(_ANNOTATION)
            found[path] = token.lower()
        properties = node.get("properties")
        if isinstance(properties, dict):
            pending += [
                ((*path, key), cast("JSON", sub))
                for key, sub in cast("JSON", properties).items()
                if isinstance(sub, dict)
            ]
    return found


def _at(arguments: object, path: Path) -> object:
    node = arguments
    for key in path:
        node = cast("JSON", node).get(key) if isinstance(node, dict) else None
    return node


def _render(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # as the canonical body writes it
    return str(value) if isinstance(value, str | int | float) else None
