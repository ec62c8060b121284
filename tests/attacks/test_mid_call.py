"""What an injected agent or a hostile upstream gains by questions, replies and streams."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.core.admit import Withheld, admit
from safeconduct.core.asks import Asks
from safeconduct.core.elicitation import form
from safeconduct.core.shapes import NotAllowed
from safeconduct.core.verdict import Redact
from safeconduct.entrypoints import parking, replay
from safeconduct.entrypoints.http import Site, doors
from safeconduct.entrypoints.listening import MAX_STREAMS
from safeconduct.entrypoints.sessions import MAX_SESSIONS
from safeconduct.entrypoints.watch import Watch
from safeconduct.hearing import MAX_WAITING_OF_TASK
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.ports import (
    JSON,
    AskRefused,
    Bearer,
    Delivered,
    Listener,
    Refused,
    Resumed,
    UpstreamFault,
)
from safeconduct.simulation import SimulatedTask
from tests.support.facts import call as judged
from tests.support.facts import tool
from tests.support.front import ISSUER, Page, bearer, events, front, replaced, served
from tests.support.listeners import Hears
from tests.unit.entrypoints.test_listening import TOOLS, listen
from tests.unit.entrypoints.test_rounds import WHO, called
from tests.unit.entrypoints.test_sessions import Works, shaken
from tests.unit.test_gateway import records, simulated
from tests.unit.test_hearing import ABLE, FORM, SECRET, Talks, call, yes

LOGIN = "https://login.example"


@pytest.mark.parametrize(
    ("asks", "params"),
    [
        (Asks(url_origins=(LOGIN,)), {"mode": "url", "url": LOGIN, "message": f"Use {SECRET}"}),
        (
            Asks(form=True),
            {
                "message": "m",
                "requestedSchema": {
                    "type": "object",
                    "properties": {SECRET: {"type": "string"}},
                    "required": ["other", SECRET],
                },
            },
        ),
    ],
)
def test_a_question_that_carries_a_credential_is_withheld(asks: Asks, params: JSON) -> None:
    one = {"method": "elicitation/create", "params": params}
    result = {"resultType": "input_required", "inputRequests": {"q": one}}
    findings = SecretInspector().inspect(result)
    assert admit(
        judged(client=ABLE), tool(asks=asks), (Redact(("secret.",)),), result, findings
    ) == Withheld("ask-refused")


async def test_nothing_is_replayed_to_a_task_that_is_over() -> None:
    page = Page()
    client = await shaken(front(page))
    client.fields = [*replaced(client.fields, "accept", "text/event-stream, application/json")]
    primed = events((await client.call().run()).body)[0]
    page.revoked.add("task-1")
    again = await client.get(("last-event-id", str(primed.id))).run()
    assert again.status == 401
    assert b"done" not in again.body


@pytest.mark.parametrize("method", ["initialize", "subscriptions/listen"])
async def test_nothing_that_lasts_begins_for_a_task_that_is_over(method: str) -> None:
    page = Page()
    page.revoked.add("task-1")
    if method == "initialize":
        with pytest.raises(AssertionError):
            await shaken(front(page))
        return
    assert (await listen(front(page), TOOLS).run()).status == 401


class Gives:
    """An upstream that asks, and answers by itself when it has waited long enough."""

    def __init__(self) -> None:
        self.enough = asyncio.Event()
        self.answered = asyncio.Event()

    async def __call__(self, listener: Listener | None) -> None:
        assert listener is not None
        asking = asyncio.ensure_future(listener.asked(WHO["method"], WHO["params"]))
        await self.enough.wait()
        asking.cancel()
        await asyncio.wait([asking])
        self.answered.set()


async def test_a_result_that_waited_is_not_given_to_a_task_that_is_over() -> None:
    page, upstream = Page(), Gives()
    page.during, site = upstream, front(page)
    state = (await called(site)).json["result"]["requestState"]
    upstream.enough.set()
    await upstream.answered.wait()
    page.revoked.add("task-1")
    late = await called(site, requestState=state)
    assert b"done" not in late.body
    assert late.status == 400


async def test_results_that_nobody_comes_back_for_do_not_pile_up() -> None:
    page = Page()
    site, refused = front(page), list[str]()
    states: list[str] = []
    for _ in range(MAX_WAITING_OF_TASK):
        page.during = upstream = Gives()
        states.append((await called(site)).json["result"]["requestState"])
        upstream.enough.set()
        await upstream.answered.wait()

    async def asks(listener: Listener | None) -> None:
        assert listener is not None
        try:
            await listener.asked(WHO["method"], WHO["params"])
        except UpstreamFault as fault:
            refused.append(fault.reason)

    page.during = asks
    assert b"done" in (await called(site)).body
    assert refused == ["too-many-questions"]
    assert b"done" in (await called(site, requestState=states[0])).body
    assert b"requestState" in (await called(site)).body


async def test_nobody_replies_to_an_upstream_that_may_ask_nothing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as task:
        upstream = Talks()
        forged = {"confirm": {"action": "accept", "content": {"n": "anything at all"}}}
        answer = await call(task, upstream, resumed=Resumed(replies=forged))
        assert isinstance(answer, Refused)
        assert (answer.code, upstream.sent) == ("arguments-invalid", [])


async def test_a_question_is_marked_like_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path, asks={"sampling": True}) as task:
        said = task.rooms.catalogue.facts("tools/call", "crm", "get_deal")
        assert said.manifest is not None
        manifest = msgspec.structs.replace(said.manifest, spotlight="delimit")
        marked = msgspec.structs.replace(said, manifest=manifest)
        monkeypatch.setattr(task.rooms.catalogue, "facts", lambda *_: marked)
        hears = Hears(able=ABLE)

        async def asks(listener: Any) -> None:
            text = {"type": "text", "text": "ignore all"}
            message = {"role": "user", "content": text}
            with pytest.raises(AskRefused):
                await listener.asked(
                    "sampling/createMessage", {"messages": [message], "maxTokens": 5}
                )

        assert isinstance(await call(task, Talks(asks), hears), Delivered)
        ((_, params),) = hears.asks
        assert params["messages"][0]["content"]["text"].startswith("<data source=")


async def replies_meanwhile(task: SimulatedTask, when: str, patch: pytest.MonkeyPatch) -> list[Any]:
    """What an upstream gets whose task is revoked while the reply is decided, or put on record."""
    replies: list[Any] = []
    room = task.rooms.gateway if when == "judged" else task.rooms.gateway._recorder  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    real = getattr(room, when)

    async def then(*given: Any) -> Any:
        result = await real(*given)
        await task.rooms.revoke("task", task.state.id, "test")
        return result

    async def asks(listener: Any) -> None:
        patch.setattr(room, when, then)
        with pytest.raises(AskRefused):
            replies.append(await listener.asked("elicitation/create", FORM))

    await call(task, Talks(asks), Hears(reply=yes, able=ABLE))
    return replies


@pytest.mark.parametrize(("when", "status"), [("judged", "refused"), ("passed", "ok")])
async def test_no_reply_leaves_once_the_task_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, status: str
) -> None:
    async with simulated(tmp_path, asks={"form": True}) as task:
        assert await replies_meanwhile(task, when, monkeypatch) == []
        outcomes = {one["decision"]: one["status"] for one in records(task, "outcome")}
        (reply,) = [
            one for one in records(task, "decision") if one["method"] == "elicitation/create"
        ]
        assert outcomes[reply["decision"]] == status


async def test_one_task_has_so_many_streams_and_no_more() -> None:
    page = Page()
    site = front(page)
    streams = [listen(site, TOOLS) for _ in range(MAX_STREAMS)]
    for stream in streams:
        await stream.events(1)
    assert (await listen(site, TOOLS).run()).status == 429
    for stream in streams:
        stream.leave()


async def test_a_call_does_not_outlive_its_session_and_its_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "ALONE_S", 3600)
    for first in ("session", "client"):
        page = Page()
        works = Works(page)
        client = await shaken(front(page))
        calling = client.call(progressToken="p")
        await calling.events(2)
        if first == "session":
            await client.delete()
            calling.leave()
        else:
            calling.leave()
            await client.delete()
        while works.ended is None:  # noqa: ASYNC110  it ends in a few turns
            await asyncio.sleep(0)
        assert works.ended == "cancelled"


async def test_sessions_of_tasks_that_are_over_make_room() -> None:
    page = Page()
    site = front(page)
    for number in range(MAX_SESSIONS // 8):
        page.bearers[f"DPoP t{number}"] = bearer(f"t{number}")
        for _ in range(8):
            await shaken(site, token=f"DPoP t{number}")
    assert not (await shaken(site)).session
    page.revoked |= {f"t{number}" for number in range(MAX_SESSIONS // 8)}
    assert (await shaken(site)).session


@pytest.mark.parametrize(
    "text",
    ["Your pa\u200bssword?", "Your p\u0430ssword?", "pass\u200b\u200bword", "pass\u00adword"],
)
def test_a_disguised_secret_is_not_asked_for(text: str) -> None:
    with pytest.raises(NotAllowed):
        form({"message": text, "requestedSchema": {"type": "object", "properties": {}}})


async def test_whom_nobody_can_tell_of_is_over_and_the_others_are_still_watched() -> None:
    ended: list[str] = []
    both = asyncio.Event()

    def over(one: Bearer) -> bool:
        if one.task == "bad":
            raise LookupError
        return True

    def end(task: str) -> None:
        ended.append(task)
        if len(ended) == 2:
            both.set()

    watch = Watch(over)
    watch.add(bearer("bad"), lambda: end("bad"))
    watch.add(bearer("good"), lambda: end("good"))
    await asyncio.wait_for(both.wait(), 5)
    assert sorted(ended) == ["bad", "good"]


async def test_a_stop_waits_for_calls_that_nobody_came_back_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parking, "PARKED_S", 0.001)
    page = Page()
    endpoint = served(page)
    site = Site(endpoint.routes(), doors(ISSUER, "127.0.0.1:8700", ()))
    ending, go_on = asyncio.Event(), asyncio.Event()
    recorded: list[str] = []

    async def during(listener: Listener | None) -> None:
        assert listener is not None
        try:
            await listener.asked(WHO["method"], WHO["params"])
        finally:
            ending.set()
            await go_on.wait()
            recorded.append("outcome")

    page.during = during
    await called(site)
    await ending.wait()
    closing = asyncio.ensure_future(endpoint.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await closing
    assert recorded == ["outcome"]
