import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from safeconduct.kit.http1.asking import MAX_ANSWER_BYTES
from safeconduct.policy.bundles.header import Remote
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.remote import asking
from safeconduct.policy.remote.asking import Asking, Unanswered
from tests.support.web import Answer, document, serving

TYPE = {"Content-Type": "application/json"}
Speaks = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def ask(url: str, timeout_ms: int = 2000) -> dict[str, object]:
    one = Asking(Remote(url=url, timeout_ms=timeout_ms), "/ask", None)
    try:
        return await one.ask(b"{}")
    finally:
        await one.close()


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Waits until whoever asks has hung up."""
    with suppress(ConnectionError):
        await reader.read()
    writer.close()


@asynccontextmanager
async def speaking(speaks: Speaks) -> AsyncGenerator[str]:
    server = await asyncio.start_server(speaks, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_question_gets_its_answer_with_what_the_caller_proves() -> None:
    with serving() as web:
        web.publish({"/ask": {"yes": True}})
        one = Asking(Remote(url=f"{web.url}/"), "/ask", lambda: "Bearer t")
        assert await one.ask(b'{"a":1}', **{"x-request-id": "r"}) == {"yes": True}
        assert await one.ask(b'{"a":2}') == {"yes": True}
        await one.close()
    first, second = web.asked
    assert (first.method, first.path, first.body) == ("POST", "/ask", b'{"a":1}')
    assert first.headers["authorization"] == "Bearer t"
    assert first.headers["x-request-id"] == "r"
    assert second.body == b'{"a":2}'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (document({}, 500), "HTTP 500"),
        (document({}, 201), "HTTP 201"),
        (Answer(302, b"", {"Location": "/other"}), "HTTP 302"),
        (Answer(200, b"{}", {"Content-Type": "text/html"}), "no JSON"),
        (Answer(200, b"{}", {}), "no JSON"),
        (Answer(200, b"", TYPE), "malformed"),
        (Answer(200, b"{", TYPE), "malformed"),
        (Answer(200, b'{"a":1,"a":2}', TYPE), "malformed"),
        (Answer(200, b'{"a":NaN}', TYPE), "malformed"),
        (Answer(200, b'{"a":"\\ud800"}', TYPE), "malformed"),
        (Answer(200, b"[" * 200 + b"]" * 200, TYPE), "malformed"),
        (document([]), "no object"),
        (document("yes"), "no object"),
        (document({"a": "x" * MAX_ANSWER_BYTES}), "too long"),
    ],
)
async def test_what_is_no_answer_is_none(answer: Answer, words: str) -> None:
    with serving() as web:
        web.pages["/ask"] = lambda _: answer
        with pytest.raises(Unanswered, match=words):
            await ask(web.url)


async def test_nobody_there() -> None:
    with pytest.raises(Unanswered, match="cannot be asked"):
        await ask("http://127.0.0.1:1")


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{"])
async def test_an_answer_that_does_not_come_ends_in_time(said: bytes) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said.replace(b"\r\n\r\n", b"\r\nContent-Type: application/json\r\n\r\n"))
        await gone(reader, writer)

    async with speaking(slow) as url:
        with pytest.raises(Unanswered, match="no answer in time"):
            await ask(url, timeout_ms=50)


@pytest.mark.parametrize("said", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9"])
async def test_a_connection_that_breaks_is_no_answer(said: bytes) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(said)
        writer.close()

    async with speaking(broken) as url:
        with pytest.raises(Unanswered):
            await ask(url)


async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MAX_CONNECTIONS", 1)
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        asked.set()
        await gone(reader, writer)

    async with speaking(silent) as url:
        one = Asking(Remote(url=url, timeout_ms=5000), "/ask", None)
        first = asyncio.create_task(one.ask(b"{}"))
        await asked.wait()
        with pytest.raises(Unanswered, match="too many"):
            await one.ask(b"{}")
        await one.close()
        with pytest.raises(Unanswered):
            await first


async def test_a_header_that_would_be_two_is_not_sent() -> None:
    one = Asking(Remote(url="http://127.0.0.1:1"), "/ask", lambda: "a\r\nb: c")
    with pytest.raises(Unanswered, match="Unwritable"):
        await one.ask(b"{}")


@pytest.mark.parametrize("url", ["http://pdp.example", "ftp://127.0.0.1", "https://u@h", "", "x"])
def test_only_https_or_this_machine_is_asked(url: str) -> None:
    with pytest.raises(PolicyRefused, match="HTTPS"):
        Asking(Remote(url=url), "/ask", None)


def test_an_authority_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefused, match="FileNotFoundError"):
        Asking(Remote(url="https://pdp.example", ca=str(tmp_path / "none.pem")), "/ask", None)
    with pytest.raises(PolicyRefused, match="whole path"):
        Asking(Remote(url="https://pdp.example", ca="none.pem"), "/ask", None)
