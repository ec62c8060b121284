"""Subscriptions of clients of 2026-07-28."""

import pytest

from safeconduct.entrypoints.http import Site
from safeconduct.entrypoints.wire import INVALID_PARAMS, METHOD_NOT_FOUND
from safeconduct.ports import JSON
from tests.support.front import Exchange, Page, ask, exchange, front, handshake, modern

TAG = "io.modelcontextprotocol/subscriptionId"
URI, OTHER = "safeconduct://crm/file:///x", "safeconduct://crm/file:///y"
TOOLS: JSON = {"toolsListChanged": True}


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def site(page: Page) -> Site:
    return front(page)


def listen(site: Site, notifications: JSON, *, path: str = "/mcp") -> Exchange:
    body, fields = modern("subscriptions/listen", {"notifications": notifications})
    return exchange(site, body, fields, path=path).begin()


async def test_the_first_thing_told_is_what_was_agreed_to(site: Site, page: Page) -> None:
    page.subscriptions.denied = {OTHER}
    wanted = {
        **TOOLS,
        "promptsListChanged": False,
        "resourceSubscriptions": [OTHER, URI],
        "taskIds": ["t"],
    }
    stream = listen(site, wanted, path="/mcp/crm")
    [acknowledged] = await stream.events(1)
    assert acknowledged.message == {
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": [URI]},
            "_meta": {TAG: 1},
        },
    }
    [(upstream, asked)] = page.subscriptions.asked
    assert (upstream, asked.tools, asked.prompts, asked.uris) == (
        "crm",
        True,
        False,
        frozenset({URI, OTHER}),
    )
    stream.leave()


async def test_everything_told_names_the_subscription(site: Site, page: Page) -> None:
    stream = listen(site, {"resourceSubscriptions": [URI], "resourcesListChanged": True})
    await page.subscriptions.begun()
    tell = page.subscriptions.running[0]
    await tell("notifications/resources/updated", {"uri": URI})
    await tell("notifications/resources/list_changed", {})
    told = [event.message["params"] for event in (await stream.events(3))[1:]]
    assert told == [{"uri": URI, "_meta": {TAG: 1}}, {"_meta": {TAG: 1}}]
    stream.leave()


async def test_a_client_that_goes_away_ends_its_subscription(site: Site, page: Page) -> None:
    stream = listen(site, TOOLS)
    await page.subscriptions.begun()
    stream.leave()
    await page.subscriptions.over()


@pytest.mark.parametrize("by", ["server", "upstream"])
async def test_an_end_of_ours_is_a_result(site: Site, page: Page, by: str) -> None:
    stream = listen(site, TOOLS)
    await page.subscriptions.begun()
    if by == "server":
        stream.stop()
    else:
        page.subscriptions.run_out.set()
    reply = await stream.run()
    assert reply.whole
    assert reply.events[-1] == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"resultType": "complete", "_meta": {TAG: 1}},
    }
    await page.subscriptions.over()


async def test_a_subscription_is_cut_off_when_its_task_is_over(
    site: Site, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.entrypoints.watch.TICK_S", 0.001)
    stream = listen(site, TOOLS)
    await page.subscriptions.begun()
    page.revoked.add("task-1")
    assert not (await stream.run()).whole
    await page.subscriptions.over()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"notifications": []},
        {"notifications": {"toolsListChanged": "yes"}},
        {"notifications": {"resourceSubscriptions": [1]}},
        {"notifications": {"resourceSubscriptions": "file:///x"}},
    ],
)
async def test_it_must_be_said_what_is_to_be_told(site: Site, page: Page, params: JSON) -> None:
    reply = await ask(site, *modern("subscriptions/listen", params))
    assert (reply.status, reply.code) == (400, INVALID_PARAMS)
    assert page.subscriptions.asked == []


async def test_each_revision_has_its_own_way(site: Site) -> None:
    listens = await ask(site, *handshake("subscriptions/listen", {"notifications": TOOLS}))
    sets = await ask(site, *modern("logging/setLevel", {"level": "info"}))
    assert (listens.code, sets.code) == (METHOD_NOT_FOUND, METHOD_NOT_FOUND)
