"""`python -m conformance.review`: writes the manifests of the fixture profile.

Lists what the everything-server offers, and what the suite's own server offers in each scenario of
clients, and writes one manifest each, with everything public, trusted and allowed. Somebody reads
the difference before it is committed: that is the review.
"""

import asyncio
import json
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from conformance import sources
from conformance.__main__ import REQUIRED
from conformance.legs import PROFILE
from conformance.processes import free_port, run, serving
from safeconduct.core.calls import TABLE
from safeconduct.core.canonical import digest
from safeconduct.ports import Upstream, UpstreamError, UpstreamFault
from safeconduct.upstreams.factory import open_upstream
from safeconduct.upstreams.messages import METHOD_NOT_FOUND

MANIFESTS = PROFILE / "manifests"
LISTS = {row.lists: method for (_, method), row in TABLE.items() if row.lists}
TOOL = """\
  {name}:
    effect: read
    scopes: ["conformance:use"]
    arguments: {{{arguments}}}
    returns: {{source: {{integrity: trusted, confidentiality: public}}}}
    sink: {{clearance: restricted}}
"""
CONTENT = """\
  {name}:
    scopes: ["conformance:use"]
    source: {{integrity: trusted, confidentiality: public}}
"""

Offered = dict[str, list[dict[str, Any]]]


async def offered(url: str) -> Offered:
    """Everything that a server lists, as the gateway sees it. Raises RuntimeError."""
    upstream = open_upstream("server", url=url)
    try:
        return {member: await listed(upstream, method, member) for member, method in LISTS.items()}
    finally:
        await upstream.close()


async def listed(upstream: Upstream, method: str, member: str) -> list[dict[str, Any]]:
    """One list. A scenario may refuse the first question on purpose, so it is asked again."""
    for _ in range(3):
        try:
            result = await upstream.request(
                method, {}, owner="review", credential=None, timeout_s=10
            )
        except UpstreamError as error:
            if error.code == METHOD_NOT_FOUND:
                return []
        except UpstreamFault:
            pass
        else:
            found: list[dict[str, Any]] = result.get(member, [])
            return found
    raise RuntimeError(f"{method} is not answered")


def manifest(offers: Offered) -> str:
    """A review that trusts everything."""
    templates = offers.get("resourceTemplates", [])
    said = {
        "tools": [tool(one) for one in offers.get("tools", [])],
        "resources": [
            *(content(one["uri"], one) for one in offers.get("resources", [])),
            *(content(one["uriTemplate"], one) for one in templates),
            *(content(one["uriTemplate"].partition("{")[0] + "*") for one in templates),
        ],
        "prompts": [content(one["name"], one) for one in offers.get("prompts", [])],
    }
    blocks = [f"{member}:\n" + "".join(entries) for member, entries in said.items() if entries]
    return "upstream: server\n" + "".join(blocks)


def content(name: str, definition: dict[str, Any] | None = None) -> str:
    said = CONTENT.format(name=json.dumps(name))
    return said if definition is None else f"{said}    pin: {digest(definition)}\n"


def tool(definition: dict[str, Any]) -> str:
    arguments = definition["inputSchema"].get("properties", {})
    said = TOOL.format(
        name=json.dumps(definition["name"]),
        arguments=", ".join(f"{json.dumps(name)}: {{role: content}}" for name in arguments),
    )
    if re.search(r"//localhost:\d+", json.dumps(definition)):
        return said  # it names a port of this one run, so no digest holds for the next
    return f"{said}    pin: {digest(definition)}\n"


def write(path: Path, offers: Offered) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(manifest(offers), encoding="utf-8")


async def main() -> None:
    suite, fixture = await sources.suite(), await sources.fixture()
    with tempfile.TemporaryDirectory(prefix="safeconduct-review-") as place:
        logs, port = Path(place), free_port()
        command = [sys.executable, "-m", "mcp_everything_server", "--port", str(port)]
        async with serving(command, port, logs / "server.log", cwd=fixture.server):
            write(MANIFESTS / "everything.yaml", await offered(f"http://127.0.0.1:{port}/mcp"))
        known: dict[str, bytes] = {}
        for revision in REQUIRED:
            for scenario in suite.scenarios(revision).client:
                out = logs / f"{scenario}-{revision}.json"
                await run(
                    [
                        *suite.command, "client", "--scenario", scenario, "--spec-version",
                        revision, "--output-dir", logs / "results", "--command",
                        shlex.join([sys.executable, "-m", "conformance.review", str(out)]),
                    ],
                    logs / "suite.log",
                )  # fmt: skip
                if not out.exists():
                    raise RuntimeError((logs / "suite.log").read_text(encoding="utf-8")[-3000:])
                listed = out.read_bytes()
                if known.setdefault(scenario, listed) != listed:
                    print(f"{scenario} offers something else at {revision}", file=sys.stderr)
                write(MANIFESTS / "mock" / f"{scenario}.yaml", msgspec.json.decode(listed))


if __name__ == "__main__":
    if "MCP_CONFORMANCE_SCENARIO" in os.environ:
        # Started by the suite, as a client of its server.
        there, url = sys.argv[1:]
        Path(there).write_bytes(msgspec.json.encode(asyncio.run(offered(url))))
    else:
        asyncio.run(main())
