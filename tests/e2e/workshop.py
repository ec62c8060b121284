"""A gateway in front of several of those servers, installed and running, for one agent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.identity.client import StartedTask, start_task
from safeconduct.ports import JSON
from tests.e2e.parts import Age, npm_server
from tests.e2e.servers import SCOPES, Behind
from tests.support.bundles import HEADER, PACKAGE
from tests.support.installation import HOST, Gateway, free_port

AGENT: Final = "spiffe://workshop.example/agents/smith"
USER: Final = "jane@workshop.example"
PROFILE: Final = "work"


@contextmanager
def everything_over_http(age: Age, log: Path) -> Generator[str]:
    """The URL of server-everything, which also speaks Streamable HTTP."""
    port = free_port()
    part = npm_server("everything", age)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*part.command, "streamableHttp"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            env=os.environ | {"PORT": str(port)},
        )
    try:
        assert process.stderr is not None
        assert any(b"listening" in line for line in process.stderr)
        yield f"http://{HOST}:{port}/mcp"
    finally:
        process.kill()
        process.communicate()


def reviewed(upstreams: Sequence[Behind]) -> dict[str, JSON]:
    """The manifest of each, by its name, pinned to what its server says right now."""

    async def ask() -> list[JSON]:
        return [await upstream.manifest() for upstream in upstreams]

    return {manifest["upstream"]: manifest for manifest in asyncio.run(ask())}


def install(
    directory: Path,
    upstreams: Sequence[Behind],
    manifests: dict[str, JSON],
    *,
    listen: int | None = None,
    issuer: str | None = None,
    tenant: str = "workshop.example",
) -> Config:
    """Writes a configuration directory. `issuer` is how clients know the gateway, if not by the
    port at which it listens.
    """
    address = f"{HOST}:{listen or free_port()}"
    names = [upstream.name for upstream in upstreams]
    tools = "".join(
        f'\t"{upstream.name}.{tool}",\n' for upstream in upstreams for tool in upstream.tools
    )
    files: dict[str, object] = {
        "safeconduct.yaml": {
            "gateway": {
                "issuer": issuer or f"http://{address}",
                "listen": address,
                "tenant": tenant,
                "unsafe_dev_identity": True,
            },
            "agents": "agents.yaml",
            "zones": "zones.yaml",
            "assignments": {AGENT: {"zone": "workshop", "tier": 2, "profiles": [PROFILE]}},
            "trust": {"workshop.example": {"jwks": "state/trust.json"}},
            "users": {
                "issuer": "https://login.example",
                "jwks": "state/users.json",
                "audience": "workshop",
                "entitlements": "users.yaml",
            },
            "front_ends": {"bench": {"jwks": "state/bench.json"}},
            "scopes": {
                scope: {"system": "workshop", "object": "parts", "action": scope.split(":")[1]}
                for scope in SCOPES
            },
            "profiles": {
                PROFILE: {
                    "scopes": SCOPES,
                    "budgets": {"calls": 1000},
                    "max_refusals": 1000,
                    "loops": {"same": 1000, "changes": 1000},
                }
            },
            "upstreams": {upstream.name: upstream.configured() for upstream in upstreams},
            "policy": {"bundle": "policy/"},
            "audit": {"directory": "state/audit"},
        },
        "agents.yaml": {
            "agent": {
                "spiffe_id": AGENT,
                "trust_domain": "workshop.example",
                "attestation": "unix",
                "delegation": {
                    "on_behalf_of": f"user:{USER}",
                    "scope": SCOPES,
                    "audience": names[0],
                },
                "stateless": True,
            }
        },
        "zones.yaml": {"zones": [{"id": "workshop", "egress": names}]},
        "users.yaml": {"users": {USER: {"scopes": SCOPES}}},
        "policy/policy.yaml": HEADER,
        "policy/rules/workshop.rego": (
            f'{PACKAGE}permit contains {{"id": "work"}} if input.call.tool in {{\n{tools}}}\n'
        ),
    }
    files |= {f"manifests/{name}.yaml": manifest for name, manifest in manifests.items()}
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # JSON is YAML.
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return load(directory)


def started(gateway: Gateway, purpose: str, *scopes: str) -> StartedTask:
    """A task of the agent's, with all scopes unless some are named."""
    return start_task(
        gateway.config,
        agent=AGENT,
        user=USER,
        profile=PROFILE,
        purpose=purpose,
        source="app",
        scopes=scopes or None,
    )
