"""OpenTelemetry: a span for each call, over OTLP/HTTP in its JSON encoding (OTLP 1.x).

A call is a decision and, if it was permitted, an outcome: its span is complete with the second. It
is a server's span in the trace that the caller claimed, or in that of the task.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import orjson

from safeconduct.audit.exports import otlp, said
from safeconduct.audit.exports.sink import Sink, Taken, Where
from safeconduct.audit.following import Copy, Cursor

TRACES: Final = "/v1/traces"

MAX_OPEN: Final = 10_000
"""How many calls may be without an outcome at once; beyond, the oldest has none."""

_SERVER: Final = 2
_OK: Final = 1
_ERROR: Final = 2


class OtlpSpans(Sink):
    """Decisions and outcomes, joined."""

    max_items = 1000
    max_bytes = 4_000_000

    def __init__(self, where: Where) -> None:
        self._where = where
        self._open: OrderedDict[str, Copy] = OrderedDict()

    def encode(self, copy: Copy) -> bytes | None:
        record = copy.record
        kind, decision = said.text(record, "kind"), said.text(record, "decision")
        if kind == "decision" and "trace" in record:
            if said.text(record, "verdict") != "permit":
                return span(copy, None)
            self._open[decision] = copy
            if len(self._open) > MAX_OPEN:
                return span(self._open.popitem(last=False)[1], None)
        elif kind == "outcome" and (begun := self._open.pop(decision, None)) is not None:
            return span(begun, copy)
        return None

    def send(self, items: Sequence[bytes]) -> Taken:
        body = otlp.wrapped("resourceSpans", "scopeSpans", "spans", items)
        return otlp.sent(self._where, TRACES, body)

    def waits(self) -> Cursor | None:
        """The oldest call that is still open: after a restart it is read again."""
        oldest = next(iter(self._open.values()), None)
        return None if oldest is None else oldest.place


def span(begun: Copy, ended: Copy | None) -> bytes:
    """The span of a decision and its outcome, if it has one."""
    record = begun.record
    outcome = {} if ended is None else ended.record
    start_ms = said.at_ms(record)
    end_ms = max(start_ms, said.at_ms(outcome))
    bad = said.denied(record) or said.denied(outcome)
    status, reason = said.text(outcome, "status"), said.text(record, "reason")
    failed = said.text(outcome, "reason") or reason or ("tool_error" if bad else "")
    found = otlp.described(record)
    if status:
        found["safeconduct.status"] = status
    value: dict[str, Any] = {
        "traceId": said.text(record, "trace"),
        "spanId": said.text(record, "span"),
        "name": f"{said.text(record, 'method')} {said.target(record)[2]}".strip(),
        "kind": _SERVER,
        "startTimeUnixNano": str(start_ms * 1_000_000),
        "endTimeUnixNano": str(end_ms * 1_000_000),
        "attributes": otlp.attributes(
            otlp.evidence(begun), found, {"error.type": failed if bad else ""}
        ),
        "status": {"code": _ERROR, "message": failed} if bad else {"code": _OK},
    }
    if ended is not None:
        value["attributes"].append(otlp.attribute("safeconduct.outcome_n", ended.place.n))
    if parent := said.text(record, "span_parent"):
        value["parentSpanId"] = parent
    return orjson.dumps(value)
