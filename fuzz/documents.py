"""Targets that read JSON: strict JSON itself, messages of both sides, and what is rebuilt."""

from __future__ import annotations

import copy
import functools
import unicodedata
from collections.abc import Callable
from typing import Any, Final, get_args

import mcp_types
import msgspec
import orjson
from mcp_types import methods

from fuzz import judges
from safeconduct.core import asks, elicitation, result
from safeconduct.core.shapes import Malformed, NotAllowed
from safeconduct.entrypoints import wire
from safeconduct.kit import strictjson
from safeconduct.shim import message as line
from safeconduct.upstreams import messages

JSON = dict[str, Any]

MAX_BYTES: Final = 65_536


def strict_json(data: bytes) -> None:
    """Accepted are exactly the documents that mean the same to every reader."""
    for max_depth in (strictjson.MAX_DEPTH, 2):
        try:
            wanted = judges.i_json(data, max_depth)
        except judges.Unfit:
            wanted = None
            fit = False
        else:
            fit = True
        try:
            value = strictjson.loads(data, max_depth=max_depth)
        except strictjson.StrictJSONError:
            assert not fit, "refused what everybody reads alike"
            continue
        assert fit, "accepted what readers disagree about"
        for other in (wanted, orjson.loads(data), msgspec.json.decode(data)):
            assert judges.same(value, other), f"{value} is {other} to another reader"


def from_client(data: bytes) -> None:
    """A body is one message to the official types too, and the same one."""
    try:
        said = wire.parse(data, MAX_BYTES)
    except wire.Rejected:
        return
    value = orjson.loads(data)
    assert judges.same(said.id, value.get("id"))
    official = mcp_types.jsonrpc_message_adapter.validate_python(value)
    if isinstance(said, wire.Reply):
        assert value.keys() == {"jsonrpc", "id", "error" if said.result is None else "result"}
        assert isinstance(official, mcp_types.JSONRPCResponse | mcp_types.JSONRPCError)
        assert judges.same(said.result, value.get("result"))
    else:
        assert value.keys() <= {"jsonrpc", "id", "method", "params"}
        assert isinstance(official, mcp_types.JSONRPCRequest | mcp_types.JSONRPCNotification)
        assert (said.id is None) == ("id" not in value)
        assert said.method == value["method"]
        params = value.get("params", {})
        assert judges.same(said.meta, params.pop("_meta", {}))
        assert judges.same(said.params, params)


def from_upstream(data: bytes) -> None:
    """What an upstream says is a message to the official types too, and the same one."""
    try:
        said = messages.read(data, MAX_BYTES)
    except messages.Malformed:
        return
    value = orjson.loads(data)
    official = mcp_types.jsonrpc_message_adapter.validate_python(value)
    match said:
        case messages.Answer():
            assert judges.same(said.id, value["id"])
            if said.error is None:
                assert isinstance(official, mcp_types.JSONRPCResponse)
                assert judges.same(said.result, value["result"])
            else:
                assert isinstance(official, mcp_types.JSONRPCError)
                told = (said.error.code, said.error.message, said.error.data)
                wanted = value["error"]
                assert told == (wanted["code"], wanted["message"], wanted.get("data"))
        case messages.Ask():
            assert isinstance(official, mcp_types.JSONRPCRequest)
            assert judges.same(said.id, value["id"])
            assert judges.same([said.method, said.params], [value["method"], _params(value)])
        case messages.Notice():
            assert isinstance(official, mcp_types.JSONRPCNotification)
            assert "id" not in value
            assert judges.same([said.method, said.params], [value["method"], _params(value)])


def _params(value: JSON) -> JSON:
    params: JSON = value.get("params", {})
    return params


def local_line(data: bytes) -> None:
    """A line of a local client is of one kind, and what it names is what it says."""
    try:
        said = line.parse(data)
    except line.Unreadable:
        return
    value = orjson.loads(data)
    assert said.line == data
    assert (said.id, said.method) == (value.get("id"), value.get("method"))
    assert (said.id, said.method) != (None, None)
    assert type(said.id) in {int, str, type(None)}
    assert judges.same(said.params, _params(value))
    if said.revision is not None:
        assert said.revision == said.params["_meta"]["io.modelcontextprotocol/protocolVersion"]
    one = line.one_line(data)
    assert b"\n" not in one
    assert b"\r" not in one
    assert judges.same(orjson.loads(one), value)


# --- what is rebuilt ------------------------------------------------------------------------------

