"""The parameters of client requests: only members that the page judges get past here."""

from __future__ import annotations

from typing import Final

import msgspec

from safeconduct.core.admit import LEVELS
from safeconduct.core.calls import Kind
from safeconduct.entrypoints.wire import (
    INVALID_PARAMS,
    Id,
    Message,
    Rejected,
    as_id,
    as_object,
)
from safeconduct.ports import JSON, Wanted

_KNOWN: Final = {
    "tools/call": frozenset({"name", "arguments"}),
    "resources/read": frozenset({"uri"}),
    "prompts/get": frozenset({"name", "arguments"}),
}

LEVEL_KEY: Final = "io.modelcontextprotocol/logLevel"
TOKEN_KEY: Final = "progressToken"
WANTS: Final = frozenset({TOKEN_KEY, LEVEL_KEY})
"""Members of `_meta` with which a request wants to hear more than its answer."""

_IGNORED: Final = "task"
"""Asks for a task in the sense of MCP 2025-11-25; who offers none must ignore it."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class _PromptRef(_Strict, tag="ref/prompt", tag_field="type"):
    name: str
    title: str | None = None


class _ResourceRef(_Strict, tag="ref/resource", tag_field="type"):
    uri: str


class _Argument(_Strict):
    name: str
    value: str


class _Context(_Strict):
    arguments: dict[str, str] = {}


class _Completion(_Strict):
    ref: _PromptRef | _ResourceRef
    argument: _Argument
    context: _Context | None = None


class _Filter(msgspec.Struct, rename="camel"):
    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = []


class _Listen(msgspec.Struct):
    notifications: _Filter


class _Level(_Strict):
    level: str


class _Resource(_Strict):
    uri: str


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


def completed(message: Message) -> tuple[str, JSON]:
    """The name on the wire of what a `completion/complete` is about, and its parameters.

    Raises Rejected, as `called` does.
    """
    try:
        asked = msgspec.convert(message.params, _Completion)
    except msgspec.ValidationError:
        raise _invalid(message, "completion/complete takes ref, argument and context.") from None
    ref = asked.ref
    name = ref.name if isinstance(ref, _PromptRef) else ref.uri
    if not name:
        raise _invalid(message, "ref must name something.")
    # A title is for eyes; it is not what is completed.
    told: JSON = msgspec.to_builtins(asked)
    told["ref"].pop("title", None)
    return name, told


def wanted(message: Message) -> Wanted:
    """What a `subscriptions/listen` is for; kinds of notifications that are not known here are not
    agreed to. Raises Rejected.
    """
    try:
        asked = msgspec.convert(message.params, _Listen).notifications
    except msgspec.ValidationError:
        raise _invalid(message, "notifications must say what is to be told.") from None
    return Wanted(
        tools=asked.tools_list_changed,
        prompts=asked.prompts_list_changed,
        resources=asked.resources_list_changed,
        uris=frozenset(asked.resource_subscriptions),
    )


def agreed(to: Wanted) -> JSON:
    """The same, as the client is told what was agreed to."""
    lists = {"tools": to.tools, "prompts": to.prompts, "resources": to.resources}
    told: JSON = {f"{kind}ListChanged": True for kind, is_told in lists.items() if is_told}
    return {**told, "resourceSubscriptions": sorted(to.uris)} if to.uris else told


def level(message: Message) -> str:
    """The level of a `logging/setLevel`. Raises Rejected."""
    try:
        asked = msgspec.convert(message.params, _Level).level
    except msgspec.ValidationError:
        asked = ""
    if asked not in LEVELS:
        raise _invalid(message, "level must be a level.")
    return asked


def resource(message: Message) -> str:
    """The resource of a `resources/subscribe` or `resources/unsubscribe`. Raises Rejected."""
    try:
        return msgspec.convert(message.params, _Resource).uri
    except msgspec.ValidationError:
        raise _invalid(message, "uri must be a string.") from None


def require_no_cursor(message: Message) -> None:
    """Lists are whole: no cursor was ever handed out, so none is valid. Raises Rejected."""
    if message.params:
        raise _invalid(message, "Invalid cursor")


def progress_token(message: Message) -> Id | None:
    """The token under which the client wants progress, if it does. Raises Rejected."""
    given = message.meta.get(TOKEN_KEY)
    token = as_id(given)
    if token is None and given is not None:
        raise _invalid(message, "progressToken must be a short string or an integer.")
    return token


def log_level(message: Message) -> str | None:
    """The least serious log line that a request wants to hear of, if any. Raises Rejected."""
    level = message.meta.get(LEVEL_KEY)
    if level is not None and level not in LEVELS:
        raise _invalid(message, f"{LEVEL_KEY} must be a level.")
    return level


def request_id(message: Message) -> Id | None:
    """The request that a `notifications/cancelled` means, if it says so."""
    return as_id(message.params.get("requestId"))


def _invalid(message: Message, sentence: str) -> Rejected:
    return Rejected(INVALID_PARAMS, sentence, request_id=message.id)
