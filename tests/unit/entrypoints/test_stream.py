import orjson
import pytest

from safeconduct.entrypoints.http import Event
from safeconduct.entrypoints.stream import Stream
from safeconduct.entrypoints.wire import result
from safeconduct.ports import JSON

ANSWER = result(1, {"content": []})


class Wire:
    def __init__(self) -> None:
        self.sent: list[Event] = []
        self.stream = Stream(self.send, "mine")

    async def send(self, event: Event) -> None:
        self.sent.append(event)

    @property
    def told(self) -> list[JSON]:
        return [
            orjson.loads(event["body"].removeprefix(b"event: message\ndata: "))["params"]
            for event in self.sent[1:]
        ]


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_without_progress_the_answer_is_a_plain_response(wire: Wire) -> None:
    await wire.stream.finish(ANSWER)
    start, body = wire.sent
    assert (b"content-type", b"application/json") in start["headers"]
    assert body["body"] == ANSWER.body


async def test_progress_opens_a_stream_that_the_answer_closes(wire: Wire) -> None:
    await wire.stream.progress({"progress": 1, "total": 2, "message": "half\nway"})
    await wire.stream.progress({"progress": 2})
    await wire.stream.finish(ANSWER)
    start, one, two, last = wire.sent
    assert start["status"] == 200
    assert (b"content-type", b"text/event-stream") in start["headers"]
    assert (b"x-accel-buffering", b"no") in start["headers"]
    assert one["body"] == (
        b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":'
        b'{"progressToken":"mine","progress":1,"total":2,"message":"half\\nway"}}\n\n'
    )
    assert two["more_body"] is True
    assert last == {
        "type": "http.response.body",
        "body": b"event: message\ndata: " + ANSWER.body + b"\n\n",
        "more_body": False,
    }


async def test_progress_is_rebuilt_and_not_passed_on(wire: Wire) -> None:
    await wire.stream.progress(
        {"progressToken": "theirs", "progress": 0.5, "_meta": {}, "total": "2", "message": ["x"]}
    )
    assert wire.told == [{"progressToken": "mine", "progress": 0.5}]


@pytest.mark.parametrize("params", [{}, {"progress": "1"}, {"progress": True}, {"message": "m"}])
async def test_what_is_no_progress_opens_nothing(wire: Wire, params: JSON) -> None:
    await wire.stream.progress(params)
    assert wire.sent == []


async def test_only_what_grows_is_progress(wire: Wire) -> None:
    for value in (1, 1, 0.5, 3, 2, 3.5):
        await wire.stream.progress({"progress": value})
    assert [told["progress"] for told in wire.told] == [1, 3, 3.5]
