"""An MCP endpoint with a page of cardboard behind it, spoken to in memory or over a socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import orjson
from httptools import HttpResponseParser

from safeconduct.core.trace import Trace
from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.connection import Connection
from safeconduct.entrypoints.http import Request, Site, Wire, doors
from safeconduct.entrypoints.mcp import McpEndpoint
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.server import Server, listener
from safeconduct.gateway import Gateway
from safeconduct.ports import (
    JSON,
    Answer,
    Bearer,
    Caller,
    Delivered,
    Heard,
    Listener,
    Resumed,
    Unauthenticated,
    Wanted,
)
from safeconduct.subscriptions import Subscription, Subscriptions

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


def bearer(task: str = "task-1", key: str = "key-1") -> Bearer:
    """A token that was verified."""
    return Bearer(
        task=task,
        tenant="acme",
        agent="spiffe://acme.example/agent",
        user="dana",
        scopes=frozenset(),
        expires_ms=2_000_000,
        jti=f"jti-{task}",
        key=key,
    )


class Agrees:
    """Agrees to every subscription but those to `denied`, and tells what a test tells it."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.asked: list[tuple[str | None, Wanted]] = []
        self.running: list[Heard] = []
        self.ended = 0
        self.run_out = asyncio.Event()
        """Set where upstreams end their subscriptions."""
        self.changed = asyncio.Event()

    async def agree(self, who: Bearer, upstream: str | None, wanted: Wanted) -> Subscription:
        self.asked.append((upstream, wanted))
        agreed = msgspec.structs.replace(wanted, uris=wanted.uris - self.denied)
        return cast("Subscription", _Agreed(agreed, self))

    async def begun(self, number: int = 1) -> None:
        """Waits until so many subscriptions run."""
        while len(self.running) < number:
            self.changed.clear()
            await self.changed.wait()

    async def over(self, number: int = 1) -> None:
        """Waits until so many have ended."""
        while self.ended < number:
            self.changed.clear()
            await self.changed.wait()


class _Agreed:
    def __init__(self, wanted: Wanted, all_: Agrees) -> None:
        self.wanted = wanted
        self._all = all_

    def close(self) -> None:
        pass

    async def run(self, heard: Heard) -> None:
        self._all.running.append(heard)
        self._all.changed.set()
        try:
            await self._all.run_out.wait()
        finally:
            self._all.ended += 1
            self._all.changed.set()


class Page:
    """Records what reaches it, and answers as it is told."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []
        self.calls: list[Called] = []
        self.listed: list[tuple[str, str | None]] = []
        self.definitions: list[JSON] = []
        self.answer: Answer = OFFERED
        self.answers: list[Answer] = []
        """What it answers first."""
        self.resumed: list[Resumed | None] = []
        self.bearers = {TOKEN: bearer()}
        """Whose token is whose."""
        self.revoked: set[str] = set()
        """The tasks that are over."""
        self.now_ms = 1_000_000
        self.subscriptions = Agrees()
        self.wanted_headers: dict[tuple[str, ...], str] = {}
        self.fault: Exception | None = None
        self.during: Callable[[Listener | None], Awaitable[None]] | None = None

    async def authenticate(self, caller: Caller) -> Bearer:
        self.callers.append(caller)
        bearer = self.bearers.get(caller.authorization or "")
        if bearer is None:
            raise Unauthenticated("invalid_token", "The task token is not valid here.")
        return bearer

    def over(self, bearer: Bearer) -> bool:
        return bearer.task in self.revoked

    def mirrored(self, *_: object) -> dict[tuple[str, ...], str]:
        return self.wanted_headers

    async def visible(self, who: Bearer, method: str, upstream: str | None) -> list[JSON]:
        self.listed.append((method, upstream))
        return self.definitions

    async def call(
        self,
        who: Bearer,
        method: str,
        upstream: str | None,
        name: str,
        params: JSON,
        listener: Listener | None = None,
        resumed: Resumed | None = None,
        trace: Trace | None = None,
    ) -> Answer:
        del trace
        self.calls.append(Called(method, upstream, name, params))
        self.resumed.append(resumed)
        if self.fault is not None:
            raise self.fault
        if self.during is not None:
            await self.during(listener)
        return self.answers.pop(0) if self.answers else self.answer


def front(page: Page, *, max_body_bytes: int = MAX_BODY) -> Site:
    """What a gateway with this page would serve."""
    entry = doors(ISSUER, "127.0.0.1:8700", ("https://console.example",))
    return Site(served(page, max_body_bytes=max_body_bytes).routes(), entry)


def served(page: Page, *, max_body_bytes: int = MAX_BODY) -> McpEndpoint:
    """The endpoint alone."""
    return McpEndpoint(
        cast("Gateway", page),
        cast("Subscriptions", page.subscriptions),
        issuer=ISSUER,
        max_body_bytes=max_body_bytes,
        clock_ms=lambda: page.now_ms,
        refusals=Refusals(lambda: page.now_ms),
    )


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
    whole: bool = True
    """Whether it came to its end, and was not cut off."""

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
        return [event.message for event in events(self.body) if event.data]


class Event(msgspec.Struct, frozen=True):
    """A server-sent event."""

    data: bytes
    id: str | None = None
    retry: int | None = None

    @property
    def message(self) -> JSON:
        return cast("JSON", orjson.loads(self.data))


def events(body: bytes) -> list[Event]:
    """The events that are complete."""
    found: list[Event] = []
    for block in body.split(b"\n\n")[:-1]:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
        number = fields.get(b"id")
        retry = fields.get(b"retry")
        found.append(
            Event(
                fields[b"data"],
                None if number is None else number.decode(),
                None if retry is None else int(retry),
            )
        )
    return found


class _Reading:
    """Gathers a response from its bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.whole = False
        self._parser = HttpResponseParser(self)
        self._parser.feed_data(data)
        self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.whole = True


class Pipe(asyncio.Transport):
    """The transport of a connection without a socket; it keeps what is written."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.written = b""
        self.open = True
        self.reading = True
        self.wrote = asyncio.Event()
        self._connection = connection
        connection.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self.wrote.set()

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
        self.task: asyncio.Task[bytes] | None = None

    def stop(self) -> None:
        """The server stops."""
        self._connection.stop()

    async def events(self, number: int) -> list[Event]:
        """The first events of a stream that is open, once there are so many of them."""
        self.begin()
        while True:
            self._pipe.wrote.clear()
            if self._pipe.written:
                found = events(_Reading(self._pipe.written).body)
                if len(found) >= number:
                    return found[:number]
            await self._pipe.wrote.wait()

    def begin(self) -> Exchange:
        """Sends the request."""
        self.task = self.task or asyncio.ensure_future(self.bytes())
        return self

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
        """The whole answer, once it has come to its end."""
        task = self.begin().task
        assert task is not None
        read = _Reading(await task)
        return Reply(read.status, read.headers, read.body, read.whole)


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
async def listening(
    site: Site, limits: Limits | None = None, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """The port at which a server serves a site. It waits for nobody when it is stopped."""
    server = Server(site, msgspec.structs.replace(limits or Limits(), shutdown_s=0), tls)
    sock = listener("127.0.0.1:0")
    serving = asyncio.ensure_future(server.serve(sock))
    try:
        yield sock.getsockname()[1]
    finally:
        server.stop()
        await serving
