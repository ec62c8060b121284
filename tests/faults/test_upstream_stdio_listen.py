"""Subscriptions at child processes: what is wanted is heard and nothing else."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Begun, Credential, Upstream, UpstreamFault, Wanted
from safeconduct.upstreams import open_upstream
from tests.faults.upstream_servers import OWNER, ask
from tests.support.listeners import Hears

CHILD = Path(__file__).with_name("upstream_child.py")
ROOT = Path(__file__).parents[2]
TAG = "io.modelcontextprotocol/subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
TOOLS = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"
A = Wanted(uris=frozenset({"note://a"}))
BOTH = Wanted(tools=True, uris=frozenset({"note://a", "note://b"}))
DONE = '{"jsonrpc":"2.0","id":ID,"result":{}}'


@asynccontextmanager
async def child(era: str) -> AsyncGenerator[Upstream, None]:
    upstream = open_upstream("child", command=[sys.executable, str(CHILD), era])
    yield upstream
    await upstream.close()


class Ear:
    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, JSON]] = asyncio.Queue()

    async def __call__(self, method: str, params: JSON) -> None:
        self.heard.put_nowait((method, params))


def listens(
    upstream: Upstream, wanted: Wanted, heard: Any = None, begun: Begun = lambda _: None
) -> asyncio.Task[None]:
    listening = upstream.listen(
        wanted, owner=OWNER, credential=None, heard=heard or Ear(), begun=begun
    )
    return asyncio.create_task(listening)


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def messages(upstream: Upstream, *methods: str) -> list[JSON]:
    """What the child has seen of these methods."""
    seen = (await ask(upstream, "seen", {}))["messages"]
    return [message for message in seen if message.get("method") in methods]


async def until(upstream: Upstream, method: str, count: int) -> list[JSON]:
    """The same, as soon as there are so many."""
    while len(found := await messages(upstream, method)) < count:
        pass
    return found


def notice(method: str, params: JSON, tag: object = None) -> str:
    meta = {} if tag is None else {"_meta": {TAG: tag}}
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params | meta})


async def says(upstream: Upstream, *lines: str) -> None:
    await ask(upstream, "lines", {"lines": [*lines, DONE]})


async def test_a_real_server_is_heard() -> None:
    command = [sys.executable, "-m", "tests.faults.upstream_servers"]
    upstream = open_upstream("real", command=command, cwd=ROOT)
    ear = Ear()
    task = listens(upstream, Wanted(tools=True, uris=frozenset({"note://today"})), ear)
    while ear.heard.empty():  # it takes a moment until somebody listens
        await ask(upstream, params={"name": "change", "arguments": {}})
    assert await ear.heard.get() == (TOOLS, {})
    assert await ear.heard.get() == (UPDATED, {"uri": "note://today"})
    await cancelled(task)
    await upstream.close()


async def test_each_subscription_of_the_newer_era_hears_its_own() -> None:
    first, second = Ear(), Ear()
    async with child("newer") as upstream:
        tasks = [listens(upstream, A, first), listens(upstream, BOTH, second)]
        one, two = await until(upstream, "subscriptions/listen", 2)
        assert one["params"]["notifications"] == {"resourceSubscriptions": ["note://a"]}
        await says(
            upstream,
            notice(TOOLS, {}),
            notice(TOOLS, {}, str(two["id"])),
            notice(TOOLS, {}, one["id"]),
            notice(TOOLS, {"more": 1}, two["id"]),
            notice(UPDATED, {"uri": "note://a"}, one["id"]),
        )
        assert await second.heard.get() == (TOOLS, {})
        assert await first.heard.get() == (UPDATED, {"uri": "note://a"})
        assert first.heard.empty()
        assert second.heard.empty()
        await cancelled(*tasks)
        given_up = await messages(upstream, "notifications/cancelled")
    assert {each["params"]["requestId"] for each in given_up} == {one["id"], two["id"]}


async def test_what_is_acknowledged_is_agreed_to() -> None:
    begun: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    async with child("newer") as upstream:
        task = listens(upstream, BOTH, begun=begun.put_nowait)
        (asked,) = await until(upstream, "subscriptions/listen", 1)
        said = {"notifications": {"resourceSubscriptions": ["note://a", "note://c"]}}
        await says(
            upstream,
            notice(ACKNOWLEDGED, {"notifications": {}}, "another"),
            notice(ACKNOWLEDGED, said, asked["id"]),
        )
        assert await begun.get() == {"note://a"}
        await cancelled(task)


async def test_what_is_refused_is_not_agreed_to_and_the_rest_is() -> None:
    begun: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    refused = frozenset({"note://refused"})
    async with child("older") as upstream:
        task = listens(upstream, Wanted(uris=BOTH.uris | refused), begun=begun.put_nowait)
        assert await begun.get() == BOTH.uris
        with pytest.raises(UpstreamFault) as caught:
            await listens(upstream, Wanted(uris=refused), begun=begun.put_nowait)
        assert caught.value.reason == "upstream-rejected"
        await cancelled(task)
        gone = await until(upstream, "resources/unsubscribe", 2)
        assert {each["params"]["uri"] for each in gone} == BOTH.uris
    assert begun.empty()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('{"jsonrpc":"2.0","id":OWN,"result":{}}', "upstream-unreachable"),
        (
            '{"jsonrpc":"2.0","id":OWN,"error":{"code":-32601,"message":"no"}}',
            "upstream-rejected",
        ),
    ],
)
async def test_an_answer_ends_a_subscription(answer: str, reason: str) -> None:
    async with child("newer") as upstream:
        task = listens(upstream, BOTH)
        (begun,) = await until(upstream, "subscriptions/listen", 1)
        await says(upstream, answer.replace("OWN", str(begun["id"])))
        with pytest.raises(UpstreamFault) as caught:
            await task
    assert (caught.value.reason, caught.value.may_have_happened) == (reason, False)


async def test_a_resource_is_subscribed_to_once_for_all_in_the_older_era() -> None:
    first, second = Ear(), Ear()
    async with child("older") as upstream:
        one = listens(upstream, A, first)
        await until(upstream, "resources/subscribe", 1)
        two = listens(upstream, BOTH, second)
        await until(upstream, "resources/subscribe", 2)
        await says(
            upstream,
            notice(UPDATED, {"uri": "note://a"}),
            notice(UPDATED, {"uri": "note://b"}),
            notice(UPDATED, {"uri": "note://c"}),
            notice(TOOLS, {}),
        )
        assert await first.heard.get() == (UPDATED, {"uri": "note://a"})
        assert [await second.heard.get() for _ in range(3)] == [
            (UPDATED, {"uri": "note://a"}),
            (UPDATED, {"uri": "note://b"}),
            (TOOLS, {}),
        ]
        assert first.heard.empty()
        await cancelled(two)
        (gone,) = await messages(upstream, "resources/unsubscribe")
        assert gone["params"] == {"uri": "note://b"}
        await cancelled(one)
        gone = (await messages(upstream, "resources/unsubscribe"))[1]
        assert gone["params"] == {"uri": "note://a"}


async def test_who_can_be_asked_hears_the_process_that_they_use() -> None:
    ear, listener = Ear(), Hears(able=frozenset[Capability]({"roots"}))

    async def call(method: str, params: JSON) -> JSON:
        return await upstream.request(
            method, params, owner=OWNER, credential=None, timeout_s=20, listener=listener
        )

    async with child("older") as upstream:
        await call("echo", {})
        task = listens(upstream, Wanted(tools=True), ear)
        while ear.heard.empty():
            await call("lines", {"lines": [notice(TOOLS, {}), DONE]})
        await cancelled(task)


async def test_floods_of_notifications_are_cut_and_do_no_harm() -> None:
    ear = Ear()
    async with child("older") as upstream:
        task = listens(upstream, BOTH, ear)
        await until(upstream, "resources/subscribe", 2)
        await says(upstream, "\n".join([notice(TOOLS, {})] * 5000))
        assert await ear.heard.get() == (TOOLS, {})
        assert await ask(upstream, "echo", {"a": 1})
        await cancelled(task)
    assert ear.heard.qsize() < 5000


@pytest.mark.parametrize("era", ["newer", "older"])
async def test_an_end_of_the_process_ends_it(era: str) -> None:
    async with child(era) as upstream:
        task = listens(upstream, Wanted(tools=True))
        await ask(upstream, "echo", {})
        with pytest.raises(UpstreamFault):
            await ask(upstream, "die", {})
        with pytest.raises(UpstreamFault) as caught:
            await task
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-unreachable", False)


async def test_a_process_takes_no_credential_and_none_after_its_end() -> None:
    async with child("newer") as upstream:
        with pytest.raises(UpstreamFault) as caught:
            await upstream.listen(
                A, owner=OWNER, credential=Credential("brokered", {"a": "b"}), heard=Ear()
            )
        assert caught.value.reason == "upstream-rejected"
    with pytest.raises(UpstreamFault) as caught:
        await upstream.listen(A, owner=OWNER, credential=None, heard=Ear())
    assert caught.value.reason == "upstream-unreachable"
