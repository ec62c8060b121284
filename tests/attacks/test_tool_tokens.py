"""Tool tokens in the wrong hands, and what must never stand on the wire to an upstream."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON, Credential, Upstream, UpstreamFault
from safeconduct.rooms import clock_ms
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.tool_tokens import TYPE
from safeconduct.upstreams import open_upstream
from safeconduct.verifier import Refused, Verifier
from tests.support.credentials import AUDIENCE, TOOL_TOKEN, errand, signer, with_credential
from tests.support.guarded import Guarded, Seen, guarding, tokens, type_of
from tests.support.listeners import Hears
from tests.support.web import Web, serving
from tests.support.worlds import AGENT, USER

KEY = PrivateKey.generate()
OWNER = "crm.example|jane@crm.example|t_1"
CASE: JSON = {"name": "get_case", "arguments": {"case_id": "C-1"}}
SEND: JSON = {"name": "send", "arguments": {"to": "eve@evil.example", "body": "all of it"}}


@pytest.fixture
def web() -> Generator[Web]:
    """Publishes the gateway's keys."""
    with serving() as web:
        web.publish({"/oauth/jwks": {"keys": [KEY.public.jwk("sig")]}})
        yield web


@pytest.fixture
async def office(web: Web) -> AsyncGenerator[Guarded]:
    async with guarding(web.url, AUDIENCE) as office:
        yield office


def company(directory: Path, web: Web) -> Config:
    config = with_credential(directory, TOOL_TOKEN)
    gateway = replace(config.root.gateway, issuer=web.url)
    return replace(config, root=replace(config.root, gateway=gateway))


class Leg:
    """The gateway's leg to the office: its broker and its upstream."""

    def __init__(self, directory: Path, web: Web, office: Guarded) -> None:
        self.broker = Broker(company(directory, web), clock_ms=clock_ms, sign=signer(KEY))
        self.upstream: Upstream = open_upstream("crm", url=office.url)

    async def credential(self, tool: str = "get_case") -> Credential:
        credential = await self.broker.credential(errand(name=tool))
        assert credential is not None
        return credential

    async def call(self, params: JSON = CASE, listener: Hears | None = None) -> str:
        result = await self.upstream.request(
            "tools/call",
            params,
            owner=OWNER,
            credential=await self.credential(params["name"]),
            timeout_s=20,
            listener=listener,
        )
        return str(result["content"][0]["text"])


@pytest.fixture
async def leg(tmp_path: Path, web: Web, office: Guarded) -> AsyncGenerator[Leg]:
    leg = Leg(tmp_path, web, office)
    yield leg
    await leg.upstream.close()


