"""An MCP server that does next to nothing, so that what is measured is what stands before it.

It speaks revision 2026-07-28 over HTTP/1.1 with keep-alive: `server/discover`, `tools/list` and
`tools/call`. Run as `python -m bench.stub PORT`.
"""

import asyncio
import json
import sys
from typing import cast

import httptools
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
RESULTS = {"get_case": CASE, "reply": {"sent": True}, "customers_on_file": ON_FILE}
DISCOVERY: dict[str, object] = {
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "stub", "version": "1"},
}


def answer(message: dict[str, object]) -> dict[str, object]:
    cacheable = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    match message["method"]:
        case "server/discover":
            result: dict[str, object] = {**cacheable, **DISCOVERY}
        case "tools/list":
            result = {**cacheable, "tools": TOOLS}
        case _:
            params = message["params"]
            assert isinstance(params, dict)
            structured = RESULTS[params["name"]]
            content = [{"type": "text", "text": json.dumps(structured)}]
            result = {
                "resultType": "complete",
                "content": content,
                "structuredContent": structured,
            }
    return {"jsonrpc": "2.0", "id": message.get("id"), "result": result}


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
        reply = json.dumps(answer(json.loads(self._body))).encode()
        self._body.clear()
        assert self._transport is not None
        head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
        self._transport.write(f"{head}{len(reply)}\r\n\r\n".encode() + reply)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
