"""An MCP endpoint with a page of cardboard behind it, spoken to over ASGI or over a socket."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import orjson
from uvicorn.server import ServerState

from safeconduct.entrypoints.http import ASGI, Event, Scope, application, doors
from safeconduct.entrypoints.mcp import McpEndpoint
from safeconduct.entrypoints.running import Running
from safeconduct.entrypoints.server import Limits, listener, server
from safeconduct.gateway import Gateway
from safeconduct.ports import JSON, Answer, Caller, Delivered, OnProgress, Unauthenticated

ISSUER = "http://gateway.example"
TOKEN = "DPoP good"
METADATA = f"{ISSUER}/.well-known/oauth-protected-resource/mcp"
MAX_BODY = 4096

OFFERED = Delivered(decision="d-1", result={"content": [{"type": "text", "text": "done"}]})


class Called(msgspec.Struct, frozen=True):
    """What the page was asked."""

    method: str
    upstream: str | None
    name: str
    params: JSON


class Page:
    """Records what reaches it, and answers as it is told."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.calls: list[Called] = []
        self.listed: list[tuple[str, str | None]] = []
        self.definitions: list[JSON] = []
        self.answer: Answer = OFFERED
        self.fault: Exception | None = None
        self.during: Callable[[OnProgress | None], Awaitable[None]] | None = None

    def _admit(self, caller: Caller) -> None:
        self.callers.append(caller)
        if caller.authorization != TOKEN:
            raise Unauthenticated("invalid_token", "The task token is not valid here.")

    async def authenticate(self, caller: Caller) -> None:
        self._admit(caller)

    async def visible(self, caller: Caller, method: str, upstream: str | None) -> list[JSON]:
        self._admit(caller)
        self.listed.append((method, upstream))
        return self.definitions

    async def call(
        self,
        caller: Caller,
        method: str,
        upstream: str | None,
        name: str,
        params: JSON,
        on_progress: OnProgress | None = None,
    ) -> Answer:
        self._admit(caller)
        self.calls.append(Called(method, upstream, name, params))
        if self.fault is not None:
            raise self.fault
        if self.during is not None:
            await self.during(on_progress)
        return self.answer


def front(page: Page, *, max_body_bytes: int = MAX_BODY) -> ASGI:
    """The application that a gateway with this page would serve."""
    endpoint = McpEndpoint(
        cast("Gateway", page),
        issuer=ISSUER,
        max_body_bytes=max_body_bytes,
        running=Running(patience_s=0),
    )
    entry = doors(ISSUER, "127.0.0.1:8700", ("https://console.example",))
    return application(endpoint.routes(), entry)


# --- messages -------------------------------------------------------------------------------------

Fields = Sequence[tuple[str, str]]

BASE: Fields = (
    ("host", "gateway.example"),
    ("authorization", TOKEN),
    ("dpop", "proof"),
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
)


def modern(method: str, params: JSON | None = None, **meta: object) -> tuple[bytes, Fields]:
    """A request of 2026-07-28: its body, and the headers that mirror it."""
    given = params or {}
    envelope: JSON = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        **meta,
    }
    body: JSON = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {**given, "_meta": envelope},
    }
    fields = [*BASE, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]
    named = given.get("uri" if method == "resources/read" else "name")
    if isinstance(named, str):
        fields.append(("mcp-name", named))
    return orjson.dumps(body), fields


def handshake(method: str, params: JSON | None = None, **meta: object) -> tuple[bytes, Fields]:
    """A request of 2025-11-25."""
    given = params or {}
    if meta:
        given = {**given, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
    return orjson.dumps(body), [*BASE, ("mcp-protocol-version", "2025-11-25")]


def notification(method: str, params: JSON | None = None) -> tuple[bytes, Fields]:
    body = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return orjson.dumps(body), [*BASE, ("mcp-protocol-version", "2025-11-25")]


CALL = {"name": "crm__get_case", "arguments": {"case_id": "C-1"}}

# --- over ASGI ------------------------------------------------------------------------------------


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> JSON:
        return cast("JSON", orjson.loads(self.body))

    @property
    def code(self) -> int:
        """The code of a JSON-RPC error."""
        return cast("int", self.json["error"]["code"])

    @property
    def events(self) -> list[JSON]:
        """The messages of a stream of server-sent events."""
        return [
            orjson.loads(event.removeprefix(b"event: message\ndata: "))
            for event in self.body.split(b"\n\n")
            if event
        ]


class Exchange:
    """One request over ASGI. `gone` makes the client go away."""

    def __init__(self, app: ASGI, chunks: Sequence[bytes], scope: Scope) -> None:
        self._app = app
        self._chunks = list(chunks)
        self._scope = scope
        self.gone = asyncio.Event()
        self.sent: list[Event] = []

    async def receive(self) -> Event:
        if self._chunks:
            body = self._chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self._chunks)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        self.sent.append(event)

    async def run(self) -> Reply:
        await self._app(self._scope, self.receive, self.send)
        start, *rest = self.sent
        return Reply(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(event.get("body", b"") for event in rest),
        )


def exchange(
    app: ASGI,
    body: bytes | Sequence[bytes] = b"",
    fields: Fields = BASE,
    *,
    path: str = "/mcp",
    method: str = "POST",
) -> Exchange:
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields],
    }
    return Exchange(app, [body] if isinstance(body, bytes) else body, scope)


async def ask(
    app: ASGI, body: bytes | Sequence[bytes] = b"", fields: Fields = BASE, *, path: str = "/mcp"
) -> Reply:
    """One POST request, answered."""
    return await exchange(app, body, fields, path=path).run()


def without(fields: Fields, *names: str) -> Fields:
    return [field for field in fields if field[0] not in names]


def replaced(fields: Fields, name: str, value: str) -> Fields:
    return [*without(fields, name), (name, value)]


# --- over a socket --------------------------------------------------------------------------------


@asynccontextmanager
async def listening(app: ASGI, limits: Limits | None = None) -> AsyncGenerator[int]:
    """The port at which the bounded protocol serves an application."""
    config = server(app, limits).config
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    protocol = cast("Callable[..., asyncio.Protocol]", config.http_protocol_class)

    def connected() -> asyncio.Protocol:
        return protocol(config=config, server_state=state, app_state={}, _loop=loop)

    sock = listener("127.0.0.1:0")
    serving = await loop.create_server(connected, sock=sock)
    try:
        yield sock.getsockname()[1]
    finally:
        serving.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks)
        await serving.wait_closed()
