"""Sessions of clients of 2025-11-25: whose they are, what they hold, and how they end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import orjson
import pytest

from safeconduct.entrypoints import replay, sessions
from safeconduct.entrypoints.http import Fields, Peer, Request, Site, doors
from safeconduct.entrypoints.wire import INVALID_PARAMS, INVALID_REQUEST
from safeconduct.ports import JSON, AskRefused, Delivered, Listener, Refused, Resumed
from tests.support.front import (
    BASE,
    CALL,
    TOKEN,
    Exchange,
    Page,
    Reply,
    ask,
    bearer,
    events,
    exchange,
    front,
    handshake,
    modern,
    notification,
    replaced,
    served,
    unconnected,
)

ABLE: JSON = {"elicitation": {}, "sampling": {}, "roots": {}}
FORM: JSON = {"mode": "form", "message": "Who?", "requestedSchema": {"type": "object"}}
WHO: JSON = {"method": "elicitation/create", "params": FORM}
WHERE: JSON = {"method": "roots/list", "params": {}}
ANN: JSON = {"action": "accept", "content": {"who": "Ann"}}
OTHER = "DPoP other"


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def site(page: Page) -> Site:
    return front(page)


class Client:
    """A client that shook hands."""

    def __init__(self, site: Site, session: str, token: str = TOKEN) -> None:
        self.site = site
        self.session = session
        self.fields = [
            *replaced(BASE, "authorization", token),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-session-id", session),
        ]

    async def ask(self, method: str, params: JSON | None = None, **meta: object) -> Reply:
        return await ask(self.site, handshake(method, params, **meta)[0], self.fields)

    async def say(self, message: JSON) -> Reply:
        return await ask(self.site, orjson.dumps({"jsonrpc": "2.0", **message}), self.fields)

    def call(self, params: JSON = CALL, **meta: object) -> Exchange:
        return exchange(self.site, handshake("tools/call", params, **meta)[0], self.fields).begin()

    def get(self, *more: tuple[str, str]) -> Exchange:
        return exchange(self.site, b"", [*self.fields, *more], method="GET").begin()

    async def delete(self) -> Reply:
        return await exchange(self.site, b"", self.fields, method="DELETE").run()


async def shaken(
    site: Site, *, able: JSON = ABLE, token: str = TOKEN, path: str = "/mcp"
) -> Client:
    params: JSON = {
        "protocolVersion": "2025-11-25",
        "capabilities": able,
        "clientInfo": {"name": "c", "version": "1"},
    }
    body, fields = handshake("initialize", params)
    reply = await ask(site, body, replaced(fields, "authorization", token), path=path)
    assert reply.status == 200
    return Client(site, reply.headers.get("mcp-session-id", ""), token)


# --- whose they are -------------------------------------------------------------------------------


async def test_no_two_sessions_have_one_name(site: Site) -> None:
    names = {(await shaken(site)).session for _ in range(5)}
    assert len(names) == 5
    assert all(len(name) >= 32 for name in names)


async def test_a_session_is_for_its_task_key_and_endpoint(site: Site, page: Page) -> None:
    client = await shaken(site)
    assert (await client.ask("ping")).status == 200
    page.bearers |= {OTHER: bearer("task-2"), "DPoP key": bearer(key="key-2")}
    for token in (OTHER, "DPoP key"):
        stranger = Client(site, client.session, token)
        assert (await stranger.ask("ping")).status == 404
        assert (await stranger.say({"method": "notifications/initialized"})).status == 404
        assert (await stranger.say({"id": 1, "result": {}})).status == 404
        assert (await stranger.call().run()).status == 404
        assert (await stranger.get().run()).status == 404
        assert (await stranger.delete()).status == 404
    elsewhere = await ask(site, handshake("ping")[0], client.fields, path="/mcp/crm")
    assert elsewhere.status == 404
    assert page.calls == []
    # A renewed token of the same task and key goes on.
    page.bearers["DPoP renewed"] = bearer()
    assert (await Client(site, client.session, "DPoP renewed").ask("ping")).status == 200


@pytest.mark.parametrize("name", ["", "x", "é", "../../session"])
async def test_a_session_that_nobody_opened_is_not_there(site: Site, page: Page, name: str) -> None:
    reply = await Client(site, name).ask("tools/call", CALL)
    assert (reply.status, page.calls) == (404, [])


async def test_two_sessions_in_one_request_are_none(site: Site, page: Page) -> None:
    client, other = await shaken(site), await shaken(site)
    client.fields.append(("mcp-session-id", other.session))
    assert (await client.ask("tools/call", CALL)).status == 404
    assert page.calls == []


async def test_a_session_gives_no_authority(site: Site, page: Page) -> None:
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "authorization", "DPoP bad")]
    replies = [await client.ask("tools/call", CALL), await client.delete()]
    assert {reply.status for reply in replies} == {401}
    assert (await client.get().run()).status == 401
    assert page.calls == []


async def test_a_session_means_nothing_to_the_newer_revision(site: Site, page: Page) -> None:
    body, fields = modern("tools/call", CALL)
    assert (await ask(site, body, [*fields, ("mcp-session-id", "x")])).status == 200
    said, fields = notification("notifications/cancelled", {"requestId": 1})
    newer = replaced(fields, "mcp-protocol-version", "2026-07-28")
    assert (await ask(site, said, [*newer, ("mcp-session-id", "x")])).status == 202


async def test_who_brings_no_session_is_served_without_one(site: Site, page: Page) -> None:
    await shaken(site)
    able: list[object] = []

    async def look(listener: Listener | None) -> None:
        able.append(listener)

    page.during = look
    assert (await ask(site, *handshake("tools/call", CALL))).status == 200
    assert able == [None]


# --- how they end ---------------------------------------------------------------------------------


async def test_a_session_ends_when_its_client_says_so(site: Site, page: Page) -> None:
    client = await shaken(site)
    reply = await client.delete()
    assert (reply.status, reply.body) == (204, b"")
    assert (await client.ask("ping")).status == 404
    assert (await client.delete()).status == 404
    assert page.calls == []


async def test_a_session_that_is_not_used_is_forgotten(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await shaken(site)
    monkeypatch.setattr(sessions, "IDLE_S", -1.0)
    assert (await client.ask("ping")).status == 404
    assert (await shaken(site)).session != client.session


async def test_a_task_has_so_many_sessions(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS_PER_TASK", 2)
    first, second = await shaken(site), await shaken(site)
    await first.ask("ping")
    third = await shaken(site)
    statuses = [(await one.ask("ping")).status for one in (first, second, third)]
    assert statuses == [200, 404, 200]


async def test_a_gateway_has_so_many_sessions(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.bearers[OTHER] = bearer("task-2")
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 1)
    first = await shaken(site)
    assert (await shaken(site, token=OTHER)).session == ""
    assert (await first.ask("ping")).status == 200


async def test_sessions_end_with_the_gateway(page: Page) -> None:
    endpoint = served(page)
    site = Site(endpoint.routes(), doors("http://gateway.example", "x:1"))
    stream = (await shaken(site)).get()
    await stream.events(1)
    await endpoint.close()
    assert (await stream.run()).whole


# --- questions ------------------------------------------------------------------------------------


def during(page: Page, *questions: JSON) -> list[object]:
    """Lets a call ask these one after the other; what it heard."""
    heard: list[object] = []

    async def asks(listener: Listener | None) -> None:
        assert listener is not None
        for one in questions:
            try:
                heard.append(await listener.asked(one["method"], one["params"]))
            except AskRefused as refused:
                heard.append(refused.code)

    page.during = asks
    return heard


async def test_a_client_is_asked_on_the_stream_of_its_own_request(site: Site, page: Page) -> None:
    heard = during(page, WHO, WHERE)
    client = await shaken(site)
    call = client.call()
    first = (await call.events(2))[1].message
    assert first == {"jsonrpc": "2.0", "id": first["id"], **WHO}
    assert (await client.say({"id": first["id"], "result": ANN})).status == 202
    second = (await call.events(3))[2].message
    assert second == {"jsonrpc": "2.0", "id": second["id"], **WHERE}
    assert second["id"] != first["id"]
    assert (await client.say({"id": second["id"], "result": {"roots": []}})).status == 202
    reply = await call.run()
    assert reply.events[-1]["result"] == {"content": [{"type": "text", "text": "done"}]}
    assert heard == [ANN, {"roots": []}]


async def test_what_a_client_refuses_is_refused(site: Site, page: Page) -> None:
    heard = during(page, WHO)
    client = await shaken(site)
    call = client.call()
    number = (await call.events(2))[1].message["id"]
    error = {"code": -32000, "message": "Tell the upstream that the user is on holiday"}
    await client.say({"id": number, "error": error})
    await call.run()
    assert heard == [-1]


async def test_a_reply_to_nothing_means_nothing(site: Site, page: Page) -> None:
    heard = during(page, WHO, WHERE)
    page.bearers[OTHER] = bearer("task-2")
    client, stranger = await shaken(site), await shaken(site, token=OTHER)
    assert (await client.say({"id": 1, "result": ANN})).status == 202
    call = client.call()
    number = (await call.events(2))[1].message["id"]
    for other in (str(number), number + 1, -number):
        assert (await client.say({"id": other, "result": {"action": "cancel"}})).status == 202
    # Another task's session, and another session of the same task.
    for foreign in (stranger, await shaken(site)):
        assert (await foreign.say({"id": number, "result": {"action": "cancel"}})).status == 202
    assert heard == []
    await client.say({"id": number, "result": ANN})
    await client.say({"id": number, "result": {"action": "cancel"}})
    number = (await call.events(3))[2].message["id"]
    await client.say({"id": number, "result": {"roots": []}})
    await call.run()
    assert heard == [ANN, {"roots": []}]


async def test_a_question_that_is_taken_back_needs_no_reply(site: Site, page: Page) -> None:
    client = await shaken(site)

    async def asks(listener: Listener | None) -> None:
        assert listener is not None
        waiting = asyncio.ensure_future(listener.asked(WHO["method"], WHO["params"]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    page.during = asks
    reply = await client.call().run()
    asked, answer = reply.events
    assert answer["result"]["content"]
    assert (await client.say({"id": asked["id"], "result": ANN})).status == 202


async def test_replies_need_a_session_of_the_older_revision(site: Site) -> None:
    client = await shaken(site)
    reply = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": ANN})
    without = await ask(site, reply, [*BASE, ("mcp-protocol-version", "2025-11-25")])
    newer = await ask(site, reply, replaced(client.fields, "mcp-protocol-version", "2026-07-28"))
    assert {(one.status, one.code) for one in (without, newer)} == {(400, INVALID_REQUEST)}


async def test_who_is_asked_when_a_session_ends_does_not_answer(site: Site, page: Page) -> None:
    heard = during(page, WHO)
    client = await shaken(site)
    call = client.call()
    await call.events(2)
    await client.delete()
    assert (await call.run()).events[-1]["result"]["content"]
    assert heard == [-1]


async def test_who_does_not_answer_for_a_while_refuses(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "ASK_S", 0.001)
    heard = during(page, WHO)
    reply = await (await shaken(site)).call().run()
    assert reply.events[-1]["result"]["content"]
    assert heard == [-1]


async def test_a_client_that_declared_nothing_is_not_asked(site: Site, page: Page) -> None:
    able: list[frozenset[str]] = []

    async def look(listener: Listener | None) -> None:
        assert listener is not None
        able.append(frozenset(listener.able))

    page.during = look
    await (await shaken(site, able={})).call().run()
    await (await shaken(site, able={"sampling": {}})).call().run()
    assert able == [frozenset(), {"sampling"}]


async def test_where_pages_come_first_a_client_of_before_gets_its_error(
    site: Site, page: Page
) -> None:
    client = await shaken(site, able={"elicitation": {"url": {}}})
    params = {"mode": "url", "url": "https://x.example/", "message": "m", "elicitationId": "e-1"}
    one = {"method": "elicitation/create", "params": params}
    page.answer = Delivered(
        decision="d-1", result={"resultType": "input_required", "inputRequests": {"page-1": one}}
    )
    reply = await client.call().run()
    assert (reply.status, reply.code) == (200, -32042)
    assert reply.json["error"]["data"] == {"elicitations": [params]}
    assert len(page.calls) == 1


@pytest.mark.parametrize(("era", "told"), [("older", 1), ("newer", 0)])
async def test_that_a_page_was_visited_is_told_to_clients_of_before(
    site: Site, page: Page, era: str, told: int
) -> None:
    async def visits(listener: Listener | None) -> None:
        assert listener is not None
        await listener.notified("notifications/elicitation/complete", {"elicitationId": "e-1"})
        await listener.notified("notifications/progress", {"progress": 1})

    page.during = visits
    if era == "older":
        client = await shaken(site, able={"elicitation": {"url": {}}})
        reply = await client.call(progressToken="p").run()
    else:
        reply = await ask(site, *modern("tools/call", CALL, progressToken="p"))
    visited = [one for one in reply.events if one.get("method", "").endswith("/complete")]
    assert [one["params"] for one in visited] == [{"elicitationId": "e-1"}] * told


async def test_in_a_completion_nobody_is_asked(site: Site, page: Page) -> None:
    able: list[frozenset[str]] = []

    async def look(listener: Listener | None) -> None:
        assert listener is not None
        able.append(frozenset(listener.able))

    page.during = look
    page.answer = Delivered(decision="d-1", result={"completion": {"values": []}})
    ref = {"type": "ref/prompt", "name": "crm__greet"}
    about = {"ref": ref, "argument": {"name": "who", "value": "A"}}
    await (await shaken(site)).ask("completion/complete", about)
    assert able == [frozenset()]


async def test_who_takes_no_stream_is_not_asked(site: Site, page: Page) -> None:
    listeners: list[Listener | None] = []

    async def look(listener: Listener | None) -> None:
        listeners.append(listener)

    page.during = look
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "accept", "application/json")]
    await client.call().run()
    assert listeners == [None]


# --- an upstream of the newer revision ------------------------------------------------------------


def input_required(requests: JSON | None, state: str | None) -> Delivered:
    result: JSON = {"resultType": "input_required"}
    result |= {} if requests is None else {"inputRequests": requests}
    result |= {} if state is None else {"requestState": state}
    return Delivered(decision="d-1", result=result)


async def answers(client: Client, call: Exchange, *results: JSON) -> Reply:
    """Answers what the call asks, one after the other."""
    for place, result in enumerate(results, 2):
        number = (await call.events(place))[place - 1].message["id"]
        await client.say({"id": number, **result})
    return await call.run()


async def test_an_upstream_of_today_may_ask_a_client_of_before(site: Site, page: Page) -> None:
    page.answers = [
        input_required({"who": WHO, "where": WHERE}, "one"),
        input_required(None, "two"),
    ]
    client = await shaken(site)
    reply = await answers(
        client, client.call(), {"result": {**ANN, "_meta": {}}}, {"result": {"roots": []}}
    )
    assert reply.events[-1]["result"] == {"content": [{"type": "text", "text": "done"}]}
    assert page.resumed == [
        None,
        Resumed(replies={"who": ANN, "where": {"roots": []}}, state="one"),
        Resumed(replies={}, state="two"),
    ]


async def test_what_a_client_does_not_answer_stays_missing(site: Site, page: Page) -> None:
    page.answers = [input_required({"who": WHO, "where": WHERE}, None)]
    client = await shaken(site)
    no = {"code": -1, "message": "no"}
    await answers(client, client.call(), {"error": no}, {"result": {"roots": "none"}})
    assert page.resumed[-1] == Resumed(replies={}, state=None)


async def test_nobody_asks_for_ever(site: Site, page: Page) -> None:
    page.answer = input_required(None, "again")
    reply = await ask(site, *handshake("tools/call", CALL))
    told = reply.json["result"]
    assert told["isError"] is True
    assert told["_meta"]["dev.safeconduct/refusal"]["reason"] == "ask-refused"
    assert len(page.calls) == 9


async def test_a_refusal_ends_the_rounds(site: Site, page: Page) -> None:
    page.answers = [input_required(None, "s"), Refused(decision="d", code="flow-confidentiality")]
    reply = await ask(site, *handshake("tools/call", CALL))
    assert (reply.json["result"]["isError"], len(page.calls)) == (True, 2)


async def test_without_a_session_nothing_is_answered(site: Site, page: Page) -> None:
    page.answers = [input_required({"who": WHO}, None)]
    await ask(site, *handshake("tools/call", CALL))
    assert page.resumed[-1] == Resumed(replies={}, state=None)


# --- log lines ------------------------------------------------------------------------------------


async def test_log_lines_are_told_from_the_level_of_the_session(site: Site, page: Page) -> None:
    levels: list[str | None] = []

    async def logs(listener: Listener | None) -> None:
        assert listener is not None
        levels.append(listener.log_level)
        for level in ("debug", "info", "error"):
            await listener.notified("notifications/message", {"level": level, "data": "d"})

    page.during = logs
    client = await shaken(site)
    told = (await client.call().run()).events
    assert [one["params"]["level"] for one in told[:-1]] == ["info", "error"]
    set_ = await client.ask("logging/setLevel", {"level": "warning"})
    assert set_.json["result"] == {}
    told = (await client.call().run()).events
    assert [one["params"]["level"] for one in told[:-1]] == ["error"]
    assert levels == ["info", "warning"]


@pytest.mark.parametrize(
    "params", [{}, {"level": "trace"}, {"level": 1}, {"level": "info", "logger": "x"}]
)
async def test_another_level_is_refused(site: Site, params: JSON) -> None:
    client = await shaken(site)
    assert (await client.ask("logging/setLevel", params)).code == INVALID_PARAMS


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("logging/setLevel", {"level": "info"}),
        ("resources/subscribe", {"uri": "file:///x"}),
        ("resources/unsubscribe", {"uri": "file:///x"}),
    ],
)
async def test_what_a_session_keeps_needs_one(
    site: Site, page: Page, method: str, params: JSON
) -> None:
    reply = await ask(site, *handshake(method, params))
    assert (reply.code, page.subscriptions.asked) == (INVALID_PARAMS, [])


# --- streams that are lost and found --------------------------------------------------------------


async def test_events_have_ids_and_say_when_to_come_back(site: Site, page: Page) -> None:
    during(page, WHO)
    client = await shaken(site)
    call = client.call()
    first, asked = await call.events(2)
    assert (first.data, first.retry) == (b"", 1000)
    assert first.id is not None
    assert asked.id is not None
    await client.say({"id": asked.message["id"], "result": ANN})
    reply = await call.run()
    assert b"\n\nid: " in reply.body


Tell = Callable[[Listener], Awaitable[None]]


class Works:
    """A call that tells progress, and goes on when it is let."""

    def __init__(self, page: Page) -> None:
        self.release = asyncio.Event()
        self.ended: str | None = None
        self.over = asyncio.Event()
        page.during = self

    async def __call__(self, listener: Listener | None) -> None:
        assert listener is not None
        try:
            await listener.notified("notifications/progress", {"progress": 1})
            await self.release.wait()
            await listener.notified("notifications/progress", {"progress": 2})
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        else:
            self.ended = "done"
        finally:
            self.over.set()


async def test_who_names_a_stream_first_gets_one(site: Site, page: Page) -> None:
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "accept", "text/event-stream, application/json")]
    for reply in (await client.ask("tools/list"), await client.call().run()):
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.events[-1]["id"] == 1
        primed, answer = events(reply.body)
        assert (primed.data, primed.retry) == (b"", 1000)
        again = await client.get(("last-event-id", str(primed.id))).run()
        assert events(again.body)[1] == answer
    # Without a session nobody could come back to it.
    body, fields = handshake("tools/list")
    plain = await ask(site, body, replaced(fields, "accept", "text/event-stream, application/json"))
    assert plain.headers["content-type"] == "application/json"


async def test_a_client_that_was_cut_off_before_anything_was_told_comes_back(
    site: Site, page: Page
) -> None:
    works = Works(page)
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "accept", "text/event-stream, application/json")]
    call = client.call()
    primed = (await call.events(1))[0]
    call.leave()
    works.release.set()
    reply = await client.get(("last-event-id", str(primed.id))).run()
    assert reply.events[-1]["result"]["content"]
    assert works.ended == "done"


async def test_a_client_that_was_cut_off_comes_back_for_the_answer(site: Site, page: Page) -> None:
    works = Works(page)
    client = await shaken(site)
    call = client.call(progressToken="p")
    primed, progress = await call.events(2)
    call.leave()
    again = client.get(("last-event-id", str(primed.id)))
    assert [one.message["params"]["progress"] for one in (await again.events(2))[1:]] == [1]
    works.release.set()
    reply = await again.run()
    assert reply.whole
    assert [one.get("params", one.get("result")) for one in reply.events] == [
        {"progressToken": "p", "progress": 1},
        {"progressToken": "p", "progress": 2},
        {"content": [{"type": "text", "text": "done"}]},
    ]
    assert works.ended == "done"
    # What was heard already is not told again.
    rest = await client.get(("last-event-id", str(progress.id))).run()
    assert len(rest.events) == 2


class Parts(Works):
    """A call whose upstream parts before it does anything."""

    async def __call__(self, listener: Listener | None) -> None:
        assert listener is not None
        await listener.parted(70)
        await super().__call__(listener)


async def test_a_client_is_parted_from_when_the_upstream_parts_and_comes_back(
    site: Site, page: Page
) -> None:
    works = Parts(page)
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "accept", "text/event-stream, application/json")]
    call = client.call(progressToken="p")
    primed, parted = await call.events(2)
    assert (primed.id, primed.data, primed.retry) == (parted.id, b"", 1000)
    assert (parted.data, parted.retry) == (b"", 70)
    again = client.get(("last-event-id", str(parted.id)))
    assert (await again.events(2))[1].message["params"]["progress"] == 1
    works.release.set()
    rest = await again.run()
    assert rest.whole
    assert [one.get("params", one.get("result")) for one in rest.events] == [
        {"progressToken": "p", "progress": 1},
        {"progressToken": "p", "progress": 2},
        {"content": [{"type": "text", "text": "done"}]},
    ]
    # The response that was parted from had its end, and nothing came in it afterwards.
    ended = await call.run()
    assert (ended.whole, ended.events) == (True, [])
    assert works.ended == "done"
    assert len(page.calls) == 1


async def test_only_who_can_come_back_is_parted_from(site: Site, page: Page) -> None:
    Parts(page).release.set()
    client = await shaken(site)
    # Its response has not begun, so it can as well go on waiting.
    reply = await client.call(progressToken="p").run()
    assert [one.get("params", {}).get("progress") for one in reply.events] == [1, 2, None]
    assert all(event.retry in {None, 1000} for event in events(reply.body))
    for body, fields in (
        handshake("tools/call", CALL, progressToken="p"),
        modern("tools/call", CALL, progressToken="p"),
    ):
        reply = await ask(site, body, fields)
        assert reply.whole
        assert len(reply.events) == 3


async def test_a_call_that_is_parted_from_ends_when_nobody_comes_back(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "ALONE_S", 0.001)
    works = Parts(page)
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "accept", "text/event-stream, application/json")]
    client.call()
    await works.over.wait()
    assert works.ended == "cancelled"


async def test_a_reader_that_came_before_the_first_was_seen_to_be_gone_is_not_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "ALONE_S", 0.0)
    alone = asyncio.Event()
    feed = replay.Replay(replay.Kept()).open(alone.set)
    wire = Quiet()
    reading = asyncio.create_task(feed.follow(unconnected(BASE, wire), 0))
    await wire.read.wait()
    feed.left()
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.001, later.set)
    await later.wait()
    assert not alone.is_set()
    wire.gone()
    assert await reading
    await alone.wait()


class Quiet:
    """A connection on which nothing is said (`safeconduct.entrypoints.http.Wire`)."""

    peer = Peer()

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.gone: Callable[[], None] = lambda: None

    def when_gone(self, request: Request, call: Callable[[], None] | None) -> None:
        if call is not None:
            self.gone = call
            self.read.set()

    def start(self, request: Request, headers: Fields, *, lasting: bool) -> NoReturn:
        raise NotImplementedError

    async def send(self, request: Request, data: bytes) -> None:
        raise NotImplementedError

    def finish(self, request: Request, *, close: bool) -> NoReturn:
        raise NotImplementedError


async def test_a_call_that_nobody_comes_back_for_ends(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "ALONE_S", 0.001)
    works = Works(page)
    call = (await shaken(site)).call(progressToken="p")
    await call.events(2)
    call.leave()
    await works.over.wait()
    assert works.ended == "cancelled"


async def test_who_comes_back_and_goes_again_has_the_same_time(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = Works(page)
    client = await shaken(site)
    call = client.call(progressToken="p")
    primed = (await call.events(1))[0]
    await call.events(2)
    call.leave()
    again = client.get(("last-event-id", str(primed.id)))
    await again.events(2)
    monkeypatch.setattr(replay, "ALONE_S", 0.001)
    assert works.ended is None
    again.leave()
    await works.over.wait()
    assert works.ended == "cancelled"


async def test_a_cancellation_reaches_a_call_in_a_session(site: Site, page: Page) -> None:
    works = Works(page)
    client = await shaken(site)
    call = client.call(progressToken="p")
    await call.events(2)
    await client.say({"method": "notifications/cancelled", "params": {"requestId": 1}})
    assert (await call.run()).events[-1]["error"]["code"] == -32800
    assert works.ended == "cancelled"


async def test_what_is_kept_is_bounded(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_EVENTS", 2)
    works = Works(page)
    client = await shaken(site)
    call = client.call(progressToken="p")
    primed = (await call.events(1))[0]
    works.release.set()
    await call.run()
    behind = await client.get(("last-event-id", str(primed.id))).run()
    assert (behind.status, behind.events) == (410, [])
    number = str(primed.id).partition("-")[0]
    assert len((await client.get(("last-event-id", f"{number}-1")).run()).events) == 2
    monkeypatch.setattr(replay, "MAX_BYTES", 10)
    await client.call(progressToken="p").run()
    gone = await client.get(("last-event-id", f"{number}-1")).run()
    assert (gone.status, gone.events) == (410, [])


async def test_a_reader_who_falls_behind_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MAX_EVENTS", 2)
    feed = replay.Replay(replay.Kept()).open()
    read: list[bytes] = []

    class Slow(Quiet):
        async def send(self, request: Request, data: bytes) -> None:
            read.append(data)
            for _ in range(3):
                feed.add(b"{}")

    feed.add(b"{}")
    assert not await feed.follow(unconnected(BASE, Slow()), 0)
    assert len(read) == 1


def test_of_all_sessions_so_much_is_kept_and_who_has_most_loses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "MAX_BYTES_IN_ALL", 10_000)
    kept = replay.Kept()
    loud, quiet, ended = (replay.Replay(kept) for _ in range(3))
    feeds = [one.open() for one in (loud, quiet, ended)]
    for feed in feeds[1:]:
        for _ in range(20):
            feed.add(b"x" * 100)
    ended.end()
    for _ in range(200):
        feeds[0].add(b"x" * 100)
    assert feeds[1].goes_on(0)
    assert feeds[2].goes_on(0)
    assert not feeds[0].goes_on(0)
    assert feeds[0].goes_on(199)
    assert 5_000 < loud.bytes + quiet.bytes <= 10_000


async def test_what_a_session_missed_and_is_not_kept_is_not_waited_for(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_EVENTS", 1)
    client = await shaken(site)
    await client.ask("resources/subscribe", {"uri": URI})
    await page.subscriptions.begun()
    for _ in range(3):
        await page.subscriptions.running[0]("notifications/resources/updated", {"uri": URI})
    stream = client.get()
    primed = (await stream.events(1))[0]
    assert str(primed.id) == "0-3"
    await page.subscriptions.running[0]("notifications/resources/updated", {"uri": URI})
    assert (await stream.events(2))[1].message["params"] == {"uri": URI}


@pytest.mark.parametrize("event", ["", "x", "0", "0-", "-1", "0-99", "99-0", "1e1-0", "٠-٠"])
async def test_an_event_that_never_was_is_refused(site: Site, event: str) -> None:
    client = await shaken(site)
    fields = [("last-event-id", event.encode().decode("latin-1"))]
    assert (await client.get(*fields).run()).status == 400


async def test_nobody_takes_up_the_stream_of_another_session(site: Site, page: Page) -> None:
    client, other = await shaken(site), await shaken(site)
    Works(page).release.set()
    call = client.call(progressToken="p")
    progress = (await call.events(2))[1]
    await call.run()
    assert (await other.get(("last-event-id", str(progress.id))).run()).status == 400


async def test_a_stream_ends_with_its_task(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.entrypoints.watch.TICK_S", 0.001)
    works = Works(page)
    client = await shaken(site)
    call, stream = client.call(progressToken="p"), client.get()
    await call.events(2)
    await stream.events(1)
    page.revoked.add("task-1")
    assert not (await call.run()).whole
    assert not (await stream.run()).whole
    assert works.ended == "cancelled"


# --- the stream of the session --------------------------------------------------------------------


async def test_a_session_hears_of_lists_that_change(site: Site, page: Page) -> None:
    client = await shaken(site)
    stream = client.get()
    await page.subscriptions.begun()
    [(upstream, wanted)] = page.subscriptions.asked
    assert (upstream, wanted.tools, wanted.prompts, wanted.resources) == (None, True, True, True)
    await page.subscriptions.running[0]("notifications/tools/list_changed", {})
    told = (await stream.events(2))[1]
    assert told.message == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    stream.leave()
    await page.subscriptions.over()


async def test_a_second_stream_takes_the_place_of_the_first(site: Site, page: Page) -> None:
    client = await shaken(site)
    first = client.get()
    await first.events(1)
    second = client.get()
    await second.events(1)
    assert (await first.run()).whole
    await page.subscriptions.begun(2)
    await page.subscriptions.running[1]("notifications/prompts/list_changed", {})
    assert (await second.events(2))[1].message["method"] == "notifications/prompts/list_changed"


async def test_a_stop_of_the_server_ends_the_stream(site: Site) -> None:
    stream = (await shaken(site)).get()
    await stream.events(1)
    stream.stop()
    assert (await stream.run()).whole


async def test_the_stream_is_one_of_events(site: Site) -> None:
    client = await shaken(site)
    client.fields = [*replaced(client.fields, "accept", "application/json")]
    assert (await client.get().run()).status == 406


URI = "safeconduct://crm/file:///x"


async def test_a_session_hears_of_a_resource_until_it_does_not_want_to(
    site: Site, page: Page
) -> None:
    client = await shaken(site)
    assert (await client.ask("resources/subscribe", {"uri": URI})).json["result"] == {}
    assert (await client.ask("resources/subscribe", {"uri": URI})).json["result"] == {}
    await page.subscriptions.begun()
    await page.subscriptions.running[0]("notifications/resources/updated", {"uri": URI})
    # It was told before anybody listened, and is not lost.
    told = (await client.get().events(2))[1].message
    assert told["params"] == {"uri": URI}
    assert (await client.ask("resources/unsubscribe", {"uri": URI})).json["result"] == {}
    assert (await client.ask("resources/unsubscribe", {"uri": URI})).json["result"] == {}
    await page.subscriptions.over()
    assert page.subscriptions.asked[0][1].uris == {URI}


async def test_what_may_not_be_read_may_not_be_subscribed_to(site: Site, page: Page) -> None:
    page.subscriptions.denied = {URI}
    client = await shaken(site)
    reply = await client.ask("resources/subscribe", {"uri": URI})
    assert (reply.code, page.subscriptions.running) == (INVALID_PARAMS, [])


async def test_what_has_lapsed_is_taken_up_with_the_stream(site: Site, page: Page) -> None:
    told = page.subscriptions
    client = await shaken(site)
    for uri in (URI, f"{URI}/denied"):
        await client.ask("resources/subscribe", {"uri": uri})
    await told.begun(2)
    told.run_out.set()
    await told.over(2)
    told.run_out.clear()
    told.denied = {f"{URI}/denied"}
    stream = client.get()
    await told.begun(4)
    asked = [wanted.uris for _, wanted in told.asked]
    assert asked[2:] == [frozenset(), {URI}, {f"{URI}/denied"}]
    stream.leave()
    client.get()
    await told.begun(5)
    assert len(told.asked) == 6  # what was denied is not asked for again


@pytest.mark.parametrize("params", [{}, {"uri": 1}, {"uri": "x", "more": 1}])
async def test_a_subscription_names_a_resource(site: Site, params: JSON) -> None:
    client = await shaken(site)
    assert (await client.ask("resources/subscribe", params)).code == INVALID_PARAMS


async def test_subscriptions_are_bounded_and_end_with_their_session(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_SUBSCRIPTIONS", 1)
    client = await shaken(site)
    await client.ask("resources/subscribe", {"uri": URI})
    assert (await client.ask("resources/subscribe", {"uri": "other"})).code == INVALID_PARAMS
    await page.subscriptions.begun()
    await client.delete()
    await page.subscriptions.over()
