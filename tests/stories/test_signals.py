"""An identity provider says that a session is over, and what an agent does for that user ends."""

from __future__ import annotations

import http.client
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from safeconduct.identity.client import proof
from tests.support.front import handshake, modern
from tests.support.installation import (
    Agent,
    Office,
    calling,
    eventually,
    opened_office,
    received,
    refusal,
)
from tests.support.publishers import rsa
from tests.support.starting import Refused, start
from tests.support.transmitters import CAEP, PEOPLE, SSF, World, ended, signalling

pytestmark = pytest.mark.timeout(120)

JANE, JOE, KIM, LEE, MAX = PEOPLE


@pytest.fixture(scope="module")
def office() -> Generator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture(scope="module")
def world(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with signalling(tmp_path_factory.mktemp("gateway"), office) as made:
        yield made


@contextmanager
def subscribed(agent: Agent) -> Generator[http.client.HTTPResponse]:
    """An open stream, after what is said at first."""
    params = {"notifications": {"toolsListChanged": True}}
    body, fields = modern("subscriptions/listen", params)
    connection = agent.sent(body, agent.fields(fields))
    try:
        with connection.getresponse() as stream:
            while b"acknowledged" not in stream.readline():
                assert stream.status == 200
            yield stream
    finally:
        connection.close()


@contextmanager
def in_session(agent: Agent) -> Generator[http.client.HTTPResponse]:
    """The open stream of a session of 2025-11-25."""
    client = {"name": "c", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    body, fields = handshake("initialize", params)
    session = agent.post(body, agent.fields(fields)).headers["mcp-session-id"]
    headers = {
        "Accept": "text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
        "MCP-Session-Id": session,
        "Authorization": f"DPoP {agent.task.token}",
        "DPoP": proof(agent.task.key, "GET", agent.url, agent.task.token),
    }
    connection = http.client.HTTPConnection(agent.gateway.config.root.gateway.listen, timeout=30)
    try:
        connection.request("GET", "/mcp", headers=headers)
        with connection.getresponse() as stream:
            assert stream.status == 200
            yield stream
    finally:
        connection.close()


def test_a_session_that_is_revoked_takes_all_with_it(world: World) -> None:
    gateway, idp = world.gateway, world.pushing
    one, two, joe = world.working(JANE), world.working(JANE, ago_s=30), world.working(JOE)
    old = world.signed_in(JANE, ago_s=20)
    told = idp.says(JANE, ago_s=10)
    with (
        subscribed(one) as stream,
        in_session(two) as session,
        subscribed(joe) as another,
    ):
        assert world.push(told).status == 202
        assert ended(one)
        assert ended(two)
        # Streams are cut, without an end of their own; that of another user goes on.
        for cut in (stream, session):
            with pytest.raises(http.client.IncompleteRead):
                cut.read()
        assert not ended(joe)
        assert not another.closed
    answer = start(gateway, old)
    assert isinstance(answer, Refused)
    assert answer.told["error"] == "invalid_grant"
    again = world.working(JANE, ago_s=0)
    # Told again, the signal ends no more than it did.
    assert world.push(told).status == 202
    assert not ended(again)
    record, same = (one for one in gateway.records("revocation") if one["id"] == JANE)
    assert (record["what"], record["by"]) == ("sign-in", "signal:pushing")
    assert record["event"] == "session-revoked"
    assert same["jti"] == record["jti"]


def test_a_call_under_way_comes_to_nothing(world: World, office: Office) -> None:
    agent, idp = world.working(LEE), world.pushing
    office.hold.add("get_case")
    office.arrived.clear()
    body, fields = calling("office__get_case", {"case_id": "C-1"})
    connection = agent.sent(body, agent.fields(fields))
    try:
        assert office.arrived.wait(30)
        assert world.push(idp.says(LEE)).status == 202
        office.let_go.set()
        assert refusal(received(connection)) == "task-revoked"
    finally:
        connection.close()
        office.hold.clear()
        office.let_go.set()
    assert ended(agent)


def test_a_new_key_of_the_provider_s_refuses_no_signal(world: World) -> None:
    agent, idp = world.working(MAX), world.pushing
    old = idp.says(JOE, f"{SSF}verification")
    idp.key = rsa("second")
    idp.publish()
    told = idp.says(MAX, sub_id={"format": "email", "email": MAX})
    assert world.push(told).status == 202
    assert ended(agent)
    assert world.push(old).status == 400


def test_a_provider_that_is_asked_is_told_what_was_heard(world: World) -> None:
    gateway, idp = world.gateway, world.polled
    agent = world.working(KIM)
    better = {"current_status": "compliant"}
    idp.waiting = {
        "v": idp.says(KIM, f"{SSF}verification"),
        "d": idp.says(KIM, events={f"{CAEP}device-compliance-change": better}),
        "bad": idp.says(KIM, aud="https://another.example"),
    }
    eventually(lambda: not idp.waiting, gateway)
    assert sorted(idp.acknowledged) == ["d", "v"]
    assert idp.refused["bad"]["err"] == "invalid_audience"
    assert not ended(agent)
    # More than are asked for at once, and the one that counts comes last.
    many = {f"v-{n}": idp.says(KIM, f"{SSF}verification") for n in range(70)}
    idp.waiting = many | {"last": idp.says(KIM)}
    eventually(lambda: ended(agent), gateway)
    eventually(lambda: not idp.waiting, gateway)
    assert len(idp.acknowledged) == 73
