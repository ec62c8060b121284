"""One call of one tool, as the core sees them."""

from __future__ import annotations

from typing import Any

from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.manifest import Effect, ToolManifest
from safeconduct.core.model import Call, ToolFacts

DIGEST = "sha256:" + "0" * 48 + "0123456789abcdef"
TRUSTED = Label(integrity=Integrity.trusted, confidentiality=Confidentiality.internal)


def call(method: str = "tools/call", **parts: Any) -> Call:
    """A call of `crm.get_case`."""
    values: dict[str, Any] = {
        "target": "crm.get_case",
        "upstream": "crm",
        "name": "get_case",
        "arguments": {},
        "digest": DIGEST,
        "size": 2,
    }
    return Call(method=method, **(values | parts))


def manifest(**parts: Any) -> ToolManifest:
    """A reviewer's word on a tool that reads."""
    values: dict[str, Any] = {"effect": Effect.read, "scopes": ("case:read",)}
    return ToolManifest(**(values | parts))


def tool(**parts: Any) -> ToolFacts:
    """A reviewed tool of a trusted, internal source."""
    values: dict[str, Any] = {
        "manifest": manifest(),
        "pin": "reviewed",
        "destination": "crm",
        "source": TRUSTED,
        "clearance": Confidentiality.internal,
    }
    return ToolFacts(**(values | parts))
