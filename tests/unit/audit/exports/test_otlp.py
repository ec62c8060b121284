"""Log records and spans, read by OpenTelemetry's own protobuf definitions."""

from __future__ import annotations

import base64
import importlib
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from safeconduct import __version__
from safeconduct.audit.exports import otlp, spans
from safeconduct.audit.exports.otlp import OtlpLogs
from safeconduct.audit.exports.sink import Sink, Where
from safeconduct.audit.exports.spans import OtlpSpans
from safeconduct.audit.following import Copy
from tests.support.copies import NOW_MS, TASK, copied, decision, outcome

json_format: Any = importlib.import_module("google.protobuf.json_format")  # has no types
NOWHERE = Where(url="http://127.0.0.1")
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def _as_protobuf(value: Any) -> Any:
    """OTLP writes ids in hexadecimal; protobuf's own JSON has all bytes in base64."""
    if isinstance(value, list):
        return [_as_protobuf(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode() if name in _IDS else _as_protobuf(item)
        for name, item in value.items()
    }


def items(sink: Sink, *copies: Copy) -> list[bytes]:
    return [data for copy in copies if (data := sink.encode(copy)) is not None]


def logs(*copies: Copy) -> list[LogRecord]:
    """What a collector reads, by the published definitions alone: an unknown field fails."""
    body = otlp.wrapped(
        "resourceLogs", "scopeLogs", "logRecords", items(OtlpLogs(NOWHERE), *copies)
    )
    read = json_format.ParseDict(_as_protobuf(json.loads(body)), ExportLogsServiceRequest())
    (resource,) = read.resource_logs
    (scope,) = resource.scope_logs
    assert said(resource.resource.attributes) == {"service.name": "safeconduct"}
    assert (scope.scope.name, scope.scope.version) == ("safeconduct", __version__)
    return list(scope.log_records)


def traced(*copies: Copy, sink: OtlpSpans | None = None) -> list[Span]:
    found = items(sink or OtlpSpans(NOWHERE), *copies)
    body = otlp.wrapped("resourceSpans", "scopeSpans", "spans", found)
    read = json_format.ParseDict(_as_protobuf(json.loads(body)), ExportTraceServiceRequest())
    return list(read.resource_spans[0].scope_spans[0].spans)


def said(attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in attributes:
        assert one.key not in found
        kind = one.value.WhichOneof("value")
        found[one.key] = getattr(one.value, kind)
    return found


def test_a_decision_is_a_log_record_in_its_trace() -> None:
    copy = copied(decision())
    (log,) = logs(copy)
    assert log.time_unix_nano == log.observed_time_unix_nano == NOW_MS * 1_000_000
    assert (log.severity_number, log.severity_text) == (9, "INFO")
    assert log.event_name == "safeconduct.decision"
    assert log.body.string_value.encode() == copy.data
    assert log.trace_id.hex() == copy.record["trace"]
    assert log.span_id.hex() == copy.record["span"]
    assert said(log.attributes) == {
        "log.record.uid": "crm.example/audit:7",
        "safeconduct.log": "crm.example/audit",
        "safeconduct.n": 7,
        "safeconduct.leaf_hash": copy.leaf,
        "safeconduct.checkpoint_size": 10,
        "mcp.method.name": "tools/call",
        "gen_ai.agent.id": "spiffe://crm.example/agents/copilot",
        "gen_ai.conversation.id": "t_1",
        "enduser.pseudo.id": "u_5f0c",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "update_deal",
        "safeconduct.upstream": "crm",
        "safeconduct.kind": "decision",
        "safeconduct.tenant": "crm.example",
        "safeconduct.zone": "office",
        "safeconduct.decision": "d_1",
        "safeconduct.verdict": "permit",
    }


def test_a_refusal_is_a_warning_and_other_kinds_have_no_trace() -> None:
    denied, started = logs(copied(decision(verdict="deny")), copied(TASK))
    assert denied.severity_number == 13
    assert said(denied.attributes)["safeconduct.reason"] == "policy-denied"
    assert started.event_name == "safeconduct.task"
    assert started.time_unix_nano == NOW_MS * 1_000_000
    assert started.trace_id == b""
    assert said(started.attributes)["gen_ai.agent.id"].startswith("spiffe://")


@pytest.mark.parametrize(
    ("method", "target", "named"),
    [
        ("resources/read", "crm#resource:crm://case/1", {"mcp.resource.uri": "crm://case/1"}),
        ("prompts/get", "crm#prompt:greet", {"gen_ai.prompt.name": "greet"}),
        ("resources/templates/list", "crm#template:crm://{id}", {}),
    ],
)
def test_what_a_call_is_about_has_the_name_of_the_conventions(
    method: str, target: str, named: dict[str, str]
) -> None:
    (log,) = logs(copied(decision(method=method, tool=target)))
    found = said(log.attributes)
    about = {"mcp.resource.uri", "gen_ai.prompt.name", "gen_ai.tool.name"}
    assert {name: found[name] for name in about & found.keys()} == named
    assert "gen_ai.operation.name" not in found


def test_a_user_who_is_named_is_not_called_a_pseudonym() -> None:
    (log,) = logs(copied(decision(user="jane@crm.example")))
    found = said(log.attributes)
    assert found["enduser.id"] == "jane@crm.example"
    assert "enduser.pseudo.id" not in found


def test_values_of_every_type_are_written_as_otlp_wants_them() -> None:
    assert otlp.attribute("b", True) == {"key": "b", "value": {"boolValue": True}}
    assert otlp.attribute("n", 7) == {"key": "n", "value": {"intValue": "7"}}
    assert otlp.attribute("l", ["x", 1]) == {
        "key": "l",
        "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"intValue": "1"}]}},
    }


def test_a_call_is_one_server_span_from_its_decision_to_its_outcome() -> None:
    begun, ended = copied(decision(span_parent="b7ad6b7169203331"), 7), copied(outcome(), 9)
    (span,) = traced(begun, copied(TASK, 8), ended)
    assert span.name == "tools/call update_deal"
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.trace_id.hex() == begun.record["trace"]
    assert span.span_id.hex() == begun.record["span"]
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    assert span.start_time_unix_nano == NOW_MS * 1_000_000
    assert span.end_time_unix_nano == (NOW_MS + 40) * 1_000_000
    assert span.status.code == Status.STATUS_CODE_OK
    found = said(span.attributes)
    assert found["gen_ai.tool.name"] == "update_deal"
    assert found["safeconduct.n"] == 7
    assert found["safeconduct.outcome_n"] == 9
    assert found["safeconduct.leaf_hash"] == begun.leaf
    assert found["safeconduct.status"] == "ok"
    assert "error.type" not in found


@pytest.mark.parametrize(
    ("records", "failed"),
    [
        ([decision(verdict="deny")], "policy-denied"),
        ([decision(), outcome(status="error")], "tool_error"),
        ([decision(), outcome(status="unknown", reason="upstream-timeout")], "upstream-timeout"),
    ],
)
def test_a_call_that_did_not_end_well_says_why(records: list[dict[str, Any]], failed: str) -> None:
    (span,) = traced(*(copied(record, n) for n, record in enumerate(records)))
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert span.status.message == failed
    assert said(span.attributes)["error.type"] == failed
    assert span.parent_span_id == b""


def test_a_question_is_a_span_without_a_time_of_its_own() -> None:
    (span,) = traced(copied(decision(verdict="elevate")))
    assert span.start_time_unix_nano == span.end_time_unix_nano
    assert span.status.code == Status.STATUS_CODE_OK
    assert "safeconduct.outcome_n" not in said(span.attributes)


def test_calls_that_are_open_are_read_again_and_the_oldest_is_given_up_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spans, "MAX_OPEN", 2)
    sink = OtlpSpans(NOWHERE)
    assert sink.waits() is None
    begun = [copied(decision(f"d_{n}"), n) for n in range(3)]
    assert items(sink, *begun[:2]) == []
    assert sink.waits() == begun[0].place
    (given_up,) = traced(begun[2], sink=sink)
    assert given_up.span_id.hex() == begun[0].record["span"]
    assert sink.waits() == begun[1].place
    assert len(traced(copied(outcome("d_1"), 3), copied(outcome("d_0"), 4), sink=sink)) == 1
    assert sink.waits() == begun[2].place


def test_a_decision_of_before_there_were_traces_has_no_span() -> None:
    record = {name: value for name, value in decision().items() if name != "trace"}
    assert items(OtlpSpans(NOWHERE), copied(record), copied(outcome())) == []
