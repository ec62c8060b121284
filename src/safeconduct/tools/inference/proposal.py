"""A proposal: what a manifest could say of a tool, and the reason for each part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from safeconduct.core.manifest import (
    CONTROL_ROLES,
    Argument,
    Effect,
    Manifest,
    Threshold,
    ToolManifest,
)
from safeconduct.ports import JSON
from safeconduct.tools.inference import effects, nouns
from safeconduct.tools.inference.definition import Definition, definition
from safeconduct.tools.inference.results import Place, labels
from safeconduct.tools.inference.roles import Roles

ASKED: Final = Threshold(template="confirmation", calls=0)
"""Every call is put to a person."""


class Scope(msgspec.Struct, frozen=True):
    """What the registry of scopes says of one."""

    system: str
    object: str
    action: str


class Proposal(msgspec.Struct, frozen=True):
    """A manifest, the reasons by the place of what they are for, and its scopes' registry."""

    manifest: Manifest
    reasons: dict[Place, str]
    scopes: dict[str, Scope]


def propose(upstream: str, definitions: Iterable[JSON]) -> Proposal:
    """The manifest of an upstream, proposed from its tools' definitions in their order.

    The same definitions always give the same proposal. Nothing of it counts before a person has
    reviewed it and pinned the definitions.
    """
    tools: dict[str, ToolManifest] = {}
    reasons: dict[Place, str] = {}
    scopes: dict[str, Scope] = {}
    for said in definitions:
        tool = definition(said)
        found, why, scope = _tool(upstream, tool)
        tools[tool.name] = found
        reasons |= {("tools", tool.name, *place): reason for place, reason in why.items()}
        scopes[found.scopes[0]] = scope
    return Proposal(Manifest(upstream=upstream, tools=tools), reasons, dict(sorted(scopes.items())))


def _tool(upstream: str, tool: Definition) -> tuple[ToolManifest, dict[Place, str], Scope]:
    guessed = effects.guess(tool)
    effect = guessed.effect
    arguments: dict[str, Argument] = {}
    reasons: dict[Place, str] = {("effect",): guessed.reason}
    for name, said in Roles(upstream, tool, effect).all().items():
        arguments[name] = said.argument
        reasons["arguments", name] = said.reason
    if effect.changes_state and not any(one.role in CONTROL_ROLES for one in arguments.values()):
        reasons[("arguments",)] = "none of them says what is changed: look for what chooses it"
    found = labels(upstream, tool, effect)
    reasons |= {("returns", *place): reason for place, reason in found.reasons.items()}
    scope = Scope(system=upstream, object=nouns.noun(tool, upstream), action=guessed.action.value)
    manifest = ToolManifest(
        effect=effect,
        scopes=(f"{scope.system}:{scope.object}:{scope.action}",),
        arguments=arguments,
        returns=found.returns,
        spotlight=None if effect is not Effect.read else "delimit",
        asks=(ASKED,) if tool.confirmed else (),
    )
    if tool.confirmed:
        reasons[("asks",)] = "its definition says that a person has to confirm each call"
    return manifest, reasons, scope
