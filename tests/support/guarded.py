"""An MCP server on the SDK that only lets tool tokens in, and all that reaches its socket."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safeconduct import verifier
from safeconduct.core.calls import MODERN
from safeconduct.kit import jwk
from safeconduct.ports import JSON

_JWT: Final = re.compile(rb"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Seen(msgspec.Struct, frozen=True):
    """One request as it came over the wire."""

    method: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def whole(self) -> bytes:
        return b"\n".join([*(name + b": " + value for name, value in self.headers), self.body])

    @property
    def authorization(self) -> str:
        return dict(self.headers).get(b"authorization", b"").decode()


def tokens(data: bytes) -> list[str]:
    """Everything in some bytes that looks like a JWT."""
    return [found.decode() for found in _JWT.findall(data)]


def type_of(token: str) -> str:
    """The `typ` of a JWT."""
    segment = token.partition(".")[0]
    return str(msgspec.json.decode(jwk.decode(segment))["typ"])


class Guarded:
    """The running server. `ahead_s` moves the verifier's clock; `intercept` keeps calls from it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.wire: list[Seen] = []
        self.errands: list[verifier.Errand] = []
        self.statuses: list[int] = []
        self.definitions: dict[str, JSON] = {}
        self.effects: list[str] = []
        self.ahead_s = 0.0
        self.intercept = False

    def clock_ms(self) -> int:
        return int((time.time() + self.ahead_s) * 1000)

    def calls(self) -> list[Seen]:
        """The tool calls among what came."""
        return [seen for seen in self.wire if b'"tools/call"' in seen.body]


class _Amount(BaseModel):
    number: int


def _server(guarded: Guarded) -> MCPServer:
    server = MCPServer("office")

    def did(tool: str, ctx: Context) -> None:
        guarded.effects.append(tool)
        guarded.errands.append(verifier.errand(ctx))

    @server.tool()
    def get_case(case_id: str, ctx: Context) -> str:
        did("get_case", ctx)
        return f"{case_id} done"

    @server.tool()
    def send(to: str, body: str, ctx: Context) -> str:
        did("send", ctx)
        return f"{body} to {to}"

    @server.tool()
    def list_customers(ctx: Context) -> str:
        did("list_customers", ctx)
        return "none"

    @server.tool()
    def open_vault(ctx: Context) -> str:
        did("open_vault", ctx)
        return "open"

    @server.tool()
    async def order(ctx: Context) -> str:
        did("order", ctx)
        asked = await ctx.elicit("How many?", _Amount)
        return f"ordered {asked.data.number}" if asked.action == "accept" else asked.action

    del get_case, send, list_customers, open_vault, order
    return server


@asynccontextmanager
async def guarding(
    issuer: str, audience: str, *, older: bool = False, sessions: bool = False
) -> AsyncGenerator[Guarded]:
    """Serves on loopback. `older` refuses what names the newer revision."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        guarded = Guarded(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
        server = _server(guarded)
        for tool in await server.list_tools():
            definition = tool.model_dump(by_alias=True, exclude_none=True, mode="json")
            guarded.definitions[tool.name] = definition
        app: Any = server.streamable_http_app(stateless_http=not sessions)
        checked = verifier.ToolTokens(
            app, verifier.Verifier(issuer, audience, clock_ms=guarded.clock_ms)
        )
        config = uvicorn.Config(
            _watched(checked, guarded, older=older), log_level="critical", lifespan="on"
        )
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        try:
            yield guarded
        finally:
            running.should_exit = running.force_exit = True
            await task


def _watched(app: Any, guarded: Guarded, *, older: bool) -> ASGIApp:
    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        seen = Seen(scope["method"], tuple(scope["headers"]), body)
        guarded.wire.append(seen)
        newer = dict(scope["headers"]).get(b"mcp-protocol-version") == MODERN.encode()
        if (older and newer) or (guarded.intercept and b'"tools/call"' in body):
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                guarded.statuses.append(message["status"])
            await send(message)

        await app(scope, again, told)

    return watched
