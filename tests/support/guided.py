"""The manifests of docs/guides/manifest.md, with the real page behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from safeconduct.config import schema
from safeconduct.config.users import UserEntry
from safeconduct.core.manifest import Manifest
from safeconduct.kit import yaml
from safeconduct.simulation import Approver, SimulatedTask
from tests.support.pages import DOCS, marked
from tests.support.worlds import AGENT, Rules, config

GUIDE = DOCS / "guides" / "manifest.md"


def manifest(upstream: str) -> Manifest:
    """One of the guide's manifests."""
    texts = [one.text for one in marked() if one.page == GUIDE and one.mark == "complete: manifest"]
    values: list[Any] = [yaml.load(text, "snippet").value for text in texts]
    (value,) = [one for one in values if one["upstream"] == upstream]
    return msgspec.convert(value, Manifest)


def world(directory: Path, *manifests: Manifest) -> schema.Config:
    """A company with these upstreams alone, and one agent that may do everything there."""
    base, replace = config(directory), msgspec.structs.replace
    tools = [tool for one in manifests for tool in one.tools.values()]
    scopes = tuple(sorted({scope for tool in tools for scope in tool.scopes}))
    names = tuple(one.upstream for one in manifests)
    agent = base.agents[AGENT]
    delegation = replace(agent.delegation, scope=scopes, audience=names)
    root = replace(
        base.root,
        upstreams=dict.fromkeys(names, base.root.upstreams["mail"]),
        scopes={
            scope: schema.Scope(system="x", object=scope.split(":")[0], action=scope.split(":")[1])
            for scope in scopes
        },
        profiles={"triage": replace(base.root.profiles["triage"], scopes=scopes)},
    )
    return replace(
        base,
        root=root,
        agents={AGENT: replace(agent, delegation=delegation)},
        zones={name: replace(zone, egress=names) for name, zone in base.zones.items()},
        users={name: UserEntry(scopes=scopes) for name in base.users},
        manifests={one.upstream: one for one in manifests},
    )


def guided(
    directory: Path, request: str, *upstreams: str, approver: Approver = "none"
) -> SimulatedTask:
    """A task with these of the guide's upstreams, and a policy that permits all."""
    made = world(directory, *map(manifest, upstreams))
    return SimulatedTask(made, request, policy=Rules(), approver=approver, directory=directory)
