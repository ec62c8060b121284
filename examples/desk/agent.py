"""One tool call through the gateway, with the MCP SDK's client and a proof on every request.

python -m examples.desk.agent TASK.json TOOL [NAME=VALUE ...]

TASK.json is what `safeconduct task start --format json` printed; TOOL is UPSTREAM__NAME, such as
crm__get_case. GATEWAY names another gateway than that of `safeconduct init`. Exit codes: 0 done,
1 refused, 2 wrong arguments, 3 no gateway or no task.
"""

import asyncio
import json
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, TextContent

from safeconduct.identity.client import proof
from safeconduct.kit import keyfile

USAGE = "usage: python -m examples.desk.agent TASK.json TOOL [NAME=VALUE ...]"
GATEWAY = os.environ.get("GATEWAY", "http://127.0.0.1:8700")


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


async def call(proofs: Proofs, tool: str, arguments: dict[str, str]) -> bool:
    """Make the call and print what the agent gets: a result, or a refusal it can act on."""
    http = httpx2.AsyncClient(auth=proofs, trust_env=False)
    async with http, Client(streamable_http_client(f"{GATEWAY}/mcp", http_client=http)) as client:
        result = await client.call_tool(tool, arguments)
    for block in result.content:
        if isinstance(block, TextContent):
            print(block.text)
    refusal = (result.meta or {}).get("dev.safeconduct/refusal")
    if refusal is not None:
        print(json.dumps(refusal, indent=2))
    return refusal is None and not result.is_error


def causes(error: BaseException) -> Iterator[BaseException]:
    """What went wrong: the SDK's client runs in task groups, which wrap it."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for one in group.exceptions:
            yield from causes(one)
    else:
        yield error


def told(error: BaseException, tool: str) -> str | None:
    """One line about an error that is none of this program's own."""
    match error:
        case httpx2.TransportError():
            return (
                f"no gateway answers at {GATEWAY}; start it with `safeconduct serve`, or name "
                "another by the environment variable GATEWAY"
            )
        case MCPError():
            hint = ""
            if error.code == INTERNAL_ERROR:  # the SDK's word for a 401, too
                hint = "; the task may be over, or another gateway's"
            elif "__" not in tool:
                hint = "; a tool is named UPSTREAM__NAME, as crm__get_case"
            return f"{error.code}: {error.message}{hint}"
        case _:
            return None


def main() -> None:
    """Exits with the code that the module's first lines name."""
    words = sys.argv[1:]
    if len(words) < 2 or not all("=" in one for one in words[2:]):
        print(USAGE, file=sys.stderr)
        sys.exit(2)
    file, tool, *given = words
    try:
        proofs = Proofs(Path(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{file} is not what `safeconduct task start --format json` prints ({error!r})"
        print(why, file=sys.stderr)
        sys.exit(3)
    try:
        done = asyncio.run(call(proofs, tool, dict(one.split("=", 1) for one in given)))
    except Exception as error:
        lines = [told(one, tool) for one in causes(error)]
        if None in lines:
            raise
        print(*lines, sep="\n", file=sys.stderr)
        sys.exit(1 if any(isinstance(one, MCPError) for one in causes(error)) else 3)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
