"""A company whose CRM takes a credential of some kind, and errands that lead there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.config.schema import Config, CredentialBlock
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import Errand
from safeconduct.secrets.tool_tokens import Sign
from tests.support.worlds import AGENT, USER, config

ISSUER: Final = "http://127.0.0.1:8700"
AUDIENCE: Final = "crm"
"""Where the agent's tool tokens may go."""

TOOL_TOKEN: Final = CredentialBlock(kind="tool-token", audience=AUDIENCE)


def with_credential(directory: Path, block: CredentialBlock) -> Config:
    """The company's configuration, with this credential for the CRM."""
    made = config(directory)
    upstreams = dict(made.root.upstreams)
    upstreams["crm"] = msgspec.structs.replace(upstreams["crm"], credential=block)
    return msgspec.structs.replace(
        made, root=msgspec.structs.replace(made.root, upstreams=upstreams)
    )


def errand(**changed: Any) -> Errand:
    """The user's task reads a case."""
    parts: dict[str, Any] = {
        "upstream": "crm",
        "method": "tools/call",
        "name": "get_case",
        "scopes": ("case:read",),
        "agent": AGENT,
        "user": USER,
        "task": "t_1",
        **changed,
    }
    return Errand(**parts)


def signer(key: PrivateKey) -> Sign:
    """Signs with a key, as the gateway does with its own."""

    def sign(claims: Mapping[str, Any], typ: str) -> str:
        return jose.sign(claims, key, typ)

    return sign


class Clock:
    """A clock that stands, until it is set."""

    def __init__(self, now_ms: int = 1_000_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
