"""JSON-RPC 2.0 messages as an upstream sends them, and as they are sent to it.

Arguments leave in their canonical form (RFC 8785): the bytes that were digested are the bytes that
are sent. What comes back is read strictly, and nothing in it is believed about itself: an answer
counts only for the id that was asked, with the id's exact JSON type.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast

import msgspec

from safeconduct.core.admit import LEVELS
from safeconduct.core.calls import CANCELLED, LOG_LINE, PROGRESS, VISITED
from safeconduct.core.canonical import NotCanonical, canonical
from safeconduct.kit.strictjson import StrictJSONError, loads
from safeconduct.ports import JSON, Listener, UpstreamError, UpstreamFault

METHOD_NOT_FOUND: Final = -32601

MAX_VALUES: Final = 200_000
"""How many values one message may hold: each takes its time at every step."""

INITIALIZED: Final = "notifications/initialized"
SET_LEVEL: Final = "logging/setLevel"


class Malformed(ValueError):
    """Not a JSON-RPC message, or one that must not come here. Says why, repeats no content."""


class Answer(msgspec.Struct, frozen=True):
    """An answer: exactly one of `result` and `error` is set. An id of None could not be read, which
    is an error.
    """

    id: int | str | None
    result: JSON | None = None
    error: UpstreamError | None = None


class Ask(msgspec.Struct, frozen=True):
    """A request from the upstream."""

    id: int | str
    method: str
    params: JSON = {}


class Notice(msgspec.Struct, frozen=True):
    """A notification from the upstream."""

    method: str
    params: JSON


Message = Answer | Ask | Notice


def read(data: bytes, max_bytes: int) -> Message:
    """Read one message.

    Raises:
        Malformed: the bytes are no strict JSON or no JSON-RPC 2.0 message.
    """
    try:
        value = loads(data, max_bytes=max_bytes, max_values=MAX_VALUES)
    except StrictJSONError as error:
        raise Malformed(str(error)) from None
    if not isinstance(value, dict):
        raise Malformed("a message that is not an object")
    message = cast("JSON", value)
    if message.get("jsonrpc") != "2.0":
        raise Malformed("a message that is not JSON-RPC 2.0")
    if "method" in message:
        return _incoming(message)
    return _answer(message)


def request(request_id: int, method: str, params: JSON, meta: bytes = b"") -> bytes:
    """Encode a request; `meta` is a `_meta` in canonical form for parameters without one.

    Raises:
        UpstreamFault: the parameters have no canonical form; nothing left.
    """
    written = _encode(params)
    if meta:
        written = b'{"_meta":%b%b%b' % (meta, b"," if params else b"", written[1:])
    return b'{"id":%d,"jsonrpc":"2.0","method":%b,"params":%b}' % (
        request_id,
        _method(method),
        written,
    )


def notification(method: str, params: JSON) -> bytes:
    """Encode a notification."""
    return _encode({"jsonrpc": "2.0", "method": method, "params": params})


def cancellation(request_id: int) -> bytes:
    """Encode the notice that nobody waits for an answer any more."""
    return notification(CANCELLED, {"requestId": request_id, "reason": "no longer awaited"})


def reply(ask: Ask, result: JSON) -> bytes:
    """Encode the result of an upstream's request.

    Raises:
        UpstreamFault: it has no canonical form.
    """
    return _encode({"jsonrpc": "2.0", "id": ask.id, "result": result})


def refusal(ask: Ask, code: int, sentence: str) -> bytes:
    """Encode the refusal of an upstream's request."""
    error = {"code": code, "message": sentence}
    return _encode({"jsonrpc": "2.0", "id": ask.id, "error": error})


def unheard(ask: Ask) -> bytes:
    """Encode the reply to an upstream that has nobody to ask: only a ping is answered."""
    if ask.method == "ping":
        return reply(ask, {})
    return refusal(ask, METHOD_NOT_FOUND, "Method not found")


def wanted(notice: Notice, token: object, listener: Listener) -> JSON | None:
    """The parameters of a notice that the listener of the request `token` wants, or None."""
    if notice.method == PROGRESS and listener.wants_progress:
        return progress_of(notice, token)
    if notice.method == LOG_LINE:
        level = notice.params.get("level")
        if isinstance(level, str) and 0 < _volume(level) <= _volume(listener.log_level):
            return notice.params
    if notice.method == VISITED and "elicitation.url" in listener.able:
        visited = notice.params.get("elicitationId")
        return {"elicitationId": visited} if isinstance(visited, str) else None
    return None


def chattier(level: str | None, other: str | None) -> bool:
    """Whether a log level lets more pass than another; None and what is no level are silence."""
    return _volume(level) > _volume(other)


def progress_of(notice: Notice, token: object) -> JSON | None:
    """The progress that a notice reports for a token of ours, without the token, or None."""
    if notice.method != PROGRESS:
        return None
    params = notice.params
    if type(params.get("progressToken")) is not int or params["progressToken"] != token:
        return None
    if not _is_number(params.get("progress")):
        return None
    progress: JSON = {"progress": params["progress"]}
    if _is_number(params.get("total")):
        progress["total"] = params["total"]
    if isinstance(params.get("message"), str):
        progress["message"] = params["message"]
    return progress


def _incoming(message: JSON) -> Ask | Notice:
    method = message["method"]
    if not isinstance(method, str) or "result" in message or "error" in message:
        raise Malformed("neither a request nor an answer")
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise Malformed("parameters that are not an object")
    if "id" in message:
        if not _is_id(message["id"]):
            raise Malformed("a request whose id is neither a string nor an integer")
        return Ask(message["id"], method, cast("JSON", params))
    return Notice(method, cast("JSON", params))


def _answer(message: JSON) -> Answer:
    answered = message.get("id")
    if "id" not in message or not (answered is None or _is_id(answered)):
        raise Malformed("an answer without a usable id")
    if ("result" in message) == ("error" in message):
        raise Malformed("an answer must have either a result or an error")
    if "result" in message:
        if answered is None or not isinstance(message["result"], dict):
            raise Malformed("a result without an id, or that is not an object")
        return Answer(answered, result=cast("JSON", message["result"]))
    return Answer(answered, error=_error(message["error"]))


def _error(value: object) -> UpstreamError:
    if isinstance(value, dict):
        error = cast("JSON", value)
        code, text = error.get("code"), error.get("message")
        if type(code) is int and isinstance(text, str):
            return UpstreamError(code, text, error.get("data"))
    raise Malformed("an error without an integer code and a message")


def _volume(level: str | None) -> int:
    return len(LEVELS) - LEVELS.index(level) if level in LEVELS else 0


def _is_id(value: object) -> bool:
    return type(value) is int or isinstance(value, str)


def _is_number(value: object) -> bool:
    return type(value) is int or isinstance(value, float)


# There are as many as the table of calls has.
@lru_cache(maxsize=64)
def _method(name: str) -> bytes:
    return _encode(name)


def _encode(message: JSON | str) -> bytes:
    try:
        return canonical(message)
    except NotCanonical as error:
        detail = f"the request has no canonical form: {error}"
        raise UpstreamFault("upstream-rejected", detail, may_have_happened=False) from None
