"""One line of a local client: a request, a notification or a response, read as the gateway will.

The bytes are kept, as they are what is sent. Nothing is decided on them here: they are read to know
what is answered to whom, and which header fields mirror them.
"""

from __future__ import annotations

from typing import Final, cast

import msgspec
import orjson

from safeconduct.kit import strictjson
from safeconduct.ports import JSON

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603

MAX_BYTES: Final = 16_777_216
"""The longest message: the most that a gateway can be configured to take."""

_VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"

Id = str | int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was understood. A request has a method and an id, a notification only a method,
    a response only an id.
    """

    line: bytes
    id: Id | None
    method: str | None
    params: JSON

    @property
    def revision(self) -> str | None:
        """The revision that the message itself names, as each does since 2026-07-28."""
        meta = self.params.get("_meta")
        named = cast("JSON", meta).get(_VERSION_KEY) if isinstance(meta, dict) else None
        return named if isinstance(named, str) else None


class Unreadable(ValueError):
    """A line that is not one message; `code` is JSON-RPC's."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def parse(line: bytes) -> Message:
    """Reads a line. Raises Unreadable."""
    try:
        value: object = strictjson.loads(line, max_bytes=MAX_BYTES)
    except strictjson.StrictJSONError as fault:
        raise Unreadable(PARSE_ERROR, f"Parse error: {fault}.") from None
    if not isinstance(value, dict):
        raise Unreadable(INVALID_REQUEST, "A line must be one JSON-RPC message.")
    envelope = cast("JSON", value)
    request_id, method = envelope.get("id"), envelope.get("method")
    params: object = envelope.get("params", {})
    if (
        (request_id is None and method is None)
        or not (method is None or type(method) is str)
        or not (request_id is None or type(request_id) in {str, int})
        or not isinstance(params, dict)
    ):
        raise Unreadable(INVALID_REQUEST, "A line must be one JSON-RPC message.")
    return Message(line=line, id=request_id, method=method, params=cast("JSON", params))


def error(request_id: Id | None, code: int, sentence: str, data: JSON | None = None) -> bytes:
    """An error response; a null id says that none could be read."""
    told: JSON = {"code": code, "message": sentence}
    if data is not None:
        told["data"] = data
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": told})


def one_line(text: bytes) -> bytes:
    """JSON without line ends, which are never part of a value, as stdio wants it."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ").strip()
