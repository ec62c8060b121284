"""The parameters of client requests: only members that the page judges get past here."""

from __future__ import annotations

from typing import Final

from safeconduct.core.calls import Kind
from safeconduct.entrypoints.wire import (
    INVALID_PARAMS,
    Id,
    Message,
    Rejected,
    as_id,
    as_object,
)
from safeconduct.ports import JSON

_KNOWN: Final = {
    "tools/call": frozenset({"name", "arguments"}),
    "resources/read": frozenset({"uri"}),
    "prompts/get": frozenset({"name", "arguments"}),
}

_IGNORED: Final = "task"
"""Asks for a task in the sense of MCP 2025-11-25; who offers none must ignore it."""


def called(message: Message, kind: Kind) -> tuple[str, JSON]:
    """The name on the wire and the parameters of a request that takes the page.

    Raises:
        Rejected: -32602 for a missing or mistyped member, and for one that is not known here: it
            would be passed on unjudged, or dropped in silence.
    """
    params = {key: value for key, value in message.params.items() if key != _IGNORED}
    name = params.get(kind.names or "")
    if type(name) is not str or not name:
        raise _invalid(message, f"{kind.names} must be a string.")
    arguments = as_object(params.get("arguments", {}))
    if arguments is None:
        raise _invalid(message, "arguments must be an object.")
    if message.method == "prompts/get" and any(type(v) is not str for v in arguments.values()):
        raise _invalid(message, "The arguments of a prompt must be strings.")
    if not params.keys() <= _KNOWN[message.method]:
        raise _invalid(message, "params has a member that is not supported here.")
    return name, params


def require_no_cursor(message: Message) -> None:
    """Lists are whole: no cursor was ever handed out, so none is valid. Raises Rejected."""
    if message.params:
        raise _invalid(message, "Invalid cursor")


def progress_token(message: Message) -> Id | None:
    """The token under which the client wants progress, if it does. Raises Rejected."""
    given = message.meta.get("progressToken")
    token = as_id(given)
    if token is None and given is not None:
        raise _invalid(message, "progressToken must be a string or an integer.")
    return token


def request_id(message: Message) -> Id | None:
    """The request that a `notifications/cancelled` means, if it says so."""
    return as_id(message.params.get("requestId"))


def _invalid(message: Message, sentence: str) -> Rejected:
    return Rejected(INVALID_PARAMS, sentence, request_id=message.id)
