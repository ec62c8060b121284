"""gRPC on a Unix socket: what is served, and what nobody can do to it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.issuer import grpc
from safeconduct.identity.issuer.grpc import Call, Service, Status
from safeconduct.identity.issuer.unix import Peer
from tests.support.grpc import Client, connected, framed, serving

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Methods:
    """Echoes; what is held goes on when it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.peers: list[int] = []
        self.left = asyncio.Event()

    async def echo(self, call: Call) -> AsyncGenerator[bytes, None]:
        self.peers.append(call.peer.pid)
        yield call.message

    async def twice(self, call: Call) -> AsyncGenerator[bytes, None]:
        yield call.message
        try:
            await self.let_go.wait()
        finally:
            self.left.set()
        yield call.message

    async def large(self, call: Call) -> AsyncGenerator[bytes, None]:
        yield bytes(1_000_000)

    async def refuse(self, call: Call) -> AsyncGenerator[bytes, None]:
        if call.message != b"sure":
            raise Status(grpc.PERMISSION_DENIED, "no identity, 100 % sure\n")
        yield b""

    async def fail(self, call: Call) -> AsyncGenerator[bytes, None]:
        yield b"so far"
        raise ValueError("a secret")


@pytest.fixture
async def methods() -> Methods:
    return Methods()


@pytest.fixture
async def path(methods: Methods, tmp_path: Path) -> AsyncIterator[Path]:
    served = {
        f"/{name}".encode(): getattr(methods, name)
        for name in ("echo", "twice", "large", "refuse", "fail")
    }
    async with serving(Service(served), tmp_path / "socket") as made:
        yield made


@pytest.fixture
async def client(path: Path) -> AsyncIterator[Client]:
    async with connected(path) as made:
        yield made


async def test_a_call_is_answered_and_its_peer_is_known(client: Client, methods: Methods) -> None:
    call = await client.call("/echo", framed(b"hello"))
    assert (call.answers, call.status, call.message) == ([b"hello"], 0, "")
    assert call.headers["content-type"] == "application/grpc"
    assert methods.peers == [os.getpid()]


async def test_many_calls_share_a_connection(client: Client) -> None:
    for round_ in range(40):
        numbers = [client.open("/echo", framed(b"%d" % round_)) for _ in range(4)]
        assert [(await client.ended(one)).answers for one in numbers] == [[b"%d" % round_]] * 4


async def test_answers_come_as_they_are_made(client: Client, methods: Methods) -> None:
    number = client.open("/twice", framed(b"x"))
    assert await client.answered(number, 1) == [b"x"]
    assert not client.calls[number].ended
    methods.let_go.set()
    assert (await client.ended(number)).answers == [b"x", b"x"]


async def test_a_large_answer_comes_in_pieces(client: Client) -> None:
    assert (await client.call("/large")).answers == [bytes(1_000_000)]


async def test_a_client_that_takes_nothing_holds_up_nobody_else(path: Path) -> None:
    async with connected(path, window=False) as deaf, connected(path) as other:
        number = deaf.open("/large")
        while len(deaf.calls[number].data) < 65_535:  # all there is room for
            await deaf.read()
        assert (await other.call("/echo", framed(b"x"))).answers == [b"x"]
        deaf.h2.increment_flow_control_window(2_000_000)
        deaf.h2.increment_flow_control_window(2_000_000, number)
        deaf.send()
        assert (await deaf.ended(number)).answers == [bytes(1_000_000)]


async def test_a_refusal_is_a_status_with_its_words(client: Client) -> None:
    call = await client.call("/refuse")
    assert (call.answers, call.status) == ([], grpc.PERMISSION_DENIED)
    assert call.message == "no identity%2C 100 %25 sure%0A"


