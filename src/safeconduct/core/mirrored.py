"""Arguments that a tool wants repeated in header fields (`x-mcp-header`; MCP 2026-07-28).

Proxies on the way may look at the fields, so they must say what the body says. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

JSON = dict[str, Any]

Path = tuple[str, ...]
"""Where an argument is: the names of the members that lead to it."""

_ANNOTATION: Final = "x-mcp-header"
_TYPES: Final = frozenset({"string", "integer", "boolean"})
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class BrokenAnnotation(ValueError):
    """An `x-mcp-header` that the revision does not allow."""


def annotated(schema: JSON) -> dict[Path, str]:
    """Where the arguments are that a schema wants repeated, and the name of each one's field after
    `Mcp-Param-`, in lower case.

    Raises:
        BrokenAnnotation: one of them is not a token, not on a scalar, or not unique.
    """
    found: dict[Path, str] = {}
    taken: set[str] = set()
    pending: list[tuple[Path, JSON]] = [((), schema)]
    while pending:
        path, node = pending.pop()
        if _ANNOTATION in node:
            token = node[_ANNOTATION]
            if not path or not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise BrokenAnnotation(_ANNOTATION)
            kind, name = node.get("type"), token.lower()
            if not isinstance(kind, str) or kind not in _TYPES or name in taken:
                raise BrokenAnnotation(_ANNOTATION)
            taken.add(name)
            found[path] = name
        properties = node.get("properties")
        if isinstance(properties, dict):
            pending += [
                ((*path, key), cast("JSON", sub))
                for key, sub in cast("JSON", properties).items()
                if isinstance(sub, dict)
            ]
    return found


def of_definition(definition: JSON) -> dict[Path, str]:
    """What a tool's definition wants repeated; nothing where an annotation breaks the rules."""
    schema = definition.get("inputSchema")
    try:
        return annotated(cast("JSON", schema)) if isinstance(schema, dict) else {}
    except BrokenAnnotation:
        return {}


def fields(wanted: Mapping[Path, str], arguments: object) -> dict[str, str]:
    """The value of each field, by its name, for the arguments that are there."""
    rendered = {token: _rendering(_at(arguments, path)) for path, token in wanted.items()}
    return {token: value for token, value in rendered.items() if value is not None}


def _at(arguments: object, path: Path) -> object:
    node = arguments
    for key in path:
        node = cast("JSON", node).get(key) if isinstance(node, dict) else None
    return node


def _rendering(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # as the canonical body writes it
    return str(value) if isinstance(value, str | int | float) else None
