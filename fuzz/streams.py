"""Targets that read streams: HTTP in both directions, server-sent events, lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from fuzz import judges
from fuzz.cuts import cuts
from safeconduct.entrypoints.arrival import Arrival, Asked, Limits
from safeconduct.entrypoints.connection import Connection
from safeconduct.entrypoints.http import Doors, Fields, Peer, Request, Response, Route, Site
from safeconduct.kit.http1 import connection as client
from safeconduct.shim.stdio import Splitter, TooLong
from safeconduct.upstreams.sse import EventStream, EventTooLarge

T = TypeVar("T")


class Pipe(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        if not self.closing:
            self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        """Everything is there already."""

    def resume_reading(self) -> None:
        """Everything is there already."""


def _alike(outcomes: list[T]) -> T:
    first = outcomes[0]
    for other in outcomes[1:]:
        assert other == first, f"cut in another place it is {other}, and not {first}"
    return first


# --- requests -------------------------------------------------------------------------------------


async def _echo(request: Request) -> Response:
    told = [request.method, request.path, request.body.decode("latin-1")]
    return Response(200, orjson.dumps(told))


SITE: Final = Site(
    {
        "/mcp": {"POST": Route(_echo, 256), "GET": Route(_echo), "HEAD": Route(_echo)},
        "/a/": {"DELETE": Route(_echo, 16)},
    },
    Doors(frozenset({b"gateway.example"}), frozenset({b"https://page.example"})),
)
LIMITS: Final = Limits(ahead=4)
GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Taken(NamedTuple):
    """A request as it was taken, with the status of its refusal."""

    method: str
    path: str
    fields: list[tuple[bytes, bytes]]
    body: bytes
    keep_alive: bool
    refusal: int | None


class _Desk:
    """Where requests arrive that nobody answers."""

    waiting = 0
    full = False
    peer = Peer()

    def __init__(self) -> None:
        self.taken: list[Taken] = []

    def admitted(self, asked: Asked) -> None:
        assert asked.route is not None

    def refused(self, asked: Asked) -> None:
        assert asked.refusal is not None

    def complete(self, asked: Asked) -> None:
        request = asked.request
        refusal = None if asked.refusal is None else asked.refusal.status
        assert (asked.route is None) == (refusal is not None)
        self.taken.append(
            Taken(
                *(request.method, request.path, request.fields, request.body),
                asked.keep_alive,
                refusal,
            )
        )

    def start(self, request: Request, headers: Fields, *, lasting: bool) -> None:
        raise AssertionError

    async def send(self, request: Request, data: bytes) -> None:
        raise AssertionError

    def finish(self, request: Request, *, close: bool) -> None:
        raise AssertionError

    def when_gone(self, request: Request, call: Callable[[], None] | None) -> None:
        raise AssertionError


def _arrived(pieces: list[bytes]) -> tuple[list[Taken], HTTPStatus | None]:
    desk = _Desk()
    arrival = Arrival(desk, SITE, LIMITS)
    try:
        for piece in pieces:
            fault = arrival.feed(piece)
            if fault is not None:
                return desk.taken, fault
        return desk.taken, None
    finally:
        arrival.close()


def requests(data: bytes) -> None:
    """The same requests are found wherever the stream is cut, and h11 finds them too."""
    taken, _ = _alike([_arrived(pieces) for pieces in cuts(data)])
    others, objects = judges.requests(data)
    for at, one in enumerate(taken):
        if at >= len(others):
            # h11 may refuse what is refused here too, with an answer; then it reads no further.
            refused = any(earlier.refusal is not None for earlier in taken[: at + 1])
            assert refused or not objects, f"{one} is no request to h11"
            assert refused or not all(earlier.keep_alive for earlier in taken[:at]), "more requests"
            break
        other = others[at]
        assert (one.method.encode(), one.path.encode()) == other.start
        if one.refusal is None:
            assert one.body == other.body
            assert _fields(one.fields) == _fields(other.fields)


def _fields(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value.strip(b" \t")) for name, value in fields]


# --- answers --------------------------------------------------------------------------------------


async def _served(pieces: list[bytes]) -> bytes:
    """What a connection answers to these pieces, each of which finds everything before answered."""
    loop, faults = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: faults.append(context))
    pipe, left = Pipe(), asyncio.Event()
    connection = Connection(SITE, LIMITS, set(), left)
    connection.connection_made(pipe)
    for piece in pieces:
        if pipe.closing:
            break
        connection.data_received(piece)
        while connection.task is not None:
            await asyncio.wait([connection.task])
    connection.connection_lost(None)
    await left.wait()
    assert not faults, faults
    return bytes(pipe.written)


def answers(data: bytes) -> None:
    """Every request that arrives is answered in its turn, in whole responses and nothing else."""
    taken, _ = _arrived([data])
    for pieces in cuts(data):
        rest = asyncio.run(_served(pieces))
        statuses: list[int] = []
        for one in taken:
            if rest in {b"", GO_ON}:  # what is broken ends what stands before it, too
                break
            heard, rest = judges.response(rest, one.method)
            statuses.append(int(heard.start[0]))
            if one.refusal is not None:
                assert statuses[-1] == one.refusal
            elif statuses[-1] == HTTPStatus.OK and one.method != "HEAD":
                told = [one.method, one.path, one.body.decode("latin-1")]
                assert orjson.loads(heard.body) == told, "the answer to another request"
        if rest not in {b"", GO_ON}:
            _, rest = judges.response(rest)
        assert rest in {b"", GO_ON}, "more answers than requests"


# --- responses ------------------------------------------------------------------------------------


class Told(NamedTuple):
    """A response that was heard to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    reusable: bool