async def test_a_fault_tells_the_operator_and_not_the_caller(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    call = await client.call("/fail")
    assert (call.answers, call.status, call.message) == ([b"so far"], grpc.INTERNAL, "")
    assert "a secret" in caplog.text


@pytest.mark.parametrize(
    ("path_of", "body", "headers", "status"),
    [
        ("/nothing", framed(b""), {}, grpc.UNIMPLEMENTED),
        ("/echo", framed(b""), {":method": "GET"}, grpc.UNIMPLEMENTED),
        ("/echo", framed(b""), {"content-type": "application/json"}, grpc.INVALID_ARGUMENT),
        ("/echo", framed(b"x", flag=1), {}, grpc.UNIMPLEMENTED),
        ("/echo", framed(b"x", flag=2), {}, grpc.INVALID_ARGUMENT),
        ("/echo", b"", {}, grpc.INVALID_ARGUMENT),
        ("/echo", framed(b"x") + b"more", {}, grpc.INVALID_ARGUMENT),
        ("/echo", framed(b"xyz")[:-1], {}, grpc.INVALID_ARGUMENT),
        ("/echo", b"\0\xff\xff\xff\xff", {}, grpc.INVALID_ARGUMENT),
    ],
)
async def test_what_is_no_call_of_ours_is_refused(
    client: Client, path_of: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    call = await client.ended(client.open(path_of, body, headers=headers))
    assert (call.answers, call.status) == ([], status)
    assert (await client.call("/echo", framed(b"still here"))).answers == [b"still here"]


async def test_a_request_is_bounded(client: Client) -> None:
    number = client.open("/echo", framed(bytes(grpc.MAX_REQUEST)), end=False)
    call = await client.ended(number)
    assert call.status == grpc.RESOURCE_EXHAUSTED
    client.h2.send_data(number, b"and more of it")
    client.h2.end_stream(number)
    client.send()
    assert (await client.call("/echo", framed(b"x"))).answers == [b"x"]


async def test_calls_on_a_connection_are_bounded(client: Client) -> None:
    await client.call("/echo")  # by now both sides know
    assert client.h2.remote_settings.max_concurrent_streams == grpc.MAX_CALLS
    numbers = [client.open("/twice") for _ in range(grpc.MAX_CALLS)]
    client.h2.remote_settings.max_concurrent_streams = 1000
    client.h2.remote_settings.acknowledge()
    client.open("/echo")
    await client.ended(numbers[0])
    assert client.over


async def test_connections_of_a_user_are_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(grpc, "MAX_CONNECTIONS", 1)
    async with connected(path) as first:
        assert (await first.call("/echo")).status == 0
        async with connected(path) as second:
            with pytest.raises((ConnectionError, AssertionError)):
                assert (await second.call("/echo")).headers
        assert "has 1" in caplog.text
        assert (await first.call("/echo")).status == 0
    # Whoever goes makes room.
    async with connected(path) as third:
        assert (await third.call("/echo")).status == 0


async def test_who_opened_it_must_be_known(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(_: object) -> Peer:
        raise NotAttested("the process cannot be held")

    monkeypatch.setattr(Peer, "of", unknown)
    async with connected(path) as client:
        with pytest.raises((ConnectionError, AssertionError)):
            assert (await client.call("/echo")).headers
    assert "cannot be held" in caplog.text


async def test_a_call_that_is_taken_back_ends(client: Client, methods: Methods) -> None:
    number = client.open("/twice", framed(b"x"))
    await client.answered(number, 1)
    client.h2.reset_stream(number)
    client.send()
    await methods.left.wait()
    client.h2.reset_stream(client.open("/twice", end=False))
    client.send()
    assert (await client.call("/echo", framed(b"x"))).answers == [b"x"]


async def test_calls_end_with_their_connection(path: Path, methods: Methods) -> None:
    async with connected(path) as client:
        await client.answered(client.open("/twice", framed(b"x")), 1)
    await methods.left.wait()


async def test_a_client_that_says_goodbye_is_let_go(client: Client) -> None:
    assert (await client.call("/echo")).status == 0
    client.h2.close_connection()
    client.send()
    while await client.reader.read(4096):
        pass


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 64,
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        PREFACE + b"\xff" * (grpc.MAX_UNHEARD + 1),
        PREFACE + b"\0\0\0\4" + bytes(5) + b"\0\0\5\1\5\0\0\0\1" + b"\xff" * 5,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)
async def test_garbage_ends_its_own_connection_alone(
    path: Path, client: Client, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(garbage)
    while await reader.read(4096):
        pass
    writer.close()
    await writer.wait_closed()
    assert (await client.call("/echo", framed(b"x"))).answers == [b"x"]
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
