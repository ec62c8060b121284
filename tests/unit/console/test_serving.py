"""The console as it is served: beside the gateway, on a listener of its own."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from safeconduct.app.operating import Operating
from safeconduct.app.served import Served
from safeconduct.approvals.answers import NotProven
from safeconduct.config import load
from safeconduct.config.approvals import Persons, Role
from safeconduct.config.schema import Config
from safeconduct.console import serving, streams, watching
from safeconduct.console.serving import Console
from safeconduct.entrypoints.operator import OperatorError
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.server import AddressTaken
from tests.e2e.desk import enrolment, equip
from tests.support.installation import USER, opened_office, running
from tests.support.recorded import recorded
from tests.support.starting import asked


@pytest.fixture
def config(tmp_path: Path) -> Config:
    with opened_office() as office:
        equip(tmp_path, office, {"unsafe_enrolment": True})
    return load(tmp_path)


@pytest.fixture
async def served(config: Config) -> AsyncGenerator[Served]:
    served = Served(config)
    yield served
    await served.rooms.close()


async def said(url: str, text: bytes) -> bytes:
    """What comes back for these bytes, until the connection ends."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(text)
    answer = await reader.read()
    writer.close()
    return answer


def url_of(served: Served) -> str:
    console = served.rooms.config.root.console
    assert console is not None
    return console.url


