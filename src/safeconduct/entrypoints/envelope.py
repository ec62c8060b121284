"""Which revision of MCP a message speaks, and whether its headers say what its body says.

The body alone decides. The headers that mirror it (`MCP-Protocol-Version`, `Mcp-Method`,
`Mcp-Name`, `Mcp-Param-*`; MCP 2026-07-28, transports, "Request Metadata") are there for proxies on
the way: a message that they contradict would have been routed, limited or logged as another one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Final

from safeconduct.core.calls import HANDSHAKE, MODERN, Kind, kind_of
from safeconduct.entrypoints.http import Request
from safeconduct.entrypoints.wire import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    Message,
    Rejected,
    as_object,
    unsupported,
)

VERSION: Final = b"mcp-protocol-version"
_METHOD: Final = b"mcp-method"
_NAME: Final = b"mcp-name"
_PARAM: Final = b"mcp-param-"

VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"

OLDER: Final = ("2025-06-18", "2025-03-26")
"""Revisions whose clients are served like those of 2025-11-25: all three have what is here."""

_HANDSHAKE_ERA: Final = frozenset({HANDSHAKE, *OLDER})

_ENCODED: Final = ("=?base64?", "?=")


def speaks_modern(request: Request) -> bool:
    """What the head alone suggests: enough to choose the form of an error, and for nothing else."""
    version = request.headers.get(VERSION)
    return version is not None and version.decode("latin-1") not in _HANDSHAKE_ERA


def revision(request: Request, message: Message) -> str:
    """The row of the table that the message falls under: `MODERN` or `HANDSHAKE`.

    Raises:
        Rejected: header and body disagree (-32020), the revision is not spoken here (-32022), or
            the body lacks what its revision demands (-32602).
    """
    kind = kind_of("from-client", message.method)
    version = _header(request, message, VERSION)
    claimed = message.meta.get(VERSION_KEY)
    if claimed is None or claimed == version:
        # Without the header it is `initialize`, or a client of before 2025-06-18.
        if version is None or version in _HANDSHAKE_ERA:
            _agree(request, message, kind, required=False)
            return HANDSHAKE
        if version != MODERN:
            raise unsupported(version, message.id)
    else:
        raise Rejected(
            HEADER_MISMATCH,
            "MCP-Protocol-Version is not what the body says.",
            request_id=message.id,
        )
    if message.id is not None:
        _require_envelope(message)
    _agree(request, message, kind, required=message.id is not None)
    return MODERN


def _require_envelope(message: Message) -> None:
    for key, type_ in ((VERSION_KEY, str), (CAPABILITIES_KEY, dict)):
        if type(message.meta.get(key)) is not type_:
            raise Rejected(INVALID_PARAMS, f"params._meta must carry {key}.", request_id=message.id)


def _agree(request: Request, message: Message, kind: Kind | None, *, required: bool) -> None:
    """Raises Rejected (-32020) for a header that differs, or is required and missing."""
    method = _header(request, message, _METHOD)
    if method != message.method and (required or method is not None):
        raise Rejected(
            HEADER_MISMATCH, "Mcp-Method is not what the body says.", request_id=message.id
        )
    name = _header(request, message, _NAME)
    expected = message.params.get(kind.names) if kind is not None and kind.names else None
    if name is None:
        agreed = expected is None or not required
    else:
        agreed = expected is not None and expected == _decoded(name)
    if not agreed:
        raise Rejected(
            HEADER_MISMATCH, "Mcp-Name is not what the body says.", request_id=message.id
        )
    _mirror_arguments(request, message)


def require_mirrored(request: Request, message: Message, wanted: Mapping[str, str]) -> None:
    """Raises Rejected (-32020) unless each `Mcp-Param-*` header that is wanted, by its name, says
    what the body says.
    """
    for token, value in wanted.items():
        given = _header(request, message, _PARAM + token.encode("ascii"))
        if given is None or _decoded(given) != value:
            raise Rejected(
                HEADER_MISMATCH,
                f"Mcp-Param-{token} is not what the body says.",
                request_id=message.id,
            )


def _mirror_arguments(request: Request, message: Message) -> None:
    """An `Mcp-Param-*` header must mirror some argument. Which one only the tool's definition
    knows; nothing here is decided on it, so equality with any of them takes away its power to
    mislead. The arguments are gone through once for all: nobody has shown a token yet.
    """
    given = [field for field in request.headers if field.startswith(_PARAM)]
    if not given:
        return
    unmatched = {_decoded(_header(request, message, field) or "") for field in given}
    unmatched.difference_update(_renderings(message.params.get("arguments")))
    if unmatched:
        raise Rejected(
            HEADER_MISMATCH, "An Mcp-Param header mirrors no argument.", request_id=message.id
        )


def _renderings(value: object) -> Iterator[str]:
    """How the scalars in an object, at any depth, are written in a header."""
    for item in (as_object(value) or {}).values():
        if type(item) is bool:
            yield "true" if item else "false"
        elif type(item) in {str, int, float}:
            yield str(item)
        else:
            yield from _renderings(item)


def _header(request: Request, message: Message, name: bytes) -> str | None:
    value = request.headers.get(name)
    if value is None:
        return None
    if request.repeats(name):
        raise Rejected(
            HEADER_MISMATCH,
            f"The header {name.decode('latin-1')} may be sent once.",
            request_id=message.id,
        )
    return value.decode("latin-1")


def _decoded(value: str) -> str | None:
    """The text of a mirrored header, which is in base64 where it is not plain ASCII.

    None for bad base64, for a second spelling of the same text, and for bytes that are not ASCII.
    """
    start, end = _ENCODED
    if not (value.startswith(start) and value.endswith(end) and len(value) >= len(start + end)):
        return value if value.isascii() else None
    inner = value[len(start) : -len(end)]
    try:
        raw = base64.b64decode(inner, validate=True)
        text = raw.decode()
    except (binascii.Error, ValueError):
        return None
    return text if base64.b64encode(raw).decode() == inner else None
