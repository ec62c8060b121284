"""Who vouches for users, what is believed of that, and what a task may ask of its user."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from safeconduct.config.clients import LoginBlock
from safeconduct.config.keys import Keys

Text = Annotated[str, Meta(min_length=1, max_length=1024)]

UserKind = Literal["person", "workflow", "service"]
"""Who a user is: a human being, something that runs by itself, or another system."""


class ClaimNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Under which names an issuer says things: `user` who it is, `jti` which token of theirs.

    The `email` of a user counts only when the issuer says that it was verified.
    """

    user: Text = "sub"
    jti: Text = "jti"
    tenant: Text = "tenant"
    groups: Text = "groups"
    acr: Text = "acr"
    amr: Text = "amr"
    auth_time: Text = "auth_time"
    device: Text = "device"


class UserIssuer(Keys, frozen=True, kw_only=True):
    """One issuer of users' tokens. Without `jwks` its keys are discovered (OpenID Connect).

    `audience` is what the `aud` claim must be. `required` claims must have exactly these values,
    such as the tenant at an issuer that serves many. `untyped` accepts tokens whose header has no
    `typ`, `id_jag` this issuer's identity assertion grants.
    """

    issuer: str
    audience: str
    jwks: str | None = None
    claims: ClaimNames = ClaimNames()
    required: dict[Text, Text] = msgspec.field(default_factory=dict[Text, Text])
    untyped: bool = False
    id_jag: bool = False


class Users(UserIssuer, frozen=True, kw_only=True):
    """Who vouches for users, and what each user is entitled to; `others` vouch for those users
    whose entry names them. With `login` people can sign in there from their programs.
    """

    entitlements: str
    login: LoginBlock | None = None
    others: tuple[UserIssuer, ...] = ()

    @property
    def issuers(self) -> tuple[UserIssuer, ...]:
        """All of them, the main one first."""
        return (self, *self.others)


class UserEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One user's entitlement: the scopes they may delegate at most.

    `issuer` vouches for this user and no other does, the main one when left out; `subject` is what
    that issuer calls them, the user's id when left out.
    """

    scopes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    kind: UserKind = "person"
    issuer: str | None = None
    subject: Text | None = None


class Requires(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold of the user for a task to start or to go on: one of each list, and a sign-in
    of at most `max_age_s` ago.
    """

    acr: tuple[Text, ...] = ()
    amr: tuple[Text, ...] = ()
    max_age_s: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None
    device: tuple[Text, ...] = ()
    groups: tuple[Text, ...] = ()
    kinds: tuple[UserKind, ...] = ()
