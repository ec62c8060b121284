"""Upstreams for tests: a real one on the MCP SDK, and raw ones that say what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Annotated, Any, cast

import pytest
import uvicorn
from mcp.server.mcpserver import Context, Elicit, ListRoots, MCPServer, Resolve, Sample
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import CreateMessageResult, ListRootsResult, SamplingMessage, TextContent
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from safeconduct.ports import JSON, Credential, Upstream
from safeconduct.upstreams import Limits, open_upstream
from safeconduct.upstreams.pace import Pace
from tests.support.listeners import Hear, hears

MODERN = "2026-07-28"
OWNER = "acme|user:jane|t1"


async def ask(
    upstream: Upstream,
    method: str = "tools/call",
    params: JSON | None = None,
    *,
    owner: str = OWNER,
    credential: Credential | None = None,
    timeout_s: float = 20,
    on_progress: Hear | None = None,
) -> JSON:
    """One request, with what most tests do not care about filled in."""
    if params is None:
        params = {"name": "echo", "arguments": {"text": "hello"}}
    return await upstream.request(
        method,
        params,
        owner=owner,
        credential=credential,
        timeout_s=timeout_s,
        listener=hears(on_progress),
    )


def paced(monkeypatch: pytest.MonkeyPatch, where: ModuleType) -> list[float]:
    """The pauses that upstreams are made to take there, none of which is taken."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(where, "Pace", partial(Pace, sleep))
    return pauses


# --- raw servers ----------------------------------------------------------------------------------


@dataclass
class Request:
    """One HTTP request as it arrived, and how to answer it."""

    verb: str
    headers: dict[str, str]
    body: bytes
    connection: int
    writer: asyncio.StreamWriter

    @property
    def message(self) -> JSON:
        return cast("JSON", json.loads(self.body)) if self.body else {}

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def respond(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: tuple[str, ...] = (),
    ) -> None:
        lines = [
            f"HTTP/1.1 {status} Whatever",
            f"content-type: {content_type}",
            f"content-length: {len(body)}",
            *headers,
        ]
        self.write("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self, result: JSON, *, headers: tuple[str, ...] = ()) -> None:
        self.respond(self.reply(result=result), headers=headers)

    def reply(self, **members: object) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": self.message["id"], **members}).encode()

    def start_stream(self) -> None:
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )

    def event(self, data: bytes, *, newline: bytes = b"\n") -> None:
        self.raw_chunk(b"data: " + data + newline * 2)

    def raw_chunk(self, data: bytes) -> None:
        self.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end_stream(self) -> None:
        self.write(b"0\r\n\r\n")

    def hang_up(self) -> None:
        self.writer.close()


Handler = Callable[[Request], Awaitable[None]]


@dataclass
class Raw:
    """A running raw server and what it has seen."""

    url: str = ""
    connections: int = 0
    requests: list[Request] = field(default_factory=list[Request])
    gone: asyncio.Queue[int] = field(default_factory=asyncio.Queue[int])

    @property
    def methods(self) -> list[str]:
        return [request.method or request.verb for request in self.requests]


@contextlib.asynccontextmanager
async def raw_server(handler: Handler, *, port: int = 0) -> AsyncGenerator[Raw, None]:
    """Serve HTTP/1.1 with keep-alive on loopback; `gone` tells of each connection that ended."""
    raw = Raw()
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw.connections += 1
        connection = raw.connections
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(head[0].split()[0], headers, body, connection, writer)
                raw.requests.append(request)
                serving = asyncio.create_task(_serve(handler, request))
                tasks.add(serving)
                serving.add_done_callback(tasks.discard)
        raw.gone.put_nowait(connection)
        writer.close()  # a half-closed connection ends here

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    raw.url = f"http://127.0.0.1:{port}/mcp"
    try:
        yield raw
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()
        closed = (writer.wait_closed() for writer in writers)
        await asyncio.gather(*closed, return_exceptions=True)


async def _serve(handler: Handler, request: Request) -> None:
    with contextlib.suppress(ConnectionError):
        await handler(request)
        await request.writer.drain()


def stateless(handler: Handler) -> Handler:
    """A server of revision 2026-07-28 that leaves all but discovery to the handler."""

    async def handle(request: Request) -> None:
        if request.method == "server/discover":
            request.answer({"supportedVersions": [MODERN], "capabilities": {}})
        else:
            await handler(request)

    return handle


def handshaking(
    handler: Handler,
    *,
    session: Callable[[], str] | None = None,
    ended: Callable[[str], None] = lambda _: None,
    revision: str = "2025-11-25",
) -> Handler:
    """A server of an older revision that leaves all but its sessions to the handler."""

    async def handle(request: Request) -> None:
        if request.verb == "DELETE":
            ended(request.headers["mcp-session-id"])
            request.respond()
        elif request.method == "server/discover":
            request.respond(status=400, content_type="text/plain")
        elif request.method == "initialize":
            headers = (f"mcp-session-id: {session()}",) if session is not None else ()
            request.answer(
                {"protocolVersion": revision, "capabilities": {}, "serverInfo": {}},
                headers=headers,
            )
        elif request.method == "notifications/initialized":
            request.respond(status=202)
        else:
            await handler(request)

    return handle


