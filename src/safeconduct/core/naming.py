"""Names on the aggregated wire, where several upstreams share one endpoint. Pure.

A tool or prompt is `<upstream>__<name>`, a resource `safeconduct://<upstream>/<its own URI>`, byte
for byte: an upstream's id has neither `__` nor `/`, so there is one way to read a name. At an
upstream's own endpoint names are what they are.
"""

from __future__ import annotations

from typing import Any, Final, cast

JSON = dict[str, Any]

_SEPARATOR: Final = "__"
_SCHEME: Final = "safeconduct://"


def joined(upstream: str, name: str) -> str:
    """The name of a tool or prompt on the aggregated wire."""
    return f"{upstream}{_SEPARATOR}{name}"


def split(wire_name: str) -> tuple[str, str] | None:
    """The upstream and the name behind a tool's or prompt's name, or None."""
    upstream, separator, name = wire_name.partition(_SEPARATOR)
    return (upstream, name) if separator else None


def wrapped(upstream: str, uri: str) -> str:
    """The URI, or URI template, of a resource on the aggregated wire."""
    return f"{_SCHEME}{upstream}/{uri}"


def unwrapped(wire_uri: str) -> tuple[str, str] | None:
    """The upstream and the URI behind a resource's URI, or None."""
    if not wire_uri.startswith(_SCHEME):
        return None
    upstream, separator, uri = wire_uri[len(_SCHEME) :].partition("/")
    return (upstream, uri) if separator else None


def with_wrapped_uris(upstream: str, result: JSON) -> JSON:
    """A result that was admitted, with the URIs of resources in it as the wire has them."""
    changed = dict(result)
    for member in ("content", "contents"):
        if member in changed:
            changed[member] = [_wrapped(upstream, one) for one in changed[member]]
    if "messages" in changed:
        changed["messages"] = [
            {**message, "content": _wrapped(upstream, message["content"])}
            for message in cast("list[JSON]", changed["messages"])
        ]
    return changed


def _wrapped(upstream: str, block: JSON) -> JSON:
    """A block of content, or the contents of a resource."""
    if "resource" in block:
        return {**block, "resource": _wrapped(upstream, block["resource"])}
    return {**block, "uri": wrapped(upstream, block["uri"])} if "uri" in block else block
