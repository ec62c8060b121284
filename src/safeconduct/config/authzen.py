"""Who may ask for decisions over the Authorization API (OpenID AuthZEN 1.0), and about what."""

from __future__ import annotations

from typing import Literal

import msgspec

from safeconduct.config.names import SpiffeId


class Drafts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Profiles of AuthZEN that are no standards yet, each spoken as the draft that is named here.

    `coaz_mcp` decides messages of MCP, `access_request` says how to ask for a person's yes, and
    `obligations` tells what a permit obliges to.
    """

    coaz_mcp: Literal["draft-1"] | None = None
    access_request: Literal["draft-1"] | None = None
    obligations: Literal["draft-1"] | None = None


class AuthzenBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`callers` are the enforcement points. `bundle` is for what is no message of MCP."""

    callers: tuple[SpiffeId, ...]
    bundle: str | None = None
    drafts: Drafts = Drafts()
