"""Splunk: the HTTP Event Collector, with acknowledgements.

A batch counts as taken when the indexer says so (`/services/collector/ack`), and is sent again when
it does not in time: the event's `id` field tells copies apart.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from safeconduct.audit.exports import said
from safeconduct.audit.exports.sink import ALL, Sink, SinkFault, Taken, Where, bearer, post
from safeconduct.audit.following import Copy

EVENTS: Final = "/services/collector/event"
ACKS: Final = "/services/collector/ack"

ACK_S: Final = 30.0
_POLL_S: Final = 0.25


class Splunk(Sink):
    """`channel` names this sender to the collector, and is new with each start."""

    max_items = 1000
    max_bytes = 800_000

    def __init__(self, where: Where, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self._where = where
        self._sleep = sleep
        self._channel = str(uuid.uuid4())

    def encode(self, copy: Copy) -> bytes:
        at_ms = said.at_ms(copy.record)
        return orjson.dumps(
            {
                "time": at_ms / 1000,
                "host": copy.place.origin,
                "source": "safeconduct",
                "sourcetype": "safeconduct:audit",
                "event": copy.record,
                "fields": {"id": copy.id, **copy.evidence},
            }
        )

    def send(self, items: Sequence[bytes]) -> Taken:
        answer = self._post(EVENTS, b"".join(items))
        number = answer.get("ackId")
        if number is None:
            return ALL  # the collector was set up without acknowledgements
        deadline = time.monotonic() + ACK_S
        while time.monotonic() < deadline:
            told = self._post(ACKS, orjson.dumps({"acks": [number]}))
            if told.get("acks") == {str(number): True}:
                return ALL
            self._sleep(_POLL_S)
        raise SinkFault("not acknowledged in time")

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        headers = {
            "content-type": "application/json",
            "x-splunk-request-channel": self._channel,
            **bearer(self._where, "Splunk"),
        }
        answer = post(self._where, path, headers, body)
        try:
            found = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise SinkFault("an answer that is not the collector's")
        return found  # pyright: ignore[reportUnknownVariableType]
