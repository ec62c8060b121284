"""Elasticsearch: `_bulk` into a data stream, in the fields of the Elastic Common Schema (ECS 8).

A data stream only takes `create`: a document whose `_id` is there already answers 409, which says
that an earlier try did arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from safeconduct.audit.exports import said
from safeconduct.audit.exports.sink import Sink, SinkFault, Taken, Where, bearer, post
from safeconduct.audit.following import Copy

STREAM: Final = "logs-safeconduct.audit-default"

BULK: Final = "/_bulk"

_ECS: Final = "8.17.0"
_THERE: Final = 409
_BUSY: Final = 429
_TYPES: Final = {"permit": "allowed", "deny": "denied", "elevate": "access"}


def instant(at_ms: int) -> str:
    """A time as RFC 3339 writes it, in UTC."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Elastic(Sink):
    """`stream` is the data stream; a document's `_id` is the copy's."""

    max_items = 1000
    max_bytes = 5_000_000

    def __init__(self, where: Where, stream: str = STREAM) -> None:
        self._where = where
        self._stream = stream

    def encode(self, copy: Copy) -> bytes:
        """Two lines: what to do, and the document."""
        action = {"create": {"_index": self._stream, "_id": copy.id}}
        lines = (orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in (action, ecs(copy)))
        return b"".join(lines)

    def send(self, items: Sequence[bytes]) -> Taken:
        headers = {"content-type": "application/x-ndjson", **bearer(self._where, "ApiKey")}
        answer = post(self._where, BULK, headers, b"".join(items))
        try:
            found = orjson.loads(answer.body)["items"]
            statuses = [int(one["create"]["status"]) for one in found]
        except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
            raise SinkFault("an answer that is not of _bulk") from None
        if len(statuses) != len(items):
            raise SinkFault("an answer to something else")
        return Taken(
            refused=[at for at, status in enumerate(statuses) if _is_refusal(status)],
            again=[at for at, status in enumerate(statuses) if status == _BUSY or status >= 500],
        )


def ecs(copy: Copy) -> dict[str, Any]:
    """A record in ECS fields; whole, as the text that it was hashed as, in `event.original`."""
    record = copy.record
    verdict, status = said.text(record, "verdict"), said.text(record, "status")
    event: dict[str, Any] = {
        "id": copy.id,
        "kind": "event",
        "category": ["api"],
        "type": [_TYPES.get(verdict, "info")],
        "action": f"safeconduct.{said.text(record, 'kind')}",
        "module": "safeconduct",
        "dataset": "safeconduct.audit",
        "sequence": copy.place.n,
        "original": orjson.dumps(record).decode(),
    }
    if verdict in {"permit", "deny"} or status:
        event["outcome"] = "failure" if said.denied(record) else "success"
    document: dict[str, Any] = {
        "@timestamp": instant(said.at_ms(record)),
        "ecs": {"version": _ECS},
        "event": event,
        "message": said.title(record),
        "observer": {"vendor": "Safeconduct", "type": "gateway", "name": copy.place.origin},
        "safeconduct": {
            **copy.evidence,
            **{
                name: value
                for name in ("kind", "verdict", "status", "reason", "decision", "task", "tool")
                if (value := said.text(record, name))
            },
            **({"agent": agent} if (agent := said.named(record, "agent")) else {}),
        },
    }
    for outer, name in (("user", "user"), ("trace", "trace"), ("span", "span")):
        if value := said.named(record, name):
            document[outer] = {"id": value}
    if tenant := said.text(record, "tenant"):
        document["organization"] = {"id": tenant}
    return document


def _is_refusal(status: int) -> bool:
    return 400 <= status < 500 and status not in {_THERE, _BUSY}
