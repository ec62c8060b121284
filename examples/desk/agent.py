"""One tool call through the gateway, with the MCP SDK's client and a proof on every request.

python -m examples.desk.agent TASK.json TOOL [NAME=VALUE ...]

TASK.json is what `safeconduct task start --format json` printed. GATEWAY names another gateway
than that of `safeconduct init`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Generator
from pathlib import Path

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from safeconduct.identity.client import proof
from safeconduct.kit import keyfile


class Proofs(httpx2.Auth):
    """The task token, and a DPoP proof (RFC 9449) that whoever sends it has its key."""

    def __init__(self, task: Path) -> None:
        started = json.loads(task.read_text(encoding="utf-8"))
        self._token = str(started["token"])
        self._key = keyfile.load(Path(started["key_file"]))

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"DPoP {self._token}"
        request.headers["DPoP"] = proof(self._key, request.method, str(request.url), self._token)
        yield request


async def call(task: Path, tool: str, arguments: dict[str, str]) -> None:
    """Make the call and print what the agent gets: a result, or a refusal it can act on."""
    url = os.environ.get("GATEWAY", "http://127.0.0.1:8700") + "/mcp"
    http = httpx2.AsyncClient(auth=Proofs(task), trust_env=False)
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        try:
            result = await client.call_tool(tool, arguments)
        except MCPError as error:
            print(f"{error.code}: {error.message}")
            return
    for block in result.content:
        if isinstance(block, TextContent):
            print(block.text)
    if result.meta and "dev.safeconduct/refusal" in result.meta:
        print(json.dumps(result.meta["dev.safeconduct/refusal"], indent=2))


if __name__ == "__main__":
    _, file, name, *given = sys.argv
    asyncio.run(call(Path(file), name, dict(one.split("=", 1) for one in given)))
