"""An MCP endpoint with a page of cardboard behind it, spoken to in memory or over a socket."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import orjson
from httptools import HttpResponseParser

from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.connection import Connection
from safeconduct.entrypoints.http import Request, Site, Wire, doors
from safeconduct.entrypoints.mcp import McpEndpoint
from safeconduct.entrypoints.server import Server, listener
from safeconduct.gateway import Gateway
from safeconduct.ports import JSON, Answer, Caller, Delivered, Listener, Unauthenticated

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
        self.during: Callable[[Listener | None], Awaitable[None]] | None = None

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
        listener: Listener | None = None,
    ) -> Answer:
        self._admit(caller)
        self.calls.append(Called(method, upstream, name, params))
        if self.fault is not None:
            raise self.fault
        if self.during is not None:
            await self.during(listener)
        return self.answer


def front(page: Page, *, max_body_bytes: int = MAX_BODY) -> Site:
    """What a gateway with this page would serve."""
    endpoint = McpEndpoint(
        cast("Gateway", page),
        issuer=ISSUER,
        max_body_bytes=max_body_bytes,
    )
    entry = doors(ISSUER, "127.0.0.1:8700", ("https://console.example",))
    return Site(endpoint.routes(), entry)


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

# --- in memory -----------------------------------------------------------------------------------


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


class _Reading:
    """Gathers a response from its bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self._parser = HttpResponseParser(self)
        self._parser.feed_data(data)
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self.body += piece


class Pipe(asyncio.Transport):
    """The transport of a connection without a socket; it keeps what is written."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.written = b""
        self.open = True
        self.reading = True
        self._connection = connection
        connection.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return not self.open

    def close(self) -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Exchange:
    """One request on a connection of its own."""

    def __init__(self, site: Site, data: bytes) -> None:
        self._connection = Connection(site, Limits(), set(), asyncio.Event())
        self._data = data
        self._pipe = Pipe(self._connection)

    def leave(self) -> None:
        """The client goes away."""
        self._pipe.close()

    async def bytes(self) -> bytes:
        """Everything that is sent in answer."""
        self._connection.data_received(self._data)
        while (task := self._connection.task) is not None:
            await asyncio.wait([task])
        self.leave()
        return self._pipe.written

    async def run(self) -> Reply:
        read = _Reading(await self.bytes())
        return Reply(read.status, read.headers, read.body)


def exchange(
    site: Site,
    body: bytes | Sequence[bytes] = b"",
    fields: Fields = BASE,
    *,
    path: str = "/mcp",
    method: str = "POST",
) -> Exchange:
    """A request as it is on the wire: several pieces are chunks."""
    lines = [f"{method} {path} HTTP/1.1".encode()]
    lines += [b"%b: %b" % (name.encode(), value.encode("latin-1")) for name, value in fields]
    if not isinstance(body, bytes):
        lines.append(b"transfer-encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*body, b""])
    elif "content-length" not in dict(fields):
        lines.append(b"content-length: %d" % len(body))
    return Exchange(site, b"\r\n".join([*lines, b"", body]))


async def ask(
    site: Site, body: bytes | Sequence[bytes] = b"", fields: Fields = BASE, *, path: str = "/mcp"
) -> Reply:
    """One POST request, answered."""
    return await exchange(site, body, fields, path=path).run()


def unconnected(fields: Fields, wire: Wire | None = None) -> Request:
    """A request with these fields, which came from nowhere."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    return Request("POST", "/mcp", raw, cast("Wire", wire))


def without(fields: Fields, *names: str) -> Fields:
    return [field for field in fields if field[0] not in names]


def replaced(fields: Fields, name: str, value: str) -> Fields:
    return [*without(fields, name), (name, value)]


# --- over a socket --------------------------------------------------------------------------------


@asynccontextmanager
async def listening(site: Site, limits: Limits | None = None) -> AsyncGenerator[int]:
    """The port at which a server serves a site. It waits for nobody when it is stopped."""
    server = Server(site, msgspec.structs.replace(limits or Limits(), shutdown_s=0))
    sock = listener("127.0.0.1:0")
    serving = asyncio.ensure_future(server.serve(sock))
    try:
        yield sock.getsockname()[1]
    finally:
        server.stop()
        await serving
