from collections.abc import Awaitable, Callable

import pytest

from safeconduct.entrypoints.http import Doors, Request, Response, Route, Site
from safeconduct.entrypoints.stream import Stream
from safeconduct.entrypoints.wire import Id, result
from safeconduct.ports import JSON, AskRefused
from tests.support.front import Reply, exchange

ANSWER = result(1, {"content": []})


async def streamed(
    tell: Callable[[Stream], Awaitable[None]],
    *,
    token: Id | None = "mine",
    log_level: str | None = None,
) -> Reply:
    """What a client reads of a stream that is finished after these calls."""

    async def handler(request: Request) -> Response | None:
        with Stream(
            request, lambda _: lambda: None, modern=True, token=token, log_level=log_level
        ) as stream:
            await tell(stream)
            return await stream.finish(ANSWER)

    site = Site({"/mcp": {"POST": Route(handler)}}, Doors(frozenset({b"gateway.example"})))
    return await exchange(site).run()


async def told(*progress: JSON) -> list[JSON]:
    """The progress that a client reads of."""

    async def tell(stream: Stream) -> None:
        for params in progress:
            await stream.notified("notifications/progress", params)

    reply = await streamed(tell)
    assert reply.headers["content-type"] == "text/event-stream"
    *events, answer = reply.events
    assert answer["result"] == {"content": []}
    return [event["params"] for event in events]


async def test_without_progress_the_answer_is_a_plain_response() -> None:
    async def nothing(_: Stream) -> None:
        pass

    reply = await streamed(nothing)
    assert reply.headers["content-type"] == "application/json"
    assert reply.body == ANSWER.body


async def test_progress_opens_a_stream_that_the_answer_closes() -> None:
    async def tell(stream: Stream) -> None:
        await stream.notified(
            "notifications/progress", {"progress": 1, "total": 2, "message": "half\nway"}
        )
        await stream.notified("notifications/progress", {"progress": 2})

    reply = await streamed(tell)
    assert reply.status == 200
    assert reply.headers == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
        "transfer-encoding": "chunked",
    }
    assert reply.body == (
        b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":'
        b'{"progressToken":"mine","progress":1,"total":2,"message":"half\\nway"}}\n\n'
        b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":'
        b'{"progressToken":"mine","progress":2}}\n\n'
        b"event: message\ndata: " + ANSWER.body + b"\n\n"
    )


async def test_progress_is_rebuilt_and_not_passed_on() -> None:
    given = {"progressToken": "theirs", "progress": 0.5, "_meta": {}, "total": "2", "message": [1]}
    assert await told(given) == [{"progressToken": "mine", "progress": 0.5}]


@pytest.mark.parametrize("params", [{}, {"progress": "1"}, {"progress": True}, {"message": "m"}])
async def test_what_is_no_progress_opens_nothing(params: JSON) -> None:
    async def tell(stream: Stream) -> None:
        await stream.notified("notifications/progress", params)

    assert (await streamed(tell)).headers["content-type"] == "application/json"


async def test_only_what_grows_is_progress() -> None:
    given = [{"progress": value} for value in (1, 1, 0.5, 3, 2, 3.5)]
    assert [one["progress"] for one in await told(*given)] == [1, 3, 3.5]


def logs(*levels: str) -> Callable[[Stream], Awaitable[None]]:
    async def tell(stream: Stream) -> None:
        for level in levels:
            await stream.notified("notifications/message", {"level": level, "data": "d"})

    return tell


async def test_log_lines_are_told_from_the_level_that_was_asked_for() -> None:
    reply = await streamed(logs("debug", "warning", "info", "emergency"), log_level="warning")
    *events, answer = reply.events
    assert [event["params"] for event in events] == [
        {"level": "warning", "data": "d"},
        {"level": "emergency", "data": "d"},
    ]
    assert {event["method"] for event in events} == {"notifications/message"}
    assert answer["result"] == {"content": []}


async def test_who_wants_no_log_lines_hears_none() -> None:
    assert (await streamed(logs("emergency"))).headers["content-type"] == "application/json"


async def test_who_wants_no_progress_hears_none() -> None:
    async def tell(stream: Stream) -> None:
        assert not stream.wants_progress
        await stream.notified("notifications/progress", {"progress": 1})

    reply = await streamed(tell, token=None, log_level="debug")
    assert reply.headers["content-type"] == "application/json"


async def test_a_client_that_cannot_be_asked_is_not() -> None:
    async def tell(stream: Stream) -> None:
        with pytest.raises(AskRefused) as caught:
            await stream.asked("roots/list", {})
        assert caught.value.code == -32601

    assert (await streamed(tell)).headers["content-type"] == "application/json"
