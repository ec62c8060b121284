"""A witness that is dead, slow or lying: the log goes on, and nothing false stands under it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safeconduct.audit import notes
from safeconduct.audit.witness.asking import Answered, Witnesses
from safeconduct.audit.witness.cosigning import SIZE
from safeconduct.audit.witness.policy import parse
from tests.support.logs_of_others import OtherLog

PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
KEY = notes.key("w.example", notes.COSIGNATURE, PUBLIC)


@pytest.fixture
def log() -> OtherLog:
    return OtherLog(leaves=[b"one", b"two", b"three"])


@asynccontextmanager
async def answering(answer: bytes) -> AsyncGenerator[str]:
    """A server that says this to everybody; empty: nothing, ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not answer:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: str, body: str = "", kind: str = "text/plain") -> bytes:
    data = body.encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def asked(log: OtherLog, answer: bytes, timeout_s: float = 10) -> tuple[str, Answered]:
    async with answering(answer) as url:
        policy = parse(f"witness w {KEY} {url}\nquorum w")
        witnesses = Witnesses(policy, timeout_s=timeout_s)
        return url, await witnesses.cosigned(log.note(), log.prove)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http("200 OK"), "a note without signatures"),
        (http("200 OK", "garbage\n"), "a note with a line that is no signature"),
        (http("200 OK", "\u2014 x.example AAAAAAAA\n"), "no known key signed this note"),
        (http("403 Forbidden", "no\n"), "it answered 403"),
        (http("302 Found"), "it answered 302"),
        (http("409 Conflict", "3\n"), "it answered 409"),
        (http("409 Conflict", "many\n", SIZE), "it does not say what it cosigned last"),
        (http("409 Conflict", "1\n", SIZE), "what it cosigned last changed with each question"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, "127.0.0.1: ValueError"),
        (b"garbage\r\n\r\n", "127.0.0.1: BadStatusLine"),
    ],
)
async def test_what_is_no_cosignature_counts_as_silence(
    log: OtherLog, answer: bytes, why: str
) -> None:
    url, answered = await asked(log, answer)
    assert answered == Answered(log.note(), {url: why}, {})


async def test_a_forged_cosignature_counts_as_silence(log: OtherLog) -> None:
    forged = notes.Line(KEY.name, KEY.id, bytes(8) + bytes(64))
    url, answered = await asked(log, http("200 OK", str(forged)))
    assert answered == Answered(log.note(), {url: "the signature of w.example is not good"}, {})


async def test_one_that_hangs_is_waited_for_so_long(log: OtherLog) -> None:
    url, answered = await asked(log, b"", timeout_s=0.05)
    assert answered == Answered(log.note(), {url: "127.0.0.1: TimeoutError"}, {})


async def test_one_that_says_it_knows_more_and_shows_no_signature_raises_no_alarm(
    log: OtherLog,
) -> None:
    url, answered = await asked(log, http("409 Conflict", "9\n", SIZE))
    assert answered == Answered(log.note(), {url: "it answered 409"}, {})


async def test_one_that_denies_the_history_raises_the_alarm(log: OtherLog) -> None:
    url, answered = await asked(log, http("422 Unprocessable Entity", "no\n"))
    assert answered.contradicted == {url: "it does not find the 0 records it cosigned in this log"}
