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

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = notes.key("w.example", notes.COSIGNATURE, PRIVATE.public_key().public_bytes_raw())
SIGNER = notes.Signer(KEY, PRIVATE.sign)


@pytest.fixture
def log() -> OtherLog:
    return OtherLog(leaves=[b"one", b"two", b"three"])


@asynccontextmanager
async def answering(answer: bytes, shown: bytes = b"") -> AsyncGenerator[str]:
    """A server that says the one to who sends something, the other to who asks what it cosigned;
    empty: nothing, ever.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answered = shown if head.startswith(b"GET") else answer
        writer.write(answered)
        if not answered:
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
        return url, await ask(log, url, timeout_s)


async def ask(log: OtherLog, url: str, timeout_s: float = 10) -> Answered:
    policy = parse(f"witness w {KEY} {url}\nquorum w")
    return await Witnesses(policy, timeout_s=timeout_s).cosigned(log.note(), log.prove)


def cosigned(log: OtherLog, size: int | None = None) -> notes.Note:
    note = log.note(size)
    return notes.Note(note.text, (notes.sign(note.text, SIGNER, 1_795_000_000),))


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


DENIALS = [
    (http("409 Conflict", "9\n", SIZE), "that it cosigned more"),
    (http("422 Unprocessable Entity", "no\n"), "that this is another log"),
]


@pytest.mark.parametrize(("denial", "said"), DENIALS)
@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (http("404 Not Found"), "it says {said}, and shows nothing that it cosigned"),
        (http("500 Broken"), "it answered 500"),
        (http("200 OK", "garbage\n"), "a note without signatures"),
        (2, "it says {said}, and what it cosigned is this one"),
        (3, "it says {said}, and what it cosigned is this one"),
    ],
)
async def test_one_that_denies_the_history_and_shows_nothing_of_it_raises_no_alarm(
    log: OtherLog, denial: bytes, said: str, shown: bytes | int, why: str
) -> None:
    """Whoever stands between could say as much."""
    answer = shown if isinstance(shown, bytes) else http("200 OK", str(cosigned(log, shown)))
    async with answering(denial, answer) as url:
        answered = await ask(log, url)
    assert answered == Answered(log.note(), {url: why.format(said=said)}, {})


async def test_what_another_than_the_witness_signed_raises_no_alarm(log: OtherLog) -> None:
    async with answering(DENIALS[1][0], http("200 OK", str(log.note(2)))) as url:
        answered = await ask(log, url)
    assert answered == Answered(log.note(), {url: "no known key signed this note"}, {})


@pytest.mark.parametrize(("denial", "said"), DENIALS)
@pytest.mark.parametrize(
    ("leaves", "why"),
    [
        ([b"one", b"other"], "the 2 records that it cosigned are not in this log"),
        ([b"one", b"two", b"other"], "the 3 records that it cosigned are not in this log"),
        ([b"1", b"2", b"3", b"4"], "it cosigned 4 records, and the log has 3"),
    ],
)
async def test_one_that_shows_another_history_which_it_cosigned_raises_the_alarm(
    log: OtherLog, denial: bytes, said: str, leaves: list[bytes], why: str
) -> None:
    shown = http("200 OK", str(cosigned(OtherLog(leaves=leaves))))
    async with answering(denial, shown) as url:
        answered = await ask(log, url)
    assert answered == Answered(log.note(), {}, {url: why}), said
