"""An office whose gateway inspects: installed, running, and called by the official MCP client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.demo.dpop import DpopAuth
from safeconduct.identity.client import StartedTask
from safeconduct.ports import JSON
from tests.support.installation import Gateway, Office, change, install

REFUSAL: Final = "dev.safeconduct/refusal"


def installed(
    directory: Path,
    office: Office,
    *,
    inspectors: JSON,
    tools: JSON | None = None,
    **upstream: object,
) -> Config:
    """Installs it with members changed: of manifests, by tool, and of the upstream."""
    install(directory, office)
    root = json.loads((directory / "safeconduct.yaml").read_text())
    changed = {**root["upstreams"]["office"], **upstream}
    change(
        directory / "safeconduct.yaml", {"inspectors": inspectors, "upstreams": {"office": changed}}
    )
    manifest = directory / "manifests/office.yaml"
    known: dict[str, JSON] = json.loads(manifest.read_text())["tools"]
    for name, members in (tools or {}).items():
        known[name] = {**known[name], **members}
    change(manifest, {"tools": known})
    return load(directory)


@asynccontextmanager
async def connected(gateway: Gateway, task: StartedTask) -> AsyncGenerator[Client]:
    """The client of an agent with this task."""
    auth = DpopAuth(task.token, task.key)
    http = httpx2.AsyncClient(auth=auth, timeout=30, trust_env=False)
    url = f"{gateway.issuer}/mcp"
    async with http, Client(streamable_http_client(url, http_client=http)) as client:
        yield client


async def called(
    gateway: Gateway, task: StartedTask, name: str, arguments: dict[str, Any]
) -> tuple[str, str, str]:
    """What a tool said, or the reason for which it was refused; and the decision of a refusal."""
    async with connected(gateway, task) as client:
        result = await client.call_tool(f"office__{name}", arguments)
    refusal = (result.meta or {}).get(REFUSAL)
    if refusal is not None:
        return "", str(refusal["reason"]), str(refusal["decision_id"])
    assert not result.is_error
    return "".join(getattr(part, "text", "") for part in result.content), "", ""


def operate(gateway: Gateway, *words: str) -> tuple[int, Any]:
    """What the operator's command line says, and its exit code."""
    line = ("-m", "safeconduct", *words, "--format", "json", "--config")
    done = subprocess.run(
        [sys.executable, *line, gateway.config.directory],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr
