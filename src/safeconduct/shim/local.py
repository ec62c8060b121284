"""A gateway in the shim's own process, in front of one command: to try things, not to rely on.

The agent and the gateway then share an account, so the agent can read the gateway's keys, write its
log, and start the command without it. What is generated is a whole configuration directory: once
somebody has reviewed it, `safeconduct serve` runs it under an account of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Final, cast

import msgspec

from safeconduct.app.served import Served
from safeconduct.config import load
from safeconduct.config.load import ROOT_FILE
from safeconduct.config.schema import Config
from safeconduct.ports import JSON
from safeconduct.upstreams.factory import open_upstream

MARK: Final = "unsafe_local"
UPSTREAM: Final = "local"

_START_S: Final = 30.0
_MAX_PAGES: Final = 50
_MANIFEST: Final = f"manifests/{UPSTREAM}.yaml"
_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def directory_of(command: Sequence[str]) -> Path:
    """Where the configuration and the log of a command are kept."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    digest = hashlib.sha256(json.dumps(list(command)).encode()).hexdigest()[:12]
    return Path(home) / "safeconduct" / "local" / f"{Path(command[0]).name}-{digest}"


async def prepare(directory: Path, command: Sequence[str]) -> Config:
    """The configuration for a command, generated the first time; a port is drawn every time.

    Raises:
        ConfigError: the directory does not hold a configuration that can be used.
        UpstreamFault, UpstreamError: the command does not say which tools it has.
        OSError: the directory cannot be written.
    """
    if not (directory / ROOT_FILE).exists():
        _write(directory, command, await _tools(command))
    config = load(directory)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
    gateway = msgspec.structs.replace(config.root.gateway, issuer=f"http://{listen}", listen=listen)
    return msgspec.structs.replace(
        config,
        root=msgspec.structs.replace(config.root, gateway=gateway),
        unsafe=(*config.unsafe, MARK),
    )


@asynccontextmanager
async def serving(config: Config) -> AsyncGenerator[asyncio.Future[None]]:
    """Serves until the context ends; gives the server, which ends early when it is told to.

    Raises as `Served` does.
    """
    ready = asyncio.Event()
    server = asyncio.ensure_future(Served(config).serve(lambda _: ready.set()))
    starting = asyncio.ensure_future(ready.wait())
    try:
        await asyncio.wait((server, starting), return_when=asyncio.FIRST_COMPLETED)
        if server.done():
            await server
        yield server
    finally:
        starting.cancel()
        server.cancel()
        await asyncio.gather(starting, server, return_exceptions=True)


async def _tools(command: Sequence[str]) -> list[JSON]:
    upstream = open_upstream(UPSTREAM, command=command)
    found: list[JSON] = []
    params: JSON = {}
    try:
        for _ in range(_MAX_PAGES):
            result = await upstream.request(
                "tools/list", params, owner=f"{UPSTREAM}||", credential=None, timeout_s=_START_S
            )
            listed = result.get("tools")
            found += cast("list[JSON]", listed) if isinstance(listed, list) else []
            if not isinstance(result.get("nextCursor"), str):
                break
            params = {"cursor": result["nextCursor"]}
    finally:
        await upstream.close()
    return found


def _write(directory: Path, command: Sequence[str], tools: Sequence[JSON]) -> None:
    """Generates the directory. JSON is YAML, so what is not ours is written as JSON."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts: dict[str, str] = {}
    with resources.as_file(resources.files("safeconduct.shim") / "start") as start:
        for suffix in ("yaml", "rego"):
            for source in start.rglob(f"*.{suffix}"):
                name = source.relative_to(start).as_posix()
                texts[name] = source.read_text(encoding="utf-8")
    texts[_MANIFEST] += "tools:\n" if tools else "tools: {}\n"
    texts[_MANIFEST] += "".join(_reviewable(tool) for tool in tools)
    # Last, as it is what tells a directory that is complete.
    root = texts.pop(ROOT_FILE).replace("[COMMAND]", json.dumps(list(command)))
    for name, text in (*texts.items(), (ROOT_FILE, root)):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _reviewable(tool: JSON) -> str:
    """What is to be reviewed of a tool: everything that its schema lets arguments be."""
    schema: object = tool.get("inputSchema")
    properties: object = (
        cast("JSON", schema).get("properties") if isinstance(schema, dict) else None
    )
    arguments = {
        name: {"role": "content"}
        for name in (cast("JSON", properties) if isinstance(properties, dict) else {})
        if _ARGUMENT.fullmatch(name)
    }
    name = str(tool.get("name"))
    key = name if _ARGUMENT.fullmatch(name) else json.dumps(name)
    return (
        f"  {key}:\n    effect: execute\n    scopes: [local:use]\n"
        f"    arguments: {json.dumps(arguments)}\n"
    )
