from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from safeconduct.inspectors import service
from safeconduct.inspectors.service import FAILURES, PAUSE_S, Service
from safeconduct.kit.http1.asking import Unanswered
from tests.support.certificates import Authority
from tests.support.web import Answer, document, serving


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def fails(one: Service, words: str, path: str = "/x", agent: str = "a") -> None:
    with pytest.raises(Unanswered, match=words):
        await one.ask(b"{}", {}, path, agent=agent)


async def test_one_that_is_down_is_spared_and_nothing_passes_meanwhile() -> None:
    clock = Clock()
    with serving() as web:
        web.pages["/x"] = lambda _: document({}, 503)
        one = Service(web.url, timeout_ms=2000, clock_s=clock)
        for _ in range(FAILURES):
            await fails(one, "HTTP 503")
        await fails(one, "down")
        clock.now_s = PAUSE_S - 1
        await fails(one, "down")
        assert web.count("/x") == FAILURES
        clock.now_s = PAUSE_S
        await fails(one, "HTTP 503")  # one question finds out
        await fails(one, "down")
        assert web.count("/x") == FAILURES + 1
        web.publish({"/x": {"a": 1}})
        clock.now_s += PAUSE_S
        assert await one.ask(b"{}", {}, "/x", agent="a") == {"a": 1}
        assert await one.ask(b"{}", {}, "/x", agent="a") == {"a": 1}
        await one.close()


@pytest.mark.parametrize(
    "answer",
    [document({}, 400), document({}, 413), Answer(200, b"{", {"Content-Type": "application/json"})],
)
async def test_what_hangs_on_the_question_spares_nobody(answer: Answer) -> None:
    with serving() as web:
        web.pages["/x"] = lambda _: answer
        one = Service(web.url, timeout_ms=2000)
        for _ in range(FAILURES + 2):
            await fails(one, "HTTP 4|malformed")
        assert web.count("/x") == FAILURES + 2
        await one.close()


async def test_failures_count_in_a_row() -> None:
    with serving() as web:
        web.pages["/x"] = lambda _: document({}, 500)
        web.publish({"/y": {}})
        one = Service(web.url, timeout_ms=2000)
        for _ in range(FAILURES):
            for _ in range(FAILURES - 1):
                await fails(one, "HTTP 500")
            assert await one.ask(b"{}", {}, "/y", agent="a") == {}
        await one.close()


@pytest.mark.parametrize("status", [401, 403, 429, 500, 599])
async def test_what_a_service_says_of_itself_counts(status: int) -> None:
    with serving() as web:
        web.pages["/x"] = lambda _: document({}, status)
        one = Service(web.url, timeout_ms=2000)
        for _ in range(FAILURES):
            await fails(one, f"HTTP {status}")
        await fails(one, "down")
        await one.close()


async def test_one_that_is_not_there_is_down() -> None:
    one = Service("http://127.0.0.1:1", timeout_ms=2000)
    for _ in range(FAILURES):
        await fails(one, "cannot be asked")
    await fails(one, "down")


async def test_what_one_agent_brings_about_is_down_for_no_other() -> None:
    with serving() as web:
        web.pages["/x"] = lambda _: document({}, 429)
        web.publish({"/y": {}})
        one = Service(web.url, timeout_ms=2000)
        for _ in range(FAILURES):
            await fails(one, "HTTP 429", agent="eve")
        await fails(one, "down", "/y", agent="eve")
        assert await one.ask(b"{}", {}, "/y", agent="dana") == {}
        await fails(one, "down", "/y", agent="eve")
        await one.close()


async def test_one_agent_does_not_take_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_AT_ONCE", 2)
    monkeypatch.setattr(service, "MAX_OF_AGENT", 1)
    waiting, answer = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.readuntil(b"}")
        if b"slow" in said:
            waiting.set()
            await answer.wait()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        writer.write(head + b"{}")
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    async with server:
        one = Service(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_ms=5000)
        eves = [asyncio.create_task(one.ask(b'{"slow":1}', {}, agent="eve")) for _ in range(9)]
        await waiting.wait()
        assert await one.ask(b"{}", {}, agent="dana") == {}
        answer.set()
        assert await asyncio.gather(*eves) == [{}] * 9
        await one.close()


async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_AT_ONCE", 1)
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        asked.set()
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        one = Service(url, timeout_ms=5000)
        first = asyncio.create_task(one.ask(b"{}", {}, agent="a"))
        await asked.wait()
        for _ in range(FAILURES + 1):
            await fails(one, "too many", "")
        await one.close()
        with pytest.raises(Unanswered):
            await first


async def test_one_that_nobody_vouches_for_is_not_told_anything(tmp_path: Path) -> None:
    ours, theirs = Authority("dlp.example"), Authority("dlp.example")
    here, elsewhere = x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("dlp.example")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(ours.pem)
    for by, name, good in ((ours, here, True), (theirs, here, False), (ours, elsewhere, False)):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*by.svid(names=[name]).write(tmp_path, "server"))
        with serving(tls) as web:
            web.publish({"/x": {}})
            one = Service(web.url, timeout_ms=2000, ca=ca)
            if good:
                assert await one.ask(b"{}", {}, "/x", agent="a") == {}
            else:
                await fails(one, "SSLCertVerificationError")
                assert web.asked == []
            await one.close()
