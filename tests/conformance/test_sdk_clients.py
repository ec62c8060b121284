"""The clients of the official SDK, of both eras, against the endpoint over loopback."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    ElicitRequestFormParams,
    ElicitResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
)

from safeconduct import __version__
from safeconduct.ports import JSON, Delivered, Listener, Refused, Resumed
from tests.support.front import TOKEN, Page, front, listening

Mode = Literal["legacy", "auto", "2026-07-28"]
MODES: list[Mode] = ["legacy", "auto", "2026-07-28"]

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
async def connect(page: Page) -> AsyncGenerator[Connect]:
    """Connect a client of one era; `path` is the endpoint, `token` what it shows."""
    async with listening(front(page)) as port:

        @asynccontextmanager
        async def connected(
            mode: Mode, *, path: str = "/mcp", token: str = TOKEN, **able: Any
        ) -> AsyncGenerator[Client]:
            headers = {"Host": "gateway.example", "Authorization": token}
            url = f"http://127.0.0.1:{port}{path}"
            async with (
                httpx2.AsyncClient(headers=headers, trust_env=False) as http,
                Client(streamable_http_client(url, http_client=http), mode=mode, **able) as client,
            ):
                yield client

        yield connected


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_agrees_on_its_newest_revision(connect: Connect, mode: Mode) -> None:
    async with connect(mode) as client:
        expected = "2025-11-25" if mode == "legacy" else "2026-07-28"
        assert client.protocol_version == expected
        assert client.instructions is None
        if mode != "2026-07-28":  # that one is told nothing, it asks for nothing
            assert client.server_info is not None
            assert client.server_info.version == __version__
            assert client.server_capabilities.tools is not None
            assert client.server_capabilities.tools.list_changed is True


@pytest.mark.parametrize("mode", MODES)
async def test_lists_are_read(connect: Connect, page: Page, mode: Mode) -> None:
    async with connect(mode) as client:
        page.definitions = [{"name": "crm__get_case", "inputSchema": {"type": "object"}}]
        tools = await client.list_tools()
        assert [tool.name for tool in tools.tools] == ["crm__get_case"]
        assert (tools.ttl_ms, tools.cache_scope) in {(0, "private"), (None, None)}
        page.definitions = [{"name": "r", "uri": "file:///r"}]
        assert [found.name for found in (await client.list_resources()).resources] == ["r"]
        page.definitions = [{"name": "t", "uriTemplate": "file:///{x}"}]
        templates = (await client.list_resource_templates()).resource_templates
        assert [found.uri_template for found in templates] == ["file:///{x}"]
        page.definitions = [{"name": "p"}]
        assert [found.name for found in (await client.list_prompts()).prompts] == ["p"]


@pytest.mark.parametrize("mode", MODES)
async def test_calls_are_answered(connect: Connect, page: Page, mode: Mode) -> None:
    async with connect(mode) as client:
        result = await client.call_tool("crm__get_case", {"case_id": "C-1", "note": "grüß"})
        assert result.content == [TextContent(type="text", text="done")]
        page.answer = Delivered(
            decision="d", result={"contents": [{"uri": "file:///ü", "text": "body"}]}
        )
        read = await client.read_resource("file:///ü")
        assert read.contents[0].uri == "file:///ü"
        page.answer = Delivered(decision="d", result={"messages": []})
        assert (await client.get_prompt("größe", {"a": "b"})).messages == []
    assert [call.name for call in page.calls] == ["crm__get_case", "file:///ü", "größe"]
    assert page.calls[0].params["arguments"] == {"case_id": "C-1", "note": "grüß"}


@pytest.mark.parametrize("mode", MODES)
async def test_one_upstream_has_an_endpoint_of_its_own(
    connect: Connect, page: Page, mode: Mode
) -> None:
    async with connect(mode, path="/mcp/crm") as client:
        await client.call_tool("get_case", {})
    assert page.calls[0].upstream == "crm"


@pytest.mark.parametrize("mode", MODES)
async def test_progress_arrives_while_a_call_runs(connect: Connect, page: Page, mode: Mode) -> None:
    told: list[tuple[float, float | None, str | None]] = []
    heard = asyncio.Event()

    async def tells(listener: Listener | None) -> None:
        assert listener is not None
        await listener.notified(
            "notifications/progress", {"progress": 1, "total": 2, "message": "half way"}
        )
        await heard.wait()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))
        heard.set()

    page.during = tells
    async with connect(mode) as client:
        result = await client.call_tool("t", {}, progress_callback=hear)
    assert told == [(1, 2, "half way")]
    assert result.content == [TextContent(type="text", text="done")]


@pytest.mark.parametrize("mode", MODES)
async def test_a_refusal_reaches_the_agent_with_its_remedy(
    connect: Connect, page: Page, mode: Mode
) -> None:
    page.answer = Refused(decision="d-1", code="flow-confidentiality")
    async with connect(mode) as client:
        result = await client.call_tool("t", {})
    assert result.is_error
    assert result.meta is not None
    assert result.meta["dev.safeconduct/refusal"] == {
        "reason": "flow-confidentiality",
        "remedy": "use-other-tool",
        "retry": "changed",
        "decision_id": "d-1",
        "stage": "flow",
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("code", "said"),
    [("tool-unknown", "Unknown tool"), ("scope-missing", "The task was started without a scope")],
)
async def test_an_error_is_told_in_its_own_words(
    connect: Connect, page: Page, mode: Mode, code: str, said: str
) -> None:
    page.answer = Refused(decision="d-1", code=code, scopes=("a",))
    async with connect(mode) as client:
        with pytest.raises(MCPError, match=said) as caught:
            await client.call_tool("t", {})
    assert caught.value.code == -32602


@pytest.mark.parametrize("mode", MODES)
async def test_arguments_are_completed(connect: Connect, page: Page, mode: Mode) -> None:
    page.answer = Delivered(decision="d", result={"completion": {"values": ["Ann"], "total": 1}})
    prompt = PromptReference(name="crm__greet", title="Greet somebody")
    template = ResourceTemplateReference(uri="safeconduct://crm/kb://{who}")
    async with connect(mode) as client:
        found = await client.complete(prompt, {"name": "who", "value": "A"}, {"how": "kindly"})
        assert (found.completion.values, found.completion.total) == (["Ann"], 1)
        await client.complete(template, {"name": "who", "value": "A"})
    first, second = page.calls
    assert (first.method, first.name) == ("completion/complete", "crm__greet")
    assert first.params == {
        "ref": {"type": "ref/prompt", "name": "crm__greet"},
        "argument": {"name": "who", "value": "A"},
        "context": {"arguments": {"how": "kindly"}},
    }
    assert second.name == "safeconduct://crm/kb://{who}"


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_that_gives_up_ends_its_call(
    connect: Connect, page: Page, mode: Mode
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits(_: Listener | None) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    page.during = waits
    async with connect(mode) as client:
        call = asyncio.ensure_future(client.call_tool("t", {}))
        await begun.wait()
        call.cancel()
        await ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        # The connection is none the worse for it.
        assert (await client.list_tools()).tools == []


async def test_the_older_era_may_ping(connect: Connect) -> None:
    async with connect("legacy") as client:
        with pytest.warns(MCPDeprecationWarning):
            await client.send_ping()  # type: ignore[deprecated]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_nobody_connects_without_a_token(connect: Connect, page: Page, mode: Mode) -> None:
    with pytest.raises(ExceptionGroup):
        async with connect(mode, token="DPoP bad"):
            pass
    assert page.calls == []


FORM: JSON = {
    "mode": "form",
    "message": "Who?",
    "requestedSchema": {"type": "object", "properties": {"who": {"type": "string"}}},
}


async def replies(_: object, params: ElicitRequestFormParams) -> ElicitResult:
    assert params.message == "Who?"
    return ElicitResult(action="accept", content={"who": "Ann"})


@pytest.mark.parametrize("mode", MODES)
async def test_an_upstream_of_before_may_ask(connect: Connect, page: Page, mode: Mode) -> None:
    heard: list[JSON] = []

    async def asks(listener: Listener | None) -> None:
        assert listener is not None
        heard.append(await listener.asked("elicitation/create", FORM))

    page.during = asks
    async with connect(mode, elicitation_callback=replies) as client:
        result = await client.call_tool("t", {})
    assert result.content == [TextContent(type="text", text="done")]
    assert heard == [{"action": "accept", "content": {"who": "Ann"}}]


@pytest.mark.parametrize("mode", MODES)
async def test_an_upstream_of_today_may_ask(connect: Connect, page: Page, mode: Mode) -> None:
    question = {"method": "elicitation/create", "params": FORM}
    asked: JSON = {
        "resultType": "input_required",
        "inputRequests": {"who": question},
        "requestState": "theirs",
    }
    page.answers = [Delivered(decision="d", result=asked)]
    async with connect(mode, elicitation_callback=replies) as client:
        result = await client.call_tool("t", {})
    assert result.content == [TextContent(type="text", text="done")]
    reply = {"action": "accept", "content": {"who": "Ann"}}
    assert page.resumed == [None, Resumed(replies={"who": reply}, state="theirs")]


async def test_a_client_of_before_hears_of_changes(connect: Connect, page: Page) -> None:
    heard: list[str] = []
    told = asyncio.Event()

    async def hear(message: Any) -> None:
        heard.append(message.method)
        told.set()

    async with connect("legacy", message_handler=hear):
        await page.subscriptions.begun()
        await page.subscriptions.running[0]("notifications/tools/list_changed", {})
        await told.wait()
    assert heard == ["notifications/tools/list_changed"]