def post(office: Guarded, stolen: Seen, *, body: bytes | None = None, method: str = "POST") -> int:
    """Sends what was seen on the wire, and returns the status."""
    parts = urlsplit(office.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    headers = {
        name.decode(): value.decode()
        for name, value in stolen.headers
        if name not in {b"content-length", b"host"}
    }
    try:
        connection.request(method, parts.path, stolen.body if body is None else body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


async def stolen(office: Guarded, leg: Leg) -> Seen:
    """A call that was taken off the wire before it arrived, with its token still unused."""
    await leg.call()
    office.effects.clear()
    office.intercept = True
    with pytest.raises(UpstreamFault):
        await leg.call()
    office.intercept = False
    return office.calls()[-1]


async def sent(office: Guarded, taken: Seen, body: bytes | None = None, how: str = "POST") -> int:

    return await asyncio.to_thread(post, office, taken, body=body, method=how)


async def test_the_server_knows_who_calls_for_whom(office: Guarded, leg: Leg) -> None:
    assert await leg.call() == "C-1 done"
    (known,) = office.errands
    assert (known.agent, known.user, known.task) == (AGENT, USER, "t_1")
    assert (known.service, known.scopes) == ("crm.get_case", frozenset({"case:read"}))


async def test_nobody_else_gets_in(office: Guarded) -> None:
    for headers in ((), ((b"authorization", b"Bearer x"),), ((b"authorization", b"Basic x"),)):
        assert await sent(office, Seen("POST", headers, b"{}")) == 401
    assert office.effects == []


async def test_a_token_that_arrived_is_worth_nothing(office: Guarded, leg: Leg) -> None:
    await leg.call()
    for seen in list(office.wire):
        assert await sent(office, seen) == 401
    assert office.effects == ["get_case"]


async def test_an_unused_token_makes_its_own_call_and_no_other(office: Guarded, leg: Leg) -> None:
    taken = await stolen(office, leg)
    other = taken.body.replace(b"C-1", b"C-2")
    assert other != taken.body
    for body in (
        other,
        taken.body + b" ",
        taken.body.replace(b"get_case", b"open_vault"),
        taken.body[:-1],
        b"",
    ):
        assert await sent(office, taken, body) == 401
    for how in ("GET", "DELETE", "PUT"):
        assert await sent(office, taken, how=how) == 401
    assert office.effects == []
    assert await sent(office, taken) == 200
    assert await sent(office, taken) == 401
    assert office.effects == ["get_case"]


async def test_every_single_byte_counts(office: Guarded, leg: Leg, web: Web) -> None:
    taken = await stolen(office, leg)
    server = Verifier(web.url, AUDIENCE, clock_ms=lambda: clock_ms() - 5_000)
    for place in range(len(taken.body)):
        changed = bytearray(taken.body)
        changed[place] ^= 1
        with pytest.raises(Refused, match="another message"):
            await server.verify(taken.authorization, "POST", bytes(changed))
    assert office.effects == []


async def test_another_tool_s_token_does_not_do(office: Guarded, leg: Leg) -> None:
    taken = await stolen(office, leg)
    office.intercept = True
    with pytest.raises(UpstreamFault):
        await leg.call(SEND)
    office.intercept = False
    sending = office.calls()[-1]
    assert b"eve@evil.example" in sending.body
    assert await sent(office, taken, sending.body) == 401
    assert await sent(office, sending, taken.body) == 401
    assert office.effects == []


async def test_another_upstream_does_not_take_it(office: Guarded, leg: Leg, web: Web) -> None:
    taken = await stolen(office, leg)
    elsewhere = Verifier(web.url, "mail", clock_ms=lambda: clock_ms() - 5_000)
    with pytest.raises(Refused, match="another service"):
        await elsewhere.verify(taken.authorization, "POST", taken.body)


async def test_after_a_minute_it_is_worth_nothing(office: Guarded, leg: Leg) -> None:
    taken = await stolen(office, leg)
    office.ahead_s = 60.0
    assert await sent(office, taken) == 401
    assert office.effects == []


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("sessions", [False, True])
async def test_every_message_has_a_token_of_its_own(
    tmp_path: Path, web: Web, older: bool, sessions: bool
) -> None:
    """Handshakes, streams, farewells, and what is replied to an upstream that asks."""

    async def five(_method: str, _params: JSON) -> JSON:
        return {"action": "accept", "content": {"number": 5}}

    async with guarding(web.url, AUDIENCE, older=older, sessions=sessions) as office:
        leg = Leg(tmp_path, web, office)
        asked = Hears(reply=five, able=frozenset({"elicitation.form"}), modern=not older)
        assert await leg.call() == "C-1 done"
        if older and sessions:
            order: JSON = {"name": "order", "arguments": {}}
            assert await leg.call(order, asked) == "ordered 5"
        await leg.upstream.close()
    used = [seen.authorization for seen in office.wire if seen.method != "DELETE"]
    assert len(set(used)) == len(used)
    assert {type_of(token.removeprefix("Bearer ")) for token in used} == {TYPE}
    refused = office.statuses.count(401)
    # Sessions are ended without a credential, as none is kept for that.
    assert refused == sum(seen.method == "DELETE" for seen in office.wire)


async def test_nothing_but_tool_tokens_is_on_the_wire(office: Guarded, leg: Leg) -> None:
    await leg.call()
    await leg.call(SEND)
    for seen in office.wire:
        (token,) = tokens(seen.whole)
        assert type_of(token) == TYPE
