"""Each sink against a fake of what its maker documents, over real sockets, in fair and foul."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from safeconduct.audit.exports.cloudevents import CloudEvents
from safeconduct.audit.exports.datadog import Datadog
from safeconduct.audit.exports.elastic import Elastic
from safeconduct.audit.exports.ocsf import Ocsf
from safeconduct.audit.exports.otlp import OtlpLogs
from safeconduct.audit.exports.sink import ALL, Sink, SinkFault, Taken, Where, post
from safeconduct.audit.exports.spans import OtlpSpans
from safeconduct.audit.exports.splunk import Splunk
from safeconduct.audit.exports.syslog import Syslog, escaped
from safeconduct.audit.following import Copy
from tests.support.certificates import Authority
from tests.support.copies import TASK, copied, decision, outcome
from tests.support.sinks import (
    Cut,
    FakeDatadog,
    FakeElastic,
    FakeEvents,
    FakeSplunk,
    Taking,
    syslog,
)
from tests.support.web import Answer, Asked, Web, document, serving

COPIES = [copied(decision(), 7), copied(outcome(), 8), copied(TASK, 9)]


def encoded(sink: Sink, copies: Sequence[Copy] = COPIES) -> list[bytes]:
    return [data for copy in copies if (data := sink.encode(copy)) is not None]


def sent(sink: Sink, copies: Sequence[Copy] = COPIES) -> Taken:
    return sink.send(encoded(sink, copies))


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def at(web: Web, path: str = "", secret: str | None = None, timeout_s: float = 5) -> Where:
    return Where(
        url=web.url + path,
        secret=None if secret is None else lambda: secret,
        timeout_s=timeout_s,
    )


# --- what all sinks over HTTP have in common ------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content"),
    [(400, True), (413, True), (422, True), (401, False), (403, False), (404, False),
     (429, False), (500, False), (503, False), (302, False)],
)  # fmt: skip
def test_a_refusal_is_about_what_was_sent_or_about_us(
    web: Web, status: int, *, content: bool
) -> None:
    web.pages["/in"] = lambda _: Answer(status)
    with pytest.raises(SinkFault, match=f"HTTP status {status}") as caught:
        post(at(web), "/in", {}, b"x")
    assert caught.value.content is content
    assert caught.value.after_s is None


@pytest.mark.parametrize(
    ("told", "after_s"),
    [("7", 7.0), ("9" * 40, 999_999_999.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_is_heard(web: Web, told: str, after_s: float | None) -> None:
    web.pages["/in"] = lambda _: Answer(503, b"", {"Retry-After": told})
    with pytest.raises(SinkFault) as caught:
        post(at(web), "/in", {}, b"x")
    assert caught.value.after_s == after_s


def test_a_sink_that_cuts_the_connection_or_hangs_took_nothing(web: Web) -> None:
    def cut(_: Asked) -> Answer:
        raise Cut

    going = threading.Event()

    def hang(_: Asked) -> Answer:
        going.wait(30)
        return Answer()

    web.pages |= {"/cut": cut, "/hang": hang}
    try:
        for path in ("/cut", "/hang"):
            with pytest.raises(SinkFault) as caught:
                post(at(web, timeout_s=0.3), path, {}, b"x")
            assert not caught.value.content
    finally:
        going.set()


def test_nothing_is_sent_in_plain_text_to_another_machine() -> None:
    with pytest.raises(SinkFault, match="not an HTTPS URL"):
        post(Where(url="http://192.0.2.1"), "", {}, b"x")
    with pytest.raises(SinkFault, match=r"192\.0\.2\.1"):
        post(Where(url="http://192.0.2.1", plain=True, timeout_s=0.01), "", {}, b"x")


def test_a_credential_is_read_anew_and_its_fault_is_a_pause(web: Web) -> None:
    secrets = iter(["one", "two"])
    web.pages["/"] = lambda _: document({})
    sink = Ocsf(Where(url=web.url, secret=lambda: next(secrets)))
    for _ in range(2):
        sent(sink)
    assert [one.headers["authorization"] for one in web.asked] == ["Bearer one", "Bearer two"]


# --- Splunk ---------------------------------------------------------------------------------------


def test_splunk_gets_events_and_says_that_they_are_indexed(web: Web) -> None:
    fake = FakeSplunk(web)
    assert sent(Splunk(at(web, secret="token-1"))) == ALL
    copy = COPIES[0]
    assert fake.events[copy.id] == {
        "time": 1_700_000_000.123,
        "host": "crm.example/audit",
        "source": "safeconduct",
        "sourcetype": "safeconduct:audit",
        "event": copy.record,
        "fields": {"id": copy.id, **copy.evidence},
    }
    assert list(fake.events) == [one.id for one in COPIES]
    channels = {one.headers["x-splunk-request-channel"] for one in web.asked}
    assert len(channels) == 1


def test_splunk_gets_again_what_it_never_acknowledged(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.audit.exports.splunk.ACK_S", 0.2)
    fake = FakeSplunk(web)
    fake.lose = 1
    sink = Splunk(at(web, secret="token-1"), sleep=lambda _: None)
    with pytest.raises(SinkFault, match="not acknowledged in time"):
        sent(sink)
    assert sent(sink) == ALL
    assert set(fake.arrived.values()) == {2}  # told apart by their ids


def test_splunk_may_do_without_acknowledgements(web: Web) -> None:
    web.publish({"/services/collector/event": {"text": "Success", "code": 0}})
    assert sent(Splunk(at(web, secret="token-1"))) == ALL
    assert web.count("/services/collector/ack") == 0


def test_splunk_with_a_wrong_token_is_no_fault_of_a_record(web: Web) -> None:
    FakeSplunk(web)
    with pytest.raises(SinkFault, match="HTTP status 403") as caught:
        sent(Splunk(at(web, secret="wrong")))
    assert not caught.value.content


# --- Elasticsearch --------------------------------------------------------------------------------


def test_elastic_gets_documents_of_its_schema(web: Web) -> None:
    fake = FakeElastic(web)
    assert sent(Elastic(at(web, secret="key-1"))) == Taken([], [])
    assert web.asked[0].headers["authorization"] == "ApiKey key-1"
    assert web.asked[0].headers["content-type"] == "application/x-ndjson"
    copy = COPIES[0]
    assert fake.events[copy.id] == {
        "@timestamp": "2023-11-14T22:13:20.123Z",
        "ecs": {"version": "8.17.0"},
        "event": {
            "id": copy.id,
            "kind": "event",
            "category": ["api"],
            "type": ["allowed"],
            "action": "safeconduct.decision",
            "module": "safeconduct",
            "dataset": "safeconduct.audit",
            "sequence": 7,
            "original": copy.data.decode(),
            "outcome": "success",
        },
        "message": "decision permit tools/call crm.update_deal d_1",
        "observer": {"vendor": "Safeconduct", "type": "gateway", "name": "crm.example/audit"},
        "safeconduct": {
            **copy.evidence,
            "kind": "decision",
            "verdict": "permit",
            "decision": "d_1",
            "task": "t_1",
            "tool": "crm.update_deal",
            "agent": "spiffe://crm.example/agents/copilot",
        },
        "user": {"id": "u_5f0c"},
        "trace": {"id": copy.record["trace"]},
        "span": {"id": copy.record["span"]},
        "organization": {"id": "crm.example"},
    }
    started = fake.events[COPIES[2].id]
    assert started["user"] == {"id": "u_5f0c"}
    assert "outcome" not in started["event"]


def test_elastic_tells_of_each_document_what_became_of_it(web: Web) -> None:
    fake = FakeElastic(web)
    sink = Elastic(at(web), "logs-other-default")
    sent(sink, COPIES[:1])  # there already: 409
    fake.poison.add(COPIES[1].id)
    fake.busy[COPIES[2].id] = 1
    assert sent(sink) == Taken(refused=[1], again=[2])
    assert sent(sink, COPIES[2:]) == Taken([], [])
    assert fake.arrived == {COPIES[0].id: 2, COPIES[2].id: 1}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"items":[]}', b'{"items":[{"create":{}}]}'])
def test_an_answer_that_is_not_of_bulk_is_no_success(web: Web, body: bytes) -> None:
    web.pages["/_bulk"] = lambda _: Answer(200, body)
    with pytest.raises(SinkFault):
        sent(Elastic(at(web)))


# --- Datadog --------------------------------------------------------------------------------------


def test_datadog_gets_logs(web: Web) -> None:
    fake = FakeDatadog(web, "/api/v2/logs")
    assert sent(Datadog(at(web, secret="key-1")), [COPIES[0], copied(decision(verdict="deny"))])
    copy = COPIES[0]
    denied = copied(decision(verdict="deny"))
    assert fake.events[copy.id]["status"] == "warn"  # the same id: the later one stands
    sent(Datadog(at(web, secret="key-1")))
    assert fake.events[copy.id] == {
        "ddsource": "safeconduct",
        "ddtags": "kind:decision,tenant:crm.example",
        "hostname": "crm.example/audit",
        "service": "safeconduct",
        "status": "info",
        "timestamp": 1_700_000_000_123,
        "message": copy.data.decode(),
        "evt": {"id": copy.id},
        "safeconduct": copy.evidence,
    }
    assert denied.leaf != copy.leaf


# --- CloudEvents ----------------------------------------------------------------------------------


def test_a_webhook_gets_events_in_batches(web: Web) -> None:
    fake = FakeEvents(web, "/hook")
    assert sent(CloudEvents(at(web, "/hook", secret="bearer-1"))) == ALL
    (asked,) = fake.asked
    assert asked.headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"
    assert asked.headers["authorization"] == "Bearer bearer-1"
    copy = COPIES[0]
    record = copy.record
    assert fake.events[copy.id] == {
        "specversion": "1.0",
        "id": copy.id,
        "source": "urn:safeconduct:log:crm.example/audit",
        "type": "dev.safeconduct.audit.decision",
        "time": "2023-11-14T22:13:20.123Z",
        "datacontenttype": "application/json",
        "data": {"record": record, **copy.evidence},
        "traceparent": f"00-{record['trace']}-{record['span']}-01",
    }


def test_a_webhook_may_get_one_event_at_a_time_and_know_who_sent_it(web: Web) -> None:
    fake = FakeEvents(web, "/hook")
    sink = CloudEvents(at(web, "/hook"), batched=False, sign=lambda: "s3cret", clock_s=lambda: 9.5)
    assert sink.max_items == 1
    assert sent(sink, COPIES[:1]) == ALL
    (asked,) = fake.asked
    assert asked.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    name = asked.headers["webhook-id"]
    covered = f"{name}.9.".encode() + asked.body
    mac = base64.b64encode(hmac.new(b"s3cret", covered, hashlib.sha256).digest()).decode()
    assert asked.headers["webhook-timestamp"] == "9"
    assert asked.headers["webhook-signature"] == f"v1,{mac}"
    sent(sink, COPIES[:1])
    assert fake.asked[1].headers["webhook-id"] == name  # the same again is known as the same


# --- syslog ---------------------------------------------------------------------------------------


def test_syslog_gets_messages_framed_by_their_length() -> None:
    with syslog() as server:
        sink = Syslog(Where(url=f"tcp://127.0.0.1:{server.port}"))
        assert sent(sink, [COPIES[0], copied(decision(verdict="deny"), 8)]) == ALL
        first, second = server.messages
    head, _, body = first.partition(b"] ")
    copy = COPIES[0]
    assert head.decode() == (
        "<109>1 2023-11-14T22:13:20.123Z crm.example/audit safeconduct - decision "
        f'[safeconduct@32473 id="{copy.id}" log="crm.example/audit" n="7" '
        f'leaf_hash="{copy.leaf}" checkpoint_size="10"'
    )
    assert body == b"\xef\xbb\xbf" + copy.data
    assert second.startswith(b"<108>1 ")


def test_a_parameter_of_syslog_cannot_end_early() -> None:
    assert escaped('a"b]c\\d') == 'a\\"b\\]c\\\\d'


def test_syslog_over_tls_ends_in_order(tmp_path: Path) -> None:
    authority = Authority("crm.example")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.server().write(tmp_path, "sink"))
    with syslog(tls) as server:
        sink = Syslog(Where(url=f"tls://127.0.0.1:{server.port}", ca=ca, timeout_s=5))
        assert sent(sink) == ALL
        assert len(server.messages) == 3
        untrusted = Syslog(Where(url=f"tls://127.0.0.1:{server.port}", timeout_s=5))
        with pytest.raises(SinkFault, match="SSLCertVerificationError"):
            sent(untrusted)


def test_syslog_that_resets_or_is_not_there_took_nothing() -> None:
    with syslog() as server:
        server.resets = 1
        sink = Syslog(Where(url=f"tcp://127.0.0.1:{server.port}", timeout_s=5))
        with pytest.raises(SinkFault, match=r"127\.0\.0\.1: "):
            sink.send([b"x" * 1_000_000])
        assert sent(sink) == ALL
        assert len(server.messages) == 3
    with pytest.raises(SinkFault, match="ConnectionRefusedError"):
        sent(sink)


# --- OTLP and OCSF: how they are handed over ------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "path", "field"),
    [(OtlpLogs, "/v1/logs", "rejectedLogRecords"), (OtlpSpans, "/v1/traces", "rejectedSpans")],
)
def test_a_collector_that_takes_a_part_gets_none_of_it_again(
    web: Web, make: Callable[[Where], Sink], path: str, field: str
) -> None:
    answers: list[Any] = [{}, {"partialSuccess": {field: "2"}}, {"partialSuccess": {}}]
    web.pages[path] = lambda _: document(answers.pop(0))
    sink = make(at(web, secret="t"))
    items = encoded(sink)
    assert [sink.send(items).lost for _ in range(3)] == [0, 2, 0]
    assert web.asked[0].headers["content-type"] == "application/json"
    assert web.asked[0].headers["authorization"] == "Bearer t"
    web.pages[path] = lambda _: Answer(200, b"ok")
    with pytest.raises(SinkFault, match="not OTLP"):
        sink.send(items)


def test_ocsf_events_are_posted_as_an_array(web: Web) -> None:
    fake = Taking(web, "/events")
    assert sent(Ocsf(at(web, "/events"))) == ALL
    assert list(fake.events) == [copy.id for copy in COPIES]
    assert orjson.loads(fake.asked[0].body)[0]["class_uid"] == 6003


@pytest.mark.parametrize("body", [b"ok", b"[1]"])
def test_an_answer_that_is_not_the_collectors_is_no_success(web: Web, body: bytes) -> None:
    web.pages["/services/collector/event"] = lambda _: Answer(200, body)
    with pytest.raises(SinkFault, match="not the collector's"):
        sent(Splunk(at(web, secret="token-1")))


def test_datadog_without_a_key_is_turned_away_and_no_record_is_at_fault(web: Web) -> None:
    web.pages["/api/v2/logs"] = lambda asked: Answer(202 if "dd-api-key" in asked.headers else 403)
    with pytest.raises(SinkFault, match="HTTP status 403") as caught:
        sent(Datadog(at(web)))
    assert not caught.value.content


def test_syslog_that_never_closes_took_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        sink = Syslog(Where(url=f"tcp://127.0.0.1:{port}", timeout_s=0.2))
        with pytest.raises(SinkFault, match="TimeoutError"):
            sent(sink)


def test_what_syslog_says_is_read_and_not_heeded() -> None:
    def talk() -> None:
        with listening.accept()[0] as plain:
            plain.sendall(b"hello")
            while plain.recv(65_536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        talking = threading.Thread(target=talk)
        talking.start()
        port = listening.getsockname()[1]
        assert sent(Syslog(Where(url=f"tcp://127.0.0.1:{port}", timeout_s=5))) == ALL
        talking.join()
