"""An MCP server that does next to nothing, so that what is measured is what stands before it.

It speaks revisions 2026-07-28 (`server/discover`) and 2025-11-25 (`initialize`, no session id) over
HTTP/1.1 with keep-alive, and has tools alone. Run as `python -m bench.stub PORT`.
"""

import asyncio
import sys
from typing import Any, cast

import httptools
import orjson
import uvloop

CASE = {
    "id": "C-4711",
    "status": "open",
    "customer_email": "dana@customer.example",
    "opportunity_id": "O-1042",
    "messages": [
        {"from": "dana@customer.example", "body": "Could you send us a renewal quote? " * 6},
        {"from": "jane@crm.example", "body": "Of course, it is on its way to you. " * 4},
    ],
}
ON_FILE = {"emails": [f"customer{n}@customer.example" for n in range(40)]}


def schema(*names: str) -> dict[str, object]:
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


TOOLS = [
    {"name": "get_case", "inputSchema": schema("case_id")},
    {"name": "reply", "inputSchema": schema("to", "body")},
    {"name": "customers_on_file", "inputSchema": schema()},
]
RESULTS: dict[str, dict[str, object]] = {
    name: {
        "content": [{"type": "text", "text": orjson.dumps(structured).decode()}],
        "structuredContent": structured,
    }
    for name, structured in {
        "get_case": CASE,
        "reply": {"sent": True},
        "customers_on_file": ON_FILE,
    }.items()
}
DISCOVERY: dict[str, object] = {
    "supportedVersions": ["2026-07-28", "2025-11-25"],
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "stub", "version": "1"},
}
GREETING: dict[str, object] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "stub", "version": "1"},
}
MODERN: dict[str, object] = {"resultType": "complete"}
CACHEABLE: dict[str, object] = {**MODERN, "ttlMs": 0, "cacheScope": "private"}
REVISION = "io.modelcontextprotocol/protocolVersion"
"""In `_meta` of every request of 2026-07-28, and of none before."""


def answer(message: dict[str, Any]) -> dict[str, object] | None:
    """What the message is answered with, if it is a request."""
    if "id" not in message:
        return None
    params = message.get("params", {})
    modern = REVISION in params.get("_meta", {})
    match message["method"]:
        case "server/discover":
            result = {**CACHEABLE, **DISCOVERY}
        case "initialize":
            result = GREETING
        case "ping":
            result = {}
        case "tools/list":
            result = {**(CACHEABLE if modern else {}), "tools": TOOLS}
        case "tools/call":
            result = {**(MODERN if modern else {}), **RESULTS[params["name"]]}
        case _:
            unknown = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": unknown}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


class Stub(asyncio.Protocol):
    """One connection: requests in order, one answer each."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._body = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"POST":
            self.asked(orjson.loads(self._body))
        else:
            self._write("405 Method Not Allowed", b"")
        self._body.clear()

    def asked(self, message: dict[str, Any]) -> None:
        """Answers one message."""
        self.told(answer(message))

    def told(self, found: dict[str, object] | None) -> None:
        """Sends an answer; None to what is no request."""
        status = "202 Accepted" if found is None else "200 OK"
        self._write(status, b"" if found is None else orjson.dumps(found))

    def _write(self, status: str, reply: bytes) -> None:
        assert self._transport is not None
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: "
        self._transport.write(f"{head}{len(reply)}\r\n\r\n".encode() + reply)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