async def test_it_answers_while_it_is_served(served: Served) -> None:
    console, url = Console(served), url_of(served)
    await console.start()
    host = urlsplit(url).netloc
    answer = await said(
        url, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 303 ")
    assert b"\r\nlocation: /sign-in?to=/\r\n" in answer
    assert b"\r\nserver:" not in answer
    await console.close()
    with pytest.raises(OSError, match="Connect call failed"):
        await said(url, b"")


async def test_nobody_holds_a_connection_open(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "IDLE_S", 0.05)
    console, url = Console(served), url_of(served)
    await console.start()
    for begun in (b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        async with asyncio.timeout(20):
            await said(url, begun)
    await console.close()


async def test_connections_that_ask_nothing_leave_room_for_others(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_SILENT", 2)
    console, url = Console(served), url_of(served)
    await console.start()
    parts = urlsplit(url)
    held = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(3)]
    async with asyncio.timeout(serving.IDLE_S / 2):
        assert await held[0][0].read() == b""
    head = f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
    for reader, writer in held[1:]:
        writer.write(head)
        assert (await reader.read()).startswith(b"HTTP/1.1 303 ")
    for _, writer in held:
        writer.close()
    await console.close()


@pytest.mark.parametrize("form", [False, True])
async def test_who_holds_all_places_keeps_nobody_out(
    served: Served, monkeypatch: pytest.MonkeyPatch, form: bool
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(serving, "SPARE", 4)
    console, url = Console(served), url_of(served)
    await console.start()
    parts = urlsplit(url)
    ask = f"GET /sign-in HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    send = (
        f"POST /sign-out HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: {url.rstrip('/')}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na"
    ).encode()
    held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    async with asyncio.timeout(serving.IDLE_S / 2):
        for _ in range(20):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(send if form else ask)
            if not form:
                assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
            held.append((reader, writer))
        close = ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert (await said(url, close)).startswith(b"HTTP/1.1 200 ")
    for _, writer in held:
        writer.close()
    await console.close()


async def test_a_head_has_an_end(served: Served) -> None:
    console, url = Console(served), url_of(served)
    await console.start()
    head = b"GET / HTTP/1.1\r\nx: " + b"y" * (serving.MAX_HEAD + 1)
    assert (await said(url, head)).startswith(b"HTTP/1.1 400 ")
    await console.close()


async def test_an_address_that_is_taken_is_said(served: Served) -> None:
    first, second = Console(served), Console(served)
    await first.start()
    with pytest.raises(AddressTaken):
        await second.start()
    await second.close()
    await first.close()


async def test_without_a_console_there_is_none(config: Config) -> None:
    served = Served(replace(config, root=replace(config.root, console=None)))
    assert served.rooms.passkeys is None
    with pytest.raises(ValueError, match="no console"):
        Console(served)
    await served.rooms.close()


class TestLinks:
    async def link(self, served: Served, verb: str, user: str) -> str:
        handlers = Operating(served.rooms, Refusals(lambda: 0), served.policy, {}).handlers()
        return str((await handlers[verb]({"user": user}, "uid:0"))["url"])

    async def enrol(self, served: Served, user: str = USER) -> str:
        return await self.link(served, "enrol", user)

    async def visit(self, served: Served) -> str:
        return await self.link(served, "visit", USER)

    async def test_a_link_leads_to_the_console(self, served: Served) -> None:
        link = await self.enrol(served)
        name = link.removeprefix(f"{url_of(served)}/enrol/")
        assert served.rooms.enrolments.ticket(name).user == USER

    async def test_nobody_else_gets_one(self, served: Served) -> None:
        with pytest.raises(OperatorError, match="no such user"):
            await self.enrol(served, "eve@crm.example")

    async def test_there_are_none_unless_the_configuration_says_so(self, config: Config) -> None:
        approvals = replace(config.root.approvals, unsafe_enrolment=False)
        served = Served(replace(config, root=replace(config.root, approvals=approvals)))
        with pytest.raises(OperatorError, match="unsafe_enrolment"):
            await self.enrol(served)
        await served.rooms.close()

    async def test_without_its_own_switch_nobody_visits(self, served: Served) -> None:
        with pytest.raises(OperatorError, match=r"console\.unsafe_visits"):
            await self.visit(served)

    async def test_a_visit_is_no_enrolment(self, config: Config) -> None:
        assert config.root.console is not None
        console = replace(config.root.console, unsafe_visits=True)
        open_one = Served(replace(config, root=replace(config.root, console=console)))
        link = await self.visit(open_one)
        name = link.removeprefix(f"{url_of(open_one)}/visit/")
        assert open_one.rooms.visits.ticket(name).user == USER
        with pytest.raises(NotProven):
            open_one.rooms.enrolments.ticket(name)
        await open_one.rooms.close()


def test_a_gateway_that_runs_serves_it_and_its_operator_gets_links(config: Config) -> None:
    directory, console = Path(config.directory), config.root.console
    assert console is not None
    assert "approvals.unsafe_enrolment" in config.unsafe
    with running(config):
        link = enrolment(directory, USER)
        page = asked(link)
        assert page.status == 200
        assert f"I am {USER}" in page.body.decode()
        words = ["-m", "safeconduct", "approvals", "enrol", USER, "--config", str(directory)]
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=True, timeout=30
        )
        first, second = done.stdout.splitlines()
        assert first == f"for {USER} to open once, within 15 minutes:"
        assert second.startswith(f"{console.url}/enrol/")
        # The one before is void.
        assert asked(link).status == 403


class TestStreams:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        console = config.root.console
        assert console is not None
        roles: dict[Role, Persons] = {"analyst": Persons(users=(USER,))}
        return replace(config, root=replace(config.root, console=replace(console, roles=roles)))

    @asynccontextmanager
    async def stream(self, served: Served) -> AsyncGenerator[asyncio.StreamReader]:
        """What comes to somebody who watches."""
        url, host = url_of(served), urlsplit(url_of(served)).netloc
        path = f"/visit/{served.rooms.visits.make(USER, 'uid:0')}"
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"
        begin = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {url}\r\n{form}"
        answer = await said(url, f"{begin}Connection: close\r\n\r\n".encode())
        cookie = re.search(rb"set-cookie: ([^;]+);", answer)
        assert cookie is not None, answer
        reader, writer = await asyncio.open_connection("localhost", urlsplit(url).port)
        asked = f"GET /live/stream HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie[1].decode()}\r\n\r\n"
        writer.write(asked.encode())
        await reader.readuntil(b"event: meanwhile")
        yield reader
        writer.close()
        await writer.wait_closed()

    async def test_a_stream_outlives_connections_that_ask_nothing(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serving, "IDLE_S", 0.05)
        monkeypatch.setattr(streams, "TICK_S", 0.01)
        monkeypatch.setattr(watching, "HEARTBEAT_S", 0)
        console = Console(served)
        await console.start()
        loop = asyncio.get_running_loop()
        async with self.stream(served) as reader:
            until_s = loop.time() + 4 * serving.IDLE_S
            while loop.time() < until_s:
                await reader.readuntil(b":\n\n")
        await console.close()

    async def test_streams_end_when_the_gateway_stops_and_hold_up_nothing(
        self, served: Served, caplog: pytest.LogCaptureFixture
    ) -> None:
        console = Console(served)
        await console.start()
        async with self.stream(served) as reader:
            await console.close()
            told = await reader.read()
        assert b'event: over\ndata: {"why":"The gateway stops."}' in told
        reads = recorded(Path(served.rooms.config.directory) / "state" / "audit", "audit.read")
        assert [one["asked"].get("ended") for one in reads] == [None, True]
        # It would say that it had to take them down.
        assert not [one for one in caplog.records if one.levelname == "ERROR"]
