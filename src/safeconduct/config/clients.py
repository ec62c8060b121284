"""Programs that people sign in with, instead of showing an SVID: desktop and web MCP clients."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1, max_length=1024)]


class LoginBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people sign in at the main issuer of users: by the authorization code flow of OpenID
    Connect, as the client whose id is the `audience` of their tokens.

    `secret` is a reference to that client's secret; without one it is a public client.
    """

    secret: str | None = None
    scope: Text = "openid"


class ClientBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One program, by its client id: which agent it is, and in tasks of which profile.

    A program whose id is the URL of a metadata document (OAuth Client ID Metadata Document) says
    itself where it may be sent back to, and its name; others have it said here.
    """

    agent: str
    profile: str
    redirect_uris: tuple[Text, ...] = ()
    name: Text | None = None