ORIGINS: Final = ("https://pay.example", "https://pay.example:8443", "http://localhost:8080")
ALL: Final = asks.Asks(form=True, url_origins=ORIGINS, sampling=True, roots=True)
EVERYTHING: Final = frozenset(get_args(asks.Capability))

_ERA: Final = "2025-11-25"


_FIELD_NAMES: Final = frozenset(
    {
        *("type", "title", "description", "default", "enum", "enumNames", "oneOf", "items"),
        *("format", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
    }
)
"""What the protocol knows of a field of a form; the official types leave it open."""


def rebuilt(data: bytes) -> None:
    """Nothing is rebuilt but what the protocol knows, and rebuilding it again changes nothing.

    The document is an ask (`method`, `params`), a reply or result (`method`, `result`), or a result
    that asks for input.
    """
    try:
        value = strictjson.loads(data)
    except strictjson.StrictJSONError:
        return
    if not isinstance(value, dict):
        return
    method, before = value.get("method"), copy.deepcopy(value)
    if isinstance(method, str):
        if isinstance(params := value.get("params"), dict):
            _ask(method, params)
        if isinstance(told := value.get("result"), dict):
            reply = _same_again(functools.partial(asks.reply, method), told)
            if reply is not None:
                judges.agreed(methods.CLIENT_RESULTS[method, _ERA], reply)
            done = _same_again(functools.partial(result.rebuilt, method), told)
            if done is not None:
                judges.agreed(methods.SERVER_RESULTS[method, _ERA], done)
    else:
        _input_required(value)
    assert judges.same(value, before), "changed what it was given"


def _ask(method: str, params: JSON) -> None:
    rebuild = functools.partial(asks.ask, method, asks=ALL, client=EVERYTHING)
    if method == "elicitation/create" and params.get("mode", "form") != "form":
        asked = _page(method, params)
    else:
        asked = _same_again(rebuild, params)
    if asked is not None:
        official = {"jsonrpc": "2.0", "id": 0, "method": method, "params": asked}
        judges.agreed(methods.SERVER_REQUESTS[method, _ERA], official)
        if asked.get("mode") == "form":
            _is_form(asked)
    for nothing, client in ((asks.Asks(), EVERYTHING), (ALL, frozenset[asks.Capability]())):
        try:
            asks.ask(method, params, nothing, client)
        except (Malformed, NotAllowed):
            continue
        raise AssertionError("asked what may not be asked")


def _is_form(asked: JSON) -> None:
    schema = asked["requestedSchema"]
    assert schema.keys() <= {"type", "properties", "required"}
    for field in schema["properties"].values():
        assert field.keys() <= _FIELD_NAMES
        for choice in (*field.get("oneOf", ()), *field.get("items", {}).get("anyOf", ())):
            assert choice.keys() == {"const", "title"}
    words = unicodedata.normalize("NFKC", orjson.dumps(asked).decode()).lower()
    assert not any(word in words for word in ("password", "secret", "credential", "token"))


def _page(method: str, params: JSON) -> JSON | None:
    try:
        asked = asks.ask(method, params, ALL, EVERYTHING)
    except (Malformed, NotAllowed):
        return None
    origin = elicitation.origin_of(asked["url"])
    assert origin in ORIGINS
    assert asked["message"] == f"[{origin}] {params['message']}"
    again = asks.ask(method, asked | {"message": params["message"]}, ALL, EVERYTHING)
    assert judges.same(again, asked)
    # Revision 2025-11-25 asks for an id, and 2026-07-28 has none.
    return {"elicitationId": "", **asked}


def _same_again(rebuild: Callable[[JSON], JSON], given: JSON) -> JSON | None:
    try:
        once = rebuild(given)
    except (Malformed, NotAllowed):
        return None
    assert judges.same(rebuild(once), once), "rebuilt twice it is another one"
    return once


def _input_required(given: JSON) -> None:
    try:
        once = asks.input_required(given, ALL, EVERYTHING)
    except (Malformed, NotAllowed):
        return
    assert once.keys() <= {"resultType", "inputRequests", "requestState"}
    assert once["resultType"] == "input_required"
    assert len(once) > 1
    for key, one in once.get("inputRequests", {}).items():
        asked = given["inputRequests"][key]
        assert one.keys() == {"method", "params"}
        assert one["method"] == asked["method"]
        params = asks.ask(one["method"], asked.get("params", {}), ALL, EVERYTHING)
        assert judges.same(one["params"], params)