async def echo(request: Request) -> None:
    """Answer anything with its own parameters."""
    request.answer({"params": request.message.get("params")})


@contextlib.asynccontextmanager
async def connected(
    handler: Handler, limits: Limits | None = None
) -> AsyncGenerator[tuple[Upstream, Raw], None]:
    """An upstream, and the server behind it."""
    async with raw_server(handler) as raw:
        upstream = open_upstream("raw", url=raw.url, limits=limits or Limits())
        try:
            yield upstream, raw
        finally:
            await upstream.close()


def in_session(
    handler: Handler,
    *,
    session: Callable[[], str] | None = lambda: "s1",
    limits: Limits | None = None,
) -> contextlib.AbstractAsyncContextManager[tuple[Upstream, Raw]]:
    """An upstream of an older revision, and the server behind it."""
    return connected(handshaking(handler, session=session), limits)


# --- a real server --------------------------------------------------------------------------------


class Amount(BaseModel):
    number: int


async def _how_many() -> Elicit[Amount]:
    return Elicit("How many?", Amount)


async def _summary(text: str) -> Sample:
    said = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return Sample([said], max_tokens=9)


async def _roots() -> ListRoots:
    return ListRoots()


def sdk_server() -> MCPServer:
    """A small server on the SDK."""
    server = MCPServer("fixture")

    @server.tool()
    def echo_text(text: str) -> str:
        return text

    @server.tool()
    async def count(to: int, ctx: Context) -> str:
        for number in range(1, to + 1):
            await ctx.report_progress(number, to, f"step {number}")
        return f"counted to {to}"

    @server.tool()
    async def wait_forever() -> str:
        await asyncio.Event().wait()
        return "never"

    @server.resource("note://today")
    def today() -> str:
        return "a note"

    _talking(server)
    del echo_text, count, wait_forever, today
    return server


def _talking(server: MCPServer) -> None:
    """Tools that say or ask something besides their answer."""

    @server.tool()
    async def order(amount: Annotated[Amount, Resolve(_how_many)]) -> str:
        return f"ordered {amount.number}"

    @server.tool()
    async def summarise(text: str, done: Annotated[CreateMessageResult, Resolve(_summary)]) -> str:
        return str(done.content)

    @server.tool()
    async def where(roots: Annotated[ListRootsResult, Resolve(_roots)]) -> str:
        return " ".join(str(root.uri) for root in roots.roots)

    @server.tool()
    async def complain(ctx: Context) -> str:
        with warnings.catch_warnings(action="ignore", category=MCPDeprecationWarning):
            await ctx.log("debug", "a")  # type: ignore[deprecated]
            await ctx.log("error", {"b": 1}, logger_name="db")  # type: ignore[deprecated]
        return "said"

    @server.tool()
    async def change(ctx: Context) -> str:
        if ctx.protocol_version == MODERN:
            await ctx.notify_tools_changed()
            await ctx.notify_resource_updated("note://today")
        else:
            await ctx.session.send_tool_list_changed()
        return "changed"

    del order, summarise, where, complain, change


@dataclass
class Served:
    """A running SDK server and what its transport has seen."""

    url: str
    clients: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    methods: list[str] = field(default_factory=list[str])
    sessions: list[str] = field(default_factory=list[str])
    in_session: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])


@contextlib.asynccontextmanager
async def sdk_http(
    *, era: str, json_response: bool, keeps_sessions: bool
) -> AsyncGenerator[Served, None]:
    """Serve the SDK over HTTP on loopback. Era "older" refuses what names the newer revision."""
    app = sdk_server().streamable_http_app(
        json_response=json_response, stateless_http=not keeps_sessions
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
        config = uvicorn.Config(
            _watched(app, served, older=era == "older"), log_level="critical", lifespan="on"
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield served
        finally:
            server.should_exit = True
            server.force_exit = True
            await running


def _watched(app: ASGIApp, served: Served, *, older: bool) -> ASGIApp:
    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        served.clients.add(cast("tuple[str, int]", scope["client"]))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = b""
        more = True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        method = json.loads(body).get("method", "") if body else scope["method"]
        served.methods.append(method)
        served.in_session.append((method, "mcp-session-id" in headers))
        if "mcp-session-id" in headers:
            served.sessions.append(headers["mcp-session-id"])
        if older and headers.get("mcp-protocol-version") == MODERN:
            await send({"type": "http.response.start", "status": 400})
            await send({"type": "http.response.body", "body": b"Unsupported protocol version"})
            return
        given = False

        async def replay() -> MutableMapping[str, Any]:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await app(scope, replay, send)

    return watched


if __name__ == "__main__":
    sdk_server().run("stdio")
