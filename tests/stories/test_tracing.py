"""One trace from the agent's own spans through the gateway's to the tool server's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.core.trace import span_of, trace_of
from safeconduct.ports import JSON
from tests.faults.upstream_servers import Request, handshaking, raw_server, stateless
from tests.support.front import handshake, modern, replaced
from tests.support.installation import (
    Agent,
    Gateway,
    Office,
    done,
    install,
    running,
)
from tests.support.threads import in_a_thread

CLAIMED, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{CLAIMED}-{PARENT}-01"
CASE: JSON = {"name": "office__get_case", "arguments": {"case_id": "C-1"}}
LIST: JSON = {"name": "office__list_customers", "arguments": {}}


class Noting(Office):
    """An office that keeps what its tools were called with."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[Request] = []

    async def handle(self, request: Request) -> None:
        if request.method == "tools/call":
            self.called.append(request)
        await super().handle(request)


@pytest.fixture(scope="module")
def office() -> Iterator[Noting]:
    office = Noting()
    with in_a_thread(raw_server(stateless(office.handle))) as server:
        office.url = server.url
        yield office


@pytest.fixture(scope="module")
def gateway(office: Noting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = install(tmp_path_factory.mktemp("traced"), office)
    with running(config) as gateway:
        yield gateway


def called(
    agent: Agent,
    params: JSON,
    *headers: tuple[str, str],
    meta: JSON | None = None,
    old: bool = False,
) -> None:
    body, fields = (handshake if old else modern)("tools/call", params, **(meta or {}))
    for name, value in headers:
        fields = replaced(fields, name, value)
    assert done(agent.post(body, agent.fields(fields)))


def last(gateway: Gateway, office: Noting) -> tuple[JSON, JSON, Request]:
    """The decision on record, and what the office got: in `_meta`, and as a whole."""
    request = office.called[-1]
    return gateway.records("decision")[-1], request.message["params"]["_meta"], request


@pytest.mark.parametrize("where", ["message", "header", "header-of-before"])
def test_a_call_is_a_span_between_the_agents_and_the_tools(
    gateway: Gateway, office: Noting, where: str
) -> None:
    agent = gateway.task()
    said = {"traceparent": TRACEPARENT, "tracestate": "vendor=1", "baggage": "secret=1"}
    if where == "message":
        called(agent, CASE, meta=dict(said))
    else:
        called(agent, CASE, *said.items(), old=where == "header-of-before")
    record, meta, request = last(gateway, office)
    span = span_of(record["decision"])
    assert record["trace"] == CLAIMED
    assert record["span"] == span
    assert record["trace_claimed"] is True
    assert record["span_parent"] == PARENT
    onward = {"traceparent": f"00-{CLAIMED}-{span}-01", "tracestate": "vendor=1"}
    assert {name: meta[name] for name in onward} == onward
    assert {name: request.headers[name] for name in onward} == onward
    assert "baggage" not in meta
    assert "baggage" not in request.headers
    assert b"secret" not in request.body


def test_the_calls_of_a_task_that_claims_none_are_one_trace(
    gateway: Gateway, office: Noting
) -> None:
    agent = gateway.task()
    called(agent, CASE)
    called(agent, CASE, ("traceparent", "00-junk"), ("tracestate", "vendor=1"))
    for record, request in zip(gateway.records("decision")[-2:], office.called[-2:], strict=True):
        trace = trace_of(agent.task.task)
        assert record["trace"] == trace
        assert "trace_claimed" not in record
        onward = f"00-{trace}-{span_of(record['decision'])}-01"
        assert request.headers["traceparent"] == onward
        assert request.message["params"]["_meta"]["traceparent"] == onward
        assert "tracestate" not in request.headers
        assert "tracestate" not in request.message["params"]["_meta"]


def test_a_trace_carries_nothing_out_that_the_task_must_not(
    gateway: Gateway, office: Noting
) -> None:
    """What a task has read that the next tool must not get does not get there as an id either."""
    agent = gateway.task()
    called(agent, LIST, ("traceparent", TRACEPARENT))
    assert last(gateway, office)[1]["traceparent"].startswith(f"00-{CLAIMED}-")
    called(agent, LIST, ("traceparent", TRACEPARENT), ("tracestate", "stolen=1"))
    record, meta, request = last(gateway, office)
    # It is on record as it was claimed, and the tool server sees a trace of our own.
    assert record["trace"] == CLAIMED
    assert record["labels"]["confidentiality"] == "restricted"
    assert meta["traceparent"].startswith(f"00-{trace_of(agent.task.task)}-")
    assert CLAIMED.encode() not in request.body
    assert CLAIMED not in str(request.headers)
    assert b"stolen" not in request.body


def test_a_server_of_before_gets_the_context_as_well(tmp_path: Path) -> None:
    office = Noting()
    with in_a_thread(raw_server(handshaking(office.handle))) as server:
        office.url = server.url
        with running(install(tmp_path, office)) as gateway:
            called(gateway.task(), CASE, ("traceparent", TRACEPARENT))
            record, meta, request = last(gateway, office)
    onward = f"00-{CLAIMED}-{span_of(record['decision'])}-01"
    assert meta == {"traceparent": onward}
    assert request.headers["traceparent"] == onward
