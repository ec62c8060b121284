"""Upstreams of the older era whose stream breaks off before the answer."""

from collections.abc import Callable

import pytest

from safeconduct.ports import JSON, UpstreamFault
from safeconduct.upstreams import open_upstream, resuming
from tests.faults.upstream_servers import Handler, Request, ask, handshaking, raw_server, stateless

PLACE = b"id: e-1\nretry: 0\ndata:\n\n"


class Breaks:
    """A server that breaks off the stream of a call after `first`, and goes on by GET."""

    def __init__(self, first: bytes, then: Callable[[Request, Request], None]) -> None:
        self.first = first
        self.then = then
        self.gets: list[Request] = []
        self.posts: list[Request] = []

    async def __call__(self, request: Request) -> None:
        if request.verb == "GET":
            self.gets.append(request)
            self.then(request, self.posts[-1])
        elif request.method == "tools/call":
            self.posts.append(request)
            breaks_off(request, self.first)
        else:
            request.respond(status=202)


def breaks_off(request: Request, after: bytes) -> None:
    request.start_stream()
    request.raw_chunk(after)
    request.hang_up()


async def answer_of(handler: Handler) -> JSON:
    async with raw_server(handler) as raw:
        upstream = open_upstream("breaking", url=raw.url)
        try:
            return await ask(upstream)
        finally:
            await upstream.close()


async def fault_of(handler: Handler) -> tuple[str, bool]:
    with pytest.raises(UpstreamFault) as caught:
        await answer_of(handler)
    return caught.value.reason, caught.value.may_have_happened


async def test_it_is_taken_up_like_a_stream_that_ended() -> None:
    def then(get: Request, post: Request) -> None:
        if len(server.gets) == 1:
            breaks_off(get, b"id: e-2\ndata:\n\ndata: {")
            return
        get.start_stream()
        get.event(post.reply(result={"late": True}))
        get.end_stream()

    server = Breaks(PLACE, then)
    assert await answer_of(handshaking(server)) == {"late": True}
    assert [get.headers["last-event-id"] for get in server.gets] == ["e-1", "e-2"]
    assert len(server.posts) == 1


async def test_one_that_breaks_off_for_ever_is_left_in_the_end() -> None:
    server = Breaks(PLACE, lambda get, _: breaks_off(get, b": nothing\n\n"))
    assert await fault_of(handshaking(server)) == ("upstream-unreachable", True)
    assert len(server.gets) == resuming.MAX_PARTINGS
    assert len(server.posts) == 1


async def test_one_without_a_place_is_lost_and_so_is_any_of_the_newer_era() -> None:
    for server, era in (
        (Breaks(b"data:\n\n", lambda get, _: breaks_off(get, b"")), handshaking),
        (Breaks(PLACE, lambda get, _: breaks_off(get, b"")), stateless),
    ):
        assert await fault_of(era(server)) == ("upstream-unreachable", True)
        assert (server.gets, len(server.posts)) == ([], 1)
