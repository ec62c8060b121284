"""One exchange after another over pooled connections, with a server that says what a test wants."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from safeconduct.kit.http1 import pool
from safeconduct.ports import UpstreamFault
from safeconduct.upstreams.wire import Wire
from tests.faults.upstream_servers import Handler, Raw, Request, raw_server

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"content-length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def connected(
    handler: Handler, *, max_body_bytes: int = 100_000, max_connections: int = 8
) -> AsyncGenerator[tuple[Wire, Raw], None]:
    async with raw_server(handler) as raw:
        wire = Wire(raw.url, {}, max_body_bytes=max_body_bytes, max_connections=max_connections)
        yield wire, raw
        await wire.close()


def saying(*answers: bytes, hang_up: bool = False) -> Handler:
    """Each request gets the next answer; the last one is said again and again."""
    left = list(answers)

    async def say(request: Request) -> None:
        request.write(left.pop(0) if len(left) > 1 else left[0])
        if hang_up:
            await request.writer.drain()
            request.hang_up()

    return say


async def body_of(wire: Wire) -> bytes:
    async with wire.post({}, b"{}") as exchange:
        return await exchange.body()


# --- framing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        OK + b"transfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ncontent-type: evil\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + WHOLE,
    ],
)
async def test_a_response_ends_where_its_framing_says(answer: bytes) -> None:
    async with connected(saying(answer)) as (wire, raw):
        for _ in range(3):
            async with wire.post({}, b"{}") as exchange:
                assert exchange.status == 200
                assert await exchange.body() == b"ok"
                assert exchange.header("content-type") == exchange.header("link") == ""
        assert raw.connections == 1


async def test_a_response_without_framing_ends_with_its_connection() -> None:
    async with connected(saying(OK + b"\r\nok", hang_up=True)) as (wire, raw):
        assert await body_of(wire) == await body_of(wire) == b"ok"
        assert raw.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked, gzip\r\n\r\nok",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\nContent-Length: 2\r\n\r\n",
        OK + b"x: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
        OK + b"x: a\ncontent-length: 2\r\n\r\nok",
        b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 000 Nothing\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 099 Almost\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 600 Beyond\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 O\0K\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nok",
        OK + b"x: y\r\n" * 101 + b"content-length: 2\r\n\r\nok",
        OK + b"x: " + b"y" * 33_000 + b"\r\ncontent-length: 2\r\n\r\nok",
        OK + b"x: " + b"y" * 100_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        OK + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: " + b"y" * 600_000,
        OK + b"transfer-encoding: chunked\r\n\r\n2;" + b"y" * 600_000,
    ],
)
async def test_what_could_be_read_in_two_ways_or_never_ends_is_malformed(answer: bytes) -> None:
    async with connected(saying(answer)) as (wire, _):
        with pytest.raises(UpstreamFault) as caught:
            await body_of(wire)
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-malformed", True)


async def test_no_field_that_came_twice_is_lost() -> None:
    twice = OK + b"content-type: a/b\r\nContent-Type: c/d\r\ncontent-length: 0\r\n\r\n"
    async with connected(saying(twice)) as (wire, _), wire.post({}, b"{}") as exchange:
        assert exchange.header("content-type") == "a/b, c/d"


async def test_a_body_beyond_the_bound_is_malformed_before_it_has_ended() -> None:
    async with connected(saying(OK + b"\r\n" + b"x" * 2_000), max_body_bytes=1_000) as (wire, _):
        with pytest.raises(UpstreamFault) as caught:
            await body_of(wire)
    assert caught.value.reason == "upstream-malformed"


async def test_a_body_that_nobody_reads_is_not_read_from_the_network_either() -> None:
    size = 20_000_000
    blocked = asyncio.Event()
    drained = asyncio.Event()

    async def pouring(request: Request) -> None:
        request.write(OK + b"content-length: %d\r\n\r\n" % size + b"x" * size)
        blocked.set()
        await request.writer.drain()
        drained.set()

    async with connected(pouring, max_body_bytes=size) as (wire, raw):
        async with wire.post({}, b"{}") as exchange:
            await blocked.wait()
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert not drained.is_set()
            assert len(await exchange.body()) == size
        await drained.wait()
        async with wire.post({}, b"{}"):
            assert raw.connections == 1


# --- connections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [WHOLE, b"HTTP/1.1 200 OK\r\nset-cookie: a", b"x", b"\0"])
async def test_what_follows_a_response_answers_nothing(after: bytes) -> None:
    async with connected(saying(WHOLE + after, WHOLE)) as (wire, raw):
        assert await body_of(wire) == b"ok"
        assert await raw.gone.get() == 1
        assert await body_of(wire) == b"ok"
        assert raw.connections == 2


async def test_what_comes_while_nothing_was_asked_ends_the_connection() -> None:
    async with connected(saying(WHOLE)) as (wire, raw):
        await body_of(wire)
        raw.requests[0].write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        assert await raw.gone.get() == 1
        assert await body_of(wire) == b"ok"
        assert raw.connections == 2


async def test_what_came_before_a_request_is_not_its_answer() -> None:
    async with connected(saying(WHOLE)) as (wire, raw):
        await body_of(wire)
        raw.requests[0].write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        assert await body_of(wire) == b"ok"
        assert raw.connections == 2


async def test_an_exchange_left_early_costs_its_connection() -> None:
    async with connected(saying(OK + b"content-length: 3\r\n\r\nok", WHOLE)) as (wire, raw):
        async with wire.post({}, b"{}") as exchange:
            assert await exchange.chunk() == b"ok"
        assert await body_of(wire) == b"ok"
        assert raw.connections == 2


async def test_a_connection_that_was_idle_for_too_long_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_IDLE_S", 0.0)
    async with connected(saying(WHOLE)) as (wire, raw):
        await body_of(wire)
        await body_of(wire)
        assert raw.connections == 2
        assert {await raw.gone.get(), await raw.gone.get()} == {1, 2}  # nobody asked for the last


async def test_connections_are_bounded() -> None:
    arrived = asyncio.Event()

    async def silent(_: Request) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with connected(silent, max_connections=1) as (wire, raw):
        first = asyncio.create_task(body_of(wire))
        await arrived.wait()
        with pytest.raises(UpstreamFault) as caught:
            await body_of(wire)
        assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-busy", False)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await raw.gone.get() == 1


async def test_a_connection_that_takes_too_long_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_CONNECT_S", 0.05)
    async with raw_server(saying(b"")) as raw:  # never answers the TLS handshake
        wire = Wire(raw.url.replace("http:", "https:"), {}, max_body_bytes=1, max_connections=1)
        with pytest.raises(UpstreamFault) as caught:
            await body_of(wire)
        await wire.close()
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-unreachable", False)


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key and a certificate for 127.0.0.1 that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "upstream")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.mark.parametrize(("host", "trusted"), [("127.0.0.1", True), ("localhost", False)])
async def test_a_certificate_counts_for_the_host_that_it_names(
    certificate: Path, host: str, trusted: bool
) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"{}")
                writer.write(WHOLE)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    wire = Wire(f"https://{host}:{port}/", {}, max_body_bytes=9, max_connections=1)
    if trusted:
        assert await body_of(wire) == await body_of(wire) == b"ok"
    else:
        with pytest.raises(UpstreamFault) as caught:
            await body_of(wire)
        assert caught.value.reason == "upstream-unreachable"
        assert not caught.value.may_have_happened
    await wire.close()
    server.close()
