"""Upstreams that come and go: what is tried again, and when nothing is tried at all."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from safeconduct.ports import JSON, Upstream, UpstreamFault
from safeconduct.upstreams import breaker, http, open_upstream
from tests.faults.upstream_servers import Request, ask, connected, echo, raw_server, stateless

READS: list[tuple[str, JSON]] = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("prompts/list", {}),
    ("resources/read", {"uri": "note://a"}),
    ("prompts/get", {"name": "p"}),
    ("completion/complete", {}),
]


@asynccontextmanager
async def unreachable() -> AsyncGenerator[Upstream, None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    upstream = open_upstream("dead", url=f"http://127.0.0.1:{port}/mcp")
    yield upstream
    await upstream.close()


async def fault_of(upstream: Upstream, method: str = "tools/call") -> tuple[str, bool, str]:
    with pytest.raises(UpstreamFault) as caught:
        await ask(upstream, method, {"name": "x"})
    return caught.value.reason, caught.value.may_have_happened, caught.value.detail


async def test_one_that_cannot_be_reached_is_not_tried_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 600.0)
    monkeypatch.setattr(breaker, "MAX_PAUSE_S", 600.0)
    async with unreachable() as upstream:
        for _ in range(breaker.TRIES):
            reason, happened, detail = await fault_of(upstream)
            assert (reason, happened) == ("upstream-unreachable", False)
            assert "cannot connect" in detail
        reason, happened, detail = await fault_of(upstream)
        assert (reason, happened) == ("upstream-unreachable", False)
        assert "not tried" in detail


async def test_one_that_comes_back_is_found_after_the_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    upstream = open_upstream("back", url=f"http://127.0.0.1:{port}/mcp")
    for _ in range(breaker.TRIES + 3):
        assert (await fault_of(upstream))[:2] == ("upstream-unreachable", False)
    async with raw_server(stateless(echo), port=port):
        assert await ask(upstream)
        assert await ask(upstream)
        await upstream.close()


async def test_a_broken_answer_opens_nothing() -> None:
    async def breaking(request: Request) -> None:
        request.hang_up()

    async with connected(stateless(breaking)) as (upstream, _):
        for _ in range(breaker.TRIES * 2):
            with pytest.raises(UpstreamFault) as caught:
                await ask(upstream)
            assert caught.value.may_have_happened


async def test_an_error_answer_shows_that_it_is_there() -> None:
    async def failing(request: Request) -> None:
        request.respond(request.reply(error={"code": -32601, "message": "no"}))

    async with connected(stateless(failing)) as (upstream, _):
        for _ in range(breaker.TRIES * 2):
            with pytest.raises(Exception, match="no"):
                await ask(upstream)


@pytest.mark.parametrize(("method", "params"), READS)
async def test_a_read_is_tried_again_where_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch, method: str, params: JSON
) -> None:
    monkeypatch.setattr(http, "_AGAIN_S", 0.0)
    discoveries = 0

    async def starting(request: Request) -> None:
        nonlocal discoveries
        if request.method == "server/discover":
            discoveries += 1
            if discoveries == 1:
                request.respond(status=502)
                return
        await stateless(echo)(request)

    async with connected(starting) as (upstream, raw):
        assert await ask(upstream, method, params)
        assert raw.methods == ["server/discover", "server/discover", method]


async def test_a_tool_is_never_tried_again() -> None:
    async def starting(request: Request) -> None:
        request.respond(status=502)

    async with connected(starting) as (upstream, raw):
        assert (await fault_of(upstream))[:2] == ("upstream-unreachable", False)
        assert raw.methods == ["server/discover"]


@pytest.mark.parametrize("status", [502, 503, 404, 500])
async def test_a_read_that_was_sent_is_not_tried_again(status: int) -> None:
    async def failing(request: Request) -> None:
        request.respond(status=status)

    async with connected(stateless(failing)) as (upstream, raw):
        await fault_of(upstream, "resources/read")
        assert raw.methods.count("resources/read") == 1
