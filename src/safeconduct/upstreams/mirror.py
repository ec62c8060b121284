"""Header fields that repeat parts of a request's body (revision 2026-07-28, transports).

They are built from the body that is sent, never taken from the agent. Which arguments a tool wants
repeated stands in its `inputSchema` as `x-mcp-header`; it is learned from lists that pass by. A
schema with an annotation that breaks the rules gets no header at all, as the revision says.
"""

from __future__ import annotations

import base64
from typing import Final, cast

from safeconduct.core.mirrored import Path, fields, of_definition
from safeconduct.ports import JSON

_NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_MAX_TOOLS: Final = 4096


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
                wanted = fields(self._arguments.get(name, {}), params.get("arguments"))
                for token, value in wanted.items():
                    headers[f"mcp-param-{token}"] = encode(value)
        return headers

    def learn(self, listed: JSON) -> None:
        """Take note of what the tools in a result of `tools/list` want repeated."""
        tools = listed.get("tools")
        for item in cast("list[object]", tools) if isinstance(tools, list) else []:
            tool = cast("JSON", item) if isinstance(item, dict) else {}
            name = tool.get("name")
            if not isinstance(name, str):
                continue
            self._arguments.pop(name, None)
            wanted = of_definition(tool)
            if wanted and len(self._arguments) < _MAX_TOOLS:
                self._arguments[name] = wanted


def encode(value: str) -> str:
    """A header value that survives the wire: printable ASCII as it is, all else in base64."""
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="
