"""Plays one errand with the client of the Python SDK, or with FastMCP's: see errand.cjs.

The latter is installed apart, so it is imported by name.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageResult, ElicitResult, ListRootsResult, Root, TextContent
from pydantic import FileUrl

MODES: dict[str, str] = {"modern": "2026-07-28"}
"""The words of errands that are not those of both clients."""

Progress = Callable[[float, float | None, str | None], Awaitable[None]]


class Answers:
    """Answers whatever a server asks, always in the same way, and keeps what that was."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def sampling(self, *_: Any, **__: Any) -> CreateMessageResult:
        self.asked.append("sampling/createMessage")
        text = TextContent(type="text", text="sampled")
        return CreateMessageResult(role="assistant", content=text, model="errand")

    async def elicitation(self, *_: Any, **__: Any) -> ElicitResult:
        self.asked.append("elicitation/create")
        return ElicitResult(action="accept", content={"color": "green"})

    async def roots(self, *_: Any, **__: Any) -> ListRootsResult:
        self.asked.append("roots/list")
        return ListRootsResult(roots=[Root(uri=FileUrl("file:///errand"), name="errand")])


def sdk(said: dict[str, Any], mode: str, answers: Answers) -> AbstractAsyncContextManager[Any]:
    if "url" in said:
        server: Any = said["url"]
    else:
        program, *arguments = said["command"]
        server = StdioServerParameters(command=program, args=arguments)
    return Client(
        server,
        mode=mode,
        sampling_callback=answers.sampling,
        elicitation_callback=answers.elicitation,
        list_roots_callback=answers.roots,
    )


def fastmcp(said: dict[str, Any], mode: str, answers: Answers) -> AbstractAsyncContextManager[Any]:
    transports: Any = importlib.import_module("fastmcp.client.transports")
    if "url" in said:
        transport = transports.StreamableHttpTransport(said["url"])
    else:
        program, *arguments = said["command"]
        transport = transports.StdioTransport(program, arguments)
    client: Any = importlib.import_module("fastmcp").Client
    connected: AbstractAsyncContextManager[Any] = client(
        transport,
        mode=mode,
        sampling_handler=answers.sampling,
        elicitation_handler=answers.elicitation,
        roots=["file:///errand"],
    )
    return connected


async def listed(client: Any) -> Sequence[Any]:
    tools = await client.list_tools()
    found: Sequence[Any] = tools if isinstance(tools, list) else tools.tools
    return found


async def called(client: Any, call: dict[str, Any], told: Progress) -> Any:
    name, arguments = call["name"], call["arguments"]
    if hasattr(client, "call_tool_mcp"):
        return await client.call_tool_mcp(name, arguments, progress_handler=told)
    return await client.call_tool(name, arguments, progress_callback=told)


async def play(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """Lists, calls, and says what came of it."""
    progress: list[float] = []

    async def told(done: float, _total: float | None, _message: str | None) -> None:
        progress.append(done)

    answers = Answers()
    connect = fastmcp if kind == "fastmcp" else sdk
    mode: str = said["mode"]
    async with connect(said, MODES.get(mode, mode), answers) as client:
        offered = {tool.name: tool.output_schema for tool in await listed(client)}
        results: list[dict[str, Any]] = []
        for call in said["calls"]:
            try:
                result = await called(client, call, told)
            except MCPError as error:
                results.append({"error": error.code})
            else:
                meta: dict[str, Any] = result.meta or {}
                refusal: dict[str, Any] = meta.get("dev.safeconduct/refusal", {})
                results.append(
                    {
                        "text": "".join(getattr(part, "text", "") for part in result.content),
                        "structured": result.structured_content,
                        "is_error": bool(result.is_error),
                        "reason": refusal.get("reason"),
                    }
                )
        revision = client.protocol_version
    return {
        "revision": revision,
        "tools": list(offered),
        "schemas": offered,
        "results": results,
        "progress": progress,
        "asked": answers.asked,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(play(sys.argv[1], json.loads(sys.argv[2])))))
