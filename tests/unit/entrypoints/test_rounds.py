"""Questions that end a request, and the request that brings the answers."""

import asyncio
from typing import Any

import pytest

from safeconduct.core.asks import MAX_ASKS, MAX_STATE_BYTES
from safeconduct.entrypoints import parking
from safeconduct.entrypoints.http import Site, doors
from safeconduct.entrypoints.rounds import MAX_REPLIES
from safeconduct.entrypoints.wire import INTERNAL_ERROR, INVALID_PARAMS
from safeconduct.kit.seal import TTL_MS
from safeconduct.ports import JSON, AskRefused, Delivered, Listener, Resumed
from tests.support.front import (
    CALL,
    Page,
    Reply,
    ask,
    bearer,
    exchange,
    front,
    modern,
    replaced,
    served,
)

ABLE: JSON = {
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "sampling": {}, "roots": {}}
}
FORM: JSON = {"mode": "form", "message": "Who?", "requestedSchema": {"type": "object"}}
WHO: JSON = {"method": "elicitation/create", "params": FORM}
WHERE: JSON = {"method": "roots/list", "params": {}}
ANN: JSON = {"action": "accept", "content": {"who": "Ann"}}
DONE = Delivered(decision="d-2", result={"content": [{"type": "text", "text": "done"}]})


def asking(requests: JSON | None = None, state: str | None = "theirs") -> Delivered:
    result: JSON = {"resultType": "input_required"}
    if requests is not None:
        result["inputRequests"] = requests
    if state is not None:
        result["requestState"] = state
    return Delivered(decision="d-1", result=result)


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def site(page: Page) -> Site:
    return front(page)


async def called(site: Site, params: JSON | None = None, **more: Any) -> Reply:
    return await ask(site, *modern("tools/call", {**(params or CALL), **more}, **ABLE))


async def asked(site: Site, page: Page, answer: Delivered) -> JSON:
    """The result of a call that is answered by a question."""
    page.answers = [answer]
    result: JSON = (await called(site)).json["result"]
    assert result["resultType"] == "input_required"
    return result


async def test_a_question_reaches_the_client_with_a_state_that_it_cannot_read(
    site: Site, page: Page
) -> None:
    result = await asked(site, page, asking({"who": WHO}))
    assert result.keys() == {"resultType", "inputRequests", "requestState"}
    assert result["inputRequests"] == {"who": WHO}
    assert "theirs" not in result["requestState"]


async def test_the_answers_go_on_with_the_call_and_its_own_state(site: Site, page: Page) -> None:
    result = await asked(site, page, asking({"who": WHO, "where": WHERE}))
    replies = {"who": {**ANN, "_meta": {}}, "where": {"roots": [{"uri": "file:///x"}]}}
    reply = await called(site, inputResponses=replies, requestState=result["requestState"])
    assert reply.json["result"]["resultType"] == "complete"
    assert page.resumed == [
        None,
        Resumed(replies={"who": ANN, "where": {"roots": [{"uri": "file:///x"}]}}, state="theirs"),
    ]
    assert page.calls[0] == page.calls[1]


PAGE: JSON = {
    "method": "elicitation/create",
    "params": {"mode": "url", "url": "https://x.example/", "message": "m", "elicitationId": "e-1"},
}


async def test_where_pages_come_first_the_call_is_made_again_as_it_was(
    site: Site, page: Page
) -> None:
    result = await asked(site, page, asking({"page-1": PAGE}, None))
    assert result["inputRequests"] == {"page-1": PAGE}
    accepted = {"page-1": {"action": "accept"}}
    reply = await called(site, inputResponses=accepted, requestState=result["requestState"])
    assert reply.json["result"]["resultType"] == "complete"
    assert page.resumed[-1] == Resumed(replies={}, state=None)


async def test_a_state_changes_from_round_to_round(site: Site, page: Page) -> None:
    first = await asked(site, page, asking({"who": WHO}, "one"))
    page.answers = [asking({"who": WHO}, "two")]
    again = await called(site, inputResponses={"who": ANN}, requestState=first["requestState"])
    second = again.json["result"]
    assert second["requestState"] != first["requestState"]
    await called(site, inputResponses={"who": ANN}, requestState=second["requestState"])
    states = [None if one is None else one.state for one in page.resumed]
    assert states == [None, "one", "two"]


