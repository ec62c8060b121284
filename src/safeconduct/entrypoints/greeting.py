"""What the gateway says of itself: `initialize` before 2026-07-28, `server/discover` since."""

from __future__ import annotations

from typing import Final

from safeconduct import __version__
from safeconduct.core.calls import HANDSHAKE, REVISIONS
from safeconduct.entrypoints.envelope import OLDER
from safeconduct.entrypoints.wire import INVALID_PARAMS, Message, Rejected
from safeconduct.ports import JSON

_SERVER: Final = {"name": "safeconduct", "version": __version__}
_CAPABILITIES: Final = {
    "completions": {},
    "logging": {},
    "tools": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "prompts": {"listChanged": True},
}


def initialized(message: Message) -> JSON:
    """The result of `initialize`. A client that asks for a revision that is not spoken here is
    offered 2025-11-25. What it says of itself is not looked at, only what it can be asked.

    Raises:
        Rejected: -32602 without the three members that the schema demands.
    """
    asked = message.params.get("protocolVersion")
    others = (message.params.get("capabilities"), message.params.get("clientInfo"))
    if type(asked) is not str or any(type(other) is not dict for other in others):
        raise Rejected(
            INVALID_PARAMS,
            "initialize takes protocolVersion, capabilities and clientInfo.",
            request_id=message.id,
        )
    return {
        "protocolVersion": asked if asked in OLDER else HANDSHAKE,
        "capabilities": _CAPABILITIES,
        "serverInfo": _SERVER,
    }


def discovered() -> JSON:
    """The result of `server/discover`."""
    return {
        "supportedVersions": list(REVISIONS),
        "capabilities": _CAPABILITIES,
        "_meta": {"io.modelcontextprotocol/serverInfo": _SERVER},
    }