async def _told(pieces: list[bytes]) -> Told | None:
    connection = client.Connection(lambda _: None)
    pipe = Pipe()
    connection.connection_made(pipe)
    connection.send(b"POST / HTTP/1.1\r\n\r\n")
    for piece in pieces:
        if pipe.closing:
            break
        connection.data_received(piece)
    reusable = connection.reusable
    if not pipe.closing:
        connection.eof_received()
    connection.connection_lost(None)
    try:
        status, headers = await connection.head()
        body = b""
        while piece := await connection.read():
            body += piece
    except (client.Lost, client.NotHTTP):
        return None
    return Told(status, headers, body, reusable)


def responses(data: bytes) -> None:
    """The same response is heard wherever the stream is cut, and h11 hears it too."""
    told = _alike([asyncio.run(_told(pieces)) for pieces in cuts(data)])
    if told is None:
        return
    heard, behind = judges.response(data)
    joined: dict[str, str] = {}
    for name, value in heard.fields:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    assert (told.status, told.body) == (int(heard.start[0]), heard.body)
    assert told.headers.keys() == joined.keys()
    for key, text in told.headers.items():
        # h11 tells the codings in lower case, which is another spelling of the same.
        plain = text.lower() if key == "transfer-encoding" else text
        assert _parts(plain) == _parts(joined[key])
    # Empty lines say nothing, and the parser skips them.
    assert not (told.reusable and behind.strip(b"\r\n")), "used again with more to be read"


def _parts(value: str) -> list[str]:
    """A value without the space around its parts, which our parser leaves behind them."""
    return [part.strip(" \t") for part in value.split(",")]


# --- events and lines -----------------------------------------------------------------------------

_MAX_EVENT: Final = 64


def _events(pieces: list[bytes], limit: int) -> tuple[list[bytes], bool]:
    stream, found = EventStream(limit), list[bytes]()
    try:
        for piece in pieces:
            found += stream.feed(piece)
    except EventTooLarge:
        return [], True
    return found, False


def events(data: bytes) -> None:
    """The events that WHATWG's rules find, wherever the stream is cut; too long is too long."""
    found, _ = _alike([_events(pieces, len(data) + 16) for pieces in cuts(data)])
    assert found == judges.events(data)
    some, too_long = _alike([_events(pieces, _MAX_EVENT) for pieces in cuts(data)])
    assert too_long or some == found
    assert all(len(event) <= _MAX_EVENT for event in some)


def lines(data: bytes) -> None:
    """The lines of a local client, wherever the stream is cut."""
    wanted = data.split(b"\n")
    if not wanted[-1]:
        wanted.pop()
    for pieces in cuts(data):
        splitter = Splitter(_MAX_EVENT)
        found = [line for piece in pieces for line in splitter.feed(piece)] + splitter.rest()
        assert len(found) == len(wanted)
        for line, right in zip(found, wanted, strict=True):
            if len(right) > _MAX_EVENT:
                assert isinstance(line, TooLong)
            else:
                assert line == right
