"""OpenTelemetry: log records over OTLP/HTTP in its JSON encoding (OTLP 1.x).

Names of attributes are those of the semantic conventions for generative AI and MCP where these have
one, and `safeconduct.…` otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from safeconduct import __version__
from safeconduct.audit.exports import said
from safeconduct.audit.exports.sink import Sink, SinkFault, Taken, Where, bearer, post
from safeconduct.audit.following import Copy

LOGS: Final = "/v1/logs"

_JSON: Final = {"content-type": "application/json"}
_PSEUDONYM: Final = "u_"
_INFO: Final = 9
_WARN: Final = 13


def attribute(name: str, value: object) -> dict[str, Any]:
    """A key and a value as OTLP has them: 64-bit integers are decimal strings."""
    match value:
        case bool():
            said: dict[str, Any] = {"boolValue": value}
        case int():
            said = {"intValue": str(value)}
        case list() | tuple():
            items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]
            said = {"arrayValue": {"values": [attribute("", item)["value"] for item in items]}}
        case _:
            said = {"stringValue": str(value)}
    return {"key": name, "value": said}


def attributes(*members: Mapping[str, object]) -> list[dict[str, Any]]:
    """Attributes of what is there at all."""
    return [
        attribute(name, value)
        for some in members
        for name, value in some.items()
        if value not in (None, "")
    ]


def evidence(copy: Copy) -> dict[str, object]:
    """The attributes that hold a copy against the log."""
    return {f"safeconduct.{name}": value for name, value in copy.evidence.items()}


def described(record: said.Record) -> dict[str, object]:
    """The attributes of a record: who, for whom, what, and what was said to it."""
    method, user = said.text(record, "method"), said.named(record, "user")
    found: dict[str, object] = {
        "mcp.method.name": method,
        "gen_ai.agent.id": said.named(record, "agent"),
        "gen_ai.conversation.id": said.text(record, "task"),
        "enduser.pseudo.id" if user.startswith(_PSEUDONYM) else "enduser.id": user,
    }
    upstream, kind, name = said.target(record)
    if method == said.TOOL:
        found |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    elif kind == "resource":
        found["mcp.resource.uri"] = name
    elif kind == "prompt":
        found["gen_ai.prompt.name"] = name
    found["safeconduct.upstream"] = upstream
    for member in ("kind", "tenant", "zone", "decision", "verdict", "reason", "status", "phase"):
        found[f"safeconduct.{member}"] = said.text(record, member)
    return found


def wrapped(outer: str, scoped: str, inner: str, items: Iterable[bytes]) -> bytes:
    """A request of items of one resource and one scope; the items are JSON already."""
    resource = {"attributes": attributes({"service.name": "safeconduct"})}
    scope = {"name": "safeconduct", "version": __version__}
    return b'{"%b":[{"resource":%b,"%b":[{"scope":%b,"%b":[%b]}]}]}' % (
        outer.encode(),
        orjson.dumps(resource),
        scoped.encode(),
        orjson.dumps(scope),
        inner.encode(),
        b",".join(items),
    )


def sent(where: Where, path: str, body: bytes) -> Taken:
    """Hands a request over. A collector that takes it in part says how many items it rejected for
    good, but not which, and wants none of them again (OTLP, "Partial Success").
    """
    answer = post(where, path, {**_JSON, **bearer(where)}, body)
    try:
        told = msgspec.json.decode(answer.body or b"{}", type=_Answer, strict=False)
    except msgspec.DecodeError:
        raise SinkFault("an answer that is not OTLP") from None
    return Taken(lost=told.partial.logs or told.partial.spans)


class _Partial(msgspec.Struct, frozen=True):
    logs: int = msgspec.field(default=0, name="rejectedLogRecords")
    spans: int = msgspec.field(default=0, name="rejectedSpans")


class _Answer(msgspec.Struct, frozen=True):
    partial: _Partial = msgspec.field(default=_Partial(), name="partialSuccess")


class OtlpLogs(Sink):
    """Every record as a log record; its body is the record's exact bytes."""

    max_items = 1000
    max_bytes = 4_000_000

    def __init__(self, where: Where) -> None:
        self._where = where

    def encode(self, copy: Copy) -> bytes:
        record = copy.record
        at = str(said.at_ms(record) * 1_000_000)
        bad = said.denied(record)
        log: dict[str, Any] = {
            "timeUnixNano": at,
            "observedTimeUnixNano": at,
            "severityNumber": _WARN if bad else _INFO,
            "severityText": "WARN" if bad else "INFO",
            "eventName": f"safeconduct.{said.text(record, 'kind')}",
            "body": {"stringValue": orjson.dumps(record).decode()},
            "attributes": attributes(
                {"log.record.uid": copy.id}, evidence(copy), described(record)
            ),
        }
        if trace := said.text(record, "trace"):
            # In this encoding ids are hexadecimal, other than protobuf's JSON has bytes.
            log |= {"traceId": trace, "spanId": said.text(record, "span")}
        return orjson.dumps(log)

    def send(self, items: Sequence[bytes]) -> Taken:
        body = wrapped("resourceLogs", "scopeLogs", "logRecords", items)
        return sent(self._where, LOGS, body)
