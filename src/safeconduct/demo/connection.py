"""How the agent reaches its tools: straight at their servers, or through the gateway."""

import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from safeconduct.demo.agent import Reply
from safeconduct.demo.world import World

_REFUSAL = "dev.safeconduct/refusal"
_TIMEOUT_S = 30


class McpTools:
    """Tools over MCP. `route` finds the client for a tool id, and the tool's name there."""

    def __init__(self, route: Callable[[str], tuple[Client, str]]) -> None:
        self._route = route

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        """Call a tool; see `safeconduct.demo.agent.Tools`."""
        client, name = self._route(tool)
        try:
            result = await client.call_tool(name, dict(arguments))
        except MCPError as error:
            return Reply(verdict="refused", reason=f"{error.code}: {error.message}")
        return _reply(result)


@asynccontextmanager
async def direct(world: World) -> AsyncGenerator[McpTools]:
    """Connect a plain agent: to every server, with the CRM's credential in its own hands."""
    mail = StdioServerParameters(command=sys.executable, args=list(world.mail_command[1:]))
    bearer = {"Authorization": f"Bearer {world.crm_token}"}
    async with (
        _over_http(world.crm_url, headers=bearer) as crm,
        _over_http(world.warehouse_url) as warehouse,
        Client(mail) as mail_client,
    ):
        clients = {"crm": crm, "warehouse": warehouse, "mail": mail_client}

        def route(tool: str) -> tuple[Client, str]:
            upstream, _, name = tool.partition(".")
            return clients[upstream], name

        yield McpTools(route)


@asynccontextmanager
async def governed(url: str, auth: httpx2.Auth) -> AsyncGenerator[McpTools]:
    """Connect the same agent to the gateway's MCP endpoint, and to nothing else."""
    async with _over_http(url, auth=auth) as gateway:
        yield McpTools(lambda tool: (gateway, tool.replace(".", "__", 1)))


@asynccontextmanager
async def _over_http(
    url: str, *, headers: dict[str, str] | None = None, auth: httpx2.Auth | None = None
) -> AsyncGenerator[Client]:
    # The environment's proxies are none of a loopback address's business.
    http = httpx2.AsyncClient(headers=headers, auth=auth, timeout=_TIMEOUT_S, trust_env=False)
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        yield client


def _reply(result: CallToolResult) -> Reply:
    if not result.is_error:
        return Reply(verdict="done", data=cast("Mapping[str, Any]", result.structured_content))
    refusal = (result.meta or {}).get(_REFUSAL)
    if refusal is None:
        said = " ".join(part.text for part in result.content if isinstance(part, TextContent))
        return Reply(verdict="failed", reason=said)
    return Reply(
        verdict="refused",
        reason=str(refusal["reason"]),
        remedy=str(refusal["remedy"]),
        decision_id=str(refusal["decision_id"]),
    )
