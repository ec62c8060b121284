"""A client that hides data where nobody looks: nothing reaches an upstream but what was judged."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
import pytest

from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import ContentManifest, Sink, SourceLabel
from safeconduct.entrypoints.http import Site, doors
from safeconduct.entrypoints.mcp import McpEndpoint
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.wire import INVALID_PARAMS
from safeconduct.ports import JSON, Listener, Upstream
from safeconduct.simulation import SimulatedTask
from safeconduct.tools.offers import Offer
from tests.support.front import (
    BASE,
    ISSUER,
    Exchange,
    Fields,
    Reply,
    ask,
    exchange,
    handshake,
    modern,
    replaced,
)
from tests.unit.test_gateway import records, simulated

HIDDEN = "h1dd3n-c4rg0"
READ: JSON = {"name": "crm__get_case", "arguments": {"case_id": "C-1"}}
GREET: JSON = {"name": "greet", "arguments": [{"name": "who"}]}


class Crm:
    """An upstream that keeps all that it is told."""

    id = "crm"

    def __init__(self) -> None:
        self.told: list[object] = []
        self.called = asyncio.Event()
        self.hold = False
        self.question: JSON | None = None

    async def request(self, method: str, params: JSON, **more: Any) -> JSON:
        listener: Listener | None = more.pop("listener")
        self.told += [method, params, more, {} if listener is None else vars(listener).get("able")]
        self.called.set()
        if self.hold:
            await asyncio.Event().wait()
        if self.question is not None and listener is not None:
            self.told.append(await listener.asked("elicitation/create", self.question))
        if method == "completion/complete":
            return {"completion": {"values": []}}
        return {"content": [{"type": "text", "text": "a case"}]}

    async def close(self) -> None:
        pass


class Attack:
    """A gateway with one task, and what reached its upstream."""

    def __init__(self, task: SimulatedTask, crm: Crm) -> None:
        self.task = task
        self.crm = crm
        endpoint = McpEndpoint(
            task.rooms.gateway,
            task.rooms.subscriptions,
            issuer=ISSUER,
            max_body_bytes=65_536,
            clock_ms=task.rooms.clock_ms,
            refusals=Refusals(task.rooms.clock_ms),
        )
        self.site = Site(endpoint.routes(), doors(ISSUER, "127.0.0.1:8700"))

    def signed(self, fields: Fields, *more: tuple[str, str]) -> Fields:
        return [*replaced(fields, "authorization", self.task.task), *more]

    async def send(self, message: tuple[bytes, Fields], *more: tuple[str, str]) -> Reply:
        body, fields = message
        return await ask(self.site, body, self.signed(fields, *more))

    def begin(self, message: tuple[bytes, Fields], *more: tuple[str, str]) -> Exchange:
        body, fields = message
        return exchange(self.site, body, self.signed(fields, *more)).begin()

    def found(self) -> bool:
        """Whether the cargo reached the upstream, or the log."""
        logged = [record for kind in ("decision", "outcome") for record in records(self.task, kind)]
        return HIDDEN in repr(self.crm.told) + repr(logged)


@pytest.fixture
async def attack(tmp_path: Path) -> AsyncIterator[Attack]:
    async with simulated(tmp_path, asks={"form": True}) as task:
        crm = Crm()
        cast("dict[str, Upstream]", task.rooms.upstreams)["crm"] = cast("Upstream", crm)
        yield Attack(task, crm)


HEADERS = [
    "baggage",
    "cookie",
    "forwarded",
    "last-event-id",
    "mcp-whatever",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-forwarded-for",
    "x-request-id",
]


@pytest.mark.parametrize("name", HEADERS)
async def test_in_a_header(attack: Attack, name: str) -> None:
    for message in (modern("tools/call", READ), handshake("tools/call", READ)):
        reply = await attack.send(message, (name, HIDDEN))
        assert reply.json["result"]["content"]
    assert len(attack.crm.told) == 8
    assert not attack.found()


async def test_in_an_id(attack: Attack) -> None:
    body, fields = modern("tools/call", READ)
    envelope = {**orjson.loads(body), "id": HIDDEN}
    reply = await attack.send((orjson.dumps(envelope), fields))
    assert reply.json["id"] == HIDDEN  # it goes back to where it came from, and nowhere else
    assert attack.crm.called.is_set()
    assert not attack.found()


@pytest.mark.parametrize(
    "meta",
    [
        {"progressToken": HIDDEN},
        {"baggage": HIDDEN},
        {"traceparent": f"00-{HIDDEN}-01"},
        {"dev.safeconduct/labels": {"integrity": HIDDEN}},
        {"io.modelcontextprotocol/clientInfo": {"name": HIDDEN, "version": HIDDEN}},
        {"io.modelcontextprotocol/clientCapabilities": {"experimental": {HIDDEN: {}}}},
        {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {HIDDEN: 1}}}},
        {"io.modelcontextprotocol/subscriptionId": HIDDEN},
        {HIDDEN: {HIDDEN: [HIDDEN]}},
    ],
)
async def test_in_meta(attack: Attack, meta: JSON) -> None:
    for message in (modern("tools/call", READ, **meta), handshake("tools/call", READ, **meta)):
        assert (await attack.send(message)).status == 200
    assert attack.crm.called.is_set()
    assert not attack.found()


async def test_in_the_meta_of_an_argument(attack: Attack) -> None:
    """There is no such place: what stands in the arguments is judged like all of them."""
    call = {"name": "crm__get_case", "arguments": {"case_id": "C-1", "_meta": {"x": HIDDEN}}}
    reply = await attack.send(modern("tools/call", call))
    assert reply.json["result"]["isError"] is True
    assert attack.crm.told == []


@pytest.mark.parametrize(
    "more", [{"task": {"ttl": HIDDEN}}, {"cursor": HIDDEN}, {"arguments_": HIDDEN}]
)
async def test_beside_the_arguments(attack: Attack, more: JSON) -> None:
    await attack.send(modern("tools/call", {**READ, **more}))
    assert not attack.found()


@pytest.mark.parametrize("reason", [HIDDEN, {"text": HIDDEN}])
async def test_in_the_reason_of_a_cancellation(attack: Attack, reason: object) -> None:
    attack.crm.hold = True
    call = attack.begin(handshake("tools/call", READ))
    await attack.crm.called.wait()
    said = {"requestId": 1, "reason": reason, "_meta": {"why": HIDDEN}}
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": said}
    fields = [*BASE, ("mcp-protocol-version", "2025-11-25")]
    assert (await attack.send((orjson.dumps(body), fields))).status == 202
    assert (await call.run()).code == -32800
    assert not attack.found()


async def test_in_a_handshake(attack: Attack) -> None:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"experimental": {HIDDEN: {}}, "elicitation": {"form": {"x": HIDDEN}}},
        "clientInfo": {"name": HIDDEN, "version": HIDDEN, "title": HIDDEN},
    }
    body, fields = handshake("initialize", params)
    opened = await attack.send((body, fields))
    session = ("mcp-session-id", opened.headers["mcp-session-id"])
    await attack.send(handshake("tools/call", READ), session)
    assert attack.crm.called.is_set()
    assert not attack.found()


async def test_around_a_reply(attack: Attack) -> None:
    tools = attack.task.config.manifests["crm"].tools
    cleared = Sink(clearance="confidential")
    tools["get_case"] = msgspec.structs.replace(tools["get_case"], sink=cleared)
    attack.crm.question = {
        "message": "Who?",
        "requestedSchema": {"type": "object", "properties": {"who": {"type": "string"}}},
    }
    able: JSON = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    first = (await attack.send(modern("tools/call", READ, **able))).json["result"]
    [key] = first["inputRequests"]
    reply = {"action": "decline", "content": {"x": HIDDEN}, "_meta": {HIDDEN: 1}, HIDDEN: HIDDEN}
    brought = {
        "inputResponses": {key: reply, HIDDEN: {"action": "cancel"}},
        "requestState": first["requestState"],
    }
    answer = await attack.send(modern("tools/call", {**READ, **brought}, **able))
    assert answer.json["result"]["content"]
    assert attack.crm.told[-1] == {"action": "decline"}
    assert not attack.found()


async def test_in_a_state_of_its_own(attack: Attack) -> None:
    for state in (HIDDEN, HIDDEN.encode().hex(), "A" * 100, ""):
        reply = await attack.send(modern("tools/call", {**READ, "requestState": state}))
        assert (reply.status, reply.code) == (400, INVALID_PARAMS)
    assert attack.crm.told == []


def offer_greeting(attack: Attack, confidentiality: str) -> None:
    """Has the CRM offer a prompt that may be given what is so confidential, and no more."""
    greeting = Offer(definition=GREET, digest="sha256:0", size=1, pinned="sha256:0")
    offers = attack.task.rooms.offers
    offers.known = {**offers.known, ("prompt", "crm", "greet"): greeting}
    manifest = ContentManifest(
        scopes=("case:read",),
        source=SourceLabel(integrity="trusted", confidentiality=cast("Any", confidentiality)),
    )
    attack.task.config.manifests["crm"].prompts["greet"] = manifest


def typed(value: str) -> JSON:
    ref = {"type": "ref/prompt", "name": "crm__greet"}
    return {"ref": ref, "argument": {"name": "who", "value": value}}


async def test_in_what_is_typed(attack: Attack) -> None:
    offer_greeting(attack, "public")
    reply = await attack.send(modern("completion/complete", typed("An")))
    assert reply.json["result"]["completion"] == {"values": []}
    # What the task knows by now may not go where the public goes: not letter by letter either.
    await attack.send(modern("tools/call", {"name": "crm__list_customers"}))
    sent = len(attack.crm.told)
    assert attack.task.state.labels >= Label(confidentiality=Confidentiality.restricted)
    for value in (HIDDEN, "D"):
        reply = await attack.send(modern("completion/complete", typed(value)))
        assert reply.json["error"]["data"]["reason"] == "flow-confidentiality"
    assert len(attack.crm.told) == sent


@pytest.mark.parametrize(
    "more",
    [
        {"context": {"arguments": {"who": {"deep": HIDDEN}}}},
        {"context": {"arguments": {}, "more": HIDDEN}},
        {"hint": HIDDEN},
        {"inputResponses": {"k": {"action": "accept", "content": {"x": HIDDEN}}}},
    ],
)
async def test_beside_what_is_typed(attack: Attack, more: JSON) -> None:
    offer_greeting(attack, "public")
    reply = await attack.send(modern("completion/complete", {**typed("An"), **more}))
    assert (reply.code, attack.crm.told) == (INVALID_PARAMS, [])


@pytest.mark.parametrize(
    "uri",
    [
        f"kb://open/../{HIDDEN}",
        f"kb://open/%2e%2e/{HIDDEN}",
        f"kb://open/{HIDDEN}\u0000",
        f"kb://open/{HIDDEN}\\x",
        f"kb://open/{HIDDEN}#fragment x",
        f"KB://open/{HIDDEN}",
        f"kb://opened/{HIDDEN}",
        f"https://evil.example/?q={HIDDEN}",
        f"safeconduct://mail/kb://open/{HIDDEN}",
        f"safeconduct://crm/safeconduct://crm/kb://open/{HIDDEN}",
    ],
)
async def test_in_the_name_of_a_resource(attack: Attack, uri: str) -> None:
    manifest = ContentManifest(scopes=("case:read",), source=SourceLabel(confidentiality="public"))
    cast("Any", attack.task.config.manifests["crm"].resources)["kb://open/*"] = manifest
    for wire_uri in (uri, f"safeconduct://crm/{uri}"):
        for method in ("resources/read", "resources/subscribe"):
            reply = await attack.send(handshake(method, {"uri": wire_uri}))
            assert reply.code == INVALID_PARAMS
    assert attack.crm.told == []