async def test_an_upstream_that_keeps_nothing_may_ask_nothing_but_to_come_back(
    site: Site, page: Page
) -> None:
    bare = await asked(site, page, asking(None, "later"))
    assert "inputRequests" not in bare
    await called(site, requestState=bare["requestState"])
    assert page.resumed[-1] == Resumed(replies={}, state="later")
    stateless = await asked(site, page, asking({"who": WHO}, None))
    await called(site, inputResponses={"who": ANN}, requestState=stateless["requestState"])
    assert page.resumed[-1] == Resumed(replies={"who": ANN}, state=None)


async def test_the_longest_state_can_be_carried_and_what_is_longer_was_never_ours(
    page: Page,
) -> None:
    site = front(page, max_body_bytes=2**20)
    longest = '"' * (MAX_STATE_BYTES // 2 - 1)
    many = {'"' * 125 + f"{number:03}": WHO for number in range(MAX_ASKS)}
    result = await asked(site, page, asking(many, longest))
    await called(site, requestState=result["requestState"])
    assert page.resumed[-1] == Resumed(replies={}, state=longest)
    reply = await called(site, requestState="x" * 100_000)
    assert (reply.status, reply.code) == (400, INVALID_PARAMS)


async def test_what_was_not_asked_is_left_out_and_what_is_missing_stays_so(
    site: Site, page: Page
) -> None:
    result = await asked(site, page, asking({"who": WHO, "where": WHERE}))
    extra = {"who": ANN, "other": ANN}
    await called(site, inputResponses=extra, requestState=result["requestState"])
    assert page.resumed[-1] == Resumed(replies={"who": ANN}, state="theirs")


async def test_replies_may_come_before_the_question_and_say_themselves_what_they_are(
    site: Site, page: Page
) -> None:
    said: JSON = {"role": "assistant", "content": {"type": "text", "text": "x"}, "model": "m"}
    await called(site, inputResponses={"a": ANN, "b": {"roots": []}, "c": said})
    assert page.resumed == [Resumed(replies={"a": ANN, "b": {"roots": []}, "c": said}, state=None)]


@pytest.mark.parametrize(
    "replies",
    [
        None,
        [],
        "x",
        {"who": 12345},
        {"who": None},
        {"who": {"action": "agree"}},
        {"who": {"action": "accept", "content": {"a": {"deep": 1}}}},
        {"who": {"roots": [{"uri": "https://evil.example"}]}},
        {f"k{n}": ANN for n in range(MAX_REPLIES + 1)},
    ],
)
async def test_a_reply_that_is_none_is_refused(site: Site, page: Page, replies: object) -> None:
    reply = await called(site, inputResponses=replies)
    assert (reply.status, reply.code, page.calls) == (400, INVALID_PARAMS, [])


async def test_a_reply_to_another_kind_of_question_is_refused(site: Site, page: Page) -> None:
    result = await asked(site, page, asking({"who": WHO}))
    bad: JSON = {"who": {"roots": []}}
    reply = await called(site, inputResponses=bad, requestState=result["requestState"])
    assert (reply.code, len(page.calls)) == (INVALID_PARAMS, 1)


async def test_a_state_is_good_for_its_own_call_alone(site: Site, page: Page) -> None:
    page.bearers |= {
        "DPoP other-task": bearer("task-2"),
        "DPoP other-key": bearer(key="key-2"),
    }
    state = (await asked(site, page, asking({"who": WHO})))["requestState"]
    brought = {"inputResponses": {"who": ANN}, "requestState": state}
    other_arguments = {**CALL, "arguments": {"case_id": "C-2"}}
    refused = [
        await called(site, other_arguments, **brought),
        await called(site, {**CALL, "name": "crm__drop"}, **brought),
        await ask(site, *modern("tools/call", {**CALL, **brought}, **ABLE), path="/mcp/crm"),
        await called(site, inputResponses={"who": ANN}, requestState=state + "-TAMPERED"),
        await called(site, inputResponses={"who": ANN}, requestState=""),
        await called(site, inputResponses={"who": ANN}, requestState=["x"]),
        await ask(front(Page()), *modern("tools/call", {**CALL, **brought}, **ABLE)),
    ]
    for token in ("DPoP other-task", "DPoP other-key"):
        body, fields = modern("tools/call", {**CALL, **brought}, **ABLE)
        refused.append(await ask(site, body, replaced(fields, "authorization", token)))
    page.now_ms += TTL_MS
    refused.append(await called(site, **brought))
    assert {(one.status, one.code) for one in refused} == {(400, INVALID_PARAMS)}
    assert len({one.json["error"]["message"] for one in refused}) == 1
    assert len(page.calls) == 1


@pytest.mark.parametrize(
    ("method", "params"),
    [("prompts/get", {"name": "crm__p"}), ("resources/read", {"uri": "safeconduct://crm/x:y"})],
)
async def test_prompts_and_resources_may_ask_too(
    site: Site, page: Page, method: str, params: JSON
) -> None:
    page.answers = [asking({"who": WHO})]
    first = (await ask(site, *modern(method, params, **ABLE))).json["result"]
    brought = {"inputResponses": {"who": ANN}, "requestState": first["requestState"]}
    await ask(site, *modern(method, {**params, **brought}, **ABLE))
    assert page.resumed[-1] == Resumed(replies={"who": ANN}, state="theirs")


@pytest.mark.parametrize("brought", [{"inputResponses": {}}, {"requestState": "x"}])
async def test_nothing_else_is_retried(site: Site, page: Page, brought: JSON) -> None:
    listed = await ask(site, *modern("tools/list", brought))
    completion = {
        "ref": {"type": "ref/prompt", "name": "p"},
        "argument": {"name": "a", "value": ""},
    }
    completed = await ask(site, *modern("completion/complete", {**completion, **brought}))
    assert (listed.code, completed.code, page.calls) == (INVALID_PARAMS, INVALID_PARAMS, [])


async def test_a_client_is_asked_for_what_it_declared(site: Site, page: Page) -> None:
    able: list[frozenset[str]] = []

    async def look(listener: Listener | None) -> None:
        able.append(frozenset() if listener is None else frozenset(listener.able))

    page.during = look
    await called(site)
    sampling: JSON = {"io.modelcontextprotocol/clientCapabilities": {"sampling": {}}}
    await ask(site, *modern("tools/call", CALL, **sampling))
    await ask(site, *modern("tools/call", CALL))
    assert able == [{"elicitation.form", "sampling", "roots"}, {"sampling"}, frozenset()]


# --- calls that wait for their client -------------------------------------------------------------


class Asks:
    """An upstream of before: it asks in the middle of a call, and waits."""

    def __init__(self, *questions: JSON) -> None:
        self.questions = questions
        self.replies: list[object] = []
        self.ended = asyncio.Event()

    async def __call__(self, listener: Listener | None) -> None:
        assert listener is not None
        try:
            for one in self.questions:
                try:
                    self.replies.append(await listener.asked(one["method"], one["params"]))
                except AskRefused as refused:
                    self.replies.append(refused.code)
        finally:
            self.ended.set()


async def test_a_call_waits_while_its_client_is_asked(site: Site, page: Page) -> None:
    asks = page.during = Asks(WHO, WHERE)
    first = (await called(site)).json["result"]
    assert first["inputRequests"] == {"ask-1": WHO}
    state = first["requestState"]
    second = (await called(site, inputResponses={"ask-1": ANN}, requestState=state)).json["result"]
    assert second["inputRequests"] == {"ask-2": WHERE}
    replies = {"ask-2": {"roots": []}, "ask-1": ANN}
    last = await called(site, inputResponses=replies, requestState=second["requestState"])
    assert last.json["result"]["content"] == [{"type": "text", "text": "done"}]
    assert asks.replies == [ANN, {"roots": []}]
    assert len(page.calls) == 1


async def test_questions_at_the_same_time_are_asked_together(site: Site, page: Page) -> None:
    replies: list[JSON] = []

    async def both(listener: Listener | None) -> None:
        assert listener is not None
        replies.extend(await asyncio.gather(*(listener.asked(**one) for one in (WHO, WHERE))))

    page.during = both
    first = (await called(site)).json["result"]
    assert first["inputRequests"] == {"ask-1": WHO, "ask-2": WHERE}
    some: JSON = {"ask-2": {"roots": []}}
    again = (await called(site, inputResponses=some, requestState=first["requestState"])).json[
        "result"
    ]
    assert again["inputRequests"] == {"ask-1": WHO}
    await called(site, inputResponses={"ask-1": ANN}, requestState=again["requestState"])
    assert replies == [ANN, {"roots": []}]


async def test_a_waiting_call_is_taken_up_once(site: Site, page: Page) -> None:
    asks = page.during = Asks(WHO, WHO)
    first = (await called(site)).json["result"]
    brought = {"inputResponses": {"ask-1": ANN}, "requestState": first["requestState"]}
    await called(site, **brought)
    late = await called(site, **brought)
    assert (late.status, late.code) == (400, INVALID_PARAMS)
    assert asks.replies == [ANN]


async def test_who_goes_away_ends_the_call_that_waited(site: Site, page: Page) -> None:
    release = asyncio.Event()
    asks = Asks(WHO)

    async def asks_and_works(listener: Listener | None) -> None:
        await asks(listener)
        try:
            release.set()
            await asyncio.Event().wait()
        finally:
            asks.ended.clear()

    page.during = asks_and_works
    first = (await called(site)).json["result"]
    brought = {"inputResponses": {"ask-1": ANN}, "requestState": first["requestState"]}
    link = exchange(site, *modern("tools/call", {**CALL, **brought}, **ABLE))
    task = asyncio.ensure_future(link.bytes())
    await release.wait()
    second = await called(site, **brought)
    assert second.code == INVALID_PARAMS  # somebody waits for its answer already
    link.leave()
    assert await task == b""
    assert not asks.ended.is_set()


async def test_a_call_waits_no_longer_than_its_task(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.entrypoints.watch.TICK_S", 0.001)
    asks = page.during = Asks(WHO)
    state = (await called(site)).json["result"]["requestState"]
    page.revoked.add("task-1")
    await asks.ended.wait()
    assert (await called(site, requestState=state)).code == INVALID_PARAMS


async def test_a_call_waits_no_longer_than_for_a_while(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "PARKED_S", 0.001)
    asks = page.during = Asks(WHO)
    await called(site)
    await asks.ended.wait()
    assert asks.replies == []


async def test_waiting_calls_end_with_the_gateway(page: Page) -> None:
    endpoint = served(page)
    asks = page.during = Asks(WHO)
    await called(Site(endpoint.routes(), doors("http://gateway.example", "x:1")))
    await endpoint.close()
    assert asks.ended.is_set()


async def test_a_call_that_fails_while_it_waits_says_so_to_who_comes_back(
    site: Site, page: Page
) -> None:
    release, ended = asyncio.Event(), asyncio.Event()

    async def gives_up(listener: Listener | None) -> None:
        assert listener is not None
        waiting = asyncio.ensure_future(listener.asked(**WHO))
        await release.wait()
        waiting.cancel()
        ended.set()
        raise RuntimeError("gone")

    page.during = gives_up
    state = (await called(site)).json["result"]["requestState"]
    release.set()
    await ended.wait()
    assert (await called(site, requestState=state)).code == INTERNAL_ERROR


async def test_progress_of_a_waiting_call_goes_to_the_request_that_waits(
    site: Site, page: Page
) -> None:
    async def tells(listener: Listener | None) -> None:
        assert listener is not None
        await listener.notified("notifications/progress", {"progress": 1})
        await listener.asked(**WHO)
        await listener.notified("notifications/progress", {"progress": 2})

    page.during = tells
    first = await ask(site, *modern("tools/call", CALL, **ABLE, progressToken="a"))
    told, question = first.events
    assert told["params"] == {"progressToken": "a", "progress": 1}
    brought = {
        "inputResponses": {"ask-1": ANN},
        "requestState": question["result"]["requestState"],
    }
    second = await ask(site, *modern("tools/call", {**CALL, **brought}, **ABLE, progressToken="b"))
    told, answer = second.events
    assert told["params"] == {"progressToken": "b", "progress": 2}
    assert answer["result"]["resultType"] == "complete"


async def test_what_is_told_between_two_rounds_is_lost(site: Site, page: Page) -> None:
    told, release = asyncio.Event(), asyncio.Event()

    async def tells(listener: Listener | None) -> None:
        assert listener is not None
        waiting = asyncio.ensure_future(listener.asked(**WHO))
        await release.wait()
        await listener.notified("notifications/progress", {"progress": 1})
        told.set()
        await waiting

    page.during = tells
    first = await ask(site, *modern("tools/call", CALL, **ABLE, progressToken="a"))
    release.set()
    await told.wait()
    brought = {
        "inputResponses": {"ask-1": ANN},
        "requestState": first.json["result"]["requestState"],
    }
    last = await ask(site, *modern("tools/call", {**CALL, **brought}, **ABLE, progressToken="b"))
    assert last.json["result"]["resultType"] == "complete"
