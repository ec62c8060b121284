"""JSON-RPC 2.0 as MCP narrows it: one request or notification in a body, read one way only."""

from __future__ import annotations

from typing import Final, cast

import msgspec
import orjson

from safeconduct.core.calls import REVISIONS
from safeconduct.entrypoints.http import JSON_TYPE, Response
from safeconduct.kit import strictjson
from safeconduct.ports import JSON

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022
PAGES_FIRST: Final = -32042
"""Of MCP 2025-11-25 alone: `URLElicitationRequired`."""
CANCELLED: Final = -32800
"""Not of JSON-RPC: what the Language Server Protocol and the SDKs say of a cancelled request."""

_STATUS: Final = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    INTERNAL_ERROR: 500,
}
_MODERN_STATUS: Final = {METHOD_NOT_FOUND: 404, INVALID_PARAMS: 400}

_MEMBERS: Final = frozenset({"jsonrpc", "id", "method", "params"})

Id = str | int

MAX_ID: Final = 256
"""How long an id, or a progress token, may be: it comes back with everything that is told."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A request, or a notification if it has no id. `params` no longer holds `_meta`."""

    method: str
    id: Id | None
    params: JSON
    meta: JSON


class Reply(msgspec.Struct, frozen=True):
    """The client's answer to a request of ours; without a result it is an error, whose text is
    not looked at.
    """

    id: Id
    result: JSON | None


class Rejected(Exception):
    """A message that is answered with a JSON-RPC error before anything was asked of the page."""

    def __init__(
        self,
        code: int,
        sentence: str,
        *,
        request_id: Id | None = None,
        data: JSON | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.request_id = request_id
        self.data = data

    def response(self, *, modern: bool) -> Response:
        """As an HTTP response. Clients of before 2026-07-28 read a body only where it is a 200, so
        they get one for every request that was well-formed.
        """
        status = _STATUS.get(self.code) or _MODERN_STATUS[self.code]
        if not modern and self.code in _MODERN_STATUS and self.request_id is not None:
            status = 200
        return error(self.request_id, self.code, self.sentence, self.data, status=status)


def parse(body: bytes, max_bytes: int) -> Message | Reply:
    """Reads a body.

    Raises:
        Rejected: not strict JSON (-32700), or not one message (-32600).
    """
    try:
        value = strictjson.loads(body, max_bytes=max_bytes)
    except strictjson.StrictJSONError as fault:
        raise Rejected(PARSE_ERROR, f"Parse error: {fault}.") from None
    if type(value) is list:
        raise Rejected(INVALID_REQUEST, "Batches are not accepted.")
    envelope = as_object(value)
    if envelope is not None and "method" not in envelope and (reply := _reply(envelope)):
        return reply
    if envelope is None or not envelope.keys() <= _MEMBERS or envelope.get("jsonrpc") != "2.0":
        raise Rejected(INVALID_REQUEST, "The body must be one JSON-RPC request or notification.")
    request_id = as_id(envelope.get("id"))
    if request_id is None and "id" in envelope:
        raise Rejected(INVALID_REQUEST, "The id must be a short string or an integer.")
    method = envelope.get("method")
    params = as_object(envelope.get("params", {}))
    if type(method) is not str or params is None:
        raise Rejected(
            INVALID_REQUEST,
            "The method must be a string and params an object.",
            request_id=request_id,
        )
    meta = as_object(params.pop("_meta", {}))
    if meta is None:
        raise Rejected(INVALID_PARAMS, "_meta must be an object.", request_id=request_id)
    return Message(method=method, id=request_id, params=params, meta=meta)


def _reply(envelope: JSON) -> Reply | None:
    answered = as_id(envelope.get("id"))
    result, fault = as_object(envelope.get("result")), as_object(envelope.get("error"))
    whole = len(envelope) == 3 and envelope.get("jsonrpc") == "2.0"
    if answered is None or not whole or (result is None and not _is_error(fault)):
        return None
    return Reply(answered, result)


def _is_error(fault: JSON | None) -> bool:
    return (
        fault is not None and type(fault.get("code")) is int and type(fault.get("message")) is str
    )


def as_object(value: object) -> JSON | None:
    """A decoded value, if it is an object."""
    return cast("JSON", value) if type(value) is dict else None


def as_id(value: object) -> Id | None:
    """A decoded value, if it is a short string or an integer: an id, or a progress token."""
    if type(value) is str:
        return value if len(value) <= MAX_ID else None
    return value if type(value) is int else None


def result(request_id: Id, value: JSON) -> Response:
    """A successful response."""
    return Response(
        200, encode({"jsonrpc": "2.0", "id": request_id, "result": value}), (JSON_TYPE,)
    )


def error(
    request_id: Id | None,
    code: int,
    sentence: str,
    data: JSON | None = None,
    *,
    status: int = 200,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Response:
    """An error response; a null id says that none could be read."""
    told: JSON = {"code": code, "message": sentence}
    if data is not None:
        told["data"] = data
    body = encode({"jsonrpc": "2.0", "id": request_id, "error": told})
    return Response(status, body, (JSON_TYPE, *headers))


def unsupported(requested: str, request_id: Id | None) -> Rejected:
    """The refusal of a revision that is not spoken here (MCP 2026-07-28, versioning)."""
    return Rejected(
        UNSUPPORTED_VERSION,
        "Unsupported protocol version",
        request_id=request_id,
        data={"supported": list(REVISIONS), "requested": requested},
    )


def encode(value: object) -> bytes:
    """The bytes of a message."""
    return orjson.dumps(value)
