import sys
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from mcp.client.client import Client
from mcp.server.mcpserver import MCPServer
from ruamel.yaml import YAML

from safeconduct.config.schema import AgentFile, Root, UserFile, ZoneFile
from safeconduct.core.manifest import Manifest
from safeconduct.demo import crm, installation, mail, plot, warehouse
from safeconduct.demo.world import World

T = TypeVar("T")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    world = World(
        directory=tmp_path, crm_port=41, crm_token="t0ken", warehouse_port=42, smtp_port=43
    )
    return installation.install(world, 40, 44)


def load(path: Path, kind: type[T]) -> T:
    yaml: Any = YAML(typ="safe", pure=True)
    return msgspec.convert(yaml.load(path), kind)


def test_the_ports_are_those_of_the_world(directory: Path) -> None:
    root = load(directory / "safeconduct.yaml", Root)
    assert (root.gateway.listen, root.gateway.issuer) == ("127.0.0.1:40", "http://127.0.0.1:40")
    assert root.console is not None
    assert (root.console.listen, root.console.url) == ("127.0.0.1:44", "http://localhost:44")
    assert root.upstreams["crm"].mcp == "http://127.0.0.1:41/mcp"
    assert root.upstreams["warehouse"].mcp == "http://127.0.0.1:42/mcp"
    command = root.upstreams["mail"].command
    assert command == (sys.executable, "-m", "safeconduct.demo.mail", "--smtp", "127.0.0.1:43")


def test_the_crms_credential_is_a_reference_to_a_private_file(directory: Path) -> None:
    root = load(directory / "safeconduct.yaml", Root)
    assert root.upstreams["crm"].credential.value == "file:crm.token"
    token = directory / "crm.token"
    assert token.read_text(encoding="utf-8") == "t0ken"
    assert token.stat().st_mode & 0o077 == 0


def test_every_scope_that_is_used_is_registered(directory: Path) -> None:
    root = load(directory / "safeconduct.yaml", Root)
    used = {scope for profile in root.profiles.values() for scope in profile.scopes}
    used.update(load(directory / "agents/sales-copilot.yaml", AgentFile).agent.delegation.scope)
    for user in load(directory / "users.yaml", UserFile).users.values():
        used.update(user.scopes)
    for upstream in root.upstreams.values():
        for tool in load(directory / upstream.manifests, Manifest).tools.values():
            used.update(tool.scopes)
    assert used == root.scopes.keys()


def test_the_agents_zone_keeps_it_away_from_the_warehouse_alone(directory: Path) -> None:
    root = load(directory / "safeconduct.yaml", Root)
    (zone,) = load(directory / "zones.yaml", ZoneFile).zones
    (assignment,) = root.assignments.values()
    assert (assignment.zone, assignment.tier) == (zone.id, zone.tier)
    assert root.upstreams.keys() - set(zone.egress) == {"warehouse"}
    assert "warehouse" in zone.deny


async def definitions(server: MCPServer) -> dict[str, set[str]]:
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
    return {tool.name: set(tool.input_schema["properties"]) for tool in tools}


async def test_the_manifests_cover_every_argument_of_every_tool(
    directory: Path, tmp_path: Path
) -> None:
    crm.seed(tmp_path / "crm.sqlite", plot.draw())
    for upstream, server in {
        "crm": crm.build(tmp_path / "crm.sqlite"),
        "mail": mail.build("127.0.0.1", 43),
        "warehouse": warehouse.build(tmp_path / "warehouse.sqlite"),
    }.items():
        manifest = load(directory / "manifests" / f"{upstream}.yaml", Manifest)
        declared = {name: set(tool.arguments) for name, tool in manifest.tools.items()}
        assert declared == await definitions(server)
