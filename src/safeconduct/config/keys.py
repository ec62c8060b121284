"""Whose public keys are believed, from where, and for how long: what trust domains, user issuers,
front ends and user devices have in common.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Algorithm = Literal["ES256", "Ed25519", "RS256", "PS256"]
Algorithms = Annotated[tuple[Algorithm, ...], Meta(min_length=1)]


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said about any source of public keys.

    `algorithms` are what the issuer signs with. Keys that are fetched come from a server whose
    certificate is checked against the system's authorities, or those in the file `ca`; what was not
    heard of for `max_stale_s` is not believed any longer.
    """

    algorithms: Algorithms = ("ES256", "Ed25519")
    ca: str | None = None
    max_stale_s: Annotated[int, Meta(ge=60, le=86_400)] = 3600


class JwksRef(Keys, frozen=True, kw_only=True):
    """Public keys as a JWK Set (RFC 7517): the path of a file, or an https URL."""

    jwks: str


def is_url(where: str) -> bool:
    """Whether keys are fetched from there, instead of read from a file."""
    return "://" in where
