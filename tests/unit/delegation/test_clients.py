from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safeconduct.config.clients import ClientBlock
from safeconduct.delegation.clients import (
    KEEP_S,
    RETRY_S,
    Client,
    Clients,
    UnknownClient,
    acceptable,
)

AGENT = "spiffe://crm.example/agents/copilot"
DESK = "http://127.0.0.1/callback"
WEB = "https://app.example/callback?x=y"


def client(*uris: str) -> Client:
    return Client(id="c", agent=AGENT, profile="p", name="C", host="", redirect_uris=uris)


class Server:
    """Publishes a document, and counts how often it was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.document: Any = None
        self.asked = 0
        self.status = 200

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        said = self.document
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (self.status, len(body))
        writer.write(head + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def publishes(**said: Any) -> AsyncGenerator[Server]:
    made = Server()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/client.json"
        made.document = {
            "client_id": made.url,
            "client_name": "Desk",
            "redirect_uris": [DESK, "app:/callback"],
            **said,
        }
        yield made


def clients(server: Server, now: list[float] | None = None) -> Clients:
    block = ClientBlock(agent=AGENT, profile="triage")
    return Clients({server.url: block}, clock=lambda: 0.0 if now is None else now[0])


class TestRegistered:
    async def test_by_the_configuration_alone(self) -> None:
        block = ClientBlock(agent=AGENT, profile="triage", redirect_uris=(DESK,), name="Desk")
        known = Clients(
            {"desk": block, "plain": ClientBlock(agent=AGENT, profile="p", redirect_uris=(WEB,))}
        )
        assert await known.find("desk") == Client(
            id="desk", agent=AGENT, profile="triage", name="Desk", host="", redirect_uris=(DESK,)
        )
        assert (await known.find("plain")).name == "plain"

    @pytest.mark.parametrize("client_id", ["", "other", "https://evil.example/client.json"])
    async def test_nobody_else_is_asked_or_known(self, client_id: str) -> None:
        with pytest.raises(UnknownClient, match="not registered"):
            await Clients({}).find(client_id)


class TestMetadataDocuments:
    async def test_say_a_name_and_where_to(self) -> None:
        async with publishes() as server:
            found = await clients(server).find(server.url)
        assert (found.name, found.agent, found.profile) == ("Desk", AGENT, "triage")
        assert found.redirect_uris == (DESK,)
        assert found.host == server.url.split("/")[2]

    async def test_are_kept_for_a_while(self) -> None:
        now = [0.0]
        async with publishes() as server:
            known = clients(server, now)
            await asyncio.gather(*(known.find(server.url) for _ in range(9)))
            assert server.asked == 1
            now[0] = KEEP_S + 1
            server.document["redirect_uris"] = [WEB]
            assert (await known.find(server.url)).redirect_uris == (WEB,)
            now[0] += KEEP_S + 1
            server.status = 500
            with pytest.raises(UnknownClient):
                await known.find(server.url)

    async def test_that_are_not_to_be_had_are_not_asked_for_all_the_time(self) -> None:
        now = [0.0]
        async with publishes() as server:
            known, server.status = clients(server, now), 500
            for _ in range(3):
                with pytest.raises(UnknownClient, match="does not say"):
                    await known.find(server.url)
            assert server.asked == 1
            now[0], server.status = RETRY_S + 1, 200
            assert (await known.find(server.url)).name == "Desk"

    @pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines", "\u202eksed"])
    async def test_with_a_name_that_cannot_be_shown_have_none(self, name: str) -> None:
        async with publishes(client_name=name) as server:
            assert (await clients(server).find(server.url)).name == server.url

    @pytest.mark.parametrize(
        "change",
        [
            {"client_id": "https://app.example/client.json"},
            {"client_id": None},
            {"redirect_uris": "x"},
            {"redirect_uris": [7]},
            {"token_endpoint_auth_method": "client_secret_basic"},
            {"token_endpoint_auth_method": "private_key_jwt"},
            {"client_secret": "hush"},
            {"client_name": 7},
        ],
    )
    async def test_that_are_none_name_nobody(self, change: dict[str, Any]) -> None:
        async with publishes(**change) as server:
            with pytest.raises(UnknownClient):
                await clients(server).find(server.url)

    @pytest.mark.parametrize("document", [b"", b"garbage", b"[]", b"[" * 99, b"{}" + b" " * 17_000])
    async def test_of_garbage_name_nobody(self, document: bytes) -> None:
        async with publishes() as server:
            server.document = document
            with pytest.raises(UnknownClient):
                await clients(server).find(server.url)


class TestRedirects:
    @pytest.mark.parametrize(
        ("registered", "given"),
        [
            (WEB, WEB),
            (DESK, DESK),
            (DESK, "http://127.0.0.1:51234/callback"),
            ("http://[::1]/callback", "http://[::1]:51234/callback"),
            ("http://localhost:1/callback", "http://localhost:51234/callback"),
        ],
    )
    def test_go_where_the_program_registered(self, registered: str, given: str) -> None:
        assert client("https://other.example/", registered).redirects_to(given)

    @pytest.mark.parametrize(
        ("registered", "given"),
        [
            (WEB, "https://app.example/callback"),
            (WEB, "https://app.example/callback?x=y&z=1"),
            (WEB, "https://app.example:444/callback?x=y"),
            (WEB, "https://app.example/callback/../evil?x=y"),
            (WEB, "https://app.example.evil.example/callback?x=y"),
            (WEB, "HTTPS://app.example/callback?x=y"),
            (DESK, "http://127.0.0.1:51234/callback/"),
            (DESK, "http://127.0.0.1:51234/callback?x"),
            (DESK, "http://127.0.0.1:51234/callback#x"),
            (DESK, "http://127.0.0.2:51234/callback"),
            (DESK, "http://localhost:51234/callback"),
            (DESK, "http://evil@127.0.0.1:51234/callback"),
            (DESK, "http://127.0.0.1:x/callback"),
            (DESK, "https://127.0.0.1:51234/callback"),
            (DESK, ""),
        ],
    )
    def test_go_nowhere_else(self, registered: str, given: str) -> None:
        assert not client(registered).redirects_to(given)

    @pytest.mark.parametrize(
        ("uri", "fine"),
        [
            (WEB, True),
            (DESK, True),
            ("http://localhost/x", True),
            ("http://app.example/x", False),
            ("app:/callback", False),
            ("com.example.app://callback", False),
            ("https://user@app.example/x", False),
            ("https://app.example/x#y", False),
            ("https://app.example/x y", False),
            ("https://app.example/<x>", False),
            ("https://app.example:x/", False),
            ("https:///x", False),
            ("javascript:alert(1)", False),
            ("https://app.example;sandbox/x", False),
            ("https://app.example,x/", False),
            ("http://[::1]:5/x", True),
            ("https://\u00e9.example/x", False),
        ],
    )
    def test_keep_a_code_from_others(self, uri: str, *, fine: bool) -> None:
        assert acceptable(uri) is fine
