"""Blocks of content, and the contents of resources, rebuilt member by member (MCP, "Content").

Annotations are not among the members: they are an upstream's claims about its own text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from safeconduct.core.shapes import JSON, Malformed, object_of

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


def block(item: object) -> JSON:
    """One block of content. Raises Malformed."""
    given = object_of(item)
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in BLOCKS:
        raise Malformed
    if kind == "resource":
        return {"type": kind, "resource": contents(given.get("resource"))}
    extras = BLOCK_EXTRAS if kind == "resource_link" else ()
    return {"type": kind, **texts(given, BLOCKS[kind], extras)}


def contents(item: object) -> JSON:
    """The contents of one resource, as text or as bytes: of both, one reader would take the other
    than the next. Raises Malformed.
    """
    kept = texts(object_of(item), CONTENTS, CONTENTS_EXTRAS)
    if ("text" in kept) == ("blob" in kept):
        raise Malformed
    return kept


def texts(value: Mapping[str, Any], required: tuple[str, ...], extras: tuple[str, ...]) -> JSON:
    """The members that are texts, all required ones among them. Raises Malformed."""
    kept = {name: value[name] for name in required + extras if isinstance(value.get(name), str)}
    if not kept.keys() >= frozenset(required):
        raise Malformed
    return kept
