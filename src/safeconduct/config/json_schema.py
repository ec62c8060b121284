"""JSON Schemas of the configuration's files and of the policy input, made from their structs."""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from safeconduct.config.schema import AgentFile, Root, UserFile, ZoneFile
from safeconduct.core.manifest import Manifest
from safeconduct.core.policy_shape import PolicyInputShape

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "safeconduct": Root,
    "agent": AgentFile,
    "zones": ZoneFile,
    "users": UserFile,
    "manifest": Manifest,
    "policy-input": PolicyInputShape,
}
"""The kinds of files by the name of their schema."""


def json_schema(name: str) -> dict[str, Any]:
    """The schema of one kind of file. `name` is a key of `KINDS`."""
    made = msgspec.json.schema(KINDS[name])
    for definition in made["$defs"].values():
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return {"$schema": DIALECT, **made}
