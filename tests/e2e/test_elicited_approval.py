"""What the clients of others get for a call that a person must approve, by what they can be asked.

The SDK's own client in both of its revisions, a gateway with a console as it is installed, and a
person who answers while the client waits.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types import CallToolResult, ElicitCompleteNotification, ElicitResult

from safeconduct.demo.dpop import DpopAuth
from tests.support.installation import Agent, Gateway, Office, opened_office, running
from tests.support.waiting import SEND, operated, waiting

pytestmark = pytest.mark.timeout(120)

REFUSAL: Final = "dev.safeconduct/refusal"
Does = Literal["approve", "deny", "nothing"]


class Person:
    """Whom a client asks to open a page, and who then does this and says that."""

    def __init__(self, gateway: Gateway, does: Does = "approve", action: Any = "accept") -> None:
        self.gateway = gateway
        self.does = does
        self.action = action
        self.asked: list[dict[str, Any]] = []
        self.visited: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        del context
        self.asked.append(params.model_dump(by_alias=True, exclude_none=True, exclude={"meta"}))
        await self.at(params.url)
        return ElicitResult(action=self.action)

    async def at(self, url: str) -> None:
        """Answers at the page of a question."""
        if self.does != "nothing":
            await answer(self.gateway, url.rpartition("/")[2], granted=self.does == "approve")

    async def hears(self, message: object) -> None:
        if isinstance(message, ElicitCompleteNotification):
            await self.visited.put(message.params.elicitation_id)


async def _nobody(message: object) -> None:
    """Hears nothing."""
    del message


async def answer(gateway: Gateway, approval: str, *, granted: bool) -> None:
    await asyncio.to_thread(operated, gateway, "answer", approval=approval, granted=granted)


@pytest.fixture(scope="module")
def office() -> Generator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, office: Office) -> Generator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    with running(waiting(directory, office)) as made:
        yield made


@asynccontextmanager
async def client(agent: Agent, mode: str, person: Person | None) -> AsyncGenerator[Client]:
    auth = DpopAuth(agent.task.token, agent.task.key)
    http_client = httpx2.AsyncClient(auth=auth, timeout=30, trust_env=False)
    transport = streamable_http_client(agent.url, http_client=http_client)
    async with (
        http_client,
        Client(
            transport,
            mode=mode,
            elicitation_callback=person,
            message_handler=_nobody if person is None else person.hears,
        ) as connected,
    ):
        yield connected


def page(gateway: Gateway, approval: str) -> str:
    console = gateway.config.root.console
    assert console is not None
    return console.page(approval)


def told(result: CallToolResult) -> dict[str, Any]:
    assert result.is_error
    refusal: dict[str, Any] = (result.meta or {})[REFUSAL]
    return refusal


async def test_a_client_of_today_sends_its_user_to_the_page_and_calls_again(
    gateway: Gateway, office: Office
) -> None:
    before, person = office.effects["send"], Person(gateway)
    async with client(gateway.task(), "2026-07-28", person) as tools:
        result = await tools.call_tool("office__send", SEND)
    assert not result.is_error
    assert office.effects["send"] == before + 1
    (asked,) = person.asked
    approval = asked["url"].rpartition("/")[2]
    assert asked == {
        "mode": "url",
        "url": page(gateway, approval),
        "message": (
            "A person must approve this call. The page shows exactly what would be sent, and has "
            "you sign in first."
        ),
    }
    permits = [one for one in gateway.records("decision") if one.get("approval") == approval]
    assert [one["verdict"] for one in permits if one["verdict"] == "permit"] == ["permit"]


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
async def test_what_a_client_says_is_no_yes(gateway: Gateway, office: Office, action: str) -> None:
    before, person = office.effects["send"], Person(gateway, "nothing", action)
    async with client(gateway.task(), "2026-07-28", person) as tools:
        refused = told(await tools.call_tool("office__send", SEND))
    assert len(person.asked) == 1, "nobody is sent to the same page in a circle"
    approval = person.asked[0]["url"].rpartition("/")[2]
    assert (refused["reason"], refused["approval"]) == ("approval-required", approval)
    assert refused["retry_after_ms"] == 5000
    assert office.effects["send"] == before


async def test_a_no_is_a_no(gateway: Gateway, office: Office) -> None:
    before, person = office.effects["send"], Person(gateway, "deny")
    async with client(gateway.task(), "2026-07-28", person) as tools:
        assert told(await tools.call_tool("office__send", SEND))["reason"] == "approval-denied"
    assert office.effects["send"] == before


async def test_a_client_of_before_is_told_where_to_go_and_when_that_is_done(
    gateway: Gateway, office: Office
) -> None:
    before, person = office.effects["send"], Person(gateway)
    async with client(gateway.task(), "legacy", person) as tools:
        first, again = [await sent_away(tools) for _ in range(2)]
        assert first["elicitations"] == again["elicitations"]
        (asked,) = again["elicitations"]
        approval = asked["elicitationId"]
        assert asked["url"] == page(gateway, approval)
        assert again[REFUSAL]["approval"] == approval
        assert person.visited.empty()
        await person.at(asked["url"])
        assert await asyncio.wait_for(person.visited.get(), 30) == approval
        result = await tools.call_tool("office__send", SEND)
    assert not result.is_error
    assert person.asked == []
    assert office.effects["send"] == before + 1


async def sent_away(tools: Client) -> dict[str, Any]:
    """What comes with the error by which a client is told where its user has to go."""
    with pytest.raises(MCPError) as raised:
        await tools.call_tool("office__send", SEND)
    (asked,) = UrlElicitationRequiredError.from_error(raised.value.error).elicitations
    assert asked.mode == "url"
    data: dict[str, Any] = raised.value.error.data
    return data


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_client_that_cannot_show_a_page_gets_no_link_to_repeat(
    gateway: Gateway, office: Office, mode: str
) -> None:
    before = office.effects["send"]
    async with client(gateway.task(), mode, None) as tools:
        result = await tools.call_tool("office__send", SEND)
        refused = told(result)
        assert refused["reason"] == "approval-required"
        assert "://" not in result.model_dump_json()
        await answer(gateway, refused["approval"], granted=True)
        assert not (await tools.call_tool("office__send", SEND)).is_error
    assert office.effects["send"] == before + 1


async def test_no_state_of_another_call_or_task_opens_anything(
    gateway: Gateway, office: Office
) -> None:
    before, state = office.effects["send"], ""
    agent = gateway.task()
    async with client(agent, "2026-07-28", Person(gateway, "nothing")) as tools:
        first: Any = await tools.session.call_tool("office__send", SEND, allow_input_required=True)
        state = first.request_state
        approval = first.input_requests["approval"].params.url.rpartition("/")[2]
        await answer(gateway, approval, granted=True)
        yes: Any = {"approval": {"action": "accept"}}
        for arguments in ({**SEND, "body": "other"}, {**SEND, "to": "eve@evil.example"}):
            with pytest.raises(MCPError, match="requestState is not valid here"):
                await tools.session.call_tool(
                    "office__send", arguments, input_responses=yes, request_state=state
                )
    async with client(gateway.task(), "2026-07-28", Person(gateway, "nothing")) as others:
        with pytest.raises(MCPError, match="requestState is not valid here"):
            await others.session.call_tool(
                "office__send", SEND, input_responses=yes, request_state=state
            )
        forged: Any = await others.session.call_tool(
            "office__send", SEND, input_responses=yes, allow_input_required=True
        )
        assert forged.is_error
    assert office.effects["send"] == before


def test_a_link_that_an_agent_makes_up_leads_nowhere(gateway: Gateway) -> None:
    refusal = json.loads(gateway.task().call("office__send", SEND).body)["result"]["_meta"][REFUSAL]
    seen: list[tuple[int, str | None]] = []
    for approval in (refusal["approval"], "a_" + "0" * 24):
        parts = urlsplit(page(gateway, approval))
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        connection.request("GET", parts.path)
        answered = connection.getresponse()
        seen.append((answered.status, (answered.getheader("location") or "").replace(approval, "")))
        connection.close()
    assert seen[0] == seen[1], "a stranger does not even learn whether it is asked"
    assert seen[0][0] == 303
