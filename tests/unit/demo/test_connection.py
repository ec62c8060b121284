from collections.abc import Callable
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from safeconduct.demo.agent import Reply
from safeconduct.demo.connection import McpTools

REFUSAL = {"reason": "zone-denied", "remedy": "use-other-tool", "decision_id": "d-1"}
REFUSED = Reply(verdict="refused", reason="zone-denied", remedy="use-other-tool", decision_id="d-1")


def answer(meta: dict[str, Any] | None) -> CallToolResult:
    return CallToolResult(content=[TextContent(text="no")], is_error=True, _meta=meta)


def refuse() -> CallToolResult:
    return answer({"dev.safeconduct/refusal": {**REFUSAL, "retry": "never"}})


def fail() -> CallToolResult:
    return answer(None)


def unknown() -> CallToolResult:
    raise MCPError(-32602, "Unknown tool")


def work() -> dict[str, str]:
    return {"said": "yes"}


@pytest.mark.parametrize(
    ("tool", "reply"),
    [
        (work, Reply(verdict="done", data={"said": "yes"})),
        (refuse, REFUSED),
        (fail, Reply(verdict="failed", reason="no")),
        (unknown, Reply(verdict="refused", reason="-32602: Unknown tool")),
    ],
)
async def test_what_the_wire_says_becomes_a_reply(tool: Callable[[], object], reply: Reply) -> None:
    server = MCPServer("fake")
    server.add_tool(tool)
    async with Client(server) as client:
        tools = McpTools(lambda name: (client, name.partition(".")[2]))
        assert await tools.call(f"fake.{tool.__name__}", {}) == reply
