"""Reviews the demo's tools: writes the digest of each live definition into its manifest.

In a company a person compares definition and manifest before doing so (`safeconduct doctor` prints
the lines). Here the servers are ours, and their schemas follow the installed MCP SDK.
"""

import asyncio
from pathlib import Path

from safeconduct.config import load
from safeconduct.rooms import clock_ms
from safeconduct.secrets.broker import Broker
from safeconduct.tools.catalogue import Catalogue
from safeconduct.tools.offers import Offers
from safeconduct.upstreams.factory import open_upstream


async def review(directory: Path) -> None:
    """Pins every tool of a configuration directory.

    Raises RuntimeError when a tool server does not answer, or lacks a tool of its manifest.
    """
    config = load(directory)
    blocks = config.root.upstreams
    upstreams = {
        where: open_upstream(where, url=block.mcp, command=block.command, env=block.env)
        for where, block in blocks.items()
    }
    offers = Offers(config, upstreams, Broker(config, clock_ms=clock_ms))
    try:
        await offers.refresh(_first_seen)
    finally:
        await asyncio.gather(*(upstream.close() for upstream in upstreams.values()))
    if offers.unreachable:
        raise RuntimeError(f"no answer: {offers.unreachable}")
    live = {(where, name): pin for where, name, _, pin in Catalogue(config, offers).pins()}
    for where, block in blocks.items():
        path = directory / block.manifests
        lines = path.read_text(encoding="utf-8").splitlines()
        for name in config.manifests[where].tools:
            if (where, name) not in live:
                raise RuntimeError(f"{where} has no tool {name}")
            at = lines.index(f"  {name}:") if f"  {name}:" in lines else _commented(lines, name)
            lines.insert(at + 1, f"    pin: {live[where, name]}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


async def _first_seen(_target: str, seen: str) -> str:
    return seen


def _commented(lines: list[str], name: str) -> int:
    return next(index for index, line in enumerate(lines) if line.startswith(f"  {name}: "))
